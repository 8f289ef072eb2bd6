//! A chain with real RSA keys, as CloudTrail writes it. For tests.

use std::io::Write as _;
use std::sync::OnceLock;

use assize_engine::digest::DigestDocument;
use assize_engine::time;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use flate2::{Compression, write::GzEncoder};
use serde_json::json;

use crate::state::{hex, sha256};

pub(crate) const HOUR: i64 = 3_600;

/// The bucket that CloudTrail writes to.
pub(crate) const BUCKET: &str = "trail-logs";
/// 2026-10-01T14:01:31Z: AWS's windows are not aligned to the hour.
pub(crate) const START: i64 = 1_790_863_291;

/// Making a key takes long, so all tests share two.
pub(crate) fn key(number: usize) -> &'static RsaKeyPair {
    static KEYS: OnceLock<[RsaKeyPair; 2]> = OnceLock::new();
    let make = || RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    &KEYS.get_or_init(|| [make(), make()])[number]
}

pub(crate) fn public(number: usize) -> Vec<u8> {
    // CloudTrail's form: PKCS #1, which is what aws-lc gives as the public key's own encoding.
    key(number).public_key().as_ref().to_vec()
}

pub(crate) fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A digest before it is stored.
#[derive(Clone)]
pub(crate) struct Digest {
    pub(crate) key: String,
    pub(crate) text: String,
    pub(crate) signature: String,
}

#[derive(Clone)]
pub(crate) struct Written {
    pub(crate) digests: Vec<Digest>,
    /// Key and inflated text.
    pub(crate) logs: Vec<(String, String)>,
}

/// Six windows from [`START`] on, two log objects each, the key changed after the third.
pub(crate) fn written(account: &str) -> Written {
    written_from(account, START)
}

/// The same, from another time on.
pub(crate) fn written_from(account: &str, first: i64) -> Written {
    written_late(account, first, |_| 0)
}

/// The same; the first log object of a window has events from so many seconds before it.
pub(crate) fn written_late(account: &str, first: i64, late: impl Fn(i64) -> i64) -> Written {
    let (mut digests, mut logs): (Vec<Digest>, _) = (Vec::new(), Vec::new());
    for hour in 0..6 {
        let (start, end) = (first + hour * HOUR, first + (hour + 1) * HOUR);
        let stamp = |at: i64| time::format(at).replace(['-', ':'], "");
        let place = |folder: &str, name: &str, at: i64| {
            let day = time::format(at).get(..10).unwrap().replace('-', "/");
            format!("AWSLogs/{account}/{folder}/eu-west-1/{day}/{account}_{folder}_eu-west-1_{name}.json.gz")
        };
        let mut files = Vec::new();
        for number in 0..2 {
            let at = start + 300 + 600 * number;
            let minute = stamp(at).get(..13).unwrap().to_owned();
            let (key, text) =
                (place("CloudTrail", &format!("{minute}Z_log{number}"), at), format!("{{\"Records\":[{hour},{number}]}}"));
            files.push(json!({"s3Bucket": "trail-logs", "s3Object": key, "hashValue": sha256(text.as_bytes()), "hashAlgorithm": "SHA-256",
                "oldestEventTime": time::format(start - if number == 0 { late(hour) } else { 0 }), "newestEventTime": time::format(start + 60)}));
            logs.push((key, text));
        }
        let signer = usize::from(hour > 2);
        let key_name = place("CloudTrail-Digest", &format!("main.trail_eu-west-1_{}", stamp(end)), end);
        let last = digests.last();
        let fingerprint = if signer == 0 { "aa" } else { "bb" };
        let text = json!({
            "awsAccountId": account, "digestStartTime": time::format(start), "digestEndTime": time::format(end),
            "digestS3Bucket": "trail-logs", "digestS3Object": key_name, "digestPublicKeyFingerprint": fingerprint,
            "digestSignatureAlgorithm": "SHA256withRSA", "newestEventTime": null, "oldestEventTime": null,
            "previousDigestS3Bucket": last.map(|_| "trail-logs"), "previousDigestS3Object": last.map(|last| &last.key),
            "previousDigestHashValue": last.map(|last| sha256(last.text.as_bytes())),
            "previousDigestHashAlgorithm": last.map(|_| "SHA-256"), "previousDigestSignature": last.map(|last| &last.signature),
            "logFiles": files,
        })
        .to_string();
        let signed = DigestDocument::read(text.as_bytes()).unwrap().signed_text(&sha256(text.as_bytes()));
        let mut signature = vec![0; key(signer).public_modulus_len()];
        key(signer).sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        let signature = hex(&signature);
        digests.push(Digest { key: key_name, text, signature });
    }
    Written { digests, logs }
}
