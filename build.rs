//! Embeds `policies/` in the binary, so that adding a policy is adding a file.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=policies");
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let mut files = Vec::new();
    collect(&root.join("policies"), &mut files)?;
    files.sort();
    let mut source = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&root).map_err(io::Error::other)?.to_string_lossy().replace('\\', "/");
        // Through the variable and not by the path of today: two checkouts may share one build folder.
        let place = literal(&format!("/{name}"));
        writeln!(source, "    ({}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {place}))),", literal(&name))
            .map_err(io::Error::other)?;
    }
    source += "]\n";
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?).join("policies.rs");
    fs::write(out, source)
}

/// A string literal of the language.
fn literal(text: &str) -> String {
    format!("\"{}\"", text.escape_default())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    Ok(())
}
