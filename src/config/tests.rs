//! Whole files: what they give, and every mistake in them.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::cli::Format;
use crate::diagnostics;

/// The least that is a configuration.
pub(super) const SMALL: &str = "name: example\naudit: {bucket: s3://example-audit}\naccounts: {list: [111122223333]}\n";

fn no_variables(_: &str) -> Option<String> {
    None
}

fn good(text: &str) -> Config {
    good_with(text, &no_variables)
}

fn good_with(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Config {
    match Config::parse("etc/assize.yaml", text, env) {
        Ok(config) => config,
        Err(ConfigError::Mistakes { diagnostics, file }) => panic!("{}", diagnostics::render(&diagnostics, &[file])),
        Err(error) => panic!("{error}"),
    }
}

fn mistakes(text: &str) -> String {
    mistakes_with(text, &no_variables)
}

fn mistakes_with(text: &str, env: &dyn Fn(&str) -> Option<String>) -> String {
    match Config::parse("assize.yaml", text, env) {
        Err(ConfigError::Mistakes { diagnostics, file }) => diagnostics::render(&diagnostics, &[file]),
        other => panic!("{text}\nmust be refused, got {other:?}"),
    }
}

/// `line:column code` of each mistake in [`SMALL`] with more lines after it; those begin on line 4.
fn codes(more: &str) -> Vec<String> {
    let text = format!("{SMALL}{more}");
    let found = match Config::parse("assize.yaml", &text, &no_variables) {
        Ok(config) => config.warnings,
        Err(ConfigError::Mistakes { diagnostics, .. }) => diagnostics,
        Err(error) => panic!("{error}"),
    };
    found.iter().map(|one| format!("{}:{} {}", one.span.at.line, one.span.at.column, one.code)).collect()
}

/// As [`codes`], for a file in which `accounts` says something else.
fn account_codes(accounts: &str) -> Vec<String> {
    let text = format!("name: e\naudit: {{bucket: s3://example-audit}}\naccounts:\n{accounts}");
    let found = match Config::parse("assize.yaml", &text, &no_variables) {
        Ok(config) => config.warnings,
        Err(ConfigError::Mistakes { diagnostics, .. }) => diagnostics,
        Err(error) => panic!("{error}"),
    };
    found.iter().map(|one| format!("{}:{} {}", one.span.at.line, one.span.at.column, one.code)).collect()
}

#[test]
fn what_is_not_said_has_a_default() {
    let config = good(SMALL);
    assert_eq!(config.warnings, []);
    assert_eq!((config.name.as_str(), config.partition), ("example", Partition::Aws));
    assert_eq!(config.regions, RegionsConfig::AllEnabled);
    assert_eq!(config.role.arn(config.partition, "111122223333"), "arn:aws:iam::111122223333:role/AssizeAudit");
    assert_eq!(config.role.session_duration(), Duration::from_secs(3600));
    assert_eq!(config.sources, [SourceConfig { kind: SourceKind::Discovered, mode: Mode::Copy }]);
    assert_eq!(config.relist, RelistConfig { each_run: 2, daily: 7, weekly: 30 });
    assert_eq!(config.event_history.max_accounts, 5);
    assert_eq!((config.limits.max_requests, config.limits.deadline, config.limits.max_object), (None, None, 2 << 30));
    assert!(config.policies.built_in && config.policies.paths.is_empty() && config.policies.select.is_empty());
    assert_eq!(config.report.formats, [Format::Html, Format::Markdown, Format::Json]);
    assert_eq!(
        (config.judge.horizon, config.judge.evidence),
        (Duration::from_secs(3 * 3600), assize_engine::policy::Evidence::Verified)
    );
    assert_eq!((config.waivers.len(), config.notifications, config.calendar), (0, None, None));
    assert_eq!(config.sha256.len(), 64);
}

pub(super) const FULL: &str = "\
name: example
partition: aws
audit:
  bucket: s3://${env:AUDIT_BUCKET}/assize/
  region: eu-west-1
  owner: 012345678901
  kms-key: arn:aws:kms:eu-west-1:012345678901:key/1234abcd-12ab-34cd-56ef-1234567890ab
  object-lock: {mode: compliance, days: 400}
role:
  name: /audit/AssizeAudit
  external-id: ${env:EXTERNAL_ID}
  session-name: assize-ci
  duration: 1h
  session-tags: {team: security, Cost Center: '42'}
  via: ['arn:aws:iam::012345678901:role/Hub', {arn: 'arn:aws:iam::012345678901:role/Second', external-id: second-id}]
accounts:
  list:
    - 444455556666
    - id: 111122223333
      name: payments
      env: prod
      tags: {team: payments}
      role: {name: OtherName, via: []}
      regions: [us-east-1, eu-west-1]
      enrolled: 2026-01-15
  organization:
    role: {arn: 'arn:aws:iam::012345678901:role/AssizeOrganization', external-id: org-id}
    include: {ous: [ou-ab12-cdef3456], tags: {audit: ['yes', true]}}
    exclude:
      - {account: [777788889999, 888899990000], reason: closed next month}
      - {ou: ou-ab12-sandbox01, reason: sandboxes}
      - {tag: {lifecycle: sandbox}, reason: sandboxes by tag}
    env-from-tag: environment
regions: [eu-west-1, eu-central-1]
sources:
  - {trails: discovered, mode: copy}
  - {bucket: example-logs, prefix: o-exampleorg/, account: 012345678901, region: eu-west-1, mode: in-place}
  - bucket: s3://example-other/trail
event-history: {max-accounts: 3}
relist: {each-run: 1, daily: 3, weekly: 14}
limits: {concurrency: 8, max-requests: 500000, max-object: 512MiB, deadline: 50m}
policies:
  paths: [built-in, ours/]
  frameworks: [cis-aws-foundations-3.0.0]
  select: [trail-*, root-used]
  overrides:
    - {policies: 'root-*', accounts: {env: dev, id: [111122223333], tags: {team: a}}, level: medium}
waivers: waivers.yaml
report: {fail-on: critical, min-coverage: 99.5, formats: [text, html], templates: templates, timezone: '+09:00'}
judge: {settle: 90m, horizon: 4h, period: 30d}
calendar: {zone: Asia/Tokyo, working-hours: 08:30-19:00, working-days: [mon, sat], holidays: [japan, 2026-12-29, {date: 2026-01-01, name: Ours}]}
notifications: {queue: 'https://sqs.eu-west-1.amazonaws.com/012345678901/assize', account: 012345678901}
signing: {key-file: signing.pem}
time-stamp: {url: 'http://time.example.com/tsa', roots: roots.pem}
";

fn variables(name: &str) -> Option<String> {
    match name {
        "AUDIT_BUCKET" => Some("example-audit".to_owned()),
        "EXTERNAL_ID" => Some("canary-5e1f".to_owned()),
        _ => None,
    }
}

#[test]
fn every_part_is_read() {
    let config = good_with(FULL, &variables);
    assert_eq!(config.warnings, []);
    let Location::S3(audit) = &config.audit.location else { panic!("{:?}", config.audit) };
    assert_eq!((audit.bucket.as_str(), audit.prefix.as_str()), ("example-audit", "assize"));
    assert_eq!(audit.owner.as_deref(), Some("012345678901"));
    assert_eq!(audit.object_lock, Some(ObjectLock { mode: LockMode::Compliance, days: 400 }));
    assert_eq!(config.role.name, "audit/AssizeAudit");
    assert_eq!(config.role.external_id.as_ref().map(ExternalId::expose), Some("canary-5e1f"));
    assert_eq!(config.role.via.len(), 2);
    assert_eq!(config.role.session_tags["Cost Center"], "42");

    let ids: Vec<&str> = config.accounts.listed.iter().map(|account| account.id.as_str()).collect();
    assert_eq!(ids, ["111122223333", "444455556666"], "sorted");
    let own = config.role_of("111122223333");
    assert_eq!((own.name.as_str(), own.session_name.as_str()), ("OtherName", "assize-ci"), "the rest is inherited");
    assert!(own.via.is_empty() && own.external_id.is_some());
    assert_eq!(config.role_of("999988887777").name, "audit/AssizeAudit");
    assert_eq!(*config.regions_of("111122223333"), RegionsConfig::Listed(vec!["eu-west-1".into(), "us-east-1".into()]));
    assert_eq!(config.account("111122223333").unwrap().enrolled, Some(1_768_435_200));

    let organization = config.accounts.organization.as_ref().unwrap();
    assert_eq!(organization.include_tags["audit"], ["yes", "true"]);
    assert_eq!(organization.exclude.len(), 4);
    assert_eq!(organization.role.as_ref().unwrap().via, config.role.via, "the way there is the same");
    let source = &config.sources[1];
    let SourceKind::Bucket(bucket) = &source.kind else { panic!("{source:?}") };
    assert_eq!((bucket.prefix.as_str(), source.mode), ("o-exampleorg", Mode::InPlace));
    assert!(matches!(&config.sources[2].kind, SourceKind::Bucket(bucket) if bucket.prefix == "trail"));
    assert_eq!(config.policies.paths, [PathBuf::from("etc/ours/")]);
    assert_eq!(config.policies.overrides[0].accounts.envs, ["dev"]);
    assert_eq!(config.waivers, [PathBuf::from("etc/waivers.yaml")]);
    assert_eq!(config.report.min_coverage, Percent(9_950));
    assert_eq!(config.report.templates, Some(PathBuf::from("etc/templates")));
    assert_eq!(config.notifications.as_ref().unwrap().region, "eu-west-1");
    assert_eq!(config.limits.deadline, Some(Duration::from_secs(3000)));
    assert_eq!(config.signing, Some(SigningKeyPlace::File(PathBuf::from("etc/signing.pem"))));
    let authority = config.time_stamp.as_ref().unwrap();
    assert_eq!((authority.url.as_str(), authority.roots.as_path()), ("http://time.example.com/tsa", Path::new("etc/roots.pem")));
}

#[test]
fn policies_know_the_roles_that_are_assumed() {
    let own = |more: &str| good(&format!("{SMALL}{more}")).policies.placeholders.get("own_roles").cloned().unwrap_or_default();
    assert_eq!(own(""), ["AssizeAudit"]);
    assert_eq!(own("role: {name: audit/Reader}\n"), ["Reader"]);
    assert_eq!(own("policies: {placeholders: {own_roles: [Mine], other: [x]}}\n"), ["Mine"]);
    assert_eq!(own("role: {via: ['arn:aws:iam::999988887777:role/hub/AssizeAudit']}\n"), [""; 0], "it assumes others too");
    let listed = "name: Example\naudit: {bucket: 'file://audit'}\naccounts: {list: [111122223333, {id: 444455556666, role: {name: Special}}]}\n";
    assert_eq!(good(listed).policies.placeholders["own_roles"], ["AssizeAudit", "Special"]);
}

#[test]
fn a_calendar_is_read() {
    let calendar = good_with(FULL, &variables).calendar.unwrap();
    let at = |text: &str| {
        let moment = calendar.at(assize_engine::time::parse(text).unwrap()).unwrap();
        (moment.day.name(), moment.holiday, moment.working)
    };
    assert_eq!(at("2026-11-20T23:29:59Z"), ("working-day", None, false));
    assert_eq!(at("2026-11-20T23:30:00Z"), ("working-day", None, true));
    assert_eq!(at("2026-11-21T09:59:59Z"), ("working-day", None, true));
    assert_eq!(at("2026-11-21T10:00:00Z"), ("working-day", None, false));
    assert_eq!(at("2026-11-20T03:00:00Z"), ("weekend", None, false));
    assert_eq!(at("2026-11-23T03:00:00Z"), ("holiday", Some("Labor Thanksgiving Day"), false));
    assert_eq!(at("2026-12-29T03:00:00Z"), ("holiday", Some("2026-12-29"), false));
    assert_eq!(at("2026-01-01T03:00:00Z"), ("holiday", Some("Ours"), false));
}

#[test]
fn a_json_file_is_read_by_the_same_reader() {
    let text = "{\n\t\"name\": \"example\",\n\t\"audit\": {\"bucket\": \"file://audit\"},\n\t\"accounts\": {\"list\": [{\"id\": \"012345678901\"}]},\n\t\"limits\": {\"concurrency\": 4}\n}\n";
    let config = good(text);
    assert_eq!(config.audit.location, Location::Folder(PathBuf::from("etc/audit")));
    assert_eq!((config.accounts.listed[0].id.as_str(), config.limits.concurrency), ("012345678901", 4));
}

pub(super) const TWENTY: &str = "\
nmae: example
partition: aws-cn
audit:
  bucket: s3://Example_Audit/assize
  region: eu-west-1
  kms-key: alias/audit
  object-lock: {days: 0}
role:
  name: Assize Audit
  external-id: no secrets, please
  session-name: ${env:SESSION}
  session-tags: {'aws:x': 1}
  via: ['arn:aws:iam::111122223333:role/Hub']
accounts:
  list:
    - 12345678901
    - {id: 111122223333, env: '${env:ENVIRONMENT}'}
    - 111122223333
  organization:
    exclude: [{account: 444455556666}]
regions: [cn-north-1, eu-west-1]
sources: [{mode: in-place}]
limits: {deadline: 50}
report: {fail-on: hihg}
judge: {settle: }
";

#[test]
fn twenty_mistakes_are_shown_at_once() {
    insta::assert_snapshot!(mistakes(TWENTY));
}

#[test]
fn nothing_from_the_environment_and_no_external_id_is_ever_shown() {
    let secret = |_: &str| Some("canary secret 77 ${".to_owned());
    let text = "\
name: ${env:A}
audit: {bucket: '${env:A}', kms-key: '${env:A}'}
role: {external-id: '${env:A}', session-name: '${env:A}', via: ['${env:A}', {arn: '${env:A}', external-id: 'canary ${env:A}'}]}
accounts: {organization: {role: '${env:A}'}}
sources: [{bucket: '${env:A}'}, {bucket: 's3://${env:A}/x'}]
notifications: {queue: '${env:A}'}
external_id: canary-78
";
    let shown = mistakes_with(text, &secret);
    assert!(shown.contains("13 errors"), "{shown}");
    assert!(!shown.contains("canary"), "{shown}");
    let config = good_with(FULL, &variables);
    let debug = format!("{config:?}");
    assert!(!debug.contains("canary") && !debug.contains("second-id") && !debug.contains("org-id"), "{debug}");
}

#[test]
fn a_variable_must_be_set_and_may_stand_in_marked_keys_only() {
    let unset = mistakes("name: e\naudit: {bucket: 's3://${env:NOT_SET}'}\naccounts: {list: [111122223333]}\n");
    assert!(unset.contains("2:17: error[unset-variable]: the environment variable `NOT_SET` is not set, or empty"), "{unset}");
    assert_eq!(codes("waivers: ${env:X}\n"), ["4:10 no-substitution"]);
    assert_eq!(codes("role: {external-id: '${X}'}\n"), ["4:21 bad-substitution"]);
    assert_eq!(codes("role: {external-id: '${env:X'}\n"), ["4:21 bad-substitution"]);
    assert_eq!(codes("role: {external-id: '${env:X:-default}'}\n"), ["4:21 bad-substitution"]);
}

#[test]
fn files_that_are_no_configuration() {
    for (text, code) in [
        ("", "empty-file"),
        ("# nothing\n", "empty-file"),
        ("- a\n", "wrong-type"),
        ("name: a\n---\nname: b\n", "several-documents"),
        ("name: [a\nb: c\n", "yaml-syntax"),
        ("name: a\nname: b\n", "duplicate-key"),
    ] {
        let shown = mistakes(text);
        assert!(shown.contains(&format!("error[{code}]")), "{text:?}: {shown}");
    }
}

#[test]
fn placeholders_must_be_filled_in() {
    assert_eq!(codes("report: {templates: <your folder>}\n"), ["4:21 placeholder"]);
    assert_eq!(codes("role: {external-id: <external id>}\n"), ["4:21 placeholder"]);
    assert_eq!(codes("report: {templates: 'a<1>'}\n"), [""; 0]);
}

#[test]
fn accounts_must_make_sense() {
    assert_eq!(account_codes("  {}\n"), ["4:3 no-accounts"]);
    assert_eq!(account_codes("  list: []\n"), ["4:3 no-accounts"]);
    assert_eq!(account_codes("  list:\n"), ["4:3 empty-key"]);
    assert_eq!(account_codes("  organization:\n"), ["4:3 empty-key"]);
    assert_eq!(account_codes("  organization: {}\n"), [""; 0]);
    assert_eq!(account_codes("  list: [[1]]\n"), ["4:10 wrong-type"]);
    let excluded = "  list: [111122223333]\n  organization: {exclude: [{account: '111122223333', reason: r}]}\n";
    assert_eq!(account_codes(excluded), ["4:10 listed-and-excluded"]);
    let twice = "  organization: {include: {ous: [ou-ab12-cdef3456]}, exclude: [{ou: ou-ab12-cdef3456, reason: r}]}\n";
    assert_eq!(account_codes(twice), ["4:69 included-and-excluded"]);
    let both = "  organization: {exclude: [{ou: ou-ab12-cdef3456, account: '111122223333', reason: r}, {reason: r}, {ou: r-ab12, reason: ' '}]}\n";
    assert_eq!(account_codes(both), ["4:28 bad-exclusion", "4:88 bad-exclusion", "4:101 missing-key"]);
}

#[test]
fn sources_must_make_sense() {
    assert_eq!(codes("sources: []\n"), ["4:10 nothing-to-read"]);
    assert_eq!(codes("sources: [{mode: in-place}]\n"), ["4:11 nothing-to-read"]);
    assert_eq!(codes("sources: [{trails: discovered, bucket: abc}]\n"), ["4:11 bad-source"]);
    assert_eq!(codes("sources: [{trails: discovered, prefix: abc}]\n"), ["4:40 bad-source"]);
    assert_eq!(codes("sources: [{trails: discovered}, {trails: discovered}]\n"), ["4:33 overlapping-sources"]);
    assert_eq!(codes("sources: [{bucket: abc, prefix: a}, {bucket: s3://abc/a/b}]\n"), ["4:37 overlapping-sources"]);
    assert_eq!(codes("sources: [{bucket: abc, prefix: a}, {bucket: s3://abc/ab}]\n"), [""; 0]);
    assert_eq!(codes("sources: [{bucket: example-audit, prefix: AWSLogs}]\n"), ["4:11 source-is-audit-bucket"]);
    assert_eq!(codes("sources: [{bucket: s3://abc/a, prefix: b}]\n"), ["4:40 bad-prefix"]);
}

#[test]
fn the_rest_must_make_sense() {
    assert_eq!(codes("role: {duration: 2h, via: ['arn:aws:iam::111122223333:role/Hub']}\n"), ["4:18 chained-session"]);
    assert_eq!(codes("role: {name: 'arn:aws:iam::111122223333:role/Hub'}\n"), ["4:14 bad-role-name"]);
    assert_eq!(codes("role: {session-tags: {Team: a, team: b}}\n"), ["4:32 duplicate-tag"]);
    assert_eq!(codes("regions: eu-west-1\n"), ["4:10 wrong-value"]);
    assert_eq!(codes("regions: []\n"), ["4:10 no-regions"]);
    assert_eq!(codes("regions: [eu-west-1, eu-west-1, eu-wset-1]\n"), ["4:22 duplicate-region", "4:33 unknown-region"]);
    assert_eq!(codes("relist: {each-run: 9}\n"), ["4:9 not-ascending"]);
    assert_eq!(codes("judge: {settle: 4h}\n"), ["4:8 horizon-before-settle"]);
    assert_eq!(
        codes("limits: {concurrency: 0, max-object: 1KiB, max-requests: -1}\n"),
        ["4:23 bad-number", "4:38 bad-size", "4:58 bad-number"]
    );
    assert_eq!(codes("policies: {paths: []}\n"), ["4:19 no-policies"]);
    assert_eq!(
        codes("policies: {select: ['Bad id!'], overrides: [{level: low}, x]}\n"),
        ["4:21 bad-pattern", "4:45 missing-key", "4:59 wrong-type"]
    );
    assert_eq!(
        codes("report: {formats: [pdf, html, html], timezone: Asia/Tokyo}\n"),
        ["4:20 wrong-value", "4:31 duplicate-format", "4:48 bad-timezone"]
    );
    assert_eq!(codes("notifications: {queue: 'http://localhost:4566/000000000000/q'}\n"), ["4:24 missing-key"]);
    assert_eq!(codes("notifications: {region: eu-west-1}\n"), ["4:16 missing-key"]);
    let audit = "name: e\naudit: {bucket: 'file://x', kms-key: 'arn:aws:kms:eu-west-1:111122223333:key/a'}\naccounts: {organization: {}}\n";
    assert!(mistakes(audit).contains("error[only-for-s3]"));
}

#[test]
fn a_signing_key_is_named_once_and_never_written_down() {
    assert_eq!(codes("signing: {}\n"), ["4:10 missing-key"]);
    assert_eq!(codes("signing: {key-file: a.pem, key-env: KEY}\n"), ["4:37 two-keys"]);
    assert_eq!(codes("signing: {kms: arn}\n"), ["4:16 bad-kms-key"]);
    assert_eq!(codes("signing: {kms: 'arn:aws:kms:eu-west-1:111122223333:alias/a'}\n"), ["4:16 bad-kms-key"]);
    assert_eq!(codes("signing: {kms: 'arn:aws-cn:kms:cn-north-1:111122223333:key/a'}\n"), ["4:16 wrong-partition"]);
    assert_eq!(codes("signing: {kms: 'arn:aws:kms:eu-west-1:111122223333:key/a'}\n"), [""; 0]);
    assert_eq!(codes("signing: a.pem\n"), ["4:10 wrong-type"]);
    let stamped = |text: &str| codes(&format!("signing: {{key-file: a.pem}}\ntime-stamp: {text}\n"));
    assert_eq!(stamped("{url: 'https://time.example.com/tsa', roots: a.pem}"), [""; 0]);
    assert_eq!(stamped("{}"), ["5:13 missing-key", "5:13 missing-key"]);
    assert_eq!(stamped("{url: time.example.com, roots: a.pem}"), ["5:19 bad-url"]);
    assert_eq!(stamped("{url: 'https://user:word@time.example.com/', roots: a.pem}"), ["5:19 bad-url"]);
    assert_eq!(codes("time-stamp: {url: 'https://time.example.com/', roots: a.pem}\n"), ["4:13 unsigned-time-stamp"]);
    let config = good(&format!("{SMALL}signing: {{key-env: ASSIZE_SIGNING_KEY}}\n"));
    assert_eq!(config.signing, Some(SigningKeyPlace::Variable("ASSIZE_SIGNING_KEY".to_owned())));
    for pasted in ["MC4CAQAwBQYDK2VwBCIEINkK+canary", "|\n    -----BEGIN PRIVATE KEY-----\n    MC4CAQcanary\n"] {
        let shown = mistakes(&format!("{SMALL}signing:\n  key-env: {pasted}\n"));
        assert!(shown.contains("error[bad-variable]") && !shown.contains("canary") && !shown.contains("MC4"), "{shown}");
    }
}

/// What is left of a good file when something is cut off or broken is refused or read, and shows no external id.
#[test]
fn broken_files_neither_panic_nor_leak() {
    let cut = FULL.char_indices().filter_map(|(at, _)| FULL.get(..at)).map(str::to_owned);
    let lines: Vec<&str> = FULL.lines().collect();
    let broken =
        ["", "- x", "  [", "  {a: 1}", "  \u{7}", "  *a", "\t", "  é: [日本, {}]", "  external-id: [second-id, {a: org-id}]"];
    let replaced = (0..lines.len()).flat_map(|at| {
        let lines = &lines;
        broken.iter().map(move |other| {
            let line = |(index, line)| if index == at { *other } else { line };
            lines.iter().copied().enumerate().map(line).collect::<Vec<_>>().join("\n")
        })
    });
    let mut refused = 0;
    for text in cut.chain(replaced) {
        if let Err(ConfigError::Mistakes { diagnostics, file }) = Config::parse("assize.yaml", &text, &variables) {
            refused += 1;
            let shown = diagnostics::render(&diagnostics, &[file]);
            assert!(!shown.contains("second-") && !shown.contains("org-id") && !shown.contains("canary"), "{text}\n\n{shown}");
        }
    }
    assert!(refused > 1_000, "{refused}");
}

#[test]
fn paths_that_the_file_names_must_exist() {
    let text = format!("{SMALL}waivers: [waivers.yaml]\npolicies: {{paths: [built-in, ours]}}\n");
    let found = read("etc/assize.yaml", &text, &no_variables, &|path| path == Path::new("etc/ours"));
    let Err(ConfigError::Mistakes { diagnostics, .. }) = found else { panic!("must be refused") };
    assert_eq!(diagnostics.len(), 1);
    assert_eq!((diagnostics[0].code, diagnostics[0].message.as_str()), ("missing-path", "etc/waivers.yaml does not exist"));
}

#[test]
fn names_of_policies_must_lead_somewhere() {
    let config = good(&format!("{SMALL}policies: {{select: [trail-*, root-usde], frameworks: [cis]}}\n"));
    let found = config.unknown_names(&["trail-stopped", "root-used"], &["cis"]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].code, found[0].hint.as_deref()), ("unknown-name", Some("did you mean `root-used`?")));
}
