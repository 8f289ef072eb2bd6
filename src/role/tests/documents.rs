//! What policies allow, and what AWS accepts as a policy.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{ALL, ARCHIVE, EVERYTHING, config, made, needs};
use crate::role::parameter::Values;
use crate::role::{Format, Made, Part, RoleError, make, of_needs};

/// The documents of a part as an independent reader sees them.
fn read(made: &Made) -> Vec<(String, Value)> {
    let read = |artifact: &crate::role::Artifact| (artifact.path.clone(), serde_json::from_str(&artifact.text).unwrap());
    made.artifacts.iter().map(read).collect()
}

fn document(made: &Made, path: &str) -> Value {
    let found = read(made).into_iter().find(|(name, _)| name == path);
    found.unwrap_or_else(|| panic!("{path} is not among {:?}", read(made).iter().map(|one| &one.0).collect::<Vec<_>>())).1
}

fn statements(document: &Value) -> &Vec<Value> {
    document["Statement"].as_array().unwrap()
}

fn actions(document: &Value) -> BTreeSet<&str> {
    statements(document)
        .iter()
        .flat_map(|statement| statement["Action"].as_array().unwrap())
        .map(|one| one.as_str().unwrap())
        .collect()
}

#[test]
fn one_log_archive_in_place_asks_no_member_for_s3() {
    let members = made(ARCHIVE, Some(Part::Member), Format::Json);
    let everywhere = document(&members, "member.permissions.json");
    let trails =
        ["DescribeTrails", "GetTrailStatus", "GetEventSelectors", "ListPublicKeys"].map(|name| format!("cloudtrail:{name}"));
    let expected: BTreeSet<&str> = trails.iter().map(String::as_str).collect();
    assert_eq!(actions(&everywhere), expected);
    let archive = document(&members, "member.permissions-333344445555.json");
    let more: BTreeSet<&str> = actions(&archive).difference(&expected).copied().collect();
    assert_eq!(more, BTreeSet::from(["s3:ListBucket", "s3:GetObject", "kms:Decrypt", "kms:DescribeKey"]));
    let hub = document(&made(ARCHIVE, Some(Part::Hub), Format::Json), "hub.permissions.json");
    let expected = ["sts:AssumeRole", "s3:ListBucket", "s3:GetObject", "s3:PutObject"];
    assert_eq!(actions(&hub), BTreeSet::from(expected));
    let assumed = &statements(&hub)[0]["Resource"];
    let role = |account: &str| format!("arn:aws:iam::{account}:role/AssizeAudit");
    assert_eq!(*assumed, serde_json::json!([role("111122223333"), role("222233334444"), role("333344445555")]));
}

/// Each thing that can be switched on brings its actions, and only those.
#[test]
fn each_setting_brings_its_own_actions() {
    let all_actions = |text: &str| {
        let made = made(text, None, Format::Json);
        let documents = read(&made);
        let of_roles = documents.iter().filter(|(name, _)| name.contains("permissions"));
        of_roles.flat_map(|(_, document)| actions(document)).map(str::to_owned).collect::<BTreeSet<String>>()
    };
    let before = all_actions(ARCHIVE);
    let more = |text: &str| all_actions(text).difference(&before).cloned().collect::<Vec<String>>().join(" ");
    let with = |line: &str| more(&format!("{ARCHIVE}{line}\n"));
    let instead = |from: &str, to: &str| {
        assert!(ARCHIVE.contains(from), "{from}");
        more(&ARCHIVE.replace(from, to))
    };
    assert_eq!(instead("regions: [eu-west-1]", "regions: all-enabled"), "ec2:DescribeRegions");
    assert_eq!(instead("max-accounts: 0", "max-accounts: 1"), "cloudtrail:LookupEvents");
    assert_eq!(with("role: {session-tags: {a: b}}"), "sts:TagSession");
    assert_eq!(with("role: {external-id: abc}"), "");
    let queue = "notifications: {queue: 'https://sqs.eu-west-1.amazonaws.com/333344445555/q'}";
    assert_eq!(with(queue), "sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage");
    let topic = "notify: [{name: a, sns: {topic: 'arn:aws:sns:eu-west-1:111122223333:alarms'}}]";
    assert_eq!(with(topic), "sns:Publish");
    let key = "region: eu-west-1, kms-key: 'arn:aws:kms:eu-west-1:444455556666:alias/a'}\naccounts";
    assert_eq!(instead("region: eu-west-1}\naccounts", key), "kms:GenerateDataKey");
    let lock = "region: eu-west-1, object-lock: {days: 1}}\naccounts";
    assert_eq!(instead("region: eu-west-1}\naccounts", lock), "s3:PutObjectRetention");
    let organization = instead("accounts: {list:", "accounts: {organization: {}, list:");
    assert_eq!(organization.split(' ').filter(|action| action.starts_with("organizations:")).count(), 6, "{organization}");
}

