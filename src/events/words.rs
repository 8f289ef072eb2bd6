//! What is said of what was read, beside the result.

use std::fmt::Write as _;

use assize_engine::time;

use super::gather::{Books, PROBLEMS};
use super::source::Objects;
use crate::report::escape::terminal;
use crate::report::words;

/// The books in a sentence: what was read, what matched, what was left aside.
pub(crate) fn books(books: &Books, objects: &Objects) -> String {
    let plural = words::plural;
    let mut text = format!("read {} of {}", plural(books.objects, "object", "objects"), objects.told());
    let aside = [(books.failed, "failed"), (books.skipped, "no logs")];
    let aside: Vec<String> = aside
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{} {what}", words::count(*number)))
        .collect();
    if !aside.is_empty() {
        write!(text, " ({})", aside.join(", ")).expect("writing to memory cannot fail");
    }
    write!(text, " with {}", plural(books.records, "record", "records")).expect("writing to memory cannot fail");
    if let Some((first, last)) = books.times {
        write!(text, ", of events from {}", words::period(&time::format(first), &time::format(last)))
            .expect("writing to memory cannot fail");
    }
    write!(text, ": {} matched", words::count(books.matched)).expect("writing to memory cannot fail");
    let aside = [
        (books.duplicates, "further copy of these is not counted again", "further copies of these are not counted again"),
        (
            books.conflicts,
            "event id has records that differ: all of them count",
            "event ids have records that differ: all of them count",
        ),
        (
            books.omitted,
            "may match as well: AWS omitted for its size what would say so",
            "may match as well: AWS omitted for their size what would say so",
        ),
        (books.malformed, "could not be read as a record", "could not be read as records"),
        (books.summaries, "is a summary of data events and no event", "are summaries of data events and no events"),
    ];
    for (number, one, many) in aside.into_iter().filter(|(number, ..)| *number > 0) {
        write!(text, "; {}", words::plural(number, one, many)).expect("writing to memory cannot fail");
    }
    text
}

/// What an empty result rests on.
pub(crate) fn nothing(books: &Books) -> String {
    let Some((first, last)) = books.times.filter(|_| books.records > 0) else {
        return "No record was read, so nothing can be said: what was asked for may be there or not.".to_owned();
    };
    let over = words::period(&time::format(first), &time::format(last));
    let not_all = if books.complete() { "" } else { " Not everything could be read." };
    format!(
        "No record matches, of {} from {over}.{not_all} What was not recorded or not delivered is not among them.",
        words::plural(books.records, "record", "records")
    )
}

/// The problems, one in a line; the rest are counted.
pub(crate) fn problems(books: &Books) -> Vec<String> {
    let line = |((object, _), why): (&(String, u64), &String)| {
        let (code, message) = why.split_once(": ").unwrap_or(("", why));
        terminal(&format!("{code} {object}: {message}"))
    };
    let mut lines: Vec<String> = books.problems.iter().map(line).collect();
    let more = books.problems_total.saturating_sub(lines.len() as u64);
    if more > 0 {
        lines.push(format!("and {}; {PROBLEMS} are told", words::plural(more, "more problem", "more problems")));
    }
    lines
}
