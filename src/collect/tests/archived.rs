//! Objects in an archive class: never asked for, owed, and taken when a listing says that they can be read.

use assize_engine::coverage::{HourState, Reason};
use assize_engine::layout::Folder;
use serde_json::json;

use super::scene::{ACCOUNT, AS_OF, DAY, REGION, Scene, key, log, record};
use crate::config::Mode;

#[tokio::test]
async fn what_is_archived_is_owed_until_a_listing_says_otherwise() {
    let scene = Scene::new(Mode::Copy);
    let classes = ["GLACIER", "DEEP_ARCHIVE", "GLACIER_IR", "STANDARD"];
    let keys: Vec<String> = classes.iter().zip(1..).map(|(class, hour)| key(Folder::CloudTrail, hour * 7_200, class)).collect();
    for (number, (key, class)) in keys.iter().zip(classes).enumerate() {
        let event =
            record(&format!("e{number}"), 7_200 * (number as i64 + 1) - 60, "iam.amazonaws.com", "CreateUser", json!(null));
        scene.store.put_object(key, log(&[event])).await;
        scene.store.class(key, class);
    }
    let (outcome, collected) = scene.run(AS_OF).await.unwrap();
    let objects = outcome.objects;
    assert_eq!((objects.listed, objects.taken, objects.failed, objects.balanced()), (4, 2, 2, true));
    let mut read = scene.store.read();
    read.sort();
    assert_eq!(read, [keys[2].clone(), keys[3].clone()], "what is archived is not asked for");
    assert_eq!(collected.owed.len(), 2);
    assert!(collected.owed.iter().all(|owed| owed.reason == "archived"), "{:?}", collected.owed);
    let cell = collected.evidence().remove(&(ACCOUNT.to_owned(), REGION.to_owned())).unwrap();
    assert_eq!(cell.state(DAY * 24 + 1, None), HourState::Unknown(Reason::Archived));

    let (again, collected) = scene.run(AS_OF + 10 * 86_400).await.unwrap();
    assert_eq!((again.objects.taken, again.objects.failed, collected.owed.len()), (0, 2, 2), "long after the re-list window");
    assert!(scene.store.read().is_empty());

    scene.store.class(&keys[0], "STANDARD");
    let (restored, collected) = scene.run(AS_OF + 11 * 86_400).await.unwrap();
    assert_eq!((restored.objects.taken, restored.objects.failed, restored.objects.balanced()), (1, 1, true));
    assert_eq!(scene.store.read(), [keys[0].clone()]);
    assert_eq!(collected.owed.iter().map(|owed| &owed.key).collect::<Vec<_>>(), [&keys[1]]);
    let cell = collected.evidence().remove(&(ACCOUNT.to_owned(), REGION.to_owned())).unwrap();
    assert_ne!(cell.state(DAY * 24 + 1, None), HourState::Unknown(Reason::Archived));
}
