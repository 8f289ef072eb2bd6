//! Authorisation that failed: who, what, on what, and which kind of policy, as far as AWS's message says.
//!
//! AWS writes `User: ARN is not authorized to perform: ACTION on resource: ARN because no TYPE policy allows the
//! ACTION action` for an implicit denial and `… with an explicit deny in a TYPE policy` for an explicit one, since
//! 2026 with `: POLICY-ARN` behind it inside one account or organisation. Many services say less.

use std::fmt;

use super::Call;

/// An authorisation that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The call that failed.
    pub call: Call,
    /// AWS's error code: "AccessDeniedException".
    pub code: String,
    /// The IAM action that is not allowed: "cloudtrail:DescribeTrails". As AWS said, else the one the call needs.
    pub action: String,
    /// The ARN of who asked, if AWS said.
    pub principal: Option<String>,
    /// The ARN of what was asked about, if AWS said or the call names it.
    pub resource: Option<String>,
    /// Which kind of policy it was.
    pub cause: DenialCause,
    /// Whether a policy forbids it. If not, none allows it, or AWS did not say.
    pub explicit: bool,
    /// The ARN of the policy, if AWS named it.
    pub policy: Option<String>,
    /// What AWS said.
    pub message: String,
}

/// Which kind of policy said no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DenialCause {
    /// A service control policy of the organisation.
    Scp {
        /// Its ARN, if AWS named it.
        arn: Option<String>,
    },
    /// A resource control policy of the organisation.
    ResourceControlPolicy,
    /// The permissions boundary of the principal.
    PermissionsBoundary,
    /// The session policy given when the role was assumed.
    SessionPolicy,
    /// The resource's own policy: a bucket's, a queue's.
    ResourcePolicy,
    /// The trust policy of a role.
    TrustPolicy,
    /// The policy of the VPC endpoint that the call went through.
    EndpointPolicy,
    /// The principal's own policies.
    IdentityPolicy,
    /// The policy or the state of a KMS key.
    KmsKey,
    /// AWS did not say.
    Unknown,
}

impl DenialCause {
    /// The kind of policy in words.
    fn name(&self) -> Option<&'static str> {
        Some(match self {
            Self::Scp { .. } => "service control policy",
            Self::ResourceControlPolicy => "resource control policy",
            Self::PermissionsBoundary => "permissions boundary",
            Self::SessionPolicy => "session policy",
            Self::ResourcePolicy => "resource-based policy",
            Self::TrustPolicy => "role trust policy",
            Self::EndpointPolicy => "VPC endpoint policy",
            Self::IdentityPolicy => "identity-based policy",
            Self::KmsKey => "key policy",
            Self::Unknown => return None,
        })
    }
}

impl Denial {
    /// Reads AWS's message. `action` and `resource` stand in where it does not say.
    pub(crate) fn read(call: Call, code: &str, message: &str, action: &str, resource: Option<&str>) -> Self {
        let told = Told::read(message);
        Self {
            call,
            code: code.to_owned(),
            action: told.action.unwrap_or(action).to_owned(),
            principal: told.principal.map(str::to_owned),
            resource: told.resource.or(resource).map(str::to_owned),
            cause: told.cause,
            explicit: told.explicit,
            policy: told.policy.map(str::to_owned),
            message: super::clean(message.split(" Encoded authorization failure message").next().unwrap_or(message)),
        }
    }

    /// What helps against this denial.
    pub(crate) fn advice(&self) -> String {
        let action = &self.action;
        match (&self.cause, self.explicit) {
            (DenialCause::Scp { .. } | DenialCause::ResourceControlPolicy, _) => {
                "only who administers the organisation can except this role from it".to_owned()
            }
            (DenialCause::IdentityPolicy, false) => format!("allow {action} in the policy of this role or user"),
            (DenialCause::ResourcePolicy, false) => {
                format!("allow {action} for this role in the policy of the resource")
            }
            (DenialCause::Unknown, _) => {
                format!("allow {action} in the policy of this role or user; if it is allowed, look for what forbids it")
            }
            (DenialCause::EndpointPolicy, false) => {
                format!(
                    "allow {action} in the policy of the VPC endpoint that the call goes through; the role's own is not the cause"
                )
            }
            (_, true) => format!("change the statement that denies {action}"),
            (_, false) => format!("allow {action} there"),
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} is denied", self.action)?;
        if let Some(principal) = &self.principal {
            write!(formatter, " to {}", super::clean(principal))?;
        }
        if let Some(resource) = &self.resource {
            write!(formatter, " on {}", super::clean(resource))?;
        }
        match (self.cause.name(), self.explicit) {
            (Some(name), true) => write!(formatter, " by a {name}")?,
            (Some(name), false) => write!(formatter, ", no {name} allows it")?,
            (None, _) => write!(formatter, " (AWS says: {})", self.message)?,
        }
        match &self.policy {
            Some(policy) => write!(formatter, " ({})", super::clean(policy)),
            None => Ok(()),
        }
    }
}

