//! When two records are the same record: account, event id and bytes.
//!
//! The same event reaches a bucket more than once (several trails, repeated delivery). Equal bytes under one account and
//! event id are one event. Other bytes under the same id are a conflict: both are evaluated and the conflict is shown,
//! so that a planted twin cannot hide the record it imitates.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

/// The first 16 bytes of a SHA-256. Nobody can find a second record with the digest of a given one; a faster hash that
/// an attacker can steer would let a planted record pass as a duplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordDigest(pub u128);

impl RecordDigest {
    /// The digest of a record's bytes.
    pub fn of(bytes: &[u8]) -> RecordDigest {
        let hash = Sha256::digest(bytes);
        let head = hash.first_chunk::<16>().copied().unwrap_or_default();
        RecordDigest(u128::from_be_bytes(head))
    }

    /// 32 hexadecimal digits.
    pub fn hex(self) -> String {
        format!("{:032x}", self.0)
    }
}

/// Where a copy of a record was read: the object's place in the caller's ordered list, and the record's in the object.
pub type CopyPlace = (u32, u64);

/// What is known of a record that was just seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// New.
    First,
    /// The same bytes were seen before.
    Duplicate,
    /// New bytes under an id that was seen with other bytes.
    Conflict,
}

/// Every record seen so far, shared by the threads of one evaluation. About 70 bytes a record.
#[derive(Debug)]
pub struct SeenRecords {
    shards: Vec<Mutex<Shard>>,
    earlier: HashMap<u64, Vec<u64>>,
}

/// A record as it is remembered from one evaluation to the next: 16 bytes.
///
/// Half of the number for account and id, half of the digest. Should two records ever share both, which chance does once
/// in 2^128 pairs and an attacker only by trying 2^64 records, one of them is missing from a count. It is still put to
/// every policy, because all copies are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeenEntry {
    /// Account and event id.
    pub key: u64,
    /// The record's bytes.
    pub digest: u64,
}

impl SeenEntry {
    /// The entry of a record.
    pub fn of(account: &str, event_id: &str, digest: RecordDigest) -> SeenEntry {
        SeenEntry { key: fold(record_key(account, event_id, digest)), digest: fold(digest.0) }
    }
}

/// Both halves take part: keys of made-up ids may differ in one of them only.
fn fold(number: u128) -> u64 {
    let [a, b, c, d, e, f, g, h, rest @ ..] = number.to_be_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h]).rotate_left(29) ^ u64::from_be_bytes(rest)
}

fn record_key(account: &str, event_id: &str, digest: RecordDigest) -> u128 {
    if event_id.is_empty() { digest.0 } else { key_of(account, event_id) }
}

#[derive(Debug, Default)]
struct Shard {
    first: HashMap<u128, (RecordDigest, CopyPlace)>,
    /// Ids with more than one version: the event id, and every version with its first place.
    conflicts: BTreeMap<u128, (String, BTreeMap<RecordDigest, CopyPlace>)>,
}

/// An event id with several versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The event id.
    pub event_id: String,
    /// Each version's digest, and the first place where it was read.
    pub versions: Vec<(RecordDigest, CopyPlace)>,
}

impl Default for SeenRecords {
    fn default() -> SeenRecords {
        SeenRecords::expecting(0)
    }
}

impl SeenRecords {
    /// Makes room for about so many records, so that the tables are not moved while they grow: that was half of the time
    /// spent here. A wrong guess costs memory or time, never correctness.
    pub fn expecting(records: usize) -> SeenRecords {
        let shard = || Mutex::new(Shard { first: HashMap::with_capacity(records / 64), conflicts: BTreeMap::new() });
        SeenRecords { shards: (0..64).map(|_| shard()).collect(), earlier: HashMap::new() }
    }

    /// Adds records of earlier evaluations: what equals one of them is a duplicate, and the same id with other bytes is a
    /// conflict.
    pub fn remember(&mut self, earlier: impl IntoIterator<Item = SeenEntry>) {
        for entry in earlier {
            self.earlier.entry(entry.key).or_default().push(entry.digest);
        }
    }

    /// Notes a record. Whichever copy comes first, the totals over all copies are the same, and so are the conflicts.
    ///
    /// A record without an event id is only ever the same as one with its bytes.
    pub fn note(&self, account: &str, event_id: &str, digest: RecordDigest, copy: CopyPlace) -> Sighting {
        let key = record_key(account, event_id, digest);
        let earlier = if self.earlier.is_empty() { None } else { self.earlier.get(&fold(key)) };
        if earlier.is_some_and(|digests| digests.contains(&fold(digest.0))) {
            return Sighting::Duplicate;
        }
        let shard = self.shards.get((key % 64) as usize).expect("there are 64 shards");
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let Shard { first, conflicts } = &mut *shard;
        match first.entry(key) {
            Entry::Vacant(empty) => {
                empty.insert((digest, copy));
                if earlier.is_none() || event_id.is_empty() {
                    return Sighting::First;
                }
                // The other version was read by an earlier evaluation; this one is all that is known of here.
                conflicts.insert(key, (event_id.to_owned(), BTreeMap::from([(digest, copy)])));
                Sighting::Conflict
            }
            Entry::Occupied(mut known) if known.get().0 == digest => {
                let (_, first_copy) = known.get_mut();
                *first_copy = copy.min(*first_copy);
                if let Some((_, versions)) = conflicts.get_mut(&key) {
                    versions.insert(digest, *first_copy);
                }
                Sighting::Duplicate
            }
            Entry::Occupied(known) => {
                let (_, versions) = conflicts.entry(key).or_insert_with(|| (event_id.to_owned(), BTreeMap::from([*known.get()])));
                match versions.get_mut(&digest) {
                    Some(first_copy) => {
                        *first_copy = copy.min(*first_copy);
                        Sighting::Duplicate
                    }
                    None => {
                        versions.insert(digest, copy);
                        Sighting::Conflict
                    }
                }
            }
        }
    }

