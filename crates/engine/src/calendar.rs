//! Working hours, weekends and holidays: what `calendar.*` in a policy rests on.
//!
//! The time zone is a fixed distance from UTC. Rules of daylight saving time would have to come from the system's zone files,
//! and what a policy says may not depend on the machine.

pub mod japan;

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The days that a record's time can name, from 0000-01-01 to 9999-12-31, in days since 1970-01-01.
pub const ALL_DAYS: RangeInclusive<i64> = -719_528..=2_932_896;

/// When people work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// The zone's distance from UTC in seconds, east is positive.
    pub offset_seconds: i32,
    /// Working hours in seconds since the zone's midnight; the end is the first second after them.
    pub hours: Range<u32>,
    /// Which days of the week are worked, from Monday on.
    pub working_days: [bool; 7],
    /// Holidays by day since 1970-01-01, with their names. They count on weekends too.
    pub holidays: BTreeMap<i64, String>,
    /// The days since 1970-01-01 whose holidays are all known; at most [`ALL_DAYS`].
    pub known: RangeInclusive<i64>,
}

/// What kind of day it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayKind {
    /// A day that is worked.
    WorkingDay,
    /// A day of the week that is not worked.
    Weekend,
    /// A holiday, on whichever day of the week.
    Holiday,
}

impl DayKind {
    /// The value of `calendar.day`.
    pub fn name(self) -> &'static str {
        match self {
            DayKind::WorkingDay => "working-day",
            DayKind::Weekend => "weekend",
            DayKind::Holiday => "holiday",
        }
    }
}

/// What the calendar says of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment<'c> {
    /// The day.
    pub day: DayKind,
    /// The holiday's name, if it is one.
    pub holiday: Option<&'c str>,
    /// Whether it is a working day and within working hours.
    pub working: bool,
}

impl Calendar {
    /// Monday to Friday from 09:00 to 18:00 Japan Standard Time, but for Japan's national holidays. Policy tests use it.
    pub fn of_japan() -> Calendar {
        let days = [true, true, true, true, true, false, false];
        let calendar = Calendar {
            offset_seconds: japan::OFFSET_SECONDS,
            hours: 9 * 3_600..18 * 3_600,
            working_days: days,
            holidays: BTreeMap::new(),
            known: ALL_DAYS,
        };
        calendar.with_holidays_of_japan()
    }

    /// Adds the national holidays of Japan; where a day has a name already, that one stays. Of days outside the years for
    /// which they can be computed nothing is known then.
    #[must_use]
    pub fn with_holidays_of_japan(mut self) -> Calendar {
        for (day, name) in japan::YEARS.flat_map(japan::holidays) {
            self.holidays.entry(day).or_insert_with(|| name.to_owned());
        }
        self.known = day(*japan::YEARS.start(), 1, 1)..=day(*japan::YEARS.end(), 12, 31);
        self
    }

    /// What the calendar says of a time in seconds since 1970 UTC; `None` if the holidays of that day are not known.
    pub fn at(&self, time: i64) -> Option<Moment<'_>> {
        let local = time.saturating_add(i64::from(self.offset_seconds));
        let (day, second) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        if !self.known.contains(&day) {
            return None;
        }
        let holiday = self.holidays.get(&day).map(String::as_str);
        let worked = self.working_days.get(weekday(day)).copied().unwrap_or(false);
        let kind = match (holiday, worked) {
            (Some(_), _) => DayKind::Holiday,
            (None, true) => DayKind::WorkingDay,
            (None, false) => DayKind::Weekend,
        };
        let within = u32::try_from(second).is_ok_and(|second| self.hours.contains(&second));
        Some(Moment { day: kind, holiday, working: kind == DayKind::WorkingDay && within })
    }
}

/// Days since 1970-01-01 of a day that exists in the Gregorian calendar.
fn day(year: i64, month: i64, day: i64) -> i64 {
    crate::time::days_from_civil(year, month, day).expect("only days that exist in every year are asked for")
}

/// The day of the week, 0 for Monday; 1970-01-01 was a Thursday.
fn weekday(day: i64) -> usize {
    usize::try_from((day + 3).rem_euclid(7)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> (&'static str, Option<String>, bool) {
        let calendar = Calendar::of_japan();
        let moment = calendar.at(crate::time::parse(text).unwrap()).unwrap();
        (moment.day.name(), moment.holiday.map(str::to_owned), moment.working)
    }

    #[test]
    fn the_edges_of_hours_days_and_zone() {
        // 2026-11-20 is a Friday; nine o'clock in Tokyo is midnight in UTC.
        assert_eq!(at("2026-11-19T23:59:59Z"), ("working-day", None, false));
        assert_eq!(at("2026-11-20T00:00:00Z"), ("working-day", None, true));
        assert_eq!(at("2026-11-20T08:59:59Z"), ("working-day", None, true));
        assert_eq!(at("2026-11-20T09:00:00Z"), ("working-day", None, false));
        // Friday's last second and Saturday's first in Tokyo.
        assert_eq!(at("2026-11-20T14:59:59Z").0, "working-day");
        assert_eq!(at("2026-11-20T15:00:00Z"), ("weekend", None, false));
        assert_eq!(at("2026-11-22T14:59:59Z").0, "weekend");
        assert_eq!(at("2026-11-22T15:00:00Z"), ("holiday", Some("Labor Thanksgiving Day".to_owned()), false));
        assert_eq!(at("2026-11-23T03:00:00Z"), ("holiday", Some("Labor Thanksgiving Day".to_owned()), false));
        assert_eq!(at("2026-11-23T15:00:00Z").0, "working-day");
    }

    #[test]
    fn west_of_utc_and_without_holidays() {
        let calendar = Calendar {
            offset_seconds: -5 * 3_600,
            hours: 0..86_400,
            working_days: [false, false, false, false, false, false, true],
            holidays: BTreeMap::from([(0, "The first day".to_owned())]),
            known: ALL_DAYS,
        };
        let at = |time| calendar.at(time).unwrap();
        // 1969-12-31 was a Wednesday, 1970-01-04 a Sunday.
        assert_eq!(at(5 * 3_600 - 1).day, DayKind::Weekend);
        assert_eq!(at(5 * 3_600).holiday, Some("The first day"));
        assert!(at(3 * DAY + 5 * 3_600).working && at(4 * DAY + 5 * 3_600 - 1).working && !at(4 * DAY + 5 * 3_600).working);
        assert_eq!(calendar.at(i64::MAX), None);
        assert_eq!(ALL_DAYS, day(0, 1, 1)..=day(9999, 12, 31));
    }

    #[test]
    fn of_years_whose_holidays_are_not_known_nothing_is_said() {
        let calendar = Calendar::of_japan();
        let at = |text| calendar.at(crate::time::parse(text).unwrap());
        assert_eq!(at("1999-12-31T14:59:59Z"), None);
        assert_eq!(at("1999-12-31T15:00:00Z").unwrap().holiday, Some("New Year's Day"));
        assert!(at("2099-12-31T14:59:59Z").is_some());
        assert_eq!(at("2099-12-31T15:00:00Z"), None);
    }

    #[test]
    fn a_name_of_the_users_own_stays() {
        let own = Calendar { holidays: BTreeMap::from([(day(2026, 1, 1), "Ours".to_owned())]), ..Calendar::of_japan() };
        assert_eq!(own.with_holidays_of_japan().holidays[&day(2026, 1, 1)], "Ours");
    }
}
