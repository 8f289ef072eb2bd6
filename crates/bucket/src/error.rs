//! The one error type of this crate.
//!
//! A message says what failed, on which key, why, and what to do next. Keys come from strangers, so messages show
//! them with control characters escaped and cut to a readable length.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io;
use std::path::{Path, PathBuf};

/// Why a bucket could not do what was asked. A condition that does not hold is not among these: see
/// [`PutOutcome`](crate::PutOutcome).
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The key is not one that S3 would take.
    #[error("cannot use key `{}`: {reason}; choose a key of 1 to 1,024 bytes of UTF-8", Shown(key))]
    InvalidKey {
        /// The key as given.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// The metadata could not travel in HTTP headers unchanged.
    #[error("cannot store metadata `{}` with object `{}`: {reason}; correct or encode it first", Shown(name), Shown(key))]
    InvalidMetadata {
        /// The object's key.
        key: String,
        /// The metadata's name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// There is no such object.
    #[error(
        "cannot read object `{}`: it is not in the bucket; check the key, or list its prefix to see what is there",
        Shown(key)
    )]
    NotFound {
        /// The key asked for.
        key: String,
    },

    /// The range holds no byte of the object.
    #[error(
        "cannot read bytes {start}..{end} of object `{}`: {reason}; ask for a range that begins inside the object",
        Shown(key)
    )]
    InvalidRange {
        /// The object's key.
        key: String,
        /// First byte asked for, from 0.
        start: u64,
        /// End of the range, exclusive.
        end: u64,
        /// What is wrong with the range.
        reason: String,
    },

    /// The operating system refused.
    #[error("cannot {action} `{}` for key `{}`: {source}; {}", ShownPath(path), Shown(key), next_step(source))]
    Io {
        /// What was being done, as a verb: "read", "write".
        action: &'static str,
        /// The object's key, or the prefix that was being listed.
        key: String,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// A path below the bucket's folder is a symbolic link or a device. It is not followed: it may lead outside.
    #[error("refused to use `{}` for key `{}`: {reason}; replace it by a plain file or folder", ShownPath(path), Shown(key))]
    UnsafePath {
        /// The object's key, or the prefix that was being listed.
        key: String,
        /// The path that was refused.
        path: PathBuf,
        /// What it is.
        reason: &'static str,
    },

    /// A file in the bucket's folder has a name that no key is kept under. It is not passed over in silence, since
    /// somebody may believe that it is evidence.
    #[error(
        "cannot list prefix `{}`: `{}` is not the name of an object ({reason}); move it out of the folder, or put it into the bucket under a key",
        Shown(prefix),
        ShownPath(path)
    )]
    ForeignName {
        /// The prefix that was being listed.
        prefix: String,
        /// The file or folder.
        path: PathBuf,
        /// Why the name is none of ours.
        reason: &'static str,
    },

    /// What is stored does not make sense.
    #[error("cannot read object `{}`: `{}` is damaged: {reason}; restore it from a copy", Shown(key), ShownPath(path))]
    Damaged {
        /// The object's key.
        key: String,
        /// The damaged file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// The runtime stopped before the work was done, or the work panicked.
    #[error("cannot finish {action} of `{}`: the task was stopped ({reason}); run again, finished writes are kept", Shown(key))]
    Stopped {
        /// What was being done, as a noun: "get", "put", "list".
        action: &'static str,
        /// The object's key, or the prefix that was being listed.
        key: String,
        /// What the runtime said.
        reason: String,
    },

    /// A remote store refused or did not answer. For implementations outside this crate.
    #[error("cannot {action} `{}` in {bucket}: {source}; {advice}", Shown(key))]
    Service {
        /// What was being done, as a verb: "read", "write", "list".
        action: &'static str,
        /// The object's key, or the prefix that was being listed.
        key: String,
        /// The bucket, in the way its users name it.
        bucket: String,
        /// What to do next: the missing permission, the setting to change.
        advice: String,
        /// What the service's client said.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl BucketError {
    /// For `map_err`: an [`BucketError::Io`] of one action on one path.
    pub(crate) fn io(action: &'static str, key: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, key: key.to_owned(), path: path.to_owned(), source }
    }
}

/// What helps against an error of the operating system.
fn next_step(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "give this user the right to read and write there",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space and run again",
        io::ErrorKind::NotFound => "check that the folder exists and was not moved",
        io::ErrorKind::InvalidFilename => "keep the bucket in a folder with a shorter path",
        io::ErrorKind::Unsupported => "keep the bucket on a file system that has hard links and file locks",
        _ => "check the disk and run again",
    }
}

/// A text from outside, safe to show on one line.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 160;
        for character in self.0.chars().take(MOST) {
            match character {
                '\'' | '"' => formatter.write_char(character)?,
                other => write!(formatter, "{}", other.escape_debug())?,
            }
        }
        if self.0.chars().nth(MOST).is_some() {
            formatter.write_str("…")?;
        }
        Ok(())
    }
}

/// A path, safe to show on one line.
struct ShownPath<'a>(&'a Path);

impl fmt::Display for ShownPath<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.to_string_lossy().chars() {
            if character.is_control() {
                write!(formatter, "{}", character.escape_default())?;
            } else {
                formatter.write_char(character)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_key_stays_on_one_line() {
        let error = BucketError::NotFound { key: "a\n\u{1b}[31mPASS\u{202e}'日本".to_owned() };
        assert_eq!(
            error.to_string(),
            "cannot read object `a\\n\\u{1b}[31mPASS\\u{202e}'日本`: it is not in the bucket; \
             check the key, or list its prefix to see what is there"
        );
    }

    #[test]
    fn a_long_key_is_cut() {
        let error = BucketError::InvalidKey { key: "k".repeat(5_000), reason: "it is longer than 1,024 bytes" };
        assert!(error.to_string().len() < 300);
    }
}
