//! Writing: replacing, conditions, and many writers at once.

use futures::future::{join, join_all};

use super::{bytes_of, metadata, must, put, stored};
use crate::{Bucket, BucketError, Etag, Metadata, PutCondition, PutOutcome};

/// How many write to one key at the same time.
const WRITERS: usize = 24;

pub(super) async fn the_last_write_stands(bucket: &dyn Bucket) {
    let first = put(bucket, "writing/last", b"first, and longer").await;
    let second = put(bucket, "writing/last", b"second").await;
    assert_ne!(first, second, "other bytes, another etag");
    assert_eq!(bytes_of(bucket, "writing/last").await, b"second");
    assert_eq!(must("head", bucket.head("writing/last").await).etag, second);
    let again = put(bucket, "writing/last", b"second").await;
    assert_eq!(must("head", bucket.head("writing/last").await).etag, again, "the same bytes once more");
    assert_eq!(super::keys(bucket, "writing/last", None).await, ["writing/last"]);
}

pub(super) async fn metadata_belong_to_their_write(bucket: &dyn Bucket) {
    let writes = [
        ("one", metadata(&[("a", "1"), ("b", "1")])),
        ("two", metadata(&[("b", "2"), ("c", "2")])),
        ("two", metadata(&[("d", "3")])),
        ("two", metadata(&[])),
        ("one", metadata(&[])),
        ("two", metadata(&[("a", "4")])),
        ("one", metadata(&[])),
        ("two", metadata(&[])),
    ];
    for (turn, (bytes, given)) in writes.into_iter().enumerate() {
        let put = bucket.put("writing/metadata", bytes.into(), given.clone(), PutCondition::Always).await;
        stored("put", put);
        let object = must("get", bucket.get("writing/metadata", None).await);
        assert_eq!(object.bytes, bytes.as_bytes(), "write {turn}");
        assert_eq!(object.metadata, given, "write {turn}: its own metadata, all of it, and no other");
    }
}

pub(super) async fn metadata_that_would_not_survive_are_refused(bucket: &dyn Bucket) {
    for (name, value) in [("Upper", "v"), ("", "v"), ("a b", "v"), ("n", "two\r\nlines"), ("n", " v"), ("n", "v "), ("n", "é")] {
        let put = bucket.put("writing/refused", b"x".to_vec(), metadata(&[(name, value)]), PutCondition::Always).await;
        assert!(matches!(put, Err(BucketError::InvalidMetadata { .. })), "metadata {name}={}", value.escape_debug());
    }
    let much = metadata(&[("n", &"v".repeat(2048))]);
    let put = bucket.put("writing/refused", b"x".to_vec(), much, PutCondition::Always).await;
    assert!(matches!(put, Err(BucketError::InvalidMetadata { .. })), "more than 2,048 bytes of metadata");
    assert!(matches!(bucket.head("writing/refused").await, Err(BucketError::NotFound { .. })), "nothing was stored");
}

pub(super) async fn if_absent_never_replaces(bucket: &dyn Bucket) {
    let key = "writing/if-absent";
    let first = bucket.put(key, b"first".to_vec(), metadata(&[("by", "first")]), PutCondition::IfAbsent).await;
    let etag = stored("put if absent, absent", first);
    for bytes in [b"other".to_vec(), b"first".to_vec()] {
        let second = bucket.put(key, bytes, metadata(&[("by", "second")]), PutCondition::IfAbsent).await;
        assert_eq!(must("put if absent, present", second), PutOutcome::PreconditionFailed);
    }
    let object = must("get", bucket.get(key, None).await);
    assert_eq!((object.bytes.as_slice(), object.etag), (b"first".as_slice(), etag));
    assert_eq!(object.metadata, metadata(&[("by", "first")]));
}

