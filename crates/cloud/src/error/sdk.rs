//! From the SDK's errors to a [`CloudError`].

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{Answer, Call, CloudError, clean};

/// Decides what an error of the SDK means. `action` and `resource` as in [`Answer`].
pub(crate) fn from_sdk<E>(call: Call, action: &str, resource: Option<&str>, error: &SdkError<E, HttpResponse>) -> CloudError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    if let Some(known) = known_in(error) {
        return known;
    }
    match error {
        SdkError::ServiceError(answered) => {
            let meta = answered.err().meta();
            if answered.raw().status().is_success() && meta.code().is_none() {
                return CloudError::Malformed { call, reason: clean(&story(error)) };
            }
            super::classify(Answer {
                call,
                action,
                resource,
                status: answered.raw().status().as_u16(),
                code: meta.code().unwrap_or_default(),
                message: meta.message().unwrap_or_default(),
            })
        }
        SdkError::ConstructionFailure(_) => CloudError::Malformed { call, reason: clean(&story(error)) },
        SdkError::ResponseError(broken) if broken.raw().status().is_success() => {
            // A body that broke off is the network's doing; one that cannot be parsed is not.
            let message = clean(&story(error));
            if is_io(error) { CloudError::Network { call, message } } else { CloudError::Malformed { call, reason: message } }
        }
        SdkError::ResponseError(broken) => super::classify(Answer {
            call,
            action,
            resource,
            status: broken.raw().status().as_u16(),
            code: "",
            message: &story(error),
        }),
        _ => CloudError::Network { call, message: clean(&story(error)) },
    }
}

/// The error of ours that is among the causes of another: credentials that could not be had.
fn known_in(error: &(dyn Error + 'static)) -> Option<CloudError> {
    causes(error).find_map(|cause| {
        if let Some(known) = cause.downcast_ref::<CloudError>() {
            return Some(known.clone());
        }
        cause
            .downcast_ref::<aws_credential_types::provider::error::CredentialsError>()
            .map(|credentials| known_in_source(credentials).unwrap_or_else(|| no_credentials(credentials)))
    })
}

fn known_in_source(error: &(dyn Error + 'static)) -> Option<CloudError> {
    causes(error).find_map(|cause| cause.downcast_ref::<CloudError>().cloned())
}

/// Credentials that could not be had at all.
pub(crate) fn no_credentials(error: &(dyn Error + 'static)) -> CloudError {
    known_in_source(error).unwrap_or_else(|| CloudError::NoCredentials { message: clean(&story(error)) })
}

fn is_io(error: &(dyn Error + 'static)) -> bool {
    causes(error)
        .any(|cause| cause.is::<std::io::Error>() || cause.is::<aws_smithy_runtime_api::client::result::ConnectorError>())
}

/// An error and its causes, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// An error and its causes as one line, each said once.
pub(crate) fn story(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in causes(error) {
        let part = cause.to_string();
        if !part.is_empty() && !parts.iter().any(|earlier| earlier.contains(&part)) {
            parts.push(part);
        }
    }
    parts.join(": ")
}
