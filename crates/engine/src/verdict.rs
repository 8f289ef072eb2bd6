//! What a policy says of each account, or account and region, over a period: PASS, FAIL, UNKNOWN with its reasons, or not
//! applicable. Missing is never passed: a PASS needs every hour of every cell it speaks for.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::coverage::{Ask, CellEvidence, Hours, Reason, Tally};
use crate::finding::Finding;
use crate::partial::Partial;
use crate::policy::{Evidence, Per, Policy, Require, WindowKind};

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing that must not be was found on complete evidence, or what must be was found.
    Pass,
    /// Found what must not be, or not found what must be on complete evidence.
    Fail,
    /// What must not be was found, and somebody accepts all of it; on complete evidence.
    Waived,
    /// Not known, and why: hours by reason; 0 for a reason that has no hours of its own.
    Unknown(BTreeMap<Reason, u64>),
    /// Nothing was due.
    NotApplicable,
}

impl Verdict {
    /// The name in output.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Pass => "PASS",
            Verdict::Fail => "FAIL",
            Verdict::Waived => "WAIVED",
            Verdict::Unknown(_) => "UNKNOWN",
            Verdict::NotApplicable => "NOT_APPLICABLE",
        }
    }
}

/// A verdict and the cell it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellVerdict {
    /// The account; `None` for the organisation.
    pub account: Option<String>,
    /// The region; `None` for all of them.
    pub region: Option<String>,
    /// What is said.
    pub verdict: Verdict,
    /// Hours that the evidence covers, and those it does not.
    pub hours: Tally,
    /// Findings of the policy in this cell.
    pub findings: u64,
    /// Those of them that are accepted.
    pub waived: u64,
}

/// What verdicts are made from.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Every cell in scope, by account and region.
    pub cells: &'a BTreeMap<(String, String), CellEvidence>,
    /// The hours to judge.
    pub hours: &'a Range<i64>,
    /// The findings of the period, of all policies.
    pub findings: &'a [Finding],
    /// Fingerprints of those that somebody accepts: they fail nothing.
    pub waived: &'a BTreeSet<String>,
    /// The merged results of the period.
    pub partial: &'a Partial,
    /// Hours that hold records which a policy, by index, was not evaluated over.
    pub not_backfilled: &'a BTreeMap<usize, Hours>,
    /// The grade of evidence that a PASS needs where a policy does not say.
    pub grade: Evidence,
}

/// The verdicts of one policy, by cell.
pub fn verdicts(index: usize, policy: &Policy, case: &Case<'_>) -> Vec<CellVerdict> {
    let ask = Ask::of(policy, case.grade, case.not_backfilled.get(&index));
    let mut groups: BTreeMap<Place<'_>, Tally> = BTreeMap::new();
    let mut without_baseline: BTreeSet<Place<'_>> = BTreeSet::new();
    for ((account, region), cell) in case.cells {
        let tally = groups.entry(place(policy.per, account, region)).or_default();
        tally.add(&cell.tally(case.hours.clone(), &ask));
        if lacks_baseline(policy, cell, case.hours) {
            without_baseline.insert(place(policy.per, account, region));
        }
    }
    let mut findings: BTreeMap<Place<'_>, (u64, u64)> = BTreeMap::new();
    for finding in case.findings.iter().filter(|finding| finding.policy == index) {
        // A correlation may fire over matches of several accounts: it is found in each.
        let places: BTreeSet<Place<'_>> =
            finding.cells.iter().map(|(account, region)| place(policy.per, account, region)).collect();
        let waived = u64::from(case.waived.contains(&finding.fingerprint));
        for place in places {
            let (all, accepted) = findings.entry(place).or_default();
            (*all, *accepted) = (*all + 1, *accepted + waived);
        }
    }
    let results = case.partial.policies.get(index);
    let matched: BTreeSet<Place<'_>> = results
        .into_iter()
        .flat_map(|results| results.groups.keys())
        .map(|group| place(policy.per, &group.account, &group.region))
        .collect();
    // A record that could not be judged carries its cell in no place but itself, so it speaks for every cell.
    let not_evaluable = results.is_some_and(|results| !results.not_evaluable.is_empty());
    let exceeded = results.is_some_and(|results| results.exceeded);
    let judge = |(place, hours): (Place<'_>, Tally)| {
        let (findings, waived) = findings.get(&place).copied().unwrap_or_default();
        let mut reasons = hours.unknown.clone();
        let without_hours = [
            (not_evaluable, Reason::NotEvaluable),
            (exceeded, Reason::LimitExceeded),
            (!policy.unconfigured.is_empty(), Reason::NeedsConfiguration),
            (without_baseline.contains(&place), Reason::NoBaseline),
        ];
        for (_, reason) in without_hours.into_iter().filter(|(holds, _)| *holds) {
            reasons.entry(reason).or_default();
        }
        let verdict = match policy.require {
            _ if hours.due == 0 && findings == 0 => Verdict::NotApplicable,
            Require::None if findings > waived => Verdict::Fail,
            Require::Any if matched.contains(&place) => Verdict::Pass,
            _ if !reasons.is_empty() => Verdict::Unknown(reasons),
            Require::None if findings > 0 => Verdict::Waived,
            Require::None => Verdict::Pass,
            Require::Any => Verdict::Fail,
        };
        let (account, region) = (place.0.map(str::to_owned), place.1.map(str::to_owned));
        CellVerdict { account, region, verdict, hours, findings, waived }
    };
    groups.into_iter().map(judge).collect()
}

