//! Coverage by itself, for a terminal: a strip of days for each account, then every hour that is not covered.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use super::escape::terminal;
use super::v1::{CoverageDocument, ScopeAccount, ScopeCell, Share};
use super::{scope, words};

/// Accounts and regions of which the hours are listed; the rest are counted.
const CELLS: usize = 60;

/// Stretches listed of one account and region.
const STRETCHES: usize = 12;

/// Columns of an account's name.
const NAME: usize = 24;

/// As text.
pub(crate) fn text(document: &CoverageDocument) -> String {
    let mut out = String::new();
    line(&mut out, &format!("COVERAGE of {}, as of {}", document.name, words::time(&document.as_of)));
    line(&mut out, &document.statement);
    if let Some(late) = scope::late(document.hours_late) {
        line(&mut out, &late);
    }
    line(&mut out, &document.integrity.statement);
    line(&mut out, &document.recording.statement);
    line(
        &mut out,
        &format!(
            "hours from {} up to {}; later ones are not yet due",
            words::time(&document.since),
            words::time(&document.horizon)
        ),
    );
    for reason in &document.unknown {
        line(&mut out, &format!("  {}: {} h, {}", reason.reason, words::count(reason.hours), reason.words));
    }
    for unit in &document.units {
        let share = scope::percent(unit.covered, unit.due);
        let accounts = words::plural(unit.accounts, "account", "accounts");
        line(&mut out, &format!("  {}: {share} of {} h, {accounts}", unit.unit, words::count(unit.due)));
    }
    strips(document, &mut out);
    holes(&document.cells, &mut out);
    out
}

fn line(out: &mut String, text: &str) {
    // Names and messages come from configuration and from AWS.
    writeln!(out, "{}", terminal(text)).expect("writing to memory cannot fail");
}

/// A character for each day of each account.
fn strips(document: &CoverageDocument, out: &mut String) {
    if let (Some(first), Some(last)) = (document.steps.first(), document.steps.last()) {
        let day = |text: &str| text.get(..10).unwrap_or(text).to_owned();
        let period = format!("{} to {}", day(&first.since), day(&last.since));
        line(out, "");
        line(out, &format!("each day from {period}: █ all hours, ▓ half or more, ░ less, · none, - nothing due"));
    }
    let mut accounts: Vec<&ScopeAccount> = document.accounts.iter().collect();
    accounts.sort_by_key(|account| (std::cmp::Reverse(account.due - account.covered), &account.account));
    for account in accounts {
        let strip: String = account.steps.iter().map(|share| mark(*share)).collect();
        let name = words::shorten(&terminal(&account.name), NAME);
        let room = " ".repeat(NAME.saturating_sub(name.width()));
        let share = scope::percent(account.covered, account.due);
        line(out, &format!("  {}  {name}{room}  {share:>8}  {strip}", account.account));
    }
}

fn mark(share: Share) -> char {
    match share {
        Share { due: 0, .. } => '-',
        Share { due, covered, .. } if covered >= due => '█',
        Share { due, covered, .. } if covered * 2 >= due => '▓',
        Share { covered: 0, .. } => '·',
        _ => '░',
    }
}

fn holes(cells: &[ScopeCell], out: &mut String) {
    let open: Vec<&ScopeCell> = cells.iter().filter(|cell| cell.covered < cell.due).collect();
    if open.is_empty() {
        return;
    }
    line(out, "");
    line(out, "hours that are not covered");
    for cell in open.iter().take(CELLS) {
        line(
            out,
            &format!(
                "  {} {}: {} of {} h covered",
                cell.account,
                cell.region,
                words::count(cell.covered),
                words::count(cell.due)
            ),
        );
        for hole in cell.holes.iter().take(STRETCHES) {
            line(out, &format!("    {}: {}", words::period(&hole.since, &hole.until), hole.reason));
        }
        let more = cell.holes_total.saturating_sub(STRETCHES as u64);
        if more > 0 {
            line(out, &format!("    and {} more; --format json has them", words::plural(more, "stretch", "stretches")));
        }
    }
    let left = open.len().saturating_sub(CELLS) as u64;
    if left > 0 {
        line(
            out,
            &format!("  and {} more; --format json has them", words::plural(left, "account and region", "accounts and regions")),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn coverage_in_a_terminal() {
        let scope = fixture::scoped().scope.expect("it has a scope");
        let document = CoverageDocument {
            version: 1,
            name: scope.name,
            as_of: "2026-11-22T08:00:00Z".to_owned(),
            since: scope.since,
            horizon: scope.horizon,
            grade: "delivered",
            statement: scope.statement,
            hours_due: scope.hours_due,
            hours_delivered: scope.hours_delivered,
            hours_verified: scope.hours_verified,
            hours_late: scope.hours_late,
            hours_covered: scope.hours_covered,
            unknown: scope.unknown,
            integrity: scope.integrity,
            recording: scope.recording,
            steps: scope.steps,
            units: scope.units,
            accounts: scope.accounts,
            cells: scope.cells,
        };
        insta::assert_snapshot!(text(&document));
        let late = text(&CoverageDocument { hours_late: 1_200, ..document });
        let said =
            "1,200 delivered hours are late: some of their log objects, or their digest, came later than events are waited for.";
        assert!(late.lines().any(|line| line == said), "{late}");
    }

    #[test]
    fn a_day_has_one_mark() {
        let marks = [(0, 0), (24, 24), (24, 12), (24, 11), (24, 0)].map(|(due, covered)| mark(Share { due, covered, late: 0 }));
        assert_eq!(marks, ['-', '█', '▓', '░', '·']);
    }
}
