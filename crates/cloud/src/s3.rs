//! A bucket on S3.
//!
//! The contract is that of [`Bucket`]; what S3 adds to it is said at [`S3Bucket`]. Every request asks for checksums
//! and the SDK verifies those of answers.

mod error;
mod list;
mod open;
mod pace;
mod read;
mod write;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use assize_bucket::{Bucket, BucketError, Entry, Metadata, Object, ObjectHead, PutCondition, PutOutcome, check_key};
use async_trait::async_trait;
use aws_smithy_types::DateTime;
use aws_types::sdk_config::SharedTimeSource;
use futures::stream::BoxStream;

/// How long what is written cannot be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectLock {
    /// Who may shorten it.
    pub mode: RetentionMode,
    /// Days from the moment of writing.
    pub days: u32,
}

/// Who may shorten an Object Lock retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetentionMode {
    /// Principals with `s3:BypassGovernanceRetention`.
    Governance,
    /// Nobody.
    Compliance,
}

/// Which bucket, and how it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3Options {
    /// The bucket's name.
    pub bucket: String,
    /// What every key begins with in the bucket, such as `audit/`. Nothing is put between it and a key. Empty: the
    /// whole bucket.
    pub prefix: String,
    /// The bucket's region. `None`: asked of S3.
    pub region: Option<String>,
    /// The KMS key, as ARN or id, that new objects are encrypted with. `None`: the bucket's default encryption.
    pub kms_key: Option<String>,
    /// Object Lock retention of new objects; the bucket must have Object Lock. `None`: the bucket's default.
    pub object_lock: Option<ObjectLock>,
    /// The account the bucket must belong to: S3 refuses requests if it belongs to another.
    pub expected_owner: Option<String>,
}

/// A bucket on S3, or what is below a prefix of one. Cheap to clone.
///
/// Etags are S3's, quotes included. Listings hold three pages of 1,000 keys at most: the one that is read, the next,
/// and the one after that on its way.
///
/// **Conditional writes.** If a `put` under a condition is stored and its answer is lost, the SDK sends it again and
/// S3 then answers that the condition does not hold, for what is there is what was just put. So a
/// [`PutOutcome::PreconditionFailed`] means that the condition did not hold for *one* of the attempts. Who must know
/// reads the object and compares it with what it put: an object that fences writers must tell who wrote it.
///
/// **Keys.** S3 refuses keys that climb above their own start (`../a`), and so does this, before anything is sent.
/// A key of white space alone is refused because the SDK cannot send it. With `prefix` before it, a key has 1,024
/// bytes at most.
#[derive(Clone)]
pub struct S3Bucket {
    inner: Arc<Inner>,
}

struct Inner {
    client: aws_sdk_s3::Client,
    options: S3Options,
    region: String,
    attempts: u32,
    pace: Arc<pace::Pace>,
    time: SharedTimeSource,
}

impl S3Bucket {
    /// The bucket's name.
    pub fn name(&self) -> &str {
        &self.inner.options.bucket
    }

    /// What every key begins with in the bucket.
    pub fn prefix(&self) -> &str {
        &self.inner.options.prefix
    }

    /// The bucket's region, as given or as S3 said.
    pub fn region(&self) -> &str {
        &self.inner.region
    }

    /// How many requests are sent at once at present, after S3 has refused some for their rate; none if it has not.
    pub fn at_once(&self) -> Option<u32> {
        self.inner.pace.at_once()
    }

    /// The key as S3 knows it.
    fn full(&self, key: &str) -> Result<String, BucketError> {
        check_key(key)?;
        let invalid = |reason| Err(BucketError::InvalidKey { key: key.to_owned(), reason });
        if climbs(key) {
            return invalid("it climbs above its own start, which S3 refuses");
        }
        let full = format!("{}{key}", self.inner.options.prefix);
        if check_key(&full).is_err() {
            return invalid("it is longer than 1,024 bytes with the bucket's prefix before it");
        }
        if full.trim().is_empty() {
            return invalid("it holds nothing but white space");
        }
        Ok(full)
    }

    fn owner(&self) -> Option<String> {
        self.inner.options.expected_owner.clone()
    }

    /// The end of the retention of what is written now.
    fn retain_until(&self, days: u32) -> DateTime {
        let now = DateTime::from(self.inner.time.now());
        DateTime::from_secs(now.secs() + i64::from(days) * 24 * 60 * 60)
    }
}

#[async_trait]
impl Bucket for S3Bucket {
    fn list(&self, prefix: &str, start_after: Option<&str>) -> BoxStream<'_, Result<Entry, BucketError>> {
        list::list(self.clone(), prefix, start_after)
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Object, BucketError> {
        let _under_way = self.inner.pace.enter().await;
        read::get(self, key, read::Part::Range(range)).await
    }

    async fn get_version(&self, key: &str, version_id: &str) -> Result<Object, BucketError> {
        let _under_way = self.inner.pace.enter().await;
        read::get(self, key, read::Part::Version(version_id)).await
    }

    async fn head(&self, key: &str) -> Result<ObjectHead, BucketError> {
        let _under_way = self.inner.pace.enter().await;
        read::head(self, key).await
    }

    async fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        metadata: Metadata,
        condition: PutCondition,
    ) -> Result<PutOutcome, BucketError> {
        let _under_way = self.inner.pace.enter().await;
        write::put(self, key, bytes, metadata, condition).await
    }
}

impl fmt::Debug for S3Bucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("S3Bucket")
            .field("bucket", &self.name())
            .field("prefix", &self.prefix())
            .field("region", &self.region())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for S3Bucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "s3://{}/{}", self.name(), self.prefix())
    }
}

/// Whether a key, read as a path, leads out of where it begins. In a URL it could end in another bucket.
fn climbs(key: &str) -> bool {
    let mut depth = 0_usize;
    for step in key.split('/') {
        match step {
            "" | "." => {}
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    // `.` alone has no name of its own: a URL that ends in it is the bucket's.
    key == "."
}

#[cfg(test)]
mod tests {
    use super::climbs;

    #[test]
    fn keys_that_climb_are_told_from_odd_ones() {
        for key in [".", "..", "../a", "a/../../b", "/..", "odd/../../../c", "a//../../b", "./.."] {
            assert!(climbs(key), "{key}");
        }
        for key in ["a", "a/../b", "a/..", "..a", "a..", ".../a", "./a", "a/./b", "/", "//", "a/b/../.."] {
            assert!(!climbs(key), "{key}");
        }
    }
}
