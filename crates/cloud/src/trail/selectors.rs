//! What a trail's event selectors record, as a value that can be asked.
//!
//! A selector narrows in ways that CloudTrail keeps adding to. Whatever is not understood makes the answer
//! [`Recorded::Unknown`]; it never widens what is said to be recorded.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::answer::{flag, items, text, texts};

/// The event selectors of a trail. CloudTrail gives basic ones or advanced ones; an event is recorded if any selector
/// takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selectors {
    /// Basic selectors.
    pub basic: Vec<BasicSelector>,
    /// Advanced selectors.
    pub advanced: Vec<AdvancedSelector>,
}

/// A basic selector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasicSelector {
    /// Which events it takes.
    pub read_write: ReadWriteType,
    /// Whether it takes management events.
    pub management: bool,
    /// The event sources whose management events it leaves out.
    pub excluded_sources: BTreeSet<String>,
    /// The resources whose data events it takes.
    pub data: Vec<DataResource>,
    /// What in it is not understood.
    pub unknown: Vec<String>,
}

/// Which events a basic selector takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadWriteType {
    /// Both.
    All,
    /// Those that read.
    ReadOnly,
    /// Those that write.
    WriteOnly,
}

/// Resources of one type in a basic selector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataResource {
    /// `AWS::S3::Object`, `AWS::Lambda::Function` or `AWS::DynamoDB::Table`.
    pub resource_type: String,
    /// ARNs, or the beginnings of ARNs.
    pub values: Vec<String>,
}

/// An advanced selector: all its field selectors must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvancedSelector {
    /// What its author calls it.
    pub name: Option<String>,
    /// Its conditions.
    pub fields: Vec<FieldSelector>,
    /// What in it is not understood.
    pub unknown: Vec<String>,
}

/// A condition on one field of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSelector {
    /// The field: `eventCategory`, `readOnly`, `eventSource`, `resources.type`, …
    pub field: String,
    /// The field is one of these.
    pub equals: Vec<String>,
    /// The field begins with one of these.
    pub starts_with: Vec<String>,
    /// The field ends with one of these.
    pub ends_with: Vec<String>,
    /// The field is none of these.
    pub not_equals: Vec<String>,
    /// The field begins with none of these.
    pub not_starts_with: Vec<String>,
    /// The field ends with none of these.
    pub not_ends_with: Vec<String>,
    /// What in it is not understood.
    pub unknown: Vec<String>,
}

/// Which half of the events is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadWrite {
    /// Events that read: `readOnly` is true.
    Read,
    /// Events that write.
    Write,
}

/// How much of something is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Every event.
    All,
    /// Every event but those of these event sources, such as `kms.amazonaws.com`.
    Except(BTreeSet<String>),
    /// Some: only for data events, of some resources; [`Selectors::data_resources`] says which.
    Part,
    /// No event.
    None,
    /// The selectors hold what is not understood.
    Unknown,
}

/// Data events that a trail records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSelector {
    /// The type of resource: `AWS::S3::Object`. `None` if the selector is not understood: it may be any.
    pub resource_type: Option<String>,
    /// Whether events that read are recorded.
    pub read: bool,
    /// Whether events that write are recorded.
    pub write: bool,
    /// Of which resources.
    pub scope: DataScope,
}

/// The resources whose data events are recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataScope {
    /// All of the type.
    Every,
    /// Those whose ARN begins with one of these.
    Arns(BTreeSet<String>),
    /// Some, in a way that is not spelt out here: by event name, by exclusion, by who called.
    Narrowed,
}

/// What one condition says of the events asked about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Yes,
    No,
    Unknown,
}

impl Selectors {
    /// The selectors of a trail that has none of its own: all management events.
    pub fn usual() -> Self {
        let all = BasicSelector {
            read_write: ReadWriteType::All,
            management: true,
            excluded_sources: BTreeSet::new(),
            data: Vec::new(),
            unknown: Vec::new(),
        };
        Self { basic: vec![all], advanced: Vec::new() }
    }

    /// Reads what GetEventSelectors answered.
    pub(super) fn read(answer: &Value) -> Self {
        Self {
            basic: items(answer, "EventSelectors").iter().map(BasicSelector::read).collect(),
            advanced: items(answer, "AdvancedEventSelectors").iter().map(AdvancedSelector::read).collect(),
        }
    }

