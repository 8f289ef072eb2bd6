//! Sigma's first version counted inside the condition: `selection | count() by field > 10`, `a | near b`, with `timeframe`
//! beside it. Read here as the correlation that it stands for.

use super::correlation::{Bound, Correlation, Leg, Operator, Source, SourceOf, Window, WindowKind};
use super::{Condition, condition, reader, threshold};
use crate::diagnostic::Report;
use crate::yaml::{Node, Yaml};

/// Seconds within which matches are looked at together where the rule does not say.
const UNSAID: i64 = 3_600;

/// What a condition makes of several matches.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Aggregation {
    /// A value of the matches of one condition.
    Value {
        condition: Condition,
        kind: WindowKind,
        field: Option<String>,
        by: Vec<String>,
        bound: Bound,
        /// Seconds.
        timespan: i64,
    },
    /// Conditions, by their text, that must each have a match.
    Together {
        conditions: Vec<(String, Condition)>,
        /// Seconds.
        timespan: i64,
    },
}

/// Reads the condition of a detection, what stands behind `|` in it, and `timeframe` beside it.
pub(super) fn condition(
    detection: &Node,
    node: &Node,
    names: &[&str],
    used: &mut [bool],
    report: &mut Report<'_>,
) -> Option<(Condition, Option<Aggregation>)> {
    let timespan = match detection.get("timeframe") {
        Some(_) => Some(reader::timespan(detection, "timeframe", report)?),
        None => None,
    };
    let text = node.text().unwrap_or_default();
    let Some((head, tail)) = text.split_once('|') else {
        let whole = condition::parse(node, names, used, report)?;
        let Some(timespan) = timespan else { return Some((whole, None)) };
        let parts = parts(&whole);
        if parts.len() < 2 || parts.iter().any(|part| matches!(part, Condition::Not(_))) {
            let span = detection.get("timeframe").map_or(node.span, |node| node.span);
            report.warning(span, "no-aggregation", "`timeframe` does nothing: the condition counts nothing and joins nothing");
            return Some((whole, None));
        }
        // With a time beside it, `a and b` is about two records: no single one could be both.
        return Some(each(parts, names, timespan));
    };
    let first = condition::parse(&with_text(node, head), names, used, report)?;
    let counted = match parse(tail) {
        Ok(counted) => counted,
        Err((message, hint)) => {
            report.error(node.span, "condition", message).hint(hint);
            return None;
        }
    };
    let timespan = timespan.unwrap_or_else(|| {
        report
            .warning(node.span, "no-timeframe", "no `timeframe` says within which time; an hour is taken")
            .hint("write `timeframe: 10m` beside the condition");
        UNSAID
    });
    match counted {
        Counted::Value { kind, field, by, bound } => {
            let aggregation = Aggregation::Value { condition: first.clone(), kind, field, by, bound, timespan };
            Some((first, Some(aggregation)))
        }
        Counted::Near(others) => {
            let others = condition::parse(&with_text(node, &others), names, used, report)?;
            let together = std::iter::once(first).chain(parts(&others)).collect();
            Some(each(together, names, timespan))
        }
    }
}

/// Conditions that must each have a match, and the condition that is true of all these matches.
fn each(parts: Vec<Condition>, names: &[&str], timespan: i64) -> (Condition, Option<Aggregation>) {
    let name = |(number, part): (usize, &Condition)| match part {
        Condition::Selection(index) => names.get(*index).map_or_else(String::new, |name| (*name).to_owned()),
        _ => format!("part {}", number + 1),
    };
    let conditions = parts.iter().enumerate().map(|part| (name(part), part.1.clone())).collect();
    (Condition::Or(parts), Some(Aggregation::Together { conditions, timespan }))
}

/// What a condition joins by `and`, each for itself.
fn parts(condition: &Condition) -> Vec<Condition> {
    match condition {
        Condition::And(parts) => parts.clone(),
        other => vec![other.clone()],
    }
}

/// A node at the same place with other text.
fn with_text(node: &Node, text: &str) -> Node {
    let plain = matches!(node.value, Yaml::Scalar { plain: true, .. });
    Node { span: node.span, value: Yaml::Scalar { text: text.trim_end().to_owned(), plain } }
}

