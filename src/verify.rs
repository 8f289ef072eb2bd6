//! Verifies CloudTrail's digests and the log objects that they name: in the audit bucket, in the original bucket, or in a folder
//! with a copy, with keys that are kept beside the evidence. Needs no network where evidence and keys are local.
//!
//! What a verdict is, is decided by [`assize_engine::digest`]; here objects are listed, fetched and hashed.

pub(crate) mod account;
#[cfg(test)]
pub(crate) mod chain;
pub(crate) mod keys;
pub(crate) mod outcome;
pub(crate) mod place;
pub(crate) mod reading;
pub(crate) mod render;
pub(crate) mod run;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use assize_bucket::{BucketError, Object};
use assize_engine::digest::{
    self, Chain, Check, Content, DigestDocument, Doubt, Expected, FoundDigest, Held, LogEntry, Unreadable, Window,
};
use assize_engine::inflate::{self, Limits, Member};
use assize_engine::layout::{self, Folder};
use futures::{StreamExt, stream};

use crate::scan::hashed::Hashed;
use crate::state::sha256;
use account::KeySource;
use keys::PublicKeys;
use outcome::{ChainOutcome, Item, ItemKind, Verified};
use place::{ChainName, Choice, Listed, Stored, Vault};
use reading::{Again, Basis, Noted, Plan, Reading};

/// Objects fetched at once.
const FETCHES: usize = 32;
/// Objects of a folder that are read on one thread before another may take over.
const TOGETHER: usize = 64;
/// Stored bytes of an object that is worked at in place; it is done in a millisecond or two.
const SMALL: usize = 64 << 10;
/// Seconds of a digest's window.
const HOUR: i64 = 3_600;
/// Seconds from an event to the digest that proves it, as a rule; see [`digest::complete`].
const SETTLE: i64 = 3_600;

/// What is verified, and how.
pub(crate) struct Question<'q> {
    /// Where the evidence is.
    pub(crate) vault: &'q Vault,
    /// What is there.
    pub(crate) listed: &'q Listed,
    /// Public keys, and where they came from.
    pub(crate) keys: (&'q PublicKeys, KeySource),
    /// What is looked at. Its `until` is where digests are due; without it, the end of the newest that any chain has: of
    /// the time after it nothing is said.
    pub(crate) choice: &'q Choice,
    /// Which log objects are read again.
    pub(crate) again: Again,
    /// What the ledger knows of them, if there is one.
    pub(crate) noted: Option<&'q Noted>,
    /// Of what may be inflated.
    pub(crate) limits: Limits,
}

/// Verifies what a vault holds. An object that cannot be read is an outcome.
pub(crate) async fn verify(question: Question<'_>) -> Verified {
    let Question { vault, listed, keys: (keys, source), choice, again, noted, limits } = question;
    let mut read = Vec::new();
    for (name, stored) in &listed.chains {
        read.push((name.clone(), digests(vault, name, stored, limits).await));
    }
    let documents = || read.iter().flat_map(|(_, found)| found).filter_map(document_of);
    let newest = documents().map(|document| document.end).max();
    let horizon = choice.elsewhere.as_ref().and_then(|elsewhere| elsewhere.horizon).unwrap_or(i64::MAX);
    let until = choice.until.or(newest.map(|newest| newest.min(horizon)));
    let mut chains = Vec::new();
    let mut windows: BTreeMap<place::Cell, Vec<(Range<i64>, Window)>> = BTreeMap::new();
    for (name, found) in read {
        let first = found.iter().filter_map(document_of).map(|document| document.start).min();
        let last = found.iter().filter_map(document_of).map(|document| document.end).max();
        let (Some(until), Some(start)) = (until, choice.since.or(first).or(until)) else { continue };
        let end = if choice.until.is_none() { due(until, last) } else { until };
        let backfilled = name.trail.ends_with("_backfill");
        // A chain of backfilled digests covers what was late, not every hour.
        let span = if backfilled { start..start } else { start..end.max(start) };
        let chain = digest::check(found, &Expected { span, validating: true }, keys);
        let cell = (name.bucket.clone(), name.root.clone(), name.account.clone(), name.region.clone());
        windows.entry(cell).or_default().extend(chain.windows.iter().cloned());
        chains.push((name, chain));
    }
    let entries = chains.iter().flat_map(|(_, chain)| entries(chain)).map(|(_, entry)| entry);
    let population = entries.map(|entry| (entry.place.0.as_str(), entry.place.1.as_str())).collect();
    let plan = Plan::new(again, noted, &population);
    let mut reading = plan.reading();
    let logs = Logs { vault, named: by_place(listed), plan, limits };
    let mut outcomes = Vec::new();
    let mut mentioned = HashSet::new();
    for (name, chain) in &chains {
        outcomes.push(one_chain(&logs, (name, chain), (&mut mentioned, choice), &mut reading).await);
    }
    unnamed((listed, choice), &windows, &mentioned, &mut outcomes);
    Verified::new(outcomes, (choice.since, until), (keys.count(), source), reading)
}

