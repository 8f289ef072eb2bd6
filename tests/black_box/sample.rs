//! Real records: books against an independent count, and SigmaHQ's rules against jq.

use std::collections::BTreeMap;
use std::process::Command;

use crate::{Assize, data, text};

#[test]
fn the_books_agree_with_serde_json() {
    let Some(data) = data("the books of the sample") else { return };
    let sample = data.join("cloudtrail-sample");
    let mut expected = 0;
    for entry in std::fs::read_dir(&sample).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let log: serde_json::Value = serde_json::from_str(&text(&path)).unwrap();
            expected += log["Records"].as_array().unwrap().len();
        }
    }
    assert_eq!(expected, 2_900);
    let (_, found) = Assize::new().scan(sample.to_str().unwrap(), &[]);
    let records = &found["books"]["records"];
    assert_eq!(records["read"], expected);
    assert_eq!(records["malformed"], 0);
    assert_eq!(found["books"]["balanced"], true);
    let sum: u64 =
        ["evaluated", "duplicate", "other_kinds", "outside_period"].iter().map(|key| records[key].as_u64().unwrap()).sum();
    assert_eq!(sum, 2_900);
}

/// Each line of the table names a rule, its count, and the jq program that gives the same number.
#[test]
fn the_57_rules_match_as_often_as_jq_says() {
    let Some(data) = data("SigmaHQ's rules on the sample") else { return };
    let sample = data.join("cloudtrail-sample");
    let rules = data.join("sigma/cloudtrail");
    let table = text(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sigma-sample-counts.tsv"));
    let rows: Vec<Vec<&str>> =
        table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), 57);
    let (_, found) = Assize::new().scan(sample.to_str().unwrap(), &["--policies", rules.to_str().unwrap()]);
    let matches: BTreeMap<&str, u64> = found["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| (policy["id"].as_str().unwrap(), policy["matches"].as_u64().unwrap()))
        .collect();
    let files: Vec<_> = std::fs::read_dir(&sample)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    for row in rows {
        let [rule, id, count, program] = row.as_slice() else { panic!("{row:?}") };
        let expected: u64 = count.parse().unwrap();
        assert_eq!(matches.get(id), Some(&expected), "{rule}");
        let Ok(jq) = Command::new("jq").args(["-n", program]).args(&files).output() else {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "jq is missing, and CI may skip nothing");
            eprintln!("SKIPPED: jq's own count of {rule}: jq is not installed");
            continue;
        };
        assert_eq!(String::from_utf8_lossy(&jq.stdout).trim(), *count, "{rule}: {program}");
    }
}
