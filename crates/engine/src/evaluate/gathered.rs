//! The matches of one object by policy and group, until the object is done.
//!
//! Most matches of an object belong to groups that it has had before. Here they are found by the bytes of their group's key,
//! without a text being made for each; only then does each group go into the results, once. Valid because partial results
//! merge in any order and any grouping.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{MAX_GROUP_VALUE, bounded};
use crate::identity::Secret;
use crate::partial::{GroupKey, Hit};

/// Matches by policy, hour and group.
#[derive(Debug)]
pub(super) struct Gathered {
    places: HashMap<Box<[u8]>, usize, Secret>,
    groups: Vec<Group>,
    /// The key at hand.
    key: Vec<u8>,
}

/// Matches of one policy that share what parts findings.
#[derive(Debug)]
pub(super) struct Group {
    /// Index of the policy.
    pub(super) policy: usize,
    /// Of whose results it is a part.
    pub(super) hour: i64,
    pub(super) key: GroupKey,
    pub(super) hits: Vec<Hit>,
    /// Only the first match of each hour is needed.
    pub(super) only_first: bool,
}

/// What a match is told by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'v> {
    pub(super) policy: usize,
    pub(super) hour: i64,
    pub(super) account: &'v str,
    pub(super) region: &'v str,
    pub(super) values: &'v [Option<Cow<'v, str>>],
    /// Only the first match of each hour is needed.
    pub(super) only_first: bool,
    /// Event time, seconds since 1970 UTC.
    pub(super) time: i64,
}

impl Gathered {
    pub(super) fn new(secret: Secret) -> Gathered {
        Gathered { places: HashMap::with_hasher(secret), groups: Vec::new(), key: Vec::new() }
    }

    /// Keeps a match. Of those that are not the first where only the first is needed `hit` is not made: its digest is what costs.
    pub(super) fn add(&mut self, found: &Found<'_>, hit: impl FnOnce() -> Hit) {
        self.name(found);
        let Some(&place) = self.places.get(&*self.key) else {
            self.places.insert(self.key.as_slice().into(), self.groups.len());
            let values = found.values.iter().map(|value| value.as_deref().map(|value| bounded(value.to_owned()))).collect();
            let key = GroupKey { account: bounded(found.account.to_owned()), region: bounded(found.region.to_owned()), values };
            let Found { policy, hour, only_first, .. } = *found;
            self.groups.push(Group { policy, hour, key, hits: vec![hit()], only_first });
            return;
        };
        let Some(group) = self.groups.get_mut(place) else { return };
        match group.hits.last_mut().filter(|_| found.only_first) {
            None => group.hits.push(hit()),
            Some(first) if first.time < found.time => {}
            Some(first) => *first = hit().min(first.clone()),
        }
    }

    /// All groups, in the order in which they were met; nothing is left behind.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Group> {
        self.places.clear();
        self.groups.drain(..)
    }

    /// Writes the key: no two groups have the same, because every part says how long it is.
    fn name(&mut self, found: &Found<'_>) {
        self.key.clear();
        let hour = if found.only_first { found.time.div_euclid(3600) } else { found.hour };
        for number in [found.policy as u64, found.hour as u64, hour as u64] {
            self.key.extend_from_slice(&number.to_le_bytes());
        }
        let parts = [Some(found.account), Some(found.region)].into_iter().chain(found.values.iter().map(Option::as_deref));
        for part in parts {
            let part =
                part.map(|part| if part.len() > MAX_GROUP_VALUE { Cow::Owned(bounded(part.to_owned())) } else { part.into() });
            let length = part.as_ref().map_or(u64::MAX, |part| part.len() as u64);
            self.key.extend_from_slice(&length.to_le_bytes());
            self.key.extend_from_slice(part.unwrap_or_default().as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::decode::Place;
    use crate::identity::RecordDigest;

    fn hit(time: i64, digest: u128) -> Hit {
        let place = Place { index: 0, offset: 0 };
        Hit { time, event_id: "".into(), digest: RecordDigest(digest), object: Arc::from("o"), place, length: 1 }
    }

    fn found<'v>(values: &'v [Option<Cow<'v, str>>], time: i64, only_first: bool) -> Found<'v> {
        Found { policy: 0, hour: 0, account: "a", region: "r", values, only_first, time }
    }

    #[test]
    fn groups_are_told_apart_by_every_part() {
        let long = |end: &str| "x".repeat(MAX_GROUP_VALUE) + end;
        let lists: Vec<Vec<Option<String>>> = vec![
            vec![],
            vec![None],
            vec![Some(String::new())],
            vec![None, None],
            vec![Some("ab".into()), Some("c".into())],
            vec![Some("a".into()), Some("bc".into())],
            vec![Some(long("1"))],
            vec![Some(long("2"))],
        ];
        let mut gathered = Gathered::new(Secret::new([1, 2]));
        for _ in 0..2 {
            for values in &lists {
                let values: Vec<_> = values.iter().map(|value| value.as_deref().map(Cow::Borrowed)).collect();
                gathered.add(&found(&values, 1, false), || hit(1, 1));
            }
            let other = found(&[], 1, false);
            for other in [
                Found { policy: 1, ..other },
                Found { hour: 1, ..other },
                Found { account: "b", ..other },
                Found { region: "s", ..other },
            ] {
                gathered.add(&other, || hit(1, 1));
            }
        }
        let groups: Vec<Group> = gathered.take().collect();
        assert_eq!(groups.len(), lists.len() + 4);
        assert!(groups.iter().all(|group| group.hits.len() == 2));
        assert_eq!(gathered.take().count(), 0);
        gathered.add(&found(&[], 1, false), || hit(1, 1));
        assert_eq!(gathered.take().count(), 1);
    }

    #[test]
    fn of_an_hour_only_the_first_is_kept_where_that_is_enough() {
        let mut gathered = Gathered::new(Secret::new([1, 2]));
        let mut made = 0;
        for (time, digest) in [(20, 1), (30, 1), (10, 7), (10, 3), (10, 9), (3600, 1), (3601, 1)] {
            gathered.add(&found(&[], time, true), || {
                made += 1;
                hit(time, digest)
            });
        }
        let kept: Vec<Vec<Hit>> = gathered.take().map(|group| group.hits).collect();
        assert_eq!(kept, [vec![hit(10, 3)], vec![hit(3600, 1)]]);
        assert_eq!(made, 5);
    }
}
