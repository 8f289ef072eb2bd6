//! The slow, obvious twin of [`crate::correlation`]: every window is looked at anew, each value worked out from all of its
//! matches. It shares nothing with the fast one but the correlation as written, and takes time in the square of the matches.

use std::collections::BTreeSet;

use crate::correlation::Known;
use crate::policy::{Bound, Correlation, Operator, Source, SourceOf, Window, WindowKind};

/// A match of some rules of a correlation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// Event time, seconds since 1970 UTC.
    pub time: i64,
    /// The legs that it matches.
    pub legs: Vec<usize>,
    /// Values of the correlation's fields.
    pub values: Vec<Option<String>>,
}

/// A window that holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// Values of the `group-by`.
    pub group: Vec<Option<String>>,
    /// When it holds, seconds since 1970 UTC.
    pub time: i64,
    /// The matches in it, by their place.
    pub matches: BTreeSet<usize>,
    /// The earliest time in it, seconds since 1970 UTC.
    pub begins: i64,
}

/// Something with a time that a window looks at.
#[derive(Clone, Debug)]
struct Thing {
    time: i64,
    sources: BTreeSet<usize>,
    group: Vec<Option<String>>,
    values: Vec<Option<String>>,
    matches: BTreeSet<usize>,
    /// Only one thing comes of one match.
    single: Option<usize>,
}

/// All windows that hold, by group and time. `known`: the times of which all events are known.
pub fn held(correlation: &Correlation, matches: &[Matched], known: &Known) -> Vec<Held> {
    let mut held = of_window(&correlation.window, matches, known);
    held.sort();
    held
}

fn of_window(window: &Window, matches: &[Matched], known: &Known) -> Vec<Held> {
    let mut things: Vec<Thing> = Vec::new();
    for (number, source) in window.sources.iter().enumerate() {
        for thing in of_source(source, matches, known) {
            let same = |known: &&mut Thing| known.single.is_some() && known.single == thing.single && known.group == thing.group;
            match things.iter_mut().find(same) {
                Some(known) => known.sources.extend([number]),
                None => things.push(Thing { sources: BTreeSet::from([number]), ..thing }),
            }
        }
    }
    let groups: BTreeSet<Vec<Option<String>>> = things.iter().map(|thing| thing.group.clone()).collect();
    let mut held = Vec::new();
    for group in groups {
        let mine: Vec<&Thing> = things.iter().filter(|thing| thing.group == group).collect();
        match window.kind {
            WindowKind::NotFollowedBy => {
                held.extend(awaited(window, &mine, known));
                continue;
            }
            WindowKind::FirstSeen => {
                held.extend(new(window, &mine, known));
                continue;
            }
            _ => {}
        }
        let times: BTreeSet<i64> = mine.iter().map(|thing| thing.time).collect();
        for time in times {
            let within = |thing: &&&Thing| thing.time <= time && thing.time >= time - window.timespan;
            let inside: Vec<&Thing> = mine.iter().filter(within).copied().collect();
            if holds(window, &inside) {
                let matches = inside.iter().flat_map(|thing| thing.matches.clone()).collect();
                let begins = inside.iter().map(|thing| thing.time).min().unwrap_or(time);
                held.push(Held { group: group.clone(), time, matches, begins });
            }
        }
    }
    held
}

fn of_source(source: &Source, matches: &[Matched], known: &Known) -> Vec<Thing> {
    let at = |values: &[Option<String>], places: &[usize]| -> Vec<Option<String>> {
        places.iter().map(|place| values.get(*place).cloned().flatten()).collect()
    };
    match &source.of {
        SourceOf::Leg(leg) => {
            let mine = matches.iter().enumerate().filter(|(_, matched)| matched.legs.contains(leg));
            mine.map(|(number, matched)| Thing {
                time: matched.time,
                sources: BTreeSet::new(),
                group: at(&matched.values, &source.grouped),
                values: at(&matched.values, &source.values),
                matches: BTreeSet::from([number]),
                single: Some(number),
            })
            .collect()
        }
        SourceOf::Window(below) => of_window(below, matches, known)
            .into_iter()
            .map(|held| Thing {
                time: held.time,
                sources: BTreeSet::new(),
                group: at(&held.group, &source.grouped),
                values: at(&held.group, &source.values),
                matches: held.matches,
                single: None,
            })
            .collect(),
    }
}

fn awaited(window: &Window, things: &[&Thing], known: &Known) -> Vec<Held> {
    let mut held = Vec::new();
    for thing in things.iter().filter(|thing| thing.sources.contains(&0)) {
        let due = thing.time + window.timespan;
        let answers = |other: &&&Thing| other.sources.contains(&1) && other.time >= thing.time && other.time <= due;
        if due < known.until && !things.iter().any(|other| answers(&other)) {
            let (group, matches) = (thing.group.clone(), thing.matches.clone());
            held.push(Held { group, time: due, matches, begins: thing.time });
        }
    }
    held
}

