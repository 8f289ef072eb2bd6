//! A backtest over what the audit bucket has of a period: its objects are read again, batch by batch, so that memory grows with what
//! matches alone.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use assize_engine::coverage::{Ask, CellEvidence, Reason, Tally};
use assize_engine::evaluate::{Evaluation, ObjectName, Period};
use assize_engine::inflate::Limits;
use assize_engine::partial::Partial;
use assize_engine::policy::{Level, Policy};
use assize_engine::time;

use super::{DAY, HOUR, Tested, limits, told, widened};
use crate::cli::BacktestArgs;
use crate::collect::collected::{CellKey, Owed};
use crate::collect::problem::Problem;
use crate::commands::{CommandError, report, runtime};
use crate::config::Config;
use crate::console::Console;
use crate::events::gather::Books;
use crate::events::source::{self, Kept, Scope};
use crate::judge;
use crate::pack::{self, Pack};
use crate::period::{NamedPeriod, days_back};
use crate::report::backtest::{Backtest, Coverage};
use crate::report::told::covered;
use crate::report::words;
use crate::run::recalled::Recalled;
use crate::run::{self, RunError};
use crate::scan::object::Reader;
use crate::scan::{self, on_threads};

/// Tries policies over a period of the audit bucket.
pub(super) fn test(args: &BacktestArgs, asked: &str, console: &Console) -> Result<Tested, CommandError> {
    let config = Config::of_option(args.config.as_deref())?;
    let pack = pack(args, &config)?;
    let runtime = runtime()?;
    let audit = runtime.block_on(run::audit_to_read(&config)).map_err(Box::new)?;
    let recalled = runtime.block_on(Recalled::read(Arc::clone(&audit))).map_err(Box::new)?.ok_or(CommandError::NoRun)?;
    let period = period(&config, asked, recalled.as_of)?;
    let scope = Scope { period: Period { since: Some(period.since), until: Some(period.until) }, ..Scope::default() };
    let accounts = recalled.estate.facts(&config);
    let wide = widened(&pack);
    let mut reading = Reading {
        evaluation: Evaluation::new(&wide, accounts.clone(), scope.period, 0, scan::secret()),
        wide: &wide,
        limits: limits(args),
        threads: Kept::threads(scan::threads(args.threads)),
        partial: Partial::of(&wide),
        books: Books::default(),
    };
    let missing =
        source::in_batches((&config, runtime), (audit, &recalled.view), &scope, &mut |kept| reading.read(kept, console));
    let Reading { mut partial, mut books, .. } = reading;
    for (name, why) in missing.map_err(RunError::from).map_err(Box::new)? {
        books.problem(&name, u64::MAX, why);
    }
    never_taken(&recalled.collected.owed, &period, &mut books);
    let cells = recalled.evidence(&config);
    let hours = recalled.hours(&config.judge, Some(period.since), Some(period.until));
    let mut known = judge::known(&cells, &hours);
    // What was before the period is kept, and was not read.
    known.from_by_cell.values_mut().for_each(|from| *from = (*from).max(period.since));
    let mut result = told::backtest((&pack.policies, &wide), &accounts, &known, &mut partial);
    let covered = tell_coverage(&mut result, &pack, &config, (&cells, &hours));
    (result.objects_read, result.objects_failed) = (books.objects, books.failed);
    let records = partial.records;
    result.complete = books.problems_total == 0 && records.read > 0 && records.malformed == 0 && records.balanced();
    (result.since, result.until) = (Some(time::format(period.since)), Some(time::format(period.until)));
    let problems = books.problems.iter().map(|((object, _), why)| format!("{object}: {why}")).collect();
    result.problems = books.problems_total;
    Ok(Tested { result, problems, covered })
}

/// The policies that are tried: those that are named, or those of the configuration.
fn pack(args: &BacktestArgs, config: &Config) -> Result<Pack, CommandError> {
    let named = [&args.paths[..], &args.policies[..]].concat();
    let mut pack = match named[..] {
        [] => pack::configured(config)?,
        _ => pack::to_evaluate(&named, &config.policies.placeholders, config.calendar.as_ref())?,
    };
    pack.select(&args.select, Level::Informational)?;
    Ok(pack)
}

/// The period; days are counted back from the last run, whole hours.
fn period(config: &Config, asked: &str, as_of: i64) -> Result<NamedPeriod, CommandError> {
    if let Some(days) = days_back(asked) {
        let since = (as_of - days * DAY).div_euclid(HOUR) * HOUR;
        return Ok(NamedPeriod { name: asked.to_owned(), since, until: as_of });
    }
    match report::period(config, asked) {
        Ok(period) if period.since >= as_of => Err(CommandError::PeriodAhead(period.name)),
        Err(CommandError::Period { text, hint }) => {
            Err(CommandError::Period { text, hint: format!("{hint}; or so many days up to the last run (90d)") })
        }
        period => period,
    }
}

/// What is read, batch by batch.
struct Reading<'p> {
    evaluation: Evaluation,
    wide: &'p [Policy],
    limits: Limits,
    threads: usize,
    partial: Partial,
    books: Books,
}

