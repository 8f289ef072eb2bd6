use super::*;
use crate::events::example::{self, RECORD};

fn matches_text(asked: &Asked, text: &str) -> bool {
    let names = [("111122223333".to_owned(), "Prod".to_owned()), ("444455556666".to_owned(), "dev".to_owned())];
    let query = Query::new(asked, &names).unwrap();
    example::with(text, |record| query.matches(record))
}

fn matches(asked: &Asked) -> bool {
    matches_text(asked, RECORD)
}

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|text| (*text).to_owned()).collect()
}

/// Each option with values that match the record, alone and beside another one, and values that do not.
fn check(ask: impl Fn(Vec<String>) -> Asked, hits: &[&str], misses: &[&str]) {
    for hit in hits {
        assert!(matches(&ask(texts(&[hit]))), "{hit}");
        assert!(misses.is_empty() || matches(&ask(texts(&[misses[0], hit]))), "any of them: {hit}");
    }
    for miss in misses {
        assert!(!matches(&ask(texts(&[miss]))), "{miss}");
    }
}

#[test]
fn nothing_asked_matches_everything_and_all_parts_must() {
    assert!(matches(&Asked::default()));
    let both = |api: &str| Asked { regions: texts(&["eu-west-1"]), apis: texts(&[api]), ..Asked::default() };
    assert!(matches(&both("StopLogging")) && !matches(&both("StartLogging")));
}

#[test]
fn the_period_begins_and_ends() {
    let at = assize_engine::time::parse("2026-10-01T07:30:12Z").unwrap();
    for (since, until, expected) in [
        (Some(at), None, true),
        (Some(at + 1), None, false),
        (None, Some(at), false),
        (None, Some(at + 1), true),
        (Some(at), Some(at + 1), true),
    ] {
        assert_eq!(matches(&Asked { period: Period { since, until }, ..Asked::default() }), expected, "{since:?} {until:?}");
    }
}

#[test]
fn places() {
    let account = |accounts| Asked { accounts, ..Asked::default() };
    check(account, &["111122223333", "prod", "PROD"], &["444455556666", "dev"]);
    check(|regions| Asked { regions, ..Asked::default() }, &["eu-west-1", "EU-West-1"], &["eu-west-2", "us-gov-west-1"]);
}

#[test]
fn calls() {
    let hits = ["cloudtrail", "CloudTrail", "cloudtrail.amazonaws.com"];
    check(|services| Asked { services, ..Asked::default() }, &hits, &["cloud", "ec2", "trail.amazonaws.com"]);
    let hits = ["StopLogging", "stoplogging", "stop*", "*Logging", "*", "S*p*g"];
    check(|apis| Asked { apis, ..Asked::default() }, &hits, &["Stop", "Logging", "StopLogging*x", "S*x*"]);
    let insight = RECORD.replace(r#""eventName":"StopLogging","#, "").replace("AwsApiCall", "AwsCloudTrailInsight");
    let named = |api: &str| Asked { apis: texts(&[api]), ..Asked::default() };
    assert!(matches_text(&named("awscloudtrailinsight"), &insight) && !matches_text(&named("StopLogging"), &insight));
    assert!(!matches(&named("AwsApiCall")), "the type of what has a name is no name");
    let id = "0f9bd5d3-6c41-4d5b-a4ac-7d1f2f3c0001";
    check(|event_ids| Asked { event_ids, ..Asked::default() }, &[id, &id.to_uppercase()], &["0f9bd5d3", "x"]);
}

#[test]
fn outcomes_and_ways_are_those_of_policies() {
    let outcome = |outcomes| Asked { outcomes, ..Asked::default() };
    let with = |code: &str| RECORD.replace("\"readOnly\"", &format!("\"errorCode\":\"{code}\",\"readOnly\""));
    assert!(matches(&outcome(vec!["success"])) && !matches(&outcome(vec!["denied", "failed"])));
    for (code, expected) in [("AccessDenied", "denied"), ("ThrottlingException", "throttled"), ("NoSuchTrail", "failed")] {
        for asked in ["success", "denied", "throttled", "failed"] {
            assert_eq!(matches_text(&outcome(vec![asked]), &with(code)), asked == expected, "{code} {asked}");
        }
    }
    let via = |via| Asked { via, ..Asked::default() };
    assert!(matches(&via(vec!["cli"])) && !matches(&via(vec!["console", "sdk", "service", "third-party"])));
}

#[test]
fn callers() {
    let actor = |actors| Asked { actors, ..Asked::default() };
    check(actor, &["alice", "USER/Alice", "AIDAEXAMPLE", "111122223333:user"], &["bob", "StopLogging", "203.0.113.7"]);
    let role = RECORD.replace(
        r#""userName":"alice""#,
        r#""sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::111122223333:role/Deploy","userName":"Deploy","principalId":"AROA7"},
        "sourceIdentity":"carol"},"invokedBy":"cloudformation.amazonaws.com""#,
    );
    for (text, expected) in [("role/deploy", true), ("aroa7", true), ("carol", true), ("cloudformation", true), ("dave", false)] {
        assert_eq!(matches_text(&actor(texts(&[text])), &role), expected, "{text}");
    }
    let hits = ["203.0.113.7", "203.0.113.0/24", "0.0.0.0/0"];
    check(|addresses| Asked { addresses, ..Asked::default() }, &hits, &["203.0.113.8", "203.0.112.0/24", "::/0"]);
    let service = RECORD.replace("203.0.113.7", "config.amazonaws.com");
    assert!(!matches_text(&Asked { addresses: texts(&["0.0.0.0/0"]), ..Asked::default() }, &service));
}

