//! Shards: several runs that collect parts of one organisation at the same time, and the run that adopts what they took.
//!
//! A shard has a head of its own, so shards never wait for each other. The next run without a shard takes their segments
//! into the main head, in one version of it that also says up to which generation of each shard's head it has done so:
//! nothing is adopted twice, and what a shard commits in the meantime is adopted the next time.
//!
//! Should a segment hold an object that is in the ledger already (a run without a shard took it at the same time, or shards
//! were numbered otherwise), its results cannot be told apart object by object. It is set aside, whole, and what else it
//! holds is taken again: [`View::to_retake`](super::View::to_retake).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use futures::stream::TryStreamExt as _;

use super::State;
use super::entry::{self, SIZE};
use super::error::StateError;
use super::head::{self, Adopted, SHARDS};
use super::keys::Wanted;
use super::ledger::Ledger;
use super::read::Sections;
use super::segment::{Kind, SegmentRef};

/// A part of the work: `number` of `of`, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shard {
    number: u32,
    of: u32,
}

impl Shard {
    /// # Errors
    /// There is no such part.
    pub(crate) fn new(number: u32, of: u32) -> Result<Shard, StateError> {
        if (1..=of).contains(&number) {
            return Ok(Shard { number, of });
        }
        Err(StateError::invalid(format!("shard {number}/{of}"), "shards are numbered from 1 to their count, such as 3/10"))
    }

    /// Its number, from 1.
    pub(crate) fn number(self) -> u32 {
        self.number
    }

    /// How many shards there are.
    pub(crate) fn of(self) -> u32 {
        self.of
    }

    /// Where its head is.
    pub(super) fn head_key(self) -> String {
        format!("{SHARDS}shard-{self}")
    }
}

/// `3-of-10`.
impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-of-{}", self.number, self.of)
    }
}

/// Entries of the ledger by day.
type Days = BTreeMap<i64, Vec<[u8; SIZE]>>;

impl State {
    /// Whether a segment of this shard with this generation is in the main head, which the view has too.
    pub(super) fn is_adopted(&self, generation: u64) -> bool {
        let adopted = self.shard.zip(self.main.as_ref()).and_then(|(shard, main)| main.shards.get(&shard.head_key()));
        adopted.is_some_and(|adopted| adopted.begun == self.stored.head.begun && generation <= adopted.generation)
    }

    /// Adopts what shards have committed since the last time.
    pub(super) async fn adopt(&mut self) -> Result<(), StateError> {
        let mut head = self.stored.head.next();
        let mut arrived: Vec<SegmentRef> = Vec::new();
        let keys: Vec<String> = self.bucket.list(SHARDS, None).map_ok(|entry| entry.key).try_collect().await?;
        for key in keys {
            let Some(theirs) = head::read(&*self.bucket, &key).await?.map(|stored| stored.head) else { continue };
            let known = head.shards.get(&key).filter(|adopted| adopted.begun == theirs.begun);
            let known = known.map_or(0, |adopted| adopted.generation);
            if theirs.generation < known {
                let reason =
                    format!("it has generation {}, and {known} was adopted from it: it is an older version", theirs.generation);
                return Err(StateError::head(&key, reason));
            }
            arrived.extend(theirs.segments.into_iter().filter(|segment| segment.generation > known));
            head.shards.insert(key, Adopted { begun: theirs.begun, generation: theirs.generation });
        }
        if arrived.is_empty() && head.set_aside.is_empty() {
            return Ok(());
        }
        // Those set aside go through the same check again: they leave when nothing is missing of them.
        let (mut candidates, old) = (Vec::new(), std::mem::take(&mut head.set_aside));
        let mut ledger = Ledger::default();
        for (segment, new) in
            arrived.into_iter().map(|segment| (segment, true)).chain(old.into_iter().map(|segment| (segment, false)))
        {
            candidates.push((self.entries_of(&segment).await?, segment, new));
        }
        let days: BTreeSet<i64> = candidates.iter().flat_map(|(days, _, _)| days.keys().copied()).collect();
        ledger.load(&self.segments, &self.stored.head.segments, days).await?;
        for (days, mut segment, new) in candidates {
            let known = days.iter().any(|(day, entries)| ledger.knows_any(*day, entries));
            if new && !known {
                days.iter().for_each(|(day, entries)| ledger.add(*day, entries));
                segment.generation = head.generation;
                head.segments.push(segment);
            } else if !days.iter().all(|(day, entries)| ledger.knows_all(*day, entries)) {
                tracing::warn!(
                    segment = segment.name,
                    "objects in it were taken twice; it is set aside, and the others are taken again"
                );
                head.set_aside.push(segment);
            }
        }
        self.advance(head).await
    }

    async fn entries_of(&self, segment: &SegmentRef) -> Result<Days, StateError> {
        let one = std::slice::from_ref(segment);
        let mut sections = Sections::open(&self.segments, one, Kind::Keys, &Wanted::All).await?;
        let mut days = Days::new();
        while let Some(found) = sections.next().await? {
            let (segment, section) = (Arc::clone(&found.segment), found.section.clone());
            let body = found.body()?;
            let entries = entry::entries(&body).ok_or_else(|| segment.damaged(&section, "it ends within an entry"))?;
            days.entry(section.key).or_default().extend_from_slice(entries);
        }
        Ok(days)
    }
}
