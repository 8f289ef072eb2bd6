//! The organisation that is seeded is the one that organization.rs describes.

use serde_json::{Value, json};

use super::boto;
use super::environment::Emulator;
use super::organization::{
    Broken, DENIED, HUB_ACCOUNT, LOG_ARCHIVE, NOT_ENROLLED, ORGANIZATION_BUCKET, Organization, REGION_DISABLED, REGIONS, ROLE,
    UNDECRYPTABLE,
};

/// Looks into accounts and reads logs as an auditor in the hub does; refusals are given by their code.
const ROUND: &str = "
def session(account):
    role = f'arn:aws:iam::{account}:role/{asked[\"role\"]}'
    given = client('sts').assume_role(RoleArn=role, RoleSessionName='assize', ExternalId='canary')['Credentials']
    return dict(aws_access_key_id=given['AccessKeyId'], aws_secret_access_key=given['SecretAccessKey'],
                aws_session_token=given['SessionToken'])
def look(account):
    own = session(account)
    regions = client('ec2', **own).describe_regions(AllRegions=True)['Regions']
    enabled = [region['RegionName'] for region in regions if region['OptInStatus'] != 'not-opted-in']
    return [enabled, [trail['S3BucketName'] for trail in client('cloudtrail', **own).describe_trails()['trailList']]]
def read(log):
    own = {} if log['bucket'] == asked['open'] else session(log['account'])
    answer = client('s3', **own).get_object(Bucket=log['bucket'], Key=log['key'])
    return answer.get('ServerSideEncryption', 'plain')
def tried(call, given):
    try:
        return call(given)
    except ClientError as error:
        return error.response['Error']['Code']
print(json.dumps({name: [tried(call, one) for one in asked[name]] for name, call in (('accounts', look), ('logs', read))}))
";

fn round(emulator: &Emulator, organization: &Organization) -> Value {
    let first = |account: &str| organization.of_kind("log", Some(account))[0].clone();
    let asked = json!({
        "role": ROLE,
        "open": ORGANIZATION_BUCKET,
        "logs": [first(LOG_ARCHIVE), first("100000000009"), first(DENIED), first(UNDECRYPTABLE)],
        "accounts": ["100000000004", REGION_DISABLED.0, NOT_ENROLLED, DENIED],
    });
    boto(emulator.variables(HUB_ACCOUNT), &format!("asked = json.loads('''{asked}'''){ROUND}"))
}

#[test]
fn it_is_broken_as_it_says_and_can_be_repaired() {
    let emulator = Emulator::start();
    let mut organization = Organization::create(&emulator, "2026-10-01", 1, &json!({"external_id": "canary"}));
    let trails = [ORGANIZATION_BUCKET];
    let without: Vec<&str> = REGIONS.into_iter().filter(|region| *region != REGION_DISABLED.1).collect();
    assert_eq!(
        round(&emulator, &organization),
        json!({
            "accounts": [[REGIONS, trails], [without, trails], "AccessDenied", "AccessDenied"],
            "logs": ["AES256", "aws:kms", "AccessDenied", "AccessDenied"],
        })
    );
    for broken in Broken::ALL {
        organization.repair(broken);
    }
    let own = [format!("trail-logs-{DENIED}")];
    assert_eq!(
        round(&emulator, &organization),
        json!({
            "accounts": [[REGIONS, trails], [REGIONS, trails], [REGIONS, trails], [json!(REGIONS), json!(own)]],
            "logs": ["AES256", "aws:kms", "AES256", "AES256"],
        })
    );
    let before = organization.of_kind("log", None).len();
    organization.deliver_in(REGION_DISABLED, "2026-10-01", 1);
    assert_eq!(organization.of_kind("log", None).len(), before + 3);
    organization.deliver("2026-10-02", 1);
    assert_eq!(organization.of_kind("log", None).len(), before + 3 + 48 * 3);
}

