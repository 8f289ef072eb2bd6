//! Runs with a time stamp, whole and tampered with, and runs that got none.

use std::sync::Arc;

use assize_bucket::{Bucket, Memory, Metadata, PutCondition};

use super::super::outcome::{RunVerified, Vouched};
use super::super::{Asked, render, verify};
use super::*;
use crate::bundle;
use crate::exit::Exit;
use crate::manifest::key::tests::signer;
use crate::manifest::place;
use crate::manifest::time_stamp::tests::{Manner, Openssl, serve};
use crate::run::manifest::example::{RUNS, bucket, stamped_bucket};
use crate::run::time_stamp::Authority;
use crate::verify::keys::PublicKeys;

const RUN: &str = RUNS[1];

async fn stamped(authority: &Arc<Openssl>, manner: Manner) -> Arc<Memory> {
    let url = serve(Arc::clone(authority), manner);
    stamped_bucket(Some(&signer(1)), Some(&Authority::at(&url, authority.roots()))).await
}

async fn verified(bucket: &Arc<Memory>, roots: Option<&Roots>) -> RunVerified {
    let bucket = Arc::clone(bucket) as Arc<dyn Bucket>;
    let keys = [signer(1).public().clone()];
    verify(&bucket, &Asked { run: RUN, keys: &keys, roots, part: None, replay: None }).await.unwrap()
}

async fn get(bucket: &Memory, file: &str) -> Vec<u8> {
    bucket.get(&place(RUN, file), None).await.unwrap().bytes
}

async fn with(bucket: &Arc<Memory>, change: impl Fn(&str, Vec<u8>) -> Option<Vec<u8>>) -> Arc<Memory> {
    use futures::TryStreamExt;
    let copy = Arc::new(Memory::new());
    let entries: Vec<_> = bucket.list("", None).try_collect().await.unwrap();
    for entry in entries {
        let object = bucket.get(&entry.key, None).await.unwrap();
        if let Some(bytes) = change(&entry.key, object.bytes) {
            copy.put(&entry.key, bytes, object.metadata, PutCondition::Always).await.unwrap();
        }
    }
    copy
}

fn shown(verified: &RunVerified) -> Vec<String> {
    verified.objects.iter().map(|one| format!("{} {}", one.state, one.kind)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_stamp_is_proven_under_given_roots_and_vouches_for_itself_under_the_kept_one() {
    let authority = Arc::new(Openssl::new());
    let bucket = stamped(&authority, Manner::Answer).await;
    let (query, answer) = (get(&bucket, QUERY).await, get(&bucket, ANSWER).await);
    assert!(authority.believes(&query, &answer), "what is kept is what openssl reads");
    assert_eq!(get(&bucket, ROOT).await, std::fs::read(authority.root_file()).unwrap());
    let roots = authority.roots();
    let result = verified(&bucket, Some(&roots)).await;
    assert_eq!(result.exit(), Exit::Clean, "{}", render::text(&result));
    let stamp = result.time_stamp.as_ref().unwrap();
    assert_eq!((stamp.vouched, stamp.authority.as_str()), (Vouched::Given, "CN=time"));
    assert!(render::text(&result).contains(&format!("time stamp: VALID, the signed manifest was there at {}", stamp.time)));
    let alone = verified(&bucket, None).await;
    assert_eq!((alone.exit(), alone.time_stamp.as_ref().unwrap().vouched), (Exit::Incomplete, Vouched::Archive));
    assert!(render::text(&alone).contains("proves nothing against whoever may write there"), "{}", render::text(&alone));
    let other = verified(&bucket, Some(&Openssl::new().roots())).await;
    assert_eq!((shown(&other), other.exit()), (vec!["INVALID time-stamp".to_owned()], Exit::Findings));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bundle.tar.gz");
    assert_eq!(bundle::write(&*bucket, RUN, &file).await.unwrap().missing.len(), 0);
    let keys = [signer(1).public().clone()];
    let inside = bundle::verify::verify(&file, None, (&keys, Some(&roots)), PublicKeys::default()).await.unwrap();
    assert_eq!(inside.exit(), Exit::Clean, "{}", render::text(&inside));
    assert_eq!(inside.time_stamp.unwrap().vouched, Vouched::Given);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_stamp_that_was_taken_away_changed_or_added_is_named() {
    let authority = Arc::new(Openssl::new());
    let (whole, roots) = (stamped(&authority, Manner::Answer).await, authority.roots());
    for file in [QUERY, ANSWER, ROOT] {
        let without = with(&whole, |key, bytes| (key != place(RUN, file)).then_some(bytes)).await;
        let result = verified(&without, Some(&roots)).await;
        assert!(shown(&result).contains(&"MISSING time-stamp".to_owned()), "{file}: {:?}", shown(&result));
        let changed = with(&whole, |key, mut bytes| {
            let middle = bytes.len() / 2;
            if key == place(RUN, file) {
                bytes[middle] ^= 1;
            }
            Some(bytes)
        });
        let changed = changed.await;
        for roots in [Some(&roots), None] {
            assert_eq!(shown(&verified(&changed, roots).await), ["INVALID time-stamp"], "{file}");
        }
    }
    let without = with(&whole, |key, bytes| (!key.starts_with(&place(RUN, "time-stamp."))).then_some(bytes)).await;
    assert_eq!(shown(&verified(&without, None).await), ["MISSING time-stamp"]);
    // A refusal in its place is believed of nobody who may write there: it proves nothing, and is not clean.
    let claimed = Refusal { version: 1, run: RUN.to_owned(), authority: "a".to_owned(), reason: "it was away".to_owned() };
    let bytes = manifest::written(&claimed).unwrap();
    without.put(&place(RUN, REFUSAL), bytes.clone(), Metadata::new(), PutCondition::Always).await.unwrap();
    let result = verified(&without, Some(&roots)).await;
    assert_eq!((shown(&result), result.exit()), (vec!["UNVERIFIABLE time-stamp".to_owned()], Exit::Incomplete));
    whole.put(&place(RUN, REFUSAL), bytes, Metadata::new(), PutCondition::Always).await.unwrap();
    assert_eq!(shown(&verified(&whole, Some(&roots)).await), ["INVALID time-stamp"]);
    // A true one beside a run that asked for none, and roots for a run without.
    let plain = bucket(Some(&signer(1))).await;
    assert_eq!(shown(&verified(&plain, Some(&roots)).await), ["MISSING time-stamp"]);
    plain.put(&place(RUN, ANSWER), b"added".to_vec(), Metadata::new(), PutCondition::Always).await.unwrap();
    assert_eq!(shown(&verified(&plain, None).await), ["ORPHAN output"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_an_authority_does_the_run_is_kept_and_says_it() {
    let authority = Arc::new(Openssl::new());
    let manners = [
        (Manner::Text, "it is no time stamp"),
        (Manner::Other, "it is over other bytes"),
        (Manner::Refuse, "the authority refused (status 2: not"),
        (Manner::Fail, "it answered with status 400"),
    ];
    for (manner, why) in manners {
        let bucket = stamped(&authority, manner).await;
        let result = verified(&bucket, None).await;
        assert_eq!((result.signature, shown(&result)), ("VALID", vec!["UNVERIFIABLE time-stamp".to_owned()]), "{manner:?}");
        assert!(result.objects[0].why.contains(why), "{manner:?}: {}", result.objects[0].why);
        assert_eq!(result.exit(), Exit::Incomplete);
        assert!(!render::text(&result).contains('\u{1b}'), "{}", render::text(&result));
    }
}