/// What helps if a role could not be assumed.
pub(super) fn role_advice(denial: &Denial) -> String {
    match &denial.cause {
        DenialCause::TrustPolicy if !denial.explicit => {
            "let the trust policy of the role name the caller, with the external id that the configuration gives".to_owned()
        }
        DenialCause::Unknown | DenialCause::ResourcePolicy => {
            "AWS does not say which it is: the role does not exist, its trust policy does not name the caller, \
             or the external id is missing or wrong"
                .to_owned()
        }
        _ => denial.advice(),
    }
}

/// What helps if a KMS key cannot be used.
pub(super) fn key_advice(denial: &Denial) -> String {
    let key = denial.resource.as_deref().unwrap_or("the object's KMS key");
    let key = super::clean(key);
    match denial.cause {
        DenialCause::KmsKey | DenialCause::Unknown => {
            format!("see that {key} is enabled, and that its key policy and the role's policy allow {}", denial.action)
        }
        _ => denial.advice(),
    }
}

/// What a message says, as slices of it.
struct Told<'a> {
    principal: Option<&'a str>,
    action: Option<&'a str>,
    resource: Option<&'a str>,
    cause: DenialCause,
    explicit: bool,
    policy: Option<&'a str>,
}

impl<'a> Told<'a> {
    fn read(message: &'a str) -> Self {
        let principal = between(message, "User: ", " is not authorized");
        let after = message.split_once("is not authorized to perform: ").map(|(_, after)| after);
        let action = after.and_then(|after| after.split([' ', ',']).next()).map(|action| action.trim_end_matches('.'));
        let resource = after.and_then(|after| after.split_once(" on resource: ")).map(|(_, after)| resource_in(after));
        let (cause, explicit, policy) = read_cause(message);
        Self { principal, action, resource: resource.filter(|resource| !resource.is_empty()), cause, explicit, policy }
    }
}

/// What stands behind `on resource: `, in quotation marks or not.
fn resource_in(text: &str) -> &str {
    if let Some((quoted, _)) = text.strip_prefix('"').and_then(|text| text.split_once('"')) {
        return quoted;
    }
    let ends = [" because ", " with an explicit", " due to an explicit", " Encoded auth"];
    let resource = ends.iter().fold(text, |text, end| text.split(end).next().unwrap_or(text));
    resource.trim().trim_end_matches('.')
}

/// The kind of policy, whether it denies explicitly, and its ARN.
fn read_cause(message: &str) -> (DenialCause, bool, Option<&str>) {
    if let Some((_, after)) = message.split_once("explicit deny in ") {
        let (kind, policy) = split_policy(after);
        return (cause_named(kind, policy), true, policy);
    }
    if let Some((_, after)) = message.split_once("because no ") {
        let (kind, policy) = split_policy(after);
        return (cause_named(kind, policy), false, policy);
    }
    if message.contains("no resource-based policies allow access") {
        return (DenialCause::ResourcePolicy, false, None);
    }
    (DenialCause::Unknown, message.contains("with an explicit deny"), None)
}

/// Parts the kind of policy from the policy's ARN behind it.
fn split_policy(text: &str) -> (&str, Option<&str>) {
    let Some((kind, rest)) = text.split_once(": arn:") else {
        return (text, None);
    };
    let behind = text.strip_prefix(kind).and_then(|text| text.strip_prefix(": ")).unwrap_or(rest);
    let arn = behind.split([' ', ',']).next().unwrap_or(behind).trim_end_matches('.');
    (kind, Some(arn))
}

fn cause_named(text: &str, policy: Option<&str>) -> DenialCause {
    let lower = text.trim_start_matches("a ").trim_start_matches("an ").trim_start_matches("the ").to_ascii_lowercase();
    let kinds = [
        ("service control polic", DenialCause::Scp { arn: policy.map(str::to_owned) }),
        ("resource control polic", DenialCause::ResourceControlPolicy),
        ("permissions boundar", DenialCause::PermissionsBoundary),
        ("session polic", DenialCause::SessionPolicy),
        ("role trust polic", DenialCause::TrustPolicy),
        ("vpc endpoint polic", DenialCause::EndpointPolicy),
        ("identity-based polic", DenialCause::IdentityPolicy),
        ("resource-based polic", DenialCause::ResourcePolicy),
        ("key polic", DenialCause::KmsKey),
    ];
    kinds.into_iter().find(|(name, _)| lower.starts_with(name)).map_or(DenialCause::Unknown, |(_, cause)| cause)
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    let (inside, _) = rest.split_once(after)?;
    Some(inside)
}
