//! What checking digests gave, carried from run to run: one document of a version of its own in the state.
//!
//! Everything in it is a function of the ledger's rows and the public keys. A day is checked anew when its rows are others, so
//! what is kept of it is replaced as a whole: late objects, restored ones and further runs leave no trace of their order.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use assize_engine::coverage::{CellEvidence, Hours, Reason};
use assize_engine::digest::{self, Window};
use serde::{Deserialize, Serialize};

use crate::collect::collected::CellKey;
use crate::collect::problem::Problem;
use crate::collect::timeline::Spoken;

/// Its name among the documents of the state.
pub(crate) const DOCUMENT: &str = "verified";

/// The version that is written.
const VERSION: u32 = 1;

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// Why the document cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifiedError {
    /// Not this document.
    #[error("the account of what was verified cannot be read ({0}); was the state written by a newer version of assize?")]
    Unreadable(#[from] serde_json::Error),
    /// Another version.
    #[error("the account of what was verified has version {0}, which this version of assize does not know; use a newer one")]
    Version(u32),
}

/// Everything that is known of digests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verified {
    version: u32,
    /// Public keys that were known when it was written.
    keys: u64,
    /// Rows of the ledger by listing day (days since 1970), as they were when the day was checked.
    rows: Vec<(i64, u64)>,
    /// By account, region and trail.
    chains: Vec<ChainRow>,
}

/// The digests of one trail for one account and region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChainRow {
    account: String,
    region: String,
    /// `NAME_HOMEREGION`; empty for log objects that no digest names.
    trail: String,
    /// Delivery times (seconds since 1970) that digests cover, and how; what lies between them no digest covers. In order.
    windows: Vec<(i64, i64, State)>,
    /// Windows of digests that were written long after them. In order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    backfilled: Vec<(i64, i64)>,
    /// By the day of the digests.
    days: Vec<DayRow>,
}

/// How a digest covers its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    Valid,
    Invalid,
    Unverifiable,
}

impl State {
    /// None where no digest is.
    pub(super) fn of(window: Window) -> Option<State> {
        match window {
            Window::Valid => Some(State::Valid),
            Window::Invalid => Some(State::Invalid),
            Window::Unverifiable => Some(State::Unverifiable),
            Window::Missing | Window::Gap => None,
        }
    }
}

/// What the digests of one day came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DayRow {
    /// Days since 1970.
    pub(super) day: i64,
    #[serde(default, skip_serializing_if = "Counts::is_zero")]
    pub(super) digests: Counts,
    #[serde(default, skip_serializing_if = "Counts::is_zero")]
    pub(super) logs: Counts,
    /// Hours (since 1970) that are in doubt because of a log object, and the code of the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) doubts: Vec<(i64, i64, String)>,
    /// Hours (since 1970) of which log objects came later than events are waited for. In order, apart from each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) late: Vec<(i64, i64)>,
    /// What is not as AWS delivered it, [`MAX_SHOWN`] at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) problems: Vec<Problem>,
    /// Something may still come: a key, an object that is owed. The day is checked again in the next run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) waiting: bool,
}

/// Problems that are kept of one day of a chain; all are counted.
pub(super) const MAX_SHOWN: usize = 100;

/// How many objects came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Counts {
    /// What AWS delivered.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) valid: u64,
    /// Something else.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) invalid: u64,
    /// Delivered, and not there.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) missing: u64,
    /// Nothing can be said.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) unverifiable: u64,
    /// There, and named by no digest.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) orphan: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Counts {
    fn is_zero(&self) -> bool {
        *self == Counts::default()
    }

    pub(super) fn add(&mut self, other: Counts) {
        self.valid += other.valid;
        self.invalid += other.invalid;
        self.missing += other.missing;
        self.unverifiable += other.unverifiable;
        self.orphan += other.orphan;
    }
}

/// What digests say of a period, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Chains with a digest or a log object in the period.
    pub(crate) chains: u64,
    /// Digests.
    pub(crate) digests: Counts,
    /// Log objects.
    pub(crate) logs: Counts,
    /// Public keys that were known.
    pub(crate) public_keys: u64,
}

/// One day of one chain, checked.
#[derive(Debug)]
pub(super) struct CheckedDay {
    pub(super) key: ChainKey,
    /// Windows within the day, in order.
    pub(super) windows: Vec<(i64, i64, State)>,
    pub(super) backfilled: Vec<(i64, i64)>,
    pub(super) row: DayRow,
}

/// Account, region and trail.
pub(super) type ChainKey = (String, String, String);

impl Verified {
    /// Reads the document.
    pub(crate) fn read(document: serde_json::Value) -> Result<Verified, VerifiedError> {
        let version = document.get("version").and_then(serde_json::Value::as_u64);
        if let Some(version) = version.filter(|it| *it != u64::from(VERSION)) {
            return Err(VerifiedError::Version(u32::try_from(version).unwrap_or(u32::MAX)));
        }
        Ok(serde_json::from_value(document)?)
    }

