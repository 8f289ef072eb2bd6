//! Coverage and verdicts of a scope for the terminal: first what bounds every verdict below it.

use super::{Screen, Style, left_out};
use crate::report::scope::{ScopeView, Verdicts};
use crate::report::v1::{Document, Framework, Obstacle};
use crate::report::{escape, words};

use unicode_width::UnicodeWidthStr;

/// Accounts in the table.
const ACCOUNTS: usize = 20;

/// Obstacles, left-out accounts, notes and groups of policies listed of each.
const LISTED: usize = 20;

/// Ids named on one line; the rest are counted.
const IDS: usize = 6;

/// Columns of an account's name.
const NAME: usize = 28;

/// What the run could see, and what it could not.
pub(super) fn coverage(view: &ScopeView<'_>, screen: &mut Screen) {
    let scope = view.scope;
    let organisation = scope.organization.as_ref().map(|id| format!(", organisation {id}")).unwrap_or_default();
    screen.wrapped(Style::Bold, "", &format!("COVERAGE of {}{organisation}, run {}", scope.name, scope.run_id));
    let style = if scope.complete { Style::Plain } else { Style::Warning };
    screen.wrapped(style, "", &scope.statement);
    screen.wrapped(Style::Plain, "", &scope.integrity.statement);
    screen.wrapped(Style::Plain, "", &scope.recording.statement);
    screen.wrapped(Style::Plain, "", &format!("period: {}", view.period));
    let regions = words::plural(view.regions as u64, "region", "regions");
    let denominator = &view.denominator;
    screen.wrapped(Style::Plain, "", &format!("{denominator}; {regions}; at least {} % is asked for", scope.min_coverage));
    if view.not_applicable > 0 {
        let hours = words::plural(view.not_applicable, "account-region-hour is", "account-region-hours are");
        screen.wrapped(Style::Dim, "", &format!("{hours} outside the denominator, because the region was not enabled"));
    }
    for reason in &scope.unknown {
        let hours = words::plural(reason.hours, "hour", "hours");
        screen.wrapped(Style::Plain, "  ", &format!("{}: {hours}, {}", reason.reason, reason.words));
    }
    screen.end();
    accounts(view, screen);
    obstacles(&scope.obstacles, screen);
    outside(view, screen);
    collection(view, screen);
}

fn accounts(view: &ScopeView<'_>, screen: &mut Screen) {
    let shown = view.accounts.get(..ACCOUNTS).unwrap_or(&view.accounts);
    let rows: Vec<[String; 5]> = shown
        .iter()
        .map(|row| {
            [
                escape::terminal(&row.account.account),
                words::shorten(&escape::terminal(&row.account.name), NAME),
                words::shorten(&escape::terminal(&row.account.env), 12),
                format!("{} of {} h", words::count(row.account.covered), words::count(row.account.due)),
                row.percent.clone(),
            ]
        })
        .collect();
    let widths: [usize; 5] =
        std::array::from_fn(|column| rows.iter().filter_map(|row| Some(row.get(column)?.width())).max().unwrap_or(0));
    for (row, cells) in shown.iter().zip(&rows) {
        screen.put(Style::Plain, "  ");
        for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let style = match (column, row.kind) {
                (4, "part") => Style::Warning,
                (4, "none") => Style::Alarm,
                (2, _) => Style::Dim,
                _ => Style::Plain,
            };
            screen.cell(style, cell, width);
        }
        screen.put(Style::Plain, &words::plural(row.account.findings, "finding", "findings"));
        screen.end();
    }
    let rest = view.accounts.get(shown.len()..).unwrap_or_default();
    if !rest.is_empty() {
        let whole = rest.iter().filter(|row| row.kind == "full").count() as u64;
        let accounts = words::plural(rest.len() as u64, "more account", "more accounts");
        let whole = words::count(whole);
        screen.line(Style::Dim, &format!("  … {accounts}, {whole} of them with every hour; the JSON and HTML reports list them"));
    }
    screen.end();
}

fn obstacles(obstacles: &[Obstacle], screen: &mut Screen) {
    if obstacles.is_empty() {
        return;
    }
    screen.line(Style::Bold, &format!("{} to seeing more", words::plural(obstacles.len() as u64, "obstacle", "obstacles")));
    for obstacle in obstacles.iter().take(LISTED) {
        screen.put(Style::Warning, &format!("  {}", obstacle.reason));
        let cells = words::plural(obstacle.cells, "account and region", "accounts and regions");
        screen.put(Style::Plain, &format!("  {cells}"));
        screen.end();
        screen.wrapped(Style::Dim, "    ", &some(&obstacle.accounts));
        screen.wrapped(Style::Plain, "    ", &obstacle.message);
    }
    left_out(obstacles.len().saturating_sub(LISTED) as u64, "obstacles", screen);
    screen.end();
}

