//! Listings: their order, what they select, and that they are whole.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt as _};

use super::{entries, keys, must, put};
use crate::Bucket;

/// Keys whose order is easily got wrong: by folders, by locale, by UTF-16, by names cut to fit a file system.
fn tricky_keys() -> Vec<String> {
    let plain = [
        "order/a",
        "order/a!",
        "order/a/b",
        "order/a/",
        "order/a//c",
        "order/a0",
        "order/a.b",
        "order/a.b/c",
        "order/a-b",
        "order/A",
        "order/B",
        "order/_",
        "order/ ",
        "order/%",
        "order/%41",
        "order/10",
        "order/9",
        "order/é",
        "order/鍵",
        "order/\u{ff5e}",
        "order/\u{1f600}",
        "order/a/b/c/d",
        "order/b/c",
        "order",
    ];
    let mut keys: Vec<String> = plain.map(str::to_owned).to_vec();
    for length in [199, 200, 201] {
        let long = "a".repeat(length);
        keys.extend(["", "!", "/b", "0", "é", ".z", "/"].map(|end| format!("order/{long}{end}")));
    }
    keys
}

pub(super) async fn nothing_is_listed_in_an_empty_bucket(bucket: &dyn Bucket) {
    assert_eq!(keys(bucket, "", None).await, [""; 0], "the suite needs an empty bucket");
    assert_eq!(keys(bucket, "no/such/prefix", None).await, [""; 0]);
    assert_eq!(keys(bucket, "no/such/prefix/", Some("no/such/prefix/a")).await, [""; 0]);
}

pub(super) async fn keys_come_in_byte_order(bucket: &dyn Bucket) {
    let mut all = tricky_keys();
    all.reverse();
    for key in &all {
        put(bucket, key, key.as_bytes()).await;
    }
    all.sort_unstable();
    assert_eq!(keys(bucket, "order", None).await, all, "in the order of the bytes of UTF-8");
}

pub(super) async fn prefix_and_start_after_select(bucket: &dyn Bucket) {
    let all: BTreeSet<String> = tricky_keys().into_iter().collect();
    let select = |prefix: &str, after: Option<&str>| -> Vec<String> {
        all.iter().filter(|key| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after)).cloned().collect()
    };
    let cut = format!("order/{}", "a".repeat(200));
    for prefix in
        ["order", "order/", "order/a", "order/a/", "order/a//", "order/a.", "order/A", "order/zzz", "order/a/b/c/d/", &cut]
    {
        assert_eq!(keys(bucket, prefix, None).await, select(prefix, None), "prefix {prefix}");
        for after in ["", "a", "order", "order/a", "order/a/", "order/a/a", "order/b", "order/\u{10ffff}", "z", &cut] {
            let what = format!("prefix {prefix}, start after {after}");
            assert_eq!(keys(bucket, prefix, Some(after)).await, select(prefix, Some(after)), "{what}");
        }
    }
    for after in &all {
        assert_eq!(keys(bucket, "order", Some(after)).await, select("order", Some(after)), "start after {after}");
    }
}

pub(super) async fn entries_say_what_head_says(bucket: &dyn Bucket) {
    let entries = entries(bucket, "order/a", None).await;
    assert!(!entries.is_empty());
    for entry in entries {
        let head = must("head of a listed object", bucket.head(&entry.key).await);
        assert_eq!(entry.size, head.size, "size of {}", entry.key);
        assert_eq!(entry.size, entry.key.len() as u64, "size in bytes of {}", entry.key);
        if let Some(etag) = entry.etag {
            assert_eq!(etag, head.etag, "etag of {}", entry.key);
        }
    }
}

/// One more page than S3 gives at once.
pub(super) async fn long_listings_are_whole(bucket: &dyn Bucket) {
    let all: Vec<String> = (0..1005).map(|number| format!("many/{:02}/{number:04}.json", number % 20)).collect();
    stream::iter(&all).for_each_concurrent(16, |key| async move { drop(put(bucket, key, b"{}").await) }).await;
    let mut sorted = all.clone();
    sorted.sort_unstable();
    assert_eq!(keys(bucket, "many/", None).await, sorted);
    let (before, after) = sorted.split_at(2);
    assert_eq!(keys(bucket, "many/", before.last().map(String::as_str)).await, after);

    let some: Vec<_> = bucket.list("many/", None).take(3).collect().await;
    let some: Vec<String> = some.into_iter().map(|entry| must("list", entry).key).collect();
    assert_eq!(Some(some.as_slice()), sorted.get(..3), "a listing may be left early");
}

pub(super) async fn the_whole_bucket_is_in_order(bucket: &dyn Bucket) {
    let all = keys(bucket, "", None).await;
    assert!(all.len() > 1000);
    assert!(all.is_sorted_by(|one, next| one < next), "strictly ascending, none twice");
}
