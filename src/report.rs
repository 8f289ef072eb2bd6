//! Reports: one versioned document, and a renderer per format.

pub(crate) mod activity;
pub(crate) mod backtest;
pub(crate) mod behind;
pub(crate) mod build;
pub(crate) mod correlated;
pub(crate) mod coverage;
pub(crate) mod csv;
pub(crate) mod escape;
pub(crate) mod example;
pub(crate) mod explain;
pub(crate) mod findings_jsonl;
pub(crate) mod html;
pub(crate) mod japanese;
pub(crate) mod junit;
pub(crate) mod language;
pub(crate) mod markdown;
pub(crate) mod prose;
pub(crate) mod redact;
pub(crate) mod rows;
pub(crate) mod sample;
pub(crate) mod sarif;
pub(crate) mod scanned;
pub(crate) mod scope;
pub(crate) mod summary;
pub(crate) mod templates;
pub(crate) mod text;
pub(crate) mod told;
pub(crate) mod v1;
pub(crate) mod wiki;
pub(crate) mod words;
pub(crate) mod xlsx;

#[cfg(test)]
mod fixture;

use crate::cli::Format;
use templates::Templates;

/// Why a report could not be rendered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// A template failed.
    #[error(transparent)]
    Template(#[from] templates::RenderError),
    /// The document could not be written as JSON.
    #[error("the result could not be written as JSON: {0}; this is a bug, please report it")]
    Json(#[from] serde_json::Error),
    /// A table could not be written.
    #[error("the result could not be written as CSV: {0}; this is a bug, please report it")]
    Csv(#[from] ::csv::Error),
    /// A file could not be compressed to see how large it becomes.
    #[error("the size of the result could not be measured: {0}; this is a bug, please report it")]
    Compress(#[source] std::io::Error),
    /// A workbook could not be made.
    #[error("the result could not be written as a workbook: {0}; this is a bug, please report it")]
    Xlsx(#[from] rust_xlsxwriter::XlsxError),
}

/// How a terminal shows text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// Whether colours are shown.
    pub(crate) colour: bool,
    /// Columns.
    pub(crate) width: usize,
    /// Most findings listed of each policy; the other formats have all.
    pub(crate) findings: usize,
}

/// A file of a report.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Its name.
    pub(crate) name: String,
    /// What is in it.
    pub(crate) bytes: Vec<u8>,
}

/// How the formats are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// How a terminal shows text.
    pub(crate) terminal: Terminal,
    /// Whether tables begin with a byte order mark, by which spreadsheets know UTF-8.
    pub(crate) csv_bom: bool,
}

impl Options {
    /// Those of files: a text for a file is plain and wide, whatever the terminal.
    pub(crate) fn of_files(csv_bom: bool) -> Options {
        Options { terminal: Terminal { colour: false, width: 110, findings: usize::MAX }, csv_bom }
    }
}

/// Renders the document in one format, for standard output. A format of several files gives its first.
pub(crate) fn render(
    format: Format,
    document: &v1::Document,
    templates: &Templates,
    options: Options,
) -> Result<Vec<u8>, ReportError> {
    Ok(match format {
        Format::Text => {
            let Terminal { colour, width, findings } = options.terminal;
            text::render(document, text::Options { colour, width, findings }).into_bytes()
        }
        Format::Json => (serde_json::to_string_pretty(document)? + "\n").into_bytes(),
        Format::Markdown => markdown::render(document, templates)?.into_bytes(),
        Format::Html => html::render(document, templates)?.into_bytes(),
        Format::Sarif => sarif::render(document)?.into_bytes(),
        Format::Junit => junit::render(document).into_bytes(),
        Format::Csv => csv::findings(document, options.csv_bom)?,
        Format::Xlsx => xlsx::render(document)?,
        Format::Wiki => wiki::files(document).into_iter().next().map(|(_, page)| page.into_bytes()).unwrap_or_default(),
    })
}

/// Renders the files of a format.
pub(crate) fn files(
    format: Format,
    document: &v1::Document,
    templates: &Templates,
    csv_bom: bool,
) -> Result<Vec<File>, ReportError> {
    let file = |name: &str, bytes| File { name: name.to_owned(), bytes };
    Ok(match format {
        // A large one has a page for each account beside it.
        Format::Html => {
            let pages = html::render_files(document, templates)?;
            pages.into_iter().map(|(name, page)| File { name, bytes: page.into_bytes() }).collect()
        }
        Format::Wiki => wiki::files(document).into_iter().map(|(name, page)| File { name, bytes: page.into_bytes() }).collect(),
        Format::Csv => vec![
            file(file_name(format), csv::findings(document, csv_bom)?),
            file("verdicts.csv", csv::verdicts(document, csv_bom)?),
        ],
        _ => vec![file(file_name(format), render(format, document, templates, Options::of_files(csv_bom))?)],
    })
}

/// The name of the first file of a format.
pub(crate) fn file_name(format: Format) -> &'static str {
    match format {
        Format::Text => "report.txt",
        Format::Json => "report.json",
        Format::Markdown => "report.md",
        Format::Html => "report.html",
        Format::Sarif => "report.sarif",
        Format::Junit => "report.junit.xml",
        Format::Csv => "findings.csv",
        Format::Xlsx => "report.xlsx",
        Format::Wiki => "wiki/Home.md",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use clap::ValueEnum;

    use super::*;

    #[test]
    fn ten_thousand_findings_in_five_hundred_accounts_are_written_in_every_format() {
        let (document, templates) = (fixture::sweeping(), Templates::load(None).unwrap());
        let mut names = Vec::new();
        for format in Format::value_variants() {
            let start = Instant::now();
            let files = files(*format, &document, &templates, false).unwrap();
            let bytes: usize = files.iter().map(|file| file.bytes.len()).sum();
            assert_eq!(files[0].name, file_name(*format));
            assert!(files.iter().all(|file| !file.bytes.is_empty()));
            eprintln!("{format:?}: {bytes} bytes in {} ms, {} and so on", start.elapsed().as_millis(), files[0].name);
            names.extend(files.into_iter().map(|file| file.name));
        }
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "every file has a name of its own: {names:?}");
    }
}
