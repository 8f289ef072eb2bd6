//! One account in one region: the state of each hour, and hours counted by state.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Hours, Reason, Recording};
use crate::policy::{Evidence, Needs, Policy};

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
    /// Hours that signed digests prove to be complete, each with what the trails behind the digests record.
    pub proven: Vec<(Recording, Hours)>,
    /// Hours of which something came later than events are waited for. That takes nothing from what is proven.
    pub late: Hours,
    /// Why other hours are not proven; of several reasons the first counts, and without any [`Reason::NotVerified`].
    pub unproven: Vec<(Hours, Reason)>,
}

/// An hour of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HourState {
    /// Everything listed was taken, and signed digests prove that it is everything.
    Verified,
    /// Everything listed was taken; why it is not proven to be everything.
    Delivered(Reason),
    /// Not covered.
    Unknown(Reason),
    /// Outside the denominator.
    NotApplicable,
}

/// What is asked of an hour.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The events that must be covered; none: management events of any kind.
    pub needs: Option<&'a Needs>,
    /// The grade of evidence that counts as covered.
    pub grade: Evidence,
    /// Hours that a policy was not evaluated over.
    pub not_backfilled: Option<&'a Hours>,
}

impl<'a> Ask<'a> {
    /// What a policy needs, at its own grade or else at this one.
    pub fn of(policy: &'a Policy, grade: Evidence, not_backfilled: Option<&'a Hours>) -> Ask<'a> {
        Ask { needs: Some(&policy.needs), grade: policy.evidence.unwrap_or(grade), not_backfilled }
    }

    /// Any management events, at a grade.
    pub fn any(grade: Evidence) -> Ask<'static> {
        Ask { needs: None, grade, not_backfilled: None }
    }

    /// Why an hour in this state is not covered, if it is not.
    fn shortfall(&self, state: HourState, hour: i64) -> Option<Reason> {
        match state {
            HourState::NotApplicable => None,
            HourState::Unknown(reason) => Some(reason),
            _ if self.not_backfilled.is_some_and(|lacks| lacks.contains(hour)) => Some(Reason::NotBackfilled),
            HourState::Delivered(reason) => (self.grade == Evidence::Verified).then_some(reason),
            HourState::Verified => None,
        }
    }
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
        match recording {
            None => HourState::Unknown(Reason::LoggingStopped),
            Some(recording) if !covers(recording, needs) => HourState::Unknown(recording.lacking()),
            Some(_) if self.proven.iter().any(|(recording, hours)| hours.contains(hour) && covers(recording, needs)) => {
                HourState::Verified
            }
            Some(_) => {
                let why = self.unproven.iter().find(|(hours, _)| hours.contains(hour));
                HourState::Delivered(why.map_or(Reason::NotVerified, |(_, reason)| *reason))
            }
        }
    }

    /// Counts the hours of a range. The state of a cell changes a few times a month, so it is asked once for each stretch in
    /// which nothing changes: a year of 3,000 cells and 100 policies is seconds, not half an hour.
    pub fn tally(&self, hours: Range<i64>, ask: &Ask<'_>) -> Tally {
        let mut tally = Tally::default();
        self.stretches(hours, ask, |stretch, state| {
            let late = self.late.contains(stretch.start);
            tally.count((state, late), stretch.start, stretch.end.abs_diff(stretch.start), ask);
        });
        tally
    }

    /// The hours of a range that are not covered, in stretches of one reason, in order.
    pub fn uncovered(&self, hours: Range<i64>, ask: &Ask<'_>) -> Vec<(Range<i64>, Reason)> {
        let mut holes: Vec<(Range<i64>, Reason)> = Vec::new();
        self.stretches(hours, ask, |stretch, state| {
            let Some(reason) = ask.shortfall(state, stretch.start) else { return };
            match holes.last_mut() {
                Some((last, same)) if *same == reason && last.end == stretch.start => last.end = stretch.end,
                _ => holes.push((stretch, reason)),
            }
        });
        holes
    }

    /// Stretches in which nothing changes, with their state, in order.
    fn stretches(&self, hours: Range<i64>, ask: &Ask<'_>, mut each: impl FnMut(Range<i64>, HourState)) {
        let mut edges = self.edges(&hours, ask);
        edges.push(hours.end);
        let mut from = hours.start;
        for until in edges {
            if from < until {
                each(from..until, self.state(from, ask.needs));
            }
            from = until;
        }
    }

    /// Where anything changes within a range, in order.
    fn edges(&self, hours: &Range<i64>, ask: &Ask<'_>) -> Vec<i64> {
        let sets = [&self.not_applicable, &self.collected, &self.late].into_iter().chain(ask.not_backfilled);
        let sets = sets.chain(self.holes.iter().chain(&self.unproven).map(|(hours, _)| hours));
        let sets = sets.chain(self.proven.iter().map(|(_, hours)| hours));
        let mut edges: Vec<i64> = sets.flat_map(|set| set.edges(hours)).collect();
        edges.extend(self.recorded.iter().map(|(from, _)| *from).filter(|from| hours.start < *from && *from < hours.end));
        edges.sort_unstable();
        edges.dedup();
        edges
    }
}

