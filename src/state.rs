//! The state of a collector in the audit bucket: what was taken, and what evaluating it gave.
//!
//! Segments are immutable and one head names those that count; every change of the head is conditional on the version
//! before it. So a batch counts as a whole or not at all whatever moment a crash picks, and a run that another has
//! overtaken cannot write any more. `docs/state.md` has the format and the argument.

mod batch;
mod compact;
mod entry;
mod error;
mod evidence;
mod head;
mod keys;
mod ledger;
mod read;
mod results;
mod row;
mod segment;
mod session_row;
mod shard;
mod stored_partial;
mod view;

#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use assize_bucket::{Bucket, BucketError, Metadata, PutCondition, PutOutcome};
use serde_json::{Value, json};

use compact::Tiers;
use head::{Head, Stored, Writer};
use read::Segments;
use segment::{FOLDER, Origin};

pub(crate) use batch::Batch;
pub(crate) use compact::Compaction;
pub(crate) use error::{StateError, blocking};
pub(crate) use evidence::{Kept, evidence_key, hex, keep, original_place, sha256, split_change, store};
pub(crate) use ledger::{KeyStatus, Ledger};
pub(crate) use row::{DigestRow, LedgerRow, Listed, RowStatus};
pub(crate) use session_row::WantedSessions;
pub(crate) use shard::Shard;
pub(crate) use view::View;
#[cfg(test)]
use {batch::Document, results::HourResults, row::RowRecords, view::Items};

/// Attempts at a write that meets another one under way.
const ATTEMPTS: u32 = 8;

/// The longest run id. It is part of keys.
const MAX_RUN_ID: usize = 100;

/// Which run this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunIdentity {
    /// Letters, digits, `.`, `_` and `-`; at most 100; a new one for every run.
    pub(crate) run_id: String,
    /// The run's time, seconds since 1970 UTC.
    pub(crate) as_of: i64,
    /// Version of Assize.
    pub(crate) tool: String,
}

/// A run that began and did not finish, found by a later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AbandonedRun {
    /// Its id.
    pub(crate) run_id: String,
    /// Its time, seconds since 1970 UTC.
    pub(crate) as_of: i64,
}

/// The state, held by one run that may change it until another takes over.
pub(crate) struct State {
    bucket: Arc<dyn Bucket>,
    segments: Arc<Segments>,
    run: RunIdentity,
    shard: Option<Shard>,
    stored: Stored,
    /// For a shard: the main head as it was when the run began.
    main: Option<Head>,
    abandoned: Vec<AbandonedRun>,
    /// Number of the next segment of this run.
    next: u64,
    tiers: Tiers,
    /// A head was sent, and whether it was stored is not known.
    unsettled: bool,
}

impl State {
    /// Takes the state over for a run. A run that had it is fenced: whatever it writes from here on fails.
    ///
    /// The newest run wins, and none waits for another: after a crash the next run starts at once, and every batch that was
    /// committed is kept anyway. A run without a shard also adopts what shards have committed. A shard's run takes over its
    /// own part only.
    ///
    /// # Errors
    /// The bucket fails; a head is damaged or newer; the run id is no such id, or was used before.
    pub(crate) async fn open(bucket: Arc<dyn Bucket>, run: RunIdentity, shard: Option<Shard>) -> Result<State, StateError> {
        check_run_id(&run.run_id)?;
        if exists(&*bucket, &record_key(&run.run_id, shard)).await? {
            return Err(StateError::RunExists { run: run.run_id });
        }
        let (key, process) = (head_key(shard), process_mark());
        let RunIdentity { run_id, as_of, tool } = run.clone();
        let writer = Writer { run: run_id, as_of, tool, process };
        let stored = head::take_over(&*bucket, &key, &writer).await?;
        let main = match shard {
            Some(_) => head::read(&*bucket, head::MAIN).await?.map(|main| main.head),
            None => None,
        };
        let (abandoned, next, tiers, unsettled) = (Vec::new(), 1, compact::TIERS, false);
        let segments = Arc::new(Segments::new(Arc::clone(&bucket)));
        let mut state = State { bucket, segments, run, shard, stored, main, abandoned, next, tiers, unsettled };
        state.mark_abandoned().await?;
        if shard.is_none() {
            state.adopt().await?;
        }
        Ok(state)
    }

