//! What is said of a correlation that fired: what was asked, how far it went, and whether it is over.

use assize_engine::correlation::Fired;
use assize_engine::coverage::Tally;
use assize_engine::policy::{Correlation, Source, SourceOf, Window, WindowKind};
use assize_engine::time;

use super::told::covered;
use super::{v1, words};

/// The part of a finding that speaks of its correlation. `awaited`: the hours in which what it awaited may have come, if not all of them
/// are covered.
pub(crate) fn of(correlation: &Correlation, fired: &Fired, awaited: Option<&Tally>) -> v1::Correlated {
    let condition = condition(correlation);
    let holes = awaited.map(|tally| {
        let hours = words::plural(tally.due, "account-region-hour", "account-region-hours");
        let short = covered::shortfall(tally);
        format!(", as far as is known; of {hours} in which it could have come, not covered: {short}")
    });
    let went = match (&fired.peak, correlation.window.kind) {
        (Some(peak), _) => format!("{condition}: it came to {peak}"),
        (None, WindowKind::NotFollowedBy) => format!("{condition}: nothing had come by then{}", holes.unwrap_or_default()),
        (None, _) => condition.clone(),
    };
    v1::Correlated {
        statement: went,
        condition,
        peak: fired.peak.clone(),
        fired_first: time::format(fired.first),
        fired_last: time::format(fired.last),
        over: fired.over.map(time::format),
        hours_unknown: awaited.map(|tally| tally.due - tally.covered()),
    }
}

/// What a correlation asks for, in words: `at least 10 matches within 5 minutes, by userIdentity.arn`.
pub(crate) fn condition(correlation: &Correlation) -> String {
    window(&correlation.window, correlation)
}

fn window(window: &Window, correlation: &Correlation) -> String {
    let names: Vec<String> = window.sources.iter().map(|source| name(source, correlation)).collect();
    let field = || {
        let source = window.sources.first();
        let places = source.map(|source| source.values.as_slice()).unwrap_or_default();
        let fields: Vec<&str> = match source.map(|source| &source.of) {
            Some(SourceOf::Window(below)) => places.iter().filter_map(|at| below.group_by.get(*at)).map(String::as_str).collect(),
            _ => places.iter().filter_map(|at| correlation.fields.get(*at)).map(|field| field.written.as_str()).collect(),
        };
        fields.join(" and ")
    };
    let bounds: Vec<String> = window.bounds.iter().map(|bound| format!("{} {}", bound.operator.sign(), bound.than)).collect();
    let bounds = bounds.join(" and ");
    let within = within(window.timespan);
    let looked = match window.kind {
        WindowKind::EventCount => format!("matches {bounds} within {within}"),
        WindowKind::ValueCount => format!("distinct values of {} {bounds} within {within}", field()),
        WindowKind::ValueSum => format!("sum of {} {bounds} within {within}", field()),
        WindowKind::ValueAvg => format!("mean of {} {bounds} within {within}", field()),
        WindowKind::ValuePercentile(percentile) => format!("percentile {percentile} of {} {bounds} within {within}", field()),
        WindowKind::FirstSeen => format!("a value of {} that was not seen in the {within} before", field()),
        WindowKind::Temporal => format!("{} within {within}", names.join(" and ")),
        WindowKind::TemporalOrdered => format!("{} within {within}", names.join(", then ")),
        WindowKind::NotFollowedBy => format!("{} within {within}", names.join(", not followed by ")),
    };
    let by = if window.group_by.is_empty() { String::new() } else { format!(", by {}", window.group_by.join(" and ")) };
    format!("{looked}{by}")
}

fn name(source: &Source, correlation: &Correlation) -> String {
    match &source.of {
        SourceOf::Leg(leg) => correlation.legs.get(*leg).map_or_else(String::new, |leg| leg.rule.clone()),
        SourceOf::Window(below) => format!("({})", window(below, correlation)),
    }
}

/// Seconds in the largest unit that divides them.
fn within(seconds: i64) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (size, unit) = units.into_iter().find(|(size, _)| seconds % size == 0).unwrap_or((1, "second"));
    let count = seconds / size;
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

#[cfg(test)]
mod tests {
    use assize_engine::coverage::Reason;

    use super::*;

    fn condition_of(text: &str) -> String {
        condition(&correlation_of(text))
    }

    fn correlation_of(text: &str) -> Correlation {
        let head = "title: T\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\n";
        let detection = "detection: {s: {eventName: A}, condition: s}\n";
        let source = format!("id: a\n{head}{detection}---\nid: b\n{head}{detection}---\nid: p\n{head}{text}");
        let loaded = assize_engine::policy::load([("f.yaml", source.as_str())]);
        assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
        let policy = loaded.policies.iter().find(|policy| policy.id == "p").unwrap();
        policy.correlation.clone().unwrap()
    }

    #[test]
    fn what_may_have_come_unseen_is_said() {
        let correlation = correlation_of("correlation: {type: not_followed_by, rules: [a, b], timespan: 1h}\n");
        let fired = Fired { first: 7200, last: 7200, peak: None, over: None };
        let unknown = [(Reason::ObjectFailed, 1), (Reason::DigestMissing, 12)].into();
        let tally = Tally { due: 1040, unknown, ..Tally::default() };
        let told = of(&correlation, &fired, Some(&tally));
        assert_eq!(told.hours_unknown, Some(13));
        assert_eq!(
            told.statement,
            "a, not followed by b within 1 hour: nothing had come by then, as far as is known; of 1,040 account-region-hours in which \
             it could have come, not covered: 12 digest-missing, 1 object-failed"
        );
        let sure = of(&correlation, &fired, None);
        assert_eq!(sure.statement, "a, not followed by b within 1 hour: nothing had come by then");
        assert_eq!(sure.hours_unknown, None);
    }

    #[test]
    fn conditions_read_as_sentences() {
        let detection = "detection: {s: {eventName: A}, condition: s}\n";
        let threshold = |text: &str| condition_of(&format!("{detection}threshold: {text}\n"));
        assert_eq!(
            threshold("{count: 10, within: 5m, by: [userIdentity.arn]}"),
            "matches ≥ 10 within 5 minutes, by userIdentity.arn"
        );
        assert_eq!(
            threshold("{count: 3, within: 1h, by: [], distinct: awsRegion}"),
            "distinct values of awsRegion ≥ 3 within 1 hour"
        );
        assert_eq!(
            condition_of("correlation: {type: temporal_ordered, rules: [a, b], timespan: 90s}\n"),
            "a, then b within 90 seconds"
        );
        assert_eq!(
            condition_of("correlation: {type: not_followed_by, rules: [a, b], timespan: 1d, group-by: [awsRegion]}\n"),
            "a, not followed by b within 1 day, by awsRegion"
        );
    }
}
