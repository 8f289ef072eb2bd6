//! `assize events`: which CloudTrail records are asked for, shown or counted.

use std::io;
use std::sync::Arc;

use assize_bucket::Bucket;
use assize_engine::inflate::Limits;
use tokio::runtime::Runtime;

use super::CommandError;
use super::scan::period;
use crate::cli::{CountField, EventsArgs, EventsFormat, RecordArgs};
use crate::config::Config;
use crate::console::Console;
use crate::estate::{self, Account};
use crate::events::counts::{self, Counts};
use crate::events::gather::{self, Books, IN_MEMORY, Matches, Means, Order, Room};
use crate::events::query::{Asked, Mistake, Query, QueryError};
use crate::events::record::{Fields, Record};
use crate::events::row::Row;
use crate::events::source::{self, Objects, Scope};
use crate::events::{csv, json, shown, table, words};
use crate::exit::Exit;
use crate::report::csv::BYTE_ORDER_MARK;
use crate::report::words as numbers;
use crate::run;
use crate::run::recalled::Recalled;
use crate::scan;

/// Records of a table, if nothing is said.
const TABLE: usize = 200;

/// Runs `assize events`: 0 whatever matched, 3 if not everything could be read.
pub(crate) fn run(args: &EventsArgs, console: &Console) -> Result<Exit, CommandError> {
    let place = Place::open(&args.from)?;
    let query = query(args, &place.names)?;
    let scope = Scope { period: query.period, accounts: query.accounts.clone(), regions: query.regions.clone() };
    let reading = Reading::new(&args.from, place, &scope)?;
    let books = if args.count_by.is_empty() {
        show(args, &reading, &|record| query.matches(record), console)?
    } else {
        count(args, &reading, &|record| query.matches(record), console)?
    };
    reading.tell(&books, console);
    Ok(if books.complete() { Exit::Clean } else { Exit::Incomplete })
}

fn query(args: &EventsArgs, names: &[(String, String)]) -> Result<Query, CommandError> {
    let asked = Asked {
        period: period(args.from.since.as_deref(), args.from.until.as_deref())?,
        accounts: args.account.clone(),
        regions: args.region.clone(),
        actors: args.actor.clone(),
        via: args.via.iter().map(|via| via.name()).collect(),
        services: args.service.clone(),
        apis: args.api.clone(),
        resources: args.resource.clone(),
        addresses: args.address.clone(),
        outcomes: args.outcome.iter().map(|outcome| outcome.name()).collect(),
        event_ids: args.event_id.clone(),
        texts: args.text.clone(),
    };
    let bom = (args.bom && args.format != EventsFormat::Csv).then_some(Mistake::Bom);
    match (Query::new(&asked, names), bom) {
        (Ok(query), None) => Ok(query),
        (Ok(_), Some(bom)) => Err(QueryError(vec![bom]).into()),
        (Err(QueryError(mistakes)), bom) => Err(QueryError(mistakes.into_iter().chain(bom).collect()).into()),
    }
}

/// Where records are, before it is said which.
pub(super) struct Place {
    /// Accounts that are known, as id and name.
    pub(super) names: Vec<(String, String)>,
    audit: Option<Audit>,
}

struct Audit {
    config: Config,
    runtime: Runtime,
    recalled: Recalled,
    bucket: Arc<dyn Bucket>,
}

impl Place {
    /// Reads the configuration where one is needed, and what runs left of accounts.
    pub(super) fn open(args: &RecordArgs) -> Result<Place, CommandError> {
        let names = |accounts: Vec<Account>| accounts.into_iter().map(|account| (account.id, account.name)).collect();
        if !args.paths.is_empty() {
            let config = args.config.as_deref().map(Config::load).transpose()?;
            let names = config.map(|config| names(estate::listed(&config).accounts)).unwrap_or_default();
            return Ok(Place { names, audit: None });
        }
        let config = Config::of_option(args.config.as_deref())?;
        let runtime = super::runtime()?;
        let bucket = runtime.block_on(run::audit_to_read(&config)).map_err(Box::new)?;
        let recalled = runtime.block_on(Recalled::read(Arc::clone(&bucket))).map_err(Box::new)?;
        let recalled = recalled.ok_or(CommandError::NoRun)?;
        let names = names(recalled.estate.accounts.clone());
        Ok(Place { names, audit: Some(Audit { config, runtime, recalled, bucket }) })
    }
}

/// Everything that reading needs.
pub(super) struct Reading {
    pub(super) objects: Objects,
    pub(super) fields: Fields,
    pub(super) means: Means,
}

impl Reading {
    /// Lists what may hold what is asked for.
    pub(super) fn new(args: &RecordArgs, place: Place, scope: &Scope) -> Result<Reading, CommandError> {
        let limits = Limits { max_inflated: args.max_object.saturating_mul(1 << 20), ..Limits::default() };
        let objects = match place.audit {
            None => source::files(&args.paths)?,
            Some(Audit { config, runtime, recalled, bucket }) => {
                let kept = source::kept((&config, runtime), (bucket, &recalled.view), scope);
                kept.map_err(|error| Box::new(run::RunError::from(error)))?
            }
        };
        Ok(Reading { objects, fields: Fields::new(), means: Means { threads: scan::threads(args.threads), limits } })
    }

