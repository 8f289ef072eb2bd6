//! The fast evaluator: policies compiled once, records read in place.
//!
//! A record is put only to the policies whose event sources and names it fits ([`crate::candidates`] says why that is
//! valid). Its slow twin is [`crate::linear`]; the two share nothing below the policy as written, and a property test
//! holds them together.

mod compile;
mod field;
mod guard;
mod index;
mod pairs;
mod reference;
mod remembered;
mod tried;

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering::Equal;
use std::collections::BTreeSet;

use compile::{Check, CompiledItem, CompiledSelection, Items};
use field::{Found, Leaf, Path};
use index::Index;
use pairs::{Pair, Pairs};
use remembered::{Admitted, Remembered};
pub use tried::Tried;

use crate::correlation::legs_text;
use crate::json::{Kind, Value, compact};
use crate::number;
use crate::pattern::{TextPattern, fold};
use crate::policy::{Category, Condition, Correlation, Policy, Population, Truth};
use crate::record::{AccountList, Doubled, Facts, RecordKind};

/// Policies made ready for many records.
#[derive(Debug)]
pub struct Matcher {
    policies: Vec<CompiledPolicy>,
    items: Items,
    detections: Index,
    populations: Index,
    accounts: AccountList,
}

#[derive(Debug)]
struct CompiledPolicy {
    selections: Vec<CompiledSelection>,
    condition: Condition,
    population: Option<CompiledSelection>,
    categories: Vec<Category>,
    /// The fields whose values are kept: those that part findings, or those that a correlation looks at.
    group_by: Vec<Path>,
    /// The conditions of a correlation's rules.
    legs: Vec<Condition>,
    /// Whether the first match in an hour is enough.
    only_first: bool,
}

/// What is kept of a record that a policy matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grouped {
    /// The values by which the policy groups, `None` for a missing one; of a correlation over several rules the last one says
    /// which of them it matches.
    pub values: Vec<Option<String>>,
    /// Whether some rule of a correlation could not be judged, because AWS omitted a field that decides it.
    pub undecided: bool,
    /// Whether of the matches in an hour that have these values only the first is needed.
    pub only_first: bool,
}

/// A record under evaluation.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The record.
    pub root: Value<'a>,
    /// Its top-level fields.
    pub facts: Facts<'a>,
    /// Its kind, which decides the policies it is put to.
    pub kind: RecordKind,
}

impl<'a> Subject<'a> {
    /// The record at `root`; `None` if it is no CloudTrail record.
    pub fn of(root: Value<'a>) -> Option<Subject<'a>> {
        let facts = Facts::of(root);
        let kind = facts.kind()?;
        Some(Subject { root, facts, kind })
    }
}

/// Memory reused from record to record. It belongs to the matcher that it was first used with.
#[derive(Debug, Default)]
pub struct Scratch {
    candidates: Vec<u32>,
    pairs: Pairs,
    answers: Answers,
    remembered: Kept,
}

/// What guards said of values that were met before.
#[derive(Debug, Default)]
struct Kept {
    detections: Remembered,
    populations: Remembered,
}

/// What shared items answered of the record at hand: the record's number and the answer in one word each.
#[derive(Debug, Default)]
struct Answers {
    known: Vec<Cell<u32>>,
    record: u32,
}

impl Answers {
    /// Forgets the record before.
    fn next_record(&mut self, items: usize) {
        self.record += 4;
        if self.known.len() != items || self.record > u32::MAX - 8 {
            self.known = vec![Cell::new(0); items];
            self.record = 4;
        }
    }

    fn get(&self, item: u32) -> Option<Truth> {
        let known = self.known.get(item as usize)?.get();
        (known & !3 == self.record).then_some(match known & 3 {
            0 => Truth::False,
            1 => Truth::True,
            _ => Truth::Unknown,
        })
    }

    fn set(&self, item: u32, truth: Truth) {
        let number = match truth {
            Truth::False => 0,
            Truth::True => 1,
            Truth::Unknown => 2,
        };
        if let Some(cell) = self.known.get(item as usize) {
            cell.set(self.record | number);
        }
    }
}

/// A record, and the policies that it may concern.
#[derive(Debug)]
pub struct Judging<'m, 'r> {
    judge: Judge<'m, 'r>,
    pair: &'r Pair,
    candidates: &'r mut Vec<u32>,
    remembered: &'r mut Kept,
}

impl Judging<'_, '_> {
    /// Tells each policy that may match; `found` gets the index and True or Unknown, in index order.
    pub fn evaluate(&mut self, mut found: impl FnMut(usize, Truth)) {
        let matcher = self.judge.matcher;
        let remembered = &mut self.remembered.detections;
        let candidates = self.judge.guarded(&matcher.detections, self.pair, &self.pair.detections, self.candidates, remembered);
        for &index in candidates {
            let Some(policy) = matcher.policies.get(index as usize).filter(|policy| policy.takes(self.judge.subject.kind)) else {
                continue;
            };
            match self.judge.decide(policy, &policy.condition) {
                Truth::False => {}
                truth => found(index as usize, truth),
            }
        }
    }

