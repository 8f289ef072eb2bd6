//! The emulator refuses, fails, counts and ends as tests rely on; MiniStack agrees where it is asked.

use serde_json::json;

use super::boto;
use super::environment::{Emulator, FastS3, HUB, emulator, folder, ministack, python, request, variables};

/// Nothing but the venv: `.ci/run` makes it by this test, so that its time is seen.
#[test]
fn the_environment_can_be_made() {
    assert!(python().is_file());
}

/// Assumes `role` without, with a wrong, and with the right external id.
const EXTERNAL_IDS: &str = "
sts = client('sts')
def assume(**more):
    return code(lambda: sts.assume_role(RoleArn=role, RoleSessionName='test', **more))
print(json.dumps([assume(), assume(ExternalId='wrong'), assume(ExternalId='right')]))
";

#[test]
fn the_emulator_refuses_a_wrong_external_id() {
    let role = "arn:aws:iam::700000000001:role/Audit";
    emulator().post("/roles", &json!({"arn": role, "external_id": "right"}));
    let said = boto(emulator().variables(HUB), &format!("role = '{role}'{EXTERNAL_IDS}"));
    assert_eq!(said, json!(["AccessDenied", "AccessDenied", "ok"]));
}

#[test]
fn ministack_is_of_the_same_opinion() {
    let create = "
policy = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sts:AssumeRole',
    'Principal': {'AWS': 'arn:aws:iam::123456789012:root'}, 'Condition': {'StringEquals': {'sts:ExternalId': 'right'}}}]}
iam = client('iam')
print(json.dumps(code(lambda: iam.create_role(RoleName='Audit', AssumeRolePolicyDocument=json.dumps(policy)))))
";
    assert_eq!(boto(ministack().variables("700000000001"), create), json!("ok"));
    let said = boto(ministack().variables(HUB), &format!("role = 'arn:aws:iam::700000000001:role/Audit'{EXTERNAL_IDS}"));
    assert_eq!(said, json!(["AccessDenied", "AccessDenied", "ok"]));
    assert!(ministack().is_running());
}

#[test]
fn a_command_that_would_never_strike_is_refused() {
    let (status, said) = request(&emulator().url, "POST", "/_emulator/faults", r#"{"service":"s3","tims":1,"drop":true}"#);
    assert_eq!((status, said.as_str()), (400, "POST /faults: ValueError: a fault has no tims\n"));
}

/// A share of the calls fails, the same ones whenever the seed is the same.
#[test]
fn faults_by_probability_depend_on_the_seed_alone() {
    let alone = Emulator::start();
    let get = "
s3 = client('s3')
s3.create_bucket(Bucket='faults')
print(json.dumps([code(lambda: s3.put_object(Bucket='faults', Key=str(key), Body=b'')) for key in range(200)]))
";
    let mut seen = Vec::new();
    for seed in [1, 1, 2] {
        alone.post(
            "/faults",
            &json!({"name": "some", "operation": "PutObject", "probability": 0.1, "seed": seed, "throttle": true}),
        );
        seen.push(boto(alone.variables(HUB), get));
        alone.delete("");
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
    let failed = seen[0].as_array().unwrap().iter().filter(|code| **code == "SlowDown").count();
    assert!((8..=35).contains(&failed), "{failed} of 200");
}

/// The emulator is gone when the process that started it is, even if that process could not say goodbye.
#[test]
fn an_emulator_ends_with_its_input() {
    let mut child = std::process::Command::new(python())
        .arg(folder().join("emulator.py"))
        .arg("--until-stdin-closes")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn calls_are_counted_per_account() {
    let (account, url) = ("700000000002", &emulator().url);
    boto(emulator().variables(account), "print(json.dumps([code(client('sts').get_caller_identity) for _ in range(3)]))");
    assert_eq!(emulator().calls(account, "sts:GetCallerIdentity"), 3, "{url}");
    assert_eq!(emulator().get(&format!("/requests?account={account}")).as_array().unwrap().len(), 3);
}

/// What measurements rest on is an S3 too: pages, order, conditions, checksums.
#[test]
fn the_fast_s3_answers_as_the_emulator_does() {
    let lines = "
s3 = client('s3')
code(lambda: s3.create_bucket(Bucket='pages'))
keys = ['a/b', 'a b+c', 'a/\u{e9}', 'z/<&>', 'a', 'b//c', '\u{1f600}', '\u{ff5e}', 'a%2Fb'] + [f'n/{number:02}' for number in range(20)]
for key in keys:
    s3.put_object(Bucket='pages', Key=key, Body=key.encode(), Metadata={'of': 'test'}, ChecksumAlgorithm='SHA256')
def pages(operation, size, **more):
    found = s3.get_paginator(operation).paginate(Bucket='pages', PaginationConfig={'PageSize': size}, **more)
    return [[item['Key'] for page in found for item in page.get('Contents', [])],
            [item['Prefix'] for page in found for item in page.get('CommonPrefixes', [])]]
got = s3.get_object(Bucket='pages', Key='a b+c', ChecksumMode='ENABLED')
etag = s3.head_object(Bucket='pages', Key='a')['ETag']
print(json.dumps([
    [pages(operation, size) for operation in ('list_objects_v2', 'list_objects') for size in (1000, 7)],
    pages('list_objects_v2', 1000, Delimiter='/'), pages('list_objects_v2', 1000, Prefix='n/', StartAfter='n/10'),
    got['Body'].read().decode(), got['Metadata'], got['ChecksumSHA256'],
    s3.get_object(Bucket='pages', Key='n/01', Range='bytes=1-2')['Body'].read().decode(),
    code(lambda: s3.put_object(Bucket='pages', Key='a', IfNoneMatch='*', Body=b'')),
    code(lambda: s3.put_object(Bucket='pages', Key='a', IfMatch=etag, Body=b'')),
    code(lambda: s3.put_object(Bucket='pages', Key='a', IfMatch=etag, Body=b'')),
    code(lambda: s3.get_object(Bucket='pages', Key='none')), code(lambda: s3.head_bucket(Bucket='none')),
]))
";
    let fast = FastS3::start();
    let said = boto(variables(&fast.url, "AKIA700000000004"), lines);
    assert_eq!(said, boto(emulator().variables("700000000004"), lines));
    assert_eq!(said[0][0][0].as_array().unwrap().len(), 29);
}
