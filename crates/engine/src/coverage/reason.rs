//! Why an hour is not covered.

use std::fmt;

/// Why an hour is not covered, or a verdict is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The role could not be assumed.
    RoleNotAssumable,
    /// The role lacks a permission.
    Denied,
    /// A service control policy forbids it.
    ScpDenied,
    /// The account has never had the role.
    NotEnrolled,
    /// The account is suspended, and nothing of it can be read.
    Suspended,
    /// No trail that can be read records it.
    NoTrail,
    /// A trail exists and was not logging.
    LoggingStopped,
    /// No state of the trail is known for that time.
    NoTimeline,
    /// The trail does not record this kind of event.
    NotRecorded,
    /// The objects were not collected yet.
    NotCollected,
    /// The key of an object, or of the bucket, may not be used.
    KmsDenied,
    /// An object is in an archive class and must be restored first.
    Archived,
    /// An object could not be fetched or read.
    ObjectFailed,
    /// An object was replaced under its key.
    ObjectReplaced,
    /// Only Event history was read: management events, unsigned.
    EventHistory,
    /// AWS refused calls for their rate, up to the last attempt.
    Throttled,
    /// The service could not be reached or did not answer as documented.
    Unreachable,
    /// A policy is new or changed, and was not evaluated over that hour.
    NotBackfilled,
    /// A record could not be judged because AWS left a field out.
    NotEvaluable,
    /// The digests of that time were not checked yet.
    NotVerified,
    /// No digest covers it: none was written, or it is gone.
    DigestMissing,
    /// The digest of that time is not what AWS delivered.
    DigestInvalid,
    /// A digest of that time is there and cannot be checked: no public key, no signature, or it cannot be read.
    Unverifiable,
    /// The trail writes no digests: log file validation is off.
    ValidationOff,
    /// The content of a log object is not what its digest says.
    ObjectAltered,
    /// A digest names a log object that is not there.
    ObjectMissing,
    /// A log object is there that no digest of its time names.
    ObjectOrphan,
    /// A call that was made in it is not in its log.
    CallNotRecorded,
    /// More matches than a correlation can look at together.
    LimitExceeded,
    /// The policy has a placeholder, or asks for a calendar, that the configuration does not give.
    NeedsConfiguration,
    /// What is new cannot be told: too little of the time before was collected.
    NoBaseline,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Reason; 31] = [
        Reason::RoleNotAssumable,
        Reason::Denied,
        Reason::ScpDenied,
        Reason::NotEnrolled,
        Reason::Suspended,
        Reason::NoTrail,
        Reason::LoggingStopped,
        Reason::NoTimeline,
        Reason::NotRecorded,
        Reason::NotCollected,
        Reason::KmsDenied,
        Reason::Archived,
        Reason::ObjectFailed,
        Reason::ObjectReplaced,
        Reason::EventHistory,
        Reason::Throttled,
        Reason::Unreachable,
        Reason::NotBackfilled,
        Reason::NotEvaluable,
        Reason::NotVerified,
        Reason::DigestMissing,
        Reason::DigestInvalid,
        Reason::Unverifiable,
        Reason::ValidationOff,
        Reason::ObjectAltered,
        Reason::ObjectMissing,
        Reason::ObjectOrphan,
        Reason::CallNotRecorded,
        Reason::LimitExceeded,
        Reason::NeedsConfiguration,
        Reason::NoBaseline,
    ];

    /// Stable kebab-case code.
    pub fn code(self) -> &'static str {
        match self {
            Reason::RoleNotAssumable => "role-not-assumable",
            Reason::Denied => "denied",
            Reason::ScpDenied => "scp-denied",
            Reason::NotEnrolled => "not-enrolled",
            Reason::Suspended => "suspended",
            Reason::NoTrail => "no-trail",
            Reason::LoggingStopped => "logging-stopped",
            Reason::NoTimeline => "no-timeline",
            Reason::NotRecorded => "not-recorded",
            Reason::NotCollected => "not-collected",
            Reason::KmsDenied => "kms-denied",
            Reason::Archived => "archived",
            Reason::ObjectFailed => "object-failed",
            Reason::ObjectReplaced => "object-replaced",
            Reason::EventHistory => "event-history-only",
            Reason::Throttled => "throttled",
            Reason::Unreachable => "unreachable",
            Reason::NotBackfilled => "not-backfilled",
            Reason::NotEvaluable => "not-evaluable",
            Reason::NotVerified => "not-verified",
            Reason::DigestMissing => "digest-missing",
            Reason::DigestInvalid => "digest-invalid",
            Reason::Unverifiable => "unverifiable",
            Reason::ValidationOff => "validation-off",
            Reason::ObjectAltered => "object-altered",
            Reason::ObjectMissing => "object-missing",
            Reason::ObjectOrphan => "object-orphan",
            Reason::CallNotRecorded => "call-not-recorded",
            Reason::LimitExceeded => "limit-exceeded",
            Reason::NeedsConfiguration => "needs-configuration",
            Reason::NoBaseline => "no-baseline",
        }
    }

    /// The reason with this code.
    pub fn named(code: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// In words, after "not covered: ".
    pub fn words(self) -> &'static str {
        match self {
            Reason::RoleNotAssumable => "the role could not be assumed",
            Reason::Denied => "a permission is missing",
            Reason::ScpDenied => "a service control policy forbids it",
            Reason::NotEnrolled => "the account never had the role",
            Reason::Suspended => "the account is suspended",
            Reason::NoTrail => "no trail that can be read records it",
            Reason::LoggingStopped => "the trail was not logging",
            Reason::NoTimeline => "the state of the trail at that time is not known",
            Reason::NotRecorded => "the trail does not record this kind of event",
            Reason::NotCollected => "not collected yet",
            Reason::KmsDenied => "the encryption key may not be used",
            Reason::Archived => "objects are archived and must be restored first",
            Reason::ObjectFailed => "an object could not be read",
            Reason::ObjectReplaced => "an object was replaced under its key",
            Reason::EventHistory => "only Event history: management events, unsigned",
            Reason::Throttled => "calls were throttled up to the last attempt",
            Reason::Unreachable => "the service did not answer",
            Reason::NotBackfilled => "the policy is new and was not evaluated over it yet",
            Reason::NotEvaluable => "a record lacks a field that AWS left out",
            Reason::NotVerified => "its digests were not checked yet",
            Reason::DigestMissing => "no digest covers it",
            Reason::DigestInvalid => "its digest is not what AWS delivered",
            Reason::Unverifiable => "its digest cannot be checked",
            Reason::ValidationOff => "the trail writes no digests",
            Reason::ObjectAltered => "a log object is not what AWS delivered",
            Reason::ObjectMissing => "a log object that AWS delivered is not there",
            Reason::ObjectOrphan => "a log object is there that no digest names",
            Reason::CallNotRecorded => "a call that was made is not in the log",
            Reason::LimitExceeded => "more matches than can be looked at together",
            Reason::NeedsConfiguration => {
                "a placeholder of the policy, or the calendar that it asks for, is not set in the configuration"
            }
            Reason::NoBaseline => "too little of the time before was collected to tell what is new",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn reasons_are_named_once() {
        let codes: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        assert!(Reason::ALL.iter().all(|reason| Reason::named(reason.code()) == Some(*reason)));
    }
}
