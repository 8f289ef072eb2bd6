//! The evidence that a PASS needs: which category of events, reads or writes, and which resources' data events.
//!
//! Derived from the detection where its event names tell, so that a trail that records only management events can never
//! let a policy about object reads pass. Sources: AWS CloudTrail user guide, "Logging management events" and "Logging data
//! events" (which operations count as data events, and their resource types).

use std::collections::BTreeSet;
use std::fmt;

use crate::candidates::{self, Candidate};
use crate::diagnostic::Report;
use crate::policy::{Condition, Detection, Item, Literal, Modifier, Selection, reader};
use crate::yaml::{Node, Yaml};

/// A category of CloudTrail events, recorded or not by its own selectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// Control-plane calls.
    Management,
    /// Data-plane calls on the resources that a trail's selectors name.
    Data,
    /// Calls through VPC endpoints.
    NetworkActivity,
    /// Unusual rates found by CloudTrail Insights.
    Insight,
}

impl Category {
    /// All categories.
    pub const ALL: [Category; 4] = [Category::Management, Category::Data, Category::NetworkActivity, Category::Insight];

    /// The name in a policy.
    pub fn name(self) -> &'static str {
        match self {
            Category::Management => "management",
            Category::Data => "data",
            Category::NetworkActivity => "network-activity",
            Category::Insight => "insight",
        }
    }
}

/// Reads, writes, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadWrite {
    /// Calls that only read.
    Read,
    /// Calls that change something.
    Write,
    /// Both.
    All,
}

impl ReadWrite {
    /// The name in a policy.
    pub fn name(self) -> &'static str {
        match self {
            ReadWrite::Read => "read",
            ReadWrite::Write => "write",
            ReadWrite::All => "all",
        }
    }
}

/// The evidence that a PASS needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Categories of events, each once, in order; at least one.
    pub categories: Vec<Category>,
    /// Reads, writes or both.
    pub read_write: ReadWrite,
    /// CloudFormation resource types whose data events are needed; empty for other categories, or for all types.
    pub resources: Vec<String>,
    /// Event sources (lower case) whose network-activity events are needed; empty for other categories, or for all sources.
    pub sources: Vec<String>,
}

impl fmt::Display for Needs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match self.read_write {
            ReadWrite::Read => "read",
            ReadWrite::Write => "write",
            ReadWrite::All => "read and write",
        };
        let categories: Vec<&str> = self.categories.iter().map(|category| category.name()).collect();
        write!(out, "{} events, {access}", categories.join(" and "))?;
        let of: Vec<&str> = self.resources.iter().chain(&self.sources).map(String::as_str).collect();
        if of.is_empty() { Ok(()) } else { write!(out, ", of {}", of.join(", ")) }
    }
}

impl Needs {
    /// What both need.
    #[must_use]
    pub(crate) fn and(mut self, other: &Needs) -> Needs {
        // Who names no source or resource needs all of them.
        let both = |a: &[String], b: &[String]| {
            let mut all = [a, b].concat();
            all.sort();
            all.dedup();
            if a.is_empty() || b.is_empty() { Vec::new() } else { all }
        };
        let has = |needs: &Needs, category| needs.categories.contains(&category);
        // Resources narrow data events alone, sources network activity alone.
        self.resources = match (has(&self, Category::Data), has(other, Category::Data)) {
            (true, true) => both(&self.resources, &other.resources),
            (true, false) => self.resources,
            (false, _) => other.resources.clone(),
        };
        self.sources = match [&self, other].map(|needs| needs.categories.contains(&Category::NetworkActivity)) {
            [true, true] => both(&self.sources, &other.sources),
            [true, false] => self.sources,
            [false, _] => other.sources.clone(),
        };
        self.categories.extend(&other.categories);
        self.categories.sort();
        self.categories.dedup();
        if self.read_write != other.read_write {
            self.read_write = ReadWrite::All;
        }
        self
    }
}

