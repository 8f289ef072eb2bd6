//! What evaluating some objects gave. Partial results are merged into the whole, in any order and any grouping, and
//! findings are made from the whole only: one file, many threads and many runs go the same way.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::correlation::MAX_MATCHES;
use crate::decode::Place;
use crate::identity::{EventId, RecordDigest, SeenEntry};
use crate::matcher::Counted;
use crate::policy::Policy;
use crate::session::Sessions;

/// Most malformed records that are kept with their place; all are counted.
pub const MAX_MALFORMED_KEPT: usize = 1_000;

/// Counts of records: read = evaluated + duplicate + malformed + other kinds + outside the period.
///
/// Each is raised where its own event happens, so that a record lost on the way shows as an imbalance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordCounts {
    /// Seen in objects.
    pub read: u64,
    /// Put to the policies, each record once.
    pub evaluated: u64,
    /// Further copies of a record.
    pub duplicate: u64,
    /// Not records.
    pub malformed: u64,
    /// Of a kind that no loaded policy is written for.
    pub other_kinds: u64,
    /// Outside the asked period.
    pub outside_period: u64,
}

impl RecordCounts {
    /// Adds other counts.
    pub fn add(&mut self, other: RecordCounts) {
        self.read += other.read;
        self.evaluated += other.evaluated;
        self.duplicate += other.duplicate;
        self.malformed += other.malformed;
        self.other_kinds += other.other_kinds;
        self.outside_period += other.outside_period;
    }

    /// Whether the sum holds.
    pub fn balanced(&self) -> bool {
        self.read == self.evaluated + self.duplicate + self.malformed + self.other_kinds + self.outside_period
    }
}

/// An account and region, and what was seen of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Evaluated records.
    pub evaluated: u64,
    /// Earliest event time of an evaluated record.
    pub first: i64,
    /// Latest event time of an evaluated record.
    pub last: i64,
    /// Evaluated records by event source (lower case); a source longer than 100 bytes under an empty name.
    pub sources: HashMap<String, u64>,
    /// Evaluated records by hour (hours since 1970).
    pub hours: BTreeMap<i64, u64>,
    /// Population by policy, for policies that define their own.
    pub populations: BTreeMap<usize, u64>,
}

impl Default for Cell {
    fn default() -> Cell {
        let (sources, hours, populations) = Default::default();
        Cell { evaluated: 0, first: i64::MAX, last: i64::MIN, sources, hours, populations }
    }
}

/// Longest event source counted by name, bytes. Names are the log's own and may be hostile; AWS's stay below 60.
const MAX_SOURCE: usize = 100;

/// Counts of one cell that are not yet in its maps: the last hour, records by source and name, populations. A record of a
/// busy source belongs to the populations of many policies, and a map would be searched for each.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    hour: i64,
    in_hour: u64,
    /// Records by source and name, each in the one place that its serial number gives it.
    pairs: Vec<Option<(Counted, u64)>>,
    /// By index of the policy, as far as any was counted.
    populations: Vec<u64>,
}

/// Most sources and names in a tally; an object seldom has more than this.
const TALLIED: usize = 64;

impl Tally {
    /// Counts an evaluated record of `cell`.
    pub(crate) fn count(&mut self, cell: &mut Cell, time: i64) {
        cell.evaluated += 1;
        cell.first = cell.first.min(time);
        cell.last = cell.last.max(time);
        let hour = time.div_euclid(3600);
        if hour != self.hour {
            self.finish_hour(cell);
            self.hour = hour;
        }
        self.in_hour += 1;
    }

    /// Counts a record by its source and name, with all populations that they decide.
    pub(crate) fn pair(&mut self, cell: &mut Cell, counted: &Counted) {
        if self.pairs.is_empty() {
            self.pairs.resize_with(TALLIED, || None);
        }
        let Some(room) = self.pairs.get_mut(counted.serial as usize % TALLIED) else { return };
        match room {
            Some((known, count)) if known.serial == counted.serial => *count += 1,
            _ => {
                let before = room.replace((counted.clone(), 1));
                self.finish_pair(cell, before);
            }
        }
    }

    /// Counts a record of the policy's population.
    pub(crate) fn population(&mut self, policy: usize) {
        self.add_to_population(policy, 1);
    }

    /// Puts everything into the cell's maps.
    pub(crate) fn finish(mut self, cell: &mut Cell) {
        self.finish_hour(cell);
        for pair in std::mem::take(&mut self.pairs) {
            self.finish_pair(cell, pair);
        }
        for (policy, count) in self.populations.iter().enumerate().filter(|(_, count)| **count > 0) {
            *cell.populations.entry(policy).or_default() += count;
        }
    }

