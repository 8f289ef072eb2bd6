//! The command line: what can be typed, and nothing of what is done with it.

mod events;
mod findings;
mod notify;
mod policy;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit::FailOn;

pub(crate) use events::{CountField, EventsArgs, EventsFormat, HistoryArgs, HistoryFormat, RecordArgs};
pub(crate) use findings::{DiffArgs, ReportArgs, ReviewArgs, WaiverNewArgs, WaiversCommand};
pub(crate) use notify::{NotifyCommand, NotifyTestArgs};
pub(crate) use policy::{
    BacktestArgs, ListFormat, Placeholder, PolicyArgs, PolicyCheckArgs, PolicyCommand, PolicyExplainArgs, PolicyNewArgs,
    placeholders,
};

/// Audits AWS organisations: reads CloudTrail logs, evaluates policies, and says what it could not see.
#[derive(Debug, Parser)]
#[command(name = "assize", version, max_term_width = 110, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  clean: no finding at or above --fail-on, and everything could be read and judged
  1  findings at or above --fail-on
  2  could not run: usage, configuration, policy, internal error
  3  no such findings, but incomplete: nothing, or not everything, could be read or judged
  4  both: findings, and incomplete";

/// Where help shows the options of every command. If nothing is said, the number of subcommands decides.
const BEHIND: usize = 900;

/// Options of every command; they stand behind those of its own.
#[derive(Args, Debug)]
pub(crate) struct Global {
    /// Say less: no progress, no notes
    #[arg(long, short, global = true, display_order = BEHIND)]
    pub(crate) quiet: bool,
    /// Say more about what is being done (twice: much more)
    #[arg(long, short, global = true, display_order = BEHIND, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to colour the output
    #[arg(long, global = true, display_order = BEHIND, value_enum, default_value_t = When::Auto)]
    pub(crate) color: When,
    /// Format of diagnostics on standard error
    #[arg(long, global = true, display_order = BEHIND, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
}

/// When to do something that suits a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    Auto,
    Always,
    Never,
}

/// Format of the program's own diagnostics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show which hours of which account and region are covered, and why others are not; reads the audit bucket alone
    Coverage(CoverageArgs),
    /// Show what changed between two runs or two periods; reads the audit bucket alone
    Diff(DiffArgs),
    /// Say why a policy's verdict on an account is what it is, down to hour, object and byte; reads the audit bucket alone
    Explain(ExplainArgs),
    /// Show or count CloudTrail records by who, what, where, when and how it ended; reads the audit bucket, or files
    Events(Box<EventsArgs>),
    /// Tell who changed a resource, when, and from what to what; reads the audit bucket, or files
    History(HistoryArgs),
    /// Read logs from files, folders or standard input, and report what the policies find
    Scan(ScanArgs),
    /// Make a synthetic organisation in a folder, scan it, and write the reports
    Demo(DemoArgs),
    /// Collect the logs of every account, judge them, and store the reports in the audit bucket
    Run(RunArgs),
    /// Collect the logs of every account, and leave judging to `run`
    Collect(CollectArgs),
    /// Try every permission that a run needs, and say what to add
    Doctor(DoctorArgs),
    /// Check that what was kept is what AWS delivered, by CloudTrail's signed digests
    Verify(VerifyArgs),
    /// Try whether the receivers of notifications can be reached
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// Write one file with what a run put out and the evidence behind its findings, to be verified anywhere
    Bundle(BundleArgs),
    /// Make a report over any period from what runs left; reads the audit bucket alone
    Report(ReportArgs),
    /// Write down who looked at a finding and what they concluded, or list what nobody has looked at
    Review(ReviewArgs),
    /// Check waivers, or write one for a finding
    #[command(subcommand)]
    Waivers(WaiversCommand),
    /// Check, test, list, explain and begin policies, and try them over logs
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Write a configuration, a waivers file and scheduled workflows to start from
    Init(InitArgs),
    /// Check the configuration, or print its JSON Schema
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Write roles, bucket, key and queue as templates, with exactly the permissions that the configuration needs
    Role(RoleArgs),
}

