//! Where scripts act: a clock that moves on with every call, and the records that the calls leave behind.

use crate::demo::estate::{Estate, Member, Region, Site};
use crate::demo::random::Random;
use crate::demo::record::{self, Call, Failure, Insight, Place};
use crate::demo::session::Session;

/// A record on its way to the bucket.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// Event time, in seconds since 1970.
    pub(crate) time: i64,
    /// When CloudTrail has it, in seconds since 1970.
    pub(crate) arrival: i64,
    /// The account that records it.
    pub(crate) member: Member,
    /// The region that records it.
    pub(crate) region: Region,
    /// Whether it is an Insight, which has a folder of its own.
    pub(crate) insight: bool,
    /// Its JSON.
    pub(crate) text: String,
}

/// Where scripts act.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    /// What there is.
    pub(crate) estate: &'a Estate,
    /// Chance.
    pub(crate) random: &'a mut Random,
    /// What happened so far.
    pub(crate) records: &'a mut Vec<Record>,
    /// The time of the last call, in seconds since 1970.
    pub(crate) now: i64,
    /// Whether a record may come hours late (not those of incidents).
    pub(crate) delays: bool,
}

impl<'a> Stage<'a> {
    /// The resources of `member` in `region`.
    pub(crate) fn site(&self, member: Member, region: Region) -> &'a Site {
        self.estate.site(member, region)
    }

    /// Lets `low..=high` seconds pass.
    pub(crate) fn wait(&mut self, low: i64, high: i64) {
        self.now += self.random.between(low, high);
    }

    /// A call that succeeds, a few seconds after the last one. Returns the record's `eventID`.
    pub(crate) fn call(&mut self, session: &Session, region: Region, call: &Call) -> String {
        self.wait(0, 4);
        self.record(session, region, call, None)
    }

    /// A call that succeeds at this very second, such as the one that makes credentials.
    pub(crate) fn call_now(&mut self, session: &Session, region: Region, call: &Call) -> String {
        self.record(session, region, call, None)
    }

    /// `caller` takes a role in the account `called`: one call at this very second, which both accounts record.
    pub(crate) fn cross_over(&mut self, caller: &Session, called: Member, region: Region, call: &Call) {
        let call = call.clone().shared(&self.random.uuid());
        self.record(caller, region, &call, None);
        let outside = record::seen_from_outside(caller, called);
        self.record(&outside, region, &call, None);
    }

    /// A call that fails, a few seconds after the last one. Returns the record's `eventID`.
    pub(crate) fn fail(&mut self, session: &Session, region: Region, call: &Call, failure: &Failure) -> String {
        self.wait(0, 3);
        self.record(session, region, call, Some(failure))
    }

    /// A call that the caller has no permission for, on `resource`.
    pub(crate) fn denied(&mut self, session: &Session, region: Region, call: &Call, resource: &str) -> String {
        let failure = Failure::denied(call, session, resource);
        self.fail(session, region, call, &failure)
    }

    /// Any of `makers`, `count` times, by `session` on its own account's site.
    pub(crate) fn sample(&mut self, session: &Session, region: Region, makers: &[crate::demo::calls::Maker], count: i64) {
        let site = self.site(session.member, region);
        for _ in 0..count {
            let make = *self.random.pick(makers);
            let call = make(site, self.random);
            self.call(session, region, &call);
        }
    }

    fn record(&mut self, session: &Session, region: Region, call: &Call, failure: Option<&Failure>) -> String {
        let region = call.recorded_in(region);
        let late = self.delays && self.random.below(2000) < 9;
        let place = Place { time: self.now, region, recipient: session.member, delayed: late && self.random.chance(300) };
        let (text, id) = record::write(session, call, failure, place, self.random);
        let delay = if late { self.random.between(2 * 3600, 9 * 3600) } else { self.random.between(20, 150) };
        self.records.push(Record {
            time: self.now,
            arrival: self.now + delay,
            member: session.member,
            region,
            insight: false,
            text,
        });
        id
    }

    /// An Insight, delivered within half an hour.
    pub(crate) fn insight(&mut self, insight: &Insight) {
        let text = insight.write(self.random);
        self.records.push(Record {
            time: insight.time,
            arrival: insight.time + self.random.between(600, 1500),
            member: insight.member,
            region: insight.region,
            insight: true,
            text,
        });
    }
}
