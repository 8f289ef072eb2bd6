//! Coverage over time: the period in steps, and the hours that are not covered, one by one.

use std::collections::BTreeMap;
use std::ops::Range;

use assize_engine::coverage::{Ask, CellEvidence, Tally};
use assize_engine::policy::Evidence;
use assize_engine::time;

use crate::collect::collected::CellKey;
use crate::report::v1::{Hole, MAX_HOLES, MAX_STEPS, Share, Step};

/// Days of UTC, the first and the last as far as the period has them; of a long period as many days together as leave at
/// most [`MAX_STEPS`].
pub(crate) fn steps(hours: &Range<i64>) -> Vec<Range<i64>> {
    if hours.is_empty() {
        return Vec::new();
    }
    let days = (hours.end - 1).div_euclid(24) - hours.start.div_euclid(24) + 1;
    let length = 24 * (days + MAX_STEPS - 1).div_euclid(MAX_STEPS);
    let first = hours.start.div_euclid(24) * 24;
    let starts = (0..).map(|number| first + number * length).take_while(|start| *start < hours.end);
    starts.map(|start| start.max(hours.start)..(start + length).min(hours.end)).collect()
}

/// As the document has it.
pub(crate) fn step(hours: &Range<i64>) -> Step {
    Step { since: hour(hours.start), until: hour(hours.end) }
}

fn hour(hour: i64) -> String {
    time::format(hour * 3600)
}

/// The share of each step, by account.
pub(crate) fn by_account<'c>(
    cells: &'c BTreeMap<CellKey, CellEvidence>,
    steps: &[Range<i64>],
    grade: Evidence,
) -> BTreeMap<&'c str, Vec<Share>> {
    let mut accounts: BTreeMap<&str, Vec<Share>> = BTreeMap::new();
    for ((account, _), cell) in cells {
        let shares = accounts.entry(account).or_insert_with(|| vec![Share::default(); steps.len()]);
        for (share, hours) in shares.iter_mut().zip(steps) {
            let tally: Tally = cell.tally(hours.clone(), &Ask::any(grade));
            share.due += tally.due;
            share.covered += tally.covered();
            share.late += tally.late;
        }
    }
    accounts
}

/// The hours of a cell that are not covered, and how many stretches there are in all.
pub(crate) fn holes(cell: &CellEvidence, hours: &Range<i64>, ask: &Ask<'_>) -> (Vec<Hole>, u64) {
    let all = cell.uncovered(hours.clone(), ask);
    let total = all.len() as u64;
    let shown = all.into_iter().take(MAX_HOLES).map(|(hours, reason)| Hole {
        since: hour(hours.start),
        until: hour(hours.end),
        reason: reason.code().to_owned(),
    });
    (shown.collect(), total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_cut_at_midnight_and_never_too_often() {
        assert_eq!(steps(&(30..75)), [30..48, 48..72, 72..75]);
        assert_eq!(steps(&(48..48)), []);
        for days in [1, 124, 125, 365, 3650] {
            let steps = steps(&(5..days * 24 + 5));
            assert!(steps.len() as i64 <= MAX_STEPS + 1, "{days}: {}", steps.len());
            assert!(steps.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert_eq!((steps[0].start, steps.last().map(|last| last.end)), (5, Some(days * 24 + 5)));
        }
    }
}
