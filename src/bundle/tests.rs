//! Bundles, whole, tampered with, and hostile.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use assize_bucket::Memory;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::open::{Bounds, open};
use super::verify::verify;
use super::{BundleError, archive, write};
use crate::exit::Exit;
use crate::manifest::key::tests::signer;
use crate::run::manifest::example::{RUNS, bucket};
use crate::verify::keys::PublicKeys;
use crate::verify::run::outcome::RunVerified;
use crate::verify::run::render;

const RUN: &str = RUNS[1];

async fn bundled(bucket: &Arc<Memory>, folder: &Path, name: &str) -> std::path::PathBuf {
    let out = folder.join(name);
    let written = write(&**bucket, RUN, &out).await.unwrap();
    assert_eq!((written.missing.len(), written.copies), (0, 7));
    out
}

async fn verified(path: &Path) -> Result<RunVerified, BundleError> {
    verify(path, None, (&[signer(1).public().clone()], None), PublicKeys::default()).await
}

fn proven(result: &Result<RunVerified, BundleError>) -> bool {
    result.as_ref().is_ok_and(|result| result.exit() == Exit::Clean)
}

#[tokio::test]
async fn a_bundle_is_verified_alone_and_its_bytes_depend_on_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = bucket(Some(&signer(1))).await;
    let first = bundled(&bucket, folder.path(), "a.tar.gz").await;
    let second = bundled(&bucket, folder.path(), "b.tar.gz").await;
    assert_eq!(fs::read(&first).unwrap(), fs::read(second).unwrap());
    let result = verified(&first).await.unwrap();
    assert_eq!(result.exit(), Exit::Clean, "{}", render::text(&result));
    // Six digests and the log object behind the finding; eleven more are listed only.
    assert_eq!((result.inputs.valid, result.not_contained, result.in_place), (7, 11, 1));
    let digests = result.digests.as_ref().unwrap();
    assert_eq!((digests.digests.valid, digests.logs.valid, digests.chains[0].not_here), (6, 1, 11));
    let hash = regex::Regex::new("[0-9a-f]{64}").unwrap();
    insta::assert_snapshot!(hash.replace_all(&render::text(&result), "HASH"), @"
    run 20261002T040000Z-00000002
      as of 2026-10-02T04:00:00Z, judged 2026-10-01T16:00:00Z to 2026-10-02T01:00:00Z, 19 objects, exit code 4, assize 0.1.0
    signature: VALID, by the key HASH, which was given
    files of the run: 4 = 4 valid
    copies of what it judged: 7 = 7 valid
    1 object was read in place and not copied: listed with SHA-256 and version, not checked here
    11 objects are listed with SHA-256 and not in the bundle: no finding rests on them, and they are not checked
    not in here: the run before it, 20261002T030000Z-00000001, whose manifest has SHA-256 HASH
    CloudTrail's digests in the bundle:
    111122223333 eu-west-1 trail main.trail_eu-west-1
      VALID         2026-10-01T14:01:31Z to 2026-10-01T20:01:31Z
    digests: 6 = 6 valid
    log objects: 1 = 1 valid
    read again: all digests, and 1 of 12 log objects that they name
    2 public keys: as in the bundle
    11 log objects more that digests name are not here; the run's list, where it speaks of them, agrees
    0 account-region-hours of event time are proven to be complete
    nothing is said of the time after 2026-10-01T20:01:31Z; --until asks for more
    ");
    let other = verify(&first, Some(RUNS[0]), (&[], None), PublicKeys::default()).await;
    assert!(matches!(other, Err(BundleError::OtherRun { .. })));
}

#[tokio::test]
async fn without_the_key_a_bundle_vouches_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = bundled(&bucket(Some(&signer(1))).await, folder.path(), "a.tar.gz").await;
    let result = verify(&path, None, (&[], None), PublicKeys::default()).await.unwrap();
    assert_eq!((result.signature, result.exit()), ("VALID", Exit::Incomplete));
    let path = bundled(&bucket(None).await, folder.path(), "b.tar.gz").await;
    let result = verify(&path, None, (&[], None), PublicKeys::default()).await.unwrap();
    assert_eq!((result.signature, result.exit()), ("UNVERIFIABLE", Exit::Incomplete));
}

