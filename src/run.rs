//! One run: discover, collect, evaluate, judge, report, store. Each stage is a line of [`once`].

pub(crate) mod digests;
pub(crate) mod fates;
pub(crate) mod forecast;
mod history;
mod keys;
pub(crate) mod manifest;
mod notified;
mod notify;
mod publish;
pub(crate) mod recalled;
pub(crate) mod report;
mod sessions;
pub(crate) mod time_stamp;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use assize_bucket::Bucket;
use assize_cloud::{CloudError, Sessions};
use assize_engine::finding::Finding;
use assize_engine::inflate;
use assize_engine::policy::Level;
use assize_engine::time;
use serde_json::json;

use crate::accepted::Accepted;
use crate::aws::{self, AuditError};
use crate::collect::batch::Judging;
use crate::collect::collected::{self, Collected};
use crate::collect::meter::{Metered, Requests};
use crate::collect::{self, CollectError, Collector, Outcome, Progress, Stop};
use crate::config::Config;
use crate::digests::{Verified, VerifiedError};
use crate::discover::{self, Discovered};
use crate::estate::{self, Estate};
use crate::exit::FailOn;
use crate::judge::{self, Question};
use crate::manifest::FormatError;
use crate::manifest::key::{KeyError, Signer};
use crate::manifest::time_stamp::TimeStampError;
use crate::pack::Pack;
use crate::report::templates::Templates;
use crate::report::v1;
use crate::scan;
use crate::state::{Batch, RunIdentity, Shard, State, StateError, View};
use crate::verify::keys::KeysError;

pub(crate) use publish::Published;
use time_stamp::{Authority, Stamped};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What is asked of a run, beside the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The subcommand, for the report.
    pub(crate) command: &'static str,
    /// Now, seconds since 1970.
    pub(crate) as_of: i64,
    /// First second to judge.
    pub(crate) since: Option<i64>,
    /// First second after what is judged.
    pub(crate) until: Option<i64>,
    /// Only these accounts.
    pub(crate) accounts: Vec<String>,
    /// Only a part of them.
    pub(crate) shard: Option<Shard>,
    /// Threads.
    pub(crate) threads: usize,
    /// Findings that make the exit code 1.
    pub(crate) fail_on: FailOn,
    /// Adopt what is found as what was there when auditing began.
    pub(crate) baseline: bool,
    /// Stop collecting after this time.
    pub(crate) deadline: Option<Duration>,
    /// Stop collecting after so many requests.
    pub(crate) max_requests: Option<u64>,
    /// Collect, and leave judging to another run.
    pub(crate) collect_only: bool,
    /// Evaluate new policies over what is kept already.
    pub(crate) backfill: bool,
    /// Whether the next run may be compared with this one: it judges the whole scope over its usual period.
    pub(crate) usual: bool,
    /// The run's id, where it is not made up.
    pub(crate) run_id: Option<String>,
}

impl Asked {
    /// Nothing but collecting everything, once.
    pub(crate) fn of(command: &'static str, as_of: i64) -> Asked {
        Asked {
            command,
            as_of,
            since: None,
            until: None,
            accounts: Vec::new(),
            shard: None,
            threads: 1,
            fail_on: Level::High.into(),
            baseline: false,
            deadline: None,
            max_requests: None,
            collect_only: true,
            backfill: false,
            usual: false,
            run_id: None,
        }
    }
}

