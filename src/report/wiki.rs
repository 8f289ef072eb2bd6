//! The whole report as a folder of Markdown pages, for a wiki: a home page, coverage, a page for each framework, one for the findings
//! of each account, policies, exceptions, and what changed. Nothing is cut, so pages may be long.

use std::collections::HashMap;

use crate::report::escape::{markdown_code as code, markdown_text as text};
use crate::report::summary::{self, OfAccount, Verdict};
use crate::report::v1::{Document, Finding, Framework, Occurrence};
use crate::report::words;

/// The folder of the pages, beside the other formats.
const FOLDER: &str = "wiki";

/// The pages, by file name; the first is the home page.
pub(crate) fn files(document: &Document) -> Vec<(String, String)> {
    let accounts = summary::of_accounts(document);
    let mut pages = vec![("Home".to_owned(), home(document, &accounts))];
    pages.extend(document.scope.is_some().then(|| ("Coverage".to_owned(), coverage(document))));
    pages.extend(document.frameworks.iter().map(|framework| (framework_page(framework), requirements(framework))));
    pages.extend(accounts.iter().map(|of| (account_page(of), account_findings(of.account, &of.findings))));
    pages.push(("Policies".to_owned(), policies(document)));
    pages.extend((!document.waivers.is_empty()).then(|| ("Exceptions".to_owned(), exceptions(document))));
    pages.extend(document.changes.is_some().then(|| ("Changes".to_owned(), changes(document, &accounts))));
    pages.into_iter().map(|(name, page)| (format!("{FOLDER}/{name}.md"), page)).collect()
}

/// A name that is safe in a path and in a link, whatever a record or a policy says.
fn safe(name: &str) -> String {
    name.chars().map(|char| if char.is_ascii_alphanumeric() || "-.".contains(char) { char } else { '_' }).take(80).collect()
}

fn framework_page(framework: &Framework) -> String {
    format!("Requirements-{}", safe(&framework.id))
}

fn account_page(of: &OfAccount<'_>) -> String {
    format!("Findings-{}", of.file_part)
}

fn link(label: &str, page: &str) -> String {
    format!("[{}]({page}.md)", text(label))
}

