use super::*;
use crate::report::fixture::{self, HOSTILE};

fn read(bytes: &[u8]) -> Vec<Vec<String>> {
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).flexible(false).from_reader(bytes);
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn the_small_document() {
    let document = crate::report::example::document();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace("\r\n", "⏎\n");
    insta::assert_snapshot!(format!(
        "{}\n{}",
        text(findings(&document, false).unwrap()),
        text(verdicts(&document, false).unwrap())
    ));
}

#[test]
fn every_finding_and_every_verdict_is_a_row() {
    for document in [fixture::middle(), fixture::scoped(), fixture::empty()] {
        let rows = read(&findings(&document, false).unwrap());
        assert_eq!(rows.len(), 1 + document.findings.len());
        assert!(rows.iter().all(|row| row.len() == rows::FINDINGS.len()));
        assert_eq!(read(&verdicts(&document, false).unwrap()).len(), 1 + rows::verdicts(&document).len());
    }
}

#[test]
fn lines_end_as_rfc_4180_says_and_a_mark_comes_first_when_asked_for() {
    let document = fixture::scoped();
    let plain = findings(&document, false).unwrap();
    let text = String::from_utf8(plain.clone()).unwrap();
    assert_eq!(text.matches("\r\n").count(), text.matches('\n').count());
    assert_eq!(text.matches('\r').count(), 1 + document.findings.len(), "a cell is on one line");
    assert!(text.contains("決済基盤"));
    assert_eq!(findings(&document, true).unwrap(), [BYTE_ORDER_MARK, &plain].concat());
}

/// Whatever somebody writes into a log, no cell begins a formula.
#[test]
fn no_cell_is_a_formula() {
    let tricks = [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "\" =1",
        "'=1",
        "\u{a0}=1",
        "\u{3000}＝1",
        "＋1",
        "－1",
        "＠x",
        "\u{200b}=1",
        "﹦1",
        "=HYPERLINK(\"http://evil.example\",\"x\")",
        "=cmd|' /C calc'!A0",
    ];
    let mut document = fixture::scoped();
    let template = document.findings[0].clone();
    document.findings.clear();
    for text in tricks.into_iter().chain(HOSTILE) {
        let mut finding = template.clone();
        (finding.title, finding.account, finding.remediation) = (text.to_owned(), text.to_owned(), text.to_owned());
        finding.first_seen = text.to_owned();
        document.findings.push(finding);
    }
    let rows = read(&findings(&document, false).unwrap());
    assert_eq!(rows.len(), 1 + tricks.len() + HOSTILE.len());
    for cell in rows.iter().flatten() {
        assert!(!escape::is_formula(cell) || cell.starts_with('\''), "{cell:?}");
        assert!(!cell.chars().any(escape::is_invisible), "{cell:?}");
    }
    // The apostrophe is the only change where everything can be seen.
    assert_eq!((rows[1][2].as_str(), rows[10][2].as_str()), ("'=1+1", "''=1"));
    assert_eq!(rows[1 + tricks.len()][2], HOSTILE[0]);
}
