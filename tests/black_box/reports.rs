//! Reports: every format tells the same, and nothing in a log can break out of one.

use crate::{Assize, log, stopped, text};

/// Strings that mean something in HTML, Markdown, CSV or a terminal.
const HOSTILE: &str = r#"</script><script>alert(1)</script><img src=x onerror=alert(2)> [x](javascript:alert(3)) | `code` \u001b[31mred \u202etrap =HYPERLINK(1)"#;

#[test]
fn hostile_strings_stay_strings_in_every_format() {
    let assize = Assize::new();
    let hostile = stopped(1).replace("aws-cli/2.0", HOSTILE).replace("user/alice", &format!("user/{HOSTILE}"));
    assize.file("a.json", log(&[hostile]));
    let ran = assize.run(&["scan", "a.json", "--out", "out", "--format", "html,markdown,json"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let html = text(&assize.path("out/report.html"));
    assert!(html.contains("&lt;script&gt;alert(1)") || html.contains("&lt;/script&gt;"), "the string is shown");
    assert!(!html.contains("<script>alert(1)") && !html.contains("<img src=x"), "and is not markup");
    let markdown = text(&assize.path("out/report.md"));
    assert!(!markdown.contains("<script") && !markdown.contains("<img") && !markdown.contains("[x](javascript"), "{markdown}");
    for output in [&ran.out, &markdown] {
        assert!(!output.contains(['\u{1b}', '\u{202e}']));
    }
}

#[test]
fn every_occurrence_is_in_findings_jsonl_and_its_bytes_can_be_found() {
    let assize = Assize::new();
    let records: Vec<String> = (0..40).map(stopped).collect();
    assize.file("a.json", log(&records));
    assize.run(&["scan", "a.json", "--out", "out", "--format", "json", "--select", "trail-stopped-or-narrowed"]);
    let lines: Vec<serde_json::Value> =
        text(&assize.path("out/findings.jsonl")).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 40);
    let bytes = std::fs::read(assize.path("a.json")).unwrap();
    for (number, line) in lines.iter().enumerate() {
        let at = |key: &str| usize::try_from(line[key].as_u64().unwrap()).unwrap();
        assert_eq!(&bytes[at("offset")..at("offset") + at("length")], records[number].as_bytes());
    }
    let document: serde_json::Value = serde_json::from_str(&text(&assize.path("out/report.json"))).unwrap();
    let finding = &document["findings"][0];
    assert_eq!((finding["count"].as_u64(), finding["occurrences"].as_array().unwrap().len()), (Some(40), 6));
    let occurrence = &finding["occurrences"][0];
    assert_eq!(occurrence["event"].as_str().unwrap(), records[0]);
    assert!(!occurrence["matched"].as_array().unwrap().is_empty(), "{occurrence:#}");
}

#[test]
fn the_json_document_is_version_1() {
    let assize = Assize::new();
    assize.file("a.json", log(&[stopped(1)]));
    let (_, document) = assize.scan("a.json", &[]);
    let keys: Vec<&String> = document.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["activity", "books", "coverage", "findings", "frameworks", "policies", "run", "version"]);
    assert_eq!(document["version"], 1);
    assert_eq!(document["run"]["as_of"], "2026-11-22T00:00:00Z");
}

#[test]
fn a_users_template_replaces_a_built_in_one_and_a_broken_one_is_named() {
    let assize = Assize::new();
    assize.file("a.json", log(&[stopped(1)])).file("t/report.md", "policies: {{ policies_total }}\n");
    let ran = assize.run(&["scan", "a.json", "--format", "markdown", "--templates", "t"]);
    assert!(ran.code == 1 && ran.out.starts_with("policies: "), "{}{}", ran.out, ran.err);
    assize.file("t/report.md", "{% if %}");
    let ran = assize.run(&["scan", "a.json", "--format", "markdown", "--templates", "t"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("report.md"), "{}", ran.err);
}
