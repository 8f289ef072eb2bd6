//! `assize role`: roles, the audit bucket, its key and the queue as templates, with exactly the permissions that a
//! configuration needs.
//!
//! [`actions`] is the one table of permissions; `documents` and `resources` make policies of it; `stack` puts together
//! what is deployed together; `cloudformation`, `terraform` and `json` write it. Nothing here asks AWS or the clock.

pub(crate) mod actions;
pub(crate) mod advice;
mod check;
mod cloudformation;
mod documents;
mod hcl;
mod json;
mod needs;
pub(crate) mod parameter;
mod policy;
mod resources;
mod stack;
mod terraform;
pub(crate) mod text;
pub(crate) mod yaml;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use crate::config::Config;
use actions::Feature;
use needs::Needs;
use parameter::{ValueError, Values};
use text::Tree;

/// Why there is no template.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoleError {
    /// `--set`.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// More ARNs than a role's policies can hold.
    #[error(
        "the hub role cannot name {0} accounts one by one: AWS allows a role ten managed policies of 6,144 characters; \
         let `accounts` come from the organisation, then one pattern with its id stands for all"
    )]
    TooManyAccounts(usize),
    /// A bucket was asked for that does not exist.
    #[error("the configuration keeps the audit bucket in a folder; there is no bucket to make a template for")]
    NoBucket,
    /// A policy that AWS would refuse.
    #[error("{0}")]
    Refused(#[from] check::PolicyError),
}

/// A part of what is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The role in each audited account.
    Member,
    /// The roles of the management account, or of a delegated administrator.
    Management,
    /// The role of the run.
    Hub,
    /// The audit bucket.
    Bucket,
    /// The audit bucket's key.
    Key,
    /// The queue.
    Notifications,
}

impl Part {
    /// What a configuration as it is needs, in the order in which it is deployed.
    fn needed(needs: &Needs) -> Vec<Part> {
        let parts = [
            (Part::Hub, true),
            (Part::Key, needs.has(Feature::AuditKey)),
            (Part::Bucket, needs.has(Feature::AuditBucket)),
            (Part::Member, true),
            (Part::Management, needs.organization),
            (Part::Notifications, needs.has(Feature::Notifications)),
        ];
        parts.into_iter().filter_map(|(part, needed)| needed.then_some(part)).collect()
    }
}

/// How templates are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// AWS CloudFormation, as YAML.
    CloudFormation,
    /// Terraform and OpenTofu.
    Terraform,
    /// Policy documents alone.
    Json,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Artifact {
    /// Its path below the folder, with `/`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
    /// Whether it is for somebody else to add to a policy of theirs.
    pub(crate) for_others: bool,
}

/// What was made of a configuration.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    /// The files, in the order in which they are deployed.
    pub(crate) artifacts: Vec<Artifact>,
    /// The documents by name, for standard output; empty unless the format is JSON.
    pub(crate) documents: Vec<(String, Tree)>,
}

impl Made {
    /// All documents as one JSON object.
    pub(crate) fn one_object(&self) -> String {
        Tree::Map(self.documents.clone()).pretty()
    }
}

/// Makes the templates of a part, or of all parts that the configuration needs.
pub(crate) fn make(config: &Config, part: Option<Part>, format: Format, set: &[String]) -> Result<Made, RoleError> {
    of_needs(&Needs::of(config), part, format, &parameter::read(set)?)
}

fn of_needs(needs: &Needs, part: Option<Part>, format: Format, values: &Values) -> Result<Made, RoleError> {
    let parts = part.map_or_else(|| Part::needed(needs), |part| vec![part]);
    let mut made = Made { artifacts: Vec::new(), documents: Vec::new() };
    for part in parts {
        for stack in stack::stacks(part, needs, values)? {
            check::stack(&stack, needs)?;
            let file = |path: String, text: String| Artifact { path, text, for_others: false };
            match format {
                Format::CloudFormation => {
                    made.artifacts.push(file(format!("{}.yaml", stack.name), cloudformation::write(&stack, needs, values)));
                }
                Format::Terraform => {
                    made.artifacts.push(file(format!("{}/main.tf", stack.name), terraform::write(&stack, needs, values)));
                }
                Format::Json => {
                    for (name, document) in json::documents(&stack, needs, values) {
                        made.artifacts.push(file(format!("{name}.json"), document.pretty()));
                        made.documents.push((name, document));
                    }
                    continue;
                }
            }
            for other in &stack.others {
                let text = json::filled(&other.node(), needs, values).pretty();
                let path = format!("{}.{}.json", stack.name, other.name);
                made.artifacts.push(Artifact { path, text, for_others: true });
            }
        }
    }
    Ok(made)
}
