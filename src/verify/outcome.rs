//! What a verification says. Version 1: its fields are only ever added to.

use std::collections::BTreeMap;

use assize_engine::coverage::Hours;
use assize_engine::digest::{Chain, Check, Window};
use assize_engine::time;
use serde::Serialize;

use super::account::KeySource;
use super::place::ChainName;
use super::reading::Reading;
use crate::exit::Exit;

/// Objects that are not valid and are shown for each chain; all are counted.
const MAX_SHOWN: usize = 1_000;

/// The result of a verification.
#[derive(Debug, Serialize)]
pub(crate) struct Verified {
    /// 1
    pub(crate) version: u32,
    /// First time asked for; none: each chain from its first digest on.
    pub(crate) since: Option<String>,
    /// The time up to which digests were due; nothing is said of what comes after it.
    pub(crate) until: Option<String>,
    /// Public keys that were known.
    pub(crate) public_keys: usize,
    /// Where they came from.
    pub(crate) keys: KeySource,
    /// What was read again, and what was not.
    pub(crate) reading: Reading,
    /// All digests together.
    pub(crate) digests: Counts,
    /// All log objects together.
    pub(crate) logs: Counts,
    /// Chains, and places with log objects that no digest names.
    pub(crate) chains: Vec<ChainOutcome>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// How many objects came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// Proven to be what AWS delivered.
    pub(crate) valid: u64,
    /// Proven not to be.
    pub(crate) invalid: u64,
    /// Delivered and not there.
    pub(crate) missing: u64,
    /// Nothing can be said.
    pub(crate) unverifiable: u64,
    /// Named by no digest of their time.
    pub(crate) orphan: u64,
    /// Named by a valid digest, and not looked at because they were not drawn.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) not_sampled: u64,
}

/// One trail's digests for one account and region.
#[derive(Debug, Serialize)]
pub(crate) struct ChainOutcome {
    /// The bucket that CloudTrail writes to; empty if nothing says which.
    pub(crate) bucket: String,
    /// What stands before the account in keys.
    pub(crate) root: String,
    /// The account.
    pub(crate) account: String,
    /// The region.
    pub(crate) region: String,
    /// The trail and its home region, as digests' keys have them; empty for log objects that no digest names.
    pub(crate) trail: String,
    /// Delivery time, cut by what is proven of it.
    pub(crate) windows: Vec<WindowOutcome>,
    /// Hours of event time whose records are proven to be complete.
    pub(crate) complete_hours: u64,
    /// Its digests.
    pub(crate) digests: Counts,
    /// Log objects.
    pub(crate) logs: Counts,
    /// In a bundle: log objects that are named here and not in it. The run's list says the same of them as the digest does, or
    /// they are of days that it does not speak of.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) not_here: u64,
    /// What is not valid, or was recovered; a thousand of each chain.
    pub(crate) objects: Vec<ItemOutcome>,
}

/// A stretch of delivery time.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct WindowOutcome {
    /// First second.
    pub(crate) from: String,
    /// First second after it.
    pub(crate) until: String,
    /// VALID, GAP, MISSING, INVALID, UNVERIFIABLE.
    pub(crate) state: &'static str,
}

/// An object.
#[derive(Debug, Serialize)]
pub(crate) struct ItemOutcome {
    /// `digest` or `log`.
    pub(crate) kind: &'static str,
    /// `s3://bucket/key`, where CloudTrail put it.
    pub(crate) place: String,
    /// VALID, INVALID, MISSING, UNVERIFIABLE, ORPHAN.
    pub(crate) state: &'static str,
    /// Why.
    pub(crate) why: String,
}

/// Whether an object is a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ItemKind {
    /// A digest.
    Digest,
    /// A log object.
    Log,
}

/// An object with what came of it.
#[derive(Debug)]
pub(crate) struct Item {
    /// Digest or log.
    pub(crate) kind: ItemKind,
    /// `s3://bucket/key`.
    pub(crate) place: String,
    /// The verdict.
    pub(crate) check: Check,
    /// The signature came from the digest after it.
    pub(crate) recovered: bool,
}

