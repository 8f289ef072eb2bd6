//! What all formats say about a document: the verdict in words, findings by level and account, requirements by
//! status. Derived from the document alone, so that no report says what the JSON does not.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::report::v1::{Count, Document, Finding, Framework, Problem, Scope};
use crate::report::{scope, words};

/// The levels, most severe first.
pub(crate) const LEVELS: [&str; 5] = ["critical", "high", "medium", "low", "informational"];

/// The statuses of a requirement, the ones that need attention first.
const STATUSES: [&str; 6] = ["exception", "review", "not evaluable", "needs configuration", "no match", "not answered by logs"];

/// Why no report of a scan says PASS: the long form of what the document's statement says in every report.
pub(crate) const NO_PASS: &str = "A scan of files has no scope to be complete against: it cannot know which accounts, \
    regions or hours should have been there. It says what was read and what matched, and never PASS.";

/// Who is behind the occurrences of a finding that are shown: what is said of each, once.
pub(crate) fn behind(finding: &Finding) -> Vec<&str> {
    let mut told: Vec<&str> = Vec::new();
    for behind in finding.occurrences.iter().filter_map(|occurrence| occurrence.behind.as_ref()) {
        if !told.contains(&behind.statement.as_str()) {
            told.push(&behind.statement);
        }
    }
    told
}

/// The result of the run in words.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// `clean`, `findings`, `incomplete` or `both`; for style sheets.
    pub(crate) kind: &'static str,
    /// A short label: `Findings`, `Incomplete`.
    pub(crate) label: &'static str,
    /// One sentence without a full stop.
    pub(crate) words: String,
}

impl Verdict {
    /// The verdict that the exit code of the run stands for, with the numbers behind it.
    #[must_use]
    pub(crate) fn of(document: &Document) -> Self {
        if let Some(scope) = &document.scope {
            return Self::of_scope(document, scope);
        }
        let fail_on = &document.run.fail_on;
        let threshold = rank(fail_on);
        let severe = document.findings.iter().filter(|finding| rank(&finding.level) <= threshold).count() as u64;
        let found = format!("{} at or above {fail_on}", words::plural(severe, "finding", "findings"));
        let nothing_read = document.books.records.read == 0;
        let hole = match (nothing_read, document.coverage.problems_total) {
            (true, _) => "no record could be read",
            // Everything was read; what is left is records whose deciding fields AWS omitted.
            (false, 0) => "not everything could be judged",
            (false, _) => "not everything could be read",
        };
        let (kind, label, words) = match document.run.exit_code {
            0 => ("clean", "No finding", format!("No finding at or above {fail_on} in what was read")),
            1 => ("findings", "Findings", format!("{found} in what was read")),
            4 => ("both", "Findings, incomplete", format!("{found}, and {hole}")),
            _ if nothing_read => ("incomplete", "Incomplete", "Nothing can be said: no record could be read".to_owned()),
            _ => ("incomplete", "Incomplete", format!("No finding at or above {fail_on}, but {hole}")),
        };
        Self { kind, label, words }
    }

    /// The verdict of a run, which knows what it should have seen.
    fn of_scope(document: &Document, scope: &Scope) -> Self {
        let fail_on = &document.run.fail_on;
        let threshold = rank(fail_on);
        let counts = |finding: &&Finding| {
            let old = finding.life.as_ref().is_some_and(|life| !life.is_new());
            rank(&finding.level) <= threshold && !finding.is_accepted() && !(document.run.fail_on_new && old)
        };
        let severe = document.findings.iter().filter(counts).count() as u64;
        let found = match severe {
            0 => format!("No finding at or above {fail_on}"),
            some if document.run.fail_on_new => {
                format!("{} at or above {fail_on}", words::plural(some, "new finding", "new findings"))
            }
            some => format!("{} at or above {fail_on}", words::plural(some, "finding", "findings")),
        };
        let share = scope::share(scope);
        let balanced = document.books.balanced && scope.collection.balanced;
        let hole = match (scope.complete, balanced, document.coverage.problems_total) {
            (false, ..) => format!("coverage is incomplete: {share}"),
            (true, false, _) => "the books do not balance".to_owned(),
            (true, true, 0) => "not everything could be judged".to_owned(),
            (true, true, _) => "not everything that was collected could be read".to_owned(),
        };
        let (kind, label, words) = match document.run.exit_code {
            0 => ("clean", "No finding, complete", format!("{found}, and coverage is complete: {share}")),
            1 => ("findings", "Findings", format!("{found}; coverage is complete: {share}")),
            4 => ("both", "Findings, incomplete", format!("{found}, and {hole}")),
            _ => ("incomplete", "Incomplete", format!("{found}, but {hole}")),
        };
        Self { kind, label, words }
    }
}

