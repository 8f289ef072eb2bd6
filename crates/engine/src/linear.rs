//! The slow, obvious evaluator: the twin of [`crate::matcher`].
//!
//! It interprets a policy as written, one record at a time, without an index, a compiled form or a tape. The two share
//! nothing below the policy, and a property test holds them together; where they disagree, one of them is wrong. Because
//! it goes through every value it also says which ones made a policy match, for the report.

mod field;
mod tree;
mod value;
pub mod windows;

use field::{Reached, Start, reach};
use tree::Json;
use value::{Asked, References, holds_keyword, texts};

use crate::policy::{Category, Condition, FieldPath, Item, Literal, Modifier, Policy, Selection, Truth};
use crate::record::AccountList;

/// How many characters of a value are shown.
const MAX_SHOWN: usize = 512;

/// Why a text could not be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinearError {
    /// Not one JSON value.
    #[error("the record is not JSON: {expected} expected at character {at}")]
    NotJson {
        /// What should stand there.
        expected: String,
        /// How many characters stand before it.
        at: usize,
    },
    /// Arrays or objects nest too deep.
    #[error("the record is nested deeper than {limit} levels")]
    TooDeep {
        /// The deepest nesting that is read.
        limit: usize,
    },
    /// No category, event source or event name.
    #[error("the record has no event category, source or name, so it is no CloudTrail record")]
    NoRecord,
}

/// A record that has been read.
#[derive(Clone, Debug)]
pub struct Record {
    root: Json,
    kind: Kind,
}

/// The kinds of records that policies tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Management,
    Data,
    NetworkActivity,
    Insight,
    Aggregated,
}

/// What a policy says of a record, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Whether it matches.
    pub truth: Truth,
    /// If it matches: the selections that are true and that the condition does not negate, in the order written.
    pub matched: Vec<MatchedSelection>,
}

/// A selection that is true, and what made it so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedSelection {
    /// Name of the selection.
    pub selection: String,
    /// One entry per item; one per value where all values must be met.
    pub fields: Vec<MatchedField>,
}

/// A value of the record and the pattern that it met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedField {
    /// Field and modifiers as written, or `(any field)` for a keyword.
    pub field: String,
    /// What the record holds, as text, at most 512 characters; `(absent)` if it has no such field, `(omitted)` if AWS
    /// left its content out.
    pub value: String,
    /// The policy's value as written. Several that were all not met (`neq`) are joined by ` | `.
    pub pattern: String,
}

