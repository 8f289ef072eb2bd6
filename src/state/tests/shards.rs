//! Shards commit apart, and a run without a shard adopts what they took: once, all of it, whoever is killed.

use assize_bucket::faulty::{Fault, Faulty};
use futures::future;
use futures::stream::TryStreamExt as _;
use serde_json::json;

use super::super::*;
use super::script::{FIRST_DAY, SMALL, batch, expected, identity, memory, open, row, take, told};

const OF: u64 = 3;

async fn open_shard(bucket: &Arc<dyn Bucket>, run: usize, number: u32) -> Result<State, StateError> {
    State::open(Arc::clone(bucket), identity(run), Some(Shard::new(number, 3)?)).await
}

/// What a shard's run does: takes those of its objects that the ledger does not have, two at a time.
async fn collect_shard(bucket: &Arc<dyn Bucket>, run: usize, number: u32, objects: u64) -> Result<u64, StateError> {
    let mut state = open_shard(bucket, run, number).await?;
    let mut ledger = state.view().ledger(FIRST_DAY..FIRST_DAY + 3).await?;
    let mine = (0..objects).filter(|object| object % OF == u64::from(number - 1));
    let numbers: Vec<u64> = mine.filter(|object| ledger.take(&row(*object).listed()) == KeyStatus::Unknown).collect();
    for numbers in numbers.chunks(2) {
        state.commit(batch(numbers)).await?;
    }
    state.finish(&json!({"shard": number})).await?;
    Ok(numbers.len() as u64)
}

/// Opens a run without a shard, which must then have everything.
async fn adopted(bucket: &Arc<dyn Bucket>, run: usize, objects: u64) -> State {
    let state = open(bucket, run).await.unwrap();
    assert_eq!(told(&state.view()).await.unwrap(), expected(objects));
    state
}

#[tokio::test]
async fn what_shards_took_is_adopted_once() {
    let bucket = memory();
    let shards = (1..=3).map(|number| {
        let bucket = Arc::clone(&bucket);
        tokio::spawn(async move { collect_shard(&bucket, 0, number, 20).await })
    });
    for taken in future::join_all(shards.collect::<Vec<_>>()).await {
        assert!(taken.unwrap().unwrap() >= 6);
    }
    assert_eq!(View::open(Arc::clone(&bucket)).await.unwrap().row_count(), 0);
    let mut main = adopted(&bucket, 1, 20).await;
    main.tiers = SMALL;
    main.compact(Compaction::Due).await.unwrap();
    main.finish(&json!({})).await.unwrap();
    adopted(&bucket, 2, 20).await.finish(&json!({})).await.unwrap();

    // The shards go on where they were; what they have committed before is in the main ledger now.
    for number in 1..=3 {
        assert_eq!(collect_shard(&bucket, 3, number, 26).await.unwrap(), 2);
    }
    let state = adopted(&bucket, 4, 26).await;
    assert!(state.abandoned().is_empty());
    assert!(state.view().to_retake(&mut Ledger::default()).await.unwrap().is_empty());
    let shard = open_shard(&bucket, 5, 1).await.unwrap();
    assert_eq!(told(&shard.view()).await.unwrap(), expected(26), "a shard sees the main ledger and nothing twice");
    assert_eq!(shard.main.as_ref().unwrap().segments.len(), shard.view().segment_count());
}

#[tokio::test]
async fn what_a_shard_commits_during_the_adoption_comes_the_next_time() {
    let inner = memory();
    collect_shard(&inner, 0, 1, 12).await.unwrap();
    let mut shard = open_shard(&inner, 1, 2).await.unwrap();
    shard.commit(batch(&[1, 4])).await.unwrap();

    let faulty = Arc::new(Faulty::new(Arc::clone(&inner)));
    let held = faulty.hold_put(2);
    let slow: Arc<dyn Bucket> = faulty;
    let meanwhile = async {
        let go = held.arrived().await;
        shard.commit(batch(&[7, 10])).await.unwrap();
        go();
    };
    let (state, ()) = future::join(open(&slow, 2), meanwhile).await;
    assert_eq!(state.unwrap().view().row_count(), 6);
    shard.finish(&json!({})).await.unwrap();
    collect_shard(&inner, 3, 3, 12).await.unwrap();
    adopted(&inner, 4, 12).await;
    adopted(&inner, 5, 12).await;
}

#[tokio::test]
async fn adopting_may_be_killed_at_any_write() {
    for put in 1..=3 {
        for fault in [Fault::KilledBefore, Fault::KilledAfter, Fault::AnswerLost, Fault::SentTwice, Fault::Conflict] {
            let inner = memory();
            for number in 1..=3 {
                collect_shard(&inner, 0, number, 9).await.unwrap();
            }
            let faulty: Arc<dyn Bucket> = Arc::new(Faulty::new(Arc::clone(&inner)).at_put(put, fault));
            open(&faulty, 1).await.ok();
            adopted(&inner, 2, 9).await;
        }
    }
}

