//! Log objects against the digest that names them, and the hours of event time that are complete because of it.

use std::ops::Range;

use super::{Check, Doubt, Fault, LogEntry, Window};
use crate::coverage::Hours;

/// What is known of a log object that a digest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// SHA-256 of its inflated bytes, lower-case hexadecimal.
    Hash(String),
    /// Bytes follow its gzip member: whoever reads on finds other records than the digest covers.
    Trailing(u64),
    /// Its gzip stream is broken; how.
    Damaged(String),
    /// It is there and cannot be read; why.
    Unreadable(String),
    /// It is not there.
    Absent,
}

/// A log object, by the valid digest that names it.
pub fn judge_log(entry: &LogEntry, held: &Held) -> Check {
    match held {
        Held::Hash(hash) if *hash == entry.hash => Check::Valid,
        Held::Hash(_) => Check::Invalid(Fault::Hash),
        Held::Trailing(bytes) => Check::Invalid(Fault::Trailing(*bytes)),
        Held::Damaged(how) => Check::Invalid(Fault::Damaged(how.clone())),
        Held::Unreadable(why) => Check::Unverifiable(Doubt::Unreadable(why.clone())),
        Held::Absent => Check::Missing,
    }
}

/// A log object that may be there in several versions, by the valid digest that names it: valid if one of them is, else what is
/// wrong with the first; missing if there is none.
pub fn judge_versions<'h>(entry: &LogEntry, versions: impl IntoIterator<Item = &'h Held>) -> Check {
    let mut first = None;
    for held in versions {
        match judge_log(entry, held) {
            Check::Valid => return Check::Valid,
            other => first = first.or(Some(other)),
        }
    }
    first.unwrap_or(Check::Missing)
}

/// The hours (since 1970 UTC) whose events are complete: windows of delivery that valid digests cover reach without a hole
/// from the hour's first second to its last and `settle` seconds on, because an event may be delivered so much later, and
/// none of `doubtful` (event times, seconds, of log objects that are not valid) touches it.
pub fn complete(windows: &[(Range<i64>, Window)], doubtful: &[Range<i64>], settle: i64) -> Hours {
    let mut hours = Hours::new();
    let mut run: Option<Range<i64>> = None;
    for (range, window) in windows {
        let proven = *window == Window::Valid;
        match &mut run {
            Some(current) if proven && current.end == range.start => current.end = range.end,
            _ => {
                add_run(&mut hours, run.take(), settle);
                run = proven.then(|| range.clone());
            }
        }
    }
    add_run(&mut hours, run, settle);
    let mut doubt = Hours::new();
    for range in doubtful.iter().filter(|range| !range.is_empty()) {
        doubt.add(range.start.div_euclid(3_600)..(range.end - 1).div_euclid(3_600) + 1);
    }
    hours.without(&doubt)
}

fn add_run(hours: &mut Hours, run: Option<Range<i64>>, settle: i64) {
    let Some(run) = run else { return };
    // Rounded inwards: part of an hour proves nothing of the rest.
    hours.add((run.start + 3_599).div_euclid(3_600)..(run.end - settle).div_euclid(3_600));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_complete_only_between_proven_windows_and_past_the_settle_time() {
        let hour = 3_600;
        // Windows are not aligned to the hour.
        let windows = [
            (90..5 * hour + 90, Window::Valid),
            (5 * hour + 90..6 * hour + 90, Window::Missing),
            (6 * hour + 90..9 * hour + 90, Window::Valid),
        ];
        let found =
            |doubtful: &[Range<i64>], settle| -> Vec<Range<i64>> { complete(&windows, doubtful, settle).ranges().collect() };
        assert_eq!(found(&[], hour), [1..4, 7..8]);
        assert_eq!(found(&[], 0), [1..5, 7..9]);
        let doubt = Range { start: 2 * hour, end: 2 * hour + 1 };
        assert_eq!(found(std::slice::from_ref(&doubt), hour), [1..2, 3..4, 7..8]);
    }

    #[test]
    fn each_state_of_a_log_object_has_its_verdict() {
        let entry = LogEntry { place: ("b".into(), "k".into()), hash: "aa".into(), oldest_event: None, newest_event: None };
        assert_eq!(judge_log(&entry, &Held::Hash("aa".into())), Check::Valid);
        assert_eq!(judge_log(&entry, &Held::Hash("ab".into())), Check::Invalid(Fault::Hash));
        assert_eq!(judge_log(&entry, &Held::Trailing(3)), Check::Invalid(Fault::Trailing(3)));
        assert_eq!(judge_log(&entry, &Held::Absent), Check::Missing);
        assert!(matches!(judge_log(&entry, &Held::Unreadable("denied".into())), Check::Unverifiable(_)));
    }
}
