//! The generic signed caller: an operation is data, its answer is a [`serde_json::Value`].
//!
//! It runs on the SDK's own runtime, so credentials, signatures, retries, time limits, proxies and the correction of
//! a wrong clock are those of every other SDK client. Only serialising and parsing are ours.

mod answer;
mod endpoint;
mod form;
mod limit;
mod log;
mod xml;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_runtime::service_clock_skew::{ServiceClockSkewClassifier, ServiceClockSkewInterceptor};
use aws_runtime::user_agent::{ApiMetadata, UserAgentInterceptor};
use aws_smithy_runtime::client::http::connection_poisoning::ConnectionPoisoningInterceptor;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::Operation as SdkOperation;
use aws_smithy_runtime::client::retries::RetryPartition;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime::client::retries::strategy::StandardRetryStrategy;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::{
    StaticAuthSchemeOptionResolver, StaticAuthSchemeOptionResolverParams,
};
use aws_smithy_runtime_api::client::auth::{AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver};
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_types::SigningName;
use aws_types::region::{Region, SigningRegion};
use serde_json::Value;

use crate::{Call, CloudError};
use answer::{ApiError, read, read_text};
use endpoint::Endpoint;

pub(crate) use endpoint::override_of;
pub use limit::CallLimit;
pub(crate) use limit::Limits;
pub(crate) use log::CallLog;
pub use log::MadeCall;

/// How a service wants to be asked, and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// JSON 1.0; the header `X-Amz-Target` is `target.Operation`.
    Json10 {
        /// The service's prefix, such as `AmazonSQS`.
        target: &'static str,
    },
    /// JSON 1.1; the header `X-Amz-Target` is `target.Operation`.
    Json11 {
        /// The service's prefix, such as `com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101`.
        target: &'static str,
    },
    /// A form with lists as `Name.member.1`. The answer is XML; what is in its `OperationResult` is returned.
    Query {
        /// The version of the API, a date.
        version: &'static str,
    },
    /// A form with lists as `Name.1`. The answer is XML; what is in its root is returned.
    Ec2Query {
        /// The version of the API, a date.
        version: &'static str,
    },
}

/// An AWS service: its endpoint and its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// The service id: "CloudTrail". In upper case it is part of the variable `AWS_ENDPOINT_URL_CLOUDTRAIL`.
    pub id: &'static str,
    /// The name that requests are signed for: "cloudtrail".
    pub signing_name: &'static str,
    /// The first label of the endpoint's host: "cloudtrail".
    pub endpoint_prefix: &'static str,
    /// How it wants to be asked.
    pub protocol: Protocol,
    /// Whether it has one endpoint per partition, whatever region is asked for, as Organizations and IAM have.
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

/// Calls operations with one set of credentials.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    config: SdkConfig,
    components: RuntimeComponentsBuilder,
    /// Whose retries these are: one account's failures must not use up another's attempts.
    account: String,
    limits: Arc<Limits>,
    log: Arc<CallLog>,
    timeouts: TimeoutConfig,
}

