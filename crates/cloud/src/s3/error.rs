//! From S3's errors to a [`BucketError`], with the missing permission named.

use assize_bucket::BucketError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::S3Bucket;
use super::open::REGION_HEADER;
use crate::{Call, CloudError};

/// What is being done with a bucket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    List,
    Get,
    Head,
    Put,
}

impl Action {
    fn verb(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Get => "read",
            Self::Head => "look at",
            Self::Put => "write",
        }
    }

    pub(super) fn operation(self) -> &'static str {
        match self {
            Self::List => "ListObjectsV2",
            Self::Get => "GetObject",
            Self::Head => "HeadObject",
            Self::Put => "PutObject",
        }
    }

    fn permission(self) -> &'static str {
        match self {
            Self::List => "s3:ListBucket",
            Self::Get | Self::Head => "s3:GetObject",
            Self::Put => "s3:PutObject",
        }
    }
}

/// The HTTP status and AWS's code, where S3 answered.
pub(super) fn answered<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> (u16, &str) {
    match error {
        SdkError::ServiceError(answered) => (answered.raw().status().as_u16(), answered.err().meta().code().unwrap_or_default()),
        _ => (0, ""),
    }
}

impl S3Bucket {
    pub(super) fn call(&self, action: Action) -> Call {
        Call { service: "S3", operation: action.operation(), region: self.region().to_owned() }
    }

    /// What an error of the SDK means for `key`, which may be a prefix.
    pub(super) fn failed<E>(&self, action: Action, key: &str, error: &SdkError<E, HttpResponse>) -> BucketError
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let (_, code) = answered(error);
        if code == "InvalidObjectState" {
            return self.service(action, key, self.archived(key, None));
        }
        let partition = crate::partition::of_region(self.region()).id();
        let resource = match action {
            Action::List => format!("arn:{partition}:s3:::{}", self.name()),
            _ => format!("arn:{partition}:s3:::{}/{}{key}", self.name(), self.prefix()),
        };
        let mut cloud = crate::error::from_sdk(self.call(action), action.permission(), Some(&resource), error);
        if let (SdkError::ServiceError(answered), CloudError::Service { message, .. }) = (error, &mut cloud)
            && let Some(region) = answered.raw().headers().get(REGION_HEADER).filter(|region| *region != self.region())
        {
            message.push_str(&crate::error::clean(&format!(" (the bucket is in {region})")));
        }
        self.service(action, key, cloud)
    }

    pub(super) fn archived(&self, key: &str, storage_class: Option<String>) -> CloudError {
        CloudError::Archived { object: crate::error::clean(&format!("{self}{key}")), storage_class }
    }

    /// An answer that makes no sense.
    pub(super) fn malformed(&self, action: Action, key: &str, reason: impl Into<String>) -> BucketError {
        self.service(action, key, CloudError::Malformed { call: self.call(action), reason: reason.into() })
    }

    pub(super) fn service(&self, action: Action, key: &str, error: CloudError) -> BucketError {
        BucketError::Service {
            action: action.verb(),
            key: key.to_owned(),
            bucket: self.to_string(),
            advice: self.advice(action, &error),
            source: Box::new(error),
        }
    }

    fn advice(&self, action: Action, error: &CloudError) -> String {
        let name = self.name();
        let below = format!("{name}/{}*", self.prefix());
        match (error, action) {
            (CloudError::Denied(_), Action::List) => format!("s3:ListBucket is needed on {name}"),
            (CloudError::Denied(_), Action::Get | Action::Head) => format!(
                "s3:GetObject is needed on {below}; without s3:ListBucket on {name} S3 says the same of objects that are not there"
            ),
            (CloudError::Denied(_), Action::Put) if self.inner.options.object_lock.is_some() => {
                format!("s3:PutObject and s3:PutObjectRetention are needed on {below}")
            }
            (CloudError::Denied(_), Action::Put) => format!("s3:PutObject is needed on {below}"),
            (CloudError::KmsDenied(_), Action::Put) => "kms:GenerateDataKey and kms:Decrypt are needed on the key".to_owned(),
            (CloudError::KmsDenied(_), _) => "kms:Decrypt is needed on the key".to_owned(),
            (CloudError::NotFound { .. }, _) => format!("see that the bucket {name} exists and whose it is"),
            (CloudError::Service { code, .. }, _) if code == "PermanentRedirect" || code == "AuthorizationHeaderMalformed" => {
                "set the bucket's region, or leave it out to have S3 asked".to_owned()
            }
            (_, Action::Put) => "what was stored before stands; run again".to_owned(),
            _ => "nothing was changed; run again".to_owned(),
        }
    }
}
