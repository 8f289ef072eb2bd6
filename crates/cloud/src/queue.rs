//! An SQS queue that is told of new objects: receive messages, delete those that are done with.
//!
//! A message that is not deleted comes again, so whoever reads the queue deletes only after the object is kept. What
//! a body says is read by [`Notice`].

mod notice;

use std::fmt;

use serde_json::{Value, json};

use crate::answer::{items, malformed, text};
use crate::ask::Ask;
use crate::{CloudError, Operation, Protocol, Service, Session};

pub use notice::{MAX_BODY_BYTES, Notice, NoticeError, NoticeKind, ObjectRef};

const SQS: Service = Service {
    id: "SQS",
    signing_name: "sqs",
    endpoint_prefix: "sqs",
    protocol: Protocol::Json10 { target: "AmazonSQS" },
    global: false,
};

/// Receives messages.
pub const RECEIVE_MESSAGE: Operation = Operation { service: SQS, name: "ReceiveMessage", action: "sqs:ReceiveMessage" };
/// Deletes messages. IAM knows one action for one message and for many.
pub const DELETE_MESSAGE_BATCH: Operation = Operation { service: SQS, name: "DeleteMessageBatch", action: "sqs:DeleteMessage" };
/// Tells about a queue.
pub const GET_QUEUE_ATTRIBUTES: Operation =
    Operation { service: SQS, name: "GetQueueAttributes", action: "sqs:GetQueueAttributes" };

/// Messages in one call, at most: SQS's own limit.
pub const MAX_BATCH: usize = 10;

/// The longest that SQS waits for a message, in seconds.
pub const MAX_WAIT_SECONDS: u32 = 20;

/// A queue.
#[derive(Clone, Debug)]
pub struct Queue {
    session: Session,
    address: Address,
}

/// Where a queue is.
#[derive(Clone, Debug)]
struct Address {
    url: String,
    region: String,
}

/// A message as SQS gave it.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// SQS's id of the message.
    pub id: String,
    /// What it says. [`Notice::parse`] reads it.
    pub body: String,
    /// How often it has been received, this time included; a high number is a message that nobody can handle.
    pub received: Option<u32>,
    /// When it was sent: milliseconds since 1970 UTC.
    pub sent_millis: Option<i64>,
    /// What deletes it. Whoever has it may delete the message.
    receipt: String,
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Message");
        shown.field("id", &self.id).field("body_bytes", &self.body.len()).field("received", &self.received);
        shown.finish_non_exhaustive()
    }
}

/// A message that could not be deleted; it comes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteFailure {
    /// SQS's id of the message.
    pub message: String,
    /// SQS's error code.
    pub code: String,
}

/// How full a queue is, about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueAttributes {
    /// Its ARN.
    pub arn: String,
    /// Messages that wait.
    pub waiting: Option<u64>,
    /// For how many seconds a received message is hidden from others.
    pub visibility_seconds: Option<u32>,
    /// Whether messages that are received too often go to a queue of their own.
    pub dead_letters: bool,
}

impl Queue {
    /// The queue behind a URL. Nothing is asked yet.
    pub fn new(session: Session, url: impl Into<String>, region: impl Into<String>) -> Self {
        Self { session, address: Address { url: url.into(), region: region.into() } }
    }

    /// The region in the URL of a queue: `https://sqs.eu-west-1.amazonaws.com/…` and the other forms that AWS gives.
    pub fn region_in(url: &str) -> Option<&str> {
        let host = url.strip_prefix("https://")?.split('/').next()?;
        let labels: Vec<&str> = host.split('.').collect();
        match labels.as_slice() {
            ["sqs" | "sqs-fips", region, "amazonaws", "com"]
            | ["sqs" | "sqs-fips", region, "amazonaws", "com", "cn"]
            | ["sqs" | "sqs-fips", region, "api", "aws"]
            | ["sqs" | "sqs-fips", region, "api", "amazonwebservices", "com", "cn"]
            | [region, "queue", "amazonaws", "com"]
            | [region, "queue", "amazonaws", "com", "cn"] => Some(region),
            ["queue", "amazonaws", "com"] => Some("us-east-1"),
            _ => None,
        }
    }

    /// Receives up to `most` messages (1 to 10), waiting up to `wait_seconds` (0 to 20) for the first.
    ///
    /// They are hidden from others for `hide_seconds` (at most 43,200), or as long as the queue says. No message
    /// now does not mean that there is none: ask again, with a wait, before taking the queue for empty.
    ///
    /// # Errors
    /// The call failed, or a message had no body or no receipt.
    pub async fn receive(&self, most: usize, wait_seconds: u32, hide_seconds: Option<u32>) -> Result<Vec<Message>, CloudError> {
        receive(&self.session, &self.address, most, wait_seconds, hide_seconds).await
    }

