//! The conformance suite on the buckets of this crate.

use assize_bucket::conformance::{self, CLIMBING_KEYS};
use assize_bucket::{Bucket, LocalFolder, Memory, Metadata, PutCondition, PutOutcome};

async fn takes_climbing_keys(bucket: &dyn Bucket) {
    for key in CLIMBING_KEYS {
        let put = bucket.put(key, b"again".to_vec(), Metadata::new(), PutCondition::IfAbsent).await;
        assert!(matches!(put, Ok(PutOutcome::PreconditionFailed)), "{key} was stored by the suite");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_conforms() {
    let bucket = Memory::new();
    conformance::run(&bucket).await;
    takes_climbing_keys(&bucket).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_folder_conforms() {
    let parent = tempfile::tempdir().unwrap();
    let bucket = LocalFolder::create(parent.path().join("new/bucket")).unwrap();
    conformance::run(&bucket).await;
    takes_climbing_keys(&bucket).await;
    let beside: Vec<_> = std::fs::read_dir(parent.path().join("new")).unwrap().collect();
    assert_eq!(beside.len(), 1, "nothing was written outside the folder");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_folder_that_does_not_wait_for_the_disk_conforms() {
    let parent = tempfile::tempdir().unwrap();
    let bucket = LocalFolder::create(parent.path()).unwrap().without_flushing();
    conformance::run(&bucket).await;
}
