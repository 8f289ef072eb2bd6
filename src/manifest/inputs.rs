//! `inputs.jsonl.gz`: every object that a run judged, a line each, in the order of listing day, source and key.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read as _, Write as _};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::FormatError;
use super::statement::InputCounts;
use crate::state::{LedgerRow, RowStatus};

/// Keys are at most a kilobyte; a line is never near this.
const MOST_LINE: u64 = 64 << 10;

/// One object. Version 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    version: u8,
    /// UTC day under which it is listed, days since 1970.
    pub(crate) day: i64,
    /// Where it came from: `s3://bucket`.
    pub(crate) source: String,
    /// Its key there.
    pub(crate) key: String,
    /// Its version there, if versions are kept.
    pub(crate) version_id: Option<String>,
    /// Stored bytes.
    pub(crate) size: u64,
    /// SHA-256 of the stored bytes.
    pub(crate) stored_sha256: String,
    /// SHA-256 of the inflated bytes; none if there is no inflated form.
    pub(crate) inflated_sha256: Option<String>,
    /// The copy in the audit bucket; none if it was read in place.
    pub(crate) evidence_key: Option<String>,
    /// Whether its key was new, or it replaced another object.
    pub(crate) status: RowStatus,
    /// What is wrong with it, if anything.
    pub(crate) note: Option<String>,
}

impl From<LedgerRow> for Input {
    fn from(row: LedgerRow) -> Input {
        let LedgerRow { source, key, day, size, version_id, stored_sha256, inflated_sha256, evidence_key, status, note, .. } =
            row;
        Input { version: 1, day, source, key, version_id, size, stored_sha256, inflated_sha256, evidence_key, status, note }
    }
}

impl Input {
    /// The names that a finding may give it: its copy, or its place at the source, with its hash behind it if it was replaced.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        let place = format!("{}/{}", self.source, self.key);
        let replaced = format!("{place}@{}", self.stored_sha256);
        self.evidence_key.clone().into_iter().chain([place, replaced])
    }
}

impl InputCounts {
    /// Counts an object.
    pub(crate) fn add(&mut self, input: &Input) {
        self.objects += 1;
        self.bytes += input.size;
        self.copied += u64::from(input.evidence_key.is_some());
    }
}

/// Writes the list. The same objects give the same bytes.
pub(crate) struct Writer {
    out: GzEncoder<Vec<u8>>,
    counts: InputCounts,
}

impl Writer {
    /// Begins a list of the objects listed from one day to another.
    pub(crate) fn new((first_day, last_day): (i64, i64)) -> Writer {
        let counts = InputCounts { first_day, last_day, ..InputCounts::default() };
        Writer { out: GzEncoder::new(Vec::new(), Compression::default()), counts }
    }

    /// Adds an object.
    ///
    /// # Errors
    /// Never in practice: it is written to memory.
    pub(crate) fn add(&mut self, input: &Input) -> Result<(), FormatError> {
        self.counts.add(input);
        serde_json::to_writer(&mut self.out, input)?;
        self.out.write_all(b"\n").map_err(FormatError::Inflate)
    }

    /// The bytes of `inputs.jsonl.gz`, and what is in it.
    ///
    /// # Errors
    /// As [`Writer::add`].
    pub(crate) fn finish(self) -> Result<(Vec<u8>, InputCounts), FormatError> {
        Ok((self.out.finish().map_err(FormatError::Inflate)?, self.counts))
    }
}

/// Reads a list, line by line. It ends after an error.
pub(crate) struct Lines<'b> {
    lines: BufReader<GzDecoder<&'b [u8]>>,
    ended: bool,
}

/// Reads `inputs.jsonl.gz`.
pub(crate) fn lines(bytes: &[u8]) -> Lines<'_> {
    Lines { lines: BufReader::new(GzDecoder::new(bytes)), ended: false }
}

