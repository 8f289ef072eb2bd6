//! One thing to tell: a finding that is new, came back or is over; coverage that became incomplete; tampering.

use std::collections::BTreeSet;

use assize_engine::policy::Level;
use serde::{Deserialize, Serialize};

use crate::estate::Estate;
use crate::exit::Exit;
use crate::report::v1;
use crate::state::sha256;

/// The longest text of a field, in characters. Whoever writes into a log may write much.
const MAX_FIELD: usize = 300;

/// The longest sentence.
const MAX_SENTENCE: usize = 600;

/// What became of it. In the order in which things are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Event {
    /// Evidence is not what AWS delivered.
    Tampering,
    /// Not everything could be read or judged, as it could before.
    Incomplete,
    /// A finding that no run reported before.
    New,
    /// A finding: the same happened before and had ended.
    Reopened,
    /// A finding that is over.
    Recovered,
    /// Nothing happened: somebody tries whether messages arrive.
    Test,
}

impl Event {
    /// As messages write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Event::Tampering => "tampering",
            Event::Incomplete => "incomplete",
            Event::New => "new",
            Event::Reopened => "reopened",
            Event::Recovered => "recovered",
            Event::Test => "test",
        }
    }
}

/// Something to tell. What waits for the next run is kept in the state as this: version 1 of [`super::memory::Memory`]. Texts are
/// as they stand in the document, cut where they are long; each receiver's form escapes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Item {
    /// What became of it.
    pub(crate) event: Event,
    /// What is remembered once it is told.
    pub(crate) keys: Vec<String>,
    /// Fingerprint of the finding; empty if it is none.
    pub(crate) fingerprint: String,
    /// Level.
    pub(crate) level: String,
    /// Policy id; empty if it is no finding.
    pub(crate) policy: String,
    /// What happened, in a line.
    pub(crate) title: String,
    /// Who did it; empty if it is not known.
    pub(crate) who: String,
    /// Account id; empty if it is about all.
    pub(crate) account: String,
    /// The account's name; empty if none is known.
    pub(crate) account_name: String,
    /// Region; empty if it is about all.
    pub(crate) region: String,
    /// What the policy groups by, as `field=value`.
    pub(crate) group: Vec<String>,
    /// Earliest match, or the time of the run.
    pub(crate) first_seen: String,
    /// Latest match, or the time of the run.
    pub(crate) last_seen: String,
    /// Matches.
    pub(crate) count: u64,
    /// How it fired, why it is in its state, or what is missing; a sentence.
    pub(crate) statement: String,
    /// What to do first; a sentence.
    pub(crate) remediation: String,
    /// Id of the run that found it so.
    pub(crate) run: String,
}

impl Item {
    /// Its level, to be compared.
    pub(crate) fn rank(&self) -> Level {
        super::level(&self.level)
    }
}

/// The findings that are new, came back, or are over since the run before, and that nobody accepted.
pub(crate) fn findings(document: &v1::Document, estate: &Estate, fixed: &BTreeSet<String>) -> Vec<Item> {
    let told = document.findings.iter().filter(|finding| !finding.is_accepted());
    let run = run_id(document);
    told.filter_map(|finding| {
        let event = match finding.life.as_ref()?.state.as_str() {
            "new" => Event::New,
            "reopened" => Event::Reopened,
            "fixed" if !fixed.contains(&finding.fingerprint) => Event::Recovered,
            _ => return None,
        };
        Some(of_finding(finding, event, estate, &run))
    })
    .collect()
}

fn of_finding(finding: &v1::Finding, event: Event, estate: &Estate, run: &str) -> Item {
    let known = estate.account(&finding.account);
    let name = known.map(|known| known.name.as_str()).filter(|name| *name != finding.account).unwrap_or_default();
    let life = finding.life.as_ref().map(|life| life.statement.as_str()).unwrap_or_default();
    let fired = finding.correlated.as_ref().map(|correlated| correlated.statement.as_str());
    let statement = if event == Event::Recovered { life } else { fired.unwrap_or(life) };
    let key = match event {
        Event::Recovered => format!("{} recovered", finding.fingerprint),
        _ => finding.fingerprint.clone(),
    };
    let group = finding.group.iter().map(|one| format!("{}={}", one.field, one.value.as_deref().unwrap_or("(none)")));
    Item {
        event,
        keys: vec![key],
        fingerprint: finding.fingerprint.clone(),
        level: finding.level.clone(),
        policy: finding.policy.clone(),
        title: cut(&finding.title, MAX_FIELD),
        who: cut(&who(finding), MAX_FIELD),
        account: cut(&finding.account, MAX_FIELD),
        account_name: cut(name, MAX_FIELD),
        region: cut(&finding.region, MAX_FIELD),
        group: group.take(5).map(|one| cut(&one, MAX_FIELD)).collect(),
        first_seen: finding.first_seen.clone(),
        last_seen: finding.last_seen.clone(),
        count: finding.count,
        statement: cut(statement, MAX_SENTENCE),
        remediation: cut(&first_sentence(&finding.remediation), MAX_SENTENCE),
        run: run.to_owned(),
    }
}

