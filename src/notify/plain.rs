//! A message as plain text, for SNS: who reads it may read it as mail.

use assize_cloud::topic::{MAX_MESSAGE, MAX_SUBJECT};

use super::message::Message;
use crate::report::escape::terminal;

/// Things that are written out; of more, how many.
const MAX_ITEMS: usize = 50;

/// What is left for the end of a message, in bytes.
const END: usize = 1_024;

/// Printable ASCII on one line, as short as SNS wants it.
pub(super) fn subject(message: &Message) -> String {
    let plain = |char: char| if char.is_ascii_graphic() || char == ' ' { char } else { '?' };
    let text: String = message.subject().chars().map(plain).collect();
    if text.len() <= MAX_SUBJECT {
        return text;
    }
    text.chars().take(MAX_SUBJECT - 3).chain("...".chars()).collect()
}

/// The text. Whatever stands in a log stays on its line.
pub(super) fn body(message: &Message) -> String {
    let mut text = format!("{}\n\n", terminal(&message.subject()));
    for line in message.rest_lines() {
        text.push_str(&format_line(&line));
    }
    let shown = if message.rest.is_some() { 0 } else { message.items.len().min(MAX_ITEMS) };
    let mut written = 0;
    for item in message.items.iter().take(shown) {
        let mut part = format!("{} {}: {}\n", item.event.name().to_uppercase(), item.level, terminal(&item.title));
        for (name, value) in item.fields() {
            part.extend([format!("  {:<10}{}\n", format!("{name}:"), terminal(&value))]);
        }
        part.push('\n');
        if text.len() + part.len() > MAX_MESSAGE - END {
            break;
        }
        text.push_str(&part);
        written += 1;
    }
    if message.rest.is_none() && written < message.items.len() {
        let more = message.items.len() - written;
        text.push_str(&format_line(&format!("and {more} more, which the report has")));
    }
    text.push_str(&format_line(&ending(message)));
    text
}

fn format_line(line: &str) -> String {
    format!("{}\n", terminal(line))
}

/// Where it comes from.
fn ending(message: &Message) -> String {
    let from = format!("-- assize, {}", message.organisation);
    match (&message.link, message.run.as_str()) {
        (Some(link), _) => format!("{from}: {link}"),
        (None, "") => from,
        (None, run) => format!("{from}: run {run} of {}", message.as_of),
    }
}
