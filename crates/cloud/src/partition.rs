//! What the name of a region tells: its partition, that partition's host names, and whether accounts have to enable
//! the region.

use crate::region::Partition;

/// The partition of a region. Names of a kind that is not known are taken for commercial regions.
pub(crate) fn of_region(region: &str) -> Partition {
    if region.starts_with("cn-") {
        Partition::AwsCn
    } else if region.starts_with("us-gov-") {
        Partition::AwsUsGov
    } else {
        Partition::Aws
    }
}

/// What the partition's host names end with.
pub(crate) fn suffix(partition: Partition) -> &'static str {
    match partition {
        Partition::AwsCn => "amazonaws.com.cn",
        Partition::Aws | Partition::AwsUsGov => "amazonaws.com",
    }
}

/// What the partition's host names that also answer over IPv6 end with.
pub(crate) fn dual_stack_suffix(partition: Partition) -> &'static str {
    match partition {
        Partition::AwsCn => "api.amazonwebservices.com.cn",
        Partition::Aws | Partition::AwsUsGov => "api.aws",
    }
}

/// The regions of the `aws` partition that every account has. All that came later, an account must enable.
const ALWAYS_ENABLED: &[&str] = &[
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// Whether an account has to enable the region before it can be used.
pub(crate) fn is_opt_in(region: &str) -> bool {
    of_region(region) == Partition::Aws && !ALWAYS_ENABLED.contains(&region)
}
