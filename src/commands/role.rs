//! `assize role`: templates with the permissions that a configuration needs.

use std::fs;
use std::path::Path;

use super::CommandError;
use super::scan::into_file;
use crate::cli::{RoleArgs, RoleFormat, RolePart};
use crate::config::Config;
use crate::console::Console;
use crate::exit::Exit;
use crate::role::{self, Artifact, Format, Made, Part};

/// Runs `assize role`.
pub(crate) fn run(args: &RoleArgs, console: &Console) -> Result<Exit, CommandError> {
    let config = Config::of_option(args.config.as_deref())?;
    let (part, format) = (part(args.part), format(args.format));
    let made = role::make(&config, part, format, &args.set)?;
    match &args.out {
        Some(folder) => into_folder(&made, folder, console)?,
        None if format == Format::Json => console.result(&made.one_object())?,
        None => to_output(&made, console)?,
    }
    Ok(Exit::Clean)
}

fn part(part: RolePart) -> Option<Part> {
    match part {
        RolePart::Member => Some(Part::Member),
        RolePart::Management => Some(Part::Management),
        RolePart::Hub => Some(Part::Hub),
        RolePart::Bucket => Some(Part::Bucket),
        RolePart::Key => Some(Part::Key),
        RolePart::Notifications => Some(Part::Notifications),
        RolePart::All => None,
    }
}

fn format(format: RoleFormat) -> Format {
    match format {
        RoleFormat::Cloudformation => Format::CloudFormation,
        RoleFormat::Terraform => Format::Terraform,
        RoleFormat::Json => Format::Json,
    }
}

fn into_folder(made: &Made, folder: &Path, console: &Console) -> Result<(), CommandError> {
    for Artifact { path, text, .. } in &made.artifacts {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|source| CommandError::Write { path: parent.to_owned(), source })?;
        into_file(&path, |out| out.write_all(text.as_bytes()))?;
        console.note(&format!("wrote {}", path.display()));
    }
    Ok(())
}

/// Standard output takes one template; what is for others is named, not printed.
fn to_output(made: &Made, console: &Console) -> Result<(), CommandError> {
    let (others, ours): (Vec<&Artifact>, Vec<&Artifact>) = made.artifacts.iter().partition(|artifact| artifact.for_others);
    let [one] = ours.as_slice() else {
        let names: Vec<&str> = ours.iter().map(|artifact| artifact.path.as_str()).collect();
        return Err(CommandError::SeveralTemplates(names.join(", ")));
    };
    console.result(&one.text)?;
    if !others.is_empty() {
        console.note(&format!(
            "{} for owners of other buckets, keys, topics or roles: --out DIR or --format json shows them",
            crate::report::words::plural(others.len() as u64, "statement", "statements")
        ));
    }
    Ok(())
}
