//! `assize doctor`: tries what a run needs, account by account, and says what to add.

use std::collections::BTreeMap;

use assize_bucket::{Metadata, PutCondition};
use assize_cloud::queue::Queue;
use assize_cloud::{CloudError, DenialCause, Sessions, probe};
use assize_engine::coverage::Reason;
use futures::TryStreamExt;

use super::CommandError;
use super::scan::now;
use crate::aws;
use crate::cli::DoctorArgs;
use crate::collect::collected::Collected;
use crate::collect::meter::Requests;
use crate::config::Config;
use crate::console::Console;
use crate::discover::keys::Refused;
use crate::discover::{self, Discovered, Trouble};
use crate::exit::Exit;
use crate::report::escape::terminal;
use crate::role::advice::{self, By, Denied};
use crate::run::{Asked, RunError, accounts_in_scope};

/// Written once and never again: whether it may be written is what is asked.
const PROBE: &str = "doctor";

/// Seconds of an hour.
const HOUR: i64 = 3_600;

/// Runs `assize doctor`.
pub(crate) fn run(args: &DoctorArgs, console: &Console) -> Result<Exit, CommandError> {
    let config = Config::of_option(args.config.as_deref())?;
    let report = super::runtime()?.block_on(examine(&config, args)).map_err(Box::new)?;
    console.result(&report.text)?;
    Ok(if report.troubles == 0 { Exit::Clean } else { Exit::Incomplete })
}

#[derive(Default)]
struct Report {
    text: String,
    troubles: u64,
}

impl Report {
    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn good(&mut self, text: &str) {
        self.line(&format!("ok    {}", terminal(text)));
    }

    fn bad(&mut self, what: &str, message: &str, add: Option<&advice::Advice>) {
        self.troubles += 1;
        self.line(&format!("FAIL  {}: {}", terminal(what), terminal(message)));
        if let Some(advice) = add {
            self.line(&format!("      {}:", terminal(&advice.to)));
            for line in advice.json().lines() {
                self.line(&format!("      {line}"));
            }
            if let Some(without) = advice.without {
                self.line(&format!("      without it: {}", terminal(without)));
            }
        }
    }
}

async fn examine(config: &Config, args: &DoctorArgs) -> Result<Report, RunError> {
    let mut report = Report::default();
    let sessions = aws::sessions(config).await.map_err(RunError::Credentials)?;
    match sessions.base().identity(config.partition.global_region()).await {
        Ok(identity) => report.good(&format!("this run is {}", identity.arn)),
        Err(error) => report.bad("the run's own credentials", &error.to_string(), advice_for(&error).as_ref()),
    }
    audit(config, &sessions, &mut report).await;
    let asked = Asked { accounts: args.accounts.clone(), ..Asked::of("doctor", now()) };
    let estate = accounts_in_scope(config, &sessions, &asked).await?;
    let mut collected = Collected::default();
    let requests = std::sync::Arc::default();
    let found = discover::discover(config, &sessions, &estate, &mut collected, (asked.as_of, &requests)).await;
    accounts(&found, &mut report);
    keys(config, &sessions, &found, &mut report).await;
    public_keys(config, &sessions, (&found, asked.as_of), &mut report).await;
    sources(&found, &mut report).await;
    queue(config, &sessions, &mut report).await;
    blind(&found, &mut report);
    Ok(report)
}

async fn audit(config: &Config, sessions: &Sessions, report: &mut Report) {
    let bucket = match aws::audit_bucket(sessions, config).await {
        Ok(bucket) => bucket,
        Err(error) => return report.bad("the audit bucket", &error.to_string(), None),
    };
    match bucket.put(PROBE, b"assize doctor was here\n".to_vec(), Metadata::new(), PutCondition::IfAbsent).await {
        Ok(_) => report.good("the audit bucket can be written, and a condition on a write is kept"),
        Err(error) => {
            let advice = CloudError::of(&error).and_then(advice_for);
            report.bad("writing to the audit bucket", &error.to_string(), advice.as_ref());
        }
    }
    match bucket.get(PROBE, None).await {
        Ok(_) => report.good("the audit bucket can be read"),
        Err(error) => {
            let advice = CloudError::of(&error).and_then(advice_for);
            report.bad("reading the audit bucket", &error.to_string(), advice.as_ref());
        }
    }
}

