//! Brings what the sources hold into the audit bucket: lists, takes what the ledger does not have, evaluates the same
//! bytes, and commits batch by batch. Knows buckets, not AWS.
//!
//! Two sides work at once: one lists and fetches, the other evaluates and commits. What is between them is bounded, so
//! memory does not grow with the number of objects.

mod archive;
pub(crate) mod backfill;
pub(crate) mod batch;
mod behind;
pub(crate) mod changes;
pub(crate) mod collected;
pub(crate) mod kept;
pub(crate) mod meter;
mod outcome;
pub(crate) mod own_calls;
pub(crate) mod plan;
pub(crate) mod problem;
pub(crate) mod recording;
mod stop;
pub(crate) mod take;
pub(crate) mod timeline;
mod transfer;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use assize_bucket::{Bucket, BucketError};
use assize_engine::coverage::Reason;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc;

use crate::config::RelistConfig;
use crate::state::{Batch, KeyStatus, Ledger, State, StateError};
use batch::Judging;
use collected::{Collected, CollectedError, MAX_OWED, Owed};
use meter::Requests;
use outcome::Counts;
pub(crate) use outcome::{ObjectCounts, Outcome, Progress, Unlisted};
use plan::{Backlog, Listing, Place, Window};
pub(crate) use stop::Stop;
use take::{Classify, Missed, Source, Taken, Wanted};
use transfer::{BATCH_OBJECTS, commit, transfer};

/// Listings under way at once.
const LISTINGS: usize = 32;
/// The document with the problems of a batch.
pub(crate) const PROBLEMS: &str = "problems";

