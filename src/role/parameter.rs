//! Parameters: what a template asks for when it is deployed.

use std::collections::BTreeMap;

use super::needs::Needs;
use super::text::{Hole, Node, Visited, When};

/// A parameter of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameter {
    /// Words joined by hyphens; formats write it their own way.
    pub(crate) name: &'static str,
    /// What to give.
    pub(crate) about: &'static str,
    /// Used if nothing is given; without it something must be given.
    pub(crate) default: Option<String>,
    /// A regular expression that values match, from `^` to `$`.
    pub(crate) pattern: Option<&'static str>,
    /// The only values, if there are so few.
    pub(crate) choices: &'static [&'static str],
    /// Not shown in consoles and plans.
    pub(crate) secret: bool,
}

impl Parameter {
    /// `HubRoleArn`.
    pub(crate) fn pascal(&self) -> String {
        pascal(self.name)
    }

    /// `hub_role_arn`.
    pub(crate) fn snake(&self) -> String {
        snake(self.name)
    }
}

/// `hub-role-arn` as `HubRoleArn`.
pub(crate) fn pascal(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    name.split('-').map(word).collect()
}

/// `hub-role-arn` as `hub_role_arn`.
pub(crate) fn snake(name: &str) -> String {
    name.replace('-', "_")
}

/// What the user gave for parameters, by name.
pub(crate) type Values = BTreeMap<String, String>;

/// Mistakes in what the user gave.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ValueError {
    /// Not `name=value`.
    #[error("--set takes NAME=VALUE, and `{0}` has no `=`")]
    NoValue(String),
    /// An unknown name.
    #[error("--set: there is no parameter `{name}`; there are: {known}")]
    Unknown {
        /// What was given.
        name: String,
        /// What there is.
        known: String,
    },
    /// A value that cannot be.
    #[error("--set {name}: {expected}")]
    Refused {
        /// The parameter.
        name: String,
        /// What it takes.
        expected: String,
    },
}

const ROLE_ARN: &str = "^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$";

struct Entry(&'static str, &'static str, Option<&'static str>, Option<&'static str>);

/// Name, what to give, default, pattern; in the order in which templates show them.
const TABLE: &[Entry] = &[
    Entry("hub-role-arn", "ARN of the hub role: what the run itself is.", None, Some(ROLE_ARN)),
    Entry(
        "external-id",
        "The external id that the configuration holds. Whoever assumes the role must give it.",
        None,
        Some("^[A-Za-z0-9+=,.@:/_-]{2,1224}$"),
    ),
    Entry(
        "organization-external-id",
        "The external id that the configuration holds for the role that reads the organisation.",
        None,
        Some("^[A-Za-z0-9+=,.@:/_-]{2,1224}$"),
    ),
    Entry(
        "create-member-role",
        "Whether the role for auditing this account is made here; no where a StackSet has made it.",
        Some("yes"),
        None,
    ),
    Entry(
        "trail-buckets",
        "The trails' buckets, as a pattern: * for any bucket that its own policy lets the role read.",
        Some("*"),
        Some("^[a-z0-9.*?-]{1,63}$"),
    ),
    Entry(
        "trail-keys",
        "The KMS keys that log objects are encrypted with, as an ARN or a pattern.",
        None,
        Some("^arn:aws[a-z-]*:kms:[!-~]+$"),
    ),
    Entry(
        "runner",
        "What runs Assize: github (GitHub Actions), gitlab (GitLab CI) or ecs (an ECS task in this account).",
        None,
        None,
    ),
    Entry(
        "oidc-subject",
        "Whose jobs may be the hub. GitHub: repo:ORG/REPO:ref:refs/heads/main. GitLab: project_path:GROUP/PROJECT:ref_type:branch:ref:main. Empty for ecs.",
        Some(""),
        Some("^$|^repo:[^*?/]+/[^*?:/]+:[^*?]+$|^project_path:[^*?/]+/[^*?:]+:ref_type:[a-z]+:ref:[^*?]+$"),
    ),
    Entry("oidc-audience", "The audience of the jobs' tokens.", Some("sts.amazonaws.com"), Some("^[!-~]+$")),
    Entry(
        "create-oidc-provider",
        "Makes the identity provider; no where the account has it, since there can be one for each address.",
        Some("no"),
        None,
    ),
    Entry("hub-role-name", "Name of the hub role.", Some("AssizeHub"), Some("^[A-Za-z0-9+=,.@_-]{1,64}$")),
    Entry(
        "organization-id",
        "Id of the organisation whose accounts' roles the hub role may assume; as it is, the hub role's own organisation.",
        Some("${aws:PrincipalOrgID}"),
        Some("^[$][{]aws:PrincipalOrgID[}]$|^o-[a-z0-9]{10,32}$"),
    ),
    Entry("audit-bucket", "Name of the audit bucket.", None, Some("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")),
    Entry(
        "audit-key-arn",
        "ARN of the KMS key of the audit bucket (the key itself, not an alias).",
        None,
        Some("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$"),
    ),
    Entry(
        "break-glass-arn",
        "ARN of a role that may delete evidence and keys in an emergency; none for nobody.",
        Some("none"),
        Some("^none$|^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9+=,.@_/-]+$"),
    ),
    Entry("key-alias", "Alias of the key, without alias/ in front.", Some("assize-audit"), Some("^[A-Za-z0-9/_-]{1,250}$")),
    Entry("queue-name", "Name of the queue.", Some("assize-notifications"), Some("^[A-Za-z0-9_-]{1,75}$")),
    Entry("queue-reader-arn", "ARN of the role that reads the queue: the hub role, or a member role.", None, Some(ROLE_ARN)),
    Entry(
        "sender",
        "What sends to the queue: s3 (a bucket's event notifications), sns (a topic) or eventbridge (a rule).",
        None,
        None,
    ),
    Entry(
        "sender-arn",
        "ARN of the bucket, of the topic or of the rule that sends.",
        None,
        Some("^arn:aws[a-z-]*:(s3|sns|events):[!-~]+$"),
    ),
    Entry("sender-account", "The account that the bucket, the topic or the rule belongs to.", None, Some("^[0-9]{12}$")),
];