#[test]
fn a_discovered_source_reads_what_cloudtrail_wrote_and_nothing_else() {
    let member = document(&made(EVERYTHING, Some(Part::Member), Format::Json), "member.permissions.json");
    let reads: Vec<&Value> = statements(&member).iter().filter(|one| one["Action"][0] == "s3:GetObject").collect();
    assert_eq!(reads.len(), 1);
    assert_eq!(reads[0]["Resource"][0], "arn:aws:s3:::*/*AWSLogs/*/CloudTrail*");
    let decrypts = statements(&member).iter().find(|one| one["Action"][0] == "kms:Decrypt").unwrap();
    assert_eq!(decrypts["Condition"]["StringLike"]["kms:ViaService"], "s3.*.amazonaws.com");
    let writes = ["Put", "Delete", "Create", "Update", "Attach", "Write"];
    for action in actions(&member) {
        let name = action.split_once(':').unwrap().1;
        assert!(!writes.iter().any(|verb| name.starts_with(verb)), "{action}");
    }
}

#[test]
fn chains_are_assumed_step_by_step() {
    let hub = made(EVERYTHING, Some(Part::Hub), Format::Json);
    let assumed = |name: &str| {
        let document = document(&hub, name);
        let of_sts = statements(&document).iter().filter(|one| one["Action"][0] == "sts:AssumeRole").cloned();
        of_sts.flat_map(|one| one["Resource"].as_array().unwrap().clone()).map(|arn| arn.as_str().unwrap().to_owned()).collect()
    };
    let first: Vec<String> = assumed("hub.permissions.json");
    assert!(first.contains(&"arn:aws:iam::121212121212:role/Gate".to_owned()), "{first:?}");
    assert!(!first.iter().any(|arn| arn.contains("role/Special")), "{first:?}");
    let gate: Vec<String> = assumed("hub.via-1-permissions.json");
    assert_eq!(gate, ["arn:aws:iam::222233334444:role/Special"]);
    let own = made(EVERYTHING, Some(Part::Member), Format::Json);
    let trust = document(&own, "member-222233334444.trust.json");
    assert_eq!(trust["Statement"][0]["Principal"]["AWS"], "arn:aws:iam::121212121212:role/Gate");
}

#[test]
fn the_hub_may_use_the_signing_key_and_no_other() {
    let key = "arn:aws:kms:eu-west-1:444455556666:key/0a0a0a0a-1111-2222-3333-444444444444";
    let signed = format!("{ARCHIVE}signing: {{kms: '{key}'}}\n");
    let hub = document(&made(&signed, Some(Part::Hub), Format::Json), "hub.permissions.json");
    let of_key = statements(&hub).iter().find(|one| one["Sid"] == "SignManifests").unwrap();
    assert_eq!((&of_key["Action"], &of_key["Resource"]), (&json!(["kms:GetPublicKey", "kms:Sign"]), &json!([key])));
    let without = document(&made(ARCHIVE, Some(Part::Hub), Format::Json), "hub.permissions.json");
    assert!(statements(&without).iter().all(|one| one["Sid"] != "SignManifests"));
}

