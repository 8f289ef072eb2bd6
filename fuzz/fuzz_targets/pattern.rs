//! Wildcards, regular expressions, networks, numbers, times, encodings and references: the compiled form against the slow twin.
//!
//! The first byte chooses the modifiers, the first line is the policy's value, and the rest what stands in the record.
#![no_main]

use assize_engine::json::Reader;
use assize_engine::linear::Record;
use assize_engine::matcher::{Matcher, Subject};
use assize_engine::policy::{Policy, load, matches_glob};
use assize_engine::record::AccountList;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const MODIFIERS: [&str; 24] = [
    "",
    "|contains",
    "|startswith",
    "|endswith",
    "|cased",
    "|contains|cased",
    "|re",
    "|re|i",
    "|re|i|m|s",
    "|cidr",
    "|lt",
    "|gte",
    "|windash",
    "|windash|contains",
    "|base64",
    "|base64offset|contains",
    "|wide|base64offset|contains",
    "|hour",
    "|fieldref|contains",
    "|fieldref|endswith",
    "|fieldref|startswith|cased",
    "|fieldref",
    "|neq",
    "|contains|all",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let (pattern, text) = text.split_once('\n').unwrap_or((text, ""));
    names(pattern, text);
    let modifiers = MODIFIERS[usize::from(choice) % MODIFIERS.len()];
    // A third of the values stands without quotes, so that it may be a number.
    let value = match serde_json::from_str::<Value>(pattern) {
        Ok(number @ Value::Number(_)) if choice >= 170 => number,
        _ if modifiers.starts_with("|fieldref") => json!("requestParameters.b"),
        _ => json!(pattern),
    };
    let policy = json!({
        "id": "fuzzed", "title": "t", "level": "low", "logsource": {"product": "aws", "service": "cloudtrail"},
        "detection": {"a": {format!("requestParameters.a{modifiers}"): value}, "k": [pattern, "x"], "condition": ["a", "a and k"]},
    });
    let loaded = load([("policy.yaml", policy.to_string().as_str())]);
    if loaded.has_errors() {
        return;
    }
    let number = serde_json::from_str::<Value>(text).ok().filter(Value::is_number);
    let parts: Vec<&str> = text.split(' ').collect();
    let matcher = Matcher::new(&loaded.policies, AccountList::new());
    for found in [json!(text), json!({"inside": [text, null]}), number.unwrap_or(json!(parts)), json!([pattern, [text]])] {
        let others: Vec<&str> = pattern.split(' ').collect();
        compare(&matcher, &loaded.policies[0], &json!({"eventName": "E", "requestParameters": {"a": found, "b": others}}));
    }
});

fn compare(matcher: &Matcher, policy: &Policy, event: &Value) {
    let event = event.to_string();
    let mut reader = Reader::default();
    let document = reader.read(event.as_bytes(), usize::MAX).expect("JSON");
    let subject = Subject::of(document.root()).expect("a record");
    let fast = matcher.evaluate_one(0, &subject);
    let slow = Record::read(&event).expect("a record").judge(policy, &AccountList::new()).truth;
    assert_eq!(fast, slow, "{:?} on {event}", policy.detection);
}

/// Names with `*` against the regular expression that says the same.
fn names(glob: &str, name: &str) {
    if glob.len() > 200 || !glob.contains('*') {
        return;
    }
    let parts: Vec<String> = glob.split('*').map(regex::escape).collect();
    let twin = regex::Regex::new(&format!("(?s)^{}$", parts.join(".*"))).expect("it is escaped");
    assert_eq!(matches_glob(glob, name), twin.is_match(name), "{glob} {name}");
}
