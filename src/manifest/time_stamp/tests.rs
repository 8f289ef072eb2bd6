//! Time stamps of an authority by other people: `openssl ts`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use super::*;

/// What the certificate of an authority must say.
const FOR_TIME: &str = "extendedKeyUsage = critical,timeStamping";

/// An authority in a folder: a root, an authority below it, and the one that signs times.
pub(crate) struct Openssl {
    folder: TempDir,
    number: AtomicU64,
}

impl Openssl {
    /// A new one, with keys of its own.
    pub(crate) fn new() -> Openssl {
        let new = Openssl { folder: tempfile::tempdir().unwrap(), number: AtomicU64::new(0) };
        new.run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -subj /CN=Root -days 3650 -keyout root.key -out root.pem");
        new.issue("sub", "root", "ec -pkeyopt ec_paramgen_curve:P-256", "basicConstraints = critical,CA:TRUE");
        new.issue("time", "sub", "rsa:2048", FOR_TIME);
        let at = |name: &str| new.path(name).display().to_string();
        let config = format!(
            "[tsa]\ndefault_tsa = t\n[t]\nserial = {}\nsigner_cert = {}\ncerts = {}\nsigner_key = {}\nsigner_digest = sha256\n\
             default_policy = 1.2.3.4.1\ndigests = sha256\naccuracy = secs:1, millisecs:500\nclock_precision_digits = 3\n\
             ordering = yes\ntsa_name = yes\ness_cert_id_alg = sha256\n",
            at("serial"),
            at("time.pem"),
            at("sub.pem"),
            at("time.key")
        );
        std::fs::write(new.path("tsa.cnf"), config).unwrap();
        new
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, command: &str) -> String {
        let output = Command::new("openssl").args(command.split(' ')).current_dir(self.folder.path()).output();
        let output = output.expect("these tests need openssl: apt-get install openssl");
        assert!(output.status.success(), "openssl {command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A certificate by an authority, for what `extension` says.
    fn issue(&self, name: &str, by: &str, key: &str, extension: &str) {
        std::fs::write(self.path("extension"), format!("{extension}\n")).unwrap();
        self.run(&format!("req -newkey {key} -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"));
        self.run(&format!(
            "x509 -req -in {name}.csr -CA {by}.pem -CAkey {by}.key -CAcreateserial -days 30 -extfile extension -out {name}.pem"
        ));
    }

    /// Its root.
    pub(crate) fn roots(&self) -> Roots {
        Roots::load(&self.path("root.pem")).unwrap()
    }

    /// The file of its root.
    pub(crate) fn root_file(&self) -> PathBuf {
        self.path("root.pem")
    }

    /// What it answers to a query.
    pub(crate) fn answer(&self, query: &[u8]) -> Vec<u8> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let (asked, answered) = (format!("{number}.tsq"), format!("{number}.tsr"));
        std::fs::write(self.path(&asked), query).unwrap();
        self.run(&format!("ts -reply -config tsa.cnf -queryfile {asked} -out {answered}"));
        std::fs::read(self.path(&answered)).unwrap()
    }

    /// An answer with any content, signed by any certificate.
    fn forged(&self, content: &[u8], by: &str) -> Vec<u8> {
        std::fs::write(self.path("content"), content).unwrap();
        self.run(&format!(
            "cms -sign -binary -nodetach -cades -econtent_type 1.2.840.113549.1.9.16.1.4 -md sha384 -in content -signer {by}.pem -inkey \
             {by}.key -certfile sub.pem -outform DER -out token"
        ));
        let mut answer = vec![0x30, 0x03, 0x02, 0x01, 0x00];
        answer.extend(std::fs::read(self.path("token")).unwrap());
        let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
        [vec![0x30, 0x82, length[0], length[1]], answer].concat()
    }

    /// Whether `openssl` believes an answer.
    pub(crate) fn believes(&self, query: &[u8], answer: &[u8]) -> bool {
        std::fs::write(self.path("asked"), query).unwrap();
        std::fs::write(self.path("answered"), answer).unwrap();
        let command = "ts -verify -queryfile asked -in answered -CAfile root.pem -untrusted sub.pem";
        let output = Command::new("openssl").args(command.split(' ')).current_dir(self.folder.path()).output().unwrap();
        output.status.success()
    }
}

/// How a server treats queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It answers.
    Answer,
    /// It answers something else in the name of an answer.
    Text,
    /// It answers the query before, with its nonce.
    Other,
    /// It says that it cannot.
    Refuse,
    /// It fails.
    Fail,
}

