//! A digest as CloudTrail writes it, and the string that its signature covers.

use std::ops::Range;

use serde::Deserialize;

use crate::{layout, time};

/// The one algorithm that CloudTrail signs with (AWS CloudTrail user guide, "CloudTrail digest file structure").
pub const SIGNATURE_ALGORITHM: &str = "SHA256withRSA";
/// The one algorithm that CloudTrail hashes with.
pub const HASH_ALGORITHM: &str = "SHA-256";

/// What a digest says. Keys that AWS may add are left unread; those that a check needs must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestDocument {
    /// The account that the digest speaks for.
    pub account: String,
    /// First second of delivery that it covers, seconds since 1970 UTC.
    pub start: i64,
    /// First second after it.
    pub end: i64,
    /// `digestEndTime` as written: the signature covers this text.
    pub end_text: String,
    /// Bucket and key where CloudTrail put it.
    pub place: (String, String),
    /// The fingerprint of the key that signs it, hexadecimal.
    pub fingerprint: String,
    /// The algorithm of the signature.
    pub algorithm: String,
    /// The digest before it; none in the first of a chain.
    pub previous: Option<Previous>,
    /// The log objects that were delivered in its window.
    pub logs: Vec<LogEntry>,
}

/// What a digest says of the one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previous {
    /// Bucket and key.
    pub place: (String, String),
    /// SHA-256 of its inflated bytes, lower-case hexadecimal.
    pub hash: String,
    /// Its signature, lower-case hexadecimal.
    pub signature: String,
}

/// What a digest says of a log object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Bucket and key where CloudTrail put it.
    pub place: (String, String),
    /// SHA-256 of its inflated bytes, lower-case hexadecimal.
    pub hash: String,
    /// Earliest event in it, seconds since 1970 UTC, where the digest tells it.
    pub oldest_event: Option<i64>,
    /// Latest event in it.
    pub newest_event: Option<i64>,
}

