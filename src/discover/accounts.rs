//! Looks into each account: can its role be assumed, which regions has it, which trails show there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assize_cloud::region::{self, Partition as CloudPartition};
use assize_cloud::trail::{self, TrailSnapshot};
use assize_cloud::{CloudError, Session, Sessions};
use assize_engine::coverage::Reason;
use futures::{StreamExt, stream};

use super::Trouble;
use crate::aws;
use crate::collect::collected::{CellKey, Collected};
use crate::collect::meter::Requests;
use crate::config::{Config, Partition, RegionsConfig};
use crate::estate::{Account, Estate};

/// Accounts looked into at once.
const ACCOUNTS: usize = 16;
/// Regions of one account asked at once.
const REGIONS: usize = 8;

/// What was seen of an account.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The account.
    pub(crate) account: String,
    /// Whether its role could be assumed.
    pub(crate) assumed: bool,
    /// Regions in scope that are enabled; empty if they could not be read.
    pub(crate) regions: Vec<String>,
    /// Regions that were asked for by name and are not enabled.
    pub(crate) disabled: Vec<String>,
    /// Trails that show in its regions, each once.
    pub(crate) trails: Vec<TrailSnapshot>,
    /// Why nothing of it can be read.
    pub(crate) trouble: Option<Trouble>,
    /// Why the trails of some regions could not be read.
    pub(crate) region_trouble: BTreeMap<String, Trouble>,
    /// The errors behind these.
    pub(crate) errors: Vec<(Trouble, CloudError)>,
}

/// Looks into every account.
pub(crate) async fn look(config: &Config, sessions: &Sessions, estate: &Estate, requests: &Arc<Requests>) -> Vec<Seen> {
    let mut seen: Vec<Seen> = stream::iter(&estate.accounts)
        .map(|account| look_into(config, sessions, account, requests))
        .buffer_unordered(ACCOUNTS)
        .collect()
        .await;
    seen.sort_by(|a, b| a.account.cmp(&b.account));
    seen
}

async fn look_into(config: &Config, sessions: &Sessions, account: &Account, requests: &Arc<Requests>) -> Seen {
    let session = aws::account_session(sessions, config, &account.id);
    let mut seen = Seen {
        account: account.id.clone(),
        assumed: false,
        regions: Vec::new(),
        disabled: Vec::new(),
        trails: Vec::new(),
        trouble: None,
        region_trouble: BTreeMap::new(),
        errors: Vec::new(),
    };
    let asked = config.regions_of(&account.id);
    let preferred = match asked {
        RegionsConfig::AllEnabled => &[][..],
        RegionsConfig::Listed(regions) => regions,
    };
    requests.api(2);
    match region::list_regions(&session, partition(config.partition), preferred).await {
        Ok(regions) => {
            seen.assumed = true;
            let enabled: BTreeSet<String> =
                regions.iter().filter(|region| region.enabled()).map(|region| region.name.clone()).collect();
            match asked {
                RegionsConfig::AllEnabled => seen.regions = enabled.into_iter().collect(),
                RegionsConfig::Listed(listed) => {
                    (seen.regions, seen.disabled) = listed.iter().cloned().partition(|region| enabled.contains(region));
                }
            }
        }
        Err(error) => {
            seen.assumed = !matches!(error.reason(), assize_cloud::Reason::RoleNotAssumable);
            seen.trouble = Some(trouble(&error));
            seen.errors.push((trouble(&error), error));
            return seen;
        }
    }
    trails_of(&session, &mut seen, requests).await;
    seen
}

async fn trails_of(session: &Session, seen: &mut Seen, requests: &Arc<Requests>) {
    let described: Vec<(String, Result<Vec<TrailSnapshot>, CloudError>)> = stream::iter(seen.regions.clone())
        .map(async |region| {
            requests.api(1);
            let trails = trail::describe_trails(session, &region).await;
            (region, trails)
        })
        .buffer_unordered(REGIONS)
        .collect()
        .await;
    let mut trails = Vec::new();
    for (region, result) in described {
        match result {
            Ok(found) => trails.extend(found),
            Err(error) => {
                seen.region_trouble.insert(region, trouble(&error));
                seen.errors.push((trouble(&error), error));
            }
        }
    }
    let mut trails = trail::merge(trails);
    for trail in &mut trails {
        requests.api(2);
        trail::read_state(session, trail).await;
    }
    seen.trails = trails;
}

