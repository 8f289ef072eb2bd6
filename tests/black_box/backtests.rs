//! `assize policy backtest`: the same findings as a scan, and where they come from.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{Assize, data, log, record};

const POLICY: &str = "\
id: instances-started
title: Instances were started
level: low
logsource: {product: aws, service: cloudtrail}
detection:
  call: {eventSource: ec2.amazonaws.com, eventName: [RunInstances, StartInstances]}
  condition: call
";

const QUIET: &str = "\
id: nothing-like-it
title: Nothing like it
level: low
logsource: {product: aws, service: cloudtrail}
detection: {call: {eventName: NothingLikeIt}, condition: call}
";

const CONFIG: &str = "\
name: Example
audit: {bucket: 'file://audit'}
accounts:
  list:
    - {id: '111122223333', name: payments, env: prod}
    - {id: '444455556666', name: sandbox, env: dev}
";

/// Starts of instances: mostly by a pipeline in one account, over several days, with something odd in one name.
fn starts() -> Vec<String> {
    let mut records = Vec::new();
    for number in 0..12_u32 {
        let mut one: Value = serde_json::from_str(&record(number, "ec2.amazonaws.com", "RunInstances")).unwrap();
        one["eventTime"] = json!(format!("2026-10-{:02}T{:02}:00:00Z", 1 + number / 3 * 2, number % 3));
        one["userIdentity"]["arn"] = json!("arn:aws:sts::111122223333:assumed-role/pipeline/*run\u{1b}[31m?");
        one["sourceIPAddress"] = json!(format!("192.0.2.{number}"));
        if number >= 9 {
            one["userIdentity"] =
                json!({"type": "IAMUser", "arn": "arn:aws:iam::444455556666:user/bob", "accountId": "444455556666"});
            one["recipientAccountId"] = json!("444455556666");
            one["eventName"] = json!("StartInstances");
        }
        records.push(one.to_string());
    }
    // A copy of a record counts once.
    records.push(records[0].clone());
    records.push(record(40, "ec2.amazonaws.com", "DescribeInstances"));
    records
}