    /// Tells the policies with a population of their own that the record belongs to it.
    pub fn populations(&mut self, mut found: impl FnMut(usize)) {
        let matcher = self.judge.matcher;
        let remembered = &mut self.remembered.populations;
        let candidates = self.judge.guarded(&matcher.populations, self.pair, &self.pair.populations, self.candidates, remembered);
        for &index in candidates {
            let Some(policy) = matcher.policies.get(index as usize).filter(|policy| policy.takes(self.judge.subject.kind)) else {
                continue;
            };
            let Some(population) = &policy.population else { continue };
            if self.judge.selection(population, Scope::Record(self.judge.subject)) == Truth::True {
                found(index as usize);
            }
        }
    }
}

impl Matcher {
    /// Compiles policies. Results are reported under their index in `policies`.
    pub fn new(policies: &[Policy], accounts: AccountList) -> Matcher {
        let mut items = Items::default();
        let compiled: Vec<CompiledPolicy> = policies.iter().map(|policy| CompiledPolicy::new(policy, &mut items)).collect();
        let both = || policies.iter().zip(&compiled);
        let whole = Condition::Selection(0);
        let detections = both().map(|(policy, compiled)| {
            Some(index::Entry {
                alternatives: crate::candidates::of_detection(&policy.detection),
                condition: &compiled.condition,
                selections: &compiled.selections,
            })
        });
        let populations = both().map(|(policy, compiled)| {
            let alternatives = match &policy.population {
                Population::Sources => None,
                Population::Selection(name) => {
                    let selection = policy.detection.selections.iter().find(|(known, _)| known == name);
                    selection.map(|(_, selection)| crate::candidates::of_selection(selection))
                }
                Population::Own(selection) => Some(crate::candidates::of_selection(selection)),
            };
            let selections = std::slice::from_ref(compiled.population.as_ref()?);
            Some(index::Entry { alternatives: alternatives?, condition: &whole, selections })
        });
        let (detections, populations) = (Index::new(detections, &items), Index::new(populations, &items));
        // What a guard was asked is not asked again when its policy is tried.
        detections.asked().chain(populations.asked()).for_each(|item| items.share(item));
        Matcher { detections, populations, policies: compiled, items, accounts }
    }

    /// What is known of accounts.
    pub fn accounts(&self) -> &AccountList {
        &self.accounts
    }

    /// On which records the policy with this index is tried.
    pub fn tried(&self, index: usize, policy: &Policy) -> Tried {
        let alternatives = crate::candidates::of_detection(&policy.detection);
        let guard = || self.detections.guard(u32::try_from(index).ok()?).and_then(|item| self.items.written(item));
        Tried::of(&alternatives, guard)
    }

    /// Finds the policies that may concern the record.
    pub fn record<'r>(&'r self, subject: &'r Subject<'r>, scratch: &'r mut Scratch) -> Judging<'r, 'r> {
        let Scratch { candidates, pairs, answers, remembered } = scratch;
        answers.next_record(self.items.len());
        let pair = pairs.of(&subject.facts, &self.detections, &self.populations);
        Judging { judge: Judge { matcher: self, subject, answers: Some(answers) }, pair, candidates, remembered }
    }

    /// What one policy says of the record, without the index.
    pub fn evaluate_one(&self, index: usize, subject: &Subject<'_>) -> Truth {
        let policy = self.policies.get(index).filter(|policy| policy.takes(subject.kind));
        let judge = Judge { matcher: self, subject, answers: None };
        policy.map_or(Truth::False, |policy| judge.decide(policy, &policy.condition))
    }

