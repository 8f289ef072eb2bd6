//! Policies as written: a Sigma 2.1 rule plus a few keys, checked but not compiled.
//!
//! This tree is what both evaluators read: the fast one ([`crate::matcher`]) compiles it, the slow one
//! ([`crate::linear`]) interprets it. It therefore holds values as the author wrote them and no decision about how to
//! match them.

mod condition;
mod correlate;
mod correlation;
mod detection;
mod expand;
mod filter;
mod framework;
mod legacy;
mod lint;
mod load;
mod needs;
mod read;
pub mod reader;
mod threshold;
mod values;

pub use condition::matches_glob;
pub use correlation::{Bound, Correlation, Leg, Operator, Source, SourceOf, Window, WindowKind};
#[cfg(test)]
pub(crate) use detection::read as read_detection;
pub(crate) use detection::regex_from;
pub use expand::Placeholders;
pub use framework::{AnsweredBy, Framework, Kind, Mapping, Requirement};
pub use load::{Loaded, load, load_with};
pub use needs::{Category, Needs, ReadWrite};

use crate::diagnostic::Span;
use crate::identity::RecordDigest;
use crate::record::AccountList;

/// How bad a match is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For the record.
    Informational,
    /// Worth a look in a review.
    Low,
    /// Should be looked at.
    Medium,
    /// Must be looked at soon.
    High,
    /// Must be looked at now.
    Critical,
}

impl Level {
    /// All levels, mildest first.
    pub const ALL: [Level; 5] = [Level::Informational, Level::Low, Level::Medium, Level::High, Level::Critical];

    /// The name used in files and output.
    pub fn name(self) -> &'static str {
        match self {
            Level::Informational => "informational",
            Level::Low => "low",
            Level::Medium => "medium",
            Level::High => "high",
            Level::Critical => "critical",
        }
    }

    /// The level with that name.
    pub fn from_name(name: &str) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.name() == name)
    }
}

/// The cell that gets a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// One verdict for the organisation.
    Organization,
    /// One verdict per account.
    Account,
    /// One verdict per account and region.
    Region,
}

/// The grade of evidence that a PASS needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Covered by a signed digest.
    Verified,
    /// Delivered and hashed at collection.
    Delivered,
}

/// What the matches of an event policy mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Require {
    /// Nothing may match (the default).
    None,
    /// At least one record must match, for example a yearly access review.
    Any,
}

/// What a policy's population counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Population {
    /// Records with the event sources that the detection names, or all records if it names none.
    Sources,
    /// Records for which this selection of the detection is true.
    Selection(String),
    /// Records for which this selection is true.
    Own(Selection),
}

/// One policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Unique id: kebab-case, or the UUID of a Sigma rule.
    pub id: String,
    /// Sigma's second name for a rule, by which correlations may refer to it.
    pub name: Option<String>,
    /// Title.
    pub title: String,
    /// Title in Japanese; empty if it is not translated.
    pub title_ja: String,
    /// Why it matters.
    pub description: String,
    /// Level of its findings.
    pub level: Level,
    /// Tags as written.
    pub tags: Vec<String>,
    /// References as written.
    pub references: Vec<String>,
    /// Known causes of false alarms.
    pub falsepositives: Vec<String>,
    /// The file it came from, as the user named it.
    pub file: String,
    /// Where the policy begins in the file.
    pub span: Span,
    /// What it looks for; of a correlation, what one of its rules looks for.
    pub detection: Detection,
    /// What it makes of several matches; `None` if each match speaks for itself.
    pub correlation: Option<Correlation>,
    /// Values for placeholders in the policy's own tests; the configuration has the real ones.
    pub placeholders: Placeholders,
    /// Placeholders that are not set, and [`NO_CALENDAR`], so that nothing can be said.
    pub unconfigured: Vec<String>,
    /// What "0 of N" counts.
    pub population: Population,
    /// The evidence that a PASS needs.
    pub needs: Needs,
    /// Whether `needs` was derived from the detection.
    pub needs_derived: bool,
    /// What a match means.
    pub require: Require,
    /// The cell that gets a verdict.
    pub per: Per,
    /// The grade of evidence that a PASS needs, where the policy says so; the default is [`Evidence::Verified`].
    pub evidence: Option<Evidence>,
    /// Fields whose values part findings, besides account and region.
    pub group_by: Vec<FieldPath>,
    /// Fields shown with each occurrence.
    pub show: Vec<FieldPath>,
    /// How to put it right.
    pub remediation: String,
    /// The same in Japanese; empty if it is not translated.
    pub remediation_ja: String,
    /// Inline tests.
    pub tests: Vec<PolicyTest>,
}

