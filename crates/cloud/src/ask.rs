//! What discovery needs of a session: to ask AWS one thing, and to read a list page by page.
//!
//! It is a trait so that the walks over an organisation and its trails are tested against scripted answers too,
//! among them those that no emulator gives.

use serde_json::Value;

use crate::answer::{items, malformed, text};
use crate::{CloudError, Operation, Session};

/// More pages than any list of ours has; a service that goes on forever is stopped there.
const MAX_PAGES: usize = 10_000;

/// Asks AWS.
pub(crate) trait Ask: Sync {
    /// One call; retries and rate limits are below.
    fn ask(&self, operation: &Operation, region: &str, input: Value) -> impl Future<Output = Result<Value, CloudError>> + Send;

    /// One call, with the answer as it came.
    fn ask_text(
        &self,
        operation: &Operation,
        region: &str,
        input: Value,
    ) -> impl Future<Output = Result<String, CloudError>> + Send;
}

impl Ask for Session {
    async fn ask(&self, operation: &Operation, region: &str, input: Value) -> Result<Value, CloudError> {
        self.call(operation, region, input).await
    }

    async fn ask_text(&self, operation: &Operation, region: &str, input: Value) -> Result<String, CloudError> {
        self.call_text(operation, region, input).await
    }
}

/// Every element of the list `list`, over all pages. An empty page with a token is not the last one.
///
/// # Errors
/// Whatever a call fails with; [`CloudError::Malformed`] if a token comes twice in a row.
pub(crate) async fn list_all(
    ask: &impl Ask,
    operation: &Operation,
    region: &str,
    input: Value,
    list: &str,
) -> Result<Vec<Value>, CloudError> {
    let mut all = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let mut request = input.clone();
        if let (Some(token), Some(request)) = (&token, request.as_object_mut()) {
            request.insert("NextToken".to_owned(), Value::String(token.clone()));
        }
        let page = ask.ask(operation, region, request).await?;
        all.extend_from_slice(items(&page, list));
        let next = text(&page, "NextToken");
        if next.is_none() {
            return Ok(all);
        }
        if next == token {
            return Err(malformed(operation, region, "the same NextToken came twice, so the list has no end"));
        }
        token = next;
    }
    Err(malformed(operation, region, "the list has no end"))
}

#[cfg(test)]
pub(crate) mod script {
    //! Answers written down beforehand.

    use std::sync::Mutex;

    use serde_json::Value;

    use super::Ask;
    use crate::{Call, CloudError, Denial, DenialCause, Operation};

    type Rule = Box<dyn Fn(&str, &Value) -> Option<Result<Value, CloudError>> + Send + Sync>;

    /// Answers by rules, in order, and remembers what was asked as `(operation, region, input)`.
    #[derive(Default)]
    pub(crate) struct Script {
        rules: Vec<Rule>,
        asked: Mutex<Vec<(String, String, Value)>>,
    }

    impl Script {
        /// Answers `operation` whenever its input holds everything in `input`.
        pub(crate) fn on(self, operation: &'static str, input: Value, answer: Value) -> Self {
            self.rule(operation, input, Ok(answer))
        }

        /// Denies `operation` whenever its input holds everything in `input`.
        pub(crate) fn deny(self, operation: &'static str, input: Value) -> Self {
            let denied = denied(operation);
            self.rule(operation, input, Err(denied))
        }

        /// Fails `operation` whenever its input holds everything in `input`.
        pub(crate) fn fail(self, operation: &'static str, input: Value, error: CloudError) -> Self {
            self.rule(operation, input, Err(error))
        }

        fn rule(mut self, operation: &'static str, wanted: Value, answer: Result<Value, CloudError>) -> Self {
            self.rules.push(Box::new(move |asked, input| {
                let holds = |(name, value): (&String, &Value)| match value {
                    Value::Null => input.get(name).is_none(),
                    value => input.get(name) == Some(value),
                };
                (asked == operation && wanted.as_object().is_none_or(|wanted| wanted.iter().all(holds))).then(|| answer.clone())
            }));
            self
        }

        /// How often `operation` was asked.
        pub(crate) fn count(&self, operation: &str) -> usize {
            self.asked.lock().unwrap().iter().filter(|(asked, _, _)| asked == operation).count()
        }