/// What is not in scope although it may be of the organisation, and remarks.
fn outside(view: &ScopeView<'_>, screen: &mut Screen) {
    let scope = view.scope;
    if !scope.left_out.is_empty() {
        screen.line(Style::Bold, &format!("{} left out", words::plural(scope.left_out.len() as u64, "account", "accounts")));
        for one in scope.left_out.iter().take(LISTED) {
            let name = words::shorten(&escape::terminal(&one.name), NAME);
            screen.wrapped(Style::Plain, "  ", &format!("{} {name}: {}", one.account, one.reason));
        }
        left_out(scope.left_out.len().saturating_sub(LISTED) as u64, "accounts", screen);
        screen.end();
    }
    if !scope.strangers.is_empty() {
        let (number, are) = (scope.strangers.len() as u64, "have logs in a source but are neither in scope nor left out");
        let accounts = words::plural(number, "account", "accounts");
        screen.wrapped(Style::Warning, "", &format!("{accounts} {are}: {}", some(&scope.strangers)));
    }
    for note in scope.notes.iter().take(LISTED) {
        screen.wrapped(Style::Plain, "", &format!("note: {note}"));
    }
    left_out(scope.notes.len().saturating_sub(LISTED) as u64, "notes", screen);
    if !(scope.strangers.is_empty() && scope.notes.is_empty()) {
        screen.end();
    }
}

fn collection(view: &ScopeView<'_>, screen: &mut Screen) {
    let words = &view.collection;
    let style = if view.scope.collection.balanced { Style::Plain } else { Style::Alarm };
    screen.wrapped(style, "", &format!("collected: {}", words.books));
    screen.wrapped(Style::Plain, "", &format!("requests: {}", words.requests));
    if let Some(delays) = &words.delays {
        screen.wrapped(Style::Plain, "", &format!("longest delays: {delays}"));
    }
    for line in &words.backlog {
        screen.wrapped(Style::Warning, "", line);
    }
    if !view.scope.abandoned.is_empty() {
        let runs = words::plural(view.scope.abandoned.len() as u64, "earlier run", "earlier runs");
        screen.wrapped(Style::Warning, "", &format!("{runs} did not finish: {}", some(&view.scope.abandoned)));
    }
    screen.end();
}

/// Verdicts of policies and requirements with their denominators.
pub(super) fn verdicts(document: &Document, view: &ScopeView<'_>, screen: &mut Screen) {
    let policies = words::plural(view.policies.total, "policy", "policies");
    screen.wrapped(Style::Bold, "", &format!("{policies}: {}", view.policies.words()));
    let places = words::plural(view.places.total, "place", "places");
    let counts = view.places.words();
    screen.wrapped(Style::Plain, "  ", &format!("by account, or account and region: {counts}, of {places}"));
    for group in view.unknown.iter().take(LISTED) {
        let of = words::plural(group.policies.len() as u64, "policy", "policies");
        let why = if group.reasons.is_empty() { "no reason is given" } else { &group.reasons };
        let ids: Vec<String> = group.policies.iter().map(|id| (*id).to_owned()).collect();
        screen.wrapped(Style::Plain, "  ", &format!("UNKNOWN: {of} for {why}"));
        screen.wrapped(Style::Dim, "    ", &some(&ids));
    }
    left_out(view.unknown.len().saturating_sub(LISTED) as u64, "reasons", screen);
    for framework in &document.frameworks {
        screen.wrapped(Style::Plain, "", &requirements(framework));
    }
    screen.wrapped(Style::Plain, "", &view.grade);
    screen.end();
}

fn requirements(framework: &Framework) -> String {
    let counts = Verdicts::of(framework.requirements.iter().filter_map(|requirement| requirement.verdict.as_deref()));
    let of = words::plural(framework.requirements.len() as u64, "requirement", "requirements");
    format!("{}: {}, of {of}", framework.id, counts.words())
}

/// Some ids, and how many more there are.
fn some(ids: &[String]) -> String {
    let shown = ids.get(..IDS).unwrap_or(ids).join(", ");
    match ids.len().saturating_sub(IDS) {
        0 => shown,
        more => format!("{shown} and {} more", words::count(more as u64)),
    }
}
