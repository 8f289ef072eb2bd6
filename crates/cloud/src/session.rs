//! Sessions: the run's own credentials, and roles assumed with them, each once.
//!
//! Credentials come from aws-config's default chain, are kept in memory only, and are renewed five minutes before
//! they end. Nothing here shows them; the SDK's own diagnostics might, see [`SECRET_TARGETS`].

mod credentials;
pub(crate) mod http;
mod role;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime::client::identity::IdentityCache;
use serde_json::Value;

use crate::call::{CallLog, Caller, Limits, retry_partition};
use crate::{Call, CallLimit, CloudError, MadeCall, Operation, S3Bucket, S3Options};
use credentials::{Credentials, Provider, Source};
use role::Assumption;

/// Tracing targets (with everything below them) that an application must keep off at `DEBUG` and `TRACE`, whatever
/// its users ask for: the SDK and what it is built on write requests and answers there, session tokens and external
/// ids among them. At `INFO` and above they are harmless.
pub const SECRET_TARGETS: &[&str] = &[
    "aws_config",
    "aws_credential_types",
    "aws_runtime",
    "aws_sdk_s3",
    "aws_sdk_sso",
    "aws_sdk_ssooidc",
    "aws_sdk_sts",
    "aws_sigv4",
    "aws_smithy_checksums",
    "aws_smithy_http",
    "aws_smithy_http_client",
    "aws_smithy_runtime",
    "aws_smithy_runtime_api",
    "aws_smithy_types",
    "aws_types",
    "h2",
    "hyper",
    "hyper_rustls",
    "hyper_util",
    "rustls",
];

/// How often a call is tried in all, if the options do not say.
const ATTEMPTS: u32 = 5;
/// The region of a run that has none.
const REGION: &str = "us-east-1";
/// The longest session of a role that was assumed with a role.
const LONGEST_CHAINED: Duration = Duration::from_secs(60 * 60);
/// The longest that one attempt of a call may take, body and all. S3 objects have no such limit.
const ATTEMPT: Duration = Duration::from_secs(30);

/// What holds for all sessions of a run.
#[derive(Clone, Debug, Default)]
pub struct SessionOptions {
    /// The region of the run's own calls. `None`: as aws-config finds it (`AWS_REGION`, profile, instance), else
    /// us-east-1.
    pub region: Option<String>,
    /// How often a call is tried in all, with growing waits between. 0 means 5.
    pub max_attempts: u32,
    /// Limits in place of the built-in ones, by service id ("CloudTrail") or operation ("CloudTrail.LookupEvents").
    pub calls_per_second: BTreeMap<String, CallLimit>,
}

/// Who a session is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account, twelve digits.
    pub account: String,
    /// The ARN of the user or of the assumed role.
    pub arn: String,
}

/// One role on the way to another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleStep {
    /// The role's ARN.
    pub arn: String,
    /// The external id its trust policy asks for.
    pub external_id: Option<String>,
}

/// A role to assume. `Debug` shows no external id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleSpec {
    /// The role's ARN.
    pub arn: String,
    /// The external id its trust policy asks for.
    pub external_id: Option<String>,
    /// The session's name, as CloudTrail in that account will show it: 2 to 64 of letters, digits and `=,.@_-`.
    pub session_name: String,
    /// How long the credentials last: 15 minutes to 12 hours, and at most what the role allows. AWS ends a session
    /// after one hour if the role was assumed with a role, so no more is asked for behind `via`; and if the run's own
    /// credentials turn out to be a role's, the answer of AWS to more is to ask again for one hour.
    pub duration: Duration,
    /// Session tags. The caller must be allowed `sts:TagSession` if there are any.
    pub session_tags: BTreeMap<String, String>,
    /// Roles assumed before this one, in order. They get the same session name and no tags.
    pub via: Vec<RoleStep>,
    /// The region whose STS is asked. Empty: the run's.
    pub region: String,
}

/// All sessions of a run. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    shared: Arc<Shared>,
    base: Session,
    /// One session per role and way to it. The region is no part of it: credentials hold everywhere.
    roles: Arc<Mutex<BTreeMap<RoleSpec, Session>>>,
}

/// Credentials in one account. Cheap to clone; `Debug` shows the role's ARN only.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

struct Shared {
    limits: Arc<Limits>,
    log: Arc<CallLog>,
    region: String,
    attempts: u32,
}