/// Stands among what a policy lacks if it looks at `calendar.*` and there is no calendar. No placeholder can have this name.
pub const NO_CALENDAR: &str = "`calendar`";

/// Goes up when the meaning of any policy changes although its text does not: results of before are then not taken for
/// those of after.
const SEMANTICS: u32 = 2;

impl Policy {
    /// The selection that makes up the population, unless its event sources do.
    pub(crate) fn own_population(&self) -> Option<&Selection> {
        match &self.population {
            Population::Sources => None,
            Population::Selection(name) => {
                self.detection.selections.iter().find(|(known, _)| known == name).map(|(_, selection)| selection)
            }
            Population::Own(selection) => Some(selection),
        }
    }

    /// Says that there is no calendar: if the policy looks at one, it can never match, and its cells are not known. Each
    /// record would say so otherwise.
    pub fn without_calendar(&mut self) {
        if expand::looks_below(self, "calendar") {
            expand::lack(self, [NO_CALENDAR.to_owned()]);
        }
    }

    /// What the configuration has to say before the policy can be judged, as it is shown: `%placeholder%`, `` `calendar` ``.
    pub fn lacking(&self) -> Vec<String> {
        let shown = |name: &String| if name == NO_CALENDAR { name.clone() } else { format!("%{name}%") };
        self.unconfigured.iter().map(shown).collect()
    }

    /// Names all that the policy's matches depend on: detection, population, grouping, and what is known of accounts and the
    /// calendar if it asks for that. Titles and remediation may change without evaluating again. 32 hexadecimal digits.
    pub fn evaluation_hash(&self, accounts: &AccountList) -> String {
        // The debug form holds every part of the tree and is shown to nobody.
        let mut text = format!(
            "{SEMANTICS} {} {:?} {:?} {:?} {:?} {:?}",
            self.id, self.detection, self.population, self.require, self.group_by, self.needs.categories
        );
        if let Some(correlation) = &self.correlation {
            // Times and bounds are applied to what is kept: changing them asks for no evaluation.
            text = format!("{text} {:?} {:?} {}", correlation.legs, correlation.fields, correlation.needs_only_first());
        }
        if ["account", "caller"].iter().any(|key| expand::keeps_or_looks_below(self, key)) {
            text = format!("{text} {}", accounts.written());
        }
        if expand::keeps_or_looks_below(self, "calendar") {
            text = format!("{text} {:?}", accounts.calendar());
        }
        RecordDigest::of(text.as_bytes()).hex()
    }
}

/// An inline test of a policy.
#[derive(Clone, Debug)]
pub struct PolicyTest {
    /// What the test shows.
    pub name: String,
    /// The record, as JSON text; several where the policy looks at their times.
    pub events: Vec<String>,
    /// What the policy must say.
    pub expect: Truth,
    /// Where the test stands in the file.
    pub span: Span,
}

/// The result of matching: Kleene's three values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Truth {
    /// The record matches.
    True,
    /// It does not.
    False,
    /// It cannot be told, because AWS omitted a field that decides it.
    Unknown,
}

impl Truth {
    /// Both.
    #[must_use]
    pub fn and(self, other: Truth) -> Truth {
        match (self, other) {
            (Truth::False, _) | (_, Truth::False) => Truth::False,
            (Truth::True, Truth::True) => Truth::True,
            _ => Truth::Unknown,
        }
    }

