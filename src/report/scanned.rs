//! The part of a document that is particular to a scan of files: books of objects, what is wrong with them, what was
//! skipped.

use super::v1;
use crate::collect::problem::Problem;
use crate::scan::Scanned;
use crate::scan::input::Inputs;
use crate::scan::object::{ObjectOutcome, Status};

/// The books of objects.
pub(crate) fn objects(scanned: &Scanned, inputs: &Inputs) -> v1::ObjectBooks {
    let sum = |bytes: fn(&ObjectOutcome) -> u64| scanned.objects.iter().map(bytes).sum();
    v1::ObjectBooks {
        listed: (inputs.objects.len() + inputs.skipped.len() + inputs.unlisted.len()) as u64,
        read: scanned.count(Status::Read),
        skipped: scanned.count(Status::Skipped) + inputs.skipped.len() as u64,
        failed: scanned.count(Status::Failed) + inputs.unlisted.len() as u64,
        stored_bytes: sum(|object| object.stored_bytes),
        inflated_bytes: sum(|object| object.inflated_bytes),
    }
}

/// What cannot be taken at face value.
pub(crate) fn problems(scanned: &Scanned, inputs: &Inputs) -> Vec<v1::Problem> {
    let mut all = Vec::new();
    for (object, outcome) in inputs.objects.iter().zip(&scanned.objects) {
        all.extend(outcome.trouble.as_ref().map(|trouble| of(Problem::trouble(&object.name, trouble))));
    }
    for (name, why) in &inputs.unlisted {
        let message = format!("cannot be listed: {why}; give this user read permission");
        let code = "unreadable".to_owned();
        all.push(v1::Problem { code, tampering: false, object: name.clone(), record: None, offset: None, message });
    }
    let name = |number: u32| inputs.objects.get(number as usize).map_or("an object", |object| &*object.name);
    all.extend(scanned.conflicts.iter().map(|conflict| of(Problem::conflict(conflict, &scanned.digests, name))));
    all
}

/// A problem as the document has it.
pub(crate) fn of(problem: Problem) -> v1::Problem {
    let Problem { code, tampering, object, record, message } = problem;
    v1::Problem { code, tampering, object, record, offset: None, message }
}

/// Objects that are no logs.
pub(crate) fn skipped(scanned: &Scanned, inputs: &Inputs) -> Vec<v1::Skipped> {
    let inside = inputs
        .objects
        .iter()
        .zip(&scanned.objects)
        .filter_map(|(object, outcome)| Some((object.name.to_string(), outcome.skipped?)));
    let named = inputs.skipped.iter().map(|(object, reason)| (object.clone(), *reason));
    named.chain(inside).map(|(object, reason)| v1::Skipped { object, reason: reason.to_owned() }).collect()
}
