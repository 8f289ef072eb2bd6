//! The scope of a run as the document has it: coverage, obstacles, verdicts, books of the collection.

pub(crate) mod covered;
pub(crate) mod excepted;
pub(crate) mod over_time;
pub(crate) mod recording;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use assize_engine::coverage::{Ask, Reason, Tally};
use assize_engine::finding::Finding;
use assize_engine::time;
use assize_engine::verdict::{self, CellVerdict, Verdict};

use self::covered::Covered;
use super::build::Judged;
use super::{v1, words};
use crate::collect::collected::{CellKey, Collected};
use crate::collect::meter::Counted;
use crate::collect::{ObjectCounts, Outcome};
use crate::config::Config;
use crate::discover::Discovered;
use crate::estate::Estate;
use crate::judge::{Judgement, Question};

/// What a scope is told from.
pub(crate) struct Told<'a> {
    pub(crate) config: &'a Config,
    pub(crate) estate: &'a Estate,
    pub(crate) discovered: &'a Discovered,
    pub(crate) outcome: &'a Outcome,
    pub(crate) collected: &'a Collected,
    pub(crate) judgement: &'a Judgement,
    pub(crate) question: &'a Question<'a>,
    pub(crate) requests: Counted,
    pub(crate) run_id: &'a str,
    pub(crate) abandoned: Vec<String>,
}

/// Tells it.
pub(crate) fn of(told: &Told<'_>) -> Judged {
    let (hours, grade) = (&told.question.hours, told.question.grade);
    let covered = Covered::of(&told.judgement.cells, hours, grade);
    let total = covered.total();
    let exceptions = excepted::of(&told.config.exceptions, &told.judgement.cells, (hours, grade), told.question.as_of);
    let accepted = total.covered() + excepted::hours(&exceptions);
    let min = told.config.report.min_coverage;
    let findings = |id: &str| told.judgement.findings.iter().filter(|finding| finding.group.account == id).count() as u64;
    let records = |key: &CellKey| told.judgement.partial.cells.get(key).map_or(0, |cell| cell.evaluated);
    let scope = v1::Scope {
        statement: covered::statement(&total, grade),
        grade: covered::grade(grade).to_owned(),
        name: told.config.name.clone(),
        run_id: told.run_id.to_owned(),
        since: time::format(hours.start * 3600),
        horizon: time::format(hours.end * 3600),
        hours_due: total.due,
        hours_delivered: total.delivered,
        hours_verified: total.verified,
        hours_late: total.late,
        hours_covered: total.covered(),
        integrity: covered::integrity(&told.judgement.integrity),
        recording: recording::of(told.collected, &told.discovered.cells),
        exceptions,
        complete: total.due > 0 && min.met_by(accepted, total.due) && told.outcome.stopped.is_none(),
        min_coverage: percent(min.0),
        unknown: covered::reason_hours(&total),
        steps: covered.steps(),
        accounts: covered.accounts(&told.estate.accounts, &findings),
        units: covered.units(&told.estate.accounts),
        cells: covered.cells(&records),
        organization: told.estate.organization.clone(),
        organization_accounts: told.estate.organization_accounts,
        left_out: told
            .estate
            .left_out
            .iter()
            .map(|one| v1::LeftOut { account: one.id.clone(), name: one.name.clone(), reason: one.reason.clone() })
            .collect(),
        strangers: strangers(told),
        obstacles: obstacles(told),
        notes: notes(told),
        collection: collection(told),
        abandoned: told.abandoned.clone(),
    };
    let verdicts =
        told.judgement.verdicts.iter().map(|(overall, cells)| (overall.name().to_owned(), cells.iter().map(verdict).collect()));
    Judged { verdicts: verdicts.collect(), scope, awaited: awaited(told) }
}

/// What is not covered of the hours in which something was awaited.
fn awaited(told: &Told<'_>) -> HashMap<String, Tally> {
    let of = |finding: &Finding| {
        let policy = told.question.policies.get(finding.policy)?;
        let ask = Ask::of(policy, told.question.grade, told.judgement.not_backfilled.get(&finding.policy));
        let tally = verdict::awaited(finding, policy, &told.judgement.cells, &ask)?;
        (tally.covered() < tally.due).then(|| (finding.fingerprint.clone(), tally))
    };
    told.judgement.findings.iter().filter_map(of).collect()
}

fn percent(hundredths: u32) -> String {
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    if rest == 0 { whole.to_string() } else { format!("{whole}.{rest:02}") }
}

/// Accounts with logs in a source that neither the scope nor the configuration speaks of.
fn strangers(told: &Told<'_>) -> Vec<String> {
    let known: BTreeSet<&str> = told.estate.left_out.iter().map(|one| one.id.as_str()).collect();
    told.discovered.strangers.iter().filter(|account| !known.contains(account.as_str())).cloned().collect()
}