/// The log objects that valid digests of a chain name.
fn entries(chain: &Chain) -> impl Iterator<Item = (&DigestDocument, &LogEntry)> {
    let documents = chain.digests.iter().filter_map(|digest| digest.document.as_ref());
    documents.flat_map(|document| document.logs.iter().map(move |entry| (document, entry)))
}

/// How log objects are judged.
struct Logs<'l> {
    vault: &'l Vault,
    named: ByPlace<'l>,
    plan: Plan<'l>,
    limits: Limits,
}

/// Where a chain's digests are due if nobody says: its own end if another chain's newest digest is less than a window later,
/// because each has windows of its own.
fn due(newest: i64, last: Option<i64>) -> i64 {
    last.filter(|last| (newest - HOUR..newest).contains(last)).unwrap_or(newest)
}

fn document_of(found: &FoundDigest) -> Option<&DigestDocument> {
    found.content.as_ref().ok()?.document.as_ref().ok()
}

/// Log objects by original place; several where a copy holds versions of one that was replaced.
type ByPlace<'l> = HashMap<(&'l str, &'l str), Vec<&'l Stored>>;

fn by_place(listed: &Listed) -> ByPlace<'_> {
    let mut named = ByPlace::new();
    for ((bucket, ..), logs) in &listed.logs {
        logs.iter().for_each(|log| named.entry((bucket, &log.original)).or_default().push(log));
    }
    named
}

/// Reads the digests of a chain.
async fn digests(vault: &Vault, name: &ChainName, stored: &[Stored], limits: Limits) -> Vec<FoundDigest> {
    let keys = stored.iter().map(|stored| stored.key.clone()).collect();
    let read = read_all(vault, keys, move |object: Object| content(&object.bytes, &object.metadata, limits)).await;
    let found = |(stored, read): (&Stored, Result<Result<Content, Unreadable>, BucketError>)| {
        let content = read.unwrap_or_else(|error| Err(Unreadable::Denied(error.to_string())));
        let told = || content.as_ref().ok().and_then(|content| content.document.as_ref().ok());
        let bucket = if name.bucket.is_empty() {
            told().map(|told| told.place.0.clone()).unwrap_or_default()
        } else {
            name.bucket.clone()
        };
        FoundDigest { place: (bucket, stored.original.clone()), content }
    };
    stored.iter().zip(read).map(found).collect()
}

/// Fetches objects and makes something of each, in order. In a folder, some at a time on a thread that may block: handing each
/// small object from thread to thread costs more than inflating and hashing it.
async fn read_all<T: Send + 'static>(
    vault: &Vault,
    keys: Vec<String>,
    work: impl Fn(Object) -> T + Clone + Send + 'static,
) -> Vec<Result<T, BucketError>> {
    let Some(folder) = vault.bucket.folder() else {
        let reading = keys.into_iter().map(async |key| read(vault, &key, work.clone()).await);
        return stream::iter(reading).buffered(FETCHES).collect().await;
    };
    let parts: Vec<Vec<String>> = keys.chunks(TOGETHER).map(<[String]>::to_vec).collect();
    let reading = parts.into_iter().map(|part| {
        let (folder, work) = (folder.clone(), work.clone());
        off_thread(move || part.iter().map(|key| folder.get_here(key).map(&work)).collect::<Vec<_>>())
    });
    let read: Vec<Vec<_>> = stream::iter(reading).buffered(crate::scan::threads(0)).collect().await;
    read.into_iter().flatten().collect()
}

