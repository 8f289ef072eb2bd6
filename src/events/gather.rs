//! Reads objects on a pool of threads, counts what is in them, and keeps what matches.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use assize_engine::decode::{self, Malformed, Place, Sink};
use assize_engine::identity::{RecordDigest, SeenEntry, SeenRecords, Sighting};
use assize_engine::inflate::Limits;
use assize_engine::matcher::Subject;
use assize_engine::record::RecordKind;

use super::record::{Fields, Record};
use super::source::Objects;
use crate::scan::object::{ObjectOutcome, Reader, Status};
use crate::scan::on_threads;

/// What becomes of records that match.
pub(crate) trait Keep: Send {
    /// A record that matches. `again`: a copy of it was met before; which of the copies is met first depends on the threads.
    fn take(&mut self, record: &Record<'_>, found: Found, again: bool);

    /// Adds what another thread has.
    fn merge(&mut self, other: Self);
}

/// Where a record that matches was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Number of the object.
    pub(crate) object: u32,
    /// Number of the record in it.
    pub(crate) index: u64,
    /// What it is.
    pub(crate) digest: RecordDigest,
}

/// How objects are read.
#[derive(Clone, Debug)]
pub(crate) struct Means {
    /// At least 1.
    pub(crate) threads: usize,
    /// How far objects may grow.
    pub(crate) limits: Limits,
}

/// What is known of what was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Books {
    /// Objects read to their end.
    pub(crate) objects: u64,
    /// No logs.
    pub(crate) skipped: u64,
    /// Not read, or not to the end.
    pub(crate) failed: u64,
    /// Records, whatever their kind.
    pub(crate) records: u64,
    /// Of them: not records, or without a time.
    pub(crate) malformed: u64,
    /// Of them: summaries of many data events, which are no events.
    pub(crate) summaries: u64,
    /// Distinct records that match.
    pub(crate) matched: u64,
    /// Further copies of these.
    pub(crate) duplicates: u64,
    /// Records, copies included, of which it cannot be told whether they match: AWS omitted what would say so.
    pub(crate) omitted: u64,
    /// Event ids that matched with different bytes.
    pub(crate) conflicts: u64,
    /// Times of the first and the last event, seconds since 1970 UTC.
    pub(crate) times: Option<(i64, i64)>,
    /// What cannot be taken at face value, by object; only so many are kept.
    pub(crate) problems: BTreeMap<(String, u64), String>,
    /// How many there are.
    pub(crate) problems_total: u64,
}

/// Problems that are kept to be told one by one.
pub(crate) const PROBLEMS: usize = 20;

impl Books {
    /// Whether all was read, and anything, and every record could be told.
    pub(crate) fn complete(&self) -> bool {
        self.all_read() && self.omitted == 0
    }

    /// Whether all was read, and anything.
    pub(crate) fn all_read(&self) -> bool {
        self.problems_total == 0 && self.records > 0
    }

    /// Notes a problem. Which are kept does not depend on the order in which they come.
    pub(crate) fn problem(&mut self, object: &str, index: u64, message: String) {
        self.problems_total += 1;
        self.problems.insert((object.to_owned(), index), message);
        if self.problems.len() > PROBLEMS {
            self.problems.pop_last();
        }
    }

    /// Notes what became of an object.
    pub(crate) fn object(&mut self, name: &str, outcome: &ObjectOutcome) {
        match outcome.status {
            Status::Read => self.objects += 1,
            Status::Skipped => self.skipped += 1,
            Status::Failed => self.failed += 1,
        }
        if let Some(trouble) = &outcome.trouble {
            self.problem(name, u64::MAX, format!("{}: {}", trouble.code, trouble.message));
        }
    }

    fn at(&mut self, time: i64) {
        let (first, last) = self.times.unwrap_or((time, time));
        self.times = Some((first.min(time), last.max(time)));
    }

    /// Adds what another thread noted.
    pub(crate) fn merge(&mut self, other: Books) {
        self.objects += other.objects;
        self.skipped += other.skipped;
        self.failed += other.failed;
        self.records += other.records;
        self.malformed += other.malformed;
        self.summaries += other.summaries;
        self.matched += other.matched;
        self.duplicates += other.duplicates;
        for time in other.times.into_iter().flat_map(|(first, last)| [first, last]) {
            self.at(time);
        }
        self.problems_total += other.problems_total;
        self.problems.extend(other.problems);
        while self.problems.len() > PROBLEMS {
            self.problems.pop_last();
        }
    }
}

/// Reads every object. `wants` says which records match, `new` makes what keeps them on each thread, `progress` is told the stored
/// bytes of each object when it is done. The result does not depend on threads or their order.
pub(crate) fn gather<K: Keep>(
    (objects, fields, means): (&Objects, &Fields, &Means),
    wants: &(dyn Fn(&Record<'_>) -> bool + Sync),
    new: &(dyn Fn() -> K + Sync),
    progress: &(dyn Fn(u64) + Sync),
) -> (Books, K) {
    let (next, seen) = (AtomicUsize::new(0), SeenRecords::default());
    let work = || {
        let (mut books, mut keep) = (Books::default(), new());
        let (mut reader, mut memory) = (Reader::new(means.limits), decode::Memory::default());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let name = objects.name(number);
            let mut sink = Gathering {
                object: (name, u32::try_from(number).unwrap_or(u32::MAX)),
                fields,
                wants,
                seen: &seen,
                books: &mut books,
                keep: &mut keep,
            };
            let read = objects.read(number, &mut reader, &mut |text| decode::decode_with(text, &mut memory, &mut sink));
            let Some(outcome) = read else { return (books, keep) };
            progress(outcome.stored_bytes);
            books.object(name, &outcome);
        }
    };
    let (mut books, mut keep) = (Books::default(), new());
    for (theirs, kept) in on_threads(objects.threads(means.threads).min(objects.len().max(1)), work) {
        books.merge(theirs);
        keep.merge(kept);
    }
    books.skipped += objects.skipped();
    for (name, why) in objects.missing() {
        books.problem(&name, u64::MAX, why);
    }
    books.conflicts = seen.conflicts().len() as u64;
    (books, keep)
}

struct Gathering<'g, K> {
    object: (&'g str, u32),
    fields: &'g Fields,
    wants: &'g (dyn Fn(&Record<'_>) -> bool + Sync),
    seen: &'g SeenRecords,
    books: &'g mut Books,
    keep: &'g mut K,
}

