//! Where findings stand among runs: new, ongoing, fixed, reopened, or lost from sight. Pure: what this run found, what the run
//! before reported, and what the evidence covers.

pub(crate) mod register;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use assize_engine::coverage::{Ask, CellEvidence, Reason};
use assize_engine::finding::{Finding, QUIET_GAP};
use assize_engine::policy::{Evidence, Policy};
use assize_engine::time;

use crate::report::{v1, words};
use register::{Entry, Register};

/// Most findings that went away which are listed; all are counted.
const MAX_GONE: usize = 1_000;

const DAY: i64 = 86_400;

/// What a run knows of its findings.
pub(crate) struct Scene<'a> {
    /// The run.
    pub(crate) run: &'a str,
    /// Its time, seconds since 1970.
    pub(crate) as_of: i64,
    /// The hours that it judged.
    pub(crate) hours: &'a Range<i64>,
    /// Its policies.
    pub(crate) policies: &'a [Policy],
    /// What is known of every cell in scope.
    pub(crate) cells: &'a BTreeMap<(String, String), CellEvidence>,
    /// The grade of evidence that counts.
    pub(crate) grade: Evidence,
    /// What the run before reported; none for the first one.
    pub(crate) before: Option<&'a Register>,
    /// A later register, which knows when findings were first reported; none for a run, which is the newest itself.
    pub(crate) later: Option<&'a Register>,
    /// Whether the run judges the whole scope over its usual period.
    pub(crate) whole: bool,
    /// Whether what is found is adopted as what was there when auditing began.
    pub(crate) baseline: bool,
}

/// Where a finding stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stand {
    /// `new`, `reopened`, `ongoing`, `fixed` or `lost`.
    pub(crate) state: &'static str,
    /// One sentence: why.
    pub(crate) statement: String,
    /// The run that reported it first, and its time.
    pub(crate) reported: (String, String),
    /// Whether it was adopted when auditing began.
    pub(crate) baseline: bool,
}

/// Where each finding stands, in the order of the findings.
pub(crate) fn stands(findings: &[Finding], scene: &Scene<'_>) -> Vec<Stand> {
    let known = by_fingerprint(scene.before);
    let later = by_fingerprint(scene.later);
    let mut earlier: HashMap<&str, &str> = HashMap::new();
    for entry in scene.entries() {
        let last = earlier.entry(&entry.subject).or_insert(&entry.last_seen);
        *last = (*last).max(&entry.last_seen);
    }
    let mut starts: HashMap<String, i64> = HashMap::new();
    let subjects: Vec<String> = findings.iter().map(|finding| subject(finding, scene.policies)).collect();
    for (finding, subject) in findings.iter().zip(&subjects) {
        let first = starts.entry(subject.clone()).or_insert(i64::MAX);
        *first = (*first).min(finding.first());
    }
    let stand = |(finding, subject): (&Finding, &String)| {
        if let Some(entry) = known.get(finding.fingerprint.as_str()) {
            let (state, statement) = goes_on(finding, scene);
            let reported = (entry.reported_by.clone(), entry.reported.clone());
            return Stand { state, statement, reported, baseline: entry.baseline };
        }
        let first = time::format(finding.first());
        let before = earlier.get(subject.as_str()).copied().filter(|last| *last < first.as_str());
        let in_period = starts.get(subject).is_some_and(|start| *start < finding.first());
        let (state, statement) = match (before, in_period, scene.before) {
            (Some(last), ..) => ("reopened", format!("the same was seen until {} and had ended", words::time(last))),
            (None, true, _) => ("reopened", "the same was seen earlier in the period and had ended".to_owned()),
            (None, false, Some(before)) => {
                ("new", format!("not among the findings of the run of {}", words::time(&before.as_of)))
            }
            (None, false, None) => ("new", "there is no run before to compare with".to_owned()),
        };
        let state = if scene.baseline { "ongoing" } else { state };
        let statement =
            if scene.baseline { "it was there when auditing began, and was adopted as it was".to_owned() } else { statement };
        let reported = match later.get(finding.fingerprint.as_str()) {
            Some(entry) => (entry.reported_by.clone(), entry.reported.clone()),
            None => (scene.run.to_owned(), time::format(scene.as_of)),
        };
        Stand { state, statement, reported, baseline: scene.baseline }
    };
    findings.iter().zip(&subjects).map(stand).collect()
}

