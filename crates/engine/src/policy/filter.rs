//! Filter documents (Sigma specification 2.1, "Filters"): conditions that are joined to those of rules, as they are written.

use super::detection::read_whole;
use super::{Condition, Detection, Policy, read, reader};
use crate::diagnostic::{Report, Span};
use crate::yaml::{Node, Yaml};

/// Keys of a filter document.
pub(super) const KEYS: [&str; 14] = [
    "author",
    "custom",
    "date",
    "description",
    "falsepositives",
    "filter",
    "id",
    "level",
    "logsource",
    "modified",
    "name",
    "references",
    "status",
    "title",
];

/// A filter that was read.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) file: String,
    title: String,
    /// Rules by id or name; `None` for all of them.
    rules: Option<Vec<(String, Span)>>,
    detection: Detection,
}

/// Reads a filter document.
pub(super) fn read(node: &Node, file: &str, report: &mut Report<'_>) -> Option<Filter> {
    reader::check_keys(node, &KEYS, false, report);
    read::check_logsource(node, true, report);
    let title = reader::required_text(node, "title", report);
    let filter = node.get("filter")?;
    let Yaml::Map(entries) = &filter.value else {
        reader::wrong_kind(filter, "filter", "a map", report);
        return None;
    };
    let rules = rules(filter, report);
    let rest = entries.iter().filter(|(key, _)| key.text() != Some("rules")).cloned().collect();
    let body = Node { span: filter.span, value: Yaml::Map(rest) };
    let (detection, aggregation) = read_whole(&body, None, report)?;
    let span = filter.get("condition").map_or(filter.span, |condition| condition.span);
    if aggregation.is_some() {
        report.error(span, "condition", "a filter looks at single records").hint("count in a correlation");
        return None;
    }
    if !negates(&detection.condition) {
        report
            .error(span, "positive-filter", "this filter would keep only what it describes")
            .hint("a filter's condition is joined to the rule's by `and`: write `not selection` to leave something out");
        return None;
    }
    Some(Filter { file: file.to_owned(), title: title?, rules: rules?, detection })
}

fn rules(filter: &Node, report: &mut Report<'_>) -> Option<Option<Vec<(String, Span)>>> {
    let Some(rules) = filter.get("rules") else {
        report.error(filter.span, "missing-key", "`rules` is missing").hint("a list of rules by id or name, or `any`");
        return None;
    };
    match &rules.value {
        Yaml::Scalar { text, .. } if text == "any" => Some(None),
        Yaml::Scalar { text, .. } => Some(Some(vec![(text.clone(), rules.span)])),
        Yaml::List(items) if !items.is_empty() => {
            let one = |item: &Node| Some((item.text()?.to_owned(), item.span));
            items.iter().map(one).collect::<Option<Vec<_>>>().map(Some)
        }
        _ => {
            reader::wrong_kind(rules, "rules", "a list of rules, or `any`", report);
            None
        }
    }
}

/// Whether the condition takes something away: a `not` stands where it narrows.
fn negates(condition: &Condition) -> bool {
    match condition {
        Condition::Selection(_) => false,
        Condition::Not(_) => true,
        Condition::And(parts) | Condition::Or(parts) => parts.iter().any(negates),
    }
}

/// Joins the filter to the rules that it names.
pub(super) fn apply(filter: &Filter, policies: &mut [Policy], report: &mut Report<'_>) {
    let fits = |policy: &Policy, name: &str| policy.id == name || policy.name.as_deref() == Some(name) || policy.title == name;
    match &filter.rules {
        None => policies.iter_mut().for_each(|policy| join(filter, policy)),
        Some(names) => {
            for (name, span) in names {
                let mut found = false;
                for policy in policies.iter_mut().filter(|policy| fits(policy, name)) {
                    join(filter, policy);
                    found = true;
                }
                if !found {
                    report
                        .error(*span, "unknown-policy", format!("there is no rule `{name}`"))
                        .hint("a filter names rules with a `detection`, by id or name; not correlations over them");
                }
            }
        }
    }
}

fn join(filter: &Filter, policy: &mut Policy) {
    let by = policy.detection.selections.len();
    for (name, selection) in &filter.detection.selections {
        policy.detection.selections.push((format!("{}: {name}", filter.title), selection.clone()));
    }
    let narrowed = |condition: &Condition| Condition::And(vec![condition.clone(), filter.detection.condition.shifted(by)]);
    policy.detection.condition = narrowed(&policy.detection.condition);
    if let Some(correlation) = &mut policy.correlation {
        correlation.legs.iter_mut().for_each(|leg| leg.condition = narrowed(&leg.condition));
    }
}
