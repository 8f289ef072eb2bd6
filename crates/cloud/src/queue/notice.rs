//! What a message says: which objects are new.
//!
//! Three senders are understood, each alone or inside an SNS envelope: S3's event notifications, CloudTrail's own
//! notification, and EventBridge's `Object …` events. Whatever is not understood is an error, and the message stays in
//! its queue. Anybody who may send to the queue writes the body, so an [`ObjectRef`] is a claim: compare it with the
//! configured sources before it is fetched.

use assize_bucket::check_key;
use serde_json::Value;

use crate::answer::text;

/// The longest body that is read, in bytes: what SQS takes at most.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Envelopes around a message: SNS, once. A second one is allowed for a topic that repeats another.
const MAX_ENVELOPES: usize = 2;

/// What CloudTrail publishes when a topic is attached to a trail; it is not JSON.
const CLOUDTRAIL_TEST: &str = "CloudTrail validation message.";

/// An object that a message names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// The bucket's name.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
}

/// A message that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Who sent it.
    pub kind: NoticeKind,
    /// The objects to fetch, in the order of the message.
    pub objects: Vec<ObjectRef>,
    /// The kinds of events in it that bring no object, such as `ObjectRemoved:Delete`.
    pub passed_over: Vec<String>,
}

/// Who sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// S3, about objects.
    S3,
    /// S3, to see whether it may send.
    S3Test,
    /// CloudTrail, about log files.
    CloudTrail,
    /// CloudTrail, to see whether it may send.
    CloudTrailTest,
    /// EventBridge, about an object.
    EventBridge,
}

/// Why a message is not understood. Nothing of what it says is repeated, but for short names of printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// The body is longer than SQS allows.
    #[error("the message has {0} bytes, more than {MAX_BODY_BYTES}; it is left in the queue")]
    TooLarge(usize),
    /// The body is not JSON.
    #[error("the message is not JSON ({0}); it is left in the queue: remove it, or see who sends to the queue")]
    NotJson(String),
    /// Envelopes in envelopes.
    #[error("the message has more than {MAX_ENVELOPES} envelopes; it is left in the queue")]
    TooDeep,
    /// JSON of a kind that is not known.
    #[error(
        "the message is neither an S3 event, nor CloudTrail's notification, nor an EventBridge event of S3 ({0}); it \
         is left in the queue: remove it, or see who sends to the queue"
    )]
    Unknown(String),
    /// A subscription that waits to be confirmed.
    #[error(
        "SNS asks to confirm a subscription or its end; that is for a person to decide, so the message is left in the \
         queue"
    )]
    Subscription,
    /// A kind that is known, without something it must have.
    #[error("{kind} without a usable {field}; the message is left in the queue")]
    Field {
        /// The kind: "an S3 event".
        kind: &'static str,
        /// The field.
        field: &'static str,
    },
}

impl Notice {
    /// Reads the body of a message.
    ///
    /// # Errors
    /// The body is not understood as a whole: no object is taken from a message half of which is strange.
    pub fn parse(body: &str) -> Result<Self, NoticeError> {
        parse(body, 0)
    }
}

fn parse(body: &str, envelopes: usize) -> Result<Notice, NoticeError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(NoticeError::TooLarge(body.len()));
    }
    if body.trim() == CLOUDTRAIL_TEST {
        return Ok(empty(NoticeKind::CloudTrailTest));
    }
    // serde_json refuses what nests deeper than 128.
    let message: Value = serde_json::from_str(body).map_err(|error| NoticeError::NotJson(error.to_string()))?;
    if let Some(kind) = text(&message, "Type") {
        return match (kind.as_str(), message.get("Message").and_then(Value::as_str)) {
            ("Notification", Some(_)) if envelopes >= MAX_ENVELOPES => Err(NoticeError::TooDeep),
            ("Notification", Some(inner)) => parse(inner, envelopes + 1),
            ("SubscriptionConfirmation" | "UnsubscribeConfirmation", _) => Err(NoticeError::Subscription),
            _ => Err(unknown(&message)),
        };
    }
    if let Some(records) = message.get("Records").and_then(Value::as_array) {
        return s3(records, &message);
    }
    if message.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Ok(empty(NoticeKind::S3Test));
    }
    if message.get("s3Bucket").is_some() {
        return cloudtrail(&message);
    }
    if message.get("source").and_then(Value::as_str) == Some("aws.s3") {
        return event_bridge(&message);
    }
    Err(unknown(&message))
}

fn empty(kind: NoticeKind) -> Notice {
    Notice { kind, objects: Vec::new(), passed_over: Vec::new() }
}

/// What S3 does with an object, as far as it matters here.
enum Deed {
    /// The object can be read now.
    Readable,
    /// Something else, known.
    Other,
}

