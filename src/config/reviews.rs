//! Files with reviews: who looked at a finding, when, and what they concluded. That somebody looks is the control that standards
//! ask for.

use std::path::Path;

use assize_engine::diagnostic::Span;
use assize_engine::policy::reader;
use assize_engine::time;
use assize_engine::yaml::{Node, Yaml};

use super::context::Context;
use super::syntax::{self, Refusal};
use super::{ConfigError, NoteFile};

const KEYS: &[&str] = &["finding", "by", "at", "conclusion", "note", "ticket"];

/// What a review may conclude, and what it means.
pub(crate) const CONCLUSIONS: [(&str, &str); 5] = [
    ("expected", "planned, and known to who looked"),
    ("benign", "not planned, and harmless"),
    ("false-positive", "not what the policy looks for"),
    ("incident", "a breach of the rules; the ticket says what is done"),
    ("open", "being looked into"),
];

/// What somebody concluded who looked at a finding.
#[derive(Clone, Debug)]
pub(crate) struct Review {
    /// Fingerprint of the finding.
    pub(crate) finding: String,
    /// Who looked.
    pub(crate) by: String,
    /// When, seconds since 1970 UTC.
    pub(crate) at: i64,
    /// One of [`CONCLUSIONS`].
    pub(crate) conclusion: &'static str,
    /// What was found out.
    pub(crate) note: String,
    /// Ticket; empty if there is none.
    pub(crate) ticket: String,
    /// The file, as the configuration names it.
    pub(crate) file: String,
    /// Where it stands in the file.
    pub(crate) span: Span,
}

/// Reads a file of reviews.
///
/// # Errors
/// It cannot be read, or has mistakes: all of them.
pub(crate) fn read(path: &Path) -> Result<NoteFile<Review>, ConfigError> {
    super::note_file(path, "reviews", one)
}

fn one(node: &Node, context: &mut Context<'_>, file: &str) -> Option<Review> {
    if !matches!(node.value, Yaml::Map(_)) {
        reader::wrong_kind(node, "reviews", "a list of maps", &mut context.report);
        return None;
    }
    context.keys(node, "reviews", KEYS);
    context.require(node, "finding", "the finding's fingerprint, as every report has it");
    context.require(node, "by", "who looked");
    context.require(node, "at", "when, such as 2026-04-03 or 2026-04-03T09:30:00Z");
    context.require(node, "conclusion", "one of expected, benign, false-positive, incident, open");
    let finding = context.text(node, "finding");
    let finding =
        finding.filter(|text| context.passes(text, ("bad-fingerprint", "a fingerprint"), syntax::fingerprint).is_some());
    let by = context.text(node, "by");
    let at = context.text(node, "at").and_then(|text| context.passes(&text, ("bad-time", "a time"), moment));
    let words: Vec<(&str, &'static str)> = CONCLUSIONS.iter().map(|(word, _)| (*word, *word)).collect();
    let conclusion = context.choice(node, "conclusion", &words);
    let (note, ticket) = (context.text(node, "note"), context.text(node, "ticket"));
    if conclusion == Some("incident") && ticket.is_none() {
        let found = context.report.warning(node.span, "no-ticket", "an incident without a ticket");
        found.hint("say where it is handled: an auditor asks for it next");
    }
    Some(Review {
        finding: finding?.value,
        by: by?.value,
        at: at?,
        conclusion: conclusion?,
        note: note.map(|text| text.value).unwrap_or_default(),
        ticket: ticket.map(|text| text.value).unwrap_or_default(),
        file: file.to_owned(),
        span: node.span,
    })
}

/// A day, or a time.
fn moment(text: &str) -> Result<i64, Refusal> {
    let wrong = || "write a day such as `2026-04-03`, or a time in UTC such as `2026-04-03T09:30:00Z`".to_owned();
    syntax::date(text).or_else(|_| time::parse(text).ok_or_else(wrong))
}
