//! What could not be read, and why: named, so that it is never taken for "there is none".

use serde::{Deserialize, Serialize};

use crate::{CloudError, Reason};

/// Something that AWS did not tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// What is not known: "accounts", "event selectors".
    pub what: String,
    /// The stable code of the reason: "denied", "throttled".
    pub reason: String,
    /// What happened and what to do about it, for people. It may hold what AWS said, so it may differ from run to run
    /// where nothing else does: compare `what` and `reason`.
    pub message: String,
}

impl Gap {
    /// The gap that an error leaves.
    pub fn new(what: impl Into<String>, error: &CloudError) -> Self {
        Self { what: what.into(), reason: error.reason().to_string(), message: error.to_string() }
    }

    /// A gap in an answer that came, but cannot be whole.
    pub(crate) fn implausible(what: impl Into<String>, message: impl Into<String>) -> Self {
        Self { what: what.into(), reason: Reason::Malformed.to_string(), message: message.into() }
    }

    /// The same gap with advice after the message.
    pub(crate) fn advise(mut self, advice: &str) -> Self {
        self.message.push_str("; ");
        self.message.push_str(advice);
        self
    }
}
