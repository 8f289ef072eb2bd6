//! Reads the records behind findings a second time, by object and place, for the report.
//!
//! Findings keep places, not bytes, so that memory does not grow with what matched. Reading again also proves that the
//! places are right: each record must have the digest that was noted, and the linear evaluator, which shares no code
//! with the one that found it, must agree and says which fields matched.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use assize_engine::decode::{self, Malformed, Place, Sink};
use assize_engine::identity::RecordDigest;
use assize_engine::linear;
use assize_engine::matcher::{Matcher, Subject};
use assize_engine::partial::Hit;
use assize_engine::policy::{Policy, Truth};
use assize_engine::session::Principal;

use super::input::{Inputs, Object};
use super::object::Reader;
use super::{ScanContext, on_threads};

/// Longest record shown whole, bytes.
pub(crate) const MAX_SHOWN: usize = 64 << 10;

/// A record and the policy for which it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Wanted {
    /// Index of the policy.
    pub(crate) policy: usize,
    /// The record.
    pub(crate) hit: Hit,
    /// What the policy said of it.
    pub(crate) expected: Truth,
}

const DISAGREE: &str = "the second evaluator does not agree that this record belongs here; this is a bug, please report it";

/// What was read of a record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// The policy's `show` fields, in its order.
    pub(crate) show: Vec<Option<String>>,
    /// The record as it stands in the log.
    pub(crate) text: Option<String>,
    /// Why `text` is missing.
    pub(crate) missing: Option<String>,
    /// Which selections matched, and by which fields.
    pub(crate) matched: Vec<linear::MatchedSelection>,
    /// Who called, if with credentials that were issued to somebody else.
    pub(crate) caller: Option<Principal>,
}

/// Reads the wanted records again, object by object.
pub(crate) fn read(
    wanted: Vec<Wanted>,
    inputs: &Inputs,
    policies: &[Policy],
    matcher: &Matcher,
    context: &ScanContext,
) -> HashMap<Wanted, Evidence> {
    let objects: HashMap<&str, &Object> = inputs.objects.iter().map(|object| (&*object.name, object)).collect();
    let mut by_object: BTreeMap<Arc<str>, Vec<Wanted>> = BTreeMap::new();
    for one in wanted {
        by_object.entry(Arc::clone(&one.hit.object)).or_default().push(one);
    }
    let queue = Mutex::new(by_object.into_iter());
    let work = || {
        let (mut reader, mut memory) = (Reader::new(context.limits), decode::Memory::default());
        let mut found = HashMap::new();
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((name, wanted)) = next else { return found };
            let mut collecting = Collecting { wanted: by_place(wanted), policies, matcher, found: &mut found };
            if let Some(object) = objects.get(&*name) {
                reader.read(object, |text| decode::decode_with(text, &mut memory, &mut collecting));
            }
            collecting.give_up();
        }
    };
    on_threads(context.threads, work).into_iter().flatten().collect()
}

fn by_place(wanted: Vec<Wanted>) -> BTreeMap<u64, Vec<Wanted>> {
    let mut places: BTreeMap<u64, Vec<Wanted>> = BTreeMap::new();
    for one in wanted {
        places.entry(one.hit.place.index).or_default().push(one);
    }
    places
}

struct Collecting<'a> {
    wanted: BTreeMap<u64, Vec<Wanted>>,
    policies: &'a [Policy],
    matcher: &'a Matcher,
    found: &'a mut HashMap<Wanted, Evidence>,
}

impl Sink for Collecting<'_> {
    fn record(&mut self, place: Place, bytes: &[u8], subject: &Subject<'_>) {
        let Some(wanted) = self.wanted.remove(&place.index) else { return };
        let digest = RecordDigest::of(bytes);
        for one in wanted {
            let evidence = if digest == one.hit.digest { self.show(&one, bytes, subject) } else { changed() };
            self.found.insert(one, evidence);
        }
    }

    fn malformed(&mut self, _: Place, _: u64, _: &Malformed) {}
}

impl Collecting<'_> {
    fn show(&self, one: &Wanted, bytes: &[u8], subject: &Subject<'_>) -> Evidence {
        let Some(policy) = self.policies.get(one.policy) else { return changed() };
        let text = String::from_utf8_lossy(bytes);
        let show = policy.show.iter().map(|path| self.matcher.shown(path, subject)).collect();
        let caller = Some(Principal::of(&subject.facts)).filter(Principal::is_borrowed);
        let matched = match linear::judge(policy, &text, self.matcher.accounts()) {
            Ok(judgement) if judgement.truth == one.expected => judgement.matched,
            _ => return Evidence { show, missing: Some(DISAGREE.to_owned()), caller, ..Evidence::default() },
        };
        if bytes.len() > MAX_SHOWN {
            let missing = format!("the record is {} bytes long; at most {MAX_SHOWN} are shown", bytes.len());
            return Evidence { show, text: None, missing: Some(missing), matched, caller };
        }
        Evidence { show, text: Some(text.into_owned()), missing: None, matched, caller }
    }

    /// What was not found although it had been read before.
    fn give_up(self) {
        for one in self.wanted.into_values().flatten() {
            self.found.insert(one, changed());
        }
    }
}

fn changed() -> Evidence {
    let missing = "the object changed or went away while the report was made".to_owned();
    Evidence { missing: Some(missing), ..Evidence::default() }
}
