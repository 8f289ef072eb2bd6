//! Who is behind a record, in words: a chain of roles as the document has it.

use assize_engine::session::{Broken, Chain, End, Joined, Link, MAX_LINKS, Principal, PrincipalKind};
use assize_engine::time;

use super::v1;

/// How the folder of a provider begins that Identity Center keeps in each account.
const IDENTITY_CENTER: &str = "AWSSSO_";

/// The chain of a record; none if nobody else is behind it.
pub(crate) fn of(chain: &Chain<'_>) -> Option<v1::Behind> {
    let caller = chain.links.first().map_or(&chain.last, |link| &link.session);
    // Somebody who signed in as root: the record says so itself.
    let itself = chain.links.is_empty() && chain.last.kind == PrincipalKind::Root;
    if !caller.is_borrowed() || itself {
        return None;
    }
    let broken = match chain.end {
        End::Broken(broken) => Some(broken),
        _ => None,
    };
    let source_identity = some(chain.source_identity());
    Some(v1::Behind {
        statement: statement(chain, broken),
        end: end(chain.end).to_owned(),
        who: broken.is_none().then(|| who(&chain.last)),
        account: some(account(&chain.last)),
        broken: broken.map(|broken| code(broken).to_owned()),
        source_identity,
        links: chain.links.iter().map(link).collect(),
    })
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn end(end: End) -> &'static str {
    match end {
        End::User => "user",
        End::Federated => "federated",
        End::Person => "person",
        End::Service => "service",
        End::Broken(_) => "broken",
    }
}

fn code(broken: Broken) -> &'static str {
    match broken {
        Broken::NotInEvidence => "not-in-evidence",
        Broken::ResponseOmitted => "response-omitted",
        Broken::Ambiguous => "ambiguous",
        Broken::OtherAccount => "other-account",
        Broken::Unnamed => "unnamed",
        Broken::Loop => "loop",
        Broken::TooLong => "too-long",
    }
}

fn link(link: &Link<'_>) -> v1::BehindLink {
    let issued = link.issued;
    v1::BehindLink {
        session: link.session.arn.clone(),
        key: short(&link.session.key),
        call: issued.call.name().to_owned(),
        time: time::format(link.issued_at),
        joined: match link.joined {
            Joined::Key => "key",
            Joined::Session => "session",
        }
        .to_owned(),
        event_id: issued.event_id.to_string(),
        object: issued.object.to_string(),
        record: issued.place.index,
        offset: issued.place.offset,
    }
}

/// `alice (user of 111122223333) → role Admin in 111122223333 → role Deploy in 444455556666`, and where it breaks.
fn statement(chain: &Chain<'_>, broken: Option<Broken>) -> String {
    // Where it breaks at a session, that one is a step of the chain whose beginning nobody knows.
    let begins = match (broken, chain.end) {
        (Some(_), _) if chain.last.is_borrowed() => vec!["somebody unknown".to_owned(), session(&chain.last)],
        (None, _) if chain.last.is_borrowed() => vec![who(&chain.last), session(&chain.last)],
        _ => vec![who(&chain.last)],
    };
    let sessions = chain.links.iter().rev().map(|link| session(&link.session));
    let mut text = begins.into_iter().chain(sessions).collect::<Vec<_>>().join(" → ");
    if let Some(broken) = broken {
        text = format!("{text}; the chain breaks {}", why(broken, &chain.last));
    }
    let claimed = chain.source_identity();
    // Who began the chain chose it or had it chosen; it is worth nothing where it repeats the name.
    if !claimed.is_empty() && (broken.is_some() || claimed != chain.last.name) {
        text = format!("{text}; source identity {claimed}");
    }
    text
}

/// Why a chain breaks, and where.
fn why(broken: Broken, last: &Principal) -> String {
    let at = if last.key.is_empty() { "there".to_owned() } else { format!("at {}", short(&last.key)) };
    match broken {
        Broken::NotInEvidence => format!("{at}: no record in the evidence issued these credentials"),
        Broken::ResponseOmitted => format!("{at}: AWS omitted the response of a record that may have issued these credentials"),
        Broken::Ambiguous => format!("{at}: several callers began a session of this name in the same second"),
        Broken::OtherAccount => {
            let account = if last.account.is_empty() { "another account" } else { &last.account };
            format!("in {account}: the caller's own record is not in the evidence")
        }
        Broken::Unnamed => format!("{at}: the record that issued these credentials does not say to whom"),
        Broken::Loop => format!("{at}: by the records these credentials issued themselves"),
        Broken::TooLong => format!("{at}: more than {MAX_LINKS} steps are not followed"),
    }
}

