//! The fast evaluator and its slow twin agree on every policy and every record.
//!
//! Policies go through the loader, so that nothing is tried that a user cannot write. The run also counts what the
//! examples were worth: a test in which nothing ever matches would agree with anything.
//! `PROPTEST_CASES` sets the number of cases, `PROPTEST_RNG_SEED` another seed.
#![expect(clippy::disallowed_methods, reason = "the number of cases comes from the environment")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "generators and checks of a test may panic")]

#[path = "twin/draw.rs"]
mod draw;
#[path = "twin/policy.rs"]
mod policy;
#[path = "twin/record.rs"]
mod record;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use assize_engine::calendar::{ALL_DAYS, Calendar};
use assize_engine::decode::{Malformed, Place, Sink, decode};
use assize_engine::json::tape::{Cursor, Tape};
use assize_engine::json::{Kind, Reader, Value};
use assize_engine::linear::{LinearError, Record};
use assize_engine::matcher::{Matcher, Scratch, Subject};
use assize_engine::policy::{Item, Literal, Modifier, Policy, Selection, Truth, load};
use assize_engine::record::{AccountFacts, AccountList};
use draw::Draw;
use proptest::prelude::any;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use proptest::{prop_assert, prop_assert_eq};

/// How often each answer was given.
#[derive(Clone, Copy, Default)]
struct Answers {
    yes: usize,
    no: usize,
    unknown: usize,
}

impl Answers {
    fn count(&mut self, truth: Truth) {
        match truth {
            Truth::True => self.yes += 1,
            Truth::False => self.no += 1,
            Truth::Unknown => self.unknown += 1,
        }
    }

    /// In percent: true, false, unknown.
    fn shares(self) -> [usize; 3] {
        let all = (self.yes + self.no + self.unknown).max(1);
        [self.yes, self.no, self.unknown].map(|count| count * 100 / all)
    }
}

/// What the examples of a run were worth.
#[derive(Default)]
struct Worth {
    policies: Answers,
    populations: Answers,
    /// By modifier, and by kind of value where there is none: what single items answered.
    items: BTreeMap<&'static str, Answers>,
}

fn config() -> Config {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 1024;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(20_261_122);
    }
    config
}

/// What is known besides the records: with a calendar or without, all accounts or some.
fn accounts(draw: &mut Draw) -> AccountList {
    let facts = |name: &str, env: &str, tags: &[(&str, &str)]| AccountFacts {
        name: name.to_owned(),
        env: env.to_owned(),
        tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    };
    let list = AccountList::from([
        ("111122223333".to_owned(), facts("main", "prod", &[("owner", "Alice"), ("cost.center", "22")])),
        ("444455556666".to_owned(), facts("lab", "dev", &[])),
    ]);
    let list = list.with_others(["777788889999".to_owned()]);
    let list = if draw.chance(20) { list.incomplete() } else { list };
    list.with_calendar(calendar(draw))
}

fn calendar(draw: &mut Draw) -> Option<Calendar> {
    let own = Calendar {
        offset_seconds: draw.pick(&[-43_200, -1_800, 0, 20_700, 50_400]),
        hours: draw.pick(&[0..86_400, 0..1, 30_600..68_400, 85_500..86_400]),
        working_days: std::array::from_fn(|_| draw.chance(60)),
        // New Year's Eve of 2025, two days in June 2026, and the first day of all.
        holidays: [20_453, 20_607, 20_608, -719_528].map(|day| (day, format!("Closing {day}"))).into(),
        known: ALL_DAYS,
    };
    match draw.below(5) {
        0 => None,
        1 => Some(own),
        2 => Some(own.with_holidays_of_japan()),
        _ => Some(Calendar::of_japan()),
    }
}

#[test]
fn fast_and_slow_agree() {
    let worth = RefCell::new(Worth::default());
    let choices = proptest::collection::vec(any::<u16>(), 0..4000);
    let outcome = TestRunner::new(config()).run(&choices, |choices| agree(&mut Draw::new(choices), &mut worth.borrow_mut()));
    report(outcome);
    let worth = worth.into_inner();
    assert_shares("policies", worth.policies, [15, 15, 5]);
    assert_shares("populations", worth.populations, [15, 15, 3]);
    let least = usize::try_from(config().cases / 200).unwrap();
    // What `expand` stands for is filled in before either of them sees it.
    let names = Modifier::ALL.map(|(_, name)| name).into_iter().filter(|name| *name != "expand");
    for name in names.chain(["text", "number", "bool", "null", "map"]) {
        let Answers { yes, no, .. } = worth.items.get(name).copied().unwrap_or_default();
        assert!(yes.min(no) >= least, "items with {name}: {yes} hold and {no} do not, wanted are at least {least} of each");
    }
    for key in ["account", "caller", "calendar"] {
        let Answers { yes, no, unknown } = worth.items.get(key).copied().unwrap_or_default();
        assert!(yes.min(no).min(unknown) >= 10 * least, "items on {key}: {yes} hold, {no} do not, {unknown} cannot be told");
    }
}