/// Reads the `needs` key; what it leaves out is taken from what was derived.
pub(crate) fn read(node: &Node, detection: &Detection, report: &mut Report<'_>) -> Option<Needs> {
    if !matches!(node.value, Yaml::Map(_)) {
        reader::wrong_kind(node, "needs", "a map", report);
        return None;
    }
    reader::check_keys(node, &["category", "read-write", "resources", "sources"], false, report);
    let mut categories: Vec<Category> = Vec::new();
    for name in reader::texts(node, "category", report) {
        match Category::ALL.into_iter().find(|category| category.name() == name) {
            Some(category) => categories.push(category),
            None => {
                let names = Category::ALL.map(Category::name).join(", ");
                let span = node.get("category").map_or(node.span, |category| category.span);
                report.error(span, "wrong-value", format!("`category` cannot be `{name}`")).hint(format!("one of {names}"));
            }
        }
    }
    categories.sort();
    categories.dedup();
    let accesses = [ReadWrite::Read, ReadWrite::Write, ReadWrite::All];
    let read_write = reader::choice(node, "read-write", &accesses.map(|access| (access.name(), access)), report);
    let own_resources = node.get("resources").map(|_| reader::texts(node, "resources", report));
    let own_sources = node.get("sources").map(|_| reader::texts(node, "sources", report));
    let own_sources: Option<Vec<String>> =
        own_sources.map(|sources| sources.iter().map(|source| source.to_lowercase()).collect());
    let derived = derive(detection);
    let categories = if categories.is_empty() { derived.categories } else { categories };
    let sources = own_sources.unwrap_or_else(|| network_sources(&categories, &candidates::of_detection(detection)));
    Some(Needs {
        categories,
        read_write: read_write.unwrap_or(derived.read_write),
        resources: own_resources.unwrap_or(derived.resources),
        sources,
    })
}

/// Derives the needs from what the detection can match.
///
/// Event names tell data events and writes. A detection that names none is taken to be about management events: what
/// else it should see only its author knows, and says under `needs`.
pub(crate) fn derive(detection: &Detection) -> Needs {
    let candidates = candidates::of_detection(detection);
    let operations: Vec<(Category, Option<&str>)> = candidates.iter().flat_map(categories_of).collect();
    let asked = Asked::by_condition(&detection.condition, detection);
    let mut categories: Vec<Category> = asked.named.into_iter().collect();
    if asked.others {
        categories.extend(operations.iter().map(|(category, _)| *category));
    }
    if categories.is_empty() {
        categories.push(Category::Management);
    }
    categories.sort();
    categories.dedup();
    let mut resources: Vec<String> = operations.into_iter().filter_map(|(_, resource)| resource.map(str::to_owned)).collect();
    resources.retain(|_| categories.contains(&Category::Data));
    resources.sort();
    resources.dedup();
    let sources = network_sources(&categories, &candidates);
    Needs { categories, read_write: access(&candidates), resources, sources }
}

/// The event sources whose network activity is needed: those that the detection names, if every alternative of it names some.
fn network_sources(categories: &[Category], candidates: &[Candidate]) -> Vec<String> {
    if !categories.contains(&Category::NetworkActivity) {
        return Vec::new();
    }
    let named: Option<Vec<_>> = candidates.iter().map(|candidate| candidate.sources.as_ref()).collect();
    let distinct: BTreeSet<&String> = named.into_iter().flatten().flatten().collect();
    distinct.into_iter().cloned().collect()
}

/// The categories that a detection itself asks for, by `eventCategory`, or by fields that only Insight events have.
///
/// A policy is put to events of its categories alone, so whatever does not have to hold must not narrow them: a category
/// under `not`, or on one side of an `or`.
#[derive(Clone, Debug)]
struct Asked {
    named: BTreeSet<Category>,
    /// It can be true of events of other categories, whose operations then tell which.
    others: bool,
}

impl Asked {
    fn any() -> Asked {
        Asked { named: BTreeSet::new(), others: true }
    }

    fn only(named: impl IntoIterator<Item = Category>) -> Asked {
        Asked { named: named.into_iter().collect(), others: false }
    }

    fn and(self, other: Asked) -> Asked {
        let common = self.named.iter().filter(|category| other.others || other.named.contains(category));
        let more = other.named.iter().filter(|_| self.others);
        Asked { named: common.chain(more).copied().collect(), others: self.others && other.others }
    }

    fn or(mut self, other: Asked) -> Asked {
        self.named.extend(other.named);
        Asked { named: self.named, others: self.others || other.others }
    }

