//! What tests fetch from a registry: made once and kept. `ASSIZE_TEST_CACHE` says where.
//!
//! Included by tests with `#[path]`. Making it may fail only loudly: a check that needs it never passes without it.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

/// The folder of the cache for what `text` names: another text, another folder.
pub(crate) fn folder(kind: &str, text: &str) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    root().join(format!("{kind}-{:016x}", hasher.finish()))
}

/// Where what is made once is kept.
pub(crate) fn root() -> PathBuf {
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
