//! Turns what a scan gave into the versioned document that every format renders.

mod occurrence;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use assize_engine::coverage::Tally;
use assize_engine::finding::{self, Finding};
use assize_engine::partial::Partial;
use assize_engine::policy::{AnsweredBy, Evidence as Grade, Framework, Kind, Level, Policy, Require, Truth};
use assize_engine::session::Index;
use assize_engine::time;

use super::activity;
use super::{correlated, summary, text, v1, words};
use crate::exit::FailOn;
use crate::pack::Pack;
use crate::scan::evidence::{Evidence, Wanted};

/// Most problems and skipped objects listed; all are counted.
const MAX_LISTED: usize = 1_000;

/// Findings whose records are read again and shown.
pub(crate) const MAX_DETAILED: usize = 1_000;

/// Occurrences shown of a finding, besides the latest.
pub(crate) const SAMPLE: usize = 5;

/// Records of findings with a group that are read again for a terminal.
const GLANCED: usize = 100;

/// Not evaluable records listed per policy.
const MAX_REVIEW: usize = 100;

/// What the document is made of, whether files were scanned or a scope was judged.
pub(crate) struct Parts<'a> {
    pub(crate) pack: &'a Pack,
    /// The merged results.
    pub(crate) partial: &'a Partial,
    /// Most severe first.
    pub(crate) findings: &'a [Finding],
    /// Event ids with several versions.
    pub(crate) conflicts: u64,
    /// How many records may lie between copies that were told as such; `None`: any number.
    pub(crate) copies_within: Option<u64>,
    /// Books of objects.
    pub(crate) objects: v1::ObjectBooks,
    /// What cannot be taken at face value, besides malformed records.
    pub(crate) problems: Vec<v1::Problem>,
    /// Objects that could not be taken. Coverage has their hours, so they are listed and not judged once more.
    pub(crate) missed: Vec<v1::Problem>,
    /// Objects that are no logs.
    pub(crate) skipped: Vec<v1::Skipped>,
    pub(crate) evidence: &'a HashMap<Wanted, Evidence>,
    /// Records that issued temporary credentials.
    pub(crate) sessions: &'a Index<'a>,
    pub(crate) run: v1::Run,
    /// How much of the evidence is shown.
    pub(crate) detail: Detail,
    pub(crate) fail_on: FailOn,
    /// What becomes of findings, by fingerprint; nothing without a run before and without waivers.
    pub(crate) fates: &'a HashMap<String, Fate>,
    /// What changed since the run before.
    pub(crate) changes: Option<v1::Changes>,
    /// Every waiver and what it did.
    pub(crate) waivers: Vec<v1::WaiverUse>,
    /// The runs of the period, for a report over one.
    pub(crate) history: Option<v1::History>,
    /// Coverage and verdicts, if there is a scope.
    pub(crate) judged: Option<Judged>,
    /// Another level for a policy (by index) in an account, if the configuration gives one.
    pub(crate) level: &'a dyn Fn(usize, &str) -> Option<Level>,
}

/// What becomes of a finding.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fate {
    /// Where it stands among runs.
    pub(crate) life: Option<v1::Life>,
    /// A waiver that speaks of it.
    pub(crate) waived: Option<v1::Waived>,
    /// What somebody concluded who looked at it.
    pub(crate) reviewed: Option<v1::Reviewed>,
}

impl Fate {
    /// Whether somebody accepted it, so that it fails nothing.
    pub(crate) fn is_accepted(&self) -> bool {
        self.waived.as_ref().is_some_and(v1::Waived::holds)
    }

    /// Whether it is new since the run before, or came back.
    fn is_new(&self) -> bool {
        self.life.as_ref().is_some_and(v1::Life::is_new)
    }
}

/// What is said of a scope.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) scope: v1::Scope,
    /// By index of the policy: over the whole scope, and by cell.
    pub(crate) verdicts: Vec<(String, Vec<v1::Verdict>)>,
    /// Hours in which what a finding awaited in vain may have come, by fingerprint, where not all are covered.
    pub(crate) awaited: HashMap<String, Tally>,
}

/// How much of the evidence a report shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What a terminal shows: the earliest record of a few findings of each policy, for what it shows and for who is behind
    /// it; of policies that group, whose findings are told by their group, no more than [`GLANCED`] in all, so that hardly
    /// any object is read again.
    Glance,
    /// A sample of every finding, up to [`MAX_DETAILED`].
    Full,
}

