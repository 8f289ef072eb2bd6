//! Slides a window over events and finds where it holds.

use std::collections::HashMap;

use super::aggregate::Aggregate;
use super::number::Decimal;
use super::{Counted, Event, Firing};
use crate::policy::{Operator, Window, WindowKind};

/// The windows that hold, by time. `events` are in time order.
pub(super) fn firings(window: &Window, events: &[Event], known_until: i64) -> Vec<Firing> {
    match window.kind {
        WindowKind::NotFollowedBy => unanswered(window, events, known_until),
        WindowKind::TemporalOrdered => in_order(window, events),
        WindowKind::FirstSeen => new(window, events),
        _ => counted(window, events),
    }
}

/// A window ends at each time at which something happens; what happens in one second is seen together.
fn counted(window: &Window, events: &[Event]) -> Vec<Firing> {
    let mut aggregate = Aggregate::new(window, events);
    let mut firings = Vec::new();
    let (mut from, mut to) = (0, 0);
    while let Some(time) = events.get(to).map(|event| event.time) {
        while let Some(event) = events.get(to).filter(|event| event.time == time) {
            aggregate.add(event);
            to += 1;
        }
        while let Some(event) = events.get(from).filter(|event| event.time < time - window.timespan) {
            aggregate.remove(event);
            from += 1;
        }
        if let Some(value) = aggregate.holds(&window.bounds) {
            firings.push(Firing { time, from, to, value });
        }
    }
    firings
}

/// For each source, the latest time at which a chain up to it may have begun: if any chain fits into the window, the one that
/// began last does.
fn in_order(window: &Window, events: &[Event]) -> Vec<Firing> {
    let mut begun: Vec<Option<i64>> = vec![None; window.sources.len()];
    let mut firings = Vec::new();
    let (mut from, mut to) = (0, 0);
    while let Some(time) = events.get(to).map(|event| event.time) {
        let start = to;
        while events.get(to).is_some_and(|event| event.time == time) {
            to += 1;
        }
        let before = goes_on(&mut begun, events.get(start..to).unwrap_or_default(), time);
        while events.get(from).is_some_and(|event| event.time < time - window.timespan) {
            from += 1;
        }
        if before.is_some_and(|before| before >= time - window.timespan) {
            firings.push(Firing { time, from, to, value: None });
        }
    }
    firings
}

/// Takes chains on by the events of one second: for each source the latest time at which a chain up to it began. Returns that of
/// whole chains. Within a second no order is known, so every order counts: sources are gone through as they should follow.
fn goes_on(begun: &mut [Option<i64>], second: &[Event], time: i64) -> Option<i64> {
    let mut before = Some(time);
    for (number, begun) in begun.iter_mut().enumerate() {
        if second.iter().any(|event| event.is_of(number)) {
            *begun = (*begun).max(before);
        }
        before = *begun;
    }
    before
}

/// The events of the first source that none of the second follows in time. What may still come is not said to be missing.
fn unanswered(window: &Window, events: &[Event], known_until: i64) -> Vec<Firing> {
    let mut firings = Vec::new();
    let mut answer: Option<i64> = None;
    // From the end, so that the next answer is known. In one second every order counts.
    let mut at = events.len();
    while let Some(time) = at.checked_sub(1).and_then(|last| events.get(last)).map(|event| event.time) {
        let start = events.partition_point(|event| event.time < time);
        let second = events.get(start..at).unwrap_or_default();
        if second.iter().any(|event| event.is_of(1)) {
            answer = Some(time);
        }
        let due = time + window.timespan;
        if answer.is_none_or(|answer| answer > due) && due < known_until {
            for (number, _) in second.iter().enumerate().rev().filter(|(_, event)| event.is_of(0)) {
                firings.push(Firing { time: due, from: start + number, to: start + number + 1, value: None });
            }
        }
        at = start;
    }
    firings.reverse();
    firings
}

/// The events with a value that none had in the timespan before, where that time is known. A value is seen in an hour at the
/// first event that has it: later ones of the hour are not kept everywhere.
fn new(window: &Window, events: &[Event]) -> Vec<Firing> {
    let hour = |time: i64| time.div_euclid(3600);
    let mut seen: HashMap<&Counted, i64> = HashMap::new();
    let mut firings = Vec::new();
    for (number, event) in events.iter().enumerate().filter(|(_, event)| event.counted != Counted::Nothing) {
        let last = seen.get(&event.counted).copied();
        if last.is_some_and(|last| hour(last) == hour(event.time)) {
            continue;
        }
        seen.insert(&event.counted, event.time);
        let known = event.time.checked_sub(window.timespan).is_some_and(|from| from >= event.known_from);
        if known && last.is_none_or(|last| last < event.time - window.timespan) {
            firings.push(Firing { time: event.time, from: number, to: number + 1, value: None });
        }
    }
    firings
}

/// The furthest of some values: the least where the bounds ask for little, else the most.
pub(super) fn peak(window: &Window, values: impl Iterator<Item = Decimal>) -> Option<Decimal> {
    let asks = |wanted: [Operator; 2]| window.bounds.iter().any(|bound| wanted.contains(&bound.operator));
    let least = asks([Operator::Lt, Operator::Lte]) && !asks([Operator::Gt, Operator::Gte]);
    if least { values.min() } else { values.max() }
}

/// The first second at which the last of some firings no longer holds: as events grow too old, or as another one comes.
pub(super) fn over(window: &Window, events: &[Event], last: &Firing) -> Option<i64> {
    if window.kind == WindowKind::NotFollowedBy {
        let answers = events.iter().filter(|event| event.is_of(1) && event.time > last.time);
        return answers.map(|event| event.time).next();
    }
    if window.kind == WindowKind::FirstSeen {
        return Some(last.time + 1);
    }
    let inside = events.get(last.from..last.to).unwrap_or_default();
    let aged = if window.kind == WindowKind::TemporalOrdered { order_ends(window, inside) } else { count_ends(window, inside) };
    let next = events.get(last.to).map(|event| event.time);
    Some(next.map_or(aged, |next| next.min(aged)))
}

fn count_ends(window: &Window, inside: &[Event]) -> i64 {
    let mut aggregate = Aggregate::new(window, inside);
    inside.iter().for_each(|event| aggregate.add(event));
    let mut at = 0;
    while let Some(time) = inside.get(at).map(|event| event.time) {
        while let Some(event) = inside.get(at).filter(|event| event.time == time) {
            aggregate.remove(event);
            at += 1;
        }
        // With nothing left no window ends at a match, whatever the bounds are.
        if at == inside.len() || aggregate.holds(&window.bounds).is_none() {
            return time + window.timespan + 1;
        }
    }
    inside.last().map_or(0, |event| event.time + window.timespan + 1)
}

fn order_ends(window: &Window, inside: &[Event]) -> i64 {
    let mut begun: Vec<Option<i64>> = vec![None; window.sources.len()];
    for second in inside.chunk_by(|a, b| a.time == b.time) {
        if let Some(time) = second.first().map(|event| event.time) {
            goes_on(&mut begun, second, time);
        }
    }
    begun.last().copied().flatten().unwrap_or(0) + window.timespan + 1
}
