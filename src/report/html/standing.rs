//! Where findings stand, for the HTML template: among runs, with those who accepted them, and with those who looked.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::report::sample;
use crate::report::summary::{rank, waits};
use crate::report::v1::{Changes, Count, Document, Finding, Gone, Life, Reviewed, Waived};

/// Rows in one list of findings.
const ROWS: usize = 60;

/// Rows in one table of what is frequent.
const TOP: usize = 10;

/// States of findings, those that need attention first.
const STATES: [&str; 5] = ["new", "reopened", "ongoing", "lost", "fixed"];

/// A waiver beside a finding.
#[derive(Serialize)]
pub(super) struct WaivedView<'a> {
    state: &'a str,
    /// What it does, to be translated.
    words: &'static str,
    waiver: &'a Waived,
    from: &'a str,
    until: &'a str,
}

/// A review beside a finding.
#[derive(Serialize)]
pub(super) struct ReviewedView<'a> {
    review: &'a Reviewed,
}

/// What stands beside a finding in every list.
#[derive(Serialize)]
pub(super) struct Standing<'a> {
    pub(super) state: &'a str,
    /// Marks in the heading: what is not the usual.
    pub(super) marks: Vec<&'static str>,
    pub(super) life: Option<&'a Life>,
    pub(super) waived: Option<WaivedView<'a>>,
    pub(super) reviewed: Option<ReviewedView<'a>>,
}

impl<'a> Standing<'a> {
    pub(super) fn of(finding: &'a Finding) -> Self {
        let state = finding.life.as_ref().map_or("", |life| &life.state);
        let mut marks: Vec<&'static str> = STATES.into_iter().filter(|known| *known == state && *known != "ongoing").collect();
        marks.extend(finding.is_accepted().then_some("accepted"));
        marks.extend(finding.life.as_ref().filter(|life| life.overdue).map(|_| "overdue"));
        let waived = finding.waived.as_ref().map(|waiver| WaivedView {
            state: &waiver.state,
            words: match waiver.state.as_str() {
                "holds" => "Accepted:",
                "expired" => "The waiver has ended and this went on, so it counts:",
                _ => "Accepted after the period, so it counts here:",
            },
            waiver,
            from: &waiver.created,
            until: &waiver.expires,
        });
        let reviewed = finding.reviewed.as_ref().map(|review| ReviewedView { review });
        Self { state, marks, life: finding.life.as_ref(), waived, reviewed }
    }
}

/// A finding in a short list.
#[derive(Serialize)]
pub(super) struct ShortRow<'a> {
    level: &'a str,
    title: &'a str,
    /// To its place in the report, if it has one.
    link: Option<String>,
    marks: Vec<&'static str>,
    account: &'a str,
    region: &'a str,
    first_seen: &'a str,
    why: String,
}

impl<'a> ShortRow<'a> {
    fn of(finding: &'a Finding, why: String) -> Self {
        Self {
            level: &finding.level,
            title: &finding.title,
            link: Some(format!("#f-{}", finding.fingerprint)),
            marks: Standing::of(finding).marks,
            account: &finding.account,
            region: &finding.region,
            first_seen: &finding.first_seen,
            why,
        }
    }

    fn gone(gone: &'a Gone) -> Self {
        Self {
            level: &gone.level,
            title: &gone.title,
            link: None,
            marks: Vec::new(),
            account: &gone.account,
            region: &gone.region,
            first_seen: &gone.first_seen,
            why: gone.statement.clone(),
        }
    }
}

/// What changed since last time.
#[derive(Serialize)]
pub(super) struct ChangesView<'a> {
    it: &'a Changes,
    lists: Vec<ChangeList<'a>>,
}

#[derive(Serialize)]
struct ChangeList<'a> {
    name: &'static str,
    total: u64,
    rows: Vec<ShortRow<'a>>,
    more: u64,
}

impl<'a> ChangesView<'a> {
    pub(super) fn of(document: &'a Document) -> Option<Self> {
        let it = document.changes.as_ref()?;
        let in_state = |state: &'static str| {
            let all =
                document.findings.iter().filter(move |finding| finding.life.as_ref().is_some_and(|life| life.state == state));
            let shown = all.clone().filter(|finding| finding.is_severe()).take(ROWS);
            let rows: Vec<ShortRow<'a>> = shown.map(|finding| ShortRow::of(finding, why(finding))).collect();
            (all.count() as u64, rows)
        };
        let list = |name: &'static str, state: &'static str| {
            let (total, rows) = in_state(state);
            ChangeList { name, total, more: total - rows.len() as u64, rows }
        };
        let mut lists =
            vec![list("New", "new"), list("Reopened", "reopened"), list("Lost from sight", "lost"), list("Fixed", "fixed")];
        let shown = it.gone.iter().filter(|gone| gone.level != "informational").take(ROWS);
        let rows: Vec<ShortRow<'a>> = shown.map(ShortRow::gone).collect();
        lists.push(ChangeList {
            name: "No longer among the findings",
            total: it.gone_total,
            more: it.gone_total - rows.len() as u64,
            rows,
        });
        lists.retain(|list| list.total > 0);
        Some(Self { it, lists })
    }
}

fn why(finding: &Finding) -> String {
    finding.life.as_ref().map(|life| life.statement.clone()).unwrap_or_default()
}

