//! The HTML report: one self-contained file that needs no network, for an auditor and for the owner of an account.
//!
//! What is shown, in which order, is in `reports/report.html`; what a page holds, and how much of it, is here.

mod chart;
mod event;
mod heat;
mod page;
mod scope;

use tera::{Context, Value};

use crate::report::templates::{RenderError, Templates};
use crate::report::v1::Document;

/// Findings shown with their occurrences; the rest are rows of a table.
pub(crate) const DETAILED_FINDINGS: usize = 1_000;

/// Bytes of pretty-printed events in one report. Past that, an occurrence says where its event is.
pub(crate) const EVENT_BYTES: usize = 6 * 1024 * 1024;

/// Renders the report, UTF-8.
///
/// # Errors
///
/// If a template of the user's folder prints something that the document does not have.
pub(crate) fn render(document: &Document, templates: &Templates) -> Result<String, RenderError> {
    let failed = |error: tera::Error| RenderError::new("report.html", &error);
    let mut context = Context::from_serialize(&page::Page::of(document)).map_err(failed)?;
    // What only a scope shows is not in a report without one.
    let css = if document.scope.is_some() { [&*templates.css, &*templates.scope_css].concat() } else { templates.css.clone() };
    context.insert_value("css", Value::safe_string(&css));
    context.insert_value("script", Value::safe_string(&templates.script));
    // The policy holds quotes that belong to it, and nothing from a document.
    context.insert_value("content_security_policy", Value::safe_string(&templates.content_security_policy()));
    templates.html.render("report.html", &context).map_err(failed)
}

#[cfg(test)]
mod tests;
