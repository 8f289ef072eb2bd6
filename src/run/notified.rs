//! Takes what a queue names: objects are evaluated minutes after they were delivered, and listing reconciles once a day.
//!
//! A message is deleted when everything that it names is committed, owed, or none of this configuration's. One that is not
//! understood, or names something that cannot be looked at, stays in the queue and is told.

use std::collections::{BTreeMap, BTreeSet};

use assize_bucket::Entry;
use assize_cloud::queue::{Message, Notice, ObjectRef, Queue};
use assize_cloud::{CloudError, Sessions};
use assize_engine::layout::{self, LogKey};
use futures::{StreamExt, stream};

use super::{Context, RunError};
use crate::aws;
use crate::collect::collected::{Collected, Owed};
use crate::collect::take::Wanted;
use crate::collect::{self, Collector, Outcome};
use crate::report::words;
use crate::state::State;

/// Most messages taken at once; more wait for the next round.
const ROUND: usize = 1_000;
/// Objects looked at at once.
const HEADS: usize = 32;
/// Seconds for which received messages are hidden from others. A round is done long before.
const HIDE: u32 = 900;
/// Messages and objects that are told of one by one; of more, how many.
const TOLD: usize = 10;

/// Takes what the queue names, if there is one. Also says whether listing can wait: it has been done today.
pub(super) async fn take(
    context: &Context<'_>,
    sessions: &Sessions,
    collector: &Collector,
    state: &mut State,
    collected: &mut Collected,
    today: i64,
) -> Result<(Outcome, bool), RunError> {
    let mut outcome = Outcome::default();
    let Some(notifications) = &context.config.notifications else { return Ok((outcome, false)) };
    if collector.partial {
        // Its messages would be gone, and what they name of other accounts not taken.
        (context.tell)("this run is for a part of the accounts: the queue waits for a run for all of them");
        return Ok((outcome, false));
    }
    let session = match &notifications.account {
        Some(account) => aws::account_session(sessions, context.config, account),
        None => sessions.base(),
    };
    let queue = Queue::new(session, notifications.queue.clone(), notifications.region.clone());
    while collector.stop.reason(&collector.requests).is_none() {
        let (messages, failure) = receive(context, &queue).await;
        let is_empty = messages.is_empty();
        if !is_empty {
            let round = Round::of(context, collector, messages).await;
            outcome.merge(round.take(context, collector, (state, collected), &queue).await?);
        }
        if let Some(error) = failure {
            (context.tell)(&format!("the queue cannot be read, so everything is listed: {error}"));
            return Ok((outcome, false));
        }
        if is_empty {
            break;
        }
    }
    let reconciled = collected.daily == Some(today);
    if reconciled {
        // Listing would do it first.
        outcome.merge(collect::collect_owed(collector, state, collected).await?);
    }
    Ok((outcome, reconciled))
}

/// As many messages as a round takes, and why there are no more, if that is a failure.
async fn receive(context: &Context<'_>, queue: &Queue) -> (Vec<Message>, Option<CloudError>) {
    let mut all = Vec::new();
    while all.len() < ROUND {
        context.requests.api(1);
        match queue.receive(10, u32::from(all.is_empty()), Some(HIDE)).await {
            Ok(messages) if messages.is_empty() => break,
            Ok(messages) => all.extend(messages),
            Err(error) => return (all, Some(error)),
        }
    }
    (all, None)
}

/// What a round's messages name.
struct Round {
    wanted: Vec<Wanted>,
    /// Objects that could not be looked at.
    failed: Vec<Owed>,
    /// Messages that need not come again once `wanted` is committed.
    done: Vec<Message>,
}

/// An object that a message names, looked at.
enum Looked {
    Wanted(Wanted),
    Failed(Owed),
    /// Of a bucket, account or region that is not in scope, or no log.
    Elsewhere,
}

