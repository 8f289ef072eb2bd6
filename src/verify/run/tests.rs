//! Runs, whole and tampered with.

use std::sync::Arc;

use assize_bucket::{Bucket, Memory, Metadata, PutCondition};
use futures::TryStreamExt;
use proptest::prelude::*;
use tokio::sync::OnceCell;

use super::outcome::RunVerified;
use super::{Asked, RunVerifyError, render, verify};
use crate::exit::Exit;
use crate::manifest::envelope::Envelope;
use crate::manifest::key::VerifyingKey;
use crate::manifest::key::tests::signer;
use crate::manifest::statement::Statement;
use crate::manifest::{self, place};
use crate::run::manifest::example::{RUNS, bucket};
use crate::verify::tests::AUDIT;

const RUN: &str = RUNS[1];

async fn verified(bucket: &Arc<Memory>, run: &str, keys: &[VerifyingKey]) -> RunVerified {
    let bucket = Arc::clone(bucket) as Arc<dyn Bucket>;
    verify(&bucket, &Asked { run, keys, roots: None, part: None, replay: None }).await.unwrap()
}

async fn put(bucket: &Memory, key: &str, bytes: Vec<u8>) {
    bucket.put(key, bytes, Metadata::new(), PutCondition::Always).await.unwrap();
}

async fn get(bucket: &Memory, key: &str) -> Vec<u8> {
    bucket.get(key, None).await.unwrap().bytes
}

async fn keys_under(bucket: &Memory, prefix: &str) -> Vec<String> {
    let entries: Vec<_> = bucket.list(prefix, None).try_collect().await.unwrap();
    entries.into_iter().map(|entry| entry.key).collect()
}

/// The bucket without an object.
async fn without(bucket: &Memory, key: &str) -> Arc<Memory> {
    let copy = Arc::new(Memory::new());
    for other in keys_under(bucket, "").await.into_iter().filter(|other| other != key) {
        let object = bucket.get(&other, None).await.unwrap();
        copy.put(&other, object.bytes, object.metadata, PutCondition::Always).await.unwrap();
    }
    copy
}

fn shown(verified: &RunVerified) -> Vec<String> {
    verified.objects.iter().map(|one| format!("{} {}", one.state, one.kind)).collect()
}

