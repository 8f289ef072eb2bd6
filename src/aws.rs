//! What the configuration says, as sessions and buckets of AWS; and what AWS says, as reasons of a report.

use std::sync::Arc;

use assize_bucket::{Bucket, BucketError, LocalFolder, Memory};
use assize_cloud::{
    CloudError, ObjectLock, Reason as CloudReason, RetentionMode, RoleSpec, RoleStep, S3Options, Session, SessionOptions,
    Sessions,
};
use assize_engine::coverage::Reason;

use crate::config::{self, Config, ExternalId, Location, LockMode, S3Location, SigningKeyPlace};

/// Opens the run's own credentials.
///
/// # Errors
/// There are none.
pub(crate) async fn sessions(config: &Config) -> Result<Sessions, CloudError> {
    let region = match &config.audit.location {
        Location::S3(location) => location.region.clone(),
        Location::Folder(_) => None,
    };
    let region = region.or_else(|| Some(config.partition.global_region().to_owned()));
    Sessions::open(SessionOptions { region, ..SessionOptions::default() }).await
}

/// The session in an account.
pub(crate) fn account_session(sessions: &Sessions, config: &Config, account: &str) -> Session {
    let role = config.role_of(account);
    sessions.assume(&RoleSpec {
        arn: role.arn(config.partition, account),
        external_id: exposed(role.external_id.as_ref()),
        session_name: role.session_name.clone(),
        duration: role.session_duration(),
        session_tags: role.session_tags.clone(),
        via: steps(&role.via),
        region: config.partition.global_region().to_owned(),
    })
}

/// The session that reads the organisation.
pub(crate) fn organization_session(sessions: &Sessions, config: &Config) -> Option<Session> {
    let asked = config.accounts.organization.as_ref()?;
    let Some(role) = &asked.role else { return Some(sessions.base()) };
    Some(sessions.assume(&RoleSpec {
        arn: role.step.arn.clone(),
        external_id: exposed(role.step.external_id.as_ref()),
        session_name: config.role.session_name.clone(),
        duration: config.role.session_duration(),
        session_tags: config.role.session_tags.clone(),
        via: steps(&role.via),
        region: config.partition.global_region().to_owned(),
    }))
}

fn steps(steps: &[config::RoleStep]) -> Vec<RoleStep> {
    steps.iter().map(|step| RoleStep { arn: step.arn.clone(), external_id: exposed(step.external_id.as_ref()) }).collect()
}

fn exposed(id: Option<&ExternalId>) -> Option<String> {
    id.map(|id| id.expose().to_owned())
}

/// The KMS key that signs manifests, and who may use it: the run itself.
pub(crate) fn signing_key<'c>(sessions: &Sessions, config: &'c Config) -> Option<(Session, &'c str)> {
    match &config.signing {
        Some(SigningKeyPlace::Kms(arn)) => Some((sessions.base(), arn)),
        _ => None,
    }
}

/// Why the audit bucket cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuditError {
    /// On S3.
    #[error("the audit bucket cannot be opened: {0}")]
    Cloud(#[from] CloudError),
    /// A folder.
    #[error("the audit folder cannot be opened: {0}")]
    Folder(#[from] BucketError),
}

/// Opens the audit bucket.
///
/// # Errors
/// It cannot be found, or may not be used.
pub(crate) async fn audit_bucket(sessions: &Sessions, config: &Config) -> Result<Arc<dyn Bucket>, AuditError> {
    Ok(match &config.audit.location {
        Location::Folder(path) => Arc::new(LocalFolder::create(path)?),
        Location::S3(location) => Arc::new(sessions.base().bucket(s3_options(location)).await?),
    })
}

/// The audit bucket to read alone, if it is a folder: one that is not there is an empty bucket, and is not made.
///
/// # Errors
/// It may not be read.
pub(crate) fn audit_folder_as_it_is(config: &Config) -> Result<Option<Arc<dyn Bucket>>, AuditError> {
    Ok(match &config.audit.location {
        Location::Folder(path) if !path.exists() => Some(Arc::new(Memory::new())),
        Location::Folder(path) => Some(Arc::new(LocalFolder::open(path)?)),
        Location::S3(_) => None,
    })
}

/// As [`audit_bucket`], to read alone: a folder is not made.
///
/// # Errors
/// It cannot be found, or may not be used.
pub(crate) async fn audit_bucket_as_it_is(sessions: &Sessions, config: &Config) -> Result<Arc<dyn Bucket>, AuditError> {
    match audit_folder_as_it_is(config)? {
        Some(folder) => Ok(folder),
        None => audit_bucket(sessions, config).await,
    }
}

fn s3_options(location: &S3Location) -> S3Options {
    let prefix = if location.prefix.is_empty() { String::new() } else { format!("{}/", location.prefix) };
    let object_lock = location.object_lock.map(|lock| ObjectLock {
        mode: match lock.mode {
            LockMode::Governance => RetentionMode::Governance,
            LockMode::Compliance => RetentionMode::Compliance,
        },
        days: lock.days,
    });
    S3Options {
        bucket: location.bucket.clone(),
        prefix,
        region: location.region.clone(),
        kms_key: location.kms_key.clone(),
        object_lock,
        expected_owner: location.owner.clone(),
    }
}

/// What a failure of AWS means for coverage.
pub(crate) fn reason(error: &CloudError) -> Reason {
    match error.reason() {
        CloudReason::ScpDenied => Reason::ScpDenied,
        CloudReason::RoleNotAssumable => Reason::RoleNotAssumable,
        CloudReason::KmsDenied => Reason::KmsDenied,
        CloudReason::Archived => Reason::Archived,
        CloudReason::NotFound => Reason::ObjectFailed,
        CloudReason::Throttled => Reason::Throttled,
        CloudReason::Denied | CloudReason::RcpDenied | CloudReason::NoCredentials | CloudReason::CredentialsExpired => {
            Reason::Denied
        }
        _ => Reason::Unreachable,
    }
}

/// What a failure of a bucket means for coverage.
pub(crate) fn bucket_reason(error: &BucketError) -> Reason {
    CloudError::of(error).map_or(Reason::ObjectFailed, reason)
}
