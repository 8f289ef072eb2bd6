//! The demo: what was hidden in the traffic is found, and what was done to the evidence is said first.

use crate::Assize;

#[test]
fn the_demo_says_what_was_done_to_its_evidence() {
    let assize = Assize::new();
    let ran = assize.run(&["demo", "--events", "1000", "--out", "demo"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let text = ran.out;
    let first = text.split("CRITICAL").next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "17,272 are proven complete by signed digests; 2,888 are not: 2,880 role-not-assumable",
        "digest-missing",
        "object-orphan",
        "logging-stopped",
        "object-altered",
        "1 MISSING",
        "1 INVALID, 1 ORPHAN",
        "In 24 of 28 account-regions recording itself is proven",
        "the books balance",
    ] {
        assert!(first.contains(said), "{said} is not said first: {first}");
    }
    assert!(text.contains("18 incidents were hidden in the traffic; 18 were found"), "{text}");
    assert!(text.contains("would end with exit code 4"), "{text}");
    let report = std::fs::read_to_string(assize.path("demo/report.html")).unwrap();
    for code in ["log-altered", "log-orphan", "digest-missing", "event-id-conflict"] {
        assert!(report.contains(code), "{code}");
    }
    who_is_behind_it(&report, &assize);
    what_was_left_is_asked(&assize);
}

/// The demo's trails record management events and nothing else.
fn what_is_recorded_nowhere_is_warned_of(assize: &Assize) {
    let check = |more: &[&str]| assize.run(&[&["policy", "check", "--config", "demo/assize.yaml"], more].concat());
    let own = check(&[]);
    // Of the built-in ones those on data events alone, which no trail of the demo records.
    assert_eq!(own.code, 0, "{}", own.err);
    assert!(own.out.contains("`snapshot-blocks-read` may never fire"), "{}", own.out);
    assert!(!own.out.contains("`root-user-used`"), "{}", own.out);
    let policy = |id: &str, source: &str, name: &str| {
        format!(
            "id: {id}\ntitle: T\nlevel: low\nlogsource: {{product: aws, service: cloudtrail}}\n\
             detection: {{call: {{eventSource: {source}, eventName: {name}}}, condition: call}}\n"
        )
    };
    assize.file("p/objects.yaml", policy("objects", "s3.amazonaws.com", "GetObject"));
    assize.file("p/users.yaml", policy("users", "iam.amazonaws.com", "CreateUser"));
    let found = check(&["p"]);
    assert_eq!(found.code, 0, "{}", found.err);
    assert!(found.out.contains("p/objects.yaml:1:5: warning[never-recorded]: `objects` may never fire"), "{}", found.out);
    assert!(found.out.contains("all data events of AWS::S3::Object"), "{}", found.out);
    assert!(found.out.contains("0 errors, 1 warning"), "{}", found.out);
}

/// Roles lead back to people, to a pipeline through two accounts, and once to an account whose records nobody has.
fn who_is_behind_it(report: &str, assize: &Assize) {
    let json = std::fs::read(assize.path("demo/report.json")).unwrap();
    let document: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let behind = |policy: &str, account: &str| -> Vec<String> {
        let findings = document["findings"].as_array().unwrap().iter();
        let of = findings.filter(|finding| finding["policy"] == policy && finding["account"] == account);
        let occurrences = of.flat_map(|finding| finding["occurrences"].as_array().unwrap());
        occurrences.filter_map(|one| Some(one["behind"]["statement"].as_str()?.to_owned())).collect()
    };
    let said = |policy: &str, account: &str, expected: &str| {
        let told = behind(policy, account);
        assert!(told.iter().any(|statement| statement == expected), "{policy} {account}: {told:#?}");
        assert!(report.contains(expected), "the page does not say: {expected}");
    };
    said(
        "network-gateway-changed",
        "555566667777",
        "repo:kaigan-example/storefront:environment:dev (token.actions.githubusercontent.com) → role github-actions-deploy in \
         333344445555 → role network-breakglass in 555566667777",
    );
    let told = behind("config-recorder-changed", "444455556666");
    let broken = told.iter().find(|statement| statement.contains("the chain breaks in 777788889999")).unwrap();
    assert!(broken.contains("(principal of 777788889999) → role kaigan-baseline in 444455556666; "), "{broken}");
    let person = behind("trail-stopped-or-narrowed", "666677778888");
    assert!(person.iter().all(|statement| statement.starts_with("noah.patel@kaigan.example (Identity Center) → ")), "{person:?}");
    assert!(!person.is_empty());
}

/// `coverage`, `explain` and `verify` read the audit folder alone: no credentials, no network.
fn what_was_left_is_asked(assize: &Assize) {
    let config = ["--config", "demo/assize.yaml"];
    let coverage = assize.run(&[&["coverage"], &config[..]].concat());
    assert_eq!(coverage.code, 3, "{}", coverage.err);
    assert!(coverage.out.contains("2026-10-12 02:00:00Z – 05:00:00Z: digest-missing"), "{}", coverage.out);
    // The hours of the report, not those of a run at its time.
    let period = "hours from 2026-10-01 00:00:00Z up to 2026-10-31 00:00:00Z";
    assert!(coverage.out.contains(period), "{}", coverage.out);
    let whole = assize.run(&[&["coverage", "--accounts", "444455556666"], &config[..]].concat());
    assert_eq!(whole.code, 0, "{}{}", whole.out, whole.err);
    assert!(whole.out.contains("all 2,880 are proven complete by signed digests"), "{}", whole.out);
    let explain = |place: &str| assize.run(&[&["explain", "root-user-used", place], &config[..]].concat());
    let failed = explain("333344445555");
    assert!(failed.out.contains("FAIL for 333344445555") && failed.out.contains("18 records matched"), "{}", failed.out);
    assert!(failed.out.contains("log-altered s3://kaigan-cloudtrail-logs/"), "{}", failed.out);
    assert!(failed.out.contains(period), "{}", failed.out);
    let passed = explain("111122223333");
    assert!(passed.out.contains("PASS for 111122223333, on verified evidence"), "{}", passed.out);
    let unknown = explain("777788889999/eu-west-1");
    assert!(unknown.out.contains("UNKNOWN for 777788889999: 2,880 h role-not-assumable"), "{}", unknown.out);
    let nowhere = explain("123456789012");
    assert!(nowhere.code == 2 && nowhere.err.contains("did not have 123456789012 in scope"), "{}", nowhere.err);
    what_is_recorded_nowhere_is_warned_of(assize);
    let verified = assize.run(&["verify", "demo/audit"]);
    assert_eq!(verified.code, 4, "{}{}", verified.out, verified.err);
    for said in ["MISSING", "INVALID", "ORPHAN"] {
        assert!(verified.out.contains(said), "{said}: {}", verified.out);
    }
    the_run_is_judged_again(assize);
}

/// Nobody signed the demo, so the exit code is 3 at best.
fn the_run_is_judged_again(assize: &Assize) {
    let replay = ["verify", "demo/audit", "--run", "demo", "--replay", "--config", "demo/assize.yaml"];
    let same = assize.run(&replay);
    assert_eq!(same.code, 3, "{}{}", same.out, same.err);
    assert!(same.out.contains("objects judged again by"), "{}", same.out);
    assert!(same.out.contains("came out the same, byte for byte"), "{}", same.out);
    let findings = assize.path("demo/audit/runs/demo/findings.jsonl");
    let text = std::fs::read_to_string(&findings).unwrap();
    let moved = text.replacen("\"number\":1,", "\"number\":7,", 1);
    std::fs::write(&findings, moved).unwrap();
    let json = assize.run(&[&replay[..], &["--format", "json"]].concat());
    assert_eq!(json.code, 4, "{}{}", json.out, json.err);
    let replayed = &serde_json::from_str::<serde_json::Value>(&json.out).unwrap()["replay"];
    assert_eq!((&replayed["equal"], &replayed["first_difference"]["line"]), (&false.into(), &1.into()), "{replayed}");
    assert_eq!(replayed["first_difference"]["replayed"].as_str(), text.lines().next(), "{replayed}");
    std::fs::write(&findings, text).unwrap();
    let alone = assize.run(&["verify", "demo/audit", "--replay"]);
    assert!(alone.code == 2 && alone.err.contains("name the run with --run"), "{}", alone.err);
    let both = assize.run(&["verify", "demo/audit", "--config", "demo/assize.yaml"]);
    assert!(both.code == 2 && both.err.contains("give one of them"), "{}", both.err);
}
