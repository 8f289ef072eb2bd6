//! Lists the objects of a scan: files, folders in any layout, standard input.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::NamedTempFile;

/// Why a scan cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    /// A path that does not exist.
    #[error("{} does not exist; check the path", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// A remote location.
    #[error("{0} cannot be read yet: this version scans files and folders; copy it first, for example with `aws s3 sync`")]
    Remote(String),
    /// Standard input could not be kept.
    #[error("standard input could not be copied to a temporary file: {0}; check the space in the folder for temporary files")]
    StandardInput(#[source] io::Error),
}

/// Everything that was found under the paths.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// Objects to read, by name.
    pub(crate) objects: Vec<Object>,
    /// Files that are no logs by their name or place, and why.
    pub(crate) skipped: Vec<(String, &'static str)>,
    /// Folders and files that could not be listed, and why.
    pub(crate) unlisted: Vec<(String, String)>,
    /// Keeps the copy of standard input until the scan is over.
    _spool: Option<NamedTempFile>,
}

/// A file to read.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    /// As shown to the user.
    pub(crate) name: Arc<str>,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Whether the user named it, so that it must be a log.
    pub(crate) named: bool,
    /// Size when it was listed, bytes; a hint for progress and memory, no more.
    pub(crate) size: u64,
}

/// Lists what is under `paths`. Names are sorted, so that the order of arguments and folders does not matter.
pub(crate) fn list(paths: &[PathBuf]) -> Result<Inputs, InputError> {
    let mut inputs = Inputs::default();
    let mut objects: BTreeMap<String, Object> = BTreeMap::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let (spool, object) = spool_standard_input()?;
            objects.insert("standard input".to_owned(), object);
            inputs._spool = Some(spool);
            continue;
        }
        if let Some(remote) = path.to_str().filter(|text| text.starts_with("s3://")) {
            return Err(InputError::Remote(remote.to_owned()));
        }
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(InputError::Missing { path: path.clone() }),
            Err(error) => inputs.unlisted.push((path.display().to_string(), error.to_string())),
            Ok(metadata) if metadata.is_dir() => walk(path, &mut objects, &mut inputs),
            Ok(_) => add(path, true, &mut objects),
        }
    }
    inputs.objects = objects.into_values().collect();
    inputs.skipped.sort();
    inputs.unlisted.sort();
    Ok(inputs)
}

fn add(path: &Path, named: bool, objects: &mut BTreeMap<String, Object>) {
    let name = path.display().to_string();
    let size = fs::metadata(path).map_or(0, |metadata| metadata.len());
    let object = Object { name: Arc::from(name.as_str()), path: path.to_owned(), named, size };
    objects.entry(name).and_modify(|known| known.named |= named).or_insert(object);
}

/// The lock files of a local bucket.
const LOCKS: &str = "%locks";

/// Folders are followed, links to folders are not: they could lead in a circle or out of the evidence.
fn walk(folder: &Path, objects: &mut BTreeMap<String, Object>, inputs: &mut Inputs) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            inputs.unlisted.push((folder.display().to_string(), error.to_string()));
            return;
        }
    };
    for entry in entries {
        let (path, kind) = match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
            Ok(found) => found,
            Err(error) => {
                inputs.unlisted.push((folder.display().to_string(), error.to_string()));
                continue;
            }
        };
        let name = path.display().to_string();
        if kind.is_dir() && path.file_name().is_some_and(|name| name == LOCKS) {
            // Not part of what the bucket holds, so not part of the books either.
        } else if kind.is_dir() {
            walk(&path, objects, inputs);
        } else if kind.is_symlink() && path.is_dir() {
            inputs.skipped.push((name, "a link to a folder, which is not followed"));
        } else if let Some(reason) = not_a_log(&path) {
            inputs.skipped.push((name, reason));
        } else {
            add(&path, false, objects);
        }
    }
}

/// Why a file inside a folder is no CloudTrail log, told by its name and place.
///
/// Folder names are those under `AWSLogs/<account>/` (AWS documentation of each service's log delivery).
fn not_a_log(path: &Path) -> Option<&'static str> {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let endings = [".json", ".json.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".gz", ".log"];
    if !endings.iter().any(|ending| name.ends_with(ending)) {
        return Some("not a log by its name");
    }
    let other_service = path.components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        matches!(
            &*part,
            "elasticloadbalancing" | "vpcflowlogs" | "vpcdnsquerylogs" | "WAFLogs" | "CloudFront" | "network-firewall"
        )
    });
    other_service.then_some("a log of another service, which this version does not read")
}

/// Standard input is copied to a file first: evidence is read a second time for the report.
fn spool_standard_input() -> Result<(NamedTempFile, Object), InputError> {
    let mut file = NamedTempFile::new().map_err(InputError::StandardInput)?;
    let size = io::copy(&mut io::stdin().lock(), &mut file).map_err(InputError::StandardInput)?;
    let object = Object { name: Arc::from("standard input"), path: file.path().to_owned(), named: true, size };
    Ok((file, object))
}
