//! Evaluates policies that are new or changed over the evidence that is kept already, newest day first, a commit a day.
//!
//! What is missing follows from the ledger, whose rows name the policies that judged them, and from a document with each
//! commit that says which rows it was about. Rows are named by the run that took them and the policies that judged them: of one
//! run all are done or none.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use assize_engine::identity::SeenEntry;
use assize_engine::partial::ByHour;
use assize_engine::policy::{Policy, Population};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::batch::{self, Judging};
use super::collected::CollectedError;
use super::kept;
use super::take::Taken;
use super::transfer::{BATCH_BYTES, BATCH_OBJECTS};
use super::{CollectError, Collector, behind};
use crate::state::{Batch, LedgerRow, State, View};

/// The document that says what was done.
const DONE: &str = "backfilled";

/// Most objects that are named because they cannot be read again; all are counted.
const MAX_NAMED: usize = 20;

/// What a commit was about. Version 1.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Done {
    version: u32,
    /// Listing day, days since 1970.
    day: i64,
    /// Hashes of the policies.
    policies: Vec<String>,
    rows: Vec<Rows>,
}

/// The rows of a day that one run took and one set of policies judged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rows {
    /// `as_of` of the run.
    taken: i64,
    /// Name of the set.
    set: String,
    count: u64,
}

/// Objects that policies have not judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    /// Objects; one that two sets of policies lack counts once for each.
    pub(crate) objects: u64,
    /// Their stored bytes.
    pub(crate) bytes: u64,
}

/// What is missing.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    /// By listing day, days since 1970.
    pub(crate) days: BTreeMap<i64, Amount>,
    /// How many policies lack something.
    pub(crate) policies: usize,
}

/// What a backfill came to.
#[derive(Debug, Default)]
pub(crate) struct Backfilled {
    /// What was done.
    pub(crate) done: Amount,
    /// Days that are done.
    pub(crate) days: usize,
    /// Days that are not: there was no time, or something of them cannot be read.
    pub(crate) days_left: usize,
    /// Objects that cannot be read again, with what was said; some of them.
    pub(crate) unreadable: Vec<(String, String)>,
    /// Why it stopped early, if so.
    pub(crate) stopped: Option<&'static str>,
}

/// How far a backfill is: the day that is done, days that remain, objects so far.
pub(crate) type Tell<'t> = dyn Fn(i64, usize, u64) + Sync + 't;

impl Missing {
    /// All days together.
    pub(crate) fn total(&self) -> Amount {
        self.days
            .values()
            .fold(Amount::default(), |sum, day| Amount { objects: sum.objects + day.objects, bytes: sum.bytes + day.bytes })
    }
}

/// Finds what policies with these hashes have not judged, from a listing day on.
///
/// # Errors
/// The state cannot be read.
pub(crate) async fn missing(view: &View, hashes: &[String], first_day: i64) -> Result<Missing, CollectError> {
    let known = Known::read(view).await?;
    let (mut missing, mut policies) = (Missing::default(), BTreeSet::new());
    let mut days = view.rows(first_day..i64::MAX);
    while let Some((day, rows)) = days.try_next().await? {
        let mut amount = Amount::default();
        for (lacking, rows) in known.lacking(day, &rows, hashes) {
            amount.objects += rows.len() as u64;
            amount.bytes += rows.iter().map(|row| row.size).sum::<u64>();
            policies.extend(lacking);
        }
        if amount.objects > 0 {
            missing.days.insert(day, amount);
        }
    }
    missing.policies = policies.len();
    Ok(missing)
}

/// Evaluates what is missing.
///
/// # Errors
/// The audit bucket fails or another run took over. Every day that was committed until then stays.
pub(crate) async fn backfill(
    collector: &Collector,
    state: &mut State,
    missing: &Missing,
    tell: &Tell<'_>,
) -> Result<Backfilled, CollectError> {
    let known = Known::read(&state.view()).await?;
    let mut result = Backfilled::default();
    let mut seen = HashMap::new();
    for (number, (day, amount)) in missing.days.iter().rev().enumerate() {
        let left = missing.days.len() - number;
        result.stopped = collector.stop.reason(&collector.requests);
        if result.stopped.is_some() {
            result.days_left += left;
            return Ok(result);
        }
        match one_day(collector, state, (&known, *day), &mut seen).await? {
            Ended::Done => {
                result.days += 1;
                result.done.objects += amount.objects;
                result.done.bytes += amount.bytes;
                tell(*day, left - 1, result.done.objects);
            }
            Ended::Unreadable(objects) => {
                result.days_left += 1;
                let room = MAX_NAMED.saturating_sub(result.unreadable.len());
                result.unreadable.extend(objects.into_iter().take(room));
            }
            // What is not whole is not committed: the day is begun again.
            Ended::Stopped => {
                result.stopped = collector.stop.reason(&collector.requests);
                result.days_left += left;
                return Ok(result);
            }
        }
    }
    Ok(result)
}

