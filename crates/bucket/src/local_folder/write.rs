//! Storing an object in a folder: one writer per key at a time, whole or not at all, whatever moment a crash picks.
//!
//! An object with metadata is two files, and no file system replaces two at once. These are the steps, each on the
//! disk before the next begins:
//!
//! 1. The bytes go to a temporary file.
//! 2. The sidecar is replaced by one that holds the metadata of the *present* bytes and those of the *new* bytes, each
//!    under the SHA-256 of its bytes. Whatever else it held, from a write that never ended, goes.
//! 3. The temporary file takes the object's name.
//!
//! A reader pairs bytes with the metadata filed under their SHA-256. Before step 3 it finds the old bytes and so the
//! old metadata; after it the new bytes and so the new metadata. If the bytes do not change, step 2 alone replaces the
//! metadata, at once. The old metadata stay in the sidecar until the next write; nobody asks for them.

use std::fs;
use std::io;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::LocalFolder;
use super::file::{self, Temporary};
use super::name::LOCKS;
use super::sidecar::Sidecar;
use crate::{BucketError, Etag, Metadata, ObjectHead, PutCondition, PutOutcome};

impl LocalFolder {
    /// Stores an object; see the module for how. Blocks.
    pub(super) fn write(
        &self,
        key: &str,
        bytes: &[u8],
        metadata: Metadata,
        condition: &PutCondition,
    ) -> Result<PutOutcome, BucketError> {
        let path = self.object(key)?;
        let folder = path.parent().unwrap_or(&self.root);
        // Nothing is ever deleted, so these two need no lock, and leave nothing behind.
        match condition {
            PutCondition::IfAbsent if path.exists() => {
                // Who hears that it is there relies on it, so it must last, even if its writer was killed too early.
                file::sync_folder(key, folder, self.flush)?;
                return Ok(PutOutcome::PreconditionFailed);
            }
            PutCondition::IfMatch(_) if !path.exists() => {
                return Ok(PutOutcome::PreconditionFailed);
            }
            _ => file::make_folder(key, &self.root, folder, self.flush)?,
        }
        let etag = Etag::of_digest(&Sha256::digest(bytes));
        let temporary = Temporary::write(key, folder, bytes, self.flush)?;

        let _lock = self.lock(key)?;
        let present = self.present(key)?;
        let holds = match (condition, &present) {
            (PutCondition::Always, _) | (PutCondition::IfAbsent, None) => true,
            (PutCondition::IfAbsent, Some(_)) | (PutCondition::IfMatch(_), None) => false,
            (PutCondition::IfMatch(wanted), Some(present)) => present.etag == *wanted,
        };
        if !holds {
            file::sync_folder(key, folder, self.flush)?;
            return Ok(PutOutcome::PreconditionFailed);
        }
        self.write_sidecar(key, &path, &Sidecar::of_both(present.as_ref(), &etag, metadata))?;

        match &present {
            Some(present) if present.etag == etag => {}
            Some(_) => temporary.replace(key, &path)?,
            // The lock makes this sure among ourselves; the link also where locks do not reach.
            None if !temporary.create(key, &path)? => return Ok(PutOutcome::Conflict),
            None => {}
        }
        file::sync_folder(key, folder, self.flush)?;
        Ok(PutOutcome::Stored { etag })
    }

    /// Makes the sidecar of the object at `path` hold just this, on the disk.
    pub(super) fn write_sidecar(&self, key: &str, path: &Path, sidecar: &Sidecar) -> Result<(), BucketError> {
        let beside = super::sidecar_path(path);
        let folder = path.parent().unwrap_or(&self.root);
        if sidecar.is_empty() {
            match fs::remove_file(&beside) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                result => result.map_err(BucketError::io("remove", key, &beside))?,
            }
        } else {
            Temporary::write(key, folder, &sidecar.to_json(), self.flush)?.replace(key, &beside)?;
        }
        file::sync_folder(key, folder, self.flush)
    }

    fn present(&self, key: &str) -> Result<Option<ObjectHead>, BucketError> {
        match self.read_head(key) {
            Ok(head) => Ok(Some(head)),
            Err(BucketError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits for the lock of a key. Keys share 256 lock files, so that writers of different keys seldom wait for each
    /// other's disk.
    fn lock(&self, key: &str) -> Result<fs::File, BucketError> {
        let shard = Sha256::digest(key.as_bytes()).first().copied().unwrap_or_default();
        let path = file::safe_path(key, &self.root, &Path::new(LOCKS).join(format!("{shard:02x}")))?;
        file::make_folder(key, &self.root, path.parent().unwrap_or(&self.root), self.flush)?;
        file::lock(key, &path)
    }
}
