//! The policies that `assize role` writes, on an AWS that enforces them: who gets into the role of an account, and what
//! can be done there.
//!
//! MiniStack knows no `aws:PrincipalArn`, so the denials in the audit bucket's policy are no subject here: it takes the
//! hub for a stranger.

use serde_json::{Value, json};

use crate::boto;
use crate::environment::ministack;

const MEMBER: &str = "700000000011";
const HUB: &str = "700000000012";

/// The documents of `assize role --format json`, by name.
fn documents(configuration: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("assize.yaml"), configuration).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_assize"))
        .args(["role", "--format", "json", "--set", "external-id=tenant-7", "--set"])
        .arg(format!("hub-role-arn=arn:aws:iam::{HUB}:role/AssizeHub"))
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}{}", String::from_utf8_lossy(&output.stderr)))
}

/// Makes the roles, with a bucket and a trail in the member, and sessions of the hub role and of another one.
const MADE: &str = "
def at(service, who):
    key, secret, token = who
    return client(service, aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token)
def root(account):
    return (account, 'x', None)
def role(account, name, trust, permissions, path='/'):
    iam = at('iam', root(account))
    iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName=name, PolicyName='assize', PolicyDocument=json.dumps(permissions))
def session(who, arn, **more):
    given = at('sts', who).assume_role(RoleArn=arn, RoleSessionName='test', **more)['Credentials']
    return (given['AccessKeyId'], given['SecretAccessKey'], given['SessionToken'])
own = {'Version': '2012-10-17', 'Statement': [
    {'Effect': 'Allow', 'Action': 'sts:AssumeRole', 'Principal': {'AWS': f'arn:aws:iam::{HUB}:root'}}]}
for name in ['AssizeHub', 'Other']:
    role(HUB, name, own, documents['hub.permissions'])
role(MEMBER, 'AssizeAudit', documents['member.trust'], documents['member.permissions'], '/audit/')
hub = session(root(HUB), f'arn:aws:iam::{HUB}:role/AssizeHub')
other = session(root(HUB), f'arn:aws:iam::{HUB}:role/Other')
audit = f'arn:aws:iam::{MEMBER}:role/audit/AssizeAudit'
def assume(who, **more):
    return code(lambda: session(who, audit, **more))
team = [{'Key': 'team', 'Value': 'audit'}]
right = {'ExternalId': 'tenant-7'}
said = {
    'without': assume(hub), 'wrong': assume(hub, ExternalId='tenant-8'), 'right': assume(hub, **right),
    'with tags': assume(hub, Tags=team, **right),
    'with another value': assume(hub, Tags=[{'Key': 'team', 'Value': 'admin'}], **right),
    'with another tag': assume(hub, Tags=team + [{'Key': 'more', 'Value': 'x'}], **right),
    'another role of the hub account': assume(other, **right), 'the hub account itself': assume(root(HUB), **right),
    'another role of the member': code(lambda: session(hub, f'arn:aws:iam::{MEMBER}:role/Admin')),
}
member = session(hub, audit, **right)
bucket, log = 'role-test-trail', f'AWSLogs/{MEMBER}/CloudTrail/us-east-1/2026/11/22/a.json.gz'
s3 = at('s3', root(MEMBER))
s3.create_bucket(Bucket=bucket)
for key in [log, 'private.txt', f'AWSLogs/{MEMBER}/Config/a']:
    s3.put_object(Bucket=bucket, Key=key, Body=b'')
