//! `report.sarif`: findings as results of SARIF 2.1.0, within what GitHub code scanning takes.
//!
//! GitHub reads a part of the standard only. It does not read `invocations`, so holes in the evidence are results too: what is
//! missing must be seen. It does not read `suppressions` and `baselineState`; docs/formats.md says what that means.

mod holes;
mod log;
mod uri;

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::v1::{Document, Finding, Policy};
use super::{ReportError, escape, rows, summary, words};
use holes::Hole;
use log::{
    ArtifactLocation, Configuration, Driver, Help, Invocation, Location, Log, Message, Named, Notification, PhysicalLocation,
    Properties, Region, Reported, Rule, RuleProperties, Run, RunProperties, Suppression, Tool,
};

/// What GitHub code scanning takes at most (docs.github.com, "SARIF support for code scanning").
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Results of a run; of these it shows the 5,000 that are most severe.
    results: usize,
    /// Rules of a run.
    rules: usize,
    /// Bytes after gzip.
    gzipped: usize,
}

/// GitHub's 10 MB are taken as the smaller ones, and with room for a compressor that does less well than ours.
const LIMITS: Limits = Limits { results: 25_000, rules: 25_000, gzipped: 9_500_000 };

/// Tags that GitHub shows of a rule; with more than 20 it refuses the file.
const MAX_TAGS: usize = 10;

/// Characters of a rule's descriptions that GitHub takes.
const MAX_DESCRIPTION: usize = 1_024;

/// Columns of a value from a log in a message.
const MAX_VALUE: usize = 300;

/// Columns of what is said of the run.
const MAX_SAID: usize = 2_000;

/// The rule of holes in the evidence.
const INCOMPLETE: &str = "assize-evidence-incomplete";

/// Where holes are shown: the file that says what is to be looked at.
const CONFIGURATION: &str = "assize.yaml";

/// Renders the document.
///
/// # Errors
/// Never in practice: the file is written to memory.
pub(crate) fn render(document: &Document) -> Result<String, ReportError> {
    within(document, LIMITS)
}

/// As many results as fit.
fn within(document: &Document, limits: Limits) -> Result<String, ReportError> {
    let holes = holes::of(document);
    let findings = worst_first(document);
    let mut kept = findings.len().min(limits.results.saturating_sub(holes.len()));
    loop {
        let log = log_of(document, findings.get(..kept).unwrap_or(&findings), &holes, limits);
        let text = serde_json::to_string(&log)? + "\n";
        // What is small as it is needs no measuring.
        let size = if text.len() <= limits.gzipped { 0 } else { gzipped(&text)? };
        if size <= limits.gzipped || kept == 0 {
            return Ok(text);
        }
        kept = (kept * limits.gzipped / size * 9 / 10).min(kept - 1);
    }
}

fn gzipped(text: &str) -> Result<usize, ReportError> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).map(|bytes| bytes.len()).map_err(ReportError::Compress)
}

/// Findings that somebody has to look at, most severe first, then those that are accepted or have ended.
fn worst_first(document: &Document) -> Vec<&Finding> {
    let mut findings: Vec<&Finding> = document.findings.iter().collect();
    let settled = |finding: &Finding| finding.is_accepted() || finding.life.as_ref().is_some_and(|life| life.state == "fixed");
    findings.sort_by_key(|finding| (settled(finding), summary::rank(&finding.level)));
    findings
}

fn log_of<'a>(document: &'a Document, findings: &[&'a Finding], holes: &'a [Hole], limits: Limits) -> Log<'a> {
    let rules = rules_of(document, limits);
    let places: HashMap<&str, usize> = rules.iter().enumerate().map(|(at, rule)| (rule.id, at)).collect();
    let files: HashMap<&str, String> =
        document.policies.iter().map(|policy| (policy.id.as_str(), uri::relative(&policy.file))).collect();
    let names = rows::Names::of(document);
    let living = findings.iter().any(|finding| finding.life.is_some());
    let lost = holes.iter().map(|hole| result_of_hole(hole, living));
    let found = findings.iter().filter_map(|finding| {
        let (place, file) = (*places.get(finding.policy.as_str())?, files.get(finding.policy.as_str())?);
        Some(result(finding, place, file, &names))
    });
    let results: Vec<Reported<'_>> = lost.chain(found).collect();
    let left_out = document.findings.len() + holes.len() - results.len();
    let notifications = notifications(document, holes, left_out, limits);
    let mut known: Vec<&str> = notifications.iter().map(|one| one.descriptor.id.as_str()).collect();
    known.sort_unstable();
    known.dedup();
    let known = known.into_iter().map(|id| Named { id: id.to_owned() }).collect();
    let version = document.run.tool_version;
    Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "Assize",
                    version,
                    semantic_version: version,
                    information_uri: env!("CARGO_PKG_REPOSITORY"),
                    rules,
                    notifications: known,
                },
            },
            invocations: [invocation(document, notifications)],
            column_kind: "unicodeCodePoints",
            results,
            properties: RunProperties {
                run_id: document.scope.as_ref().map(|scope| scope.run_id.as_str()),
                as_of: &document.run.as_of,
                policies_sha256: &document.run.policies_sha256,
                coverage: escape::terminal(&document.coverage.statement),
                findings: document.findings.len() as u64,
                left_out: left_out as u64,
            },
        }],
    }
}

