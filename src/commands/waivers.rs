//! `assize waivers`: checks the files with waivers, and begins a new one from a finding.

use std::path::Path;

use assize_engine::policy::Policy;
use assize_engine::time;

use super::CommandError;
use super::coverage::recalled;
use super::scan::{instant, now};
use crate::accepted::Accepted;
use crate::cli::{WaiverNewArgs, WaiversCommand};
use crate::config::Config;
use crate::config::notes::{self, Value};
use crate::config::waivers::{self, WaivedFinding};
use crate::console::Console;
use crate::exit::Exit;
use crate::life::register::{Entry, Register};
use crate::pack::{self, Pack};
use crate::report::escape::terminal;
use crate::report::words::plural;
use crate::run::{audit_to_read, fates};
use crate::state::View;

const DAY: i64 = 86_400;

/// Runs `assize waivers`.
pub(crate) fn run(command: &WaiversCommand, console: &Console) -> Result<Exit, CommandError> {
    match command {
        WaiversCommand::Check { config, offline } => check(&Config::of_option(config.as_deref())?, *offline, console),
        WaiversCommand::New(args) => new(args, console),
    }
}

/// The findings of the last run.
pub(super) fn register(config: &Config) -> Result<Register, CommandError> {
    super::runtime()?.block_on(async {
        let audit = audit_to_read(config).await.map_err(Box::new)?;
        let view = View::open(audit.clone()).await.map_err(|error| Box::new(error.into()))?;
        fates::newest(&*audit, &view).await.map_err(Box::new)?.ok_or(CommandError::NoRun)
    })
}

/// The one finding whose fingerprint begins as asked.
pub(super) fn find<'r>(register: &'r Register, prefix: &str) -> Result<&'r Entry, CommandError> {
    let mut found = register.findings.iter().filter(|entry| prefix.len() >= 8 && entry.fingerprint.starts_with(prefix));
    match (found.next(), found.next()) {
        (Some(entry), None) => Ok(entry),
        (None, _) => Err(CommandError::NoFinding(prefix.to_owned())),
        (Some(_), Some(_)) => Err(CommandError::SeveralFindings(prefix.to_owned())),
    }
}

fn check(config: &Config, offline: bool, console: &Console) -> Result<Exit, CommandError> {
    let pack = pack::loaded(config)?;
    let accepted = Accepted::load(config, &pack)?;
    if !accepted.warnings.is_empty() {
        console.result(&crate::diagnostics::render(&accepted.warnings, &accepted.files))?;
    }
    let at = now();
    let (counts, went_on, known) = if offline || accepted.waivers.is_empty() {
        (vec![0; accepted.waivers.len()], false, false)
    } else {
        let recalled = super::runtime()?.block_on(recalled(config))?;
        let register = register(config)?;
        let speaks = |waiver: &waivers::Waiver, entry: &Entry| {
            let group = group(entry, policy(&pack, &entry.policy));
            waiver.speaks_of(&asked(entry, &group), recalled.estate.account(&entry.account))
        };
        let count = |waiver| register.findings.iter().filter(|entry| speaks(waiver, entry)).count() as u64;
        let after = |waiver: &waivers::Waiver, entry: &Entry| {
            waiver.expires <= at
                && speaks(waiver, entry)
                && time::parse(&entry.last_seen).is_some_and(|last| last >= waiver.expires)
        };
        let went_on = accepted.waivers.iter().any(|waiver| register.findings.iter().any(|entry| after(waiver, entry)));
        (accepted.waivers.iter().map(count).collect(), went_on, true)
    };
    let mut out = vec![format!("{}\n", plural(accepted.waivers.len() as u64, "waiver", "waivers"))];
    for (one, waiver) in accepted.uses(&counts, at).iter().zip(&accepted.waivers) {
        let days = (waiver.expires - at).div_euclid(DAY);
        let state = match one.waiver.state.as_str() {
            "unused" if !known => "holds",
            state => state,
        };
        let left = match state {
            "expired" => format!("ended {} days ago", -days),
            _ => format!("{} left", plural(u64::try_from(days).unwrap_or(0), "day", "days")),
        };
        let found = if known { format!("; {}", plural(one.findings, "finding", "findings")) } else { String::new() };
        out.push(format!(
            "  {state:<8} {}  {}\n           {} until {} ({left}{found}); owner {}, approver {}{}\n",
            terminal(&one.policy),
            terminal(&one.scope),
            terminal(&one.waiver.place),
            one.waiver.expires.get(..10).unwrap_or(&one.waiver.expires),
            terminal(&one.waiver.owner),
            terminal(&one.waiver.approver),
            if one.waiver.ticket.is_empty() { String::new() } else { format!(", {}", terminal(&one.waiver.ticket)) },
        ));
    }
    console.result(&out.concat())?;
    Ok(if went_on { Exit::Findings } else { Exit::Clean })
}

