//! From the caller of a record back to whom its credentials were issued, and on to whom those of that call were.

use std::collections::HashMap;

use super::{CLOCK_SKEW, Issued, LIFETIME, Principal, PrincipalKind, SessionId, Sessions, is_temporary, session_digest};
use crate::identity::RecordDigest;

/// Most links of a chain. AWS sets no limit; hostile records must not either.
pub const MAX_LINKS: usize = 10;

/// Seconds by which the time at which a session's calls say that it began, and that of the record which began it, may
/// differ.
const BEGUN_WITHIN: i64 = 1;

/// How a call's credentials and the record that issued them were found to belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// Both name the access key.
    Key,
    /// The record names another key or none, and both name the session (role and session name) and the second in which it
    /// began. So it is where AWS exchanges the keys: sessions of the console and of Identity Center, and calls that a service
    /// makes with its caller's session.
    Session,
}

/// One step back: a session, and the record that began it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// The session, as the call that was made with it says.
    pub session: Principal,
    /// When credentials were issued for it, seconds since 1970 UTC.
    pub issued_at: i64,
    /// The record that issued them.
    pub issued: &'a Issued,
    /// How that is known.
    pub joined: Joined,
}

/// Why nobody is at the end of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// No record that was read issued these credentials before they were used, and not longer before than they live.
    NotInEvidence,
    /// AWS omitted the response of a record that may have.
    ResponseOmitted,
    /// Several callers began a session of this name in the same second.
    Ambiguous,
    /// Nothing but the account of the caller is known: the record in that account was not read.
    OtherAccount,
    /// The record does not say who called.
    Unnamed,
    /// The credentials lead back to themselves.
    Loop,
    /// More than [`MAX_LINKS`] links.
    TooLong,
}

/// What stands at the end of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A user of IAM, or root.
    User,
    /// Somebody whom an identity provider vouches for.
    Federated,
    /// A person of Identity Center.
    Person,
    /// An AWS service.
    Service,
    /// Nobody is known.
    Broken(Broken),
}

/// Who is behind a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain<'a> {
    /// From the call's own session back.
    pub links: Vec<Link<'a>>,
    /// Who is at the end, or where the chain breaks.
    pub last: Principal,
    /// When the last called: seconds since 1970 UTC.
    pub at: i64,
    /// What that is.
    pub end: End,
}

impl Chain<'_> {
    /// The source identity, which is kept along a chain: that of the call, or else of the nearest link that names one.
    pub fn source_identity(&self) -> &str {
        let sessions = self.links.iter().flat_map(|link| [&link.session, &*link.issued.caller]).chain([&self.last]);
        sessions.map(|session| session.source_identity.as_str()).find(|name| !name.is_empty()).unwrap_or_default()
    }

    /// The sessions whose beginning the chain asks for, and when each was used, seconds since 1970 UTC: all links, and where it
    /// breaks. `at` is the time of the call.
    pub fn asked(&self, at: i64) -> impl Iterator<Item = (&Principal, i64)> {
        let used = std::iter::once(at).chain(self.links.iter().map(|link| link.issued_at));
        let sessions = self.links.iter().map(|link| &link.session).chain([&self.last]);
        sessions.zip(used).filter(|(session, _)| session.is_borrowed())
    }
}

/// The sessions by key and by session.
#[derive(Debug)]
pub struct Index<'a> {
    sessions: &'a Sessions,
    by_session: HashMap<RecordDigest, Vec<(&'a SessionId, &'a Issued)>>,
}

/// The record that issued somebody's credentials.
enum Issuer<'a> {
    Found(&'a SessionId, &'a Issued, Joined),
    Ambiguous,
    Omitted,
    Nothing,
}

