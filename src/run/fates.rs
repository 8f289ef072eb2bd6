//! What becomes of a run's findings: compared with the run before, and with what people said of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use assize_bucket::{Bucket, BucketError};
use assize_engine::finding::Finding;
use assize_engine::policy::{Level, Policy};
use assize_engine::time;

use super::{Context, RunError};
use crate::accepted::Accepted;
use crate::config::ReviewWithin;
use crate::estate::Estate;
use crate::judge::{Judgement, Question};
use crate::life::register::{self, Register, Said};
use crate::life::{self, Scene};
use crate::manifest::{self, Link};
use crate::report::build::Fate;
use crate::report::v1;
use crate::state::{StateError, View, sha256};

/// What is known of all findings of a run.
pub(super) struct Fates {
    /// By fingerprint.
    pub(super) by_finding: HashMap<String, Fate>,
    /// What changed.
    pub(super) changes: v1::Changes,
    /// Every waiver and what it did.
    pub(super) waivers: Vec<v1::WaiverUse>,
    /// What the next run compares with.
    pub(super) register: Register,
}

/// The fingerprints of the findings that a waiver accepts at a time, seconds since 1970.
pub(crate) fn accepted(
    accepted: &Accepted,
    (findings, policies): (&[Finding], &[Policy]),
    estate: &Estate,
    at: i64,
) -> BTreeSet<String> {
    let holds = |finding: &&Finding| {
        let policy = policies.get(finding.policy);
        let waiver = policy.and_then(|policy| accepted.waiver_of((policy, finding), estate, at));
        waiver.is_some_and(|(_, waived)| waived.holds())
    };
    findings.iter().filter(holds).map(|finding| finding.fingerprint.clone()).collect()
}

/// The registers that a run is compared with.
pub(super) struct Registers {
    /// The one before.
    pub(super) before: Option<Register>,
    /// For a report over the past: the newest one.
    pub(super) later: Option<Register>,
}

/// The register that a run compares with: that of the newest run of the whole scope and its usual period that is older.
pub(super) async fn before(context: &Context<'_>, view: &View, estate: &Estate) -> Result<Option<Register>, RunError> {
    let mut found = newest(&*context.audit, view).await?;
    while let Some(register) = found.take_if(|register| time::parse(&register.as_of).is_some_and(|at| at >= context.asked.as_of))
    {
        found = match register.before {
            Some(run) => read(&*context.audit, &run, None).await?,
            None => None,
        };
    }
    // A run of some accounts says nothing of the others.
    let ours: BTreeSet<&str> = estate.accounts.iter().map(|account| account.id.as_str()).collect();
    Ok(found.map(|register| if context.partial() { register.within(|account| ours.contains(account)) } else { register }))
}

/// The register of the newest run that others may be compared with.
///
/// # Errors
/// The state or the register cannot be read, or the register is not what the run wrote.
pub(crate) async fn newest(audit: &dyn Bucket, view: &View) -> Result<Option<Register>, RunError> {
    let Some(link) = manifest::link(view, register::NEWEST).await? else { return Ok(None) };
    read(audit, &link.run, Some(&link.sha256)).await
}

/// The register of a run; none if it wrote none. `hash`: SHA-256 that its bytes must have, where it is known.
///
/// # Errors
/// As [`newest`].
pub(crate) async fn read(audit: &dyn Bucket, run: &str, hash: Option<&str>) -> Result<Option<Register>, RunError> {
    let key = manifest::place(run, register::FILE);
    let bytes = match audit.get(&key, None).await {
        Ok(object) => object.bytes,
        Err(BucketError::NotFound { .. }) if hash.is_none() => return Ok(None),
        Err(error) => return Err(StateError::from(error).into()),
    };
    if hash.is_some_and(|hash| hash != sha256(&bytes)) {
        return Err(damaged(key, "it is not the register that the run wrote: its hash is another".to_owned()).into());
    }
    Ok(Some(Register::read(&bytes).map_err(|error| damaged(key, error.to_string()))?))
}