/// Not a parameter of any template: it becomes a part of condition keys, which cannot be left open.
pub(crate) const GITLAB_HOST: &str = "gitlab-host";

/// The parameter of that name, with the default that the configuration or the user gives.
fn parameter(entry: &Entry, needs: &Needs, values: &Values) -> Parameter {
    let Entry(name, about, default, pattern) = *entry;
    let default = values.get(name).cloned().or_else(|| needs.default_of(name)).or_else(|| default.map(str::to_owned));
    let secret = name.ends_with("external-id");
    Parameter { name, about, default, pattern, choices: choices(name), secret }
}

/// The only values of a parameter; empty for any.
fn choices(name: &str) -> &'static [&'static str] {
    match name {
        "runner" => &["github", "gitlab", "ecs"],
        "sender" => &["s3", "sns", "eventbridge"],
        "create-oidc-provider" => &["no", "github", "gitlab"],
        "create-member-role" => &["yes", "no"],
        _ => &[],
    }
}

/// The parameters that a template's parts name, in the order of the table.
pub(crate) fn named_in<'a>(
    nodes: impl Iterator<Item = &'a Node>,
    conditions: impl Iterator<Item = &'a When>,
    needs: &Needs,
    values: &Values,
) -> Vec<Parameter> {
    let mut names: Vec<&str> = Vec::new();
    let condition = |when: &When, names: &mut Vec<&str>| match when {
        When::Is(name, _) => names.push(name),
        When::InAccount(_) => {}
    };
    for node in nodes {
        node.walk(&mut |visited| match visited {
            Visited::Text(text) => names.extend(text.holes().filter_map(|hole| match hole {
                Hole::Parameter(name) => Some(name),
                _ => None,
            })),
            Visited::When(when) => condition(when, &mut names),
        });
    }
    conditions.for_each(|when| condition(when, &mut names));
    TABLE.iter().filter(|entry| names.contains(&entry.0)).map(|entry| parameter(entry, needs, values)).collect()
}

/// What a hole stands for in a document without parameters.
pub(crate) fn value_of(name: &'static str, needs: &Needs, values: &Values) -> String {
    let entry = TABLE.iter().find(|entry| entry.0 == name);
    let given = entry.and_then(|entry| parameter(entry, needs, values).default);
    given.unwrap_or_else(|| format!("<{name}>"))
}

/// Reads `NAME=VALUE`s.
pub(crate) fn read(given: &[String]) -> Result<Values, ValueError> {
    let mut values = Values::new();
    for text in given {
        let (name, value) = text.split_once('=').ok_or_else(|| ValueError::NoValue(text.clone()))?;
        let entry = TABLE.iter().find(|entry| entry.0 == name);
        if entry.is_none() && name != GITLAB_HOST {
            let known: Vec<&str> = TABLE.iter().map(|entry| entry.0).chain([GITLAB_HOST]).collect();
            return Err(ValueError::Unknown { name: name.to_owned(), known: known.join(", ") });
        }
        check(name, value)?;
        values.insert(name.to_owned(), value.to_owned());
    }
    Ok(values)
}

/// What can be checked before AWS checks the rest.
fn check(name: &str, value: &str) -> Result<(), ValueError> {
    let refuse = |expected: &str| Err(ValueError::Refused { name: name.to_owned(), expected: expected.to_owned() });
    let choices = choices(name);
    if !choices.is_empty() && !choices.contains(&value) {
        return refuse(&format!("must be one of {}", choices.join(", ")));
    }
    if name.ends_with("-arn") && value != "none" && !(value.starts_with("arn:aws") && value.split(':').count() >= 6) {
        return refuse("must be an ARN: arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE");
    }
    if value.chars().any(|letter| !(' '..='~').contains(&letter)) {
        return refuse("must be plain ASCII text");
    }
    Ok(())
}