/// Takes a bundle apart, changes its folder, and packs it again as assize does: what a forger would do.
async fn repacked(path: &Path, change: impl FnOnce(&Path)) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("inside");
    fs::create_dir(&inside).unwrap();
    assert_eq!(open(path, &inside, Bounds::default()).unwrap(), None);
    change(&inside);
    let out = folder.path().join("again.tar.gz");
    archive::pack(&inside, RUN, &out).unwrap();
    (folder, out)
}

#[tokio::test]
async fn a_bundle_that_is_packed_again_is_no_less_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = bundled(&bucket(Some(&signer(1))).await, folder.path(), "a.tar.gz").await;
    let (_same, same) = repacked(&path, |_| ()).await;
    assert_eq!(fs::read(&path).unwrap(), fs::read(same).unwrap());
    let names = archive::names(&{
        let inside = folder.path().join("inside");
        fs::create_dir(&inside).unwrap();
        open(&path, &inside, Bounds::default()).unwrap();
        inside
    });
    for name in names.unwrap().iter().filter(|name| *name != super::CONTENTS) {
        let (_gone, gone) = repacked(&path, |inside| fs::remove_file(inside.join(name)).unwrap()).await;
        let recovered = name.ends_with("%m") || name.ends_with(".der") && name.starts_with("runs/");
        let result = verified(&gone).await;
        assert!(!proven(&result) || recovered, "{name} is gone");
        let (_changed, changed) = repacked(&path, |inside| {
            let mut bytes = fs::read(inside.join(name)).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(inside.join(name), bytes).unwrap();
        })
        .await;
        let result = verified(&changed).await;
        assert!(!proven(&result) || name.starts_with("runs/_keys/"), "{name} was changed");
    }
    for added in ["evidence/aws/trail-logs/AWSLogs/x.json", "runs/other/run.json", "evidence/%zz", "evidence/_keys/x/hidden%t"] {
        let (_more, more) = repacked(&path, |inside| {
            let at = inside.join(added);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(at, b"planted").unwrap();
        })
        .await;
        assert!(!proven(&verified(&more).await), "{added}");
    }
}

#[tokio::test]
async fn what_is_gone_from_the_audit_bucket_is_told_and_missed() {
    let folder = tempfile::tempdir().unwrap();
    let signed = bucket(Some(&signer(1))).await;
    let whole = bundled(&signed, folder.path(), "a.tar.gz").await;
    let (_inside, out) = repacked(&whole, |inside| {
        let names = archive::names(inside).unwrap();
        let log = names.iter().find(|name| name.contains("/CloudTrail/")).unwrap();
        fs::remove_file(inside.join(log)).unwrap();
    })
    .await;
    let result = verified(&out).await.unwrap();
    assert_eq!(result.inputs.missing, 1, "{}", render::text(&result));
    assert_eq!(result.digests.as_ref().unwrap().logs.missing, 1);
    let none = write(&*signed, "20261002T090000Z-00000009", &folder.path().join("c")).await;
    assert!(matches!(none, Err(BundleError::NoManifest(_))));
    assert!(write(&*signed, "../x", &folder.path().join("c")).await.is_err());
}