/// The records that the report shows, which must be read again.
pub(crate) fn wanted(findings: &[Finding], partial: &Partial, detail: Detail) -> Vec<Wanted> {
    let (mut listed, mut glanced): (BTreeMap<usize, usize>, usize) = Default::default();
    let glance = |finding: &&Finding| {
        let before = listed.entry(finding.policy).or_default();
        *before += 1;
        let grouped = !finding.group.values.is_empty();
        let shown = *before <= text::PER_POLICY && (!grouped || glanced < GLANCED);
        glanced += usize::from(shown && grouped);
        shown
    };
    let shown: Vec<(&Finding, usize)> = match detail {
        Detail::Glance => findings.iter().filter(glance).map(|finding| (finding, 1)).collect(),
        Detail::Full => findings.iter().take(MAX_DETAILED).map(|finding| (finding, SAMPLE + 1)).collect(),
    };
    let sampled = shown.into_iter().flat_map(|(finding, most)| {
        let hits = finding.sample(SAMPLE).take(most);
        hits.map(|hit| Wanted { policy: finding.policy, hit: hit.clone(), expected: Truth::True })
    });
    let unjudged = partial.policies.iter().enumerate().flat_map(|(policy, result)| {
        let hits = result.not_evaluable.iter().take(MAX_REVIEW);
        hits.map(move |hit| Wanted { policy, hit: hit.clone(), expected: Truth::Unknown })
    });
    sampled.chain(unjudged).collect()
}

/// Builds the document. The exit code in it is decided here, from the findings and from what could not be read.
pub(crate) fn document(parts: &Parts<'_>) -> v1::Document {
    let (problems, problems_total) = problems(parts);
    let books = books(parts);
    let mut policies = policies(parts);
    policies.sort_by(|a, b| summary::rank(&a.level).cmp(&summary::rank(&b.level)).then_with(|| a.id.cmp(&b.id)));
    let mut findings: Vec<v1::Finding> = parts.findings.iter().map(|finding| finding_of(finding, parts)).collect();
    // Stable: within a level the order stays what it is.
    findings.sort_by_key(|finding| summary::rank(&finding.level));
    let at_level = |policy: usize| parts.pack.policies.get(policy).is_some_and(|policy| policy.level >= parts.fail_on.level);
    let unjudged =
        parts.partial.policies.iter().enumerate().any(|(policy, result)| at_level(policy) && !result.not_evaluable.is_empty());
    // With a scope, coverage says whether enough was seen: a quiet hour without a record is covered too.
    let readable = match &parts.judged {
        None => books.records.read > 0 && books.balanced && problems_total == 0,
        Some(judged) => {
            let doubts = problems_total - parts.missed.len() as u64;
            judged.scope.complete && judged.scope.collection.balanced && books.balanced && doubts == 0
        }
    };
    let failing = parts.findings.iter().any(|finding| fails(finding, parts));
    let mut run = parts.run.clone();
    run.exit_code = crate::exit::Exit::decide(failing, readable && !unjudged).code();
    let results = &parts.partial.policies;
    let unjudged_records =
        results.iter().flat_map(|result| &result.not_evaluable).map(|hit| hit.digest).collect::<BTreeSet<_>>().len() as u64;
    let coverage = coverage(parts, &books, (readable, unjudged_records), (problems, problems_total));
    let changes = parts.changes.clone().map(|changes| v1::Changes {
        unreviewed: findings.iter().filter(|finding| summary::waits(finding, &run.fail_on)).count() as u64,
        overdue: findings.iter().filter(|finding| finding.life.as_ref().is_some_and(|life| life.overdue)).count() as u64,
        ..changes
    });
    let scoped = parts.judged.is_some();
    let frameworks = parts.pack.frameworks.iter().map(|framework| framework_of(framework, &policies, scoped)).collect();
    v1::Document {
        version: v1::VERSION,
        run,
        books,
        coverage,
        policies,
        frameworks,
        findings,
        activity: activity::of(parts.partial, parts.findings, &parts.pack.policies),
        scope: parts.judged.as_ref().map(|judged| judged.scope.clone()),
        changes,
        waivers: parts.waivers.clone(),
        evidence: Vec::new(),
        evidence_total: 0,
        history: parts.history.clone(),
    }
}