/// Reads a record and puts it to a policy.
///
/// # Errors
/// The text is not JSON, nests too deep or is no CloudTrail record.
pub fn judge(policy: &Policy, record: &str, accounts: &AccountList) -> Result<Judgement, LinearError> {
    Ok(Record::read(record)?.judge(policy, accounts))
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// The text is not JSON, nests too deep or is no CloudTrail record.
    pub fn read(text: &str) -> Result<Record, LinearError> {
        let root = Json::read(text)?;
        let kind = kind(&root).ok_or(LinearError::NoRecord)?;
        Ok(Record { root, kind })
    }

    /// What the policy says of the record. False if it is not put to records of this kind.
    pub fn judge(&self, policy: &Policy, accounts: &AccountList) -> Judgement {
        let truth =
            if self.is_for(policy) { self.condition(policy, &policy.detection.condition, accounts) } else { Truth::False };
        let mut matched = Vec::new();
        if truth == Truth::True {
            let mut wanted = vec![false; policy.detection.selections.len()];
            mentioned(&policy.detection.condition, true, &mut wanted);
            for ((name, selection), _) in policy.detection.selections.iter().zip(wanted).filter(|(_, wanted)| *wanted) {
                if self.select(selection, accounts) == Truth::True {
                    matched.push(MatchedSelection { selection: name.clone(), fields: self.reasons(selection, accounts) });
                }
            }
        }
        Judgement { truth, matched }
    }

    /// The first value of a field as text; `None` if it has none.
    pub fn first(&self, field: &FieldPath, accounts: &AccountList) -> Option<String> {
        reach(field, Start::Top(self, accounts)).leaves.iter().find_map(|leaf| texts(leaf).into_iter().next())
    }

    /// What each rule of a correlation says of the record; empty if the policy is none.
    pub fn legs(&self, policy: &Policy, accounts: &AccountList) -> Vec<Truth> {
        let legs = policy.correlation.iter().flat_map(|correlation| &correlation.legs);
        let of_one = |condition| if self.is_for(policy) { self.condition(policy, condition, accounts) } else { Truth::False };
        legs.map(|leg| of_one(&leg.condition)).collect()
    }

    /// Whether the record belongs to the population that the policy names; `None` if it names none, so that its
    /// population is told by event sources alone.
    pub fn population(&self, policy: &Policy, accounts: &AccountList) -> Option<Truth> {
        let selection = policy.own_population()?;
        Some(if self.is_for(policy) { self.select(selection, accounts) } else { Truth::False })
    }

    /// Whether one selection is true of the record, whatever the record's kind.
    pub fn select(&self, selection: &Selection, accounts: &AccountList) -> Truth {
        match selection {
            Selection::All(items) => all(items.iter().map(|item| item_met(item, Start::Top(self, accounts)))),
            Selection::Any(parts) => any(parts.iter().map(|part| self.select(part, accounts))),
            Selection::Keywords { words, all: false } => any(words.iter().map(|word| self.keyword(word))),
            Selection::Keywords { words, all: true } => all(words.iter().map(|word| self.keyword(word))),
        }
    }

    /// Management and data events have one shape, and one detection may look at both.
    fn is_for(&self, policy: &Policy) -> bool {
        let needs = |category| policy.needs.categories.contains(&category);
        match self.kind {
            Kind::Management | Kind::Data => needs(Category::Management) || needs(Category::Data),
            Kind::NetworkActivity => needs(Category::NetworkActivity),
            Kind::Insight => needs(Category::Insight),
            Kind::Aggregated => false,
        }
    }

    fn condition(&self, policy: &Policy, condition: &Condition, accounts: &AccountList) -> Truth {
        match condition {
            Condition::Selection(index) => {
                let selection = policy.detection.selections.get(*index);
                selection.map_or(Truth::False, |(_, selection)| self.select(selection, accounts))
            }
            Condition::Not(inner) => self.condition(policy, inner, accounts).negate(),
            Condition::And(parts) => all(parts.iter().map(|part| self.condition(policy, part, accounts))),
            Condition::Or(parts) => any(parts.iter().map(|part| self.condition(policy, part, accounts))),
        }
    }

    fn keyword(&self, word: &Literal) -> Truth {
        let mut values = Vec::new();
        scalars(&self.root, &mut values);
        if values.iter().any(|text| holds_keyword(text, word)) {
            return Truth::True;
        }
        let Json::Object(entries) = &self.root else { return Truth::False };
        if entries.iter().any(|(_, value)| value.is_omitted()) { Truth::Unknown } else { Truth::False }
    }

    /// What made a selection true.
    fn reasons(&self, selection: &Selection, accounts: &AccountList) -> Vec<MatchedField> {
        match selection {
            Selection::All(items) => items.iter().flat_map(|item| item_reasons(item, Start::Top(self, accounts))).collect(),
            Selection::Any(parts) => {
                let first = parts.iter().find(|part| self.select(part, accounts) == Truth::True);
                first.map(|part| self.reasons(part, accounts)).unwrap_or_default()
            }
            Selection::Keywords { words, all } => {
                let mut values = Vec::new();
                scalars(&self.root, &mut values);
                let reason = |word: &Literal| {
                    let value = values.iter().find(|text| holds_keyword(text, word))?;
                    Some(MatchedField { field: "(any field)".to_owned(), value: cut(value), pattern: word.written() })
                };
                words.iter().filter_map(reason).take(if *all { usize::MAX } else { 1 }).collect()
            }
        }
    }
}

fn all(mut truths: impl Iterator<Item = Truth>) -> Truth {
    let mut unknown = false;
    let refuted = truths.any(|truth| {
        unknown = unknown || truth == Truth::Unknown;
        truth == Truth::False
    });
    match (refuted, unknown) {
        (true, _) => Truth::False,
        (false, true) => Truth::Unknown,
        (false, false) => Truth::True,
    }
}