/// Whether what is new cannot be told in some due hour, because the time to compare with was not collected whole.
fn lacks_baseline(policy: &Policy, cell: &CellEvidence, hours: &Range<i64>) -> bool {
    let Some(correlation) = policy.correlation.as_ref().filter(|correlation| correlation.needs_only_first()) else {
        return false;
    };
    let from = (hours.start * 3600 - correlation.reach()).div_euclid(3600);
    (from..hours.start).any(|hour| !cell.collected.contains(hour) && !cell.not_applicable.contains(hour))
}

/// The hours in which what a finding awaited in vain may have come, and how far they are covered: from its matches on, in every account and
/// region that can hold the answer. None of a policy that awaits nothing, and where no such account or region is in scope.
pub fn awaited(
    finding: &Finding,
    policy: &Policy,
    cells: &BTreeMap<(String, String), CellEvidence>,
    ask: &Ask<'_>,
) -> Option<Tally> {
    let window = &policy.correlation.as_ref().filter(|it| it.window.kind == WindowKind::NotFollowedBy)?.window;
    let grouped = |fields: &[&str]| {
        let at = window.group_by.iter().position(|name| fields.contains(&name.as_str()))?;
        finding.group.values.get(at)?.as_deref()
    };
    // What else the matches are parted by may stand in any record.
    let (account, region) = (grouped(&["recipientAccountId", "account.id"]), grouped(&["awsRegion"]));
    let mut hours = Hours::new();
    for hit in &finding.hits {
        hours.add(hit.time.div_euclid(3600)..(hit.time + window.timespan).div_euclid(3600) + 1);
    }
    let asked = cells
        .iter()
        .filter(|((of, place), _)| account.is_none_or(|account| account == of) && region.is_none_or(|region| region == place));
    let mut tally = None;
    for (_, cell) in asked {
        let tally = tally.get_or_insert_with(Tally::default);
        hours.ranges().for_each(|range| tally.add(&cell.tally(range, ask)));
    }
    tally
}

/// Account and region that a verdict is about; none: all.
type Place<'a> = (Option<&'a str>, Option<&'a str>);

fn place<'a>(per: Per, account: &'a str, region: &'a str) -> Place<'a> {
    match per {
        Per::Organization => (None, None),
        Per::Account => (Some(account), None),
        Per::Region => (Some(account), Some(region)),
    }
}