/// Whether a finding makes the exit code 1 or 4. What is accepted does not; where only new ones count, nor does what is old.
fn fails(finding: &Finding, parts: &Parts<'_>) -> bool {
    let fate = parts.fates.get(&finding.fingerprint);
    level_of(finding, parts).is_some_and(|level| level >= parts.fail_on.level)
        && !fate.is_some_and(Fate::is_accepted)
        && (!parts.fail_on.only_new || fate.is_none_or(Fate::is_new))
}

fn books(parts: &Parts<'_>) -> v1::Books {
    let objects = parts.objects.clone();
    let counts = parts.partial.records;
    let records = v1::RecordBooks {
        read: counts.read,
        evaluated: counts.evaluated,
        duplicate: counts.duplicate,
        malformed: counts.malformed,
        other_kinds: counts.other_kinds,
        outside_period: counts.outside_period,
        conflicts: parts.conflicts,
        copies_within: parts.copies_within,
    };
    let mut kinds: Vec<v1::Count> =
        parts.partial.kinds.iter().map(|(label, count)| v1::Count { label: (*label).to_owned(), count: *count }).collect();
    kinds.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));
    let balanced = counts.balanced() && objects.listed == objects.read + objects.skipped + objects.failed;
    v1::Books { objects, records, kinds, balanced }
}

/// Everything that could not be taken at face value, tampering first; and how many there are in all.
fn problems(parts: &Parts<'_>) -> (Vec<v1::Problem>, u64) {
    let mut all = parts.problems.clone();
    all.extend(parts.missed.iter().cloned());
    for malformed in &parts.partial.malformed {
        let message = match malformed.length {
            0 => malformed.why.clone(),
            length => format!("{}; {length} bytes were not evaluated", malformed.why),
        };
        let (record, offset) = (Some(malformed.place.index), Some(malformed.place.offset));
        let (code, object) = ("malformed-record".to_owned(), malformed.object.to_string());
        all.push(v1::Problem { code, tampering: false, object, record, offset, message });
    }
    let unlisted_malformed = parts.partial.records.malformed - parts.partial.malformed.len() as u64;
    let total = all.len() as u64 + unlisted_malformed;
    all.sort_by(|a, b| (!a.tampering, &a.object, a.record).cmp(&(!b.tampering, &b.object, b.record)));
    all.truncate(MAX_LISTED);
    (all, total)
}

fn coverage(
    parts: &Parts<'_>,
    books: &v1::Books,
    (complete, unjudged): (bool, u64),
    (problems, problems_total): (Vec<v1::Problem>, u64),
) -> v1::Coverage {
    let cells = &parts.partial.cells;
    let set =
        |part: fn(&(String, String)) -> &String| cells.keys().map(part).cloned().collect::<BTreeSet<_>>().into_iter().collect();
    let accounts: Vec<String> = set(|(account, _)| account);
    let regions: Vec<String> = set(|(_, region)| region);
    let first = cells.values().map(|cell| cell.first).min().filter(|_| books.records.evaluated > 0);
    let last = cells.values().map(|cell| cell.last).max().filter(|_| books.records.evaluated > 0);
    let mut skipped = parts.skipped.clone();
    skipped.sort_by(|a, b| a.object.cmp(&b.object));
    skipped.truncate(MAX_LISTED);
    v1::Coverage {
        statement: match &parts.judged {
            Some(judged) => judged.scope.statement.clone(),
            None => statement(books, (complete, unjudged), accounts.len(), regions.len()),
        },
        complete,
        accounts,
        regions,
        first_event: first.map(time::format),
        last_event: last.map(time::format),
        problems,
        problems_total,
        skipped,
    }
}

