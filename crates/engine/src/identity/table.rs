//! A table of records seen, without anything per record but three numbers.

use assize_machine::prefetch::prefetch;

use super::{CopyPlace, SeenEntry, Sighting};

/// Key, digest, and the first place: object in the upper half, number in the object, plus one, in the lower. All zero is
/// empty.
type Row = [u64; 3];

const EMPTY: Row = [0; 3];

/// Rows by their key; a row that finds its place taken stands in the next that is free.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
    used: usize,
}

impl Table {
    pub(super) fn expecting(records: usize) -> Table {
        Table { rows: empty(records + records / 2), used: 0 }
    }

    /// Notes a record and keeps the lesser of its places. `Conflict`: its key is there with another digest; nothing is noted
    /// then, because a run of rows with one key would be searched from its beginning for each further one.
    pub(super) fn note(&mut self, entry: SeenEntry, copy: CopyPlace) -> Sighting {
        // Up to two thirds a search ends after a few rows.
        if self.used * 3 >= self.rows.len() * 2 {
            self.grow();
        }
        let place = packed(copy);
        let mut at = self.home(entry.key);
        loop {
            let Some(row) = self.rows.get_mut(at) else {
                at = 0;
                continue;
            };
            let [key, digest, first] = row;
            if *first == 0 {
                *row = [entry.key, entry.digest, place];
                self.used += 1;
                return Sighting::First;
            }
            if *key == entry.key {
                if *digest != entry.digest {
                    return Sighting::Conflict;
                }
                *first = place.min(*first);
                return Sighting::Duplicate;
            }
            at += 1;
        }
    }

    /// How many rows are taken.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Begins to fetch the row where the search for a key will begin.
    pub(super) fn prefetch(&self, key: u64) {
        if let Some(row) = self.rows.get(self.home(key)) {
            prefetch(row);
        }
    }

    /// The first place of what was noted under the key.
    pub(super) fn place(&self, key: u64) -> Option<CopyPlace> {
        self.row(key).map(|[_, _, place]| unpacked(*place))
    }

    /// The digest of what was noted under the key.
    pub(super) fn digest(&self, key: u64) -> Option<u64> {
        self.row(key).map(|[_, digest, _]| *digest)
    }

    fn row(&self, key: u64) -> Option<&Row> {
        let home = self.home(key);
        let from_home = self.rows.get(home..).unwrap_or_default().iter();
        let around = self.rows.get(..home).unwrap_or_default().iter();
        let mut run = from_home.chain(around).take_while(|[_, _, place]| *place != 0);
        run.find(|[known, ..]| *known == key)
    }

    /// Where the search for a key begins: keys are spread evenly, so their upper bits are as good as a remainder.
    fn home(&self, key: u64) -> usize {
        ((u128::from(key) * self.rows.len() as u128) >> 64) as usize
    }

    fn grow(&mut self) {
        let rows = empty((self.rows.len() + self.rows.len() / 2).max(16));
        let old = std::mem::replace(&mut self.rows, rows);
        for row in old.into_iter().filter(|[_, _, place]| *place != 0) {
            let [key, ..] = row;
            let home = self.home(key);
            let (around, from_home) = self.rows.split_at_mut(home);
            let free = from_home.iter_mut().chain(around).find(|[_, _, place]| *place == 0);
            if let Some(free) = free {
                *free = row;
            }
        }
    }
}

/// Rows that have been written to. Memory that the system only promises to be zero is given out at the first look and
/// again at the first write, and the second makes all threads wait.
fn empty(count: usize) -> Vec<Row> {
    let mut rows = Vec::with_capacity(count);
    rows.resize(count, EMPTY);
    rows
}

fn packed((object, index): CopyPlace) -> u64 {
    u64::from(object) << 32 | (index + 1).min(u64::from(u32::MAX))
}

fn unpacked(place: u64) -> CopyPlace {
    ((place >> 32) as u32, (place & u64::from(u32::MAX)) - 1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn it_does_what_a_map_does() {
        let (mut table, mut map) = (Table::default(), HashMap::<u64, (u64, CopyPlace)>::new());
        let mut number = 1_u64;
        for step in 0..20_000_u64 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Few keys in two crowded places, so that runs are long, go around the end, and meet several versions.
            let key = if number >> 40 & 1 == 0 { number >> 50 } else { u64::MAX - (number >> 50) };
            let entry = SeenEntry { key, digest: number >> 45 & 3 };
            let copy = ((number >> 35) as u32 & 0xFF, step);
            let expected = match map.get_mut(&key) {
                Some((digest, first)) if *digest == entry.digest => {
                    *first = copy.min(*first);
                    Sighting::Duplicate
                }
                Some(_) => Sighting::Conflict,
                None => {
                    map.insert(key, (entry.digest, copy));
                    Sighting::First
                }
            };
            assert_eq!(table.note(entry, copy), expected);
            if step % 500 == 0 {
                assert_eq!(table.place(key), map.get(&key).map(|(_, first)| *first));
                assert_eq!(table.digest(key), map.get(&key).map(|(digest, _)| *digest));
                assert_eq!(table.place(!key), map.get(&!key).map(|(_, first)| *first));
            }
        }
        assert_eq!(table.used, map.len());
    }
}
