//! What matches tell when they are counted: by day, account, environment and actor, where most of them come from, and what would
//! be left without that.

use std::collections::BTreeMap;

use assize_engine::correlation::Known;
use assize_engine::evaluate::CUT;
use assize_engine::finding;
use assize_engine::partial::{GroupKey, Groups, Hit, Partial, PolicyPartial, ordered};
use assize_engine::policy::{Correlation, FieldPath, Policy};
use assize_engine::record::AccountList;
use assize_engine::time;

use super::super::literally;
use super::{DAY, HOUR};
use crate::report::backtest::{Account, Backtest, Backtested, Day, Filter, Share, Source, VERSION};
use crate::role::text::Tree;
use crate::role::yaml;

/// Fields by which matches are told apart, besides those of the policy.
const FIELDS: [&str; 6] = [
    "userIdentity.sessionContext.sessionIssuer.arn",
    "userIdentity.arn",
    "userIdentity.invokedBy",
    "sourceIPAddress",
    "userAgent",
    "eventName",
];

/// Who made a call: the first of these that is there.
const ACTOR: [&str; 2] = ["userIdentity.arn", "userIdentity.invokedBy"];

/// No exception may rest on these: whoever makes a call can claim to be any agent, and the call itself is what the policy is about.
const NO_EXCEPTION: [&str; 2] = ["userAgent", "eventName"];

/// A filter is suggested if it takes out at least one match of so many.
const LEAST_SHARE: u64 = 5;

/// Entries shown of accounts, actors and sources; all are counted.
const SHOWN: usize = 5;

/// The policy with matches grouped by our fields too, behind its own.
pub(super) fn widened(policy: &Policy) -> Policy {
    let mut wide = policy.clone();
    // What is new is told of every call: with more fields nearly each would be a group of its own.
    if wide.correlation.as_ref().is_some_and(Correlation::needs_only_first) {
        return wide;
    }
    let kept = wide.correlation.as_mut().map_or(&mut wide.group_by, |correlation| &mut correlation.fields);
    let more: Vec<FieldPath> = FIELDS.map(FieldPath::new).into_iter().filter(|field| !kept.contains(field)).collect();
    kept.extend(more);
    wide
}

/// The fields whose values are kept with each match.
fn kept(policy: &Policy) -> &[FieldPath] {
    policy.correlation.as_ref().map_or(&policy.group_by, |correlation| &correlation.fields)
}

/// Matches of one wide group, each record once.
struct Group<'w> {
    key: GroupKey,
    hits: Vec<Hit>,
    /// The fields of the values.
    fields: &'w [FieldPath],
    /// How many of them are the policy's own.
    own: usize,
}

impl Group<'_> {
    fn value(&self, field: &str) -> Option<&str> {
        let at = self.fields.iter().position(|known| known.written == field)?;
        self.key.values.get(at)?.as_deref()
    }

    fn count(&self) -> u64 {
        self.hits.len() as u64
    }
}

/// Counts the matches of policies that were evaluated [`widened`], as `wide`. Takes the matches out of `partial`. `known`: the times
/// of which everything was read.
pub(super) fn backtest(
    (policies, wide): (&[Policy], &[Policy]),
    accounts: &AccountList,
    known: &Known,
    partial: &mut Partial,
) -> Backtest {
    let mut results = Vec::new();
    for (index, (policy, wide)) in policies.iter().zip(wide).enumerate() {
        let taken = partial.policies.get_mut(index).map(std::mem::take).unwrap_or_default();
        let population = finding::population(index, policy, partial);
        results.push(one((policy, wide), (accounts, known), taken, population));
    }
    results.sort_by(|a, b| b.findings.cmp(&a.findings).then(b.matches.cmp(&a.matches)).then_with(|| a.id.cmp(&b.id)));
    let cells = || partial.cells.values().filter(|cell| cell.evaluated > 0);
    let (first, last) = (cells().map(|cell| cell.first).min(), cells().map(|cell| cell.last).max());
    Backtest {
        version: VERSION,
        first: first.map(time::format),
        last: last.map(time::format),
        days: first.zip(last).map_or(0, |(first, last)| (last.div_euclid(DAY) - first.div_euclid(DAY) + 1).unsigned_abs()),
        records_read: partial.records.read,
        records_evaluated: partial.records.evaluated,
        records_malformed: partial.records.malformed,
        policies: results,
        ..Backtest::default()
    }
}

