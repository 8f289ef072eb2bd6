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
    for document in [fixture::empty(), fixture::middle()] {
        let html = render(&document, &templates()).unwrap();
        assert!(html.starts_with("<!doctype html>"));
        assert!(html.trim_end().ends_with("</html>"));
        let errors: Vec<String> = shape(&html).into_iter().filter(|tag| tag.starts_with("error")).collect();
        assert_eq!(errors, Vec::<String>::new());
    }
}

#[test]
fn hostile_text_is_never_markup() {
    let html = render(&fixture::middle(), &templates()).unwrap();
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
    let html = render(&fixture::middle(), &templates()).unwrap();
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
    let html = render(&fixture::middle(), &templates()).unwrap();
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
    let html = render(&fixture::middle(), &templates()).unwrap();
    let tags = shape(&html);
    let count = |start: &str| tags.iter().filter(|tag| tag.starts_with(start)).count();
    assert_eq!(count("<table"), count("<caption"));
    assert!(tags.iter().filter(|tag| tag.starts_with("<th ")).all(|tag| tag.contains("scope")));
}

#[test]
fn a_large_result_says_what_it_leaves_out() {
    let document = fixture::large();
    let html = render(&document, &templates()).unwrap();
    assert!(html.contains("The 1,000 most severe of 10,000 findings are shown in detail; the other 9,000 follow as rows."));
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
        shape(&render(&document, &templates).unwrap())
    };
    let expected = plain("x");
    for hostile in fixture::HOSTILE {
        assert_eq!(plain(hostile), expected, "{hostile}");
    }
}
