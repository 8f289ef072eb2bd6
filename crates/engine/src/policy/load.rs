//! Loads policy and framework files and checks what only the whole set can show: duplicate ids and missing policies.

use std::collections::BTreeMap;

use super::detection::{check_field, read as read_detection, selection as read_selection};
use super::{
    Evidence, FieldPath, Framework, Level, Per, Policy, PolicyTest, Population, Require, Truth, framework, lint, needs, reader,
    values,
};
use crate::diagnostic::{Diagnostic, Report, Severity, Span};
use crate::yaml::{self, Node, Yaml};

/// Keys of a Sigma rule, and ours.
const KEYS: [&str; 32] = [
    "author",
    "custom",
    "date",
    "description",
    "detection",
    "evidence",
    "falsepositives",
    "fields",
    "group-by",
    "id",
    "level",
    "license",
    "logsource",
    "modified",
    "name",
    "needs",
    "per",
    "population",
    "references",
    "related",
    "remediation",
    "require",
    "resource",
    "scope",
    "show",
    "simulation",
    "status",
    "tags",
    "taxonomy",
    "tests",
    "title",
    "regression_tests_path",
];

/// What the files hold. Use nothing of it while [`Loaded::has_errors`].
#[derive(Debug, Default)]
pub struct Loaded {
    /// By id.
    pub policies: Vec<Policy>,
    /// By id.
    pub frameworks: Vec<Framework>,
    /// Every mistake, by file and place.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// Whether the run must not start.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|found| found.severity == Severity::Error)
    }
}

/// Loads files given as (name, content). The order of the files does not matter.
pub fn load<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Loaded {
    let mut loaded = Loaded::default();
    for (name, source) in files {
        let mut report = Report::new(name);
        let documents = yaml::parse(source, &mut report);
        if documents.is_empty() && !report.has_errors() {
            report.error(Span::START, "empty-file", "there is no policy in this file").hint("remove the file, or write one");
        }
        for document in documents {
            let known = loaded.policies.len() + loaded.frameworks.len();
            read_document(&document, name, &mut loaded, &mut report);
            // A policy must never vanish without a word.
            if known == loaded.policies.len() + loaded.frameworks.len() && !report.has_errors() {
                report.error(document.span, "unreadable", "this document could not be read; please report it as a bug");
            }
        }
        loaded.diagnostics.extend(report.finish());
    }
    loaded.policies.sort_by(|a, b| a.id.cmp(&b.id).then_with(|| a.file.cmp(&b.file)));
    loaded.frameworks.sort_by(|a, b| a.id.cmp(&b.id).then_with(|| a.file.cmp(&b.file)));
    check_ids(&mut loaded);
    check_mappings(&mut loaded);
    loaded.diagnostics.sort_by(|a, b| a.file.cmp(&b.file).then_with(|| a.span.cmp(&b.span)));
    loaded
}

fn read_document(node: &Node, file: &str, loaded: &mut Loaded, report: &mut Report<'_>) {
    if !matches!(node.value, Yaml::Map(_)) {
        report.error(node.span, "wrong-type", format!("a policy must be a map, this is {}", node.kind()));
        return;
    }
    for (key, what) in
        [("correlation", "correlations are"), ("filter", "filter documents are"), ("action", "rule collections are")]
    {
        if node.get(key).is_some() {
            report
                .error(node.span, "not-supported-yet", format!("{what} not supported yet"))
                .hint("move the file out of the policies folder until a version supports it");
            return;
        }
    }
    if node.get("framework").is_some() {
        loaded.frameworks.extend(framework::read(node, file, report));
    } else {
        loaded.policies.extend(read_policy(node, file, report));
    }
}