        /// The regions in which `operation` was asked, in order.
        pub(crate) fn regions(&self, operation: &str) -> Vec<String> {
            let asked = self.asked.lock().unwrap();
            asked.iter().filter(|(asked, _, _)| asked == operation).map(|(_, region, _)| region.clone()).collect()
        }

        /// The inputs with which `operation` was asked, in order.
        pub(crate) fn inputs(&self, operation: &str) -> Vec<Value> {
            let asked = self.asked.lock().unwrap();
            asked.iter().filter(|(asked, _, _)| asked == operation).map(|(_, _, input)| input.clone()).collect()
        }
    }

    impl Ask for Script {
        async fn ask(&self, operation: &Operation, region: &str, input: Value) -> Result<Value, CloudError> {
            let mut asked = self.asked.lock().unwrap();
            asked.push((operation.name.to_owned(), region.to_owned(), input.clone()));
            drop(asked);
            let mut with_region = input.clone();
            if let Some(input) = with_region.as_object_mut() {
                input.insert("_region".to_owned(), Value::String(region.to_owned()));
            }
            let answer = self.rules.iter().find_map(|rule| rule(operation.name, &with_region));
            answer.unwrap_or_else(|| panic!("nothing is written down for {} in {region} with {input}", operation.name))
        }

        /// The text of an answer that is a string is the string itself, so that a script can give any text.
        async fn ask_text(&self, operation: &Operation, region: &str, input: Value) -> Result<String, CloudError> {
            let answer = self.ask(operation, region, input).await?;
            Ok(answer.as_str().map_or_else(|| answer.to_string(), str::to_owned))
        }
    }

    /// A denial by the caller's own policies.
    pub(crate) fn denied(operation: &'static str) -> CloudError {
        denied_by(operation, DenialCause::IdentityPolicy)
    }

    /// A denial by a policy of some kind.
    pub(crate) fn denied_by(operation: &'static str, cause: DenialCause) -> CloudError {
        CloudError::Denied(Box::new(Denial {
            call: Call { service: "Test", operation, region: "us-east-1".to_owned() },
            code: "AccessDenied".to_owned(),
            action: format!("test:{operation}"),
            principal: None,
            resource: None,
            explicit: cause != DenialCause::IdentityPolicy,
            cause,
            policy: None,
            message: "made up".to_owned(),
        }))
    }

    /// An error that AWS calls `code`.
    pub(crate) fn service_error(operation: &'static str, code: &str) -> CloudError {
        CloudError::Service {
            call: Call { service: "Test", operation, region: "us-east-1".to_owned() },
            code: code.to_owned(),
            message: "made up".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::script::Script;
    use super::*;
    use crate::organization::LIST_ACCOUNTS;

    #[tokio::test]
    async fn an_empty_page_with_a_token_is_not_the_last() {
        let script = Script::default()
            .on("ListAccounts", json!({"NextToken": null}), json!({"Accounts": [], "NextToken": "1"}))
            .on("ListAccounts", json!({"NextToken": "1"}), json!({"Accounts": [1, 2], "NextToken": "2"}))
            .on("ListAccounts", json!({"NextToken": "2"}), json!({"Accounts": [3], "NextToken": null}));
        let all = list_all(&script, &LIST_ACCOUNTS, "us-east-1", json!({"MaxResults": 20}), "Accounts").await.unwrap();
        assert_eq!(all, [1, 2, 3]);
        assert_eq!(script.count("ListAccounts"), 3);
        assert!(script.inputs("ListAccounts").iter().all(|input| input["MaxResults"] == 20));
    }

    #[tokio::test]
    async fn a_token_that_repeats_is_an_error_not_a_loop() {
        let script = Script::default().on("ListAccounts", json!({}), json!({"Accounts": [], "NextToken": "1"}));
        let error = list_all(&script, &LIST_ACCOUNTS, "us-east-1", json!({}), "Accounts").await.unwrap_err();
        assert!(matches!(error, CloudError::Malformed { .. }), "{error}");
        assert_eq!(script.count("ListAccounts"), 2);
    }
}
