//! What bounds a run: `limits`, `relist`, `event-history` and `judge`.

use std::time::Duration;

use assize_engine::policy::Evidence;
use assize_engine::yaml::Node;

use super::context::Context;
use super::model::{EventHistoryConfig, JudgeConfig, Limits, RelistConfig};
use super::syntax;

const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;
const DECADE: u32 = 3_650;

pub(super) fn limits(root: &Node, context: &mut Context<'_>) -> Limits {
    let mut limits = Limits { concurrency: 64, max_requests: None, max_object: 2 << 30, deadline: None };
    let Some(node) = context.value(root, "limits") else { return limits };
    if !context.keys(node, "limits", &["concurrency", "max-requests", "max-object", "deadline"]) {
        return limits;
    }
    limits.concurrency = context.small_number(node, "concurrency", 1..=1_024).unwrap_or(limits.concurrency);
    limits.max_requests = context.number(node, "max-requests", 1..=1_000_000_000_000);
    limits.deadline = context.duration(node, "deadline", Duration::from_secs(MINUTE)..=Duration::from_secs(7 * DAY));
    if let Some(text) = context.text(node, "max-object")
        && let Some(bytes) = context.passes(&text, ("bad-size", "a size"), syntax::size)
    {
        if bytes < 1 << 20 {
            let message = format!("`max-object` must be at least 1MiB, not `{}`", text.written);
            context.report.error(text.span, "bad-size", message).hint("log objects of ordinary accounts reach 50 MB compressed");
        } else {
            limits.max_object = bytes;
        }
    }
    limits
}

pub(super) fn relist(root: &Node, context: &mut Context<'_>) -> RelistConfig {
    let default = RelistConfig { each_run: 2, daily: 7, weekly: 30 };
    let Some(node) = context.value(root, "relist") else { return default };
    if !context.keys(node, "relist", &["each-run", "daily", "weekly"]) {
        return default;
    }
    let mut days = |key, default| context.small_number(node, key, 1..=DECADE).unwrap_or(default);
    let relist = RelistConfig {
        each_run: days("each-run", default.each_run),
        daily: days("daily", default.daily),
        weekly: days("weekly", default.weekly),
    };
    if relist.each_run > relist.daily || relist.daily > relist.weekly {
        let RelistConfig { each_run, daily, weekly } = relist;
        let message = format!("`relist` must not reach less far the rarer it is: {each_run}, {daily}, {weekly} days");
        let hint = "each-run ≤ daily ≤ weekly; what is left out is 2, 7 and 30";
        context.report.error(node.span, "not-ascending", message).hint(hint);
    }
    relist
}

pub(super) fn event_history(root: &Node, context: &mut Context<'_>) -> EventHistoryConfig {
    let default = EventHistoryConfig { max_accounts: 5 };
    let Some(node) = context.value(root, "event-history") else { return default };
    if !context.keys(node, "event-history", &["max-accounts"]) {
        return default;
    }
    let max_accounts = context.small_number(node, "max-accounts", 0..=100_000).unwrap_or(default.max_accounts);
    EventHistoryConfig { max_accounts }
}

pub(super) fn judge(root: &Node, context: &mut Context<'_>) -> JudgeConfig {
    let hours = |hours| Duration::from_secs(hours * HOUR);
    let (period, evidence) = (Duration::from_secs(7 * DAY), Evidence::Verified);
    let mut judge = JudgeConfig { settle: hours(1), horizon: hours(3), period, evidence, tracers: true };
    let Some(node) = context.value(root, "judge") else { return judge };
    if !context.keys(node, "judge", &["settle", "horizon", "period", "evidence", "tracers"]) {
        return judge;
    }
    judge.settle = context.duration(node, "settle", Duration::ZERO..=hours(48)).unwrap_or(judge.settle);
    judge.horizon = context.duration(node, "horizon", Duration::ZERO..=hours(7 * 24)).unwrap_or(judge.horizon);
    let decade = Duration::from_secs(u64::from(DECADE) * DAY);
    judge.period = context.duration(node, "period", hours(1)..=decade).unwrap_or(judge.period);
    let grades = [("verified", Evidence::Verified), ("delivered", Evidence::Delivered)];
    judge.evidence = context.choice(node, "evidence", &grades).unwrap_or(judge.evidence);
    judge.tracers = context.choice(node, "tracers", &[("true", true), ("false", false)]).unwrap_or(judge.tracers);
    if judge.horizon < judge.settle {
        let (horizon, settle) = (syntax::write_duration(judge.horizon), syntax::write_duration(judge.settle));
        let message = format!("`horizon` ({horizon}) is shorter than `settle` ({settle})");
        let hint = "hours would be due before they can be complete: every run would be incomplete";
        context.report.error(node.span, "horizon-before-settle", message).hint(hint);
    }
    judge
}
