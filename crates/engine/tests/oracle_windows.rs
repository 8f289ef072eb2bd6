//! Correlations against a second, independent engine: where records arrive in the order of their times and no two in one second,
//! both fire at the same records. What differs by design (order of arrival, several records in one second, missing fields) is left
//! out of what is drawn here; `tests/windows.rs` tries it against the twin.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "generators and checks of a test may panic")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use assize_engine::correlation::Known;
use assize_engine::linear::Record;
use assize_engine::linear::windows::{Matched, held};
use assize_engine::policy::{self, FieldPath, Truth};
use assize_engine::record::AccountList;
use proptest::prelude::*;
use rsigma_eval::{CorrelationConfig, CorrelationEngine, JsonEvent};

const RULES: &str = "\
title: A\nid: rule-a\nname: a\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  s: {eventName: A}\n  condition: s\n---\n\
title: B\nid: rule-b\nname: b\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  s: {eventName: B}\n  condition: s\n---\n\
title: C\nid: rule-c\nname: c\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  s: {eventName: C}\n  condition: s\n---\n";

/// Percentiles are left out: the other engine fires whatever their condition says.
const KINDS: [&str; 6] = ["event_count", "value_count", "value_sum", "value_avg", "temporal", "temporal_ordered"];

#[derive(Clone, Debug)]
struct Drawn {
    kind: usize,
    rules: BTreeSet<usize>,
    timespan: u32,
    operator: usize,
    than: u8,
}

impl Drawn {
    /// The document for the other engine: it takes a temporal correlation without a condition to ask for any of its rules.
    fn for_them(&self) -> String {
        let all = if self.kind < 4 { String::new() } else { format!("  condition: {{gte: {}}}\n", self.rules.len()) };
        format!("{}{all}", self.yaml())
    }

    fn yaml(&self) -> String {
        let kind = KINDS[self.kind];
        let rules: Vec<&str> = self.rules.iter().map(|rule| ["a", "b", "c"][*rule]).collect();
        let operator = ["gt", "gte", "lt", "lte", "eq"][self.operator];
        let mut condition = format!("{operator}: {}", self.than);
        if kind.starts_with("value") {
            condition = format!("{condition}, field: requestParameters.size");
        }
        let condition = if self.kind < 4 { format!("  condition: {{{condition}}}\n") } else { String::new() };
        format!(
            "{RULES}title: Under test\nid: under-test\nlevel: low\ncorrelation:\n  type: {kind}\n  rules: [{}]\n  \
             group-by: [userIdentity.arn]\n  timespan: {}s\n{condition}",
            rules.join(", "),
            self.timespan
        )
    }
}

/// Seconds since the record before, name, user, size.
type Event = (i64, u8, u8, u8);

fn records(events: &[Event]) -> Vec<(i64, serde_json::Value)> {
    let mut time = 1_793_000_000;
    let one = |(gap, name, user, size): &Event| {
        time += gap;
        let text = assize_engine::time::format(time);
        let name = ["A", "B", "C", "D"][usize::from(*name)];
        let record = serde_json::json!({
            "eventTime": text, "eventName": name, "eventSource": "x.amazonaws.com",
            "userIdentity": {"arn": format!("user-{user}")}, "requestParameters": {"size": size},
        });
        (time, record)
    };
    events.iter().map(one).collect()
}

/// When the other engine fires, and for whom.
fn theirs(text: &str, records: &[(i64, serde_json::Value)]) -> BTreeSet<(i64, String)> {
    let parsed = rsigma_parser::parse_sigma_yaml(text).unwrap();
    assert!(parsed.errors.is_empty(), "{text}: {:?}", parsed.errors);
    let mut engine = CorrelationEngine::new(CorrelationConfig::default());
    engine.add_collection(&parsed).unwrap();
    let mut fired = BTreeSet::new();
    for (time, record) in records {
        let result = engine.process_event_at(&JsonEvent::borrow(record), *time);
        for body in result.iter().filter_map(|one| one.as_correlation()) {
            fired.insert((*time, body.group_key[0].1.clone()));
        }
    }
    fired
}

/// When ours does.
fn ours(text: &str, records: &[(i64, serde_json::Value)]) -> BTreeSet<(i64, String)> {
    let loaded = policy::load([("f.yaml", text)]);
    assert!(!loaded.has_errors(), "{text}\n{:#?}", loaded.diagnostics);
    let policy = loaded.policies.iter().find(|policy| policy.id == "under-test").unwrap();
    let correlation = policy.correlation.as_ref().unwrap();
    let accounts = AccountList::new();
    let mut matches = Vec::new();
    for (time, record) in records {
        let record = Record::read(&record.to_string()).unwrap();
        let legs = record.legs(policy, &accounts).into_iter().enumerate();
        let legs: Vec<usize> = legs.filter(|(_, truth)| *truth == Truth::True).map(|(leg, _)| leg).collect();
        if !legs.is_empty() {
            let value = |field: &FieldPath| record.first(field, &accounts);
            matches.push(Matched { time: *time, legs, values: correlation.fields.iter().map(value).collect() });
        }
    }
    held(correlation, &matches, &Known::always()).into_iter().map(|held| (held.time, held.group[0].clone().unwrap())).collect()
}

static FIRED: AtomicUsize = AtomicUsize::new(0);

#[test]
fn a_second_engine_fires_at_the_same_records() {
    let drawn = (0..6_usize, prop::collection::btree_set(0..3_usize, 1..4), 1..60_u32, 0..5_usize, 0..7_u8)
        .prop_map(|(kind, rules, timespan, operator, than)| Drawn { kind, rules, timespan, operator, than });
    let events = prop::collection::vec((1..20_i64, 0..4_u8, 0..2_u8, 0..6_u8), 0..40);
    let mut runner = proptest::test_runner::TestRunner::default();
    let done = runner.run(&(drawn, events), |(drawn, events)| {
        let (text, records) = (drawn.yaml(), records(&events));
        let fired = ours(&text, &records);
        FIRED.fetch_add(fired.len(), Ordering::Relaxed);
        prop_assert_eq!(fired, theirs(&drawn.for_them(), &records), "{}", text);
        Ok(())
    });
    done.unwrap();
    assert!(FIRED.load(Ordering::Relaxed) > 200, "{FIRED:?}");
}
