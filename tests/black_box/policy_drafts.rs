//! `assize policy new`: what it prints holds as it is, and has nothing of the account in it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{Assize, data, gzip, log, record, text};

/// Begins a policy from each record and puts all of them to `policy check` and `policy test`. Returns their texts.
fn begun(assize: &Assize, records: &[Value]) -> Vec<String> {
    let mut drafts = Vec::new();
    for (number, record) in records.iter().enumerate() {
        let id = format!("draft-{number}");
        let ran = assize.run_with_input(&["policy", "new", "--from-event", "-", "--id", &id], record.to_string().as_bytes());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{record}");
        assize.file(&format!("drafts/{id}.yaml"), &ran.out);
        drafts.push(ran.out);
    }
    let check = assize.run(&["policy", "check", "drafts"]);
    assert!(check.code == 0 && check.out.ends_with(", 0 frameworks: no mistake found\n"), "{}", check.out);
    let test = assize.run(&["policy", "test", "drafts"]);
    assert!(test.code == 0 && test.out.ends_with(" 0 failed, 0 without both kinds of test\n"), "{}", test.out);
    drafts
}

#[test]
fn a_policy_is_begun_from_a_record() {
    let assize = Assize::new();
    let mut event: Value = serde_json::from_str(&record(1, "iam.amazonaws.com", "AttachUserPolicy")).unwrap();
    event["requestParameters"] = json!({
        "userName": "bert", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess", "note": "for the merger", "days": 7,
    });
    let drafts = begun(&assize, &[event]);
    insta::assert_snapshot!(drafts[0], @r#"
    # Begun by `assize policy new` from a CloudTrail record: title, description, level and remediation are for you to write.
    # In the tests every account id, ARN, name, address, key and whatever else is not known to be a word of AWS is replaced by a value
    # for documentation (111122223333, alice, 192.0.2.1, example), so that nothing of a real account gets into a repository. Look
    # through them all the same before you commit them.
    id: draft-0
    title: AttachUserPolicy was called and succeeded
    status: experimental
    description: Say here why it matters, and what the policy does not see.
    level: low
    logsource: {product: aws, service: cloudtrail}
    detection:
      call:
        eventSource: iam.amazonaws.com
        eventName: AttachUserPolicy
      # Narrow it by what the request says, for example by requestParameters.days and requestParameters.note.
      ended:
        outcome: success
      condition: call and ended
    group-by:
      - userIdentity.arn
    show:
      - eventTime
      - userIdentity.arn
      - sourceIPAddress
      - requestParameters.days
      - requestParameters.note
      - requestParameters.policyArn
      - requestParameters.userName
    remediation: Say here what the owner of the account does about it.
    tests:
      - name: the call that it was begun from
        event:
          eventSource: iam.amazonaws.com
          eventName: AttachUserPolicy
          awsRegion: eu-west-1
          recipientAccountId: "111122223333"
          sourceIPAddress: "192.0.2.1"
          userIdentity:
            type: IAMUser
            arn: "arn:aws:iam::111122223333:user/alice"
            accountId: "111122223333"
          requestParameters:
            days: 7
            note: example
            policyArn: "arn:aws:iam::aws:policy/AdministratorAccess"
            userName: alice
        expect: match
      - name: it was denied
        event:
          eventSource: iam.amazonaws.com
          eventName: AttachUserPolicy
          awsRegion: eu-west-1
          recipientAccountId: "111122223333"
          sourceIPAddress: "192.0.2.1"
          userIdentity:
            type: IAMUser
            arn: "arn:aws:iam::111122223333:user/alice"
            accountId: "111122223333"
          requestParameters:
            days: 7
            note: example
            policyArn: "arn:aws:iam::aws:policy/AdministratorAccess"
            userName: alice
          errorCode: AccessDenied
        expect: no-match
      - name: another call
        event:
          eventSource: iam.amazonaws.com
          eventName: AnotherCall
          awsRegion: eu-west-1
          recipientAccountId: "111122223333"
          sourceIPAddress: "192.0.2.1"
          userIdentity:
            type: IAMUser
            arn: "arn:aws:iam::111122223333:user/alice"
            accountId: "111122223333"
          requestParameters:
            days: 7
            note: example
            policyArn: "arn:aws:iam::aws:policy/AdministratorAccess"
            userName: alice
        expect: no-match
      - name: "another service's call of this name"
        event:
          eventSource: example.amazonaws.com
          eventName: AttachUserPolicy
          awsRegion: eu-west-1
          recipientAccountId: "111122223333"
          sourceIPAddress: "192.0.2.1"
          userIdentity:
            type: IAMUser
            arn: "arn:aws:iam::111122223333:user/alice"
            accountId: "111122223333"
          requestParameters:
            days: 7
            note: example
            policyArn: "arn:aws:iam::aws:policy/AdministratorAccess"
            userName: alice
        expect: no-match
    "#);
}

#[test]
fn real_records_give_policies_that_hold_and_nothing_of_the_account() {
    let Some(data) = data("policies begun from real records") else { return };
    let mut records: BTreeMap<(String, String, bool), Value> = BTreeMap::new();
    let mut files: Vec<_> =
        std::fs::read_dir(data.join("cloudtrail-sample")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "json")) {
        let log: Value = serde_json::from_str(&text(&path)).unwrap();
        for record in log["Records"].as_array().unwrap() {
            let call = |field: &str| record[field].as_str().unwrap().to_owned();
            let key = (call("eventSource"), call("eventName"), record["errorCode"].is_null());
            records.entry(key).or_insert_with(|| record.clone());
        }
    }
    let records: Vec<Value> = records.into_values().step_by(4).collect();
    assert!(records.len() > 40, "{}", records.len());
    for (record, draft) in records.iter().zip(begun(&Assize::new(), &records)) {
        let identity = &record["userIdentity"];
        let own = [
            &record["eventID"],
            &record["requestID"],
            &record["userAgent"],
            &record["recipientAccountId"],
            &identity["accountId"],
            &identity["arn"],
            &identity["principalId"],
            &identity["accessKeyId"],
            &identity["userName"],
        ];
        let of_aws = |value: &&str| value.ends_with(".amazonaws.com") || *value == "AWS Internal";
        for value in own.into_iter().filter_map(Value::as_str).filter(|value| !of_aws(value)) {
            assert!(!draft.contains(value), "{value}:\n{draft}");
        }
        let address = record["sourceIPAddress"].as_str().unwrap();
        assert!(address.parse::<std::net::IpAddr>().is_err() || !draft.contains(address), "{draft}");
        for secret in ["218007301253", "stratus", "invictus"] {
            assert!(!draft.to_lowercase().contains(secret), "{secret}:\n{draft}");
        }
    }
}

