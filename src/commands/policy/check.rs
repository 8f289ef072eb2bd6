//! `assize policy check`: every mistake in policy and framework files, and with a configuration what its trails cannot feed.

mod recorded;

use assize_engine::coverage::Recording;
use assize_engine::policy::Policy;

use super::CommandError;
use crate::cli::{self, PolicyCheckArgs};
use crate::commands::{coverage, runtime};
use crate::config::Config;
use crate::console::Console;
use crate::diagnostics;
use crate::exit::Exit;
use crate::pack::{self, Pack};
use crate::report::escape::terminal;
use crate::report::words;
use crate::run::recalled::Recalled;

/// Runs `assize policy check`. Warnings alone do not fail it.
pub(super) fn run(args: &PolicyCheckArgs, console: &Console) -> Result<Exit, CommandError> {
    let config = args.config.as_deref().map(Config::load).transpose()?;
    let mut pack = match &config {
        Some(config) if args.policies.paths.is_empty() => pack::configured(config)?,
        _ => pack::load_with(&args.policies.paths, &cli::placeholders(&args.policies.placeholder))?,
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
    let counts = counts(&pack);
    let unconfigured = pack.policies.iter().filter(|policy| !policy.unconfigured.is_empty());
    console.result(&unconfigured.map(needs_configuration).collect::<String>())?;
    if pack.warnings.is_empty() {
        console.result(&format!("{counts}: no mistake found\n"))?;
    } else {
        console.result(&diagnostics::render(&pack.warnings, &pack.files))?;
        console.result(&format!("{counts}\n"))?;
    }
    Ok(Exit::Clean)
}

fn counts(pack: &Pack) -> String {
    let mut counts = vec![
        words::plural(pack.policies.len() as u64, "policy", "policies"),
        words::plural(pack.frameworks.len() as u64, "framework", "frameworks"),
    ];
    if !pack.bases.is_empty() {
        counts.push(words::plural(pack.bases.len() as u64, "rule for correlations", "rules for correlations"));
    }
    if pack.filters > 0 {
        counts.push(words::plural(pack.filters as u64, "filter", "filters"));
    }
    counts.join(", ")
}

/// A line about a policy whose placeholders are not set.
fn needs_configuration(policy: &Policy) -> String {
    let names: Vec<String> = policy.lacking().iter().map(|name| terminal(name)).collect();
    format!("{}: {} needs configuration: {} is not set\n", terminal(&policy.file), policy.id, names.join(", "))
}

/// What each account and region recorded when the last run looked; cells whose trails nobody saw are left out.
fn recordings(recalled: &Recalled, config: &Config) -> Vec<Option<Recording>> {
    let cells = recalled.evidence(config);
    cells.values().filter_map(|cell| cell.recorded.last()).map(|(_, recording)| recording.clone()).collect()
}