fn read_policy(node: &Node, file: &str, report: &mut Report<'_>) -> Option<Policy> {
    let id = reader::required_text(node, "id", report);
    let sigma = id.as_deref().is_some_and(is_uuid);
    reader::check_keys(node, &KEYS, sigma, report);
    if let (Some(id), Some(value)) = (&id, node.get("id"))
        && !sigma
        && !is_kebab(id)
    {
        report
            .error(value.span, "bad-id", format!("`{id}` is not an id"))
            .hint("lower-case words joined by hyphens (`trail-stopped`), or the UUID of a Sigma rule");
    }
    if let Some(resource) = node.get("resource") {
        report
            .error(resource.span, "not-supported-yet", "configuration policies (`resource:`) are not supported yet")
            .hint("nothing reads configuration in this version, so the policy could only seem to pass");
        return None;
    }
    let title = reader::required_text(node, "title", report);
    check_logsource(node, report);
    let level = level(node, sigma, report);
    if node.get("detection").is_none() {
        report.error(node.span, "missing-key", "`detection` is missing");
    }
    let counted = node.get("population").and_then(Node::text);
    let detection = node.get("detection").and_then(|detection| read_detection(detection, counted, report));
    detection.iter().for_each(|detection| lint::check(detection, report));
    let names: Vec<&str> = detection.iter().flat_map(|d| d.selections.iter().map(|(name, _)| name.as_str())).collect();
    let population = population(node, &names, detection.is_some(), report);
    let needs = match (node.get("needs"), &detection) {
        (Some(written), Some(detection)) => needs::read(written, detection, report),
        (_, detection) => detection.as_ref().map(needs::derive),
    };
    let group_by =
        if node.get("group-by").is_some() { paths(node, "group-by", report) } else { vec![FieldPath::new("userIdentity.arn")] };
    let show = ["show", "fields"].into_iter().find(|key| node.get(key).is_some());
    let show = show.map_or_else(default_show, |key| paths(node, key, report));
    let require = reader::choice(node, "require", &[("none", Require::None), ("any", Require::Any)], report);
    let pers = [("organization", Per::Organization), ("account", Per::Account), ("region", Per::Region)];
    let per = reader::choice(node, "per", &pers, report);
    let grades = [("verified", Evidence::Verified), ("delivered", Evidence::Delivered)];
    let evidence = reader::choice(node, "evidence", &grades, report);
    let tests = tests(node, report);
    let text = |key, report: &mut Report<'_>| reader::text(node, key, report).unwrap_or_default();
    let detection = detection?;
    Some(Policy {
        id: id?,
        title: title?,
        description: text("description", report),
        level: level?,
        tags: reader::texts(node, "tags", report),
        references: reader::texts(node, "references", report),
        falsepositives: reader::texts(node, "falsepositives", report),
        file: file.to_owned(),
        span: node.get("id").map_or(node.span, |id| id.span),
        population: population?,
        needs: needs?,
        needs_derived: node.get("needs").is_none(),
        require: require.unwrap_or(Require::None),
        per: per.unwrap_or(Per::Account),
        evidence,
        group_by,
        show,
        remediation: text("remediation", report),
        tests,
        detection,
    })
}

fn is_kebab(id: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    id.len() <= 100 && id.split('-').all(word)
}

