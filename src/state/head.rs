//! The head: the one object that says which segments are the state, and which run may change it.
//!
//! Every version differs from every other in its bytes, because the generation goes up by one: an etag of one version
//! never stands for another. The format is versioned and strict; what an older Assize does not know it does not rewrite.

use std::collections::BTreeMap;

use assize_bucket::{Bucket, BucketError, Etag, Metadata, PutCondition, PutOutcome};
use serde::{Deserialize, Serialize};

use super::error::StateError;
use super::segment::SegmentRef;

/// Where the head of unsharded runs is.
pub(super) const MAIN: &str = "head";

/// Where the heads of shards are.
pub(super) const SHARDS: &str = "heads/";

/// The version of the format that is written, and the newest that is read.
const VERSION: u64 = 1;

/// The most bytes of a head. A segment takes some 500.
const MAX_BYTES: u64 = 256 << 20;

/// Attempts at a write that meets others under way.
const ATTEMPTS: u32 = 10;

/// Errors of the bucket that are borne in one write. The bucket has tried each several times already.
const FAILURES: usize = 3;

/// Who writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Writer {
    /// Run id.
    pub(super) run: String,
    /// The run's time, seconds since 1970 UTC.
    pub(super) as_of: i64,
    /// Version of Assize.
    pub(super) tool: String,
    /// Tells two processes apart that were given one run id.
    pub(super) process: String,
}

/// What the main head has taken from the head of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Adopted {
    /// [`Head::begun`] of the shard's head: another one under the same name starts its generations again.
    pub(super) begun: String,
    /// Its segments up to this generation are in the main head.
    pub(super) generation: u64,
}

/// One version of a head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    /// Of the format.
    version: u64,
    /// Goes up with every version of the head.
    pub(super) generation: u64,
    /// Goes up when a run takes over.
    pub(super) epoch: u64,
    /// Run and process that wrote the first version.
    pub(super) begun: String,
    /// The run that took over last.
    pub(super) writer: Writer,
    /// Whether that run has not finished.
    pub(super) open: bool,
    /// Runs that were found open and are not marked as abandoned yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) unmarked: Vec<Writer>,
    /// The segments that are the state, in the order in which they came.
    pub(super) segments: Vec<SegmentRef>,
    /// Segments of shards that could not be adopted, because some of what they hold was taken twice. Their rows say what
    /// else must be taken again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) set_aside: Vec<SegmentRef>,
    /// What was adopted, by the shard's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) shards: BTreeMap<String, Adopted>,
}

/// Read first, to tell a head of a later version from a damaged one.
#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

impl Head {
    /// The head that a run writes to take over.
    fn taken_over(before: Option<&Head>, writer: &Writer) -> Head {
        let Some(before) = before else {
            let begun = format!("{} {}", writer.run, writer.process);
            let (writer, open, version, (generation, epoch)) = (writer.clone(), true, VERSION, (1, 1));
            let (unmarked, segments, set_aside, shards) = Default::default();
            return Head { version, generation, epoch, begun, writer, open, unmarked, segments, set_aside, shards };
        };
        let mut head = Head { epoch: before.epoch + 1, writer: writer.clone(), open: true, ..before.next() };
        head.unmarked = before.unmarked.clone();
        if before.open {
            head.unmarked.push(before.writer.clone());
        }
        // A run that is started again under its id goes on.
        head.unmarked.retain(|abandoned| abandoned.run != writer.run);
        head
    }

    /// The next version, to be changed and written. Whoever writes it has marked the abandoned runs.
    pub(super) fn next(&self) -> Head {
        Head { generation: self.generation + 1, unmarked: Vec::new(), ..self.clone() }
    }

    fn parse(key: &str, bytes: &[u8]) -> Result<Head, StateError> {
        let damaged = |error: serde_json::Error| StateError::head(key, format!("it is not the JSON of a head ({error})"));
        let Versioned { version } = serde_json::from_slice(bytes).map_err(damaged)?;
        if version > VERSION {
            return Err(StateError::Newer { key: key.to_owned(), version, known: VERSION });
        }
        let head: Head = serde_json::from_slice(bytes).map_err(damaged)?;
        // A head goes up by one at a time, so these are out of reach but for a forged one.
        if head.generation >= u64::MAX / 2 || head.epoch >= u64::MAX / 2 {
            return Err(StateError::head(key, "its generation or epoch is not a number that is ever reached"));
        }
        head.segments.iter().chain(&head.set_aside).try_for_each(|segment| segment.check(key))?;
        Ok(head)
    }

