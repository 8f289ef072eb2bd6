use serde_json::Value;

use super::*;
use crate::report::fixture::{self, HOSTILE};
use crate::report::{escape, example};

fn read(text: &str) -> Value {
    let log: Value = serde_json::from_str(text).unwrap();
    assert_eq!((log["version"].as_str(), log["runs"].as_array().map(Vec::len)), (Some("2.1.0"), Some(1)));
    log["runs"][0].clone()
}

fn run(document: &Document) -> Value {
    read(&render(document).unwrap())
}

/// Results that are findings.
fn found(run: &Value) -> Vec<&Value> {
    run["results"].as_array().unwrap().iter().filter(|result| result["ruleId"] != INCOMPLETE).collect()
}

#[test]
fn the_small_document() {
    let log: Value = serde_json::from_str(&render(&example::document()).unwrap()).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&log).unwrap());
}

#[test]
fn every_finding_is_a_result_that_github_can_follow() {
    for document in [fixture::middle(), fixture::scoped()] {
        let run = run(&document);
        let results = found(&run);
        assert_eq!(results.len(), document.findings.len());
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        assert_eq!(rules.len(), 1 + document.policies.len());
        let mut seen = std::collections::HashSet::new();
        for result in run["results"].as_array().unwrap() {
            let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
            assert_eq!(rule["id"], result["ruleId"]);
            assert!(seen.insert(result["partialFingerprints"]["primaryLocationLineHash"].to_string()), "two alerts would be one");
            let place = &result["locations"][0]["physicalLocation"];
            assert_eq!(place["region"]["startLine"], 1);
            assert!(!place["artifactLocation"]["uri"].as_str().unwrap().starts_with('/'));
        }
        for (result, finding) in results.iter().zip(worst_first(&document)) {
            assert_eq!(result["partialFingerprints"]["assizeFinding/v1"], *finding.fingerprint);
            assert_eq!(result["level"], level(&finding.level));
        }
    }
}

