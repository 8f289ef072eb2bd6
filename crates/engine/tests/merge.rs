//! Findings are a function of the evidence: not of how it was split, in which order it was read, or how it was merged.
#![expect(clippy::unwrap_used, reason = "what the tests share fails by panicking, as tests do")]

use std::collections::BTreeSet;
use std::sync::Arc;

use assize_engine::evaluate::{Evaluation, ObjectName, Period};
use assize_engine::finding::{self, Finding};
use assize_engine::identity::{Conflict, Secret};
use assize_engine::partial::{ByHour, Partial, RecordCounts};
use assize_engine::policy::{self, Policy};
use assize_engine::record::AccountList;
use proptest::prelude::*;

const POLICIES: [(&str, &str); 5] = [
    (
        "stop.yaml",
        "id: stop\ntitle: T\nlevel: high\nlogsource: {product: aws, service: cloudtrail}\n\
         detection: {a: {eventName: Stop}, condition: a}\npopulation: a\ngroup-by: [userIdentity.arn]\n",
    ),
    (
        "open.yaml",
        "id: open\ntitle: T\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\n\
         detection: {a: {requestParameters.port: 22}, condition: a}\ngroup-by: [sourceIPAddress]\n",
    ),
    (
        "burst.yaml",
        "id: burst\ntitle: T\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\n\
         detection: {a: {eventName: [Stop, Look]}, condition: a}\nthreshold: {count: 3, within: 30s, by: [userIdentity.arn]}\n",
    ),
    (
        "chain.yaml",
        "id: chain\ntitle: T\nlevel: low\ncorrelation: {type: temporal_ordered, rules: [stop, burst], timespan: 2d,\n  \
         group-by: [userIdentity.arn], generate: true}\n",
    ),
    (
        "open-then-stop.yaml",
        "id: open-then-stop\ntitle: T\nlevel: low\ncorrelation: {type: temporal, rules: [open, stop], timespan: 20s, generate: true}\n",
    ),
];

fn policies() -> Vec<Policy> {
    let loaded = policy::load(POLICIES);
    assert_eq!(loaded.diagnostics, []);
    loaded.policies
}

