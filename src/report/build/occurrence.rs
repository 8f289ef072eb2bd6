//! The records that are shown of findings, and those that could not be judged.

use assize_engine::finding::Finding;
use assize_engine::partial::Hit;
use assize_engine::policy::Truth;
use assize_engine::session;
use assize_engine::time;

use super::{Detail, MAX_DETAILED, Parts, SAMPLE};
use crate::report::{behind, v1};
use crate::scan::evidence::{Evidence, Wanted};

/// Those of a finding. For a glance that is what was read again: places in logs are not shown then, and those
/// of ten thousand findings are most of a document.
pub(super) fn of_finding(finding: &Finding, parts: &Parts<'_>) -> Vec<v1::Occurrence> {
    let read = |hit| read(finding.policy, hit, Truth::True, parts);
    let one = |hit, evidence| occurrence(finding.policy, hit, evidence, parts);
    match parts.detail {
        Detail::Glance => finding.hits.first().and_then(|hit| Some(one(hit, Some(read(hit)?)))).into_iter().collect(),
        Detail::Full => finding.sample(SAMPLE).map(|hit| one(hit, read(hit))).collect(),
    }
}

/// One that a policy could not judge.
pub(super) fn unjudged(policy: usize, hit: &Hit, parts: &Parts<'_>) -> v1::Occurrence {
    occurrence(policy, hit, read(policy, hit, Truth::Unknown, parts), parts)
}

/// What was read of a record again, if it was.
fn read<'p>(policy: usize, hit: &Hit, expected: Truth, parts: &Parts<'p>) -> Option<&'p Evidence> {
    parts.evidence.get(&Wanted { policy, hit: hit.clone(), expected })
}

/// One record, with what was read of it again.
fn occurrence(policy: usize, hit: &Hit, evidence: Option<&Evidence>, parts: &Parts<'_>) -> v1::Occurrence {
    let fields = parts.pack.policies.get(policy).map(|policy| policy.show.as_slice()).unwrap_or_default();
    let show = evidence.map(|evidence| evidence.show.as_slice()).unwrap_or_default();
    let missing = match evidence {
        Some(evidence) => evidence.missing.clone(),
        None => Some(format!("shown for the first {MAX_DETAILED} findings only; the place above leads to its bytes")),
    };
    v1::Occurrence {
        event_id: hit.event_id.to_string(),
        time: time::format(hit.time),
        object: hit.object.to_string(),
        record: hit.place.index,
        offset: hit.place.offset,
        length: hit.length,
        sha256_128: hit.digest.hex(),
        show: fields
            .iter()
            .zip(show)
            .map(|(field, value)| v1::FieldValue { field: field.written.clone(), value: value.clone() })
            .collect(),
        matched: evidence.map(matched).unwrap_or_default(),
        event: evidence.and_then(|evidence| evidence.text.clone()),
        event_missing: missing,
        behind: evidence
            .and_then(|evidence| evidence.caller.as_ref())
            .and_then(|caller| behind::of(&session::chain(caller, hit.time, parts.sessions))),
    }
}

fn matched(evidence: &Evidence) -> Vec<v1::MatchedSelection> {
    let field = |field: &assize_engine::linear::MatchedField| v1::MatchedField {
        field: field.field.clone(),
        value: field.value.clone(),
        pattern: field.pattern.clone(),
    };
    let selections = evidence.matched.iter();
    selections
        .map(|one| v1::MatchedSelection { selection: one.selection.clone(), fields: one.fields.iter().map(field).collect() })
        .collect()
}
