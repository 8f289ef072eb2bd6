//! Reads the `detection` of a policy: selections, items, modifiers and values.
//!
//! Sigma specification 2.1, section "Detection" and its appendix on modifiers. What a modifier cannot do with a value
//! is found here, before anything runs.

use std::cell::RefCell;
use std::collections::HashMap;

use super::legacy::{self, Aggregation};
use super::{Detection, FieldPath, Item, Literal, Modifier, Selection, condition, values};
use crate::diagnostic::{Report, Span, closest};
use crate::record::Derived;
use crate::yaml::{Node, Yaml};

/// Top-level fields of CloudTrail records (AWS CloudTrail user guide, "record contents", up to event version 1.11), and ours.
const RECORD_FIELDS: [&str; 37] = [
    "account",
    "additionalEventData",
    "addendum",
    "apiVersion",
    "awsRegion",
    "calendar",
    "caller",
    "edgeDeviceDetails",
    "errorCode",
    "errorMessage",
    "eventCategory",
    "eventContext",
    "eventID",
    "eventName",
    "eventSource",
    "eventTime",
    "eventType",
    "eventVersion",
    "insightDetails",
    "managementEvent",
    "outcome",
    "readOnly",
    "recipientAccountId",
    "requestID",
    "requestParameters",
    "resources",
    "responseElements",
    "serviceEventDetails",
    "sessionCredentialFromConsole",
    "sharedEventID",
    "sourceIPAddress",
    "tlsDetails",
    "userAgent",
    "userIdentity",
    "via",
    "vpcEndpointAccountId",
    "vpcEndpointId",
];

/// Reads `detection`, and what its condition makes of several matches; mistakes go to the report. `population` is a selection
/// that the policy uses outside the condition.
pub(super) fn read_whole(
    node: &Node,
    population: Option<&str>,
    report: &mut Report<'_>,
) -> Option<(Detection, Option<Aggregation>)> {
    let Yaml::Map(entries) = &node.value else {
        report.error(node.span, "wrong-type", format!("`detection` must be a map, this is {}", node.kind()));
        return None;
    };
    let mut selections = Vec::new();
    let mut spans = Vec::new();
    let mut complete = true;
    for (key, value) in entries {
        let Some(name) = key.text().filter(|name| !["condition", "timeframe"].contains(name)) else { continue };
        let read = selection(value, report);
        complete &= read.is_some();
        // The name of a selection with a mistake stays known, so that the condition is not blamed for it.
        selections.push((name.to_owned(), read.unwrap_or(Selection::Any(Vec::new()))));
        spans.push(key.span);
    }
    let names: Vec<&str> = selections.iter().map(|(name, _)| name.as_str()).collect();
    let mut used: Vec<bool> = names.iter().map(|name| population == Some(name)).collect();
    let (condition, aggregation) = conditions(node, &names, &mut used, report)?;
    for ((name, span), _) in names.iter().zip(spans).zip(&used).filter(|(_, used)| !**used) {
        report.warning(span, "unused-selection", format!("the condition does not use `{name}`"));
    }
    complete.then_some((Detection { selections, condition }, aggregation))
}

fn conditions(
    node: &Node,
    names: &[&str],
    used: &mut [bool],
    report: &mut Report<'_>,
) -> Option<(super::Condition, Option<Aggregation>)> {
    let Some(value) = node.get("condition") else {
        report.error(node.span, "missing-key", "`condition` is missing").hint("for example `condition: selection`");
        return None;
    };
    match &value.value {
        Yaml::Scalar { .. } if !value.is_null() => legacy::condition(node, value, names, used, report),
        // The conditions of a list are alternatives.
        Yaml::List(items) if !items.is_empty() => {
            let parsed: Vec<_> = items.iter().map(|item| condition::parse(item, names, used, report)).collect();
            parsed.into_iter().collect::<Option<Vec<_>>>().map(|parts| (super::Condition::Or(parts), None))
        }
        _ => {
            report.error(value.span, "wrong-type", format!("`condition` must be a text, this is {}", value.kind()));
            None
        }
    }
}

