//! Counts requests by kind, so that a run can state its cost and keep to `max-requests`.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use assize_bucket::{Bucket, BucketError, Entry, Metadata, Object, ObjectHead, PutCondition, PutOutcome};
use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;

/// Keys that S3 lists in one request (S3 API, `ListObjectsV2`, `MaxKeys`).
const PAGE: u64 = 1_000;

/// Requests so far.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    list: AtomicU64,
    get: AtomicU64,
    put: AtomicU64,
    /// Calls of other services.
    api: AtomicU64,
}

/// Requests, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Pages of listings.
    pub(crate) list: u64,
    /// Reads.
    pub(crate) get: u64,
    /// Writes.
    pub(crate) put: u64,
    /// Calls of other services.
    pub(crate) api: u64,
}

impl Requests {
    /// The counts.
    pub(crate) fn counted(&self) -> Counted {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counted { list: read(&self.list), get: read(&self.get), put: read(&self.put), api: read(&self.api) }
    }

    /// All of them.
    pub(crate) fn total(&self) -> u64 {
        let Counted { list, get, put, api } = self.counted();
        list + get + put + api
    }

    /// Notes calls of another service.
    pub(crate) fn api(&self, calls: u64) {
        self.api.fetch_add(calls, Ordering::Relaxed);
    }
}

impl Counted {
    /// Dollars by the price of S3 Standard in most regions (AWS S3 pricing, 2026: 0.005 per 1,000 PUT or LIST, 0.0004 per
    /// 1,000 GET); an estimate for planning, without transfer and storage.
    pub(crate) fn dollars(self) -> f64 {
        let priced = |count: u64, per_thousand: f64| f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / 1_000.0 * per_thousand;
        priced(self.list + self.put, 0.005) + priced(self.get, 0.0004)
    }
}

/// A bucket whose requests are counted.
pub(crate) struct Metered {
    inner: Arc<dyn Bucket>,
    requests: Arc<Requests>,
}

impl Metered {
    /// Counts the requests to a bucket.
    pub(crate) fn new(inner: Arc<dyn Bucket>, requests: Arc<Requests>) -> Metered {
        Metered { inner, requests }
    }
}

#[async_trait]
impl Bucket for Metered {
    fn list(&self, prefix: &str, start_after: Option<&str>) -> BoxStream<'_, Result<Entry, BucketError>> {
        self.requests.list.fetch_add(1, Ordering::Relaxed);
        let mut seen = 0;
        let counting = move |_: &Result<Entry, BucketError>| {
            if seen > 0 && seen % PAGE == 0 {
                self.requests.list.fetch_add(1, Ordering::Relaxed);
            }
            seen += 1;
        };
        self.inner.list(prefix, start_after).inspect(counting).boxed()
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Object, BucketError> {
        self.requests.get.fetch_add(1, Ordering::Relaxed);
        self.inner.get(key, range).await
    }

    async fn get_version(&self, key: &str, version_id: &str) -> Result<Object, BucketError> {
        self.requests.get.fetch_add(1, Ordering::Relaxed);
        self.inner.get_version(key, version_id).await
    }

    async fn head(&self, key: &str) -> Result<ObjectHead, BucketError> {
        self.requests.get.fetch_add(1, Ordering::Relaxed);
        self.inner.head(key).await
    }

    async fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        metadata: Metadata,
        condition: PutCondition,
    ) -> Result<PutOutcome, BucketError> {
        self.requests.put.fetch_add(1, Ordering::Relaxed);
        self.inner.put(key, bytes, metadata, condition).await
    }
}