    fn to_bytes(&self, key: &str) -> Result<Vec<u8>, StateError> {
        let mut bytes =
            serde_json::to_vec(self).map_err(|error| StateError::invalid(format!("the head `{key}`"), error.to_string()))?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// A head as it is in the bucket.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) head: Head,
    pub(super) etag: Etag,
    bytes: Vec<u8>,
}

/// Reads a head; none if there is none.
pub(super) async fn read(bucket: &dyn Bucket, key: &str) -> Result<Option<Stored>, StateError> {
    let object = match bucket.get(key, Some(0..MAX_BYTES)).await {
        Ok(object) => object,
        Err(BucketError::NotFound { .. }) => return Ok(None),
        Err(BucketError::InvalidRange { .. }) => return Err(StateError::head(key, "it is empty")),
        Err(error) => return Err(error.into()),
    };
    if object.size > MAX_BYTES {
        return Err(StateError::head(key, format!("it has {} bytes, more than any head", object.size)));
    }
    Ok(Some(Stored { head: Head::parse(key, &object.bytes)?, etag: object.etag, bytes: object.bytes }))
}

/// What a put of a head came to.
enum Put {
    Done(Etag),
    /// Another version is there; none, if there is no head at all.
    Other(Option<Box<Stored>>),
}

/// Puts a version of the head and finds out what became of it, also if the answer was lost.
///
/// The version before is named by its etag, so a put that is sent twice is done once. An answer of 412 or 409 to a put
/// that was stored by an earlier attempt is told from a real one by the bytes: no two versions have the same.
async fn put(bucket: &dyn Bucket, key: &str, before: Option<&Etag>, bytes: &[u8]) -> Result<Put, StateError> {
    let mut failures = Vec::new();
    for _ in 0..ATTEMPTS {
        let condition = before.map_or(PutCondition::IfAbsent, |etag| PutCondition::IfMatch(etag.clone()));
        match bucket.put(key, bytes.to_vec(), Metadata::new(), condition).await {
            Ok(PutOutcome::Stored { etag }) => return Ok(Put::Done(etag)),
            Ok(PutOutcome::PreconditionFailed | PutOutcome::Conflict) => {}
            Err(error) => failures.push(error),
        }
        let there = match read(bucket, key).await {
            Ok(there) => there,
            Err(error) => return Err(failures.pop().map_or(error, StateError::from)),
        };
        match there {
            Some(there) if there.bytes == bytes => return Ok(Put::Done(there.etag)),
            // Not stored, or not yet. It may be sent again: of all copies at most one is stored.
            there if there.as_ref().map(|there| &there.etag) == before => {}
            there => return Ok(Put::Other(there.map(Box::new))),
        }
        if failures.len() >= FAILURES {
            break;
        }
    }
    let contended = StateError::Contended { key: key.to_owned(), attempts: ATTEMPTS };
    Err(failures.pop().map_or(contended, StateError::from))
}

/// Takes a head over: makes `writer` the open run.
///
/// # Errors
/// The bucket fails, the head is damaged or newer, or other runs take over again and again.
pub(super) async fn take_over(bucket: &dyn Bucket, key: &str, writer: &Writer) -> Result<Stored, StateError> {
    let mut before = read(bucket, key).await?;
    for _ in 0..ATTEMPTS {
        let head = Head::taken_over(before.as_ref().map(|before| &before.head), writer);
        let bytes = head.to_bytes(key)?;
        match put(bucket, key, before.as_ref().map(|before| &before.etag), &bytes).await? {
            Put::Done(etag) => return Ok(Stored { head, etag, bytes }),
            Put::Other(there) => before = there.map(|there| *there),
        }
    }
    Err(StateError::Contended { key: key.to_owned(), attempts: ATTEMPTS })
}

/// Writes the next version of a head that this run has taken over.
///
/// # Errors
/// [`StateError::Fenced`] if another run has taken over since; whatever else means that it is not known whether this
/// version was stored, and nothing more may be written.
pub(super) async fn advance(bucket: &dyn Bucket, key: &str, before: &Stored, head: Head) -> Result<Stored, StateError> {
    let bytes = head.to_bytes(key)?;
    match put(bucket, key, Some(&before.etag), &bytes).await? {
        Put::Done(etag) => Ok(Stored { head, etag, bytes }),
        Put::Other(Some(there)) => {
            Err(StateError::Fenced { run: before.head.writer.run.clone(), by: there.head.writer.run.clone() })
        }
        Put::Other(None) => Err(StateError::head(key, "it was there when this run began and is gone")),
    }
}
