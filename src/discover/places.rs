//! Finds where in a bucket the accounts are, by looking and not by configuration: organisation trails exist with, without
//! and with a doubled organisation id in their keys, and several organisations may share a bucket.

use std::collections::{BTreeMap, BTreeSet};

use assize_bucket::{Bucket, BucketError};
use assize_engine::coverage::Reason;
use assize_engine::layout::{self, Folder};
use futures::{StreamExt, TryStreamExt, stream};

use super::trails::Chosen;
use super::{Discovered, Opened, Trouble};
use crate::aws;
use crate::collect::plan::Place;
use crate::estate::Estate;

/// Accounts looked at at once.
const ACCOUNTS: usize = 16;
/// Most children of a prefix; more means that this is no bucket of trails.
const MAX_CHILDREN: usize = 20_000;

/// Finds the places of every account in scope; cells whose bucket cannot be read get the reason.
pub(crate) async fn find(opened: &[Opened], chosen: &Chosen, estate: &Estate, found: &mut Discovered) {
    let ids = estate.ids();
    let mut strangers = BTreeSet::new();
    for (index, opened) in opened.iter().enumerate() {
        let mut regions: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for ((account, region), trails) in &chosen.cells {
            if trails.iter().any(|trail| trail.bucket == index) {
                regions.entry(account).or_default().push(region.clone());
            }
        }
        let looked = match &opened.trouble {
            Some(trouble) => Err(trouble.clone()),
            None => accounts_in(opened)
                .await
                .map_err(|error| Trouble { reason: aws::bucket_reason(&error), message: error.to_string() }),
        };
        let accounts = match looked {
            Ok(accounts) => accounts,
            Err(trouble) => {
                for (account, regions) in &regions {
                    block(found, account, regions, &trouble);
                }
                continue;
            }
        };
        strangers.extend(accounts.iter().map(|(_, account)| account).filter(|account| !ids.contains(account.as_str())).cloned());
        let here: Vec<(String, String)> =
            accounts.into_iter().filter(|(_, account)| regions.contains_key(account.as_str())).collect();
        let bucket = &*opened.source.bucket;
        let folders: Vec<_> = stream::iter(here)
            .map(async |(root, account)| {
                let names = children(bucket, &format!("{root}{account}/")).await;
                (root, account, names)
            })
            .buffered(ACCOUNTS)
            .collect()
            .await;
        for (root, account, names) in folders {
            let Some(regions) = regions.get(account.as_str()) else { continue };
            match names {
                Err(error) => {
                    let trouble = Trouble { reason: aws::bucket_reason(&error), message: error.to_string() };
                    block(found, &account, regions, &trouble);
                }
                Ok(names) => {
                    let folders: Vec<Folder> = Folder::ALL.into_iter().filter(|folder| names.contains(folder.name())).collect();
                    found.places.push(Place { source: index, root, account, regions: regions.clone(), folders, empty: false });
                }
            }
        }
        // A trail that has delivered nothing has no folder. Its usual place is listed all the same, and nobody takes it for
        // a quiet account: the very calls that look into it would have been recorded.
        for (account, regions) in regions {
            if found.places.iter().all(|place| place.source != index || place.account != account) {
                let message = format!(
                    "nothing of this account has ever been delivered to {}; check that the trail records it and that the bucket's \
                     policy lets CloudTrail write there",
                    opened.source.id
                );
                block(found, account, &regions, &Trouble { reason: Reason::NoTrail, message });
                let prefix = opened.prefixes.first().filter(|prefix| !prefix.is_empty()).map(|prefix| format!("{prefix}/"));
                let root = format!("{}AWSLogs/", prefix.unwrap_or_default());
                let (account, folders) = (account.to_owned(), vec![Folder::CloudTrail]);
                found.places.push(Place { source: index, root, account, regions, folders, empty: true });
            }
        }
    }
    found.strangers = strangers.into_iter().collect();
}

fn block(found: &mut Discovered, account: &str, regions: &[String], trouble: &Trouble) {
    for region in regions {
        if let Some(cell) = found.cells.get_mut(&(account.to_owned(), region.clone())) {
            *cell = Some(trouble.clone());
        }
    }
}

