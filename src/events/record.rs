//! One record that is asked: its values wherever they stand, and the fields that Assize derives.

use std::borrow::Cow;

use assize_engine::json::{Kind, Value};
use assize_engine::matcher::{Matcher, Subject};
use assize_engine::policy::FieldPath;
use assize_engine::record::AccountList;
use assize_engine::session::{Principal, PrincipalKind};
use assize_engine::time;

/// What derived fields are asked with.
pub(crate) struct Fields {
    matcher: Matcher,
    outcome: FieldPath,
    via: FieldPath,
}

impl Fields {
    pub(crate) fn new() -> Fields {
        let matcher = Matcher::new(&[], AccountList::new());
        Fields { matcher, outcome: FieldPath::new("outcome"), via: FieldPath::new("via") }
    }
}

/// A record under a question.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    /// The record.
    pub(crate) subject: &'a Subject<'a>,
    /// Its bytes.
    pub(crate) bytes: &'a [u8],
    /// Event time, seconds since 1970 UTC.
    pub(crate) time: i64,
    fields: &'a Fields,
}

impl<'a> Record<'a> {
    /// `None` if it has no time, which every event of a log has.
    pub(crate) fn of(subject: &'a Subject<'a>, bytes: &'a [u8], fields: &'a Fields) -> Option<Record<'a>> {
        let time = time::parse(&subject.root.get_text("eventTime")?)?;
        Some(Record { subject, bytes, time, fields })
    }

    /// The account that received it.
    pub(crate) fn account(&self) -> Cow<'a, str> {
        self.subject.facts.account_id()
    }

    /// The region.
    pub(crate) fn region(&self) -> Cow<'a, str> {
        self.subject.facts.region_name()
    }

    /// The first text under a name at the top; empty if there is none.
    pub(crate) fn text(&self, name: &str) -> Cow<'a, str> {
        self.subject.root.get_text(name).unwrap_or_default()
    }

    /// The service that was called, without `.amazonaws.com`.
    pub(crate) fn service(&self) -> String {
        service_of(&self.text("eventSource")).to_owned()
    }

    /// The name of the event; an Insight has none, and is named by its type.
    pub(crate) fn api(&self) -> Cow<'a, str> {
        match self.text("eventName") {
            name if name.is_empty() => self.text("eventType"),
            name => name,
        }
    }

    /// How the call ended.
    pub(crate) fn outcome(&self) -> String {
        self.fields.matcher.shown(&self.fields.outcome, self.subject).unwrap_or_default()
    }

    /// How it was made; empty if the record does not say.
    pub(crate) fn via(&self) -> String {
        self.fields.matcher.shown(&self.fields.via, self.subject).unwrap_or_default()
    }

    /// The error's code, or its message where there is no code, as of failed sign-ins.
    pub(crate) fn error(&self) -> Cow<'a, str> {
        match self.text("errorCode") {
            code if code.is_empty() => self.text("errorMessage"),
            code => code,
        }
    }

    /// Whether the call only reads. Records of older versions do not say so, and are told by the verb.
    pub(crate) fn read_only(&self) -> bool {
        const READING: [&str; 6] = ["Get", "List", "Describe", "Head", "Lookup", "BatchGet"];
        let said = self.subject.root.named("readOnly").map(|value| value.text());
        let said: Vec<bool> = said.filter(|text| text == "true" || text == "false").map(|text| text == "true").collect();
        // A key that stands twice hides no change behind the other.
        match said.as_slice() {
            [_, ..] => said.iter().all(|only| *only),
            [] => READING.iter().any(|verb| self.text("eventName").starts_with(verb)),
        }
    }

    /// Who called.
    pub(crate) fn caller(&self) -> Principal {
        Principal::of(&self.subject.facts)
    }

    /// Whether some value at the path satisfies; lists on the way are gone through, and a key that stands twice counts twice.
    pub(crate) fn any(&self, path: &[&str], mut satisfies: impl FnMut(&str) -> bool) -> bool {
        any_at(self.subject.root, path, &mut |value| {
            !matches!(value.kind(), Kind::Object | Kind::Array | Kind::Null) && satisfies(&value.text())
        })
    }

    /// Whether some value below the key at the top satisfies.
    pub(crate) fn any_below(&self, name: &str, mut satisfies: impl FnMut(&str) -> bool) -> bool {
        self.subject.root.named(name).any(|value| any_leaf(value, &mut |leaf| satisfies(&leaf.text())))
    }
}