#[test]
fn it_is_the_same_twice_and_day_by_day() {
    let (one, other) = (Emulator::start(), Emulator::start());
    let whole = Organization::create(&one, "2026-10-01", 3, &json!({}));
    let mut daily = Organization::create(&other, "2026-10-01", 1, &json!({}));
    daily.deliver("2026-10-02", 1);
    daily.deliver("2026-10-03", 1);
    let sorted = |organization: &Organization| {
        let mut lines: Vec<String> = organization.objects.iter().chain(&organization.planted).map(Value::to_string).collect();
        lines.sort_unstable();
        lines
    };
    // 12 accounts in 4 regions, less one: each day 3 logs and a digest.
    assert_eq!((whole.of_kind("log", None).len(), whole.of_kind("digest", None).len()), (47 * 3 * 3, 47 * 3));
    assert_eq!(whole.planted.len(), 2);
    assert!(sorted(&whole) == sorted(&daily), "another way of delivering gave other objects");
}

#[test]
fn later_objects_are_where_they_should_be() {
    let emulator = Emulator::start();
    let mut organization = Organization::create(&emulator, "2026-10-01", 1, &json!({"organization_prefix": "o-assize0001"}));
    let (account, event, delivered) = ("100000000010", "2026-10-01T05:00:00Z", "2026-10-09T05:00:00Z");
    let late = organization.deliver_late(account, "eu-west-1", event, delivered);
    assert!(late.starts_with("AWSLogs/100000000010/CloudTrail/eu-west-1/2026/10/09/"), "{late}");
    let old = organization.deliver_old_key("100000000004", "eu-west-1", event, delivered);
    assert!(old.starts_with("o-assize0001/AWSLogs/o-assize0001/100000000004/CloudTrail/eu-west-1/2026/10/01/"), "{old}");
    let before = organization.objects.len();
    let bucket = format!("trail-logs-{account}");
    organization.replace(&bucket, &late);
    assert_eq!(organization.objects.len(), before);
    organization.archive(&bucket, &late);
    organization.history(account, "us-east-1", "2026-10-01", 1);
    let lines = format!(
        "
print(json.dumps([code(lambda: client('s3').get_object(Bucket='{bucket}', Key='{late}')),
                  client('s3').list_objects_v2(Bucket='{bucket}', Prefix='{late}')['Contents'][0]['StorageClass'],
                  len(client('cloudtrail').lookup_events(StartTime=0)['Events']) > 10]))
"
    );
    assert_eq!(boto(emulator.variables(account), &lines), json!(["InvalidObjectState", "GLACIER", true]));
}

/// The records that are planted are found by the policies that they name, each once; beside these only what lists every change.
#[test]
fn what_is_planted_is_what_policies_find() {
    let emulator = Emulator::start();
    let mut organization = Organization::create(&emulator, "2026-10-01", 6, &json!({}));
    organization.repair(Broken::Kms);
    let folder = tempfile::tempdir().unwrap();
    let logs: Vec<&Value> = organization.of_kind("log", None);
    let planted: Vec<&Value> =
        logs.iter().copied().filter(|log| organization.planted.iter().any(|one| one["key"] == log["key"])).collect();
    let wanted = json!(planted);
    let target = folder.path().display();
    boto(
        emulator.variables(HUB_ACCOUNT),
        &format!(
            "
for number, log in enumerate(json.loads('''{wanted}''')):
    owner = '{LOG_ARCHIVE}' if log['bucket'] == '{ORGANIZATION_BUCKET}' else log['account']
    s3 = client('s3', aws_access_key_id='AKIA' + owner, aws_secret_access_key='emulator')
    s3.download_file(log['bucket'], log['key'], f'{target}/{{number}}.json.gz')
print('null')
"
        ),
    );
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_assize"))
        .args(["scan", &target.to_string(), "--format", "json", "--as-of", "2026-11-22"])
        .env_clear()
        .output()
        .unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found: Vec<String> =
        document["findings"].as_array().unwrap().iter().map(|finding| finding["policy"].to_string()).collect();
    let mut expected: Vec<String> = organization.planted.iter().map(|one| one["policy"].to_string()).collect();
    found.retain(|policy| !policy.ends_with("-changed\""));
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected, "{}", document["findings"]);
}