#[test]
fn odd_texts_stay_texts() {
    let odd = [
        "it's \"quoted\"",
        "a: b",
        "- a",
        "# not a comment",
        "x\n---\nid: evil\ntitle: evil",
        "x\r\n  evil: true",
        "null",
        "true",
        "~",
        "0x1f",
        "012345678901",
        "123456789012",
        "1e5",
        "&anchor *alias",
        "!!binary x",
        "%TAG ! x",
        "<<",
        "{{flow: [1]}}",
        "=",
        "*",
        "what?",
        "a\\*b",
        "\\",
        "\u{202e}evil\u{200b}\u{feff}\u{85}\u{2028}",
        "日本語 🦀 ÉMILE ß İ",
        "\u{0}\u{7}\u{1b}[31m",
        " spaces ",
        "",
    ];
    let event = |text: &str, number: usize| {
        let mut event: Value = serde_json::from_str(&record(1, "iam.amazonaws.com", "CreateUser")).unwrap();
        match number % 3 {
            0 => event["eventName"] = json!(text),
            1 => event["eventSource"] = json!(text),
            _ => event["errorCode"] = json!(text),
        }
        event["awsRegion"] = json!(text);
        event["sourceIPAddress"] = json!(text);
        event["userIdentity"] = json!({"type": text, "arn": text, "accountId": text, "userName": text, "invokedBy": text});
        event["requestParameters"] =
            json!({text: text, "userName": text, "list": [text, {text: 1}], "policy": json!({text: text}).to_string()});
        event
    };
    let cases: Vec<(&str, Value)> = odd.iter().flat_map(|text| (0..3).map(move |number| (*text, event(text, number)))).collect();
    let records: Vec<Value> = cases.iter().map(|(_, event)| event.clone()).collect();
    for ((odd, event), draft) in cases.iter().zip(begun(&Assize::new(), &records)) {
        let seen = |c: char| c == '\n' || (!c.is_control() && !"\u{202e}\u{200b}\u{feff}\u{2028}".contains(c));
        assert!(draft.chars().all(seen), "{odd:?}: {draft:?}");
        // Another reader of YAML finds one document, with the keys that are meant, and the text as it was.
        let read: Value = serde_yaml::from_str(&draft).unwrap_or_else(|error| panic!("{odd:?}: {error}\n{draft}"));
        let keys: Vec<&str> = read.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = [
            "description",
            "detection",
            "group-by",
            "id",
            "level",
            "logsource",
            "remediation",
            "show",
            "status",
            "tests",
            "title",
        ];
        assert_eq!(keys, expected, "{odd:?}:\n{draft}");
        for field in ["eventName", "eventSource"] {
            assert_eq!(read["tests"][0]["event"][field], event[field], "{odd:?}");
        }
    }
}

#[test]
fn one_record_of_several_is_chosen() {
    let assize = Assize::new();
    let records = [record(1, "ec2.amazonaws.com", "RunInstances"), record(2, "s3.amazonaws.com", "DeleteBucket")];
    assize.file("log.json.gz", gzip(log(&records))).file("empty.json", "{\"Records\":[]}").file("not.json", "hello");
    let new = |more: &[&str]| assize.run(&[&["policy", "new", "--from-event"], more].concat());
    let several = new(&["log.json.gz"]);
    assert_eq!((several.code, several.out.as_str()), (2, ""));
    assert!(several.err.contains("holds 2 records: choose one with --event-id ID, or with --index N"), "{}", several.err);
    for choice in [["--index", "1"], ["--event-id", "00000000-0000-4000-8000-000000000002"]] {
        let chosen = new(&["log.json.gz", choice[0], choice[1]]);
        assert!(chosen.code == 0 && chosen.out.contains("\nid: delete-bucket\n"), "{}{}", chosen.out, chosen.err);
    }
    for (args, why) in [
        (vec!["log.json.gz", "--index", "2"], "no such CloudTrail record; it has 2"),
        (vec!["log.json.gz", "--index", "0", "--id", "Not An Id"], "`Not An Id` is no id"),
        (vec!["empty.json"], "no such CloudTrail record; it has 0"),
        (vec!["not.json"], "no record can be read in not.json"),
        (vec!["missing.json"], "missing.json does not exist"),
        (vec!["."], "it is not one file"),
    ] {
        let ran = new(&args);
        assert!(ran.code == 2 && ran.out.is_empty() && ran.err.contains(why), "{args:?}: {} {}", ran.code, ran.err);
    }
}
