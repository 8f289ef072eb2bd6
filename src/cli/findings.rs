//! Options of the commands about findings: reports over a period, what changed, waivers, reviews.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Format, LevelArg, PlainFormat};
use crate::config::Lang;
use crate::exit::FailOn;

/// A report.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReportArgs {
    /// The configuration [default: assize.yaml]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// A day, month, quarter, year, fiscal year or two days: 2026-10-05, 2026-10, 2026-Q4, 2026, FY2026, FY2026-Q1,
    /// 2026-10-01..2026-10-15, in the zone of `report.timezone` [default: the hours that the last run judged]
    #[arg(long, value_name = "PERIOD")]
    pub(crate) period: Option<String>,
    /// Only these accounts, by id or name; may be repeated or separated by commas
    #[arg(long, value_name = "ACCOUNT", value_delimiter = ',')]
    pub(crate) accounts: Vec<String>,
    /// Format of the result on standard output, text if none is given; several, separated by commas, need --out
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FORMAT")]
    pub(crate) format: Vec<Format>,
    /// Write the reports, in the formats of --format or else of `report.formats`, and findings.jsonl into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Begin CSV with a byte order mark, by which spreadsheets know that it is UTF-8 [default: `report.csv-bom`]
    #[arg(long)]
    pub(crate) csv_bom: bool,
    /// The language of HTML and Markdown [default: `report.lang`]
    #[arg(long, value_enum, value_name = "LANG")]
    pub(crate) lang: Option<Lang>,
    /// Put a hash in the place of ARNs, names, addresses and account ids, for a report that leaves the house
    #[arg(long)]
    pub(crate) redact: bool,
    /// Findings at or above this level make the exit code 1 or 4 [default: `report.fail-on`]
    #[arg(long, value_name = "[new:]LEVEL", value_parser = FailOn::parse)]
    pub(crate) fail_on: Option<FailOn>,
    /// Number of threads; 0 is one per processor
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) threads: usize,
}

/// What changed between two runs.
#[derive(Args, Clone, Debug)]
pub(crate) struct DiffArgs {
    /// The earlier run by its id, a period such as 2026-09, or `before` for the one before B
    pub(crate) a: String,
    /// The later run by its id, a period such as 2026-10, or `last`
    #[arg(default_value = "last")]
    pub(crate) b: String,
    /// The configuration [default: assize.yaml]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Only findings at or above this level
    #[arg(long, value_enum, default_value_t = LevelArg::Informational, value_name = "LEVEL")]
    pub(crate) min_level: LevelArg,
    /// Format of the result
    #[arg(long, value_enum, default_value_t = PlainFormat::Text, value_name = "FORMAT")]
    pub(crate) format: PlainFormat,
}

/// What is done with waivers.
#[derive(Debug, Subcommand)]
pub(crate) enum WaiversCommand {
    /// Check the files with waivers, and say what each waiver does: 1 if one has ended and what it accepted went on
    Check {
        /// The configuration [default: assize.yaml]
        #[arg(long, short, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Check the files alone, without looking at what the last run found
        #[arg(long)]
        offline: bool,
    },
    /// Write a waiver for a finding
    New(WaiverNewArgs),
}

/// A waiver to write.
#[derive(Args, Debug)]
pub(crate) struct WaiverNewArgs {
    /// The finding's fingerprint; eight digits or more
    pub(crate) finding: String,
    /// Why it is accepted
    #[arg(long)]
    pub(crate) reason: String,
    /// Who will see to its end
    #[arg(long)]
    pub(crate) owner: String,
    /// Who accepts it; somebody other than the owner
    #[arg(long)]
    pub(crate) approver: String,
    /// Ticket
    #[arg(long)]
    pub(crate) ticket: Option<String>,
    /// The day from which it counts no more, such as 2026-12-31
    #[arg(long, value_name = "DATE")]
    pub(crate) expires: String,
    /// The day from which it counts [default: today]
    #[arg(long, value_name = "DATE")]
    pub(crate) created: Option<String>,
    /// Accept whatever the policy finds for the same account, region and group, and not this finding alone
    #[arg(long)]
    pub(crate) group: bool,
    /// Add it to the first file of `waivers`, and do not only print it
    #[arg(long)]
    pub(crate) append: bool,
    /// The configuration [default: assize.yaml]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// A review to write down, or what waits for one.
#[derive(Args, Debug)]
pub(crate) struct ReviewArgs {
    /// The finding's fingerprint, eight digits or more; without one: what nobody has looked at
    pub(crate) finding: Option<String>,
    /// What was concluded
    #[arg(long, value_parser = ["expected", "benign", "false-positive", "incident", "open"], requires = "finding")]
    pub(crate) conclusion: Option<String>,
    /// Who looked
    #[arg(long, requires = "finding")]
    pub(crate) by: Option<String>,
    /// When [default: now]
    #[arg(long, value_name = "TIME", requires = "finding")]
    pub(crate) at: Option<String>,
    /// What was found out
    #[arg(long, requires = "finding")]
    pub(crate) note: Option<String>,
    /// Ticket
    #[arg(long, requires = "finding")]
    pub(crate) ticket: Option<String>,
    /// Without a finding: only those at or above this level
    #[arg(long, value_enum, default_value_t = LevelArg::Informational, value_name = "LEVEL", conflicts_with = "finding")]
    pub(crate) min_level: LevelArg,
    /// The configuration [default: assize.yaml]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}
