//! `assize history`: who changed a resource, when, and from what to what.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use assize_engine::time;
use serde::Serialize;

use super::CommandError;
use super::events::{Place, Reading};
use super::scan::period;
use crate::cli::{HistoryArgs, HistoryFormat};
use crate::console::Console;
use crate::events::gather::{Books, IN_MEMORY, Matches, Order, Room};
use crate::events::record::Record;
use crate::events::source::Scope;
use crate::exit::Exit;
use crate::history::change::{Change, History};
use crate::history::resource::{Resource, omits_names};
use crate::history::text;
use crate::report::escape::terminal;
use crate::report::words;

/// Denied attempts that are listed; the rest are counted.
const DENIED: usize = 1_000;

/// Runs `assize history`: 0 whatever was found, 3 if not everything could be read.
pub(crate) fn run(args: &HistoryArgs, console: &Console) -> Result<Exit, CommandError> {
    let resource = Resource::of(&args.resource)?;
    let period = period(args.from.since.as_deref(), args.from.until.as_deref())?;
    let place = Place::open(&args.from)?;
    let reading = Reading::new(&args.from, place, &Scope { period, ..Scope::default() })?;
    let omitted = AtomicU64::new(0);
    let wants = |record: &Record<'_>| {
        period.contains(record.time)
            && !record.read_only()
            && (resource.is_named_by(record) || {
                // No answer where AWS omitted it: counted, and never taken for no change.
                omitted.fetch_add(u64::from(omits_names(record)), Ordering::Relaxed);
                false
            })
    };
    let (order, room) = (Order { oldest_first: true, limit: None }, Room::of(IN_MEMORY));
    let (mut books, matches) = reading.gather(&wants, &|| Matches::new(order, &room), console);
    books.omitted = omitted.into_inner();
    let width = console.terminal().width;
    console.stream(|out| {
        let mut telling = Telling { out, format: args.format, width, told: Told::default(), denied: Vec::new() };
        let mut history = History::of(&resource);
        if args.format == HistoryFormat::Table {
            writeln!(telling.out, "HISTORY of {}\n", terminal(&resource.typed))?;
        }
        reading.each(matches, &mut books, &mut |shown| match shown.record.outcome().as_str() {
            "success" => telling.change(&history.tell(shown, false)),
            "denied" => telling.attempt(history.tell(shown, true)),
            _ => {
                telling.told.failed += 1;
                Ok(())
            }
        })?;
        telling.finish(&resource, &books)
    })?;
    reading.tell(&books, console);
    Ok(if books.complete() { Exit::Clean } else { Exit::Incomplete })
}

/// How many calls there were.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    changes: u64,
    denied: u64,
    failed: u64,
}

/// The last line of JSON. Version 1.
#[derive(Serialize)]
struct Summary<'a> {
    version: u32,
    kind: &'static str,
    resource: &'a str,
    changes: u64,
    denied: u64,
    failed: u64,
    /// Records that were read, and the times of the first and the last.
    records: u64,
    first: Option<String>,
    last: Option<String>,
    complete: bool,
    statement: String,
}

struct Telling<'o> {
    out: &'o mut dyn Write,
    format: HistoryFormat,
    width: usize,
    told: Told,
    denied: Vec<Change>,
}

impl Telling<'_> {
    fn change(&mut self, change: &Change) -> io::Result<()> {
        self.told.changes += 1;
        match self.format {
            HistoryFormat::Table => self.out.write_all(text::change(change, self.width).as_bytes()),
            HistoryFormat::Json => self.line(change),
        }
    }

    fn attempt(&mut self, change: Change) -> io::Result<()> {
        self.told.denied += 1;
        if self.format == HistoryFormat::Json {
            return self.line(&change);
        }
        if self.denied.len() < DENIED {
            // Its parameters are not shown.
            self.denied.push(Change { parameters: Vec::new(), ..change });
        }
        Ok(())
    }

    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut *self.out, value)?;
        self.out.write_all(b"\n")
    }

    fn finish(&mut self, resource: &Resource, books: &Books) -> io::Result<()> {
        let Told { changes, denied, failed } = self.told;
        let statement = statement(books);
        if self.format == HistoryFormat::Json {
            let (first, last) = (books.times.map(|(first, _)| first), books.times.map(|(_, last)| last));
            return self.line(&Summary {
                version: 1,
                kind: "summary",
                resource: &resource.typed,
                changes,
                denied,
                failed,
                records: books.records,
                first: first.map(time::format),
                last: last.map(time::format),
                complete: books.complete(),
                statement,
            });
        }
        if changes == 0 {
            writeln!(self.out, "No call that succeeded and did more than read names it.")?;
        }
        if denied > 0 {
            writeln!(self.out, "\n{}", words::plural(denied, "attempt was denied", "attempts were denied"))?;
            for attempt in &self.denied {
                self.out.write_all(text::denied(attempt, self.width).as_bytes())?;
            }
            if denied > self.denied.len() as u64 {
                writeln!(self.out, "and {} more; --format json has them", words::count(denied - self.denied.len() as u64))?;
            }
        }
        writeln!(self.out)?;
        if failed > 0 {
            let calls = words::plural(failed, "call that names it failed", "calls that name it failed");
            writeln!(self.out, "{calls} or came too often, and changed nothing.")?;
        }
        for line in words::wrapped(&statement, self.width) {
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }
}

/// On what the history rests.
fn statement(books: &Books) -> String {
    let Some((first, last)) = books.times else {
        return "No record was read, so this history says nothing.".to_owned();
    };
    let omitted = match books.omitted {
        0 => String::new(),
        some => {
            let calls = words::plural(some, "further call", "further calls");
            format!(" {calls} may name it too: AWS omitted for their size what would say so.")
        }
    };
    format!(
        "This is what the logs that were read say: {} of events from {}.{}{omitted} What happened before or after, or was not recorded or not \
         delivered, is not in it.",
        words::plural(books.records, "record", "records"),
        words::period(&time::format(first), &time::format(last)),
        if books.all_read() { "" } else { " Not everything could be read." }
    )
}
