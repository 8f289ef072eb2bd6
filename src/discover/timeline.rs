//! What was recorded of each cell, and since when: a timeline that every run adds to.
//!
//! A trail tells when it last began and ceased to log. What its selectors were before the first look, and between two
//! looks, it does not tell: where they changed, the time between counts with what both agree on.

use assize_engine::coverage::{Recorded, Recording};

use super::trails::{Chosen, ChosenTrail};
use crate::collect::collected::Collected;

type Entry = (i64, Option<Recording>);

/// Adds what this run saw.
pub(crate) fn update(collected: &mut Collected, chosen: &Chosen, as_of: i64) {
    let now = as_of.div_euclid(3600);
    for ((account, region), trails) in &chosen.cells {
        let known = collected.recorded(account, region);
        let previous = collected.looked();
        collected.set_recorded(account, region, advance(known, trails, previous, now));
    }
    collected.look(now);
}

/// The timeline with what the trails say now.
fn advance(mut timeline: Vec<Entry>, trails: &[ChosenTrail], previous: Option<i64>, now: i64) -> Vec<Entry> {
    let current =
        trails.iter().filter(|trail| trail.logging == Some(true)).filter_map(|trail| trail.recording.clone()).reduce(both);
    // From then on everything that logs now has logged without a break, as far as the trails tell.
    let since = trails.iter().filter(|trail| trail.logging == Some(true)).filter_map(|trail| trail.started).max().map(whole_hour);
    let stopped = trails.iter().filter_map(|trail| trail.stopped).max().map(|stopped| stopped.div_euclid(3600));
    let Some(current) = current else {
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
            let since = since.max(from);
            timeline.push((since, Some(current)));
        }
    }
    timeline.dedup_by(|later, earlier| later.1 == earlier.1);
    timeline
}

/// Entries from an hour on are replaced.
fn cut(timeline: &mut Vec<Entry>, from: i64) {
    timeline.retain(|(hour, _)| *hour < from);
}

fn whole_hour(seconds: i64) -> i64 {
    (seconds + 3599).div_euclid(3600)
}

/// What two trails record together.
fn both(a: Recording, b: Recording) -> Recording {
    let mut data = a.data;
    data.extend(b.data);
    data.sort();
    data.dedup();
    Recording {
        reads: more(a.reads, b.reads),
        writes: more(a.writes, b.writes),
        data,
        network_activity: a.network_activity || b.network_activity,
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
    let data = a.data.into_iter().filter(|resource| b.data.contains(resource)).collect();
    Recording {
        reads: less(a.reads, b.reads),
        writes: less(a.writes, b.writes),
        data,
        network_activity: a.network_activity && b.network_activity,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn trail(logging: bool, started: i64, stopped: Option<i64>, recording: Recording) -> ChosenTrail {
        ChosenTrail {
            arn: "arn".to_owned(),
            bucket: 0,
            recording: Some(recording),
            logging: Some(logging),
            started: Some(started * 3600),
            stopped: stopped.map(|hour| hour * 3600),
        }
    }

    fn writes() -> Recording {
        Recording { writes: Recorded::All, ..Recording::default() }
    }

    #[test]
    fn a_trail_covers_from_when_it_began_to_log() {
        let all = Recording::management();
        let first = advance(vec![], &[trail(true, 10, None, all.clone())], None, 100);
        assert_eq!(first, [(10, Some(all.clone()))]);
        assert_eq!(advance(first.clone(), &[trail(true, 10, None, all.clone())], Some(100), 124), first);
        assert_eq!(advance(vec![], &[trail(false, 10, Some(20), all)], None, 100), []);
    }

    #[test]
    fn a_stop_and_a_restart_leave_a_hole() {
        let all = Recording::management();
        let first = vec![(10, Some(all.clone()))];
        let stopped = advance(first.clone(), &[trail(false, 10, Some(110), all.clone())], Some(100), 124);
        assert_eq!(stopped, [(10, Some(all.clone())), (110, None)]);
        let again = advance(stopped, &[trail(true, 130, Some(110), all.clone())], Some(124), 148);
        assert_eq!(again, [(10, Some(all.clone())), (110, None), (130, Some(all.clone()))]);
        let unseen = advance(first, &[trail(true, 115, Some(110), all.clone())], Some(100), 124);
        assert_eq!(unseen, [(10, Some(all.clone())), (110, None), (115, Some(all))]);
    }

    #[test]
    fn between_two_looks_counts_what_both_agree_on() {
        let all = Recording::management();
        let narrowed = advance(vec![(10, Some(all.clone()))], &[trail(true, 10, None, writes())], Some(100), 124);
        assert_eq!(narrowed, [(10, Some(all.clone())), (100, Some(writes()))]);
        let widened = advance(narrowed, &[trail(true, 10, None, all.clone())], Some(124), 148);
        assert_eq!(widened, [(10, Some(all.clone())), (100, Some(writes())), (149, Some(all))]);
    }

    #[test]
    fn two_trails_record_what_either_does() {
        let reads = Recording { reads: Recorded::All, ..Recording::default() };
        let timeline = advance(vec![], &[trail(true, 10, None, writes()), trail(true, 12, None, reads)], None, 100);
        assert_eq!(timeline, [(12, Some(Recording::management()))]);
    }
}
