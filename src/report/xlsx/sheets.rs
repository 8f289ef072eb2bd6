//! What stands in the sheets of the workbook.

use crate::report::rows::{self, Column, Names, Value};
use crate::report::sample::{self, Sample};
use crate::report::summary::{LEVELS, Verdict};
use crate::report::v1::{Document, Finding, Policy, ScopeCell, WaiverUse};

/// A sheet.
pub(super) struct Table<'a> {
    /// What it is called.
    pub(super) name: &'static str,
    /// Its columns.
    pub(super) columns: Vec<Column>,
    /// Its rows, below the header.
    pub(super) rows: Vec<Vec<Value<'a>>>,
    /// How many rows it would have beside.
    pub(super) left_out: usize,
    /// Where these are.
    pub(super) elsewhere: &'static str,
}

/// All sheets behind the summary, each with so many rows at most.
pub(super) fn tables(document: &Document, most: usize) -> Vec<Table<'_>> {
    let names = Names::of(document);
    let findings: Vec<&Finding> = document.findings.iter().collect();
    let cells: Vec<&ScopeCell> = document.scope.iter().flat_map(|scope| &scope.cells).collect();
    let (waivers, policies): (Vec<&WaiverUse>, Vec<&Policy>) =
        (document.waivers.iter().collect(), document.policies.iter().collect());
    let mut verdicts = rows::verdicts(document);
    if verdicts.len() > most {
        // Where not all have room, those go first that somebody has to look at.
        verdicts.sort_by_key(rows::VerdictRow::is_quiet);
    }
    let json = "the JSON report has them";
    vec![
        table("Findings", &rows::FINDINGS, &findings, (most, "findings.csv has them"), |it| rows::finding(it, &names)),
        table(
            "Verdicts",
            &rows::VERDICTS,
            &verdicts,
            (most, "they are those of PASS and NOT_APPLICABLE as far as possible, and verdicts.csv has them"),
            |it| it.values(),
        ),
        table("Coverage", &COVERAGE, &cells, (most, json), |it| coverage(it, &names)),
        table("Waivers", &WAIVERS, &waivers, (most, json), |it| waiver(it)),
        table("Policies", &POLICIES, &policies, (most, json), |it| policy(it)),
        samples(document, &names),
    ]
}

fn table<'a, T>(
    name: &'static str,
    columns: &[Column],
    all: &[T],
    (most, elsewhere): (usize, &'static str),
    row: impl Fn(&T) -> Vec<Value<'a>>,
) -> Table<'a> {
    let rows = all.iter().take(most).map(row).collect();
    Table { name, columns: columns.to_vec(), rows, left_out: all.len().saturating_sub(most), elsewhere }
}

/// An account in a region.
const COVERAGE: [Column; 11] = [
    ("account", 14),
    ("account_name", 20),
    ("env", 8),
    ("region", 15),
    ("hours_due", 10),
    ("hours_delivered", 15),
    ("hours_verified", 14),
    ("hours_covered", 13),
    ("hours_not_applicable", 19),
    ("records", 10),
    ("reasons", 60),
];

fn coverage<'a>(cell: &'a ScopeCell, names: &Names<'a>) -> Vec<Value<'a>> {
    vec![
        Value::text(&cell.account),
        Value::text(names.account(&cell.account)),
        Value::text(names.env(&cell.account)),
        Value::text(&cell.region),
        Value::Number(cell.due),
        Value::Number(cell.delivered),
        Value::Number(cell.verified),
        Value::Number(cell.covered),
        Value::Number(cell.not_applicable),
        Value::Number(cell.records),
        Value::made(rows::reasons(&cell.unknown)),
    ]
}

const WAIVERS: [Column; 11] = [
    ("policy", 30),
    ("scope", 40),
    ("state", 10),
    ("findings", 9),
    ("owner", 24),
    ("approver", 24),
    ("ticket", 14),
    ("reason", 50),
    ("created", 19),
    ("expires", 19),
    ("place", 24),
];

fn waiver(one: &WaiverUse) -> Vec<Value<'_>> {
    let WaiverUse { policy, scope, waiver, findings } = one;
    vec![
        Value::text(policy),
        Value::text(scope),
        Value::text(&waiver.state),
        Value::Number(*findings),
        Value::text(&waiver.owner),
        Value::text(&waiver.approver),
        Value::text(&waiver.ticket),
        Value::text(&waiver.reason),
        Value::Time(&waiver.created),
        Value::Time(&waiver.expires),
        Value::text(&waiver.place),
    ]
}

/// The population table: what each policy looked at, and what it gave.
const POLICIES: [Column; 15] = [
    ("policy", 34),
    ("title", 50),
    ("title_ja", 40),
    ("level", 13),
    ("population_of", 44),
    ("population", 12),
    ("matches", 10),
    ("findings", 9),
    ("waived", 8),
    ("not_evaluable", 13),
    ("verdict", 16),
    ("status", 14),
    ("statement", 60),
    ("needs", 40),
    ("file", 50),
];

