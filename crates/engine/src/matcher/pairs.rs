//! What the index gives for a source and name, kept from record to record.

use std::borrow::Cow;

use super::index::Index;
use crate::record::{Facts, top};

/// Pairs that are kept at once. A log of one organisation has some hundred.
const KEPT: usize = 2048;

/// Longest source and name that are kept, bytes. Names are the log's own and may be hostile.
const LONGEST: usize = 256;

/// A source and name as they stand in records, and the policies that they leave.
#[derive(Debug, Default)]
pub(super) struct Pair {
    source: Box<str>,
    name: Box<str>,
    /// See [`Index::candidates`].
    pub(super) detections: Box<[u32]>,
    pub(super) populations: Box<[u32]>,
    /// The index was asked; else all policies are listed, and guards mean nothing.
    pub(super) trusted: bool,
    filled: bool,
}

/// The pairs, each in the one place that its letters give it: what stands there before gives way.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    places: Vec<Pair>,
    /// For pairs that are not kept.
    odd: Pair,
}

impl Pairs {
    /// The policies for the source and name of a record.
    pub(super) fn of(&mut self, facts: &Facts<'_>, detections: &Index, populations: &Index) -> &Pair {
        // A missing name and an empty one fit the same policies.
        let plain = |field| match facts.text(field) {
            Some(Cow::Borrowed(text)) => Some(text),
            Some(Cow::Owned(_)) => None,
            None => Some(""),
        };
        let (false, Some(source), Some(name)) = (facts.ambiguous, plain(top::SOURCE), plain(top::NAME)) else {
            self.odd = Pair::new(facts, detections, populations);
            return &self.odd;
        };
        if source.len() + name.len() > LONGEST {
            self.odd = Pair::new(facts, detections, populations);
            return &self.odd;
        }
        if self.places.is_empty() {
            self.places.resize_with(KEPT, Pair::default);
        }
        let Some(place) = self.places.get_mut(place(source.as_bytes(), name.as_bytes())) else { return &self.odd };
        if !place.filled || *place.source != *source || *place.name != *name {
            *place = Pair::new(facts, detections, populations);
            (place.source, place.name, place.filled) = (source.into(), name.into(), true);
        }
        place
    }
}

impl Pair {
    fn new(facts: &Facts<'_>, detections: &Index, populations: &Index) -> Pair {
        let (mut source, mut name) = (String::new(), String::new());
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
        let trusted = plain(facts.source(), &mut source) & plain(facts.name(), &mut name) && !facts.ambiguous;
        let of = |index: &Index| if trusted { index.candidates(&source, &name) } else { index.all().to_vec() };
        Pair { detections: of(detections).into(), populations: of(populations).into(), trusted, ..Pair::default() }
    }
}

/// A number below [`KEPT`] from the ends of both, where names differ most. Who makes up names can make them collide; each
/// then costs a look into the index, as it would without this table.
fn place(source: &[u8], name: &[u8]) -> usize {
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let short = |bytes: &[u8]| bytes.iter().fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte));
    let ends = |bytes: &[u8]| {
        if bytes.len() < 8 {
            return short(bytes);
        }
        word(bytes.first_chunk()).rotate_left(29) ^ word(bytes.last_chunk())
    };
    let mixed = ends(source).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ ends(name) ^ (name.len() as u64) << 3;
    (mixed.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 53) as usize % KEPT
}
