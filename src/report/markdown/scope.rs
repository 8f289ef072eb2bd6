//! The part of a job summary that only a run over a scope has: holes in coverage first, then verdicts.

use serde::Serialize;

use super::Listed;
use crate::report::scope::{self, AccountRow, ScopeView, UnknownGroup, Verdicts};
use crate::report::v1::{Count, Document, Framework, LeftOut, Obstacle, Policy, Requirement, ScopeCell};

/// Ids named in one cell of a table; the rest are counted.
const IDS: usize = 8;

/// Rows of a list of what is missing, at most; what a person reads of a summary.
const LISTED: usize = 40;

/// What the template is given of a scope.
#[derive(Serialize)]
pub(super) struct ScopePage<'a> {
    view: ScopeView<'a>,
    accounts: Listed<AccountRow<'a>>,
    holes: Listed<HoleRow<'a>>,
    obstacles: Listed<ObstacleRow<'a>>,
    left_out: Listed<&'a LeftOut>,
    strangers: Listed<&'a str>,
    notes: Listed<&'a str>,
    abandoned: Listed<&'a str>,
    unknown: Listed<UnknownRow<'a>>,
    /// Policies whose verdict is FAIL, then those that are UNKNOWN.
    policies: Listed<PolicyRow<'a>>,
    frameworks: Vec<FrameworkRow<'a>>,
}

/// An account in a region that is not covered wholly.
#[derive(Serialize)]
struct HoleRow<'a> {
    cell: &'a ScopeCell,
    percent: String,
    reasons: String,
}

#[derive(Serialize)]
struct ObstacleRow<'a> {
    obstacle: &'a Obstacle,
    accounts: Listed<&'a str>,
}

#[derive(Serialize)]
struct UnknownRow<'a> {
    reasons: String,
    total: usize,
    policies: Listed<&'a str>,
}

#[derive(Serialize)]
struct PolicyRow<'a> {
    policy: &'a Policy,
    verdict: &'a str,
    answer: String,
    places: Vec<Count>,
}

#[derive(Serialize)]
struct FrameworkRow<'a> {
    framework: &'a Framework,
    verdicts: Verdicts,
    attention: Listed<RequirementRow<'a>>,
}

#[derive(Serialize)]
struct RequirementRow<'a> {
    requirement: &'a Requirement,
    verdict: &'a str,
    answer: String,
}

impl<'a> ScopePage<'a> {
    /// The page of a document that has a scope, with at most `rows` rows in each list.
    pub(super) fn of(document: &'a Document, rows: usize) -> Option<Self> {
        let scope = document.scope.as_ref()?;
        let view = ScopeView::of(document)?;
        let few = rows.min(LISTED);
        let texts = |texts: &'a [String]| Listed::of(texts.iter().map(String::as_str), few);
        // An account that lacks everything is told by the table of accounts and by its obstacle.
        let holes = scope.cells.iter().filter(|cell| cell.covered < cell.due);
        let frameworks = document.frameworks.iter().map(|framework| FrameworkRow::of(framework, rows));
        Some(Self {
            accounts: Listed::of(view.accounts.iter().cloned(), few),
            holes: Listed::of(holes.map(HoleRow::of), few),
            obstacles: Listed::of(scope.obstacles.iter().map(ObstacleRow::of), few),
            left_out: Listed::of(&scope.left_out, few),
            strangers: texts(&scope.strangers),
            notes: texts(&scope.notes),
            abandoned: texts(&scope.abandoned),
            unknown: Listed::of(view.unknown.iter().map(UnknownRow::of), few),
            policies: Listed::of(policies(&document.policies), rows),
            frameworks: frameworks.collect(),
            view,
        })
    }
}

impl<'a> HoleRow<'a> {
    fn of(cell: &'a ScopeCell) -> Self {
        Self { cell, percent: scope::percent(cell.covered, cell.due), reasons: scope::reasons(&cell.unknown) }
    }
}

impl<'a> ObstacleRow<'a> {
    fn of(obstacle: &'a Obstacle) -> Self {
        Self { obstacle, accounts: Listed::of(obstacle.accounts.iter().map(String::as_str), IDS) }
    }
}

impl<'a> UnknownRow<'a> {
    fn of(group: &UnknownGroup<'a>) -> Self {
        let policies = Listed::of(group.policies.iter().copied(), IDS);
        Self { reasons: group.reasons.clone(), total: group.policies.len(), policies }
    }
}

impl<'a> FrameworkRow<'a> {
    fn of(framework: &'a Framework, rows: usize) -> Self {
        let all = || framework.requirements.iter().filter_map(|it| Some((it, it.verdict.as_deref()?)));
        let attention = all().filter(|(_, verdict)| matches!(*verdict, "FAIL" | "UNKNOWN"));
        let row = |(requirement, verdict): (&'a Requirement, &'a str)| RequirementRow {
            requirement,
            verdict,
            answer: scope::answer(&requirement.statement),
        };
        let verdicts = Verdicts::of(all().map(|(_, verdict)| verdict));
        Self { framework, verdicts, attention: Listed::of(attention.map(row), rows) }
    }
}

fn policies(policies: &[Policy]) -> impl Iterator<Item = PolicyRow<'_>> {
    let with = |wanted: &'static str| {
        policies.iter().filter_map(move |policy| {
            let verdict = policy.verdict.as_deref().filter(|verdict| *verdict == wanted)?;
            let counts = Verdicts::of(policy.verdicts.iter().map(|it| it.verdict.as_str())).counts;
            let places = counts.into_iter().filter(|row| row.count > 0).collect();
            Some(PolicyRow { policy, verdict, answer: scope::answer(&policy.statement), places })
        })
    };
    with("FAIL").chain(with("UNKNOWN"))
}
