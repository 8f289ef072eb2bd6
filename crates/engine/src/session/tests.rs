use super::*;
use crate::json::Reader;

const KEY: &str = "ASIAEXAMPLEKEY000001";

/// What a record issued at second 1,000, and its caller.
fn read(text: &str) -> (Option<(SessionId, Issued)>, Principal) {
    let mut reader = Reader::default();
    let document = reader.read(text.as_bytes(), usize::MAX).unwrap();
    let facts = Facts::of(document.root());
    let object = Arc::from("object");
    let source = Source { object: &object, place: Place { index: 3, offset: 70 } };
    (issued(&facts, 1_000, &source, &mut Callers::default()), Principal::of(&facts))
}

fn assume_role(identity: &str, rest: &str) -> String {
    format!(
        r#"{{"eventSource":"sts.amazonaws.com","eventName":"AssumeRole","eventID":"e1","userIdentity":{identity},"requestParameters":{{"roleArn":"arn:aws:iam::444455556666:role/ci/Deploy","roleSessionName":"run-7","sourceIdentity":"alice"}},{rest}}}"#
    )
}

const USER: &str = r#"{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/alice","accountId":"111122223333","accessKeyId":"AKIAEXAMPLEKEY000001","userName":"alice"}"#;

#[test]
fn a_role_that_was_taken_is_found_by_its_key() {
    let response = format!(
        r#""responseElements":{{"credentials":{{"accessKeyId":"{KEY}","sessionToken":"t"}},"assumedRoleUser":{{"arn":"arn:aws:sts::444455556666:assumed-role/Deploy/run-7"}}}}"#
    );
    let ((name, time), issued) = read(&assume_role(USER, &response)).0.unwrap();
    assert_eq!((&*name, time), (KEY, 1_000));
    assert_eq!((issued.call, &*issued.event_id, &*issued.object, issued.place.index), (Issuing::AssumeRole, "e1", "object", 3));
    assert_eq!(issued.session, Some(session_digest("arn:aws:sts::444455556666:assumed-role/Deploy/run-7")));
    assert_eq!(issued.caller.kind, PrincipalKind::User);
    assert_eq!((issued.caller.name.as_str(), issued.caller.source_identity.as_str()), ("alice", "alice"));
    assert!(!issued.omitted);
}