fn statement(books: &v1::Books, (complete, unjudged): (bool, u64), accounts: usize, regions: usize) -> String {
    let (objects, records) = (&books.objects, &books.records);
    let read = format!(
        "{} in {} were read, from {} and {}.",
        words::plural(records.read, "record", "records"),
        words::plural(objects.read, "object", "objects"),
        words::plural(accounts as u64, "account", "accounts"),
        words::plural(regions as u64, "region", "regions")
    );
    let hole = if records.read == 0 {
        " No record was found, so nothing can be said.".to_owned()
    } else if !complete {
        " Not everything could be read or taken at face value; see the problems.".to_owned()
    } else if unjudged > 0 {
        let some = words::plural(unjudged, "record", "records");
        format!(" Everything that was listed could be read, but {some} could not be judged, because AWS omitted a field.")
    } else {
        " Everything that was listed could be read.".to_owned()
    };
    let copies = books.records.copies_within.map_or_else(String::new, |records| {
        let apart = words::count(records);
        format!(" Copies of a record that lie more than {apart} records apart may count twice in the books; findings take each record once.")
    });
    format!(
        "{read}{hole} A scan of files has no scope to be complete against: it says what was read and what matched, and never PASS.{copies}"
    )
}

fn policies(parts: &Parts<'_>) -> Vec<v1::Policy> {
    let mut findings: BTreeMap<usize, (u64, u64, u64)> = BTreeMap::new();
    for finding in parts.findings {
        let (count, waived, matches) = findings.entry(finding.policy).or_default();
        *count += 1;
        *waived += u64::from(parts.fates.get(&finding.fingerprint).is_some_and(Fate::is_accepted));
        *matches += finding.hits.len() as u64;
    }
    let all = parts.pack.policies.iter().zip(&parts.partial.policies).enumerate();
    all.map(|(index, (policy, result))| {
        let (count, waived, mut matches) = findings.get(&index).copied().unwrap_or_default();
        // What a policy requires to be there does not become findings.
        matches += result.groups.values().map(|hits| finding::distinct(hits.clone()).len() as u64).sum::<u64>();
        policy_of(index, policy, (count, waived, matches), parts)
    })
    .collect()
}

fn policy_of(index: usize, policy: &Policy, (findings, waived, matches): (u64, u64, u64), parts: &Parts<'_>) -> v1::Policy {
    let partial = parts.partial;
    let (population, population_of) = finding::population(index, policy, partial);
    let unjudged = partial.policies.get(index).map(|result| result.not_evaluable.as_slice()).unwrap_or_default();
    let not_evaluable = unjudged.len() as u64;
    let silent = !policy.unconfigured.is_empty() || partial.policies.get(index).is_some_and(|result| result.exceeded);
    let status = match (matches, not_evaluable) {
        _ if silent => "not evaluable",
        (0, 0) => "no match",
        (0, _) => "not evaluable",
        _ => "match",
    };
    let judged = parts.judged.as_ref().and_then(|judged| judged.verdicts.get(index));
    // Without a scope there is no verdict, and the sentence must not be taken for one.
    let nothing = if judged.is_some() { "no match" } else { "no match in what was read" };
    let of = words::count(population);
    let mut statement = match (policy.require, matches) {
        (Require::Any, 0) => format!("a match is required, and there is none in what was read (0 of {of} {population_of})"),
        (Require::Any, _) => format!("a match is required: {} of {of} {population_of}", words::count(matches)),
        (Require::None, 0) => format!("{nothing} (0 of {of} {population_of})"),
        (Require::None, _) => format!("{} of {of} {population_of} matched", words::count(matches)),
    };
    if not_evaluable > 0 {
        let records = if not_evaluable == 1 { "record" } else { "records" };
        statement = format!("{statement}; {not_evaluable} {records} could not be judged, because AWS omitted a field");
    }
    if !policy.unconfigured.is_empty() {
        let names = policy.lacking().join(", ");
        statement = format!("needs configuration: {names} is not set, so nothing was looked for");
    }
    if partial.policies.get(index).is_some_and(|result| result.exceeded) {
        let most = words::count(assize_engine::correlation::MAX_MATCHES);
        statement = format!("more than {most} matches cannot be looked at together, so nothing is said; narrow the detection");
    }
    if let Some((verdict, _)) = judged {
        // The positive control: a pass over nothing is true, and says nothing of whether the policy works.
        let control =
            if verdict == "PASS" && population == 0 { "; no record could have made it fire in this period" } else { "" };
        statement = format!("{verdict}: {statement}{control}");
    }
    let needs =
        format!("{}{}", policy.needs, if policy.evidence != Some(Grade::Delivered) { ", covered by signed digests" } else { "" });
    v1::Policy {
        id: policy.id.clone(),
        title: policy.title.clone(),
        title_ja: policy.title_ja.clone(),
        description: policy.description.clone(),
        level: policy.level.name().to_owned(),
        tags: policy.tags.clone(),
        file: policy.file.clone(),
        needs,
        population_of,
        population,
        matches,
        not_evaluable,
        review: unjudged.iter().take(MAX_REVIEW).map(|hit| occurrence::unjudged(index, hit, parts)).collect(),
        findings,
        waived,
        status: status.to_owned(),
        statement,
        remediation: policy.remediation.clone(),
        remediation_ja: policy.remediation_ja.clone(),
        references: policy.references.clone(),
        falsepositives: policy.falsepositives.clone(),
        verdict: judged.map(|(verdict, _)| verdict.clone()),
        verdicts: judged.map(|(_, verdicts)| verdicts.clone()).unwrap_or_default(),
    }
}

