//! `assize policy`: check, test and list policies.

use assize_engine::matcher::{Matcher, Tried};
use assize_engine::policy::{Policy, Truth};
use assize_engine::record::AccountList;
use assize_engine::trial;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::CommandError;
use crate::cli::{self, ListFormat, PolicyArgs, PolicyCommand};
use crate::console::Console;
use crate::diagnostics;
use crate::exit::Exit;
use crate::pack::{self, Pack, PackError};
use crate::report::ReportError;
use crate::report::escape::terminal;
use crate::report::words;

/// Runs `assize policy`.
pub(crate) fn run(command: &PolicyCommand, console: &Console) -> Result<Exit, CommandError> {
    match command {
        PolicyCommand::Check(args) => check(args, console),
        PolicyCommand::Test(args) => test(args, console),
        PolicyCommand::List { policies, cost: true, .. } => cost(policies, console),
        PolicyCommand::List { policies, format, .. } => list(policies, *format, console),
    }
}

fn load(args: &PolicyArgs) -> Result<Pack, PackError> {
    pack::load_with(&args.paths, &cli::placeholders(&args.placeholder))
}

fn check(args: &PolicyArgs, console: &Console) -> Result<Exit, CommandError> {
    let pack = load(args)?;
    let mut counts = vec![
        words::plural(pack.policies.len() as u64, "policy", "policies"),
        words::plural(pack.frameworks.len() as u64, "framework", "frameworks"),
    ];
    if !pack.bases.is_empty() {
        counts.push(words::plural(pack.bases.len() as u64, "rule for correlations", "rules for correlations"));
    }
    if pack.filters > 0 {
        counts.push(words::plural(pack.filters as u64, "filter", "filters"));
    }
    let counts = counts.join(", ");
    let unconfigured = pack.policies.iter().filter(|policy| !policy.unconfigured.is_empty());
    let needs: Vec<String> = unconfigured.map(needs_configuration).collect();
    console.result(&needs.concat())?;
    if pack.warnings.is_empty() {
        console.result(&format!("{counts}: no mistake found\n"))?;
    } else {
        console.result(&diagnostics::render(&pack.warnings, &pack.files))?;
        console.result(&format!("{counts}\n"))?;
    }
    Ok(Exit::Clean)
}

/// A line about a policy whose placeholders are not set.
fn needs_configuration(policy: &Policy) -> String {
    let names: Vec<String> = policy.unconfigured.iter().map(|name| format!("%{}%", terminal(name))).collect();
    format!("{}: {} needs configuration: {} is not set\n", terminal(&policy.file), policy.id, names.join(", "))
}

/// Runs the tests of every policy on both evaluators. A failing test is a finding (exit 1); a policy without a test that
/// must match and one that must not is incomplete (exit 3).
fn test(args: &PolicyArgs, console: &Console) -> Result<Exit, CommandError> {
    // Policies bring values for their own tests; what is given wins.
    let mut placeholders = load(args)?.examples();
    placeholders.extend(cli::placeholders(&args.placeholder));
    let pack = pack::load_with(&args.paths, &placeholders)?;
    let (mut run, mut failed, mut untested) = (0, 0, 0);
    let mut out: Vec<String> = Vec::new();
    for policy in pack.policies.iter().chain(&pack.bases) {
        for test in &policy.tests {
            run += 1;
            if let Err(why) = trial::run(policy, test) {
                failed += 1;
                let (file, line, name) = (terminal(&policy.file), test.span.at.line, terminal(&test.name));
                out.push(format!("{file}:{line}: FAILED {}: {name}: {why}\n", policy.id));
            }
        }
        let has = |truth| policy.tests.iter().any(|test| test.expect == truth);
        if !has(Truth::True) || !has(Truth::False) {
            untested += 1;
            out.push(format!(
                "{}:1: UNTESTED {}: it needs a test that matches and one that does not\n",
                terminal(&policy.file),
                policy.id
            ));
        }
    }
    let policies = words::plural(pack.policies.len() as u64, "policy", "policies");
    out.push(format!(
        "{policies}: {} run, {failed} failed, {untested} without both kinds of test\n",
        words::plural(run, "test", "tests")
    ));
    console.result(&out.concat())?;
    Ok(Exit::decide(failed > 0, untested == 0))
}

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

/// Lists on which records each policy is tried; those that are tried on most come first.
fn cost(args: &PolicyArgs, console: &Console) -> Result<Exit, CommandError> {
    let pack = load(args)?;
    let matcher = Matcher::new(&pack.policies, AccountList::new());
    let mut rows: Vec<(Tried, &Policy)> =
        pack.policies.iter().enumerate().map(|(index, policy)| (matcher.tried(index, policy), policy)).collect();
    rows.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.id.cmp(&other.id)));
    let ids = rows.iter().map(|(_, policy)| policy.id.width()).max().unwrap_or(0);
    let line = |(tried, policy): &(Tried, &Policy)| {
        let why = match tried {
            Tried::Always => {
                "tried on every record: it names no event source or name, and no item that must hold whatever else does"
                    .to_owned()
            }
            Tried::Guarded(item) => format!("no event source or name: tried where `{}` is not false", terminal(item)),
            Tried::Source => "tried on records with its event source; it names no event name".to_owned(),
            Tried::Name => "tried on records with its event name; it names no event source".to_owned(),
            Tried::SourceAndName => "tried on records with its event source and name".to_owned(),
            Tried::Never => "never tried: its condition cannot hold".to_owned(),
        };
        format!("{:<ids$}  {why}\n", policy.id)
    };
    console.result(&rows.iter().map(line).collect::<String>())?;
    Ok(Exit::Clean)
}

fn list(args: &PolicyArgs, format: ListFormat, console: &Console) -> Result<Exit, CommandError> {
    let mut pack = load(args)?;
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
