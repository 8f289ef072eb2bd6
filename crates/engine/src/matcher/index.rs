//! Finds the policies whose event source and name a record fits.
//!
//! Four tables: source and name, name alone, source alone, and policies that neither narrows. The last are put to a
//! record only if an item that each of them requires (its guard) is not false; policies with the same guard share its
//! answer. What a source and name give is kept, because the same few hundred pairs make up nearly all of a log.

use std::collections::HashMap;

use super::compile::{CompiledItem, Items};
use super::expression::Expression;
use super::guard;
use crate::candidates::Candidate;
use crate::record::top::TopField;

#[derive(Debug, Default)]
pub(super) struct Index {
    by_both: HashMap<String, Vec<u32>>,
    by_source: HashMap<String, Vec<u32>>,
    by_name: HashMap<String, Vec<u32>>,
    /// Policies that neither source nor name narrows, and that have no guard.
    always: Vec<u32>,
    /// Items over one top-level field each, by field.
    by_field: Vec<FieldGuards>,
    /// The other guards.
    guarded: Vec<Guard>,
}

/// An item, and the policies that cannot match where it is false.
pub(super) type Guard = (u32, Vec<u32>);

/// Guards that ask nothing but the value of one top-level field.
#[derive(Debug)]
pub(super) struct FieldGuards {
    pub(super) field: TopField,
    pub(super) items: Vec<Guard>,
}

/// What the index has to know of a policy.
pub(super) struct Entry<'p> {
    pub(super) alternatives: Vec<Candidate>,
    pub(super) condition: &'p Expression,
}

impl Index {
    /// One entry per policy, in order; `None` leaves the policy out.
    pub(super) fn new<'p>(policies: impl Iterator<Item = Option<Entry<'p>>>, items: &Items) -> Index {
        let mut index = Index::default();
        let mut open: Vec<(u32, Vec<u32>)> = Vec::new();
        for (number, entry) in (0_u32..).zip(policies) {
            let Some(entry) = entry else { continue };
            if entry.alternatives.iter().any(|alternative| alternative.sources.is_none() && alternative.names.is_none()) {
                open.push((number, guard::required(entry.condition)));
                continue;
            }
            for alternative in &entry.alternatives {
                index.add(number, alternative);
            }
        }
        let (guarded, always) = guard::choose(open, items);
        index.always = always;
        guarded.into_iter().for_each(|guard| index.add_guard(guard, items));
        index
    }

    fn add_guard(&mut self, guard: Guard, items: &Items) {
        let Some(field) = items.get(guard.0).and_then(CompiledItem::only_field) else {
            self.guarded.push(guard);
            return;
        };
        match self.by_field.iter_mut().find(|guards| guards.field == field) {
            Some(guards) => guards.items.push(guard),
            None => self.by_field.push(FieldGuards { field, items: vec![guard] }),
        }
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

    /// Guards that look at more than one top-level field. Their policies are not among [`Index::candidates`].
    pub(super) fn guarded(&self) -> &[Guard] {
        &self.guarded
    }

    /// Guards that look at one top-level field. Their policies are not among [`Index::candidates`].
    pub(super) fn by_field(&self) -> &[FieldGuards] {
        &self.by_field
    }

    fn guards(&self) -> impl Iterator<Item = &Guard> {
        self.guarded.iter().chain(self.by_field.iter().flat_map(|guards| &guards.items))
    }

    /// The items that are asked of every record.
    pub(super) fn asked(&self) -> impl Iterator<Item = u32> {
        self.guards().map(|(item, _)| *item)
    }

    /// The item without which the policy is not tried.
    pub(super) fn guard(&self, policy: u32) -> Option<u32> {
        self.guards().find(|(_, policies)| policies.contains(&policy)).map(|(item, _)| *item)
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
