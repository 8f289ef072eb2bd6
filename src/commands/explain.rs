//! `assize explain POLICY ACCOUNT[/REGION]`: why a verdict is what it is, down to hour, object and byte. Rests on what runs left in
//! the audit bucket: AWS is not asked.

use std::collections::BTreeMap;

use assize_engine::coverage::{Ask, CellEvidence, Tally};
use assize_engine::evaluate::Period;
use assize_engine::finding::{self, Finding};
use assize_engine::partial::Hit;
use assize_engine::policy::{Per, Policy};
use assize_engine::time;
use assize_engine::verdict::{CellVerdict, Verdict};

use super::CommandError;
use super::coverage::recalled;
use super::scan::period;
use crate::accepted::Accepted;
use crate::cli::{ExplainArgs, PlainFormat};
use crate::collect::collected::CellKey;
use crate::config::Config;
use crate::console::Console;
use crate::exit::Exit;
use crate::judge::{self, Judgement, Question};
use crate::pack;
use crate::report::explain::{self, Cause, Explanation, Record, Region};
use crate::report::told::{covered, over_time};
use crate::run::recalled::Recalled;
use crate::run::{RunError, fates};

/// Records named of one kind; all are counted.
const RECORDS: usize = 20;

/// Causes named; all are counted.
const CAUSES: usize = 50;

/// Runs `assize explain`. It ends with 0 whatever the verdict is: it was asked why, and says so.
pub(crate) fn run(args: &ExplainArgs, console: &Console) -> Result<Exit, CommandError> {
    let Period { since, until } = period(args.from.since.as_deref(), args.from.until.as_deref())?;
    let config = Config::of_option(args.from.config.as_deref())?;
    let pack = pack::configured(&config)?;
    let accepted = Accepted::load(&config, &pack)?;
    let policy = pack.policies.iter().find(|policy| policy.id == args.policy);
    let policy = policy.ok_or_else(|| CommandError::NoPolicy(args.policy.clone()))?;
    let (account, region) = match args.place.split_once('/') {
        Some((account, region)) => (account.to_owned(), Some(region.to_owned())),
        None => (args.place.clone(), None),
    };
    let explanation = super::runtime()?.block_on(async {
        let recalled = recalled(&config).await?;
        let of = |key: &CellKey| key.0 == account && region.as_ref().is_none_or(|region| *region == key.1);
        if !recalled.cells.keys().any(of) {
            return Err(CommandError::NoSuchPlace(args.place.clone()));
        }
        let hash = policy.evaluation_hash(&recalled.estate.facts(&config));
        let accepts = |findings: &[Finding]| {
            fates::accepted(&accepted, (findings, std::slice::from_ref(policy)), &recalled.estate, recalled.as_of)
        };
        let question = Question {
            policies: std::slice::from_ref(policy),
            hashes: &[hash],
            hours: recalled.hours(&config.judge, since, until),
            as_of: recalled.as_of,
            cells: &recalled.cells,
            grade: config.judge.evidence,
            settle: config.judge.settle_seconds(),
            accepted: &accepts,
        };
        let judged = judge::judge(&recalled.view, &recalled.collected, &recalled.verified, &question).await;
        let judged = judged.map_err(|error| Box::new(RunError::from(error)))?;
        Ok(explanation(policy, (&account, region.as_deref()), &question, &judged, &recalled))
    })?;
    console.result(&match args.from.format {
        PlainFormat::Text => explain::text(&explanation),
        PlainFormat::Json => serde_json::to_string_pretty(&explanation).map_err(CommandError::Json)? + "\n",
    })?;
    Ok(Exit::Clean)
}

