//! One day of one account and region: its digests against their neighbours, and log objects against the digests.
//!
//! Digests of the days on either side are looked at too, because links and windows cross midnight; what is said is of the day
//! alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use assize_engine::coverage::{Hours, Reason};
use assize_engine::digest::{
    self, Chain, Check, DigestDocument, Doubt, Expected, FoundDigest, Held, Keys, LogEntry, judge_versions,
};
use assize_engine::layout;

use super::document::{CheckedDay, Counts, DAY, DayRow, MAX_SHOWN, State};
use crate::collect::collected::CellKey;
use crate::collect::problem::Problem;

/// Bucket and key where CloudTrail put an object.
pub(super) type Place = (String, String);

/// A log object of the ledger.
#[derive(Debug)]
pub(super) struct FoundLog {
    pub(super) place: Place,
    /// Time in its name, seconds since 1970.
    pub(super) delivered: i64,
}

/// What is looked at.
pub(super) struct CellDay<'a> {
    pub(super) cell: &'a CellKey,
    /// Days since 1970.
    pub(super) day: i64,
    /// Digests of this day and its neighbours, by trail; those written long after their window apart.
    pub(super) chains: BTreeMap<(String, bool), Vec<FoundDigest>>,
    /// Log objects of management and data events whose name is of this day.
    pub(super) logs: &'a [FoundLog],
    /// What is known of a log object: one or more versions, [`Held::Absent`] if there is none.
    pub(super) held: &'a dyn Fn(&Place) -> Vec<Held>,
    /// Whether a log object that is not there may still come: its time was not collected as a whole.
    pub(super) may_come: &'a dyn Fn(&Place) -> bool,
    /// Buckets in which a trail without digests writes too: who names no object there proves nothing.
    pub(super) unvalidated: &'a BTreeSet<String>,
    /// Seconds that an event may be late.
    pub(super) settle: i64,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) days: Vec<CheckedDay>,
    /// Log objects that a valid digest names and nobody has seen.
    pub(super) absent: Vec<Place>,
}

/// Checks.
pub(super) fn check(of: CellDay<'_>, keys: &dyn Keys) -> Outcome {
    let mut outcome = Outcome::default();
    let (day, span) = (of.day, of.day * DAY..(of.day + 1) * DAY);
    let (mut named, mut covered): (BTreeSet<Place>, Vec<(String, i64, i64)>) = (BTreeSet::new(), Vec::new());
    let mut checked = Vec::new();
    for ((trail, backfill), found) in &of.chains {
        let expected = if *backfill { span.start..span.start } else { span.clone() };
        let chain = digest::check(found.clone(), &Expected { span: expected, validating: true }, keys);
        for document in chain.digests.iter().filter_map(|digest| digest.document.as_ref()) {
            named.extend(document.logs.iter().map(|entry| entry.place.clone()));
            covered.push((root_of(&document.place), document.start, document.end));
        }
        checked.push((trail, *backfill, chain));
    }
    for (trail, backfill, chain) in checked {
        if let Some(one) = of.one_chain(trail, backfill, &chain, &mut outcome.absent) {
            match outcome.days.iter_mut().find(|known| known.key == one.key) {
                Some(known) => merge(known, one),
                None => outcome.days.push(one),
            }
        }
    }
    outcome.days.extend(of.orphans(&named, &covered));
    outcome.days.iter_mut().for_each(|one| one.row.day = day);
    outcome
}

/// Bucket and all that stands before the region: the objects of one account under one prefix.
fn root_of((bucket, key): &Place) -> String {
    layout::parse(key).map_or_else(|_| bucket.clone(), |parsed| format!("{bucket}/{}{}", parsed.root, parsed.account))
}

/// A trail's late digests are part of its chain.
fn merge(into: &mut CheckedDay, other: CheckedDay) {
    into.backfilled.extend(other.backfilled);
    into.windows.extend(other.windows);
    into.windows.sort_unstable();
    let (row, theirs) = (&mut into.row, other.row);
    row.digests.add(theirs.digests);
    row.logs.add(theirs.logs);
    row.doubts.extend(theirs.doubts);
    row.late.extend(theirs.late);
    row.late = joined(&row.late);
    row.problems.extend(theirs.problems);
    row.waiting |= theirs.waiting;
}

/// The same hours, in order and apart from each other.
fn joined(ranges: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let mut hours = Hours::new();
    ranges.iter().for_each(|(from, until)| hours.add(*from..*until));
    hours.ranges().map(|range| (range.start, range.end)).collect()
}

