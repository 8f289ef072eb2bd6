//! Reading: whole objects, ranges, what is missing.

use std::ops::Range;

use super::{bytes_of, metadata, must, put, stored};
use crate::{Bucket, BucketError, PutCondition};

pub(super) async fn a_missing_object_is_not_found(bucket: &dyn Bucket) {
    put(bucket, "reading/there/x.json", b"{}").await;
    for missing in ["reading/none", "reading/there", "reading/there/", "reading", "reading/there/x.json/y", "reading/there/x"] {
        let got = bucket.get(missing, None).await;
        assert!(matches!(&got, Err(BucketError::NotFound { key }) if key == missing), "get {missing}");
        let got = bucket.get(missing, Some(0..1)).await;
        assert!(matches!(&got, Err(BucketError::NotFound { key }) if key == missing), "get a range of {missing}");
        let head = bucket.head(missing).await;
        assert!(matches!(&head, Err(BucketError::NotFound { key }) if key == missing), "head {missing}");
    }
}

pub(super) async fn an_object_comes_back_as_it_was_put(bucket: &dyn Bucket) {
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let given = metadata(&[("signature", "AbC=+/"), ("x-note_1.2", "two  words, \"quoted\" 100% \\ {}")]);
    let put = bucket.put("reading/whole.bin", bytes.clone(), given.clone(), PutCondition::Always).await;
    let etag = stored("put with metadata", put);
    let object = must("get", bucket.get("reading/whole.bin", None).await);
    assert!(object.bytes == bytes, "the bytes come back unchanged");
    assert_eq!(object.metadata, given);
    assert_eq!(object.etag, etag, "put and get name the same version");
    assert_eq!(object.size, 300_000);
    let head = must("head", bucket.head("reading/whole.bin").await);
    assert_eq!((head.metadata, head.etag, head.size), (given, etag, 300_000));
}

pub(super) async fn an_empty_object_is_an_object(bucket: &dyn Bucket) {
    let given = metadata(&[("kept", "yes")]);
    let put = bucket.put("reading/empty", Vec::new(), given.clone(), PutCondition::IfAbsent).await;
    let etag = stored("put an empty object", put);
    let object = must("get", bucket.get("reading/empty", None).await);
    assert_eq!((object.bytes.len(), object.size, object.etag), (0, 0, etag));
    assert_eq!(object.metadata, given);
    assert_eq!(super::keys(bucket, "reading/empty", None).await, ["reading/empty"]);
    let range = bucket.get("reading/empty", Some(0..1)).await;
    assert!(matches!(range, Err(BucketError::InvalidRange { .. })), "no range begins inside an empty object");
}

pub(super) async fn ranges_give_their_bytes(bucket: &dyn Bucket) {
    let given = metadata(&[("part", "of")]);
    let put = bucket.put("reading/range", b"0123456789".to_vec(), given.clone(), PutCondition::Always).await;
    let etag = stored("put", put);
    let ranges: [(Range<u64>, &[u8]); 7] = [
        (0..10, b"0123456789"),
        (0..1, b"0"),
        (9..10, b"9"),
        (3..7, b"3456"),
        (8..11, b"89"),
        (0..1_000_000, b"0123456789"),
        (9..u64::MAX, b"9"),
    ];
    for (range, bytes) in ranges {
        let what = format!("bytes {}..{}", range.start, range.end);
        let object = must(&what, bucket.get("reading/range", Some(range)).await);
        assert_eq!(object.bytes, bytes, "{what}");
        assert_eq!(object.size, 10, "{what}: the size is the whole object's");
        assert_eq!((&object.metadata, &object.etag), (&given, &etag), "{what}");
    }
    let whole = bytes_of(bucket, "reading/whole.bin").await;
    let object = must("a range in the middle", bucket.get("reading/whole.bin", Some(131_000..270_001)).await);
    assert!(whole.get(131_000..270_001) == Some(object.bytes.as_slice()), "a range of many thousand bytes");
}

pub(super) async fn ranges_outside_the_object_are_errors(bucket: &dyn Bucket) {
    for (start, end) in [(10, 11), (11, 20), (u64::MAX - 1, u64::MAX), (3, 3), (0, 0), (7, 3)] {
        let got = bucket.get("reading/range", Some(Range { start, end })).await;
        assert!(matches!(got, Err(BucketError::InvalidRange { .. })), "bytes {start}..{end} of 10");
    }
}
