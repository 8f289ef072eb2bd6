//! `assize demo`: a synthetic organisation whose trails write to a folder, audited and reported as a run over AWS would be.

mod organization;
mod people;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use assize_bucket::{Bucket, LocalFolder, Metadata, PutCondition};
use assize_engine::layout;
use serde::Deserialize;

use super::CommandError;
use super::scan::{into_file, write_files};
use crate::accepted::Accepted;
use crate::cli::{DemoArgs, Format};
use crate::config::Config;
use crate::console::Console;
use crate::demo::{self, Spec, Summary};
use crate::exit::Exit;
use crate::pack;
use crate::report::templates::Templates;
use crate::report::{self, Options, Terminal};
use crate::run::{self, Asked, Published};
use crate::scan;
use crate::verify::keys::archive_key;
use organization::Folders;

/// Marks a folder as a demo, so that nothing else is ever cleared away.
const MARK: &str = ".assize-demo";

/// Seconds of a week.
const WEEK: i64 = 7 * 86_400;

/// Runs `assize demo`. Its findings are the point of it, so it ends with 0 and says what `run` would end with.
pub(crate) fn run(args: &DemoArgs, console: &Console) -> Result<Exit, CommandError> {
    let folders = prepare(&args.out)?;
    let runtime = super::runtime()?;
    let threads = scan::threads(args.threads);
    console.note(&format!("making a synthetic organisation of about {} events in {}", args.events, folders.logs.display()));
    let spec = Spec { events: args.events, seed: args.seed, threads, incidents: true };
    let logs: Arc<dyn Bucket> = Arc::new(LocalFolder::create(&folders.logs)?.without_flushing());
    // What an auditor sees every week: an earlier run over what was delivered by then, and one over the rest. Writing the
    // organisation twice, each time a part of it, needs no room for what is held back.
    let deliver = |part: Range<i64>| {
        demo::generate(&spec, &mut |object| {
            let delivered = layout::parse(&object.key).map_or(part.start, |key| key.delivered);
            if !part.contains(&delivered) {
                return Ok(());
            }
            runtime.block_on(logs.put(&object.key, object.bytes, object.metadata, PutCondition::Always)).map(|_| ())
        })
        .map_err(CommandError::from)
    };
    let earlier = demo::END - WEEK + demo::BEYOND;
    let summary = deliver(i64::MIN..earlier)?;
    into_file(&folders.config, |out| out.write_all(organization::configuration(&summary).as_bytes()))?;
    for name in ["waivers", "reviews"] {
        into_file(&args.out.join(format!("{name}.yaml")), |out| out.write_all(format!("{name}: []\n").as_bytes()))?;
    }
    let stage = Stage { folders: &folders, logs: &logs, summary: &summary, threads, console };
    let before = runtime.block_on(stage.audit("demo-a-week-before", i64::MIN..earlier))?;
    people::write(&args.out, &before.document)?;
    drop(before);
    deliver(earlier..i64::MAX)?;
    let published = runtime.block_on(stage.audit("demo", earlier..demo::END + demo::BEYOND))?;
    show(&published, &summary, &args.out, console)?;
    Ok(Exit::Clean)
}

