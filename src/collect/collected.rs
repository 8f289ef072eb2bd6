//! What was collected of each account and region, carried from run to run: hours whose objects were all taken, what the
//! trails recorded, objects that are still owed. One document of a version of its own in the state.

use std::collections::{BTreeMap, BTreeSet};

use assize_engine::coverage::{CellEvidence, Hours, Reason};
use serde::{Deserialize, Serialize};

use super::own_calls::{Heard, OwnCalls};
use super::timeline::{self, Change, Look, Spoken, TrailLook};

/// Its name among the documents of the state.
pub(crate) const DOCUMENT: &str = "collected";

/// The name of what a shard writes: it has its own accounts only.
pub(crate) const SHARD_DOCUMENT: &str = "collected-by-shard";

/// Most objects that are remembered as owed; more are counted, and their cells are not complete.
pub(crate) const MAX_OWED: usize = 100_000;

/// Longest delay from an event to its object that is followed, seconds.
const MOST_BEHIND: i64 = 86_400;

/// Most changes of trails that are remembered.
const MAX_CHANGES: usize = 100_000;

/// Account and region.
pub(crate) type CellKey = (String, String);

/// Everything that is known of what was collected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Collected {
    version: u32,
    /// By account and region.
    cells: Vec<Cell>,
    /// Objects that were listed and could not be taken.
    pub(crate) owed: Vec<Owed>,
    /// By id, what was seen of accounts.
    accounts: BTreeMap<String, AccountSeen>,
    /// When trails were last looked at, and the time before, seconds since 1970.
    looked: Option<i64>,
    #[serde(default)]
    looked_before: Option<i64>,
    /// Changes of trails that the logs tell of, in order.
    #[serde(default)]
    changes: Vec<Change>,
    /// Hour up to which the last listing without a failure reached.
    listed: Option<i64>,
    /// By how many seconds events may be older than the object that holds them; see [`hours_behind`].
    #[serde(default)]
    behind: i64,
    /// `as_of` of the run that wrote it.
    written: i64,
    /// UTC day (days since 1970) of the last run that listed as far as the daily and the weekly schedule reach.
    pub(crate) daily: Option<i64>,
    pub(crate) weekly: Option<i64>,
}

/// The version that is written.
const VERSION: u32 = 1;

/// Why the document cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectedError {
    /// Not this document.
    #[error("the account of what was collected cannot be read ({0}); was the state written by a newer version of assize?")]
    Unreadable(#[from] serde_json::Error),
    /// Another version.
    #[error("the account of what was collected has version {0}, which this version of assize does not know; use a newer one")]
    Version(u32),
}

/// One account in one region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cell {
    account: String,
    region: String,
    /// Hours whose objects were all taken, as half-open ranges of hours since 1970.
    taken: Vec<(i64, i64)>,
    /// How its trails were, look by look.
    looks: Vec<Look>,
    /// Objects that are damaged or were replaced: when they were delivered (seconds since 1970), and why they prove nothing.
    doubts: Vec<(i64, String)>,
    /// Hours in which the region was not enabled.
    disabled: Vec<(i64, i64)>,
    /// Hours that were read from Event history.
    history: Vec<(i64, i64)>,
    /// Calls of our own, looked for in its logs.
    #[serde(default, skip_serializing_if = "OwnCalls::is_empty")]
    calls: OwnCalls,
}

/// What was seen of an account. Seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountSeen {
    /// First run that had it in scope.
    first_seen: i64,
    /// Last run that could assume its role.
    assumed: Option<i64>,
}

/// An object that was listed and could not be taken. It is tried again in every run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Owed {
    /// The source.
    pub(crate) source: String,
    /// The key.
    pub(crate) key: String,
    /// Size when it was listed, bytes.
    pub(crate) size: u64,
    /// Version when it was listed.
    pub(crate) etag: Option<String>,
    /// Account and region of the key.
    pub(crate) account: String,
    pub(crate) region: String,
    /// Time in the key's name, seconds since 1970.
    pub(crate) delivered: i64,
    /// Code of the reason.
    pub(crate) reason: String,
    /// What was said.
    pub(crate) message: String,
    /// When it was first missed, seconds since 1970.
    pub(crate) since: i64,
}

