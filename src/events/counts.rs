//! Records counted by some of their fields.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{self, Write};

use assize_engine::evaluate::bounded;
use assize_engine::time;
use serde_json::{Map, Value};
use unicode_width::UnicodeWidthStr;

use super::columns::{Column, lay_out};
use super::gather::{Found, Keep};
use super::record::{Record, actor};
use crate::cli::CountField;
use crate::report::csv;
use crate::report::escape::terminal;
use crate::report::words;

/// Most groups. Anybody can write logs in which every record is one of its own.
pub(crate) const MOST: usize = 1_000_000;

/// Columns of a bar.
const BAR: usize = 40;

/// Hours or days without a record that are shown in a table as zeros at most; more are left out.
const GAPS: i64 = 1_000;

/// The counts. Equal records give equal groups, so it does not matter which copy is counted.
pub(crate) struct Counts<'f> {
    fields: &'f [CountField],
    groups: HashMap<Vec<Box<str>>, u64>,
    most: usize,
}

/// One group: its values and its number.
pub(crate) type Group = (Vec<Box<str>>, u64);

/// More groups than are counted.
#[derive(Debug, thiserror::Error)]
#[error("there are more than {} groups; count by fewer fields, or ask for less", words::count(MOST as u64))]
pub(crate) struct TooMany;

impl<'f> Counts<'f> {
    pub(crate) fn new(fields: &'f [CountField], most: usize) -> Counts<'f> {
        Counts { fields, groups: HashMap::new(), most }
    }

    fn add(&mut self, group: Vec<Box<str>>, number: u64) {
        // One more than the most is kept, to be told of.
        if self.groups.len() <= self.most || self.groups.contains_key(&group) {
            *self.groups.entry(group).or_default() += number;
        }
    }

    /// The groups: in the order of time if that is the first field, else the largest first.
    ///
    /// # Errors
    /// There were too many.
    pub(crate) fn sorted(self) -> Result<Vec<Group>, TooMany> {
        if self.groups.len() > self.most {
            return Err(TooMany);
        }
        let mut groups: Vec<Group> = self.groups.into_iter().collect();
        if self.fields.first().is_some_and(|first| step(*first).is_some()) {
            groups.sort();
        } else {
            groups.sort_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
        }
        Ok(groups)
    }
}

impl Keep for Counts<'_> {
    fn take(&mut self, record: &Record<'_>, _: Found, again: bool) {
        if !again {
            self.add(self.fields.iter().map(|field| value(*field, record)).collect(), 1);
        }
    }

    fn merge(&mut self, other: Self) {
        other.groups.into_iter().for_each(|(group, number)| self.add(group, number));
    }
}

/// Seconds of a field of time.
fn step(field: CountField) -> Option<i64> {
    match field {
        CountField::Hour => Some(3_600),
        CountField::Day => Some(86_400),
        _ => None,
    }
}

fn value(field: CountField, record: &Record<'_>) -> Box<str> {
    let text = match field {
        CountField::Hour | CountField::Day => return moment(field, record.time).into(),
        CountField::Account => record.account().into_owned(),
        CountField::Region => record.region().into_owned(),
        CountField::Service => record.service(),
        CountField::Api => record.api().into_owned(),
        CountField::Actor => actor(&record.caller(), &record.account()),
        CountField::Via => record.via(),
        CountField::Address => record.text("sourceIPAddress").into_owned(),
        CountField::Outcome => record.outcome(),
        CountField::Error => record.error().into_owned(),
    };
    bounded(text).into()
}

/// The hour or day of a time: `2026-10-01T07:00:00Z`, `2026-10-01`.
fn moment(field: CountField, seconds: i64) -> String {
    let step = step(field).unwrap_or(1);
    let text = time::format(seconds.div_euclid(step) * step);
    if field == CountField::Day { text.chars().take(10).collect() } else { text }
}

