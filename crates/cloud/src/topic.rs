//! An SNS topic that people or programs listen to: publish a message.

use serde_json::{Value, json};

use crate::answer::{malformed, text};
use crate::ask::Ask;
use crate::{CloudError, Operation, Protocol, Service, Session};

const SNS: Service = Service {
    id: "SNS",
    signing_name: "sns",
    endpoint_prefix: "sns",
    protocol: Protocol::Query { version: "2010-03-31" },
    global: false,
};

/// Publishes a message.
pub const PUBLISH: Operation = Operation { service: SNS, name: "Publish", action: "sns:Publish" };

/// The longest subject, in characters, all of them ASCII: SNS's own limit is 100, and it counts its end.
pub const MAX_SUBJECT: usize = 99;

/// The longest message, in bytes of UTF-8; SNS's own limit.
pub const MAX_MESSAGE: usize = 256 * 1024;

/// A message for a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMessage {
    /// ARN of the topic.
    pub topic: String,
    /// One line of printable ASCII, at most [`MAX_SUBJECT`].
    pub subject: String,
    /// The text, at most [`MAX_MESSAGE`].
    pub message: String,
    /// What tells two messages apart; a topic of the kind FIFO takes one of the same id once within five minutes.
    pub id: String,
}

/// Publishes a message in a region, and gives the id that SNS gave it.
///
/// # Errors
/// The call failed.
pub async fn publish(session: &Session, region: &str, message: &TopicMessage) -> Result<String, CloudError> {
    published(session, region, message).await
}

async fn published(ask: &impl Ask, region: &str, message: &TopicMessage) -> Result<String, CloudError> {
    let mut input = json!({"TopicArn": message.topic, "Subject": message.subject, "Message": message.message});
    if message.topic.ends_with(".fifo")
        && let Some(input) = input.as_object_mut()
    {
        input.insert("MessageGroupId".to_owned(), Value::from("assize"));
        input.insert("MessageDeduplicationId".to_owned(), Value::from(message.id.as_str()));
    }
    let answer = ask.ask(&PUBLISH, region, input).await?;
    text(&answer, "MessageId").ok_or_else(|| malformed(&PUBLISH, region, "no MessageId"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::script::{Script, denied};

    fn message(topic: &str) -> TopicMessage {
        let [topic, subject, message, id] = [topic, "a", "b", "c"].map(str::to_owned);
        TopicMessage { topic, subject, message, id }
    }

    #[tokio::test]
    async fn a_message_is_published_in_the_region_that_is_given() {
        let topic = "arn:aws:sns:eu-west-1:111122223333:alarms";
        let asked = json!({"TopicArn": topic, "Subject": "a", "Message": "b", "MessageGroupId": null});
        let script = Script::default().on("Publish", asked, json!({"MessageId": "7"}));
        assert_eq!(published(&script, "eu-west-1", &message(topic)).await.unwrap(), "7");
        assert_eq!(script.regions("Publish"), ["eu-west-1"]);
    }

    #[tokio::test]
    async fn a_topic_of_the_kind_fifo_is_told_what_a_repetition_is() {
        let asked = json!({"MessageGroupId": "assize", "MessageDeduplicationId": "c"});
        let script = Script::default().on("Publish", asked, json!({"MessageId": "7"}));
        assert!(published(&script, "eu-west-1", &message("arn:aws:sns:eu-west-1:111122223333:a.fifo")).await.is_ok());
        let refused = published(&Script::default().deny("Publish", json!({})), "eu-west-1", &message("a")).await;
        assert_eq!(refused, Err(denied("Publish")));
        let nothing = published(&Script::default().on("Publish", json!({}), json!({})), "eu-west-1", &message("a")).await;
        assert!(matches!(nothing, Err(CloudError::Malformed { .. })));
    }
}