impl Collected {
    /// Reads the document.
    pub(crate) fn read(document: serde_json::Value) -> Result<Collected, CollectedError> {
        if let Some(version) = document.get("version").and_then(serde_json::Value::as_u64).filter(|it| *it != u64::from(VERSION))
        {
            return Err(CollectedError::Version(u32::try_from(version).unwrap_or(u32::MAX)));
        }
        Ok(serde_json::from_value(document)?)
    }

    /// The document.
    pub(crate) fn document(&self) -> Result<serde_json::Value, CollectedError> {
        Ok(serde_json::to_value(Collected { version: VERSION, ..self.clone() })?)
    }

    /// Takes over what a shard knows of its accounts. A shard has them alone, so its word replaces what was known.
    pub(crate) fn adopt(&mut self, shard: Collected) {
        let theirs: BTreeSet<&String> = shard.accounts.keys().collect();
        self.cells.retain(|cell| !theirs.contains(&cell.account));
        self.owed.retain(|owed| !theirs.contains(&owed.account));
        self.cells.extend(shard.cells.iter().filter(|cell| theirs.contains(&cell.account)).cloned());
        self.cells.sort_by(|a, b| (&a.account, &a.region).cmp(&(&b.account, &b.region)));
        self.owed.extend(shard.owed.iter().filter(|owed| theirs.contains(&owed.account)).cloned());
        self.owed.sort();
        self.accounts.extend(shard.accounts);
        self.behind = self.behind.max(shard.behind);
        // When it was first looked at after a change is the shard's own knowledge.
        for change in shard.changes {
            if let Err(at) = self.changes.binary_search_by(|known| known.cmp_event(&change)) {
                self.changes.insert(at, change);
            }
        }
    }

    /// What a shard with these accounts knows.
    pub(crate) fn only(&self, ids: &BTreeSet<String>) -> Collected {
        let mut own = self.clone();
        own.accounts.retain(|id, _| ids.contains(id));
        own.cells.retain(|cell| ids.contains(&cell.account));
        own.owed.retain(|owed| ids.contains(&owed.account));
        own
    }

    /// Whether this was written after the other.
    pub(crate) fn newer_than(&self, other: &Collected) -> bool {
        self.written > other.written
    }

    /// Notes when it is written, seconds since 1970.
    pub(crate) fn stamp(&mut self, as_of: i64) {
        self.written = self.written.max(as_of);
    }

    /// The hour up to which the last whole listing reached.
    pub(crate) fn listed_until(&self) -> Option<i64> {
        self.listed
    }

    /// Notes how far a whole listing reached, hours since 1970.
    pub(crate) fn list_until(&mut self, hour: i64) {
        self.listed = self.listed.max(Some(hour));
    }

    /// Notes that an account is in scope, and whether its role could be assumed.
    pub(crate) fn saw_account(&mut self, account: &str, assumed: bool, as_of: i64) {
        let seen = self.accounts.entry(account.to_owned()).or_insert(AccountSeen { first_seen: as_of, assumed: None });
        if assumed {
            seen.assumed = Some(as_of);
        }
    }

    /// Whether the account's role could ever be assumed.
    pub(crate) fn ever_assumed(&self, account: &str) -> bool {
        self.accounts.get(account).is_some_and(|seen| seen.assumed.is_some())
    }

    /// The first run that had an account in scope, seconds since 1970.
    pub(crate) fn first_seen(&self, account: &str) -> Option<i64> {
        self.accounts.get(account).map(|seen| seen.first_seen)
    }

    /// The regions of an account that anything is known of.
    pub(crate) fn regions_of(&self, account: &str) -> BTreeSet<String> {
        self.cells.iter().filter(|cell| cell.account == account).map(|cell| cell.region.clone()).collect()
    }

    /// The last hour in which a region is known not to have been enabled.
    pub(crate) fn disabled_since(&self, account: &str, region: &str) -> Option<i64> {
        self.find(account, region)?.disabled.last().map(|(start, _)| *start)
    }

    /// Notes when trails are looked at, seconds since 1970.
    pub(crate) fn look(&mut self, as_of: i64) {
        if self.looked.is_none_or(|looked| looked < as_of) {
            self.looked_before = self.looked;
            self.looked = Some(as_of);
        }
    }

    /// Notes how the trails of a cell are at the time of the last [`Collected::look`].
    pub(crate) fn saw_trails(&mut self, account: &str, region: &str, trails: Vec<TrailLook>) {
        let Some(now) = self.looked else { return };
        timeline::add(&mut self.cell(account, region).looks, trails, now);
    }

