//! Bare policy documents: every hole filled with what is known, or with its name in angle brackets, which AWS refuses.

use super::needs::Needs;
use super::parameter::{self, Values};
use super::policy::Document;
use super::stack::{Resource, Stack};
use super::text::{Hole, Node, Text, Tree, When};
use crate::config::Partition;

/// The documents of a stack, by name.
pub(crate) fn documents(stack: &Stack, needs: &Needs, values: &Values) -> Vec<(String, Tree)> {
    let mut out = Vec::new();
    let mut add = |prefix: &str, document: &Document| {
        for document in variants(document, values) {
            out.push((format!("{prefix}.{}", document.name), filled(&document.node(), needs, values)));
        }
    };
    for resource in &stack.resources {
        match resource {
            Resource::Provider(..) => {}
            Resource::Role(role) => {
                let prefix = if role.id == "Organization" { "organization" } else { stack.name.as_str() };
                add(prefix, &Document { name: "permissions".to_owned(), ..role.inline.clone() });
                role.managed.iter().for_each(|document| add(prefix, document));
                add(prefix, &role.trust);
            }
            Resource::Bucket(plan) => add(&stack.name, &plan.policy),
            Resource::Key(policy) | Resource::Queue(policy) => add(&stack.name, policy),
        }
    }
    stack.others.iter().for_each(|document| add(&stack.name, document));
    out
}

/// A document as it is under each condition that its statements have: one for each runner or sender, unless the user
/// chose, and one for each account that is different from the others.
fn variants(document: &Document, values: &Values) -> Vec<Document> {
    let mut conditions: Vec<&When> = Vec::new();
    for when in document.statements.iter().filter_map(|statement| statement.when.as_ref()) {
        if !conditions.contains(&when) {
            conditions.push(when);
        }
    }
    let mut out = Vec::new();
    if !conditions.iter().any(|when| matches!(when, When::Is(..))) {
        out.push(variant(document, "", None));
    }
    for when in conditions {
        match when {
            When::Is(parameter, choice) => match values.get(*parameter) {
                Some(chosen) if chosen == choice => out.push(variant(document, "", Some(when))),
                Some(_) => {}
                None => out.push(variant(document, &format!("-{choice}"), Some(when))),
            },
            When::InAccount(account) => out.push(variant(document, &format!("-{account}"), Some(when))),
        }
    }
    out
}

fn variant(document: &Document, suffix: &str, condition: Option<&When>) -> Document {
    let mut variant = document.clone();
    variant.name.push_str(suffix);
    variant.statements.retain(|statement| statement.when.is_none() || statement.when.as_ref() == condition);
    variant
}

/// A value with every hole filled. Entries that depend on where they are deployed are all there.
pub(crate) fn filled(node: &Node, needs: &Needs, values: &Values) -> Tree {
    match node {
        Node::Text(text) => Tree::Text(fill(text, needs, values)),
        Node::Number(number) => Tree::Number(*number),
        Node::Flag(flag) => Tree::Flag(*flag),
        Node::List(entries) => Tree::List(entries.iter().map(|entry| filled(entry, needs, values)).collect()),
        Node::Map(entries) => Tree::Map(entries.iter().map(|(key, value)| (key.clone(), filled(value, needs, values))).collect()),
        Node::Entry(_, node) => filled(node, needs, values),
    }
}

/// A text with every hole filled.
pub(crate) fn fill(text: &Text, needs: &Needs, values: &Values) -> String {
    text.fill(|hole| match hole {
        Hole::Partition => needs.partition.id().to_owned(),
        Hole::Suffix => match needs.partition {
            Partition::AwsCn => "amazonaws.com.cn".to_owned(),
            Partition::Aws | Partition::AwsUsGov => "amazonaws.com".to_owned(),
        },
        Hole::Account => "<account>".to_owned(),
        Hole::Region => "<region>".to_owned(),
        Hole::Parameter(name) => parameter::value_of(name, needs, values),
        Hole::Made(made) => format!("<{}>", made.cloudformation.0.to_lowercase()),
    })
}
