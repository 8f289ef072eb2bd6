//! What was recorded of a cell, and since when, from two sources: how its trails were at each look, and the changes of trails
//! that the logs themselves tell of.
//!
//! A trail tells when it last began and ceased to log. What its selectors were before the first look, and between two
//! looks, it does not tell. Where the logs have the change, its time splits the interval: before it counts the earlier state,
//! after it the later one. Where they do not explain the difference, the time between counts with what both looks agree on.
//! The timeline is made anew from both each time, so that a change which arrives late is not too late.

use std::cmp::Ordering;
use std::ops::Range;

use assize_engine::coverage::{Recorded, Recording};
use serde::{Deserialize, Serialize};

use super::recording::RecordingRow;

mod walk;

#[cfg(test)]
mod tests;

/// From an hour (hours since 1970) on, until the next entry: what was recorded; none is nothing.
pub(crate) type Entry = (i64, Option<Recording>);

/// A trail, as a look found it. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrailLook {
    /// ARN; empty where no trail is known to write to the bucket.
    pub(crate) arn: String,
    /// Whether it recorded.
    pub(crate) logging: Option<bool>,
    /// When it last began and ceased to.
    pub(crate) started: Option<i64>,
    pub(crate) stopped: Option<i64>,
    /// What it recorded; none while nothing is known.
    pub(crate) recording: Option<RecordingRow>,
    /// Whether it writes digests; none if nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) validating: Option<bool>,
}

/// The trails that logged for a cell in a stretch of hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spoken {
    /// Hours since 1970. Stretches overlap between two looks: either may hold there.
    pub(crate) hours: Range<i64>,
    /// The trails.
    pub(crate) trails: Vec<SpokenTrail>,
}

/// A trail that logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SpokenTrail {
    /// Name and home region as the keys of its digests have them: `NAME_HOMEREGION`.
    pub(crate) chain: String,
    /// What it records.
    pub(crate) recording: Recording,
    /// Whether it writes digests; none if nobody looked.
    pub(crate) validating: Option<bool>,
}

impl Spoken {
    /// What the trails record together.
    pub(crate) fn recording(&self) -> Option<Recording> {
        self.trails.iter().map(|trail| trail.recording.clone()).reduce(both)
    }
}

/// The trails of a cell, the same from the first look that found them so to the last. Seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Look {
    first: i64,
    last: i64,
    trails: Vec<TrailLook>,
}

/// A change of a trail that a log tells of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// When, seconds since 1970.
    pub(crate) time: i64,
    /// When trails were looked at for the first time after it, as far as is known.
    pub(crate) looked: i64,
    /// Account and region that recorded it.
    pub(crate) account: String,
    pub(crate) region: String,
    /// The trail's name or ARN; empty if AWS left it out.
    pub(crate) trail: String,
    /// What changed.
    pub(crate) kind: ChangeKind,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ChangeKind {
    /// It ceased to log, or was deleted.
    Stopped,
    /// It began to.
    Started,
    /// Its settings or its selectors, which a look tells and the event does not.
    Settings,
    /// Whether it records Insights.
    Insights,
}

impl Change {
    /// By what happened; when it was looked at is ours.
    pub(super) fn cmp_event(&self, other: &Change) -> Ordering {
        let key =
            |change: &Change| (change.time, change.kind, change.account.clone(), change.region.clone(), change.trail.clone());
        key(self).cmp(&key(other))
    }

    /// Whether it is about a trail.
    fn concerns(&self, arn: &str) -> bool {
        if self.trail.starts_with("arn:") {
            return self.trail == arn;
        }
        let mut parts = arn.splitn(6, ':').skip(3);
        let (region, owner, name) = (parts.next(), parts.next(), parts.next());
        let named = || name.and_then(|name| name.strip_prefix("trail/")) == Some(self.trail.as_str());
        owner == Some(self.account.as_str()) && (self.trail.is_empty() || (region == Some(self.region.as_str()) && named()))
    }
}

