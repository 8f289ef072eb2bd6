//! A venv with pinned requirements, made once and kept.
//!
//! Included by tests with `#[path]`.

#[path = "cache.rs"]
pub(crate) mod cache;

use std::path::{Path, PathBuf};
use std::process::Command;

use cache::{once, ran};

/// The Python of the venv that holds what this file names. Whoever comes first makes it; others wait for it.
pub(crate) fn python(requirements: &Path) -> PathBuf {
    let text = std::fs::read_to_string(requirements).expect("the requirements can be read");
    let venv = cache::folder("venv", &text);
    once(&venv, "bin/python", |venv| {
        ran(Command::new("python3").args(["-m", "venv"]).arg(venv));
        ran(Command::new(venv.join("bin/python")).args(["-m", "pip", "install", "--quiet", "-r"]).arg(requirements));
    });
    venv.join("bin/python")
}
