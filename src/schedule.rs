//! When a run that repeats starts: so long after the start of the one before, or at the times of a cron expression. Takes
//! every time as an argument; seconds since 1970.

use std::time::Duration;

use assize_engine::time;
use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions};

/// Seconds of thirty days: what a forecast calls a month.
const MONTH: i64 = 30 * 86_400;
/// Seconds of an hour: what runs of a workflow are apart, as `assize init` writes it.
const HOUR: u64 = 3_600;
/// The last second from which a next start is looked for (year 9000); calendars end not long after.
const LATEST: i64 = 221_845_392_000;

/// When runs start.
#[derive(Clone, Debug)]
pub(crate) enum Schedule {
    /// This long after the start of the run before; at once, if that took longer.
    Every(Duration),
    /// At these times.
    Cron(Box<Crontab>),
}

/// Why a schedule cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScheduleError {
    /// The expression is none.
    #[error(
        "`{text}` is no schedule for --cron: {why}; write five fields, minute hour day-of-month month day-of-week, in UTC, such \
         as '7 * * * *' for every hour or '30 2 * * 1-5' for working days"
    )]
    Cron {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// It asks for a day that does not exist.
    #[error("`{0}` never comes: no day of the next four years is like that; check its day of the month against its month")]
    Never(String),
}

/// When the next run starts, and which starts passed while the one before was under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Next {
    /// When it starts.
    pub(crate) at: i64,
    /// Starts that were skipped.
    pub(crate) skipped: u64,
}

impl Schedule {
    /// Reads a cron expression: five fields, and a time zone by its IANA name if it is not UTC.
    ///
    /// # Errors
    /// It is none, or it has no start within four years of `now`.
    pub(crate) fn cron(text: &str, now: i64) -> Result<Schedule, ScheduleError> {
        let normal = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut options = ParseOptions::default();
        options.fallback_timezone_option = FallbackTimezoneOption::UTC;
        let wrong = |why: String| ScheduleError::Cron { text: text.to_owned(), why };
        if let Some(why) = mistaken_shape(&normal) {
            return Err(wrong(why));
        }
        let crontab = cronexpr::parse_crontab_with(&normal, options).map_err(|error| wrong(said(&error)))?;
        let schedule = Schedule::Cron(Box::new(crontab));
        if schedule.first(now).is_none() { Err(ScheduleError::Never(text.to_owned())) } else { Ok(schedule) }
    }

    /// When the first run starts: with `every` at once. None if the calendar has no such time.
    pub(crate) fn first(&self, now: i64) -> Option<i64> {
        match self {
            Schedule::Every(_) => Some(now),
            Schedule::Cron(crontab) => after(crontab, now),
        }
    }

    /// When the run after one starts that began at `began` and has ended at `ended`. None if the calendar has no such time.
    pub(crate) fn next(&self, began: i64, ended: i64) -> Option<Next> {
        match self {
            Schedule::Every(every) => {
                let every = i64::try_from(every.as_secs()).unwrap_or(i64::MAX);
                Some(Next { at: began.saturating_add(every).max(ended), skipped: 0 })
            }
            Schedule::Cron(crontab) => {
                // A run that takes no second may end at a time of the schedule: that start is not skipped, unless it was its own.
                let from = began.max(ended - 1);
                let mut skipped = 0;
                let mut at = after(crontab, began)?;
                while at <= from {
                    skipped += 1;
                    at = after(crontab, at)?;
                }
                Some(Next { at, skipped })
            }
        }
    }

    /// How many runs start in thirty days from `now` on.
    pub(crate) fn runs_a_month(&self, now: i64) -> u64 {
        let now = now.clamp(0, LATEST);
        match self {
            Schedule::Every(every) => MONTH.unsigned_abs() / every.as_secs().max(1),
            Schedule::Cron(crontab) => {
                let starts = std::iter::successors(after(crontab, now), |at| after(crontab, *at));
                starts.take_while(|at| *at <= now + MONTH).count() as u64
            }
        }
    }
}

/// How many runs start in thirty days if nothing repeats them here: the workflows of `assize init` start one every hour.
pub(crate) fn runs_of_workflows() -> u64 {
    MONTH.unsigned_abs() / HOUR
}

/// The first time of the schedule after `second`.
fn after(crontab: &Crontab, second: i64) -> Option<i64> {
    let from = MakeTimestamp::from_second(second.clamp(0, LATEST + 2 * MONTH)).ok()?;
    Some(crontab.find_next(from).ok()?.timestamp().as_second())
}

/// What is often written instead of five fields.
fn mistaken_shape(text: &str) -> Option<String> {
    if let Some(name) = text.strip_prefix('@') {
        let fields = match name {
            "hourly" => "0 * * * *",
            "daily" | "midnight" => "0 0 * * *",
            "weekly" => "0 0 * * 0",
            "monthly" => "0 0 1 * *",
            "yearly" | "annually" => "0 0 1 1 *",
            _ => return Some("names such as @hourly are not read".to_owned()),
        };
        return Some(format!("names such as @{name} are not read, and the same is '{fields}'"));
    }
    match text.split(' ').filter(|field| !field.is_empty()).count() {
        fields @ 0..=4 => Some(format!("it has {fields} of five fields")),
        5 => None,
        6 if text
            .rsplit(' ')
            .next()
            .is_some_and(|zone| zone.starts_with(|c: char| c.is_ascii_alphabetic() || "+-".contains(c))) =>
        {
            None
        }
        fields => Some(format!("it has {fields} fields; there are none for seconds and years")),
    }
}

