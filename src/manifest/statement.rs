//! What a manifest says: an in-toto statement (Statement v1) with a predicate of our own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FormatError, Link, written};

/// The kind of statement.
const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// The kind of predicate, with its version.
pub(crate) const PREDICATE: &str = "https://assize.dev/run/v1";

/// The content of `manifest.json`. Version 1: frozen; a change is a version 2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    /// The files of the run, by name.
    pub(crate) subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    /// What the run was.
    pub(crate) predicate: Predicate,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subject {
    /// Its name in the run's folder.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) digest: Digests,
}

/// Digests of bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Digests {
    /// Lower-case hexadecimal.
    pub(crate) sha256: String,
}

/// What the run was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Predicate {
    /// The run.
    pub(crate) run: String,
    /// The subcommand.
    pub(crate) command: String,
    /// Version of Assize.
    pub(crate) tool: String,
    /// The run's time.
    pub(crate) as_of: String,
    /// First second that was judged.
    pub(crate) since: String,
    /// First second after what was due.
    pub(crate) horizon: String,
    /// SHA-256 of the configuration's text.
    pub(crate) configuration_sha256: String,
    /// SHA-256 over names and contents of all policy files.
    pub(crate) policies_sha256: String,
    /// The policies.
    pub(crate) policies: Vec<PolicyName>,
    /// What was judged; the list is in `inputs.jsonl.gz`.
    pub(crate) inputs: InputCounts,
    /// What the run ended with.
    pub(crate) exit_code: u8,
    /// The id of the key that signs this; none if nothing does. So a signature that was taken away is missed.
    pub(crate) signed_with: Option<String>,
    /// The manifest of the run before; none for the first one.
    pub(crate) previous: Option<Link>,
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyName {
    /// Its id.
    pub(crate) id: String,
    /// The name of all that its matches depend on.
    pub(crate) evaluation: String,
}

/// How much was judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputCounts {
    /// Objects in the list.
    pub(crate) objects: u64,
    /// Their stored bytes.
    pub(crate) bytes: u64,
    /// Objects with a copy in the audit bucket.
    pub(crate) copied: u64,
    /// First day of listing, days since 1970 UTC.
    pub(crate) first_day: i64,
    /// Last day of it.
    pub(crate) last_day: i64,
}

impl Statement {
    /// States the files (SHA-256 by name) of a run.
    pub(crate) fn new(files: BTreeMap<String, String>, predicate: Predicate) -> Statement {
        let subject = files.into_iter().map(|(name, sha256)| Subject { name, digest: Digests { sha256 } });
        Statement { kind: STATEMENT.to_owned(), subject: subject.collect(), predicate_type: PREDICATE.to_owned(), predicate }
    }

    /// The bytes of `manifest.json`.
    ///
    /// # Errors
    /// Never in practice: everything in it can be written as JSON.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, FormatError> {
        written(self)
    }

    /// Reads `manifest.json`.
    ///
    /// # Errors
    /// It is not one, of another version, or not in the bytes that [`Statement::bytes`] gives.
    pub(crate) fn read(bytes: &[u8]) -> Result<Statement, FormatError> {
        #[derive(Deserialize)]
        struct Kinds {
            #[serde(rename = "_type")]
            kind: String,
            #[serde(rename = "predicateType")]
            predicate_type: String,
        }
        let kinds: Kinds = serde_json::from_slice(bytes)?;
        for (found, known) in [(kinds.kind, STATEMENT), (kinds.predicate_type, PREDICATE)] {
            if found != known {
                return Err(FormatError::Kind(found));
            }
        }
        let statement: Statement = serde_json::from_slice(bytes)?;
        if !statement.subject.is_sorted_by(|a, b| a.name < b.name) {
            return Err(FormatError::Order);
        }
        if statement.bytes()? == bytes { Ok(statement) } else { Err(FormatError::Rewritten) }
    }

    /// Names this manifest.
    ///
    /// # Errors
    /// As [`Statement::bytes`].
    pub(crate) fn link(&self) -> Result<Link, FormatError> {
        Ok(Link { run: self.predicate.run.clone(), sha256: crate::state::sha256(&self.bytes()?) })
    }
}

#[cfg(test)]
pub(crate) fn example() -> Statement {
    let files = [("run.json", "aa"), ("report.html", "bb")].map(|(name, hash)| (name.to_owned(), hash.repeat(32)));
    let predicate = Predicate {
        run: "20261122T080000Z-0a1b2c3d".to_owned(),
        command: "run".to_owned(),
        tool: "0.1.0".to_owned(),
        as_of: "2026-11-22T08:00:00Z".to_owned(),
        since: "2026-11-15T05:00:00Z".to_owned(),
        horizon: "2026-11-22T05:00:00Z".to_owned(),
        configuration_sha256: "cc".repeat(32),
        policies_sha256: "dd".repeat(32),
        policies: vec![PolicyName { id: "root-used".to_owned(), evaluation: "ee".repeat(16) }],
        inputs: InputCounts { objects: 3, bytes: 4_096, copied: 2, first_day: 20_771, last_day: 20_780 },
        exit_code: 4,
        signed_with: None,
        previous: Some(Link { run: "20261121T080000Z-00000000".to_owned(), sha256: "ff".repeat(32) }),
    };
    Statement::new(files.into(), predicate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_version_1() {
        insta::assert_snapshot!(String::from_utf8(example().bytes().unwrap()).unwrap(), @r#"
        {
          "_type": "https://in-toto.io/Statement/v1",
          "subject": [
            {
              "name": "report.html",
              "digest": {
                "sha256": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
              }
            },
            {
              "name": "run.json",
              "digest": {
                "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
              }
            }
          ],
          "predicateType": "https://assize.dev/run/v1",
          "predicate": {
            "run": "20261122T080000Z-0a1b2c3d",
            "command": "run",
            "tool": "0.1.0",
            "as_of": "2026-11-22T08:00:00Z",
            "since": "2026-11-15T05:00:00Z",
            "horizon": "2026-11-22T05:00:00Z",
            "configuration_sha256": "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
            "policies_sha256": "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
            "policies": [
              {
                "id": "root-used",
                "evaluation": "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
              }
            ],
            "inputs": {
              "objects": 3,
              "bytes": 4096,
              "copied": 2,
              "first_day": 20771,
              "last_day": 20780
            },
            "exit_code": 4,
            "signed_with": null,
            "previous": {
              "run": "20261121T080000Z-00000000",
              "sha256": "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
            }
          }
        }
        "#);
    }

    #[test]
    fn only_the_bytes_that_were_written_are_read() {
        let bytes = example().bytes().unwrap();
        assert_eq!(Statement::read(&bytes).unwrap(), example());
        let text = String::from_utf8(bytes).unwrap();
        let other = |from: &str, to: &str| Statement::read(text.replace(from, to).as_bytes()).unwrap_err();
        assert!(matches!(other("run/v1", "run/v2"), FormatError::Kind(_)));
        assert!(matches!(other("\"exit_code\": 4", "\"exit_code\":  4"), FormatError::Rewritten));
        assert!(matches!(other("\"exit_code\"", "\"exit\": 1, \"exit_code\""), FormatError::Json(_)));
        assert!(matches!(other("run.json", "report.html"), FormatError::Order));
    }
}
