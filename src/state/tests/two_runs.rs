//! Two runs at once: the one that started last may write, the other is told so, and nothing is there twice.

use assize_bucket::faulty::Fault;
use assize_bucket::faulty::Faulty;
use futures::future;
use serde_json::json;

use super::super::*;
use super::script::{batch, collect, expected, folder, identity, memory, open, take, told};

#[tokio::test]
async fn the_newest_run_wins() {
    for (bucket, _folder) in [(memory(), None), {
        let (bucket, folder) = folder();
        (bucket, Some(folder))
    }] {
        let mut old = open(&bucket, 0).await.unwrap();
        old.commit(batch(&[0, 1])).await.unwrap();
        let mut new = open(&bucket, 1).await.unwrap();
        assert_eq!(new.abandoned(), [AbandonedRun { run_id: "run-0".to_owned(), as_of: 1_790_000_000 }]);

        let error = old.commit(batch(&[2, 3])).await.unwrap_err();
        assert!(matches!(&error, StateError::Fenced { run, by } if run == "run-0" && by == "run-1"), "{error}");
        // It stays so, however often it tries.
        assert!(matches!(old.commit(batch(&[2, 3])).await, Err(StateError::Fenced { .. })));
        assert!(matches!(old.compact(Compaction::All).await, Err(StateError::Fenced { .. })));
        assert!(matches!(old.finish(&json!({})).await, Err(StateError::Fenced { .. })));
        assert!(!exists(&*bucket, "runs/run-0/run.json").await.unwrap());

        assert_eq!(take(&mut new, 6, 2).await.unwrap(), 4);
        new.finish(&json!({})).await.unwrap();
        assert_eq!(told(&View::open(bucket).await.unwrap()).await.unwrap(), expected(6));
    }
}

#[tokio::test]
async fn another_run_between_any_two_writes_takes_over() {
    let objects = 12;
    let faulty = Arc::new(Faulty::new(memory()));
    let bucket: Arc<dyn Bucket> = faulty.clone();
    collect(&bucket, 0, objects, 2).await.unwrap();
    for put in 1..=faulty.puts() {
        let inner = memory();
        let faulty = Arc::new(Faulty::new(Arc::clone(&inner)));
        let held = faulty.hold_put(put);
        let slow: Arc<dyn Bucket> = faulty;
        let meanwhile = async {
            let go = held.arrived().await;
            collect(&inner, 1, objects, 3).await.unwrap();
            go();
        };
        let (slow, ()) = future::join(collect(&slow, 0, objects, 2), meanwhile).await;
        // The first put is the taking over itself: whoever writes that last is the newest.
        match slow {
            Ok(()) => assert_eq!(put, 1),
            Err(StateError::Fenced { by, .. }) => assert_eq!(by, "run-1"),
            Err(error) => panic!("put {put}: {error}"),
        }
        assert_eq!(told(&View::open(inner).await.unwrap()).await.unwrap(), expected(objects), "put {put}");
    }
}

#[tokio::test]
async fn two_processes_with_one_run_id_are_told_apart() {
    let inner = memory();
    let faulty = Arc::new(Faulty::new(Arc::clone(&inner)));
    let held = faulty.hold_put(1);
    let slow: Arc<dyn Bucket> = faulty;
    let meanwhile = async {
        let go = held.arrived().await;
        let other = open(&inner, 0).await.unwrap();
        go();
        other
    };
    let (slow, mut other) = future::join(open(&slow, 0), meanwhile).await;
    let mut slow = slow.unwrap();
    assert_eq!(slow.run(), &identity(0));
    assert_eq!(slow.abandoned(), [], "a run that is started again goes on");
    assert!(matches!(other.commit(batch(&[0])).await, Err(StateError::Fenced { .. })));
    take(&mut slow, 3, 2).await.unwrap();
    assert_eq!(told(&slow.view()).await.unwrap(), expected(3));
}

#[tokio::test]
async fn many_runs_at_once_leave_one_whole_state() {
    let bucket = memory();
    let runs: Vec<_> = (0..6)
        .map(|run| {
            let bucket = Arc::clone(&bucket);
            tokio::spawn(async move { collect(&bucket, run, 10, 2).await })
        })
        .collect();
    let ended = future::join_all(runs).await;
    assert!(ended.iter().any(|ended| matches!(ended, Ok(Ok(())))));
    for ended in ended {
        assert!(matches!(ended.unwrap(), Ok(()) | Err(StateError::Fenced { .. })));
    }
    collect(&bucket, 9, 10, 2).await.unwrap();
    assert_eq!(told(&View::open(bucket).await.unwrap()).await.unwrap(), expected(10));
}

#[tokio::test]
async fn run_ids_are_used_once_and_fit_into_keys() {
    let bucket = memory();
    collect(&bucket, 0, 1, 1).await.unwrap();
    assert!(matches!(open(&bucket, 0).await, Err(StateError::RunExists { .. })));
    for bad in ["", ".", "..", "a/b", "a b", "läuft", &"x".repeat(101)] {
        let run = RunIdentity { run_id: bad.to_owned(), ..identity(1) };
        assert!(matches!(State::open(Arc::clone(&bucket), run, None).await, Err(StateError::Invalid { .. })), "{bad}");
    }
}

#[tokio::test]
async fn a_record_of_a_run_is_written_once() {
    let bucket = memory();
    let (first, second) = (open(&bucket, 0).await.unwrap(), json!({"books": "balanced"}));
    let text = to_json(&second).unwrap();
    bucket.put("runs/run-0/run.json", text, Metadata::new(), PutCondition::IfAbsent).await.unwrap();
    assert!(matches!(first.finish(&json!({"books": "other"})).await, Err(StateError::RunExists { .. })));
    let again = Arc::new(Faulty::new(Arc::clone(&bucket)).at_put(2, Fault::SentTwice));
    let bucket: Arc<dyn Bucket> = again;
    open(&bucket, 1).await.unwrap().finish(&second).await.unwrap();
}