    fn by_condition(condition: &Condition, detection: &Detection) -> Asked {
        match condition {
            Condition::Selection(index) => {
                detection.selections.get(*index).map_or_else(Asked::any, |(_, selection)| Asked::by_selection(selection))
            }
            Condition::Not(_) => Asked::any(),
            Condition::And(parts) => {
                parts.iter().fold(Asked::any(), |asked, part| asked.and(Asked::by_condition(part, detection)))
            }
            Condition::Or(parts) => {
                parts.iter().fold(Asked::only([]), |asked, part| asked.or(Asked::by_condition(part, detection)))
            }
        }
    }

    fn by_selection(selection: &Selection) -> Asked {
        match selection {
            Selection::All(items) => items.iter().fold(Asked::any(), |asked, item| asked.and(Asked::by_item(item))),
            Selection::Any(parts) => parts.iter().fold(Asked::only([]), |asked, part| asked.or(Asked::by_selection(part))),
            Selection::Keywords { .. } => Asked::any(),
        }
    }

    fn by_item(item: &Item) -> Asked {
        // True of a record that has no such field.
        let absence = |value: &Literal| *value == Literal::Null || (item.has(Modifier::Exists) && *value == Literal::Bool(false));
        if item.has(Modifier::Neq) || item.values.iter().any(absence) {
            return Asked::any();
        }
        if item.field.keys.first().is_some_and(|first| first == "insightDetails") {
            return Asked::only([Category::Insight]);
        }
        if item.field.written != "eventCategory" || !item.modifiers.is_empty() {
            return Asked::any();
        }
        let named = |value: &Literal| {
            let value = value.written().to_lowercase();
            Category::ALL.into_iter().find(|category| category.name().replace('-', "") == value)
        };
        let all: Option<Vec<Category>> = item.values.iter().map(named).collect();
        all.map_or_else(Asked::any, Asked::only)
    }
}

/// Data events by event source: resource type and operations (lower case; a trailing `*` stands for any ending).
const DATA_EVENTS: [(&str, &str, &[&str]); 8] = [
    (
        "s3.amazonaws.com",
        "AWS::S3::Object",
        &[
            "getobject*",
            "putobject*",
            "deleteobject*",
            "copyobject",
            "headobject",
            "listobjects*",
            "listmultipartuploads",
            "listparts",
            "uploadpart*",
            "createmultipartupload",
            "completemultipartupload",
            "abortmultipartupload",
            "restoreobject",
            "selectobjectcontent",
        ],
    ),
    ("lambda.amazonaws.com", "AWS::Lambda::Function", &["invoke*"]),
    (
        "dynamodb.amazonaws.com",
        "AWS::DynamoDB::Table",
        &["getitem", "putitem", "deleteitem", "updateitem", "query", "scan", "batch*", "transact*", "execute*"],
    ),
    ("sns.amazonaws.com", "AWS::SNS::Topic", &["publish*"]),
    ("sqs.amazonaws.com", "AWS::SQS::Queue", &["sendmessage*", "receivemessage", "deletemessage*", "changemessagevisibility*"]),
    (
        "ebs.amazonaws.com",
        "AWS::EC2::Snapshot",
        &["getsnapshotblock", "putsnapshotblock", "listsnapshotblocks", "listchangedblocks"],
    ),
    ("cognito-identity.amazonaws.com", "AWS::Cognito::IdentityPool", &["getid", "getcredentialsforidentity", "getopenidtoken*"]),
    ("kinesis.amazonaws.com", "AWS::Kinesis::Stream", &["getrecords", "putrecord*", "getsharditerator", "subscribetoshard"]),
];

/// The category of each named operation, and the resource type of data events.
fn categories_of(candidate: &Candidate) -> Vec<(Category, Option<&'static str>)> {
    let (Some(sources), Some(names)) = (&candidate.sources, &candidate.names) else {
        return vec![(Category::Management, None)];
    };
    let fits = |name: &str, pattern: &&str| match pattern.strip_suffix('*') {
        Some(head) => name.starts_with(head),
        None => name == *pattern,
    };
    let mut found = Vec::new();
    for source in sources {
        let known = DATA_EVENTS.iter().find(|(known, ..)| known == source);
        for name in names {
            found.push(match known {
                Some((_, resource, patterns)) if patterns.iter().any(|pattern| fits(name, pattern)) => {
                    (Category::Data, Some(*resource))
                }
                _ => (Category::Management, None),
            });
        }
    }
    found
}

