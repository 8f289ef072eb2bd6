//! `accounts.organization`: which accounts of AWS Organizations.

use assize_engine::policy::reader;
use assize_engine::yaml::{Node, Yaml};

use super::context::{Context, Text};
use super::model::{Exclusion, ExclusionTarget, OrganizationConfig, RoleConfig};
use super::{role, syntax};

const KEYS: &[&str] = &["role", "include", "exclude", "env-from-tag"];
const EXCLUDE_KEYS: &[&str] = &["account", "ou", "tag", "reason"];

pub(super) fn read(node: &Node, base: &RoleConfig, context: &mut Context<'_>) -> Option<OrganizationConfig> {
    if !context.keys(node, "organization", KEYS) {
        return None;
    }
    let role = context.value(node, "role").and_then(|own| role::organization_role(own, base, context));
    let mut included = Vec::new();
    let mut include_tags = Default::default();
    if let Some(include) = context.value(node, "include")
        && context.keys(include, "include", &["ous", "tags"])
    {
        included = context.texts(include, "ous");
        included.retain(|ou| context.passes(ou, ("bad-ou", "an organisational unit"), syntax::ou_id).is_some());
        include_tags = context.tag_filter(include, "tags");
    }
    let mut exclude: Vec<Exclusion> = Vec::new();
    for item in context.items(node, "exclude") {
        for (place, exclusion) in exclusions(item, context) {
            let ou_included = |ou: &Text| exclusion.target == ExclusionTarget::Ou(ou.value.clone());
            if exclude.iter().any(|other| other.target == exclusion.target) {
                let message = format!("`{}` is excluded twice", place.written);
                context.report.error(place.span, "duplicate-exclusion", message).hint("keep the entry whose reason is right");
            } else if included.iter().any(ou_included) {
                let message = format!("`{}` is included and excluded", place.written);
                context.report.error(place.span, "included-and-excluded", message).hint("remove one of the two");
            }
            exclude.push(exclusion);
        }
    }
    let env_from_tag = context.text(node, "env-from-tag").map(|text| text.value);
    let include_ous = included.into_iter().map(|ou| ou.value).collect();
    Some(OrganizationConfig { role, include_ous, include_tags, exclude, env_from_tag })
}

/// What an entry leaves out, with the place to point at; an entry may name several accounts or units.
fn exclusions(node: &Node, context: &mut Context<'_>) -> Vec<(Text, Exclusion)> {
    if !matches!(node.value, Yaml::Map(_)) {
        reader::wrong_kind(node, "exclude", "a list of maps", &mut context.report);
        return Vec::new();
    }
    context.keys(node, "exclude", EXCLUDE_KEYS);
    let reason_hint = "say why: it is printed in every report, and an auditor will ask";
    context.require(node, "reason", reason_hint);
    let reason = context.text(node, "reason").map(|text| text.value).unwrap_or_default();
    if context.value(node, "reason").is_some_and(|value| value.text().is_some_and(|text| text.trim().is_empty())) {
        context.report.error(node.span, "missing-key", "`reason` is empty").hint(reason_hint);
    }
    let named = ["account", "ou", "tag"].iter().filter(|key| node.get(key).is_some()).count();
    if named != 1 {
        let message = format!("an exclusion names one of `account`, `ou` and `tag`, this names {named}");
        context.report.error(node.span, "bad-exclusion", message).hint("write one entry for each");
        return Vec::new();
    }
    let mut targets: Vec<(Text, ExclusionTarget)> = Vec::new();
    for account in context.texts(node, "account") {
        if context.account_id(&account) {
            targets.push((account.clone(), ExclusionTarget::Account(account.value)));
        }
    }
    for ou in context.texts(node, "ou") {
        if context.passes(&ou, ("bad-ou", "an organisational unit"), syntax::ou_id).is_some() {
            targets.push((ou.clone(), ExclusionTarget::Ou(ou.value)));
        }
    }
    let tags = context.tag_filter(node, "tag");
    if !tags.is_empty() {
        let place = Text { value: String::new(), written: "tag".to_owned(), span: node.span };
        targets.push((place, ExclusionTarget::Tag(tags)));
    }
    targets.into_iter().map(|(place, target)| (place, Exclusion { target, reason: reason.clone() })).collect()
}
