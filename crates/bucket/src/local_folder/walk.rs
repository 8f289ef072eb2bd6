//! Listing a folder in the order of the keys, holding one folder's names per level and no more.
//!
//! The byte order of keys is not the order of names: `a!` comes before `a/b`, and that before `a0`. So a folder's
//! children are sorted by their segment, with the slash after it if they are folders. Pieces of long segments do not
//! sort as a block among their neighbours; they are opened when the folder is read, and sorted by the whole segment.

use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::vec;

use super::LocalFolder;
use super::file;
use super::name::{self, Name, Role};
use crate::{BucketError, Entry, MAX_KEY_BYTES};

/// A listing under way.
pub(super) struct Walk {
    bucket: LocalFolder,
    prefix: String,
    start_after: Option<String>,
    levels: Vec<Level>,
    begun: bool,
}

/// A folder that is being listed: the beginning of its keys (empty or ending in a slash), and what is left of it.
struct Level {
    prefix: String,
    children: vec::IntoIter<Child>,
}

struct Child {
    segment: String,
    role: Role,
}

impl Walk {
    pub(super) fn new(bucket: LocalFolder, prefix: &str, start_after: Option<&str>) -> Self {
        Self { bucket, prefix: prefix.to_owned(), start_after: start_after.map(str::to_owned), levels: Vec::new(), begun: false }
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The next objects: none at the end. Blocks.
    pub(super) fn page(&mut self) -> Result<Vec<Entry>, BucketError> {
        const PAGE: usize = 1000;
        if !self.begun {
            self.begun = true;
            self.begin()?;
        }
        let mut page = Vec::new();
        while let Some(level) = self.levels.last_mut() {
            let Some(child) = level.children.next() else {
                self.levels.pop();
                continue;
            };
            let key = format!("{}{}", level.prefix, child.segment);
            match child.role {
                Role::Folder => self.descend(format!("{key}/"))?,
                Role::Object => page.push(self.entry(key)?),
            }
            if page.len() == PAGE {
                break;
            }
        }
        Ok(page)
    }

    /// Goes to the folder of the prefix, if there is one. Without it nothing begins so; without the root there is no
    /// bucket, and that must not look like an empty one.
    fn begin(&mut self) -> Result<(), BucketError> {
        self.bucket.check_root(&self.prefix)?;
        let folder = match self.prefix.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/"),
            None => String::new(),
        };
        if folder.len() > MAX_KEY_BYTES || !self.may_hold(&folder) {
            return Ok(());
        }
        let path = file::safe_path(&self.prefix, &self.bucket.root, &name::folder_path(&folder))?;
        if path.try_exists().map_err(BucketError::io("look at", &self.prefix, &path))? {
            self.descend(folder)?;
        }
        Ok(())
    }

    /// Reads the folder of the keys that begin with `prefix`. Every step of its path was looked at before, on the way
    /// down: looking again from the root at each level would make a deep key cost the square of its depth.
    fn descend(&mut self, prefix: String) -> Result<(), BucketError> {
        let path = self.bucket.root.join(name::folder_path(&prefix));
        let mut reading = Reading { walk: self, prefix: &prefix, names: Vec::new(), children: Vec::new() };
        reading.read(&path, &mut Vec::new())?;
        let mut children = reading.children;
        children.sort_unstable_by(Child::compare);
        self.levels.push(Level { prefix, children: children.into_iter() });
        Ok(())
    }

    fn entry(&self, key: String) -> Result<Entry, BucketError> {
        let path = self.bucket.root.join(name::object_path(&key));
        let found = fs::symlink_metadata(&path).map_err(BucketError::io("look at", &self.prefix, &path))?;
        Ok(Entry { key, size: found.len(), etag: None, storage_class: None })
    }

    /// Whether a key that begins with `start` (empty or ending in a slash) can be in the listing.
    fn may_hold(&self, start: &str) -> bool {
        (start.starts_with(&self.prefix) || self.prefix.starts_with(start))
            && self.start_after.as_deref().is_none_or(|after| start > after || after.starts_with(start))
    }

    fn holds(&self, key: &str) -> bool {
        key.starts_with(&self.prefix) && self.start_after.as_deref().is_none_or(|after| key > after)
    }
}

impl Child {
    /// The order of the keys: that of the segments with the slash behind those of folders.
    fn compare(&self, other: &Child) -> std::cmp::Ordering {
        let (own, theirs) = (self.segment.as_bytes(), other.segment.as_bytes());
        let common = own.len().min(theirs.len());
        let beginning = own.get(..common).cmp(&theirs.get(..common));
        beginning.then_with(|| self.order().skip(common).cmp(other.order().skip(common)))
    }

    fn order(&self) -> impl Iterator<Item = u8> {
        self.segment.bytes().chain((self.role == Role::Folder).then_some(b'/'))
    }
}

