//! Which records a detection can match at all, told by event source and event name alone.
//!
//! The answer is a list of alternatives; a record that fits none of them makes the detection false whatever else it
//! holds. That is why an index over it may skip a policy: `eventSource` and `eventName` are top-level strings that AWS
//! never omits for size, so a conjunct on them is false or true, never unknown, and false and-ed with anything is
//! false. What cannot be told (a wildcard, a modifier, a negation) widens the answer, never narrows it.

use std::collections::BTreeSet;

use crate::policy::{Condition, Detection, Item, Literal, Modifier, Selection};

/// More alternatives than this and the detection counts as unbounded.
const MAX_ALTERNATIVES: usize = 64;

/// One alternative. `None` means any value. Values are in lower case, ASCII only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    /// Event sources, for example `ec2.amazonaws.com`.
    pub sources: Option<BTreeSet<String>>,
    /// Event names, for example `runinstances`.
    pub names: Option<BTreeSet<String>>,
}

fn intersect(a: Option<&BTreeSet<String>>, b: Option<&BTreeSet<String>>) -> Option<BTreeSet<String>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.intersection(b).cloned().collect()),
        (one, None) | (None, one) => one.cloned(),
    }
}

/// The alternatives of a detection. Empty means that it can never match.
pub fn of_detection(detection: &Detection) -> Vec<Candidate> {
    alternatives(detection)
}

/// The alternatives of one selection.
pub fn of_selection(selection: &Selection) -> Vec<Candidate> {
    within(selection)
}

/// The event sources that a detection names, if every alternative names some; in lower case.
pub fn sources(detection: &Detection) -> Option<BTreeSet<String>> {
    let sets: Option<Vec<BTreeSet<String>>> = of_detection(detection).into_iter().map(|candidate| candidate.sources).collect();
    sets.map(|sets| sets.into_iter().flatten().collect())
}

/// One alternative of a detection, as far as somebody asks for it. The default is the one of which nothing is known.
pub(crate) trait Alternative: Clone + Default + PartialEq {
    /// Of a map of items, which must all hold.
    fn of_items(items: &[Item]) -> Self;

    /// Of both; `None` if nothing can be both.
    fn and(&self, other: &Self) -> Option<Self>;
}

impl Alternative for Candidate {
    fn of_items(items: &[Item]) -> Candidate {
        of_items(items)
    }

    fn and(&self, other: &Candidate) -> Option<Candidate> {
        let both = Candidate {
            sources: intersect(self.sources.as_ref(), other.sources.as_ref()),
            names: intersect(self.names.as_ref(), other.names.as_ref()),
        };
        let empty = |set: &Option<BTreeSet<String>>| set.as_ref().is_some_and(BTreeSet::is_empty);
        (!empty(&both.sources) && !empty(&both.names)).then_some(both)
    }
}

/// The alternatives of a detection. What is negated, or too many to tell, is one of which nothing is known.
pub(crate) fn alternatives<A: Alternative>(detection: &Detection) -> Vec<A> {
    of_condition(&detection.condition, detection)
}

fn within<A: Alternative>(selection: &Selection) -> Vec<A> {
    match selection {
        Selection::All(items) => vec![A::of_items(items)],
        Selection::Any(parts) => union(parts.iter().map(within)),
        Selection::Keywords { .. } => any(),
    }
}

fn of_condition<A: Alternative>(condition: &Condition, detection: &Detection) -> Vec<A> {
    match condition {
        Condition::Selection(index) => detection.selections.get(*index).map_or_else(any, |(_, selection)| within(selection)),
        Condition::Not(_) => any(),
        Condition::Or(parts) => union(parts.iter().map(|part| of_condition(part, detection))),
        Condition::And(parts) => parts.iter().fold(any(), |narrow, part| product(&narrow, &of_condition(part, detection))),
    }
}

fn any<A: Alternative>() -> Vec<A> {
    vec![A::default()]
}

fn union<A: Alternative>(parts: impl Iterator<Item = Vec<A>>) -> Vec<A> {
    let mut all: Vec<A> = Vec::new();
    for alternative in parts.flatten() {
        if !all.contains(&alternative) {
            all.push(alternative);
        }
        if all.len() > MAX_ALTERNATIVES {
            return any();
        }
    }
    all
}

fn product<A: Alternative>(a: &[A], b: &[A]) -> Vec<A> {
    union(a.iter().map(|left| b.iter().filter_map(|right| left.and(right)).collect()))
}

fn of_items(items: &[Item]) -> Candidate {
    let mut candidate = Candidate::default();
    for item in items {
        let slot = match item.field.written.as_str() {
            "eventSource" => &mut candidate.sources,
            "eventName" => &mut candidate.names,
            _ => continue,
        };
        if let Some(values) = exact_values(item) {
            *slot = intersect(slot.as_ref(), Some(&values));
        }
    }
    candidate
}

/// The values if the item asks for nothing but one of them.
fn exact_values(item: &Item) -> Option<BTreeSet<String>> {
    let plain = item.modifiers.iter().all(|modifier| *modifier == Modifier::Cased);
    let exact = |literal: &Literal| match literal {
        Literal::Text(text) if text.is_ascii() && !text.contains(['*', '?', '\\']) => Some(text.to_ascii_lowercase()),
        _ => None,
    };
    if plain { item.values.iter().map(exact).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(detection: &str) -> String {
        let mut report = crate::diagnostic::Report::new("f");
        let node = crate::yaml::parse(detection, &mut report).remove(0);
        let detection = crate::policy::read_detection(&node, None, &mut report).unwrap();
        let show = |set: &Option<BTreeSet<String>>| match set {
            None => "*".to_owned(),
            Some(set) => set.iter().cloned().collect::<Vec<_>>().join("|"),
        };
        let parts: Vec<String> =
            of_detection(&detection).iter().map(|part| format!("{}/{}", show(&part.sources), show(&part.names))).collect();
        parts.join(" ")
    }

    #[test]
    fn what_cannot_be_told_widens() {
        assert_eq!(of("{a: {eventSource: S, eventName: [N, M]}, condition: a}"), "s/m|n");
        assert_eq!(of("{a: {eventSource: S}, b: {eventName: 'N*'}, condition: a and b}"), "s/*");
        assert_eq!(of("{a: {eventSource: S}, b: {eventName: N}, condition: a and not b}"), "s/*");
        assert_eq!(of("{a: {eventSource: S, eventName: N}, b: {eventName: M}, condition: a or b}"), "s/n */m");
        assert_eq!(of("{a: {eventName: N}, b: {eventName: M}, condition: a and b}"), "");
        assert_eq!(of("{a: {eventName: N}, b: {eventName: M}, condition: not (a or b)}"), "*/*");
        assert_eq!(of("{a: {eventName|startswith: N}, b: [key], condition: a or b}"), "*/*");
        assert_eq!(of("{a: {eventName: [N, null]}, condition: a}"), "*/*");
    }
}
