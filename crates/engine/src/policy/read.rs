//! Reads one policy document: what is about this policy alone. [`super::load`] sees to the whole set.

use super::detection::{check_field, read_whole, selection as read_selection};
use super::legacy::Aggregation;
use super::{
    Correlation, Detection, Evidence, FieldPath, Level, Needs, Per, Placeholders, Policy, PolicyTest, Population, Require, Truth,
    legacy, lint, needs, reader, threshold, values,
};
use crate::diagnostic::Report;
use crate::yaml::{Node, Yaml};

/// Keys of a Sigma rule, and ours.
pub(super) const KEYS: [&str; 36] = [
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
    "placeholders",
    "population",
    "references",
    "related",
    "remediation",
    "remediation-ja",
    "require",
    "resource",
    "scope",
    "show",
    "simulation",
    "status",
    "tags",
    "taxonomy",
    "tests",
    "threshold",
    "title",
    "title-ja",
    "regression_tests_path",
];

/// What a document looks for.
pub(super) struct Looks {
    pub(super) detection: Detection,
    pub(super) correlation: Option<Correlation>,
    /// The evidence that it needs if it does not say so itself.
    pub(super) needs: Needs,
}

/// Reads a policy with a detection of its own.
pub(super) fn policy(node: &Node, file: &str, report: &mut Report<'_>) -> Option<Policy> {
    check_head(node, &KEYS, report);
    if let Some(resource) = node.get("resource") {
        report
            .error(resource.span, "not-supported-yet", "configuration policies (`resource:`) are not supported yet")
            .hint("nothing reads configuration in this version, so the policy could only seem to pass");
        return None;
    }
    check_logsource(node, true, report);
    if node.get("detection").is_none() {
        report.error(node.span, "missing-key", "`detection` is missing");
    }
    let counted = node.get("population").and_then(Node::text);
    let whole = node.get("detection").and_then(|detection| read_whole(detection, counted, report));
    let looks = whole.and_then(|(detection, aggregation)| {
        lint::check(&detection, report);
        let needs = needs::derive(&detection);
        let correlation = correlation(node, &detection, aggregation, report)?;
        Some(Looks { detection, correlation, needs })
    });
    finish(node, file, looks, report)
}

/// What `threshold` or the condition makes of several matches; `None` if there is a mistake in it.
fn correlation(
    node: &Node,
    detection: &Detection,
    aggregation: Option<Aggregation>,
    report: &mut Report<'_>,
) -> Option<Option<Correlation>> {
    let name = reader::text(node, "id", report).unwrap_or_default();
    match (node.get("threshold"), aggregation) {
        (None, None) => Some(None),
        (None, Some(aggregation)) => Some(Some(legacy::correlation(aggregation, &name))),
        (Some(written), None) => threshold::read(node, written, &name, detection, report).map(Some),
        (Some(written), Some(_)) => {
            report
                .error(written.span, "wrong-value", "the condition counts already")
                .hint("write either `threshold`, or `| count()` with `timeframe`");
            None
        }
    }
}

/// Checks the keys and the id of a document; whether it is a Sigma rule by its id.
pub(super) fn check_head(node: &Node, keys: &[&str], report: &mut Report<'_>) -> bool {
    let id = reader::required_text(node, "id", report);
    let sigma = id.as_deref().is_some_and(is_uuid);
    reader::check_keys(node, keys, sigma, report);
    if let (Some(id), Some(value)) = (&id, node.get("id"))
        && !sigma
        && !is_kebab(id)
    {
        report
            .error(value.span, "bad-id", format!("`{id}` is not an id"))
            .hint("lower-case words joined by hyphens (`trail-stopped`), or the UUID of a Sigma rule");
    }
    sigma
}

