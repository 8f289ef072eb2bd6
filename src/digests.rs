//! Checks CloudTrail's digests over what runs collected: against AWS's public keys, against each other, and every log object
//! against the digest that names it. What was hashed when an object was taken is not read again; `assize verify` does that.
//!
//! A day of the ledger is checked when its rows are others than last time, with the days on either side. So a run looks at
//! today and yesterday, as a rule, and N runs say what one says.

mod day;
mod document;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use assize_engine::digest::{self, Content, DigestDocument, FoundDigest, Held, Unreadable};
use assize_engine::layout::{self, Folder};
use futures::TryStreamExt;

use crate::collect::collected::{CellKey, Collected, Owed};
use crate::scan::on_threads;
use crate::state::{self, DigestRow, LedgerRow, StateError, View};
use crate::verify::keys::PublicKeys;
use day::{CellDay, FoundLog, Place, Remembered};
pub(crate) use document::{Counts, DOCUMENT, Totals, Verified, VerifiedError};

/// What is looked at, beside the ledger.
#[derive(Clone)]
pub(crate) struct Evidence {
    /// CloudTrail's public keys.
    pub(crate) keys: Arc<PublicKeys>,
    /// What was collected, and what is owed.
    pub(crate) collected: Arc<Collected>,
    /// Buckets in which a trail that writes no digests delivers too.
    pub(crate) unvalidated: Arc<BTreeSet<String>>,
    /// Seconds that an event may be late.
    pub(crate) settle: i64,
    /// Threads.
    pub(crate) threads: usize,
}

/// What a check found beside what it noted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Days that were checked.
    pub(crate) days: u64,
    /// Log objects (bucket and key) that a valid digest names and nobody has seen. In order, each once.
    pub(crate) absent: Vec<(String, String)>,
}

/// Whether a check would find nothing to do, if so many keys are kept.
///
/// # Errors
/// The state cannot be read.
pub(crate) async fn is_up_to_date(view: &View, verified: &Verified, keys: u64) -> Result<bool, StateError> {
    let rows = view.row_counts().await?;
    Ok(verified.stale(&rows, keys).is_empty() && verified.knows(keys))
}

/// Checks the days of which the ledger has other rows than last time, in order.
///
/// # Errors
/// The state cannot be read.
pub(crate) async fn check(view: &View, evidence: &Evidence, verified: &mut Verified) -> Result<Found, StateError> {
    let (mut rows, keys) = (view.row_counts().await?, evidence.keys.count() as u64);
    let owed = Arc::new(owed(&evidence.collected));
    for digest in owed.iter() {
        // A day is another, too, when a digest of it is owed or no longer so.
        *rows.entry(digest.day).or_default() += OWED;
    }
    let mut found = Found::default();
    let mut days = Days::new(view.clone());
    for day in verified.stale(&rows, keys) {
        let around = days.around(day).await?;
        let named = days.others(&around, day).await?;
        let (evidence, owed) = (evidence.clone(), Arc::clone(&owed));
        let outcome = state::blocking("checking digests", move || Ok(one_day(day, &around, (&named, &owed), &evidence))).await?;
        verified.forget(day);
        for cell in outcome {
            cell.days.into_iter().for_each(|day| verified.add(day));
            found.absent.extend(cell.absent);
        }
        found.days += 1;
    }
    verified.checked(&rows, keys);
    found.absent.sort();
    found.absent.dedup();
    Ok(found)
}

/// What an owed digest adds to the number of a day's rows; more than there ever are.
const OWED: u64 = 1 << 40;

/// A digest that is listed and could not be read.
struct OwedDigest {
    /// Days since 1970.
    day: i64,
    cell: CellKey,
    /// Trail, and whether it was written long after its window.
    trail: (String, bool),
    found: FoundDigest,
}

