//! The AWS that other tests rely on does what they assume.
#![expect(clippy::unwrap_used, reason = "what the tests share fails by panicking, as tests do")]

mod environment;
mod proxy;

use environment::{Emulator, HUB, emulator, folder, ministack, python, request, variables};
use proxy::{Proxy, Share, Strike, trouble};
use serde_json::{Value, json};

/// Runs a few lines of Python with boto3 against `url` and gives what they print, as JSON.
fn boto(variables: Vec<(&'static str, String)>, lines: &str) -> Value {
    let preamble = "import boto3, json, os\nfrom botocore.config import Config\nfrom botocore.exceptions import ClientError\n\
        def client(service, **more):\n    return boto3.client(service, config=Config(retries={'total_max_attempts': 1}), **more)\n\
        def code(call):\n    try:\n        call()\n        return 'ok'\n    except ClientError as error:\n        return error.response['Error']['Code']\n";
    let output = std::process::Command::new(python())
        .args(["-c", &format!("{preamble}{lines}")])
        .env_clear()
        .envs(variables)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}{}", String::from_utf8_lossy(&output.stderr)))
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

/// Puts five objects through a proxy, then says which answers came and which objects are there.
fn put_five(proxy: &Proxy, bucket: &str) -> Value {
    let lines = format!(
        "
s3 = client('s3')
bucket = '{bucket}'
code(lambda: s3.create_bucket(Bucket=bucket))
def put(key):
    try:
        return code(lambda: s3.put_object(Bucket=bucket, Key=key, Body=b'body of ' + key.encode()))
    except Exception as error:
        return type(error).__name__
said = [put(key) for key in 'abcde']
there = [item['Key'] for item in s3.list_objects_v2(Bucket=bucket).get('Contents', [])]
print(json.dumps([said, ''.join(there)]))
"
    );
    boto(variables(&proxy.url, "AKIA700000000003"), &lines)
}

#[test]
fn the_proxy_drops_the_nth_write_before_or_after_it_is_done() {
    let proxy = Proxy::start(&emulator().url);
    let closed = "ConnectionClosedError";
    // The bucket's creation is the first write.
    proxy.at_write(3, Strike::DropBefore);
    assert_eq!(put_five(&proxy, "dropped-before"), json!([["ok", closed, "ok", "ok", "ok"], "acde"]));
    assert!(!proxy.is_armed());
    assert_eq!(proxy.writes().len(), 6);
    assert!(proxy.writes().get(2).unwrap().starts_with("PUT /dropped-before/b"), "{:?}", proxy.writes());
    proxy.reset();
    proxy.at_write(3, Strike::DropAfter);
    assert_eq!(put_five(&proxy, "dropped-after"), json!([["ok", closed, "ok", "ok", "ok"], "abcde"]));
    assert_eq!(
        proxy.calls(),
        [("s3:CreateBucket", 1), ("s3:ListObjectsV2", 1), ("s3:PutObject", 5)]
            .map(|(name, count)| (name.to_owned(), count))
            .into()
    );
}

#[test]
fn the_proxy_calls_at_the_moment_of_a_write() {
    let proxy = Proxy::start(&emulator().url);
    let (sender, moments) = std::sync::mpsc::channel();
    let (before, after) = (sender.clone(), sender);
    proxy.at_write(2, Strike::CallBefore(Box::new(move || before.send("before").unwrap())));
    proxy.at_write(4, Strike::CallAfter(Box::new(move || after.send("after").unwrap())));
    let closed = "ConnectionClosedError";
    assert_eq!(put_five(&proxy, "called"), json!([[closed, "ok", closed, "ok", "ok"], "bcde"]));
    assert_eq!(moments.try_iter().collect::<Vec<_>>(), ["before", "after"]);
}

#[test]
fn the_proxy_refuses_flips_and_cuts() {
    let proxy = Proxy::start(&emulator().url);
    proxy.at_write(2, Strike::Refuse(503, "SlowDown"));
    proxy.at_write(3, Strike::Refuse(409, "ConditionalRequestConflict"));
    proxy.at_write(4, Strike::FlipRequest(2));
    proxy.at_write(5, Strike::Delay(std::time::Duration::from_millis(1)));
    // The checksum that the client sent along is that of other bytes.
    assert_eq!(
        put_five(&proxy, "refused"),
        json!([["SlowDown", "ConditionalRequestConflict", "XAmzContentSHA256Mismatch", "ok", "ok"], "de"])
    );
    let get = "
s3 = client('s3')
def get():
    try:
        return s3.get_object(Bucket='refused', Key='d')['Body'].read().decode()
    except Exception as error:
        return type(error).__name__
print(json.dumps([get(), get()]))
";
    for (strike, said) in
        [(|_| Strike::TruncateAnswer(3), "ResponseStreamingError"), (|_| Strike::FlipAnswer(3), "FlexibleChecksumError")]
            as [(fn(u64) -> Strike, &str); 2]
    {
        proxy.reset();
        proxy.share(Share { per_mille: 1000, seed: 1, operation: "s3:GetObject", strike });
        assert_eq!(boto(variables(&proxy.url, "AKIA700000000003"), get), json!([said, said]));
    }
}

#[test]
fn the_proxy_strikes_the_same_requests_for_the_same_seed() {
    let proxy = Proxy::start(&emulator().url);
    let mut seen = Vec::new();
    for seed in [5, 5, 6] {
        proxy.reset();
        proxy.share(Share { per_mille: 400, seed, operation: "s3:PutObject", strike: trouble });
        seen.push(put_five(&proxy, "shared")[0].clone());
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
}
