//! The top-level fields of CloudTrail's records by number, so that a record's fields are found in one pass over its keys.
//!
//! AWS CloudTrail user guide, "CloudTrail record contents". A field that is not in the list is found all the same, by
//! comparing keys.

use crate::json::unescape;

/// A top-level field of CloudTrail's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TopField(u8);

/// How many there are.
pub(crate) const COUNT: usize = NAMES.len();

/// In the order in which records have them.
const NAMES: [&str; 32] = [
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "requestID",
    "eventID",
    "readOnly",
    "resources",
    "eventType",
    "apiVersion",
    "managementEvent",
    "recipientAccountId",
    "serviceEventDetails",
    "sharedEventID",
    "vpcEndpointId",
    "vpcEndpointAccountId",
    "addendum",
    "eventCategory",
    "tlsDetails",
    "sessionCredentialFromConsole",
    "edgeDeviceDetails",
    "insightDetails",
    "eventContext",
];

pub(crate) const IDENTITY: TopField = TopField(1);
pub(crate) const TIME: TopField = TopField(2);
pub(crate) const SOURCE: TopField = TopField(3);
pub(crate) const NAME: TopField = TopField(4);
pub(crate) const REGION: TopField = TopField(5);
pub(crate) const USER_AGENT: TopField = TopField(7);
pub(crate) const ERROR_CODE: TopField = TopField(8);
pub(crate) const REQUEST: TopField = TopField(10);
pub(crate) const RESPONSE: TopField = TopField(11);
pub(crate) const ID: TopField = TopField(14);
pub(crate) const READ_ONLY: TopField = TopField(15);
pub(crate) const EVENT_TYPE: TopField = TopField(17);
pub(crate) const MANAGEMENT_EVENT: TopField = TopField(19);
pub(crate) const ACCOUNT: TopField = TopField(20);
pub(crate) const CATEGORY: TopField = TopField(26);
pub(crate) const FROM_CONSOLE: TopField = TopField(28);

impl TopField {
    /// The first field of a record, nearly always.
    pub(crate) const FIRST: TopField = TopField(0);

    /// The field that follows this one, often. To compare with it spares most names the search.
    #[inline(always)]
    pub(crate) fn next(self) -> TopField {
        TopField(self.0 + 1)
    }

    /// Whether this is the field of the name, which stands in quotes.
    #[inline(always)]
    pub(crate) fn is_quoted(self, name: &[u8]) -> bool {
        QUOTED.get(self.number()).is_some_and(|known| known.is(name))
    }

    /// The field of this name.
    #[inline]
    pub(crate) fn of(name: &[u8]) -> Option<TopField> {
        let field = TopField(*TABLE.get(slot(name)?)?);
        (NAMES.get(field.number())?.as_bytes() == name).then_some(field)
    }

    /// The field of a name that is written with escapes.
    pub(crate) fn of_escaped(name: &[u8]) -> Option<TopField> {
        memchr::memchr(b'\\', name)?;
        TopField::of(unescape(std::str::from_utf8(name).ok()?).as_bytes())
    }

    pub(crate) fn number(self) -> usize {
        self.0 as usize
    }
}

/// A name in quotes as its first and its last sixteen bytes, which together hold all of it: a name has at most thirty bytes. Of one
/// with less than sixteen all are the first, and the last are zero.
#[derive(Clone, Copy)]
struct Quoted {
    length: usize,
    first: u128,
    last: u128,
}

impl Quoted {
    const fn of(name: &str) -> Quoted {
        let length = name.len() + 2;
        assert!(length <= 32, "a name is longer than two words");
        let (mut first, mut last, mut number) = (0, 0, 0);
        while number < length {
            #[expect(clippy::indexing_slicing, reason = "runs in the compiler, which refuses an index out of bounds")]
            let byte = if number == 0 || number + 1 == length { b'"' } else { name.as_bytes()[number - 1] };
            if number < 16 {
                first |= (byte as u128) << (8 * number);
            }
            if length >= 16 && number + 16 >= length {
                last |= (byte as u128) << (8 * (number + 16 - length));
            }
            number += 1;
        }
        Quoted { length, first, last }
    }

    #[inline(always)]
    fn is(&self, name: &[u8]) -> bool {
        if self.length != name.len() {
            return false;
        }
        match (name.first_chunk(), name.last_chunk()) {
            (Some(first), Some(last)) => u128::from_le_bytes(*first) == self.first && u128::from_le_bytes(*last) == self.last,
            _ => {
                let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) else { return false };
                let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
                first == self.first as u64 && last == (self.first >> ((self.length - 8) * 8)) as u64
            }
        }
    }
}

/// The names, by number.
const QUOTED: [Quoted; NAMES.len()] = {
    let mut quoted = [Quoted { length: 0, first: 0, last: 0 }; NAMES.len()];
    let mut number = 0;
    while number < NAMES.len() {
        #[expect(clippy::indexing_slicing, reason = "runs in the compiler, which refuses an index out of bounds")]
        {
            quoted[number] = Quoted::of(NAMES[number]);
        }
        number += 1;
    }
    quoted
};

/// A place in [`TABLE`] that no two of the names share; the multiplier was found by trying.
#[inline(always)]
const fn slot(name: &[u8]) -> Option<usize> {
    let length = name.len();
    if length < 3 {
        return None;
    }
    let [Some(a), Some(b), Some(c)] = [at(name, length - 3), at(name, length - 1), at(name, length / 2)] else { return None };
    let mixed = (length as u32) | a << 8 | b << 16 | c << 24;
    Some((mixed.wrapping_mul(0x582C_18C9) >> 25) as usize)
}

const fn at(name: &[u8], place: usize) -> Option<u32> {
    match name.split_at_checked(place) {
        Some((_, [byte, ..])) => Some(*byte as u32),
        _ => None,
    }
}

/// Numbers of names by [`slot`].
const TABLE: [u8; 128] = {
    let mut table = [u8::MAX; 128];
    let mut number = 0;
    while number < NAMES.len() {
        #[expect(clippy::indexing_slicing, reason = "runs in the compiler, which refuses an index out of bounds")]
        if let Some(slot) = slot(NAMES[number].as_bytes()) {
            assert!(table[slot] == u8::MAX, "two names share a place: find another multiplier");
            table[slot] = number as u8;
        }
        number += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_no_other() {
        for (number, name) in NAMES.iter().enumerate() {
            assert_eq!(TopField::of(name.as_bytes()).map(TopField::number), Some(number), "{name}");
            assert_eq!(TopField::of(name.to_uppercase().as_bytes()), None);
            assert_eq!(TopField::of(&name.as_bytes()[1..]), None);
            let quoted = format!("\"{name}\"").into_bytes();
            let named: Vec<usize> = (0..NAMES.len()).filter(|other| QUOTED[*other].is(&quoted)).collect();
            assert_eq!(named, [number], "{name}");
            for at in 0..quoted.len() {
                let mut other = quoted.clone();
                other[at] ^= 1;
                assert!(!QUOTED[number].is(&other), "{name} {at}");
            }
            assert!(!QUOTED[number].is(&quoted[1..]) && !QUOTED[number].is(&[&quoted[..], b"\""].concat()), "{name}");
        }
        assert_eq!(TopField::of(b""), None);
        assert_eq!(TopField::of(b"eventSource"), Some(SOURCE));
        assert_eq!(TopField::of(b"userAgent"), Some(USER_AGENT));
        assert_eq!(TopField::of(b"readOnly"), Some(READ_ONLY));
    }
}
