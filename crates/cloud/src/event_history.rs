//! Event history: what CloudTrail keeps of every account and region without any trail.
//!
//! It holds management events of the last 90 days, unsigned, and gives at most 50 of them twice a second (the session
//! keeps that limit). So it is the last resort, and whoever uses it says so. Pages are handed on as they came.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Value, json};

use crate::answer::{items, malformed, seconds, text};
use crate::ask::Ask;
use crate::trail::CLOUDTRAIL;
use crate::{CloudError, Operation, Session};

/// Looks up management events of the last 90 days.
pub const LOOKUP_EVENTS: Operation = Operation { service: CLOUDTRAIL, name: "LookupEvents", action: "cloudtrail:LookupEvents" };

/// How far back Event history reaches, in days.
pub const REACH_DAYS: i64 = 90;

/// Calls a second that CloudTrail answers in one account and region.
pub const CALLS_PER_SECOND: u32 = 2;

/// Events on a full page.
pub const PAGE_EVENTS: usize = 50;

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

/// The first second whose events a run that began at `now` can still look up, in seconds since 1970 UTC.
///
/// An hour is kept back: the oldest events fall out of reach while the run goes on, and AWS does not say so.
pub fn earliest(now: i64) -> i64 {
    now.saturating_sub(REACH_DAYS * DAY).saturating_add(HOUR)
}

/// The event times to look up, in seconds since 1970 UTC: from `since`, up to but not including `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryWindow {
    /// The first second.
    pub since: i64,
    /// The second after the last.
    pub until: i64,
}

/// Why Event history cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The window begins before what is kept. CloudTrail would answer as if nothing had happened then.
    #[error(
        "Event history reaches back {REACH_DAYS} days, and the window begins at {}; begin it at {} or later, and count \
         the hours before as without evidence", time(*.since), time(*.earliest)
    )]
    TooOld {
        /// Where the window begins.
        since: i64,
        /// Where it can begin.
        earliest: i64,
    },
    /// The window holds no time.
    #[error("the window from {} to {} holds no time; it has to end after it begins", time(*.since), time(*.until))]
    Empty {
        /// Where the window begins.
        since: i64,
        /// Where it ends.
        until: i64,
    },
    /// CloudTrail refused the window.
    #[error(
        "CloudTrail refuses to look up events from {} to {} in {region}: {message}; Event history reaches back \
         {REACH_DAYS} days, so begin later", time(window.since), time(window.until)
    )]
    Refused {
        /// The window.
        window: HistoryWindow,
        /// The region asked.
        region: String,
        /// What CloudTrail said.
        message: String,
    },
    /// The call failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
}

fn time(seconds: i64) -> String {
    DateTime::from_secs(seconds).fmt(Format::DateTime).unwrap_or_else(|_| format!("second {seconds}"))
}

/// A page of Event history: at most [`PAGE_EVENTS`] events, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryPage {
    /// Its number, from 1.
    pub number: u32,
    /// The answer as it came, byte for byte: `{"Events": […]}`. The record of each event is the text of its
    /// `CloudTrailEvent`.
    pub body: String,
    /// How many events it holds; a page may be empty and not be the last.
    pub events: usize,
    /// The times of the newest and of the oldest event on it.
    pub newest: Option<i64>,
    /// See `newest`.
    pub oldest: Option<i64>,
}

/// Event history of one account and region over a window, page by page.
#[derive(Debug)]
pub struct EventHistory {
    session: Session,
    pages: Pages,
}

impl EventHistory {
    /// Begins to read. Nothing is asked yet. `now` is the time of the run, in seconds since 1970 UTC.
    ///
    /// # Errors
    /// [`HistoryError::TooOld`] if the window begins before [`earliest`], [`HistoryError::Empty`].
    pub fn open(session: Session, region: &str, window: HistoryWindow, now: i64) -> Result<Self, HistoryError> {
        Ok(Self { session, pages: Pages::new(region, window, now)? })
    }

    /// The next page, newest events first; `None` after the last.
    ///
    /// # Errors
    /// The call failed; the same page is asked for again next time. [`CloudError::Malformed`] if CloudTrail's pages
    /// do not end.
    pub async fn next(&mut self) -> Result<Option<HistoryPage>, HistoryError> {
        self.pages.next(&self.session).await
    }
}

