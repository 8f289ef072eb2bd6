//! Any grouping of commits, compactions and runs gives the same rows, results, records and documents.

use proptest::prelude::*;
use serde_json::json;

use super::super::compact::Tiers;
use super::super::*;
use super::script::{batch, expected, memory, open, told};

#[derive(Clone, Debug)]
enum Step {
    /// Commits the next so many objects.
    Commit(usize),
    Compact(bool),
    /// Ends the run, or leaves it open, and starts another.
    NextRun(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_usize..7).prop_map(Step::Commit),
        1 => any::<bool>().prop_map(Step::Compact),
        1 => any::<bool>().prop_map(Step::NextRun),
    ]
}

fn tiers() -> impl Strategy<Value = Tiers> {
    (1_usize..5, 2_usize..4, 1_000_u64..60_000, 50_usize..5_000).prop_map(|(batches, fan_in, full, large)| Tiers {
        batches,
        fan_in,
        full,
        large,
    })
}

const OBJECTS: u64 = 30;

async fn play(order: &[u64], steps: &[Step], tiers: Tiers) {
    let (bucket, mut left, mut run) = (memory(), order, 0);
    let mut state = open(&bucket, run).await.unwrap();
    state.tiers = tiers;
    for step in steps {
        match step {
            Step::Commit(objects) => {
                let (now, later) = left.split_at((*objects).min(left.len()));
                left = later;
                state.commit(batch(now)).await.unwrap();
            }
            Step::Compact(all) => state.compact(if *all { Compaction::All } else { Compaction::Due }).await.unwrap(),
            Step::NextRun(finish) => {
                if *finish {
                    state.finish(&json!({})).await.unwrap();
                }
                run += 1;
                state = open(&bucket, run).await.unwrap();
                state.tiers = tiers;
            }
        }
    }
    state.commit(batch(left)).await.unwrap();
    assert_eq!(told(&state.view()).await.unwrap(), expected(OBJECTS));
    state.compact(Compaction::All).await.unwrap();
    let merged = told(&state.view()).await.unwrap();
    assert_eq!(merged, expected(OBJECTS));
    // What is merged already is not merged again.
    let before = state.stored.head.generation;
    state.compact(Compaction::All).await.unwrap();
    state.compact(Compaction::Due).await.unwrap();
    assert_eq!(state.stored.head.generation, before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_grouping_says_the_same(
        order in Just((0..OBJECTS).collect::<Vec<u64>>()).prop_shuffle(),
        steps in prop::collection::vec(step(), 0..20),
        tiers in tiers(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(play(&order, &steps, tiers));
    }
}

#[tokio::test]
async fn the_number_of_live_segments_grows_with_the_logarithm() {
    let bucket = memory();
    let mut state = open(&bucket, 0).await.unwrap();
    state.tiers = Tiers { batches: 4, fan_in: 3, full: 1 << 30, large: 1 << 30 };
    let mut most = 0;
    for number in 0..200 {
        state.commit(batch(&[number])).await.unwrap();
        most = most.max(state.view().segment_count());
    }
    // 4 batches; 6 kinds on 1 + log3(200 / 5) levels, at most 2 segments each.
    assert!(most <= 4 + 6 * 5 * 2, "{most} live segments");
    let rows: u64 = state.view().row_count();
    assert_eq!(rows, 200);
}

#[tokio::test]
async fn full_segments_are_parted_and_stay() {
    let bucket = memory();
    let mut state = open(&bucket, 0).await.unwrap();
    state.tiers = Tiers { batches: 100, fan_in: 100, full: 3_000, large: 300 };
    for numbers in (0..60).collect::<Vec<u64>>().chunks(6) {
        state.commit(batch(numbers)).await.unwrap();
    }
    state.compact(Compaction::All).await.unwrap();
    let full: Vec<String> =
        state.stored.head.segments.iter().filter(|segment| segment.bytes >= 3_000).map(|segment| segment.name.clone()).collect();
    assert!(full.len() >= 3, "{full:?}");
    state.commit(batch(&[60, 61])).await.unwrap();
    state.compact(Compaction::All).await.unwrap();
    let names: Vec<&String> = state.stored.head.segments.iter().map(|segment| &segment.name).collect();
    assert!(full.iter().all(|name| names.contains(&name)));
    assert_eq!(told(&state.view()).await.unwrap(), expected(62));
}
