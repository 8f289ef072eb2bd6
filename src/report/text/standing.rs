//! What changed since the run before, what nobody has looked at, and what is accepted, for the terminal.

use super::{Screen, Style};
use crate::report::v1::{Document, Finding};
use crate::report::{escape, words};

/// Findings listed of those that are new or came back.
const LISTED: usize = 12;

/// Says it, if the document is of a run.
pub(super) fn changes(document: &Document, screen: &mut Screen) {
    let Some(changes) = &document.changes else { return };
    screen.wrapped(Style::Bold, "", &changes.statement);
    let fresh = |finding: &&Finding| finding.is_severe() && finding.is_new();
    let mut all = document.findings.iter().filter(fresh);
    for finding in all.by_ref().take(LISTED) {
        let state = finding.life.as_ref().map_or("", |life| life.state.as_str());
        let text = format!("{state}  {} {} {}  {}", finding.level, finding.account, finding.region, finding.title);
        screen.wrapped(Style::Plain, "  ", &escape::terminal(&text));
    }
    let more = all.count() as u64;
    if more > 0 {
        screen.wrapped(Style::Dim, "  ", &format!("… {} more", words::count(more)));
    }
    if changes.unreviewed > 0 {
        let findings = words::plural(changes.unreviewed, "finding waits", "findings wait");
        let overdue =
            if changes.overdue > 0 { format!(", {} of them overdue", words::count(changes.overdue)) } else { String::new() };
        screen.wrapped(Style::Plain, "", &format!("{findings} for somebody to look{overdue}; `assize review` lists them"));
    }
    for waiver in &document.waivers {
        let text = format!(
            "waiver {}: {} ({}), {}; owner {}, until {}",
            waiver.waiver.state,
            waiver.policy,
            waiver.scope,
            words::plural(waiver.findings, "finding", "findings"),
            waiver.waiver.owner,
            words::time(&waiver.waiver.expires)
        );
        let style = if waiver.waiver.holds() { Style::Plain } else { Style::Warning };
        screen.wrapped(style, "  ", &escape::terminal(&text));
    }
    screen.end();
}