#[tokio::test]
async fn a_whole_run_is_proven_with_the_key_that_signed_it() {
    let signed = bucket(Some(&signer(1))).await;
    let trusted = [signer(2).public().clone(), signer(1).public().clone()];
    let result = verified(&signed, RUN, &trusted).await;
    assert_eq!(result.exit(), Exit::Clean, "{}", render::text(&result));
    assert_eq!((result.outputs.valid, result.inputs.valid, result.in_place, result.chain.valid), (4, 18, 1, 2));
    assert_eq!(result.first_run.as_deref(), Some(RUNS[0]));
    insta::assert_snapshot!(render::text(&result), @"
    run 20261002T040000Z-00000002
      as of 2026-10-02T04:00:00Z, judged 2026-10-01T16:00:00Z to 2026-10-02T01:00:00Z, 19 objects, exit code 4, assize 0.1.0
    signature: VALID, by the key fd110d301d2f077de1414b8f99f441b1403fab207b2052fbd2c065e4ee8e7dc2, which was given
    files of the run: 4 = 4 valid
    copies of what it judged: 18 = 18 valid
    1 object was read in place and not copied: listed with SHA-256 and version, not checked here
    manifests of the chain: 2 = 2 valid; back to the first run, 20261002T030000Z-00000001
    ");
    assert_eq!(verified(&signed, RUNS[0], &trusted).await.exit(), Exit::Clean);
    let json = serde_json::to_string_pretty(&RunVerified { manifest_sha256: None, ..result }).unwrap();
    insta::assert_snapshot!(json);
}

#[tokio::test]
async fn a_key_from_the_archive_vouches_for_itself_alone_and_no_signature_for_nothing() {
    let result = verified(&bucket(Some(&signer(1))).await, RUN, &[]).await;
    assert_eq!((result.signature, result.exit()), ("VALID", Exit::Incomplete));
    assert!(render::text(&result).contains("it vouches for itself"));
    let unsigned = bucket(None).await;
    let result = verified(&unsigned, RUN, &[]).await;
    assert_eq!((result.signature, result.exit()), ("UNVERIFIABLE", Exit::Incomplete));
    let result = verified(&unsigned, RUN, &[signer(1).public().clone()]).await;
    assert_eq!((result.signature, result.exit()), ("MISSING", Exit::FindingsAndIncomplete), "a key was given");
}

#[tokio::test]
async fn another_key_than_the_one_that_is_trusted_is_no_signature() {
    let forged = bucket(Some(&signer(9))).await;
    let result = verified(&forged, RUN, &[signer(1).public().clone()]).await;
    assert_eq!((result.signature, result.exit()), ("INVALID", Exit::FindingsAndIncomplete));
    // A true signature around another manifest.
    let signed = bucket(Some(&signer(1))).await;
    let mut other = Statement::read(&get(&signed, &place(RUN, manifest::MANIFEST)).await).unwrap();
    other.predicate.exit_code = 0;
    put(&signed, &place(RUN, manifest::MANIFEST), other.bytes().unwrap()).await;
    let result = verified(&signed, RUN, &[signer(1).public().clone()]).await;
    assert!(shown(&result).contains(&"INVALID manifest".to_owned()), "{:?}", shown(&result));
    assert_eq!(result.said.as_ref().map(|said| said.exit_code), Some(4), "what was signed is believed");
    // And signed again with a key that only the archive has.
    let forged = Envelope::sign(&other.bytes().unwrap(), &signer(9)).await.unwrap();
    put(&signed, &place(RUN, manifest::ENVELOPE), forged.bytes().unwrap()).await;
    assert!(matches!(verified(&signed, RUN, &[]).await.exit(), Exit::Findings | Exit::FindingsAndIncomplete));
}

#[tokio::test]
async fn whatever_is_gone_or_was_added_is_named() {
    let signed = bucket(Some(&signer(1))).await;
    let trusted = [signer(1).public().clone()];
    let files = keys_under(&signed, &place(RUN, "")).await;
    assert_eq!(files.len(), 6, "{files:?}");
    let evidence = keys_under(&signed, AUDIT).await;
    for key in files.iter().chain(&evidence).chain([&place(RUNS[0], manifest::MANIFEST)]) {
        let result = verified(&without(&signed, key).await, RUN, &trusted).await;
        assert!(matches!(result.exit(), Exit::Findings | Exit::FindingsAndIncomplete), "{key}: {}", render::text(&result));
        let missing = result.objects.iter().any(|one| one.place == *key && one.state == "MISSING");
        assert!(missing, "{key}: {}", render::text(&result));
    }
    put(&signed, &place(RUN, "report2.html"), b"planted".to_vec()).await;
    assert_eq!(shown(&verified(&signed, RUN, &trusted).await), ["ORPHAN output"]);
}

#[tokio::test]
async fn a_run_before_that_was_rewritten_is_found_even_without_signatures() {
    let unsigned = bucket(None).await;
    for run in RUNS {
        let changed = without(&unsigned, "").await;
        let mut statement = Statement::read(&get(&changed, &place(run, manifest::MANIFEST)).await).unwrap();
        statement.predicate.exit_code = 0;
        put(&changed, &place(run, manifest::MANIFEST), statement.bytes().unwrap()).await;
        let result = verified(&changed, RUN, &[]).await;
        assert!(shown(&result).contains(&"INVALID chain".to_owned()), "{run}: {:?}", shown(&result));
    }
    // A run that was put in beside the chain.
    let planted = without(&unsigned, "").await;
    let run = "20261002T050000Z-00000003";
    let mut statement = Statement::read(&get(&planted, &place(RUN, manifest::MANIFEST)).await).unwrap();
    statement.predicate.run = run.to_owned();
    put(&planted, &place(run, manifest::MANIFEST), statement.bytes().unwrap()).await;
    assert!(shown(&verified(&planted, run, &[]).await).contains(&"ORPHAN chain".to_owned()));
}

#[tokio::test]
async fn a_run_that_is_not_there_is_no_tampering() {
    let bucket = bucket(None).await;
    let collected = "20261002T060000Z-00000004";
    put(&bucket, &place(collected, "run.json"), b"{\"result\": {\"exit_code\": null}}".to_vec()).await;
    let bucket = bucket as Arc<dyn Bucket>;
    let of =
        async |run: &str| verify(&bucket, &Asked { run, keys: &[], roots: None, part: None, replay: None }).await.unwrap_err();
    assert!(matches!(of("20261002T070000Z-00000005").await, RunVerifyError::NoSuchRun(_)));
    assert!(matches!(of(collected).await, RunVerifyError::NotJudged(_)));
    assert!(matches!(of("../evidence").await, RunVerifyError::Id(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_changed_byte_of_any_file_of_a_run_is_found(file in 0_usize..26, at in any::<prop::sample::Index>(), flip in 1_u8..) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            static SIGNED: OnceCell<Arc<Memory>> = OnceCell::const_new();
            let signed = SIGNED.get_or_init(async || bucket(Some(&signer(1))).await).await;
            let signed = without(signed, "").await;
            let mut keys = keys_under(&signed, &place(RUN, "")).await;
            keys.push(manifest::archived_key(signer(1).public().keyid()));
            keys.extend(keys_under(&signed, AUDIT).await);
            keys.push(place(RUNS[0], manifest::MANIFEST));
            prop_assert_eq!(keys.len(), 26);
            let mut bytes = get(&signed, &keys[file]).await;
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            put(&signed, &keys[file], bytes).await;
            let result = verified(&signed, RUN, &[]).await;
            let found = matches!(result.exit(), Exit::Findings | Exit::FindingsAndIncomplete);
            prop_assert!(found, "{} at {at}: {}", keys[file], render::text(&result));
            Ok(())
        })?;
    }
}
