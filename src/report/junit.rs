//! `report.junit.xml`: requirements and policies as tests, for CI systems that show test results.
//!
//! What is not known is an error and never a pass: a build that cannot see is as red as one that sees something bad. A scan of
//! files has no scope to be complete against, so none of its tests passes.

use std::collections::HashMap;

use super::escape::{terminal, xml};
use super::v1::{Document, Finding, Policy, Requirement};
use super::{rows, summary, words};

/// Findings named in one failure.
const SHOWN: usize = 10;

/// The verdict of what nobody can know.
const UNKNOWN: &str = "UNKNOWN";

/// What a scan says in place of a pass.
const NOT_A_PASS: &str = "no match in what was read; a scan of files never passes";

/// What became of a test.
enum Outcome {
    /// It passed; what is to be known of it nevertheless.
    Passed(Option<String>),
    /// It does not apply, or is not ours to answer, and why.
    Skipped(String),
    /// It failed: one line, and the details.
    Failed(String, String),
    /// Nobody can know: `UNKNOWN`, or the status of a scan; one line, and the details.
    Unknown(String, String, String),
}

/// A test.
struct Case {
    name: String,
    outcome: Outcome,
}

/// Tests that belong together.
struct Suite {
    name: String,
    cases: Vec<Case>,
}

/// Renders the document.
pub(crate) fn render(document: &Document) -> String {
    let findings = Findings::of(document);
    let frameworks = document.frameworks.iter().map(|framework| Suite {
        name: framework.id.clone(),
        cases: framework.requirements.iter().map(|it| requirement(it, &findings)).collect(),
    });
    let policies =
        Suite { name: "policies".to_owned(), cases: document.policies.iter().map(|it| policy(it, &findings)).collect() };
    let suites: Vec<Suite> = std::iter::once(coverage(document)).chain(frameworks).chain([policies]).collect();
    let name = format!("{} {}", document.run.tool, document.run.command);
    let mut out = vec![
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(),
        format!("<testsuites name=\"{}\" {}>\n", attribute(&name), counts(suites.iter().flat_map(|suite| &suite.cases))),
    ];
    suites.iter().for_each(|one| suite(one, document, &mut out));
    out.push("</testsuites>\n".to_owned());
    out.concat()
}

/// Findings by policy, the document's worst first; those that are accepted apart.
struct Findings<'a> {
    open: HashMap<&'a str, Vec<&'a Finding>>,
    accepted: HashMap<&'a str, Vec<&'a Finding>>,
}

