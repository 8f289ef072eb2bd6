//! What the HTML template is given: the document, ordered and counted for reading, and cut to what a browser opens
//! well. Whatever is left out is counted here, so that the page can say so.

use std::collections::BTreeMap;

use serde::Serialize;

use super::chart::Chart;
use super::scope::{PolicyVerdicts, ScopePage};
use super::standing::{self, ChangesView, Looked, SampleView, ShortRow, Standing, Top};
use super::{AccountPage, DETAILED_FINDINGS, EVENT_BYTES, FEW_FINDINGS, event};
use crate::config::Lang;
use crate::report::sample;
use crate::report::summary::{self, AccountCount, LEVELS, LevelCount, Verdict};
use crate::report::v1::{
    Behind, Books, Correlated, Count, Coverage, Document, EvidenceObject, FieldValue, Finding, Framework, History,
    MatchedSelection, Occurrence, Policy, Problem, Requirement, Run, WaiverUse,
};
use crate::report::{scope::Verdicts, words};

/// Rows in one table of findings without detail.
const BLOCK_ROWS: usize = 250;

/// The root of the template's variables.
#[derive(Serialize)]
pub(super) struct Page<'a> {
    version: u32,
    lang: &'static str,
    zone: Option<&'a str>,
    verdict: Verdict,
    /// Verdicts of all requirements.
    headline: Option<Verdicts>,
    history: Option<&'a History>,
    changes: Option<ChangesView<'a>>,
    exceptions: &'a [WaiverUse],
    accepted: Vec<ShortRow<'a>>,
    waiting: Vec<ShortRow<'a>>,
    waiting_more: usize,
    looked: Vec<Looked<'a>>,
    states: Vec<&'static str>,
    tops: Vec<Top>,
    manual: Vec<Manual<'a>>,
    samples: Vec<SampleView<'a>>,
    sample_seed: &'a str,
    sample_method: &'static str,
    evidence: &'a [EvidenceObject],
    evidence_total: u64,
    /// Pages of accounts beside this one; none if this one has everything.
    pages: &'a [AccountPage],
    no_pass: &'static str,
    run: &'a Run,
    books: &'a Books,
    coverage: CoverageView<'a>,
    /// Coverage, if there is a scope.
    scope: Option<ScopePage<'a>>,
    tampering: Vec<&'a Problem>,
    problems: Vec<&'a Problem>,
    level_names: [&'static str; 5],
    levels: Vec<LevelCount>,
    accounts: Vec<AccountCount>,
    findings_total: usize,
    matches_total: u64,
    findings: Vec<FindingView<'a>>,
    /// Findings without detail, as rows; in blocks, because browsers lay out a long table slowly.
    row_blocks: Vec<Vec<RowView<'a>>>,
    rows_total: usize,
    policies: Policies<'a>,
    frameworks: Vec<FrameworkView<'a>>,
    by_account_over_time: Chart,
    by_level_over_time: Chart,
    sources: &'a [Count],
    /// Occurrences whose event was left out to keep the file small.
    events_left_out: u64,
}

/// [`Coverage`] without the problems, which are ordered apart.
#[derive(Serialize)]
struct CoverageView<'a> {
    statement: &'a str,
    complete: bool,
    accounts: &'a [String],
    regions: &'a [String],
    first_event: &'a Option<String>,
    last_event: &'a Option<String>,
    problems_total: u64,
    problems_listed: usize,
    skipped: &'a [crate::report::v1::Skipped],
}

/// Policies by what they gave.
#[derive(Serialize)]
struct Policies<'a> {
    total: usize,
    matched: Vec<PolicyView<'a>>,
    not_matched: Vec<PolicyView<'a>>,
    /// Policies with records that could not be judged.
    for_review: Vec<ReviewView<'a>>,
}

#[derive(Serialize)]
struct PolicyView<'a> {
    policy: &'a Policy,
    /// Its verdicts, if there is a scope.
    verdicts: Option<PolicyVerdicts<'a>>,
    references: Vec<Reference<'a>>,
    /// Its first finding, for a link.
    first_finding: Option<&'a str>,
    /// Findings that somebody accepted.
    waived: u64,
}

/// A reference as written; a link only if it is one to a web page.
#[derive(Serialize)]
struct Reference<'a> {
    text: &'a str,
    link: bool,
}

#[derive(Serialize)]
struct ReviewView<'a> {
    id: &'a str,
    title: &'a str,
    level: &'a str,
    not_evaluable: u64,
    occurrences: Vec<OccurrenceView<'a>>,
}

