//! Correlations in event time: what the matches of a policy's rules say together.
//!
//! Windows slide: one ends at every match, both of its ends included, because CloudTrail's times are whole seconds and a burst
//! must not hide behind a boundary (Sigma specification 2.1: windows "should not be restricted to boundaries"). Everything here
//! is made from the merged matches, sorted by event time, so neither files nor threads nor runs show in it. The slow twin,
//! which looks at every window anew, is [`crate::linear::windows`].

mod aggregate;
mod number;
mod slide;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use crate::finding::{QUIET_GAP, STEP};
use crate::partial::{GroupKey, Groups, Hit, ordered};
use crate::policy::{Correlation, Source, SourceOf, Window, WindowKind};
use number::Decimal;

/// Most matches of one correlation that are looked at. One that has more is not judged at all, and says so: which of them
/// were left out would otherwise depend on the order in which files are read. A million matches take some 150 MB.
pub const MAX_MATCHES: u64 = 1_000_000;

/// Between two firings of a correlation that belong to one finding lie no more seconds than this.
pub(crate) fn quiet(correlation: &Correlation) -> i64 {
    QUIET_GAP.max(correlation.reach())
}

/// How a correlation fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// When it first held, seconds since 1970 UTC: the time of the match that made it so, or the end of the wait for one.
    pub first: i64,
    /// When it last began to hold or still held at a match.
    pub last: i64,
    /// The furthest that the value went; `None` where nothing is counted.
    pub peak: Option<String>,
    /// The first second after `last` at which it no longer held; `None` if what is awaited has not come.
    pub over: Option<i64>,
}

/// Matches that made a correlation fire, until it was quiet for a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Episode {
    /// Account and region of the first match, and the values of the correlation's `group-by`.
    pub group: GroupKey,
    /// Every account and region of a match, each once, ascending.
    pub cells: Vec<(String, String)>,
    /// The matches in windows that fired, in time order.
    pub hits: Vec<Hit>,
    /// How.
    pub fired: Fired,
}

/// The value of a field of a match.
type Value = Option<Rc<str>>;

/// Something that happened at a time: a match, or a firing of a window below.
#[derive(Debug)]
struct Event {
    time: i64,
    /// The sources that it belongs to, a bit each.
    sources: u64,
    counted: Counted,
    origin: Origin,
    /// The first second of which all events like it are known.
    known_from: i64,
}

/// What of an event is counted or summed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Counted {
    Nothing,
    Texts(Vec<Rc<str>>),
    Number(Decimal),
}

/// Where an event comes from.
#[derive(Clone, Debug)]
enum Origin {
    /// A match, by number.
    Match(u32),
    /// Events of a group below, from and to.
    Below(Rc<Group>, usize, usize),
}

/// Events that are looked at together, in time order, and what was found.
#[derive(Debug)]
struct Group {
    key: Vec<Value>,
    events: Vec<Event>,
    firings: Vec<Firing>,
}

/// A window that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Firing {
    time: i64,
    /// Its events.
    from: usize,
    to: usize,
    value: Option<Decimal>,
}

/// Matches, each once.
struct Matches {
    hits: Vec<Hit>,
    /// In the order of their matches.
    kinds: Vec<MatchKind>,
}

/// Matches with the same values.
struct MatchKind {
    account: String,
    region: String,
    values: Vec<Value>,
    /// The legs that they belong to, a bit each.
    legs: u64,
    /// The numbers of the matches.
    hits: Range<usize>,
    /// The first second of which all events of the account and region are known.
    known_from: i64,
}

/// The times of which all events are known, seconds since 1970 UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The first second, where `from_by_cell` does not say: what was before it nobody knows, so nothing is new soon after.
    pub from: i64,
    /// The first second by account and region.
    pub from_by_cell: BTreeMap<(String, String), i64>,
    /// The first second of which events may still be missing: nothing is said to be absent from there on.
    pub until: i64,
}

impl Known {
    /// All times.
    pub fn always() -> Known {
        Known { from: i64::MIN, from_by_cell: BTreeMap::new(), until: i64::MAX }
    }

    fn since(&self, kind: &MatchKind) -> i64 {
        let known = self.from_by_cell.get(&(kind.account.clone(), kind.region.clone()));
        known.copied().unwrap_or(self.from)
    }
}

/// Finds when a correlation fired. `groups` are its matches by the values that it keeps.
pub fn episodes(correlation: &Correlation, groups: Groups, known: &Known) -> Vec<Episode> {
    let matches = Matches::of(correlation, groups, known);
    let mut episodes = Vec::new();
    for group in found(&correlation.window, &matches, known.until) {
        let mut start = 0;
        while let Some(first) = group.firings.get(start) {
            let mut end = start + 1;
            let mut last = group.last_of(first);
            while let Some(next) = group.firings.get(end).filter(|next| group.first_of(next) - last <= quiet(correlation)) {
                last = last.max(group.last_of(next));
                end += 1;
            }
            let firings = group.firings.get(start..end).unwrap_or_default();
            episodes.extend(episode(&group, firings, &matches, &correlation.window));
            start = end;
        }
    }
    episodes
}