#[tokio::test]
async fn a_shard_may_be_killed_at_any_write() {
    for put in 1..=12 {
        for fault in [Fault::KilledBefore, Fault::KilledAfter, Fault::AnswerLost, Fault::SentTwice, Fault::Conflict] {
            let inner = memory();
            let faulty: Arc<dyn Bucket> = Arc::new(Faulty::new(Arc::clone(&inner)).at_put(put, fault));
            collect_shard(&faulty, 0, 1, 24).await.ok();
            // In one half of the cases a run adopts what there is before the shard goes on.
            if put % 2 == 0 {
                open(&inner, 1).await.unwrap();
            }
            for number in 1..=3 {
                collect_shard(&inner, 2, number, 24).await.unwrap();
            }
            adopted(&inner, 3, 24).await;
        }
    }
}

#[tokio::test]
async fn an_older_run_of_a_shard_is_fenced() {
    let bucket = memory();
    let mut old = open_shard(&bucket, 0, 2).await.unwrap();
    let mut other = open_shard(&bucket, 0, 3).await.unwrap();
    let new = open_shard(&bucket, 1, 2).await.unwrap();
    assert_eq!(new.abandoned().len(), 1);
    assert!(exists(&*bucket, "runs/run-0/abandoned-shard-2-of-3.json").await.unwrap());
    assert!(matches!(old.commit(batch(&[1])).await, Err(StateError::Fenced { .. })));
    other.commit(batch(&[2])).await.unwrap();
}

#[tokio::test]
async fn what_was_taken_twice_is_set_aside_and_the_rest_is_taken_again() {
    let bucket = memory();
    let mut shard = open_shard(&bucket, 0, 1).await.unwrap();
    let mut main = open(&bucket, 1).await.unwrap();
    main.commit(batch(&[0, 1, 2, 3])).await.unwrap();
    main.finish(&json!({})).await.unwrap();
    // The shard began before, so it does not know.
    shard.commit(batch(&[3, 4, 5])).await.unwrap();
    shard.commit(batch(&[6])).await.unwrap();

    let mut main = open(&bucket, 2).await.unwrap();
    let view = main.view();
    assert_eq!(view.row_count(), 5);
    let mut ledger = Ledger::default();
    let again = view.to_retake(&mut ledger).await.unwrap();
    let keys: Vec<&str> = again.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(keys, [row(4).key, row(5).key]);
    // It is said until it is done, whoever is killed in between.
    drop(main);
    main = open(&bucket, 3).await.unwrap();
    assert_eq!(main.view().to_retake(&mut ledger).await.unwrap().len(), 2);
    assert_eq!(take(&mut main, 7, 3).await.unwrap(), 2);
    main.finish(&json!({})).await.unwrap();
    let main = adopted(&bucket, 4, 7).await;
    assert!(main.stored.head.set_aside.is_empty());
    // An orphan of a batch is never read, and neither is what was set aside.
    let rows: Vec<(i64, Vec<LedgerRow>)> = main.view().rows(0..i64::MAX).try_collect().await.unwrap();
    assert_eq!(rows.iter().map(|(_, rows)| rows.len()).sum::<usize>(), 7);
}

#[tokio::test]
async fn an_older_version_of_a_shards_head_is_noticed() {
    let bucket = memory();
    collect_shard(&bucket, 0, 1, 3).await.unwrap();
    let early = bucket.get("heads/shard-1-of-3", None).await.unwrap().bytes;
    collect_shard(&bucket, 1, 1, 9).await.unwrap();
    open(&bucket, 2).await.unwrap();
    bucket.put("heads/shard-1-of-3", early, Metadata::new(), PutCondition::Always).await.unwrap();
    let error = open(&bucket, 3).await.unwrap_err().to_string();
    assert!(error.contains("heads/shard-1-of-3") && error.contains("older version"), "{error}");
}

#[tokio::test]
async fn a_shards_head_that_began_again_is_adopted_from_its_start() {
    let (bucket, elsewhere) = (memory(), memory());
    collect_shard(&bucket, 0, 1, 9).await.unwrap();
    open(&bucket, 1).await.unwrap();
    // As if the head had been removed and a run had started it again.
    let mut state = open_shard(&elsewhere, 2, 1).await.unwrap();
    state.commit(batch(&[1])).await.unwrap();
    let objects: Vec<assize_bucket::Entry> = elsewhere.list("", None).try_collect().await.unwrap();
    for entry in objects {
        let object = elsewhere.get(&entry.key, None).await.unwrap();
        bucket.put(&entry.key, object.bytes, object.metadata, PutCondition::Always).await.unwrap();
    }
    assert_eq!(open(&bucket, 3).await.unwrap().view().row_count(), 4);
}

#[test]
fn shards_are_counted_from_one() {
    assert!(Shard::new(0, 3).is_err() && Shard::new(4, 3).is_err() && Shard::new(1, 0).is_err());
    let shard = Shard::new(3, 10).unwrap();
    assert_eq!((shard.number(), shard.of(), shard.to_string().as_str()), (3, 10, "3-of-10"));
}
