//! Bodies of messages, in the shapes that S3, CloudTrail, SNS and EventBridge document.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const KEY: &str = "audit/AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/05/111122223333_CloudTrail_eu-west-1_20260105T1005Z_abcdefghijklmnop.json.gz";

fn s3_record(name: &str, key: &str) -> Value {
    json!({
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-west-1",
        "eventTime": "2026-01-05T10:05:00.000Z", "eventName": name,
        "userIdentity": {"principalId": "AWS:EXAMPLE"}, "requestParameters": {"sourceIPAddress": "192.0.2.1"},
        "responseElements": {"x-amz-request-id": "EXAMPLE", "x-amz-id-2": "EXAMPLE"},
        "s3": {"s3SchemaVersion": "1.0", "configurationId": "told",
               "bucket": {"name": "example-logs", "ownerIdentity": {"principalId": "EXAMPLE"}, "arn": "arn:aws:s3:::example-logs"},
               "object": {"key": key, "size": 1024, "eTag": "0123456789abcdef0123456789abcdef", "sequencer": "0055AED6DCD90281E5"}}
    })
}

fn s3(records: &[Value]) -> String {
    json!({"Records": records}).to_string()
}

fn trail(keys: Value) -> String {
    json!({"s3Bucket": "example-logs", "s3ObjectKey": keys}).to_string()
}

fn bridge(kind: &str, key: &str) -> String {
    json!({
        "version": "0", "id": "11111111-2222-3333-4444-555555555555", "detail-type": kind, "source": "aws.s3",
        "account": "111122223333", "time": "2026-01-05T10:05:00Z", "region": "eu-west-1",
        "resources": ["arn:aws:s3:::example-logs"],
        "detail": {"version": "0", "bucket": {"name": "example-logs"},
                   "object": {"key": key, "size": 5, "etag": "0123456789abcdef0123456789abcdef", "sequencer": "617f08299329d189"},
                   "request-id": "EXAMPLE", "requester": "111122223333", "source-ip-address": "192.0.2.1", "reason": "PutObject"}
    })
    .to_string()
}

fn sns(message: &str) -> String {
    json!({
        "Type": "Notification", "MessageId": "11111111-2222-3333-4444-555555555555",
        "TopicArn": "arn:aws:sns:eu-west-1:111122223333:told", "Message": message,
        "Timestamp": "2026-01-05T10:05:01.000Z", "SignatureVersion": "1", "Signature": "EXAMPLE",
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/example.pem",
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe"
    })
    .to_string()
}

fn keys(body: &str) -> Vec<String> {
    let notice = Notice::parse(body).unwrap();
    assert!(notice.objects.iter().all(|object| object.bucket == "example-logs"));
    notice.objects.into_iter().map(|object| object.key).collect()
}

#[test]
fn each_sender_is_read_alone_and_in_an_envelope() {
    for (body, kind) in [
        (s3(&[s3_record("ObjectCreated:Put", KEY)]), NoticeKind::S3),
        (s3(&[s3_record("s3:ObjectCreated:CompleteMultipartUpload", KEY)]), NoticeKind::S3),
        (s3(&[s3_record("ObjectRestore:Completed", KEY)]), NoticeKind::S3),
        (trail(json!([KEY])), NoticeKind::CloudTrail),
        (bridge("Object Created", KEY), NoticeKind::EventBridge),
        (bridge("Object Restore Completed", KEY), NoticeKind::EventBridge),
    ] {
        for body in [sns(&body), sns(&sns(&body)), body] {
            let notice = Notice::parse(&body).unwrap();
            assert_eq!(notice.kind, kind);
            assert_eq!(notice.objects, [ObjectRef { bucket: "example-logs".to_owned(), key: KEY.to_owned() }]);
            assert!(notice.passed_over.is_empty());
        }
    }
}

