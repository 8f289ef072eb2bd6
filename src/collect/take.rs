//! Takes one object: fetched once, kept verbatim, and handed on with the same bytes to be hashed and evaluated.

use std::sync::Arc;

use assize_bucket::{Bucket, BucketError, Entry};
use assize_engine::coverage::Reason;
use assize_engine::layout::{self, LogKey, NotALog};

use super::collected::Owed;
use crate::config::Mode;
use crate::state::{self, Kept, Listed, StateError};

/// A bucket that is read, opened.
pub(crate) struct Source {
    /// Name of the bucket.
    pub(crate) bucket_name: String,
    /// How the ledger names it: `s3://bucket`.
    pub(crate) id: String,
    /// The partition, for the key of the evidence.
    pub(crate) partition: &'static str,
    /// The bucket.
    pub(crate) bucket: Arc<dyn Bucket>,
    /// Copied, or read where it is.
    pub(crate) mode: Mode,
}

/// What a listing or a message names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Index of the source.
    pub(crate) source: usize,
    /// The key.
    pub(crate) key: String,
    /// Size as listed, bytes.
    pub(crate) size: u64,
    /// Version as listed; none where the listing tells none.
    pub(crate) etag: Option<String>,
    /// Account and region of the key.
    pub(crate) account: String,
    pub(crate) region: String,
    /// Day of the key, days since 1970.
    pub(crate) day: i64,
    /// Time in the key's name, seconds since 1970.
    pub(crate) delivered: i64,
    /// The ledger has the key with another version.
    pub(crate) replaced: bool,
    /// Since when it is owed, if it was.
    pub(crate) since: Option<i64>,
}

impl Wanted {
    /// The object's version, as the ledger knows it.
    pub(crate) fn version<'a>(&'a self, source: &'a Source) -> Listed<'a> {
        let etag = self.etag.as_deref().unwrap_or_default();
        Listed { day: self.day, source: &source.id, key: &self.key, etag, size: self.size }
    }

    /// What an entry of a listing is.
    pub(crate) fn of(source: usize, entry: Entry) -> Result<Wanted, NotALog> {
        let LogKey { account, region, day, delivered, .. } = layout::parse(&entry.key)?;
        let (account, region) = (account.to_owned(), region.to_owned());
        let etag = entry.etag.map(|etag| etag.as_str().to_owned());
        let (replaced, since) = (false, None);
        Ok(Wanted { source, size: entry.size, etag, account, region, day, delivered, replaced, since, key: entry.key })
    }

    /// What is owed, wanted again.
    pub(crate) fn owed(source: usize, owed: &Owed) -> Result<Wanted, NotALog> {
        let etag = owed.etag.clone().map(assize_bucket::Etag::new);
        let entry = Entry { key: owed.key.clone(), size: owed.size, etag, storage_class: None };
        Ok(Wanted { since: Some(owed.since), ..Wanted::of(source, entry)? })
    }
}

/// An object with its bytes, kept.
#[derive(Debug)]
pub(crate) struct Taken {
    /// What was wanted.
    pub(crate) wanted: Wanted,
    /// How findings name it: the key in the audit bucket, or `s3://bucket/key` where it is read in place.
    pub(crate) name: Arc<str>,
    /// The key in the audit bucket, if it was copied.
    pub(crate) evidence_key: Option<String>,
    /// The bytes as stored.
    pub(crate) bytes: Vec<u8>,
    /// The version that was read, as a listing would tell it.
    pub(crate) etag: Option<String>,
    /// Other bytes were under its key in the audit bucket, or the ledger knew another version.
    pub(crate) replaced: bool,
}

/// An object that could not be taken.
#[derive(Debug)]
pub(crate) struct Missed {
    /// What was wanted.
    pub(crate) wanted: Wanted,
    /// Why, as a reason.
    pub(crate) reason: Reason,
    /// Why, in words.
    pub(crate) message: String,
}

/// Tells a bucket's failure as a reason; what it knows of AWS is the caller's.
pub(crate) type Classify = dyn Fn(&BucketError) -> Reason + Send + Sync;

/// Fetches and keeps one object.
///
/// # Errors
/// The audit bucket fails: nothing can be kept, so the run cannot go on. A source that fails is an outcome.
pub(crate) async fn take(
    wanted: Wanted,
    source: &Source,
    audit: &dyn Bucket,
    classify: &Classify,
) -> Result<Result<Taken, Missed>, StateError> {
    let object = match source.bucket.get(&wanted.key, None).await {
        Ok(object) => object,
        Err(error) => {
            let reason = classify(&error);
            return Ok(Err(Missed { wanted, reason, message: error.to_string() }));
        }
    };
    let (wanted, etag) = {
        let etag = wanted.etag.is_some().then(|| object.etag.as_str().to_owned());
        // It may have changed since it was listed; what was read is what the ledger must know.
        (Wanted { size: object.size, ..wanted }, etag)
    };
    let mut replaced = wanted.replaced;
    let evidence_key = match source.mode {
        Mode::InPlace => None,
        Mode::Copy => {
            let key = state::evidence_key(source.partition, &source.bucket_name, &wanted.key);
            Some(match state::keep(audit, &key, object.bytes.clone(), object.metadata).await? {
                Kept::Stored | Kept::AlreadyThere => key,
                Kept::Replaced { key } => {
                    replaced = true;
                    key
                }
            })
        }
    };
    let name = evidence_key.clone().unwrap_or_else(|| format!("{}/{}", source.id, wanted.key));
    Ok(Ok(Taken { wanted, name: Arc::from(name), evidence_key, bytes: object.bytes, etag, replaced }))
}