fn invocation(document: &Document, notifications: Vec<Notification>) -> Invocation {
    Invocation {
        execution_successful: is_complete(document),
        exit_code: document.run.exit_code,
        exit_code_description: summary::Verdict::of(document).words,
        end_time_utc: document.run.as_of.clone(),
        tool_execution_notifications: notifications,
    }
}

/// Whether everything that was to be seen was seen and judged.
fn is_complete(document: &Document) -> bool {
    let scoped = document.scope.as_ref().is_none_or(|scope| scope.complete);
    document.coverage.complete && scoped && !matches!(document.run.exit_code, 3 | 4)
}

/// The rule of holes, then every policy; those with findings first where not all have room.
fn rules_of(document: &Document, limits: Limits) -> Vec<Rule<'_>> {
    let mut policies: Vec<&Policy> = document.policies.iter().collect();
    if policies.len() >= limits.rules {
        policies.sort_by_key(|policy| policy.findings == 0);
        policies.truncate(limits.rules - 1);
    }
    std::iter::once(rule_of_holes()).chain(policies.into_iter().map(rule)).collect()
}

fn rule(policy: &Policy) -> Rule<'_> {
    let title = escape::sarif(&policy.title);
    let description = escape::sarif(&words::prose(&policy.description));
    let remediation = words::prose(&policy.remediation);
    let tags = std::iter::once("security".to_owned()).chain(policy.tags.iter().map(|tag| escape::terminal(tag)));
    let references: String =
        policy.references.iter().map(|reference| format!("\n\n{}", escape::markdown_code(reference))).collect();
    Rule {
        id: &policy.id,
        full_description: Message { text: cut(if description.is_empty() { &title } else { &description }) },
        help: Help {
            text: format!("{} {}", if description.is_empty() { &title } else { &description }, escape::sarif(&remediation)),
            markdown: format!(
                "{}\n\n{}{references}",
                escape::markdown_text(&words::prose(&policy.description)),
                escape::markdown_text(&remediation)
            ),
        },
        short_description: Message { text: cut(&title) },
        default_configuration: Configuration { level: level(&policy.level) },
        properties: RuleProperties { tags: tags.take(MAX_TAGS).collect(), security_severity: severity(&policy.level) },
    }
}

fn rule_of_holes() -> Rule<'static> {
    let text = "What is missing is never passed: as long as evidence is missing or cannot be judged, nobody knows what it would show. \
        The message says what is missing and what to do.";
    Rule {
        id: INCOMPLETE,
        short_description: Message { text: "Evidence is missing, so nothing can be said of a part of the scope".to_owned() },
        full_description: Message { text: text.to_owned() },
        help: Help { text: text.to_owned(), markdown: text.to_owned() },
        default_configuration: Configuration { level: level("high") },
        properties: RuleProperties { tags: vec!["security".to_owned()], security_severity: severity("high") },
    }
}

/// SARIF has three levels.
fn level(level: &str) -> &'static str {
    match level {
        "critical" | "high" => "error",
        "medium" => "warning",
        _ => "note",
    }
}

/// GitHub reads above 9 as critical, from 7 as high, from 4 as medium, and what is left as low.
fn severity(level: &str) -> &'static str {
    match level {
        "critical" => "9.5",
        "high" => "8.0",
        "medium" => "5.5",
        "low" => "2.0",
        _ => "0.5",
    }
}

fn result<'a>(finding: &'a Finding, place: usize, file: &str, names: &rows::Names<'a>) -> Reported<'a> {
    let life = finding.life.as_ref();
    Reported {
        rule_id: &finding.policy,
        rule_index: place,
        level: level(&finding.level),
        message: Message { text: message(finding, names) },
        locations: [location(file)],
        partial_fingerprints: fingerprints(finding.fingerprint.clone()),
        occurrence_count: finding.count.max(1),
        baseline_state: life.map(|life| match life.state.as_str() {
            _ if life.is_new() => "new",
            "fixed" => "absent",
            _ => "unchanged",
        }),
        suppressions: finding.waived.iter().filter(|_| finding.is_accepted()).map(suppression).collect(),
        properties: Some(Properties {
            fingerprint: &finding.fingerprint,
            level: &finding.level,
            account: escape::terminal(&finding.account),
            region: escape::terminal(&finding.region),
            first_seen: &finding.first_seen,
            last_seen: &finding.last_seen,
            state: life.map(|life| life.state.as_str()),
            due: life.and_then(|life| life.due.as_deref()),
            conclusion: finding.reviewed.as_ref().map(|reviewed| reviewed.conclusion.as_str()),
        }),
    }
}