    /// Notes calls that were made in accounts and regions at a time (seconds since 1970), with their request ids.
    pub(crate) fn made(&mut self, at: i64, calls: impl IntoIterator<Item = (CellKey, String)>) {
        for ((account, region), id) in calls {
            self.cell(&account, &region).calls.made(at, id);
        }
    }

    /// Notes calls that logs tell of. Says whether any was our own.
    pub(crate) fn heard(&mut self, heard: &[Heard]) -> bool {
        let mut ours = false;
        for one in heard {
            if self.find(&one.account, &one.region).is_some_and(|cell| !cell.calls.is_empty()) {
                ours |= self.cell(&one.account, &one.region).calls.heard(one);
            }
        }
        ours
    }

    /// Whether a call of our own is waited for that was made in an hour before `due` (since 1970).
    pub(crate) fn has_calls_due(&self, due: i64) -> bool {
        self.cells.iter().any(|cell| cell.calls.is_due(due))
    }

    /// Judges calls that should have been seen by now; hours before `due` (since 1970) are due. Says whether any was judged.
    pub(crate) fn settle_calls(&mut self, evidence: &BTreeMap<CellKey, CellEvidence>, due: i64, now: i64) -> bool {
        let mut settled = false;
        for cell in &mut self.cells {
            if let Some(known) = evidence.get(&(cell.account.clone(), cell.region.clone())) {
                settled |= cell.calls.settle(known, due, now);
            }
        }
        settled
    }

    /// The calls of our own of each cell that has any.
    pub(crate) fn own_calls(&self) -> impl Iterator<Item = ((&str, &str), &OwnCalls)> {
        let cells = self.cells.iter().filter(|cell| !cell.calls.is_empty());
        cells.map(|cell| ((cell.account.as_str(), cell.region.as_str()), &cell.calls))
    }

    /// Notes changes of trails that logs tell of. Says whether any was new.
    pub(crate) fn changed(&mut self, changes: &[Change]) -> bool {
        let before = self.changes.len();
        for change in changes {
            let looks = [self.looked_before, self.looked];
            let looked = looks.into_iter().flatten().find(|looked| *looked >= change.time).unwrap_or(change.time);
            let change = Change { looked, ..change.clone() };
            if let Err(at) = self.changes.binary_search_by(|known| known.cmp_event(&change))
                && self.changes.len() < MAX_CHANGES
            {
                self.changes.insert(at, change);
            }
        }
        self.changes.len() > before
    }

    /// The hours of a cell that were read from Event history.
    pub(crate) fn history(&self, account: &str, region: &str) -> Hours {
        self.find(account, region).map(|cell| hours_of(&cell.history)).unwrap_or_default()
    }

    /// Notes hours of a cell that were read from Event history.
    pub(crate) fn read_history(&mut self, account: &str, region: &str, hours: std::ops::Range<i64>) {
        let cell = self.cell(account, region);
        let mut known = hours_of(&cell.history);
        known.add(hours);
        cell.history = ranges(&known);
    }

    /// Notes that everything delivered for these hours of a cell was listed, and taken or is owed.
    pub(crate) fn taken(&mut self, account: &str, region: &str, hours: std::ops::Range<i64>) {
        let cell = self.cell(account, region);
        let mut known = hours_of(&cell.taken);
        known.add(hours);
        cell.taken = ranges(&known);
    }

    /// Whether all of these hours of a cell were collected before.
    pub(crate) fn has(&self, account: &str, region: &str, hours: std::ops::Range<i64>) -> bool {
        let Some(cell) = self.find(account, region) else { return hours.is_empty() };
        let known = hours_of(&cell.taken);
        known.ranges().any(|range| range.start <= hours.start && hours.end <= range.end)
    }

    /// Whether a day (days since 1970) of a cell was collected before, its last hour aside: that needs the next day too.
    pub(crate) fn has_day(&self, account: &str, region: &str, day: i64) -> bool {
        self.has(account, region, day * 24..day * 24 + 23)
    }

    /// The first day of which anything was collected.
    pub(crate) fn first_day(&self) -> Option<i64> {
        let first = self.cells.iter().filter_map(|cell| cell.taken.first()).map(|(start, _)| *start).min();
        first.map(|hour| hour.div_euclid(24))
    }