fn any(truths: impl Iterator<Item = Truth>) -> Truth {
    all(truths.map(Truth::negate)).negate()
}

/// The kind of a record, by its category; where older records have none, by their type and their mark for management.
fn kind(root: &Json) -> Option<Kind> {
    let string = |key: &str| {
        root.members(key).into_iter().find_map(|value| if let Json::String(text) = value { Some(text.as_str()) } else { None })
    };
    let category = string("eventCategory").unwrap_or_default();
    let by_type = match string("eventType").unwrap_or_default() {
        _ if !category.is_empty() => None,
        "AwsVpceEvent" | "AwsVpceEvents" => Some(Kind::NetworkActivity),
        "AwsCloudTrailInsight" => Some(Kind::Insight),
        "AwsAggregatedEvent" => Some(Kind::Aggregated),
        _ => None,
    };
    let by_category = match category {
        "Management" => Some(Kind::Management),
        "Data" => Some(Kind::Data),
        "NetworkActivity" => Some(Kind::NetworkActivity),
        "Insight" => Some(Kind::Insight),
        "Aggregated" => Some(Kind::Aggregated),
        _ => None,
    };
    if let Some(kind) = by_category.or(by_type) {
        return Some(kind);
    }
    string("eventSource").or(string("eventName"))?;
    let management = root.first("managementEvent").and_then(Json::scalar);
    Some(if management.as_deref() == Some("false") { Kind::Data } else { Kind::Management })
}

/// Marks the selections that stand under an even number of `not`.
fn mentioned(condition: &Condition, positive: bool, wanted: &mut [bool]) {
    match condition {
        Condition::Selection(index) => {
            if let Some(mark) = wanted.get_mut(*index) {
                *mark = *mark || positive;
            }
        }
        Condition::Not(inner) => mentioned(inner, !positive, wanted),
        Condition::And(parts) | Condition::Or(parts) => parts.iter().for_each(|part| mentioned(part, positive, wanted)),
    }
}

/// The texts of all scalars below a value, keys left out.
fn scalars(value: &Json, out: &mut Vec<String>) {
    match value {
        Json::Array(items) => items.iter().for_each(|item| scalars(item, out)),
        Json::Object(entries) => entries.iter().for_each(|(_, item)| scalars(item, out)),
        scalar => out.extend(scalar.scalar()),
    }
}

fn item_met(item: &Item, start: Start<'_>) -> Truth {
    let each = item.values.iter().map(|literal| value_met(item, literal, start));
    let truth = if item.has(Modifier::All) { all(each) } else { any(each) };
    if item.has(Modifier::Neq) { truth.negate() } else { truth }
}

/// Whether the field holds one value of an item.
fn value_met(item: &Item, literal: &Literal, start: Start<'_>) -> Truth {
    let reached = reach(&item.field, start);
    if item.has(Modifier::Exists) {
        return exists(literal, &reached);
    }
    if item.has(Modifier::FieldRef) {
        return reference_met(item, literal, &reached, start);
    }
    match literal {
        Literal::Null => is_null(&reached),
        Literal::Map(inner) => any(reached.leaves.iter().map(|leaf| element_met(leaf, inner))).or(unknown_if(reached.unknown)),
        _ => {
            let asked = Asked::new(literal, item);
            Truth::from(reached.leaves.iter().any(|leaf| asked.of(leaf))).or(unknown_if(reached.unknown))
        }
    }
}

fn element_met(element: &Json, inner: &[Item]) -> Truth {
    match element {
        Json::Object(_) => all(inner.iter().map(|item| item_met(item, Start::Element(element)))),
        _ => Truth::False,
    }
}

fn exists(wanted: &Literal, reached: &Reached) -> Truth {
    let there = Truth::from(reached.present).or(unknown_if(reached.unknown));
    if *wanted == Literal::Bool(true) { there } else { there.negate() }
}

fn is_null(reached: &Reached) -> Truth {
    if reached.leaves.contains(&Json::Null) {
        Truth::True
    } else if reached.present {
        Truth::False
    } else if reached.unknown {
        Truth::Unknown
    } else {
        Truth::True
    }
}

