//! A second opinion on Sigma rules: `rsigma-eval`, written by other people, over the same rules and records.
//!
//! Where the two disagree on a rule, they are asked about each of its items alone; the reason must be one of
//! [`differences::LISTED`], each with what decides it. A disagreement that is not listed fails, and so does an entry of the
//! list that no longer occurs.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "the checks of a test may panic")]
#![expect(clippy::disallowed_methods, reason = "the rules of the engine hold for the engine; its tests read files")]

#[path = "sigma/data.rs"]
mod data;
#[path = "oracle/differences.rs"]
mod differences;
#[path = "oracle/generate.rs"]
mod generate;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use assize_engine::json::Reader;
use assize_engine::linear::Record;
use assize_engine::matcher::{Matcher, Scratch, Subject};
use assize_engine::policy::{Item, Literal, Policy, Selection, Truth, load};
use assize_engine::record::AccountList;
use data::{data, read_all};
use generate::Random;
use rsigma_eval::{Engine, JsonEvent};
use serde_json::{Value, json};

/// How many records are made from each rule.
const GENERATED: usize = 16;

/// Rules that both engines have loaded.
struct Rules {
    policies: Vec<Policy>,
    matcher: Matcher,
    theirs: Engine,
}

/// How often the two agreed that a rule matches, that it does not, and how often each listed difference occurred.
#[derive(Default)]
struct Tally {
    yes: usize,
    no: usize,
    listed: BTreeMap<&'static str, usize>,
    /// What is not listed, by rule and item, with the first record that shows it.
    wrong: BTreeMap<String, String>,
}

/// Loads the rules that Assize reads; of two with one id the first. Returns also how many there were in all.
fn rules(folder: &Path) -> (Rules, usize) {
    let files = read_all(folder, "yml");
    let mut ids = BTreeSet::new();
    let mut accepted = Vec::new();
    for (name, text) in &files {
        let loaded = load([(name.as_str(), text.as_str())]);
        if !loaded.has_errors() && loaded.policies.iter().chain(&loaded.bases).all(|policy| ids.insert(policy.id.clone())) {
            accepted.push((name.as_str(), text.as_str()));
        }
    }
    let loaded = load(accepted.iter().copied());
    assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
    let parsed: Vec<_> = accepted.iter().flat_map(|(name, text)| parse(name, text)).collect();
    let mut theirs = Engine::new();
    let refused: Vec<String> = theirs.add_rules(&parsed).iter().map(|(_, error)| error.to_string()).collect();
    assert!(refused.is_empty(), "{refused:?}");
    // Correlations have an oracle of their own; the rules below them are compared here.
    let mut policies = [loaded.policies, loaded.bases].concat();
    policies.retain(|policy| policy.correlation.is_none());
    assert_eq!(theirs.rule_count(), policies.len());
    let matcher = Matcher::new(&policies, AccountList::new());
    (Rules { policies, matcher, theirs }, files.len())
}

fn parse(name: &str, text: &str) -> Vec<rsigma_parser::SigmaRule> {
    let parsed = rsigma_parser::parse_sigma_yaml(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(parsed.errors.is_empty(), "{name}: {:?}", parsed.errors);
    parsed.rules
}

impl Rules {
    fn compare(&self, event: &Value, tally: &mut Tally) {
        let text = event.to_string();
        let mut reader = Reader::default();
        let document = reader.read(text.as_bytes(), usize::MAX).unwrap();
        let Some(subject) = Subject::of(document.root()) else { return };
        let mut ours = vec![Truth::False; self.policies.len()];
        self.matcher.record(&subject, &mut Scratch::default()).evaluate(|index, truth| ours[index] = truth);
        let found = self.theirs.evaluate(&JsonEvent::borrow(event));
        let theirs: BTreeSet<&str> = found.iter().filter_map(|found| found.header.rule_id.as_deref()).collect();
        for (policy, ours) in self.policies.iter().zip(ours) {
            let theirs = Truth::from(theirs.contains(policy.id.as_str()));
            if ours == theirs {
                *(if ours == Truth::True { &mut tally.yes } else { &mut tally.no }) += 1;
                continue;
            }
            match explain(policy, event, &text) {
                Ok(reasons) => reasons.into_iter().for_each(|reason| *tally.listed.entry(reason).or_default() += 1),
                Err(item) => {
                    let what = format!("{}, {item}: we say {}, they {}", policy.file, ours.name(), theirs.name());
                    tally.wrong.entry(what).or_insert(text.clone());
                }
            }
        }
    }
}

/// The listed differences for which the two disagree on items of the rule.
fn explain(policy: &Policy, event: &Value, text: &str) -> Result<BTreeSet<&'static str>, String> {
    let record = Record::read(text).map_err(|error| error.to_string())?;
    let mut reasons = BTreeSet::new();
    for item in generate::items(policy) {
        let ours = record.select(&Selection::All(vec![item.clone()]), &AccountList::new());
        if ours == Truth::from(alone(item, event)) {
            continue;
        }
        match differences::reason(item, event, ours) {
            Some(reason) => reasons.insert(reason),
            None => return Err(format!("{}: {:?}", item.written(), item.values)),
        };
    }
    if reasons.is_empty() { Err("yet each item alone is the same to both".to_owned()) } else { Ok(reasons) }
}

