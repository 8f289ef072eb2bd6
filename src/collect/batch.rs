//! Evaluates a batch of objects on the processors, and makes of it what one commit holds: ledger rows and results.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use assize_engine::coverage::{Hours, Reason};
use assize_engine::evaluate::{Evaluation, ObjectName, Period};
use assize_engine::identity::SeenEntry;
use assize_engine::inflate::{self, Limits};
use assize_engine::partial::{ByHour, NO_HOUR};
use assize_engine::policy::Policy;
use assize_engine::record::AccountList;

use super::changes;
use super::own_calls::Heard;
use super::problem::Problem;
use super::take::{Signed, Source, Taken};
use super::timeline::Change;
use crate::scan::hashed::Hashed;
use crate::scan::object::{ObjectOutcome, Reader, Status};
use crate::scan::on_threads;
use crate::state::{self, DigestRow, LedgerRow, RowStatus, StateError};

/// What all batches of a run are evaluated with.
pub(crate) struct Judging {
    /// The policies, and behind them those that find changes of trails and calls of our own.
    pub(crate) policies: Vec<Policy>,
    /// How many of them are reported on.
    pub(crate) reported: usize,
    /// What is known of accounts.
    pub(crate) accounts: AccountList,
    /// Threads.
    pub(crate) threads: usize,
    /// How far objects may grow.
    pub(crate) limits: Limits,
    /// `as_of` of the run, seconds since 1970.
    pub(crate) as_of: i64,
}

/// A batch, evaluated.
#[derive(Debug)]
pub(crate) struct Evaluated {
    /// One per object, in the order of the batch.
    pub(crate) rows: Vec<LedgerRow>,
    /// What the records gave.
    pub(crate) hours: ByHour,
    /// What is wrong with objects and records, to be kept with the results.
    pub(crate) problems: Vec<Problem>,
    /// Cells and delivery times of objects that are damaged or were replaced: their hours stay in doubt.
    pub(crate) doubtful: Vec<(String, String, i64, Reason)>,
    /// Changes of trails that the records tell of.
    pub(crate) changes: Vec<Change>,
    /// Calls like our own that the records tell of.
    pub(crate) heard: Vec<Heard>,
    /// Longest delay from an event to its object, and from the object to this run, seconds.
    pub(crate) delays: Delays,
}

/// Delivery delays, seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delays {
    /// Longest from the earliest event in an object to the time in its name.
    pub(crate) event_to_object: i64,
    /// Longest from the time in an object's name to the run that took it.
    pub(crate) object_to_run: i64,
}

impl Delays {
    /// The longer of both.
    pub(crate) fn merge(&mut self, other: Delays) {
        self.event_to_object = self.event_to_object.max(other.event_to_object);
        self.object_to_run = self.object_to_run.max(other.object_to_run);
    }
}

struct OneObject {
    outcome: ObjectOutcome,
    inflated_sha256: Option<String>,
    hours: ByHour,
    digest: Option<Box<DigestRow>>,
}

/// Most inflated bytes of a digest that are kept in the ledger. One names 1,000 objects in 400 KiB.
const MAX_DIGEST: usize = 32 << 20;

/// As [`evaluate`], on a thread that may be blocked.
///
/// # Errors
/// The work was stopped.
pub(super) async fn evaluate_off_thread(
    judging: &Arc<Judging>,
    sources: &Arc<Vec<Source>>,
    batch: &Arc<Vec<Taken>>,
    earlier: Vec<SeenEntry>,
) -> Result<Evaluated, StateError> {
    let (judging, sources, batch) = (Arc::clone(judging), Arc::clone(sources), Arc::clone(batch));
    state::blocking("evaluating a batch", move || Ok(evaluate(&judging, &sources, &batch, &earlier))).await
}

/// Evaluates the objects. `earlier` are the records of earlier batches and runs that may come again in this one.
pub(crate) fn evaluate(judging: &Judging, sources: &[Source], batch: &[Taken], earlier: &[SeenEntry]) -> Evaluated {
    let period = Period::default();
    let mut evaluation =
        Evaluation::new(&judging.policies, judging.accounts.clone(), period, expected(batch), crate::scan::secret());
    evaluation.remember(earlier.iter().copied());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut reader = Reader::new(judging.limits);
        let mut outcomes = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(taken) = batch.get(number) else { return outcomes };
            outcomes.push((number, one_object(judging, &evaluation, &mut reader, number, taken)));
        }
    };
    let mut outcomes: Vec<(usize, OneObject)> = on_threads(judging.threads, work).into_iter().flatten().collect();
    outcomes.sort_by_key(|(number, _)| *number);
    let mut evaluated = Evaluated {
        rows: Vec::with_capacity(batch.len()),
        hours: ByHour::new(judging.policies.len()),
        problems: Vec::new(),
        doubtful: Vec::new(),
        changes: Vec::new(),
        heard: Vec::new(),
        delays: Delays::default(),
    };
    for (taken, (_, one)) in batch.iter().zip(outcomes) {
        note(judging, sources, taken, one, &mut evaluated);
    }
    let told = changes::split(&mut evaluated.hours, judging.reported);
    (evaluated.changes, evaluated.heard) = (told.changes, told.heard);
    let conflicts = evaluation.seen().conflicts();
    let mut reader = Reader::new(judging.limits);
    let digests = crate::scan::digests(&conflicts, |number, read| {
        if let Some(taken) = batch.get(number as usize) {
            reader.read_bytes(&taken.name, true, &taken.bytes, read);
        }
    });
    for conflict in conflicts {
        let name = |number: u32| batch.get(number as usize).map_or("an object", |taken| &*taken.name);
        evaluated.problems.push(Problem::conflict(&conflict, &digests, name));
    }
    evaluated
}

