//! Hands out the records that match, in order. What was not kept while objects were read is read a second time, some thousands of
//! records at once, and must be what it was.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::sync::{Mutex, PoisonError};

use assize_engine::decode::{self, Malformed, Place, Sink};
use assize_engine::identity::RecordDigest;
use assize_engine::json;
use assize_engine::matcher::Subject;
use assize_engine::time;

use super::gather::{At, Books, Matches, Means};
use super::record::{Fields, Record};
use super::source::Objects;
use crate::scan::object::Reader;
use crate::scan::on_threads;

/// Records that are read again at once.
const AT_ONCE: usize = 10_000;

/// Their bytes, if that is less.
const BYTES_AT_ONCE: u64 = 64 << 20;

/// A record with its place, in the order that was asked for.
pub(crate) struct Shown<'a> {
    /// The record.
    pub(crate) record: Record<'a>,
    /// The object.
    pub(crate) object: &'a str,
    /// Number in the object.
    pub(crate) index: u64,
}

type Key = (i64, RecordDigest);

/// Hands each record to `show`. What cannot be found again is a problem in the books.
///
/// # Errors
/// Those of `show`.
pub(crate) fn each(
    matches: Matches<'_>,
    (objects, fields, means): (&Objects, &Fields, &Means),
    books: &mut Books,
    show: &mut dyn FnMut(&Shown<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let oldest_first = matches.order.oldest_first;
    let mut records = matches.records;
    loop {
        let mut batch: Vec<(Key, At)> = Vec::new();
        let mut bytes = 0;
        while batch.len() < AT_ONCE && bytes < BYTES_AT_ONCE {
            let Some((key, at)) = (if oldest_first { records.pop_first() } else { records.pop_last() }) else { break };
            bytes += at.length;
            batch.push((key, at));
        }
        if batch.is_empty() {
            return Ok(());
        }
        let mut again = read_again(&batch, objects, means);
        for ((seconds, digest), at) in batch {
            let name = objects.name(at.object as usize);
            match at.text.or_else(|| again.remove(&(at.object, at.index))) {
                Some(text) if RecordDigest::of(&text) == digest => one(&text, (name, at.index), fields, show)?,
                _ => {
                    let of = time::format(seconds);
                    let why = format!("record-lost: record {} of {of} changed or went away while it was read", at.index);
                    books.problem(name, at.index, why);
                }
            }
        }
    }
}

fn one(
    text: &[u8],
    (object, index): (&str, u64),
    fields: &Fields,
    show: &mut dyn FnMut(&Shown<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut reader = json::Reader::default();
    let Ok(document) = reader.read(text, usize::MAX) else { return Ok(()) };
    let Some(subject) = Subject::of(document.root()) else { return Ok(()) };
    match Record::of(&subject, text, fields) {
        Some(record) => show(&Shown { record, object, index }),
        None => Ok(()),
    }
}

/// The texts of those that were not kept, object by object.
fn read_again(batch: &[(Key, At)], objects: &Objects, means: &Means) -> HashMap<(u32, u64), Box<[u8]>> {
    let mut wanted: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
    for (_, at) in batch.iter().filter(|(_, at)| at.text.is_none()) {
        wanted.entry(at.object).or_default().insert(at.index);
    }
    let threads = objects.threads(means.threads).min(wanted.len());
    let queue = Mutex::new(wanted.into_iter());
    let work = || {
        let (mut reader, mut memory) = (Reader::new(means.limits), decode::Memory::default());
        let mut found = HashMap::new();
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((object, indexes)) = next else { return found };
            let mut sink = Again { object, indexes: &indexes, found: &mut found };
            objects.read(object as usize, &mut reader, &mut |text| decode::decode_with(text, &mut memory, &mut sink));
        }
    };
    if threads == 0 { HashMap::new() } else { on_threads(threads, work).into_iter().flatten().collect() }
}

struct Again<'a> {
    object: u32,
    indexes: &'a BTreeSet<u64>,
    found: &'a mut HashMap<(u32, u64), Box<[u8]>>,
}

impl Sink for Again<'_> {
    fn record(&mut self, place: Place, bytes: &[u8], _: &Subject<'_>) {
        if self.indexes.contains(&place.index) {
            self.found.insert((self.object, place.index), bytes.into());
        }
    }

    fn malformed(&mut self, _: Place, _: u64, _: &Malformed) {}
}
