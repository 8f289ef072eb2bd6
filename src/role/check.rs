//! What AWS demands of policies, checked before anything is written: grammar, and length.

use std::collections::BTreeSet;

use super::needs::Needs;
use super::policy::{Document, Kind, Statement};
use super::stack::{self, Resource, Stack};

/// A policy that AWS would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PolicyError {
    /// Too long.
    #[error("the policy `{name}` has {length} characters, and AWS accepts {limit}; name fewer sources, tags or accounts")]
    TooLong {
        /// Which.
        name: String,
        /// Without white space.
        length: usize,
        /// What is accepted.
        limit: usize,
    },
    /// Against the grammar of policies. A bug, or a configuration that should have been refused.
    #[error("the policy `{name}`, statement `{sid}`: {what}; please report this with the configuration that made it")]
    Grammar {
        /// Which.
        name: String,
        /// Which statement.
        sid: String,
        /// What is wrong.
        what: &'static str,
    },
}

/// Checks every policy of a stack.
pub(crate) fn stack(stack: &Stack, needs: &Needs) -> Result<(), PolicyError> {
    let mut documents: Vec<&Document> = stack.others.iter().collect();
    for resource in &stack.resources {
        match resource {
            Resource::Provider(..) => {}
            Resource::Role(role) => {
                documents.extend([&role.trust, &role.inline]);
                documents.extend(&role.managed);
            }
            Resource::Bucket(plan) => documents.push(&plan.policy),
            Resource::Key(policy) | Resource::Queue(policy) => documents.push(policy),
        }
    }
    documents.into_iter().try_for_each(|document| one(&stack.name, document, needs))
}

fn one(stack: &str, document: &Document, needs: &Needs) -> Result<(), PolicyError> {
    let name = || format!("{stack}.{}", document.name);
    let mut sids = BTreeSet::new();
    for statement in &document.statements {
        let wrong = grammar(statement, document.kind).or((!sids.insert(&statement.sid)).then_some("its id is not unique"));
        if let Some(what) = wrong {
            return Err(PolicyError::Grammar { name: name(), sid: statement.sid.clone(), what });
        }
    }
    let (length, limit) = (stack::length(document, needs), document.kind.limit());
    if length > limit {
        return Err(PolicyError::TooLong { name: name(), length, limit });
    }
    Ok(())
}

/// What is wrong with a statement, if anything.
fn grammar(statement: &Statement, kind: Kind) -> Option<&'static str> {
    let of_role = matches!(kind, Kind::Inline | Kind::Managed);
    let checks = [
        (
            statement.sid.is_empty() || !statement.sid.chars().all(|letter| letter.is_ascii_alphanumeric()),
            "its id must be letters and digits",
        ),
        (statement.actions.is_empty(), "it has no action"),
        (!statement.actions.iter().all(|action| is_action(action)), "an action is not `service:Name`"),
        (of_role == statement.principal.is_some(), "a principal belongs into policies of resources, and only there"),
        ((kind == Kind::Trust) != statement.resources.is_empty(), "resources belong into every policy but a trust policy"),
        (statement.conditions.iter().any(|condition| condition.values.is_empty()), "a condition has no value"),
        (
            !statement.resources.iter().all(|text| is_resource(text.fill(|_| "x".to_owned()).as_str(), text.0.len())),
            "a resource is neither `*` nor an ARN",
        ),
    ];
    checks.into_iter().find_map(|(wrong, what)| wrong.then_some(what))
}

/// `s3:GetObject`, `s3:*`.
pub(crate) fn is_action(action: &str) -> bool {
    action.split_once(':').is_some_and(|(service, name)| {
        let is_name = |text: &str| !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric());
        let is_service = !service.is_empty()
            && service.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-');
        is_service && (name == "*" || is_name(name))
    })
}

/// `*`, an ARN, or one hole.
fn is_resource(text: &str, pieces: usize) -> bool {
    text == "*" || (text == "x" && pieces == 1) || (text.starts_with("arn:") && text.splitn(6, ':').count() == 6)
}