/// Every account's role, regions and trails; a denial that many share is said once.
fn accounts(found: &Discovered, report: &mut Report) {
    for seen in &found.seen {
        if seen.trouble.is_none() && seen.region_trouble.is_empty() {
            let trails: Vec<&str> = seen.trails.iter().map(|trail| trail.name.as_str()).collect();
            report.good(&format!("{}: {} regions; trails: {}", seen.account, seen.regions.len(), trails.join(", ")));
        }
        for gap in seen.trails.iter().flat_map(|trail| trail.gaps.iter().map(move |gap| (trail, gap))) {
            let (trail, gap) = gap;
            report.bad(&format!("{}: {} of {}", seen.account, gap.what, trail.arn), &gap.message, None);
        }
        if !seen.disabled.is_empty() {
            report.good(&format!("{}: not enabled, and so not in the denominator: {}", seen.account, seen.disabled.join(", ")));
        }
    }
    let mut shared: BTreeMap<(Reason, &str), Vec<String>> = BTreeMap::new();
    for seen in &found.seen {
        let own = seen.trouble.iter().map(|trouble| (trouble, seen.account.clone()));
        let regions = seen.region_trouble.iter().map(|(region, trouble)| (trouble, format!("{} {region}", seen.account)));
        for (trouble, place) in own.chain(regions) {
            shared.entry((trouble.reason, &trouble.message)).or_default().push(place);
        }
    }
    for ((reason, message), places) in shared {
        let error = found.errors.iter().find(|(known, _)| known.message == message).map(|(_, error)| error);
        let advice = error.and_then(advice_for);
        report.bad(&format!("{} ({})", places.join(", "), reason.code()), message, advice.as_ref());
    }
}

/// The keys of trails: one that is disabled, or waits to be deleted, opens nothing for anybody.
async fn keys(config: &Config, sessions: &Sessions, found: &Discovered, report: &mut Report) {
    for seen in &found.seen {
        for trail in seen.trails.iter().filter(|trail| trail.owner() == Some(&seen.account)) {
            let Some(key) = &trail.kms_key else { continue };
            let session = aws::account_session(sessions, config, &seen.account);
            match probe::describe_key(&session, &trail.home_region, key).await {
                Ok(key) if key.enabled => report.good(&format!("{}: the key {} is enabled", seen.account, key.arn)),
                Ok(key) => {
                    let state = key.state.unwrap_or_else(|| "not enabled".to_owned());
                    report.bad(
                        &key.arn,
                        &format!("the key is {state}: nothing under it can be read; enable it, or cancel its deletion"),
                        None,
                    );
                }
                Err(error) => report.bad(key, &error.to_string(), advice_for(&error).as_ref()),
            }
        }
    }
}

/// CloudTrail's public keys, as a run asks for them; a denial in many regions is said once.
async fn public_keys(config: &Config, sessions: &Sessions, (found, as_of): (&Discovered, i64), report: &mut Report) {
    let (places, requests) = ((&*found.places, &*found.seen), Requests::default());
    let mut good = Vec::new();
    let mut refused: BTreeMap<Reason, (Vec<String>, Refused)> = BTreeMap::new();
    for answered in discover::keys::ask(config, sessions, places, as_of - HOUR..as_of, &requests).await {
        match answered.keys {
            Ok(_) => good.push(answered.region),
            Err(error) => refused.entry(error.trouble.reason).or_insert((Vec::new(), error)).0.push(answered.region),
        }
    }
    if !good.is_empty() {
        report.good(&format!("CloudTrail's public keys can be listed in {}", good.join(", ")));
    }
    for (reason, (regions, refused)) in refused {
        let what = format!("CloudTrail's public keys in {} ({})", regions.join(", "), reason.code());
        report.bad(&what, &refused.trouble.message, refused.error.as_ref().and_then(advice_for).as_ref());
    }
}

