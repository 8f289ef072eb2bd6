//! A segment: an immutable object that holds what one batch, or a merge of many, gave.
//!
//! `assize-segment-1`, sections one after the other, the table of contents as JSON, its length (8 bytes, little-endian),
//! and the mark again. The head has the SHA-256 of the table, the table has one for each section: whatever is read is
//! checked first, and a reader fetches only the sections that it needs.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::ops::Range;
use std::sync::Arc;

use assize_bucket::Bucket;
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::error::StateError;
use super::evidence::hex;
use super::keys::Runs;

/// The version of the format that is written, and the newest that is read.
const VERSION: u64 = 1;

/// At the start and at the end.
const MARK: &[u8; 16] = b"assize-segment-1";

/// After the table: its length and the mark.
const TRAILER: usize = 24;

/// Segments up to this size are read whole: one request instead of two, and no more bytes than many a section.
const WHOLE: u64 = 256 << 10;

/// The most bytes of a table of contents. A section takes some 200.
const MAX_TOC: u64 = 64 << 20;

/// The most bytes of a section after inflating.
const MAX_BODY: u64 = 1 << 30;

/// Where segments are.
pub(super) const FOLDER: &str = "segments/";

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// By listing day: sorted 16-byte entries of the ledger.
    Keys,
    /// By listing day: ledger rows, JSON lines.
    Rows,
    /// By hour of event time: what evaluating gave.
    Results,
    /// By hour of event time: sorted 16-byte entries of records that were counted.
    Seen,
    /// By UTC day of the run's time: documents that say how things were at that time, JSON lines.
    Timeline,
    /// By UTC day of the run's time: other documents, JSON lines.
    Documents,
    /// Under 0: documents of which only the newest of each name counts, JSON lines.
    Current,
    /// By hour of event time: records that issued temporary credentials, JSON lines.
    Sessions,
}

impl Kind {
    pub(super) const ALL: [Kind; 8] =
        [Kind::Keys, Kind::Rows, Kind::Results, Kind::Seen, Kind::Timeline, Kind::Documents, Kind::Current, Kind::Sessions];

    /// Hashes cannot be compressed, and are wanted quickly.
    fn encoding(self) -> Encoding {
        match self {
            Kind::Keys | Kind::Seen => Encoding::Plain,
            Kind::Rows | Kind::Results | Kind::Timeline | Kind::Documents | Kind::Current | Kind::Sessions => Encoding::Gzip,
        }
    }
}

/// A SHA-256, in lower-case hex when written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Digest256([u8; 32]);

impl Digest256 {
    fn of(bytes: &[u8]) -> Digest256 {
        Digest256(Sha256::digest(bytes).into())
    }
}

impl From<Digest256> for String {
    fn from(digest: Digest256) -> String {
        hex(&digest.0)
    }
}

impl TryFrom<String> for Digest256 {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Digest256, &'static str> {
        const WRONG: &str = "a SHA-256 is not 64 digits of lower-case hex";
        let digit = |digit: u8| match digit {
            b'0'..=b'9' => Ok(digit - b'0'),
            b'a'..=b'f' => Ok(digit - b'a' + 10),
            _ => Err(WRONG),
        };
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return Err(WRONG) };
        let byte = |[high, low]: &[u8; 2]| Ok(digit(*high)? << 4 | digit(*low)?);
        let bytes: Vec<u8> = pairs.iter().map(byte).collect::<Result<_, &'static str>>()?;
        bytes.try_into().map(Digest256).map_err(|_| WRONG)
    }
}

/// How a section is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Encoding {
    Plain,
    Gzip,
}

/// A line of the table of contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Section {
    pub(super) kind: Kind,
    /// The day or hour. One key may have several sections, so that none grows without bound.
    pub(super) key: i64,
    /// Where it begins in the segment, bytes.
    at: u64,
    /// Stored bytes.
    bytes: u64,
    /// Bytes after inflating.
    inflated: u64,
    encoding: Encoding,
    /// Of the stored bytes.
    sha256: Digest256,
}

impl Section {
    pub(super) fn range(&self) -> Range<u64> {
        self.at..self.at + self.bytes
    }

    /// Bytes after inflating.
    pub(super) fn inflated(&self) -> u64 {
        self.inflated
    }
}

