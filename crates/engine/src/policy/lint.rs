//! Warnings about detections that are well formed and can never match what CloudTrail writes.
//!
//! AWS CloudTrail user guide, "CloudTrail record contents", `responseElements`: null for API calls that only read. Some calls have a
//! response although their name sounds like a read, and sign-in events are no API calls; [`WITH_RESPONSES`] and [`NAMES_WITH_RESPONSES`]
//! have them. In doubt nothing is said: a false alarm teaches people to ignore the true ones.

use std::collections::BTreeSet;

use super::{Detection, FieldPath, Item, Literal, Modifier};
use crate::candidates::{self, Alternative, Candidate};
use crate::diagnostic::{Report, Span};

/// The field that reads do not have.
const RESPONSE: &str = "responseElements";

/// How names of calls that only read begin, in lower case.
const READS: [&str; 6] = ["batchget", "describe", "get", "head", "list", "lookup"];

/// Event sources whose calls have responses whatever their names are: those that hand out credentials, and sign-in.
const WITH_RESPONSES: [&str; 5] = [
    "cognito-identity.amazonaws.com",
    "cognito-idp.amazonaws.com",
    "signin.amazonaws.com",
    "sso.amazonaws.com",
    "sts.amazonaws.com",
];

/// Their event names, for detections that name no source. In lower case.
const NAMES_WITH_RESPONSES: [&str; 8] = [
    "getcredentialsforidentity",
    "getfederationtoken",
    "getid",
    "getopenidtoken",
    "getopenidtokenfordeveloperidentity",
    "getrolecredentials",
    "getsessiontoken",
    "getsignintoken",
];

/// Warns of what can never match.
pub(crate) fn check(detection: &Detection, report: &mut Report<'_>) {
    let mut said = BTreeSet::new();
    for branch in candidates::alternatives::<Branch>(detection) {
        let Some((field, span)) = branch.response.filter(|_| only_reads(&branch.candidate)) else { continue };
        if said.insert(span) {
            let message = format!("`{field}` is asked for on calls that only read, and can never be there");
            report
                .warning(span, "reads-omit-responses", message)
                .hint("CloudTrail writes no response of calls that only read: ask for `requestParameters`, or for another call");
        }
    }
}

/// One alternative of a detection: the sources and names it can match, and an item that needs a response.
#[derive(Clone, Debug, Default, PartialEq)]
struct Branch {
    candidate: Candidate,
    response: Option<(String, Span)>,
}

impl Alternative for Branch {
    fn of_items(items: &[Item]) -> Branch {
        let response = items.iter().find(|item| needs_response(item)).map(|item| (item.written(), item.span));
        Branch { candidate: Candidate::of_items(items), response }
    }

    fn and(&self, other: &Branch) -> Option<Branch> {
        let candidate = self.candidate.and(&other.candidate)?;
        Some(Branch { candidate, response: self.response.clone().or_else(|| other.response.clone()) })
    }
}

/// Whether the item is false of every record whose `responseElements` is null or missing.
fn needs_response(item: &Item) -> bool {
    let of_response = |field: &FieldPath| field.keys.first().is_some_and(|first| first == RESPONSE);
    let (negated, null) = (item.has(Modifier::Neq), item.values.contains(&Literal::Null));
    if item.has(Modifier::FieldRef) && !negated {
        let other = |value: &Literal| of_response(&FieldPath::new(&value.written()));
        return of_response(&item.field) || item.values.iter().all(other);
    }
    if !of_response(&item.field) {
        return false;
    }
    if item.has(Modifier::Exists) {
        // The field itself is there, as null.
        return item.field.keys.len() > 1 && item.values == [Literal::Bool(true)];
    }
    negated == null
}

