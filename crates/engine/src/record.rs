//! One CloudTrail record: what kind it is, who and where, and the fields that Assize derives from it.
//!
//! AWS CloudTrail user guide, "CloudTrail record contents", event versions 1.0 to 1.11.

mod accounts;
pub(crate) mod top;

use std::borrow::Cow;
use std::cell::Cell;

pub use accounts::{AccountFacts, AccountList};

use crate::json::{Kind, Value};
use top::TopField;

/// The kind of a record, by `eventCategory`, or by `eventType` where older versions have no category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordKind {
    /// Control-plane call, sign-in or service event.
    Management,
    /// Data-plane call.
    Data,
    /// Call through a VPC endpoint.
    NetworkActivity,
    /// An unusual rate, found by CloudTrail Insights.
    Insight,
    /// A summary of many data events; has another shape and no single event.
    Aggregated,
}

impl RecordKind {
    /// The name in output.
    pub fn name(self) -> &'static str {
        match self {
            RecordKind::Management => "management",
            RecordKind::Data => "data",
            RecordKind::NetworkActivity => "network-activity",
            RecordKind::Insight => "insight",
            RecordKind::Aggregated => "aggregated",
        }
    }
}

/// The top-level fields of a record, found in one pass over its keys.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    root: Value<'a>,
    /// Where the first entry of each field stands; 0 if there is none.
    places: [u32; top::COUNT],
    /// One bit for each field: whether it was looked at, and whether its content was omitted.
    omitted: Cell<(u32, u32)>,
    /// Some field of CloudTrail's stands twice, so that more than one place must be looked at.
    doubled: bool,
    /// Source or name stands twice or is not a string, so an index over them must not be trusted.
    pub ambiguous: bool,
}

impl<'a> Facts<'a> {
    /// Looks through the top-level keys once.
    pub fn of(root: Value<'a>) -> Facts<'a> {
        let mut facts = Facts { root, places: [0; top::COUNT], omitted: Cell::default(), doubled: false, ambiguous: false };
        let mut expected = TopField::FIRST;
        if let Some(places) = root.places() {
            places.iter().for_each(|&place| facts.add(place, &mut expected));
            return facts;
        }
        let mut entries = root.entries();
        while let Some((_, place)) = entries.next_key() {
            facts.add(place, &mut expected);
        }
        facts
    }

    /// Adds the entry with this place, if it is a field of CloudTrail's. `expected`: the field that it probably is, and then the one
    /// that probably follows.
    #[inline(always)]
    fn add(&mut self, place: u32, expected: &mut TopField) {
        let is_expected = self.root.quoted_key(place).is_some_and(|key| expected.is_quoted(key));
        let field = if is_expected {
            *expected
        } else {
            let key = self.root.key(place);
            let Some(other) = TopField::of(key).or_else(|| TopField::of_escaped(key)) else { return };
            other
        };
        *expected = field.next();
        let Some(slot) = self.places.get_mut(field.number()) else { return };
        let again = *slot != 0;
        self.doubled |= again;
        if !again {
            *slot = place;
        }
        if matches!(field, top::SOURCE | top::NAME) {
            self.ambiguous |= again || self.root.entry(place).kind() != Kind::String;
        }
    }

    /// The first value of the field.
    #[inline]
    pub(crate) fn first(&self, field: TopField) -> Option<Value<'a>> {
        let place = self.places.get(field.number()).copied().unwrap_or(0);
        (place != 0).then(|| self.root.entry(place))
    }

    /// Whether AWS left out the content of the field's first value, which this is; looked at once per record.
    #[inline]
    pub(crate) fn is_omitted(&self, field: TopField, value: Value<'a>) -> bool {
        let bit = 1 << field.number();
        let (mut looked, mut found) = self.omitted.get();
        if looked & bit == 0 {
            looked |= bit;
            found |= if is_omitted(value) { bit } else { 0 };
            self.omitted.set((looked, found));
        }
        found & bit != 0
    }

