//! What a run over the seeded organisation puts out is signed, chained, bundled, and verified without AWS.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use serde_json::Value;

use super::boto;
use super::collecting::{Audit, files, seeded};
use super::environment::{Emulator, variables};
use super::organization::HUB_ACCOUNT;

/// As `openssl genpkey -algorithm ed25519` writes it; the seed is 32 times 7.
const KEY: &str = "MC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";

/// A root of a time-stamping authority that stamps nothing here.
const ROOT: &str = include_str!("../fixtures/authority-root.pem");

#[test]
fn runs_are_signed_chained_and_verified_alone() {
    let emulator = Emulator::start();
    seeded(&emulator, 3);
    let audit = Audit::of_everything(&emulator.url);
    let config = std::fs::read_to_string(audit.path("assize.yaml")).unwrap();
    let unsigned = audit.run("2026-10-04T03:00:00Z", &["--since", "2026-10-01"]);
    let notes = |document: &Value| document["scope"]["notes"].to_string();
    assert!(notes(&unsigned.document).contains("is not signed"), "{}", notes(&unsigned.document));
    std::fs::write(audit.path("assize.yaml"), config + "signing: {key-file: signing.pem}\n").unwrap();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n");
    std::fs::write(audit.path("signing.pem"), pem).unwrap();
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    std::fs::write(audit.path("public.der"), public.as_ref()).unwrap();
    let signed = audit.run("2026-10-04T05:00:00Z", &["--since", "2026-10-01"]);
    assert!(!notes(&signed.document).contains("is not signed"), "{}", notes(&signed.document));
    let run = signed.document["scope"]["run_id"].as_str().unwrap();

    let verify = |more: &[&str]| {
        let args = [&["verify", "--format", "json", "--public-key", "public.der"], more].concat();
        let output = audit.command(&args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
        (output.status.code().unwrap(), document)
    };
    let (code, verified) = verify(&["--run", run]);
    assert_eq!(code, 0, "{verified:#}");
    assert_eq!((&verified["signature"], &verified["chain"]["valid"]), (&"VALID".into(), &2.into()));
    assert_eq!(verified["first_run"], unsigned.document["scope"]["run_id"]);
    let count = |pointer: &str| verified.pointer(pointer).and_then(Value::as_u64).unwrap();
    assert!(count("/inputs/valid") > 0 && count("/in_place") > 0, "{verified:#}");
    assert_eq!(count("/said/objects"), count("/inputs/valid") + count("/in_place"));

    let bundled = audit.command(&["bundle", "--run", run, "--out", "bundle.tar.gz"]).output().unwrap();
    assert!(bundled.status.success(), "{}", String::from_utf8_lossy(&bundled.stderr));
    std::fs::remove_file(audit.path("assize.yaml")).unwrap();
    // The scene's digests are not signed by AWS, which the verification says; so the exit code is theirs.
    let (_, alone) = verify(&["bundle.tar.gz"]);
    assert_eq!(alone["objects"], Value::Array(Vec::new()), "{alone:#}");
    assert_eq!((&alone["signature"], &alone["outputs"]), (&"VALID".into(), &verified["outputs"]));
    assert!(!signed.findings().is_empty());
    assert!(alone.pointer("/inputs/valid").and_then(Value::as_u64) > Some(0), "{alone:#}");
    for (name, bytes) in files(&audit.path("audit")) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(KEY) && !bytes.windows(32).any(|part| part == [7; 32]), "the key is in {name}");
    }
}

#[test]
fn a_key_in_kms_signs_what_its_public_half_verifies() {
    let emulator = Emulator::start();
    seeded(&emulator, 1);
    let audit = Audit::of_one(&emulator.url, "audit-signed");
    let lines = "kms = client('kms')\nclient('s3').create_bucket(Bucket='audit-signed')\n\
                 made = kms.create_key(KeySpec='ECC_NIST_P256', KeyUsage='SIGN_VERIFY')['KeyMetadata']['Arn']\n\
                 other = kms.create_key(KeySpec='RSA_2048', KeyUsage='SIGN_VERIFY')['KeyMetadata']['Arn']\n\
                 print(json.dumps([made, other, list(kms.get_public_key(KeyId=made)['PublicKey'])]))\n";
    let made = boto(variables(&emulator.url, &format!("AKIA{HUB_ACCOUNT}")), lines);
    let public: Vec<u8> = serde_json::from_value(made[2].clone()).unwrap();
    std::fs::write(audit.path("public.der"), public).unwrap();
    let config = std::fs::read_to_string(audit.path("assize.yaml")).unwrap();
    let sign = |arn: &Value| {
        std::fs::write(audit.path("assize.yaml"), format!("{config}signing: {{kms: {arn}}}\n")).unwrap();
        audit.run("2026-10-02T05:00:00Z", &["--since", "2026-10-01"])
    };
    let refused = sign(&made[1]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(refused.err.contains("nothing was read") && refused.err.contains("not of the kind ECC_NIST_P256"), "{}", refused.err);
    let signed = sign(&made[0]);
    let run = signed.document["scope"]["run_id"].as_str().unwrap_or_else(|| panic!("{}", signed.err));
    let verified = audit.command(&["verify", "--run", run, "--public-key", "public.der"]).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stdout);
    assert!(verified.status.success() && said.contains("signature: VALID, by the key"), "{said}");
}

#[test]
fn an_authority_that_is_away_loses_no_run_and_shows_in_it_and_in_the_next_report() {
    let emulator = Emulator::start();
    seeded(&emulator, 3);
    let audit = Audit::of_everything(&emulator.url);
    let config = std::fs::read_to_string(audit.path("assize.yaml")).unwrap();
    // Nobody listens on the port of discard.
    let stamped = "signing: {key-file: signing.pem}\ntime-stamp: {url: 'http://127.0.0.1:9/tsa', roots: roots.pem}\n";
    std::fs::write(audit.path("assize.yaml"), config + stamped).unwrap();
    std::fs::write(audit.path("signing.pem"), format!("-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n"))
        .unwrap();
    std::fs::write(audit.path("roots.pem"), ROOT).unwrap();
    let notes = |document: &Value| document["scope"]["notes"].to_string();
    let first = audit.run("2026-10-04T03:00:00Z", &["--since", "2026-10-01"]);
    assert!(!notes(&first.document).contains("time stamp"), "{}", notes(&first.document));
    let run = first.document["scope"]["run_id"].as_str().unwrap();
    let output = audit.command(&["verify", "--run", run, "--format", "json"]).output().unwrap();
    let verified: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &verified["signature"]), (Some(3), &"VALID".into()), "{verified:#}");
    let told = verified["objects"].to_string();
    assert!(told.contains("asked for a time stamp and got none: no connection"), "{told}");
    let second = audit.run("2026-10-04T05:00:00Z", &["--since", "2026-10-01"]);
    let said = format!("the manifest of the run {run} has no time stamp: no connection");
    assert!(notes(&second.document).contains(&said), "{}", notes(&second.document));
}
