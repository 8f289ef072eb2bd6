//! Chains of roles: a scan over the logs of two accounts says who is behind a call, whatever the order of files, and where it
//! cannot.

use serde_json::{Value, json};

use crate::{Assize, log};

const ADMIN: &str = "arn:aws:sts::111122223333:assumed-role/Admin/alice@example.com";
const DEPLOY: &str = "arn:aws:sts::444455556666:assumed-role/Deploy/release";

/// A record of account `account` at `time` on 2026-11-20, and what is special about it.
fn record(id: u32, (account, time): (&str, &str), source: &str, name: &str, more: Value) -> String {
    let mut record = json!({
        "eventVersion": "1.11", "eventTime": format!("2026-11-20T{time}Z"), "eventSource": source, "eventName": name,
        "awsRegion": "us-east-1", "sourceIPAddress": "192.0.2.1", "userAgent": "aws-cli/2",
        "eventID": format!("00000000-0000-4000-8000-{id:012}"), "eventType": "AwsApiCall", "managementEvent": true,
        "recipientAccountId": account, "eventCategory": "Management",
    });
    record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    record.to_string()
}

fn role(arn: &str, key: &str, begun: &str) -> Value {
    let account = arn.split(':').nth(4).unwrap();
    json!({
        "type": "AssumedRole", "arn": arn, "accountId": account, "accessKeyId": key,
        "sessionContext": {"attributes": {"creationDate": format!("2026-11-20T{begun}Z")}},
    })
}

fn response(arn: &str, key: &str) -> Value {
    json!({"credentials": {"accessKeyId": key}, "assumedRoleUser": {"arn": arn}})
}

/// Identity Center opens a role; STS is told of another key than the person gets.
fn saml() -> String {
    let identity = json!({"type": "SAMLUser", "principalId": "x=:alice@example.com", "userName": "alice@example.com", "identityProvider": "x="});
    let request = json!({
        "roleArn": "arn:aws:iam::111122223333:role/Admin", "roleSessionName": "alice@example.com",
        "principalArn": "arn:aws:iam::111122223333:saml-provider/AWSSSO_4c1f_DO_NOT_DELETE",
    });
    let more = json!({"userIdentity": identity, "requestParameters": request, "responseElements": response(ADMIN, "ASIAEXAMPLESAMLKEY01")});
    record(1, ("111122223333", "08:00:00"), "sts.amazonaws.com", "AssumeRoleWithSAML", more)
}

/// The person takes a role in another account: as that person's account records it, and as the other one does.
fn assume_role(own: bool) -> String {
    let stranger = json!({"type": "AWSAccount", "principalId": "AROAEXAMPLE:alice@example.com", "accountId": "111122223333"});
    let identity = if own { role(ADMIN, "ASIAEXAMPLEADMINKEY1", "08:00:00") } else { stranger };
    let (id, account) = if own { (2, "111122223333") } else { (3, "444455556666") };
    let request = json!({"roleArn": "arn:aws:iam::444455556666:role/ci/Deploy", "roleSessionName": "release"});
    let more = json!({
        "userIdentity": identity, "requestParameters": request, "responseElements": response(DEPLOY, "ASIAEXAMPLEDEPLOYKEY"),
        "sharedEventID": "11111111-0000-4000-8000-000000000001",
    });
    record(id, (account, "08:30:00"), "sts.amazonaws.com", "AssumeRole", more)
}

fn stopped() -> String {
    let more = json!({"userIdentity": role(DEPLOY, "ASIAEXAMPLEDEPLOYKEY", "08:30:00"), "requestParameters": {"name": "main"}});
    record(4, ("444455556666", "09:00:00"), "cloudtrail.amazonaws.com", "StopLogging", more)
}

/// What the report of these files says, and the finding's fingerprint.
fn told(assize: &Assize, paths: &[&str]) -> (Value, String) {
    let args = [&["scan", "--format", "json", "--as-of", "2026-11-22"], paths].concat();
    let document: Value = serde_json::from_str(&assize.run(&args).out).unwrap();
    let finding =
        document["findings"].as_array().unwrap().iter().find(|one| one["policy"] == "trail-stopped-or-narrowed").unwrap();
    (finding["occurrences"][0]["behind"].clone(), finding["fingerprint"].as_str().unwrap().to_owned())
}

#[test]
fn a_chain_goes_through_files_of_two_accounts_in_any_order() {
    let assize = Assize::new();
    assize.file("first.json", log(&[saml(), assume_role(true)])).file("second.json", log(&[assume_role(false), stopped()]));
    let (behind, fingerprint) = told(&assize, &["first.json", "second.json"]);
    assert_eq!(
        behind["statement"],
        "alice@example.com (Identity Center) → role Admin in 111122223333 → role Deploy in 444455556666"
    );
    let joined: Vec<&Value> = behind["links"].as_array().unwrap().iter().map(|link| &link["joined"]).collect();
    assert_eq!(joined, ["key", "session"]);
    assert_eq!(behind["links"][0]["key"], "ASIA…YKEY");
    assert_eq!(behind["links"][0]["object"], "first.json");
    assert_eq!(told(&assize, &["second.json", "first.json"]), (behind.clone(), fingerprint.clone()));
    // The same records the other way round: which file is read first does not show.
    let reversed = Assize::new();
    reversed.file("first.json", log(&[stopped(), assume_role(false)])).file("second.json", log(&[assume_role(true), saml()]));
    let (other, same) = told(&reversed, &["first.json", "second.json"]);
    assert_eq!((&other["statement"], same), (&behind["statement"], fingerprint));
}

#[test]
fn where_records_are_missing_the_chain_breaks_and_the_finding_stays() {
    let assize = Assize::new();
    assize.file("call.json", log(&[stopped()])).file("other.json", log(&[assume_role(false)]));
    assize.file("own.json", log(&[assume_role(true)])).file("saml.json", log(&[saml()]));
    let (alone, fingerprint) = told(&assize, &["call.json"]);
    assert_eq!(alone["broken"], "not-in-evidence");
    assert_eq!(
        alone["statement"],
        "somebody unknown → role Deploy in 444455556666; the chain breaks at ASIA…YKEY: no record in the evidence issued these \
         credentials"
    );
    let (other, same) = told(&assize, &["call.json", "other.json"]);
    assert_eq!((other["broken"].as_str(), same), (Some("other-account"), fingerprint.clone()));
    let (own, same) = told(&assize, &["call.json", "other.json", "own.json"]);
    assert_eq!(
        (own["broken"].as_str(), own["links"].as_array().unwrap().len(), same),
        (Some("not-in-evidence"), 1, fingerprint.clone())
    );
    let (whole, same) = told(&assize, &["call.json", "other.json", "own.json", "saml.json"]);
    assert_eq!((whole["broken"].as_str(), whole["end"].as_str(), same), (None, Some("federated"), fingerprint));
}

#[test]
fn a_terminal_says_who_is_behind_it_too() {
    let assize = Assize::new();
    assize.file("logs.json", log(&[saml(), assume_role(true), stopped()]));
    let ran = assize.run(&["scan", "logs.json"]);
    let text = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains(
            "behind it: alice@example.com (Identity Center) → role Admin in 111122223333 → role Deploy in 444455556666"
        ),
        "{text}"
    );
}