/// Puts together what is known.
fn explanation(
    policy: &Policy,
    place: (&str, Option<&str>),
    question: &Question<'_>,
    judged: &Judgement,
    recalled: &Recalled,
) -> Explanation {
    let ask = Ask::of(policy, question.grade, judged.not_backfilled.get(&0));
    let inside = |key: &CellKey| key.0 == place.0 && place.1.is_none_or(|region| region == key.1);
    let cells: BTreeMap<&CellKey, &CellEvidence> = judged.cells.iter().filter(|(key, _)| inside(key)).collect();
    let mut total = Tally::default();
    let mut regions = Vec::new();
    for ((_, region), cell) in &cells {
        let tally = cell.tally(question.hours.clone(), &ask);
        total.add(&tally);
        let (holes, holes_total) = over_time::holes(cell, &question.hours, &ask);
        let (due, covered) = (tally.due, tally.covered());
        regions.push(Region { region: region.clone(), due, covered, unknown: covered::reason_hours(&tally), holes, holes_total });
    }
    let own = judged.partial.cells.iter().filter(|(key, _)| inside(key)).map(|(key, cell)| (key.clone(), cell.clone()));
    let own = assize_engine::partial::Partial { cells: own.collect(), ..assize_engine::partial::Partial::default() };
    let (population, population_of) = finding::population(0, policy, &own);
    let findings = judged
        .findings
        .iter()
        .filter(|finding| finding.group.account == place.0 && place.1.is_none_or(|region| finding.group.region == region));
    let matches: Vec<&Hit> = findings.flat_map(|finding| &finding.hits).collect();
    let unjudged = judged.partial.policies.first().map(|results| results.not_evaluable.as_slice()).unwrap_or_default();
    let mut causes = causes(recalled, judged, inside);
    let causes_total = causes.len() as u64;
    causes.truncate(CAUSES);
    Explanation {
        version: 1,
        policy: policy.id.clone(),
        title: policy.title.clone(),
        level: policy.level.name(),
        account: place.0.to_owned(),
        region: place.1.map(str::to_owned),
        judged: verdicts(policy, place, judged),
        needs: policy.needs.to_string(),
        grade: covered::grade(ask.grade),
        as_of: time::format(question.as_of),
        since: time::format(question.hours.start * 3600),
        horizon: time::format(question.hours.end * 3600),
        due: total.due,
        covered: total.covered(),
        regions,
        causes,
        causes_total,
        population,
        population_of,
        matches_total: matches.len() as u64,
        matches: matches.into_iter().take(RECORDS).map(record).collect(),
        not_evaluable_total: unjudged.len() as u64,
        not_evaluable: unjudged.iter().take(RECORDS).map(record).collect(),
    }
}

/// The verdicts that speak for a place: its own, or that of the whole organisation.
fn verdicts(policy: &Policy, (account, region): (&str, Option<&str>), judged: &Judgement) -> Vec<explain::Judged> {
    let all = judged.verdicts.first().map(|(_, verdicts)| verdicts.as_slice()).unwrap_or_default();
    let speaks = |verdict: &&CellVerdict| match policy.per {
        Per::Organization => true,
        Per::Account => verdict.account.as_deref() == Some(account),
        Per::Region => {
            verdict.account.as_deref() == Some(account) && region.is_none_or(|it| verdict.region.as_deref() == Some(it))
        }
    };
    let told = |verdict: &CellVerdict| explain::Judged {
        account: verdict.account.clone(),
        region: verdict.region.clone(),
        verdict: verdict.verdict.name(),
        unknown: match &verdict.verdict {
            Verdict::Unknown(reasons) => reasons.iter().map(|(reason, hours)| covered::reason_of(*reason, *hours)).collect(),
            _ => Vec::new(),
        },
        grade: verdict.hours.grade().map(covered::grade),
    };
    all.iter().filter(speaks).map(told).collect()
}

/// What keeps hours from being covered: troubles, owed objects, and what digests say.
fn causes(recalled: &Recalled, judged: &Judgement, inside: impl Fn(&CellKey) -> bool) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (key, trouble) in recalled.cells.iter().filter(|(key, _)| inside(key)) {
        let Some(trouble) = trouble else { continue };
        let (reason, what) = (trouble.reason.code().to_owned(), format!("{} {}", key.0, key.1));
        causes.push(Cause { reason, what, message: trouble.message.clone() });
    }
    for owed in &recalled.collected.owed {
        if inside(&(owed.account.clone(), owed.region.clone())) {
            let what = format!("{}/{}", owed.source, owed.key);
            causes.push(Cause { reason: owed.reason.clone(), what, message: owed.message.clone() });
        }
    }
    for problem in &judged.problems {
        let key = assize_engine::layout::parse(&problem.object).ok();
        if key.is_some_and(|key| inside(&(key.account.to_owned(), key.region.to_owned()))) {
            causes.push(Cause { reason: problem.code.clone(), what: problem.object.clone(), message: problem.message.clone() });
        }
    }
    causes
}

fn record(hit: &Hit) -> Record {
    Record {
        time: time::format(hit.time),
        event_id: hit.event_id.to_string(),
        object: hit.object.to_string(),
        record: hit.place.index,
        offset: hit.place.offset,
        length: hit.length,
    }
}