#[test]
fn without_a_key_a_session_is_found_by_what_was_asked_for() {
    for (response, omitted) in [
        (r#""responseElements":{"omitted":true,"originalSize":200000,"reason":"too large"}"#, true),
        (r#""responseElements":null"#, false),
        (r#""responseElements":{"credentials":{"accessKeyId":"AKIA"}}"#, false),
    ] {
        let ((name, _), issued) = read(&assume_role(USER, response)).0.unwrap();
        assert_eq!(&*name, "arn:aws:sts::444455556666:assumed-role/Deploy/run-7", "{response}");
        assert_eq!(issued.omitted, omitted, "{response}");
    }
}

#[test]
fn what_issues_nothing_is_not_noted() {
    let response = format!(r#""responseElements":{{"credentials":{{"accessKeyId":"{KEY}"}}}}"#);
    let good = assume_role(USER, &response);
    assert!(read(&good).0.is_some());
    for other in [
        assume_role(USER, r#""errorCode":"AccessDenied","responseElements":null"#),
        good.replace("sts.amazonaws.com", "x.amazonaws.com"),
        good.replace(r#""AssumeRole""#, r#""AssumeRoles""#),
        good.replace(KEY, "ASIA").replace("roleArn", "other"),
        good.replace("requestParameters", "other").replace(KEY, r"ASIA<b>EXAMPLE-KEY"),
    ] {
        assert_eq!(read(&other).0, None, "{other}");
    }
}

#[test]
fn the_caller_is_told_as_the_record_tells_it() {
    let principal = |identity: &str| read(&format!(r#"{{"eventName":"x","userIdentity":{identity}}}"#)).1;
    let role = principal(
        r#"{"type":"AssumedRole","arn":"arn:aws:sts::1:assumed-role/R/s","accountId":"1","accessKeyId":"ASIAEXAMPLEKEY000001","onBehalfOf":{"userId":"u-1","identityStoreArn":"arn:aws:identitystore::9:identitystore/d-5"},"sessionContext":{"sourceIdentity":"bob","attributes":{"creationDate":"1970-01-01T00:01:40Z"},"webIdFederationData":{"federatedProvider":"arn:aws:iam::1:oidc-provider/ci"}}}"#,
    );
    assert_eq!((role.kind, role.begun, role.source_identity.as_str()), (PrincipalKind::Role, Some(100), "bob"));
    assert_eq!(
        (role.person.as_str(), role.store.as_str(), role.provider.as_str()),
        ("u-1", "d-5", "arn:aws:iam::1:oidc-provider/ci")
    );
    let instance = principal(r#"{"type":"AssumedRole","sessionContext":{"ec2RoleDelivery":"2.0"}}"#);
    assert_eq!(instance.provider, "ec2.amazonaws.com");
    let service = principal(r#"{"type":"AWSService","invokedBy":"rds.amazonaws.com"}"#);
    assert_eq!((service.kind, service.name.as_str()), (PrincipalKind::Service, "rds.amazonaws.com"));
    let silent = principal(r#"{"accountId":"1","invokedBy":"AWS Internal"}"#);
    assert_eq!(silent.kind, PrincipalKind::Service);
    let federated =
        principal(r#"{"type":"FederatedUser","sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::1:user/carol"}}}"#);
    assert_eq!((federated.kind, federated.provider.as_str()), (PrincipalKind::FederatedUser, "arn:aws:iam::1:user/carol"));
    assert_eq!(principal(r#"{"type":"Role"}"#).kind, PrincipalKind::Role);
    assert_eq!(principal(r#"{"type":"New"}"#).kind, PrincipalKind::Unknown);
    assert_eq!(principal("null"), Principal::default());
}

#[test]
fn long_texts_are_cut() {
    let name = "n".repeat(100_000);
    let identity =
        format!(r#"{{"type":"IAMUser","userName":"{name}","arn":"{name}","accountId":"{name}","accessKeyId":"{name}"}}"#);
    let response = format!(r#""responseElements":{{"credentials":{{"accessKeyId":"{KEY}"}},"sourceIdentity":"{name}"}}"#);
    let (_, issued) = read(&assume_role(&identity, &response)).0.unwrap();
    let caller = &issued.caller;
    for text in [&caller.name, &caller.arn, &caller.account, &caller.key] {
        assert!(text.len() < 1_100, "{}", text.len());
    }
}

/// A session that a caller was given.
fn given(key: &str, time: i64, caller: Principal, arn: &str) -> (SessionId, Issued) {
    let issued = Issued {
        caller: Arc::new(caller),
        call: Issuing::AssumeRole,
        session: Some(session_digest(arn)),
        omitted: false,
        event_id: format!("{key}{time}").into(),
        object: Arc::from("object"),
        place: Place { index: 0, offset: 0 },
    };
    ((key.into(), time), issued)
}

fn role(key: &str, arn: &str, begun: Option<i64>) -> Principal {
    Principal { kind: PrincipalKind::Role, key: key.to_owned(), arn: arn.to_owned(), begun, ..Principal::default() }
}

fn of_kind(kind: PrincipalKind, name: &str) -> Principal {
    Principal { kind, name: name.to_owned(), ..Principal::default() }
}

fn key(number: usize) -> String {
    format!("ASIAEXAMPLEKEY{number:06}")
}

/// The end of a chain, its number of links, and the name of the last.
fn follow(sessions: &Sessions, caller: &Principal, at: i64) -> (End, usize, String) {
    let chain = chain(caller, at, &Index::of(sessions));
    (chain.end, chain.links.len(), chain.last.name.clone())
}

fn sessions(all: impl IntoIterator<Item = (SessionId, Issued)>) -> Sessions {
    let mut sessions = Sessions::default();
    all.into_iter().for_each(|(id, issued)| sessions.add(id, issued));
    sessions
}

#[test]
fn a_chain_leads_to_who_began_it() {
    let user = of_kind(PrincipalKind::User, "alice");
    let known = sessions([given(&key(1), 100, user, "a"), given(&key(2), 200, role(&key(1), "a", None), "b")]);
    let caller = role(&key(2), "b", None);
    let index = Index::of(&known);
    let chain = chain(&caller, 300, &index);
    assert_eq!((chain.end, chain.last.name.as_str(), chain.at), (End::User, "alice", 100));
    let steps: Vec<(&str, i64, Joined)> =
        chain.links.iter().map(|link| (link.session.arn.as_str(), link.issued_at, link.joined)).collect();
    assert_eq!(steps, [("b", 200, Joined::Key), ("a", 100, Joined::Key)]);
    let asked: Vec<(&str, i64)> = chain.asked(300).map(|(session, at)| (session.arn.as_str(), at)).collect();
    assert_eq!(asked, [("b", 300), ("a", 200)]);
}

#[test]
fn credentials_are_not_issued_after_their_use_nor_long_before() {
    let known = sessions([given(&key(1), 1_000_000, of_kind(PrincipalKind::User, "alice"), "a")]);
    let caller = role(&key(1), "", None);
    for (at, found) in [
        (1_000_000, true),
        (1_000_000 - CLOCK_SKEW, true),
        (1_000_000 - CLOCK_SKEW - 1, false),
        (1_000_000 + LIFETIME, true),
        (1_000_000 + LIFETIME + 1, false),
    ] {
        let expected = if found { End::User } else { End::Broken(Broken::NotInEvidence) };
        assert_eq!(follow(&known, &caller, at).0, expected, "{at}");
    }
}

#[test]
fn exchanged_keys_are_joined_by_the_session_and_its_beginning() {
    let person = of_kind(PrincipalKind::Saml, "alice@example.com");
    let known = sessions([given(&key(1), 100, person.clone(), "a")]);
    assert_eq!(follow(&known, &role(&key(9), "a", Some(100)), 300).0, End::Federated);
    assert_eq!(follow(&known, &role("", "a", Some(101)), 300).0, End::Federated);
    for other in [role(&key(9), "a", Some(102)), role(&key(9), "b", Some(100)), role(&key(9), "a", None)] {
        assert_eq!(follow(&known, &other, 300).0, End::Broken(Broken::NotInEvidence), "{other:?}");
    }
    // The record in the called account names no more than the caller's account: it does not make the session ambiguous.
    let other_side = given(&key(1), 100, of_kind(PrincipalKind::Account, "AIDA"), "a");
    let known = sessions([other_side, given(&key(2), 100, person, "a")]);
    assert_eq!(follow(&known, &role(&key(9), "a", Some(100)), 300), (End::Federated, 1, "alice@example.com".to_owned()));
    let known = sessions([
        given(&key(1), 100, of_kind(PrincipalKind::User, "alice"), "a"),
        given(&key(2), 100, of_kind(PrincipalKind::User, "mallory"), "a"),
    ]);
    assert_eq!(follow(&known, &role(&key(9), "a", Some(100)), 300).0, End::Broken(Broken::Ambiguous));
}

#[test]
fn of_two_records_of_one_call_the_callers_own_counts() {
    let own = || given(&key(1), 100, of_kind(PrincipalKind::User, "alice"), "a");
    let other = || given(&key(1), 100, of_kind(PrincipalKind::Account, "AIDA"), "a");
    for known in [sessions([own(), other()]), sessions([other(), own()])] {
        assert_eq!(follow(&known, &role(&key(1), "a", None), 200).2, "alice");
    }
    assert_eq!(follow(&sessions([other()]), &role(&key(1), "a", None), 200).0, End::Broken(Broken::OtherAccount));
}

#[test]
fn a_break_is_named() {
    let nothing = Sessions::default();
    let caller = role(&key(1), "a", None);
    assert_eq!(follow(&nothing, &caller, 5).0, End::Broken(Broken::NotInEvidence));
    let (id, issued) = given("a", 1, of_kind(PrincipalKind::User, "alice"), "a");
    let omitted = sessions([(id, Issued { omitted: true, ..issued })]);
    assert_eq!(follow(&omitted, &caller, 5).0, End::Broken(Broken::ResponseOmitted));
    let unnamed = sessions([given(&key(1), 1, Principal::default(), "a")]);
    assert_eq!(follow(&unnamed, &caller, 5), (End::Broken(Broken::Unnamed), 1, String::new()));
    let circle = sessions([given(&key(1), 5, role(&key(2), "", None), "a"), given(&key(2), 5, role(&key(1), "", None), "b")]);
    assert_eq!(follow(&circle, &caller, 5).0, End::Broken(Broken::Loop));
    let itself = sessions([given(&key(1), 5, role(&key(1), "", None), "a")]);
    assert_eq!(follow(&itself, &caller, 5).0, End::Broken(Broken::Loop));
}

#[test]
fn ten_links_are_followed_and_no_more() {
    let root = of_kind(PrincipalKind::User, "alice");
    let of = |length: usize| {
        let link = |number: usize| {
            let caller = if number == 0 { root.clone() } else { role(&key(number - 1), "", None) };
            given(&key(number), i64::try_from(number).unwrap(), caller, "a")
        };
        follow(&sessions((0..length).map(link)), &role(&key(length - 1), "", None), 100)
    };
    assert_eq!(of(MAX_LINKS), (End::User, MAX_LINKS, "alice".to_owned()));
    assert_eq!((of(MAX_LINKS + 1).0, of(MAX_LINKS + 1).1), (End::Broken(Broken::TooLong), MAX_LINKS));
}

#[test]
fn without_a_record_the_call_itself_may_say_whose_it_is() {
    let nothing = Sessions::default();
    let person = Principal { person: "u-1".to_owned(), ..role(&key(1), "a", None) };
    assert_eq!(follow(&nothing, &person, 5).0, End::Person);
    let instance = Principal { provider: "ec2.amazonaws.com".to_owned(), ..role(&key(1), "a", None) };
    assert_eq!(follow(&nothing, &instance, 5).0, End::Service);
    let root = Principal { key: key(1), ..of_kind(PrincipalKind::Root, "") };
    assert_eq!(follow(&nothing, &root, 5).0, End::User);
    let federated = Principal { provider: "arn:aws:iam::1:user/carol".to_owned(), ..of_kind(PrincipalKind::FederatedUser, "") };
    assert_eq!(follow(&nothing, &federated, 5).0, End::User);
    let asked = sessions([given(&key(1), 1, of_kind(PrincipalKind::User, "operator"), "")]);
    assert_eq!(follow(&asked, &root, 5), (End::User, 1, "operator".to_owned()));
}