impl Round {
    /// Reads messages, and looks at the objects that they name: the ledger knows versions, and a message need not tell the
    /// one that is there now.
    async fn of(context: &Context<'_>, collector: &Collector, messages: Vec<Message>) -> Round {
        let (mut named, mut strange): (BTreeMap<ObjectRef, BTreeSet<usize>>, Vec<String>) = Default::default();
        let mut understood = BTreeSet::new();
        for (number, message) in messages.iter().enumerate() {
            match Notice::parse(&message.body) {
                Ok(notice) => {
                    understood.insert(number);
                    notice.objects.into_iter().for_each(|object| {
                        named.entry(object).or_default().insert(number);
                    });
                }
                Err(error) => strange.push(format!("message {} of the queue: {error}", message.id)),
            }
        }
        tell(context, &strange, "messages of the queue are not understood and stay in it");
        let sources = sources(collector);
        let looked: Vec<(Looked, BTreeSet<usize>)> = stream::iter(named)
            .map(async |(object, messages)| (look(collector, &sources, object).await, messages))
            .buffered(HEADS)
            .collect()
            .await;
        let (mut wanted, mut failed, mut elsewhere) = (Vec::new(), Vec::new(), 0);
        for (looked, messages) in looked {
            match looked {
                Looked::Wanted(one) => wanted.push(one),
                Looked::Elsewhere => elsewhere += 1,
                Looked::Failed(one) => {
                    failed.push(one);
                    understood.retain(|number| !messages.contains(number));
                }
            }
        }
        if elsewhere > 0 {
            let objects = words::plural(elsewhere, "object", "objects");
            (context.tell)(&format!("{objects} that messages name are no logs in the scope of this configuration"));
        }
        let said = failed
            .iter()
            .map(|one: &Owed| format!("{}/{}: {}; its message stays in the queue", one.source, one.key, one.message));
        tell(
            context,
            &said.collect::<Vec<_>>(),
            "objects that messages name cannot be looked at; the messages stay in the queue",
        );
        let done = messages.into_iter().enumerate().filter(|(number, _)| understood.contains(number)).map(|(_, message)| message);
        Round { wanted, failed, done: done.collect() }
    }

    /// Takes the objects, then deletes the messages: what is committed need not be named again, and what is not will be.
    async fn take(
        self,
        context: &Context<'_>,
        collector: &Collector,
        (state, collected): (&mut State, &mut Collected),
        queue: &Queue,
    ) -> Result<Outcome, RunError> {
        let mut outcome = collect::collect_named(collector, state, collected, self.wanted).await?;
        let whole = outcome.objects.left == 0;
        outcome.objects.listed += self.failed.len() as u64;
        outcome.objects.failed += self.failed.len() as u64;
        outcome.missed.extend(self.failed);
        if !whole || self.done.is_empty() {
            return Ok(outcome);
        }
        context.requests.api(self.done.len().div_ceil(10) as u64);
        match queue.delete(&self.done).await {
            Ok(failures) if failures.is_empty() => {}
            Ok(failures) => (context.tell)(&format!("{} messages could not be deleted; they will come again", failures.len())),
            Err(error) => (context.tell)(&format!("messages could not be deleted and will come again: {error}")),
        }
        Ok(outcome)
    }
}

/// The buckets of AWS by name. What stands for Event history is none.
fn sources(collector: &Collector) -> BTreeMap<&str, usize> {
    let is_bucket = |source: &&crate::collect::take::Source| source.id.strip_prefix("s3://") == Some(source.bucket_name.as_str());
    let sources = collector.sources.iter().enumerate().filter(|(_, source)| is_bucket(source));
    sources.map(|(index, source)| (source.bucket_name.as_str(), index)).collect()
}

async fn look(collector: &Collector, sources: &BTreeMap<&str, usize>, object: ObjectRef) -> Looked {
    let Some(&index) = sources.get(object.bucket.as_str()) else { return Looked::Elsewhere };
    let Ok(LogKey { root, account, region, delivered, .. }) = layout::parse(&object.key) else { return Looked::Elsewhere };
    // Whoever may send to the queue names what they like: only what a listing would find is looked at.
    let in_scope = collector.places.iter().any(|place| {
        place.source == index && place.root == root && place.account == account && place.regions.iter().any(|it| it == region)
    });
    let Some(source) = collector.sources.get(index).filter(|_| in_scope) else { return Looked::Elsewhere };
    match source.bucket.head(&object.key).await {
        Ok(head) => {
            let entry = Entry { key: object.key, size: head.size, etag: Some(head.etag), storage_class: None };
            Wanted::of(index, entry).map_or(Looked::Elsewhere, Looked::Wanted)
        }
        Err(error) => Looked::Failed(Owed {
            source: source.id.clone(),
            account: account.to_owned(),
            region: region.to_owned(),
            delivered,
            reason: (collector.classify)(&error).code().to_owned(),
            message: error.to_string(),
            size: 0,
            etag: None,
            since: collector.judging.as_of,
            key: object.key,
        }),
    }
}

/// Tells a few one by one, and of more how many there are.
fn tell(context: &Context<'_>, all: &[String], are: &str) {
    all.iter().take(TOLD).for_each(|one| (context.tell)(&crate::report::escape::terminal(one)));
    if all.len() > TOLD {
        (context.tell)(&format!("in all {} {are}", all.len()));
    }
}
