//! Other people's rules that count, as they are: SigmaHQ's that count in the condition, the one with placeholders, and Suzaku's
//! correlations. All load; each fires on a sequence of records and not on a near miss of it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "the checks of a test may panic")]
#![expect(clippy::disallowed_methods, reason = "the rules of the engine hold for the engine; its tests read files")]

#[path = "sigma/data.rs"]
mod data;

use std::collections::BTreeSet;

use assize_engine::diagnostic::{Severity, Span};
use assize_engine::policy::{Loaded, Placeholders, Policy, PolicyTest, Truth, load_with};
use assize_engine::trial;
use data::{data, read_all};

fn loaded(folder: &str, placeholders: &Placeholders) -> Option<Loaded> {
    let files = read_all(&data()?.join(folder), "yml");
    let loaded = load_with(files.iter().map(|(name, text)| (name.as_str(), text.as_str())), placeholders);
    assert!(
        !loaded.has_errors(),
        "{:#?}",
        loaded.diagnostics.iter().filter(|one| one.severity == Severity::Error).collect::<Vec<_>>()
    );
    Some(loaded)
}

/// Records of one source, a time apart, by name; `more` is part of each.
fn sequence(names: &[&str], seconds: u32, more: &str) -> Vec<String> {
    let record = |(number, name): (usize, &&str)| {
        let second = u32::try_from(number).unwrap() * seconds;
        let time = format!("2026-11-02T{:02}:{:02}:{:02}Z", 9 + second / 3600, second / 60 % 60, second % 60);
        format!(r#"{{"eventTime":"{time}","eventName":"{name}"{more}}}"#)
    };
    names.iter().enumerate().map(record).collect()
}

fn check(policy: &Policy, events: Vec<String>, expect: Truth) {
    let test = PolicyTest { name: String::new(), events, expect, span: Span::START };
    assert_eq!(trial::run(policy, &test), Ok(()), "{} on {:#?}", policy.file, test.events);
}

/// Title, names of the records, seconds between them, what each has besides; and what makes it a near miss: the same names with
/// other seconds between, or with other content.
type Case<'a> = (&'a str, &'a [&'a str], u32, &'a str, (u32, &'a str));

