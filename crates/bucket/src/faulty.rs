//! A bucket that fails when it is told to: made for tests of whoever must survive failures.
//!
//! It passes requests on to another bucket and counts them. A fault is set for the N-th put or the N-th read, or for a
//! share of all requests, drawn from a seed. Nothing here is meant for use outside tests.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::channel::oneshot;
use futures::stream::{self, BoxStream, StreamExt as _};

use crate::{Bucket, BucketError, Entry, Metadata, Object, ObjectHead, PutCondition, PutOutcome};

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process is killed before the request is sent: nothing is done, and every later request fails.
    KilledBefore,
    /// The process is killed before the answer arrives: it is done, and every later request fails.
    KilledAfter,
    /// The request fails, and nothing is done.
    Failed,
    /// It is done, and the answer is lost.
    AnswerLost,
    /// It is done, the answer is lost, and the client sends it again by itself: a conditional put then meets what it has
    /// stored itself.
    SentTwice,
    /// Another write was under way: nothing is done ([`PutOutcome::Conflict`]). A read fails instead.
    Conflict,
}

/// A bucket with faults. Its requests are numbered from 1, puts and reads apart; a listing is a read.
pub struct Faulty {
    inner: Arc<dyn Bucket>,
    plan: Mutex<Plan>,
}

#[derive(Default)]
struct Plan {
    puts: u64,
    reads: u64,
    dead: bool,
    at_put: BTreeMap<u64, Fault>,
    at_read: BTreeMap<u64, Fault>,
    held: BTreeMap<u64, (oneshot::Sender<()>, oneshot::Receiver<()>)>,
    /// Of 100 requests, and the state of the draw.
    share: Option<(u64, u64)>,
}

/// A put that waits. See [`Faulty::hold_put`].
#[derive(Debug)]
pub struct HeldPut {
    arrived: oneshot::Receiver<()>,
    go: oneshot::Sender<()>,
}

impl HeldPut {
    /// Waits until the put is about to be done, and holds it there. Returns what lets it go on; so does dropping that.
    ///
    /// # Panics
    /// If the bucket is dropped before.
    pub async fn arrived(self) -> impl FnOnce() {
        self.arrived.await.expect("the put that is held is never sent");
        let go = self.go;
        move || drop(go)
    }
}

impl Faulty {
    /// A bucket without faults yet.
    pub fn new(inner: Arc<dyn Bucket>) -> Faulty {
        Faulty { inner, plan: Mutex::default() }
    }

    /// Sets the fault of a put.
    #[must_use]
    pub fn at_put(self, number: u64, fault: Fault) -> Faulty {
        self.plan().at_put.insert(number, fault);
        self
    }

    /// Sets the fault of a read.
    #[must_use]
    pub fn at_read(self, number: u64, fault: Fault) -> Faulty {
        self.plan().at_read.insert(number, fault);
        self
    }

    /// Lets `percent` of 100 requests fail, the same ones for the same seed and order of requests. Half of the puts that
    /// fail are done all the same.
    #[must_use]
    pub fn failing(self, percent: u64, seed: u64) -> Faulty {
        self.plan().share = Some((percent, seed));
        self
    }

    /// Makes a put wait until it is let go, so that a test can do something just before it.
    pub fn hold_put(&self, number: u64) -> HeldPut {
        let (has_arrived, arrived) = oneshot::channel();
        let (go, may_go) = oneshot::channel();
        self.plan().held.insert(number, (has_arrived, may_go));
        HeldPut { arrived, go }
    }

    /// Puts so far, whatever became of them; those of a dead process not counted.
    pub fn puts(&self) -> u64 {
        self.plan().puts
    }

    /// Reads so far: gets, heads and listings.
    pub fn reads(&self) -> u64 {
        self.plan().reads
    }

