//! Judges a scope: merges what the state keeps into findings, coverage and verdicts. Nothing here fetches a log.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use assize_engine::correlation::Known;
use assize_engine::coverage::{CellEvidence, Hours, Reason};
use assize_engine::finding::{self, Finding};
use assize_engine::partial::{NO_HOUR, Partial};
use assize_engine::policy::{Evidence, Policy};
use assize_engine::verdict::{self, Case, CellVerdict, Verdict};
use futures::TryStreamExt;

use crate::collect::collected::{CellKey, Collected};
use crate::collect::problem::Problem;
use crate::collect::{CollectError, PROBLEMS};
use crate::digests::{Totals, Verified};
use crate::discover::Trouble;
use crate::state::{StateError, View};

/// What is judged.
pub(crate) struct Question<'a> {
    /// The policies, and their evaluations' names in the same order.
    pub(crate) policies: &'a [Policy],
    pub(crate) hashes: &'a [String],
    /// Hours that count for coverage and verdicts.
    pub(crate) hours: Range<i64>,
    /// `as_of`, seconds since 1970: what happened up to now is shown, although its hours are not due yet.
    pub(crate) as_of: i64,
    /// Cells in scope, and why nothing of them can be collected at present.
    pub(crate) cells: &'a BTreeMap<CellKey, Option<Trouble>>,
    /// The grade of evidence that a PASS needs where a policy does not say.
    pub(crate) grade: Evidence,
    /// Seconds after which an hour's events count as delivered.
    pub(crate) settle: i64,
    /// Which findings somebody accepts: their fingerprints.
    pub(crate) accepted: &'a (dyn Fn(&[Finding]) -> BTreeSet<String> + Sync),
}

/// What was found.
pub(crate) struct Judgement {
    /// The merged results of the period.
    pub(crate) partial: Partial,
    /// Findings with a match in the period.
    pub(crate) findings: Vec<Finding>,
    /// What is known of every cell in scope.
    pub(crate) cells: BTreeMap<CellKey, CellEvidence>,
    /// By policy.
    pub(crate) verdicts: Vec<(Verdict, Vec<CellVerdict>)>,
    /// What is wrong with objects and records.
    pub(crate) problems: Vec<Problem>,
    /// What digests came to.
    pub(crate) integrity: Totals,
    /// Hours that hold records which a policy, by index, was not evaluated over.
    pub(crate) not_backfilled: BTreeMap<usize, Hours>,
}

/// Judges.
///
/// # Errors
/// The state cannot be read.
pub(crate) async fn judge(
    view: &View,
    collected: &Collected,
    verified: &Verified,
    question: &Question<'_>,
) -> Result<Judgement, CollectError> {
    let Question { policies, hashes, hours, as_of, grade, settle, .. } = question;
    let mut partial = Partial::of(policies);
    let mut not_backfilled: BTreeMap<usize, Hours> = BTreeMap::new();
    for range in [NO_HOUR..NO_HOUR + 1, hours.start..seen_until(hours, *as_of)] {
        let mut results = view.results(range, hashes);
        while let Some(result) = results.try_next().await? {
            if result.hour != NO_HOUR {
                for policy in &result.missing {
                    not_backfilled.entry(*policy).or_default().add(result.hour..result.hour + 1);
                }
            }
            partial.merge(result.partial);
        }
    }
    begun_before(view, (policies, hashes), hours.start, collected, &mut partial).await?;
    let cells = evidence(collected, verified, question.cells, *settle);
    let findings = findings_since(hours, policies, &mut partial, &known(&cells, hours));
    let waived = (question.accepted)(&findings);
    let case = Case {
        cells: &cells,
        hours,
        findings: &findings,
        waived: &waived,
        partial: &partial,
        not_backfilled: &not_backfilled,
        grade: *grade,
    };
    let verdicts = policies.iter().enumerate().map(|(index, policy)| {
        let by_cell = verdict::verdicts(index, policy, &case);
        (verdict::overall(by_cell.iter().map(|cell| &cell.verdict)), by_cell)
    });
    let verdicts = verdicts.collect();
    let mut problems = problems(view, hours.start * 3600).await?;
    // The digests of a period's last hours are written after it.
    let days = hours.start.div_euclid(24)..as_of.div_euclid(86_400) + 1;
    problems.extend(verified.problems(&days));
    let in_scope = |account: &str, region: &str| question.cells.contains_key(&(account.to_owned(), region.to_owned()));
    problems.extend(lost_calls(collected, hours, in_scope));
    let integrity = verified.totals(&days, in_scope);
    Ok(Judgement { partial, findings, cells, verdicts, problems, integrity, not_backfilled })
}