/// `ec2.amazonaws.com` without its end.
pub(crate) fn service_of(source: &str) -> &str {
    let at = source.len().checked_sub(AMAZON.len());
    match at.and_then(|at| source.split_at_checked(at)) {
        Some((service, end)) if end.eq_ignore_ascii_case(AMAZON) => service,
        _ => source,
    }
}

const AMAZON: &str = ".amazonaws.com";

fn any_at<'a>(value: Value<'a>, path: &[&str], satisfies: &mut dyn FnMut(Value<'a>) -> bool) -> bool {
    match (value.kind(), path) {
        (Kind::Array, _) => value.items().any(|item| any_at(item, path, satisfies)),
        (_, []) => satisfies(value),
        (_, [name, rest @ ..]) => value.named(name).any(|inner| any_at(inner, rest, satisfies)),
    }
}

/// Whether some text, number or boolean below a value satisfies.
pub(crate) fn any_leaf<'a>(value: Value<'a>, satisfies: &mut dyn FnMut(Value<'a>) -> bool) -> bool {
    match value.kind() {
        Kind::Object => value.entries().any(|(_, inner)| any_leaf(inner, satisfies)),
        Kind::Array => value.items().any(|item| any_leaf(item, satisfies)),
        Kind::Null => false,
        _ => satisfies(value),
    }
}

/// Whether some key satisfies, or some text, number or boolean.
pub(crate) fn any_text(value: Value<'_>, satisfies: &mut dyn FnMut(&str) -> bool) -> bool {
    match value.kind() {
        Kind::Object => value.entries().any(|(key, inner)| satisfies(&key.text()) || any_text(inner, satisfies)),
        Kind::Array => value.items().any(|item| any_text(item, satisfies)),
        _ => satisfies(&value.text()),
    }
}

/// What Identity Center puts before and behind the name of a permission set, to name the role that it makes of it in an account
/// (AWS IAM Identity Center user guide, "Referencing permission sets").
const PERMISSION_SET: &str = "AWSReservedSSO_";

/// Who called, as short as it can be told: `alice`, `Admin/alice` for a session of a role or of a permission set, the host of a service,
/// `root`. The account stands before it where it is not the one that received the record.
pub(crate) fn actor(caller: &Principal, receiver: &str) -> String {
    let named = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    // `arn:aws:sts::111122223333:assumed-role/ROLE/SESSION`
    let session = || {
        let (_, session) = caller.arn.split_once('/')?;
        let set = session.strip_prefix(PERMISSION_SET).and_then(|rest| rest.split_once('/'));
        match set.and_then(|(role, who)| Some((role.rsplit_once('_')?.0, who))) {
            Some((set, who)) => Some(format!("{set}/{who}")),
            None => named(session),
        }
    };
    let own = match caller.kind {
        PrincipalKind::Root => Some("root".to_owned()),
        PrincipalKind::Role | PrincipalKind::FederatedUser => session(),
        _ => named(&caller.name).or_else(session),
    };
    let own = own.or_else(|| named(&caller.name)).or_else(|| named(&caller.arn)).or_else(|| named(&caller.person));
    let own = own.unwrap_or_else(|| "unknown".to_owned());
    if caller.account.is_empty() || caller.account == receiver { own } else { format!("{}:{own}", caller.account) }
}

