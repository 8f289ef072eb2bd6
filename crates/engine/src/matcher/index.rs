//! Finds the policies whose event source and name a record fits.
//!
//! Four tables: source and name, name alone, source alone, and policies that neither narrows. A record costs three
//! look-ups, whatever the number of policies that cannot match it.

use std::collections::HashMap;

use super::Scratch;
use crate::candidates::Candidate;
use crate::record::Facts;

#[derive(Debug, Default)]
pub(super) struct Index {
    by_both: HashMap<String, Vec<u32>>,
    by_source: HashMap<String, Vec<u32>>,
    by_name: HashMap<String, Vec<u32>>,
    always: Vec<u32>,
    all: Vec<u32>,
}

impl Index {
    /// One entry per policy, in order; `None` leaves the policy out.
    pub(super) fn new(policies: impl Iterator<Item = Option<Vec<Candidate>>>) -> Index {
        let mut index = Index::default();
        for (number, alternatives) in (0_u32..).zip(policies) {
            let Some(alternatives) = alternatives else { continue };
            index.all.push(number);
            for alternative in &alternatives {
                index.add(number, alternative);
            }
        }
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

    /// Leaves the numbers of the policies that may match in `scratch.candidates`, sorted, each once.
    pub(super) fn candidates(&self, facts: &Facts<'_>, scratch: &mut Scratch) {
        let Scratch { candidates, source, name } = scratch;
        candidates.clear();
        source.clear();
        name.clear();
        let plain = |value: Option<crate::json::Value<'_>>, out: &mut String| match value {
            Some(value) => {
                let text = value.text();
                out.push_str(&text);
                out.make_ascii_lowercase();
                text.is_ascii()
            }
            None => true,
        };
        // A name in other letters than ASCII may fold to one that is; such a record, like one with two names, is put
        // to every policy.
        let trusted = plain(facts.source, source) & plain(facts.name, name) && !facts.ambiguous;
        if !trusted {
            candidates.extend_from_slice(&self.all);
            return;
        }
        candidates.extend_from_slice(&self.always);
        candidates.extend(self.by_source.get(source.as_str()).into_iter().flatten());
        candidates.extend(self.by_name.get(name.as_str()).into_iter().flatten());
        if !self.by_both.is_empty() {
            source.push('\n');
            source.push_str(name);
            candidates.extend(self.by_both.get(source.as_str()).into_iter().flatten());
        }
        candidates.sort_unstable();
        candidates.dedup();
    }
}

/// The key of both: a line break cannot stand in a value of [`Candidate`], and if one stands in a record the key only
/// finds more policies.
fn joined(source: &str, name: &str) -> String {
    format!("{source}\n{name}")
}