/// A tar of these entries, gzipped.
fn tar(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (name, kind, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        if kind.is_symlink() {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

#[test]
fn hostile_archives_are_refused_and_write_nothing_elsewhere() {
    use tar::EntryType::{Directory, Fifo, GNULongName, Link, Regular, Symlink, XHeader};
    let folder = tempfile::tempdir().unwrap();
    let long = [vec![b'a'; 100_000], vec![0]].concat();
    let cases: Vec<Vec<u8>> = vec![
        tar(&[("../escaped", Regular, b"x")]),
        tar(&[("evidence/../../escaped", Regular, b"x")]),
        tar(&[("/tmp/assize-escaped", Regular, b"x")]),
        tar(&[("evidence//x", Regular, b"x")]),
        tar(&[("evidence/./x", Regular, b"x")]),
        tar(&[("other/x", Regular, b"x")]),
        tar(&[("evidence/", Directory, b"")]),
        tar(&[("evidence/x", Symlink, b"")]),
        tar(&[("evidence/x", Link, b"")]),
        tar(&[("evidence/x", Fifo, b"")]),
        tar(&[("evidence/x", XHeader, b"19 path=../escaped\n")]),
        tar(&[("evidence/x", Regular, b"1"), ("evidence/x", Regular, b"2")]),
        tar(&[("evidence/x", Regular, b"1"), ("evidence/x/y", Regular, b"2")]),
        tar(&[("././@LongLink", GNULongName, &long), ("evidence/x", Regular, b"1")]),
        tar(&[("././@LongLink", GNULongName, b"evidence/../../escaped\0"), ("evidence/x", Regular, b"1")]),
        tar(&[("././@LongLink", GNULongName, b"evidence/x\0")]),
        b"not a gzip stream".to_vec(),
        Vec::new(),
    ];
    for (number, bytes) in cases.iter().enumerate() {
        let (path, inside) = (folder.path().join("bundle"), folder.path().join(number.to_string()));
        fs::create_dir(&inside).unwrap();
        fs::write(&path, bytes).unwrap();
        let opened = open(&path, &inside, Bounds::default());
        assert!(matches!(opened, Err(BundleError::NotABundle { .. })), "case {number}: {opened:?}");
        assert!(!folder.path().join("escaped").exists() && !Path::new("/tmp/assize-escaped").exists(), "case {number}");
    }
}

#[test]
fn a_bomb_is_refused_before_it_fills_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (path, inside) = (folder.path().join("bundle"), folder.path().join("inside"));
    fs::create_dir(&inside).unwrap();
    fs::write(&path, tar(&[("evidence/x", tar::EntryType::Regular, &vec![0; 4 << 20])])).unwrap();
    let bounds = Bounds { from: 1 << 20, ..Bounds::default() };
    let error = open(&path, &inside, bounds).unwrap_err();
    assert!(error.to_string().contains("unfolds to more"), "{error}");
    assert!(fs::metadata(inside.join("evidence/x")).unwrap().len() <= 1 << 20);
}

#[test]
fn another_way_of_writing_the_same_files_shows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle");
    let mut other = GzEncoder::new(Vec::new(), Compression::default());
    other.write_all(&[0; 1024]).unwrap();
    let twice = [tar(&[]), tar(&[])].concat();
    for (number, bytes) in [tar(&[("evidence/x", tar::EntryType::Regular, b"x")]), twice].into_iter().enumerate() {
        let inside = folder.path().join(number.to_string());
        fs::create_dir(&inside).unwrap();
        fs::write(&path, bytes).unwrap();
        // The first has no mode; behind the second stands another member.
        assert!(open(&path, &inside, Bounds::default()).unwrap().is_some(), "case {number}");
    }
}

/// What a gzip member holds, and the member's head and end; `None` if it is none, or something follows it.
fn inflated(bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut content = Vec::new();
    let mut reader = flate2::bufread::GzDecoder::new(bytes);
    std::io::Read::read_to_end(&mut reader, &mut content).ok()?;
    if !reader.into_inner().is_empty() {
        return None;
    }
    let (head, end) = (bytes.get(..10)?, bytes.get(bytes.len() - 8..)?);
    Some((content, [head, end].concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_changed_byte_of_a_bundle_is_found(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(async {
            static BUNDLE: tokio::sync::OnceCell<Vec<u8>> = tokio::sync::OnceCell::const_new();
            let folder = tempfile::tempdir().unwrap();
            let whole = BUNDLE.get_or_init(async || {
                let path = bundled(&bucket(Some(&signer(1))).await, folder.path(), "a.tar.gz").await;
                fs::read(path).unwrap()
            }).await;
            let mut bytes = whole.clone();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            // Some bits of a deflate stream mean nothing: before a stored block, and behind the last.
            prop_assume!(inflated(&bytes) != inflated(whole));
            let path = folder.path().join("changed.tar.gz");
            fs::write(&path, bytes).unwrap();
            let result = verified(&path).await;
            prop_assert!(!proven(&result), "byte {at}");
            Ok(())
        })?;
    }
}
