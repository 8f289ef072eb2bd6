//! `assize run` and `assize collect`: once, or on a schedule.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use assize_engine::evaluate::Period;
use futures::future::Either;

use super::CommandError;
use super::scan::{as_of, fit_for_output, now, period, write_files};
use crate::accepted::Accepted;
use crate::cli::{CollectArgs, Format, RunArgs};
use crate::collect::Stop;
use crate::config::{self, Config, ReportConfig};
use crate::console::Console;
use crate::exit::Exit;
use crate::pack::{self, Pack};
use crate::report::templates::Templates;
use crate::report::{self, v1, words};
use crate::run::{self, Asked, Done, forecast};
use crate::schedule::{self, Schedule};
use crate::state::Shard;

/// The longest wait without a look at the clock.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(10);

/// Runs `assize run`.
pub(crate) fn run(args: &RunArgs, console: &Console) -> Result<Exit, CommandError> {
    if args.out.is_none() {
        fit_for_output(&args.format, console)?;
    }
    let schedule = schedule(args)?;
    let prepared = Prepared { backfill: args.backfill, baseline: args.baseline, ..Prepared::new(&args.collect, console)? };
    let fail_on = args.fail_on.unwrap_or(prepared.config.report.fail_on);
    let report = &prepared.config.report;
    let templates = Templates::load(report.templates.as_deref())?.speaking(report.lang).in_zone(&report.timezone);
    prepared.again_and_again(schedule.as_ref(), console, |asked, signals| {
        let asked = Asked { command: "run", fail_on, collect_only: false, ..asked };
        let done = prepared.once(&asked, &templates, signals, console)?;
        finish(&done, &templates, (args, &prepared.config.report), console)
    })
}

/// Runs `assize collect`.
pub(crate) fn collect(args: &CollectArgs, console: &Console) -> Result<Exit, CommandError> {
    let prepared = Prepared::new(args, console)?;
    let templates = Templates::load(None)?;
    prepared.again_and_again(None, console, |asked, signals| {
        let asked = Asked { command: "collect", collect_only: true, ..asked };
        let done = prepared.once(&asked, &templates, signals, console)?;
        console.result(&books(&done))?;
        let outcome = &done.outcome;
        let trusted = outcome.unlisted.is_empty() && outcome.problems.is_empty();
        let whole = outcome.stopped.is_none() && trusted && outcome.objects.failed == 0;
        Ok(if whole { Exit::Clean } else { Exit::Incomplete })
    })
}

/// What every run of a process shares.
struct Prepared {
    config: Config,
    pack: Pack,
    accepted: Accepted,
    args: CollectArgs,
    backfill: bool,
    baseline: bool,
    shard: Option<Shard>,
    deadline: Option<Duration>,
    runtime: tokio::runtime::Runtime,
}

/// What a signal stops.
#[derive(Clone, Default)]
struct Signals {
    stop: Arc<Mutex<Option<Arc<Stop>>>>,
    ended: Arc<std::sync::atomic::AtomicBool>,
    wake: Arc<tokio::sync::Notify>,
    abandon: Arc<tokio::sync::Notify>,
}

impl Prepared {
    fn new(args: &CollectArgs, console: &Console) -> Result<Prepared, CommandError> {
        let config = Config::of_option(args.config.as_deref())?;
        if !config.warnings.is_empty() {
            let count = words::plural(config.warnings.len() as u64, "warning", "warnings");
            console.note(&format!("{count} about the configuration; `assize config check` shows them"));
        }
        let mut pack = pack::loaded(&config)?;
        super::config::check_names(&config, &pack)?;
        // Before policies are chosen: a waiver may speak of one that is left out.
        let accepted = Accepted::load(&config, &pack)?;
        pack.choose(&config.policies)?;
        let shard = args.shard.as_deref().map(shard).transpose()?;
        let deadline = args.deadline.as_deref().map(|text| duration("--deadline", text)).transpose()?;
        let runtime = super::runtime()?;
        Ok(Prepared { config, pack, accepted, args: args.clone(), backfill: false, baseline: false, shard, deadline, runtime })
    }

    fn asked(&self) -> Result<Asked, CommandError> {
        let args = &self.args;
        let Period { since, until } = period(args.since.as_deref(), args.until.as_deref())?;
        Ok(Asked {
            command: "run",
            as_of: as_of(args.as_of.as_deref())?,
            since,
            until,
            accounts: args.accounts.clone(),
            shard: self.shard,
            threads: args.threads,
            fail_on: self.config.report.fail_on,
            deadline: self.deadline,
            max_requests: args.max_requests,
            collect_only: false,
            backfill: self.backfill,
            baseline: self.baseline,
            usual: since.is_none() && until.is_none(),
            run_id: None,
        })
    }

