//! Policy sets: the built-in one, embedded in the binary, or files and folders of the user.

pub(crate) mod schema;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use assize_engine::calendar::Calendar;
use assize_engine::diagnostic::Diagnostic;
use assize_engine::policy::{self, Framework, Level, Placeholders, Policy};
use sha2::{Digest, Sha256};

use crate::config::{Config, PoliciesConfig};

/// The built-in policies: (path in the repository, content).
const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/policies.rs"));

/// The word for them among paths.
const BUILT_IN_WORD: &str = "built-in";

/// Policies and frameworks that loaded without an error.
#[derive(Debug)]
pub(crate) struct Pack {
    /// By id.
    pub(crate) policies: Vec<Policy>,
    /// Rules that only correlations look at, by id.
    pub(crate) bases: Vec<Policy>,
    /// How many filter documents were joined to policies.
    pub(crate) filters: usize,
    /// By id.
    pub(crate) frameworks: Vec<Framework>,
    /// Warnings.
    pub(crate) warnings: Vec<Diagnostic>,
    /// SHA-256 over names and contents of all files, hexadecimal.
    pub(crate) sha256: String,
    /// The files, for showing a line of one of them.
    pub(crate) files: Vec<PolicyFile>,
}

/// A file that was read.
#[derive(Clone, Debug)]
pub(crate) struct PolicyFile {
    /// As the user named it.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: String,
}

/// Why policies could not be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackError {
    /// A path cannot be read.
    #[error("cannot read the policies in {}: {source}; check the path and its permissions", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder holds no policy.
    #[error("there is no policy in {}: a policy file ends in .yaml or .yml", path.display())]
    NoPolicies {
        /// The path.
        path: PathBuf,
    },
    /// Policies with mistakes.
    #[error("the policies have mistakes; nothing was read")]
    Mistakes {
        /// All of them, warnings included.
        diagnostics: Vec<Diagnostic>,
        /// The files they stand in.
        files: Vec<PolicyFile>,
    },
    /// A selection that selects nothing.
    #[error("no policy is selected: no id matches {0}; `assize policy list` shows the ids")]
    NothingSelected(String),
}

/// Loads the policies at `paths`, or the built-in ones if there is none, with values for their placeholders.
///
/// # Errors
/// A path cannot be read, or a policy has a mistake: then nothing may run.
pub(crate) fn load_with(paths: &[PathBuf], placeholders: &Placeholders) -> Result<Pack, PackError> {
    of(chosen(paths)?, placeholders, Tests::Read)
}

/// As [`load_with`], without any value. For tests.
#[cfg(test)]
pub(crate) fn load(paths: &[PathBuf]) -> Result<Pack, PackError> {
    load_with(paths, &Placeholders::new())
}

/// As [`load_with`], to evaluate records: the tests of built-in policies are left out, which are two thirds of what there is to
/// parse and were run before the binary was made. Without a calendar, policies that look at one need configuration.
///
/// # Errors
/// As [`load_with`].
pub(crate) fn to_evaluate(
    paths: &[PathBuf],
    placeholders: &Placeholders,
    calendar: Option<&Calendar>,
) -> Result<Pack, PackError> {
    let mut pack = of(chosen(paths)?, placeholders, Tests::LeftOut)?;
    pack.keep_to(calendar);
    Ok(pack)
}

/// Whether the tests of built-in policies are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tests {
    Read,
    LeftOut,
}

fn chosen(paths: &[PathBuf]) -> Result<Vec<PolicyFile>, PackError> {
    let own = |path: &&PathBuf| path.as_os_str() != BUILT_IN_WORD || path.exists();
    let mut files = if paths.is_empty() || !paths.iter().all(|path| own(&path)) { built_in() } else { Vec::new() };
    files.extend(read(&paths.iter().filter(own).cloned().collect::<Vec<_>>())?);
    Ok(files)
}

/// Loads what a configuration asks for, [`loaded`] and [chosen](Pack::choose).
///
/// # Errors
/// As [`load_with`], and nothing may be left.
pub(crate) fn configured(config: &Config) -> Result<Pack, PackError> {
    let mut pack = loaded(config)?;
    pack.choose(&config.policies)?;
    Ok(pack)
}

/// Loads what a configuration chooses from: the built-in policies or not, and those at `paths`, as one set. Without a
/// calendar, policies that look at one need configuration.
///
/// # Errors
/// As [`load_with`].
pub(crate) fn loaded(config: &Config) -> Result<Pack, PackError> {
    let mut files = if config.policies.built_in { built_in() } else { Vec::new() };
    files.extend(read(&config.policies.paths)?);
    let mut pack = of(files, &config.policies.placeholders, Tests::LeftOut)?;
    pack.keep_to(config.calendar.as_ref());
    Ok(pack)
}

fn of(files: Vec<PolicyFile>, placeholders: &Placeholders, tests: Tests) -> Result<Pack, PackError> {
    let embedded: HashMap<&str, &str> = BUILT_IN.iter().copied().collect();
    let text = |file: &PolicyFile| -> Cow<'static, str> {
        match embedded.get(file.name.as_str()).filter(|text| **text == file.text) {
            Some(text) if tests == Tests::LeftOut => without_tests(text).into(),
            Some(text) => (*text).into(),
            None => file.text.clone().into(),
        }
    };
    let texts: Vec<Cow<'static, str>> = files.iter().map(text).collect();
    let loaded = policy::load_with(files.iter().zip(&texts).map(|(file, text)| (file.name.as_str(), &**text)), placeholders);
    if loaded.has_errors() {
        return Err(PackError::Mistakes { diagnostics: loaded.diagnostics, files });
    }
    let sha256 = hash(&files);
    let policy::Loaded { policies, bases, frameworks, filters, diagnostics } = loaded;
    Ok(Pack { policies, bases, filters, frameworks, warnings: diagnostics, sha256, files })
}

