//! What evaluating gave in one hour, as a section: parts, one for each set of policies.
//!
//! Parts of one set are merged; parts of different sets stay apart, because what one policy says about some records says
//! nothing about the records that only others saw. So it is always known which policy judged everything of an hour.

use std::collections::BTreeMap;
use std::sync::Arc;

use assize_engine::partial::{Cell, NO_HOUR, Partial, RecordCounts};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::error::StateError;
use super::evidence::hex;
use super::read::Found;
use super::segment::PolicySets;
use super::stored_partial::StoredPartial;

/// The version of the format that is written, and the newest that is read.
const VERSION: u64 = 1;

/// What evaluating gave in one hour, for the policies that were asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct HourResults {
    /// Hours since 1970; [`NO_HOUR`] for what has no event time.
    pub(crate) hour: i64,
    /// Policies by their place in what was asked for.
    pub(crate) partial: Partial,
    /// Places of policies that were not given everything of this hour: their matches are not complete. In the hour without
    /// a time this concerns policies over network activity, Insights and aggregated records only: records of these kinds
    /// that nobody asked for stand there, and may belong to any hour.
    pub(crate) missing: Vec<usize>,
}

/// A set of policies: sorted, distinct hashes, and the name that stands for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PolicySet {
    pub(super) name: String,
    pub(super) policies: Arc<[String]>,
    /// For each hash as given: its number in the set.
    numbers: Vec<usize>,
}

impl PolicySet {
    /// # Errors
    /// A hash stands twice.
    pub(super) fn of(policies: &[String]) -> Result<PolicySet, StateError> {
        let mut sorted = policies.to_vec();
        sorted.sort_unstable();
        if let Some(twice) = sorted.windows(2).find_map(|pair| pair.first().filter(|hash| pair.last() == Some(*hash))) {
            return Err(StateError::invalid(
                "the policies of a batch",
                format!("the hash `{}` stands twice", twice.escape_debug()),
            ));
        }
        let numbers = policies.iter().filter_map(|policy| sorted.binary_search(policy).ok()).collect();
        Ok(PolicySet { name: set_name(&sorted), policies: sorted.into(), numbers })
    }
}

/// Half a SHA-256: sets are made by us from hashes, nobody can choose two with one name.
fn set_name(sorted: &[String]) -> String {
    let mut hash = Sha256::new();
    for policy in sorted {
        hash.update((policy.len() as u64).to_be_bytes());
        hash.update(policy);
    }
    let mut name = hex(&hash.finalize());
    name.truncate(32);
    name
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredResults {
    version: u64,
    /// By set and supplement.
    parts: Vec<StoredPart>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredPart {
    /// Name of the set of policies.
    set: String,
    /// Further policies over records that are counted already.
    supplement: bool,
    partial: StoredPartial,
}

/// What evaluating a batch gave in one hour, as bytes.
///
/// # Errors
/// The partial result has more policies than the set.
pub(super) fn encode(partial: &Partial, set: &PolicySet, supplement: bool) -> Result<Vec<u8>, StateError> {
    if partial.policies.len() > set.numbers.len() {
        let reason = format!("they speak of {} policies, and {} were named", partial.policies.len(), set.numbers.len());
        return Err(StateError::invalid("the results of a batch", reason));
    }
    let partial = StoredPartial::of(partial, &set.numbers);
    to_bytes(vec![StoredPart { set: set.name.clone(), supplement, partial }])
}

fn to_bytes(parts: Vec<StoredPart>) -> Result<Vec<u8>, StateError> {
    let stored = StoredResults { version: VERSION, parts };
    serde_json::to_vec(&stored).map_err(|error| StateError::invalid("the results of a batch", error.to_string()))
}

/// A part with the policies it is about.
type WithPolicies = (StoredPart, Arc<[String]>);
/// Merged parts, by set of policies and whether they are a supplement.
type Merged = BTreeMap<(String, bool), (Arc<[String]>, Partial)>;

/// Parts of a section, with their policies.
fn parts(bytes: &[u8], sets: &PolicySets) -> Result<Vec<WithPolicies>, String> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u64,
    }
    let Versioned { version } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if version > VERSION {
        return Err(format!("it has version {version}, which a later version of Assize reads"));
    }
    let stored: StoredResults = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let with_policies = stored.parts.into_iter().map(|part| {
        let policies = sets.get(&part.set).ok_or("its set of policies is not in the table of contents")?;
        Ok((part, Arc::clone(policies)))
    });
    with_policies.collect()
}

