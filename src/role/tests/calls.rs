//! The table of actions against the calls that the code makes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::role::actions::{Holder, TABLE};
use crate::role::check::is_action;

/// What the SDK's own calls ask of IAM. A call that is in neither list is a mistake until it is written here.
const SDK: &[(&str, &[&str])] = &[
    // Tells a bucket's region to everybody, allowed or not.
    (".head_bucket()", &[]),
    (".list_objects_v2()", &["s3:ListBucket"]),
    // What S3 encrypted with a key it decrypts with it.
    (".get_object()", &["s3:GetObject", "kms:Decrypt"]),
    (".head_object()", &["s3:GetObject"]),
    (".put_object()", &["s3:PutObject", "kms:GenerateDataKey"]),
    (".object_lock_mode(", &["s3:PutObjectRetention"]),
    (".assume_role()", &["sts:AssumeRole"]),
    (".set_tags(", &["sts:TagSession"]),
    // Needs no permission, and no policy can take it away.
    (".get_caller_identity()", &[]),
];

/// Calls of the SDK that would need more than the table grants, if anybody made them.
const UNLISTED: &[&str] = &[
    ".abort_multipart_upload()",
    ".assume_role_with_saml()",
    ".assume_role_with_web_identity()",
    ".complete_multipart_upload()",
    ".copy_object()",
    ".create_bucket()",
    ".create_multipart_upload()",
    ".delete_bucket()",
    ".delete_object()",
    ".delete_objects()",
    ".get_bucket_encryption()",
    ".get_bucket_lifecycle_configuration()",
    ".get_bucket_location()",
    ".get_bucket_policy()",
    ".get_bucket_versioning()",
    ".get_object_attributes()",
    ".get_object_lock_configuration()",
    ".get_object_retention()",
    ".get_object_tagging()",
    ".get_public_access_block()",
    ".get_session_token()",
    ".list_buckets()",
    ".list_object_versions()",
    ".list_objects()",
    ".list_parts()",
    ".object_lock_legal_hold_status(",
    ".put_object_legal_hold()",
    ".put_object_retention()",
    ".put_object_tagging()",
    ".restore_object()",
    ".select_object_content()",
    ".tagging(",
    ".upload_part()",
    ".upload_part_copy()",
    ".version_id(",
];

/// Actions that are named in the code but allowed to everybody.
const FREE: &[&str] = &["sts:GetCallerIdentity"];

/// Texts that look like actions and are none.
const NO_ACTIONS: &[&str] = &["s3:TestEvent"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            sources(&path, found);
        } else if name.ends_with(".rs") && !name.starts_with("tests") {
            found.push(path);
        }
    }
}

/// The code of the crate that calls AWS: without tests and comments, and without white space between the parts of a call.
fn code() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/cloud/src");
    let mut files = Vec::new();
    sources(&folder, &mut files);
    files.sort();
    let mut code = String::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
        code.extend(lines.map(|line| format!("{line}\n")));
    }
    code
}

/// Every text in the code that is an IAM action: an operation declares its own, and S3's are named for errors. What
/// stands between two quotes and is no text cannot look like one: code has spaces and brackets.
fn named(code: &str) -> BTreeSet<String> {
    let in_quotes = code.split('"');
    let is_one = |text: &&str| {
        let upper = text.split_once(':').is_some_and(|(_, name)| name.starts_with(|letter: char| letter.is_ascii_uppercase()));
        upper && is_action(text) && !FREE.contains(text) && !NO_ACTIONS.contains(text)
    };
    in_quotes.filter(is_one).map(str::to_owned).collect()
}

#[test]
fn the_table_grants_what_the_code_calls_and_nothing_else() {
    let code = code();
    let mut used = named(&code);
    assert!(used.len() > 10, "only {used:?} were found; do operations still declare their actions as text?");
    for (call, actions) in SDK {
        assert!(code.contains(call), "nothing calls {call} any more; take it out of this list");
        used.extend(actions.iter().map(|&action| action.to_owned()));
    }
    let granted: BTreeSet<String> = TABLE.iter().map(|row| row.action.to_owned()).collect();
    let missing: Vec<&String> = used.difference(&granted).collect();
    let unused: Vec<&String> = granted.difference(&used).collect();
    assert!(missing.is_empty(), "called but not in the table of src/role/actions.rs: {missing:?}");
    assert!(unused.is_empty(), "in the table of src/role/actions.rs but never called: {unused:?}");
}

/// How CloudTrail names calls that are not called like the action that allows them.
const EVENTS: &[(&str, &[&str])] =
    &[("s3:ListBucket", &["s3:ListObjects"]), ("s3:GetObject", &["s3:GetObject", "s3:HeadObject"])];

/// Calls that need no permission.
const FREE_EVENTS: &[&str] = &["s3:HeadBucket", "sts:GetCallerIdentity"];

/// The policy on calls that Assize never makes with the roles in accounts, against what these roles may do.
#[test]
fn the_policy_on_the_audit_role_leaves_out_what_the_program_calls_and_nothing_else() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/evidence/audit-role-used-otherwise.yaml");
    let policy: serde_yaml::Value = serde_yaml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let texts = |value: &serde_yaml::Value| -> Vec<String> {
        let all = value.as_sequence().cloned().unwrap_or_else(|| vec![value.clone()]);
        all.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
    };
    let mut left_out = BTreeSet::new();
    for call in policy["detection"]["audit"].as_sequence().unwrap() {
        let service = call["eventSource"].as_str().unwrap().strip_suffix(".amazonaws.com").unwrap();
        left_out.extend(texts(&call["eventName"]).iter().map(|name| format!("{service}:{name}")));
    }
    let mut called: BTreeSet<String> = FREE_EVENTS.iter().map(|&call| call.to_owned()).collect();
    for row in TABLE.iter().filter(|row| row.holder != Holder::Hub) {
        match EVENTS.iter().find(|(action, _)| *action == row.action) {
            Some((_, events)) => called.extend(events.iter().map(|&event| event.to_owned())),
            None => drop(called.insert(row.action.to_owned())),
        }
    }
    assert_eq!(left_out, called);
}

#[test]
fn no_call_of_the_sdk_is_forgotten() {
    let code = code();
    let found: Vec<&&str> = UNLISTED.iter().filter(|call| code.contains(**call)).collect();
    assert!(found.is_empty(), "{found:?}: say in this file what it asks of IAM, and grant it in src/role/actions.rs");
}

#[test]
fn actions_are_found_in_the_code() {
    for action in ["cloudtrail:DescribeTrails", "organizations:ListAccounts", "sqs:ReceiveMessage", "s3:GetObject"] {
        assert!(named(&code()).contains(action), "{action} is not found any more");
    }
}

#[test]
fn the_reason_codes_are_those_of_errors() {
    let code = code();
    // What the application knows and AWS does not say.
    let own = ["not-enrolled"];
    for row in TABLE {
        for reason in row.codes.iter().filter(|reason| !own.contains(reason)) {
            assert!(code.contains(&format!("=> \"{reason}\"")), "{}: no error has the reason {reason}", row.action);
        }
    }
}

#[test]
fn each_row_is_a_sentence_and_stands_once() {
    let mut seen = BTreeSet::new();
    for row in TABLE {
        assert!(is_action(row.action), "{}", row.action);
        assert!(row.reason.ends_with('.') && row.without.ends_with('.'), "{}", row.action);
        assert!(!format!("{}{}", row.reason, row.without).contains('|'), "{}: it would break its table", row.action);
        assert!(seen.insert((row.action, row.holder, row.feature)), "{} stands twice", row.action);
    }
}
