//! The metadata of an object, in a file beside it: `x.json%m` for `x.json`. There is none for an object without
//! metadata that never had any.
//!
//! The object's file holds the object's bytes and nothing else, so two files change where one object does. The
//! sidecar therefore says by SHA-256 which bytes each set of metadata belongs to, and holds two sets while an object
//! is replaced. See `write.rs` for the order of steps, and why a crash between them never pairs the wrong two.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{BucketError, Etag, Metadata, ObjectHead};

/// The content of a sidecar: metadata by the SHA-256 of the bytes they belong to. Sets are never empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sidecar {
    version: Version,
    metadata_by_sha256: BTreeMap<String, Metadata>,
}

/// The version of the format. Another one is an error: guessing at metadata of evidence is worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Version {
    #[default]
    #[serde(rename = "1")]
    One,
}

impl Sidecar {
    /// Reads the sidecar at `path`; an empty one if there is none.
    pub(crate) fn load(key: &str, path: &Path) -> Result<Self, BucketError> {
        match File::open(path) {
            Ok(file) => Self::read(key, path, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(BucketError::io("open", key, path)(error)),
        }
    }

    /// Reads the sidecar in a file that was opened at `path`.
    pub(crate) fn read(key: &str, path: &Path, file: File) -> Result<Self, BucketError> {
        /// Far above two sets of metadata with their quotes and indents.
        const MOST: u64 = 64 * 1024;
        let mut json = Vec::new();
        file.take(MOST).read_to_end(&mut json).map_err(BucketError::io("read", key, path))?;
        serde_json::from_slice(&json).map_err(|error| BucketError::Damaged {
            key: key.to_owned(),
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }

    /// The metadata of the object with these bytes.
    pub(crate) fn of(&self, etag: &Etag) -> Metadata {
        self.metadata_by_sha256.get(etag.as_str()).cloned().unwrap_or_default()
    }

    /// The sidecar of an object about to be replaced: it speaks of the present version and of the new one, and of no
    /// other. If both have the same bytes, the new metadata stand.
    pub(crate) fn of_both(present: Option<&ObjectHead>, etag: &Etag, metadata: Metadata) -> Self {
        let mut sidecar = Self::default();
        if let Some(present) = present {
            sidecar.set(&present.etag, present.metadata.clone());
        }
        sidecar.set(etag, metadata);
        sidecar
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.metadata_by_sha256.is_empty()
    }

    /// The file's content.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("maps of strings have a JSON form");
        json.push(b'\n');
        json
    }

    fn set(&mut self, etag: &Etag, metadata: Metadata) {
        if metadata.is_empty() {
            self.metadata_by_sha256.remove(etag.as_str());
        } else {
            self.metadata_by_sha256.insert(etag.as_str().to_owned(), metadata);
        }
    }
}
