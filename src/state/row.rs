//! What the ledger writes down of one object, and how an object is named in a listing.

use assize_engine::partial::RecordCounts;
use serde::{Deserialize, Serialize};

/// A version of an object as a listing names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed<'a> {
    /// UTC day (days since 1970) under which the object is listed: the date in its key. The caller chooses a day for keys
    /// without a date, and must choose the same each time.
    pub(crate) day: i64,
    /// The source: a name that stays the same from run to run, such as `s3://bucket`.
    pub(crate) source: &'a str,
    /// The key at the source.
    pub(crate) key: &'a str,
    /// The etag as the listing gives it; empty if it gives none.
    pub(crate) etag: &'a str,
    /// Stored bytes as the listing gives them.
    pub(crate) size: u64,
}

/// Why an object was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RowStatus {
    /// Its key was new.
    Taken,
    /// Its key was known with another version: it was replaced at the source.
    Replaced,
}

/// One object in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct LedgerRow {
    /// The source; see [`Listed`].
    pub(crate) source: String,
    /// The key at the source.
    pub(crate) key: String,
    /// UTC day under which it is listed.
    pub(crate) day: i64,
    /// Stored bytes, as listed.
    pub(crate) size: u64,
    /// The etag as listed; empty if the listing gave none.
    pub(crate) etag: String,
    /// The version id at the source, if it keeps versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version_id: Option<String>,
    /// SHA-256 of the stored bytes, lower-case hex.
    pub(crate) stored_sha256: String,
    /// SHA-256 of the inflated bytes, lower-case hex; none if the object is not compressed or cannot be inflated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inflated_sha256: Option<String>,
    /// Inflated bytes; 0 if there is no inflated form.
    pub(crate) inflated_bytes: u64,
    /// Where the copy is in the audit bucket; none for a source that is read in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) evidence_key: Option<String>,
    /// The delivery time in the key's name, seconds since 1970 UTC; none if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delivered: Option<i64>,
    /// `as_of` of the run that took it, seconds since 1970 UTC.
    pub(crate) taken: i64,
    /// Why it was taken.
    pub(crate) status: RowStatus,
    /// What its records came to.
    pub(crate) records: RowRecords,
    /// The set of policies that judged it, by the name under which [`View::policy_sets`](super::View::policy_sets) has
    /// them. [`State::commit`](super::State::commit) writes it; what the caller puts here is not kept.
    #[serde(default)]
    pub(crate) policy_set: String,
    /// What is wrong with it, if anything: a code, or a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    /// What a digest says, so that later digests and logs are held against it without reading it again. None for logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<Box<DigestRow>>,
}

/// A digest as it was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct DigestRow {
    /// Its inflated bytes: JSON, in UTF-8 as CloudTrail writes it. What is not UTF-8 is replaced; it has no signature that fits.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) text: String,
    /// `signature` of its metadata, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signature: Option<String>,
    /// `signature-algorithm` of its metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) algorithm: Option<String>,
    /// Bytes after the gzip member.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) trailing: u64,
    /// Why it has no text: its gzip stream is broken, or it is larger than any digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) damaged: Option<String>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
impl LedgerRow {
    /// An object of CloudTrail's at a source, with its stored and inflated bytes; read in place and without records.
    pub(crate) fn example(source: &str, key: &str, stored: &[u8], inflated: &[u8]) -> LedgerRow {
        let parsed = assize_engine::layout::parse(key).unwrap();
        LedgerRow {
            source: source.to_owned(),
            key: key.to_owned(),
            day: parsed.day,
            size: stored.len() as u64,
            etag: "etag".to_owned(),
            version_id: None,
            stored_sha256: super::sha256(stored),
            inflated_sha256: Some(super::sha256(inflated)),
            inflated_bytes: inflated.len() as u64,
            evidence_key: None,
            delivered: Some(parsed.delivered),
            taken: 0,
            status: RowStatus::Taken,
            records: RowRecords::default(),
            policy_set: String::new(),
            note: None,
            digest: None,
        }
    }
}

impl LedgerRow {
    /// The row's object as a listing names it.
    pub(crate) fn listed(&self) -> Listed<'_> {
        Listed { day: self.day, source: &self.source, key: &self.key, etag: &self.etag, size: self.size }
    }
}

/// [`RecordCounts`] as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct RowRecords {
    /// Seen.
    pub(crate) read: u64,
    /// Put to the policies.
    pub(crate) evaluated: u64,
    /// Further copies.
    pub(crate) duplicate: u64,
    /// Not records.
    pub(crate) malformed: u64,
    /// Of kinds that no policy is for.
    pub(crate) other_kinds: u64,
    /// Outside the asked period.
    pub(crate) outside_period: u64,
}

impl From<RecordCounts> for RowRecords {
    fn from(counts: RecordCounts) -> RowRecords {
        let RecordCounts { read, evaluated, duplicate, malformed, other_kinds, outside_period } = counts;
        RowRecords { read, evaluated, duplicate, malformed, other_kinds, outside_period }
    }
}

impl From<RowRecords> for RecordCounts {
    fn from(counts: RowRecords) -> RecordCounts {
        let RowRecords { read, evaluated, duplicate, malformed, other_kinds, outside_period } = counts;
        RecordCounts { read, evaluated, duplicate, malformed, other_kinds, outside_period }
    }
}