/// Who is behind a session of a role, where the record itself says it.
pub(crate) fn behind(caller: &Principal) -> Option<String> {
    if !caller.is_borrowed() {
        return None;
    }
    let (role, session) = caller.arn.split_once('/').and_then(|(_, rest)| rest.split_once('/')).unwrap_or_default();
    if !caller.source_identity.is_empty() {
        return Some(format!("{} (source identity)", caller.source_identity));
    }
    // The session of a permission set has the name of who signed in (AWS IAM Identity Center user guide, "Identity Center user
    // identity in CloudTrail").
    if role.starts_with(PERMISSION_SET) && !session.is_empty() {
        return Some(format!("{session} (Identity Center)"));
    }
    if !caller.person.is_empty() {
        return Some(format!("person {} (Identity Center)", caller.person));
    }
    let provider = caller.provider.split_once("-provider/").map_or(caller.provider.as_str(), |(_, name)| name);
    (!provider.is_empty()).then(|| format!("somebody of {provider}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::example::{self, RECORD};

    /// The caller in short, and who is behind it, of a record with this identity.
    fn told(identity: &str) -> (String, Option<String>) {
        let (before, rest) = RECORD.split_once("{\"type\"").unwrap();
        let (_, after) = rest.split_once("},").unwrap();
        example::with(&format!("{before}{identity},{after}"), |record| {
            let caller = record.caller();
            (actor(&caller, &record.account()), behind(&caller))
        })
    }

    #[test]
    fn callers_are_told_in_short() {
        let role = |session: &str, more: &str| {
            format!(
                r#"{{"type":"AssumedRole","principalId":"AROA:x","arn":"arn:aws:sts::111122223333:assumed-role/{session}","accountId":"111122223333","sessionContext":{{{more}}}}}"#
            )
        };
        for (identity, short, person) in [
            (r#"{"type":"IAMUser","accountId":"111122223333","userName":"alice"}"#.to_owned(), "alice", None),
            (r#"{"type":"IAMUser","accountId":"444455556666","userName":"alice"}"#.to_owned(), "444455556666:alice", None),
            (r#"{"type":"Root","accountId":"111122223333","arn":"arn:aws:iam::111122223333:root"}"#.to_owned(), "root", None),
            (r#"{"type":"AWSService","invokedBy":"ec2.amazonaws.com"}"#.to_owned(), "ec2.amazonaws.com", None),
            (r#"{"type":"AWSAccount","principalId":"AIDA7","accountId":"444455556666"}"#.to_owned(), "444455556666:AIDA7", None),
            (r"{}".to_owned(), "unknown", None),
            (role("Deploy/release", ""), "Deploy/release", None),
            (role("Deploy/release", r#""sourceIdentity":"carol""#), "Deploy/release", Some("carol (source identity)")),
            (role("AWSReservedSSO_Power_User_0123456789abcdef/noah", ""), "Power_User/noah", Some("noah (Identity Center)")),
            (
                role(
                    "Deploy/x",
                    r#""webIdFederationData":{"federatedProvider":"arn:aws:iam::111122223333:oidc-provider/ci.example"}"#,
                ),
                "Deploy/x",
                Some("somebody of ci.example"),
            ),
            (role("AWSReservedSSO_odd", ""), "AWSReservedSSO_odd", None),
        ] {
            assert_eq!(told(&identity), (short.to_owned(), person.map(str::to_owned)), "{identity}");
        }
    }

    #[test]
    fn what_only_reads_is_told_by_the_record_or_by_its_verb() {
        let reads = |text: &str| example::with(text, |record| record.read_only());
        assert!(!reads(RECORD) && reads(&RECORD.replace("\"readOnly\":false", "\"readOnly\":true")));
        let old = RECORD.replace("\"readOnly\":false,", "");
        assert!(!reads(&old) && reads(&old.replace("StopLogging", "DescribeTrails")));
        assert!(reads(&RECORD.replace("\"readOnly\":false", "\"readOnly\":\"true\"")));
        assert!(
            !reads(&RECORD.replace("\"readOnly\":false", "\"readOnly\":true,\"readOnly\":false")),
            "one of two hides no change"
        );
    }

    #[test]
    fn services_lose_their_domain() {
        for (source, service) in [("ec2.amazonaws.com", "ec2"), ("S3.AmazonAWS.com", "S3"), ("x", "x"), ("", "")] {
            assert_eq!(service_of(source), service);
        }
    }
}
