//! Partitions, and the regions that are enabled in an account.
//!
//! Which regions there are is only ever taken from AWS: the constant lists here say where the first question can be
//! asked, and nothing else. An account whose regions cannot be listed is an error of that account.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answer::{items, malformed, text};
use crate::ask::Ask;
use crate::{CloudError, DenialCause, Operation, Protocol, Service, Session};

const EC2: Service = Service {
    id: "EC2",
    signing_name: "ec2",
    endpoint_prefix: "ec2",
    protocol: Protocol::Ec2Query { version: "2016-11-15" },
    global: false,
};

/// Lists the regions of the partition and whether the account has them.
pub const DESCRIBE_REGIONS: Operation = Operation { service: EC2, name: "DescribeRegions", action: "ec2:DescribeRegions" };

/// A separate AWS, with its own accounts, endpoints and ARNs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Partition {
    /// `aws`: the commercial regions.
    Aws,
    /// `aws-cn`: Beijing and Ningxia.
    AwsCn,
    /// `aws-us-gov`: GovCloud.
    AwsUsGov,
}

impl Partition {
    /// The partition of a region. Names of a kind that is not known are taken for commercial regions.
    pub fn of_region(region: &str) -> Self {
        crate::partition::of_region(region)
    }

    /// The partition as ARNs write it: `aws`, `aws-cn`, `aws-us-gov`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::AwsCn => "aws-cn",
            Self::AwsUsGov => "aws-us-gov",
        }
    }

    /// Whether a region may belong to this partition, by its name.
    ///
    /// A name of a kind that is not known here counts as one of the commercial regions, which grow: to drop it would
    /// be to lose a region.
    pub fn may_hold(self, region: &str) -> bool {
        let is = |prefixes: &[&str]| prefixes.iter().any(|prefix| region.starts_with(prefix));
        match self {
            Self::Aws => !is(&["cn-", "us-gov-", "us-iso", "eu-iso", "eusc-"]),
            Self::AwsCn => is(&["cn-"]),
            Self::AwsUsGov => is(&["us-gov-"]),
        }
    }

    /// Regions that every account of the partition has from the start, to ask the first question in.
    fn first_regions(self) -> &'static [&'static str] {
        match self {
            Self::Aws => &[
                "us-east-1",
                "eu-west-1",
                "eu-central-1",
                "ap-northeast-1",
                "us-west-2",
                "us-east-2",
                "us-west-1",
                "ap-southeast-1",
                "ap-southeast-2",
                "ap-northeast-2",
                "ap-northeast-3",
                "ap-south-1",
                "ca-central-1",
                "eu-west-2",
                "eu-west-3",
                "eu-north-1",
                "sa-east-1",
            ],
            Self::AwsCn => &["cn-north-1", "cn-northwest-1"],
            Self::AwsUsGov => &["us-gov-west-1", "us-gov-east-1"],
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.id())
    }
}

/// A region as an account sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Its name: "eu-central-1".
    pub name: String,
    /// Whether the account has it.
    pub status: RegionStatus,
}

impl Region {
    /// Whether the account can have activity there. A status that is not understood counts as enabled: a region too
    /// many shows as one without evidence, a region too few would not show at all.
    pub fn enabled(&self) -> bool {
        self.status != RegionStatus::NotOptedIn
    }
}

/// Whether an account has a region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegionStatus {
    /// Every account has it.
    OptInNotRequired,
    /// The account asked for it.
    OptedIn,
    /// The account does not have it.
    NotOptedIn,
    /// What AWS said instead, or nothing.
    Other(String),
}

/// The regions of the partition with their status in the session's account, sorted by name.
///
/// The question is asked in the `preferred` regions in turn, then where every account has a region, until one
/// answers: organisations often deny all regions but their own.
///
/// # Errors
/// What the first region said, if none answers. A denial by the caller's own policies, and missing or expired
/// credentials, are the same everywhere and end the search at once.
pub async fn list_regions(session: &Session, partition: Partition, preferred: &[String]) -> Result<Vec<Region>, CloudError> {
    list(session, partition, preferred).await
}

