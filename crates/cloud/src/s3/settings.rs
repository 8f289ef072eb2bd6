//! How a bucket is set up to keep what is put into it. Only reads; for `assize doctor`.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{BucketVersioningStatus, ObjectLockEnabled};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use futures::future::join3;

use super::S3Bucket;
use crate::{Call, CloudError, Gap};

/// How a bucket is set up. What may not be read is `None`, with a gap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketSettings {
    /// How objects are encrypted that are put without a word on it.
    pub encryption: Option<DefaultEncryption>,
    /// Whether what is overwritten or deleted is kept as an older version.
    pub versioned: Option<bool>,
    /// Whether objects can be given a retention.
    pub object_lock: Option<bool>,
    /// What could not be read: `encryption`, `versioning`, `object lock`.
    pub gaps: Vec<Gap>,
}

/// The default encryption of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultEncryption {
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub algorithm: String,
    /// The KMS key. `None` with `aws:kms`: AWS's own key, which lets no other account in.
    pub kms_key: Option<String>,
}

impl S3Bucket {
    /// Reads how the bucket is set up: `s3:GetEncryptionConfiguration`, `s3:GetBucketVersioning`,
    /// `s3:GetBucketObjectLockConfiguration`.
    pub async fn settings(&self) -> BucketSettings {
        let mut settings = BucketSettings::default();
        let (encryption, versioned, object_lock) = join3(self.encryption(), self.versioned(), self.object_lock()).await;
        settings.encryption = self.known("encryption", encryption, &mut settings.gaps);
        settings.versioned = self.known("versioning", versioned, &mut settings.gaps);
        settings.object_lock = self.known("object lock", object_lock, &mut settings.gaps);
        settings
    }

    fn known<T>(&self, what: &str, read: Result<T, CloudError>, gaps: &mut Vec<Gap>) -> Option<T> {
        read.map_err(|error| gaps.push(Gap::new(format!("{what} of bucket {}", self.name()), &error))).ok()
    }

    async fn encryption(&self) -> Result<DefaultEncryption, CloudError> {
        let request = self.inner.client.get_bucket_encryption().bucket(self.name()).set_expected_bucket_owner(self.owner());
        let plain = || DefaultEncryption { algorithm: "AES256".to_owned(), kms_key: None };
        let answer = match request.send().await {
            Ok(answer) => answer,
            // Since 2023 S3 encrypts with AES256 where nothing else is set; older stores say that nothing is set.
            Err(error) if error.code() == Some("ServerSideEncryptionConfigurationNotFoundError") => return Ok(plain()),
            Err(error) => return Err(self.asked("GetBucketEncryption", "s3:GetEncryptionConfiguration", &error)),
        };
        let rules = answer.server_side_encryption_configuration.map(|all| all.rules).unwrap_or_default();
        let default = rules.into_iter().find_map(|rule| rule.apply_server_side_encryption_by_default);
        Ok(default.map_or_else(plain, |default| DefaultEncryption {
            algorithm: default.sse_algorithm.as_str().to_owned(),
            kms_key: default.kms_master_key_id,
        }))
    }

    async fn versioned(&self) -> Result<bool, CloudError> {
        let request = self.inner.client.get_bucket_versioning().bucket(self.name()).set_expected_bucket_owner(self.owner());
        let answer = request.send().await;
        let answer = answer.map_err(|error| self.asked("GetBucketVersioning", "s3:GetBucketVersioning", &error))?;
        Ok(answer.status == Some(BucketVersioningStatus::Enabled))
    }

    async fn object_lock(&self) -> Result<bool, CloudError> {
        let request =
            self.inner.client.get_object_lock_configuration().bucket(self.name()).set_expected_bucket_owner(self.owner());
        match request.send().await {
            Ok(answer) => {
                let enabled = answer.object_lock_configuration.and_then(|lock| lock.object_lock_enabled);
                Ok(enabled == Some(ObjectLockEnabled::Enabled))
            }
            Err(error) if error.code() == Some("ObjectLockConfigurationNotFoundError") => Ok(false),
            Err(error) => Err(self.asked("GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration", &error)),
        }
    }

    /// What the failure of a question about the bucket means.
    fn asked<E>(&self, operation: &'static str, action: &str, error: &SdkError<E, HttpResponse>) -> CloudError
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let call = Call { service: "S3", operation, region: self.region().to_owned() };
        let arn = format!("arn:{}:s3:::{}", crate::partition::of_region(self.region()).id(), self.name());
        crate::error::from_sdk(call, action, Some(&arn), error)
    }
}
