//! The national holidays of Japan, computed by the rules of law.
//!
//! Act on National Holidays (Act No. 178 of 1948) as amended: Happy Mondays (Act No. 141 of 1998, in force from 2000, and Act
//! No. 59 of 2001, from 2003), Showa Day and the later rule for substitutes (Act No. 43 of 2005, from 2007), Mountain Day (Act
//! No. 43 of 2014, from 2016), Emperor's Birthday and Sports Day (Acts No. 63 of 2017 and No. 57 of 2018). Holidays of single
//! years: the accession and the enthronement of 2019 (Act No. 99 of 2018), the days that moved for the Olympic Games of 2020 and
//! again for those of 2021 (the Act on Special Measures for the Games, as amended in 2018 and 2020).
//!
//! Names are the Cabinet Office's in English; what it calls just a holiday, the days of article 3, is told apart here.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::{day, weekday};

/// Japan Standard Time in seconds east of UTC. There is no daylight saving time (IANA time zone database, `Asia/Tokyo`: none
/// since 1951).
pub const OFFSET_SECONDS: i32 = 9 * 3_600;

/// The years for which [`holidays`] is right, as far as the law of 2026 goes.
pub const YEARS: RangeInclusive<i64> = 2000..=2099;

/// Article 3, paragraph 2: in place of a holiday that falls on a Sunday.
const SUBSTITUTE: &str = "Substitute Holiday";
/// Article 3, paragraph 3: a day between two holidays.
const BETWEEN: &str = "Citizens' Holiday";

const MONDAY: usize = 0;
const SUNDAY: usize = 6;

/// The holidays of a year by day since 1970-01-01, with their names. Right within [`YEARS`].
pub fn holidays(year: i64) -> BTreeMap<i64, &'static str> {
    let named = national(year);
    let mut all = named.clone();
    for &sunday in named.keys().filter(|day| weekday(**day) == SUNDAY) {
        // Until 2006 the next day, which was never a holiday itself; since 2007 the first one that is none.
        let free = (sunday + 1..).find(|day| !named.contains_key(day));
        all.extend(free.map(|day| (day, SUBSTITUTE)));
    }
    for &before in named.keys() {
        let between = before + 1;
        // Until 2006 neither a Sunday nor a substitute; since then the case does not arise.
        if named.contains_key(&(between + 1)) && !all.contains_key(&between) && weekday(between) != SUNDAY {
            all.insert(between, BETWEEN);
        }
    }
    all
}

/// The days that article 2, and laws for single years, name as national holidays.
fn national(year: i64) -> BTreeMap<i64, &'static str> {
    let on = |month, day_of_month| day(year, month, day_of_month);
    // The n-th Monday of a month.
    let monday = |month, nth: usize| (on(month, 1)..).filter(|day| weekday(*day) == MONDAY).nth(nth - 1).unwrap_or_default();
    let since = |first: i64, then: i64, before: i64| if year >= first { then } else { before };
    let mut days = BTreeMap::from([
        (on(1, 1), "New Year's Day"),
        (monday(1, 2), "Coming of Age Day"),
        (on(2, 11), "National Foundation Day"),
        (on(3, vernal_equinox(year)), "Vernal Equinox Day"),
        (on(4, 29), if year >= 2007 { "Showa Day" } else { "Greenery Day" }),
        (on(5, 3), "Constitution Memorial Day"),
        (on(5, 5), "Children's Day"),
        (since(2003, monday(9, 3), on(9, 15)), "Respect for the Aged Day"),
        (on(9, autumnal_equinox(year)), "Autumnal Equinox Day"),
        (on(11, 3), "Culture Day"),
        (on(11, 23), "Labor Thanksgiving Day"),
    ]);
    if year >= 2007 {
        days.insert(on(5, 4), "Greenery Day");
    }
    // In 2019 there was none: the birthday of the emperor who acceded in May had passed.
    match year {
        ..2019 => drop(days.insert(on(12, 23), "Emperor's Birthday")),
        2019 => days.extend([(on(5, 1), "Day of the Accession"), (on(10, 22), "Day of the Enthronement Ceremony")]),
        2020.. => drop(days.insert(on(2, 23), "Emperor's Birthday")),
    }
    let (marine, mountain, sports) = match year {
        2020 => (on(7, 23), on(8, 10), on(7, 24)),
        2021 => (on(7, 22), on(8, 8), on(7, 23)),
        _ => (since(2003, monday(7, 3), on(7, 20)), on(8, 11), monday(10, 2)),
    };
    days.insert(marine, "Marine Day");
    days.insert(sports, if year >= 2020 { "Sports Day" } else { "Health and Sports Day" });
    if year >= 2016 {
        days.insert(mountain, "Mountain Day");
    }
    days
}

/// The day of March on which the sun crosses the equator in Japan, by the usual approximation for 1980 to 2099. The National
/// Astronomical Observatory announces the day itself in February of the year before.
fn vernal_equinox(year: i64) -> i64 {
    equinox(208_431, year)
}

/// The same for September.
fn autumnal_equinox(year: i64) -> i64 {
    equinox(232_488, year)
}

