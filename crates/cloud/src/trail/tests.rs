//! Trails over scripted answers, in the shapes that CloudTrail documents.

use serde_json::{Value, json};

use super::*;
use crate::ask::script::{Script, service_error};

const ARN: &str = "arn:aws:cloudtrail:eu-central-1:111122223333:trail/main.trail_1";

fn written() -> Value {
    json!({
        "Name": "main.trail_1", "S3BucketName": "example-logs", "S3KeyPrefix": "audit",
        "SnsTopicName": "told", "SnsTopicARN": "arn:aws:sns:eu-central-1:111122223333:told",
        "IncludeGlobalServiceEvents": true, "IsMultiRegionTrail": true, "HomeRegion": "eu-central-1",
        "TrailARN": ARN, "LogFileValidationEnabled": true,
        "CloudWatchLogsLogGroupArn": "arn:aws:logs:eu-central-1:111122223333:log-group:trail:*",
        "CloudWatchLogsRoleArn": "arn:aws:iam::111122223333:role/logs",
        "KmsKeyId": "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555",
        "HasCustomEventSelectors": false, "HasInsightSelectors": true, "IsOrganizationTrail": true
    })
}

fn snapshot(region: &str) -> TrailSnapshot {
    read_trail(&written(), region).unwrap()
}

fn described(trails: Value) -> Value {
    json!({"trailList": trails})
}

#[tokio::test]
async fn a_trail_is_read_whole() {
    let script = Script::default().on("DescribeTrails", json!({"includeShadowTrails": true}), described(json!([written()])));
    let trails = describe(&script, "us-east-1").await.unwrap();
    let [trail] = trails.as_slice() else { panic!("one trail") };
    assert_eq!(trail.arn, ARN);
    assert_eq!(trail.owner(), Some("111122223333"));
    assert_eq!((trail.bucket.as_str(), trail.key_prefix.as_deref()), ("example-logs", Some("audit")));
    assert!(trail.multi_region && trail.organization_trail && trail.log_file_validation && trail.includes_global_events);
    assert_eq!((trail.custom_selectors, trail.insights), (Some(false), Some(true)));
    assert_eq!(trail.seen_in, BTreeSet::from(["us-east-1".to_owned()]));
    assert!(trail.covers("ap-south-1"));
    assert_eq!(trail.evidence.trail, written());
    let stored = serde_json::to_string(trail).unwrap();
    assert_eq!(&serde_json::from_str::<TrailSnapshot>(&stored).unwrap(), trail);
}

#[tokio::test]
async fn what_is_left_out_counts_as_less() {
    let bare = json!({"Name": "a", "TrailARN": "arn:aws:cloudtrail:us-east-1:111122223333:trail/a",
                      "HomeRegion": "us-east-1", "S3BucketName": "b"});
    let script = Script::default().on("DescribeTrails", json!({}), described(json!([bare])));
    let trail = describe(&script, "us-east-1").await.unwrap().remove(0);
    assert!(!trail.multi_region && !trail.organization_trail && !trail.log_file_validation && !trail.includes_global_events);
    assert!(trail.covers("us-east-1") && !trail.covers("us-east-2"));
    assert_eq!((trail.key_prefix, trail.kms_key, trail.log_group), (None, None, None));
}

#[tokio::test]
async fn a_trail_that_cannot_be_named_fails_the_region() {
    for field in ["TrailARN", "Name", "HomeRegion", "S3BucketName"] {
        let mut trail = written();
        trail.as_object_mut().unwrap().remove(field);
        let script = Script::default().on("DescribeTrails", json!({}), described(json!([written(), trail])));
        let error = describe(&script, "us-east-1").await.unwrap_err();
        assert!(error.to_string().contains(field), "{error}");
    }
    let script = Script::default().on("DescribeTrails", json!({}), json!({}));
    assert!(matches!(describe(&script, "us-east-1").await, Err(CloudError::Malformed { .. })));
}

