//! `threshold`: the commonest correlation, written in the policy itself: N matches within T by some fields.

use super::correlation::{Bound, Correlation, Leg, Operator, Source, SourceOf, Window, WindowKind, place};
use super::{Detection, FieldPath, reader};
use crate::diagnostic::Report;
use crate::yaml::{Node, Yaml};

/// The keys of `threshold`.
pub(super) const KEYS: [&str; 5] = ["by", "count", "distinct", "sum", "within"];

/// Reads `threshold`, the node of a policy. Without `by` the policy's `group-by` parts the matches.
pub(super) fn read(
    policy: &Node,
    node: &Node,
    name: &str,
    detection: &Detection,
    report: &mut Report<'_>,
) -> Option<Correlation> {
    if !matches!(node.value, Yaml::Map(_)) {
        reader::wrong_kind(node, "threshold", "a map such as `{count: 10, within: 5m, by: [userIdentity.arn]}`", report);
        return None;
    }
    reader::check_keys(node, &KEYS, false, report);
    let count = reader::number(node, "count", report);
    let within = reader::timespan(node, "within", report);
    let by = match (node.get("by"), policy.get("group-by")) {
        (Some(by), Some(_)) => {
            report.error(by.span, "wrong-value", "`by` and `group-by` both say what parts the matches").hint("keep one of them");
            return None;
        }
        (Some(_), None) => reader::texts(node, "by", report),
        // What is wrong with it is said where the policy is read.
        (None, Some(_)) => reader::texts(policy, "group-by", &mut Report::new("")),
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
