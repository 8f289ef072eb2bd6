//! `assize diff`: what changed between two runs, or two periods.

use std::collections::{BTreeMap, BTreeSet};

use assize_engine::policy::Level;
use serde::Serialize;

use super::CommandError;
use super::report::{period, reported};
use crate::cli::{DiffArgs, PlainFormat};
use crate::config::Config;
use crate::console::Console;
use crate::exit::Exit;
use crate::life::register::{Entry, Register};
use crate::report::escape::terminal;
use crate::report::{summary, words};
use crate::run::{audit_to_read, fates};
use crate::state::View;

/// What changed. Version 1.
#[derive(Debug, Serialize)]
struct Diff<'a> {
    version: u32,
    /// The earlier side.
    a: Side<'a>,
    /// The later side.
    b: Side<'a>,
    /// In B and not in A.
    new: Vec<&'a Entry>,
    /// The same subject as a finding of A, in another episode.
    reopened: Vec<&'a Entry>,
    /// In A and not in B, and why.
    gone: Vec<Gone<'a>>,
    /// In both.
    same: u64,
}

/// A run, or a period.
#[derive(Debug, Serialize)]
struct Side<'a> {
    run: &'a str,
    as_of: &'a str,
    since: &'a str,
    horizon: &'a str,
    findings: usize,
}

/// A finding that B does not have.
#[derive(Debug, Serialize)]
struct Gone<'a> {
    /// `fixed` where B's run saw it end, `aged-out` where B looks at a later time, `not there` where B looks at the same time.
    why: &'static str,
    #[serde(flatten)]
    entry: &'a Entry,
}

/// Runs `assize diff`: 1 if there are new findings at or above the level that fails a run, else 0.
pub(crate) fn run(args: &DiffArgs, console: &Console) -> Result<Exit, CommandError> {
    let config = Config::of_option(args.config.as_deref())?;
    let b = side(&config, &args.b, None)?;
    let a = side(&config, &args.a, Some(&b))?;
    let diff = diff(&a, &b, args.min_level.into());
    console.result(&match args.format {
        PlainFormat::Text => text(&diff),
        PlainFormat::Json => serde_json::to_string_pretty(&diff).map_err(CommandError::Json)? + "\n",
    })?;
    let severe = |entry: &&&Entry| summary::rank(&entry.level) <= summary::rank(config.report.fail_on.level.name());
    let worse = diff.new.iter().chain(&diff.reopened).filter(severe).any(|entry| !entry.waived);
    Ok(if worse { Exit::Findings } else { Exit::Clean })
}

/// The register of a run or a period.
fn side(config: &Config, name: &str, later: Option<&Register>) -> Result<Register, CommandError> {
    if let Ok(period) = period(config, name) {
        let reported = reported(config, (&[], config.report.fail_on, 0), Some(&period))?;
        return Ok(Register { run: name.to_owned(), ..reported.register });
    }
    super::runtime()?.block_on(async {
        let audit = audit_to_read(config).await.map_err(Box::new)?;
        let view = View::open(audit.clone()).await.map_err(|error| Box::new(error.into()))?;
        let found = match (name, later) {
            ("last", _) => fates::newest(&*audit, &view).await,
            ("before", Some(later)) => match &later.before {
                Some(run) => fates::read(&*audit, run, None).await,
                None => Ok(None),
            },
            _ => fates::read(&*audit, name, None).await,
        };
        found.map_err(Box::new)?.ok_or_else(|| CommandError::NoRegister(name.to_owned()))
    })
}

fn diff<'a>(a: &'a Register, b: &'a Register, least: Level) -> Diff<'a> {
    let counts = |entry: &&Entry| summary::rank(&entry.level) <= summary::rank(least.name());
    let in_a: BTreeSet<&str> = a.findings.iter().map(|entry| entry.fingerprint.as_str()).collect();
    let in_b: BTreeMap<&str, &Entry> = b.findings.iter().map(|entry| (entry.fingerprint.as_str(), entry)).collect();
    let subjects: BTreeSet<&str> = a.findings.iter().map(|entry| entry.subject.as_str()).collect();
    let added = b.findings.iter().filter(counts).filter(|entry| !in_a.contains(entry.fingerprint.as_str()));
    let (reopened, new) = added.partition(|entry| subjects.contains(entry.subject.as_str()));
    let of_a = || a.findings.iter().filter(counts);
    let gone = of_a().filter_map(|entry| {
        let why = match in_b.get(entry.fingerprint.as_str()) {
            Some(now) if now.state == "fixed" && entry.state != "fixed" => "fixed",
            Some(_) => return None,
            None if entry.last_seen < b.since => "aged-out",
            None => "not there",
        };
        Some(Gone { why, entry })
    });
    let gone: Vec<Gone<'a>> = gone.collect();
    let same = of_a().filter(|entry| in_b.contains_key(entry.fingerprint.as_str())).count() as u64;
    Diff { version: 1, a: Side::of(a), b: Side::of(b), new, reopened, gone, same }
}

