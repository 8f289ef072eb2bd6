//! Calls of our own, looked for in the logs: proof that what happens in an account and region is recorded there, not only that
//! what was recorded was delivered.
//!
//! Every run asks each account and region for its trails. That call has a request id, and CloudTrail records it as any other
//! read of management events (AWS CloudTrail user guide, "Logging AWS CloudTrail API calls"). Later runs find it in the logs, or
//! do not. A trail that records writes alone is not expected to have it.

use assize_engine::coverage::{CellEvidence, HourState, Reason};
use assize_engine::partial::{GroupKey, Hit};
use assize_engine::policy::{self, Category, Needs, Policy, ReadWrite};
use serde::{Deserialize, Serialize};

/// The call that is looked for: an action, as IAM names it.
pub(crate) const ACTION: &str = "cloudtrail:DescribeTrails";

/// Finds such calls, whoever made them; the request id tells ours.
const POLICY: &str = "
id: calls-of-our-own
title: Trails were asked for
level: informational
logsource: {product: aws, service: cloudtrail}
detection:
  call:
    eventSource: cloudtrail.amazonaws.com
    eventName: DescribeTrails
  condition: call
group-by: [requestID]
";

/// Calls of a cell that are waited for at once. More prove no more.
const MOST_PENDING: usize = 8;
/// Calls that are remembered as missing, of a cell.
const MOST_LOST: usize = 20;
/// Seconds after which a call is no longer waited for where nothing says whether it should have been recorded.
const PATIENCE: i64 = 3 * 86_400;

/// The policy. It stands behind the others.
pub(crate) fn policy() -> Option<Policy> {
    policy::load([("calls-of-our-own.yaml", POLICY)]).policies.pop()
}

/// A call that a log tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) request_id: String,
    /// Event time, seconds since 1970.
    pub(crate) time: i64,
    /// When the object that holds it was delivered, seconds since 1970; none if its name does not tell.
    pub(crate) delivered: Option<i64>,
}

/// What a match of the policy says.
pub(super) fn heard(group: &GroupKey, hit: &Hit) -> Option<Heard> {
    let [Some(request_id)] = group.values.as_slice() else { return None };
    let delivered = assize_engine::layout::parse(&hit.object).ok().filter(|key| key.named).map(|key| key.delivered);
    let (account, region) = (group.account.clone(), group.region.clone());
    Some(Heard { account, region, request_id: request_id.clone(), time: hit.time, delivered })
}

/// The calls of one account and region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OwnCalls {
    /// Made, and not seen yet: when (seconds since 1970), and the request id.
    pending: Vec<(i64, String)>,
    /// Seen: how many, the time of the latest (seconds since 1970), and its way into the log (seconds).
    found: u64,
    last: Option<i64>,
    delay: Option<i64>,
    /// Made in an hour of which the log is complete, and not in it.
    lost: Vec<(i64, String)>,
}