/// Its first sentence is what GitHub shows in lists: what, and where.
fn message(finding: &Finding, names: &rows::Names<'_>) -> String {
    let value = |text: &str| escape::sarif(&words::shorten(&escape::terminal(text), MAX_VALUE));
    let account = match names.account(&finding.account) {
        "" => value(&finding.account),
        name => format!("{} ({})", value(name), value(&finding.account)),
    };
    let mut sentences = vec![format!("{}: {account}, {}.", value(&finding.title), value(&finding.region))];
    if !finding.group.is_empty() {
        sentences.push(format!("{}.", value(&rows::group(&finding.group))));
    }
    let behind = summary::behind(finding).join("; ");
    if !behind.is_empty() {
        sentences.push(format!("Who: {}.", value(&behind)));
    }
    let count = words::plural(finding.count, "match", "matches");
    sentences.push(format!("{count}, {}.", value(&words::period(&finding.first_seen, &finding.last_seen))));
    sentences.extend(finding.correlated.iter().map(|correlated| format!("{}.", value(&correlated.statement))));
    let todo = words::prose(&finding.remediation);
    if !todo.is_empty() {
        sentences.push(format!("What to do: {}", escape::sarif(&todo)));
    }
    sentences.join(" ")
}

fn suppression(waived: &super::v1::Waived) -> Suppression {
    let ticket = if waived.ticket.is_empty() { String::new() } else { format!(", ticket {}", waived.ticket) };
    let justification = format!(
        "{}: accepted by {}, owned by {}{ticket}, until {} ({})",
        waived.reason, waived.approver, waived.owner, waived.expires, waived.place
    );
    Suppression { kind: "external", status: "accepted", justification: escape::terminal(&justification) }
}

fn result_of_hole(hole: &Hole, living: bool) -> Reported<'_> {
    Reported {
        rule_id: INCOMPLETE,
        rule_index: 0,
        level: level(if hole.tolerated { "low" } else { "high" }),
        message: Message { text: said(&hole.text) },
        locations: [location(CONFIGURATION)],
        partial_fingerprints: fingerprints(format!("{INCOMPLETE}/{}", hole.code)),
        occurrence_count: 1,
        // Not known to have been there before: better told once too often.
        baseline_state: living.then_some("new"),
        suppressions: Vec::new(),
        properties: None,
    }
}

/// GitHub reads `primaryLocationLineHash` alone, and would make it from the line of the policy file if it were not there: all
/// findings of a policy would become one alert.
fn fingerprints(fingerprint: String) -> BTreeMap<&'static str, String> {
    BTreeMap::from([("assizeFinding/v1", fingerprint.clone()), ("primaryLocationLineHash", fingerprint)])
}

fn location(uri: &str) -> Location {
    let artifact_location = ArtifactLocation { uri: uri.to_owned() };
    Location { physical_location: PhysicalLocation { artifact_location, region: Region { start_line: 1 } } }
}

/// What is said of the run itself: what is left out, each hole, and each policy that could not be judged.
fn notifications(document: &Document, holes: &[Hole], left_out: usize, limits: Limits) -> Vec<Notification> {
    let one = |id: &str, rule: Option<&str>, level, text: &str| Notification {
        descriptor: Named { id: id.to_owned() },
        associated_rule: rule.map(|id| Named { id: id.to_owned() }),
        level,
        message: Message { text: said(text) },
    };
    let mut all = Vec::new();
    if left_out > 0 {
        let text = format!(
            "{} of {} are left out, the least severe: a file takes {} results and {} MB after gzip. The JSON report has all of them.",
            words::count(left_out as u64),
            words::plural(document.findings.len() as u64, "finding", "findings"),
            words::count(limits.results as u64),
            limits.gzipped.div_ceil(1_000_000)
        );
        all.push(one("results-left-out", None, "warning", &text));
    }
    all.extend(holes.iter().map(|hole| one(&hole.code, None, if hole.tolerated { "note" } else { "error" }, &hole.text)));
    let unknown = document.policies.iter().filter(|policy| holes::is_unknown(policy));
    all.extend(unknown.map(|policy| one("policy-unknown", Some(&policy.id), "error", &policy.statement)));
    all
}

/// What is said of a run. Names from logs may be long, and a message is for people.
fn said(text: &str) -> String {
    escape::sarif(&words::shorten(&escape::terminal(text), MAX_SAID))
}

/// A description of a length that GitHub takes.
fn cut(text: &str) -> String {
    if text.chars().count() <= MAX_DESCRIPTION {
        return text.to_owned();
    }
    text.chars().take(MAX_DESCRIPTION - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests;
