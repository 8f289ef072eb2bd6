//! `role`: what is assumed in each account, and the roles on the way there.

use std::collections::BTreeMap;
use std::time::Duration;

use assize_engine::policy::reader;
use assize_engine::yaml::{Node, Yaml};

use super::context::Context;
use super::model::{CHAINED_SESSION, ExternalId, OrganizationRole, RoleConfig, RoleStep};
use super::syntax;

const KEYS: &[&str] = &["name", "external-id", "session-name", "duration", "session-tags", "via"];

/// AWS accepts sessions from 15 minutes to 12 hours.
const SESSION_MIN: Duration = Duration::from_secs(15 * 60);
const SESSION_MAX: Duration = Duration::from_secs(12 * 3600);

/// AWS accepts so many session tags.
const MAX_SESSION_TAGS: usize = 50;

/// The role when nothing is said.
pub(super) fn default() -> RoleConfig {
    RoleConfig {
        name: "AssizeAudit".to_owned(),
        external_id: None,
        session_name: "assize".to_owned(),
        duration: CHAINED_SESSION,
        session_tags: BTreeMap::new(),
        via: Vec::new(),
    }
}

/// A role; what it leaves out is as in `base`.
pub(super) fn read(node: &Node, base: &RoleConfig, context: &mut Context<'_>) -> RoleConfig {
    let mut role = base.clone();
    if !context.keys(node, "role", KEYS) {
        return role;
    }
    if let Some(name) = context.text(node, "name") {
        let bare = name.value.strip_prefix('/').unwrap_or(&name.value).to_owned();
        if name.value.starts_with("arn:") {
            let message = format!("`{}` is an ARN", name.written);
            context.report.error(name.span, "bad-role-name", message).hint("write the name: the role has it in every account");
        } else if context.passes(&name, ("bad-role-name", "a role name"), |_| syntax::role_name(&bare)).is_some() {
            role.name = bare;
        }
    }
    if let Some(id) = external_id(node, context) {
        role.external_id = Some(id);
    }
    if let Some(text) = context.substituted(node, "session-name")
        && context.passes(&text, ("bad-session-name", "a session name"), syntax::session_name).is_some()
    {
        role.session_name = text.value;
    }
    if let Some(duration) = context.duration(node, "duration", SESSION_MIN..=SESSION_MAX) {
        role.duration = duration;
    }
    if let Some(tags) = context.value(node, "session-tags") {
        role.session_tags = session_tags(tags, context);
    }
    if context.value(node, "via").is_some() {
        role.via = via(node, context);
    }
    warn_of_long_chains(node, &role, context);
    role
}

/// The ARN of a role as a text, or a map with its ARN and external id.
pub(super) fn organization_role(node: &Node, base: &RoleConfig, context: &mut Context<'_>) -> Option<OrganizationRole> {
    let step = step(node, &["arn", "external-id", "via"], "role", context);
    let own = matches!(node.value, Yaml::Map(_)) && context.value(node, "via").is_some();
    let via = if own { via(node, context) } else { base.via.clone() };
    Some(OrganizationRole { step: step?, via })
}

fn via(node: &Node, context: &mut Context<'_>) -> Vec<RoleStep> {
    let steps = context.items(node, "via");
    steps.iter().filter_map(|item| step(item, &["arn", "external-id"], "via", context)).collect()
}

fn step(node: &Node, keys: &[&str], key: &str, context: &mut Context<'_>) -> Option<RoleStep> {
    let (arn, external_id) = match &node.value {
        Yaml::Scalar { .. } => (context.replaced(node, key)?, None),
        Yaml::Map(_) => {
            context.keys(node, key, keys);
            context.require(node, "arn", "the role's ARN, such as `arn:aws:iam::111122223333:role/Name`");
            let id = external_id(node, context);
            (context.substituted(node, "arn")?, id)
        }
        Yaml::List(_) => {
            reader::wrong_kind(node, key, "the ARN of a role, or a map with `arn`", &mut context.report);
            return None;
        }
    };
    context.passes(&arn, ("bad-arn", "the ARN of a role"), syntax::role_arn)?;
    context.arn_in_partition(&arn).then_some(RoleStep { arn: arn.value, external_id })
}

/// Messages about it never quote it, not even as the file writes it.
fn external_id(node: &Node, context: &mut Context<'_>) -> Option<ExternalId> {
    let text = context.substituted(node, "external-id")?;
    match syntax::external_id(&text.value) {
        Ok(()) => Some(ExternalId::new(text.value)),
        Err(why) => {
            context.report.error(text.span, "bad-external-id", "`external-id` is not an external id").hint(why);
            None
        }
    }
}

fn session_tags(node: &Node, context: &mut Context<'_>) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    for (key, value) in context.entries(node, "session-tags") {
        let Some(value) = context.literal(value, &key.value) else { continue };
        let key_is_good = context.passes(&key, ("bad-tag", "a key of a session tag"), syntax::tag_key);
        let value_is_good = context.passes(&value, ("bad-tag", "a value of a session tag"), syntax::tag_value);
        // AWS tells keys apart by their letters only, whatever their case.
        let folded = key.value.to_lowercase();
        if tags.keys().any(|other: &String| other.to_lowercase() == folded) {
            let message = format!("the session tag `{}` stands twice: keys differ in more than case", key.written);
            context.report.error(key.span, "duplicate-tag", message).hint("keep one of them");
        } else if key_is_good.and(value_is_good).is_some() {
            tags.insert(key.value, value.value);
        }
    }
    if tags.len() > MAX_SESSION_TAGS {
        let message = format!("{} session tags; AWS accepts {MAX_SESSION_TAGS}", tags.len());
        context.report.error(node.span, "too-many-tags", message).hint("keep those that a policy reads");
    }
    tags
}

fn warn_of_long_chains(node: &Node, role: &RoleConfig, context: &mut Context<'_>) {
    let Some(place) = context.value(node, "duration").or_else(|| context.value(node, "via")).map(|value| value.span) else {
        return;
    };
    if !role.via.is_empty() && role.duration > CHAINED_SESSION {
        let duration = syntax::write_duration(role.duration);
        context
            .report
            .warning(place, "chained-session", format!("a session of {duration} is longer than AWS gives after another role"))
            .hint("with `via` a session lasts one hour at most; it is refreshed in time, so write `duration: 1h`");
    }
}