#[test]
fn what_is_missing_is_seen_although_github_does_not_read_invocations() {
    let document = fixture::scoped();
    let run = run(&document);
    let invocation = &run["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    let codes: Vec<&str> = invocation["toolExecutionNotifications"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["descriptor"]["id"].as_str().unwrap())
        .collect();
    let scope = document.scope.as_ref().unwrap();
    for unknown in &scope.unknown {
        assert!(codes.contains(&unknown.reason.as_str()), "{} is not told: {codes:?}", unknown.reason);
        let hash = format!("{INCOMPLETE}/{}", unknown.reason);
        let result =
            run["results"].as_array().unwrap().iter().find(|it| it["partialFingerprints"]["primaryLocationLineHash"] == *hash);
        let result = result.unwrap_or_else(|| panic!("{} is no result", unknown.reason));
        assert_eq!(result["level"], "error");
        assert!(result["message"]["text"].as_str().unwrap().contains(&words::count(unknown.hours)));
    }
    let unknown = document.policies.iter().filter(|policy| policy.verdict.as_deref() == Some("UNKNOWN")).count();
    assert!(unknown > 0);
    assert_eq!(codes.iter().filter(|code| **code == "policy-unknown").count(), unknown);
    let known: Vec<&str> =
        run["tool"]["driver"]["notifications"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert!(codes.iter().all(|code| known.contains(code)));
}

#[test]
fn a_whole_run_is_successful_and_says_nothing_of_itself() {
    let mut document = fixture::scoped();
    document.coverage.complete = true;
    document.coverage.problems.clear();
    document.run.exit_code = 1;
    let scope = document.scope.as_mut().unwrap();
    (scope.complete, scope.unknown) = (true, Vec::new());
    for policy in &mut document.policies {
        policy.verdict = Some("PASS".to_owned());
    }
    let whole = run(&document);
    assert_eq!(whole["invocations"][0]["executionSuccessful"], true);
    assert_eq!(whole["invocations"][0]["toolExecutionNotifications"], Value::Array(Vec::new()));
    assert_eq!(whole["results"].as_array().unwrap().len(), document.findings.len());
    // A run that misses something, whatever it is, is not one that succeeded.
    document.run.exit_code = 4;
    let partial = run(&document);
    assert_eq!(partial["invocations"][0]["executionSuccessful"], false);
    assert_eq!(partial["results"][0]["ruleId"], INCOMPLETE);
}

#[test]
fn states_and_waivers_are_told_as_the_standard_has_them() {
    let mut document = example::document();
    let finding = document.findings.remove(0);
    for state in ["new", "reopened", "ongoing", "lost", "fixed"] {
        let mut one = finding.clone();
        one.life.as_mut().unwrap().state = state.to_owned();
        one.fingerprint = state.to_owned();
        one.waived = one.waived.filter(|_| state == "lost");
        document.findings.push(one);
    }
    document.findings[0].waived =
        finding.waived.clone().map(|waived| super::super::v1::Waived { state: "expired".to_owned(), ..waived });
    let run = run(&document);
    let told: Vec<(&str, &str, usize)> = found(&run)
        .iter()
        .map(|it| {
            let text = |value: &'_ Value| -> &str { Box::leak(value.as_str().unwrap().to_owned().into_boxed_str()) };
            let hash = text(&it["partialFingerprints"]["assizeFinding/v1"]);
            (hash, text(&it["baselineState"]), it["suppressions"].as_array().unwrap().len())
        })
        .collect();
    // What is settled comes last.
    let expected = [
        ("new", "new", 0),
        ("reopened", "new", 0),
        ("ongoing", "unchanged", 0),
        ("lost", "unchanged", 1),
        ("fixed", "absent", 0),
    ];
    assert_eq!(told, expected);
    let suppression = &found(&run)[3]["suppressions"][0];
    assert_eq!((suppression["kind"].as_str(), suppression["status"].as_str()), (Some("external"), Some("accepted")));
    for part in ["alice@example.com", "bob@example.com", "SEC-123", "2026-12-20"] {
        assert!(suppression["justification"].as_str().unwrap().contains(part), "{suppression}");
    }
    assert!(run["results"].as_array().unwrap().iter().all(|it| it["baselineState"].is_string()), "all results have one, or none");
}

#[test]
fn more_findings_than_github_takes_are_cut_and_counted_the_least_severe_first() {
    let document = fixture::many(26_000);
    let run = run(&document);
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 25_000);
    let left_out = run["properties"]["leftOut"].as_u64().unwrap();
    assert_eq!(left_out + found(&run).len() as u64, 26_000);
    let note = &run["invocations"][0]["toolExecutionNotifications"][0];
    assert_eq!(note["descriptor"]["id"], "results-left-out");
    let count = words::count(left_out);
    assert!(note["message"]["text"].as_str().unwrap().starts_with(&format!("{count} of 26,000 findings are left out")), "{note}");
    let severe = |level: &str| document.findings.iter().filter(|finding| finding.level == level).count();
    let kept = |level: &str| found(&run).iter().filter(|it| it["properties"]["level"] == level).count();
    for level in ["critical", "high", "medium", "low"] {
        assert_eq!(kept(level), severe(level), "{level}");
    }
    assert!(kept("informational") < severe("informational"));
}

#[test]
fn a_file_that_would_be_too_large_after_gzip_is_cut() {
    let document = fixture::many(2_000);
    let whole = gzipped(&render(&document).unwrap()).unwrap();
    for part in [2, 10, 1_000] {
        let limits = Limits { gzipped: whole / part, ..LIMITS };
        let text = within(&document, limits).unwrap();
        let run = read(&text);
        let left = run["properties"]["leftOut"].as_u64().unwrap();
        assert_eq!(left + found(&run).len() as u64, 2_000);
        assert!(gzipped(&text).unwrap() <= limits.gzipped || found(&run).is_empty());
        if part < 1_000 {
            assert!(found(&run).len() > 2_000 / part / 3, "no more than needed is cut: {} of 2,000", found(&run).len());
        }
    }
}

#[test]
fn rules_stay_within_the_limits() {
    let mut document = fixture::middle();
    document.policies[0].tags = (0..40).map(|at| format!("tag.{at}")).collect();
    document.policies[0].title = "長い".repeat(900);
    document.policies[0].description = String::new();
    let rules = run(&document)["tool"]["driver"]["rules"].clone();
    let rule = &rules[1];
    assert_eq!(rule["properties"]["tags"].as_array().unwrap().len(), MAX_TAGS);
    assert_eq!(rule["properties"]["tags"][0], "security");
    for text in ["shortDescription", "fullDescription"] {
        let text = rule[text]["text"].as_str().unwrap();
        assert!(
            text.chars().count() == MAX_DESCRIPTION && text.ends_with('…'),
            "GitHub takes no empty text, and none that is longer"
        );
    }
    let severities: Vec<f64> = LEVELS.map(|level| severity(level).parse().unwrap()).to_vec();
    assert!(severities.windows(2).all(|pair| pair[0] > pair[1]) && severities[4] > 0.0 && severities[0] > 9.0);
    let few = read(&within(&document, Limits { rules: 4, ..LIMITS }).unwrap());
    let rules = few["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 4);
    let results = found(&few).len() as u64;
    assert_eq!(
        few["properties"]["leftOut"].as_u64().unwrap() + results,
        document.findings.len() as u64,
        "without its rule no result"
    );
}

use crate::report::summary::LEVELS;

#[test]
fn hostile_text_stays_text() {
    let mut document = fixture::scoped();
    for (at, finding) in document.findings.iter_mut().enumerate() {
        finding.title = HOSTILE[at % HOSTILE.len()].to_owned();
        finding.account = HOSTILE[(at + 5) % HOSTILE.len()].to_owned();
    }
    for (at, policy) in document.policies.iter_mut().enumerate() {
        (policy.title, policy.file) = (HOSTILE[at % HOSTILE.len()].to_owned(), HOSTILE[at % HOSTILE.len()].to_owned());
        policy.description = HOSTILE[(at + 1) % HOSTILE.len()].to_owned();
    }
    let run = run(&document);
    walk(&run, &mut |text| assert!(!text.chars().any(|c| escape::is_invisible(c) && c != '\n'), "{text:?}"));
    for result in run["results"].as_array().unwrap() {
        let text = result["message"]["text"].as_str().unwrap().replace("\\\\", "").replace("\\[", "").replace("\\]", "");
        assert!(!text.contains(['[', ']']), "a link: {text}");
        let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
        assert!(uri.is_ascii() && !uri.contains(['<', '"', ':', ' ']), "{uri}");
    }
}

fn walk(value: &Value, look: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => look(text),
        Value::Array(values) => values.iter().for_each(|value| walk(value, look)),
        Value::Object(map) => map.values().for_each(|value| walk(value, look)),
        _ => {}
    }
}