    /// What is kept of a record that a policy matches.
    pub fn group(&self, index: usize, subject: &Subject<'_>) -> Grouped {
        let Some(policy) = self.policies.get(index) else { return Grouped::default() };
        let mut values: Vec<_> = policy.group_by.iter().map(|path| self.first_text(path, subject)).collect();
        let mut undecided = false;
        if policy.legs.len() > 1 {
            let judge = Judge { matcher: self, subject, answers: None };
            let legs: Vec<Truth> = policy.legs.iter().map(|leg| judge.decide(policy, leg)).collect();
            undecided = legs.contains(&Truth::Unknown);
            let true_ones = legs.iter().enumerate().filter(|(_, truth)| **truth == Truth::True).map(|(leg, _)| leg);
            values.push(Some(legs_text(true_ones)));
        }
        Grouped { values, undecided, only_first: policy.only_first }
    }

    /// The values of a field as text, joined by commas, at most ten; `None` if it has none.
    pub fn shown(&self, path: &crate::policy::FieldPath, subject: &Subject<'_>) -> Option<String> {
        let mut texts: Vec<String> = Vec::new();
        Path::new(path).visit(Scope::Record(subject), &self.accounts, &mut |leaf| {
            texts.extend(leaf_text(leaf).map(Cow::into_owned));
            texts.len() >= 10
        });
        (!texts.is_empty()).then(|| texts.join(", "))
    }

    fn first_text(&self, path: &Path, subject: &Subject<'_>) -> Option<String> {
        let mut first = None;
        path.visit(Scope::Record(subject), &self.accounts, &mut |leaf| {
            first = leaf_text(leaf).map(Cow::into_owned);
            first.is_some()
        });
        first
    }
}

/// One record under all policies.
#[derive(Clone, Copy, Debug)]
struct Judge<'m, 'r> {
    matcher: &'m Matcher,
    subject: &'r Subject<'r>,
    /// What shared items answered of this record; `None` if only one policy is asked.
    answers: Option<&'r Answers>,
}