struct Inner {
    shared: Arc<Shared>,
    config: SdkConfig,
    caller: Caller,
    credentials: Arc<Credentials>,
    /// The account of the role, or `base`: what limits and retries are counted by.
    account: String,
    role: Option<String>,
}

impl Sessions {
    /// Opens the run's own credentials by aws-config's default chain: environment, profile, SSO, web identity (OIDC),
    /// container, instance. Endpoint overrides, FIPS, dual-stack and proxies are read as aws-config reads them.
    ///
    /// # Errors
    /// [`CloudError::NoCredentials`], or what kept a provider from giving them.
    pub async fn open(options: SessionOptions) -> Result<Self, CloudError> {
        Self::from_loader(aws_config::defaults(BehaviorVersion::latest()), options).await
    }

    /// As [`open`](Self::open), with settings that come from elsewhere than the environment. HTTP client, retries and
    /// time limits are set here.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn from_loader(loader: ConfigLoader, options: SessionOptions) -> Result<Self, CloudError> {
        let attempts = if options.max_attempts == 0 { ATTEMPTS } else { options.max_attempts };
        let timeouts = TimeoutConfig::builder().connect_timeout(Duration::from_secs(5)).read_timeout(Duration::from_secs(120));
        let mut loader = loader
            .http_client(http::shared())
            .retry_config(RetryConfig::standard().with_max_attempts(attempts))
            .timeout_config(timeouts.build())
            // Credentials are cached by us, with the errors of ours.
            .identity_cache(IdentityCache::no_cache());
        if let Some(region) = options.region {
            loader = loader.region(Region::new(region));
        }
        let mut config = loader.load().await;
        let region = config.region().map_or(REGION, Region::as_ref).to_owned();
        let mut builder = config.to_builder().region(Region::new(region.clone()));
        if config.app_name().is_none() {
            builder.set_app_name(AppName::new("assize").ok());
        }
        config = builder.build();
        let shared =
            Arc::new(Shared { limits: Arc::new(Limits::new(&options.calls_per_second)), log: Arc::default(), region, attempts });
        let chain = config.credentials_provider().ok_or_else(|| CloudError::NoCredentials {
            message: "the configuration has no provider of credentials".to_owned(),
        })?;
        let base = Session::new(&shared, &config, Source::Chain(chain), None);
        base.inner.credentials.get().await?;
        Ok(Self { shared, base, roles: Arc::default() })
    }

    /// The run's own credentials.
    pub fn base(&self) -> Session {
        self.base.clone()
    }

    /// The region of the run's own calls.
    pub fn region(&self) -> &str {
        &self.shared.region
    }

    /// The calls that AWS answered since this was asked last, except those of S3 and STS.
    pub fn made_calls(&self) -> Vec<MadeCall> {
        self.shared.log.take()
    }

    /// Credentials in another account: one cached session per role and way to it. The role is assumed when the
    /// session is first used, however many use it at once, and again before the credentials end. A refusal is
    /// remembered for a minute, so that it is asked for once and not once per region.
    pub fn assume(&self, role: &RoleSpec) -> Session {
        let mut source = self.base();
        for (index, step) in role.via.iter().enumerate() {
            let spec = RoleSpec {
                arn: step.arn.clone(),
                external_id: step.external_id.clone(),
                duration: LONGEST_CHAINED,
                session_tags: BTreeMap::new(),
                via: role.via.iter().take(index).cloned().collect(),
                ..role.clone()
            };
            source = self.cached(spec, &source);
        }
        let mut spec = role.clone();
        if !spec.via.is_empty() {
            spec.duration = spec.duration.min(LONGEST_CHAINED);
        }
        self.cached(spec, &source)
    }

    fn cached(&self, mut spec: RoleSpec, source: &Session) -> Session {
        let region = std::mem::take(&mut spec.region);
        let region = if region.is_empty() { self.shared.region.clone() } else { region };
        // The map is changed by single calls only, so it is whole even after a panic elsewhere.
        let mut roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = roles.get(&spec) {
            return session.clone();
        }
        let arn = spec.arn.clone();
        let assumption = Assumption::new(spec.clone(), source, &region);
        let session = Session::new(&self.shared, &source.inner.config, Source::Role(Box::new(assumption)), Some(arn));
        roles.insert(spec, session.clone());
        session
    }
}