    /// Either.
    #[must_use]
    pub fn or(self, other: Truth) -> Truth {
        match (self, other) {
            (Truth::True, _) | (_, Truth::True) => Truth::True,
            (Truth::False, Truth::False) => Truth::False,
            _ => Truth::Unknown,
        }
    }

    /// The opposite; unknown stays unknown.
    #[must_use]
    pub fn negate(self) -> Truth {
        match self {
            Truth::True => Truth::False,
            Truth::False => Truth::True,
            Truth::Unknown => Truth::Unknown,
        }
    }

    /// The word used in a policy's tests.
    pub fn name(self) -> &'static str {
        match self {
            Truth::True => "match",
            Truth::False => "no-match",
            Truth::Unknown => "not-evaluable",
        }
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Truth {
        if value { Truth::True } else { Truth::False }
    }
}

/// Named selections and the condition over them.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// In the order written.
    pub selections: Vec<(String, Selection)>,
    /// Several conditions of a list are alternatives; then this is one [`Condition::Or`].
    pub condition: Condition,
}

/// A boolean expression over selections. `1 of x*` and `all of x*` are already written out.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// The selection with this index.
    Selection(usize),
    /// Not.
    Not(Box<Condition>),
    /// All of them.
    And(Vec<Condition>),
    /// One of them.
    Or(Vec<Condition>),
}

/// A search identifier's content.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection {
    /// A map: all items hold.
    All(Vec<Item>),
    /// A list: one of them holds.
    Any(Vec<Selection>),
    /// Texts that any value of the record contains: one of them, or all.
    Keywords {
        /// The texts.
        words: Vec<Literal>,
        /// Whether every one must occur.
        all: bool,
    },
}

/// `field|modifiers: values`. Two are equal if they ask the same, wherever they stand.
#[derive(Clone, Debug)]
pub struct Item {
    /// The field.
    pub field: FieldPath,
    /// In the order written.
    pub modifiers: Vec<Modifier>,
    /// At least one.
    pub values: Vec<Literal>,
    /// Where the item stands.
    pub span: Span,
}

impl PartialEq for Item {
    fn eq(&self, other: &Item) -> bool {
        (&self.field, &self.modifiers, &self.values) == (&other.field, &other.modifiers, &other.values)
    }
}

impl Item {
    /// Whether the modifier is there.
    pub fn has(&self, modifier: Modifier) -> bool {
        self.modifiers.contains(&modifier)
    }

    /// Field and modifiers as written.
    pub fn written(&self) -> String {
        let mut out = self.field.written.clone();
        for modifier in &self.modifiers {
            out.push('|');
            out.push_str(modifier.name());
        }
        out
    }
}

/// A value as written.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `null`: missing, or null.
    Null,
    /// `true` or `false` without quotes.
    Bool(bool),
    /// A number without quotes, as written.
    Number(String),
    /// Any other text, wildcards and escapes as written.
    Text(String),
    /// A map: all of it on the same element.
    Map(Vec<Item>),
}

impl Literal {
    /// The value as text, for messages.
    pub fn written(&self) -> String {
        match self {
            Literal::Null => "null".to_owned(),
            Literal::Bool(value) => value.to_string(),
            Literal::Number(text) | Literal::Text(text) => text.clone(),
            Literal::Map(items) => {
                let parts: Vec<String> = items
                    .iter()
                    .map(|item| {
                        let values: Vec<String> = item.values.iter().map(Literal::written).collect();
                        format!("{}: {}", item.written(), values.join(" | "))
                    })
                    .collect();
                format!("{{{}}}", parts.join(", "))
            }
        }
    }
}

/// A dotted path of keys. `\.` is a dot inside a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPath {
    /// As written.
    pub written: String,
    /// The keys.
    pub keys: Vec<String>,
}

