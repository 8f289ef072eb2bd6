use proptest::prelude::*;

use super::*;
use crate::report::fixture;

fn plain(width: usize) -> Options {
    Options { width, ..Options::default() }
}

#[test]
fn middle_result() {
    insta::assert_snapshot!(render(&fixture::middle(), plain(100)));
}

#[test]
fn empty_result() {
    insta::assert_snapshot!(render(&fixture::empty(), plain(80)));
}

#[test]
fn scoped_result() {
    insta::assert_snapshot!(render(&fixture::scoped(), plain(100)));
}

#[test]
fn a_wide_scope_is_cut_and_counted() {
    let text = render(&fixture::wide(), plain(100));
    assert!(text.contains("… 160 more accounts, 120 of them with every hour; the JSON and HTML reports list them"));
    assert!(text.lines().count() < 250, "{}", text.lines().count());
}

#[test]
fn what_a_pass_rests_on_is_said_once() {
    let text = render(&fixture::scoped(), plain(100));
    assert_eq!(text.matches("PASS on delivered evidence: signatures of digests were not verified").count(), 1);
    assert!(!text.contains("in what was read\n") && !text.contains("did not match in what was read"));
}

#[test]
fn the_verdict_is_the_last_line() {
    for document in [fixture::empty(), fixture::middle(), fixture::large(), fixture::scoped()] {
        let text = render(&document, plain(80));
        assert_eq!(text.lines().last(), Some(Verdict::of(&document).words.as_str()));
    }
}

#[test]
fn a_large_result_is_cut_and_counted() {
    let text = render(&fixture::large(), plain(100));
    assert!(text.contains("CRITICAL  1,250 findings"));
    // Every finding is either listed with its account or counted as left out, whatever the number of policies.
    let listed = text.lines().filter(|line| line.ends_with("match") || line.ends_with("matches")).count();
    let more = text.lines().filter_map(|line| line.trim().strip_prefix("… ")?.split(" more; the JSON").next());
    let left_out: usize = more.map(|count| count.replace(',', "").parse::<usize>().unwrap()).sum();
    assert_eq!(listed + left_out, 10_000);
    assert!(listed > 20 && text.lines().count() < 600, "{listed}");
}

#[test]
fn colours_change_nothing_else() {
    let document = fixture::middle();
    let coloured = render(&document, Options { colour: true, ..plain(100) });
    assert!(coloured.contains("\u{1b}[1;31mCRITICAL\u{1b}[0m"));
    assert_eq!(without_ours(&coloured), render(&document, plain(100)));
}

#[test]
fn ids_are_never_shortened() {
    let document = fixture::middle();
    let text = render(&document, plain(40));
    for finding in &document.findings {
        assert!(text.contains(&finding.policy) && text.contains(&finding.account));
    }
}

#[test]
fn lines_fit_the_width_with_japanese_text() {
    // Ids, times and codes are never cut; at this width they fit.
    for document in [fixture::middle(), fixture::scoped()] {
        for line in render(&document, plain(110)).lines() {
            assert!(line.width() <= 110, "{} columns: {line}", line.width());
        }
    }
}

/// The text without the escape sequences that this module writes.
fn without_ours(text: &str) -> String {
    let mut out = text.to_owned();
    for sequence in ["0", "1", "2", "1;33", "1;31", "31", "33", "36"] {
        out = out.replace(&format!("\u{1b}[{sequence}m"), "");
    }
    out
}

proptest! {
    #[test]
    fn nothing_hostile_reaches_the_terminal(text in any::<String>(), at in 0..fixture::HOSTILE.len(), width in 0_usize..140) {
        let hostile = format!("{text}{}", fixture::HOSTILE[at]);
        let mut document = crate::report::example::document();
        let finding = &mut document.findings[0];
        (finding.title, finding.account, finding.region) = (hostile.clone(), hostile.clone(), hostile.clone());
        (finding.first_seen, finding.policy) = (hostile.clone(), hostile.clone());
        finding.group[0].value = Some(hostile.clone());
        finding.group[0].field = hostile.clone();
        document.coverage.statement = hostile.clone();
        document.frameworks[0].id = hostile.clone();
        let scope = document.scope.as_mut().unwrap();
        (scope.statement, scope.name, scope.run_id) = (hostile.clone(), hostile.clone(), hostile.clone());
        (scope.accounts[0].name, scope.accounts[0].account) = (hostile.clone(), hostile.clone());
        (scope.obstacles[0].message, scope.obstacles[0].accounts[0]) = (hostile.clone(), hostile.clone());
        (scope.left_out[0].name, scope.left_out[0].reason) = (hostile.clone(), hostile.clone());
        (scope.unknown[0].words, scope.notes[0]) = (hostile.clone(), hostile.clone());
        (scope.strangers[0], scope.collection.stopped) = (hostile.clone(), Some(hostile.clone()));
        let problem = &mut document.coverage.problems[0];
        (problem.object, problem.message, problem.code) = (hostile.clone(), hostile.clone(), hostile);
        let text = render(&document, Options { colour: true, ..plain(width) });
        let rest = without_ours(&text).replace('\n', "");
        prop_assert!(!rest.chars().any(escape::is_invisible));
        let mut same = document.clone();
        same.findings[0].title = "x".to_owned();
        let lines = |document: &Document| render(document, plain(100_000)).lines().count();
        prop_assert_eq!(lines(&document), lines(&same));
    }
}