/// How a day ended.
enum Ended {
    Done,
    Unreadable(Vec<(String, String)>),
    Stopped,
}

/// The records of the day before that were counted, by places of policies: copies of a record lie close together.
type Seen = HashMap<Vec<usize>, Vec<SeenEntry>>;

async fn one_day(
    collector: &Collector,
    state: &mut State,
    (known, day): (&Known, i64),
    seen: &mut Seen,
) -> Result<Ended, CollectError> {
    let rows: Vec<LedgerRow> = state.view().rows(day..day + 1).map_ok(|(_, rows)| rows).try_concat().await?;
    let mut unreadable = Vec::new();
    for (lacking, rows) in known.lacking(day, &rows, &collector.policy_hashes) {
        let mut counted = match seen.remove(&lacking) {
            Some(counted) => counted,
            None => counted_before(collector, &state.view(), (known, day), &lacking).await?,
        };
        let results = match judge(collector, &lacking, &rows, &mut counted).await? {
            Judged::All(results) => results,
            Judged::Unreadable(objects) => {
                unreadable.extend(objects);
                continue;
            }
            Judged::Stopped => return Ok(Ended::Stopped),
        };
        let policies: Vec<String> = lacking.iter().filter_map(|place| collector.policy_hashes.get(*place).cloned()).collect();
        let done = Done { version: 1, day, policies: policies.clone(), rows: by_run(&rows).into_keys().collect() };
        let done = serde_json::to_value(&done).map_err(CollectedError::from)?;
        let documents = BTreeMap::from([(DONE.to_owned(), done)]);
        state.commit(Batch { results, policies, supplement: true, documents, ..Batch::default() }).await?;
        seen.insert(lacking, counted);
    }
    Ok(if unreadable.is_empty() { Ended::Done } else { Ended::Unreadable(unreadable) })
}

/// What an earlier backfill counted on the day that it ended with: its copies of records are not counted again. Only for
/// policies that count a population of their own; everything else knows copies by itself.
async fn counted_before(
    collector: &Collector,
    view: &View,
    (known, day): (&Known, i64),
    lacking: &[usize],
) -> Result<Vec<SeenEntry>, CollectError> {
    let policies = || lacking.iter().filter_map(|place| collector.judging.policies.get(*place));
    let hashes: Vec<&String> = lacking.iter().filter_map(|place| collector.policy_hashes.get(*place)).collect();
    let about = |done: &&Done| hashes.iter().all(|hash| done.policies.contains(hash));
    let after = known.done.range(day + 1..).find_map(|(day, done)| Some((*day, done.iter().find(about)?)));
    let Some((after, done)) = after.filter(|_| policies().any(|policy| !matches!(policy.population, Population::Sources))) else {
        return Ok(Vec::new());
    };
    let rows: Vec<LedgerRow> = view.rows(after..after + 1).map_ok(|(_, rows)| rows).try_concat().await?;
    let with_records: Vec<&LedgerRow> = rows.iter().filter(|row| row.records.read > 0).collect();
    let rows = by_run(&with_records).into_iter().filter(|(rows, _)| done.rows.contains(rows)).flat_map(|(_, rows)| rows);
    let mut counted = Vec::new();
    judge(collector, lacking, &rows.collect::<Vec<_>>(), &mut counted).await?;
    Ok(counted)
}

/// What judging some rows gave.
enum Judged {
    All(ByHour),
    Unreadable(Vec<(String, String)>),
    Stopped,
}

/// Puts rows to those policies that have not seen them. `counted` are the records that were counted before, and from here on
/// those that this counted.
async fn judge(
    collector: &Collector,
    lacking: &[usize],
    rows: &[&LedgerRow],
    counted: &mut Vec<SeenEntry>,
) -> Result<Judged, CollectError> {
    let policies: Vec<Policy> = lacking.iter().filter_map(|place| collector.judging.policies.get(*place).cloned()).collect();
    let Judging { accounts, threads, limits, as_of, .. } = &*collector.judging;
    let judging = Judging {
        reported: policies.len(),
        policies,
        accounts: accounts.clone(),
        threads: *threads,
        limits: *limits,
        as_of: *as_of,
    };
    let judging = Arc::new(judging);
    let (mut whole, mut fresh) = (ByHour::new(lacking.len()), Vec::new());
    for rows in chunks(rows) {
        let mut fetching =
            stream::iter(rows.iter().map(|row| kept::by_row(collector, row))).buffered(collector.concurrency.max(1));
        let (mut batch, mut unreadable) = (Vec::new(), Vec::new());
        while let Some(fetched) = fetching.next().await {
            match fetched {
                Ok(taken) => batch.push(taken),
                Err(object) => unreadable.push(object),
            }
            if collector.stop.reason(&collector.requests).is_some() {
                return Ok(Judged::Stopped);
            }
        }
        drop(fetching);
        if !unreadable.is_empty() {
            return Ok(Judged::Unreadable(unreadable));
        }
        let results = evaluate(collector, &judging, batch, [counted.as_slice(), &fresh].concat()).await?;
        fresh.extend(results.hours.values().flat_map(|part| part.seen.iter().copied()));
        whole.merge(results);
    }
    // They are counted in the state already.
    whole.hours.values_mut().for_each(|part| part.seen.clear());
    *counted = fresh;
    Ok(Judged::All(whole))
}

