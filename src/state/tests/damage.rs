//! Damaged objects are errors that name the object and say what to do; nothing panics, and no lie about a size is believed.

use assize_bucket::faulty::Faulty;
use futures::stream::TryStreamExt as _;
use proptest::prelude::*;
use serde_json::json;

use super::super::*;
use super::script::{batch, collect, expected, memory, open, told};

/// A bucket with a compacted segment of each kind and a few batches.
async fn state_of(objects: u64) -> Arc<dyn Bucket> {
    let bucket = memory();
    collect(&bucket, 0, objects, 2).await.unwrap();
    bucket
}

async fn keys(bucket: &Arc<dyn Bucket>) -> Vec<String> {
    let entries: Vec<assize_bucket::Entry> = bucket.list("", None).try_collect().await.unwrap();
    entries.into_iter().map(|entry| entry.key).filter(|key| !key.starts_with("runs/")).collect()
}

async fn replace(bucket: &Arc<dyn Bucket>, key: &str, bytes: Vec<u8>) {
    bucket.put(key, bytes, Metadata::new(), PutCondition::Always).await.unwrap();
}

/// Everything that reads: the whole state, and a compaction of all of it.
async fn read_all(bucket: &Arc<dyn Bucket>) -> Result<super::script::Told, StateError> {
    let all = told(&View::open(Arc::clone(bucket)).await?).await?;
    let mut state = open(bucket, 7).await?;
    state.compact(Compaction::All).await?;
    Ok(all)
}

#[derive(Clone, Debug)]
enum Harm {
    Flip(usize, u8),
    Cut(usize),
    Append(Vec<u8>),
    Empty,
}

impl Harm {
    fn done_to(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        match self {
            Harm::Flip(at, with) => {
                let at = at % bytes.len();
                bytes[at] ^= with.max(&1);
            }
            Harm::Cut(at) => bytes.truncate(at % bytes.len()),
            Harm::Append(more) => bytes.extend_from_slice(more),
            Harm::Empty => bytes.clear(),
        }
        bytes
    }
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        4 => (any::<usize>(), any::<u8>()).prop_map(|(at, with)| Harm::Flip(at, with)),
        2 => any::<usize>().prop_map(Harm::Cut),
        1 => prop::collection::vec(any::<u8>(), 1..40).prop_map(Harm::Append),
        1 => Just(Harm::Empty),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damage_is_an_error_that_names_the_object(which in any::<usize>(), harm in harm()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let bucket = state_of(9).await;
            let keys = keys(&bucket).await;
            let key = &keys[which % keys.len()];
            let bytes = bucket.get(key, None).await.unwrap().bytes;
            replace(&bucket, key, harm.done_to(bytes)).await;
            match read_all(&bucket).await {
                // An orphan, or a change that a head can bear, such as a space.
                Ok(all) => assert!(key == "head" || all == expected(9), "{key}"),
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.contains("segments/") || text.contains("head"), "{text}");
                    assert!(text.contains(';'), "it says what to do: {text}");
                }
            }
        });
    }

    /// Past the checksums: what a writer with the right to forge them could do.
    #[test]
    fn forged_contents_do_not_panic(harms in prop::collection::vec(harm(), 1..4), digits in prop::bool::ANY) {
        let set = results::PolicySet::of(&super::script::policies()).unwrap();
        let partial = &batch(&[0, 1, 2]).results.hours.remove(&(20_700 * 24 + 1)).unwrap().partial;
        let mut bytes = results::encode(partial, &set, false).unwrap();
        for harm in &harms {
            bytes = harm.done_to(if bytes.is_empty() { b"{}".to_vec() } else { bytes });
        }
        if digits {
            // Numbers as large as they get.
            bytes = String::from_utf8_lossy(&bytes).replace(":1", ":18446744073709551615").into_bytes();
        }
        results::forged(&bytes, &set);
        segment::forged(&bytes);
    }
}

