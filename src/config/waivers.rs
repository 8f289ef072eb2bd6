//! Files with waivers: findings that somebody accepts, for a reason, for a time.

use std::path::Path;

use assize_engine::diagnostic::{Report, Span};
use assize_engine::policy::{matches_glob, reader};
use assize_engine::yaml::{Node, Yaml};

use super::context::{Context, Text};
use super::{AccountSelector, ConfigError, NoteFile, policies, syntax};
use crate::estate::{Account, selects};

const KEYS: &[&str] = &["policy", "scope", "reason", "owner", "approver", "ticket", "created", "expires"];

const SCOPE: &[&str] = &["account", "env", "tags", "region", "group", "finding"];

/// A waiver is looked at again after this many days at the latest; a longer one is a warning.
const LONG: i64 = 366;

const DAY: i64 = 86_400;

/// Findings that somebody accepts for a time.
#[derive(Clone, Debug)]
pub(crate) struct Waiver {
    /// Id of the policy.
    pub(crate) policy: String,
    /// What it is limited to.
    pub(crate) scope: WaiverScope,
    /// Why.
    pub(crate) reason: String,
    /// Who will see to its end.
    pub(crate) owner: String,
    /// Who accepts it; never the owner.
    pub(crate) approver: String,
    /// Ticket; empty if there is none.
    pub(crate) ticket: String,
    /// The first second of the day from which it counts, since 1970 UTC.
    pub(crate) created: i64,
    /// The first second of the day from which it counts no more.
    pub(crate) expires: i64,
    /// The file, as the configuration names it.
    pub(crate) file: String,
    /// Where it stands in the file.
    pub(crate) span: Span,
}

/// What a waiver is limited to: each part that is not empty must hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct WaiverScope {
    /// The accounts.
    pub(crate) accounts: AccountSelector,
    /// The regions.
    pub(crate) regions: Vec<String>,
    /// Values that the policy groups by: field, and patterns in which `*` stands for any text.
    pub(crate) group: Vec<(String, Vec<String>)>,
    /// Fingerprints of findings.
    pub(crate) findings: Vec<String>,
}

/// A finding, as far as a waiver asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WaivedFinding<'a> {
    /// Id of its policy.
    pub(crate) policy: &'a str,
    /// Its fingerprint.
    pub(crate) fingerprint: &'a str,
    /// Account id.
    pub(crate) account: &'a str,
    /// Region.
    pub(crate) region: &'a str,
    /// Fields that the policy groups by, with their values.
    pub(crate) group: &'a [(&'a str, Option<&'a str>)],
}

impl Waiver {
    /// Whether it speaks of a finding. `known`: the finding's account, if it is in scope.
    pub(crate) fn speaks_of(&self, finding: &WaivedFinding<'_>, known: Option<&Account>) -> bool {
        let WaiverScope { accounts, regions, group, findings } = &self.scope;
        let grouped = |(field, patterns): &(String, Vec<String>)| {
            let value = finding.group.iter().find(|(name, _)| name == field).and_then(|(_, value)| *value);
            value.is_some_and(|value| patterns.iter().any(|pattern| matches_glob(pattern, value)))
        };
        self.policy == finding.policy
            && selects(accounts, finding.account, known)
            && (regions.is_empty() || regions.iter().any(|region| region == finding.region))
            && group.iter().all(grouped)
            && (findings.is_empty() || findings.iter().any(|own| own == finding.fingerprint))
    }

    /// What it is limited to, in words.
    pub(crate) fn scope_words(&self) -> String {
        let WaiverScope { accounts, regions, group, findings } = &self.scope;
        let named = |name: &str, values: &[String]| (!values.is_empty()).then(|| format!("{name} {}", values.join(", ")));
        let mut parts: Vec<String> = Vec::new();
        parts.extend(named("account", &accounts.ids));
        parts.extend(named("environment", &accounts.envs));
        parts.extend(accounts.tags.iter().filter_map(|(tag, values)| named(&format!("tag {tag}"), values)));
        parts.extend(named("region", regions));
        parts.extend(group.iter().filter_map(|(field, values)| named(field, values)));
        parts.extend(named("finding", findings));
        parts.join("; ")
    }
}

