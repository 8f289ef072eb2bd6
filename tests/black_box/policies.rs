//! Policies from the user's side: mistakes, tests, lists.

use crate::{Assize, calm, log};

const FIVE_MISTAKES: &str = "\
id: Bad Id
title: Five mistakes
level: hihg
logsource: {product: aws, service: cloudtrail}
colour: red
detection:
  change:
    eventName|contain: Stop
  condition: change and other
";

#[test]
fn five_mistakes_are_shown_at_once_with_lines_carets_and_hints() {
    let assize = Assize::new();
    assize.file("p.yaml", FIVE_MISTAKES);
    let ran = assize.run(&["policy", "check", "p.yaml"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    insta::assert_snapshot!(ran.err, @r#"
    p.yaml:1:5: error[bad-id]: `Bad Id` is not an id
       |
     1 | id: Bad Id
       |     ^^^^^^
       = hint: lower-case words joined by hyphens (`trail-stopped`), or the UUID of a Sigma rule

    p.yaml:3:8: error[wrong-value]: `level` cannot be `hihg`
       |
     3 | level: hihg
       |        ^^^^
       = hint: did you mean `high`?

    p.yaml:5:1: error[unknown-key]: unknown key `colour`
       |
     5 | colour: red
       | ^^^^^^
       = hint: known keys here: author, custom, date, description, detection, evidence, falsepositives, fields, group-by, id, level, license, logsource, modified, name, needs, per, placeholders, population, references, related, remediation, remediation-ja, require, resource, scope, show, simulation, status, tags, taxonomy, tests, threshold, title, title-ja, regression_tests_path

    p.yaml:8:5: error[unknown-modifier]: there is no modifier `contain`
       |
     8 |     eventName|contain: Stop
       |     ^^^^^^^^^^^^^^^^^
       = hint: did you mean `contains`?

    p.yaml:9:25: error[undefined-selection]: there is no selection `other`
       |
     9 |   condition: change and other
       |                         ^^^^^
       = hint: defined are: change

    5 errors, 0 warnings
    error: the policies have mistakes; nothing was read
    "#);
}

#[test]
fn a_scan_with_a_bad_policy_reads_nothing() {
    let assize = Assize::new();
    assize.file("p.yaml", FIVE_MISTAKES).file("a.json", log(&[calm(1)]));
    let ran = assize.run(&["scan", "a.json", "--policies", "p.yaml"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("nothing was read"), "{}", ran.err);
}

#[test]
fn a_scan_says_that_policies_have_warnings_and_goes_on() {
    let policy = "id: p\ntitle: P\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\ndetection: {a: {eventname: X}, condition: a}\n";
    let assize = Assize::new();
    assize.file("p.yaml", policy).file("a.json", log(&[calm(1)]));
    let ran = assize.run(&["scan", "a.json", "--policies", "p.yaml"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, "1 warning about the policies; `assize policy check` shows them\n"));
    let check = assize.run(&["policy", "check", "p.yaml"]);
    assert!(check.code == 0 && check.out.contains("p.yaml:5:17: warning[unknown-field]"), "{}", check.out);
    assert!(check.out.contains("did you mean `eventName`?"), "{}", check.out);
}

#[test]
fn the_built_in_policies_pass_their_tests() {
    let assize = Assize::new();
    let ran = assize.run(&["policy", "test"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains(" 0 failed, 0 without both kinds of test"), "{}", ran.out);
    assert_eq!(assize.run(&["policy", "check"]).code, 0);
}

#[test]
fn a_failing_test_and_a_missing_one_are_told_apart() {
    let policy = |expect: &str| {
        format!(
            "id: p\ntitle: P\nlevel: low\nlogsource: {{product: aws, service: cloudtrail}}\ndetection: {{a: {{eventName: X}}, condition: a}}\n\
             tests:\n- {{name: x, event: {{eventName: X}}, expect: {expect}}}\n- {{name: y, event: {{eventName: Y}}, expect: no-match}}\n"
        )
    };
    let assize = Assize::new();
    assize
        .file("good.yaml", policy("match"))
        .file("bad.yaml", policy("not-evaluable"))
        .file("half.yaml", policy("match").lines().take(7).collect::<Vec<_>>().join("\n"));
    assert_eq!(assize.run(&["policy", "test", "good.yaml"]).code, 0);
    let bad = assize.run(&["policy", "test", "bad.yaml"]);
    assert_eq!(bad.code, 4, "{}", bad.out);
    assert!(bad.out.contains("bad.yaml:7: FAILED p: x: expected not-evaluable, got match"), "{}", bad.out);
    let half = assize.run(&["policy", "test", "half.yaml"]);
    assert_eq!(half.code, 3, "{}", half.out);
    assert!(half.out.contains("UNTESTED p"), "{}", half.out);
}

#[test]
fn the_list_shows_needs() {
    let ran = Assize::new().run(&["policy", "list"]);
    assert_eq!(ran.code, 0);
    let line = ran.out.lines().find(|line| line.contains("trail-stopped-or-narrowed")).unwrap();
    assert!(line.starts_with("critical") && line.contains("management events, write"), "{line}");
    let json = Assize::new().run(&["policy", "list", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert!(list["policies"].as_array().unwrap().len() >= 20);
}

#[test]
fn the_page_of_policies_lists_each_with_its_level_and_no_other() {
    let json = Assize::new().run(&["policy", "list", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let row = |policy: &serde_json::Value| {
        let text = |key: &str| policy[key].as_str().unwrap();
        format!("| `{}` | {} | {} |", text("id"), text("level"), text("title"))
    };
    let mut listed: Vec<String> = list["policies"].as_array().unwrap().iter().map(row).collect();
    let mut written: Vec<String> =
        in_repository("docs/policies.md").lines().filter(|line| line.starts_with("| `")).map(str::to_owned).collect();
    listed.sort();
    written.sort();
    assert_eq!(written, listed);
}

#[test]
fn the_control_set_in_the_readme_loads_with_the_built_in_policies() {
    let readme = in_repository("README.md");
    let block = readme.split_once("```yaml\nframework:").expect("README.md shows a framework").1.split("```").next().unwrap();
    let assize = Assize::new();
    assize.file("controls.yaml", format!("framework:{block}"));
    let ran = assize.run(&["policy", "check", "built-in", "controls.yaml"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    // A configuration loads both as one set too.
    let small = "name: e\naudit: {bucket: 'file://audit'}\naccounts: {list: [111122223333]}\n";
    assize.file("assize.yaml", format!("{small}policies: {{paths: [built-in, controls.yaml]}}\n"));
    let configured = assize.run(&["config", "check"]);
    assert_eq!(configured.code, 0, "{}", configured.err);
}

/// A file of the repository.
fn in_repository(name: &str) -> String {
    std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[test]
fn levels_and_selection_narrow_what_is_evaluated() {
    let assize = Assize::new();
    assize.file("a.json", log(&[calm(1)]));
    let (_, found) = assize.scan("a.json", &["--min-level", "critical"]);
    let levels: Vec<&str> =
        found["policies"].as_array().unwrap().iter().map(|policy| policy["level"].as_str().unwrap()).collect();
    assert!(!levels.is_empty() && levels.iter().all(|level| *level == "critical"));
    let (_, found) = assize.scan("a.json", &["--select", "root-*,vpc-changed"]);
    assert!(found["policies"].as_array().unwrap().len() >= 3);
    let requirement = |id: &str| {
        let all = found["frameworks"][0]["requirements"].as_array().unwrap();
        all.iter().find(|requirement| requirement["id"] == id).unwrap()["status"].clone()
    };
    assert_eq!(requirement("4.5"), "not evaluated", "its policy was not selected");
    assert_eq!(requirement("4.14"), "no match");
    assert_eq!(requirement("1.6"), "needs configuration");
    assert_eq!(requirement("1.12"), "needs configuration", "logs alone cannot answer it");
}

const EXPLAINED: &str = "\
id: trail-stopped
title: A trail was stopped
description: |
  What a trail does not record
  cannot be judged afterwards.

  It does not see narrowing.
level: critical
logsource: {product: aws, service: cloudtrail}
detection:
  call: {eventSource: cloudtrail.amazonaws.com, eventName: [StopLogging, 'Delete*']}
  done: {outcome: success}
  keeper: {userIdentity.arn|endswith: ':role/keeper'}
  condition: call and done and not keeper
population: {eventSource: cloudtrail.amazonaws.com, readOnly: false}
show: [eventTime, requestParameters.name]
remediation: |
  Turn it on again:
    aws cloudtrail start-logging --name TRAIL
falsepositives: [A landing zone that replaces trails]
references: ['https://example.com/trail']
tags: [attack.t1562.008]
tests:
  - {name: an administrator stops a trail, event: {eventSource: cloudtrail.amazonaws.com, eventName: StopLogging}, expect: match}
  - {name: a look at it, event: {eventSource: cloudtrail.amazonaws.com, eventName: GetTrail}, expect: no-match}
";

const EXPLAINED_FRAMEWORK: &str = "\
framework: example-1.0
title: Example Baseline
version: '1.0'
requirements:
  - {id: '3.1', title: Trails record, answered-by: events, policies: [{policy: trail-stopped, kind: absent}]}
";

#[test]
fn a_policy_is_explained_in_plain_english() {
    let assize = Assize::new();
    assize.file("p.yaml", EXPLAINED).file("f.yaml", EXPLAINED_FRAMEWORK);
    let ran = assize.run(&["policy", "explain", "trail-stopped", "p.yaml", "f.yaml"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out, @r#"
    trail-stopped (critical)
    A trail was stopped

    What a trail does not record cannot be judged afterwards.

    It does not see narrowing.

    When it fires
      It looks at CloudTrail's management and data events.
      A record matches when all of these hold:
      - eventSource is "cloudtrail.amazonaws.com" and eventName is one of "StopLogging" or "Delete*" (call)
      - outcome is "success" (done)
      - it is not so that userIdentity.arn ends with ":role/keeper" (keeper)
      In a value `*` stands for any text and `?` for one character.

    What evidence it needs
      No match means something only where these are recorded: management events, read and write (derived from the
      detection).
      Only records that a signed digest covers let it pass, unless the configuration's `judge.evidence` asks for
      less. Each account gets a verdict.

    What is counted, and what a finding is
      Its population, the N of "0 of N", is the records for which eventSource is "cloudtrail.amazonaws.com" and
      readOnly is false.
      Findings are parted by account and region, and by userIdentity.arn. Matches with at most 24 hours between
      them are one finding.
      Each occurrence is shown with eventTime and requestParameters.name.

    Which requirements it answers
      - Example Baseline 3.1, Trails record (absent: nothing may match)

    What it costs
      It is tried on records with its event source; it names no event name.

    Its tests
      - matches: an administrator stops a trail
      - does not match: a look at it

    How to put it right
      Turn it on again:
        aws cloudtrail start-logging --name TRAIL

    Known harmless causes
      - A landing zone that replaces trails

    References
      - https://example.com/trail

    Tags
      - attack.t1562.008

    It stands in p.yaml, line 1.
    "#);
    let unknown = assize.run(&["policy", "explain", "vpc-chnaged"]);
    assert_eq!((unknown.code, unknown.out.as_str()), (2, ""));
    assert!(unknown.err.contains("no policy `vpc-chnaged` is loaded: did you mean `vpc-changed`?"), "{}", unknown.err);
}

#[test]
fn nothing_in_a_policy_reaches_the_terminal_as_it_is() {
    let hostile = r#"\e[31m\e]0;x\a\u202Ered\r"#;
    let policy = format!(
        "id: p\ntitle: \"T{hostile}\"\ndescription: \"D{hostile}\\n\\n  c{hostile}\"\nlevel: low\nlogsource: {{product: aws, service: cloudtrail}}\n\
         detection:\n  \"s{hostile}\":\n    \"requestParameters.f{hostile}\": \"v{hostile}\"\n  condition: 1 of s*\n\
         population: {{\"requestParameters.f{hostile}\": \"v{hostile}\"}}\n\
         group-by: [\"requestParameters.g{hostile}\"]\nshow: [\"requestParameters.g{hostile}\"]\nremediation: \"R{hostile}\"\nfalsepositives: [\"F{hostile}\"]\n\
         references: [\"L{hostile}\"]\ntags: [\"t{hostile}\"]\n\
         tests:\n- {{name: \"n{hostile}\", event: {{eventName: X}}, expect: match}}\n"
    );
    let framework = format!(
        "framework: \"f{hostile}\"\ntitle: \"T{hostile}\"\nversion: '1'\nrequirements:\n- {{id: \"1{hostile}\", title: \"t{hostile}\", \
         answered-by: events, policies: [{{policy: p, kind: absent}}]}}\n"
    );
    let assize = Assize::new();
    assize.file("p.yaml", policy).file("f.yaml", framework);
    let ran = assize.run(&["policy", "explain", "p", "p.yaml", "f.yaml"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let seen = |c: char| c == '\n' || (!c.is_control() && c != '\u{202e}');
    assert!(ran.out.chars().all(seen), "{:?}", ran.out);
    assert!(ran.out.matches("u{1b}").count() >= 12, "{}", ran.out);
}

#[test]
fn the_schema_of_policies_is_printed() {
    let ran = Assize::new().run(&["policy", "schema"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let schema: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}