/// Who did it: whoever began the chain of roles, else the identity that the policy groups by, else that of the latest record.
fn who(finding: &v1::Finding) -> String {
    let identity = |values: &[v1::FieldValue]| {
        let fields = ["userIdentity.arn", "userIdentity.principalId", "userIdentity.userName", "userIdentity.invokedBy"];
        let value = |field: &&str| values.iter().find(|one| one.field == **field).and_then(|one| one.value.clone());
        fields.iter().find_map(value)
    };
    let latest = || finding.occurrences.iter().rev();
    let caller = identity(&finding.group).or_else(|| latest().find_map(|record| identity(&record.show))).unwrap_or_default();
    let behind = latest().find_map(|record| record.behind.as_ref()?.who.clone());
    match behind {
        Some(behind) if caller.is_empty() => behind,
        Some(behind) if behind != caller && !caller.contains(&behind) => format!("{behind}, as {caller}"),
        _ => caller,
    }
}

/// The first sentence of a text that is broken into lines.
fn first_sentence(text: &str) -> String {
    let paragraph = text.trim().split("\n\n").next().unwrap_or_default();
    let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    line.split_once(". ").map_or(line.clone(), |(first, _)| format!("{first}."))
}

/// Coverage that is incomplete, and tampering: for those who were not told yet.
pub(crate) fn coverage(document: &v1::Document) -> Vec<Item> {
    let mut items = Vec::new();
    let altered: Vec<&v1::Problem> = document.coverage.problems.iter().filter(|problem| problem.tampering).collect();
    if let Some(first) = altered.first() {
        let key = |problem: &&v1::Problem| {
            let place = format!("{}\n{}\n{:?}\n{:?}", problem.code, problem.object, problem.record, problem.offset);
            format!("tampering {}", sha256(place.as_bytes()).get(..32).unwrap_or_default())
        };
        let title = "Evidence is not what AWS delivered: somebody may have altered it";
        let remediation = "Treat the bucket as compromised until somebody has explained it: `assize verify` names every object.";
        let statement = format!("{}: {}", first.object, first.message);
        let keys: BTreeSet<String> = altered.iter().map(key).collect();
        let texts = (title, cut(&statement, MAX_SENTENCE), remediation);
        let item = organisation(document, Event::Tampering, texts);
        items.push(Item { keys: keys.into_iter().collect(), count: altered.len() as u64, level: "critical".to_owned(), ..item });
    }
    if is_incomplete(document) {
        let statement = document.scope.as_ref().map_or(&document.coverage.statement, |scope| &scope.statement);
        let remediation = "Read the obstacles in the report: each says what to do. `assize doctor` tries what a run needs.";
        let texts = ("Not everything could be read and judged", cut(statement, MAX_SENTENCE), remediation);
        items.push(organisation(document, Event::Incomplete, texts));
    }
    items
}

/// Whether a run says that it could not see everything.
pub(crate) fn is_incomplete(document: &v1::Document) -> bool {
    let code = document.run.exit_code;
    [Exit::Incomplete.code(), Exit::FindingsAndIncomplete.code()].contains(&code)
}

fn organisation(document: &v1::Document, event: Event, (title, statement, remediation): (&str, String, &str)) -> Item {
    let hours = document.scope.as_ref().map_or(0, |scope| scope.hours_due - scope.hours_covered.min(scope.hours_due));
    Item {
        event,
        keys: Vec::new(),
        fingerprint: String::new(),
        level: "high".to_owned(),
        policy: String::new(),
        title: title.to_owned(),
        who: String::new(),
        account: String::new(),
        account_name: String::new(),
        region: String::new(),
        group: Vec::new(),
        first_seen: document.run.as_of.clone(),
        last_seen: document.run.as_of.clone(),
        count: hours,
        statement,
        remediation: remediation.to_owned(),
        run: run_id(document),
    }
}

/// What `assize notify test` sends.
pub(crate) fn test(as_of: &str) -> Item {
    Item {
        event: Event::Test,
        keys: vec![format!("test {as_of}")],
        fingerprint: String::new(),
        level: "informational".to_owned(),
        policy: String::new(),
        title: "This is a test: messages of assize arrive here".to_owned(),
        who: String::new(),
        account: String::new(),
        account_name: String::new(),
        region: String::new(),
        group: Vec::new(),
        first_seen: as_of.to_owned(),
        last_seen: as_of.to_owned(),
        count: 0,
        statement: "Nothing happened; somebody ran `assize notify test`.".to_owned(),
        remediation: String::new(),
        run: String::new(),
    }
}

fn run_id(document: &v1::Document) -> String {
    document.scope.as_ref().map(|scope| scope.run_id.clone()).unwrap_or_default()
}

/// At most so many characters; what is cut is seen.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
