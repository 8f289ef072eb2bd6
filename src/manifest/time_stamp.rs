//! Time stamps (RFC 3161): an authority signs that it saw a hash, and when. What is stamped is the signed envelope of a manifest.
//!
//! Query and answer are kept in the forms of the standard, so that `openssl ts -verify` reads them too.

mod check;
mod response;
mod roots;
#[cfg(test)]
pub(crate) mod tests;

use std::path::PathBuf;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) use check::{Stamp, check};
pub(crate) use roots::Roots;

/// What was asked, in a run's folder: a `TimeStampReq`.
pub(crate) const QUERY: &str = "time-stamp.tsq";

/// What the authority answered: a `TimeStampResp` with its token.
pub(crate) const ANSWER: &str = "time-stamp.tsr";

/// The root that the run trusted, as PEM.
pub(crate) const ROOT: &str = "time-stamp.pem";

/// Why there is no time stamp: a [`Refusal`].
pub(crate) const REFUSAL: &str = "time-stamp.json";

/// All files of a time stamp, and the one that stands for them.
pub(crate) const FILES: [&str; 4] = [QUERY, ANSWER, ROOT, REFUSAL];

/// The media types of query and answer.
pub(crate) const MEDIA: (&str, &str) = ("application/timestamp-query", "application/timestamp-reply");

/// Far above any answer: a token with its certificates has some thousand bytes.
pub(crate) const MOST_BYTES: usize = 64 << 10;

/// A `TimeStampReq` of version 1 up to the 32 bytes of the SHA-256.
const QUERY_START: [u8; 24] = [
    0x30, 0x43, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// Then a nonce of eight bytes.
const NONCE_START: [u8; 2] = [0x02, 0x08];

/// And that the certificate is wanted.
const QUERY_END: [u8; 3] = [0x01, 0x01, 0xff];

/// Why a time stamp is none, or none of these bytes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TimeStampError {
    /// The file of the roots.
    #[error("the roots {} of the time-stamping authority cannot be read: {source}; check the path and its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No roots.
    #[error("{place} holds no certificates ({reason}): write those of the authority's roots as PEM, as it publishes them")]
    NoRoots {
        /// The file.
        place: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// Chance.
    #[error("the system gives no random numbers for the query")]
    Random,
    /// Another query.
    #[error("the query is not one that assize writes: it was changed")]
    Query,
    /// The query is for something else.
    #[error("the query asks for the time of other bytes than these")]
    OtherQuery,
    /// Not a token.
    #[error("it is no time stamp: {0}")]
    Malformed(&'static str),
    /// The authority says no.
    #[error("the authority refused (status {status}{})", said.as_deref().map(|said| format!(": {said}")).unwrap_or_default())]
    Refused {
        /// Its status.
        status: u8,
        /// Its words.
        said: Option<String>,
    },
    /// Another imprint.
    #[error("it is over other bytes")]
    Imprint,
    /// Another nonce.
    #[error("it answers another query: its nonce is not the one that was sent")]
    Nonce,
    /// A signature that does not fit.
    #[error("its signature does not fit: it was changed, or somebody else signed it")]
    Signature,
    /// A certificate for something else.
    #[error("the certificate that signed it is not for time stamps alone ({0})")]
    Usage(&'static str),
    /// No way to a root.
    #[error("the certificate that signed it is not trusted: {0}")]
    Chain(String),
    /// What is not known here.
    #[error("it is signed with {0}, which this version of assize does not verify")]
    Unsupported(String),
}

/// What is asked of an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    sha256: [u8; 32],
    nonce: [u8; 8],
}

/// Why a run has no time stamp that asked for one. The content of `time-stamp.json`, version 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refusal {
    /// 1
    pub(crate) version: u8,
    /// The run.
    pub(crate) run: String,
    /// Who was asked.
    pub(crate) authority: String,
    /// What came of it.
    pub(crate) reason: String,
}

impl Query {
    /// Asks for the time of these bytes, with a nonce that nobody can know before.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub(crate) fn new(bytes: &[u8]) -> Result<Query, TimeStampError> {
        let mut nonce = [0; 8];
        rand::fill(&mut nonce).map_err(|Unspecified| TimeStampError::Random)?;
        // A positive number that needs all eight bytes, so that every query has one length.
        let [first, ..] = &mut nonce;
        *first = *first & 0x7f | 0x40;
        Ok(Query { sha256: Sha256::digest(bytes).into(), nonce })
    }

    /// The bytes of `time-stamp.tsq`.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [&QUERY_START[..], &self.sha256, &NONCE_START, &self.nonce, &QUERY_END].concat()
    }

    /// Reads `time-stamp.tsq`.
    ///
    /// # Errors
    /// It is not what [`Query::bytes`] gives.
    pub(crate) fn read(bytes: &[u8]) -> Result<Query, TimeStampError> {
        let inside = bytes.strip_prefix(&QUERY_START).and_then(|rest| rest.strip_suffix(&QUERY_END));
        let parts = inside.and_then(|rest| {
            let (sha256, rest) = rest.split_first_chunk::<32>()?;
            let nonce: [u8; 8] = rest.strip_prefix(&NONCE_START)?.try_into().ok()?;
            Some(Query { sha256: *sha256, nonce })
        });
        parts.filter(|query| query.nonce.first().is_some_and(|first| (0x40..0x80).contains(first))).ok_or(TimeStampError::Query)
    }
}

impl TimeStampError {
    /// Whether it says that something is wrong, and not that nothing can be said.
    pub(crate) fn is_fault(&self) -> bool {
        !matches!(self, TimeStampError::Unsupported(_))
    }
}
