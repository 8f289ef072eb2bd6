//! Policy files of strangers: the loader neither panics nor lets a policy vanish; what loads loads the same again, and both
//! evaluators agree on it.
#![no_main]

use assize_engine::json::Reader;
use assize_engine::linear::Record;
use assize_engine::matcher::{Matcher, Subject};
use assize_engine::policy::load;
use assize_engine::record::AccountList;
use libfuzzer_sys::fuzz_target;

const RECORDS: [&str; 3] = [
    r#"{"eventSource":"s3.amazonaws.com","eventName":"PutObject","requestParameters":{"a":[1,{"b":"x"}],"key":"a*b"},"errorCode":null}"#,
    r#"{"eventSource":"iam.amazonaws.com","eventName":"CreateUser","requestParameters":{"omitted":true},"eventTime":"2026-01-01T08:00:00Z"}"#,
    r#"{"eventName":"ConsoleLogin","eventName":"É","userIdentity":{"type":"Root","arn":"arn:aws:iam::111122223333:root"},"sourceIPAddress":"10.0.0.1"}"#,
];

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let loaded = load([("policy.yaml", text)]);
    for found in &loaded.diagnostics {
        assert!(found.span.at.line > 0 && found.span.at.column > 0 && !found.message.is_empty(), "{found:?}");
    }
    if loaded.has_errors() {
        return;
    }
    assert!(loaded.policies.len() + loaded.frameworks.len() + loaded.filters > 0);
    let accounts = AccountList::new();
    let again = load([("policy.yaml", text)]);
    let hashes = |policies: &[assize_engine::policy::Policy]| -> Vec<String> {
        policies.iter().map(|policy| policy.evaluation_hash(&accounts)).collect()
    };
    assert_eq!(hashes(&loaded.policies), hashes(&again.policies));
    let matcher = Matcher::new(&loaded.policies, accounts.clone());
    let inline =
        loaded.policies.iter().flat_map(|policy| policy.tests.iter().flat_map(|test| test.events.iter().map(String::as_str)));
    for event in RECORDS.into_iter().chain(inline) {
        let mut reader = Reader::default();
        let document = reader.read(event.as_bytes(), usize::MAX).expect("JSON");
        let Some(subject) = Subject::of(document.root()) else { continue };
        let record = Record::read(event).expect("a record to one evaluator is one to the other");
        for (index, policy) in loaded.policies.iter().enumerate() {
            assert_eq!(matcher.evaluate_one(index, &subject), record.judge(policy, &accounts).truth, "{event}");
        }
    }
});
