//! A message as blocks of Slack. Texts from logs stand in code spans, where nothing is a mention, a link or markup.

use serde_json::{Value, json};

use super::message::Message;
use super::{Event, Item};
use crate::report::escape::terminal;

/// Blocks in a message: Slack takes 50.
const MAX_BLOCKS: usize = 50;

/// Characters of a section's text, after escaping: Slack takes 3,000.
const MAX_TEXT: usize = 2_900;

/// Characters of a header: Slack takes 150, and counts in its own way.
const MAX_HEADER: usize = 140;

/// Characters of one field, after escaping.
const MAX_FIELD: usize = 700;

/// The body of the request.
pub(super) fn body(message: &Message) -> Value {
    let subject = message.subject();
    let mut blocks = vec![json!({"type": "header", "text": {"type": "plain_text", "text": plain(&subject), "emoji": false}})];
    let rest = message.rest_lines();
    if rest.is_empty() {
        // Header, the line about the others, and the end.
        let shown = message.items.len().min(MAX_BLOCKS - 3);
        blocks.extend(message.items.iter().take(shown).map(|item| section(&of_item(item))));
        let more = message.items.len() - shown;
        if more > 0 {
            blocks.push(section(&format!("and {more} more, which the report has")));
        }
    } else {
        let mut text = String::new();
        rest.iter().for_each(|line| add(&mut text, &format!("{}\n", escaped(line, MAX_FIELD))));
        blocks.push(section(&text));
    }
    blocks.push(json!({"type": "context", "elements": [{"type": "mrkdwn", "text": ending(message), "verbatim": true}]}));
    json!({
        "text": escaped(&subject, MAX_FIELD),
        "mrkdwn": false,
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
        "blocks": blocks,
    })
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}})
}

fn of_item(item: &Item) -> String {
    let sign = match item.event {
        Event::Recovered => ":white_check_mark:",
        Event::Test => ":wave:",
        _ => ":rotating_light:",
    };
    let mut text = format!("{sign} *{}* ({}) {}\n", item.event.name(), item.level, escaped(&item.title, MAX_FIELD));
    let fields = item.fields();
    // What is found again by it must not be what is cut.
    let (named, others): (Vec<_>, Vec<_>) = fields.into_iter().partition(|(name, _)| ["policy", "finding"].contains(name));
    for (name, value) in named.into_iter().chain(others) {
        add(&mut text, &format!("{name}: {}\n", code(&value)));
    }
    text
}

/// Adds a line if there is room.
fn add(text: &mut String, line: &str) {
    if text.chars().count() + line.chars().count() <= MAX_TEXT {
        text.push_str(line);
    }
}

fn ending(message: &Message) -> String {
    let from = format!("assize, {}", code(&message.organisation));
    match (&message.link, message.run.as_str()) {
        (Some(link), _) => format!("{from}: <{}|report>", link.replace('&', "&amp;")),
        (None, "") => from,
        (None, run) => format!("{from}: run {} of {}", code(run), escaped(&message.as_of, MAX_FIELD)),
    }
}

/// The text for a header, in which Slack reads no markup.
fn plain(text: &str) -> String {
    let text = unmentioned(&terminal(text)).replace('<', "\u{2039}").replace('>', "\u{203a}");
    if text.chars().count() <= MAX_HEADER { text } else { text.chars().take(MAX_HEADER - 1).chain(['…']).collect() }
}

/// The text as a code span: a character that would end it is another.
pub(super) fn code(text: &str) -> String {
    let text = escaped(text, MAX_FIELD);
    if text.is_empty() { text } else { format!("`{text}`") }
}

/// The text on one line, so that Slack reads neither entity, mention, link nor markup in it; at most so many characters.
pub(super) fn escaped(text: &str, most: usize) -> String {
    let mut out = String::new();
    let mut length = 0;
    for char in unmentioned(&terminal(text)).chars() {
        let part = match char {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '`' => "'".to_owned(),
            '*' => "\u{2217}".to_owned(),
            '~' => "\u{223c}".to_owned(),
            char => char.to_string(),
        };
        length += part.chars().count();
        if length >= most {
            out.push('…');
            break;
        }
        out.push_str(&part);
    }
    out
}

/// The text without what Slack, or one who copies it, takes for a mention of everybody or for a link.
fn unmentioned(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let (shown, taken) = match char {
            '@' => ("(at)", 1),
            ':' if rest.starts_with("://") => ("[:]//", 3),
            _ => ("", char.len_utf8()),
        };
        let (this, behind) = rest.split_at_checked(taken).unwrap_or((rest, ""));
        out.push_str(if shown.is_empty() { this } else { shown });
        rest = behind;
    }
    out
}