#[test]
fn one_message_may_name_many_objects() {
    assert_eq!(keys(&trail(json!(["a", "b", "c"]))), ["a", "b", "c"]);
    let records =
        [s3_record("ObjectCreated:Put", "a"), s3_record("ObjectRemoved:Delete", "b"), s3_record("ObjectCreated:Copy", "c")];
    let notice = Notice::parse(&s3(&records)).unwrap();
    assert_eq!(notice.objects.iter().map(|object| object.key.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(notice.passed_over, ["ObjectRemoved:Delete"]);
}

#[test]
fn only_s3_itself_encodes_keys() {
    for (written, key) in [
        ("red+flower.jpg", "red flower.jpg"),
        ("a%2Bb%2fc", "a+b/c"),
        ("AWSLogs/1/%E6%97%A5", "AWSLogs/1/日"),
        ("%2525", "%25"),
        ("%2E%2E/x", "../x"),
    ] {
        assert_eq!(keys(&s3(&[s3_record("ObjectCreated:Put", written)])), [key]);
        assert_eq!(keys(&trail(json!([written]))), [written]);
        assert_eq!(keys(&bridge("Object Created", written)), [written]);
    }
}

#[test]
fn tests_and_events_without_objects_bring_none() {
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-01-05T10:05:00.000Z",
                      "Bucket": "example-logs", "RequestId": "EXAMPLE", "HostId": "EXAMPLE"})
    .to_string();
    for (body, kind) in [
        (test.clone(), NoticeKind::S3Test),
        (sns(&test), NoticeKind::S3Test),
        ("CloudTrail validation message.".to_owned(), NoticeKind::CloudTrailTest),
        (sns("CloudTrail validation message."), NoticeKind::CloudTrailTest),
        (s3(&[s3_record("ObjectTagging:Put", KEY)]), NoticeKind::S3),
        (s3(&[s3_record("ReducedRedundancyLostObject", KEY)]), NoticeKind::S3),
        (s3(&[s3_record("ObjectRestore:Post", KEY)]), NoticeKind::S3),
        (bridge("Object Deleted", KEY), NoticeKind::EventBridge),
    ] {
        let notice = Notice::parse(&body).unwrap();
        assert_eq!((notice.kind, notice.objects), (kind, Vec::new()), "{body}");
    }
}

#[test]
fn what_is_not_understood_is_an_error() {
    let with = |field: &str, value: Value| {
        let mut record = s3_record("ObjectCreated:Put", KEY);
        match value {
            Value::Null => *record.pointer_mut(field).unwrap() = Value::Null,
            value => *record.pointer_mut(field).unwrap() = value,
        }
        s3(&[s3_record("ObjectCreated:Put", "good"), record])
    };
    let long = "k".repeat(1025);
    let other = |body: &str| matches!(Notice::parse(body), Err(NoticeError::Unknown(_)));
    let field = |body: &str| matches!(Notice::parse(body), Err(NoticeError::Field { .. }));
    assert!(other("{}") && other("[]") && other("1") && other("null") && other("\"text\""));
    assert!(other(&s3(&[])));
    assert!(other(&json!({"Records": [{"eventVersion": "1.11", "eventSource": "ec2.amazonaws.com"}]}).to_string()));
    assert!(other(&with("/eventSource", json!("minio:s3"))));
    assert!(other(&with("/eventName", json!("ObjectEaten:Whole"))));
    assert!(other(&bridge("Object Eaten", KEY)));
    assert!(other(&json!({"source": "aws.s3x", "detail-type": "Object Created"}).to_string()));
    assert!(other(&json!({"Type": "Notification", "Subject": "no message"}).to_string()));
    assert!(other(&json!({"Type": "Surprise", "Message": "{}"}).to_string()));
    assert!(field(&with("/eventVersion", json!("3.0"))));
    assert!(field(&with("/eventName", json!(""))));
    assert!(field(&with("/s3/bucket/name", Value::Null)));
    assert!(field(&with("/s3/bucket/name", json!("../etc"))));
    assert!(field(&with("/s3/bucket/name", json!("a"))));
    for key in [json!(""), json!(long), json!(7), json!("%"), json!("%2"), json!("%zz"), json!("%ff"), Value::Null] {
        assert!(field(&with("/s3/object/key", key.clone())), "{key}");
    }
    for keys in [json!([]), json!("one"), json!([""]), json!([1]), json!([long]), Value::Null] {
        assert!(field(&trail(keys.clone())), "{keys}");
    }
    assert!(field(&bridge("Object Created", "")));
    assert!(field(&bridge("", KEY)));
}