#[test]
fn shadows_are_one_trail_whatever_their_order() {
    let mut changed = snapshot("us-east-1");
    changed.bucket = "changed-meanwhile".to_owned();
    let mut with_state = snapshot("ap-south-1");
    with_state.selectors = Some(Selectors::usual());
    let mut other = snapshot("us-east-1");
    other.arn = "arn:aws:cloudtrail:us-east-1:111122223333:trail/other".to_owned();
    let all = [changed, with_state, other, snapshot("eu-central-1")];
    let merged = merge(all.clone());
    assert_eq!(merged.len(), 2);
    let main = &merged[0];
    assert_eq!((main.arn.as_str(), main.bucket.as_str()), (ARN, "example-logs"));
    assert_eq!(main.seen_in.iter().map(String::as_str).collect::<Vec<_>>(), ["ap-south-1", "eu-central-1", "us-east-1"]);
    assert_eq!(main.selectors, Some(Selectors::usual()));
    for turn in 0..4 {
        let mut turned = all.clone();
        turned.rotate_left(turn);
        assert_eq!(merge(turned), merged, "turned by {turn}");
    }
    assert_eq!(merge(merged.clone()), merged);
}

#[tokio::test]
async fn state_is_asked_for_at_home_by_arn() {
    let script = Script::default()
        .on("GetTrailStatus", json!({"Name": ARN}), json!({
            "IsLogging": true, "LatestDeliveryTime": 1_731_412_345.5, "StartLoggingTime": 1_700_000_000,
            "StopLoggingTime": 1_690_000_000, "LatestDigestDeliveryTime": 1_731_410_000.25,
            "LatestDeliveryAttemptTime": "", "TimeLoggingStarted": "2023-11-14T22:13:20Z",
            "LatestDigestDeliveryError": "NoSuchBucket", "LatestDeliveryError": ""}))
        .on("GetEventSelectors", json!({"TrailName": ARN}), json!({"TrailARN": ARN, "EventSelectors": [
            {"ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [], "ExcludeManagementEventSources": []}]}));
    let mut trail = snapshot("us-east-1");
    read_state_of(&script, &mut trail).await;
    assert_eq!(script.regions("GetTrailStatus"), ["eu-central-1"]);
    assert_eq!(script.regions("GetEventSelectors"), ["eu-central-1"]);
    assert!(trail.gaps.is_empty());
    assert_eq!(
        trail.status,
        Some(TrailStatus {
            logging: true,
            started: Some(1_700_000_000),
            stopped: Some(1_690_000_000),
            latest_delivery: Some(1_731_412_345),
            latest_delivery_error: None,
            latest_digest_delivery: Some(1_731_410_000),
            latest_digest_delivery_error: Some("NoSuchBucket".to_owned()),
        })
    );
    assert_eq!(trail.selectors, Some(Selectors::usual()));
    assert_eq!(trail.evidence.status.unwrap()["IsLogging"], true);
}

#[tokio::test]
async fn what_one_trail_does_not_tell_is_its_own_gap_and_can_be_mended() {
    let denied = Script::default().deny("GetTrailStatus", json!({})).fail(
        "GetEventSelectors",
        json!({}),
        service_error("GetEventSelectors", "NoManagementAccountSLRExistsException"),
    );
    let mut trail = snapshot("us-east-1");
    read_state_of(&denied, &mut trail).await;
    assert_eq!((&trail.status, &trail.selectors), (&None, &None));
    assert_eq!(trail.gaps.iter().map(|gap| gap.what.as_str()).collect::<Vec<_>>(), ["status", "selectors"]);
    assert_eq!(trail.gaps[0].reason, "denied");

    let allowed = Script::default().on("GetTrailStatus", json!({}), json!({"IsLogging": false})).on(
        "GetEventSelectors",
        json!({}),
        json!({"EventSelectors": [{"ReadWriteType": "All"}]}),
    );
    let mut mended = trail.clone();
    read_state_of(&allowed, &mut mended).await;
    assert!(mended.gaps.is_empty());
    assert!(!mended.status.as_ref().unwrap().logging);

    let merged = merge([trail, mended]);
    assert!(merged[0].gaps.is_empty() && merged[0].status.is_some());
}

#[test]
fn a_status_that_does_not_say_is_not_a_status() {
    assert!(read_status(&json!({"LatestDeliveryTime": 1}), "us-east-1").is_err());
}

#[test]
fn no_selectors_mean_the_usual_ones_only_where_the_trail_says_so() {
    for nothing in [json!({}), json!({"EventSelectors": []}), json!({"EventSelectors": null, "AdvancedEventSelectors": []})] {
        assert_eq!(read_selectors(&nothing, Some(false), "x").unwrap(), Selectors::usual());
        assert!(read_selectors(&nothing, Some(true), "x").is_err());
        assert!(read_selectors(&nothing, None, "x").is_err());
    }
    assert!(read_selectors(&json!({"EventSelectors": "all"}), Some(false), "x").is_err());
}

fn except(sources: &[&str]) -> Recorded {
    Recorded::Except(sources.iter().map(|source| (*source).to_owned()).collect())
}

fn basic(selectors: Value) -> Selectors {
    Selectors::read(&json!({"EventSelectors": selectors}))
}

fn advanced(selectors: &[Value]) -> Selectors {
    let selectors: Vec<Value> = selectors.iter().map(|fields| json!({"Name": "n", "FieldSelectors": fields})).collect();
    Selectors::read(&json!({"AdvancedEventSelectors": selectors}))
}

#[test]
fn basic_selectors_and_management_events() {
    let kms = "kms.amazonaws.com";
    let rds = "rdsdata.amazonaws.com";
    for (selectors, read, write) in [
        (json!([{"ReadWriteType": "All", "IncludeManagementEvents": true}]), Recorded::All, Recorded::All),
        (json!([{}]), Recorded::All, Recorded::All),
        (json!([{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": true}]), Recorded::All, Recorded::None),
        (json!([{"ReadWriteType": "WriteOnly"}]), Recorded::None, Recorded::All),
        (json!([{"ReadWriteType": "All", "IncludeManagementEvents": false}]), Recorded::None, Recorded::None),
        (json!([{"ExcludeManagementEventSources": [kms]}]), except(&[kms]), except(&[kms])),
        (json!([{"ExcludeManagementEventSources": [kms, rds]}]), except(&[kms, rds]), except(&[kms, rds])),
        (
            json!([{"ExcludeManagementEventSources": [kms, rds]}, {"ExcludeManagementEventSources": [rds], "ReadWriteType": "WriteOnly"}]),
            except(&[kms, rds]),
            except(&[rds]),
        ),
        (
            json!([{"ExcludeManagementEventSources": [kms]}, {"ExcludeManagementEventSources": [rds]}]),
            Recorded::All,
            Recorded::All,
        ),
        (json!([{"ReadWriteType": "ReadOnly"}, {"ReadWriteType": "WriteOnly"}]), Recorded::All, Recorded::All),
        (json!([{"ReadWriteType": "Sometimes"}]), Recorded::Unknown, Recorded::Unknown),
        (json!([{"ReadWriteType": 1}]), Recorded::Unknown, Recorded::Unknown),
        (json!([{"IncludeManagementEvents": "perhaps"}]), Recorded::Unknown, Recorded::Unknown),
        (json!([{"ExcludeManagementEventSources": "kms"}]), Recorded::Unknown, Recorded::Unknown),
        (json!([{"SampleRate": 10}]), Recorded::Unknown, Recorded::Unknown),
        (json!(["x"]), Recorded::Unknown, Recorded::Unknown),
        (json!([{"SampleRate": 10}, {}]), Recorded::All, Recorded::All),
        (json!([{"SampleRate": 10}, {"ExcludeManagementEventSources": [kms]}]), except(&[kms]), except(&[kms])),
        (json!([]), Recorded::None, Recorded::None),
    ] {
        let parsed = basic(selectors.clone());
        assert_eq!(parsed.records_management(ReadWrite::Read), read, "read: {selectors}");
        assert_eq!(parsed.records_management(ReadWrite::Write), write, "write: {selectors}");
    }
}

#[test]
fn advanced_selectors_and_management_events() {
    let management = json!({"Field": "eventCategory", "Equals": ["Management"]});
    let data = json!({"Field": "eventCategory", "Equals": ["Data"]});
    let read_only = |value: &str| json!({"Field": "readOnly", "Equals": [value]});
    let not_kms = json!({"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"]});
    let not_rds = json!({"Field": "eventSource", "NotEquals": ["rdsdata.amazonaws.com"]});
    let kms = except(&["kms.amazonaws.com"]);
    let both = except(&["kms.amazonaws.com", "rdsdata.amazonaws.com"]);
    let name = json!({"Field": "eventName", "NotEquals": ["Decrypt"]});
    for (selectors, read, write) in [
        (vec![json!([management])], Recorded::All, Recorded::All),
        (vec![json!([management, read_only("true")])], Recorded::All, Recorded::None),
        (vec![json!([management, read_only("false")])], Recorded::None, Recorded::All),
        (vec![json!([management, read_only("true"), read_only("false")])], Recorded::None, Recorded::None),
        (vec![json!([management, not_kms])], kms.clone(), kms.clone()),
        (vec![json!([management, not_kms, not_rds])], both.clone(), both.clone()),
        (vec![json!([management, not_kms]), json!([management, not_rds])], Recorded::All, Recorded::All),
        (vec![json!([management, not_kms, read_only("false")])], Recorded::None, kms.clone()),
        (vec![json!([data, {"Field": "resources.type", "Equals": ["AWS::S3::Object"]}])], Recorded::None, Recorded::None),
        (vec![json!([{"Field": "eventCategory", "Equals": ["NetworkActivity"]}])], Recorded::None, Recorded::None),
        // Not understood: never everything.
        (vec![json!([management, name])], Recorded::Unknown, Recorded::Unknown),
        (vec![json!([management, name, read_only("true")])], Recorded::Unknown, Recorded::None),
        (
            vec![json!([management, {"Field": "userIdentity.arn", "NotStartsWith": ["arn:aws:iam"]}])],
            Recorded::Unknown,
            Recorded::Unknown,
        ),
        (
            vec![json!([management, {"Field": "eventSource", "Equals": ["iam.amazonaws.com"]}])],
            Recorded::Unknown,
            Recorded::Unknown,
        ),
        (vec![json!([management, {"Field": "eventSource", "NotStartsWith": ["kms"]}])], Recorded::Unknown, Recorded::Unknown),
        (
            vec![json!([management, {"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"], "EndsWith": ["x"]}])],
            Recorded::Unknown,
            Recorded::Unknown,
        ),
        (vec![json!([management, {"Field": "readOnly", "NotEquals": ["true"]}])], Recorded::Unknown, Recorded::Unknown),
        (vec![json!([management, read_only("yes")])], Recorded::Unknown, Recorded::Unknown),
        (vec![json!([management, {"Field": "newField", "Equals": ["a"]}])], Recorded::Unknown, Recorded::Unknown),
        (
            vec![json!([{"Field": "eventCategory", "Equals": ["Management"], "Sample": ["1"]}])],
            Recorded::Unknown,
            Recorded::Unknown,
        ),
        (vec![json!([{"Field": "eventCategory", "Equals": ["management"]}])], Recorded::Unknown, Recorded::Unknown),
        (vec![json!([{"Field": "eventCategory", "StartsWith": ["Man"]}])], Recorded::Unknown, Recorded::Unknown),
        (vec![json!([read_only("true")])], Recorded::Unknown, Recorded::None),
        (vec![json!([])], Recorded::Unknown, Recorded::Unknown),
        (vec![json!("x")], Recorded::Unknown, Recorded::Unknown),
        (vec![json!([management, "x"])], Recorded::Unknown, Recorded::Unknown),
        // Beside one that is understood, what is not can only add.
        (vec![json!([management, name]), json!([management])], Recorded::All, Recorded::All),
        (vec![json!([management, name]), json!([management, not_kms])], kms.clone(), kms.clone()),
    ] {
        let parsed = advanced(&selectors);
        assert_eq!(parsed.records_management(ReadWrite::Read), read, "read: {selectors:?}");
        assert_eq!(parsed.records_management(ReadWrite::Write), write, "write: {selectors:?}");
    }
}

#[test]
fn a_selector_that_gains_a_key_is_not_understood() {
    let read = Selectors::read(&json!({"AdvancedEventSelectors": [
        {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}], "Aggregate": true}]}));
    assert_eq!(read.records_management(ReadWrite::Read), Recorded::Unknown);
}

#[test]
fn data_events_of_basic_selectors() {
    let s3 = "AWS::S3::Object";
    let objects = |values: Value| json!([{"ReadWriteType": "WriteOnly", "DataResources": [{"Type": s3, "Values": values}]}]);
    for (values, expected) in [
        (json!(["arn:aws:s3"]), Recorded::All),
        (json!(["arn:aws:s3:::"]), Recorded::All),
        (json!(["arn:aws-cn:s3"]), Recorded::All),
        (json!(["arn:aws:s3:::one-bucket/"]), Recorded::Part),
        (json!(["arn:aws:s3:::one-bucket/", "arn:aws:s3"]), Recorded::All),
        (json!(["arn:aws:lambda"]), Recorded::Part),
        (json!([]), Recorded::Part),
        (json!("arn:aws:s3"), Recorded::Unknown),
    ] {
        let parsed = basic(objects(values.clone()));
        assert_eq!(parsed.records_data(s3, ReadWrite::Write), expected, "{values}");
        assert_eq!(parsed.records_data(s3, ReadWrite::Read), Recorded::None, "{values}");
    }
    let parsed = basic(objects(json!(["arn:aws:s3:::one-bucket/"])));
    assert_eq!(parsed.records_data("AWS::Lambda::Function", ReadWrite::Write), Recorded::None);
    assert_eq!(
        parsed.data_resources(),
        [DataSelector {
            resource_type: Some(s3.to_owned()),
            read: false,
            write: true,
            scope: DataScope::Arns(BTreeSet::from(["arn:aws:s3:::one-bucket/".to_owned()])),
        }]
    );
    assert_eq!(Selectors::usual().data_resources(), []);
    assert_eq!(Selectors::usual().records_data(s3, ReadWrite::Read), Recorded::None);
}

#[test]
fn data_events_of_advanced_selectors() {
    let s3 = "AWS::S3::Object";
    let data = json!({"Field": "eventCategory", "Equals": ["Data"]});
    let of = |name: &str| json!({"Field": "resources.type", "Equals": [name]});
    let arn = json!({"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::one-bucket/"]});
    for (fields, read, write) in [
        (json!([data, of(s3)]), Recorded::All, Recorded::All),
        (json!([data, of(s3), {"Field": "readOnly", "Equals": ["false"]}]), Recorded::None, Recorded::All),
        (json!([data, of("AWS::Lambda::Function")]), Recorded::None, Recorded::None),
        (json!([data, of(s3), arn]), Recorded::Part, Recorded::Part),
        (json!([data, of(s3), arn, arn]), Recorded::Part, Recorded::Part),
        (
            json!([data, of(s3), {"Field": "resources.ARN", "NotStartsWith": ["arn:aws:s3:::logs/"]}]),
            Recorded::Part,
            Recorded::Part,
        ),
        (json!([data, of(s3), {"Field": "eventName", "Equals": ["DeleteObject"]}]), Recorded::Part, Recorded::Part),
        (json!([data, of(s3), {"Field": "readOnly", "Equals": ["maybe"]}]), Recorded::Part, Recorded::Part),
        (json!([data]), Recorded::Unknown, Recorded::Unknown),
        (json!([data, {"Field": "resources.type", "StartsWith": ["AWS::S3"]}]), Recorded::Unknown, Recorded::Unknown),
        (json!([data, of(s3), of(s3)]), Recorded::Unknown, Recorded::Unknown),
        (json!([of(s3)]), Recorded::Unknown, Recorded::Unknown),
        (json!([{"Field": "eventCategory", "Equals": ["Management"]}]), Recorded::None, Recorded::None),
    ] {
        let parsed = advanced(std::slice::from_ref(&fields));
        assert_eq!(parsed.records_data(s3, ReadWrite::Read), read, "read: {fields}");
        assert_eq!(parsed.records_data(s3, ReadWrite::Write), write, "write: {fields}");
    }
}

#[test]
fn network_activity_is_recorded_by_source() {
    let category = json!({"Field": "eventCategory", "Equals": ["NetworkActivity"]});
    let of = |name: &str| json!({"Field": "eventSource", "Equals": [name]});
    let denied = json!({"Field": "errorCode", "Equals": ["VpceAccessDenied"]});
    for (fields, expected) in [
        (json!([category, of("kms.amazonaws.com")]), &["kms.amazonaws.com"][..]),
        (json!([of("KMS.amazonaws.com"), category]), &["kms.amazonaws.com"]),
        (json!([category, of("kms.amazonaws.com"), denied]), &[]),
        (json!([category]), &[]),
        (json!([of("kms.amazonaws.com")]), &[]),
        (json!([category, {"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"]}]), &[]),
        (json!([{"Field": "eventCategory", "Equals": ["Management"]}, of("kms.amazonaws.com")]), &[]),
    ] {
        let parsed = advanced(std::slice::from_ref(&fields));
        assert_eq!(parsed.network_activity().into_iter().collect::<Vec<_>>(), expected, "{fields}");
        if expected.is_empty() {
            continue;
        }
        assert_eq!(parsed.records_management(ReadWrite::Read), Recorded::None, "{fields}");
        assert_eq!(parsed.data_resources(), [], "{fields}");
    }
    let two = advanced(&[json!([category, of("kms.amazonaws.com")]), json!([category, of("ec2.amazonaws.com")])]);
    assert_eq!(two.network_activity().len(), 2);
    assert!(Selectors::usual().network_activity().is_empty());
}
