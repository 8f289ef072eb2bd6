//! Takes what a queue names: objects are evaluated minutes after they were delivered, and listing reconciles once a day.

use std::collections::BTreeMap;

use assize_bucket::Entry;
use assize_cloud::Sessions;
use assize_cloud::queue::{Message, Notice, Queue};
use futures::{StreamExt, stream};

use super::{Context, RunError};
use crate::aws;
use crate::collect::collected::Collected;
use crate::collect::take::Wanted;
use crate::collect::{self, Collector, Outcome};
use crate::state::State;

/// Most messages taken at once; more wait for the next round.
const ROUND: usize = 1_000;
/// Objects looked at at once.
const HEADS: usize = 32;
/// Seconds for which received messages are hidden from others.
const HIDE: u32 = 900;

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
    let session = match &notifications.account {
        Some(account) => aws::account_session(sessions, context.config, account),
        None => sessions.base(),
    };
    let queue = Queue::new(session, notifications.queue.clone(), notifications.region.clone());
    loop {
        let messages = match round(context, &queue).await {
            Ok(messages) => messages,
            Err(error) => {
                (context.tell)(&format!("the queue cannot be read, so everything is listed: {error}"));
                return Ok((outcome, false));
            }
        };
        if messages.is_empty() || collector.stop.reason(&collector.requests).is_some() {
            break;
        }
        let (wanted, understood) = named(context, collector, messages).await;
        outcome.merge(collect::collect_named(collector, state, collected, wanted).await?);
        // Only now: what is committed need not be named again, and what is not will be.
        context.requests.api(understood.len().div_ceil(10) as u64);
        match queue.delete(&understood).await {
            Ok(failures) if failures.is_empty() => {}
            Ok(failures) => (context.tell)(&format!("{} messages could not be deleted; they will come again", failures.len())),
            Err(error) => (context.tell)(&format!("messages could not be deleted and will come again: {error}")),
        }
    }
    Ok((outcome, collected.daily == Some(today)))
}

async fn round(context: &Context<'_>, queue: &Queue) -> Result<Vec<Message>, assize_cloud::CloudError> {
    let mut all = Vec::new();
    while all.len() < ROUND {
        context.requests.api(1);
        let messages = queue.receive(10, u32::from(all.is_empty()), Some(HIDE)).await?;
        if messages.is_empty() {
            break;
        }
        all.extend(messages);
    }
    Ok(all)
}

/// The objects that messages name, and the messages that need not come again. One that is not understood stays in the
/// queue, where somebody can look at it.
async fn named(context: &Context<'_>, collector: &Collector, messages: Vec<Message>) -> (Vec<Wanted>, Vec<Message>) {
    let sources: BTreeMap<&str, usize> =
        collector.sources.iter().enumerate().map(|(index, source)| (source.bucket_name.as_str(), index)).collect();
    let cells: std::collections::BTreeSet<(&str, &str)> = collector.cells().collect();
    let (mut objects, mut understood) = (Vec::new(), Vec::new());
    for message in messages {
        match Notice::parse(&message.body) {
            Ok(notice) => {
                objects.extend(notice.objects);
                understood.push(message);
            }
            Err(error) => (context.tell)(&format!("a message of the queue is not understood and stays in it: {error}")),
        }
    }
    // The ledger knows versions, and a message need not tell the one that is there now.
    let wanted = stream::iter(objects)
        .map(async |object| {
            let &source = sources.get(object.bucket.as_str())?;
            let head = collector.sources.get(source)?.bucket.head(&object.key).await.ok()?;
            let entry = Entry { key: object.key, size: head.size, etag: Some(head.etag), storage_class: None };
            let one = Wanted::of(source, entry).ok()?;
            cells.contains(&(one.account.as_str(), one.region.as_str())).then_some(one)
        })
        .buffer_unordered(HEADS)
        .filter_map(async |one| one)
        .collect()
        .await;
    (wanted, understood)
}
