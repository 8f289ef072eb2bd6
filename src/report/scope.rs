//! What every format says of a scope: shares with their denominators, the worst accounts first, the books of collecting
//! in sentences, verdicts counted. Derived from the document alone, so that no report says what the JSON does not.
//!
//! Shares are rounded down: nothing that lacks an hour reads 100 %.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::report::v1::{Collection, Count, Document, Policy, ReasonHours, Scope, ScopeAccount};
use crate::report::words;

/// The verdicts, those that need attention first.
pub(crate) const VERDICTS: [&str; 5] = ["FAIL", "UNKNOWN", "WAIVED", "PASS", "NOT_APPLICABLE"];

/// How a report of a scope is to be read: what a PASS is.
pub(crate) const METHOD: &str = "The scope is every account and region of the configuration, for every hour from the \
    beginning of the period to its horizon. A PASS needs every one of those hours: a trail was recording, every \
    object that was listed is taken and evaluated, and, unless delivered evidence was asked for, signed digests prove that \
    nothing that was delivered is missing or altered. Missing is never passed: what could not be seen is UNKNOWN, with its \
    reason.";

/// What a scope says, for templates and for the terminal.
#[derive(Debug, Serialize)]
pub(crate) struct ScopeView<'a> {
    /// The scope itself.
    pub(crate) scope: &'a Scope,
    /// Share of the hours due that are delivered.
    pub(crate) percent: String,
    /// Accounts in scope beside those of the organisation.
    pub(crate) denominator: String,
    /// From when to when is judged.
    pub(crate) period: String,
    /// Regions in scope.
    pub(crate) regions: usize,
    /// Account-region-hours outside the denominator.
    pub(crate) not_applicable: u64,
    /// Worst first.
    pub(crate) accounts: Vec<AccountRow<'a>>,
    /// Accounts of which every hour due is delivered.
    pub(crate) whole_accounts: usize,
    /// The books of collecting.
    pub(crate) collection: CollectionWords,
    /// What a PASS rests on, in one sentence without a full stop. Said once in a report.
    pub(crate) grade: String,
    /// Verdicts of policies.
    pub(crate) policies: Verdicts,
    /// Verdicts of policies by account, or account and region.
    pub(crate) places: Verdicts,
    /// Policies that are not known, by why.
    pub(crate) unknown: Vec<UnknownGroup<'a>>,
}

/// An account with its share.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AccountRow<'a> {
    /// The account.
    pub(crate) account: &'a ScopeAccount,
    /// Share of its hours that are delivered.
    pub(crate) percent: String,
    /// `full`, `part`, `none` or `off`; for style sheets.
    pub(crate) kind: &'static str,
}

/// The books of collecting in sentences without a full stop.
#[derive(Debug, Serialize)]
pub(crate) struct CollectionWords {
    /// The sum, and whether it holds.
    pub(crate) books: String,
    /// Bytes, requests and their price.
    pub(crate) requests: String,
    /// How late objects came, if any was taken.
    pub(crate) delays: Option<String>,
    /// Why collecting stopped early, and what is owed; empty if nothing is.
    pub(crate) backlog: Vec<String>,
}

/// How often each verdict was given.
#[derive(Debug, Serialize)]
pub(crate) struct Verdicts {
    /// One for each of [`VERDICTS`], zeros included.
    pub(crate) counts: Vec<Count>,
    /// All of them.
    pub(crate) total: u64,
}

/// Policies that are UNKNOWN for the same reasons.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct UnknownGroup<'a> {
    /// Codes of the reasons, separated by commas.
    pub(crate) reasons: String,
    /// Ids, in the document's order.
    pub(crate) policies: Vec<&'a str>,
}