fn fires_and_misses(policies: &[Policy], cases: &[Case<'_>]) {
    let mut tried = BTreeSet::new();
    for (file, names, seconds, more, (miss_seconds, miss_more)) in cases {
        let policy = policies.iter().find(|policy| policy.file == *file && policy.correlation.is_some());
        let policy = policy.unwrap_or_else(|| unreachable!("{file} is not among the policies"));
        check(policy, sequence(names, *seconds, more), Truth::True);
        check(policy, sequence(names, *miss_seconds, miss_more), Truth::False);
        let fewer = &names[..names.len() - 1];
        check(policy, sequence(fewer, *seconds, more), Truth::False);
        tried.insert(*file);
    }
    let counting: BTreeSet<&str> =
        policies.iter().filter(|policy| policy.correlation.is_some()).map(|policy| policy.file.as_str()).collect();
    assert_eq!(tried, counting, "each rule that counts has a case");
}

#[test]
fn rules_of_sigmas_first_version_count() {
    let Some(loaded) = loaded("sigma/unsupported", &Placeholders::new()) else { return };
    assert_eq!(loaded.policies.len(), 8);
    let ec2 = r#","eventSource":"ec2.amazonaws.com""#;
    let s3 = r#","eventSource":"s3.amazonaws.com""#;
    let user_data = r#","eventSource":"ec2.amazonaws.com","requestParameters":{"attribute":"userData"}"#;
    let kernel = r#","eventSource":"ec2.amazonaws.com","requestParameters":{"attribute":"kernel"}"#;
    let address = r#","sourceIPAddress":"192.0.2.1""#;
    let lambda = r#","eventSource":"lambda.amazonaws.com""#;
    let ses = r#","eventSource":"ses.amazonaws.com""#;
    fires_and_misses(
        &loaded.policies,
        &[
            ("aws_ec2_download_userdata.yml", &["DescribeInstanceAttribute"; 11], 180, user_data, (180, kernel)),
            ("aws_enum_backup.yml", &["DescribeImages"; 6], 120, ec2, (121, ec2)),
            ("aws_enum_listing.yml", &["ListRoles"; 51], 12, "", (13, "")),
            ("aws_enum_network.yml", &["DescribeDhcpOptions"; 6], 120, ec2, (120, s3)),
            ("aws_enum_storage.yml", &["GetBucketPolicy"; 6], 100, s3, (200, s3)),
            ("aws_macic_evasion.yml", &["DeleteMember"; 6], 1, address, (300, address)),
            ("aws_lambda_function_created_or_invoked.yml", &["Invoke", "CreateFunction"], 3600, lambda, (3601, lambda)),
            ("aws_ses_messaging_enabled.yml", &["VerifyEmailIdentity", "UpdateAccountSendingEnabled"], 300, ses, (301, ses)),
        ],
    );
    // By address: as many from two addresses are not enough.
    let mut two = sequence(&["DeleteMember"; 3], 1, address);
    two.extend(sequence(&["DeleteMember"; 3], 2, r#","sourceIPAddress":"192.0.2.2""#));
    let policy = loaded.policies.iter().find(|policy| policy.file == "aws_macic_evasion.yml").unwrap();
    check(policy, two, Truth::False);
}

#[test]
fn the_rule_with_placeholders_waits_for_its_values() {
    let Some(silent) = loaded("sigma/placeholder", &Placeholders::new()) else { return };
    assert_eq!(silent.policies[0].unconfigured, ["Legitimate_Countries", "Legitimate_IP_Ranges"]);
    let sign_in = r#","responseElements":{"ConsoleLogin":"Success"}"#;
    let one = |more: &str| sequence(&["ConsoleLogin"], 0, &format!("{sign_in}{more}"));
    check(&silent.policies[0], one(""), Truth::False);
    let values = |value: &str| vec![value.to_owned()];
    let known = Placeholders::from([
        ("Legitimate_Countries".to_owned(), values("Japan")),
        ("Legitimate_IP_Ranges".to_owned(), values("192.0.2.*")),
    ]);
    let set = loaded("sigma/placeholder", &known).unwrap();
    check(&set.policies[0], one(r#","src_country":"Japan""#), Truth::False);
    check(&set.policies[0], one(r#","src_country":"Elsewhere""#), Truth::True);
}

#[test]
fn all_rules_of_sigmahq_load_together() {
    let Some(loaded) = loaded("sigma", &Placeholders::new()) else { return };
    let active = loaded.policies.iter().filter(|policy| policy.unconfigured.is_empty()).count();
    assert_eq!((loaded.policies.len(), active), (66, 65));
}

#[test]
fn correlations_of_suzaku_fire() {
    let Some(loaded) = loaded("suzaku-rules", &Placeholders::new()) else { return };
    assert!(loaded.policies.len() + loaded.bases.len() > 780, "{}", loaded.policies.len());
    let who = r#","userIdentity":{"arn":"a","accessKeyId":"AKIAIOSFODNN7EXAMPLE"},"sourceIPAddress":"192.0.2.1""#;
    let with = |more: &str| format!("{who}{more}");
    let (failed, denied) = (
        with(r#","eventSource":"signin.amazonaws.com","responseElements":{"ConsoleLogin":"Failure"}"#),
        with(r#","errorCode":"AccessDenied""#),
    );
    let passed = with(r#","eventSource":"signin.amazonaws.com","responseElements":{"ConsoleLogin":"Success"}"#);
    let iam = with(r#","eventSource":"iam.amazonaws.com""#);
    let counting: Vec<Policy> = loaded.policies.into_iter().filter(|policy| policy.correlation.is_some()).collect();
    let names: BTreeSet<&str> = counting.iter().map(|policy| policy.file.as_str()).collect();
    assert_eq!(names.len(), 5, "{names:?}");
    let named = |part: &str| counting.iter().find(|policy| policy.file.contains(part)).unwrap();
    check(named("many_failed_logins"), sequence(&["ConsoleLogin"; 3], 150, &failed), Truth::True);
    check(named("many_failed_logins"), sequence(&["ConsoleLogin"; 3], 151, &failed), Truth::False);
    check(named("many_failed_logins"), sequence(&["ConsoleLogin"; 3], 1, &passed), Truth::False);
    check(named("many_access_denied"), sequence(&["GetObject"; 10], 60, &denied), Truth::True);
    check(named("many_access_denied"), sequence(&["GetObject"; 9], 60, &denied), Truth::False);
    check(named("many_recon_events"), sequence(&["ListUsers", "ListRoles", "GetUser"], 30, &iam), Truth::True);
    check(named("many_recon_events"), sequence(&["ListUsers", "ListRoles", "ListRoles"], 30, &iam), Truth::False);
    let sources = |first: &str, second: &str, seconds: u32| {
        let mut events = sequence(&[first], 0, &with(r#","eventSource":"sts.amazonaws.com""#));
        let later = sequence(&["Nothing", second], seconds, &with(r#","eventSource":"s3.amazonaws.com""#));
        events.extend(later);
        events
    };
    check(named("s3_enum_after_getcalleridentity"), sources("GetCallerIdentity", "ListBuckets", 300), Truth::True);
    check(named("s3_enum_after_getcalleridentity"), sources("GetCallerIdentity", "ListBuckets", 301), Truth::False);
    check(named("iam_persistence_chain"), sequence(&["CreateUser", "CreateAccessKey"], 600, &iam), Truth::True);
    check(named("iam_persistence_chain"), sequence(&["CreateAccessKey", "CreateUser"], 600, &iam), Truth::False);
}
