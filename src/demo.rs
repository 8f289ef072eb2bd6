//! A synthetic organisation for `assize demo`: six accounts, four regions, thirty days of CloudTrail logs with a dozen
//! incidents hidden in ordinary traffic.
//!
//! The same [`Spec`] gives the same bytes on every platform and build. Nothing in it belongs to anybody: account ids,
//! addresses and domains are of the kinds reserved for examples. Memory stays within a few hours of records.

mod calendar;
mod calls;
mod cast;
mod delivery;
mod estate;
mod incidents;
mod json;
mod random;
mod record;
mod session;
mod stage;
#[cfg(test)]
mod tests;
mod traffic;

use calendar::{END, HOURS, START, rfc3339};
use cast::Cast;
use delivery::Delivery;
use estate::{Estate, MEMBERS, ORGANISATION, REGIONS};
use random::Random;
use stage::{Record, Stage};
use traffic::Pace;

/// From how many records on the month has all of its ordinary changes; smaller ones have fewer.
const FULL_MONTH: u64 = 50_000;

/// What to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spec {
    /// About how many records to write, duplicates included; within 5 % from 1,000 on. The incidents, about 500 records,
    /// are always written.
    pub(crate) events: u64,
    /// Another seed gives other identifiers, minutes and traffic.
    pub(crate) seed: u64,
}

impl Default for Spec {
    fn default() -> Self {
        Spec { events: 50_000, seed: 7 }
    }
}

/// One log object, as CloudTrail puts it into a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogObject {
    /// `AWSLogs/<organisation>/<account>/CloudTrail/<region>/YYYY/MM/DD/<name>.json.gz`, with delivery time in the path.
    pub(crate) key: String,
    /// One gzip member that holds `{"Records":[…]}`.
    pub(crate) bytes: Vec<u8>,
}

/// An account of the organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// Twelve digits.
    pub(crate) id: String,
    /// For example `kaigan-web-prod`.
    pub(crate) name: String,
    /// `management`, `security`, `dev` or `prod`.
    pub(crate) env: String,
    /// Keys and values, some in Japanese.
    pub(crate) tags: Vec<(String, String)>,
}

/// Something that went wrong and that a policy should find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Incident {
    /// What happened, in a sentence without a full stop.
    pub(crate) title: &'static str,
    /// The account that recorded it.
    pub(crate) account: String,
    /// The region that recorded it.
    pub(crate) region: String,
    /// Event time of the telling record, RFC 3339, UTC.
    pub(crate) time: String,
    /// The id of the built-in policy that should match the telling record.
    pub(crate) policy: &'static str,
    /// Who did it: the ARN of the principal.
    pub(crate) actor: String,
    /// `eventID` of the telling record.
    pub(crate) event_id: String,
}

/// What was generated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// The organisation's id, part of every key.
    pub(crate) organisation: &'static str,
    /// All accounts, by id.
    pub(crate) accounts: Vec<Account>,
    /// Names of all regions.
    pub(crate) regions: Vec<&'static str>,
    /// First second of the period, RFC 3339, UTC.
    pub(crate) since: String,
    /// First second after the period, RFC 3339, UTC.
    pub(crate) until: String,
    /// Earliest event time, RFC 3339, UTC.
    pub(crate) first: String,
    /// Latest event time, RFC 3339, UTC.
    pub(crate) last: String,
    /// Records written, duplicates and Insights included.
    pub(crate) records: u64,
    /// Records without the second copies: `records` less the duplicates.
    pub(crate) distinct: u64,
    /// Insight records among `records`; they lie in objects of their own.
    pub(crate) insights: u64,
    /// Objects given to the sink.
    pub(crate) objects: u64,
    /// What a policy should find, by time.
    pub(crate) incidents: Vec<Incident>,
}

/// Writes the organisation's logs, object by object in the order of delivery, to `sink`.
///
/// # Errors
///
/// Whatever `sink` returns first; nothing else fails.
pub(crate) fn generate<E>(spec: &Spec, sink: &mut dyn FnMut(LogObject) -> Result<(), E>) -> Result<Summary, E> {
    let seed = Random::new(spec.seed);
    let estate = Estate::new(&mut seed.fork(1));
    let mut delivery = Delivery::new(seed.fork(2));
    let mut cast = Cast::new(seed.fork(3));

    let (planned, incidents) = planned(spec, &seed, &estate);
    for record in planned {
        delivery.take(record);
    }
    let pace = Pace::new();
    let before = delivery.records;
    let ordinary = spec.events.saturating_sub(before);
    let mut random = seed.fork(6);
    for hour in 0..HOURS {
        let begin = START + hour * 3600;
        while delivery.records - before < pace.due(ordinary, hour) {
            let mut records = Vec::new();
            let mut stage = Stage { estate: &estate, random: &mut random, records: &mut records, now: begin, delays: true };
            traffic::bout(&mut stage, &mut cast, begin);
            for record in records.into_iter().filter(|record| record.time < END) {
                delivery.take(record);
            }
        }
        // Later hours bring nothing that arrives before they begin.
        delivery.deliver(begin + 3600, sink)?;
    }
    delivery.deliver(i64::MAX, sink)?;
    Ok(summary(&delivery, incidents))
}

/// What does not depend on the amount of traffic: the incidents and the month's ordinary changes.
fn planned(spec: &Spec, seed: &Random, estate: &Estate) -> (Vec<Record>, Vec<Incident>) {
    let mut records = Vec::new();
    let mut random = seed.fork(4);
    let mut cast = Cast::new(seed.fork(3));
    let stage = Stage { estate, random: &mut random, records: &mut records, now: START, delays: false };
    let incidents = incidents::play(stage, &mut cast);

    let share = spec.events.min(FULL_MONTH) * 1000 / FULL_MONTH;
    let mut random = seed.fork(5);
    let mut cast = Cast::new(seed.fork(3));
    let mut stage = Stage { estate, random: &mut random, records: &mut records, now: START, delays: false };
    traffic::plan(&mut stage, &mut cast, share);
    (records, incidents)
}

fn summary(delivery: &Delivery, incidents: Vec<Incident>) -> Summary {
    let (first, last) = delivery.span.unwrap_or((START, START));
    let accounts = MEMBERS.iter().map(|member| Account {
        id: member.id().to_owned(),
        name: member.name().to_owned(),
        env: member.env().to_owned(),
        tags: member.tags().iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    });
    Summary {
        organisation: ORGANISATION,
        accounts: accounts.collect(),
        regions: REGIONS.iter().map(|region| region.name()).collect(),
        since: rfc3339(START),
        until: rfc3339(END),
        first: rfc3339(first),
        last: rfc3339(last),
        records: delivery.records,
        distinct: delivery.records - delivery.duplicates,
        insights: delivery.insights,
        objects: delivery.objects,
        incidents,
    }
}
