//! A synthetic organisation for `assize demo`: six accounts, four regions, thirty days of CloudTrail logs with a dozen
//! incidents hidden in ordinary traffic.
//!
//! The same [`Spec`] gives the same bytes on every platform and build. Nothing in it belongs to anybody: account ids,
//! addresses and domains are of the kinds reserved for examples. Memory stays within a few hours of records.

mod calendar;
mod calls;
mod cast;
mod delivery;
mod digests;
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

use std::collections::BTreeMap;

pub(crate) use calendar::END;
use calendar::{HOURS, START, rfc3339};
use cast::Cast;
pub(crate) use delivery::BUCKET;
use delivery::Delivery;
use digests::Disorder;
pub(crate) use digests::{BEYOND, public_key};
use estate::{Estate, MEMBERS, Member, ORGANISATION, REGIONS, Region};
use incidents::Played;
use random::Random;
use stage::{Record, Stage};
use traffic::Pace;

/// From how many records on the month has all of its ordinary changes; smaller ones have fewer.
const FULL_MONTH: u64 = 50_000;

/// One digest is missing: the account and region, and a second in its window.
const MISSING: (Member, Region, i64) = (Member::WebProd, Region::Ireland, START + 11 * 86_400 + 3 * 3600 + 1800);
/// One log object is altered: the first one of this account and region that is delivered after this second.
const ALTERED: (Member, Region, i64) = (Member::WebDev, Region::Tokyo, START + 18 * 86_400 + 5 * 3600);
/// When the auditor asked for trails, seconds since 1970.
const AUDITED: i64 = START + 28 * 86_400 + 18 * 3600;
/// The policy of the incident of which somebody plants a second version.
const TWIN: &str = "root-user-used";

/// What to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spec {
    /// About how many records to write, duplicates included; within 5 % from 1,000 on. The incidents, about 500 records,
    /// are always written.
    pub(crate) events: u64,
    /// Another seed gives other identifiers, minutes and traffic.
    pub(crate) seed: u64,
    /// Threads that sign digests; none: no digest is written.
    pub(crate) threads: usize,
    /// Whether anything goes wrong. Without incidents what is left is the ordinary traffic, to see how many findings that makes.
    pub(crate) incidents: bool,
}

impl Default for Spec {
    fn default() -> Self {
        Spec { events: 50_000, seed: 7, threads: 2, incidents: true }
    }
}

/// One log object, as CloudTrail puts it into a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogObject {
    /// `AWSLogs/<organisation>/<account>/CloudTrail/<region>/YYYY/MM/DD/<name>.json.gz`, with delivery time in the path.
    pub(crate) key: String,
    /// One gzip member that holds `{"Records":[…]}`, or a digest.
    pub(crate) bytes: Vec<u8>,
    /// Of a digest: its signature and the algorithm.
    pub(crate) metadata: BTreeMap<String, String>,
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

/// The account that lets no auditor in: id and name. It has no logs that anybody can read.
pub(crate) const DENIED: (&str, &str) = ("777788889999", "kaigan-lab-dev");

/// A trail, as far as one account is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trail {
    /// ARN.
    pub(crate) arn: String,
    /// The account that it records.
    pub(crate) account: String,
    /// The regions that it records there.
    pub(crate) regions: Vec<&'static str>,
    /// What stands before the account in its keys, with its slash.
    pub(crate) root: String,
    /// When it was stopped and started again, seconds since 1970, if it was.
    pub(crate) stopped: Option<i64>,
    pub(crate) restarted: Option<i64>,
}

/// A call that an earlier run of the auditor made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MadeCall {
    /// The account.
    pub(crate) account: String,
    /// The region.
    pub(crate) region: &'static str,
    /// Its request id.
    pub(crate) request_id: String,
    /// When, seconds since 1970.
    pub(crate) time: i64,
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
    /// Its trails.
    pub(crate) trails: Vec<Trail>,
    /// Calls of the auditor that stand in its logs.
    pub(crate) calls: Vec<MadeCall>,
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

    let (mut planned, Played { incidents, stopped }) = planned(spec, &seed, &estate);
    (delivery.stopped, delivery.alter) = (stopped, Some(ALTERED));
    let twin = planted(&planned, &incidents);
    let calls = audited(&seed, &estate, &mut planned);
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
    if let Some((place, text)) = twin {
        delivery.plant(place, text, sink)?;
    }
    let disorder = Disorder { missing: Some(MISSING), stopped };
    if spec.threads > 0 {
        for digest in digests::write(&delivery.entries, &disorder, spec.threads) {
            sink(digest)?;
        }
    }
    Ok(Summary { calls, ..summary(&delivery, incidents) })
}

