//! Reads objects on a pool of threads, evaluates them, and makes findings of the merged results.

pub(crate) mod evidence;
pub(crate) mod hashed;
pub(crate) mod input;
pub(crate) mod object;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::num::NonZero;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use assize_engine::correlation::Known;
use assize_engine::decode::Decoded;
use assize_engine::evaluate::{self, Evaluation, ObjectName, Period};
use assize_engine::finding::{self, Finding};
use assize_engine::identity::{Conflict, CopyPlace, RecordDigest, Secret};
use assize_engine::inflate::Limits;
use assize_engine::layout;
use assize_engine::partial::Partial;
use assize_engine::policy::Policy;
use assize_engine::record::AccountList;
use assize_engine::text::Text;

use input::Inputs;
use object::{ObjectOutcome, Reader, Status};

/// How to scan.
#[derive(Clone, Debug)]
pub(crate) struct ScanContext {
    /// Event times to evaluate.
    pub(crate) period: Period,
    /// At least 1.
    pub(crate) threads: usize,
    /// How far objects may grow.
    pub(crate) limits: Limits,
    /// How far apart copies of a record may lie.
    pub(crate) horizon: Horizon,
}

/// How long records are remembered, so that their copies are told: objects are read in batches, in the order in which
/// they were delivered, and a batch that finds so many records remembered begins a new generation. The records of one generation
/// are known to the next; so memory does not grow, and which records are known depends on the inputs alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Horizon {
    /// Stored bytes of a batch, about.
    pub(crate) batch: u64,
    /// Records of a generation, at least. They take up to 54 bytes each, and two generations are held.
    pub(crate) records: usize,
}

impl Default for Horizon {
    fn default() -> Horizon {
        Horizon { batch: 32 << 20, records: 1_500_000 }
    }
}

/// What a scan gave.
#[derive(Debug)]
pub(crate) struct Scanned {
    /// The merged result of all objects; of a whole scan its matches have become findings.
    pub(crate) partial: Partial,
    /// Most severe first.
    pub(crate) findings: Vec<Finding>,
    /// One entry per object, in the order of the inputs.
    pub(crate) objects: Vec<ObjectOutcome>,
    /// Event ids with different bytes.
    pub(crate) conflicts: Vec<Conflict>,
    /// Records between which copies were told as such, at least; `None`: no record was forgotten before the end.
    pub(crate) copies_within: Option<u64>,
    /// SHA-256 of the records in conflicts.
    pub(crate) digests: Digests,
    /// The compiled policies, for reading evidence again.
    pub(crate) evaluation: Evaluation,
}

/// Reads and evaluates every object, and makes the findings. `progress` is told the stored bytes of each object when it is done.
pub(crate) fn scan(inputs: &Inputs, policies: &[Policy], context: &ScanContext, progress: &(dyn Fn(u64) + Sync)) -> Scanned {
    let mut scanned = read(inputs, (policies, AccountList::new()), context, progress);
    let known = known(&scanned.partial);
    scanned.findings = finding::findings(policies, &mut scanned.partial, &known);
    scanned
}

/// Reads and evaluates every object; the matches stay in the partial result.
pub(crate) fn read(
    inputs: &Inputs,
    (policies, accounts): (&[Policy], AccountList),
    context: &ScanContext,
    progress: &(dyn Fn(u64) + Sync),
) -> Scanned {
    let mut evaluation = Evaluation::new(policies, accounts, context.period, expected(inputs), secret());
    let mut partial = Partial::of(policies);
    let (mut objects, mut conflicts, mut generations) = (Vec::new(), Vec::new(), 0);
    for batch in batches(inputs, context.horizon.batch) {
        if evaluation.noted() >= context.horizon.records {
            conflicts.append(&mut evaluation.seen().conflicts());
            evaluation.age();
            generations += 1;
        }
        let (part, mut read) = evaluate_all((inputs, &batch), policies, &evaluation, context, progress);
        partial.merge(part);
        objects.append(&mut read);
    }
    conflicts.append(&mut evaluation.seen().conflicts());
    conflicts.sort();
    // Findings and their report are made next, and take as much.
    evaluation.forget();
    objects.sort_by_key(|(number, _)| *number);
    let objects = objects.into_iter().map(|(_, outcome)| outcome).collect();
    let copies_within = (generations > 1).then_some(context.horizon.records as u64);
    let mut reader = Reader::new(context.limits);
    let digests = digests(&conflicts, |number, read| {
        if let Some(object) = inputs.objects.get(number as usize) {
            reader.read(object, read);
        }
    });
    Scanned { partial, findings: Vec::new(), objects, conflicts, copies_within, digests, evaluation }
}

/// The times between the first and the last record of each account and region: what was before and what comes after, a scan
/// cannot know.
pub(crate) fn known(partial: &Partial) -> Known {
    let seen = || partial.cells.iter().filter(|(_, cell)| cell.evaluated > 0);
    Known {
        from: seen().map(|(_, cell)| cell.first).min().unwrap_or(i64::MAX),
        from_by_cell: seen().map(|(place, cell)| (place.clone(), cell.first)).collect(),
        until: seen().map(|(_, cell)| cell.last).max().unwrap_or(i64::MIN).saturating_add(1),
    }
}

