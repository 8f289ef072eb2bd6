//! Makes findings from merged results: one per policy, account, region, group and episode.
//!
//! An episode ends after a day without a match, so that something that goes on is one finding, and something that
//! comes back is a new one. A correlation's matches are findings only where they make it fire ([`crate::correlation`]). A
//! finding's fingerprint rests on nothing but what is in the records.

use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::candidates;
use crate::correlation::{self, Episode, Fired, Known};
use crate::identity::RecordDigest;
use crate::partial::{GroupKey, Hit, Partial, PolicyPartial};
use crate::policy::{Policy, Population, Require};

/// Seconds without a match after which an episode is over.
pub const QUIET_GAP: i64 = 24 * 3600;

/// One group of matches in one episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Index of the policy.
    pub policy: usize,
    /// 32 hexadecimal digits.
    pub fingerprint: String,
    /// Account, region and group values; of several accounts and regions those of the first match.
    pub group: GroupKey,
    /// Every account and region of a match, each once, ascending.
    pub cells: Vec<(String, String)>,
    /// Every matching record once, in time order, with the first of its places.
    pub hits: Vec<Hit>,
    /// How a correlation fired; `None` of a policy whose matches speak for themselves.
    pub fired: Option<Fired>,
}

impl Finding {
    fn new(index: usize, policy: &Policy, group: GroupKey, hits: Vec<Hit>) -> Finding {
        let first = hits.first().map_or(0, |hit| hit.time);
        let fingerprint = fingerprint(&policy.id, &group, first);
        let cells = vec![(group.account.clone(), group.region.clone())];
        Finding { policy: index, fingerprint, group, cells, hits, fired: None }
    }

    fn fired(index: usize, policy: &Policy, episode: Episode) -> Finding {
        let Episode { group, cells, hits, fired } = episode;
        Finding { cells, fired: Some(fired), ..Finding::new(index, policy, group, hits) }
    }

    /// Time of the earliest match.
    pub fn first(&self) -> i64 {
        self.hits.first().map_or(0, |hit| hit.time)
    }

    /// Time of the latest match.
    pub fn last(&self) -> i64 {
        self.hits.last().map_or(0, |hit| hit.time)
    }

    /// Time of the latest match, or at which a correlation last held if that is later: what is awaited is missing after the
    /// match that should have had it.
    pub fn ends(&self) -> i64 {
        self.fired.as_ref().map_or(self.last(), |fired| self.last().max(fired.last))
    }

    /// What it is about, whenever it happens: two findings of one subject are the same coming back. 32 hexadecimal digits, from
    /// policy, account, region and group.
    pub fn subject(&self, policy: &Policy) -> String {
        named(&policy.id, &self.group, None)
    }

    /// The earliest `count` matches and the latest.
    pub fn sample(&self, count: usize) -> impl Iterator<Item = &Hit> {
        let latest = (self.hits.len() > count).then(|| self.hits.last()).flatten();
        self.hits.iter().take(count).chain(latest)
    }
}

/// Makes the findings of all policies: most severe first, then by account, region, policy and start. `known`: the times of which
/// all events are known; what must be followed by something is awaited after them, and nothing is new before there is a time to
/// compare with.
///
/// Takes the matches out of `partial`, except those of policies that require a match: they are what should be there. The
/// records that could not be judged stay, each once.
pub fn findings(policies: &[Policy], partial: &mut Partial, known: &Known) -> Vec<Finding> {
    let mut all = Vec::new();
    for (index, (policy, result)) in policies.iter().zip(&mut partial.policies).enumerate() {
        result.not_evaluable = distinct(std::mem::take(&mut result.not_evaluable));
        if policy.require == Require::Any {
            continue;
        }
        let groups = std::mem::take(&mut result.groups);
        if let Some(correlation) = &policy.correlation {
            let fired = correlation::episodes(correlation, groups, known).into_iter();
            all.extend(fired.map(|episode| Finding::fired(index, policy, episode)));
            continue;
        }
        for (group, hits) in groups {
            for episode in episodes(distinct(hits)) {
                all.push(Finding::new(index, policy, group.clone(), episode));
            }
        }
    }
    let rank = |finding: &Finding| policies.get(finding.policy).map(|policy| (std::cmp::Reverse(policy.level), &policy.id));
    all.sort_by(|a, b| {
        let (left, right) = (rank(a), rank(b));
        left.map(|(level, _)| level)
            .cmp(&right.map(|(level, _)| level))
            .then_with(|| a.group.account.cmp(&b.group.account))
            .then_with(|| a.group.region.cmp(&b.group.region))
            .then_with(|| left.map(|(_, id)| id).cmp(&right.map(|(_, id)| id)))
            .then_with(|| a.first().cmp(&b.first()))
            .then_with(|| a.fingerprint.cmp(&b.fingerprint))
    });
    all
}

/// How far before a period matches are needed to know where findings that last into it begin, seconds since 1970 UTC; `None` if
/// what was read is enough. Matches are known from `read.start` on, and the period begins at `read.end`. The start of a finding
/// is part of its fingerprint, so it must be known however long ago it was.
pub fn needed_from(policies: &[Policy], partial: &Partial, read: &Range<i64>) -> Option<i64> {
    let of_one = |(policy, result): (&Policy, &PolicyPartial)| match &policy.correlation {
        Some(correlation) => correlation::needed_from(correlation, &result.groups, read),
        None => {
            let early = |hit: &Hit| hit.time - read.start <= QUIET_GAP;
            result.groups.values().flatten().any(early).then(|| read.start - STEP)
        }
    };
    policies.iter().zip(&partial.policies).filter_map(of_one).min()
}

