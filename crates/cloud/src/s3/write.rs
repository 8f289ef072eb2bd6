//! Writing: one PutObject, under a condition or not.

use assize_bucket::{BucketError, Etag, Metadata, PutCondition, PutOutcome, check_key, check_metadata};
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ObjectLockMode, ServerSideEncryption};

use super::error::{Action, answered};
use super::{RetentionMode, S3Bucket};

pub(super) async fn put(
    bucket: &S3Bucket,
    key: &str,
    bytes: Vec<u8>,
    metadata: Metadata,
    condition: PutCondition,
) -> Result<PutOutcome, BucketError> {
    check_key(key)?;
    check_metadata(key, &metadata)?;
    let full = bucket.full(key)?;
    let request = bucket
        .inner
        .client
        .put_object()
        .bucket(bucket.name())
        .key(full)
        .set_metadata(Some(metadata.into_iter().collect()))
        .checksum_algorithm(ChecksumAlgorithm::Sha256)
        .set_expected_bucket_owner(bucket.owner())
        .body(ByteStream::from(bytes));
    let conditional = condition != PutCondition::Always;
    let request = match &condition {
        PutCondition::Always => request,
        PutCondition::IfAbsent => request.if_none_match("*"),
        PutCondition::IfMatch(etag) => request.if_match(etag.as_str()),
    };
    let error = match protect(bucket, request).send().await {
        Ok(stored) => {
            let etag = stored.e_tag().map(Etag::new);
            let etag = etag.ok_or_else(|| bucket.malformed(Action::Put, key, "the etag of what was stored is missing"))?;
            return Ok(PutOutcome::Stored { etag });
        }
        Err(error) => error,
    };
    match (answered(&error), &condition) {
        ((412, _), _) if conditional => Ok(PutOutcome::PreconditionFailed),
        ((409, _), _) if conditional => Ok(PutOutcome::Conflict),
        ((404, "NoSuchKey"), PutCondition::IfMatch(_)) => Ok(PutOutcome::PreconditionFailed),
        _ => Err(bucket.failed(Action::Put, key, &error)),
    }
}

/// Encryption and retention, where the options ask for more than the bucket's defaults.
fn protect(bucket: &S3Bucket, mut request: PutObjectFluentBuilder) -> PutObjectFluentBuilder {
    if let Some(key) = &bucket.inner.options.kms_key {
        // A bucket key saves most of the calls to KMS, and their price.
        request = request.server_side_encryption(ServerSideEncryption::AwsKms).ssekms_key_id(key).bucket_key_enabled(true);
    }
    if let Some(lock) = bucket.inner.options.object_lock {
        let mode = match lock.mode {
            RetentionMode::Governance => ObjectLockMode::Governance,
            RetentionMode::Compliance => ObjectLockMode::Compliance,
        };
        request = request.object_lock_mode(mode).object_lock_retain_until_date(bucket.retain_until(lock.days));
    }
    request
}
