//! Templates of some configurations, held against snapshots, AWS's grammar, and what the code calls.

mod calls;
mod documents;
mod structure;

use super::needs::Needs;
use super::parameter::{self, Values};
use super::{Artifact, Format, Made, Part, RoleError, of_needs, reference};
use crate::config::{Config, ConfigError};

/// An organisation with one of everything.
pub(super) const EVERYTHING: &str = r#"
name: example
audit:
  bucket: s3://example-audit/assize
  region: eu-west-1
  kms-key: arn:aws:kms:eu-west-1:444455556666:alias/assize-audit
  object-lock: {mode: compliance, days: 400}
role:
  name: audit/AssizeAudit
  external-id: canary-external-id
  duration: 2h
  session-tags: {team: audit, on: "no"}
accounts:
  organization:
    role: {arn: "arn:aws:iam::999988887777:role/OrganizationReader", external-id: canary-organization-id}
  list:
    - "111122223333"
    - {id: "222233334444", role: {name: Special, session-tags: {}, via: ["arn:aws:iam::121212121212:role/Gate"]}}
sources:
  - {trails: discovered, mode: copy}
  - {bucket: aws-controltower-logs, prefix: o-abc, account: "333344445555", mode: in-place}
  - {bucket: partner-logs, mode: copy}
event-history: {max-accounts: 3}
notifications: {queue: "https://sqs.eu-west-1.amazonaws.com/333344445555/assize", account: "333344445555"}
"#;

/// Everything in place, from one log archive, without anything optional.
pub(super) const ARCHIVE: &str = r#"
name: example
audit: {bucket: s3://example-audit, region: eu-west-1}
accounts: {list: ["111122223333", "222233334444"]}
regions: [eu-west-1]
sources:
  - {bucket: log-archive, region: eu-west-1, account: "333344445555", mode: in-place}
event-history: {max-accounts: 0}
"#;

/// Another partition, and a key by its ARN.
pub(super) const CHINA: &str = r#"
name: example
partition: aws-cn
audit: {bucket: s3://example-audit, region: cn-north-1, kms-key: "arn:aws-cn:kms:cn-north-1:444455556666:key/0a0a0a0a-1111-2222-3333-444444444444"}
role: {external-id: canary-external-id}
accounts: {organization: {}}
regions: [cn-north-1, cn-northwest-1]
"#;

pub(super) const ALL: [(&str, &str); 3] = [("everything", EVERYTHING), ("archive", ARCHIVE), ("china", CHINA)];

pub(super) fn config(text: &str) -> Config {
    match Config::parse("assize.yaml", text, &|_| None) {
        Ok(config) => config,
        Err(ConfigError::Mistakes { diagnostics, file }) => panic!("{}", crate::diagnostics::render(&diagnostics, &[file])),
        Err(error) => panic!("{error}"),
    }
}

pub(super) fn needs(text: &str) -> Needs {
    Needs::of(&config(text))
}

pub(super) fn made(text: &str, part: Option<Part>, format: Format) -> Made {
    of_needs(&needs(text), part, format, &Values::new()).unwrap()
}

/// All files, one after another.
fn files(artifacts: &[Artifact]) -> String {
    artifacts.iter().map(|artifact| format!("==> {} <==\n{}\n", artifact.path, artifact.text)).collect()
}

#[test]
fn cloudformation_of_everything() {
    insta::assert_snapshot!(files(&made(EVERYTHING, None, Format::CloudFormation).artifacts));
}

#[test]
fn terraform_of_everything() {
    insta::assert_snapshot!(files(&made(EVERYTHING, None, Format::Terraform).artifacts));
}

#[test]
fn json_of_one_log_archive() {
    insta::assert_snapshot!(made(ARCHIVE, None, Format::Json).one_object());
}

#[test]
fn json_of_another_partition() {
    let values = parameter::read(&[
        "hub-role-arn=arn:aws-cn:iam::444455556666:role/AssizeHub".to_owned(),
        "organization-id=o-exampleorgid".to_owned(),
        "runner=ecs".to_owned(),
    ]);
    let made = of_needs(&needs(CHINA), None, Format::Json, &values.unwrap()).unwrap();
    insta::assert_snapshot!(made.one_object());
}

#[test]
fn the_same_configuration_gives_the_same_files() {
    for format in [Format::CloudFormation, Format::Terraform, Format::Json] {
        assert_eq!(made(EVERYTHING, None, format).artifacts, made(EVERYTHING, None, format).artifacts);
    }
}

#[test]
fn no_external_id_is_printed() {
    for format in [Format::CloudFormation, Format::Terraform, Format::Json] {
        assert!(!files(&made(EVERYTHING, None, format).artifacts).contains("canary"));
    }
}

#[test]
fn a_folder_has_no_bucket_to_make() {
    let folder = ARCHIVE.replace("s3://example-audit, region: eu-west-1", "file://audit");
    let refused = of_needs(&needs(&folder), Some(Part::Bucket), Format::Json, &Values::new());
    assert!(matches!(refused, Err(RoleError::NoBucket)));
    let names: Vec<String> = made(&folder, None, Format::CloudFormation).artifacts.into_iter().map(|file| file.path).collect();
    assert_eq!(names, ["hub.yaml", "member.yaml"]);
}

#[test]
fn what_is_set_becomes_a_default_and_slips_are_told() {
    let set = |text: &str| parameter::read(&[text.to_owned()]);
    let values = set("organization-id=o-exampleorgid").unwrap();
    let hub = of_needs(&needs(EVERYTHING), Some(Part::Hub), Format::CloudFormation, &values).unwrap();
    assert!(files(&hub.artifacts).contains("Default: o-exampleorgid"));
    let said = |text| set(text).unwrap_err().to_string();
    assert_eq!(said("runner"), "--set takes NAME=VALUE, and `runner` has no `=`");
    assert_eq!(said("runner=jenkins"), "--set runner: must be one of github, gitlab, ecs");
    assert_eq!(said("hub-role-arn=Hub"), "--set hub-role-arn: must be an ARN: arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE");
    assert!(said("hub=x").starts_with("--set: there is no parameter `hub`; there are: hub-role-arn, external-id"));
    assert_eq!(said("gitlab-host=a\nb"), "--set gitlab-host: must be plain ASCII text");
}

#[test]
fn event_history_is_said_to_cover_nothing() {
    let row = super::actions::TABLE.iter().find(|row| row.action == "cloudtrail:LookupEvents").unwrap();
    assert!(row.without.contains("Event history covers nothing"), "{}", row.without);
}

#[test]
fn permissions_page_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/permissions.md");
    if std::env::var_os("ASSIZE_UPDATE").is_some() {
        std::fs::write(path, reference::page()).unwrap();
    }
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(page == reference::page(), "docs/permissions.md: run `ASSIZE_UPDATE=1 cargo test permissions_page`");
}
