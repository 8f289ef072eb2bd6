//! The period, and how busy each place is in each hour of it.
//!
//! The period is fixed: 2026-10-01 to 2026-10-30, UTC. Offices are in Tokyo, Seattle and Dublin, with their weekends,
//! holidays and clocks (Ireland leaves summer time on 2026-10-25).

use jiff::Timestamp;

/// First second of the period, in seconds since 1970: 2026-10-01T00:00:00Z.
pub(crate) const START: i64 = 1_790_812_800;
/// Hours in the period: 30 days.
pub(crate) const HOURS: i64 = 30 * 24;
/// First second after the period.
pub(crate) const END: i64 = START + HOURS * 3600;
/// Seconds in a day.
pub(crate) const DAY: i64 = 86_400;

/// Where people work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Head office.
    Tokyo,
    /// Engineering in North America.
    Seattle,
    /// Support and data engineering in Europe.
    Dublin,
}

/// All places.
pub(crate) const PLACES: [Place; 3] = [Place::Tokyo, Place::Seattle, Place::Dublin];

/// How busy an office is at each local hour of a working day, in thousandths.
const OFFICE_HOURS: [u64; 24] =
    [10, 5, 3, 3, 3, 5, 15, 60, 300, 800, 1000, 950, 450, 850, 1000, 950, 900, 750, 450, 250, 140, 80, 45, 20];

impl Place {
    /// Seconds to add to UTC at `time`.
    fn offset(self, time: i64) -> i64 {
        match self {
            Place::Tokyo => 9 * 3600,
            Place::Seattle => -7 * 3600,
            // Summer time ends on 25 October at 01:00 UTC.
            Place::Dublin if time < START + 24 * DAY + 3600 => 3600,
            Place::Dublin => 0,
        }
    }

    /// Days of October 2026 on which the office is closed although it is a working day of the week.
    fn holidays(self) -> &'static [i64] {
        match self {
            Place::Tokyo => &[12],   // Sports Day
            Place::Seattle => &[12], // Columbus Day
            Place::Dublin => &[26],  // October bank holiday
        }
    }

    /// How many people's worth of work the office does at `time`, in thousandths of its busiest hour.
    pub(crate) fn busy(self, time: i64) -> u64 {
        let local = time - START + self.offset(time);
        let day = local.div_euclid(DAY) + 1;
        let hour = local.rem_euclid(DAY) / 3600;
        let load = OFFICE_HOURS[hour as usize];
        if is_weekend(day) || self.holidays().contains(&day) { load / 25 } else { load }
    }
}

/// Whether a day of October 2026 (1 is the first, a Thursday) is a Saturday or Sunday.
fn is_weekend(day: i64) -> bool {
    matches!((day + 2).rem_euclid(7), 5 | 6)
}

/// Seconds since 1970 of a moment in October 2026, UTC.
pub(crate) fn october(day: i64, hour: i64, minute: i64) -> i64 {
    START + (day - 1) * DAY + hour * 3600 + minute * 60
}

/// `2026-10-01T00:00:00Z`.
pub(crate) fn rfc3339(time: i64) -> String {
    moment(time).to_string()
}

/// A time in the given `strftime` pattern, UTC.
pub(crate) fn format(time: i64, pattern: &str) -> String {
    moment(time).strftime(pattern).to_string()
}

fn moment(time: i64) -> Timestamp {
    Timestamp::from_second(time).expect("times lie within weeks of the period")
}

#[cfg(test)]
mod tests {
    use super::{END, Place, START, format, october, rfc3339};

    #[test]
    fn the_period_is_october_2026() {
        assert_eq!(rfc3339(START), "2026-10-01T00:00:00Z");
        assert_eq!(rfc3339(END), "2026-10-31T00:00:00Z");
        assert_eq!(format(START, "%A"), "Thursday");
        assert_eq!(rfc3339(october(12, 1, 30)), "2026-10-12T01:30:00Z");
    }

    #[test]
    fn weekends_and_holidays_are_quiet() {
        let monday_ten = october(5, 1, 0); // 10:00 in Tokyo
        assert_eq!(Place::Tokyo.busy(monday_ten), 1000);
        assert_eq!(Place::Tokyo.busy(october(3, 1, 0)), 40); // Saturday
        assert_eq!(Place::Tokyo.busy(october(12, 1, 0)), 40); // Sports Day
        assert_eq!(Place::Dublin.busy(october(23, 9, 0)), 1000); // Friday, 10:00 summer time
        assert_eq!(Place::Dublin.busy(october(27, 10, 0)), 1000); // Tuesday, 10:00 winter time
    }
}
