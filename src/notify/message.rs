//! Messages: what a receiver is due, by account, by policy or as a whole; so many of them, and one about the rest.

use std::collections::BTreeMap;

use assize_engine::policy::Level;

use super::{Event, Item};
use crate::config::{Grouping, Receiver};
use crate::report::words::plural;
use crate::state::sha256;

/// Groups that a message about the rest names; of more, how many.
const NAMED: usize = 10;

/// What all messages of a run share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    /// Name of the organisation, as the configuration has it.
    pub(crate) organisation: &'a str,
    /// Id of the run; empty for a test.
    pub(crate) run: &'a str,
    /// Its time.
    pub(crate) as_of: &'a str,
}

/// A message.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The receiver's name.
    pub(crate) receiver: String,
    /// Name of the organisation.
    pub(crate) organisation: String,
    /// Id of the run; empty for a test.
    pub(crate) run: String,
    /// Its time.
    pub(crate) as_of: String,
    /// What it is about, and what that is called.
    pub(crate) group: (Grouping, String),
    /// What it tells, worst first.
    pub(crate) items: Vec<Item>,
    /// Whether it stands for messages that were too many.
    pub(crate) rest: Option<Rest>,
    /// The report.
    pub(crate) link: Option<String>,
}

/// What a message about the rest says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rest {
    /// What the messages would have been about, with how much each would have told; at most [`NAMED`].
    pub(crate) groups: Vec<(String, u64)>,
    /// How many messages there would have been.
    pub(crate) messages: u64,
    /// What waited too long to be kept with its words.
    pub(crate) unlisted: u64,
}

/// The messages of a run for a receiver. `unlisted`: how much could not be told earlier and is known by number alone.
pub(crate) fn plan(receiver: &Receiver, items: Vec<Item>, unlisted: u64, head: Head<'_>) -> Vec<Message> {
    let mut groups: Vec<(String, Vec<Item>)> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for item in items {
        let about = about(receiver.group, &item, head.organisation);
        let place = *places.entry(about.clone()).or_insert(groups.len());
        if place == groups.len() {
            groups.push((about, Vec::new()));
        }
        if let Some((_, of_group)) = groups.get_mut(place) {
            of_group.push(item);
        }
    }
    let rest = groups.split_off(groups.len().min(usize::try_from(receiver.at_most).unwrap_or(usize::MAX)));
    let mut messages: Vec<Message> =
        groups.into_iter().map(|(about, items)| message(receiver, (about, items), None, head)).collect();
    if !rest.is_empty() || unlisted > 0 {
        let named = rest.iter().take(NAMED).map(|(about, items)| (about.clone(), items.len() as u64)).collect();
        let summary = Rest { groups: named, messages: rest.len() as u64, unlisted };
        let items = rest.into_iter().flat_map(|(_, items)| items).collect();
        messages.push(message(receiver, (head.organisation.to_owned(), items), Some(summary), head));
    }
    messages
}

fn message(receiver: &Receiver, (about, items): (String, Vec<Item>), rest: Option<Rest>, head: Head<'_>) -> Message {
    let link = receiver.link.as_ref().filter(|_| !head.run.is_empty());
    Message {
        receiver: receiver.name.clone(),
        organisation: head.organisation.to_owned(),
        run: head.run.to_owned(),
        as_of: head.as_of.to_owned(),
        group: (if rest.is_some() { Grouping::Run } else { receiver.group }, about),
        items,
        rest,
        link: link.map(|prefix| format!("{prefix}{}/report.html", head.run)),
    }
}

/// What a thing belongs to.
fn about(by: Grouping, item: &Item, organisation: &str) -> String {
    match by {
        Grouping::Account if !item.account.is_empty() => place(item),
        Grouping::Policy if !item.policy.is_empty() => item.policy.clone(),
        _ => organisation.to_owned(),
    }
}

/// An account as people call it.
pub(super) fn place(item: &Item) -> String {
    match (item.account_name.as_str(), item.account.as_str()) {
        ("", account) => account.to_owned(),
        (name, account) => format!("{name} ({account})"),
    }
}

impl Message {
    /// Its worst level.
    pub(crate) fn level(&self) -> Level {
        self.items.iter().map(Item::rank).max().unwrap_or(Level::Informational)
    }