async fn list(ask: &impl Ask, partition: Partition, preferred: &[String]) -> Result<Vec<Region>, CloudError> {
    let mut candidates: Vec<&str> = Vec::new();
    let first = partition.first_regions().iter().copied();
    for region in preferred.iter().map(String::as_str).chain(first) {
        if partition.may_hold(region) && !candidates.contains(&region) {
            candidates.push(region);
        }
    }
    let mut first_error = None;
    let mut unreachable = 0;
    for region in candidates {
        match ask.ask(&DESCRIBE_REGIONS, region, json!({"AllRegions": true})).await {
            Ok(answer) => return read(&answer, partition, region),
            Err(error) => {
                unreachable += usize::from(matches!(error, CloudError::Network { .. }));
                let last = !depends_on_region(&error) || unreachable >= MAX_UNREACHABLE;
                let error = first_error.get_or_insert(error);
                if last {
                    return Err(error.clone());
                }
            }
        }
    }
    Err(first_error.unwrap_or_else(|| malformed(&DESCRIBE_REGIONS, "no region", "there is no region to ask in")))
}

/// Endpoints that did not answer before the network itself is at fault.
const MAX_UNREACHABLE: usize = 2;

/// Whether another region may answer otherwise.
fn depends_on_region(error: &CloudError) -> bool {
    match error {
        CloudError::Denied(denial) => denial.cause != DenialCause::IdentityPolicy,
        CloudError::RegionDisabled { .. } | CloudError::Network { .. } => true,
        _ => false,
    }
}