impl<'a> Findings<'a> {
    fn of(document: &'a Document) -> Findings<'a> {
        let (mut open, mut accepted) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for finding in &document.findings {
            let into = if finding.is_accepted() { &mut accepted } else { &mut open };
            into.entry(finding.policy.as_str()).or_default().push(finding);
        }
        Findings { open, accepted }
    }

    /// The worst of these policies, a line each, and how many there are beside.
    fn worst(&self, policies: &[&str]) -> Vec<String> {
        let mut found: Vec<&Finding> = policies.iter().filter_map(|id| self.open.get(id)).flatten().copied().collect();
        found.sort_by_key(|finding| summary::rank(&finding.level));
        let mut lines: Vec<String> = found.iter().take(SHOWN).map(|finding| line(finding)).collect();
        if found.len() > SHOWN {
            lines.push(format!("… and {} more", words::plural((found.len() - SHOWN) as u64, "finding", "findings")));
        }
        lines
    }

    /// Who accepted what of these policies, a line each.
    fn accepted(&self, policies: &[&str]) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for finding in policies.iter().filter_map(|id| self.accepted.get(id)).flatten() {
            let Some(waived) = &finding.waived else { continue };
            let ticket = if waived.ticket.is_empty() { String::new() } else { format!(", {}", waived.ticket) };
            let line = format!(
                "accepted by {} for {} until {}{ticket}: {}",
                waived.approver, waived.owner, waived.expires, waived.reason
            );
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }
}

/// `critical, 111122223333 eu-west-1, userIdentity.arn=…, 3 matches, 2026-…: title (fingerprint)`
fn line(finding: &Finding) -> String {
    format!(
        "{}, {} {}, {}, {}, {}: {} ({})",
        finding.level,
        finding.account,
        finding.region,
        words::shorten(&terminal(&rows::group(&finding.group)), 160),
        words::plural(finding.count, "match", "matches"),
        words::period(&finding.first_seen, &finding.last_seen),
        finding.title,
        finding.fingerprint
    )
}

fn coverage(document: &Document) -> Suite {
    let statement = &document.coverage.statement;
    let complete = document.coverage.complete && document.scope.as_ref().is_none_or(|scope| scope.complete);
    let outcome = match (complete, &document.scope) {
        (false, Some(scope)) => {
            let messages = scope.obstacles.iter().map(|it| format!("{}: {}", it.reason, it.message));
            let all: Vec<String> = std::iter::once(statement.clone()).chain(messages).collect();
            Outcome::Unknown(UNKNOWN.to_owned(), statement.clone(), all.join("\n"))
        }
        (false, None) => Outcome::Unknown("incomplete".to_owned(), statement.clone(), statement.clone()),
        (true, Some(_)) => Outcome::Passed(Some(statement.clone())),
        (true, None) => Outcome::Skipped(statement.clone()),
    };
    Suite { name: "coverage".to_owned(), cases: vec![Case { name: "evidence is complete".to_owned(), outcome }] }
}

fn requirement(requirement: &Requirement, findings: &Findings<'_>) -> Case {
    let statement = requirement.statement.clone();
    let policies: Vec<&str> = requirement.policies.iter().map(|part| part.policy.as_str()).collect();
    // Matches of policies that are only listed for review fail nothing.
    let absent: Vec<&str> =
        requirement.policies.iter().filter(|part| part.kind == "absent").map(|part| part.policy.as_str()).collect();
    let details =
        |policies: &[&str]| std::iter::once(statement.clone()).chain(findings.worst(policies)).collect::<Vec<_>>().join("\n");
    let accepted = findings.accepted(&policies).join("\n");
    let manual = "a person must judge this";
    let outcome = match (requirement.verdict.as_deref(), requirement.status.as_str()) {
        (Some("FAIL"), _) | (None, "exception") => Outcome::Failed(statement.clone(), details(&absent)),
        // What no log answers is a person's to answer; it is not a hole in the evidence.
        (Some(_) | None, "not answered by logs") => Outcome::Skipped(format!("{manual}: {statement}")),
        (Some("PASS" | "WAIVED"), _) if requirement.manual => Outcome::Skipped(format!("{manual}: {statement}")),
        (Some("PASS"), _) => Outcome::Passed(None),
        (Some("WAIVED"), _) => Outcome::Passed(Some(format!("{statement}\n{accepted}"))),
        (Some("NOT_APPLICABLE"), _) => Outcome::Skipped(statement),
        (None, "no match") => Outcome::Skipped(NOT_A_PASS.to_owned()),
        (None, "review") => Outcome::Skipped(format!("{statement}; a scan of files never passes")),
        // UNKNOWN, and whatever is not known here.
        (verdict, status) => Outcome::Unknown(kind(verdict, status), statement.clone(), statement),
    };
    Case { name: format!("{} {}", requirement.id, requirement.title), outcome }
}

fn policy(policy: &Policy, findings: &Findings<'_>) -> Case {
    let statement = policy.statement.clone();
    let id = [policy.id.as_str()];
    let details = || std::iter::once(statement.clone()).chain(findings.worst(&id)).collect::<Vec<_>>().join("\n");
    let outcome = match (policy.verdict.as_deref(), policy.status.as_str()) {
        (Some("FAIL"), _) => Outcome::Failed(statement.clone(), details()),
        (Some("PASS"), _) => Outcome::Passed(None),
        (Some("WAIVED"), _) => Outcome::Passed(Some(format!("{statement}\n{}", findings.accepted(&id).join("\n")))),
        (Some("NOT_APPLICABLE"), _) => Outcome::Skipped(statement),
        (None, _) if policy.findings > 0 => Outcome::Failed(statement.clone(), details()),
        (None, "no match") if policy.not_evaluable == 0 => Outcome::Skipped(NOT_A_PASS.to_owned()),
        // A policy that asks for a match, and has it.
        (None, "match") if policy.not_evaluable == 0 => Outcome::Skipped(format!("{statement}; a scan of files never passes")),
        (verdict, status) => Outcome::Unknown(kind(verdict, status), statement.clone(), details()),
    };
    Case { name: format!("{}: {}", policy.id, policy.title), outcome }
}

/// What kind of not knowing it is: that of a run is one word, that of a scan its status.
fn kind(verdict: Option<&str>, status: &str) -> String {
    if verdict.is_some() { UNKNOWN.to_owned() } else { status.to_owned() }
}

fn suite(suite: &Suite, document: &Document, out: &mut Vec<String>) {
    // JUnit's times have no zone; ours are UTC.
    let time = document.run.as_of.trim_end_matches('Z');
    let name = attribute(&suite.name);
    out.push(format!("  <testsuite name=\"{name}\" {} time=\"0\" timestamp=\"{}\">\n", counts(&suite.cases), attribute(time)));
    for case in &suite.cases {
        let inner = match &case.outcome {
            Outcome::Passed(None) => String::new(),
            Outcome::Passed(Some(text)) => format!("<system-out>{}</system-out>", xml(text)),
            Outcome::Skipped(why) => format!("<skipped message=\"{}\"/>", attribute(why)),
            Outcome::Failed(what, text) => {
                format!("<failure type=\"FAIL\" message=\"{}\">{}</failure>", attribute(what), xml(text))
            }
            Outcome::Unknown(kind, what, text) => {
                format!("<error type=\"{}\" message=\"{}\">{}</error>", attribute(kind), attribute(what), xml(text))
            }
        };
        let case = format!("    <testcase classname=\"{name}\" name=\"{}\" time=\"0\"", attribute(&case.name));
        out.push(if inner.is_empty() { format!("{case}/>\n") } else { format!("{case}>{inner}</testcase>\n") });
    }
    out.push("  </testsuite>\n".to_owned());
}

fn counts<'a>(cases: impl IntoIterator<Item = &'a Case>) -> String {
    let (mut tests, mut failures, mut errors, mut skipped) = (0, 0, 0, 0);
    for case in cases {
        tests += 1;
        match case.outcome {
            Outcome::Passed(_) => {}
            Outcome::Skipped(_) => skipped += 1,
            Outcome::Failed(..) => failures += 1,
            Outcome::Unknown(..) => errors += 1,
        }
    }
    format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"")
}

/// The text for an attribute, in which a line break would become a space.
fn attribute(text: &str) -> String {
    xml(&terminal(text))
}

#[cfg(test)]
mod tests;
