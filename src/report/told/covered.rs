//! The coverage of a scope as documents have it: a sentence, accounts, accounts and regions, over time.

use std::collections::BTreeMap;
use std::ops::Range;

use assize_engine::coverage::{Ask, CellEvidence, Reason, Tally};
use assize_engine::policy::Evidence;

use super::over_time;
use crate::collect::collected::CellKey;
use crate::digests::{self, Totals};
use crate::estate::Account;
use crate::report::{v1, words};

/// What coverage is told from.
pub(crate) struct Covered<'a> {
    cells: &'a BTreeMap<CellKey, CellEvidence>,
    hours: &'a Range<i64>,
    grade: Evidence,
    /// The hours of each cell, counted.
    tallies: BTreeMap<&'a CellKey, Tally>,
}

impl<'a> Covered<'a> {
    /// Counts the hours of every cell in scope at the grade of evidence that covers.
    pub(crate) fn of(cells: &'a BTreeMap<CellKey, CellEvidence>, hours: &'a Range<i64>, grade: Evidence) -> Covered<'a> {
        let tally = |(key, cell): (&'a CellKey, &CellEvidence)| (key, cell.tally(hours.clone(), &Ask::any(grade)));
        Covered { cells, hours, grade, tallies: cells.iter().map(tally).collect() }
    }

    /// All hours together.
    pub(crate) fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.tallies.values().for_each(|tally| total.add(tally));
        total
    }

    /// The hours of each account.
    fn by_account(&self) -> BTreeMap<&str, Tally> {
        let mut accounts: BTreeMap<&str, Tally> = BTreeMap::new();
        for ((account, _), tally) in &self.tallies {
            accounts.entry(account).or_default().add(tally);
        }
        accounts
    }

    /// The period in steps.
    pub(crate) fn steps(&self) -> Vec<v1::Step> {
        over_time::steps(self.hours).iter().map(over_time::step).collect()
    }

    /// The accounts in scope, with the findings in each.
    pub(crate) fn accounts(&self, accounts: &[Account], findings: &dyn Fn(&str) -> u64) -> Vec<v1::ScopeAccount> {
        let mut by_step = over_time::by_account(self.cells, &over_time::steps(self.hours), self.grade);
        let mut tallies = self.by_account();
        let mut of = |account: &Account| {
            let tally = tallies.remove(account.id.as_str()).unwrap_or_default();
            v1::ScopeAccount {
                account: account.id.clone(),
                name: account.name.clone(),
                env: account.env.clone(),
                due: tally.due,
                delivered: tally.delivered,
                verified: tally.verified,
                late: tally.late,
                covered: tally.covered(),
                steps: by_step.remove(account.id.as_str()).unwrap_or_default(),
                findings: findings(&account.id),
            }
        };
        accounts.iter().map(&mut of).collect()
    }

    /// Organisational units, each with all that is below it, by name.
    pub(crate) fn units(&self, accounts: &[Account]) -> Vec<v1::UnitShare> {
        let tallies = self.by_account();
        let mut units: BTreeMap<String, v1::UnitShare> = BTreeMap::new();
        for account in accounts {
            let tally = tallies.get(account.id.as_str()).cloned().unwrap_or_default();
            for depth in 1..=account.units.len() {
                let unit = account.units.get(..depth).unwrap_or_default().join("/");
                let new = || v1::UnitShare { unit: unit.clone(), accounts: 0, due: 0, covered: 0 };
                let share = units.entry(unit.clone()).or_insert_with(new);
                share.accounts += 1;
                share.due += tally.due;
                share.covered += tally.covered();
            }
        }
        units.into_values().collect()
    }

    /// Accounts and regions, with the records that were evaluated in each.
    pub(crate) fn cells(&self, records: &dyn Fn(&CellKey) -> u64) -> Vec<v1::ScopeCell> {
        let of = |((key, cell), tally): ((&CellKey, &CellEvidence), &Tally)| {
            let (holes, holes_total) = over_time::holes(cell, self.hours, &Ask::any(self.grade));
            v1::ScopeCell {
                account: key.0.clone(),
                region: key.1.clone(),
                due: tally.due,
                delivered: tally.delivered,
                verified: tally.verified,
                late: tally.late,
                covered: tally.covered(),
                not_applicable: tally.not_applicable,
                unknown: reason_hours(tally),
                holes,
                holes_total,
                records: records(key),
            }
        };
        // Both are in the order of the keys.
        self.cells.iter().zip(self.tallies.values()).map(of).collect()
    }
}

