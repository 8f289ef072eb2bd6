use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::*;
use crate::report::fixture::{self, HOSTILE};

/// A test as a reader sees it: suite, name, and the element inside.
#[derive(Debug)]
struct Read {
    suite: String,
    name: String,
    inner: String,
    message: String,
    kind: String,
}

fn attributes(start: &BytesStart<'_>) -> BTreeMap<String, String> {
    let one = |attribute: quick_xml::events::attributes::Attribute<'_>| {
        let value = attribute.value.into_owned();
        let name = attribute.key.as_ref().to_owned();
        (name, quick_xml::escape::unescape(&value).unwrap().into_owned())
    };
    start.attributes().map(|attribute| one(attribute.unwrap())).collect()
}

/// Reads a file and holds what it counts against what is in it.
fn read(text: &str) -> Vec<Read> {
    let mut reader = Reader::from_str(text);
    let (mut cases, mut suite, mut counted) = (Vec::<Read>::new(), String::new(), Vec::new());
    let mut depth = 0;
    loop {
        let event = reader.read_event().unwrap();
        depth += i32::from(matches!(event, Event::Start(_))) - i32::from(matches!(event, Event::End(_)));
        match &event {
            Event::Start(start) | Event::Empty(start) => {
                let mut found = attributes(start);
                let mut take = |name: &str| found.remove(name).unwrap_or_default();
                match start.name().as_ref() {
                    "testsuites" | "testsuite" => {
                        suite = take("name");
                        counted.push((suite.clone(), ["tests", "failures", "errors", "skipped"].map(take)));
                    }
                    "testcase" => {
                        let (suite, name) = (suite.clone(), take("name"));
                        cases.push(Read { suite, name, inner: "passed".to_owned(), message: String::new(), kind: String::new() });
                    }
                    inner => {
                        let case = cases.last_mut().unwrap();
                        case.inner = inner.to_owned();
                        (case.message, case.kind) = (take("message"), take("type"));
                    }
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
    for (at, (name, counts)) in counted.into_iter().enumerate() {
        let of = |inner: &str| cases.iter().filter(|it| (at == 0 || it.suite == name) && it.inner == inner).count().to_string();
        let tests = cases.iter().filter(|it| at == 0 || it.suite == name).count().to_string();
        assert_eq!(counts, [tests, of("failure"), of("error"), of("skipped")], "{name}");
    }
    cases
}

#[test]
fn the_small_document() {
    let text = render(&crate::report::example::document());
    assert!(!read(&text).is_empty());
    insta::assert_snapshot!(text);
}

#[test]
fn a_scan_passes_nothing() {
    for document in [fixture::middle(), fixture::empty(), fixture::large()] {
        let cases = read(&render(&document));
        assert!(cases.iter().all(|case| case.inner != "passed"), "{cases:#?}");
        let tests: usize =
            document.frameworks.iter().map(|it| it.requirements.len()).sum::<usize>() + document.policies.len() + 1;
        assert_eq!(cases.len(), tests);
    }
    let cases = read(&render(&fixture::middle()));
    let inner = |suite: &str, start: &str| {
        let case = cases.iter().find(|case| case.suite == suite && case.name.starts_with(start)).unwrap();
        let said = if case.kind.is_empty() { &case.message } else { &case.kind };
        (case.inner.as_str(), said.as_str())
    };
    let cis = "cis-aws-foundations-3.0.0";
    assert_eq!(inner(cis, "4.9 "), ("skipped", NOT_A_PASS));
    assert_eq!(inner(cis, "4.3 ").0, "failure");
    assert_eq!(inner(cis, "4.4 ").0, "skipped");
    assert_eq!(inner(cis, "4.7 "), ("error", "not evaluable"));
    assert_eq!(inner(cis, "4.16 "), ("error", "needs configuration"));
    assert_eq!(inner(cis, "3.1 ").0, "skipped");
    assert_eq!(inner("policies", "root-account-used").0, "failure");
    assert_eq!(inner("coverage", "").0, "error");
}

#[test]
fn every_verdict_of_a_run_has_its_outcome() {
    let mut document = fixture::scoped();
    let verdicts = ["FAIL", "UNKNOWN", "WAIVED", "NOT_APPLICABLE", "PASS", "a verdict of later"];
    let expected = ["failure", "error", "system-out", "skipped", "passed", "error"];
    for (policy, verdict) in document.policies.iter_mut().zip(verdicts) {
        policy.verdict = Some(verdict.to_owned());
    }
    for (requirement, verdict) in document.frameworks[0].requirements.iter_mut().skip(1).zip(verdicts) {
        (requirement.verdict, requirement.manual) = (Some(verdict.to_owned()), false);
    }
    let cases = read(&render(&document));
    for suite in ["policies", "cis-aws-foundations-3.0.0"] {
        let skip = usize::from(suite != "policies");
        let told: Vec<&str> =
            cases.iter().filter(|it| it.suite == suite).skip(skip).take(6).map(|it| it.inner.as_str()).collect();
        assert_eq!(told, expected, "{suite}");
    }
    // A person's judgement is asked for, whatever the logs say; but a failure stays one.
    document.frameworks[0].requirements.iter_mut().for_each(|requirement| requirement.manual = true);
    let cases = read(&render(&document));
    let told: Vec<&str> =
        cases.iter().filter(|it| it.suite.starts_with("cis")).skip(1).map(|it| it.inner.as_str()).take(5).collect();
    assert_eq!(told, ["failure", "error", "skipped", "skipped", "skipped"]);
}

#[test]
fn an_exception_names_who_answers_for_it() {
    let mut document = crate::report::example::document();
    document.policies[0].verdict = Some("WAIVED".to_owned());
    let text = render(&document);
    assert!(
        text.contains("accepted by bob@example.com for alice@example.com until 2026-12-20T00:00:00Z, SEC-123: the trail moves")
    );
}

#[test]
fn hostile_text_stays_text() {
    let mut document = fixture::scoped();
    for (at, policy) in document.policies.iter_mut().enumerate() {
        policy.title = HOSTILE[at % HOSTILE.len()].to_owned();
        policy.statement = HOSTILE[(at + 3) % HOSTILE.len()].to_owned();
    }
    document.frameworks[0].id = HOSTILE[8].to_owned();
    let text = render(&document);
    assert!(text.chars().all(|c| c == '\n' || !escape_needed(c)), "a character is hidden");
    assert_eq!(read(&text).len(), 1 + document.policies.len() + document.frameworks[0].requirements.len());
}

fn escape_needed(c: char) -> bool {
    crate::report::escape::is_invisible(c)
}
