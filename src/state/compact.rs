//! Compaction: many small segments become few large ones, so that a run that opens the state reads little.
//!
//! Batches (level 0) are merged when there are more than [`Tiers::batches`]; what comes of it is parted by kind, one segment
//! or more for each, because a reader wants one kind at a time. Segments of one kind and level are merged when there are
//! [`Tiers::fan_in`] of them, and go one level up; those that have reached [`Tiers::full`] stay as they are. So a byte is written once
//! for each level it passes, and with B batches there are at most 1 + log8(B / 64) levels: the cost of a commit grows with
//! the logarithm of their number. A head names at most 64 batches, 7 segments for each kind and level, and the full ones.
//!
//! Nothing is deleted. The new segments are written first; the head that names them in place of the old ones makes them
//! count, all at once.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use super::batch::{self, CHUNK};
use super::entry::{self, SIZE};
use super::error::{StateError, blocking};
use super::keys::Wanted;
use super::read::{Found, Sections};
use super::results;
use super::segment::{Draft, Kind, SegmentRef};
use super::{State, put_segment};

/// When to merge, and how far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiers {
    /// Batches that may be live at once.
    pub(super) batches: usize,
    /// Segments of one kind and level that are merged into one of the next.
    pub(super) fan_in: usize,
    /// Stored bytes from which on a segment is not merged again. What is larger is parted.
    pub(super) full: u64,
    /// Stored bytes from which on a section is taken over as it is, not merged with others of its key.
    pub(super) large: usize,
}

/// What `docs/state.md` speaks of.
pub(super) const TIERS: Tiers = Tiers { batches: 64, fan_in: 8, full: 32 << 20, large: 1 << 20 };

/// Which segments to merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compaction {
    /// Those that are due; often none.
    Due,
    /// All that are not full.
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever tidies up between runs"))]
    All,
}

/// Segments to be merged, by their place in the head.
#[derive(Debug, PartialEq, Eq)]
struct Merge {
    inputs: Vec<usize>,
    level: u32,
}

/// The next merge, if one is due.
fn due(segments: &[SegmentRef], tiers: &Tiers) -> Option<Merge> {
    let mut groups: BTreeMap<(u32, Option<Kind>), Vec<usize>> = BTreeMap::new();
    for (index, segment) in segments.iter().enumerate() {
        // Only merged segments hold a single kind by rule; a batch may do so by chance.
        let kind = segment.holds.keys().next().copied().filter(|_| segment.level > 0);
        if segment.level == 0 || segment.bytes < tiers.full {
            groups.entry((segment.level, kind)).or_default().push(index);
        }
    }
    let ready = |&(level, _): &(u32, Option<Kind>), inputs: &Vec<usize>| {
        if level == 0 { inputs.len() > tiers.batches } else { inputs.len() >= tiers.fan_in }
    };
    let (&(level, _), inputs) = groups.iter().find(|(group, inputs)| ready(group, inputs))?;
    Some(Merge { inputs: inputs.clone(), level: level.saturating_add(1) })
}

/// All that can be merged, unless it is merged already.
fn everything(segments: &[SegmentRef], tiers: &Tiers) -> Option<Merge> {
    let open = || segments.iter().enumerate().filter(|(_, segment)| segment.level == 0 || segment.bytes < tiers.full);
    let mut kinds: Vec<Option<Kind>> =
        open().map(|(_, segment)| segment.holds.keys().next().copied().filter(|_| segment.level > 0)).collect();
    kinds.sort_unstable();
    if !kinds.contains(&None) && kinds.windows(2).all(|pair| pair.first() != pair.last()) {
        return None;
    }
    let level = open().map(|(_, segment)| segment.level).max().unwrap_or_default().saturating_add(1);
    Some(Merge { inputs: open().map(|(index, _)| index).collect(), level })
}

impl State {
    /// Merges segments. A shard's are merged when they are adopted, not before.
    ///
    /// # Errors
    /// As [`State::commit`]. What was committed before stays so.
    pub(crate) async fn compact(&mut self, compaction: Compaction) -> Result<(), StateError> {
        if self.shard.is_some() {
            return Ok(());
        }
        match compaction {
            Compaction::Due => {
                while let Some(merge) = due(&self.stored.head.segments, &self.tiers) {
                    self.merge(merge).await?;
                }
            }
            Compaction::All => {
                if let Some(merge) = everything(&self.stored.head.segments, &self.tiers) {
                    self.merge(merge).await?;
                }
            }
        }
        Ok(())
    }

