//! Findings as a run wrote them against findings as they were made again: line by line, without what a replay cannot speak for.

use std::collections::{BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

/// Longest line that is shown whole, characters: event ids are the log's own, and as long as somebody likes.
const MAX_SHOWN: usize = 4_000;

/// What a replay cannot speak for.
#[derive(Debug, Default)]
pub(super) struct Unspoken {
    /// Policies, by id.
    pub(super) policies: BTreeSet<String>,
    /// Objects that were not read, by the names that findings give them.
    pub(super) objects: BTreeSet<String>,
}

/// What a comparison gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Compared {
    /// Findings of the run that were compared.
    pub(super) findings: u64,
    /// Their occurrences: lines.
    pub(super) occurrences: u64,
    /// Findings of the run that nothing can be said of.
    pub(super) set_aside: u64,
    /// Where both differ first.
    pub(super) first_difference: Option<Difference>,
}

/// Two lines that should be one.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    /// The line of the run's `findings.jsonl`, from 1; if that has ended, the one after its last.
    pub(crate) line: u64,
    /// As the run wrote it; none if it has no such line.
    pub(crate) recorded: Option<String>,
    /// As it was made again; none if nothing was.
    pub(crate) replayed: Option<String>,
}

/// What a comparison needs of a line of `findings.jsonl`.
#[derive(Debug, Deserialize)]
struct Occurrence {
    fingerprint: String,
    policy: String,
    level: String,
    account: String,
    region: String,
    event_id: String,
    object: String,
    sha256_128: String,
}

/// A record that a policy matched.
type Matched<'l> = [&'l str; 5];

impl Occurrence {
    fn matched(&self) -> Matched<'_> {
        [&self.policy, &self.account, &self.region, &self.event_id, &self.sha256_128]
    }
}

/// A `findings.jsonl`, line by line. What is not a line of one stays bytes, which equal nothing that is made again.
pub(super) struct Lines<'b>(Vec<(&'b [u8], Option<Occurrence>)>);

impl<'b> Lines<'b> {
    /// Takes the text apart. A line keeps its end, so that one without an end is another.
    pub(super) fn of(text: &'b [u8]) -> Lines<'b> {
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        Lines(lines.map(|line| (line, serde_json::from_slice(line).ok())).collect())
    }

    fn occurrences(&self) -> impl Iterator<Item = &Occurrence> {
        self.0.iter().filter_map(|(_, occurrence)| occurrence.as_ref())
    }

    /// Policies and their levels, as they stand there.
    pub(super) fn levels(&self) -> BTreeSet<(&str, &str)> {
        self.occurrences().map(|one| (one.policy.as_str(), one.level.as_str())).collect()
    }

    /// Fingerprints of the findings that have an occurrence like this.
    fn with(&self, which: impl Fn(&Occurrence) -> bool) -> HashSet<&str> {
        self.occurrences().filter(|one| which(one)).map(|one| one.fingerprint.as_str()).collect()
    }

    /// The lines of all other findings, with their numbers.
    fn without<'l>(&'l self, aside: &HashSet<&str>) -> Vec<(u64, &'b [u8], Option<&'l Occurrence>)> {
        let spoken = |occurrence: Option<&Occurrence>| occurrence.is_none_or(|one| !aside.contains(one.fingerprint.as_str()));
        let numbered = (1..).zip(&self.0).map(|(number, (line, occurrence))| (number, *line, occurrence.as_ref()));
        numbered.filter(|(_, _, occurrence)| spoken(*occurrence)).collect()
    }
}

/// Compares. A finding that rests on an object which was not read is set aside whole: without its first record it would have
/// another fingerprint, and without one in the middle it would be two.
pub(super) fn compare(recorded: &Lines<'_>, replayed: &Lines<'_>, unspoken: &Unspoken) -> Compared {
    let of_policy = |one: &Occurrence| unspoken.policies.contains(&one.policy);
    let aside = recorded.with(|one| of_policy(one) || unspoken.objects.contains(&one.object));
    let resting = recorded.occurrences().filter(|one| aside.contains(one.fingerprint.as_str()));
    let records: HashSet<Matched<'_>> = resting.map(Occurrence::matched).collect();
    let set_aside = aside.len() as u64;
    // A record is in one finding of a policy, so what is left on one side is left on the other.
    let again = replayed.with(|one| of_policy(one) || records.contains(&one.matched()));
    let (left, right) = (recorded.without(&aside), replayed.without(&again));
    let findings: HashSet<&str> = left.iter().filter_map(|(_, _, one)| Some((*one)?.fingerprint.as_str())).collect();
    let (findings, occurrences) = (findings.len() as u64, left.len() as u64);
    let at = (0..left.len().max(right.len())).find(|at| left.get(*at).map(|one| one.1) != right.get(*at).map(|one| one.1));
    let first_difference = at.map(|at| {
        let (recorded_line, replayed_line) = (left.get(at), right.get(at));
        let after = recorded.0.len() as u64 + 1;
        Difference {
            line: recorded_line.map_or(after, |(number, ..)| *number),
            recorded: recorded_line.map(|(_, line, _)| shown(line)),
            replayed: replayed_line.map(|(_, line, _)| shown(line)),
        }
    });
    Compared { findings, occurrences, set_aside, first_difference }
}

fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line));
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line: policy, fingerprint, event id and object.
    fn line(policy: &str, fingerprint: &str, event: &str, object: &str) -> String {
        format!(
            "{{\"version\":1,\"fingerprint\":\"{fingerprint}\",\"policy\":\"{policy}\",\"level\":\"high\",\"account\":\"1\",\
             \"region\":\"r\",\"event_id\":\"{event}\",\"object\":\"{object}\",\"sha256_128\":\"00\"}}\n"
        )
    }

    fn of(recorded: &[String], replayed: &[String], unspoken: &Unspoken) -> Compared {
        let (recorded, replayed) = (recorded.concat(), replayed.concat());
        compare(&Lines::of(recorded.as_bytes()), &Lines::of(replayed.as_bytes()), unspoken)
    }

    fn unspoken(policies: &[&str], objects: &[&str]) -> Unspoken {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Unspoken { policies: set(policies), objects: set(objects) }
    }

    #[test]
    fn the_same_lines_are_the_same_and_any_other_byte_is_shown_from_both_sides() {
        let lines = [line("p", "f", "1", "a"), line("p", "f", "2", "b"), line("q", "g", "1", "a")];
        let all = Unspoken::default();
        let same = of(&lines, &lines, &all);
        assert_eq!(same, Compared { findings: 2, occurrences: 3, set_aside: 0, first_difference: None });
        assert_eq!(of(&[], &[], &all), Compared::default());
        let mut other = lines.clone();
        other[1] = other[1].replace("\"b\"", "\"c\"");
        let difference = of(&lines, &other, &all).first_difference.unwrap();
        assert_eq!((difference.line, difference.recorded.as_deref()), (2, lines[1].strip_suffix('\n')));
        assert_eq!(difference.replayed.as_deref(), other[1].strip_suffix('\n'));
        other[1] = "no JSON\n".to_owned();
        assert_eq!(of(&other, &lines, &all).first_difference.unwrap().recorded.as_deref(), Some("no JSON"));
        other[1] = lines[1].clone();
        other[2] = other[2].trim_end().to_owned();
        assert_eq!(of(&other, &lines, &all).first_difference.unwrap().line, 3, "the end of a line is a byte too");
    }

    #[test]
    fn a_line_too_many_or_too_few_is_a_difference() {
        let lines = [line("p", "f", "1", "a"), line("q", "g", "1", "a")];
        let less = of(&lines[..1], &lines, &Unspoken::default()).first_difference.unwrap();
        assert_eq!((less.line, less.recorded.is_none(), less.replayed.is_some()), (2, true, true));
        let more = of(&lines, &lines[..1], &Unspoken::default()).first_difference.unwrap();
        assert_eq!((more.line, more.recorded.is_some(), more.replayed.is_none()), (2, true, true));
        let swapped = [lines[1].clone(), lines[0].clone()];
        assert_eq!(of(&lines, &swapped, &Unspoken::default()).first_difference.unwrap().line, 1);
    }

    #[test]
    fn what_rests_on_an_object_that_was_not_read_is_set_aside_on_both_sides() {
        let lines = [line("p", "f", "1", "gone"), line("p", "f", "2", "b"), line("q", "g", "1", "a")];
        // Without its first record the finding has another fingerprint.
        let again = [line("p", "other", "2", "b"), line("q", "g", "1", "a")];
        let compared = of(&lines, &again, &unspoken(&[], &["gone"]));
        assert_eq!(compared, Compared { findings: 1, occurrences: 1, set_aside: 1, first_difference: None });
        // A copy of the record in an object that was read.
        let again = [line("p", "f", "1", "copy"), line("p", "f", "2", "b"), line("q", "g", "1", "a")];
        assert_eq!(of(&lines, &again, &unspoken(&[], &["gone"])).first_difference, None);
        // It hides no other finding.
        let again = [line("p", "other", "2", "b"), line("q", "g", "1", "a"), line("q", "h", "9", "b")];
        assert!(of(&lines, &again, &unspoken(&[], &["gone"])).first_difference.is_some());
        assert!(of(&lines[..2], &again, &unspoken(&[], &["gone"])).first_difference.is_some());
    }

    #[test]
    fn policies_that_are_left_out_are_left_out_on_both_sides() {
        let lines = [line("p", "f", "1", "a"), line("q", "g", "1", "a")];
        let again = [line("p", "f", "2", "a"), line("q", "g", "1", "a")];
        let compared = of(&lines, &again, &unspoken(&["p"], &[]));
        assert_eq!(compared, Compared { findings: 1, occurrences: 1, set_aside: 1, first_difference: None });
        assert_eq!(Lines::of(lines.concat().as_bytes()).levels(), BTreeSet::from([("p", "high"), ("q", "high")]));
    }

    #[test]
    fn a_long_line_is_cut() {
        let long = [format!("{}\n", "ö".repeat(MAX_SHOWN + 5))];
        let difference = of(&long, &[], &Unspoken::default()).first_difference.unwrap();
        assert_eq!(difference.recorded.unwrap().chars().count(), MAX_SHOWN + 1);
    }
}
