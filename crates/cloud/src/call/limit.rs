//! How often AWS may be called, per account, region and service: a bucket of tokens each, which adapts.
//!
//! AWS counts calls of everybody in an account together, so a limit here keeps us modest and does not promise that
//! AWS will not refuse. What it refuses is retried by the SDK after a while, and halves the rate here; each answer
//! gives a part of it back. The SDK's own adaptive mode is not used: made for hundreds of calls a second, it lets one
//! refusal of a service that is called twice a second cost ten seconds for each later attempt.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How often a service or an operation may be called in one account and region.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CallLimit {
    /// Calls per second in the long run. Zero or less: no limit.
    pub per_second: f64,
    /// Calls that may be made at once after a pause. At least 1 is taken.
    pub burst: u32,
}

/// What AWS documents, or less where others in the account need the same calls.
const BUILT_IN: &[(&str, CallLimit)] = &[
    ("CloudTrail", CallLimit { per_second: 10.0, burst: 10 }),
    ("CloudTrail.LookupEvents", CallLimit { per_second: 2.0, burst: 2 }),
    ("Organizations", CallLimit { per_second: 5.0, burst: 5 }),
    ("EC2", CallLimit { per_second: 10.0, burst: 20 }),
    ("STS", CallLimit { per_second: 50.0, burst: 50 }),
    ("SQS", CallLimit { per_second: 300.0, burst: 300 }),
];

/// For services that are in neither list.
const OTHERS: CallLimit = CallLimit { per_second: 10.0, burst: 10 };

/// All limits of a run.
#[derive(Debug)]
pub(crate) struct Limits {
    limits: BTreeMap<String, CallLimit>,
    paces: Mutex<HashMap<Paced, Pace>>,
}

#[derive(Clone, Copy, Debug)]
struct Pace {
    /// When the next call may be made if all tokens were taken one by one.
    due: Instant,
    /// How much of the limit may be used now: 1 is all of it.
    share: f64,
}

/// The least share: what AWS refuses again and again is asked this much slower.
const LEAST: f64 = 1.0 / 16.0;
/// What each answer gives back.
const REGAINED: f64 = 1.0 / 32.0;

/// What a limit is counted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Paced {
    account: String,
    region: String,
    /// The service, or the operation if it has a limit of its own.
    limited: String,
}

impl Limits {
    /// The built-in limits, with others in their place: by service id, or by `Service.Operation`.
    pub(crate) fn new(own: &BTreeMap<String, CallLimit>) -> Self {
        let mut limits: BTreeMap<String, CallLimit> = BUILT_IN.iter().map(|(name, limit)| ((*name).to_owned(), *limit)).collect();
        limits.extend(own.iter().map(|(name, limit)| (name.clone(), *limit)));
        Self { limits, paces: Mutex::default() }
    }

    /// What a call is counted for.
    pub(crate) fn paced(&self, account: &str, region: &str, service: &str, operation: &str) -> Paced {
        let own = format!("{service}.{operation}");
        let limited = if self.limits.contains_key(&own) { own } else { service.to_owned() };
        Paced { account: account.to_owned(), region: region.to_owned(), limited }
    }

    /// Waits until the call may be made. First come, first served.
    pub(crate) async fn wait(&self, paced: &Paced) {
        if let Some(at) = self.take(paced, Instant::now()) {
            sleep_until(at).await;
        }
    }

