//! `assize config`: check the configuration, or print its schema.

use std::path::Path;

use super::CommandError;
use crate::accepted::Accepted;
use crate::cli::ConfigCommand;
use crate::config::{Config, ConfigError, Location, Mode, RegionsConfig, SourceKind, schema};
use crate::console::Console;
use crate::diagnostics;
use crate::exit::Exit;
use crate::pack::{self, Pack, PolicyFile};
use crate::report::escape::terminal;
use crate::report::words::plural;

/// Runs `assize config`.
pub(crate) fn run(command: &ConfigCommand, console: &Console) -> Result<Exit, CommandError> {
    match command {
        ConfigCommand::Check { file } => check(&file.clone().unwrap_or_else(Config::default_path), console),
        ConfigCommand::Schema => {
            console.result(schema::SCHEMA)?;
            Ok(Exit::Clean)
        }
    }
}

/// Reports every mistake, those of the policies that the file names included.
fn check(file: &Path, console: &Console) -> Result<Exit, CommandError> {
    let config = Config::load(file)?;
    let pack = pack::loaded(&config)?;
    check_names(&config, &pack)?;
    let accepted = Accepted::load(&config, &pack)?;
    if config.warnings.is_empty() {
        console.result(&format!("{}: no mistake found\n", terminal(&config.file)))?;
    } else {
        console.result(&diagnostics::render(&config.warnings, std::slice::from_ref(&config.source)))?;
    }
    if !accepted.warnings.is_empty() {
        console.result(&diagnostics::render(&accepted.warnings, &accepted.files))?;
    }
    console.result(&meaning(&config, pack.policies.len(), &accepted))?;
    Ok(Exit::Clean)
}

/// Refuses patterns and ids that match nothing of what the configuration loads.
pub(crate) fn check_names(config: &Config, pack: &Pack) -> Result<(), CommandError> {
    let policies: Vec<&str> = pack.policies.iter().map(|policy| policy.id.as_str()).collect();
    let frameworks: Vec<&str> = pack.frameworks.iter().map(|framework| framework.id.as_str()).collect();
    let unknown = config.unknown_names(&policies, &frameworks);
    if unknown.is_empty() {
        return Ok(());
    }
    let diagnostics = config.warnings.iter().cloned().chain(unknown).collect();
    let file = PolicyFile { name: config.source.name.clone(), text: config.source.text.clone() };
    Err(ConfigError::Mistakes { diagnostics, file }.into())
}

/// What the file means, so that a reader sees what was understood.
fn meaning(config: &Config, policies: usize, accepted: &Accepted) -> String {
    let listed = plural(config.accounts.listed.len() as u64, "account listed", "accounts listed");
    let accounts = match &config.accounts.organization {
        Some(organization) => {
            let left_out = plural(organization.exclude.len() as u64, "exclusion", "exclusions");
            let whole = organization.include_ous.is_empty() && organization.include_tags.is_empty();
            format!("{listed}, and {} of the organisation ({left_out})", if whole { "all" } else { "some" })
        }
        None => listed,
    };
    let regions = match &config.regions {
        RegionsConfig::AllEnabled => "all that an account has enabled".to_owned(),
        RegionsConfig::Listed(regions) => regions.join(", "),
    };
    let audit = match &config.audit.location {
        Location::S3(place) if place.prefix.is_empty() => format!("s3://{}", place.bucket),
        Location::S3(place) => format!("s3://{}/{}", place.bucket, place.prefix),
        Location::Folder(folder) => folder.display().to_string(),
    };
    let source = |kind: &SourceKind| match kind {
        SourceKind::Discovered => "the trails that accounts have".to_owned(),
        SourceKind::Bucket(bucket) => format!("s3://{}/{}", bucket.bucket, bucket.prefix),
    };
    let mode = |mode| match mode {
        Mode::Copy => "copied",
        Mode::InPlace => "read in place",
    };
    let sources: Vec<String> = config.sources.iter().map(|one| format!("{}, {}", source(&one.kind), mode(one.mode))).collect();
    let policies = plural(policies as u64, "policy loaded", "policies loaded");
    let waivers = plural(accepted.waivers.len() as u64, "waiver", "waivers");
    let reviews = plural(accepted.reviews.len() as u64, "review", "reviews");
    let rows = [
        ("accounts", accounts),
        ("regions", regions),
        ("sources", sources.join("; ")),
        ("audit", audit),
        ("policies", policies),
        ("findings", format!("{waivers}, {reviews}")),
    ];
    rows.iter().map(|(name, value)| format!("  {name:<8}  {}\n", terminal(value))).collect()
}
