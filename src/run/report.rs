//! A report over any period, from what runs left in the audit bucket: nothing is collected, and nothing is written.

use std::collections::BTreeSet;
use std::future::ready;
use std::sync::Arc;

use assize_bucket::{Bucket, Object};
use assize_engine::finding::Finding;
use assize_engine::time;
use futures::TryStreamExt;
use serde::Deserialize;

use super::fates::{self, Registers};
use super::publish::{FETCHES, Made, Shelf, Told, make, objects};
use super::recalled::Recalled;
use super::{Context, DAY, Given, RunError};
use crate::collect::Outcome;
use crate::discover::Discovered;
use crate::estate::Estate;
use crate::judge::{self, Judgement};
use crate::life::register::Register;
use crate::period::NamedPeriod;
use crate::report::v1;
use crate::state::StateError;

/// Most days without a run that are named.
const MAX_MISSING: usize = 31;

/// A report that was made.
pub(crate) struct Reported {
    /// The document.
    pub(crate) document: v1::Document,
    /// Every finding with all of its records, one a line.
    pub(crate) findings: Vec<u8>,
    /// Its findings as a register.
    pub(crate) register: Register,
}

/// Makes a report over a period, as it was known at the last run. `asked` has the period.
///
/// # Errors
/// The state or the evidence cannot be read.
pub(crate) async fn over(
    given: Given<'_>,
    audit: Arc<dyn Bucket>,
    recalled: Recalled,
    period: Option<&NamedPeriod>,
) -> Result<Reported, RunError> {
    let Recalled { view, estate, cells, collected, verified, .. } = recalled;
    let quiet = |_: &str| ();
    let context = Context::new(given, &estate, audit, &quiet);
    let discovered = Discovered { cells, ..Discovered::default() };
    let accepts = |findings: &[Finding]| {
        fates::accepted(context.accepted, (findings, &context.pack.policies), &estate, context.verdict_time())
    };
    let question = context.question(&discovered, &collected, &accepts);
    let mut judgement = judge::judge(&view, &collected, &verified, &question).await?;
    if context.partial() {
        narrow(&mut judgement, &estate);
    }
    let outcome = Outcome::default();
    let told = Told { estate: &estate, discovered: &discovered, outcome: &outcome, collected: &collected };
    let records = match period {
        Some(_) => records(&context).await?,
        None => Vec::new(),
    };
    let registers = Registers {
        before: match period {
            Some(period) => before_period(&context, &records, period).await?,
            None => fates::before(&context, &view, &estate).await?,
        },
        later: fates::newest(&*context.audit, &view).await?,
    };
    let history = period.map(|period| history(&context, &records, period));
    let shelf = Shelf {
        view: &view,
        sources: &[],
        judging: &Arc::new(context.judging(&estate)),
        registers,
        abandoned: Vec::new(),
        objects: objects(&view, &question.hours, &outcome).await?,
        history,
    };
    let Made { mut document, findings, register } = make(&context, (&question, judgement), &told, shelf).await?;
    note_late(&mut document, context.asked.until);
    Ok(Reported { document, findings, register })
}

/// What is known of other accounts is not for the reader of a report on some. The books of records stay those of all.
fn narrow(judgement: &mut Judgement, estate: &Estate) {
    let ours = |account: &str| estate.accounts.iter().any(|known| known.id == account);
    let named = |text: &str| estate.accounts.iter().any(|known| text.contains(&known.id));
    judgement.findings.retain(|finding| ours(&finding.group.account));
    judgement.partial.cells.retain(|(account, _), _| ours(account));
    judgement.partial.malformed.retain(|record| named(&record.object));
    judgement.problems.retain(|problem| named(&problem.object));
    for result in &mut judgement.partial.policies {
        result.groups.retain(|group, _| ours(&group.account));
        result.not_evaluable.retain(|hit| named(&hit.object));
    }
}

/// Only some accounts, by id.
pub(crate) fn restrict(recalled: &mut Recalled, accounts: &[String]) {
    let Estate { accounts: known, .. } = &mut recalled.estate;
    known.retain(|account| accounts.iter().any(|id| *id == account.id || *id == account.name));
    let ids: Vec<String> = known.iter().map(|account| account.id.clone()).collect();
    recalled.cells.retain(|(account, _), _| ids.contains(account));
}

