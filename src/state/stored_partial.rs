//! A [`Partial`] as it is stored: structs of our own, so that the engine may change without changing what older runs wrote.
//!
//! Policies are numbers in a sorted set, objects are numbers in a table. Hits are sorted, so that equal results are equal
//! bytes. Counts are bounded when they are read: sums of any number of them stay below what 64 bits hold.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use assize_engine::decode::{OtherObject, Place};
use assize_engine::identity::RecordDigest;
use assize_engine::partial::{Cell, GroupKey, Hit, MalformedRecord, Partial, PolicyPartial};
use assize_engine::record::RecordKind;
use serde::{Deserialize, Serialize};

use super::row::RowRecords;

/// No count in one section is larger: 17 million million records in an hour.
const MOST: u64 = 1 << 44;

/// [`Partial`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredPartial {
    records: RowRecords,
    kinds: BTreeMap<String, u64>,
    objects: Vec<String>,
    cells: Vec<StoredCell>,
    /// Only those that gave something.
    policies: Vec<StoredPolicy>,
    malformed: Vec<StoredMalformed>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredCell {
    account: String,
    region: String,
    evaluated: u64,
    first: i64,
    last: i64,
    sources: BTreeMap<String, u64>,
    hours: Vec<(i64, u64)>,
    /// By number of the policy.
    populations: Vec<(usize, u64)>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredPolicy {
    /// Number of the policy.
    policy: usize,
    groups: Vec<StoredGroup>,
    not_evaluable: Vec<StoredHit>,
    /// There were more matches than are kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    exceeded: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredGroup {
    account: String,
    region: String,
    values: Vec<Option<String>>,
    hits: Vec<StoredHit>,
}

/// Time, event id, digest in hex, number of the object, index and offset in it, length.
#[derive(Debug, Serialize, Deserialize)]
struct StoredHit(i64, String, String, usize, u64, u64, u64);

/// Number of the object, index and offset in it, length, why.
#[derive(Debug, Serialize, Deserialize)]
struct StoredMalformed(usize, u64, u64, u64, String);

/// Numbers objects in the order in which they are met.
#[derive(Default)]
struct Objects {
    numbers: HashMap<Arc<str>, usize>,
    table: Vec<String>,
}

impl Objects {
    fn number(&mut self, object: &Arc<str>) -> usize {
        if let Some(number) = self.numbers.get(object) {
            return *number;
        }
        self.table.push(object.to_string());
        self.numbers.insert(Arc::clone(object), self.table.len() - 1);
        self.table.len() - 1
    }

    fn hits(&mut self, hits: &[Hit]) -> Vec<StoredHit> {
        let mut sorted: Vec<&Hit> = hits.iter().collect();
        sorted.sort_unstable();
        let stored = sorted.into_iter().map(|hit| {
            let Hit { time, event_id, digest, object, place: Place { index, offset }, length } = hit;
            StoredHit(*time, event_id.to_string(), digest.hex(), self.number(object), *index, *offset, *length)
        });
        stored.collect()
    }
}

impl StoredPartial {
    /// `numbers` has the number in the set for each policy of the partial result.
    pub(super) fn of(partial: &Partial, numbers: &[usize]) -> StoredPartial {
        // Sessions are kept in sections of their own.
        let Partial { records, kinds, cells, policies, malformed, sessions: _ } = partial;
        let mut objects = Objects::default();
        let number = |policy: usize| numbers.get(policy).copied();
        let mut stored: Vec<StoredPolicy> = Vec::new();
        let mut by_number: Vec<(usize, &PolicyPartial)> =
            policies.iter().enumerate().filter_map(|(policy, result)| Some((number(policy)?, result))).collect();
        by_number.sort_unstable_by_key(|(number, _)| *number);
        for (policy, PolicyPartial { groups, not_evaluable, exceeded, .. }) in by_number {
            if groups.is_empty() && not_evaluable.is_empty() && !exceeded {
                continue;
            }
            // The same partial result is always stored as the same bytes.
            let ordered: BTreeMap<&GroupKey, &Vec<Hit>> = groups.iter().collect();
            let groups = ordered.into_iter().map(|(GroupKey { account, region, values }, hits)| {
                let (account, region, values) = (account.clone(), region.clone(), values.clone());
                StoredGroup { account, region, values, hits: objects.hits(hits) }
            });
            let groups = groups.collect();
            stored.push(StoredPolicy { policy, groups, not_evaluable: objects.hits(not_evaluable), exceeded: *exceeded });
        }
        let cells = cells.iter().map(|(place, cell)| StoredCell::of(place, cell, number)).collect();
        let malformed = malformed.iter().map(|MalformedRecord { object, place: Place { index, offset }, length, why }| {
            StoredMalformed(objects.number(object), *index, *offset, *length, why.clone())
        });
        let malformed = malformed.collect();
        let kinds = kinds.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect();
        StoredPartial { records: (*records).into(), kinds, objects: objects.table, cells, policies: stored, malformed }
    }

    /// The partial result over `policies` policies. `index` gives the place in it for a number of the set, if it is asked
    /// for.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn restore(self, policies: usize, index: impl Fn(usize) -> Option<usize>) -> Result<Partial, String> {
        let StoredPartial { records, kinds, objects, cells, policies: stored, malformed } = self;
        let objects: Vec<Arc<str>> = objects.into_iter().map(Arc::from).collect();
        let mut partial = Partial::new(policies);
        let RowRecords { read, evaluated, duplicate, malformed: broken, other_kinds, outside_period } = records;
        for count in [read, evaluated, duplicate, broken, other_kinds, outside_period] {
            bounded(count)?;
        }
        partial.records = records.into();
        for (kind, count) in kinds {
            let name = known_kind(&kind).ok_or_else(|| format!("the kind of record {} is not known", kind.escape_debug()))?;
            partial.kinds.insert(name, bounded(count)?);
        }
        for cell in cells {
            let (place, cell) = cell.restore(&index)?;
            partial.cells.insert(place, cell);
        }
        for StoredPolicy { policy, groups, not_evaluable, exceeded } in stored {
            let Some(result) = index(policy).and_then(|index| partial.policies.get_mut(index)) else { continue };
            result.exceeded = exceeded;
            for StoredGroup { account, region, values, hits } in groups {
                let hits: Result<Vec<Hit>, String> = hits.into_iter().map(|hit| hit.restore(&objects)).collect();
                result.add(GroupKey { account, region, values }, hits?);
            }
            for hit in not_evaluable {
                result.not_evaluable.push(hit.restore(&objects)?);
            }
        }
        for StoredMalformed(object, index, offset, length, why) in malformed {
            let object = object_at(&objects, object)?;
            partial.malformed.insert(MalformedRecord { object, place: Place { index, offset }, length, why });
        }
        Ok(partial)
    }

    /// Everything that stood in the place of a record.
    pub(super) fn read(&self) -> u64 {
        self.records.read
    }

    /// The records of those kinds that stand in their own hour whatever the policies were about.
    pub(super) fn always_evaluated(&self) -> u64 {
        let kinds = [RecordKind::Management, RecordKind::Data].map(RecordKind::name);
        kinds.iter().filter_map(|kind| self.kinds.get(*kind)).fold(0, |sum, count| sum.saturating_add(*count))
    }
}