/// The sets of policies that the content of a segment was judged by: policy hashes by the name of the set.
pub(super) type PolicySets = BTreeMap<String, Arc<[String]>>;

/// The table of contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Toc {
    version: u64,
    /// The run that wrote the segment.
    run: String,
    /// That run's time, seconds since 1970 UTC.
    as_of: i64,
    /// Version of Assize.
    tool: String,
    /// The policies behind results and rows, each set once.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    policy_sets: BTreeMap<String, Vec<String>>,
    /// By kind and key.
    sections: Vec<Section>,
}

/// Where the table of contents is, in the head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TocRef {
    at: u64,
    bytes: u64,
    sha256: Digest256,
}

/// A segment as the head names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SegmentRef {
    /// Its key in the bucket.
    pub(super) name: String,
    pub(super) bytes: u64,
    /// Of the whole segment.
    sha256: Digest256,
    toc: TocRef,
    /// The generation of the head that brought it in.
    pub(super) generation: u64,
    /// How often its content was merged: 0 for a batch.
    pub(super) level: u32,
    /// Ledger rows in it.
    pub(super) rows: u64,
    /// The keys of its sections, by kind.
    pub(super) holds: BTreeMap<Kind, Runs>,
}

impl SegmentRef {
    /// Refuses a reference that no segment can have. `head` is where it stands.
    pub(super) fn check(&self, head: &str) -> Result<(), StateError> {
        let toc_end = self.toc.at.checked_add(self.toc.bytes);
        let wrong = if !self.name.starts_with(FOLDER) {
            "is not in the folder of segments"
        } else if toc_end.and_then(|end| end.checked_add(TRAILER as u64)) != Some(self.bytes) {
            "does not end with its table of contents"
        } else if self.toc.bytes > MAX_TOC {
            "has a table of contents larger than any"
        } else {
            return Ok(());
        };
        Err(StateError::head(head, format!("the segment `{}` that it names {wrong}", self.name.escape_debug())))
    }
}

/// A segment whose table of contents was read.
#[derive(Debug)]
pub(super) struct Segment {
    name: String,
    /// By kind and key.
    sections: Vec<Section>,
    pub(super) policy_sets: PolicySets,
    /// The whole segment, if it is small.
    whole: Option<Vec<u8>>,
}

impl Segment {
    /// Reads the table of contents.
    ///
    /// # Errors
    /// The bucket fails; the segment is damaged or newer.
    pub(super) async fn open(bucket: &dyn Bucket, reference: &SegmentRef) -> Result<Segment, StateError> {
        let name = &reference.name;
        let toc = reference.toc.at..reference.toc.at + reference.toc.bytes;
        let range = if reference.bytes <= WHOLE { 0..reference.bytes } else { toc.clone() };
        let object = bucket.get(name, Some(range.clone())).await?;
        if object.size != reference.bytes {
            let reason = format!("it has {} bytes, and {} were written", object.size, reference.bytes);
            return Err(StateError::segment(name, reason));
        }
        let is_whole = reference.bytes <= WHOLE;
        let expected = if is_whole { &reference.sha256 } else { &reference.toc.sha256 };
        if Digest256::of(&object.bytes) != *expected {
            return Err(StateError::segment(name, "its bytes are not those that were written (SHA-256)"));
        }
        let bytes = if is_whole { slice(&object.bytes, &toc) } else { Some(&*object.bytes) };
        let toc = Toc::parse(name, bytes.unwrap_or_default(), reference.toc.at)?;
        let whole = is_whole.then_some(object.bytes);
        let policy_sets = toc.policy_sets.into_iter().map(|(set, policies)| (set, policies.into())).collect();
        Ok(Segment { name: name.clone(), sections: toc.sections, policy_sets, whole })
    }

    /// The sections of a kind, in the order of their keys.
    pub(super) fn sections(&self, kind: Kind) -> impl Iterator<Item = &Section> {
        let start = self.sections.partition_point(|section| section.kind < kind);
        self.sections.iter().skip(start).take_while(move |section| section.kind == kind)
    }

    /// About the bytes that it takes in memory.
    pub(super) fn weight(&self) -> usize {
        let policies: usize = self.policy_sets.values().flat_map(|policies| policies.iter()).map(|hash| hash.len() + 24).sum();
        let sections = self.sections.len() * size_of::<Section>();
        1_000 + sections + policies + self.whole.as_ref().map_or(0, Vec::len)
    }

