//! Why a verdict is what it is: a document of its own, version 1, and its text for a terminal.

use std::fmt::Write as _;

use serde::Serialize;

use super::escape::terminal;
use super::v1::{Hole, ReasonHours};
use super::{scope, words};

/// Stretches of hours shown of one region.
const STRETCHES: usize = 12;

/// An explanation. Version 1: its fields are only ever added to.
#[derive(Debug, Serialize)]
pub(crate) struct Explanation {
    /// 1
    pub(crate) version: u32,
    /// Policy id.
    pub(crate) policy: String,
    /// Its title.
    pub(crate) title: String,
    /// Its level.
    pub(crate) level: &'static str,
    /// The account that was asked about.
    pub(crate) account: String,
    /// The region, if one was asked about.
    pub(crate) region: Option<String>,
    /// The verdicts that speak for it.
    pub(crate) judged: Vec<Judged>,
    /// The events that a PASS needs, in words.
    pub(crate) needs: String,
    /// The grade of evidence that a PASS needs.
    pub(crate) grade: &'static str,
    /// Time of the run that it rests on.
    pub(crate) as_of: String,
    /// First hour.
    pub(crate) since: String,
    /// First hour after those that count.
    pub(crate) horizon: String,
    /// Region-hours due.
    pub(crate) due: u64,
    /// Those covered for what the policy needs.
    pub(crate) covered: u64,
    /// By region.
    pub(crate) regions: Vec<Region>,
    /// What keeps hours from being covered.
    pub(crate) causes: Vec<Cause>,
    /// How many there are.
    pub(crate) causes_total: u64,
    /// Evaluated records of the policy's population in this place: if there is none, nothing could have matched.
    pub(crate) population: u64,
    /// What the population is.
    pub(crate) population_of: String,
    /// Records that matched, the first twenty.
    pub(crate) matches: Vec<Record>,
    /// How many matched.
    pub(crate) matches_total: u64,
    /// Records anywhere in the scope that could not be judged, the first twenty.
    pub(crate) not_evaluable: Vec<Record>,
    /// How many there are.
    pub(crate) not_evaluable_total: u64,
}

/// A verdict.
#[derive(Debug, Serialize)]
pub(crate) struct Judged {
    /// The account; none: the organisation.
    pub(crate) account: Option<String>,
    /// The region; none: all.
    pub(crate) region: Option<String>,
    /// `PASS`, `FAIL`, `UNKNOWN` or `NOT_APPLICABLE`.
    pub(crate) verdict: &'static str,
    /// Why it is not known.
    pub(crate) unknown: Vec<ReasonHours>,
    /// The weakest grade of evidence behind it.
    pub(crate) grade: Option<&'static str>,
}

/// A region of the account.
#[derive(Debug, Serialize)]
pub(crate) struct Region {
    /// Its name.
    pub(crate) region: String,
    /// Hours due.
    pub(crate) due: u64,
    /// Those covered.
    pub(crate) covered: u64,
    /// Why others are not.
    pub(crate) unknown: Vec<ReasonHours>,
    /// Which hours these are.
    pub(crate) holes: Vec<Hole>,
    /// How many stretches there are.
    pub(crate) holes_total: u64,
}

/// Something that keeps hours from being covered.
#[derive(Debug, Serialize)]
pub(crate) struct Cause {
    /// Code.
    pub(crate) reason: String,
    /// An account and region, or an object.
    pub(crate) what: String,
    /// What is wrong, and what to do.
    pub(crate) message: String,
}

/// A record and where its bytes are.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    /// Event time.
    pub(crate) time: String,
    /// Event id; empty if it has none.
    pub(crate) event_id: String,
    /// Key in the audit bucket, or `s3://bucket/key` where it is read in place.
    pub(crate) object: String,
    /// Zero-based number in the object.
    pub(crate) record: u64,
    /// Where it begins in the inflated object, bytes.
    pub(crate) offset: u64,
    /// Its length, bytes.
    pub(crate) length: u64,
}

/// As text.
pub(crate) fn text(it: &Explanation) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        // Keys, names and messages come from logs and from AWS.
        writeln!(out, "{}", terminal(text)).expect("writing to memory cannot fail");
    };
    line(&format!("{} ({}): {}", it.policy, it.level, it.title));
    for judged in &it.judged {
        line(&verdict(judged));
    }
    line(&format!("it needs {}, on {} evidence", it.needs, it.grade));
    let period = format!("hours from {} up to {}", words::time(&it.since), words::time(&it.horizon));
    line(&format!("{period}, as of the run at {}", words::time(&it.as_of)));
    let share = format!("{} of {}", words::count(it.covered), words::plural(it.due, "region-hour", "region-hours"));
    line("");
    line(&format!("covered: {share} ({})", scope::percent(it.covered, it.due)));
    for region in &it.regions {
        region_lines(region, &mut line);
    }
    if it.causes_total > 0 {
        line("");
        line("what stands in the way");
        for cause in &it.causes {
            line(&format!("  {} {}", cause.reason, cause.what));
            line(&format!("    {}", cause.message));
        }
        more(it.causes_total, it.causes.len(), &mut line);
    }
    line("");
    line(&format!("population: {} {}", words::count(it.population), it.population_of));
    if it.population == 0 {
        line("  nothing of it was seen, so nothing could have matched");
    }
    records("matched", &it.matches, it.matches_total, &mut line);
    records("could not be judged, because AWS left a field out", &it.not_evaluable, it.not_evaluable_total, &mut line);
    out
}