    /// Which run this is.
    #[cfg(test)]
    pub(crate) fn run(&self) -> &RunIdentity {
        &self.run
    }

    /// The runs that this one found unfinished. Each was marked by `runs/<run id>/abandoned.json`.
    pub(crate) fn abandoned(&self) -> &[AbandonedRun] {
        &self.abandoned
    }

    /// What is committed, this run's own batches included. For a shard: what the main head had when the run began, and
    /// what the shard has committed since.
    pub(crate) fn view(&self) -> View {
        let own = self.stored.head.segments.iter().filter(|segment| !self.is_adopted(segment.generation)).cloned();
        let main = self.main.iter().flat_map(|main| main.segments.clone());
        View::new(Arc::clone(&self.segments), main.chain(own).collect(), self.stored.head.set_aside.clone())
    }

    /// Commits a batch: all of it is state when this returns, or none of it. Then compacts what is due.
    ///
    /// # Errors
    /// [`StateError::Fenced`] if another run has taken over. After any other error of the bucket the run must end: whether
    /// the batch was stored is not known here, and the next run finds out. An error of compaction comes from a segment
    /// that cannot be read; the batch is committed all the same.
    pub(crate) async fn commit(&mut self, batch: Batch) -> Result<(), StateError> {
        self.check_settled()?;
        if batch.is_empty() {
            return Ok(());
        }
        let (origin, name, order) = (self.origin(), self.next_name(), (self.stored.head.epoch, self.next));
        let drafting = move || batch.draft(&origin, order)?.finish(name, 0);
        let (mut segment, bytes) = blocking("the writing of a segment", drafting).await?;
        put_segment(&*self.bucket, &segment.name, bytes).await?;
        let mut head = self.stored.head.next();
        segment.generation = head.generation;
        tracing::debug!(segment = segment.name, rows = segment.rows, bytes = segment.bytes, "batch committed");
        head.segments.push(segment);
        self.advance(head).await?;
        self.compact(Compaction::Due).await
    }

    /// Ends the run: writes its record to `runs/<run id>/run.json` (a shard's to `shard-<n>-of-<m>.json`), then a head in
    /// which no run is open.
    ///
    /// # Errors
    /// As [`State::commit`], and if there is another record of this run already.
    pub(crate) async fn finish(mut self, record: &Value) -> Result<(), StateError> {
        self.check_settled()?;
        let head_key = head_key(self.shard);
        let there = head::read(&*self.bucket, &head_key).await?;
        if let Some(there) = there.filter(|there| there.etag != self.stored.etag) {
            return Err(StateError::Fenced { run: self.run.run_id, by: there.head.writer.run });
        }
        let key = record_key(&self.run.run_id, self.shard);
        if !put_once(&*self.bucket, &key, &to_json(record)?).await? {
            return Err(StateError::RunExists { run: self.run.run_id });
        }
        let mut head = self.stored.head.next();
        head.open = false;
        self.advance(head).await
    }

    /// Writes the next version of the head. If it cannot be told what became of it, this run writes nothing more.
    async fn advance(&mut self, mut head: Head) -> Result<(), StateError> {
        head.segments.retain(|segment| !self.is_adopted(segment.generation));
        // First, because the future may be dropped on the way; then nothing is known either.
        self.unsettled = true;
        let advanced = head::advance(&*self.bucket, &head_key(self.shard), &self.stored, head).await;
        self.unsettled = !matches!(advanced, Ok(_) | Err(StateError::Fenced { .. }));
        self.stored = advanced?;
        Ok(())
    }

    fn check_settled(&self) -> Result<(), StateError> {
        if self.unsettled { Err(StateError::Unsettled { key: head_key(self.shard) }) } else { Ok(()) }
    }

    /// Marks the runs that were found open. The head remembers them until all are marked, whoever is killed in between.
    async fn mark_abandoned(&mut self) -> Result<(), StateError> {
        for Writer { run, as_of, tool, .. } in self.stored.head.unmarked.clone() {
            if exists(&*self.bucket, &record_key(&run, self.shard)).await? {
                // All it had left to do was to say so.
                continue;
            }
            let RunIdentity { run_id: found_by, as_of: found_at, .. } = &self.run;
            let mark =
                json!({"version": 1, "run": run, "as_of": as_of, "tool": tool, "found_by": found_by, "found_at": found_at});
            // Another run may have marked it before it was killed itself; its mark stays.
            put_once(&*self.bucket, &abandoned_key(&run, self.shard), &to_json(&mark)?).await?;
            tracing::info!(run, "an earlier run did not finish");
            self.abandoned.push(AbandonedRun { run_id: run, as_of });
        }
        Ok(())
    }

