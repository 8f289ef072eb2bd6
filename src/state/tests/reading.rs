//! What a reader is told: policies that judged everything and those that did not, snapshots, and the ledger's answers.

use assize_engine::partial::{ByHour, NO_HOUR};
use futures::stream::TryStreamExt as _;
use serde_json::json;

use super::super::*;
use super::script::{FIRST_DAY, all, batch, folder, identity, memory, open, policies, results, row};

async fn hours(view: &View, asked: &[&str]) -> Vec<HourResults> {
    let asked: Vec<String> = asked.iter().map(|policy| (*policy).to_owned()).collect();
    all(view.results(i64::MIN..i64::MAX, &asked)).await
}

fn with_policies(numbers: &[u64], policies: &[&str]) -> Batch {
    let mut batch = batch(numbers);
    batch.policies = policies.iter().map(|policy| (*policy).to_owned()).collect();
    batch.results = ByHour::new(policies.len());
    for number in numbers {
        batch.results.merge(results(*number, policies.len()));
    }
    batch
}

#[tokio::test]
async fn policies_come_in_the_order_in_which_they_are_asked_for() {
    let bucket = memory();
    let mut state = open(&bucket, 0).await.unwrap();
    state.commit(batch(&[0, 1, 2])).await.unwrap();
    let (view, given) = (state.view(), policies());
    let whole = hours(&view, &[&given[0], &given[1], &given[2]]).await;
    let one = hours(&view, &[&given[2]]).await;
    let reversed = hours(&view, &[&given[2], &given[1], &given[0]]).await;
    assert_eq!(whole.len(), 5);
    assert_eq!(whole[0].hour, NO_HOUR);
    for ((all, one), reversed) in whole.iter().zip(&one).zip(&reversed) {
        assert_eq!(all.partial.policies[2], one.partial.policies[0]);
        assert_eq!(all.partial.policies[2], reversed.partial.policies[0]);
        assert_eq!(all.partial.policies[0], reversed.partial.policies[2]);
        assert_eq!(all.partial.records, one.partial.records);
        for (place, cell) in &all.partial.cells {
            assert_eq!(cell.populations.get(&2), one.partial.cells[place].populations.get(&0));
            assert_eq!(cell.populations.get(&0), reversed.partial.cells[place].populations.get(&2));
        }
        assert!(all.missing.is_empty() && one.missing.is_empty());
    }
    let twice = vec!["policy-a".to_owned(); 2];
    assert!(view.results(0..1, &twice).try_collect::<Vec<_>>().await.is_err());
}

#[tokio::test]
async fn a_policy_that_did_not_judge_everything_is_named_by_hour() {
    let bucket = memory();
    let mut state = open(&bucket, 0).await.unwrap();
    // Object 0 has records in the first two hours, 10 in the first two of the next day; 2 in the third and fourth.
    state.commit(with_policies(&[0, 10], &["a", "b"])).await.unwrap();
    state.commit(with_policies(&[2], &["b", "c"])).await.unwrap();
    state.commit(with_policies(&[12], &["c", "b"])).await.unwrap();
    for _ in 0..2 {
        let (first, asked) = (FIRST_DAY * 24, ["a", "b", "c", "never"]);
        let told: Vec<(i64, Vec<usize>)> =
            hours(&state.view(), &asked).await.into_iter().map(|hour| (hour.hour, hour.missing)).collect();
        assert_eq!(
            told,
            [
                (NO_HOUR, vec![0, 2, 3]),
                (first, vec![2, 3]),
                (first + 1, vec![2, 3]),
                (first + 2, vec![0, 3]),
                (first + 3, vec![0, 3]),
                (first + 24, vec![2, 3]),
                (first + 25, vec![2, 3]),
                (first + 26, vec![0, 3]),
                (first + 27, vec![0, 3]),
            ]
        );
        assert_eq!(state.view().policy_sets().await.unwrap().len(), 2);
        state.compact(Compaction::All).await.unwrap();
    }
}

