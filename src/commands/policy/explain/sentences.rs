//! Detections as sentences: selections, items with their modifiers in words, and what `and`, `or` and `not` join.

use assize_engine::policy::{Condition, Detection, Item, Literal, Modifier, Selection};

/// A statement about a record, or several under one heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Clause {
    /// A sentence without a full stop.
    One(String),
    /// For example `all of these hold`, and what holds.
    Group {
        /// Without a colon.
        heading: String,
        /// At least one.
        parts: Vec<Clause>,
    },
}

/// A detection or selection in words.
#[derive(Debug)]
pub(super) struct Told {
    /// What it says.
    pub(super) clause: Clause,
    /// Whether a value in it has a wildcard.
    pub(super) wildcards: bool,
}

/// The longest list of items that stands in one sentence, characters.
const ONE_SENTENCE: usize = 110;

/// A detection in words. A selection that the condition names again is only referred to.
pub(super) fn detection(detection: &Detection) -> Told {
    let mut told = vec![false; detection.selections.len()];
    let clause = condition(&detection.condition, detection, &mut told);
    let wildcards = detection.selections.iter().any(|(_, selection)| has_wildcards(selection));
    Told { clause, wildcards }
}

/// A selection in words.
pub(super) fn selection(selection: &Selection) -> Told {
    Told { clause: of_selection(selection), wildcards: has_wildcards(selection) }
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn joined(mut texts: Vec<String>, word: &str) -> String {
    match (texts.pop(), texts.is_empty()) {
        (None, _) => String::new(),
        (Some(last), true) => last,
        (Some(last), false) => format!("{} {word} {last}", texts.join(", ")),
    }
}

fn condition(it: &Condition, detection: &Detection, told: &mut [bool]) -> Clause {
    match it {
        Condition::Selection(index) => {
            let Some((name, selection)) = detection.selections.get(*index) else { return Clause::One("nothing".to_owned()) };
            let again = told.get_mut(*index).is_some_and(|told| std::mem::replace(told, true));
            if again { Clause::One(format!("`{name}` holds, as above")) } else { named(of_selection(selection), name) }
        }
        Condition::Not(inner) => match inner.as_ref() {
            Condition::Or(parts) => group(["neither of these holds", "none of these holds"], clauses(parts, detection, told)),
            inner => negated(condition(inner, detection, told)),
        },
        Condition::And(parts) => all(clauses(parts, detection, told)),
        Condition::Or(parts) => any(clauses(parts, detection, told)),
    }
}

fn clauses(parts: &[Condition], detection: &Detection, told: &mut [bool]) -> Vec<Clause> {
    parts.iter().map(|part| condition(part, detection, told)).collect()
}

fn all(parts: Vec<Clause>) -> Clause {
    group(["both of these hold", "all of these hold"], parts)
}

fn any(parts: Vec<Clause>) -> Clause {
    group(["one of these two holds", "one of these holds"], parts)
}

/// Two headings: for two parts, and for more.
fn group([two, more]: [&str; 2], parts: Vec<Clause>) -> Clause {
    Clause::Group { heading: (if parts.len() == 2 { two } else { more }).to_owned(), parts }
}

fn negated(clause: Clause) -> Clause {
    match clause {
        Clause::One(sentence) => Clause::One(format!("it is not so that {sentence}")),
        Clause::Group { heading, parts } => Clause::Group { heading: format!("it is not so that {heading}"), parts },
    }
}

fn named(clause: Clause, name: &str) -> Clause {
    match clause {
        Clause::One(sentence) => Clause::One(format!("{sentence} ({name})")),
        Clause::Group { heading, parts } => Clause::Group { heading: format!("{heading} ({name})"), parts },
    }
}

fn of_selection(it: &Selection) -> Clause {
    match it {
        Selection::All(items) => of_items(items, all),
        Selection::Any(parts) if parts.len() == 1 => parts.first().map_or_else(|| any(Vec::new()), of_selection),
        Selection::Any(parts) => any(parts.iter().map(of_selection).collect()),
        Selection::Keywords { words, all } => Clause::One(keywords(words, *all)),
    }
}

/// Items that all hold: one sentence if they are short.
fn of_items(items: &[Item], group: fn(Vec<Clause>) -> Clause) -> Clause {
    let mut parts: Vec<Clause> = items.iter().map(item).collect();
    if parts.len() == 1
        && let Some(only) = parts.pop()
    {
        return only;
    }
    let sentences: Option<Vec<String>> = parts
        .iter()
        .map(|part| match part {
            Clause::One(sentence) => Some(sentence.clone()),
            Clause::Group { .. } => None,
        })
        .collect();
    match sentences.map(|sentences| joined(sentences, "and")) {
        Some(sentence) if sentence.chars().count() <= ONE_SENTENCE => Clause::One(sentence),
        _ => group(parts),
    }
}

fn keywords(words: &[Literal], all: bool) -> String {
    let shown: Vec<String> = words.iter().map(value).collect();
    match (shown.len(), all) {
        (1, _) => format!("some value of the record contains {}", shown.concat()),
        (_, true) => format!("each of {} stands in some value of the record", joined(shown, "and")),
        (_, false) => format!("some value of the record contains one of {}", joined(shown, "or")),
    }
}

fn item(it: &Item) -> Clause {
    if it.has(Modifier::Exists) {
        let there = it.values.first() != Some(&Literal::Bool(false));
        return Clause::One(format!("{} {}", it.field.written, if there { "is there" } else { "is not there" }));
    }
    let mut parts = Vec::new();
    for literal in &it.values {
        if let Literal::Map(items) = literal {
            let heading = format!("an element of {} has all of this", it.field.written);
            parts.push(match of_items(items, all) {
                Clause::One(sentence) => Clause::One(format!("in one element of {}: {sentence}", it.field.written)),
                Clause::Group { parts, .. } => Clause::Group { heading, parts },
            });
        }
    }
    let plain: Vec<&Literal> = it.values.iter().filter(|literal| !matches!(literal, Literal::Map(_))).collect();
    if !plain.is_empty() {
        parts.push(Clause::One(sentence(it, &plain)));
    }
    if parts.len() == 1
        && let Some(only) = parts.pop()
    {
        return only;
    }
    // With `all` every one of the maps must fit, each on any element.
    if it.has(Modifier::All) { all(parts) } else { any(parts) }
}

/// An item with values that are no maps.
fn sentence(it: &Item, values: &[&Literal]) -> String {
    let negative = it.has(Modifier::Neq);
    let every = it.has(Modifier::All) && values.len() > 1;
    let subject = subject(it);
    let null = values.iter().any(|literal| **literal == Literal::Null);
    let shown: Vec<String> = values.iter().filter(|literal| ***literal != Literal::Null).map(|literal| value(literal)).collect();
    let number = shown.len();
    let (verb, not) = verb(it);
    let mut parts = Vec::new();
    if null {
        parts.push(if negative && !every { "is there and not null" } else { "is missing or null" }.to_owned());
    }
    if number > 0 {
        parts.push(match (number, every, negative) {
            (1, _, true) if !every => format!("{not} {}", shown.concat()),
            (1, ..) => format!("{verb} {}", shown.concat()),
            (_, true, _) => format!("{verb} each of {}", joined(shown, "and")),
            (_, false, true) => format!("{not} any of {}", joined(shown, "or")),
            (_, false, false) => format!("{verb} one of {}", joined(shown, "or")),
        });
    }
    let word = if every || negative { " and " } else { " or " };
    let told = format!("{subject} {}{}", parts.join(word), notes(it));
    if every && negative { format!("it is not so that {told}") } else { told }
}

fn subject(it: &Item) -> String {
    let part = it.modifiers.iter().find(|modifier| modifier.is_time_part());
    match part {
        Some(part) => format!("the {} (UTC) of {}", part.name(), it.field.written),
        None => it.field.written.clone(),
    }
}

/// What is said of a value, and its opposite.
fn verb(it: &Item) -> (&'static str, &'static str) {
    use Modifier as M;
    if it.has(M::FieldRef) {
        return if it.has(M::Contains) {
            ("contains what stands in", "does not contain what stands in")
        } else if it.has(M::StartsWith) {
            ("begins with what stands in", "does not begin with what stands in")
        } else if it.has(M::EndsWith) {
            ("ends with what stands in", "does not end with what stands in")
        } else {
            ("equals what stands in", "does not equal what stands in")
        };
    }
    let verbs = [
        (M::Contains, ("contains", "does not contain")),
        (M::StartsWith, ("begins with", "does not begin with")),
        (M::EndsWith, ("ends with", "does not end with")),
        (M::Re, ("matches the regular expression", "does not match the regular expression")),
        (M::Cidr, ("is an address in", "is not an address in")),
        (M::Lt, ("is below", "is not below")),
        (M::Lte, ("is at most", "is not at most")),
        (M::Gt, ("is above", "is not above")),
        (M::Gte, ("is at least", "is not at least")),
    ];
    verbs.into_iter().find(|(modifier, _)| it.has(*modifier)).map_or(("is", "is not"), |(_, verbs)| verbs)
}

/// What else the modifiers say, in parentheses.
fn notes(it: &Item) -> String {
    let said = |modifier| match modifier {
        Modifier::Cased => Some("upper and lower case matter"),
        Modifier::IgnoreCase => Some("upper and lower case do not matter"),
        Modifier::MultiLine => Some("`^` and `$` also fit at line breaks"),
        Modifier::DotAll => Some("`.` also fits a line break"),
        Modifier::WinDash => Some("a dash that begins a word may be any dash or a slash"),
        Modifier::Base64 => Some("encoded as Base64"),
        Modifier::Base64Offset => Some("encoded as Base64, at any offset"),
        Modifier::Utf16Le | Modifier::Wide => Some("as UTF-16, little end first"),
        Modifier::Utf16Be => Some("as UTF-16, big end first"),
        Modifier::Utf16 => Some("as UTF-16 with a byte order mark"),
        _ => None,
    };
    let notes: Vec<&str> = it.modifiers.iter().filter_map(|modifier| said(*modifier)).collect();
    if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) }
}

