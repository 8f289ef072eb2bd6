//! From one look to the next by the changes between them.

use std::collections::BTreeSet;

use assize_engine::coverage::{Recorded, Recording};

use super::{Change, ChangeKind, Entry, Step, TrailLook, agreed, both, cut, hour, recording, whole_hour};

/// A change that a log tells of, or that the trail's own status does.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Event<'a> {
    time: i64,
    kind: ChangeKind,
    /// ARNs.
    trails: BTreeSet<&'a str>,
}

impl<'a> Step<'a> {
    /// The timeline with what the changes between the looks say. `by_looks` is what the looks alone say: where the changes do
    /// not lead to what was found, only that counts on which both agree.
    pub(super) fn by_changes(&self, timeline: &[Entry], by_looks: Vec<Entry>, between: &[&Change]) -> Vec<Entry> {
        if self.before.is_none() && self.trails.len() > 1 {
            // Of several trails nothing tells which of them recorded before the first look.
            return by_looks;
        }
        let events = self.events(between);
        let settings = events.iter().rposition(|event| event.kind == ChangeKind::Settings);
        let insights = events.iter().rposition(|event| event.kind == ChangeKind::Insights);
        let mut walk = Walk::new(self, timeline, settings.is_some());
        for (number, event) in events.iter().enumerate() {
            let now = whole(self.trails);
            match event.kind {
                ChangeKind::Stopped => walk.step(event.time, |walk| {
                    walk.known = true;
                    walk.stopped.extend(&event.trails);
                }),
                ChangeKind::Started => walk.step(event.time, |walk| {
                    walk.known = true;
                    walk.stopped.retain(|arn| !event.trails.contains(arn));
                }),
                ChangeKind::Settings => walk.step(event.time, |walk| {
                    walk.running = if settings == Some(number) { now } else { unknown() };
                }),
                ChangeKind::Insights => walk.step(event.time, |walk| {
                    walk.running.insight = insights == Some(number) && now.insight;
                }),
            }
        }
        let arns = |trails: &'a [TrailLook]| trails.iter().map(|trail| trail.arn.as_str()).collect::<BTreeSet<&str>>();
        let same = self.before.is_none_or(|(before, _)| arns(before) == arns(self.trails));
        if same && walk.state() == Some(self.current()) { walk.entries } else { on_which_both_agree(&by_looks, &walk.entries) }
    }

    /// In order of time: what the logs tell, and what the status of trails does that are the same as at the look before.
    fn events(&self, between: &[&Change]) -> Vec<Event<'a>> {
        let trails = || self.trails.iter().chain(self.before.iter().flat_map(|(before, _)| before.iter()));
        let concerned = |change: &Change| trails().map(|trail| trail.arn.as_str()).filter(|arn| change.concerns(arn)).collect();
        let told = between.iter().map(|change| Event { time: change.time, kind: change.kind, trails: concerned(change) });
        let was_there = |trail: &TrailLook| self.before.is_none_or(|(before, _)| before.iter().any(|old| old.arn == trail.arn));
        let status = self.trails.iter().filter(|trail| was_there(trail)).flat_map(|trail| {
            let times = [(trail.stopped, ChangeKind::Stopped), (trail.started, ChangeKind::Started)];
            times.into_iter().filter_map(|(time, kind)| {
                let time = time.filter(|time| *time <= self.now && self.before.is_none_or(|(_, then)| then < *time))?;
                Some(Event { time, kind, trails: BTreeSet::from([trail.arn.as_str()]) })
            })
        });
        let mut events: Vec<Event<'a>> = told.chain(status).collect();
        events.sort();
        events
    }
}

/// How things stand after the changes so far.
struct Walk<'a> {
    entries: Vec<Entry>,
    trails: &'a [TrailLook],
    /// What is recorded while all trails log.
    running: Recording,
    /// Those that do not.
    stopped: BTreeSet<&'a str>,
    /// Whether it is known which of them log.
    known: bool,
}

impl<'a> Walk<'a> {
    fn new(step: &Step<'a>, timeline: &[Entry], settings: bool) -> Walk<'a> {
        let entries = timeline.to_vec();
        let Some((trails, _)) = step.before else {
            let running = if settings { unknown() } else { whole(step.trails) };
            return Walk { entries, trails: step.trails, running, stopped: BTreeSet::new(), known: false };
        };
        let idle = trails.iter().filter(|trail| trail.logging != Some(true)).map(|trail| trail.arn.as_str());
        Walk { entries, trails, running: whole(trails), stopped: idle.collect(), known: true }
    }

    /// What is recorded, if it is known which trails log.
    fn state(&self) -> Option<Option<Recording>> {
        if !self.known {
            return None;
        }
        if self.stopped.is_empty() {
            return Some(Some(self.running.clone()));
        }
        let others: Vec<TrailLook> =
            self.trails.iter().filter(|trail| !self.stopped.contains(trail.arn.as_str())).cloned().collect();
        Some((!others.is_empty()).then(|| agreed(self.running.clone(), whole(&others))))
    }

    /// A change. The hour in which it lies has what was recorded before and after it.
    fn step(&mut self, time: i64, change: impl FnOnce(&mut Walk<'a>)) {
        let before = self.state();
        change(self);
        let Some(after) = self.state() else { return };
        let (first, whole) = (hour(time), whole_hour(time));
        if first < whole {
            match (at(&self.entries, first).cloned(), before) {
                _ if after.is_none() => self.set(first, None),
                (Some(known), Some(before)) => self.set(first, less(&less(&known, &before), &after)),
                _ => {}
            }
        }
        self.set(whole, after);
    }

    fn set(&mut self, from: i64, recording: Option<Recording>) {
        cut(&mut self.entries, from);
        self.entries.push((from, recording));
    }
}

/// What all of these trails record together, whether they log or not; unknown if it is of one of them.
fn whole(trails: &[TrailLook]) -> Recording {
    let all: Option<Vec<Recording>> = trails.iter().map(recording).collect();
    all.and_then(|all| all.into_iter().reduce(both)).unwrap_or_else(unknown)
}

fn unknown() -> Recording {
    Recording { reads: Recorded::Unknown, writes: Recorded::Unknown, ..Recording::default() }
}

fn at(timeline: &[Entry], hour: i64) -> Option<&Option<Recording>> {
    let after = timeline.partition_point(|(from, _)| *from <= hour);
    after.checked_sub(1).and_then(|at| timeline.get(at)).map(|(_, recording)| recording)
}

fn less(a: &Option<Recording>, b: &Option<Recording>) -> Option<Recording> {
    Some(agreed(a.clone()?, b.clone()?))
}

fn on_which_both_agree(a: &[Entry], b: &[Entry]) -> Vec<Entry> {
    let hours: BTreeSet<i64> = a.iter().chain(b).map(|(hour, _)| *hour).collect();
    hours.into_iter().filter_map(|hour| Some((hour, less(at(a, hour)?, at(b, hour)?)))).collect()
}
