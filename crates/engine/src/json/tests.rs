//! Both readers over the same small texts.

use super::*;

fn read(text: &str) -> Result<usize, JsonError> {
    Tape::default().read(text.as_bytes(), usize::MAX)
}

#[test]
fn accepts_and_refuses_what_serde_json_does() {
    let good = ["{}", "[]", "0", "-1.5e+3", "\"a\\u00e9\\n\"", "{\"a\":[1,{\"b\":null}],\"a\":2}", "[ [ ] , { } ]"];
    for text in good {
        assert_eq!(read(text), Ok(text.len()), "{text}");
        serde_json::from_str::<serde_json::Value>(text).unwrap();
    }
    let bad =
        ["", "{", "[1,]", "{\"a\"}", "{\"a\":}", "01x[", "-", "1.", "1e", "\"a", "\"\\x\"", "\"\n\"", "tru", "{,}", "[,]", "}"];
    for text in bad {
        let whole = read(text).is_ok_and(|length| length == text.len());
        assert!(!whole, "{text}");
        assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
    }
}

#[test]
fn depth_length_and_encoding_are_bounded() {
    let deep = "[".repeat(MAX_DEPTH + 1);
    assert!(matches!(read(&deep), Err(JsonError::TooDeep(_))));
    let level = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    assert_eq!(read(&level), Ok(level.len()));
    assert_eq!(Tape::default().read(b"\"abcdef\"", 4), Err(JsonError::TooLong(4)));
    assert_eq!(Tape::default().read(b"\"a\xff\"", 99), Err(JsonError::NotUtf8(2)));
}

#[test]
fn strings_read_as_written_by_any_writer() {
    let text = br#"{"k\u0065y":"\ud83d\ude00 \ud83d \"q\" \/","n":-0.50}"#;
    let mut reader = Reader::default();
    let document = reader.read(text, usize::MAX).unwrap();
    let root = document.root();
    assert_eq!(root.get("key").unwrap().text(), "\u{1F600} \u{FFFD} \"q\" /");
    assert_eq!(root.get("n").unwrap().text(), "-0.50");
    assert_eq!(root.entries().count(), 2);
}

#[test]
fn compact_text_matches_serde_json() {
    let text = "{ \"b\" : [ 1 , \"x\\u0001\\\"y\" , null ] , \"a\" : { } }";
    let mut reader = Reader::default();
    let document = reader.read(text.as_bytes(), usize::MAX).unwrap();
    let mut out = String::new();
    compact(document.root(), false, &mut out);
    assert_eq!(out, r#"{"b":[1,"x\u0001\"y",null],"a":{}}"#);
    out.clear();
    compact(document.root(), true, &mut out);
    assert_eq!(out, "{\"b\":[1,\"x\u{1}\"y\",null],\"a\":{}}");
}
