//! A bucket in a folder of a local file system. Objects are files that hold the object's bytes and nothing else,
//! under names that stay readable, so that an auditor can look at the evidence with any tool.
//!
//! `name.rs` maps keys to file names, `write.rs` stores, `sidecar.rs` keeps metadata, `walk.rs` lists, `file.rs` has
//! the steps that last.

mod file;
mod name;
mod sidecar;
mod walk;
mod write;

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt as _};
use sha2::{Digest as _, Sha256};

use crate::{
    Bucket, BucketError, Entry, Etag, Metadata, Object, ObjectHead, PutCondition, PutOutcome, check_key, check_metadata,
    clip_range,
};
use file::Flush;
use sidecar::Sidecar;
use walk::Walk;

/// A bucket in a folder.
///
/// The etag is the SHA-256 of the bytes. A file does not tell it without being read, so [`Bucket::head`] and ranges
/// cost a reading of the whole file, and [`Bucket::list`] leaves it out.
///
/// Any number of processes may use one folder: writers of one key wait for each other by advisory locks in
/// `%locks`, readers wait for nobody. A folder that may only be read can be read.
///
/// The file system must tell upper from lower case, have hard links, and keep locks between whoever writes.
/// Methods must be called inside a tokio runtime; the work is done on its blocking threads, and a `put` whose future
/// is dropped still runs to its end.
#[derive(Clone, Debug)]
pub struct LocalFolder {
    root: Arc<Path>,
    flush: Flush,
}

impl LocalFolder {
    /// The bucket in a folder that exists. The folder itself may be reached by a symbolic link; below it none is
    /// followed.
    ///
    /// # Errors
    /// [`BucketError::Io`] if there is no such folder, or it may not be read.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, BucketError> {
        let root = root.as_ref();
        let fail = |source| BucketError::io("open folder", "", root)(source);
        let real = fs::canonicalize(root).map_err(fail)?;
        if !fs::metadata(&real).map_err(fail)?.is_dir() {
            return Err(fail(io::ErrorKind::NotADirectory.into()));
        }
        Ok(Self { root: real.into(), flush: Flush::Waits })
    }

    /// The bucket in a folder that is made if it does not exist.
    ///
    /// # Errors
    /// [`BucketError::Io`] if the folder can neither be made nor read.
    pub fn create(root: impl AsRef<Path>) -> Result<Self, BucketError> {
        let root = root.as_ref();
        fs::create_dir_all(root).map_err(BucketError::io("create folder", "", root))?;
        Self::open(root)
    }

    /// The same folder for what can be made again: a write is whole or not there, and after a failure of the machine it may be
    /// gone. Many small objects are written in a small part of the time, because nothing waits for the disk.
    #[must_use]
    pub fn without_flushing(self) -> Self {
        Self { flush: Flush::Later, ..self }
    }

    /// As [`Bucket::get`] of a whole object, on the thread that asks: it blocks while the disk is read.
    ///
    /// # Errors
    /// As [`Bucket::get`].
    pub fn get_here(&self, key: &str) -> Result<Object, BucketError> {
        check_key(key)?;
        self.read(key, None)
    }

    /// Checks that the folder is still there. If a disk was taken away, nothing on it is merely "not found".
    fn check_root(&self, key: &str) -> Result<(), BucketError> {
        fs::metadata(&self.root).map_err(BucketError::io("open folder", key, &self.root))?;
        Ok(())
    }

    /// The path of an object, every step of it safe.
    fn object(&self, key: &str) -> Result<PathBuf, BucketError> {
        file::safe_path(key, &self.root, &name::object_path(key))
    }

    fn read_head(&self, key: &str) -> Result<ObjectHead, BucketError> {
        let (file, sidecar) = self.open_object(key)?;
        let (etag, _) = file.read(key, 0..0)?;
        Ok(ObjectHead { metadata: sidecar.of(&etag), etag, size: file.size })
    }

    fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<Object, BucketError> {
        let (file, sidecar) = self.open_object(key)?;
        let (etag, bytes) = file.read(key, clip_range(key, range, file.size)?)?;
        Ok(Object { bytes, metadata: sidecar.of(&etag), etag, size: file.size, version_id: None })
    }

    /// Opens an object with a sidecar that speaks of it.
    fn open_object(&self, key: &str) -> Result<(Opened, Sidecar), BucketError> {
        self.open_both(key, || ())
    }

    /// Opens an object, then its sidecar, until the two belong together. Calls `between` between them, for tests.
    ///
    /// An object's file is never changed, only replaced by another. While it has its name, the sidecar holds its
    /// metadata; so if it has its name still after the sidecar was read, the two belong together. If not, a writer
    /// was quicker, and the next turn reads what that one wrote.
    fn open_both(&self, key: &str, mut between: impl FnMut()) -> Result<(Opened, Sidecar), BucketError> {
        let path = self.root.join(name::object_path(key));
        loop {
            let (file, found) = match file::open_plain(&path) {
                Some(opened) => opened,
                None => self.open_step_by_step(key)?,
            };
            between();
            let sidecar = self.sidecar(key, sidecar_path(&path))?;
            let now = fs::symlink_metadata(&path).map_err(BucketError::io("look at", key, &path))?;
            if file::is_same_file(&found, &now) {
                return Ok((Opened { file, path, size: found.len() }, sidecar));
            }
        }
    }

    /// Opens an object's file after a look at every step of its path, and says what is wrong with it.
    fn open_step_by_step(&self, key: &str) -> Result<(File, fs::Metadata), BucketError> {
        let path = self.object(key)?;
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.check_root(key)?;
                return Err(BucketError::NotFound { key: key.to_owned() });
            }
            Err(error) => return Err(BucketError::io("open", key, &path)(error)),
        };
        let found = file.metadata().map_err(BucketError::io("look at", key, &path))?;
        if found.is_dir() {
            let reason = "it is a folder under the name of an object";
            return Err(BucketError::UnsafePath { key: key.to_owned(), path, reason });
        }
        Ok((file, found))
    }

    /// The sidecar at a path whose folders were looked at a moment ago, on the way to the object.
    fn sidecar(&self, key: &str, path: PathBuf) -> Result<Sidecar, BucketError> {
        match file::open_if_there(&path) {
            Ok(None) => Ok(Sidecar::default()),
            Ok(Some(file)) => Sidecar::read(key, &path, file),
            Err(file::Unclear) => Sidecar::load(key, &file::safe_file(key, path)?),
        }
    }
}