/// What is missing, each thing once: a policy of the organisation that denies a call in fifty accounts is one obstacle.
fn obstacles(told: &Told<'_>) -> Vec<v1::Obstacle> {
    let mut all: BTreeMap<(String, String), (BTreeSet<String>, u64)> = BTreeMap::new();
    let mut add = |reason: Reason, message: &str, account: &str| {
        let key = (reason.code().to_owned(), shared(reason, message));
        let (accounts, cells) = all.entry(key).or_default();
        accounts.insert(account.to_owned());
        *cells += 1;
    };
    for ((account, _), trouble) in &told.discovered.cells {
        if let Some(trouble) = trouble {
            add(trouble.reason, &trouble.message, account);
        }
    }
    for unlisted in &told.outcome.unlisted {
        add(unlisted.reason, &format!("{}: {}", unlisted.place, unlisted.message), &unlisted.account);
    }
    for region in &told.outcome.without_keys {
        add(region.reason, &region.message, &region.account);
    }
    let mut owed: BTreeMap<(&str, &str), (u64, &str)> = BTreeMap::new();
    for one in &told.collected.owed {
        let (count, _) = owed.entry((&one.account, &one.reason)).or_insert((0, &one.message));
        *count += 1;
    }
    for ((account, reason), (count, message)) in owed {
        let reason = Reason::named(reason).unwrap_or(Reason::ObjectFailed);
        add(reason, &format!("{} could not be taken: {message}", words::plural(count, "object", "objects")), account);
    }
    all.into_iter()
        .map(|((reason, message), (accounts, cells))| v1::Obstacle {
            reason,
            message,
            accounts: accounts.into_iter().collect(),
            cells,
        })
        .collect()
}

/// The part of a message that all accounts share: of a denial by a service control policy, which policy and which action.
fn shared(reason: Reason, message: &str) -> String {
    if reason != Reason::ScpDenied {
        return message.to_owned();
    }
    let policy = message.split_whitespace().find(|word| word.contains(":policy/"));
    let action = message.split_whitespace().map(|word| word.trim_matches([',', ';', '.'])).find(|word| is_action(word));
    match (policy, action) {
        (Some(policy), Some(action)) => format!(
            "the service control policy {} denies {}; except the audit role in that policy (condition aws:PrincipalArn), or accept \
             that these accounts stay unknown",
            policy.trim_matches([',', ';', '.', '(', ')']),
            action
        ),
        _ => message.to_owned(),
    }
}

/// Whether the word is an IAM action: a service, a colon, and a name in capitals (`ec2:DescribeRegions`); a region with a
/// colon behind it is none.
fn is_action(word: &str) -> bool {
    word.split_once(':').is_some_and(|(service, name)| {
        !service.is_empty()
            && service.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && name.starts_with(|first: char| first.is_ascii_uppercase())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

fn notes(told: &Told<'_>) -> Vec<String> {
    let mut notes = told.discovered.notes.clone();
    notes.extend(told.estate.gaps.iter().map(|(what, why)| format!("the organisation's {what} could not be read: {why}")));
    if told.outcome.windows_left > 0 {
        notes.push(format!("{} of backlog remain", words::plural(told.outcome.windows_left as u64, "day", "days")));
    }
    notes
}

fn collection(told: &Told<'_>) -> v1::Collection {
    let objects = told.outcome.objects;
    let ObjectCounts { listed, taken, already, failed, skipped, left, stored_bytes, inflated_bytes } = objects;
    let Counted { list, get, put, api } = told.requests;
    v1::Collection {
        listed,
        taken,
        already,
        failed,
        skipped,
        left,
        balanced: objects.balanced(),
        stored_bytes,
        inflated_bytes,
        owed: told.collected.owed.len() as u64,
        list_requests: list,
        get_requests: get,
        put_requests: put,
        api_requests: api,
        dollars: format!("{:.4}", told.requests.dollars()),
        event_to_object_seconds: told.outcome.delays.event_to_object,
        object_to_run_seconds: told.outcome.delays.object_to_run,
        stopped: told.outcome.stopped.map(str::to_owned),
    }
}

fn verdict(cell: &CellVerdict) -> v1::Verdict {
    let unknown = match &cell.verdict {
        Verdict::Unknown(reasons) => reasons.iter().map(|(reason, hours)| covered::reason_of(*reason, *hours)).collect(),
        _ => covered::reason_hours(&cell.hours),
    };
    v1::Verdict {
        account: cell.account.clone(),
        region: cell.region.clone(),
        verdict: cell.verdict.name().to_owned(),
        unknown,
        findings: cell.findings,
        waived: cell.waived,
        due: cell.hours.due,
        delivered: cell.hours.delivered,
        verified: cell.hours.verified,
        covered: cell.hours.covered(),
        grade: cell.hours.grade().map(covered::grade),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_by_the_organisation_names_its_policy_and_the_action() {
        let policy = "arn:aws:organizations::111122223333:policy/o-abc/service_control_policy/p-1";
        let message = format!(
            "CloudTrail ListPublicKeys in eu-west-1: User: arn:aws:sts::444455556666:assumed-role/AssizeAudit/run is not authorized to \
             perform: cloudtrail:ListPublicKeys with an explicit deny in a service control policy: {policy}"
        );
        let said = shared(Reason::ScpDenied, &message);
        assert!(said.starts_with(&format!("the service control policy {policy} denies cloudtrail:ListPublicKeys;")), "{said}");
        assert_eq!(shared(Reason::Denied, &message), message);
        assert_eq!(shared(Reason::ScpDenied, "denied in eu-west-1: by nobody"), "denied in eu-west-1: by nobody");
    }
}