#[derive(Serialize)]
pub(super) struct FindingView<'a> {
    #[serde(flatten)]
    standing: Standing<'a>,
    /// Where its policy is told; none on a page without policies.
    policy_link: Option<String>,
    fired_first: Option<&'a str>,
    fired_last: Option<&'a str>,
    fired_over: Option<&'a str>,
    fingerprint: &'a str,
    policy: &'a str,
    title: &'a str,
    level: &'a str,
    account: &'a str,
    region: &'a str,
    group: &'a [FieldValue],
    first_seen: &'a str,
    last_seen: &'a str,
    period: String,
    count: u64,
    correlated: Option<&'a Correlated>,
    remediation: &'a str,
    /// Who is behind it, the first of what is told of the occurrences.
    behind: Option<&'a str>,
    /// What else is told.
    behind_more: usize,
    occurrences: Vec<OccurrenceView<'a>>,
    /// Matches that are not among the occurrences.
    more: u64,
}

/// A finding without its occurrences: they are most of its size.
#[derive(Serialize)]
struct RowView<'a> {
    #[serde(flatten)]
    standing: Standing<'a>,
    fingerprint: &'a str,
    policy: &'a str,
    title: &'a str,
    /// To the finding on its account's page, if it has one.
    link: Option<String>,
    level: &'a str,
    account: &'a str,
    region: &'a str,
    group: &'a [FieldValue],
    first_seen: &'a str,
    last_seen: &'a str,
    count: u64,
}

#[derive(Serialize)]
struct OccurrenceView<'a> {
    event_id: &'a str,
    time: &'a str,
    object: &'a str,
    record: u64,
    offset: u64,
    length: u64,
    sha256_128: &'a str,
    show: &'a [FieldValue],
    matched: &'a [MatchedSelection],
    /// Pretty-printed, or as it stands if it is not JSON.
    event: Option<String>,
    /// Why there is no event.
    event_missing: Option<&'a str>,
    behind: Option<&'a Behind>,
}

#[derive(Serialize)]
struct FrameworkView<'a> {
    framework: &'a Framework,
    rows: Vec<RequirementView<'a>>,
    statuses: Vec<Count>,
    verdicts: Verdicts,
}

/// A requirement, and what testing it came to.
#[derive(Serialize)]
struct RequirementView<'a> {
    it: &'a Requirement,
    tests: Option<Tests>,
}

/// Tests of a requirement: each of its policies in each place that the policy speaks of.
#[derive(Serialize)]
struct Tests {
    total: u64,
    /// Exceptions noted, those that are accepted included.
    noted: u64,
    waived: u64,
    /// Places that could not be seen whole.
    unknown: u64,
}

/// A requirement that a person must attest.
#[derive(Serialize)]
struct Manual<'a> {
    framework: &'a str,
    requirement: &'a Requirement,
}

/// What is left of [`EVENT_BYTES`], and how many events found no room.
pub(super) struct EventRoom {
    pub(super) bytes: usize,
    pub(super) left_out: u64,
}

impl<'a> Page<'a> {
    /// The page of a document. `pages`: those of accounts beside it, which have its findings in detail.
    pub(super) fn of(document: &'a Document, (lang, zone): (Lang, Option<&'a str>), pages: &'a [AccountPage]) -> Self {
        let detail = if pages.is_empty() { detailed(&document.findings) } else { 0 };
        let (detailed, rest) = document.findings.split_at(detail);
        let mut room = EventRoom { bytes: EVENT_BYTES, left_out: 0 };
        let findings = findings(detailed, &mut room);
        let (waiting, waiting_more) = standing::waiting(document);
        let verdicts = || document.frameworks.iter().flat_map(|it| &it.requirements).filter_map(|it| it.verdict.as_deref());
        let policies = Policies::of(document, &mut room);
        let (tampering, problems) = summary::problems(document);
        Self {
            version: document.version,
            lang: lang.code(),
            zone,
            headline: verdicts().next().map(|_| Verdicts::of(verdicts())),
            history: document.history.as_ref(),
            changes: ChangesView::of(document),
            exceptions: &document.waivers,
            accepted: standing::accepted(document),
            waiting,
            waiting_more,
            looked: standing::looked(document),
            states: standing::states(document),
            tops: standing::tops(document),
            manual: manual(document),
            samples: standing::samples(document),
            sample_seed: sample::seed(document),
            sample_method: sample::METHOD,
            evidence: &document.evidence,
            evidence_total: document.evidence_total,
            pages,
            verdict: Verdict::of(document),
            no_pass: summary::NO_PASS,
            run: &document.run,
            books: &document.books,
            coverage: CoverageView::of(&document.coverage),
            scope: ScopePage::of(document),
            tampering,
            problems,
            level_names: LEVELS,
            levels: summary::by_level(&document.findings),
            accounts: summary::by_account(&document.findings),
            findings_total: document.findings.len(),
            matches_total: document.findings.iter().map(|finding| finding.count).sum(),
            findings,
            row_blocks: rest
                .chunks(BLOCK_ROWS)
                .map(|block| block.iter().map(|finding| RowView::of(finding, pages)).collect())
                .collect(),
            rows_total: rest.len(),
            policies,
            frameworks: document
                .frameworks
                .iter()
                .map(|framework| FrameworkView {
                    framework,
                    rows: framework.requirements.iter().map(|it| RequirementView { it, tests: tests(it, document) }).collect(),
                    statuses: summary::by_status(framework),
                    verdicts: Verdicts::of(framework.requirements.iter().filter_map(|it| it.verdict.as_deref())),
                })
                .collect(),
            by_account_over_time: Chart::of(&document.activity, &document.activity.accounts),
            by_level_over_time: Chart::of(&document.activity, &document.activity.levels),
            sources: &document.activity.sources,
            events_left_out: room.left_out,
        }
    }
}