at('cloudtrail', root(MEMBER)).create_trail(Name='main', S3BucketName=bucket)
trail = f'arn:aws:cloudtrail:us-east-1:{MEMBER}:trail/main'
s3, cloudtrail, ec2 = at('s3', member), at('cloudtrail', member), at('ec2', member)
may = {
    'DescribeTrails': lambda: cloudtrail.describe_trails(),
    'GetTrailStatus': lambda: cloudtrail.get_trail_status(Name=trail),
    'GetEventSelectors': lambda: cloudtrail.get_event_selectors(TrailName=trail),
    'LookupEvents': lambda: cloudtrail.lookup_events(),
    'DescribeRegions': lambda: ec2.describe_regions(AllRegions=True),
    'look for a landing zone': lambda: s3.list_objects_v2(Bucket=bucket, Prefix='o-'),
    'list logs': lambda: s3.list_objects_v2(Bucket=bucket, Prefix=f'AWSLogs/{MEMBER}/CloudTrail/'),
    'read a log': lambda: s3.get_object(Bucket=bucket, Key=log),
}
may_not = {
    'list everything': lambda: s3.list_objects_v2(Bucket=bucket),
    'read what is no log': lambda: s3.get_object(Bucket=bucket, Key='private.txt'),
    'read what CloudTrail did not write': lambda: s3.get_object(Bucket=bucket, Key=f'AWSLogs/{MEMBER}/Config/a'),
    'PutObject': lambda: s3.put_object(Bucket=bucket, Key=log, Body=b'forged'),
    'DeleteObject': lambda: s3.delete_object(Bucket=bucket, Key=log),
    'ListBuckets': lambda: s3.list_buckets(),
    'StopLogging': lambda: cloudtrail.stop_logging(Name='main'),
    'DeleteTrail': lambda: cloudtrail.delete_trail(Name='main'),
    'DescribeInstances': lambda: ec2.describe_instances(),
    'ListUsers': lambda: at('iam', member).list_users(),
}
said['may'] = {name: code(call) for name, call in may.items()}
said['may not'] = {name: code(call) for name, call in may_not.items()}
at('s3', root(HUB)).create_bucket(Bucket='role-test-audit')
s3 = at('s3', hub)
said['audit bucket'] = [
    code(lambda: s3.put_object(Bucket='role-test-audit', Key='assize/head', Body=b'1')),
    code(lambda: s3.get_object(Bucket='role-test-audit', Key='assize/head')),
    code(lambda: s3.list_objects_v2(Bucket='role-test-audit', Prefix='assize/segments/')),
    code(lambda: s3.put_object(Bucket='role-test-audit', Key='elsewhere', Body=b'1')),
    code(lambda: s3.delete_object(Bucket='role-test-audit', Key='assize/head')),
]
print(json.dumps(said))
";

#[test]
fn the_role_opens_to_the_hub_with_its_external_id_and_reads_what_it_needs() {
    let documents = documents(&format!(
        "name: example\naudit: {{bucket: s3://role-test-audit/assize, region: us-east-1}}\n\
         role: {{name: audit/AssizeAudit, external-id: tenant-7, session-tags: {{team: audit}}}}\n\
         accounts: {{list: [\"{MEMBER}\"]}}\nevent-history: {{max-accounts: 1}}\n"
    ));
    let lines =
        format!("HUB, MEMBER = '{HUB}', '{MEMBER}'\ndocuments = json.loads({})\n{MADE}", Value::from(documents.to_string()));
    let said = boto(ministack().variables(MEMBER), &lines);
    for (case, expected) in [
        ("without", "AccessDenied"),
        ("wrong", "AccessDenied"),
        ("right", "ok"),
        ("with tags", "ok"),
        ("with another value", "AccessDenied"),
        ("with another tag", "AccessDenied"),
        ("another role of the hub account", "AccessDenied"),
        ("the hub account itself", "AccessDenied"),
        ("another role of the member", "AccessDenied"),
    ] {
        assert_eq!(said[case], expected, "{case}");
    }
    for (call, code) in said["may"].as_object().unwrap() {
        assert_eq!(code, "ok", "{call}");
    }
    for (call, code) in said["may not"].as_object().unwrap() {
        let denied = ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"];
        assert!(denied.contains(&code.as_str().unwrap()), "{call}: {code}");
    }
    assert_eq!(said["audit bucket"], json!(["ok", "ok", "ok", "AccessDenied", "AccessDenied"]));
}