/// Reads one selection: a map, a list of maps, or a list of keywords.
pub(crate) fn selection(node: &Node, report: &mut Report<'_>) -> Option<Selection> {
    match &node.value {
        Yaml::Map(entries) => map(node, entries, report),
        Yaml::List(items) if items.is_empty() => {
            report.error(node.span, "empty-selection", "an empty list can never match");
            None
        }
        Yaml::List(items) if items.iter().all(|item| matches!(item.value, Yaml::Scalar { .. })) => keywords(items, false, report),
        Yaml::List(items) => {
            let parsed: Vec<_> = items
                .iter()
                .map(|item| match &item.value {
                    Yaml::Scalar { .. } => keywords(std::slice::from_ref(item), false, report),
                    _ => selection(item, report),
                })
                .collect();
            parsed.into_iter().collect::<Option<Vec<_>>>().map(Selection::Any)
        }
        Yaml::Scalar { .. } => {
            report
                .error(node.span, "wrong-type", format!("a selection must be a map or a list, this is {}", node.kind()))
                .hint("write `field: value` under its name");
            None
        }
    }
}

fn map(node: &Node, entries: &[(Node, Node)], report: &mut Report<'_>) -> Option<Selection> {
    if entries.is_empty() {
        report.error(node.span, "empty-selection", "an empty map would match every record");
        return None;
    }
    if let [(key, value)] = entries
        && key.text() == Some("|all")
        && let Yaml::List(items) = &value.value
    {
        return keywords(items, true, report);
    }
    let parsed: Vec<_> = entries.iter().map(|(key, value)| item(key, value, true, report)).collect();
    parsed.into_iter().collect::<Option<Vec<_>>>().map(Selection::All)
}

fn keywords(items: &[Node], all: bool, report: &mut Report<'_>) -> Option<Selection> {
    let mut words = Vec::new();
    for item in items {
        match values::literal(item) {
            Some(word @ (Literal::Text(_) | Literal::Number(_) | Literal::Bool(_))) => words.push(word),
            _ => {
                report.error(item.span, "wrong-type", format!("a keyword must be a text, this is {}", item.kind()));
                return None;
            }
        }
    }
    Some(Selection::Keywords { words, all })
}

/// Reads `field|modifiers: values`. `top` tells that the field is at the top of the record.
fn item(key: &Node, value: &Node, top: bool, report: &mut Report<'_>) -> Option<Item> {
    let (field, modifiers) = key.text().unwrap_or_default().split_once('|').unwrap_or((key.text()?, ""));
    if field.is_empty() {
        report.error(key.span, "empty-field", "a field name is missing before `|`");
        return None;
    }
    let field = FieldPath::new(field);
    if top {
        check_field(&field, key.span, report);
    }
    let modifiers = read_modifiers(modifiers, key.span, report)?;
    let nodes = match &value.value {
        Yaml::List(items) if items.is_empty() => {
            report.error(value.span, "empty-list", "an empty list can never match").hint("`null` means a missing field");
            return None;
        }
        Yaml::List(items) => items.iter().collect(),
        _ => vec![value],
    };
    if modifiers.contains(&Modifier::All) && nodes.len() == 1 {
        report.warning(key.span, "all-of-one", "`all` does nothing with a single value");
    }
    let mut literals = Vec::new();
    for node in nodes {
        literals.push(literal(node, &modifiers, report)?);
    }
    Some(Item { field, modifiers, values: literals, span: key.span })
}

/// Keys of ours below which the derived fields stand.
const DERIVED_KEYS: [&str; 3] = ["account", "calendar", "caller"];

/// Warns of a top-level field that no record has, and of a derived field that there is not.
pub(crate) fn check_field(field: &FieldPath, span: Span, report: &mut Report<'_>) {
    if field.keys.first().is_some_and(|first| DERIVED_KEYS.contains(&first.as_str())) && Derived::of(&field.keys).is_none() {
        let message = format!("`{}` is not among the fields that Assize derives", field.written);
        report.warning(span, "unknown-field", message).hint("section 7 of docs/policy-language.md lists them");
        return;
    }
    let Some(first) = field.keys.first().filter(|first| !RECORD_FIELDS.contains(&first.as_str())) else { return };
    let found = report.warning(span, "unknown-field", format!("CloudTrail records have no field `{first}`"));
    if let Some(meant) = closest(first, &RECORD_FIELDS) {
        found.hint(format!("did you mean `{meant}`? Upper and lower case matter in field names"));
    }
}

