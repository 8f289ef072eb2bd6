//! A record that issued temporary credentials, as it is stored: a line of JSON, in the section of its hour of event time.
//!
//! A chain of roles may begin in an earlier run than the call at its end, or be told by a later one, so these records are kept
//! whatever any policy says of them, apart from results: who follows a chain reads nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;

use assize_engine::decode::Place;
use assize_engine::identity::RecordDigest;
use assize_engine::session::{Issued, Issuing, Principal, PrincipalKind, SessionId, Sessions, session_digest};
use serde::{Deserialize, Serialize};

use super::error::StateError;
use super::read::Found;

/// Which sessions are asked for: by access key, or by the digest of the session's ARN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WantedSessions {
    keys: BTreeSet<String>,
    sessions: BTreeSet<RecordDigest>,
}

impl WantedSessions {
    /// Asks for what may have issued the credentials of a caller.
    pub(crate) fn add(&mut self, caller: &Principal) {
        self.keys.insert(caller.key.clone());
        self.sessions.insert(session_digest(&caller.arn));
    }

    fn has(&self, key: &str, session: Option<RecordDigest>) -> bool {
        self.keys.contains(key) || session.is_some_and(|session| self.sessions.contains(&session))
    }
}

/// [`SessionId`] and [`Issued`]. What is empty is left out.
#[derive(Debug, Serialize, Deserialize)]
struct StoredSession {
    /// The access key, or the session's ARN if the record has no key.
    id: String,
    /// Event time, seconds since 1970 UTC.
    at: i64,
    /// The call, as CloudTrail names it.
    call: String,
    /// Digest of the session's ARN, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    omitted: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    event_id: String,
    object: String,
    /// Index and offset in the object.
    place: (u64, u64),
    caller: StoredPrincipal,
}

/// [`Principal`].
#[derive(Debug, Serialize, Deserialize)]
struct StoredPrincipal {
    /// As CloudTrail names it.
    kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    account: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    arn: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    begun: Option<i64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    source_identity: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    person: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    store: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    provider: String,
}

/// The sessions of an hour, as lines.
///
/// # Errors
/// None is known.
pub(super) fn lines(sessions: &Sessions) -> Result<Vec<Vec<u8>>, StateError> {
    let line = |(id, issued)| serde_json::to_vec(&StoredSession::of(id, issued));
    let lines: Result<Vec<_>, _> = sessions.iter().map(line).collect();
    lines.map_err(|error| StateError::invalid("the sessions of a batch", error.to_string()))
}

/// The wanted sessions of some sections; all if nothing is said.
///
/// # Errors
/// A section is damaged.
pub(super) fn read(sections: Vec<Found>, wanted: Option<&WantedSessions>) -> Result<Sessions, StateError> {
    let mut sessions = Sessions::default();
    for found in sections {
        let (segment, section) = (Arc::clone(&found.segment), found.section.clone());
        let body = found.body()?;
        for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let damaged = |reason: &str| segment.damaged(&section, reason);
            let stored: StoredSession = serde_json::from_slice(line).map_err(|error| damaged(&error.to_string()))?;
            let session = stored.session().map_err(|reason| damaged(&reason))?;
            if wanted.is_none_or(|wanted| wanted.has(&stored.id, session)) {
                let (id, issued) = stored.restore(session).map_err(|reason| damaged(&reason))?;
                sessions.add(id, issued);
            }
        }
    }
    Ok(sessions)
}

impl StoredSession {
    fn of((id, at): &SessionId, issued: &Issued) -> StoredSession {
        let Issued { caller, call, session, omitted, event_id, object, place: Place { index, offset } } = issued;
        let Principal { kind, account, arn, name, key, begun, source_identity, person, store, provider } = &**caller;
        StoredSession {
            id: id.to_string(),
            at: *at,
            call: call.name().to_owned(),
            session: session.map(RecordDigest::hex),
            omitted: *omitted,
            event_id: event_id.to_string(),
            object: object.to_string(),
            place: (*index, *offset),
            caller: StoredPrincipal {
                kind: kind.name().to_owned(),
                account: account.clone(),
                arn: arn.clone(),
                name: name.clone(),
                key: key.clone(),
                begun: *begun,
                source_identity: source_identity.clone(),
                person: person.clone(),
                store: store.clone(),
                provider: provider.clone(),
            },
        }
    }

    fn session(&self) -> Result<Option<RecordDigest>, String> {
        let parse = |hex: &String| u128::from_str_radix(hex, 16).map(RecordDigest);
        self.session.as_ref().map(parse).transpose().map_err(|_| "the digest of a session is not hexadecimal".to_owned())
    }

    fn restore(self, session: Option<RecordDigest>) -> Result<(SessionId, Issued), String> {
        let StoredSession { id, at, call, session: _, omitted, event_id, object, place: (index, offset), caller } = self;
        let known = Issuing::ALL.into_iter().find(|known| known.name() == call);
        let call = known.ok_or_else(|| format!("the call {} is not known", call.escape_debug()))?;
        let caller = Arc::new(caller.restore()?);
        let (event_id, object, place) = (event_id.into(), object.into(), Place { index, offset });
        Ok(((id.into(), at), Issued { caller, call, session, omitted, event_id, object, place }))
    }
}

impl StoredPrincipal {
    fn restore(self) -> Result<Principal, String> {
        let StoredPrincipal { kind, account, arn, name, key, begun, source_identity, person, store, provider } = self;
        let known = PrincipalKind::ALL.into_iter().find(|known| known.name() == kind);
        let kind = known.ok_or_else(|| format!("the kind of caller {} is not known", kind.escape_debug()))?;
        Ok(Principal { kind, account, arn, name, key, begun, source_identity, person, store, provider })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_of_a_later_version_is_an_error() {
        let restore = |line: serde_json::Value| {
            let stored: StoredSession = serde_json::from_value(line).unwrap();
            stored.session().and_then(|session| stored.restore(session))
        };
        let line = |call: &str, kind: &str| json!({"id": "a", "at": 1, "call": call, "object": "o", "place": [0, 0], "caller": {"kind": kind}});
        let ((id, at), issued) = restore(line("AssumeRole", "IAMUser")).unwrap();
        assert_eq!((&*id, at, issued.caller.kind), ("a", 1, PrincipalKind::User));
        assert!(restore(line("AssumeAnything", "IAMUser")).unwrap_err().contains("AssumeAnything"));
        assert!(restore(line("AssumeRole", "Robot")).unwrap_err().contains("Robot"));
        let mut bad = line("AssumeRole", "IAMUser");
        bad["session"] = json!("xyz");
        assert!(restore(bad).unwrap_err().contains("hexadecimal"));
    }
}
