//! What collecting gave: the books of objects and records, what could not be listed or taken, how far it is.

use std::sync::atomic::{AtomicU64, Ordering};

use assize_engine::coverage::Reason;

use super::Collector;
use super::batch::Delays;
use super::collected::Owed;
use super::problem::Problem;
use super::take::Missed;

/// Counts of objects: listed = taken + already there + failed + skipped + left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ObjectCounts {
    /// Seen in a listing, or owed from an earlier run.
    pub(crate) listed: u64,
    /// Fetched, kept and committed.
    pub(crate) taken: u64,
    /// In the ledger.
    pub(crate) already: u64,
    /// Could not be fetched.
    pub(crate) failed: u64,
    /// Not CloudTrail objects: markers and the like.
    pub(crate) skipped: u64,
    /// Not tried because the run was to stop.
    pub(crate) left: u64,
    /// Stored bytes of what was taken.
    pub(crate) stored_bytes: u64,
    /// Inflated bytes of what was taken.
    pub(crate) inflated_bytes: u64,
}

impl ObjectCounts {
    /// Whether the sum holds.
    pub(crate) fn balanced(&self) -> bool {
        self.listed == self.taken + self.already + self.failed + self.skipped + self.left
    }

    fn add(&mut self, other: ObjectCounts) {
        self.listed += other.listed;
        self.taken += other.taken;
        self.already += other.already;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.left += other.left;
        self.stored_bytes += other.stored_bytes;
        self.inflated_bytes += other.inflated_bytes;
    }
}

/// What collecting gave.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The books.
    pub(crate) objects: ObjectCounts,
    /// Records in what was taken.
    pub(crate) records: assize_engine::partial::RecordCounts,
    /// Prefixes that could not be listed: account, region, prefix, reason, message.
    pub(crate) unlisted: Vec<Unlisted>,
    /// Regions whose public keys CloudTrail did not give.
    pub(crate) without_keys: Vec<Unlisted>,
    /// What cannot be taken at face value beside objects and records; those are in the state.
    pub(crate) problems: Vec<Problem>,
    /// Objects that could not be taken in this run; a thousand of them.
    pub(crate) missed: Vec<Owed>,
    /// Why it stopped early, if so.
    pub(crate) stopped: Option<&'static str>,
    /// Days of the backlog that were not begun because of it, and one for the recent window.
    pub(crate) windows_left: usize,
    /// Longest delays of delivery.
    pub(crate) delays: Delays,
}

/// A prefix that could not be listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unlisted {
    /// Account.
    pub(crate) account: String,
    /// Region.
    pub(crate) region: String,
    /// `s3://bucket/prefix`.
    pub(crate) place: String,
    /// Why.
    pub(crate) reason: Reason,
    /// Why, in words.
    pub(crate) message: String,
}

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    /// First day of the window that is done, days since 1970.
    pub(crate) day: i64,
    /// Days of the backlog that remain.
    pub(crate) windows_left: usize,
    /// Objects taken so far.
    pub(crate) taken: u64,
    /// Stored bytes taken so far.
    pub(crate) stored_bytes: u64,
}

/// Counters that many tasks raise.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) listed: AtomicU64,
    pub(super) taken: AtomicU64,
    pub(super) already: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) skipped: AtomicU64,
    pub(super) left: AtomicU64,
    pub(super) stored_bytes: AtomicU64,
    pub(super) inflated_bytes: AtomicU64,
}

impl Counts {
    /// Raises one of them.
    pub(super) fn raise(&self, counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }

    fn into_inner(self) -> ObjectCounts {
        ObjectCounts {
            listed: self.listed.into_inner(),
            taken: self.taken.into_inner(),
            already: self.already.into_inner(),
            failed: self.failed.into_inner(),
            skipped: self.skipped.into_inner(),
            left: self.left.into_inner(),
            stored_bytes: self.stored_bytes.into_inner(),
            inflated_bytes: self.inflated_bytes.into_inner(),
        }
    }
}

impl Outcome {
    /// Adds what another part of the run gave.
    pub(crate) fn merge(&mut self, other: Outcome) {
        self.objects.add(other.objects);
        self.records.add(other.records);
        self.unlisted.extend(other.unlisted);
        self.without_keys.extend(other.without_keys);
        self.problems.extend(other.problems);
        self.missed.extend(other.missed);
        self.stopped = self.stopped.or(other.stopped);
        self.windows_left += other.windows_left;
        self.delays.merge(other.delays);
    }

    /// Adds the counts of a part that is done, and what it missed.
    pub(super) fn finish(&mut self, counts: Counts, missed: Vec<Missed>, collector: &Collector) {
        self.objects.add(counts.into_inner());
        if self.objects.left > 0 {
            self.stopped = self.stopped.or_else(|| collector.stop.reason(&collector.requests));
        }
        let room = 1_000_usize.saturating_sub(self.missed.len());
        self.missed.extend(missed.iter().take(room).map(|one| one.owed(collector)));
    }
}