async fn evaluate(
    collector: &Collector,
    judging: &Arc<Judging>,
    batch: Vec<Taken>,
    earlier: Vec<SeenEntry>,
) -> Result<ByHour, CollectError> {
    let batch = Arc::new(batch);
    let mut evaluated = batch::evaluate_off_thread(judging, &collector.sources, &batch, earlier).await?;
    behind::keep(collector, &batch, &mut evaluated).await?;
    Ok(evaluated.hours)
}

/// Rows in parts whose bytes fit into memory.
fn chunks<'r>(rows: &[&'r LedgerRow]) -> Vec<Vec<&'r LedgerRow>> {
    let mut chunks: Vec<Vec<&LedgerRow>> = Vec::new();
    let mut bytes = 0;
    for row in rows {
        match chunks.last_mut() {
            Some(last) if last.len() < BATCH_OBJECTS && bytes + row.size <= BATCH_BYTES as u64 => last.push(row),
            _ => {
                chunks.push(vec![row]);
                bytes = 0;
            }
        }
        bytes += row.size;
    }
    chunks
}

/// What the state knows of which policies judged what.
pub(crate) struct Known {
    sets: BTreeMap<String, Arc<[String]>>,
    done: BTreeMap<i64, Vec<Done>>,
}

impl Known {
    async fn read(view: &View) -> Result<Known, CollectError> {
        Known::read_as_of(view, u64::MAX).await
    }

    /// What it knew in the hands of a run, by the number of that run's take-over.
    ///
    /// # Errors
    /// The state cannot be read.
    pub(crate) async fn read_as_of(view: &View, take_over: u64) -> Result<Known, CollectError> {
        let mut done: BTreeMap<i64, Vec<Done>> = BTreeMap::new();
        for document in view.documents(DONE).await?.into_iter().filter(|document| document.order.0 <= take_over) {
            let one: Done = serde_json::from_value(document.value).map_err(CollectedError::from)?;
            done.entry(one.day).or_default().push(one);
        }
        Ok(Known { sets: view.policy_sets().await?, done })
    }

    /// The rows of a day that hold records, by the places of the policies that have not judged them.
    pub(crate) fn lacking<'r>(
        &self,
        day: i64,
        rows: &'r [LedgerRow],
        hashes: &[String],
    ) -> BTreeMap<Vec<usize>, Vec<&'r LedgerRow>> {
        let with_records: Vec<&LedgerRow> = rows.iter().filter(|row| row.records.read > 0).collect();
        let mut all: BTreeMap<Vec<usize>, Vec<&LedgerRow>> = BTreeMap::new();
        for (of_run, rows) in by_run(&with_records) {
            let judged = |hash: &String| self.sets.get(&of_run.set).is_some_and(|set| set.binary_search(hash).is_ok());
            let lacks = |hash: &String| !judged(hash) && !self.was_done(day, hash, &of_run);
            let lacking: Vec<usize> = hashes.iter().enumerate().filter(|(_, hash)| lacks(hash)).map(|(place, _)| place).collect();
            if !lacking.is_empty() {
                all.entry(lacking).or_default().extend(rows);
            }
        }
        all
    }

    /// Whether a commit was about these rows. Should there be more of them now, which of them it was about cannot be told: they
    /// stay as they are, not judged rather than twice.
    fn was_done(&self, day: i64, hash: &String, rows: &Rows) -> bool {
        let about = |done: &&Done| done.policies.contains(hash);
        let done = self.done.get(&day).into_iter().flatten().filter(about).flat_map(|done| &done.rows);
        done.into_iter().any(|known| (known.taken, &known.set) == (rows.taken, &rows.set))
    }
}

/// Rows by the run that took them and the policies that judged them.
fn by_run<'r>(rows: &[&'r LedgerRow]) -> BTreeMap<Rows, Vec<&'r LedgerRow>> {
    let mut by_run: BTreeMap<(i64, &str), Vec<&LedgerRow>> = BTreeMap::new();
    for row in rows {
        by_run.entry((row.taken, &row.policy_set)).or_default().push(row);
    }
    let named = |((taken, set), rows): ((i64, &str), Vec<&'r LedgerRow>)| {
        (Rows { taken, set: set.to_owned(), count: rows.len() as u64 }, rows)
    };
    by_run.into_iter().map(named).collect()
}
