//! Chains with real RSA keys, whole and tampered with, in the layout of an audit bucket, of CloudTrail, and of a plain copy.

use std::sync::Arc;

use assize_bucket::{Bucket, Memory, Metadata, PutCondition};
use assize_engine::inflate::Limits;
use assize_engine::time;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::KeyPair as _;

use super::account::KeySource;
use super::chain::{HOUR, START, Written, gzip, key, public, written};
use super::keys::PublicKeys;
use super::outcome::Verified;
use super::place::{Choice, Layout, Listed, Vault};
use super::reading::{Again, Noted};
use super::{Question, render, verify};
use crate::exit::Exit;
use crate::state::{Batch, LedgerRow, RunIdentity, State, View};

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
    let (vault, choice) = (Vault { bucket, layout }, Choice { until, ..Choice::default() });
    let listed = vault.list(&choice).await.unwrap();
    asked(&vault, &listed, &keys, &choice, (Again::All, None)).await
}

async fn asked(
    vault: &Vault,
    listed: &Listed,
    keys: &PublicKeys,
    choice: &Choice,
    (again, noted): (Again, Option<&Noted>),
) -> Verified {
    let (keys, limits) = ((keys, KeySource::archive()), Limits::default());
    verify(Question { vault, listed, keys, choice, again, noted, limits }).await
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

/// What a first digest names may be older than what is asked for, and what comes after it waits for its digest.
#[tokio::test]
async fn a_part_of_the_time_is_as_whole_as_all_of_it() {
    let whole = written("111122223333");
    let mut vault = Vault { bucket: whole.store(AUDIT, true).await, layout: Layout::Audit };
    let mut keys = PublicKeys::default();
    keys.add_archive(&*vault.bucket).await.unwrap();
    let some = Choice { since: Some(START + 3 * HOUR / 2), until: Some(START + 3 * HOUR + 100), ..Choice::default() };
    let listed = vault.list(&some).await.unwrap();
    let result = asked(&vault, &listed, &keys, &some, (Again::All, None)).await;
    assert_eq!(result.exit(), Exit::Clean, "{}", render::text(&result));
    assert_eq!((result.digests.valid, result.logs.valid), (4, 8), "the second window and up to the fifth");
    let mut added = whole.clone();
    added.logs.push((whole.logs[4].0.replace("_log", "_new"), "{}".to_owned()));
    added.logs.push((whole.logs[0].0.replace("_log", "_new"), "{}".to_owned()));
    vault.bucket = added.store(AUDIT, true).await;
    let listed = vault.list(&some).await.unwrap();
    let result = asked(&vault, &listed, &keys, &some, (Again::All, None)).await;
    assert_eq!((result.logs.orphan, result.logs.unverifiable), (1, 0), "the other one is of another time");
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

/// A ledger beside what is stored, as the run that took the log objects wrote it; in place or with copies.
async fn ledger(bucket: &Arc<Memory>, written: &Written, in_place: bool) {
    let row = |(key, text): &(String, String)| LedgerRow {
        evidence_key: (!in_place).then(|| format!("{AUDIT}{key}")),
        ..LedgerRow::example("s3://trail-logs", key, &gzip(text), text.as_bytes())
    };
    let run = RunIdentity { run_id: "run-1".to_owned(), as_of: 0, tool: "test".to_owned() };
    let mut state = State::open(Arc::clone(bucket) as Arc<dyn Bucket>, run, None).await.unwrap();
    state.commit(Batch { rows: written.logs.iter().map(row).collect(), ..Batch::default() }).await.unwrap();
}

/// An audit bucket with a ledger, verified.
async fn with_ledger(bucket: &Arc<Memory>, again: Again) -> Verified {
    let vault = Vault { bucket: Arc::clone(bucket) as Arc<dyn Bucket>, layout: Layout::Audit };
    let (mut keys, choice) = (PublicKeys::default(), Choice::default());
    keys.add_archive(&*vault.bucket).await.unwrap();
    let mut listed = vault.list(&choice).await.unwrap();
    let view = View::open(Arc::clone(&vault.bucket)).await.unwrap();
    let noted = Noted::read(&view, &choice, &mut listed).await.unwrap();
    asked(&vault, &listed, &keys, &choice, (again, Some(&noted))).await
}

fn read(verified: &Verified) -> (u64, u64, u64) {
    (verified.reading.read, verified.reading.by_ledger, verified.reading.not_sampled)
}

#[tokio::test]
async fn the_ledger_stands_in_for_what_is_there_with_the_size_that_was_taken() {
    let whole = written("111122223333");
    let bucket = whole.store(AUDIT, true).await;
    ledger(&bucket, &whole, false).await;
    let result = with_ledger(&bucket, Again::Unknown).await;
    assert_eq!((read(&result), result.logs.valid, result.exit()), ((0, 12, 0), 12, Exit::Clean));
    let said = "read again: all digests, and 0 of 12 log objects that they name; 12 compared by the hash in the ledger (--full reads all)";
    assert!(render::text(&result).contains(said), "{}", render::text(&result));
    let result = with_ledger(&bucket, Again::All).await;
    assert_eq!((read(&result), result.exit()), ((12, 0, 0), Exit::Clean));

    // Another content of another size is looked at, one of the same size only by who reads everything.
    let key = |at: usize| format!("{AUDIT}{}", whole.logs[at].0);
    put(&bucket, &key(4), gzip("{\"Records\":[]}"), Metadata::new()).await;
    let mut same_size = gzip(&whole.logs[5].1);
    *same_size.last_mut().unwrap() ^= 1;
    put(&bucket, &key(5), same_size, Metadata::new()).await;
    let result = with_ledger(&bucket, Again::Unknown).await;
    assert_eq!((read(&result), result.logs.invalid, result.exit()), ((1, 11, 0), 1, Exit::Findings));
    let result = with_ledger(&bucket, Again::All).await;
    assert_eq!((read(&result), result.logs.invalid, result.exit()), ((12, 0, 0), 2, Exit::Findings));
    let mut less = whole.clone();
    less.logs.remove(4);
    let bucket = less.store(AUDIT, true).await;
    ledger(&bucket, &whole, false).await;
    let result = with_ledger(&bucket, Again::Unknown).await;
    assert_eq!((read(&result), result.logs.missing, result.logs.valid), ((1, 11, 0), 1, 11), "its key is asked for");
}

#[tokio::test]
async fn the_ledger_alone_tells_of_what_is_read_in_place() {
    let mut whole = written("111122223333");
    let logs = std::mem::take(&mut whole.logs);
    let bucket = whole.store(AUDIT, true).await;
    let mut noted = Written { digests: Vec::new(), logs };
    noted.logs[3].1.push(' ');
    noted.logs.push((noted.logs[4].0.replace("_log", "_new"), "{}".to_owned()));
    ledger(&bucket, &noted, true).await;
    let result = with_ledger(&bucket, Again::Unknown).await;
    assert_eq!((result.logs.valid, result.logs.invalid, result.logs.orphan), (11, 1, 1), "{}", render::text(&result));
    assert_eq!(read(&result), (0, 12, 0));
    let result = with_ledger(&bucket, Again::All).await;
    assert_eq!((result.logs.unverifiable, result.logs.orphan), (12, 1), "they are in another bucket");
    assert!(render::text(&result).contains("verify s3://trail-logs itself"), "{}", render::text(&result));
}

#[tokio::test]
async fn a_sample_says_of_how_many_it_is() {
    let mut tampered = written("111122223333");
    let (vault, choice) = (Vault { bucket: tampered.store(AUDIT, true).await, layout: Layout::Audit }, Choice::default());
    let mut keys = PublicKeys::default();
    keys.add_archive(&*vault.bucket).await.unwrap();
    let listed = vault.list(&choice).await.unwrap();
    let sample = |count| Again::Sample { count, seed: 7 };
    let result = asked(&vault, &listed, &keys, &choice, (sample(3), None)).await;
    assert_eq!((read(&result), result.logs.valid, result.logs.not_sampled), ((3, 0, 9), 3, 9));
    assert_eq!(result.exit(), Exit::Incomplete, "what was not looked at is not proven");
    let said = "read again: all digests, and 3 of 12 log objects that they name (drawn with seed 7); of 9 nothing is said";
    assert!(render::text(&result).contains(said), "{}", render::text(&result));
    assert_eq!(asked(&vault, &listed, &keys, &choice, (sample(12), None)).await.exit(), Exit::Clean);

    tampered.logs[4].1.push(' ');
    let bucket = tampered.store(AUDIT, true).await;
    ledger(&bucket, &written("111122223333"), false).await;
    let found = async |count| with_ledger(&bucket, sample(count)).await;
    let result = found(12).await;
    assert_eq!((read(&result), result.logs.invalid), ((12, 0, 0), 1));
    let result = found(0).await;
    assert_eq!((read(&result), result.logs.invalid), ((1, 11, 0), 1), "its size is another than the ledger says");
}

#[tokio::test]
async fn an_insight_that_no_digest_names_is_no_orphan() {
    let mut whole = written("111122223333");
    let insight = whole.logs[4].0.replace("/CloudTrail/", "/CloudTrail-Insight/").replace("_CloudTrail_", "_CloudTrail-Insight_");
    whole.logs.push((insight, "{}".to_owned()));
    let result = verified(whole.store(AUDIT, true).await, Layout::Audit, None).await;
    assert_eq!((result.logs.orphan, result.logs.unverifiable, result.exit()), (0, 1, Exit::Incomplete));
}

#[tokio::test]
async fn a_kept_key_that_is_another_at_aws_is_tampering() {
    let mut result = verified(written("111122223333").store(AUDIT, true).await, Layout::Audit, None).await;
    assert!(render::text(&result).contains("2 public keys: as kept; --keys-from-account compares them with AWS's"));
    let names = |name: &str| vec![format!("eu-west-1/{name}")];
    result.keys =
        KeySource { source: "account", regions: vec!["eu-west-1".to_owned()], unknown: names("cc"), ..KeySource::default() };
    assert_eq!(result.exit(), Exit::Clean, "it was not used");
    result.keys.different = names("aa");
    assert_eq!(result.exit(), Exit::Findings);
    let text = render::text(&result);
    assert!(text.contains("asked of AWS in eu-west-1; of 2 kept keys 0 are the same"), "{text}");
    let junit = render::junit(&result);
    assert!(junit.contains("failures=\"1\"") && junit.contains("<failure>another key at AWS: eu-west-1/aa</failure>"), "{junit}");
    assert!(text.contains("kept key eu-west-1/aa: another key at AWS") && text.contains("kept key eu-west-1/cc: no key at AWS"));
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
