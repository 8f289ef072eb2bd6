//! Chains of roles are a function of the records: not of how these were split, in which order they were read, or how results
//! were merged. A slow twin walks the drawn records one by one and knows neither keys in maps nor JSON.
#![expect(clippy::unwrap_used, reason = "what the tests share fails by panicking, as tests do")]

use std::sync::Arc;

use assize_engine::evaluate::{Evaluation, ObjectName, Period};
use assize_engine::identity::Secret;
use assize_engine::partial::{ByHour, Partial};
use assize_engine::record::AccountList;
use assize_engine::session::{self, Broken, CLOCK_SKEW, End, Index, LIFETIME, MAX_LINKS, Principal, PrincipalKind, Sessions};
use assize_engine::time;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

/// 2026-10-01T00:00:00Z.
const START: i64 = 1_790_812_800;

/// Who calls: the credentials of session `n`, or somebody at the end of a chain.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Session { key: u8, named: bool, begun: Option<u8> },
    User(u8),
    Service,
    Account,
}

/// A record that issued the credentials of session `key`.
#[derive(Clone, Debug)]
struct Drawn {
    id: usize,
    key: u8,
    /// What the response says.
    response: Response,
    /// In steps after the start.
    at: u8,
    caller: Who,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Response {
    Whole,
    Omitted,
    Denied,
}

/// Seconds after the start: steps near enough to be one second or one clock's error, and some far apart.
fn seconds(step: u8) -> i64 {
    START + i64::from(step % 8) * 3 + i64::from(step / 8) * 30_000
}

fn key(number: u8) -> String {
    format!("ASIAEXAMPLEKEY{number:06}")
}

/// Two keys share each session, so that sessions are joined by name too.
fn arn(number: u8) -> String {
    format!("arn:aws:sts::111122223333:assumed-role/R/s{}", number / 2)
}

fn identity(who: Who) -> String {
    match who {
        Who::Session { key: number, named, begun } => {
            let key = if named { format!(r#","accessKeyId":"{}""#, key(number)) } else { String::new() };
            let begun = begun.map(|step| time::format(seconds(step)));
            let begun = begun.map(|time| format!(r#","sessionContext":{{"attributes":{{"creationDate":"{time}"}}}}"#));
            let begun = begun.unwrap_or_default();
            format!(r#"{{"type":"AssumedRole","arn":"{}","accountId":"111122223333"{key}{begun}}}"#, arn(number))
        }
        Who::User(number) => format!(r#"{{"type":"IAMUser","arn":"user-{number}","accountId":"1"}}"#),
        Who::Service => r#"{"type":"AWSService","invokedBy":"ec2.amazonaws.com"}"#.to_owned(),
        Who::Account => r#"{"type":"AWSAccount","principalId":"AIDA","accountId":"9"}"#.to_owned(),
    }
}

impl Drawn {
    fn text(&self) -> String {
        let (time, arn) = (time::format(seconds(self.at)), arn(self.key));
        let response = match self.response {
            Response::Whole => format!(
                r#""responseElements":{{"credentials":{{"accessKeyId":"{}"}},"assumedRoleUser":{{"arn":"{arn}"}}}}"#,
                key(self.key)
            ),
            Response::Omitted => r#""responseElements":{"omitted":true,"originalSize":200000}"#.to_owned(),
            Response::Denied => r#""errorCode":"AccessDenied","responseElements":null"#.to_owned(),
        };
        format!(
            r#"{{"eventID":"{:04}","eventTime":"{time}","eventSource":"sts.amazonaws.com","eventName":"AssumeRole","recipientAccountId":"111122223333","awsRegion":"r","userIdentity":{},"requestParameters":{{"roleArn":"arn:aws:iam::111122223333:role/R","roleSessionName":"s{}"}},{response}}}"#,
            self.id,
            identity(self.caller),
            self.key / 2
        )
    }

    /// What decides between several records: how much the caller's kind tells, then everything of the caller, then the id.
    fn rank(&self) -> (u8, String, Option<u8>, usize) {
        let (kind, begun) = match self.caller {
            Who::Session { begun, .. } => (0, begun),
            Who::User(_) => (1, None),
            Who::Service => (2, None),
            Who::Account => (3, None),
        };
        let name = match self.caller {
            Who::Session { key: number, named, .. } => arn(number) + &if named { key(number) } else { String::new() },
            Who::User(number) => number.to_string(),
            _ => String::new(),
        };
        (kind, name, begun, self.id)
    }
}

/// The event ids of the links, and the end.
type Walked = (Vec<usize>, End);

/// The slow twin.
fn walk(all: &[Drawn], mut who: Who, mut at: i64) -> Walked {
    let mut ids = Vec::new();
    loop {
        let Who::Session { key, named, begun } = who else {
            let end = match who {
                Who::User(_) => End::User,
                Who::Service => End::Service,
                _ => End::Broken(Broken::OtherAccount),
            };
            return (ids, end);
        };
        let alive = |one: &&Drawn| {
            let issued = seconds(one.at);
            one.response != Response::Denied && issued <= at + CLOCK_SKEW && at <= issued + LIFETIME
        };
        let by_key = |one: &&Drawn| named && one.response == Response::Whole && one.key == key;
        let of_session = |one: &&Drawn| one.key / 2 == key / 2;
        let began = |one: &&Drawn| begun.is_some_and(|begun| (seconds(begun) - seconds(one.at)).abs() <= 1);
        let first = |mut found: Vec<&Drawn>| {
            found.sort_by_key(|one| (one.rank(), one.at));
            found.first().copied().cloned()
        };
        let found = first(all.iter().filter(alive).filter(by_key).collect()).map_or_else(
            || {
                let mut found: Vec<&Drawn> = all.iter().filter(alive).filter(of_session).filter(began).collect();
                if found.iter().any(|one| one.caller != Who::Account) {
                    found.retain(|one| one.caller != Who::Account);
                }
                if found.windows(2).any(|pair| matches!(pair, [a, b] if !same(a.caller, b.caller))) {
                    return Err(Broken::Ambiguous);
                }
                let omitted = all.iter().filter(alive).filter(of_session).any(|one| one.response == Response::Omitted);
                let none = if omitted { Broken::ResponseOmitted } else { Broken::NotInEvidence };
                first(found).ok_or(none)
            },
            Ok,
        );
        match found {
            Err(broken) => return (ids, End::Broken(broken)),
            Ok(one) if ids.contains(&one.id) => return (ids, End::Broken(Broken::Loop)),
            Ok(_) if ids.len() == MAX_LINKS => return (ids, End::Broken(Broken::TooLong)),
            Ok(one) => {
                ids.push(one.id);
                (who, at) = (one.caller, seconds(one.at));
            }
        }
    }
}

/// Whether two records name the same caller.
fn same(one: Who, other: Who) -> bool {
    identity(one) == identity(other)
}

fn drawn_who() -> impl Strategy<Value = Who> {
    prop_oneof![
        6 => (0..12_u8, prop::bool::weighted(0.8), prop::option::of(0..48_u8))
            .prop_map(|(key, named, begun)| Who::Session { key, named, begun }),
        2 => (0..3_u8).prop_map(Who::User),
        1 => Just(Who::Service),
        1 => Just(Who::Account),
    ]
}

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let response = prop_oneof![8 => Just(Response::Whole), 1 => Just(Response::Omitted), 1 => Just(Response::Denied)];
    let one = (0..12_u8, response, 0..48_u8, drawn_who());
    prop::collection::vec(one, 1..24).prop_map(|all| {
        let drawn = all.into_iter().enumerate();
        drawn.map(|(id, (key, response, at, caller))| Drawn { id, key, response, at, caller }).collect()
    })
}

/// Evaluates each part by itself and merges the results in the order given.
fn merged(parts: &[Vec<String>], order: &[usize], by_hour: bool) -> Sessions {
    let mut whole = Partial::new(0);
    let mut hours = ByHour::new(0);
    for &number in order {
        let evaluation = Evaluation::new(&[], AccountList::new(), Period::default(), 0, Secret::new([1, 2]));
        let name = ObjectName { name: Arc::from(format!("object-{number}")), number: u32::try_from(number).unwrap() };
        let text = parts.get(number).unwrap().join("\n");
        if by_hour {
            let mut part = ByHour::new(0);
            evaluation.object_by_hour(&name, text.as_bytes(), &mut part);
            hours.merge(part);
        } else {
            let mut part = Partial::new(0);
            evaluation.object(&name, text.as_bytes(), &mut part);
            whole.merge(part);
        }
    }
    whole.merge(hours.whole());
    whole.sessions
}

/// The principal that a record with this identity has.
fn principal(who: Who) -> Principal {
    let Who::Session { key: number, named, begun } = who else { return Principal::default() };
    Principal {
        kind: PrincipalKind::Role,
        account: "111122223333".to_owned(),
        arn: arn(number),
        key: if named { key(number) } else { String::new() },
        begun: begun.map(seconds),
        ..Principal::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn chains_are_those_of_a_slow_walk_however_the_records_come(
        all in drawn(),
        split in prop::collection::vec((0..4_usize, 0..4_usize), 24),
        order in Just(vec![0, 1, 2, 3]).prop_shuffle(),
        by_hour in any::<bool>(),
        from in (0..12_u8, prop::bool::weighted(0.8), prop::option::of(0..48_u8), 0..48_u8),
    ) {
        let mut parts = vec![Vec::new(); 4];
        for (one, (first, second)) in all.iter().zip(&split) {
            parts[*first].push(one.text());
            if *second != *first && one.id % 3 == 0 {
                // A copy, as a second trail delivers it.
                parts[*second].push(one.text());
            }
        }
        let sessions = merged(&parts, &order, by_hour);
        prop_assert_eq!(&sessions, &merged(&parts, &[0, 1, 2, 3], !by_hour));
        let (key, named, begun, at) = from;
        let who = Who::Session { key, named, begun };
        let index = Index::of(&sessions);
        let chain = session::chain(&principal(who), seconds(at), &index);
        let ids: Vec<usize> = chain.links.iter().map(|link| link.issued.event_id.parse().unwrap()).collect();
        prop_assert_eq!((ids, chain.end), walk(&all, who, seconds(at)));
        // More records than those that are asked for change nothing: only what the chain goes through, loaded alone, gives
        // the same chain.
        let mut alone = Sessions::default();
        for (id, issued) in sessions.iter() {
            let names = |session: &Principal| *id.0 == *session.key || issued.session == Some(session::session_digest(&session.arn));
            if chain.links.iter().any(|link| names(&link.session)) || names(&chain.last) {
                alone.add(id.clone(), issued.clone());
            }
        }
        let again = session::chain(&principal(who), seconds(at), &Index::of(&alone)).end;
        prop_assert_eq!(again, chain.end);
    }
}

#[test]
fn drawn_records_reach_every_end() {
    // The property above would say nothing if all chains broke at once.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut ends, mut longest) = (std::collections::BTreeSet::new(), 0);
    for _ in 0..2_000 {
        let all = drawn().new_tree(&mut runner).unwrap().current();
        let who = Who::Session { key: all[0].key, named: true, begun: Some(all[0].at) };
        let (ids, end) = walk(&all, who, seconds(all[0].at));
        longest = longest.max(ids.len());
        ends.insert(format!("{end:?}"));
    }
    let expected = [
        "Broken(Ambiguous)",
        "Broken(Loop)",
        "Broken(NotInEvidence)",
        "Broken(OtherAccount)",
        "Broken(ResponseOmitted)",
        "Service",
        "User",
    ];
    assert_eq!(ends.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    assert!(longest >= 4, "{longest}");
}