/// Compares the scalars of a field with those of the field that the literal names, any with any. If one of the two was
/// left out by AWS it cannot be told, unless this field is known to hold no scalar.
fn reference_met(item: &Item, literal: &Literal, reached: &Reached, start: Start<'_>) -> Truth {
    let other = reach(&FieldPath::new(&literal.written()), start);
    let references = References::new(other.leaves.iter().filter_map(Json::scalar), item);
    let here: Vec<String> = reached.leaves.iter().filter_map(Json::scalar).collect();
    let met = here.iter().any(|text| references.meet(text));
    Truth::from(met).or(unknown_if(reached.unknown)).or(unknown_if(other.unknown && !here.is_empty()))
}

fn unknown_if(unknown: bool) -> Truth {
    if unknown { Truth::Unknown } else { Truth::False }
}

/// What made an item true.
fn item_reasons(item: &Item, start: Start<'_>) -> Vec<MatchedField> {
    let field = item.written();
    let reached = reach(&item.field, start);
    let met = |literal: &&Literal| value_met(item, literal, start) == Truth::True;
    let reason = |literal: &Literal| {
        let value = shown(item, literal, &reached, start);
        MatchedField { field: field.clone(), value, pattern: literal.written() }
    };
    match (item.has(Modifier::Neq), item.has(Modifier::All)) {
        (false, false) => item.values.iter().find(met).map(reason).into_iter().collect(),
        (false, true) => item.values.iter().map(reason).collect(),
        // Nothing was met, so all that can be shown is what stands there instead.
        (true, _) => {
            let patterns: Vec<String> = item.values.iter().map(Literal::written).collect();
            vec![MatchedField { field, value: first_shown(&reached), pattern: patterns.join(" | ") }]
        }
    }
}

/// The leaf that meets the literal.
fn shown(item: &Item, literal: &Literal, reached: &Reached, start: Start<'_>) -> String {
    let leaves = &reached.leaves;
    let first = match literal {
        Literal::Null => leaves.iter().find(|leaf| **leaf == Json::Null),
        _ if item.has(Modifier::Exists) => leaves.first(),
        _ if item.has(Modifier::FieldRef) => {
            let other = reach(&FieldPath::new(&literal.written()), start);
            let references = References::new(other.leaves.iter().filter_map(Json::scalar), item);
            leaves.iter().find(|leaf| leaf.scalar().is_some_and(|text| references.meet(&text)))
        }
        Literal::Map(inner) => leaves.iter().find(|leaf| element_met(leaf, inner) == Truth::True),
        _ => {
            let asked = Asked::new(literal, item);
            leaves.iter().find(|leaf| asked.of(leaf))
        }
    };
    first.map_or_else(|| first_shown(reached), leaf_shown)
}

fn first_shown(reached: &Reached) -> String {
    match reached.leaves.first() {
        Some(leaf) => leaf_shown(leaf),
        None if reached.unknown => "(omitted)".to_owned(),
        None if reached.present => "[]".to_owned(),
        None => "(absent)".to_owned(),
    }
}

fn leaf_shown(leaf: &Json) -> String {
    texts(leaf).first().map_or_else(|| "null".to_owned(), |text| cut(text))
}

