//! A source that is read in place: version ids in the ledger, digests and what is behind findings in the audit bucket.

use std::sync::Arc;

use assize_bucket::faulty::{Fault, Faulty};
use assize_bucket::{Bucket, Memory};
use assize_engine::layout::Folder;
use serde_json::json;

use super::scene::{AS_OF, Scene, key, log, record};
use crate::config::Mode;
use crate::state::RowStatus;

/// One object that a policy matches, one that none does, and a digest.
async fn scene() -> (Scene, [String; 3]) {
    let scene = Scene::new(Mode::InPlace);
    let keys =
        [key(Folder::CloudTrail, 3_600, "found"), key(Folder::CloudTrail, 7_200, "quiet"), key(Folder::Digest, 7_300, "digest")];
    let found = record("e1", 3_000, "iam.amazonaws.com", "CreateUser", json!({"userName": "a"}));
    let quiet = record("e2", 7_000, "iam.amazonaws.com", "ListUsers", json!(null));
    scene.store.put_object(&keys[0], log(&[found])).await;
    scene.store.put_object(&keys[1], log(&[quiet])).await;
    scene.store.put_object(&keys[2], br#"{"digestStartTime": "2026-11-01T00:00:00Z", "logFiles": []}"#.to_vec()).await;
    (scene, keys)
}

fn copy(key: &str) -> String {
    format!("evidence/aws/logs/{key}")
}

#[tokio::test]
async fn versions_are_noted_and_only_what_proves_or_was_found_is_copied() {
    let (scene, [found, quiet, digest]) = scene().await;
    let (outcome, _) = scene.run(AS_OF).await.unwrap();
    assert_eq!((outcome.objects.taken, outcome.objects.balanced()), (3, true));
    let rows = scene.rows().await;
    assert!(rows.iter().all(|row| row.version_id.as_deref() == Some("v1")), "{rows:?}");
    let kept = scene.evidence().await;
    let mut expected = [copy(&found), copy(&digest)];
    expected.sort();
    assert_eq!(kept.keys().cloned().collect::<Vec<_>>(), expected);
    let copies: Vec<bool> = [&found, &quiet, &digest]
        .map(|key| rows.iter().find(|row| row.key == **key).unwrap().evidence_key == Some(copy(key)))
        .to_vec();
    assert_eq!(copies, [true, false, true]);
    scene.store.read();
    let (again, _) = scene.run(AS_OF + 3600).await.unwrap();
    assert_eq!((again.objects.taken, again.objects.already), (0, 3));
    assert!(scene.store.read().is_empty());
    assert_eq!(scene.evidence().await, kept);
}

#[tokio::test]
async fn a_replaced_object_is_kept_beside_the_first() {
    let (scene, [found, ..]) = scene().await;
    scene.run(AS_OF).await.unwrap();
    scene.store.put_object(&found, log(&[])).await;
    let (outcome, _) = scene.run(AS_OF + 3600).await.unwrap();
    assert_eq!(outcome.objects.taken, 1);
    let row = scene.rows().await.into_iter().find(|row| row.status == RowStatus::Replaced).unwrap();
    assert_eq!(row.version_id.as_deref(), Some("v2"));
    assert_eq!(row.evidence_key, Some(format!("{}@{}", copy(&found), row.stored_sha256)));
    assert_eq!(scene.evidence().await.len(), 3);
}

#[tokio::test]
async fn killed_at_every_write_it_ends_as_if_nothing_had_happened() {
    let (scene, _) = scene().await;
    let faulty = Arc::new(Faulty::new(Arc::new(Memory::new())));
    let undisturbed = scene.with_audit(Arc::clone(&faulty) as Arc<dyn Bucket>);
    undisturbed.run(AS_OF).await.unwrap();
    let (rows, evidence) = (undisturbed.rows().await, undisturbed.evidence().await);
    for put in 1..=faulty.puts() {
        for fault in [Fault::KilledBefore, Fault::KilledAfter] {
            let memory: Arc<dyn Bucket> = Arc::new(Memory::new());
            let killed = scene.with_audit(Arc::new(Faulty::new(Arc::clone(&memory)).at_put(put, fault)));
            assert!(killed.run(AS_OF).await.is_err(), "put {put}");
            let again = scene.with_audit(memory);
            again.runs.set(1);
            again.run(AS_OF).await.unwrap();
            assert_eq!(again.rows().await, rows, "put {put}, {fault:?}");
            assert_eq!(again.evidence().await, evidence, "put {put}, {fault:?}");
        }
    }
}