/// Which trails logged when: up to the next look, and back to the look before.
pub(super) fn spoken(looks: &[Look]) -> Vec<Spoken> {
    let of = |(at, look): (usize, &Look)| {
        let before = at.checked_sub(1).and_then(|at| looks.get(at));
        let hours =
            before.map_or(i64::MIN, |before| hour(before.last))..looks.get(at + 1).map_or(i64::MAX, |next| hour(next.first) + 1);
        let logging = look.trails.iter().filter(|trail| trail.logging == Some(true));
        let trails = logging.filter_map(|trail| {
            let validating = trail.validating;
            Some(SpokenTrail { chain: chain_of(&trail.arn)?, recording: recording(trail)?, validating })
        });
        Spoken { hours, trails: trails.collect() }
    };
    looks.iter().enumerate().map(of).collect()
}

/// `NAME_HOMEREGION` of `arn:PARTITION:cloudtrail:HOMEREGION:OWNER:trail/NAME`.
fn chain_of(arn: &str) -> Option<String> {
    let mut parts = arn.splitn(6, ':').skip(3);
    let (region, _, name) = (parts.next()?, parts.next()?, parts.next()?);
    Some(format!("{}_{region}", name.strip_prefix("trail/")?))
}

/// Adds a look.
pub(super) fn add(looks: &mut Vec<Look>, trails: Vec<TrailLook>, now: i64) {
    match looks.last_mut() {
        Some(last) if last.last >= now => {}
        Some(last) if last.trails == trails => last.last = now,
        _ => looks.push(Look { first: now, last: now, trails }),
    }
}

/// What was recorded, in time order.
pub(super) fn recorded(looks: &[Look], changes: &[Change]) -> Vec<Entry> {
    let concerns = |look: &Look, change: &Change| look.trails.iter().any(|trail| change.concerns(&trail.arn));
    let mut timeline = Vec::new();
    let mut before: Option<(&Look, i64)> = None;
    for look in looks {
        // In between it was looked at too, and nothing else was found. That is known where it matters: after each change.
        let within = changes.iter().filter(|change| look.first < change.looked && change.looked < look.last);
        let mut times: Vec<i64> = within.filter(|change| concerns(look, change)).map(|change| change.looked).collect();
        times.extend([look.first, look.last]);
        times.sort_unstable();
        times.dedup();
        for now in times {
            let is_between = |change: &&Change| {
                let since = before.is_none_or(|(_, then)| then < change.time) && change.time <= now;
                since && (concerns(look, change) || before.is_some_and(|(earlier, _)| concerns(earlier, change)))
            };
            let between: Vec<&Change> = changes.iter().filter(is_between).collect();
            let step = Step { trails: &look.trails, before: before.map(|(look, then)| (look.trails.as_slice(), then)), now };
            timeline = step.advance(timeline, &between);
            before = Some((look, now));
        }
    }
    timeline
}

/// From one look to the next.
struct Step<'a> {
    trails: &'a [TrailLook],
    /// The look before, and its time.
    before: Option<(&'a [TrailLook], i64)>,
    /// Time of the look, seconds.
    now: i64,
}

