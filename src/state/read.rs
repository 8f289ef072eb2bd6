//! Reading sections of many segments in the order of their keys, a few megabytes at a time.
//!
//! Sections of one kind lie side by side in a segment, so they are fetched in runs: one request for many sections, and
//! never more in memory than the runs at hand, whatever the segments hold. Tables of contents are read once and kept, as
//! far as there is room: a collector asks for the same hours again and again.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

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

/// Bytes of tables of contents and small segments that are kept.
const KEPT: usize = 32 << 20;

/// The segments in a bucket.
pub(super) struct Segments {
    bucket: Arc<dyn Bucket>,
    kept: Mutex<Kept>,
}

/// By name, and in the order in which they came. Segments never change, so what is kept stays true.
#[derive(Default)]
struct Kept {
    segments: HashMap<String, Arc<Segment>>,
    order: VecDeque<String>,
    bytes: usize,
}

impl Segments {
    pub(super) fn new(bucket: Arc<dyn Bucket>) -> Segments {
        Segments { bucket, kept: Mutex::default() }
    }

    /// Opens those segments that may hold wanted sections.
    pub(super) async fn open(
        self: &Arc<Segments>,
        references: &[SegmentRef],
        kind: Kind,
        wanted: &Wanted,
    ) -> Result<Vec<Part>, StateError> {
        let touched = references.iter().filter(|segment| segment.holds.get(&kind).is_some_and(|runs| wanted.touches(runs)));
        // Owned, so that they can be sent to another thread.
        let opening: Vec<_> = touched.map(|reference| Arc::clone(self).open_one(reference.clone())).collect();
        let segments: Vec<Arc<Segment>> = stream::iter(opening).buffered(PARALLEL).try_collect().await?;
        let part = |segment: Arc<Segment>| {
            let sections = segment.sections(kind).filter(|section| wanted.contains(section.key)).cloned().collect();
            Part { segment, sections }
        };
        Ok(segments.into_iter().map(part).collect())
    }

    async fn open_one(self: Arc<Segments>, reference: SegmentRef) -> Result<Arc<Segment>, StateError> {
        // The lock is gone before anything is waited for; a poisoned one guards nothing but what is kept.
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).segments.get(&reference.name).cloned();
        if let Some(segment) = kept {
            return Ok(segment);
        }
        let segment = Arc::new(Segment::open(&*self.bucket, &reference).await?);
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).keep(reference.name, &segment);
        Ok(segment)
    }

    /// Fetches a run of sections.
    pub(super) async fn fetch(self: Arc<Segments>, segment: Arc<Segment>, run: Vec<Section>) -> Result<Vec<Found>, StateError> {
        let stored = segment.fetch(&*self.bucket, &run).await?;
        let found = run.into_iter().zip(stored);
        Ok(found.map(|(section, stored)| Found { segment: Arc::clone(&segment), section, stored }).collect())
    }
}

impl Kept {
    fn keep(&mut self, name: String, segment: &Arc<Segment>) {
        let bytes = segment.weight();
        if bytes > KEPT / 4 || self.segments.insert(name.clone(), Arc::clone(segment)).is_some() {
            return;
        }
        self.bytes += bytes;
        self.order.push_back(name);
        while self.bytes > KEPT {
            let Some(oldest) = self.order.pop_front().and_then(|name| self.segments.remove(&name)) else { return };
            self.bytes -= oldest.weight();
        }
    }
}

impl fmt::Debug for Segments {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Segments").finish_non_exhaustive()
    }
}

/// What is wanted of a segment.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) segment: Arc<Segment>,
    pub(super) sections: Vec<Section>,
}

impl Part {
    /// Parts the sections into runs that lie side by side.
    pub(super) fn runs(&self, limit: u64) -> Vec<Vec<Section>> {
        let mut runs: Vec<Vec<Section>> = Vec::new();
        let (mut start, mut end) = (0, None);
        for section in &self.sections {
            let range = section.range();
            match runs.last_mut() {
                Some(run) if end == Some(range.start) && range.end - start <= limit => run.push(section.clone()),
                _ => {
                    start = range.start;
                    runs.push(vec![section.clone()]);
                }
            }
            end = Some(range.end);
        }
        runs
    }
}

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

/// Reads sections of one kind from many segments, in the order of their keys.
pub(super) struct Sections {
    from: Arc<Segments>,
    cursors: Vec<Cursor>,
}

struct Cursor {
    segment: Arc<Segment>,
    /// Not fetched yet.
    runs: VecDeque<Vec<Section>>,
    fetched: VecDeque<Found>,
}

impl Cursor {
    fn key(&self) -> Option<i64> {
        let fetched = self.fetched.front().map(|found| found.section.key);
        fetched.or_else(|| Some(self.runs.front()?.first()?.key))
    }

    /// Bytes of the next run, if it must be fetched before anything can be read here.
    fn missing(&self) -> Option<u64> {
        let run = self.runs.front().filter(|_| self.fetched.is_empty())?;
        Some(run.last()?.range().end - run.first()?.range().start)
    }
}

impl Sections {
    pub(super) async fn open(
        from: &Arc<Segments>,
        references: &[SegmentRef],
        kind: Kind,
        wanted: &Wanted,
    ) -> Result<Sections, StateError> {
        let parts = from.open(references, kind, wanted).await?;
        let limit = (BUDGET / parts.len().max(1) as u64).clamp(256 << 10, RUN);
        let cursor = |part: Part| Cursor { runs: part.runs(limit).into(), segment: part.segment, fetched: VecDeque::new() };
        Ok(Sections { from: Arc::clone(from), cursors: parts.into_iter().map(cursor).collect() })
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
        let cursor = self.cursors.iter_mut().find(|cursor| at_key(cursor));
        Ok(cursor.and_then(|cursor| cursor.fetched.pop_front()))
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
        let fetched = self.cursors.iter().flat_map(|cursor| &cursor.fetched);
        let mut held: u64 = fetched.map(|found| found.stored.len() as u64).sum();
        let mut missing: Vec<_> =
            self.cursors.iter_mut().filter_map(|cursor| Some((cursor.key()?, cursor.missing()?, cursor))).collect();
        missing.sort_by_key(|(next, _, _)| *next);
        let (mut fetches, mut cursors) = (Vec::new(), Vec::new());
        for (next, bytes, cursor) in missing {
            held += bytes;
            if next != key && held > BUDGET {
                continue;
            }
            let Some(run) = cursor.runs.pop_front() else { continue };
            fetches.push(Arc::clone(&self.from).fetch(Arc::clone(&cursor.segment), run));
            cursors.push(cursor);
        }
        let fetched: Vec<Vec<Found>> = stream::iter(fetches).buffered(PARALLEL).try_collect().await?;
        for (cursor, fetched) in cursors.into_iter().zip(fetched) {
            cursor.fetched = fetched.into();
        }
        Ok(())
    }
}