/// What to evaluate, and how to report it.
#[derive(Args, Debug)]
pub(crate) struct ScanArgs {
    /// Files or folders with CloudTrail records (gzip or plain; any layout); `-` is standard input
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Policy files or folders, instead of the built-in ones; may be repeated. The word `built-in` stands for these
    #[arg(long, value_name = "PATH")]
    pub(crate) policies: Vec<PathBuf>,
    /// A value for a placeholder of the policies, as `NAME=VALUE`; may be repeated, also for one name
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) placeholder: Vec<Placeholder>,
    /// Only policies whose id matches; `*` stands for any text; may be repeated or separated by commas
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// Only policies of this level and above
    #[arg(long, value_enum, default_value_t = LevelArg::Informational, value_name = "LEVEL")]
    pub(crate) min_level: LevelArg,
    /// Only events at or after this time (2026-10-01, or 2026-10-01T00:00:00Z)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only events before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// The time that the report calls now (for reproducible output)
    #[arg(long, value_name = "TIME")]
    pub(crate) as_of: Option<String>,
    /// Findings at or above this level make the exit code 1 or 4
    #[arg(long, value_enum, default_value_t = LevelArg::High, value_name = "LEVEL")]
    pub(crate) fail_on: LevelArg,
    /// Number of threads; 0 is one per processor
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) threads: usize,
    /// Format of the result on standard output; several, separated by commas, need --out
    #[arg(long, value_enum, value_delimiter = ',', default_value = "text", value_name = "FORMAT")]
    pub(crate) format: Vec<Format>,
    /// Write the reports and findings.jsonl into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Begin CSV with a byte order mark, by which spreadsheets know that it is UTF-8
    #[arg(long)]
    pub(crate) csv_bom: bool,
    /// Folder with templates that replace the built-in ones by name
    #[arg(long, value_name = "DIR")]
    pub(crate) templates: Option<PathBuf>,
    /// Largest object after inflating, in MiB
    #[arg(long, default_value_t = 2048, value_name = "MIB")]
    pub(crate) max_object: u64,
}

/// What to collect.
#[derive(Args, Clone, Debug)]
pub(crate) struct CollectArgs {
    /// The configuration [default: assize.yaml]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Judge from this time on (2026-10-01, or 2026-10-01T00:00:00Z) [default: `judge.period` back]
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Judge up to this time [default: what is due]
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// The time that the run calls now (for reproducible output)
    #[arg(long, value_name = "TIME")]
    pub(crate) as_of: Option<String>,
    /// Only these accounts, by id or name; `*` stands for any text; may be repeated or separated by commas
    #[arg(long, value_name = "ACCOUNT", value_delimiter = ',')]
    pub(crate) accounts: Vec<String>,
    /// Say what would be listed and what it would cost, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Collect only a part of the accounts, such as 3/10; a run without it then judges all
    #[arg(long, value_name = "N/M")]
    pub(crate) shard: Option<String>,
    /// Commit what is done and stop collecting after this time, such as 50m
    #[arg(long, value_name = "DURATION")]
    pub(crate) deadline: Option<String>,
    /// Stop collecting after so many requests
    #[arg(long, value_name = "N")]
    pub(crate) max_requests: Option<u64>,
    /// Number of threads; 0 is one per processor
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) threads: usize,
}

/// A run.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) collect: CollectArgs,
    /// Findings at or above this level make the exit code 1 or 4; `new:high` counts only those that are new since the run
    /// before, or came back [default: `report.fail-on`]
    #[arg(long, value_name = "[new:]LEVEL", value_parser = FailOn::parse)]
    pub(crate) fail_on: Option<FailOn>,
    /// Adopt what is found as what was there when auditing began: shown as such, and never new
    #[arg(long)]
    pub(crate) baseline: bool,
    /// Format of the result on standard output, text if none is given; several, separated by commas, need --out
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FORMAT")]
    pub(crate) format: Vec<Format>,
    /// Write the reports, in the formats of --format or else of `report.formats`, and findings.jsonl into this folder too
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Begin CSV with a byte order mark, by which spreadsheets know that it is UTF-8 [default: `report.csv-bom`]
    #[arg(long)]
    pub(crate) csv_bom: bool,
    /// Evaluate policies that are new or changed over the evidence that is kept already, newest day first
    #[arg(long, conflicts_with = "shard")]
    pub(crate) backfill: bool,
    /// Run again and again, this long after the start of the one before, such as 15m
    #[arg(long, value_name = "DURATION", conflicts_with = "cron")]
    pub(crate) every: Option<String>,
    /// Run at these times, such as '7 * * * *': minute, hour, day of the month, month, day of the week, in UTC; a start that
    /// passes during a run is skipped
    #[arg(long, value_name = "EXPR")]
    pub(crate) cron: Option<String>,
}