impl Step<'_> {
    fn advance(&self, timeline: Vec<Entry>, between: &[&Change]) -> Vec<Entry> {
        let by_looks = self.by_looks(timeline.clone());
        let mut advanced = if between.is_empty() { by_looks } else { self.by_changes(&timeline, by_looks, between) };
        advanced.dedup_by(|later, earlier| later.1 == earlier.1);
        advanced
    }

    /// What is recorded now.
    fn current(&self) -> Option<Recording> {
        let logging = self.trails.iter().filter(|trail| trail.logging == Some(true));
        logging.filter_map(recording).reduce(both)
    }

    /// The timeline with what the trails say now.
    fn by_looks(&self, mut timeline: Vec<Entry>) -> Vec<Entry> {
        let (trails, now) = (self.trails, hour(self.now));
        let previous = self.before.map(|(_, then)| hour(then));
        // From then on everything that logs now has logged without a break, as far as the trails tell.
        let logging = || trails.iter().filter(|trail| trail.logging == Some(true));
        let since = logging().filter_map(|trail| trail.started).max().map(whole_hour);
        let stopped = trails.iter().filter_map(|trail| trail.stopped).max().map(hour);
        let Some(current) = self.current() else {
            if timeline.last().is_some_and(|(_, recording)| recording.is_some()) {
                let from = stopped.or(previous).unwrap_or(now);
                cut(&mut timeline, from);
                timeline.push((from, None));
            }
            return timeline;
        };
        let Some(since) = since else { return timeline };
        match timeline.last().cloned() {
            None => timeline.push((since, Some(current))),
            Some((from, Some(last))) => {
                // It was stopped and started again between two looks.
                if let Some(stop) =
                    stopped.filter(|stop| *stop >= from && since > *stop && previous.is_some_and(|looked| since > looked))
                {
                    cut(&mut timeline, stop);
                    timeline.push((stop, None));
                    timeline.push((since, Some(current)));
                } else if previous.is_some_and(|looked| since > looked + 1) && stopped.is_none() {
                    // Another trail took over later than the last look at the one before it.
                    timeline.push((previous.unwrap_or(now), None));
                    timeline.push((since, Some(current)));
                } else if last != current {
                    let between = previous.unwrap_or(now);
                    cut(&mut timeline, between);
                    timeline.push((between, Some(agreed(last, current.clone()))));
                    timeline.push((now + 1, Some(current)));
                }
            }
            Some((from, None)) => {
                // What had begun before a look that found it idle has begun again since, nobody knows when.
                let since = if previous.is_some_and(|looked| since <= looked) { now + 1 } else { since.max(from) };
                timeline.push((since, Some(current)));
            }
        }
        timeline
    }
}

/// Entries from an hour on are replaced.
fn cut(timeline: &mut Vec<Entry>, from: i64) {
    timeline.retain(|(hour, _)| *hour < from);
}

fn hour(seconds: i64) -> i64 {
    seconds.div_euclid(3600)
}

fn whole_hour(seconds: i64) -> i64 {
    (seconds + 3599).div_euclid(3600)
}

fn recording(trail: &TrailLook) -> Option<Recording> {
    trail.recording.clone().map(Recording::from)
}

/// What two trails record together.
fn both(a: Recording, b: Recording) -> Recording {
    let all = |mut a: Vec<String>, b: Vec<String>| {
        a.extend(b);
        a.sort();
        a.dedup();
        a
    };
    Recording {
        reads: more(a.reads, b.reads),
        writes: more(a.writes, b.writes),
        data: all(a.data, b.data),
        network_activity: all(a.network_activity, b.network_activity),
        insight: a.insight || b.insight,
    }
}

fn more(a: Recorded, b: Recorded) -> Recorded {
    match (a, b) {
        (Recorded::All, _) | (_, Recorded::All) => Recorded::All,
        (Recorded::Except(a), Recorded::Except(b)) => {
            let missing: Vec<String> = a.into_iter().filter(|source| b.contains(source)).collect();
            if missing.is_empty() { Recorded::All } else { Recorded::Except(missing) }
        }
        (Recorded::Except(a), _) | (_, Recorded::Except(a)) => Recorded::Except(a),
        (Recorded::Unknown, _) | (_, Recorded::Unknown) => Recorded::Unknown,
        (Recorded::None, Recorded::None) => Recorded::None,
    }
}

/// What was recorded before and after a change, and so in between.
fn agreed(a: Recording, b: Recording) -> Recording {
    let shared = |a: Vec<String>, b: &[String]| a.into_iter().filter(|one| b.contains(one)).collect();
    Recording {
        reads: less(a.reads, b.reads),
        writes: less(a.writes, b.writes),
        data: shared(a.data, &b.data),
        network_activity: shared(a.network_activity, &b.network_activity),
        insight: a.insight && b.insight,
    }
}

fn less(a: Recorded, b: Recorded) -> Recorded {
    match (a, b) {
        (Recorded::All, other) | (other, Recorded::All) => other,
        (Recorded::Except(mut a), Recorded::Except(b)) => {
            a.extend(b);
            a.sort();
            a.dedup();
            Recorded::Except(a)
        }
        (Recorded::None, _) | (_, Recorded::None) => Recorded::None,
        (Recorded::Unknown, _) | (_, Recorded::Unknown) => Recorded::Unknown,
    }
}
