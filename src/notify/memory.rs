//! What receivers were told, and what waits for them: a document of the state, of which the newest counts.
//!
//! A run sends, then commits this document, then the register that makes a new finding an old one. Killed before the first commit
//! it tells once more what it told; whenever it is killed, nothing is forgotten: what is not remembered here is still new.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Event, Item};

/// The document's name.
pub(crate) const DOCUMENT: &str = "notified";

/// The version that is written.
const VERSION: u32 = 1;

/// Things that wait for a receiver with all their words; of more, how many.
const MAX_WAITING: usize = 1_000;

/// Things that are remembered as told to a receiver.
const MAX_TOLD: usize = 100_000;

/// Seconds for which something is remembered after it was seen last: longer than a period that anybody judges again and again.
const REMEMBERED: i64 = 400 * 86_400;

/// Seconds for which a receiver is remembered that no configuration names.
const FORGOTTEN: i64 = 90 * 86_400;

/// What all receivers were told. Version 1: frozen; a change is a version 2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Memory {
    /// Always 1.
    version: u32,
    /// By name.
    pub(crate) receivers: BTreeMap<String, Known>,
}

/// What one receiver was told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    /// What was told, by [`Item::keys`], and the time of the last run that had it; seconds since 1970.
    told: BTreeMap<String, i64>,
    /// What could not be told.
    pub(crate) waiting: Vec<Item>,
    /// What could not be told either, and of which only the number is kept.
    pub(crate) more_waiting: u64,
    /// Whether the last run that it knows of could not see everything.
    incomplete: bool,
    /// Time of the last run that named it; seconds since 1970.
    seen: i64,
}

/// Why it cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MemoryError {
    /// Not the JSON that it should be.
    #[error("it is not what assize writes: {0}")]
    Json(#[from] serde_json::Error),
    /// Another version.
    #[error("it has version {0}, which this version of assize does not know; use a newer one")]
    Version(u64),
}

impl Default for Memory {
    fn default() -> Memory {
        Memory { version: VERSION, receivers: BTreeMap::new() }
    }
}

impl Memory {
    /// Reads one.
    ///
    /// # Errors
    /// It is not what this version writes.
    pub(crate) fn read(value: serde_json::Value) -> Result<Memory, MemoryError> {
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(version) if version != u64::from(VERSION) => Err(MemoryError::Version(version)),
            _ => Ok(serde_json::from_value(value)?),
        }
    }

    /// What a receiver was told; one that is new was told nothing.
    pub(crate) fn of(&self, receiver: &str) -> Known {
        self.receivers.get(receiver).cloned().unwrap_or_default()
    }

    /// Forgets receivers that no configuration has named for long before `as_of`, seconds since 1970.
    pub(crate) fn forget(&mut self, as_of: i64) {
        self.receivers.retain(|_, known| known.seen > as_of - FORGOTTEN);
    }
}

impl Known {
    /// Whether something need not be told again.
    pub(crate) fn was_told(&self, item: &Item) -> bool {
        match item.event {
            Event::Incomplete => self.incomplete,
            _ => item.keys.iter().all(|key| self.told.contains_key(key)),
        }
    }

    /// Remembers how a run ended for it: what was told, and what was to be told and could not.
    pub(crate) fn settle(&mut self, told: &[Item], failed: Vec<Item>, seen: &Seen<'_>) {
        let mut failed = failed;
        self.told.extend(told.iter().flat_map(|item| &item.keys).map(|key| (key.clone(), seen.as_of)));
        for (key, at) in &mut self.told {
            let fingerprint = key.split(' ').next().unwrap_or(key);
            if seen.fingerprints.contains(fingerprint) {
                *at = seen.as_of;
            }
        }
        self.told.retain(|_, at| *at > seen.as_of - REMEMBERED);
        if self.told.len() > MAX_TOLD {
            let mut newest: Vec<(i64, String)> = std::mem::take(&mut self.told).into_iter().map(|(key, at)| (at, key)).collect();
            newest.sort_unstable_by(|a, b| b.cmp(a));
            newest.truncate(MAX_TOLD);
            self.told = newest.into_iter().map(|(at, key)| (key, at)).collect();
        }
        self.more_waiting += failed.len().saturating_sub(MAX_WAITING) as u64;
        failed.truncate(MAX_WAITING);
        self.waiting = failed;
        self.incomplete = seen.incomplete;
        self.seen = seen.as_of;
    }
}

/// What a run saw, as far as memory goes.
pub(crate) struct Seen<'a> {
    /// Fingerprints of its findings.
    pub(crate) fingerprints: &'a BTreeSet<&'a str>,
    /// Whether it could not see everything.
    pub(crate) incomplete: bool,
    /// Its time, seconds since 1970.
    pub(crate) as_of: i64,
}