fn damaged(key: String, reason: String) -> StateError {
    let advice = "use the version of assize that wrote it, or find out who else writes to the bucket";
    StateError::Damaged { key, reason, advice }
}

/// What becomes of each finding.
pub(super) fn of(
    context: &Context<'_>,
    estate: &Estate,
    (question, judgement): (&Question<'_>, &Judgement),
    registers: &Registers,
) -> Fates {
    let scene = Scene {
        run: &context.run_id,
        as_of: question.as_of,
        hours: &question.hours,
        policies: question.policies,
        cells: &judgement.cells,
        grade: question.grade,
        before: registers.before.as_ref(),
        later: registers.later.as_ref(),
        whole: context.usual(),
        baseline: context.asked.baseline,
    };
    let stands = life::stands(&judgement.findings, &scene);
    let levels: Vec<Level> = judgement.findings.iter().map(|finding| level(context, estate, finding)).collect();
    let at = context.verdict_time();
    let mut speaking = vec![0; context.accepted.waivers.len()];
    let mut fates: Vec<Fate> = Vec::with_capacity(stands.len());
    for ((finding, stand), level) in judgement.findings.iter().zip(&stands).zip(&levels) {
        let within = context.config.report.review_within.iter().find(|one| fits(one, *level, estate, &finding.group.account));
        let due = within.map(|one| finding.first() + i64::try_from(one.within.as_secs()).unwrap_or(i64::MAX / 2));
        let waived = question
            .policies
            .get(finding.policy)
            .and_then(|policy| context.accepted.waiver_of((policy, finding), estate, at))
            .map(|(place, waived)| {
                speaking.get_mut(place).into_iter().for_each(|count| *count += 1);
                waived
            });
        let reviewed = context.accepted.review_of(&finding.fingerprint, due, at);
        let held = waived.as_ref().is_some_and(v1::Waived::holds);
        let life = v1::Life {
            state: stand.state.to_owned(),
            statement: stand.statement.clone(),
            reported: stand.reported.1.clone(),
            run: stand.reported.0.clone(),
            baseline: stand.baseline,
            age_days: life::age_days(finding, question.as_of),
            due: due.map(time::format),
            overdue: due.is_some_and(|due| due < question.as_of) && reviewed.is_none() && !held,
        };
        fates.push(Fate { life: Some(life), waived, reviewed });
    }
    let changes = life::changes(&stands, life::gone(&judgement.findings, &scene), &scene);
    let said = |place: usize| said(place, (&stands, &levels, &fates));
    let register = Register::of(&judgement.findings, &scene, said);
    let waivers = context.accepted.uses(&speaking, at);
    let fingerprints = judgement.findings.iter().map(|finding| finding.fingerprint.clone());
    Fates { by_finding: fingerprints.zip(fates).collect(), changes, waivers, register }
}

/// What the register says of the finding at a place.
fn said<'a>(place: usize, (stands, levels, fates): (&'a [life::Stand], &[Level], &[Fate])) -> Said<'a> {
    let fate = fates.get(place);
    Said {
        stand: stands.get(place).expect("there is a stand for each finding"),
        level: levels.get(place).map_or("", |level| level.name()),
        waived: fate.is_some_and(Fate::is_accepted),
        reviewed: fate.is_some_and(|fate| fate.reviewed.is_some()),
    }
}

fn level(context: &Context<'_>, estate: &Estate, finding: &Finding) -> Level {
    let own = || context.pack.policies.get(finding.policy).map(|policy| policy.level);
    context.level(estate, finding.policy, &finding.group.account).or_else(own).unwrap_or(Level::Informational)
}

fn fits(one: &ReviewWithin, level: Level, estate: &Estate, account: &str) -> bool {
    one.levels.contains(&level) && estate.selects(&one.accounts, account)
}

/// Where the state names the register that the next run compares with.
pub(super) fn link(run: &str, digests: &BTreeMap<String, String>) -> Option<Link> {
    Some(Link { run: run.to_owned(), sha256: digests.get(register::FILE)?.clone() })
}