    /// Notes an object that is damaged or was replaced, by the time of its delivery: its hours stay in doubt.
    pub(crate) fn doubt(&mut self, account: &str, region: &str, delivered: i64, reason: Reason) {
        let doubt = (delivered, reason.code().to_owned());
        let doubts = &mut self.cell(account, region).doubts;
        if let Err(at) = doubts.binary_search(&doubt) {
            doubts.insert(at, doubt);
        }
    }

    /// Notes a delay from an event to its object that is allowed for, or that was measured; seconds.
    pub(crate) fn delayed(&mut self, seconds: i64) {
        self.behind = self.behind.max(seconds.min(MOST_BEHIND));
    }

    /// Notes hours in which a region was not enabled in an account.
    pub(crate) fn disabled(&mut self, account: &str, region: &str, hours: std::ops::Range<i64>) {
        let cell = self.cell(account, region);
        let mut known = hours_of(&cell.disabled);
        known.add(hours);
        cell.disabled = ranges(&known);
    }

    /// Which trails logged for each known cell, and when.
    pub(crate) fn spoken(&self) -> BTreeMap<CellKey, Vec<Spoken>> {
        let of = |cell: &Cell| ((cell.account.clone(), cell.region.clone()), timeline::spoken(&cell.looks));
        self.cells.iter().map(of).collect()
    }

    /// The evidence of every known cell, the owed objects as holes in it.
    pub(crate) fn evidence(&self) -> BTreeMap<CellKey, CellEvidence> {
        let mut all: BTreeMap<CellKey, CellEvidence> = BTreeMap::new();
        for cell in &self.cells {
            let holes = cell.doubts.iter().map(|(delivered, reason)| self.hole(*delivered, reason));
            let lost = cell.calls.lost().iter().map(|(at, _)| at.div_euclid(3600));
            let lost = lost.map(|hour| (Hours::of(hour..hour + 1), Reason::CallNotRecorded));
            let evidence = CellEvidence {
                collected: hours_of(&cell.taken),
                recorded: timeline::recorded(&cell.looks, &self.changes),
                holes: holes.chain(lost).collect(),
                blocked: None,
                not_applicable: hours_of(&cell.disabled),
                ..CellEvidence::default()
            };
            all.insert((cell.account.clone(), cell.region.clone()), evidence);
        }
        for owed in &self.owed {
            let cell = all.entry((owed.account.clone(), owed.region.clone())).or_default();
            cell.holes.push(self.hole(owed.delivered, &owed.reason));
        }
        all
    }

    /// What an object that cannot be read leaves open.
    fn hole(&self, delivered: i64, reason: &str) -> (Hours, Reason) {
        (Hours::of(hours_behind(delivered, self.behind)), Reason::named(reason).unwrap_or(Reason::ObjectFailed))
    }

    fn find(&self, account: &str, region: &str) -> Option<&Cell> {
        let at =
            self.cells.binary_search_by(|cell| (cell.account.as_str(), cell.region.as_str()).cmp(&(account, region))).ok()?;
        self.cells.get(at)
    }

    fn cell(&mut self, account: &str, region: &str) -> &mut Cell {
        let place = self.cells.binary_search_by(|cell| (cell.account.as_str(), cell.region.as_str()).cmp(&(account, region)));
        let at = place.unwrap_or_else(|at| {
            let cell = Cell { account: account.to_owned(), region: region.to_owned(), ..Cell::default() };
            self.cells.insert(at, cell);
            at
        });
        self.cells.get_mut(at).expect("it was found or put there")
    }
}

/// The hours whose events an object may hold that was delivered at a time (seconds since 1970): from `behind` seconds before
/// up to the hour of its delivery.
///
/// AWS does not bound the delay of an event (user guide: about 5 minutes on average). What is known is for how long after an
/// hour its events count as still arriving (`judge.settle`), and the longest delay that was measured in what was read:
/// `behind` is the larger. More than a day is not followed. Such events are delivered after a failure that lasted
/// (CloudTrail tries for 30 days), and one of them would make every lost object cost a month.
fn hours_behind(delivered: i64, behind: i64) -> std::ops::Range<i64> {
    (delivered - behind).div_euclid(3600)..delivered.div_euclid(3600) + 1
}

fn hours_of(ranges: &[(i64, i64)]) -> Hours {
    let mut hours = Hours::new();
    ranges.iter().for_each(|&(start, end)| hours.add(start..end));
    hours
}

fn ranges(hours: &Hours) -> Vec<(i64, i64)> {
    hours.ranges().map(|range| (range.start, range.end)).collect()
}
