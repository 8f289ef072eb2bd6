//! What keeps a document from being complete: one hole for each reason.

use std::collections::BTreeMap;

use crate::report::v1::{Document, Policy, Problem, Scope};
use crate::report::words;

/// Names in one message.
const SHOWN: usize = 10;

/// A reason why something is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    /// Stable code of the reason.
    pub(super) code: String,
    /// What is missing, why, what to do.
    pub(super) text: String,
    /// Whether the configuration asks for less coverage than there is, so that nothing fails because of it.
    pub(super) tolerated: bool,
}

/// Every reason, those with the most hours first.
pub(super) fn of(document: &Document) -> Vec<Hole> {
    let mut holes: Vec<Hole> = document.scope.iter().flat_map(hours).collect();
    let unlisted = document.coverage.problems_total > document.coverage.problems.len() as u64;
    holes.extend(problems(&document.coverage.problems, unlisted));
    let unknown: Vec<&Policy> = document.policies.iter().filter(|policy| is_unknown(policy)).collect();
    if !unknown.is_empty() {
        let ids = listed(unknown.iter().map(|policy| policy.id.as_str()), unknown.len());
        let count = words::plural(unknown.len() as u64, "policy is", "policies are");
        let text = match document.scope {
            Some(_) => format!("{count} UNKNOWN, in a part of the scope at least: {ids}"),
            None => format!("{count} not judged on every record, because the record or the configuration lacks something: {ids}"),
        };
        holes.push(Hole { code: "policies-unknown".to_owned(), text, tolerated: false });
    }
    if !document.books.balanced || document.scope.as_ref().is_some_and(|scope| !scope.collection.balanced) {
        let text = "The books do not balance: something was read and not counted. This is a bug, please report it.".to_owned();
        holes.push(Hole { code: "books-unbalanced".to_owned(), text, tolerated: false });
    }
    if holes.is_empty() && !super::is_complete(document) {
        let text = document.coverage.statement.clone();
        holes.push(Hole { code: "incomplete".to_owned(), text, tolerated: false });
    }
    holes
}

/// Whether nobody knows what a policy would say; of a scan, whether there are records that it could not judge.
pub(super) fn is_unknown(policy: &Policy) -> bool {
    match &policy.verdict {
        Some(verdict) => verdict == "UNKNOWN",
        None => policy.status == "not evaluable" || policy.not_evaluable > 0,
    }
}

/// Hours that are not covered, by reason, with what kept the run from seeing.
fn hours(scope: &Scope) -> Vec<Hole> {
    let hole = |unknown: &crate::report::v1::ReasonHours| {
        let hours = words::plural(unknown.hours, "account-region-hour is", "account-region-hours are");
        let of = scope.obstacles.iter().filter(|obstacle| obstacle.reason == unknown.reason);
        let messages: Vec<&str> = of.map(|obstacle| obstacle.message.as_str()).collect();
        let cells: Vec<String> = scope
            .cells
            .iter()
            .filter(|cell| cell.unknown.iter().any(|one| one.reason == unknown.reason))
            .map(|cell| format!("{}/{}", cell.account, cell.region))
            .collect();
        let mut text = format!(
            "{hours} not covered, because {} ({}): {}",
            unknown.words,
            unknown.reason,
            listed(cells.iter().map(String::as_str), cells.len())
        );
        if !messages.is_empty() {
            text = format!("{text}; {}", listed(messages.iter().copied(), messages.len()));
        }
        Hole { code: unknown.reason.clone(), text, tolerated: scope.complete }
    };
    scope.unknown.iter().map(hole).collect()
}

/// What could not be taken at face value, by code. Of very many the document lists the first only.
fn problems(problems: &[Problem], unlisted: bool) -> Vec<Hole> {
    let mut by_code: BTreeMap<&str, Vec<&Problem>> = BTreeMap::new();
    for problem in problems {
        by_code.entry(&problem.code).or_default().push(problem);
    }
    let hole = |(code, problems): (&str, Vec<&Problem>)| {
        let places = listed(problems.iter().map(|problem| problem.object.as_str()), problems.len());
        let tampering = if problems.iter().any(|problem| problem.tampering) { ", which may be tampering" } else { "" };
        let first = problems.first().map_or("", |problem| &problem.message);
        let count = words::plural(problems.len() as u64, "problem", "problems");
        let least = if unlisted { "at least " } else { "" };
        let text = format!("{least}{count} in the evidence ({code}){tampering}: {}; in {places}", first.trim_end_matches('.'));
        // The same code may be a reason of hours too.
        Hole { code: format!("problem-{code}"), text, tolerated: false }
    };
    by_code.into_iter().map(hole).collect()
}

/// The first names, and how many more there are.
fn listed<'a>(names: impl Iterator<Item = &'a str>, count: usize) -> String {
    let first = names.take(SHOWN).collect::<Vec<_>>().join(", ");
    match count.checked_sub(SHOWN) {
        None | Some(0) => first,
        Some(more) => format!("{first} and {} more", words::count(more as u64)),
    }
}