impl<'a> Index<'a> {
    /// Makes sessions ready to be asked.
    pub fn of(sessions: &'a Sessions) -> Index<'a> {
        let mut by_session: HashMap<RecordDigest, Vec<(&SessionId, &Issued)>> = HashMap::new();
        for (id, issued) in sessions.iter() {
            if let Some(session) = issued.session {
                by_session.entry(session).or_default().push((id, issued));
            }
        }
        Index { sessions, by_session }
    }

    /// The record that issued the credentials with which `session` called at `at`.
    fn issuer(&self, session: &Principal, at: i64) -> Issuer<'a> {
        let (from, to) = (at.saturating_sub(LIFETIME), at.saturating_add(CLOCK_SKEW));
        if is_temporary(&session.key) {
            let candidates = self.sessions.between(&session.key, from, to);
            if let Some((id, issued)) = candidates.min_by(|a, b| (a.1, a.0).cmp(&(b.1, b.0))) {
                return Issuer::Found(id, issued, Joined::Key);
            }
        }
        if session.arn.is_empty() {
            return Issuer::Nothing;
        }
        let of_session = self.by_session.get(&session_digest(&session.arn)).map(Vec::as_slice).unwrap_or_default();
        let in_time = || of_session.iter().filter(|((_, time), _)| (from..=to).contains(time));
        let begun = |time: i64| session.begun.is_some_and(|begun| begun.abs_diff(time) <= BEGUN_WITHIN.unsigned_abs());
        let mut began: Vec<_> = in_time().filter(|((_, time), _)| begun(*time)).collect();
        let names = |issued: &Issued| issued.caller.kind < PrincipalKind::Account;
        if began.iter().any(|(_, issued)| names(issued)) {
            began.retain(|(_, issued)| names(issued));
        }
        began.sort_by(|a, b| (a.1, a.0).cmp(&(b.1, b.0)));
        match began.as_slice() {
            [] if in_time().any(|(_, issued)| issued.omitted) => Issuer::Omitted,
            [] => Issuer::Nothing,
            [(id, issued), others @ ..] if others.iter().all(|(_, other)| other.caller == issued.caller) => {
                Issuer::Found(id, issued, Joined::Session)
            }
            _ => Issuer::Ambiguous,
        }
    }
}

/// Follows the credentials with which `caller` called at `at` (seconds since 1970 UTC) back to who is behind them.
pub fn chain<'a>(caller: &Principal, at: i64, index: &Index<'a>) -> Chain<'a> {
    let mut chain = Chain { links: Vec::new(), last: caller.clone(), at, end: End::Broken(Broken::NotInEvidence) };
    loop {
        if !chain.last.is_borrowed() {
            chain.end = named(&chain.last);
            return chain;
        }
        match index.issuer(&chain.last, chain.at) {
            Issuer::Found(_, issued, _) if chain.links.iter().any(|link| link.issued == issued) => {
                chain.end = End::Broken(Broken::Loop);
                return chain;
            }
            Issuer::Found(..) if chain.links.len() >= MAX_LINKS => {
                chain.end = End::Broken(Broken::TooLong);
                return chain;
            }
            Issuer::Found((_, issued_at), issued, joined) => {
                let session = std::mem::replace(&mut chain.last, (*issued.caller).clone());
                chain.at = *issued_at;
                chain.links.push(Link { session, issued_at: *issued_at, issued, joined });
            }
            Issuer::Ambiguous => return broken(chain, Broken::Ambiguous),
            Issuer::Omitted => return broken(chain, Broken::ResponseOmitted),
            Issuer::Nothing => return broken(chain, Broken::NotInEvidence),
        }
    }
}

/// What a caller is at the end of a chain.
fn named(caller: &Principal) -> End {
    match caller.kind {
        PrincipalKind::User | PrincipalKind::Root => End::User,
        PrincipalKind::Saml | PrincipalKind::Web => End::Federated,
        PrincipalKind::Person => End::Person,
        PrincipalKind::Service => End::Service,
        PrincipalKind::Account => End::Broken(Broken::OtherAccount),
        PrincipalKind::Role | PrincipalKind::FederatedUser | PrincipalKind::Unknown => End::Broken(Broken::Unnamed),
    }
}

/// The end where no record leads on: what the session's own calls say of whose it is, or a break.
fn broken(mut chain: Chain<'_>, reason: Broken) -> Chain<'_> {
    let last = &chain.last;
    chain.end = match last.kind {
        _ if !last.person.is_empty() => End::Person,
        PrincipalKind::Role if last.provider == super::EC2 => End::Service,
        PrincipalKind::FederatedUser if !last.provider.is_empty() => End::User,
        // Whoever signs in as root gets such a key, and nobody else is behind it.
        PrincipalKind::Root => End::User,
        _ => End::Broken(reason),
    };
    chain
}