/// The example says it all; the choices that led to it would fill the screen.
fn report(outcome: Result<(), TestError<Vec<u16>>>) {
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, _) | TestError::Abort(reason)) => panic!("{reason}"),
    }
}

fn assert_shares(what: &str, answers: Answers, least: [usize; 3]) {
    let shares = answers.shares();
    let fair = shares.iter().zip(least).all(|(share, least)| *share >= least);
    let all = answers.yes + answers.no + answers.unknown;
    assert!(fair, "{what}: true, false and unknown are {shares:?} percent of {all}, wanted are at least {least:?}");
}

/// Policies that what a record says in fields of few values decides, alone and with its source.
const FLAGS: [&str; 3] = [
    "{a: {readOnly: false}, condition: a}",
    "{a: {eventSource: [s3.amazonaws.com, iam.amazonaws.com], managementEvent: true}, b: {outcome: success}, condition: a and not b}",
    "{a: {eventName: [ConsoleLogin, PutObject], outcome: success}, b: {readOnly: true}, condition: a or b}",
];

/// One case: a record, policies derived from it, and damaged copies of the record.
fn agree(draw: &mut Draw, worth: &mut Worth) -> Result<(), TestCaseError> {
    let base = record::record(draw);
    let mut sources: Vec<String> =
        (0..1 + draw.below(3)).map(|number| policy::policy(&format!("p-{number}"), &base, draw)).collect();
    sources.extend((0..8).map(|number| policy::probe(&format!("probe-{number}"), &base, draw)));
    sources.extend(FLAGS.iter().enumerate().map(|(number, detection)| {
        let head = format!("id: flags-{number}, title: T, level: low, logsource: {{product: aws, service: cloudtrail}}");
        format!("{{{head}, detection: {detection}, population: {{eventSource: s3.amazonaws.com, readOnly: false}}}}\n")
    }));
    let records: Vec<String> = (0..6)
        .map(|number| {
            let tree = match number {
                0 => base.clone(),
                1 | 2 => record::flagged(&base, draw),
                _ => record::damaged(&base, draw),
            };
            let mut text = String::new();
            record::write(&tree, draw, &mut text);
            text
        })
        .collect();
    let loaded = load(sources.iter().map(|source| ("generated.yaml", source.as_str())));
    prop_assert!(!loaded.has_errors(), "{:#?}\n{}", loaded.diagnostics, sources.join("\n"));
    let accounts = accounts(draw);
    let matcher = Matcher::new(&loaded.policies, accounts.clone());
    // One for all of them, because records with equal fields share what is remembered.
    let mut scratch = Scratch::default();
    for text in &records {
        compare(&matcher, &loaded.policies, (text, &mut scratch), &accounts, worth)
            .map_err(|error| TestCaseError::fail(format!("{error}\nrecord: {text}\npolicies:\n{}", sources.join("\n"))))?;
    }
    Ok(())
}

fn compare(
    matcher: &Matcher,
    policies: &[Policy],
    (text, scratch): (&str, &mut Scratch),
    accounts: &AccountList,
    worth: &mut Worth,
) -> Result<(), TestCaseError> {
    let mut reader = Reader::default();
    let document = reader.read(text.as_bytes(), usize::MAX).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(document.length(), text.len());
    let Some(subject) = Subject::of(document.root()) else {
        prop_assert_eq!(Record::read(text).err(), Some(LinearError::NoRecord));
        return Ok(());
    };
    let record = Record::read(text).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let mut reported = BTreeMap::new();
    let mut judging = matcher.record(&subject, scratch);
    judging.evaluate(|index, truth| {
        reported.insert(index, truth);
    });
    let mut members = BTreeSet::new();
    judging.populations(|index| {
        members.insert(index);
    });
    for (index, policy) in policies.iter().enumerate() {
        let judged = record.judge(policy, accounts);
        prop_assert_eq!(matcher.evaluate_one(index, &subject), judged.truth, "{} without the index", policy.id);
        let found = reported.get(&index).copied().unwrap_or(Truth::False);
        prop_assert_eq!(found, judged.truth, "{} through the index", policy.id);
        let member = record.population(policy, accounts);
        prop_assert_eq!(members.contains(&index), member == Some(Truth::True), "the population of {}", policy.id);
        explained(policy, &record, accounts)?;
        if policy.id.starts_with("flags-") {
            // Not drawn, so no measure of what is.
            continue;
        }
        worth.policies.count(judged.truth);
        if let Some(member) = member {
            worth.populations.count(member);
        }
        for (_, selection) in &policy.detection.selections {
            count_items(selection, &record, accounts, &mut worth.items);
        }
    }
    Ok(())
}

