//! Answers: a value, or AWS's error code and message, as each protocol writes them.

use std::error::Error;
use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::{Map, Value};

use super::{Protocol, xml};

/// An error that AWS answered with.
#[derive(Debug)]
pub(super) struct ApiError(ErrorMetadata);

impl fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

impl Error for ApiError {}

impl ProvideErrorMetadata for ApiError {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

/// Whether AWS said that it is asked too often.
pub(super) fn is_throttled<T>(answer: &Result<T, OrchestratorError<ApiError>>) -> bool {
    let error = answer.as_ref().err().and_then(OrchestratorError::as_operation_error);
    error.and_then(ProvideErrorMetadata::code).is_some_and(crate::error::is_throttle)
}

/// Reads an answer.
pub(super) fn read(protocol: Protocol, operation: &str, response: &HttpResponse) -> Result<Value, OrchestratorError<ApiError>> {
    let text = read_text(response)?;
    let value = match protocol {
        Protocol::Json10 { .. } | Protocol::Json11 { .. } if text.trim().is_empty() => Value::Object(Map::new()),
        Protocol::Json10 { .. } | Protocol::Json11 { .. } => {
            serde_json::from_str(text).map_err(|error| broken(format!("the answer is not JSON ({error})")))?
        }
        Protocol::Query { .. } => result_of(operation, text)?,
        Protocol::Ec2Query { .. } => root_of(text)?,
    };
    if value.is_object() { Ok(value) } else { Err(broken("the answer is not an object")) }
}

/// Reads the text of an answer that is not an error.
pub(super) fn read_text(response: &HttpResponse) -> Result<&str, OrchestratorError<ApiError>> {
    let bytes = response.body().bytes().unwrap_or_default();
    if !response.status().is_success() {
        let header = response.headers().get("x-amzn-errortype");
        return Err(OrchestratorError::operation(ApiError(error(bytes, header))));
    }
    std::str::from_utf8(bytes).map_err(|_| broken("the answer is not UTF-8"))
}

fn root_of(text: &str) -> Result<Value, OrchestratorError<ApiError>> {
    match xml::parse(text) {
        Ok((_, Value::String(_))) => Ok(Value::Object(Map::new())),
        Ok((_, value)) => Ok(value),
        Err(reason) => Err(broken(format!("the answer is not XML ({reason})"))),
    }
}

fn result_of(operation: &str, text: &str) -> Result<Value, OrchestratorError<ApiError>> {
    let mut root = root_of(text)?;
    match root.get_mut(format!("{operation}Result")) {
        Some(result) if result.is_object() => Ok(result.take()),
        _ => Ok(Value::Object(Map::new())),
    }
}

fn broken(reason: impl Into<Box<dyn Error + Send + Sync>>) -> OrchestratorError<ApiError> {
    OrchestratorError::response(reason.into())
}

/// The code and message of an error. Services answer in the format of another protocol at times, and what stands
/// between us and AWS answers in HTML, so the body is taken for what it looks like.
fn error(body: &[u8], header: Option<&str>) -> ErrorMetadata {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let (code, message) = match text.chars().next() {
        Some('{') => json_error(text),
        Some('<') => xml_error(text),
        _ => (None, None),
    };
    let code = code.or_else(|| header.map(str::to_owned)).map(|code| bare(&code).to_owned());
    let mut meta = ErrorMetadata::builder();
    if let Some(code) = code {
        meta = meta.code(code);
    }
    meta.message(message.unwrap_or_else(|| unreadable(text))).build()
}

/// What an error says that has no message of AWS's form.
fn unreadable(text: &str) -> String {
    if text.is_empty() {
        "the answer has no text".to_owned()
    } else if text.starts_with('<') {
        "the answer is a page and not AWS's; does the endpoint know this operation, is a proxy in between".to_owned()
    } else {
        text.chars().take(200).collect()
    }
}

/// `com.amazonaws.sqs#QueueDoesNotExist:http://…` is `QueueDoesNotExist`.
fn bare(code: &str) -> &str {
    let code = code.rsplit('#').next().unwrap_or(code);
    code.split([':', ';']).next().unwrap_or(code)
}

fn json_error(text: &str) -> (Option<String>, Option<String>) {
    let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
        return (None, None);
    };
    let first = |names: &[&str]| names.iter().find_map(|name| fields.get(*name)?.as_str()).map(str::to_owned);
    (first(&["__type", "code", "Code"]), first(&["message", "Message", "errorMessage"]))
}

fn xml_error(text: &str) -> (Option<String>, Option<String>) {
    let Ok((_, root)) = xml::parse(text) else {
        return (None, None);
    };
    // <ErrorResponse><Error>, <Response><Errors><Error>, or <Error> itself.
    let error = [root.get("Error"), root.pointer("/Errors/Error"), Some(&root)].into_iter().flatten().next();
    let field = |name: &str| error.and_then(|error| error.get(name)).and_then(Value::as_str).map(str::to_owned);
    (field("Code"), field("Message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_in_each_format() {
        let cases: [(&str, Option<&str>, Option<&str>, &str); 9] = [
            (r#"{"__type":"com.amazonaws.x#TrailNotFoundException","message":"m"}"#, None, Some("TrailNotFoundException"), "m"),
            (r#"{"__type":"AccessDeniedException","Message":"m"}"#, None, Some("AccessDeniedException"), "m"),
            (r#"{"message":"m"}"#, Some("ThrottlingException:http://x/"), Some("ThrottlingException"), "m"),
            ("", Some("ThrottlingException"), Some("ThrottlingException"), "the answer has no text"),
            (
                "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>m</Message></Error></Errors></Response>",
                None,
                Some("UnauthorizedOperation"),
                "m",
            ),
            (
                "<ErrorResponse xmlns=\"u\"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>m</Message></Error></ErrorResponse>",
                None,
                Some("AccessDenied"),
                "m",
            ),
            ("<Error><Code>SlowDown</Code><Message>m</Message></Error>", None, Some("SlowDown"), "m"),
            (
                "<!doctype html><html><title>500</title>",
                None,
                None,
                "the answer is a page and not AWS's; does the endpoint know this operation, is a proxy in between",
            ),
            ("upstream timed out", None, None, "upstream timed out"),
        ];
        for (body, header, code, message) in cases {
            let meta = error(body.as_bytes(), header);
            assert_eq!((meta.code(), meta.message()), (code, Some(message)), "{body}");
        }
    }
}
