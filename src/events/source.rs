//! The objects that are asked: files, or what the audit bucket has of the asked days, accounts and regions.

mod batches;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use assize_bucket::{Bucket, BucketError};
use assize_cloud::S3Options;
use assize_engine::decode::Decoded;
use assize_engine::evaluate::Period;
use assize_engine::layout::{self, Folder};
use assize_engine::text::Text;
use assize_engine::time;
use futures::TryStreamExt as _;
use tokio::runtime::Runtime;

use crate::aws;
use crate::collect::kept;
use crate::collect::take::Source;
use crate::config::{BucketSource, Config, Mode, SourceKind};
use crate::report::words;
use crate::scan::input::{self, InputError, Inputs};
use crate::scan::object::{ObjectOutcome, Reader, Status, Trouble};
use crate::state::{self, LedgerRow, StateError, View};

pub(crate) use batches::in_batches;

/// Which objects of the audit bucket may hold what is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// Event times.
    pub(crate) period: Period,
    /// Ids; empty for all.
    pub(crate) accounts: Vec<String>,
    /// In lower case; empty for all.
    pub(crate) regions: Vec<String>,
}

/// Days after an event within which its record is looked for: CloudTrail delivers within minutes, and says of what it delivers
/// later why (user guide, "record contents", `addendum`).
const LATE: i64 = 2;

/// Days that one page of Event history can go back from the day under which it is kept.
const HISTORY: i64 = 91;

/// Objects of the audit bucket that are fetched at once: most of the time is waiting.
const AT_ONCE: usize = 16;

impl Scope {
    /// Days of delivery, since 1970.
    fn days(&self) -> Range<i64> {
        let start = self.period.since.map_or(i64::MIN, |since| since.div_euclid(86_400));
        let end = self.period.until.map_or(i64::MAX, |until| until.saturating_sub(1).div_euclid(86_400) + LATE + 1);
        start..end.max(start)
    }

    /// Days of the ledger that are looked at: Event history may be kept under a later day than that of delivery.
    fn ledger_days(&self) -> Range<i64> {
        let Range { start, end } = self.days();
        start..end.saturating_add(HISTORY)
    }

    /// Whether the row's object may hold what is asked for. `None` for a digest, which holds no events.
    fn wants(&self, row: &LedgerRow) -> Option<bool> {
        let Ok(key) = layout::parse(&row.key) else {
            // Event history: `ACCOUNT/REGION/…`, kept under the day on which it ends.
            let mut steps = row.key.split('/');
            let (account, region) = (steps.next().unwrap_or_default(), steps.next().unwrap_or_default());
            return Some(!layout::is_account(account) || self.is_in(account, region));
        };
        let wanted = self.days().contains(&row.day) && self.is_in(key.account, key.region);
        (key.folder != Folder::Digest).then_some(wanted)
    }

    fn is_in(&self, account: &str, region: &str) -> bool {
        (self.accounts.is_empty() || self.accounts.iter().any(|id| id == account))
            && (self.regions.is_empty() || self.regions.iter().any(|name| name.eq_ignore_ascii_case(region)))
    }
}

/// What is read.
pub(crate) enum Objects {
    /// Files.
    Files(Inputs),
    /// The audit bucket.
    Kept(Box<Kept>),
}

/// Objects that the ledger of an audit bucket names.
pub(crate) struct Kept {
    runtime: Runtime,
    audit: Arc<dyn Bucket>,
    sources: Vec<Source>,
    /// Why a bucket that the configuration names cannot be opened.
    closed: BTreeMap<String, String>,
    objects: Vec<KeptObject>,
    /// Read in place by runs, and not to be had here: how many, by the bucket that has them.
    elsewhere: BTreeMap<String, u64>,
    days: Range<i64>,
}

/// One of them.
struct KeptObject {
    /// The key in the audit bucket, or `s3://bucket/key` where it is read in place.
    name: Box<str>,
    size: u64,
    stored_sha256: Box<str>,
    /// Bytes of the name that are the source's, where it is read in place.
    in_place: Option<usize>,
}

impl KeptObject {
    fn of(row: LedgerRow) -> KeptObject {
        let (name, in_place) = match row.evidence_key {
            Some(key) => (key, None),
            None => {
                let place = format!("{}/{}", row.source, row.key);
                let changed = row.status == state::RowStatus::Replaced;
                (if changed { format!("{place}@{}", row.stored_sha256) } else { place }, Some(row.source.len()))
            }
        };
        KeptObject { name: name.into(), size: row.size, stored_sha256: row.stored_sha256.into(), in_place }
    }

    /// The source that it is read in.
    fn source(&self) -> Option<&str> {
        self.in_place.and_then(|length| self.name.get(..length))
    }
}

