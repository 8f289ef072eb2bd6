//! A run's manifest, written here by hand as docs/evidence.md says, bundled and verified where there is no configuration.

use std::path::Path;

use assize_bucket::{Bucket, LocalFolder, Metadata, PutCondition};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Assize, calm, gzip, log};

const RUN: &str = "20261002T030000Z-0a1b2c3d";
const EVIDENCE: &str = "evidence/aws/logs/AWSLogs/111122223333/CloudTrail/eu-west-1/2026/10/01/\
                        111122223333_CloudTrail_eu-west-1_20261001T0000Z_a.json.gz";

/// As `openssl genpkey -algorithm ed25519` writes it; the seed is 32 times 7.
const KEY: &str = "MC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";

/// A root of a time-stamping authority that stamps nothing here.
const ROOT: &str = include_str!("../fixtures/authority-root.pem");

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The key, and its public half as DER.
fn key() -> (Ed25519KeyPair, Vec<u8>) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    let der = public.as_ref().to_vec();
    (pair, der)
}

fn put(folder: &Path, key: &str, bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let bucket = LocalFolder::create(folder).unwrap();
    runtime.block_on(bucket.put(key, bytes.to_vec(), Metadata::new(), PutCondition::Always)).unwrap();
}

/// An audit folder with one signed run over one object; `finding` says whether a finding rests on it.
fn audit(folder: &Path, finding: bool) {
    let object = gzip(log(&[calm(1)]));
    put(folder, EVIDENCE, &object);
    let line = json!({
        "version": 1, "day": 20_727, "source": "s3://logs", "key": EVIDENCE.strip_prefix("evidence/aws/logs/").unwrap(),
        "version_id": null, "size": object.len(), "stored_sha256": sha256(&object),
        "inflated_sha256": sha256(log(&[calm(1)]).as_bytes()), "evidence_key": EVIDENCE, "status": "taken", "note": null
    });
    let findings = if finding { format!("{}\n", json!({"object": EVIDENCE})) } else { String::new() };
    let files = [
        ("findings.jsonl", findings.into_bytes()),
        ("inputs.jsonl.gz", gzip(format!("{line}\n"))),
        ("report.html", b"<p>a report</p>".to_vec()),
        ("run.json", b"{}\n".to_vec()),
    ];
    let (pair, public) = key();
    let keyid = sha256(&public);
    let subject: Vec<String> = files
        .iter()
        .map(|(name, bytes)| {
            format!(
                "    {{\n      \"name\": \"{name}\",\n      \"digest\": {{\n        \"sha256\": \"{}\"\n      }}\n    }}",
                sha256(bytes)
            )
        })
        .collect();
    let manifest = format!(
        "{{\n  \"_type\": \"https://in-toto.io/Statement/v1\",\n  \"subject\": [\n{}\n  ],\n  \"predicateType\": \
         \"https://assize.dev/run/v1\",\n  \"predicate\": {{\n    \"run\": \"{RUN}\",\n    \"command\": \"run\",\n    \"tool\": \
         \"0.1.0\",\n    \"as_of\": \"2026-10-02T03:00:00Z\",\n    \"since\": \"2026-10-01T00:00:00Z\",\n    \"horizon\": \
         \"2026-10-02T00:00:00Z\",\n    \"configuration_sha256\": \"{keyid}\",\n    \"policies_sha256\": \"{keyid}\",\n    \
         \"policies\": [],\n    \"inputs\": {{\n      \"objects\": 1,\n      \"bytes\": {},\n      \"copied\": 1,\n      \
         \"first_day\": 20726,\n      \"last_day\": 20729\n    }},\n    \"exit_code\": 0,\n    \"signed_with\": \"{keyid}\",\n    \
         \"previous\": null\n  }}\n}}\n",
        subject.join(",\n"),
        object.len()
    );
    let kind = "application/vnd.in-toto+json";
    let signature = pair.sign(format!("DSSEv1 {} {kind} {} {manifest}", kind.len(), manifest.len()).as_bytes());
    let envelope = format!(
        "{{\n  \"payload\": \"{}\",\n  \"payloadType\": \"{kind}\",\n  \"signatures\": [\n    {{\n      \"keyid\": \
         \"{keyid}\",\n      \"sig\": \"{}\"\n    }}\n  ]\n}}\n",
        STANDARD.encode(&manifest),
        STANDARD.encode(signature)
    );
    let written = [("manifest.json", manifest.into_bytes()), ("manifest.dsse.json", envelope.into_bytes())];
    for (name, bytes) in files.iter().chain(&written) {
        put(folder, &format!("runs/{RUN}/{name}"), bytes);
    }
    put(folder, &format!("runs/_keys/{keyid}.der"), &public);
}

/// Everything in a folder of its own, and the bundle alone in another.
fn bundled(finding: bool) -> (Assize, Assize) {
    let (here, elsewhere) = (Assize::new(), Assize::new());
    audit(&here.path("audit"), finding);
    let bundle = here.run(&["bundle", "audit", "--run", RUN]);
    assert_eq!(bundle.code, 0, "{}{}", bundle.out, bundle.err);
    assert!(bundle.out.contains(&format!("assize-{RUN}.tar.gz: ")), "{}", bundle.out);
    elsewhere.file("bundle.tar.gz", std::fs::read(here.path(&format!("assize-{RUN}.tar.gz"))).unwrap());
    for at in [&here, &elsewhere] {
        at.file("public.der", key().1);
    }
    (here, elsewhere)
}

