//! Where a service answers: overrides first, else the partition's host names, with FIPS and dual-stack variants.

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

use super::Service;
use crate::partition;
use crate::region::Partition;

/// Where to send a request, and the region to sign it for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) url: String,
    pub(super) region: String,
}

impl Endpoint {
    pub(super) fn of(service: &Service, region: &str, config: &SdkConfig) -> Self {
        let home = service.global.then(|| home_region(service.endpoint_prefix, partition::of_region(region)));
        let region = home.unwrap_or(region).to_owned();
        let url = override_of(config, service.id).unwrap_or_else(|| {
            let fips = config.use_fips().unwrap_or_default();
            let dual_stack = config.use_dual_stack().unwrap_or_default();
            format!("https://{}", host(service, &region, fips, dual_stack))
        });
        Self { url, region }
    }
}

/// The endpoint that the user set in place of AWS's: `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL` or the
/// profile's. The same order as in the SDK's own clients.
pub(crate) fn override_of(config: &SdkConfig, service_id: &str) -> Option<String> {
    if config.get_origin("endpoint_url").is_client_config() {
        return config.endpoint_url().map(str::to_owned);
    }
    let key = ServiceConfigKey::builder().service_id(service_id).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let own = key.ok().and_then(|key| config.service_config()?.load_config(key));
    own.or_else(|| config.endpoint_url().map(str::to_owned))
}

/// The region of a service's one endpoint in a partition.
fn home_region(prefix: &str, partition: Partition) -> &'static str {
    match (prefix, partition) {
        (_, Partition::Aws) => "us-east-1",
        ("organizations", Partition::AwsCn) => "cn-northwest-1",
        (_, Partition::AwsCn) => "cn-north-1",
        (_, Partition::AwsUsGov) => "us-gov-west-1",
    }
}

fn host(service: &Service, region: &str, fips: bool, dual_stack: bool) -> String {
    let partition = partition::of_region(region);
    let prefix = service.endpoint_prefix;
    // In GovCloud the plain hosts of these are the FIPS ones; others exist only without their region.
    let gov_is_fips = ["cloudtrail", "ec2", "iam", "organizations", "sqs", "sts"].contains(&prefix);
    let fips = fips && !(gov_is_fips && partition == Partition::AwsUsGov);
    let infix = if fips { "-fips" } else { "" };
    if dual_stack {
        return format!("{prefix}{infix}.{region}.{}", partition::dual_stack_suffix(partition));
    }
    match (prefix, partition) {
        ("iam", Partition::Aws) => format!("iam{infix}.amazonaws.com"),
        ("iam", Partition::AwsUsGov) => "iam.us-gov.amazonaws.com".to_owned(),
        _ => format!("{prefix}{infix}.{region}.{}", partition::suffix(partition)),
    }
}

#[cfg(test)]
mod tests {
    use aws_config::Region;
    use aws_types::service_config::LoadServiceConfig;

    use super::*;
    use crate::Protocol;

    fn service(prefix: &'static str, global: bool) -> Service {
        let protocol = Protocol::Query { version: "2011-06-15" };
        Service { id: "CloudTrail", signing_name: prefix, endpoint_prefix: prefix, protocol, global }
    }

    fn url(prefix: &'static str, global: bool, region: &str, fips: bool, dual_stack: bool) -> (String, String) {
        let config = SdkConfig::builder().use_fips(fips).use_dual_stack(dual_stack).build();
        let endpoint = Endpoint::of(&service(prefix, global), region, &config);
        (endpoint.url, endpoint.region)
    }

    #[test]
    fn hosts_follow_partition_fips_and_dual_stack() {
        let cases = [
            ("cloudtrail", false, "eu-west-1", false, false, "https://cloudtrail.eu-west-1.amazonaws.com", "eu-west-1"),
            ("cloudtrail", false, "us-east-2", true, false, "https://cloudtrail-fips.us-east-2.amazonaws.com", "us-east-2"),
            (
                "cloudtrail",
                false,
                "us-gov-west-1",
                true,
                false,
                "https://cloudtrail.us-gov-west-1.amazonaws.com",
                "us-gov-west-1",
            ),
            ("cloudtrail", false, "cn-north-1", false, false, "https://cloudtrail.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("ec2", false, "eu-west-1", false, true, "https://ec2.eu-west-1.api.aws", "eu-west-1"),
            ("sqs", false, "us-west-2", true, true, "https://sqs-fips.us-west-2.api.aws", "us-west-2"),
            ("sqs", false, "cn-north-1", false, true, "https://sqs.cn-north-1.api.amazonwebservices.com.cn", "cn-north-1"),
            ("organizations", true, "eu-west-1", false, false, "https://organizations.us-east-1.amazonaws.com", "us-east-1"),
            ("organizations", true, "eu-west-1", true, false, "https://organizations-fips.us-east-1.amazonaws.com", "us-east-1"),
            (
                "organizations",
                true,
                "cn-north-1",
                false,
                false,
                "https://organizations.cn-northwest-1.amazonaws.com.cn",
                "cn-northwest-1",
            ),
            (
                "organizations",
                true,
                "us-gov-east-1",
                true,
                false,
                "https://organizations.us-gov-west-1.amazonaws.com",
                "us-gov-west-1",
            ),
            ("iam", true, "eu-west-1", false, false, "https://iam.amazonaws.com", "us-east-1"),
            ("iam", true, "us-gov-east-1", false, false, "https://iam.us-gov.amazonaws.com", "us-gov-west-1"),
            ("iam", true, "cn-northwest-1", false, false, "https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ];
        for (prefix, global, region, fips, dual_stack, expected, signed) in cases {
            let found = url(prefix, global, region, fips, dual_stack);
            assert_eq!(found, (expected.to_owned(), signed.to_owned()), "{prefix} {region}");
        }
    }

    #[derive(Debug)]
    struct Set(Option<&'static str>);

    impl LoadServiceConfig for Set {
        fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
            let matches = key.service_id() == "CloudTrail" && key.env() == "AWS_ENDPOINT_URL" && key.profile() == "endpoint_url";
            self.0.filter(|_| matches).map(str::to_owned)
        }
    }

    #[test]
    fn an_override_for_the_service_comes_before_the_one_for_all() {
        let config = |own, all: Option<&str>| {
            let mut builder = SdkConfig::builder().region(Region::new("eu-west-1")).service_config(Set(own));
            builder.set_endpoint_url(all.map(str::to_owned));
            builder.build()
        };
        let found = |own, all| Endpoint::of(&service("cloudtrail", false), "eu-west-1", &config(own, all)).url;
        assert_eq!(found(Some("http://one"), Some("http://all")), "http://one");
        assert_eq!(found(None, Some("http://all")), "http://all");
        assert_eq!(found(None, None), "https://cloudtrail.eu-west-1.amazonaws.com");
    }
}
