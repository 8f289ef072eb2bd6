//! What policies would have found: a document of its own, version 1, and its text for a terminal.

use serde::Serialize;

use super::escape::terminal;
use super::prose::Prose;
use super::v1::ReasonHours;
use super::{scope, words};

/// Version of the document.
pub(crate) const VERSION: u32 = 1;

/// A backtest. Version 1: its fields are only ever added to.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Backtest {
    /// 1
    pub(crate) version: u32,
    /// Events before this were left out, if set.
    pub(crate) since: Option<String>,
    /// Events at or after this were left out, if set.
    pub(crate) until: Option<String>,
    /// Time of the first event that was evaluated.
    pub(crate) first: Option<String>,
    /// Time of the last.
    pub(crate) last: Option<String>,
    /// Days (UTC) from the first event to the last, both included.
    pub(crate) days: u64,
    /// Whether everything could be read.
    pub(crate) complete: bool,
    /// Objects that were read.
    pub(crate) objects_read: u64,
    /// Objects that could not be read, or not to their end.
    pub(crate) objects_failed: u64,
    /// Records that were read.
    pub(crate) records_read: u64,
    /// Those that were put to the policies, each once.
    pub(crate) records_evaluated: u64,
    /// Those that are not records.
    pub(crate) records_malformed: u64,
    /// How much cannot be taken at face value: what failed, is not there, or was altered, and event ids with different bytes.
    pub(crate) problems: u64,
    /// What is known of the period, where an audit bucket was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) coverage: Option<Coverage>,
    /// Most findings first.
    pub(crate) policies: Vec<Backtested>,
}

/// What one policy would have found.
#[derive(Debug, Serialize)]
pub(crate) struct Backtested {
    /// Policy id.
    pub(crate) id: String,
    /// What the configuration has to say before anything is looked for; for the text alone.
    #[serde(skip)]
    pub(crate) lacking: Vec<String>,
    /// Its level.
    pub(crate) level: &'static str,
    /// Its title.
    pub(crate) title: String,
    /// Findings.
    pub(crate) findings: u64,
    /// Records that match.
    pub(crate) matches: u64,
    /// Records that could not be judged, because AWS left a field out.
    pub(crate) not_evaluable: u64,
    /// Evaluated records of its population.
    pub(crate) population: u64,
    /// What the population is.
    pub(crate) population_of: String,
    /// The hours in which trails recorded what it looks at, where an audit bucket was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) coverage: Option<Coverage>,
    /// Days with matches, in order.
    pub(crate) days: Vec<Day>,
    /// The five accounts with most matches.
    pub(crate) accounts: Vec<Account>,
    /// How many accounts there are.
    pub(crate) accounts_total: u64,
    /// Matches by environment; empty if no configuration says which account is in which.
    pub(crate) environments: Vec<Share>,
    /// The five actors with most matches: ARN, or the service that called for somebody.
    pub(crate) actors: Vec<Share>,
    /// How many actors there are.
    pub(crate) actors_total: u64,
    /// The single values that most matches have in common.
    pub(crate) sources: Vec<Source>,
    /// A filter that would take the first of them out that says who called or from where; none if it is less than a fifth.
    pub(crate) filter: Option<Filter>,
}

/// Account-region-hours of a period, and what is known of them.
#[derive(Debug, Serialize)]
pub(crate) struct Coverage {
    /// "Of 8,640 account-region-hours due, …"
    pub(crate) statement: String,
    /// Hours that are due.
    pub(crate) hours_due: u64,
    /// Those of which everything was taken, proven to be all or not.
    pub(crate) hours_delivered: u64,
    /// Those that are covered at the asked grade of evidence.
    pub(crate) hours_covered: u64,
    /// Why the others are not covered, most hours first.
    pub(crate) unknown: Vec<ReasonHours>,
}

/// A day with matches.
#[derive(Debug, Serialize)]
pub(crate) struct Day {
    /// `2026-10-01`, UTC.
    pub(crate) day: String,
    /// Records that match.
    pub(crate) matches: u64,
    /// Findings that begin on it.
    pub(crate) findings: u64,
}

/// An account and its matches.
#[derive(Debug, Serialize)]
pub(crate) struct Account {
    /// Account id.
    pub(crate) account: String,
    /// Its name, if a configuration lists it.
    pub(crate) name: Option<String>,
    /// Records that match.
    pub(crate) matches: u64,
}

