//! What can be typed after `assize events` and `assize history`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Where records are read from.
#[derive(Args, Clone, Debug)]
pub(crate) struct RecordArgs {
    /// Files or folders with CloudTrail records, as for `assize scan`; `-` is standard input [default: the audit bucket of the
    /// configuration]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The configuration; beside a path, for the names of accounts alone [default: assize.yaml]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Only events at or after this time (2026-10-01, or 2026-10-01T00:00:00Z)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only events before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Number of threads; 0 is one per processor
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) threads: usize,
    /// Largest object after inflating, in MiB
    #[arg(long, default_value_t = 2048, value_name = "MIB")]
    pub(crate) max_object: u64,
}

const EVENTS_HELP: &str = "\
Every option narrows the answer; of the values of one option any will do, and case does not matter. Values may be repeated or separated by
commas. Matches are sorted in memory: about 100 bytes for each, and with --limit only the records that are shown.

Exit codes: 0 if everything could be read, whatever matched; 3 if not; 2 for mistakes in options or the configuration.";

/// Which records, and how they are shown.
#[derive(Args, Clone, Debug)]
#[command(after_help = EVENTS_HELP)]
pub(crate) struct EventsArgs {
    #[command(flatten)]
    pub(crate) from: RecordArgs,
    /// The account that the record is of, by id, or by name where the configuration knows it
    #[arg(long, value_name = "ACCOUNT", value_delimiter = ',')]
    pub(crate) account: Vec<String>,
    /// The region, such as eu-west-1
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    pub(crate) region: Vec<String>,
    /// Text in the caller's ARN, user name or principal id, in those of the role behind a session, in the source identity, or in the
    /// name of the service that called
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    pub(crate) actor: Vec<String>,
    /// How the call was made
    #[arg(long, value_enum, ignore_case = true, value_name = "VIA", value_delimiter = ',')]
    pub(crate) via: Vec<Via>,
    /// The service that was called: cloudtrail, or cloudtrail.amazonaws.com
    #[arg(long, value_name = "SERVICE", value_delimiter = ',')]
    pub(crate) service: Vec<String>,
    /// The name of the event; `*` stands for any text
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) api: Vec<String>,
    /// Text in the ARN of a resource, or in a value of the request or the response
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    pub(crate) resource: Vec<String>,
    /// The address of the caller: 203.0.113.7, 203.0.113.0/24, 2001:db8::/32
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    pub(crate) address: Vec<String>,
    /// How the call ended
    #[arg(long, value_enum, ignore_case = true, value_name = "OUTCOME", value_delimiter = ',')]
    pub(crate) outcome: Vec<Outcome>,
    /// The id of the event
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) event_id: Vec<String>,
    /// Text anywhere in the record, commas included; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: Vec<String>,
    /// Format of the result
    #[arg(long, value_enum, default_value_t = EventsFormat::Table, value_name = "FORMAT")]
    pub(crate) format: EventsFormat,
    /// Show so many records, or groups of --count-by, at most [default: 200 in a table, all otherwise]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// The oldest records first [default: the newest]
    #[arg(long, conflicts_with = "count_by")]
    pub(crate) oldest_first: bool,
    /// Count the records by these fields instead of showing them
    #[arg(long, value_enum, ignore_case = true, value_name = "FIELD", value_delimiter = ',')]
    pub(crate) count_by: Vec<CountField>,
    /// Begin CSV with a byte order mark, by which Excel knows that it is UTF-8
    #[arg(long)]
    pub(crate) bom: bool,
}

/// Formats of records and counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EventsFormat {
    /// For a terminal
    Table,
    /// One versioned object in each line, with the record itself
    Json,
    /// For spreadsheets
    Csv,
}

/// How a call was made: the field `via` of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Via {
    Console,
    Cli,
    Sdk,
    Service,
    ThirdParty,
}

impl Via {
    /// As the field has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Via::Console => "console",
            Via::Cli => "cli",
            Via::Sdk => "sdk",
            Via::Service => "service",
            Via::ThirdParty => "third-party",
        }
    }
}

/// How a call ended: the field `outcome` of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Outcome {
    Success,
    Denied,
    Throttled,
    Failed,
}

impl Outcome {
    /// As the field has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Denied => "denied",
            Outcome::Throttled => "throttled",
            Outcome::Failed => "failed",
        }
    }
}

/// What records are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CountField {
    Hour,
    Day,
    Account,
    Region,
    Service,
    Api,
    Actor,
    Via,
    Address,
    Outcome,
    Error,
}

impl CountField {
    /// The name of the column.
    pub(crate) fn name(self) -> &'static str {
        match self {
            CountField::Hour => "hour",
            CountField::Day => "day",
            CountField::Account => "account",
            CountField::Region => "region",
            CountField::Service => "service",
            CountField::Api => "api",
            CountField::Actor => "actor",
            CountField::Via => "via",
            CountField::Address => "address",
            CountField::Outcome => "outcome",
            CountField::Error => "error",
        }
    }
}

const HISTORY_HELP: &str = "\
Calls that only read are left out. What failed is counted, and what was denied is listed apart.

Exit codes: 0 if everything could be read, whatever was found; 3 if not; 2 for mistakes in options or the configuration.";

/// Of what the history is told.
#[derive(Args, Clone, Debug)]
#[command(after_help = HISTORY_HELP)]
pub(crate) struct HistoryArgs {
    /// The resource: its ARN, or its id or name, such as sg-0123456789abcdef0, a bucket, a user, alias/KEY
    #[arg(value_name = "RESOURCE")]
    pub(crate) resource: String,
    #[command(flatten)]
    pub(crate) from: RecordArgs,
    /// Format of the result
    #[arg(long, value_enum, default_value_t = HistoryFormat::Table, value_name = "FORMAT")]
    pub(crate) format: HistoryFormat,
}

/// Formats of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HistoryFormat {
    /// For a terminal
    Table,
    /// One versioned object in each line
    Json,
}
