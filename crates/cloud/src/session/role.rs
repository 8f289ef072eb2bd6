//! AssumeRole.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as Keys;
use aws_sdk_sts::error::SdkError;
use aws_sdk_sts::operation::assume_role::builders::AssumeRoleFluentBuilder;
use aws_sdk_sts::types::Tag;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{LONGEST_CHAINED, RoleSpec, Session};
use crate::{Call, CloudError};

/// What AWS takes.
const SHORTEST: Duration = Duration::from_secs(15 * 60);
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);

/// A role, and the session that assumes it.
pub(super) struct Assumption {
    role: RoleSpec,
    source: Session,
    region: String,
    sts: aws_sdk_sts::Client,
}

impl Assumption {
    pub(super) fn new(role: RoleSpec, source: &Session, region: &str) -> Self {
        Self { role, source: source.clone(), region: region.to_owned(), sts: source.sts(region) }
    }

    /// New credentials.
    pub(super) async fn assume(&self) -> Result<Keys, CloudError> {
        let duration = self.role.duration.clamp(SHORTEST, LONGEST);
        match self.ask(duration).await {
            Err(error) if duration > LONGEST_CHAINED && is_chained(&error) => self.ask(LONGEST_CHAINED).await,
            answer => answer,
        }
    }

    async fn ask(&self, duration: Duration) -> Result<Keys, CloudError> {
        // The error of the credentials below is this one's error: no use in asking.
        Box::pin(self.source.check()).await?;
        let call = Call { service: "STS", operation: "AssumeRole", region: self.region.clone() };
        self.source.wait(&call).await;
        let answer = self.request(duration).send().await.map_err(|error| self.failure(call.clone(), &error))?;
        let Some(given) = answer.credentials else {
            return Err(CloudError::Malformed { call, reason: "the answer holds no credentials".to_owned() });
        };
        let Ok(end) = SystemTime::try_from(given.expiration) else {
            return Err(CloudError::Malformed { call, reason: "the end of the credentials is no time".to_owned() });
        };
        Ok(Keys::new(given.access_key_id, given.secret_access_key, Some(given.session_token), Some(end), "assize"))
    }

    fn request(&self, duration: Duration) -> AssumeRoleFluentBuilder {
        let role = &self.role;
        let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build().ok();
        let tags: Vec<Tag> = role.session_tags.iter().filter_map(tag).collect();
        self.sts
            .assume_role()
            .role_arn(&role.arn)
            .role_session_name(&role.session_name)
            .duration_seconds(i32::try_from(duration.as_secs()).unwrap_or(i32::MAX))
            .set_external_id(role.external_id.clone())
            .set_tags((!tags.is_empty()).then_some(tags))
    }

    fn failure<E>(&self, call: Call, error: &SdkError<E, HttpResponse>) -> CloudError
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        crate::error::from_sdk(call, "sts:AssumeRole", Some(&self.role.arn), error)
    }
}

/// Whether AWS refused the duration because the caller is itself an assumed role.
fn is_chained(error: &CloudError) -> bool {
    matches!(error, CloudError::Service { code, message, .. } if code == "ValidationError" && message.contains("role chaining"))
}
