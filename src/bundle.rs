//! A bundle: one file with what a run put out, its manifest, and the evidence behind its findings, to be verified where there is
//! neither network nor configuration.
//!
//! Inside it is a local folder of [`assize_bucket`] with the keys of the audit bucket, so whatever reads an audit bucket reads it,
//! unpacked by hand or not; metadata lie in sidecars, since the signatures of digests are metadata.

mod archive;
mod open;
mod selection;
#[cfg(test)]
mod tests;
pub(crate) mod verify;

use std::path::{Path, PathBuf};

use assize_bucket::{Bucket, BucketError, LocalFolder, PutCondition};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use crate::manifest::statement::Statement;
use crate::manifest::{self, FormatError, time_stamp};
use crate::state::{self, StateError};
use crate::verify::keys::ARCHIVE;
use crate::verify::run::RunVerifyError;
use selection::Selection;

/// The list of what is in a bundle.
const CONTENTS: &str = "bundle.json";

/// Why there is no bundle, or nothing can be said of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    /// The run's id, or a thread.
    #[error(transparent)]
    State(#[from] StateError),
    /// The audit bucket.
    #[error("the bundle was not written: {0}")]
    Bucket(#[from] BucketError),
    /// A run without a manifest.
    #[error(
        "the run {0} has no manifest, so there is nothing to bundle: look under runs/ in the audit bucket for ids; runs that only \
         collect, and those of versions before manifests, have none"
    )]
    NoManifest(String),
    /// A file of the run.
    #[error("{place} cannot be used: {source}; `assize verify --run` says what else is wrong")]
    Format {
        /// The file.
        place: String,
        /// What is wrong.
        source: FormatError,
    },
    /// The folder in which it is put together or taken apart.
    #[error("the folder for temporary files cannot be used: {0}; check its space and permissions")]
    Folder(#[source] std::io::Error),
    /// The file to write.
    #[error("cannot write {}: {source}; check the folder, its permissions and its space", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file to read.
    #[error("cannot read {}: {source}; check the path and its permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not a bundle.
    #[error("{} is no bundle of `assize bundle`, or was changed or not copied whole: {reason}", path.display())]
    NotABundle {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A bundle of another run.
    #[error("the bundle is that of the run {found}, not of {asked}")]
    OtherRun {
        /// The run that was asked for.
        asked: String,
        /// The run that it is of.
        found: String,
    },
    /// The run in it.
    #[error(transparent)]
    Run(#[from] RunVerifyError),
}

/// The content of `bundle.json`. Version 1. It proves nothing that is not proven otherwise: it finds what was changed by accident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contents {
    version: u8,
    run: String,
    files: Vec<ContentsFile>,
}

/// A file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContentsFile {
    name: String,
    sha256: String,
}

impl Contents {
    /// How many objects there are, this list among them. Sidecars are none.
    fn objects(&self) -> usize {
        1 + self.files.iter().filter(|file| !file.name.ends_with("%m")).count()
    }

    fn bytes(&self) -> Result<Vec<u8>, FormatError> {
        manifest::written(self)
    }
}

/// What a bundle came to.
#[derive(Debug)]
pub(crate) struct Written {
    /// Files in it.
    pub(crate) files: usize,
    /// Evidence objects in it.
    pub(crate) copies: usize,
    /// What belongs in it and is not in the audit bucket.
    pub(crate) missing: Vec<String>,
}

/// Writes the bundle of a run.
///
/// # Errors
/// The run has no manifest, or something cannot be read or written. What is gone from the bucket is told and not an error.
pub(crate) async fn write(bucket: &dyn Bucket, run: &str, out: &Path) -> Result<Written, BundleError> {
    state::check_run_id(run)?;
    let folder = tempfile::tempdir().map_err(BundleError::Folder)?;
    let local = LocalFolder::create(folder.path())?;
    let mut filling = Filling { bucket, local: &local, missing: Vec::new() };
    let place = |file: &str| manifest::place(run, file);
    let Some(bytes) = filling.take(&place(manifest::MANIFEST)).await? else {
        return Err(BundleError::NoManifest(run.to_owned()));
    };
    let format = |file: &str| {
        let place = place(file);
        move |source| BundleError::Format { place, source }
    };
    let statement = Statement::read(&bytes).map_err(format(manifest::MANIFEST))?;
    let (mut findings, mut list) = (Vec::new(), Vec::new());
    for subject in &statement.subject {
        let bytes = filling.take(&place(&subject.name)).await?.unwrap_or_default();
        match subject.name.as_str() {
            manifest::FINDINGS => findings = bytes,
            manifest::INPUTS => list = bytes,
            _ => {}
        }
    }
    if let Some(keyid) = &statement.predicate.signed_with {
        filling.take(&place(manifest::ENVELOPE)).await?;
        filling.take(&manifest::archived_key(keyid)).await?;
    }
    for file in time_stamp::FILES {
        filling.take_if_there(&place(file)).await?;
    }
    let selection = Selection::of(&findings, &list, &statement.predicate.inputs).map_err(format(manifest::INPUTS))?;
    let keys: Vec<_> = bucket.list(ARCHIVE, None).try_collect().await?;
    for key in selection.copies.iter().chain(keys.iter().map(|entry| &entry.key)) {
        filling.take(key).await?;
    }
    let missing = filling.missing;
    let (run, out, copies) = (run.to_owned(), out.to_owned(), selection.copies.len());
    let files = off_thread("the writing of a bundle", move || archive::pack(folder.path(), &run, &out)).await?;
    Ok(Written { files, copies: copies - missing.len().min(copies), missing })
}

/// Copies objects into the folder of a bundle.
struct Filling<'b> {
    bucket: &'b dyn Bucket,
    local: &'b LocalFolder,
    missing: Vec<String>,
}

impl Filling<'_> {
    /// Copies an object that need not be there.
    async fn take_if_there(&mut self, key: &str) -> Result<(), BundleError> {
        let known = self.missing.len();
        self.take(key).await?;
        self.missing.truncate(known);
        Ok(())
    }

    /// Copies an object with its metadata. Gives its bytes; none if it is gone.
    async fn take(&mut self, key: &str) -> Result<Option<Vec<u8>>, BundleError> {
        let object = match self.bucket.get(key, None).await {
            Ok(object) => object,
            Err(BucketError::NotFound { .. }) => {
                self.missing.push(key.to_owned());
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        self.local.put(key, object.bytes.clone(), object.metadata, PutCondition::Always).await?;
        Ok(Some(object.bytes))
    }
}

/// Work with files and processors, beside the tasks that wait.
async fn off_thread<T: Send + 'static>(
    work: &'static str,
    run: impl FnOnce() -> Result<T, BundleError> + Send + 'static,
) -> Result<T, BundleError> {
    state::blocking(work, move || Ok(run())).await?
}

/// The keys that a bundle of a run may hold beside copies of evidence.
fn is_expected(key: &str, run: &str, keyid: Option<&str>, copies: &Selection) -> bool {
    key == CONTENTS
        || key.starts_with(&manifest::place(run, ""))
        || key.starts_with(ARCHIVE)
        || keyid.is_some_and(|keyid| key == manifest::archived_key(keyid))
        || copies.copies.contains(key)
}