    /// How much of the management events is recorded.
    ///
    /// `Except` is what is certain to be recorded: a selector beside it that is not understood can only add to it.
    pub fn records_management(&self, half: ReadWrite) -> Recorded {
        let basic = self.basic.iter().map(|selector| selector.management(half));
        let advanced = self.advanced.iter().map(|selector| selector.management(half));
        let mut total = Recorded::None;
        for recorded in basic.chain(advanced) {
            total = total.and_also(recorded);
        }
        total
    }

    /// The data events that are recorded, selector by selector.
    pub fn data_resources(&self) -> Vec<DataSelector> {
        let basic = self.basic.iter().flat_map(BasicSelector::data);
        basic.chain(self.advanced.iter().flat_map(AdvancedSelector::data)).collect()
    }

    /// The event sources (lower case) whose network-activity events are recorded, all of them: a selector that narrows
    /// further, to error codes or endpoints, adds none.
    pub fn network_activity(&self) -> BTreeSet<String> {
        self.advanced.iter().flat_map(AdvancedSelector::network_activity).collect()
    }

    /// How much of the data events of one type of resource is recorded.
    pub fn records_data(&self, resource_type: &str, half: ReadWrite) -> Recorded {
        let mut total = Recorded::None;
        for selector in self.data_resources() {
            let half = if half == ReadWrite::Read { selector.read } else { selector.write };
            let recorded = match (&selector.resource_type, &selector.scope) {
                _ if !half => Recorded::None,
                (None, _) => Recorded::Unknown,
                (Some(name), _) if !name.eq_ignore_ascii_case(resource_type) => Recorded::None,
                (_, DataScope::Every) => Recorded::All,
                (_, DataScope::Arns(_) | DataScope::Narrowed) => Recorded::Part,
            };
            total = total.and_also(recorded);
        }
        total
    }
}

impl Recorded {
    /// What two selectors record together.
    fn and_also(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::Except(a), Self::Except(b)) => {
                let both: BTreeSet<String> = a.intersection(&b).cloned().collect();
                if both.is_empty() { Self::All } else { Self::Except(both) }
            }
            (Self::Except(some), _) | (_, Self::Except(some)) => Self::Except(some),
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Part, _) | (_, Self::Part) => Self::Part,
            (Self::None, Self::None) => Self::None,
        }
    }

    /// Everything but some sources.
    fn all_but(sources: BTreeSet<String>) -> Self {
        if sources.is_empty() { Self::All } else { Self::Except(sources) }
    }
}

impl BasicSelector {
    fn read(selector: &Value) -> Self {
        let mut unknown =
            foreign(selector, &["ReadWriteType", "IncludeManagementEvents", "DataResources", "ExcludeManagementEventSources"]);
        // CloudTrail documents what a field means that is not there: all events, management among them.
        let read_write = match selector.get("ReadWriteType").map(|kind| kind.as_str()) {
            None | Some(Some("All")) => ReadWriteType::All,
            Some(Some("ReadOnly")) => ReadWriteType::ReadOnly,
            Some(Some("WriteOnly")) => ReadWriteType::WriteOnly,
            Some(other) => {
                unknown.push(format!("ReadWriteType {}", other.unwrap_or("that is not text")));
                ReadWriteType::All
            }
        };
        let management = flag(selector, "IncludeManagementEvents").unwrap_or_else(|| {
            let absent = selector.get("IncludeManagementEvents").is_none();
            if !absent {
                unknown.push("IncludeManagementEvents".to_owned());
            }
            absent
        });
        let excluded_sources = texts(selector, "ExcludeManagementEventSources").unwrap_or_else(|| {
            unknown.push("ExcludeManagementEventSources".to_owned());
            Vec::new()
        });
        let mut data = Vec::new();
        for resource in items(selector, "DataResources") {
            match (text(resource, "Type"), texts(resource, "Values")) {
                (Some(resource_type), Some(values)) => data.push(DataResource { resource_type, values }),
                _ => unknown.push("DataResources".to_owned()),
            }
        }
        let excluded_sources = excluded_sources.into_iter().collect();
        Self { read_write, management, excluded_sources, data, unknown }
    }

    fn takes(&self, half: ReadWrite) -> bool {
        match self.read_write {
            ReadWriteType::All => true,
            ReadWriteType::ReadOnly => half == ReadWrite::Read,
            ReadWriteType::WriteOnly => half == ReadWrite::Write,
        }
    }