    fn finish_hour(&mut self, cell: &mut Cell) {
        if self.in_hour > 0 {
            *cell.hours.entry(self.hour).or_default() += std::mem::take(&mut self.in_hour);
        }
    }

    fn finish_pair(&mut self, cell: &mut Cell, pair: Option<(Counted, u64)>) {
        let Some((counted, count)) = pair else { return };
        cell.count_source(&counted.source, count);
        counted.certain.iter().for_each(|policy| self.add_to_population(*policy as usize, count));
    }

    fn add_to_population(&mut self, policy: usize, count: u64) {
        if self.populations.len() <= policy {
            self.populations.resize(policy + 1, 0);
        }
        if let Some(known) = self.populations.get_mut(policy) {
            *known += count;
        }
    }
}

impl Cell {
    /// Counts records of a source, which is in lower case.
    pub(crate) fn count_source(&mut self, source: &str, count: u64) {
        if let Some(known) = self.sources.get_mut(source) {
            *known += count;
        } else {
            let name = if source.len() <= MAX_SOURCE { source } else { "" };
            *self.sources.entry(name.to_owned()).or_default() += count;
        }
    }

    fn merge(&mut self, other: &Cell) {
        self.evaluated += other.evaluated;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        for (source, count) in &other.sources {
            self.count_source(source, *count);
        }
        for (hour, count) in &other.hours {
            *self.hours.entry(*hour).or_default() += count;
        }
        for (policy, count) in &other.populations {
            *self.populations.entry(*policy).or_default() += count;
        }
    }
}

/// A record that a policy matched, projected to what findings need, with the place of its bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hit {
    /// Event time, seconds since 1970 UTC.
    pub time: i64,
    /// Event id.
    pub event_id: EventId,
    /// Digest of the record's bytes.
    pub digest: RecordDigest,
    /// The object.
    pub object: Arc<str>,
    /// Place in the object.
    pub place: Place,
    /// Length of the record, bytes.
    pub length: u64,
}

/// What parts findings of one policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// Account id.
    pub account: String,
    /// Region.
    pub region: String,
    /// Values of the policy's `group-by`, in its order; `None` for a missing field.
    pub values: Vec<Option<String>>,
}

/// Matches by group, in no order: a log's groups are looked up far more often than they are gone through.
pub type Groups = HashMap<GroupKey, Vec<Hit>>;

/// The groups in the order of their keys, for what must be the same each time.
pub fn ordered(groups: Groups) -> BTreeMap<GroupKey, Vec<Hit>> {
    groups.into_iter().collect()
}

/// What one policy gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyPartial {
    /// Matches by group. A record that was read twice stands here twice; making findings counts it once.
    pub groups: Groups,
    /// Records that could not be judged.
    pub not_evaluable: Vec<Hit>,
    /// There were more matches than can be looked at together, so none is kept.
    pub exceeded: bool,
    /// Most matches that are kept; `None`: all.
    limit: Option<u64>,
    /// Matches in `groups`.
    held: u64,
}

impl PolicyPartial {
    /// Keeps a match, as long as there are not too many.
    pub fn add(&mut self, group: GroupKey, hits: impl IntoIterator<Item = Hit>) {
        if self.exceeded {
            return;
        }
        let known = self.groups.entry(group).or_default();
        let before = known.len();
        known.extend(hits);
        self.held += (known.len() - before) as u64;
        self.check();
    }

    /// Keeps a match if none of the group in its hour is earlier, and takes a later one away.
    pub(crate) fn add_first(&mut self, group: GroupKey, hit: Hit) {
        let same_hour = |known: &&mut Hit| known.time.div_euclid(3600) == hit.time.div_euclid(3600);
        match self.groups.get_mut(&group).and_then(|hits| hits.iter_mut().rev().find(same_hour)) {
            Some(known) if *known <= hit => {}
            Some(known) => *known = hit,
            None => self.add(group, [hit]),
        }
    }

    /// All or nothing: which matches came first depends on the order in which objects are read.
    fn check(&mut self) {
        if self.exceeded || self.limit.is_some_and(|limit| self.held > limit) {
            self.exceeded = true;
            self.groups = Groups::new();
            self.held = 0;
        }
    }