/// Reads all that a policy and a correlation have in common.
pub(super) fn finish(node: &Node, file: &str, looks: Option<Looks>, report: &mut Report<'_>) -> Option<Policy> {
    let mut quiet = Report::new(file);
    let id = reader::text(node, "id", &mut quiet).filter(|id| !id.is_empty());
    let title = reader::required_text(node, "title", report);
    let level = level(node, id.as_deref().is_some_and(is_uuid), report);
    let detection = looks.as_ref().map(|looks| &looks.detection);
    let names: Vec<&str> = detection.iter().flat_map(|d| d.selections.iter().map(|(name, _)| name.as_str())).collect();
    let population = population(node, &names, detection.is_some(), report);
    let needs = match (node.get("needs"), &looks) {
        (Some(written), Some(looks)) => needs::read(written, &looks.detection, report),
        (_, looks) => looks.as_ref().map(|looks| looks.needs.clone()),
    };
    let own =
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
    let Looks { detection, correlation, .. } = looks?;
    if let (Some(Require::Any), Some(_), Some(require)) = (require, &correlation, node.get("require")) {
        report
            .error(require.span, "wrong-value", "a correlation cannot require a match")
            .hint("require a match of the rule, or use `not_followed_by`");
        return None;
    }
    let counted = correlation.as_ref().map(|correlation| &correlation.window.group_by);
    let group_by = counted.map_or(own, |names| names.iter().map(|name| FieldPath::new(name)).collect());
    Some(Policy {
        id: id?,
        name: reader::text(node, "name", report),
        title: title?,
        title_ja: text("title-ja", report),
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
        remediation_ja: text("remediation-ja", report),
        tests,
        detection,
        correlation,
        placeholders: placeholders(node, report),
        unconfigured: Vec::new(),
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

pub(super) fn check_logsource(node: &Node, required: bool, report: &mut Report<'_>) {
    let Some(source) = node.get("logsource") else {
        if required {
            report
                .error(node.span, "missing-key", "`logsource` is missing")
                .hint("write `logsource: {product: aws, service: cloudtrail}`");
        }
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

/// Values for the placeholders, by name.
fn placeholders(node: &Node, report: &mut Report<'_>) -> Placeholders {
    let Some(value) = node.get("placeholders") else { return Placeholders::new() };
    let Yaml::Map(entries) = &value.value else {
        reader::wrong_kind(value, "placeholders", "a map from names to lists of values", report);
        return Placeholders::new();
    };
    let names = entries.iter().filter_map(|(name, _)| name.text());
    names.map(|name| (name.to_owned(), reader::texts(value, name, report))).collect()
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
    reader::check_keys(node, &["name", "event", "events", "expect"], false, report);
    let name = reader::required_text(node, "name", report);
    let outcomes = [Truth::True, Truth::False, Truth::Unknown].map(|truth| (truth.name(), truth));
    let expect = reader::choice(node, "expect", &outcomes, report);
    if node.get("expect").is_none() {
        report.error(node.span, "missing-key", "`expect` is missing").hint("one of match, no-match, not-evaluable");
    }
    let events = match (node.get("event"), node.get("events")) {
        (Some(event), None) => one_event(event, "event", report).map(|event| vec![event]),
        (None, Some(list)) => events(list, report),
        (Some(_), Some(both)) => {
            report.error(both.span, "wrong-value", "`event` and `events` cannot stand together");
            None
        }
        (None, None) => {
            report.error(node.span, "missing-key", "`event` is missing").hint("or `events`, a list of records with their times");
            None
        }
    };
    Some(PolicyTest { name: name?, events: events?, expect: expect?, span: node.span })
}

fn one_event(node: &Node, key: &str, report: &mut Report<'_>) -> Option<String> {
    if matches!(node.value, Yaml::Map(_)) {
        return Some(values::json(node));
    }
    reader::wrong_kind(node, key, "a map", report);
    None
}

/// The records of a test that is about their times.
fn events(node: &Node, report: &mut Report<'_>) -> Option<Vec<String>> {
    let Yaml::List(items) = &node.value else {
        reader::wrong_kind(node, "events", "a list of maps", report);
        return None;
    };
    let mut events = Vec::new();
    for item in items {
        events.push(one_event(item, "events", report)?);
        let time = item.get("eventTime").and_then(Node::text).and_then(crate::time::parse);
        if time.is_none() {
            report
                .error(item.span, "missing-key", "`eventTime` is missing, or no UTC time")
                .hint("records that are looked at together need their times: `eventTime: 2026-11-02T09:00:00Z`");
            return None;
        }
    }
    Some(events)
}
