//! Sets of hours.

use std::ops::Range;

/// A set of hours: sorted half-open ranges that neither touch nor overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hours {
    ranges: Vec<(i64, i64)>,
}

impl Hours {
    /// No hour.
    pub fn new() -> Hours {
        Hours::default()
    }

    /// The hours of a range.
    pub fn of(range: Range<i64>) -> Hours {
        let mut hours = Hours::new();
        hours.add(range);
        hours
    }

    /// Adds a range; an empty one adds nothing.
    pub fn add(&mut self, range: Range<i64>) {
        let (mut start, mut end) = (range.start, range.end);
        if start >= end {
            return;
        }
        let first = self.ranges.partition_point(|&(_, theirs)| theirs < start);
        let last = self.ranges.partition_point(|&(theirs, _)| theirs <= end);
        for &(theirs_start, theirs_end) in self.ranges.get(first..last).unwrap_or_default() {
            start = start.min(theirs_start);
            end = end.max(theirs_end);
        }
        self.ranges.splice(first..last.max(first), [(start, end)]);
    }

    /// Adds all of another set.
    pub fn union(&mut self, other: &Hours) {
        for &(start, end) in &other.ranges {
            self.add(start..end);
        }
    }

    /// The hours that are not in `other`.
    #[must_use]
    pub fn without(&self, other: &Hours) -> Hours {
        let mut left = Hours::new();
        for &(start, end) in &self.ranges {
            let mut at = start;
            let first = other.ranges.partition_point(|&(_, theirs)| theirs <= start);
            for &(from, until) in other.ranges.get(first..).unwrap_or_default().iter().take_while(|&&(from, _)| from < end) {
                left.add(at..from);
                at = until;
            }
            left.add(at..end);
        }
        left
    }

    /// The hours that are in both.
    #[must_use]
    pub fn and(&self, other: &Hours) -> Hours {
        self.without(&self.without(other))
    }

    /// Whether an hour is in the set.
    pub fn contains(&self, hour: i64) -> bool {
        let after = self.ranges.partition_point(|&(start, _)| start <= hour);
        after.checked_sub(1).and_then(|at| self.ranges.get(at)).is_some_and(|&(_, end)| hour < end)
    }

    /// The ranges in order.
    pub fn ranges(&self) -> impl Iterator<Item = Range<i64>> {
        self.ranges.iter().map(|&(start, end)| start..end)
    }

    /// Where the set begins or ends within a range: between two of these nothing changes.
    pub(super) fn edges(&self, within: &Range<i64>) -> impl Iterator<Item = i64> {
        let first = self.ranges.partition_point(|&(_, end)| end < within.start);
        let ranges = self.ranges.get(first..).unwrap_or_default().iter();
        let (start, end) = (within.start, within.end);
        ranges
            .take_while(move |&&(from, _)| from < end)
            .flat_map(|&(from, until)| [from, until])
            .filter(move |at| start < *at && *at < end)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many hours.
    pub fn count(&self) -> u64 {
        self.ranges.iter().map(|&(start, end)| end.abs_diff(start)).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn hours_are_a_set(ranges in prop::collection::vec((0..40_i64, 0..10_i64), 0..12)) {
            let (mut hours, mut plain) = (Hours::new(), BTreeSet::new());
            for (start, length) in ranges {
                hours.add(start..start + length);
                plain.extend(start..start + length);
            }
            prop_assert_eq!(hours.count(), plain.len() as u64);
            for hour in -1..60 {
                prop_assert_eq!(hours.contains(hour), plain.contains(&hour));
            }
            let odd = Hours::of(7..23);
            prop_assert_eq!(hours.and(&odd).count(), plain.iter().filter(|hour| (7..23).contains(*hour)).count() as u64);
            let kept: Vec<_> = hours.ranges().collect();
            prop_assert!(kept.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