/// Reads only if every operation begins like a read, writes only if every one begins like a write; both if any is in
/// doubt, because needing more evidence than necessary is the safe mistake (`AssumeRole` counts as a read, for example).
fn access(candidates: &[Candidate]) -> ReadWrite {
    const READS: [&str; 9] = ["get", "list", "describe", "head", "lookup", "search", "batchget", "query", "select"];
    const WRITES: [&str; 46] = [
        "accept",
        "add",
        "allocate",
        "apply",
        "associate",
        "attach",
        "authorize",
        "cancel",
        "change",
        "create",
        "deactivate",
        "decline",
        "delete",
        "deregister",
        "detach",
        "disable",
        "disassociate",
        "enable",
        "import",
        "invite",
        "leave",
        "modify",
        "move",
        "publish",
        "put",
        "register",
        "reject",
        "remove",
        "replace",
        "reset",
        "restore",
        "revoke",
        "run",
        "schedule",
        "send",
        "set",
        "start",
        "stop",
        "tag",
        "terminate",
        "transfer",
        "untag",
        "update",
        "upload",
        "abort",
        "complete",
    ];
    let begins = |name: &str, verbs: &[&str]| verbs.iter().any(|verb| name.starts_with(verb));
    let names: Option<Vec<&String>> = candidates
        .iter()
        .map(|candidate| candidate.names.as_ref())
        .collect::<Option<Vec<_>>>()
        .map(|sets| sets.into_iter().flatten().collect());
    match names {
        Some(names) if names.iter().all(|name| begins(name, &READS)) => ReadWrite::Read,
        Some(names) if names.iter().all(|name| begins(name, &WRITES)) => ReadWrite::Write,
        _ => ReadWrite::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(detection: &str) -> String {
        let mut report = Report::new("f");
        let node = crate::yaml::parse(detection, &mut report).remove(0);
        derive(&crate::policy::read_detection(&node, None, &mut report).unwrap()).to_string()
    }

    #[test]
    fn needs_follow_from_the_event_names() {
        for (detection, expected) in [
            ("{a: {eventSource: cloudtrail.amazonaws.com, eventName: StopLogging}, condition: a}", "management events, write"),
            (
                "{a: {eventSource: s3.amazonaws.com, eventName: [GetObject, HeadObject]}, condition: a}",
                "data events, read, of AWS::S3::Object",
            ),
            (
                "{a: {eventSource: s3.amazonaws.com, eventName: [GetObject, PutBucketPolicy]}, condition: a}",
                "management and data events, read and write, of AWS::S3::Object",
            ),
            ("{a: {userIdentity.type: Root}, condition: a}", "management events, read and write"),
            ("{a: {eventSource: sts.amazonaws.com, eventName: AssumeRole}, condition: a}", "management events, read and write"),
            ("{a: {insightDetails.state: Start}, condition: a}", "insight events, read and write"),
            ("{a: {eventCategory: [Data, NetworkActivity]}, condition: a}", "data and network-activity events, read and write"),
            (
                "{a: {eventCategory: NetworkActivity, eventSource: [kms.amazonaws.com, EC2.amazonaws.com]}, condition: a}",
                "network-activity events, read and write, of ec2.amazonaws.com, kms.amazonaws.com",
            ),
            ("{a: {eventName: DescribeInstances}, condition: a}", "management events, read"),
            (
                "{a: {eventName: DescribeInstances}, b: {eventCategory: Insight}, condition: a and not b}",
                "management events, read",
            ),
            (
                "{a: {eventName: DescribeInstances}, b: {eventCategory: Insight}, condition: a or b}",
                "management and insight events, read and write",
            ),
            ("{a: {eventName: DescribeInstances, insightDetails: null}, condition: a}", "management events, read"),
            ("{a: {eventName: DescribeInstances, insightDetails|exists: false}, condition: a}", "management events, read"),
            ("{a: {eventCategory: 'Net*', eventName: DescribeInstances}, condition: a}", "management events, read"),
            (
                "{a: {eventCategory: [Insight, Data]}, b: {insightDetails.state: Start}, condition: a and b}",
                "insight events, read and write",
            ),
            ("{a: [{eventCategory: Data}, {eventName: CreateUser}], condition: a}", "management and data events, read and write"),
        ] {
            assert_eq!(needs(detection), expected, "{detection}");
        }
    }
}
