//! Which hours of which account and region the evidence covers, and why it does not cover the others.
//!
//! A cell is an account in a region; an hour is an hour of event time (hours since 1970 UTC). An hour counts as delivered
//! only if a trail recorded it, every object listed for it was taken, and nothing is known to be missing. What is not
//! known is never assumed: no timeline, no coverage.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use crate::policy::{Category, Needs, ReadWrite};

/// A set of hours: sorted half-open ranges that neither touch nor overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hours {
    ranges: Vec<(i64, i64)>,
}

impl Hours {
    /// No hour.
    pub fn new() -> Hours {
        Hours::default()
    }

    /// The hours of a range.
    pub fn of(range: Range<i64>) -> Hours {
        let mut hours = Hours::new();
        hours.add(range);
        hours
    }

    /// Adds a range; an empty one adds nothing.
    pub fn add(&mut self, range: Range<i64>) {
        let (mut start, mut end) = (range.start, range.end);
        if start >= end {
            return;
        }
        let first = self.ranges.partition_point(|&(_, theirs)| theirs < start);
        let last = self.ranges.partition_point(|&(theirs, _)| theirs <= end);
        for &(theirs_start, theirs_end) in self.ranges.get(first..last).unwrap_or_default() {
            start = start.min(theirs_start);
            end = end.max(theirs_end);
        }
        self.ranges.splice(first..last.max(first), [(start, end)]);
    }

    /// Adds all of another set.
    pub fn union(&mut self, other: &Hours) {
        for &(start, end) in &other.ranges {
            self.add(start..end);
        }
    }

    /// The hours that are not in `other`.
    #[must_use]
    pub fn without(&self, other: &Hours) -> Hours {
        let mut left = Hours::new();
        for &(start, end) in &self.ranges {
            let mut at = start;
            let first = other.ranges.partition_point(|&(_, theirs)| theirs <= start);
            for &(from, until) in other.ranges.get(first..).unwrap_or_default().iter().take_while(|&&(from, _)| from < end) {
                left.add(at..from);
                at = until;
            }
            left.add(at..end);
        }
        left
    }

    /// Whether an hour is in the set.
    pub fn contains(&self, hour: i64) -> bool {
        let after = self.ranges.partition_point(|&(start, _)| start <= hour);
        after.checked_sub(1).and_then(|at| self.ranges.get(at)).is_some_and(|&(_, end)| hour < end)
    }