/// Things with a value that none had in the time before. A value is seen in an hour at the first record that has it.
fn new(window: &Window, things: &[&Thing], known: &Known) -> Vec<Held> {
    let full = |thing: &&&Thing| thing.values.iter().all(Option::is_some);
    let first_of_hour = |thing: &&&Thing| {
        let hour = |time: i64| time.div_euclid(3600);
        let mut earlier = things.iter().filter(|other| other.values == thing.values && hour(other.time) == hour(thing.time));
        !earlier.any(|other| (other.time, other.single) < (thing.time, thing.single))
    };
    let sightings: Vec<&Thing> = things.iter().filter(full).filter(first_of_hour).copied().collect();
    let mut held = Vec::new();
    for thing in &sightings {
        let before = |other: &&&Thing| {
            other.values == thing.values && other.time < thing.time && other.time >= thing.time - window.timespan
        };
        if thing.time - window.timespan >= known.from && !sightings.iter().any(|other| before(&other)) {
            let (group, matches) = (thing.group.clone(), thing.matches.clone());
            held.push(Held { group, time: thing.time, matches, begins: thing.time });
        }
    }
    held
}

/// Whether the things of one window are what is looked for.
fn holds(window: &Window, things: &[&Thing]) -> bool {
    let sources = 0..window.sources.len();
    let full =
        || -> Vec<Vec<&String>> { things.iter().filter_map(|thing| thing.values.iter().map(Option::as_ref).collect()).collect() };
    let mut numbers: Vec<f64> = full().iter().filter_map(|values| values.first()?.parse().ok()).collect();
    match window.kind {
        WindowKind::EventCount => met(things.len() as f64, &window.bounds),
        WindowKind::ValueCount => met(full().into_iter().collect::<BTreeSet<_>>().len() as f64, &window.bounds),
        WindowKind::ValueSum => !numbers.is_empty() && met(numbers.iter().sum(), &window.bounds),
        WindowKind::ValueAvg => !numbers.is_empty() && met(numbers.iter().sum::<f64>() / numbers.len() as f64, &window.bounds),
        WindowKind::ValuePercentile(percentile) => {
            numbers.sort_by(f64::total_cmp);
            let Some(last) = numbers.len().checked_sub(1) else { return false };
            let rank = last as f64 * f64::from(percentile) / 100.0;
            let value = |rank: f64| numbers.get(rank as usize).copied().unwrap_or(0.0);
            let (low, high) = (value(rank.floor()), value(rank.ceil()));
            met(low + (high - low) * rank.fract(), &window.bounds)
        }
        WindowKind::Temporal => sources.into_iter().all(|source| things.iter().any(|thing| thing.sources.contains(&source))),
        WindowKind::TemporalOrdered => {
            // The earliest thing of each source that is not before the one chosen of the source before it.
            let mut after = i64::MIN;
            sources.into_iter().all(|source| {
                let fits = things.iter().filter(|thing| thing.sources.contains(&source) && thing.time >= after);
                let earliest = fits.map(|thing| thing.time).min();
                earliest.inspect(|time| after = *time).is_some()
            })
        }
        WindowKind::NotFollowedBy | WindowKind::FirstSeen => false,
    }
}

fn met(value: f64, bounds: &[Bound]) -> bool {
    bounds.iter().all(|bound| {
        let than: f64 = bound.than.parse().unwrap_or(f64::NAN);
        match bound.operator {
            Operator::Gt => value > than,
            Operator::Gte => value >= than,
            Operator::Lt => value < than,
            Operator::Lte => value <= than,
            Operator::Eq => (value - than).abs() < 1e-9,
            Operator::Neq => (value - than).abs() >= 1e-9,
        }
    })
}

/// What held in one group until it was quiet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch {
    /// Values of the `group-by`.
    pub group: Vec<Option<String>>,
    /// The matches in all its windows, by their place.
    pub matches: BTreeSet<usize>,
    /// When it first and last held, seconds since 1970 UTC.
    pub held: (i64, i64),
}

/// Puts together what holds, as findings are: by group, parted where nothing held for `quiet` seconds.
pub fn stretches(held: &[Held], quiet: i64) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for one in held {
        match stretches.last_mut() {
            Some(last) if last.group == one.group && one.begins - last.held.1 <= quiet => {
                last.matches.extend(&one.matches);
                last.held.1 = one.time;
            }
            _ => {
                let (group, matches) = (one.group.clone(), one.matches.clone());
                stretches.push(Stretch { group, matches, held: (one.time, one.time) });
            }
        }
    }
    stretches
}
