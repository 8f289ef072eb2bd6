//! A history in a terminal: a paragraph for each call.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use super::change::{Change, Parameter};
use crate::report::escape::terminal;
use crate::report::words;

/// Parameters of one call that are told.
const PARAMETERS: usize = 30;

/// One call.
pub(crate) fn change(change: &Change, width: usize) -> String {
    let mut out = String::new();
    line(
        &mut out,
        &format!("{}  {}:{}  {} {}", words::time(&change.time), change.service, change.api, change.account, change.region),
    );
    who(change, width, &mut out);
    for parameter in change.parameters.iter().take(PARAMETERS) {
        line(&mut out, &format!("    {}", told(parameter, width.saturating_sub(4))));
    }
    let more = change.parameters.len().saturating_sub(PARAMETERS) as u64 + change.parameters_left_out;
    if more > 0 {
        line(&mut out, &format!("    and {}; --format json has them", words::plural(more, "more parameter", "more parameters")));
    }
    out
}

/// An attempt that was denied.
pub(crate) fn denied(change: &Change, width: usize) -> String {
    let mut out = String::new();
    let what = format!("{}:{}  {}", change.service, change.api, change.error);
    line(&mut out, &format!("{}  {what}  {} {}", words::time(&change.time), change.account, change.region));
    who(change, width, &mut out);
    out
}

fn who(change: &Change, width: usize, out: &mut String) {
    let behind = change.behind.as_ref().map(|behind| format!("; behind it {behind}")).unwrap_or_default();
    let how = [&change.via, &change.address].into_iter().filter(|text| !text.is_empty()).map(String::as_str);
    let how = how.collect::<Vec<_>>().join(", ");
    let how = if how.is_empty() { String::new() } else { format!(" ({how})") };
    for wrapped in words::wrapped(&format!("by {}{how}{behind}", change.actor), width.saturating_sub(4)) {
        line(out, &format!("    {wrapped}"));
    }
}

/// `path: value`, or `path: old → new`, each with its share of the line.
fn told(parameter: &Parameter, room: usize) -> String {
    let path = words::shorten(&terminal(&parameter.path), room / 2);
    let room = room.saturating_sub(path.width() + 2).max(12);
    let seen = |value: &str| if value.is_empty() { "\"\"".to_owned() } else { terminal(value) };
    let (value, old) = (seen(&parameter.value), parameter.old.as_deref().map(seen));
    match old {
        None => format!("{path}: {}", words::shorten(&value, room)),
        Some(old) => {
            let share = room.saturating_sub(3) / 2;
            let (old_room, new_room) = match (old.width(), value.width()) {
                (old, _) if old <= share => (old, room.saturating_sub(3 + old)),
                (_, new) if new <= share => (room.saturating_sub(3 + new), new),
                _ => (share, share),
            };
            format!("{path}: {} → {}", words::shorten(&old, old_room), words::shorten(&value, new_room))
        }
    }
}

fn line(out: &mut String, text: &str) {
    // Escaping twice changes nothing: what is escaped has nothing left that is.
    writeln!(out, "{}", terminal(text).trim_end()).expect("writing to memory cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Change {
        Change {
            version: 1,
            kind: "change",
            time: "2026-10-01T07:30:12Z".to_owned(),
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            service: "cloudtrail".to_owned(),
            api: "UpdateTrail".to_owned(),
            actor: "AWSReservedSSO_Admin_0123456789abcdef/noah".to_owned(),
            behind: Some("noah (Identity Center)".to_owned()),
            via: "console".to_owned(),
            address: "203.0.113.7".to_owned(),
            error: String::new(),
            parameters: vec![
                Parameter { path: "isMultiRegionTrail".to_owned(), value: "false".to_owned(), old: Some("true".to_owned()) },
                Parameter { path: "policy".to_owned(), value: "x".repeat(300), old: Some("y".repeat(300)) },
                Parameter { path: "note".to_owned(), value: "\u{1b}[2J\nbye".to_owned(), old: None },
                Parameter { path: "description".to_owned(), value: String::new(), old: Some("mine".to_owned()) },
            ],
            parameters_left_out: 2,
            event_id: "e".to_owned(),
            object: "o".to_owned(),
            record: 0,
        }
    }

    #[test]
    fn a_change_in_a_terminal() {
        insta::assert_snapshot!(change(&example(), 80), @r#"
        2026-10-01 07:30:12Z  cloudtrail:UpdateTrail  111122223333 eu-west-1
            by AWSReservedSSO_Admin_0123456789abcdef/noah (console, 203.0.113.7); behind
            it noah (Identity Center)
            isMultiRegionTrail: true → false
            policy: yyyyyyyyyyyyyyyy…yyyyyyyyyyyyyyy → xxxxxxxxxxxxxxxx…xxxxxxxxxxxxxxx
            note: \u{1b}[2J\nbye
            description: mine → ""
            and 2 more parameters; --format json has them
        "#);
        let attempt = Change { error: "AccessDenied".to_owned(), behind: None, ..example() };
        insta::assert_snapshot!(denied(&attempt, 80), @"
        2026-10-01 07:30:12Z  cloudtrail:UpdateTrail  AccessDenied  111122223333 eu-west-1
            by AWSReservedSSO_Admin_0123456789abcdef/noah (console, 203.0.113.7)
        ");
    }

    #[test]
    fn lines_fit_and_hold_no_escape_codes() {
        for width in [60, 80, 200] {
            let text = change(&example(), width);
            assert!(!text.contains('\u{1b}'), "{text:?}");
            assert!(text.lines().skip(1).all(|line| line.width() <= width), "{width}: {text}");
        }
    }
}