#[tokio::test]
async fn a_missing_segment_is_named() {
    let bucket = memory();
    let elsewhere = state_of(4).await;
    let head = elsewhere.get("head", None).await.unwrap().bytes;
    replace(&bucket, "head", head).await;
    let error = read_all(&bucket).await.unwrap_err().to_string();
    assert!(error.contains("segments/0000000001-run-0-00000"), "{error}");
}

#[tokio::test]
async fn every_cut_of_a_segment_and_of_the_head_is_noticed() {
    let bucket = memory();
    let mut state = open(&bucket, 0).await.unwrap();
    state.commit(batch(&[0])).await.unwrap();
    for key in keys(&bucket).await {
        let whole = bucket.get(&key, None).await.unwrap().bytes;
        // The last byte of a head is a line end.
        for length in (0..whole.len() - 1).step_by(13) {
            replace(&bucket, &key, whole[..length].to_vec()).await;
            let error = told(&View::open(Arc::clone(&bucket)).await.unwrap_or_else(|error| {
                assert!(error.to_string().contains(&key), "{error}");
                View::new(Arc::new(Segments::new(memory())), Vec::new(), Vec::new())
            }))
            .await;
            if let Err(error) = error {
                assert!(error.to_string().contains(&key), "{error}");
            } else {
                assert_eq!(key, "head");
            }
        }
        replace(&bucket, &key, whole).await;
    }
    assert_eq!(told(&state.view()).await.unwrap(), expected(1));
}

#[tokio::test]
async fn a_later_version_is_not_read_and_not_overwritten() {
    let bucket = state_of(4).await;
    let head = bucket.get("head", None).await.unwrap().bytes;
    let newer = String::from_utf8(head).unwrap().replacen("\"version\":1", "\"version\":2,\"more\":true", 1).into_bytes();
    replace(&bucket, "head", newer.clone()).await;
    let error = open(&bucket, 1).await.unwrap_err();
    assert!(matches!(&error, StateError::Newer { key, version: 2, known: 1 } if key == "head"), "{error}");
    assert_eq!(bucket.get("head", None).await.unwrap().bytes, newer);
}

#[tokio::test]
async fn a_key_that_is_not_in_this_version_of_the_head_is_an_error() {
    let bucket = state_of(2).await;
    let head = bucket.get("head", None).await.unwrap().bytes;
    let odd = String::from_utf8(head).unwrap().replacen("\"version\":1", "\"version\":1,\"more\":true", 1).into_bytes();
    replace(&bucket, "head", odd).await;
    let error = open(&bucket, 1).await.unwrap_err().to_string();
    assert!(error.contains("more") && error.contains("`head`"), "{error}");
}

#[tokio::test]
async fn reads_that_fail_are_errors() {
    let inner = state_of(9).await;
    let counting = Arc::new(Faulty::new(Arc::clone(&inner)));
    let bucket: Arc<dyn Bucket> = counting.clone();
    told(&View::open(bucket).await.unwrap()).await.unwrap();
    for read in (1..=counting.reads()).step_by(7) {
        let faulty = Faulty::new(Arc::clone(&inner)).at_read(read, assize_bucket::faulty::Fault::Failed);
        let bucket: Arc<dyn Bucket> = Arc::new(faulty);
        let read_all = async { told(&View::open(bucket).await?).await };
        assert!(matches!(read_all.await, Err(StateError::Bucket(_))), "read {read}");
    }
}

#[tokio::test]
async fn another_object_under_the_name_of_a_segment_is_an_error() {
    let bucket = memory();
    let mut state = open(&bucket, 0).await.unwrap();
    replace(&bucket, "segments/0000000001-run-0-000001", b"something else".to_vec()).await;
    let error = state.commit(batch(&[0])).await.unwrap_err().to_string();
    assert!(error.contains("segments/0000000001-run-0-000001"), "{error}");
    // Nothing was committed, and the next number is free.
    state.commit(batch(&[0])).await.unwrap();
    state.finish(&json!({})).await.unwrap();
    assert_eq!(read_all(&bucket).await.unwrap(), expected(1));
}