    /// The stored bytes of sections that lie side by side, checked.
    ///
    /// # Errors
    /// The bucket fails, or a section is damaged.
    pub(super) async fn fetch(&self, bucket: &dyn Bucket, sections: &[Section]) -> Result<Vec<Vec<u8>>, StateError> {
        let (Some(first), Some(last)) = (sections.first(), sections.last()) else { return Ok(Vec::new()) };
        let range = first.at..last.range().end;
        let fetched;
        let (bytes, start) = match &self.whole {
            Some(whole) => (whole.as_slice(), 0),
            None => {
                fetched = bucket.get(&self.name, Some(range.clone())).await?.bytes;
                (fetched.as_slice(), range.start)
            }
        };
        let stored = |section: &Section| {
            let stored = slice(bytes, &(section.at - start..section.range().end - start));
            let stored = stored.ok_or_else(|| StateError::segment(&self.name, "it ends too early"))?;
            if Digest256::of(stored) != section.sha256 {
                return Err(StateError::segment(&self.name, "a section is not what was written (SHA-256)"));
            }
            Ok(stored.to_vec())
        };
        sections.iter().map(stored).collect()
    }

    /// What a section holds, from its stored bytes.
    ///
    /// # Errors
    /// It is damaged.
    pub(super) fn body(&self, section: &Section, stored: Vec<u8>) -> Result<Vec<u8>, StateError> {
        let body = match section.encoding {
            Encoding::Plain => stored,
            Encoding::Gzip => {
                // Deflate cannot grow more than this, so a lie about the size costs no memory.
                let believable = section.inflated.min(1032 * stored.len() as u64 + 1024);
                let mut body = Vec::with_capacity(usize::try_from(believable).unwrap_or(0));
                let read = GzDecoder::new(&*stored).take(section.inflated + 1).read_to_end(&mut body);
                read.map_err(|error| self.damaged(section, &error.to_string()))?;
                body
            }
        };
        if body.len() as u64 != section.inflated {
            return Err(self.damaged(section, "it does not have the size that was written"));
        }
        Ok(body)
    }

    /// The error for a section that cannot be read.
    pub(super) fn damaged(&self, section: &Section, reason: &str) -> StateError {
        let Section { kind, key, at, .. } = section;
        let kind = serde_json::to_string(kind).unwrap_or_default();
        StateError::segment(&self.name, format!("the section {kind} of {key}, at byte {at}, is damaged: {reason}"))
    }
}

impl Toc {
    /// Parses a table of contents. Sections must be in order, within `end` and without gaps that hide something.
    fn parse(name: &str, bytes: &[u8], end: u64) -> Result<Toc, StateError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u64,
        }
        let damaged = |error: serde_json::Error| StateError::segment(name, format!("its table of contents is damaged ({error})"));
        let Versioned { version } = serde_json::from_slice(bytes).map_err(damaged)?;
        if version > VERSION {
            return Err(StateError::Newer { key: name.to_owned(), version, known: VERSION });
        }
        let toc: Toc = serde_json::from_slice(bytes).map_err(damaged)?;
        let mut at = MARK.len() as u64;
        let mut last = None;
        for section in &toc.sections {
            let in_order = last <= Some((section.kind, section.key)) && section.at == at;
            let within = at.checked_add(section.bytes).filter(|after| *after <= end);
            let sized = section.inflated <= MAX_BODY && (section.encoding == Encoding::Gzip || section.inflated == section.bytes);
            let (true, Some(after), true) = (in_order, within, sized) else {
                return Err(StateError::segment(name, "the sections in its table of contents cannot be"));
            };
            (at, last) = (after, Some((section.kind, section.key)));
        }
        Ok(toc)
    }
}

fn slice<'a>(bytes: &'a [u8], range: &Range<u64>) -> Option<&'a [u8]> {
    bytes.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
}

/// Who writes a segment, for its table of contents.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) run: String,
    pub(super) as_of: i64,
    pub(super) tool: String,
}

/// A segment in the making. Sections are added in order of kind and key.
#[derive(Debug)]
pub(super) struct Draft {
    bytes: Vec<u8>,
    toc: Toc,
    holds: BTreeMap<Kind, Runs>,
    rows: u64,
}

