//! Tells people what a run found, once its reports are kept. What cannot be told is said and waits; the run goes on.
//!
//! The order matters: send, then remember, then (in [`super::manifest`]) the register that makes what is new old. A run that is killed
//! in between tells once more what it told; none forgets.

use std::collections::{BTreeMap, BTreeSet};

use assize_cloud::Sessions;
use futures::future::join_all;
use serde_json::Value;

use super::{Context, RunError, fates};
use crate::aws;
use crate::config::{Channel, Receiver};
use crate::estate::Estate;
use crate::manifest::FormatError;
use crate::notify::memory::{DOCUMENT, Known, Memory, Seen};
use crate::notify::message::{Head, Message, plan};
use crate::notify::send::{Means, send};
use crate::notify::{self, Item};
use crate::report::v1;
use crate::report::words::plural;
use crate::state::{Batch, State, StateError};

/// What each receiver was told, by name.
pub(super) type All = BTreeMap<String, v1::Notified>;

/// Tells every receiver what it is due, and remembers it.
pub(super) async fn tell(
    context: &Context<'_>,
    state: &mut State,
    (document, estate): (&v1::Document, &Estate),
    sessions: Option<&Sessions>,
) -> Result<All, RunError> {
    let receivers = &context.config.notify;
    if receivers.is_empty() {
        return Ok(All::new());
    }
    if !context.usual() {
        (context.tell)("this run is for a part of the accounts or for a period of its own: nobody is notified");
        return Ok(All::new());
    }
    let Some(mut memory) = recall(context, state).await? else {
        (context.tell)("a later run has notified people already: nobody is notified");
        return Ok(All::new());
    };
    let before = fates::before(context, &state.view(), estate).await?;
    let fixed = before.iter().flat_map(|before| &before.findings).filter(|entry| entry.state == "fixed");
    let items = notify::items(document, estate, &fixed.map(|entry| entry.fingerprint.clone()).collect());
    let fingerprints: BTreeSet<&str> = document.findings.iter().map(|finding| finding.fingerprint.as_str()).collect();
    let seen = Seen { fingerprints: &fingerprints, incomplete: notify::is_incomplete(document), as_of: context.asked.as_of };
    let told = receivers.iter().map(|receiver| one(context, receiver, (&memory, &items, estate), document, sessions));
    let mut all = All::new();
    for (receiver, outcome) in receivers.iter().zip(join_all(told).await) {
        let (known, notified) = outcome.settled(memory.of(&receiver.name), &seen);
        if notified.sent > 0 {
            let messages = plural(notified.sent, "message", "messages");
            (context.tell)(&format!(
                "{} was notified: {messages} about {}",
                receiver.name,
                plural(notified.told, "thing", "things")
            ));
        }
        memory.receivers.insert(receiver.name.clone(), known);
        all.insert(receiver.name.clone(), notified);
    }
    memory.forget(context.asked.as_of);
    let value = serde_json::to_value(&memory).map_err(FormatError::from)?;
    state.commit(Batch { current: BTreeMap::from([(DOCUMENT.to_owned(), value)]), ..Batch::default() }).await?;
    Ok(all)
}

/// Puts what was told into the record of the run.
pub(super) fn into_record(mut record: Value, all: &All) -> Result<Value, RunError> {
    if let Some(record) = record.as_object_mut().filter(|_| !all.is_empty()) {
        record.insert("notified".to_owned(), serde_json::to_value(all).map_err(FormatError::from)?);
    }
    Ok(record)
}

/// What receivers were told so far; none if a run for a later time told them.
async fn recall(context: &Context<'_>, state: &State) -> Result<Option<Memory>, RunError> {
    let Some(document) = state.view().current(DOCUMENT).await? else { return Ok(Some(Memory::default())) };
    if document.as_of > context.asked.as_of {
        return Ok(None);
    }
    let damaged = |error: crate::notify::memory::MemoryError| StateError::Damaged {
        key: "the state's note of what people were told".to_owned(),
        reason: error.to_string(),
        advice: "use the version of assize that wrote it, or find out who else writes to the bucket",
    };
    Ok(Some(Memory::read(document.value).map_err(damaged)?))
}

/// What came of telling a receiver.
struct Outcome {
    messages: Vec<Message>,
    answers: Vec<Result<String, String>>,
}

async fn one(
    context: &Context<'_>,
    receiver: &Receiver,
    (memory, items, estate): (&Memory, &[Item], &Estate),
    document: &v1::Document,
    sessions: Option<&Sessions>,
) -> Outcome {
    let known = memory.of(&receiver.name);
    let head = Head { organisation: &context.config.name, run: &context.run_id, as_of: &document.run.as_of };
    let messages = plan(receiver, notify::due(receiver, &known, items, estate), known.more_waiting, head);
    if messages.is_empty() {
        return Outcome { messages, answers: Vec::new() };
    }
    let session = match &receiver.to {
        Channel::Sns { account, .. } => {
            context.requests.api(messages.len() as u64);
            sessions.map(|sessions| match account {
                Some(account) => aws::account_session(sessions, context.config, account),
                None => sessions.base(),
            })
        }
        _ => None,
    };
    let answers = send(&receiver.to, &messages, &Means::new(session)).await;
    Outcome { messages, answers }
}

impl Outcome {
    /// What the receiver knows now, and what the run says of it.
    fn settled(self, mut known: Known, seen: &Seen<'_>) -> (Known, v1::Notified) {
        let (mut told, mut failed): (Vec<Item>, Vec<Item>) = Default::default();
        let mut notified = v1::Notified::default();
        for (message, answer) in self.messages.into_iter().zip(self.answers) {
            match answer {
                Ok(_) => {
                    notified.sent += 1;
                    if message.rest.as_ref().is_some_and(|rest| rest.unlisted > 0) {
                        known.more_waiting = 0;
                    }
                    told.extend(message.items);
                }
                Err(why) => {
                    notified.failed += 1;
                    notified.last_error = Some(why);
                    failed.extend(message.items);
                }
            }
        }
        notified.told = told.len() as u64;
        known.settle(&told, failed, seen);
        notified.waiting = known.waiting.len() as u64 + known.more_waiting;
        (known, notified)
    }
}