fn s3(records: &[Value], message: &Value) -> Result<Notice, NoticeError> {
    const KIND: &str = "an S3 event";
    let field = |field| NoticeError::Field { kind: KIND, field };
    let mut notice = empty(NoticeKind::S3);
    if records.is_empty() {
        return Err(unknown(message));
    }
    for record in records {
        if record.get("eventSource").and_then(Value::as_str) != Some("aws:s3") {
            return Err(unknown(message));
        }
        // Fields come with minor versions and are ignored; another major version may mean anything.
        if text(record, "eventVersion").is_some_and(|version| version.split('.').next() != Some("2")) {
            return Err(field("eventVersion"));
        }
        let name = text(record, "eventName").ok_or_else(|| field("eventName"))?;
        let name = name.strip_prefix("s3:").unwrap_or(&name);
        match s3_deed(name).ok_or_else(|| NoticeError::Unknown(plain(name)))? {
            Deed::Readable => {
                let about = record.get("s3").unwrap_or(&Value::Null);
                let key = about.pointer("/object/key").and_then(Value::as_str).and_then(decode);
                notice.objects.push(object(about.pointer("/bucket/name"), key, KIND)?);
            }
            Deed::Other => notice.passed_over.push(plain(name)),
        }
    }
    Ok(notice)
}

fn s3_deed(name: &str) -> Option<Deed> {
    let (family, kind) = name.split_once(':').unwrap_or((name, ""));
    match (family, kind) {
        ("ObjectCreated", _) | ("ObjectRestore", "Completed") => Some(Deed::Readable),
        (
            "ObjectRemoved"
            | "ObjectRestore"
            | "ObjectTagging"
            | "ObjectAcl"
            | "ObjectAnnotation"
            | "ReducedRedundancyLostObject"
            | "Replication"
            | "LifecycleExpiration"
            | "LifecycleTransition"
            | "IntelligentTiering",
            _,
        ) => Some(Deed::Other),
        _ => None,
    }
}

/// CloudTrail's keys are written as they are.
fn cloudtrail(message: &Value) -> Result<Notice, NoticeError> {
    const KIND: &str = "CloudTrail's notification";
    let mut notice = empty(NoticeKind::CloudTrail);
    let keys = message.get("s3ObjectKey").and_then(Value::as_array).filter(|keys| !keys.is_empty());
    for key in keys.ok_or(NoticeError::Field { kind: KIND, field: "s3ObjectKey" })? {
        notice.objects.push(object(message.get("s3Bucket"), key.as_str().map(str::to_owned), KIND)?);
    }
    Ok(notice)
}

/// EventBridge's keys are written as they are, unlike S3's own.
fn event_bridge(message: &Value) -> Result<Notice, NoticeError> {
    const KIND: &str = "an EventBridge event";
    let kind = text(message, "detail-type").ok_or(NoticeError::Field { kind: KIND, field: "detail-type" })?;
    let mut notice = empty(NoticeKind::EventBridge);
    match kind.as_str() {
        "Object Created" | "Object Restore Completed" => {
            let key = message.pointer("/detail/object/key").and_then(Value::as_str).map(str::to_owned);
            notice.objects.push(object(message.pointer("/detail/bucket/name"), key, KIND)?);
        }
        "Object Deleted"
        | "Object Restore Initiated"
        | "Object Restore Expired"
        | "Object Tags Added"
        | "Object Tags Deleted"
        | "Object ACL Updated"
        | "Object Storage Class Changed"
        | "Object Access Tier Changed" => notice.passed_over.push(kind),
        other => return Err(NoticeError::Unknown(plain(other))),
    }
    Ok(notice)
}

fn object(bucket: Option<&Value>, key: Option<String>, kind: &'static str) -> Result<ObjectRef, NoticeError> {
    let bucket = bucket.and_then(Value::as_str).filter(|name| bucket_name(name));
    let bucket = bucket.ok_or(NoticeError::Field { kind, field: "bucket name" })?.to_owned();
    let key = key.filter(|key| check_key(key).is_ok()).ok_or(NoticeError::Field { kind, field: "object key" })?;
    Ok(ObjectRef { bucket, key })
}

/// Whether S3 ever allowed such a name: old buckets of us-east-1 have up to 255 characters, capitals and underscores.
fn bucket_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (3..=255).contains(&name.len()) && name.bytes().all(allowed)
}

/// Decodes a form-encoded key: `+` is a space, `%2F` a slash. `None` if it is not well encoded, or not UTF-8 then.
fn decode(key: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(key.len());
    let mut bytes = key.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => 16 * hex(bytes.next()?)? + hex(bytes.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The error for JSON of an unknown kind: its first keys, so that a person can tell what it is.
fn unknown(message: &Value) -> NoticeError {
    let said = match message.as_object() {
        Some(object) => {
            let keys: Vec<String> = object.keys().take(5).map(|key| plain(key)).collect();
            format!("its keys: {}", keys.join(", "))
        }
        None => "it is not an object".to_owned(),
    };
    NoticeError::Unknown(said)
}

/// A short name without anything that a terminal or a report could stumble over.
fn plain(name: &str) -> String {
    const MOST: usize = 64;
    let printable = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    name.chars().take(MOST).map(printable).collect()
}

#[cfg(test)]
mod tests;