fn read_modifiers(text: &str, span: Span, report: &mut Report<'_>) -> Option<Vec<Modifier>> {
    let mut modifiers = Vec::new();
    for name in text.split('|').filter(|_| !text.is_empty()) {
        match Modifier::from_name(name) {
            Some(modifier) => modifiers.push(modifier),
            None => {
                let known: Vec<&str> = Modifier::ALL.iter().map(|(_, name)| *name).collect();
                let found = report.error(span, "unknown-modifier", format!("there is no modifier `{name}`"));
                match closest(name, &known) {
                    Some(meant) => found.hint(format!("did you mean `{meant}`?")),
                    None => found.hint(format!("known are: {}", known.join(", "))),
                }
                return None;
            }
        }
    }
    check_combination(&modifiers, span, report).then_some(modifiers)
}

/// Refuses modifiers that contradict each other or stand without what they modify.
fn check_combination(modifiers: &[Modifier], span: Span, report: &mut Report<'_>) -> bool {
    use Modifier as M;
    let operators: Vec<M> = modifiers.iter().copied().filter(|modifier| is_operator(*modifier)).collect();
    let any = |wanted: &[M]| modifiers.iter().any(|modifier| wanted.contains(modifier));
    let with_text = [M::Contains, M::StartsWith, M::EndsWith];
    let fits = match operators.as_slice() {
        [] | [_] => true,
        [a, b] => {
            (*a == M::FieldRef && with_text.contains(b))
                || (*b == M::FieldRef && with_text.contains(a))
                || (a.is_time_part() && b.is_comparison())
        }
        _ => false,
    };
    let mut good = true;
    let mut refuse = |message: String| {
        report.error(span, "modifier-combination", message);
        good = false;
    };
    if !fits {
        let names: Vec<&str> = operators.iter().map(|modifier| modifier.name()).collect();
        refuse(format!("the modifiers {} cannot stand together", names.join(" and ")));
    }
    if any(&[M::IgnoreCase, M::MultiLine, M::DotAll]) && !any(&[M::Re]) {
        refuse("`i`, `m` and `s` belong to `re`: write `re|i`".to_owned());
    }
    let last = |wanted: &[M]| modifiers.iter().rposition(|modifier| wanted.contains(modifier));
    if last(&[M::Base64, M::Base64Offset]) < last(&[M::Utf16, M::Utf16Le, M::Utf16Be, M::Wide]) {
        refuse("the UTF-16 modifiers must be followed by `base64` or `base64offset`: log fields are text".to_owned());
    }
    let encoders = [M::WinDash, M::Base64, M::Base64Offset, M::Utf16, M::Utf16Le, M::Utf16Be, M::Wide];
    let only_plain =
        any(&[M::Re, M::Cidr, M::Exists, M::FieldRef]) || modifiers.iter().any(|m| m.is_comparison() || m.is_time_part());
    if any(&encoders) && only_plain {
        refuse("an encoding modifier works on texts and cannot stand with this one".to_owned());
    }
    if any(&[M::Expand]) && any(&[M::Exists, M::FieldRef]) {
        refuse("`expand` fills in values, and cannot stand with this one".to_owned());
    }
    if any(&[M::Exists]) && modifiers.len() > 1 {
        refuse("`exists` stands alone".to_owned());
    }
    good
}

fn is_operator(modifier: Modifier) -> bool {
    use Modifier as M;
    matches!(modifier, M::Contains | M::StartsWith | M::EndsWith | M::Exists | M::Re | M::Cidr | M::FieldRef)
        || modifier.is_comparison()
        || modifier.is_time_part()
}

/// Reads one value and checks that the modifiers can work on it.
fn literal(node: &Node, modifiers: &[Modifier], report: &mut Report<'_>) -> Option<Literal> {
    if let Yaml::Map(entries) = &node.value {
        if !modifiers.is_empty() {
            report
                .error(node.span, "modifier-combination", "a map as a value (same-element match) takes no modifiers")
                .hint("put the modifiers on the fields inside the map");
            return None;
        }
        if entries.is_empty() {
            report.error(node.span, "empty-selection", "an empty map would match every element");
            return None;
        }
        let items: Vec<_> = entries.iter().map(|(key, value)| item(key, value, false, report)).collect();
        return items.into_iter().collect::<Option<Vec<_>>>().map(Literal::Map);
    }
    let Some(literal) = values::literal(node) else {
        report.error(node.span, "wrong-type", "a list cannot stand inside a list of values");
        return None;
    };
    if modifiers.contains(&Modifier::FieldRef) {
        check_field(&FieldPath::new(&literal.written()), node.span, report);
    }
    match check_value(&literal, modifiers) {
        Ok(()) => Some(literal),
        Err((code, message)) => {
            report.error(node.span, code, message);
            None
        }
    }
}

