//! What an event source and name decide, kept from record to record.
//!
//! The same few hundred pairs make up nearly all of a log, each with the same few flags ([`Flags`]). The index gives the
//! policies that a pair leaves, and what asks nothing but source, name or flags has one answer for all records of the pair: so
//! a policy that they rule out is not tried, a population that they alone define is counted without asking, and of the others
//! only what is left is asked. Valid because a pair is told by every byte of both, and only where each stands once and is a
//! text. With the built-in policies this took asking for populations from six million times to none in 400,000 records.

use std::borrow::Cow;
use std::sync::Arc;

use super::compile::CompiledItem;
use super::expression::Expression;
use super::index::Index;
use super::{Judge, Matcher, Subject};
use crate::json::Kind;
use crate::policy::Truth;
use crate::record::top::TopField;
use crate::record::{Facts, RecordKind, top};

/// Pairs that are kept at once. A log of one organisation has some hundred, with other flags some thousand; so much room that hardly any
/// three of them share two places, because each that gives way is to be worked out again.
const KEPT: usize = 1 << 14;

/// Longest source and name that are kept, bytes. Names are the log's own and may be hostile.
const LONGEST: usize = 256;

/// The one event whose outcome does not stand in `errorCode` (AWS sign-in events).
const SIGN_IN: &str = "ConsoleLogin";

/// Serial number of pairs that are not kept: those with escapes, and long ones.
pub(crate) const ODD: u64 = 0;

/// A source and name as they stand in records, and what they leave to be asked.
#[derive(Debug)]
pub(super) struct Pair {
    source: Option<Box<str>>,
    name: Option<Box<str>>,
    flags: Flags,
    /// `None`: the record is put to every policy, and nothing is known beforehand.
    pub(super) left: Option<Left>,
}

/// What a record says in a few fields of few values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flags {
    kind: RecordKind,
    read_only: Flag,
    management: Flag,
    /// `errorCode` is missing.
    no_error: bool,
}

/// A field that is nearly always a boolean, or missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flag {
    /// Something else, or no single value: nothing is known beforehand.
    Open,
    Missing,
    False,
    True,
}

/// What is left to be asked of a record whose source and name are known.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) detections: Open,
    pub(super) populations: Open,
    pub(super) counted: Counted,
}

/// How records of one source and name are counted.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    /// Unlike that of every other pair that the same memory has held; [`ODD`] for a pair that is not kept.
    pub(crate) serial: u64,
    /// The event source in lower case; empty for none.
    pub(crate) source: Arc<str>,
    /// The policies to whose populations every such record belongs.
    pub(crate) certain: Arc<[u32]>,
}

/// Policies that source and name do not decide, each with what is left of its condition.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// Those that are tried on every record; ascending.
    pub(super) always: Box<[(u32, Expression)]>,
    /// Those that are tried where their guard is not false; ascending.
    pub(super) guarded: Box<[(u32, Expression)]>,
    /// Which of [`Index::guarded`] guard some of them.
    pub(super) guards: Box<[usize]>,
    /// Which of [`Index::by_field`] guard some of them.
    pub(super) fields: Box<[usize]>,
}

/// The pairs that were met, each in one of the two places that its text gives it: the pair that was met longest ago gives way.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    places: Vec<Option<Box<Pair>>>,
    /// The last pair that is not kept.
    odd: Option<Pair>,
    /// Serial number of the last pair.
    last: u64,
}