impl FieldPath {
    /// Splits a path at its dots.
    pub fn new(written: &str) -> FieldPath {
        let mut keys = vec![String::new()];
        let mut chars = written.chars().peekable();
        while let Some(char) = chars.next() {
            match char {
                '\\' if chars.peek() == Some(&'.') => {
                    chars.next();
                    if let Some(last) = keys.last_mut() {
                        last.push('.');
                    }
                }
                '.' => keys.push(String::new()),
                other => {
                    if let Some(last) = keys.last_mut() {
                        last.push(other);
                    }
                }
            }
        }
        FieldPath { written: written.to_owned(), keys }
    }
}

/// The modifiers of Sigma 2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Sigma's; docs/policy-language.md explains each")]
pub enum Modifier {
    All,
    Contains,
    StartsWith,
    EndsWith,
    Exists,
    Cased,
    Neq,
    WinDash,
    Re,
    IgnoreCase,
    MultiLine,
    DotAll,
    Base64,
    Base64Offset,
    Utf16Le,
    Utf16Be,
    Utf16,
    Wide,
    Lt,
    Lte,
    Gt,
    Gte,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
    Cidr,
    FieldRef,
    Expand,
}

impl Modifier {
    /// Every modifier with its name in a policy.
    pub const ALL: [(Modifier, &'static str); 31] = [
        (Modifier::All, "all"),
        (Modifier::Contains, "contains"),
        (Modifier::StartsWith, "startswith"),
        (Modifier::EndsWith, "endswith"),
        (Modifier::Exists, "exists"),
        (Modifier::Cased, "cased"),
        (Modifier::Neq, "neq"),
        (Modifier::WinDash, "windash"),
        (Modifier::Re, "re"),
        (Modifier::IgnoreCase, "i"),
        (Modifier::MultiLine, "m"),
        (Modifier::DotAll, "s"),
        (Modifier::Base64, "base64"),
        (Modifier::Base64Offset, "base64offset"),
        (Modifier::Utf16Le, "utf16le"),
        (Modifier::Utf16Be, "utf16be"),
        (Modifier::Utf16, "utf16"),
        (Modifier::Wide, "wide"),
        (Modifier::Lt, "lt"),
        (Modifier::Lte, "lte"),
        (Modifier::Gt, "gt"),
        (Modifier::Gte, "gte"),
        (Modifier::Minute, "minute"),
        (Modifier::Hour, "hour"),
        (Modifier::Day, "day"),
        (Modifier::Week, "week"),
        (Modifier::Month, "month"),
        (Modifier::Year, "year"),
        (Modifier::Cidr, "cidr"),
        (Modifier::FieldRef, "fieldref"),
        (Modifier::Expand, "expand"),
    ];

    /// The modifier with that name.
    pub fn from_name(name: &str) -> Option<Modifier> {
        Modifier::ALL.iter().find(|(_, known)| *known == name).map(|(modifier, _)| *modifier)
    }

    /// The name in a policy.
    pub fn name(self) -> &'static str {
        Modifier::ALL.iter().find(|(modifier, _)| *modifier == self).map_or("", |(_, name)| name)
    }

    /// `minute` to `year`.
    pub fn is_time_part(self) -> bool {
        matches!(self, Modifier::Minute | Modifier::Hour | Modifier::Day | Modifier::Week | Modifier::Month | Modifier::Year)
    }

    /// `lt`, `lte`, `gt`, `gte`.
    pub fn is_comparison(self) -> bool {
        matches!(self, Modifier::Lt | Modifier::Lte | Modifier::Gt | Modifier::Gte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_split_at_dots_that_are_not_escaped() {
        assert_eq!(FieldPath::new("a.b.c").keys, ["a", "b", "c"]);
        assert_eq!(FieldPath::new(r"tags.aws\.owner").keys, ["tags", "aws.owner"]);
    }

    #[test]
    fn truth_is_kleenes() {
        use Truth::{False, True, Unknown};
        assert_eq!(Unknown.and(False), False);
        assert_eq!(Unknown.and(True), Unknown);
        assert_eq!(Unknown.or(True), True);
        assert_eq!(Unknown.or(False), Unknown);
        assert_eq!(Unknown.negate(), Unknown);
    }
}
