//! `assize scan`: logs in, findings out. No configuration, no network.

use std::collections::HashMap;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use assize_engine::evaluate::Period;
use assize_engine::inflate::Limits;
use assize_engine::policy::Level;
use assize_engine::session::Index;
use assize_engine::time;

use super::CommandError;
use crate::cli::{self, Format, ScanArgs};
use crate::console::Console;
use crate::exit::Exit;
use crate::pack::{self, Pack};
use crate::report::build::{self, Detail, Parts};
use crate::report::templates::Templates;
use crate::report::{self, findings_jsonl, v1, words};
use crate::scan::evidence;
use crate::scan::input::{self, Inputs};
use crate::scan::{self, ScanContext, Scanned};

/// Runs `assize scan`.
pub(crate) fn run(args: &ScanArgs, console: &Console) -> Result<Exit, CommandError> {
    if args.out.is_none() {
        fit_for_output(&args.format, console)?;
    }
    let request = Request::new(args)?;
    let templates = Templates::load(args.templates.as_deref())?;
    let mut pack = pack::to_evaluate(&args.policies, &cli::placeholders(&args.placeholder), None)?;
    pack.select(&args.select, args.min_level.into())?;
    if !pack.warnings.is_empty() {
        let count = words::plural(pack.warnings.len() as u64, "warning", "warnings");
        console.note(&format!("{count} about the policies; `assize policy check` shows them"));
    }
    let inputs = input::list(&args.paths)?;
    let (document, scanned) = evaluate(&request, &pack, &inputs, console);
    write(&document, &scanned, &pack, &templates, args, console)?;
    let exit = exit(&document);
    // The process ends now, and its memory with it: to give it back piece by piece took a twentieth of a scan with many matches.
    // Not the inputs: a spooled standard input is a file that has to go.
    std::mem::forget((document, scanned, pack));
    Ok(exit)
}

/// Refuses formats that standard output cannot take, before anything is read.
pub(crate) fn fit_for_output(formats: &[Format], console: &Console) -> Result<(), CommandError> {
    match formats {
        [_, _, ..] => Err(CommandError::SeveralFormats),
        [Format::Xlsx] if console.is_watched() => Err(CommandError::BinaryToTerminal),
        _ => Ok(()),
    }
}

/// What a scan is asked for, apart from where its result goes.
#[derive(Debug)]
pub(crate) struct Request {
    /// The subcommand, for the report.
    pub(crate) command: &'static str,
    /// Event times.
    pub(crate) period: Period,
    /// Now, seconds since 1970.
    pub(crate) as_of: i64,
    /// Threads.
    pub(crate) threads: usize,
    /// How far objects may grow.
    pub(crate) limits: Limits,
    /// The level that makes the exit code 1.
    pub(crate) fail_on: Level,
    /// The paths, as given.
    pub(crate) paths: Vec<String>,
    /// How much of the evidence is shown.
    pub(crate) detail: Detail,
}

impl Request {
    fn new(args: &ScanArgs) -> Result<Request, CommandError> {
        let period = period(args.since.as_deref(), args.until.as_deref())?;
        let as_of = as_of(args.as_of.as_deref())?;
        let limits = Limits { max_inflated: args.max_object.saturating_mul(1 << 20), ..Limits::default() };
        let paths = args.paths.iter().map(|path| path.display().to_string()).collect();
        let (threads, fail_on) = (scan::threads(args.threads), args.fail_on.into());
        let detail = if args.format == [Format::Text] && args.out.is_none() { Detail::Glance } else { Detail::Full };
        Ok(Request { command: "scan", period, as_of, threads, limits, fail_on, paths, detail })
    }
}

/// The one place where the clock is read.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// `--as-of`, or now.
pub(crate) fn as_of(text: Option<&str>) -> Result<i64, CommandError> {
    text.map_or_else(|| Ok(now()), |text| instant("--as-of", text))
}

/// `--since` and `--until`.
pub(crate) fn period(since: Option<&str>, until: Option<&str>) -> Result<Period, CommandError> {
    let since = since.map(|text| instant("--since", text)).transpose()?;
    let until = until.map(|text| instant("--until", text)).transpose()?;
    if since.zip(until).is_some_and(|(since, until)| since >= until) {
        return Err(CommandError::EmptyPeriod);
    }
    Ok(Period { since, until })
}

pub(crate) fn instant(option: &'static str, text: &str) -> Result<i64, CommandError> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    time::parse(&whole).ok_or_else(|| CommandError::Time { option, text: text.to_owned() })
}