impl OwnCalls {
    /// Whether nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        *self == OwnCalls::default()
    }

    /// Notes a call.
    pub(super) fn made(&mut self, at: i64, request_id: String) {
        if self.pending.len() < MOST_PENDING {
            self.pending.push((at, request_id));
        }
    }

    /// Notes what a log tells. Says whether it was a call of ours.
    pub(super) fn heard(&mut self, heard: &Heard) -> bool {
        let ours = |(_, id): &(i64, String)| *id == heard.request_id;
        let known = self.pending.iter().chain(&self.lost).any(ours);
        if known {
            self.pending.retain(|call| !ours(call));
            self.lost.retain(|call| !ours(call));
            self.found += 1;
            if self.last.is_none_or(|last| last < heard.time) {
                self.last = Some(heard.time);
                self.delay = heard.delivered.map(|delivered| (delivered - heard.time).max(0));
            }
        }
        known
    }

    /// Whether a call is waited for that was made in an hour before `due` (since 1970).
    pub(super) fn is_due(&self, due: i64) -> bool {
        self.pending.iter().any(|(at, _)| at.div_euclid(3600) < due)
    }

    /// Judges calls that should have been seen by now: hours before `due` (hours since 1970) are complete where the evidence says so.
    /// Says whether any was judged.
    pub(super) fn settle(&mut self, cell: &CellEvidence, due: i64, now: i64) -> bool {
        let waited_for = self.pending.len();
        let (categories, resources, sources) = (vec![Category::Management], Vec::new(), Vec::new());
        let needs = Needs { categories, read_write: ReadWrite::Read, resources, sources };
        let mut lost = Vec::new();
        self.pending.retain(|(at, id)| {
            let hour = at.div_euclid(3600);
            if hour >= due {
                return true;
            }
            match cell.state(hour, Some(&needs)) {
                HourState::Verified => {
                    lost.push((*at, id.clone()));
                    false
                }
                // Reads are not recorded, or nothing is: it was not to be expected.
                HourState::Unknown(Reason::NotRecorded | Reason::LoggingStopped | Reason::NoTrail) | HourState::NotApplicable => {
                    false
                }
                HourState::Delivered(_) | HourState::Unknown(_) => now - at < PATIENCE,
            }
        });
        lost.truncate(MOST_LOST.saturating_sub(self.lost.len()));
        self.lost.extend(lost);
        self.pending.len() != waited_for
    }

    /// When calls are missing (seconds since 1970), with their request ids.
    pub(crate) fn lost(&self) -> &[(i64, String)] {
        &self.lost
    }

    /// The latest call that was seen (seconds since 1970), and its way into the log (seconds).
    pub(crate) fn last(&self) -> Option<(i64, Option<i64>)> {
        self.last.map(|last| (last, self.delay))
    }

    /// Calls that are waited for.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }
}

#[cfg(test)]
mod tests {
    use assize_engine::coverage::{Hours, Recorded, Recording};

    use super::*;

    fn heard_of(id: &str, time: i64) -> Heard {
        let (account, region) = ("1".to_owned(), "r".to_owned());
        Heard { account, region, request_id: id.to_owned(), time, delivered: Some(time + 300) }
    }

    fn complete(recording: Recording) -> CellEvidence {
        CellEvidence {
            collected: Hours::of(0..100),
            recorded: vec![(0, Some(recording.clone()))],
            proven: vec![(recording, Hours::of(0..100))],
            ..CellEvidence::default()
        }
    }

    #[test]
    fn the_policy_loads() {
        let loaded = policy::load([("calls-of-our-own.yaml", POLICY)]);
        assert!(!loaded.has_errors() && loaded.diagnostics.is_empty() && policy().is_some());
    }

    #[test]
    fn a_call_is_found_or_missed_or_was_not_to_be_expected() {
        let mut calls = OwnCalls::default();
        for (at, id) in [(3600, "one"), (7200, "two"), (360_000, "late")] {
            calls.made(at, id.to_owned());
        }
        assert!(calls.heard(&heard_of("one", 3610)) && !calls.heard(&heard_of("another", 3610)));
        calls.settle(&complete(Recording::management()), 90, 360_000);
        assert_eq!((calls.last(), calls.lost(), calls.pending()), (Some((3610, Some(300))), &[(7200, "two".to_owned())][..], 1));
        assert!(calls.heard(&heard_of("two", 7210)), "it came after all");
        assert_eq!((calls.lost().len(), calls.found), (0, 2));
        let writes = Recording { writes: Recorded::All, ..Recording::default() };
        let mut quiet = OwnCalls::default();
        quiet.made(3600, "one".to_owned());
        quiet.settle(&complete(writes), 90, 360_000);
        assert_eq!((quiet.lost().len(), quiet.pending()), (0, 0));
        // What was merely delivered may still come.
        let mut open = OwnCalls::default();
        open.made(3600, "one".to_owned());
        open.settle(&CellEvidence { proven: vec![], ..complete(Recording::management()) }, 90, 7200);
        assert_eq!((open.lost().len(), open.pending()), (0, 1));
    }
}