    /// The name of the next segment. No two are the same: each take-over of a head has an epoch of its own.
    fn next_name(&mut self) -> String {
        let (epoch, run, number) = (self.stored.head.epoch, &self.run.run_id, self.next);
        self.next += 1;
        match self.shard {
            None => format!("{FOLDER}{epoch:010}-{run}-{number:06}"),
            Some(shard) => format!("{FOLDER}{epoch:010}-{run}-{number:06}-shard-{shard}"),
        }
    }

    fn origin(&self) -> Origin {
        let RunIdentity { run_id, as_of, tool } = self.run.clone();
        Origin { run: run_id, as_of, tool }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let State { run, shard, stored, .. } = self;
        let generation = stored.head.generation;
        formatter
            .debug_struct("State")
            .field("run", run)
            .field("shard", shard)
            .field("generation", &generation)
            .finish_non_exhaustive()
    }
}

fn head_key(shard: Option<Shard>) -> String {
    shard.map_or_else(|| head::MAIN.to_owned(), Shard::head_key)
}

fn record_key(run: &str, shard: Option<Shard>) -> String {
    shard.map_or_else(|| format!("runs/{run}/run.json"), |shard| format!("runs/{run}/shard-{shard}.json"))
}

fn abandoned_key(run: &str, shard: Option<Shard>) -> String {
    shard.map_or_else(|| format!("runs/{run}/abandoned.json"), |shard| format!("runs/{run}/abandoned-shard-{shard}.json"))
}

/// Tells this process, and this opening in it, from others that were given the same run id. It is in the head only.
fn process_mark() -> String {
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}

/// Whether a text can be the id of a run.
///
/// # Errors
/// It holds what has no place in a key.
pub(crate) fn check_run_id(run: &str) -> Result<(), StateError> {
    let plain = run.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if plain && (1..=MAX_RUN_ID).contains(&run.len()) && !run.starts_with('.') {
        return Ok(());
    }
    let reason = format!("it must have 1 to {MAX_RUN_ID} letters, digits, `.`, `_` or `-`, and not begin with `.`");
    Err(StateError::invalid(format!("the run id `{}`", run.escape_debug()), reason))
}

/// The bytes of a run's record as [`State::finish`] writes them.
///
/// # Errors
/// Never in practice.
pub(crate) fn to_json(value: &Value) -> Result<Vec<u8>, StateError> {
    let mut bytes =
        serde_json::to_vec_pretty(value).map_err(|error| StateError::invalid("the record of a run", error.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

async fn exists(bucket: &dyn Bucket, key: &str) -> Result<bool, StateError> {
    match bucket.head(key).await {
        Ok(_) => Ok(true),
        Err(BucketError::NotFound { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Puts an object that is written once. Says whether these bytes are there now, by this put or an earlier one.
async fn put_once(bucket: &dyn Bucket, key: &str, bytes: &[u8]) -> Result<bool, StateError> {
    let mut lost = None;
    for _ in 0..ATTEMPTS {
        match bucket.put(key, bytes.to_vec(), Metadata::new(), PutCondition::IfAbsent).await {
            Ok(PutOutcome::Stored { .. }) => return Ok(true),
            Ok(PutOutcome::Conflict) => continue,
            Ok(PutOutcome::PreconditionFailed) => {}
            // The answer may have been lost and not the object.
            Err(error) => lost = Some(error),
        }
        return match (bucket.get(key, None).await, lost) {
            (Ok(there), None) => Ok(there.bytes == bytes),
            (Ok(there), Some(_)) if there.bytes == bytes => Ok(true),
            (_, Some(error)) | (Err(error), None) => Err(error.into()),
        };
    }
    Err(StateError::Contended { key: key.to_owned(), attempts: ATTEMPTS })
}

/// Puts a segment. Nothing else ever has its name.
async fn put_segment(bucket: &dyn Bucket, name: &str, bytes: Vec<u8>) -> Result<(), StateError> {
    if put_once(bucket, name, &bytes).await? {
        return Ok(());
    }
    Err(StateError::segment(name, "another object has the name of a segment that is being written"))
}
