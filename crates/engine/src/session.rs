//! Temporary credentials: which record issued them, and to whom.
//!
//! A call with temporary credentials names their access key, `ASIA…`; the record that issued them names the same key in
//! its response, and in its `userIdentity` who asked for them (AWS IAM user guide, "Logging IAM and AWS STS API calls with
//! AWS CloudTrail"). Every such record is noted while records are evaluated, and [`chain`] goes from key to key once
//! findings are made. So neither files, accounts, runs nor their order show, and no fingerprint depends on it.

mod chain;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::decode::Place;
use crate::evaluate::bounded;
use crate::identity::RecordDigest;
use crate::json::{Kind, Value};
use crate::record::{self, Facts, top};
use crate::time;

pub use chain::{Broken, Chain, End, Index, Joined, Link, MAX_LINKS, chain};

/// Seconds that temporary credentials live at most: 36 hours, of `GetSessionToken` and `GetFederationToken`; those of a role
/// live 12 at most (AWS STS API reference).
pub const LIFETIME: i64 = 36 * 3600;

/// Seconds by which a call's time may lie before that of the record that issued its credentials: each is the clock of the
/// host that answered (CloudTrail record contents, `eventTime`).
pub const CLOCK_SKEW: i64 = 5;

/// Callers that are remembered to be shared by the records of one thread.
const SHARED_CALLERS: usize = 4096;

/// What kind of principal `userIdentity.type` names. In the order of how much they tell: of two records of one call, one
/// with the caller and one with nothing but the caller's account, the first counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrincipalKind {
    /// `AssumedRole`, `Role`: a session of a role.
    Role,
    /// `FederatedUser`: a session of `GetFederationToken`.
    FederatedUser,
    /// `IAMUser`.
    User,
    /// `Root`.
    Root,
    /// `SAMLUser`: vouched for by a SAML provider.
    Saml,
    /// `WebIdentityUser`: vouched for by an OIDC provider.
    Web,
    /// `IdentityCenterUser`.
    Person,
    /// `AWSService`.
    Service,
    /// `AWSAccount`: somebody of another account, of whom no more is told.
    Account,
    /// Anything else, or nothing.
    #[default]
    Unknown,
}

impl PrincipalKind {
    /// Every kind.
    pub const ALL: [PrincipalKind; 10] = [
        PrincipalKind::Role,
        PrincipalKind::FederatedUser,
        PrincipalKind::User,
        PrincipalKind::Root,
        PrincipalKind::Saml,
        PrincipalKind::Web,
        PrincipalKind::Person,
        PrincipalKind::Service,
        PrincipalKind::Account,
        PrincipalKind::Unknown,
    ];

    /// As CloudTrail writes it.
    pub fn name(self) -> &'static str {
        match self {
            PrincipalKind::Role => "AssumedRole",
            PrincipalKind::FederatedUser => "FederatedUser",
            PrincipalKind::User => "IAMUser",
            PrincipalKind::Root => "Root",
            PrincipalKind::Saml => "SAMLUser",
            PrincipalKind::Web => "WebIdentityUser",
            PrincipalKind::Person => "IdentityCenterUser",
            PrincipalKind::Service => "AWSService",
            PrincipalKind::Account => "AWSAccount",
            PrincipalKind::Unknown => "Unknown",
        }
    }

    fn of(text: &str) -> PrincipalKind {
        let known = PrincipalKind::ALL.into_iter().find(|kind| kind.name() == text);
        known.unwrap_or(if text == "Role" { PrincipalKind::Role } else { PrincipalKind::Unknown })
    }
}

/// Who made a call, as its record says. Texts that the record does not have are empty, long ones are cut.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal {
    /// What kind.
    pub kind: PrincipalKind,
    /// Account id.
    pub account: String,
    /// ARN; of a role session with the session's name.
    pub arn: String,
    /// Name of a user or of somebody whom a provider vouches for; host of a service; principal id of another account's.
    pub name: String,
    /// Access key id.
    pub key: String,
    /// When the credentials were issued, seconds since 1970 UTC, if the record says so.
    pub begun: Option<i64>,
    /// The source identity: set once, and kept along a chain of roles.
    pub source_identity: String,
    /// Id of a person in Identity Center on whose behalf the call was made.
    pub person: String,
    /// Id of the identity store that has the person.
    pub store: String,
    /// Who vouched: ARN or host of an identity provider; ARN of the user who asked for a federated user's credentials;
    /// `ec2.amazonaws.com` if an instance's metadata gave the credentials.
    pub provider: String,
}