impl Pairs {
    /// What the source and name of a record leave.
    pub(super) fn of(&mut self, subject: &Subject<'_>, matcher: &Matcher) -> &Pair {
        let facts = &subject.facts;
        let plain = |field| match facts.text(field) {
            Some(Cow::Borrowed(text)) => Some(Some(text)),
            Some(Cow::Owned(_)) => None,
            None => Some(None),
        };
        let (false, Some(source), Some(name)) = (facts.ambiguous, plain(top::SOURCE), plain(top::NAME)) else {
            return self.odd(subject, matcher);
        };
        let (source_text, name_text) = (source.unwrap_or(""), name.unwrap_or(""));
        if source_text.len() + name_text.len() > LONGEST {
            return self.odd(subject, matcher);
        }
        if self.places.is_empty() {
            self.places.resize_with(KEPT, || None);
        }
        let flags = Flags::of(subject);
        let home = place(source_text.as_bytes(), name_text.as_bytes(), flags);
        let is_it = |pair: &Option<Box<Pair>>| pair.as_ref().is_some_and(|pair| pair.is(source, name, flags));
        if !self.places.get(home).is_some_and(is_it) {
            // Its other place is the neighbour's.
            self.places.swap(home, home ^ 1);
            if !self.places.get(home).is_some_and(is_it) {
                self.last += 1;
                let left = Left::of(subject, matcher, flags, self.last);
                let pair = Pair { source: source.map(Box::from), name: name.map(Box::from), flags, left };
                self.places.get_mut(home).expect("there are as many places as `place` gives").replace(Box::new(pair));
            }
        }
        self.places.get(home).and_then(Option::as_deref).expect("the pair was put there")
    }

    fn odd(&mut self, subject: &Subject<'_>, matcher: &Matcher) -> &Pair {
        let flags = Flags::of(subject);
        let left = Left::of(subject, matcher, flags, ODD);
        self.odd.insert(Pair { source: None, name: None, flags, left })
    }
}

impl Pair {
    fn is(&self, source: Option<&str>, name: Option<&str>, flags: Flags) -> bool {
        self.flags == flags && self.name.as_deref() == name && self.source.as_deref() == source
    }
}

impl Flags {
    fn of(subject: &Subject<'_>) -> Flags {
        // Which policies a record is put to depends on its kind; data events and management events go the same way.
        let kind = if subject.kind == RecordKind::Data { RecordKind::Management } else { subject.kind };
        let flag = |field| match subject.facts.only(field) {
            Ok(None) => Flag::Missing,
            Ok(Some(value)) if value.kind() == Kind::Bool && value.raw() == b"true" => Flag::True,
            Ok(Some(value)) if value.kind() == Kind::Bool => Flag::False,
            _ => Flag::Open,
        };
        Flags {
            kind,
            read_only: flag(top::READ_ONLY),
            management: flag(top::MANAGEMENT_EVENT),
            no_error: matches!(subject.facts.only(top::ERROR_CODE), Ok(None)),
        }
    }

    /// Whether all records with these flags, and one source and name, give the item the same answer.
    fn decide(self, item: &CompiledItem, name: &str) -> bool {
        let of_field = |field: TopField| match field {
            top::SOURCE | top::NAME => true,
            top::READ_ONLY => self.read_only != Flag::Open,
            top::MANAGEMENT_EVENT => self.management != Flag::Open,
            top::ERROR_CODE => self.no_error,
            _ => false,
        };
        // Without an error a call is a success, but for sign-ins, which tell their outcome elsewhere.
        item.only_field().is_some_and(of_field) || (item.only_outcome() && self.no_error && name != SIGN_IN)
    }

    /// A number from the flags, for [`place`].
    fn number(self) -> u64 {
        (self.kind as u64) << 5 | (self.read_only as u64) << 3 | (self.management as u64) << 1 | u64::from(self.no_error)
    }
}

