//! Reading: whole objects, ranges, heads.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use assize_bucket::{BucketError, Etag, Metadata, Object, ObjectHead, clip_range};
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::types::ChecksumMode;

use super::S3Bucket;
use super::error::{Action, answered};
use crate::CloudError;

/// What is set aside for an object before its bytes come. More than this grows as they do.
const FIRST: u64 = 16 * 1024 * 1024;
/// S3 reads numbers up to here.
const FARTHEST: u64 = i64::MAX as u64;

/// What is read of an object.
pub(super) enum Part<'v> {
    /// The newest version, or a range of its bytes.
    Range(Option<Range<u64>>),
    /// One version, whole.
    Version(&'v str),
}

pub(super) async fn get(bucket: &S3Bucket, key: &str, part: Part<'_>) -> Result<Object, BucketError> {
    let full = bucket.full(key)?;
    if let Part::Range(Some(range)) = &part {
        if range.start >= range.end {
            // No size makes it a range; the error is the same for all.
            clip_range(key, Some(range.clone()), u64::MAX)?;
        }
        if range.start >= FARTHEST {
            let size = head(bucket, key).await?.size;
            clip_range(key, Some(range.clone()), size)?;
        }
    }
    let mut attempt = 1;
    loop {
        match attempt_get(bucket, key, &full, &part).await {
            Err(Failed::Body(error)) if attempt < bucket.inner.attempts => {
                tracing::warn!(%error, attempt, "a body broke off or was wrong; it is asked for again");
                tokio::time::sleep(Duration::from_millis(50 << attempt.min(6))).await;
                attempt += 1;
            }
            Err(Failed::Body(error)) => return Err(bucket.service(Action::Get, key, error)),
            Err(Failed::Answer(error)) => return Err(error),
            Ok(object) => return Ok(object),
        }
    }
}

/// The SDK retries up to the answer's head. What fails after that, in the body, is retried here.
enum Failed {
    Answer(BucketError),
    Body(CloudError),
}

async fn attempt_get(bucket: &S3Bucket, key: &str, full: &str, part: &Part<'_>) -> Result<Object, Failed> {
    let (range, version) = match part {
        Part::Range(range) => (range.as_ref(), None),
        Part::Version(version) => (None, Some((*version).to_owned())),
    };
    let request = bucket
        .inner
        .client
        .get_object()
        .bucket(bucket.name())
        .key(full)
        .set_range(range.map(|range| format!("bytes={}-{}", range.start, range.end.min(FARTHEST) - 1)))
        .set_version_id(version)
        .checksum_mode(ChecksumMode::Enabled)
        .set_expected_bucket_owner(bucket.owner());
    let mut answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return Err(Failed::Answer(refusal(bucket, key, range, &error))),
    };
    let malformed = |reason: &str| Failed::Answer(bucket.malformed(Action::Get, key, reason));
    let size = match (range, answer.content_range()) {
        (Some(_), Some(content_range)) => total(content_range).ok_or_else(|| malformed("the range it holds is unreadable"))?,
        (Some(_), None) => return Err(malformed("the whole object came where a range was asked for")),
        (None, _) => length(&answer).ok_or_else(|| malformed("the object's size is missing"))?,
    };
    let etag = answer.e_tag().map(Etag::new).ok_or_else(|| malformed("the object's etag is missing"))?;
    let metadata = metadata(answer.metadata());
    // `null` is the version of a bucket that keeps none at present: it names whatever is there.
    let version_id = answer.version_id.clone().filter(|version| version != "null");
    let bytes = body(&mut answer).await.map_err(|error| Failed::Body(body_error(bucket, &error)))?;
    Ok(Object { bytes, metadata, etag, size, version_id })
}

/// The bytes of an answer. The SDK compares their number with the head's and their checksum with S3's.
async fn body(answer: &mut GetObjectOutput) -> Result<Vec<u8>, aws_sdk_s3::primitives::ByteStreamError> {
    let expected = length(answer).unwrap_or_default().min(FIRST);
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
    while let Some(chunk) = answer.body.try_next().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn body_error(bucket: &S3Bucket, error: &aws_sdk_s3::primitives::ByteStreamError) -> CloudError {
    let call = bucket.call(Action::Get);
    let told = crate::error::clean(&crate::error::story(error));
    if told.contains("checksum") {
        let reason = format!("the bytes that came are not those that were stored: {told}");
        CloudError::Malformed { call, reason }
    } else {
        CloudError::Network { call, message: format!("the body broke off: {told}") }
    }
}

fn refusal(
    bucket: &S3Bucket,
    key: &str,
    range: Option<&Range<u64>>,
    error: &aws_sdk_s3::error::SdkError<GetObjectError, aws_smithy_runtime_api::client::orchestrator::HttpResponse>,
) -> BucketError {
    match (answered(error), range) {
        ((404, "NoSuchKey" | "NoSuchVersion" | ""), _) => BucketError::NotFound { key: key.to_owned() },
        ((416, _), Some(range)) => BucketError::InvalidRange {
            key: key.to_owned(),
            start: range.start,
            end: range.end,
            reason: "the object has fewer bytes".to_owned(),
        },
        _ => {
            if let Some(GetObjectError::InvalidObjectState(state)) = error.as_service_error() {
                let class = state.storage_class().map(|class| class.as_str().to_owned());
                return bucket.service(Action::Get, key, bucket.archived(key, class));
            }
            bucket.failed(Action::Get, key, error)
        }
    }
}

pub(super) async fn head(bucket: &S3Bucket, key: &str) -> Result<ObjectHead, BucketError> {
    let full = bucket.full(key)?;
    let request = bucket.inner.client.head_object().bucket(bucket.name()).key(full).set_expected_bucket_owner(bucket.owner());
    let answer = match request.send().await {
        Ok(answer) => answer,
        // The answer has no body, so a bucket that is missing looks the same.
        Err(error) if answered(&error).0 == 404 => return Err(BucketError::NotFound { key: key.to_owned() }),
        Err(error) => return Err(bucket.failed(Action::Head, key, &error)),
    };
    let size = answer.content_length().and_then(|size| u64::try_from(size).ok());
    match (answer.e_tag(), size) {
        (Some(etag), Some(size)) => Ok(ObjectHead { metadata: metadata(answer.metadata()), etag: Etag::new(etag), size }),
        _ => Err(bucket.malformed(Action::Head, key, "the object's etag or size is missing")),
    }
}

fn metadata(given: Option<&HashMap<String, String>>) -> Metadata {
    given.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn length(answer: &GetObjectOutput) -> Option<u64> {
    answer.content_length().and_then(|length| u64::try_from(length).ok())
}

/// The size of the whole object in `bytes 0-4/10`.
fn total(content_range: &str) -> Option<u64> {
    content_range.rsplit_once('/')?.1.parse().ok()
}