/// A value and its matches.
#[derive(Debug, Serialize)]
pub(crate) struct Share {
    /// The value.
    pub(crate) value: String,
    /// Records that match.
    pub(crate) matches: u64,
}

/// A field's value, and how many matches have it.
#[derive(Debug, Serialize)]
pub(crate) struct Source {
    /// The field.
    pub(crate) field: String,
    /// Its value.
    pub(crate) value: String,
    /// Records that match.
    pub(crate) matches: u64,
}

/// A filter, and what it would leave.
#[derive(Debug, Serialize)]
pub(crate) struct Filter {
    /// The field that it asks for.
    pub(crate) field: String,
    /// The value that it takes out.
    pub(crate) value: String,
    /// Findings without it.
    pub(crate) findings_of: u64,
    /// Findings with it.
    pub(crate) findings_left: u64,
    /// Matches without it.
    pub(crate) matches_of: u64,
    /// Matches with it.
    pub(crate) matches_left: u64,
    /// The Sigma filter document, as YAML.
    pub(crate) document: String,
}

/// As text, for a terminal of so many columns.
pub(crate) fn text(it: &Backtest, width: usize) -> String {
    let mut prose = Prose::new(width);
    let (fired, quiet): (Vec<&Backtested>, Vec<&Backtested>) = it.policies.iter().partition(|policy| policy.matches > 0);
    let (unset, quiet): (Vec<&Backtested>, Vec<&Backtested>) = quiet.into_iter().partition(|policy| !policy.lacking.is_empty());
    for policy in fired {
        prose.gap();
        one(policy, it, width, &mut prose);
    }
    prose.gap();
    let blind = |policy: &&Backtested| policy.coverage.as_ref().is_some_and(|it| it.hours_delivered == 0 && it.hours_due > 0);
    let (blind, quiet): (Vec<&Backtested>, Vec<&Backtested>) = quiet.into_iter().partition(blind);
    if !quiet.is_empty() {
        let ids: Vec<&str> = quiet.iter().map(|policy| policy.id.as_str()).collect();
        let policies = words::plural(quiet.len() as u64, "policy", "policies");
        prose.paragraph(0, &format!("{policies} would not have fired: {}", ids.join(", ")));
    }
    if !unset.is_empty() {
        let ids: Vec<String> = unset.iter().map(|policy| format!("{} ({})", policy.id, policy.lacking.join(", "))).collect();
        let policies = words::plural(unset.len() as u64, "policy needs", "policies need");
        prose.paragraph(0, &format!("{policies} configuration before anything is looked for: {}", ids.join(", ")));
    }
    if !blind.is_empty() {
        let ids: Vec<&str> = blind.iter().map(|policy| policy.id.as_str()).collect();
        let policies = words::plural(blind.len() as u64, "policy has", "policies have");
        let said = "no hour of which all that is looked at was recorded and kept, so nothing can be said";
        prose.paragraph(0, &format!("{policies} {said}: {}", ids.join(", ")));
    }
    let objects = words::plural(it.objects_read, "object", "objects");
    let records = words::plural(it.records_evaluated, "record", "records");
    let period = it.first.as_ref().zip(it.last.as_ref()).map(|(first, last)| format!(", {}", words::period(first, last)));
    prose.paragraph(0, &format!("{records} of {objects}{}", period.unwrap_or_default()));
    if let Some(coverage) = &it.coverage {
        prose.paragraph(0, &coverage.statement);
    }
    if !it.complete {
        let failed = words::plural(it.objects_failed, "object", "objects");
        let malformed = words::plural(it.records_malformed, "malformed record", "malformed records");
        let problems = words::plural(it.problems, "problem", "problems");
        prose.paragraph(0, &format!("INCOMPLETE: not everything could be read ({failed} failed, {malformed}, {problems})"));
    }
    prose.finish()
}

