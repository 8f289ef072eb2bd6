//! Makes the document of a run and keeps it: reports under `runs/<run id>/`, written once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use assize_engine::session::Index;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use super::fates::{self, Registers};
use super::{Context, RunError, manifest, run_of, sessions, time_stamp};
use crate::cli::Format;
use crate::collect::batch::Judging;
use crate::collect::collected::{Collected, Owed};
use crate::collect::take::Source;
use crate::collect::{Collector, Outcome, kept};
use crate::discover::Discovered;
use crate::estate::Estate;
use crate::judge::{Judgement, Question};
use crate::life::register::{self, Register};
use crate::manifest::Link;
use crate::manifest::inputs::Input;
use crate::report::build::{self, Detail, Parts};
use crate::report::templates::Templates;
use crate::report::{self, findings_jsonl, scanned, told, v1};
use crate::scan::ScanContext;
use crate::scan::evidence::{self, Wanted};
use crate::scan::input::{Inputs, Object};
use crate::state::{self, State, StateError, View};

/// Most objects in the index of evidence.
const MAX_EVIDENCE: usize = 5_000;

/// Objects fetched at once for the report.
pub(super) const FETCHES: usize = 32;

/// Formats that are kept of every run, whatever the configuration asks for beside.
const ALWAYS: [Format; 4] = [Format::Json, Format::Html, Format::Markdown, Format::Text];

/// What the other stages know.
pub(super) struct Told<'a> {
    pub(super) estate: &'a Estate,
    pub(super) discovered: &'a Discovered,
    pub(super) outcome: &'a Outcome,
    pub(super) collected: &'a Collected,
}

/// A run's document, and where its reports are.
pub(crate) struct Published {
    /// The document.
    pub(crate) document: v1::Document,
    /// Every finding with all of its records, one a line.
    pub(crate) findings: Vec<u8>,
    /// Keys in the audit bucket.
    pub(crate) keys: Vec<String>,
    /// SHA-256 of each report by its name.
    pub(crate) digests: BTreeMap<String, String>,
    /// What the next run compares its findings with, if it may be compared with this one.
    pub(crate) register: Option<Link>,
}

/// What a document is made with, beside what was judged.
pub(super) struct Shelf<'a> {
    /// The state.
    pub(super) view: &'a View,
    /// Buckets that are read in place.
    pub(super) sources: &'a [Source],
    /// What records are judged with.
    pub(super) judging: &'a Arc<Judging>,
    /// What findings are compared with.
    pub(super) registers: Registers,
    /// Runs that did not finish.
    pub(super) abandoned: Vec<String>,
    /// Books of the objects.
    pub(super) objects: v1::ObjectBooks,
    /// The runs of the period, for a report over one.
    pub(super) history: Option<v1::History>,
}

/// A document, and what is kept beside it.
pub(super) struct Made {
    /// The document.
    pub(super) document: v1::Document,
    /// Every finding with all of its records, one a line.
    pub(super) findings: Vec<u8>,
    /// What the next run compares with.
    pub(super) register: Register,
}

