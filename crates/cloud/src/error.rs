//! What can go wrong with AWS, read from AWS's own answers.

use std::fmt;

/// Which call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The service: "CloudTrail".
    pub service: &'static str,
    /// The operation: "DescribeTrails".
    pub operation: &'static str,
    /// The region asked.
    pub region: String,
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} in {}", self.service, self.operation, self.region)
    }
}

/// Why a call to AWS gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloudError {
    /// IAM said no.
    #[error("{0}")]
    Denied(Box<Denial>),
    /// A role could not be assumed.
    #[error("cannot assume {role}: {message}")]
    RoleNotAssumable {
        /// The role's ARN.
        role: String,
        /// Who tried, if AWS said.
        principal: Option<String>,
        /// What AWS said.
        message: String,
    },
    /// What was asked for does not exist.
    #[error("{call}: {code}: {message}")]
    NotFound {
        /// The call.
        call: Call,
        /// AWS's error code.
        code: String,
        /// What AWS said.
        message: String,
    },
    /// Too many calls, still after all attempts.
    #[error("{call}: {code}: {message}")]
    Throttled {
        /// The call.
        call: Call,
        /// AWS's error code.
        code: String,
        /// What AWS said.
        message: String,
    },
    /// The region is not enabled in the account, or the service is not there.
    #[error("{call}: {code}: {message}")]
    RegionDisabled {
        /// The call.
        call: Call,
        /// AWS's error code.
        code: String,
        /// What AWS said.
        message: String,
    },
    /// No credentials were found, or AWS does not know them.
    #[error("no credentials: {message}")]
    NoCredentials {
        /// What was tried.
        message: String,
    },
    /// The credentials have expired.
    #[error("{call}: {code}: {message}")]
    Expired {
        /// The call.
        call: Call,
        /// AWS's error code.
        code: String,
        /// What AWS said.
        message: String,
    },
    /// No answer.
    #[error("{call}: {message}")]
    Network {
        /// The call.
        call: Call,
        /// What happened.
        message: String,
    },
    /// The object is in an archive and must be restored before it can be read.
    #[error("{key} is archived")]
    Archived {
        /// The object, as `s3://bucket/key`.
        key: String,
        /// Its storage class, if AWS said.
        storage_class: Option<String>,
    },
    /// KMS said no.
    #[error("{0}")]
    KmsDenied(Box<Denial>),
    /// The clock of this machine is wrong.
    #[error("{call}: {code}: {message}")]
    ClockSkew {
        /// The call.
        call: Call,
        /// AWS's error code.
        code: String,
        /// What AWS said.
        message: String,
    },
    /// Anything else AWS said.
    #[error("{call}: {code}: {message}")]
    Service {
        /// The call.
        call: Call,
        /// AWS's error code.
        code: String,
        /// What AWS said.
        message: String,
    },
    /// The answer does not make sense.
    #[error("{call}: {reason}")]
    Malformed {
        /// The call.
        call: Call,
        /// What is wrong with it.
        reason: String,
    },
}

impl CloudError {
    /// AWS's error code, where there is one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::NotFound { code, .. }
            | Self::Throttled { code, .. }
            | Self::RegionDisabled { code, .. }
            | Self::Expired { code, .. }
            | Self::ClockSkew { code, .. }
            | Self::Service { code, .. } => Some(code),
            _ => None,
        }
    }
}

/// An authorisation that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The IAM action: "cloudtrail:DescribeTrails".
    pub action: String,
    /// Who asked.
    pub principal: Option<String>,
    /// On what.
    pub resource: Option<String>,
    /// Which kind of policy said no.
    pub cause: DenialCause,
    /// What AWS said.
    pub message: String,
}

impl fmt::Display for Denial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} is denied: {}", self.action, self.message)
    }
}

/// Which kind of policy said no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DenialCause {
    /// A service control policy.
    Scp {
        /// Its ARN, if AWS named it.
        arn: Option<String>,
    },
    /// A resource control policy.
    ResourceControlPolicy,
    /// A permissions boundary.
    PermissionsBoundary,
    /// A session policy.
    SessionPolicy,
    /// The resource's own policy.
    ResourcePolicy,
    /// The principal's policies.
    IdentityPolicy,
    /// The policy of a KMS key.
    KmsKey,
    /// AWS did not say.
    Unknown,
}

/// A stable code for each kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// `denied`
    Denied,
}
