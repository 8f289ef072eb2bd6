//! Reports: one versioned document, and a renderer per format.

pub(crate) mod activity;
pub(crate) mod backtest;
pub(crate) mod behind;
pub(crate) mod build;
pub(crate) mod correlated;
pub(crate) mod coverage;
pub(crate) mod escape;
pub(crate) mod example;
pub(crate) mod explain;
pub(crate) mod findings_jsonl;
pub(crate) mod html;
pub(crate) mod japanese;
pub(crate) mod language;
pub(crate) mod markdown;
pub(crate) mod prose;
pub(crate) mod redact;
pub(crate) mod scanned;
pub(crate) mod scope;
pub(crate) mod summary;
pub(crate) mod templates;
pub(crate) mod text;
pub(crate) mod told;
pub(crate) mod v1;
pub(crate) mod wiki;
pub(crate) mod words;

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

/// Renders the document in one format.
pub(crate) fn render(
    format: Format,
    document: &v1::Document,
    templates: &Templates,
    terminal: Terminal,
) -> Result<String, ReportError> {
    Ok(match format {
        Format::Text => {
            let Terminal { colour, width, findings } = terminal;
            text::render(document, text::Options { colour, width, findings })
        }
        Format::Json => format!("{}\n", serde_json::to_string_pretty(document)?),
        Format::Markdown => markdown::render(document, templates)?,
        Format::Html => html::render(document, templates)?,
    })
}

/// The file name of a report in a format.
pub(crate) fn file_name(format: Format) -> &'static str {
    match format {
        Format::Text => "report.txt",
        Format::Json => "report.json",
        Format::Markdown => "report.md",
        Format::Html => "report.html",
    }
}
