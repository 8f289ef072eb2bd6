//! Whether some text of one field begins with, ends with, contains or equals some text of another.
//!
//! Both lists come from the record, so a caller may choose both. Comparing each with each would let one record of a few
//! megabytes hold a scan up for hours; here the time grows with the size of the lists, not with their product.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::pattern::Place;

/// Most bytes of searched texts in one automaton, which takes about forty times as much memory. More texts are searched for
/// in several rounds.
const BATCH: usize = 1 << 18;

/// So many pairs are compared as they are.
const FEW: usize = 64;

/// Whether some text of `mine` stands in the asked relation to some text of `others`.
pub(super) fn related(place: Place, mine: &BTreeSet<String>, others: &BTreeSet<String>) -> bool {
    if mine.len().saturating_mul(others.len()) <= FEW {
        let fits = |text: &str, other: &str| match place {
            Place::Whole => text == other,
            Place::Start => text.starts_with(other),
            Place::End => text.ends_with(other),
            Place::Inside => text.contains(other),
        };
        return mine.iter().any(|text| others.iter().any(|other| fits(text, other)));
    }
    match place {
        Place::Whole => !mine.is_disjoint(others),
        Place::Start => begins(mine, others),
        Place::End => {
            let backwards = |texts: &BTreeSet<String>| texts.iter().map(|text| text.chars().rev().collect()).collect();
            begins(&backwards(mine), &backwards(others))
        }
        Place::Inside => contains(mine, others),
    }
}

/// The texts that begin with another follow it in order without a gap, so that it is enough to look at the next one.
fn begins(mine: &BTreeSet<String>, others: &BTreeSet<String>) -> bool {
    others.iter().any(|other| mine.range(other.clone()..).next().is_some_and(|text| text.starts_with(other.as_str())))
}

fn contains(mine: &BTreeSet<String>, others: &BTreeSet<String>) -> bool {
    let longest = mine.iter().map(String::len).max().unwrap_or(0);
    let mut batch: Vec<&str> = Vec::new();
    let mut bytes = 0;
    for other in others.iter().filter(|other| other.len() <= longest) {
        if bytes + other.len() > BATCH && !batch.is_empty() {
            if any_holds(mine, &batch) {
                return true;
            }
            batch.clear();
            bytes = 0;
        }
        bytes += other.len();
        batch.push(other);
    }
    any_holds(mine, &batch)
}

fn any_holds(mine: &BTreeSet<String>, batch: &[&str]) -> bool {
    if let [only] = batch {
        return mine.iter().any(|text| text.contains(only));
    }
    // Without a DFA, whose size is a multiple of the number of texts, and without its choice by their number.
    let automaton = AhoCorasick::builder().kind(Some(AhoCorasickKind::NoncontiguousNFA)).prefilter(false).build(batch);
    match automaton {
        Ok(automaton) => mine.iter().any(|text| automaton.is_match(text)),
        // Only for more than two thousand million states, and a batch has far fewer.
        Err(_) => mine.iter().any(|text| batch.iter().any(|other| text.contains(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[&str]) -> BTreeSet<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn long_lists_say_what_each_pair_says() {
        let words = ["", "a", "ab", "aba", "b", "ba", "bab", "cab", "é", "aé", "éa", "zz"];
        let filler: Vec<String> = (0..80).map(|number| format!("<{number}>")).collect();
        for left in words {
            for right in words {
                let mut mine = set(&[left]);
                mine.extend(filler.iter().map(|text| format!("x{text}")));
                let mut others = set(&[right]);
                others.extend(filler.iter().map(|text| format!("y{text}")));
                let pairs = |fits: fn(&str, &str) -> bool| mine.iter().any(|text| others.iter().any(|other| fits(text, other)));
                assert_eq!(related(Place::Whole, &mine, &others), pairs(|a, b| a == b), "{left} {right}");
                assert_eq!(related(Place::Start, &mine, &others), pairs(|a, b| a.starts_with(b)), "{left} {right}");
                assert_eq!(related(Place::End, &mine, &others), pairs(|a, b| a.ends_with(b)), "{left} {right}");
                assert_eq!(related(Place::Inside, &mine, &others), pairs(|a, b| a.contains(b)), "{left} {right}");
            }
        }
    }

    #[test]
    fn more_texts_than_fit_into_one_round_are_all_searched_for() {
        let others: BTreeSet<String> = (0..60_000).map(|number| format!("needle-{number:06}")).collect();
        let hay = "needle-".repeat(10);
        assert!(!related(Place::Inside, &set(&[hay.as_str(), "x"]), &others));
        assert!(related(Place::Inside, &set(&[format!("{hay}needle-059999!").as_str(), "x"]), &others));
        assert!(related(Place::Inside, &set(&[format!("{hay}needle-000000!").as_str(), "x"]), &others));
    }
}