/// How many findings are shown in detail: those of the lowest level only if all are few.
fn detailed(findings: &[Finding]) -> usize {
    let severe = findings.iter().take_while(|finding| finding.is_severe()).count();
    findings.len().min(severe.max(FEW_FINDINGS)).min(DETAILED_FINDINGS)
}

/// What a person must attest: what the framework calls manual, and what logs do not answer.
fn manual(document: &Document) -> Vec<Manual<'_>> {
    let attested = |it: &&Requirement| it.manual || it.policies.is_empty();
    let of = |framework| {
        let framework: &Framework = framework;
        framework.requirements.iter().filter(attested).map(|requirement| Manual { framework: &framework.id, requirement })
    };
    document.frameworks.iter().flat_map(of).collect()
}

/// What testing a requirement came to; nothing without a scope, or without a policy that answers it.
fn tests(requirement: &Requirement, document: &Document) -> Option<Tests> {
    document.scope.as_ref()?;
    let mut tests = Tests { total: 0, noted: 0, waived: 0, unknown: 0 };
    for part in &requirement.policies {
        let Some(policy) = document.policies.iter().find(|policy| policy.id == part.policy) else { continue };
        for cell in &policy.verdicts {
            tests.total += u64::from(cell.verdict != "NOT_APPLICABLE");
            tests.unknown += u64::from(cell.verdict == "UNKNOWN");
            // What a monitored policy finds is listed for review, and is no exception.
            if part.kind == "absent" {
                tests.noted += u64::from(matches!(cell.verdict.as_str(), "FAIL" | "WAIVED"));
                tests.waived += u64::from(cell.verdict == "WAIVED");
            }
        }
    }
    (tests.total > 0).then_some(tests)
}

impl<'a> CoverageView<'a> {
    fn of(coverage: &'a Coverage) -> Self {
        Self {
            statement: &coverage.statement,
            complete: coverage.complete,
            accounts: &coverage.accounts,
            regions: &coverage.regions,
            first_event: &coverage.first_event,
            last_event: &coverage.last_event,
            problems_total: coverage.problems_total,
            problems_listed: coverage.problems.len(),
            skipped: &coverage.skipped,
        }
    }
}

impl<'a> Policies<'a> {
    fn of(document: &'a Document, room: &mut EventRoom) -> Self {
        let mut first_findings: BTreeMap<&str, &str> = BTreeMap::new();
        for finding in &document.findings {
            first_findings.entry(&finding.policy).or_insert(&finding.fingerprint);
        }
        let view = |policy: &'a Policy| PolicyView {
            policy,
            verdicts: PolicyVerdicts::of(policy),
            references: policy.references.iter().map(|text| Reference::of(text)).collect(),
            first_finding: first_findings.get(policy.id.as_str()).copied(),
            waived: policy.waived,
        };
        let (matched, not_matched): (Vec<_>, Vec<_>) =
            document.policies.iter().map(view).partition(|view| view.policy.matches > 0 || view.policy.findings > 0);
        let for_review = document.policies.iter().filter(|policy| policy.not_evaluable > 0);
        Self {
            total: document.policies.len(),
            matched,
            not_matched,
            for_review: for_review.map(|policy| ReviewView::of(policy, room)).collect(),
        }
    }
}

impl<'a> Reference<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, link: text.starts_with("https://") || text.starts_with("http://") }
    }
}

