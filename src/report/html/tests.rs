use std::collections::BTreeSet;

use html5gum::{Token, Tokenizer};

use super::*;
use crate::report::{escape, fixture};

fn templates() -> Templates {
    Templates::load(None).unwrap()
}

/// Tags with the names of their attributes: what a hostile string must not change.
fn shape(html: &str) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Tokenizer::new(html)
        .filter_map(|token| match token.unwrap() {
            Token::StartTag(tag) => {
                let names: Vec<String> = tag.attributes.keys().map(|name| text(name)).collect();
                Some(format!("<{} {}>", text(&tag.name), names.join(" ")))
            }
            Token::EndTag(tag) => Some(format!("</{}>", text(&tag.name))),
            Token::Comment(_) => Some("comment".to_owned()),
            Token::Error(error) => Some(format!("error {}", error.value)),
            Token::String(_) | Token::Doctype(_) => None,
        })
        .collect()
}

/// Values of an attribute of all tags.
fn attribute(html: &str, tags: &[&str], name: &str) -> Vec<String> {
    Tokenizer::new(html)
        .filter_map(|token| match token.unwrap() {
            Token::StartTag(tag) if tags.is_empty() || tags.iter().any(|wanted| *tag.name == wanted.as_bytes()) => {
                tag.attributes.get(name.as_bytes()).map(|value| String::from_utf8_lossy(value).into_owned())
            }
            _ => None,
        })
        .collect()
}

#[test]
fn every_fixture_renders() {
    for document in [fixture::empty(), fixture::middle(), fixture::scoped(), fixture::wide()] {
        let html = render(&document, &templates()).unwrap();
        assert!(html.starts_with("<!doctype html>"));
        assert!(html.trim_end().ends_with("</html>"));
        let tags = shape(&html);
        let errors = tags.windows(6).filter(|tags| tags[5].starts_with("error")).collect::<Vec<_>>();
        assert_eq!(errors, Vec::<&[String]>::new());
    }
}

#[test]
fn hostile_text_is_never_markup() {
    let html = render(&fixture::scoped(), &templates()).unwrap();
    assert!(!html.contains("<script>alert"));
    assert!(!html.contains("<img"));
    assert!(!html.chars().any(|c| escape::is_invisible(c) && c != '\n' && c != '\t'));
    let tags = shape(&html);
    assert_eq!(tags.iter().filter(|tag| tag.starts_with("<script")).count(), 1);
    assert_eq!(tags.iter().filter(|tag| tag.starts_with("<h1")).count(), 1);
    assert!(!tags.iter().any(|tag| tag.contains(" on")), "no tag has an event handler");
}

#[test]
fn nothing_is_loaded_and_only_references_lead_away() {
    let html = render(&fixture::scoped(), &templates()).unwrap();
    assert!(attribute(&html, &[], "src").is_empty());
    assert!(attribute(&html, &["link"], "href").is_empty());
    let away: BTreeSet<String> = attribute(&html, &["a"], "href").into_iter().filter(|link| !link.starts_with('#')).collect();
    assert_eq!(away, BTreeSet::from(["https://docs.aws.amazon.com/awscloudtrail/".to_owned()]));
    let policy = attribute(&html, &["meta"], "content").into_iter().find(|content| content.contains("default-src"));
    let policy = policy.unwrap();
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("http") && policy.contains("script-src 'sha256-"));
}

#[test]
fn links_lead_to_something() {
    let html = render(&fixture::scoped(), &templates()).unwrap();
    let ids = attribute(&html, &[], "id");
    let unique: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "an id occurs twice");
    for link in attribute(&html, &["a"], "href") {
        if let Some(id) = link.strip_prefix('#') {
            assert!(unique.contains(&id.to_owned()), "{link} leads nowhere");
        }
    }
}

#[test]
fn tables_have_headers_with_a_scope_and_a_caption() {
    let html = render(&fixture::scoped(), &templates()).unwrap();
    let tags = shape(&html);
    let count = |start: &str| tags.iter().filter(|tag| tag.starts_with(start)).count();
    assert_eq!(count("<table"), count("<caption"));
    assert!(tags.iter().filter(|tag| tag.starts_with("<th ")).all(|tag| tag.contains("scope")));
}