    fn merge(&mut self, other: PolicyPartial) {
        self.limit = self.limit.or(other.limit);
        self.exceeded |= other.exceeded;
        self.check();
        if self.groups.is_empty() {
            // The first results come all at once: the map need not grow a dozen times to take them.
            self.groups.reserve(other.groups.len());
        }
        for (group, hits) in other.groups {
            self.add(group, hits);
        }
        self.not_evaluable.extend(other.not_evaluable);
    }
}

/// Something in the place of a record that is not one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MalformedRecord {
    /// The object.
    pub object: Arc<str>,
    /// Place in the object.
    pub place: Place,
    /// Length, bytes.
    pub length: u64,
    /// What is wrong.
    pub why: String,
}

/// What evaluating some objects gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partial {
    /// Counts of records.
    pub records: RecordCounts,
    /// Records by kind, and objects that are not logs.
    pub kinds: BTreeMap<&'static str, u64>,
    /// By account and region.
    pub cells: BTreeMap<(String, String), Cell>,
    /// By index of the policy.
    pub policies: Vec<PolicyPartial>,
    /// The first [`MAX_MALFORMED_KEPT`] by object and place.
    pub malformed: BTreeSet<MalformedRecord>,
    /// Records that issued temporary credentials, whatever the asked period: chains of roles are followed in them.
    pub sessions: Sessions,
}

/// The hour of what has no event time: malformed records, records of kinds that are not evaluated, digests.
pub const NO_HOUR: i64 = i64::MIN;

/// Results by hour of event time, for a collector that keeps them: a later report merges the hours it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByHour {
    /// By hours since 1970, or [`NO_HOUR`].
    pub hours: BTreeMap<i64, HourPart>,
    policies: usize,
}

/// What one hour gave, and which records it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HourPart {
    /// Its results.
    pub partial: Partial,
    /// The records that were counted as evaluated; a later evaluation counts none of them again.
    pub seen: Vec<SeenEntry>,
}

impl ByHour {
    /// Nothing yet, for so many policies.
    pub fn new(policies: usize) -> ByHour {
        ByHour { hours: BTreeMap::new(), policies }
    }

    pub(crate) fn hour(&mut self, hour: i64) -> &mut HourPart {
        let policies = self.policies;
        self.hours.entry(hour).or_insert_with(|| HourPart { partial: Partial::new(policies), seen: Vec::new() })
    }

    /// Adds other results over the same policies, hour by hour; as [`Partial::merge`].
    pub fn merge(&mut self, other: ByHour) {
        for (hour, mut part) in other.hours {
            let mine = self.hour(hour);
            mine.partial.merge(part.partial);
            mine.seen.append(&mut part.seen);
        }
    }

    /// All hours as one.
    pub fn whole(self) -> Partial {
        let mut whole = Partial::new(self.policies);
        self.hours.into_values().for_each(|part| whole.merge(part.partial));
        whole
    }
}

impl Partial {
    /// Nothing yet, for these policies. Of a correlation no more matches are kept than can be looked at together.
    pub fn of(policies: &[Policy]) -> Partial {
        let mut partial = Partial::new(policies.len());
        for (policy, result) in policies.iter().zip(&mut partial.policies) {
            result.limit = policy.correlation.as_ref().map(|_| MAX_MATCHES);
        }
        partial
    }

    /// Nothing yet, for so many policies.
    pub fn new(policies: usize) -> Partial {
        Partial { policies: vec![PolicyPartial::default(); policies], ..Partial::default() }
    }

    /// What findings are made of, and nothing else: memory grows with what matched and not with what was read.
    #[must_use]
    pub fn only_matches(self) -> Partial {
        let bare = |policy: PolicyPartial| PolicyPartial { not_evaluable: Vec::new(), ..policy };
        Partial { policies: self.policies.into_iter().map(bare).collect(), ..Partial::default() }
    }

    pub(crate) fn add_malformed(&mut self, malformed: MalformedRecord) {
        self.malformed.insert(malformed);
        if self.malformed.len() > MAX_MALFORMED_KEPT {
            self.malformed.pop_last();
        }
    }

    /// Adds another partial result over the same policies. Commutative and associative up to the order of hits, which
    /// making findings sorts.
    pub fn merge(&mut self, other: Partial) {
        self.records.add(other.records);
        for (kind, count) in other.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
        for (key, cell) in other.cells {
            self.cells.entry(key).or_default().merge(&cell);
        }
        for (mine, theirs) in self.policies.iter_mut().zip(other.policies) {
            mine.merge(theirs);
        }
        for malformed in other.malformed {
            self.add_malformed(malformed);
        }
        self.sessions.merge(other.sessions);
    }
}
