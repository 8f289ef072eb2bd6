//! Holds the schema and the reader together: the same keys at every place, variables in the same values, and the same
//! verdict on whole files.

use std::collections::BTreeSet;

use assize_engine::diagnostic::Diagnostic;
use serde_json::{Value, json};

use super::validator::{problems, resolve, schema};
use crate::config::tests::{FULL, SMALL, TWENTY};
use crate::config::{Config, ConfigError};

/// A key that is close to no other, so that the reader names all it knows.
const STRANGER: &str = "zzzzzzzzzzzzzzzzzzzz";

/// A place in the schema, and how a file looks that has a value there.
struct Place<'s> {
    name: String,
    schema: &'s Value,
    /// The value of `x-substituted` on the way through references.
    substituted: bool,
    file: Box<dyn Fn(Value) -> Value + 's>,
}

/// Every place of the schema, branches of `anyOf` and free keys included.
fn places(root: &Value) -> Vec<Place<'_>> {
    fn walk<'s>(root: &'s Value, place: Place<'s>, found: &mut Vec<Place<'s>>) {
        let (schema, name) = (place.schema, place.name.clone());
        let file = std::rc::Rc::new(place.file);
        let mut go = |name: String, inner: &'s Value, wrap: Box<dyn Fn(Value) -> Value + 's>| {
            let file = file.clone();
            let resolved = resolve(root, inner);
            let substituted = [inner, resolved].iter().any(|one| one.get("x-substituted") == Some(&json!(true)));
            walk(root, Place { name, schema: resolved, substituted, file: Box::new(move |value| file(wrap(value))) }, found);
        };
        for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
            go(format!("{name}/{key}"), inner, Box::new(move |value| json!({key.as_str(): value})));
        }
        if schema["additionalProperties"].is_object() {
            go(format!("{name}/*"), &schema["additionalProperties"], Box::new(|value| json!({"free": value})));
        }
        if schema["items"].is_object() {
            go(format!("{name}/-"), &schema["items"], Box::new(|value| json!([value])));
        }
        for branch in schema["anyOf"].as_array().into_iter().flatten() {
            go(name.clone(), branch, Box::new(|value| value));
        }
        let file = file.clone();
        found.push(Place { name, schema, substituted: place.substituted, file: Box::new(move |value| file(value)) });
    }
    let mut found = Vec::new();
    walk(root, Place { name: String::new(), schema: root, substituted: false, file: Box::new(|value| value) }, &mut found);
    found
}

fn diagnostics(file: &Value) -> Vec<Diagnostic> {
    match Config::parse("assize.yaml", &file.to_string(), &|_| None) {
        Ok(config) => config.warnings,
        Err(ConfigError::Mistakes { diagnostics, .. }) => diagnostics,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn schema_and_reader_know_the_same_keys() {
    let schema = schema();
    let mut maps = 0;
    for place in places(&schema) {
        let Some(properties) = place.schema["properties"].as_object() else { continue };
        maps += 1;
        let of_schema: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        assert_eq!(place.schema["additionalProperties"], json!(false), "{}", place.name);
        let file = (place.file)(json!({STRANGER: 1}));
        let found = diagnostics(&file);
        let stranger = found.iter().find(|one| one.message.contains(STRANGER)).unwrap_or_else(|| panic!("{file} is accepted"));
        assert_eq!(stranger.code, "unknown-key", "{}", place.name);
        let hint = stranger.hint.as_deref().unwrap();
        let of_reader: BTreeSet<&str> = hint.strip_prefix("known keys here: ").unwrap().split(", ").collect();
        assert_eq!(of_schema, of_reader, "{}", place.name);
        for key in of_schema {
            let file = (place.file)(json!({key: null}));
            let found = diagnostics(&file);
            assert!(found.iter().all(|one| one.code != "unknown-key"), "{file}");
            assert!(found.iter().any(|one| one.message == format!("`{key}` is empty")), "{file} leaves a key empty");
        }
    }
    assert!(maps >= 20, "{maps}");
}

#[test]
fn variables_are_replaced_where_the_schema_says_so_and_nowhere_else() {
    let schema = schema();
    let (mut with, mut without) = (BTreeSet::new(), BTreeSet::new());
    for place in places(&schema) {
        if ["properties", "additionalProperties", "items", "anyOf"].iter().any(|key| place.schema.get(key).is_some()) {
            continue;
        }
        let file = (place.file)(json!("${env:ASSIZE_NOT_SET}"));
        let found = diagnostics(&file);
        let replaced = found.iter().any(|one| one.code == "unset-variable");
        assert_eq!(replaced, place.substituted, "{}: {file}", place.name);
        let refused = found.iter().any(|one| ["no-substitution", "wrong-value"].contains(&one.code));
        assert!(replaced || refused, "{}: {file}: a variable is neither replaced nor refused", place.name);
        if replaced {
            with.insert(place.name)
        } else {
            without.insert(place.name)
        };
    }
    insta::assert_snapshot!(Vec::from_iter(with).join("\n"));
    assert!(without.len() > 40, "{without:?}");
}

#[test]
fn whole_files_are_judged_alike() {
    for text in [SMALL, FULL] {
        assert_eq!(problems(text), [""; 0]);
    }
    assert!(problems(TWENTY).len() >= 5);
}

#[test]
fn defaults_in_the_schema_are_those_of_the_reader() {
    let schema = schema();
    let mut checked = 0;
    for place in places(&schema).iter().filter(|place| place.schema.get("default").is_some()) {
        checked += 1;
        // A file that writes the default means what a file means that leaves it out.
        let mut file: Value = serde_yaml::from_str(SMALL).unwrap();
        if place.name.starts_with("/calendar") {
            merge(&mut file, json!({"calendar": {"zone": "UTC"}}));
        }
        let plain = Config::parse("assize.yaml", &file.to_string(), &|_| None).unwrap();
        merge(&mut file, (place.file)(place.schema["default"].clone()));
        // What a retention or an account needs besides the key in question.
        if place.name == "/audit/object-lock/mode"
            || place.name.starts_with("/accounts")
            || place.name.starts_with("/sources/-")
            || place.name.starts_with("/notify/-")
        {
            continue;
        }
        let written =
            Config::parse("assize.yaml", &file.to_string(), &|_| None).unwrap_or_else(|error| panic!("{file}: {error:?}"));
        assert_eq!(values(&written), values(&plain), "{}", place.name);
    }
    assert!(checked >= 12, "{checked}");
}

/// What a configuration says, apart from the file it came from.
fn values(config: &Config) -> String {
    let shown = Config {
        sha256: String::new(),
        source: crate::pack::PolicyFile { name: String::new(), text: String::new() },
        ..config.clone()
    };
    format!("{shown:?}")
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}