/// Reads a file of waivers.
///
/// # Errors
/// It cannot be read, or has mistakes: all of them.
pub(crate) fn read(path: &Path) -> Result<NoteFile<Waiver>, ConfigError> {
    super::note_file(path, "waivers", one)
}

fn one(node: &Node, context: &mut Context<'_>, file: &str) -> Option<Waiver> {
    if !matches!(node.value, Yaml::Map(_)) {
        reader::wrong_kind(node, "waivers", "a list of maps", &mut context.report);
        return None;
    }
    context.keys(node, "waivers", KEYS);
    context.require(node, "policy", "the id of the policy whose findings are accepted");
    context.require(node, "scope", "what it is limited to: account, env, tags, region, group or finding");
    context.require(node, "reason", "why it is accepted; printed in every report");
    context.require(node, "owner", "who will see to its end");
    context.require(node, "approver", "who accepts it; somebody other than the owner");
    context.require(node, "created", "the day from which it counts, such as 2026-04-01");
    context.require(node, "expires", "the day from which it counts no more, such as 2026-07-01");
    let scope = context.value(node, "scope").and_then(|scope| self::scope(scope, context));
    let policy = context.text(node, "policy");
    if let Some(policy) = &policy {
        policies::note(std::slice::from_ref(policy), super::NameKind::Policy, context);
    }
    let (reason, owner, approver) = (context.text(node, "reason"), context.text(node, "owner"), context.text(node, "approver"));
    let ticket = context.text(node, "ticket").map(|text| text.value).unwrap_or_default();
    let mut day = |key| {
        let text = context.text(node, key)?;
        Some((context.passes(&text, ("bad-date", "a date"), syntax::date)?, text.span))
    };
    let (created, expires) = (day("created"), day("expires"));
    if let (Some(owner), Some(approver)) = (&owner, &approver)
        && owner.value.eq_ignore_ascii_case(&approver.value)
    {
        let found = context.report.error(approver.span, "self-approved", "the approver is the owner".to_owned());
        found.hint("somebody else must accept it: that is what an approval is");
    }
    if let (Some((created, _)), Some((expires, span))) = (created, expires) {
        check_days(created, (expires, span), &mut context.report);
    }
    Some(Waiver {
        policy: policy?.value,
        scope: scope?,
        reason: reason?.value,
        owner: owner?.value,
        approver: approver?.value,
        ticket,
        created: created?.0,
        expires: expires?.0,
        file: file.to_owned(),
        span: node.span,
    })
}

fn check_days(created: i64, (expires, span): (i64, Span), report: &mut Report<'_>) {
    if expires <= created {
        report.error(span, "empty-period", "it expires before it counts").hint("`expires` is the first day after the last");
    } else if expires - created > LONG * DAY {
        let found = report.warning(span, "long-waiver", "it counts for more than a year");
        found.hint("what is accepted for ever is no exception: let it expire, and look at it again");
    }
}

fn scope(node: &Node, context: &mut Context<'_>) -> Option<WaiverScope> {
    if !context.keys(node, "scope", SCOPE) {
        return None;
    }
    let mut ids = context.texts(node, "account");
    ids.retain(|id| context.account_id(id));
    let mut findings = context.texts(node, "finding");
    findings.retain(|text| context.passes(text, ("bad-fingerprint", "a fingerprint"), syntax::fingerprint).is_some());
    let regions = texts(context.texts(node, "region"));
    let group = context.tag_filter(node, "group").into_iter().collect::<Vec<_>>();
    let accounts =
        AccountSelector { ids: texts(ids), envs: texts(context.texts(node, "env")), tags: context.tag_filter(node, "tags") };
    let scope = WaiverScope { accounts, regions, group, findings: texts(findings) };
    let WaiverScope { accounts, regions, group, findings } = &scope;
    if *accounts == AccountSelector::default() && regions.is_empty() && group.is_empty() && findings.is_empty() {
        if !context.report.has_errors() {
            let found = context.report.error(node.span, "no-scope", "it is limited to nothing".to_owned());
            found.hint("name an account at least; what no account must follow is better taken out of the policies");
        }
        return None;
    }
    Some(scope)
}

fn texts(texts: Vec<Text>) -> Vec<String> {
    texts.into_iter().map(|text| text.value).collect()
}