#[test]
fn a_backtest_says_how_often_by_whom_and_what_would_help() {
    let assize = Assize::new();
    assize.file("p/a.yaml", POLICY).file("p/b.yaml", QUIET).file("assize.yaml", CONFIG).file("logs/a.json", log(&starts()));
    let ran = assize.run(&["policy", "backtest", "logs", "--policies", "p", "--config", "assize.yaml"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out, @r#"
    instances-started (low): Instances were started
      4 findings from 12 matches in 7 days (0.5 a day), of 13 ec2.amazonaws.com events
      █·█·█·█  at most 3 matches a day
      by account
         75.00 %          9  111122223333 (payments)
         25.00 %          3  444455556666 (sandbox)
      by environment
         75.00 %          9  prod
         25.00 %          3  dev
      by actor
         75.00 %          9  arn:aws:sts::111122223333:assumed-role/pipeline/*run\u{1b}[31m?
         25.00 %          3  arn:aws:iam::444455556666:user/bob
      what most matches have in common
           100 %         12  userAgent: aws-cli/2.0
         75.00 %          9  userIdentity.arn: arn:aws:sts::111122223333:assumed-role/pipeline/*run\u{1b}[31m?
         75.00 %          9  eventName: RunInstances
      if userIdentity.arn is known and harmless, this filter leaves 1 of 4 findings and 3 of 12 matches
        title: instances-started without a known source
        id: instances-started-known
        logsource:
          product: aws
          service: cloudtrail
        filter:
          rules:
            - instances-started
          selection:
            userIdentity.arn: "arn:aws:sts::111122223333:assumed-role/pipeline/\\*run\u001b[31m\\?"
          condition: not selection

    1 policy would not have fired: nothing-like-it
    13 records of 1 object, 2026-10-01 00:00:00Z – 2026-10-07 02:00:00Z
    "#);
    let ran =
        assize.run(&["policy", "backtest", "logs", "--policies", "p/a.yaml", "--config", "assize.yaml", "--format", "json"]);
    insta::assert_snapshot!(ran.out, @r#"
    {
      "version": 1,
      "since": null,
      "until": null,
      "first": "2026-10-01T00:00:00Z",
      "last": "2026-10-07T02:00:00Z",
      "days": 7,
      "complete": true,
      "objects_read": 1,
      "objects_failed": 0,
      "records_read": 14,
      "records_evaluated": 13,
      "records_malformed": 0,
      "problems": 0,
      "policies": [
        {
          "id": "instances-started",
          "level": "low",
          "title": "Instances were started",
          "findings": 4,
          "matches": 12,
          "not_evaluable": 0,
          "population": 13,
          "population_of": "ec2.amazonaws.com events",
          "days": [
            {
              "day": "2026-10-01",
              "matches": 3,
              "findings": 1
            },
            {
              "day": "2026-10-03",
              "matches": 3,
              "findings": 1
            },
            {
              "day": "2026-10-05",
              "matches": 3,
              "findings": 1
            },
            {
              "day": "2026-10-07",
              "matches": 3,
              "findings": 1
            }
          ],
          "accounts": [
            {
              "account": "111122223333",
              "name": "payments",
              "matches": 9
            },
            {
              "account": "444455556666",
              "name": "sandbox",
              "matches": 3
            }
          ],
          "accounts_total": 2,
          "environments": [
            {
              "value": "prod",
              "matches": 9
            },
            {
              "value": "dev",
              "matches": 3
            }
          ],
          "actors": [
            {
              "value": "arn:aws:sts::111122223333:assumed-role/pipeline/*run\u001b[31m?",
              "matches": 9
            },
            {
              "value": "arn:aws:iam::444455556666:user/bob",
              "matches": 3
            }
          ],
          "actors_total": 2,
          "sources": [
            {
              "field": "userAgent",
              "value": "aws-cli/2.0",
              "matches": 12
            },
            {
              "field": "userIdentity.arn",
              "value": "arn:aws:sts::111122223333:assumed-role/pipeline/*run\u001b[31m?",
              "matches": 9
            },
            {
              "field": "eventName",
              "value": "RunInstances",
              "matches": 9
            }
          ],
          "filter": {
            "field": "userIdentity.arn",
            "value": "arn:aws:sts::111122223333:assumed-role/pipeline/*run\u001b[31m?",
            "findings_of": 4,
            "findings_left": 1,
            "matches_of": 12,
            "matches_left": 3,
            "document": "title: instances-started without a known source\nid: instances-started-known\nlogsource:\n  product: aws\n  service: cloudtrail\nfilter:\n  rules:\n    - instances-started\n  selection:\n    userIdentity.arn: \"arn:aws:sts::111122223333:assumed-role/pipeline/\\\\*run\\u001b[31m\\\\?\"\n  condition: not selection\n"
          }
        }
      ]
    }
    "#);
}

/// Findings and matches by policy, as a scan tells them.
fn scanned(assize: &Assize, logs: &str, policies: &[&str]) -> BTreeMap<String, (u64, u64)> {
    let (_, document) = assize.scan(logs, policies);
    let of = |policy: &Value| {
        let id = policy["id"].as_str().unwrap().to_owned();
        let findings = document["findings"].as_array().unwrap().iter().filter(|finding| finding["policy"] == id.as_str()).count();
        (id, (findings as u64, policy["matches"].as_u64().unwrap()))
    };
    document["policies"].as_array().unwrap().iter().map(of).collect()
}

fn backtested(assize: &Assize, logs: &str, more: &[&str]) -> Value {
    let ran = assize.run(&[&["policy", "backtest", logs, "--format", "json"], more].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn real_logs_give_the_findings_of_a_scan() {
    let Some(data) = data("the backtest of the sample") else { return };
    let sample = data.join("cloudtrail-sample");
    let sample = sample.to_str().unwrap();
    let rules = data.join("sigma/cloudtrail");
    for policies in [&[][..], &["--policies", rules.to_str().unwrap()]] {
        let assize = Assize::new();
        let expected = scanned(&assize, sample, policies);
        for threads in ["1", "3"] {
            let document = backtested(&assize, sample, &[policies, &["--threads", threads]].concat());
            let of = |policy: &Value| {
                let count = |key: &str| policy[key].as_u64().unwrap();
                let sum = |key: &str, of: &str| {
                    policy[key].as_array().unwrap().iter().map(|one| one[of].as_u64().unwrap()).sum::<u64>()
                };
                assert_eq!(sum("days", "matches"), count("matches"), "{policy}");
                assert_eq!(sum("days", "findings"), count("findings"), "{policy}");
                (policy["id"].as_str().unwrap().to_owned(), (count("findings"), count("matches")))
            };
            let found: BTreeMap<_, _> = document["policies"].as_array().unwrap().iter().map(of).collect();
            // A scan counts the matches in findings; of a policy that looks at several together the others count here too.
            let findings = |of: &BTreeMap<String, (u64, u64)>| -> Vec<(String, u64)> {
                of.iter().map(|(id, (findings, _))| (id.clone(), *findings)).collect()
            };
            assert_eq!(findings(&found), findings(&expected));
            assert!(found.iter().all(|(id, (_, matches))| *matches >= expected[id].1), "{found:?}");
            if !policies.is_empty() {
                assert_eq!(found, expected);
            }
            assert!(found.values().any(|(_, matches)| *matches > 20), "{found:?}");
        }
    }
}

#[test]
fn a_suggested_filter_leaves_what_it_says() {
    let assize = Assize::new();
    assize.file("p.yaml", POLICY).file("a.json", log(&starts()));
    let document = backtested(&assize, "a.json", &["--policies", "p.yaml"]);
    let filter = &document["policies"][0]["filter"];
    let yaml: Value = serde_yaml::from_str(filter["document"].as_str().unwrap()).unwrap();
    assert_eq!(yaml["filter"]["rules"], json!(["instances-started"]));
    assert_eq!(yaml["filter"]["condition"], "not selection");
    // What a filter says is and-ed to the condition; here by hand.
    let selection = yaml["filter"]["selection"].to_string();
    let narrowed =
        POLICY.replace("  condition: call\n", &format!("  selection: {selection}\n  condition: call and not selection\n"));
    assize.file("narrowed.yaml", narrowed);
    let left = scanned(&assize, "a.json", &["--policies", "narrowed.yaml"]);
    let count = |key: &str| filter[key].as_u64().unwrap();
    assert_eq!(left["instances-started"], (count("findings_left"), count("matches_left")));
    let all = scanned(&assize, "a.json", &["--policies", "p.yaml"]);
    assert_eq!(all["instances-started"], (count("findings_of"), count("matches_of")));
    assert!(count("matches_left") > 0 && count("matches_left") < count("matches_of"), "{filter}");
}

#[test]
fn exit_codes_tell_mistakes_from_what_could_not_be_read() {
    let assize = Assize::new();
    assize
        .file("p.yaml", POLICY)
        .file("bad.yaml", "id: x\n")
        .file("good.json", log(&starts()))
        .file("torn.json", "{\"Records\":[{\"eventNa");
    let code = |args: &[&str]| assize.run(&[&["policy", "backtest"], args].concat()).code;
    assert_eq!(code(&["good.json", "--policies", "p.yaml"]), 0);
    assert_eq!(code(&["good.json", "torn.json", "--policies", "p.yaml"]), 3);
    assert_eq!(code(&["good.json", "--policies", "bad.yaml"]), 2);
    assert_eq!(code(&["good.json", "--policies", "p.yaml", "--config", "missing.yaml"]), 2);
    assert_eq!(code(&["missing.json"]), 2);
    assert_eq!(code(&[]), 2);
    assert_eq!(code(&["good.json", "--since", "2026-10-02", "--until", "2026-10-01"]), 2);
}

/// The period of the demo's audit bucket, once by the ledger and once as files.
#[test]
fn a_period_of_the_audit_bucket_is_tried_and_its_holes_are_told() {
    let assize = Assize::new();
    let made = assize.run(&["demo", "--events", "1000", "--out", "demo"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let unfed = "needs: {category: data, resources: AWS::S3::Object}\n";
    assize.file("p/unfed.yaml", QUIET.replace("nothing-like-it", "objects-read") + unfed).file("p/starts.yaml", POLICY);
    let run = |more: &[&str]| assize.run(&[&["policy", "backtest", "--config", "demo/assize.yaml"], more].concat());
    let document = |ran: &crate::Ran| -> Value {
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}{}", ran.out, ran.err))
    };
    let json = ["--format", "json", "--select", "iam-*,root-*,region-first-used,*-not-*,vpc-*,many-*"];
    let (by_ledger, by_files) =
        (run(&[&["--period", "90d"], &json[..]].concat()), run(&[&["demo/audit/evidence"], &json[..]].concat()));
    assert_eq!(by_ledger.code, 3, "not every hour of the demo is covered: {}", by_ledger.err);
    let (by_ledger, by_files) = (document(&by_ledger), document(&by_files));
    the_same_is_found(&by_ledger, &by_files);
    let hours = |key: &str| by_ledger["coverage"][key].as_u64().unwrap();
    assert!(hours("hours_due") > hours("hours_covered") && hours("hours_covered") > 1000, "{}", by_ledger["coverage"]);
    let statement = by_ledger["coverage"]["statement"].as_str().unwrap();
    assert!(statement.contains("proven complete by signed digests") && statement.contains("role-not-assumable"), "{statement}");

    // A day of it, whichever threads read it; nothing can be said of what no trail records.
    let day = ["--period", "2026-10-15", "p/unfed.yaml", "--policies", "p/starts.yaml"];
    let with = |threads: &str| run(&[&day[..], &["--threads", threads]].concat());
    let (one, many) = (with("1"), with("32"));
    assert!(one.out == many.out && one.err == many.err, "{}{}", one.err, many.err);
    let said = one.out.split_whitespace().collect::<Vec<_>>().join(" ");
    let blind = "1 policy has no hour of which all that is looked at was recorded and kept, so nothing can be said: objects-read";
    assert!(said.contains(blind), "{}", one.out);
    let of_day = document(&run(&[&day[..], &["--format", "json"]].concat()));
    assert_eq!((&of_day["since"], &of_day["until"]), (&json!("2026-10-15T00:00:00Z"), &json!("2026-10-16T00:00:00Z")));
    assert!(of_day["first"].as_str().unwrap() >= "2026-10-15" && of_day["last"].as_str().unwrap() < "2026-10-16", "{of_day}");
    assert!(of_day["objects_read"].as_u64().unwrap() * 3 < by_ledger["objects_read"].as_u64().unwrap(), "{of_day}");

    what_is_gone_is_told(&assize, &|| run(&day));
    for (args, said) in [
        (&["--period", "90", "p/unfed.yaml"][..], "`90` is no period: write a day (2026-10-05)"),
        (&["--period", "90", "p/unfed.yaml"], "or so many days up to the last run (90d)"),
        (&["--period", "2027-10", "p/unfed.yaml"], "begins after the last run"),
        (&["--period", "90d", "--since", "2026-10-01"], "cannot be used with"),
        (&["--period", "90d", "none.yaml"], "none.yaml"),
    ] {
        let ran = run(args);
        assert!(ran.code == 2 && ran.err.contains(said), "{args:?}: {}", ran.err);
    }
}

fn the_same_is_found(by_ledger: &Value, by_files: &Value) {
    let counts = |document: &Value| -> BTreeMap<String, [u64; 3]> {
        let count = |policy: &Value| ["matches", "population", "findings"].map(|key| policy[key].as_u64().unwrap());
        let of = |policy: &Value| (policy["id"].as_str().unwrap().to_owned(), count(policy));
        document["policies"].as_array().unwrap().iter().map(of).collect()
    };
    assert_eq!(by_ledger["records_evaluated"], by_files["records_evaluated"]);
    assert!(by_ledger["records_evaluated"].as_u64().unwrap() > 900);
    let (by_ledger, by_files) = (counts(by_ledger), counts(by_files));
    assert!(by_ledger.len() > 20 && by_ledger.keys().eq(by_files.keys()), "{by_ledger:?}");
    for (id, [matches, population, findings]) in &by_ledger {
        let file = by_files[id];
        // Files do not tell that what is awaited behind their last record is due.
        assert!([*matches, *population] == file[..2] && *findings >= file[2], "{id}: {:?} {file:?}", by_ledger[id]);
    }
}

/// An object that was deleted from the audit bucket.
fn what_is_gone_is_told(assize: &Assize, run: &dyn Fn() -> crate::Ran) {
    let before = run();
    assert!(!before.err.contains("unreadable") && !before.out.contains("INCOMPLETE"), "{}{}", before.err, before.out);
    let logs = walk(&assize.path("demo/audit/evidence"), "_CloudTrail_", "20261015T");
    std::fs::remove_file(&logs[0]).unwrap();
    let after = run();
    let name = logs[0].file_name().unwrap().to_str().unwrap();
    assert!(after.code == 3 && after.err.contains(name) && after.err.contains("unreadable"), "{}", after.err);
    assert!(
        after.out.contains("INCOMPLETE: not everything could be read (1 object failed, 0 malformed records, 1 problem)"),
        "{}",
        after.out
    );
}

/// Files below a folder whose name has all of these parts.
fn walk(folder: &std::path::Path, part: &str, and: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            found.extend(walk(&path, part, and));
        } else if name.contains(part) && name.contains(and) && name.ends_with(".json.gz") {
            found.push(path);
        }
    }
    found.sort();
    found
}
