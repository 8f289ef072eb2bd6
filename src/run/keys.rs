//! Keeps CloudTrail's public keys beside the evidence: runs check digests with them, and `assize verify` needs nothing but the
//! audit bucket.
//!
//! A key is written once and never replaced: other bytes under its fingerprint are a sign of tampering, and stay where they
//! are to be looked at. Nothing here fails a run: digests whose key is not there stay unverifiable, and so do
//! their hours.

use std::collections::BTreeMap;

use assize_bucket::{Bucket, BucketError, Metadata};
use assize_cloud::public_key::PublicKey;
use assize_cloud::{DenialCause, Sessions};
use assize_engine::coverage::Reason;

use super::{Context, DAY};
use crate::collect::problem::Problem;
use crate::collect::{Collector, Outcome, Unlisted};
use crate::discover::Discovered;
use crate::discover::keys::{self, Answered, Refused};
use crate::state;
use crate::verify::keys::archive_key;

/// Asks for the keys of the time that the run looks at, and keeps those that are not there.
pub(super) async fn archive(
    context: &Context<'_>,
    sessions: &Sessions,
    collector: &Collector,
    discovered: &Discovered,
) -> Outcome {
    let mut outcome = Outcome::default();
    // The digests of the first day's last hours were begun on the day before.
    let span = (collector.first_day.saturating_sub(1).saturating_mul(DAY))..context.asked.as_of;
    if span.is_empty() || collector.stop.reason(&collector.requests).is_some() {
        return outcome;
    }
    let places = (&*collector.places, &*discovered.seen);
    let mut refused = Vec::new();
    for answered in keys::ask(context.config, sessions, places, span, &context.requests).await {
        let Answered { region, account, keys } = answered;
        match keys {
            Ok(keys) => outcome.problems.extend(keep(&*context.audit, &region, keys).await),
            Err(error) => refused.push((region, account, error)),
        }
    }
    outcome.without_keys = told(refused);
    outcome
}

/// Keeps the keys of a region, and tells of those that it could not keep.
async fn keep(audit: &dyn Bucket, region: &str, keys: Vec<PublicKey>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for PublicKey { fingerprint, der, .. } in keys {
        let Some(key) = archive_key(region, &fingerprint) else {
            problems.push(odd(region, &fingerprint));
            continue;
        };
        match there(audit, &key, &der).await {
            Ok(true) => {}
            Ok(false) => problems.push(replaced(&key)),
            Err(error) => problems.push(unkept(&key, &error)),
        }
    }
    problems
}

/// Whether the key is there now. Nearly always it was there before, and a read is cheaper than a write.
async fn there(audit: &dyn Bucket, key: &str, der: &[u8]) -> Result<bool, BucketError> {
    match audit.get(key, None).await {
        Ok(found) => return Ok(found.bytes == der),
        Err(BucketError::NotFound { .. }) => {}
        Err(error) => return Err(error),
    }
    // If somebody was quicker, what they put is looked at.
    Ok(state::store(audit, key, der, &Metadata::new()).await? || audit.get(key, None).await?.bytes == der)
}

fn odd(region: &str, fingerprint: &str) -> Problem {
    let message = format!(
        "CloudTrail ListPublicKeys in {region} gave a key whose fingerprint \"{}\" is not hexadecimal: it was not kept; find out \
         who answers in AWS's place",
        fingerprint.chars().take(80).collect::<String>().escape_debug()
    );
    let object = format!("public key of {region}");
    Problem { code: "public-key-fingerprint".to_owned(), tampering: true, object, record: None, message }
}

fn replaced(key: &str) -> Problem {
    let message = format!(
        "{key} in the audit bucket has other bytes than the public key that CloudTrail gives under this fingerprint: what `assize \
         verify` says with it is worth nothing; nothing was overwritten; find out who else writes to the audit bucket"
    );
    Problem { code: "public-key-replaced".to_owned(), tampering: true, object: key.to_owned(), record: None, message }
}

fn unkept(key: &str, error: &BucketError) -> Problem {
    let message = format!("the public key cannot be kept beside the evidence: {error}; the next run tries again");
    Problem { code: "public-key-not-kept".to_owned(), tampering: false, object: key.to_owned(), record: None, message }
}

/// A region, the account that was asked there, and why it has no keys.
type Without = (String, String, Refused);