fn trouble(error: &CloudError) -> Trouble {
    Trouble { reason: aws::reason(error), message: error.to_string() }
}

fn partition(partition: Partition) -> CloudPartition {
    match partition {
        Partition::Aws => CloudPartition::Aws,
        Partition::AwsCn => CloudPartition::AwsCn,
        Partition::AwsUsGov => CloudPartition::AwsUsGov,
    }
}

/// Every account and region in scope. An account that tells nothing of its regions counts with the regions that it had, or
/// else with those of all others: leaving it out would make the denominator smaller by what is not known.
pub(crate) fn cells(
    config: &Config,
    estate: &Estate,
    seen: &[Seen],
    collected: &mut Collected,
    as_of: i64,
) -> BTreeMap<CellKey, Option<Trouble>> {
    let everybody: BTreeSet<String> = seen.iter().flat_map(|seen| seen.regions.iter().cloned()).collect();
    let mut cells = BTreeMap::new();
    for seen in seen {
        let account = &seen.account;
        let suspended = estate.accounts.iter().any(|known| known.id == *account && known.suspended);
        collected.saw_account(account, seen.assumed, as_of);
        let trouble = seen.trouble.clone().map(|trouble| explain(config, account, trouble, suspended, collected));
        let known: BTreeSet<String> = collected.regions_of(account);
        let regions = match (&seen.trouble, config.regions_of(account)) {
            (None, _) => seen.regions.iter().cloned().collect(),
            (Some(_), RegionsConfig::Listed(listed)) => listed.iter().cloned().collect(),
            (Some(_), RegionsConfig::AllEnabled) if !known.is_empty() => known,
            (Some(_), RegionsConfig::AllEnabled) if !everybody.is_empty() => everybody.clone(),
            (Some(_), RegionsConfig::AllEnabled) => BTreeSet::from([config.partition.global_region().to_owned()]),
        };
        for region in regions {
            let trouble = trouble.clone().or_else(|| seen.region_trouble.get(&region).cloned());
            cells.insert((account.clone(), region), trouble);
        }
        for region in &seen.disabled {
            // As of now; before, it may have been enabled, and what was collected then stays what it is.
            let hour = as_of.div_euclid(3600);
            let since = collected.disabled_since(account, region).unwrap_or(hour - 24 * 7);
            collected.disabled(account, region, since..hour + 1);
            cells.insert((account.clone(), region.clone()), None);
        }
    }
    cells
}

/// A role that never could be assumed is not enrolled; one that could, and cannot any more, was changed. AWS answers both
/// alike.
fn explain(config: &Config, account: &str, trouble: Trouble, suspended: bool, collected: &Collected) -> Trouble {
    if suspended {
        let message = format!("the account is suspended or being closed; {}", trouble.message);
        return Trouble { reason: Reason::Suspended, message };
    }
    let enrolled = config.account(account).and_then(|account| account.enrolled).is_some() || collected.ever_assumed(account);
    if trouble.reason == Reason::RoleNotAssumable && !enrolled {
        let since = collected.first_seen(account).map(assize_engine::time::format).unwrap_or_default();
        let message = format!(
            "not enrolled: the role has never been assumable since {since}; deploy it (`assize role`); {}",
            trouble.message
        );
        return Trouble { reason: Reason::NotEnrolled, message };
    }
    trouble
}

/// Sessions for the Event history of cells without a trail, for at most as many accounts as the configuration allows.
pub(crate) fn uncovered(
    config: &Config,
    sessions: &Sessions,
    seen: &[Seen],
    cells: &BTreeMap<CellKey, Option<Trouble>>,
) -> Vec<(CellKey, Session)> {
    let most = usize::try_from(config.event_history.max_accounts).unwrap_or(usize::MAX);
    let lacking = |account: &str| {
        cells.iter().any(|((id, _), trouble)| id == account && trouble.as_ref().is_some_and(|it| it.reason == Reason::NoTrail))
    };
    let chosen: BTreeSet<&str> =
        seen.iter().filter(|seen| seen.assumed && lacking(&seen.account)).map(|seen| seen.account.as_str()).take(most).collect();
    cells
        .iter()
        .filter(|((account, _), trouble)| {
            chosen.contains(account.as_str()) && trouble.as_ref().is_some_and(|it| it.reason == Reason::NoTrail)
        })
        .map(|(key, _)| (key.clone(), aws::account_session(sessions, config, &key.0)))
        .collect()
}
