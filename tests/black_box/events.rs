//! `assize events` and `assize history`: the demo's audit bucket asked, against a count that shares nothing with the program, and what
//! is said of logs that cannot be read.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::{Assize, Ran, calm, gzip, log, record, stopped, text};

/// Every distinct record below a folder.
fn records(folder: &Path, all: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            records(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "gz") {
            let mut text = String::new();
            GzDecoder::new(std::fs::File::open(&path).unwrap()).read_to_string(&mut text).unwrap();
            let object: Value = serde_json::from_str(&text).unwrap();
            all.extend(object["Records"].as_array().into_iter().flatten().map(Value::to_string));
        }
    }
}

struct Demo {
    assize: Assize,
    records: Vec<Value>,
}

impl Demo {
    fn new() -> Demo {
        let assize = Assize::new();
        let made = assize.run(&["demo", "--events", "1000", "--out", "demo"]);
        assert_eq!(made.code, 0, "{}", made.err);
        let mut all = BTreeSet::new();
        records(&assize.path("demo/audit/evidence"), &mut all);
        assert!(all.len() > 900, "{}", all.len());
        Demo { assize, records: all.iter().map(|record| serde_json::from_str(record).unwrap()).collect() }
    }

    fn run(&self, args: &[&str]) -> Ran {
        let ran = self.assize.run(&[args, &["--config", "demo/assize.yaml"]].concat());
        assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.out, ran.err);
        ran
    }

    fn lines(&self, args: &[&str]) -> Vec<Value> {
        let ran = self.run(&[args, &["--format", "json"]].concat());
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// How many records satisfy.
    fn count(&self, satisfies: impl Fn(&Value) -> bool) -> usize {
        self.records.iter().filter(|record| satisfies(record)).count()
    }
}

#[test]
fn the_audit_bucket_of_the_demo_is_asked() {
    let demo = Demo::new();
    counts_are_those_of_another_reader(&demo);
    records_are_found(&demo);
    only_what_may_hold_it_is_read(&demo);
    the_result_does_not_depend_on_threads(&demo);
    histories_are_told(&demo);
    the_examples_of_the_documentation_run(&demo);
}