/// Scans the inputs and builds the document.
pub(crate) fn evaluate(request: &Request, pack: &Pack, inputs: &Inputs, console: &Console) -> (v1::Document, Scanned) {
    tracing::info!(
        policies = pack.policies.len(),
        frameworks = pack.frameworks.len(),
        warnings = pack.warnings.len(),
        "policies loaded"
    );
    tracing::info!(objects = inputs.objects.len(), skipped = inputs.skipped.len(), threads = request.threads, "objects listed");
    let bar = console.progress(inputs.objects.iter().map(|object| object.size).sum());
    let context = ScanContext {
        period: request.period,
        threads: request.threads,
        limits: request.limits,
        horizon: scan::Horizon::default(),
    };
    let scanned = scan::scan(inputs, &pack.policies, &context, &|bytes| bar.inc(bytes));
    bar.finish_and_clear();
    tracing::info!(records = scanned.partial.records.read, findings = scanned.findings.len(), "records evaluated");
    let wanted = build::wanted(&scanned.findings, &scanned.partial, request.detail);
    let matcher = scanned.evaluation.matcher();
    let evidence = evidence::read(wanted, inputs, &pack.policies, matcher, &context);
    let parts = Parts {
        pack,
        partial: &scanned.partial,
        findings: &scanned.findings,
        conflicts: scanned.conflicts.len() as u64,
        copies_within: scanned.copies_within,
        objects: report::scanned::objects(&scanned, inputs),
        problems: report::scanned::problems(&scanned, inputs),
        missed: Vec::new(),
        skipped: report::scanned::skipped(&scanned, inputs),
        evidence: &evidence,
        sessions: &Index::of(&scanned.partial.sessions),
        run: run_of(request, pack),
        detail: request.detail,
        fail_on: request.fail_on.into(),
        fates: &HashMap::new(),
        changes: None,
        waivers: Vec::new(),
        history: None,
        judged: None,
        level: &|_, _| None,
    };
    (build::document(&parts), scanned)
}

fn run_of(request: &Request, pack: &Pack) -> v1::Run {
    v1::Run {
        tool: "assize",
        tool_version: env!("CARGO_PKG_VERSION"),
        command: request.command,
        as_of: time::format(request.as_of),
        since: request.period.since.map(time::format),
        until: request.period.until.map(time::format),
        paths: request.paths.clone(),
        policies_sha256: pack.sha256.clone(),
        fail_on: request.fail_on.name().to_owned(),
        fail_on_new: false,
        exit_code: 0,
    }
}

/// The exit that the document gives.
pub(crate) fn exit(document: &v1::Document) -> Exit {
    let all = [Exit::Clean, Exit::Findings, Exit::Incomplete, Exit::FindingsAndIncomplete];
    all.into_iter().find(|exit| exit.code() == document.run.exit_code).unwrap_or(Exit::Failed)
}

/// Writes the formats that were asked for: one to standard output, or all of them to a folder with a text beside.
fn write(
    document: &v1::Document,
    scanned: &Scanned,
    pack: &Pack,
    templates: &Templates,
    args: &ScanArgs,
    console: &Console,
) -> Result<(), CommandError> {
    let options = report::Options { terminal: console.terminal(), csv_bom: args.csv_bom };
    let Some(folder) = &args.out else {
        let format = args.format.first().copied().unwrap_or(Format::Text);
        return console.bytes(&report::render(format, document, templates, options)?);
    };
    let findings = |out: &mut dyn Write| findings_jsonl::write(&scanned.findings, &pack.policies, out);
    let written = write_files(document, templates, (folder, &args.format, args.csv_bom), findings)?;
    console.bytes(&report::render(Format::Text, document, templates, options)?)?;
    for path in written {
        console.note(&format!("wrote {}", path.display()));
    }
    Ok(())
}

/// Writes the files of a report's formats and `findings.jsonl` into a folder; returns what was written.
pub(super) fn write_files(
    document: &v1::Document,
    templates: &Templates,
    (folder, formats, csv_bom): (&Path, &[Format], bool),
    findings: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Vec<PathBuf>, CommandError> {
    let mut written = Vec::new();
    for format in formats {
        for file in report::files(*format, document, templates, csv_bom)? {
            let path = folder.join(&file.name);
            into_file(&path, |out| out.write_all(&file.bytes))?;
            written.push(path);
        }
    }
    let path = folder.join("findings.jsonl");
    into_file(&path, findings)?;
    written.push(path);
    Ok(written)
}

/// Writes a file whole or not at all, and the folder that it lies in: a report that a full disk cut short must not be taken for the
/// report.
pub(crate) fn into_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), CommandError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let attempt = || {
        fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new().prefix(".assize-").tempfile_in(folder)?;
        let mut out = BufWriter::new(&mut file);
        write(&mut out)?;
        out.flush()?;
        drop(out);
        allow_reading(file.as_file())?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    attempt().map_err(|source| CommandError::Write { path: path.to_owned(), source })
}

/// Temporary files are private; a report is as readable as other files.
#[cfg(unix)]
fn allow_reading(file: &fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn allow_reading(_: &fs::File) -> io::Result<()> {
    Ok(())
}
