//! Where evidence is kept, and keeping it once: what is there already is compared, never replaced.

use std::fmt::Write as _;

use assize_bucket::{Bucket, BucketError, MAX_KEY_BYTES, Metadata, PutCondition, PutOutcome};
use sha2::{Digest as _, Sha256};

use super::error::StateError;

/// Bytes of `@` and a SHA-256 in hex.
const SUFFIX: usize = 65;

/// Attempts at a put that meets another one under way.
const ATTEMPTS: u32 = 8;

/// The key under which an object is kept: `evidence/<partition>/<bucket>/<original key>`.
///
/// Some keys cannot stand there: `evidence/_hashed/<SHA-256 of partition, bucket and key, with a zero byte between>` takes
/// those that leave no room for the `@<sha256>` of a changed object within S3's 1,024 bytes, those that hold the steps `.` or
/// `..`, which would climb out of the folder into which somebody copies the bucket, and those that themselves end in
/// `@` and 64 hex digits, which could be planted in the place of a changed object. The ledger row has the original key.
pub(crate) fn evidence_key(partition: &str, bucket: &str, key: &str) -> String {
    let readable = format!("evidence/{partition}/{bucket}/{key}");
    let steps_are_plain = key.split('/').all(|step| !matches!(step, "." | ".."));
    if readable.len() + SUFFIX <= MAX_KEY_BYTES && steps_are_plain && split_change(key).1.is_none() {
        return readable;
    }
    let mut hash = Sha256::new();
    for part in [partition, "\0", bucket, "\0", key] {
        hash.update(part.as_bytes());
    }
    format!("evidence/_hashed/{}", hex(&hash.finalize()))
}

/// Bucket and key of what is kept under a key, and the digest behind it if it is a changed object: the inverse of
/// [`evidence_key`]. `None` for what is kept under a hash, whose key only the ledger has, and for what is no evidence.
pub(crate) fn original_place(key: &str) -> Option<(&str, &str, Option<&str>)> {
    let (partition, rest) = key.strip_prefix("evidence/")?.split_once('/')?;
    let (bucket, original) = rest.split_once('/').filter(|_| !partition.starts_with('_'))?;
    let (original, digest) = split_change(original);
    Some((bucket, original, digest))
}

/// A key, and the digest behind its `@` if it is that of a changed object.
pub(crate) fn split_change(key: &str) -> (&str, Option<&str>) {
    let cut = key.len().checked_sub(SUFFIX).and_then(|at| key.split_at_checked(at));
    let digest = cut.and_then(|(key, end)| Some((key, end.strip_prefix('@')?)));
    match digest.filter(|(_, digest)| digest.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        Some((key, digest)) => (key, Some(digest)),
        None => (key, None),
    }
}

/// How [`keep`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is stored now.
    Stored,
    /// The same bytes with the same metadata are there.
    AlreadyThere,
    /// Something else is there, and stays. This is stored beside it.
    Replaced {
        /// Where.
        key: String,
    },
}

/// Stores evidence under its key, unless the same is there.
///
/// Something else under the key stays as it is, and the new bytes go to `<key>@<sha256 of the bytes>`. If it is only the
/// metadata that differ, the digest also covers these (names and values in order, each after its length).
///
/// # Errors
/// The bucket fails, or holds under all of these keys what does not belong there.
pub(crate) async fn keep(bucket: &dyn Bucket, key: &str, bytes: Vec<u8>, metadata: Metadata) -> Result<Kept, StateError> {
    if store(bucket, key, &bytes, &metadata).await? {
        return Ok(Kept::Stored);
    }
    if is_there(bucket, key, &bytes, &metadata).await? {
        return Ok(Kept::AlreadyThere);
    }
    for digest in [sha256(&bytes), digest_with_metadata(&bytes, &metadata)] {
        let beside = format!("{key}@{digest}");
        if store(bucket, &beside, &bytes, &metadata).await? || is_there(bucket, &beside, &bytes, &metadata).await? {
            return Ok(Kept::Replaced { key: beside });
        }
    }
    let reason = "something else is there, and also under the names for changed objects".to_owned();
    Err(StateError::Damaged { key: key.to_owned(), reason, advice: "find out who else writes to the bucket" })
}

async fn is_there(bucket: &dyn Bucket, key: &str, bytes: &[u8], metadata: &Metadata) -> Result<bool, BucketError> {
    let there = bucket.get(key, None).await?;
    Ok(there.bytes == bytes && there.metadata == *metadata)
}

/// Puts an object that must not be there yet. Says whether it was stored.
///
/// # Errors
/// The bucket fails.
pub(crate) async fn store(bucket: &dyn Bucket, key: &str, bytes: &[u8], metadata: &Metadata) -> Result<bool, BucketError> {
    for _ in 1..ATTEMPTS {
        match bucket.put(key, bytes.to_vec(), metadata.clone(), PutCondition::IfAbsent).await? {
            PutOutcome::Stored { .. } => return Ok(true),
            PutOutcome::PreconditionFailed => return Ok(false),
            PutOutcome::Conflict => tracing::debug!(key = %key.escape_debug(), "another write was under way; trying again"),
        }
    }
    // Whoever is so busy with this key has stored something by now; if not, reading it says so.
    Ok(false)
}

fn digest_with_metadata(bytes: &[u8], metadata: &Metadata) -> String {
    let mut hash = Sha256::new();
    hash.update(bytes);
    for text in metadata.iter().flat_map(|(name, value)| [name, value]) {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hex(&hash.finalize())
}

/// SHA-256 as lower-case hex, as it stands in the ledger and behind the `@` of a changed object.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
    }
    text
}
