//! What digests prove of collected evidence, what was tampered with before it came, and the public keys that all of it rests on.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::boto;
use super::collecting::{Audit, Ran, seeded};
use super::environment::{Emulator, variables};

/// The logs and digests of one account and region, without any of the others.
fn one_cell(url: &str) -> Audit {
    let accounts = "  list:\n    - {id: \"100000000010\", env: dev}\n";
    Audit::new(url, "file://./audit", accounts, "[us-east-1]", "  - {trails: discovered, mode: copy}\n")
}

#[test]
fn what_was_altered_or_taken_away_before_it_was_collected_is_named() {
    let (account, bucket) = ("100000000010", "trail-logs-100000000010");
    for (kind, code, reason) in [("log", "log-altered", "object-altered"), ("digest", "digest-missing", "digest-missing")] {
        let emulator = Emulator::start();
        let mut organization = seeded(&emulator, 3);
        let in_cell = |one: &&Value| one["region"] == "us-east-1" && one["key"].as_str().unwrap().contains("/2026/10/03/");
        let victim =
            organization.of_kind(kind, Some(account)).into_iter().find(in_cell).unwrap()["key"].as_str().unwrap().to_owned();
        if kind == "log" {
            organization.replace(bucket, &victim);
        } else {
            let lines = format!("client('s3').delete_object(Bucket='{bucket}', Key='{victim}')\nprint('null')\n");
            boto(variables(&emulator.url, &format!("AKIA{account}")), &lines);
        }
        let ran = one_cell(&emulator.url).run("2026-10-04T04:00:00Z", &["--since", "2026-10-01", "--until", "2026-10-04"]);
        assert!(matches!(ran.code, 3 | 4), "{kind}: {} {}", ran.code, ran.err);
        let unknown = ran.unknown(account);
        assert_eq!(unknown.keys().collect::<Vec<_>>(), [reason], "{kind}: {unknown:?} {}", ran.err);
        let problems = ran.document["coverage"]["problems"].as_array().unwrap();
        let named = problems.iter().find(|problem| problem["code"] == code).unwrap_or_else(|| panic!("{kind}: {problems:?}"));
        assert_eq!(named["object"], format!("s3://{bucket}/{victim}"), "{named}");
        let verdicts = ran.document["policies"].as_array().unwrap().iter().map(|policy| policy["verdict"].as_str().unwrap());
        assert!(verdicts.clone().all(|verdict| verdict != "PASS"), "{kind}: {:?}", verdicts.collect::<Vec<_>>());
    }
}

