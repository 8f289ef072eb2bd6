//! Policy documents: statements with who, what, on which and under which condition, and what AWS demands of them.
//!
//! A document becomes a [`Node`] in one place; formats know nothing of statements.

use super::text::{Node, Text, When};

/// Who a statement of a resource's policy speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Principal {
    /// Everybody; used in denials only.
    Anyone,
    /// Roles or accounts, by ARN.
    Aws(Vec<Text>),
    /// A service of AWS.
    Service(&'static str),
    /// An identity provider, by ARN.
    Federated(Text),
}

/// A test on a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// `StringEquals` and the like.
    pub(crate) operator: &'static str,
    /// The key, such as `aws:SourceArn`.
    pub(crate) key: String,
    /// Any of these.
    pub(crate) values: Vec<Text>,
}

impl Condition {
    /// A test for one value.
    pub(crate) fn new(operator: &'static str, key: impl Into<String>, value: Text) -> Condition {
        Condition { operator, key: key.into(), values: vec![value] }
    }
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// Letters and digits, unique in its document.
    pub(crate) sid: String,
    /// Allows, or denies.
    pub(crate) allow: bool,
    /// Who; only in policies of resources.
    pub(crate) principal: Option<Principal>,
    /// IAM actions.
    pub(crate) actions: Vec<String>,
    /// On which; empty in trust policies.
    pub(crate) resources: Vec<Text>,
    /// All of these.
    pub(crate) conditions: Vec<Condition>,
    /// Whether the statement is there at all.
    pub(crate) when: Option<When>,
}

impl Statement {
    /// A statement that allows.
    pub(crate) fn allow(sid: impl Into<String>, actions: &[&str], resources: Vec<Text>) -> Statement {
        Statement {
            sid: sid.into(),
            allow: true,
            principal: None,
            actions: actions.iter().map(|&action| action.to_owned()).collect(),
            resources,
            conditions: Vec::new(),
            when: None,
        }
    }

    /// A statement that denies.
    pub(crate) fn deny(sid: impl Into<String>, actions: &[&str], resources: Vec<Text>) -> Statement {
        Statement { allow: false, principal: Some(Principal::Anyone), ..Statement::allow(sid, actions, resources) }
    }

    /// Says who.
    pub(crate) fn of(mut self, principal: Principal) -> Statement {
        self.principal = Some(principal);
        self
    }

    /// Adds a condition.
    pub(crate) fn only(mut self, condition: Condition) -> Statement {
        self.conditions.push(condition);
        self
    }

    /// Makes the statement depend on where it is deployed.
    pub(crate) fn when(mut self, when: When) -> Statement {
        self.when = Some(when);
        self
    }

    /// The statement as it is written.
    pub(crate) fn node(&self) -> Node {
        let mut map = vec![
            ("Sid".to_owned(), Node::literal(&self.sid)),
            ("Effect".to_owned(), Node::literal(if self.allow { "Allow" } else { "Deny" })),
        ];
        let mut put = |key: &str, value| map.push((key.to_owned(), value));
        match &self.principal {
            None => {}
            Some(Principal::Anyone) => put("Principal", Node::literal("*")),
            Some(Principal::Aws(arns)) => put("Principal", Node::map([("AWS", one_or_many(arns))])),
            Some(Principal::Service(name)) => put("Principal", Node::map([("Service", Node::literal(name))])),
            Some(Principal::Federated(arn)) => put("Principal", Node::map([("Federated", Node::Text(arn.clone()))])),
        }
        put("Action", Node::List(self.actions.iter().map(|action| Node::literal(action)).collect()));
        if !self.resources.is_empty() {
            put("Resource", Node::List(self.resources.iter().cloned().map(Node::Text).collect()));
        }
        if !self.conditions.is_empty() {
            put("Condition", conditions(&self.conditions));
        }
        let node = Node::Map(map);
        match &self.when {
            Some(when) => Node::Entry(when.clone(), Box::new(node)),
            None => node,
        }
    }
}

/// Conditions by operator, in the order in which operators and keys first come.
fn conditions(conditions: &[Condition]) -> Node {
    let mut operators: Vec<(String, Vec<(String, Node)>)> = Vec::new();
    for condition in conditions {
        let entry = (condition.key.clone(), one_or_many(&condition.values));
        match operators.iter_mut().find(|(operator, _)| operator == condition.operator) {
            Some((_, keys)) => keys.push(entry),
            None => operators.push((condition.operator.to_owned(), vec![entry])),
        }
    }
    Node::Map(operators.into_iter().map(|(operator, keys)| (operator, Node::Map(keys))).collect())
}

fn one_or_many(values: &[Text]) -> Node {
    match values {
        [one] => Node::Text(one.clone()),
        many => Node::List(many.iter().cloned().map(Node::Text).collect()),
    }
}

/// What a document is for; AWS has a limit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Inside a role.
    Inline,
    /// A managed policy.
    Managed,
    /// Who may assume a role.
    Trust,
    /// Of a bucket.
    Bucket,
    /// Of a KMS key.
    Key,
    /// Of a queue.
    Queue,
}

impl Kind {
    /// Characters that AWS accepts, white space aside.
    pub(crate) fn limit(self) -> usize {
        match self {
            Kind::Inline => 10_240,
            Kind::Managed => 6_144,
            // The quota can be raised to 4,096; nothing here may need that.
            Kind::Trust => 2_048,
            Kind::Bucket => 20_480,
            Kind::Key => 32_768,
            Kind::Queue => 8_192,
        }
    }
}

/// A policy document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    /// Name of the policy, or what it is for.
    pub(crate) name: String,
    /// What it is for.
    pub(crate) kind: Kind,
    /// Its statements.
    pub(crate) statements: Vec<Statement>,
}

impl Document {
    /// A document.
    pub(crate) fn new(name: impl Into<String>, kind: Kind, statements: Vec<Statement>) -> Document {
        Document { name: name.into(), kind, statements }
    }

    /// The document as it is written.
    pub(crate) fn node(&self) -> Node {
        Node::map([
            ("Version", Node::literal("2012-10-17")),
            ("Statement", Node::List(self.statements.iter().map(Statement::node).collect())),
        ])
    }
}