impl Principal {
    /// The caller of a record.
    pub fn of(facts: &Facts<'_>) -> Principal {
        let Some(identity) = facts.first(top::IDENTITY) else { return Principal::default() };
        let text = |name: &str| identity.get_text(name).map(owned).unwrap_or_default();
        let session = identity.get("sessionContext");
        let within = |outer: &str, name: &str| session?.get(outer)?.get_text(name);
        let on_behalf = |name: &str| identity.get("onBehalfOf").and_then(|person| person.get_text(name)).map(owned);
        let by = text("invokedBy");
        let kind = match identity.get_text("type") {
            Some(kind) => PrincipalKind::of(&kind),
            // What AWS does itself is recorded without a type.
            None if !by.is_empty() => PrincipalKind::Service,
            None => PrincipalKind::Unknown,
        };
        let provider = match kind {
            PrincipalKind::Role if session.is_some_and(|session| session.get("ec2RoleDelivery").is_some()) => EC2.to_owned(),
            PrincipalKind::Role => within("webIdFederationData", "federatedProvider").map(owned).unwrap_or_default(),
            PrincipalKind::FederatedUser => within("sessionIssuer", "arn").map(owned).unwrap_or_default(),
            _ => text("identityProvider"),
        };
        let name = match kind {
            PrincipalKind::Service => by,
            PrincipalKind::Account => text("principalId"),
            _ => text("userName"),
        };
        Principal {
            kind,
            account: text("accountId"),
            arn: text("arn"),
            name,
            key: text("accessKeyId"),
            begun: within("attributes", "creationDate").and_then(|text| time::parse(&text)),
            source_identity: session.and_then(|session| session.get_text("sourceIdentity")).map(owned).unwrap_or_default(),
            person: on_behalf("userId").unwrap_or_default(),
            store: on_behalf("identityStoreArn").map(|arn| last_step(&arn).to_owned()).unwrap_or_default(),
            provider,
        }
    }

    /// Whether somebody else stands behind it: it has credentials that were issued to a caller.
    pub fn is_borrowed(&self) -> bool {
        match self.kind {
            PrincipalKind::Role | PrincipalKind::FederatedUser => true,
            // `AssumeRoot` from the management account gives such; a sign-in as root does too, and then nobody is behind it.
            PrincipalKind::Root => is_temporary(&self.key),
            _ => false,
        }
    }
}

/// The host of EC2, which takes an instance's role.
const EC2: &str = "ec2.amazonaws.com";

fn owned(text: Cow<'_, str>) -> String {
    bounded(text.into_owned())
}