    /// The ranges in order.
    pub fn ranges(&self) -> impl Iterator<Item = Range<i64>> {
        self.ranges.iter().map(|&(start, end)| start..end)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many hours.
    pub fn count(&self) -> u64 {
        self.ranges.iter().map(|&(start, end)| end.abs_diff(start)).sum()
    }
}

/// Why an hour is not covered, or a verdict is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The role could not be assumed.
    RoleNotAssumable,
    /// The role lacks a permission.
    Denied,
    /// A service control policy forbids it.
    ScpDenied,
    /// The account has never had the role.
    NotEnrolled,
    /// The account is suspended, and nothing of it can be read.
    Suspended,
    /// No trail that can be read records it.
    NoTrail,
    /// A trail exists and was not logging.
    LoggingStopped,
    /// No state of the trail is known for that time.
    NoTimeline,
    /// The trail does not record this kind of event.
    NotRecorded,
    /// The objects were not collected yet.
    NotCollected,
    /// The key of an object, or of the bucket, may not be used.
    KmsDenied,
    /// An object is in an archive class and must be restored first.
    Archived,
    /// An object could not be fetched or read.
    ObjectFailed,
    /// An object was replaced under its key.
    ObjectReplaced,
    /// Only Event history was read: management events, unsigned.
    EventHistory,
    /// AWS refused calls for their rate, up to the last attempt.
    Throttled,
    /// The service could not be reached or did not answer as documented.
    Unreachable,
    /// A policy is new or changed, and was not evaluated over that hour.
    NotBackfilled,
    /// A record could not be judged because AWS left a field out.
    NotEvaluable,
    /// The policy asks for verified digests, and they were not verified.
    NotVerified,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Reason; 20] = [
        Reason::RoleNotAssumable,
        Reason::Denied,
        Reason::ScpDenied,
        Reason::NotEnrolled,
        Reason::Suspended,
        Reason::NoTrail,
        Reason::LoggingStopped,
        Reason::NoTimeline,
        Reason::NotRecorded,
        Reason::NotCollected,
        Reason::KmsDenied,
        Reason::Archived,
        Reason::ObjectFailed,
        Reason::ObjectReplaced,
        Reason::EventHistory,
        Reason::Throttled,
        Reason::Unreachable,
        Reason::NotBackfilled,
        Reason::NotEvaluable,
        Reason::NotVerified,
    ];

    /// Stable kebab-case code.
    pub fn code(self) -> &'static str {
        match self {
            Reason::RoleNotAssumable => "role-not-assumable",
            Reason::Denied => "denied",
            Reason::ScpDenied => "scp-denied",
            Reason::NotEnrolled => "not-enrolled",
            Reason::Suspended => "suspended",
            Reason::NoTrail => "no-trail",
            Reason::LoggingStopped => "logging-stopped",
            Reason::NoTimeline => "no-timeline",
            Reason::NotRecorded => "not-recorded",
            Reason::NotCollected => "not-collected",
            Reason::KmsDenied => "kms-denied",
            Reason::Archived => "archived",
            Reason::ObjectFailed => "object-failed",
            Reason::ObjectReplaced => "object-replaced",
            Reason::EventHistory => "event-history-only",
            Reason::Throttled => "throttled",
            Reason::Unreachable => "unreachable",
            Reason::NotBackfilled => "not-backfilled",
            Reason::NotEvaluable => "not-evaluable",
            Reason::NotVerified => "not-verified",
        }
    }

    /// The reason with this code.
    pub fn named(code: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// In words, after "not covered: ".
    pub fn words(self) -> &'static str {
        match self {
            Reason::RoleNotAssumable => "the role could not be assumed",
            Reason::Denied => "a permission is missing",
            Reason::ScpDenied => "a service control policy forbids it",
            Reason::NotEnrolled => "the account never had the role",
            Reason::Suspended => "the account is suspended",
            Reason::NoTrail => "no trail that can be read records it",
            Reason::LoggingStopped => "the trail was not logging",
            Reason::NoTimeline => "the state of the trail at that time is not known",
            Reason::NotRecorded => "the trail does not record this kind of event",
            Reason::NotCollected => "not collected yet",
            Reason::KmsDenied => "the encryption key may not be used",
            Reason::Archived => "objects are archived and must be restored first",
            Reason::ObjectFailed => "an object could not be read",
            Reason::ObjectReplaced => "an object was replaced under its key",
            Reason::EventHistory => "only Event history: management events, unsigned",
            Reason::Throttled => "calls were throttled up to the last attempt",
            Reason::Unreachable => "the service did not answer",
            Reason::NotBackfilled => "the policy is new and was not evaluated over it yet",
            Reason::NotEvaluable => "a record lacks a field that AWS left out",
            Reason::NotVerified => "digests were not verified",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.code())
    }
}

/// How much of a kind of event a trail writes down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Recorded {
    /// All of it.
    All,
    /// All but the events of these sources.
    Except(Vec<String>),
    /// Nothing.
    #[default]
    None,
    /// It could not be told; treated as nothing, never as all.
    Unknown,
}

impl Recorded {
    fn all(&self) -> bool {
        *self == Recorded::All
    }
}

/// What is written down of a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// Management events that read.
    pub reads: Recorded,
    /// Management events that write.
    pub writes: Recorded,
    /// Resource types whose data events are recorded without exception.
    pub data: Vec<String>,
    /// Event sources (lower case) whose calls through VPC endpoints are recorded without exception.
    pub network_activity: Vec<String>,
    /// Whether Insights are recorded.
    pub insight: bool,
}

impl Recording {
    /// Everything that management events are.
    pub fn management() -> Recording {
        Recording { reads: Recorded::All, writes: Recorded::All, ..Recording::default() }
    }

    /// Whether anything of management events is recorded: the least that makes a cell covered at all.
    pub fn any_management(&self) -> bool {
        [&self.reads, &self.writes].into_iter().any(|recorded| matches!(recorded, Recorded::All | Recorded::Except(_)))
    }

