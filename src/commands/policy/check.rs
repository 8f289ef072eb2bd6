//! `assize policy check`: every mistake in policy and framework files, and with a configuration what its trails cannot feed.

mod recorded;

use assize_engine::coverage::Recording;

use super::CommandError;
use crate::cli::PolicyCheckArgs;
use crate::commands::{coverage, runtime};
use crate::config::Config;
use crate::console::Console;
use crate::diagnostics;
use crate::exit::Exit;
use crate::pack;
use crate::report::words;
use crate::run::recalled::Recalled;

/// Runs `assize policy check`. Warnings alone do not fail it.
pub(super) fn run(args: &PolicyCheckArgs, console: &Console) -> Result<Exit, CommandError> {
    let config = args.config.as_deref().map(Config::load).transpose()?;
    let mut pack = match &config {
        Some(config) if args.policies.paths.is_empty() => pack::configured(&config.policies)?,
        _ => pack::load(&args.policies.paths)?,
    };
    if let Some(config) = &config {
        let recalled = runtime()?.block_on(coverage::recalled(config))?;
        let cells = recordings(&recalled, config);
        if cells.is_empty() {
            console.note("the last run could look at no trail, so nothing is said of what trails record");
        }
        pack.warnings.extend(recorded::warnings(&pack.policies, &cells));
        pack.warnings.sort_by(|a, b| a.file.cmp(&b.file).then(a.span.cmp(&b.span)));
    }
    let counts = format!(
        "{}, {}",
        words::plural(pack.policies.len() as u64, "policy", "policies"),
        words::plural(pack.frameworks.len() as u64, "framework", "frameworks")
    );
    if pack.warnings.is_empty() {
        console.result(&format!("{counts}: no mistake found\n"))?;
    } else {
        console.result(&diagnostics::render(&pack.warnings, &pack.files))?;
        console.result(&format!("{counts}\n"))?;
    }
    Ok(Exit::Clean)
}

/// What each account and region recorded when the last run looked; cells whose trails nobody saw are left out.
fn recordings(recalled: &Recalled, config: &Config) -> Vec<Option<Recording>> {
    let cells = recalled.evidence(config);
    cells.values().filter_map(|cell| cell.recorded.last()).map(|(_, recording)| recording.clone()).collect()
}