#[test]
fn trust_names_one_role_the_external_id_and_the_tags() {
    let trust = document(&made(EVERYTHING, Some(Part::Member), Format::Json), "member.trust.json");
    insta::assert_snapshot!(serde_json::to_string_pretty(&trust).unwrap());
    let plain = document(&made(ARCHIVE, Some(Part::Member), Format::Json), "member.trust.json");
    assert_eq!(statements(&plain).len(), 1);
    assert_eq!(plain["Statement"][0].get("Condition"), None);
}

/// Many accounts go to managed policies, each below its limit; more than a role can hold are refused.
#[test]
fn many_listed_accounts_fit_or_are_refused() {
    let listing = |count: u64| {
        let ids: Vec<String> = (0..count).map(|number| format!("\"{}\"", 100_000_000_000 + number)).collect();
        ARCHIVE.replace(r#"["111122223333", "222233334444"]"#, &format!("[{}]", ids.join(", ")))
    };
    let hub = made(&listing(500), Some(Part::Hub), Format::Json);
    let mut arns = BTreeSet::new();
    let mut chunks = 0;
    for (name, document) in read(&hub).iter().filter(|(name, _)| name.starts_with("hub.Members")) {
        assert!(serde_json::to_string(document).unwrap().len() <= 6_144, "{name}");
        let assumed = document["Statement"][0]["Resource"].as_array().unwrap();
        arns.extend(assumed.iter().map(|arn| arn.as_str().unwrap().to_owned()));
        chunks += 1;
    }
    assert!(chunks > 1);
    assert_eq!(arns.len(), 501, "500 accounts and the log archive");
    let refused = of_needs(&needs(&listing(2_000)), Some(Part::Hub), Format::Json, &Values::new());
    assert!(matches!(refused, Err(RoleError::TooManyAccounts(2_001))));
}

#[test]
fn a_trust_policy_that_is_too_long_is_refused() {
    let tags: Vec<String> = (0..50).map(|number| format!("tag-number-{number}: a-value-of-some-length")).collect();
    let config = config(&format!("{ARCHIVE}role: {{session-tags: {{{}}}}}\n", tags.join(", ")));
    let refused = make(&config, Some(Part::Member), Format::Terraform, &[]).unwrap_err().to_string();
    assert!(refused.starts_with("the policy `member.trust` has ") && refused.contains("AWS accepts 2048"), "{refused}");
}

/// AWS's grammar of policies, read anew from the JSON.
fn assert_grammar(name: &str, document: &Value) {
    let keys: BTreeSet<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(["Version", "Statement"]), "{name}");
    assert_eq!(document["Version"], "2012-10-17", "{name}");
    let is_trust = name.contains("trust");
    let of_role = name.contains("permissions") || name.contains("Members");
    let mut sids = BTreeSet::new();
    assert!(!statements(document).is_empty(), "{name} allows nothing");
    for statement in statements(document) {
        let known = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
        assert!(statement.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{name}: {statement}");
        let sid = statement["Sid"].as_str().unwrap();
        assert!(sid.chars().all(|letter| letter.is_ascii_alphanumeric()) && sids.insert(sid), "{name}: {sid}");
        assert!(["Allow", "Deny"].contains(&statement["Effect"].as_str().unwrap()));
        assert_eq!(statement.get("Principal").is_none(), of_role, "{name}: {statement}");
        assert_eq!(statement.get("Resource").is_none(), is_trust, "{name}: {statement}");
        if statement["Principal"] == "*" {
            assert_eq!(statement["Effect"], "Deny", "{name}: everybody is allowed: {statement}");
        }
        for action in statement["Action"].as_array().unwrap() {
            let (service, action) = action.as_str().unwrap().split_once(':').unwrap();
            assert!(service.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit()), "{name}: {service}");
            let is_word = action.starts_with(|letter: char| letter.is_ascii_uppercase());
            let whole_service = action == "*" && !of_role;
            assert!(
                whole_service || (is_word && action.chars().all(|letter| letter.is_ascii_alphanumeric())),
                "{name}: {action}"
            );
        }
        for resource in statement.get("Resource").and_then(Value::as_array).into_iter().flatten() {
            let resource = resource.as_str().unwrap();
            let placeholder = resource.starts_with('<') && resource.ends_with('>');
            assert!(
                resource == "*" || placeholder || (resource.starts_with("arn:") && resource.split(':').count() >= 6),
                "{name}: {resource}"
            );
        }
        for operator in statement.get("Condition").and_then(Value::as_object).into_iter().flat_map(|map| map.keys()) {
            let operators = [
                "ArnEquals",
                "ArnLike",
                "Bool",
                "ForAllValues:StringEquals",
                "ForAnyValue:StringEquals",
                "StringEquals",
                "StringLike",
                "StringNotEquals",
            ];
            assert!(operators.contains(&operator.as_str()), "{name}: {operator}");
        }
    }
}

