//! Finds the policies whose event source and name a record fits.
//!
//! Four tables: source and name, name alone, source alone, and policies that neither narrows. The last are put to a
//! record only if an item that each of them requires (its guard) is not false; policies with the same guard share its
//! answer. What a source and name give is kept, because the same few hundred pairs make up nearly all of a log.

use std::collections::HashMap;

use super::compile::Items;
use super::guard;
use crate::candidates::Candidate;
use crate::policy::Condition;

#[derive(Debug, Default)]
pub(super) struct Index {
    by_both: HashMap<String, Vec<u32>>,
    by_source: HashMap<String, Vec<u32>>,
    by_name: HashMap<String, Vec<u32>>,
    /// Policies that neither source nor name narrows, and that have no guard.
    always: Vec<u32>,
    /// Items, and the policies that cannot match where the item is false.
    guarded: Vec<(u32, Vec<u32>)>,
    all: Vec<u32>,
}

/// What the index has to know of a policy.
pub(super) struct Entry<'p> {
    pub(super) alternatives: Vec<Candidate>,
    pub(super) condition: &'p Condition,
    pub(super) selections: &'p [super::CompiledSelection],
}

impl Index {
    /// One entry per policy, in order; `None` leaves the policy out.
    pub(super) fn new<'p>(policies: impl Iterator<Item = Option<Entry<'p>>>, items: &Items) -> Index {
        let mut index = Index::default();
        let mut open: Vec<(u32, Vec<u32>)> = Vec::new();
        for (number, entry) in (0_u32..).zip(policies) {
            let Some(entry) = entry else { continue };
            index.all.push(number);
            if entry.alternatives.iter().any(|alternative| alternative.sources.is_none() && alternative.names.is_none()) {
                open.push((number, guard::required(entry.condition, entry.selections)));
                continue;
            }
            for alternative in &entry.alternatives {
                index.add(number, alternative);
            }
        }
        (index.guarded, index.always) = guard::choose(open, items);
        index
    }

    fn add(&mut self, number: u32, alternative: &Candidate) {
        match (&alternative.sources, &alternative.names) {
            (Some(sources), Some(names)) => {
                for source in sources {
                    for name in names {
                        self.by_both.entry(joined(source, name)).or_default().push(number);
                    }
                }
            }
            (Some(sources), None) => {
                sources.iter().for_each(|source| self.by_source.entry(source.clone()).or_default().push(number))
            }
            (None, Some(names)) => names.iter().for_each(|name| self.by_name.entry(name.clone()).or_default().push(number)),
            (None, None) => self.always.push(number),
        }
    }

    /// Items, and the policies that cannot match where the item is false: not among [`Index::candidates`].
    pub(super) fn guarded(&self) -> &[(u32, Vec<u32>)] {
        &self.guarded
    }

    /// The item without which the policy is not tried.
    pub(super) fn guard(&self, policy: u32) -> Option<u32> {
        self.guarded.iter().find(|(_, policies)| policies.contains(&policy)).map(|(item, _)| *item)
    }

    /// All policies, for a record whose source and name are not to be trusted.
    pub(super) fn all(&self) -> &[u32] {
        &self.all
    }

    /// The policies without a guard that may match records of this source and name (lower case), ascending, each once.
    pub(super) fn candidates(&self, source: &str, name: &str) -> Vec<u32> {
        let mut candidates = self.always.clone();
        candidates.extend(self.by_source.get(source).into_iter().flatten());
        candidates.extend(self.by_name.get(name).into_iter().flatten());
        candidates.extend(self.by_both.get(&joined(source, name)).into_iter().flatten());
        candidates.sort_unstable();
        candidates.dedup();
        candidates
    }
}

/// The key of both: a line break cannot stand in a value of [`Candidate`], and if one stands in a record the key only
/// finds more policies.
fn joined(source: &str, name: &str) -> String {
    format!("{source}\n{name}")
}
