//! A folder as one `.tar.gz`, which depends on nothing but what is in the folder: names in order, no times, no owners.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

use super::{BundleError, CONTENTS, Contents, ContentsFile};
use crate::state::hex;

/// The folder in which a local bucket keeps its locks.
const LOCKS: &str = "%locks";

/// Packs a folder and says how many files that were.
pub(super) fn pack(folder: &Path, run: &str, out: &Path) -> Result<usize, BundleError> {
    let contents = contents(folder, run).map_err(BundleError::Folder)?;
    let bytes = contents.bytes().map_err(|source| BundleError::Format { place: CONTENTS.to_owned(), source })?;
    fs::write(folder.join(CONTENTS), bytes).map_err(BundleError::Folder)?;
    let names = names(folder).map_err(BundleError::Folder)?;
    let attempt = || {
        let beside = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new().prefix(".assize-").tempfile_in(beside)?;
        let encoder = GzEncoder::new(BufWriter::new(file.as_file_mut()), Compression::default());
        write(folder, &names, encoder)?.finish()?.flush()?;
        readable(file.as_file())?;
        file.persist(out).map_err(|error| error.error)
    };
    attempt().map_err(|source| BundleError::Write { path: out.to_owned(), source })?;
    Ok(names.len())
}

/// Temporary files are private; a bundle is as readable as other files.
#[cfg(unix)]
fn readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &File) -> io::Result<()> {
    Ok(())
}

/// The first bytes of every bundle: a gzip header without a name, a time or a system.
pub(super) fn gzip_header() -> io::Result<Vec<u8>> {
    let mut bytes = GzEncoder::new(Vec::new(), Compression::default()).finish()?;
    bytes.truncate(10);
    Ok(bytes)
}

/// Writes files of a folder as a tar.
pub(super) fn write<W: Write>(folder: &Path, names: &[String], sink: W) -> io::Result<W> {
    let mut tar = tar::Builder::new(sink);
    for name in names {
        let file = File::open(folder.join(name))?;
        let mut header = tar::Header::new_gnu();
        header.set_size(file.metadata()?.len());
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(&mut header, name, file)?;
    }
    tar.into_inner()
}

/// What `bundle.json` must say of a folder.
pub(super) fn contents(folder: &Path, run: &str) -> io::Result<Contents> {
    let mut files = Vec::new();
    for name in names(folder)?.into_iter().filter(|name| name != CONTENTS) {
        let mut hash = Hashing::default();
        io::copy(&mut File::open(folder.join(&name))?, &mut hash)?;
        files.push(ContentsFile { name, sha256: hash.hex() });
    }
    Ok(Contents { version: 1, run: run.to_owned(), files })
}

/// The files of a folder by their paths in it, in order of their bytes; locks are none.
pub(super) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(folder.join(&inner))? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_str().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a name is not UTF-8"))?;
            let path = if inner.is_empty() { name.to_owned() } else { format!("{inner}/{name}") };
            match entry.file_type()? {
                kind if kind.is_dir() && path != LOCKS => folders.push(path),
                kind if kind.is_file() => found.push(path),
                _ => {}
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Takes bytes for their SHA-256.
#[derive(Default)]
pub(super) struct Hashing(Sha256);

impl Hashing {
    pub(super) fn hex(self) -> String {
        hex(&self.0.finalize())
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
