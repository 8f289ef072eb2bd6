//! The state as it was at one moment: the segments that a head named. They never change, so a view stays what it is while
//! runs go on writing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use assize_bucket::Bucket;
use assize_engine::identity::SeenEntry;
use assize_engine::session::Sessions;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use serde::de::DeserializeOwned;

use super::batch::{DAY, Document};
use super::entry::{self, SIZE};
use super::error::{StateError, blocking};
use super::head;
use super::keys::Wanted;
use super::ledger::{KeyStatus, Ledger};
use super::read::{Found, Sections, Segments};
use super::results::{self, HourResults};
use super::row::LedgerRow;
use super::segment::{Kind, SegmentRef};
use super::session_row::{self, WantedSessions};

/// What a stream of a view gives. After an error it ends.
pub(crate) type Items<T> = BoxStream<'static, Result<T, StateError>>;

/// The state at one moment. Cheap to clone.
#[derive(Clone)]
pub(crate) struct View {
    from: Arc<Segments>,
    segments: Arc<[SegmentRef]>,
    set_aside: Arc<[SegmentRef]>,
}

impl View {
    /// What the main head names at present, without taking it over: for those who only read. Nothing, if there is no head.
    ///
    /// # Errors
    /// The bucket fails; the head is damaged or newer.
    pub(crate) async fn open(bucket: Arc<dyn Bucket>) -> Result<View, StateError> {
        let stored = head::read(&*bucket, head::MAIN).await?;
        let (segments, set_aside) = stored.map(|stored| (stored.head.segments, stored.head.set_aside)).unwrap_or_default();
        Ok(View::new(Arc::new(Segments::new(bucket)), segments, set_aside))
    }

    pub(super) fn new(from: Arc<Segments>, segments: Vec<SegmentRef>, set_aside: Vec<SegmentRef>) -> View {
        View { from, segments: segments.into(), set_aside: set_aside.into() }
    }

    /// How many objects the ledger holds.
    pub(crate) fn row_count(&self) -> u64 {
        self.segments.iter().map(|segment| segment.rows).sum()
    }

    /// How many segments are live.
    pub(crate) fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// The ledger of some days (days since 1970). It stays as it is when others commit; load it after opening a run.
    ///
    /// # Errors
    /// The bucket fails, or a segment is damaged.
    pub(crate) async fn ledger(&self, days: impl IntoIterator<Item = i64>) -> Result<Ledger, StateError> {
        let mut ledger = Ledger::default();
        self.load(&mut ledger, days).await?;
        Ok(ledger)
    }

    /// Loads further days into a ledger. Days that it has already stay as they are.
    ///
    /// # Errors
    /// As [`View::ledger`].
    pub(crate) async fn load(&self, ledger: &mut Ledger, days: impl IntoIterator<Item = i64>) -> Result<(), StateError> {
        ledger.load(&self.from, &self.segments, days).await
    }

    /// The rows of the ledger, day by day, each day sorted by source and key. A day is held in memory as a whole.
    pub(crate) fn rows(&self, days: Range<i64>) -> Items<(i64, Vec<LedgerRow>)> {
        self.by_key(Kind::Rows, Wanted::Within(days), |day, found| {
            let mut rows: Vec<LedgerRow> = lines(found)?;
            rows.sort_unstable();
            Ok((day, rows))
        })
    }

    /// How many rows each listing day has. Rows are never taken back, so a day whose number is the same is the same day. Asks
    /// tables of contents alone.
    ///
    /// # Errors
    /// As [`View::ledger`].
    pub(crate) async fn row_counts(&self) -> Result<BTreeMap<i64, u64>, StateError> {
        let mut counts = BTreeMap::new();
        for part in self.from.open(&self.segments, Kind::Keys, &Wanted::All).await? {
            for section in part.sections {
                *counts.entry(section.key).or_default() += section.inflated() / SIZE as u64;
            }
        }
        Ok(counts)
    }

    /// The records that were counted, by hour of event time, sorted and distinct.
    pub(crate) fn seen(&self, hours: Range<i64>) -> Items<(i64, Vec<SeenEntry>)> {
        self.by_key(Kind::Seen, Wanted::Within(hours), |hour, found| {
            let mut all: Vec<[u8; SIZE]> = Vec::new();
            for found in found {
                let (segment, section) = (Arc::clone(&found.segment), found.section.clone());
                let body = found.body()?;
                let entries = entry::entries(&body).ok_or_else(|| segment.damaged(&section, "it ends within an entry"))?;
                all.extend_from_slice(entries);
            }
            entry::sort(&mut all);
            Ok((hour, all.into_iter().map(entry::seen_of).collect()))
        })
    }

    /// What evaluating gave, hour by hour of event time in order, for the policies with these hashes. Only the hour at hand
    /// is in memory. A range that begins with [`NO_HOUR`](assize_engine::partial::NO_HOUR) also has what has no time.
    pub(crate) fn results(&self, hours: Range<i64>, policies: &[String]) -> Items<HourResults> {
        let asked: Arc<[String]> = policies.into();
        let distinct: BTreeSet<&String> = policies.iter().collect();
        if distinct.len() < policies.len() {
            let error = StateError::invalid("the policies to report on", "two of them have the same hash; load each once");
            return stream::iter([Err(error)]).boxed();
        }
        self.by_key(Kind::Results, Wanted::Within(hours), move |hour, found| results::read(hour, found, &asked))
    }