/// What is said to have matched is true by itself, and each of its items is shown.
fn explained(policy: &Policy, record: &Record, accounts: &AccountList) -> Result<(), TestCaseError> {
    let judged = record.judge(policy, accounts);
    prop_assert!(judged.truth == Truth::True || judged.matched.is_empty());
    for matched in &judged.matched {
        let (_, selection) = policy.detection.selections.iter().find(|(name, _)| *name == matched.selection).unwrap();
        prop_assert_eq!(record.select(selection, accounts), Truth::True);
        prop_assert!(matched.fields.iter().all(|field| field.value.chars().count() <= 512));
        match selection {
            Selection::All(items) => {
                let shown: BTreeSet<&str> = matched.fields.iter().map(|field| field.field.as_str()).collect();
                let wanted: Vec<String> = items.iter().map(Item::written).collect();
                prop_assert_eq!(shown, wanted.iter().map(String::as_str).collect::<BTreeSet<_>>());
            }
            Selection::Any(_) | Selection::Keywords { .. } => prop_assert!(!matched.fields.is_empty()),
        }
    }
    Ok(())
}

/// Counts what each item answers alone, by its modifiers and the kinds of its values.
fn count_items(selection: &Selection, record: &Record, accounts: &AccountList, counts: &mut BTreeMap<&'static str, Answers>) {
    let items = match selection {
        Selection::All(items) => items,
        Selection::Any(parts) => return parts.iter().for_each(|part| count_items(part, record, accounts, counts)),
        Selection::Keywords { .. } => return,
    };
    for item in items {
        let truth = record.select(&Selection::All(vec![item.clone()]), accounts);
        let known = ["account", "caller", "calendar"].into_iter().find(|key| item.field.keys[0] == *key);
        known.into_iter().for_each(|key| counts.entry(key).or_default().count(truth));
        item.modifiers.iter().for_each(|modifier| counts.entry(modifier.name()).or_default().count(truth));
        for literal in item.values.iter().filter(|_| item.modifiers.is_empty()) {
            let kind = match literal {
                Literal::Null => "null",
                Literal::Bool(_) => "bool",
                Literal::Number(_) => "number",
                Literal::Text(_) => "text",
                Literal::Map(_) => "map",
            };
            counts.entry(kind).or_default().count(truth);
        }
    }
}

/// The reader and its tape take and refuse the same texts, for the same reasons, and find the same values.
fn same_reading(text: &str) -> Result<(), TestCaseError> {
    let (mut reader, mut tape) = (Reader::default(), Tape::default());
    let slow = tape.read(text.as_bytes(), usize::MAX);
    let fast = reader.read(text.as_bytes(), usize::MAX);
    match (slow, fast) {
        (Ok(length), Ok(document)) => {
            prop_assert_eq!(length, document.length(), "{}", text);
            same_value(tape.root(text.as_bytes()), document.root())
        }
        (Err(slow), Err(fast)) => {
            prop_assert_eq!(slow, fast, "{}", text);
            Ok(())
        }
        (slow, fast) => Err(TestCaseError::fail(format!("tape: {slow:?}, reader: {:?}\n{text}", fast.map(|_| ())))),
    }
}

fn same_value(slow: Cursor<'_>, fast: Value<'_>) -> Result<(), TestCaseError> {
    prop_assert_eq!((slow.kind(), slow.raw(), slow.text()), (fast.kind(), fast.raw(), fast.text()));
    prop_assert_eq!(slow.is_escaped(), fast.is_escaped());
    prop_assert_eq!(slow.items().count(), fast.items().count());
    prop_assert_eq!(slow.entries().count(), fast.entries().count());
    for (slow, fast) in slow.items().zip(fast.items()) {
        same_value(slow, fast)?;
    }
    for ((slow_key, slow), (fast_key, fast)) in slow.entries().zip(fast.entries()) {
        prop_assert_eq!(slow_key.kind(), Kind::String);
        prop_assert_eq!((slow_key.raw(), slow_key.text()), (fast_key.raw(), fast_key.text()));
        same_value(slow, fast)?;
    }
    Ok(())
}

