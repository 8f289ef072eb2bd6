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

const NAMES: [&str; 32] = [
    "eventSource",
    "eventName",
    "eventTime",
    "eventID",
    "recipientAccountId",
    "awsRegion",
    "eventCategory",
    "eventType",
    "userIdentity",
    "managementEvent",
    "errorCode",
    "responseElements",
    "sessionCredentialFromConsole",
    "userAgent",
    "eventVersion",
    "sourceIPAddress",
    "errorMessage",
    "requestParameters",
    "additionalEventData",
    "requestID",
    "apiVersion",
    "readOnly",
    "resources",
    "serviceEventDetails",
    "sharedEventID",
    "vpcEndpointId",
    "vpcEndpointAccountId",
    "addendum",
    "edgeDeviceDetails",
    "tlsDetails",
    "insightDetails",
    "eventContext",
];

pub(crate) const SOURCE: TopField = TopField(0);
pub(crate) const NAME: TopField = TopField(1);
pub(crate) const TIME: TopField = TopField(2);
pub(crate) const ID: TopField = TopField(3);
pub(crate) const ACCOUNT: TopField = TopField(4);
pub(crate) const REGION: TopField = TopField(5);
pub(crate) const CATEGORY: TopField = TopField(6);
pub(crate) const EVENT_TYPE: TopField = TopField(7);
pub(crate) const IDENTITY: TopField = TopField(8);
pub(crate) const MANAGEMENT_EVENT: TopField = TopField(9);
pub(crate) const ERROR_CODE: TopField = TopField(10);
pub(crate) const RESPONSE: TopField = TopField(11);
pub(crate) const FROM_CONSOLE: TopField = TopField(12);
pub(crate) const USER_AGENT: TopField = TopField(13);
pub(crate) const REQUEST: TopField = TopField(17);
pub(crate) const READ_ONLY: TopField = TopField(21);

impl TopField {
    /// The field of this name.
    #[inline]
    pub(crate) fn of(name: &[u8]) -> Option<TopField> {
        let number = *TABLE.get(slot(name)?)?;
        let known = NAMES.get(number as usize)?;
        (known.as_bytes() == name).then_some(TopField(number))
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
        }
        assert_eq!(TopField::of(b""), None);
        assert_eq!(TopField::of(b"eventSource"), Some(SOURCE));
        assert_eq!(TopField::of(b"userAgent"), Some(USER_AGENT));
        assert_eq!(TopField::of(b"readOnly"), Some(READ_ONLY));
    }
}
