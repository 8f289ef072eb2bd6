//! Where evidence is: an audit bucket, the bucket that CloudTrail writes to, or a folder with a copy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assize_bucket::{Bucket, BucketError};
use assize_engine::digest::{self, LogEntry};
use assize_engine::layout::{self, Folder, LogKey};
use futures::TryStreamExt;

use crate::state;

/// Seconds before its end in which a digest may name log objects; as a rule it is an hour.
const WINDOW: i64 = 2 * 86_400;

/// Where evidence is.
pub(crate) struct Vault {
    /// The bucket.
    pub(crate) bucket: Arc<dyn Bucket>,
    /// How its keys tell the original ones.
    pub(crate) layout: Layout,
}

/// How keys tell where CloudTrail put an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `evidence/PARTITION/BUCKET/KEY`, as Assize keeps it; what was replaced is at `KEY@SHA256`.
    Audit,
    /// The key itself.
    Original {
        /// The bucket.
        bucket: String,
        /// What keys begin with that are looked at.
        prefix: String,
    },
    /// The key itself, in a bucket that is not known: a digest says which.
    Copy,
}

/// An object of a chain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stored {
    /// Its key in the vault; empty if only the ledger tells of it, because it is read in place.
    pub(crate) key: String,
    /// Stored bytes.
    pub(crate) size: u64,
    /// The key that CloudTrail gave it.
    pub(crate) original: String,
    /// The time in its name, seconds since 1970 UTC.
    pub(crate) delivered: i64,
}

/// What tells chains apart: every trail has one for each account and region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChainName {
    /// The original bucket; empty if it is not known.
    pub(crate) bucket: String,
    /// What stands before the account in the key.
    pub(crate) root: String,
    /// The account.
    pub(crate) account: String,
    /// The region.
    pub(crate) region: String,
    /// Name and home region of the trail as the digest's key has them: `management-events_us-east-1`.
    pub(crate) trail: String,
}

/// Log objects by what their keys tell: bucket, root, account, region.
pub(crate) type Cell = (String, String, String, String);

/// Everything that a verification looks at.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// Digests by chain; those that were backfilled have a chain of their own.
    pub(crate) chains: BTreeMap<ChainName, Vec<Stored>>,
    /// Log objects by the place that they were delivered to.
    pub(crate) logs: BTreeMap<Cell, Vec<Stored>>,
}

/// Which objects are looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choice {
    /// First second of delivery.
    pub(crate) since: Option<i64>,
    /// First second after it.
    pub(crate) until: Option<i64>,
    /// Accounts; none: all.
    pub(crate) accounts: Vec<String>,
    /// For a part of an audit bucket: what else is known of the log objects that digests name.
    pub(crate) elsewhere: Option<Elsewhere>,
}

/// Log objects that a run judged and that are not in the part of its audit bucket that is looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Elsewhere {
    /// SHA-256 of their inflated bytes, by bucket and key.
    pub(crate) hashes: BTreeMap<(String, String), BTreeSet<String>>,
    /// Days of listing (days since 1970 UTC) of which the run listed its objects: of others nothing is known.
    pub(crate) days: std::ops::Range<i64>,
    /// Up to where digests were due when the run judged, seconds since 1970 UTC: chains end at different minutes.
    pub(crate) horizon: Option<i64>,
}

impl Elsewhere {
    /// Whether a log object that a digest names is accounted for without being looked at.
    pub(crate) fn accounts_for(&self, entry: &LogEntry) -> bool {
        match self.hashes.get(&entry.place) {
            Some(hashes) => hashes.contains(&entry.hash),
            None => layout::parse(&entry.place.1).is_ok_and(|key| !self.days.contains(&key.day)),
        }
    }
}

impl Choice {
    /// Whether an object is looked at, if only because a digest of the time may name it.
    pub(super) fn admits(&self, key: &LogKey<'_>) -> bool {
        let before = if key.folder == Folder::Digest { 0 } else { WINDOW };
        self.since.is_none_or(|since| key.delivered >= since - before)
            // A digest comes after the hour that it covers, and so do the last logs of it.
            && self.until.is_none_or(|until| key.delivered < until + 2 * 3_600)
            && (self.accounts.is_empty() || self.accounts.iter().any(|account| account == key.account))
    }

