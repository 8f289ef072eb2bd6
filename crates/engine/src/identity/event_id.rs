//! The id of an event, kept small.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::uuid;

/// The `eventID` of a record; empty if it has none. CloudTrail's are UUIDs, which need no memory of their own; what else
/// stands there is kept as it is. In order as texts are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EventId(Kept);

/// One text is always kept in one way, so that equal ids are equal.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Kept {
    /// A UUID in its usual form, in lower case: its sixteen bytes.
    Uuid([u8; 16]),
    Text(Arc<str>),
}

impl From<&str> for EventId {
    fn from(text: &str) -> EventId {
        EventId(uuid(text).map_or_else(|| Kept::Text(text.into()), |number| Kept::Uuid(number.to_be_bytes())))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = match &self.0 {
            Kept::Text(text) => return formatter.write_str(text),
            Kept::Uuid(bytes) => bytes,
        };
        let hex = format!("{:032x}", u128::from_be_bytes(*bytes));
        let part = |range| hex.get::<Range<usize>>(range).unwrap_or_default();
        write!(formatter, "{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.to_string())
    }
}

impl Ord for EventId {
    fn cmp(&self, other: &EventId) -> Ordering {
        match (&self.0, &other.0) {
            // Digits are in the order of their numbers, and dashes stand at the same places.
            (Kept::Uuid(one), Kept::Uuid(two)) => one.cmp(two),
            (Kept::Text(one), Kept::Text(two)) => one.cmp(two),
            _ => self.to_string().cmp(&other.to_string()),
        }
    }
}

impl PartialOrd for EventId {
    fn partial_cmp(&self, other: &EventId) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_equal_and_in_the_order_of_their_texts() {
        let mut texts = vec!["", "e", "0", "01234567-89ab-4cde-8f01-23456789abcd", "01234567-89ab-4cde-8f01-23456789abce"];
        texts.extend(["01234567-89AB-4CDE-8F01-23456789ABCD", "f0000000-0000-4000-8000-000000000000", "01234567-89ab", "~"]);
        texts.extend(["0123456789ab4cde8f0123456789abcd", "01234567-89ab-4cde-8f01-23456789abcdd", "日本"]);
        for one in &texts {
            let id = EventId::from(*one);
            assert_eq!(id.to_string(), *one);
            assert_eq!(format!("{id:?}"), format!("{one:?}"));
            for two in &texts {
                assert_eq!(id.cmp(&EventId::from(*two)), one.cmp(two), "{one} {two}");
                assert_eq!(id == EventId::from(*two), one == two, "{one} {two}");
            }
        }
    }
}