impl<K: Keep> Sink for Gathering<'_, K> {
    fn record(&mut self, place: Place, bytes: &[u8], subject: &Subject<'_>) {
        self.books.records += 1;
        if subject.kind == RecordKind::Aggregated {
            self.books.summaries += 1;
            return;
        }
        let Some(record) = Record::of(subject, bytes, self.fields) else {
            self.broken(place, "eventTime is missing or not a UTC time".to_owned());
            return;
        };
        self.books.at(record.time);
        if !(self.wants)(&record) {
            return;
        }
        let found = Found { object: self.object.1, index: place.index, digest: RecordDigest::of(bytes) };
        let id = record.text("eventID");
        let entry = SeenEntry::of(&record.account(), &id, found.digest);
        let again = self.seen.note(entry, &id, (found.object, found.index)) == Sighting::Duplicate;
        *if again { &mut self.books.duplicates } else { &mut self.books.matched } += 1;
        self.keep.take(&record, found, again);
    }

    fn malformed(&mut self, place: Place, _: u64, why: &Malformed) {
        self.books.records += 1;
        self.broken(place, why.to_string());
    }
}

impl<K> Gathering<'_, K> {
    fn broken(&mut self, place: Place, why: String) {
        self.books.malformed += 1;
        let why = format!("malformed-record: record {} at offset {}: {why}", place.index, place.offset);
        self.books.problem(self.object.0, place.index, why);
    }
}

/// Which records of those that match are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// The oldest come first, and are kept where there are too many.
    pub(crate) oldest_first: bool,
    /// Most that are kept; none for all.
    pub(crate) limit: Option<usize>,
}

/// Bytes of records that are kept while objects are read, over all threads. The others are read a second time.
pub(crate) const IN_MEMORY: u64 = 64 << 20;

/// Records that match, in the order of time: for each where it stands, and as long as there is room its text.
pub(crate) struct Matches<'r> {
    pub(super) order: Order,
    room: &'r Room,
    /// By time and digest, so that copies fall together.
    pub(super) records: BTreeMap<(i64, RecordDigest), At>,
}

/// Room for the texts of records.
pub(crate) struct Room(AtomicU64);

/// Where a record stands.
#[derive(Debug)]
pub(super) struct At {
    pub(super) object: u32,
    pub(super) index: u64,
    pub(super) length: u64,
    pub(super) text: Option<Box<[u8]>>,
}

impl Room {
    pub(crate) fn of(bytes: u64) -> Room {
        Room(AtomicU64::new(bytes))
    }

    fn take(&self, bytes: u64) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(bytes)).is_ok()
    }

    fn give_back(&self, at: &At) {
        self.0.fetch_add(at.text.as_ref().map_or(0, |text| text.len() as u64), Ordering::Relaxed);
    }
}

impl<'r> Matches<'r> {
    pub(crate) fn new(order: Order, room: &'r Room) -> Matches<'r> {
        Matches { order, room, records: BTreeMap::new() }
    }

    /// How many are kept.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether a record of this key would be among those that are kept.
    fn has_place_for(&self, key: &(i64, RecordDigest)) -> bool {
        if self.order.limit.is_none_or(|limit| self.records.len() < limit) || self.records.contains_key(key) {
            return true;
        }
        let worst = if self.order.oldest_first { self.records.last_key_value() } else { self.records.first_key_value() };
        worst.is_some_and(|(worst, _)| if self.order.oldest_first { key < worst } else { key > worst })
    }

    fn insert(&mut self, key: (i64, RecordDigest), at: At) {
        match self.records.get_mut(&key) {
            // Of copies the first place counts, whichever was read first.
            Some(known) if (known.object, known.index) <= (at.object, at.index) => self.room.give_back(&at),
            Some(known) => self.room.give_back(&std::mem::replace(known, at)),
            None => drop(self.records.insert(key, at)),
        }
        if self.order.limit.is_some_and(|limit| self.records.len() > limit) {
            let worst = if self.order.oldest_first { self.records.pop_last() } else { self.records.pop_first() };
            worst.iter().for_each(|(_, at)| self.room.give_back(at));
        }
    }
}

impl Keep for Matches<'_> {
    fn take(&mut self, record: &Record<'_>, found: Found, _: bool) {
        let key = (record.time, found.digest);
        if self.has_place_for(&key) {
            let length = record.bytes.len() as u64;
            let text = self.room.take(length).then(|| record.bytes.into());
            self.insert(key, At { object: found.object, index: found.index, length, text });
        }
    }

    fn merge(&mut self, other: Self) {
        for (key, at) in other.records {
            self.insert(key, at);
        }
    }
}

#[cfg(test)]
mod tests;