#[test]
fn every_document_obeys_the_grammar_and_the_limits() {
    let mut seen = 0;
    for (config, text) in ALL {
        for part in [Part::Member, Part::Management, Part::Hub, Part::Bucket, Part::Key, Part::Notifications] {
            for (name, document) in read(&made(text, Some(part), Format::Json)) {
                assert_grammar(&format!("{config}: {name}"), &document);
                let length = serde_json::to_string(&document).unwrap().len();
                let limit = if name.contains("trust") { 2_048 } else { 10_240 };
                assert!(length <= limit, "{config}: {name} has {length} characters");
                seen += 1;
            }
        }
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn the_audit_bucket_can_be_written_by_the_hub_alone_and_emptied_by_nobody() {
    let policy = document(&made(EVERYTHING, Some(Part::Bucket), Format::Json), "bucket.policy.json");
    let denies = |sid: &str| statements(&policy).iter().find(|one| one["Sid"] == sid && one["Effect"] == "Deny").unwrap();
    assert_eq!(denies("OnlyTls")["Condition"]["Bool"]["aws:SecureTransport"], "false");
    assert_eq!(denies("OnlyTls")["Action"], serde_json::json!(["s3:*"]));
    let deletes: Vec<&str> =
        denies("NobodyDeletes")["Action"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert!(deletes.contains(&"s3:DeleteObject") && deletes.contains(&"s3:DeleteObjectVersion"));
    assert_eq!(denies("NobodyDeletes")["Condition"]["StringNotEquals"]["aws:PrincipalArn"], "none");
    assert_eq!(denies("OnlyTheHubWrites")["Condition"]["StringNotEquals"]["aws:PrincipalArn"], "<hub-role-arn>");
}

#[test]
fn a_prefix_that_looks_like_a_pattern_means_itself() {
    let mut needs = needs(EVERYTHING);
    needs.sources[0].prefix = "a*b/${x}".to_owned();
    let made = of_needs(&needs, Some(Part::Member), Format::Json, &Values::new()).unwrap();
    let document = document(&made, "member.permissions-333344445555.json");
    let all = document.to_string();
    assert!(all.contains("aws-controltower-logs/a${*}b/${$}{x}/*AWSLogs/*/CloudTrail*"), "{all}");
    let text = |format| of_needs(&needs, Some(Part::Member), format, &Values::new()).unwrap().artifacts[0].text.clone();
    assert!(text(Format::CloudFormation).contains("logs/a${!*}b/${!$}{x}/*AWSLogs"), "{}", text(Format::CloudFormation));
    assert!(text(Format::Terraform).contains("logs/a$${*}b/$${$}{x}/*AWSLogs"), "{}", text(Format::Terraform));
}
