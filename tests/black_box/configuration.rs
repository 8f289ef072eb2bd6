//! The configuration from the user's side: `init`, `config check`, `config schema`.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::{Assize, Ran, log, ran, record, text};

const FILES: [&str; 8] = [
    "assize.yaml",
    "known-actors.yaml",
    "waivers.yaml",
    "reviews.yaml",
    ".github/workflows/assize.yml",
    ".gitlab-ci.assize.yml",
    "ecs/assize-task.yaml",
    "ecs/Dockerfile",
];

const EXTERNAL_ID: &str = "canary-7c1d-external";

/// Runs with the external id in the environment.
fn with_external_id(assize: &Assize, args: &[&str]) -> Ran {
    ran(&assize.command(args).env("ASSIZE_EXTERNAL_ID", EXTERNAL_ID).stdin(Stdio::null()).output().unwrap())
}

/// Replaces every placeholder, as a user would.
fn fill_in(assize: &Assize) {
    let filled = [
        ("<name of the organisation>", "Example"),
        ("<audit bucket>", "example-audit"),
        ("<home region>", "eu-west-1"),
        ("<audit account>", "012345678901"),
        ("<log archive account>", "222233334444"),
        ("<delegated administrator account>", "333344445555"),
        ("<first account>", "111122223333"),
        ("<second account>", "444455556666"),
        ("<its name>", "payments"),
    ];
    let written = text(&assize.path("assize.yaml"));
    assize.file("assize.yaml", filled.iter().fold(written, |text, (placeholder, value)| text.replace(placeholder, value)));
}

#[test]
fn init_writes_what_check_accepts_once_it_is_filled_in() {
    for preset in ["control-tower", "organization", "accounts"] {
        let assize = Assize::new();
        let init = assize.run(&["init", "--preset", preset]);
        assert_eq!((init.code, init.err.as_str()), (0, ""));
        for file in FILES {
            assert!(init.out.contains(file) && assize.path(file).is_file(), "{preset}: {file}\n{}", init.out);
        }
        let unfilled = with_external_id(&assize, &["config", "check"]);
        assert_eq!((unfilled.code, unfilled.out.as_str()), (2, ""));
        assert!(unfilled.err.contains("error[placeholder]: `<audit bucket>` is still to be filled in"), "{}", unfilled.err);
        fill_in(&assize);
        let checked = with_external_id(&assize, &["config", "check"]);
        assert_eq!((checked.code, checked.err.as_str()), (0, ""), "{preset}");
        assert!(checked.out.starts_with("assize.yaml: no mistake found\n"), "{}", checked.out);
    }
}