impl Session {
    fn new(shared: &Arc<Shared>, config: &SdkConfig, source: Source, role: Option<String>) -> Self {
        let account = role.as_deref().and_then(|arn| arn.split(':').nth(4)).unwrap_or("base").to_owned();
        let time = config.time_source().unwrap_or_default();
        let credentials = Arc::new(Credentials::new(source, time, role.as_deref().unwrap_or("the run's own credentials")));
        let provider = SharedCredentialsProvider::new(Provider(Arc::clone(&credentials)));
        let config = config.to_builder().credentials_provider(provider).build();
        let caller = Caller::new(&config, &account, (&shared.limits, &shared.log), ATTEMPT);
        let shared = Arc::clone(shared);
        Self { inner: Arc::new(Inner { shared, config, caller, credentials, account, role }) }
    }

    /// The role's ARN, or `None` for the run's own credentials.
    pub fn role(&self) -> Option<&str> {
        self.inner.role.as_deref()
    }

    /// Who this session is, as STS in `region` says. No permission is needed for that.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn identity(&self, region: &str) -> Result<Identity, CloudError> {
        self.inner.credentials.get().await?;
        let call = Call { service: "STS", operation: "GetCallerIdentity", region: region.to_owned() };
        self.wait(&call).await;
        let answer = self.sts(region).get_caller_identity().send().await;
        let answer = answer.map_err(|error| crate::error::from_sdk(call.clone(), "sts:GetCallerIdentity", None, &error))?;
        match (answer.account, answer.arn) {
            (Some(account), Some(arn)) => Ok(Identity { account, arn }),
            _ => Err(CloudError::Malformed { call, reason: "the answer names no account".to_owned() }),
        }
    }

    /// Calls an operation in a region. `input` is the request as the API reference writes it, an object; so is what
    /// comes back, with numbers and booleans as strings where the answer is XML. Waits for the service's rate limit
    /// in this account and region first.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn call(&self, operation: &Operation, region: &str, input: Value) -> Result<Value, CloudError> {
        self.inner.credentials.get().await?;
        self.inner.caller.call(operation, region, input).await
    }

    /// As [`call`](Self::call), with the answer as it came, for answers that are kept as evidence.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn call_text(&self, operation: &Operation, region: &str, input: Value) -> Result<String, CloudError> {
        self.inner.credentials.get().await?;
        self.inner.caller.call_text(operation, region, input).await
    }

    /// Opens a bucket with these credentials. Nothing is asked of S3 if the region is given.
    ///
    /// # Errors
    /// [`CloudError::NotFound`] if there is no such bucket, and any other if S3 cannot be asked for its region.
    pub async fn bucket(&self, options: S3Options) -> Result<S3Bucket, CloudError> {
        S3Bucket::open(self, options).await
    }

    /// Waits for the rate limit of a call that the SDK's own client makes.
    async fn wait(&self, call: &Call) {
        let limits = &self.inner.shared.limits;
        limits.wait(&limits.paced(&self.inner.account, &call.region, call.service, call.operation)).await;
    }

    pub(crate) async fn check(&self) -> Result<(), CloudError> {
        self.inner.credentials.get().await
    }

    pub(crate) fn config(&self) -> &SdkConfig {
        &self.inner.config
    }

    pub(crate) fn account(&self) -> &str {
        &self.inner.account
    }

    pub(crate) fn region(&self) -> &str {
        &self.inner.shared.region
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.inner.shared.attempts
    }

    /// STS in a region, with these credentials.
    fn sts(&self, region: &str) -> aws_sdk_sts::Client {
        let config = aws_sdk_sts::config::Builder::from(&self.inner.config)
            .region(Region::new(region.to_owned()))
            .retry_partition(retry_partition(&self.inner.account, "STS", region))
            .timeout_config(with_attempt_limit(&self.inner.config, ATTEMPT))
            .build();
        aws_sdk_sts::Client::from_conf(config)
    }
}

/// The time limits of a configuration, with one for each attempt.
pub(crate) fn with_attempt_limit(config: &SdkConfig, limit: Duration) -> TimeoutConfig {
    let mut limits = TimeoutConfig::builder().operation_attempt_timeout(limit).build();
    if let Some(given) = config.timeout_config() {
        limits.take_defaults_from(given);
    }
    limits
}

impl fmt::Debug for RoleStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RoleStep").field("arn", &self.arn).finish_non_exhaustive()
    }
}

impl fmt::Debug for RoleSpec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RoleSpec").field("arn", &self.arn).field("via", &self.via).finish_non_exhaustive()
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sessions").field("region", &self.shared.region).finish_non_exhaustive()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Session").field("role", &self.inner.role).finish_non_exhaustive()
    }
}
