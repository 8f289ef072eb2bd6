//! What the HTML template is given of a scope: a table of shares by account and region, the holes in it with their
//! reasons, and each policy's verdicts put together.

use std::collections::BTreeMap;

use serde::Serialize;

use super::heat::Heat;
use crate::report::scope::{self, AccountRow, METHOD, ScopeView, VERDICTS};
use crate::report::v1::{self, Document, Policy, Scope, ScopeCell, Verdict};
use crate::report::words;

/// Accounts in the open part of the table; the others are folded away.
const OPEN_ACCOUNTS: usize = 60;

/// Rows in the list of holes.
const HOLES: usize = 400;

/// Stretches of hours named for one account and region; the rest are counted, and in report.json.
const STRETCHES: usize = 4;

/// Places named for one verdict of one policy; the rest are counted.
const PLACES: usize = 12;

/// What the template is given of a scope.
#[derive(Serialize)]
pub(super) struct ScopePage<'a> {
    view: ScopeView<'a>,
    grid: Grid<'a>,
    heat: Option<Heat<'a>>,
    holes: Vec<Hole<'a>>,
    holes_left_out: usize,
    method: &'static str,
}

/// Shares by account and region.
#[derive(Serialize)]
struct Grid<'a> {
    regions: Vec<&'a str>,
    open: Vec<GridRow<'a>>,
    folded: Vec<GridRow<'a>>,
    folded_whole: usize,
}

#[derive(Serialize)]
struct GridRow<'a> {
    row: AccountRow<'a>,
    cells: Vec<GridCell>,
}

/// One account in one region.
#[derive(Serialize)]
struct GridCell {
    /// `full`, `part`, `none`, `off`, or `out` for a region that is not in this account's scope.
    kind: &'static str,
    /// Percent rounded down to one decimal, or `off`.
    text: String,
}

/// Regions of one account that lack the same hours for the same reasons.
#[derive(Serialize)]
struct Hole<'a> {
    account: &'a str,
    name: &'a str,
    regions: Vec<&'a str>,
    due: u64,
    covered: u64,
    percent: String,
    reasons: String,
    /// Which hours these are.
    when: String,
}

/// The verdicts of one policy.
#[derive(Serialize)]
pub(super) struct PolicyVerdicts<'a> {
    verdict: &'a str,
    groups: Vec<Group>,
    due: u64,
    covered: u64,
}

/// Places with the same verdict for the same reasons.
#[derive(Serialize)]
struct Group {
    verdict: String,
    /// The weakest grade of evidence behind a PASS.
    grade: Option<&'static str>,
    reasons: String,
    /// Places.
    count: u64,
    /// Places in all.
    of: u64,
    /// The first of them; none for a verdict that needs no attention.
    places: Vec<String>,
    more: u64,
}

impl<'a> ScopePage<'a> {
    /// The page of a document that has a scope.
    pub(super) fn of(document: &'a Document) -> Option<Self> {
        let scope = document.scope.as_ref()?;
        let view = ScopeView::of(document)?;
        let cells = by_account(scope);
        let mut holes: Vec<Hole<'a>> = view.accounts.iter().flat_map(|row| holes(row, &cells)).collect();
        let holes_left_out = holes.len().saturating_sub(HOLES);
        holes.truncate(HOLES);
        Some(Self {
            grid: Grid::of(&view, scope, &cells),
            heat: Heat::of(&view, scope),
            holes,
            holes_left_out,
            method: METHOD,
            view,
        })
    }
}

type Cells<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'a ScopeCell>>;

fn by_account(scope: &Scope) -> Cells<'_> {
    let mut accounts: Cells<'_> = BTreeMap::new();
    for cell in &scope.cells {
        accounts.entry(&cell.account).or_default().insert(&cell.region, cell);
    }
    accounts
}

impl<'a> Grid<'a> {
    fn of(view: &ScopeView<'a>, scope: &'a Scope, cells: &Cells<'a>) -> Self {
        let mut regions: Vec<&str> = scope.cells.iter().map(|cell| cell.region.as_str()).collect();
        regions.sort_unstable();
        regions.dedup();
        let mut open: Vec<GridRow<'a>> = view.accounts.iter().map(|row| GridRow::of(row, &regions, cells)).collect();
        let folded = open.split_off(open.len().min(OPEN_ACCOUNTS));
        let folded_whole = folded.iter().filter(|row| row.row.kind == "full").count();
        Self { regions, open, folded, folded_whole }
    }
}

impl<'a> GridRow<'a> {
    fn of(row: &AccountRow<'a>, regions: &[&str], cells: &Cells<'_>) -> Self {
        let own = cells.get(row.account.account.as_str());
        let cell = |region: &&str| GridCell::of(own.and_then(|own| own.get(*region)).copied());
        Self { row: row.clone(), cells: regions.iter().map(cell).collect() }
    }
}