fn home(document: &Document, accounts: &[OfAccount<'_>]) -> String {
    let verdict = Verdict::of(document);
    let mut out =
        vec![format!("# {}: {}\n\n{}\n", text(verdict.label), text(&verdict.words), text(&document.coverage.statement))];
    if let Some(scope) = &document.scope {
        out.push(format!(
            "\n{}\n\n{}\n\n{}\n",
            text(&scope.integrity.statement),
            text(&scope.recording.statement),
            link("Coverage", "Coverage")
        ));
    }
    if let Some(changes) = &document.changes {
        out.push(format!("\n{} {}\n", text(&changes.statement), link("Changes", "Changes")));
    }
    out.push("\n| | |\n| --- | --- |\n".to_owned());
    for framework in &document.frameworks {
        let name = format!("{} {}", framework.title, framework.version);
        out.push(format!("| {} | {} requirements |\n", link(&name, &framework_page(framework)), framework.requirements.len()));
    }
    for of in accounts {
        let counts: Vec<String> = summary::LEVELS
            .iter()
            .map(|level| (level, of.findings.iter().filter(|finding| finding.level == **level).count()))
            .filter(|(_, count)| *count > 0)
            .map(|(level, count)| format!("{count} {level}"))
            .collect();
        out.push(format!("| {} | {} |\n", link(&format!("Findings of {}", of.account), &account_page(of)), counts.join(", ")));
    }
    out.push(format!("| {} | {} |\n", link("Policies", "Policies"), document.policies.len()));
    if !document.waivers.is_empty() {
        out.push(format!("| {} | {} |\n", link("Exceptions accepted", "Exceptions"), document.waivers.len()));
    }
    out.push(format!("\nAs of {}, {} {}.\n", words::time(&document.run.as_of), document.run.tool, document.run.tool_version));
    out.concat()
}

fn coverage(document: &Document) -> String {
    let Some(scope) = &document.scope else { return String::new() };
    let mut out = vec![format!("# Coverage\n\n{}\n", text(&scope.statement))];
    out.push("\n| not covered | account-region-hours | why |\n| --- | ---: | --- |\n".to_owned());
    out.extend(
        scope
            .unknown
            .iter()
            .map(|one| format!("| {} | {} | {} |\n", code(&one.reason), words::count(one.hours), text(&one.words))),
    );
    out.push("\n| account | name | covered of due, hours | findings |\n| --- | --- | ---: | ---: |\n".to_owned());
    out.extend(scope.accounts.iter().map(|one| {
        let share = format!("{} of {}", words::count(one.covered), words::count(one.due));
        format!("| {} | {} | {share} | {} |\n", code(&one.account), text(&one.name), words::count(one.findings))
    }));
    out.push("\n## Holes\n\n| account | region | from | until | why |\n| --- | --- | --- | --- | --- |\n".to_owned());
    for cell in &scope.cells {
        out.extend(cell.holes.iter().map(|hole| {
            let (since, until) = (words::time(&hole.since), words::time(&hole.until));
            format!("| {} | {} | {since} | {until} | {} |\n", code(&cell.account), code(&cell.region), code(&hole.reason))
        }));
        let more = cell.holes_total.saturating_sub(cell.holes.len() as u64);
        if more > 0 {
            out.push(format!("| {} | {} | | | {} more |\n", code(&cell.account), code(&cell.region), words::count(more)));
        }
    }
    out.concat()
}

fn requirements(framework: &Framework) -> String {
    let mut out = vec![format!("# {} {}\n\n", text(&framework.title), text(&framework.version))];
    out.push("| id | requirement | verdict | answer |\n| --- | --- | --- | --- |\n".to_owned());
    out.extend(framework.requirements.iter().map(|one| {
        let verdict = one.verdict.as_deref().unwrap_or(&one.status);
        let answer = crate::report::scope::answer(&one.statement);
        format!("| {} | {} | **{}** | {} |\n", code(&one.id), text(&one.title), text(verdict), text(&answer))
    }));
    out.concat()
}

fn account_findings(account: &str, findings: &[&Finding]) -> String {
    let mut out = vec![format!("# Findings of {}\n", code(account))];
    out.extend(findings.iter().map(|finding| one_finding(finding)));
    out.concat()
}

fn one_finding(finding: &Finding) -> String {
    let mut out = vec![format!("\n## {}: {}\n\n", finding.level, text(&finding.title))];
    let mut row = |name: &str, value: String| out.push(format!("- {name}: {value}\n"));
    row("policy", code(&finding.policy));
    row("fingerprint", code(&finding.fingerprint));
    row("region", code(&finding.region));
    row("seen", words::period(&finding.first_seen, &finding.last_seen));
    row("matches", words::count(finding.count));
    for field in &finding.group {
        row(&code(&field.field), field.value.as_deref().map_or_else(|| "not in the record".to_owned(), code));
    }
    for behind in summary::behind(finding) {
        row("behind it", text(behind));
    }
    if let Some(life) = &finding.life {
        row("state", format!("{}: {}", text(&life.state), text(&life.statement)));
        if let Some(due) = &life.due {
            row("to be looked at until", format!("{}{}", words::time(due), if life.overdue { ", overdue" } else { "" }));
        }
    }
    if let Some(waived) = &finding.waived {
        let people =
            format!("owner {}, approver {}, until {}", text(&waived.owner), text(&waived.approver), words::time(&waived.expires));
        row("waiver", format!("{}: {} ({people})", text(&waived.state), text(&waived.reason)));
    }
    if let Some(review) = &finding.reviewed {
        row(
            "review",
            format!("{} by {}, {}: {}", text(&review.conclusion), text(&review.by), words::time(&review.at), text(&review.note)),
        );
    }
    out.extend(finding.occurrences.iter().map(occurrence));
    if !finding.remediation.is_empty() {
        out.push(format!("\n{}\n", text(&words::prose(&finding.remediation))));
    }
    out.concat()
}

fn occurrence(one: &Occurrence) -> String {
    let event = if one.event_id.is_empty() { String::new() } else { format!(", event {}", code(&one.event_id)) };
    format!("- {}{event}: {}, record {}\n", words::time(&one.time), code(&one.object), words::count(one.record))
}

fn policies(document: &Document) -> String {
    let mut out = vec!["# Policies\n\n| level | policy | answer | population | findings | accepted |\n| --- | --- | --- | ---: | ---: | ---: |\n".to_owned()];
    out.extend(document.policies.iter().map(|policy| {
        let (population, findings, waived) =
            (words::count(policy.population), words::count(policy.findings), words::count(policy.waived));
        let name = format!("{} {}", text(&policy.title), code(&policy.id));
        format!("| {} | {name} | {} | {population} | {findings} | {waived} |\n", policy.level, text(&policy.statement))
    }));
    out.concat()
}

fn exceptions(document: &Document) -> String {
    let mut out =
        vec!["# Exceptions accepted\n\n| state | policy | scope | findings | why | owner | approver | until |\n".to_owned()];
    out.push("| --- | --- | --- | ---: | --- | --- | --- | --- |\n".to_owned());
    out.extend(document.waivers.iter().map(|one| {
        let it = &one.waiver;
        let people = format!("{} | {} | {}", text(&it.owner), text(&it.approver), words::time(&it.expires));
        let (findings, why) = (words::count(one.findings), text(&it.reason));
        format!("| {} | {} | {} | {findings} | {why} | {people} |\n", text(&it.state), code(&one.policy), text(&one.scope))
    }));
    out.concat()
}

fn changes(document: &Document, accounts: &[OfAccount<'_>]) -> String {
    let Some(changes) = &document.changes else { return String::new() };
    let page_of: HashMap<&str, String> = accounts.iter().map(|of| (of.account, account_page(of))).collect();
    let mut out = vec![format!("# What changed since last time\n\n{}\n", text(&changes.statement))];
    for state in ["new", "reopened", "lost", "fixed"] {
        let of_state = |finding: &&Finding| finding.life.as_ref().is_some_and(|life| life.state == state);
        let rows: Vec<&Finding> = document.findings.iter().filter(of_state).collect();
        out.push(format!("\n## {state}: {}\n\n", rows.len()));
        out.extend(rows.iter().map(|finding| {
            let place = link(&finding.account, &page_of[finding.account.as_str()]);
            format!(
                "- {} {place} {} {} {}\n",
                finding.level,
                code(&finding.region),
                text(&finding.title),
                code(&finding.fingerprint)
            )
        }));
    }
    out.push(format!("\n## No longer among the findings: {}\n\n", words::count(changes.gone_total)));
    out.extend(
        changes
            .gone
            .iter()
            .map(|gone| format!("- {} {} {}: {}\n", gone.level, code(&gone.account), text(&gone.title), text(&gone.statement))),
    );
    out.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn rendered(page: &str) -> String {
        let mut options = comrak::Options::default();
        options.extension.table = true;
        options.extension.autolink = true;
        options.render.r#unsafe = true;
        comrak::markdown_to_html(page, &options)
    }

    #[test]
    fn accounts_that_come_to_one_name_have_a_page_each() {
        let mut document = fixture::scoped();
        document.findings[0].account = "a/b".to_owned();
        document.findings[1].account = "a:b".to_owned();
        let pages = files(&document);
        let names: std::collections::BTreeSet<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), pages.len());
        let page = |account: &str| {
            pages.iter().filter(|(_, page)| page.starts_with(&format!("# Findings of {}\n", code(account)))).count()
        };
        assert_eq!((page("a/b"), page("a:b")), (1, 1));
    }

    #[test]
    fn every_link_leads_to_a_page_and_every_finding_is_there() {
        let document = fixture::scoped();
        let pages = files(&document);
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        let links = regex::Regex::new(r"\]\(([^)]*\.md)\)").unwrap();
        for (_, page) in &pages {
            for found in links.captures_iter(page).filter(|found| !found[1].contains('/')) {
                assert!(names.contains(&format!("{FOLDER}/{}", &found[1]).as_str()), "{}", &found[1]);
            }
        }
        let all: String = pages.iter().map(|(_, page)| page.as_str()).collect();
        assert!(document.findings.iter().all(|finding| all.contains(&finding.fingerprint)));
        assert!(document.policies.iter().all(|policy| all.contains(&policy.id)));
    }

    #[test]
    fn hostile_text_is_text() {
        for (name, page) in files(&fixture::scoped()) {
            let html = rendered(&page);
            assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("<a href=\"http"), "{name}");
            assert!(!html.contains("href=\"javascript"), "{name}");
        }
    }
}