/// A session as a step of a chain.
fn session(session: &Principal) -> String {
    let place = match account(session) {
        "" => String::new(),
        account => format!(" in {account}"),
    };
    // `arn:aws:sts::111122223333:assumed-role/ROLE/SESSION`, `…:federated-user/NAME`
    let mut steps = session.arn.splitn(3, '/').skip(1);
    match (session.kind, steps.next()) {
        (PrincipalKind::Root, _) => format!("root{place}"),
        (PrincipalKind::FederatedUser, Some(name)) => format!("federated user {name}{place}"),
        (_, Some(role)) => format!("role {role}{place}"),
        (_, None) => format!("a role without a name{place}"),
    }
}

/// Somebody at the end of a chain.
fn who(last: &Principal) -> String {
    let of = |account: &str| if account.is_empty() { String::new() } else { format!(" of {account}") };
    let named = |name: &str, otherwise: &str| if name.is_empty() { otherwise.to_owned() } else { name.to_owned() };
    if !last.person.is_empty() && last.name.is_empty() {
        let store = if last.store.is_empty() { String::new() } else { format!(" {}", last.store) };
        return format!("person {} (Identity Center{store})", last.person);
    }
    match last.kind {
        PrincipalKind::User => format!("{} (user{})", named(&last.name, step(&last.arn)), of(account(last))),
        // The user who asked for the credentials of somebody whom AWS does not know.
        PrincipalKind::FederatedUser => format!("{} (user{})", step(&last.provider), of(account_in(&last.provider))),
        PrincipalKind::Root => format!("root{}", of(account(last))),
        PrincipalKind::Saml | PrincipalKind::Web => format!("{} ({})", named(&last.name, "somebody"), provider(last)),
        PrincipalKind::Role => format!("{} (AWS service)", last.provider),
        PrincipalKind::Service => format!("{} (AWS service)", named(&last.name, "a service")),
        PrincipalKind::Account => format!("{} (principal{})", named(&last.name, "somebody"), of(account(last))),
        PrincipalKind::Person | PrincipalKind::Unknown => format!("{} (not named)", named(&last.name, "somebody")),
    }
}

/// Who vouched for somebody.
fn provider(last: &Principal) -> String {
    let name = last.provider.split_once("-provider/").map_or(last.provider.as_str(), |(_, name)| name);
    match (last.kind, name) {
        (_, name) if name.starts_with(IDENTITY_CENTER) => "Identity Center".to_owned(),
        (PrincipalKind::Saml, "") => "SAML".to_owned(),
        (PrincipalKind::Saml, name) => format!("SAML, {name}"),
        (_, "") => "OIDC".to_owned(),
        (_, name) => name.to_owned(),
    }
}

/// The account of a principal: its ARN's, so that the role's is named where a record is somebody else's.
fn account(principal: &Principal) -> &str {
    match account_in(&principal.arn) {
        "" => &principal.account,
        account => account,
    }
}

