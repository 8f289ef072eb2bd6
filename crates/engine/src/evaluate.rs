//! Puts the records of an object to the policies and notes what came of each.

use std::borrow::Cow;
use std::sync::Arc;

use crate::decode::{self, Decoded, Malformed, Place, Sink};
use crate::identity::{RecordDigest, SeenEntry, SeenRecords, Sighting};
use crate::matcher::{Matcher, Scratch, Subject, takes};
use crate::partial::{ByHour, Cell, GroupKey, Hit, MalformedRecord, NO_HOUR, Partial};
use crate::policy::{Category, Policy, Truth};
use crate::record::{AccountList, RecordKind};
use crate::time;

/// The event times that are evaluated: from `since`, up to but not including `until`; seconds since 1970 UTC.
#[derive(Clone, Copy, Debug, Default)]
pub struct Period {
    /// First second inside.
    pub since: Option<i64>,
    /// First second after it.
    pub until: Option<i64>,
}

impl Period {
    fn contains(&self, time: i64) -> bool {
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until)
    }
}

/// Longest group value kept whole, bytes; a longer one is cut and its digest appended.
const MAX_GROUP_VALUE: usize = 1024;

/// Policies, period and the records seen so far: shared by all threads of one evaluation.
#[derive(Debug)]
pub struct Evaluation {
    matcher: Matcher,
    categories: Vec<Category>,
    period: Period,
    seen: SeenRecords,
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
    /// Makes the policies ready, and room for about `expected` records.
    pub fn new(policies: &[Policy], accounts: AccountList, period: Period, expected: usize) -> Evaluation {
        Evaluation {
            matcher: Matcher::new(policies, accounts),
            categories: policies.iter().flat_map(|policy| policy.needs.categories.clone()).collect(),
            period,
            seen: SeenRecords::expecting(expected),
        }
    }

    /// Evaluates the inflated bytes of one object into `partial`.
    pub fn object(&self, object: &ObjectName, text: &[u8], partial: &mut Partial) -> Decoded {
        self.evaluate_into(object, text, Results::Whole(partial))
    }

    /// Evaluates the inflated bytes of one object, and keeps the hours of event time apart.
    pub fn object_by_hour(&self, object: &ObjectName, text: &[u8], hours: &mut ByHour) -> Decoded {
        self.evaluate_into(object, text, Results::ByHour(hours))
    }

    fn evaluate_into(&self, object: &ObjectName, text: &[u8], results: Results<'_>) -> Decoded {
        let mut sink = Evaluating { evaluation: self, object, results, scratch: Scratch::default(), cell: None };
        let decoded = decode::decode(text, &mut sink);
        sink.finish_cell();
        if let Some(other) = decoded.other {
            *sink.results.at(NO_HOUR).kinds.entry(other.name()).or_default() += 1;
        }
        decoded
    }

    /// Adds records of earlier evaluations, before the first object.
    pub fn remember(&mut self, earlier: impl IntoIterator<Item = SeenEntry>) {
        self.seen.remember(earlier);
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
    scratch: Scratch,
    /// The hour and cell of the last record: those of one object nearly always share them.
    cell: Option<(i64, (String, String), Cell)>,
}

impl Sink for Evaluating<'_, '_> {
    fn record(&mut self, place: Place, bytes: &[u8], subject: Subject<'_>) {
        let time = subject.facts.time.and_then(|value| time::parse(&value.text()));
        let wanted = self.evaluation.wants(subject.kind);
        let hour = time.filter(|_| wanted).map_or(NO_HOUR, |time| time.div_euclid(3600));
        let partial = self.results.at(hour);
        partial.records.read += 1;
        *partial.kinds.entry(subject.kind.name()).or_default() += 1;
        if !wanted {
            partial.records.other_kinds += 1;
            return;
        }
        let Some(time) = time else {
            self.note_malformed(place, bytes.len() as u64, "eventTime is missing or not a UTC time".to_owned());
            return;
        };
        if !self.evaluation.period.contains(time) {
            partial.records.outside_period += 1;
            return;
        }
        let digest = RecordDigest::of(bytes);
        let event_id = subject.facts.id.map_or(Cow::Borrowed(""), |value| value.text());
        let account = subject.facts.account_id(subject.root);
        let sighting = self.evaluation.seen.note(&account, &event_id, digest, (self.object.number, place.index));
        if sighting == Sighting::Duplicate {
            partial.records.duplicate += 1;
        } else {
            partial.records.evaluated += 1;
            if let Results::ByHour(hours) = &mut self.results {
                hours.hour(hour).seen.push(SeenEntry::of(&account, &event_id, digest));
            }
            self.count(subject, &account, time);
        }
        // Further copies are matched too: a finding names the first place of a record among all its copies, whichever
        // was read first.
        let hit = || Hit {
            time,
            event_id: Arc::from(&*event_id),
            digest,
            object: Arc::clone(&self.object.name),
            place,
            length: bytes.len() as u64,
        };
        let matcher = &self.evaluation.matcher;
        let policies = &mut self.results.at(hour).policies;
        matcher.evaluate(subject, &mut self.scratch, |index, truth| {
            let Some(policy) = policies.get_mut(index) else { return };
            if truth == Truth::Unknown {
                policy.not_evaluable.push(hit());
                return;
            }
            let values = matcher.group(index, subject).into_iter().map(|value| value.map(bounded)).collect();
            let (account, region) = (bounded(account.to_string()), bounded(subject.facts.region_name().into_owned()));
            policy.groups.entry(GroupKey { account, region, values }).or_default().push(hit());
        });
    }

    fn malformed(&mut self, place: Place, length: u64, why: &Malformed) {
        self.results.at(NO_HOUR).records.read += 1;
        self.note_malformed(place, length, why.to_string());
    }
}

impl Evaluating<'_, '_> {
    fn note_malformed(&mut self, place: Place, length: u64, why: String) {
        let partial = self.results.at(NO_HOUR);
        partial.records.malformed += 1;
        partial.add_malformed(MalformedRecord { object: Arc::clone(&self.object.name), place, length, why });
    }

    fn count(&mut self, subject: Subject<'_>, account: &str, time: i64) {
        let region = subject.facts.region_name();
        let hour = self.results.cell_of(time.div_euclid(3600));
        let same =
            self.cell.as_ref().is_some_and(|(then, (known, place), _)| *then == hour && known == account && *place == region);
        if !same {
            self.finish_cell();
            let key = (bounded(account.to_owned()), bounded(region.into_owned()));
            let cell = self.results.at(hour).cells.remove(&key).unwrap_or_default();
            self.cell = Some((hour, key, cell));
        }
        let Some((_, _, cell)) = &mut self.cell else { return };
        let source = subject.facts.source.map_or(Cow::Borrowed(""), |value| value.text());
        if source.bytes().any(|byte| byte.is_ascii_uppercase()) || source.len() > MAX_GROUP_VALUE {
            cell.count(time, &bounded(source.to_ascii_lowercase()));
        } else {
            cell.count(time, &source);
        }
        self.evaluation.matcher.populations(subject, &mut self.scratch, |index| *cell.populations.entry(index).or_default() += 1);
    }

    fn finish_cell(&mut self) {
        if let Some((hour, key, cell)) = self.cell.take() {
            self.results.at(hour).cells.insert(key, cell);
        }
    }
}

/// A value that names a group: cut if it is too long to keep for every match, and still its own.
fn bounded(value: String) -> String {
    if value.len() <= MAX_GROUP_VALUE {
        return value;
    }
    let head: String = value.chars().take(200).collect();
    format!("{head}… (sha256 {})", RecordDigest::of(value.as_bytes()).hex())
}
