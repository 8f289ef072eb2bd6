//! `assize review`: writes down who looked at a finding and what they concluded, or lists what nobody has looked at.

use assize_engine::policy::Level;
use assize_engine::time;

use super::CommandError;
use super::scan::{instant, now};
use super::waivers::{find, register, write};
use crate::accepted::Accepted;
use crate::cli::ReviewArgs;
use crate::config::notes::{self, Value};
use crate::config::{Config, reviews};
use crate::console::Console;
use crate::exit::Exit;
use crate::pack;
use crate::report::escape::terminal;
use crate::report::summary::rank;
use crate::report::words::plural;

/// Runs `assize review`.
pub(crate) fn run(args: &ReviewArgs, console: &Console) -> Result<Exit, CommandError> {
    let config = Config::of_option(args.config.as_deref())?;
    match &args.finding {
        Some(finding) => note(args, finding, &config, console),
        None => waiting(args.min_level.into(), &config, console),
    }
}

fn note(args: &ReviewArgs, finding: &str, config: &Config, console: &Console) -> Result<Exit, CommandError> {
    let (Some(conclusion), Some(by)) = (&args.conclusion, &args.by) else { return Err(CommandError::IncompleteReview) };
    let register = register(config)?;
    let entry = find(&register, finding)?;
    let at = args.at.as_deref().map_or_else(|| Ok(now()), |text| instant("--at", text))?;
    let text = |text: &str| Value::Text(text.to_owned());
    let mut entries = vec![
        ("finding", text(&entry.fingerprint)),
        ("by", text(by)),
        ("at", text(&time::format(at))),
        ("conclusion", text(conclusion)),
    ];
    entries.extend(args.note.as_ref().map(|note| ("note", text(note))));
    entries.extend(args.ticket.as_ref().map(|ticket| ("ticket", text(ticket))));
    let item = notes::item(&entries);
    write(&config.reviews, ("reviews", &item), true, console, &|path| reviews::read(path).map(|file| file.notes.len()))
}

/// Findings of the last run that nobody has looked at and nobody has accepted, the worst first: 1 if there are any.
fn waiting(least: Level, config: &Config, console: &Console) -> Result<Exit, CommandError> {
    let register = register(config)?;
    let accepted = Accepted::load(config, &pack::loaded(config)?)?;
    let reviewed = |fingerprint: &str| accepted.reviews.iter().any(|review| review.finding == fingerprint);
    let open: Vec<_> = register
        .findings
        .iter()
        .filter(|entry| rank(&entry.level) <= rank(least.name()) && !entry.waived && !reviewed(&entry.fingerprint))
        .collect();
    let count = plural(open.len() as u64, "finding", "findings");
    let mut out = vec![format!("{count} of the run of {} that nobody has reviewed or accepted\n", register.as_of)];
    out.extend(open.iter().map(|entry| {
        format!(
            "  {:<13} {}  {} {}  {}  since {}\n",
            entry.level,
            entry.fingerprint,
            terminal(&entry.account),
            terminal(&entry.region),
            terminal(&entry.title),
            entry.first_seen
        )
    }));
    console.result(&out.concat())?;
    Ok(if open.is_empty() { Exit::Clean } else { Exit::Findings })
}
