//! Keys: every string is one, and none is another.

use super::{bytes_of, keys, put};
use crate::{Bucket, BucketError, Metadata, PutCondition, PutOutcome};

/// Keys that would leave the bucket if they were paths, or mean their own folder. S3 refuses some of them; a bucket
/// may too. It must not store them elsewhere.
pub const CLIMBING_KEYS: [&str; 8] = [".", "..", "./a", "../a", "../../a", "a/../../b", "/..", "odd/../../../c"];

const ODD_KEYS: &[&str] = &[
    "a",
    "a/b",
    "a/b/",
    "a/b/c",
    "a//b",
    "a/",
    "a.",
    "a./b",
    "a.b",
    "a.b/c",
    "A",
    "/leading",
    "//leading",
    "/",
    "//",
    "trailing/",
    "trailing//",
    "a/../b",
    "a/./b",
    "a/...",
    "a/.../b",
    "..a",
    "a..",
    ".hidden",
    "a/.hidden/b",
    "x//y",
    "x/y",
    "x///y",
    "a%2Fb",
    "a%2fb",
    "a%252Fb",
    "a%",
    "a%00",
    "%",
    "%-",
    "%-/a",
    "a%m",
    "a.b%m",
    "%t1-1",
    "%locks/00",
    "a%c/b",
    "a+b",
    "a b",
    " a",
    "a ",
    "a  b",
    "a/ /b",
    "a&b=c?d#e",
    "a\\b",
    "a:b*c|d<e>f\"g'h",
    "~",
    "-rf",
    "a;b,c@d!e$f(g)[h]{i}^j`k",
    "監査/証跡.json.gz",
    "監査/証跡",
    "\u{65e5}\u{672c}",
    "e\u{301}",
    "\u{e9}",
    "😀/😀.json",
    "\u{202e}gpj",
    "\u{feff}a",
    "control\u{1}",
    "control\u{1f}\u{7f}",
    "line\nline",
    "line\r\nline",
    "tab\tz",
    "\u{85}.json",
    "con",
    "NUL.txt",
    "COM1/a",
    "Thumbs.db",
    "lost+found",
];

fn odd_keys() -> Vec<String> {
    let mut keys: Vec<String> = ODD_KEYS.iter().map(|key| (*key).to_owned()).collect();
    keys.push("k".repeat(1024));
    keys.push(format!("{}.json.gz", "k".repeat(1016)));
    keys.push("鍵".repeat(341));
    keys.push(format!("{}x", "n/".repeat(511)));
    keys.push("/".repeat(1024));
    keys.push(format!("dots/{}", ".".repeat(1019)));
    keys.push(format!("long/{}..", "d".repeat(200)));
    keys.push(format!("long/{}../x", "d".repeat(200)));
    keys.push(format!("long/{}.", "d".repeat(200)));
    keys.push(format!("long/{}", "\u{1}".repeat(1000)));
    keys
}

pub(super) async fn keys_that_are_not_keys_are_refused(bucket: &dyn Bucket) {
    for key in [String::new(), "k".repeat(1025), "鍵".repeat(342)] {
        let put = bucket.put(&key, b"x".to_vec(), Metadata::new(), PutCondition::Always).await;
        assert!(matches!(put, Err(BucketError::InvalidKey { .. })), "put under {} bytes", key.len());
        assert!(matches!(bucket.get(&key, None).await, Err(BucketError::InvalidKey { .. })));
        assert!(matches!(bucket.head(&key).await, Err(BucketError::InvalidKey { .. })));
    }
    assert_eq!(keys(bucket, &"k".repeat(1025), None).await, [""; 0], "nothing begins with more than a key");
    assert_eq!(keys(bucket, &"k/".repeat(700), None).await, [""; 0]);
}

pub(super) async fn odd_keys_are_keys_like_others(bucket: &dyn Bucket) {
    let odd = odd_keys();
    for key in &odd {
        put(bucket, key, key.as_bytes()).await;
    }
    for key in &odd {
        let shown = key.escape_debug();
        assert_eq!(bytes_of(bucket, key).await, key.as_bytes(), "{shown} holds what was put under it");
        let found = keys(bucket, key, None).await;
        assert_eq!(found.first(), Some(key), "{shown} is the first of the keys that begin with it");
        assert!(!keys(bucket, key, Some(key)).await.contains(key), "start-after excludes {shown}");
        let again = bucket.put(key, b"other".to_vec(), Metadata::new(), PutCondition::IfAbsent).await;
        assert!(matches!(again, Ok(PutOutcome::PreconditionFailed)), "{shown} is there");
    }
    let all = keys(bucket, "", None).await;
    for key in &odd {
        let times = all.iter().filter(|listed| *listed == key).count();
        assert_eq!(times, 1, "{} is listed once", key.escape_debug());
    }
}

pub(super) async fn keys_that_climb_lead_nowhere(bucket: &dyn Bucket) {
    let before = keys(bucket, "", None).await;
    let mut stored = Vec::new();
    for key in CLIMBING_KEYS {
        let put = bucket.put(key, key.as_bytes().to_vec(), Metadata::new(), PutCondition::IfAbsent).await;
        if let Ok(outcome) = put {
            assert!(matches!(outcome, PutOutcome::Stored { .. }), "{key} is not another object");
            stored.push(key.to_owned());
        }
    }
    for key in &stored {
        assert_eq!(bytes_of(bucket, key).await, key.as_bytes(), "{key}");
    }
    let mut expected = [before, stored].concat();
    expected.sort_unstable();
    assert_eq!(keys(bucket, "", None).await, expected, "nothing is stored under another key");
}