impl Draft {
    pub(super) fn new(origin: &Origin) -> Draft {
        let Origin { run, as_of, tool } = origin.clone();
        let toc = Toc { version: VERSION, run, as_of, tool, policy_sets: BTreeMap::new(), sections: Vec::new() };
        Draft { bytes: MARK.to_vec(), toc, holds: BTreeMap::new(), rows: 0 }
    }

    /// Bytes so far, without the table of contents.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.toc.sections.is_empty()
    }

    /// Makes a set of policies known.
    pub(super) fn add_policy_set(&mut self, name: &str, policies: &[String]) {
        if !self.toc.policy_sets.contains_key(name) {
            self.toc.policy_sets.insert(name.to_owned(), policies.to_vec());
        }
    }

    /// Counts ledger rows.
    pub(super) fn count_rows(&mut self, rows: u64) {
        self.rows += rows;
    }

    /// Adds a section.
    pub(super) fn add(&mut self, kind: Kind, key: i64, body: &[u8]) -> Result<(), StateError> {
        if body.len() as u64 > MAX_BODY {
            let reason = format!("it has {} bytes, and a section takes {MAX_BODY}; commit smaller batches", body.len());
            return Err(StateError::invalid(format!("what was gathered for the day or hour {key}"), reason));
        }
        let encoding = kind.encoding();
        let start = self.bytes.len();
        match encoding {
            Encoding::Plain => self.bytes.extend_from_slice(body),
            Encoding::Gzip => {
                let mut encoder = GzEncoder::new(&mut self.bytes, Compression::new(6));
                let done = encoder.write_all(body).and_then(|()| encoder.finish().map(drop));
                done.expect("writing to memory cannot fail");
            }
        }
        self.note(kind, key, start, (body.len() as u64, encoding));
        Ok(())
    }

    /// Adds a section as it is stored in another segment.
    pub(super) fn add_stored(&mut self, section: &Section, stored: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(stored);
        self.note(section.kind, section.key, start, (section.inflated, section.encoding));
    }

    fn note(&mut self, kind: Kind, key: i64, start: usize, (inflated, encoding): (u64, Encoding)) {
        let stored = self.bytes.get(start..).unwrap_or_default();
        let (bytes, sha256) = (stored.len() as u64, Digest256::of(stored));
        self.holds.entry(kind).or_default().add(key);
        self.toc.sections.push(Section { kind, key, at: start as u64, bytes, inflated, encoding, sha256 });
    }

    /// The finished segment, and how the head names it.
    pub(super) fn finish(mut self, name: String, level: u32) -> Result<(SegmentRef, Vec<u8>), StateError> {
        let toc = serde_json::to_vec(&self.toc).map_err(|error| StateError::invalid("a segment", error.to_string()))?;
        let at = self.bytes.len() as u64;
        let toc_ref = TocRef { at, bytes: toc.len() as u64, sha256: Digest256::of(&toc) };
        if toc_ref.bytes > MAX_TOC {
            return Err(StateError::invalid("a batch", "it touches too many days or hours; commit smaller batches"));
        }
        self.bytes.extend_from_slice(&toc);
        self.bytes.extend_from_slice(&toc_ref.bytes.to_le_bytes());
        self.bytes.extend_from_slice(MARK);
        let (bytes, sha256) = (self.bytes.len() as u64, Digest256::of(&self.bytes));
        self.holds.values_mut().for_each(Runs::shorten);
        let (holds, rows) = (self.holds, self.rows);
        Ok((SegmentRef { name, bytes, sha256, toc: toc_ref, generation: 0, level, rows, holds }, self.bytes))
    }
}

/// Reads bytes as a table of contents that no checksum vouches for. For tests: whatever they are, it must come back.
#[cfg(test)]
pub(super) fn forged(bytes: &[u8]) {
    if let Ok(toc) = Toc::parse("segments/forged", bytes, u64::MAX) {
        let name = "segments/forged".to_owned();
        let segment = Segment { name, sections: toc.sections, policy_sets: PolicySets::new(), whole: Some(bytes.to_vec()) };
        for section in &segment.sections {
            segment.body(section, bytes.to_vec()).ok();
        }
    }
}
