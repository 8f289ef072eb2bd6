//! Reads typed values out of a YAML map and reports every mistake with its place.

use super::correlation;
use crate::diagnostic::{Report, closest};
use crate::yaml::{Node, Yaml};

/// Reports keys that are not in `known`; as a warning if `lenient` (Sigma allows custom fields).
pub fn check_keys(node: &Node, known: &[&str], lenient: bool, report: &mut Report<'_>) {
    let Yaml::Map(entries) = &node.value else { return };
    for (key, _) in entries {
        let Some(name) = key.text().filter(|name| !known.contains(name)) else { continue };
        let message = format!("unknown key `{name}`");
        let found = if lenient {
            report.warning(key.span, "unknown-key", message)
        } else {
            report.error(key.span, "unknown-key", message)
        };
        match closest(name, known) {
            Some(meant) => found.hint(format!("did you mean `{meant}`?")),
            None => found.hint(format!("known keys here: {}", known.join(", "))),
        }
    }
}

/// The text under `key`; `None` if it is missing, left empty, or not a text.
pub fn text(node: &Node, key: &str, report: &mut Report<'_>) -> Option<String> {
    let value = node.get(key).filter(|value| !value.is_null())?;
    match value.text() {
        Some(text) => Some(text.trim().to_owned()),
        None => {
            wrong_kind(value, key, "a text", report);
            None
        }
    }
}

/// The text under `key`, which must be there.
pub fn required_text(node: &Node, key: &str, report: &mut Report<'_>) -> Option<String> {
    match node.get(key) {
        None => {
            report.error(node.span, "missing-key", format!("`{key}` is missing"));
        }
        Some(empty) if empty.is_null() => {
            report.error(empty.span, "missing-key", format!("`{key}` is empty"));
        }
        Some(_) => {}
    }
    text(node, key, report)
}

/// A list of texts under `key`; a single text counts as a list of one. Empty if missing or left empty.
pub fn texts(node: &Node, key: &str, report: &mut Report<'_>) -> Vec<String> {
    let Some(value) = node.get(key).filter(|value| !value.is_null()) else { return Vec::new() };
    match &value.value {
        Yaml::Scalar { text, .. } => vec![text.trim().to_owned()],
        Yaml::List(items) => {
            let mut out = Vec::new();
            for item in items {
                match item.text() {
                    Some(text) => out.push(text.trim().to_owned()),
                    None => wrong_kind(item, key, "a text", report),
                }
            }
            out
        }
        _ => {
            wrong_kind(value, key, "a list of texts", report);
            Vec::new()
        }
    }
}

/// `true` or `false` under `key`.
pub fn boolean(node: &Node, key: &str, report: &mut Report<'_>) -> Option<bool> {
    let value = node.get(key)?;
    match value.text() {
        Some("true") => Some(true),
        Some("false") => Some(false),
        _ => {
            wrong_kind(value, key, "`true` or `false`", report);
            None
        }
    }
}

/// One of a few words under `key`.
pub fn choice<T: Copy>(node: &Node, key: &str, choices: &[(&str, T)], report: &mut Report<'_>) -> Option<T> {
    let value = node.get(key)?;
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    let Some(word) = value.text() else {
        wrong_kind(value, key, &format!("one of {}", names.join(", ")), report);
        return None;
    };
    if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == word) {
        return Some(*choice);
    }
    let found = report.error(value.span, "wrong-value", format!("`{key}` cannot be `{word}`"));
    match closest(word, &names) {
        Some(meant) => found.hint(format!("did you mean `{meant}`?")),
        None => found.hint(format!("one of {}", names.join(", "))),
    }
    None
}

/// The number under `key`, as written; it must be there.
pub(super) fn number(node: &Node, key: &str, report: &mut Report<'_>) -> Option<String> {
    let text = required_text(node, key, report)?;
    if crate::number::is_number(&text) {
        return Some(text);
    }
    let span = node.get(key).map_or(node.span, |node| node.span);
    report.error(span, "wrong-value", format!("`{text}` is not a number"));
    None
}

/// The time under `key`, seconds; it must be there.
pub(super) fn timespan(node: &Node, key: &str, report: &mut Report<'_>) -> Option<i64> {
    let text = required_text(node, key, report)?;
    let found = correlation::timespan(&text);
    if found.is_none() {
        let span = node.get(key).map_or(node.span, |node| node.span);
        report
            .error(span, "wrong-value", format!("`{text}` is not a time"))
            .hint("a whole number and `s`, `m`, `h` or `d`, at most 31 days: `15s`, `30m`, `6h`, `7d`");
    }
    found
}

/// Reports a value of the wrong kind.
pub fn wrong_kind(node: &Node, key: &str, expected: &str, report: &mut Report<'_>) {
    report.error(node.span, "wrong-type", format!("`{key}` must be {expected}, this is {}", node.kind()));
}