/// What records are fingerprinted with: random, and the same all the time that the process runs. Nothing that is shown or
/// kept depends on it.
pub(crate) fn secret() -> Secret {
    static SEED: OnceLock<[u64; 2]> = OnceLock::new();
    Secret::new(*SEED.get_or_init(|| [(); 2].map(|()| RandomState::new().build_hasher().finish())))
}

/// SHA-256 of records by place.
pub(crate) type Digests = HashMap<CopyPlace, RecordDigest>;

/// Reads the records of conflicts again, object by object, for their SHA-256. `read` hands the text of the object with this
/// number to what it is given.
pub(crate) fn digests(conflicts: &[Conflict], mut read: impl FnMut(u32, &mut dyn FnMut(&mut dyn Text) -> Decoded)) -> Digests {
    let mut wanted: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
    for (object, record) in conflicts.iter().flat_map(|conflict| &conflict.versions) {
        wanted.entry(*object).or_default().insert(*record);
    }
    let mut digests = Digests::new();
    for (object, records) in wanted {
        read(object, &mut |text| {
            let found = evaluate::digests(text, &records);
            digests.extend(found.into_iter().map(|(record, digest)| ((object, record), digest)));
            Decoded::default()
        });
    }
    digests
}

/// About how many records the inputs hold. A compressed record takes some 200 bytes; the guess stops at a million, because
/// room that is never used is memory all the same.
fn expected(inputs: &Inputs) -> usize {
    let stored: u64 = inputs.objects.iter().map(|object| object.size).sum();
    usize::try_from(stored / 200).unwrap_or(usize::MAX).min(1_000_000)
}

/// How many threads `--threads` means; 0 is one per processor.
pub(crate) fn threads(asked: usize) -> usize {
    if asked > 0 { asked } else { thread::available_parallelism().map_or(1, NonZero::get) }
}

/// The numbers of the objects in the order in which they were delivered, as their names tell it, in batches of about so many
/// stored bytes; first those whose names tell nothing.
fn batches(inputs: &Inputs, most: u64) -> Vec<Vec<usize>> {
    let delivered = |number: &usize| {
        let object = inputs.objects.get(*number)?;
        let key = layout::parse(&object.name).ok()?;
        Some(key.delivered)
    };
    let mut order: Vec<usize> = (0..inputs.objects.len()).collect();
    order.sort_by_cached_key(|number| (delivered(number), *number));
    let (mut batches, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0_u64);
    for number in order {
        batch.push(number);
        bytes += inputs.objects.get(number).map_or(0, |object| object.size);
        if bytes >= most {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
    }
    batches.push(batch);
    // Within a batch by name, because objects of one account have more in common.
    batches.iter_mut().for_each(|batch| batch.sort_unstable());
    batches
}

/// Threads take the next object from a counter, so that none waits while there is work. Which thread reads which
/// object does not show in the result: partial results merge in any order.
fn evaluate_all(
    (inputs, batch): (&Inputs, &[usize]),
    policies: &[Policy],
    evaluation: &Evaluation,
    context: &ScanContext,
    progress: &(dyn Fn(u64) + Sync),
) -> (Partial, Vec<(usize, ObjectOutcome)>) {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut partial = Partial::of(policies);
        let mut outcomes = Vec::new();
        let mut reader = Reader::new(context.limits);
        loop {
            let number = batch.get(next.fetch_add(1, Ordering::Relaxed)).copied();
            let Some((number, object)) = number.and_then(|number| Some((number, inputs.objects.get(number)?))) else {
                return (partial, outcomes);
            };
            let name = ObjectName { name: object.name.clone(), number: u32::try_from(number).unwrap_or(u32::MAX) };
            let outcome = reader.read(object, |text| evaluation.object(&name, text, &mut partial));
            progress(outcome.stored_bytes);
            outcomes.push((number, outcome));
        }
    };
    let mut partial = Partial::of(policies);
    let mut objects = Vec::new();
    for (theirs, mut outcomes) in on_threads(context.threads, work) {
        partial.merge(theirs);
        objects.append(&mut outcomes);
    }
    (partial, objects)
}

/// Runs the same work on each of so many threads and returns what each gave.
pub(crate) fn on_threads<T: Send>(threads: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(&work)).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, T>| match worker.join() {
            Ok(given) => given,
            // A panic in a worker is a bug; it must end the run and not leave its objects out of the books.
            Err(panic) => std::panic::resume_unwind(panic),
        };
        workers.into_iter().map(join).collect()
    })
}

impl Scanned {
    /// How many objects ended so.
    pub(crate) fn count(&self, status: Status) -> u64 {
        self.objects.iter().filter(|outcome| outcome.status == status).count() as u64
    }
}

#[cfg(test)]
mod tests;
