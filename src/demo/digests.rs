//! Digests of the logs, as CloudTrail writes them: one an hour for each account and region, each signed and naming the one
//! before it (AWS CloudTrail user guide, "CloudTrail digest file structure").
//!
//! The key is made for this organisation and signs nothing else. It is in the source, so that the same bytes come out on every
//! machine; whoever verifies the demo believes this program, not AWS.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::json;

use crate::demo::LogObject;
use crate::demo::calendar::{END, START, format, rfc3339};
use crate::demo::calls::oversight::local_trail_name;
use crate::demo::delivery::{BUCKET, compress, root};
use crate::demo::estate::{MEMBERS, Member, REGIONS, Region};
use crate::state::{hex, sha256};

/// The private key, PKCS #8.
const KEY: &[u8] = include_bytes!("digest-key.pk8");

/// Seconds after the period for which digests are written: what comes late is named too.
pub(crate) const BEYOND: i64 = 12 * 3600;

/// Seconds after a stop of logging within which everything recorded before it is delivered.
const SETTLED: i64 = 1200;

/// A log object that a digest names.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its key.
    pub(super) key: String,
    /// SHA-256 of its inflated bytes.
    pub(super) sha256: String,
    /// When it was delivered, seconds since 1970.
    pub(super) delivered: i64,
    /// Earliest and latest event in it, seconds since 1970.
    pub(super) events: (i64, i64),
}

/// The log objects by account and region, in the order of delivery.
pub(super) type Entries = BTreeMap<(Member, Region), Vec<Entry>>;

/// What is out of order.
#[derive(Clone, Debug, Default)]
pub(super) struct Disorder {
    /// No digest is there for the window that holds this second.
    pub(super) missing: Option<(Member, Region, i64)>,
    /// The trail of an account in a region did not log between these seconds.
    pub(super) stopped: Option<(Member, Region, i64, i64)>,
}

/// The public key and its fingerprint, as CloudTrail's `ListPublicKeys` gives them.
pub(crate) fn public_key() -> (String, Vec<u8>) {
    let der = key().public_key().as_ref().to_vec();
    (sha256(&der).chars().take(32).collect(), der)
}

fn key() -> RsaKeyPair {
    RsaKeyPair::from_pkcs8(KEY).expect("the key was written by openssl and is in the source")
}

/// Writes all digests. Chains are independent, so each thread takes one after the other.
pub(super) fn write(entries: &Entries, disorder: &Disorder, threads: usize) -> Vec<LogObject> {
    let cells: Vec<(Member, Region)> = MEMBERS.iter().flat_map(|member| REGIONS.map(|region| (*member, region))).collect();
    let next = AtomicUsize::new(0);
    let (key, fingerprint) = (key(), public_key().0);
    let work = || {
        let mut written = Vec::new();
        while let Some(&cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
            let own = entries.get(&cell).map(Vec::as_slice).unwrap_or_default();
            written.push((cell, chain(cell, own, disorder, (&key, &fingerprint))));
        }
        written
    };
    let mut written: Vec<_> = crate::scan::on_threads(threads, work).into_iter().flatten().collect();
    written.sort_by_key(|(cell, _)| *cell);
    written.into_iter().flat_map(|(_, digests)| digests).collect()
}

/// A digest that the next one names.
struct Last {
    key: String,
    hash: String,
    signature: String,
}

fn chain(cell: (Member, Region), entries: &[Entry], disorder: &Disorder, key: (&RsaKeyPair, &str)) -> Vec<LogObject> {
    let mut digests = Vec::new();
    let mut last: Option<Last> = None;
    for (start, end) in windows(cell, disorder) {
        let begins = disorder.stopped.is_some_and(|(member, region, _, from)| (member, region) == cell && from == start);
        let previous = if begins { None } else { last.take() };
        let named = entries.iter().filter(|entry| start <= entry.delivered && entry.delivered < end);
        let (object, written) = digest(cell, (start, end), &named.collect::<Vec<_>>(), previous, key);
        let missing = disorder.missing.is_some_and(|(member, region, at)| (member, region) == cell && start <= at && at < end);
        if !missing {
            digests.push(object);
        }
        last = Some(written);
    }
    digests
}