#[test]
fn a_wide_scope_is_one_small_file_with_every_cell() {
    let document = fixture::wide();
    let html = render(&document, &templates()).unwrap();
    assert!(html.len() < 2_000_000, "{} bytes", html.len());
    let kinds = ["full", "part", "none", "off", "out"];
    let cells = attribute(&html, &["td"], "class").iter().filter(|class| kinds.contains(&class.as_str())).count();
    // And a week of days for each account that lacks anything.
    assert_eq!(cells, 180 * 17 + 60 * 7);
    assert!(html.contains("120 more accounts, 120 of them with every hour"));
}

#[test]
fn a_run_has_verdicts_and_a_scan_has_none() {
    let (run, scan) = (render(&fixture::scoped(), &templates()).unwrap(), render(&fixture::middle(), &templates()).unwrap());
    assert_eq!(run.matches("PASS on delivered evidence: signatures of digests were not verified").count(), 1);
    assert!(run.contains("12 accounts in scope of 14 in the organisation; 2 left out."));
    assert!(run.contains("mark-UNKNOWN") && !run.contains("in what was read"));
    assert!(!scan.contains("mark-") && !scan.contains("class=\"grid\""));
}

#[test]
fn what_people_said_of_findings_stands_beside_them() {
    let html = render(&fixture::scoped(), &templates()).unwrap();
    for said in [
        "Reported first at 2026-11-22 08:00:00Z; 1 day old.",
        "Nobody looked until it was due: 2026-11-20 08:12:30Z",
        "owner alice@example.com, approved by bob@example.com, from 2026-11-20 00:00:00Z until 2026-12-20 00:00:00Z",
        "The waiver has ended and this went on, so it counts:",
        "Reviewed: expected",
        "A planned change of the trail.",
        "Samples for testing",
        "<td class=\"slot\">",
    ] {
        assert!(html.contains(said), "{said}");
    }
}

#[test]
fn a_large_result_says_what_it_leaves_out() {
    let document = fixture::large();
    let html = render(&document, &templates()).unwrap();
    assert!(html.contains("1,000 findings are shown in detail, the most severe first; the other 9,000"));
    assert_eq!(attribute(&html, &["details", "tr"], "data-level").len(), 10_000);
    assert!(html.len() < 32 * 1024 * 1024, "{} bytes", html.len());
}

#[test]
fn large_events_are_left_out_evenly() {
    let mut document = fixture::middle();
    for occurrence in document.findings.iter_mut().flat_map(|finding| &mut finding.occurrences) {
        occurrence.event = Some(format!("{{\"padding\":\"{}\"}}", "x".repeat(60 * 1024)));
    }
    let html = render(&document, &templates()).unwrap();
    assert!(html.contains("raw events are left out to keep this file small"));
    assert!(html.len() < EVENT_BYTES + 1024 * 1024);
    // The room goes round: every finding has its first event before any has its third.
    assert!(html.split("<details class=\"finding").skip(1).all(|finding| finding.contains("<summary>Event</summary>")));
}

#[test]
fn values_do_not_change_the_shape() {
    let templates = templates();
    let plain = |text: &str| {
        let mut document = crate::report::example::document();
        let finding = &mut document.findings[0];
        finding.title = text.to_owned();
        finding.account = text.to_owned();
        finding.group[0].value = Some(text.to_owned());
        finding.occurrences[0].event = Some(text.to_owned());
        finding.occurrences[0].object = text.to_owned();
        document.coverage.problems[0].object = text.to_owned();
        document.coverage.problems[0].message = text.to_owned();
        document.policies[0].references[0] = text.to_owned();
        document.run.paths[0] = text.to_owned();
        let scope = document.scope.as_mut().unwrap();
        let (left_out, obstacle) = (&mut scope.left_out[0], &mut scope.obstacles[0]);
        (scope.statement, scope.name, scope.run_id) = (text.to_owned(), text.to_owned(), text.to_owned());
        (left_out.name, left_out.reason) = (text.to_owned(), text.to_owned());
        (obstacle.message, obstacle.accounts[0]) = (text.to_owned(), text.to_owned());
        (scope.accounts[0].name, scope.cells[0].region) = (text.to_owned(), text.to_owned());
        (scope.unknown[0].words, scope.notes[0]) = (text.to_owned(), text.to_owned());
        (scope.strangers[0], scope.abandoned[0]) = (text.to_owned(), text.to_owned());
        scope.collection.stopped = Some(text.to_owned());
        shape(&render(&document, &templates).unwrap())
    };
    let expected = plain("x");
    for hostile in fixture::HOSTILE {
        assert_eq!(plain(hostile), expected, "{hostile}");
    }
}

