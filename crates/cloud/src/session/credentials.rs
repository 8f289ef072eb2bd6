//! Credentials that are had once and shared: renewed before they end, and a failure remembered for a while.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as Keys;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_types::sdk_config::SharedTimeSource;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::role::Assumption;
use crate::CloudError;

/// Renewed when this much of their time is left.
const MARGIN: Duration = Duration::from_secs(5 * 60);
/// Not renewed more often than this, whatever their end.
const SHORTEST: Duration = Duration::from_secs(30);
/// How long a refusal is taken for the answer.
const REMEMBERED: Duration = Duration::from_secs(60);
/// The same if there was no answer: the SDK has already tried several times.
const REMEMBERED_OUTAGE: Duration = Duration::from_secs(10);

/// Where credentials come from.
pub(super) enum Source {
    Chain(SharedCredentialsProvider),
    Role(Box<Assumption>),
}

/// Credentials of one session.
pub(super) struct Credentials {
    source: Source,
    time: SharedTimeSource,
    name: String,
    held: RwLock<Option<Held>>,
    /// Taken by whoever gets new ones; the others wait and find what was got.
    renewal: Mutex<Option<Failure>>,
}

#[derive(Clone)]
struct Held {
    keys: Keys,
    renew_at: Option<SystemTime>,
}

struct Failure {
    error: CloudError,
    until: Instant,
}

impl Credentials {
    /// `name` says whose they are, for diagnostics.
    pub(super) fn new(source: Source, time: SharedTimeSource, name: &str) -> Self {
        Self { source, time, name: name.to_owned(), held: RwLock::default(), renewal: Mutex::default() }
    }

    /// Makes sure that there are credentials.
    pub(super) async fn get(&self) -> Result<(), CloudError> {
        self.keys().await.map(drop)
    }

    async fn keys(&self) -> Result<Keys, CloudError> {
        if let Some(keys) = self.fresh() {
            return Ok(keys);
        }
        let mut failure = self.renewal.lock().await;
        if let Some(keys) = self.fresh() {
            return Ok(keys);
        }
        if let Some(failed) = failure.as_ref().filter(|failed| failed.until > Instant::now()) {
            return self.unexpired().ok_or_else(|| failed.error.clone());
        }
        match self.load().await {
            Ok(keys) => {
                *failure = None;
                self.hold(keys.clone());
                Ok(keys)
            }
            Err(error) => {
                let outage = matches!(error, CloudError::Network { .. } | CloudError::Throttled { .. });
                let until = Instant::now() + if outage { REMEMBERED_OUTAGE } else { REMEMBERED };
                *failure = Some(Failure { error: error.clone(), until });
                let keys = self.unexpired();
                if keys.is_some() {
                    tracing::warn!(session = %self.name, %error, "credentials are not renewed yet; those there are still hold");
                }
                keys.ok_or(error)
            }
        }
    }

    async fn load(&self) -> Result<Keys, CloudError> {
        tracing::debug!(session = %self.name, "getting credentials");
        match &self.source {
            Source::Chain(chain) => chain.provide_credentials().await.map_err(|error| crate::error::no_credentials(&error)),
            Source::Role(role) => role.assume().await,
        }
    }

    fn hold(&self, keys: Keys) {
        let now = self.time.now();
        let renew_at = keys.expiry().map(|end| end.checked_sub(MARGIN).unwrap_or(end).max(now + SHORTEST).min(end));
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(Held { keys, renew_at });
    }

    fn fresh(&self) -> Option<Keys> {
        self.held_if(|held| held.renew_at)
    }

    fn unexpired(&self) -> Option<Keys> {
        self.held_if(|held| held.keys.expiry())
    }

    fn held_if(&self, end: impl Fn(&Held) -> Option<SystemTime>) -> Option<Keys> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let held = held.as_ref()?;
        end(held).is_none_or(|end| self.time.now() < end).then(|| held.keys.clone())
    }
}

/// Credentials as the SDK takes them.
#[derive(Debug)]
pub(super) struct Provider(pub(super) Arc<Credentials>);

impl ProvideCredentials for Provider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.0.keys().await.map_err(CredentialsError::provider_error) })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Credentials").field("name", &self.name).finish_non_exhaustive()
    }
}
