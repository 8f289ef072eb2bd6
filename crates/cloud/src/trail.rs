//! Trails as CloudTrail describes them: where they write, whether they record, and what.
//!
//! A trail shows in every region it records, as a shadow of itself; [`merge`] makes one of them. What one trail does
//! not tell is a gap of that trail and of no other.

mod selectors;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::{flag, items, malformed, seconds, text};
use crate::ask::Ask;
use crate::gap::Gap;
use crate::{CloudError, Operation, Protocol, Service, Session};

pub use selectors::{
    AdvancedSelector, BasicSelector, DataResource, DataScope, DataSelector, FieldSelector, ReadWrite, ReadWriteType, Recorded,
    Selectors,
};

pub(crate) const CLOUDTRAIL: Service = Service {
    id: "CloudTrail",
    signing_name: "cloudtrail",
    endpoint_prefix: "cloudtrail",
    protocol: Protocol::Json11 { target: "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101" },
    global: false,
};

/// Describes the trails that record a region.
pub const DESCRIBE_TRAILS: Operation =
    Operation { service: CLOUDTRAIL, name: "DescribeTrails", action: "cloudtrail:DescribeTrails" };
/// Tells whether a trail records and when it last delivered.
pub const GET_TRAIL_STATUS: Operation =
    Operation { service: CLOUDTRAIL, name: "GetTrailStatus", action: "cloudtrail:GetTrailStatus" };
/// Tells which events a trail records.
pub const GET_EVENT_SELECTORS: Operation =
    Operation { service: CLOUDTRAIL, name: "GetEventSelectors", action: "cloudtrail:GetEventSelectors" };

/// A trail as one account sees it at one time. Times are seconds since 1970 UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrailSnapshot {
    /// Its ARN, which names the account and the region it was made in.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// The region it was made in, and in which its status and selectors are asked for.
    pub home_region: String,
    /// Whether it records all regions.
    pub multi_region: bool,
    /// Whether it records all accounts of the organisation.
    pub organization_trail: bool,
    /// The organisation, for whoever knows it: CloudTrail does not tell, so it is `None` here.
    pub organization_id: Option<String>,
    /// The bucket it writes to, in whichever account that is.
    pub bucket: String,
    /// What stands before `AWSLogs/` in its keys.
    pub key_prefix: Option<String>,
    /// The KMS key its objects are encrypted with; without one S3 encrypts them itself.
    pub kms_key: Option<String>,
    /// Whether it writes digests.
    pub log_file_validation: bool,
    /// The topic that is told of each object.
    pub sns_topic: Option<String>,
    /// The CloudWatch log group that also receives the events.
    pub log_group: Option<String>,
    /// Whether it records the services that belong to no region, such as IAM.
    pub includes_global_events: bool,
    /// Whether it has selectors of its own instead of the usual ones.
    pub custom_selectors: Option<bool>,
    /// Whether it records Insights.
    pub insights: Option<bool>,
    /// The regions in which it showed.
    pub seen_in: BTreeSet<String>,
    /// Whether it records. `None` until [`read_state`], or if that left a gap.
    pub status: Option<TrailStatus>,
    /// What it records. `None` until [`read_state`], or if that left a gap.
    pub selectors: Option<Selectors>,
    /// What could not be read: `status`, `selectors`.
    pub gaps: Vec<Gap>,
    /// What CloudTrail said, word for word.
    pub evidence: TrailEvidence,
}

/// CloudTrail's answers about one trail.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrailEvidence {
    /// Its element of DescribeTrails.
    pub trail: Value,
    /// GetTrailStatus.
    pub status: Option<Value>,
    /// GetEventSelectors.
    pub selectors: Option<Value>,
}

/// Whether a trail records and when it last delivered, in its home region. Times are seconds since 1970 UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailStatus {
    /// Whether it records now.
    pub logging: bool,
    /// When it last began to.
    pub started: Option<i64>,
    /// When it last ceased to; earlier than `started` if it was started again.
    pub stopped: Option<i64>,
    /// When it last delivered a log file.
    pub latest_delivery: Option<i64>,
    /// S3's error code when it last tried to.
    pub latest_delivery_error: Option<String>,
    /// When it last delivered a digest.
    pub latest_digest_delivery: Option<i64>,
    /// S3's error code when it last tried to.
    pub latest_digest_delivery_error: Option<String>,
}

