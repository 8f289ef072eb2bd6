//! Objects in an archive class cannot be read until somebody restores them. They are owed, and a listing of the day that they
//! lie in tells when they can be: one request a day and prefix, none for the objects themselves.

use std::collections::BTreeMap;

use assize_bucket::{BucketError, Entry};
use futures::{StreamExt, TryStreamExt, stream};

use super::take::Wanted;
use super::{Collector, LISTINGS};

/// Looks at owed objects that were archived: each comes back with its storage class as it is now. One that has gone is asked
/// for, which says so.
pub(super) async fn look(collector: &Collector, owed: Vec<Wanted>) -> Vec<Wanted> {
    let mut folders: BTreeMap<(usize, String), BTreeMap<String, Wanted>> = BTreeMap::new();
    for wanted in owed {
        let folder = wanted.key.rsplit_once('/').map_or_else(String::new, |(folder, _)| format!("{folder}/"));
        folders.entry((wanted.source, folder)).or_default().insert(wanted.key.clone(), wanted);
    }
    let looked = stream::iter(folders).map(async |((source, folder), mut wanted)| {
        if collector.stop.reason(&collector.requests).is_some() {
            return wanted.into_values().collect();
        }
        if let Err(error) = listed(collector, source, &folder, &mut wanted).await {
            // They are asked for, and the answer says what is wrong.
            tracing::debug!(%error, folder = %folder.escape_debug(), "archived objects cannot be looked at");
        }
        wanted.into_values().collect::<Vec<_>>()
    });
    looked.buffer_unordered(LISTINGS).concat().await
}

async fn listed(
    collector: &Collector,
    source: usize,
    folder: &str,
    wanted: &mut BTreeMap<String, Wanted>,
) -> Result<(), BucketError> {
    let mut entries = collector.source(source).bucket.list(folder, None);
    while let Some(entry) = entries.try_next().await? {
        if let Some(one) = wanted.get_mut(&entry.key) {
            one.archived = entry.archived().map(str::to_owned);
            let Entry { size, etag, .. } = entry;
            (one.size, one.etag) = (size, etag.map(|etag| etag.as_str().to_owned()));
        }
    }
    Ok(())
}