impl<'a> ScopeView<'a> {
    /// The view of a document's scope, if it has one.
    pub(crate) fn of(document: &'a Document) -> Option<Self> {
        let scope = document.scope.as_ref()?;
        let regions: BTreeSet<&str> = scope.cells.iter().map(|cell| cell.region.as_str()).collect();
        let accounts = accounts(scope);
        Some(Self {
            scope,
            percent: percent(scope.hours_covered, scope.hours_due),
            denominator: denominator(scope),
            period: format!(
                "hours from {} up to {} are judged; later hours are not yet due",
                words::time(&scope.since),
                words::time(&scope.horizon)
            ),
            regions: regions.len(),
            not_applicable: scope.cells.iter().map(|cell| cell.not_applicable).sum(),
            whole_accounts: accounts.iter().filter(|row| row.kind == "full").count(),
            accounts,
            collection: CollectionWords::of(&scope.collection),
            grade: grade(&scope.grade),
            policies: Verdicts::of(document.policies.iter().filter_map(|policy| policy.verdict.as_deref())),
            places: Verdicts::of(document.policies.iter().flat_map(|policy| &policy.verdicts).map(|it| it.verdict.as_str())),
            unknown: unknown(&document.policies),
        })
    }
}

impl Verdicts {
    /// Counts verdicts. One that is not among [`VERDICTS`] comes last.
    pub(crate) fn of<'v>(verdicts: impl Iterator<Item = &'v str>) -> Self {
        let mut counts: Vec<Count> = VERDICTS.map(|name| Count { label: name.to_owned(), count: 0 }).into();
        let mut total = 0;
        for verdict in verdicts {
            total += 1;
            match counts.iter_mut().find(|row| row.label == verdict) {
                Some(row) => row.count += 1,
                None => counts.push(Count { label: verdict.to_owned(), count: 1 }),
            }
        }
        Self { counts, total }
    }

    /// `2 FAIL, 3 UNKNOWN, 7 PASS, 0 NOT_APPLICABLE`.
    pub(crate) fn words(&self) -> String {
        let each = self.counts.iter().map(|row| format!("{} {}", words::count(row.count), row.label));
        each.collect::<Vec<_>>().join(", ")
    }
}

impl CollectionWords {
    fn of(collection: &Collection) -> Self {
        let part = |number: u64, label: &str| format!("{} {label}", words::count(number));
        let sum = if collection.balanced {
            "the books balance"
        } else {
            "the books do not balance: something was lost or counted twice; report this as a fault"
        };
        let books = format!(
            "{} = {}; {sum}",
            part(collection.listed, "listed"),
            [
                part(collection.taken, "taken"),
                part(collection.already, "already there"),
                part(collection.failed, "failed"),
                part(collection.skipped, "skipped"),
                part(collection.left, "left"),
            ]
            .join(" + ")
        );
        let requests = format!(
            "{} pages of listings, {} reads, {} writes and {} other calls, about ${}; {} taken, {} inflated",
            words::count(collection.list_requests),
            words::count(collection.get_requests),
            words::count(collection.put_requests),
            words::count(collection.api_requests),
            collection.dollars,
            words::bytes(collection.stored_bytes),
            words::bytes(collection.inflated_bytes)
        );
        let delays = (collection.taken > 0).then(|| {
            format!(
                "{} from an event to its object, {} from an object to the run that took it",
                duration(collection.event_to_object_seconds),
                duration(collection.object_to_run_seconds)
            )
        });
        Self { books, requests, delays, backlog: backlog(collection) }
    }
}

fn backlog(collection: &Collection) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(why) = &collection.stopped {
        lines.push(format!("collecting stopped early: {why}"));
    }
    if collection.left > 0 {
        let objects = words::plural(collection.left, "listed object was", "listed objects were");
        lines.push(format!("{objects} not tried and left to the next run"));
    }
    if collection.owed > 0 {
        let objects = words::plural(collection.owed, "object is", "objects are");
        lines.push(format!("{objects} owed from this run and earlier ones; every run tries them again"));
    }
    lines
}