    /// Why it does not cover something: nobody knows what was recorded, or it is known that it was not.
    fn lacking(&self) -> Reason {
        let unknown = self.reads == Recorded::Unknown && self.writes == Recorded::Unknown;
        if unknown { Reason::NoTimeline } else { Reason::NotRecorded }
    }

    /// Whether what a policy needs is recorded, without exception.
    pub fn covers(&self, needs: &Needs) -> bool {
        let reads = needs.read_write != ReadWrite::Write;
        let writes = needs.read_write != ReadWrite::Read;
        needs.categories.iter().all(|category| match category {
            Category::Management => (!reads || self.reads.all()) && (!writes || self.writes.all()),
            Category::Data if needs.resources.is_empty() => false,
            Category::Data => needs.resources.iter().all(|resource| self.data.contains(resource)),
            Category::NetworkActivity if needs.sources.is_empty() => false,
            Category::NetworkActivity => needs.sources.iter().all(|source| self.network_activity.contains(source)),
            Category::Insight => self.insight,
        })
    }
}

/// What is known of one account in one region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CellEvidence {
    /// Hours of which every listed object was taken.
    pub collected: Hours,
    /// What was recorded, in time order: from an hour on, until the next entry.
    pub recorded: Vec<(i64, Option<Recording>)>,
    /// Hours that are known not to be covered, whatever else holds.
    pub holes: Vec<(Hours, Reason)>,
    /// Why the cell cannot be collected at all at present, if it cannot.
    pub blocked: Option<Reason>,
    /// Hours outside the denominator: the region was not enabled, the account did not exist.
    pub not_applicable: Hours,
}

/// An hour of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HourState {
    /// Everything listed was taken.
    Delivered,
    /// Not covered.
    Unknown(Reason),
    /// Outside the denominator.
    NotApplicable,
}

impl CellEvidence {
    /// The state of an hour, for one policy's needs or, without them, for management events at all.
    pub fn state(&self, hour: i64, needs: Option<&Needs>) -> HourState {
        if self.not_applicable.contains(hour) {
            return HourState::NotApplicable;
        }
        if let Some((_, reason)) = self.holes.iter().find(|(hours, _)| hours.contains(hour)) {
            return HourState::Unknown(*reason);
        }
        if !self.collected.contains(hour) {
            return HourState::Unknown(self.blocked.unwrap_or(Reason::NotCollected));
        }
        let entry = self.recorded.partition_point(|(from, _)| *from <= hour);
        let Some((_, recording)) = entry.checked_sub(1).and_then(|at| self.recorded.get(at)) else {
            return HourState::Unknown(Reason::NoTimeline);
        };
        match (recording, needs) {
            (None, _) => HourState::Unknown(Reason::LoggingStopped),
            (Some(recording), Some(needs)) if !recording.covers(needs) => HourState::Unknown(recording.lacking()),
            (Some(recording), None) if !recording.any_management() => HourState::Unknown(recording.lacking()),
            (Some(_), _) => HourState::Delivered,
        }
    }

    /// Counts the hours of a range.
    pub fn tally(&self, hours: Range<i64>, needs: Option<&Needs>) -> Tally {
        let mut tally = Tally::default();
        for hour in hours {
            match self.state(hour, needs) {
                HourState::Delivered => {
                    tally.due += 1;
                    tally.delivered += 1;
                }
                HourState::Unknown(reason) => {
                    tally.due += 1;
                    *tally.unknown.entry(reason).or_default() += 1;
                }
                HourState::NotApplicable => tally.not_applicable += 1,
            }
        }
        tally
    }
}

/// Hours counted by state: due = delivered + the sum of unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// In the denominator.
    pub due: u64,
    /// Covered.
    pub delivered: u64,
    /// Not covered, by reason.
    pub unknown: BTreeMap<Reason, u64>,
    /// Outside the denominator.
    pub not_applicable: u64,
}

impl Tally {
    /// Adds another count.
    pub fn add(&mut self, other: &Tally) {
        self.due += other.due;
        self.delivered += other.delivered;
        self.not_applicable += other.not_applicable;
        for (reason, hours) in &other.unknown {
            *self.unknown.entry(*reason).or_default() += hours;
        }
    }