/// ⌊base + 0.242194 (year − 1980)⌋ − ⌊(year − 1980) / 4⌋, where `base` is in ten-thousandths.
fn equinox(base: i64, year: i64) -> i64 {
    let years = year - 1980;
    (base * 100 + 242_194 * years).div_euclid(1_000_000) - years.div_euclid(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each holiday as `MM-DD name`, in order.
    fn written(year: i64) -> Vec<String> {
        let line = |(day, name): (i64, &str)| format!("{} {name}", crate::time::format(day * 86_400).get(5..10).unwrap());
        holidays(year).into_iter().map(line).collect()
    }

    fn days(year: i64) -> String {
        written(year).iter().map(|line| line.get(..5).unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_year_of_the_accession_with_ten_days_in_a_row() {
        assert_eq!(
            written(2019),
            [
                "01-01 New Year's Day",
                "01-14 Coming of Age Day",
                "02-11 National Foundation Day",
                "03-21 Vernal Equinox Day",
                "04-29 Showa Day",
                "04-30 Citizens' Holiday",
                "05-01 Day of the Accession",
                "05-02 Citizens' Holiday",
                "05-03 Constitution Memorial Day",
                "05-04 Greenery Day",
                "05-05 Children's Day",
                "05-06 Substitute Holiday",
                "07-15 Marine Day",
                "08-11 Mountain Day",
                "08-12 Substitute Holiday",
                "09-16 Respect for the Aged Day",
                "09-23 Autumnal Equinox Day",
                "10-14 Health and Sports Day",
                "10-22 Day of the Enthronement Ceremony",
                "11-03 Culture Day",
                "11-04 Substitute Holiday",
                "11-23 Labor Thanksgiving Day",
            ]
        );
    }

    #[test]
    fn the_years_of_the_games() {
        assert_eq!(
            written(2020),
            [
                "01-01 New Year's Day",
                "01-13 Coming of Age Day",
                "02-11 National Foundation Day",
                "02-23 Emperor's Birthday",
                "02-24 Substitute Holiday",
                "03-20 Vernal Equinox Day",
                "04-29 Showa Day",
                "05-03 Constitution Memorial Day",
                "05-04 Greenery Day",
                "05-05 Children's Day",
                "05-06 Substitute Holiday",
                "07-23 Marine Day",
                "07-24 Sports Day",
                "08-10 Mountain Day",
                "09-21 Respect for the Aged Day",
                "09-22 Autumnal Equinox Day",
                "11-03 Culture Day",
                "11-23 Labor Thanksgiving Day",
            ]
        );
        assert_eq!(
            written(2021),
            [
                "01-01 New Year's Day",
                "01-11 Coming of Age Day",
                "02-11 National Foundation Day",
                "02-23 Emperor's Birthday",
                "03-20 Vernal Equinox Day",
                "04-29 Showa Day",
                "05-03 Constitution Memorial Day",
                "05-04 Greenery Day",
                "05-05 Children's Day",
                "07-22 Marine Day",
                "07-23 Sports Day",
                "08-08 Mountain Day",
                "08-09 Substitute Holiday",
                "09-20 Respect for the Aged Day",
                "09-23 Autumnal Equinox Day",
                "11-03 Culture Day",
                "11-23 Labor Thanksgiving Day",
            ]
        );
    }

    #[test]
    fn a_day_between_two_holidays_and_a_substitute_two_days_later() {
        assert_eq!(
            written(2026),
            [
                "01-01 New Year's Day",
                "01-12 Coming of Age Day",
                "02-11 National Foundation Day",
                "02-23 Emperor's Birthday",
                "03-20 Vernal Equinox Day",
                "04-29 Showa Day",
                "05-03 Constitution Memorial Day",
                "05-04 Greenery Day",
                "05-05 Children's Day",
                "05-06 Substitute Holiday",
                "07-20 Marine Day",
                "08-11 Mountain Day",
                "09-21 Respect for the Aged Day",
                "09-22 Citizens' Holiday",
                "09-23 Autumnal Equinox Day",
                "10-12 Sports Day",
                "11-03 Culture Day",
                "11-23 Labor Thanksgiving Day",
            ]
        );
    }

    /// Before the amendments, and the first years after them.
    #[test]
    fn the_rules_of_their_time() {
        assert_eq!(
            written(2002),
            [
                "01-01 New Year's Day",
                "01-14 Coming of Age Day",
                "02-11 National Foundation Day",
                "03-21 Vernal Equinox Day",
                "04-29 Greenery Day",
                "05-03 Constitution Memorial Day",
                "05-04 Citizens' Holiday",
                "05-05 Children's Day",
                "05-06 Substitute Holiday",
                "07-20 Marine Day",
                "09-15 Respect for the Aged Day",
                "09-16 Substitute Holiday",
                "09-23 Autumnal Equinox Day",
                "10-14 Health and Sports Day",
                "11-03 Culture Day",
                "11-04 Substitute Holiday",
                "11-23 Labor Thanksgiving Day",
                "12-23 Emperor's Birthday",
            ]
        );
        // In 2003 May 4 was a Sunday and no holiday, in 1998 and 2009 May 3 was one.
        assert!(!days(2003).contains("05-04") && days(2003).contains("07-21") && days(2003).contains("09-15"));
        assert_eq!(days(2009).matches("05-0").count(), 4);
        assert!(days(2009).contains("09-21 09-22 09-23") && days(2015).contains("09-21 09-22 09-23"));
        assert!(!days(2015).contains("08-11") && days(2016).contains("08-11"));
        assert!(days(2018).contains("12-23 12-24") && !days(2019).contains("12-23") && !days(2019).contains("02-23"));
    }

    /// Announced or computed days of both equinoxes on either side of each change of the day.
    #[test]
    fn equinoxes() {
        let both = |year| (vernal_equinox(year), autumnal_equinox(year));
        for (year, expected) in [
            (2000, (20, 23)),
            (2003, (21, 23)),
            (2008, (20, 23)),
            (2011, (21, 23)),
            (2012, (20, 22)),
            (2016, (20, 22)),
            (2023, (21, 23)),
            (2024, (20, 22)),
            (2025, (20, 23)),
            (2027, (21, 23)),
            (2092, (19, 22)),
        ] {
            assert_eq!(both(year), expected, "{year}");
        }
    }
}