/// As [`crate::finding::needed_from`], of a correlation.
pub(crate) fn needed_from(correlation: &Correlation, groups: &Groups, read: &Range<i64>) -> Option<i64> {
    // A window of the period's first second reaches back so far, also to what is awaited and of which nothing is read yet.
    let reaches = read.end - correlation.reach();
    if read.start > reaches {
        return Some(reaches);
    }
    let early = |hit: &Hit| hit.time - read.start <= quiet(correlation) + correlation.reach();
    if !groups.values().flatten().any(early) {
        return None;
    }
    // A busy rule always has early matches; what counts is whether they made the correlation fire.
    let begins = |episode: &Episode| episode.hits.first().is_some_and(early) && episode.fired.last >= read.end;
    episodes(correlation, groups.clone(), &Known::always()).iter().any(begins).then(|| read.start - STEP)
}

/// What the last value of a match's group says: the legs that it belongs to.
pub(crate) fn legs_text(legs: impl Iterator<Item = usize>) -> String {
    legs.map(|leg| leg.to_string()).collect::<Vec<_>>().join(",")
}

impl Matches {
    fn of(correlation: &Correlation, groups: Groups, known: &Known) -> Matches {
        let mut matches = Matches { hits: Vec::new(), kinds: Vec::new() };
        for (GroupKey { account, region, mut values }, hits) in ordered(groups) {
            let legs = if correlation.legs.len() > 1 {
                let text = values.pop().flatten().unwrap_or_default();
                text.split(',').filter_map(|leg| leg.parse::<u32>().ok()).fold(0, |legs, leg| legs | 1_u64.unbounded_shl(leg))
            } else {
                1
            };
            let values = values.into_iter().map(|value| value.map(Rc::from)).collect();
            let first = matches.hits.len();
            let mut hits = crate::finding::distinct(hits);
            if correlation.needs_only_first() {
                hits.dedup_by_key(|hit| hit.time.div_euclid(3600));
            }
            matches.hits.append(&mut hits);
            let mut kind = MatchKind { account, region, values, legs, hits: first..matches.hits.len(), known_from: 0 };
            kind.known_from = known.since(&kind);
            matches.kinds.push(kind);
        }
        matches
    }

    fn kind_of(&self, hit: u32) -> Option<&MatchKind> {
        let next = self.kinds.partition_point(|kind| kind.hits.start <= hit as usize);
        self.kinds.get(next.checked_sub(1)?)
    }
}

impl Group {
    fn first_of(&self, firing: &Firing) -> i64 {
        self.events.get(firing.from).map_or(firing.time, |event| event.time)
    }

    fn last_of(&self, firing: &Firing) -> i64 {
        self.events.get(firing.to.saturating_sub(1)).map_or(firing.time, |event| event.time).max(firing.time)
    }
}

/// What a window found, group by group.
fn found(window: &Window, matches: &Matches, known_until: i64) -> Vec<Group> {
    let mut by_key: BTreeMap<Vec<Value>, Vec<Event>> = BTreeMap::new();
    for (number, source) in window.sources.iter().enumerate() {
        let bit = 1_u64.unbounded_shl(u32::try_from(number).unwrap_or(u32::MAX));
        match &source.of {
            SourceOf::Leg(leg) => add_matches(window.kind, source, (*leg, bit), matches, &mut by_key),
            SourceOf::Window(below) => {
                for group in found(below, matches, known_until) {
                    add_firings(window.kind, source, bit, group, &mut by_key);
                }
            }
        }
    }
    let mut groups = Vec::new();
    for (key, mut events) in by_key {
        events.sort_by_key(|event| (event.time, event.match_number()));
        join_sources(&mut events);
        let firings = slide::firings(window, &events, known_until);
        if !firings.is_empty() {
            groups.push(Group { key, events, firings });
        }
    }
    groups
}

impl Event {
    fn match_number(&self) -> u32 {
        if let Origin::Match(number) = self.origin { number } else { u32::MAX }
    }
}

fn at(values: &[Value], places: &[usize]) -> Vec<Value> {
    places.iter().map(|place| values.get(*place).cloned().flatten()).collect()
}

