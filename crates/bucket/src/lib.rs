//! Where Assize keeps what it gathers: objects under keys, as S3 has them.
//!
//! This crate owns the [`Bucket`] trait, two implementations ([`Memory`] and [`LocalFolder`]) and the
//! [`conformance`] suite that every implementation passes. The S3 implementation lives with the other AWS code.
//! There is no rename, no append and no delete: evidence is added, never taken away.

mod error;
mod limits;
mod local_folder;
mod memory;

pub mod conformance;
pub mod faulty;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use futures::stream::BoxStream;

pub use error::BucketError;
pub use limits::{MAX_KEY_BYTES, MAX_METADATA_BYTES, check_key, check_metadata, clip_range};
pub use local_folder::LocalFolder;
pub use memory::Memory;

/// Metadata of an object: lower-case names and printable ASCII values, at most [`MAX_METADATA_BYTES`] in all.
pub type Metadata = BTreeMap<String, String>;

/// A store of objects under keys of 1 to 1,024 bytes of UTF-8.
///
/// A key is a plain string: `/`, `.` and `..` mean nothing in it, and `a` may stand beside `a/b`.
/// A read sees one whole version of an object, its bytes and its metadata together, or an error. What a `put`
/// reported as stored survives a crash, and every read that starts later sees it.
#[async_trait]
pub trait Bucket: Send + Sync {
    /// Lists the objects whose keys begin with `prefix` and come after `start_after` (exclusive),
    /// in the byte order of their keys.
    ///
    /// An object that is put while the listing runs may be in it or not. The first error ends the stream: a
    /// listing is complete only if it ended without one.
    fn list(&self, prefix: &str, start_after: Option<&str>) -> BoxStream<'_, Result<Entry, BucketError>>;

    /// Reads an object, or the bytes `range` of it (start inclusive, end exclusive, from 0).
    ///
    /// A range that reaches past the end gives what there is.
    ///
    /// # Errors
    /// [`BucketError::NotFound`]; [`BucketError::InvalidRange`] if the range is empty or starts at or after the
    /// end (so any range of an empty object); and whatever keeps the store from answering.
    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Object, BucketError>;

    /// Reads one version of an object, whole. A store that keeps no versions has none.
    ///
    /// # Errors
    /// [`BucketError::NotFound`] if there is no such version, and whatever keeps the store from answering.
    async fn get_version(&self, key: &str, version_id: &str) -> Result<Object, BucketError> {
        let object = self.get(key, None).await?;
        if object.version_id.as_deref() == Some(version_id) {
            return Ok(object);
        }
        Err(BucketError::NotFound { key: key.to_owned() })
    }

    /// The folder behind it, if there is one: who reads many small objects on threads of their own saves a change of threads
    /// for each.
    fn folder(&self) -> Option<&LocalFolder> {
        None
    }

    /// Reads what [`get`](Bucket::get) tells of an object beside its bytes.
    ///
    /// # Errors
    /// [`BucketError::NotFound`], and whatever keeps the store from answering.
    async fn head(&self, key: &str) -> Result<ObjectHead, BucketError>;

    /// Stores an object whole, bytes and metadata, in place of what is there, if `condition` holds.
    ///
    /// A condition that does not hold is an outcome, not an error, and changes nothing. After an error the object
    /// is the old one or the new one, never a mixture; ask [`head`](Bucket::head) which.
    ///
    /// # Errors
    /// [`BucketError::InvalidKey`] and [`BucketError::InvalidMetadata`] before anything is done, and whatever keeps
    /// the store from answering.
    async fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        metadata: Metadata,
        condition: PutCondition,
    ) -> Result<PutOutcome, BucketError>;
}

/// One line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The whole key.
    pub key: String,
    /// The object's size in bytes.
    pub size: u64,
    /// The version that was listed, equal to what [`Bucket::head`] tells of it. `None` where the store could tell
    /// only by reading the object: a listing must not cost as much as reading everything.
    pub etag: Option<Etag>,
    /// Where S3 keeps the object, in S3's words: `STANDARD`, `GLACIER`, `DEEP_ARCHIVE`. `None` where there is no such
    /// thing, and for an archived object of which there is a restored copy: that is read like any other.
    pub storage_class: Option<String>,
}

impl Entry {
    /// The storage class, if it is one whose objects cannot be read until they are restored. What S3 Intelligent-Tiering
    /// has moved to its own archive tiers does not show in a listing.
    pub fn archived(&self) -> Option<&str> {
        self.storage_class.as_deref().filter(|class| matches!(*class, "GLACIER" | "DEEP_ARCHIVE"))
    }
}

/// An object, or a range of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The bytes asked for.
    pub bytes: Vec<u8>,
    /// The object's metadata.
    pub metadata: Metadata,
    /// The version that was read.
    pub etag: Etag,
    /// The size of the whole object in bytes, whatever range was asked for.
    pub size: u64,
    /// The version's name, under which it can be read when another has taken its place; none where the store keeps no
    /// versions.
    pub version_id: Option<String>,
}

/// An object without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectHead {
    /// The object's metadata.
    pub metadata: Metadata,
    /// The object's version.
    pub etag: Etag,
    /// The object's size in bytes.
    pub size: u64,
}

/// Names the bytes of an object, for [`PutCondition::IfMatch`]. Opaque: compare it, do not read it.
///
/// It speaks of the bytes only, not of the metadata, as on S3. So it cannot tell an object from a later one with the
/// same bytes; an object that fences writers must differ in every version.
/// [`Memory`] and [`LocalFolder`] use the SHA-256 of the bytes in lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Etag(String);

impl Etag {
    /// Takes an etag as the store wrote it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The etag as the store wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The etag of [`Memory`] and [`LocalFolder`] for a finished digest.
    pub(crate) fn of_digest(digest: &[u8]) -> Self {
        const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
        Self(digest.iter().flat_map(|byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]).collect())
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// When a [`put`](Bucket::put) may store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutCondition {
    /// Whatever is there.
    Always,
    /// Only if there is no object under the key. Of many writers exactly one stores.
    IfAbsent,
    /// Only if the object under the key has this etag. A missing object does not have it.
    IfMatch(Etag),
}

/// How a [`put`](Bucket::put) ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// The object is stored, durably.
    Stored {
        /// The etag of the object as stored.
        etag: Etag,
    },
    /// The condition does not hold (HTTP 412). Nothing was stored. Trying again does not help.
    PreconditionFailed,
    /// Another write to this key was under way (HTTP 409). Nothing was stored. Read the object again, then decide.
    Conflict,
}