#[test]
fn envelopes_end_and_subscriptions_are_left_to_people() {
    let thrice = sns(&sns(&sns(&trail(json!([KEY])))));
    assert_eq!(Notice::parse(&thrice), Err(NoticeError::TooDeep));
    for kind in ["SubscriptionConfirmation", "UnsubscribeConfirmation"] {
        let body = json!({"Type": kind, "Message": "You have chosen", "SubscribeURL": "https://example.invalid/"}).to_string();
        assert_eq!(Notice::parse(&body), Err(NoticeError::Subscription));
    }
}

#[test]
fn long_and_deep_bodies_are_refused() {
    assert_eq!(Notice::parse(&" ".repeat(MAX_BODY_BYTES + 1)), Err(NoticeError::TooLarge(MAX_BODY_BYTES + 1)));
    let deep = "[".repeat(100_000);
    assert!(matches!(Notice::parse(&deep), Err(NoticeError::NotJson(_))));
    let deep = format!("{{\"Records\":{}", "[{\"a\":".repeat(50_000));
    assert!(matches!(Notice::parse(&deep), Err(NoticeError::NotJson(_))));
}

#[test]
fn errors_repeat_nothing_strange() {
    let body = json!({"\u{1b}[31mred": 1, "x".repeat(500): 2, "日本": 3}).to_string();
    let said = Notice::parse(&body).unwrap_err().to_string();
    assert!(said.is_ascii() && !said.contains('\u{1b}') && said.len() < 400, "{said}");
    let said = Notice::parse(&s3(&[s3_record("\u{1b}]0;title", KEY)])).unwrap_err().to_string();
    assert!(!said.contains('\u{1b}'), "{said}");
}

fn encode(key: &str) -> String {
    let byte = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        byte if byte.is_ascii_alphanumeric() || b"/._-*".contains(&byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    key.bytes().map(byte).collect()
}

/// JSON that is often nearly a message.
fn nearly() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("s3:TestEvent".to_owned()),
        Just("Notification".to_owned()),
        Just("aws:s3".to_owned()),
        Just("aws.s3".to_owned()),
        Just("ObjectCreated:Put".to_owned()),
        Just("Object Created".to_owned()),
        Just(trail(json!(["k"]))),
        ".{0,12}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.prop_map(Value::from)
    ];
    let name = prop::sample::select(vec![
        "Records",
        "Type",
        "Message",
        "Event",
        "s3Bucket",
        "s3ObjectKey",
        "source",
        "detail-type",
        "detail",
        "bucket",
        "object",
        "name",
        "key",
        "s3",
        "eventSource",
        "eventName",
        "eventVersion",
    ]);
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|pairs| pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_an_answer_or_an_error(body in ".{0,300}") {
        prop_assert!(Notice::parse(&body).map_or_else(|error| !error.to_string().is_empty(), |notice| notice.objects.len() < 300));
    }

    #[test]
    fn any_json_is_an_answer_or_an_error(message in nearly()) {
        for body in [message.to_string(), sns(&message.to_string())] {
            if let Ok(notice) = Notice::parse(&body) {
                for object in notice.objects {
                    prop_assert!(check_key(&object.key).is_ok() && bucket_name(&object.bucket));
                }
            }
        }
    }

    #[test]
    fn encoded_keys_come_back(key in "\\PC{1,60}") {
        prop_assert_eq!(keys(&s3(&[s3_record("ObjectCreated:Put", &encode(&key))])), [key]);
    }
}
