//! The ledger of the days that a run lists: which versions of which objects were taken.
//!
//! Sixteen bytes a key, sorted: ten million fit into 160 MB and are loaded in a breath.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::entry::{self, Entry, KeyHash, SIZE, VersionHash};
use super::error::{StateError, blocking};
use super::keys::Wanted;
use super::read::{self, Found, Segments};
use super::row::Listed;
use super::segment::{Kind, SegmentRef};

/// What the ledger knows of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyStatus {
    /// Its key was never taken.
    Unknown,
    /// This version was taken.
    Known,
    /// Other versions of it were taken, this one was not: it was replaced at the source.
    OtherVersion,
    /// Its day was not loaded. This is not "unknown": it may have been taken.
    NotLoaded,
}

/// The ledger of some days.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    days: BTreeMap<i64, Day>,
}

#[derive(Debug, Default)]
struct Day {
    /// Sorted, distinct.
    loaded: Vec<[u8; SIZE]>,
    /// Taken by this run.
    fresh: HashMap<KeyHash, Vec<VersionHash>>,
}

impl Ledger {
    /// Loads days from the key sections of these segments, all at once. Days that are loaded stay as they are.
    pub(super) async fn load(
        &mut self,
        from: &Arc<Segments>,
        references: &[SegmentRef],
        days: impl IntoIterator<Item = i64>,
    ) -> Result<(), StateError> {
        let days: BTreeSet<i64> = days.into_iter().filter(|day| !self.days.contains_key(day)).collect();
        let mut loading: BTreeMap<i64, Vec<[u8; SIZE]>> = days.iter().map(|day| (*day, Vec::new())).collect();
        let parts = from.open(references, Kind::Keys, &Wanted::These(days)).await?;
        let mut sizes: BTreeMap<i64, u64> = BTreeMap::new();
        for section in parts.iter().flat_map(|part| &part.sections) {
            *sizes.entry(section.key).or_default() += section.inflated();
        }
        let mut fetches = Vec::new();
        for part in &parts {
            fetches.extend(part.runs(read::RUN).into_iter().map(|run| Arc::clone(from).fetch(Arc::clone(&part.segment), run)));
        }
        let mut fetched = stream::iter(fetches).buffer_unordered(read::PARALLEL / 2);
        while let Some(found) = fetched.try_next().await? {
            for Found { segment, section, stored } in found {
                let body = segment.body(&section, stored)?;
                let entries = entry::entries(&body).ok_or_else(|| segment.damaged(&section, "it ends within an entry"))?;
                let all = loading.entry(section.key).or_default();
                if all.capacity() == 0 {
                    let most = sizes.get(&section.key).map_or(0, |bytes| bytes / SIZE as u64);
                    all.reserve_exact(usize::try_from(most).unwrap_or(0));
                }
                all.extend_from_slice(entries);
            }
        }
        drop(fetched);
        let days = blocking("the sorting of the ledger", move || {
            loading.values_mut().for_each(entry::sort);
            Ok(loading)
        });
        self.days.extend(days.await?.into_iter().map(|(day, loaded)| (day, Day { loaded, fresh: HashMap::new() })));
        Ok(())
    }

    /// What is known of an object.
    pub(crate) fn status(&self, listed: &Listed<'_>) -> KeyStatus {
        self.days.get(&listed.day).map_or(KeyStatus::NotLoaded, |day| day.status(&Entry::of(listed)))
    }

    /// What is known of an object, which this run takes now if it is not known: it is [`KeyStatus::Known`] from here on, so
    /// that no two listings have it fetched twice. Only a commit makes it known to other runs.
    pub(crate) fn take(&mut self, listed: &Listed<'_>) -> KeyStatus {
        let Some(day) = self.days.get_mut(&listed.day) else { return KeyStatus::NotLoaded };
        let entry = Entry::of(listed);
        let status = day.status(&entry);
        if status != KeyStatus::Known {
            day.fresh.entry(entry.key()).or_default().push(entry.version());
        }
        status
    }

    /// The reverse of [`Ledger::take`], for an object that could not be fetched and may be tried again in this run.
    #[cfg_attr(not(test), expect(dead_code, reason = "what cannot be fetched is owed, and tried in the next run"))]
    pub(crate) fn give_back(&mut self, listed: &Listed<'_>) {
        let entry = Entry::of(listed);
        if let Some(versions) = self.days.get_mut(&listed.day).and_then(|day| day.fresh.get_mut(&entry.key())) {
            versions.retain(|version| *version != entry.version());
        }
    }

    /// Versions that were loaded, of all days.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.days.values().map(|day| day.loaded.len()).sum()
    }

    /// Whether any of these versions is known. Their day must be loaded.
    pub(super) fn knows_any(&self, day: i64, entries: &[[u8; SIZE]]) -> bool {
        self.days.get(&day).is_some_and(|day| entries.iter().any(|entry| day.loaded.binary_search(entry).is_ok()))
    }

    /// Whether all of these versions are known. Their day must be loaded.
    pub(super) fn knows_all(&self, day: i64, entries: &[[u8; SIZE]]) -> bool {
        self.days.get(&day).is_some_and(|day| entries.iter().all(|entry| day.loaded.binary_search(entry).is_ok()))
    }

    /// Adds versions to a day that is loaded.
    pub(super) fn add(&mut self, day: i64, entries: &[[u8; SIZE]]) {
        if let Some(day) = self.days.get_mut(&day) {
            day.loaded.extend_from_slice(entries);
            entry::sort(&mut day.loaded);
        }
    }
}

impl Day {
    fn status(&self, entry: &Entry) -> KeyStatus {
        let key = entry.key();
        let fresh = self.fresh.get(&key).map(Vec::as_slice).unwrap_or_default();
        let start = self.loaded.partition_point(|known| *known < first_of(key));
        let mut loaded = self.loaded.iter().skip(start).map(|known| Entry(*known)).take_while(|known| known.key() == key);
        if fresh.contains(&entry.version()) || loaded.clone().any(|known| known == *entry) {
            KeyStatus::Known
        } else if loaded.next().is_some() || !fresh.is_empty() {
            KeyStatus::OtherVersion
        } else {
            KeyStatus::Unknown
        }
    }
}

/// The smallest entry of a key.
fn first_of(key: KeyHash) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    bytes.iter_mut().zip(key).for_each(|(byte, of_key)| *byte = of_key);
    bytes
}