/// Fetches an object and makes something of it, beside the other tasks. A small one is worked at where it arrives.
async fn read<T: Send + 'static>(
    vault: &Vault,
    key: &str,
    work: impl FnOnce(Object) -> T + Send + 'static,
) -> Result<T, BucketError> {
    let (bucket, key) = (Arc::clone(&vault.bucket), key.to_owned());
    let reading = tokio::spawn(async move {
        let object = bucket.get(&key, None).await?;
        Ok(if object.bytes.len() <= SMALL { work(object) } else { off_thread(|| work(object)).await })
    });
    joined(reading.await)
}

/// The work of a processor, beside the tasks that wait for the network.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    joined(tokio::task::spawn_blocking(work).await)
}

/// A panic in a task is a bug, and must not pass for an object that could not be read.
fn joined<T>(done: Result<T, tokio::task::JoinError>) -> T {
    done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

fn content(stored: &[u8], metadata: &assize_bucket::Metadata, limits: Limits) -> Result<Content, Unreadable> {
    let mut inflated = Vec::new();
    let trailing = inflate::inflate(stored, &limits, &mut inflated).map_err(|error| Unreadable::Damaged(error.to_string()))?;
    Ok(Content {
        inflated_sha256: sha256(&inflated),
        document: DigestDocument::read(&inflated),
        signature: metadata.get("signature").cloned(),
        algorithm: metadata.get("signature-algorithm").cloned(),
        trailing: trailing as u64,
    })
}

/// Checks the log objects that the valid digests of a chain name.
async fn one_chain(
    logs: &Logs<'_>,
    (name, chain): (&ChainName, &Chain),
    (mentioned, choice): (&mut HashSet<(String, String)>, &Choice),
    reading: &mut Reading,
) -> ChainOutcome {
    let known = |entry: &LogEntry| -> (String, String) {
        let bucket = if name.bucket.is_empty() { String::new() } else { entry.place.0.clone() };
        (bucket, entry.place.1.clone())
    };
    let mut entries: Vec<(&DigestDocument, &LogEntry)> = entries(chain).collect();
    mentioned.extend(entries.iter().map(|(_, entry)| known(entry)));
    let absent = |entry: &LogEntry| {
        let (bucket, key) = known(entry);
        !logs.named.contains_key(&(bucket.as_str(), key.as_str()))
    };
    let accounted = |entry: &LogEntry| choice.elsewhere.as_ref().is_some_and(|elsewhere| elsewhere.accounts_for(entry));
    let not_here: Vec<_> = entries.extract_if(.., |(_, entry)| accounted(entry) && absent(entry)).collect();
    let planned: Vec<Basis> = entries
        .iter()
        .map(|(_, entry)| {
            let (bucket, key) = known(entry);
            let versions = logs.named.get(&(bucket.as_str(), key.as_str())).map(Vec::as_slice).unwrap_or_default();
            logs.plan.basis(entry, versions)
        })
        .collect();
    let held = logs.read(&planned).await;
    let checked = entries.iter().zip(planned).map(|((document, entry), basis)| {
        let check = judge(entry, &basis, &held);
        (*document, *entry, check, basis)
    });
    let checked: Vec<(&DigestDocument, &LogEntry, Option<Check>, Basis)> = checked.collect();
    let doubted = checked.iter().filter(|(_, _, check, _)| *check != Some(Check::Valid));
    let doubted = doubted.map(|(document, entry, ..)| entry.events(document, SETTLE));
    let unseen = not_here.iter().map(|(document, entry)| entry.events(document, SETTLE));
    let doubtful: Vec<Range<i64>> = doubted.chain(unseen).collect();
    let complete = digest::complete(&chain.windows, &doubtful, SETTLE);
    let mut outcome = ChainOutcome::new(name.clone(), chain, &complete);
    outcome.not_here = not_here.len() as u64;
    for digest in &chain.digests {
        let place = format!("s3://{}/{}", digest.place.0, digest.place.1);
        outcome.add(Item { kind: ItemKind::Digest, place, check: digest.check.clone(), recovered: digest.recovered });
    }
    for (_, entry, check, basis) in checked {
        reading.count(&basis);
        let place = format!("s3://{}/{}", entry.place.0, entry.place.1);
        match check {
            Some(check) => outcome.add(Item { kind: ItemKind::Log, place, check, recovered: false }),
            None => outcome.not_sampled(),
        }
    }
    outcome
}

impl Logs<'_> {
    /// What is held under the keys that are to be read.
    async fn read(&self, planned: &[Basis]) -> HashMap<String, Held> {
        let keys = planned.iter().filter_map(|basis| match basis {
            Basis::Read(keys) => Some(keys),
            Basis::Ledger(_) | Basis::NotSampled | Basis::Elsewhere => None,
        });
        let keys: Vec<String> = keys.flatten().cloned().collect();
        let limits = self.limits;
        let read = read_all(self.vault, keys.clone(), move |object: Object| held(&object.bytes, limits)).await;
        let told = |read: Result<Held, BucketError>| match read {
            Ok(held) => held,
            Err(BucketError::NotFound { .. }) => Held::Absent,
            Err(error) => Held::Unreadable(error.to_string()),
        };
        keys.into_iter().zip(read.into_iter().map(told)).collect()
    }
}