    async fn merge(&mut self, merge: Merge) -> Result<(), StateError> {
        self.check_settled()?;
        let mut head = self.stored.head.next();
        let segments = mem::take(&mut head.segments);
        let (mut inputs, mut kept) = (Vec::new(), Vec::new());
        for (index, segment) in segments.into_iter().enumerate() {
            if merge.inputs.binary_search(&index).is_ok() { inputs.push(segment) } else { kept.push(segment) }
        }
        let mut output = Output { state: self, level: merge.level, written: Vec::new() };
        for kind in Kind::ALL {
            output.merge_kind(kind, &inputs).await?;
        }
        let mut written = output.written;
        if let Some(first) = written.iter_mut().find(|segment| segment.holds.contains_key(&Kind::Rows)) {
            first.rows = inputs.iter().map(|segment| segment.rows).sum();
        }
        written.iter_mut().for_each(|segment| segment.generation = head.generation);
        tracing::debug!(merged = inputs.len(), into = written.len(), level = merge.level, "segments compacted");
        head.segments = kept;
        head.segments.append(&mut written);
        self.advance(head).await
    }
}

/// Segments being written.
struct Output<'s> {
    state: &'s mut State,
    level: u32,
    written: Vec<SegmentRef>,
}

impl Output<'_> {
    async fn merge_kind(&mut self, kind: Kind, inputs: &[SegmentRef]) -> Result<(), StateError> {
        let mut sections = Sections::open(&self.state.segments, inputs, kind, &Wanted::All).await?;
        let mut sets = BTreeMap::new();
        if matches!(kind, Kind::Rows | Kind::Results) {
            sets.extend(sections.segments().flat_map(|segment| segment.policy_sets.clone()));
        }
        let new = |state: &State| {
            let mut draft = Draft::new(&state.origin());
            sets.iter().for_each(|(name, policies)| draft.add_policy_set(name, policies));
            draft
        };
        let (mut draft, tiers) = (new(self.state), self.state.tiers);
        // What a key holds may stand in several sections, or must become one.
        let parts = !matches!(kind, Kind::Results | Kind::Current);
        while let Some(key) = sections.peek() {
            let mut pending = Vec::new();
            let mut size = 0;
            while sections.peek() == Some(key) {
                let Some(found) = sections.next().await? else { break };
                if parts && found.stored.len() >= tiers.large {
                    draft.add_stored(&found.section, &found.stored);
                } else {
                    size += found.section.inflated();
                    pending.push(found);
                }
                if parts && size >= CHUNK as u64 {
                    size = 0;
                    draft = merge_key(draft, (kind, key), mem::take(&mut pending)).await?;
                }
                if draft.len() as u64 >= tiers.full {
                    self.write(mem::replace(&mut draft, new(self.state))).await?;
                }
            }
            draft = merge_key(draft, (kind, key), pending).await?;
        }
        if draft.is_empty() { Ok(()) } else { self.write(draft).await }
    }

    async fn write(&mut self, draft: Draft) -> Result<(), StateError> {
        let (name, level) = (self.state.next_name(), self.level);
        let (reference, bytes) = blocking("the writing of a segment", move || draft.finish(name, level)).await?;
        put_segment(&*self.state.bucket, &reference.name, bytes).await?;
        self.written.push(reference);
        Ok(())
    }
}

/// Adds what several sections of one key hold as one.
async fn merge_key(mut draft: Draft, (kind, key): (Kind, i64), mut pending: Vec<Found>) -> Result<Draft, StateError> {
    if pending.len() == 1
        && let Some(found) = pending.pop()
    {
        draft.add_stored(&found.section, &found.stored);
        return Ok(draft);
    }
    if pending.is_empty() {
        return Ok(draft);
    }
    let work = move || {
        match kind {
            Kind::Results => draft.add(kind, key, &results::merge(pending)?)?,
            Kind::Current => batch::add_lines(&mut draft, kind, key, batch::newest(pending)?)?,
            Kind::Keys | Kind::Seen => {
                let mut entries: Vec<[u8; SIZE]> = Vec::new();
                for found in pending {
                    let (segment, section) = (Arc::clone(&found.segment), found.section.clone());
                    let body = found.body()?;
                    let more = entry::entries(&body).ok_or_else(|| segment.damaged(&section, "it ends within an entry"))?;
                    entries.extend_from_slice(more);
                }
                entry::sort(&mut entries);
                batch::add_entries(&mut draft, kind, key, &entries)?;
            }
            Kind::Rows | Kind::Timeline | Kind::Documents | Kind::Sessions => {
                let bodies: Result<Vec<Vec<u8>>, StateError> = pending.into_iter().map(Found::body).collect();
                let bodies = bodies?;
                let lines = bodies.iter().flat_map(|body| body.split(|byte| *byte == b'\n')).filter(|line| !line.is_empty());
                let mut lines: Vec<&[u8]> = lines.collect();
                if kind == Kind::Sessions {
                    // A backfill writes again what is there.
                    lines.sort_unstable();
                    lines.dedup();
                }
                batch::add_lines(&mut draft, kind, key, lines)?;
            }
        }
        Ok(draft)
    };
    blocking("the merging of segments", work).await
}
