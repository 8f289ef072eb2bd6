//! Which days or hours something holds: as sorted runs in the head, as a wish of a reader.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Runs kept in the head for one kind of section; more are joined where the gaps are smallest. A reader that looks into a
/// gap reads a table of contents in vain, no more.
const MOST: usize = 32;

/// Days or hours, as runs from first to last, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Runs(Vec<(i64, i64)>);

impl Runs {
    /// Adds a key that is not before any other.
    pub(super) fn add(&mut self, key: i64) {
        match self.0.last_mut() {
            Some((_, last)) if *last == key || last.checked_add(1) == Some(key) => *last = key,
            _ => self.0.push((key, key)),
        }
    }

    /// Joins runs until there are few enough.
    pub(super) fn shorten(&mut self) {
        if self.0.len() <= MOST {
            return;
        }
        let mut gaps: Vec<(u64, i64)> = self
            .0
            .windows(2)
            .filter_map(|pair| Some((pair.first()?.1, pair.last()?.0)))
            .map(|(a, b)| (a.abs_diff(b), b))
            .collect();
        gaps.sort_unstable_by(|a, b| b.cmp(a));
        let starts: BTreeSet<i64> = gaps.into_iter().take(MOST - 1).map(|(_, start)| start).collect();
        let mut joined: Vec<(i64, i64)> = Vec::with_capacity(MOST);
        for &(start, end) in &self.0 {
            match joined.last_mut() {
                Some((_, last)) if !starts.contains(&start) => *last = end,
                _ => joined.push((start, end)),
            }
        }
        self.0 = joined;
    }
}

/// The days or hours that a reader wants.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    All,
    /// Start inclusive, end exclusive.
    Within(Range<i64>),
    These(BTreeSet<i64>),
}

impl Wanted {
    pub(super) fn contains(&self, key: i64) -> bool {
        match self {
            Wanted::All => true,
            Wanted::Within(range) => range.contains(&key),
            Wanted::These(keys) => keys.contains(&key),
        }
    }

    /// Whether any wanted key can be in these runs.
    pub(super) fn touches(&self, runs: &Runs) -> bool {
        runs.0.iter().any(|&(first, last)| match self {
            Wanted::All => true,
            Wanted::Within(range) => range.start <= last && first < range.end,
            Wanted::These(keys) => first <= last && keys.range(first..=last).next().is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(keys: impl IntoIterator<Item = i64>) -> Runs {
        let mut runs = Runs::default();
        keys.into_iter().for_each(|key| runs.add(key));
        runs
    }

    #[test]
    fn neighbours_are_one_run() {
        assert_eq!(runs([i64::MIN, -1, 0, 0, 1, 5, i64::MAX]).0, [(i64::MIN, i64::MIN), (-1, 1), (5, 5), (i64::MAX, i64::MAX)]);
    }

    #[test]
    fn joining_loses_no_key() {
        let keys: Vec<i64> = std::iter::once(i64::MIN).chain((0..200).map(|key| key * key)).collect();
        let mut short = runs(keys.iter().copied());
        short.shorten();
        assert_eq!(short.0.len(), MOST);
        for key in keys {
            assert!(Wanted::These([key].into()).touches(&short), "{key}");
            assert!(Wanted::Within(key..key + 1).touches(&short), "{key}");
        }
        assert_eq!(short.0[0], (i64::MIN, i64::MIN), "the time without a time does not swallow everything");
        assert!(!Wanted::Within(39_700..i64::MAX).touches(&short));
        assert!(!Wanted::Within(-10..0).touches(&short));
    }
}