    fn once(&self, asked: &Asked, templates: &Templates, signals: &Signals, console: &Console) -> Result<Done, CommandError> {
        let tell = |text: &str| console.note(text);
        let stop = |stop: Arc<Stop>| {
            if signals.ended.load(std::sync::atomic::Ordering::Relaxed) {
                stop.ask();
            }
            *signals.stop.lock().unwrap_or_else(PoisonError::into_inner) = Some(stop);
        };
        let run = run::once((&self.config, asked, &self.pack, &self.accepted), templates, stop, &tell);
        let abandoned = signals.abandon.notified();
        let ended = async {
            match futures::future::select(std::pin::pin!(run), std::pin::pin!(abandoned)).await {
                Either::Left((done, _)) => done.map_err(|error| Box::new(error).into()),
                // Every commit is whole, whenever a run ends.
                Either::Right(_) => Err(CommandError::Interrupted),
            }
        };
        self.runtime.block_on(ended)
    }

    /// Once, or on a schedule until a signal ends it. The exit is that of the last run.
    fn again_and_again(
        &self,
        schedule: Option<&Schedule>,
        console: &Console,
        one: impl Fn(Asked, &Signals) -> Result<Exit, CommandError>,
    ) -> Result<Exit, CommandError> {
        if self.args.dry_run {
            let asked = self.asked()?;
            let runs = schedule.map_or_else(schedule::runs_of_workflows, |schedule| schedule.runs_a_month(asked.as_of));
            let told = self.runtime.block_on(forecast::forecast(&self.config, &self.pack, &asked, runs));
            console.result(&told.map_err(Box::new)?)?;
            return Ok(Exit::Clean);
        }
        let signals = Signals::default();
        self.listen(&signals);
        let Some(schedule) = schedule else { return one(self.asked()?, &signals) };
        // A process that is stopped before its first run has read nothing.
        let mut exit = Exit::Incomplete;
        let mut at = schedule.first(now()).ok_or(CommandError::NoFurtherStart)?;
        loop {
            if self.wait(at, &signals, console) {
                return Ok(exit);
            }
            exit = match one(self.asked()?, &signals) {
                Ok(exit) => exit,
                // A run of many may fail, for example while the network is away; the next one may not.
                Err(error) => {
                    console.error(&error);
                    Exit::Failed
                }
            };
            let next = schedule.next(at, now()).ok_or(CommandError::NoFurtherStart)?;
            if next.skipped > 0 {
                let starts = words::plural(next.skipped, "start", "starts");
                console.note(&format!("{starts} of the schedule passed before this run had ended: skipped, and not made up for"));
            }
            at = next.at;
        }
    }

    /// Waits for a start; says whether a signal came instead. The wall clock is asked again and again: a machine that
    /// slept, or whose clock was set, starts when its clock says so.
    fn wait(&self, at: i64, signals: &Signals, console: &Console) -> bool {
        let ended = || signals.ended.load(std::sync::atomic::Ordering::Relaxed);
        if at > now() && !ended() {
            console.note(&format!("next run at {}, in {} s", schedule::words(at), at - now()));
        }
        while !ended() {
            let Some(rest) = u64::try_from(at - now()).ok().filter(|rest| *rest > 0) else { return false };
            let rest = Duration::from_secs(rest).min(LOOK_AT_CLOCK);
            if self.runtime.block_on(async { tokio::time::timeout(rest, signals.wake.notified()).await.is_ok() }) {
                return true;
            }
        }
        true
    }

    /// The first signal lets the run finish what it has begun, the second ends the process.
    ///
    /// The handlers stand when this returns: a signal that comes right after "next run at" is not lost to a task that has not begun.
    fn listen(&self, signals: &Signals) {
        let signals = signals.clone();
        let mut handlers = {
            let _within = self.runtime.enter();
            Handlers::new()
        };
        self.runtime.spawn(async move {
            handlers.next().await;
            signals.ended.store(true, std::sync::atomic::Ordering::Relaxed);
            if let Some(stop) = &*signals.stop.lock().unwrap_or_else(PoisonError::into_inner) {
                stop.ask();
            }
            signals.wake.notify_one();
            handlers.next().await;
            signals.abandon.notify_one();
        });
    }
}

/// The signals that ask the process to end. One that the system does not let it handle ends the process as it always does.
#[cfg(unix)]
struct Handlers(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Handlers {
    /// Registers the handlers. Needs the context of the runtime.
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self([SignalKind::terminate(), SignalKind::interrupt()].into_iter().filter_map(|kind| signal(kind).ok()).collect())
    }

    async fn next(&mut self) {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
        futures::future::select_all(self.0.iter_mut().map(|signal| Box::pin(signal.recv()))).await;
    }
}

#[cfg(not(unix))]
struct Handlers;

#[cfg(not(unix))]
impl Handlers {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) {
        drop(tokio::signal::ctrl_c().await);
    }
}

fn shard(text: &str) -> Result<Shard, CommandError> {
    let wrong = || CommandError::Shard(text.to_owned());
    let (number, of) = text.split_once('/').ok_or_else(wrong)?;
    let (number, of) = (number.parse().map_err(|_| wrong())?, of.parse().map_err(|_| wrong())?);
    Shard::new(number, of).map_err(|_| wrong())
}