/// The keys of the records in a batch. Where the entries of earlier ones hold one of them, the batch is evaluated again with
/// those: that is rare, and looking first would cost every batch a second pass.
pub(crate) fn keys(hours: &ByHour) -> HashSet<u64> {
    hours.hours.values().flat_map(|part| &part.seen).map(|entry| entry.key).collect()
}

fn expected(batch: &[Taken]) -> usize {
    batch.iter().map(|taken| taken.bytes.len() / 200).sum()
}

fn one_object(judging: &Judging, evaluation: &Evaluation, reader: &mut Reader, number: usize, taken: &Taken) -> OneObject {
    let name = ObjectName { name: Arc::clone(&taken.name), number: u32::try_from(number).unwrap_or(u32::MAX) };
    let mut hours = ByHour::new(judging.policies.len());
    let mut inflated_sha256 = None;
    let outcome = reader.read_bytes(&taken.name, true, &taken.bytes, |text| {
        let mut text = Hashed::new(text);
        let decoded = evaluation.object_by_hour(&name, &mut text, &mut hours);
        inflated_sha256 = Some(text.sha256());
        decoded
    });
    let digest = taken.signed.as_ref().map(|signed| Box::new(digest(&taken.bytes, signed, judging.limits)));
    OneObject { outcome, inflated_sha256, hours, digest }
}

/// What the ledger keeps of a digest. It is small, so inflating it a second time costs less than carrying its text along.
fn digest(stored: &[u8], signed: &Signed, limits: Limits) -> DigestRow {
    let Signed { signature, algorithm } = signed.clone();
    let mut row = DigestRow { signature, algorithm, ..DigestRow::default() };
    let mut text = Vec::new();
    match inflate::inflate(stored, &limits, &mut text) {
        Ok(_) if text.len() > MAX_DIGEST => row.damaged = Some(format!("it inflates to {} bytes; no digest does", text.len())),
        Ok(trailing) => {
            (row.trailing, row.text) = (trailing as u64, String::from_utf8_lossy(&text).into_owned());
        }
        Err(error) => row.damaged = Some(error.to_string()),
    }
    row
}

fn note(judging: &Judging, sources: &[Source], taken: &Taken, one: OneObject, evaluated: &mut Evaluated) {
    let wanted = &taken.wanted;
    let OneObject { outcome, inflated_sha256, hours, digest } = one;
    let mut records = assize_engine::partial::RecordCounts::default();
    let mut first_event = i64::MAX;
    for part in hours.hours.values() {
        records.add(part.partial.records);
        first_event = part.partial.cells.values().map(|cell| cell.first).min().unwrap_or(i64::MAX).min(first_event);
    }
    if first_event < wanted.delivered {
        evaluated.delays.merge(Delays { event_to_object: wanted.delivered - first_event, object_to_run: 0 });
    }
    let waited = judging.as_of - wanted.delivered;
    evaluated.delays.merge(Delays { event_to_object: 0, object_to_run: waited });
    let mut doubt = |reason| evaluated.doubtful.push((wanted.account.clone(), wanted.region.clone(), wanted.delivered, reason));
    let mut notes = Vec::new();
    if let Some(trouble) = &outcome.trouble {
        notes.push(trouble.code.to_owned());
        evaluated.problems.push(Problem::trouble(&taken.name, trouble));
        doubt(if trouble.tampering { Reason::ObjectReplaced } else { Reason::ObjectFailed });
    } else if outcome.status == Status::Failed {
        doubt(Reason::ObjectFailed);
    }
    if taken.replaced {
        notes.push("object-replaced".to_owned());
        evaluated.problems.push(Problem::replaced(&taken.name, &wanted.key));
        doubt(Reason::ObjectReplaced);
    }
    evaluated.rows.push(LedgerRow {
        source: sources.get(wanted.source).map_or_else(String::new, |source| source.id.clone()),
        key: wanted.key.clone(),
        day: wanted.day,
        size: wanted.size,
        etag: taken.etag.clone().unwrap_or_default(),
        version_id: taken.version_id.clone(),
        stored_sha256: state::sha256(&taken.bytes),
        inflated_sha256,
        inflated_bytes: outcome.inflated_bytes,
        evidence_key: taken.evidence_key.clone(),
        delivered: Some(wanted.delivered),
        taken: judging.as_of,
        status: if taken.replaced { RowStatus::Replaced } else { RowStatus::Taken },
        records: records.into(),
        policy_set: String::new(),
        note: (!notes.is_empty()).then(|| notes.join(", ")),
        digest,
    });
    evaluated.hours.merge(hours);
}

/// The hours that a batch touched and that hold records.
pub(crate) fn touched(hours: &ByHour) -> Hours {
    let mut touched = Hours::new();
    let parts = hours.hours.iter().filter(|(hour, part)| **hour != NO_HOUR && !part.seen.is_empty());
    parts.for_each(|(hour, _)| touched.add(*hour..hour + 1));
    touched
}
