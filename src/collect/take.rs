//! Takes one object: fetched once, kept verbatim, and handed on with the same bytes to be hashed and evaluated.

use std::sync::Arc;

use assize_bucket::{Bucket, BucketError, Entry, Metadata};
use assize_engine::coverage::Reason;
use assize_engine::layout::{self, Folder, LogKey, NotALog};

use super::Collector;
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
    /// The storage class, if the listing says that it is in an archive: asking for it would be in vain.
    pub(crate) archived: Option<String>,
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
        let archived = entry.archived().map(str::to_owned);
        let (size, etag) = (entry.size, entry.etag.map(|etag| etag.as_str().to_owned()));
        let (replaced, since, key) = (false, None, entry.key);
        Ok(Wanted { source, key, size, etag, account, region, day, delivered, replaced, since, archived })
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
    /// Metadata, if it was not copied: it is kept after all if it turns out to be behind a finding.
    pub(crate) metadata: Option<Metadata>,
    /// The version that was read, if the source keeps versions.
    pub(crate) version_id: Option<String>,
    /// The bytes as stored.
    pub(crate) bytes: Vec<u8>,
    /// The version that was read, as a listing would tell it.
    pub(crate) etag: Option<String>,
    /// Of a digest: `signature` and `signature-algorithm` of its metadata.
    pub(crate) signed: Option<Signed>,
    /// Other bytes were under its key in the audit bucket, or the ledger knew another version.
    pub(crate) replaced: bool,
}

/// What the metadata of a digest say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Signed {
    /// Hexadecimal.
    pub(crate) signature: Option<String>,
    /// As CloudTrail names it.
    pub(crate) algorithm: Option<String>,
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

impl Missed {
    /// As it is remembered for the next runs.
    pub(super) fn owed(&self, collector: &Collector) -> Owed {
        let Missed { wanted, reason, message } = self;
        Owed {
            source: collector.source(wanted.source).id.clone(),
            key: wanted.key.clone(),
            size: wanted.size,
            etag: wanted.etag.clone(),
            account: wanted.account.clone(),
            region: wanted.region.clone(),
            delivered: wanted.delivered,
            reason: reason.code().to_owned(),
            message: message.clone(),
            since: wanted.since.unwrap_or(collector.judging.as_of),
        }
    }
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
    if let Some(class) = &wanted.archived {
        let message = format!(
            "it is in the storage class {class} and was not asked for; restore it (`aws s3api restore-object`), then run again"
        );
        return Ok(Err(Missed { wanted, reason: Reason::Archived, message }));
    }
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
    let signed = is_digest(&wanted.key).then(|| Signed {
        signature: object.metadata.get("signature").cloned(),
        algorithm: object.metadata.get("signature-algorithm").cloned(),
    });
    let (mut replaced, mut metadata) = (wanted.replaced, Some(object.metadata));
    let mut evidence_key = None;
    if source.copies(&wanted.key) {
        let kept = source.keep(audit, &wanted.key, object.bytes.clone(), metadata.take().unwrap_or_default()).await?;
        replaced |= kept.changed;
        evidence_key = Some(kept.key);
    }
    let name = match (&evidence_key, source.mode) {
        (Some(key), Mode::Copy) => key.clone(),
        _ => source.name_in_place(&wanted.key, replaced.then_some(&object.bytes)),
    };
    let (bytes, version_id) = (object.bytes, object.version_id);
    Ok(Ok(Taken { wanted, name: Arc::from(name), evidence_key, metadata, version_id, bytes, etag, signed, replaced }))
}

fn is_digest(key: &str) -> bool {
    layout::parse(key).is_ok_and(|key| key.folder == Folder::Digest)
}

/// Where evidence was kept.
pub(super) struct KeptAt {
    /// The key in the audit bucket.
    pub(super) key: String,
    /// Other bytes were under the object's own key.
    pub(super) changed: bool,
}

impl Source {
    /// How findings name an object that is read where it is. One that was replaced has the digest of its bytes in its
    /// name: both versions may be behind findings.
    pub(crate) fn name_in_place(&self, key: &str, replaced: Option<&Vec<u8>>) -> String {
        let suffix = replaced.map(|bytes| format!("@{}", state::sha256(bytes))).unwrap_or_default();
        format!("{}/{key}{suffix}", self.id)
    }

    /// Whether an object is brought into the audit bucket whatever is in it. Of a source that is read in place that is the
    /// digests: they prove the rest.
    fn copies(&self, key: &str) -> bool {
        self.mode == Mode::Copy || is_digest(key)
    }

    /// Keeps an object in the audit bucket.
    ///
    /// # Errors
    /// The audit bucket fails.
    pub(super) async fn keep(
        &self,
        audit: &dyn Bucket,
        key: &str,
        bytes: Vec<u8>,
        metadata: Metadata,
    ) -> Result<KeptAt, StateError> {
        let key = state::evidence_key(self.partition, &self.bucket_name, key);
        Ok(match state::keep(audit, &key, bytes, metadata).await? {
            Kept::Stored | Kept::AlreadyThere => KeptAt { key, changed: false },
            Kept::Replaced { key } => KeptAt { key, changed: true },
        })
    }
}
