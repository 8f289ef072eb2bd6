//! Who is due what, and in how many messages.

use std::collections::{BTreeMap, BTreeSet};

use super::memory::{Known, Memory, Seen};
use super::message::{Head, Message, plan};
use super::*;
use crate::config::{AccountSelector, Channel, Grouping, Secret, When};
use crate::estate::Account;

mod sending;
mod server;
mod writing;

const HEAD: Head<'static> = Head { organisation: "example", run: "20261122T080000Z-0a1b2c3d", as_of: "2026-11-22T08:00:00Z" };

fn receiver(to: Channel) -> Receiver {
    let when = When { level: Level::High, accounts: AccountSelector::default(), policies: vec![], states: Change::ALL.to_vec() };
    Receiver { name: "ops".to_owned(), to, when, group: Grouping::Account, at_most: 20, link: None, coverage: true }
}

fn topic() -> Receiver {
    let [topic, region] = ["arn:aws:sns:eu-west-1:111122223333:alarms", "eu-west-1"].map(str::to_owned);
    receiver(Channel::Sns { topic, region, account: None })
}

fn item(event: Event, fingerprint: &str, account: &str) -> Item {
    let text = |text: &str| text.to_owned();
    let key = if event == Event::Recovered { format!("{fingerprint} recovered") } else { text(fingerprint) };
    Item {
        event,
        keys: vec![key],
        fingerprint: text(fingerprint),
        level: text("high"),
        policy: text("many-refused-calls"),
        title: text("Many calls were refused"),
        who: text("arn:aws:iam::111122223333:user/alice"),
        account: text(account),
        account_name: text("shop"),
        region: text("eu-west-1"),
        group: vec![text("userIdentity.arn=arn:aws:iam::111122223333:user/alice")],
        first_seen: text("2026-11-21T08:00:00Z"),
        last_seen: text("2026-11-21T09:00:00Z"),
        count: 12,
        statement: text("12 within 1h, more than 10"),
        remediation: text("Ask who it was."),
        run: text(HEAD.run),
    }
}

fn estate() -> Estate {
    let account = |id: &str, env: &str, team: &str| Account {
        id: id.to_owned(),
        env: env.to_owned(),
        tags: BTreeMap::from([("team".to_owned(), team.to_owned())]),
        ..Account::default()
    };
    Estate { accounts: vec![account("111122223333", "prod", "a"), account("222233334444", "dev", "b")], ..Estate::default() }
}

fn names(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| item.fingerprint.as_str()).collect()
}

/// The example with one finding in a state, and what a run makes of it.
fn told_of(change: impl Fn(&mut v1::Document), fixed: &[&str]) -> Vec<Item> {
    let mut document = crate::report::example::document();
    document.run.exit_code = 1;
    document.coverage.problems.clear();
    document.findings[0].waived = None;
    change(&mut document);
    items(&document, &estate(), &fixed.iter().map(|one| (*one).to_owned()).collect())
}

fn in_state(state: &str) -> impl Fn(&mut v1::Document) {
    move |document| document.findings[0].life.as_mut().unwrap().state = state.to_owned()
}

#[test]
fn what_is_new_came_back_or_is_over_is_told_and_nothing_else() {
    let fingerprint = crate::report::example::document().findings[0].fingerprint.clone();
    let events = |state: &str, fixed: &[&str]| told_of(in_state(state), fixed).iter().map(|item| item.event).collect::<Vec<_>>();
    assert_eq!(events("new", &[]), [Event::New]);
    assert_eq!(events("reopened", &[]), [Event::Reopened]);
    assert_eq!(events("fixed", &[]), [Event::Recovered]);
    assert_eq!(events("fixed", &[&fingerprint]), [], "the run before said so");
    assert_eq!([events("ongoing", &[]), events("lost", &[])], [[]; 2]);
    for (state, expected) in [("holds", 0), ("expired", 1), ("later", 1)] {
        let told = told_of(
            |document| {
                in_state("new")(document);
                document.findings[0].waived = crate::report::example::document().findings[0].waived.clone();
                document.findings[0].waived.as_mut().unwrap().state = state.to_owned();
            },
            &[],
        );
        assert_eq!(told.len(), expected, "{state}");
    }
    let of_a_scan = told_of(|document| document.findings[0].life = None, &[]);
    assert_eq!(of_a_scan, []);
}