fn one(
    (policy, wide): (&Policy, &Policy),
    (accounts, known): (&AccountList, &Known),
    taken: PolicyPartial,
    (population, population_of): (u64, String),
) -> Backtested {
    let (own, fields) = (kept(policy).len(), kept(wide));
    let only_first = wide.correlation.as_ref().is_some_and(Correlation::needs_only_first);
    let group = |(key, hits)| {
        let mut hits = finding::distinct(hits);
        if only_first {
            // Each thread kept the first of every hour; which of them others read as well must not show.
            hits.dedup_by_key(|hit| hit.time.div_euclid(HOUR));
        }
        Group { key, hits, fields, own }
    };
    let groups: Vec<Group> = ordered(taken.groups).into_iter().map(group).collect();
    let findings = findings(policy, groups.iter(), known);
    let matches = groups.iter().map(Group::count).sum();
    let sources = sources(&groups);
    let filter = filter((policy, known), &groups, &sources, (findings.len() as u64, matches));
    let unknown = || "unknown".to_owned();
    let actor = |group: &Group| ACTOR.iter().find_map(|field| group.value(field)).map_or_else(unknown, str::to_owned);
    let actors = shares(&groups, actor);
    let by_account = shares(&groups, |group| group.key.account.clone());
    let environment = |group: &Group| {
        accounts.get(&group.key.account).map(|facts| facts.env.clone()).filter(|env| !env.is_empty()).unwrap_or_else(unknown)
    };
    let account = |share: &Share| Account {
        account: share.value.clone(),
        name: accounts.get(&share.value).map(|facts| facts.name.clone()),
        matches: share.matches,
    };
    Backtested {
        id: policy.id.clone(),
        lacking: policy.lacking(),
        level: policy.level.name(),
        title: policy.title.clone(),
        findings: findings.len() as u64,
        matches,
        not_evaluable: finding::distinct(taken.not_evaluable).len() as u64,
        population,
        population_of,
        coverage: None,
        days: days(&groups, &findings),
        accounts_total: by_account.len() as u64,
        accounts: by_account.iter().take(SHOWN).map(account).collect(),
        environments: if accounts.is_empty() { Vec::new() } else { shares(&groups, environment) },
        actors_total: actors.len() as u64,
        actors: actors.into_iter().take(SHOWN).collect(),
        sources: sources.into_iter().take(SHOWN).collect(),
        filter,
    }
}

/// The findings of one policy: the times at which they begin. The wide groups are put together again as the policy groups.
fn findings<'g>(policy: &Policy, groups: impl Iterator<Item = &'g Group<'g>>, known: &Known) -> Vec<i64> {
    let mut own = Groups::new();
    for group in groups {
        let mut key = group.key.clone();
        // What a correlation over several rules keeps last says which of them it was.
        let legs = policy.correlation.as_ref().filter(|correlation| correlation.legs.len() > 1);
        let last = legs.and_then(|_| key.values.pop());
        key.values.truncate(group.own);
        key.values.extend(last);
        own.entry(key).or_default().extend(group.hits.iter().cloned());
    }
    let mut partial = Partial::new(1);
    if let Some(result) = partial.policies.first_mut() {
        result.groups = own;
    }
    finding::findings(std::slice::from_ref(policy), &mut partial, known).iter().map(finding::Finding::first).collect()
}