impl GridCell {
    fn of(cell: Option<&ScopeCell>) -> Self {
        let Some(cell) = cell else {
            return Self { kind: "out", text: "–".to_owned() };
        };
        let kind = scope::kind(cell.covered, cell.due);
        let text = match kind {
            "off" => "off".to_owned(),
            "full" => "100".to_owned(),
            "none" => "0".to_owned(),
            _ => {
                let tenths = (u128::from(cell.covered) * 1_000 / u128::from(cell.due)).max(1);
                format!("{}.{}", tenths / 10, tenths % 10)
            }
        };
        Self { kind, text }
    }
}

fn holes<'a>(row: &AccountRow<'a>, cells: &Cells<'a>) -> Vec<Hole<'a>> {
    let own = cells.get(row.account.account.as_str()).into_iter().flat_map(BTreeMap::values).copied();
    let mut holes: Vec<Hole<'a>> = Vec::new();
    for cell in own.filter(|cell| cell.covered < cell.due) {
        let reasons = scope::reasons(&cell.unknown);
        let when = when(cell);
        let same = |hole: &&mut Hole<'_>| {
            (hole.due, hole.covered, &hole.reasons, &hole.when) == (cell.due, cell.covered, &reasons, &when)
        };
        match holes.iter_mut().find(same) {
            Some(hole) => hole.regions.push(&cell.region),
            None => holes.push(Hole {
                account: &cell.account,
                name: &row.account.name,
                regions: vec![&cell.region],
                due: cell.due,
                covered: cell.covered,
                percent: scope::percent(cell.covered, cell.due),
                reasons,
                when,
            }),
        }
    }
    holes
}

/// The first stretches of hours that are not covered, and how many more there are.
fn when(cell: &ScopeCell) -> String {
    let one = |hole: &v1::Hole| format!("{}: {}", words::period(&hole.since, &hole.until), hole.reason);
    let mut all: Vec<String> = cell.holes.iter().take(STRETCHES).map(one).collect();
    let more = cell.holes_total.saturating_sub(all.len() as u64);
    if more > 0 {
        all.push(format!("and {} more", words::count(more)));
    }
    all.join("; ")
}

impl<'a> PolicyVerdicts<'a> {
    /// The verdicts of a policy, if a scope was judged.
    pub(super) fn of(policy: &'a Policy) -> Option<Self> {
        let verdict = policy.verdict.as_deref()?;
        let mut groups: BTreeMap<(usize, &str, String), Vec<&Verdict>> = BTreeMap::new();
        for one in &policy.verdicts {
            let rank = VERDICTS.iter().position(|name| *name == one.verdict).unwrap_or(VERDICTS.len());
            let why = if one.verdict == "UNKNOWN" { codes(one) } else { String::new() };
            groups.entry((rank, &one.verdict, why)).or_default().push(one);
        }
        let of = policy.verdicts.len() as u64;
        Some(Self {
            verdict,
            groups: groups.into_iter().map(|((_, name, _), all)| Group::of(name, &all, of)).collect(),
            due: policy.verdicts.iter().map(|it| it.due).sum(),
            covered: policy.verdicts.iter().map(|it| it.covered).sum(),
        })
    }
}

fn codes(verdict: &Verdict) -> String {
    verdict.unknown.iter().map(|it| it.reason.as_str()).collect::<Vec<_>>().join(", ")
}

impl Group {
    fn of(verdict: &str, all: &[&Verdict], of: u64) -> Self {
        let named = if matches!(verdict, "PASS" | "NOT_APPLICABLE") { 0 } else { PLACES };
        let mut hours: BTreeMap<&str, u64> = BTreeMap::new();
        if verdict == "UNKNOWN" {
            for reason in all.iter().flat_map(|it| &it.unknown) {
                *hours.entry(&reason.reason).or_default() += reason.hours;
            }
        }
        let reason = |(code, hours): (&str, u64)| match hours {
            0 => code.to_owned(),
            hours => format!("{} h {code}", words::count(hours)),
        };
        let grades = || all.iter().filter_map(|it| it.grade);
        // The weakest speaks for all.
        let grade = grades().find(|grade| *grade != "verified").or_else(|| grades().next());
        Self {
            verdict: verdict.to_owned(),
            grade: grade.filter(|_| verdict == "PASS"),
            reasons: hours.into_iter().map(reason).collect::<Vec<_>>().join(", "),
            count: all.len() as u64,
            of,
            places: all.iter().take(named).map(|it| place(it)).collect(),
            more: if named == 0 { 0 } else { all.len().saturating_sub(named) as u64 },
        }
    }
}

fn place(verdict: &Verdict) -> String {
    match (&verdict.account, &verdict.region) {
        (Some(account), Some(region)) => format!("{account} {region}"),
        (Some(account), None) => account.clone(),
        (None, Some(region)) => region.clone(),
        (None, None) => "the organisation".to_owned(),
    }
}