/// A server that asks `openssl`; its address.
pub(crate) fn serve(authority: Arc<Openssl>, manner: Manner) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/tsa", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut length, mut kind) = (0, String::new());
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let (name, value) = line.trim().split_once(':').unwrap_or_default();
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.trim().parse().unwrap(),
                    "content-type" => value.trim().clone_into(&mut kind),
                    _ => {}
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            assert_eq!(kind, MEDIA.0);
            let mut query = vec![0; length];
            reader.read_exact(&mut query).unwrap();
            let answer = match manner {
                Manner::Answer => authority.answer(&query),
                Manner::Text => b"<html>".to_vec(),
                Manner::Other => authority.answer(&Query::new(b"other").unwrap().bytes()),
                // PKIStatus rejection (2) with a text, as RFC 3161 has it.
                Manner::Refuse => b"\x30\x11\x30\x0f\x02\x01\x02\x30\x0a\x0c\x08not\x1btoday"[..19].to_vec(),
                Manner::Fail => Vec::new(),
            };
            let status = if manner == Manner::Fail { 400 } else { 200 };
            let head = format!(
                "HTTP/1.1 {status} Said\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                MEDIA.1,
                answer.len()
            );
            stream.write_all(&[head.as_bytes(), &answer].concat()).unwrap();
        }
    });
    url
}

fn error(query: &Query, answer: &[u8], roots: &Roots) -> TimeStampError {
    check(query, answer, b"envelope", roots).unwrap_err()
}

#[test]
fn what_openssl_stamps_is_believed_by_both() {
    let (authority, query) = (Openssl::new(), Query::new(b"envelope").unwrap());
    assert_eq!(Query::read(&query.bytes()).unwrap(), query);
    let answer = authority.answer(&query.bytes());
    assert!(authority.believes(&query.bytes(), &answer));
    let stamp = check(&query, &answer, b"envelope", &authority.roots()).unwrap();
    assert_eq!((stamp.authority.as_str(), stamp.policy.as_str()), ("CN=time", "1.2.3.4.1"));
    assert_eq!((stamp.accuracy.as_deref(), stamp.serial.as_str()), (Some("1 s 500 ms"), "01"));
    assert_eq!(Roots::of(&stamp.root, "kept").unwrap(), authority.roots());
    assert!(stamp.time.starts_with("20") && stamp.time.ends_with('Z'), "{}", stamp.time);
    let fingerprint = authority.run("x509 -in root.pem -noout -fingerprint -sha256").replace(':', "").to_lowercase();
    assert!(fingerprint.trim().ends_with(&stamp.root_sha256), "{fingerprint}");
    let said = authority.run("ts -reply -in 0.tsr -text");
    let clock = stamp.time.get(11..19).unwrap();
    assert!(said.contains(clock), "{clock}: {said}");
}

#[test]
fn no_changed_byte_makes_another_time_of_it() {
    let (authority, query) = (Openssl::new(), Query::new(b"envelope").unwrap());
    let (answer, roots) = (authority.answer(&query.bytes()), authority.roots());
    let stamp = check(&query, &answer, b"envelope", &roots).unwrap();
    let (mut refused, mut same) = (0, 0);
    for at in 0..answer.len() {
        for flip in [1, 0x80] {
            let mut changed = answer.clone();
            changed[at] ^= flip;
            match check(&query, &changed, b"envelope", &roots) {
                Err(_) => refused += 1,
                // Some bytes say nothing: a version, what the answer says beside the token.
                Ok(found) => {
                    assert_eq!(found, stamp, "byte {at}");
                    same += 1;
                }
            }
        }
        assert!(check(&query, &answer[..at], b"envelope", &roots).is_err(), "cut at {at}");
    }
    assert!(refused > 40 * same, "{refused} refused, {same} the same");
    let bytes = query.bytes();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let read = Query::read(&changed);
        assert!(read.and_then(|query| check(&query, &answer, b"envelope", &roots)).is_err(), "byte {at} of the query");
    }
}

