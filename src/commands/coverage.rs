//! `assize coverage`: which hours of which account and region are covered, and why others are not. What earlier runs know, and
//! nothing else: AWS is not asked.

use assize_engine::evaluate::Period;
use assize_engine::time;

use super::CommandError;
use super::scan::period;
use crate::cli::{CoverageArgs, PlainFormat};
use crate::config::Config;
use crate::console::Console;
use crate::exit::Exit;
use crate::report::coverage;
use crate::report::told::covered::{self, Covered};
use crate::report::told::recording;
use crate::report::v1::CoverageDocument;
use crate::run;
use crate::run::recalled::Recalled;

/// Runs `assize coverage`: 0 if every hour due is covered, else 3.
pub(crate) fn run(args: &CoverageArgs, console: &Console) -> Result<Exit, CommandError> {
    let Period { since, until } = period(args.from.since.as_deref(), args.from.until.as_deref())?;
    let config = Config::of_option(args.from.config.as_deref())?;
    let mut recalled = super::runtime()?.block_on(recalled(&config))?;
    if !args.accounts.is_empty() {
        recalled.estate.accounts.retain(|account| args.accounts.contains(&account.id));
        recalled.cells.retain(|(account, _), _| args.accounts.contains(account));
    }
    let document = document(&config, &recalled, (since, until));
    console.result(&match args.from.format {
        PlainFormat::Text => coverage::text(&document),
        PlainFormat::Json => serde_json::to_string_pretty(&document).map_err(CommandError::Json)? + "\n",
    })?;
    let min = config.report.min_coverage;
    let complete = document.hours_due > 0 && min.met_by(document.hours_covered, document.hours_due);
    Ok(if complete { Exit::Clean } else { Exit::Incomplete })
}

/// What runs left in the audit bucket of a configuration.
pub(super) async fn recalled(config: &Config) -> Result<Recalled, CommandError> {
    let bucket = run::audit_to_read(config).await.map_err(Box::new)?;
    Recalled::read(bucket).await.map_err(Box::new)?.ok_or(CommandError::NoRun)
}

fn document(config: &Config, recalled: &Recalled, (since, until): (Option<i64>, Option<i64>)) -> CoverageDocument {
    let (cells, grade) = (recalled.evidence(config), config.judge.evidence);
    let hours = recalled.hours(&config.judge, since, until);
    let covered = Covered::of(&cells, &hours, grade);
    let total = covered.total();
    let in_scope = |account: &str, region: &str| cells.contains_key(&(account.to_owned(), region.to_owned()));
    let days = hours.start.div_euclid(24)..recalled.as_of.div_euclid(86_400) + 1;
    CoverageDocument {
        version: 1,
        name: config.name.clone(),
        as_of: time::format(recalled.as_of),
        since: time::format(hours.start * 3600),
        horizon: time::format(hours.end * 3600),
        grade: covered::grade(grade),
        statement: covered::statement(&total, grade),
        hours_due: total.due,
        hours_delivered: total.delivered,
        hours_verified: total.verified,
        hours_late: total.late,
        hours_covered: total.covered(),
        unknown: covered::reason_hours(&total),
        integrity: covered::integrity(&recalled.verified.totals(&days, in_scope)),
        recording: recording::of(&recalled.collected, &recalled.cells),
        steps: covered.steps(),
        units: covered.units(&recalled.estate.accounts),
        accounts: covered.accounts(&recalled.estate.accounts, &|_| 0),
        cells: covered.cells(&|_| 0),
    }
}