/// Lists files.
///
/// # Errors
/// One of the paths is not there.
pub(crate) fn files(paths: &[PathBuf]) -> Result<Objects, InputError> {
    Ok(Objects::Files(input::list(paths)?))
}

/// Lists what the audit bucket has. Nothing is written.
///
/// # Errors
/// The state cannot be read.
pub(crate) fn kept(
    (config, runtime): (&Config, Runtime),
    (audit, view): (Arc<dyn Bucket>, &View),
    scope: &Scope,
) -> Result<Objects, StateError> {
    let objects = runtime.block_on(listed(view, scope))?;
    let in_place: BTreeSet<&str> = objects.iter().filter_map(KeptObject::source).collect();
    let (sources, closed) = runtime.block_on(open(config, &in_place));
    let (objects_here, elsewhere) = (Vec::new(), BTreeMap::new());
    let kept = Kept { runtime, audit, sources, closed, objects: objects_here, elsewhere, days: scope.days() };
    Ok(Objects::Kept(Box::new(kept.with(objects))))
}

/// The objects that may hold what is asked for.
async fn listed(view: &View, scope: &Scope) -> Result<Vec<KeptObject>, StateError> {
    let mut wanted = Vec::new();
    let mut days = view.rows(scope.ledger_days());
    while let Some((_, rows)) = days.try_next().await? {
        wanted.extend(rows.into_iter().filter(|row| scope.wants(row) == Some(true)).map(KeptObject::of));
    }
    Ok(wanted)
}

/// Opens the buckets that are read in place and that the configuration names, and says why others of them cannot be opened. What it
/// does not name was found by asking AWS for trails, which nobody asks here.
async fn open(config: &Config, in_place: &BTreeSet<&str>) -> (Vec<Source>, BTreeMap<String, String>) {
    let named = |kind: &SourceKind| match kind {
        SourceKind::Bucket(bucket) if in_place.contains(format!("s3://{}", bucket.bucket).as_str()) => Some(bucket.clone()),
        _ => None,
    };
    let wanted: Vec<BucketSource> = config.sources.iter().filter_map(|source| named(&source.kind)).collect();
    let (mut opened, mut closed) = (Vec::<Source>::new(), BTreeMap::new());
    if wanted.is_empty() {
        return (opened, closed);
    }
    let sessions = match aws::sessions(config).await {
        Ok(sessions) => sessions,
        Err(error) => {
            closed.extend(wanted.into_iter().map(|bucket| (format!("s3://{}", bucket.bucket), error.to_string())));
            return (opened, closed);
        }
    };
    for BucketSource { bucket: bucket_name, account, region, .. } in wanted {
        let session = match &account {
            Some(account) => aws::account_session(&sessions, config, account),
            None => sessions.base(),
        };
        let options = S3Options { bucket: bucket_name.clone(), region, ..S3Options::default() };
        let id = format!("s3://{bucket_name}");
        if opened.iter().any(|source| source.id == id) {
            continue;
        }
        match session.bucket(options).await {
            Ok(bucket) => {
                let (bucket, partition) = (Arc::new(bucket), config.partition.id());
                opened.push(Source { bucket_name, id, partition, bucket, mode: Mode::InPlace });
            }
            Err(error) => drop(closed.insert(id, error.to_string())),
        }
    }
    (opened, closed)
}

impl Kept {
    /// Bytes of all of them, as listed.
    pub(crate) fn bytes(&self) -> u64 {
        self.objects.iter().map(|object| object.size).sum()
    }

    /// How one is named; empty if there is no such object.
    pub(crate) fn name(&self, number: usize) -> &str {
        self.objects.get(number).map_or("", |object| &object.name)
    }

    /// How many threads read them best: most of the time is waiting.
    pub(crate) fn threads(asked: usize) -> usize {
        asked.max(AT_ONCE)
    }

    /// Reads one and hands its text on. `None` if there is no such object.
    pub(crate) fn read(
        &self,
        number: usize,
        reader: &mut Reader,
        evaluate: &mut dyn FnMut(&mut dyn Text) -> Decoded,
    ) -> Option<ObjectOutcome> {
        let object = self.objects.get(number)?;
        Some(match self.fetch(object) {
            Ok((bytes, altered)) => {
                let outcome = reader.read_bytes(&object.name, true, &bytes, evaluate);
                ObjectOutcome { trouble: outcome.trouble.or(altered), ..outcome }
            }
            Err(error) => failed(error.to_string()),
        })
    }

