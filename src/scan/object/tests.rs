use std::io::Write as _;

use assize_engine::decode::{self, Malformed, Memory, Place, Sink};
use assize_engine::matcher::Subject;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Where records stand, and what is no record.
#[derive(Default)]
struct Places(Vec<(u64, u64)>, Vec<(u64, Malformed)>);

impl Sink for Places {
    fn record(&mut self, place: Place, bytes: &[u8], _: &Subject<'_>) {
        self.0.push((place.offset, bytes.len() as u64));
    }

    fn malformed(&mut self, place: Place, _: u64, why: &Malformed) {
        self.1.push((place.offset, why.clone()));
    }
}

fn read(stored: &[u8], named: bool) -> (ObjectOutcome, Places, usize) {
    let (mut reader, mut places) = (Reader::new(Limits::default()), Places::default());
    let evaluate = |text: &mut dyn Text| decode::decode_with(text, &mut Memory::default(), &mut places);
    let outcome = reader.read_bytes("o", named, stored, evaluate);
    (outcome, places, reader.inflated.capacity())
}

fn code(outcome: &ObjectOutcome) -> Option<&str> {
    outcome.trouble.as_ref().map(|trouble| trouble.code)
}

/// A log object of 64 MiB, and where its records stand. One of them is longer than what is in memory at once.
fn giant() -> (Vec<u8>, Vec<(u64, u64)>) {
    let mut text = br#"{"Records":["#.to_vec();
    let mut places = Vec::new();
    while text.len() < 64 << 20 {
        if !places.is_empty() {
            text.push(b',');
        }
        let length = if places.len() == 20 { 9 << 20 } else { 200_000 + 7_919 * places.len() % 1_000 };
        let record =
            format!(r#"{{"eventVersion":"1.08","eventName":"N","eventID":"{}","x":"{}"}}"#, places.len(), "x".repeat(length));
        places.push((text.len() as u64, record.len() as u64));
        text.extend_from_slice(record.as_bytes());
        // Deflate makes more of what repeats itself than any log does.
        text.extend((0..2_000_u32).map(|number| b" \t\n\r"[(number.wrapping_mul(2_654_435_761) >> 29) as usize % 4]));
    }
    text.extend_from_slice(b"]}");
    (text, places)
}

#[test]
fn a_giant_takes_little_memory_and_gives_what_it_holds() {
    let (text, places) = giant();
    let stored = gzip(&text);
    let (outcome, found, capacity) = read(&stored, true);
    assert_eq!((outcome.status, outcome.inflated_bytes, code(&outcome)), (Status::Read, text.len() as u64, None));
    assert_eq!((&found.0, found.1.len()), (&places, 0));
    assert!(capacity <= 32 << 20, "{capacity}");

    let (outcome, found, _) = read(&[&stored[..], b"behind"].concat(), true);
    assert_eq!((outcome.status, code(&outcome)), (Status::Read, Some("trailing-bytes")));
    assert_eq!(found.0, places);

    let (outcome, found, capacity) = read(&stored[..stored.len() / 2], true);
    assert_eq!((outcome.status, code(&outcome)), (Status::Failed, Some("truncated-gzip")));
    assert!(places.starts_with(&found.0) && found.0.len() > places.len() / 3);
    assert_eq!(found.1.len(), 2, "the record that was cut, and the list that does not end");
    assert!(capacity <= 32 << 20, "{capacity}");
}

#[test]
fn damage_in_a_giant_does_not_make_it_take_more() {
    let (text, places) = giant();
    let at = places[5].0 as usize;
    // A quote that is never closed; and the end of everything, behind which nothing is a log, until a line begins.
    for (with, left) in [(r#"{"x":"y,"#, places.len() - 1), (r#"{}]}]      "#, 5)] {
        let mut text = text.clone();
        text[at..at + with.len()].copy_from_slice(with.as_bytes());
        let (outcome, found, capacity) = read(&gzip(&text), true);
        assert_eq!((outcome.status, found.0.len()), (Status::Read, left));
        assert!(!found.1.is_empty());
        assert!(capacity <= 32 << 20, "{capacity}");
    }
}

#[test]
fn how_a_text_begins_decides_whether_it_is_read() {
    let giant = |begin: &str, fill: &str| [begin.as_bytes(), fill.repeat((20 << 20) / fill.len()).as_bytes()].concat();
    let noise: String =
        (0..4_096_u32).map(|number| [' ', '\n', '\t'][(number.wrapping_mul(2_654_435_761) >> 28) as usize % 3]).collect();
    let record = r#"{"eventName":"N"}"#;
    let short = |text: &str| text.as_bytes().to_vec();
    let cases = [
        (short(record), Status::Read, None, 1),
        (short(&format!(" \u{c}\n{record}")), Status::Read, None, 1),
        (short(&format!("\u{feff}{record}")), Status::Read, None, 1),
        (short(""), Status::Skipped, None, 0),
        (short(" \n"), Status::Skipped, None, 0),
        (short("\u{feff}"), Status::Failed, Some("not-json"), 0),
        (short(&format!("text\n{record}")), Status::Failed, Some("not-json"), 0),
        (giant("", &noise), Status::Skipped, None, 0),
        (giant("\u{feff}", &noise), Status::Failed, Some("not-json"), 0),
        (giant("text", &format!("{noise}{record}")), Status::Failed, Some("not-json"), 0),
        ([giant("", &noise), short(record)].concat(), Status::Read, None, 1),
    ];
    for (text, status, trouble, records) in cases {
        for stored in [text.clone(), gzip(&text)] {
            let (outcome, found, _) = read(&stored, true);
            let begin = String::from_utf8_lossy(&text[..text.len().min(40)]);
            assert_eq!((outcome.status, code(&outcome), found.0.len()), (status, trouble, records), "{begin:?}");
            assert_eq!(outcome.inflated_bytes, text.len() as u64);
        }
    }
    // What is damaged is read all the same.
    for text in [short(&format!("text\n{record}\n")), giant("text", &format!("{noise}{record}"))] {
        let stored = gzip(&text);
        let (outcome, found, _) = read(&stored[..stored.len() - 1], true);
        assert_eq!((outcome.status, code(&outcome)), (Status::Failed, Some("truncated-gzip")));
        assert!(!found.0.is_empty() && found.1.len() == 1);
    }
}
