//! Periods as people name them: a day, a month, a quarter, a year, a fiscal year; in one zone, counted in seconds of UTC.

use jiff::civil::Date;

/// From the first second to the first one after, seconds since 1970 UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedPeriod {
    /// As it was asked for.
    pub(crate) name: String,
    /// First second.
    pub(crate) since: i64,
    /// First second after it.
    pub(crate) until: i64,
}

/// How days and years are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reckoning {
    /// Seconds east of UTC at which days begin.
    pub(crate) offset_seconds: i32,
    /// The month in which a fiscal year begins, 1 to 12.
    pub(crate) fiscal_year_start: u8,
}

/// What to write instead.
const FORMS: &str = "write a day (2026-10-05), a month (2026-10), a quarter (2026-Q4), a year (2026), a fiscal year (FY2026) or a \
                     quarter of one (FY2026-Q1), or two days with dots between (2026-10-01..2026-10-15)";

impl Reckoning {
    /// Reads a period. A fiscal year has the name of the calendar year in which it begins.
    ///
    /// # Errors
    /// What to write instead.
    pub(crate) fn period(self, text: &str) -> Result<NamedPeriod, String> {
        let (first, after) = self.days(text).ok_or(FORMS)?;
        let (since, until) = (self.start(first), self.start(after));
        if since >= until {
            return Err(format!("the period ends before it begins: {FORMS}"));
        }
        Ok(NamedPeriod { name: text.to_owned(), since, until })
    }

    /// The first day, and the first day after.
    fn days(self, text: &str) -> Option<(Date, Date)> {
        if let Some((first, last)) = text.split_once("..") {
            return Some((day(first)?, day(last)?.tomorrow().ok()?));
        }
        if let Some(fiscal) = text.strip_prefix("FY") {
            let (year, quarter) = year_and_quarter(fiscal)?;
            let start = month(year, self.fiscal_year_start)?;
            return within_year(start, quarter);
        }
        match text.len() {
            10 => day(text).and_then(|day| Some((day, day.tomorrow().ok()?))),
            7 if !text.contains('Q') => {
                let (year, of_year) = text.split_once('-')?;
                let start = month(digits(year, 4)?, u8::try_from(digits(of_year, 2)?).ok()?)?;
                Some((start, months_later(start, 1)?))
            }
            _ => {
                let (year, quarter) = year_and_quarter(text)?;
                within_year(month(year, 1)?, quarter)
            }
        }
    }

    /// The first second of a day in this zone.
    fn start(self, day: Date) -> i64 {
        let midnight = day.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp().as_second());
        // A day of the years 1 to 9999 has a midnight in UTC.
        midnight.unwrap_or_default() - i64::from(self.offset_seconds)
    }
}

/// `90d`: so many days. None if it is written otherwise, or is more than a century.
pub(crate) fn days_back(text: &str) -> Option<i64> {
    let days = text.strip_suffix('d').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    days.parse().ok().filter(|days| (1..=36_525).contains(days))
}

/// A year, or one of its quarters.
fn within_year(start: Date, quarter: Option<i32>) -> Option<(Date, Date)> {
    match quarter {
        None => Some((start, months_later(start, 12)?)),
        Some(quarter) => Some((months_later(start, (quarter - 1) * 3)?, months_later(start, quarter * 3)?)),
    }
}

/// `2026`, `2026-Q3`.
fn year_and_quarter(text: &str) -> Option<(i32, Option<i32>)> {
    match text.split_once("-Q") {
        None => Some((digits(text, 4)?, None)),
        Some((year, quarter)) => {
            let quarter = digits(quarter, 1).filter(|quarter| (1..=4).contains(quarter))?;
            Some((digits(year, 4)?, Some(quarter)))
        }
    }
}

fn digits(text: &str, count: usize) -> Option<i32> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

fn day(text: &str) -> Option<Date> {
    (text.len() == 10).then(|| text.parse().ok())?
}

fn month(year: i32, month: u8) -> Option<Date> {
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, 1).ok()
}

fn months_later(day: Date, months: i32) -> Option<Date> {
    day.checked_add(jiff::Span::new().months(months)).ok()
}

#[cfg(test)]
mod tests {
    use assize_engine::time;

    use super::*;

    fn read(text: &str, offset_seconds: i32) -> String {
        let period = Reckoning { offset_seconds, fiscal_year_start: 4 }.period(text).unwrap();
        format!("{} {}", time::format(period.since), time::format(period.until))
    }

    #[test]
    fn every_form_is_read() {
        for (text, expected) in [
            ("2026-10-05", "2026-10-05T00:00:00Z 2026-10-06T00:00:00Z"),
            ("2026-12-31", "2026-12-31T00:00:00Z 2027-01-01T00:00:00Z"),
            ("2026-02", "2026-02-01T00:00:00Z 2026-03-01T00:00:00Z"),
            ("2026-Q4", "2026-10-01T00:00:00Z 2027-01-01T00:00:00Z"),
            ("2026", "2026-01-01T00:00:00Z 2027-01-01T00:00:00Z"),
            ("FY2026", "2026-04-01T00:00:00Z 2027-04-01T00:00:00Z"),
            ("FY2026-Q4", "2027-01-01T00:00:00Z 2027-04-01T00:00:00Z"),
            ("2026-10-01..2026-10-15", "2026-10-01T00:00:00Z 2026-10-16T00:00:00Z"),
        ] {
            assert_eq!(read(text, 0), expected, "{text}");
        }
        assert_eq!(read("2026-10-05", 9 * 3600), "2026-10-04T15:00:00Z 2026-10-05T15:00:00Z");
    }

    #[test]
    fn days_are_counted_back() {
        assert_eq!((days_back("90d"), days_back("1d"), days_back("36525d")), (Some(90), Some(1), Some(36_525)));
        for wrong in ["", "d", "0d", "-1d", "+1d", "90", "36526d", "99999999999999999999d", "1.5d", "90D"] {
            assert_eq!(days_back(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_period_is_refused() {
        let reckoning = Reckoning { offset_seconds: 0, fiscal_year_start: 1 };
        for wrong in [
            "",
            "2026-13",
            "2026-02-30",
            "2026-Q5",
            "2026-Q0",
            "FY",
            "FY26",
            "2026-1",
            "26",
            "..",
            "2026-10-05..2026-10-01",
            "now",
        ] {
            assert!(reckoning.period(wrong).is_err(), "{wrong}");
        }
    }
}
