//! The local folder against the bucket in memory: the same operations give the same answers.

use assize_bucket::{
    Bucket, BucketError, Entry, Etag, LocalFolder, Memory, Metadata, Object, ObjectHead, PutCondition, PutOutcome,
};
use futures::stream::TryStreamExt as _;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Operation {
    Put(String, Vec<u8>, Metadata, Condition),
    Get(String, Option<(u64, u64)>),
    Head(String),
    List(String, Option<String>),
}

#[derive(Clone, Debug)]
enum Condition {
    Always,
    IfAbsent,
    /// The etag that the object has now, or one that nothing has.
    IfPresent,
    IfStale,
}

fn key() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        4 => "[ab]",
        2 => "[ab.]{0,2}",
        1 => "[!%~ é/\u{1}\u{1f600}]{1,2}",
        1 => "[a]{199,201}[.!b]?",
        1 => any::<String>(),
    ];
    prop::collection::vec(segment, 1..4).prop_map(|segments| segments.join("/"))
}

fn operation() -> impl Strategy<Value = Operation> {
    let metadata = prop::collection::btree_map("[ab]", "[xy]{0,2}", 0..2);
    let condition = prop_oneof![
        3 => Just(Condition::Always),
        2 => Just(Condition::IfAbsent),
        2 => Just(Condition::IfPresent),
        1 => Just(Condition::IfStale),
    ];
    let bytes = prop::collection::vec(0..3_u8, 0..4);
    prop_oneof![
        6 => (key(), bytes, metadata, condition)
            .prop_map(|(key, bytes, metadata, condition)| Operation::Put(key, bytes, metadata, condition)),
        2 => (key(), prop::option::of((0..5_u64, 0..6_u64))).prop_map(|(key, range)| Operation::Get(key, range)),
        1 => key().prop_map(Operation::Head),
        3 => (prop_oneof![Just(String::new()), key()], prop::option::of(key()))
            .prop_map(|(prefix, after)| Operation::List(prefix, after)),
    ]
}

/// What an operation gave, as far as both buckets tell it.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Put(PutOutcome),
    Get(Object),
    Head(ObjectHead),
    List(Vec<(String, u64)>),
}

async fn answer(bucket: &dyn Bucket, operation: &Operation) -> Result<Answer, String> {
    let told = |error: BucketError| match error {
        BucketError::Io { .. } | BucketError::UnsafePath { .. } | BucketError::Damaged { .. } => {
            panic!("the folder failed: {error}")
        }
        other => other.to_string(),
    };
    match operation {
        Operation::Put(key, bytes, metadata, condition) => {
            let condition = match condition {
                Condition::Always => PutCondition::Always,
                Condition::IfAbsent => PutCondition::IfAbsent,
                Condition::IfStale => PutCondition::IfMatch(Etag::new("stale")),
                Condition::IfPresent => PutCondition::IfMatch(match bucket.head(key).await {
                    Ok(head) => head.etag,
                    Err(_) => Etag::new("none"),
                }),
            };
            let outcome = bucket.put(key, bytes.clone(), metadata.clone(), condition).await.map_err(told)?;
            Ok(Answer::Put(outcome))
        }
        Operation::Get(key, range) => {
            let range = range.map(|(start, end)| start..end);
            Ok(Answer::Get(bucket.get(key, range).await.map_err(told)?))
        }
        Operation::Head(key) => Ok(Answer::Head(bucket.head(key).await.map_err(told)?)),
        Operation::List(prefix, after) => {
            let entries: Vec<Entry> = bucket.list(prefix, after.as_deref()).try_collect().await.map_err(told)?;
            Ok(Answer::List(entries.into_iter().map(|entry| (entry.key, entry.size)).collect()))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn folder_and_memory_agree(operations in prop::collection::vec(operation(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (local, memory) = (LocalFolder::open(folder.path()).unwrap(), Memory::new());
        runtime.block_on(async {
            let everything = Operation::List(String::new(), None);
            for operation in operations.iter().chain([&everything]) {
                prop_assert_eq!(answer(&local, operation).await, answer(&memory, operation).await);
            }
            Ok(())
        })?;
    }
}