#[test]
fn a_finding_is_told_with_who_and_what_to_do() {
    let [new] = told_of(
        |document| {
            in_state("new")(document);
            let finding = &mut document.findings[0];
            finding.group = vec![v1::FieldValue { field: "userIdentity.arn".to_owned(), value: Some("arn:alice".to_owned()) }];
            finding.remediation = "Ask who\nit was. Then stop it.\n\nAnd more.".to_owned();
            finding.occurrences.iter_mut().for_each(|one| one.behind = None);
        },
        &[],
    )
    .try_into()
    .unwrap();
    assert_eq!((new.who.as_str(), new.remediation.as_str()), ("arn:alice", "Ask who it was."));
    assert_eq!(new.group, ["userIdentity.arn=arn:alice"]);
    let fired = crate::report::example::document().findings[0].correlated.as_ref().unwrap().statement.clone();
    assert_eq!(new.statement, fired);
    let [behind] = told_of(
        |document| {
            in_state("new")(document);
            document.findings[0].group =
                vec![v1::FieldValue { field: "userIdentity.arn".to_owned(), value: Some("arn:role".to_owned()) }];
            let mut behind = crate::report::example::document().findings[0].occurrences[0].behind.clone().unwrap();
            behind.who = Some("alice".to_owned());
            document.findings[0].occurrences[0].behind = Some(behind);
        },
        &[],
    )
    .try_into()
    .unwrap();
    assert_eq!(behind.who, "alice, as arn:role");
    let [long] = told_of(
        |document| {
            in_state("new")(document);
            document.findings[0].title = "x".repeat(10_000);
            document.findings[0].remediation = "y ".repeat(10_000);
        },
        &[],
    )
    .try_into()
    .unwrap();
    assert!(long.title.chars().count() == 300 && long.title.ends_with('…') && long.remediation.chars().count() == 600);
}

#[test]
fn holes_and_tampering_are_told() {
    let quiet = |document: &mut v1::Document| in_state("ongoing")(document);
    for (code, expected) in [(0, 0), (1, 0), (3, 1), (4, 1)] {
        let told = told_of(
            |document| {
                quiet(document);
                document.run.exit_code = code;
            },
            &[],
        );
        assert_eq!(told.iter().filter(|item| item.event == Event::Incomplete).count(), expected, "{code}");
    }
    let altered = |objects: &[&str]| {
        let told = told_of(
            |document| {
                quiet(document);
                let problem = |object: &&str| v1::Problem {
                    code: "digest-mismatch".to_owned(),
                    tampering: *object != "unread",
                    object: (*object).to_owned(),
                    record: None,
                    offset: None,
                    message: "it is another object".to_owned(),
                };
                document.coverage.problems = objects.iter().map(problem).collect();
            },
            &[],
        );
        told.into_iter().filter(|item| item.event == Event::Tampering).collect::<Vec<Item>>()
    };
    assert_eq!(altered(&["unread"]), []);
    let one = altered(&["a", "unread"]);
    assert_eq!((one.len(), one[0].count, one[0].level.as_str()), (1, 1, "critical"));
    let known = settled(Known::default(), &one, vec![], 0);
    assert!(known.was_told(&altered(&["a"])[0]) && !known.was_told(&altered(&["a", "b"])[0]), "another object is news");
    // A receiver of another level and account is told all the same.
    let mut receiver = topic();
    receiver.when.level = Level::Critical;
    receiver.when.accounts.ids = vec!["222233334444".to_owned()];
    assert_eq!(due(&receiver, &Known::default(), &one, &estate()).len(), 1);
    receiver.coverage = false;
    assert_eq!(due(&receiver, &Known::default(), &one, &estate()), []);
}