fn policy(policy: &Policy) -> Vec<Value<'_>> {
    vec![
        Value::text(&policy.id),
        Value::text(&policy.title),
        Value::text(&policy.title_ja),
        Value::text(&policy.level),
        Value::text(&policy.population_of),
        Value::Number(policy.population),
        Value::Number(policy.matches),
        Value::Number(policy.findings),
        Value::Number(policy.waived),
        Value::Number(policy.not_evaluable),
        policy.verdict.as_deref().map_or(Value::Nothing, Value::text),
        Value::text(&policy.status),
        Value::text(&policy.statement),
        Value::text(&policy.needs),
        Value::text(&policy.file),
    ]
}

/// What is needed to draw the sample again stands before the columns of findings.
const DRAWN: [Column; 6] = [("seed", 28), ("policy_level", 13), ("population", 11), ("sample", 8), ("number", 8), ("sha256", 66)];

fn samples<'a>(document: &'a Document, names: &Names<'a>) -> Table<'a> {
    let seed = sample::seed(document);
    let mut rows = Vec::new();
    for Sample { policy, population, drawn } in sample::samples(document) {
        let size = drawn.len() as u64;
        for (number, (sha256, finding)) in (1..).zip(drawn) {
            let row = [
                Value::text(seed),
                Value::text(&policy.level),
                Value::Number(population),
                Value::Number(size),
                Value::Number(number),
                Value::made(sha256),
            ];
            rows.push(row.into_iter().chain(rows::finding(finding, names)).collect());
        }
    }
    let columns = DRAWN.into_iter().chain(rows::FINDINGS).collect();
    Table { name: "Samples", columns, rows, left_out: 0, elsewhere: "" }
}

/// The rows of the first sheet: the result, the run, its coverage, findings by level and state, how samples are drawn, and what
/// the workbook leaves out.
pub(super) fn summary<'a>(document: &'a Document, notes: &[String]) -> Vec<Vec<Value<'a>>> {
    let text = |label: &'static str, value: &'a str| vec![Value::text(label), Value::text(value)];
    let (run, scope, verdict) = (&document.run, document.scope.as_ref(), Verdict::of(document));
    let mut rows = vec![
        vec![Value::text("Assize"), Value::made(format!("{}: {}", verdict.label, verdict.words))],
        text("command", run.command),
        text("version", run.tool_version),
        vec![Value::text("time of the run (UTC)"), Value::Time(&run.as_of)],
        vec![Value::text("exit code"), Value::Number(run.exit_code.into())],
    ];
    if let Some(scope) = scope {
        rows.push(text("organisation", &scope.name));
        rows.push(text("run", &scope.run_id));
        rows.push(vec![Value::text("from (UTC)"), Value::Time(&scope.since)]);
        rows.push(vec![Value::text("until (UTC)"), Value::Time(&scope.horizon)]);
    } else {
        rows.push(vec![Value::text("first event (UTC)"), Value::time(document.coverage.first_event.as_ref())]);
        rows.push(vec![Value::text("last event (UTC)"), Value::time(document.coverage.last_event.as_ref())]);
    }
    rows.push(text("policies (SHA-256)", &run.policies_sha256));
    rows.push(text("coverage", &document.coverage.statement));
    rows.extend(scope.map(|scope| text("digests", &scope.integrity.statement)));
    rows.extend(scope.map(|scope| text("recording", &scope.recording.statement)));
    rows.extend(document.changes.iter().map(|changes| text("changes", &changes.statement)));
    rows.push(Vec::new());
    rows.extend(by_level(document));
    rows.push(Vec::new());
    rows.push(text("samples", sample::METHOD));
    rows.push(text("seed", sample::seed(document)));
    rows.extend(notes.iter().map(|note| vec![Value::text("left out"), Value::made(note.clone())]));
    rows
}

/// Findings by level and state. Of a scan, which knows of no run before it, states are unknown and not zero.
fn by_level(document: &Document) -> Vec<Vec<Value<'_>>> {
    const STATES: [&str; 5] = ["new", "reopened", "ongoing", "fixed", "lost"];
    let head = ["level", "findings", "matches"].into_iter().chain(STATES).chain(["accepted", "overdue"]);
    let mut rows = vec![head.map(Value::text).collect()];
    let known = document.scope.is_some();
    for level in LEVELS.map(Some).into_iter().chain([None]) {
        let of = || document.findings.iter().filter(move |finding| level.is_none_or(|level| finding.level == level));
        let state = |state: &str| of().filter(|it| it.life.as_ref().is_some_and(|life| life.state == state)).count() as u64;
        let counted = |count: u64| if known { Value::Number(count) } else { Value::Nothing };
        let mut row = vec![
            Value::text(level.unwrap_or("all")),
            Value::Number(of().count() as u64),
            Value::Number(of().map(|finding| finding.count).sum()),
        ];
        row.extend(STATES.map(|name| counted(state(name))));
        row.push(counted(of().filter(|finding| finding.is_accepted()).count() as u64));
        row.push(counted(of().filter(|it| it.life.as_ref().is_some_and(|life| life.overdue)).count() as u64));
        rows.push(row);
    }
    rows
}