/// Makes the document and keeps the reports.
pub(super) async fn publish(
    context: &Context<'_>,
    collector: &Collector,
    (question, judgement): (&Question<'_>, Judgement),
    told: &Told<'_>,
    state: &State,
    templates: &Templates,
) -> Result<Published, RunError> {
    let shelf = Shelf {
        view: &state.view(),
        sources: &collector.sources,
        judging: &collector.judging,
        registers: Registers { before: fates::before(context, &state.view(), told.estate).await?, later: None },
        abandoned: state.abandoned().iter().map(|run| run.run_id.clone()).collect(),
        objects: objects(&state.view(), &question.hours, told.outcome).await?,
        history: None,
    };
    let made = make(context, (question, judgement), told, shelf).await?;
    let register = made.register.bytes()?;
    let (keys, digests) = keep(context, &made.document, (&made.findings, register), templates).await?;
    let register = fates::link(&context.run_id, &digests).filter(|_| context.usual());
    Ok(Published { document: made.document, findings: made.findings, keys, digests, register })
}

/// Makes the document of what was judged.
pub(super) async fn make(
    context: &Context<'_>,
    (question, judgement): (&Question<'_>, Judgement),
    told: &Told<'_>,
    shelf: Shelf<'_>,
) -> Result<Made, RunError> {
    let wanted = build::wanted(&judgement.findings, &judgement.partial, Detail::Full);
    let evidence = read_again(context, (shelf.sources, shelf.judging), wanted).await?;
    let calls = evidence.iter().filter_map(|(wanted, evidence)| Some((evidence.caller.clone()?, wanted.hit.time)));
    let sessions = sessions::behind(shelf.view, calls.collect()).await?;
    let mut judged = told::of(&told::Told {
        config: context.config,
        estate: told.estate,
        discovered: told.discovered,
        outcome: told.outcome,
        collected: told.collected,
        judgement: &judgement,
        question,
        requests: context.requests.counted(),
        run_id: &context.run_id,
        abandoned: shelf.abandoned,
    });
    if context.config.signing.is_none() {
        judged.scope.notes.push(manifest::UNSIGNED.to_owned());
    }
    judged.scope.notes.extend(time_stamp::before(context, shelf.view).await?);
    let fates = fates::of(context, told.estate, (question, &judgement), &shelf.registers);
    let levels = |policy: usize, account: &str| context.level(told.estate, policy, account);
    let mut document = build::document(&Parts {
        pack: context.pack,
        partial: &judgement.partial,
        findings: &judgement.findings,
        conflicts: judgement.problems.iter().filter(|problem| problem.code == "event-id-conflict").count() as u64,
        copies_within: None,
        objects: shelf.objects,
        problems: judgement.problems.iter().chain(&told.outcome.problems).cloned().map(scanned::of).collect(),
        missed: told.collected.owed.iter().map(missed).collect(),
        skipped: Vec::new(),
        evidence: &evidence,
        sessions: &Index::of(&sessions),
        run: run_of(context, &question.hours),
        detail: Detail::Full,
        fail_on: context.asked.fail_on,
        fates: &fates.by_finding,
        changes: Some(fates.changes),
        waivers: fates.waivers,
        history: shelf.history,
        judged: Some(judged),
        level: &levels,
    });
    let mut findings = Vec::new();
    findings_jsonl::write(&judgement.findings, &context.pack.policies, &mut findings).map_err(RunError::Spool)?;
    (document.evidence, document.evidence_total) = evidence_index(shelf.view, &document).await?;
    Ok(Made { document, findings, register: fates.register })
}

/// The log objects behind the findings that are shown, and how many there are.
async fn evidence_index(view: &View, document: &v1::Document) -> Result<(Vec<v1::EvidenceObject>, u64), RunError> {
    let shown = document.findings.iter().flat_map(|finding| &finding.occurrences);
    let names: BTreeSet<String> = shown.map(|occurrence| occurrence.object.clone()).collect();
    let days: BTreeSet<i64> = names.iter().filter_map(|name| manifest::day_of(name)).collect();
    let mut found = BTreeSet::new();
    for day in days {
        let mut rows = view.rows(day..day + 1);
        while let Some((_, rows)) = rows.try_next().await? {
            for row in rows {
                let (sha256, bytes) = (row.stored_sha256.clone(), row.size);
                let object = Input::from(row).names().find(|name| names.contains(name));
                found.extend(object.map(|object| v1::EvidenceObject { object, sha256, bytes }));
            }
        }
    }
    let total = found.len() as u64;
    Ok((found.into_iter().take(MAX_EVIDENCE).collect(), total))
}

fn missed(owed: &Owed) -> v1::Problem {
    let object = format!("{}/{}", owed.source, owed.key);
    let (code, message) = (owed.reason.clone(), owed.message.clone());
    v1::Problem { code, tampering: false, object, record: None, offset: None, message }
}

/// The books of the objects of the judged days: what the ledger has of them, and what this run could not take or left aside.
pub(super) async fn objects(view: &View, hours: &Range<i64>, outcome: &Outcome) -> Result<v1::ObjectBooks, StateError> {
    let (skipped, failed) = (outcome.objects.skipped, outcome.objects.failed);
    let mut books = v1::ObjectBooks { listed: skipped + failed, read: 0, skipped, failed, stored_bytes: 0, inflated_bytes: 0 };
    let mut rows = view.rows(hours.start.div_euclid(24)..(hours.end - 1).div_euclid(24) + 1);
    while let Some((_, rows)) = rows.try_next().await? {
        for row in rows {
            (books.listed, books.read) = (books.listed + 1, books.read + 1);
            books.stored_bytes += row.size;
            books.inflated_bytes += row.inflated_bytes;
        }
    }
    Ok(books)
}

/// The records behind findings, fetched again: a finding keeps places, not bytes.
async fn read_again(
    context: &Context<'_>,
    (sources, judging): (&[Source], &Arc<Judging>),
    wanted: Vec<Wanted>,
) -> Result<std::collections::HashMap<Wanted, evidence::Evidence>, RunError> {
    let names: BTreeSet<Arc<str>> = wanted.iter().map(|one| Arc::clone(&one.hit.object)).collect();
    let folder = tempfile::tempdir().map_err(RunError::Spool)?;
    let mut fetching = stream::iter(names.into_iter().enumerate())
        .map(async |(number, name)| {
            let bytes = kept::by_name(&*context.audit, sources, &name).await;
            (folder.path().join(number.to_string()), name, bytes)
        })
        .buffer_unordered(FETCHES);
    let mut inputs = Inputs::default();
    while let Some((path, name, bytes)) = fetching.next().await {
        match bytes {
            Ok(bytes) => {
                let size = bytes.len() as u64;
                write(&path, bytes).await.map_err(RunError::Spool)?;
                inputs.objects.push(Object { name, path, named: true, size });
            }
            Err(error) => tracing::warn!(object = %name.escape_debug(), "cannot be read again for the report: {error}"),
        }
    }
    drop(fetching);
    let judging = Arc::clone(judging);
    let joined = tokio::task::spawn_blocking(move || {
        let scan = ScanContext {
            period: assize_engine::evaluate::Period::default(),
            threads: judging.threads,
            limits: judging.limits,
            horizon: crate::scan::Horizon::default(),
        };
        let matcher = assize_engine::matcher::Matcher::new(&judging.policies, judging.accounts.clone());
        let read = evidence::read(wanted, &inputs, &judging.policies, &matcher, &scan);
        drop(folder);
        read
    });
    Ok(joined.await.map_err(|error| StateError::Stopped { work: "reading evidence again", reason: error.to_string() })?)
}

async fn write(path: &std::path::Path, bytes: Vec<u8>) -> std::io::Result<()> {
    let path: PathBuf = path.to_owned();
    tokio::task::spawn_blocking(move || std::fs::write(path, bytes)).await.map_err(std::io::Error::other)?
}

/// Writes these formats and those of `report.formats` to `runs/<run id>/`: keys, and SHA-256 by name.
async fn keep(
    context: &Context<'_>,
    document: &v1::Document,
    (findings, register): (&[u8], Vec<u8>),
    templates: &Templates,
) -> Result<(Vec<String>, BTreeMap<String, String>), RunError> {
    let configured = &context.config.report;
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let more = configured.formats.iter().filter(|format| !ALWAYS.contains(format));
    for format in ALWAYS.iter().chain(more) {
        let of_format = report::files(*format, document, templates, configured.csv_bom)?;
        files.extend(of_format.into_iter().map(|file| (file.name, file.bytes)));
    }
    files.push(("findings.jsonl".to_owned(), findings.to_vec()));
    files.push((register::FILE.to_owned(), register));
    let coverage = serde_json::to_vec_pretty(&document.scope).map_err(report::ReportError::from)?;
    files.push(("coverage.json".to_owned(), coverage));
    let (mut keys, mut digests) = (Vec::new(), BTreeMap::new());
    for (name, bytes) in files {
        let key = crate::manifest::place(&context.run_id, &name);
        digests.insert(name, state::sha256(&bytes));
        manifest::put_once(&*context.audit, &key, bytes).await?;
        keys.push(key);
    }
    Ok((keys, digests))
}

/// What `runs/<run id>/run.json` says. Version 1.
pub(super) fn record(context: &Context<'_>, estate: &Estate, outcome: &Outcome, published: Option<&Published>) -> Value {
    let objects = outcome.objects;
    let documents: BTreeMap<&str, Value> = BTreeMap::from([
        ("exit_code", published.map_or(Value::Null, |published| published.document.run.exit_code.into())),
        ("reports", published.map_or(Value::Null, |published| json!(published.keys))),
    ]);
    json!({
        "version": 1,
        "run": context.run_id,
        "command": context.asked.command,
        "tool": env!("CARGO_PKG_VERSION"),
        "as_of": assize_engine::time::format(context.asked.as_of),
        "configuration_sha256": context.config.sha256,
        "policies_sha256": context.pack.sha256,
        "accounts": estate.accounts.iter().map(|account| &account.id).collect::<Vec<_>>(),
        "left_out": estate.left_out.iter().map(|one| json!({"account": one.id, "reason": one.reason})).collect::<Vec<_>>(),
        "objects": {
            "listed": objects.listed, "taken": objects.taken, "already": objects.already, "failed": objects.failed,
            "skipped": objects.skipped, "left": objects.left,
        },
        "stopped": outcome.stopped,
        "result": documents,
    })
}

impl Context<'_> {
    /// The level of a policy in an account: the last override that names both wins.
    pub(super) fn level(&self, estate: &Estate, policy: usize, account: &str) -> Option<assize_engine::policy::Level> {
        let policy = self.pack.policies.get(policy)?;
        let account = estate.account(account)?;
        let matches = |one: &&crate::config::PolicyOverride| {
            one.policies.iter().any(|pattern| assize_engine::policy::matches_glob(pattern, &policy.id))
                && crate::estate::selects(&one.accounts, &account.id, Some(account))
        };
        self.config.policies.overrides.iter().rev().find(matches).map(|one| one.level)
    }
}