impl TrailSnapshot {
    /// The account that owns the trail, from its ARN: for an organisation trail the management account.
    pub fn owner(&self) -> Option<&str> {
        self.arn.split(':').nth(4).filter(|account| !account.is_empty())
    }

    /// Whether the trail records a region at all, by its own settings.
    pub fn covers(&self, region: &str) -> bool {
        self.multi_region || self.home_region == region
    }
}

/// The trails that show in a region, shadows among them, without status and selectors; sorted by ARN.
///
/// # Errors
/// The call failed, or described a trail without ARN, bucket or home region.
pub async fn describe_trails(session: &Session, region: &str) -> Result<Vec<TrailSnapshot>, CloudError> {
    describe(session, region).await
}

async fn describe(ask: &impl Ask, region: &str) -> Result<Vec<TrailSnapshot>, CloudError> {
    let answer = ask.ask(&DESCRIBE_TRAILS, region, json!({"includeShadowTrails": true})).await?;
    if !answer.get("trailList").is_some_and(Value::is_array) {
        return Err(malformed(&DESCRIBE_TRAILS, region, "no list of trails in the answer"));
    }
    let trails: Result<Vec<_>, _> = items(&answer, "trailList").iter().map(|trail| read_trail(trail, region)).collect();
    trails.map(merge)
}

/// Makes one snapshot of all that speak of the same trail, sorted by ARN, whatever their order.
///
/// Where they differ, which happens when a trail changes while it is read, the home region's word counts, then the
/// first region's by name.
pub fn merge(trails: impl IntoIterator<Item = TrailSnapshot>) -> Vec<TrailSnapshot> {
    let mut by_arn: BTreeMap<String, Vec<TrailSnapshot>> = BTreeMap::new();
    for trail in trails {
        by_arn.entry(trail.arn.clone()).or_default().push(trail);
    }
    let mut merged: Vec<TrailSnapshot> = by_arn.into_values().filter_map(merge_one).collect();
    merged.sort_by(|a, b| a.arn.cmp(&b.arn));
    merged
}

fn merge_one(mut snapshots: Vec<TrailSnapshot>) -> Option<TrailSnapshot> {
    snapshots.sort_by_cached_key(|trail| {
        let at_home = trail.seen_in.contains(&trail.home_region);
        (!at_home, trail.seen_in.clone(), serde_json::to_string(trail).unwrap_or_default())
    });
    let mut snapshots = snapshots.into_iter();
    let mut first = snapshots.next()?;
    for other in snapshots {
        first.seen_in.extend(other.seen_in);
        if first.status.is_none() {
            first.status = other.status;
            first.evidence.status = other.evidence.status;
        }
        if first.selectors.is_none() {
            first.selectors = other.selectors;
            first.evidence.selectors = other.evidence.selectors;
        }
        for gap in other.gaps {
            if !first.gaps.contains(&gap) {
                first.gaps.push(gap);
            }
        }
    }
    let (status, selectors) = (first.status.is_some(), first.selectors.is_some());
    first.gaps.retain(|gap| !(gap.what == STATUS && status || gap.what == SELECTORS && selectors));
    Some(first)
}

const STATUS: &str = "status";
const SELECTORS: &str = "selectors";

/// Reads a trail's status and selectors in its home region. What fails becomes a gap of the trail.
pub async fn read_state(session: &Session, trail: &mut TrailSnapshot) {
    read_state_of(session, trail).await;
}