/// Seconds that are read back at a time where a finding began before what was read.
pub(crate) const STEP: i64 = 7 * 24 * 3600;

/// Every record once, in time order. Of several copies the first by object and place stays.
pub fn distinct(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort();
    hits.dedup_by(|b, a| a.digest == b.digest && a.event_id == b.event_id);
    hits
}

/// Parts hits in time order where more than [`QUIET_GAP`] seconds lie between two.
fn episodes(hits: Vec<Hit>) -> Vec<Vec<Hit>> {
    let mut episodes: Vec<Vec<Hit>> = Vec::new();
    for hit in hits {
        match episodes.last_mut() {
            Some(episode) if episode.last().is_some_and(|last| hit.time - last.time <= QUIET_GAP) => episode.push(hit),
            _ => episodes.push(vec![hit]),
        }
    }
    episodes
}

/// SHA-256 over policy, account, region, group values and start; each part with its length, so that no two parts can
/// run into each other.
fn fingerprint(policy: &str, group: &GroupKey, start: i64) -> String {
    named(policy, group, Some(start))
}

/// The name of a group of matches of a policy, in one episode or in all.
fn named(policy: &str, group: &GroupKey, start: Option<i64>) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(policy.as_bytes());
    part(group.account.as_bytes());
    part(group.region.as_bytes());
    for value in &group.values {
        match value {
            Some(value) => {
                part(b"=");
                part(value.as_bytes());
            }
            None => part(b"-"),
        }
    }
    if let Some(start) = start {
        part(&start.to_be_bytes());
    }
    let head = hash.finalize().first_chunk().copied().unwrap_or_default();
    RecordDigest(u128::from_be_bytes(head)).hex()
}

/// How many evaluated records belong to the policy's population, and what that population is, in words.
pub fn population(index: usize, policy: &Policy, partial: &Partial) -> (u64, String) {
    let cells = partial.cells.values();
    let own = || cells.clone().map(|cell| cell.populations.get(&index).copied().unwrap_or(0)).sum();
    match &policy.population {
        Population::Selection(name) => (own(), format!("records in `{name}`")),
        Population::Own(_) => (own(), "records in the policy's population".to_owned()),
        Population::Sources => match candidates::sources(&policy.detection) {
            Some(sources) if !sources.is_empty() => {
                let count = |source: &String| cells.clone().filter_map(|cell| cell.sources.get(source)).sum::<u64>();
                let named: Vec<&str> = sources.iter().map(String::as_str).collect();
                (sources.iter().map(count).sum(), format!("{} events", named.join(" and ")))
            }
            _ => (cells.clone().map(|cell| cell.evaluated).sum(), "events".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::decode::Place;

    fn hit(time: i64, id: &str, object: &str) -> Hit {
        let place = Place { index: 0, offset: 0 };
        Hit { time, event_id: id.into(), digest: RecordDigest::of(id.as_bytes()), object: Arc::from(object), place, length: 1 }
    }

    #[test]
    fn an_episode_ends_after_a_quiet_day() {
        let hits = vec![hit(0, "a", "o"), hit(QUIET_GAP, "b", "o"), hit(2 * QUIET_GAP + 1, "c", "o")];
        let sizes: Vec<usize> = episodes(distinct(hits)).iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 1]);
    }

    #[test]
    fn copies_count_once_and_the_first_place_stays() {
        let hits = distinct(vec![hit(5, "a", "z"), hit(5, "a", "b"), hit(4, "c", "x")]);
        let seen: Vec<(String, &str)> = hits.iter().map(|hit| (hit.event_id.to_string(), &*hit.object)).collect();
        assert_eq!(seen, [("c".to_owned(), "x"), ("a".to_owned(), "b")]);
    }

    #[test]
    fn fingerprints_tell_groups_apart() {
        let key = |values: &[Option<&str>]| GroupKey {
            account: "1".into(),
            region: "r".into(),
            values: values.iter().map(|value| value.map(str::to_owned)).collect(),
        };
        let of = |values: &[Option<&str>]| fingerprint("p", &key(values), 7);
        assert_eq!(of(&[Some("a")]), of(&[Some("a")]));
        assert_ne!(of(&[Some("a"), Some("b")]), of(&[Some("ab"), Some("")]));
        assert_ne!(of(&[None]), of(&[Some("-")]));
        assert_ne!(of(&[None]), of(&[Some("")]));
    }

    #[test]
    fn a_sample_is_the_earliest_and_the_latest() {
        let hits = (0..9).map(|time| hit(time, &time.to_string(), "o")).collect();
        let group = GroupKey { account: String::new(), region: String::new(), values: vec![] };
        let finding = Finding { policy: 0, fingerprint: String::new(), group, cells: Vec::new(), hits, fired: None };
        let times: Vec<i64> = finding.sample(5).map(|hit| hit.time).collect();
        assert_eq!(times, [0, 1, 2, 3, 4, 8]);
    }
}