/// What the reader of expressions says, in one line with the column that its caret points at.
fn said(error: &cronexpr::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default();
    match line.split_once('^') {
        Some((before, why)) => format!("column {}: {}", before.chars().count() + 1, why.trim()),
        None => line.to_owned(),
    }
}

/// A start, for people.
pub(crate) fn words(at: i64) -> String {
    time::format(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        time::parse(text).unwrap()
    }

    fn cron(text: &str) -> Schedule {
        Schedule::cron(text, at("2026-10-01T00:00:00Z")).unwrap()
    }

    #[test]
    fn starts_are_those_of_the_expression_in_utc() {
        let hours = cron("7 * * * *");
        assert_eq!(hours.first(at("2026-10-01T00:06:59Z")), Some(at("2026-10-01T00:07:00Z")));
        assert_eq!(hours.first(at("2026-10-01T00:07:00Z")), Some(at("2026-10-01T01:07:00Z")));
        let monday = cron("30 2 * * MON");
        assert_eq!(monday.first(at("2026-10-01T00:00:00Z")), Some(at("2026-10-05T02:30:00Z")));
        let leap = cron("0 0 29 2 *");
        assert_eq!(leap.first(at("2026-10-01T00:00:00Z")), Some(at("2028-02-29T00:00:00Z")));
        let quarters = cron("  */15   8-9 *\t* * ");
        assert_eq!(quarters.first(at("2026-10-01T09:45:00Z")), Some(at("2026-10-02T08:00:00Z")));
        let both = cron("0 0 13 * 5");
        assert_eq!(both.first(at("2026-10-01T00:00:00Z")), Some(at("2026-10-02T00:00:00Z")), "one of both days is enough");
        assert_eq!(cron("0 9 * * * +09:00").first(at("2026-10-01T01:00:00Z")), Some(at("2026-10-02T00:00:00Z")));
    }

    #[test]
    fn a_start_that_passes_during_a_run_is_skipped_and_counted() {
        let quarters = cron("*/15 * * * *");
        let (began, next) = (at("2026-10-01T10:00:00Z"), |ended: &str| quarters.next(at("2026-10-01T10:00:00Z"), at(ended)));
        let at_quarter = |text: &str, skipped| Some(Next { at: at(text), skipped });
        assert_eq!(next("2026-10-01T10:14:59Z"), at_quarter("2026-10-01T10:15:00Z", 0));
        assert_eq!(next("2026-10-01T10:15:00Z"), at_quarter("2026-10-01T10:15:00Z", 0), "it ended in the second of the start");
        assert_eq!(next("2026-10-01T10:15:01Z"), at_quarter("2026-10-01T10:30:00Z", 1));
        assert_eq!(next("2026-10-01T11:01:00Z"), at_quarter("2026-10-01T11:15:00Z", 4));
        assert_eq!(quarters.next(began, began), at_quarter("2026-10-01T10:15:00Z", 0), "never twice in one minute");
        assert_eq!(next("2026-10-01T09:00:00Z"), at_quarter("2026-10-01T10:15:00Z", 0), "a clock that was set back");
    }

    #[test]
    fn every_counts_from_the_start_of_the_run_before() {
        let every = Schedule::Every(Duration::from_secs(900));
        assert_eq!(every.first(50), Some(50));
        assert_eq!(every.next(1_000, 1_200), Some(Next { at: 1_900, skipped: 0 }));
        assert_eq!(every.next(1_000, 5_000), Some(Next { at: 5_000, skipped: 0 }));
    }

    #[test]
    fn a_month_has_so_many_runs() {
        let now = at("2026-10-01T00:00:30Z");
        assert_eq!(cron("*/15 * * * *").runs_a_month(now), 2_880);
        assert_eq!(cron("0 3 * * *").runs_a_month(now), 30);
        assert_eq!(Schedule::Every(Duration::from_secs(900)).runs_a_month(now), 2_880);
        assert_eq!(cron("0 3 * * *").runs_a_month(i64::MAX), 30, "whatever is called now");
    }

    #[test]
    fn mistakes_are_told_with_a_hint() {
        let said = |text: &str| Schedule::cron(text, at("2026-10-01T00:00:00Z")).unwrap_err().to_string();
        let all: Vec<String> = [
            "",
            "0 * * *",
            "61 * * * *",
            "0 0 * FOO *",
            "5-1 * * * *",
            "*/0 * * * *",
            "0 0 0 * * *",
            "0 0 * * * Mars/Base",
            "@hourly",
            "@x",
            "0 0 30 2 *",
        ]
        .iter()
        .map(|text| said(text))
        .collect();
        insta::assert_snapshot!(all.join("\n"));
    }
}