    /// The ids that were seen with different bytes, by event id and first place.
    pub fn conflicts(&self) -> Vec<Conflict> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for (event_id, versions) in shard.conflicts.values() {
                let mut versions: Vec<_> = versions.iter().map(|(digest, copy)| (*digest, *copy)).collect();
                versions.sort_by_key(|(digest, copy)| (*copy, *digest));
                all.push(Conflict { event_id: event_id.clone(), versions });
            }
        }
        all.sort_by(|a, b| a.event_id.cmp(&b.event_id).then_with(|| a.versions.cmp(&b.versions)));
        all
    }
}

/// One number for an account and event id.
///
/// CloudTrail's ids are random UUIDs, so the id itself, shifted by the account, is as good as a hash and cheaper. Should
/// two pairs ever share a number, which only somebody who makes up ids can bring about, both records are evaluated and a
/// conflict is shown: nothing is hidden.
fn key_of(account: &str, event_id: &str) -> u128 {
    const SPREAD: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;
    match (uuid(event_id), account.parse::<u64>()) {
        (Some(id), Ok(account)) => id ^ u128::from(account).wrapping_mul(SPREAD),
        _ => RecordDigest::of(format!("{account}\0{event_id}").as_bytes()).0,
    }
}

/// The number of a UUID in its usual form, in lower case.
fn uuid(text: &str) -> Option<u128> {
    let bytes: &[u8; 36] = text.as_bytes().try_into().ok()?;
    bytes.iter().enumerate().try_fold(0, |number: u128, (at, &byte)| match (at, byte) {
        (8 | 13 | 18 | 23, b'-') => Some(number),
        (8 | 13 | 18 | 23, _) => None,
        (_, b'0'..=b'9') => Some(number << 4 | u128::from(byte - b'0')),
        (_, b'a'..=b'f') => Some(number << 4 | u128::from(byte - b'a' + 10)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bytes_are_duplicates_and_other_bytes_conflict() {
        let seen = SeenRecords::default();
        let (one, two) = (RecordDigest::of(b"one"), RecordDigest::of(b"two"));
        assert_eq!(seen.note("a", "id", one, (5, 0)), Sighting::First);
        assert_eq!(seen.note("a", "id", one, (3, 9)), Sighting::Duplicate);
        assert_eq!(seen.note("b", "id", two, (0, 0)), Sighting::First);
        assert_eq!(seen.conflicts(), []);
        assert_eq!(seen.note("a", "id", two, (1, 1)), Sighting::Conflict);
        assert_eq!(seen.note("a", "id", two, (0, 7)), Sighting::Duplicate);
        assert_eq!(seen.note("a", "id", one, (2, 2)), Sighting::Duplicate);
        let versions = vec![(two, (0, 7)), (one, (2, 2))];
        assert_eq!(seen.conflicts(), [Conflict { event_id: "id".into(), versions }]);
    }

    #[test]
    fn records_of_earlier_evaluations_are_known() {
        let (one, two) = (RecordDigest::of(b"one"), RecordDigest::of(b"two"));
        let mut seen = SeenRecords::default();
        seen.remember([SeenEntry::of("a", "id", one), SeenEntry::of("a", "", two)]);
        assert_eq!(seen.note("a", "id", one, (0, 0)), Sighting::Duplicate);
        assert_eq!(seen.note("a", "", two, (0, 1)), Sighting::Duplicate);
        assert_eq!(seen.conflicts(), []);
        assert_eq!(seen.note("b", "id", one, (0, 2)), Sighting::First);
        assert_eq!(seen.note("a", "id", two, (0, 3)), Sighting::Conflict);
        assert_eq!(seen.note("a", "id", two, (0, 4)), Sighting::Duplicate);
        assert_eq!(seen.conflicts(), [Conflict { event_id: "id".into(), versions: vec![(two, (0, 3))] }]);
    }

    #[test]
    fn keys_tell_accounts_and_spellings_apart() {
        let id = "01234567-89ab-4cde-8f01-23456789abcd";
        assert_eq!(uuid(id), Some(0x0123_4567_89ab_4cde_8f01_2345_6789_abcd));
        let spellings = [id.to_uppercase(), id.replace('-', ""), format!("{id}0"), id.replace('a', "g")];
        assert!(
            spellings.iter().all(|other| uuid(other).is_none() && key_of("111122223333", other) != key_of("111122223333", id))
        );
        assert_ne!(key_of("111122223333", id), key_of("111122223334", id));
    }

    #[test]
    fn records_without_an_id_never_conflict() {
        let seen = SeenRecords::default();
        assert_eq!(seen.note("a", "", RecordDigest::of(b"one"), (0, 0)), Sighting::First);
        assert_eq!(seen.note("a", "", RecordDigest::of(b"two"), (0, 1)), Sighting::First);
        assert_eq!(seen.note("a", "", RecordDigest::of(b"one"), (0, 2)), Sighting::Duplicate);
        assert_eq!(seen.conflicts(), []);
    }
}
