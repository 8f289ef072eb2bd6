//! The configuration file `assize.yaml`: read with positions, so that every mistake is reported in one go, and checked
//! before anything is fetched. `assize.json` is read by the same reader, because YAML contains JSON.
//!
//! One module per part of the file turns the tree into the values of [`model`]; only those leave this module. Nothing
//! here reaches the network.

mod accounts;
mod audit;
mod bounds;
mod calendar;
mod context;
#[cfg(test)]
mod documentation;
mod exceptions;
mod mask;
mod model;
pub(crate) mod notes;
mod notifications;
mod notify;
mod organization;
mod policies;
mod regions;
mod report;
pub(crate) mod reviews;
mod role;
pub(crate) mod schema;
mod signing;
mod sources;
mod syntax;
mod time_stamp;
pub(crate) mod waivers;

pub(crate) use model::*;
#[cfg(test)]
pub(crate) use notify::When;
pub(crate) use notify::{Change, Channel, Grouping, Receiver, Secret};
pub(crate) use time_stamp::TimeStampAuthority;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use assize_engine::diagnostic::{Diagnostic, Report, Span};
use assize_engine::yaml::{self, Node};
use sha2::{Digest, Sha256};

use crate::pack::PolicyFile;
use context::{Context, NamedPath};

/// Names that are looked for when none is given, in this order.
const DEFAULT_FILES: [&str; 3] = ["assize.yaml", "assize.yml", "assize.json"];

const KEYS: &[&str] = &[
    "name",
    "partition",
    "audit",
    "role",
    "accounts",
    "regions",
    "sources",
    "event-history",
    "relist",
    "limits",
    "policies",
    "waivers",
    "reviews",
    "report",
    "judge",
    "calendar",
    "notifications",
    "notify",
    "signing",
    "time-stamp",
    "exceptions",
];

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// There is no such file.
    #[error("there is no configuration at {}; `assize init` writes one", .0.display())]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("cannot read the configuration {}: {source}; check the path and its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file with waivers or reviews cannot be read.
    #[error("cannot read {}: {source}; check the path and its permissions", path.display())]
    Notes {
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

impl Config {
    /// Reads the file that an option names, or else [`Config::default_path`].
    ///
    /// # Errors
    /// As [`Config::load`].
    pub(crate) fn of_option(named: Option<&Path>) -> Result<Config, ConfigError> {
        Config::load(&named.map_or_else(Config::default_path, Path::to_owned))
    }

    /// The file that is meant when none is named: the first of `assize.yaml`, `assize.yml`, `assize.json` that exists.
    pub(crate) fn default_path() -> PathBuf {
        let found = DEFAULT_FILES.iter().find(|name| Path::new(name).exists());
        PathBuf::from(found.unwrap_or(&"assize.yaml"))
    }

    /// Reads a file, with variables from the environment. Policies, templates and waivers that it names must exist.
    ///
    /// # Errors
    /// The file cannot be read or has mistakes: then nothing may run.
    pub(crate) fn load(path: &Path) -> Result<Config, ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ConfigError::Missing(path.to_owned()),
            _ => ConfigError::Unreadable { path: path.to_owned(), source },
        })?;
        let variable = |name: &str| std::env::var(name).ok();
        read(&path.display().to_string(), &text, &variable, &|path| path.exists())
    }

    /// Reads the text of a file called `file`, with variables from `env`. Paths in it are taken from the folder of
    /// `file`, and need not exist. Pure.
    ///
    /// # Errors
    /// The text has mistakes.
    #[cfg(test)]
    pub(crate) fn parse(file: &str, text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
        read(file, text, env, &|_| true)
    }
}

/// A duration as the configuration writes it: `90s`, `15m`, `1h30m`.
///
/// # Errors
/// What to write instead.
pub(crate) fn duration(text: &str) -> Result<std::time::Duration, String> {
    syntax::duration(text)
}

fn read(
    file: &str,
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
    exists: &dyn Fn(&Path) -> bool,
) -> Result<Config, ConfigError> {
    let mut report = Report::new(file);
    let documents = yaml::parse(text, &mut report);
    let source = PolicyFile { name: file.to_owned(), text: mask::external_ids(text, &documents) };
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    let mut context = Context::new(report, folder, env);
    let config = only_document(&documents, &mut context).and_then(|root| document(root, &mut context));
    missing_paths(&mut context, exists);
    let failed = context.report.has_errors();
    let diagnostics = context.report.finish();
    match config {
        Some(config) if !failed => {
            let sha256 = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
            Ok(Config { file: file.to_owned(), sha256, warnings: diagnostics, source, ..config })
        }
        _ => Err(ConfigError::Mistakes { diagnostics, file: source }),
    }
}

/// The one document of a file. After a syntax error what was read before it is no configuration.
fn only_document<'n>(documents: &'n [Node], context: &mut Context<'_>) -> Option<&'n Node> {
    match documents {
        [one] if !one.is_null() => Some(one),
        [_, second, ..] => {
            let found = context.report.error(second.span, "several-documents", "a configuration is one document");
            found.hint("remove the line `---` between them, or use several files");
            None
        }
        _ => {
            if !context.report.has_errors() {
                context
                    .report
                    .error(Span::START, "empty-file", "the file is empty")
                    .hint("`assize init` writes one to start from");
            }
            None
        }
    }
}