    /// Whether the process was killed.
    pub fn is_dead(&self) -> bool {
        self.plan().dead
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        // Each change is a single step, so the plan is whole even if a thread panicked while it held the lock.
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fault of the next read, if there is one.
    fn read(&self, key: &str) -> Result<(), BucketError> {
        let mut plan = self.plan();
        if plan.dead {
            return Err(failure("read", key));
        }
        plan.reads += 1;
        let number = plan.reads;
        match plan.at_read.remove(&number).or_else(|| plan.draw()) {
            None | Some(Fault::SentTwice) => Ok(()),
            Some(fault) => {
                plan.dead = matches!(fault, Fault::KilledBefore | Fault::KilledAfter);
                Err(failure("read", key))
            }
        }
    }
}

impl Plan {
    /// The fault that chance gives to the next request.
    fn draw(&mut self) -> Option<Fault> {
        let (percent, state) = self.share.as_mut()?;
        // One step of splitmix64.
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let drawn = mixed ^ (mixed >> 31);
        (drawn % 100 < *percent).then_some(if drawn >> 63 == 0 { Fault::Failed } else { Fault::AnswerLost })
    }
}

fn failure(action: &'static str, key: &str) -> BucketError {
    BucketError::Service {
        action,
        key: key.to_owned(),
        bucket: "the faulty bucket".to_owned(),
        advice: "this is a test".to_owned(),
        source: "the request was made to fail".into(),
    }
}

#[async_trait]
impl Bucket for Faulty {
    fn list(&self, prefix: &str, start_after: Option<&str>) -> BoxStream<'_, Result<Entry, BucketError>> {
        match self.read(prefix) {
            Ok(()) => self.inner.list(prefix, start_after),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Object, BucketError> {
        self.read(key)?;
        self.inner.get(key, range).await
    }

    async fn get_version(&self, key: &str, version_id: &str) -> Result<Object, BucketError> {
        self.read(key)?;
        self.inner.get_version(key, version_id).await
    }

    async fn head(&self, key: &str) -> Result<ObjectHead, BucketError> {
        self.read(key)?;
        self.inner.head(key).await
    }

    async fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        metadata: Metadata,
        condition: PutCondition,
    ) -> Result<PutOutcome, BucketError> {
        let (held, fault) = {
            let mut plan = self.plan();
            if plan.dead {
                return Err(failure("write", key));
            }
            plan.puts += 1;
            let number = plan.puts;
            let fault = plan.at_put.remove(&number).or_else(|| plan.draw());
            plan.dead = matches!(fault, Some(Fault::KilledBefore | Fault::KilledAfter));
            (plan.held.remove(&number), fault)
        };
        if let Some((has_arrived, may_go)) = held {
            // The test may have stopped waiting, or may let it go by dropping its end.
            has_arrived.send(()).ok();
            may_go.await.ok();
        }
        let again = (fault == Some(Fault::SentTwice)).then(|| (bytes.clone(), metadata.clone(), condition.clone()));
        if matches!(fault, Some(Fault::KilledBefore | Fault::Failed)) {
            return Err(failure("write", key));
        }
        if fault == Some(Fault::Conflict) {
            return Ok(PutOutcome::Conflict);
        }
        let outcome = self.inner.put(key, bytes, metadata, condition).await?;
        match (fault, again) {
            (Some(Fault::KilledAfter | Fault::AnswerLost), _) => Err(failure("write", key)),
            (_, Some((bytes, metadata, condition))) => self.inner.put(key, bytes, metadata, condition).await,
            _ => Ok(outcome),
        }
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.plan();
        let Plan { puts, reads, dead, .. } = &*plan;
        formatter.debug_struct("Faulty").field("puts", puts).field("reads", reads).field("dead", dead).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Memory;

    async fn create(bucket: &Faulty, key: &str) -> Result<PutOutcome, BucketError> {
        bucket.put(key, key.into(), Metadata::new(), PutCondition::IfAbsent).await
    }

    #[tokio::test]
    async fn every_fault_does_what_it_says() {
        let inner = Arc::new(Memory::new());
        let bucket = Faulty::new(inner.clone())
            .at_put(1, Fault::Failed)
            .at_put(2, Fault::AnswerLost)
            .at_put(3, Fault::SentTwice)
            .at_put(4, Fault::Conflict)
            .at_put(6, Fault::KilledAfter)
            .at_read(2, Fault::Failed);
        assert!(create(&bucket, "failed").await.is_err());
        assert!(create(&bucket, "lost").await.is_err());
        assert_eq!(create(&bucket, "twice").await.unwrap(), PutOutcome::PreconditionFailed);
        assert_eq!(create(&bucket, "conflict").await.unwrap(), PutOutcome::Conflict);
        assert!(bucket.head("lost").await.is_ok());
        assert!(bucket.head("lost").await.is_err());
        assert!(create(&bucket, "fine").await.is_ok());
        assert!(create(&bucket, "last").await.is_err());
        assert!(create(&bucket, "dead").await.is_err());
        assert!(bucket.get("lost", None).await.is_err());
        assert!(bucket.is_dead());
        assert_eq!((bucket.puts(), bucket.reads()), (6, 2));
        for (key, there) in [
            ("failed", false),
            ("lost", true),
            ("twice", true),
            ("conflict", false),
            ("fine", true),
            ("last", true),
            ("dead", false),
        ] {
            assert_eq!(inner.head(key).await.is_ok(), there, "{key}");
        }
    }

    #[tokio::test]
    async fn a_process_killed_before_leaves_nothing() {
        let inner = Arc::new(Memory::new());
        let bucket = Faulty::new(inner.clone()).at_put(1, Fault::KilledBefore);
        assert!(create(&bucket, "k").await.is_err());
        assert!(inner.head("k").await.is_err() && bucket.is_dead());
    }

    #[tokio::test]
    async fn a_held_put_waits() {
        let inner = Arc::new(Memory::new());
        let bucket = Faulty::new(inner.clone());
        let held = bucket.hold_put(1);
        let meanwhile = async {
            let go = held.arrived().await;
            assert!(inner.head("k").await.is_err());
            go();
        };
        let (put, ()) = futures::future::join(create(&bucket, "k"), meanwhile).await;
        assert!(put.is_ok() && inner.head("k").await.is_ok());
    }

    #[tokio::test]
    async fn chance_is_the_same_every_time() {
        let mut draws = Vec::new();
        for _ in 0..2 {
            let bucket = Faulty::new(Arc::new(Memory::new())).failing(10, 7);
            let mut failed = Vec::new();
            for number in 0..1_000 {
                failed.push(create(&bucket, &number.to_string()).await.is_err());
            }
            draws.push(failed);
        }
        assert_eq!(draws[0], draws[1]);
        let failed = draws[0].iter().filter(|failed| **failed).count();
        assert!((50..200).contains(&failed), "{failed}");
    }
}