/// Why collecting cannot go on. What is wrong with a source is no error but an outcome.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectError {
    /// The audit bucket.
    #[error(transparent)]
    State(#[from] StateError),
    /// What earlier runs left.
    #[error(transparent)]
    Collected(#[from] CollectedError),
}

/// What collecting works with.
pub(crate) struct Collector {
    /// The buckets that are read.
    pub(crate) sources: Arc<Vec<Source>>,
    /// Where in them the accounts in scope are.
    pub(crate) places: Vec<Place>,
    /// The audit bucket.
    pub(crate) audit: Arc<dyn Bucket>,
    /// Policies and limits.
    pub(crate) judging: Arc<Judging>,
    /// Names of the policies' evaluations; see [`State::commit`].
    pub(crate) policy_hashes: Vec<String>,
    /// How a failure of a bucket is named.
    pub(crate) classify: Arc<Classify>,
    /// Requests so far, of all buckets.
    pub(crate) requests: Arc<Requests>,
    /// When to stop.
    pub(crate) stop: Arc<Stop>,
    /// The schedule.
    pub(crate) relist: RelistConfig,
    /// Objects fetched at once.
    pub(crate) concurrency: usize,
    /// First day that is judged, days since 1970.
    pub(crate) first_day: i64,
    /// Seconds after which an hour's events count as delivered.
    pub(crate) settle: i64,
    /// Whether it is for a part of the accounts: then nothing it does counts as done for all.
    pub(crate) partial: bool,
    /// The accounts of a shard: it writes of these alone.
    pub(crate) shard: Option<BTreeSet<String>>,
}

/// Collects: what is owed from earlier runs first, then the recent window, then the days before it, newest first.
///
/// # Errors
/// The audit bucket fails or another run took over. Everything committed until then stays.
pub(crate) async fn collect(
    collector: &Collector,
    state: &mut State,
    collected: &mut Collected,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Outcome, CollectError> {
    let today = collector.judging.as_of.div_euclid(86_400);
    let reach = plan::reach(collector.relist, collected, today);
    // Days before the first one that anybody collected are not history that was asked for.
    let earliest = collected.first_day().unwrap_or(collector.first_day).min(collector.first_day);
    let recent = (today + 1 - i64::from(reach.max(1))).max(earliest);
    let cells: BTreeSet<(&str, &str)> = collector.cells().collect();
    let lacks = |day: i64| cells.iter().any(|(account, region)| !collected.has_day(account, region, day));
    let mut backlog = Backlog::new(collector.first_day, today, lacks);
    let mut outcome = Outcome::default();
    let mut tried = HashSet::new();
    owed(collector, state, collected, &mut outcome, &mut tried).await?;
    let mut next = Some(Window::From(recent.min(today)));
    while let Some(window) = next {
        if let Some(why) = collector.stop.reason(&collector.requests) {
            (outcome.stopped, outcome.windows_left) = (Some(why), backlog.left() + 1);
            break;
        }
        let before = outcome.objects.listed;
        one_window(collector, state, collected, (&window, today), &mut outcome, &tried).await?;
        let ObjectCounts { taken, stored_bytes, listed, .. } = outcome.objects;
        progress(Progress { day: window.first(), windows_left: backlog.left(), taken, stored_bytes });
        // The recent window says nothing of a day in the backlog.
        next = backlog.next(matches!(window, Window::Days(_)).then_some(listed - before));
    }
    if outcome.stopped.is_none() {
        if !collector.partial {
            collected.list_until((collector.judging.as_of - collector.settle).div_euclid(3600));
            collected.daily = (reach >= collector.relist.daily).then_some(today).max(collected.daily);
            collected.weekly = (reach >= collector.relist.weekly).then_some(today).max(collected.weekly);
        }
        state.commit(documents(collector, collected)?).await?;
    }
    Ok(outcome)
}

/// Takes exactly these objects, as a queue named them.
///
/// # Errors
/// As [`collect`].
pub(crate) async fn collect_named(
    collector: &Collector,
    state: &mut State,
    collected: &mut Collected,
    named: Vec<Wanted>,
) -> Result<Outcome, CollectError> {
    let mut outcome = Outcome::default();
    explicit(collector, state, collected, named, &mut outcome).await?;
    Ok(outcome)
}

/// Takes what earlier runs could not, and lists nothing.
///
/// # Errors
/// As [`collect`].
pub(crate) async fn collect_owed(
    collector: &Collector,
    state: &mut State,
    collected: &mut Collected,
) -> Result<Outcome, CollectError> {
    let mut outcome = Outcome::default();
    owed(collector, state, collected, &mut outcome, &mut HashSet::new()).await?;
    Ok(outcome)
}

impl Collector {
    /// Accounts and regions that have a place.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (&str, &str)> {
        self.places.iter().flat_map(|place| place.regions.iter().map(|region| (place.account.as_str(), region.as_str())))
    }

    fn source(&self, index: usize) -> &Source {
        self.sources.get(index).expect("places and what they hold name sources of this collector")
    }
}

/// A commit of nothing but what was collected.
///
/// # Errors
/// It cannot be written as JSON.
pub(crate) fn documents(collector: &Collector, collected: &mut Collected) -> Result<Batch, CollectError> {
    collected.stamp(collector.judging.as_of);
    collected.delayed(collector.settle);
    Ok(match &collector.shard {
        None => {
            let current = BTreeMap::from([(collected::DOCUMENT.to_owned(), collected.document()?)]);
            Batch { current, ..Batch::default() }
        }
        Some(accounts) => {
            let own = collected.only(accounts).document()?;
            Batch { documents: BTreeMap::from([(collected::SHARD_DOCUMENT.to_owned(), own)]), ..Batch::default() }
        }
    })
}

/// Evaluates and commits objects that were kept already.
///
/// # Errors
/// As [`collect`].
pub(crate) async fn keep_taken(
    collector: &Collector,
    state: &mut State,
    collected: &mut Collected,
    taken: Vec<Taken>,
) -> Result<Outcome, CollectError> {
    let (counts, mut outcome) = (Counts::default(), Outcome::default());
    counts.raise(&counts.listed, taken.len() as u64);
    let (sender, receiver) = mpsc::channel(1);
    let sending = async {
        let mut taken = taken.into_iter().peekable();
        while taken.peek().is_some() {
            let batch: Vec<Taken> = taken.by_ref().take(BATCH_OBJECTS).collect();
            if sender.send(batch).await.is_err() {
                break;
            }
        }
        drop(sender);
    };
    let ((), committed) = futures::join!(sending, commit(collector, state, collected, receiver, &counts, &mut outcome));
    committed?;
    outcome.finish(counts, Vec::new(), collector);
    Ok(outcome)
}

/// What earlier runs could not take.
async fn owed(
    collector: &Collector,
    state: &mut State,
    collected: &mut Collected,
    outcome: &mut Outcome,
    tried: &mut HashSet<(usize, String)>,
) -> Result<(), CollectError> {
    let by_id: BTreeMap<&str, usize> =
        collector.sources.iter().enumerate().map(|(index, source)| (source.id.as_str(), index)).collect();
    let wanted = |owed: &Owed| by_id.get(owed.source.as_str()).and_then(|&source| Wanted::owed(source, owed).ok());
    let (archived, others): (Vec<&Owed>, Vec<&Owed>) =
        collected.owed.iter().partition(|owed| owed.reason == Reason::Archived.code());
    let mut again: Vec<Wanted> = others.into_iter().filter_map(wanted).collect();
    again.extend(archive::look(collector, archived.into_iter().filter_map(wanted).collect()).await);
    // What a shard took and could not be adopted is taken again, whether a listing names it or not.
    for row in state.view().to_retake(&mut Ledger::default()).await? {
        let Some(&source) = by_id.get(row.source.as_str()) else { continue };
        let etag = (!row.etag.is_empty()).then(|| assize_bucket::Etag::new(row.etag));
        let entry = assize_bucket::Entry { key: row.key, size: row.size, etag, storage_class: None };
        again.extend(Wanted::of(source, entry));
    }
    if again.is_empty() {
        return Ok(());
    }
    tried.extend(again.iter().map(|wanted| (wanted.source, wanted.key.clone())));
    explicit(collector, state, collected, again, outcome).await
}

/// Objects that are named, not listed.
async fn explicit(
    collector: &Collector,
    state: &mut State,
    collected: &mut Collected,
    named: Vec<Wanted>,
    outcome: &mut Outcome,
) -> Result<(), CollectError> {
    let days: BTreeSet<i64> = named.iter().map(|wanted| wanted.day).collect();
    let mut ledger = state.view().ledger(days).await?;
    let counts = Counts::default();
    let mut wanted = Vec::new();
    for one in named {
        counts.raise(&counts.listed, 1);
        let version = one.version(collector.source(one.source));
        // Named twice, fetched once.
        match ledger.take(&version) {
            KeyStatus::Known => counts.raise(&counts.already, 1),
            status => wanted.push(Wanted { replaced: status == KeyStatus::OtherVersion, ..one.clone() }),
        }
    }
    let (taken, missed) = transfer(collector, state, collected, stream::iter(wanted).boxed(), &counts, outcome).await?;
    settle_owed(collected, &taken, &missed, collector);
    outcome.finish(counts, missed, collector);
    state.commit(documents(collector, collected)?).await?;
    Ok(())
}

/// One window: all of its prefixes listed, and what is new in them taken.
async fn one_window(
    collector: &Collector,
    state: &mut State,
    collected: &mut Collected,
    (window, today): (&Window, i64),
    outcome: &mut Outcome,
    tried: &HashSet<(usize, String)>,
) -> Result<(), CollectError> {
    let lacks = |account: &str, region: &str, day: i64| !collected.has_day(account, region, day);
    let listings = plan::listings(&collector.places, window, (collector.first_day, today), lacks);
    if listings.is_empty() {
        // The recent window reached as far.
        return Ok(());
    }
    // Keys may be dated a little in the future; what is dated farther is sorted afterwards.
    let days = match window {
        Window::From(day) => *day..today + 3,
        Window::Days(days) => days.clone(),
    };
    let ledger = state.view().ledger(days).await?;
    let counts = Counts::default();
    let later = Mutex::new(Vec::new());
    let listed =
        stream::iter(listings).map(|listing| list(collector, &ledger, tried, listing, &counts)).buffer_unordered(LISTINGS);
    let done = Mutex::new(Vec::new());
    let wanted = listed.flat_map(|listed| {
        let Listed { listing, wanted, mut unsorted, failure } = listed;
        done.lock().unwrap_or_else(PoisonError::into_inner).push((listing, failure));
        later.lock().unwrap_or_else(PoisonError::into_inner).append(&mut unsorted);
        stream::iter(wanted)
    });
    let (taken, missed) = transfer(collector, state, collected, wanted.boxed(), &counts, outcome).await?;
    settle_owed(collected, &taken, &missed, collector);
    let whole = counts.left.load(Ordering::Relaxed) == 0 && collected.owed.len() < MAX_OWED;
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    mark(collector, collected, (window, whole), done, outcome);
    outcome.finish(counts, missed, collector);
    let later = later.into_inner().unwrap_or_else(PoisonError::into_inner);
    if !later.is_empty() {
        return explicit(collector, state, collected, later, outcome).await;
    }
    state.commit(documents(collector, collected)?).await?;
    Ok(())
}

struct Listed {
    listing: Listing,
    wanted: Vec<Wanted>,
    /// Of days whose ledger was not loaded.
    unsorted: Vec<Wanted>,
    failure: Option<BucketError>,
}

/// Lists one prefix and keeps what the ledger does not have.
async fn list(
    collector: &Collector,
    ledger: &Ledger,
    tried: &HashSet<(usize, String)>,
    listing: Listing,
    counts: &Counts,
) -> Listed {
    let source = collector.source(listing.source);
    let mut entries = source.bucket.list(&listing.prefix, listing.start_after.as_deref());
    let (mut wanted, mut unsorted, mut failure) = (Vec::new(), Vec::new(), None);
    loop {
        let entry = match entries.try_next().await {
            Ok(Some(entry)) => entry,
            Ok(None) => break,
            Err(error) => {
                failure = Some(error);
                break;
            }
        };
        if listing.until.as_ref().is_some_and(|until| entry.key >= *until) {
            break;
        }
        if tried.contains(&(listing.source, entry.key.clone())) {
            continue;
        }
        let Ok(one) = Wanted::of(listing.source, entry) else {
            counts.raise(&counts.listed, 1);
            counts.raise(&counts.skipped, 1);
            continue;
        };
        match ledger.status(&one.version(source)) {
            // It is counted when it is sorted.
            KeyStatus::NotLoaded => unsorted.push(one),
            status => {
                counts.raise(&counts.listed, 1);
                match status {
                    KeyStatus::Known => counts.raise(&counts.already, 1),
                    status => wanted.push(Wanted { replaced: status == KeyStatus::OtherVersion, ..one }),
                }
            }
        }
    }
    drop(entries);
    Listed { listing, wanted, unsorted, failure }
}

/// What was taken is owed no more; what was missed is, since it was first missed.
fn settle_owed(collected: &mut Collected, taken: &BTreeSet<(String, String)>, missed: &[Missed], collector: &Collector) {
    let again: BTreeSet<(String, String)> =
        missed.iter().map(|one| (collector.source(one.wanted.source).id.clone(), one.wanted.key.clone())).collect();
    collected.owed.retain(|owed| {
        let key = (owed.source.clone(), owed.key.clone());
        !taken.contains(&key) && !again.contains(&key)
    });
    let room = MAX_OWED.saturating_sub(collected.owed.len());
    collected.owed.extend(missed.iter().take(room).map(|one| one.owed(collector)));
    collected.owed.sort();
}

/// Notes for each cell what of it was listed, if all of its prefixes were.
fn mark(
    collector: &Collector,
    collected: &mut Collected,
    (window, whole): (&Window, bool),
    done: Vec<(Listing, Option<BucketError>)>,
    outcome: &mut Outcome,
) {
    let mut failed = BTreeSet::new();
    for (listing, failure) in &done {
        let Some(error) = failure else { continue };
        failed.insert((listing.account.as_str(), listing.region.as_str()));
        let reason = (collector.classify)(error);
        let place = format!("{}/{}", collector.source(listing.source).id, listing.prefix);
        let (account, region, message) = (listing.account.clone(), listing.region.clone(), error.to_string());
        outcome.unlisted.push(Unlisted { account, region, place, reason, message });
    }
    if !whole {
        return;
    }
    let settled = (collector.judging.as_of - collector.settle).div_euclid(3600);
    for (listing, _) in &done {
        let (account, region) = (listing.account.as_str(), listing.region.as_str());
        if !listing.proves || failed.contains(&(account, region)) {
            continue;
        }
        let hours = match window {
            Window::From(day) => listing.from.unwrap_or(*day) * 24..settled,
            // Events of a day's last hour are delivered on the next day too.
            Window::Days(days) if collected.has(account, region, days.end * 24..days.end * 24 + 1) => {
                days.start * 24..days.end * 24
            }
            Window::Days(days) => days.start * 24..days.end * 24 - 1,
        };
        collected.taken(account, region, hours);
    }
}

#[cfg(test)]
mod tests;