/// The counts for a terminal, with bars. Hours or days without a record are in it if nothing else is counted by.
pub(crate) fn table(fields: &[CountField], groups: &[Group], width: usize) -> String {
    let filled = filled(fields, groups);
    let groups = filled.as_deref().unwrap_or(groups);
    let most = groups.iter().map(|(_, number)| *number).max().unwrap_or(0);
    let digits = words::count(most).len().max(COUNT.len());
    let column = |title, least| Column { title, least, optional: false };
    let values = fields.iter().map(|field| column(title(*field), Some((8, 8))));
    let columns: Vec<Column> = values.chain([column(COUNT, None), column("", None)]).collect();
    // The bars get what the values leave, and at least a fourth.
    let widest = |at: usize| groups.iter().filter_map(|(values, _)| values.get(at)).map(|text| terminal(text).width()).max();
    let needed: usize = (0..fields.len()).map(|at| widest(at).unwrap_or(0).max(8) + 2).sum();
    let bar = width.saturating_sub(needed + digits + 2).clamp((width / 4).min(BAR), BAR);
    let line = |(values, number): &Group| -> Vec<String> {
        let values = values.iter().map(|value| if value.is_empty() { "-".to_owned() } else { value.to_string() });
        values.chain([format!("{:>digits$}", words::count(*number)), bar_of(*number, most, bar)]).collect()
    };
    lay_out(&columns, &groups.iter().map(line).collect::<Vec<_>>(), width)
}

const COUNT: &str = "COUNT";

/// A bar of so many columns for the largest number, in eighths of a column; the smallest is seen too.
fn bar_of(number: u64, most: u64, columns: usize) -> String {
    let eighths = u128::from(number) * (columns as u128 * 8) / u128::from(most.max(1));
    let eighths = usize::try_from(eighths).unwrap_or(0).max(usize::from(number > 0));
    let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"].get(eighths % 8).copied().unwrap_or("");
    format!("{}{part}", "█".repeat(eighths / 8))
}

/// The groups of a single field of time, with zeros where nothing was; `None` if that is not what is counted by.
fn filled(fields: &[CountField], groups: &[Group]) -> Option<Vec<Group>> {
    let [field] = fields else { return None };
    let step = step(*field)?;
    let at = |group: &Group| {
        let text = group.0.first()?;
        let whole = if *field == CountField::Day { format!("{text}T00:00:00Z") } else { text.to_string() };
        Some(time::parse(&whole)?.div_euclid(step))
    };
    let (first, last) = (at(groups.first()?)?, at(groups.last()?)?);
    if last - first >= GAPS {
        return None;
    }
    let known: HashMap<i64, u64> = groups.iter().filter_map(|group| Some((at(group)?, group.1))).collect();
    let of = |number: i64| (vec![moment(*field, number * step).into()], known.get(&number).copied().unwrap_or(0));
    Some((first..=last).map(of).collect())
}

fn title(field: CountField) -> &'static str {
    match field {
        CountField::Hour => "HOUR",
        CountField::Day => "DAY",
        CountField::Account => "ACCOUNT",
        CountField::Region => "REGION",
        CountField::Service => "SERVICE",
        CountField::Api => "API",
        CountField::Actor => "ACTOR",
        CountField::Via => "VIA",
        CountField::Address => "ADDRESS",
        CountField::Outcome => "OUTCOME",
        CountField::Error => "ERROR",
    }
}

