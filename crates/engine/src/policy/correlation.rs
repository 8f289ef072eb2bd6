//! Correlations as written: what several matches within a time say together (Sigma specification 2.1, "Correlation").
//!
//! A correlation is a policy whose detection is true of every record that one of its rules matches. Which of them it was, and
//! the fields that grouping and counting need, are kept with each match; [`crate::correlation`] then looks at the times.

use super::{Condition, FieldPath};

/// What a policy makes of several matches.
#[derive(Clone, Debug, PartialEq)]
pub struct Correlation {
    /// The rules whose matches are looked at; none of them itself a correlation.
    pub legs: Vec<Leg>,
    /// The fields whose values are kept with each match.
    pub fields: Vec<FieldPath>,
    /// What is looked for.
    pub window: Window,
}

/// A rule of a correlation.
#[derive(Clone, Debug, PartialEq)]
pub struct Leg {
    /// Its name, id or title, as the correlation refers to it.
    pub rule: String,
    /// When a record matches it; over the selections of the policy's detection.
    pub condition: Condition,
}

/// Matches that are looked at together.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Its name, for a correlation over it.
    pub name: String,
    /// What is looked for.
    pub kind: WindowKind,
    /// What is looked at, in the order written.
    pub sources: Vec<Source>,
    /// What parts the matches: only those with the same values are looked at together.
    pub group_by: Vec<String>,
    /// Seconds between the first and the last match, both included.
    pub timespan: i64,
    /// All must hold of the count, sum or other value; empty where nothing is counted.
    pub bounds: Vec<Bound>,
}

/// What a window looks for. Those that end in a value are compared with its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowKind {
    /// How many matches there are.
    EventCount,
    /// How many distinct values a field has, or several fields together.
    ValueCount,
    /// The sum of a field's values.
    ValueSum,
    /// Their mean.
    ValueAvg,
    /// The value below which so many hundredths of them lie, interpolated between neighbours.
    ValuePercentile(u8),
    /// Whether every source has a match.
    Temporal,
    /// Whether every source has a match, none before that of the source before it.
    TemporalOrdered,
    /// Whether a match of the first source has none of the second after it (Assize's own).
    NotFollowedBy,
    /// Whether a field has a value that it had not in the time before (Assize's own).
    FirstSeen,
}

impl WindowKind {
    /// All kinds, by the name that a document gives them.
    pub const ALL: [(&'static str, WindowKind); 9] = [
        ("event_count", WindowKind::EventCount),
        ("value_count", WindowKind::ValueCount),
        ("value_sum", WindowKind::ValueSum),
        ("value_avg", WindowKind::ValueAvg),
        ("value_percentile", WindowKind::ValuePercentile(50)),
        ("temporal", WindowKind::Temporal),
        ("temporal_ordered", WindowKind::TemporalOrdered),
        ("not_followed_by", WindowKind::NotFollowedBy),
        ("first_seen", WindowKind::FirstSeen),
    ];

    /// Whether a value is compared with bounds.
    pub fn is_counted(self) -> bool {
        use WindowKind::{FirstSeen, NotFollowedBy, Temporal, TemporalOrdered};
        !matches!(self, Temporal | TemporalOrdered | NotFollowedBy | FirstSeen)
    }

    /// Whether the values of a field are looked at.
    pub fn has_field(self) -> bool {
        self == WindowKind::FirstSeen || (self.is_counted() && self != WindowKind::EventCount)
    }
}

/// Something that a window looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Matches of a rule, or what another window found.
    pub of: SourceOf,
    /// For each name of the window's `group_by`, where its value is: a field of the correlation for a rule, a name of the
    /// other window's `group_by` for a window.
    pub grouped: Vec<usize>,
    /// Where the values are that are counted or summed; in the same way.
    pub values: Vec<usize>,
}

/// What a source is.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceOf {
    /// The rule with this number in [`Correlation::legs`].
    Leg(usize),
    /// What another window found, at the time at which it found it.
    Window(Box<Window>),
}

/// What must hold of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// How it must stand to the number.
    pub operator: Operator,
    /// The number, as written.
    pub than: String,
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Sigma's")]
pub enum Operator {
    Gt,
    Gte,
    Lt,
    Lte,
    Eq,
    Neq,
}

impl Operator {
    /// All of them, by the name in a document, and as a sign.
    pub const ALL: [(&'static str, &'static str, Operator); 6] = [
        ("gt", ">", Operator::Gt),
        ("gte", "≥", Operator::Gte),
        ("lt", "<", Operator::Lt),
        ("lte", "≤", Operator::Lte),
        ("eq", "=", Operator::Eq),
        ("neq", "≠", Operator::Neq),
    ];

    /// As a sign.
    pub fn sign(self) -> &'static str {
        Operator::ALL.iter().find(|(_, _, operator)| *operator == self).map_or("", |(_, sign, _)| sign)
    }
}

impl Correlation {
    /// Whether of the matches in an hour that have the same values only the first is needed.
    pub fn needs_only_first(&self) -> bool {
        self.window.kind == WindowKind::FirstSeen
    }

    /// The longest time within which matches of the policy bear on each other, seconds: windows over windows add up.
    pub fn reach(&self) -> i64 {
        self.window.reach()
    }
}

impl Window {
    fn reach(&self) -> i64 {
        let below = self.sources.iter().map(|source| match &source.of {
            SourceOf::Leg(_) => 0,
            SourceOf::Window(window) => window.reach(),
        });
        self.timespan.saturating_add(below.max().unwrap_or(0))
    }
}

/// Where the field stands among those that are kept; it is added if it does not.
pub(super) fn place(fields: &mut Vec<FieldPath>, field: &str) -> usize {
    let known = fields.iter().position(|known| known.written == field);
    known.unwrap_or_else(|| {
        fields.push(FieldPath::new(field));
        fields.len() - 1
    })
}

/// A time as Sigma writes it: a number and `s`, `m`, `h` or `d`; in seconds.
pub(crate) fn timespan(text: &str) -> Option<i64> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let digits = text.strip_suffix(unit)?;
    let number: i64 = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    (number > 0).then(|| number.checked_mul(seconds))?.filter(|seconds| *seconds <= MAX_TIMESPAN)
}

/// The longest timespan, seconds.
pub(crate) const MAX_TIMESPAN: i64 = 31 * 86_400;

impl Condition {
    /// The condition over selections that stand `by` places later.
    pub(crate) fn shifted(&self, by: usize) -> Condition {
        let all = |parts: &[Condition]| parts.iter().map(|part| part.shifted(by)).collect();
        match self {
            Condition::Selection(index) => Condition::Selection(index + by),
            Condition::Not(inner) => Condition::Not(Box::new(inner.shifted(by))),
            Condition::And(parts) => Condition::And(all(parts)),
            Condition::Or(parts) => Condition::Or(all(parts)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_a_number_and_a_unit() {
        let times = ["15s", "30m", "6h", "7d", "0m", "5M", "1h30m", "m", "-1m", "1.5h", "32d", "99999999999999999999s"];
        let read: Vec<Option<i64>> = times.iter().map(|text| timespan(text)).collect();
        let expected = [Some(15), Some(1_800), Some(21_600), Some(604_800), None, None, None, None, None, None, None, None];
        assert_eq!(read, expected);
    }

    #[test]
    fn conditions_move_with_their_selections() {
        let condition = Condition::And(vec![Condition::Selection(0), Condition::Not(Box::new(Condition::Selection(1)))]);
        let moved = Condition::And(vec![Condition::Selection(3), Condition::Not(Box::new(Condition::Selection(4)))]);
        assert_eq!(condition.shifted(3), moved);
    }
}
