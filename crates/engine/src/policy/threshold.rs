//! `threshold`: the commonest correlation, written in the policy itself: N matches within T by some fields.

use super::correlation::{Bound, Correlation, Leg, Operator, Source, SourceOf, Window, WindowKind, timespan};
use super::{Condition, Detection, FieldPath, reader};
use crate::diagnostic::Report;
use crate::yaml::{Node, Yaml};

/// The keys of `threshold`.
pub(super) const KEYS: [&str; 5] = ["by", "count", "distinct", "sum", "within"];

/// Reads `threshold`. Without `by` the policy's `group_by` parts the matches.
pub(super) fn read(
    node: &Node,
    group_by: Option<&Node>,
    name: &str,
    detection: &Detection,
    report: &mut Report<'_>,
) -> Option<Correlation> {
    if !matches!(node.value, Yaml::Map(_)) {
        reader::wrong_kind(node, "threshold", "a map such as `{count: 10, within: 5m, by: [userIdentity.arn]}`", report);
        return None;
    }
    reader::check_keys(node, &KEYS, false, report);
    let count = number(node, "count", report);
    let within = reader::required_text(node, "within", report).and_then(|text| time(node, "within", &text, report));
    let by = match (node.get("by"), group_by) {
        (Some(by), Some(_)) => {
            report.error(by.span, "wrong-value", "`by` and `group-by` both say what parts the matches").hint("keep one of them");
            return None;
        }
        (Some(_), None) => reader::texts(node, "by", report),
        (None, Some(list)) => texts(list),
        (None, None) => vec!["userIdentity.arn".to_owned()],
    };
    let (distinct, sum) = (reader::texts(node, "distinct", report), reader::text(node, "sum", report));
    let (kind, counted) = match (distinct.is_empty(), sum) {
        (true, None) => (WindowKind::EventCount, Vec::new()),
        (false, None) => (WindowKind::ValueCount, distinct),
        (true, Some(field)) => (WindowKind::ValueSum, vec![field]),
        (false, Some(_)) => {
            report.error(node.span, "wrong-value", "`distinct` and `sum` cannot stand together").hint("write two policies");
            return None;
        }
    };
    let span = node.get("by").or(node.get("distinct")).or(node.get("sum")).map_or(node.span, |node| node.span);
    by.iter().chain(&counted).for_each(|field| super::detection::check_field(&FieldPath::new(field), span, report));
    let bounds = vec![Bound { operator: Operator::Gte, than: count? }];
    Some(of_one(Leg { rule: name.to_owned(), condition: detection.condition.clone() }, &by, &counted, (kind, within?, bounds)))
}

/// A correlation over one rule.
pub(super) fn of_one(
    leg: Leg,
    by: &[String],
    counted: &[String],
    (kind, timespan, bounds): (WindowKind, i64, Vec<Bound>),
) -> Correlation {
    let mut fields: Vec<FieldPath> = Vec::new();
    let grouped = by.iter().map(|field| place(&mut fields, field)).collect();
    let values = counted.iter().map(|field| place(&mut fields, field)).collect();
    let sources = vec![Source { of: SourceOf::Leg(0), grouped, values }];
    let window = Window { name: leg.rule.clone(), kind, sources, group_by: by.to_vec(), timespan, bounds };
    Correlation { legs: vec![leg], fields, window }
}

/// Where the field stands among those that are kept; it is added if it does not.
pub(super) fn place(fields: &mut Vec<FieldPath>, field: &str) -> usize {
    let known = fields.iter().position(|known| known.written == field);
    known.unwrap_or_else(|| {
        fields.push(FieldPath::new(field));
        fields.len() - 1
    })
}

/// The number under `key`, which must be there.
pub(super) fn number(node: &Node, key: &str, report: &mut Report<'_>) -> Option<String> {
    let text = reader::required_text(node, key, report)?;
    if crate::number::is_number(&text) {
        return Some(text);
    }
    let span = node.get(key).map_or(node.span, |node| node.span);
    report.error(span, "wrong-value", format!("`{text}` is not a number"));
    None
}

/// The time in `text`, seconds.
pub(super) fn time(node: &Node, key: &str, text: &str, report: &mut Report<'_>) -> Option<i64> {
    let span = node.get(key).map_or(node.span, |node| node.span);
    let found = timespan(text);
    if found.is_none() {
        report
            .error(span, "wrong-value", format!("`{text}` is not a time"))
            .hint("a whole number and `s`, `m`, `h` or `d`, at most 31 days: `15s`, `30m`, `6h`, `7d`");
    }
    found
}

fn texts(list: &Node) -> Vec<String> {
    match &list.value {
        Yaml::List(items) => items.iter().filter_map(Node::text).map(str::to_owned).collect(),
        _ => list.text().map(str::to_owned).into_iter().collect(),
    }
}

/// Either side of a condition that joins selections by `and`, each for itself.
pub(super) fn parts(condition: &Condition) -> Vec<Condition> {
    match condition {
        Condition::And(parts) => parts.clone(),
        other => vec![other.clone()],
    }
}
