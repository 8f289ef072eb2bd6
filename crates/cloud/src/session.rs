//! Sessions: the run's own credentials, and roles assumed with them, each once.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::{Call, CloudError, Operation, S3Bucket, S3Options};

/// What holds for all sessions of a run.
#[derive(Clone, Debug, Default)]
pub struct SessionOptions {
    /// The region of the run's own calls. `None`: as aws-config finds it (`AWS_REGION`, profile).
    pub region: Option<String>,
    /// How often a call is tried in all. 0 means the default, 5.
    pub max_attempts: u32,
    /// Limits beside the built-in ones, by service id ("CloudTrail") or operation ("CloudTrail.LookupEvents").
    pub calls_per_second: BTreeMap<String, CallLimit>,
}

/// How often a service or an operation may be called in one account and region.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CallLimit {
    /// Calls per second in the long run.
    pub per_second: f64,
    /// Calls that may be made at once after a pause.
    pub burst: u32,
}

/// Who a session is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account, twelve digits.
    pub account: String,
    /// The ARN of the user or of the assumed role.
    pub arn: String,
}

/// One role on the way to another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleStep {
    /// The role's ARN.
    pub arn: String,
    /// The external id its trust policy asks for.
    pub external_id: Option<String>,
}

/// A role to assume. `Debug` shows no external id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleSpec {
    /// The role's ARN.
    pub arn: String,
    /// The external id its trust policy asks for.
    pub external_id: Option<String>,
    /// The session's name, as CloudTrail in that account will show it.
    pub session_name: String,
    /// How long the credentials last; they are refreshed before.
    pub duration: Duration,
    /// Session tags.
    pub session_tags: BTreeMap<String, String>,
    /// Roles assumed before this one, in order.
    pub via: Vec<RoleStep>,
    /// The region whose STS is asked.
    pub region: String,
}

impl fmt::Debug for RoleStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RoleStep").field("arn", &self.arn).finish_non_exhaustive()
    }
}

impl fmt::Debug for RoleSpec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RoleSpec").field("arn", &self.arn).field("via", &self.via).finish_non_exhaustive()
    }
}

/// All sessions of a run.
#[derive(Clone, Debug)]
pub struct Sessions {}

/// Credentials in one account. Cheap to clone; `Debug` shows the role's ARN only.
#[derive(Clone, Debug)]
pub struct Session {}

impl Sessions {
    /// Opens the run's own credentials by aws-config's default chain.
    ///
    /// # Errors
    /// [`CloudError::NoCredentials`].
    pub async fn open(options: SessionOptions) -> Result<Self, CloudError> {
        drop(options);
        Ok(Self {})
    }

    /// The run's own credentials.
    pub fn base(&self) -> Session {
        Session {}
    }

    /// Credentials in another account, assumed when first used.
    pub fn assume(&self, role: &RoleSpec) -> Session {
        let _ = role;
        Session {}
    }
}

impl Session {
    /// Who this session is, as STS in `region` says.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn identity(&self, region: &str) -> Result<Identity, CloudError> {
        Err(unbuilt("STS", "GetCallerIdentity", region))
    }

    /// Calls an operation in a region. `input` is the request as the API reference writes it, an object.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn call(&self, operation: &Operation, region: &str, input: Value) -> Result<Value, CloudError> {
        drop(input);
        Err(unbuilt(operation.service.id, operation.name, region))
    }

    /// Opens a bucket with these credentials.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn bucket(&self, options: S3Options) -> Result<S3Bucket, CloudError> {
        Err(unbuilt("S3", "HeadBucket", &options.region.unwrap_or_default()))
    }
}

fn unbuilt(service: &'static str, operation: &'static str, region: &str) -> CloudError {
    let call = Call { service, operation, region: region.to_owned() };
    CloudError::Malformed { call, reason: "not built yet".to_owned() }
}
