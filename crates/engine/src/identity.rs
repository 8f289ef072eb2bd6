//! When two records are the same record: account, event id and bytes.
//!
//! The same event reaches a bucket more than once (several trails, repeated delivery). Equal bytes under one account and
//! event id are one event. Other bytes under the same id are a conflict: both are evaluated and the conflict is shown,
//! so that a planted twin cannot hide the record it imitates.
//!
//! Within one evaluation records are told apart by a keyed hash ([`SeenEntry::keyed`]), whose key nobody knows who writes
//! logs; from one evaluation to the next by SHA-256 ([`SeenEntry::of`]), because what is kept must not need a secret.

mod event_id;
mod fingerprint;
mod table;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

pub use event_id::EventId;
pub use fingerprint::Secret;
use table::Table;

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

/// Tables, each with a lock of its own.
const SHARDS: usize = 64;

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

/// Every record seen so far, shared by the threads of one evaluation. 24 bytes a record, and room to grow.
#[derive(Debug)]
pub struct SeenRecords {
    shards: Vec<Mutex<Shard>>,
    earlier: HashMap<u64, Vec<u64>>,
}

/// A record as it is told from others: 16 bytes.
///
/// From one evaluation to the next: half of the number for account and id, half of the digest. Should two records ever share both, which chance does once
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

    /// The entry of a record within one evaluation: half the price of inflating is saved by not asking SHA-256. What rests
    /// on it is a count and a list of conflicts; results do not depend on the secret.
    pub fn keyed(account: &str, event_id: &str, bytes: &[u8], secret: &Secret) -> SeenEntry {
        let digest = secret.fingerprint(bytes);
        let key = if event_id.is_empty() { digest } else { secret.pair(account.as_bytes(), event_id.as_bytes()) };
        SeenEntry { key, digest }
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
    table: Table,
    /// What was noted before the last [`SeenRecords::age`].
    older: Table,
    /// Ids with more than one version, by key.
    conflicts: BTreeMap<u64, Versions>,
}

/// What the table has no room for: the versions of an id beside the first that was noted.
#[derive(Debug, Default)]
struct Versions {
    event_id: String,
    /// First place by digest.
    further: HashMap<u64, CopyPlace>,
}

/// An event id with several versions. In order: by event id and first place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// The event id.
    pub event_id: String,
    /// The first place where each version was read, ascending. Only one if the other was read by an earlier evaluation.
    pub versions: Vec<CopyPlace>,
}

impl Default for SeenRecords {
    fn default() -> SeenRecords {
        SeenRecords::expecting(0)
    }
}

impl SeenRecords {
    /// Makes room for about so many records, so that the tables are not moved while they grow. A wrong guess costs memory
    /// or time, never correctness.
    pub fn expecting(records: usize) -> SeenRecords {
        let shard = || Mutex::new(Shard { table: Table::expecting(records / SHARDS), ..Shard::default() });
        SeenRecords { shards: (0..SHARDS).map(|_| shard()).collect(), earlier: HashMap::new() }
    }

    /// Adds records of earlier evaluations: what equals one of them is a duplicate, and the same id with other bytes is a
    /// conflict. They are told by SHA-256 ([`SeenEntry::of`]), and so must be all that are noted then.
    pub fn remember(&mut self, earlier: impl IntoIterator<Item = SeenEntry>) {
        for entry in earlier {
            self.earlier.entry(entry.key).or_default().push(entry.digest);
        }
    }

    /// Begins a new generation: what was noted since the last call is still known, what was noted before that is forgotten. For
    /// evaluations that go through time, whose copies lie close together, in memory that does not grow. Conflicts are those of
    /// the new generation, whose places may be counted from the beginning again.
    pub fn age(&mut self) {
        for shard in &mut self.shards {
            let shard = shard.get_mut().unwrap_or_else(PoisonError::into_inner);
            *shard = Shard { older: std::mem::take(&mut shard.table), ..Shard::default() };
        }
    }

    /// How many records were noted since the last call of [`SeenRecords::age`]. The same whichever were noted first.
    pub fn noted(&mut self) -> usize {
        let used = |shard: &mut Mutex<Shard>| shard.get_mut().unwrap_or_else(PoisonError::into_inner).table.used();
        self.shards.iter_mut().map(used).sum()
    }

    /// Tells that the entry will be noted soon: fetching its place takes as long as matching a record.
    pub fn expect(&self, entry: SeenEntry) {
        self.shard(entry).table.prefetch(entry.key);
    }

    fn shard(&self, entry: SeenEntry) -> MutexGuard<'_, Shard> {
        let shard = self.shards.get(entry.key as usize % SHARDS).expect("there are so many shards");
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a record. Whichever copy comes first, the totals over all copies are the same, and so are the conflicts.
    ///
    /// A record without an event id is only ever the same as one with its bytes.
    pub fn note(&self, entry: SeenEntry, event_id: &str, copy: CopyPlace) -> Sighting {
        let earlier = if self.earlier.is_empty() { None } else { self.earlier.get(&entry.key) };
        if earlier.is_some_and(|digests| digests.contains(&entry.digest)) {
            return Sighting::Duplicate;
        }
        let mut shard = self.shard(entry);
        let older = shard.older.digest(entry.key);
        if older == Some(entry.digest) {
            return Sighting::Duplicate;
        }
        let sighting = shard.table.note(entry, copy);
        let alone = (earlier.is_none() && older.is_none()) || event_id.is_empty();
        if sighting == Sighting::Duplicate || (sighting == Sighting::First && alone) {
            return sighting;
        }
        let new = || Versions { event_id: event_id.to_owned(), further: HashMap::new() };
        let versions = shard.conflicts.entry(entry.key).or_insert_with(new);
        if sighting == Sighting::First {
            // The other version was read by an earlier evaluation; this one is all that is known of here.
            return Sighting::Conflict;
        }
        match versions.further.entry(entry.digest) {
            Entry::Vacant(empty) => {
                empty.insert(copy);
                Sighting::Conflict
            }
            Entry::Occupied(mut first) => {
                let first = first.get_mut();
                *first = copy.min(*first);
                Sighting::Duplicate
            }
        }
    }