#[test]
fn a_receiver_is_due_what_it_asks_for() {
    let [prod, dev] = [item(Event::New, "prod", "111122223333"), item(Event::Recovered, "dev", "222233334444")];
    let stranger = Item { level: "critical".to_owned(), ..item(Event::Reopened, "stranger", "999988887777") };
    let low = Item { level: "low".to_owned(), ..item(Event::New, "low", "111122223333") };
    let coverage = Item { keys: vec![], fingerprint: "coverage".to_owned(), ..item(Event::Incomplete, "", "") };
    let items = [prod, dev, stranger, low, coverage];
    let due = |change: &dyn Fn(&mut Receiver)| {
        let mut receiver = topic();
        change(&mut receiver);
        let mut due = due(&receiver, &Known::default(), &items, &estate());
        due.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
        names(&due).join(" ")
    };
    assert_eq!(due(&|_| {}), "coverage dev prod stranger");
    assert_eq!(due(&|one| one.when.level = Level::Informational), "coverage dev low prod stranger");
    assert_eq!(due(&|one| one.when.level = Level::Critical), "coverage stranger");
    assert_eq!(due(&|one| one.coverage = false), "dev prod stranger");
    assert_eq!(due(&|one| one.when.accounts.envs = vec!["prod".to_owned()]), "coverage prod");
    assert_eq!(due(&|one| one.when.accounts.ids = vec!["222233334444".to_owned()]), "coverage dev");
    let team = BTreeMap::from([("team".to_owned(), vec!["b".to_owned()])]);
    assert_eq!(due(&|one| one.when.accounts.tags = team.clone()), "coverage dev");
    assert_eq!(due(&|one| one.when.states = vec![Change::New]), "coverage prod");
    assert_eq!(due(&|one| one.when.states = vec![Change::Recovered]), "coverage dev");
    assert_eq!(due(&|one| one.when.policies = vec!["root-*".to_owned()]), "coverage");
    assert_eq!(due(&|one| one.when.policies = vec!["many-*".to_owned()]), "coverage dev prod stranger");
}

fn settled(mut known: Known, told: &[Item], failed: Vec<Item>, as_of: i64) -> Known {
    known.settle(told, failed, &Seen { fingerprints: &BTreeSet::new(), incomplete: false, as_of });
    known
}

#[test]
fn each_thing_is_told_once_and_what_failed_waits() {
    let (opened, over) = (item(Event::New, "f", "111122223333"), item(Event::Recovered, "f", "111122223333"));
    let due = |known: &Known, items: &[Item]| super::due(&topic(), known, items, &estate());
    let failed = settled(Known::default(), &[], vec![opened.clone()], 0);
    // The run after does not see it as new any more.
    assert_eq!(due(&failed, &[]), std::slice::from_ref(&opened));
    // One that does tells it once, as it is now.
    let grown = Item { count: 99, ..opened.clone() };
    assert_eq!(due(&failed, std::slice::from_ref(&grown)), std::slice::from_ref(&grown));
    let told = settled(failed, &[grown], vec![], 0);
    assert_eq!(due(&told, std::slice::from_ref(&opened)), []);
    // Its end is another thing.
    assert_eq!(due(&told, std::slice::from_ref(&over)), std::slice::from_ref(&over));
    let told = settled(told, std::slice::from_ref(&over), vec![], 0);
    assert_eq!(due(&told, &[opened.clone(), over]), []);
    // Long after it was seen last it may be told again; a finding that is still there is remembered.
    let day = 86_400;
    assert_eq!(due(&settled(told.clone(), &[], vec![], 401 * day), std::slice::from_ref(&opened)).len(), 1);
    let mut seen = told;
    let fingerprints = BTreeSet::from(["f"]);
    seen.settle(&[], vec![], &Seen { fingerprints: &fingerprints, incomplete: false, as_of: 399 * day });
    assert_eq!(due(&settled(seen, &[], vec![], 401 * day), &[opened]), []);
}

