//! Killed before and after every write in turn, and run again: the ledger and the results are those of one undisturbed run.

use assize_bucket::faulty::{Fault, Faulty};
use proptest::prelude::*;

use super::super::*;
use super::script::{collect, expected, folder, memory, open, told};

/// What a script needs in puts when nothing fails.
async fn puts_of(objects: u64, size: usize) -> u64 {
    let faulty = Arc::new(Faulty::new(memory()));
    let bucket: Arc<dyn Bucket> = faulty.clone();
    collect(&bucket, 0, objects, size).await.unwrap();
    assert_eq!(told(&View::open(bucket).await.unwrap()).await.unwrap(), expected(objects));
    faulty.puts()
}

/// Whether a run that had begun is marked, unless it had nothing left to do.
async fn is_accounted_for(bucket: &Arc<dyn Bucket>, run: usize) -> bool {
    let there = async |key: String| exists(&**bucket, &key).await.unwrap();
    let (finished, abandoned) =
        (there(format!("runs/run-{run}/run.json")).await, there(format!("runs/run-{run}/abandoned.json")).await);
    finished != abandoned
}

/// Runs the script with one fault, then without, on the same bucket.
async fn survives(inner: Arc<dyn Bucket>, put: u64, fault: Fault, (objects, size): (u64, usize)) {
    let faulty = Arc::new(Faulty::new(Arc::clone(&inner)).at_put(put, fault));
    let with_fault: Arc<dyn Bucket> = faulty.clone();
    let first = collect(&with_fault, 0, objects, size).await;
    let killed = matches!(fault, Fault::KilledBefore | Fault::KilledAfter);
    assert_eq!(first.is_err(), killed, "put {put}, {fault:?}: {first:?}");
    collect(&inner, 1, objects, size).await.unwrap();
    let view = View::open(Arc::clone(&inner)).await.unwrap();
    assert_eq!(told(&view).await.unwrap(), expected(objects), "put {put}, {fault:?}");
    let began = !(put == 1 && fault == Fault::KilledBefore);
    assert_eq!(is_accounted_for(&inner, 0).await, began, "put {put}, {fault:?}");
    assert!(is_accounted_for(&inner, 1).await);
}

const FAULTS: [Fault; 6] =
    [Fault::KilledBefore, Fault::KilledAfter, Fault::Failed, Fault::AnswerLost, Fault::SentTwice, Fault::Conflict];

#[tokio::test]
async fn every_write_may_be_the_last_in_memory() {
    let script = (24, 3);
    let puts = puts_of(script.0, script.1).await;
    assert!(puts > 40, "the script compacts on several levels ({puts} puts)");
    for put in 1..=puts {
        for fault in FAULTS {
            // A put of a segment that fails for good ends a run; that is tested below.
            if fault != Fault::Failed {
                survives(memory(), put, fault, script).await;
            }
        }
    }
}

#[tokio::test]
async fn every_write_may_be_the_last_in_a_folder() {
    let script = (15, 4);
    for put in 1..=puts_of(script.0, script.1).await {
        for fault in [Fault::KilledBefore, Fault::KilledAfter] {
            let (bucket, _folder) = folder();
            survives(bucket, put, fault, script).await;
        }
    }
}

#[tokio::test]
async fn a_failed_write_ends_a_run_or_is_made_good() {
    let script = (30, 3);
    for put in 1..=puts_of(script.0, script.1).await {
        let inner = memory();
        let faulty: Arc<dyn Bucket> = Arc::new(Faulty::new(Arc::clone(&inner)).at_put(put, Fault::Failed));
        // Either way what is there is a part of the whole, and the next run adds the rest.
        if let Err(error) = collect(&faulty, 0, script.0, script.1).await {
            assert!(matches!(error, StateError::Bucket(_)), "{error}");
        }
        collect(&inner, 1, script.0, script.1).await.unwrap();
        assert_eq!(told(&View::open(inner).await.unwrap()).await.unwrap(), expected(script.0), "put {put}");
    }
}