/// Why a run could not be done. What is wrong with one account is no error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The run's own credentials.
    #[error("cannot start: {0}")]
    Credentials(#[source] CloudError),
    /// The organisation's accounts.
    #[error("the accounts of the organisation cannot be read, so there is no scope: {0}")]
    Organization(#[source] CloudError),
    /// No account is left.
    #[error("no account is in scope: check `accounts` in the configuration, and --accounts")]
    NoAccounts,
    /// The audit bucket.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// Collecting.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// The state.
    #[error(transparent)]
    State(#[from] StateError),
    /// What earlier runs verified.
    #[error(transparent)]
    Verified(#[from] VerifiedError),
    /// Accounts and regions as a run saw them.
    #[error(
        "what the last run saw of accounts and regions cannot be read ({0}); was the state written by a newer version of assize?"
    )]
    Snapshot(#[source] serde_json::Error),
    /// CloudTrail's public keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Reading what the report shows.
    #[error("the evidence for the report cannot be kept for a moment: {0}; check the space in the folder for temporary files")]
    Spool(#[source] std::io::Error),
    /// A report.
    #[error(transparent)]
    Report(#[from] crate::report::ReportError),
    /// The signing key.
    #[error("cannot sign what the run puts out, so nothing was read: {0}")]
    Signing(#[from] KeyError),
    /// The time-stamping authority.
    #[error("no time stamp can be asked for, so nothing was read: {0}")]
    TimeStamp(#[from] TimeStampError),
    /// The manifest.
    #[error("the run's manifest cannot be made: {0}")]
    Manifest(#[from] FormatError),
}

/// What a run is given: the configuration, what is asked, the policies, and what people said of findings.
pub(crate) type Given<'a> = (&'a Config, &'a Asked, &'a Pack, &'a Accepted);

/// Who is told how a run goes.
pub(crate) type Tell<'a> = dyn Fn(&str) + Sync + 'a;

/// How a run ended.
pub(crate) struct Done {
    /// The document, if the run judged.
    pub(crate) published: Option<Published>,
    /// What collecting gave.
    pub(crate) outcome: Outcome,
    /// What people were told, by receiver.
    pub(crate) notified: BTreeMap<String, v1::Notified>,
    /// What the time-stamping authority answered, if one was asked.
    pub(crate) stamped: Option<Stamped>,
}

/// What the stages of a run share.
struct Context<'a> {
    config: &'a Config,
    asked: &'a Asked,
    pack: &'a Pack,
    accepted: &'a Accepted,
    hashes: Vec<String>,
    run_id: String,
    audit: Arc<dyn Bucket>,
    requests: Arc<Requests>,
    signer: Option<Signer>,
    authority: Option<Authority>,
    tell: &'a Tell<'a>,
}

/// Does one run over AWS.
///
/// # Errors
/// Nothing can be kept, or there is nothing to look at.
pub(crate) async fn once(
    (config, asked, pack, accepted): Given<'_>,
    templates: &Templates,
    stop: impl FnOnce(Arc<Stop>),
    tell: &Tell<'_>,
) -> Result<Done, RunError> {
    let signer = signer(config, asked)?;
    let authority = if judges(asked) { Authority::load(config)? } else { None };
    let sessions = aws::sessions(config).await.map_err(RunError::Credentials)?;
    let signer = match aws::signing_key(&sessions, config).filter(|_| judges(asked)) {
        Some((session, arn)) => Some(Signer::kms(session, arn).await?),
        None => signer,
    };
    let audit: Arc<dyn Bucket> = aws::audit_bucket(&sessions, config).await?;
    let estate = accounts_in_scope(config, &sessions, asked).await?;
    let context = Context { signer, authority, ..Context::new((config, asked, pack, accepted), &estate, audit, tell) };

    let state = State::open(Arc::clone(&context.audit), context.identity(), asked.shard).await?;
    let mut collected = recall(&state.view()).await?;
    let discovered = look(&context, &sessions, &estate, &mut collected).await;
    context.note_calls(&sessions, &mut collected);
    let scene = Scene { estate, discovered, sessions: Some(&sessions) };
    stages(&context, scene, (state, collected), stop, templates).await
}

/// Does one run over what is at hand: buckets, accounts and trails that nobody has to ask AWS for. `discover` tells what there
/// is, and notes how trails are.
///
/// # Errors
/// As [`once`].
pub(crate) async fn over(
    given: Given<'_>,
    templates: &Templates,
    audit: Arc<dyn Bucket>,
    estate: Estate,
    discover: impl FnOnce(&mut Collected) -> Discovered,
    tell: &Tell<'_>,
) -> Result<Done, RunError> {
    let context = Context::new(given, &estate, audit, tell);
    let state = State::open(Arc::clone(&context.audit), context.identity(), None).await?;
    let mut collected = recall(&state.view()).await?;
    let discovered = discover(&mut collected);
    stages(&context, Scene { estate, discovered, sessions: None }, (state, collected), drop, templates).await
}

/// What a run looks at.
struct Scene<'a> {
    estate: Estate,
    discovered: Discovered,
    /// None where nothing is asked of AWS.
    sessions: Option<&'a Sessions>,
}

/// The stages that follow discovery.
async fn stages(
    context: &Context<'_>,
    Scene { estate, discovered, sessions }: Scene<'_>,
    (mut state, mut collected): (State, Collected),
    stop: impl FnOnce(Arc<Stop>),
    templates: &Templates,
) -> Result<Done, RunError> {
    let asked = context.asked;
    state.commit(snapshot(&estate, &discovered, asked)).await?;
    let (collector, discovered) = context.collector(discovered, &estate);
    stop(Arc::clone(&collector.stop));
    let mut outcome = Outcome::default();
    if let Some(sessions) = sessions {
        outcome.merge(keys::archive(context, sessions, &collector, &discovered).await);
    }
    outcome.merge(collect_all(context, sessions, &collector, &mut state, &mut collected).await?);
    history::read(context, &collector, &discovered, (&mut state, &mut collected), &mut outcome).await?;
    if !judges(asked) {
        let record = publish::record(context, &estate, &outcome, None);
        state.finish(&record).await?;
        return Ok(Done { published: None, outcome, notified: BTreeMap::new(), stamped: None });
    }
    if asked.backfill {
        backfill(context, &collector, &mut state).await?;
    }
    let verified = digests::verify(context, &collector, &discovered, (&mut state, &mut collected), &mut outcome).await?;
    context.settle_calls(&collector, &discovered, (&mut state, &mut collected), &verified).await?;
    let accepts = |findings: &[Finding]| {
        fates::accepted(context.accepted, (findings, &context.pack.policies), &estate, context.verdict_time())
    };
    let question = context.question(&discovered, &collected, &accepts);
    let judgement = judge::judge(&state.view(), &collected, &verified, &question).await?;
    let told = publish::Told { estate: &estate, discovered: &discovered, outcome: &outcome, collected: &collected };
    let published = publish::publish(context, &collector, (&question, judgement), &told, &state, templates).await?;
    let notified = notify::tell(context, &mut state, (&published.document, &estate), sessions).await?;
    let record = notify::into_record(publish::record(context, &estate, &outcome, Some(&published)), &notified)?;
    let record = time_stamp::into_record(record, context.authority.as_ref());
    let stamped = manifest::write(context, &mut state, &question.hours, (&published, &record)).await?;
    state.finish(&record).await?;
    Ok(Done { published: Some(published), outcome, notified, stamped })
}

/// The key that signs, before anything is fetched. A run that does not judge signs nothing.
fn signer(config: &Config, asked: &Asked) -> Result<Option<Signer>, KeyError> {
    match config.signing.as_ref().filter(|_| judges(asked)) {
        Some(place) => Signer::load(place, |name| std::env::var(name).ok()),
        None => Ok(None),
    }
}

/// Whether the run ends with verdicts.
fn judges(asked: &Asked) -> bool {
    !asked.collect_only && asked.shard.is_none()
}

/// Judges what is kept by policies that have not seen it, and says what came of it.
async fn backfill(context: &Context<'_>, collector: &Collector, state: &mut State) -> Result<(), RunError> {
    let first_day = context.asked.since.map_or(i64::MIN, |since| since.div_euclid(DAY));
    let missing = collect::backfill::missing(&state.view(), &context.hashes, first_day).await?;
    (context.tell)(&words::missing(&missing));
    if missing.days.is_empty() {
        return Ok(());
    }
    let progress = |day: i64, left: usize, objects: u64| {
        let day = time::format(day * DAY);
        let day = day.get(..10).unwrap_or(&day);
        (context.tell)(&format!("backfill: {day} is done, {objects} objects so far; {left} days left"));
    };
    let done = collect::backfill::backfill(collector, state, &missing, &progress).await?;
    (context.tell)(&words::backfilled(&done));
    Ok(())
}

/// The audit bucket, to be read alone. A folder needs no credentials.
///
/// # Errors
/// It cannot be found, or may not be used.
pub(crate) async fn audit_to_read(config: &Config) -> Result<Arc<dyn Bucket>, RunError> {
    if let Some(folder) = aws::audit_folder_as_it_is(config)? {
        return Ok(folder);
    }
    let sessions = aws::sessions(config).await.map_err(RunError::Credentials)?;
    Ok(aws::audit_bucket(&sessions, config).await?)
}

/// What earlier runs and shards collected.
///
/// # Errors
/// The state cannot be read, or was written by a newer version.
pub(crate) async fn recall(view: &View) -> Result<Collected, RunError> {
    let mut collected = Collected::default();
    if let Some(last) = view.current(collected::DOCUMENT).await? {
        collected = Collected::read(last.value).map_err(CollectError::from)?;
    }
    // Each shard writes a document of its own; what is newer than the last whole one is not in it yet.
    for document in view.documents(collected::SHARD_DOCUMENT).await? {
        let shard = Collected::read(document.value).map_err(CollectError::from)?;
        if shard.newer_than(&collected) {
            collected.adopt(shard);
        }
    }
    Ok(collected)
}

/// The accounts in scope.
///
/// # Errors
/// The organisation cannot be read, or nothing is left.
pub(crate) async fn accounts_in_scope(config: &Config, sessions: &Sessions, asked: &Asked) -> Result<Estate, RunError> {
    let session = aws::organization_session(sessions, config);
    let mut estate = estate::read(config, session.as_ref()).await.map_err(RunError::Organization)?;
    estate.restrict(&asked.accounts);
    if let Some(shard) = asked.shard {
        estate.shard(shard.number(), shard.of());
    }
    if estate.accounts.is_empty() && asked.shard.is_none() { Err(RunError::NoAccounts) } else { Ok(estate) }
}

/// How accounts, regions and trails were at the time of the run, as AWS told it, and the period it was asked for: the timeline that
/// later runs read.
fn snapshot(estate: &Estate, discovered: &Discovered, asked: &Asked) -> Batch {
    let seen = discovered.seen.iter().map(|seen| {
        json!({
            "account": seen.account,
            "assumed": seen.assumed,
            "regions": seen.regions,
            "disabled": seen.disabled,
            "trails": seen.trails,
            "trouble": seen.trouble.as_ref().map(|trouble| json!({"reason": trouble.reason.code(), "message": trouble.message})),
        })
    });
    let cells = recalled::rows(discovered);
    // What is only collected was not judged: its period is no answer to what the last report says.
    let (since, until) = if asked.collect_only { (None, None) } else { (asked.since, asked.until) };
    let seen: Vec<_> = seen.collect();
    let estate = json!({"version": 1, "estate": estate, "seen": seen, "cells": cells, "since": since, "until": until});
    Batch { timeline: BTreeMap::from([(recalled::SNAPSHOT.to_owned(), estate)]), ..Batch::default() }
}

async fn look(context: &Context<'_>, sessions: &Sessions, estate: &Estate, collected: &mut Collected) -> Discovered {
    let discovered =
        discover::discover(context.config, sessions, estate, collected, (context.asked.as_of, &context.requests)).await;
    let blocked = discovered.cells.values().filter(|trouble| trouble.is_some()).count();
    (context.tell)(&format!(
        "{} accounts, {} account-regions in scope, {} in {} buckets; {blocked} cannot be collected at present",
        estate.accounts.len(),
        discovered.cells.len(),
        discovered.places.len(),
        discovered.sources.len(),
    ));
    discovered
}

/// What a queue names, if there is one, and what listing finds.
async fn collect_all(
    context: &Context<'_>,
    sessions: Option<&Sessions>,
    collector: &Collector,
    state: &mut State,
    collected: &mut Collected,
) -> Result<Outcome, RunError> {
    let begun = Instant::now();
    let progress = |progress: Progress| {
        let Progress { day, windows_left, taken, stored_bytes } = progress;
        let rate = f64::from(u32::try_from(taken).unwrap_or(u32::MAX)) / begun.elapsed().as_secs_f64().max(0.001);
        let day = time::format(day * DAY);
        let mib = stored_bytes >> 20;
        let left = if windows_left == 0 { String::new() } else { format!("; {windows_left} days of backlog left") };
        if taken > 0 || windows_left > 0 {
            (context.tell)(&format!(
                "{}: {taken} objects taken so far, {mib} MiB, {rate:.0} a second{left}",
                day.get(..10).unwrap_or(&day)
            ));
        }
    };
    let today = context.asked.as_of.div_euclid(DAY);
    let (mut outcome, reconciled) = match sessions {
        Some(sessions) => notified::take(context, sessions, collector, state, collected, today).await?,
        None => (Outcome::default(), false),
    };
    if !reconciled {
        outcome.merge(collect::collect(collector, state, collected, &progress).await?);
    }
    Ok(outcome)
}

impl<'a> Context<'a> {
    fn new(
        (config, asked, pack, accepted): Given<'a>,
        estate: &Estate,
        audit: Arc<dyn Bucket>,
        tell: &'a Tell<'a>,
    ) -> Context<'a> {
        let requests = Arc::new(Requests::default());
        let audit: Arc<dyn Bucket> = Arc::new(Metered::new(audit, Arc::clone(&requests)));
        let facts = estate.facts(config);
        let hashes = pack.policies.iter().map(|policy| policy.evaluation_hash(&facts)).collect();
        let run_id = asked.run_id.clone().unwrap_or_else(|| run_id(asked.as_of));
        Context { config, asked, pack, accepted, hashes, run_id, audit, requests, signer: None, authority: None, tell }
    }
}

impl Context<'_> {
    fn identity(&self) -> RunIdentity {
        RunIdentity { run_id: self.run_id.clone(), as_of: self.asked.as_of, tool: env!("CARGO_PKG_VERSION").to_owned() }
    }

    /// Whether it is for a part of the accounts.
    fn partial(&self) -> bool {
        !self.asked.accounts.is_empty() || self.asked.shard.is_some()
    }

    /// The hours that count: from the asked day on, up to where evidence is due.
    fn hours(&self) -> std::ops::Range<i64> {
        self.config.judge.hours(self.asked.as_of, self.asked.since, self.asked.until)
    }

    /// The time of the verdict: what people said of findings later changes nothing of it.
    fn verdict_time(&self) -> i64 {
        self.asked.until.map_or(self.asked.as_of, |until| (until - 1).min(self.asked.as_of))
    }

    /// Whether the next run may be compared with this one: it judges the whole scope over its usual period.
    fn usual(&self) -> bool {
        self.asked.usual && !self.partial()
    }

    fn question<'q>(
        &'q self,
        discovered: &'q Discovered,
        collected: &Collected,
        accepted: &'q (dyn Fn(&[Finding]) -> BTreeSet<String> + Sync),
    ) -> Question<'q> {
        let mut hours = self.hours();
        if self.config.notifications.is_some() && !self.partial() {
            // Between two listings nothing proves that the queue named everything.
            hours.end = hours.end.min(collected.listed_until().unwrap_or(hours.start)).max(hours.start);
        }
        let (policies, hashes) = (&*self.pack.policies, &*self.hashes);
        let (grade, settle) = (self.config.judge.evidence, self.config.judge.settle_seconds());
        Question { policies, hashes, hours, as_of: self.asked.as_of, cells: &discovered.cells, grade, settle, accepted }
    }

    /// Remembers the calls that were just made, for later runs to find in the logs.
    fn note_calls(&self, sessions: &Sessions, collected: &mut Collected) {
        if self.config.judge.tracers {
            let ours = sessions.made_calls().into_iter().filter(|call| call.action == collect::own_calls::ACTION);
            collected.made(self.asked.as_of, ours.map(|call| ((call.account, call.region), call.request_id)));
        }
    }

    /// Judges calls of earlier runs that their logs should show by now.
    async fn settle_calls(
        &self,
        collector: &Collector,
        discovered: &Discovered,
        (state, collected): (&mut State, &mut Collected),
        verified: &Verified,
    ) -> Result<(), RunError> {
        let due = self.hours().end;
        if !collected.has_calls_due(due) {
            return Ok(());
        }
        let evidence = judge::evidence(collected, verified, &discovered.cells, self.config.judge.settle_seconds());
        if collected.settle_calls(&evidence, due, self.asked.as_of) {
            state.commit(collect::documents(collector, collected)?).await?;
        }
        Ok(())
    }

    /// What records are judged with.
    fn judging(&self, estate: &Estate) -> Judging {
        let own = self.pack.policies.iter().cloned();
        Judging {
            policies: own.chain(collect::changes::policy()).chain(collect::own_calls::policy()).collect(),
            reported: self.pack.policies.len(),
            accounts: estate.facts(self.config),
            threads: scan::threads(self.asked.threads),
            limits: inflate::Limits { max_inflated: self.config.limits.max_object, ..inflate::Limits::default() },
            as_of: self.asked.as_of,
        }
    }

    fn collector(&self, mut discovered: Discovered, estate: &Estate) -> (Collector, Discovered) {
        let limits = self.config.limits;
        let mut sources = std::mem::take(&mut discovered.sources);
        sources.push(history::source(self.config));
        let deadline = self.asked.deadline.or(limits.deadline).map(|after| Instant::now() + after);
        let collector = Collector {
            sources: Arc::new(sources),
            places: std::mem::take(&mut discovered.places),
            audit: Arc::clone(&self.audit),
            judging: Arc::new(self.judging(estate)),
            policy_hashes: self.hashes.clone(),
            classify: Arc::new(aws::bucket_reason),
            requests: Arc::clone(&self.requests),
            stop: Arc::new(Stop::at(deadline, self.asked.max_requests.or(limits.max_requests))),
            relist: self.config.relist,
            concurrency: usize::try_from(limits.concurrency).unwrap_or(64),
            first_day: self.hours().start.div_euclid(24),
            settle: self.config.judge.settle_seconds(),
            partial: self.partial(),
            shard: self.asked.shard.map(|_| estate.ids().into_iter().map(str::to_owned).collect()),
        };
        (collector, discovered)
    }
}

/// `20261122T080000Z-0a1b2c3d`: the time, and something that no other run has.
fn run_id(as_of: i64) -> String {
    use std::hash::BuildHasher;
    let stamp = time::format(as_of).replace(['-', ':'], "");
    let other = std::hash::RandomState::new().hash_one(std::process::id());
    format!("{stamp}-{:08x}", other & 0xffff_ffff)
}

/// What ran, for the document.
fn run_of(context: &Context<'_>, hours: &std::ops::Range<i64>) -> v1::Run {
    v1::Run {
        tool: "assize",
        tool_version: env!("CARGO_PKG_VERSION"),
        command: context.asked.command,
        as_of: time::format(context.asked.as_of),
        since: Some(time::format(hours.start * 3600)),
        until: context.asked.until.map(time::format),
        paths: Vec::new(),
        policies_sha256: context.pack.sha256.clone(),
        fail_on: context.asked.fail_on.level.name().to_owned(),
        fail_on_new: context.asked.fail_on.only_new,
        exit_code: 0,
    }
}
