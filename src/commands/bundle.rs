//! `assize bundle`: what a run put out, and the evidence behind it, in one file.

use std::path::PathBuf;

use super::{CommandError, verify};
use crate::bundle;
use crate::cli::BundleArgs;
use crate::console::Console;
use crate::exit::Exit;
use crate::report::words;

/// Runs `assize bundle`.
pub(crate) fn run(args: &BundleArgs, console: &Console) -> Result<Exit, CommandError> {
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("assize-{}.tar.gz", args.run)));
    let written = super::runtime()?.block_on(async {
        let vault = verify::audit_at(args.path.as_deref(), args.config.as_deref()).await?;
        Ok::<_, CommandError>(bundle::write(&*vault.bucket, &args.run, &out).await?)
    })?;
    let files = words::plural(written.files as u64, "file", "files");
    let copies = words::plural(written.copies as u64, "object", "objects");
    console.result(&format!("{}: {files}, among them {copies} of evidence\n", out.display()))?;
    for key in &written.missing {
        console.note(&format!("not in the audit bucket, and so not in the bundle: {key}"));
    }
    Ok(if written.missing.is_empty() { Exit::Clean } else { Exit::Incomplete })
}