/// Whether the modifiers can work on the value. What `expand` fills in is checked when it is known.
///
/// # Errors
/// A code and what is wrong.
pub(super) fn check_value(literal: &Literal, modifiers: &[Modifier]) -> Result<(), (&'static str, String)> {
    let has = |modifier| modifiers.contains(&modifier);
    let text = literal.written();
    if has(Modifier::Expand) {
        return match super::expand::placeholders(&text).is_empty() {
            false => Ok(()),
            true => Err(("wrong-value", "`expand` needs a placeholder such as `%allowed_networks%`".to_owned())),
        };
    }
    if has(Modifier::Exists) {
        return match literal {
            Literal::Bool(_) => Ok(()),
            _ => Err(("wrong-value", "`exists` takes `true` or `false`".to_owned())),
        };
    }
    if *literal == Literal::Null && !modifiers.iter().all(|m| matches!(m, Modifier::Neq | Modifier::Cased | Modifier::All)) {
        return Err(("wrong-value", "`null` takes no modifier but `neq`".to_owned()));
    }
    if has(Modifier::Re) {
        regex_from(&text, modifiers).map_err(|error| ("bad-regex", format!("the regular expression cannot be read: {error}")))?;
    }
    if has(Modifier::Cidr) {
        crate::cidr::Cidr::parse(&text).map_err(|why| ("bad-cidr", format!("`{text}` is not a network: {why}")))?;
    }
    if has(Modifier::WinDash) && crate::pattern::count_dashes(&text) > crate::pattern::MAX_DASHES {
        let most = crate::pattern::MAX_DASHES;
        return Err(("wrong-value", format!("`windash` exchanges at most {most} dashes in one value")));
    }
    // A single byte leaves no digit of its own at one of the offsets, and would be found in every text.
    if has(Modifier::Base64Offset) && crate::pattern::encodings(&text, modifiers).iter().any(|text| text.is_empty()) {
        return Err(("wrong-value", format!("`{text}` is too short for `base64offset`: it needs at least two bytes")));
    }
    let numeric = modifiers.iter().any(|modifier| modifier.is_comparison() || modifier.is_time_part());
    if numeric && !crate::number::is_number(&text) {
        return Err(("wrong-value", format!("`{text}` is not a number")));
    }
    Ok(())
}

/// Compiles the regular expression of a `re` item. The engine is linear in the text, so no pattern can stall a scan;
/// what it cannot do (look-around, back-references) is not in Sigma's flavour either.
///
/// The same expression with the same flags is made once a thread: policies share them, and one that was loaded is compiled next.
pub(crate) fn regex_from(text: &str, modifiers: &[Modifier]) -> Result<regex::Regex, String> {
    /// Most that are kept ready.
    const KEPT: usize = 1024;
    thread_local! {
        static MADE: RefCell<HashMap<(String, [bool; 3]), regex::Regex>> = RefCell::default();
    }
    let flags = [Modifier::IgnoreCase, Modifier::MultiLine, Modifier::DotAll].map(|modifier| modifiers.contains(&modifier));
    MADE.with_borrow_mut(|made| {
        let key = (text.to_owned(), flags);
        if let Some(known) = made.get(&key) {
            return Ok(known.clone());
        }
        let regex = make_regex(text, modifiers)?;
        if made.len() >= KEPT {
            made.clear();
        }
        made.insert(key, regex.clone());
        Ok(regex)
    })
}

fn make_regex(text: &str, modifiers: &[Modifier]) -> Result<regex::Regex, String> {
    regex::RegexBuilder::new(text)
        .case_insensitive(modifiers.contains(&Modifier::IgnoreCase))
        .multi_line(modifiers.contains(&Modifier::MultiLine))
        .dot_matches_new_line(modifiers.contains(&Modifier::DotAll))
        .size_limit(1 << 20)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(limit) => format!("it would need more than {limit} bytes of memory"),
            other => other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
        })
}