#[tokio::test]
async fn a_run_that_was_killed_while_marking_another_leaves_nobody_unmarked() {
    for put in 1..=6 {
        for fault in [Fault::KilledBefore, Fault::KilledAfter] {
            let inner = memory();
            drop(open(&inner, 0).await.unwrap());
            let faulty: Arc<dyn Bucket> = Arc::new(Faulty::new(Arc::clone(&inner)).at_put(put, fault));
            collect(&faulty, 1, 4, 2).await.unwrap_err();
            let last = open(&inner, 2).await.unwrap();
            assert!(is_accounted_for(&inner, 0).await, "put {put}, {fault:?}");
            let found: Vec<&str> = last.abandoned().iter().map(|run| run.run_id.as_str()).collect();
            assert!(found.len() <= 2 && (found.contains(&"run-1") || put == 1), "put {put}, {fault:?}: {found:?}");
        }
    }
}

#[tokio::test]
async fn after_a_write_without_an_answer_nothing_more_is_written() {
    let inner = memory();
    // The head of the second commit fails, and so does reading it again.
    let faulty = Arc::new(Faulty::new(Arc::clone(&inner)).at_put(5, Fault::AnswerLost));
    let bucket: Arc<dyn Bucket> = faulty.clone();
    let mut state = open(&bucket, 0).await.unwrap();
    state.commit(super::script::batch(&[0])).await.unwrap();
    let next_read = faulty.reads() + 1;
    drop(bucket);
    let faulty = Arc::new(Faulty::new(Arc::clone(&inner)).at_put(2, Fault::AnswerLost).at_read(1, Fault::Failed));
    assert!(next_read > 1);
    state.bucket = faulty.clone();
    let error = state.commit(super::script::batch(&[1])).await.unwrap_err();
    assert!(matches!(error, StateError::Bucket(_)), "{error}");
    let puts = faulty.puts();
    assert!(matches!(state.commit(super::script::batch(&[2])).await, Err(StateError::Unsettled { .. })));
    assert!(matches!(state.compact(Compaction::All).await, Err(StateError::Unsettled { .. })));
    assert!(matches!(state.finish(&serde_json::json!({})).await, Err(StateError::Unsettled { .. })));
    assert_eq!(faulty.puts(), puts);
    // It had been stored after all, and the next run sees it.
    let mut next = open(&inner, 1).await.unwrap();
    assert_eq!(super::script::take(&mut next, 4, 1).await.unwrap(), 2);
    assert_eq!(told(&next.view()).await.unwrap(), expected(4));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_number_of_kills_ends_well(kills in prop::collection::vec((1_u64..30, any::<bool>()), 1..8), size in 1_usize..6) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let inner = memory();
            for (run, (put, before)) in kills.iter().enumerate() {
                let fault = if *before { Fault::KilledBefore } else { Fault::KilledAfter };
                let faulty: Arc<dyn Bucket> = Arc::new(Faulty::new(Arc::clone(&inner)).at_put(*put, fault));
                // It may also come to its end before the put that kills it.
                collect(&faulty, run, 20, size).await.ok();
            }
            collect(&inner, kills.len(), 20, size).await.unwrap();
            assert_eq!(told(&View::open(inner).await.unwrap()).await.unwrap(), expected(20));
        });
    }

    #[test]
    fn requests_that_fail_by_chance_change_nothing(seed in any::<u64>(), percent in 1_u64..3) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let inner = memory();
            let mut finished = false;
            for run in 0..400 {
                let faulty = Faulty::new(Arc::clone(&inner)).failing(percent, seed.wrapping_add(run));
                let bucket: Arc<dyn Bucket> = Arc::new(faulty);
                if collect(&bucket, usize::try_from(run).unwrap(), 12, 3).await.is_ok() {
                    finished = true;
                    break;
                }
            }
            assert!(finished);
            assert_eq!(told(&View::open(inner).await.unwrap()).await.unwrap(), expected(12));
        });
    }
}
