//! Finds the rules and records of other projects, which are not part of this one.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The folder with the data. Without one the test is skipped, which must not happen unseen in CI.
pub(crate) fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("ASSIZE_DATA").map(PathBuf::from);
    if folder.is_none() {
        let reason = "SKIPPED: ASSIZE_DATA names no folder with sigma/cloudtrail and cloudtrail-sample";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{reason}");
        // Not by `eprintln!`: the test harness keeps that to itself unless the test fails.
        std::io::stderr().write_all(format!("{reason}\n").as_bytes()).unwrap();
    }
    folder
}

/// Name and content of the files with that ending, below the folder at any depth, by path.
pub(crate) fn read_all(folder: &Path, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    found.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}