impl Reading<'_> {
    fn read(&mut self, kept: &Kept, console: &Console) {
        let bar = console.progress(kept.bytes());
        let next = AtomicUsize::new(0);
        let work = || {
            let (mut partial, mut books) = (Partial::of(self.wide), Books::default());
            let mut reader = Reader::new(self.limits);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let name = ObjectName { name: kept.name(number).into(), number: u32::try_from(number).unwrap_or(u32::MAX) };
                let read = kept.read(number, &mut reader, &mut |text| self.evaluation.object(&name, text, &mut partial));
                let Some(outcome) = read else { return (partial, books) };
                bar.inc(outcome.stored_bytes);
                books.object(&name.name, &outcome);
            }
        };
        for (partial, books) in on_threads(self.threads, work) {
            self.partial.merge(partial);
            self.books.merge(books);
        }
        // Who is behind a call is not asked here.
        self.partial.sessions = Default::default();
        self.conflicts(kept);
        // Copies of a record lie close together: those of the next batch are still told.
        self.evaluation.age();
        bar.finish_and_clear();
    }

    fn conflicts(&mut self, kept: &Kept) {
        let conflicts = self.evaluation.seen().conflicts();
        let mut reader = Reader::new(self.limits);
        let digests = scan::digests(&conflicts, |number, read| drop(kept.read(number as usize, &mut reader, read)));
        for conflict in &conflicts {
            let Problem { code, object, record, message, .. } =
                Problem::conflict(conflict, &digests, |number| kept.name(number as usize));
            self.books.problem(&object, record.unwrap_or_default(), format!("{code}: {message}"));
        }
    }
}

/// Objects of the period that runs saw in listings and never got: archived, denied, gone.
fn never_taken(owed: &[Owed], period: &NamedPeriod, books: &mut Books) {
    let mut missed: BTreeMap<(&str, &str), (u64, &Owed)> = BTreeMap::new();
    let delivered = period.since..period.until.saturating_add(2 * DAY);
    for one in owed.iter().filter(|owed| delivered.contains(&owed.delivered)) {
        missed.entry((&one.source, &one.reason)).or_insert((0, one)).0 += 1;
    }
    for ((source, reason), (count, one)) in missed {
        let objects = words::plural(count, "object", "objects");
        let said = Reason::named(reason).map_or("it is not known why", Reason::words);
        let message = &one.message;
        let told = format!("{reason}: {objects} of the period, this one among them, could never be taken: {said}: {message}");
        books.problem(&format!("{source}/{}", one.key), u64::MAX, told);
    }
}

/// Tells what is known of the period, as a whole and for each policy. Returns whether it is enough.
fn tell_coverage(
    result: &mut Backtest,
    pack: &Pack,
    config: &Config,
    (cells, hours): (&BTreeMap<CellKey, CellEvidence>, &Range<i64>),
) -> bool {
    for tested in &mut result.policies {
        let policy = pack.policies.iter().find(|policy| policy.id == tested.id);
        tested.coverage = policy.map(|policy| coverage(cells, hours, &Ask::of(policy, config.judge.evidence, None)));
    }
    let whole = coverage(cells, hours, &Ask::any(config.judge.evidence));
    let enough = whole.hours_due > 0 && config.report.min_coverage.met_by(whole.hours_covered, whole.hours_due);
    result.coverage = Some(whole);
    enough
}

fn coverage(cells: &BTreeMap<CellKey, CellEvidence>, hours: &Range<i64>, ask: &Ask<'_>) -> Coverage {
    let mut total = Tally::default();
    cells.values().for_each(|cell| total.add(&cell.tally(hours.clone(), ask)));
    Coverage {
        statement: covered::statement(&total, ask.grade),
        hours_due: total.due,
        hours_delivered: total.delivered,
        hours_covered: total.covered(),
        unknown: covered::reason_hours(&total),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_could_never_take_is_told_by_place_and_reason() {
        let owed = |key: &str, reason: &str, delivered: i64| Owed {
            source: "s3://logs".to_owned(),
            key: key.to_owned(),
            size: 1,
            etag: None,
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            delivered,
            reason: reason.to_owned(),
            message: format!("{key} was refused"),
            since: 0,
        };
        let all = [
            owed("before", "denied", 10 * DAY - 1),
            owed("a", "archived", 10 * DAY),
            owed("late", "archived", 13 * DAY - 1),
            owed("b", "denied", 11 * DAY),
            owed("after", "denied", 13 * DAY),
        ];
        let (mut books, period) = (Books::default(), NamedPeriod { name: String::new(), since: 10 * DAY, until: 11 * DAY });
        never_taken(&all, &period, &mut books);
        assert_eq!(books.problems_total, 2);
        let told: Vec<String> = books.problems.iter().map(|((object, _), why)| format!("{object} {why}")).collect();
        assert!(
            told[0].starts_with("s3://logs/a archived: 2 objects of the period, this one among them, could never"),
            "{told:?}"
        );
        assert!(told[1].starts_with("s3://logs/b denied: 1 object") && told[1].ends_with(": b was refused"), "{told:?}");
    }
}
