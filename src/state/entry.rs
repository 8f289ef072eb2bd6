//! Sixteen bytes for what must be known again: an object version in the ledger, a record that was counted.
//!
//! A ledger entry is 80 bits of SHA-256(source, zero byte, key) and 48 bits of SHA-256(etag, zero byte, size). Should two
//! keys ever share the first part, which among ten million happens once in 10^10 ledgers, the second is taken as a new
//! version of the first: nothing is lost.

use assize_engine::identity::SeenEntry;
use sha2::{Digest as _, Sha256};

use super::row::Listed;

/// Bytes of an entry.
pub(super) const SIZE: usize = 16;

/// Bytes of an entry that stand for source and key.
const KEY: usize = 10;

/// A version of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Entry(pub(super) [u8; SIZE]);

/// The part of an [`Entry`] that stands for source and key.
pub(super) type KeyHash = [u8; KEY];

/// The part of an [`Entry`] that stands for the version.
pub(super) type VersionHash = [u8; SIZE - KEY];

impl Entry {
    pub(super) fn of(listed: &Listed<'_>) -> Entry {
        let mut bytes = [0; SIZE];
        let key = Sha256::new().chain_update(listed.source).chain_update([0]).chain_update(listed.key).finalize();
        let size = listed.size.to_be_bytes();
        let version = Sha256::new().chain_update(listed.etag).chain_update([0]).chain_update(size).finalize();
        let hashed = key.iter().take(KEY).chain(version.iter());
        bytes.iter_mut().zip(hashed).for_each(|(byte, hashed)| *byte = *hashed);
        Entry(bytes)
    }

    pub(super) fn key(&self) -> KeyHash {
        self.0.first_chunk().copied().expect("an entry is longer than its key")
    }

    pub(super) fn version(&self) -> VersionHash {
        self.0.last_chunk().copied().expect("an entry is longer than its version")
    }
}

/// The entries in a body; none if it ends within one.
pub(super) fn entries(body: &[u8]) -> Option<&[[u8; SIZE]]> {
    let (entries, rest) = body.as_chunks();
    rest.is_empty().then_some(entries)
}

/// Sorts and makes distinct.
pub(super) fn sort(entries: &mut Vec<[u8; SIZE]>) {
    if !entries.is_sorted_by(|a, b| a < b) {
        // Stable, because it merges the sorted runs of which this is made.
        entries.sort();
        entries.dedup();
    }
}

/// Big-endian, so that the order of the bytes is that of the numbers.
pub(super) fn seen_bytes(seen: &SeenEntry) -> [u8; SIZE] {
    let (mut bytes, number) = ([0; SIZE], (u128::from(seen.key) << 64 | u128::from(seen.digest)).to_be_bytes());
    bytes.copy_from_slice(&number);
    bytes
}

/// The reverse of [`seen_bytes`].
pub(super) fn seen_of(bytes: [u8; SIZE]) -> SeenEntry {
    let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
    SeenEntry { key: u64::from_be_bytes([a, b, c, d, e, f, g, h]), digest: u64::from_be_bytes(rest) }
}