#[async_trait]
impl Bucket for LocalFolder {
    fn list(&self, prefix: &str, start_after: Option<&str>) -> BoxStream<'_, Result<Entry, BucketError>> {
        let walk = Walk::new(self.clone(), prefix, start_after);
        stream::unfold(Some(walk), |walk| async {
            let mut walk = walk?;
            let prefix = walk.prefix().to_owned();
            let turn = blocking("list", &prefix, move || {
                let page = walk.page()?;
                Ok((page, walk))
            });
            match turn.await {
                Ok((page, _)) if page.is_empty() => None,
                Ok((page, walk)) => Some((page.into_iter().map(Ok).collect::<Vec<_>>(), Some(walk))),
                Err(error) => Some((vec![Err(error)], None)),
            }
        })
        .flat_map(stream::iter)
        .boxed()
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Object, BucketError> {
        check_key(key)?;
        let (bucket, owned) = (self.clone(), key.to_owned());
        blocking("get", key, move || bucket.read(&owned, range)).await
    }

    fn folder(&self) -> Option<&LocalFolder> {
        Some(self)
    }

    async fn head(&self, key: &str) -> Result<ObjectHead, BucketError> {
        check_key(key)?;
        let (bucket, owned) = (self.clone(), key.to_owned());
        blocking("head", key, move || bucket.read_head(&owned)).await
    }

    async fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        metadata: Metadata,
        condition: PutCondition,
    ) -> Result<PutOutcome, BucketError> {
        check_key(key)?;
        check_metadata(key, &metadata)?;
        let (bucket, owned) = (self.clone(), key.to_owned());
        blocking("put", key, move || bucket.write(&owned, &bytes, metadata, &condition)).await
    }
}

/// An object's file, which stays what it is even if another takes its name.
struct Opened {
    file: File,
    path: PathBuf,
    size: u64,
}

impl Opened {
    /// Hashes the whole file and keeps the bytes in `range`, which lies inside it.
    fn read(&self, key: &str, range: Range<u64>) -> Result<(Etag, Vec<u8>), BucketError> {
        let mut sha256 = Sha256::new();
        let mut kept = Vec::new();
        // One byte more than there is, so that a file that grew is noticed; most objects are far smaller than a chunk.
        let chunk = usize::try_from(self.size).unwrap_or(usize::MAX).saturating_add(1).min(128 * 1024);
        let mut buffer = vec![0; chunk];
        let mut at = 0;
        loop {
            let read = match (&self.file).read(&mut buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(BucketError::io("read", key, &self.path)(error)),
            };
            let chunk = buffer.get(..read).unwrap_or_default();
            if chunk.is_empty() {
                break;
            }
            sha256.update(chunk);
            let end = at + u64::try_from(read).unwrap_or(u64::MAX);
            // Positions in the chunk: at most its length, which is a usize.
            let within = |byte: u64| usize::try_from(byte.clamp(at, end) - at).unwrap_or(read);
            kept.extend_from_slice(chunk.get(within(range.start)..within(range.end)).unwrap_or_default());
            at = end;
        }
        if at != self.size {
            return Err(BucketError::Damaged {
                key: key.to_owned(),
                path: self.path.clone(),
                reason: format!("it had {} bytes when opened and {at} when read", self.size),
            });
        }
        Ok((Etag::of_digest(&sha256.finalize()), kept))
    }
}

/// The sidecar of the object's file at `path`.
fn sidecar_path(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(name::SIDECAR);
    beside.into()
}

/// Does work that blocks on a thread that may.
async fn blocking<T: Send + 'static>(
    action: &'static str,
    key: &str,
    work: impl FnOnce() -> Result<T, BucketError> + Send + 'static,
) -> Result<T, BucketError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(BucketError::Stopped { action, key: key.to_owned(), reason: error.to_string() }),
    }
}

#[cfg(test)]
mod tests;
