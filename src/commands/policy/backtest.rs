//! `assize policy backtest`: how often policies would have fired over logs, before they are enabled.
//!
//! It is a scan: the same reading, the same evaluation, each record judged once. Policies only group their matches by a few fields
//! more, from which is told where the matches come from; for findings these fields are left out again.

mod kept;
mod told;

use assize_engine::inflate::Limits;
use assize_engine::policy::{Level, Placeholders, Policy};
use assize_engine::record::AccountList;
use assize_engine::time;

use super::CommandError;
use crate::cli::{BacktestArgs, PlainFormat};
use crate::commands::scan::period;
use crate::config::Config;
use crate::console::Console;
use crate::estate;
use crate::exit::Exit;
use crate::pack::{self, Pack};
use crate::report::backtest::{self, Backtest};
use crate::report::escape::terminal;
use crate::report::{ReportError, scanned, words};
use crate::scan::input;
use crate::scan::{self, ScanContext};

/// Seconds of an hour, and of a day.
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// What a backtest came to.
struct Tested {
    result: Backtest,
    /// What cannot be taken at face value, some of it.
    problems: Vec<String>,
    /// Whether enough of the period is known.
    covered: bool,
}

/// Runs `assize policy backtest`: 0 whatever was found, 3 if not everything could be read or was covered.
pub(super) fn run(args: &BacktestArgs, console: &Console) -> Result<Exit, CommandError> {
    let Tested { result, problems, covered } = match &args.period {
        Some(period) => kept::test(args, period, console)?,
        None => over_paths(args, console)?,
    };
    problems.iter().take(PROBLEMS).for_each(|problem| console.note(&terminal(problem)));
    let more = result.problems.saturating_sub(problems.len().min(PROBLEMS) as u64);
    if more > 0 {
        console.note(&format!("and {} more", words::plural(more, "problem", "problems")));
    }
    console.result(&match args.format {
        PlainFormat::Text => backtest::text(&result, console.terminal().width),
        PlainFormat::Json => serde_json::to_string_pretty(&result).map_err(ReportError::from)? + "\n",
    })?;
    Ok(if result.complete && covered { Exit::Clean } else { Exit::Incomplete })
}

/// Problems told one by one.
const PROBLEMS: usize = 20;

/// The policies with what tells where their matches come from.
fn widened(pack: &Pack) -> Vec<Policy> {
    pack.policies.iter().map(told::widened).collect()
}

fn limits(args: &BacktestArgs) -> Limits {
    Limits { max_inflated: args.max_object.saturating_mul(1 << 20), ..Limits::default() }
}

fn over_paths(args: &BacktestArgs, console: &Console) -> Result<Tested, CommandError> {
    let period = period(args.since.as_deref(), args.until.as_deref())?;
    let (accounts, placeholders) = match &args.config {
        Some(file) => {
            let config = Config::load(file)?;
            (estate::listed(&config).facts(&config), config.policies.placeholders)
        }
        None => (AccountList::new(), Placeholders::new()),
    };
    let mut pack = pack::to_evaluate(&args.policies, &placeholders, accounts.calendar())?;
    pack.select(&args.select, Level::Informational)?;
    let context =
        ScanContext { period, threads: scan::threads(args.threads), limits: limits(args), horizon: scan::Horizon::default() };
    let inputs = input::list(&args.paths)?;
    let wide = widened(&pack);
    let bar = console.progress(inputs.objects.iter().map(|object| object.size).sum());
    let mut read = scan::read(&inputs, (&wide, accounts.clone()), &context, &|bytes| bar.inc(bytes));
    bar.finish_and_clear();
    let known = scan::known(&read.partial);
    let mut result = told::backtest((&pack.policies, &wide), &accounts, &known, &mut read.partial);
    let objects = scanned::objects(&read, &inputs);
    (result.objects_read, result.objects_failed) = (objects.read, objects.failed);
    let problems = scanned::problems(&read, &inputs);
    let records = read.partial.records;
    result.complete = problems.is_empty() && records.read > 0 && records.malformed == 0 && records.balanced();
    result.since = period.since.map(time::format);
    result.until = period.until.map(time::format);
    result.problems = problems.len() as u64;
    let problem = |it: &crate::report::v1::Problem| format!("{} {}: {}", it.code, it.object, it.message);
    Ok(Tested { result, problems: problems.iter().take(PROBLEMS).map(problem).collect(), covered: true })
}
