//! Changes of trails, read from the logs that are collected: a policy of our own is evaluated beside the others, and what it
//! matches is taken out of the results again.

use assize_engine::partial::{ByHour, GroupKey, ordered};
use assize_engine::policy::{self, Policy};

use super::own_calls::{self, Heard};
use super::timeline::{Change, ChangeKind};

/// Successful calls that change whether a trail records, and what.
const POLICY: &str = "
id: changes-of-trails
title: A trail was changed
level: informational
logsource: {product: aws, service: cloudtrail}
detection:
  change:
    eventSource: cloudtrail.amazonaws.com
    eventName: [CreateTrail, DeleteTrail, PutEventSelectors, PutInsightSelectors, StartLogging, StopLogging, UpdateTrail]
    outcome: success
  condition: change
group-by: [eventName, requestParameters.name, requestParameters.trailName, responseElements.trailARN]
";

/// The policy. It stands behind the others.
pub(crate) fn policy() -> Option<Policy> {
    policy::load([("changes-of-trails.yaml", POLICY)]).policies.pop()
}

/// What the logs tell for our own purposes.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Changes of trails.
    pub(super) changes: Vec<Change>,
    /// Calls like our own.
    pub(super) heard: Vec<Heard>,
}

/// Takes what the policies behind the first `reported` matched out of the results: that of changes, then that of calls.
pub(super) fn split(hours: &mut ByHour, reported: usize) -> Told {
    let mut told = Told::default();
    for part in hours.hours.values_mut() {
        if part.partial.policies.len() < reported {
            continue;
        }
        let mut beyond = part.partial.policies.split_off(reported).into_iter();
        let mut next = || ordered(beyond.next().map(|found| found.groups).unwrap_or_default());
        for (group, hits) in next() {
            let Some((kind, trail)) = of(&group) else { continue };
            let (account, region) = (group.account, group.region);
            told.changes.extend(hits.into_iter().map(|hit| Change {
                time: hit.time,
                looked: hit.time,
                account: account.clone(),
                region: region.clone(),
                trail: trail.clone(),
                kind,
            }));
        }
        for (group, hits) in next() {
            told.heard.extend(hits.iter().filter_map(|hit| own_calls::heard(&group, hit)));
        }
    }
    told
}

/// What changed, and of which trail.
fn of(group: &GroupKey) -> Option<(ChangeKind, String)> {
    let [name, by_name, by_trail_name, answered] = group.values.as_slice() else { return None };
    let kind = match name.as_deref()?.to_ascii_lowercase().as_str() {
        "stoplogging" | "deletetrail" => ChangeKind::Stopped,
        "startlogging" => ChangeKind::Started,
        // One that is made anew under its old name has other selectors.
        "createtrail" | "updatetrail" | "puteventselectors" => ChangeKind::Settings,
        "putinsightselectors" => ChangeKind::Insights,
        _ => return None,
    };
    let trail = [answered, by_name, by_trail_name].into_iter().flatten().next();
    Some((kind, trail.cloned().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_policy_loads() {
        let loaded = assize_engine::policy::load([("changes-of-trails.yaml", super::POLICY)]);
        assert!(!loaded.has_errors() && loaded.diagnostics.is_empty());
        assert_eq!(super::policy().unwrap().group_by.len(), 4);
    }
}