    /// Whether everything due was delivered, and something was due.
    pub fn complete(&self) -> bool {
        self.due > 0 && self.due == self.delivered
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn cell() -> CellEvidence {
        CellEvidence {
            collected: Hours::of(0..20),
            recorded: vec![(2, Some(Recording::management())), (15, None)],
            holes: vec![(Hours::of(5..7), Reason::KmsDenied)],
            blocked: None,
            not_applicable: Hours::of(0..1),
        }
    }

    #[test]
    fn every_hour_has_one_state() {
        let cell = cell();
        let states = [
            (0, HourState::NotApplicable),
            (1, HourState::Unknown(Reason::NoTimeline)),
            (2, HourState::Delivered),
            (5, HourState::Unknown(Reason::KmsDenied)),
            (7, HourState::Delivered),
            (15, HourState::Unknown(Reason::LoggingStopped)),
            (20, HourState::Unknown(Reason::NotCollected)),
        ];
        for (hour, state) in states {
            assert_eq!(cell.state(hour, None), state, "{hour}");
        }
        let tally = cell.tally(0..22, None);
        assert_eq!((tally.due, tally.delivered, tally.not_applicable), (21, 11, 1));
        assert_eq!(tally.due, tally.delivered + tally.unknown.values().sum::<u64>());
        assert!(!tally.complete() && cell.tally(2..5, None).complete() && !cell.tally(0..1, None).complete());
    }

    #[test]
    fn a_blocked_cell_says_why() {
        let cell = CellEvidence { blocked: Some(Reason::NotEnrolled), ..CellEvidence::default() };
        assert_eq!(cell.state(3, None), HourState::Unknown(Reason::NotEnrolled));
    }

    #[test]
    fn a_trail_covers_only_what_it_records() {
        let needs = |categories: &[Category], read_write, resources: &[&str]| Needs {
            categories: categories.to_vec(),
            read_write,
            resources: resources.iter().map(|&text| text.to_owned()).collect(),
            sources: Vec::new(),
        };
        let writes_only = Recording { writes: Recorded::All, ..Recording::default() };
        assert!(writes_only.covers(&needs(&[Category::Management], ReadWrite::Write, &[])));
        assert!(!writes_only.covers(&needs(&[Category::Management], ReadWrite::All, &[])));
        assert!(!Recording::management().covers(&needs(&[Category::Data], ReadWrite::Read, &["AWS::S3::Object"])));
        assert!(!Recording::management().covers(&needs(&[Category::Data], ReadWrite::Read, &[])));
        let objects = Recording { data: vec!["AWS::S3::Object".to_owned()], ..Recording::management() };
        assert!(objects.covers(&needs(&[Category::Management, Category::Data], ReadWrite::All, &["AWS::S3::Object"])));
        let network = |sources: &[&str]| Needs {
            sources: sources.iter().map(|&text| text.to_owned()).collect(),
            ..needs(&[Category::NetworkActivity], ReadWrite::All, &[])
        };
        let endpoints = Recording { network_activity: vec!["kms.amazonaws.com".to_owned()], ..Recording::default() };
        assert!(endpoints.covers(&network(&["kms.amazonaws.com"])) && !endpoints.covers(&network(&[])));
        assert!(!endpoints.covers(&network(&["ec2.amazonaws.com", "kms.amazonaws.com"])));
        assert!(!Recording::management().covers(&network(&["kms.amazonaws.com"])));
        let holey = Recording { reads: Recorded::Except(vec!["kms.amazonaws.com".to_owned()]), ..Recording::management() };
        assert!(!holey.covers(&needs(&[Category::Management], ReadWrite::Read, &[])) && holey.any_management());
    }

    #[test]
    fn reasons_are_named_once() {
        let codes: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        assert!(Reason::ALL.iter().all(|reason| Reason::named(reason.code()) == Some(*reason)));
    }

    proptest! {
        #[test]
        fn hours_are_a_set(ranges in prop::collection::vec((0..40_i64, 0..10_i64), 0..12)) {
            let (mut hours, mut plain) = (Hours::new(), BTreeSet::new());
            for (start, length) in ranges {
                hours.add(start..start + length);
                plain.extend(start..start + length);
            }
            prop_assert_eq!(hours.count(), plain.len() as u64);
            for hour in -1..60 {
                prop_assert_eq!(hours.contains(hour), plain.contains(&hour));
            }
            let kept: Vec<_> = hours.ranges().collect();
            prop_assert!(kept.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
