//! CloudTrail's digests: one an hour, region and trail, signed by AWS, each naming the log objects of its window and the
//! digest before it (AWS CloudTrail user guide, "Validating CloudTrail log file integrity").
//!
//! Everything here is decided from what was found and from public keys; where either comes from is the caller's matter.
//! The signed text holds the original bucket and key, so a consolidated copy verifies as well as the original.

mod chain;
mod document;
mod logs;
mod trail;

pub use chain::{Chain, CheckedDigest, Content, Expected, FoundDigest, Unreadable, Window, check};
pub use document::{DigestDocument, DocumentError, HASH_ALGORITHM, LogEntry, Previous, SIGNATURE_ALGORITHM};
pub use logs::{Held, complete, judge_log, judge_versions};
pub use trail::{DigestTrail, trail_of};

use std::fmt;

/// What came of checking a digest or a log object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Proven to be what AWS delivered.
    Valid,
    /// Proven not to be; why.
    Invalid(Fault),
    /// It was delivered and is not there.
    Missing,
    /// Nothing can be said; why.
    Unverifiable(Doubt),
    /// A log object that no digest of its time names.
    Orphan,
}

impl Check {
    /// Stable upper-case name, as auditors know it from `aws cloudtrail validate-logs`.
    pub fn name(&self) -> &'static str {
        match self {
            Check::Valid => "VALID",
            Check::Invalid(_) => "INVALID",
            Check::Missing => "MISSING",
            Check::Unverifiable(_) => "UNVERIFIABLE",
            Check::Orphan => "ORPHAN",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Check::Valid => out.write_str("it is what AWS delivered"),
            Check::Invalid(fault) => fault.fmt(out),
            Check::Missing => out.write_str("it was delivered and is not there"),
            Check::Unverifiable(doubt) => doubt.fmt(out),
            Check::Orphan => out.write_str("no digest of its time names it"),
        }
    }
}

/// Why something is not what AWS delivered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Fault {
    /// The gzip stream is damaged or cut off.
    #[error("it cannot be inflated: {0}")]
    Damaged(String),
    /// Bytes after the gzip member; 0 where nobody counted them.
    #[error("{} follow the gzip stream", counted(*.0))]
    Trailing(u64),
    /// Not a digest.
    #[error("{0}")]
    Document(String),
    /// It names another bucket or key than where it was.
    #[error("it says that it belongs at {0}")]
    OtherPlace(String),
    /// It speaks of another account than its key.
    #[error("its key names another account than its text, which says {0:?}")]
    OtherAccount(String),
    /// Its name has another time than its text.
    #[error("its name has another time than the end of its window")]
    OtherTime,
    /// An algorithm that CloudTrail does not sign with.
    #[error("it is signed with {0:?}; CloudTrail signs with SHA256withRSA")]
    Algorithm(String),
    /// The signature does not fit.
    #[error("its signature does not fit its content")]
    Signature,
    /// The digest after it, which is valid, names other content.
    #[error("the valid digest after it names other content: it was replaced")]
    Replaced,
    /// The log object's hash is another than its digest says.
    #[error("its content has another hash than its digest says: it was changed")]
    Hash,
}

fn counted(bytes: u64) -> String {
    if bytes == 0 { "bytes".to_owned() } else { format!("{bytes} bytes") }
}

/// Why nothing can be said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Doubt {
    /// No public key with the digest's fingerprint.
    #[error("no public key with the fingerprint {0} is known")]
    NoKey(String),
    /// The object lost its metadata, and with it the signature.
    #[error("its signature is lost: the object has no `signature` in its metadata, and no digest after it holds it")]
    NoSignature,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// No valid digest covers the time of its delivery, so none can name it.
    #[error("no valid digest covers the time of its delivery")]
    NotCovered,
    /// Valid digests cover the time of its delivery and do not name it; it is neither of management nor of data events.
    #[error("no digest names it; only those of management and data events are sure to be named")]
    OtherKind,
    /// It is in another bucket and not kept here.
    #[error("it is read in place and not kept here: verify s3://{0} itself")]
    Elsewhere(String),
    /// The trail writes no digests.
    #[error("there is no digest: log file validation was off, or the digests are gone")]
    ValidationOff,
}

/// Public keys of CloudTrail, by fingerprint.
pub trait Keys {
    /// Whether `signature` (raw bytes) is `fingerprint`'s over `text`; `None` if the key is not known.
    ///
    /// RSASSA-PKCS1-v1_5 with SHA-256, as CloudTrail signs.
    fn verify(&self, fingerprint: &str, text: &[u8], signature: &[u8]) -> Option<bool>;
}