    /// The document.
    pub(crate) fn document(&self) -> Result<serde_json::Value, VerifiedError> {
        Ok(serde_json::to_value(Verified { version: VERSION, ..self.clone() })?)
    }

    /// The days (since 1970) that must be checked, if the ledger has so many rows a day and so many keys are known.
    pub(super) fn stale(&self, rows: &BTreeMap<i64, u64>, keys: u64) -> BTreeSet<i64> {
        let known: BTreeMap<i64, u64> = self.rows.iter().copied().collect();
        let others = rows.iter().filter(|(day, count)| known.get(day) != Some(count)).map(|(day, _)| *day);
        // A digest speaks of the day before it, and an object is named by a digest of the day after it.
        let mut stale: BTreeSet<i64> = others.flat_map(|day| [day - 1, day, day + 1]).collect();
        let days = self.chains.iter().flat_map(|chain| &chain.days);
        let open = days.filter(|day| day.waiting || (keys != self.keys && day.digests.unverifiable > 0));
        // Its first window began the day before, and it says which digest was the last of that day.
        stale.extend(open.flat_map(|day| [day.day - 1, day.day]));
        stale
    }

    /// Whether so many keys were known when it was written.
    pub(super) fn knows(&self, keys: u64) -> bool {
        self.keys == keys
    }

    /// Notes what was checked.
    pub(super) fn checked(&mut self, rows: &BTreeMap<i64, u64>, keys: u64) {
        self.rows = rows.iter().map(|(day, count)| (*day, *count)).collect();
        self.keys = keys;
    }

    /// Forgets what is known of a day.
    pub(super) fn forget(&mut self, day: i64) {
        for chain in &mut self.chains {
            chain.cut(day * DAY..(day + 1) * DAY);
            chain.days.retain(|row| row.day != day);
        }
    }

    /// Notes a day of a chain, of which nothing is known.
    pub(super) fn add(&mut self, checked: CheckedDay) {
        let CheckedDay { key, windows, backfilled, row } = checked;
        let chain = self.chain(key);
        for window in windows {
            chain.put(window);
        }
        for window in backfilled {
            if let Err(at) = chain.backfilled.binary_search(&window) {
                chain.backfilled.insert(at, window);
            }
        }
        let at = chain.days.partition_point(|known| known.day < row.day);
        chain.days.insert(at, row);
    }

    fn chain(&mut self, (account, region, trail): ChainKey) -> &mut ChainRow {
        let place =
            self.chains.binary_search_by(|chain| (&chain.account, &chain.region, &chain.trail).cmp(&(&account, &region, &trail)));
        let at = place.unwrap_or_else(|at| {
            self.chains.insert(at, ChainRow { account, region, trail, ..ChainRow::default() });
            at
        });
        self.chains.get_mut(at).expect("it was found or put there")
    }

    /// The counts of some days (since 1970) in some cells.
    pub(crate) fn totals(&self, days: &Range<i64>, in_scope: impl Fn(&str, &str) -> bool) -> Totals {
        let mut totals = Totals { public_keys: self.keys, ..Totals::default() };
        for chain in self.chains.iter().filter(|chain| in_scope(&chain.account, &chain.region)) {
            let within = chain.days.iter().filter(|row| days.contains(&row.day));
            let before = totals;
            for row in within {
                totals.digests.add(row.digests);
                totals.logs.add(row.logs);
            }
            totals.chains += u64::from(totals != before && !chain.trail.is_empty());
        }
        totals
    }

    /// What is not as AWS delivered it in some days (since 1970).
    pub(crate) fn problems(&self, days: &Range<i64>) -> Vec<Problem> {
        let rows = self.chains.iter().flat_map(|chain| &chain.days).filter(|row| days.contains(&row.day));
        rows.flat_map(|row| row.problems.iter().cloned()).collect()
    }

    /// Adds to the evidence of each cell which of its hours are proven, and why others are not. `spoken` are the trails of
    /// the cells; `settle`: seconds after which an hour's events count as delivered.
    pub(crate) fn prove(
        &self,
        cells: &mut BTreeMap<CellKey, CellEvidence>,
        spoken: &BTreeMap<CellKey, Vec<Spoken>>,
        settle: i64,
    ) {
        let mut by_cell: BTreeMap<(&str, &str), Vec<&ChainRow>> = BTreeMap::new();
        for chain in &self.chains {
            by_cell.entry((&chain.account, &chain.region)).or_default().push(chain);
        }
        for ((account, region), cell) in cells {
            let chains = by_cell.get(&(account.as_str(), region.as_str())).map(Vec::as_slice).unwrap_or_default();
            let trails = spoken.get(&(account.clone(), region.clone())).map(Vec::as_slice).unwrap_or_default();
            prove(cell, chains, trails, settle);
        }
    }
}