/// Of what to show the coverage.
#[derive(Args, Clone, Debug)]
pub(crate) struct CoverageArgs {
    #[command(flatten)]
    pub(crate) from: RecalledArgs,
    /// Only these accounts, by id; may be repeated or separated by commas
    #[arg(long, value_name = "ACCOUNT", value_delimiter = ',')]
    pub(crate) accounts: Vec<String>,
}

/// What to explain.
#[derive(Args, Clone, Debug)]
pub(crate) struct ExplainArgs {
    /// Id of the policy
    pub(crate) policy: String,
    /// The account, or the account and a region: 111122223333, 111122223333/eu-west-1
    #[arg(value_name = "ACCOUNT[/REGION]")]
    pub(crate) place: String,
    #[command(flatten)]
    pub(crate) from: RecalledArgs,
}

/// What is asked of the last run.
#[derive(Args, Clone, Debug)]
pub(crate) struct RecalledArgs {
    /// The configuration [default: assize.yaml]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// From this time on (2026-10-01, or 2026-10-01T00:00:00Z) [default: the hours that the last run judged]
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Up to this time [default: where evidence was due at the last run]
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Format of the result
    #[arg(long, value_enum, default_value_t = PlainFormat::Text, value_name = "FORMAT")]
    pub(crate) format: PlainFormat,
}

/// Formats of a small result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlainFormat {
    /// For a terminal
    Text,
    /// Everything, versioned
    Json,
}

/// What to verify.
#[derive(Args, Clone, Debug)]
pub(crate) struct VerifyArgs {
    /// A folder with a copy of an audit bucket or of the bucket that CloudTrail writes to, s3://BUCKET/PREFIX for that bucket
    /// itself, or a file of `assize bundle` [default: the audit bucket of the configuration]
    #[arg(value_name = "PLACE")]
    pub(crate) path: Option<PathBuf>,
    /// The configuration; beside a place, for --replay alone [default: assize.yaml]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// A folder with CloudTrail's public keys as FINGERPRINT.der, beside those that are kept with the evidence
    #[arg(long, value_name = "DIR")]
    pub(crate) keys: Vec<PathBuf>,
    /// Ask AWS for CloudTrail's public keys, with the credentials of the environment, and compare the kept ones with them; needs
    /// cloudtrail:ListPublicKeys
    #[arg(long, conflicts_with = "keys")]
    pub(crate) keys_from_account: bool,
    /// Read all log objects again [default: where there is a ledger, only those that it does not know, and of the others
    /// compare the hash that it has]
    #[arg(long, conflicts_with = "sample")]
    pub(crate) full: bool,
    /// Read only N of the log objects again that valid digests name, those with the smallest SHA-256 of "SEED", a line break and
    /// "BUCKET/KEY"
    #[arg(long, value_name = "N", requires = "seed")]
    pub(crate) sample: Option<u64>,
    /// The seed of the sample: the same one draws the same objects
    #[arg(long, value_name = "SEED", requires = "sample")]
    pub(crate) seed: Option<u64>,
    /// Only what was delivered at or after this time (2026-10-01, or 2026-10-01T00:00:00Z)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Digests were due up to this time [default: where they were due at the last run; without one, the end of the newest digest that
    /// any trail has]
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Only these accounts, by id; may be repeated or separated by commas
    #[arg(long, value_name = "ACCOUNT", value_delimiter = ',')]
    pub(crate) accounts: Vec<String>,
    /// Check this run of an audit bucket instead: its files, its signature, the copies of what it judged, and the runs before it
    #[arg(long, value_name = "ID", conflicts_with_all = ["since", "until", "accounts"])]
    pub(crate) run: Option<String>,
    /// Judge what the run judged again, with the policies of the configuration, and compare the findings
    #[arg(long)]
    pub(crate) replay: bool,
    /// The public key that must have signed the run, PEM or DER; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) public_key: Vec<PathBuf>,
    /// The roots of the time-stamping authority that must have stamped the run's signed manifest, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) time_stamp_roots: Option<PathBuf>,
    /// Format of the result
    #[arg(long, value_enum, default_value_t = VerifyFormat::Text, value_name = "FORMAT")]
    pub(crate) format: VerifyFormat,
}

