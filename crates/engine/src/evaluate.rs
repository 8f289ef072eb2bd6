//! Puts the records of an object to the policies and notes what came of each.

use std::borrow::Cow;
use std::sync::Arc;

use crate::decode::{self, Decoded, Malformed, Place, Sink};
use crate::identity::{RecordDigest, SeenRecords, Sighting};
use crate::matcher::{Matcher, Scratch, Subject, takes};
use crate::partial::{Cell, GroupKey, Hit, MalformedRecord, Partial};
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
        let mut sink = Evaluating { evaluation: self, object, partial, scratch: Scratch::default(), cell: None };
        let decoded = decode::decode(text, &mut sink);
        sink.finish_cell();
        if let Some(other) = decoded.other {
            *partial.kinds.entry(other.name()).or_default() += 1;
        }
        decoded
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

struct Evaluating<'e, 'p> {
    evaluation: &'e Evaluation,
    object: &'e ObjectName,
    partial: &'p mut Partial,
    scratch: Scratch,
    /// The cell of the last record: those of one object nearly always share it.
    cell: Option<((String, String), Cell)>,
}

impl Sink for Evaluating<'_, '_> {
    fn record(&mut self, place: Place, bytes: &[u8], subject: Subject<'_>) {
        self.partial.records.read += 1;
        *self.partial.kinds.entry(subject.kind.name()).or_default() += 1;
        if !self.evaluation.wants(subject.kind) {
            self.partial.records.other_kinds += 1;
            return;
        }
        let Some(time) = subject.facts.time.and_then(|value| time::parse(&value.text())) else {
            self.note_malformed(place, bytes.len() as u64, "eventTime is missing or not a UTC time".to_owned());
            return;
        };
        if !self.evaluation.period.contains(time) {
            self.partial.records.outside_period += 1;
            return;
        }
        let digest = RecordDigest::of(bytes);
        let event_id = subject.facts.id.map_or(Cow::Borrowed(""), |value| value.text());
        let account = subject.facts.account_id(subject.root);
        let sighting = self.evaluation.seen.note(&account, &event_id, digest, (self.object.number, place.index));
        if sighting == Sighting::Duplicate {
            self.partial.records.duplicate += 1;
        } else {
            self.partial.records.evaluated += 1;
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
        let policies = &mut self.partial.policies;
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
        self.partial.records.read += 1;
        self.note_malformed(place, length, why.to_string());
    }
}

impl Evaluating<'_, '_> {
    fn note_malformed(&mut self, place: Place, length: u64, why: String) {
        self.partial.records.malformed += 1;
        self.partial.add_malformed(MalformedRecord { object: Arc::clone(&self.object.name), place, length, why });
    }

    fn count(&mut self, subject: Subject<'_>, account: &str, time: i64) {
        let region = subject.facts.region_name();
        let same = self.cell.as_ref().is_some_and(|((known, place), _)| known == account && *place == region);
        if !same {
            self.finish_cell();
            let key = (bounded(account.to_owned()), bounded(region.into_owned()));
            let cell = self.partial.cells.remove(&key).unwrap_or_default();
            self.cell = Some((key, cell));
        }
        let Some((_, cell)) = &mut self.cell else { return };
        let source = subject.facts.source.map_or(Cow::Borrowed(""), |value| value.text());
        if source.bytes().any(|byte| byte.is_ascii_uppercase()) || source.len() > MAX_GROUP_VALUE {
            cell.count(time, &bounded(source.to_ascii_lowercase()));
        } else {
            cell.count(time, &source);
        }
        self.evaluation.matcher.populations(subject, &mut self.scratch, |index| *cell.populations.entry(index).or_default() += 1);
    }

    fn finish_cell(&mut self) {
        if let Some((key, cell)) = self.cell.take() {
            self.partial.cells.insert(key, cell);
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