/// Texts in quotes, everything else bare.
fn value(literal: &Literal) -> String {
    match literal {
        Literal::Text(text) => format!("\"{}\"", text.replace('"', "\\\"")),
        other => other.written(),
    }
}

fn has_wildcards(selection: &Selection) -> bool {
    match selection {
        Selection::All(items) => items.iter().any(item_has_wildcards),
        Selection::Any(parts) => parts.iter().any(has_wildcards),
        Selection::Keywords { words, .. } => words.iter().any(is_pattern),
    }
}

fn item_has_wildcards(it: &Item) -> bool {
    use Modifier as M;
    let literal = [M::Re, M::Cidr, M::FieldRef, M::Base64, M::Base64Offset].into_iter().any(|modifier| it.has(modifier));
    it.values.iter().any(|value| match value {
        Literal::Map(items) => items.iter().any(item_has_wildcards),
        other => !literal && is_pattern(other),
    })
}

fn is_pattern(literal: &Literal) -> bool {
    matches!(literal, Literal::Text(text) if text.replace("\\\\", "").replace("\\*", "").replace("\\?", "").contains(['*', '?']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(detection: &str) -> String {
        let head = "id: p\ntitle: P\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\n";
        let loaded = assize_engine::policy::load([("f", format!("{head}detection: {detection}\n").as_str())]);
        assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
        fn lines(clause: &Clause, depth: usize, out: &mut String) {
            let indent = "  ".repeat(depth);
            match clause {
                Clause::One(sentence) => out.extend([indent.as_str(), sentence, "\n"]),
                Clause::Group { heading, parts } => {
                    out.extend([indent.as_str(), heading, ":\n"]);
                    parts.iter().for_each(|part| lines(part, depth + 1, out));
                }
            }
        }
        let told = super::detection(&loaded.policies[0].detection);
        let mut out = String::new();
        lines(&told.clause, 0, &mut out);
        if told.wildcards {
            out.push_str("with wildcards\n");
        }
        out
    }

    #[test]
    fn every_modifier_has_its_words() {
        for (item, expected) in [
            ("eventName: X", r#"eventName is "X""#),
            ("eventName: [X, Y, Z]", r#"eventName is one of "X", "Y" or "Z""#),
            ("requestParameters.port: [22, true]", "requestParameters.port is one of 22 or true"),
            ("errorCode: null", "errorCode is missing or null"),
            ("errorCode: [null, X]", r#"errorCode is missing or null or is "X""#),
            ("errorCode|neq: null", "errorCode is there and not null"),
            ("errorCode|neq: [null, X]", r#"errorCode is there and not null and is not "X""#),
            ("errorCode|neq: [X, Y]", r#"errorCode is not any of "X" or "Y""#),
            ("errorCode|exists: true", "errorCode is there"),
            ("errorCode|exists: false", "errorCode is not there"),
            ("eventName|contains: a", r#"eventName contains "a""#),
            ("eventName|contains|all: [a, b]", r#"eventName contains each of "a" and "b""#),
            ("eventName|contains|all|neq: [a, b]", r#"it is not so that eventName contains each of "a" and "b""#),
            ("eventName|startswith: [a, b]", r#"eventName begins with one of "a" or "b""#),
            ("eventName|endswith|cased: a", r#"eventName ends with "a" (upper and lower case matter)"#),
            (
                "eventName|re|i|m|s: '^a'",
                "eventName matches the regular expression \"^a\" (upper and lower case do not matter, `^` and `$` also fit at line \
                 breaks, `.` also fits a line break)",
            ),
            ("sourceIPAddress|cidr|neq: 10.0.0.0/8", r#"sourceIPAddress is not an address in "10.0.0.0/8""#),
            ("requestParameters.n|lt: 3", "requestParameters.n is below 3"),
            ("requestParameters.n|lte: 3", "requestParameters.n is at most 3"),
            ("requestParameters.n|gt: 3", "requestParameters.n is above 3"),
            ("requestParameters.n|gte: 3", "requestParameters.n is at least 3"),
            ("eventTime|hour|gte: 20", "the hour (UTC) of eventTime is at least 20"),
            ("eventTime|week: 47", "the week (UTC) of eventTime is 47"),
            ("userAgent|fieldref: eventName", r#"userAgent equals what stands in "eventName""#),
            ("userAgent|fieldref|endswith|neq: eventName", r#"userAgent does not end with what stands in "eventName""#),
            (
                "userAgent|windash|contains: ' -a'",
                "userAgent contains \" -a\" (a dash that begins a word may be any dash or a slash)",
            ),
            (
                "userAgent|utf16le|base64offset|contains: abc",
                "userAgent contains \"abc\" (as UTF-16, little end first, encoded as Base64, at any offset)",
            ),
            ("userAgent: 'a\"b'", r#"userAgent is "a\"b""#),
        ] {
            assert_eq!(told(&format!("{{a: {{{item}}}, condition: a}}")), format!("{expected} (a)\n"), "{item}");
        }
    }

    #[test]
    fn conditions_nest_and_name_their_selections() {
        insta::assert_snapshot!(told(
            "{a: {eventSource: s, eventName: [X, Y]}, b: [{errorCode: 'Ac*'}, {errorCode: null}], c: [key, word], \
             d: {requestParameters.items: {p|lte: 22, q.cidr: 0.0.0.0/0}}, \
             condition: a and not (b or c) and (d or not a) and not b and not (c and d)}"
        ), @r#"
        all of these hold:
          eventSource is "s" and eventName is one of "X" or "Y" (a)
          neither of these holds:
            one of these two holds (b):
              errorCode is "Ac*"
              errorCode is missing or null
            some value of the record contains one of "key" or "word" (c)
          one of these two holds:
            in one element of requestParameters.items: p is at most 22 and q.cidr is "0.0.0.0/0" (d)
            it is not so that `a` holds, as above
          it is not so that `b` holds, as above
          it is not so that both of these hold:
            `c` holds, as above
            `d` holds, as above
        with wildcards
        "#);
    }

    #[test]
    fn wildcards_are_told_from_stars_that_stand_for_themselves() {
        for (value, pattern) in [("a*", true), ("a?", true), (r"a\*", false), (r"a\\*", true), (r"a\\\*", false), ("a", false)] {
            assert_eq!(is_pattern(&Literal::Text(value.to_owned())), pattern, "{value}");
        }
    }
}