#[test]
fn init_says_what_to_do_next_and_check_says_what_was_understood() {
    let assize = Assize::new();
    let init = assize.run(&["init", "--preset", "control-tower"]);
    insta::assert_snapshot!(init.out, @r"
    wrote
      assize.yaml                   the configuration; fill in what stands in <brackets>
      known-actors.yaml             filters for your own automation; they hide nothing yet
      waivers.yaml                  exceptions; none yet
      reviews.yaml                  who looked at findings; nobody yet
      .github/workflows/assize.yml  hourly run on GitHub Actions
      .gitlab-ci.assize.yml         scheduled run on GitLab
      ecs/assize-task.yaml          hourly run in the audit account (CloudFormation)
      ecs/Dockerfile                the image for it

    next
      assize config check assize.yaml                  # what is still to be filled in; ASSIZE_EXTERNAL_ID must be set
      assize role --format cloudformation --out roles  # the roles and policies to deploy
      assize doctor                                    # what the first run will be able to see
    ");
    fill_in(&assize);
    let checked = with_external_id(&assize, &["config", "check"]);
    let policies = checked.out.lines().find(|line| line.starts_with("  policies  ")).unwrap().to_owned();
    insta::assert_snapshot!(checked.out.replace(&format!("{policies}\n"), ""), @r"
    assize.yaml: no mistake found
      accounts  0 accounts listed, and all of the organisation (0 exclusions)
      regions   all that an account has enabled
      sources   s3://aws-controltower-logs-222233334444-eu-west-1/, read in place
      audit     s3://example-audit/assize
      findings  0 waivers, 0 reviews
    ");
}

/// A change of a network by a session of a role, made by itself or by a service for it.
fn by_role(number: u32, role: &str, invoked_by: Option<&str>) -> String {
    let (account, name) = role.split_once('/').unwrap();
    let mut record: Value = serde_json::from_str(&record(number, "ec2.amazonaws.com", "CreateVpc")).unwrap();
    record["userIdentity"] = json!({
        "type": "AssumedRole",
        "arn": format!("arn:aws:sts::{account}:assumed-role/{name}/session"),
        "accountId": "111122223333",
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": format!("arn:aws:iam::{account}:role/{name}"), "userName": name}},
    });
    if let Some(service) = invoked_by {
        record["userIdentity"]["invokedBy"] = json!(service);
    }
    record.to_string()
}

#[test]
fn filters_that_init_writes_hide_nothing_until_they_are_filled_in() {
    let assize = Assize::new();
    assert_eq!(assize.run(&["init"]).code, 0);
    let check = |policies: &str| {
        let checked = assize.run(&["policy", "check", "built-in", policies]);
        assert_eq!(checked.code, 0, "{}", checked.err);
        checked.out
    };
    let said = check("known-actors.yaml");
    assert!(said.contains("3 filters") && said.contains("no mistake found"), "{said}");
    let written = text(&assize.path("known-actors.yaml"));
    let filled = written.replace("<account>", "111122223333").replace("<deployment role>", "deploy");
    let whole: String = filled
        .lines()
        .map(|line| {
            line.strip_prefix('#')
                .filter(|rest| !rest.starts_with([' ', '#']) || rest.starts_with("  "))
                .unwrap_or(line)
                .to_owned()
                + "\n"
        })
        .collect();
    assize.file("filled.yaml", &filled).file("whole.yaml", &whole);
    assert!(check("whole.yaml").contains("5 filters"), "{whole}");
    let service = Some("cloudformation.amazonaws.com");
    let records = [
        by_role(1, "111122223333/deploy", None),
        by_role(2, "444455556666/deploy", None),
        by_role(3, "111122223333/<deployment role>", None),
        by_role(4, "111122223333/AWSControlTowerExecution", service),
        by_role(5, "111122223333/AWSControlTowerExecution", None),
        by_role(6, "111122223333/somebody", None),
    ];
    assize.file("a.json", log(&records));
    let left = |policies: &[&str]| {
        let (_, document) = assize.scan("a.json", &[policies, &["--select", "vpc-changed"]].concat());
        document["policies"][0]["matches"].as_u64().unwrap()
    };
    assert_eq!(left(&[]), 6);
    assert_eq!(left(&["--policies", "built-in", "--policies", "known-actors.yaml"]), 6, "nothing is hidden");
    assert_eq!(left(&["--policies", "built-in", "--policies", "filled.yaml"]), 5, "the role that was filled in, in its account");
    assert_eq!(
        left(&["--policies", "built-in", "--policies", "whole.yaml"]),
        4,
        "and what a service does as Control Tower's role"
    );
}

#[test]
fn init_never_overwrites_unless_it_is_told_to() {
    let assize = Assize::new();
    assize.file("there/ecs/assize-task.yaml", "mine");
    let refused = assize.run(&["init", "--dir", "there"]);
    assert_eq!((refused.code, refused.out.as_str()), (2, ""));
    assert!(refused.err.contains("nothing was written: there/ecs/assize-task.yaml; --force overwrites"), "{}", refused.err);
    assert!(!assize.path("there/assize.yaml").exists(), "all or nothing");
    let forced = assize.run(&["init", "--dir", "there", "--force"]);
    assert_eq!(forced.code, 0, "{}", forced.err);
    assert!(forced.out.contains("assize doctor --config there/assize.yaml"), "{}", forced.out);
    assert_ne!(text(&assize.path("there/ecs/assize-task.yaml")), "mine");
    let again = assize.run(&["init", "--dir", "there", "--force"]);
    assert_eq!((again.code, again.out), (0, forced.out), "the same again");
    assize.file("a-file", "x");
    let inside = assize.run(&["init", "--dir", "a-file"]);
    assert_eq!(inside.code, 2);
    assert!(inside.err.contains("cannot write a-file/assize.yaml"), "{}", inside.err);
}

#[test]
fn mistakes_are_shown_at_once_and_no_external_id_with_them() {
    let assize = Assize::new();
    assize.file(
        "assize.yaml",
        "name: e\npartiton: aws\naudit: {bucket: s3://Audit}\naccounts: {list: [1]}\n\
         role: {external-id: 'literal canary', session-name: '${env:ASSIZE_EXTERNAL_ID} x', duration: 3}\n",
    );
    for verbosity in
        [&["config", "check"][..], &["config", "check", "-vvv"], &["config", "check", "--log-format", "json", "-vvv"]]
    {
        let ran = with_external_id(&assize, verbosity);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        assert!(!ran.err.contains("canary"), "{}", ran.err);
        assert!(ran.err.contains("6 errors, 0 warnings\nerror: the configuration has mistakes; nothing was read"), "{}", ran.err);
    }
}

#[test]
fn a_name_that_leads_to_no_policy_is_a_mistake() {
    let assize = Assize::new();
    let small = "name: e\naudit: {bucket: 'file://audit'}\naccounts: {list: [111122223333]}\n";
    assize.file("assize.yaml", format!("{small}policies: {{select: [trail-*, root-usde], paths: [built-in, ours]}}\n"));
    let missing = assize.run(&["config", "check"]);
    assert!(missing.code == 2 && missing.err.contains("error[missing-path]: ours does not exist"), "{}", missing.err);
    assize.file(
        "ours/p.yaml",
        "id: root-used-by-us\ntitle: P\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\ndetection: {a: {eventName: X}, condition: a}\n",
    );
    let unknown = assize.run(&["config", "check"]);
    assert_eq!(unknown.code, 2);
    assert!(
        unknown.err.contains("assize.yaml:4:30: error[unknown-name]: no policy that is loaded is called `root-usde`"),
        "{}",
        unknown.err
    );
    assize.file("assize.yaml", format!("{small}policies: {{select: [trail-*, root-used-by-us], paths: [built-in, ours]}}\n"));
    let good = assize.run(&["config", "check"]);
    assert_eq!(good.code, 0, "{}", good.err);
}

#[test]
fn warnings_are_shown_and_stop_nothing() {
    let assize = Assize::new();
    assize.file("c.yaml", "name: e\naudit: {bucket: 'file://audit'}\naccounts: {organization: {}}\nregions: [eu-wset-1]\n");
    let ran = assize.run(&["config", "check", "c.yaml"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out.contains("c.yaml:4:11: warning[unknown-region]") && ran.out.contains("did you mean `eu-west-1`?"),
        "{}",
        ran.out
    );
}

#[test]
fn the_file_is_found_or_named() {
    let assize = Assize::new();
    let none = assize.run(&["config", "check"]);
    assert_eq!(
        (none.code, none.err.as_str()),
        (2, "error: there is no configuration at assize.yaml; `assize init` writes one\n")
    );
    assize.file(
        "assize.json",
        r#"{"name": "e", "audit": {"bucket": "s3://example-audit"}, "accounts": {"list": ["012345678901"]}}"#,
    );
    let json = assize.run(&["config", "check"]);
    assert!(json.code == 0 && json.out.starts_with("assize.json: no mistake found"), "{}{}", json.out, json.err);
    assize.file("bad.yaml", b"name: \xff\n");
    let bytes = assize.run(&["config", "check", "bad.yaml"]);
    assert!(bytes.code == 2 && bytes.err.contains("cannot read the configuration bad.yaml"), "{}", bytes.err);
    assert_eq!(assize.run(&["config", "check", "."]).code, 2);
}

#[test]
fn the_schema_is_printed_for_editors() {
    let ran = Assize::new().run(&["config", "schema"]);
    let schema: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, schema["$schema"].as_str()), (0, Some("https://json-schema.org/draft/2020-12/schema")));
    assert!(schema["properties"]["audit"]["properties"]["bucket"]["description"].is_string());
}
