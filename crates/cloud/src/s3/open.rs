//! Finding a bucket and the way to speak with it.

use std::sync::Arc;

use aws_config::{Region, SdkConfig};
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::SdkError;

use super::pace::{Pace, Watch};
use super::{Inner, S3Bucket, S3Options};
use crate::call::{override_of, retry_partition};
use crate::{Call, CloudError, Session};

/// Where S3 says which region a bucket is in, on refusals too.
pub(super) const REGION_HEADER: &str = "x-amz-bucket-region";

impl S3Bucket {
    pub(crate) async fn open(session: &Session, options: S3Options) -> Result<Self, CloudError> {
        session.check().await?;
        let config = session.config();
        let asked = options.region.clone().unwrap_or_else(|| session.region().to_owned());
        let pace = Arc::new(Pace::default());
        let mut client = client(session, &options.bucket, &asked, &pace);
        let region = match &options.region {
            Some(region) => region.clone(),
            None => region_of(&client, &options, &asked).await?,
        };
        if region != asked {
            client = self::client(session, &options.bucket, &region, &pace);
        }
        let time = config.time_source().unwrap_or_default();
        Ok(Self { inner: Arc::new(Inner { client, options, region, attempts: session.attempts(), pace, time }) })
    }
}

fn client(session: &Session, bucket: &str, region: &str, pace: &Arc<Pace>) -> aws_sdk_s3::Client {
    let config = session.config();
    let settings = aws_sdk_s3::config::Builder::from(config)
        .region(Region::new(region.to_owned()))
        .interceptor(Watch(Arc::clone(pace)))
        .retry_partition(retry_partition(session.account(), &format!("S3 {bucket}"), region))
        .request_checksum_calculation(RequestChecksumCalculation::WhenSupported)
        .response_checksum_validation(ResponseChecksumValidation::WhenSupported)
        .force_path_style(wants_path_style(config));
    aws_sdk_s3::Client::from_conf(settings.build())
}

/// Other stores than AWS rarely have a host name for each bucket.
fn wants_path_style(config: &SdkConfig) -> bool {
    let Some(endpoint) = override_of(config, "S3") else {
        return false;
    };
    let host = endpoint.split_once("://").map_or(endpoint.as_str(), |(_, rest)| rest);
    let host = host.split(['/', '?']).next().unwrap_or_default();
    let host =
        host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())).map_or(host, |(host, _)| host);
    ![".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn"].iter().any(|end| host.ends_with(end))
}

/// S3 tells the region of a bucket to everybody, with 200, 301, 400 and 403 alike.
async fn region_of(client: &aws_sdk_s3::Client, options: &S3Options, asked: &str) -> Result<String, CloudError> {
    let request = client.head_bucket().bucket(&options.bucket).set_expected_bucket_owner(options.expected_owner.clone());
    let error = match request.send().await {
        Ok(found) => return Ok(found.bucket_region().unwrap_or(asked).to_owned()),
        Err(error) => error,
    };
    if let SdkError::ServiceError(answered) = &error {
        if let Some(region) = answered.raw().headers().get(REGION_HEADER) {
            return Ok(region.to_owned());
        }
        // Only a bucket that exists is forbidden; what is forbidden, the first use will say.
        if answered.raw().status().as_u16() == 403 {
            return Ok(asked.to_owned());
        }
    }
    let call = Call { service: "S3", operation: "HeadBucket", region: asked.to_owned() };
    let arn = format!("arn:{}:s3:::{}", crate::partition::of_region(asked).id(), options.bucket);
    Err(crate::error::from_sdk(call, "s3:ListBucket", Some(&arn), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overridden_endpoints_are_spoken_to_by_path() {
        let by_path = |url: Option<&str>| {
            let mut config = SdkConfig::builder();
            config.set_endpoint_url(url.map(str::to_owned));
            wants_path_style(&config.build())
        };
        for url in ["http://127.0.0.1:5000", "http://localhost", "http://[::1]:9000/", "https://minio.example.org:9000/x"] {
            assert!(by_path(Some(url)), "{url}");
        }
        for url in [
            "https://bucket.vpce-1a2b-3c4d.s3.us-east-1.vpce.amazonaws.com",
            "https://s3.eu-west-1.amazonaws.com/",
            "https://s3.cn-north-1.amazonaws.com.cn:443",
            "https://s3.dualstack.eu-west-1.api.aws",
        ] {
            assert!(!by_path(Some(url)), "{url}");
        }
        assert!(!by_path(None));
    }
}
