//! What the logs tell of the trails that write them.

use std::sync::Arc;

use assize_bucket::faulty::{Fault, Faulty};
use assize_bucket::{Bucket, Memory};
use assize_engine::coverage::{HourState, Reason};
use assize_engine::layout::Folder;
use serde_json::json;

use super::super::collected::Collected;
use super::scene::{ACCOUNT, AS_OF, DAY, REGION, Scene, TRAIL, key, log, record};
use crate::config::Mode;

const CLOUDTRAIL: &str = "cloudtrail.amazonaws.com";

fn states(collected: &Collected, hours: std::ops::Range<i64>) -> Vec<HourState> {
    let cell = collected.evidence().remove(&(ACCOUNT.to_owned(), REGION.to_owned())).unwrap();
    hours.map(|hour| cell.state(DAY * 24 + hour, None)).collect()
}

/// Stopped at 26:20 and started again at 29:40, between two looks that find it logging.
async fn stopped_for_a_while(scene: &Scene) {
    let stop = record("stop", 26 * 3600 + 1200, CLOUDTRAIL, "StopLogging", json!({"name": TRAIL}));
    let start = record("start", 29 * 3600 + 2400, CLOUDTRAIL, "StartLogging", json!({"name": "main"}));
    scene.store.put_object(&key(Folder::CloudTrail, 26 * 3600 + 1500, "stop"), log(&[stop])).await;
    scene.store.put_object(&key(Folder::CloudTrail, 29 * 3600 + 2700, "start"), log(&[start])).await;
}

#[tokio::test]
async fn a_stop_and_a_start_that_no_look_saw_are_a_gap() {
    let scene = Scene::new(Mode::Copy);
    scene.run((DAY + 1) * 86_400).await.unwrap();
    stopped_for_a_while(&scene).await;
    let (_, collected) = scene.run(AS_OF).await.unwrap();
    let (covered, gap) = (HourState::Delivered(Reason::NotVerified), HourState::Unknown(Reason::LoggingStopped));
    assert_eq!(states(&collected, 24..32), [covered, covered, gap, gap, gap, gap, covered, covered]);
    assert_eq!(states(&collected, 0..24), vec![covered; 24]);
    // A day later the same is known.
    let (_, collected) = scene.run(AS_OF + 86_400).await.unwrap();
    assert_eq!(states(&collected, 24..32), [covered, covered, gap, gap, gap, gap, covered, covered]);
}

#[tokio::test]
async fn refused_calls_and_other_trails_change_nothing() {
    let scene = Scene::new(Mode::Copy);
    let mut refused = record("refused", 26 * 3600, CLOUDTRAIL, "StopLogging", json!({"name": TRAIL}));
    refused["errorCode"] = json!("AccessDenied");
    let other = record("other", 26 * 3600, CLOUDTRAIL, "DeleteTrail", json!({"name": "second"}));
    scene.store.put_object(&key(Folder::CloudTrail, 26 * 3600 + 300, "both"), log(&[refused, other])).await;
    let (_, collected) = scene.run(AS_OF).await.unwrap();
    assert_eq!(states(&collected, 24..32), [HourState::Delivered(Reason::NotVerified); 8]);
}

#[tokio::test]
async fn what_an_object_tells_is_committed_with_it() {
    let scene = Scene::new(Mode::Copy);
    stopped_for_a_while(&scene).await;
    // Neither gzip nor JSON: its hours stay in doubt.
    scene.store.put_object(&key(Folder::CloudTrail, 20 * 3600 + 600, "broken"), b"broken".to_vec()).await;
    let faulty = Arc::new(Faulty::new(Arc::new(Memory::new())));
    let undisturbed = scene.with_audit(Arc::clone(&faulty) as Arc<dyn Bucket>);
    let (_, expected) = undisturbed.run(AS_OF).await.unwrap();
    let expected = states(&expected, 0..33);
    assert_eq!(expected.iter().filter(|state| **state == HourState::Unknown(Reason::LoggingStopped)).count(), 4);
    assert_eq!(expected.iter().filter(|state| **state == HourState::Unknown(Reason::ObjectFailed)).count(), 2);
    for put in 1..=faulty.puts() {
        for fault in [Fault::KilledBefore, Fault::KilledAfter] {
            let memory: Arc<dyn Bucket> = Arc::new(Memory::new());
            let killed = scene.with_audit(Arc::new(Faulty::new(Arc::clone(&memory)).at_put(put, fault)));
            assert!(killed.run(AS_OF).await.is_err(), "put {put}");
            let again = scene.with_audit(memory);
            again.runs.set(1);
            let (_, collected) = again.run(AS_OF).await.unwrap();
            assert_eq!(states(&collected, 0..33), expected, "put {put}, {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_call_of_an_earlier_run_is_found_in_the_logs() {
    let scene = Scene::new(Mode::Copy);
    let mut call = record("call", 26 * 3600, CLOUDTRAIL, "DescribeTrails", json!(null));
    call["requestID"] = json!("our-own-request");
    let mut other = record("other", 26 * 3600, CLOUDTRAIL, "DescribeTrails", json!(null));
    other["requestID"] = json!("somebody-elses");
    scene.store.put_object(&key(Folder::CloudTrail, 26 * 3600 + 600, "calls"), log(&[call, other])).await;
    let cell = (ACCOUNT.to_owned(), REGION.to_owned());
    scene.made((DAY * 24 + 26) * 3600, [(cell.clone(), "our-own-request".to_owned()), (cell, "another".to_owned())]).await;
    let (_, collected) = scene.run(AS_OF).await.unwrap();
    let (_, calls) = collected.own_calls().next().unwrap();
    assert_eq!(calls.last(), Some(((DAY * 24 + 26) * 3600, Some(600))));
    assert_eq!((calls.pending(), calls.lost().len()), (1, 0));
}