/// Findings that somebody accepted.
pub(super) fn accepted(document: &Document) -> Vec<ShortRow<'_>> {
    let accepted = document.findings.iter().filter(|finding| finding.is_accepted());
    let reason = |finding: &Finding| finding.waived.as_ref().map(|waiver| waiver.reason.clone()).unwrap_or_default();
    accepted.take(ROWS).map(|finding| ShortRow::of(finding, reason(finding))).collect()
}

/// Findings that somebody should look at and nobody did, the most overdue first; and how many more there are.
pub(super) fn waiting(document: &Document) -> (Vec<ShortRow<'_>>, usize) {
    let due = |finding: &Finding| finding.life.as_ref().and_then(|life| life.due.clone());
    let mut all: Vec<&Finding> = document.findings.iter().filter(|finding| waits(finding, &document.run.fail_on)).collect();
    all.sort_by_key(|finding| (rank(&finding.level), due(finding).unwrap_or_else(|| "~".to_owned())));
    let more = all.len().saturating_sub(ROWS);
    let row = |finding: &'_ &Finding| match due(finding) {
        Some(due) => crate::report::words::time(&due),
        None => String::new(),
    };
    (all.iter().take(ROWS).map(|finding| ShortRow::of(finding, row(finding))).collect(), more)
}

/// A finding and who looked at it.
#[derive(Serialize)]
pub(super) struct Looked<'a> {
    row: ShortRow<'a>,
    review: &'a Reviewed,
    due: Option<&'a str>,
}

/// Findings that somebody looked at.
pub(super) fn looked(document: &Document) -> Vec<Looked<'_>> {
    let looked = |finding| {
        let finding: &Finding = finding;
        let review = finding.reviewed.as_ref()?;
        let due = finding.life.as_ref().and_then(|life| life.due.as_deref());
        Some(Looked { row: ShortRow::of(finding, String::new()), review, due })
    };
    document.findings.iter().filter_map(looked).collect()
}

/// The states that findings have, for the filter.
pub(super) fn states(document: &Document) -> Vec<&'static str> {
    let there: BTreeSet<&str> = document.findings.iter().filter_map(|it| Some(it.life.as_ref()?.state.as_str())).collect();
    STATES.into_iter().filter(|state| there.contains(state)).collect()
}

/// The findings of one policy that were drawn for somebody to test.
#[derive(Serialize)]
pub(super) struct SampleView<'a> {
    policy: &'a str,
    title: &'a str,
    population: u64,
    rows: Vec<SampleRow<'a>>,
}

#[derive(Serialize)]
struct SampleRow<'a> {
    fingerprint: &'a str,
    account: &'a str,
    region: &'a str,
    first_seen: &'a str,
    sha256: String,
}

impl<'a> SampleRow<'a> {
    fn of((sha256, finding): (String, &'a Finding)) -> Self {
        let Finding { fingerprint, account, region, first_seen, .. } = finding;
        Self { fingerprint, account, region, first_seen, sha256 }
    }
}

/// Samples that anybody can draw again, of a document with a scope.
pub(super) fn samples(document: &Document) -> Vec<SampleView<'_>> {
    if document.scope.is_none() {
        return Vec::new();
    }
    sample::samples(document)
        .into_iter()
        .map(|one| SampleView {
            policy: &one.policy.id,
            title: &one.policy.title,
            population: one.population,
            rows: one.drawn.into_iter().map(SampleRow::of).collect(),
        })
        .collect()
}

/// What is frequent among findings.
#[derive(Serialize)]
pub(super) struct Top {
    name: &'static str,
    what: &'static str,
    rows: Vec<Count>,
}

/// Who, what, from where: counted over the findings of every level but the lowest, by what their records show.
pub(super) fn tops(document: &Document) -> Vec<Top> {
    let severe = || document.findings.iter().filter(|finding| finding.is_severe());
    let shown = |field: &'static str| -> Vec<BTreeSet<String>> {
        let values = |finding: &Finding| {
            let fields = finding.occurrences.iter().flat_map(|it| &it.show).filter(|it| it.field == field);
            fields.filter_map(|it| it.value.clone()).collect()
        };
        severe().map(values).collect()
    };
    let actors = |finding: &Finding| -> BTreeSet<String> {
        let behind = finding.occurrences.iter().filter_map(|it| it.behind.as_ref()?.who.clone());
        let grouped = finding.group.iter().filter(|it| it.field == "userIdentity.arn").filter_map(|it| it.value.clone());
        let behind: BTreeSet<String> = behind.collect();
        if behind.is_empty() { grouped.collect() } else { behind }
    };
    let all = [
        ("Who is behind findings", "Actor", severe().map(actors).collect::<Vec<_>>()),
        ("Calls in findings", "Call", shown("eventName")),
        ("Addresses in findings", "Address", shown("sourceIPAddress")),
        ("Errors in findings", "Error", shown("errorCode")),
        ("Regions of findings", "Region", severe().map(|finding| BTreeSet::from([finding.region.clone()])).collect()),
    ];
    let tops = all.into_iter().map(|(name, what, sets)| Top { name, what, rows: most(sets) });
    tops.filter(|top| !top.rows.is_empty()).collect()
}

fn most(sets: Vec<BTreeSet<String>>) -> Vec<Count> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    sets.into_iter().flatten().for_each(|label| *counts.entry(label).or_default() += 1);
    let mut rows: Vec<Count> = counts.into_iter().map(|(label, count)| Count { label, count }).collect();
    rows.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));
    rows.truncate(TOP);
    rows
}
