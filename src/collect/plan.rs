//! What to list: which prefixes, from which day, in which order. Pure: no call is made here.
//!
//! The recent window is listed as often as the re-list schedule says, because a key may appear long after its neighbours
//! (CloudTrail retries for up to 30 days, and so does replication). Days before it are listed newest first, one by one or,
//! where they hold little, several at once, until every cell has them.

use std::ops::Range;

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
    /// The listing ends before this one.
    pub(crate) until: Option<String>,
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
    /// Days (since 1970) of the backlog.
    Days(Range<i64>),
}

impl Window {
    /// Its first day.
    pub(crate) fn first(&self) -> i64 {
        match self {
            Window::From(day) => *day,
            Window::Days(days) => days.start,
        }
    }
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

/// The days that some cell lacks, newest first, cut into windows as they are done.
///
/// The newest days matter most and come first, and each commit is small. But a day of an estate in which little happens
/// costs a list call for each of its prefixes, however few objects come of it: where a window held little, the next one
/// has twice as many days, and each of its prefixes is still one call.
#[derive(Debug)]
pub(crate) struct Backlog {
    /// Newest last.
    days: Vec<i64>,
    width: usize,
}

impl Backlog {
    /// Most days of a window.
    const WIDEST: usize = 32;
    /// A window with fewer objects makes the next one wider; one with four times as many, narrower.
    const LITTLE: u64 = 4_000;

    /// The days before today, from `first` on, that some cell lacks.
    pub(crate) fn new(first: i64, today: i64, lacks: impl Fn(i64) -> bool) -> Backlog {
        Backlog { days: (first..today).filter(|day| lacks(*day)).collect(), width: 1 }
    }

    /// How many days are left.
    pub(crate) fn left(&self) -> usize {
        self.days.len()
    }

    /// The next window: days without a hole between them. `listed` is how many objects the last one held.
    pub(crate) fn next(&mut self, listed: Option<u64>) -> Option<Window> {
        self.width = match listed {
            Some(objects) if objects < Backlog::LITTLE => (self.width * 2).min(Backlog::WIDEST),
            Some(objects) if objects > 4 * Backlog::LITTLE => (self.width / 2).max(1),
            _ => self.width,
        };
        let newest = self.days.pop()?;
        let mut first = newest;
        while self.days.last() == Some(&(first - 1)) && newest - first + 1 < self.width as i64 {
            first -= 1;
            self.days.pop();
        }
        Some(Window::Days(first..newest + 1))
    }
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
                // It has not come so far back yet: its days are backlog.
                Window::From(recent) if lacks(first.max(*recent)) => Some(today),
                Window::From(recent) => Some(*recent),
                Window::Days(days) if days.clone().any(lacks) => None,
                Window::Days(_) => continue,
            };
            for folder in &place.folders {
                let region_prefix = layout::region_prefix(&place.root, &place.account, *folder, region);
                let day = |day: i64| format!("{region_prefix}{}", layout::day_path(day));
                let (prefix, start_after, until) = match window {
                    // One day has a prefix of its own, and no page of the next one is fetched.
                    Window::Days(days) if days.end - days.start == 1 => (day(days.start), None, None),
                    Window::Days(days) => (region_prefix.clone(), Some(day(days.start)), Some(day(days.end))),
                    Window::From(_) => (region_prefix.clone(), from.map(day), None),
                };
                let (account, region, proves) = (place.account.clone(), region.clone(), !place.empty);
                all.push(Listing { source: place.source, account, region, prefix, start_after, until, from, proves });
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
    fn a_backlog_goes_newest_day_first_and_takes_more_days_at_once_where_they_hold_little() {
        let days = |backlog: &mut Backlog, listed| match backlog.next(listed) {
            Some(Window::Days(days)) => Some(days),
            _ => None,
        };
        let mut backlog = Backlog::new(80, 100, |day| day != 95);
        assert_eq!((backlog.left(), days(&mut backlog, None)), (19, Some(99..100)));
        assert_eq!(days(&mut backlog, Some(10)), Some(97..99));
        // Nobody lacks the day 95.
        assert_eq!(days(&mut backlog, Some(10)), Some(96..97));
        assert_eq!(days(&mut backlog, Some(5_500)), Some(91..95));
        assert_eq!(days(&mut backlog, Some(20_000)), Some(89..91));
        assert_eq!(days(&mut backlog, Some(20_000)), Some(88..89));
        assert_eq!(days(&mut backlog, Some(20_000)), Some(87..88));
        assert_eq!((backlog.left(), days(&mut Backlog::new(80, 100, |_| false), None)), (7, None));
    }

    #[test]
    fn a_cell_that_lacks_days_gets_them_as_backlog_and_the_others_their_reach() {
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
        let days = listings(std::slice::from_ref(&place), &Window::Days(20_776..20_779), (20_772, 20_779), lacks);
        let (after, until) = (days[0].start_after.as_deref(), days[0].until.as_deref());
        assert_eq!(after, Some("AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/19/"));
        assert_eq!(until, Some("AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/22/"));
        let day = listings(&[place], &Window::Days(20_778..20_779), (20_772, 20_779), lacks);
        assert_eq!(day.len(), 2);
        assert_eq!(day[1].prefix, "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/11/21/");
        assert_eq!(list_calls(480, 1_500), 960);
    }
}
