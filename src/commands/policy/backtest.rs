//! `assize policy backtest`: how often policies would have fired over logs, before they are enabled.
//!
//! It is a scan: the same reading, the same evaluation, each record judged once. Policies only group their matches by a few fields
//! more, from which is told where the matches come from; for findings these fields are left out again.

mod told;

use assize_engine::inflate::Limits;
use assize_engine::policy::{Placeholders, Policy};
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
use crate::report::{ReportError, scanned, words};
use crate::scan::input::{self, Inputs};
use crate::scan::{self, ScanContext, Scanned};

/// Runs `assize policy backtest`: 0 whatever was found, 3 if not everything could be read.
pub(super) fn run(args: &BacktestArgs, console: &Console) -> Result<Exit, CommandError> {
    let period = period(args.since.as_deref(), args.until.as_deref())?;
    let (accounts, placeholders) = match &args.config {
        Some(file) => {
            let config = Config::load(file)?;
            (estate::listed(&config).facts(&config), config.policies.placeholders)
        }
        None => (AccountList::new(), Placeholders::new()),
    };
    let mut pack = pack::to_evaluate(&args.policies, &placeholders, accounts.calendar())?;
    pack.select(&args.select, assize_engine::policy::Level::Informational)?;
    let limits = Limits { max_inflated: args.max_object.saturating_mul(1 << 20), ..Limits::default() };
    let context = ScanContext { period, threads: scan::threads(args.threads), limits };
    let inputs = input::list(&args.paths)?;
    let (mut result, read) = evaluate(&pack, &accounts, &inputs, &context, console);
    let problems = scanned::problems(&read, &inputs);
    let records = read.partial.records;
    result.complete = problems.is_empty() && records.read > 0 && records.malformed == 0 && records.balanced();
    result.since = period.since.map(time::format);
    result.until = period.until.map(time::format);
    for problem in problems.iter().take(PROBLEMS) {
        console.note(&crate::report::escape::terminal(&format!("{} {}: {}", problem.code, problem.object, problem.message)));
    }
    if problems.len() > PROBLEMS {
        console.note(&format!("and {} more", words::plural((problems.len() - PROBLEMS) as u64, "problem", "problems")));
    }
    console.result(&match args.format {
        PlainFormat::Text => backtest::text(&result, console.terminal().width),
        PlainFormat::Json => serde_json::to_string_pretty(&result).map_err(ReportError::from)? + "\n",
    })?;
    Ok(if result.complete { Exit::Clean } else { Exit::Incomplete })
}

/// Problems told one by one.
const PROBLEMS: usize = 20;

fn evaluate(
    pack: &Pack,
    accounts: &AccountList,
    inputs: &Inputs,
    context: &ScanContext,
    console: &Console,
) -> (Backtest, Scanned) {
    let wide: Vec<Policy> = pack.policies.iter().map(told::widened).collect();
    let bar = console.progress(inputs.objects.iter().map(|object| object.size).sum());
    let mut read = scan::read(inputs, (&wide, accounts.clone()), context, &|bytes| bar.inc(bytes));
    bar.finish_and_clear();
    let mut result = told::backtest(&pack.policies, &wide, accounts, &mut read.partial);
    let objects = scanned::objects(&read, inputs);
    (result.objects_read, result.objects_failed) = (objects.read, objects.failed);
    (result, read)
}
