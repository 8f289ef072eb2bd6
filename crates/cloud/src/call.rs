//! The generic signed caller: an operation is data, its answer is a [`serde_json::Value`].

/// How a service wants to be asked, and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// JSON 1.0; `X-Amz-Target` is `target.Operation`.
    Json10 {
        /// The service's prefix, such as `AmazonSQS`.
        target: &'static str,
    },
    /// JSON 1.1; `X-Amz-Target` is `target.Operation`.
    Json11 {
        /// The service's prefix, such as `com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101`.
        target: &'static str,
    },
    /// A form; the answer is XML, and `OperationResult` in it is what is returned.
    Query {
        /// The version of the API, a date.
        version: &'static str,
    },
    /// As `Query`, with EC2's own way to write lists; the answer is the `OperationResponse` element.
    Ec2Query {
        /// The version of the API, a date.
        version: &'static str,
    },
}

/// An AWS service, as its endpoint and its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// The name for people and for `AWS_ENDPOINT_URL_<ID>`: "CloudTrail".
    pub id: &'static str,
    /// The name requests are signed for: "cloudtrail".
    pub signing_name: &'static str,
    /// The first label of the endpoint's host: "cloudtrail".
    pub endpoint_prefix: &'static str,
    /// How it wants to be asked.
    pub protocol: Protocol,
    /// Whether it has one endpoint per partition, whatever the region asked for.
    pub global: bool,
}

/// One operation of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its service.
    pub service: Service,
    /// Its name: "DescribeTrails".
    pub name: &'static str,
    /// The IAM action that allows it: "cloudtrail:DescribeTrails".
    pub action: &'static str,
}