/// Whether somebody should look at a finding, and nobody did: at those that fail a run and those that have a time by which somebody
/// must, unless somebody accepted them.
pub(crate) fn waits(finding: &Finding, fail_on: &str) -> bool {
    let Some(life) = &finding.life else { return false };
    let asked_for = rank(&finding.level) <= rank(fail_on) || life.due.is_some();
    asked_for && finding.reviewed.is_none() && !finding.is_accepted()
}

/// Findings of one level.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LevelCount {
    /// The level.
    pub(crate) level: &'static str,
    /// Findings of that level.
    pub(crate) findings: u64,
    /// Matches in those findings.
    pub(crate) matches: u64,
}

/// Findings of one account.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AccountCount {
    /// Account id.
    pub(crate) account: String,
    /// Findings by level, in the order of [`LEVELS`].
    pub(crate) levels: [u64; 5],
    /// Findings in all.
    pub(crate) findings: u64,
    /// Matches in those findings.
    pub(crate) matches: u64,
}

/// The findings of one account, for a page of their own.
pub(crate) struct OfAccount<'a> {
    /// Account id, as records say it.
    pub(crate) account: &'a str,
    /// The account as a part of a file name and of a link, unlike that of every other account of the document.
    pub(crate) file_part: String,
    /// In the order of the document.
    pub(crate) findings: Vec<&'a Finding>,
}

/// The findings by account, in the order of the accounts.
pub(crate) fn of_accounts(document: &Document) -> Vec<OfAccount<'_>> {
    let mut by_account: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in &document.findings {
        by_account.entry(&finding.account).or_default().push(finding);
    }
    let mut accounts: Vec<OfAccount<'_>> = Vec::new();
    for (account, findings) in by_account {
        let plain = file_part(account);
        // What records made up may come to the same name. A hyphen is in none of them.
        let taken = accounts.iter().any(|other| other.file_part == plain);
        let file_part = if taken { format!("{plain}-{}", accounts.len()) } else { plain };
        accounts.push(OfAccount { account, file_part, findings });
    }
    accounts
}

/// An account as a part of a file name: ids are digits; what a record made up is not.
fn file_part(account: &str) -> String {
    account.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '_' }).take(40).collect()
}

/// Place of a level in [`LEVELS`]; a level that is not there comes after all others.
#[must_use]
pub(crate) fn rank(level: &str) -> usize {
    LEVELS.iter().position(|known| *known == level).unwrap_or(LEVELS.len())
}

/// Findings and matches for each of [`LEVELS`], zeros included.
#[must_use]
pub(crate) fn by_level(findings: &[Finding]) -> Vec<LevelCount> {
    let of = |level: &'static str| {
        let matching = || findings.iter().filter(|finding| finding.level == level);
        LevelCount { level, findings: matching().count() as u64, matches: matching().map(|finding| finding.count).sum() }
    };
    LEVELS.into_iter().map(of).collect()
}