impl Judge<'_, '_> {
    /// The candidates of a pair, and those whose guard is not false.
    fn guarded<'c>(
        &self,
        index: &Index,
        pair: &Pair,
        candidates: &'c [u32],
        room: &'c mut Vec<u32>,
        remembered: &mut Remembered,
    ) -> &'c [u32] {
        room.clear();
        if !pair.trusted {
            return candidates;
        }
        for (item, policies) in index.guarded() {
            if self.item_at(*item) != Truth::False {
                room.extend_from_slice(policies);
            }
        }
        for (number, guards) in index.by_field().iter().enumerate() {
            let ask = || Admitted::of(guards, |item| self.item_at(item));
            match self.subject.facts.only(guards.field) {
                Ok(value) => {
                    let admitted = remembered.admitted(number, value, ask);
                    admitted.answers.iter().for_each(|(item, truth)| self.note(*item, *truth));
                    room.extend_from_slice(&admitted.policies);
                }
                // More than one value is looked at then.
                Err(Doubled) => room.extend_from_slice(&ask().policies),
            }
        }
        if room.is_empty() {
            return candidates;
        }
        room.extend_from_slice(candidates);
        room.sort_unstable();
        room
    }

    fn decide(&self, policy: &CompiledPolicy, condition: &Condition) -> Truth {
        match condition {
            Condition::Selection(index) => match policy.selections.get(*index) {
                Some(selection) => self.selection(selection, Scope::Record(self.subject)),
                None => Truth::False,
            },
            Condition::Not(inner) => self.decide(policy, inner).negate(),
            Condition::And(parts) => every(parts, |part| self.decide(policy, part)),
            Condition::Or(parts) => some(parts, |part| self.decide(policy, part)),
        }
    }

    fn selection(&self, selection: &CompiledSelection, scope: Scope<'_>) -> Truth {
        match selection {
            CompiledSelection::All(items) => every(items, |item| self.item_at(*item)),
            CompiledSelection::Any(parts) => some(parts, |part| self.selection(part, scope)),
            CompiledSelection::Keywords { words, all } => {
                let one = |word: &TextPattern| field::keyword(word, scope);
                if *all { every(words, one) } else { some(words, one) }
            }
        }
    }

    /// What an item says of the record; asked once if several policies want to know.
    fn item_at(&self, number: u32) -> Truth {
        let Some(item) = self.matcher.items.get(number) else { return Truth::False };
        let Some(answers) = self.answers.filter(|_| item.shared) else { return self.item(item, Scope::Record(self.subject)) };
        if let Some(truth) = answers.get(number) {
            return truth;
        }
        let truth = self.item(item, Scope::Record(self.subject));
        answers.set(number, truth);
        truth
    }

    fn note(&self, number: u32, truth: Truth) {
        if let Some(answers) = self.answers {
            answers.set(number, truth);
        }
    }

    fn item(&self, item: &CompiledItem, scope: Scope<'_>) -> Truth {
        let truth = match (&item.checks[..], item.all) {
            (checks, true) => every(checks, |check| self.checks(&item.path, std::slice::from_ref(check), scope)),
            (checks, false) => self.checks(&item.path, checks, scope),
        };
        if item.negate { truth.negate() } else { truth }
    }

    /// Whether some value at the path passes some check.
    fn checks(&self, path: &Path, checks: &[Check], scope: Scope<'_>) -> Truth {
        let mut truth = Truth::False;
        let mut texts = Texts::default();
        let found = path.visit(scope, &self.matcher.accounts, &mut |leaf| {
            texts.clear();
            for check in checks {
                truth = truth.or(self.check(check, leaf, &mut texts));
                if truth == Truth::True {
                    return true;
                }
            }
            false
        });
        checks.iter().fold(truth, |truth, check| match check {
            Check::FieldRef { .. } if truth != Truth::True => {
                truth.or(absent(check, found)).or(self.reference(path, check, scope))
            }
            _ => truth.or(absent(check, found)),
        })
    }

    /// Whether some value of the field stands in the asked relation to some value of the field that it refers to.
    ///
    /// Each side is read and folded once, and each distinct text compared once: two long lists of the same few values,
    /// which a caller can put into one record, cost no more than the few values.
    fn reference(&self, path: &Path, check: &Check, scope: Scope<'_>) -> Truth {
        let Check::FieldRef { path: other, place, cased } = check else { return Truth::False };
        let (mine, _) = self.scalars(path, *cased, scope);
        if mine.is_empty() {
            return Truth::False;
        }
        let (others, found) = self.scalars(other, *cased, scope);
        match (reference::related(*place, &mine, &others), found.unknown) {
            (true, _) => Truth::True,
            (false, true) => Truth::Unknown,
            (false, false) => Truth::False,
        }
    }

    /// The distinct scalar values of a field.
    fn scalars(&self, path: &Path, cased: bool, scope: Scope<'_>) -> (BTreeSet<String>, Found) {
        let mut texts = BTreeSet::new();
        let found = path.visit(scope, &self.matcher.accounts, &mut |leaf| {
            let text = leaf.is_scalar().then(|| leaf_text(leaf)).flatten();
            texts.extend(text.map(|text| if cased { text.into_owned() } else { fold(&text) }));
            false
        });
        (texts, found)
    }

    fn check<'a>(&self, check: &Check, leaf: Leaf<'a>, texts: &mut Texts<'a>) -> Truth {
        match check {
            Check::Null => Truth::from(leaf.kind() == Kind::Null),
            Check::Exists(_) => Truth::False,
            Check::Texts(patterns) => Truth::from(texts.any(leaf, |text| patterns.iter().any(|pattern| pattern.matches(text)))),
            Check::Number { text } => {
                let same = |other: &str| other.eq_ignore_ascii_case(text);
                let equal = leaf.kind() == Kind::Number && texts.any(leaf, |other| number::compare(other, text) == Some(Equal));
                Truth::from(equal || texts.any(leaf, same))
            }
            Check::Compare { order, than } => {
                let holds = |text: &str| number::compare(text, than).is_some_and(|found| order.admits(found));
                Truth::from(leaf.is_scalar() && texts.any(leaf, holds))
            }
            Check::TimePart { part, order, than } => {
                let found = |text: &str| crate::time::part(text, *part).and_then(|part| number::compare(&part.to_string(), than));
                let part = |text: &str| found(text).is_some_and(|found| order.admits(found));
                Truth::from(leaf.kind() == Kind::String && texts.any(leaf, part))
            }
            Check::Regex(regex) => Truth::from(texts.any(leaf, |text| regex.is_match(text))),
            Check::Cidr(cidr) => Truth::from(leaf.kind() == Kind::String && texts.any(leaf, |text| cidr.contains(text))),
            // Not a matter of one leaf: see `reference`.
            Check::FieldRef { .. } => Truth::False,
            Check::Map(items) => match leaf {
                Leaf::Json(value) if value.kind() == Kind::Object => every(items, |item| self.item(item, Scope::Element(value))),
                _ => Truth::False,
            },
        }
    }
}