fn one(policy: &Backtested, of: &Backtest, width: usize, prose: &mut Prose) {
    prose.line(&format!("{} ({}): {}", policy.id, policy.level, policy.title));
    let findings = words::plural(policy.findings, "finding", "findings");
    let matches = words::plural(policy.matches, "match", "matches");
    let days = words::plural(of.days, "day", "days");
    let population = format!("{} {}", words::count(policy.population), policy.population_of);
    prose.paragraph(
        2,
        &format!("{findings} from {matches} in {days} ({} a day), of {population}", rate(policy.findings, of.days)),
    );
    if policy.not_evaluable > 0 {
        let records = words::plural(policy.not_evaluable, "record", "records");
        prose.paragraph(2, &format!("{records} could not be judged, because AWS left a field out"));
    }
    // What all policies lack is said once, below.
    let short = |it: &&Coverage| of.coverage.as_ref().is_none_or(|all| it.hours_covered < all.hours_covered);
    if let Some(coverage) = policy.coverage.as_ref().filter(short) {
        prose.paragraph(2, &coverage.statement);
    }
    by_day(policy, of, width, prose);
    let account = |account: &Account| match &account.name {
        Some(name) => (format!("{} ({name})", account.account), account.matches),
        None => (account.account.clone(), account.matches),
    };
    let share = |share: &Share| (share.value.clone(), share.matches);
    let source = |source: &Source| (format!("{}: {}", source.field, source.value), source.matches);
    let sections = [
        ("by account", policy.accounts.iter().map(account).collect::<Vec<_>>(), policy.accounts_total),
        ("by environment", policy.environments.iter().map(share).collect(), policy.environments.len() as u64),
        ("by actor", policy.actors.iter().map(share).collect(), policy.actors_total),
        ("what most matches have in common", policy.sources.iter().map(source).collect(), policy.sources.len() as u64),
    ];
    for (heading, rows, total) in sections.into_iter().filter(|(_, rows, _)| !rows.is_empty()) {
        prose.paragraph(2, heading);
        for (value, matches) in &rows {
            let text = words::shorten(&terminal(value), width.saturating_sub(28).max(20));
            prose.line(&format!("    {:>8}  {:>9}  {text}", scope::percent(*matches, policy.matches), words::count(*matches)));
        }
        let left = total.saturating_sub(rows.len() as u64);
        if left > 0 {
            prose.line(&format!("    and {} more", words::count(left)));
        }
    }
    match &policy.filter {
        Some(filter) => suggestion(filter, prose),
        None => prose.paragraph(2, "no caller and no address makes up a fifth of it, so no filter is suggested"),
    }
}

fn suggestion(filter: &Filter, prose: &mut Prose) {
    let left = format!("{} of {}", words::count(filter.findings_left), words::plural(filter.findings_of, "finding", "findings"));
    let matches = format!("{} of {}", words::count(filter.matches_left), words::plural(filter.matches_of, "match", "matches"));
    prose.paragraph(2, &format!("if {} is known and harmless, this filter leaves {left} and {matches}", filter.field));
    filter.document.lines().for_each(|line| prose.line(&format!("    {line}")));
}

/// Findings a day with one digit behind the point.
fn rate(findings: u64, days: u64) -> String {
    let tenths = u128::from(findings) * 10 / u128::from(days.max(1));
    if tenths == 0 && findings > 0 { "fewer than 0.1".to_owned() } else { format!("{}.{}", tenths / 10, tenths % 10) }
}

/// Heights of a bar, from nothing to all.
const BARS: [char; 9] = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One line of bars: a day each, or as many days as it takes to stay within the width.
fn by_day(policy: &Backtested, of: &Backtest, width: usize, prose: &mut Prose) {
    let number = |day: &str| assize_engine::time::parse(&format!("{day}T00:00:00Z")).map(|seconds| seconds.div_euclid(86_400));
    let day_of = |time: &Option<String>| time.as_deref().and_then(|time| number(time.split('T').next().unwrap_or_default()));
    let (Some(first), Some(last)) = (day_of(&of.first), day_of(&of.last)) else { return };
    let room = i64::try_from(width.saturating_sub(20)).unwrap_or(60).clamp(20, 60);
    let step = (last - first).div_euclid(room) + 1;
    let mut counts = vec![0_u64; usize::try_from((last - first).div_euclid(step) + 1).unwrap_or(0)];
    for day in &policy.days {
        let at = number(&day.day).and_then(|number| usize::try_from((number - first).div_euclid(step)).ok());
        if let Some(count) = at.and_then(|at| counts.get_mut(at)) {
            *count += day.matches;
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let height = |count: u64| usize::try_from((count * 8).div_ceil(most)).unwrap_or(8);
    let bars: String = counts.iter().filter_map(|count| BARS.get(height(*count))).collect();
    let each = if step == 1 { "a day".to_owned() } else { format!("in {step} days") };
    prose.line(&format!("  {bars}  at most {} {each}", words::plural(most, "match", "matches")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_one_digit() {
        assert_eq!([rate(0, 3), rate(1, 3), rate(1, 31), rate(62, 31)], ["0.0", "0.3", "fewer than 0.1", "2.0"]);
    }
}
