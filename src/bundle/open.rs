//! Takes a bundle apart. It comes from a stranger: it may unfold to anything, climb anywhere, and hold links.
//!
//! Afterwards the tar is written again from what came out of it and compared, so that nothing in it goes unread: whatever differs
//! from what `assize bundle` writes, in a header or behind the end, shows.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Component, Path};

use flate2::bufread::GzDecoder;
use tar::EntryType;

use super::{BundleError, archive};

/// Most files.
const MOST_FILES: usize = 1_000_000;

/// The longest path: a key of 1,024 bytes with every byte escaped, and its marks.
const MOST_PATH: u64 = 8 << 10;

/// How far a bundle may unfold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Bytes in all.
    pub(super) bytes: u64,
    /// Bytes for each byte of the file, once it is more than `from`.
    pub(super) ratio: u64,
    /// Bytes that are never too many.
    pub(super) from: u64,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { bytes: 64 << 30, ratio: 250, from: 64 << 20 }
    }
}

/// Takes the bundle apart into an empty folder. Says what is odd about it, if anything is: then it is not what assize wrote.
///
/// # Errors
/// It cannot be read, is no bundle, is damaged, or holds what must not be unpacked.
pub(super) fn open(path: &Path, folder: &Path, bounds: Bounds) -> Result<Option<String>, BundleError> {
    let unreadable = |source| BundleError::Read { path: path.to_owned(), source };
    let not = |reason: String| BundleError::NotABundle { path: path.to_owned(), reason };
    let file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let mut stored = BufReader::new(file);
    let header = archive::gzip_header().map_err(unreadable)?;
    let begins = stored.fill_buf().map_err(unreadable)?.starts_with(&header);
    let left = bounds.bytes.min(size.saturating_mul(bounds.ratio).max(bounds.from));
    let mut unfolded = Unfolded { inner: GzDecoder::new(stored), left, hash: archive::Hashing::default() };
    unpack(&mut unfolded, folder).map_err(|error| not(error.to_string()))?;
    io::copy(&mut unfolded, &mut io::sink()).map_err(|error| not(error.to_string()))?;
    let Unfolded { inner, hash, .. } = unfolded;
    let more = !inner.into_inner().fill_buf().map_err(unreadable)?.is_empty();
    let names = archive::names(folder).map_err(BundleError::Folder)?;
    let again = archive::write(folder, &names, archive::Hashing::default()).map_err(BundleError::Folder)?;
    Ok(if more {
        Some("bytes follow its gzip stream".to_owned())
    } else if !begins {
        Some("its gzip header is not the one that assize writes".to_owned())
    } else if again.hex() != hash.hex() {
        Some("its tar is not what assize writes for these files: order, times, owners, or what stands between files".to_owned())
    } else {
        None
    })
}

/// What a gzip stream gives, up to a bound, and its hash.
struct Unfolded {
    inner: GzDecoder<BufReader<File>>,
    left: u64,
    hash: archive::Hashing,
}

impl Read for Unfolded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other("it unfolds to more than a bundle may, as a decompression bomb does"))?;
        self.hash.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

fn unpack(from: &mut Unfolded, folder: &Path) -> io::Result<()> {
    let mut archive = tar::Archive::new(from);
    let mut long: Option<String> = None;
    let mut names = BTreeSet::new();
    // As they are: a long name is an entry of its own, and is not read into memory before it is looked at.
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        match entry.header().entry_type() {
            EntryType::GNULongName => {
                let mut name = Vec::new();
                entry.by_ref().take(MOST_PATH + 1).read_to_end(&mut name)?;
                if name.pop() != Some(0) || name.len() as u64 > MOST_PATH || long.is_some() {
                    return Err(refused("a name is too long, or does not end"));
                }
                long = Some(text(&name)?);
            }
            EntryType::Regular => {
                let name = match long.take() {
                    Some(name) => name,
                    None => text(&entry.header().path_bytes())?,
                };
                check(&name)?;
                if names.len() >= MOST_FILES || !names.insert(name.clone()) {
                    return Err(refused("it holds too many files, or one of them twice"));
                }
                let path = folder.join(&name);
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent)?;
                }
                io::copy(&mut entry, &mut OpenOptions::new().write(true).create_new(true).open(path)?)?;
            }
            _ => return Err(refused("it holds something else than files: a link, a folder or a device")),
        }
    }
    if long.is_some() { Err(refused("a name belongs to no file")) } else { Ok(()) }
}

fn text(name: &[u8]) -> io::Result<String> {
    String::from_utf8(name.to_vec()).map_err(|_| refused("a name is not UTF-8"))
}

/// Whether a path leads to a place inside the folder where a bundle has files.
fn check(name: &str) -> io::Result<()> {
    let plain = Path::new(name).components().all(|step| matches!(step, Component::Normal(_)));
    let steps = name.split('/').all(|step| !matches!(step, "" | "." | "..")) && !name.contains(['\0', '\\']);
    let known = name == super::CONTENTS || name.starts_with("evidence/") || name.starts_with("runs/");
    if plain && steps && known { Ok(()) } else { Err(refused("a name leads out of it, or to where a bundle has no files")) }
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