/// Where the reading is.
#[derive(Debug)]
struct Pages {
    region: String,
    window: HistoryWindow,
    read: u32,
    token: Option<String>,
    ended: bool,
}

impl Pages {
    fn new(region: &str, window: HistoryWindow, now: i64) -> Result<Self, HistoryError> {
        let HistoryWindow { since, until } = window;
        let earliest = earliest(now);
        if since >= until {
            return Err(HistoryError::Empty { since, until });
        }
        if since < earliest {
            return Err(HistoryError::TooOld { since, earliest });
        }
        Ok(Self { region: region.to_owned(), window, read: 0, token: None, ended: false })
    }

    async fn next(&mut self, ask: &impl Ask) -> Result<Option<HistoryPage>, HistoryError> {
        if self.ended {
            return Ok(None);
        }
        // Both ends are inclusive and events have whole seconds. Every page is asked for with the same words.
        let mut input = json!({"StartTime": self.window.since, "EndTime": self.window.until - 1, "MaxResults": PAGE_EVENTS});
        if let (Some(token), Some(input)) = (&self.token, input.as_object_mut()) {
            input.insert("NextToken".to_owned(), Value::String(token.clone()));
        }
        let body = ask.ask_text(&LOOKUP_EVENTS, &self.region, input).await.map_err(|error| self.explain(error))?;
        let answer: Value = serde_json::from_str(&body)
            .map_err(|error| malformed(&LOOKUP_EVENTS, &self.region, format!("the answer is not JSON ({error})")))?;
        if !answer.get("Events").is_some_and(Value::is_array) {
            return Err(malformed(&LOOKUP_EVENTS, &self.region, "no list of events in the answer").into());
        }
        let next = text(&answer, "NextToken");
        if next.is_some() && next == self.token {
            return Err(malformed(&LOOKUP_EVENTS, &self.region, "the same NextToken came twice, so the pages do not end").into());
        }
        self.ended = next.is_none();
        self.token = next;
        self.read += 1;
        let times = items(&answer, "Events").iter().filter_map(|event| seconds(event, "EventTime"));
        let (newest, oldest) = (times.clone().max(), times.min());
        let events = items(&answer, "Events").len();
        Ok(Some(HistoryPage { number: self.read, body, events, newest, oldest }))
    }

