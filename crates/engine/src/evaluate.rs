//! Puts the records of an object to the policies and notes what came of each.

mod gathered;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::decode::{self, Decoded, Malformed, Place, Sink};
use crate::identity::{EventId, RecordDigest, Secret, SeenEntry, SeenRecords, Sighting};
use crate::matcher::{Grouped, Judging, Matcher, Scratch, Subject, takes};
use crate::partial::{ByHour, Cell, Hit, MalformedRecord, NO_HOUR, Partial, Tally};
use crate::policy::{Category, Policy, Truth};
use crate::record::{AccountList, RecordKind, top};
use crate::session::{self, Callers};
use crate::text::Text;
use crate::time;
use gathered::{Found, Gathered};

/// The event times that are evaluated: from `since`, up to but not including `until`; seconds since 1970 UTC.
#[derive(Clone, Copy, Debug, Default)]
pub struct Period {
    /// First second inside.
    pub since: Option<i64>,
    /// First second after it.
    pub until: Option<i64>,
}

impl Period {
    /// Whether a time, seconds since 1970 UTC, lies within.
    pub fn contains(&self, time: i64) -> bool {
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until)
    }
}

/// Longest group value kept whole, bytes; a longer one is cut and its digest appended.
const MAX_GROUP_VALUE: usize = 1024;

/// Stands behind the head of a value that was cut; the digest of the whole follows.
pub const CUT: &str = "… (sha256 ";

/// Policies, period and the records seen so far: shared by all threads of one evaluation.
#[derive(Debug)]
pub struct Evaluation {
    matcher: Matcher,
    categories: Vec<Category>,
    period: Period,
    seen: SeenRecords,
    secret: Secret,
    /// Memory of objects that were evaluated, for the next.
    spare: Mutex<Vec<Memory>>,
}

/// What evaluating one object needs, used again for the next.
#[derive(Debug)]
struct Memory {
    decode: decode::Memory,
    scratch: Scratch,
    callers: Callers,
    gathered: Gathered,
}

impl Memory {
    fn new(secret: Secret) -> Memory {
        let (decode, scratch, callers) = Default::default();
        Memory { decode, scratch, callers, gathered: Gathered::new(secret) }
    }
}

/// An object by name, and its place in the caller's ordered list, by which copies are told apart.
#[derive(Clone, Debug)]
pub struct ObjectName {
    /// Path or key.
    pub name: Arc<str>,
    /// Number in the ordered list.
    pub number: u32,
}

impl Evaluation {
    /// Makes the policies ready, and room for about `expected` records. Nobody who writes logs may know the secret.
    pub fn new(policies: &[Policy], accounts: AccountList, period: Period, expected: usize, secret: Secret) -> Evaluation {
        Evaluation {
            matcher: Matcher::new(policies, accounts),
            categories: policies.iter().flat_map(|policy| policy.needs.categories.clone()).collect(),
            period,
            seen: SeenRecords::expecting(expected),
            secret,
            spare: Mutex::default(),
        }
    }

    /// Evaluates the text of one object into `partial`. Copies are told by a keyed hash, so all objects of an
    /// evaluation go this way, or all go by hour.
    pub fn object(&self, object: &ObjectName, mut text: impl Text, partial: &mut Partial) -> Decoded {
        self.evaluate_into(object, &mut text, Results::Whole(partial))
    }

    /// Evaluates the text of one object, and keeps the hours of event time apart. Copies are told by SHA-256, so
    /// that later evaluations can be told of these records.
    pub fn object_by_hour(&self, object: &ObjectName, mut text: impl Text, hours: &mut ByHour) -> Decoded {
        self.evaluate_into(object, &mut text, Results::ByHour(hours))
    }

    fn evaluate_into(&self, object: &ObjectName, text: &mut dyn Text, results: Results<'_>) -> Decoded {
        let spare = || self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let mut memory = spare().pop().unwrap_or_else(|| Memory::new(self.secret.clone()));
        let Memory { decode: reading, scratch, callers, gathered } = &mut memory;
        let (scratch, run) = (Some(scratch), Run::default());
        let mut sink = Evaluating { evaluation: self, object, results, scratch, callers, gathered, run, cell: None };
        let decoded = decode::decode_with(text, reading, &mut sink);
        sink.finish_groups();
        sink.finish_cell();
        sink.finish_run();
        if let Some(other) = decoded.other {
            *sink.results.at(NO_HOUR).kinds.entry(other.name()).or_default() += 1;
        }
        spare().push(memory);
        decoded
    }

    /// Adds records of earlier evaluations, before the first object.
    pub fn remember(&mut self, earlier: impl IntoIterator<Item = SeenEntry>) {
        self.seen.remember(earlier);
    }

    /// Forgets the records that were seen before the last call; see [`SeenRecords::age`].
    pub fn age(&mut self) {
        self.seen.age();
    }

