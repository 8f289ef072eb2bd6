//! A venv with pinned requirements, made once and kept. `ASSIZE_TEST_CACHE` says where.
//!
//! Included by tests with `#[path]`. Making it may fail only loudly: a check that needs it never passes without it.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The Python of the venv that holds what this file names. Whoever comes first makes it; others wait for it.
pub(crate) fn python(requirements: &Path) -> PathBuf {
    let text = std::fs::read_to_string(requirements).expect("the requirements can be read");
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let venv = cache().join(format!("venv-{:016x}", hasher.finish()));
    once(&venv, "bin/python", |venv| {
        ran(Command::new("python3").args(["-m", "venv"]).arg(venv));
        ran(Command::new(venv.join("bin/python")).args(["-m", "pip", "install", "--quiet", "-r"]).arg(requirements));
    });
    venv.join("bin/python")
}

/// Makes a folder once: `part` is in it when it is whole. One that was left half-made is made anew.
pub(crate) fn once(folder: &Path, part: &str, make: impl FnOnce(&Path)) {
    let above = folder.parent().expect("a folder of the cache is in the cache");
    std::fs::create_dir_all(above).unwrap_or_else(|error| panic!("{}: {error}", above.display()));
    let lock = File::create(folder.with_extension("lock")).expect("the lock beside the folder can be made");
    lock.lock().expect("the lock beside the folder can be taken");
    // The mark is written last.
    if folder.join("complete").is_file() && folder.join(part).is_file() {
        return;
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    }
    make(folder);
    std::fs::write(folder.join("complete"), "").expect("the folder can be marked as complete");
}

/// Where what is made once is kept.
pub(crate) fn cache() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("ASSIZE_TEST_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("assize")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache/assize")))
        .expect("ASSIZE_TEST_CACHE, XDG_CACHE_HOME or HOME is set")
}

/// Runs a command that must end well.
pub(crate) fn ran(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output();
    let output =
        output.unwrap_or_else(|error| panic!("{command:?}: {error}; these tests need python3 with venv and pip, and npm"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{}{said}", output.status, String::from_utf8_lossy(&output.stdout));
}
