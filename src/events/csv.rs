//! Records and counts for spreadsheets: RFC 4180, and nothing that a spreadsheet would take for a formula.

use std::io::{self, Write};

use super::row::Row;
use crate::report::csv::line;

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
            (" =1", "' =1"),
            ("＝1", "'＝1"),
            ("\"=1", "\"'\"\"=1\""),
        ] {
            let mut out = Vec::new();
            line([text, "end"], &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), format!("{expected},end\r\n"), "{text:?}");
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