    /// Gives back all memory but that of the policies, once the last object is evaluated and the conflicts are known.
    pub fn forget(&mut self) {
        self.seen = SeenRecords::default();
        self.spare = Mutex::default();
    }

    /// How many records were seen since then.
    pub fn noted(&mut self) -> usize {
        self.seen.noted()
    }

    /// The compiled policies.
    pub fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    /// The records seen so far, for the conflicts among them.
    pub fn seen(&self) -> &SeenRecords {
        &self.seen
    }

    fn wants(&self, kind: RecordKind) -> bool {
        matches!(kind, RecordKind::Management | RecordKind::Data) || takes(&self.categories, kind)
    }
}

/// Where results go.
enum Results<'p> {
    Whole(&'p mut Partial),
    ByHour(&'p mut ByHour),
}

impl Results<'_> {
    fn at(&mut self, hour: i64) -> &mut Partial {
        match self {
            Results::Whole(partial) => partial,
            Results::ByHour(hours) => &mut hours.hour(hour).partial,
        }
    }

    /// The hours that share a cell.
    fn cell_of(&self, hour: i64) -> i64 {
        match self {
            Results::Whole(_) => NO_HOUR,
            Results::ByHour(_) => hour,
        }
    }
}

struct Evaluating<'e, 'p> {
    evaluation: &'e Evaluation,
    object: &'e ObjectName,
    results: Results<'p>,
    /// Taken while a record is put to the policies.
    scratch: Option<&'e mut Scratch>,
    callers: &'e mut Callers,
    gathered: &'e mut Gathered,
    run: Run,
    /// The cell of the last record: those of one object nearly always share it.
    cell: Option<OpenCell>,
}

/// Records of one kind and hour that were read one after the other, not yet in the books.
#[derive(Default)]
struct Run {
    of: Option<(i64, RecordKind)>,
    count: u64,
}

/// A cell that is being counted into, taken out of the results.
struct OpenCell {
    hour: i64,
    key: (String, String),
    cell: Cell,
    tally: Tally,
}

impl Sink for Evaluating<'_, '_> {
    fn record(&mut self, place: Place, bytes: &[u8], subject: &Subject<'_>) {
        let time = subject.facts.text(top::TIME).and_then(|text| time::parse(&text));
        let wanted = self.evaluation.wants(subject.kind);
        let hour = time.filter(|_| wanted).map_or(NO_HOUR, |time| time.div_euclid(3600));
        self.count_kind(hour, subject.kind);
        let partial = self.results.at(hour);
        partial.records.read += 1;
        if !wanted {
            partial.records.other_kinds += 1;
            return;
        }
        let Some(time) = time else {
            self.note_malformed(place, bytes.len() as u64, "eventTime is missing or not a UTC time".to_owned());
            return;
        };
        let source = session::Source { object: &self.object.name, place };
        if let Some((id, issued)) = session::issued(&subject.facts, time, &source, self.callers) {
            partial.sessions.add(id, issued);
        }
        if !self.evaluation.period.contains(time) {
            partial.records.outside_period += 1;
            return;
        }
        self.evaluate((place, bytes), subject, time);
    }

    fn malformed(&mut self, place: Place, length: u64, why: &Malformed) {
        self.results.at(NO_HOUR).records.read += 1;
        self.note_malformed(place, length, why.to_string());
    }
}

impl Evaluating<'_, '_> {
    /// A record of the period.
    fn evaluate(&mut self, (place, bytes): (Place, &[u8]), subject: &Subject<'_>, time: i64) {
        let evaluation = self.evaluation;
        let hour = time.div_euclid(3600);
        let event_id = subject.facts.text(top::ID).unwrap_or(Cow::Borrowed(""));
        let account = subject.facts.account_id();
        let mut digest = None;
        let mut sha256 = || *digest.get_or_insert_with(|| RecordDigest::of(bytes));
        let entry = match &self.results {
            Results::Whole(_) => SeenEntry::keyed(&account, &event_id, bytes, &evaluation.secret),
            Results::ByHour(_) => SeenEntry::of(&account, &event_id, sha256()),
        };
        evaluation.seen.expect(entry);
        let Some(scratch) = self.scratch.take() else { return };
        let mut judging = evaluation.matcher.record(subject, scratch);
        // Further copies are matched as well: a finding names the first place of a record among all its copies, whichever
        // was read first.
        let object = &self.object.name;
        let id = OnceCell::<EventId>::new();
        let mut hit = || Hit {
            time,
            event_id: id.get_or_init(|| EventId::from(&*event_id)).clone(),
            digest: sha256(),
            object: Arc::clone(object),
            place,
            length: bytes.len() as u64,
        };
        let region = subject.facts.region_name();
        let results_of = self.results.cell_of(hour);
        let (policies, gathered) = (&mut self.results.at(hour).policies, &mut *self.gathered);
        judging.evaluate(|index, truth| {
            let Some(policy) = policies.get_mut(index) else { return };
            if truth == Truth::Unknown {
                policy.not_evaluable.push(hit());
                return;
            }
            let Grouped { values, undecided, only_first } = evaluation.matcher.group(index, subject);
            if undecided {
                policy.not_evaluable.push(hit());
            }
            if !policy.exceeded {
                let (account, region, values) = (&*account, &*region, &*values);
                gathered.add(&Found { policy: index, hour: results_of, account, region, values, only_first, time }, &mut hit);
            }
        });
        let sighting = evaluation.seen.note(entry, &event_id, (self.object.number, place.index));
        let records = &mut self.results.at(hour).records;
        if sighting == Sighting::Duplicate {
            records.duplicate += 1;
        } else {
            records.evaluated += 1;
            if let Results::ByHour(hours) = &mut self.results {
                hours.hour(hour).seen.push(entry);
            }
            self.count(subject, &account, time, &mut judging);
        }
        self.scratch = Some(scratch);
    }