fn read(answer: &serde_json::Value, partition: Partition, asked: &str) -> Result<Vec<Region>, CloudError> {
    let mut regions = BTreeMap::new();
    for region in items(answer, "regionInfo") {
        let Some(name) = text(region, "regionName") else {
            return Err(malformed(&DESCRIBE_REGIONS, asked, "a region without a name"));
        };
        if partition.may_hold(&name) {
            let status = match text(region, "optInStatus").unwrap_or_default().as_str() {
                "opt-in-not-required" => RegionStatus::OptInNotRequired,
                "opted-in" => RegionStatus::OptedIn,
                "not-opted-in" => RegionStatus::NotOptedIn,
                other => RegionStatus::Other(other.to_owned()),
            };
            regions.insert(name.clone(), Region { name, status });
        }
    }
    let regions: Vec<Region> = regions.into_values().collect();
    if !regions.iter().any(Region::enabled) {
        return Err(malformed(&DESCRIBE_REGIONS, asked, format!("no enabled region of {partition} in the answer")));
    }
    Ok(regions)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Call;
    use crate::ask::script::{Script, denied, denied_by, service_error};

    fn answer(regions: &[(&str, &str)]) -> Value {
        let items: Vec<Value> = regions.iter().map(|(name, status)| json!({"regionName": name, "optInStatus": status})).collect();
        json!({"requestId": "r", "regionInfo": {"item": items}})
    }

    fn scp() -> CloudError {
        denied_by("DescribeRegions", DenialCause::Scp { arn: None })
    }

    fn unreachable(region: &str) -> CloudError {
        CloudError::Network {
            call: Call { service: "EC2", operation: "DescribeRegions", region: region.to_owned() },
            message: "no route".to_owned(),
        }
    }

    #[test]
    fn the_status_decides_and_what_is_not_understood_counts() {
        let answer = answer(&[
            ("us-east-1", "opt-in-not-required"),
            ("af-south-1", "opted-in"),
            ("me-south-1", "not-opted-in"),
            ("xx-new-1", "perhaps"),
        ]);
        let regions = read(&answer, Partition::Aws, "us-east-1").unwrap();
        let enabled: Vec<(&str, bool)> = regions.iter().map(|r| (r.name.as_str(), r.enabled())).collect();
        assert_eq!(enabled, [("af-south-1", true), ("me-south-1", false), ("us-east-1", true), ("xx-new-1", true)]);
    }

    #[test]
    fn regions_of_other_partitions_are_left_out() {
        let all = [
            "us-east-1",
            "cn-north-1",
            "us-gov-east-1",
            "us-iso-east-1",
            "us-isob-east-1",
            "eu-isoe-west-1",
            "eusc-de-east-1",
            "mx-central-1",
        ];
        let answer = answer(&all.map(|name| (name, "opt-in-not-required")));
        for (partition, expected) in [
            (Partition::Aws, vec!["mx-central-1", "us-east-1"]),
            (Partition::AwsCn, vec!["cn-north-1"]),
            (Partition::AwsUsGov, vec!["us-gov-east-1"]),
        ] {
            let regions = read(&answer, partition, "x").unwrap();
            assert_eq!(regions.iter().map(|region| region.name.as_str()).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn an_answer_without_regions_is_malformed() {
        for answer in [json!({}), json!({"regionInfo": ""}), answer(&[]), answer(&[("us-east-1", "not-opted-in")])] {
            assert!(matches!(read(&answer, Partition::Aws, "us-east-1"), Err(CloudError::Malformed { .. })));
        }
        let nameless = json!({"regionInfo": [{"optInStatus": "opted-in"}]});
        assert!(read(&nameless, Partition::Aws, "us-east-1").is_err());
    }

    #[tokio::test]
    async fn preferred_regions_are_asked_first_and_a_region_denied_by_an_scp_is_not_the_last() {
        let script = Script::default().fail("DescribeRegions", json!({"_region": "us-east-1"}), scp()).on(
            "DescribeRegions",
            json!({"AllRegions": true}),
            answer(&[("eu-west-1", "opt-in-not-required")]),
        );
        let regions = list(&script, Partition::Aws, &["us-east-1".to_owned()]).await.unwrap();
        assert_eq!(regions.len(), 1);
        assert_eq!(script.regions("DescribeRegions"), ["us-east-1", "eu-west-1"]);
    }

    #[tokio::test]
    async fn a_preferred_region_of_another_partition_is_not_asked() {
        let script = Script::default().on("DescribeRegions", json!({}), answer(&[("cn-north-1", "opt-in-not-required")]));
        list(&script, Partition::AwsCn, &["eu-west-1".to_owned()]).await.unwrap();
        assert_eq!(script.regions("DescribeRegions"), ["cn-north-1"]);
    }

    #[tokio::test]
    async fn no_permission_is_an_error_and_never_a_list() {
        let script = Script::default().deny("DescribeRegions", json!({}));
        let error = list(&script, Partition::Aws, &[]).await.unwrap_err();
        assert_eq!(error, denied("DescribeRegions"));
        assert_eq!(script.count("DescribeRegions"), 1);

        let everywhere = Script::default().fail("DescribeRegions", json!({}), scp());
        assert_eq!(list(&everywhere, Partition::AwsCn, &[]).await.unwrap_err(), scp());
        assert_eq!(everywhere.count("DescribeRegions"), 2);
    }

    #[tokio::test]
    async fn without_a_network_two_regions_are_enough_to_know() {
        let script = Script::default().fail("DescribeRegions", json!({}), unreachable("us-east-1"));
        assert!(matches!(list(&script, Partition::Aws, &[]).await, Err(CloudError::Network { .. })));
        assert_eq!(script.count("DescribeRegions"), 2);
    }

    #[tokio::test]
    async fn other_errors_are_the_same_everywhere() {
        let script = Script::default().fail("DescribeRegions", json!({}), service_error("DescribeRegions", "Broken"));
        assert!(list(&script, Partition::Aws, &[]).await.is_err());
        assert_eq!(script.count("DescribeRegions"), 1);
    }

    #[test]
    fn partitions_are_written_as_in_arns() {
        for (partition, written) in
            [(Partition::Aws, "\"aws\""), (Partition::AwsCn, "\"aws-cn\""), (Partition::AwsUsGov, "\"aws-us-gov\"")]
        {
            assert_eq!(serde_json::to_string(&partition).unwrap(), written);
            assert_eq!(written, format!("\"{partition}\""));
            assert!(partition.first_regions().iter().all(|region| partition.may_hold(region)));
            assert!(partition.first_regions().iter().all(|region| Partition::of_region(region) == partition));
        }
    }
}