pub(super) async fn if_match_replaces_what_it_names_only(bucket: &dyn Bucket) {
    let key = "writing/if-match";
    let never = Etag::new("0".repeat(64));
    let missing = bucket.put(key, b"x".to_vec(), Metadata::new(), PutCondition::IfMatch(never)).await;
    assert_eq!(must("put if match, absent", missing), PutOutcome::PreconditionFailed);
    assert!(matches!(bucket.head(key).await, Err(BucketError::NotFound { .. })));

    let first = put(bucket, key, b"first").await;
    let replace = bucket.put(key, b"second".to_vec(), metadata(&[("by", "2")]), PutCondition::IfMatch(first.clone())).await;
    let second = stored("put if match, matching", replace);
    let stale = bucket.put(key, b"third".to_vec(), metadata(&[("by", "3")]), PutCondition::IfMatch(first)).await;
    assert_eq!(must("put if match, stale", stale), PutOutcome::PreconditionFailed);
    let object = must("get", bucket.get(key, None).await);
    assert_eq!((object.bytes.as_slice(), &object.etag), (b"second".as_slice(), &second));
    assert_eq!(object.metadata, metadata(&[("by", "2")]));

    let head = must("head", bucket.head(key).await);
    let from_head = bucket.put(key, b"fourth".to_vec(), Metadata::new(), PutCondition::IfMatch(head.etag)).await;
    stored("put if match with the etag of head", from_head);
}

pub(super) async fn one_of_many_creators_wins(bucket: &dyn Bucket) {
    for round in 0..8 {
        let key = format!("writing/race/{round}");
        race(bucket, &key, round, &PutCondition::IfAbsent).await;
    }
}

pub(super) async fn one_of_many_replacers_wins(bucket: &dyn Bucket) {
    let mut etag = put(bucket, "writing/head", b"start").await;
    for round in 0..8 {
        etag = race(bucket, "writing/head", round, &PutCondition::IfMatch(etag)).await;
    }
}

/// Many writers under one condition that can hold once: exactly one stores, and what it stored is there.
/// No two rounds write the same bytes: an etag names bytes, so a round would hold for an older one's etag again.
async fn race(bucket: &dyn Bucket, key: &str, round: usize, condition: &PutCondition) -> Etag {
    let content = |writer: usize| (format!("{round} {writer} {}", "x".repeat(writer * 100)), writer.to_string());
    let writes = (0..WRITERS).map(|writer| {
        let (bytes, name) = content(writer);
        bucket.put(key, bytes.into_bytes(), metadata(&[("writer", &name)]), condition.clone())
    });
    let mut winners = Vec::new();
    for (writer, outcome) in join_all(writes).await.into_iter().enumerate() {
        match must("put under a condition", outcome) {
            PutOutcome::Stored { etag } => winners.push((writer, etag)),
            PutOutcome::PreconditionFailed | PutOutcome::Conflict => {}
        }
    }
    let [(writer, etag)] = winners.as_slice() else {
        panic!("{} of {WRITERS} writers stored {key}; exactly one may", winners.len());
    };
    let (bytes, name) = content(*writer);
    let object = must("get", bucket.get(key, None).await);
    assert!(object.bytes == bytes.as_bytes(), "what is there is what the winner wrote");
    assert_eq!(object.metadata, metadata(&[("writer", &name)]));
    assert_eq!(object.etag, *etag);
    etag.clone()
}

pub(super) async fn readers_see_whole_versions(bucket: &dyn Bucket) {
    let key = "writing/seen";
    let version = |turn: usize| (turn.to_string().repeat(20_000), metadata(&[("turn", &turn.to_string())]));
    let write = async |turn: usize| {
        let (bytes, metadata) = version(turn);
        stored("put", bucket.put(key, bytes.into_bytes(), metadata, PutCondition::Always).await);
    };
    write(0).await;
    let writer = async {
        for turn in 1..30 {
            write(turn).await;
        }
    };
    let reader = async {
        for _ in 0..60 {
            let object = must("get while it is replaced", bucket.get(key, None).await);
            let turn = object.metadata.get("turn").and_then(|turn| turn.parse().ok());
            let (bytes, _) = version(turn.expect("every version has its metadata"));
            assert!(object.bytes == bytes.as_bytes(), "bytes and metadata of one version");
        }
    };
    join(writer, reader).await;
}