/// One log object; none if nothing is to be said of it.
fn judge(entry: &LogEntry, basis: &Basis, held: &HashMap<String, Held>) -> Option<Check> {
    match basis {
        Basis::Read(keys) => Some(digest::judge_versions(entry, keys.iter().filter_map(|key| held.get(key)))),
        Basis::Ledger(check) => Some(check.clone()),
        Basis::NotSampled => None,
        Basis::Elsewhere => Some(Check::Unverifiable(Doubt::Elsewhere(entry.place.0.clone()))),
    }
}

fn held(stored: &[u8], limits: Limits) -> Held {
    let mut buffer = Vec::new();
    let mut member = Member::open(stored, &limits, &mut buffer);
    let hash = Hashed::new(&mut member).sha256();
    match member.finish().1 {
        Ok(0) => Held::Hash(hash),
        Ok(trailing) => Held::Trailing(trailing as u64),
        Err(error) => Held::Damaged(error.to_string()),
    }
}

/// Log objects that no valid digest names: orphans where valid digests cover their time, and without proof elsewhere.
fn unnamed(
    (listed, choice): (&Listed, &Choice),
    windows: &BTreeMap<place::Cell, Vec<(Range<i64>, Window)>>,
    mentioned: &HashSet<(String, String)>,
    outcomes: &mut Vec<ChainOutcome>,
) {
    for (cell, logs) in &listed.logs {
        let (bucket, root, account, region) = cell;
        let windows = windows.get(cell).map(Vec::as_slice).unwrap_or_default();
        // Each once, in how many versions it may be there.
        let asked = logs.iter().filter(|log| choice.asks_for(log));
        let distinct: BTreeMap<&str, &Stored> = asked.map(|log| (log.original.as_str(), log)).collect();
        let left: Vec<&Stored> =
            distinct.into_values().filter(|log| !mentioned.contains(&(bucket.clone(), log.original.clone()))).collect();
        if left.is_empty() {
            continue;
        }
        let name = ChainName {
            bucket: bucket.clone(),
            root: root.clone(),
            account: account.clone(),
            region: region.clone(),
            trail: String::new(),
        };
        let mut outcome = ChainOutcome::without_digest(name);
        for log in left {
            // A minute's precision: the name says when the delivery began.
            let covered = windows.iter().any(|(range, window)| {
                *window == Window::Valid && range.contains(&log.delivered) && range.contains(&(log.delivered + 59))
            });
            let check = match (covered, windows.is_empty()) {
                (true, _) if is_digested(log) => Check::Orphan,
                (true, _) => Check::Unverifiable(Doubt::OtherKind),
                (false, true) => Check::Unverifiable(Doubt::ValidationOff),
                (false, false) => Check::Unverifiable(Doubt::NotCovered),
            };
            let bucket = if bucket.is_empty() { "…" } else { bucket };
            outcome.add(Item { kind: ItemKind::Log, place: format!("s3://{bucket}/{}", log.original), check, recovered: false });
        }
        outcomes.push(outcome);
    }
}

/// Whether digests are sure to name objects of its kind. Of Insights and others AWS's documentation does not say so.
fn is_digested(log: &Stored) -> bool {
    layout::parse(&log.original).is_ok_and(|parsed| parsed.folder == Folder::CloudTrail)
}
