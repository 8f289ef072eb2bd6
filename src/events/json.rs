//! Records as JSON Lines: what is told of each, and under `event` the record itself.

use std::io::{self, Write};

use super::row::Row;

/// Writes a record's line. The record stands there as it stands in the log; only line breaks between its values, of which a line can
/// have none, are spaces.
///
/// # Errors
/// Those of the writer.
pub(crate) fn line(row: &Row, event: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let mut head = serde_json::to_vec(row)?;
    head.pop();
    out.write_all(&head)?;
    out.write_all(b",\"event\":")?;
    for part in event.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
        match part {
            // Strict JSON has none inside texts.
            [text @ .., b'\n' | b'\r'] => {
                out.write_all(text)?;
                out.write_all(b" ")?;
            }
            text => out.write_all(text)?,
        }
    }
    out.write_all(b"}\n")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::events::example;

    #[test]
    fn a_line_has_the_fields_and_the_record_and_nothing_breaks_it() {
        let text = "{\"eventTime\":\"2026-10-01T00:00:00Z\",\r\n \"eventSource\":\"ec2.amazonaws.com\",\n\"eventName\":\"a\\nb\",\
                    \"readOnly\":false}";
        let mut out = Vec::new();
        line(&example::row(text), text.as_bytes(), &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out.lines().count(), 1, "{out}");
        let line: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(line["event"], serde_json::from_str::<Value>(text).unwrap());
        let keys: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = vec![
            "version",
            "time",
            "account",
            "region",
            "service",
            "api",
            "actor",
            "via",
            "address",
            "outcome",
            "error",
            "resources",
            "event_id",
            "read_only",
            "object",
            "record",
            "event",
        ];
        expected.sort_unstable();
        assert_eq!(keys, expected);
        assert_eq!((&line["version"], &line["service"], &line["record"]), (&json!(1), &json!("ec2"), &json!(3)));
    }
}
