//! Discovery, Event history and queues against the emulator. What is asserted is what AWS documents.
#![expect(clippy::unwrap_used, reason = "what the tests share fails by panicking, as tests do")]

#[path = "../../../tests/aws/environment.rs"]
#[expect(dead_code, reason = "these tests need a part of it")]
mod environment;

use std::collections::BTreeSet;

use assize_cloud::event_history::{EventHistory, HistoryError, HistoryWindow, LOOKUP_EVENTS, earliest};
use assize_cloud::organization::{Account, AccountState, Membership, Organization, OrganizationOptions, read_organization};
use assize_cloud::probe::describe_key;
use assize_cloud::queue::{DELETE_MESSAGE_BATCH, Notice, NoticeKind, Queue, RECEIVE_MESSAGE};
use assize_cloud::region::{DESCRIBE_REGIONS, Partition, RegionStatus, list_regions};
use assize_cloud::trail::{
    DESCRIBE_TRAILS, DataScope, GET_EVENT_SELECTORS, ReadWrite, Recorded, Selectors, describe_trails, merge, read_state,
};
use assize_cloud::{CallLimit, CloudError, Operation, Protocol, Service, Session, SessionOptions, Sessions};
use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_credential_types::Credentials;
use environment::emulator;
use serde_json::{Value, json};

/// Settings that reach the emulator with an account's own keys.
fn loader(account: &str, region: &str) -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(&emulator().url)
        .region(Region::new(region.to_owned()))
        .credentials_provider(Credentials::new(format!("AKIA{account}"), "emulator", None, None, "test"))
}

async fn session(account: &str) -> Session {
    let fast = CallLimit { per_second: 0.0, burst: 1 };
    let limits = [LOOKUP_EVENTS, DESCRIBE_TRAILS].map(|operation| operation.service.id);
    let options = SessionOptions {
        calls_per_second: limits
            .into_iter()
            .chain(["Organizations", "EC2", "SQS", "SNS"])
            .map(|id| (id.to_owned(), fast))
            .collect(),
        max_attempts: 2,
        ..SessionOptions::default()
    };
    Sessions::from_loader(loader(account, "us-east-1"), options).await.unwrap().base()
}

async fn s3(account: &str, region: &str) -> aws_sdk_s3::Client {
    let shared = loader(account, region).load().await;
    aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&shared).force_path_style(true).build())
}

/// An operation that only tests need, of the service of another.
fn sibling(of: &Operation, name: &'static str) -> Operation {
    Operation { service: of.service, name, action: "test:Prepare" }
}

async fn prepare(session: &Session, operation: &Operation, region: &str, input: Value) -> Value {
    session.call(operation, region, input).await.unwrap_or_else(|error| panic!("{error}"))
}

fn denied(account: &str, service: &str, operation: &str) {
    emulator().post(
        "/faults",
        &json!({"service": service, "operation": operation, "account": account, "status": 400, "code": "AccessDeniedException",
                "message": format!("User: arn:aws:sts::{account}:assumed-role/Audit/run is not authorized to perform: \
                                    {service}:{operation} because no identity-based policy allows the {service}:{operation} action")}),
    );
}

// Organizations

async fn organization(account: &str, tags: bool) -> Organization {
    let options = OrganizationOptions { region: "eu-central-1".to_owned(), tags };
    match read_organization(&session(account).await, &options).await.unwrap() {
        Membership::Member(organization) => organization,
        Membership::Standalone => panic!("{account} is in an organisation"),
    }
}