    /// What it says, in a line: raw text, to be escaped for where it lands.
    pub(crate) fn subject(&self) -> String {
        let level = self.level().name().to_uppercase();
        if let Some(rest) = &self.rest {
            let more = plural(rest.messages, "more message", "more messages");
            let things = plural(self.items.len() as u64 + rest.unlisted, "thing", "things");
            return format!("[{level}] {more} not sent, {things} in all: {}", self.organisation);
        }
        match self.items.as_slice() {
            [one] if one.event == Event::Test => format!("[TEST] assize: {}", self.organisation),
            [one] if one.account.is_empty() => format!("[{level}] {}: {} ({})", one.event.name(), one.title, self.organisation),
            [one] => format!("[{level}] {}: {} ({})", one.event.name(), one.title, place(one)),
            _ => format!("[{level}] {}: {}", self.counts(), self.group.1),
        }
    }

    /// How much of what it tells: `2 new, 1 recovered`.
    pub(crate) fn counts(&self) -> String {
        let all = [Event::Tampering, Event::Incomplete, Event::New, Event::Reopened, Event::Recovered, Event::Test];
        let count = |event: Event| self.items.iter().filter(|item| item.event == event).count();
        let parts: Vec<String> =
            all.into_iter().filter(|event| count(*event) > 0).map(|event| format!("{} {}", count(event), event.name())).collect();
        parts.join(", ")
    }

    /// The same for the same things, also when a run tells again what it told before it was killed.
    pub(crate) fn id(&self) -> String {
        let mut keys: Vec<String> = Vec::new();
        for item in &self.items {
            match item.keys.as_slice() {
                [] => keys.push(format!("{} {}", item.event.name(), item.last_seen)),
                some => keys.extend(some.iter().map(|key| format!("{} {key}", item.event.name()))),
            }
        }
        keys.sort();
        let unlisted = self.rest.as_ref().map_or(0, |rest| rest.unlisted);
        let named = sha256(format!("{}\n{unlisted}\n{}", self.receiver, keys.join("\n")).as_bytes());
        named.get(..32).unwrap_or_default().to_owned()
    }

    /// What a message about the rest says of it, in lines.
    pub(crate) fn rest_lines(&self) -> Vec<String> {
        let Some(rest) = &self.rest else { return Vec::new() };
        let mut lines = Vec::new();
        if rest.messages > 0 {
            let more = plural(rest.messages, "more message was", "more messages were");
            lines.push(format!("{more} to be sent; this one stands for them: {}.", self.counts()));
        }
        lines.extend(rest.groups.iter().map(|(about, count)| format!("{about}: {count}")));
        let unnamed = rest.messages.saturating_sub(rest.groups.len() as u64);
        if unnamed > 0 {
            lines.push(format!("and {unnamed} more"));
        }
        if rest.unlisted > 0 {
            let things = plural(rest.unlisted, "thing", "things");
            lines.push(format!("{things} could not be told by earlier runs, and were too many to be kept: see their reports."));
        }
        lines
    }
}

impl Item {
    /// When: a time, or the first and the last.
    pub(super) fn when(&self) -> String {
        crate::report::words::period(&self.first_seen, &self.last_seen)
    }

    /// How often, in words; empty where nothing is counted.
    pub(super) fn how_often(&self) -> String {
        match self.event {
            Event::Test => String::new(),
            Event::Incomplete => plural(self.count, "account-region-hour is not covered", "account-region-hours are not covered"),
            Event::Tampering => plural(self.count, "problem", "problems"),
            _ => plural(self.count, "record", "records"),
        }
    }

    /// Where: account and region.
    pub(super) fn place(&self) -> String {
        if self.account.is_empty() { String::new() } else { format!("{}, {}", place(self), self.region) }
    }

    /// What it says, by name, without what is empty; raw text.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        let fields = [
            ("who", self.who.clone()),
            ("where", self.place()),
            ("when", self.when()),
            ("count", self.how_often()),
            ("what", self.group.join(", ")),
            ("why", self.statement.clone()),
            ("do", if self.event == Event::Recovered { String::new() } else { self.remediation.clone() }),
            ("policy", self.policy.clone()),
            ("finding", self.fingerprint.clone()),
        ];
        fields.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }
}