/// The counts as JSON Lines, version 1: the fields by name, and `count`.
///
/// # Errors
/// Those of the writer.
pub(crate) fn json(fields: &[CountField], groups: &[Group], out: &mut dyn Write) -> io::Result<()> {
    for (values, number) in groups {
        let mut line = Map::new();
        line.insert("version".to_owned(), Value::from(1));
        line.extend(fields.iter().zip(values).map(|(field, value)| (field.name().to_owned(), Value::from(&**value))));
        line.insert("count".to_owned(), Value::from(*number));
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// The counts for spreadsheets.
///
/// # Errors
/// Those of the writer.
pub(crate) fn comma_separated(fields: &[CountField], groups: &[Group], out: &mut dyn Write) -> io::Result<()> {
    csv::line(fields.iter().map(|field| field.name()).chain(["count"]), out)?;
    for (values, number) in groups {
        let number = number.to_string();
        csv::line(values.iter().map(|value| &**value).chain([number.as_str()]), out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::example::{self, DIGEST};

    fn found() -> Found {
        Found { object: 0, index: 0, digest: DIGEST }
    }

    fn counted<'f>(fields: &'f [CountField], texts: &[String], most: usize) -> Counts<'f> {
        let mut counts = Counts::new(fields, most);
        for text in texts {
            example::with(text, |record| counts.take(record, found(), false));
        }
        counts
    }

    fn at(time: &str) -> String {
        example::RECORD.replace("2026-10-01T07:30:12Z", time)
    }

    #[test]
    fn groups_are_sorted_by_number_and_times_by_time() {
        let texts = [at("2026-10-01T23:59:59Z"), at("2026-10-03T00:00:00Z"), example::RECORD.replace("alice", "bob")];
        let by_actor = counted(&[CountField::Actor], &texts, MOST).sorted().unwrap();
        let told: Vec<(&str, u64)> = by_actor.iter().map(|(values, number)| (&*values[0], *number)).collect();
        assert_eq!(told, [("alice", 2), ("bob", 1)]);
        let by_day = counted(&[CountField::Day, CountField::Actor], &texts, MOST).sorted().unwrap();
        let told: Vec<(&str, &str)> = by_day.iter().map(|(values, _)| (&*values[0], &*values[1])).collect();
        assert_eq!(told, [("2026-10-01", "alice"), ("2026-10-01", "bob"), ("2026-10-03", "alice")]);
    }

    #[test]
    fn copies_do_not_count() {
        let mut counts = Counts::new(&[CountField::Api], MOST);
        example::with(example::RECORD, |record| {
            counts.take(record, found(), false);
            counts.take(record, found(), true);
        });
        assert_eq!(counts.sorted().unwrap(), [(vec!["StopLogging".into()], 1)]);
    }

    #[test]
    fn too_many_groups_are_refused_whichever_thread_met_them() {
        let texts: Vec<String> = ["a", "b", "c"].map(|actor| example::RECORD.replace("alice", actor)).to_vec();
        assert!(counted(&[CountField::Actor], &texts, 3).sorted().is_ok());
        assert!(counted(&[CountField::Actor], &texts, 2).sorted().is_err());
        let mut one = counted(&[CountField::Actor], &texts[..2], 2);
        one.merge(counted(&[CountField::Actor], &texts[1..], 2));
        assert!(one.sorted().is_err());
    }

    #[test]
    fn a_histogram_shows_days_without_a_record() {
        let texts = [at("2026-10-01T23:59:59Z"), at("2026-10-01T00:00:00Z"), at("2026-10-03T00:00:00Z")];
        let groups = counted(&[CountField::Day], &texts, MOST).sorted().unwrap();
        insta::assert_snapshot!(table(&[CountField::Day], &groups, 40), @"
        DAY         COUNT
        2026-10-01      2  █████████████████████
        2026-10-02      0
        2026-10-03      1  ██████████▌
        ");
        let (mut json_lines, mut cells) = (Vec::new(), Vec::new());
        json(&[CountField::Day], &groups, &mut json_lines).unwrap();
        comma_separated(&[CountField::Day], &groups, &mut cells).unwrap();
        let first = "{\"count\":2,\"day\":\"2026-10-01\",\"version\":1}\n";
        assert!(String::from_utf8(json_lines).unwrap().starts_with(first));
        assert_eq!(String::from_utf8(cells).unwrap(), "day,count\r\n2026-10-01,2\r\n2026-10-03,1\r\n");
    }

    #[test]
    fn bars_fit_and_none_is_longer_than_the_largest() {
        assert_eq!([bar_of(8, 8, 4), bar_of(4, 8, 4), bar_of(1, 1_000, 4), bar_of(0, 8, 4)], ["████", "██", "▏", ""]);
        let texts = [example::RECORD.replace("alice", &"x".repeat(300)), example::RECORD.to_owned()];
        let groups = counted(&[CountField::Actor, CountField::Api], &texts, MOST).sorted().unwrap();
        for width in [40, 60, 110] {
            let text = table(&[CountField::Actor, CountField::Api], &groups, width);
            assert!(text.lines().all(|line| line.width() <= width), "{width}: {text}");
        }
    }
}
