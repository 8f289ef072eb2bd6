//! A batch: what a collector commits at once, and the segment it becomes.

use std::collections::BTreeMap;
use std::sync::Arc;

use assize_engine::partial::ByHour;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::entry::{self, Entry, SIZE};
use super::error::StateError;
use super::read::Found;
use super::results::{self, PolicySet};
use super::row::LedgerRow;
use super::segment::{Draft, Kind, Origin};
use super::session_row;

/// Seconds of a day.
pub(super) const DAY: i64 = 24 * 3600;

/// Bytes after which a section of lines or entries is closed and the next begun.
pub(super) const CHUNK: usize = 4 << 20;

/// What is committed at once: objects, and what came of them. All of it counts, or none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    /// The objects that were taken. Their evidence is in the bucket already.
    pub(crate) rows: Vec<LedgerRow>,
    /// What evaluating them gave, and which records were counted.
    pub(crate) results: ByHour,
    /// Hashes of the policies of `results`, in their order: each names all that a policy's matches depend on. Empty if
    /// nothing was evaluated.
    pub(crate) policies: Vec<String>,
    /// `results` are those of further policies over objects that are in the ledger already: `rows` is empty, counts of
    /// records are not added again, and the policies must be ones that judged none of these objects.
    pub(crate) supplement: bool,
    /// How things were at the time of the run, by name: trails, accounts, regions.
    pub(crate) timeline: BTreeMap<String, Value>,
    /// Other documents, by name. All are kept.
    pub(crate) documents: BTreeMap<String, Value>,
    /// Documents of which only the newest counts, by name: where something stands. Compaction drops those before it, so
    /// one that is written with every batch costs no more than one. Shards must not share a name.
    pub(crate) current: BTreeMap<String, Value>,
}

/// A document of some run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Document {
    /// Name.
    pub(crate) name: String,
    /// The run that committed it.
    pub(crate) run: String,
    /// That run's time, seconds since 1970 UTC.
    pub(crate) as_of: i64,
    /// Take-over and commit, for the order among documents of one time.
    pub(crate) order: (u64, u64),
    /// What it says.
    pub(crate) value: Value,
}

impl Batch {
    /// Whether there is nothing to commit.
    pub(crate) fn is_empty(&self) -> bool {
        let Batch { rows, results, policies: _, supplement: _, timeline, documents, current } = self;
        rows.is_empty() && results.hours.is_empty() && timeline.is_empty() && documents.is_empty() && current.is_empty()
    }

    /// The segment of this batch. `order` is that of its documents. Takes the processor for a while.
    pub(super) fn draft(self, origin: &Origin, order: (u64, u64)) -> Result<Draft, StateError> {
        if self.supplement && !self.rows.is_empty() {
            return Err(StateError::invalid("a batch", "it has new objects and is a supplement; commit the two apart"));
        }
        let set = PolicySet::of(&self.policies)?;
        let mut draft = Draft::new(origin);
        if !self.policies.is_empty() || !self.results.hours.is_empty() {
            draft.add_policy_set(&set.name, &set.policies);
        }
        add_rows(&mut draft, self.rows, if self.policies.is_empty() { "" } else { &set.name })?;
        for (hour, part) in &self.results.hours {
            draft.add(Kind::Results, *hour, &results::encode(&part.partial, &set, self.supplement)?)?;
        }
        for (hour, part) in &self.results.hours {
            let mut entries: Vec<[u8; SIZE]> = part.seen.iter().map(entry::seen_bytes).collect();
            entry::sort(&mut entries);
            add_entries(&mut draft, Kind::Seen, *hour, &entries)?;
        }
        let (run, as_of) = (origin.run.clone(), origin.as_of);
        let day = as_of.div_euclid(DAY);
        let documents = [(Kind::Timeline, day, self.timeline), (Kind::Documents, day, self.documents)];
        for (kind, key, documents) in documents.into_iter().chain([(Kind::Current, 0, self.current)]) {
            let line = |(name, value)| to_line(&Document { name, run: run.clone(), as_of, order, value });
            let lines: Result<Vec<_>, _> = documents.into_iter().map(line).collect();
            add_lines(&mut draft, kind, key, lines?)?;
        }
        for (hour, part) in &self.results.hours {
            add_lines(&mut draft, Kind::Sessions, *hour, session_row::lines(&part.partial.sessions)?)?;
        }
        Ok(draft)
    }
}

/// The newest document of each name, as lines.
pub(super) fn newest(sections: Vec<Found>) -> Result<Vec<Vec<u8>>, StateError> {
    #[derive(Deserialize)]
    struct Named {
        name: String,
        order: (u64, u64),
    }
    let mut newest: BTreeMap<String, ((u64, u64), Vec<u8>)> = BTreeMap::new();
    for found in sections {
        let (segment, section) = (Arc::clone(&found.segment), found.section.clone());
        let body = found.body()?;
        for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let named = serde_json::from_slice(line).map_err(|error| segment.damaged(&section, &error.to_string()))?;
            let Named { name, order } = named;
            let known = newest.entry(name).or_default();
            // The line too, so that the order of the segments does not matter whatever stands in them.
            if (order, line) > (known.0, known.1.as_slice()) {
                *known = (order, line.to_vec());
            }
        }
    }
    Ok(newest.into_values().map(|(_, line)| line).collect())
}

/// Entries and lines of one day.
type DayRows = (Vec<[u8; SIZE]>, Vec<Vec<u8>>);

fn add_rows(draft: &mut Draft, rows: Vec<LedgerRow>, policy_set: &str) -> Result<(), StateError> {
    draft.count_rows(rows.len() as u64);
    let mut days: BTreeMap<i64, DayRows> = BTreeMap::new();
    for row in rows {
        let (entries, lines) = days.entry(row.day).or_default();
        entries.push(Entry::of(&row.listed()).0);
        lines.push(to_line(&LedgerRow { policy_set: policy_set.to_owned(), ..row })?);
    }
    for (day, (entries, _)) in &mut days {
        entry::sort(entries);
        add_entries(draft, Kind::Keys, *day, entries)?;
    }
    days.into_iter().try_for_each(|(day, (_, lines))| add_lines(draft, Kind::Rows, day, lines))
}

fn to_line(value: &impl Serialize) -> Result<Vec<u8>, StateError> {
    serde_json::to_vec(value).map_err(|error| StateError::invalid("a row or document", error.to_string()))
}

/// Adds sections of entries, which are sorted.
pub(super) fn add_entries(draft: &mut Draft, kind: Kind, key: i64, entries: &[[u8; SIZE]]) -> Result<(), StateError> {
    entries.chunks(CHUNK / SIZE).try_for_each(|chunk| draft.add(kind, key, chunk.as_flattened()))
}

/// Adds sections of lines, sorted here.
pub(super) fn add_lines(
    draft: &mut Draft,
    kind: Kind,
    key: i64,
    mut lines: Vec<impl AsRef<[u8]> + Ord>,
) -> Result<(), StateError> {
    lines.sort_unstable();
    let mut body = Vec::new();
    for line in lines {
        body.extend_from_slice(line.as_ref());
        body.push(b'\n');
        if body.len() >= CHUNK {
            draft.add(kind, key, &body)?;
            body.clear();
        }
    }
    if body.is_empty() { Ok(()) } else { draft.add(kind, key, &body) }
}
