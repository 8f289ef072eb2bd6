//! The Markdown report: one page for a job summary, most important first, never more than [`MAX_BYTES`].
//!
//! Job summaries are cut by the services that show them, without a word. This one cuts itself, first by listing
//! fewer rows, and says what is left out and where it is.

mod scope;

use serde::Serialize;
use tera::Context;

use crate::report::summary::{self, AccountCount, LevelCount, Verdict};
use crate::report::templates::{RenderError, Templates};
use crate::report::v1::{
    Books, Changes, Count, Coverage, Document, FieldValue, Finding, Framework, Policy, Problem, Requirement, Run, WaiverUse,
};
use crate::report::words;

/// Largest report, bytes of UTF-8.
pub(crate) const MAX_BYTES: usize = 100_000;

/// Rows of each list that are tried in turn until the report fits.
const ROWS: [usize; 10] = [300, 200, 120, 80, 50, 25, 10, 5, 2, 0];

/// The last line of a report that did not fit with the fewest rows.
const CUT: &str = "\n\n**This summary was cut here to stay below 100,000 bytes. The whole result is in report.html, every \
    match in findings.jsonl.**\n";

/// The root of the template's variables.
#[derive(Serialize)]
struct Page<'a> {
    verdict: Verdict,

    run: &'a Run,
    books: &'a Books,
    coverage: CoverageView<'a>,
    /// Coverage and verdicts, if there is a scope.
    scope: Option<scope::ScopePage<'a>>,
    changes: Option<&'a Changes>,
    /// Findings that are new or came back, those of the lowest level left out.
    fresh: Listed<FreshRow<'a>>,
    waivers: Listed<&'a WaiverUse>,
    tampering: Listed<&'a Problem>,
    problems: Listed<&'a Problem>,
    problems_total: u64,
    levels: Vec<LevelCount>,
    findings_total: usize,
    groups: Vec<LevelGroup<'a>>,
    accounts: Listed<AccountCount>,
    frameworks: Vec<FrameworkView<'a>>,
    for_review: Listed<&'a Policy>,
    policies_total: usize,
    policies_not_matched: usize,
}

/// [`Coverage`] in numbers.
#[derive(Serialize)]
struct CoverageView<'a> {
    statement: &'a str,
    accounts: usize,
    regions: usize,
    first_event: &'a Option<String>,
    last_event: &'a Option<String>,
}

/// The first rows of a list, and how many there are besides.
#[derive(Serialize)]
struct Listed<T> {
    shown: Vec<T>,
    left_out: u64,
}

/// Findings of one level.
#[derive(Serialize)]
struct LevelGroup<'a> {
    level: &'a str,
    total: u64,
    findings: Listed<FindingRow<'a>>,
}

#[derive(Serialize)]
struct FindingRow<'a> {
    title: &'a str,
    /// What a correlation asked for and came to.
    correlated: Option<&'a str>,
    account: &'a str,
    region: &'a str,
    group: &'a [FieldValue],
    period: String,
    count: u64,
    /// Who is behind it, the first of what is told.
    behind: Option<&'a str>,
    /// What else is told.
    behind_more: usize,
}

/// A finding that is new or came back.
#[derive(Serialize)]
struct FreshRow<'a> {
    title: &'a str,
    state: &'a str,
    level: &'a str,
    account: &'a str,
    region: &'a str,
    first_seen: &'a str,
    group: &'a [FieldValue],
}

/// A framework with the requirements that need attention.
#[derive(Serialize)]
struct FrameworkView<'a> {
    framework: &'a Framework,
    statuses: Vec<Count>,
    attention: Listed<&'a Requirement>,
}

/// Renders the report, UTF-8, at most [`MAX_BYTES`].
///
/// # Errors
///
/// If a template of the user's folder prints something that the document does not have.
pub(crate) fn render(document: &Document, templates: &Templates) -> Result<String, RenderError> {
    let mut report = String::new();
    for rows in ROWS {
        report = Context::from_serialize(&Page::of(document, rows))
            .and_then(|context| templates.markdown().render("report.md", &context))
            .map_err(|error| RenderError::new("report.md", &error))?;
        if report.len() <= MAX_BYTES {
            return Ok(report);
        }
    }
    Ok(cut(&report))
}

/// The lines that fit, and one that says that it was cut.
fn cut(report: &str) -> String {
    let mut out = String::with_capacity(MAX_BYTES);
    for line in report.split_inclusive('\n') {
        if out.len() + line.len() + CUT.len() > MAX_BYTES {
            break;
        }
        out.push_str(line);
    }
    out.push_str(CUT);
    out
}

