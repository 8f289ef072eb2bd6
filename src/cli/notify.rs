//! `assize notify` on the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// About telling people.
#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// Send a test message to each receiver of `notify`, or to one of them, and say what it answered
    Test(NotifyTestArgs),
}

/// Whom to send a test message.
#[derive(Args, Debug)]
pub(crate) struct NotifyTestArgs {
    /// The receiver [default: all]
    pub(crate) name: Option<String>,
    /// The configuration [default: assize.yaml]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}