fn level_of(finding: &Finding, parts: &Parts<'_>) -> Option<Level> {
    let own = || parts.pack.policies.get(finding.policy).map(|policy| policy.level);
    (parts.level)(finding.policy, &finding.group.account).or_else(own)
}

fn finding_of(finding: &Finding, parts: &Parts<'_>) -> v1::Finding {
    let policy = parts.pack.policies.get(finding.policy);
    let text = |part: fn(&Policy) -> &str| policy.map_or_else(String::new, |policy| part(policy).to_owned());
    let fields = policy.map(|policy| policy.group_by.as_slice()).unwrap_or_default();
    let values = fields.iter().zip(&finding.group.values);
    let fate = parts.fates.get(&finding.fingerprint);
    v1::Finding {
        fingerprint: finding.fingerprint.clone(),
        policy: text(|policy| &policy.id),
        title: text(|policy| &policy.title),
        level: level_of(finding, parts).map_or_else(String::new, |level| level.name().to_owned()),
        account: finding.group.account.clone(),
        region: finding.group.region.clone(),
        group: values.map(|(field, value)| v1::FieldValue { field: field.written.clone(), value: value.clone() }).collect(),
        first_seen: time::format(finding.first()),
        last_seen: time::format(finding.last()),
        count: finding.hits.len() as u64,
        correlated: policy.and_then(|policy| policy.correlation.as_ref()).zip(finding.fired.as_ref()).map(
            |(correlation, fired)| {
                let judged = parts.judged.as_ref();
                correlated::of(correlation, fired, judged.and_then(|judged| judged.awaited.get(&finding.fingerprint)))
            },
        ),
        occurrences: occurrence::of_finding(finding, parts),
        remediation: text(|policy| &policy.remediation),
        life: fate.and_then(|fate| fate.life.clone()),
        waived: fate.and_then(|fate| fate.waived.clone()),
        reviewed: fate.and_then(|fate| fate.reviewed.clone()),
    }
}

fn framework_of(framework: &Framework, policies: &[v1::Policy], scoped: bool) -> v1::Framework {
    let requirements = framework.requirements.iter().map(|requirement| {
        let found: Vec<(Kind, Option<&v1::Policy>)> = requirement
            .policies
            .iter()
            .map(|mapping| (mapping.kind, policies.iter().find(|policy| policy.id == mapping.policy)))
            .collect();
        let (status, statement) = answer(requirement.answered_by, &found, scoped);
        let verdict = scoped.then(|| verdict(&found));
        let statement = verdict.iter().fold(statement, |statement, verdict| format!("{verdict}: {statement}"));
        let parts = requirement.policies.iter().zip(&found).map(|(mapping, (_, policy))| v1::RequirementPolicy {
            policy: mapping.policy.clone(),
            kind: mapping.kind.name().to_owned(),
            matches: policy.map_or(0, |policy| policy.matches),
            population: policy.map_or(0, |policy| policy.population),
        });
        v1::Requirement {
            id: requirement.id.clone(),
            title: requirement.title.clone(),
            title_ja: requirement.title_ja.clone(),
            level: requirement.level,
            manual: requirement.manual,
            status: status.to_owned(),
            statement,
            policies: parts.collect(),
            verdict,
        }
    });
    v1::Framework {
        id: framework.id.clone(),
        title: framework.title.clone(),
        version: framework.version.clone(),
        requirements: requirements.collect(),
    }
}