/// An hour each, from a minute of its own on; a trail that is stopped writes a last digest and begins a new chain.
fn windows((member, region): (Member, Region), disorder: &Disorder) -> Vec<(i64, i64)> {
    let offset = 31 + 60 * (1 + (member as i64 * 7 + region as i64 * 13) % 50);
    let stop = disorder.stopped.filter(|stopped| (stopped.0, stopped.1) == (member, region));
    let mut windows = Vec::new();
    let mut start = START - 3600 + offset;
    while start < END + BEYOND {
        let end = start + 3600;
        // Objects are delivered some minutes after their events, those of the last minutes before a stop too.
        match stop.map(|(_, _, stopped, from)| (stopped + SETTLED, from)) {
            Some((last, from)) if start < last && last <= end => {
                windows.push((start, last));
                start = from;
            }
            _ => {
                windows.push((start, end));
                start = end;
            }
        }
    }
    windows
}

fn digest(
    (member, region): (Member, Region),
    (start, end): (i64, i64),
    named: &[&Entry],
    previous: Option<Last>,
    (key, fingerprint): (&RsaKeyPair, &str),
) -> (LogObject, Last) {
    let place = place(member, region, end);
    let files: Vec<_> = named
        .iter()
        .map(|entry| {
            json!({
                "s3Bucket": BUCKET, "s3Object": entry.key, "hashValue": entry.sha256, "hashAlgorithm": "SHA-256",
                "newestEventTime": rfc3339(entry.events.1), "oldestEventTime": rfc3339(entry.events.0),
            })
        })
        .collect();
    let text = json!({
        "awsAccountId": member.id(),
        "digestStartTime": rfc3339(start),
        "digestEndTime": rfc3339(end),
        "digestS3Bucket": BUCKET,
        "digestS3Object": place,
        "digestPublicKeyFingerprint": fingerprint,
        "digestSignatureAlgorithm": "SHA256withRSA",
        "newestEventTime": named.iter().map(|entry| entry.events.1).max().map(rfc3339),
        "oldestEventTime": named.iter().map(|entry| entry.events.0).min().map(rfc3339),
        "previousDigestS3Bucket": previous.as_ref().map(|_| BUCKET),
        "previousDigestS3Object": previous.as_ref().map(|last| &last.key),
        "previousDigestHashValue": previous.as_ref().map(|last| &last.hash),
        "previousDigestHashAlgorithm": previous.as_ref().map(|_| "SHA-256"),
        "previousDigestSignature": previous.as_ref().map(|last| &last.signature),
        "logFiles": files,
    })
    .to_string();
    let hash = sha256(text.as_bytes());
    let before = previous.as_ref().map_or("null", |last| last.signature.as_str());
    let signed = format!("{}\n{BUCKET}/{place}\n{hash}\n{before}", rfc3339(end));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .expect("the buffer is as long as the modulus");
    let signature = hex(&signature);
    let metadata = [("signature", signature.as_str()), ("signature-algorithm", "SHA256withRSA")];
    let metadata = metadata.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    (LogObject { key: place.clone(), bytes: compress(text.as_bytes()), metadata }, Last { key: place, hash, signature })
}

fn place(member: Member, region: Region, end: i64) -> String {
    let (account, name) = (member.id(), region.name());
    format!(
        "{}{account}/CloudTrail-Digest/{name}/{}/{account}_CloudTrail-Digest_{name}_{}_{}.json.gz",
        root(member),
        format(end, "%Y/%m/%d"),
        trail(member, region),
        format(end, "%Y%m%dT%H%M%SZ"),
    )
}

/// The ARN of a trail that an account has of its own.
pub(super) fn local_trail_arn(member: Member, region: Region) -> String {
    format!("arn:aws:cloudtrail:{}:{}:trail/{}", region.name(), member.id(), local_trail_name(member))
}

/// Name and home region of the trail that records an account in a region.
fn trail(member: Member, region: Region) -> String {
    if member == Member::DataProd {
        format!("{}_{}", local_trail_name(member), region.name())
    } else {
        "kaigan-organisation_ap-northeast-1".to_owned()
    }
}
