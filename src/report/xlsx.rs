//! `report.xlsx`: the result as a workbook for auditors. Strings are strings: nothing in it is a formula or a link, and dates
//! are dates.

mod sheets;

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, IgnoreError, Workbook, Worksheet};

use super::ReportError;
use super::escape;
use super::rows::{Column, Value};
use super::v1::Document;
use assize_engine::time;
use sheets::Table;

/// Most rows of a sheet below its header. Excel takes 1,048,576 rows; a file with that many is of no use to anybody, and
/// `verdicts.csv` has no limit.
const MAX_ROWS: usize = 100_000;

/// Characters that Excel takes in a cell, as it counts them: UTF-16.
const MAX_CELL: usize = 32_767;

/// What stands at the end of a text that was cut.
const CUT: &str = "… (cut)";

/// Renders the document.
///
/// # Errors
/// The workbook could not be made, which is a bug.
pub(crate) fn render(document: &Document) -> Result<Vec<u8>, ReportError> {
    let mut book = Workbook::new();
    let mut properties = DocProperties::new().set_title("Assize report").set_author(document.run.tool);
    // Without it the time of writing would enter the file, and no two files would be the same.
    if let Some(as_of) = date(&document.run.as_of) {
        properties = properties.set_creation_datetime(&as_of);
    }
    book.set_properties(&properties);
    let mut writer = Writer::new();
    let mut notes = Vec::new();
    let mut pages = Vec::new();
    for table in sheets::tables(document, MAX_ROWS) {
        if table.left_out > 0 {
            notes.push(format!("{}: {} rows are left out; {}", table.name, table.left_out, table.elsewhere));
        }
        pages.push(writer.sheet(&table)?);
    }
    if writer.cut > 0 {
        notes.push(format!(
            "{} texts were longer than {MAX_CELL} characters, which is all a cell takes; they end in {CUT}",
            writer.cut
        ));
    }
    book.push_worksheet(writer.summary(&sheets::summary(document, &notes))?);
    for page in pages {
        book.push_worksheet(page);
    }
    Ok(book.save_to_buffer()?)
}

/// Writes cells, and counts what had to be cut.
struct Writer {
    header: Format,
    date: Format,
    /// Text that would become a formula when somebody edits the cell.
    quoted: Format,
    cut: u64,
}

impl Writer {
    fn new() -> Writer {
        Writer {
            header: Format::new().set_bold(),
            date: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
            quoted: Format::new().set_quote_prefix(),
            cut: 0,
        }
    }

    /// A sheet with a header that stays, a filter, and a row for each of the table's.
    fn sheet(&mut self, table: &Table<'_>) -> Result<Worksheet, ReportError> {
        let mut sheet = Worksheet::new();
        sheet.set_name(table.name)?.set_freeze_panes(1, 0)?;
        self.columns(&mut sheet, &table.columns)?;
        let mut last = 0;
        for (row, values) in (1..).zip(&table.rows) {
            self.row(&mut sheet, row, values)?;
            last = row;
        }
        let right = u16::try_from(table.columns.len()).unwrap_or(1).saturating_sub(1);
        sheet.autofilter(0, 0, last, right)?;
        // Account ids are text, whatever a spreadsheet thinks of text made of digits.
        sheet.ignore_error_range(0, 0, last, right, IgnoreError::NumberStoredAsText)?;
        Ok(sheet)
    }

    /// The first sheet: rows of their own, without a header for all.
    fn summary(&mut self, rows: &[Vec<Value<'_>>]) -> Result<Worksheet, ReportError> {
        let mut sheet = Worksheet::new();
        sheet.set_name("Summary")?.set_column_width(0, 28)?.set_column_width(1, 40)?.set_freeze_panes(1, 0)?;
        for (row, values) in (0..).zip(rows) {
            self.row(&mut sheet, row, values)?;
        }
        sheet.set_row_format(0, &self.header)?;
        sheet.ignore_error_range(0, 0, u32::try_from(rows.len()).unwrap_or(0), 1, IgnoreError::NumberStoredAsText)?;
        Ok(sheet)
    }

    fn columns(&self, sheet: &mut Worksheet, columns: &[Column]) -> Result<(), ReportError> {
        for (column, (name, width)) in (0..).zip(columns) {
            sheet.set_column_width(column, *width)?.write_string_with_format(0, column, *name, &self.header)?;
        }
        Ok(())
    }

    fn row(&mut self, sheet: &mut Worksheet, row: u32, values: &[Value<'_>]) -> Result<(), ReportError> {
        for (column, value) in (0..).zip(values) {
            match value {
                Value::Nothing => {}
                Value::Text(text) => self.text(sheet, (row, column), text)?,
                Value::Time(text) => match date(text) {
                    Some(date) => drop(sheet.write_datetime_with_format(row, column, &date, &self.date)?),
                    // A time that no calendar has is text.
                    None => self.text(sheet, (row, column), text)?,
                },
                Value::Number(number) => drop(sheet.write_number(row, column, *number as f64)?),
                Value::Flag(flag) => drop(sheet.write_boolean(row, column, *flag)?),
            }
        }
        Ok(())
    }

    fn text(&mut self, sheet: &mut Worksheet, (row, column): (u32, u16), text: &str) -> Result<(), ReportError> {
        let mut shown = escape::terminal(text);
        if shown.encode_utf16().count() > MAX_CELL {
            shown = shortened(&shown);
            self.cut += 1;
        }
        if escape::is_formula(text) {
            sheet.write_string_with_format(row, column, shown, &self.quoted)?;
        } else {
            sheet.write_string(row, column, shown)?;
        }
        Ok(())
    }
}

/// As much of the text as a cell takes, and that it was cut.
fn shortened(text: &str) -> String {
    let mut room = MAX_CELL - CUT.encode_utf16().count();
    let fits = |c: &char| {
        let left = room.checked_sub(c.len_utf16());
        room = left.unwrap_or(0);
        left.is_some()
    };
    let mut short: String = text.chars().take_while(fits).collect();
    short.push_str(CUT);
    short
}

/// A time as Excel counts them: from 1900 to 9999.
fn date(text: &str) -> Option<ExcelDateTime> {
    ExcelDateTime::from_timestamp(time::parse(text)?).ok()
}

#[cfg(test)]
mod tests;
