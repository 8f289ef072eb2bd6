//! Whether calls that earlier runs made stand in the logs.

use std::collections::BTreeMap;

use assize_engine::time;

use crate::collect::collected::{CellKey, Collected};
use crate::discover::Trouble;
use crate::report::scope::duration;
use crate::report::v1::Recording;
use crate::report::words;

/// Tells it of the cells in scope.
pub(crate) fn of(collected: &Collected, cells: &BTreeMap<CellKey, Option<Trouble>>) -> Recording {
    let (mut proven, mut lost, mut pending) = (0, 0, 0);
    let (mut since, mut longest): (Option<i64>, Option<i64>) = (None, None);
    for ((account, region), calls) in collected.own_calls() {
        if !cells.contains_key(&(account.to_owned(), region.to_owned())) {
            continue;
        }
        lost += calls.lost().len() as u64;
        pending += calls.pending() as u64;
        if let Some((last, delay)) = calls.last() {
            proven += 1;
            since = Some(since.map_or(last, |since| since.min(last)));
            longest = longest.max(delay);
        }
    }
    let cells = cells.len() as u64;
    let statement = statement((cells, proven, lost, pending), since, longest);
    Recording { statement, cells, proven, lost, pending, since: since.map(time::format), longest_seconds: longest }
}

fn statement((cells, proven, lost, pending): (u64, u64, u64, u64), since: Option<i64>, longest: Option<i64>) -> String {
    if proven + lost + pending == 0 {
        return "No call of an earlier run was looked for in the logs, so it is not proven that what happens is recorded."
            .to_owned();
    }
    let places = words::plural(cells, "account-region", "account-regions");
    let mut parts = vec![format!(
        "In {} of {places} recording itself is proven: a call that an earlier run made stands in their logs",
        words::count(proven)
    )];
    parts.extend(since.map(|since| format!(", everywhere at {} or later", words::time(&time::format(since)))));
    parts.extend(longest.map(|longest| format!(", {} after the call at most", duration(longest))));
    if lost > 0 {
        let calls = words::plural(lost, "call is", "calls are");
        parts.push(format!("; {calls} NOT in a log that is proven to be complete"));
    }
    if pending > 0 {
        parts.push(format!("; {} waited for", words::plural(pending, "call is", "calls are")));
    }
    format!("{}.", parts.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_in_a_sentence() {
        assert!(statement((4, 0, 0, 0), None, None).starts_with("No call of an earlier run"));
        assert_eq!(
            statement((28, 24, 1, 3), Some(1_790_812_800), Some(700)),
            "In 24 of 28 account-regions recording itself is proven: a call that an earlier run made stands in their logs, everywhere at \
             2026-10-01 00:00:00Z or later, 11 min after the call at most; 1 call is NOT in a log that is proven to be complete; 3 calls \
             are waited for."
        );
    }
}
