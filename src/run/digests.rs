//! The stage that checks digests: what runs collected against what AWS signed. A log object that a valid digest names and no
//! listing showed is asked for by name before it counts as missing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assize_bucket::{BucketError, Entry};
use futures::{StreamExt, stream};

use super::{Context, RunError};
use crate::collect::collected::Collected;
use crate::collect::take::Wanted;
use crate::collect::{self, Collector, Outcome};
use crate::digests::{self, Evidence, Found, Verified};
use crate::discover::Discovered;
use crate::report::words;
use crate::state::{Batch, State, View};
use crate::verify::keys::{self, PublicKeys};

/// Objects that are asked for at once.
const HEADS: usize = 32;
/// Most objects that a run asks for by name. More that a listing did not show are missing without being asked for.
const MAX_ASKED: usize = 1_000;

/// What earlier runs verified.
///
/// # Errors
/// The state cannot be read, or was written by a newer version.
pub(crate) async fn recall(view: &View) -> Result<Verified, RunError> {
    match view.current(digests::DOCUMENT).await? {
        Some(last) => Ok(Verified::read(last.value)?),
        None => Ok(Verified::default()),
    }
}

/// Checks what is new, and keeps what came of it.
pub(super) async fn verify(
    context: &Context<'_>,
    collector: &Collector,
    discovered: &Discovered,
    (state, collected): (&mut State, &mut Collected),
    outcome: &mut Outcome,
) -> Result<Verified, RunError> {
    let mut verified = recall(&state.view()).await?;
    let before = verified.clone();
    // A run that brought nothing new asks for the names of the keys alone.
    let (places, mut keys) = (keys::archived(&*context.audit).await?, PublicKeys::default());
    if digests::is_up_to_date(&state.view(), &verified, keys::distinct(&places)).await? {
        return Ok(verified);
    }
    keys.add_archived(&*context.audit, places).await?;
    let mut evidence = Evidence {
        keys: Arc::new(keys),
        collected: Arc::new(collected.clone()),
        unvalidated: Arc::new(unvalidated(discovered)),
        settle: collector.settle,
        threads: collector.judging.threads,
    };
    let mut found = digests::check(&state.view(), &evidence, &mut verified).await?;
    let there = ask(collector, &found).await;
    if !there.is_empty() {
        outcome.merge(collect::collect_named(collector, state, collected, there).await?);
        evidence.collected = Arc::new(collected.clone());
        found.days += digests::check(&state.view(), &evidence, &mut verified).await?.days;
    }
    if verified != before {
        let document = verified.document()?;
        let current = BTreeMap::from([(digests::DOCUMENT.to_owned(), document)]);
        state.commit(Batch { current, ..Batch::default() }).await?;
        (context.tell)(&format!("the digests of {} were checked", words::plural(found.days, "day", "days")));
    }
    Ok(verified)
}

/// Buckets in which a trail that writes no digests delivers.
fn unvalidated(discovered: &Discovered) -> BTreeSet<String> {
    let trails = discovered.seen.iter().flat_map(|seen| &seen.trails);
    trails.filter(|trail| !trail.log_file_validation).map(|trail| trail.bucket.clone()).collect()
}

/// Those of the absent objects that are there all the same.
async fn ask(collector: &Collector, found: &Found) -> Vec<Wanted> {
    if collector.stop.reason(&collector.requests).is_some() {
        return Vec::new();
    }
    let by_id = |bucket: &str| collector.sources.iter().position(|source| source.id.strip_prefix("s3://") == Some(bucket));
    let absent: Vec<(usize, String)> =
        found.absent.iter().filter_map(|(bucket, key)| Some((by_id(bucket)?, key.clone()))).take(MAX_ASKED).collect();
    let asking = absent.into_iter().map(async |(source, key)| {
        let bucket = &collector.sources.get(source)?.bucket;
        match bucket.head(&key).await {
            Ok(head) => {
                let entry = Entry { key, size: head.size, etag: Some(head.etag), storage_class: None };
                Wanted::of(source, entry).ok()
            }
            Err(BucketError::NotFound { .. }) => None,
            Err(error) => {
                tracing::warn!(key = %key.escape_debug(), "a digest names it, and it cannot be asked for: {error}");
                None
            }
        }
    });
    stream::iter(asking).buffered(HEADS).filter_map(async |one| one).collect().await
}
