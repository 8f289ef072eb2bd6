//! Records that issued temporary credentials: kept, merged, and found again by key and by session.

use assize_engine::session::{Principal, Sessions};
use futures::stream::TryStreamExt as _;

use super::super::*;
use super::script::{FIRST_DAY, batch, memory, open};

async fn sessions(view: &View, wanted: Option<WantedSessions>) -> Vec<String> {
    let hours: Vec<Sessions> = view.sessions(i64::MIN..i64::MAX, wanted).try_collect().await.unwrap();
    hours.iter().flat_map(Sessions::iter).map(|((id, _), _)| id.to_string()).collect()
}

/// Objects 1 to 3 as a version took them that kept no sessions.
fn without_sessions() -> Batch {
    let mut batch = batch(&[1, 2, 3]);
    for part in batch.results.hours.values_mut() {
        part.partial.sessions = Sessions::default();
    }
    batch
}

#[tokio::test]
async fn segments_without_sessions_are_read_and_merged_with_others() {
    let bucket = memory();
    let mut state = open(&bucket, 0).await.unwrap();
    state.commit(without_sessions()).await.unwrap();
    assert_eq!(sessions(&state.view(), None).await, <[String; 0]>::default());
    let head = String::from_utf8(bucket.get("head", None).await.unwrap().bytes).unwrap();
    assert!(!head.contains("sessions"), "a head is as it was: {head}");
    state.commit(batch(&[4])).await.unwrap();
    let before = sessions(&state.view(), None).await;
    assert_eq!(before.len(), 4, "two in each of two hours: {before:?}");
    state.compact(Compaction::All).await.unwrap();
    assert_eq!(sessions(&state.view(), None).await, before);
    assert_eq!(state.view().row_count(), 4);
}

#[tokio::test]
async fn only_what_is_asked_for_is_given() {
    let bucket = memory();
    let mut state = open(&bucket, 0).await.unwrap();
    state.commit(batch(&[5, 6, 7])).await.unwrap();
    let mut wanted = WantedSessions::default();
    wanted.add(&Principal { key: "ASIAEXAMPLEKEY000006".to_owned(), ..Principal::default() });
    assert_eq!(sessions(&state.view(), Some(wanted)).await, ["ASIAEXAMPLEKEY000006"; 2]);
    // By the digest of its session: object 7 has it under its key and under the session's name.
    let mut wanted = WantedSessions::default();
    wanted.add(&Principal { arn: "7".to_owned(), ..Principal::default() });
    let found = sessions(&state.view(), Some(wanted)).await;
    assert!(found.iter().filter(|id| *id == "ASIAEXAMPLEKEY000007").count() == 2, "{found:?}");
    let hours = FIRST_DAY * 24 - 10..FIRST_DAY * 24;
    assert_eq!(state.view().sessions(hours, None).try_collect::<Vec<_>>().await.unwrap().len(), 0);
}
