//! Chains with real RSA keys, whole and tampered with, in the layout of an audit bucket, of CloudTrail, and of a plain copy.

use std::sync::Arc;

use assize_bucket::{Bucket, Memory, Metadata, PutCondition};
use assize_engine::inflate::Limits;
use assize_engine::time;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::KeyPair as _;

use super::chain::{HOUR, START, Written, gzip, key, public, written};
use super::keys::PublicKeys;
use super::outcome::Verified;
use super::place::{Choice, Layout, Vault};
use super::{render, verify};
use crate::exit::Exit;

impl Written {
    pub(crate) async fn store(&self, before: &str, metadata: bool) -> Arc<Memory> {
        let bucket = Arc::new(Memory::new());
        for digest in &self.digests {
            let signed = [("signature", digest.signature.clone()), ("signature-algorithm", "SHA256withRSA".to_owned())];
            let signed = if metadata { signed.map(|(name, value)| (name.to_owned(), value)).into() } else { Metadata::new() };
            put(&bucket, &format!("{before}{}", digest.key), gzip(&digest.text), signed).await;
        }
        for (key, text) in &self.logs {
            put(&bucket, &format!("{before}{key}"), gzip(text), Metadata::new()).await;
        }
        for (number, name) in ["aa", "bb"].into_iter().enumerate() {
            put(&bucket, &format!("evidence/_keys/eu-west-1/{name}.der"), public(number), Metadata::new()).await;
        }
        bucket
    }
}

pub(crate) async fn put(bucket: &Memory, key: &str, bytes: Vec<u8>, metadata: Metadata) {
    bucket.put(key, bytes, metadata, PutCondition::Always).await.unwrap();
}

async fn verified(bucket: Arc<Memory>, layout: Layout, until: Option<i64>) -> Verified {
    let mut keys = PublicKeys::default();
    keys.add_archive(&*bucket).await.unwrap();
    let choice = Choice { until, ..Choice::default() };
    verify(&Vault { bucket, layout }, &keys, &choice, Limits::default()).await.unwrap()
}

pub(crate) const AUDIT: &str = "evidence/aws/trail-logs/";

#[tokio::test]
async fn a_whole_chain_is_valid_wherever_it_lies() {
    let original = Layout::Original { bucket: "trail-logs".to_owned(), prefix: String::new() };
    for (before, layout) in [(AUDIT, Layout::Audit), ("", original), ("", Layout::Copy)] {
        let result = verified(written("111122223333").store(before, true).await, layout, None).await;
        assert_eq!((result.digests.valid, result.logs.valid, result.exit()), (6, 12, Exit::Clean), "{}", render::text(&result));
        // Six windows that begin a minute and a half past the hour hold five whole hours; the last one waits for late events.
        assert_eq!(result.chains[0].complete_hours, 4);
        assert_eq!(result.chains[0].windows.len(), 1);
    }
}

#[tokio::test]
async fn a_plain_copy_without_metadata_is_proven_but_for_its_newest_digest() {
    let result = verified(written("111122223333").store("", false).await, Layout::Copy, None).await;
    assert_eq!((result.digests.valid, result.digests.unverifiable, result.exit()), (5, 1, Exit::Incomplete));
    assert_eq!((result.logs.valid, result.logs.unverifiable), (10, 2));
}

#[tokio::test]
async fn another_bucket_than_the_digests_name_is_told() {
    let elsewhere = Layout::Original { bucket: "other".to_owned(), prefix: String::new() };
    let result = verified(written("111122223333").store("", true).await, elsewhere, None).await;
    assert_eq!((result.digests.valid, result.digests.invalid), (0, 6));
    assert!(result.chains[0].objects[0].why.contains("s3://trail-logs/"), "{}", result.chains[0].objects[0].why);
}

/// What is done, how, what must be named, and the exit code.
type Case<'c> = (&'c str, &'c dyn Fn(&mut Written), &'c str, Exit);

