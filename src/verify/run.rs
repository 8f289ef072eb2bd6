//! Verifies a run: that its files are what its manifest says, that the manifest is what was signed, that the copies of what it
//! judged are what it judged, and that no manifest before it is gone; and if asked, that its findings follow from them.

mod chain;
pub(crate) mod outcome;
pub(crate) mod render;
pub(crate) mod replay;
mod signature;
#[cfg(test)]
pub(crate) mod tests;
mod time_stamp;

use std::collections::BTreeSet;
use std::sync::Arc;

use assize_bucket::{Bucket, BucketError};
use futures::{StreamExt, TryStreamExt, stream};

use super::{FETCHES, off_thread};
use crate::manifest::inputs::{self, Input};
use crate::manifest::key::VerifyingKey;
use crate::manifest::statement::{InputCounts, Statement};
use crate::manifest::time_stamp::{FILES, Roots};
use crate::manifest::{self, FormatError};
use crate::state::{self, StateError, sha256};
use outcome::{Kind, RunVerified, Standing};
use replay::outcome::Replayed;
use replay::{Means, Replay, ReplayError};

/// What is asked of a run.
pub(crate) struct Asked<'a> {
    /// Its id.
    pub(crate) run: &'a str,
    /// Keys that the asker trusts.
    pub(crate) keys: &'a [VerifyingKey],
    /// Roots of a time-stamping authority that the asker trusts.
    pub(crate) roots: Option<&'a Roots>,
    /// For a part of an audit bucket: the copies that it must hold. The others, and other runs, are not expected in it.
    pub(crate) part: Option<&'a BTreeSet<String>>,
    /// What to judge its objects again with.
    pub(crate) replay: Option<&'a Means<'a>>,
}

