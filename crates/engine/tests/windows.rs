//! Correlations: the fast evaluator and its slow twin find the same in every policy and every set of records, however these are
//! shuffled and split. Policies go through the loader, records through the evaluator, so that nothing is tried that a user
//! cannot have. `PROPTEST_CASES` sets the number of cases.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "generators and checks of a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use assize_engine::correlation::Known;
use assize_engine::evaluate::{Evaluation, ObjectName, Period};
use assize_engine::finding::{self, Finding, QUIET_GAP};
use assize_engine::identity::Secret;
use assize_engine::linear::windows::{self, Matched, Stretch};
use assize_engine::linear::{self};
use assize_engine::partial::Partial;
use assize_engine::policy::{self, Policy, Truth};
use assize_engine::record::AccountList;
use proptest::prelude::*;

/// The rules that correlations are made over: apart, overlapping, and one that counts itself.
const RULES: &str = "\
id: rule-a\ntitle: A\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\ndetection: {s: {eventName: A}, condition: s}\n---\n\
id: rule-b\ntitle: B\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\ndetection: {s: {eventName: B}, condition: s}\n---\n\
id: rule-ab\ntitle: AB\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\n\
detection: {s: {eventName: [A, B]}, n: {sourceIPAddress: 192.0.2.1}, condition: s and not n}\n---\n\
id: twice-c\ntitle: C\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\ndetection: {s: {eventName: C}, condition: s}\n\
threshold: {count: 2, within: 10s, by: [userIdentity.arn]}\n";

const NAMES: [&str; 4] = ["rule-a", "rule-b", "rule-ab", "twice-c"];

#[derive(Clone, Debug)]
struct Drawn {
    kind: usize,
    rules: BTreeSet<usize>,
    grouped: bool,
    timespan: u32,
    bounds: Vec<(usize, u8)>,
    percentile: u8,
    two_fields: bool,
    over: Option<usize>,
}

const KINDS: [&str; 9] = [
    "event_count",
    "value_count",
    "value_sum",
    "value_avg",
    "value_percentile",
    "temporal",
    "temporal_ordered",
    "not_followed_by",
    "first_seen",
];

impl Drawn {
    fn yaml(&self) -> String {
        let kind = KINDS[self.kind];
        let mut rules: Vec<&str> = self.rules.iter().map(|rule| NAMES[*rule]).collect();
        if kind == "not_followed_by" {
            rules = vec![rules[0], if rules[0] == "rule-b" { "rule-ab" } else { "rule-b" }];
        }
        let fields = kind.starts_with("value") || kind == "first_seen";
        // What a correlation found has no fields but those that it groups by.
        let rules: Vec<&str> = rules.into_iter().filter(|rule| !(fields && *rule == "twice-c")).collect();
        let rules = if rules.is_empty() { vec!["rule-a"] } else { rules };
        let group = if self.grouped || rules.contains(&"twice-c") { "[userIdentity.arn]" } else { "[]" };
        let names = ["gt", "gte", "lt", "lte", "eq", "neq"];
        let bounds: BTreeMap<&str, u8> = self.bounds.iter().map(|(operator, than)| (names[*operator], *than)).collect();
        let bounds: Vec<String> = bounds.iter().map(|(operator, than)| format!("{operator}: {than}")).collect();
        let mut condition = bounds.join(", ");
        if fields {
            let field = match (kind, self.two_fields) {
                ("value_count" | "first_seen", true) => "[sourceIPAddress, requestParameters.size]",
                ("value_count" | "first_seen", false) => "sourceIPAddress",
                _ => "requestParameters.size",
            };
            condition = if kind == "first_seen" { format!("field: {field}") } else { format!("{condition}, field: {field}") };
        }
        if kind == "value_percentile" {
            condition = format!("{condition}, percentile: {}", self.percentile);
        }
        let condition = if fields || kind == "event_count" { format!("  condition: {{{condition}}}\n") } else { String::new() };
        let mut text = format!(
            "{RULES}---\nid: under-test\ntitle: T\nlevel: low\ncorrelation:\n  type: {kind}\n  rules: [{}]\n  group-by: {group}\n  \
             timespan: {}\n{condition}",
            rules.join(", "),
            // What is new is new after hours or days.
            if kind == "first_seen" { format!("{}h", self.timespan * 2) } else { format!("{}s", self.timespan) }
        );
        if let Some(over) = self.over.filter(|_| kind != "first_seen") {
            let (kind, condition, rules) = [
                ("event_count", "  condition: {gte: 2}\n", "[under-test]"),
                ("temporal_ordered", "", "[under-test, rule-b]"),
                ("not_followed_by", "", "[under-test, rule-b]"),
            ][over];
            let group = if group == "[]" { "[]" } else { "[userIdentity.arn]" };
            text = format!(
                "{text}---\nid: over-it\ntitle: T\nlevel: low\ncorrelation:\n  type: {kind}\n  rules: {rules}\n  group-by: {group}\n  \
                 timespan: 20s\n{condition}"
            );
        }
        text
    }
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let bounds = prop::collection::vec((0..6_usize, 0..6_u8), 1..3);
    let rules = prop::collection::btree_set(0..4_usize, 1..4);
    let over = prop::option::weighted(0.3, 0..3_usize);
    (0..9_usize, rules, any::<bool>(), 1..40_u32, bounds, 0..101_u8, any::<bool>(), over).prop_map(
        |(kind, rules, grouped, timespan, bounds, percentile, two_fields, over)| Drawn {
            kind,
            rules,
            grouped,
            timespan,
            bounds,
            percentile,
            two_fields,
            over,
        },
    )
}

