//! Judges again what a run judged, and compares the findings: they follow from evidence, policies, configuration and the run's
//! time alone, and here that is put to the test. Nothing is asked of AWS.
//!
//! The bytes come from the check of the copies, so each object is read once. What is kept of it is what matched.

mod compare;
pub(crate) mod outcome;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use assize_bucket::Bucket;
use assize_engine::correlation;
use assize_engine::evaluate::{Evaluation, ObjectName, Period};
use assize_engine::inflate::Limits;
use assize_engine::partial::{Partial, PolicyPartial};
use assize_engine::policy::Policy;
use assize_engine::record::AccountList;
use assize_engine::time;
use futures::TryStreamExt;
use tokio::task::JoinHandle;

use super::super::off_thread;
use crate::collect::CollectError;
use crate::collect::backfill::Known;
use crate::config::{Config, Mode, SourceKind};
use crate::judge;
use crate::manifest::inputs::{self, Input};
use crate::manifest::statement::{Predicate, Statement};
use crate::pack::Pack;
use crate::report::findings_jsonl;
use crate::run::{RunError, recalled};
use crate::scan::object::Reader;
use crate::scan::{on_threads, secret};
use crate::state::{self, LedgerRow, RowStatus, StateError, View};
use compare::{Lines, Unspoken, compare};
use outcome::Replayed;

/// Objects that are judged at once at most.
const BATCH_OBJECTS: usize = 2_000;
/// Their bytes at most, but for one that is larger.
const BATCH_BYTES: usize = 32 << 20;

/// What a replay goes by.
pub(crate) struct Means<'a> {
    /// Says where logs come from, and how far objects may grow.
    pub(crate) config: &'a Config,
    /// The policies.
    pub(crate) pack: &'a Pack,
    /// Threads.
    pub(crate) threads: usize,
}

