//! `findings.csv` and `verdicts.csv`: RFC 4180 with CRLF, UTF-8, and no cell that a spreadsheet takes for a formula.

use std::io::{self, Write};

use ::csv::{Terminator, Writer, WriterBuilder};

use super::ReportError;
use super::escape;
use super::rows::{self, Column, Names, Value};
use super::v1::Document;

/// With it a spreadsheet knows that the file is UTF-8, and shows Japanese.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Writes one line of texts as cells.
///
/// # Errors
/// Those of the writer.
pub(crate) fn line<'c>(cells: impl IntoIterator<Item = &'c str>, out: &mut dyn Write) -> io::Result<()> {
    // In memory first: a writer of CSV flushes what is below it when it is done, and `out` is to be flushed once.
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).buffer_capacity(1 << 10).from_writer(Vec::new());
    writer.write_record(cells.into_iter().map(escape::cell))?;
    out.write_all(&writer.into_inner().map_err(|error| error.into_error())?)
}

/// One row for each finding, in the document's order.
///
/// # Errors
/// Never in practice: the table is written to memory.
pub(crate) fn findings(document: &Document, byte_order_mark: bool) -> Result<Vec<u8>, ReportError> {
    let names = Names::of(document);
    table(&rows::FINDINGS, document.findings.iter().map(|finding| rows::finding(finding, &names)), byte_order_mark)
}

/// One row for each requirement, policy and part of the scope.
///
/// # Errors
/// Never in practice: the table is written to memory.
pub(crate) fn verdicts(document: &Document, byte_order_mark: bool) -> Result<Vec<u8>, ReportError> {
    table(&rows::VERDICTS, rows::verdicts(document).iter().map(rows::VerdictRow::values), byte_order_mark)
}

fn table<'a>(
    columns: &[Column],
    rows: impl Iterator<Item = Vec<Value<'a>>>,
    byte_order_mark: bool,
) -> Result<Vec<u8>, ReportError> {
    let start = if byte_order_mark { BYTE_ORDER_MARK.to_vec() } else { Vec::new() };
    let mut out: Writer<Vec<u8>> = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(start);
    out.write_record(columns.iter().map(|(name, _)| name))?;
    for row in rows {
        out.write_record(row.iter().map(written))?;
    }
    out.into_inner().map_err(|error| ReportError::Csv(error.into_error().into()))
}

/// A value as text. Numbers and flags are ours, and safe as they are; a time may be what a record says.
fn written(value: &Value<'_>) -> String {
    match value {
        Value::Nothing => String::new(),
        Value::Text(text) => escape::cell(text),
        Value::Time(time) => escape::cell(time),
        Value::Number(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
    }
}

#[cfg(test)]
mod tests;
