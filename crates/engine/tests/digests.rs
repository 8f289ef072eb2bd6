//! Chains of digests, whole and tampered with: whatever is changed, taken away, put in or exchanged is found and named.
//!
//! Signatures here are a keyed hash in place of RSA, so that thousands of chains take a breath; with real keys the
//! application's tests do the same.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what the tests share fails by panicking, as tests do")]

use std::collections::BTreeMap;

use assize_engine::digest::{
    Check, Content, DigestDocument, Doubt, Expected, Fault, FoundDigest, Held, Keys, Unreadable, Window, check, complete,
    judge_log,
};
use assize_engine::time;
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const HOUR: i64 = 3_600;
const START: i64 = 1_790_000_000;
const BUCKET: &str = "trail-logs";

fn hash(text: &[u8]) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A key signs by hashing its name with the text.
fn sign(key: &str, text: &str) -> String {
    hash(format!("{key}\0{text}").as_bytes())
}

struct Known(Vec<&'static str>);

impl Keys for Known {
    fn verify(&self, fingerprint: &str, text: &[u8], signature: &[u8]) -> Option<bool> {
        self.0.contains(&fingerprint).then(|| {
            let signature: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
            sign(fingerprint, std::str::from_utf8(text).unwrap()) == signature
        })
    }
}

#[derive(Clone, Debug)]
struct Stored {
    key: String,
    text: String,
    signature: Option<String>,
    algorithm: Option<String>,
    trailing: u64,
}

/// A chain as CloudTrail writes it: `hours` windows from `START` on, begun anew after each hour in `stops`.
#[derive(Clone, Debug)]
struct Written {
    digests: Vec<Stored>,
    /// Content of the log objects by key.
    logs: BTreeMap<String, String>,
}

fn name(kind: &str, at: i64, rest: &str) -> String {
    let stamp = time::format(at).replace(['-', ':'], "");
    let day = time::format(at).get(..10).unwrap().replace('-', "/");
    let folder = if kind == "CloudTrail-Digest" { kind } else { "CloudTrail" };
    let stamp = if kind == "CloudTrail-Digest" { stamp } else { format!("{}Z", stamp.get(..13).unwrap()) };
    let (before, after) =
        if kind == "CloudTrail-Digest" { (format!("{rest}_"), String::new()) } else { (String::new(), format!("_{rest}")) };
    format!(
        "AWSLogs/o-abcdefghij/111111111111/{folder}/eu-west-1/{day}/111111111111_{kind}_eu-west-1_{before}{stamp}{after}.json.gz"
    )
}

fn write(hours: usize, logs_per_hour: usize, stops: &[usize], rotation: usize) -> Written {
    let (mut digests, mut logs): (Vec<Stored>, _) = (Vec::new(), BTreeMap::new());
    let mut previous: Option<Stored> = None;
    for hour in 0..hours {
        // Windows are not aligned to the hour: START is 13:33:20.
        let (start, end) = (START + hour as i64 * HOUR, START + (hour as i64 + 1) * HOUR);
        if stops.contains(&hour) {
            previous = None;
            continue;
        }
        let mut files = Vec::new();
        for number in 0..logs_per_hour {
            let key = name("CloudTrail", start + 300 * number as i64, &format!("log{hour}x{number}"));
            let text = format!("{{\"Records\":[{hour},{number}]}}");
            files.push(json!({
                "s3Bucket": BUCKET, "s3Object": key, "hashValue": hash(text.as_bytes()), "hashAlgorithm": "SHA-256",
                "oldestEventTime": time::format(start - 200), "newestEventTime": time::format(start),
            }));
            logs.insert(key, text);
        }
        let fingerprint = if hour < rotation { "aa" } else { "bb" };
        let key = name("CloudTrail-Digest", end, "a.trail_of-ours_eu-west-1");
        let text = json!({
            "awsAccountId": "111111111111", "digestStartTime": time::format(start), "digestEndTime": time::format(end),
            "digestS3Bucket": BUCKET, "digestS3Object": key, "digestPublicKeyFingerprint": fingerprint,
            "digestSignatureAlgorithm": "SHA256withRSA",
            "previousDigestS3Bucket": previous.as_ref().map(|_| BUCKET),
            "previousDigestS3Object": previous.as_ref().map(|one| &one.key),
            "previousDigestHashValue": previous.as_ref().map(|one| hash(one.text.as_bytes())),
            "previousDigestHashAlgorithm": previous.as_ref().map(|_| "SHA-256"),
            "previousDigestSignature": previous.as_ref().map(|one| &one.signature),
            "logFiles": files,
        })
        .to_string();
        let document = DigestDocument::read(text.as_bytes()).unwrap();
        let signature = Some(sign(fingerprint, &document.signed_text(&hash(text.as_bytes()))));
        let stored = Stored { key, text, signature, algorithm: Some("SHA256withRSA".into()), trailing: 0 };
        previous = Some(stored.clone());
        digests.push(stored);
    }
    Written { digests, logs }
}

impl Stored {
    fn found(&self) -> FoundDigest {
        FoundDigest {
            place: (BUCKET.to_owned(), self.key.clone()),
            content: Ok(Content {
                inflated_sha256: hash(self.text.as_bytes()),
                document: DigestDocument::read(self.text.as_bytes()),
                signature: self.signature.clone(),
                algorithm: self.algorithm.clone(),
                trailing: self.trailing,
            }),
        }
    }

    fn field(&mut self, name: &str, value: Value) {
        let mut text: Value = serde_json::from_str(&self.text).unwrap();
        text[name] = value;
        self.text = text.to_string();
    }
}

fn expected(hours: usize) -> Expected {
    Expected { span: START..START + hours as i64 * HOUR, validating: true }
}

/// What a whole verification says: digests that are not valid, log objects that are not valid, windows, complete hours.
type Said = (BTreeMap<String, Check>, BTreeMap<String, Check>, Vec<(std::ops::Range<i64>, Window)>, u64);

fn verify(digests: Vec<FoundDigest>, logs: &BTreeMap<String, String>, hours: usize) -> Said {
    let chain = check(digests, &expected(hours), &Known(vec!["aa", "bb"]));
    let (mut bad, mut doubtful) = (BTreeMap::new(), Vec::new());
    let mut named = BTreeMap::new();
    for document in chain.digests.iter().filter_map(|digest| digest.document.as_ref()) {
        for entry in &document.logs {
            let held = logs.get(&entry.place.1).map_or(Held::Absent, |text| Held::Hash(hash(text.as_bytes())));
            named.insert(entry.place.1.clone(), ());
            match judge_log(entry, &held) {
                Check::Valid => {}
                other => {
                    doubtful.push(entry.oldest_event.unwrap()..entry.newest_event.unwrap() + 1);
                    bad.insert(entry.place.1.clone(), other);
                }
            }
        }
    }
    for key in logs.keys().filter(|key| !named.contains_key(*key)) {
        bad.insert(key.clone(), Check::Orphan);
    }
    let hours = complete(&chain.windows, &doubtful, HOUR).count();
    let digests = chain.digests.into_iter().filter(|digest| digest.check != Check::Valid);
    (digests.map(|digest| (digest.place.1, digest.check)).collect(), bad, chain.windows, hours)
}

fn untouched(written: &Written, hours: usize) -> Said {
    verify(written.digests.iter().map(Stored::found).collect(), &written.logs, hours)
}

#[test]
fn a_whole_chain_is_valid_across_a_change_of_keys() {
    let written = write(24, 3, &[], 10);
    let (digests, logs, windows, hours) = untouched(&written, 24);
    assert!(digests.is_empty() && logs.is_empty(), "{digests:?} {logs:?}");
    assert_eq!(windows, [(expected(24).span, Window::Valid)]);
    // 24 windows that begin within an hour hold 23 whole hours; the last waits for what is delivered late.
    assert_eq!(hours, 22);
}

#[test]
fn empty_hours_are_proven_too() {
    let (digests, _, windows, hours) = untouched(&write(24, 0, &[], 99), 24);
    assert!(digests.is_empty());
    assert_eq!((windows.len(), hours), (1, 22));
}

#[test]
fn a_stop_is_a_gap_and_not_a_loss() {
    let (digests, logs, windows, _) = untouched(&write(24, 1, &[7, 8], 99), 24);
    assert!(digests.is_empty() && logs.is_empty());
    let gap = START + 7 * HOUR..START + 9 * HOUR;
    assert_eq!(windows.get(1), Some(&(gap, Window::Gap)));
    assert_eq!(windows.len(), 3);
}

#[test]
fn what_is_gone_at_the_end_or_altogether_is_missing() {
    let written = write(24, 1, &[], 99);
    let found: Vec<_> = written.digests.iter().take(20).map(Stored::found).collect();
    let (_, orphans, windows, _) = verify(found, &written.logs, 24);
    assert_eq!(windows.last(), Some(&(START + 20 * HOUR..START + 24 * HOUR, Window::Missing)));
    assert_eq!(orphans.len(), 4);
    let (_, orphans, windows, hours) = verify(Vec::new(), &written.logs, 24);
    assert_eq!(windows, [(expected(24).span, Window::Missing)]);
    assert_eq!((orphans.len(), hours), (24, 0));
    let off = Expected { validating: false, ..expected(24) };
    assert_eq!(check(Vec::new(), &off, &Known(vec![])).windows, [(off.span.clone(), Window::Unverifiable)]);
}

#[test]
fn an_older_valid_digest_under_a_newer_name_is_told() {
    let mut written = write(6, 1, &[], 99);
    let (older, newer) = (written.digests[2].clone(), &mut written.digests[3]);
    (newer.text, newer.signature) = (older.text, older.signature);
    let key = written.digests[3].key.clone();
    let (digests, ..) = untouched(&written, 6);
    assert!(matches!(digests.get(&key), Some(Check::Invalid(Fault::OtherPlace(_)))), "{digests:?}");
}

#[test]
fn a_chain_signed_anew_with_an_unknown_key_is_not_believed() {
    let mut written = write(6, 1, &[], 99);
    let forged = &mut written.digests[3];
    forged.field("digestPublicKeyFingerprint", json!("cc"));
    forged.signature = Some(sign("cc", "whatever"));
    let key = forged.key.clone();
    let (digests, _, windows, _) = untouched(&written, 6);
    assert_eq!(digests.get(&key), Some(&Check::Invalid(Fault::Replaced)), "the digest after it names other content");
    assert!(windows.iter().any(|(_, window)| *window == Window::Invalid));
    // The newest has no digest after it that could tell.
    let mut written = write(6, 1, &[], 99);
    let last = written.digests.last_mut().unwrap();
    last.field("digestPublicKeyFingerprint", json!("cc"));
    let (digests, ..) = untouched(&written, 6);
    assert_eq!(digests.into_values().collect::<Vec<_>>(), [Check::Unverifiable(Doubt::NoKey("cc".into()))]);
}

#[test]
fn lost_metadata_is_recovered_from_the_digest_after_it() {
    let mut written = write(6, 1, &[], 99);
    written.digests.iter_mut().for_each(|digest| (digest.signature, digest.algorithm) = (None, None));
    let chain = check(written.digests.iter().map(Stored::found).collect(), &expected(6), &Known(vec!["aa"]));
    let states: Vec<_> = chain.digests.iter().map(|digest| (digest.check.name(), digest.recovered)).collect();
    assert_eq!(states[..5], [("VALID", true); 5]);
    assert_eq!(states[5], ("UNVERIFIABLE", false));
}

#[test]
fn algorithms_bytes_behind_and_denials_have_their_names() {
    let tampered = |change: &dyn Fn(&mut Stored)| {
        let mut written = write(6, 1, &[], 99);
        change(&mut written.digests[3]);
        untouched(&written, 6).0.into_values().collect::<Vec<_>>()
    };
    let none = tampered(&|digest| digest.algorithm = Some("none".into()));
    assert_eq!(none, [Check::Invalid(Fault::Algorithm("none".into()))]);
    assert_eq!(tampered(&|digest| digest.trailing = 7), [Check::Invalid(Fault::Trailing(7))]);
    let mut found: Vec<_> = write(6, 1, &[], 99).digests.iter().map(Stored::found).collect();
    found[3].content = Err(Unreadable::Denied("kms:Decrypt".into()));
    let (digests, _, windows, _) = verify(found, &BTreeMap::new(), 6);
    assert_eq!(digests.into_values().collect::<Vec<_>>(), [Check::Unverifiable(Doubt::Unreadable("kms:Decrypt".into()))]);
    assert_eq!(windows.len(), 3, "what follows is checked all the same");
}

#[derive(Clone, Debug)]
enum Tampering {
    DropDigest(usize),
    DropLog(usize),
    ChangeLog(usize),
    AddLog(usize),
    SwapLogs(usize, usize),
    SwapDigests(usize, usize),
    ChangeDigest(usize, usize, u8),
    RenameDigest(usize),
    DropLogFromDigest(usize),
}

fn tampering() -> impl Strategy<Value = Tampering> {
    use Tampering::*;
    let at = 0..1000_usize;
    prop_oneof![
        at.clone().prop_map(DropDigest),
        at.clone().prop_map(DropLog),
        at.clone().prop_map(ChangeLog),
        at.clone().prop_map(AddLog),
        (at.clone(), at.clone()).prop_map(|(a, b)| SwapLogs(a, b)),
        (at.clone(), at.clone()).prop_map(|(a, b)| SwapDigests(a, b)),
        (at.clone(), at.clone(), 1..255_u8).prop_map(|(a, b, c)| ChangeDigest(a, b, c)),
        at.clone().prop_map(RenameDigest),
        at.prop_map(DropLogFromDigest),
    ]
}

/// Tampers, and says which keys must be named for it; none if nothing came of it.
fn tamper(written: &mut Written, how: &Tampering) -> Vec<String> {
    let log = |at: &usize| written.logs.keys().nth(at % written.logs.len().max(1)).cloned().unwrap();
    let count = written.digests.len();
    match how {
        Tampering::DropDigest(at) => vec![written.digests.remove(at % count).key],
        Tampering::DropLog(at) => {
            let key = log(at);
            written.logs.remove(&key);
            vec![key]
        }
        Tampering::ChangeLog(at) => {
            let key = log(at);
            written.logs.get_mut(&key).unwrap().push(' ');
            vec![key]
        }
        Tampering::AddLog(at) => {
            let key = format!("{}x.json.gz", log(at));
            written.logs.insert(key.clone(), "{}".into());
            vec![key]
        }
        Tampering::SwapLogs(a, b) => {
            let (a, b) = (log(a), log(b));
            if a == b {
                return Vec::new();
            }
            let (of_a, of_b) = (written.logs[&a].clone(), written.logs[&b].clone());
            written.logs.insert(a.clone(), of_b);
            written.logs.insert(b.clone(), of_a);
            vec![a, b]
        }
        Tampering::SwapDigests(a, b) => {
            let (a, b) = (a % count, b % count);
            if a == b {
                return Vec::new();
            }
            let keys = [written.digests[a].key.clone(), written.digests[b].key.clone()];
            written.digests.swap(a, b);
            [written.digests[a].key, written.digests[b].key] = keys.clone();
            keys.to_vec()
        }
        Tampering::ChangeDigest(at, byte, by) => {
            let digest = &mut written.digests[at % count];
            let mut bytes = std::mem::take(&mut digest.text).into_bytes();
            let byte = byte % bytes.len();
            bytes[byte] = bytes[byte].wrapping_add(*by) & 0x7f;
            let changed = String::from_utf8(bytes).unwrap();
            let same = changed == written.digests[at % count].text;
            written.digests[at % count].text = changed;
            if same { Vec::new() } else { vec![written.digests[at % count].key.clone()] }
        }
        Tampering::RenameDigest(at) => {
            let digest = &mut written.digests[at % count];
            digest.key = digest.key.replace("a.trail", "b.trail");
            vec![digest.key.clone()]
        }
        Tampering::DropLogFromDigest(at) => {
            let digest = &mut written.digests[at % count];
            digest.field("logFiles", json!([]));
            vec![digest.key.clone()]
        }
    }
}

proptest! {
    #[test]
    fn every_tampering_is_found_and_located(
        hours in 2..12_usize,
        logs in 1..4_usize,
        stops in proptest::collection::vec(1..11_usize, 0..3),
        rotation in 0..12_usize,
        how in tampering(),
    ) {
        let mut written = write(hours, logs, &stops, rotation);
        let before = written.clone();
        let clean = untouched(&written, hours);
        let named = tamper(&mut written, &how);
        let unchanged = before.digests.iter().zip(&written.digests).all(|(a, b)| a.text == b.text && a.key == b.key)
            && before.digests.len() == written.digests.len() && before.logs == written.logs;
        prop_assume!(!named.is_empty() && !unchanged);
        let (digests, logs, windows, complete) = untouched(&written, hours);
        prop_assert!(complete <= clean.3);
        let told = |key: &String| digests.contains_key(key) || logs.contains_key(key);
        // The newest digest, or the last before a stop, is missed by its window and not by name.
        let by_window = matches!(how, Tampering::DropDigest(_)) && windows != clean.2;
        prop_assert!(by_window || named.iter().all(told), "{how:?} {named:?} {digests:?} {logs:?} {windows:?}");
    }
}