/// A field that is missing, or that is no number where one is needed, counts for nothing.
fn counted(kind: WindowKind, values: Vec<Value>) -> Counted {
    let texts: Option<Vec<Rc<str>>> = values.into_iter().collect();
    match (kind, texts) {
        (WindowKind::ValueCount | WindowKind::FirstSeen, Some(texts)) => Counted::Texts(texts),
        (WindowKind::ValueSum | WindowKind::ValueAvg | WindowKind::ValuePercentile(_), Some(texts)) => {
            texts.first().and_then(|text| Decimal::read(text)).map_or(Counted::Nothing, Counted::Number)
        }
        _ => Counted::Nothing,
    }
}

fn add_matches(
    kind: WindowKind,
    source: &Source,
    (leg, bit): (usize, u64),
    matches: &Matches,
    by_key: &mut BTreeMap<Vec<Value>, Vec<Event>>,
) {
    let mine = 1_u64.unbounded_shl(u32::try_from(leg).unwrap_or(u32::MAX));
    for of in matches.kinds.iter().filter(|of| of.legs & mine != 0) {
        let counted = counted(kind, at(&of.values, &source.values));
        let events = by_key.entry(at(&of.values, &source.grouped)).or_default();
        for number in of.hits.clone() {
            let Some(hit) = matches.hits.get(number) else { continue };
            let origin = Origin::Match(u32::try_from(number).unwrap_or(u32::MAX));
            events.push(Event { time: hit.time, sources: bit, counted: counted.clone(), origin, known_from: of.known_from });
        }
    }
}

/// Each firing of a window below is an event, at its time.
fn add_firings(kind: WindowKind, source: &Source, bit: u64, group: Group, by_key: &mut BTreeMap<Vec<Value>, Vec<Event>>) {
    let key = at(&group.key, &source.grouped);
    let counted = counted(kind, at(&group.key, &source.values));
    let group = Rc::new(group);
    let events = by_key.entry(key).or_default();
    for firing in &group.firings {
        let origin = Origin::Below(Rc::clone(&group), firing.from, firing.to);
        events.push(Event { time: firing.time, sources: bit, counted: counted.clone(), origin, known_from: i64::MIN });
    }
}

/// A match that belongs to several sources is one event.
fn join_sources(events: &mut Vec<Event>) {
    events.dedup_by(|next, first| {
        let same = matches!((&next.origin, &first.origin), (Origin::Match(a), Origin::Match(b)) if a == b);
        if same {
            first.sources |= next.sources;
        }
        same
    });
}

fn episode(group: &Group, firings: &[Firing], matches: &Matches, window: &Window) -> Option<Episode> {
    let (first, last) = (firings.first()?, firings.last()?);
    let mut numbers = BTreeSet::new();
    let ranges = firings.iter().map(|firing| (firing.from, firing.to));
    gather(&group.events, ranges.collect(), &mut numbers);
    let mut hits: Vec<(&Hit, &MatchKind)> =
        numbers.iter().filter_map(|number| Some((matches.hits.get(*number as usize)?, matches.kind_of(*number)?))).collect();
    hits.sort_by_key(|(hit, _)| *hit);
    let (_, place) = hits.first()?;
    let values = group.key.iter().map(|value| value.as_deref().map(str::to_owned)).collect();
    let peak = slide::peak(window, firings.iter().filter_map(|firing| firing.value));
    let fired = Fired {
        first: first.time,
        last: last.time,
        peak: peak.map(|peak| peak.to_string()),
        over: slide::over(window, &group.events, last),
    };
    let cells: BTreeSet<_> = hits.iter().map(|(_, kind)| (kind.account.clone(), kind.region.clone())).collect();
    Some(Episode {
        group: GroupKey { account: place.account.clone(), region: place.region.clone(), values },
        cells: cells.into_iter().collect(),
        hits: hits.iter().map(|(hit, _)| (*hit).clone()).collect(),
        fired,
    })
}

/// A group below, and ranges of its events.
type Below = (Rc<Group>, Vec<(usize, usize)>);

/// The matches behind ranges of events. Ranges that overlap are joined first, so that each event is looked at once.
fn gather(events: &[Event], mut ranges: Vec<(usize, usize)>, numbers: &mut BTreeSet<u32>) {
    ranges.sort_unstable();
    let mut below: BTreeMap<*const Group, Below> = BTreeMap::new();
    let mut done = 0;
    for (from, to) in ranges {
        for event in events.get(from.max(done)..to).unwrap_or_default() {
            match &event.origin {
                Origin::Match(number) => {
                    numbers.insert(*number);
                }
                Origin::Below(group, from, to) => {
                    let known = below.entry(Rc::as_ptr(group)).or_insert_with(|| (Rc::clone(group), Vec::new()));
                    known.1.push((*from, *to));
                }
            }
        }
        done = done.max(to);
    }
    for (_, (group, ranges)) in below {
        gather(&group.events, ranges, numbers);
    }
}