/// What to bundle.
#[derive(Args, Clone, Debug)]
pub(crate) struct BundleArgs {
    /// An audit bucket: a folder with a copy of one, or s3://BUCKET/PREFIX [default: that of the configuration]
    #[arg(value_name = "PLACE")]
    pub(crate) path: Option<PathBuf>,
    /// The configuration [default: assize.yaml]
    #[arg(long, short, value_name = "FILE", conflicts_with = "path")]
    pub(crate) config: Option<PathBuf>,
    /// The run, by its id
    #[arg(long, value_name = "ID")]
    pub(crate) run: String,
    /// The file to write [default: assize-ID.tar.gz]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Formats of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum VerifyFormat {
    /// For a terminal
    Text,
    /// Everything, versioned
    Json,
    /// A test for each trail, account and region
    Junit,
}

/// What to try.
#[derive(Args, Clone, Debug)]
pub(crate) struct DoctorArgs {
    /// The configuration [default: assize.yaml]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Only these accounts, by id or name
    #[arg(long, value_name = "ACCOUNT", value_delimiter = ',')]
    pub(crate) accounts: Vec<String>,
}

/// The synthetic organisation.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Folder for the logs and the reports
    #[arg(long, default_value = "assize-demo", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// About how many events
    #[arg(long, default_value_t = 50_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1_000..=50_000_000))]
    pub(crate) events: u64,
    /// The same seed gives the same organisation
    #[arg(long, default_value_t = 7, value_name = "N")]
    pub(crate) seed: u64,
    /// Number of threads; 0 is one per processor
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) threads: usize,
}

/// What to start from, and where.
#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// How the accounts are organised
    #[arg(long, value_enum, default_value_t = Preset::Organization)]
    pub(crate) preset: Preset,
    /// Folder to write to
    #[arg(long, default_value = ".", value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Overwrite files that exist
    #[arg(long)]
    pub(crate) force: bool,
}

/// How accounts are organised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Preset {
    /// A Control Tower landing zone: the log archive's bucket is read in place
    ControlTower,
    /// AWS Organizations: the trails of all accounts are copied
    Organization,
    /// A list of accounts, without AWS Organizations
    Accounts,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Report every mistake in a configuration
    Check {
        /// The file; `assize.yaml`, `assize.yml` or `assize.json` if none is given
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Print the JSON Schema of the configuration, for editors
    Schema,
}

/// Templates of roles and what belongs to them.
#[derive(Args, Debug)]
pub(crate) struct RoleArgs {
    /// How templates are written
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: RoleFormat,
    /// Which part; `all` is what the configuration needs
    #[arg(long, value_enum, default_value_t = RolePart::All, value_name = "PART")]
    pub(crate) part: RolePart,
    /// The configuration [default: assize.yaml]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Write the templates into this folder; several need it
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Give a parameter of the templates its default, or a policy its value; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
}

/// Formats of templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleFormat {
    /// AWS CloudFormation, as YAML
    Cloudformation,
    /// Terraform and OpenTofu
    Terraform,
    /// Policy documents alone
    Json,
}

/// Parts of what is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RolePart {
    /// The role in each audited account
    Member,
    /// The roles of the management account, or of a delegated administrator
    Management,
    /// The role of the run itself
    Hub,
    /// The audit bucket
    Bucket,
    /// The audit bucket's KMS key
    Key,
    /// A queue that tells of new log objects
    Notifications,
    /// Everything that the configuration needs
    All,
}

/// Formats of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people, in a terminal
    Text,
    /// One versioned object with everything
    Json,
    /// A page of at most 100 KB, for job summaries
    Markdown,
    /// One self-contained file
    Html,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for test results of CI systems
    Junit,
    /// Tables: findings and verdicts (on standard output findings alone)
    Csv,
    /// A workbook for auditors, with samples
    Xlsx,
    /// The whole report as a folder of Markdown pages (on standard output the first alone)
    Wiki,
}

/// Levels, as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LevelArg {
    Informational,
    Low,
    Medium,
    High,
    Critical,
}

impl From<LevelArg> for assize_engine::policy::Level {
    fn from(level: LevelArg) -> Self {
        match level {
            LevelArg::Informational => Self::Informational,
            LevelArg::Low => Self::Low,
            LevelArg::Medium => Self::Medium,
            LevelArg::High => Self::High,
            LevelArg::Critical => Self::Critical,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