/// Why bytes are no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Not JSON, or a field that a check needs is missing or of another type.
    #[error("it is no digest: {0}")]
    Shape(String),
    /// A time that is none.
    #[error("its `{0}` is no UTC time")]
    Time(&'static str),
    /// A window that ends before it begins.
    #[error("its window ends before it begins")]
    Window,
    /// A hash by another algorithm.
    #[error("it hashes with {0:?}; CloudTrail hashes with {HASH_ALGORITHM}")]
    Hash(String),
    /// One of the fields of the previous digest is there, another is not.
    #[error("it names the digest before it by halves")]
    Previous,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    aws_account_id: String,
    digest_start_time: String,
    digest_end_time: String,
    digest_s3_bucket: String,
    digest_s3_object: String,
    digest_public_key_fingerprint: String,
    digest_signature_algorithm: String,
    previous_digest_s3_bucket: Option<String>,
    previous_digest_s3_object: Option<String>,
    previous_digest_hash_value: Option<String>,
    previous_digest_hash_algorithm: Option<String>,
    previous_digest_signature: Option<String>,
    log_files: Vec<WrittenLog>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenLog {
    s3_bucket: String,
    s3_object: String,
    hash_value: String,
    hash_algorithm: String,
    oldest_event_time: Option<String>,
    newest_event_time: Option<String>,
}

impl DigestDocument {
    /// Reads a digest from its inflated bytes.
    ///
    /// # Errors
    /// The bytes are no digest, or lack what a check needs: see [`DocumentError`].
    pub fn read(inflated: &[u8]) -> Result<DigestDocument, DocumentError> {
        let written: Written = serde_json::from_slice(inflated).map_err(|error| DocumentError::Shape(error.to_string()))?;
        let previous = written.previous()?;
        let moment = |text: &str, field| time::parse(text).ok_or(DocumentError::Time(field));
        let (start, end) =
            (moment(&written.digest_start_time, "digestStartTime")?, moment(&written.digest_end_time, "digestEndTime")?);
        if end < start {
            return Err(DocumentError::Window);
        }
        let logs = written.log_files.into_iter().map(WrittenLog::entry).collect::<Result<_, _>>()?;
        Ok(DigestDocument {
            account: written.aws_account_id,
            start,
            end,
            end_text: written.digest_end_time,
            place: (written.digest_s3_bucket, written.digest_s3_object),
            fingerprint: written.digest_public_key_fingerprint.to_ascii_lowercase(),
            algorithm: written.digest_signature_algorithm,
            previous,
            logs,
        })
    }

    /// The text that the signature covers (AWS CloudTrail user guide, "Custom implementations of CloudTrail log file
    /// integrity validation"): it names the original bucket and key, so a copy verifies as well as the original.
    pub fn signed_text(&self, inflated_sha256: &str) -> String {
        let previous = self.previous.as_ref().map_or("null", |previous| previous.signature.as_str());
        let (bucket, key) = &self.place;
        format!("{}\n{bucket}/{key}\n{inflated_sha256}\n{previous}", self.end_text)
    }
}

impl LogEntry {
    /// The event times in a log object, seconds since 1970 UTC, as its digest tells them; without them, those that the
    /// digest's window may hold if events come at most `settle` seconds late.
    pub fn events(&self, document: &DigestDocument, settle: i64) -> Range<i64> {
        match (self.oldest_event, self.newest_event) {
            (Some(oldest), Some(newest)) => oldest..newest + 1,
            _ => document.start - settle..document.end,
        }
    }

    /// The hours (since 1970) of which it may hold events although they had ended more than `settle` seconds before it was
    /// delivered. Empty where its digest does not tell of what time its events are, or its name not when it was delivered.
    pub fn late(&self, settle: i64) -> Range<i64> {
        let (Some(oldest), Some(newest), Ok(key)) = (self.oldest_event, self.newest_event, layout::parse(&self.place.1)) else {
            return 0..0;
        };
        let first = oldest.div_euclid(3600);
        // The hour that ends at a time begins one before it.
        let ended = (key.delivered - settle).div_euclid(3600);
        first..ended.min(newest.div_euclid(3600) + 1).max(first)
    }
}

impl Written {
    fn previous(&self) -> Result<Option<Previous>, DocumentError> {
        let parts = (
            &self.previous_digest_s3_bucket,
            &self.previous_digest_s3_object,
            &self.previous_digest_hash_value,
            &self.previous_digest_signature,
        );
        match parts {
            (None, None, None, None) => Ok(None),
            (Some(bucket), Some(key), Some(hash), Some(signature)) => {
                hashed_with(self.previous_digest_hash_algorithm.as_deref().unwrap_or_default())?;
                let (hash, signature) = (hash.to_ascii_lowercase(), signature.clone());
                Ok(Some(Previous { place: (bucket.clone(), key.clone()), hash, signature }))
            }
            _ => Err(DocumentError::Previous),
        }
    }
}

impl WrittenLog {
    fn entry(self) -> Result<LogEntry, DocumentError> {
        hashed_with(&self.hash_algorithm)?;
        let moment = |text: Option<String>| text.as_deref().and_then(time::parse);
        Ok(LogEntry {
            place: (self.s3_bucket, self.s3_object),
            hash: self.hash_value.to_ascii_lowercase(),
            oldest_event: moment(self.oldest_event_time),
            newest_event: moment(self.newest_event_time),
        })
    }
}

fn hashed_with(algorithm: &str) -> Result<(), DocumentError> {
    if algorithm == HASH_ALGORITHM { Ok(()) } else { Err(DocumentError::Hash(algorithm.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_late_if_it_was_waited_for_and_something_came_after() {
        let place = |minute: &str| {
            let key = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/10/01/111122223333_CloudTrail_eu-west-1";
            ("logs".to_owned(), format!("{key}_20261001T{minute}Z_a.json.gz"))
        };
        let hour = |text: &str| time::parse(&format!("2026-10-01T{text}:00Z")).expect("it is a time");
        let late = |delivered: &str, oldest: Option<&str>, newest: &str| {
            let (oldest_event, newest_event) = (oldest.map(hour), Some(hour(newest)));
            let entry = LogEntry { place: place(delivered), hash: String::new(), oldest_event, newest_event };
            let hours = entry.late(3600);
            (hours.start..hours.end).map(|late| late - hour("00:00") / 3600).collect::<Vec<_>>()
        };
        assert_eq!(late("1205", Some("11:58"), "12:01"), [0_i64; 0]);
        assert_eq!(late("1259", Some("11:00"), "12:01"), [0_i64; 0], "an hour is waited for until an hour after its end");
        assert_eq!(late("1300", Some("11:59"), "12:01"), [11]);
        assert_eq!(late("1305", Some("08:30"), "12:59"), [8, 9, 10, 11]);
        assert_eq!(late("1305", Some("08:30"), "09:10"), [8, 9]);
        assert_eq!(late("1305", None, "09:10"), [0_i64; 0], "nobody says when its events were");
    }
}