/// Reads a `detection` that counts nothing. For tests.
#[cfg(test)]
pub(crate) fn read(node: &Node, population: Option<&str>, report: &mut Report<'_>) -> Option<Detection> {
    read_whole(node, population, report).map(|(detection, _)| detection)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WARNINGS: [&str; 5] = ["unused-selection", "unknown-field", "all-of-one", "no-aggregation", "no-timeframe"];

    fn codes(detection: &str) -> Vec<&'static str> {
        let mut report = Report::new("f");
        let node = crate::yaml::parse(detection, &mut report).remove(0);
        let read = read(&node, None, &mut report);
        let codes: Vec<_> = report.finish().into_iter().map(|found| found.code).collect();
        assert_eq!(read.is_none(), codes.iter().any(|code| !WARNINGS.contains(code)), "{detection}");
        codes
    }

    #[test]
    fn good_detections_are_quiet() {
        for detection in [
            "{a: {eventName: x}, condition: a}",
            "{a: {eventName|contains|all: [x, y]}, condition: a}",
            "{a: {eventTime|hour|gte: 20}, condition: a}",
            "{a: {userAgent|utf16le|base64offset|contains: x}, condition: a}",
            "{a: {userIdentity.arn|fieldref|endswith: requestParameters.userName}, condition: a}",
            "{a: [one, two], b: {'|all': [x, y]}, condition: [a, b]}",
            "{a: {requestParameters.items: {p: 22, q|cidr: 10.0.0.0/8}}, condition: a}",
        ] {
            assert_eq!(codes(detection), [] as [&str; 0], "{detection}");
        }
    }

    #[test]
    fn each_mistake_has_its_code() {
        for (detection, code) in [
            ("{a: {eventName|startwith: x}, condition: a}", "unknown-modifier"),
            ("{a: {eventName|expand: x}, condition: a}", "wrong-value"),
            ("{a: {eventName|expand|exists: true}, condition: a}", "modifier-combination"),
            ("{a: {eventName|re: '(('}, condition: a}", "bad-regex"),
            ("{a: {sourceIPAddress|cidr: 10.0.0.0/33}, condition: a}", "bad-cidr"),
            ("{a: {eventName|gt: many}, condition: a}", "wrong-value"),
            ("{a: {eventName|base64offset|contains: x}, condition: a}", "wrong-value"),
            ("{a: {eventName|exists: maybe}, condition: a}", "wrong-value"),
            ("{a: {eventName|contains|re: x}, condition: a}", "modifier-combination"),
            ("{a: {eventName|wide: x}, condition: a}", "modifier-combination"),
            ("{a: {eventName|base64|wide: xyz}, condition: a}", "modifier-combination"),
            ("{a: {eventName|i: x}, condition: a}", "modifier-combination"),
            ("{a: {eventName|contains: {b: 1}}, condition: a}", "modifier-combination"),
            ("{a: {eventName: []}, condition: a}", "empty-list"),
            ("{a: {}, condition: a}", "empty-selection"),
            ("{a: {eventName: x}}", "missing-key"),
            ("{a: {eventName: x}, condition: [[a]]}", "wrong-type"),
            ("{a: {eventName|base64|wide: x}, condition: a}", "modifier-combination"),
            ("{a: {eventName|fieldref: eventname}, condition: a}", "unknown-field"),
            ("{a: {eventname: x}, condition: a}", "unknown-field"),
            ("{a: {calendar.workingtime: true}, condition: a}", "unknown-field"),
            ("{a: {eventName|fieldref: caller.id}, condition: a}", "unknown-field"),
            ("{a: {eventName: x}, b: {eventName: y}, condition: a}", "unused-selection"),
            ("{a: {eventName: x}, timeframe: 5m, condition: a}", "no-aggregation"),
            ("{a: {eventName: x}, condition: a | count() > 5}", "no-timeframe"),
            ("{a: {eventName: x}, timeframe: 5m, condition: a | max(x) > 5}", "condition"),
        ] {
            assert!(codes(detection).contains(&code), "{detection}: {:?}", codes(detection));
        }
    }
}
