//! `assize init`: a commented configuration, filters for known actors, a waivers file, and the workflows that run it on a schedule. It asks nothing
//! and reaches nothing; what only the user knows stands in angle brackets, which `assize config check` lists.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use unicode_width::UnicodeWidthStr;

use super::CommandError;
use crate::cli::{InitArgs, Preset};
use crate::console::Console;
use crate::exit::Exit;
use crate::report::escape::terminal;

/// Files of every preset: (path below the folder, content, what it is).
const FILES: [(&str, &str, &str); 7] = [
    ("known-actors.yaml", include_str!("init/known-actors.yaml"), "filters for your own automation; they hide nothing yet"),
    ("waivers.yaml", include_str!("init/waivers.yaml"), "exceptions; none yet"),
    ("reviews.yaml", include_str!("init/reviews.yaml"), "who looked at findings; nobody yet"),
    (".github/workflows/assize.yml", include_str!("init/github.yml"), "hourly run on GitHub Actions"),
    (".gitlab-ci.assize.yml", include_str!("init/gitlab.yml"), "scheduled run on GitLab"),
    ("ecs/assize-task.yaml", include_str!("init/ecs-task.yaml"), "hourly run in the audit account (CloudFormation)"),
    ("ecs/Dockerfile", include_str!("init/Dockerfile"), "the image for it"),
];

/// The name of the configuration.
const CONFIG: &str = "assize.yaml";

/// Runs `assize init`.
pub(crate) fn run(args: &InitArgs, console: &Console) -> Result<Exit, CommandError> {
    let config = config(args.preset);
    let files =
        || std::iter::once((CONFIG, config.as_str(), "the configuration; fill in what stands in <brackets>")).chain(FILES);
    let in_the_way: Vec<PathBuf> =
        files().map(|(name, ..)| below(&args.dir, name)).filter(|path| fs::symlink_metadata(path).is_ok()).collect();
    if !in_the_way.is_empty() && !args.force {
        return Err(CommandError::WouldOverwrite(in_the_way));
    }
    let mut out = Vec::new();
    for (name, text, what) in files() {
        let path = below(&args.dir, name);
        write(&path, text, args.force).map_err(|source| CommandError::Write { path: path.clone(), source })?;
        out.push((terminal(&path.display().to_string()), what));
    }
    console.result(&format!("wrote\n{}\nnext\n{}", rows(&out, ""), rows(&next(&args.dir), "# ")))?;
    Ok(Exit::Clean)
}

/// The configuration of a preset: what differs, then what is the same for all.
fn config(preset: Preset) -> String {
    let own = match preset {
        Preset::ControlTower => include_str!("init/control-tower.yaml"),
        Preset::Organization => include_str!("init/organization.yaml"),
        Preset::Accounts => include_str!("init/accounts.yaml"),
    };
    [own, include_str!("init/settings.yaml")].concat()
}

/// Without `force` a file that came into being meanwhile is left alone too.
fn write(path: &Path, text: &str, force: bool) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    options.open(path)?.write_all(text.as_bytes())
}

/// A path as a user would write it.
fn below(dir: &Path, name: &str) -> PathBuf {
    if dir == Path::new(".") { PathBuf::from(name) } else { dir.join(name) }
}

/// Two columns.
fn rows(rows: &[(String, &str)], mark: &str) -> String {
    let width = rows.iter().map(|(left, _)| left.width()).max().unwrap_or(0);
    rows.iter().map(|(left, right)| format!("  {left}{}  {mark}{right}\n", " ".repeat(width - left.width()))).collect()
}

/// The next three commands, and what each is for.
fn next(dir: &Path) -> [(String, &'static str); 3] {
    let file = terminal(&below(dir, CONFIG).display().to_string());
    let named = if file == CONFIG { String::new() } else { format!(" --config {file}") };
    [
        (format!("assize config check {file}"), "what is still to be filled in; ASSIZE_EXTERNAL_ID must be set"),
        (format!("assize role{named} --format cloudformation --out roles"), "the roles and policies to deploy"),
        (format!("assize doctor{named}"), "what the first run will be able to see"),
    ]
}

#[cfg(test)]
mod tests;
