//! A bucket in memory, for tests and demonstrations. It is also the plain twin that the local folder is compared
//! with: a map, a lock and nothing else.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Bound, Range};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt as _};
use sha2::{Digest as _, Sha256};

use crate::{
    Bucket, BucketError, Entry, Etag, Metadata, Object, ObjectHead, PutCondition, PutOutcome, check_key, check_metadata,
    clip_range,
};

/// A bucket that lives as long as the value does. The etag is the SHA-256 of the bytes.
#[derive(Default)]
pub struct Memory {
    objects: Mutex<BTreeMap<String, Held>>,
}

impl Memory {
    /// An empty bucket.
    pub fn new() -> Self {
        Self::default()
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Held>> {
        // The map is changed by single calls only, so it is whole even if a thread panicked while it held the lock.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn page(&self, prefix: &str, after: &Bound<String>) -> Vec<Entry> {
        const PAGE: usize = 1000;
        self.objects()
            .range::<str, _>((after.as_ref().map(String::as_str), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(PAGE)
            .map(|(key, held)| Entry { key: key.clone(), size: held.size(), etag: Some(held.etag.clone()), storage_class: None })
            .collect()
    }
}

#[async_trait]
impl Bucket for Memory {
    fn list(&self, prefix: &str, start_after: Option<&str>) -> BoxStream<'_, Result<Entry, BucketError>> {
        let from = match start_after {
            Some(after) if after >= prefix => Bound::Excluded(after.to_owned()),
            _ => Bound::Included(prefix.to_owned()),
        };
        let prefix = prefix.to_owned();
        stream::unfold(from, move |from| {
            let page = self.page(&prefix, &from);
            let next = page.last().map(|last| Bound::Excluded(last.key.clone()));
            async move { next.map(|next| (stream::iter(page), next)) }
        })
        .flatten()
        .map(Ok)
        .boxed()
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Object, BucketError> {
        check_key(key)?;
        let objects = self.objects();
        let held = objects.get(key).ok_or_else(|| BucketError::NotFound { key: key.to_owned() })?;
        let size = held.size();
        let range = clip_range(key, range, size)?;
        let bytes = held.bytes.get(position(range.start)..position(range.end));
        Ok(Object {
            bytes: bytes.expect("the range was cut to the object").to_vec(),
            metadata: held.metadata.clone(),
            etag: held.etag.clone(),
            size,
            version_id: None,
        })
    }

    async fn head(&self, key: &str) -> Result<ObjectHead, BucketError> {
        check_key(key)?;
        let objects = self.objects();
        let held = objects.get(key).ok_or_else(|| BucketError::NotFound { key: key.to_owned() })?;
        Ok(ObjectHead { metadata: held.metadata.clone(), etag: held.etag.clone(), size: held.size() })
    }

    async fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        metadata: Metadata,
        condition: PutCondition,
    ) -> Result<PutOutcome, BucketError> {
        check_key(key)?;
        check_metadata(key, &metadata)?;
        let etag = Etag::of_digest(&Sha256::digest(&bytes));
        let mut objects = self.objects();
        let holds = match (condition, objects.get(key)) {
            (PutCondition::Always, _) | (PutCondition::IfAbsent, None) => true,
            (PutCondition::IfAbsent, Some(_)) | (PutCondition::IfMatch(_), None) => false,
            (PutCondition::IfMatch(wanted), Some(held)) => held.etag == wanted,
        };
        if !holds {
            return Ok(PutOutcome::PreconditionFailed);
        }
        objects.insert(key.to_owned(), Held { bytes, metadata, etag: etag.clone() });
        Ok(PutOutcome::Stored { etag })
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Memory").field("objects", &self.objects().len()).finish()
    }
}

struct Held {
    bytes: Vec<u8>,
    metadata: Metadata,
    etag: Etag,
}

impl Held {
    fn size(&self) -> u64 {
        u64::try_from(self.bytes.len()).expect("no more than 2^64 bytes fit in memory")
    }
}

fn position(byte: u64) -> usize {
    usize::try_from(byte).expect("the range was cut to an object in memory")
}