fn place(account: &Account) -> String {
    let path = account.path.as_ref().unwrap();
    path.iter().map(|unit| unit.name.clone().unwrap()).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn an_organisation_is_read_from_management_and_from_a_delegated_administrator() {
    let mut accounts: Vec<Value> = (1..=25)
        .map(|number| json!({"id": format!("3210000000{number:02}"), "name": format!("member-{number}"), "unit": "Workloads/Prod"}))
        .collect();
    accounts[1] = json!({"id": "321000000002", "name": "delegated", "unit": "Security"});
    accounts[2]["status"] = json!("SUSPENDED");
    accounts[3]["tags"] = json!({"env": "prod", "team": "a b"});
    let made = emulator().post(
        "/organization",
        &json!({"management": "321000000000", "units": ["Security", "Workloads", "Workloads/Prod"],
                "delegated": ["321000000002"], "accounts": accounts}),
    );

    let read = organization("321000000000", true).await;
    assert_eq!((read.id.as_str(), read.management_account.as_str()), (made["id"].as_str().unwrap(), "321000000000"));
    assert_eq!(read.feature_set.as_deref(), Some("ALL"));
    assert!(read.gaps.is_empty(), "{:?}", read.gaps);
    let accounts = read.accounts.as_ref().unwrap();
    assert_eq!(accounts.len(), 26);
    let find = |id: &str| accounts.iter().find(|account| account.id == id).unwrap();
    assert_eq!(place(find("321000000000")), "Root");
    assert_eq!(place(find("321000000002")), "Root/Security");
    assert_eq!(place(find("321000000025")), "Root/Workloads/Prod");
    assert_eq!(find("321000000003").state, AccountState::Suspended);
    assert!(!find("321000000003").state.active() && find("321000000004").state.active());
    let tags: Vec<(&str, &str)> =
        find("321000000004").tags.as_ref().unwrap().iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(tags, [("env", "prod"), ("team", "a b")]);
    assert!(find("321000000004").joined.unwrap() > 1_600_000_000);

    let by_delegate = organization("321000000002", true).await;
    assert_eq!(by_delegate, read);

    let by_member = organization("321000000005", true).await;
    assert_eq!((by_member.id, by_member.accounts), (read.id, None));
    assert_eq!(
        by_member.gaps.iter().map(|gap| (gap.what.as_str(), gap.reason.as_str())).collect::<Vec<_>>(),
        [("accounts", "denied")]
    );

    // What the delegated administrator is not let in on is named, and the rest is known.
    denied("321000000002", "organizations", "ListTagsForResource");
    denied("321000000002", "organizations", "ListRoots");
    let limited = organization("321000000002", true).await;
    let gaps: Vec<&str> = limited.gaps.iter().map(|gap| gap.what.as_str()).collect();
    assert_eq!(gaps, ["organisational units", "account tags"]);
    assert_eq!(limited.accounts.unwrap().len(), 26);
}

#[tokio::test]
async fn an_account_in_no_organisation_stands_alone() {
    let options = OrganizationOptions { region: "us-east-1".to_owned(), tags: true };
    let read = read_organization(&session("322000000001").await, &options).await.unwrap();
    assert_eq!(read, Membership::Standalone);
}

// Regions

#[tokio::test]
async fn regions_are_those_that_the_account_has() {
    let account = "323000000001";
    let given = json!({"account": account, "enabled": ["us-east-1", "af-south-1"], "disabled": ["me-south-1"]});
    emulator().post("/regions", &given);
    let regions = list_regions(&session(account).await, Partition::Aws, &[]).await.unwrap();
    let status = |status| -> Vec<&str> {
        regions.iter().filter(|region| region.status == status).map(|region| region.name.as_str()).collect()
    };
    assert_eq!(status(RegionStatus::OptInNotRequired), ["us-east-1"]);
    assert_eq!(status(RegionStatus::OptedIn), ["af-south-1"]);
    assert_eq!(status(RegionStatus::NotOptedIn), ["me-south-1"]);
}

#[tokio::test]
async fn regions_of_other_partitions_are_left_out() {
    // Without rules moto lists those of all partitions.
    let session = session("323000000004").await;
    let regions = list_regions(&session, Partition::Aws, &[]).await.unwrap();
    assert!(regions.len() > 20 && regions.is_sorted_by_key(|region| region.name.clone()));
    assert!(regions.iter().all(|region| !region.name.starts_with("cn-") && !region.name.starts_with("us-gov-")));
    let regions = list_regions(&session, Partition::AwsUsGov, &[]).await.unwrap();
    assert_eq!(regions.iter().map(|region| region.name.as_str()).collect::<Vec<_>>(), ["us-gov-east-1", "us-gov-west-1"]);
}

#[tokio::test]
async fn a_region_that_the_account_lacks_is_not_the_place_to_ask() {
    let account = "323000000002";
    emulator().post("/regions", &json!({"account": account, "enabled": ["us-east-1"], "disabled": ["me-south-1"]}));
    let regions = list_regions(&session(account).await, Partition::Aws, &["me-south-1".to_owned()]).await.unwrap();
    assert!(regions.iter().any(|region| region.name == "me-south-1" && !region.enabled()));
    assert_eq!(emulator().calls(account, "ec2:DescribeRegions"), 2);
}

#[tokio::test]
async fn regions_that_may_not_be_listed_are_an_error() {
    let account = "323000000003";
    emulator().post(
        "/faults",
        &json!({"service": "ec2", "operation": "DescribeRegions", "account": account, "status": 403, "code": "UnauthorizedOperation",
                "message": "You are not authorized to perform this operation. User: arn:aws:iam::323000000003:user/x is not \
                            authorized to perform: ec2:DescribeRegions because no identity-based policy allows the \
                            ec2:DescribeRegions action"}),
    );
    let error = list_regions(&session(account).await, Partition::Aws, &[]).await.unwrap_err();
    assert_eq!(error.denial().unwrap().action, DESCRIBE_REGIONS.action);
    assert_eq!(emulator().calls(account, "ec2:DescribeRegions"), 1);
}

// Trails

async fn create_trail(session: &Session, region: &str, input: Value) -> String {
    let made = prepare(session, &sibling(&DESCRIBE_TRAILS, "CreateTrail"), region, input).await;
    made["TrailARN"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn trails_are_found_once_and_read_at_home() {
    let account = "324000000001";
    let (session, bucket) = (session(account).await, "assize-apis-trails");
    s3(account, "us-east-1").await.create_bucket().bucket(bucket).send().await.unwrap();
    let everywhere = create_trail(
        &session,
        "us-west-2",
        json!({"Name": "every.where", "S3BucketName": bucket, "S3KeyPrefix": "audit", "IsMultiRegionTrail": true,
               "EnableLogFileValidation": true, "IncludeGlobalServiceEvents": true}),
    )
    .await;
    let here = create_trail(&session, "us-east-1", json!({"Name": "here", "S3BucketName": bucket})).await;
    prepare(&session, &sibling(&DESCRIBE_TRAILS, "StartLogging"), "us-west-2", json!({"Name": everywhere})).await;
    let chosen = json!([{"Name": "mine", "FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
        {"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::secret/"]}]}]);
    let put = sibling(&DESCRIBE_TRAILS, "PutEventSelectors");
    prepare(&session, &put, "us-east-1", json!({"TrailName": "here", "AdvancedEventSelectors": chosen})).await;
    let delivered = json!({"LatestDeliveryTime": 1_767_225_600.5, "LatestDigestDeliveryTime": 1_767_222_000, "LatestDeliveryError": "AccessDenied"});
    emulator().post("/trail-status", &json!({"arn": everywhere, "status": delivered}));

    let mut seen = Vec::new();
    for region in ["us-east-1", "us-west-2", "eu-west-1"] {
        seen.extend(describe_trails(&session, region).await.unwrap());
    }
    assert_eq!(seen.len(), 4);
    let mut trails = merge(seen);
    for trail in &mut trails {
        read_state(&session, trail).await;
        assert!(trail.gaps.is_empty(), "{:?}", trail.gaps);
        assert_eq!((trail.owner(), trail.bucket.as_str()), (Some(account), bucket));
    }
    let [local, multi] = trails.as_slice() else { panic!("two trails") };
    assert_eq!((local.arn.as_str(), multi.arn.as_str()), (here.as_str(), everywhere.as_str()));

    assert!(multi.multi_region && multi.log_file_validation && multi.includes_global_events && !multi.organization_trail);
    assert_eq!((multi.home_region.as_str(), multi.key_prefix.as_deref()), ("us-west-2", Some("audit")));
    assert_eq!(multi.seen_in, BTreeSet::from(["eu-west-1", "us-east-1", "us-west-2"].map(str::to_owned)));
    let status = multi.status.as_ref().unwrap();
    assert!(status.logging && status.started.unwrap() > 1_700_000_000);
    assert_eq!((status.latest_delivery, status.latest_digest_delivery), (Some(1_767_225_600), Some(1_767_222_000)));
    assert_eq!(status.latest_delivery_error.as_deref(), Some("AccessDenied"));
    // AWS: a trail without selectors of its own records all management events and no data events.
    assert_eq!(multi.selectors, Some(Selectors::usual()));

    assert!(!local.multi_region && local.covers("us-east-1") && !local.covers("eu-west-1"));
    assert_eq!(local.seen_in.len(), 1);
    assert!(!local.status.as_ref().unwrap().logging);
    let selectors = local.selectors.as_ref().unwrap();
    assert_eq!(selectors.records_management(ReadWrite::Write), Recorded::None);
    assert_eq!(selectors.records_data("AWS::S3::Object", ReadWrite::Read), Recorded::Part);
    let scope = &selectors.data_resources()[0].scope;
    assert_eq!(scope, &DataScope::Arns(BTreeSet::from(["arn:aws:s3:::secret/".to_owned()])));

    // One call that is denied is a gap of the trails, with the action that is missing.
    denied(account, "cloudtrail", "GetEventSelectors");
    let mut again = multi.clone();
    read_state(&session, &mut again).await;
    assert_eq!((again.status.is_some(), again.selectors), (true, None));
    assert_eq!(
        again.gaps.iter().map(|gap| (gap.what.as_str(), gap.reason.as_str())).collect::<Vec<_>>(),
        [("selectors", "denied")]
    );
    assert!(again.gaps[0].message.contains(GET_EVENT_SELECTORS.action), "{}", again.gaps[0].message);
}

#[tokio::test]
async fn a_member_sees_the_organisations_trail_and_asks_by_arn() {
    let (management, member) = ("325000000000", "325000000001");
    emulator().post("/organization", &json!({"management": management, "accounts": [{"id": member, "name": "member"}]}));
    s3(management, "us-east-1").await.create_bucket().bucket("assize-apis-organisation").send().await.unwrap();
    let arn = create_trail(
        &session(management).await,
        "us-east-1",
        json!({"Name": "all", "S3BucketName": "assize-apis-organisation", "IsMultiRegionTrail": true, "IsOrganizationTrail": true}),
    )
    .await;
    let session = session(member).await;
    let mut trails = describe_trails(&session, "eu-west-1").await.unwrap();
    assert_eq!(trails.len(), 1);
    read_state(&session, &mut trails[0]).await;
    assert!(trails[0].organization_trail && trails[0].gaps.is_empty(), "{:?}", trails[0].gaps);
    assert_eq!((trails[0].arn.as_str(), trails[0].owner()), (arn.as_str(), Some(management)));
}

#[tokio::test]
async fn no_trails_are_no_error_and_no_permission_is() {
    let account = "326000000001";
    let session = session(account).await;
    assert!(describe_trails(&session, "us-east-1").await.unwrap().is_empty());
    denied(account, "cloudtrail", "DescribeTrails");
    let error = describe_trails(&session, "us-east-1").await.unwrap_err();
    assert_eq!(error.denial().unwrap().action, DESCRIBE_TRAILS.action);
}

// Event history

/// 2026-01-10T00:00:00Z
const NOW: i64 = 1_768_003_200;

fn happened(number: i64) -> Value {
    let (minute, second) = (number / 60, number % 60);
    json!({"eventVersion": "1.11", "eventID": format!("00000000-0000-0000-0000-{number:012}"), "eventName": "RunInstances",
           "eventSource": "ec2.amazonaws.com", "awsRegion": "eu-west-1", "eventTime": format!("2026-01-08T10:{minute:02}:{second:02}Z"),
           "userIdentity": {"type": "IAMUser", "userName": "alice"}, "readOnly": false})
}

#[tokio::test]
async fn event_history_is_read_page_by_page_newest_first() {
    let account = "327000000001";
    let events: Vec<Value> = (0..120).map(happened).collect();
    emulator().post("/events", &json!({"account": account, "region": "eu-west-1", "events": events}));
    // 10:00:00 up to 10:01:59 of the eighth: the last of the 120 seconds is left out.
    let since = NOW - 2 * 86_400 + 10 * 3_600;
    let window = HistoryWindow { since, until: since + 119 };
    let mut history = EventHistory::open(session(account).await, "eu-west-1", window, NOW).unwrap();
    let (mut sizes, mut ids) = (Vec::new(), Vec::new());
    while let Some(page) = history.next().await.unwrap() {
        sizes.push((page.number, page.events));
        let answer: Value = serde_json::from_str(&page.body).unwrap();
        for event in answer["Events"].as_array().unwrap() {
            let record: Value = serde_json::from_str(event["CloudTrailEvent"].as_str().unwrap()).unwrap();
            ids.push(record["eventID"].as_str().unwrap().to_owned());
        }
        assert!(page.newest >= page.oldest);
    }
    assert_eq!(sizes, [(1, 50), (2, 50), (3, 19)]);
    let expected: Vec<String> = (0..119).rev().map(|number| format!("00000000-0000-0000-0000-{number:012}")).collect();
    assert_eq!(ids, expected);
    assert_eq!(emulator().calls(account, "cloudtrail:LookupEvents"), 3);
}

#[tokio::test]
async fn a_quiet_window_has_one_empty_page_and_an_old_one_is_refused() {
    let account = "327000000002";
    let session = session(account).await;
    let quiet = HistoryWindow { since: earliest(NOW), until: NOW };
    let mut history = EventHistory::open(session.clone(), "eu-west-1", quiet, NOW).unwrap();
    assert_eq!(history.next().await.unwrap().unwrap().events, 0);
    assert_eq!(history.next().await.unwrap(), None);
    let old = HistoryWindow { since: earliest(NOW) - 1, until: NOW };
    assert!(matches!(EventHistory::open(session, "eu-west-1", old, NOW), Err(HistoryError::TooOld { .. })));
    assert_eq!(emulator().calls(account, "cloudtrail:LookupEvents"), 1);
}

#[tokio::test]
async fn event_history_goes_on_after_a_failure() {
    let account = "327000000003";
    let events: Vec<Value> = (0..60).map(happened).collect();
    emulator().post("/events", &json!({"account": account, "region": "eu-west-1", "events": events}));
    let window = HistoryWindow { since: NOW - 3 * 86_400, until: NOW };
    let mut history = EventHistory::open(session(account).await, "eu-west-1", window, NOW).unwrap();
    assert_eq!(history.next().await.unwrap().unwrap().events, 50);
    // A call is tried twice, so the first two faults are one failed call, and the third is not noticed.
    let broken = json!({"service": "cloudtrail", "operation": "LookupEvents", "account": account, "times": 3, "status": 500,
                        "code": "InternalFailure", "message": "try again"});
    emulator().post("/faults", &broken);
    assert!(matches!(history.next().await, Err(HistoryError::Cloud(CloudError::Service { .. }))));
    let page = history.next().await.unwrap().unwrap();
    assert_eq!((page.number, page.events), (2, 10));
    assert_eq!(history.next().await.unwrap(), None);
}

// Queues

async fn create_queue(session: &Session, region: &str, name: &str) -> (Queue, String, String) {
    let made = prepare(session, &sibling(&RECEIVE_MESSAGE, "CreateQueue"), region, json!({"QueueName": name})).await;
    let url = made["QueueUrl"].as_str().unwrap().to_owned();
    let queue = Queue::new(session.clone(), &url, region);
    let arn = queue.attributes().await.unwrap().arn;
    (queue, url, arn)
}

#[tokio::test]
async fn objects_that_s3_tells_of_are_received_and_deleted() {
    let account = "328000000001";
    let (session, s3) = (session(account).await, s3(account, "us-east-1").await);
    let (queue, _, arn) = create_queue(&session, "us-east-1", "told-by-s3").await;
    let bucket = "assize-apis-notifies";
    s3.create_bucket().bucket(bucket).send().await.unwrap();
    let to_queue = aws_sdk_s3::types::QueueConfiguration::builder()
        .queue_arn(&arn)
        .events(aws_sdk_s3::types::Event::S3ObjectCreated)
        .build()
        .unwrap();
    let notifications = aws_sdk_s3::types::NotificationConfiguration::builder().queue_configurations(to_queue).build();
    let put = s3.put_bucket_notification_configuration().bucket(bucket).notification_configuration(notifications);
    put.send().await.unwrap();
    let key = "AWSLogs/328000000001/CloudTrail/a b+c%2F日.json.gz";
    s3.put_object().bucket(bucket).key(key).body(b"x".to_vec().into()).send().await.unwrap();

    let messages = queue.receive(10, 0, Some(60)).await.unwrap();
    let mut notices: Vec<Notice> = messages.iter().map(|message| Notice::parse(&message.body).unwrap()).collect();
    notices.sort_by_key(|notice| notice.objects.len());
    let [test, created] = notices.as_slice() else { panic!("a test and an object: {notices:?}") };
    assert_eq!((test.kind, test.objects.len()), (NoticeKind::S3Test, 0));
    assert_eq!(created.kind, NoticeKind::S3);
    assert_eq!((created.objects[0].bucket.as_str(), created.objects[0].key.as_str()), (bucket, key));
    assert!(messages.iter().all(|message| message.received == Some(1) && message.sent_millis > Some(1_700_000_000_000)));

    assert!(queue.receive(10, 0, None).await.unwrap().is_empty(), "received messages are hidden");
    assert_eq!(queue.delete(&messages).await, Ok(Vec::new()));
    assert_eq!(queue.attributes().await.unwrap().waiting, Some(0));
}

#[tokio::test]
async fn cloudtrails_own_notification_comes_through_sns() {
    let account = "328000000002";
    let session = session(account).await;
    let (queue, _, arn) = create_queue(&session, "eu-west-1", "told-by-sns").await;
    let sns = Service {
        id: "SNS",
        signing_name: "sns",
        endpoint_prefix: "sns",
        protocol: Protocol::Query { version: "2010-03-31" },
        global: false,
    };
    let operation = |name| Operation { service: sns, name, action: "test:Prepare" };
    let topic = prepare(&session, &operation("CreateTopic"), "eu-west-1", json!({"Name": "trail"})).await;
    let topic = topic["TopicArn"].as_str().unwrap();
    let body = json!({"s3Bucket": "example-logs", "s3ObjectKey": ["AWSLogs/a", "AWSLogs/b"]}).to_string();
    let subscription = json!({"TopicArn": topic, "Protocol": "sqs", "Endpoint": arn, "ReturnSubscriptionArn": true});
    let subscribed = prepare(&session, &operation("Subscribe"), "eu-west-1", subscription).await;
    prepare(&session, &operation("Publish"), "eu-west-1", json!({"TopicArn": topic, "Message": body})).await;
    let raw = json!({"SubscriptionArn": subscribed["SubscriptionArn"], "AttributeName": "RawMessageDelivery", "AttributeValue": "true"});
    prepare(&session, &operation("SetSubscriptionAttributes"), "eu-west-1", raw).await;
    prepare(&session, &operation("Publish"), "eu-west-1", json!({"TopicArn": topic, "Message": body})).await;

    let messages = queue.receive(10, 1, None).await.unwrap();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages.iter().filter(|message| message.body.contains("TopicArn")).count(), 1);
    for message in &messages {
        let notice = Notice::parse(&message.body).unwrap();
        assert_eq!(notice.kind, NoticeKind::CloudTrail);
        assert_eq!(notice.objects.iter().map(|object| object.key.as_str()).collect::<Vec<_>>(), ["AWSLogs/a", "AWSLogs/b"]);
    }
    assert_eq!(queue.delete(&messages).await, Ok(Vec::new()));
}