fn covers(recording: &Recording, needs: Option<&Needs>) -> bool {
    needs.map_or_else(|| recording.any_management(), |needs| recording.covers(needs))
}

/// Hours counted by state. Those that are covered at the asked grade and those in `unknown` are together what is due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// In the denominator.
    pub due: u64,
    /// Everything listed was taken, proven or not.
    pub delivered: u64,
    /// Those among the delivered that signed digests prove to be complete.
    pub verified: u64,
    /// Those among the delivered of which something came later than events are waited for.
    pub late: u64,
    /// Not covered at the asked grade, by reason.
    pub unknown: BTreeMap<Reason, u64>,
    /// Outside the denominator.
    pub not_applicable: u64,
}

impl Tally {
    /// Adds another count.
    pub fn add(&mut self, other: &Tally) {
        self.due += other.due;
        self.delivered += other.delivered;
        self.verified += other.verified;
        self.late += other.late;
        self.not_applicable += other.not_applicable;
        for (reason, hours) in &other.unknown {
            *self.unknown.entry(*reason).or_default() += hours;
        }
    }

    /// Hours that are covered at the asked grade.
    pub fn covered(&self) -> u64 {
        self.due - self.unknown.values().sum::<u64>()
    }

    /// Whether everything due is covered at the asked grade, and something was due.
    pub fn complete(&self) -> bool {
        self.due > 0 && self.unknown.is_empty()
    }

    /// The weakest grade among the hours that are covered, if any is.
    pub fn grade(&self) -> Option<Evidence> {
        match self.covered() {
            0 => None,
            covered if covered <= self.verified => Some(Evidence::Verified),
            _ => Some(Evidence::Delivered),
        }
    }