    /// Learns from an answer: whether AWS said that it is asked too often.
    pub(crate) fn learn(&self, paced: &Paced, refused: bool) {
        // The map is changed by single calls only, so it is whole even after a panic elsewhere.
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pace) = paces.get_mut(paced) {
            pace.share = if refused { (pace.share / 2.0).max(LEAST) } else { (pace.share + REGAINED).min(1.0) };
        }
    }

    /// Takes a token; tells when the call may be made if not at once.
    fn take(&self, paced: &Paced, now: Instant) -> Option<Instant> {
        let limit = self.limits.get(&paced.limited).copied().unwrap_or(OTHERS);
        if limit.per_second <= 0.0 {
            return None;
        }
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        let pace = paces.entry(paced.clone()).or_insert(Pace { due: now, share: 1.0 });
        let interval = Duration::try_from_secs_f64(1.0 / (limit.per_second * pace.share)).ok()?;
        // A full bucket holds `burst` tokens: the due time lies at most that far ahead of the call.
        let ahead = interval.saturating_mul(limit.burst.max(1) - 1);
        let at = pace.due.max(now);
        pace.due = at + interval;
        let may = at.checked_sub(ahead).unwrap_or(now);
        (may > now).then_some(may)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(limits: &Limits, account: &str, region: &str, operation: &str) -> Paced {
        limits.paced(account, region, "CloudTrail", operation)
    }

    fn waits(limits: &Limits, operation: &str, now: Instant, calls: usize) -> Vec<u128> {
        (0..calls)
            .map(|_| limits.take(&lookup(limits, "1", "eu-west-1", operation), now).map_or(0, |at| (at - now).as_millis()))
            .collect()
    }

    #[tokio::test]
    async fn a_burst_goes_at_once_and_the_rest_in_steps() {
        let limits = Limits::new(&BTreeMap::new());
        let now = Instant::now();
        assert_eq!(waits(&limits, "LookupEvents", now, 5), [0, 0, 500, 1000, 1500]);
        assert_eq!(waits(&limits, "DescribeTrails", now, 12), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 200], "a limit of its own");
        let later = now + Duration::from_secs(60);
        assert_eq!(waits(&limits, "LookupEvents", later, 3), [0, 0, 500], "a pause fills the bucket, no more");
        assert_eq!(limits.take(&lookup(&limits, "2", "eu-west-1", "LookupEvents"), now), None, "another account has its own");
        assert_eq!(limits.take(&lookup(&limits, "1", "eu-west-2", "LookupEvents"), now), None, "another region has its own");
    }

    #[tokio::test]
    async fn limits_can_be_set_and_lifted() {
        let own = BTreeMap::from([
            ("CloudTrail".to_owned(), CallLimit { per_second: 1.0, burst: 0 }),
            ("CloudTrail.LookupEvents".to_owned(), CallLimit { per_second: 0.0, burst: 0 }),
        ]);
        let limits = Limits::new(&own);
        let now = Instant::now();
        assert_eq!(waits(&limits, "GetTrail", now, 3), [0, 1000, 2000]);
        assert_eq!(waits(&limits, "LookupEvents", now, 3), [0, 0, 0]);
    }

    #[tokio::test]
    async fn refusals_slow_down_and_answers_speed_up_again() {
        let limits = Limits::new(&BTreeMap::from([("CloudTrail".to_owned(), CallLimit { per_second: 10.0, burst: 1 })]));
        let now = Instant::now();
        let paced = lookup(&limits, "1", "eu-west-1", "GetTrail");
        let step = |at: u64| {
            let now = now + Duration::from_secs(at);
            assert_eq!(limits.take(&paced, now), None, "after a pause");
            limits.take(&paced, now).map_or(0, |at| (at - now).as_millis())
        };
        assert_eq!(step(0), 100);
        limits.learn(&paced, true);
        assert_eq!(step(100), 200);
        (0..10).for_each(|_| limits.learn(&paced, true));
        assert_eq!(step(200), 1600, "no slower than a sixteenth");
        (0..6).for_each(|_| limits.learn(&paced, false));
        assert_eq!(step(300), 400);
        (0..100).for_each(|_| limits.learn(&paced, false));
        assert_eq!(step(400), 100);
        let other = lookup(&limits, "2", "eu-west-1", "GetTrail");
        assert_eq!(limits.take(&other, now), None, "another account is not concerned");
    }
}