#[test]
fn a_stamp_of_something_else_or_by_somebody_else_is_none() {
    let (authority, query) = (Openssl::new(), Query::new(b"envelope").unwrap());
    let (answer, roots) = (authority.answer(&query.bytes()), authority.roots());
    let of_other = authority.answer(&Query::new(b"other").unwrap().bytes());
    assert!(matches!(error(&query, &of_other, &roots), TimeStampError::Imprint));
    let again = authority.answer(&Query::new(b"envelope").unwrap().bytes());
    assert!(matches!(error(&query, &again, &roots), TimeStampError::Nonce));
    assert!(matches!(check(&query, &answer, b"other", &roots), Err(TimeStampError::OtherQuery)));
    let stranger = Openssl::new();
    let untrusted = error(&query, &answer, &stranger.roots());
    assert_eq!(
        untrusted.to_string(),
        "the certificate that signed it is not trusted: a root has the name of an authority on the way, and another key"
    );
    authority
        .run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=Other -keyout other.key -out other.pem");
    let other = error(&query, &answer, &Roots::load(&authority.path("other.pem")).unwrap());
    assert_eq!(other.to_string(), "the certificate that signed it is not trusted: it leads to none of the roots");
    let both = Roots([stranger.roots().0, roots.0].concat());
    assert!(check(&query, &answer, b"envelope", &both).is_ok());
}

#[test]
fn certificates_for_other_things_or_at_other_times_stamp_nothing() {
    let (authority, query) = (Openssl::new(), Query::new(b"envelope").unwrap());
    let (answer, roots) = (authority.answer(&query.bytes()), authority.roots());
    let content = response::token(&answer).unwrap().content.to_vec();
    // Signed by `openssl cms` and not by `openssl ts`, which refuses to: as it should be, and then as it should not.
    let expected = check(&query, &answer, b"envelope", &roots).unwrap();
    assert_eq!(check(&query, &authority.forged(&content, "time"), b"envelope", &roots).unwrap(), expected);
    let uses = [
        ("mail", "extendedKeyUsage = critical,emailProtection", "it is for something else"),
        ("both", "extendedKeyUsage = critical,timeStamping,emailProtection", "it is for something else"),
        ("mild", "extendedKeyUsage = timeStamping", "not as critical"),
        ("none", "keyUsage = digitalSignature", "does not say what it is for"),
    ];
    for (name, extension, why) in uses {
        authority.issue(name, "sub", "ec -pkeyopt ec_paramgen_curve:P-256", extension);
        let forged = authority.forged(&content, name);
        let error = error(&query, &forged, &roots);
        assert!(matches!(error, TimeStampError::Usage(_)) && error.to_string().contains(why), "{name}: {error}");
        assert!(!authority.believes(&query.bytes(), &forged), "{name}");
    }
    // The same second, in other years. It is written with up to three digits behind it, of which none is a zero at the end.
    let is_time = |part: &[u8]| matches!(part, [0x18, 0x0F..=0x13, b'2', b'0']);
    let year = content.windows(4).position(is_time).unwrap() + 2;
    for (text, why) in [("2091", "had expired"), ("2001", "was not valid yet")] {
        let mut other = content.clone();
        other[year..year + 4].copy_from_slice(text.as_bytes());
        let error = error(&query, &authority.forged(&other, "time"), &roots);
        assert!(matches!(error, TimeStampError::Chain(_)) && error.to_string().contains(why), "{text}: {error}");
    }
    // The content of one token under the signature of another.
    let mut moved = answer.clone();
    let at = moved.windows(content.len()).position(|part| part == content).unwrap() + year;
    moved[at..at + 4].copy_from_slice(b"2025");
    assert!(matches!(error(&query, &moved, &roots), TimeStampError::Signature));
}

#[test]
fn what_is_no_answer_and_what_are_no_roots_say_so() {
    let (roots, query) = (Openssl::new().roots(), Query::new(b"envelope").unwrap());
    for bytes in [&b""[..], b"0", b"0\0", b"0\x02\x05\0", b"<html>", &[0x30, 0x80, 0, 0], &[0x30; 5000]] {
        assert!(matches!(error(&query, bytes, &roots), TimeStampError::Malformed(_)), "{bytes:?}");
    }
    let refused = error(&query, b"\x30\x05\x30\x03\x02\x01\x02", &roots);
    assert_eq!(refused.to_string(), "the authority refused (status 2)");
    for (text, why) in [("", "no block"), ("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "damaged")] {
        let error = Roots::of(text.as_bytes(), "roots.pem").unwrap_err().to_string();
        assert!(error.starts_with("roots.pem holds no certificates") && error.contains(why), "{error}");
    }
    let missing = Roots::load(std::path::Path::new("/nowhere/roots.pem")).unwrap_err();
    assert!(missing.to_string().contains("cannot be read"));
}
