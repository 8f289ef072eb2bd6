//! Records and counts for spreadsheets: RFC 4180, and nothing that a spreadsheet would take for a formula.

use std::io::{self, Write};

use super::row::Row;
use crate::report::escape::terminal;

/// Bytes by which Excel knows that a file is UTF-8.
pub(crate) const BYTE_ORDER_MARK: &str = "\u{feff}";

const HEAD: [&str; 15] = [
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
];

/// Writes the names of the columns of [`record`].
///
/// # Errors
/// Those of the writer.
pub(crate) fn head(out: &mut dyn Write) -> io::Result<()> {
    line(HEAD, out)
}

/// Writes a record.
///
/// # Errors
/// Those of the writer.
pub(crate) fn record(row: &Row, out: &mut dyn Write) -> io::Result<()> {
    let (resources, read_only, number) = (row.resources.join(" "), row.read_only.to_string(), row.record.to_string());
    let cells = [
        &row.time,
        &row.account,
        &row.region,
        &row.service,
        &row.api,
        &row.actor,
        &row.via,
        &row.address,
        &row.outcome,
        &row.error,
        &resources,
        &row.event_id,
        &read_only,
        &row.object,
        &number,
    ];
    line(cells.map(String::as_str), out)
}

/// Writes a line of cells.
///
/// # Errors
/// Those of the writer.
pub(crate) fn line<'c>(cells: impl IntoIterator<Item = &'c str>, out: &mut dyn Write) -> io::Result<()> {
    let cells: Vec<String> = cells.into_iter().map(cell).collect();
    write!(out, "{}\r\n", cells.join(","))
}

/// A cell: text, whatever its beginning means to a spreadsheet, with characters that nobody would see spelt out, and in quotes where a
/// comma or a quote is in it.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = format!("{}{}", if formula { "'" } else { "" }, terminal(text));
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::example;

    #[test]
    fn cells_are_no_formulas_and_break_no_line() {
        for (text, expected) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\\t=1"),
            ("\r=1", "'\\r=1"),
            ("a=1", "a=1"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("=\"a\",b", "\"'=\"\"a\"\",b\""),
            ("a\nb", "a\\nb"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
            ("東京", "東京"),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_record_has_as_many_cells_as_there_are_columns() {
        let mut out = Vec::new();
        head(&mut out).unwrap();
        record(&example::row(&example::RECORD.replace("alice", "=alice")), &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = out.split("\r\n").collect();
        assert_eq!(lines.len(), 3, "{out}");
        assert_eq!(lines.iter().map(|line| line.split(',').count()).collect::<Vec<_>>(), [15, 15, 1], "{out}");
        assert!(lines[1].contains(",'=alice,"), "{out}");
    }
}
