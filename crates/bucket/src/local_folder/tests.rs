//! What the conformance suite cannot see: the files themselves, crashes, links, and files that are none of ours.

use futures::stream::TryStreamExt as _;
use proptest::prelude::*;

use super::file::{Flush, Temporary};
use super::*;

const KEY: &str = "AWSLogs/111111111111/CloudTrail/x.json.gz";

fn bucket() -> (tempfile::TempDir, LocalFolder) {
    let folder = tempfile::tempdir().unwrap();
    let bucket = LocalFolder::open(folder.path()).unwrap();
    (folder, bucket)
}

fn note(value: &str) -> Metadata {
    if value.is_empty() { Metadata::new() } else { Metadata::from([("note".to_owned(), value.to_owned())]) }
}

fn write(bucket: &LocalFolder, key: &str, bytes: &str, value: &str) {
    let outcome = bucket.write(key, bytes.as_bytes(), note(value), &PutCondition::Always).unwrap();
    assert!(matches!(outcome, PutOutcome::Stored { .. }));
}

fn list(bucket: &LocalFolder, prefix: &str) -> Result<Vec<String>, BucketError> {
    let mut walk = Walk::new(bucket.clone(), prefix, None);
    let mut keys = Vec::new();
    loop {
        let page = walk.page()?;
        if page.is_empty() {
            return Ok(keys);
        }
        keys.extend(page.into_iter().map(|entry| entry.key));
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

/// All steps of a write but the last: what is on the disk if the machine stops there.
fn write_until_crash(bucket: &LocalFolder, key: &str, bytes: &str, value: &str) {
    let path = bucket.object(key).unwrap();
    file::make_folder(key, &bucket.root, path.parent().unwrap(), Flush::Waits).unwrap();
    std::mem::forget(Temporary::write(key, path.parent().unwrap(), bytes.as_bytes(), Flush::Waits).unwrap());
    let present = bucket.read_head(key).ok();
    let sidecar = Sidecar::of_both(present.as_ref(), &Etag::of_digest(&Sha256::digest(bytes)), note(value));
    bucket.write_sidecar(key, &path, &sidecar).unwrap();
}

#[test]
fn the_file_is_the_object_and_nothing_else_lies_beside_it() {
    let (folder, bucket) = bucket();
    write(&bucket, KEY, "evidence", "");
    assert_eq!(fs::read(folder.path().join(KEY)).unwrap(), b"evidence");
    assert_eq!(names(folder.path().join(KEY).parent().unwrap()), ["x.json.gz"]);
}

#[test]
fn metadata_lie_in_a_sidecar_that_names_the_bytes() {
    let (folder, bucket) = bucket();
    write(&bucket, KEY, "evidence", "signed");
    assert_eq!(fs::read(folder.path().join(KEY)).unwrap(), b"evidence");
    assert_eq!(names(folder.path().join(KEY).parent().unwrap()), ["x.json.gz", "x.json.gz%m"]);
    let sidecar = fs::read_to_string(folder.path().join(format!("{KEY}%m"))).unwrap();
    assert_eq!(
        sidecar,
        "{\n  \"version\": \"1\",\n  \"metadata_by_sha256\": {\n    \
         \"ee8250fb76e094b34b471f13a73dbbe51d1ae142e9df59d7c0d31ec20f0a0a8e\": {\n      \
         \"note\": \"signed\"\n    }\n  }\n}\n"
    );
    write(&bucket, KEY, "evidence", "");
    assert_eq!(names(folder.path().join(KEY).parent().unwrap()), ["x.json.gz"]);
}

#[test]
fn a_folder_copied_from_s3_is_a_bucket() {
    let (folder, bucket) = bucket();
    fs::create_dir_all(folder.path().join(KEY).parent().unwrap()).unwrap();
    fs::write(folder.path().join(KEY), b"evidence").unwrap();
    assert_eq!(list(&bucket, "").unwrap(), [KEY]);
    assert_eq!(bucket.read(KEY, None).unwrap().bytes, b"evidence");
}

#[test]
fn what_a_crash_leaves_is_not_listed_and_not_in_the_way() {
    let (folder, bucket) = bucket();
    write_until_crash(&bucket, "runs/a.json", "new", "of the new");
    fs::write(folder.path().join("runs/%t1-1"), b"half").unwrap();
    assert_eq!(list(&bucket, "").unwrap(), [""; 0]);
    assert!(matches!(bucket.read("runs/a.json", None), Err(BucketError::NotFound { .. })));
    write(&bucket, "runs/a.json", "new", "");
    assert_eq!(bucket.read_head("runs/a.json").unwrap().metadata, note(""));
    assert_eq!(list(&bucket, "").unwrap(), ["runs/a.json"]);
}

#[test]
fn a_write_that_did_not_happen_leaves_no_file() {
    let (folder, bucket) = bucket();
    write(&bucket, "a.json", "one", "");
    for condition in [PutCondition::IfAbsent, PutCondition::IfMatch(Etag::new("stale"))] {
        let outcome = bucket.write("a.json", b"two", note("two"), &condition).unwrap();
        assert_eq!(outcome, PutOutcome::PreconditionFailed);
    }
    let outcome = bucket.write("new/b.json", b"two", note(""), &PutCondition::IfMatch(Etag::new("stale"))).unwrap();
    assert_eq!(outcome, PutOutcome::PreconditionFailed);
    assert_eq!(names(folder.path()), ["%locks", "a.json"]);
}

#[test]
fn a_changed_file_does_not_keep_the_metadata_of_another() {
    let (folder, bucket) = bucket();
    write(&bucket, "a.json", "one", "signature of one");
    fs::write(folder.path().join("a.json"), b"two").unwrap();
    let object = bucket.read("a.json", None).unwrap();
    assert_eq!((object.bytes.as_slice(), object.metadata), (b"two".as_slice(), note("")));
}

#[test]
fn a_reader_that_two_writers_overtake_reads_again() {
    let (_folder, bucket) = bucket();
    write(&bucket, "a.json", "one", "signature of one");
    let mut turns = 0;
    let (opened, sidecar) = bucket
        .open_both("a.json", || {
            if turns == 0 {
                write(&bucket, "a.json", "two", "signature of two");
                write(&bucket, "a.json", "three", "signature of three");
            }
            turns += 1;
        })
        .unwrap();
    let (etag, bytes) = opened.read("a.json", 0..5).unwrap();
    assert_eq!((bytes.as_slice(), sidecar.of(&etag)), (b"three".as_slice(), note("signature of three")));
    assert_eq!(turns, 2);
}

#[test]
fn a_folder_that_went_away_is_not_an_empty_bucket() {
    let (folder, bucket) = bucket();
    write(&bucket, "a.json", "one", "");
    fs::remove_dir_all(folder.path()).unwrap();
    for prefix in ["", "a", "a/b"] {
        assert!(matches!(list(&bucket, prefix), Err(BucketError::Io { .. })), "list {prefix}");
    }
    assert!(matches!(bucket.read("a.json", None), Err(BucketError::Io { .. })));
    for condition in [PutCondition::Always, PutCondition::IfAbsent] {
        assert!(matches!(bucket.write("a/b.json", b"x", note(""), &condition), Err(BucketError::Io { .. })));
    }
}

#[test]
fn a_damaged_sidecar_is_an_error() {
    let (folder, bucket) = bucket();
    write(&bucket, "a.json", "one", "note");
    let sidecar = folder.path().join("a.json%m");
    let good = fs::read_to_string(&sidecar).unwrap();
    for bad in ["", "{", "{}", "[]", &good.replace("\"1\"", "\"2\""), &good.replace("version", "other"), &"[".repeat(100_000)] {
        fs::write(&sidecar, bad).unwrap();
        assert!(matches!(bucket.read_head("a.json"), Err(BucketError::Damaged { .. })), "{bad}");
    }
}

#[test]
fn names_that_no_key_has_are_errors() {
    for foreign in ["README", "a%2fb%", "a%41%", "%zz%", "%c", "a.b%c", "a.json%", "%FF%", "%c.json", "a%c"] {
        let (folder, bucket) = bucket();
        write(&bucket, "good.json", "{}", "");
        fs::write(folder.path().join(foreign), b"x").unwrap();
        assert!(matches!(list(&bucket, ""), Err(BucketError::ForeignName { .. })), "{foreign}");
        assert_eq!(bucket.read("good.json", None).unwrap().bytes, b"{}");
    }
    for foreign in ["v1.2/x.json", "a%2D/x.json", "a%c/x.json", "a%c/%cx.json", "x.json/y.json"] {
        let (folder, bucket) = bucket();
        fs::create_dir(folder.path().join(foreign).parent().unwrap()).unwrap();
        fs::write(folder.path().join(foreign), b"x").unwrap();
        assert!(matches!(list(&bucket, ""), Err(BucketError::ForeignName { .. })), "{foreign}");
    }
}

#[test]
fn a_foreign_name_elsewhere_does_not_disturb_a_prefix() {
    let (folder, bucket) = bucket();
    write(&bucket, "good/a.json", "{}", "");
    fs::write(folder.path().join("README"), b"x").unwrap();
    assert_eq!(list(&bucket, "good/").unwrap(), ["good/a.json"]);
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    use std::os::unix::fs::symlink;

    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.json"), b"secret").unwrap();
    let (folder, bucket) = bucket();
    symlink(outside.path(), folder.path().join("out")).unwrap();
    symlink(outside.path().join("secret.json"), folder.path().join("link.json")).unwrap();
    symlink(outside.path().join("nothing.json"), folder.path().join("dangling.json")).unwrap();

    for key in ["out/secret.json", "out/new.json", "out/deep/new.json", "link.json", "dangling.json"] {
        assert!(matches!(bucket.read(key, None), Err(BucketError::UnsafePath { .. })), "get {key}");
        assert!(matches!(bucket.read_head(key), Err(BucketError::UnsafePath { .. })), "head {key}");
        for condition in [PutCondition::Always, PutCondition::IfAbsent, PutCondition::IfMatch(Etag::new("e"))] {
            let put = bucket.write(key, b"x", note("x"), &condition);
            assert!(matches!(put, Err(BucketError::UnsafePath { .. })), "put {key}");
        }
    }
    for prefix in ["", "out/", "out/secret", "link"] {
        assert!(matches!(list(&bucket, prefix), Err(BucketError::UnsafePath { .. })), "list {prefix}");
    }
    assert_eq!(names(outside.path()), ["secret.json"]);
    assert_eq!(fs::read(outside.path().join("secret.json")).unwrap(), b"secret");
}

/// What one call opens is what a look at every step opens, and nothing else.
#[cfg(target_os = "linux")]
#[test]
fn one_call_opens_what_a_look_at_every_step_does() {
    use std::os::unix::fs::symlink;

    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.json"), b"secret").unwrap();
    let (folder, bucket) = bucket();
    write(&bucket, "a/b/plain.json", "plain", "");
    fs::create_dir(folder.path().join("a/folder.json")).unwrap();
    symlink(outside.path(), folder.path().join("a/out")).unwrap();
    symlink(folder.path().join("a/b"), folder.path().join("a/inside")).unwrap();
    symlink(outside.path().join("secret.json"), folder.path().join("a/link.json")).unwrap();
    symlink(outside.path().join("nothing.json"), folder.path().join("a/dangling.json")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(folder.path().join("a/pipe.json")).status().unwrap();
    assert!(pipe.success());
    let keys = [
        ("a/b/plain.json", true),
        ("a/b/none.json", false),
        ("none/plain.json", false),
        ("a/b/plain.json/more.json", false),
        ("a/folder.json", false),
        ("a/out/secret.json", false),
        ("a/inside/plain.json", false),
        ("a/link.json", false),
        ("a/dangling.json", false),
        ("a/pipe.json", false),
    ];
    for (key, is_plain) in keys {
        let path = bucket.root.join(name::object_path(key));
        assert_eq!(file::open_plain(&path).is_some(), is_plain, "{key} in one call");
        // Opening a pipe waits for somebody who writes to it; the look refuses it before.
        assert_eq!(bucket.open_step_by_step(key).is_ok(), is_plain, "{key} step by step");
        let told = file::open_if_there(&path).map(|file| file.is_some());
        match key {
            "a/b/plain.json" => assert!(matches!(told, Ok(true)), "{key}"),
            // What is a file cannot be a folder of keys: that has another name.
            "a/b/none.json" | "none/plain.json" | "a/b/plain.json/more.json" => assert!(matches!(told, Ok(false)), "{key}"),
            _ => assert!(told.is_err(), "{key}: {told:?}"),
        }
    }
}

#[cfg(unix)]
#[test]
fn links_in_place_of_our_own_files_are_not_followed() {
    use std::os::unix::fs::symlink;

    let outside = tempfile::tempdir().unwrap();
    let (folder, bucket) = bucket();
    symlink(outside.path(), folder.path().join("%locks")).unwrap();
    let put = bucket.write("a.json", b"x", note(""), &PutCondition::Always);
    assert!(matches!(put, Err(BucketError::UnsafePath { .. })));
    fs::remove_file(folder.path().join("%locks")).unwrap();

    write(&bucket, "a.json", "one", "");
    symlink(outside.path().join("sidecar"), folder.path().join("a.json%m")).unwrap();
    assert!(matches!(bucket.read("a.json", None), Err(BucketError::UnsafePath { .. })));
    assert_eq!(names(outside.path()), [""; 0]);
}

#[cfg(unix)]
#[test]
fn the_folder_itself_may_be_reached_by_a_link() {
    let (folder, bucket) = bucket();
    write(&bucket, "a.json", "one", "");
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(folder.path(), elsewhere.path().join("link")).unwrap();
    let linked = LocalFolder::open(elsewhere.path().join("link")).unwrap();
    assert_eq!(list(&linked, "").unwrap(), ["a.json"]);
}

#[test]
fn a_folder_that_is_missing_or_a_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), b"").unwrap();
    for name in ["missing", "file"] {
        assert!(matches!(LocalFolder::open(folder.path().join(name)), Err(BucketError::Io { .. })), "{name}");
    }
    assert!(LocalFolder::create(folder.path().join("file")).is_err());
    assert!(LocalFolder::create(folder.path().join("new/folder")).is_ok());
}

