//! The queue over scripted answers.

use serde_json::json;

use super::*;
use crate::ask::script::Script;

const URL: &str = "https://sqs.eu-west-1.amazonaws.com/111122223333/told";

fn queue_url() -> Address {
    Address { url: URL.to_owned(), region: "eu-west-1".to_owned() }
}

fn message(number: usize) -> Message {
    Message {
        id: format!("m{number}"),
        body: "{}".to_owned(),
        received: None,
        sent_millis: None,
        receipt: format!("canary-receipt-{number}"),
    }
}

#[test]
fn the_region_is_read_from_the_forms_that_aws_gives() {
    for (url, region) in [
        (URL, Some("eu-west-1")),
        ("https://sqs.cn-north-1.amazonaws.com.cn/111122223333/q", Some("cn-north-1")),
        ("https://sqs-fips.us-gov-west-1.amazonaws.com/111122223333/q", Some("us-gov-west-1")),
        ("https://sqs.us-east-2.api.aws/111122223333/q", Some("us-east-2")),
        ("https://eu-central-1.queue.amazonaws.com/111122223333/q", Some("eu-central-1")),
        ("https://queue.amazonaws.com/111122223333/q", Some("us-east-1")),
        ("http://127.0.0.1:4566/111122223333/q", None),
        ("https://sqs.eu-west-1.amazonaws.com.example.invalid/111122223333/q", None),
        ("", None),
    ] {
        assert_eq!(Queue::region_in(url), region, "{url}");
    }
}

#[tokio::test]
async fn messages_are_received_with_what_is_known_of_them() {
    let script = Script::default().on(
        "ReceiveMessage",
        json!({"QueueUrl": URL}),
        json!({"Messages": [
        {"MessageId": "m1", "ReceiptHandle": "r1", "Body": "{}", "MD5OfBody": "99914b932bd37a50b983c5e7c90ae93b",
         "Attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "1767225600123"}},
        {"MessageId": "m2", "ReceiptHandle": "r2", "Body": ""}]}),
    );
    let messages = receive(&script, &queue_url(), 99, 99, Some(600)).await.unwrap();
    assert_eq!(messages.len(), 2);
    assert_eq!((messages[0].received, messages[0].sent_millis), (Some(3), Some(1_767_225_600_123)));
    assert_eq!((messages[1].body.as_str(), messages[1].received), ("", None));
    let input = &script.inputs("ReceiveMessage")[0];
    assert_eq!(
        (&input["MaxNumberOfMessages"], &input["WaitTimeSeconds"], &input["VisibilityTimeout"]),
        (&json!(10), &json!(20), &json!(600))
    );
    assert_eq!(script.regions("ReceiveMessage"), ["eu-west-1"]);
}

#[tokio::test]
async fn no_message_is_no_error_and_half_a_message_is() {
    for nothing in [json!({}), json!({"Messages": []}), json!({"Messages": null})] {
        let script = Script::default().on("ReceiveMessage", json!({}), nothing);
        assert_eq!(receive(&script, &queue_url(), 1, 0, None).await, Ok(Vec::new()));
        assert_eq!(script.inputs("ReceiveMessage")[0].get("VisibilityTimeout"), None);
    }
    let script = Script::default().on("ReceiveMessage", json!({}), json!({"Messages": [{"MessageId": "m"}]}));
    assert!(matches!(receive(&script, &queue_url(), 1, 0, None).await, Err(CloudError::Malformed { .. })));
}

#[tokio::test]
async fn deleting_goes_by_tens_and_names_what_stays() {
    let successful: Vec<Value> = (0..10).filter(|id| *id != 2 && *id != 4).map(|id| json!({"Id": id.to_string()})).collect();
    let script = Script::default().on(
        "DeleteMessageBatch",
        json!({}),
        json!({"Successful": successful, "Failed": [{"Id": "2", "SenderFault": true, "Code": "ReceiptHandleIsInvalid"}]}),
    );
    let messages: Vec<Message> = (0..12).map(message).collect();
    let failures = delete(&script, &queue_url(), &messages).await.unwrap();
    let said: Vec<(&str, &str)> = failures.iter().map(|f| (f.message.as_str(), f.code.as_str())).collect();
    assert_eq!(said, [("m2", "ReceiptHandleIsInvalid"), ("m4", "NotAnswered")]);
    let sizes: Vec<usize> =
        script.inputs("DeleteMessageBatch").iter().map(|input| input["Entries"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [10, 2]);
    assert_eq!(delete(&Script::default(), &queue_url(), &[]).await, Ok(Vec::new()));
}

#[tokio::test]
async fn attributes_are_numbers() {
    let script = Script::default().on(
        "GetQueueAttributes",
        json!({}),
        json!({"Attributes": {
        "QueueArn": "arn:aws:sqs:eu-west-1:111122223333:told", "ApproximateNumberOfMessages": "7", "VisibilityTimeout": "30"}}),
    );
    let read = attributes(&script, &queue_url()).await.unwrap();
    assert_eq!((read.waiting, read.visibility_seconds, read.dead_letters), (Some(7), Some(30), false));
    let mute = Script::default().on("GetQueueAttributes", json!({}), json!({}));
    assert!(attributes(&mute, &queue_url()).await.is_err());
}

#[test]
fn a_message_shows_neither_its_receipt_nor_its_body() {
    let mut message = message(1);
    message.body = "canary-body".to_owned();
    let shown = format!("{message:?}");
    assert!(shown.contains("m1") && !shown.contains("canary"), "{shown}");
}