/// Reads all parts, whatever is wrong in any of them.
fn document(root: &Node, context: &mut Context<'_>) -> Option<Config> {
    if !context.keys(root, "a configuration", KEYS) {
        return None;
    }
    context.require(root, "name", "the name of the organisation, for reports");
    let name = context.text(root, "name").map(|text| text.value);
    let partitions = Partition::ALL.map(|partition| (partition.id(), partition));
    // Without a valid partition nothing can be held against it.
    context.partition = match context.value(root, "partition") {
        Some(_) => context.choice(root, "partition", &partitions),
        None => Some(Partition::Aws),
    };
    context.require(root, "audit", "where evidence and reports are kept: `audit: {bucket: s3://bucket/prefix}`");
    let audit = context.value(root, "audit").and_then(|node| audit::read(node, context));
    let role = match context.value(root, "role") {
        Some(node) => role::read(node, &role::default(), context),
        None => role::default(),
    };
    let accounts = match context.value(root, "accounts") {
        Some(node) => accounts::read(node, &role, context),
        None => {
            accounts::nobody(root, context);
            AccountsConfig::default()
        }
    };
    let regions = context.value(root, "regions").and_then(|node| regions::read(node, context));
    let sources = sources::read(root, audit.as_ref(), context);
    let (event_history, relist) = (bounds::event_history(root, context), bounds::relist(root, context));
    let (limits, judge) = (bounds::limits(root, context), bounds::judge(root, context));
    let calendar = calendar::read(root, context);
    let mut policies = policies::read(root, context);
    if !policies.placeholders.contains_key(policies::OWN_ROLES) {
        let own = policies::own_roles(&role, &accounts);
        policies.placeholders.extend((!own.is_empty()).then(|| (policies::OWN_ROLES.to_owned(), own)));
    }
    let (waivers, reviews) = (policies::files(root, "waivers", context), policies::files(root, "reviews", context));
    let (report, notifications) = (report::read(root, context), notifications::read(root, context));
    let notify = notify::read(root, context);
    let (signing, exceptions) = (signing::read(root, context), exceptions::read(root, context));
    let time_stamp = time_stamp::read(root, context);
    Some(Config {
        file: String::new(),
        sha256: String::new(),
        name: name?,
        partition: context.partition?,
        audit: audit?,
        role,
        accounts,
        regions: regions.unwrap_or(RegionsConfig::AllEnabled),
        sources,
        event_history,
        relist,
        limits,
        policies,
        waivers,
        reviews,
        report,
        judge,
        calendar,
        notifications,
        notify,
        signing,
        time_stamp,
        exceptions,
        warnings: Vec::new(),
        source: PolicyFile { name: String::new(), text: String::new() },
        names: std::mem::take(&mut context.names),
    })
}

/// A file of notes beside the configuration: waivers, or reviews.
pub(crate) struct NoteFile<T> {
    /// What it holds, in order.
    pub(crate) notes: Vec<T>,
    /// Warnings. They stop nothing.
    pub(crate) warnings: Vec<Diagnostic>,
    /// The text, to show lines of it.
    pub(crate) source: PolicyFile,
    /// Policies that it names; what of them exists is known when policies are loaded.
    pub(crate) names: Vec<Name>,
}

/// Reads a file that holds a list under one key.
fn note_file<T>(
    path: &Path,
    key: &'static str,
    one: impl Fn(&Node, &mut Context<'_>, &str) -> Option<T>,
) -> Result<NoteFile<T>, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Notes { path: path.to_owned(), source })?;
    let file = path.display().to_string();
    let mut report = Report::new(&file);
    let documents = yaml::parse(&text, &mut report);
    let nothing = |_: &str| None;
    let mut context = Context::new(report, Path::new(""), &nothing);
    let mut found = Vec::new();
    // An empty file, or one with nothing but comments, holds no notes.
    for root in documents.iter().filter(|root| !root.is_null()) {
        if context.keys(root, key, &[key, "version"]) {
            found.extend(context.items(root, key).iter().filter_map(|item| one(item, &mut context, &file)));
        }
    }
    let (failed, names) = (context.report.has_errors(), std::mem::take(&mut context.names));
    let (warnings, source) = (context.report.finish(), PolicyFile { name: file.clone(), text: text.clone() });
    if failed {
        return Err(ConfigError::Mistakes { diagnostics: warnings, file: source });
    }
    Ok(NoteFile { notes: found, warnings, source, names })
}

fn missing_paths(context: &mut Context<'_>, exists: &dyn Fn(&Path) -> bool) {
    for NamedPath { path, span } in std::mem::take(&mut context.paths) {
        if !exists(&path) {
            let message = format!("{} does not exist", path.display());
            context.report.error(span, "missing-path", message).hint("paths are taken from the folder of the configuration");
        }
    }
}

#[cfg(test)]
mod tests;
