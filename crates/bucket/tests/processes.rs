//! One folder, several processes: who creates, who replaces, and what is left when one is killed.
//!
//! The processes are this test binary again, told by an environment variable what to do.
#![expect(clippy::unwrap_used, reason = "what the tests call in processes of their own is test code too")]

use std::path::Path;
use std::process::{Child, Command, Stdio};

use assize_bucket::{Bucket, LocalFolder, Metadata, PutCondition, PutOutcome};
use futures::stream::TryStreamExt as _;

const TASK: &str = "ASSIZE_BUCKET_TEST_TASK";
const FOLDER: &str = "ASSIZE_BUCKET_TEST_FOLDER";

const RACES: usize = 30;
const INCREMENTS: usize = 25;
/// More than it gets to before it is killed.
const REPLACEMENTS: usize = 100_000;

/// A process that ends with the test that started it.
struct Process(Child);

impl Process {
    fn succeeds(mut self) -> bool {
        self.0.wait().unwrap().success()
    }

    fn kill(mut self) {
        assert!(self.0.try_wait().unwrap().is_none(), "it was still at work");
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn start(task: &str, folder: &Path) -> Process {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_process_of_its_own", "--nocapture"]);
    let child = command.env(TASK, task).env(FOLDER, folder).stdout(Stdio::null()).spawn();
    Process(child.unwrap())
}

/// Does nothing unless it was started by one of the tests below.
#[tokio::test]
async fn a_process_of_its_own() {
    let (Ok(task), Ok(folder)) = (std::env::var(TASK), std::env::var(FOLDER)) else {
        return;
    };
    let bucket = LocalFolder::open(folder).unwrap();
    match task.as_str() {
        "replace" => replace(&bucket).await,
        "increment" => increment(&bucket).await,
        name => create(&bucket, name).await,
    }
}

async fn create(bucket: &LocalFolder, name: &str) {
    for race in 0..RACES {
        let metadata = Metadata::from([("by".to_owned(), name.to_owned())]);
        let put = bucket.put(&format!("race/{race:02}"), name.into(), metadata, PutCondition::IfAbsent).await.unwrap();
        if let PutOutcome::Stored { .. } = put {
            let key = format!("won/{race:02}/{name}");
            bucket.put(&key, Vec::new(), Metadata::new(), PutCondition::Always).await.unwrap();
        }
    }
}

async fn increment(bucket: &LocalFolder) {
    for _ in 0..INCREMENTS {
        loop {
            let found = bucket.get("count", None).await.unwrap();
            let next = 1 + String::from_utf8(found.bytes).unwrap().parse::<usize>().unwrap();
            let condition = PutCondition::IfMatch(found.etag);
            let put = bucket.put("count", next.to_string().into(), Metadata::new(), condition).await.unwrap();
            if let PutOutcome::Stored { .. } = put {
                break;
            }
        }
    }
}

async fn replace(bucket: &LocalFolder) {
    for turn in 0..REPLACEMENTS {
        let metadata = Metadata::from([("turn".to_owned(), turn.to_string())]);
        let bytes = turn.to_string().repeat(1000).into_bytes();
        bucket.put("replaced", bytes, metadata, PutCondition::Always).await.unwrap();
    }
}

#[tokio::test]
async fn of_many_processes_one_creates() {
    let folder = tempfile::tempdir().unwrap();
    let children = ["one", "two", "three", "four"].map(|name| start(name, folder.path()));
    for child in children {
        assert!(child.succeeds());
    }
    let bucket = LocalFolder::open(folder.path()).unwrap();
    let won: Vec<_> = bucket.list("won/", None).try_collect().await.unwrap();
    assert_eq!(won.len(), RACES, "one winner of each race");
    for (race, entry) in won.into_iter().enumerate() {
        let name = entry.key.strip_prefix(&format!("won/{race:02}/")).unwrap();
        let object = bucket.get(&format!("race/{race:02}"), None).await.unwrap();
        assert_eq!(object.bytes, name.as_bytes(), "the winner's bytes");
        assert_eq!(object.metadata.get("by").map(String::as_str), Some(name), "the winner's metadata");
    }
}

#[tokio::test]
async fn no_process_overwrites_what_it_has_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = LocalFolder::open(folder.path()).unwrap();
    bucket.put("count", b"0".to_vec(), Metadata::new(), PutCondition::Always).await.unwrap();
    let children = [start("increment", folder.path()), start("increment", folder.path()), start("increment", folder.path())];
    for child in children {
        assert!(child.succeeds());
    }
    let count = bucket.get("count", None).await.unwrap();
    assert_eq!(count.bytes, (3 * INCREMENTS).to_string().into_bytes(), "no increment was lost");
}

#[tokio::test]
async fn a_killed_process_leaves_whole_objects_and_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = LocalFolder::open(folder.path()).unwrap();
    for round in 0..8 {
        let child = start("replace", folder.path());
        // Each round lets it go on a little longer, and kills it wherever it is then.
        let mut seen = 0;
        for _ in 0..1_000_000 {
            if seen == 5 + round * 7 {
                break;
            }
            if let Ok(object) = bucket.get("replaced", None).await {
                check(&object);
                seen += 1;
            }
        }
        child.kill();
        let object = bucket.get("replaced", None).await.unwrap();
        check(&object);
        let metadata = Metadata::from([("turn".to_owned(), "7".to_owned())]);
        let next = bucket.put("replaced", "7".repeat(1000).into(), metadata, PutCondition::IfMatch(object.etag)).await;
        assert!(matches!(next, Ok(PutOutcome::Stored { .. })), "the lock went with the process");
        let listed: Vec<_> = bucket.list("", None).try_collect().await.unwrap();
        assert_eq!(listed.len(), 1, "what it left half-done is not listed");
    }
}

fn check(object: &assize_bucket::Object) {
    let turn = object.metadata.get("turn").expect("every version has its metadata");
    assert!(object.bytes == turn.repeat(1000).as_bytes(), "bytes and metadata of one version");
}