/// A policy file without what stands under `tests` at its top. Other lines stay where they are, so that mistakes keep their
/// places.
fn without_tests(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        let goes_on = line.starts_with([' ', '\t', '#', '\n', '\r']) || (line.starts_with('-') && !line.starts_with("---"));
        inside = line.starts_with("tests:") || (inside && goes_on);
        out.push_str(if inside { "\n" } else { line });
    }
    out
}

impl Pack {
    /// The values that policies bring for the placeholders in their tests.
    pub(crate) fn examples(&self) -> Placeholders {
        self.policies.iter().chain(&self.bases).flat_map(|policy| policy.placeholders.clone()).collect()
    }

    /// Without a calendar, sets aside the policies that look at one: they need configuration.
    fn keep_to(&mut self, calendar: Option<&Calendar>) {
        if calendar.is_none() {
            self.policies.iter_mut().chain(&mut self.bases).for_each(Policy::without_calendar);
        }
    }

    /// Keeps what a configuration chooses: the policies whose id matches a pattern, and the frameworks that it names, or all.
    ///
    /// # Errors
    /// No policy is left.
    pub(crate) fn choose(&mut self, config: &PoliciesConfig) -> Result<(), PackError> {
        self.select(&config.select, Level::Informational)?;
        if !config.frameworks.is_empty() {
            self.frameworks.retain(|framework| config.frameworks.contains(&framework.id));
        }
        Ok(())
    }

    /// Keeps the policies whose id matches one of `patterns` (all if there is none) and whose level is high enough.
    pub(crate) fn select(&mut self, patterns: &[String], min_level: Level) -> Result<(), PackError> {
        let wanted =
            |policy: &Policy| patterns.is_empty() || patterns.iter().any(|pattern| policy::matches_glob(pattern, &policy.id));
        self.policies.retain(|policy| policy.level >= min_level && wanted(policy));
        if self.policies.is_empty() {
            let asked = if patterns.is_empty() { "--min-level".to_owned() } else { format!("`{}`", patterns.join(",")) };
            return Err(PackError::NothingSelected(asked));
        }
        Ok(())
    }
}

fn built_in() -> Vec<PolicyFile> {
    BUILT_IN.iter().map(|(name, text)| PolicyFile { name: (*name).to_owned(), text: (*text).to_owned() }).collect()
}

fn read(paths: &[PathBuf]) -> Result<Vec<PolicyFile>, PackError> {
    let mut files = Vec::new();
    for path in paths {
        let unreadable = |source| PackError::Unreadable { path: path.clone(), source };
        let mut found = Vec::new();
        if fs::metadata(path).map_err(unreadable)?.is_dir() {
            walk(path, &mut found).map_err(unreadable)?;
            if found.is_empty() {
                return Err(PackError::NoPolicies { path: path.clone() });
            }
        } else {
            found.push(path.clone());
        }
        found.sort();
        for file in found {
            let text = fs::read_to_string(&file).map_err(|source| PackError::Unreadable { path: file.clone(), source })?;
            files.push(PolicyFile { name: file.display().to_string(), text });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files.dedup_by(|a, b| a.name == b.name);
    Ok(files)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            walk(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            found.push(path);
        }
    }
    Ok(())
}

fn hash(files: &[PolicyFile]) -> String {
    let mut hash = Sha256::new();
    for PolicyFile { name, text } in files {
        for part in [name, text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_policies_load_without_a_word() {
        let pack = load(&[]).unwrap();
        assert_eq!(pack.warnings, []);
        assert!(pack.policies.len() >= 20);
        assert!(!pack.frameworks.is_empty());
    }

    #[test]
    fn what_is_evaluated_is_the_same_without_the_tests() {
        let (whole, bare) = (load(&[]).unwrap(), to_evaluate(&[], &Placeholders::new(), Some(&Calendar::of_japan())).unwrap());
        assert!(whole.policies.iter().all(|policy| !policy.tests.is_empty()));
        let untested = |policies: &[Policy]| -> Vec<String> {
            let bare = |policy: &Policy| format!("{:?}", Policy { tests: Vec::new(), ..policy.clone() });
            policies.iter().map(bare).collect()
        };
        assert_eq!(untested(&whole.policies), untested(&bare.policies));
        assert_eq!(untested(&whole.bases), untested(&bare.bases));
        assert!(bare.policies.iter().chain(&bare.bases).all(|policy| policy.tests.is_empty()));
        assert_eq!((whole.sha256, whole.frameworks.len()), (bare.sha256, bare.frameworks.len()));
    }

    #[test]
    fn without_a_calendar_policies_on_working_time_need_configuration() {
        let pack = to_evaluate(&[], &Placeholders::new(), None).unwrap();
        let lacking = pack.policies.iter().filter(|policy| policy.lacking().contains(&"`calendar`".to_owned()));
        let lacking: Vec<&str> = lacking.map(|policy| policy.id.as_str()).collect();
        assert_eq!(lacking, ["console-login-outside-working-time", "security-setting-changed-on-day-off"]);
    }

    #[test]
    fn selection_goes_by_pattern_and_level() {
        use policy::matches_glob as matches;
        assert!(matches("a*c", "abbc") && matches("*", "x") && !matches("a*c", "abd"));
        let mut pack = load(&[]).unwrap();
        pack.select(&[], Level::Critical).unwrap();
        assert!(pack.policies.iter().all(|policy| policy.level == Level::Critical));
        assert!(pack.select(&["nothing-like-it".to_owned()], Level::Informational).is_err());
    }
}
