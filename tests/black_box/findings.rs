//! What becomes of findings, over the demo and the people in it: what changed, who accepted and reviewed, reports over periods.

use serde_json::Value;

use crate::Assize;

const CONFIG: [&str; 2] = ["--config", "demo/assize.yaml"];

fn ask(assize: &Assize, arguments: &[&str]) -> (i32, String, String) {
    let ran = assize.run(&[arguments, &CONFIG[..]].concat());
    (ran.code, ran.out, ran.err)
}

#[test]
fn what_becomes_of_findings_is_kept_and_asked() {
    let assize = Assize::new();
    assert_eq!(assize.run(&["demo", "--events", "1000", "--out", "demo"]).code, 0);
    what_changed(&assize);
    who_accepts_and_who_looks(&assize);
    reports_over_periods(&assize);
    names_are_taken_out(&assize);
}

fn what_changed(assize: &Assize) {
    let (_, text, error) = ask(assize, &["diff", "before", "last", "--min-level", "medium", "--format", "json"]);
    let diff: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{error}"));
    assert_eq!((diff["a"]["run"].as_str(), diff["b"]["run"].as_str()), (Some("demo-a-week-before"), Some("demo")));
    let new: Vec<&str> = diff["new"].as_array().unwrap().iter().map(|one| one["policy"].as_str().unwrap()).collect();
    assert!(new.contains(&"leaving-organisation-refused") && new.contains(&"config-recorder-changed"), "{new:?}");
    let gone = diff["gone"].as_array().unwrap();
    assert!(gone.iter().any(|one| one["why"] == "fixed"), "{gone:?}");
    let document: Value = serde_json::from_slice(&std::fs::read(assize.path("demo/report.json")).unwrap()).unwrap();
    let findings = document["findings"].as_array().unwrap();
    let state = |account: &str, until: &str| {
        let last = |one: &&Value| one["last_seen"].as_str().unwrap() < until;
        let of_account = findings.iter().filter(|one| one["account"] == account && one["level"] != "informational").filter(last);
        of_account.map(|one| one["life"]["state"].as_str().unwrap()).collect::<Vec<_>>()
    };
    // A planted object leaves an hour of this account in doubt, so nothing that was seen before is called fixed.
    let altered = state("333344445555", "2026-10-10");
    assert!(!altered.is_empty() && altered.iter().all(|state| *state != "fixed"), "{altered:?}");
    assert!(state("444455556666", "2026-10-24").contains(&"fixed"), "{:?}", state("444455556666", "2026-10-24"));
    let (code, _, error) = ask(assize, &["diff", "nowhere"]);
    assert!(code == 2 && error.contains("there is no register of findings for `nowhere`"), "{error}");
}

fn who_accepts_and_who_looks(assize: &Assize) {
    let document: Value = serde_json::from_slice(&std::fs::read(assize.path("demo/report.json")).unwrap()).unwrap();
    let of_policy = |id: &str| document["policies"].as_array().unwrap().iter().find(|one| one["id"] == id).unwrap().clone();
    let waived = of_policy("bucket-made-public");
    assert_eq!((waived["findings"].as_u64(), waived["waived"].as_u64()), (Some(1), Some(1)));
    // Not all of the account could be seen, so it is not known, and no pass.
    let cells: Vec<&str> = waived["verdicts"].as_array().unwrap().iter().map(|one| one["verdict"].as_str().unwrap()).collect();
    assert!(cells.contains(&"UNKNOWN") && !cells.contains(&"FAIL"), "{cells:?}");
    let (code, text, _) = ask(assize, &["waivers", "check"]);
    assert_eq!(code, 0, "what was accepted in time stays accepted: {text}");
    assert!(text.contains("holds    bucket-made-public") && text.contains("expired  organizations-changed"), "{text}");
    let file = assize.path("demo/waivers.yaml");
    let kept = std::fs::read_to_string(&file).unwrap();
    let ended = kept.replace("666677778888", "444455556666").replace("expires: 2026-11-12", "expires: 2026-10-13");
    std::fs::write(&file, ended).unwrap();
    let (code, text, _) = ask(assize, &["waivers", "check"]);
    assert_eq!(code, 1, "a waiver has ended and its finding came later: {text}");
    std::fs::write(&file, kept).unwrap();

    let (code, open, _) = ask(assize, &["review", "--min-level", "critical"]);
    assert_eq!(code, 1, "{open}");
    let line = open.lines().find(|line| line.contains("critical")).unwrap();
    let fingerprint = line.split_whitespace().nth(1).unwrap();
    let note = ["--note", "planned: \"yes\" # 田中", "--at", "2026-10-31T13:00:00Z"];
    let review =
        [&["review", fingerprint.get(..10).unwrap(), "--by", "carol@example.com", "--conclusion", "expected"][..], &note]
            .concat();
    assert_eq!(ask(assize, &review).0, 0);
    let (_, after, _) = ask(assize, &["review", "--min-level", "critical"]);
    assert!(!after.contains(fingerprint), "{after}");
    let own = ["--reason", "r", "--owner", "a@example.com", "--approver", "A@example.com", "--expires", "2027-01-01"];
    let (code, _, error) = ask(assize, &[&["waivers", "new", fingerprint][..], &own].concat());
    assert!(code == 2 && error.contains("self-approved"), "{error}");
    let before = std::fs::read_to_string(assize.path("demo/waivers.yaml")).unwrap();
    let good =
        ["--reason", "r", "--owner", "a@example.com", "--approver", "b@example.com", "--expires", "2027-01-01", "--append"];
    let new = [&["waivers", "new", fingerprint, "--created", "2026-10-31"][..], &good].concat();
    assert_eq!(ask(assize, &new).0, 0);
    let now = std::fs::read_to_string(assize.path("demo/waivers.yaml")).unwrap();
    assert!(now.starts_with(before.trim_end()) && now.contains(fingerprint), "{now}");
}