impl Left {
    /// `None` if the record is to be put to every policy: a name in other letters than ASCII may fold to one that is.
    fn of(subject: &Subject<'_>, matcher: &Matcher, flags: Flags, serial: u64) -> Option<Left> {
        let (source, name) = trusted(&subject.facts)?;
        let judge = Judge { matcher, subject, answers: None };
        let written = subject.facts.text(top::NAME).unwrap_or_default();
        let known = |number: u32| {
            let item = matcher.items.get(number)?;
            flags.decide(item, &written).then(|| judge.item_at(number))
        };
        let policy = |number: u32| matcher.policies.get(number as usize).filter(|policy| policy.takes(subject.kind));
        let detection = |number: u32| policy(number).map(|policy| &policy.detection);
        let population = |number: u32| policy(number).and_then(|policy| policy.population.as_ref());
        let candidates = |index: &Index| index.candidates(&source, &name);
        let detections = Open::of(&matcher.detections, candidates(&matcher.detections), detection, &known);
        let mut populations = Open::of(&matcher.populations, candidates(&matcher.populations), population, &known);
        // Records of a pair that is not kept are counted one by one.
        let certain = if serial == ODD { Vec::new() } else { populations.take_certain() }.into();
        Some(Left { detections, populations, counted: Counted { serial, source: source.into(), certain } })
    }
}

impl Open {
    fn of<'e>(
        index: &Index,
        unguarded: Vec<u32>,
        expression: impl Fn(u32) -> Option<&'e Expression>,
        known: &impl Fn(u32) -> Option<Truth>,
    ) -> Open {
        let left = |policies: &[u32]| -> Vec<(u32, Expression)> {
            let given = policies.iter().filter_map(|policy| Some((*policy, expression(*policy)?.given(known))));
            given.filter(|(_, left)| !left.is_known(Truth::False)).collect()
        };
        let (mut always, mut guarded) = (left(&unguarded), Vec::new());
        // Where the answer of a guard is known, its policies are tried, or gone.
        let mut keep = |item: u32, policies: &[u32]| {
            let mut left = left(policies);
            let asked = known(item).is_none() && !left.is_empty();
            if asked {
                guarded.append(&mut left)
            } else {
                always.append(&mut left)
            }
            asked
        };
        let numbered = index.guarded().iter().enumerate();
        let guards = numbered.filter(|(_, (item, policies))| keep(*item, policies)).map(|(number, _)| number).collect();
        let numbered = index.by_field().iter().enumerate();
        let fields =
            numbered.filter(|(_, field)| field.items.iter().filter(|(item, policies)| keep(*item, policies)).count() > 0);
        let fields = fields.map(|(number, _)| number).collect();
        always.sort_unstable_by_key(|(policy, _)| *policy);
        guarded.sort_unstable_by_key(|(policy, _)| *policy);
        Open { always: always.into(), guarded: guarded.into(), guards, fields }
    }

    /// Takes out the policies of which nothing is left to ask.
    fn take_certain(&mut self) -> Vec<u32> {
        let (certain, always): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.always).into_iter().partition(|(_, left)| left.is_known(Truth::True));
        self.always = always.into();
        certain.into_iter().map(|(policy, _)| policy).collect()
    }

    /// What is left of a guarded policy.
    pub(super) fn guarded_policy(&self, policy: u32) -> Option<&Expression> {
        let at = self.guarded.binary_search_by_key(&policy, |(known, _)| *known).ok()?;
        self.guarded.get(at).map(|(_, left)| left)
    }
}

/// Source and name in lower case, if the index may be asked for them.
fn trusted(facts: &Facts<'_>) -> Option<(String, String)> {
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
    trusted.then_some((source, name))
}

/// A number below [`KEPT`] from the ends of both, where names differ most. Who makes up names can make them collide; each
/// then costs a look into the index, as it would without this table.
fn place(source: &[u8], name: &[u8], flags: Flags) -> usize {
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let short = |bytes: &[u8]| bytes.iter().fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte));
    let ends = |bytes: &[u8]| {
        if bytes.len() < 8 {
            return short(bytes);
        }
        word(bytes.first_chunk()).rotate_left(29) ^ word(bytes.last_chunk())
    };
    let mixed = ends(source).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ ends(name) ^ (name.len() as u64) << 3;
    ((mixed ^ flags.number() << 17).wrapping_mul(0xD6E8_FEB8_6659_FD93) >> (u64::BITS - KEPT.ilog2())) as usize % KEPT
}
