//! What happens on an ordinary day, and how much of it in each hour.
//!
//! Traffic comes in bouts: somebody works for some minutes, a deployment runs, a fleet grows. Each kind of bout has a
//! weight for every hour; an hour's share of the asked number of records follows from the sum of its weights.

mod changes;
mod machines;
mod people;

use crate::demo::calendar::{HOURS, PLACES, Place, START};
use crate::demo::cast::Cast;
use crate::demo::stage::Stage;

pub(crate) use changes::{failed_login, plan};
pub(crate) use machines::ci_session;

/// A kind of bout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bout {
    /// A person at work, from this place.
    Person(Place),
    /// A deployment by the CI, started from this place.
    Deployment(Place),
    /// Terraform compares what is with what should be.
    Drift,
    /// A fleet grows.
    Growth,
    /// A fleet shrinks.
    Shrinkage,
    /// Applications on instances read and write.
    Applications,
    /// AWS Config looks at everything it records.
    Recorder,
    /// Security's hub role goes through an account.
    Sweep,
    /// Nightly backups.
    Backup,
    /// Functions run.
    Functions,
    /// The monitoring vendor reads.
    Vendor,
    /// The old file transfer user.
    Transfer,
    /// Queries over the data lake.
    Analysis,
    /// What AWS services report by themselves.
    Reports,
}

/// The bouts and their weights at `time`.
fn weights(time: i64) -> Vec<(Bout, u64)> {
    let hour = (time - START).rem_euclid(86_400) / 3600;
    let office: u64 = PLACES.iter().map(|place| place.busy(time)).sum();
    let night = |hours: &[i64], weight: u64| if hours.contains(&hour) { weight } else { 0 };
    let mut bouts = Vec::with_capacity(20);
    for place in PLACES {
        let share = if place == Place::Tokyo { 10 } else { 6 };
        bouts.push((Bout::Person(place), place.busy(time) * share));
        bouts.push((Bout::Deployment(place), place.busy(time) * share / 5));
    }
    bouts.extend([
        (Bout::Drift, 500 + night(&[0, 6, 12, 18], 4000)),
        (Bout::Growth, 300 + office * 2 / 3),
        (Bout::Shrinkage, 900 - (office / 4).min(700)),
        (Bout::Applications, 1600 + office),
        (Bout::Recorder, 900),
        (Bout::Sweep, 100 + night(&[17, 18, 19], 5000)),
        (Bout::Backup, night(&[15, 16, 20], 4000)),
        (Bout::Functions, 1000 + office / 2),
        (Bout::Vendor, 1100),
        (Bout::Transfer, 250),
        (Bout::Analysis, 300 + office),
        (Bout::Reports, 100),
    ]);
    bouts
}

/// How much of the period's traffic lies before the end of each hour.
#[derive(Debug)]
pub(crate) struct Pace {
    until: Vec<u64>,
}

impl Pace {
    /// The pace over the whole period.
    pub(crate) fn new() -> Self {
        let mut sum = 0;
        let until = (0..HOURS)
            .map(|hour| {
                sum += weights(START + hour * 3600).iter().map(|bout| bout.1).sum::<u64>();
                sum
            })
            .collect();
        Pace { until }
    }

    /// How many of `records` are due by the end of `hour` (0 is the first hour of the period).
    pub(crate) fn due(&self, records: u64, hour: i64) -> u64 {
        let whole = self.until.last().copied().unwrap_or(1).max(1);
        let part = self.until.get(hour as usize).copied().unwrap_or(whole);
        (u128::from(records) * u128::from(part) / u128::from(whole)) as u64
    }
}

/// One bout somewhere in the hour that begins at `hour`.
pub(crate) fn bout(stage: &mut Stage<'_>, cast: &mut Cast, hour: i64) {
    let bouts = weights(hour);
    let mut ticket = stage.random.below(bouts.iter().map(|bout| bout.1).sum());
    stage.now = hour + stage.random.between(0, 3599);
    let drawn = bouts.iter().find(|(_, weight)| {
        let found = ticket < *weight;
        ticket = ticket.saturating_sub(*weight);
        found
    });
    match drawn.map_or(Bout::Reports, |bout| bout.0) {
        Bout::Person(place) => people::work(stage, cast, place),
        Bout::Deployment(place) => machines::deployment(stage, cast, place),
        Bout::Drift => machines::drift(stage, cast),
        Bout::Growth => machines::growth(stage, cast),
        Bout::Shrinkage => machines::shrinkage(stage, cast),
        Bout::Applications => machines::applications(stage, cast),
        Bout::Recorder => machines::recorder(stage, cast),
        Bout::Sweep => machines::sweep(stage, cast),
        Bout::Backup => machines::backup(stage, cast),
        Bout::Functions => machines::functions(stage, cast),
        Bout::Vendor => machines::vendor(stage, cast),
        Bout::Transfer => machines::transfer(stage, cast),
        Bout::Analysis => machines::analysis(stage, cast),
        Bout::Reports => machines::reports(stage),
    }
}
