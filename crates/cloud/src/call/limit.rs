//! How often AWS may be called, per account, region and service: a bucket of tokens each.
//!
//! AWS counts calls of everybody in an account together, so a limit here keeps us modest and does not promise that
//! AWS will not refuse; what it refuses is retried by the SDK.

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
    /// When the next call of each bucket may be made if all tokens were taken one by one.
    next: Mutex<HashMap<BucketId, Instant>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct BucketId {
    account: String,
    region: String,
    limited: String,
}

impl Limits {
    /// The built-in limits, with others in their place: by service id, or by `Service.Operation`.
    pub(crate) fn new(own: &BTreeMap<String, CallLimit>) -> Self {
        let mut limits: BTreeMap<String, CallLimit> = BUILT_IN.iter().map(|(name, limit)| ((*name).to_owned(), *limit)).collect();
        limits.extend(own.iter().map(|(name, limit)| (name.clone(), *limit)));
        Self { limits, next: Mutex::default() }
    }

    /// Waits until the call may be made. First come, first served.
    pub(crate) async fn wait(&self, account: &str, region: &str, service: &str, operation: &str) {
        if let Some(at) = self.take(account, region, service, operation, Instant::now()) {
            sleep_until(at).await;
        }
    }

    /// Takes a token; tells when the call may be made if not at once.
    fn take(&self, account: &str, region: &str, service: &str, operation: &str, now: Instant) -> Option<Instant> {
        let own = format!("{service}.{operation}");
        let (limited, limit) = match self.limits.get(&own) {
            Some(limit) => (own, *limit),
            None => (service.to_owned(), self.limits.get(service).copied().unwrap_or(OTHERS)),
        };
        if limit.per_second <= 0.0 {
            return None;
        }
        let interval = Duration::try_from_secs_f64(1.0 / limit.per_second).ok()?;
        let id = BucketId { account: account.to_owned(), region: region.to_owned(), limited };
        // The map is changed by single calls only, so it is whole even after a panic elsewhere.
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let due = next.entry(id).or_insert(now);
        // A full bucket holds `burst` tokens: the due time lies at most that far behind.
        let ahead = interval.saturating_mul(limit.burst.max(1) - 1);
        let at = (*due).max(now);
        *due = at + interval;
        let may = at.checked_sub(ahead).unwrap_or(now);
        (may > now).then_some(may)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(limits: &Limits, operation: &str, now: Instant, calls: usize) -> Vec<u128> {
        (0..calls)
            .map(|_| limits.take("1", "eu-west-1", "CloudTrail", operation, now).map_or(0, |at| (at - now).as_millis()))
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
        assert_eq!(limits.take("2", "eu-west-1", "CloudTrail", "LookupEvents", now), None, "another account has its own");
        assert_eq!(limits.take("1", "eu-west-2", "CloudTrail", "LookupEvents", now), None, "another region has its own");
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
}