    /// Puts the matches of the object into the results.
    fn finish_groups(&mut self) {
        for group in self.gathered.take() {
            let Some(policy) = self.results.at(group.hour).policies.get_mut(group.policy) else { continue };
            match group.hits {
                hits if group.only_first => hits.into_iter().for_each(|hit| policy.add_first(group.key.clone(), hit)),
                hits => policy.add(group.key, hits),
            }
        }
    }

    fn count_kind(&mut self, hour: i64, kind: RecordKind) {
        if self.run.of != Some((hour, kind)) {
            self.finish_run();
            self.run.of = Some((hour, kind));
        }
        self.run.count += 1;
    }

    fn finish_run(&mut self) {
        if let Run { of: Some((hour, kind)), count } = std::mem::take(&mut self.run) {
            *self.results.at(hour).kinds.entry(kind.name()).or_default() += count;
        }
    }

    fn note_malformed(&mut self, place: Place, length: u64, why: String) {
        let partial = self.results.at(NO_HOUR);
        partial.records.malformed += 1;
        partial.add_malformed(MalformedRecord { object: Arc::clone(&self.object.name), place, length, why });
    }

    fn count(&mut self, subject: &Subject<'_>, account: &str, time: i64, judging: &mut Judging<'_, '_>) {
        let region = subject.facts.region_name();
        let hour = self.results.cell_of(time.div_euclid(3600));
        let same = self.cell.as_ref().is_some_and(|open| {
            let (known, place) = &open.key;
            open.hour == hour && known == account && *place == region
        });
        if !same {
            self.finish_cell();
            let key = (bounded(account.to_owned()), bounded(region.into_owned()));
            let cell = self.results.at(hour).cells.remove(&key).unwrap_or_default();
            self.cell = Some(OpenCell { hour, key, cell, tally: Tally::default() });
        }
        let Some(OpenCell { cell, tally, .. }) = &mut self.cell else { return };
        tally.count(cell, time);
        match judging.counted() {
            Some(counted) => tally.pair(cell, counted),
            None => cell.count_source(&subject.facts.text(top::SOURCE).unwrap_or(Cow::Borrowed("")).to_ascii_lowercase(), 1),
        }
        judging.open_populations(|index| tally.population(index));
    }

    fn finish_cell(&mut self) {
        if let Some(OpenCell { hour, key, mut cell, tally }) = self.cell.take() {
            tally.finish(&mut cell);
            self.results.at(hour).cells.insert(key, cell);
        }
    }
}

/// Collects the SHA-256 of single records of an object, to show of which bytes a conflict speaks.
pub fn digests(text: impl Text, records: &BTreeSet<u64>) -> BTreeMap<u64, RecordDigest> {
    struct Collecting<'r>(&'r BTreeSet<u64>, BTreeMap<u64, RecordDigest>);
    impl Sink for Collecting<'_> {
        fn record(&mut self, place: Place, bytes: &[u8], _: &Subject<'_>) {
            if self.0.contains(&place.index) {
                self.1.insert(place.index, RecordDigest::of(bytes));
            }
        }

        fn malformed(&mut self, _: Place, _: u64, _: &Malformed) {}
    }
    let mut sink = Collecting(records, BTreeMap::new());
    decode::decode_with(text, &mut decode::Memory::default(), &mut sink);
    sink.1
}

/// A value that names a group: cut if it is too long to keep for every match, and still its own.
pub fn bounded(value: String) -> String {
    if value.len() <= MAX_GROUP_VALUE {
        return value;
    }
    let head: String = value.chars().take(200).collect();
    format!("{head}{CUT}{})", RecordDigest::of(value.as_bytes()).hex())
}
