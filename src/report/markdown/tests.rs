use super::*;
use crate::report::{escape, fixture};

fn report(document: &Document) -> String {
    render(document, &Templates::load(None).unwrap()).unwrap()
}

#[test]
fn middle_report() {
    insta::assert_snapshot!(report(&fixture::middle()));
}

#[test]
fn empty_report() {
    insta::assert_snapshot!(report(&fixture::empty()));
}

#[test]
fn scoped_report() {
    insta::assert_snapshot!(report(&fixture::scoped()));
}

#[test]
fn a_wide_scope_fits_and_its_holes_come_before_findings() {
    let report = report(&fixture::wide());
    assert!(report.len() <= MAX_BYTES, "{} bytes", report.len());
    let place = |heading: &str| report.find(heading).unwrap();
    assert!(place("## Coverage") < place("## Verdicts") && place("## Verdicts") < place("## Findings"));
    assert!(report.contains("more have holes; the table in report.html has every one."));
}

#[test]
fn what_a_pass_rests_on_is_said_once() {
    let report = report(&fixture::scoped());
    assert_eq!(report.matches("PASS on delivered evidence: signatures of digests were not verified").count(), 1);
    assert!(!report.contains("in what was read"));
}

#[test]
fn hostile_text_is_text() {
    [fixture::middle(), fixture::scoped()].iter().for_each(harmless);
}

fn harmless(document: &Document) {
    let report = report(document);
    assert!(!report.contains('<'));
    assert!(!report.chars().any(|c| escape::is_invisible(c) && c != '\n'));
    // Every row of a table has as many cells as the row above it.
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let lines: Vec<&str> = report.lines().collect();
    for pair in lines.windows(2).filter(|pair| pair.iter().all(|line| line.starts_with('|'))) {
        assert_eq!(cells(pair[0]), cells(pair[1]), "{}\n{}", pair[0], pair[1]);
    }
}

#[test]
fn a_large_result_fits_and_says_what_is_left_out() {
    let report = report(&fixture::large());
    assert!(report.len() <= MAX_BYTES, "{} bytes", report.len());
    assert!(report.len() > MAX_BYTES / 2, "{} bytes: more would fit", report.len());
    assert!(report.contains("more findings of this level are left out here; all are in report.html and findings.jsonl."));
    assert!(report.contains("## Run"));
}

#[test]
fn no_input_makes_it_too_large() {
    let mut document = fixture::large();
    let long = "<@>".repeat(2_000);
    document.coverage.statement = long.repeat(40);
    document.coverage.problems = fixture::middle().coverage.problems.into_iter().cycle().take(1_000).collect();
    for problem in &mut document.coverage.problems {
        (problem.object, problem.message) = (long.clone(), long.clone());
    }
    for finding in &mut document.findings {
        (finding.title, finding.account, finding.region) = (long.clone(), long.clone(), long.clone());
    }
    let report = report(&document);
    assert!(report.len() <= MAX_BYTES, "{} bytes", report.len());
    assert!(report.starts_with("# Findings, incomplete: 4,375 findings"), "{}", report.lines().next().unwrap());
    assert!(report.ends_with(CUT));
}
