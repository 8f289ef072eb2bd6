//! `--dry-run`: what a run would list, fetch and write, and what that costs. Reads the configuration, the list of accounts and
//! the state; calls nothing in the accounts.

use std::collections::BTreeSet;

use assize_engine::record::AccountList;
use assize_engine::time;

use super::{Asked, DAY, RunError, accounts_in_scope, recall};
use crate::aws;
use crate::collect::backfill;
use crate::collect::collected::Collected;
use crate::collect::meter::Counted;
use crate::collect::plan;
use crate::config::{Config, RegionsConfig};
use crate::pack::Pack;
use crate::report::words;
use crate::state::View;

/// Folders with objects, as a rule: logs and digests.
const FOLDERS: u64 = 2;
/// Objects that a quiet trail delivers an hour and region: it writes about every five minutes when anything happens.
const OBJECTS_AN_HOUR: u64 = 12;
/// Objects of a commit, as a rule.
const BATCH: u64 = 2_000;

/// Public keys of CloudTrail that are valid in a region in a few months, each looked at by every run.
const PUBLIC_KEYS: u64 = 4;

/// Tells it; `runs` is how many of them a month has.
pub(crate) async fn forecast(config: &Config, pack: &Pack, asked: &Asked, runs: u64) -> Result<String, RunError> {
    let sessions = aws::sessions(config).await.map_err(RunError::Credentials)?;
    let estate = accounts_in_scope(config, &sessions, asked).await?;
    let audit = aws::audit_bucket_as_it_is(&sessions, config).await?;
    let view = View::open(audit).await?;
    let collected = recall(&view).await?;
    let facts = estate.facts(config);
    let backfill = if asked.backfill { backfill(&view, pack, &facts, asked).await? } else { String::new() };
    let cells: u64 = estate.accounts.iter().map(|account| regions(config, &account.id, &collected)).sum();
    // The same regions in all accounts, as a rule.
    let key_regions = estate.accounts.iter().map(|account| regions(config, &account.id, &collected)).max().unwrap_or(0);
    let today = asked.as_of.div_euclid(DAY);
    let period = i64::try_from(config.judge.period.as_secs()).unwrap_or(0);
    let first = asked.since.unwrap_or(asked.as_of - period).div_euclid(DAY);
    let reach = plan::reach(config.relist, &collected, today);
    let begun = collected.first_day().is_some();
    let days = u64::try_from(today - first + 1).unwrap_or(1);
    let keys_a_day = OBJECTS_AN_HOUR * 24;
    let this_run = if begun {
        plan::list_calls(cells * FOLDERS, u64::from(reach) * keys_a_day)
    } else {
        plan::list_calls(cells * FOLDERS * days, keys_a_day)
    };
    let lists = |reach: u32| plan::list_calls(cells * FOLDERS, u64::from(reach) * keys_a_day);
    let month_lists = lists(config.relist.each_run) * runs.saturating_sub(34)
        + lists(config.relist.daily) * 30
        + lists(config.relist.weekly) * 4;
    let month_objects = cells * keys_a_day * 30;
    let copies = config.sources.iter().any(|source| source.mode == crate::config::Mode::Copy);
    let writes = if copies { month_objects } else { 0 } + month_objects / BATCH + runs * 9;
    let reads = month_objects + runs * key_regions * PUBLIC_KEYS;
    let month = Counted { list: month_lists, get: reads, put: writes, api: 0 };
    let accounts = words::plural(estate.accounts.len() as u64, "account", "accounts");
    let backlog = if begun { reach.into() } else { days };
    Ok(format!(
        "scope: {accounts}, {} account-regions{}\n\
         ledger: {} objects in {} segments\n\
         this run would list {} prefixes, {} back to {} ({} list calls), then fetch what the ledger does not have\n\
         it would ask CloudTrail for its public keys once in each region ({} calls)\n\
         it would write evidence{}, one segment and one head a batch, and six reports\n\
         a month at {runs} runs, with {OBJECTS_AN_HOUR} objects an hour in every account-region (an upper bound for most):\n\
         \x20 {} list calls, {} reads, {} writes: about {:.2} dollars, without storage, transfer and KMS\n{backfill}",
        words::count(cells),
        if estate.left_out.is_empty() { String::new() } else { format!("; {} accounts left out", estate.left_out.len()) },
        words::count(view.row_count()),
        view.segment_count(),
        words::count(cells * FOLDERS),
        words::plural(backlog, "day", "days"),
        time::format((today + 1 - i64::try_from(backlog).unwrap_or(1)) * DAY).get(..10).unwrap_or_default(),
        words::count(this_run),
        words::count(key_regions),
        if copies { " copies" } else { " (none: everything is read in place)" },
        words::count(month.list),
        words::count(month.get),
        words::count(month.put),
        month.dollars(),
    ))
}

/// What a backfill would read.
async fn backfill(view: &View, pack: &Pack, facts: &AccountList, asked: &Asked) -> Result<String, RunError> {
    let hashes: Vec<String> = pack.policies.iter().map(|policy| policy.evaluation_hash(facts)).collect();
    let first_day = asked.since.map_or(i64::MIN, |since| since.div_euclid(DAY));
    let missing = backfill::missing(view, &hashes, first_day).await?;
    let said = super::words::missing(&missing);
    if missing.days.is_empty() {
        return Ok(said + "\n");
    }
    let counted = Counted { get: missing.total().objects, put: 2 * missing.days.len() as u64, ..Counted::default() };
    let (reads, writes) = (words::count(counted.get), words::count(counted.put));
    Ok(format!("{said}\n\x20 {reads} reads and about {writes} writes: about {:.2} dollars\n", counted.dollars()))
}

/// How many regions an account has, as far as it is known without asking it.
fn regions(config: &Config, account: &str, collected: &Collected) -> u64 {
    let known: BTreeSet<String> = collected.regions_of(account);
    match config.regions_of(account) {
        RegionsConfig::Listed(regions) => regions.len() as u64,
        RegionsConfig::AllEnabled if !known.is_empty() => known.len() as u64,
        // Seventeen regions are enabled in every account of the partition `aws`.
        RegionsConfig::AllEnabled => 17,
    }
}