/// Why a replay cannot be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    /// The state.
    #[error("which policies judged what is in the state, and it cannot be read, so nothing is replayed: {0}")]
    State(#[from] StateError),
    /// What a backfill noted.
    #[error("which policies judged what later on cannot be read, so nothing is replayed: {0}")]
    Known(#[source] CollectError),
    /// Accounts as the run saw them.
    #[error("the accounts as the run saw them cannot be read, so nothing is replayed: {0}")]
    Accounts(#[source] Box<RunError>),
    /// Findings that cannot be written to memory.
    #[error("the findings that were made again cannot be written: {0}")]
    Write(#[source] std::io::Error),
}

/// What all objects are judged with.
struct Judging {
    policies: Vec<Policy>,
    hashes: Vec<String>,
    accounts: AccountList,
    period: Period,
    limits: Limits,
    threads: usize,
}

/// An object to judge.
struct Read {
    name: Arc<str>,
    bytes: Vec<u8>,
    /// Places of policies that had not judged it when the run ended: it was taken before they were there.
    lacking: Arc<[usize]>,
}

/// By source, key and SHA-256, the policies that had not judged an object.
type Lacking = HashMap<[String; 3], Arc<[usize]>>;

/// A replay under way.
pub(super) struct Replay<'a> {
    means: &'a Means<'a>,
    judging: Arc<Judging>,
    hours: Range<i64>,
    /// The policy files have another text than when the run judged, so levels may differ too.
    rewritten: bool,
    view: View,
    known: Known,
    day: Option<(i64, Lacking)>,
    /// Objects that findings name and that were not read yet.
    behind: BTreeSet<String>,
    recorded: Vec<u8>,
    batch: Vec<Read>,
    bytes: usize,
    running: Option<JoinHandle<Partial>>,
    partial: Partial,
    out: Replayed,
}

impl<'a> Replay<'a> {
    /// Prepares a replay: which policies are those of the run, and what was known of accounts. `recorded` is `findings.jsonl` as
    /// it is.
    pub(super) async fn prepare(
        bucket: &Arc<dyn Bucket>,
        statement: &Statement,
        recorded: Vec<u8>,
        means: &'a Means<'a>,
    ) -> Result<Result<Replay<'a>, Replayed>, ReplayError> {
        let predicate = &statement.predicate;
        let moment = |text: &str| time::parse(text);
        let (Some(as_of), Some(since), Some(horizon)) =
            (moment(&predicate.as_of), moment(&predicate.since), moment(&predicate.horizon))
        else {
            return Ok(Err(Replayed::impossible("the manifest's times are none, so which period was judged is not known")));
        };
        let hours = since.div_euclid(3600)..horizon.div_euclid(3600);
        let mut out = Replayed::default();
        let view = View::open(Arc::clone(bucket)).await?;
        let seen = recalled::accounts_of(&view, &predicate.run, as_of).await;
        let Some((estate, take_over)) = seen.map_err(|error| ReplayError::Accounts(Box::new(error)))? else {
            return Ok(Err(Replayed::impossible(
                "the state (head and segments/) is not here, or not as far as this run; it says what the run knew of accounts, and \
                 which policies had judged which objects by then",
            )));
        };
        let known = Known::read_as_of(&view, take_over).await.map_err(ReplayError::Known)?;
        let accounts = estate.facts(means.config);
        let rewritten = predicate.policies_sha256 != means.pack.sha256;
        let chosen = chosen(predicate, means, (&accounts, rewritten), &mut out);
        out.policies = chosen.len() as u64;
        let (policies, hashes): (Vec<Policy>, Vec<String>) = chosen.into_iter().unzip();
        let until = Some(judge::seen_until(&hours, as_of) * 3600);
        let limits = Limits { max_inflated: means.config.limits.max_object, ..Limits::default() };
        let period = Period { since: None, until };
        let partial = Partial::of(&policies);
        let judging = Arc::new(Judging { policies, hashes, accounts, period, limits, threads: means.threads });
        let behind = inputs::behind(&recorded).unwrap_or_default();
        let (day, batch, bytes, running) = (None, Vec::new(), 0, None);
        Ok(Ok(Replay {
            means,
            judging,
            hours,
            rewritten,
            view,
            known,
            day,
            behind,
            recorded,
            batch,
            bytes,
            running,
            partial,
            out,
        }))
    }

    /// Takes an object whose bytes are what the run judged.
    pub(super) async fn take(&mut self, input: &Input, bytes: Vec<u8>) -> Result<(), ReplayError> {
        self.out.read += 1;
        let name = self.name(input);
        self.behind.remove(&name);
        let lacking = self.lacking(input).await?;
        self.bytes += bytes.len();
        self.batch.push(Read { name: name.into(), bytes, lacking });
        if self.batch.len() >= BATCH_OBJECTS || self.bytes >= BATCH_BYTES {
            self.judge_batch().await;
        }
        Ok(())
    }

    /// An object that the run judged and whose bytes are not to be had.
    pub(super) fn missed(&mut self) {
        self.out.not_read += 1;
    }

    /// An object that was read in place. If a finding rests on it there may be a copy all the same: one that a backfill made.
    pub(super) async fn in_place(&mut self, bucket: &dyn Bucket, input: &Input) -> Result<(), ReplayError> {
        if input.names().any(|name| self.behind.contains(&name)) {
            let logs = input.source.strip_prefix("s3://").unwrap_or(&input.source);
            let copy = state::evidence_key(self.means.config.partition.id(), logs, &input.key);
            for key in [format!("{copy}@{}", input.stored_sha256), copy] {
                if let Some(bytes) = bucket.get(&key, None).await.ok().map(|object| object.bytes)
                    && state::sha256(&bytes) == input.stored_sha256
                {
                    return self.take(input, bytes).await;
                }
            }
        }
        self.out.in_place += 1;
        Ok(())
    }

    /// Makes the findings and compares them.
    pub(super) async fn finish(mut self) -> Result<Replayed, ReplayError> {
        self.judge_batch().await;
        self.gather().await;
        let Replay { judging, hours, rewritten, mut partial, mut out, behind, recorded, .. } = self;
        let compared = off_thread(move || {
            let known = correlation::Known { until: hours.end * 3600, ..correlation::Known::always() };
            let findings = judge::findings_since(&hours, &judging.policies, &mut partial, &known);
            let mut replayed = Vec::new();
            findings_jsonl::write(&findings, &judging.policies, &mut replayed)?;
            let (recorded, replayed) = (Lines::of(&recorded), Lines::of(&replayed));
            for (policy, level) in recorded.levels().into_iter().filter(|_| rewritten) {
                let known = judging.policies.iter().find(|known| known.id == policy);
                if let Some(other) = known.map(|known| known.level.name()).filter(|other| *other != level) {
                    out.leave_out(policy, format!("its level was {level} and is {other} in the configuration"));
                }
            }
            let policies = out.left_out.iter().map(|one| one.policy.clone()).collect();
            out.compared(compare(&recorded, &replayed, &Unspoken { policies, objects: behind }));
            Ok(out)
        });
        compared.await.map_err(ReplayError::Write)
    }

    /// How the run's findings name an object: by its copy, or where it was read in place by that place. What the configuration says
    /// of its bucket today may not be what it said then; the findings show which.
    fn name(&self, input: &Input) -> String {
        let place = format!("{}/{}", input.source, input.key);
        let replaced = input.status == RowStatus::Replaced;
        let place = if replaced { format!("{place}@{}", input.stored_sha256) } else { place };
        let (expected, other) = match &input.evidence_key {
            Some(copy) if self.mode(&input.source) == Mode::Copy => (copy.clone(), Some(place)),
            copy => (place, copy.clone()),
        };
        match other.filter(|other| self.behind.contains(other) && !self.behind.contains(&expected)) {
            Some(other) => other,
            None => expected,
        }
    }

    fn mode(&self, source: &str) -> Mode {
        // Event history is no bucket, and has no place of its own.
        let Some(bucket) = source.strip_prefix("s3://") else { return Mode::Copy };
        let sources = &self.means.config.sources;
        let named = sources.iter().find(|one| matches!(&one.kind, SourceKind::Bucket(known) if known.bucket == bucket));
        named.or_else(|| sources.iter().find(|one| one.kind == SourceKind::Discovered)).map_or(Mode::Copy, |one| one.mode)
    }

    /// Places of the policies that had not judged an object when the run ended.
    async fn lacking(&mut self, input: &Input) -> Result<Arc<[usize]>, ReplayError> {
        if self.day.as_ref().is_none_or(|(day, _)| *day != input.day) {
            let of_day = self.view.rows(input.day..input.day + 1);
            let rows: Vec<LedgerRow> = of_day.map_ok(|(_, rows)| rows).try_concat().await?;
            let mut lacking = Lacking::new();
            for (places, rows) in self.known.lacking(input.day, &rows, &self.judging.hashes) {
                let places: Arc<[usize]> = places.into();
                let named = |row: &LedgerRow| [row.source.clone(), row.key.clone(), row.stored_sha256.clone()];
                lacking.extend(rows.into_iter().map(|row| (named(row), Arc::clone(&places))));
            }
            self.day = Some((input.day, lacking));
        }
        let key = [input.source.clone(), input.key.clone(), input.stored_sha256.clone()];
        let of_day = self.day.as_ref().and_then(|(_, lacking)| lacking.get(&key));
        Ok(of_day.map_or_else(|| Arc::from([]), Arc::clone))
    }

    /// Gives what was read to the processors, while further objects are fetched.
    async fn judge_batch(&mut self) {
        self.gather().await;
        let (batch, judging) = (std::mem::take(&mut self.batch), Arc::clone(&self.judging));
        self.bytes = 0;
        if !batch.is_empty() {
            self.running = Some(tokio::task::spawn_blocking(move || judging.evaluate(&batch)));
        }
    }

    async fn gather(&mut self) {
        let Some(running) = self.running.take() else { return };
        match running.await {
            Ok(partial) => self.partial.merge(partial),
            // A panic in it is a bug, and must not pass for objects in which nothing matched.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// Why the inputs of a run do not say what a correlation found, if they do not.
fn unspoken(policy: &Policy, rewritten: bool) -> Option<&'static str> {
    let correlation = policy.correlation.as_ref()?;
    if correlation.needs_only_first() {
        return Some("what is new is told by records of before the period, which are not among the run's inputs");
    }
    // Times and bounds are no part of the evaluation's name: what is kept does not depend on them.
    rewritten.then_some("some policy file is not what it was, and the times and bounds of this one may be others")
}

/// The policies of the run as they are now, with their evaluations' names. Those that are others now are left out.
fn chosen(
    predicate: &Predicate,
    means: &Means<'_>,
    (accounts, rewritten): (&AccountList, bool),
    out: &mut Replayed,
) -> Vec<(Policy, String)> {
    let mut chosen = Vec::new();
    for named in &predicate.policies {
        let Some(policy) = means.pack.policies.iter().find(|policy| policy.id == named.id) else {
            out.leave_out(&named.id, "it is not among the policies of the configuration".to_owned());
            continue;
        };
        if policy.evaluation_hash(accounts) == named.evaluation {
            match unspoken(policy, rewritten) {
                Some(why) => out.leave_out(&named.id, why.to_owned()),
                None => chosen.push((policy.clone(), named.evaluation.clone())),
            }
        } else {
            let why = "what its matches depend on is not what it was (its text, what is known of accounts, the calendar, or what this version \
                       makes of it), so what it says now is not what the run's policy said; take the policies of that time";
            out.leave_out(&named.id, why.to_owned());
        }
    }
    let tool = env!("CARGO_PKG_VERSION");
    if predicate.tool != tool {
        out.notes.push(format!("the run was made by assize {}, and this is {tool}", predicate.tool));
    }
    if predicate.configuration_sha256 != means.config.sha256 {
        out.notes.push("the configuration has another text than when the run judged".to_owned());
    }
    if predicate.policies_sha256 != means.pack.sha256 {
        out.notes.push("the files of the policies are not those that the run judged with".to_owned());
    }
    chosen
}

impl Judging {
    /// What matches in some objects, on all threads.
    fn evaluate(&self, batch: &[Read]) -> Partial {
        let expected = batch.iter().map(|read| read.bytes.len() / 200).sum();
        let evaluation = Evaluation::new(&self.policies, self.accounts.clone(), self.period, expected, secret());
        let next = AtomicUsize::new(0);
        let work = || {
            let mut matches = Partial::of(&self.policies);
            let mut reader = Reader::new(self.limits);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(read) = batch.get(number) else { return matches };
                let name = ObjectName { name: Arc::clone(&read.name), number: u32::try_from(number).unwrap_or(u32::MAX) };
                let mut partial = Partial::of(&self.policies);
                reader.read_bytes(&read.name, true, &read.bytes, |text| evaluation.object(&name, text, &mut partial));
                for place in read.lacking.iter() {
                    partial.policies.get_mut(*place).into_iter().for_each(|policy| *policy = PolicyPartial::default());
                }
                matches.merge(partial.only_matches());
            }
        };
        let mut whole = Partial::of(&self.policies);
        on_threads(self.threads, work).into_iter().for_each(|matches| whole.merge(matches));
        whole
    }
}