/// What was refused, in the same words for all regions in which it was refused alike, so that it is said once.
fn told(refused: Vec<Without>) -> Vec<Unlisted> {
    let mut alike: BTreeMap<(Reason, Option<String>), Vec<Without>> = BTreeMap::new();
    for one in refused {
        alike.entry((one.2.trouble.reason, policy(&one.2))).or_default().push(one);
    }
    let mut all = Vec::new();
    for group in alike.into_values() {
        let regions: Vec<&str> = group.iter().map(|(region, ..)| region.as_str()).collect();
        let Some((_, _, first)) = group.first() else { continue };
        let message = format!(
            "{}; until then the audit bucket gets no new public keys of {}: digests that are signed with them prove nothing",
            first.trouble.message,
            regions.join(", ")
        );
        all.extend(group.iter().map(|(region, account, refused)| Unlisted {
            account: account.clone(),
            region: region.clone(),
            place: "public keys".to_owned(),
            reason: refused.trouble.reason,
            message: message.clone(),
        }));
    }
    all
}

/// The policy of the organisation that refuses, if AWS named one: each is an obstacle of its own.
fn policy(refused: &Refused) -> Option<String> {
    match &refused.error.as_ref()?.denial()?.cause {
        DenialCause::Scp { arn } => arn.clone(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use assize_bucket::{Memory, PutCondition};

    use super::*;
    use crate::discover::Trouble;
    use crate::verify::keys::PublicKeys;

    fn key(fingerprint: &str, der: &[u8]) -> PublicKey {
        PublicKey { fingerprint: fingerprint.to_owned(), der: der.to_vec(), valid_from: None, valid_until: None }
    }

    async fn all(bucket: &Memory) -> Vec<(String, Vec<u8>)> {
        use futures::TryStreamExt;
        let entries: Vec<_> = bucket.list("", None).try_collect().await.unwrap();
        let mut all = Vec::new();
        for entry in entries {
            let bytes = bucket.get(&entry.key, None).await.unwrap().bytes;
            all.push((entry.key, bytes));
        }
        all
    }

    #[tokio::test]
    async fn keys_are_kept_where_verify_reads_them() {
        let bucket = Memory::new();
        for _ in 0..2 {
            assert_eq!(keep(&bucket, "eu-west-1", vec![key("AA01", b"one"), key("bb02", b"two")]).await, []);
        }
        let kept = [("evidence/_keys/eu-west-1/aa01.der", "one"), ("evidence/_keys/eu-west-1/bb02.der", "two")];
        assert_eq!(all(&bucket).await, kept.map(|(key, bytes)| (key.to_owned(), bytes.as_bytes().to_vec())));
        let mut read = PublicKeys::default();
        read.add_archive(&bucket).await.unwrap();
        assert_eq!(read.count(), 2);
    }

    #[tokio::test]
    async fn an_odd_fingerprint_is_told_and_not_written() {
        let bucket = Memory::new();
        for odd in ["../../head", "", "aa/bb", "aa.der", "..", "gg", "aa\0"] {
            let problems = keep(&bucket, "eu-west-1", vec![key(odd, b"planted"), key("aa", b"good")]).await;
            let [problem] = problems.as_slice() else { panic!("{odd}: {problems:?}") };
            assert_eq!(problem.code, "public-key-fingerprint", "{odd}");
        }
        assert_eq!(keep(&bucket, "../eu-west-1", vec![key("aa", b"planted")]).await.len(), 1);
        assert_eq!(all(&bucket).await, [("evidence/_keys/eu-west-1/aa.der".to_owned(), b"good".to_vec())]);
    }

    #[tokio::test]
    async fn other_bytes_under_a_fingerprint_are_told_and_stay() {
        let bucket = Memory::new();
        let place = "evidence/_keys/eu-west-1/aa.der";
        bucket.put(place, b"planted".to_vec(), Metadata::new(), PutCondition::Always).await.unwrap();
        let problems = keep(&bucket, "eu-west-1", vec![key("aa", b"true")]).await;
        let [problem] = problems.as_slice() else { panic!("{problems:?}") };
        assert_eq!((problem.code.as_str(), problem.object.as_str(), problem.tampering), ("public-key-replaced", place, true));
        assert_eq!(all(&bucket).await, [(place.to_owned(), b"planted".to_vec())]);
    }

    #[test]
    fn what_is_refused_alike_is_said_once() {
        let refused = |region: &str, reason, message: &str| {
            let trouble = Trouble { reason, message: message.to_owned() };
            (region.to_owned(), "111122223333".to_owned(), Refused { trouble, error: None })
        };
        let told = told(vec![
            refused("eu-west-1", Reason::Denied, "no in eu-west-1; allow cloudtrail:ListPublicKeys"),
            refused("us-east-1", Reason::Denied, "no in us-east-1; allow cloudtrail:ListPublicKeys"),
            refused("us-east-2", Reason::Throttled, "slower"),
        ]);
        let [first, second, third] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(first.message, second.message);
        assert!(first.message.contains("allow cloudtrail:ListPublicKeys; until then"), "{}", first.message);
        assert!(first.message.contains("no new public keys of eu-west-1, us-east-1:"), "{}", first.message);
        assert!(third.message.starts_with("slower;") && third.message.contains("us-east-2"), "{}", third.message);
    }
}
