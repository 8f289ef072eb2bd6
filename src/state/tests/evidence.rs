//! Evidence is kept once, beside what it differs from, and under a key that leads nowhere else.

use assize_bucket::MAX_KEY_BYTES;
use assize_bucket::faulty::{Fault, Faulty};
use proptest::prelude::*;

use super::super::*;
use super::script::{folder, memory};

fn metadata(signature: &str) -> Metadata {
    Metadata::from([("signature".to_owned(), signature.to_owned())])
}

#[tokio::test]
async fn what_is_there_stays_and_what_differs_goes_beside_it() {
    for (bucket, _folder) in [(memory(), None), {
        let (bucket, folder) = folder();
        (bucket, Some(folder))
    }] {
        let key = evidence_key("aws", "trail", "AWSLogs/1/a.json.gz");
        assert_eq!(key, "evidence/aws/trail/AWSLogs/1/a.json.gz");
        let keep = async |bytes: &[u8], signature: &str| keep(&*bucket, &key, bytes.to_vec(), metadata(signature)).await.unwrap();
        assert_eq!(keep(b"one", "s").await, Kept::Stored);
        assert_eq!(keep(b"one", "s").await, Kept::AlreadyThere);
        let two = format!("{key}@3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3");
        assert_eq!(keep(b"two", "s").await, Kept::Replaced { key: two.clone() });
        assert_eq!(keep(b"two", "s").await, Kept::Replaced { key: two.clone() });
        // Other metadata under known bytes are other evidence too: they hold the signature of a digest.
        let Kept::Replaced { key: other } = keep(b"one", "t").await else { panic!("it must not be taken for the same") };
        let Kept::Replaced { key: third } = keep(b"two", "t").await else { panic!("it must not be taken for the same") };
        for (key, bytes, signature) in [(&key, b"one", "s"), (&two, b"two", "s"), (&other, b"one", "t"), (&third, b"two", "t")] {
            let object = bucket.get(key, None).await.unwrap();
            assert_eq!((object.bytes.as_slice(), object.metadata), (bytes.as_slice(), metadata(signature)));
        }
        assert_eq!(keep(b"one", "t").await, Kept::Replaced { key: other });
    }
}

#[tokio::test]
async fn keeping_survives_every_fault() {
    for fault in [Fault::KilledBefore, Fault::KilledAfter, Fault::Failed, Fault::AnswerLost, Fault::SentTwice, Fault::Conflict] {
        for put in 1..=2 {
            let inner = memory();
            let faulty = Faulty::new(Arc::clone(&inner)).at_put(put, fault);
            for bytes in [b"one", b"two"] {
                keep(&faulty, "evidence/aws/b/k", bytes.to_vec(), Metadata::new()).await.ok();
            }
            keep(&*inner, "evidence/aws/b/k", b"one".to_vec(), Metadata::new()).await.unwrap();
            keep(&*inner, "evidence/aws/b/k", b"two".to_vec(), Metadata::new()).await.unwrap();
            let mut there = Vec::new();
            let mut keys = inner.list("evidence/", None);
            while let Some(entry) = futures::stream::StreamExt::next(&mut keys).await {
                there.push(inner.get(&entry.unwrap().key, None).await.unwrap().bytes);
            }
            there.sort();
            assert_eq!(there, [b"one", b"two"], "put {put}, {fault:?}");
        }
    }
}

#[test]
fn keys_that_cannot_stand_as_they_are_are_hashed() {
    let digest = "a".repeat(64);
    let room = "k".repeat(MAX_KEY_BYTES - 65 - "evidence/aws/b/".len());
    for key in [&room, "a//b", "a@b", ".../..a", "日本", &format!("a@{}", "g".repeat(64))] {
        assert_eq!(evidence_key("aws", "b", key), format!("evidence/aws/b/{key}"));
    }
    let mut hashed = Vec::new();
    for key in [&format!("{room}k"), "../../head", "a/./b", "..", &format!("a@{digest}"), &format!("a@{}", digest.to_uppercase())]
    {
        let key = evidence_key("aws", "b", key);
        assert!(key.starts_with("evidence/_hashed/") && key.len() == 81, "{key}");
        hashed.push(key);
    }
    hashed.push(evidence_key("aws", "c", "../../head"));
    hashed.push(evidence_key("aws-cn", "b", "../../head"));
    hashed.sort();
    let count = hashed.len();
    hashed.dedup();
    assert_eq!(hashed.len(), count);
}

proptest! {
    #[test]
    fn every_key_has_a_place_with_room_for_a_change(key in "\\PC{1,300}", steps in prop::collection::vec("[.a@/]{1,4}", 0..6)) {
        let key = format!("{key}{}", steps.join("/"));
        let place = evidence_key("aws-us-gov", "a-bucket", &key);
        prop_assert!(place.len() + 65 <= MAX_KEY_BYTES);
        prop_assert!(place.starts_with("evidence/") && place.split('/').all(|step| step != ".." && step != "."));
    }
}