fn owed(collected: &Collected) -> Vec<OwedDigest> {
    let one = |owed: &Owed| {
        let trail = digest::trail_of(&owed.key)?;
        let place = (owed.source.strip_prefix("s3://")?.to_owned(), owed.key.clone());
        Some(OwedDigest {
            day: layout::parse(&owed.key).ok()?.day,
            cell: (owed.account.clone(), owed.region.clone()),
            trail: (trail.trail.to_owned(), trail.backfill),
            found: FoundDigest { place, content: Err(Unreadable::Denied(owed.message.clone())) },
        })
    };
    collected.owed.iter().filter_map(one).collect()
}

/// The ledger's rows of one day, as far as digests speak of them.
#[derive(Debug, Default)]
struct DayRows {
    /// By account and region.
    cells: BTreeMap<CellKey, CellRows>,
    /// What is known of log objects.
    held: HashMap<Place, Vec<Held>>,
}

#[derive(Debug, Default)]
struct CellRows {
    /// By trail; those written long after their window apart.
    digests: BTreeMap<(String, bool), Vec<FoundDigest>>,
    logs: Vec<FoundLog>,
}

impl DayRows {
    fn add(&mut self, row: LedgerRow) {
        let Some(bucket) = row.source.strip_prefix("s3://") else { return };
        let Ok(parsed) = layout::parse(&row.key) else { return };
        let place = (bucket.to_owned(), row.key.clone());
        let cell = self.cells.entry((parsed.account.to_owned(), parsed.region.to_owned())).or_default();
        if let Some(digest) = &row.digest {
            let Some(trail) = digest::trail_of(&row.key) else { return };
            let content = content(digest, row.inflated_sha256.unwrap_or_default());
            let key = (trail.trail.to_owned(), trail.backfill);
            cell.digests.entry(key).or_default().push(FoundDigest { place, content });
        } else if parsed.folder != Folder::Digest {
            if parsed.folder == Folder::CloudTrail {
                cell.logs.push(FoundLog { place: place.clone(), delivered: parsed.delivered });
            }
            self.held.entry(place).or_default().push(held(&row));
        }
    }
}

/// What the ledger knows of a log object since it was taken.
pub(crate) fn held(row: &LedgerRow) -> Held {
    match (&row.inflated_sha256, row.note.as_deref().unwrap_or_default()) {
        (_, note) if note.contains("trailing-bytes") => Held::Trailing(0),
        (_, note) if note.contains("gzip") || note.contains("bomb") || note.contains("too-large") => {
            Held::Damaged(note.to_owned())
        }
        (Some(hash), _) => Held::Hash(hash.clone()),
        (None, note) => Held::Damaged(note.to_owned()),
    }
}

fn content(digest: &DigestRow, inflated_sha256: String) -> Result<Content, Unreadable> {
    let DigestRow { text, signature, algorithm, trailing, damaged } = digest;
    match damaged {
        Some(how) => Err(Unreadable::Damaged(how.clone())),
        None => Ok(Content {
            inflated_sha256,
            document: DigestDocument::read(text.as_bytes()),
            signature: signature.clone(),
            algorithm: algorithm.clone(),
            trailing: *trailing,
        }),
    }
}

/// Days of the ledger, those at hand kept.
struct Days {
    view: View,
    kept: BTreeMap<i64, Arc<DayRows>>,
}

/// The day before, the day, and the day after.
type Around = [Arc<DayRows>; 3];

impl Days {
    fn new(view: View) -> Days {
        Days { view, kept: BTreeMap::new() }
    }

    async fn load(&self, day: i64) -> Result<Arc<DayRows>, StateError> {
        if let Some(rows) = self.kept.get(&day) {
            return Ok(Arc::clone(rows));
        }
        let mut rows = DayRows::default();
        let mut found = self.view.rows(day..day + 1);
        while let Some((_, of_day)) = found.try_next().await? {
            of_day.into_iter().for_each(|row| rows.add(row));
        }
        Ok(Arc::new(rows))
    }

    async fn around(&mut self, day: i64) -> Result<Around, StateError> {
        self.kept.retain(|kept, _| *kept >= day - 1);
        let mut around = Vec::new();
        for day in day - 1..=day + 1 {
            let rows = self.load(day).await?;
            self.kept.insert(day, Arc::clone(&rows));
            around.push(rows);
        }
        Ok(around.try_into().expect("three days were loaded"))
    }

