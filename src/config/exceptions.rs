//! `exceptions`: holes in coverage that somebody owns, for a reason, until a day. They stay in the denominator and in every report.

use assize_engine::coverage::Reason;
use assize_engine::policy::reader;
use assize_engine::yaml::{Node, Yaml};

use super::context::Context;
use super::model::CoverageException;
use super::syntax;

const KEYS: &[&str] = &["accounts", "regions", "reasons", "since", "until", "reason", "owner", "expires"];

pub(super) fn read(root: &Node, context: &mut Context<'_>) -> Vec<CoverageException> {
    context.items(root, "exceptions").iter().filter_map(|item| one(item, context)).collect()
}

fn one(node: &Node, context: &mut Context<'_>) -> Option<CoverageException> {
    if !matches!(node.value, Yaml::Map(_)) {
        reader::wrong_kind(node, "exceptions", "a list of maps", &mut context.report);
        return None;
    }
    context.keys(node, "exceptions", KEYS);
    context.require(node, "accounts", "the ids of the accounts whose hours may lack");
    context.require(node, "reason", "why it is accepted; printed in every report");
    context.require(node, "owner", "who answers for it");
    context.require(node, "expires", "the day from which it counts no more, such as 2026-12-31");
    let mut accounts = context.texts(node, "accounts");
    accounts.retain(|id| context.account_id(id));
    let mut regions = context.texts(node, "regions");
    regions.retain(|region| context.region_name(region));
    let reasons = reasons(node, context);
    let mut day = |key| context.text(node, key).and_then(|text| context.passes(&text, ("bad-date", "a date"), syntax::date));
    let (since, until, expires) = (day("since"), day("until"), day("expires"));
    let (reason, owner) = (context.text(node, "reason"), context.text(node, "owner"));
    let plain = |texts: Vec<super::context::Text>| texts.into_iter().map(|text| text.value).collect::<Vec<String>>();
    let (accounts, regions) = (plain(accounts), plain(regions));
    let (reason, owner) = (reason?.value, owner?.value);
    (!accounts.is_empty()).then_some(CoverageException {
        accounts,
        regions,
        reasons,
        since,
        until,
        reason,
        owner,
        expires: expires?,
    })
}

/// Codes of reasons.
fn reasons(node: &Node, context: &mut Context<'_>) -> Vec<Reason> {
    let mut found = Vec::new();
    for text in context.texts(node, "reasons") {
        match Reason::named(&text.value) {
            Some(reason) => found.push(reason),
            None => {
                let message = format!("`{}` is no reason for a hole in coverage", text.written);
                let codes: Vec<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
                context.report.error(text.span, "unknown-reason", message).hint(format!("one of {}", codes.join(", ")));
            }
        }
    }
    found
}