impl CellDay<'_> {
    /// One trail; none if it has no digest of this day.
    fn one_chain(&self, trail: &str, backfill: bool, chain: &Chain, absent: &mut Vec<Place>) -> Option<CheckedDay> {
        let (account, region) = self.cell;
        let mut row = DayRow::default();
        let mut backfilled = Vec::new();
        let of_day = |place: &Place| layout::parse(&place.1).is_ok_and(|parsed| parsed.day == self.day);
        for one in chain.digests.iter().filter(|digest| of_day(&digest.place)) {
            count(&mut row.digests, &one.check);
            row.waiting |= matches!(one.check, Check::Unverifiable(Doubt::NoKey(_)));
            note(&mut row.problems, "digest", &one.place, &one.check);
            let Some(document) = &one.document else { continue };
            if backfill {
                backfilled.push((document.start, document.end));
            }
            for entry in &document.logs {
                self.log(entry, document, &mut row, absent);
            }
        }
        let windows: Vec<(i64, i64, State)> =
            chain.windows.iter().filter_map(|(range, window)| Some((range.start, range.end, State::of(*window)?))).collect();
        let is_empty = row == DayRow::default() && windows.is_empty();
        row.doubts.sort();
        row.doubts.dedup();
        row.late = joined(&row.late);
        let key = (account.clone(), region.clone(), trail.to_owned());
        (!is_empty).then_some(CheckedDay { key, windows, backfilled, row })
    }

    /// A log object that a valid digest names.
    fn log(&self, entry: &LogEntry, document: &DigestDocument, row: &mut DayRow, absent: &mut Vec<Place>) {
        let held = (self.held)(&entry.place);
        let mut check = judge_versions(entry, &held);
        if check == Check::Missing {
            absent.push(entry.place.clone());
            if (self.may_come)(&entry.place) {
                row.waiting = true;
                check = Check::Unverifiable(Doubt::Unreadable("it was not collected yet".to_owned()));
            }
        }
        row.waiting |= held.iter().any(|held| matches!(held, Held::Unreadable(_)));
        count(&mut row.logs, &check);
        let late = entry.late(self.settle);
        if check == Check::Valid && !late.is_empty() {
            row.late.push((late.start, late.end));
        }
        let reason = match &check {
            Check::Valid | Check::Orphan => return,
            Check::Invalid(_) => Reason::ObjectAltered,
            Check::Missing => Reason::ObjectMissing,
            Check::Unverifiable(_) => Reason::Unverifiable,
        };
        let events = entry.events(document, self.settle);
        let hours = (events.start.div_euclid(3600), (events.end + 3599).div_euclid(3600));
        row.doubts.push((hours.0, hours.1, reason.code().to_owned()));
        note(&mut row.problems, "log object", &entry.place, &check);
    }

    /// Log objects that no digest names although valid ones cover the time of their delivery.
    fn orphans(&self, named: &BTreeSet<Place>, covered: &[(String, i64, i64)]) -> Option<CheckedDay> {
        let mut row = DayRow::default();
        for log in self.logs.iter().filter(|log| !named.contains(&log.place) && !self.unvalidated.contains(&log.place.0)) {
            let root = root_of(&log.place);
            // A minute's precision: the name says when the delivery began.
            let inside = |(theirs, from, until): &(String, i64, i64)| {
                *theirs == root && *from <= log.delivered && log.delivered + 59 < *until
            };
            if !covered.iter().any(inside) {
                continue;
            }
            count(&mut row.logs, &Check::Orphan);
            let hours = ((log.delivered - self.settle).div_euclid(3600), log.delivered.div_euclid(3600) + 1);
            row.doubts.push((hours.0, hours.1, Reason::ObjectOrphan.code().to_owned()));
            note(&mut row.problems, "log object", &log.place, &Check::Orphan);
        }
        let (account, region) = self.cell;
        let key = (account.clone(), region.clone(), String::new());
        (row != DayRow::default()).then_some(CheckedDay { key, windows: Vec::new(), backfilled: Vec::new(), row })
    }
}

fn count(counts: &mut Counts, check: &Check) {
    match check {
        Check::Valid => counts.valid += 1,
        Check::Invalid(_) => counts.invalid += 1,
        Check::Missing => counts.missing += 1,
        Check::Unverifiable(_) => counts.unverifiable += 1,
        Check::Orphan => counts.orphan += 1,
    }
}

/// Keeps what is proven not to be as AWS delivered it. What cannot be checked shows in the hours that stay open.
fn note(problems: &mut Vec<Problem>, what: &str, place: &Place, check: &Check) {
    let code = match (check, what) {
        (Check::Invalid(_), "digest") => "digest-invalid",
        (Check::Missing, "digest") => "digest-missing",
        (Check::Invalid(_), _) => "log-altered",
        (Check::Missing, _) => "log-missing",
        (Check::Orphan, _) => "log-orphan",
        (Check::Valid | Check::Unverifiable(_), _) => return,
    };
    if problems.len() < MAX_SHOWN {
        let object = format!("s3://{}/{}", place.0, place.1);
        let message = format!("this {what} is {}: {check}; find out who may write to or delete from the bucket", check.name());
        problems.push(Problem { code: code.to_owned(), tampering: true, object, record: None, message });
    }
}

/// Answers of a set of keys, each asked once: neighbouring days look at the same digests.
pub(super) struct Remembered<'k> {
    keys: &'k (dyn Keys + Sync),
    answers: std::cell::RefCell<HashMap<[u8; 32], Option<bool>>>,
}

impl<'k> Remembered<'k> {
    /// Nothing is remembered yet.
    pub(super) fn new(keys: &'k (dyn Keys + Sync)) -> Remembered<'k> {
        Remembered { keys, answers: std::cell::RefCell::default() }
    }
}

impl Keys for Remembered<'_> {
    fn verify(&self, fingerprint: &str, text: &[u8], signature: &[u8]) -> Option<bool> {
        use sha2::Digest;
        let mut hash = sha2::Sha256::new();
        for part in [fingerprint.as_bytes(), text, signature] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let key = hash.finalize().into();
        *self.answers.borrow_mut().entry(key).or_insert_with(|| self.keys.verify(fingerprint, text, signature))
    }
}