#[test]
fn public_keys_are_kept_beside_the_evidence_and_never_replaced() {
    let emulator = Emulator::start();
    seeded(&emulator, 1);
    let key = |fingerprint: &str, value: &str| {
        json!({"region": "us-east-1", "keys": [{"Fingerprint": fingerprint, "Value": value, "ValidityStartTime": 1_788_220_800,
                                                "ValidityEndTime": 1_798_761_600}]})
    };
    emulator.post("/public-keys", &key("aa01", "MIIB"));
    let audit = one_cell(&emulator.url);
    let since = ["--since", "2026-10-01"];
    let denied = json!({"name": "keys", "service": "cloudtrail", "operation": "ListPublicKeys", "deny": {"by": "identity"}});
    emulator.post("/faults", &denied);
    let collected = audit.command(&["collect", "--as-of", "2026-10-02T02:00:00Z", since[0], since[1]]).output().unwrap();
    let said = String::from_utf8_lossy(&collected.stdout).into_owned();
    assert!(collected.status.success() && said.contains("no public keys (denied)"), "{said}");
    let without = audit.run("2026-10-02T03:00:00Z", &since);
    emulator.delete("/faults?name=keys");
    let obstacles = |ran: &Ran| ran.document["scope"]["obstacles"].as_array().unwrap().clone();
    let said = obstacles(&without).iter().map(|one| one["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(said.iter().filter(|message| message.contains("allow cloudtrail:ListPublicKeys")).count(), 1, "{said:?}");
    let place = audit.path("audit/evidence/_keys/us-east-1/aa01.der");
    assert!(!place.exists());

    let unproven = without.unknown("100000000010");
    assert!(unproven.contains_key("unverifiable") && without.number("/scope/hours_verified") == 0, "{unproven:?}");

    let with = audit.run("2026-10-02T04:00:00Z", &since);
    assert_eq!(with.unknown("100000000010"), BTreeMap::new(), "what was collected before is proven by the keys: {}", with.err);
    assert_eq!(with.document["scope"]["hours_verified"], with.document["scope"]["hours_due"]);
    assert_eq!(std::fs::read(&place).unwrap(), [0x30, 0x82, 0x01]);
    let verified = audit.command(&["verify", "--format", "json"]).output().unwrap();
    assert_eq!(verified.status.code(), Some(0), "what is not due yet is no hole: {}", String::from_utf8_lossy(&verified.stdout));
    let verified: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(verified["public_keys"], 2, "{verified}");

    assert_eq!((&verified["keys"]["source"], &verified["reading"]["by_ledger"]), (&json!("archive"), &json!(3)), "{verified}");
    let ask = || Ran::of(audit.command(&["verify", "--keys-from-account", "--format", "json"]).output().unwrap());
    emulator.post("/faults", &denied);
    let refused = ask();
    emulator.delete("/faults?name=keys");
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(refused.err.contains("allow cloudtrail:ListPublicKeys there"), "{}", refused.err);
    let asked = ask();
    assert_eq!((asked.code, asked.number("/public_keys"), asked.number("/digests/valid")), (0, 2, 1), "{}", asked.err);
    let keys = &asked.document["keys"];
    assert_eq!(
        (&keys["source"], &keys["regions"], keys["same"].as_array().unwrap().len()),
        (&json!("account"), &json!(["us-east-1"]), 2)
    );

    std::fs::write(&place, b"planted").unwrap();
    std::fs::write(place.with_file_name("ee02.der"), b"planted").unwrap();
    let asked = ask();
    let keys = &asked.document["keys"];
    assert_eq!((&keys["different"], &keys["unknown"]), (&json!(["us-east-1/aa01"]), &json!(["us-east-1/ee02"])));
    assert_eq!((asked.code, asked.number("/digests/valid")), (1, 1), "{}", asked.err);
    std::fs::remove_file(place.with_file_name("ee02.der")).unwrap();
    emulator.post("/public-keys", &key("../../escaped", "MIIB"));
    let tampered = audit.run("2026-10-02T05:00:00Z", &since);
    let problems = tampered.document["coverage"]["problems"].as_array().unwrap().iter();
    let codes: Vec<&str> = problems.map(|problem| problem["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"public-key-replaced") && codes.contains(&"public-key-fingerprint"), "{codes:?}");
    assert!(matches!(tampered.code, 3 | 4), "{}", tampered.err);
    assert_eq!(std::fs::read(&place).unwrap(), b"planted");
    assert!(!audit.path("audit/escaped.der").exists() && !audit.path("audit/evidence/escaped.der").exists());
}

/// A record of the call that runs make, with the request id that AWS answered.
const RECORD: &str = "{'eventVersion': '1.11', 'eventTime': '2026-10-02T01:00:05Z', 'eventSource': 'cloudtrail.amazonaws.com', \
    'eventName': 'DescribeTrails', 'awsRegion': 'us-east-1', 'sourceIPAddress': '192.0.2.20', 'userAgent': 'assize', \
    'userIdentity': {'type': 'AssumedRole', 'arn': 'arn:aws:sts::100000000010:assumed-role/AssizeAudit/assize', \
    'accountId': '100000000010'}, 'requestParameters': None, 'responseElements': None, 'requestID': 'own-call-1', \
    'eventID': '0d0f0f50-361f-45d5-b9bf-e704b5c04168', 'readOnly': True, 'eventType': 'AwsApiCall', 'managementEvent': True, \
    'recipientAccountId': '100000000010', 'eventCategory': 'Management'}";

#[test]
fn calls_of_earlier_runs_are_found_in_the_logs_or_missed() {
    let (account, emulator) = ("100000000010", Emulator::start());
    seeded(&emulator, 3);
    let variables = || variables(&emulator.url, &format!("AKIA{account}"));
    let trails = boto(variables(), "print(json.dumps({'trailList': client('cloudtrail').describe_trails()['trailList']}))\n");
    let answered_as = |id: &str| {
        let headers = json!({"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": id});
        let call = json!({"service": "cloudtrail", "operation": "DescribeTrails", "account": account, "region": "us-east-1"});
        let mut canned = json!({"headers": headers, "body": trails});
        canned.as_object_mut().unwrap().extend(call.as_object().unwrap().clone());
        emulator.post("/canned", &canned);
    };
    let audit = one_cell(&emulator.url);
    let since = ["--since", "2026-10-01"];
    answered_as("own-call-1");
    let first = audit.run("2026-10-02T01:00:00Z", &since);
    assert_eq!((first.number("/scope/recording/pending"), first.number("/scope/recording/proven")), (1, 0), "{}", first.err);

    let key =
        format!("AWSLogs/{account}/CloudTrail/us-east-1/2026/10/02/{account}_CloudTrail_us-east-1_20261002T0110Z_own.json.gz");
    let put = format!(
        "import gzip\nbody = gzip.compress(json.dumps({{'Records': [{RECORD}]}}).encode())\n\
         client('s3').put_object(Bucket='trail-logs-{account}', Key='{key}', Body=body)\nprint('null')\n"
    );
    boto(variables(), &put);
    answered_as("own-call-2");
    let second = audit.run("2026-10-02T05:00:00Z", &since);
    assert_eq!(second.number("/scope/recording/proven"), 1, "{}", second.document["scope"]["recording"]);
    assert_eq!(second.number("/scope/recording/longest_seconds"), 595);

    // The second call is in no log, although digests prove the logs of its hour to be complete.
    let third = audit.run("2026-10-04T04:00:00Z", &since);
    assert_eq!(third.number("/scope/recording/lost"), 1, "{}", third.document["scope"]["recording"]);
    let problems = third.document["coverage"]["problems"].as_array().unwrap();
    let named = problems.iter().find(|problem| problem["code"] == "call-not-recorded").unwrap();
    assert!(named["message"].as_str().unwrap().contains("own-call-2"), "{named}");
    assert_eq!(third.unknown(account).get("call-not-recorded"), Some(&1), "{:?}", third.unknown(account));
}
