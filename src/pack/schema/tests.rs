//! Holds the schema and the loader together: the same keys, modifiers and words, and the same verdict on whole files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use assize_engine::policy::{self, Category, Level, Modifier};
use serde::Deserialize;
use serde_json::{Value, json};

use super::SCHEMA;
use crate::config::schema::validator;
use crate::pack::BUILT_IN;

const DOCUMENT: &str = include_str!("../../../docs/policy-language.md");

/// A key that is close to no other, so that the loader names all it knows.
const STRANGER: &str = "zzzzzzzzzzzzzzzzzzzz";

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// What an editor says of each document of a file.
fn problems(text: &str) -> Vec<String> {
    let documents = serde_yaml::Deserializer::from_str(text).map(|document| Value::deserialize(document).unwrap());
    documents.flat_map(|document| validator::problems_of(&schema(), &document)).collect()
}

/// The content of the document's blocks with this word behind the fence.
fn blocks(info: &str) -> Vec<String> {
    let fence = format!("```{info}\n");
    let inside = |rest: &str| rest.split("\n```").next().map(|block| format!("{block}\n"));
    DOCUMENT.split(&fence).skip(1).filter_map(inside).collect()
}

#[test]
fn every_built_in_file_is_valid() {
    assert!(BUILT_IN.len() > 20);
    for (name, text) in BUILT_IN {
        assert_eq!(problems(text), [""; 0], "{name}");
    }
}

#[test]
fn every_example_of_the_language_reference_is_valid() {
    let examples = [blocks("yaml policy"), blocks("yaml framework")].concat();
    assert!(examples.len() >= 6, "{}", examples.len());
    for text in examples {
        assert_eq!(problems(&text), [""; 0], "{text}");
    }
}

#[test]
fn sigma_rules_that_load_are_valid() {
    fn files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "yml") {
                found.push(path);
            }
        }
    }
    let Some(data) = std::env::var_os("ASSIZE_DATA").map(PathBuf::from).filter(|data| data.join("sigma").is_dir()) else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "ASSIZE_DATA is not set, and CI may skip nothing");
        return;
    };
    let mut found = Vec::new();
    ["sigma", "suzaku-rules"].iter().for_each(|folder| files(&data.join(folder), &mut found));
    let mut checked = 0;
    found.sort();
    // Every fourth is enough: most of them are made after one pattern.
    for path in found.into_iter().step_by(4) {
        let text = std::fs::read_to_string(&path).unwrap();
        if !policy::load([("f", text.as_str())]).has_errors() {
            checked += 1;
            assert_eq!(problems(&text), [""; 0], "{}", path.display());
        }
    }
    assert!(checked > 180, "{checked}");
}

const POLICY: &str = "id: a-b\ntitle: T\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\n\
    detection: {sel: {eventName: X}, condition: sel}\n";

#[test]
fn mistakes_are_seen() {
    let framework = "framework: f\ntitle: F\nversion: '1'\nrequirements: [{id: '1', title: t, answered-by: events}]\n";
    let filter = "title: F\nlogsource: {product: aws}\nfilter: {rules: [a-b], sel: {eventName: X}, condition: not sel}\n";
    let correlation =
        "id: a-c\ntitle: C\nlevel: low\ncorrelation: {type: event_count, rules: [a-b], timespan: 5m, condition: {gte: 10}}\n";
    for good in [POLICY, framework, filter, correlation] {
        assert_eq!(problems(good), [""; 0], "{good}");
        assert_ne!(problems(&format!("{good}colour: red\n")), [""; 0], "{good}");
    }
    for (good, bad) in [
        ("level: low", "level: hihg"),
        ("id: a-b", "id: A b"),
        ("eventName: X", "eventName|contain: X"),
        ("eventName: X", "eventName: []"),
        ("sel: {eventName: X}", "sel: {}"),
        (", condition: sel", ""),
        ("service: cloudtrail", "service: s3"),
        ("level: low\n", ""),
    ] {
        assert!(POLICY.contains(good));
        assert_ne!(problems(&POLICY.replace(good, bad)), [""; 0], "{bad}");
    }
    let sigma = POLICY.replace("id: a-b", "id: 4db60cc0-36fb-42b7-9b58-a5b53019fb74\nmy_key: 1").replace("level: low\n", "");
    assert_eq!(problems(&sigma), [""; 0], "Sigma allows keys of one's own, and no level");
    for (more, valid) in [
        ("threshold: {count: 10, within: 5m, by: [userIdentity.arn], distinct: eventName}\n", true),
        ("threshold: {count: 10}\n", false),
        ("threshold: {count: 10, within: 5 minutes}\n", false),
        ("tests: [{name: n, events: [{eventTime: '2026-11-02T09:00:00Z'}], expect: match}]\n", true),
        ("tests: [{name: n, events: [{eventName: X}], expect: match}]\n", false),
        ("tests: [{name: n, expect: match}]\n", false),
    ] {
        assert_eq!(problems(&format!("{POLICY}{more}")).is_empty(), valid, "{more}");
    }
}

