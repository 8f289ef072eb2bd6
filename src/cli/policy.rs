//! What can be typed after `assize policy`.

use std::path::PathBuf;
use std::str::FromStr;

use assize_engine::policy::Placeholders;
use clap::{Args, Subcommand, ValueEnum};

use super::PlainFormat;

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Report every mistake in policy and framework files
    Check(PolicyCheckArgs),
    /// Run the tests that policies carry
    Test(PolicyArgs),
    /// List policies with level, evidence needed and title
    List {
        #[command(flatten)]
        policies: PolicyArgs,
        /// Format of the list
        #[arg(long, value_enum, default_value_t = ListFormat::Text)]
        format: ListFormat,
        /// Tell on which records each policy is tried, and why
        #[arg(long, conflicts_with = "format")]
        cost: bool,
    },
    /// Say in plain English what a policy looks at, when it fires and what it rests on
    Explain(PolicyExplainArgs),
    /// Say how often policies would have fired over logs, where most of it comes from, and what would quieten them
    Backtest(BacktestArgs),
    /// Print the JSON Schema of policy files, for editors
    Schema,
    /// Begin a policy and its tests from a CloudTrail record; prints YAML
    New(PolicyNewArgs),
}

/// Which policies to try, and over what.
#[derive(Args, Debug)]
#[command(
    override_usage = "assize policy backtest [OPTIONS] LOGS…\n       assize policy backtest [OPTIONS] --period PERIOD [POLICY]…",
    after_help = "Exit codes: 0, whatever was found; 2 for mistakes in options or policies; 3 if not everything could be read, or of \
                  --period less was covered than `report.min-coverage` asks for."
)]
pub(crate) struct BacktestArgs {
    /// Files or folders with CloudTrail records, as for `assize scan`; `-` is standard input. With --period: policy files or
    /// folders to try
    #[arg(required_unless_present = "period", value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Read what the audit bucket has of a period: so many days up to the last run (90d), or a period as for `assize report`
    /// (2026-10, 2026-Q4, FY2026, 2026-10-01..2026-10-15)
    #[arg(long, value_name = "PERIOD", conflicts_with_all = ["since", "until"])]
    pub(crate) period: Option<String>,
    /// Policy files or folders to try; may be repeated [default: the built-in ones; with --period those of the configuration]
    #[arg(long, value_name = "PATH")]
    pub(crate) policies: Vec<PathBuf>,
    /// Only policies whose id matches; `*` stands for any text; may be repeated or separated by commas
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// Only events at or after this time (2026-10-01, or 2026-10-01T00:00:00Z)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only events before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Configuration whose accounts give names and environments; with --period, whose audit bucket is read [default there:
    /// assize.yaml]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Format of the result
    #[arg(long, value_enum, default_value_t = PlainFormat::Text)]
    pub(crate) format: PlainFormat,
    /// Number of threads; 0 is one per processor
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) threads: usize,
    /// Largest object after inflating, in MiB
    #[arg(long, default_value_t = 2048, value_name = "MIB")]
    pub(crate) max_object: u64,
}

/// The record that a policy is begun from.
#[derive(Args, Debug)]
pub(crate) struct PolicyNewArgs {
    /// File with the record: one record, or a log with several; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) from_event: PathBuf,
    /// Id of the new policy [default: made from the event name]
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Take the record with this event id
    #[arg(long, value_name = "ID", conflicts_with = "index")]
    pub(crate) event_id: Option<String>,
    /// Take the record with this number, from 0 on
    #[arg(long, value_name = "N")]
    pub(crate) index: Option<u64>,
}

/// Which policies to check.
#[derive(Args, Debug)]
pub(crate) struct PolicyCheckArgs {
    #[command(flatten)]
    pub(crate) policies: PolicyArgs,
    /// Warn of policies that can never fire on what the trails of this configuration recorded at the last run; without PATH its
    /// policies are checked
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// A policy to explain.
#[derive(Args, Debug)]
pub(crate) struct PolicyExplainArgs {
    /// The policy's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) policies: PolicyArgs,
}

/// Which policies.
#[derive(Args, Debug)]
pub(crate) struct PolicyArgs {
    /// Policy files or folders; the built-in ones if none is given. The word `built-in` stands for these
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// A value for a placeholder of the policies, as `NAME=VALUE`; may be repeated, also for one name
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) placeholder: Vec<Placeholder>,
}

/// A value for a placeholder of policies.
#[derive(Clone, Debug)]
pub(crate) struct Placeholder {
    name: String,
    value: String,
}

impl FromStr for Placeholder {
    type Err = String;

    fn from_str(text: &str) -> Result<Placeholder, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() && !value.is_empty() && !name.contains('%') => {
                Ok(Placeholder { name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err("write NAME=VALUE, the name without percent signs".to_owned()),
        }
    }
}

/// The values by name.
pub(crate) fn placeholders(given: &[Placeholder]) -> Placeholders {
    let mut all = Placeholders::new();
    for Placeholder { name, value } in given {
        all.entry(name.clone()).or_default().push(value.clone());
    }
    all
}

/// Formats of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    Text,
    Json,
}