impl<'a> FreshRow<'a> {
    /// The finding, if it is new or came back.
    fn of(finding: &'a Finding) -> Option<Self> {
        let state = finding.life.as_ref().filter(|life| life.is_new())?.state.as_str();
        let Finding { title, level, account, region, first_seen, group, .. } = finding;
        Some(Self { title, state, level, account, region, first_seen, group })
    }
}

impl<T> Listed<T> {
    fn of(items: impl IntoIterator<Item = T>, rows: usize) -> Self {
        let mut shown: Vec<T> = items.into_iter().collect();
        let left_out = shown.len().saturating_sub(rows) as u64;
        shown.truncate(rows);
        Self { shown, left_out }
    }
}

impl<'a> Page<'a> {
    fn of(document: &'a Document, rows: usize) -> Self {
        let (tampering, problems) = summary::problems(document);
        let coverage = &document.coverage;
        let unlisted = coverage.problems_total.saturating_sub(coverage.problems.len() as u64);
        let mut problems = Listed::of(problems, rows.min(50));
        problems.left_out += unlisted;
        Self {
            verdict: Verdict::of(document),

            run: &document.run,
            books: &document.books,
            coverage: CoverageView::of(coverage),
            scope: scope::ScopePage::of(document, rows),
            changes: document.changes.as_ref(),
            fresh: {
                let severe = document.findings.iter().filter(|finding| finding.is_severe());
                let mut fresh = Listed::of(severe.filter_map(FreshRow::of), rows);
                let all = document.findings.iter().filter_map(FreshRow::of).count() as u64;
                fresh.left_out = all - fresh.shown.len() as u64;
                fresh
            },
            waivers: Listed::of(&document.waivers, rows),
            tampering: Listed::of(tampering, rows),
            problems,
            problems_total: coverage.problems_total,
            levels: summary::by_level(&document.findings),
            findings_total: document.findings.len(),
            groups: groups(&document.findings, rows),
            accounts: Listed::of(summary::by_account(&document.findings), rows.min(25)),
            frameworks: document.frameworks.iter().map(|framework| FrameworkView::of(framework, rows)).collect(),
            for_review: Listed::of(document.policies.iter().filter(|policy| policy.not_evaluable > 0), rows.min(50)),
            policies_total: document.policies.len(),
            policies_not_matched: document.policies.iter().filter(|policy| policy.matches == 0).count(),
        }
    }
}

impl<'a> CoverageView<'a> {
    fn of(coverage: &'a Coverage) -> Self {
        Self {
            statement: &coverage.statement,
            accounts: coverage.accounts.len(),
            regions: coverage.regions.len(),
            first_event: &coverage.first_event,
            last_event: &coverage.last_event,
        }
    }
}

impl<'a> FindingRow<'a> {
    fn of(finding: &'a Finding) -> Self {
        let behind = summary::behind(finding);
        Self {
            title: &finding.title,
            correlated: finding.correlated.as_ref().map(|correlated| correlated.statement.as_str()),
            account: &finding.account,
            region: &finding.region,
            group: &finding.group,
            period: words::period(&finding.first_seen, &finding.last_seen),
            count: finding.count,
            behind: behind.first().copied(),
            behind_more: behind.len().saturating_sub(1),
        }
    }
}

impl<'a> FrameworkView<'a> {
    fn of(framework: &'a Framework, rows: usize) -> Self {
        let quiet = |status: &str| matches!(status, "no match" | "not answered by logs");
        let attention = framework.requirements.iter().filter(|requirement| !quiet(&requirement.status));
        Self { framework, statuses: summary::by_status(framework), attention: Listed::of(attention, rows) }
    }
}

/// Findings by level, most severe first; `rows` of them in all.
fn groups(findings: &[Finding], rows: usize) -> Vec<LevelGroup<'_>> {
    let mut left = rows;
    let mut groups = Vec::new();
    for count in summary::by_level(findings).into_iter().filter(|count| count.findings > 0) {
        let of_level = findings.iter().filter(|finding| finding.level == count.level);
        let listed = Listed::of(of_level.map(FindingRow::of), left);
        left -= listed.shown.len();
        groups.push(LevelGroup { level: count.level, total: count.findings, findings: listed });
    }
    groups
}

#[cfg(test)]
mod tests;