impl Caller {
    /// Each attempt may take as long as `attempt`.
    pub(crate) fn new(
        config: &SdkConfig,
        account: &str,
        (limits, log): (&Arc<Limits>, &Arc<CallLog>),
        attempt: Duration,
    ) -> Self {
        let skew = SharedInterceptor::new(ServiceClockSkewInterceptor::new());
        let mut components = RuntimeComponentsBuilder::new("assize")
            .with_http_client(config.http_client())
            .with_sleep_impl(config.sleep_impl())
            .with_time_source(config.time_source())
            .with_identity_cache(Some(IdentityCache::no_cache()))
            .with_retry_strategy(Some(StandardRetryStrategy::new()))
            .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
            .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(StaticAuthSchemeOptionResolver::new(
                vec![SCHEME_ID],
            ))))
            .with_interceptor(SharedInterceptor::new(ConnectionPoisoningInterceptor::new()))
            .with_interceptor(skew)
            .with_interceptor(SharedInterceptor::new(RequestInfoInterceptor::new()))
            .with_interceptor(SharedInterceptor::new(UserAgentInterceptor::new()))
            .with_interceptor(SharedInterceptor::new(InvocationIdInterceptor::new()))
            .with_retry_classifier(HttpStatusCodeClassifier::default())
            .with_retry_classifier(TransientErrorClassifier::<ApiError>::new())
            .with_retry_classifier(AwsErrorCodeClassifier::<ApiError>::new())
            .with_retry_classifier(ServiceClockSkewClassifier::<ApiError>::new());
        if let Some(provider) = config.credentials_provider() {
            components.set_identity_resolver(SCHEME_ID, shared_resolver(provider));
        }
        let timeouts = crate::session::with_attempt_limit(config, attempt);
        Self {
            config: config.clone(),
            components,
            account: account.to_owned(),
            limits: Arc::clone(limits),
            log: Arc::clone(log),
            timeouts,
        }
    }

    /// Calls an operation, with the SDK's retries.
    pub(crate) async fn call(&self, operation: &Operation, region: &str, input: Value) -> Result<Value, CloudError> {
        let (protocol, name) = (operation.service.protocol, operation.name);
        self.invoke(operation, region, input, move |response| read(protocol, name, response)).await
    }

    /// As [`call`](Self::call), with the answer as it came.
    pub(crate) async fn call_text(&self, operation: &Operation, region: &str, input: Value) -> Result<String, CloudError> {
        self.invoke(operation, region, input, |response| read_text(response).map(str::to_owned)).await
    }

    async fn invoke<T: fmt::Debug + Send + Sync + 'static>(
        &self,
        operation: &Operation,
        region: &str,
        input: Value,
        read: impl Fn(&HttpResponse) -> Result<T, OrchestratorError<ApiError>> + Send + Sync + 'static,
    ) -> Result<T, CloudError> {
        let endpoint = Endpoint::of(&operation.service, region, &self.config);
        let call = Call { service: operation.service.id, operation: operation.name, region: endpoint.region.clone() };
        let request = match Request::new(operation, &input) {
            Ok(request) => request,
            Err(reason) => return Err(CloudError::Malformed { call, reason }),
        };
        let paced = self.limits.paced(&self.account, &endpoint.region, operation.service.id, operation.name);
        self.limits.wait(&paced).await;
        let limits = Arc::clone(&self.limits);
        let (log, account, asked) = (Arc::clone(&self.log), self.account.clone(), endpoint.region.clone());
        let action = operation.action;
        let sdk = SdkOperation::builder()
            .service_name(operation.service.id)
            .operation_name(operation.name)
            .endpoint_url(&endpoint.url)
            .runtime_plugin(self.plugin(&operation.service, &endpoint))
            .serializer(|request: Request| request.into_http())
            .deserializer(move |response| {
                let answer = read(response);
                limits.learn(&paced, answer::is_throttled(&answer));
                if let Some(id) = response.headers().get("x-amzn-requestid").filter(|_| answer.is_ok()) {
                    let (account, region) = (account.clone(), asked.clone());
                    log.add(MadeCall { account, region, action, request_id: id.to_owned() });
                }
                answer
            })
            .build();
        let answer = sdk.invoke(request).await;
        answer.map_err(|error| crate::error::from_sdk(call, operation.action, None, &error))
    }

    fn plugin(&self, service: &Service, endpoint: &Endpoint) -> StaticRuntimePlugin {
        let mut layer = Layer::new("assize");
        layer.store_put(AuthSchemeOptionResolverParams::from(StaticAuthSchemeOptionResolverParams::new()));
        layer.store_put(SigV4OperationSigningConfig::default());
        layer.store_put(SigningName::from(service.signing_name));
        layer.store_put(SigningRegion::from(Region::new(endpoint.region.clone())));
        layer.store_put(Region::new(endpoint.region.clone()));
        layer.store_put(ApiMetadata::new(service.signing_name, env!("CARGO_PKG_VERSION")));
        layer.store_put(retry_partition(&self.account, service.id, &endpoint.region));
        layer.store_or_unset(self.config.app_name().cloned());
        layer.store_or_unset(self.config.retry_config().cloned());
        layer.store_put(self.timeouts.clone());
        StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(self.components.clone())
    }
}

/// Whose attempts and whose rate a call counts against.
pub(crate) fn retry_partition(account: &str, service: &str, region: &str) -> RetryPartition {
    RetryPartition::new(format!("{account} {service} {region}"))
}

fn shared_resolver(provider: SharedCredentialsProvider) -> SharedIdentityResolver {
    SharedIdentityResolver::new(provider)
}

/// A request before it is signed.
#[derive(Debug)]
struct Request {
    content_type: &'static str,
    target: Option<String>,
    body: Vec<u8>,
}

impl Request {
    fn new(operation: &Operation, input: &Value) -> Result<Self, String> {
        let json = |content_type, target: &str| {
            let body = match input {
                Value::Object(_) => input.to_string().into_bytes(),
                Value::Null => b"{}".to_vec(),
                _ => return Err("the request is not a JSON object".to_owned()),
            };
            Ok(Self { content_type, target: Some(format!("{target}.{}", operation.name)), body })
        };
        let form = |version, lists| {
            let body = form::encode(operation.name, version, input, lists)?;
            Ok(Self { content_type: "application/x-www-form-urlencoded", target: None, body: body.into_bytes() })
        };
        match operation.service.protocol {
            Protocol::Json10 { target } => json("application/x-amz-json-1.0", target),
            Protocol::Json11 { target } => json("application/x-amz-json-1.1", target),
            Protocol::Query { version } => form(version, form::Lists::Member),
            Protocol::Ec2Query { version } => form(version, form::Lists::Flat),
        }
    }

    fn into_http(self) -> Result<HttpRequest, BoxError> {
        let mut request = HttpRequest::new(SdkBody::from(self.body));
        request.set_method("POST")?;
        request.set_uri("/")?;
        request.headers_mut().insert("content-type", self.content_type);
        if let Some(target) = self.target {
            request.headers_mut().insert("x-amz-target", target);
        }
        Ok(request)
    }
}