/// Matches by what `of` gives, most first.
fn shares(groups: &[Group], of: impl Fn(&Group) -> String) -> Vec<Share> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for group in groups {
        *counts.entry(of(group)).or_default() += group.count();
    }
    let mut shares: Vec<Share> = counts.into_iter().map(|(value, matches)| Share { value, matches }).collect();
    // Stable: among equals the order of the values stays.
    shares.sort_by_key(|share| std::cmp::Reverse(share.matches));
    shares
}

fn days(groups: &[Group], findings: &[i64]) -> Vec<Day> {
    let mut days: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for hit in groups.iter().flat_map(|group| &group.hits) {
        days.entry(hit.time.div_euclid(DAY)).or_default().0 += 1;
    }
    for begin in findings {
        days.entry(begin.div_euclid(DAY)).or_default().1 += 1;
    }
    let day = |(day, (matches, findings)): (i64, (u64, u64))| Day {
        day: time::format(day * DAY).chars().take(10).collect(),
        matches,
        findings,
    };
    days.into_iter().map(day).collect()
}

/// The value of each field that most matches have in common, the most common first. A field that has only one value in all matches
/// because the policy asks for that value explains nothing, and an event name is such a field.
fn sources(groups: &[Group]) -> Vec<Source> {
    let matches: u64 = groups.iter().map(Group::count).sum();
    let mut sources = Vec::new();
    for field in FIELDS {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for group in groups {
            if let Some(value) = group.value(field) {
                *counts.entry(value).or_default() += group.count();
            }
        }
        let top = counts.into_iter().max_by(|(a, one), (b, other)| one.cmp(other).then_with(|| b.cmp(a)));
        let Some((value, count)) = top.filter(|(_, count)| *count > 1) else { continue };
        if field != "eventName" || count < matches {
            sources.push(Source { field: field.to_owned(), value: value.to_owned(), matches: count });
        }
    }
    // Stable: among equals the field that AWS vouches for most comes first.
    sources.sort_by_key(|source| std::cmp::Reverse(source.matches));
    sources
}

/// A filter for the first source that an exception may rest on, and what would be left.
fn filter(
    (policy, known): (&Policy, &Known),
    groups: &[Group],
    sources: &[Source],
    (findings_of, matches_of): (u64, u64),
) -> Option<Filter> {
    // A filter names rules; a correlation over others is none.
    let itself = |correlation: &Correlation| correlation.legs.iter().all(|leg| leg.rule == policy.id);
    if !policy.correlation.as_ref().is_none_or(itself) {
        return None;
    }
    let worth = |source: &&Source| source.matches * LEAST_SHARE >= matches_of;
    let fit = |source: &&Source| !NO_EXCEPTION.contains(&source.field.as_str()) && !source.value.contains(CUT);
    let source = sources.iter().find(fit).filter(worth)?;
    let filtered = |group: &&Group| group.value(&source.field).is_none_or(|value| !same(value, &source.value));
    let left: Vec<&Group> = groups.iter().filter(filtered).collect();
    let document = Tree::map([
        ("title", Tree::Text(format!("{} without a known source", policy.id))),
        ("id", Tree::Text(format!("{}-known", policy.id.chars().take(90).collect::<String>()))),
        ("logsource", Tree::map([("product", Tree::text("aws")), ("service", Tree::text("cloudtrail"))])),
        (
            "filter",
            Tree::map([
                ("rules", Tree::List(vec![Tree::text(&policy.id)])),
                ("selection", Tree::Map(vec![(source.field.clone(), Tree::Text(literally(&source.value)))])),
                ("condition", Tree::text("not selection")),
            ]),
        ),
    ]);
    let matches: u64 = left.iter().map(|group| group.count()).sum();
    let remaining = findings(policy, left.into_iter(), known).len() as u64;
    Some(Filter {
        field: source.field.clone(),
        value: source.value.clone(),
        findings_of,
        findings_left: remaining,
        matches_of,
        matches_left: matches,
        document: yaml::write(&document),
    })
}

/// Whether a detection takes the values for the same: case is ignored.
fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}
