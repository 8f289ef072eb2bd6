//! The fast evaluator: policies compiled once, records read in place.
//!
//! A record is put only to the policies whose event sources and names it fits ([`crate::candidates`] says why that is
//! valid). Its slow twin is [`crate::linear`]; the two share nothing below the policy as written, and a property test
//! holds them together.

mod compile;
mod expression;
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

use compile::{Check, CompiledItem, Items};
use expression::Expression;
use field::{Found, Leaf, Path};
use index::Index;
pub(crate) use pairs::{Counted, ODD};
use pairs::{Open, Pair, Pairs};
use remembered::{Admitted, Remembered};
pub use tried::Tried;

use crate::correlation::legs_text;
use crate::json::{Kind, Value, compact};
use crate::number;
use crate::pattern::fold;
use crate::policy::{Category, Correlation, Policy, Truth};
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
    detection: Expression,
    population: Option<Expression>,
    categories: Vec<Category>,
    /// The fields whose values are kept: those that part findings, or those that a correlation looks at.
    group_by: Vec<Path>,
    /// The conditions of a correlation's rules.
    legs: Vec<Expression>,
    /// Whether the first match in an hour is enough.
    only_first: bool,
}

/// What is kept of a record that a policy matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grouped<'r> {
    /// The values by which the policy groups, `None` for a missing one; of a correlation over several rules the last one says
    /// which of them it matches.
    pub values: Vec<Option<Cow<'r, str>>>,
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
    admitted: Vec<u32>,
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

/// A record, and what its source and name leave to be asked.
#[derive(Debug)]
pub struct Judging<'m, 'r> {
    judge: Judge<'m, 'r>,
    pair: &'r Pair,
    /// Policies whose guard is not false.
    admitted: &'r mut Vec<u32>,
    remembered: &'r mut Kept,
}

impl Judging<'_, '_> {
    /// Tells each policy that may match; `found` gets the index and True or Unknown, in index order.
    pub fn evaluate(&mut self, mut found: impl FnMut(usize, Truth)) {
        let (judge, matcher) = (self.judge, self.judge.matcher);
        let mut one = |index: u32, condition: &Expression| match judge.decide(condition) {
            Truth::False => {}
            truth => found(index as usize, truth),
        };
        let Some(left) = &self.pair.left else {
            return judge.each(&mut |index, policy| one(index, &policy.detection));
        };
        let guards = (&matcher.detections, &mut self.remembered.detections);
        judge.open(&left.detections, guards, self.admitted, &mut one);
    }

    /// Tells the policies with a population of their own that the record belongs to it.
    pub fn populations(&mut self, mut found: impl FnMut(usize)) {
        let certain = self.pair.left.iter().flat_map(|left| &*left.counted.certain);
        certain.for_each(|index| found(*index as usize));
        self.open_populations(found);
    }

    /// The same without those that [`Judging::counted`] names.
    pub(crate) fn open_populations(&mut self, mut found: impl FnMut(usize)) {
        let (judge, matcher) = (self.judge, self.judge.matcher);
        let mut one = |index: u32, condition: &Expression| {
            if judge.decide(condition) == Truth::True {
                found(index as usize);
            }
        };
        let Some(left) = &self.pair.left else {
            return judge.each(&mut |index, policy| policy.population.iter().for_each(|population| one(index, population)));
        };
        let guards = (&matcher.populations, &mut self.remembered.populations);
        judge.open(&left.populations, guards, self.admitted, &mut one);
    }

    /// How records of this source and name are counted; `None` if the record is to be looked at for it.
    pub(crate) fn counted(&self) -> Option<&Counted> {
        self.pair.left.as_ref().map(|left| &left.counted).filter(|counted| counted.serial != ODD)
    }
}

