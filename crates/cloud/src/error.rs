//! What can go wrong with AWS, read from AWS's own answers.
//!
//! A [`CloudError`] is data: it can be cloned, compared and counted, and it holds no secret. Its message says what
//! failed, on what, why, and what to do next; its [`Reason`] is a stable code for reports. What AWS says in a
//! message is quoted on one line, cut, and without anything that looks like a token.

mod classify;
mod denial;
mod sdk;
#[cfg(test)]
mod tests;

use std::fmt;

use assize_bucket::BucketError;

pub(crate) use classify::{Answer, classify, is_throttle};
pub use denial::{Denial, DenialCause};
pub(crate) use sdk::{from_sdk, no_credentials, story};

/// Which call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The service: "CloudTrail".
    pub service: &'static str,
    /// The operation: "DescribeTrails".
    pub operation: &'static str,
    /// The region asked: "eu-west-1".
    pub region: String,
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} in {}", self.service, self.operation, self.region)
    }
}

/// Why a call to AWS gave no answer that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloudError {
    /// A policy does not allow the call, or forbids it.
    #[error("cannot call {call}: {denial}; {advice}", call = .0.call, denial = .0, advice = .0.advice())]
    Denied(Box<Denial>),

    /// STS refused AssumeRole. If AWS gives no cause, it is one of three that AWS does not tell apart: the role does
    /// not exist, its trust policy does not name the caller, or the external id is missing or wrong.
    #[error("cannot assume role {role}: {denial}; {advice}", advice = denial::role_advice(denial))]
    RoleNotAssumable {
        /// The role's ARN.
        role: String,
        /// What AWS said.
        denial: Box<Denial>,
    },

    /// What was asked about does not exist.
    #[error("cannot call {call}: AWS found nothing ({code}: {message}); check the name, the account and the region")]
    NotFound {
        /// The call.
        call: Call,
        /// AWS's error code.
        code: String,
        /// What AWS said.
        message: String,
    },

    /// Too many calls, still after all attempts.
    #[error("cannot call {call}: AWS limits the rate ({code}: {message}); run again later, or lower the concurrency")]
    Throttled {
        /// The call.
        call: Call,
        /// AWS's error code.
        code: String,
        /// What AWS said.
        message: String,
    },

    /// The region is not enabled in the account, or the account may not use the service there. In regions that are
    /// off until an account enables them, AWS answers as if the credentials were unknown.
    #[error(
        "cannot call {call}: the region or service is not enabled in this account ({code}: {message}); enable it, or leave the region out"
    )]
    RegionDisabled {
        /// The call.
        call: Call,
        /// AWS's error code.
        code: String,
        /// What AWS said.
        message: String,
    },

    /// No credentials were found, or AWS does not know them.
    #[error(
        "no AWS credentials that work: {message}; set AWS_PROFILE or the AWS_* variables, log in, or give the machine a role"
    )]
    NoCredentials {
        /// What was tried, or what AWS said.
        message: String,
    },

    /// The credentials have expired and could not be renewed.
    #[error("cannot call {call}: the credentials have expired ({code}: {message}); log in again, or start a new job")]
    Expired {
        /// The call.
        call: Call,
        /// AWS's error code.
        code: String,
        /// What AWS said.
        message: String,
    },

    /// There was no answer, or it broke off, still after all attempts.
    #[error("cannot reach {call}: {message}; check network, proxy and endpoint settings, then run again")]
    Network {
        /// The call.
        call: Call,
        /// What happened.
        message: String,
    },

    /// The object is in an archive tier and must be restored before it can be read.
    #[error(
        "cannot read {object}: it is archived{place}; restore it, or leave its time out of the period",
        place = storage_class.as_deref().map(|class| format!(" in {class}")).unwrap_or_default()
    )]
    Archived {
        /// The object, as `s3://bucket/key`.
        object: String,
        /// Its storage class, if AWS said.
        storage_class: Option<String>,
    },

    /// The object was found, but the KMS key it is encrypted with cannot be used. The resource is the key's ARN, if
    /// AWS said.
    #[error("cannot call {call}: {denial}; {advice}", call = .0.call, denial = .0, advice = denial::key_advice(.0))]
    KmsDenied(Box<Denial>),

    /// The clock of this machine differs from AWS's by more than the five to fifteen minutes that AWS accepts.
    #[error("cannot call {call}: the clock of this machine is wrong ({code}: {message}); set it by NTP and run again")]
    ClockSkew {
        /// The call.
        call: Call,
        /// AWS's error code.
        code: String,
        /// What AWS said.
        message: String,
    },

    /// Anything else that AWS said. The code is AWS's, or `HTTP 500` and the like where the answer has none.
    #[error("cannot call {call}: AWS answered {code}: {message}; look the code up in the API reference of {service}", service = call.service)]
    Service {
        /// The call.
        call: Call,
        /// AWS's error code.
        code: String,
        /// What AWS said.
        message: String,
    },

    /// A request could not be built, or an answer cannot be read.
    #[error("cannot call {call}: {reason}; if the endpoint is AWS's own, please report this")]
    Malformed {
        /// The call.
        call: Call,
        /// What is wrong.
        reason: String,
    },
}