/// Adds to the evidence of a cell what its chains prove.
fn prove(cell: &mut CellEvidence, chains: &[&ChainRow], spoken: &[Spoken], settle: i64) {
    let complete: BTreeMap<&str, Hours> = chains.iter().map(|chain| (chain.trail.as_str(), chain.complete(settle))).collect();
    let mut off = Hours::new();
    for stretch in spoken {
        let Spoken { hours, trails } = stretch;
        let within = Hours::of(hours.clone());
        let mut all: Option<Hours> = None;
        for trail in trails {
            let proven = complete.get(trail.chain.as_str()).map(|complete| complete.and(&within)).unwrap_or_default();
            all = Some(all.map_or_else(|| proven.clone(), |all| all.and(&proven)));
            if trail.validating == Some(false) && proven.is_empty() {
                off.union(&within);
            }
            cell.proven.push((trail.recording.clone(), proven));
        }
        // Events that only the trails together record are proven where each of them is.
        if let (Some(recording), Some(all), true) = (stretch.recording(), all, trails.len() > 1) {
            cell.proven.push((recording, all));
        }
    }
    cell.proven.retain(|(_, hours)| !hours.is_empty());
    let doubts = |reason: Reason| {
        let mut hours = Hours::new();
        let rows = chains.iter().flat_map(|chain| &chain.days).flat_map(|row| &row.doubts);
        rows.filter(|(_, _, code)| code == reason.code()).for_each(|(from, until, _)| hours.add(*from..*until));
        hours
    };
    for reason in [Reason::ObjectAltered, Reason::ObjectMissing] {
        let hours = doubts(reason);
        if !hours.is_empty() {
            // What is known to lack records covers nothing, whatever grade is asked for.
            cell.holes.push((hours, reason));
        }
    }
    for chain in chains {
        chain.days.iter().flat_map(|row| &row.late).for_each(|(from, until)| cell.late.add(*from..*until));
        // A digest that was written long after its window: nothing was proven of these hours before.
        let written_late = chain.backfilled.iter();
        written_late.for_each(|(from, until)| cell.late.add(from.div_euclid(3600)..(until + 3599).div_euclid(3600)));
    }
    let windows = |state| {
        let mut hours = Hours::new();
        let all = chains.iter().flat_map(|chain| &chain.windows).filter(|(_, _, theirs)| *theirs == state);
        all.for_each(|(from, until, _)| hours.add((from - settle).div_euclid(3600)..(until + 3599).div_euclid(3600)));
        hours
    };
    let orphans = doubts(Reason::ObjectOrphan);
    if !orphans.is_empty() {
        cell.proven.iter_mut().for_each(|(_, hours)| *hours = hours.without(&orphans));
    }
    let unproven = [
        (orphans, Reason::ObjectOrphan),
        (windows(State::Invalid), Reason::DigestInvalid),
        (doubts(Reason::Unverifiable), Reason::Unverifiable),
        (windows(State::Unverifiable), Reason::Unverifiable),
        (off, Reason::ValidationOff),
        (Hours::of(i64::MIN..i64::MAX), Reason::DigestMissing),
    ];
    cell.unproven.extend(unproven.into_iter().filter(|(hours, _)| !hours.is_empty()));
}

impl ChainRow {
    /// Hours of which everything that was delivered is proven to be there.
    fn complete(&self, settle: i64) -> Hours {
        let valid = self.windows.iter().filter(|(_, _, state)| *state == State::Valid).map(|&(from, until, _)| (from, until));
        let mut valid: Vec<(i64, i64)> = valid.chain(self.backfilled.iter().copied()).collect();
        valid.sort_unstable();
        let mut windows: Vec<(Range<i64>, Window)> = Vec::new();
        for (from, until) in valid {
            match windows.last_mut() {
                Some((last, _)) if from <= last.end => last.end = last.end.max(until),
                _ => windows.push((from..until, Window::Valid)),
            }
        }
        let doubts: Vec<Range<i64>> =
            self.days.iter().flat_map(|row| &row.doubts).map(|(from, until, _)| from * 3600..until * 3600).collect();
        digest::complete(&windows, &doubts, settle)
    }

    /// Takes a stretch of time out of the windows.
    fn cut(&mut self, range: Range<i64>) {
        let cut = |&(from, until, state): &(i64, i64, State)| {
            [(from, until.min(range.start), state), (from.max(range.end), until, state)]
        };
        self.windows = self.windows.iter().flat_map(cut).filter(|(from, until, _)| from < until).collect();
    }

    /// Puts a window where none is.
    fn put(&mut self, window: (i64, i64, State)) {
        let at = self.windows.partition_point(|known| known.0 < window.0);
        self.windows.insert(at, window);
        self.windows.dedup_by(|later, earlier| {
            let touches = earlier.1 == later.0 && earlier.2 == later.2;
            if touches {
                earlier.1 = later.1;
            }
            touches
        });
    }
}