/// Makes room: an empty folder, or one of an earlier demo.
fn prepare(folder: &Path) -> Result<Folders, CommandError> {
    let failed = |source| CommandError::Write { path: folder.to_owned(), source };
    let mark = folder.join(MARK);
    if folder.exists() && !mark.exists() && fs::read_dir(folder).map_err(failed)?.next().is_some() {
        return Err(CommandError::NotADemo(folder.to_owned()));
    }
    fs::create_dir_all(folder).map_err(failed)?;
    fs::write(&mark, "assize demo clears this folder when it runs again\n").map_err(failed)?;
    let folders = Folders::of(folder);
    for old in [&folders.logs, &folders.audit] {
        match fs::remove_dir_all(old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    Ok(folders)
}

/// What the runs of the demo share.
struct Stage<'a> {
    folders: &'a Folders,
    logs: &'a Arc<dyn Bucket>,
    summary: &'a Summary,
    threads: usize,
    console: &'a Console,
}

impl Stage<'_> {
    /// One run over the organisation: the same stages as over AWS, behind a discovery that needs no network. `since`: from the run
    /// before to this one, seconds since 1970.
    async fn audit(&self, run: &str, since: Range<i64>) -> Result<Published, CommandError> {
        let (folders, summary) = (self.folders, self.summary);
        let config = Config::load(&folders.config)?;
        let (pack, templates) = (pack::configured(&config)?, Templates::load(None)?);
        let accepted = Accepted::load(&config, &pack)?;
        let audit: Arc<dyn Bucket> = Arc::new(LocalFolder::create(&folders.audit)?.without_flushing());
        let (fingerprint, der) = demo::public_key();
        for region in &summary.regions {
            if let Some(key) = archive_key(region, &fingerprint) {
                audit.put(&key, der.clone(), Metadata::new(), PutCondition::Always).await?;
            }
        }
        // The demo is the same on every day: its now is some hours after its period, when all digests are there.
        let as_of = since.end;
        let asked = Asked {
            since: assize_engine::time::parse(&summary.since),
            until: Some(as_of - demo::BEYOND),
            usual: true,
            threads: self.threads,
            collect_only: false,
            run_id: Some(run.to_owned()),
            ..Asked::of("demo", as_of)
        };
        let tell = |text: &str| self.console.note(text);
        let discover = |collected: &mut _| organization::discover(summary, Arc::clone(self.logs), since, collected);
        let estate = organization::estate(summary);
        let given = (&config, &asked, &pack, &accepted);
        let done = run::over(given, &templates, audit, estate, discover, &tell).await.map_err(Box::new)?;
        Ok(done.published.expect("a run that is not for collecting alone judges"))
    }
}

/// Writes the reports beside the organisation, and says what was hidden and whether it was found.
fn show(published: &Published, summary: &Summary, folder: &Path, console: &Console) -> Result<(), CommandError> {
    let templates = Templates::load(None)?;
    let formats = [Format::Html, Format::Markdown, Format::Json, Format::Sarif, Format::Junit, Format::Csv, Format::Xlsx];
    write_files(&published.document, &templates, (folder, &formats, false), |out| out.write_all(&published.findings))?;
    // The report has everything; here the worst are enough.
    let options = Options { terminal: Terminal { findings: 2, ..console.terminal() }, csv_bom: false };
    console.bytes(&report::render(Format::Text, &published.document, &templates, options)?)?;
    console.result(&closing(published, summary, folder)?)
}

/// What was hidden, whether it was found, and where to look.
fn closing(published: &Published, summary: &Summary, folder: &Path) -> Result<String, CommandError> {
    let matched = matched(&published.findings)?;
    let found = |incident: &demo::Incident| matched.contains(&(incident.policy.to_owned(), incident.event_id.clone()));
    let count = summary.incidents.iter().filter(|incident| found(incident)).count();
    let mut out = vec![format!("\n{} incidents were hidden in the traffic; {count} were found:\n", summary.incidents.len())];
    for incident in &summary.incidents {
        let name = summary.accounts.iter().find(|account| account.id == incident.account).map_or("", |account| &account.name);
        let mark = if found(incident) { "found" } else { "MISSED" };
        out.push(format!("  {mark:<6}  {}  {} ({name}, {})\n", incident.time, incident.title, incident.region));
    }
    out.push(
        "\nAnd the evidence was tampered with: a trail was stopped, a digest is missing, a log object was altered, a second version \
         of a record\nwas planted, and one account never let the auditor in. The report says so on its first page.\n"
            .to_owned(),
    );
    out.push(format!(
        "\nA run over this organisation would end with exit code {}.\nOpen {} and look at the critical findings first.\n",
        published.document.run.exit_code,
        folder.join(report::file_name(Format::Html)).display()
    ));
    Ok(out.concat())
}

/// Policies with the event ids that they matched.
fn matched(findings: &[u8]) -> Result<HashSet<(String, String)>, CommandError> {
    #[derive(Deserialize)]
    struct Line {
        policy: String,
        event_id: String,
    }
    let mut matched = HashSet::new();
    for line in findings.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let Line { policy, event_id } = serde_json::from_slice(line).map_err(CommandError::Json)?;
        matched.insert((policy, event_id));
    }
    Ok(matched)
}
