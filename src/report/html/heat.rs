//! Coverage over time: a row for each account that lacks anything, a column for each day.

use serde::Serialize;

use crate::report::scope::{self, AccountRow, ScopeView};
use crate::report::v1::{Scope, Share, Step};
use crate::report::words;

/// Accounts with a row of their own; those that lack least are summed up in a sentence.
const ROWS: usize = 100;

/// Days of accounts.
#[derive(Serialize)]
pub(super) struct Heat<'a> {
    /// The columns.
    steps: Vec<String>,
    /// Worst first.
    rows: Vec<HeatRow<'a>>,
    /// Accounts without a row of which every hour is covered.
    whole: usize,
    /// Accounts without a row that lack something.
    more: usize,
}

#[derive(Serialize)]
struct HeatRow<'a> {
    row: AccountRow<'a>,
    cells: Vec<HeatCell>,
}

/// One account on one day.
#[derive(Serialize)]
struct HeatCell {
    /// `full`, `part`, `none`, `off`.
    kind: &'static str,
    /// Percent rounded down, where it is not all.
    text: String,
    /// The same in words.
    words: String,
}

impl<'a> Heat<'a> {
    /// None if the period is a single day: then the table of regions says it all.
    pub(super) fn of(view: &ScopeView<'a>, scope: &'a Scope) -> Option<Self> {
        if scope.steps.len() < 2 {
            return None;
        }
        let (holes, whole): (Vec<_>, Vec<_>) = view.accounts.iter().partition(|row| row.account.covered < row.account.due);
        let rows = holes.iter().take(ROWS).map(|row| HeatRow {
            row: (*row).clone(),
            cells: scope.steps.iter().zip(&row.account.steps).map(|(step, share)| HeatCell::of(step, *share)).collect(),
        });
        let rows: Vec<_> = rows.collect();
        let more = holes.len() - rows.len();
        Some(Self { steps: scope.steps.iter().map(day).collect(), rows, whole: whole.len(), more })
    }
}

impl HeatCell {
    fn of(step: &Step, share: Share) -> Self {
        let kind = scope::kind(share.covered, share.due);
        let text = match kind {
            "part" => (share.covered * 100 / share.due.max(1)).to_string(),
            "none" => "0".to_owned(),
            _ => String::new(),
        };
        let hours = format!("{} of {} h", words::count(share.covered), words::count(share.due));
        let late = if share.late > 0 { format!(", {} h late", words::count(share.late)) } else { String::new() };
        let hours = format!("{hours}{late}");
        let words = if kind == "off" { format!("{}: nothing due", day(step)) } else { format!("{}: {hours}", day(step)) };
        Self { kind, text, words }
    }
}

/// The first day of a step.
fn day(step: &Step) -> String {
    step.since.get(..10).unwrap_or(&step.since).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_says_how_many_of_its_hours_are_late() {
        let step = Step { since: "2026-11-16T00:00:00Z".to_owned(), until: "2026-11-17T00:00:00Z".to_owned() };
        let words = |late| HeatCell::of(&step, Share { due: 24, covered: 24, late }).words;
        assert_eq!((words(0).as_str(), words(3).as_str()), ("2026-11-16: 24 of 24 h", "2026-11-16: 24 of 24 h, 3 h late"));
    }
}
