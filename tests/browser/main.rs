//! The reports in a real headless Chromium: filtering, drilling down, the keyboard alone, printing; no console error, no request,
//! nothing that axe-core finds serious; in English and Japanese, in the light and in the dark, on a telephone.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what the test needs fails by panicking, as tests do")]

#[path = "../aws/cache.rs"]
mod cache;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Browsers that drive the test, the first that is there.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

#[test]
fn reports_are_used_as_people_use_them() {
    let Some(browser) = browser() else {
        // In CI what is skipped has failed.
        assert!(std::env::var_os("CI").is_none(), "no Chromium is installed: install it, or set ASSIZE_TEST_BROWSER");
        eprintln!("SKIPPED: no Chromium is installed, so no report was opened in one; ASSIZE_TEST_BROWSER may name it");
        return;
    };
    let modules = modules();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    assize(folder.path(), &["demo", "--events", "3000", "--out", "demo"]);
    let report = ["report", "--config", "demo/assize.yaml", "--format", "html", "--out"];
    assize(folder.path(), &[&report[..], &["japanese", "--lang", "ja"]].concat());
    assize(folder.path(), &["scan", "demo/bucket", "--format", "html", "--out", "scan"]);
    let output = Command::new("node")
        .arg(source().join("report.mjs"))
        .arg(modules.join("package.json"))
        .arg(browser)
        .arg("run")
        .arg(path("demo/report.html"))
        .arg("run")
        .arg(path("japanese/report.html"))
        .arg("scan")
        .arg(path("scan/report.html"))
        .stdin(Stdio::null())
        .output()
        .expect("node runs: install it");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.lines().filter(|line| line.starts_with("ok ")).count() > 60, "{out}");
}

/// Runs the binary; how it exits says what it found, and only 2 that it failed.
fn assize(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assize"));
    let output = command.current_dir(folder).args(arguments).stdin(Stdio::null()).output().expect("the binary runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code().is_some_and(|code| code != 2), "{arguments:?}: {error}");
}

fn browser() -> Option<PathBuf> {
    let named = std::env::var_os("ASSIZE_TEST_BROWSER").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = || std::env::split_paths(&path).flat_map(|folder| BROWSERS.map(|name| folder.join(name))).find(|it| it.is_file());
    named.or_else(found)
}

/// This folder.
fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser")
}

/// The folder with what package.json names, installed once for each version of it. Whoever comes first installs; others wait.
fn modules() -> PathBuf {
    let wanted = std::fs::read_to_string(source().join("package.json")).unwrap();
    let folder = cache::folder("browser", &wanted);
    cache::once(&folder, "package.json", |folder| {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("package.json"), &wanted).unwrap();
        let install = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"];
        cache::ran(Command::new("npm").args(install).current_dir(folder));
    });
    folder
}
