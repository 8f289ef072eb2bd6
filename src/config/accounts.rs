//! `accounts`: those that are listed.

use std::collections::BTreeMap;

use assize_engine::policy::reader;
use assize_engine::yaml::{Node, Yaml};

use super::context::{Context, Text};
use super::model::{AccountConfig, AccountsConfig, ExclusionTarget, OrganizationConfig, RoleConfig};
use super::{organization, regions, role, syntax};

const KEYS: &[&str] = &["list", "organization"];
const ENTRY_KEYS: &[&str] = &["id", "name", "env", "tags", "role", "regions", "enrolled"];

pub(super) fn read(node: &Node, base: &RoleConfig, context: &mut Context<'_>) -> AccountsConfig {
    if !context.keys(node, "accounts", KEYS) {
        return AccountsConfig::default();
    }
    let mut listed: Vec<(Text, AccountConfig)> = Vec::new();
    for item in context.items(node, "list") {
        let Some((id, account)) = entry(item, base, context) else { continue };
        if let Some((first, _)) = listed.iter().find(|(_, other)| other.id == account.id) {
            let line = first.span.at.line;
            let message = format!("the account `{}` stands twice; the first is on line {line}", account.id);
            context.report.error(id.span, "duplicate-account", message).hint("put what both say into one entry");
        } else {
            listed.push((id, account));
        }
    }
    let organization = context.value(node, "organization").and_then(|node| organization::read(node, base, context));
    if let Some(organization) = &organization {
        listed_and_excluded(&listed, organization, context);
    }
    if node.get("list").is_none_or(is_empty_list) && node.get("organization").is_none() {
        nobody(node, context);
    }
    listed.sort_by(|(_, a), (_, b)| a.id.cmp(&b.id));
    AccountsConfig { listed: listed.into_iter().map(|(_, account)| account).collect(), organization }
}

/// Reports that no account is named.
pub(super) fn nobody(node: &Node, context: &mut Context<'_>) {
    context
        .report
        .error(node.span, "no-accounts", "no account is named")
        .hint("give `accounts` a `list`, or `organization: {}` for all accounts of the organisation");
}

fn is_empty_list(node: &Node) -> bool {
    matches!(&node.value, Yaml::List(items) if items.is_empty())
}

fn entry(node: &Node, base: &RoleConfig, context: &mut Context<'_>) -> Option<(Text, AccountConfig)> {
    match &node.value {
        Yaml::Scalar { .. } => {
            let id = context.literal(node, "list")?;
            context.account_id(&id).then(|| (id.clone(), bare(id.value)))
        }
        Yaml::Map(_) => {
            context.keys(node, "list", ENTRY_KEYS);
            context.require(node, "id", "the account's twelve digits");
            let name = context.text(node, "name").map(|text| text.value);
            let env = context.text(node, "env").map(|text| text.value);
            let tags = context.value(node, "tags").map(|tags| plain_tags(tags, context)).unwrap_or_default();
            let role = context.value(node, "role").map(|own| role::read(own, base, context));
            let regions = context.value(node, "regions").and_then(|own| regions::read(own, context));
            let enrolled =
                context.text(node, "enrolled").and_then(|text| context.passes(&text, ("bad-date", "a date"), syntax::date));
            let id = context.account(node, "id")?;
            let account = AccountConfig { name, env, tags, role, regions, enrolled, ..bare(id.value.clone()) };
            Some((id, account))
        }
        Yaml::List(_) => {
            reader::wrong_kind(node, "list", "account ids, or maps with `id`", &mut context.report);
            None
        }
    }
}

/// An account of which only the id is said.
fn bare(id: String) -> AccountConfig {
    AccountConfig { id, name: None, env: None, tags: BTreeMap::new(), role: None, regions: None, enrolled: None }
}

fn plain_tags(node: &Node, context: &mut Context<'_>) -> BTreeMap<String, String> {
    let entries = context.entries(node, "tags");
    entries.into_iter().filter_map(|(key, value)| Some((key.value.clone(), context.literal(value, &key.value)?.value))).collect()
}

/// An account cannot be audited and left out.
fn listed_and_excluded(listed: &[(Text, AccountConfig)], organization: &OrganizationConfig, context: &mut Context<'_>) {
    for (id, account) in listed {
        if organization.exclude.iter().any(|exclusion| exclusion.target == ExclusionTarget::Account(account.id.clone())) {
            let message = format!("the account `{}` is listed here and excluded from the organisation", account.id);
            context.report.error(id.span, "listed-and-excluded", message).hint("remove one of the two");
        }
    }
}