#[test]
fn a_prefix_names_no_folder_outside() {
    let parent = tempfile::tempdir().unwrap();
    fs::create_dir_all(parent.path().join("bucket/a")).unwrap();
    fs::write(parent.path().join("secret.json"), b"x").unwrap();
    let bucket = LocalFolder::open(parent.path().join("bucket")).unwrap();
    for prefix in ["../", "a/../../", "/", "//", "..", "./", "a/../"] {
        assert_eq!(list(&bucket, prefix).unwrap(), [""; 0], "{prefix}");
    }
}

#[tokio::test]
async fn a_listing_ends_with_its_first_error() {
    let (folder, bucket) = bucket();
    write(&bucket, "a/x.json", "{}", "");
    write(&bucket, "c/x.json", "{}", "");
    fs::create_dir(folder.path().join("b")).unwrap();
    fs::write(folder.path().join("b/README"), b"").unwrap();
    let mut listing = bucket.list("", None);
    let mut errors = 0;
    while let Some(entry) = listing.next().await {
        errors += usize::from(entry.is_err());
    }
    assert_eq!(errors, 1);
    let all: Result<Vec<Entry>, _> = bucket.list("", None).try_collect().await;
    assert!(all.is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    /// After any mixture of writes that ended and writes that crashed before the bytes took their name, the object is
    /// the last one that ended, with its own metadata.
    #[test]
    fn crashes_never_pair_bytes_with_other_metadata(
        writes in prop::collection::vec(("[xy]", "[pq]?", any::<bool>()), 1..8),
    ) {
        let (_folder, bucket) = bucket();
        let mut expected: Option<(String, String)> = None;
        for (bytes, value, crash) in writes {
            if crash {
                write_until_crash(&bucket, "k", &bytes, &value);
                // The same bytes with other metadata: only the metadata change, and they have.
                if let Some((_, present)) = expected.as_mut().filter(|(present, _)| *present == bytes) {
                    *present = value;
                }
            } else {
                write(&bucket, "k", &bytes, &value);
                expected = Some((bytes, value));
            }
            let found = bucket.read("k", None).ok().map(|object| (object.bytes, object.metadata));
            prop_assert_eq!(found, expected.as_ref().map(|(bytes, value)| (bytes.clone().into_bytes(), note(value))));
        }
    }
}
