//! The manifest of a run: what it put out, from what, judged by what; signed if there is a key, and chained to the run before it.
//!
//! Formats and keys only. [`crate::run`] writes manifests, [`crate::verify`] checks them, [`crate::bundle`] takes them along.

pub(crate) mod envelope;
pub(crate) mod inputs;
pub(crate) mod key;
pub(crate) mod statement;
pub(crate) mod time_stamp;

use serde::{Deserialize, Serialize};

use crate::state::{StateError, View};

/// The statement, in a run's folder.
pub(crate) const MANIFEST: &str = "manifest.json";

/// The signed envelope around it.
pub(crate) const ENVELOPE: &str = "manifest.dsse.json";

/// The list of what was judged.
pub(crate) const INPUTS: &str = "inputs.jsonl.gz";

/// Every finding with the objects behind it.
pub(crate) const FINDINGS: &str = "findings.jsonl";

/// The record of a finished run.
pub(crate) const RECORD: &str = "run.json";

/// What the record of a run says of the time stamp that it asks for.
pub(crate) const TIME_STAMP: &str = "time_stamp";

/// The document of the state that names the newest manifest: a [`Link`].
pub(crate) const NEWEST: &str = "manifest";

/// The key of a run's file in the audit bucket.
pub(crate) fn place(run: &str, file: &str) -> String {
    format!("runs/{run}/{file}")
}

/// Where the public key of a signature is archived. It lies beside the manifests and not with CloudTrail's keys under
/// `evidence/_keys/`: those are AWS's, and whoever verifies digests reads all that is there.
pub(crate) fn archived_key(keyid: &str) -> String {
    format!("runs/_keys/{keyid}.der")
}

/// Names a manifest by the bytes of its `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    /// The run.
    pub(crate) run: String,
    /// SHA-256 of its manifest, lower-case hexadecimal.
    pub(crate) sha256: String,
}

/// Why a file of a manifest cannot be taken for one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FormatError {
    /// Not the JSON that it should be.
    #[error("it is not what assize writes: {0}")]
    Json(#[from] serde_json::Error),
    /// Another version.
    #[error("it is of the kind `{0}`, which this version of assize does not know; use a newer one")]
    Kind(String),
    /// The same content in other bytes.
    #[error("its bytes are not those that assize writes for what it says: it was rewritten")]
    Rewritten,
    /// Subjects that are out of order or twice.
    #[error("it names a file twice, or not in order: it was rewritten")]
    Order,
    /// Base64.
    #[error("its payload or signature is not base64")]
    Base64,
    /// A list that cannot be inflated.
    #[error("it cannot be inflated: {0}")]
    Inflate(#[source] std::io::Error),
    /// Bytes after the list.
    #[error("bytes follow its gzip stream")]
    Trailing,
    /// A line without an end.
    #[error("it has a line of more than {0} bytes")]
    LongLine(u64),
}

/// The newest manifest that the state names; none if no run has written one.
///
/// # Errors
/// The state cannot be read.
pub(crate) async fn newest(view: &View) -> Result<Option<Link>, StateError> {
    link(view, NEWEST).await
}

/// The file of a run that a document of the state names; none if the state has no such document.
///
/// # Errors
/// The state cannot be read.
pub(crate) async fn link(view: &View, document: &str) -> Result<Option<Link>, StateError> {
    let Some(found) = view.current(document).await? else { return Ok(None) };
    let damaged = |error: serde_json::Error| StateError::Damaged {
        key: format!("the state's note of the newest {document}"),
        reason: error.to_string(),
        advice: "use the version of assize that wrote it, or a newer one",
    };
    serde_json::from_value(found.value).map(Some).map_err(damaged)
}

/// Pretty JSON and a line feed: one form for one content.
///
/// # Errors
/// Never in practice: what is written can be written as JSON.
pub(crate) fn written(value: &impl Serialize) -> Result<Vec<u8>, FormatError> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}
