//! Reading sections of many segments in the order of their keys, a few megabytes at a time.
//!
//! Sections of one kind lie side by side in a segment, so they are fetched in runs: one request for many sections, and
//! never more in memory than the runs at hand, whatever the segments hold.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use assize_bucket::Bucket;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::error::StateError;
use super::keys::Wanted;
use super::segment::{Kind, Section, Segment, SegmentRef};

/// Requests under way at once.
pub(super) const PARALLEL: usize = 16;

/// The most bytes of a run, unless a single section is larger.
pub(super) const RUN: u64 = 4 << 20;

/// Bytes that all runs at hand together should stay below.
const BUDGET: u64 = 32 << 20;

/// A section, its stored bytes, and the segment in which it is.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) segment: Arc<Segment>,
    pub(super) section: Section,
    pub(super) stored: Vec<u8>,
}

impl Found {
    /// What the section holds.
    pub(super) fn body(self) -> Result<Vec<u8>, StateError> {
        self.segment.body(&self.section, self.stored)
    }
}

/// Opens those segments that may hold wanted sections. What is not wanted is taken out of their tables of contents.
pub(super) async fn open(
    bucket: &Arc<dyn Bucket>,
    references: &[SegmentRef],
    kind: Kind,
    wanted: Wanted,
) -> Result<Vec<Segment>, StateError> {
    let touched = references.iter().filter(|segment| segment.holds.get(&kind).is_some_and(|runs| wanted.touches(runs)));
    let opening: Vec<_> = touched.map(|reference| open_one(Arc::clone(bucket), reference.clone())).collect();
    let mut segments: Vec<Segment> = stream::iter(opening).buffered(PARALLEL).try_collect().await?;
    for segment in &mut segments {
        segment.sections.retain(|section| section.kind == kind && wanted.contains(section.key));
    }
    Ok(segments)
}

/// Owns what it needs, so that it can be sent to another thread.
async fn open_one(bucket: Arc<dyn Bucket>, reference: SegmentRef) -> Result<Segment, StateError> {
    Segment::open(&*bucket, &reference).await
}

/// The stored bytes of a run of sections, with their places.
pub(super) async fn fetch(
    bucket: Arc<dyn Bucket>,
    segment: Arc<Segment>,
    run: Range<usize>,
) -> Result<Vec<(usize, Vec<u8>)>, StateError> {
    let stored = segment.fetch(&*bucket, segment.sections.get(run.clone()).unwrap_or_default()).await?;
    Ok(run.zip(stored).collect())
}

/// Parts sections into runs that lie side by side.
pub(super) fn runs(sections: &[Section], limit: u64) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let (mut start, mut end) = (0, None);
    for (index, section) in sections.iter().enumerate() {
        let Range { start: from, end: to } = section.range();
        match runs.last_mut() {
            Some(run) if end == Some(from) && to - start <= limit => run.end = index + 1,
            _ => {
                start = from;
                runs.push(index..index + 1);
            }
        }
        end = Some(to);
    }
    runs
}

/// Reads sections of one kind from many segments, in the order of their keys.
pub(super) struct Sections {
    bucket: Arc<dyn Bucket>,
    cursors: Vec<Cursor>,
}

struct Cursor {
    segment: Arc<Segment>,
    /// Not fetched yet.
    runs: VecDeque<Range<usize>>,
    fetched: VecDeque<(usize, Vec<u8>)>,
}

impl Cursor {
    fn key(&self) -> Option<i64> {
        let next = self.fetched.front().map(|(index, _)| *index).or_else(|| self.runs.front().map(|run| run.start))?;
        self.segment.sections.get(next).map(|section| section.key)
    }

    /// Bytes of the next run, if it must be fetched before anything can be read here.
    fn missing(&self) -> Option<u64> {
        let run = self.runs.front().filter(|_| self.fetched.is_empty())?;
        let sections = self.segment.sections.get(run.clone())?;
        Some(sections.last()?.range().end - sections.first()?.range().start)
    }
}

impl Sections {
    pub(super) async fn open(
        bucket: Arc<dyn Bucket>,
        references: &[SegmentRef],
        kind: Kind,
        wanted: Wanted,
    ) -> Result<Sections, StateError> {
        let segments = open(&bucket, references, kind, wanted).await?;
        let limit = (BUDGET / segments.len().max(1) as u64).clamp(256 << 10, RUN);
        let cursor = |segment: Segment| {
            let runs = runs(&segment.sections, limit).into();
            Cursor { segment: Arc::new(segment), runs, fetched: VecDeque::new() }
        };
        Ok(Sections { bucket, cursors: segments.into_iter().map(cursor).collect() })
    }

    /// The segments that are read.
    pub(super) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.cursors.iter().map(|cursor| &*cursor.segment)
    }

    /// The key of the next section.
    pub(super) fn peek(&self) -> Option<i64> {
        self.cursors.iter().filter_map(Cursor::key).min()
    }

    /// The next section. Those of one key come in the order of the segments.
    pub(super) async fn next(&mut self) -> Result<Option<Found>, StateError> {
        let Some(key) = self.peek() else { return Ok(None) };
        let at_key = |cursor: &Cursor| cursor.key() == Some(key);
        if self.cursors.iter().find(|cursor| at_key(cursor)).is_some_and(|cursor| cursor.missing().is_some()) {
            self.fetch(key).await?;
        }
        let Some(cursor) = self.cursors.iter_mut().find(|cursor| at_key(cursor)) else { return Ok(None) };
        let Some((index, stored)) = cursor.fetched.pop_front() else { return Ok(None) };
        let segment = Arc::clone(&cursor.segment);
        Ok(segment.sections.get(index).cloned().map(|section| Found { segment, section, stored }))
    }

    /// All sections of the next key.
    pub(super) async fn next_key(&mut self) -> Result<Option<(i64, Vec<Found>)>, StateError> {
        let Some(key) = self.peek() else { return Ok(None) };
        let mut found = Vec::new();
        while self.peek() == Some(key) {
            found.extend(self.next().await?);
        }
        Ok(Some((key, found)))
    }

    /// Fetches runs: those that begin with `key`, and those that are needed soon as far as there is room.
    async fn fetch(&mut self, key: i64) -> Result<(), StateError> {
        let mut held: u64 = self.cursors.iter().flat_map(|cursor| &cursor.fetched).map(|(_, stored)| stored.len() as u64).sum();
        let mut missing: Vec<_> =
            self.cursors.iter_mut().filter_map(|cursor| Some((cursor.key()?, cursor.missing()?, cursor))).collect();
        missing.sort_by_key(|(next, _, _)| *next);
        let mut fetches = Vec::new();
        let mut cursors = Vec::new();
        for (next, bytes, cursor) in missing {
            held += bytes;
            if next != key && held > BUDGET {
                continue;
            }
            let Some(run) = cursor.runs.pop_front() else { continue };
            fetches.push(fetch(Arc::clone(&self.bucket), Arc::clone(&cursor.segment), run));
            cursors.push(cursor);
        }
        let fetched: Vec<Vec<(usize, Vec<u8>)>> = stream::iter(fetches).buffered(PARALLEL).try_collect().await?;
        for (cursor, fetched) in cursors.into_iter().zip(fetched) {
            cursor.fetched = fetched.into();
        }
        Ok(())
    }
}