    /// The records that issued the wanted temporary credentials, or any if nothing is said, hour by hour of event time. Only
    /// the hour at hand is in memory.
    pub(crate) fn sessions(&self, hours: Range<i64>, wanted: Option<WantedSessions>) -> Items<Sessions> {
        self.by_key(Kind::Sessions, Wanted::Within(hours), move |_, found| session_row::read(found, wanted.as_ref()))
    }

    /// All documents of a name, in the order of their time.
    ///
    /// # Errors
    /// The bucket fails, or a segment is damaged.
    pub(crate) async fn documents(&self, name: &str) -> Result<Vec<Document>, StateError> {
        self.named(Kind::Documents, name, Wanted::All).await
    }

    /// The newest document of a name among those of which only the newest counts ([`Batch::current`](super::Batch::current)).
    ///
    /// # Errors
    /// As [`View::documents`].
    pub(crate) async fn current(&self, name: &str) -> Result<Option<Document>, StateError> {
        let all = self.named(Kind::Current, name, Wanted::All).await?;
        Ok(all.into_iter().max_by_key(|document| document.order))
    }

    /// The documents of a name in the timeline of runs whose time is in the range (seconds since 1970 UTC), in order.
    ///
    /// # Errors
    /// As [`View::documents`].
    pub(crate) async fn timeline(&self, name: &str, as_of: Range<i64>) -> Result<Vec<Document>, StateError> {
        let days = as_of.start.div_euclid(DAY)..as_of.end.div_euclid(DAY).saturating_add(1);
        let mut all = self.named(Kind::Timeline, name, Wanted::Within(days)).await?;
        all.retain(|document| as_of.contains(&document.as_of));
        Ok(all)
    }

    /// The newest document of a name in the timeline that is not after a time (seconds since 1970 UTC).
    ///
    /// # Errors
    /// As [`View::documents`].
    pub(crate) async fn snapshot(&self, name: &str, as_of: i64) -> Result<Option<Document>, StateError> {
        Ok(self.timeline(name, i64::MIN..as_of.saturating_add(1)).await?.pop())
    }

    /// The sets of policies behind [`LedgerRow::policy_set`]: sorted hashes by the name of the set.
    ///
    /// # Errors
    /// As [`View::documents`].
    pub(crate) async fn policy_sets(&self) -> Result<BTreeMap<String, Arc<[String]>>, StateError> {
        let opened = Sections::open(&self.from, &self.segments, Kind::Rows, &Wanted::All).await?;
        Ok(opened.segments().flat_map(|segment| segment.policy_sets.clone()).collect())
    }

    /// Objects that a shard took and that are not in the ledger, because the segment with them also held what somebody
    /// else had taken. They must be taken again, whether a listing names them or not. Their days are loaded.
    ///
    /// # Errors
    /// As [`View::documents`].
    pub(crate) async fn to_retake(&self, ledger: &mut Ledger) -> Result<Vec<LedgerRow>, StateError> {
        let aside = View::new(Arc::clone(&self.from), self.set_aside.to_vec(), Vec::new());
        let mut rows: Vec<LedgerRow> = aside.rows(i64::MIN..i64::MAX).map_ok(|(_, rows)| rows).try_concat().await?;
        self.load(ledger, rows.iter().map(|row| row.day).collect::<BTreeSet<_>>()).await?;
        rows.retain(|row| ledger.status(&row.listed()) != KeyStatus::Known);
        rows.dedup_by(|b, a| b.listed() == a.listed());
        Ok(rows)
    }

    async fn named(&self, kind: Kind, name: &str, wanted: Wanted) -> Result<Vec<Document>, StateError> {
        let wanted_name = name.to_owned();
        let by_day = self.by_key(kind, wanted, move |_, found| {
            let mut documents: Vec<Document> = lines(found)?;
            documents.retain(|document| document.name == wanted_name);
            Ok(documents)
        });
        let mut all = by_day.try_concat().await?;
        all.sort_by(|a, b| (a.as_of, a.order, &a.run).cmp(&(b.as_of, b.order, &b.run)));
        Ok(all)
    }

    /// Reads the sections of each key and makes something of them, off the async threads.
    fn by_key<T: Send + 'static>(
        &self,
        kind: Kind,
        wanted: Wanted,
        make: impl Fn(i64, Vec<Found>) -> Result<T, StateError> + Send + Sync + 'static,
    ) -> Items<T> {
        let (view, make) = (self.clone(), Arc::new(make));
        let sections = async move { Sections::open(&view.from, &view.segments, kind, &wanted).await };
        let items = stream::once(sections).map_ok(move |sections| {
            let make = Arc::clone(&make);
            stream::try_unfold(sections, move |mut sections| {
                let make = Arc::clone(&make);
                async move {
                    let Some((key, found)) = sections.next_key().await? else { return Ok(None) };
                    let made = blocking("the reading of a segment", move || make(key, found)).await?;
                    Ok(Some((made, sections)))
                }
            })
        });
        items.try_flatten().boxed()
    }
}

impl fmt::Debug for View {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("View").field("segments", &self.segments.len()).finish_non_exhaustive()
    }
}

/// What the JSON lines of sections say.
fn lines<T: DeserializeOwned>(found: Vec<Found>) -> Result<Vec<T>, StateError> {
    let mut all = Vec::new();
    for found in found {
        let (segment, section) = (Arc::clone(&found.segment), found.section.clone());
        let body = found.body()?;
        for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            all.push(serde_json::from_slice(line).map_err(|error| segment.damaged(&section, &error.to_string()))?);
        }
    }
    Ok(all)
}