/// What stands behind the last slash.
pub(crate) fn last_step(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether it is the id of a temporary access key: `ASIA`, then letters and digits, 128 at most (AWS IAM user guide, "IAM
/// identifiers"; AWS STS API reference, `Credentials`).
pub fn is_temporary(key: &str) -> bool {
    (16..=128).contains(&key.len()) && key.starts_with("ASIA") && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A call that issues temporary credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Issuing {
    /// `sts:AssumeRole`.
    AssumeRole,
    /// `sts:AssumeRoleWithSAML`.
    AssumeRoleWithSaml,
    /// `sts:AssumeRoleWithWebIdentity`.
    AssumeRoleWithWebIdentity,
    /// `sts:AssumeRoot`.
    AssumeRoot,
    /// `sts:GetSessionToken`.
    GetSessionToken,
    /// `sts:GetFederationToken`.
    GetFederationToken,
    /// `sso:GetRoleCredentials`.
    GetRoleCredentials,
}

impl Issuing {
    /// Every call.
    pub const ALL: [Issuing; 7] = [
        Issuing::AssumeRole,
        Issuing::AssumeRoleWithSaml,
        Issuing::AssumeRoleWithWebIdentity,
        Issuing::AssumeRoot,
        Issuing::GetSessionToken,
        Issuing::GetFederationToken,
        Issuing::GetRoleCredentials,
    ];

    /// Its event name.
    pub fn name(self) -> &'static str {
        match self {
            Issuing::AssumeRole => "AssumeRole",
            Issuing::AssumeRoleWithSaml => "AssumeRoleWithSAML",
            Issuing::AssumeRoleWithWebIdentity => "AssumeRoleWithWebIdentity",
            Issuing::AssumeRoot => "AssumeRoot",
            Issuing::GetSessionToken => "GetSessionToken",
            Issuing::GetFederationToken => "GetFederationToken",
            Issuing::GetRoleCredentials => "GetRoleCredentials",
        }
    }

    /// The call of a record. Asked of every record, so it looks at the name first.
    #[inline]
    fn of(facts: &Facts<'_>) -> Option<Issuing> {
        let name = facts.text(top::NAME)?;
        let (call, source) = match &*name {
            "AssumeRole" => (Issuing::AssumeRole, "sts.amazonaws.com"),
            "AssumeRoleWithSAML" => (Issuing::AssumeRoleWithSaml, "sts.amazonaws.com"),
            "AssumeRoleWithWebIdentity" => (Issuing::AssumeRoleWithWebIdentity, "sts.amazonaws.com"),
            "AssumeRoot" => (Issuing::AssumeRoot, "sts.amazonaws.com"),
            "GetSessionToken" => (Issuing::GetSessionToken, "sts.amazonaws.com"),
            "GetFederationToken" => (Issuing::GetFederationToken, "sts.amazonaws.com"),
            "GetRoleCredentials" => (Issuing::GetRoleCredentials, "sso.amazonaws.com"),
            _ => return None,
        };
        (facts.text(top::SOURCE)? == source).then_some(call)
    }
}

/// How temporary credentials are found: by access key, or by the ARN of their session where the record gives no key; and the
/// time at which they were issued, seconds since 1970 UTC.
pub type SessionId = (Box<str>, i64);

/// A record that issued temporary credentials.
///
/// The order decides which of several records of one key and time counts: that of the caller's kind first, so that of the two
/// records of one call in two accounts the caller's own is taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Issued {
    /// Who asked for them.
    pub caller: Arc<Principal>,
    /// The call.
    pub call: Issuing,
    /// Digest of the session's ARN, as calls with these credentials name it ([`session_digest`]).
    pub session: Option<RecordDigest>,
    /// AWS omitted the response because it was too large, so no key is known.
    pub omitted: bool,
    /// Event id; empty if the record has none.
    pub event_id: Box<str>,
    /// The object.
    pub object: Arc<str>,
    /// Place in the object.
    pub place: Place,
}

/// Stands for a session's ARN: the text itself is in the records of the session's calls.
pub fn session_digest(arn: &str) -> RecordDigest {
    RecordDigest::of(arn.as_bytes())
}

/// Records that issued temporary credentials. Merging is commutative, associative and idempotent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sessions(BTreeMap<SessionId, Issued>);

impl Sessions {
    /// Adds a record. Of several with one id the smallest stays.
    pub fn add(&mut self, id: SessionId, issued: Issued) {
        match self.0.get_mut(&id) {
            Some(known) if *known <= issued => {}
            Some(known) => *known = issued,
            None => {
                self.0.insert(id, issued);
            }
        }
    }

    /// Adds others.
    pub fn merge(&mut self, other: Sessions) {
        if self.0.is_empty() {
            *self = other;
            return;
        }
        other.0.into_iter().for_each(|(id, issued)| self.add(id, issued));
    }

    /// Every record by its id.
    pub fn iter(&self) -> impl Iterator<Item = (&SessionId, &Issued)> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of a key or ARN that were issued between two times, both included.
    fn between(&self, name: &str, from: i64, to: i64) -> impl Iterator<Item = (&SessionId, &Issued)> {
        // A range that ends before it begins is a panic of the map's.
        self.0.range((name.into(), from)..=(name.into(), to.max(from)))
    }
}

/// Callers that several records share: the same few services and roles ask for most credentials.
#[derive(Debug, Default)]
pub(crate) struct Callers(HashSet<Arc<Principal>>);

impl Callers {
    fn share(&mut self, caller: Principal) -> Arc<Principal> {
        if let Some(known) = self.0.get(&caller) {
            return Arc::clone(known);
        }
        if self.0.len() >= SHARED_CALLERS {
            self.0.clear();
        }
        let caller = Arc::new(caller);
        self.0.insert(Arc::clone(&caller));
        caller
    }
}

/// Where a record stands.
pub(crate) struct Source<'a> {
    pub(crate) object: &'a Arc<str>,
    pub(crate) place: Place,
}