fn counts_are_those_of_another_reader(demo: &Demo) {
    let service =
        |record: &Value| record["eventSource"].as_str().unwrap_or_default().trim_end_matches(".amazonaws.com").to_owned();
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    demo.records.iter().for_each(|record| *expected.entry(service(record)).or_default() += 1);
    let counted = demo.lines(&["events", "--count-by", "service"]);
    let counted: BTreeMap<String, u64> =
        counted.iter().map(|line| (line["service"].as_str().unwrap().to_owned(), line["count"].as_u64().unwrap())).collect();
    assert_eq!(counted, expected);
    let by_region = |region: &str, name: &str| {
        demo.count(|record| record["awsRegion"] == region && record["eventTime"].as_str().unwrap().starts_with(name))
    };
    let days = demo.lines(&["events", "--count-by", "day,region", "--until", "2026-10-08"]);
    assert!(days.len() > 5, "{days:?}");
    for line in days {
        let (day, region) = (line["day"].as_str().unwrap(), line["region"].as_str().unwrap());
        assert_eq!(line["count"], by_region(region, day), "{line}");
    }
    let all = demo.lines(&["events"]);
    assert_eq!(all.len(), demo.records.len());
    let mut texts: Vec<String> = all.iter().map(|line| line["event"].to_string()).collect();
    let mut expected: Vec<String> = demo.records.iter().map(Value::to_string).collect();
    texts.sort_unstable();
    expected.sort_unstable();
    assert_eq!(texts, expected);
    let times: Vec<&str> = all.iter().map(|line| line["time"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "the newest first");
    let oldest = demo.lines(&["events", "--oldest-first", "--limit", "3"]);
    assert!(oldest.len() == 3 && oldest.iter().zip(times.iter().rev()).all(|(line, time)| line["time"] == *time), "{oldest:?}");
}

fn records_are_found(demo: &Demo) {
    let failed = demo.lines(&["events", "--api", "consolelogin", "--outcome", "failed"]);
    let expected = demo.count(|record| record["responseElements"]["ConsoleLogin"] == "Failure");
    assert!(failed.len() == expected && expected > 10, "{} {expected}", failed.len());
    assert!(failed.iter().all(|line| line["outcome"] == "failed" && line["error"] == "Failed authentication"));

    let day = ["--since", "2026-10-15", "--until", "2026-10-16"];
    let one = demo.lines(&[&["events", "--actor", "NOAH.PATEL"], &day[..]].concat());
    let expected = demo.count(|record| {
        record["eventTime"].as_str().unwrap().starts_with("2026-10-15")
            && record["userIdentity"].to_string().contains("noah.patel")
    });
    assert!(one.len() == expected && expected > 3, "{} {expected}", one.len());
    assert!(one.iter().any(|line| line["api"] == "StopLogging" && line["read_only"] == false));
    assert!(one.iter().all(|line| line["actor"].as_str().unwrap().ends_with("noah.patel@kaigan.example")));

    let by_name = demo.lines(&["events", "--account", "kaigan-data-prod", "--count-by", "account"]);
    assert_eq!(by_name[0]["count"], demo.count(|record| record["recipientAccountId"] == "666677778888"));
    assert_eq!((by_name.len(), &by_name[0]["account"]), (1, &"666677778888".into()));

    let table = demo.run(&["events", "--limit", "2"]);
    assert_eq!(table.out.lines().count(), 4, "{}", table.out);
    assert!(table.out.contains(" older records; --limit shows more"), "{}", table.out);
    let none = demo.run(&["events", "--api", "NoSuchCall"]);
    assert!(none.out.starts_with("No record matches, of 1,018 records from 2026-10-01"), "{}", none.out);
    assert!(none.err.contains("1,018 records, of events from 2026-10-01") && none.err.contains(": 0 matched"), "{}", none.err);
}

/// The ledger says which objects may hold what is asked for.
fn only_what_may_hold_it_is_read(demo: &Demo) {
    let objects = |ran: &Ran| -> u64 {
        let number = ran.err.split_once("read ").unwrap().1.split(' ').next().unwrap();
        number.replace(',', "").parse().unwrap()
    };
    let all = objects(&demo.run(&["events"]));
    let day = demo.run(&["events", "--since", "2026-10-15", "--until", "2026-10-16"]);
    assert!(day.err.contains("the audit bucket, what was delivered from 2026-10-15 up to 2026-10-17"), "{}", day.err);
    let region = demo.run(&["events", "--region", "us-west-2"]);
    let account = demo.run(&["events", "--region", "us-west-2", "--account", "666677778888", "--since", "2026-10-15"]);
    assert!(objects(&day) * 3 < all && objects(&region) * 2 < all, "{all}");
    assert!(objects(&account) < objects(&region) && objects(&account) > 0);
}

fn the_result_does_not_depend_on_threads(demo: &Demo) {
    for args in [
        &["events", "--limit", "7", "--format", "csv"][..],
        &["events", "--format", "json"],
        &["events", "--count-by", "actor,error", "--format", "csv"],
        &["history", "kaigan-storefront-uploads-79a5f5"],
    ] {
        let with = |threads: &str| demo.run(&[args, &["--threads", threads]].concat());
        let (one, many) = (with("1"), with("32"));
        assert!(one.out == many.out && one.err == many.err, "{args:?}");
    }
}

fn histories_are_told(demo: &Demo) {
    let group = "sg-00ac3dcec472426f8";
    let lines = demo.lines(&["history", group]);
    let (summary, calls) = lines.split_last().unwrap();
    let expected = demo.count(|record| {
        let named =
            record["requestParameters"].to_string().contains(group) || record["responseElements"].to_string().contains(group);
        named && record["readOnly"] == false && record["errorCode"].is_null()
    });
    assert!(calls.len() == expected && expected >= 2, "{} {expected}", calls.len());
    assert_eq!(
        (&summary["kind"], &summary["changes"], &summary["complete"]),
        (&"summary".into(), &expected.into(), &true.into())
    );
    assert!(calls.iter().is_sorted_by_key(|call| call["time"].as_str().unwrap()), "{calls:?}");
    let apis: Vec<&str> = calls.iter().map(|call| call["api"].as_str().unwrap()).collect();
    assert!(apis.contains(&"AuthorizeSecurityGroupIngress") && apis.contains(&"RevokeSecurityGroupIngress"), "{apis:?}");
    assert!(calls.iter().any(|call| call["behind"].as_str().is_some_and(|who| who.ends_with("(Identity Center)"))), "{calls:?}");
    assert!(calls.iter().flat_map(|call| call["parameters"].as_array().unwrap()).all(|it| it["value"] != group), "{calls:?}");

    let told = demo.run(&["history", &format!("arn:aws:ec2:us-west-2:444455556666:security-group/{group}")]).out;
    assert!(told.contains("HISTORY of arn:aws:ec2:us-west-2:444455556666:security-group/sg-"), "{told}");
    assert!(told.contains("ec2:AuthorizeSecurityGroupIngress") && told.contains("items[0].cidrIp: 0.0.0.0/0"), "{told}");
    assert!(told.contains("This is what the logs that were read say: 1,018 records of events from 2026-10-01"), "{told}");
    let elsewhere = demo.run(&["history", &format!("arn:aws:ec2:us-west-2:111122223333:security-group/{group}")]).out;
    assert!(elsewhere.contains("No call that succeeded and did more than read names it."), "{elsewhere}");
    let service = demo.lines(&["history", "storefront-api"]);
    let definitions: Vec<(&str, Option<&str>)> = service
        .iter()
        .filter(|call| call["api"] == "UpdateService")
        .flat_map(|call| call["parameters"].as_array().unwrap())
        .filter(|parameter| parameter["path"] == "taskDefinition")
        .map(|parameter| (parameter["value"].as_str().unwrap(), parameter["old"].as_str()))
        .collect();
    assert!(definitions.len() > 1 && definitions[0].1.is_none(), "{definitions:?}");
    assert!(definitions.windows(2).all(|pair| pair[1].1 == Some(pair[0].0)), "{definitions:?}");
    let part = demo.run(&["history", group.trim_end_matches('8')]).out;
    assert!(part.contains("No call that succeeded"), "a part of an id names nothing: {part}");
}

/// Every command in docs/events.md, in the folder of the demo.
fn the_examples_of_the_documentation_run(demo: &Demo) {
    let document = text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/events.md"));
    let blocks = document.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let commands: Vec<&str> = blocks.flat_map(str::lines).filter(|line| line.starts_with("assize ")).collect();
    assert!(commands.len() >= 12, "{commands:?}");
    for line in commands {
        let typed = line.split(" #").next().unwrap().replace('\'', "");
        let args: Vec<&str> = typed.split_whitespace().skip(1).collect();
        let output = demo.assize.command(&args).current_dir(demo.assize.path("demo")).output().unwrap();
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(0), "{line}: {out}{err}");
        assert!(out.lines().count() > 2 && !out.contains("No record matches") && !out.contains("No call"), "{line}: {out}");
        assert_eq!(out.starts_with('\u{feff}'), line.contains("--bom"), "{line}");
    }
}

