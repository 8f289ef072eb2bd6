//! A policy that comes later judges what is kept, and then all is as if it had been there from the beginning.

use std::sync::Arc;

use assize_bucket::faulty::{Fault, Faulty};
use assize_bucket::{Bucket, Memory};
use assize_engine::layout::Folder;
use assize_engine::partial::Partial;
use assize_engine::policy::Policy;
use futures::TryStreamExt;
use serde_json::{Value, json};

use super::super::CollectError;
use super::super::backfill::{Amount, Backfilled, Missing, backfill, missing};
use super::scene::{AS_OF, DAY, Scene, key, loaded, log, matching, record};
use crate::config::Mode;
use crate::state::{View, sha256};

/// Records of four days, delivered late, twice, and in two shapes of evidence.
async fn scene(mode: Mode) -> Scene {
    let scene = Scene::new(mode);
    let event = |id: &str, hour: i64, name: &str| record(id, hour * 3600, "iam.amazonaws.com", name, json!({"userName": id}));
    let network = |id: &str, hour: i64| {
        let mut event = event(id, hour, "DeleteUser");
        event["eventCategory"] = json!("NetworkActivity");
        event
    };
    let objects: [(i64, &str, Vec<Value>); 5] = [
        (2, "a", vec![event("1", 1, "CreateUser"), event("2", 1, "DeleteUser"), network("n", 1)]),
        (26, "b", vec![event("3", 25, "DeleteUser"), event("2", 1, "DeleteUser")]),
        (27, "c", vec![event("4", 20, "ListUsers"), network("m", 26)]),
        (50, "d", vec![event("5", 49, "DeleteUser"), event("3", 25, "DeleteUser")]),
        (75, "e", vec![event("6", 74, "CreateUser"), event("6", 74, "CreateUser"), event("7", 74, "DeleteUser")]),
    ];
    for (hour, name, records) in objects {
        scene.store.put_object(&key(Folder::CloudTrail, hour * 3600, name), log(&records)).await;
    }
    scene
        .store
        .put_object(&key(Folder::Digest, 3 * 3600, "digest"), br#"{"digestStartTime": "", "logFiles": []}"#.to_vec())
        .await;
    scene
}

/// The time of the runs: after the last object.
const NOW: i64 = AS_OF + 3 * 86_400;

/// One that counts a population of its own.
fn deletes() -> Policy {
    loaded(
        "id: deleted\ntitle: Deleted\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\n\
         detection: {it: {eventName: DeleteUser}, condition: it}\npopulation: {eventName|endswith: User}\n",
    )
}

/// Hour by hour for the scene's policies: what was found, and who has not judged it.
async fn results(scene: &Scene) -> Vec<(i64, Partial, Vec<usize>)> {
    let view = View::open(Arc::clone(&scene.audit)).await.unwrap();
    let hours = view.results(i64::MIN..i64::MAX, &scene.hashes()).map_ok(|mut hour| {
        for policy in &mut hour.partial.policies {
            policy.groups.values_mut().for_each(|hits| hits.sort());
            policy.not_evaluable.sort();
        }
        (hour.hour, hour.partial, hour.missing)
    });
    hours.try_collect().await.unwrap()
}

async fn run_backfill(scene: &Scene) -> Result<(Missing, Backfilled), CollectError> {
    let mut state = scene.open(NOW).await?;
    let collector = scene.collector(NOW);
    let missing = missing(&state.view(), &collector.policy_hashes, i64::MIN).await?;
    let done = backfill(&collector, &mut state, &missing, &|_, _, _| ()).await?;
    state.finish(&json!({})).await?;
    Ok((missing, done))
}

/// The same source with the policies from the beginning.
async fn from_the_beginning(scene: &Scene, policies: &[Policy]) -> Scene {
    let whole = Scene { policies: policies.to_vec(), ..scene.with_audit(Arc::new(Memory::new())) };
    whole.run(NOW).await.unwrap();
    whole
}

#[tokio::test]
async fn afterwards_all_is_as_if_the_policy_had_always_been_there() {
    for mode in [Mode::Copy, Mode::InPlace] {
        let mut scene = scene(mode).await;
        scene.run(NOW).await.unwrap();
        let policies = [matching("CreateUser"), deletes(), matching("ListUsers")];
        let whole = from_the_beginning(&scene, &policies).await;
        scene.policies = policies.to_vec();
        let before = results(&scene).await;
        assert!(before.iter().any(|(_, _, missing)| *missing == [1, 2]));
        let (missing, done) = run_backfill(&scene).await.unwrap();
        assert_eq!((missing.days.keys().copied().collect::<Vec<_>>(), missing.policies), ((DAY..DAY + 4).collect(), 2));
        assert_eq!((done.days, done.days_left, done.done.objects), (4, 0, 5), "the digest holds no records");
        assert_eq!(results(&scene).await, results(&whole).await);
        assert_eq!(scene.evidence().await, whole.evidence().await);
        let (again, done) = run_backfill(&scene).await.unwrap();
        assert_eq!((again.total(), again.policies, done.days), (Amount::default(), 0, 0));
    }
}

#[tokio::test]
async fn killed_at_every_write_it_goes_on_where_it_was() {
    let scene = scene(Mode::InPlace).await;
    let policies = [matching("CreateUser"), deletes()];
    let whole = results(&from_the_beginning(&scene, &policies).await).await;
    let prepared = async |bucket: Arc<dyn Bucket>| {
        let mut prepared = scene.with_audit(bucket);
        prepared.run(NOW).await.unwrap();
        prepared.policies = policies.to_vec();
        prepared
    };
    let faulty = Arc::new(Faulty::new(Arc::new(Memory::new())));
    let undisturbed = prepared(Arc::clone(&faulty) as Arc<dyn Bucket>).await;
    let first = faulty.puts();
    run_backfill(&undisturbed).await.unwrap();
    let puts = faulty.puts() - first;
    assert!(puts >= 10, "{puts}");
    for put in 1..=puts {
        for fault in [Fault::KilledBefore, Fault::KilledAfter] {
            let memory: Arc<dyn Bucket> = Arc::new(Memory::new());
            let prepared = prepared(Arc::clone(&memory)).await;
            let killed = prepared.with_audit(Arc::new(Faulty::new(Arc::clone(&memory)).at_put(put, fault)));
            assert!(run_backfill(&killed).await.is_err(), "put {put}");
            let again = prepared.with_audit(memory);
            again.runs.set(5);
            run_backfill(&again).await.unwrap();
            assert_eq!(results(&again).await, whole, "put {put}, {fault:?}");
        }
    }
}

#[tokio::test]
async fn what_was_replaced_in_place_is_read_by_its_version() {
    let mut scene = scene(Mode::InPlace).await;
    scene.run(NOW).await.unwrap();
    let policies = [matching("CreateUser"), deletes()];
    let whole = from_the_beginning(&scene, &policies).await;
    scene.policies = policies.to_vec();
    scene.store.put_object(&key(Folder::CloudTrail, 26 * 3600, "b"), b"something else".to_vec()).await;
    run_backfill(&scene).await.unwrap();
    assert_eq!(results(&scene).await, results(&whole).await);
}

#[tokio::test]
async fn what_cannot_be_read_again_leaves_its_day() {
    let mut scene = scene(Mode::Copy).await;
    scene.run(NOW).await.unwrap();
    scene.policies.push(deletes());
    let broken = scene.rows().await.into_iter().find(|row| row.key.contains("000b.json")).unwrap().evidence_key.unwrap();
    let good = scene.audit.get(&broken, None).await.unwrap();
    let put = async |bytes: &[u8]| {
        let (bytes, always) = (bytes.to_vec(), assize_bucket::PutCondition::Always);
        scene.audit.put(&broken, bytes, good.metadata.clone(), always).await.unwrap();
    };
    put(b"altered").await;
    let (_, done) = run_backfill(&scene).await.unwrap();
    assert_eq!((done.days, done.days_left, done.unreadable.len()), (3, 1, 1));
    assert!(done.unreadable[0].1.contains("other bytes"), "{:?}", done.unreadable);
    assert!(results(&scene).await.iter().any(|(_, _, missing)| *missing == [1]));
    put(&good.bytes).await;
    assert_eq!(sha256(&good.bytes), sha256(&scene.audit.get(&broken, None).await.unwrap().bytes));
    let (missing, done) = run_backfill(&scene).await.unwrap();
    assert_eq!((missing.days.len(), done.days, done.days_left), (1, 1, 0));
    assert!(results(&scene).await.iter().all(|(_, _, missing)| missing.is_empty()));
}

#[tokio::test]
async fn a_run_that_is_to_stop_says_what_is_left() {
    let mut scene = scene(Mode::Copy).await;
    scene.run(NOW).await.unwrap();
    scene.policies.push(deletes());
    let mut state = scene.open(NOW).await.unwrap();
    let collector = scene.collector(NOW);
    let missing = missing(&state.view(), &collector.policy_hashes, DAY + 1).await.unwrap();
    assert_eq!(missing.days.len(), 3, "from a day on");
    let stop = Arc::clone(&collector.stop);
    // After the first day.
    let done = backfill(&collector, &mut state, &missing, &move |_, _, _| stop.ask()).await.unwrap();
    assert_eq!((done.days, done.days_left, done.stopped), (1, 2, Some("it was asked to stop")));
}
