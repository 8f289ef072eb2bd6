//! The engine is pure, and the rules that say so bite.

use std::path::Path;
use std::process::Command;

/// Every entry of the engine's clippy.toml about the standard library refuses the fixture that uses it.
#[test]
fn the_engines_rules_refuse_a_crate_that_breaks_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = std::fs::read_to_string(root.join("crates/engine/clippy.toml")).unwrap();
    let target = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["clippy", "--quiet", "--offline", "--manifest-path"])
        .arg(root.join("tests/fixtures/impure/Cargo.toml"))
        .args(["--", "-D", "clippy::disallowed_methods", "-D", "clippy::disallowed_types"])
        .env("CLIPPY_CONF_DIR", root.join("crates/engine"))
        .env("CARGO_TARGET_DIR", target.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "the fixture passed: {said}");
    let paths = rules.lines().filter_map(|line| line.split_once("path = \"")?.1.split_once('"')).map(|(path, _)| path);
    let standard: Vec<&str> = paths.filter(|path| path.starts_with("std::")).collect();
    assert!(standard.len() >= 25);
    for path in standard {
        assert!(said.contains(&format!("`{path}`")), "{path} is not refused:\n{said}");
    }
}

/// No crate that does input, output or waiting is among the engine's dependencies.
#[test]
fn the_engine_depends_on_nothing_impure() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "-p", "assize-engine", "--edges", "normal", "--prefix", "none"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let tree = String::from_utf8_lossy(&output.stdout);
    assert!(tree.contains("serde_json"), "{tree}{}", String::from_utf8_lossy(&output.stderr));
    // `assize-machine` is admitted: it takes bytes and gives marks or bytes. It asks the processor what it can do, which
    // changes how fast it is, not what it gives; libdeflate-sys is a C library that only works on memory.
    let own: Vec<&str> =
        tree.lines().filter(|line| line.starts_with("assize-")).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(own, ["assize-engine", "assize-machine"]);
    for name in ["tokio", "aws-", "datafusion", "reqwest", "hyper", "tempfile"] {
        assert!(!tree.lines().any(|line| line.starts_with(name)), "{name} is in:\n{tree}");
    }
}