#[test]
fn mistakes_are_told_with_what_is_allowed() {
    let assize = Assize::new();
    assize.file("a.json", log(&[calm(1)]));
    let ran = assize.run(&["events", "a.json", "--account", "prod", "--address", "10.0.0", "--bom"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    for said in ["`prod` is no account: write twelve digits", "`10.0.0` is no address", "--bom is for --format csv"] {
        assert!(ran.err.contains(said), "{said}: {}", ran.err);
    }
    let ran = assize.run(&["events", "a.json", "--via", "browser"]);
    assert!(ran.code == 2 && ran.err.contains("console, cli, sdk, service, third-party"), "{}", ran.err);
    let ran = assize.run(&["events", "a.json", "--since", "yesterday"]);
    assert!(ran.code == 2 && ran.err.contains("`yesterday` is no time for --since"), "{}", ran.err);
    let ran = assize.run(&["history", "arn:aws:ec2", "a.json"]);
    assert!(ran.code == 2 && ran.err.contains("`arn:aws:ec2` is no resource: write an ARN such as"), "{}", ran.err);
    let ran = assize.run(&["events", "none"]);
    assert!(ran.code == 2 && ran.err.contains("none does not exist"), "{}", ran.err);
    let ran = assize.run(&["events"]);
    assert!(ran.code == 2 && ran.err.contains("assize.yaml"), "{}", ran.err);
    assize.file("assize.yaml", "name: x\naudit: {bucket: 'file://audit'}\naccounts: {list: [{id: 111122223333, name: Prod}]}\n");
    let ran = assize.run(&["events"]);
    assert!(ran.code == 2 && ran.err.contains("has no run yet"), "{}", ran.err);
    let ran = assize.run(&["events", "a.json", "--config", "assize.yaml", "--account", "prod"]);
    assert!(ran.code == 0 && ran.out.contains("DescribeInstances"), "{}{}", ran.out, ran.err);
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_shown() {
    let assize = Assize::new();
    let whole = gzip(log(&[stopped(1), calm(2)]));
    assize.file("in/a.json.gz", &whole).file("in/b.json.gz", "neither").file("in/c.json", log(&[calm(3), "7".to_owned()]));
    let ran = assize.run(&["events", "in"]);
    assert_eq!(ran.code, 3);
    assert_eq!(ran.out.lines().count(), 4, "{}", ran.out);
    for said in [
        "not-json in/b.json.gz: ",
        "malformed-record in/c.json: record 1",
        "read 2 objects of the paths (1 failed) with 4 records",
    ] {
        assert!(ran.err.contains(said), "{said}: {}", ran.err);
    }
    let none = assize.run(&["events", "in", "--api", "DeleteTrail"]);
    assert!(none.code == 3 && none.out.contains("Not everything could be read."), "{}", none.out);
    let history = assize.run(&["history", "main", "in", "--format", "json"]);
    assert!(history.code == 3 && history.out.contains("\"complete\":false"), "{}", history.out);
    std::fs::create_dir(assize.path("empty")).unwrap();
    let empty = assize.run(&["events", "empty"]);
    assert_eq!(empty.code, 3);
    assert!(empty.out.starts_with("No record was read, so nothing can be said"), "{}", empty.out);
    let quiet = assize.run(&["events", "in", "-q"]);
    assert_eq!((quiet.code, quiet.err.as_str()), (3, ""));
}

#[test]
fn hostile_records_send_nothing_to_the_terminal_or_the_spreadsheet() {
    let hostile = record(1, "ec2.amazonaws.com", "=cmd()\\u001b[2J\\u202e\\r\\n").replace("alice", "+alice");
    let assize = Assize::new();
    for args in [
        &["events", "-"][..],
        &["events", "-", "--format", "csv"],
        &["events", "-", "--count-by", "api,actor"],
        &["events", "-", "--count-by", "api", "--format", "csv"],
        &["history", "sg-1", "-"],
    ] {
        let request = hostile.replace("\"requestParameters\":null", "\"requestParameters\":{\"a\\u001b\":\"sg-1 \\u0007\"}");
        let ran = assize.run_with_input(args, log(&[request]).as_bytes());
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(!ran.out.replace("\r\n", "").contains(['\u{1b}', '\u{7}', '\u{202e}', '\r']), "{:?}", ran.out);
        assert!(ran.out.contains("=cmd()\\u{1b}[2J\\u{202e}\\r\\n"), "{}", ran.out);
        if args.contains(&"csv") {
            assert!(ran.out.contains("'=cmd()") && !ran.out.contains(",=cmd") && !ran.out.contains("\n=cmd"), "{}", ran.out);
        }
    }
}

#[test]
fn a_copy_is_shown_once_and_denied_attempts_stand_apart() {
    let request = |number: u32, value: &str, error: &str| {
        record(number, "cloudtrail.amazonaws.com", "UpdateTrail")
            .replace(
                "\"requestParameters\":null",
                &format!("\"requestParameters\":{{\"name\":\"main\",\"s3BucketName\":\"{value}\"}}"),
            )
            .replace("\"eventType\"", &format!("{error}\"eventType\""))
    };
    let denied = "\"errorCode\":\"AccessDenied\",";
    let calls =
        [request(1, "logs", ""), request(2, "mine", denied), request(3, "theirs", ""), request(4, "x", "\"errorCode\":\"Bad\",")];
    let assize = Assize::new();
    assize.file("in/a.json", log(&calls)).file("in/b.json", log(&calls[..2]));
    let events = assize.run(&["events", "in", "--format", "json"]);
    assert_eq!(events.out.lines().count(), 4, "{}", events.out);
    assert!(events.err.contains(": 4 matched; 2 further copies of these are not counted again"), "{}", events.err);
    let told = assize.run(&["history", "main", "in"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(
        told.out.contains("    s3BucketName: logs\n") && told.out.contains("    s3BucketName: logs → theirs\n"),
        "{}",
        told.out
    );
    let (changes, attempts) = told.out.split_once("1 attempt was denied").unwrap();
    assert!(!changes.contains("AccessDenied") && attempts.contains("cloudtrail:UpdateTrail  AccessDenied"), "{}", told.out);
    assert!(told.out.contains("1 call that names it failed or came too often, and changed nothing."), "{}", told.out);
}