/// Delivered of due in percent, rounded down to two decimals: `99.90 %`. What is not nothing is at least `0.01 %`.
#[must_use]
pub(crate) fn percent(delivered: u64, due: u64) -> String {
    match (delivered, due) {
        (_, 0) => "nothing due".to_owned(),
        (0, _) => "0 %".to_owned(),
        (delivered, due) if delivered >= due => "100 %".to_owned(),
        (delivered, due) => {
            let hundredths = (u128::from(delivered) * 10_000 / u128::from(due)).max(1);
            format!("{}.{:02} %", hundredths / 100, hundredths % 100)
        }
    }
}

/// How a share looks: `full`, `part`, `none`, or `off` where nothing was due.
#[must_use]
pub(crate) fn kind(delivered: u64, due: u64) -> &'static str {
    match (delivered, due) {
        (_, 0) => "off",
        (0, _) => "none",
        (delivered, due) if delivered >= due => "full",
        _ => "part",
    }
}

/// A time span in the two largest units: `1 h 10 min`.
#[must_use]
pub(crate) fn duration(seconds: i64) -> String {
    let minutes = seconds.max(0) / 60;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => "under 1 min".to_owned(),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// `8 h kms-denied, not-evaluable`: reasons with their hours, if they have hours of their own.
#[must_use]
pub(crate) fn reasons(unknown: &[ReasonHours]) -> String {
    let one = |it: &ReasonHours| match it.hours {
        0 => it.reason.clone(),
        hours => format!("{} h {}", words::count(hours), it.reason),
    };
    unknown.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A sentence of the document without the verdict that it begins with, and without the words that only a scan needs: with
/// a scope a verdict stands beside it.
#[must_use]
pub(crate) fn answer(statement: &str) -> String {
    let verdicts = ["PASS: ", "FAIL: ", "WAIVED: ", "UNKNOWN: ", "NOT_APPLICABLE: "];
    let statement = verdicts.iter().find_map(|verdict| statement.strip_prefix(verdict)).unwrap_or(statement);
    match statement.strip_prefix("no match in what was read") {
        Some(rest) => format!("no match{rest}"),
        None => statement.to_owned(),
    }
}

/// A share with its denominator, and how it compares with what is asked for; a part of a sentence.
#[must_use]
pub(crate) fn share(scope: &Scope) -> String {
    let (due, delivered) = (words::count(scope.hours_due), words::count(scope.hours_covered));
    match kind(scope.hours_covered, scope.hours_due) {
        "off" => "no hour was due".to_owned(),
        "full" => format!("all {due} account-region-hours"),
        _ => {
            let percent = percent(scope.hours_covered, scope.hours_due);
            let asked = match (scope.complete, scope.min_coverage.as_str()) {
                (true, asked) => format!(", at least the {asked} % asked for"),
                (false, "100") => String::new(),
                (false, asked) => format!(", less than the {asked} % asked for"),
            };
            format!("{delivered} of {due} account-region-hours ({percent}{asked})")
        }
    }
}

fn denominator(scope: &Scope) -> String {
    let inside = words::plural(scope.accounts.len() as u64, "account", "accounts");
    let out = scope.left_out.len() as u64;
    let Some(all) = scope.organization_accounts else {
        let left_out = if out > 0 { format!("; {} left out", words::count(out)) } else { String::new() };
        return format!("{inside} in scope; how many the organisation has in all was not read{left_out}");
    };
    if scope.accounts.len() as u64 > all {
        // Some are listed beside the organisation, so its number is no denominator for them.
        return format!("{inside} in scope; the organisation has {}; {} left out", words::count(all), words::count(out));
    }
    let unexplained = all.saturating_sub(scope.accounts.len() as u64 + out);
    let rest = match unexplained {
        0 => String::new(),
        some => format!("; {} neither in scope nor left out", words::count(some)),
    };
    format!("{inside} in scope of {} in the organisation; {} left out{rest}", words::count(all), words::count(out))
}

/// Accounts by share, the smallest first; among equals the most missing hours, then the id.
fn accounts(scope: &Scope) -> Vec<AccountRow<'_>> {
    let mut rows: Vec<AccountRow<'_>> = scope
        .accounts
        .iter()
        .map(|account| AccountRow {
            account,
            percent: percent(account.covered, account.due),
            kind: kind(account.covered, account.due),
        })
        .collect();
    rows.sort_by_key(|row| {
        let (due, delivered) = (row.account.due, row.account.covered);
        // Where nothing was due, nothing is missing: those come last.
        let share = if due == 0 { u128::MAX } else { u128::from(delivered) * 1_000_000 / u128::from(due) };
        (share, Reverse(due.saturating_sub(delivered)), row.account.account.as_str())
    });
    rows
}

fn grade(grade: &str) -> String {
    match grade {
        "delivered" => "PASS on delivered evidence: signatures of digests were not verified".to_owned(),
        "verified" => "PASS on verified evidence: objects were compared with signed digests".to_owned(),
        other => format!("PASS on {other} evidence"),
    }
}

/// Policies that are UNKNOWN, by their reasons; the largest group first.
fn unknown(policies: &[Policy]) -> Vec<UnknownGroup<'_>> {
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for policy in policies.iter().filter(|policy| policy.verdict.as_deref() == Some("UNKNOWN")) {
        let of_policy = policy.verdicts.iter().flat_map(|it| &it.unknown).map(|it| it.reason.as_str());
        let codes: BTreeSet<&str> = of_policy.collect();
        groups.entry(codes.into_iter().collect::<Vec<_>>().join(", ")).or_default().push(&policy.id);
    }
    let mut groups: Vec<_> = groups.into_iter().map(|(reasons, policies)| UnknownGroup { reasons, policies }).collect();
    groups.sort_by_key(|group| Reverse(group.policies.len()));
    groups
}