#[tokio::test]
async fn more_than_ten_messages_go_in_several_calls_and_what_is_strange_stays() {
    let account = "328000000003";
    let session = session(account).await;
    let (queue, url, _) = create_queue(&session, "us-east-1", "many").await;
    for number in 0..12 {
        let body = if number == 7 {
            "{\"strange\": true}".to_owned()
        } else {
            json!({"s3Bucket": "bucket", "s3ObjectKey": [number.to_string()]}).to_string()
        };
        prepare(&session, &sibling(&RECEIVE_MESSAGE, "SendMessage"), "us-east-1", json!({"QueueUrl": url, "MessageBody": body}))
            .await;
    }
    let mut messages = Vec::new();
    while messages.len() < 12 {
        let some = queue.receive(10, 0, Some(600)).await.unwrap();
        assert!(!some.is_empty() && some.len() <= 10);
        messages.extend(some);
    }
    messages.retain(|message| Notice::parse(&message.body).is_ok());
    assert_eq!(messages.len(), 11);
    assert_eq!(queue.delete(&messages).await, Ok(Vec::new()));
    assert_eq!(emulator().calls(account, "sqs:DeleteMessageBatch"), 2);
    let count = sibling(&RECEIVE_MESSAGE, "GetQueueAttributes");
    let hidden = json!({"QueueUrl": url, "AttributeNames": ["ApproximateNumberOfMessagesNotVisible"]});
    let hidden = prepare(&session, &count, "us-east-1", hidden).await;
    assert_eq!(hidden["Attributes"]["ApproximateNumberOfMessagesNotVisible"], "1");
}