    /// Reads everything.
    pub(super) fn gather<K: gather::Keep>(
        &self,
        wants: &(dyn Fn(&Record<'_>) -> bool + Sync),
        new: &(dyn Fn() -> K + Sync),
        console: &Console,
    ) -> (Books, K) {
        let bar = console.progress(self.objects.bytes());
        let gathered = gather::gather((&self.objects, &self.fields, &self.means), wants, new, &|bytes| bar.inc(bytes));
        bar.finish_and_clear();
        gathered
    }

    /// Hands out what was kept.
    pub(super) fn each(
        &self,
        matches: Matches<'_>,
        books: &mut Books,
        show: &mut dyn FnMut(&shown::Shown<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        shown::each(matches, (&self.objects, &self.fields, &self.means), books, show)
    }

    /// Says what was read, and what could not be.
    pub(super) fn tell(&self, books: &Books, console: &Console) {
        words::problems(books).iter().for_each(|problem| console.note(problem));
        console.note(&words::books(books, &self.objects));
    }
}

fn show(
    args: &EventsArgs,
    reading: &Reading,
    wants: &(dyn Fn(&Record<'_>) -> bool + Sync),
    console: &Console,
) -> Result<Books, CommandError> {
    let limit = args.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let limit = limit.or((args.format == EventsFormat::Table).then_some(TABLE));
    let order = Order { oldest_first: args.oldest_first, limit };
    let room = Room::of(IN_MEMORY);
    let (mut books, matches) = reading.gather(wants, &|| Matches::new(order, &room), console);
    let more = books.matched.saturating_sub(matches.len() as u64);
    match args.format {
        EventsFormat::Table => {
            let mut rows = Vec::new();
            let mut collect = |shown: &shown::Shown<'_>| {
                rows.push(Row::of(shown));
                Ok(())
            };
            reading.each(matches, &mut books, &mut collect).map_err(CommandError::Output)?;
            let text =
                if books.matched == 0 { words::nothing(&books) + "\n" } else { table::text(&rows, console.terminal().width) };
            let told = if more > 0 { format!("… {}\n", cut(more, order.oldest_first)) } else { String::new() };
            console.result(&(text + &told))?;
            return Ok(books);
        }
        EventsFormat::Json => console
            .stream(|out| reading.each(matches, &mut books, &mut |shown| json::line(&Row::of(shown), shown.record.bytes, out)))?,
        EventsFormat::Csv => console.stream(|out| {
            out.write_all(if args.bom { BYTE_ORDER_MARK } else { b"" })?;
            csv::head(out)?;
            reading.each(matches, &mut books, &mut |shown| csv::record(&Row::of(shown), out))
        })?,
    }
    if more > 0 {
        console.note(&cut(more, order.oldest_first));
    } else if books.matched == 0 {
        console.note(&words::nothing(&books));
    }
    Ok(books)
}

/// What a limit left out of records.
fn cut(more: u64, oldest_first: bool) -> String {
    let records = if oldest_first {
        numbers::plural(more, "newer record", "newer records")
    } else {
        numbers::plural(more, "older record", "older records")
    };
    format!("and {records}; --limit shows more, and --count-by counts all")
}

/// What a limit left out of groups.
fn cut_groups(more: u64) -> String {
    format!("and {}; --limit shows more", numbers::plural(more, "more group", "more groups"))
}

fn count(
    args: &EventsArgs,
    reading: &Reading,
    wants: &(dyn Fn(&Record<'_>) -> bool + Sync),
    console: &Console,
) -> Result<Books, CommandError> {
    let mut fields: Vec<CountField> = Vec::new();
    for field in &args.count_by {
        if !fields.contains(field) {
            fields.push(*field);
        }
    }
    let (books, counted) = reading.gather(wants, &|| Counts::new(&fields, counts::MOST), console);
    let mut groups = counted.sorted()?;
    let limit = args.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let limit = limit.or((args.format == EventsFormat::Table).then_some(TABLE)).unwrap_or(usize::MAX);
    let more = groups.len().saturating_sub(limit) as u64;
    groups.truncate(limit);
    match args.format {
        EventsFormat::Table if groups.is_empty() => console.result(&(words::nothing(&books) + "\n"))?,
        EventsFormat::Table => {
            let told = if more > 0 { format!("… {}\n", cut_groups(more)) } else { String::new() };
            console.result(&(counts::table(&fields, &groups, console.terminal().width) + &told))?;
        }
        EventsFormat::Json => console.stream(|out| counts::json(&fields, &groups, out))?,
        EventsFormat::Csv => console.stream(|out| {
            out.write_all(if args.bom { BYTE_ORDER_MARK } else { b"" })?;
            counts::comma_separated(&fields, &groups, out)
        })?,
    }
    if more > 0 && args.format != EventsFormat::Table {
        console.note(&cut_groups(more));
    }
    Ok(books)
}
