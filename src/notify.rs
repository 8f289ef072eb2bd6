//! Telling people what a run found: what is new, what came back, what is over, what could not be seen.
//!
//! From the document of a run come [`Item`]s. Each receiver is due those that it asks for and was not told yet ([`memory`]);
//! they become [`message`]s, each is written as its receiver reads it ([`plain`], [`slack`], [`webhook`]), and [`send`] sends it.
//! What fails waits in the memory for the next run. `docs/notifications.md` has the formats and the argument.

mod item;
pub(crate) mod memory;
pub(crate) mod message;
mod plain;
pub(crate) mod send;
mod slack;
mod webhook;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::config::{Change, Receiver};
use crate::estate::Estate;
use crate::report::v1;
use assize_engine::policy::{Level, matches_glob};

pub(crate) use item::{Event, Item, is_incomplete, test};
use item::{coverage, findings};
use memory::Known;

/// What a receiver is due: what waits from earlier runs, and what of this one it asks for and was not told yet; worst first.
pub(crate) fn due(receiver: &Receiver, known: &Known, items: &[Item], estate: &Estate) -> Vec<Item> {
    let wanted = items.iter().filter(|item| asks_for(receiver, item, estate) && !known.was_told(item));
    let fresh: Vec<Item> = wanted.cloned().collect();
    let again: BTreeSet<&str> = fresh.iter().flat_map(|item| item.keys.iter().map(String::as_str)).collect();
    // What waits and is found again is told as it is now.
    let still = |item: &&Item| item.keys.is_empty() || !item.keys.iter().any(|key| again.contains(key.as_str()));
    let mut all: Vec<Item> = known.waiting.iter().filter(still).cloned().collect();
    all.extend(fresh);
    all.sort_by(|a, b| {
        let rank = |item: &Item| (std::cmp::Reverse(item.rank()), item.event);
        rank(a).cmp(&rank(b)).then_with(|| (&a.account, &a.policy, &a.fingerprint).cmp(&(&b.account, &b.policy, &b.fingerprint)))
    });
    all
}

/// Whether a receiver asks for something.
fn asks_for(receiver: &Receiver, item: &Item, estate: &Estate) -> bool {
    let when = &receiver.when;
    let change = match item.event {
        Event::New => Change::New,
        Event::Reopened => Change::Reopened,
        Event::Recovered => Change::Recovered,
        Event::Tampering | Event::Incomplete => return receiver.coverage,
        Event::Test => return true,
    };
    when.states.contains(&change)
        && item.rank() >= when.level
        && (when.policies.is_empty() || when.policies.iter().any(|pattern| matches_glob(pattern, &item.policy)))
        && estate.selects(&when.accounts, &item.account)
}

/// All that a run has to tell, whoever is told. `fixed`: fingerprints of findings that were fixed already in the run before.
pub(crate) fn items(document: &v1::Document, estate: &Estate, fixed: &BTreeSet<String>) -> Vec<Item> {
    let mut items = findings(document, estate, fixed);
    items.extend(coverage(document));
    items
}

/// A level by its name; the least for another word.
fn level(name: &str) -> Level {
    Level::from_name(name).unwrap_or(Level::Informational)
}