    fn explain(&self, error: CloudError) -> HistoryError {
        match error {
            CloudError::Service { code, message, .. } if code == "InvalidTimeRangeException" => {
                HistoryError::Refused { window: self.window, region: self.region.clone(), message }
            }
            error => HistoryError::Cloud(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::script::{Script, denied, service_error};

    /// 2026-01-01T00:00:00Z
    const NOW: i64 = 1_767_225_600;

    fn window() -> HistoryWindow {
        HistoryWindow { since: NOW - 2 * DAY, until: NOW - DAY }
    }

    fn event(time: i64) -> Value {
        json!({"EventId": format!("id-{time}"), "EventTime": time as f64 + 0.25, "EventName": "RunInstances",
               "CloudTrailEvent": "{\"eventVersion\":\"1.11\"}"})
    }

    #[tokio::test]
    async fn pages_follow_their_tokens_with_the_same_window() {
        let script = Script::default()
            .on(
                "LookupEvents",
                json!({"NextToken": null}),
                json!({"Events": [event(NOW - DAY - 1), event(NOW - DAY - 9)], "NextToken": "a"}),
            )
            .on("LookupEvents", json!({"NextToken": "a"}), json!({"Events": [], "NextToken": "b"}))
            .on("LookupEvents", json!({"NextToken": "b"}), json!({"Events": [event(NOW - 2 * DAY)]}));
        let mut pages = Pages::new("eu-west-1", window(), NOW).unwrap();
        let mut read = Vec::new();
        while let Some(page) = pages.next(&script).await.unwrap() {
            read.push((page.number, page.events, page.newest, page.oldest));
        }
        assert_eq!(
            read,
            [
                (1, 2, Some(NOW - DAY - 1), Some(NOW - DAY - 9)),
                (2, 0, None, None),
                (3, 1, Some(NOW - 2 * DAY), Some(NOW - 2 * DAY))
            ]
        );
        assert_eq!(pages.next(&script).await.unwrap(), None);
        assert_eq!(script.count("LookupEvents"), 3);
        for input in script.inputs("LookupEvents") {
            assert_eq!((&input["StartTime"], &input["EndTime"]), (&json!(NOW - 2 * DAY), &json!(NOW - DAY - 1)));
            assert_eq!(input["MaxResults"], 50);
        }
    }

    #[tokio::test]
    async fn a_page_that_failed_is_asked_for_again() {
        let first = Script::default().on("LookupEvents", json!({}), json!({"Events": [], "NextToken": "a"}));
        let broken = Script::default().deny("LookupEvents", json!({}));
        let last = Script::default().on("LookupEvents", json!({"NextToken": "a"}), json!({"Events": []}));
        let mut pages = Pages::new("eu-west-1", window(), NOW).unwrap();
        assert!(pages.next(&first).await.unwrap().is_some());
        assert_eq!(pages.next(&broken).await, Err(HistoryError::Cloud(denied("LookupEvents"))));
        assert_eq!(pages.next(&last).await.unwrap().unwrap().number, 2);
        assert_eq!(pages.next(&last).await.unwrap(), None);
    }

    #[test]
    fn a_window_out_of_reach_is_refused_before_anything_is_asked() {
        let since = NOW - 90 * DAY;
        let error = Pages::new("eu-west-1", HistoryWindow { since, until: NOW }, NOW).unwrap_err();
        assert_eq!(error, HistoryError::TooOld { since, earliest: since + HOUR });
        assert_eq!(
            error.to_string(),
            "Event history reaches back 90 days, and the window begins at 2025-10-03T00:00:00Z; begin it at \
             2025-10-03T01:00:00Z or later, and count the hours before as without evidence"
        );
        assert!(Pages::new("eu-west-1", HistoryWindow { since: earliest(NOW), until: NOW }, NOW).is_ok());
        for until in [NOW, NOW - 1] {
            assert!(matches!(Pages::new("eu-west-1", HistoryWindow { since: NOW, until }, NOW), Err(HistoryError::Empty { .. })));
        }
        assert!(Pages::new("x", HistoryWindow { since: i64::MIN, until: i64::MAX }, i64::MIN).is_err());
    }

    #[tokio::test]
    async fn a_window_that_cloudtrail_refuses_is_explained() {
        let error = service_error("LookupEvents", "InvalidTimeRangeException");
        let script = Script::default().fail("LookupEvents", json!({}), error);
        let mut pages = Pages::new("eu-west-1", window(), NOW).unwrap();
        let said = pages.next(&script).await.unwrap_err().to_string();
        assert!(said.contains("2025-12-30T00:00:00Z") && said.contains("begin later"), "{said}");
    }

    #[tokio::test]
    async fn pages_without_end_and_without_events_are_malformed() {
        let endless = Script::default().on("LookupEvents", json!({}), json!({"Events": [], "NextToken": "a"}));
        let mut pages = Pages::new("eu-west-1", window(), NOW).unwrap();
        assert!(pages.next(&endless).await.is_ok());
        assert!(matches!(pages.next(&endless).await, Err(HistoryError::Cloud(CloudError::Malformed { .. }))));
        for strange in [json!({}), json!("<html>"), json!("{\"Events\": 1}"), json!("[]"), json!("")] {
            let mute = Script::default().on("LookupEvents", json!({}), strange);
            let mut pages = Pages::new("eu-west-1", window(), NOW).unwrap();
            assert!(matches!(pages.next(&mute).await, Err(HistoryError::Cloud(CloudError::Malformed { .. }))));
        }
    }

    #[tokio::test]
    async fn a_page_is_kept_as_it_came() {
        let body = "{\"NextToken\": null,  \"Events\": [{\"EventTime\":1.767139199E9, \"CloudTrailEvent\":\"{ }\"}]}\n";
        let script = Script::default().on("LookupEvents", json!({}), json!(body));
        let page = Pages::new("eu-west-1", window(), NOW).unwrap().next(&script).await.unwrap().unwrap();
        assert_eq!((page.body.as_str(), page.events, page.newest), (body, 1, Some(1_767_139_199)));
    }
}
