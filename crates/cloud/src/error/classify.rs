//! From AWS's error code, message and HTTP status to a [`CloudError`].

use super::{Call, CloudError, Denial, DenialCause, clean};
use crate::partition;

/// An error that AWS answered with.
pub(crate) struct Answer<'a> {
    pub(crate) call: Call,
    /// The IAM action the call needs.
    pub(crate) action: &'a str,
    /// What the call is about, as an ARN, if it is about one thing.
    pub(crate) resource: Option<&'a str>,
    /// The HTTP status.
    pub(crate) status: u16,
    /// AWS's error code; empty if the answer has none.
    pub(crate) code: &'a str,
    /// AWS's message; empty if the answer has none.
    pub(crate) message: &'a str,
}

const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AccessDeniedFault",
    "AuthorizationError",
    "AuthorizationErrorException",
    "NotAuthorized",
    "NotAuthorizedException",
    "UnauthorizedAccess",
    "UnauthorizedOperation",
    "AllAccessDisabled",
    "OrganizationAccessDeniedException",
    "403",
    "Forbidden",
];
const THROTTLED: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "KMS.ThrottlingException",
];
const EXPIRED: &[&str] = &["ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"];
const NOT_ENABLED: &[&str] = &["OptInRequired", "SubscriptionRequiredException", "RegionDisabledException"];
const UNKNOWN_CREDENTIALS: &[&str] =
    &["AuthFailure", "InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidToken"];
const BAD_SIGNATURE: &[&str] = &["InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature"];

/// Whether an error code says that AWS is asked too often.
pub(crate) fn is_throttle(code: &str) -> bool {
    THROTTLED.contains(&code)
}

/// Decides what an error of AWS means.
pub(crate) fn classify(answer: Answer<'_>) -> CloudError {
    let Answer { call, action, resource, status, message, .. } = answer;
    let code = answer.code.strip_prefix("Client.").unwrap_or(answer.code);
    let is = |codes: &[&str]| codes.contains(&code);
    let told = || (shown_code(code, status), shown_message(code, message, status));
    if let Some(denial) = key_denial(&call, action, code, message) {
        return CloudError::KmsDenied(Box::new(denial));
    }
    if code == "RequestTimeTooSkewed" || is(BAD_SIGNATURE) && says_time(message) {
        let (code, message) = told();
        return CloudError::ClockSkew { call, code, message };
    }
    if is(DENIED) || code.is_empty() && status == 403 {
        let denial = Denial::read(call, &shown_code(code, status), &shown_message(code, message, status), action, resource);
        if action == "sts:AssumeRole" {
            let role = resource.or(denial.resource.as_deref()).unwrap_or("(unknown)").to_owned();
            return CloudError::RoleNotAssumable { role, denial: Box::new(denial) };
        }
        return CloudError::Denied(Box::new(denial));
    }
    let unknown = is(UNKNOWN_CREDENTIALS);
    let (shown, message) = told();
    if is(THROTTLED) || status == 429 {
        CloudError::Throttled { call, code: shown, message }
    } else if is(EXPIRED) {
        CloudError::Expired { call, code: shown, message }
    } else if is(NOT_ENABLED) || unknown && partition::is_opt_in(&call.region) {
        CloudError::RegionDisabled { call, code: shown, message }
    } else if unknown || is(BAD_SIGNATURE) {
        CloudError::NoCredentials { message: format!("{call}: {shown}: {message}") }
    } else if is_not_found(code) || code.is_empty() && status == 404 {
        CloudError::NotFound { call, code: shown, message }
    } else {
        CloudError::Service { call, code: shown, message }
    }
}

/// S3 and others decrypt for the caller, and pass on what KMS says.
fn key_denial(call: &Call, action: &str, code: &str, message: &str) -> Option<Denial> {
    let by_kms = code.strip_prefix("KMS.").is_some_and(|code| code != "ThrottlingException");
    let denied_by_kms = DENIED.contains(&code) && message.contains("to perform: kms:");
    let hidden = message.starts_with("The ciphertext refers to a customer master key");
    if call.service == "KMS" || !(by_kms || denied_by_kms || hidden) {
        return None;
    }
    let needed = if action == "s3:PutObject" { "kms:GenerateDataKey" } else { "kms:Decrypt" };
    let mut denial = Denial::read(call.clone(), code, message, needed, None);
    if denial.resource.is_none() {
        denial.resource = message.split([' ', '"', '\'', ',']).find(|word| is_key_arn(word)).map(str::to_owned);
    }
    if denial.cause == DenialCause::ResourcePolicy || by_kms && denial.cause == DenialCause::Unknown {
        denial.cause = DenialCause::KmsKey;
    }
    Some(denial)
}

fn is_key_arn(word: &str) -> bool {
    word.starts_with("arn:") && word.contains(":kms:")
}

fn is_not_found(code: &str) -> bool {
    code.contains("NotFound") || code.starts_with("NoSuch") || code.contains("NonExistent") || code.contains("DoesNotExist")
}

/// Whether a refused signature was refused for its time.
fn says_time(message: &str) -> bool {
    message.contains("Signature expired") || message.contains("Signature not yet current")
}

fn shown_code(code: &str, status: u16) -> String {
    if code.is_empty() { format!("HTTP {status}") } else { clean(code) }
}

/// A refused signature is explained by the whole canonical request, session token included. Only the start is kept.
fn shown_message(code: &str, message: &str, status: u16) -> String {
    if message.is_empty() {
        return format!("no message, HTTP status {status}");
    }
    if BAD_SIGNATURE.contains(&code) {
        let first = message.lines().next().unwrap_or_default();
        let first = first.split("The Canonical String").next().unwrap_or_default();
        return clean(first.split("Authorization=").next().unwrap_or_default());
    }
    clean(message)
}
