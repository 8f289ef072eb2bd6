//! `time-stamp`: the authority that says when the manifest of a run was there (RFC 3161).

use std::path::PathBuf;

use assize_engine::yaml::Node;

use super::context::Context;
use super::notify::web_address;

const KEYS: [&str; 2] = ["url", "roots"];

/// A time-stamping authority (RFC 3161).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TimeStampAuthority {
    /// Where it takes queries.
    pub(crate) url: String,
    /// A PEM file with its roots. It is read when a run begins.
    pub(crate) roots: PathBuf,
}

pub(super) fn read(root: &Node, context: &mut Context<'_>) -> Option<TimeStampAuthority> {
    let node = context.value(root, "time-stamp")?;
    if !context.keys(node, "time-stamp", &KEYS) {
        return None;
    }
    if root.get("signing").is_none() {
        let hint = "what is stamped is the signed manifest: name a key under `signing`";
        context.report.error(node.span, "unsigned-time-stamp", "`time-stamp` without `signing`").hint(hint);
    }
    context.require(node, "url", "where the authority takes queries (RFC 3161), such as `https://time.example.com/tsa`");
    context.require(node, "roots", "a PEM file with the roots of the authority, as it publishes them");
    let url = context.text(node, "url");
    let roots = context.text(node, "roots").map(|text| context.path(&text));
    let url = url?;
    // A token is signed: nobody on the way can change one without being noticed, and many authorities have no TLS.
    context.passes(&url, ("bad-url", "the address of a time-stamping authority"), |text| web_address(text, true))?;
    Some(TimeStampAuthority { url: url.value, roots: roots? })
}