/// When the runs of this process start, if there are several. Looked at before anything is opened.
fn schedule(args: &RunArgs) -> Result<Option<Schedule>, CommandError> {
    let every = args.every.as_deref().map(|text| duration("--every", text)).transpose()?;
    let cron = args.cron.as_deref().map(|text| Schedule::cron(text, now())).transpose()?;
    Ok(cron.or(every.map(Schedule::Every)))
}

fn duration(option: &'static str, text: &str) -> Result<Duration, CommandError> {
    config::duration(text).map_err(|_| CommandError::Duration { option, text: text.to_owned() })
}

/// Shows the result of a run.
fn finish(
    done: &Done,
    templates: &Templates,
    (args, configured): (&RunArgs, &ReportConfig),
    console: &Console,
) -> Result<Exit, CommandError> {
    let Some(published) = &done.published else {
        console.result(&books(done))?;
        return Ok(if done.outcome.stopped.is_none() { Exit::Clean } else { Exit::Incomplete });
    };
    untold(done, console);
    stamped(done, console);
    let document = &published.document;
    let put = Put { folder: args.out.as_deref(), asked: &args.format, csv_bom: args.csv_bom };
    put_out((document, &published.findings), templates, (put, configured), console)?;
    if let Some(key) = published.keys.first().and_then(|key| key.rsplit_once('/')) {
        console.note(&format!("kept in the audit bucket under {}/", key.0));
    }
    Ok(super::scan::exit(document))
}

/// What the command line says of the output.
#[derive(Clone, Copy)]
pub(super) struct Put<'a> {
    /// `--out`
    pub(super) folder: Option<&'a Path>,
    /// `--format`; where it names none, the configuration says what is written into a folder.
    pub(super) asked: &'a [Format],
    /// `--csv-bom`
    pub(super) csv_bom: bool,
}

/// Puts out a result: all formats into a folder and a text beside, or one format.
pub(super) fn put_out(
    (document, findings): (&v1::Document, &[u8]),
    templates: &Templates,
    (put, configured): (Put<'_>, &ReportConfig),
    console: &Console,
) -> Result<(), CommandError> {
    let csv_bom = put.csv_bom || configured.csv_bom;
    let options = report::Options { terminal: console.terminal(), csv_bom };
    let render = |format| report::render(format, document, templates, options);
    let Some(folder) = put.folder else {
        return console.bytes(&render(put.asked.first().copied().unwrap_or(Format::Text))?);
    };
    let formats = if put.asked.is_empty() { &configured.formats } else { put.asked };
    write_files(document, templates, (folder, formats, csv_bom), |out| out.write_all(findings))?;
    console.bytes(&render(Format::Text)?)
}

/// Says who could not be notified. The result of a run is what it is, whoever knows of it.
fn untold(done: &Done, console: &Console) {
    for (receiver, told) in &done.notified {
        if let Some(why) = &told.last_error {
            let messages = words::plural(told.failed, "message was", "messages were");
            let waiting = words::plural(told.waiting, "thing waits", "things wait");
            console.warn(&format!("{receiver} was not notified, {messages} not sent: {why}; {waiting} for the next run"));
        }
    }
}

/// Says what the time-stamping authority answered. A run without a time stamp is a run, and its manifest is signed.
fn stamped(done: &Done, console: &Console) {
    match &done.stamped {
        Some(Ok(stamp)) => {
            let authority = report::escape::terminal(&stamp.authority);
            console.note(&format!("the manifest is time-stamped: {} by {authority}", stamp.time));
        }
        Some(Err(why)) => {
            let why = report::escape::terminal(why);
            console.warn(&format!("the manifest of this run has no time stamp: {why}; the run is kept, and says so"));
        }
        None => {}
    }
}

/// The books of a run that did not judge.
fn books(done: &Done) -> String {
    let objects = done.outcome.objects;
    let text = format!(
        "objects: {} listed = {} taken + {} already there + {} failed + {} skipped + {} left{}\n",
        words::count(objects.listed),
        words::count(objects.taken),
        words::count(objects.already),
        words::count(objects.failed),
        words::count(objects.skipped),
        words::count(objects.left),
        if objects.balanced() { "" } else { "  (does not balance: this is a bug, please report it)" },
    );
    let mut more: Vec<String> = Vec::new();
    for unlisted in &done.outcome.unlisted {
        let message = report::escape::terminal(&unlisted.message);
        more.push(format!("not listed: {} ({}): {message}\n", unlisted.place, unlisted.reason.code()));
    }
    // All regions of a refusal share its words.
    let refused: BTreeSet<(&str, &str)> =
        done.outcome.without_keys.iter().map(|one| (one.reason.code(), one.message.as_str())).collect();
    more.extend(
        refused.into_iter().map(|(code, message)| format!("no public keys ({code}): {}\n", report::escape::terminal(message))),
    );
    let problems = done.outcome.problems.iter();
    more.extend(problems.map(|one| format!("problem ({}): {}\n", one.code, report::escape::terminal(&one.message))));
    more.extend(done.outcome.stopped.map(|why| format!("stopped early: {why}; run again to go on\n")));
    format!("{text}{}", more.concat())
}