    fn management(&self, half: ReadWrite) -> Recorded {
        if !self.unknown.is_empty() {
            Recorded::Unknown
        } else if self.management && self.takes(half) {
            Recorded::all_but(self.excluded_sources.clone())
        } else {
            Recorded::None
        }
    }

    fn data(&self) -> Vec<DataSelector> {
        let (read, write) = (self.takes(ReadWrite::Read), self.takes(ReadWrite::Write));
        if !self.unknown.is_empty() {
            return vec![DataSelector { resource_type: None, read, write, scope: DataScope::Narrowed }];
        }
        let selector = |resource: &DataResource| DataSelector {
            resource_type: Some(resource.resource_type.clone()),
            read,
            write,
            scope: if resource.values.iter().any(|value| names_everything(value, &resource.resource_type)) {
                DataScope::Every
            } else {
                DataScope::Arns(resource.values.iter().cloned().collect())
            },
        };
        self.data.iter().map(selector).collect()
    }
}

/// Whether the beginning of an ARN is that of every resource of the type's service: `arn:aws:s3`, `arn:aws:s3:::`.
fn names_everything(value: &str, resource_type: &str) -> bool {
    let mut parts = value.split(':');
    let arn = parts.next() == Some("arn") && parts.next().is_some_and(|partition| partition.starts_with("aws"));
    let service = resource_type.split("::").nth(1).unwrap_or_default().to_ascii_lowercase();
    arn && parts.next() == Some(service.as_str()) && parts.all(str::is_empty)
}

impl AdvancedSelector {
    fn read(selector: &Value) -> Self {
        let mut unknown = foreign(selector, &["Name", "FieldSelectors"]);
        if !selector.get("FieldSelectors").is_some_and(Value::is_array) {
            unknown.push("FieldSelectors".to_owned());
        }
        let fields = items(selector, "FieldSelectors").iter().map(FieldSelector::read).collect();
        Self { name: text(selector, "Name"), fields, unknown }
    }

    fn management(&self, half: ReadWrite) -> Recorded {
        let mut excluded = BTreeSet::new();
        let mut category = Holds::Unknown;
        let mut rest = if self.unknown.is_empty() { Holds::Yes } else { Holds::Unknown };
        for field in &self.fields {
            let holds = match field.field.as_str() {
                "eventCategory" => {
                    category = field.category("Management");
                    category
                }
                "readOnly" => field.read_only(half),
                "eventSource" => match field.excluded() {
                    Some(sources) => {
                        excluded.extend(sources.iter().cloned());
                        Holds::Yes
                    }
                    None => Holds::Unknown,
                },
                _ => Holds::Unknown,
            };
            rest = rest.and(holds);
        }
        match rest.and(category) {
            Holds::Yes => Recorded::all_but(excluded),
            Holds::No => Recorded::None,
            Holds::Unknown => Recorded::Unknown,
        }
    }

    fn network_activity(&self) -> Vec<String> {
        let mut sources = Vec::new();
        for field in &self.fields {
            match (field.field.as_str(), field.only_equals()) {
                ("eventCategory", _) if field.category("NetworkActivity") == Holds::Yes => {}
                // CloudTrail documents one value.
                ("eventSource", Some([source])) if sources.is_empty() => sources.push(source.to_ascii_lowercase()),
                _ => return Vec::new(),
            }
        }
        let named = self.fields.iter().any(|field| field.field == "eventCategory");
        if named && self.unknown.is_empty() { sources } else { Vec::new() }
    }

    fn data(&self) -> Vec<DataSelector> {
        let category = self.fields.iter().find(|field| field.field == "eventCategory");
        let is_data = category.map_or(Holds::Unknown, |field| field.category("Data"));
        if is_data == Holds::No {
            return Vec::new();
        }
        let mut types = Vec::new();
        let mut scope = DataScope::Every;
        let mut halves = [Holds::Yes; 2];
        let mut understood = is_data == Holds::Yes && self.unknown.is_empty();
        for field in &self.fields {
            match field.field.as_str() {
                "eventCategory" => {}
                "resources.type" => match field.only_equals() {
                    Some(values) if types.is_empty() => types = values.to_vec(),
                    _ => understood = false,
                },
                "readOnly" => {
                    halves = [halves[0].and(field.read_only(ReadWrite::Read)), halves[1].and(field.read_only(ReadWrite::Write))];
                }
                "resources.ARN" => scope = scope.narrow(field.arns()),
                _ => scope = DataScope::Narrowed,
            }
        }
        // What may be recorded is said to be, of some resources: the caller is told of no resource for certain.
        if halves.contains(&Holds::Unknown) {
            scope = DataScope::Narrowed;
        }
        let [read, write] = halves.map(|half| half != Holds::No);
        if !understood || types.is_empty() {
            return vec![DataSelector { resource_type: None, read, write, scope: DataScope::Narrowed }];
        }
        let selector = |name: String| DataSelector { resource_type: Some(name), read, write, scope: scope.clone() };
        types.into_iter().map(selector).collect()
    }
}

