//! `assize role` from the user's side: files, standard output, mistakes.

use serde_json::Value;

use crate::{Assize, text};

/// Its external id is a canary: it must show nowhere.
const CONFIGURATION: &str = "\
name: example
audit: {bucket: s3://example-audit/assize, region: eu-west-1}
role: {external-id: canary-4f1d}
accounts: {list: [\"111122223333\"]}
regions: [eu-west-1]
";

const CANARY: &str = "canary-4f1d";

fn assize(configuration: &str) -> Assize {
    let assize = Assize::new();
    assize.file("assize.yaml", configuration);
    assize
}

#[test]
fn a_folder_gets_one_file_for_each_part() {
    let assize = assize(CONFIGURATION);
    for (format, file) in [("cloudformation", "member.yaml"), ("terraform", "member/main.tf"), ("json", "member.trust.json")] {
        let ran = assize.run(&["role", "--format", format, "--out", format]);
        assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
        assert!(ran.err.contains(&format!("wrote {format}/{file}\n")), "{}", ran.err);
        assert!(!text(&assize.path(format).join(file)).contains(CANARY));
        assert!(!ran.err.contains(CANARY));
    }
    assert!(text(&assize.path("cloudformation/member.yaml")).contains("NoEcho: true"));
}

#[test]
fn standard_output_takes_one_template() {
    let assize = assize(CONFIGURATION);
    let several = assize.run(&["role", "--format", "cloudformation"]);
    assert_eq!((several.code, several.out.as_str()), (2, ""));
    assert_eq!(
        several.err,
        "error: standard output takes one template, and these are several: hub.yaml, bucket.yaml, member.yaml; choose one with --part, or give --out DIR\n"
    );
    let one = assize.run(&["role", "--format", "cloudformation", "--part", "member"]);
    assert_eq!(one.code, 0, "{}", one.err);
    assert!(one.out.starts_with("AWSTemplateFormatVersion: \"2010-09-09\"\n"), "{}", one.out);
    assert_eq!(
        one.err,
        "2 statements for owners of other buckets, keys, topics or roles: --out DIR or --format json shows them\n"
    );
    let terraform = assize.run(&["role", "--format", "terraform", "--part", "bucket"]);
    assert!(terraform.code == 0 && terraform.out.contains("resource \"aws_s3_bucket\" \"audit\" {\n"), "{}", terraform.err);
}

#[test]
fn json_is_one_object_and_takes_values() {
    let hub = "hub-role-arn=arn:aws:iam::444455556666:role/AssizeHub";
    let ran = assize(CONFIGURATION).run(&["role", "--format", "json", "--set", hub, "--set", "external-id=tenant-7"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let documents: Value = serde_json::from_str(&ran.out).unwrap();
    let trust = &documents["member.trust"]["Statement"][0];
    assert_eq!(trust["Principal"]["AWS"], "arn:aws:iam::444455556666:role/AssizeHub");
    assert_eq!(trust["Condition"]["StringEquals"]["sts:ExternalId"], "tenant-7");
    assert_eq!(documents["hub.permissions"]["Statement"][0]["Resource"][0], "arn:aws:iam::111122223333:role/AssizeAudit");
}

#[test]
fn mistakes_stop_before_anything_is_written() {
    let assize = assize(CONFIGURATION);
    let role = ["role", "--format", "json", "--out", "roles"];
    let unknown = assize.run(&[role.as_slice(), &["--set", "hub=x"]].concat());
    assert_eq!((unknown.code, unknown.out.as_str()), (2, ""));
    assert!(unknown.err.starts_with("error: --set: there is no parameter `hub`; there are: hub-role-arn, "), "{}", unknown.err);
    let missing = assize.run(&[role.as_slice(), &["--config", "other.yaml"]].concat());
    assert_eq!((missing.code, missing.out.as_str()), (2, ""));
    assert!(missing.err.contains("there is no configuration at other.yaml"), "{}", missing.err);
    assize.file("assize.yaml", CONFIGURATION.replace("accounts:", "acounts:"));
    let wrong = assize.run(&role);
    assert_eq!((wrong.code, wrong.out.as_str()), (2, ""));
    assert!(wrong.err.contains("unknown key `acounts`"), "{}", wrong.err);
    assize.file("assize.yaml", CONFIGURATION.replace("s3://example-audit/assize, region: eu-west-1", "file://audit"));
    let folder = assize.run(&["role", "--format", "terraform", "--part", "bucket"]);
    assert_eq!(folder.code, 2);
    assert!(folder.err.contains("keeps the audit bucket in a folder"), "{}", folder.err);
    assert!(!assize.path("roles").exists());
}