/// What covers nothing at all, so that nobody takes it for a quiet region: by hours, most first.
fn reasons(tally: &Tally) -> Vec<(Reason, u64)> {
    let mut reasons: Vec<(Reason, u64)> = tally.unknown.iter().map(|(reason, hours)| (*reason, *hours)).collect();
    reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    reasons
}

/// "Of 8,640 account-region-hours due, 8,632 are proven complete by signed digests; 8 are not: 8 digest-missing."
pub(crate) fn statement(total: &Tally, grade: Evidence) -> String {
    if total.due == 0 {
        return "No account-region-hour is due, so nothing can be said.".to_owned();
    }
    let due = words::plural(total.due, "account-region-hour", "account-region-hours");
    let (covered, verified) = (total.covered(), total.verified);
    let what = match grade {
        Evidence::Verified => "proven complete by signed digests".to_owned(),
        Evidence::Delivered if verified == 0 => "delivered".to_owned(),
        Evidence::Delivered => format!("delivered ({} of them proven complete by signed digests)", words::count(verified)),
    };
    if covered == total.due {
        return format!("Of {due} due, all {} are {what}.", words::count(total.due));
    }
    let short = total.due - covered;
    format!(
        "Of {due} due, {} are {what}; {} {} not: {}.",
        words::count(covered),
        words::count(short),
        if short == 1 { "is" } else { "are" },
        shortfall(total)
    )
}

/// "8 digest-missing, 2 denied": hours that are not covered, most first.
pub(crate) fn shortfall(total: &Tally) -> String {
    let reasons = reasons(total).into_iter().map(|(reason, hours)| format!("{} {}", words::count(hours), reason.code()));
    reasons.collect::<Vec<_>>().join(", ")
}

/// The name of a grade.
pub(crate) fn grade(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Verified => "verified",
        Evidence::Delivered => "delivered",
    }
}

/// "1,440 digests of 2 chains: all valid; 8,000 log objects: all valid; checked with 4 public keys."
pub(crate) fn integrity(totals: &Totals) -> v1::Integrity {
    let checks = |counts: digests::Counts| {
        let digests::Counts { valid, invalid, missing, unverifiable, orphan } = counts;
        v1::Checks { valid, invalid, missing, unverifiable, orphan }
    };
    let (digests, logs) = (checks(totals.digests), checks(totals.logs));
    let statement = if totals.chains == 0 {
        "No digest was collected for the period, so nothing proves that the log objects are all there and unaltered.".to_owned()
    } else {
        format!(
            "{} of {}: {}; {}: {}; checked with {}.",
            words::plural(digests.total(), "digest", "digests"),
            words::plural(totals.chains, "chain", "chains"),
            digests.words(),
            words::plural(logs.total(), "log object", "log objects"),
            logs.words(),
            words::plural(totals.public_keys, "public key", "public keys"),
        )
    };
    v1::Integrity { statement, chains: totals.chains, public_keys: totals.public_keys, digests, logs }
}

impl v1::Checks {
    fn total(&self) -> u64 {
        let v1::Checks { valid, invalid, missing, unverifiable, orphan } = self;
        valid + invalid + missing + unverifiable + orphan
    }

    fn words(&self) -> String {
        let v1::Checks { valid, invalid, missing, unverifiable, orphan } = *self;
        if valid == self.total() {
            return if valid == 0 { "none".to_owned() } else { "all valid".to_owned() };
        }
        let states =
            [("valid", valid), ("INVALID", invalid), ("MISSING", missing), ("ORPHAN", orphan), ("unverifiable", unverifiable)];
        let said = states.into_iter().filter(|(_, count)| *count > 0);
        said.map(|(state, count)| format!("{} {state}", words::count(count))).collect::<Vec<_>>().join(", ")
    }
}

/// Hours that are not covered, by reason.
pub(crate) fn reason_hours(tally: &Tally) -> Vec<v1::ReasonHours> {
    reasons(tally).into_iter().map(|(reason, hours)| reason_of(reason, hours)).collect()
}

/// A reason with its hours.
pub(crate) fn reason_of(reason: Reason, hours: u64) -> v1::ReasonHours {
    v1::ReasonHours { reason: reason.code().to_owned(), words: reason.words().to_owned(), hours }
}
