//! A message as JSON, signed, for a server that takes it.
//!
//! The signature is an HMAC-SHA256 over the time stamp, a dot and the body, so that neither can be exchanged without the other and
//! what is sent again later is known by its age.

use aws_lc_rs::hmac;
use serde::Serialize;

use super::Item;
use super::message::Message;
use crate::config::Secret;
use crate::state::hex;

/// The header with the time of sending, seconds since 1970.
pub(crate) const TIMESTAMP: &str = "assize-timestamp";

/// The header with `v1=` and the signature in hexadecimal digits.
pub(crate) const SIGNATURE: &str = "assize-signature";

/// The header with the message's id, by which a receiver knows what it has already.
pub(crate) const ID: &str = "assize-id";

/// Most bytes of a body: those of SNS, so that what takes one takes the other.
const MAX_BYTES: usize = 256 * 1024;

/// The body, version 1: frozen; a change is a version 2.
#[derive(Debug, Serialize)]
struct Body<'a> {
    /// 1
    version: u32,
    /// The same for the same things.
    id: String,
    /// The receiver's name.
    receiver: &'a str,
    /// Name of the organisation.
    organisation: &'a str,
    /// Id of the run; empty for a test.
    run: &'a str,
    /// Its time.
    as_of: &'a str,
    /// What the message is about: `run`, `account` or `policy`.
    group: &'static str,
    /// What that is called.
    about: &'a str,
    /// The worst level.
    level: &'static str,
    /// What it says, in a line.
    subject: String,
    /// The report; none if the configuration has no `link`.
    link: Option<&'a str>,
    /// How many messages it stands for; none if it stands for itself.
    instead_of: Option<u64>,
    /// How much could not be told by earlier runs, and is known by number alone.
    unlisted: u64,
    /// How much it tells in all.
    items_total: usize,
    /// What it tells, worst first, as much as there is room for.
    items: Vec<Told<'a>>,
}

/// Something that is told.
#[derive(Debug, Serialize)]
struct Told<'a> {
    /// `new`, `reopened`, `recovered`, `incomplete`, `tampering` or `test`.
    event: &'static str,
    /// Fingerprint of the finding; empty if it is none.
    fingerprint: &'a str,
    /// Level.
    level: &'a str,
    /// Policy id; empty if it is no finding.
    policy: &'a str,
    /// What happened, in a line.
    title: &'a str,
    /// Who did it; empty if it is not known.
    who: &'a str,
    /// Account id; empty if it is about all.
    account: &'a str,
    /// The account's name; empty if none is known.
    account_name: &'a str,
    /// Region; empty if it is about all.
    region: &'a str,
    /// What the policy groups by, as `field=value`.
    group: &'a [String],
    /// Earliest match, or the time of the run.
    first_seen: &'a str,
    /// Latest match, or the time of the run.
    last_seen: &'a str,
    /// Matches; hours that are not covered, or problems.
    count: u64,
    /// How it fired, why it is in its state, or what is missing.
    statement: &'a str,
    /// What to do first.
    remediation: &'a str,
    /// Id of the run that found it so.
    run: &'a str,
}

/// The body of the request.
///
/// # Errors
/// Never in practice: all of it can be written as JSON.
pub(super) fn body(message: &Message) -> Result<Vec<u8>, serde_json::Error> {
    let mut shown = message.items.len();
    loop {
        let bytes = serde_json::to_vec(&written(message, shown))?;
        if bytes.len() <= MAX_BYTES || shown == 0 {
            return Ok(bytes);
        }
        shown /= 2;
    }
}

fn written(message: &Message, shown: usize) -> Body<'_> {
    Body {
        version: 1,
        id: message.id(),
        receiver: &message.receiver,
        organisation: &message.organisation,
        run: &message.run,
        as_of: &message.as_of,
        group: message.group.0.name(),
        about: &message.group.1,
        level: message.level().name(),
        subject: message.subject(),
        link: message.link.as_deref(),
        instead_of: message.rest.as_ref().map(|rest| rest.messages),
        unlisted: message.rest.as_ref().map_or(0, |rest| rest.unlisted),
        items_total: message.items.len(),
        items: message.items.iter().take(shown).map(told).collect(),
    }
}

fn told(item: &Item) -> Told<'_> {
    Told {
        event: item.event.name(),
        fingerprint: &item.fingerprint,
        level: &item.level,
        policy: &item.policy,
        title: &item.title,
        who: &item.who,
        account: &item.account,
        account_name: &item.account_name,
        region: &item.region,
        group: &item.group,
        first_seen: &item.first_seen,
        last_seen: &item.last_seen,
        count: item.count,
        statement: &item.statement,
        remediation: &item.remediation,
        run: &item.run,
    }
}

/// The value of the header [`SIGNATURE`] for a body that is sent at a time, seconds since 1970.
pub(super) fn signature(secret: &Secret, sent_at: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let signed = [format!("{sent_at}.").as_bytes(), body].concat();
    format!("v1={}", hex(hmac::sign(&key, &signed).as_ref()))
}