    /// Whether a log object was delivered in the time itself.
    pub(super) fn asks_for(&self, log: &Stored) -> bool {
        self.since.is_none_or(|since| log.delivered >= since) && self.until.is_none_or(|until| log.delivered < until)
    }
}

impl Vault {
    /// Lists digests and log objects.
    ///
    /// # Errors
    /// The listing fails: what it did not come to would look as if it were missing.
    pub(crate) async fn list(&self, choice: &Choice) -> Result<Listed, BucketError> {
        let prefix = match &self.layout {
            Layout::Audit => "evidence/",
            Layout::Original { prefix, .. } => prefix,
            Layout::Copy => "",
        };
        let mut entries = self.bucket.list(prefix, None);
        let mut listed = Listed::default();
        while let Some(entry) = entries.try_next().await? {
            self.sort(entry.key, entry.size, choice, &mut listed);
        }
        Ok(listed)
    }

    fn sort(&self, key: String, size: u64, choice: &Choice, listed: &mut Listed) {
        let Some((bucket, original)) = self.original(&key) else { return };
        listed.put(bucket, original, (key.clone(), size), choice);
    }

    /// Bucket (empty: not known) and key that CloudTrail gave.
    fn original<'k>(&'k self, key: &'k str) -> Option<(&'k str, &'k str)> {
        match &self.layout {
            Layout::Original { bucket, .. } => Some((bucket, key)),
            Layout::Copy => Some(("", key)),
            Layout::Audit => state::original_place(key).map(|(bucket, original, _)| (bucket, original)),
        }
    }
}

impl Listed {
    /// Adds an object, if it is one of CloudTrail's and of the choice.
    pub(super) fn put(&mut self, bucket: &str, original: &str, (key, size): (String, u64), choice: &Choice) {
        let Ok(parsed) = layout::parse(original) else { return };
        if !choice.admits(&parsed) {
            return;
        }
        let (root, account, region) = (parsed.root.to_owned(), parsed.account.to_owned(), parsed.region.to_owned());
        let stored = Stored { original: original.to_owned(), delivered: parsed.delivered, key, size };
        match parsed.folder {
            Folder::Digest => {
                let Some(trail) = trail_of(original) else { return };
                let name = ChainName { bucket: bucket.to_owned(), root, account, region, trail };
                self.chains.entry(name).or_default().push(stored);
            }
            _ => self.logs.entry((bucket.to_owned(), root, account, region)).or_default().push(stored),
        }
    }
}

/// `TRAIL_HOMEREGION`, with `_backfill` behind it for those chains.
fn trail_of(key: &str) -> Option<String> {
    let found = digest::trail_of(key)?;
    Some(if found.backfill { format!("{}_backfill", found.trail) } else { found.trail.to_owned() })
}

#[cfg(test)]
mod tests {
    use assize_bucket::Memory;

    use super::*;

    #[test]
    fn keys_tell_the_chain_and_the_original_place() {
        let vault = Vault { bucket: Arc::new(Memory::default()), layout: Layout::Audit };
        let mut listed = Listed::default();
        let digest = "AWSLogs/o-abcdefghij/111122223333/CloudTrail-Digest/eu-west-1/2026/11/22/\
                      111122223333_CloudTrail-Digest_eu-west-1_a.trail_of-ours_us-east-1_20261122T080131Z";
        let hash = "a".repeat(64);
        for end in [".json.gz".to_owned(), format!(".json.gz@{hash}"), "_backfill.json.gz".to_owned()] {
            vault.sort(format!("evidence/aws/logs/{digest}{end}"), 1, &Choice::default(), &mut listed);
        }
        vault.sort("evidence/_keys/eu-west-1/ab.der".to_owned(), 1, &Choice::default(), &mut listed);
        let trails: Vec<_> = listed.chains.iter().map(|(name, found)| (name.trail.as_str(), found.len())).collect();
        assert_eq!(trails, [("a.trail_of-ours_us-east-1", 2), ("a.trail_of-ours_us-east-1_backfill", 1)]);
        let name = listed.chains.keys().next().unwrap();
        assert_eq!((name.bucket.as_str(), name.root.as_str()), ("logs", "AWSLogs/o-abcdefghij/"));
        let early = Choice { until: Some(0), ..Choice::default() };
        let mut none = Listed::default();
        vault.sort(format!("evidence/aws/logs/{digest}.json.gz"), 1, &early, &mut none);
        assert!(none.chains.is_empty());
    }
}
