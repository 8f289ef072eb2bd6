//! Puts the tests of a policy to both evaluators. A test passes if both say what it expects; if they differ, one is wrong.

use std::sync::{Arc, LazyLock};

use crate::calendar::Calendar;
use crate::correlation::{Known, quiet};
use crate::evaluate::{Evaluation, ObjectName, Period};
use crate::finding;
use crate::identity::Secret;
use crate::json::Reader;
use crate::linear::windows::{self, Matched};
use crate::linear::{LinearError, Record};
use crate::matcher::{Matcher, Subject};
use crate::partial::Partial;
use crate::policy::{Correlation, FieldPath, Policy, PolicyTest, Truth};
use crate::record::{AccountFacts, AccountList};
use crate::time;

/// Why a test does not pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrialError {
    /// The event is not JSON.
    #[error("the event cannot be read: {0}")]
    Unreadable(String),
    /// It is no record.
    #[error("the event is no CloudTrail record: give it an eventName")]
    NoRecord,
    /// The slow evaluator could not read it.
    #[error(transparent)]
    Linear(#[from] LinearError),
    /// The two evaluators do not agree.
    #[error("the two evaluators disagree ({} and {}); this is a bug, please report it", .0.name(), .1.name())]
    Disagree(Truth, Truth),
    /// The policy says something else.
    #[error("expected {}, got {}", .expected.name(), .got.name())]
    Failed {
        /// What the test expects.
        expected: Truth,
        /// What the policy says.
        got: Truth,
    },
}

/// What tests know besides their events: two accounts, and [`Calendar::of_japan`]. The language reference describes both, and
/// its examples rest on them.
pub fn accounts() -> AccountList {
    static KNOWN: LazyLock<AccountList> = LazyLock::new(known);
    KNOWN.clone()
}

fn known() -> AccountList {
    let account = |id: &str, name: &str, env: &str, tags: &[(&str, &str)]| {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        (id.to_owned(), AccountFacts { name: name.to_owned(), env: env.to_owned(), tags })
    };
    let list = AccountList::from([
        account("111122223333", "payments", "prod", &[("team", "billing"), ("cost.centre", "4711")]),
        account("777788889999", "sandbox", "dev", &[("team", "research")]),
    ]);
    list.with_calendar(Some(Calendar::of_japan()))
}

/// Runs one test of a policy.
///
/// # Errors
/// The test does not pass.
pub fn run(policy: &Policy, test: &PolicyTest) -> Result<(), TrialError> {
    let events: Vec<String> = test.events.iter().enumerate().map(|(number, event)| complete(number, event)).collect();
    let (fast, slow) = match &policy.correlation {
        Some(correlation) => (fast(policy, &events)?, slow(policy, correlation, &events)?),
        None => {
            let (mut fast, mut slow) = (Truth::False, Truth::False);
            for event in &events {
                fast = fast.or(judge(policy, event)?);
                slow = slow.or(Record::read(event)?.judge(policy, &accounts()).truth);
            }
            (fast, slow)
        }
    };
    match (fast, slow, test.expect) {
        (fast, slow, _) if fast != slow => Err(TrialError::Disagree(fast, slow)),
        (got, _, expected) if got != expected => Err(TrialError::Failed { expected, got }),
        _ => Ok(()),
    }
}

/// A test event holds only what matters; without source and name it would not count as a record, and events that are alike in
/// all that matters would count once.
fn complete(number: usize, event: &str) -> String {
    let Ok(mut fields) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(event) else {
        return event.to_owned();
    };
    if !["eventSource", "eventName", "eventCategory"].iter().any(|key| fields.contains_key(*key)) {
        fields.insert("eventCategory".to_owned(), "Management".into());
    }
    if number > 0 && !fields.contains_key("eventID") {
        fields.insert("eventID".to_owned(), format!("event {}", number + 1).into());
    }
    serde_json::Value::Object(fields).to_string()
}

fn judge(policy: &Policy, event: &str) -> Result<Truth, TrialError> {
    let matcher = Matcher::new(std::slice::from_ref(policy), accounts());
    let mut reader = Reader::default();
    let document = reader.read(event.as_bytes(), usize::MAX).map_err(|error| TrialError::Unreadable(error.to_string()))?;
    let subject = Subject::of(document.root()).ok_or(TrialError::NoRecord)?;
    Ok(matcher.evaluate_one(0, &subject))
}

/// What a correlation says of its test's events, all evidence being there.
fn fast(policy: &Policy, events: &[String]) -> Result<Truth, TrialError> {
    let policies = std::slice::from_ref(policy);
    let evaluation = Evaluation::new(policies, accounts(), Period::default(), 0, Secret::new([0, 0]));
    let mut partial = Partial::of(policies);
    let object = ObjectName { name: Arc::from("test"), number: 0 };
    evaluation.object(&object, format!(r#"{{"Records":[{}]}}"#, events.join(",")).as_bytes(), &mut partial);
    if let Some(malformed) = partial.malformed.first() {
        return Err(TrialError::Unreadable(malformed.why.clone()));
    }
    let fired = !finding::findings(policies, &mut partial, &Known::always()).is_empty();
    let undecided = partial.policies.iter().any(|result| !result.not_evaluable.is_empty());
    Ok(truth(fired, undecided))
}

fn slow(policy: &Policy, correlation: &Correlation, events: &[String]) -> Result<Truth, TrialError> {
    let accounts = accounts();
    let (mut matches, mut undecided) = (Vec::new(), false);
    for event in events {
        let record = Record::read(event)?;
        let legs = record.legs(policy, &accounts);
        undecided |= legs.contains(&Truth::Unknown);
        let legs: Vec<usize> = legs.iter().enumerate().filter(|(_, truth)| **truth == Truth::True).map(|(leg, _)| leg).collect();
        if !legs.is_empty() {
            let value = |field: &FieldPath| record.first(field, &accounts);
            let time = record.first(&FieldPath::new("eventTime"), &accounts).and_then(|text| time::parse(&text));
            matches.push(Matched { time: time.unwrap_or(0), legs, values: correlation.fields.iter().map(value).collect() });
        }
    }
    let held = windows::held(correlation, &matches, &Known::always());
    Ok(truth(!windows::stretches(&held, quiet(correlation)).is_empty(), undecided))
}

fn truth(fired: bool, undecided: bool) -> Truth {
    match (fired, undecided) {
        (true, _) => Truth::True,
        (false, true) => Truth::Unknown,
        (false, false) => Truth::False,
    }
}