/// Both readers take and refuse the same texts: records with a character changed, dropped or doubled.
#[test]
fn both_readers_take_the_same_texts() {
    let counts = RefCell::new([0_usize; 2]);
    let choices = proptest::collection::vec(any::<u16>(), 0..600);
    let outcome = TestRunner::new(config()).run(&choices, |choices| {
        let mut draw = Draw::new(choices);
        let mut text = String::new();
        record::write(&record::damaged(&record::record(&mut draw), &mut draw), &mut draw, &mut text);
        for _ in 0..4 {
            let text = misspelt(&text, &mut draw);
            same_reading(&text)?;
            let mut tape = Tape::default();
            let fast = tape.read(text.as_bytes(), usize::MAX);
            let fast = fast.is_ok_and(|length| text.as_bytes()[length..].iter().all(u8::is_ascii_whitespace));
            let slow = matches!(Record::read(&text), Ok(_) | Err(LinearError::NoRecord));
            prop_assert_eq!(fast, slow, "{}", text);
            counts.borrow_mut()[usize::from(slow)] += 1;
        }
        Ok(())
    });
    report(outcome);
    let [refused, taken] = counts.into_inner();
    assert!(refused.min(taken) * 10 >= refused + taken, "{refused} texts refused, {taken} taken");
}

/// A log that ends anywhere gives the records before its end, whole, and each of them reads the same to both.
#[test]
fn a_cut_log_gives_its_whole_records() {
    let counts = RefCell::new([0_usize; 2]);
    let choices = proptest::collection::vec(any::<u16>(), 0..3000);
    let outcome = TestRunner::new(config()).run(&choices, |choices| {
        let mut draw = Draw::new(choices);
        let base = record::record(&mut draw);
        let source = policy::policy("p", &base, &mut draw);
        let loaded = load([("generated.yaml", source.as_str())]);
        let matcher = Matcher::new(&loaded.policies, accounts(&mut Draw::new(Vec::new())));
        let records: Vec<String> = (0..1 + draw.below(4))
            .map(|_| {
                let mut text = String::new();
                record::write(&record::damaged(&base, &mut draw), &mut draw, &mut text);
                text
            })
            .collect();
        let (head, between) = draw.pick(&[("{\"Records\":[", ","), ("", "\n"), ("[", " , ")]);
        let log = format!("{head}{}", records.join(between));
        let cut = draw.below(log.len() + 1);
        let mut whole = Vec::new();
        let mut end = head.len();
        for text in &records {
            end += text.len();
            if end <= cut {
                whole.push(text.clone());
            }
            end += between.len();
        }
        let mut seen = Seen { matcher: &matcher, policies: &loaded.policies, records: Vec::new(), wrong: None };
        decode(&log.as_bytes()[..cut], &mut seen);
        prop_assert!(seen.wrong.is_none(), "{:?}\n{}", seen.wrong, source);
        // What is no CloudTrail record is not delivered as one.
        whole.retain(|text| Record::read(text).is_ok());
        prop_assert_eq!(&seen.records, &whole, "{} cut at {}", log, cut);
        counts.borrow_mut()[usize::from(whole.len() == records.len())] += 1;
        Ok(())
    });
    report(outcome);
    let [cut, complete] = counts.into_inner();
    assert!(cut > complete, "{cut} logs were cut, {complete} were not");
}

struct Seen<'m> {
    matcher: &'m Matcher,
    policies: &'m [Policy],
    records: Vec<String>,
    wrong: Option<String>,
}

impl Sink for Seen<'_> {
    fn record(&mut self, _: Place, bytes: &[u8], subject: &Subject<'_>) {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let slow = Record::read(&text).map(|record| record.judge(&self.policies[0], &accounts(&mut Draw::new(Vec::new()))).truth);
        let fast = self.matcher.evaluate_one(0, subject);
        if slow != Ok(fast) {
            self.wrong = Some(format!("{fast:?} and {slow:?} on {text}"));
        }
        self.records.push(text);
    }

    fn malformed(&mut self, _: Place, _: u64, _: &Malformed) {}
}

fn misspelt(text: &str, draw: &mut Draw) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = draw.below(chars.len());
    match draw.below(4) {
        0 => chars
            .insert(at, draw.pick(&[' ', '0', '"', ',', '}', ']', '{', '[', ':', '\\', '-', '.', 'e', '\n', '\u{1}', 'é', 'u'])),
        1 => {
            chars.remove(at);
        }
        2 => chars[at] = draw.pick(&['x', '1', '"', ' ', '\u{FFFD}']),
        _ => chars.truncate(at + 1),
    }
    chars.into_iter().collect()
}