impl Matcher {
    /// Compiles policies. Results are reported under their index in `policies`.
    pub fn new(policies: &[Policy], accounts: AccountList) -> Matcher {
        let mut items = Items::default();
        let compiled: Vec<CompiledPolicy> = policies.iter().map(|policy| CompiledPolicy::new(policy, &mut items)).collect();
        let both = || policies.iter().zip(&compiled);
        let detections = both().map(|(policy, compiled)| {
            let alternatives = crate::candidates::of_detection(&policy.detection);
            Some(index::Entry { alternatives, condition: &compiled.detection })
        });
        let populations = both().map(|(policy, compiled)| {
            let alternatives = policy.own_population().map(crate::candidates::of_selection)?;
            Some(index::Entry { alternatives, condition: compiled.population.as_ref()? })
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
        let Scratch { admitted, pairs, answers, remembered } = scratch;
        answers.next_record(self.items.len());
        let pair = pairs.of(subject, self);
        Judging { judge: Judge { matcher: self, subject, answers: Some(answers) }, pair, admitted, remembered }
    }

    /// What one policy says of the record, without the index.
    pub fn evaluate_one(&self, index: usize, subject: &Subject<'_>) -> Truth {
        let policy = self.policies.get(index).filter(|policy| policy.takes(subject.kind));
        let judge = Judge { matcher: self, subject, answers: None };
        policy.map_or(Truth::False, |policy| judge.decide(&policy.detection))
    }

    /// What is kept of a record that a policy matches.
    pub fn group<'r>(&'r self, index: usize, subject: &'r Subject<'r>) -> Grouped<'r> {
        let Some(policy) = self.policies.get(index) else { return Grouped::default() };
        let mut values: Vec<_> = policy.group_by.iter().map(|path| self.first_text(path, subject)).collect();
        let mut undecided = false;
        if policy.legs.len() > 1 {
            let judge = Judge { matcher: self, subject, answers: None };
            let legs: Vec<Truth> = policy.legs.iter().map(|leg| judge.decide(leg)).collect();
            undecided = legs.contains(&Truth::Unknown);
            let true_ones = legs.iter().enumerate().filter(|(_, truth)| **truth == Truth::True).map(|(leg, _)| leg);
            values.push(Some(Cow::Owned(legs_text(true_ones))));
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

    fn first_text<'r>(&'r self, path: &Path, subject: &'r Subject<'r>) -> Option<Cow<'r, str>> {
        let mut first = None;
        path.visit(Scope::Record(subject), &self.accounts, &mut |leaf| {
            first = leaf_text(leaf);
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
    /// Every policy that takes records of this kind, with its whole condition.
    fn each(&self, one: &mut dyn FnMut(u32, &CompiledPolicy)) {
        let numbered = (0_u32..).zip(&self.matcher.policies);
        numbered.filter(|(_, policy)| policy.takes(self.subject.kind)).for_each(|(number, policy)| one(number, policy));
    }

    /// The policies that source and name leave open and whose guard is not false, in index order, with what is left to ask.
    fn open(
        &self,
        open: &Open,
        (index, remembered): (&Index, &mut Remembered),
        admitted: &mut Vec<u32>,
        one: &mut impl FnMut(u32, &Expression),
    ) {
        self.admit(open, index, remembered, admitted);
        let mut guarded = admitted.iter().filter_map(|&policy| Some((policy, open.guarded_policy(policy)?))).peekable();
        for (number, left) in &open.always {
            while let Some((policy, left)) = guarded.next_if(|(policy, _)| policy < number) {
                one(policy, left);
            }
            one(*number, left);
        }
        guarded.for_each(|(policy, left)| one(policy, left));
    }

    /// Lists the policies whose guard is not false, ascending.
    fn admit(&self, open: &Open, index: &Index, remembered: &mut Remembered, admitted: &mut Vec<u32>) {
        admitted.clear();
        for (item, policies) in open.guards.iter().filter_map(|&guard| index.guarded().get(guard)) {
            if self.item_at(*item) != Truth::False {
                admitted.extend_from_slice(policies);
            }
        }
        for (number, guards) in open.fields.iter().filter_map(|&field| Some((field, index.by_field().get(field)?))) {
            let ask = || Admitted::of(guards, |item| self.item_at(item));
            match self.subject.facts.only(guards.field) {
                Ok(value) => {
                    let known = remembered.admitted(number, value, ask);
                    known.answers.iter().for_each(|(item, truth)| self.note(*item, *truth));
                    admitted.extend_from_slice(&known.policies);
                }
                // More than one value is looked at then.
                Err(Doubled) => admitted.extend_from_slice(&ask().policies),
            }
        }
        admitted.sort_unstable();
    }

    fn decide(&self, condition: &Expression) -> Truth {
        condition.decide(&|item| self.item_at(item), &|word| field::keyword(word, Scope::Record(self.subject)))
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
        let kept = policy.correlation.as_ref().map_or(&policy.group_by, |correlation| &correlation.fields);
        let selections = &policy.detection.selections;
        let legs = policy.correlation.iter().flat_map(|correlation| &correlation.legs);
        CompiledPolicy {
            detection: Expression::of(&policy.detection.condition, selections, items),
            population: policy.own_population().map(|selection| Expression::of_selection(selection, items)),
            categories: policy.needs.categories.clone(),
            group_by: kept.iter().map(Path::new).collect(),
            legs: legs.map(|leg| Expression::of(&leg.condition, selections, items)).collect(),
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