impl<'a> Side<'a> {
    fn of(register: &'a Register) -> Side<'a> {
        Side {
            run: &register.run,
            as_of: &register.as_of,
            since: &register.since,
            horizon: &register.horizon,
            findings: register.findings.len(),
        }
    }
}

fn text(diff: &Diff<'_>) -> String {
    let side = |name: &str, side: &Side<'_>| {
        let findings = words::plural(side.findings as u64, "finding", "findings");
        format!("{name}  {}  judged {} to {}, {findings}\n", terminal(side.run), side.since, side.horizon)
    };
    let mut out = vec![side("A", &diff.a), side("B", &diff.b)];
    let mut list = |title: &str, rows: Vec<(&Entry, String)>| {
        out.push(format!("\n{title}: {}\n", rows.len()));
        out.extend(rows.into_iter().map(|(entry, note)| line(entry, &note)));
    };
    list("new", diff.new.iter().map(|entry| (*entry, String::new())).collect());
    list("reopened", diff.reopened.iter().map(|entry| (*entry, String::new())).collect());
    list("gone", diff.gone.iter().map(|gone| (gone.entry, format!("  {}", gone.why))).collect());
    out.push(format!("\nin both: {}\n", words::count(diff.same)));
    out.concat()
}

fn line(entry: &Entry, note: &str) -> String {
    let who: Vec<String> = entry.group.iter().flatten().map(|value| terminal(value)).collect();
    let waived = if entry.waived { "  accepted" } else { "" };
    format!(
        "  {:<13} {} {}  {}\n                {}  {} to {}  {}{note}{waived}\n",
        entry.level,
        terminal(&entry.account),
        terminal(&entry.region),
        terminal(&entry.title),
        &entry.fingerprint,
        entry.first_seen,
        entry.last_seen,
        who.join(" "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, subject: &str, last_seen: &str, state: &str) -> Entry {
        Entry {
            fingerprint: name.to_owned(),
            subject: subject.to_owned(),
            policy: "p".to_owned(),
            title: "t\u{1b}[31m".to_owned(),
            level: "high".to_owned(),
            account: "1".to_owned(),
            region: "r".to_owned(),
            group: vec![None, Some("alice".to_owned())],
            first_seen: last_seen.to_owned(),
            last_seen: last_seen.to_owned(),
            count: 1,
            state: state.to_owned(),
            reported: String::new(),
            reported_by: String::new(),
            baseline: false,
            waived: false,
            reviewed: false,
        }
    }

    fn register(run: &str, since: &str, findings: Vec<Entry>) -> Register {
        Register {
            version: 1,
            run: run.to_owned(),
            as_of: String::new(),
            since: since.to_owned(),
            horizon: String::new(),
            before: None,
            whole: true,
            findings,
        }
    }

    #[test]
    fn each_finding_is_in_one_list() {
        let kept = |state| entry("kept", "s1", "2026-10-03", state);
        let a = register(
            "a",
            "2026-10-01",
            vec![
                kept("new"),
                entry("old", "s2", "2026-10-01", "new"),
                entry("odd", "s3", "2026-10-04", "new"),
                entry("ended", "s4", "2026-10-03", "ongoing"),
            ],
        );
        let b = register(
            "b",
            "2026-10-02",
            vec![
                kept("ongoing"),
                entry("again", "s2", "2026-10-05", "reopened"),
                entry("fresh", "s9", "2026-10-05", "new"),
                entry("ended", "s4", "2026-10-03", "fixed"),
            ],
        );
        let diff = diff(&a, &b, Level::Low);
        let names = |entries: &[&Entry]| entries.iter().map(|entry| entry.fingerprint.clone()).collect::<Vec<_>>();
        assert_eq!((names(&diff.new), names(&diff.reopened), diff.same), (vec!["fresh".to_owned()], vec!["again".to_owned()], 2));
        let gone: Vec<(&str, &str)> = diff.gone.iter().map(|gone| (gone.entry.fingerprint.as_str(), gone.why)).collect();
        assert_eq!(gone, [("old", "aged-out"), ("odd", "not there"), ("ended", "fixed")]);
        assert!(!text(&diff).contains('\u{1b}'), "no escape code reaches a terminal");
        assert_eq!(super::diff(&a, &b, Level::Critical).new.len(), 0);
    }
}