/// An earlier run of the auditor, who asks each account and region for its trails.
fn audited(seed: &Random, estate: &Estate, records: &mut Vec<Record>) -> Vec<MadeCall> {
    let (mut random, cast) = (seed.fork(7), Cast::new(seed.fork(3)));
    let mut calls = Vec::new();
    for member in MEMBERS {
        let session = cast.role(member, "AssizeAudit", "assize", AUDITED - 60, &mut random);
        let session = session.from("192.0.2.20", cast::COMMAND_LINE);
        for region in REGIONS {
            let mut stage = Stage { estate, random: &mut random, records, now: AUDITED, delays: false };
            let call = calls::oversight::describe_trails(stage.site(member, region), stage.random);
            stage.call_now(&session, region, &call);
            let text = records.last().and_then(|record| serde_json::from_str::<serde_json::Value>(&record.text).ok());
            if let Some(id) = text.as_ref().and_then(|record| record.get("requestID")?.as_str()) {
                let (account, region) = (member.id().to_owned(), region.name());
                calls.push(MadeCall { account, region, request_id: id.to_owned(), time: AUDITED });
            }
        }
    }
    calls
}

/// A record that somebody made up: it has the event id of an incident's record and another caller's address, and lies in an
/// object that no trail delivered.
fn planted(records: &[Record], incidents: &[Incident]) -> Option<((Member, Region, i64), String)> {
    let victim = incidents.iter().find(|incident| incident.policy == TWIN)?;
    let record = records.iter().find(|record| record.text.contains(&victim.event_id))?;
    let mut twin: serde_json::Value = serde_json::from_str(&record.text).ok()?;
    *twin.get_mut("sourceIPAddress")? = "198.51.100.7".into();
    Some(((record.member, record.region, record.time + 1500), twin.to_string()))
}

/// What does not depend on the amount of traffic: the incidents and the month's ordinary changes.
fn planned(spec: &Spec, seed: &Random, estate: &Estate) -> (Vec<Record>, Played) {
    let mut records = Vec::new();
    let mut random = seed.fork(4);
    let mut cast = Cast::new(seed.fork(3));
    let stage = Stage { estate, random: &mut random, records: &mut records, now: START, delays: false };
    let mut played = incidents::play(stage, &mut cast);
    if !spec.incidents {
        records.clear();
        played = Played { incidents: Vec::new(), stopped: None };
    }

    let share = spec.events.min(FULL_MONTH) * 1000 / FULL_MONTH;
    let mut random = seed.fork(5);
    let mut cast = Cast::new(seed.fork(3));
    let mut stage = Stage { estate, random: &mut random, records: &mut records, now: START, delays: false };
    traffic::plan(&mut stage, &mut cast, share);
    (records, played)
}

/// The organisation's trail records all accounts but one, which has trails of its own in each region.
fn trails(stopped: Option<(Member, Region, i64, i64)>) -> Vec<Trail> {
    let mut trails = Vec::new();
    for member in MEMBERS {
        let trail = |arn: String, regions: &[Region]| {
            let stop = stopped.filter(|(whose, place, ..)| *whose == member && *regions == [*place]);
            Trail {
                arn,
                account: member.id().to_owned(),
                regions: regions.iter().map(|region| region.name()).collect(),
                root: delivery::root(member),
                stopped: stop.map(|(_, _, at, _)| at),
                restarted: stop.map(|(_, _, _, at)| at),
            }
        };
        if member == Member::DataProd {
            let arn = |region: Region| digests::local_trail_arn(member, region);
            trails.extend(REGIONS.map(|region| trail(arn(region), &[region])));
        } else {
            trails.push(trail(calls::oversight::organisation_trail(), &REGIONS));
        }
    }
    trails
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
        trails: trails(delivery.stopped),
        calls: Vec::new(),
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