/// The verdict on a requirement. Matches of policies that must not match fail it; those that are only listed for review do
/// not, but where one of them could not look, nobody can know.
fn verdict(policies: &[(Kind, Option<&v1::Policy>)]) -> String {
    let told = |kind: Option<Kind>, text: &str| {
        policies.iter().any(|(own, policy)| {
            kind.is_none_or(|kind| kind == *own) && policy.and_then(|policy| policy.verdict.as_deref()) == Some(text)
        })
    };
    // A policy that is listed for review and fails has looked somewhere; whether everywhere, its cells tell.
    let blind = policies.iter().any(|(kind, policy)| {
        *kind == Kind::Monitored && policy.is_some_and(|policy| policy.verdicts.iter().any(|cell| !cell.unknown.is_empty()))
    });
    let text = if told(Some(Kind::Absent), "FAIL") {
        "FAIL"
    } else if policies.is_empty() || policies.iter().any(|(_, policy)| policy.is_none()) || told(None, "UNKNOWN") || blind {
        "UNKNOWN"
    } else if told(Some(Kind::Absent), "WAIVED") {
        "WAIVED"
    } else if told(None, "PASS") || told(Some(Kind::Monitored), "FAIL") || told(Some(Kind::Monitored), "WAIVED") {
        "PASS"
    } else {
        "NOT_APPLICABLE"
    };
    text.to_owned()
}

/// The answer to a requirement, in the order in which one outweighs another: an exception, what could not be judged or
/// was not evaluated, matches for review, no match.
fn answer(answered_by: AnsweredBy, policies: &[(Kind, Option<&v1::Policy>)], scoped: bool) -> (&'static str, String) {
    if policies.is_empty() {
        return match answered_by {
            AnsweredBy::None => ("not answered by logs", "no interface of AWS answers this; a person must".to_owned()),
            AnsweredBy::Configuration => ("needs configuration", "answered by reading configuration, which this version does not do".to_owned()),
            AnsweredBy::Both => (
                "needs configuration",
                "the state is answered by reading configuration, which this version does not do; no policy answers the part that logs prove"
                    .to_owned(),
            ),
            AnsweredBy::Events => ("not evaluated", "no policy answers this yet".to_owned()),
        };
    }
    let found: Vec<(Kind, &v1::Policy)> = policies.iter().filter_map(|(kind, policy)| Some((*kind, (*policy)?))).collect();
    let left_out = policies.len() - found.len();
    let sum = |part: fn(&v1::Policy) -> u64, kind: Option<Kind>| -> u64 {
        found.iter().filter(|(own, _)| kind.is_none_or(|kind| *own == kind)).map(|(_, policy)| part(policy)).sum()
    };
    let exceptions = sum(|policy| policy.matches, Some(Kind::Absent));
    let review = sum(|policy| policy.matches, Some(Kind::Monitored));
    let unjudged = sum(|policy| policy.not_evaluable, None);
    let population = words::count(sum(|policy| policy.population, None));
    let half = if answered_by == AnsweredBy::Both { "; the configuration half was not read" } else { "" };
    let (status, text) = if exceptions > 0 {
        ("exception", format!("{} of {population} records break it", words::count(exceptions)))
    } else if left_out > 0 {
        ("not evaluated", format!("{left_out} of {} policies that answer this were not selected", policies.len()))
    } else if unjudged > 0 {
        ("not evaluable", format!("{unjudged} of {population} records could not be judged"))
    } else if review > 0 {
        ("review", format!("{} of {population} records are listed for review", words::count(review)))
    } else {
        let nothing = if scoped { "no match" } else { "no match in what was read" };
        ("no match", format!("{nothing} (0 of {population} records)"))
    };
    (status, format!("{text}{half}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::report::language::Catalogue;

    #[test]
    fn a_scan_that_forgot_records_says_so_in_both_languages() {
        let mut books = fixture::middle().books;
        assert!(!statement(&books, (true, 0), 2, 1).contains("apart"));
        books.records.copies_within = Some(1_500_000);
        let japanese = Catalogue::read(include_str!("../../reports/ja.yaml")).unwrap();
        for (complete, unjudged) in [(true, 0), (false, 0), (true, 3)] {
            let said = statement(&books, (complete, unjudged), 2, 1);
            assert!(said.contains("more than 1,500,000 records apart"), "{said}");
            let translated = japanese.text(&said, &[]);
            assert!(translated.contains("1,500,000 件を超えて") && !translated.contains("record"), "{translated}");
        }
    }
}