/// What a record of that time issued, if it issued temporary credentials.
#[inline]
pub(crate) fn issued(facts: &Facts<'_>, time: i64, source: &Source<'_>, callers: &mut Callers) -> Option<(SessionId, Issued)> {
    Issuing::of(facts).and_then(|call| issued_by(call, facts, time, source, callers))
}

#[cold]
fn issued_by(
    call: Issuing,
    facts: &Facts<'_>,
    time: i64,
    source: &Source<'_>,
    callers: &mut Callers,
) -> Option<(SessionId, Issued)> {
    // A call that failed issued nothing.
    if facts.text(top::ERROR_CODE).is_some() {
        return None;
    }
    let response = facts.first(top::RESPONSE);
    let request = facts.first(top::REQUEST);
    let arn = response.and_then(session_of).map(owned).or_else(|| asked_for(request?));
    let key = response.and_then(key_of).filter(|key| is_temporary(key));
    let name: Box<str> = match (&key, &arn) {
        (Some(key), _) => (&**key).into(),
        (None, Some(arn)) => arn.as_str().into(),
        (None, None) => return None,
    };
    let mut caller = Principal::of(facts);
    let given = |from: Option<Value<'_>>, name: &str| from.and_then(|value| value.get_text(name)).map(owned);
    if caller.source_identity.is_empty() {
        let given = given(response, "sourceIdentity").or_else(|| given(request, "sourceIdentity"));
        caller.source_identity = given.unwrap_or_default();
    }
    if call == Issuing::AssumeRoleWithSaml
        && let Some(provider) = given(request, "principalArn")
    {
        // The identity itself names the provider by a hash.
        caller.provider = provider;
    }
    let issued = Issued {
        caller: callers.share(caller),
        call,
        session: arn.as_deref().map(session_digest),
        omitted: response.is_some_and(record::is_omitted),
        event_id: owned(facts.text(top::ID).unwrap_or_default()).into(),
        object: Arc::clone(source.object),
        place: source.place,
    };
    Some(((name, time), issued))
}

/// The access key that a response names.
fn key_of<'a>(response: Value<'a>) -> Option<Cow<'a, str>> {
    let credentials = response.get("credentials").or_else(|| response.get("roleCredentials"))?;
    credentials.get_text("accessKeyId")
}

/// The ARN of the session that a response names.
fn session_of<'a>(response: Value<'a>) -> Option<Cow<'a, str>> {
    let user = response.get("assumedRoleUser").or_else(|| response.get("federatedUser"))?;
    user.get_text("arn")
}

/// The ARN of the session that a request for a role asks for: `arn:aws:iam::A:role/path/R` and `S` become
/// `arn:aws:sts::A:assumed-role/R/S`.
fn asked_for(request: Value<'_>) -> Option<String> {
    if request.kind() != Kind::Object {
        return None;
    }
    let (role, name) = (request.get_text("roleArn")?, request.get_text("roleSessionName")?);
    let (partition, rest) = role.strip_prefix("arn:")?.split_once(":iam::")?;
    let (account, path) = rest.split_once(":role/")?;
    Some(bounded(format!("arn:{partition}:sts::{account}:assumed-role/{}/{name}", last_step(path))))
}

#[cfg(test)]
mod tests;
