//! Brings objects over: one side fetches and keeps, the other evaluates and commits, with a bounded channel between.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use assize_engine::identity::SeenEntry;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc;

use super::batch::{self, Evaluated};
use super::collected::{Collected, CollectedError};
use super::outcome::{Counts, Outcome};
use super::take::{self, Missed, Taken, Wanted};
use super::{CollectError, Collector, PROBLEMS, behind, documents};
use crate::state::{Batch, State, View};

/// Most objects of a commit. While one batch is evaluated and committed the next is fetched. Batches of 500 kept both sides
/// busier and were slower all the same: each reads again which records of its hours came before.
pub(super) const BATCH_OBJECTS: usize = 2_000;
/// Most stored bytes of a commit; they are in memory until it is done.
pub(super) const BATCH_BYTES: usize = 32 << 20;

/// Fetches on one side, evaluates and commits on the other. Gives the keys that were taken and what was missed.
pub(super) async fn transfer(
    collector: &Collector,
    state: &mut State,
    collected: &mut Collected,
    wanted: stream::BoxStream<'_, Wanted>,
    counts: &Counts,
    outcome: &mut Outcome,
) -> Result<(BTreeSet<(String, String)>, Vec<Missed>), CollectError> {
    let (sender, receiver) = mpsc::channel(1);
    let fetching = fetch(collector, wanted, counts, sender);
    let (fetched, committed) = futures::join!(fetching, commit(collector, state, collected, receiver, counts, outcome));
    // If both fail, the commit is the cause: without it nobody takes what is fetched.
    let taken = committed?;
    Ok((taken, fetched?))
}

async fn fetch(
    collector: &Collector,
    wanted: stream::BoxStream<'_, Wanted>,
    counts: &Counts,
    sender: mpsc::Sender<Vec<Taken>>,
) -> Result<Vec<Missed>, CollectError> {
    let take = async |one: Wanted| {
        if collector.stop.reason(&collector.requests).is_some() {
            counts.raise(&counts.left, 1);
            return Ok(None);
        }
        let source = collector.source(one.source);
        take::take(one, source, &*collector.audit, &*collector.classify).await.map(Some)
    };
    let mut taking = wanted.map(take).buffer_unordered(collector.concurrency.max(1)).boxed();
    let (mut batch, mut bytes, mut missed) = (Vec::new(), 0, Vec::new());
    while let Some(taken) = taking.try_next().await? {
        match taken {
            None => {}
            Some(Err(one)) => {
                counts.raise(&counts.failed, 1);
                tracing::warn!(key = %one.wanted.key.escape_debug(), reason = one.reason.code(), "not taken: {}", one.message);
                missed.push(one);
            }
            Some(Ok(one)) => {
                bytes += one.bytes.len();
                batch.push(one);
            }
        }
        if batch.len() >= BATCH_OBJECTS || bytes >= BATCH_BYTES {
            bytes = 0;
            if sender.send(std::mem::take(&mut batch)).await.is_err() {
                return Ok(missed);
            }
        }
    }
    if !batch.is_empty() && sender.send(batch).await.is_err() {
        tracing::debug!("the commits ended before the last batch");
    }
    Ok(missed)
}

/// Evaluates batches and commits them. Gives the keys that were taken.
pub(super) async fn commit(
    collector: &Collector,
    state: &mut State,
    collected: &mut Collected,
    mut batches: mpsc::Receiver<Vec<Taken>>,
    counts: &Counts,
    outcome: &mut Outcome,
) -> Result<BTreeSet<(String, String)>, CollectError> {
    let mut taken = BTreeSet::new();
    while let Some(batch) = batches.recv().await {
        let (batch, mut evaluated) = evaluate(collector, state, batch).await?;
        behind::keep(collector, &batch, &mut evaluated).await?;
        drop(batch);
        for (account, region, delivered, reason) in &evaluated.doubtful {
            collected.doubt(account, region, *delivered, *reason);
        }
        let heard = collected.heard(&evaluated.heard);
        let learnt = collected.changed(&evaluated.changes) || heard || !evaluated.doubtful.is_empty();
        outcome.delays.merge(evaluated.delays);
        collected.delayed(evaluated.delays.event_to_object);
        let (objects, stored) = (evaluated.rows.len() as u64, evaluated.rows.iter().map(|row| row.size).sum());
        let inflated = evaluated.rows.iter().map(|row| row.inflated_bytes).sum();
        for row in &evaluated.rows {
            outcome.records.add(row.records.into());
            taken.insert((row.source.clone(), row.key.clone()));
        }
        let Evaluated { rows, hours, problems, .. } = evaluated;
        let mut commit = Batch { rows, results: hours, policies: collector.policy_hashes.clone(), ..Batch::default() };
        if !problems.is_empty() {
            let problems = serde_json::to_value(&problems).map_err(CollectedError::from)?;
            commit.documents.insert(PROBLEMS.to_owned(), problems);
        }
        if learnt {
            // These objects are never read again, so what they told must be committed with them.
            let Batch { current, documents, .. } = documents(collector, collected)?;
            commit.current.extend(current);
            commit.documents.extend(documents);
        }
        state.commit(commit).await?;
        counts.raise(&counts.taken, objects);
        counts.raise(&counts.stored_bytes, stored);
        counts.raise(&counts.inflated_bytes, inflated);
    }
    Ok(taken)
}

/// Evaluates a batch, and once more if records of it were counted before.
async fn evaluate(collector: &Collector, state: &State, batch: Vec<Taken>) -> Result<(Arc<Vec<Taken>>, Evaluated), CollectError> {
    let batch = Arc::new(batch);
    let run = |earlier| batch::evaluate_off_thread(&collector.judging, &collector.sources, &batch, earlier);
    let evaluated = run(Vec::new()).await?;
    let earlier = earlier(&state.view(), &evaluated).await?;
    if earlier.is_empty() {
        return Ok((batch, evaluated));
    }
    let evaluated = run(earlier).await?;
    Ok((batch, evaluated))
}

/// The records of this batch that were counted before, by the hours that it touches.
async fn earlier(view: &View, evaluated: &Evaluated) -> Result<Vec<SeenEntry>, CollectError> {
    let mut found = Vec::new();
    // Half a million keys as a rule, and of a first collection nothing came before.
    let keys = LazyLock::new(|| batch::keys(&evaluated.hours));
    for range in batch::touched(&evaluated.hours).ranges() {
        let mut hours = view.seen(range);
        while let Some((_, entries)) = hours.try_next().await? {
            found.extend(entries.into_iter().filter(|entry: &SeenEntry| keys.contains(&entry.key)));
        }
    }
    Ok(found)
}