impl Verified {
    pub(super) fn new(
        chains: Vec<ChainOutcome>,
        (since, until): (Option<i64>, Option<i64>),
        (public_keys, keys): (usize, KeySource),
        reading: Reading,
    ) -> Verified {
        let (mut digests, mut logs) = (Counts::default(), Counts::default());
        for chain in &chains {
            digests.add(chain.digests);
            logs.add(chain.logs);
        }
        let (since, until) = (since.map(time::format), until.map(time::format));
        Verified { version: 1, since, until, public_keys, keys, reading, digests, logs, chains }
    }

    /// 1 if something is proven to be altered, added or taken away, 3 if something is not proven, 4 for both.
    pub(crate) fn exit(&self) -> Exit {
        let counts = [self.digests, self.logs];
        let windows = || self.chains.iter().flat_map(|chain| &chain.windows);
        let altered = counts.iter().any(|counts| counts.invalid + counts.missing + counts.orphan > 0)
            || windows().any(|window| matches!(window.state, "MISSING" | "INVALID"))
            || !self.keys.different.is_empty();
        let unproven = counts.iter().any(|counts| counts.unverifiable + counts.not_sampled > 0)
            || windows().any(|window| matches!(window.state, "GAP" | "UNVERIFIABLE"))
            || self.digests.valid == 0;
        Exit::decide(altered, !unproven)
    }
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.valid += other.valid;
        self.invalid += other.invalid;
        self.missing += other.missing;
        self.unverifiable += other.unverifiable;
        self.orphan += other.orphan;
        self.not_sampled += other.not_sampled;
    }

    fn count(&mut self, check: &Check) {
        match check {
            Check::Valid => self.valid += 1,
            Check::Invalid(_) => self.invalid += 1,
            Check::Missing => self.missing += 1,
            Check::Unverifiable(_) => self.unverifiable += 1,
            Check::Orphan => self.orphan += 1,
        }
    }

    /// All of them.
    pub(crate) fn total(&self) -> u64 {
        self.valid + self.invalid + self.missing + self.unverifiable + self.orphan + self.not_sampled
    }

    /// The counts by name, without those that are zero.
    pub(crate) fn named(&self) -> BTreeMap<&'static str, u64> {
        let all = [
            ("valid", self.valid),
            ("invalid", self.invalid),
            ("missing", self.missing),
            ("unverifiable", self.unverifiable),
            ("orphan", self.orphan),
            ("not sampled", self.not_sampled),
        ];
        all.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}

impl ChainOutcome {
    pub(super) fn new(name: ChainName, chain: &Chain, complete: &Hours) -> ChainOutcome {
        let window = |(range, window): &(std::ops::Range<i64>, Window)| WindowOutcome {
            from: time::format(range.start),
            until: time::format(range.end),
            state: match window {
                Window::Valid => "VALID",
                Window::Gap => "GAP",
                Window::Missing => "MISSING",
                Window::Invalid => "INVALID",
                Window::Unverifiable => "UNVERIFIABLE",
            },
        };
        let windows = chain.windows.iter().map(window).collect();
        ChainOutcome { windows, complete_hours: complete.count(), ..ChainOutcome::without_digest(name) }
    }

    pub(super) fn without_digest(name: ChainName) -> ChainOutcome {
        let ChainName { bucket, root, account, region, trail } = name;
        ChainOutcome {
            bucket,
            root,
            account,
            region,
            trail,
            windows: Vec::new(),
            complete_hours: 0,
            digests: Counts::default(),
            logs: Counts::default(),
            not_here: 0,
            objects: Vec::new(),
        }
    }

    /// A log object that was not drawn.
    pub(super) fn not_sampled(&mut self) {
        self.logs.not_sampled += 1;
    }

    pub(super) fn add(&mut self, item: Item) {
        let counts = if item.kind == ItemKind::Digest { &mut self.digests } else { &mut self.logs };
        counts.count(&item.check);
        if (item.check == Check::Valid && !item.recovered) || self.objects.len() >= MAX_SHOWN {
            return;
        }
        let why = match &item.check {
            Check::Valid => {
                "it is what AWS delivered; its own signature is lost and was taken from the digest after it".to_owned()
            }
            check => check.to_string(),
        };
        let kind = if item.kind == ItemKind::Digest { "digest" } else { "log" };
        self.objects.push(ItemOutcome { kind, place: item.place, state: item.check.name(), why });
    }
}