#[test]
fn coverage_is_told_when_it_becomes_incomplete_and_not_each_time() {
    let hole = Item { keys: vec![], ..item(Event::Incomplete, "", "") };
    let due = |known: &Known| super::due(&topic(), known, std::slice::from_ref(&hole), &estate()).len();
    let mut known = Known::default();
    assert_eq!(due(&known), 1);
    known.settle(&[], vec![hole.clone()], &Seen { fingerprints: &BTreeSet::new(), incomplete: true, as_of: 0 });
    assert_eq!(due(&known), 1, "it waits, and is not doubled");
    known.settle(std::slice::from_ref(&hole), vec![], &Seen { fingerprints: &BTreeSet::new(), incomplete: true, as_of: 0 });
    assert_eq!(due(&known), 0);
    let again = settled(known, &[], vec![], 0);
    assert_eq!(due(&again), 1, "it was complete in between");
}

#[test]
fn what_waits_is_bounded_and_its_number_is_not_forgotten() {
    let many: Vec<Item> = (0..1_500).map(|number| item(Event::New, &number.to_string(), "111122223333")).collect();
    let known = settled(Known::default(), &[], many, 0);
    assert_eq!((known.waiting.len(), known.more_waiting), (1_000, 500));
    let messages = plan(&topic(), known.waiting.clone(), known.more_waiting, HEAD);
    assert_eq!(messages.len(), 2);
    assert!(
        messages[1].rest_lines()[0].starts_with("500 things could not be told by earlier runs"),
        "{:?}",
        messages[1].rest_lines()
    );
}

#[test]
fn memory_is_read_as_it_was_written_and_forgets_who_is_gone() {
    let mut memory = Memory::default();
    let known = settled(Known::default(), &[item(Event::New, "f", "1")], vec![item(Event::New, "g", "1")], 1_000);
    memory.receivers.insert("ops".to_owned(), known);
    let written = serde_json::to_value(&memory).unwrap();
    assert_eq!(Memory::read(written.clone()).unwrap(), memory);
    memory.forget(1_000 + 89 * 86_400);
    assert_eq!(memory.receivers.len(), 1);
    memory.forget(1_000 + 91 * 86_400);
    assert_eq!(memory.receivers.len(), 0);
    let mut newer = written;
    newer["version"] = serde_json::json!(2);
    assert!(Memory::read(newer).unwrap_err().to_string().contains("version 2"));
    assert!(Memory::read(serde_json::json!({"version": 1, "receivers": {}, "more": 1})).is_err());
}

#[test]
fn things_are_grouped_and_too_many_messages_are_one() {
    let items: Vec<Item> = (0..30).map(|number| item(Event::New, &number.to_string(), &format!("{:012}", number / 2))).collect();
    let with = |group, at_most| plan(&Receiver { group, at_most, ..topic() }, items.clone(), 0, HEAD);
    assert_eq!(with(Grouping::Run, 20).len(), 1);
    assert_eq!(with(Grouping::Policy, 20).len(), 1);
    let accounts = with(Grouping::Account, 20);
    assert_eq!((accounts.len(), accounts[0].items.len()), (15, 2));
    assert_eq!(accounts[0].subject(), "[HIGH] 2 new: shop (000000000000)");
    let few = with(Grouping::Account, 3);
    assert_eq!(few.len(), 4);
    assert_eq!(few.iter().map(|message| message.items.len()).sum::<usize>(), 30, "nothing is left out");
    assert_eq!(few[3].subject(), "[HIGH] 12 more messages not sent, 24 things in all: example");
    let lines = few[3].rest_lines();
    assert_eq!(lines.first().unwrap(), "12 more messages were to be sent; this one stands for them: 24 new.");
    assert_eq!(lines.last().unwrap(), "and 2 more");
}

#[test]
fn a_message_has_the_same_id_whenever_it_is_sent() {
    let of = |items: Vec<Item>| plan(&topic(), items, 0, HEAD).remove(0).id();
    let (a, b) = (item(Event::New, "a", "1"), item(Event::New, "b", "1"));
    assert_eq!(of(vec![a.clone(), b.clone()]), of(vec![b.clone(), a.clone()]));
    assert_ne!(of(vec![a.clone()]), of(vec![b]));
    assert_ne!(of(vec![a.clone()]), of(vec![Item { event: Event::Recovered, ..a }]));
}
