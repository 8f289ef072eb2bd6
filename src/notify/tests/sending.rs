//! What sending does when a server does not take a message.

use std::time::Duration;

use tokio::time::Instant;

use super::server::{Reply, Server};
use super::*;
use crate::notify::send::{Means, send};

fn webhook_to(server: &Server) -> Receiver {
    let secret = Secret::new("0123456789abcdef".to_owned());
    receiver(Channel::Webhook { url: Secret::new(format!("{}/canary", server.url)), secret })
}

fn slack_to(server: &Server) -> Receiver {
    receiver(Channel::Slack { url: Secret::new(format!("{}/canary", server.url)) })
}

/// Means with little time.
fn means(whole: Duration) -> Means {
    Means { deadline: Instant::now() + whole, request: Duration::from_millis(300), ..Means::new(None) }
}

fn messages(receiver: &Receiver, count: u32) -> Vec<Message> {
    let items = (0..count).map(|number| item(Event::New, &number.to_string(), &number.to_string()));
    plan(receiver, items.collect(), 0, HEAD)
}

#[tokio::test]
async fn a_busy_server_is_asked_again_with_a_new_time_stamp() {
    let server =
        Server::start(vec![Reply::status(429).after(1), Reply::status(503), Reply::Hang, Reply::Close, Reply::status(204)]);
    let receiver = webhook_to(&server);
    let begun = Instant::now();
    let answers = send(&receiver.to, &messages(&receiver, 1), &means(Duration::from_secs(30))).await;
    assert_eq!(answers, [Ok("HTTP 204".to_owned())]);
    assert!(begun.elapsed() >= Duration::from_secs(1), "it waits as long as it is asked to");
    let requests = server.requests();
    assert_eq!(requests.len(), 5);
    assert!(
        requests.iter().all(|one| one.body == requests[0].body && one.header("assize-id") == requests[0].header("assize-id"))
    );
    for request in requests {
        let sent_at: i64 = request.header("assize-timestamp").parse().unwrap();
        let secret = Secret::new("0123456789abcdef".to_owned());
        assert_eq!(request.header("assize-signature"), webhook::signature(&secret, sent_at, &request.body));
    }
}

#[tokio::test]
async fn what_is_refused_is_not_tried_again_and_the_next_message_is_sent() {
    let server = Server::start(vec![
        Reply::body(404, "no_service"),
        Reply::body(400, "http://canary/ <b>"),
        Reply::status(302),
        Reply::status(200),
    ]);
    let receiver = slack_to(&server);
    let answers = send(&receiver.to, &messages(&receiver, 4), &means(Duration::from_secs(30))).await;
    let said = |text: &str| Err(text.to_owned());
    let expected = [
        said("it answered HTTP 404 no_service"),
        said("it answered HTTP 400"),
        said("it answered HTTP 302"),
        Ok("HTTP 200".to_owned()),
    ];
    assert_eq!(answers, expected);
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_server_that_is_away_holds_nobody_up() {
    let hanging = Server::start(vec![Reply::Hang; 50]);
    let receiver = webhook_to(&hanging);
    let begun = Instant::now();
    let answers = send(&receiver.to, &messages(&receiver, 5), &means(Duration::from_secs(2))).await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(answers.len(), 5);
    let all = format!("{answers:?}");
    assert!(answers.iter().all(Result::is_err) && !all.contains("canary"), "{all}");
    let patient = Server::start(vec![Reply::status(429).after(3_600); 3]);
    let answers = send(&slack_to(&patient).to, &messages(&slack_to(&patient), 3), &means(Duration::from_secs(2))).await;
    assert_eq!(patient.requests().len(), 1, "an hour is too long to wait");
    assert!(answers[2].as_ref().unwrap_err().contains("HTTP 429"), "{answers:?}");
    let nobody = Channel::Sns { topic: "t".to_owned(), region: "r".to_owned(), account: None };
    let answers = send(&nobody, &messages(&topic(), 1), &means(Duration::from_secs(2))).await;
    assert!(answers[0].as_ref().unwrap_err().contains("nothing is asked of AWS"));
}