#[test]
fn a_report_over_ten_megabytes_is_an_index_and_a_page_for_each_account() {
    let mut document = fixture::scoped();
    let small = render_files(&document, &templates()).unwrap();
    assert_eq!(small.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["report.html"]);
    // Many findings with long values, in the accounts that there are.
    let one = document.findings[0].clone();
    let accounts: Vec<String> = document.findings.iter().take(40).map(|finding| finding.account.clone()).collect();
    for at in 0..1_200_usize {
        let mut finding = one.clone();
        finding.fingerprint = format!("{at:032x}");
        finding.account = accounts[at % accounts.len()].clone();
        finding.occurrences.iter_mut().for_each(|it| it.show[0].value = Some("v".repeat(16_000)));
        document.findings.insert(0, finding);
    }
    let files = render_files(&document, &templates()).unwrap();
    let accounts: BTreeSet<&str> = document.findings.iter().map(|finding| finding.account.as_str()).collect();
    assert_eq!(files.len(), accounts.len() + 1);
    let names: BTreeSet<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let index = &files[0].1;
    for link in attribute(index, &["a"], "href").iter().filter(|link| !link.starts_with('#') && !link.starts_with("http")) {
        assert!(names.contains(link.split('#').next().unwrap()), "{link} leads nowhere");
    }
    assert_eq!(attribute(index, &["tr"], "data-level").len(), document.findings.len(), "the index has every finding as a row");
    for (name, page) in &files[1..] {
        assert!(shape(page).iter().all(|tag| !tag.starts_with("error")), "{name}");
        assert!(page.len() < 32 * 1024 * 1024, "{name}: {} bytes", page.len());
    }
    let detailed: usize = files[1..].iter().map(|(_, page)| page.matches("<details class=\"finding").count()).sum();
    assert_eq!(detailed, document.findings.len());
}

/// The report of the fixture with a scope, as a file that a reviewer can open: what it shows today is what it showed when somebody
/// last looked at it. `ASSIZE_GOLDEN=write cargo test --workspace golden` writes it anew, for somebody to look at.
#[test]
fn the_golden_report_is_as_it_was_looked_at() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report.html");
    let rendered = render(&fixture::scoped(), &templates()).unwrap();
    if std::env::var_os("ASSIZE_GOLDEN").is_some() {
        std::fs::write(&file, &rendered).unwrap();
    }
    let golden = std::fs::read_to_string(&file).unwrap();
    let differs = golden.lines().zip(rendered.lines()).position(|(was, is)| was != is);
    assert!(
        golden == rendered,
        "tests/golden/report.html differs from line {differs:?} on; look at the difference, then write it anew"
    );
}

/// Writes what the browser is timed with: `ASSIZE_LARGE_REPORT=FOLDER cargo test --workspace -- --ignored large_report`.
#[test]
#[ignore = "writes files, for a measurement by hand"]
fn a_large_report_is_written_and_timed() {
    let folder = std::path::PathBuf::from(std::env::var_os("ASSIZE_LARGE_REPORT").expect("ASSIZE_LARGE_REPORT names a folder"));
    let begun = std::time::Instant::now();
    let files = render_files(&fixture::sweeping(), &templates()).unwrap();
    println!("10,000 findings in 500 accounts: {} files in {:.2} s", files.len(), begun.elapsed().as_secs_f64());
    files.iter().for_each(|(name, page)| std::fs::write(folder.join(name), page).unwrap());
}