/// What a finished run wrote of itself.
#[derive(Deserialize)]
struct Record {
    run: String,
    tool: String,
    as_of: String,
    configuration_sha256: String,
    policies_sha256: String,
    accounts: Vec<String>,
    result: RecordResult,
}

/// Whether it judged.
#[derive(Deserialize)]
struct RecordResult {
    exit_code: Option<u8>,
}

/// The runs that judged, by time.
async fn records(context: &Context<'_>) -> Result<Vec<Record>, RunError> {
    let runs = context.audit.list("runs/", None).try_filter(|entry| ready(entry.key.ends_with("/run.json")));
    let read = runs.map_ok(async |entry| context.audit.get(&entry.key, None).await).try_buffer_unordered(FETCHES);
    let all: Vec<Object> = read.try_collect().await.map_err(StateError::from)?;
    // A record of another version says nothing here; what it judged is in the state all the same.
    let mut records: Vec<Record> = all.iter().filter_map(|object| serde_json::from_slice(&object.bytes).ok()).collect();
    records.retain(|record| record.result.exit_code.is_some() && time::parse(&record.as_of).is_some());
    records.sort_by(|a, b| (&a.as_of, &a.run).cmp(&(&b.as_of, &b.run)));
    Ok(records)
}

/// The register of the last run before a period that others may be compared with.
async fn before_period(context: &Context<'_>, records: &[Record], period: &NamedPeriod) -> Result<Option<Register>, RunError> {
    let since = time::format(period.since);
    for record in records.iter().rev().filter(|record| record.as_of <= since) {
        if let Some(register) = fates::read(&*context.audit, &record.run, None).await?.filter(|register| register.whole) {
            return Ok(Some(register));
        }
    }
    Ok(None)
}

/// The runs of a period: which days they judged, and by what.
fn history(context: &Context<'_>, records: &[Record], period: &NamedPeriod) -> v1::History {
    let within = |record: &&Record| time::parse(&record.as_of).is_some_and(|at| (period.since..period.until + DAY).contains(&at));
    let records: Vec<&Record> = records.iter().filter(within).collect();
    let end = period.until.min(context.asked.as_of);
    let day_of = |record: &&Record| Some((time::parse(&record.as_of)? - period.since).div_euclid(DAY));
    let with_run: BTreeSet<i64> = records.iter().filter_map(day_of).collect();
    let days = 0..(end - period.since + DAY - 1).div_euclid(DAY);
    let missing: Vec<i64> = days.clone().filter(|day| !with_run.contains(day)).collect();
    let named = missing.iter().take(MAX_MISSING).map(|day| time::format(period.since + day * DAY));
    v1::History {
        period: period.name.clone(),
        days: days.end.unsigned_abs(),
        days_evaluated: days.end.unsigned_abs() - missing.len() as u64,
        missing: named.map(|day| day.chars().take(10).collect()).collect(),
        cut_off: time::format(context.asked.as_of),
        late: 0,
        stretches: stretches(&records),
    }
}

fn stretches(records: &[&Record]) -> Vec<v1::Stretch> {
    let mut all: Vec<v1::Stretch> = Vec::new();
    for record in records {
        let one = v1::Stretch {
            since: record.as_of.clone(),
            until: record.as_of.clone(),
            runs: 1,
            policies_sha256: record.policies_sha256.clone(),
            configuration_sha256: record.configuration_sha256.clone(),
            tool: record.tool.clone(),
            accounts: record.accounts.len() as u64,
        };
        let by = |it: &v1::Stretch| {
            [&it.policies_sha256, &it.configuration_sha256, &it.tool, &it.accounts.to_string()].map(String::clone)
        };
        match all.last_mut() {
            Some(last) if by(last) == by(&one) => (last.until, last.runs) = (one.until, last.runs + 1),
            _ => all.push(one),
        }
    }
    all
}

/// Counts the findings that were reported only after the period and what was due of it.
fn note_late(document: &mut v1::Document, until: Option<i64>) {
    let (Some(history), Some(until)) = (&mut document.history, until) else { return };
    let last = time::format(until + DAY);
    let reported_late = |finding: &&v1::Finding| finding.life.as_ref().is_some_and(|life| life.reported > last);
    history.late = document.findings.iter().filter(reported_late).count() as u64;
}