impl FieldSelector {
    fn read(selector: &Value) -> Self {
        let mut read = Self {
            field: text(selector, "Field").unwrap_or_default(),
            unknown: foreign(
                selector,
                &["Field", "Equals", "StartsWith", "EndsWith", "NotEquals", "NotStartsWith", "NotEndsWith"],
            ),
            ..Self::default()
        };
        for (name, values) in [
            ("Equals", &mut read.equals),
            ("StartsWith", &mut read.starts_with),
            ("EndsWith", &mut read.ends_with),
            ("NotEquals", &mut read.not_equals),
            ("NotStartsWith", &mut read.not_starts_with),
            ("NotEndsWith", &mut read.not_ends_with),
        ] {
            match texts(selector, name) {
                Some(written) => *values = written,
                None => read.unknown.push(name.to_owned()),
            }
        }
        read
    }

    /// Its values, if `Equals` is all it says.
    fn only_equals(&self) -> Option<&[String]> {
        let others = [&self.starts_with, &self.ends_with, &self.not_equals, &self.not_starts_with, &self.not_ends_with];
        let only = self.unknown.is_empty() && others.iter().all(|values| values.is_empty());
        (only && !self.equals.is_empty()).then_some(self.equals.as_slice())
    }

    /// Its values, if `NotEquals` is all it says.
    fn excluded(&self) -> Option<&[String]> {
        let others = [&self.equals, &self.starts_with, &self.ends_with, &self.not_starts_with, &self.not_ends_with];
        let only = self.unknown.is_empty() && others.iter().all(|values| values.is_empty());
        (only && !self.not_equals.is_empty()).then_some(self.not_equals.as_slice())
    }

    /// The beginnings of ARNs it takes, if it says no more than that.
    fn arns(&self) -> DataScope {
        let others = [&self.ends_with, &self.not_equals, &self.not_starts_with, &self.not_ends_with];
        let only = self.unknown.is_empty() && others.iter().all(|values| values.is_empty());
        let arns: BTreeSet<String> = self.equals.iter().chain(&self.starts_with).cloned().collect();
        if only && !arns.is_empty() { DataScope::Arns(arns) } else { DataScope::Narrowed }
    }

    /// As a condition on `eventCategory`: CloudTrail documents one value.
    fn category(&self, wanted: &str) -> Holds {
        match self.only_equals() {
            Some([category]) if category == wanted => Holds::Yes,
            Some(categories) if !categories.iter().any(|category| category.eq_ignore_ascii_case(wanted)) => Holds::No,
            _ => Holds::Unknown,
        }
    }

    /// As a condition on `readOnly`.
    fn read_only(&self, half: ReadWrite) -> Holds {
        let wanted = if half == ReadWrite::Read { "true" } else { "false" };
        match self.only_equals() {
            Some(values) if !values.iter().all(|value| value == "true" || value == "false") => Holds::Unknown,
            Some(values) if values.iter().any(|value| value == wanted) => Holds::Yes,
            Some(_) => Holds::No,
            None => Holds::Unknown,
        }
    }
}

impl DataScope {
    /// Both conditions together.
    fn narrow(self, by: Self) -> Self {
        match (self, by) {
            (Self::Every, by) => by,
            _ => Self::Narrowed,
        }
    }
}

impl Holds {
    /// Both together: one that does not hold decides, whatever the other is.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }
}

/// The keys of an object that are not among the known ones.
fn foreign(value: &Value, known: &[&str]) -> Vec<String> {
    match value.as_object() {
        Some(object) => object.keys().filter(|key| !known.contains(&key.as_str())).cloned().collect(),
        None => vec!["not an object".to_owned()],
    }
}
