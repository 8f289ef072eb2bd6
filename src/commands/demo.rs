//! `assize demo`: a synthetic organisation in a folder laid out like a trail's bucket, scanned and reported.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use assize_bucket::{Bucket, LocalFolder, PutCondition};
use assize_engine::evaluate::Period;
use assize_engine::finding::Finding;
use assize_engine::inflate::Limits;
use assize_engine::policy::Level;

use super::CommandError;
use super::scan::{Request, evaluate, write_files};
use crate::cli::{DemoArgs, Format};
use crate::console::Console;
use crate::demo::{self, Spec, Summary};
use crate::exit::Exit;
use crate::pack::{self, Pack};
use crate::report::build::Detail;
use crate::report::templates::Templates;
use crate::report::{self, v1};
use crate::scan::input;
use crate::scan::{self, Scanned};

/// The folder of the logs below the demo's folder.
const BUCKET: &str = "bucket";

/// Marks a folder as a demo, so that nothing else is ever cleared away.
const MARK: &str = ".assize-demo";

/// Runs `assize demo`. Its findings are the point of it, so it ends with 0 and says what `scan` would end with.
pub(crate) fn run(args: &DemoArgs, console: &Console) -> Result<Exit, CommandError> {
    let bucket = prepare(&args.out)?;
    console.note(&format!("making a synthetic organisation of about {} events in {}", args.events, bucket.display()));
    let summary = generate(args, &bucket)?;
    let pack = pack::load(&[])?;
    let inputs = input::list(std::slice::from_ref(&bucket))?;
    let request = request(args, &bucket, &summary);
    let (document, scanned) = evaluate(&request, &pack, &inputs, console);
    let formats = [Format::Html, Format::Markdown, Format::Json];
    let templates = Templates::load(None)?;
    write_files(&document, &scanned, &pack, &templates, (&args.out, &formats))?;
    // The report has everything; here the worst are enough.
    let terminal = report::Terminal { findings: 2, ..console.terminal() };
    console.result(&report::render(Format::Text, &document, &templates, terminal)?)?;
    console.result(&closing(&document, &scanned, &pack, &summary, &args.out))?;
    Ok(Exit::Clean)
}

/// Makes room for the logs: an empty folder, or one of an earlier demo.
fn prepare(folder: &Path) -> Result<PathBuf, CommandError> {
    let failed = |source| CommandError::Write { path: folder.to_owned(), source };
    let mark = folder.join(MARK);
    if folder.exists() && !mark.exists() && fs::read_dir(folder).map_err(failed)?.next().is_some() {
        return Err(CommandError::NotADemo(folder.to_owned()));
    }
    fs::create_dir_all(folder).map_err(failed)?;
    fs::write(&mark, "assize demo clears this folder when it runs again\n").map_err(failed)?;
    let bucket = folder.join(BUCKET);
    match fs::remove_dir_all(&bucket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(bucket),
    }
}

/// Writes the logs through the same interface that a collection will write to.
fn generate(args: &DemoArgs, folder: &Path) -> Result<Summary, CommandError> {
    let bucket = LocalFolder::create(folder)?;
    let failed = |source| CommandError::Write { path: folder.to_owned(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(failed)?;
    let spec = Spec { events: args.events, seed: args.seed };
    demo::generate(&spec, &mut |object| {
        runtime.block_on(bucket.put(&object.key, object.bytes, Default::default(), PutCondition::Always)).map(|_| ())
    })
    .map_err(CommandError::from)
}

fn request(args: &DemoArgs, bucket: &Path, summary: &Summary) -> Request {
    Request {
        command: "demo",
        period: Period::default(),
        // The demo is the same on every day: its now is the end of its period.
        as_of: assize_engine::time::parse(&summary.until).unwrap_or_default(),
        threads: scan::threads(args.threads),
        limits: Limits::default(),
        fail_on: Level::High,
        paths: vec![bucket.display().to_string()],
        detail: Detail::Full,
    }
}

/// What was hidden, whether it was found, and where to look.
fn closing(document: &v1::Document, scanned: &Scanned, pack: &Pack, summary: &Summary, folder: &Path) -> String {
    let is_policy = |finding: &Finding, id: &str| pack.policies.get(finding.policy).is_some_and(|policy| policy.id == id);
    let found = |incident: &demo::Incident| {
        let of_policy = scanned.findings.iter().filter(|finding| is_policy(finding, incident.policy));
        of_policy.flat_map(|finding| &finding.hits).any(|hit| *hit.event_id == *incident.event_id)
    };
    let count = summary.incidents.iter().filter(|incident| found(incident)).count();
    let mut out = vec![format!("\n{} incidents were hidden in the traffic; {count} were found:\n", summary.incidents.len())];
    for incident in &summary.incidents {
        let name = summary.accounts.iter().find(|account| account.id == incident.account).map_or("", |account| &account.name);
        let mark = if found(incident) { "found" } else { "MISSED" };
        out.push(format!("  {mark:<6}  {}  {} ({name}, {})\n", incident.time, incident.title, incident.region));
    }
    out.push(format!(
        "\n`assize scan {}` would end with exit code {}.\nOpen {} and look at the critical findings first.\n",
        folder.join(BUCKET).display(),
        document.run.exit_code,
        folder.join(report::file_name(Format::Html)).display()
    ));
    out.concat()
}