impl<'a> ReviewView<'a> {
    fn of(policy: &'a Policy, room: &mut EventRoom) -> Self {
        Self {
            id: &policy.id,
            title: &policy.title,
            level: &policy.level,
            not_evaluable: policy.not_evaluable,
            occurrences: policy.review.iter().map(|it| OccurrenceView::of(it, room)).collect(),
        }
    }
}

impl<'a> OccurrenceView<'a> {
    fn of(occurrence: &'a Occurrence, room: &mut EventRoom) -> Self {
        let (event, event_missing) = match &occurrence.event {
            Some(text) => match room.take(text) {
                Some(event) => (Some(event), None),
                None => (None, Some("left out to keep this file small; it is in findings.jsonl and in the object named here")),
            },
            None => (None, Some(occurrence.event_missing.as_deref().unwrap_or("not kept"))),
        };
        Self {
            event_id: &occurrence.event_id,
            time: &occurrence.time,
            object: &occurrence.object,
            record: occurrence.record,
            offset: occurrence.offset,
            length: occurrence.length,
            sha256_128: &occurrence.sha256_128,
            show: &occurrence.show,
            matched: &occurrence.matched,
            event,
            event_missing,
            behind: occurrence.behind.as_ref(),
        }
    }
}

impl EventRoom {
    /// The event for people, if there is room for it.
    fn take(&mut self, text: &str) -> Option<String> {
        // What does not fit as it is will not fit with line breaks, and need not be parsed.
        let pretty = if text.len() > self.bytes { None } else { Some(event::pretty(text).unwrap_or_else(|| text.to_owned())) };
        let fits = pretty.filter(|pretty| pretty.len() <= self.bytes);
        match &fits {
            Some(pretty) => self.bytes -= pretty.len(),
            None => self.left_out += 1,
        }
        fits
    }
}

/// The findings in detail. Room for events goes to the first occurrence of every finding, then to the second, and so
/// on, so that a few findings with large events do not leave the others without any.
pub(super) fn findings<'a>(findings: impl IntoIterator<Item = &'a Finding>, room: &mut EventRoom) -> Vec<FindingView<'a>> {
    let findings: Vec<&Finding> = findings.into_iter().collect();
    let mut views: Vec<_> = findings.iter().copied().map(FindingView::without_occurrences).collect();
    let longest = findings.iter().map(|finding| finding.occurrences.len()).max().unwrap_or(0);
    for at in 0..longest {
        for (finding, view) in findings.iter().zip(&mut views) {
            view.occurrences.extend(finding.occurrences.get(at).map(|it| OccurrenceView::of(it, room)));
        }
    }
    views
}

impl<'a> FindingView<'a> {
    /// The same on a page that does not tell of policies.
    pub(super) fn without_policy(self) -> Self {
        Self { policy_link: None, ..self }
    }

    fn without_occurrences(finding: &'a Finding) -> Self {
        let behind = summary::behind(finding);
        Self {
            standing: Standing::of(finding),
            policy_link: Some(format!("#policy-{}", finding.policy)),
            fired_first: finding.correlated.as_ref().map(|it| it.fired_first.as_str()),
            fired_last: finding.correlated.as_ref().map(|it| it.fired_last.as_str()),
            fired_over: finding.correlated.as_ref().and_then(|it| it.over.as_deref()),
            fingerprint: &finding.fingerprint,
            policy: &finding.policy,
            title: &finding.title,
            level: &finding.level,
            account: &finding.account,
            region: &finding.region,
            group: &finding.group,
            first_seen: &finding.first_seen,
            last_seen: &finding.last_seen,
            period: words::period(&finding.first_seen, &finding.last_seen),
            count: finding.count,
            correlated: finding.correlated.as_ref(),
            remediation: &finding.remediation,
            behind: behind.first().copied(),
            behind_more: behind.len().saturating_sub(1),
            occurrences: Vec::with_capacity(finding.occurrences.len()),
            more: finding.count.saturating_sub(finding.occurrences.len() as u64),
        }
    }
}

impl<'a> RowView<'a> {
    fn of(finding: &'a Finding, pages: &[AccountPage]) -> Self {
        let page = pages.iter().find(|page| page.account == finding.account);
        Self {
            link: page.map(|page| format!("{}#f-{}", page.file, finding.fingerprint)),
            standing: Standing::of(finding),
            fingerprint: &finding.fingerprint,
            policy: &finding.policy,
            title: &finding.title,
            level: &finding.level,
            account: &finding.account,
            region: &finding.region,
            group: &finding.group,
            first_seen: &finding.first_seen,
            last_seen: &finding.last_seen,
            count: finding.count,
        }
    }
}
