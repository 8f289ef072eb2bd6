//! The HTML report: one self-contained file that needs no network, for an auditor and for the owner of an account. Where it would
//! be larger than a browser opens well, the findings of each account are on a page of their own beside it.
//!
//! What is shown, in which order, is in `reports/report.html`; what a page holds, and how much of it, is here.

mod chart;
mod event;
mod heat;
mod page;
mod scope;
mod standing;

use std::borrow::Cow;

use serde::Serialize;
use tera::{Context, Value};

use crate::config::Lang;
use crate::report::japanese;
use crate::report::summary;
use crate::report::templates::{RenderError, Templates};
use crate::report::v1::{Document, Finding};

/// Findings shown with their occurrences; the rest are rows of a table.
pub(crate) const DETAILED_FINDINGS: usize = 1_000;

/// Up to so many findings, those of the lowest level are shown with their occurrences too.
pub(crate) const FEW_FINDINGS: usize = 150;

/// Bytes of pretty-printed events in one file. Past that, an occurrence says where its event is.
pub(crate) const EVENT_BYTES: usize = 6 * 1024 * 1024;

/// A report larger than this, bytes, is an index and a page for each account.
const WHOLE: usize = 10 * 1024 * 1024;

/// The page of one account.
#[derive(Debug, Serialize)]
pub(crate) struct AccountPage {
    /// Its file, beside the report.
    pub(crate) file: String,
    /// Account id.
    pub(crate) account: String,
    /// Findings on it.
    pub(crate) findings: usize,
}

/// What the page of an account is given.
#[derive(Serialize)]
struct AccountView<'a> {
    lang: &'static str,
    account: &'a str,
    name: &'a str,
    run: &'a crate::report::v1::Run,
    statement: &'a str,
    findings: Vec<page::FindingView<'a>>,
    events_left_out: u64,
}

/// Renders the report as one file, UTF-8.
///
/// # Errors
///
/// If a template of the user's folder prints something that the document does not have.
pub(crate) fn render(document: &Document, templates: &Templates) -> Result<String, RenderError> {
    index(&spoken(document, templates), templates, &[])
}

/// Renders the report as files with their names: one, or an index and a page for each account if one would be larger than
/// 10 MB.
///
/// # Errors
///
/// As [`render`].
pub(crate) fn render_files(document: &Document, templates: &Templates) -> Result<Vec<(String, String)>, RenderError> {
    let document = spoken(document, templates);
    let whole = index(&document, templates, &[])?;
    if whole.len() <= WHOLE {
        return Ok(vec![("report.html".to_owned(), whole)]);
    }
    drop(whole);
    let accounts = summary::of_accounts(&document);
    let page = |of: &summary::OfAccount<'_>| AccountPage {
        file: format!("report-{}.html", of.file_part),
        account: of.account.to_owned(),
        findings: of.findings.len(),
    };
    let pages: Vec<AccountPage> = accounts.iter().map(page).collect();
    let mut files = vec![("report.html".to_owned(), index(&document, templates, &pages)?)];
    for (page, of) in pages.iter().zip(accounts) {
        files.push((page.file.clone(), account(&document, templates, of.account, of.findings)?));
    }
    Ok(files)
}

/// The document in the language of the templates.
fn spoken<'a>(document: &'a Document, templates: &Templates) -> Cow<'a, Document> {
    match templates.lang {
        Lang::En => Cow::Borrowed(document),
        Lang::Ja => Cow::Owned(japanese::document(document)),
    }
}

fn index(document: &Document, templates: &Templates, pages: &[AccountPage]) -> Result<String, RenderError> {
    let failed = |error: tera::Error| RenderError::new("report.html", &error);
    let page = page::Page::of(document, (templates.lang, templates.zone.as_deref()), pages);
    let mut context = Context::from_serialize(&page).map_err(failed)?;
    dress(&mut context, document, templates);
    templates.html().render("report.html", &context).map_err(failed)
}

fn account(document: &Document, templates: &Templates, account: &str, findings: Vec<&Finding>) -> Result<String, RenderError> {
    let failed = |error: tera::Error| RenderError::new("account.html", &error);
    let mut room = page::EventRoom { bytes: EVENT_BYTES, left_out: 0 };
    let views = page::findings(findings, &mut room).into_iter().map(page::FindingView::without_policy).collect();
    let known = document.scope.iter().flat_map(|scope| &scope.accounts).find(|known| known.account == account);
    let view = AccountView {
        lang: templates.lang.code(),
        account,
        name: known.map_or("", |known| &known.name),
        run: &document.run,
        statement: &document.coverage.statement,
        findings: views,
        events_left_out: room.left_out,
    };
    let mut context = Context::from_serialize(&view).map_err(failed)?;
    dress(&mut context, document, templates);
    templates.html().render("account.html", &context).map_err(failed)
}

/// Style and script, and what allows exactly these.
fn dress(context: &mut Context, document: &Document, templates: &Templates) {
    // What only a scope shows is not in a report without one.
    let css = if document.scope.is_some() { [&*templates.css, &*templates.scope_css].concat() } else { templates.css.clone() };
    context.insert_value("css", Value::safe_string(&css));
    context.insert_value("script", Value::safe_string(&templates.script));
    // The policy holds quotes that belong to it, and nothing from a document.
    context.insert_value("content_security_policy", Value::safe_string(&templates.content_security_policy()));
}

#[cfg(test)]
mod tests;