/// What they say of one item.
fn alone(item: &Item, event: &Value) -> bool {
    let value = |literal: &Literal| match literal {
        Literal::Null => json!(null),
        Literal::Bool(value) => json!(value),
        Literal::Number(text) => serde_json::from_str(text).unwrap(),
        other => json!(other.written()),
    };
    let values: Vec<Value> = item.values.iter().map(value).collect();
    let values = if let [one] = values.as_slice() { one.clone() } else { json!(values) };
    // JSON is YAML.
    let rule = json!({
        "title": "one item", "logsource": {"product": "aws", "service": "cloudtrail"},
        "detection": {"item": {item.written(): values}, "condition": "item"},
    });
    let mut engine = Engine::new();
    let rules = parse("one item", &rule.to_string());
    assert!(engine.add_rules(&rules).is_empty(), "{rule}");
    !engine.evaluate(&JsonEvent::borrow(event)).is_empty()
}

fn sample(data: &Path) -> Vec<Value> {
    let files = read_all(&data.join("cloudtrail-sample"), "json");
    files
        .iter()
        .flat_map(|(_, text)| serde_json::from_str::<Value>(text).unwrap()["Records"].as_array().unwrap().clone())
        .collect()
}

/// The records that fire SigmaHQ's rules, as committed.
fn firing() -> Vec<Value> {
    let fixture: Value = serde_json::from_str(include_str!("../../../tests/fixtures/sigma-records.json")).unwrap();
    fixture.as_array().unwrap().iter().map(|rule| rule["fires"].clone()).collect()
}

#[test]
fn a_second_engine_agrees_on_the_rules_of_others() {
    let Some(data) = data() else { return };
    let (sigma, sigma_files) = rules(&data.join("sigma/cloudtrail"));
    assert_eq!((sigma.policies.len(), sigma_files), (57, 57));
    let (suzaku, suzaku_files) = rules(&data.join("suzaku-rules"));
    // Rules for another log, correlations, and copies of one id are left out; some files hold several rules.
    assert!(suzaku.policies.len() >= 790 && suzaku_files >= 790, "{} of {suzaku_files}", suzaku.policies.len());
    let mut tally = Tally::default();
    let records: Vec<Value> = sample(&data).into_iter().chain(firing()).collect();
    let mut random = Random(20_261_122);
    for rules in [&sigma, &suzaku] {
        records.iter().for_each(|record| rules.compare(record, &mut tally));
        for policy in &rules.policies {
            // Fewer rules deserve more records each.
            let count = if rules.policies.len() < 100 { 16 * GENERATED } else { GENERATED };
            (0..count).for_each(|_| rules.compare(&generate::record(policy, &mut random), &mut tally));
        }
    }
    let first: Vec<_> = tally.wrong.iter().take(20).collect();
    assert!(tally.wrong.is_empty(), "{} disagreements that are not listed: {first:#?}", tally.wrong.len());
    assert!(tally.yes > 10_000 && tally.no > 1_000_000, "{} matches and {} others", tally.yes, tally.no);
    let listed: BTreeSet<&str> = differences::LISTED.iter().map(|difference| difference.name).collect();
    let occurred: BTreeSet<&str> = tally.listed.keys().copied().collect();
    assert_eq!(listed, occurred, "listed, and occurred: {:?}", tally.listed);
}

/// The rows of the language reference that ask for nothing but Sigma: detection, record, and whether it matches.
fn examples() -> Vec<(String, Value, bool)> {
    let document = include_str!("../../../docs/policy-language.md");
    let until = document.find("## 6. Omitted fields").unwrap();
    let rows = document.get(..until).unwrap().lines().filter_map(|line| {
        let line = line.replace("\\|", "\u{1}");
        let cells: Vec<String> = line.split('|').map(|cell| cell.trim().trim_matches('`').replace('\u{1}', "|")).collect();
        let [_, detection, record, result, _, _] = cells.as_slice() else { return None };
        let expected = ["no-match", "match"].iter().position(|word| word == result)? == 1;
        Some((detection.clone(), serde_json::from_str(record).unwrap(), expected))
    });
    rows.collect()
}

#[test]
fn a_second_engine_reads_the_language_reference() {
    let examples = examples();
    assert!(examples.len() > 130, "{}", examples.len());
    let mut differ = BTreeSet::new();
    for (detection, record, expected) in &examples {
        let wrapped =
            if detection.contains("condition:") { detection.clone() } else { format!("{{s: {detection}, condition: s}}") };
        let rule = format!("title: t\nlogsource: {{product: aws, service: cloudtrail}}\ndetection: {wrapped}\n");
        let mut engine = Engine::new();
        let parsed = rsigma_parser::parse_sigma_yaml(&rule).unwrap();
        let accepted = parsed.errors.is_empty() && parsed.rules.len() == 1 && engine.add_rules(&parsed.rules).is_empty();
        let found = accepted.then(|| !engine.evaluate(&JsonEvent::borrow(record)).is_empty());
        if found != Some(*expected) {
            differ.insert((detection.as_str(), record.to_string()));
        }
    }
    let listed = differences::EXAMPLES.iter().map(|(detection, record, _)| {
        let record: Value = serde_json::from_str(record).unwrap();
        (*detection, record.to_string())
    });
    let listed: BTreeSet<_> = listed.collect();
    let new: Vec<_> = differ.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&differ).collect();
    assert!(new.is_empty() && gone.is_empty(), "not listed: {new:#?}, listed and gone: {gone:#?}");
}