/// The roots of a source and the accounts below them.
async fn accounts_in(opened: &Opened) -> Result<BTreeSet<(String, String)>, BucketError> {
    let bucket = &*opened.source.bucket;
    let mut found = BTreeSet::new();
    let mut starts: BTreeSet<String> =
        opened.prefixes.iter().map(|prefix| if prefix.is_empty() { String::new() } else { format!("{prefix}/") }).collect();
    if starts.contains("") {
        // Landing zones write below the organisation's id.
        let below = children(bucket, "o-").await?;
        starts.extend(
            below.into_iter().map(|rest| format!("o-{rest}")).filter(|id| layout::is_organisation(id)).map(|id| id + "/"),
        );
    }
    for start in starts {
        let logs = format!("{start}AWSLogs/");
        for child in children(bucket, &logs).await? {
            if layout::is_account(&child) {
                found.insert((logs.clone(), child));
            } else if layout::is_organisation(&child) {
                let root = format!("{logs}{child}/");
                let accounts = children(bucket, &root).await?;
                found.extend(accounts.into_iter().filter(|name| layout::is_account(name)).map(|name| (root.clone(), name)));
            }
        }
    }
    Ok(found)
}

/// The names between a prefix and the next slash, one request each: the listing is skipped past each name as soon as it is
/// known.
async fn children(bucket: &dyn Bucket, prefix: &str) -> Result<BTreeSet<String>, BucketError> {
    let mut names = BTreeSet::new();
    let mut after: Option<String> = None;
    while names.len() < MAX_CHILDREN {
        let mut entries = bucket.list(prefix, after.as_deref());
        let next = entries.try_next().await?;
        drop(entries);
        let Some(entry) = next else { break };
        let rest = entry.key.get(prefix.len()..).unwrap_or_default();
        match rest.split_once('/') {
            Some((name, _)) => {
                names.insert(name.to_owned());
                // `0` follows `/` in the order of keys.
                after = Some(format!("{prefix}{name}0"));
                // A name that itself begins with what follows would be skipped only if it equalled that text.
            }
            None => after = Some(entry.key),
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use assize_bucket::{Memory, Metadata, PutCondition};

    use super::*;
    use crate::collect::take::Source;
    use crate::config::Mode;

    async fn bucket(keys: &[&str]) -> Opened {
        let memory = Memory::new();
        for key in keys {
            memory.put(key, b"x".to_vec(), Metadata::new(), PutCondition::Always).await.unwrap();
        }
        let source = Source {
            bucket_name: "logs".to_owned(),
            id: "s3://logs".to_owned(),
            partition: "aws",
            bucket: Arc::new(memory),
            mode: Mode::Copy,
        };
        Opened { source, prefixes: vec![String::new()], trouble: None }
    }

    #[tokio::test]
    async fn every_layout_is_found_by_looking() {
        let opened = bucket(&[
            "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/22/a.json.gz",
            "AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2026/11/22/a.json.gz",
            "AWSLogs/111122223333/Config/x",
            "AWSLogs/o-abcdefghij/222233334444/CloudTrail/a",
            "AWSLogs/o-zzzzzzzzzz/333344445555/CloudTrail/a",
            "o-abcdefghij/AWSLogs/444455556666/Config/a",
            "o-abcdefghij/AWSLogs/o-abcdefghij/444455556666/CloudTrail/a",
            "other/thing",
        ])
        .await;
        let found = accounts_in(&opened).await.unwrap();
        let expected = [
            ("AWSLogs/", "111122223333"),
            ("AWSLogs/o-abcdefghij/", "222233334444"),
            ("AWSLogs/o-zzzzzzzzzz/", "333344445555"),
            ("o-abcdefghij/AWSLogs/", "444455556666"),
            ("o-abcdefghij/AWSLogs/o-abcdefghij/", "444455556666"),
        ];
        assert_eq!(found, expected.into_iter().map(|(root, account)| (root.to_owned(), account.to_owned())).collect());
        let folders = children(&*opened.source.bucket, "AWSLogs/111122223333/").await.unwrap();
        assert_eq!(folders.into_iter().collect::<Vec<_>>(), ["CloudTrail", "CloudTrail-Digest", "Config"]);
    }
}