    /// The ids that were seen with different bytes, by event id and first place.
    pub fn conflicts(&self) -> Vec<Conflict> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, Versions { event_id, further }) in &shard.conflicts {
                let mut versions: Vec<CopyPlace> = shard.table.place(*key).into_iter().chain(further.values().copied()).collect();
                versions.sort_unstable();
                all.push(Conflict { event_id: event_id.clone(), versions });
            }
        }
        all.sort();
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

    /// An entry by SHA-256, and one by a keyed hash.
    fn entries(account: &str, id: &str, bytes: &[u8]) -> [SeenEntry; 2] {
        let keyed = SeenEntry::keyed(account, id, bytes, &Secret::new([1, 2]));
        [SeenEntry::of(account, id, RecordDigest::of(bytes)), keyed]
    }

    #[test]
    fn equal_bytes_are_duplicates_and_other_bytes_conflict() {
        for way in [0, 1] {
            let seen = SeenRecords::default();
            let note = |account, bytes: &str, copy| seen.note(entries(account, "id", bytes.as_bytes())[way], "id", copy);
            assert_eq!(note("a", "one", (5, 0)), Sighting::First);
            assert_eq!(note("a", "one", (3, 9)), Sighting::Duplicate);
            assert_eq!(note("b", "two", (0, 0)), Sighting::First);
            assert_eq!(seen.conflicts(), []);
            assert_eq!(note("a", "two", (1, 1)), Sighting::Conflict);
            assert_eq!(note("a", "two", (0, 7)), Sighting::Duplicate);
            assert_eq!(note("a", "one", (2, 2)), Sighting::Duplicate);
            assert_eq!(seen.conflicts(), [Conflict { event_id: "id".into(), versions: vec![(0, 7), (2, 2)] }]);
        }
    }

    #[test]
    fn records_of_earlier_evaluations_are_known() {
        let mut seen = SeenRecords::default();
        let entry = |account, id, bytes: &str| entries(account, id, bytes.as_bytes())[0];
        seen.remember([entry("a", "id", "one"), entry("a", "", "two")]);
        assert_eq!(seen.note(entry("a", "id", "one"), "id", (0, 0)), Sighting::Duplicate);
        assert_eq!(seen.note(entry("a", "", "two"), "", (0, 1)), Sighting::Duplicate);
        assert_eq!(seen.conflicts(), []);
        assert_eq!(seen.note(entry("b", "id", "one"), "id", (0, 2)), Sighting::First);
        assert_eq!(seen.note(entry("a", "id", "two"), "id", (0, 3)), Sighting::Conflict);
        assert_eq!(seen.note(entry("a", "id", "two"), "id", (0, 4)), Sighting::Duplicate);
        assert_eq!(seen.conflicts(), [Conflict { event_id: "id".into(), versions: vec![(0, 3)] }]);
    }

    #[test]
    fn a_generation_is_known_to_the_next_and_forgotten_by_the_one_after() {
        let mut seen = SeenRecords::default();
        let entry = |id, bytes: &str| entries("a", id, bytes.as_bytes())[1];
        let sight = |seen: &SeenRecords, copy| (seen.note(entry("id", "one"), "id", copy), seen.note(entry("", "two"), "", copy));
        assert_eq!(sight(&seen, (0, 0)), (Sighting::First, Sighting::First));
        seen.age();
        assert_eq!(sight(&seen, (0, 0)), (Sighting::Duplicate, Sighting::Duplicate));
        assert_eq!(seen.note(entry("id", "other"), "id", (7, 7)), Sighting::Conflict);
        assert_eq!(seen.note(entry("id", "other"), "id", (8, 7)), Sighting::Duplicate);
        assert_eq!(seen.conflicts(), [Conflict { event_id: "id".into(), versions: vec![(7, 7)] }]);
        seen.age();
        assert_eq!(seen.conflicts(), []);
        assert_eq!(seen.note(entry("", "two"), "", (0, 0)), Sighting::First);
        assert_eq!(seen.note(entry("id", "other"), "id", (0, 0)), Sighting::Duplicate);
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
        for way in [0, 1] {
            let seen = SeenRecords::default();
            let note = |bytes: &str, index| seen.note(entries("a", "", bytes.as_bytes())[way], "", (0, index));
            assert_eq!(note("one", 0), Sighting::First);
            assert_eq!(note("two", 1), Sighting::First);
            assert_eq!(note("one", 2), Sighting::Duplicate);
            assert_eq!(seen.conflicts(), []);
        }
    }
}
