//! Events over time by account, and matches over time by level.

use std::collections::BTreeMap;

use assize_engine::finding::Finding;
use assize_engine::partial::Partial;
use assize_engine::policy::{Level, Policy};
use assize_engine::time;

use super::v1;

/// Most accounts with a series of their own.
const MAX_ACCOUNTS: usize = 20;

/// Most event sources listed.
const MAX_SOURCES: usize = 20;

/// Most steps of the series; what is earlier is summed in the first one. Ten years of days.
const MAX_STEPS: i64 = 3_660;

/// Sums up the evaluated records.
pub(crate) fn of(partial: &Partial, findings: &[Finding], policies: &[Policy]) -> v1::Activity {
    let hours: Vec<i64> = partial.cells.values().flat_map(|cell| cell.hours.keys().copied()).collect();
    let (Some(&first), Some(&last)) = (hours.iter().min(), hours.iter().max()) else {
        return v1::Activity {
            step: "hour".to_owned(),
            times: Vec::new(),
            accounts: Vec::new(),
            levels: Vec::new(),
            sources: Vec::new(),
        };
    };
    // Three days of hours still make a readable picture.
    let (step, size) = if last - first < 72 { ("hour", 1) } else { ("day", 24) };
    let end = last.div_euclid(size);
    let begin = first.div_euclid(size).max(end - MAX_STEPS + 1);
    let steps = Steps { begin, end, size };
    v1::Activity {
        step: step.to_owned(),
        times: (begin..=end).map(|number| time::format(number * size * 3600)).collect(),
        accounts: accounts(partial, &steps),
        levels: levels(findings, policies, &steps),
        sources: sources(partial),
    }
}

/// Steps of `size` hours, numbered since 1970.
struct Steps {
    begin: i64,
    end: i64,
    size: i64,
}

impl Steps {
    fn empty(&self) -> Vec<u64> {
        vec![0; usize::try_from(self.end - self.begin + 1).unwrap_or(0)]
    }

    fn add(&self, counts: &mut [u64], hour: i64, count: u64) {
        let step = (hour.div_euclid(self.size) - self.begin).max(0);
        if let Some(slot) = usize::try_from(step).ok().and_then(|step| counts.get_mut(step)) {
            *slot += count;
        }
    }
}

fn accounts(partial: &Partial, steps: &Steps) -> Vec<v1::Series> {
    let mut by_account: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for ((account, _), cell) in &partial.cells {
        let counts = by_account.entry(account).or_insert_with(|| steps.empty());
        for (hour, count) in &cell.hours {
            steps.add(counts, *hour, *count);
        }
    }
    let mut series: Vec<v1::Series> =
        by_account.into_iter().map(|(label, counts)| v1::Series { label: label.to_owned(), counts }).collect();
    let total = |one: &v1::Series| one.counts.iter().sum::<u64>();
    series.sort_by(|a, b| total(b).cmp(&total(a)).then_with(|| a.label.cmp(&b.label)));
    if series.len() > MAX_ACCOUNTS {
        let rest = series.split_off(MAX_ACCOUNTS);
        let mut others = v1::Series { label: "others".to_owned(), counts: steps.empty() };
        for one in rest {
            others.counts.iter_mut().zip(one.counts).for_each(|(sum, count)| *sum += count);
        }
        series.push(others);
    }
    series
}

fn levels(findings: &[Finding], policies: &[Policy], steps: &Steps) -> Vec<v1::Series> {
    let mut by_level: BTreeMap<Level, Vec<u64>> = BTreeMap::new();
    for finding in findings {
        let Some(policy) = policies.get(finding.policy) else { continue };
        let counts = by_level.entry(policy.level).or_insert_with(|| steps.empty());
        for hit in &finding.hits {
            steps.add(counts, hit.time.div_euclid(3600), 1);
        }
    }
    by_level.into_iter().rev().map(|(level, counts)| v1::Series { label: level.name().to_owned(), counts }).collect()
}

fn sources(partial: &Partial) -> Vec<v1::Count> {
    let mut by_source: BTreeMap<&str, u64> = BTreeMap::new();
    for cell in partial.cells.values() {
        for (source, count) in &cell.sources {
            *by_source.entry(source).or_default() += count;
        }
    }
    let mut sources: Vec<v1::Count> =
        by_source.into_iter().map(|(label, count)| v1::Count { label: label.to_owned(), count }).collect();
    sources.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));
    sources.truncate(MAX_SOURCES);
    sources
}
