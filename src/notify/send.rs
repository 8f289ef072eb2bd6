//! Sends messages: receivers side by side, the messages of one after another, again after a while where that may help, and never
//! longer than a run can wait. Nothing here fails a run, and no word of it shows an address.

use std::time::Duration;

use assize_cloud::topic::{self, TopicMessage};
use assize_cloud::web::{Post, Web, WebAnswer};
use assize_cloud::{CloudError, Session};
use tokio::time::{Instant, sleep, timeout_at};

use super::message::Message;
use super::{plain, slack, webhook};
use crate::config::{Channel, Secret};
use crate::report::escape::terminal;

/// The longest that all messages of a run may take.
pub(crate) const WHOLE: Duration = Duration::from_secs(60);

/// The longest that one request may take.
const REQUEST: Duration = Duration::from_secs(10);

/// How often a message is tried in all.
const ATTEMPTS: u32 = 6;

/// The wait before the second attempt; each one after it is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The longest word of a server that is shown: Slack's own codes are shorter.
const MAX_WORD: usize = 40;

/// What sending needs.
pub(crate) struct Means {
    /// For Slack and webhooks.
    pub(crate) web: Web,
    /// For SNS: who publishes; none where nothing is asked of AWS.
    pub(crate) session: Option<Session>,
    /// What the wall clock says, seconds since 1970: a receiver refuses a time stamp that is old, whatever time a run is for.
    pub(crate) clock: fn() -> i64,
    /// When sending must be over.
    pub(crate) deadline: Instant,
    /// The longest that one request may take.
    pub(crate) request: Duration,
}

impl Means {
    /// As a run sends, from now on.
    pub(crate) fn new(session: Option<Session>) -> Means {
        let clock = || jiff::Timestamp::now().as_second();
        Means { web: Web::new(), session, clock, deadline: Instant::now() + WHOLE, request: REQUEST }
    }
}

/// Why a message was not sent.
enum Failure {
    /// This one is not wanted; another one may be.
    Refused(String),
    /// The receiver cannot be reached at present.
    Away(String),
}

/// Sends messages to one receiver, in order: what it answered to each, or why it was not sent.
pub(crate) async fn send(to: &Channel, messages: &[Message], means: &Means) -> Vec<Result<String, String>> {
    let mut answers = Vec::with_capacity(messages.len());
    let mut away: Option<String> = None;
    for (number, message) in messages.iter().enumerate() {
        if let Some(why) = &away {
            answers.push(Err(why.clone()));
            continue;
        }
        let paced = async {
            if number > 0 {
                sleep(pace(to)).await;
            }
            one(to, message, means).await
        };
        let over = || Failure::Away(format!("no time was left: notifications may take {} s in all", WHOLE.as_secs()));
        let answer = timeout_at(means.deadline, paced).await.unwrap_or_else(|_| Err(over()));
        answers.push(answer.map_err(|failure| match failure {
            Failure::Refused(why) => why,
            Failure::Away(why) => {
                away = Some(why.clone());
                why
            }
        }));
    }
    answers
}

/// The time between two messages: Slack takes one a second.
fn pace(to: &Channel) -> Duration {
    match to {
        Channel::Sns { .. } => Duration::from_millis(50),
        Channel::Slack { .. } => Duration::from_millis(1_100),
        Channel::Webhook { .. } => Duration::from_millis(200),
    }
}

async fn one(to: &Channel, message: &Message, means: &Means) -> Result<String, Failure> {
    match to {
        Channel::Sns { topic, region, .. } => publish(topic, region, message, means).await,
        Channel::Slack { url } => {
            let body = serde_json::to_vec(&slack::body(message)).map_err(|error| Failure::Refused(error.to_string()))?;
            post(means, || Post { url: url.expose().to_owned(), headers: headers(), body: body.clone() }).await
        }
        Channel::Webhook { url, secret } => {
            let body = webhook::body(message).map_err(|error| Failure::Refused(error.to_string()))?;
            let id = message.id();
            post(means, || signed((url, secret), &id, &body, (means.clock)())).await
        }
    }
}

async fn publish(topic: &str, region: &str, message: &Message, means: &Means) -> Result<String, Failure> {
    let Some(session) = &means.session else {
        return Err(Failure::Away("nothing is asked of AWS by this run".to_owned()));
    };
    let (subject, text) = (plain::subject(message), plain::body(message));
    let told = TopicMessage { topic: topic.to_owned(), subject, message: text, id: message.id() };
    match topic::publish(session, region, &told).await {
        Ok(id) => Ok(format!("message {id}")),
        Err(error @ (CloudError::Network { .. } | CloudError::Throttled { .. })) => Err(Failure::Away(error.to_string())),
        Err(error) => Err(Failure::Refused(error.to_string())),
    }
}

fn headers() -> Vec<(&'static str, String)> {
    let agent = format!("assize/{}", env!("CARGO_PKG_VERSION"));
    vec![("content-type", "application/json".to_owned()), ("user-agent", agent)]
}

/// The request to a webhook, signed at a time.
fn signed((url, secret): (&Secret, &Secret), id: &str, body: &[u8], sent_at: i64) -> Post {
    let mut headers = headers();
    headers.extend([
        (webhook::ID, id.to_owned()),
        (webhook::TIMESTAMP, sent_at.to_string()),
        (webhook::SIGNATURE, webhook::signature(secret, sent_at, body)),
    ]);
    Post { url: url.expose().to_owned(), headers, body: body.to_vec() }
}

/// Posts until there is an answer that settles it. Each attempt is made anew: its time stamp is its own.
async fn post(means: &Means, make: impl Fn() -> Post) -> Result<String, Failure> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let (why, asked) = match means.web.post(&make(), means.request).await {
            Ok(answer) if (200..300).contains(&answer.status) => return Ok(format!("HTTP {}", answer.status)),
            Ok(answer) if is_passing(answer.status) => (said(&answer), answer.retry_after),
            Ok(answer) => return Err(Failure::Refused(said(&answer))),
            Err(error) => (terminal(&error.to_string()), None),
        };
        let wait = wait(attempt, asked);
        if attempt >= ATTEMPTS {
            return Err(Failure::Away(format!("{why}, {attempt} times")));
        }
        if Instant::now() + wait >= means.deadline {
            let seconds = wait.as_secs_f64().ceil();
            return Err(Failure::Away(format!("{why}; the next attempt would be in {seconds} s, which is too late")));
        }
        sleep(wait).await;
    }
}

/// Whether a server may take later what it does not take now.
fn is_passing(status: u16) -> bool {
    status == 408 || status == 429 || status >= 500
}

/// How long to wait before the next attempt: as the server asks, else twice as long each time.
fn wait(attempt: u32, asked: Option<Duration>) -> Duration {
    asked.unwrap_or(FIRST_WAIT * 2_u32.pow(attempt.saturating_sub(1).min(6)))
}

/// What a server said. Of the body only a single word: a stranger could write anything, the address included.
fn said(answer: &WebAnswer) -> String {
    let word = answer.body.trim();
    let is_code =
        !word.is_empty() && word.len() <= MAX_WORD && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    match is_code {
        true => format!("it answered HTTP {} {word}", answer.status),
        false => format!("it answered HTTP {}", answer.status),
    }
}
