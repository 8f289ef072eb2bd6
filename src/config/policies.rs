//! `policies` and `waivers`: what is evaluated, how strictly, and where exceptions are written down.

use std::collections::BTreeSet;
use std::path::PathBuf;

use assize_engine::policy::reader;
use assize_engine::policy::{Level, Placeholders};
use assize_engine::yaml::{Node, Yaml};

use super::context::{Context, Text};
use super::model::{AccountSelector, AccountsConfig, Name, NameKind, PoliciesConfig, PolicyOverride, RoleConfig};

const KEYS: &[&str] = &["paths", "frameworks", "select", "placeholders", "overrides"];

/// The word for the policies in the binary.
const BUILT_IN: &str = "built-in";

/// Levels by name.
pub(super) const LEVELS: [(&str, Level); 5] = [
    ("informational", Level::Informational),
    ("low", Level::Low),
    ("medium", Level::Medium),
    ("high", Level::High),
    ("critical", Level::Critical),
];

pub(super) fn read(root: &Node, context: &mut Context<'_>) -> PoliciesConfig {
    let default = PoliciesConfig {
        built_in: true,
        paths: Vec::new(),
        frameworks: Vec::new(),
        select: Vec::new(),
        placeholders: Placeholders::new(),
        overrides: Vec::new(),
    };
    let Some(node) = context.value(root, "policies") else { return default };
    if !context.keys(node, "policies", KEYS) {
        return default;
    }
    let mut policies = default;
    if context.value(node, "paths").is_some() {
        let named = context.texts(node, "paths");
        policies.built_in = named.iter().any(|text| text.value == BUILT_IN);
        policies.paths = named.iter().filter(|text| text.value != BUILT_IN).map(|text| context.path(text)).collect();
        no_policies(node, context);
    }
    let frameworks = context.texts(node, "frameworks");
    note(&frameworks, NameKind::Framework, context);
    policies.frameworks = values(frameworks);
    policies.select = patterns(node, "select", context);
    policies.placeholders = context.tag_filter(node, "placeholders");
    for item in context.items(node, "overrides") {
        policies.overrides.extend(policy_override(item, context));
    }
    policies
}

/// The placeholder of policies on the roles that are assumed in accounts.
pub(super) const OWN_ROLES: &str = "own_roles";

/// The names of the roles that are assumed in accounts. A role on the way to others makes other calls, so what is called like one is left out.
pub(super) fn own_roles(role: &RoleConfig, accounts: &AccountsConfig) -> Vec<String> {
    // A record gives the name of a role without its path.
    let bare = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let all = || accounts.listed.iter().filter_map(|account| account.role.as_ref()).chain([role]);
    let organization = accounts.organization.iter().filter_map(|organization| organization.role.as_ref());
    let organization = organization.flat_map(|role| role.via.iter().chain([&role.step]));
    let between: BTreeSet<String> = all().flat_map(|role| &role.via).chain(organization).map(|step| bare(&step.arn)).collect();
    let own: BTreeSet<String> = all().map(|role| bare(&role.name)).filter(|name| !between.contains(name)).collect();
    own.into_iter().collect()
}

/// Files with waivers, or with reviews.
pub(super) fn files(root: &Node, key: &str, context: &mut Context<'_>) -> Vec<PathBuf> {
    let texts = context.texts(root, key);
    texts.iter().map(|text| context.path(text)).collect()
}

fn no_policies(node: &Node, context: &mut Context<'_>) {
    if let Some(list) = context.value(node, "paths")
        && matches!(&list.value, Yaml::List(items) if items.is_empty())
    {
        let hint = format!("write `{BUILT_IN}` for the built-in policies, a folder of yours, or both");
        context.report.error(list.span, "no-policies", "the list of policies is empty").hint(hint);
    }
}

fn policy_override(node: &Node, context: &mut Context<'_>) -> Option<PolicyOverride> {
    if !matches!(node.value, Yaml::Map(_)) {
        reader::wrong_kind(node, "overrides", "a list of maps", &mut context.report);
        return None;
    }
    context.keys(node, "overrides", &["policies", "accounts", "level"]);
    context.require(node, "policies", "the ids of the policies; `*` stands for any text");
    context.require(node, "level", "one of informational, low, medium, high, critical");
    let policies = patterns(node, "policies", context);
    let accounts = context.value(node, "accounts").map(|accounts| selector(accounts, context)).unwrap_or_default();
    let level = context.choice(node, "level", &LEVELS)?;
    (!policies.is_empty()).then_some(PolicyOverride { policies, accounts, level })
}

pub(super) fn selector(node: &Node, context: &mut Context<'_>) -> AccountSelector {
    if !context.keys(node, "accounts", &["id", "env", "tags"]) {
        return AccountSelector::default();
    }
    let mut ids = context.texts(node, "id");
    ids.retain(|id| context.account_id(id));
    let tags = context.tag_filter(node, "tags");
    AccountSelector { ids: values(ids), envs: values(context.texts(node, "env")), tags }
}

/// Patterns of policy ids.
pub(super) fn patterns(node: &Node, key: &str, context: &mut Context<'_>) -> Vec<String> {
    let mut patterns = context.texts(node, key);
    patterns.retain(|pattern| {
        let fits = |char: char| char.is_ascii_alphanumeric() || "-_*".contains(char);
        let good = !pattern.value.is_empty() && pattern.value.chars().all(fits);
        if !good {
            let message = format!("`{}` matches no policy id", pattern.written);
            let hint = "an id is lower-case words joined by hyphens, or a UUID; `*` stands for any text";
            context.report.error(pattern.span, "bad-pattern", message).hint(hint);
        }
        good
    });
    note(&patterns, NameKind::Policy, context);
    values(patterns)
}

pub(super) fn note(texts: &[Text], kind: NameKind, context: &mut Context<'_>) {
    context.names.extend(texts.iter().map(|text| Name { kind, text: text.value.clone(), span: text.span }));
}

fn values(texts: Vec<Text>) -> Vec<String> {
    texts.into_iter().map(|text| text.value).collect()
}
