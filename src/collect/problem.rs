//! What is wrong with objects and records, as it is kept in the state from run to run.

use assize_engine::identity::Conflict;
use serde::{Deserialize, Serialize};

use crate::scan::object::Trouble;

/// Something in the evidence that cannot be taken at face value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Problem {
    /// Stable kebab-case code.
    pub(crate) code: String,
    /// Whether somebody may have altered the evidence.
    pub(crate) tampering: bool,
    /// The object.
    pub(crate) object: String,
    /// Number of the record in the object.
    pub(crate) record: Option<u64>,
    /// What is wrong and what to do.
    pub(crate) message: String,
}

impl Problem {
    /// An object that is damaged or looks tampered with.
    pub(crate) fn trouble(object: &str, trouble: &Trouble) -> Problem {
        let message = trouble.message.clone();
        Problem { code: trouble.code.to_owned(), tampering: trouble.tampering, object: object.to_owned(), record: None, message }
    }

    /// An object that has other bytes than it had.
    pub(crate) fn replaced(object: &str, key: &str) -> Problem {
        let message = format!(
            "the object {key} was replaced under its key after it had been collected: CloudTrail never does that; both versions \
             are kept and evaluated; find out who wrote to the trail's bucket"
        );
        Problem { code: "object-replaced".to_owned(), tampering: true, object: object.to_owned(), record: None, message }
    }

    /// An event id with several versions. `name` gives an object's name by its number in the batch.
    pub(crate) fn conflict<'n>(conflict: &Conflict, name: impl Fn(u32) -> &'n str) -> Problem {
        let places: Vec<String> = conflict
            .versions
            .iter()
            .map(|(digest, (object, record))| format!("{} record {record} (sha256 {})", name(*object), digest.hex()))
            .collect();
        let earlier = if conflict.versions.len() == 1 { " and one that was collected before" } else { "" };
        let message = format!(
            "event id {} stands for {} different records: {}{earlier}; all were evaluated; one of them may have been planted",
            conflict.event_id,
            conflict.versions.len().max(2),
            places.join("; "),
        );
        let (object, record) =
            conflict.versions.first().map_or(("", None), |(_, (object, record))| (name(*object), Some(*record)));
        Problem { code: "event-id-conflict".to_owned(), tampering: true, object: object.to_owned(), record, message }
    }
}