fn policy<'p>(pack: &'p Pack, id: &str) -> Option<&'p Policy> {
    pack.policies.iter().find(|policy| policy.id == id)
}

/// The values that a policy groups by, with their fields.
fn group<'a>(entry: &'a Entry, policy: Option<&'a Policy>) -> Vec<(&'a str, Option<&'a str>)> {
    let fields = policy.map(|policy| policy.group_by.as_slice()).unwrap_or_default();
    fields.iter().map(|field| field.written.as_str()).zip(entry.group.iter().map(Option::as_deref)).collect()
}

fn asked<'a>(entry: &'a Entry, group: &'a [(&'a str, Option<&'a str>)]) -> WaivedFinding<'a> {
    let Entry { policy, fingerprint, account, region, .. } = entry;
    WaivedFinding { policy, fingerprint, account, region, group }
}

fn new(args: &WaiverNewArgs, console: &Console) -> Result<Exit, CommandError> {
    let config = Config::of_option(args.config.as_deref())?;
    let register = register(&config)?;
    let entry = find(&register, &args.finding)?;
    let text = |text: &str| Value::Text(text.to_owned());
    let mut scope = vec![("account".to_owned(), text(&entry.account))];
    if args.group {
        let pack = pack::loaded(&config)?;
        scope.push(("region".to_owned(), text(&entry.region)));
        let known = group(entry, policy(&pack, &entry.policy));
        let values: Vec<(String, Value)> =
            known.iter().filter_map(|(field, value)| Some(((*field).to_owned(), text((*value)?)))).collect();
        if !values.is_empty() {
            scope.push(("group".to_owned(), Value::Map(values)));
        }
    } else {
        scope.push(("finding".to_owned(), text(&entry.fingerprint)));
    }
    let day = |option, text: &Option<String>| match text {
        Some(text) => instant(option, text),
        None => Ok(now()),
    };
    let created = time::format(day("--created", &args.created)?);
    let expires = time::format(instant("--expires", &args.expires)?);
    let mut entries = vec![("policy", text(&entry.policy))];
    entries.push(("scope", Value::Map(scope)));
    entries.extend([("reason", text(&args.reason)), ("owner", text(&args.owner)), ("approver", text(&args.approver))]);
    entries.extend(args.ticket.as_ref().map(|ticket| ("ticket", text(ticket))));
    entries.extend([("created", text(created.get(..10).unwrap_or(&created)))]);
    entries.extend([("expires", text(expires.get(..10).unwrap_or(&expires)))]);
    let item = notes::item(&entries);
    write(&config.waivers, ("waivers", &item), args.append, console, &|path| waivers::read(path).map(|file| file.notes.len()))
}

/// Prints a note, and adds it to the first file of its kind if asked to. The file is read first as it would become: a note
/// that would be refused is not written.
pub(super) fn write(
    files: &[std::path::PathBuf],
    (key, item): (&'static str, &str),
    append: bool,
    console: &Console,
    read: &dyn Fn(&Path) -> Result<usize, crate::config::ConfigError>,
) -> Result<Exit, CommandError> {
    let whole = format!("{key}:\n{item}");
    let folder = tempfile::tempdir().map_err(|source| CommandError::Write { path: std::env::temp_dir(), source })?;
    let trial = folder.path().join(format!("{key}.yaml"));
    let failed = |path: &Path, source| CommandError::Write { path: path.to_owned(), source };
    if !append {
        std::fs::write(&trial, &whole).map_err(|source| failed(&trial, source))?;
        read(&trial)?;
        console.result(&whole)?;
        return Ok(Exit::Clean);
    }
    let path = files.first().ok_or(CommandError::NoNotes(key))?;
    let before = std::fs::read_to_string(path).map_err(|source| failed(path, source))?;
    let after = notes::with_item(&before, key, item);
    std::fs::write(&trial, &after).map_err(|source| failed(&trial, source))?;
    if read(&trial)? != read(path)? + 1 {
        return Err(CommandError::NotLast { path: path.clone(), key });
    }
    notes::replace(path, &after).map_err(|source| failed(path, source))?;
    console.result(item)?;
    console.note(&format!("added to {}", path.display()));
    Ok(Exit::Clean)
}