/// A record out of few ids, actors and days, so that copies, twins, groups and episodes all come about.
fn record(id: u8, actor: u8, day: u8, kind: u8) -> String {
    let (name, parameters) = match kind {
        0 => ("Stop", "null"),
        1 => ("Open", r#"{"port":22}"#),
        2 => ("Open", r#"{"omitted":true,"originalSize":200000}"#),
        _ => ("Look", "null"),
    };
    format!(
        r#"{{"eventID":"00000000-0000-4000-8000-0000000000{id:02x}","eventTime":"2026-10-{:02}T00:00:{:02}Z","eventSource":"x.amazonaws.com","eventName":"{name}","awsRegion":"r{}","recipientAccountId":"11112222333{}","sourceIPAddress":"192.0.2.{actor}","userIdentity":{{"arn":"user-{actor}"}},"requestParameters":{parameters}}}"#,
        day % 28 + 1,
        id % 60,
        actor % 2,
        actor % 3
    )
}

#[derive(Debug, PartialEq)]
struct Outcome {
    findings: Vec<Finding>,
    unjudged: Vec<usize>,
    records: RecordCounts,
    populations: Vec<(u64, String)>,
    conflicts: Vec<Conflict>,
}

/// Evaluates the objects in the given order, each into the partial result that `split` names, and merges these.
fn evaluate(objects: &[String], order: &[usize], split: &[usize], policies: &[Policy]) -> Outcome {
    let evaluation = Evaluation::new(policies, AccountList::new(), Period::default(), 0, Secret::new([1, 2]));
    let mut partials: Vec<Partial> = (0..4).map(|_| Partial::new(policies.len())).collect();
    for &number in order {
        let name = ObjectName { name: Arc::from(format!("object-{number:03}")), number: u32::try_from(number).unwrap() };
        let partial = partials.get_mut(split.get(number).copied().unwrap_or(0)).unwrap();
        evaluation.object(&name, objects.get(number).unwrap().as_bytes(), partial);
    }
    let mut whole = Partial::new(policies.len());
    if order.first() > order.last() {
        partials.reverse();
    }
    partials.into_iter().for_each(|partial| whole.merge(partial));
    Outcome {
        unjudged: whole.policies.iter().map(|result| finding::distinct(result.not_evaluable.clone()).len()).collect(),
        records: whole.records,
        populations: policies.iter().enumerate().map(|(index, policy)| finding::population(index, policy, &whole)).collect(),
        conflicts: evaluation.seen().conflicts(),
        findings: finding::findings(policies, &mut whole, &assize_engine::correlation::Known::always()),
    }
}

/// Evaluates the objects of each split in an evaluation of its own that remembers the records of those before it, hour by
/// hour, as runs on several days do.
fn evaluate_in_runs(objects: &[String], order: &[usize], split: &[usize], policies: &[Policy]) -> Outcome {
    let (mut kept, mut conflicts) = (ByHour::new(policies.len()), Vec::new());
    for run in 0..4 {
        let mut evaluation = Evaluation::new(policies, AccountList::new(), Period::default(), 0, Secret::new([1, 2]));
        evaluation.remember(kept.hours.values().flat_map(|part| part.seen.clone()));
        let mut hours = ByHour::new(policies.len());
        for &number in order.iter().filter(|number| split.get(**number).copied().unwrap_or(0) == run) {
            let name = ObjectName { name: Arc::from(format!("object-{number:03}")), number: u32::try_from(number).unwrap() };
            evaluation.object_by_hour(&name, objects.get(number).unwrap().as_bytes(), &mut hours);
        }
        conflicts.append(&mut evaluation.seen().conflicts());
        kept.merge(hours);
    }
    assert!(kept.hours.values().all(|part| part.partial.records.balanced()));
    let mut whole = kept.whole();
    Outcome {
        unjudged: whole.policies.iter().map(|result| finding::distinct(result.not_evaluable.clone()).len()).collect(),
        records: whole.records,
        populations: policies.iter().enumerate().map(|(index, policy)| finding::population(index, policy, &whole)).collect(),
        conflicts,
        findings: finding::findings(policies, &mut whole, &assize_engine::correlation::Known::always()),
    }
}

fn conflicting(outcome: &mut Outcome) -> BTreeSet<String> {
    std::mem::take(&mut outcome.conflicts).into_iter().map(|conflict| conflict.event_id).collect()
}

proptest! {
    #[test]
    fn splitting_and_order_do_not_show(
        objects in prop::collection::vec(prop::collection::vec((0..20_u8, 0..4_u8, 0..10_u8, 0..4_u8), 0..8), 1..10),
        shuffled in Just((0..10_usize).collect::<Vec<_>>()).prop_shuffle(),
        split in prop::collection::vec(0..4_usize, 10),
    ) {
        let policies = policies();
        let objects: Vec<String> = objects
            .into_iter()
            .map(|records| {
                let records: Vec<String> = records.into_iter().map(|(id, actor, day, kind)| record(id, actor, day, kind)).collect();
                format!("{{\"Records\":[{}]}}", records.join(","))
            })
            .collect();
        let straight: Vec<usize> = (0..objects.len()).collect();
        let order: Vec<usize> = shuffled.into_iter().filter(|number| *number < objects.len()).collect();
        let expected = evaluate(&objects, &straight, &[], &policies);
        prop_assert!(expected.records.balanced());
        prop_assert_eq!(&expected, &evaluate(&objects, &order, &split, &policies));
        // Runs know of earlier versions of a record that they exist, not where: the ids agree, the places need not.
        let (mut expected, mut in_runs) = (expected, evaluate_in_runs(&objects, &order, &split, &policies));
        prop_assert_eq!(conflicting(&mut expected), conflicting(&mut in_runs));
        prop_assert_eq!(expected, in_runs);
    }
}