#[test]
fn resources_and_texts() {
    let resource = |resources| Asked { resources, ..Asked::default() };
    check(
        resource,
        &["trail/main", "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"],
        &["alice", "name", "AWS::CloudTrail"],
    );
    let only = |part: &str, rest: &str| {
        RECORD
            .replace(r#"{"name":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"}"#, part)
            .replace(r#""responseElements":null"#, rest)
            .replace("\"ARN\":\"arn:aws:cloudtrail:eu-west-1:111122223333:trail/main\"", "\"x\":\"y\"")
    };
    let main = resource(texts(&["main"]));
    assert!(matches_text(&main, &only(r#"{"a":[{"b":"Main"}]}"#, r#""responseElements":null"#)));
    assert!(matches_text(&main, &only("null", r#""responseElements":{"a":["main"]}"#)));
    assert!(!matches_text(&main, &only("null", r#""responseElements":{"main":1}"#)));
    let text = |texts| Asked { texts, ..Asked::default() };
    check(text, &["alice", "STOPLOGGING", "\"readOnly\":false", "AWS::CloudTrail"], &["bob", "stop logging"]);
    let escaped = RECORD.replace("alice", r"\u0061lice \u65e5\u672c");
    assert!(matches_text(&text(texts(&["ALICE 日本"])), &escaped) && !matches_text(&text(texts(&["bob"])), &escaped));
}

#[test]
fn a_second_key_does_not_hide_the_first() {
    let planted = RECORD.replace("\"eventName\"", "\"eventName\":\"DescribeTrails\",\"eventName\"");
    for api in ["StopLogging", "DescribeTrails"] {
        assert!(matches_text(&Asked { apis: texts(&[api]), ..Asked::default() }, &planted), "{api}");
    }
}

#[test]
fn every_mistake_is_told_at_once_with_what_is_allowed() {
    let asked = Asked {
        accounts: texts(&["staging", "11112222333"]),
        regions: texts(&["europe"]),
        services: texts(&["ec2 "]),
        apis: texts(&["Stop/Logging"]),
        addresses: texts(&["10.0.0.0/33"]),
        actors: texts(&[""]),
        ..Asked::default()
    };
    let names = [("111122223333".to_owned(), "Prod".to_owned())];
    let said = Query::new(&asked, &names).unwrap_err().to_string();
    for part in [
        "`staging` is no account: write twelve digits, or one of the names Prod",
        "`11112222333` is no account",
        "`europe` is no region: write one as eu-west-1",
        "`Stop/Logging` is no name of an event",
        "`10.0.0.0/33` is no address",
        "0 to 32",
        "--actor needs a text",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("ec2"), "white space around a value means nothing: {said}");
    let unknown = Query::new(&Asked { accounts: texts(&["prod"]), ..Asked::default() }, &[]).unwrap_err().to_string();
    assert!(unknown.contains("names are known with a configuration (--config)"), "{unknown}");
}