/// "3 of the delivered hours are late: …"; none if no hour is.
pub(crate) fn late(hours: u64) -> Option<String> {
    let (hours_are, theirs) = match hours {
        0 => return None,
        1 => ("1 delivered hour is late".to_owned(), "its"),
        _ => (format!("{} delivered hours are late", words::count(hours)), "their"),
    };
    Some(format!("{hours_are}: some of {theirs} log objects, or {theirs} digest, came later than events are waited for."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_share_is_rounded_down() {
        assert_eq!(percent(8_640, 8_640), "100 %");
        assert_eq!(percent(999_999, 1_000_000), "99.99 %");
        assert_eq!([percent(0, 5), percent(1, u64::MAX), percent(0, 0)], ["0 %", "0.01 %", "nothing due"]);
        assert_eq!([kind(5, 5), kind(1, 5), kind(0, 5), kind(0, 0)], ["full", "part", "none", "off"]);
    }

    #[test]
    fn durations() {
        let words = [-5, 59, 60, 3_600, 4_200, 90_000, 864_000].map(duration);
        assert_eq!(words, ["under 1 min", "under 1 min", "1 min", "1 h", "1 h 10 min", "1 d 1 h", "10 d"]);
    }

    #[test]
    fn the_organisation_is_the_denominator() {
        let mut document = fixture::scoped();
        assert_eq!(ScopeView::of(&document).unwrap().denominator, "12 accounts in scope of 14 in the organisation; 2 left out");
        let scope = document.scope.as_mut().unwrap();
        scope.organization_accounts = Some(15);
        assert!(denominator(scope).ends_with("2 left out; 1 neither in scope nor left out"));
        scope.organization_accounts = None;
        assert!(denominator(scope).contains("was not read; 2 left out"));
    }

    #[test]
    fn the_worst_account_comes_first_and_every_verdict_is_counted() {
        let document = fixture::scoped();
        let view = ScopeView::of(&document).unwrap();
        let missing = |row: &AccountRow<'_>| row.account.due - row.account.covered;
        assert!(missing(&view.accounts[0]) > 0 && missing(view.accounts.last().unwrap()) == 0);
        assert_eq!(view.policies.total as usize, document.policies.len());
        assert_eq!(view.policies.counts.iter().map(|row| row.count).sum::<u64>(), view.policies.total);
        let unknown: usize = view.unknown.iter().map(|group| group.policies.len()).sum();
        assert_eq!(unknown as u64, view.policies.counts[1].count);
    }
}