#[tokio::test]
async fn a_queue_that_is_not_there_or_not_allowed_is_an_error() {
    let account = "328000000004";
    let session = session(account).await;
    let nowhere = format!("{}/{account}/nowhere", emulator().url);
    let queue = Queue::new(session.clone(), nowhere, "us-east-1");
    assert!(matches!(queue.receive(1, 0, None).await, Err(CloudError::NotFound { .. })));
    let (queue, _, _) = create_queue(&session, "us-east-1", "closed").await;
    denied(account, "sqs", "ReceiveMessage");
    let error = queue.receive(1, 0, None).await.unwrap_err();
    assert_eq!(error.denial().unwrap().action, RECEIVE_MESSAGE.action);
    assert_eq!(DELETE_MESSAGE_BATCH.action, "sqs:DeleteMessage");
}

// Probes

#[tokio::test]
async fn a_key_is_described_where_it_is() {
    let account = "329000000001";
    let session = session(account).await;
    let create = sibling(&assize_cloud::probe::DESCRIBE_KEY, "CreateKey");
    let made = prepare(&session, &create, "eu-west-1", json!({"Description": "trail"})).await;
    let arn = made["KeyMetadata"]["Arn"].as_str().unwrap();
    let key = describe_key(&session, "us-east-1", arn).await.unwrap();
    assert_eq!((key.arn.as_str(), key.account.as_deref()), (arn, Some(account)));
    assert!(key.enabled && !key.managed_by_aws);
    let missing = arn.replace(":key/", ":key/0000");
    assert!(matches!(describe_key(&session, "us-east-1", &missing).await, Err(CloudError::NotFound { .. })));
}

/// A run asks many accounts at once, on several threads.
#[tokio::test]
async fn everything_can_be_asked_from_any_thread() {
    fn any_thread<F: Future + Send>(_: F) {}
    let session = session("329000000005").await;
    let window = HistoryWindow { since: NOW - 1, until: NOW };
    let mut history = EventHistory::open(session.clone(), "us-east-1", window, NOW).unwrap();
    let queue = Queue::new(session.clone(), "https://sqs.us-east-1.amazonaws.com/329000000005/q", "us-east-1");
    any_thread(read_organization(&session, &OrganizationOptions { region: String::new(), tags: true }));
    any_thread(list_regions(&session, Partition::Aws, &[]));
    any_thread(describe_trails(&session, "us-east-1"));
    any_thread(describe_key(&session, "us-east-1", "alias/key"));
    any_thread(history.next());
    any_thread(queue.receive(1, 0, None));
    any_thread(queue.delete(&[]));
    any_thread(queue.attributes());
}