    fn count(&mut self, (state, late): (HourState, bool), first: i64, hours: u64, ask: &Ask<'_>) {
        if state == HourState::NotApplicable {
            self.not_applicable += hours;
            return;
        }
        self.due += hours;
        let shortfall = ask.shortfall(state, first);
        if let Some(reason) = shortfall {
            *self.unknown.entry(reason).or_default() += hours;
        }
        if shortfall != Some(Reason::NotBackfilled) {
            let delivered = if matches!(state, HourState::Unknown(_)) { 0 } else { hours };
            self.delivered += delivered;
            self.late += if late { delivered } else { 0 };
            self.verified += if state == HourState::Verified { hours } else { 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cell() -> CellEvidence {
        CellEvidence {
            collected: Hours::of(0..20),
            recorded: vec![(2, Some(Recording::management())), (15, None)],
            holes: vec![(Hours::of(5..7), Reason::KmsDenied)],
            blocked: None,
            not_applicable: Hours::of(0..1),
            proven: vec![(Recording::management(), Hours::of(4..9))],
            late: Hours::of(0..6),
            unproven: vec![(Hours::of(0..12), Reason::DigestInvalid), (Hours::of(0..14), Reason::DigestMissing)],
        }
    }

    #[test]
    fn every_hour_has_one_state() {
        let cell = cell();
        let states = [
            (0, HourState::NotApplicable),
            (1, HourState::Unknown(Reason::NoTimeline)),
            (2, HourState::Delivered(Reason::DigestInvalid)),
            (4, HourState::Verified),
            (5, HourState::Unknown(Reason::KmsDenied)),
            (7, HourState::Verified),
            (13, HourState::Delivered(Reason::DigestMissing)),
            (14, HourState::Delivered(Reason::NotVerified)),
            (15, HourState::Unknown(Reason::LoggingStopped)),
            (20, HourState::Unknown(Reason::NotCollected)),
        ];
        for (hour, state) in states {
            assert_eq!(cell.state(hour, None), state, "{hour}");
        }
        let tally = cell.tally(0..22, &Ask::any(Evidence::Delivered));
        assert_eq!((tally.due, tally.delivered, tally.verified, tally.not_applicable), (21, 11, 3, 1));
        // Hours 2, 3 and 4: what is late is delivered, and may be proven.
        assert_eq!(tally.late, 3);
        assert_eq!((tally.covered(), tally.grade()), (11, Some(Evidence::Delivered)));
        let strict = cell.tally(0..22, &Ask::any(Evidence::Verified));
        assert_eq!((strict.due, strict.delivered, strict.covered(), strict.grade()), (21, 11, 3, Some(Evidence::Verified)));
        let complete = |hours, grade| cell.tally(hours, &Ask::any(grade)).complete();
        assert!(!tally.complete() && complete(2..5, Evidence::Delivered) && !complete(0..1, Evidence::Delivered));
        assert!(!complete(2..5, Evidence::Verified) && complete(7..9, Evidence::Verified));
    }

    #[test]
    fn a_blocked_cell_says_why() {
        let cell = CellEvidence { blocked: Some(Reason::NotEnrolled), ..CellEvidence::default() };
        assert_eq!(cell.state(3, None), HourState::Unknown(Reason::NotEnrolled));
    }

    #[test]
    fn the_digests_of_one_trail_prove_nothing_of_what_another_records() {
        let mut cell = cell();
        let reads = Recording { reads: super::super::Recorded::All, ..Recording::default() };
        cell.proven = vec![(reads, Hours::of(0..20))];
        let loaded = crate::policy::load([(
            "p.yaml",
            "id: p\ntitle: t\nlevel: high\nlogsource: {product: aws, service: cloudtrail}\nneeds: {category: management, read-write: write}\n\
             detection: {a: {eventName: X}, condition: a}\n",
        )]);
        let needs = &loaded.policies.first().expect("it is sound").needs;
        assert_eq!(cell.state(8, Some(needs)), HourState::Delivered(Reason::DigestInvalid));
        assert_eq!(cell.state(8, None), HourState::Verified);
    }

    prop_compose! {
        fn some_hours()(ranges in prop::collection::vec((0..60_i64, 0..20_i64), 0..4)) -> Hours {
            let mut hours = Hours::new();
            ranges.into_iter().for_each(|(start, length)| hours.add(start..start + length));
            hours
        }
    }

    proptest! {
        /// The slow twin asks every hour.
        #[test]
        fn hours_are_counted_as_if_one_by_one(
            sets in prop::collection::vec(some_hours(), 7),
            changes in prop::collection::btree_map(0..60_i64, any::<bool>(), 0..4),
            span in (0..60_i64, 0..60_i64),
            strict in any::<bool>(),
        ) {
            let [collected, hole, not_applicable, proven, unproven, lacking, late] = sets.as_slice() else { unreachable!() };
            let cell = CellEvidence {
                collected: collected.clone(),
                recorded: changes.into_iter().map(|(from, on)| (from, on.then(Recording::management))).collect(),
                holes: vec![(hole.clone(), Reason::KmsDenied)],
                blocked: None,
                not_applicable: not_applicable.clone(),
                proven: vec![(Recording::management(), proven.clone())],
                late: late.clone(),
                unproven: vec![(unproven.clone(), Reason::DigestMissing)],
            };
            let grade = if strict { Evidence::Verified } else { Evidence::Delivered };
            let ask = Ask { needs: None, grade, not_backfilled: Some(lacking) };
            let mut slow = Tally::default();
            (span.0..span.1).for_each(|hour| slow.count((cell.state(hour, None), late.contains(hour)), hour, 1, &ask));
            let fast = cell.tally(span.0..span.1, &ask);
            prop_assert_eq!(fast.covered() + fast.unknown.values().sum::<u64>(), fast.due);
            prop_assert!(fast.verified <= fast.delivered && fast.late <= fast.delivered && fast.delivered <= fast.due);
            let holes = cell.uncovered(span.0..span.1, &ask);
            prop_assert!(holes.windows(2).all(|pair| pair[0].0.end <= pair[1].0.start));
            let length: u64 = holes.iter().map(|(hours, _)| hours.end.abs_diff(hours.start)).sum();
            prop_assert_eq!(length, fast.unknown.values().sum::<u64>());
            prop_assert_eq!(fast, slow);
        }
    }
}