impl StoredCell {
    fn of((account, region): &(String, String), cell: &Cell, number: impl Fn(usize) -> Option<usize>) -> StoredCell {
        let Cell { evaluated, first, last, sources, hours, populations } = cell;
        let mut by_number: Vec<(usize, u64)> =
            populations.iter().filter_map(|(policy, count)| Some((number(*policy)?, *count))).collect();
        by_number.sort_unstable();
        StoredCell {
            account: account.clone(),
            region: region.clone(),
            evaluated: *evaluated,
            first: *first,
            last: *last,
            sources: sources.iter().map(|(source, count)| (source.clone(), *count)).collect(),
            hours: hours.iter().map(|(hour, count)| (*hour, *count)).collect(),
            populations: by_number,
        }
    }

    fn restore(self, index: impl Fn(usize) -> Option<usize>) -> Result<((String, String), Cell), String> {
        let StoredCell { account, region, evaluated, first, last, sources, hours, populations } = self;
        let mut cell = Cell { evaluated: bounded(evaluated)?, first, last, ..Cell::default() };
        for (source, count) in sources {
            cell.sources.insert(source, bounded(count)?);
        }
        for (hour, count) in hours {
            cell.hours.insert(hour, bounded(count)?);
        }
        for (policy, count) in populations {
            let count = bounded(count)?;
            if let Some(policy) = index(policy) {
                cell.populations.insert(policy, count);
            }
        }
        Ok(((account, region), cell))
    }
}

impl StoredHit {
    fn restore(self, objects: &[Arc<str>]) -> Result<Hit, String> {
        let StoredHit(time, event_id, digest, object, index, offset, length) = self;
        let digest = u128::from_str_radix(&digest, 16).map_err(|_| "a digest is not hexadecimal".to_owned())?;
        let (object, place) = (object_at(objects, object)?, Place { index, offset });
        let event_id = event_id.as_str().into();
        Ok(Hit { time, event_id, digest: RecordDigest(digest), object, place, length })
    }
}

fn object_at(objects: &[Arc<str>], number: usize) -> Result<Arc<str>, String> {
    objects.get(number).cloned().ok_or_else(|| "an object is named that is not in the table".to_owned())
}

fn bounded(count: u64) -> Result<u64, String> {
    if count <= MOST { Ok(count) } else { Err(format!("{count} is more than anything can have been counted")) }
}

/// The engine's own text for a kind of record or object.
fn known_kind(name: &str) -> Option<&'static str> {
    let records =
        [RecordKind::Management, RecordKind::Data, RecordKind::NetworkActivity, RecordKind::Insight, RecordKind::Aggregated];
    let objects = [OtherObject::Digest, OtherObject::Config];
    records.map(RecordKind::name).into_iter().chain(objects.map(OtherObject::name)).find(|known| *known == name)
}