/// Accounts that have findings, those with the most severe ones first, then by id.
#[must_use]
pub(crate) fn by_account(findings: &[Finding]) -> Vec<AccountCount> {
    let mut accounts: BTreeMap<&str, AccountCount> = BTreeMap::new();
    for finding in findings {
        let row = accounts.entry(&finding.account).or_insert_with(|| AccountCount {
            account: finding.account.clone(),
            levels: [0; 5],
            findings: 0,
            matches: 0,
        });
        if let Some(cell) = row.levels.get_mut(rank(&finding.level)) {
            *cell += 1;
        }
        row.findings += 1;
        row.matches += finding.count;
    }
    let mut rows: Vec<_> = accounts.into_values().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.levels));
    rows
}

/// How many requirements of a framework have each status; statuses that none has are left out.
#[must_use]
pub(crate) fn by_status(framework: &Framework) -> Vec<Count> {
    let mut counts: Vec<Count> = STATUSES.into_iter().map(|status| Count { label: status.to_owned(), count: 0 }).collect();
    for requirement in &framework.requirements {
        match counts.iter_mut().find(|row| row.label == requirement.status) {
            Some(row) => row.count += 1,
            None => counts.push(Count { label: requirement.status.clone(), count: 1 }),
        }
    }
    counts.retain(|row| row.count > 0);
    counts
}

/// The listed problems: first those that may be tampering, then the others, each in the document's order.
#[must_use]
pub(crate) fn problems(document: &Document) -> (Vec<&Problem>, Vec<&Problem>) {
    document.coverage.problems.iter().partition(|problem| problem.tampering)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn verdict_follows_the_exit_code() {
        let mut document = fixture::middle();
        let words = |document: &Document| Verdict::of(document).words;
        assert_eq!(words(&document), "18 findings at or above high, and not everything could be read");
        document.run.exit_code = 1;
        assert_eq!(words(&document), "18 findings at or above high in what was read");
        document.findings.clear();
        document.run.exit_code = 0;
        assert_eq!(words(&document), "No finding at or above high in what was read");
        document.run.exit_code = 3;
        assert_eq!(words(&document), "No finding at or above high, but not everything could be read");
        document.books.records.read = 0;
        assert_eq!(words(&document), "Nothing can be said: no record could be read");
    }

    #[test]
    fn the_verdict_of_a_run_names_its_coverage() {
        let mut document = fixture::scoped();
        let words = |document: &Document| Verdict::of(document).words;
        let share = "6,524 of 7,896 account-region-hours (82.62 %)";
        assert!(words(&document).starts_with("17 findings at or above high, and coverage is incomplete: "));
        assert!(words(&document).contains(share), "{}", words(&document));
        (document.findings, document.run.exit_code) = (Vec::new(), 3);
        assert!(words(&document).starts_with("No finding at or above high, but coverage is incomplete: "));
        let scope = document.scope.as_mut().unwrap();
        (scope.complete, scope.min_coverage) = (true, "80".to_owned());
        assert_eq!(words(&document), "No finding at or above high, but not everything that was collected could be read");
        document.run.exit_code = 0;
        assert!(words(&document).ends_with("at least the 80 % asked for)"), "{}", words(&document));
        let scope = document.scope.as_mut().unwrap();
        scope.hours_covered = scope.hours_due;
        let all = "No finding at or above high, and coverage is complete: all 7,896 account-region-hours";
        assert_eq!(words(&document), all);
    }

    #[test]
    fn no_report_calls_a_scan_passed() {
        for exit_code in [0, 1, 3, 4] {
            let mut document = fixture::empty();
            document.run.exit_code = exit_code;
            assert!(!Verdict::of(&document).words.to_lowercase().contains("pass"));
        }
    }

    #[test]
    fn accounts_with_the_most_severe_findings_come_first() {
        let rows = by_account(&fixture::middle().findings);
        assert!(rows.windows(2).all(|pair| pair[0].levels >= pair[1].levels));
        assert_eq!(rows.iter().map(|row| row.findings).sum::<u64>(), fixture::middle().findings.len() as u64);
    }
}
