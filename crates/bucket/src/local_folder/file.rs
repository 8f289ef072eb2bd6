//! Files and folders below the root, by steps that last: temporary files, their way to their final names, folders,
//! locks, and the refusal of symbolic links.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::name::TEMPORARY;
use crate::BucketError;

/// Joins `relative` to `root` after a look at every step: each that exists must be a plain file or folder. A link is
/// refused wherever it leads, so that nothing outside the root is read or written.
///
/// Readers on Linux come here only to be told what is wrong: see [`open_plain`]. Elsewhere, and where something is written, somebody
/// who may write to the folder can still swap a step for a link between this look and the use; against them only the
/// folder's rights help.
pub(crate) fn safe_path(key: &str, root: &Path, relative: &Path) -> Result<PathBuf, BucketError> {
    let mut path = root.to_owned();
    let mut rest = relative.components().peekable();
    while let Some(component) = rest.next() {
        path.push(component);
        let reason = match fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => "it is a symbolic link",
            Ok(found) if rest.peek().is_some() && !found.is_dir() => "it is not a folder",
            Ok(found) if !found.is_dir() && !found.is_file() => "it is neither a file nor a folder",
            Ok(_) => continue,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                path.extend(rest);
                return Ok(path);
            }
            Err(error) => return Err(BucketError::io("look at", key, &path)(error)),
        };
        return Err(BucketError::UnsafePath { key: key.to_owned(), path, reason });
    }
    Ok(path)
}

/// Opens a plain file by an absolute path without following a link on the way, in one call where the system has one for it. `None`
/// where it is not to be had so, for whatever reason: [`safe_path`] finds out, and says it.
///
/// Nobody can swap a step for a link in between, as they can after a look.
#[cfg(target_os = "linux")]
pub(crate) fn open_plain(path: &Path) -> Option<(File, fs::Metadata)> {
    let file = File::from(open_without_links(path).ok()?);
    let found = file.metadata().ok()?;
    found.is_file().then_some((file, found))
}

/// As [`open_plain`], of a file that need not be there: it is `None` then, and an error where [`safe_file`] must find out.
#[cfg(target_os = "linux")]
pub(crate) fn open_if_there(path: &Path) -> Result<Option<File>, Unclear> {
    match open_without_links(path) {
        // A link that leads nowhere is another error: this one is of a name that nothing has.
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(_) => Err(Unclear),
        Ok(file) => {
            let file = File::from(file);
            if file.metadata().is_ok_and(|found| found.is_file()) { Ok(Some(file)) } else { Err(Unclear) }
        }
    }
}

#[cfg(target_os = "linux")]
fn open_without_links(path: &Path) -> rustix::io::Result<std::os::fd::OwnedFd> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    // What is no plain file must not make anybody wait for it.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)
}

/// It cannot be told in one call.
#[cfg(not(target_os = "linux"))]
pub(crate) fn open_plain(_: &Path) -> Option<(File, fs::Metadata)> {
    None
}

/// It cannot be told in one call.
#[cfg(not(target_os = "linux"))]
pub(crate) fn open_if_there(_: &Path) -> Result<Option<File>, Unclear> {
    Err(Unclear)
}

/// One call does not tell what a path is.
#[derive(Debug)]
pub(crate) struct Unclear;

/// A file in a folder that was looked at: it must be a plain file if it exists.
pub(crate) fn safe_file(key: &str, path: PathBuf) -> Result<PathBuf, BucketError> {
    let reason = match fs::symlink_metadata(&path) {
        Ok(found) if found.is_symlink() => "it is a symbolic link",
        Ok(found) if !found.is_file() => "it is not a file",
        Ok(_) => return Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path),
        Err(error) => return Err(BucketError::io("look at", key, &path)(error)),
    };
    Err(BucketError::UnsafePath { key: key.to_owned(), path, reason })
}

/// Whether writers wait until what they wrote is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    /// They do: what is stored lasts, whatever happens next.
    Waits,
    /// They do not: what is stored can be made again.
    Later,
}

/// Makes a folder and those above it, down from `root`, so that they last.
pub(crate) fn make_folder(key: &str, root: &Path, folder: &Path, flush: Flush) -> Result<(), BucketError> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|ancestor| *ancestor != root && !ancestor.is_dir()).collect();
    for ancestor in missing.into_iter().rev() {
        match fs::create_dir(ancestor) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && ancestor.is_dir() => {}
            Err(error) => return Err(BucketError::io("create folder", key, ancestor)(error)),
        }
        // Also where another writer made it a moment ago and has not come to this yet.
        if let Some(parent) = ancestor.parent() {
            sync_folder(key, parent, flush)?;
        }
    }
    Ok(())
}

/// Waits until the names in a folder are on the disk.
pub(crate) fn sync_folder(key: &str, folder: &Path, flush: Flush) -> Result<(), BucketError> {
    if cfg!(unix) && flush == Flush::Waits {
        File::open(folder).and_then(|open| open.sync_all()).map_err(BucketError::io("flush folder", key, folder))?;
    }
    Ok(())
}

/// Waits for the exclusive lock on a file, which is made if it is missing. Dropping the file, or the end of the
/// process however it ends, releases it.
pub(crate) fn lock(key: &str, path: &Path) -> Result<File, BucketError> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(BucketError::io(
        "open lock file",
        key,
        path,
    ))?;
    file.lock().map_err(BucketError::io("lock", key, path))?;
    Ok(file)
}

/// Whether both speak of one and the same file, not of two with one name after the other.
#[cfg(unix)]
pub(crate) fn is_same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Whether both speak of one and the same file, as far as times and size can tell.
#[cfg(not(unix))]
pub(crate) fn is_same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    let told = |file: &fs::Metadata| (file.len(), file.created().ok(), file.modified().ok());
    told(one) == told(other)
}

/// A file with its content on the disk, under a name that no listing shows. It goes away when dropped.
pub(crate) struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// Writes `bytes` to a new file in `folder`.
    pub(crate) fn write(key: &str, folder: &Path, bytes: &[u8], flush: Flush) -> Result<Self, BucketError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("{TEMPORARY}{}-{number}", std::process::id()));
            let mut file = match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => file,
                // Left by a process that had this number before, or used by one that has it on another machine.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(BucketError::io("create", key, &path)(error)),
            };
            let temporary = Self { path };
            let written = file.write_all(bytes).and_then(|()| if flush == Flush::Waits { file.sync_all() } else { Ok(()) });
            written.map_err(BucketError::io("write", key, &temporary.path))?;
            return Ok(temporary);
        }
    }

    /// Gives the file its name, in place of what has it now.
    pub(crate) fn replace(mut self, key: &str, path: &Path) -> Result<(), BucketError> {
        fs::rename(&self.path, path).map_err(BucketError::io("replace", key, path))?;
        // The name is free now, for others too: it is no longer ours to remove.
        self.path.clear();
        Ok(())
    }

    /// Gives the file its name if nothing has it: `false` if something does.
    pub(crate) fn create(self, key: &str, path: &Path) -> Result<bool, BucketError> {
        match fs::hard_link(&self.path, path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(BucketError::io("create", key, path)(error)),
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // If it cannot be removed it stays, and no listing shows it.
            drop(fs::remove_file(&self.path));
        }
    }
}