/// The queue, if one is configured.
async fn queue(config: &Config, sessions: &Sessions, report: &mut Report) {
    let Some(notifications) = &config.notifications else { return };
    let session = match &notifications.account {
        Some(account) => aws::account_session(sessions, config, account),
        None => sessions.base(),
    };
    match Queue::new(session, notifications.queue.clone(), notifications.region.clone()).attributes().await {
        Ok(queue) => report.good(&format!("{}: about {} messages wait", queue.arn, queue.waiting.unwrap_or(0))),
        Err(error) => report.bad(&notifications.queue, &error.to_string(), advice_for(&error).as_ref()),
    }
}

/// One real object of each source: listing, reading and decrypting are three permissions.
async fn sources(found: &Discovered, report: &mut Report) {
    for (index, source) in found.sources.iter().enumerate() {
        let Some(place) = found.places.iter().find(|place| place.source == index) else { continue };
        let Some(folder) = place.folders.first() else { continue };
        let prefix = format!("{}{}/{folder}/", place.root, place.account);
        let first = source.bucket.list(&prefix, None).try_next().await;
        let result = match first {
            Ok(Some(entry)) => source.bucket.get(&entry.key, None).await.map(|_| Some(entry.key)),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        match result {
            Ok(Some(key)) => report.good(&format!("{}: {key} can be read", source.id)),
            Ok(None) => report.good(&format!("{}: can be listed; nothing is in it yet", source.id)),
            Err(error) => {
                let advice = CloudError::of(&error).and_then(advice_for);
                report.bad(&source.id, &error.to_string(), advice.as_ref());
            }
        }
    }
}

/// What the next run will not be able to know.
fn blind(found: &Discovered, report: &mut Report) {
    let mut blind: BTreeMap<(Reason, &str), Vec<String>> = BTreeMap::new();
    for ((account, region), trouble) in &found.cells {
        if let Some(Trouble { reason, message }) = trouble {
            blind.entry((*reason, message)).or_default().push(format!("{account} {region}"));
        }
    }
    let cells: usize = blind.values().map(Vec::len).sum();
    if cells == 0 {
        report.line(&format!("the next run can look at all {} account-regions", found.cells.len()));
        return;
    }
    report.troubles += 1;
    report.line(&format!("the next run will not know of {cells} of {} account-regions:", found.cells.len()));
    for ((reason, _), places) in blind {
        report.line(&format!("  {} ({}): {}", reason.code(), reason.words(), terminal(&places.join(", "))));
    }
}

/// What to add after a denial.
fn advice_for(error: &CloudError) -> Option<advice::Advice> {
    let denial = error.denial()?;
    let role = match error {
        CloudError::RoleNotAssumable { role, .. } => Some(role.as_str()),
        _ => None,
    };
    // Without a cause it may be the role that is missing, its trust, or the external id.
    if let (Some(role), DenialCause::Unknown | DenialCause::ResourcePolicy) = (role, &denial.cause) {
        return Some(advice::for_role(role, denial.principal.as_deref(), true));
    }
    let by = match &denial.cause {
        DenialCause::Scp { arn } => By::ServiceControl(arn.as_deref()),
        DenialCause::ResourceControlPolicy => By::ResourceControl,
        DenialCause::PermissionsBoundary => By::Boundary,
        DenialCause::SessionPolicy => By::Session,
        DenialCause::ResourcePolicy => By::Resource,
        DenialCause::KmsKey => By::Key,
        DenialCause::EndpointPolicy => By::Endpoint,
        DenialCause::TrustPolicy => By::Trust,
        _ => By::Role,
    };
    Some(advice::for_denial(&Denied {
        action: &denial.action,
        resource: role.or(denial.resource.as_deref()),
        principal: denial.principal.as_deref(),
        by,
        explicit: denial.explicit,
    }))
}
