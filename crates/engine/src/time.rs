//! Event times as seconds since 1970-01-01T00:00:00Z.

use jiff::civil::DateTime;
use jiff::{Timestamp, ToSpan};

/// Reads a CloudTrail time such as `2026-11-22T08:00:00Z` (a fraction of a second is dropped).
///
/// Only UTC with `Z` is accepted: that is what CloudTrail writes (AWS CloudTrail record contents, `eventTime`).
pub fn parse(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let (&last, rest) = bytes.split_last()?;
    if last != b'Z' || rest.len() < 19 {
        return None;
    }
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        rest.get(range)?.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !marks.iter().all(|&(at, mark)| rest.get(at) == Some(&mark)) {
        return None;
    }
    match rest.get(19..)? {
        [] => {}
        [b'.', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {}
        _ => return None,
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let days = days_from_civil(year, month, day)?;
    (hour < 24 && minute < 60 && second < 60).then_some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; `None` if there is no such day.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=longest).contains(&day) {
        return None;
    }
    // Years run from March, so that the leap day is the last: day of year is then linear in the month.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    Some(year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468)
}

/// `2026-11-22T08:00:00Z`.
pub fn format(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// A part of a time that Sigma's time modifiers extract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// The part of a time in UTC; weeks are those of ISO 8601. `None` if the text is not a CloudTrail time.
pub(crate) fn part(text: &str, part: Part) -> Option<f64> {
    // Not by way of a timestamp: those of jiff end a day before the year 9999 does.
    let civil: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0).checked_add(parse(text)?.seconds()).ok()?;
    Some(match part {
        Part::Minute => f64::from(civil.minute()),
        Part::Hour => f64::from(civil.hour()),
        Part::Day => f64::from(civil.day()),
        Part::Week => f64::from(civil.date().iso_week_date().week()),
        Part::Month => f64::from(civil.month()),
        Part::Year => f64::from(civil.year()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_agree_with_jiff() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2000-02-29T23:59:59Z",
            "2026-11-22T08:00:00Z",
            "1969-12-31T23:59:59Z",
            "2100-03-01T00:00:00Z",
        ] {
            let expected: Timestamp = text.parse().unwrap();
            assert_eq!(parse(text), Some(expected.as_second()), "{text}");
            assert_eq!(format(expected.as_second()), text);
        }
        assert_eq!(parse("2026-11-22T08:00:00.123Z"), parse("2026-11-22T08:00:00Z"));
    }

    #[test]
    fn what_is_not_a_cloudtrail_time_is_refused() {
        for text in [
            "",
            "Z",
            "2026-11-22",
            "2026-11-22T08:00:00",
            "2026-02-30T08:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22 08:00:00Z",
            "2026-11-22T08:00:00+09:00",
            "2026-11-22T08:00:00.Z",
            "２０26-11-22T08:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn parts_are_utc() {
        let text = "2026-01-01T23:45:10Z";
        let of = |which| part(text, which).unwrap();
        assert_eq!(
            [of(Part::Minute), of(Part::Hour), of(Part::Day), of(Part::Week), of(Part::Month), of(Part::Year)],
            [45.0, 23.0, 1.0, 1.0, 1.0, 2026.0]
        );
        assert_eq!(part("9999-12-31T23:59:59Z", Part::Day), Some(31.0));
        assert_eq!(part("0000-01-01T00:00:00Z", Part::Year), Some(0.0));
    }
}