/// Whether each of the names is a call that only reads and has no response.
fn only_reads(candidate: &Candidate) -> bool {
    let Some(names) = &candidate.names else { return false };
    let answers = match &candidate.sources {
        Some(sources) => sources.iter().any(|source| WITH_RESPONSES.contains(&source.as_str())),
        None => names.iter().any(|name| NAMES_WITH_RESPONSES.contains(&name.as_str())),
    };
    let reads = |name: &String| READS.iter().any(|verb| name.starts_with(verb));
    !answers && !names.is_empty() && names.iter().all(reads)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(detection: &str) -> Vec<String> {
        let mut report = Report::new("f");
        let node = crate::yaml::parse(detection, &mut report).remove(0);
        let detection = crate::policy::read_detection(&node, None, &mut report).unwrap();
        check(&detection, &mut report);
        let found = report.finish();
        found.iter().map(|found| format!("{} {}: {}", found.span.at.column, found.code, found.message)).collect()
    }

    #[test]
    fn responses_of_reads_are_warned_of() {
        for (detection, message) in [
            (
                "{a: {eventName: DescribeInstances, responseElements.vpc: x}, condition: a}",
                "36 reads-omit-responses: `responseElements.vpc` is asked for on calls that only read, and can never be there",
            ),
            (
                "{a: {eventName: [GetObject, ListBuckets]}, b: {responseElements|contains: x}, condition: a and b}",
                "48 reads-omit-responses: `responseElements|contains` is asked for on calls that only read, and can never be there",
            ),
            (
                "{a: {eventName: GetUser}, b: [{responseElements.a|exists: true}], condition: a and 1 of b}",
                "32 reads-omit-responses: `responseElements.a|exists` is asked for on calls that only read, and can never be there",
            ),
            (
                "{a: {eventName: GetUser, responseElements|neq: null}, b: {eventName: X}, condition: a or b}",
                "26 reads-omit-responses: `responseElements|neq` is asked for on calls that only read, and can never be there",
            ),
            // Another way to match is left, and this one is a mistake all the same.
            (
                "{a: {eventName: GetUser}, b: {responseElements.x: x}, c: {errorCode: X}, condition: a and (b or c)}",
                "31 reads-omit-responses: `responseElements.x` is asked for on calls that only read, and can never be there",
            ),
            (
                "{a: {eventName: GetUser, userIdentity.arn|fieldref: responseElements.user}, condition: a}",
                "26 reads-omit-responses: `userIdentity.arn|fieldref` is asked for on calls that only read, and can never be there",
            ),
            (
                "{a: {eventName: GetUser, responseElements: {a: null}}, condition: a}",
                "26 reads-omit-responses: `responseElements` is asked for on calls that only read, and can never be there",
            ),
        ] {
            assert_eq!(warned(detection), [message], "{detection}");
        }
    }

    #[test]
    fn what_can_match_is_not() {
        for detection in [
            "{a: {eventName: RunInstances, responseElements.vpc: x}, condition: a}",
            "{a: {eventName: [GetUser, CreateUser], responseElements.vpc: x}, condition: a}",
            "{a: {eventName: 'Get*', responseElements.vpc: x}, condition: a}",
            "{a: {responseElements.vpc: x}, condition: a}",
            "{a: {eventName: GetUser, responseElements: null}, condition: a}",
            "{a: {eventName: GetUser, responseElements.x: [null, x]}, condition: a}",
            "{a: {eventName: GetUser, responseElements|exists: true}, condition: a}",
            "{a: {eventName: GetUser, responseElements.x|exists: false}, condition: a}",
            "{a: {eventName: GetUser, responseElements.x|neq: x}, condition: a}",
            "{a: {eventName: GetUser}, b: {responseElements.x: x}, condition: a and not b}",
            "{a: {eventSource: sts.amazonaws.com, eventName: GetSessionToken, responseElements.x: x}, condition: a}",
            "{a: {eventName: GetFederationToken, responseElements.x: x}, condition: a}",
            "{a: {eventSource: sts.amazonaws.com, eventName: AssumeRole, responseElements.x: x}, condition: a}",
            "{a: {eventSource: signin.amazonaws.com, eventName: ConsoleLogin, responseElements.ConsoleLogin: Success}, condition: a}",
        ] {
            assert_eq!(warned(detection), [""; 0], "{detection}");
        }
    }
}