/// Why nothing can be said of a run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunVerifyError {
    /// No such id.
    #[error(transparent)]
    Id(#[from] StateError),
    /// The bucket.
    #[error("the run's files cannot be listed, so nothing can be said of it: {0}")]
    List(#[from] BucketError),
    /// No such run.
    #[error("there is no run {0}: look under runs/ in the audit bucket for the ids of all runs")]
    NoSuchRun(String),
    /// A run without verdicts.
    #[error("the run {0} collected and did not judge, so it has no reports and no manifest; name a run of `assize run`")]
    NotJudged(String),
    /// A replay.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

/// An object, as far as it can be had.
enum Fetched {
    Bytes(Vec<u8>),
    Absent,
    Unreadable(String),
}

impl Fetched {
    fn bytes(&self) -> Option<&[u8]> {
        if let Fetched::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// What is to be said of an object that must have these bytes.
    fn against(&self, expected: &str) -> Standing {
        match self {
            Fetched::Bytes(bytes) if sha256(bytes) == expected => Standing::Valid,
            Fetched::Bytes(_) => Standing::Invalid("its bytes are not those that were noted: it was changed".to_owned()),
            Fetched::Absent => Standing::Missing("it was there and is gone".to_owned()),
            Fetched::Unreadable(why) => Standing::Unverifiable(format!("it cannot be read: {why}")),
        }
    }
}

async fn fetch(bucket: &dyn Bucket, key: &str) -> Fetched {
    match bucket.get(key, None).await {
        Ok(object) => Fetched::Bytes(object.bytes),
        Err(BucketError::NotFound { .. }) => Fetched::Absent,
        Err(error) => Fetched::Unreadable(error.to_string()),
    }
}

/// Verifies a run.
///
/// # Errors
/// There is no such run, it has no manifest to have, or the bucket cannot be listed. Everything else is an outcome.
pub(crate) async fn verify(bucket: &Arc<dyn Bucket>, asked: &Asked<'_>) -> Result<RunVerified, RunVerifyError> {
    state::check_run_id(asked.run)?;
    let mut out = RunVerified::new(asked.run);
    let files = files(&**bucket, asked.run).await?;
    if files.is_empty() {
        return Err(RunVerifyError::NoSuchRun(asked.run.to_owned()));
    }
    let manifest = fetch(&**bucket, &manifest::place(asked.run, manifest::MANIFEST)).await;
    let envelope = fetch(&**bucket, &manifest::place(asked.run, manifest::ENVELOPE)).await;
    if matches!((&manifest, &envelope), (Fetched::Absent, Fetched::Absent)) && never_judged(&**bucket, asked.run).await {
        return Err(RunVerifyError::NotJudged(asked.run.to_owned()));
    }
    let signed = signature::check(&**bucket, (&manifest, &envelope), asked.keys, &mut out).await;
    let stated = own(&manifest, asked.run, &mut out);
    let Some(statement) = signed.or(stated) else {
        out.note("without a manifest nothing is known of the run's files and of what it judged");
        return Ok(out);
    };
    out.tell(&statement.predicate);
    let mut kept = outputs(&**bucket, &statement, files, &mut out).await;
    time_stamp::check(&**bucket, (&envelope, kept.record.as_deref()), asked.roots, &mut out).await;
    let mut replay = prepared(bucket, &statement, &mut kept, asked, &mut out).await?;
    match kept.inputs {
        Some(list) => {
            let counts = &statement.predicate.inputs;
            inputs(&**bucket, (&list, counts), kept.findings, (asked.part, replay.as_mut()), &mut out).await?;
        }
        None => out.note("the list of inputs is not what the manifest names, so no input was checked"),
    }
    if let Some(replay) = replay {
        out.replay = Some(replay.finish().await?);
    }
    match (asked.part, manifest.bytes()) {
        (None, bytes) => chain::check(bucket, asked.run, bytes, &mut out).await,
        (Some(_), _) => out.note(&match &statement.predicate.previous {
            Some(link) => format!("not in here: the run before it, {}, whose manifest has SHA-256 {}", link.run, link.sha256),
            None => "no run was before it".to_owned(),
        }),
    }
    Ok(out)
}

/// The names of the files in a run's folder.
async fn files(bucket: &dyn Bucket, run: &str) -> Result<BTreeSet<String>, BucketError> {
    let folder = manifest::place(run, "");
    let entries: Vec<_> = bucket.list(&folder, None).try_collect().await?;
    Ok(entries.into_iter().filter_map(|entry| entry.key.strip_prefix(&folder).map(str::to_owned)).collect())
}

/// Whether the run's record says that it judged nothing.
async fn never_judged(bucket: &dyn Bucket, run: &str) -> bool {
    let record = fetch(bucket, &manifest::place(run, manifest::RECORD)).await;
    let record: Option<serde_json::Value> = record.bytes().and_then(|bytes| serde_json::from_slice(bytes).ok());
    record.is_some_and(|record| record.pointer("/result/exit_code") == Some(&serde_json::Value::Null))
}

/// What `manifest.json` states.
fn own(manifest: &Fetched, run: &str, out: &mut RunVerified) -> Option<Statement> {
    let place = manifest::place(run, manifest::MANIFEST);
    let standing = match manifest {
        Fetched::Bytes(bytes) => match Statement::read(bytes) {
            Ok(statement) if statement.predicate.run == run => {
                out.manifest_sha256 = Some(sha256(bytes));
                out.add(Kind::Manifest, place, Standing::Valid);
                return Some(statement);
            }
            Ok(other) => Standing::Invalid(format!("it is that of the run {}", other.predicate.run)),
            Err(error @ FormatError::Kind(_)) => Standing::Unverifiable(error.to_string()),
            Err(error) => Standing::Invalid(error.to_string()),
        },
        Fetched::Absent => Standing::Missing("it is gone, or the run is of a version that wrote none".to_owned()),
        Fetched::Unreadable(why) => Standing::Unverifiable(format!("it cannot be read: {why}")),
    };
    out.add(Kind::Manifest, place, standing);
    None
}

/// Files that are looked at further, if they are what the manifest names.
#[derive(Default)]
struct Kept {
    inputs: Option<Vec<u8>>,
    findings: Option<Vec<u8>>,
    record: Option<Vec<u8>>,
    /// The findings, whatever they are.
    as_they_are: Option<Vec<u8>>,
}

/// Prepares the replay that is asked for. Where there can be none, the outcome says so.
async fn prepared<'a>(
    bucket: &Arc<dyn Bucket>,
    statement: &Statement,
    kept: &mut Kept,
    asked: &Asked<'a>,
    out: &mut RunVerified,
) -> Result<Option<Replay<'a>>, ReplayError> {
    let Some(means) = asked.replay else { return Ok(None) };
    let prepared = match (&kept.inputs, kept.as_they_are.take()) {
        (None, _) => Err(Replayed::impossible("the list of inputs is not what the manifest names")),
        (_, None) => Err(Replayed::impossible("the run's findings.jsonl cannot be read, so there is nothing to compare with")),
        (Some(_), Some(findings)) => Replay::prepare(bucket, statement, findings, means).await?,
    };
    match prepared {
        Ok(replay) => Ok(Some(replay)),
        Err(impossible) => {
            out.replay = Some(impossible);
            Ok(None)
        }
    }
}

/// Checks the files of the run: those that the manifest names, and that there are no others.
async fn outputs(bucket: &dyn Bucket, statement: &Statement, mut files: BTreeSet<String>, out: &mut RunVerified) -> Kept {
    let mut kept = Kept::default();
    let run = out.run.clone();
    for subject in &statement.subject {
        files.remove(&subject.name);
        let place = manifest::place(&run, &subject.name);
        let fetched = fetch(bucket, &place).await;
        let standing = fetched.against(&subject.digest.sha256);
        if let (manifest::FINDINGS, Some(bytes)) = (subject.name.as_str(), fetched.bytes()) {
            kept.as_they_are = Some(bytes.to_vec());
        }
        if let (Standing::Valid, Fetched::Bytes(bytes)) = (&standing, fetched) {
            match subject.name.as_str() {
                manifest::INPUTS => kept.inputs = Some(bytes),
                manifest::FINDINGS => kept.findings = Some(bytes),
                manifest::RECORD => kept.record = Some(bytes),
                _ => {}
            }
        }
        out.add(Kind::Output, place, standing);
    }
    let written_later = [manifest::MANIFEST, manifest::ENVELOPE];
    for file in files.iter().filter(|file| !written_later.iter().chain(&FILES).any(|later| later == file)) {
        let standing = if file.starts_with("abandoned") {
            Standing::Unverifiable("another run found this one unfinished".to_owned())
        } else {
            Standing::Orphan("the manifest does not name it: it was added".to_owned())
        };
        out.add(Kind::Output, manifest::place(&run, file), standing);
    }
    kept
}

/// What came of an input.
enum Copy {
    InPlace,
    Elsewhere,
    /// With its bytes, if they are wanted and are what was judged.
    Checked(String, Standing, Option<Vec<u8>>),
}

/// Checks the copies of what was judged.
async fn inputs(
    bucket: &dyn Bucket,
    (list, counts): (&[u8], &InputCounts),
    findings: Option<Vec<u8>>,
    (part, mut replay): (Option<&BTreeSet<String>>, Option<&mut Replay<'_>>),
    out: &mut RunVerified,
) -> Result<(), ReplayError> {
    let wanted = replay.is_some();
    let mut behind = findings.and_then(|findings| inputs::behind(&findings).ok()).unwrap_or_default();
    let mut checking = stream::iter(inputs::lines(list))
        .map(async |input| {
            let input = input?;
            Ok::<_, FormatError>((copy(bucket, &input, part, wanted).await, input))
        })
        .buffered(FETCHES);
    let mut found = InputCounts { first_day: counts.first_day, last_day: counts.last_day, ..InputCounts::default() };
    let mut said = None;
    while let Some(checked) = checking.next().await {
        let (copy, input) = match checked {
            Ok(checked) => checked,
            Err(error) => {
                said = Some(error.to_string());
                break;
            }
        };
        found.add(&input);
        input.names().for_each(|name| drop(behind.take(&name)));
        match (&mut replay, &copy) {
            (Some(replay), Copy::InPlace) => replay.in_place(bucket, &input).await?,
            (Some(replay), Copy::Checked(_, _, None)) => replay.missed(),
            _ => {}
        }
        match copy {
            Copy::InPlace => out.in_place += 1,
            Copy::Elsewhere => out.not_contained += 1,
            Copy::Checked(key, standing, bytes) => {
                out.add(Kind::Input, key, standing);
                if let (Some(replay), Some(bytes)) = (&mut replay, bytes) {
                    replay.take(&input, bytes).await?;
                }
            }
        }
    }
    let said = said.or((found != *counts).then(|| "it does not hold as many objects as the manifest says".to_owned()));
    if let Some(why) = said {
        out.add(Kind::Output, manifest::place(&out.run.clone(), manifest::INPUTS), Standing::Invalid(why));
    }
    for name in behind {
        let why = "a finding names it, and the list of inputs does not".to_owned();
        out.add(Kind::Input, name, Standing::Unverifiable(why));
    }
    Ok(())
}

async fn copy(bucket: &dyn Bucket, input: &Input, part: Option<&BTreeSet<String>>, wanted: bool) -> Copy {
    let Some(key) = &input.evidence_key else { return Copy::InPlace };
    if part.is_some_and(|part| !part.contains(key)) {
        return Copy::Elsewhere;
    }
    let (fetched, expected) = (fetch(bucket, key).await, input.stored_sha256.clone());
    let checked = off_thread(move || match (fetched.against(&expected), fetched) {
        (Standing::Valid, Fetched::Bytes(bytes)) if wanted => (Standing::Valid, Some(bytes)),
        (standing, _) => (standing, None),
    });
    let (standing, bytes) = checked.await;
    Copy::Checked(key.clone(), standing, bytes)
}