/// The keys that the loader names where it finds one that is close to none.
fn of_loader(text: &str) -> BTreeSet<String> {
    let loaded = policy::load([("f", text)]);
    let found = loaded.diagnostics.iter().find(|one| one.message.contains(STRANGER));
    let hint = found.and_then(|one| one.hint.as_deref()).unwrap_or_else(|| panic!("{text} is accepted"));
    hint.strip_prefix("known keys here: ").unwrap().split(", ").map(str::to_owned).collect()
}

#[test]
fn schema_and_loader_know_the_same_keys() {
    let schema = schema();
    let requirement =
        |more: &str| format!("framework: f\ntitle: T\nversion: '1'\nrequirements: [{{id: '1', answered-by: none, {more}}}]\n");
    for (place, text) in [
        ("policy", format!("{POLICY}{STRANGER}: 1\n")),
        ("needs", format!("{POLICY}needs: {{{STRANGER}: 1}}\n")),
        ("test", format!("{POLICY}tests: [{{name: n, event: {{a: 1}}, expect: match, {STRANGER}: 1}}]\n")),
        ("threshold", format!("{POLICY}threshold: {{count: 1, within: 1m, {STRANGER}: 1}}\n")),
        ("logsource", POLICY.replace("service: cloudtrail", &format!("service: cloudtrail, {STRANGER}: 1"))),
        ("framework", format!("{}{STRANGER}: 1\n", requirement("title: t"))),
        ("requirement", requirement(&format!("title: t, {STRANGER}: 1"))),
        ("titles", requirement(&format!("title: {{en: t, {STRANGER}: 1}}"))),
        ("mapping", requirement(&format!("title: t, policies: [{{policy: p, kind: absent, {STRANGER}: 1}}]"))),
    ] {
        let place = &schema["$defs"][place];
        let of_schema: BTreeSet<String> = place["properties"].as_object().unwrap().keys().cloned().collect();
        let of_loader = of_loader(&text);
        let missing: Vec<_> = of_loader.difference(&of_schema).collect();
        assert!(missing.is_empty(), "the schema lacks {missing:?}: {text}");
        let more: Vec<_> = of_schema.difference(&of_loader).collect();
        assert!(more.is_empty(), "the loader does not know {more:?}: {text}");
    }
    // Where keys of one's own depend on the id, the known ones stand in two places.
    for place in ["policy", "correlating"] {
        let place = &schema["$defs"][place];
        let properties: BTreeSet<&str> = place["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let names = place["else"]["propertyNames"]["enum"].as_array().unwrap();
        assert_eq!(names.iter().map(|name| name.as_str().unwrap()).collect::<BTreeSet<_>>(), properties);
    }
}

#[test]
fn schema_and_engine_know_the_same_words() {
    let schema = schema();
    let levels = Level::ALL.map(Level::name);
    assert_eq!(schema["$defs"]["policy"]["properties"]["level"]["enum"], json!(levels));
    assert_eq!(schema["$defs"]["category"]["enum"], json!(Category::ALL.map(Category::name)));
    let pattern = schema["$defs"]["items"]["propertyNames"]["pattern"].as_str().unwrap();
    let modifiers = pattern.strip_prefix(r"^[^|]+(\|(").and_then(|rest| rest.strip_suffix("))*$")).unwrap();
    let modifiers: BTreeSet<&str> = modifiers.split('|').collect();
    let mut known: BTreeSet<&str> = Modifier::ALL.iter().map(|(_, name)| *name).collect();
    known.insert("expand");
    assert_eq!(modifiers, known);
}

#[test]
fn every_reference_leads_somewhere_and_every_definition_is_used() {
    let schema = schema();
    let text = SCHEMA;
    for name in schema["$defs"].as_object().unwrap().keys() {
        assert!(text.contains(&format!("\"#/$defs/{name}\"")), "{name} is not used");
    }
    for reference in text.split("\"$ref\": \"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(schema.pointer(reference).is_some(), "{reference} leads nowhere");
    }
}