#[tokio::test]
async fn a_supplement_makes_a_policy_complete_and_counts_nothing_again() {
    let bucket = memory();
    let mut state = open(&bucket, 0).await.unwrap();
    state.commit(with_policies(&[0, 1], &["a"])).await.unwrap();
    let before = hours(&state.view(), &["a"]).await;
    let supplement = |numbers: &[u64]| {
        let Batch { results, policies, .. } = with_policies(numbers, &["b"]);
        Batch { results, policies, supplement: true, ..Batch::default() }
    };
    state.commit(supplement(&[0])).await.unwrap();
    let half = hours(&state.view(), &["a", "b"]).await;
    let missing: Vec<_> = half.iter().skip(1).map(|hour| (hour.hour - FIRST_DAY * 24, hour.missing.clone())).collect();
    assert_eq!(missing, [(0, vec![]), (1, vec![1]), (2, vec![1])], "object 1 has records in hours 1 and 2");
    state.commit(supplement(&[1])).await.unwrap();
    for _ in 0..2 {
        let whole = hours(&state.view(), &["b", "a"]).await;
        assert!(whole.iter().all(|hour| hour.missing.is_empty()));
        let counts = |hours: &[HourResults]| hours.iter().map(|hour| hour.partial.records).collect::<Vec<_>>();
        assert_eq!(counts(&whole), counts(&before));
        assert!(whole.iter().any(|hour| !hour.partial.policies[0].groups.is_empty()));
        for (whole, before) in whole.iter().zip(&before) {
            assert_eq!(whole.partial.policies[1], before.partial.policies[0]);
            assert_eq!(whole.partial.malformed, before.partial.malformed);
            for (place, cell) in &before.partial.cells {
                assert_eq!(
                    (whole.partial.cells[place].evaluated, whole.partial.cells[place].first),
                    (cell.evaluated, cell.first)
                );
            }
        }
        state.compact(Compaction::All).await.unwrap();
    }
    // The same once more is not taken for the whole: something may be there twice and something else not at all.
    state.commit(supplement(&[1])).await.unwrap();
    assert!(hours(&state.view(), &["a", "b"]).await.iter().any(|hour| hour.missing == [1]));
    let wrong = Batch { supplement: true, ..batch(&[3]) };
    assert!(matches!(state.commit(wrong).await, Err(StateError::Invalid { .. })));
}

#[tokio::test]
async fn ranges_are_half_open() {
    let bucket = memory();
    let mut state = open(&bucket, 0).await.unwrap();
    for numbers in (0..30).collect::<Vec<u64>>().chunks(4) {
        state.commit(batch(numbers)).await.unwrap();
    }
    let view = state.view();
    let first = FIRST_DAY * 24;
    let hours = all(view.results(first + 1..first + 3, &policies())).await;
    assert_eq!(hours.iter().map(|hour| hour.hour).collect::<Vec<_>>(), [first + 1, first + 2]);
    let days = all(view.rows(FIRST_DAY + 1..FIRST_DAY + 2)).await;
    assert_eq!(days.len(), 1);
    assert!(days[0].1.len() == 10 && days[0].1.is_sorted_by_key(|row| &row.key));
    let seen = all(view.seen(first..first + 1)).await;
    assert_eq!((seen.len(), seen[0].0), (1, first));
    assert_eq!(all(view.results(0..5, &policies())).await, []);
}

#[tokio::test]
async fn snapshots_are_of_their_time() {
    let bucket = memory();
    for (number, as_of) in [(0, 1_000), (1, 500_000), (2, 500_000), (3, 200_000)] {
        let run = RunIdentity { as_of, ..identity(number) };
        let mut state = State::open(Arc::clone(&bucket), run, None).await.unwrap();
        let mut batch = Batch::default();
        batch.timeline.insert("trails".to_owned(), json!(number));
        batch.timeline.insert("accounts".to_owned(), json!("else"));
        batch.documents.insert("conflicts".to_owned(), json!([number]));
        state.commit(batch).await.unwrap();
        state.finish(&json!({})).await.unwrap();
    }
    let view = View::open(bucket).await.unwrap();
    for (as_of, expected) in [(999, None), (1_000, Some(0)), (199_999, Some(0)), (200_000, Some(3)), (i64::MAX, Some(2))] {
        let snapshot = view.snapshot("trails", as_of).await.unwrap();
        assert_eq!(snapshot.and_then(|document| document.value.as_i64()), expected, "{as_of}");
    }
    let values = |documents: Vec<Document>| documents.into_iter().map(|document| document.value).collect::<Vec<_>>();
    assert_eq!(values(view.timeline("trails", 1_000..500_000).await.unwrap()), [json!(0), json!(3)]);
    assert_eq!(values(view.documents("conflicts").await.unwrap()), [json!([0]), json!([3]), json!([1]), json!([2])]);
    assert_eq!(view.documents("nothing").await.unwrap(), []);
}