/// The first hour whose events are not shown: up to now, although the last hours are not due yet.
pub(crate) fn seen_until(hours: &Range<i64>, as_of: i64) -> i64 {
    hours.end.max(as_of.div_euclid(3600) + 1)
}

/// The times of which all events are known: of each cell from the first hour that was collected, and of all up to the last due
/// hour.
pub(crate) fn known(cells: &BTreeMap<CellKey, CellEvidence>, hours: &Range<i64>) -> Known {
    let first = |cell: &CellEvidence| Some(cell.collected.ranges().next()?.start * 3600);
    Known {
        from: i64::MAX,
        from_by_cell: cells.iter().filter_map(|(key, cell)| Some((key.clone(), first(cell)?))).collect(),
        until: hours.end * 3600,
    }
}

/// The findings with a match in the period.
pub(crate) fn findings_since(hours: &Range<i64>, policies: &[Policy], partial: &mut Partial, known: &Known) -> Vec<Finding> {
    let mut findings = finding::findings(policies, partial, known);
    findings.retain(|finding| finding.ends() >= hours.start * 3600);
    findings
}

/// Adds the matches of episodes that began before the period: the start of an episode is part of its fingerprint, so it
/// must be known however long ago it was.
async fn begun_before(
    view: &View,
    (policies, hashes): (&[Policy], &[String]),
    start: i64,
    collected: &Collected,
    partial: &mut Partial,
) -> Result<(), StateError> {
    let earliest = collected.first_day().map_or(start, |day| day * 24 - 24);
    let mut from = start;
    while let Some(needed) = finding::needed_from(policies, partial, &(from * 3600..start * 3600)).filter(|_| from > earliest) {
        let before = needed.div_euclid(3600);
        let mut results = view.results(before..from, hashes);
        while let Some(result) = results.try_next().await? {
            partial.merge(result.partial.only_matches());
        }
        from = before;
    }
    Ok(())
}

/// What is known of each cell in scope. What was collected stays what it is even if nothing more can be. `settle`: seconds
/// after which an hour's events count as delivered.
pub(crate) fn evidence(
    collected: &Collected,
    verified: &Verified,
    cells: &BTreeMap<CellKey, Option<Trouble>>,
    settle: i64,
) -> BTreeMap<CellKey, CellEvidence> {
    let mut known = collected.evidence();
    let mut all = BTreeMap::new();
    for (key, trouble) in cells {
        let mut cell = known.remove(key).unwrap_or_default();
        cell.blocked = trouble.as_ref().map(|trouble| trouble.reason);
        // Event history is management events only and unsigned. What it gave is evaluated and shown; it is no evidence that
        // an hour is covered.
        let mut unsigned = Hours::new();
        for range in collected.history(&key.0, &key.1).ranges() {
            range.filter(|hour| !cell.collected.contains(*hour)).for_each(|hour| unsigned.add(hour..hour + 1));
        }
        if !unsigned.is_empty() {
            cell.holes.push((unsigned, Reason::EventHistory));
        }
        all.insert(key.clone(), cell);
    }
    verified.prove(&mut all, &collected.spoken(), settle);
    all
}

/// Calls of earlier runs that are not in a log which is proven to be complete.
fn lost_calls(collected: &Collected, hours: &Range<i64>, in_scope: impl Fn(&str, &str) -> bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    for ((account, region), calls) in collected.own_calls().filter(|((account, region), _)| in_scope(account, region)) {
        for (at, id) in calls.lost().iter().filter(|(at, _)| hours.contains(&at.div_euclid(3600))) {
            problems.push(Problem::not_recorded(account, region, *at, id));
        }
    }
    problems
}

async fn problems(view: &View, since: i64) -> Result<Vec<Problem>, CollectError> {
    let mut all = Vec::new();
    for document in view.documents(PROBLEMS).await? {
        if document.as_of >= since {
            let problems: Vec<Problem> =
                serde_json::from_value(document.value).map_err(crate::collect::collected::CollectedError::from)?;
            all.extend(problems);
        }
    }
    all.sort();
    all.dedup();
    Ok(all)
}