    /// Deletes messages, ten in a call. Gives back those that were not deleted.
    ///
    /// # Errors
    /// A call failed; the messages of earlier calls may be deleted.
    pub async fn delete(&self, messages: &[Message]) -> Result<Vec<DeleteFailure>, CloudError> {
        delete(&self.session, &self.address, messages).await
    }

    /// How full the queue is, about. Changes nothing.
    ///
    /// # Errors
    /// The call failed.
    pub async fn attributes(&self) -> Result<QueueAttributes, CloudError> {
        attributes(&self.session, &self.address).await
    }
}

async fn receive(
    ask: &impl Ask,
    queue: &Address,
    most: usize,
    wait_seconds: u32,
    hide_seconds: Option<u32>,
) -> Result<Vec<Message>, CloudError> {
    let mut input = json!({
        "QueueUrl": queue.url,
        "MaxNumberOfMessages": most.clamp(1, MAX_BATCH),
        "WaitTimeSeconds": wait_seconds.min(MAX_WAIT_SECONDS),
        "MessageSystemAttributeNames": ["ApproximateReceiveCount", "SentTimestamp"],
    });
    if let (Some(seconds), Some(input)) = (hide_seconds, input.as_object_mut()) {
        input.insert("VisibilityTimeout".to_owned(), json!(seconds.min(43_200)));
    }
    let answer = ask.ask(&RECEIVE_MESSAGE, &queue.region, input).await?;
    let read = |message: &Value| {
        read_message(message).ok_or_else(|| malformed(&RECEIVE_MESSAGE, &queue.region, "a message without id, body or receipt"))
    };
    items(&answer, "Messages").iter().map(read).collect()
}

fn read_message(message: &Value) -> Option<Message> {
    let attributes = message.get("Attributes").unwrap_or(&Value::Null);
    Some(Message {
        id: text(message, "MessageId")?,
        body: message.get("Body")?.as_str()?.to_owned(),
        received: text(attributes, "ApproximateReceiveCount").and_then(|count| count.parse().ok()),
        sent_millis: text(attributes, "SentTimestamp").and_then(|time| time.parse().ok()),
        receipt: text(message, "ReceiptHandle")?,
    })
}

async fn delete(ask: &impl Ask, queue: &Address, messages: &[Message]) -> Result<Vec<DeleteFailure>, CloudError> {
    let mut failures = Vec::new();
    for few in messages.chunks(MAX_BATCH) {
        let entry = |(id, message): (usize, &Message)| json!({"Id": id.to_string(), "ReceiptHandle": message.receipt});
        let entries: Vec<Value> = few.iter().enumerate().map(entry).collect();
        let input = json!({"QueueUrl": queue.url, "Entries": entries});
        let answer = ask.ask(&DELETE_MESSAGE_BATCH, &queue.region, input).await?;
        for (id, message) in few.iter().enumerate() {
            let id = Some(id.to_string());
            if items(&answer, "Successful").iter().any(|entry| text(entry, "Id") == id) {
                continue;
            }
            let failed = items(&answer, "Failed").iter().find(|entry| text(entry, "Id") == id);
            let code = failed.and_then(|entry| text(entry, "Code")).unwrap_or_else(|| "NotAnswered".to_owned());
            failures.push(DeleteFailure { message: message.id.clone(), code });
        }
    }
    Ok(failures)
}

async fn attributes(ask: &impl Ask, queue: &Address) -> Result<QueueAttributes, CloudError> {
    let names = ["QueueArn", "ApproximateNumberOfMessages", "VisibilityTimeout", "RedrivePolicy"];
    let input = json!({"QueueUrl": queue.url, "AttributeNames": names});
    let answer = ask.ask(&GET_QUEUE_ATTRIBUTES, &queue.region, input).await?;
    let attributes = answer.get("Attributes").unwrap_or(&Value::Null);
    let arn = text(attributes, "QueueArn")
        .ok_or_else(|| malformed(&GET_QUEUE_ATTRIBUTES, &queue.region, "the answer does not name the queue"))?;
    Ok(QueueAttributes {
        arn,
        waiting: text(attributes, "ApproximateNumberOfMessages").and_then(|count| count.parse().ok()),
        visibility_seconds: text(attributes, "VisibilityTimeout").and_then(|seconds| seconds.parse().ok()),
        dead_letters: text(attributes, "RedrivePolicy").is_some(),
    })
}

#[cfg(test)]
mod tests;