#[tokio::test]
async fn the_ledger_says_what_it_knows_and_what_it_was_not_asked_to_load() {
    let (bucket, _folder) = folder();
    let mut state = open(&bucket, 0).await.unwrap();
    state.commit(batch(&[0, 1, 2])).await.unwrap();
    let mut ledger = state.view().ledger([FIRST_DAY]).await.unwrap();
    let known = row(1);
    let Listed { source, key, .. } = known.listed();
    assert_eq!((source, key), ("s3://trail", known.key.as_str()));
    assert_eq!(ledger.status(&known.listed()), KeyStatus::Known);
    assert_eq!(ledger.take(&known.listed()), KeyStatus::Known);
    let replaced = LedgerRow { size: 7, ..row(1) };
    assert_eq!(ledger.take(&replaced.listed()), KeyStatus::OtherVersion);
    assert_eq!(ledger.take(&replaced.listed()), KeyStatus::Known);
    ledger.give_back(&replaced.listed());
    assert_eq!(ledger.status(&replaced.listed()), KeyStatus::OtherVersion);
    for other in [
        LedgerRow { source: "s3://other".to_owned(), ..row(1) },
        LedgerRow { source: "s3://trai".to_owned(), key: format!("l{}", row(1).key), ..row(1) },
        row(3),
    ] {
        assert_eq!(ledger.status(&other.listed()), KeyStatus::Unknown);
        assert_eq!(ledger.take(&other.listed()), KeyStatus::Unknown);
        assert_eq!(ledger.status(&other.listed()), KeyStatus::Known);
    }
    assert_eq!(ledger.status(&row(10).listed()), KeyStatus::NotLoaded);
    assert_eq!(ledger.take(&row(10).listed()), KeyStatus::NotLoaded);

    // A replaced object is another row; both versions are known from then on.
    let changed = Batch { rows: vec![LedgerRow { status: RowStatus::Replaced, ..replaced.clone() }], ..Batch::default() };
    state.commit(changed).await.unwrap();
    let mut again = state.view().ledger([FIRST_DAY]).await.unwrap();
    assert_eq!((again.status(&known.listed()), again.status(&replaced.listed())), (KeyStatus::Known, KeyStatus::Known));
    assert_eq!(again.len(), 4);
    state.view().load(&mut again, [FIRST_DAY, FIRST_DAY + 1]).await.unwrap();
    assert_eq!((again.len(), again.status(&row(10).listed())), (4, KeyStatus::Unknown));
}

#[tokio::test]
async fn an_empty_state_has_nothing_to_say() {
    let bucket = memory();
    let view = View::open(Arc::clone(&bucket)).await.unwrap();
    assert_eq!((view.row_count(), view.segment_count()), (0, 0));
    assert_eq!(all(view.rows(0..i64::MAX)).await, []);
    assert_eq!(view.snapshot("trails", i64::MAX).await.unwrap(), None);
    let mut state = open(&bucket, 0).await.unwrap();
    let generation = state.stored.head.generation;
    state.commit(Batch::default()).await.unwrap();
    state.compact(Compaction::All).await.unwrap();
    assert_eq!(state.stored.head.generation, generation, "nothing is not committed");
}

#[tokio::test]
async fn a_view_stays_what_it_was() {
    let bucket = memory();
    let mut state = open(&bucket, 0).await.unwrap();
    state.commit(batch(&[0, 1])).await.unwrap();
    let before = View::open(Arc::clone(&bucket)).await.unwrap();
    let reading = before.rows(i64::MIN..i64::MAX);
    for number in 2..20 {
        state.commit(batch(&[number])).await.unwrap();
    }
    state.compact(Compaction::All).await.unwrap();
    let rows = all(reading).await;
    assert_eq!(rows[0].1.len(), 2);
}

#[tokio::test]
async fn of_some_documents_only_the_newest_counts() {
    let bucket = memory();
    let mut size = 0;
    for number in 0..40 {
        let mut state = open(&bucket, number).await.unwrap();
        let mut batch = Batch::default();
        batch.current.insert("where".to_owned(), json!({"number": number, "padding": "x".repeat(1_000)}));
        if number % 7 == 0 {
            batch.current.insert("seldom".to_owned(), json!(number));
        }
        state.commit(batch).await.unwrap();
        let view = state.view();
        let newest = |document: Option<Document>| document.map(|document| document.value);
        assert_eq!(newest(view.current("where").await.unwrap()).unwrap()["number"], number);
        assert_eq!(newest(view.current("seldom").await.unwrap()), Some(json!(number / 7 * 7)));
        assert_eq!(newest(view.current("never").await.unwrap()), None);
        size = state.stored.head.segments.iter().map(|segment| segment.bytes).sum::<u64>().max(size);
        state.finish(&json!({})).await.unwrap();
    }
    let mut state = open(&bucket, 40).await.unwrap();
    state.compact(Compaction::All).await.unwrap();
    assert_eq!(state.view().segment_count(), 1);
    assert!(size < 20_000, "{size} bytes: those that do not count are dropped");
    assert_eq!(state.view().current("where").await.unwrap().unwrap().value["number"], 39);
}
