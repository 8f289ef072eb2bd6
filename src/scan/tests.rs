use std::fs;
use std::path::Path;

use assize_engine::policy;

use super::*;

const POLICY: &str = "id: p\ntitle: T\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\n\
                      detection: {a: {eventSource: s3.amazonaws.com}, condition: a}\n";

fn record(id: &str, more: &str) -> String {
    format!(
        r#"{{"eventSource":"s3.amazonaws.com","eventName":"N","eventID":"{id}","eventTime":"2026-10-01T00:00:00Z","awsRegion":"us-east-1","recipientAccountId":"111122223333"{more}}}"#
    )
}

/// Objects of days of October, in the order of their names, which is not that of their days.
fn folder(objects: &[(u8, &str, Vec<String>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (day, account, records) in objects {
        let place = folder.path().join(format!("AWSLogs/{account}/CloudTrail/us-east-1/2026/10/{day:02}"));
        fs::create_dir_all(&place).unwrap();
        let name = format!("{account}_CloudTrail_us-east-1_202610{day:02}T0000Z_abcdefghijklmnop.json");
        fs::write(place.join(name), format!("{{\"Records\":[{}]}}", records.join(","))).unwrap();
    }
    folder
}

fn scanned(folder: &Path, threads: usize, horizon: Horizon) -> Scanned {
    let inputs = input::list(&[folder.to_owned()]).unwrap();
    let policies = policy::load([("p.yaml", POLICY)]).policies;
    let context = ScanContext { period: Period::default(), threads, limits: Limits::default(), horizon };
    scan(&inputs, &policies, &context, &|_| {})
}

/// Every object is a batch, and every batch a generation.
const NEAR: Horizon = Horizon { batch: 1, records: 1 };

#[test]
fn copies_further_apart_than_the_horizon_count_again_and_match_once() {
    let (a, b, c) = (|| record("a", ""), record("b", ""), record("c", ""));
    let folder = folder(&[
        (1, "999999999999", vec![a()]),
        (2, "111111111111", vec![a(), b]),
        (3, "888888888888", vec![c]),
        (4, "222222222222", vec![a()]),
    ]);
    let findings = |scanned: &Scanned| {
        let one = |finding: &Finding| (finding.fingerprint.clone(), finding.hits.len(), finding.hits.clone());
        scanned.findings.iter().map(one).collect::<Vec<_>>()
    };
    let far = scanned(folder.path(), 2, Horizon::default());
    assert_eq!((far.partial.records.evaluated, far.partial.records.duplicate, far.copies_within), (3, 2, None));
    for threads in [1, 2, 8] {
        let near = scanned(folder.path(), threads, NEAR);
        assert_eq!((near.partial.records.evaluated, near.partial.records.duplicate, near.copies_within), (4, 1, Some(1)));
        assert!(near.partial.records.balanced());
        assert_eq!(findings(&near), findings(&far));
        let names = |scanned: &Scanned| scanned.objects.iter().map(|object| object.stored_bytes).collect::<Vec<_>>();
        assert_eq!(names(&near), names(&far));
    }
}

#[test]
fn other_bytes_under_an_id_conflict_within_the_horizon() {
    let folder = folder(&[
        (1, "999999999999", vec![record("a", ""), record("z", "")]),
        (2, "111111111111", vec![record("a", r#","readOnly":true"#), record("z", "")]),
        (3, "888888888888", vec![record("b", "")]),
        (4, "222222222222", vec![record("b", r#","readOnly":true"#)]),
    ]);
    let far = scanned(folder.path(), 1, Horizon::default());
    assert_eq!(far.conflicts.iter().map(|conflict| conflict.event_id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    for threads in [1, 2, 8] {
        let near = scanned(folder.path(), threads, NEAR);
        assert_eq!(near.conflicts.iter().map(|conflict| conflict.event_id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(near.partial.records, far.partial.records);
    }
}

#[test]
fn batches_follow_delivery_and_hold_every_object_once() {
    let objects: Vec<(u8, &str, Vec<String>)> =
        vec![(3, "111111111111", vec![record("a", "")]), (1, "222222222222", vec![]), (2, "333333333333", vec![])];
    let folder = folder(&objects);
    fs::write(folder.path().join("loose.json"), record("x", "")).unwrap();
    let inputs = input::list(&[folder.path().to_owned()]).unwrap();
    let names = |batch: &Vec<usize>| {
        let day = |number: &usize| inputs.objects[*number].name.rsplit('/').nth(1).unwrap().to_owned();
        batch.iter().map(day).collect::<Vec<_>>()
    };
    let all = batches(&inputs, u64::MAX);
    assert_eq!(all, [(0..inputs.objects.len()).collect::<Vec<_>>()]);
    let single = batches(&inputs, 1);
    assert_eq!(single.iter().flat_map(names).collect::<Vec<_>>()[1..], ["01", "02", "03"]);
    let mut each = single.concat();
    each.sort_unstable();
    assert_eq!([each], *all);
}