fn is_uuid(id: &str) -> bool {
    let parts: Vec<usize> = id.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn check_logsource(node: &Node, report: &mut Report<'_>) {
    let Some(source) = node.get("logsource") else {
        report
            .error(node.span, "missing-key", "`logsource` is missing")
            .hint("write `logsource: {product: aws, service: cloudtrail}`");
        return;
    };
    reader::check_keys(source, &["category", "product", "service", "definition"], false, report);
    let product = reader::text(source, "product", report);
    let service = reader::text(source, "service", report);
    if (product.as_deref(), service.as_deref()) != (Some("aws"), Some("cloudtrail")) {
        let named = [product, service].map(|part| part.unwrap_or_else(|| "any".to_owned())).join("/");
        report
            .error(source.span, "unread-logsource", format!("no source of `{named}` logs is read in this version"))
            .hint("`product: aws` with `service: cloudtrail` is; a policy that nothing feeds would look like a pass");
    }
}

/// `level` may be missing in a Sigma rule, where it is optional; then it is medium.
fn level(node: &Node, sigma: bool, report: &mut Report<'_>) -> Option<Level> {
    if node.get("level").is_none() {
        if sigma {
            return Some(Level::Medium);
        }
        report.error(node.span, "missing-key", "`level` is missing").hint("one of informational, low, medium, high, critical");
    }
    reader::choice(node, "level", &Level::ALL.map(|level| (level.name(), level)), report)
}

fn population(node: &Node, names: &[&str], detected: bool, report: &mut Report<'_>) -> Option<Population> {
    let Some(value) = node.get("population") else { return Some(Population::Sources) };
    let Some(name) = value.text() else { return read_selection(value, report).map(Population::Own) };
    if detected && !names.contains(&name) {
        report
            .error(value.span, "undefined-selection", format!("there is no selection `{name}`"))
            .hint(format!("defined are: {}; or write a map of its own", names.join(", ")));
        return None;
    }
    Some(Population::Selection(name.to_owned()))
}

/// Field paths under `key`; one that no record has is worth a warning, because it would be empty everywhere.
fn paths(node: &Node, key: &str, report: &mut Report<'_>) -> Vec<FieldPath> {
    let paths: Vec<FieldPath> = reader::texts(node, key, report).iter().map(|path| FieldPath::new(path)).collect();
    let span = node.get(key).map_or(node.span, |list| list.span);
    paths.iter().for_each(|path| check_field(path, span, report));
    paths
}

fn default_show() -> Vec<FieldPath> {
    ["eventName", "userIdentity.arn", "sourceIPAddress", "errorCode"].map(FieldPath::new).to_vec()
}

fn tests(node: &Node, report: &mut Report<'_>) -> Vec<PolicyTest> {
    let Some(list) = node.get("tests") else { return Vec::new() };
    let Yaml::List(items) = &list.value else {
        reader::wrong_kind(list, "tests", "a list", report);
        return Vec::new();
    };
    items.iter().filter_map(|item| test(item, report)).collect()
}

fn test(node: &Node, report: &mut Report<'_>) -> Option<PolicyTest> {
    if !matches!(node.value, Yaml::Map(_)) {
        reader::wrong_kind(node, "tests", "a list of maps", report);
        return None;
    }
    reader::check_keys(node, &["name", "event", "expect"], false, report);
    let name = reader::required_text(node, "name", report);
    let outcomes = [Truth::True, Truth::False, Truth::Unknown].map(|truth| (truth.name(), truth));
    let expect = reader::choice(node, "expect", &outcomes, report);
    if node.get("expect").is_none() {
        report.error(node.span, "missing-key", "`expect` is missing").hint("one of match, no-match, not-evaluable");
    }
    let event = match node.get("event") {
        Some(event) if matches!(event.value, Yaml::Map(_)) => Some(values::json(event)),
        Some(event) => {
            reader::wrong_kind(event, "event", "a map", report);
            None
        }
        None => {
            report.error(node.span, "missing-key", "`event` is missing");
            None
        }
    };
    Some(PolicyTest { name: name?, event: event?, expect: expect?, span: node.span })
}

fn check_ids(loaded: &mut Loaded) {
    let policies = loaded.policies.iter().map(|policy| ("policy", &policy.id, &policy.file, policy.span));
    let frameworks = loaded.frameworks.iter().map(|framework| ("framework", &framework.id, &framework.file, framework.span));
    let mut seen: BTreeMap<(&str, &str), String> = BTreeMap::new();
    let mut found = Vec::new();
    for (what, id, file, span) in policies.chain(frameworks) {
        let place = format!("{file}:{}", span.at.line);
        if let Some(first) = seen.get(&(what, id.as_str())) {
            let mut report = Report::new(file);
            report
                .error(span, "duplicate-id", format!("the {what} id `{id}` is already used in {first}"))
                .hint("ids are how findings, waivers and frameworks refer to a policy: give each its own");
            found.extend(report.finish());
        } else {
            seen.insert((what, id), place);
        }
    }
    loaded.diagnostics.extend(found);
}

/// A framework may only name policies that exist. If some policy could not be read this cannot be told.
fn check_mappings(loaded: &mut Loaded) {
    if loaded.has_errors() {
        return;
    }
    let mut found = Vec::new();
    for framework in &loaded.frameworks {
        let mut report = Report::new(&framework.file);
        for mapping in framework.requirements.iter().flat_map(|requirement| &requirement.policies) {
            if !loaded.policies.iter().any(|policy| policy.id == mapping.policy) {
                report
                    .error(mapping.span, "unknown-policy", format!("there is no policy `{}`", mapping.policy))
                    .hint("a requirement whose policy is missing would have no answer");
            }
        }
        found.extend(report.finish());
    }
    loaded.diagnostics.extend(found);
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "id: a-b\ntitle: T\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\n\
        detection:\n  sel: {eventName: X}\n  condition: sel\n";

    fn codes(files: &[(&str, &str)]) -> Vec<String> {
        load(files.iter().copied())
            .diagnostics
            .iter()
            .map(|found| format!("{}:{}:{} {}", found.file, found.span.at.line, found.span.at.column, found.code))
            .collect()
    }

    #[test]
    fn a_small_policy_loads_with_its_defaults() {
        let loaded = load([("f", GOOD)]);
        assert_eq!(loaded.diagnostics, []);
        let policy = &loaded.policies[0];
        assert_eq!(policy.group_by, [FieldPath::new("userIdentity.arn")]);
        assert_eq!(policy.population, Population::Sources);
        assert!(policy.needs_derived);
    }

    #[test]
    fn five_mistakes_come_at_once_with_their_places() {
        let source = "id: A B\ntitle: T\nlevel: hihg\nlogsource: {product: aws, service: cloudtrail}\ncolour: red\n\
            detection:\n  sel:\n    eventName|contain: X\n  condition: sel and other\nevidence: maybe\n";
        assert_eq!(
            codes(&[("f", source)]),
            [
                "f:1:5 bad-id",
                "f:3:8 wrong-value",
                "f:5:1 unknown-key",
                "f:8:5 unknown-modifier",
                "f:9:22 undefined-selection",
                "f:10:11 wrong-value"
            ]
        );
    }

    #[test]
    fn the_set_is_checked_as_a_whole() {
        assert_eq!(codes(&[("f", GOOD), ("g", GOOD)]), ["g:1:5 duplicate-id"]);
        let framework = "framework: x\ntitle: X\nversion: '1'\nrequirements:\n- {id: '1', title: t, answered-by: events, policies: [{policy: nope, kind: absent}]}\n";
        assert_eq!(codes(&[("f", GOOD), ("x", framework)]), ["x:5:64 unknown-policy"]);
    }

    #[test]
    fn what_is_not_supported_is_named() {
        assert_eq!(codes(&[("f", "title: x\ncorrelation: {}\n")]), ["f:1:1 not-supported-yet"]);
        assert_eq!(codes(&[("f", "title: x\nfilter: {}\n")]), ["f:1:1 not-supported-yet"]);
        let windows = GOOD.replace("product: aws, service: cloudtrail", "product: windows");
        assert_eq!(codes(&[("f", &windows)]), ["f:4:12 unread-logsource"]);
    }

    #[test]
    fn sigma_rules_may_carry_keys_of_their_own() {
        let sigma = GOOD.replace("id: a-b", "id: 4db60cc0-36fb-42b7-9b58-a5b53019fb74\nmy_key: 1").replace("level: low\n", "");
        let loaded = load([("f", sigma.as_str())]);
        assert!(!loaded.has_errors());
        assert_eq!(loaded.diagnostics[0].code, "unknown-key");
        assert_eq!(loaded.policies[0].level, Level::Medium);
    }
}