fn cut(text: &str) -> String {
    if text.chars().count() <= MAX_SHOWN {
        return text.to_owned();
    }
    text.chars().take(MAX_SHOWN - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(detection: &str) -> Policy {
        let source = format!(
            "{{id: a-b, title: T, level: low, logsource: {{product: aws, service: cloudtrail}}, detection: {detection}}}"
        );
        let mut loaded = crate::policy::load([("f", source.as_str())]);
        assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
        loaded.policies.remove(0)
    }

    fn truth(detection: &str, fields: &str) -> Truth {
        judge(&policy(detection), &format!(r#"{{"eventName":"E"{fields}}}"#), &AccountList::new()).unwrap().truth
    }

    #[test]
    fn the_semantics_in_a_table() {
        use Truth::{False, True, Unknown};
        const CUT: &str = r#","requestParameters":{"omitted":true,"originalSize":1}"#;
        for (item, fields, expected) in [
            ("requestParameters.a: null", "", True),
            ("requestParameters.a: null", r#","requestParameters":{"a":[]}"#, False),
            ("requestParameters.a: null", r#","requestParameters":{"a":[1,null]}"#, True),
            ("requestParameters.a: null", CUT, Unknown),
            ("requestParameters: null", CUT, False),
            ("requestParameters|exists: true", CUT, True),
            ("requestParameters.a|exists: false", CUT, Unknown),
            ("requestParameters.a|neq: x", CUT, Unknown),
            ("requestParameters.a|neq: x", "", True),
            ("requestParameters.a: x", r#","requestParameters":{"omitted":"true"}"#, False),
            ("requestParameters.a: 22", r#","requestParameters":{"a":[[2.2e1]]}"#, True),
            ("requestParameters.a: 22", r#","requestParameters":{"a":"22.0"}"#, False),
            ("requestParameters.a: 22", r#","requestParameters":{"a":1,"a":"22"}"#, True),
            ("requestParameters|contains: '\"a\":1'", r#","requestParameters":{ "a" : 1 }"#, True),
            ("requestParameters|contains: '{\"b\":1}'", r#","requestParameters":{"a":"{\"b\":1}"}"#, True),
            ("requestParameters.p: {a: 1, b: 2}", r#","requestParameters":{"p":[{"a":1},{"b":2}]}"#, False),
            ("requestParameters.p: {a: 1, b: 2}", r#","requestParameters":{"p":[{"a":1},{"b":2,"a":1}]}"#, True),
            ("eventName|fieldref|startswith: requestParameters.a", r#","requestParameters":{"a":["x","e"]}"#, True),
            ("eventName|fieldref: requestParameters.a", CUT, Unknown),
            ("requestParameters.a|fieldref: requestParameters.b", "", False),
            ("requestParameters.a|contains|all: [x, y]", r#","requestParameters":{"a":["x","y"]}"#, True),
            ("requestParameters.a|contains|all: [x, y]", r#","requestParameters":{"a":["x","x"]}"#, False),
            ("outcome: denied", r#","errorCode":"Client.UnauthorizedOperation""#, True),
            ("outcome: success", r#","outcome":"failed""#, True),
        ] {
            assert_eq!(truth(&format!("{{s: {{{item}}}, condition: s}}"), fields), expected, "{item} on {fields}");
        }
        assert_eq!(truth("{s: ['e*x'], condition: s}", CUT), Unknown);
        assert_eq!(truth("{s: [e], condition: not s}", CUT), False);
    }

    #[test]
    fn texts_that_are_no_records_are_refused() {
        let wrong = |text: &str| judge(&policy("{s: [x], condition: s}"), text, &AccountList::new()).unwrap_err();
        assert_eq!(wrong(r#"{"a":1}"#), LinearError::NoRecord);
        assert_eq!(wrong("{"), LinearError::NotJson { expected: "`\"`".to_owned(), at: 1 });
    }

    #[test]
    fn a_match_says_what_made_it() {
        let policy = policy(
            "{s: {eventName: [A, E*], errorCode: null, requestParameters.p: {a|gt: 1}, awsRegion|neq: [x, y]}, \
             f: {eventName: E}, k: [[zz, long], {via: cli}], condition: s and not (not 1 of k or not not not f)}",
        );
        let long = "long".repeat(200);
        let record = format!(r#"{{"eventName":"E","requestParameters":{{"p":[{{"a":1}},{{"a": 2}}],"q":"{long}"}}}}"#);
        let judgement = judge(&policy, &record, &AccountList::new()).unwrap();
        let shown: Vec<String> = judgement
            .matched
            .iter()
            .flat_map(|matched| {
                let line =
                    |field: &MatchedField| format!("{} {} = {} ~ {}", matched.selection, field.field, field.value, field.pattern);
                matched.fields.iter().map(line).collect::<Vec<_>>()
            })
            .collect();
        let cut = format!("{}lon…", "long".repeat(127));
        assert_eq!(
            shown,
            [
                "s eventName = E ~ E*".to_owned(),
                "s errorCode = (absent) ~ null".to_owned(),
                "s requestParameters.p = {\"a\":2} ~ {a|gt: 1}".to_owned(),
                "s awsRegion|neq = (absent) ~ x | y".to_owned(),
                "f eventName = E ~ E".to_owned(),
                format!("k (any field) = {cut} ~ long"),
            ]
        );
    }
}
