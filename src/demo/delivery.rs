//! From records to log objects, the way CloudTrail delivers: by account and region, minutes after the events.
//!
//! A batch opens with the first record that arrives for an account and region and is delivered some minutes later. A few
//! records come in two objects, and some come hours late; both then lie between newer ones.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::{Compression, GzBuilder};

use crate::demo::LogObject;
use crate::demo::calendar::format;
use crate::demo::digests::{Entries, Entry};
use crate::demo::estate::{Member, ORGANISATION, Region};
use crate::demo::random::Random;
use crate::demo::stage::Record;
use crate::state::sha256;

/// The bucket that all trails write to.
pub(crate) const BUCKET: &str = "kaigan-cloudtrail-logs";

/// Most records in one object; a fuller batch is delivered as several.
const FULL: usize = 800;

/// Which object a record goes into.
type Stream = (Member, Region, bool);

/// A batch that is still open.
#[derive(Debug)]
struct Batch {
    due: i64,
    /// Event times and JSON.
    records: Vec<(i64, String)>,
}

/// Records on their way, and what was delivered so far.
#[derive(Debug)]
pub(crate) struct Delivery {
    random: Random,
    waiting: BTreeMap<(i64, u64), Record>,
    open: BTreeMap<Stream, Batch>,
    sequence: u64,
    /// Records written, duplicates included.
    pub(crate) records: u64,
    /// Records written a second time.
    pub(crate) duplicates: u64,
    /// Insight records among those written.
    pub(crate) insights: u64,
    /// Objects delivered.
    pub(crate) objects: u64,
    /// Earliest and latest event time, in seconds since 1970.
    pub(crate) span: Option<(i64, i64)>,
    /// What digests name. CloudTrail's digests are of log files; Insights are not among them.
    pub(crate) entries: Entries,
    /// Somebody takes a record out of the first object of an account and region that is delivered after this second.
    pub(crate) alter: Option<(Member, Region, i64)>,
    /// The trail of an account in a region does not log between these seconds.
    pub(crate) stopped: Option<(Member, Region, i64, i64)>,
}

impl Delivery {
    /// Nothing under way.
    pub(crate) fn new(random: Random) -> Self {
        Delivery {
            random,
            waiting: BTreeMap::new(),
            open: BTreeMap::new(),
            sequence: 0,
            records: 0,
            duplicates: 0,
            insights: 0,
            objects: 0,
            span: None,
            entries: Entries::new(),
            alter: None,
            stopped: None,
        }
    }

    /// Takes a record. About three in a thousand are delivered twice.
    pub(crate) fn take(&mut self, record: Record) {
        let unrecorded = self.stopped.is_some_and(|(member, region, from, until)| {
            (record.member, record.region) == (member, region) && from < record.time && record.time < until
        });
        if unrecorded {
            return;
        }
        let (first, last) = self.span.unwrap_or((record.time, record.time));
        self.span = Some((first.min(record.time), last.max(record.time)));
        self.records += 1;
        self.insights += u64::from(record.insight);
        if !record.insight && self.random.below(1000) < 3 {
            // Batches close within a quarter of an hour, so this goes into a later object.
            let arrival = record.arrival + self.random.between(1200, 10_000);
            self.records += 1;
            self.duplicates += 1;
            self.queue(Record { arrival, ..record.clone() });
        }
        self.queue(record);
    }

    fn queue(&mut self, record: Record) {
        self.sequence += 1;
        self.waiting.insert((record.arrival, self.sequence), record);
    }

    /// Delivers what is due before `until`, oldest first.
    pub(crate) fn deliver<E>(&mut self, until: i64, sink: &mut dyn FnMut(LogObject) -> Result<(), E>) -> Result<(), E> {
        loop {
            let arrival = self.waiting.first_key_value().map_or(i64::MAX, |entry| entry.0.0);
            let batch = self.open.iter().map(|(stream, batch)| (batch.due, *stream)).min();
            match batch {
                Some((due, stream)) if due <= arrival && due < until => self.close(stream, sink)?,
                _ if arrival < until => self.admit(),
                _ => return Ok(()),
            }
        }
    }