/// The reading of one folder, with the folders of its long segments.
struct Reading<'a> {
    walk: &'a Walk,
    prefix: &'a str,
    /// The names of the continued folders that lead here.
    names: Vec<String>,
    children: Vec<Child>,
}

impl Reading<'_> {
    /// Reads the folder at `path`; `begun` is what the continued folders say of the segment so far.
    fn read(&mut self, path: &Path, begun: &mut Vec<u8>) -> Result<(), BucketError> {
        let entries = fs::read_dir(path).map_err(BucketError::io("list", &self.walk.prefix, path))?;
        for entry in entries {
            let entry = entry.map_err(BucketError::io("list", &self.walk.prefix, path))?;
            let file_name = entry.file_name();
            let Some(file_name) = file_name.to_str() else {
                return Err(self.foreign(entry.path(), "it is not UTF-8"));
            };
            match name::read_name(file_name, !self.names.is_empty()) {
                Name::Ours => {}
                Name::Foreign => return Err(self.foreign(entry.path(), NOT_A_KEY)),
                Name::Continued(piece) => self.follow(&entry, file_name, &piece, begun)?,
                Name::Segment(role, piece) => {
                    let segment = [begun.as_slice(), piece.as_slice()].concat();
                    let child = self.child(&entry, file_name, role, segment)?;
                    self.children.extend(child);
                }
            }
        }
        Ok(())
    }

    fn follow(&mut self, entry: &DirEntry, file_name: &str, piece: &[u8], begun: &mut Vec<u8>) -> Result<(), BucketError> {
        self.check_kind(entry, Role::Folder)?;
        let before = begun.len();
        begun.extend_from_slice(piece);
        if begun.len() > MAX_KEY_BYTES {
            return Err(self.foreign(entry.path(), TOO_LONG));
        }
        self.names.push(file_name.to_owned());
        self.read(&entry.path(), begun)?;
        self.names.pop();
        begun.truncate(before);
        Ok(())
    }

    /// The child that a name stands for, if the listing wants it.
    fn child(&self, entry: &DirEntry, file_name: &str, role: Role, segment: Vec<u8>) -> Result<Option<Child>, BucketError> {
        let Ok(segment) = String::from_utf8(segment) else {
            return Err(self.foreign(entry.path(), "what it escapes is not UTF-8"));
        };
        if !name::is_own(&segment, role, (&self.names, file_name)) {
            return Err(self.foreign(entry.path(), NOT_A_KEY));
        }
        self.check_kind(entry, role)?;
        let mut key = format!("{}{segment}", self.prefix);
        if role == Role::Folder {
            key.push('/');
        }
        if key.len() > MAX_KEY_BYTES {
            return Err(self.foreign(entry.path(), TOO_LONG));
        }
        let wanted = match role {
            Role::Object => self.walk.holds(&key),
            Role::Folder => self.walk.may_hold(&key),
        };
        Ok(wanted.then_some(Child { segment, role }))
    }

    /// Checks that a name of an object is on a file, and a name of a folder on a folder.
    fn check_kind(&self, entry: &DirEntry, role: Role) -> Result<(), BucketError> {
        let kind = entry.file_type();
        let kind = kind.map_err(|error| BucketError::io("look at", &self.walk.prefix, &entry.path())(error))?;
        match role {
            Role::Object if kind.is_file() => return Ok(()),
            Role::Folder if kind.is_dir() => return Ok(()),
            Role::Object | Role::Folder => {}
        }
        let (key, path) = (self.walk.prefix.clone(), entry.path());
        if kind.is_symlink() {
            return Err(BucketError::UnsafePath { key, path, reason: "it is a symbolic link" });
        }
        match role {
            Role::Object => Err(self.foreign(path, "the name is an object's and it is not a plain file")),
            Role::Folder => Err(self.foreign(path, "the name is a folder's and it is not a folder")),
        }
    }

    fn foreign(&self, path: PathBuf, reason: &'static str) -> BucketError {
        BucketError::ForeignName { prefix: self.walk.prefix.clone(), path, reason }
    }
}

const NOT_A_KEY: &str = "no key is kept under this name";
const TOO_LONG: &str = "its key would be longer than 1,024 bytes";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The slow twin compares byte by byte.
        #[test]
        fn children_are_in_the_order_of_their_keys(one in "[ab!/0]{0,4}", other in "[ab!/0]{0,4}", folders in any::<(bool, bool)>()) {
            let role = |folder| if folder { Role::Folder } else { Role::Object };
            let (one, other) = (Child { segment: one, role: role(folders.0) }, Child { segment: other, role: role(folders.1) });
            prop_assert_eq!(one.compare(&other), one.order().cmp(other.order()));
        }
    }
}
