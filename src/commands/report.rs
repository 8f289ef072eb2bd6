//! `assize report`: a report over any period, from what runs left in the audit bucket. AWS is not asked, and nothing is collected.

use super::CommandError;
use super::coverage::recalled;
use super::run::{Put, put_out};
use super::scan::{exit, fit_for_output};
use crate::accepted::Accepted;
use crate::cli::ReportArgs;
use crate::config::Config;
use crate::console::Console;
use crate::exit::{Exit, FailOn};
use crate::manifest;
use crate::pack;
use crate::period::{NamedPeriod, Reckoning};
use crate::report::redact;
use crate::report::templates::Templates;
use crate::run::report::{Reported, over, restrict};
use crate::run::{Asked, RunError, audit_to_read};

/// The variable with the key of redacted names.
const REDACTION_KEY: &str = "ASSIZE_REDACTION_KEY";

/// Runs `assize report`.
pub(crate) fn run(args: &ReportArgs, console: &Console) -> Result<Exit, CommandError> {
    if args.out.is_none() {
        fit_for_output(&args.format, console)?;
    }
    let config = Config::of_option(args.config.as_deref())?;
    let templates = Templates::load(config.report.templates.as_deref())?;
    let templates = templates.speaking(args.lang.unwrap_or(config.report.lang)).in_zone(&config.report.timezone);
    let period = args.period.as_deref().map(|text| period(&config, text)).transpose()?;
    let fail_on = args.fail_on.unwrap_or(config.report.fail_on);
    let mut reported = reported(&config, (&args.accounts, fail_on, args.threads), period.as_ref())?;
    if args.redact {
        let key = redaction_key(console)?;
        reported.document = redact::document(&reported.document, &key);
        // It names every object and event of every finding.
        reported.findings.clear();
    }
    let put = Put { folder: args.out.as_deref(), asked: &args.format, csv_bom: args.csv_bom };
    put_out((&reported.document, &reported.findings), &templates, (put, &config.report), console)?;
    Ok(exit(&reported.document))
}

/// The key of the names in a redacted report: that of the environment, so that reports can be compared, or one for this time.
fn redaction_key(console: &Console) -> Result<Vec<u8>, CommandError> {
    match std::env::var(REDACTION_KEY) {
        Ok(key) if key.len() >= 16 => Ok(key.into_bytes()),
        Ok(_) => Err(CommandError::ShortRedactionKey(REDACTION_KEY)),
        Err(_) => {
            console.note(&format!("the names in this report fit no other one; set {REDACTION_KEY} for names that stay"));
            let mut key = vec![0; 32];
            aws_lc_rs::rand::fill(&mut key).map_err(|_| CommandError::NoRandomness)?;
            Ok(key)
        }
    }
}

/// A period in the zone and with the fiscal year of the configuration.
pub(super) fn period(config: &Config, text: &str) -> Result<NamedPeriod, CommandError> {
    let reckoning =
        Reckoning { offset_seconds: config.report.timezone.offset_seconds, fiscal_year_start: config.report.fiscal_year_start };
    reckoning.period(text).map_err(|hint| CommandError::Period { text: text.to_owned(), hint })
}

/// Makes the report of a period, or of what the last run judged.
pub(super) fn reported(
    config: &Config,
    (accounts, fail_on, threads): (&[String], FailOn, usize),
    period: Option<&NamedPeriod>,
) -> Result<Reported, CommandError> {
    let mut pack = pack::loaded(config)?;
    super::config::check_names(config, &pack)?;
    let accepted = Accepted::load(config, &pack)?;
    pack.choose(&config.policies)?;
    super::runtime()?.block_on(async {
        let mut recalled = recalled(config).await?;
        if !accounts.is_empty() {
            restrict(&mut recalled, accounts);
            if recalled.cells.is_empty() {
                return Err(CommandError::NoSuchPlace(accounts.join(", ")));
            }
        }
        if let Some(period) = period.filter(|period| period.since >= recalled.as_of) {
            return Err(CommandError::PeriodAhead(period.name.clone()));
        }
        let (since, until) = period.map_or(recalled.asked, |period| (Some(period.since), Some(period.until)));
        // The run that the report rests on: the same report again has the same bytes.
        let newest = manifest::newest(&recalled.view).await.map_err(|error| Box::new(RunError::from(error)))?;
        let asked = Asked {
            run_id: newest.map(|link| link.run),
            since,
            until,
            accounts: accounts.to_vec(),
            threads,
            fail_on,
            collect_only: false,
            ..Asked::of("report", recalled.as_of)
        };
        let audit = audit_to_read(config).await.map_err(Box::new)?;
        Ok(over((config, &asked, &pack, &accepted), audit, recalled, period).await.map_err(Box::new)?)
    })
}