#[tokio::test]
async fn what_is_altered_added_or_taken_away_is_named() {
    let whole = written("111122223333");
    let cases: [Case<'_>; 7] = [
        ("a log changed", &|it| it.logs[4].1.push(' '), "INVALID log", Exit::Findings),
        ("a log gone", &|it| drop(it.logs.remove(4)), "MISSING log", Exit::Findings),
        (
            "a log put in",
            &|it| it.logs.push((it.logs[4].0.replace("_log", "_new"), "{}".to_owned())),
            "ORPHAN log",
            Exit::Findings,
        ),
        ("a digest gone", &|it| drop(it.digests.remove(2)), "MISSING digest", Exit::FindingsAndIncomplete),
        (
            "a digest changed",
            &|it| it.digests[2].text = it.digests[2].text.replace("null", " null"),
            "INVALID digest",
            Exit::FindingsAndIncomplete,
        ),
        (
            "two digests exchanged",
            &|it| {
                let (a, b) = (it.digests[1].key.clone(), it.digests[2].key.clone());
                (it.digests[1].key, it.digests[2].key) = (b, a);
            },
            "INVALID digest",
            Exit::FindingsAndIncomplete,
        ),
        (
            "signed with a key of one's own",
            &|it| it.digests[5].text = it.digests[5].text.replace("\"bb\"", "\"cc\""),
            "UNVERIFIABLE digest",
            Exit::Incomplete,
        ),
    ];
    for (what, tamper, expected, exit) in cases {
        let mut tampered = Written { digests: whole.digests.clone(), logs: whole.logs.clone() };
        tamper(&mut tampered);
        let result = verified(tampered.store(AUDIT, true).await, Layout::Audit, None).await;
        let named: Vec<String> =
            result.chains.iter().flat_map(|chain| &chain.objects).map(|one| format!("{} {}", one.state, one.kind)).collect();
        assert!(named.iter().any(|one| one == expected), "{what}: {named:?}");
        assert_eq!(result.exit(), exit, "{what}: {}", render::text(&result));
    }
}

#[tokio::test]
async fn the_newest_digests_gone_are_missed_beside_another_chain_or_when_they_were_due() {
    let (mut cut, other) = (written("111122223333"), written("444455556666"));
    cut.digests.truncate(4);
    let bucket = cut.store(AUDIT, true).await;
    for digest in &other.digests {
        let signed = Metadata::from([("signature".to_owned(), digest.signature.clone())]);
        put(&bucket, &format!("{AUDIT}{}", digest.key), gzip(&digest.text), signed).await;
    }
    let last = |result: &Verified| result.chains[0].windows.last().map(|window| (window.state, window.from.clone()));
    let result = verified(bucket, Layout::Audit, None).await;
    let cut_at = time::format(START + 4 * HOUR);
    assert_eq!(last(&result), Some(("MISSING", cut_at.clone())));
    let alone = verified(cut.store(AUDIT, true).await, Layout::Audit, Some(START + 6 * HOUR)).await;
    assert_eq!(last(&alone), Some(("MISSING", cut_at)));
}

#[tokio::test]
async fn nothing_found_proves_nothing_and_logs_alone_are_no_proof() {
    let nothing = verified(Arc::new(Memory::new()), Layout::Audit, None).await;
    assert_eq!(nothing.exit(), Exit::Incomplete);
    let mut bare = written("111122223333");
    bare.digests.clear();
    let result = verified(bare.store(AUDIT, true).await, Layout::Audit, None).await;
    assert_eq!((result.logs.unverifiable, result.exit()), (12, Exit::Incomplete));
    assert!(render::text(&result).contains("log file validation was off, or the digests are gone"));
}

#[tokio::test]
async fn junit_makes_an_error_of_what_is_not_proven() {
    let mut tampered = written("111122223333");
    tampered.logs[4].1.push(' ');
    let text = render::junit(&verified(tampered.store(AUDIT, true).await, Layout::Audit, None).await);
    assert!(
        text.contains("tests=\"1\" failures=\"1\" errors=\"0\"") && text.contains("<failure>INVALID s3://trail-logs/"),
        "{text}"
    );
    let text = render::junit(&verified(written("111122223333").store("", false).await, Layout::Copy, None).await);
    assert!(text.contains("errors=\"2\""), "{text}");
}

#[test]
fn keys_are_in_the_form_that_cloudtrail_gives() {
    // A PKCS #1 RSAPublicKey is a sequence of two integers; an X.509 key would begin with an algorithm.
    let der = public(0);
    assert_eq!((der[0], der[4]), (0x30, 0x02));
    let x509: aws_lc_rs::encoding::PublicKeyX509Der<'_> = key(0).public_key().as_der().unwrap();
    assert_ne!(x509.as_ref(), der);
}

#[tokio::test]
async fn chains_whose_windows_end_at_other_minutes_miss_nothing() {
    let (mut early, late) = (written("111122223333"), written("444455556666"));
    // The first account's last window is not over yet.
    early.digests.truncate(5);
    let named: Vec<String> = early.logs.iter().take(10).map(|(key, _)| key.clone()).collect();
    early.logs.retain(|(key, _)| named.contains(key));
    let bucket = early.store(AUDIT, true).await;
    for digest in late.digests.iter().take(5) {
        let signed = Metadata::from([("signature".to_owned(), digest.signature.clone())]);
        put(&bucket, &format!("{AUDIT}{}", digest.key), gzip(&digest.text), signed).await;
    }
    let last = verified(bucket, Layout::Audit, None).await;
    assert!(
        last.chains.iter().all(|chain| chain.windows.iter().all(|window| window.state == "VALID")),
        "{}",
        render::text(&last)
    );
    assert_eq!(
        (super::due(10_000, Some(9_000)), super::due(10_000, Some(6_000)), super::due(10_000, None)),
        (9_000, 10_000, 10_000)
    );
}
