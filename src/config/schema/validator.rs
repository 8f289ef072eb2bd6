//! A validator for as much of JSON Schema as our schema uses, for tests. A keyword that it does not know is a failure,
//! so that the schema cannot come to say what no test reads.

use regex::Regex;
use serde_json::{Map, Value};

use super::SCHEMA;

/// Says nothing about which values are valid.
const ANNOTATIONS: [&str; 8] = ["$schema", "$id", "$defs", "title", "description", "default", "x-substituted", "$ref"];

/// The schema as a value.
pub(crate) fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// What is wrong in a YAML or JSON text, as an editor would see it: `/place: why`, each on its own.
pub(crate) fn problems(text: &str) -> Vec<String> {
    problems_of(&schema(), &serde_yaml::from_str(text).unwrap())
}

/// What is wrong in a value by any of our schemas.
pub(crate) fn problems_of(schema: &Value, instance: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, instance, "", &mut found);
    found
}

/// A schema with its `$ref` followed; what stands beside the reference comes first.
pub(crate) fn resolve<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => {
            let target = root.pointer(reference.trim_start_matches('#'));
            resolve(root, target.unwrap_or_else(|| panic!("`{reference}` leads nowhere")))
        }
        None => schema,
    }
}

fn check(root: &Value, schema: &Value, instance: &Value, place: &str, found: &mut Vec<String>) {
    let schema = schema.as_object().unwrap();
    if schema.contains_key("$ref") {
        check(root, resolve(root, &Value::Object(schema.clone())), instance, place, found);
    }
    for (keyword, argument) in schema {
        let good = match keyword.as_str() {
            known if ANNOTATIONS.contains(&known) => true,
            "type" => match argument {
                Value::Array(types) => types.iter().any(|one| is_type(instance, one)),
                one => is_type(instance, one),
            },
            "enum" => argument.as_array().unwrap().contains(instance),
            "const" => argument == instance,
            "pattern" => {
                let pattern = Regex::new(argument.as_str().unwrap()).unwrap();
                instance.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "maxLength" => instance.as_str().is_none_or(|text| text.chars().count() as u64 <= argument.as_u64().unwrap()),
            "minLength" => instance.as_str().is_none_or(|text| text.chars().count() as u64 >= argument.as_u64().unwrap()),
            "minimum" => instance.as_f64().is_none_or(|number| number >= argument.as_f64().unwrap()),
            "maximum" => instance.as_f64().is_none_or(|number| number <= argument.as_f64().unwrap()),
            "minItems" => instance.as_array().is_none_or(|list| list.len() as u64 >= argument.as_u64().unwrap()),
            "minProperties" => instance.as_object().is_none_or(|map| map.len() as u64 >= argument.as_u64().unwrap()),
            "maxProperties" => instance.as_object().is_none_or(|map| map.len() as u64 <= argument.as_u64().unwrap()),
            "uniqueItems" => instance.as_array().is_none_or(|list| (1..list.len()).all(|at| !list[..at].contains(&list[at]))),
            "required" => instance
                .as_object()
                .is_none_or(|map| argument.as_array().unwrap().iter().all(|key| map.contains_key(key.as_str().unwrap()))),
            "anyOf" => argument.as_array().unwrap().iter().any(|branch| {
                let mut of_branch = Vec::new();
                check(root, branch, instance, place, &mut of_branch);
                of_branch.is_empty()
            }),
            "if" => {
                let mut of_condition = Vec::new();
                check(root, argument, instance, place, &mut of_condition);
                if let Some(branch) = schema.get(if of_condition.is_empty() { "then" } else { "else" }) {
                    check(root, branch, instance, place, found);
                }
                true
            }
            // With `if`.
            "then" | "else" => true,
            "propertyNames" => {
                for key in instance.as_object().into_iter().flat_map(Map::keys) {
                    check(root, argument, &Value::from(key.as_str()), &format!("{place}/{key}"), found);
                }
                true
            }
            "items" => {
                for (at, item) in instance.as_array().into_iter().flatten().enumerate() {
                    check(root, argument, item, &format!("{place}/{at}"), found);
                }
                true
            }
            "properties" | "additionalProperties" => {
                if let Some(map) = instance.as_object() {
                    properties(root, (keyword, schema), map, place, found);
                }
                true
            }
            other => panic!("the tests do not know the keyword `{other}`"),
        };
        if !good {
            found.push(format!("{place}: {keyword} {argument}"));
        }
    }
}

fn properties(
    root: &Value,
    (keyword, schema): (&str, &Map<String, Value>),
    map: &Map<String, Value>,
    place: &str,
    found: &mut Vec<String>,
) {
    for (key, value) in map {
        let place = format!("{place}/{key}");
        let own = schema.get("properties").and_then(|known| known.get(key));
        match (keyword, own) {
            ("properties", Some(own)) => check(root, own, value, &place, found),
            ("additionalProperties", None) => match &schema["additionalProperties"] {
                Value::Bool(false) => found.push(format!("{place}: unknown key")),
                rest => check(root, rest, value, &place, found),
            },
            _ => {}
        }
    }
}

fn is_type(instance: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => instance.is_object(),
        "array" => instance.is_array(),
        "string" => instance.is_string(),
        "boolean" => instance.is_boolean(),
        "null" => instance.is_null(),
        "integer" => instance.is_i64() || instance.is_u64(),
        "number" => instance.is_number(),
        other => panic!("the tests do not know the type `{other}`"),
    }
}
