//! The configuration file `assize.yaml`: read with positions, so that every mistake is reported in one go, and checked
//! before anything is fetched.

mod model;

pub(crate) use model::*;

use std::io;
use std::path::PathBuf;

use assize_engine::diagnostic::Diagnostic;

use crate::pack::PolicyFile;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// There is no such file.
    #[error("there is no configuration at {}; `assize init` writes one, --config names another", .0.display())]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("cannot read the configuration {}: {source}; check the path and its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It has mistakes.
    #[error("the configuration has mistakes; nothing was read")]
    Mistakes {
        /// All of them, warnings included.
        diagnostics: Vec<Diagnostic>,
        /// The file, for showing lines of it; external ids are masked.
        file: PolicyFile,
    },
}