/// Whether a finding that was reported before goes on, has ended, or cannot be told. It has ended if nothing of it was seen for
/// as long as an episode may be quiet, and every hour since then is covered.
fn goes_on(finding: &Finding, scene: &Scene<'_>) -> (&'static str, String) {
    let (ends, horizon) = (finding.ends(), scene.hours.end * 3600);
    let seen = words::time(&time::format(ends));
    if ends + QUIET_GAP >= horizon {
        return ("ongoing", format!("last seen {seen}, less than a day before the end of what is due"));
    }
    let Some(policy) = scene.policies.get(finding.policy) else { return ("lost", "its policy is not loaded".to_owned()) };
    let ask = Ask::of(policy, scene.grade, None);
    let since = ends.div_euclid(3600)..scene.hours.end;
    let mut unseen: BTreeMap<Reason, u64> = BTreeMap::new();
    for cell in &finding.cells {
        let Some(evidence) = scene.cells.get(cell) else {
            return ("lost", format!("{} in {} is not in scope any more", cell.0, cell.1));
        };
        for (reason, hours) in evidence.tally(since.clone(), &ask).unknown {
            *unseen.entry(reason).or_default() += hours;
        }
    }
    match unseen.iter().max_by_key(|(_, hours)| **hours) {
        None => ("fixed", format!("not seen since {seen}, and every hour since then is covered")),
        Some((reason, _)) => {
            let hours: u64 = unseen.values().sum();
            let hours = words::plural(hours, "hour", "hours");
            ("lost", format!("not seen since {seen}, but {hours} since then cannot be seen: {}", reason.words()))
        }
    }
}

/// Findings of the run before that are not there any more, worst first, and why.
pub(crate) fn gone(findings: &[Finding], scene: &Scene<'_>) -> Vec<v1::Gone> {
    let present: BTreeSet<&str> = findings.iter().map(|finding| finding.fingerprint.as_str()).collect();
    let policies: BTreeSet<&str> = scene.policies.iter().map(|policy| policy.id.as_str()).collect();
    let accounts: BTreeSet<&str> = scene.cells.keys().map(|(account, _)| account.as_str()).collect();
    let since = time::format(scene.hours.start * 3600);
    let why = |entry: &Entry| {
        if entry.last_seen < since {
            ("aged-out", format!("its last match, {}, lies before the period", words::time(&entry.last_seen)))
        } else if !policies.contains(entry.policy.as_str()) {
            ("lost", "its policy is not evaluated any more".to_owned())
        } else if !accounts.contains(entry.account.as_str()) {
            ("lost", "its account is not in scope any more".to_owned())
        } else {
            ("withdrawn", "evidence that came later, or a changed policy, explains it".to_owned())
        }
    };
    let missing = scene.entries().filter(|entry| !present.contains(entry.fingerprint.as_str()));
    let mut gone: Vec<v1::Gone> = missing
        .map(|entry| {
            let (state, statement) = why(entry);
            v1::Gone {
                fingerprint: entry.fingerprint.clone(),
                policy: entry.policy.clone(),
                title: entry.title.clone(),
                level: entry.level.clone(),
                account: entry.account.clone(),
                region: entry.region.clone(),
                first_seen: entry.first_seen.clone(),
                last_seen: entry.last_seen.clone(),
                state: state.to_owned(),
                statement,
            }
        })
        .collect();
    let rank = crate::report::summary::rank;
    gone.sort_by(|a, b| (rank(&a.level), &a.account, &a.fingerprint).cmp(&(rank(&b.level), &b.account, &b.fingerprint)));
    gone
}

/// What changed, in numbers and in a sentence. `unreviewed` and `overdue` are counted where the document is made.
pub(crate) fn changes(stands: &[Stand], mut gone: Vec<v1::Gone>, scene: &Scene<'_>) -> v1::Changes {
    let count = |state: &str| stands.iter().filter(|stand| stand.state == state).count() as u64;
    let [new, reopened, ongoing, fixed, lost] = ["new", "reopened", "ongoing", "fixed", "lost"].map(count);
    let gone_total = gone.len() as u64;
    let gone_lost = gone.iter().filter(|gone| gone.state == "lost").count() as u64;
    gone.truncate(MAX_GONE);
    let compared = match (scene.before, scene.baseline) {
        (_, true) => "Adopted as the baseline".to_owned(),
        (Some(before), _) => format!("Since the run of {}", words::time(&before.as_of)),
        (None, _) => "There is no run before to compare with".to_owned(),
    };
    let statement = format!(
        "{compared}: {new} new, {reopened} reopened, {ongoing} ongoing, {fixed} fixed, {} lost from sight, {} no longer in the \
         period or withdrawn.",
        lost + gone_lost,
        gone_total - gone_lost,
    );
    let (run, as_of) = scene.before.map(|before| (before.run.clone(), before.as_of.clone())).unzip();
    let lost = lost + gone_lost;
    v1::Changes { statement, run, as_of, new, reopened, ongoing, fixed, lost, gone, gone_total, unreviewed: 0, overdue: 0 }
}

/// Whole days from a finding's first match to `as_of`.
pub(crate) fn age_days(finding: &Finding, as_of: i64) -> u64 {
    u64::try_from((as_of - finding.first()).div_euclid(DAY)).unwrap_or(0)
}

/// The name of what a finding is about; of a policy that is not there, its fingerprint.
pub(crate) fn subject(finding: &Finding, policies: &[Policy]) -> String {
    policies.get(finding.policy).map_or_else(|| finding.fingerprint.clone(), |policy| finding.subject(policy))
}

fn by_fingerprint(register: Option<&Register>) -> HashMap<&str, &Entry> {
    register.iter().flat_map(|register| &register.findings).map(|entry| (entry.fingerprint.as_str(), entry)).collect()
}

impl Scene<'_> {
    /// What the run before reported.
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.before.iter().flat_map(|before| &before.findings)
    }
}

#[cfg(test)]
mod tests;
