//! Executes docs/policy-language.md: every row of its example tables, every policy, framework and mistake in its code
//! blocks. The reference tables (keys, modifiers, error codes) are held against the loader and its source.
//!
//! The document is the specification that users read, so a failure names its line. The minimum numbers make sure that
//! a change of format cannot turn examples into prose that nothing runs.

#![expect(clippy::panic, clippy::indexing_slicing, reason = "the functions that the tests share fail by panicking, as tests do")]

use std::collections::{BTreeMap, BTreeSet};

use assize_engine::diagnostic::{Diagnostic, Severity};
use assize_engine::json::Reader;
use assize_engine::matcher::{Matcher, Scratch, Subject};
use assize_engine::policy::{self, Item, Level, Literal, Modifier, Per, Policy, Require, Selection, Truth};
use assize_engine::record::{Facts, RecordKind};
use assize_engine::trial;

const DOCUMENT: &str = include_str!("../../../docs/policy-language.md");

const MIN_ROWS: usize = 80;
const MIN_POLICIES: usize = 4;
const MIN_FRAMEWORKS: usize = 1;
const MIN_ERRORS: usize = 3;

/// The sources in which codes of mistakes stand; `the_list_of_sources_is_complete` holds it against `policy.rs`.
const SOURCES: [(&str, &str); 16] = [
    ("condition", include_str!("../src/policy/condition.rs")),
    ("correlate", include_str!("../src/policy/correlate.rs")),
    ("correlation", include_str!("../src/policy/correlation.rs")),
    ("detection", include_str!("../src/policy/detection.rs")),
    ("expand", include_str!("../src/policy/expand.rs")),
    ("filter", include_str!("../src/policy/filter.rs")),
    ("framework", include_str!("../src/policy/framework.rs")),
    ("legacy", include_str!("../src/policy/legacy.rs")),
    ("lint", include_str!("../src/policy/lint.rs")),
    ("load", include_str!("../src/policy/load.rs")),
    ("needs", include_str!("../src/policy/needs.rs")),
    ("read", include_str!("../src/policy/read.rs")),
    ("reader", include_str!("../src/policy/reader.rs")),
    ("threshold", include_str!("../src/policy/threshold.rs")),
    ("values", include_str!("../src/policy/values.rs")),
    ("yaml", include_str!("../src/yaml.rs")),
];

/// The detection of a policy that has nothing else to say.
const SMALL: &str = "detection: {sel: {eventName: X}, condition: sel}\n";

/// A row of a table, its cells without the spaces around them and with `\|` read as `|`.
struct Row {
    line: usize,
    cells: Vec<String>,
}

impl Row {
    /// The cell without its backticks.
    fn code(&self, column: usize) -> &str {
        let cell = &self.cells[column];
        let inner = cell.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
        inner.unwrap_or_else(|| panic!("line {}: `{cell}` must stand in backticks", self.line))
    }
}

/// A fenced block: the words after the fence, the line on which its content begins, the content.
struct Block {
    info: String,
    line: usize,
    text: String,
}

/// The rows of every table whose header is exactly this.
fn rows(header: &str) -> Vec<Row> {
    let columns = cells(header).len();
    let mut found = Vec::new();
    let mut inside = false;
    for (number, text) in (1..).zip(DOCUMENT.lines()) {
        if !text.starts_with('|') {
            inside = false;
        } else if text == header {
            inside = true;
        } else if inside && !text.starts_with("| ---") {
            let row = Row { line: number, cells: cells(text) };
            assert_eq!(row.cells.len(), columns, "line {number}: a row must have {columns} cells; write `\\|` inside a cell");
            found.push(row);
        }
    }
    found
}

fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|').strip_suffix('|').unwrap_or(line);
    let marked = inner.replace("\\|", "\u{0}");
    marked.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect()
}

fn blocks() -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for (number, text) in (1..).zip(DOCUMENT.lines()) {
        match (text.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(info), None) => open = Some(Block { info: info.to_owned(), line: number + 1, text: String::new() }),
            (None, Some(block)) => block.text.extend([text, "\n"]),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "the last code block is not closed");
    found
}

