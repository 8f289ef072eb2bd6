//! One file per subcommand.

pub(crate) mod bundle;
pub(crate) mod config;
pub(crate) mod coverage;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod notify;
pub(crate) mod policy;
pub(crate) mod report;
pub(crate) mod review;
pub(crate) mod role;
pub(crate) mod run;
pub(crate) mod scan;
pub(crate) mod verify;
pub(crate) mod waivers;

use std::io;
use std::path::PathBuf;

use assize_bucket::BucketError;

use crate::bundle::BundleError;
use crate::config::ConfigError;
use crate::events::counts::TooMany;
use crate::events::query::QueryError;
use crate::history::resource::NoResource;
use crate::manifest::key::KeyError;
use crate::manifest::time_stamp::TimeStampError;
use crate::pack::PackError;
use crate::report::ReportError;
use crate::report::templates::TemplatesError;
use crate::role::RoleError;
use crate::run::RunError;
use crate::scan::input::InputError;
use crate::schedule::ScheduleError;
use crate::verify::keys::KeysError;

/// The runtime of commands that wait for the network. Objects are worked at on threads of their own, so two are enough for it.
fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(CommandError::Runtime)
}

/// Why a command could not do its work. All of them end with exit code 2.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A run.
    #[error(transparent)]
    Run(#[from] Box<RunError>),
    /// Evidence to verify.
    #[error("the evidence cannot be listed, so nothing can be said of it: {0}")]
    Evidence(#[source] BucketError),
    /// Public keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A policy that is not loaded.
    #[error("no policy `{0}` is loaded by this configuration; `assize policy list` shows their ids")]
    NoPolicy(String),
    /// A policy that cannot be begun.
    #[error(transparent)]
    Draft(#[from] policy::DraftError),
    /// An id that none of the loaded policies has.
    #[error("no policy `{id}` is loaded{}; `assize policy list` shows their ids", perhaps(meant.as_deref()))]
    UnknownPolicy {
        /// What was asked for.
        id: String,
        /// The id that is close to it.
        meant: Option<String>,
    },
    /// An account or region outside the scope.
    #[error("the last run did not have {0} in scope: write an account, or an account and a region as 111122223333/eu-west-1")]
    NoSuchPlace(String),
    /// A period on the command line.
    #[error("`{text}` is no period: {hint}")]
    Period {
        /// What was given.
        text: String,
        /// What to write instead.
        hint: String,
    },
    /// A key that can be guessed.
    #[error("{0} must have 16 characters at least: who guesses it can find out whom the names stand for")]
    ShortRedactionKey(&'static str),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes for the names of a redacted report")]
    NoRandomness,
    /// A period that no run has reached.
    #[error("the period {0} begins after the last run, so nothing is known of it; `assize run` goes on")]
    PeriodAhead(String),
    /// A run without a register.
    #[error(
        "there is no register of findings for `{0}`: write the id of a run that judged, a period such as 2026-10, `last` or `before`"
    )]
    NoRegister(String),
    /// A fingerprint that no finding has.
    #[error(
        "no finding of the last run has a fingerprint that begins with `{0}`: give at least eight digits, as the report has them"
    )]
    NoFinding(String),
    /// A fingerprint that several findings have.
    #[error("several findings of the last run begin with `{0}`: give more digits")]
    SeveralFindings(String),
    /// A review that says too little.
    #[error("a review says who looked and what they concluded: give --by and --conclusion")]
    IncompleteReview,
    /// No file to write to.
    #[error("the configuration names no file for this: add `{0}: [{0}.yaml]` and make the file")]
    NoNotes(&'static str),
    /// A file that cannot be added to.
    #[error("{} was left as it is: `{key}` does not come last in it, so nothing can be added at its end", path.display())]
    NotLast {
        /// The file.
        path: PathBuf,
        /// The list.
        key: &'static str,
    },
    /// Nobody to notify.
    #[error("{}", no_receiver(.0.as_deref()))]
    NoReceiver(Option<String>),
    /// No run was ever there.
    #[error("the audit bucket has no run yet, so there is no scope to speak of; `assize run` makes one")]
    NoRun,
    /// A bundle, or a run to verify.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The public key of a signature.
    #[error(transparent)]
    SigningKey(#[from] KeyError),
    /// Roots of a time-stamping authority.
    #[error(transparent)]
    TimeStampRoots(#[from] TimeStampError),
    /// A public key for nothing.
    #[error(
        "--public-key and --time-stamp-roots are for the signature of a run and its time: name the run with --run, or give the file \
         of a bundle"
    )]
    PublicKeyWithoutRun,
    /// Two places.
    #[error(
        "a place and --config both say where the evidence is: give one of them; only with --replay does the other say the policies"
    )]
    PlaceAndConfig,
    /// A replay of nothing.
    #[error("--replay judges again what a run judged: name the run with --run")]
    ReplayWithoutRun,
    /// A replay of a part.
    #[error(
        "a bundle holds the objects behind findings alone, and not those in which nothing was found, so it cannot be judged again; \
         give the audit bucket or a copy of it"
    )]
    ReplayOfBundle,
    /// A format that a run has not.
    #[error("a run is verified as --format text or json; junit is for CloudTrail's digests")]
    JunitOfRun,
    /// A result that cannot be written as JSON.
    #[error("the result cannot be written as JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// A duration on the command line.
    #[error("`{text}` is no duration for {option}: write 90s, 15m, 2h or 1d")]
    Duration {
        /// The option.
        option: &'static str,
        /// What was given.
        text: String,
    },
    /// A schedule on the command line.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The schedule has no further time.
    #[error("the schedule has no further start within four years")]
    NoFurtherStart,
    /// A shard on the command line.
    #[error("`{0}` is no shard: write 3/10 for the third of ten")]
    Shard(String),
    /// A second signal.
    #[error("interrupted: what was committed is kept, and the next run goes on from there")]
    Interrupted,
    /// What is asked of records.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// More groups than can be counted.
    #[error(transparent)]
    Groups(#[from] TooMany),
    /// A resource.
    #[error(transparent)]
    Resource(#[from] NoResource),
    /// The asynchronous runtime.
    #[error("cannot start: the system gives no threads: {0}")]
    Runtime(#[source] io::Error),
    /// The policies.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The templates of roles.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// The paths to scan.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A template.
    #[error(transparent)]
    Template(#[from] TemplatesError),
    /// A report.
    #[error(transparent)]
    Render(#[from] ReportError),
    /// A time on the command line.
    #[error("`{text}` is no time for {option}: write 2026-10-01 or 2026-10-01T00:00:00Z (UTC)")]
    Time {
        /// The option.
        option: &'static str,
        /// What was given.
        text: String,
    },
    /// A period that is empty.
    #[error("--since is not before --until, so no event could be inside")]
    EmptyPeriod,
    /// Several formats for one output.
    #[error("standard output takes one format; give --out DIR to write several files")]
    SeveralFormats,
    /// A workbook for a terminal.
    #[error("a workbook is no text for a terminal; write it into a folder with --out DIR, or send standard output to a file")]
    BinaryToTerminal,
    /// Several templates for one output.
    #[error("standard output takes one template, and these are several: {0}; choose one with --part, or give --out DIR")]
    SeveralTemplates(String),
    /// A report that could not be written.
    #[error("cannot write {}: {source}; check the folder, its permissions and its space", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Standard output.
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
    /// Files that are there already.
    #[error("these files exist, and nothing was written: {}; --force overwrites them", list(.0))]
    WouldOverwrite(Vec<PathBuf>),
    /// The folder of the demo.
    #[error("{} holds something else than an earlier demo; choose another folder with --out", .0.display())]
    NotADemo(PathBuf),
    /// The bucket of the demo.
    #[error("cannot write the demo's logs: {0}")]
    Bucket(#[from] assize_bucket::BucketError),
}

fn perhaps(meant: Option<&str>) -> String {
    meant.map(|meant| format!(": did you mean `{meant}`?")).unwrap_or_default()
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn no_receiver(name: Option<&str>) -> String {
    match name {
        Some(name) => format!("`notify` in the configuration has no receiver called `{name}`"),
        None => "`notify` in the configuration names nobody, so there is nobody to send a test message to".to_owned(),
    }
}
