//! `assize policy list`: level, id, evidence and title of each policy, or what it costs.

use assize_engine::matcher::{Matcher, Tried};
use assize_engine::policy::Policy;
use assize_engine::record::AccountList;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::CommandError;
use crate::cli::{self, ListFormat, PolicyArgs};
use crate::console::Console;
use crate::exit::Exit;
use crate::pack;
use crate::report::ReportError;
use crate::report::escape::terminal;

/// The list as JSON, version 1.
#[derive(Serialize)]
struct ListV1<'a> {
    version: u32,
    policies: Vec<ListedPolicy<'a>>,
    frameworks: Vec<ListedFramework<'a>>,
}

#[derive(Serialize)]
struct ListedPolicy<'a> {
    id: &'a str,
    level: &'a str,
    title: &'a str,
    needs: String,
    needs_derived: bool,
    tags: &'a [String],
    file: &'a str,
    tests: usize,
}

#[derive(Serialize)]
struct ListedFramework<'a> {
    id: &'a str,
    title: &'a str,
    version: &'a str,
    requirements: usize,
    file: &'a str,
}

/// Runs `assize policy list`.
pub(super) fn run(args: &PolicyArgs, format: ListFormat, console: &Console) -> Result<Exit, CommandError> {
    let mut pack = pack::load_with(&args.paths, &cli::placeholders(&args.placeholder))?;
    pack.policies.sort_by(|a, b| b.level.cmp(&a.level).then_with(|| a.id.cmp(&b.id)));
    if format == ListFormat::Json {
        let policies = pack.policies.iter().map(|policy| ListedPolicy {
            id: &policy.id,
            level: policy.level.name(),
            title: &policy.title,
            needs: policy.needs.to_string(),
            needs_derived: policy.needs_derived,
            tags: &policy.tags,
            file: &policy.file,
            tests: policy.tests.len(),
        });
        let frameworks = pack.frameworks.iter().map(|framework| ListedFramework {
            id: &framework.id,
            title: &framework.title,
            version: &framework.version,
            requirements: framework.requirements.len(),
            file: &framework.file,
        });
        let list = ListV1 { version: 1, policies: policies.collect(), frameworks: frameworks.collect() };
        let text = serde_json::to_string_pretty(&list).map_err(ReportError::from)?;
        console.result(&format!("{text}\n"))?;
        return Ok(Exit::Clean);
    }
    let widest = |texts: Vec<usize>| texts.into_iter().max().unwrap_or(0);
    let ids = widest(pack.policies.iter().map(|policy| policy.id.width()).collect());
    let needs = widest(pack.policies.iter().map(|policy| policy.needs.to_string().width()).collect());
    let mut out: Vec<String> = Vec::new();
    for policy in &pack.policies {
        let evidence = policy.needs.to_string();
        out.push(format!("{:<13}  {:<ids$}  {evidence:<needs$}  {}\n", policy.level.name(), policy.id, terminal(&policy.title)));
    }
    for framework in &pack.frameworks {
        out.push(format!("framework      {}  {}\n", framework.id, terminal(&framework.title)));
    }
    console.result(&out.concat())?;
    Ok(Exit::Clean)
}

/// Lists on which records each policy is tried; those that are tried on most come first.
pub(super) fn cost(args: &PolicyArgs, console: &Console) -> Result<Exit, CommandError> {
    let pack = pack::load_with(&args.paths, &cli::placeholders(&args.placeholder))?;
    let matcher = Matcher::new(&pack.policies, AccountList::new());
    let mut rows: Vec<(Tried, &Policy)> =
        pack.policies.iter().enumerate().map(|(index, policy)| (matcher.tried(index, policy), policy)).collect();
    rows.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.id.cmp(&other.id)));
    let ids = rows.iter().map(|(_, policy)| policy.id.width()).max().unwrap_or(0);
    let line = |(tried, policy): &(Tried, &Policy)| format!("{:<ids$}  {}\n", policy.id, terminal(&tried_on(tried)));
    console.result(&rows.iter().map(line).collect::<String>())?;
    Ok(Exit::Clean)
}

/// On which records a policy is tried, in words.
pub(super) fn tried_on(tried: &Tried) -> String {
    let text = match tried {
        Tried::Always => "tried on every record: it names no event source or name, and no item that must hold whatever else does",
        Tried::Guarded(item) => return format!("no event source or name: tried where `{item}` is not false"),
        Tried::Source => "tried on records with its event source; it names no event name",
        Tried::Name => "tried on records with its event name; it names no event source",
        Tried::SourceAndName => "tried on records with its event source and name",
        Tried::Never => "never tried: its condition cannot hold",
    };
    text.to_owned()
}