/// Merges the results of one hour from several sections.
///
/// # Errors
/// A section is damaged.
pub(super) fn merge(sections: Vec<Found>) -> Result<Vec<u8>, StateError> {
    let mut merged: Merged = BTreeMap::new();
    for found in sections {
        let (segment, section) = (Arc::clone(&found.segment), found.section.clone());
        let damaged = |reason: String| segment.damaged(&section, &reason);
        for (part, policies) in parts(&found.body()?, &segment.policy_sets).map_err(damaged)? {
            let partial = part.partial.restore(policies.len(), Some).map_err(damaged)?;
            let new = || (Arc::clone(&policies), Partial::new(policies.len()));
            merged.entry((part.set, part.supplement)).or_insert_with(new).1.merge(partial);
        }
    }
    let parts = merged.into_iter().map(|((set, supplement), (policies, partial))| {
        let numbers: Vec<usize> = (0..policies.len()).collect();
        StoredPart { set, supplement, partial: StoredPartial::of(&partial, &numbers) }
    });
    to_bytes(parts.collect())
}

/// The results of one hour for the policies asked for, from several sections.
///
/// # Errors
/// A section is damaged.
pub(super) fn read(hour: i64, sections: Vec<Found>, asked: &[String]) -> Result<HourResults, StateError> {
    let places: BTreeMap<&str, usize> = asked.iter().enumerate().map(|(place, policy)| (policy.as_str(), place)).collect();
    let mut whole = Partial::new(asked.len());
    // By policy: what was read before it was there, and what it was given later. Both count all copies, whatever became
    // of them, so they are equal only if it was given everything, once.
    let mut open = vec![(0_u64, 0_u64); asked.len()];
    for found in sections {
        let (segment, section) = (Arc::clone(&found.segment), found.section.clone());
        let damaged = |reason: String| segment.damaged(&section, &reason);
        for (part, policies) in parts(&found.body()?, &segment.policy_sets).map_err(damaged)? {
            // Where other kinds stand depends on who was asked, so two sets of policies do not count them alike.
            let read = if hour == NO_HOUR { part.partial.read() } else { part.partial.always_evaluated() };
            for (place, (lacking, supplied)) in open.iter_mut().enumerate() {
                let knows = asked.get(place).is_some_and(|policy| policies.binary_search(policy).is_ok());
                match (part.supplement, knows) {
                    (false, false) => *lacking = lacking.saturating_add(read),
                    (true, true) => *supplied = supplied.saturating_add(read),
                    _ => {}
                }
            }
            let index = |number: usize| policies.get(number).and_then(|policy| places.get(policy.as_str())).copied();
            let partial = part.partial.restore(asked.len(), index).map_err(damaged)?;
            whole.merge(if part.supplement { only_policies(partial) } else { partial });
        }
    }
    let missing = open.iter().enumerate().filter(|(_, (lacking, supplied))| lacking != supplied).map(|(place, _)| place);
    Ok(HourResults { hour, missing: missing.collect(), partial: whole })
}

/// What policies say, without the counts of records, which others gave already.
fn only_policies(mut partial: Partial) -> Partial {
    partial.records = RecordCounts::default();
    partial.kinds.clear();
    partial.malformed.clear();
    for cell in partial.cells.values_mut() {
        *cell = Cell { populations: std::mem::take(&mut cell.populations), ..Cell::default() };
    }
    partial
}

/// Reads and merges bytes that no checksum vouches for. For tests: whatever they are, it must come back.
#[cfg(test)]
pub(super) fn forged(bytes: &[u8], set: &PolicySet) {
    let sets = PolicySets::from([(set.name.clone(), Arc::clone(&set.policies))]);
    let mut whole = Partial::new(set.policies.len());
    for (part, policies) in parts(bytes, &sets).into_iter().flatten() {
        if let Ok(partial) = part.partial.restore(policies.len(), Some) {
            whole.merge(partial.clone());
            whole.merge(partial);
        }
    }
}