fn reports_over_periods(assize: &Assize) {
    let report = |period: &str, out: &str| {
        let (code, _, error) = ask(assize, &["report", "--period", period, "--format", "json,html,xlsx", "--out", out]);
        assert_ne!(code, 2, "{error}");
        serde_json::from_slice::<Value>(&std::fs::read(assize.path(out).join("report.json")).unwrap()).unwrap()
    };
    let month = report("2026-10", "month");
    assert_eq!((month["history"]["days"].as_u64(), month["history"]["days_evaluated"].as_u64()), (Some(31), Some(2)));
    assert_eq!(month["history"]["stretches"][0]["runs"], 2);
    assert_eq!(month["scope"]["since"], "2026-10-01T00:00:00Z");
    // The waiver was written after this week, so it changes nothing of it.
    let week = report("2026-10-15..2026-10-16", "week");
    let bucket = week["findings"].as_array().unwrap().iter().find(|one| one["policy"] == "bucket-made-public").unwrap().clone();
    assert_eq!((bucket["waived"]["state"].as_str(), bucket["reviewed"].is_null()), (Some("later"), true), "{bucket}");
    report("2026-10", "again");
    for name in ["report.json", "report.html", "report.xlsx", "findings.jsonl"] {
        let bytes = |folder: &str| std::fs::read(assize.path(folder).join(name)).unwrap();
        assert!(bytes("month") == bytes("again"), "{name} is another one when it is made again");
    }
    for (period, said) in [("2026-13", "is no period"), ("2027", "begins after the last run")] {
        let (code, _, error) = ask(assize, &["report", "--period", period]);
        assert!(code == 2 && error.contains(said), "{error}");
    }
    let (_, text, _) = ask(assize, &["report", "--accounts", "kaigan-web-dev", "--format", "json"]);
    let own: Value = serde_json::from_str(&text).unwrap();
    assert!(own["findings"].as_array().unwrap().iter().all(|one| one["account"] == "333344445555"));
    assert_eq!(own["scope"]["accounts"].as_array().unwrap().len(), 1);
    let (_, markdown, _) = ask(assize, &["report", "--format", "markdown"]);
    assert!(markdown.contains("## Since last time") && markdown.contains("## Exceptions accepted"), "{markdown}");
}

fn names_are_taken_out(assize: &Assize) {
    let (code, _, error) = ask(assize, &["report", "--redact", "--format", "json,html,csv,sarif", "--out", "outside"]);
    assert_ne!(code, 2, "{error}");
    for name in ["report.json", "report.html", "findings.csv", "report.sarif", "findings.jsonl"] {
        let text = std::fs::read_to_string(assize.path("outside").join(name)).unwrap();
        for told in ["333344445555", "kaigan", "mori.aoi", "arn:aws:sts:", "arn:aws:iam::3", "noah.patel", "192.0.2."] {
            let place = text.find(told).map(|at| text.get(at.saturating_sub(60)..(at + 60).min(text.len())));
            assert!(place.is_none(), "{name} tells {told}: {place:?}");
        }
    }
}