impl CompiledPolicy {
    fn new(policy: &Policy, items: &mut Items) -> CompiledPolicy {
        let selections = policy.detection.selections.iter();
        let selections: Vec<_> = selections.map(|(_, selection)| CompiledSelection::new(selection, items)).collect();
        let population = match &policy.population {
            Population::Sources => None,
            Population::Selection(name) => policy.detection.selections.iter().find(|(known, _)| known == name).map(|(_, s)| s),
            Population::Own(selection) => Some(selection),
        };
        let kept = policy.correlation.as_ref().map_or(&policy.group_by, |correlation| &correlation.fields);
        CompiledPolicy {
            selections,
            condition: policy.detection.condition.clone(),
            population: population.map(|selection| CompiledSelection::new(selection, items)),
            categories: policy.needs.categories.clone(),
            group_by: kept.iter().map(Path::new).collect(),
            legs: policy.correlation.iter().flat_map(|correlation| &correlation.legs).map(|leg| leg.condition.clone()).collect(),
            only_first: policy.correlation.as_ref().is_some_and(Correlation::needs_only_first),
        }
    }

    fn takes(&self, kind: RecordKind) -> bool {
        takes(&self.categories, kind)
    }
}

/// Whether policies that need these categories are put to records of this kind. Management and data events have one shape and
/// may stand in one detection; the other kinds only meet policies that ask for them.
pub fn takes(categories: &[Category], kind: RecordKind) -> bool {
    let any = |wanted: &[Category]| categories.iter().any(|category| wanted.contains(category));
    match kind {
        RecordKind::Management | RecordKind::Data => any(&[Category::Management, Category::Data]),
        RecordKind::NetworkActivity => any(&[Category::NetworkActivity]),
        RecordKind::Insight => any(&[Category::Insight]),
        RecordKind::Aggregated => false,
    }
}

/// Where a field path starts.
#[derive(Clone, Copy, Debug)]
enum Scope<'a> {
    Record(&'a Subject<'a>),
    /// An element of a same-element map.
    Element(Value<'a>),
}

fn every<T>(parts: &[T], mut one: impl FnMut(&T) -> Truth) -> Truth {
    let mut truth = Truth::True;
    for part in parts {
        truth = truth.and(one(part));
        if truth == Truth::False {
            break;
        }
    }
    truth
}

fn some<T>(parts: &[T], mut one: impl FnMut(&T) -> Truth) -> Truth {
    let mut truth = Truth::False;
    for part in parts {
        truth = truth.or(one(part));
        if truth == Truth::True {
            break;
        }
    }
    truth
}

/// What a check says of a field that is missing, or whose content AWS omitted.
fn absent(check: &Check, found: Found) -> Truth {
    let unknown = if found.unknown { Truth::Unknown } else { Truth::False };
    match check {
        Check::Null if found.present => Truth::False,
        Check::Null if found.unknown => Truth::Unknown,
        Check::Null => Truth::True,
        Check::Exists(wanted) => {
            let exists = if found.present { Truth::True } else { unknown };
            if *wanted { exists } else { exists.negate() }
        }
        _ => unknown,
    }
}

/// A scalar's text, an object's compact JSON; `None` for null.
fn leaf_text(leaf: Leaf<'_>) -> Option<Cow<'_, str>> {
    match leaf {
        Leaf::Text(text) => Some(text.into()),
        Leaf::Json(value) => match value.kind() {
            Kind::Null => None,
            Kind::Object | Kind::Array => {
                let mut out = String::new();
                compact(value, false, &mut out);
                Some(Cow::Owned(out))
            }
            _ => Some(value.text()),
        },
    }
}

/// The texts of one leaf, made once for all checks: one for a scalar, none for null, two for an object.
#[derive(Default)]
struct Texts<'a> {
    made: Option<Vec<Cow<'a, str>>>,
}

impl<'a> Texts<'a> {
    fn clear(&mut self) {
        self.made = None;
    }

    fn any(&mut self, leaf: Leaf<'a>, mut holds: impl FnMut(&str) -> bool) -> bool {
        // A string without escapes is the common case and needs no list.
        if let Leaf::Json(value) = leaf
            && value.kind() == Kind::String
            && !value.is_escaped()
        {
            return holds(&value.text());
        }
        let texts = self.made.get_or_insert_with(|| {
            let mut texts: Vec<Cow<'a, str>> = leaf_text(leaf).into_iter().collect();
            if let Leaf::Json(value) = leaf
                && value.kind() == Kind::Object
            {
                let mut plain = String::new();
                compact(value, true, &mut plain);
                texts.push(Cow::Owned(plain));
            }
            texts
        });
        texts.iter().any(|text| holds(text))
    }
}
