//! What is wrong with objects and records, as it is kept in the state from run to run.

use assize_engine::identity::Conflict;
use serde::{Deserialize, Serialize};

use super::own_calls::ACTION;
use crate::scan::Digests;
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

    /// A call of our own that is not in the log; `at` in seconds since 1970.
    pub(crate) fn not_recorded(account: &str, region: &str, at: i64, request_id: &str) -> Problem {
        let message = format!(
            "the call {ACTION} that an earlier run made at {} (request id {request_id}) is not in the log of that hour, although digests \
             prove that the log is complete: not everything that happens there is recorded; look at the trail's selectors, and ask \
             AWS Support with the request id",
            assize_engine::time::format(at)
        );
        let object = format!("{account} {region}");
        Problem { code: "call-not-recorded".to_owned(), tampering: false, object, record: None, message }
    }

    /// An event id with several versions. `name` gives an object's name by its number in the batch.
    pub(crate) fn conflict<'n>(conflict: &Conflict, digests: &Digests, name: impl Fn(u32) -> &'n str) -> Problem {
        let shown = |place| digests.get(place).map_or_else(|| "not read again".to_owned(), |digest| digest.hex());
        let places: Vec<String> = conflict
            .versions
            .iter()
            .map(|place| format!("{} record {} (sha256 {})", name(place.0), place.1, shown(place)))
            .collect();
        // Of what was read before, an identity is kept and no place.
        let earlier = match conflict.versions.len() {
            1 => "; the other version was read before, by an earlier run or an earlier commit of this one",
            _ => "",
        };
        let message = format!(
            "event id {} stands for {} different records: {}{earlier}; all were evaluated; one of them may have been planted",
            conflict.event_id,
            conflict.versions.len().max(2),
            places.join("; "),
        );
        let (object, record) = conflict.versions.first().map_or(("", None), |(object, record)| (name(*object), Some(*record)));
        Problem { code: "event-id-conflict".to_owned(), tampering: true, object: object.to_owned(), record, message }
    }
}

#[cfg(test)]
mod tests {
    use assize_engine::identity::RecordDigest;

    use super::*;

    #[test]
    fn a_conflict_names_both_places_or_says_where_the_other_one_was_read() {
        let digests = Digests::from([((0, 3), RecordDigest::of(b"one")), ((1, 7), RecordDigest::of(b"two"))]);
        let name = |number: u32| if number == 0 { "one.json.gz" } else { "two.json.gz" };
        let said = |versions| Problem::conflict(&Conflict { event_id: "id".to_owned(), versions }, &digests, name).message;
        let both = said(vec![(0, 3), (1, 7)]);
        assert!(both.contains("one.json.gz record 3") && both.contains("two.json.gz record 7"), "{both}");
        let across = said(vec![(1, 7)]);
        assert!(across.contains("2 different records: two.json.gz record 7"), "{across}");
        assert!(across.contains("the other version was read before, by an earlier run"), "{across}");
    }
}