/// `arn:aws:sts::111122223333:…`
fn account_in(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

fn step(arn: &str) -> &str {
    arn.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("somebody")
}

/// The beginning and the last four characters of an access key id: enough to tell it from others.
fn short(key: &str) -> String {
    let letters: Vec<char> = key.chars().collect();
    match (letters.first_chunk::<4>(), letters.last_chunk::<4>()) {
        (Some(first), Some(last)) if letters.len() > 8 => first.iter().chain(&['…']).chain(last).collect(),
        _ => key.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use assize_engine::decode::Place;
    use assize_engine::session::{self, Index, Issued, Issuing, Sessions, session_digest};

    use super::*;

    fn principal(kind: PrincipalKind, name: &str, arn: &str) -> Principal {
        Principal { kind, name: name.to_owned(), arn: arn.to_owned(), ..Principal::default() }
    }

    fn role(key: u8, arn: &str) -> Principal {
        Principal { key: format!("ASIAEXAMPLEKEY{key:06}"), ..principal(PrincipalKind::Role, "", arn) }
    }

    const ADMIN: &str = "arn:aws:sts::111122223333:assumed-role/Admin/alice";
    const DEPLOY: &str = "arn:aws:sts::444455556666:assumed-role/Deploy/run/7";

    /// What is said of `role(2, DEPLOY)`, whose credentials `role(1, ADMIN)` asked for, whose credentials `first` did.
    fn told(first: Option<Principal>) -> v1::Behind {
        let mut sessions = Sessions::default();
        let mut add = |key: u8, time: i64, caller: Principal, arn: &str| {
            let issued = Issued {
                caller: Arc::new(caller),
                call: Issuing::AssumeRole,
                session: Some(session_digest(arn)),
                omitted: false,
                event_id: format!("event-{key}").into(),
                object: Arc::from("object"),
                place: Place { index: 4, offset: 90 },
            };
            sessions.add((format!("ASIAEXAMPLEKEY{key:06}").into(), time), issued);
        };
        if let Some(first) = first {
            add(1, 100, first, ADMIN);
        }
        add(2, 200, role(1, ADMIN), DEPLOY);
        let index = Index::of(&sessions);
        of(&session::chain(&role(2, DEPLOY), 300, &index)).unwrap()
    }

    #[test]
    fn a_chain_is_told_from_its_beginning() {
        let behind = told(Some(principal(PrincipalKind::User, "alice", "arn:aws:iam::111122223333:user/alice")));
        assert_eq!(behind.statement, "alice (user of 111122223333) → role Admin in 111122223333 → role Deploy in 444455556666");
        assert_eq!((behind.end.as_str(), behind.who.as_deref()), ("user", Some("alice (user of 111122223333)")));
        let links: Vec<_> =
            behind.links.iter().map(|link| (link.session.as_str(), link.key.as_str(), link.event_id.as_str())).collect();
        assert_eq!(links, [(DEPLOY, "ASIA…0002", "event-2"), (ADMIN, "ASIA…0001", "event-1")]);
        assert_eq!((behind.links[1].time.as_str(), behind.links[1].joined.as_str()), ("1970-01-01T00:01:40Z", "key"));
    }

    #[test]
    fn a_break_is_told_with_what_is_known() {
        let behind = told(None);
        assert_eq!(
            behind.statement,
            "somebody unknown → role Admin in 111122223333 → role Deploy in 444455556666; the chain breaks at ASIA…0001: no \
             record in the evidence issued these credentials"
        );
        assert_eq!((behind.end.as_str(), behind.broken.as_deref()), ("broken", Some("not-in-evidence")));
        assert_eq!((behind.who, behind.account.as_deref()), (None, Some("111122223333")));
        let other = Principal { account: "999900001111".to_owned(), ..principal(PrincipalKind::Account, "AIDAEXAMPLE", "") };
        assert_eq!(
            told(Some(other)).statement,
            "AIDAEXAMPLE (principal of 999900001111) → role Admin in 111122223333 → role Deploy in 444455556666; the chain \
             breaks in 999900001111: the caller's own record is not in the evidence"
        );
    }

    #[test]
    fn everybody_at_an_end_has_words() {
        let with = |kind, name: &str, provider: &str| Principal { provider: provider.to_owned(), ..principal(kind, name, "") };
        for (first, expected) in [
            (
                with(PrincipalKind::Saml, "alice", "arn:aws:iam::1:saml-provider/AWSSSO_4c1f_DO_NOT_DELETE"),
                "alice (Identity Center)",
            ),
            (with(PrincipalKind::Saml, "alice", "arn:aws:iam::1:saml-provider/Okta"), "alice (SAML, Okta)"),
            (with(PrincipalKind::Web, "repo:a/b", "arn:aws:iam::1:oidc-provider/ci.example"), "repo:a/b (ci.example)"),
            (with(PrincipalKind::Web, "", ""), "somebody (OIDC)"),
            (principal(PrincipalKind::Service, "ec2.amazonaws.com", ""), "ec2.amazonaws.com (AWS service)"),
            (principal(PrincipalKind::Root, "", "arn:aws:iam::111122223333:root"), "root of 111122223333"),
            (
                Principal { person: "u-1".to_owned(), store: "d-5".to_owned(), ..role(9, ADMIN) },
                "person u-1 (Identity Center d-5)",
            ),
            (Principal { provider: "ec2.amazonaws.com".to_owned(), ..role(9, ADMIN) }, "ec2.amazonaws.com (AWS service)"),
            (with(PrincipalKind::FederatedUser, "", "arn:aws:iam::111122223333:user/carol"), "carol (user of 111122223333)"),
        ] {
            let behind = told(Some(first));
            assert_eq!(behind.who.as_deref(), Some(expected));
            assert!(behind.statement.starts_with(expected), "{}", behind.statement);
        }
    }

    #[test]
    fn a_source_identity_is_told_where_it_says_more() {
        let named = |name: &str| Principal {
            source_identity: "alice".to_owned(),
            ..principal(PrincipalKind::User, name, "arn:aws:iam::111122223333:user/x")
        };
        assert!(told(Some(named("alice"))).statement.ends_with("444455556666"));
        assert!(told(Some(named("shared"))).statement.ends_with("444455556666; source identity alice"));
    }

    #[test]
    fn who_acts_for_themselves_has_no_chain() {
        let sessions = Sessions::default();
        let index = Index::of(&sessions);
        let root = Principal { key: "ASIAEXAMPLEKEY000001".to_owned(), ..principal(PrincipalKind::Root, "", "") };
        for caller in [root, principal(PrincipalKind::User, "alice", ""), Principal::default()] {
            assert!(of(&session::chain(&caller, 5, &index)).is_none(), "{caller:?}");
        }
    }

    #[test]
    fn keys_are_shortened_by_letters() {
        assert_eq!(short("ASIAEXAMPLEKEY000001"), "ASIA…0001");
        assert_eq!(short("ASIA0001"), "ASIA0001");
        assert_eq!(short("éééééééééé"), "éééé…éééé");
    }
}
