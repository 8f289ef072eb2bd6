//! Frameworks as data: requirements in our own words, and the policies that answer them.

use crate::diagnostic::{Report, Span};
use crate::policy::reader;
use crate::yaml::{Node, Yaml};

/// A framework, for example a benchmark in one version.
#[derive(Clone, Debug)]
pub struct Framework {
    /// Unique id, with the version.
    pub id: String,
    /// Title.
    pub title: String,
    /// Version as the publisher writes it.
    pub version: String,
    /// The file it came from, as the user named it.
    pub file: String,
    /// Where it begins in the file.
    pub span: Span,
    /// In the order of the framework.
    pub requirements: Vec<Requirement>,
}

/// One requirement.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// Id in the framework.
    pub id: String,
    /// Title in our words, English.
    pub title: String,
    /// Title in our words, Japanese; empty if not translated.
    pub title_ja: String,
    /// Level in the framework, where it has levels.
    pub level: Option<u8>,
    /// Whether the framework calls for a person's judgement.
    pub manual: bool,
    /// Where the answer lies.
    pub answered_by: AnsweredBy,
    /// The policies that answer it.
    pub policies: Vec<Mapping>,
}

/// Where the answer to a requirement lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsweredBy {
    /// Audit logs answer it for a period.
    Events,
    /// Only the configuration of resources answers it.
    Configuration,
    /// Configuration gives the state, logs prove the period.
    Both,
    /// No interface of AWS answers it.
    None,
}

/// How a policy answers a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing may match.
    Absent,
    /// Evaluated on complete evidence; matches are listed for review and do not fail it.
    Monitored,
}

impl Kind {
    /// The name in a framework file.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Absent => "absent",
            Kind::Monitored => "monitored",
        }
    }
}

/// A policy's part in a requirement.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Policy id.
    pub policy: String,
    /// How it answers.
    pub kind: Kind,
    /// Where it is named.
    pub span: Span,
}

/// Reads a framework document.
pub(crate) fn read(node: &Node, file: &str, report: &mut Report<'_>) -> Option<Framework> {
    reader::check_keys(node, &["framework", "title", "version", "publisher", "url", "requirements"], false, report);
    let id = reader::required_text(node, "framework", report);
    let title = reader::required_text(node, "title", report);
    let version = reader::required_text(node, "version", report);
    let mut requirements: Vec<Requirement> = Vec::new();
    match node.get("requirements").map(|list| (list, &list.value)) {
        Some((_, Yaml::List(items))) => {
            for item in items {
                let Some(requirement) = requirement(item, report) else { continue };
                if requirements.iter().any(|other| other.id == requirement.id) {
                    report.error(item.span, "duplicate-id", format!("requirement `{}` stands twice", requirement.id));
                }
                requirements.push(requirement);
            }
        }
        Some((list, _)) => reader::wrong_kind(list, "requirements", "a list", report),
        None => {
            report.error(node.span, "missing-key", "`requirements` is missing");
        }
    }
    Some(Framework { id: id?, title: title?, version: version?, file: file.to_owned(), span: node.span, requirements })
}

fn requirement(node: &Node, report: &mut Report<'_>) -> Option<Requirement> {
    if !matches!(node.value, Yaml::Map(_)) {
        reader::wrong_kind(node, "requirements", "a list of maps", report);
        return None;
    }
    reader::check_keys(node, &["id", "title", "level", "manual", "answered-by", "policies", "note"], false, report);
    let id = reader::required_text(node, "id", report);
    let (title, title_ja) = titles(node, report);
    let level = reader::text(node, "level", report).and_then(|text| match text.parse() {
        Ok(level) => Some(level),
        Err(_) => {
            report.error(node.span, "wrong-value", format!("`level` must be a number from 0 to 255, this is `{text}`"));
            None
        }
    });
    let places = [
        ("events", AnsweredBy::Events),
        ("configuration", AnsweredBy::Configuration),
        ("both", AnsweredBy::Both),
        ("none", AnsweredBy::None),
    ];
    let answered_by = reader::choice(node, "answered-by", &places, report);
    if node.get("answered-by").is_none() {
        report.error(node.span, "missing-key", "`answered-by` is missing").hint("one of events, configuration, both, none");
    }
    let mut policies = Vec::new();
    if let Some(list) = node.get("policies") {
        match &list.value {
            Yaml::List(items) => policies.extend(items.iter().filter_map(|item| mapping(item, report))),
            _ => reader::wrong_kind(list, "policies", "a list", report),
        }
    }
    Some(Requirement {
        id: id?,
        title,
        title_ja,
        level,
        manual: reader::boolean(node, "manual", report).unwrap_or(false),
        answered_by: answered_by?,
        policies,
    })
}

/// `title: text` or `title: {en: text, ja: text}`.
fn titles(node: &Node, report: &mut Report<'_>) -> (String, String) {
    match node.get("title") {
        Some(map) if matches!(map.value, Yaml::Map(_)) => {
            reader::check_keys(map, &["en", "ja"], false, report);
            let english = reader::required_text(map, "en", report).unwrap_or_default();
            (english, reader::text(map, "ja", report).unwrap_or_default())
        }
        _ => (reader::required_text(node, "title", report).unwrap_or_default(), String::new()),
    }
}

fn mapping(node: &Node, report: &mut Report<'_>) -> Option<Mapping> {
    if !matches!(node.value, Yaml::Map(_)) {
        reader::wrong_kind(node, "policies", "a list of `{policy: id, kind: absent | monitored}`", report);
        return None;
    }
    reader::check_keys(node, &["policy", "kind"], false, report);
    let policy = reader::required_text(node, "policy", report)?;
    let kind = reader::choice(node, "kind", &[("absent", Kind::Absent), ("monitored", Kind::Monitored)], report);
    if node.get("kind").is_none() {
        report
            .error(node.span, "missing-key", "`kind` is missing")
            .hint("`absent`: nothing may match; `monitored`: matches are for review");
    }
    let span = node.get("policy").map_or(node.span, |name| name.span);
    Some(Mapping { policy, kind: kind?, span })
}