#[test]
fn a_bundle_is_verified_where_nothing_is_configured() {
    let (here, elsewhere) = bundled(false);
    let ran = elsewhere.run(&["verify", "bundle.tar.gz", "--public-key", "public.der"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("1 object is listed with SHA-256 and not in the bundle"), "{}", ran.out);
    let alone = elsewhere.run(&["verify", "bundle.tar.gz"]);
    assert_eq!(alone.code, 3, "{}", alone.out);
    assert!(alone.out.contains("it vouches for itself"), "{}", alone.out);
    let replay = elsewhere.run(&["verify", "bundle.tar.gz", "--replay"]);
    assert!(replay.code == 2 && replay.err.contains("it cannot be judged again"), "{}", replay.err);
    let json = elsewhere.run(&["verify", "bundle.tar.gz", "--public-key", "public.der", "--format", "json"]);
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&json["version"], &json["run"], &json["vouched"]), (&json!(1), &json!(RUN), &json!("given")));

    let run = ["verify", "audit", "--run", RUN, "--public-key", "public.der"];
    let whole = here.run(&run);
    assert_eq!(whole.code, 0, "{}{}", whole.out, whole.err);
    put(&here.path("audit"), &format!("runs/{RUN}/report.html"), b"<p>another report</p>");
    let changed = here.run(&run);
    assert_eq!(changed.code, 1, "{}", changed.out);
    assert!(changed.out.contains(&format!("INVALID       output runs/{RUN}/report.html: ")), "{}", changed.out);
    let again = here.run(&["bundle", "audit", "--run", RUN, "--out", "again.tar.gz"]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert_eq!(here.run(&["verify", "again.tar.gz", "--public-key", "public.der"]).code, 1);
}

#[test]
fn evidence_behind_findings_is_in_the_bundle_and_without_digests_not_proven_to_be_amazons() {
    let (_here, elsewhere) = bundled(true);
    let ran = elsewhere.run(&["verify", "bundle.tar.gz", "--public-key", "public.der"]);
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("copies of what it judged: 1 = 1 valid"), "{}", ran.out);
    assert!(ran.out.contains("log file validation was off, or the digests are gone"), "{}", ran.out);
}

#[test]
fn what_is_no_bundle_or_no_run_says_what_to_do() {
    let (here, elsewhere) = bundled(false);
    elsewhere.file("cut.tar.gz", &std::fs::read(elsewhere.path("bundle.tar.gz")).unwrap()[..500]);
    elsewhere.file("text.tar.gz", "no bundle");
    for file in ["cut.tar.gz", "text.tar.gz"] {
        let ran = elsewhere.run(&["verify", file]);
        assert!(ran.code == 2 && ran.err.contains("is no bundle of `assize bundle`"), "{}", ran.err);
    }
    let ran = here.run(&["verify", "audit", "--run", "20261002T030000Z-none"]);
    assert!(ran.code == 2 && ran.err.contains("look under runs/"), "{}", ran.err);
    let ran = here.run(&["bundle", "audit", "--run", "20261002T030000Z-none"]);
    assert!(ran.code == 2 && ran.err.contains("has no manifest"), "{}", ran.err);
    let ran = here.run(&["verify", "audit", "--public-key", "public.der"]);
    assert!(ran.code == 2 && ran.err.contains("--run"), "{}", ran.err);
    let ran = here.run(&["verify", "audit", "--run", RUN, "--format", "junit"]);
    assert!(ran.code == 2 && ran.err.contains("text or json"), "{}", ran.err);
    here.file("roots.pem", ROOT);
    let unstamped = here.run(&["verify", "audit", "--run", RUN, "--public-key", "public.der", "--time-stamp-roots", "roots.pem"]);
    assert_eq!(unstamped.code, 1, "{}{}", unstamped.out, unstamped.err);
    assert!(unstamped.out.contains("MISSING       time-stamp "), "{}", unstamped.out);
    let ran = here.run(&["verify", "audit", "--time-stamp-roots", "roots.pem"]);
    assert!(ran.code == 2 && ran.err.contains("--run"), "{}", ran.err);
    here.file("wrong.pem", "no key");
    let ran = here.run(&["verify", "audit", "--run", RUN, "--time-stamp-roots", "wrong.pem"]);
    assert!(ran.code == 2 && ran.err.contains("holds no certificates"), "{}", ran.err);
    let ran = here.run(&["verify", "audit", "--run", RUN, "--public-key", "wrong.pem"]);
    assert!(ran.code == 2 && ran.err.contains("openssl pkey"), "{}", ran.err);
}

#[test]
fn a_run_with_a_bad_signing_key_stops_before_anything_is_fetched() {
    let assize = Assize::new();
    assize.file("signing.pem", "-----BEGIN PRIVATE KEY-----\ncanary-7f3a\n-----END PRIVATE KEY-----\n");
    let config = |signing: &str| {
        format!("name: e\naudit: {{bucket: 'file://audit'}}\naccounts: {{list: [111122223333]}}\nsigning: {{{signing}}}\n")
    };
    assize.file("roots.pem", "no roots");
    let stamped = "key-file: good.pem}\ntime-stamp: {url: 'http://127.0.0.1:9/', roots: roots.pem";
    assize.file("good.pem", format!("-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n"));
    for (signing, says) in [
        ("key-file: signing.pem", "its PEM block is damaged"),
        ("key-env: ASSIZE_NO_KEY", "ASSIZE_NO_KEY is not set"),
        (stamped, "roots.pem holds no certificates"),
    ] {
        assize.file("assize.yaml", config(signing));
        let ran = assize.run(&["-vvvv", "run"]);
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains("nothing was read") && ran.err.contains(says) && !ran.err.contains("canary"), "{}", ran.err);
        assert!(!assize.path("audit").exists());
    }
}