fn verdict(judged: &Judged) -> String {
    let place = match (&judged.account, &judged.region) {
        (Some(account), Some(region)) => format!("{account} {region}"),
        (Some(account), None) => account.clone(),
        _ => "the organisation".to_owned(),
    };
    let why = if judged.unknown.is_empty() { String::new() } else { format!(": {}", scope::reasons(&judged.unknown)) };
    let grade = judged.grade.map(|grade| format!(", on {grade} evidence")).unwrap_or_default();
    let grade = if judged.verdict == "PASS" { grade } else { String::new() };
    format!("{} for {place}{grade}{why}", judged.verdict)
}

fn region_lines(region: &Region, line: &mut impl FnMut(&str)) {
    let why = if region.unknown.is_empty() { String::new() } else { format!(": {}", scope::reasons(&region.unknown)) };
    line(&format!("  {}: {} of {} h{why}", region.region, words::count(region.covered), words::count(region.due)));
    for hole in region.holes.iter().take(STRETCHES) {
        line(&format!("    {}: {}", words::period(&hole.since, &hole.until), hole.reason));
    }
    more(region.holes_total, region.holes.len().min(STRETCHES), line);
}

fn records(what: &str, shown: &[Record], total: u64, line: &mut impl FnMut(&str)) {
    if total == 0 {
        return;
    }
    line(&format!("{} {what}", words::plural(total, "record", "records")));
    for one in shown {
        line(&format!("  {}  {}", words::time(&one.time), one.event_id));
        line(&format!("    {} record {}, bytes {} to {}", one.object, one.record, one.offset, one.offset + one.length));
    }
    more(total, shown.len(), line);
}

fn more(total: u64, shown: usize, line: &mut impl FnMut(&str)) {
    let left = total.saturating_sub(shown as u64);
    if left > 0 {
        line(&format!("    and {} more", words::count(left)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_in_a_terminal() {
        let unknown = |reason: &str, hours| ReasonHours { reason: reason.to_owned(), words: String::new(), hours };
        let hole = |since: &str, until: &str| Hole {
            since: format!("2026-10-{since}:00:00Z"),
            until: format!("2026-10-{until}:00:00Z"),
            reason: "digest-missing".to_owned(),
        };
        let it = Explanation {
            version: 1,
            policy: "root-user-used".to_owned(),
            title: "The root user was used\u{1b}[31m".to_owned(),
            level: "critical",
            account: "111122223333".to_owned(),
            region: None,
            judged: vec![Judged {
                account: Some("111122223333".to_owned()),
                region: None,
                verdict: "UNKNOWN",
                unknown: vec![unknown("digest-missing", 4)],
                grade: Some("verified"),
            }],
            needs: "management events, read and write".to_owned(),
            grade: "verified",
            as_of: "2026-10-31T12:00:00Z".to_owned(),
            since: "2026-10-01T00:00:00Z".to_owned(),
            horizon: "2026-10-31T00:00:00Z".to_owned(),
            due: 720,
            covered: 716,
            regions: vec![Region {
                region: "eu-west-1".to_owned(),
                due: 720,
                covered: 716,
                unknown: vec![unknown("digest-missing", 4)],
                holes: vec![hole("12T02", "12T06")],
                holes_total: 1,
            }],
            causes: vec![Cause {
                reason: "digest-missing".to_owned(),
                what: "s3://logs/AWSLogs/digest.json.gz".to_owned(),
                message: "this digest is MISSING".to_owned(),
            }],
            causes_total: 2,
            population: 0,
            population_of: "events".to_owned(),
            matches: vec![],
            matches_total: 0,
            not_evaluable: vec![Record {
                time: "2026-10-02T00:00:00Z".to_owned(),
                event_id: "id".to_owned(),
                object: "evidence/aws/logs/key.json.gz".to_owned(),
                record: 3,
                offset: 100,
                length: 20,
            }],
            not_evaluable_total: 1,
        };
        insta::assert_snapshot!(text(&it));
        assert_eq!(serde_json::to_value(&it).map(|json| json["version"] == 1).ok(), Some(true));
    }
}