impl CloudError {
    /// The stable code of this failure.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Denied(denial) => match denial.cause {
                DenialCause::Scp { .. } => Reason::ScpDenied,
                DenialCause::ResourceControlPolicy => Reason::RcpDenied,
                _ => Reason::Denied,
            },
            Self::RoleNotAssumable { .. } => Reason::RoleNotAssumable,
            Self::NotFound { .. } => Reason::NotFound,
            Self::Throttled { .. } => Reason::Throttled,
            Self::RegionDisabled { .. } => Reason::RegionDisabled,
            Self::NoCredentials { .. } => Reason::NoCredentials,
            Self::Expired { .. } => Reason::CredentialsExpired,
            Self::Network { .. } => Reason::Network,
            Self::Archived { .. } => Reason::Archived,
            Self::KmsDenied(_) => Reason::KmsDenied,
            Self::ClockSkew { .. } => Reason::ClockSkew,
            Self::Service { .. } => Reason::ServiceError,
            Self::Malformed { .. } => Reason::Malformed,
        }
    }

    /// AWS's error code, such as `TrailNotFoundException`, where the kind of failure keeps one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::NotFound { code, .. }
            | Self::Throttled { code, .. }
            | Self::RegionDisabled { code, .. }
            | Self::Expired { code, .. }
            | Self::ClockSkew { code, .. }
            | Self::Service { code, .. } => Some(code),
            Self::Denied(denial) | Self::KmsDenied(denial) | Self::RoleNotAssumable { denial, .. } => Some(&denial.code),
            Self::NoCredentials { .. } | Self::Network { .. } | Self::Archived { .. } | Self::Malformed { .. } => None,
        }
    }

    /// Who was denied what, if this is a denial of any kind.
    pub fn denial(&self) -> Option<&Denial> {
        match self {
            Self::Denied(denial) | Self::KmsDenied(denial) | Self::RoleNotAssumable { denial, .. } => Some(denial),
            _ => None,
        }
    }

    /// What this crate put into an error of a bucket: the reason, the denial. `None` if the error did not come from
    /// AWS.
    pub fn of(error: &BucketError) -> Option<&Self> {
        match error {
            BucketError::Service { source, .. } => source.downcast_ref(),
            _ => None,
        }
    }
}

/// A stable code for each kind of failure. Codes are never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// `denied`: a policy other than those below, or AWS did not say which.
    Denied,
    /// `scp-denied`: a service control policy of the organisation.
    ScpDenied,
    /// `rcp-denied`: a resource control policy of the organisation.
    RcpDenied,
    /// `role-not-assumable`
    RoleNotAssumable,
    /// `kms-denied`
    KmsDenied,
    /// `archived`
    Archived,
    /// `not-found`
    NotFound,
    /// `throttled`
    Throttled,
    /// `region-disabled`
    RegionDisabled,
    /// `no-credentials`
    NoCredentials,
    /// `credentials-expired`
    CredentialsExpired,
    /// `network`
    Network,
    /// `clock-skew`
    ClockSkew,
    /// `service-error`
    ServiceError,
    /// `malformed-answer`
    Malformed,
}

impl Reason {
    /// The code, in kebab case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::ScpDenied => "scp-denied",
            Self::RcpDenied => "rcp-denied",
            Self::RoleNotAssumable => "role-not-assumable",
            Self::KmsDenied => "kms-denied",
            Self::Archived => "archived",
            Self::NotFound => "not-found",
            Self::Throttled => "throttled",
            Self::RegionDisabled => "region-disabled",
            Self::NoCredentials => "no-credentials",
            Self::CredentialsExpired => "credentials-expired",
            Self::Network => "network",
            Self::ClockSkew => "clock-skew",
            Self::ServiceError => "service-error",
            Self::Malformed => "malformed-answer",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A text from outside as one line that may be shown: control characters escaped, cut to a readable length, and
/// without what looks like a token or an encoded message.
pub(crate) fn clean(text: &str) -> String {
    const MOST: usize = 600;
    let mut shown = String::new();
    let mut length = 0;
    for run in text.trim().split_inclusive([' ', ':', '\n', ',', '&', '"', '\'']) {
        if length > MOST {
            shown.push('…');
            break;
        }
        if is_token(run) {
            shown.push_str("… ");
            length += 2;
            continue;
        }
        for character in run.chars() {
            match character {
                '\n' | '\r' | '\t' => shown.push(' '),
                '\'' | '"' | '\\' => shown.push(character),
                other => shown.extend(other.escape_debug()),
            }
        }
        length += run.len();
    }
    shown.truncate(shown.trim_end().len());
    shown
}

/// Whether a run of characters looks like a token. Long keys of objects have slashes and something that is not base64.
fn is_token(run: &str) -> bool {
    const LONGEST: usize = 100;
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=%".contains(&byte);
    let run = run.trim_end_matches([' ', ':', '\n', ',', '&', '"', '\'']);
    run.len() > LONGEST && (!run.contains('/') || run.bytes().all(base64) || run.len() > 1200)
}