    /// The only value of the field; `Err` if the record has to be gone through for it.
    #[inline]
    pub(crate) fn only(&self, field: TopField) -> Result<Option<Value<'a>>, Doubled> {
        if self.doubled { Err(Doubled) } else { Ok(self.first(field)) }
    }

    /// The first value of the field that is a string.
    #[inline]
    fn string(&self, field: TopField) -> Option<Value<'a>> {
        let first = self.first(field)?;
        if first.kind() == Kind::String {
            return Some(first);
        }
        let is_field = |key: &Value<'_>| TopField::of(key.text().as_bytes()) == Some(field);
        let mut others = self.root.entries().filter(|(key, value)| self.doubled && value.kind() == Kind::String && is_field(key));
        others.next().map(|(_, value)| value)
    }

    /// The text of the first value of the field that is a string.
    #[inline]
    pub(crate) fn text(&self, field: TopField) -> Option<Cow<'a, str>> {
        let place = self.places.get(field.number()).copied().filter(|&place| place != 0)?;
        match self.root.plain_text(place) {
            Some(text) => Some(Cow::Borrowed(text)),
            None => self.string(field).map(|value| value.text()),
        }
    }

    /// `eventSource`, if it is a string.
    pub fn source(&self) -> Option<Value<'a>> {
        self.string(top::SOURCE)
    }

    /// `eventName`, if it is a string.
    pub fn name(&self) -> Option<Value<'a>> {
        self.string(top::NAME)
    }

    /// The kind of the record; `None` if it is no CloudTrail record.
    pub fn kind(&self) -> Option<RecordKind> {
        let text = |field| self.text(field).unwrap_or(Cow::Borrowed(""));
        Some(match (&*text(top::CATEGORY), &*text(top::EVENT_TYPE)) {
            ("Management", _) => RecordKind::Management,
            ("Data", _) => RecordKind::Data,
            ("NetworkActivity", _) | ("", "AwsVpceEvent" | "AwsVpceEvents") => RecordKind::NetworkActivity,
            ("Insight", _) | ("", "AwsCloudTrailInsight") => RecordKind::Insight,
            ("Aggregated", _) | ("", "AwsAggregatedEvent") => RecordKind::Aggregated,
            _ if self.source().is_none() && self.name().is_none() => return None,
            _ if self.first(top::MANAGEMENT_EVENT).is_some_and(|value| value.text() == "false") => RecordKind::Data,
            _ => RecordKind::Management,
        })
    }

    /// The account that received the record: `recipientAccountId`, else the caller's account, else `unknown`.
    pub fn account_id(&self) -> Cow<'a, str> {
        let caller = || self.first(top::IDENTITY).and_then(|identity| identity.get_text("accountId"));
        self.text(top::ACCOUNT).or_else(caller).unwrap_or(Cow::Borrowed("unknown"))
    }

    /// The account that received the record, else the caller's account, where the record says it.
    pub(crate) fn account(&self) -> Option<Value<'a>> {
        self.string(top::ACCOUNT).or_else(|| self.caller_account())
    }

    /// `userIdentity.accountId`, if it is a string.
    pub(crate) fn caller_account(&self) -> Option<Value<'a>> {
        self.first(top::IDENTITY)?.get("accountId").filter(|id| id.kind() == Kind::String)
    }

    /// `awsRegion`, else `unknown`.
    pub fn region_name(&self) -> Cow<'a, str> {
        self.text(top::REGION).unwrap_or(Cow::Borrowed("unknown"))
    }
}

/// A field of CloudTrail's stands twice in the record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doubled;

/// Whether AWS left out the content of this top-level field because it was too large.
///
/// The content is then `{"omitted": true, "originalSize": N, "reason": …}`. The text `"true"` is no such mark: callers can
/// put texts into their parameters, and such a record must not become not evaluable.
pub fn is_omitted(value: Value<'_>) -> bool {
    value.kind() == Kind::Object && value.named("omitted").any(|mark| mark.kind() == Kind::Bool && mark.raw() == b"true")
}

/// A field that Assize derives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Derived {
    Outcome,
    Via,
    AccountId,
    /// What the account list says of the account that received the record.
    Account(Listed),
    CallerId,
    CallerKnown,
    /// The same of the caller's account.
    Caller(Listed),
    WorkingTime,
    Day,
    Holiday,
}

/// What the account list says of an account. The key of a tag is the last key of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    Name,
    Env,
    Tag,
}

impl Derived {
    pub(crate) fn of(keys: &[String]) -> Option<Derived> {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        Some(match keys.as_slice() {
            ["outcome"] => Derived::Outcome,
            ["via"] => Derived::Via,
            ["account", "id"] => Derived::AccountId,
            ["account", rest @ ..] => Derived::Account(Listed::of(rest)?),
            ["caller", "account"] => Derived::CallerId,
            ["caller", "known"] => Derived::CallerKnown,
            ["caller", rest @ ..] => Derived::Caller(Listed::of(rest)?),
            ["calendar", "working-time"] => Derived::WorkingTime,
            ["calendar", "day"] => Derived::Day,
            ["calendar", "holiday"] => Derived::Holiday,
            _ => return None,
        })
    }
}