fn blocks_of(info: &str) -> Vec<Block> {
    blocks().into_iter().filter(|block| block.info == info).collect()
}

/// The mistakes as the document shows them.
fn places(found: &[Diagnostic]) -> Vec<String> {
    found.iter().map(|one| format!("{}:{} {}", one.span.at.line, one.span.at.column, one.code)).collect()
}

fn explained(found: &[Diagnostic]) -> Vec<String> {
    found.iter().map(|one| format!("{}:{} {}: {}", one.span.at.line, one.span.at.column, one.code, one.message)).collect()
}

/// Loads one policy that must have no mistakes, not even warnings.
fn quiet(source: &str, line: usize) -> Policy {
    let mut loaded = policy::load([("example", source)]);
    assert!(loaded.diagnostics.is_empty(), "line {line}: {:#?}", explained(&loaded.diagnostics));
    assert_eq!(loaded.policies.len(), 1, "line {line}: one policy is expected");
    loaded.policies.remove(0)
}

/// What the policy says of the record; both ways to ask must agree. As in `assize policy test`, a record without category,
/// source and name counts as a management event.
fn evaluate(policy: &Policy, record: &str, line: usize) -> Truth {
    let mut reader = Reader::default();
    let document = reader.read(record.as_bytes(), usize::MAX);
    let document = document.unwrap_or_else(|error| panic!("line {line}: the record is not JSON: {error}: {record}"));
    assert_eq!(document.length(), record.len(), "line {line}: the record is not JSON: {record}");
    let root = document.root();
    let facts = Facts::of(root);
    let bare = root.get_text("eventCategory").is_none() && facts.source().is_none() && facts.name().is_none();
    let kind = if bare { Some(RecordKind::Management) } else { facts.kind() };
    let subject = Subject { root, facts, kind: kind.unwrap_or_else(|| panic!("line {line}: no CloudTrail record: {record}")) };
    let matcher = Matcher::new(std::slice::from_ref(policy), trial::accounts());
    let mut indexed = Truth::False;
    matcher.record(&subject, &mut Scratch::default()).evaluate(|_, truth| indexed = truth);
    assert_eq!(matcher.evaluate_one(0, &subject), indexed, "line {line}: the index changes the answer");
    indexed
}

/// The policy of a row: the cell is a whole detection if it has a condition, else the content of one selection.
fn example(cell: &str, line: usize) -> Policy {
    let tree: serde_yaml::Value = serde_yaml::from_str(cell).unwrap_or_else(|error| panic!("line {line}: {error}: {cell}"));
    let whole = tree.get("condition").is_some();
    let detection = if whole { cell.to_owned() } else { format!("{{selection: {cell}, condition: selection}}") };
    let head = "id: example\ntitle: Example\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\n";
    quiet(&format!("{head}detection: {detection}\n"), line)
}

fn example_rows() -> Vec<Row> {
    rows("| detection | record | result | why |")
}

