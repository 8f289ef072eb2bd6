//! Which log objects are read again, and what stands in for the others: the hash that the ledger has of them, from when they
//! were taken.

use std::collections::{BTreeSet, HashMap, HashSet};

use assize_engine::digest::{Check, Held, LogEntry, judge_versions};
use assize_engine::layout::{self, Folder, LogKey};
use futures::TryStreamExt;
use serde::Serialize;

use super::place::{Choice, Listed, Stored};
use crate::digests;
use crate::state::{StateError, View, sha256};

/// Which log objects are read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// All of them.
    All,
    /// Those that the ledger does not know, or whose size is another.
    Unknown,
    /// Some, drawn by a seed.
    Sample {
        /// How many.
        count: u64,
        /// Gives the same ones every time.
        seed: u64,
    },
}

/// What the ledger knows of log objects.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    rows: HashMap<(String, String), Vec<NotedRow>>,
}

/// A version of a log object, as it was when it was taken.
#[derive(Debug)]
struct NotedRow {
    held: Held,
    size: u64,
    /// Where it is kept; none if it was read in place.
    kept: Option<String>,
}

/// How a log object is to be judged.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Basis {
    /// By these objects of the vault.
    Read(Vec<String>),
    /// By the ledger alone.
    Ledger(Check),
    /// It was not drawn, and there is no ledger.
    NotSampled,
    /// It is in another bucket, and is not kept here.
    Elsewhere,
}

/// What was read again, and what was not. Each number is of log objects that valid digests name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Reading {
    /// `all`, `unknown` (to the ledger) or `sample`.
    pub(crate) mode: &'static str,
    /// Of a sample: how many were asked for.
    pub(crate) sample: Option<u64>,
    /// Of a sample.
    pub(crate) seed: Option<u64>,
    /// All of them.
    pub(crate) population: u64,
    /// Read again.
    pub(crate) read: u64,
    /// Compared by the hash in the ledger.
    pub(crate) by_ledger: u64,
    /// Not looked at: nothing is said of them.
    pub(crate) not_sampled: u64,
}

impl Noted {
    /// Reads the ledger; log objects alone, and those of the choice. Those that are read in place are added to what is listed: no
    /// listing of this vault shows them.
    ///
    /// # Errors
    /// The state cannot be read.
    pub(crate) async fn read(view: &View, choice: &Choice, listed: &mut Listed) -> Result<Noted, StateError> {
        let mut noted = Noted::default();
        let mut days = view.rows(i64::MIN..i64::MAX);
        while let Some((_, rows)) = days.try_next().await? {
            for row in rows {
                let Some(bucket) = row.source.strip_prefix("s3://") else { continue };
                let is_asked = |parsed: LogKey<'_>| parsed.folder != Folder::Digest && choice.admits(&parsed);
                if !layout::parse(&row.key).is_ok_and(is_asked) {
                    continue;
                }
                if row.evidence_key.is_none() {
                    listed.put(bucket, &row.key, (String::new(), row.size), choice);
                }
                let known = NotedRow { size: row.size, kept: row.evidence_key.clone(), held: digests::held(&row) };
                noted.rows.entry((bucket.to_owned(), row.key)).or_default().push(known);
            }
        }
        Ok(noted)
    }
}

/// Decides what is read.
pub(super) struct Plan<'p> {
    again: Again,
    noted: Option<&'p Noted>,
    /// Those that were drawn.
    drawn: HashSet<(&'p str, &'p str)>,
    population: u64,
}