/// What stands behind `|` in a condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Counted {
    /// `count() by a > 5`, `sum(field) by a > 5`.
    Value { kind: WindowKind, field: Option<String>, by: Vec<String>, bound: Bound },
    /// `near b`: other selections, in whatever order.
    Near(String),
}

/// Reads what stands behind `|`.
///
/// # Errors
/// What is wrong, and what to write.
pub(super) fn parse(text: &str) -> Result<Counted, (String, &'static str)> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix("near").filter(|rest| rest.starts_with(char::is_whitespace)) {
        return Ok(Counted::Near(rest.trim().to_owned()));
    }
    let wrong =
        || (format!("`| {text}` cannot be read"), "for example `| count() by sourceIPAddress > 5`, or `| near selection2`");
    let (call, rest) = text.split_once(')').ok_or_else(wrong)?;
    let (function, field) = call.split_once('(').ok_or_else(wrong)?;
    let field = Some(field.trim()).filter(|field| !field.is_empty()).map(str::to_owned);
    let kind = match (function.trim(), &field) {
        ("count", None) => WindowKind::EventCount,
        ("count", Some(_)) => WindowKind::ValueCount,
        ("sum", Some(_)) => WindowKind::ValueSum,
        ("avg", Some(_)) => WindowKind::ValueAvg,
        (other, _) => {
            return Err((format!("`{other}()` is not read"), "`count()`, `count(field)`, `sum(field)` and `avg(field)` are"));
        }
    };
    let words: Vec<&str> = rest.split_whitespace().collect();
    let (by, operator, than) = match words.as_slice() {
        ["by", fields @ .., operator, than] if !fields.is_empty() => (fields.concat(), operator, than),
        [operator, than] => (String::new(), operator, than),
        _ => return Err(wrong()),
    };
    let by = by.split(',').filter(|field| !field.is_empty()).map(str::to_owned).collect();
    let operator = match *operator {
        ">" => Operator::Gt,
        ">=" => Operator::Gte,
        "<" => Operator::Lt,
        "<=" => Operator::Lte,
        "=" | "==" => Operator::Eq,
        "!=" => Operator::Neq,
        _ => return Err(wrong()),
    };
    if !crate::number::is_number(than) {
        return Err(wrong());
    }
    Ok(Counted::Value { kind, field, by, bound: Bound { operator, than: (*than).to_owned() } })
}

/// The correlation that an aggregation stands for.
pub(super) fn correlation(aggregation: Aggregation, name: &str) -> Correlation {
    match aggregation {
        Aggregation::Value { condition, kind, field, by, bound, timespan } => {
            let leg = Leg { rule: name.to_owned(), condition };
            let counted: Vec<String> = field.into_iter().collect();
            threshold::of_one(leg, &by, &counted, (kind, timespan, vec![bound]))
        }
        Aggregation::Together { conditions, timespan } => together(conditions, name, timespan),
    }
}

/// Selections of one rule that must all have a match within a time, parted by nothing, as Sigma's first version says.
fn together(conditions: Vec<(String, Condition)>, name: &str, timespan: i64) -> Correlation {
    let sources = (0..conditions.len()).map(|leg| Source { of: SourceOf::Leg(leg), grouped: Vec::new(), values: Vec::new() });
    let window = Window {
        name: name.to_owned(),
        kind: WindowKind::Temporal,
        sources: sources.collect(),
        group_by: Vec::new(),
        timespan,
        bounds: Vec::new(),
    };
    let legs = conditions.into_iter().map(|(rule, condition)| Leg { rule, condition }).collect();
    Correlation { legs, fields: Vec::new(), window }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_as_they_are_written() {
        let Ok(Counted::Value { kind, field, by, bound }) = parse(" count(eventName) by a.b, c >= 5") else { panic!("not read") };
        assert_eq!(
            (kind, field.as_deref(), by),
            (WindowKind::ValueCount, Some("eventName"), vec!["a.b".to_owned(), "c".to_owned()])
        );
        assert_eq!(bound, Bound { operator: Operator::Gte, than: "5".to_owned() });
        assert_eq!(parse("near a and b"), Ok(Counted::Near("a and b".to_owned())));
        for bad in ["count", "count() by > 5", "count() > x", "max(a) > 3", "count() ~ 5", "nearly", "count() by a"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