#[test]
fn every_example_row_gives_its_result() {
    let rows = example_rows();
    assert!(rows.len() >= MIN_ROWS, "only {} example rows are left, at least {MIN_ROWS} are expected", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let found = evaluate(&example(row.code(0), row.line), row.code(1), row.line).name();
        if found != row.cells[2] {
            wrong.push(format!("line {}: {} on {} gives {found}, not {}", row.line, row.cells[0], row.cells[1], row.cells[2]));
        }
        assert!(!row.cells[3].is_empty(), "line {}: the row does not say why", row.line);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_policy_block_loads_without_a_word_and_passes_its_tests() {
    let blocks = blocks_of("yaml policy");
    assert!(blocks.len() >= MIN_POLICIES, "only {} policies are left, at least {MIN_POLICIES} are expected", blocks.len());
    for block in &blocks {
        let policy = quiet(&block.text, block.line);
        for test in &policy.tests {
            let line = block.line + test.span.at.line - 1;
            assert_eq!(trial::run(&policy, test), Ok(()), "line {line}: the test `{}` fails", test.name);
        }
    }
    let tests: usize = blocks.iter().map(|block| quiet(&block.text, block.line).tests.len()).sum();
    assert!(tests >= 2 * MIN_POLICIES, "only {tests} inline tests are left");
}

/// No row can show this: a number equals its text.
#[test]
fn account_ids_without_quotes_become_texts_in_test_events() {
    let unquoted = regex::Regex::new(r": ([0-9]{12})[,}\n]").unwrap();
    let mut seen = 0;
    for block in blocks_of("yaml policy").iter().filter(|block| unquoted.is_match(&block.text)) {
        for test in &quiet(&block.text, block.line).tests {
            let json: serde_json::Value = serde_json::from_str(&test.events[0]).unwrap();
            let ids = [&json["recipientAccountId"], &json["userIdentity"]["accountId"]];
            assert!(ids.iter().all(|id| id.is_null() || id.is_string()), "line {}: {}", block.line, test.events[0]);
            seen += ids.iter().filter(|id| id.is_string()).count();
        }
    }
    assert!(seen > 0, "no test event holds an account id without quotes");
}

#[test]
fn the_policies_and_frameworks_load_as_one_set() {
    let blocks: Vec<Block> = blocks()
        .into_iter()
        .filter(|block| matches!(block.info.as_str(), "yaml policy" | "yaml framework" | "yaml filter"))
        .collect();
    let names: Vec<String> = blocks.iter().map(|block| format!("line {}", block.line)).collect();
    let files = names.iter().zip(&blocks).map(|(name, block)| (name.as_str(), block.text.as_str()));
    let loaded = policy::load(files);
    let found: Vec<String> =
        loaded.diagnostics.iter().map(|one| format!("{}: {} {}", one.file, one.span.at.line, one.message)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(loaded.frameworks.len() >= MIN_FRAMEWORKS, "the framework example is gone");
}

#[test]
fn every_error_block_gives_the_mistakes_below_it() {
    let all = blocks();
    let mut count = 0;
    for (block, next) in all.iter().zip(all.iter().skip(1)).filter(|(block, _)| block.info == "yaml error") {
        assert_eq!(next.info, "text", "line {}: a ```text block with the expected mistakes must follow", block.line);
        let loaded = policy::load([("example", block.text.as_str())]);
        assert!(loaded.has_errors(), "line {}: the policy loads", block.line);
        let expected: Vec<&str> = next.text.lines().collect();
        assert_eq!(places(&loaded.diagnostics), expected, "line {}: {:#?}", block.line, explained(&loaded.diagnostics));
        count += 1;
    }
    assert_eq!(count, blocks_of("yaml error").len(), "the last ```yaml error block has no expected mistakes");
    assert!(count >= MIN_ERRORS, "only {count} blocks with mistakes are left, at least {MIN_ERRORS} are expected");
}

#[test]
fn every_modifier_is_explained_and_occurs_in_an_executed_example() {
    let mut used = BTreeSet::new();
    for row in example_rows() {
        for (_, selection) in &example(row.code(0), row.line).detection.selections {
            modifiers_of_selection(selection, &mut used);
        }
    }
    // What `expand` stands for comes from the configuration, which rows do not have; `policy::load` has its tests.
    let known: BTreeSet<&str> = Modifier::ALL.iter().map(|(_, name)| *name).collect();
    used.insert("expand");
    assert_eq!(used, known, "modifiers in executed examples, and modifiers of the engine");
    let table = rows("| modifier | meaning | not together with |");
    let explained: Vec<&str> = table.iter().map(|row| row.code(0)).collect();
    for name in &known {
        assert_eq!(explained.iter().filter(|other| *other == name).count(), 1, "`{name}` in the table of modifiers");
    }
    assert!(explained.iter().all(|name| known.contains(name)), "{explained:?}");
}

fn modifiers_of_selection(selection: &Selection, used: &mut BTreeSet<&'static str>) {
    match selection {
        Selection::All(items) => modifiers_of_items(items, used),
        Selection::Any(parts) => parts.iter().for_each(|part| modifiers_of_selection(part, used)),
        Selection::Keywords { .. } => {}
    }
}

fn modifiers_of_items(items: &[Item], used: &mut BTreeSet<&'static str>) {
    for item in items {
        used.extend(item.modifiers.iter().map(|modifier| modifier.name()));
        for value in &item.values {
            if let Literal::Map(inner) = value {
                modifiers_of_items(inner, used);
            }
        }
    }
}

/// The loader tells its keys in the hint to an unknown one that resembles none of them.
fn known_keys(source: &str) -> BTreeSet<String> {
    let loaded = policy::load([("f", source)]);
    let hints = loaded.diagnostics.iter().filter(|one| one.code == "unknown-key").filter_map(|one| one.hint.as_deref());
    let lists: Vec<&str> = hints.filter_map(|hint| hint.strip_prefix("known keys here: ")).collect();
    assert_eq!(lists.len(), 1, "one list of known keys is expected for {source}");
    lists[0].split(", ").map(str::to_owned).collect()
}

fn documented_keys(header: &str) -> BTreeSet<String> {
    rows(header).iter().map(|row| row.code(0).to_owned()).collect()
}

#[test]
fn the_tables_of_keys_are_those_of_the_loader() {
    let odd = "qqqqqqqqqqqq";
    let source = "logsource: {product: aws, service: cloudtrail}\n";
    let policy = format!("id: a-b\ntitle: T\nlevel: low\n{SMALL}");
    assert_eq!(documented_keys("| key | meaning | default |"), known_keys(&format!("{policy}{source}{odd}: 1\n")), "policy");
    let within = |inner: &str| known_keys(&format!("{policy}{source}{inner}\n"));
    assert_eq!(documented_keys("| key of `needs` | meaning | default |"), within(&format!("needs: {{{odd}: 1}}")), "needs");
    let test = format!("tests: [{{name: n, event: {{a: 1}}, expect: match, {odd}: 1}}]");
    assert_eq!(documented_keys("| key of a test | meaning |"), within(&test), "tests");
    let logsource = known_keys(&format!("{policy}logsource: {{product: aws, service: cloudtrail, {odd}: 1}}\n"));
    assert_eq!(documented_keys("| key of `logsource` | meaning |"), logsource, "logsource");

    let threshold = within(&format!("threshold: {{count: 1, within: 1m, {odd}: 1}}"));
    assert_eq!(documented_keys("| key of `threshold` | meaning | default |"), threshold, "threshold");
    let head = "id: c-d\ntitle: T\nlevel: low\ncorrelation:\n  type: event_count\n  rules: [a-b]\n  timespan: 1m\n";
    let correlation = known_keys(&format!("{policy}{source}---\n{head}  condition: {{gte: 1}}\n  {odd}: 1\n"));
    let mut documented = documented_keys("| key of `correlation` | meaning |");
    // The older name of `timespan` stands in its row.
    documented.insert("timeframe".to_owned());
    assert_eq!(documented, correlation, "correlation");
    let kinds: BTreeSet<String> = policy::WindowKind::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(documented_keys("| type | fires when, within the timespan and for one group, |"), kinds, "types");

    let framework = |requirement: &str, more: &str| {
        known_keys(&format!(
            "framework: f\ntitle: T\nversion: '1'\n{more}requirements: [{{id: '1', answered-by: none, {requirement}}}]\n"
        ))
    };
    let top = framework("title: t", &format!("{odd}: 1\n"));
    assert_eq!(documented_keys("| key of a framework | meaning |"), top, "framework");
    let mut requirement = framework(&format!("title: t, {odd}: 1"), "");
    // The names of the two maps inside a requirement stand in the same table, behind the key that holds them.
    let inside = |key: &str, keys: BTreeSet<String>| keys.into_iter().map(|inner| format!("{key}.{inner}")).collect::<Vec<_>>();
    requirement.extend(inside("title", framework(&format!("title: {{en: t, {odd}: 1}}"), "")));
    let mapping = format!("title: t, policies: [{{policy: p, kind: absent, {odd}: 1}}]");
    requirement.extend(inside("policies", framework(&mapping, "")));
    assert_eq!(documented_keys("| key of a requirement | meaning |"), requirement, "requirement");
}

/// The defaults that the table of keys promises.
#[test]
fn the_defaults_are_those_of_the_table() {
    let id = "id: 00000000-0000-4000-8000-000000000000\n";
    let policy = quiet(&format!("{id}title: T\nlogsource: {{product: aws, service: cloudtrail}}\n{SMALL}"), 0);
    let defaults: BTreeMap<String, String> =
        rows("| key | meaning | default |").into_iter().map(|row| (row.code(0).to_owned(), row.cells[2].clone())).collect();
    let written = |paths: &[policy::FieldPath]| {
        format!("`[{}]`", paths.iter().map(|path| path.written.as_str()).collect::<Vec<_>>().join(", "))
    };
    assert_eq!(policy.level, Level::Medium);
    assert!(defaults["level"].contains("`medium`"));
    assert_eq!((policy.per, defaults["per"].as_str()), (Per::Account, "`account`"));
    assert_eq!((policy.require, defaults["require"].as_str()), (Require::None, "`none`"));
    assert_eq!(
        (policy.evidence.unwrap_or(policy::Evidence::Verified), defaults["evidence"].as_str()),
        (policy::Evidence::Verified, "`verified`")
    );
    assert_eq!(defaults["group-by"], written(&policy.group_by));
    assert_eq!(defaults["show"], written(&policy.show));
}

/// What a source reports, the part above its tests.
struct Codes {
    found: Vec<(&'static str, Severity)>,
    /// Calls whose code is a variable; the code stands in a returned pair then.
    indirect: usize,
    calls: usize,
}

fn codes_in(source: &'static str) -> Codes {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let matcher = |pattern: &str| regex::Regex::new(pattern).expect("the pattern is a constant of this test");
    let reported = matcher(r#"\.(error|warning)\(\s*(?:[\w.:&*]+|Span \{[^}]*\}),\s*"([a-z-]+)""#);
    let returned = matcher(r#"\(\s*"([a-z-]+)",\s*(?:format!|"[^"]+"\.to_owned)"#);
    let mut found = Vec::new();
    for [word, code] in reported.captures_iter(code).map(|captures| captures.extract().1) {
        found.push((code, if word == "error" { Severity::Error } else { Severity::Warning }));
    }
    let direct = found.len();
    found.extend(returned.captures_iter(code).map(|captures| (captures.extract::<1>().1[0], Severity::Error)));
    let calls = matcher(r"\.(?:error|warning)\(").find_iter(code).count();
    Codes { found, indirect: calls - direct, calls }
}

#[test]
fn every_error_code_in_the_source_is_documented_and_no_other() {
    let mut expected: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let (mut calls, mut indirect) = (0, 0);
    for (_, source) in SOURCES {
        let codes = codes_in(source);
        calls += codes.calls;
        indirect += codes.indirect;
        for (code, severity) in codes.found {
            expected.entry(code).or_default().insert(severity.to_string());
        }
    }
    assert!(calls >= 40, "only {calls} reports are found in the sources");
    assert_eq!(indirect, 2, "a report whose code the patterns of this test do not see (known are those over `check_value`)");
    let table = rows("| code | severity | meaning |");
    let documented: BTreeMap<&str, BTreeSet<String>> =
        table.iter().map(|row| (row.code(0), row.cells[1].split(" or ").map(str::to_owned).collect())).collect();
    assert_eq!(documented, expected, "codes in the document, and codes in the sources");
}

#[test]
fn the_list_of_sources_is_complete() {
    let listed: BTreeSet<&str> = SOURCES.iter().map(|(name, _)| *name).filter(|name| *name != "yaml").collect();
    let policy = include_str!("../src/policy.rs");
    let lines = policy.lines().map(|line| line.strip_prefix("pub ").unwrap_or(line));
    let declared: BTreeSet<&str> = lines.filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';')).collect();
    assert_eq!(listed, declared);
}
