//! Executes docs/configuration.md: every YAML block is read, every list of mistakes is compared, and the tables are held
//! against the schema, which other tests hold against the reader.

use std::collections::BTreeMap;

use serde_json::Value;

use super::schema::validator::{problems, resolve, schema};
use super::tests::SMALL;
use super::{Config, ConfigError};
use crate::diagnostics;

const DOCUMENT: &str = include_str!("../../docs/configuration.md");

/// A fenced block: the words after the fence, the line on which its content begins, the content.
struct Block {
    info: String,
    line: usize,
    text: String,
}

fn blocks() -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    for (number, line) in (1..).zip(DOCUMENT.lines()) {
        match (line.strip_prefix("```"), open) {
            (Some(info), false) => found.push(Block { info: info.to_owned(), line: number + 1, text: String::new() }),
            (None, true) => found.last_mut().unwrap().text.extend([line, "\n"]),
            _ => {}
        }
        open ^= line.starts_with("```");
    }
    assert!(!open, "the last block is not closed");
    found
}

fn variables(name: &str) -> Option<String> {
    let value = match name {
        "AUDIT_BUCKET" => "example-audit",
        "ASSIZE_EXTERNAL_ID" => "example-external-id",
        "CI_JOB" => "17",
        "SLACK_URL" => "https://hooks.slack.com/services/T0/B0/x",
        "ALARMS_URL" => "https://alarms.example.com/assize",
        "ALARMS_SECRET" => "0123456789abcdef0123456789abcdef",
        _ => return None,
    };
    Some(value.to_owned())
}

/// A part of a file with what it needs to be a whole one; lines of the part stay where they are.
fn whole(part: &str) -> String {
    let missing = SMALL.lines().filter(|line| {
        let key = line.split(':').next().unwrap();
        !part.lines().any(|own| own.split(':').next() == Some(key))
    });
    [part.to_owned(), missing.flat_map(|line| [line, "\n"]).collect()].concat()
}

#[test]
fn every_block_is_read() {
    let (mut files, mut parts) = (0, 0);
    for block in blocks() {
        let text = match block.info.as_str() {
            "yaml" => {
                files += 1;
                block.text
            }
            "yaml part" => {
                parts += 1;
                whole(&block.text)
            }
            "yaml mistakes" | "text" | "sh" => continue,
            other => panic!("line {}: a block of `{other}` is not executed", block.line),
        };
        match Config::parse("assize.yaml", &text, &variables) {
            Ok(config) => assert_eq!(config.warnings, [], "line {}", block.line),
            Err(ConfigError::Mistakes { diagnostics, file }) => {
                panic!("line {}: {}", block.line, diagnostics::render(&diagnostics, &[file]))
            }
            Err(error) => panic!("{error}"),
        }
        assert_eq!(problems(&text), [""; 0], "line {}: the schema disagrees", block.line);
    }
    assert!(files >= 1 && parts >= 12, "{files} files, {parts} parts");
}

#[test]
fn every_list_of_mistakes_is_right() {
    let blocks = blocks();
    let mut checked = 0;
    for pair in blocks.windows(2).filter(|pair| pair[0].info == "yaml mistakes") {
        checked += 1;
        let Err(ConfigError::Mistakes { diagnostics, .. }) = Config::parse("assize.yaml", &pair[0].text, &variables) else {
            panic!("line {}: there is no mistake", pair[0].line);
        };
        let found: String =
            diagnostics.iter().map(|one| format!("{}:{} {}\n", one.span.at.line, one.span.at.column, one.code)).collect();
        assert_eq!(found, pair[1].text, "line {}", pair[1].line);
    }
    assert!(checked >= 3, "{checked}");
}

/// What a table or the schema says of a key.
#[derive(Debug, PartialEq)]
struct Key {
    /// As the document writes it; `required` if the key must be there.
    default: String,
    variables: bool,
}

fn documented() -> BTreeMap<String, Key> {
    let rows = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `"));
    let keys = rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [key, _, default, variables, meaning, ""] = cells.as_slice() else { panic!("`{row}` has not five cells") };
        assert!(["yes", "no"].contains(variables) && !meaning.is_empty(), "{row}");
        let default = default.replace('`', "");
        (key.trim_end_matches('`').to_owned(), Key { default, variables: *variables == "yes" })
    });
    keys.collect()
}

/// The keys of the schema, written as the document does. Where two places have the same keys the document says so once.
fn of_schema() -> BTreeMap<String, Key> {
    fn walk(root: &Value, (name, place): (String, &Value), found: &mut BTreeMap<String, Key>) {
        let schema = resolve(root, place);
        let same_as_elsewhere = ["accounts.list[].role", "accounts.organization.role.via"];
        if same_as_elsewhere.iter().any(|start| name.starts_with(start)) {
            return;
        }
        let required = |key: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == key));
        for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
            let path = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
            let default = if required(key) { "required".to_owned() } else { default(inner, resolve(root, inner)) };
            found.insert(path.clone(), Key { default, variables: substituted(root, inner) });
            walk(root, (path, inner), found);
        }
        if let Some(inner) = schema.get("additionalProperties").filter(|inner| inner.is_object()) {
            let path = format!("{name}.*");
            found.insert(path, Key { default: String::new(), variables: substituted(root, inner) });
        }
        if let Some(inner) = schema.get("items") {
            let path = format!("{name}[]");
            found.insert(path.clone(), Key { default: String::new(), variables: substituted(root, inner) });
            walk(root, (path, inner), found);
        }
        for branch in schema["anyOf"].as_array().into_iter().flatten() {
            walk(root, (name.clone(), branch), found);
        }
    }
    let (root, mut found) = (schema(), BTreeMap::new());
    walk(&root, (String::new(), &root), &mut found);
    found
}

fn default(place: &Value, resolved: &Value) -> String {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match place.get("default").or(resolved.get("default")) {
        Some(Value::Array(values)) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        Some(value) => plain(value),
        None => String::new(),
    }
}

/// Whether the value itself, or the text that may stand for a map, takes variables.
fn substituted(root: &Value, place: &Value) -> bool {
    let resolved = resolve(root, place);
    let own = |one: &Value| one.get("x-substituted").is_some();
    own(resolved) || resolved["anyOf"].as_array().is_some_and(|all| all.iter().any(|one| own(resolve(root, one))))
}

#[test]
fn the_tables_say_what_the_schema_says() {
    let (documented, schema) = (documented(), of_schema());
    for (key, of_document) in &documented {
        let of_schema = schema.get(key).unwrap_or_else(|| panic!("`{key}` is documented and unknown"));
        assert_eq!(of_document, of_schema, "{key}");
    }
    // Items of lists and values of free keys need a row only if they take variables.
    let needs_row = |key: &str, of_schema: &Key| of_schema.variables || !(key.ends_with("[]") || key.ends_with(".*"));
    let missing: Vec<&String> = schema
        .iter()
        .filter(|(key, of_schema)| !documented.contains_key(*key) && needs_row(key, of_schema))
        .map(|(key, _)| key)
        .collect();
    assert_eq!(missing, [""; 0]);
    assert!(documented.len() > 70, "{}", documented.len());
}