    /// Further days whose log objects are named by digests of this one: those that came long after their window.
    async fn others(&self, around: &Around, day: i64) -> Result<Vec<Arc<DayRows>>, StateError> {
        let [_, today, _] = around;
        let found = today.cells.values().flat_map(|cell| &cell.digests).filter(|((_, backfill), _)| *backfill);
        let documents = found.flat_map(|(_, found)| found).filter_map(|one| one.content.as_ref().ok()?.document.as_ref().ok());
        let keys = documents.flat_map(|document| &document.logs).filter_map(|entry| layout::parse(&entry.place.1).ok());
        let days: BTreeSet<i64> = keys.map(|key| key.day).filter(|named| (named - day).abs() > 1).collect();
        let mut others = Vec::new();
        for day in days {
            others.push(self.load(day).await?);
        }
        Ok(others)
    }
}

/// Checks a day of every cell.
fn one_day(
    day: i64,
    around: &Around,
    (others, unread): (&[Arc<DayRows>], &[OwedDigest]),
    evidence: &Evidence,
) -> Vec<day::Outcome> {
    let [_, today, _] = around;
    let with_digests =
        around.iter().flat_map(|rows| &rows.cells).filter(|(_, cell)| !cell.digests.is_empty()).map(|(key, _)| key);
    let unread: Vec<&OwedDigest> = unread.iter().filter(|digest| (day - 1..=day + 1).contains(&digest.day)).collect();
    let cells: BTreeSet<&CellKey> = with_digests.chain(unread.iter().map(|digest| &digest.cell)).collect();
    let cells: Vec<&CellKey> = cells.into_iter().collect();
    let owed: HashMap<(&str, &str), &str> =
        evidence.collected.owed.iter().map(|owed| ((owed.source.as_str(), owed.key.as_str()), owed.message.as_str())).collect();
    let held = |place: &Place| {
        // One that was replaced under its key is kept in both versions; either may be what AWS delivered.
        let versions: Vec<Held> =
            around.iter().chain(others).filter_map(|rows| rows.held.get(place)).flatten().cloned().collect();
        if !versions.is_empty() {
            return versions;
        }
        let source = format!("s3://{}", place.0);
        let owed = owed.get(&(source.as_str(), place.1.as_str()));
        vec![owed.map_or(Held::Absent, |why| Held::Unreadable((*why).to_owned()))]
    };
    let may_come = |place: &Place| {
        layout::parse(&place.1).is_ok_and(|key| {
            let hour = key.delivered.div_euclid(3600);
            !evidence.collected.has(key.account, key.region, hour..hour + 1)
        })
    };
    let next = AtomicUsize::new(0);
    let work = || {
        let keys = Remembered::new(&*evidence.keys);
        let mut outcomes = Vec::new();
        while let Some(&cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut chains: BTreeMap<(String, bool), Vec<FoundDigest>> = BTreeMap::new();
            for (trail, found) in around.iter().filter_map(|rows| rows.cells.get(cell)).flat_map(|cell| &cell.digests) {
                chains.entry(trail.clone()).or_default().extend(found.iter().cloned());
            }
            for digest in unread.iter().filter(|digest| digest.cell == *cell) {
                let chain = chains.entry(digest.trail.clone()).or_default();
                // One that was replaced and cannot be read now is there as it was.
                if !chain.iter().any(|known| known.place == digest.found.place) {
                    chain.push(digest.found.clone());
                }
            }
            let logs = today.cells.get(cell).map(|cell| cell.logs.as_slice()).unwrap_or_default();
            let (unvalidated, settle) = (&*evidence.unvalidated, evidence.settle);
            let of = CellDay { cell, day, chains, logs, held: &held, may_come: &may_come, unvalidated, settle };
            outcomes.push(day::check(of, &keys));
        }
        outcomes
    };
    // Their order does not matter: each is put where it belongs.
    on_threads(evidence.threads, work).into_iter().flatten().collect()
}