/// One verdict of many: a failure outweighs what is not known, which outweighs what is accepted, which outweighs a pass.
pub fn overall<'v>(verdicts: impl IntoIterator<Item = &'v Verdict>) -> Verdict {
    let (mut reasons, mut names) = (BTreeMap::new(), BTreeSet::new());
    for verdict in verdicts {
        names.insert(verdict.name());
        if let Verdict::Unknown(theirs) = verdict {
            for (reason, hours) in theirs {
                *reasons.entry(*reason).or_default() += hours;
            }
        }
    }
    if names.contains("FAIL") {
        Verdict::Fail
    } else if names.contains("UNKNOWN") {
        Verdict::Unknown(reasons)
    } else if names.contains("WAIVED") {
        Verdict::Waived
    } else if names.contains("PASS") {
        Verdict::Pass
    } else {
        Verdict::NotApplicable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::Recording;
    use crate::partial::GroupKey;
    use crate::policy;

    fn policy(extra: &str) -> Policy {
        let text = format!(
            "id: p\ntitle: t\nlevel: high\nlogsource: {{product: aws, service: cloudtrail}}\nneeds: {{category: management}}\n\
             detection: {{a: {{eventName: X}}, condition: a}}\n{extra}"
        );
        let mut loaded = policy::load([("p.yaml", text.as_str())]);
        assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
        loaded.policies.remove(0)
    }

    fn cells() -> BTreeMap<(String, String), CellEvidence> {
        let whole = CellEvidence {
            collected: Hours::of(0..10),
            recorded: vec![(0, Some(Recording::management()))],
            ..CellEvidence::default()
        };
        let denied = CellEvidence { blocked: Some(Reason::Denied), ..CellEvidence::default() };
        let key = |account: &str| (account.to_owned(), "r".to_owned());
        BTreeMap::from([(key("1"), whole), (key("2"), denied)])
    }

    fn finding(account: &str) -> Finding {
        let group = GroupKey { account: account.to_owned(), region: "r".to_owned(), values: vec![] };
        let cells = vec![(group.account.clone(), group.region.clone())];
        Finding { policy: 0, fingerprint: String::new(), group, cells, hits: vec![], fired: None }
    }

    fn names(policy: &Policy, findings: &[Finding], partial: &Partial, missing: &BTreeMap<usize, Hours>) -> Vec<&'static str> {
        let (cells, grade) = (cells(), Evidence::Delivered);
        let waived = BTreeSet::from(["accepted".to_owned()]);
        let case = Case { cells: &cells, hours: &(0..10), findings, waived: &waived, partial, not_backfilled: missing, grade };
        verdicts(0, policy, &case).iter().map(|verdict| verdict.verdict.name()).collect()
    }

    #[test]
    fn a_pass_needs_every_hour_and_a_finding_does_not() {
        let (plain, none) = (Partial::new(1), BTreeMap::new());
        assert_eq!(names(&policy(""), &[], &plain, &none), ["PASS", "UNKNOWN"]);
        assert_eq!(names(&policy(""), &[finding("1"), finding("2")], &plain, &none), ["FAIL", "FAIL"]);
        assert_eq!(names(&policy("per: organization\n"), &[], &plain, &none), ["UNKNOWN"]);
        // What is accepted does not fail, and is no pass either; where not everything was seen, nobody knows.
        let accepted = |account| Finding { fingerprint: "accepted".to_owned(), ..finding(account) };
        assert_eq!(names(&policy(""), &[accepted("1"), accepted("2")], &plain, &none), ["WAIVED", "UNKNOWN"]);
        assert_eq!(names(&policy(""), &[accepted("1"), finding("1")], &plain, &none), ["FAIL", "UNKNOWN"]);
        assert_eq!(names(&policy("evidence: verified\n"), &[], &plain, &none), ["UNKNOWN", "UNKNOWN"]);
        let mut proven = cells();
        proven.values_mut().for_each(|cell| cell.proven = vec![(Recording::management(), Hours::of(0..10))]);
        let case = Case {
            cells: &proven,
            hours: &(0..10),
            findings: &[],
            waived: &BTreeSet::new(),
            partial: &plain,
            not_backfilled: &none,
            grade: Evidence::Verified,
        };
        let strict = verdicts(0, &policy(""), &case);
        let said: Vec<_> = strict.iter().map(|cell| (cell.verdict.name(), cell.hours.grade())).collect();
        assert_eq!(said, [("PASS", Some(Evidence::Verified)), ("UNKNOWN", None)]);
        let late = BTreeMap::from([(0, Hours::of(3..4))]);
        assert_eq!(names(&policy(""), &[], &plain, &late), ["UNKNOWN", "UNKNOWN"]);
    }

    #[test]
    fn what_is_required_fails_only_on_complete_evidence() {
        let required = policy("require: any\n");
        let mut partial = Partial::new(1);
        assert_eq!(names(&required, &[], &partial, &BTreeMap::new()), ["FAIL", "UNKNOWN"]);
        let group = GroupKey { account: "2".to_owned(), region: "r".to_owned(), values: vec![] };
        partial.policies.iter_mut().for_each(|results| drop(results.groups.insert(group.clone(), vec![])));
        assert_eq!(names(&required, &[], &partial, &BTreeMap::new()), ["FAIL", "PASS"]);
    }

    #[test]
    fn unknown_outweighs_a_pass_and_a_failure_outweighs_both() {
        let unknown = Verdict::Unknown(BTreeMap::from([(Reason::Denied, 3)]));
        assert_eq!(overall([&Verdict::Pass, &unknown, &unknown]), Verdict::Unknown(BTreeMap::from([(Reason::Denied, 6)])));
        assert_eq!(overall([&unknown, &Verdict::Fail]), Verdict::Fail);
        assert_eq!(overall([&Verdict::Pass, &Verdict::NotApplicable]), Verdict::Pass);
        assert_eq!(overall([&Verdict::Pass, &Verdict::Waived, &Verdict::Pass]), Verdict::Waived);
        assert_eq!(overall([&Verdict::Waived, &unknown]).name(), "UNKNOWN");
        assert_eq!(overall([]), Verdict::NotApplicable);
    }

    #[test]
    fn what_was_awaited_may_have_come_where_nothing_is_covered() {
        let rule = |id: &str| {
            format!(
                "---\nid: {id}\ntitle: t\nlevel: low\nlogsource: {{product: aws, service: cloudtrail}}\ndetection: {{a: {{eventName: {id}}}, condition: a}}\n"
            )
        };
        let awaiting = |group_by: &str| {
            let text = format!(
                "id: p\ntitle: t\nlevel: high\ncorrelation: {{type: not_followed_by, rules: [a, b], timespan: 1h, group-by: {group_by}}}\n{}{}",
                rule("a"),
                rule("b")
            );
            policy::load([("p.yaml", text.as_str())]).policies.remove(0)
        };
        let mut cells = cells();
        cells.retain(|(account, _), _| account == "1");
        let holed =
            CellEvidence { holes: vec![(Hours::of(3..4), Reason::ObjectFailed)], ..cells.values().next().unwrap().clone() };
        cells.insert(("1".to_owned(), "holed".to_owned()), holed);
        let ask = Ask::any(Evidence::Delivered);
        let found = |group_by: &str, values: &[&str], time: i64| {
            let hits = vec![hit(time)];
            let values = values.iter().map(|value| Some((*value).to_owned())).collect();
            let group = GroupKey { account: "1".into(), region: "a".into(), values };
            let finding = Finding { group, hits, ..finding("1") };
            awaited(&finding, &awaiting(group_by), &cells, &ask).map(|tally| (tally.due, tally.due - tally.covered()))
        };
        let all = cells.len() as u64;
        assert_eq!(found("[eventName]", &["x"], 2 * 3600), Some((2 * all, 1)), "anywhere, in this hour or the next");
        assert_eq!(found("[eventName]", &["x"], 4 * 3600), Some((2 * all, 0)), "the hole was before");
        assert_eq!(found("[recipientAccountId, awsRegion]", &["1", "holed"], 3 * 3600), Some((2, 1)));
        assert_eq!(found("[awsRegion, account.id]", &["holed", "1"], 1800), Some((2, 0)));
        assert_eq!(found("[recipientAccountId]", &["9"], 3 * 3600), None, "an account that is not in scope");
        assert_eq!(awaited(&finding("1"), &policy(""), &cells, &ask), None, "a policy that awaits nothing");
    }

    fn hit(time: i64) -> crate::partial::Hit {
        crate::partial::Hit {
            time,
            event_id: "id".into(),
            digest: crate::identity::RecordDigest::of(b"id"),
            object: "object".into(),
            place: crate::decode::Place { index: 0, offset: 0 },
            length: 1,
        }
    }
}
