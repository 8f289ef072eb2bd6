//! `calendar`: when people work, for policies that ask.

use std::collections::BTreeMap;
use std::ops::Range;

use assize_engine::calendar::{ALL_DAYS, Calendar, japan};
use assize_engine::diagnostic::Span;
use assize_engine::yaml::{Node, Yaml};

use super::context::{Context, Text};
use super::syntax::{self, Refusal};

const KEYS: &[&str] = &["zone", "working-hours", "working-days", "holidays"];

/// Days of the week from Monday on, as the file writes them.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The word for the national holidays of Japan.
const JAPAN: &str = "japan";

const DAY: i64 = 86_400;
const HOUR: u32 = 3_600;

pub(super) fn read(root: &Node, context: &mut Context<'_>) -> Option<Calendar> {
    let node = context.value(root, "calendar")?;
    if !context.keys(node, "calendar", KEYS) {
        return None;
    }
    context.require(node, "zone", "the time zone in which hours and days are meant: `Asia/Tokyo`, `UTC`, `+01:00`");
    let zone = context.text(node, "zone").and_then(|text| context.passes(&text, ("bad-timezone", "a time zone"), zone));
    let hours = context.text(node, "working-hours");
    let hours = hours.map_or(Some(9 * HOUR..18 * HOUR), |text| context.passes(&text, ("bad-hours", "a range of hours"), range));
    let working_days = working_days(node, context);
    let (own, of_japan) = holidays(node, context);
    let calendar = Calendar { offset_seconds: zone?, hours: hours?, working_days, holidays: own, known: ALL_DAYS };
    Some(if of_japan { calendar.with_holidays_of_japan() } else { calendar })
}

/// `Asia/Tokyo`, or what `report.timezone` takes. Other zones have daylight saving time, or may have it one day, and their rules
/// are not part of the program.
fn zone(text: &str) -> Result<i32, Refusal> {
    match text {
        "Asia/Tokyo" => Ok(japan::OFFSET_SECONDS),
        _ => syntax::timezone(text).map(|zone| zone.offset_seconds).map_err(|_| {
            "write `Asia/Tokyo`, `UTC` or a distance from it such as `+09:00`; daylight saving time is not followed".to_owned()
        }),
    }
}

/// `09:00-18:00` in seconds since midnight; `24:00` is the end of the day.
fn range(text: &str) -> Result<Range<u32>, Refusal> {
    let clock = |text: &str| {
        let (hours, minutes) = text.trim().split_once(':')?;
        let two =
            |part: &str| (part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse::<u32>().ok())?;
        let (hours, minutes) = (two(hours)?, two(minutes)?);
        let seconds = hours * HOUR + minutes * 60;
        (minutes < 60 && seconds <= 24 * HOUR).then_some(seconds)
    };
    let ends = text.split_once('-').and_then(|(from, to)| Some(clock(from)?..clock(to)?));
    match ends {
        Some(hours) if hours.start < hours.end => Ok(hours),
        Some(_) => Err("it must begin before it ends, both on one day".to_owned()),
        None => Err("write `09:00-18:00`; the end may be `24:00`".to_owned()),
    }
}

fn working_days(node: &Node, context: &mut Context<'_>) -> [bool; 7] {
    let Some(list) = context.value(node, "working-days") else { return [true, true, true, true, true, false, false] };
    let mut days = [false; 7];
    if matches!(&list.value, Yaml::List(items) if items.is_empty()) {
        let found = context.report.error(list.span, "no-working-days", "the list of working days is empty");
        found.hint("name those that are worked, such as `[mon, tue, wed, thu, fri]`");
    }
    for text in context.texts(node, "working-days") {
        match DAYS.iter().zip(&mut days).find(|(name, _)| **name == text.value) {
            Some((_, day)) => *day = true,
            None => {
                let message = format!("`{}` is no day of the week", text.written);
                context.report.error(text.span, "wrong-value", message).hint(format!("one of {}", DAYS.join(", ")));
            }
        }
    }
    days
}

/// The days that are named one by one, and whether Japan's are among the holidays.
fn holidays(node: &Node, context: &mut Context<'_>) -> (BTreeMap<i64, String>, bool) {
    let (mut days, mut of_japan) = (BTreeMap::new(), false);
    for item in context.items(node, "holidays") {
        let entry = match &item.value {
            Yaml::Map(_) => named(item, context),
            _ => match context.literal(item, "holidays") {
                Some(text) if text.value == JAPAN => {
                    of_japan = true;
                    None
                }
                Some(text) => day(&text, context).map(|day| (day, text.value, text.span)),
                None => None,
            },
        };
        let Some((day, name, span)) = entry else { continue };
        if days.insert(day, name).is_some() {
            twice(span, context);
        }
    }
    (days, of_japan)
}

/// `{date: 2026-12-30, name: …}`.
fn named(item: &Node, context: &mut Context<'_>) -> Option<(i64, String, Span)> {
    context.keys(item, "holidays", &["date", "name"]);
    context.require(item, "date", "the day, such as 2026-12-30");
    let date = context.text(item, "date");
    let date = date.and_then(|text| Some((day(&text, context)?, text)));
    let name = context.text(item, "name");
    let (day, text) = date?;
    Some((day, name.map_or(text.value, |name| name.value), text.span))
}

fn day(text: &Text, context: &mut Context<'_>) -> Option<i64> {
    let hint = |why| format!("{why}; `{JAPAN}` stands for the national holidays of Japan");
    let seconds = context.passes(text, ("bad-date", "a date"), |text| syntax::date(text).map_err(hint))?;
    Some(seconds.div_euclid(DAY))
}

fn twice(span: Span, context: &mut Context<'_>) {
    context.report.error(span, "duplicate-holiday", "this day stands twice").hint("keep one of the two");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_lie_within_one_day() {
        assert_eq!(range("09:00-18:00"), Ok(32_400..64_800));
        assert_eq!(range("00:00 - 24:00"), Ok(0..86_400));
        for wrong in ["", "9:00-18:00", "09:00", "18:00-09:00", "09:00-09:00", "09:00-24:01", "09:60-18:00", "09:00-18:00-19:00"]
        {
            assert!(range(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn zones_that_the_program_knows() {
        assert_eq!(["Asia/Tokyo", "+09:00", "UTC", "-03:30"].map(|text| zone(text).unwrap()), [32_400, 32_400, 0, -12_600]);
        assert!(["Europe/Berlin", "JST", "9", ""].iter().all(|text| zone(text).is_err()));
    }
}