impl Listed {
    fn of(keys: &[&str]) -> Option<Listed> {
        Some(match keys {
            ["name"] => Listed::Name,
            ["env"] => Listed::Env,
            ["tags", _] => Listed::Tag,
            _ => return None,
        })
    }
}

/// How a call ended, from what the record says of its error.
///
/// `console_login_failed` covers failed sign-ins, which have no `errorCode` (AWS sign-in events, examples).
pub(crate) fn outcome(error_code: Option<&str>, console_login_failed: bool) -> &'static str {
    let Some(code) = error_code else { return if console_login_failed { "failed" } else { "success" } };
    let code = code.to_lowercase();
    let denied = code.starts_with("accessdenied")
        || code.ends_with("unauthorizedoperation")
        || code.contains("notauthorized")
        || code == "vpceaccessdenied";
    let throttled = code.starts_with("throttling")
        || code.ends_with("requestlimitexceeded")
        || code == "slowdown"
        || code.starts_with("toomanyrequests");
    match (denied, throttled) {
        (true, _) => "denied",
        (_, true) => "throttled",
        _ if code == "success" => "success",
        _ => "failed",
    }
}

/// The texts that tell where a call came from.
#[derive(Debug, Default)]
pub(crate) struct Origin<'a> {
    pub(crate) invoked_by: bool,
    pub(crate) identity_type: Cow<'a, str>,
    pub(crate) event_type: Cow<'a, str>,
    pub(crate) from_console: bool,
    pub(crate) user_agent: Option<Cow<'a, str>>,
}

/// Where a call came from. The user agent is the caller's own word; `service` and `console` rest on AWS's where it gives it.
pub(crate) fn via(origin: &Origin<'_>) -> Option<&'static str> {
    if origin.invoked_by || origin.identity_type == "AWSService" || origin.event_type == "AwsServiceEvent" {
        return Some("service");
    }
    if origin.from_console || matches!(&*origin.event_type, "AwsConsoleSignIn" | "AwsConsoleAction") {
        return Some("console");
    }
    let agent = origin.user_agent.as_ref()?.to_lowercase();
    let starts = |heads: &[&str]| heads.iter().any(|head| agent.starts_with(head));
    let holds = |parts: &[&str]| parts.iter().any(|part| agent.contains(part));
    Some(if starts(&["mozilla/", "console.", "signin.", "s3console", "[s3console"]) {
        "console"
    } else if holds(&["terraform", "pulumi", "ansible", "crossplane"]) {
        "third-party"
    } else if starts(&["aws-cli/", "[aws-cli/"]) {
        "cli"
    } else if starts(&["aws-sdk-", "[aws-sdk-", "boto", "[boto", "aws_sdk"]) {
        "sdk"
    } else {
        "third-party"
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Reader;

    #[test]
    fn outcomes_follow_the_error_code() {
        for (code, expected) in [
            ("AccessDenied", "denied"),
            ("AccessDeniedException", "denied"),
            ("Client.UnauthorizedOperation", "denied"),
            ("NotAuthorizedException", "denied"),
            ("VpceAccessDenied", "denied"),
            ("ThrottlingException", "throttled"),
            ("Client.RequestLimitExceeded", "throttled"),
            ("SlowDown", "throttled"),
            ("NoSuchBucket", "failed"),
            ("Success", "success"),
        ] {
            assert_eq!(outcome(Some(code), false), expected, "{code}");
        }
        assert_eq!(outcome(None, false), "success");
        assert_eq!(outcome(None, true), "failed");
    }

    #[test]
    fn kinds_follow_the_category_and_older_marks() {
        let kind = |text: &str| {
            let mut reader = Reader::default();
            let document = reader.read(text.as_bytes(), usize::MAX).unwrap();
            Facts::of(document.root()).kind()
        };
        assert_eq!(kind(r#"{"eventCategory":"Data"}"#), Some(RecordKind::Data));
        assert_eq!(kind(r#"{"eventType":"AwsCloudTrailInsight"}"#), Some(RecordKind::Insight));
        assert_eq!(kind(r#"{"eventName":"x","managementEvent":false}"#), Some(RecordKind::Data));
        assert_eq!(kind(r#"{"eventName":"x"}"#), Some(RecordKind::Management));
        assert_eq!(kind(r#"{"name":"x"}"#), None);
    }

    #[test]
    fn a_second_event_name_makes_the_record_ambiguous() {
        let text = br#"{"eventName":"a","eventSource":"s","eventName":"b"}"#;
        let mut reader = Reader::default();
        let document = reader.read(text, usize::MAX).unwrap();
        assert!(Facts::of(document.root()).ambiguous);
    }
}