/// Seconds after the start, or days where it is quiet between; name; who; from where; how much.
type Event = (u32, u8, u8, u8, u8, u8);

fn record(number: usize, (second, day, name, user, address, size): Event) -> String {
    let user = if user == 2 { String::new() } else { format!(r#""userIdentity":{{"arn":"user-{user}"}},"#) };
    let size = match size {
        0 => r#""none""#.to_owned(),
        1 => "null".to_owned(),
        size => (size - 2).to_string(),
    };
    format!(
        r#"{{"eventID":"e{number}","eventTime":"2026-10-{:02}T00:{:02}:{:02}Z","eventSource":"x.amazonaws.com","eventName":"{}","awsRegion":"r","recipientAccountId":"11112222333{}",{user}"sourceIPAddress":"192.0.2.{address}","requestParameters":{{"size":{size}}}}}"#,
        day * 3 + 1,
        second / 60,
        second % 60,
        ["A", "B", "C", "D"][usize::from(name)],
        number % 2,
    )
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let day = prop_oneof![9 => Just(0_u8), 1 => Just(1_u8)];
    prop::collection::vec((0..120_u32, day, 0..4_u8, 0..3_u8, 0..3_u8, 0..7_u8), 0..40)
}

/// Policy, group, event ids, and when it first and last held.
type Found = (usize, Vec<Option<String>>, BTreeSet<String>, (i64, i64));

/// What the fast evaluator finds: the records are dealt out to objects, read in some order into several results.
fn fast(policies: &[Policy], records: &[String], deal: &[usize], known: &Known) -> Vec<Finding> {
    let evaluation = Evaluation::new(policies, AccountList::new(), Period::default(), 0, Secret::new([1, 2]));
    let mut objects: Vec<Vec<&str>> = vec![Vec::new(); 4];
    for (number, record) in records.iter().enumerate() {
        objects[deal[number % deal.len()] % 4].push(record);
    }
    let mut whole = Partial::of(policies);
    for (number, object) in objects.iter().enumerate() {
        let name = ObjectName { name: Arc::from(format!("object-{number}")), number: u32::try_from(number).unwrap() };
        let mut partial = Partial::of(policies);
        evaluation.object(&name, format!(r#"{{"Records":[{}]}}"#, object.join(",")).as_bytes(), &mut partial);
        whole.merge(partial);
    }
    finding::findings(policies, &mut whole, known)
}

/// What the slow one finds, as (policy, group, event ids, first, last).
fn slow(policies: &[Policy], records: &[String], known: &Known) -> Vec<Found> {
    let mut all = Vec::new();
    for (index, policy) in policies.iter().enumerate() {
        let Some(correlation) = &policy.correlation else { continue };
        let mut ids = Vec::new();
        let mut matches = Vec::new();
        for text in records {
            let legs = linear::Record::read(text).unwrap().legs(policy, &AccountList::new());
            let legs: Vec<usize> =
                legs.iter().enumerate().filter(|(_, truth)| **truth == Truth::True).map(|(leg, _)| leg).collect();
            if legs.is_empty() {
                continue;
            }
            let record = linear::Record::read(text).unwrap();
            let value = |field: &policy::FieldPath| record.first(field, &AccountList::new());
            let json: serde_json::Value = serde_json::from_str(text).unwrap();
            let time = assize_engine::time::parse(json["eventTime"].as_str().unwrap()).unwrap();
            matches.push(Matched { time, legs, values: correlation.fields.iter().map(value).collect() });
            ids.push(named(policy, json["eventID"].as_str().unwrap(), time));
        }
        let held = windows::held(correlation, &matches, known);
        for Stretch { group, matches, held } in windows::stretches(&held, QUIET_GAP.max(correlation.reach())) {
            all.push((index, group, matches.iter().map(|number| ids[*number].clone()).collect(), held));
        }
    }
    all.sort();
    all
}

/// A match by its id; where either of two in one second may stand for both, by its time.
fn named(policy: &Policy, id: &str, time: i64) -> String {
    let first = policy.correlation.as_ref().is_some_and(policy::Correlation::needs_only_first);
    if first { time.to_string() } else { id.to_owned() }
}

static FOUND: AtomicUsize = AtomicUsize::new(0);

#[test]
fn both_find_the_same_windows() {
    let mut runner = proptest::test_runner::TestRunner::default();
    let strategy = (drawn(), events(), prop::collection::vec(0..4_usize, 1..9), 0..300_i64);
    let done = runner.run(&strategy, |(drawn, events, deal, until)| {
        let text = drawn.yaml();
        let loaded = policy::load([("f.yaml", text.as_str())]);
        let errors: Vec<_> = loaded.diagnostics.iter().filter(|found| found.code != "unused").collect();
        prop_assert!(!loaded.has_errors(), "{text}\n{errors:#?}");
        let records: Vec<String> = events.iter().enumerate().map(|(number, event)| record(number, *event)).collect();
        let start = assize_engine::time::parse("2026-10-01T00:00:00Z").unwrap();
        let known =
            Known { from: start - 100 * i64::from(until % 30 > 3) * 86_400, from_by_cell: BTreeMap::new(), until: start + until };
        let mut found: Vec<_> = fast(&loaded.policies, &records, &deal, &known)
            .into_iter()
            .filter(|finding| finding.fired.is_some())
            .map(|finding| {
                let fired = finding.fired.unwrap();
                let policy = &loaded.policies[finding.policy];
                let ids = finding.hits.iter().map(|hit| named(policy, &hit.event_id.to_string(), hit.time)).collect();
                (finding.policy, finding.group.values, ids, (fired.first, fired.last))
            })
            .collect();
        found.sort();
        FOUND.fetch_add(found.len(), Ordering::Relaxed);
        prop_assert_eq!(found, slow(&loaded.policies, &records, &known), "{}", text);
        Ok(())
    });
    done.unwrap();
    // A test in which nothing ever fires would agree with anything.
    assert!(FOUND.load(Ordering::Relaxed) > 50, "{FOUND:?}");
}
