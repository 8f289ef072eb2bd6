//! What to list: which prefixes, from which day, in which order. Pure: no call is made here.
//!
//! The recent window is listed as often as the re-list schedule says, because a key may appear long after its neighbours
//! (CloudTrail retries for up to 30 days, and so does replication). Days before it are listed one by one, newest first,
//! until every cell has them.

use assize_engine::layout::{self, Folder};

use super::collected::Collected;
use crate::config::RelistConfig;

/// A place in a source where one account's objects are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Index of the source.
    pub(crate) source: usize,
    /// What stands before the account in keys, with its slash.
    pub(crate) root: String,
    /// The account.
    pub(crate) account: String,
    /// The regions in scope.
    pub(crate) regions: Vec<String>,
    /// The folders that exist.
    pub(crate) folders: Vec<Folder>,
    /// Nothing was ever delivered here: listing it proves nothing.
    pub(crate) empty: bool,
}

/// One prefix to list, for a range of days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Index of the source.
    pub(crate) source: usize,
    /// The account.
    pub(crate) account: String,
    /// The region.
    pub(crate) region: String,
    /// The prefix.
    pub(crate) prefix: String,
    /// Keys come after this one.
    pub(crate) start_after: Option<String>,
    /// The first day, where it is a range without an end.
    pub(crate) from: Option<i64>,
    /// Whether a listing without a failure proves that the hours were collected.
    pub(crate) proves: bool,
}

/// Days that are listed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    /// From a day (days since 1970) on, with no end: keys that are dated in the future are found too.
    From(i64),
    /// One day.
    Day(i64),
}

/// How far back this run lists, by the schedule and by what earlier runs did today and this week.
pub(crate) fn reach(relist: RelistConfig, collected: &Collected, today: i64) -> u32 {
    let monday = |day: i64| (day + 3).div_euclid(7);
    if collected.weekly.is_none_or(|day| monday(day) < monday(today)) {
        relist.weekly
    } else if collected.daily.is_none_or(|day| day < today) {
        relist.daily
    } else {
        relist.each_run
    }
}

/// The windows of a run, in the order in which they are done.
///
/// A cell that lacks a day gets its days one by one, so that each commit is small and the newest days, which matter most,
/// come first; the schedule's reach is for cells that have them already.
pub(crate) fn windows(recent: i64, first: i64, today: i64, lacks: impl Fn(i64) -> bool) -> Vec<Window> {
    let mut windows = vec![Window::From(recent.min(today))];
    windows.extend((first..today).rev().filter(|day| lacks(*day)).map(Window::Day));
    windows
}

/// The prefixes of a window. `lacks` tells whether a cell (account, region) lacks a day.
pub(crate) fn listings(
    places: &[Place],
    window: &Window,
    (first, today): (i64, i64),
    lacks: impl Fn(&str, &str, i64) -> bool,
) -> Vec<Listing> {
    let mut all = Vec::new();
    for place in places {
        for region in &place.regions {
            let lacks = |day| lacks(&place.account, region, day);
            let from = match window {
                // It has not come so far back yet: its days are done one by one.
                Window::From(recent) if lacks(first.max(*recent)) => Some(today),
                Window::From(recent) => Some(*recent),
                Window::Day(day) if lacks(*day) => None,
                Window::Day(_) => continue,
            };
            for folder in &place.folders {
                let region_prefix = layout::region_prefix(&place.root, &place.account, *folder, region);
                let (prefix, start_after) = match (window, from) {
                    (Window::Day(day), _) => (format!("{region_prefix}{}", layout::day_path(*day)), None),
                    (Window::From(_), from) => {
                        let start = from.map(|day| format!("{region_prefix}{}", layout::day_path(day)));
                        (region_prefix, start)
                    }
                };
                let (account, region) = (place.account.clone(), region.clone());
                all.push(Listing { source: place.source, account, region, prefix, start_after, from, proves: !place.empty });
            }
        }
    }
    all
}

/// How many list calls a run with nothing new makes, at a thousand keys a call: one for each prefix, and one more for
/// each further thousand keys expected in it.
pub(crate) fn list_calls(prefixes: u64, keys_per_prefix: u64) -> u64 {
    prefixes * (1 + keys_per_prefix / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELIST: RelistConfig = RelistConfig { each_run: 2, daily: 7, weekly: 30 };

    #[test]
    fn the_schedule_reaches_far_once_a_day_and_farther_once_a_week() {
        let mut collected = Collected::default();
        // 2026-11-22 is a Sunday, 2026-11-23 a Monday.
        let sunday = 20_779;
        assert_eq!(reach(RELIST, &collected, sunday), 30);
        (collected.weekly, collected.daily) = (Some(sunday), Some(sunday));
        assert_eq!(reach(RELIST, &collected, sunday), 2);
        assert_eq!(reach(RELIST, &collected, sunday + 1), 30);
        collected.weekly = Some(sunday + 1);
        assert_eq!(reach(RELIST, &collected, sunday + 1), 7);
        assert_eq!(reach(RELIST, &collected, sunday + 7), 7);
    }

    #[test]
    fn a_first_run_goes_newest_day_first() {
        let all = [Window::From(71), Window::Day(99), Window::Day(98), Window::Day(97)];
        assert_eq!(windows(71, 97, 100, |_| true), all);
        assert_eq!(windows(99, 90, 100, |_| false), [Window::From(99)]);
        assert_eq!(windows(99, 90, 100, |day| day < 92), [Window::From(99), Window::Day(91), Window::Day(90)]);
    }

    #[test]
    fn a_cell_that_lacks_days_gets_them_one_by_one_and_the_others_their_reach() {
        let place = Place {
            source: 0,
            root: "AWSLogs/".to_owned(),
            account: "111122223333".to_owned(),
            regions: vec!["eu-west-1".to_owned(), "us-east-1".to_owned()],
            folders: vec![Folder::CloudTrail, Folder::Digest],
            empty: false,
        };
        let lacks = |_: &str, region: &str, day: i64| region == "us-east-1" && day >= 20_772;
        let recent = listings(std::slice::from_ref(&place), &Window::From(20_770), (20_772, 20_779), lacks);
        let starts: Vec<_> = recent.iter().filter_map(|listing| listing.start_after.as_deref()).collect();
        assert_eq!(
            starts,
            [
                "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/13/",
                "AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2026/11/13/",
                "AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/22/",
                "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/11/22/",
            ]
        );
        assert_eq!(recent[0].prefix, "AWSLogs/111122223333/CloudTrail/eu-west-1/");
        let day = listings(&[place], &Window::Day(20_778), (20_772, 20_779), lacks);
        assert_eq!(day.len(), 2);
        assert_eq!(day[1].prefix, "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/11/21/");
        assert_eq!(list_calls(480, 1_500), 960);
    }
}
