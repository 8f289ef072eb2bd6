//! `assize policy check`: every mistake in policy and framework files.

use super::CommandError;
use crate::cli::PolicyArgs;
use crate::console::Console;
use crate::diagnostics;
use crate::exit::Exit;
use crate::pack;
use crate::report::words;

/// Runs `assize policy check`. Warnings alone do not fail it.
pub(super) fn run(args: &PolicyArgs, console: &Console) -> Result<Exit, CommandError> {
    let pack = pack::load(&args.paths)?;
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