    /// What is read elsewhere and not to be had here, as problems: name, and why.
    fn missing(&self) -> Vec<(String, String)> {
        let why = |source: &str, count: u64| {
            let objects = words::plural(count, "object", "objects");
            let reason = self.closed.get(source).map_or("the configuration does not name its bucket under `sources`", |why| why);
            format!(
                "in-place: {objects} of the asked days that runs read there, and of which the audit bucket has no copy are not \
                 read: {reason}; name the bucket under `sources`, or copy it and give the folder as a path"
            )
        };
        self.elsewhere.iter().map(|(source, count)| (source.clone(), why(source, *count))).collect()
    }

    /// Takes objects that can be read; those in a source that is not open are counted.
    fn with(mut self, objects: Vec<KeptObject>) -> Kept {
        for object in objects {
            match object.source() {
                Some(source) if self.sources.iter().all(|open| open.id != source) => {
                    *self.elsewhere.entry(source.to_owned()).or_default() += 1;
                }
                _ => self.objects.push(object),
            }
        }
        self.objects.sort_by(|a, b| a.name.cmp(&b.name));
        self
    }

    /// Fetches an object and looks whether it is what the ledger says.
    fn fetch(&self, object: &KeptObject) -> Result<(Vec<u8>, Option<Trouble>), BucketError> {
        let bytes = self.runtime.block_on(kept::by_name(&*self.audit, &self.sources, &object.name))?;
        let altered = (state::sha256(&bytes) != *object.stored_sha256).then(|| Trouble {
            code: "object-altered",
            tampering: true,
            message:
                "it has other bytes than when it was judged; its records are shown as they are now, and `assize verify` says \
                      more"
                    .to_owned(),
        });
        Ok((bytes, altered))
    }
}

impl Objects {
    /// How many there are to read.
    pub(crate) fn len(&self) -> usize {
        match self {
            Objects::Files(inputs) => inputs.objects.len(),
            Objects::Kept(kept) => kept.objects.len(),
        }
    }

    /// Bytes of all of them, as listed.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Objects::Files(inputs) => inputs.objects.iter().map(|object| object.size).sum(),
            Objects::Kept(kept) => kept.bytes(),
        }
    }

    /// How one is named; empty if there is no such object.
    pub(crate) fn name(&self, number: usize) -> &str {
        match self {
            Objects::Files(inputs) => inputs.objects.get(number).map_or("", |object| &object.name),
            Objects::Kept(kept) => kept.name(number),
        }
    }

    /// How many threads read them best.
    pub(crate) fn threads(&self, asked: usize) -> usize {
        match self {
            Objects::Files(_) => asked,
            Objects::Kept(_) => Kept::threads(asked),
        }
    }

    /// Reads one and hands its text on. `None` if there is no such object.
    pub(crate) fn read(
        &self,
        number: usize,
        reader: &mut Reader,
        evaluate: &mut dyn FnMut(&mut dyn Text) -> Decoded,
    ) -> Option<ObjectOutcome> {
        match self {
            Objects::Files(inputs) => Some(reader.read(inputs.objects.get(number)?, evaluate)),
            Objects::Kept(kept) => kept.read(number, reader, evaluate),
        }
    }

    /// What is not among them, as problems: name, and why.
    pub(crate) fn missing(&self) -> Vec<(String, String)> {
        match self {
            Objects::Files(inputs) => {
                let why = |why: &str| format!("unreadable: cannot be listed: {why}; give this user read permission");
                inputs.unlisted.iter().map(|(name, reason)| (name.clone(), why(reason))).collect()
            }
            Objects::Kept(kept) => kept.missing(),
        }
    }

    /// Files that are no logs by their name or place.
    pub(crate) fn skipped(&self) -> u64 {
        match self {
            Objects::Files(inputs) => inputs.skipped.len() as u64,
            Objects::Kept(_) => 0,
        }
    }

    /// Where they are from, in words.
    pub(crate) fn told(&self) -> String {
        let Objects::Kept(kept) = self else { return "the paths".to_owned() };
        let day = |day: i64| time::format(day.saturating_mul(86_400)).chars().take(10).collect::<String>();
        let Range { start, end } = kept.days;
        match (start, end) {
            (i64::MIN, i64::MAX) => "the audit bucket".to_owned(),
            (i64::MIN, end) => format!("the audit bucket, up to what was delivered on {}", day(end - 1)),
            (start, i64::MAX) => format!("the audit bucket, from what was delivered on {} on", day(start)),
            (start, end) => format!("the audit bucket, what was delivered from {} up to {}", day(start), day(end - 1)),
        }
    }
}

fn failed(message: String) -> ObjectOutcome {
    let trouble = Trouble { code: "unreadable", tampering: false, message };
    ObjectOutcome { status: Status::Failed, stored_bytes: 0, inflated_bytes: 0, skipped: None, trouble: Some(trouble) }
}

#[cfg(test)]
mod tests;