async fn read_state_of(ask: &impl Ask, trail: &mut TrailSnapshot) {
    let region = trail.home_region.clone();
    // By ARN: a name is not enough for a shadow, nor for an organisation trail seen from a member.
    let (status, selectors) = join(
        ask.ask(&GET_TRAIL_STATUS, &region, json!({"Name": trail.arn})),
        ask.ask(&GET_EVENT_SELECTORS, &region, json!({"TrailName": trail.arn})),
    )
    .await;
    trail.gaps.retain(|gap| gap.what != STATUS && gap.what != SELECTORS);
    let read = status.and_then(|answer| Ok((read_status(&answer, &region)?, answer)));
    (trail.status, trail.evidence.status) = keep(read, STATUS, &mut trail.gaps);
    let read = selectors.and_then(|answer| Ok((read_selectors(&answer, trail.custom_selectors, &region)?, answer)));
    (trail.selectors, trail.evidence.selectors) = keep(read, SELECTORS, &mut trail.gaps);
}

/// What was read and the answer it was read from, or a gap.
fn keep<T>(read: Result<(T, Value), CloudError>, what: &str, gaps: &mut Vec<Gap>) -> (Option<T>, Option<Value>) {
    match read {
        Ok((value, answer)) => (Some(value), Some(answer)),
        Err(error) => {
            gaps.push(Gap::new(what, &error));
            (None, None)
        }
    }
}

fn read_trail(trail: &Value, region: &str) -> Result<TrailSnapshot, CloudError> {
    let must =
        |name: &str| text(trail, name).ok_or_else(|| malformed(&DESCRIBE_TRAILS, region, format!("a trail without {name}")));
    Ok(TrailSnapshot {
        arn: must("TrailARN")?,
        name: must("Name")?,
        home_region: must("HomeRegion")?,
        // What is not said counts as less: less recorded, nothing signed.
        multi_region: flag(trail, "IsMultiRegionTrail").unwrap_or(false),
        organization_trail: flag(trail, "IsOrganizationTrail").unwrap_or(false),
        organization_id: None,
        bucket: must("S3BucketName")?,
        key_prefix: text(trail, "S3KeyPrefix"),
        kms_key: text(trail, "KmsKeyId"),
        log_file_validation: flag(trail, "LogFileValidationEnabled").unwrap_or(false),
        sns_topic: text(trail, "SnsTopicARN"),
        log_group: text(trail, "CloudWatchLogsLogGroupArn"),
        includes_global_events: flag(trail, "IncludeGlobalServiceEvents").unwrap_or(false),
        custom_selectors: flag(trail, "HasCustomEventSelectors"),
        insights: flag(trail, "HasInsightSelectors"),
        seen_in: BTreeSet::from([region.to_owned()]),
        status: None,
        selectors: None,
        gaps: Vec::new(),
        evidence: TrailEvidence { trail: trail.clone(), status: None, selectors: None },
    })
}

fn read_status(answer: &Value, region: &str) -> Result<TrailStatus, CloudError> {
    let logging = flag(answer, "IsLogging")
        .ok_or_else(|| malformed(&GET_TRAIL_STATUS, region, "the answer does not say whether the trail records"))?;
    Ok(TrailStatus {
        logging,
        started: seconds(answer, "StartLoggingTime"),
        stopped: seconds(answer, "StopLoggingTime"),
        latest_delivery: seconds(answer, "LatestDeliveryTime"),
        latest_delivery_error: text(answer, "LatestDeliveryError"),
        latest_digest_delivery: seconds(answer, "LatestDigestDeliveryTime"),
        latest_digest_delivery_error: text(answer, "LatestDigestDeliveryError"),
    })
}

/// Reads GetEventSelectors. Lists that are both empty say nothing, unless the trail says that it has no selectors of
/// its own: then it records all management events, as CloudTrail documents.
fn read_selectors(answer: &Value, custom: Option<bool>, region: &str) -> Result<Selectors, CloudError> {
    let selectors = Selectors::read(answer);
    if !selectors.basic.is_empty() || !selectors.advanced.is_empty() {
        return Ok(selectors);
    }
    let empty = |name: &str| match answer.get(name) {
        None | Some(Value::Null) => true,
        Some(list) => list.as_array().is_some_and(Vec::is_empty),
    };
    match custom {
        Some(false) if empty("EventSelectors") && empty("AdvancedEventSelectors") => Ok(Selectors::usual()),
        _ => Err(malformed(&GET_EVENT_SELECTORS, region, "no event selectors in the answer")),
    }
}

#[cfg(test)]
mod tests;