impl Lines<'_> {
    fn line(&mut self) -> Result<Option<Input>, FormatError> {
        let mut line = Vec::new();
        self.lines.by_ref().take(MOST_LINE).read_until(b'\n', &mut line).map_err(FormatError::Inflate)?;
        if line.is_empty() {
            return if self.lines.get_ref().get_ref().is_empty() { Ok(None) } else { Err(FormatError::Trailing) };
        }
        if line.len() as u64 == MOST_LINE {
            return Err(FormatError::LongLine(MOST_LINE));
        }
        Ok(Some(serde_json::from_slice(&line)?))
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Input, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let line = self.line().transpose();
        self.ended = !matches!(line, Some(Ok(_)));
        line
    }
}

/// The objects that `findings.jsonl` names.
///
/// # Errors
/// It is not what assize writes.
pub(crate) fn behind(findings: &[u8]) -> Result<BTreeSet<String>, FormatError> {
    #[derive(Deserialize)]
    struct Occurrence {
        object: String,
    }
    let lines = findings.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| Ok(serde_json::from_slice::<Occurrence>(line)?.object)).collect()
}

#[cfg(test)]
pub(crate) fn example(key: &str, bytes: &[u8], inflated_sha256: Option<String>, evidence_key: Option<String>) -> Input {
    Input {
        version: 1,
        day: 20_758,
        source: "s3://trail-logs".to_owned(),
        key: key.to_owned(),
        version_id: None,
        size: bytes.len() as u64,
        stored_sha256: crate::state::sha256(bytes),
        inflated_sha256,
        evidence_key,
        status: RowStatus::Taken,
        note: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> Vec<u8> {
        let mut writer = Writer::new((1, 3));
        writer.add(&example("a", b"one", Some("00".to_owned()), Some("evidence/aws/trail-logs/a".to_owned()))).unwrap();
        writer.add(&example("b", b"second", None, None)).unwrap();
        let (bytes, counts) = writer.finish().unwrap();
        assert_eq!(counts, InputCounts { objects: 2, bytes: 9, copied: 1, first_day: 1, last_day: 3 });
        bytes
    }

    #[test]
    fn the_format_is_version_1_and_its_bytes_depend_on_nothing_else() {
        let bytes = list();
        assert_eq!(bytes, list());
        assert_eq!(bytes[4..8], [0; 4], "no time");
        let mut text = String::new();
        GzDecoder::new(&*bytes).read_to_string(&mut text).unwrap();
        insta::assert_snapshot!(text, @r#"
        {"version":1,"day":20758,"source":"s3://trail-logs","key":"a","version_id":null,"size":3,"stored_sha256":"7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed","inflated_sha256":"00","evidence_key":"evidence/aws/trail-logs/a","status":"taken","note":null}
        {"version":1,"day":20758,"source":"s3://trail-logs","key":"b","version_id":null,"size":6,"stored_sha256":"16367aacb67a4a017c8da8ab95682ccb390863780f7114dda0a0e0c55644c7c4","inflated_sha256":null,"evidence_key":null,"status":"taken","note":null}
        "#);
    }

    #[test]
    fn what_was_written_is_read_and_nothing_behind_it() {
        let bytes = list();
        let read: Vec<Input> = lines(&bytes).map(Result::unwrap).collect();
        assert_eq!(read.iter().map(|one| one.key.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let longer = [bytes.clone(), bytes.clone()].concat();
        assert!(matches!(lines(&longer).last(), Some(Err(FormatError::Trailing))));
        let cut = bytes.get(..bytes.len() - 9).unwrap();
        assert!(matches!(lines(cut).last(), Some(Err(FormatError::Inflate(_)))));
        let mut bomb = GzEncoder::new(Vec::new(), Compression::default());
        bomb.write_all(&vec![b' '; 1 << 20]).unwrap();
        assert!(matches!(lines(&bomb.finish().unwrap()).next(), Some(Err(FormatError::LongLine(_)))));
    }

    #[test]
    fn findings_name_objects() {
        let findings = b"{\"object\": \"evidence/aws/b/k\", \"record\": 1}\n{\"object\": \"s3://b/k\"}\n";
        assert_eq!(Vec::from_iter(behind(findings).unwrap()), ["evidence/aws/b/k", "s3://b/k"]);
        assert!(behind(b"{").is_err());
    }
}
