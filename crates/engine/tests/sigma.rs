//! SigmaHQ's rules for CloudTrail, as they are, on both evaluators.
//!
//! `ASSIZE_DATA` names a folder with `sigma/cloudtrail/*.yml` (SigmaHQ) and `cloudtrail-sample/*.json` (a public sample
//! of CloudTrail logs). The records that fire each rule, and its near misses, are committed with the project.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "the checks of a test may panic")]
#![expect(clippy::disallowed_methods, reason = "the rules of the engine hold for the engine; its tests read files")]

#[path = "sigma/data.rs"]
mod data;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use assize_engine::json::Reader;
use assize_engine::linear::Record;
use assize_engine::matcher::{Matcher, Scratch, Subject};
use assize_engine::policy::{Policy, Selection, Truth, load};
use assize_engine::record::AccountList;
use data::{data, read_all};
use serde_json::Value;
use serde_json::value::RawValue;

const RULES: usize = 57;
const RECORDS: usize = 2_900;

/// One rule of the fixture.
#[derive(serde::Deserialize)]
struct Fixture {
    rule: String,
    id: String,
    fires: Value,
    near: Vec<Near>,
}

/// What must be changed in the record that fires, so that one item fails.
#[derive(serde::Deserialize)]
struct Near {
    items: Vec<String>,
    why: String,
    #[serde(default)]
    set: BTreeMap<String, Value>,
    #[serde(default)]
    remove: Vec<String>,
}

/// Both evaluators over the same rules.
struct Judges {
    policies: Vec<Policy>,
    matcher: Matcher,
}

fn rules(data: &Path) -> Judges {
    let files = read_all(&data.join("sigma/cloudtrail"), "yml");
    let loaded = load(files.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
    assert_eq!(loaded.policies.len(), RULES);
    let matcher = Matcher::new(&loaded.policies, AccountList::new());
    Judges { policies: loaded.policies, matcher }
}

fn fixture() -> Vec<Fixture> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/sigma-records.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

impl Judges {
    /// What each rule says of a record, by its index; asserts that all ways to ask agree.
    fn judge(&self, text: &str) -> Vec<Truth> {
        let mut reader = Reader::default();
        let document = reader.read(text.as_bytes(), usize::MAX).unwrap();
        let subject = Subject::of(document.root()).unwrap();
        let record = Record::read(text).unwrap();
        let mut indexed = vec![Truth::False; self.policies.len()];
        self.matcher.record(&subject, &mut Scratch::default()).evaluate(|index, truth| indexed[index] = truth);
        for (index, policy) in self.policies.iter().enumerate() {
            let slow = record.judge(policy, &AccountList::new()).truth;
            assert_eq!(self.matcher.evaluate_one(index, &subject), slow, "{} without the index on {text}", policy.file);
            assert_eq!(indexed[index], slow, "{} through the index on {text}", policy.file);
        }
        indexed
    }
}

#[test]
fn every_rule_fires_and_every_near_miss_does_not() {
    let Some(data) = data() else { return };
    let judges = rules(&data);
    let fixture = fixture();
    let named: BTreeSet<&str> = fixture.iter().map(|fixture| fixture.rule.as_str()).collect();
    assert_eq!(named, judges.policies.iter().map(|policy| policy.file.as_str()).collect());
    let mut wrong = Vec::new();
    for fixture in &fixture {
        let index = judges.policies.iter().position(|policy| policy.file == fixture.rule).unwrap();
        assert_eq!(judges.policies[index].id, fixture.id, "{}", fixture.rule);
        if judges.judge(&fixture.fires.to_string())[index] != Truth::True {
            wrong.push(format!("{} does not fire", fixture.rule));
        }
        for near in &fixture.near {
            if judges.judge(&changed(&fixture.fires, near).to_string())[index] != Truth::False {
                wrong.push(format!("{} fires although {} ({})", fixture.rule, near.why, near.items.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Puts values in place of others and takes fields out; paths lead through objects only.
fn changed(record: &Value, near: &Near) -> Value {
    let mut record = record.clone();
    for path in &near.remove {
        let (parent, key) = parent(&mut record, path);
        assert!(parent.remove(key).is_some(), "`{path}` is not there to be removed");
    }
    for (path, value) in &near.set {
        let (parent, key) = parent(&mut record, path);
        parent.insert(key.to_owned(), value.clone());
    }
    record
}

fn parent<'v, 'p>(mut value: &'v mut Value, path: &'p str) -> (&'v mut serde_json::Map<String, Value>, &'p str) {
    let (parents, key) = path.rsplit_once('.').map_or((None, path), |(parents, key)| (Some(parents), key));
    for step in parents.into_iter().flat_map(|parents| parents.split('.')) {
        value = value.as_object_mut().unwrap().entry(step).or_insert_with(|| Value::Object(serde_json::Map::new()));
    }
    (value.as_object_mut().unwrap_or_else(|| panic!("`{path}` leads through something that is no object")), key)
}

#[test]
fn every_item_of_every_rule_has_a_near_miss() {
    let Some(data) = data() else { return };
    let fixture = fixture();
    let mut wrong = Vec::new();
    for policy in &rules(&data).policies {
        let fixture = fixture.iter().find(|fixture| fixture.rule == policy.file).unwrap();
        let missed: BTreeSet<&str> = fixture.near.iter().flat_map(|near| &near.items).map(String::as_str).collect();
        let mut items = BTreeSet::new();
        for (name, selection) in &policy.detection.selections {
            items_of(name, selection, &mut items);
        }
        wrong.extend(
            items
                .iter()
                .filter(|item| !missed.contains(item.as_str()))
                .map(|item| format!("{}: no near miss of {item}", policy.file)),
        );
        wrong.extend(
            missed.iter().filter(|item| !items.contains(**item)).map(|item| format!("{}: there is no item {item}", policy.file)),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn items_of(name: &str, selection: &Selection, out: &mut BTreeSet<String>) {
    match selection {
        Selection::All(items) => out.extend(items.iter().map(|item| format!("{name}.{}", item.written()))),
        Selection::Any(parts) => {
            for (number, part) in parts.iter().enumerate() {
                items_of(&format!("{name}[{number}]"), part, out);
            }
        }
        Selection::Keywords { words, .. } => out.extend((0..words.len()).map(|number| format!("{name}[{number}]"))),
    }
}

#[test]
fn both_evaluators_agree_on_the_public_sample() {
    #[derive(serde::Deserialize)]
    struct File<'a> {
        #[serde(rename = "Records", borrow)]
        records: Vec<&'a RawValue>,
    }
    let Some(data) = data() else { return };
    let judges = rules(&data);
    let mut records = 0;
    let mut matches = BTreeMap::<&str, usize>::new();
    for (name, text) in read_all(&data.join("cloudtrail-sample"), "json") {
        let file: File<'_> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        for record in file.records {
            records += 1;
            for (policy, truth) in judges.policies.iter().zip(judges.judge(record.get())) {
                *matches.entry(policy.file.as_str()).or_default() += usize::from(truth == Truth::True);
            }
        }
    }
    assert_eq!(records, RECORDS);
    assert_eq!(matches, counted());
}

/// How many records of the sample each rule matches, counted with jq.
fn counted() -> BTreeMap<&'static str, usize> {
    let table = include_str!("../../../tests/fixtures/sigma-sample-counts.tsv");
    let rows = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.map(|row| {
        let mut columns = row.split('\t');
        (columns.next().unwrap(), columns.nth(1).unwrap().parse().unwrap())
    })
    .collect()
}
