//! How many hours an object that cannot be read leaves open.

use assize_engine::coverage::{HourState, Reason};
use assize_engine::layout::Folder;
use serde_json::Value;

use super::scene::{ACCOUNT, AS_OF, DAY, REGION, Scene, key, log, record};
use crate::config::Mode;

/// The hours of [`DAY`] that are in doubt, with an archived and a broken object delivered at 12:10 and 18:10, and a record that
/// was delivered so many seconds late.
async fn in_doubt(late: i64) -> Vec<i64> {
    let scene = Scene::new(Mode::Copy);
    let (archived, broken) =
        (key(Folder::CloudTrail, 12 * 3600 + 600, "archived"), key(Folder::CloudTrail, 18 * 3600 + 600, "broken"));
    scene.store.put_object(&archived, log(&[])).await;
    scene.store.class(&archived, "GLACIER");
    scene.store.put_object(&broken, b"neither gzip nor JSON".to_vec()).await;
    let delivered = 26 * 3600;
    let event = record("late", delivered - late, "iam.amazonaws.com", "ListUsers", Value::Null);
    scene.store.put_object(&key(Folder::CloudTrail, delivered, "late"), log(&[event])).await;
    let (_, collected) = scene.run(AS_OF).await.unwrap();
    let cell = collected.evidence().remove(&(ACCOUNT.to_owned(), REGION.to_owned())).unwrap();
    let doubtful = |hour: &i64| {
        let state = cell.state(DAY * 24 + hour, None);
        matches!(state, HourState::Unknown(Reason::Archived | Reason::ObjectFailed))
    };
    (0..24).filter(doubtful).collect()
}

#[tokio::test]
async fn it_is_as_wide_as_events_are_known_to_be_late() {
    assert_eq!(in_doubt(300).await, [11, 12, 17, 18], "the time to settle is an hour");
    assert_eq!(in_doubt(3 * 3600).await, [9, 10, 11, 12, 15, 16, 17, 18]);
    assert_eq!(in_doubt(4 * 86_400).await, (0..19).collect::<Vec<_>>(), "never more than a day");
}