impl<'p> Plan<'p> {
    /// A plan over the log objects that valid digests name, each once.
    pub(super) fn new(again: Again, noted: Option<&'p Noted>, named: &BTreeSet<(&'p str, &'p str)>) -> Plan<'p> {
        let drawn = match again {
            Again::Sample { count, seed } => draw(named, count, seed),
            Again::All | Again::Unknown => HashSet::new(),
        };
        Plan { again, noted, drawn, population: named.len() as u64 }
    }

    /// What was planned, and nothing done yet.
    pub(super) fn reading(&self) -> Reading {
        let (mode, sample, seed) = match self.again {
            Again::All => ("all", None, None),
            Again::Unknown => ("unknown", None, None),
            Again::Sample { count, seed } => ("sample", Some(count), Some(seed)),
        };
        Reading { mode, sample, seed, population: self.population, ..Reading::default() }
    }

    /// How an object is judged of which the vault has these versions.
    pub(super) fn basis(&self, entry: &LogEntry, versions: &[&Stored]) -> Basis {
        let here: Vec<&Stored> = versions.iter().copied().filter(|version| !version.key.is_empty()).collect();
        let keys = || here.iter().map(|version| version.key.clone()).collect::<Vec<_>>();
        let rows = self.noted.and_then(|noted| noted.rows.get(&entry.place)).map(Vec::as_slice).unwrap_or_default();
        // What is kept under a hash has a key that tells nothing; the ledger alone has it.
        let hidden = || rows.iter().filter_map(|row| row.kept.clone()).collect::<Vec<_>>();
        let is_drawn = self.drawn.contains(&(entry.place.0.as_str(), entry.place.1.as_str()));
        let in_place = !rows.is_empty() && rows.iter().all(|row| row.kept.is_none());
        match self.again {
            _ if here.is_empty() && !in_place => Basis::Read(hidden()),
            Again::All | Again::Sample { .. } if in_place && here.is_empty() && (is_drawn || self.again == Again::All) => {
                Basis::Elsewhere
            }
            Again::All => Basis::Read(keys()),
            Again::Sample { .. } if is_drawn => Basis::Read(keys()),
            Again::Sample { .. } if rows.is_empty() => Basis::NotSampled,
            Again::Unknown if rows.is_empty() => Basis::Read(keys()),
            _ if rows.iter().any(|row| row.is_other(&here)) => Basis::Read(keys()),
            Again::Sample { .. } | Again::Unknown => Basis::Ledger(judge_versions(entry, rows.iter().map(|row| &row.held))),
        }
    }
}

impl NotedRow {
    /// Whether what is kept is not listed, or has another size than what was taken.
    fn is_other(&self, here: &[&Stored]) -> bool {
        self.kept.as_ref().is_some_and(|kept| !here.iter().any(|version| version.key == *kept && version.size == self.size))
    }
}

impl Reading {
    /// Counts a log object.
    pub(super) fn count(&mut self, basis: &Basis) {
        match basis {
            Basis::Read(keys) => self.read += u64::from(!keys.is_empty()),
            Basis::Ledger(_) => self.by_ledger += 1,
            Basis::NotSampled => self.not_sampled += 1,
            Basis::Elsewhere => {}
        }
    }
}

/// The objects for which SHA-256 of `SEED`, a line break and `BUCKET/KEY` is smallest: anybody can draw them again.
fn draw<'p>(named: &BTreeSet<(&'p str, &'p str)>, count: u64, seed: u64) -> HashSet<(&'p str, &'p str)> {
    let lot = |(bucket, key): &(&str, &str)| sha256(format!("{seed}\n{bucket}/{key}").as_bytes());
    let mut lots: Vec<_> = named.iter().map(|place| (lot(place), *place)).collect();
    lots.sort_unstable();
    lots.into_iter().take(usize::try_from(count).unwrap_or(usize::MAX)).map(|(_, place)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_seed_and_names_alone() {
        let keys: Vec<String> = (0..100).map(|number| format!("key-{number}")).collect();
        let named: BTreeSet<(&str, &str)> = keys.iter().map(|key| ("bucket", key.as_str())).collect();
        let one = draw(&named, 5, 7);
        assert_eq!((one.len(), &one), (5, &draw(&named, 5, 7)));
        assert!(one.is_subset(&draw(&named, 6, 7)) && one != draw(&named, 5, 8));
        assert_eq!(draw(&named, 1_000, 7).len(), 100);
        // printf '7\nbucket/key-N' | sha256sum, for all N
        let smallest = keys.iter().min_by_key(|key| sha256(format!("7\nbucket/{key}").as_bytes())).unwrap();
        assert!(draw(&named, 1, 7).contains(&("bucket", smallest.as_str())));
    }
}