    /// Puts the record that arrives next into its batch.
    fn admit(&mut self) {
        let Some((_, record)) = self.waiting.pop_first() else {
            return;
        };
        let due = record.arrival + self.random.between(360, 780);
        let batch = self.open.entry((record.member, record.region, record.insight)).or_insert(Batch { due, records: Vec::new() });
        batch.records.push((record.time, record.text));
    }

    fn close<E>(&mut self, stream: Stream, sink: &mut dyn FnMut(LogObject) -> Result<(), E>) -> Result<(), E> {
        let Some(batch) = self.open.remove(&stream) else {
            return Ok(());
        };
        let (member, region, insight) = stream;
        for records in batch.records.chunks(FULL) {
            let delivered = minute(batch.due);
            let key = key(stream, delivered, &self.random.letters(16));
            let mut text = joined(records);
            let times = || records.iter().map(|(time, _)| *time);
            if let (Some(first), Some(last), false) = (times().min(), times().max(), insight) {
                let entry = Entry { key: key.clone(), sha256: sha256(text.as_bytes()), delivered, events: (first, last) };
                self.entries.entry((member, region)).or_default().push(entry);
            }
            let victim = self.alter.is_some_and(|(whose, place, after)| (whose, place) == (member, region) && delivered > after);
            if let (true, false, [_, rest @ ..]) = (victim && records.len() > 1, insight, records) {
                (self.alter, self.records) = (None, self.records - 1);
                text = joined(rest);
            }
            self.objects += 1;
            sink(LogObject { key, bytes: compress(text.as_bytes()), metadata: BTreeMap::new() })?;
        }
        Ok(())
    }

    /// Puts an object in that no trail delivered: it holds one record.
    pub(crate) fn plant<E>(
        &mut self,
        (member, region, delivered): (Member, Region, i64),
        text: String,
        sink: &mut dyn FnMut(LogObject) -> Result<(), E>,
    ) -> Result<(), E> {
        let key = key((member, region, false), minute(delivered), &self.random.letters(16));
        (self.objects, self.records) = (self.objects + 1, self.records + 1);
        sink(LogObject { key, bytes: compress(joined(&[(delivered, text)]).as_bytes()), metadata: BTreeMap::new() })
    }
}

/// Names give minutes, rounded up so that no event is newer than its object.
fn minute(time: i64) -> i64 {
    (time + 59).div_euclid(60) * 60
}

/// What stands before an account in keys. One account is recorded by trails of its own, whose keys lack the organisation.
pub(crate) fn root(member: Member) -> String {
    if member == Member::DataProd { "AWSLogs/".to_owned() } else { format!("AWSLogs/{ORGANISATION}/") }
}

/// The key of an object delivered in this minute.
fn key(stream: Stream, minute: i64, suffix: &str) -> String {
    let (member, region, insight) = stream;
    let (account, region) = (member.id(), region.name());
    let folder = if insight { "CloudTrail-Insight" } else { "CloudTrail" };
    format!(
        "{}{account}/{folder}/{region}/{}/{account}_{folder}_{region}_{}_{suffix}.json.gz",
        root(member),
        format(minute, "%Y/%m/%d"),
        format(minute, "%Y%m%dT%H%MZ"),
    )
}

/// `{"Records":[…]}`.
fn joined(records: &[(i64, String)]) -> String {
    let texts: Vec<&str> = records.iter().map(|(_, text)| text.as_str()).collect();
    format!("{{\"Records\":[{}]}}", texts.join(","))
}

/// One gzip member, which names no time, file or system.
pub(crate) fn compress(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::new(3));
    encoder.write_all(text).expect("writing into memory does not fail");
    encoder.finish().expect("writing into memory does not fail")
}
