//! The key that signs manifests, and the public one that verifies them: Ed25519 (RFC 8032) in the forms that `openssl` writes, or
//! P-256 in KMS, which signs hashes and so texts of any length.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use assize_cloud::{CloudError, Session, signing_key};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::config::SigningKeyPlace;
use crate::state::sha256;

/// Far above any Ed25519 key in any form.
const MOST_BYTES: u64 = 16 << 10;

/// A `SubjectPublicKeyInfo` of Ed25519 up to the 32 bytes of the key (RFC 8410).
const PUBLIC_START: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The same of P-256 up to the 65 bytes of the point (RFC 5480).
const P256_START: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Why there is no key. Never holds any of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// The file cannot be read.
    #[error("the key {} cannot be read: {source}; check the path and its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The variable has nothing.
    #[error(
        "the environment variable {0} is not set, or empty, and `signing.key-env` takes the signing key from it: set it to the \
         text of the PEM file"
    )]
    NotSet(String),
    /// No private key.
    #[error(
        "what {place} holds is no Ed25519 private key ({reason}): `openssl genpkey -algorithm ed25519 -out signing.pem` makes one"
    )]
    NotPrivate {
        /// File or variable.
        place: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// No public key.
    #[error(
        "{} holds no public key ({reason}): `openssl pkey -in signing.pem -pubout -out signing.pub.pem` writes it",
        path.display()
    )]
    NotPublic {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
    /// KMS.
    #[error("the key {arn} cannot be used: {source}")]
    Kms {
        /// The key.
        arn: String,
        /// Why.
        source: Box<CloudError>,
    },
    /// KMS gave what is no such key.
    #[error(
        "the key {arn} cannot sign ({reason}): `aws kms create-key --key-spec ECC_NIST_P256 --key-usage SIGN_VERIFY` makes one that \
         can"
    )]
    NotOfKms {
        /// The key.
        arn: String,
        /// What is wrong.
        reason: &'static str,
    },
}

/// A private key, or the way to one. Its debug form shows the public one only.
#[derive(Clone)]
pub(crate) struct Signer {
    with: With,
    public: VerifyingKey,
}

/// What signs.
#[derive(Clone)]
enum With {
    /// A key in memory.
    Pair(Ed25519KeyPair),
    /// A key in KMS.
    Kms { session: Session, arn: String },
}

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct VerifyingKey {
    der: Vec<u8>,
    keyid: String,
}

impl Signer {
    /// Reads the key that the configuration names, with variables from `variable`. One in KMS is not to be read.
    ///
    /// # Errors
    /// There is none, or it is no Ed25519 key.
    pub(crate) fn load(place: &SigningKeyPlace, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Signer>, KeyError> {
        let signer = match place {
            SigningKeyPlace::Kms(_) => return Ok(None),
            SigningKeyPlace::File(path) => Signer::of(&read(path)?, &path.display().to_string()),
            SigningKeyPlace::Variable(name) => {
                let text = variable(name).filter(|text| !text.trim().is_empty());
                let text = text.ok_or_else(|| KeyError::NotSet(name.clone()))?;
                let named = format!("the environment variable {name}");
                match STANDARD.decode(text.trim()) {
                    Ok(der) => Signer::of(&der, &named),
                    Err(_) => Signer::of(text.as_bytes(), &named),
                }
            }
        };
        signer.map(Some)
    }

    /// A key in KMS, by its ARN.
    ///
    /// # Errors
    /// It may not be used, or is of another kind.
    pub(crate) async fn kms(session: Session, arn: &str) -> Result<Signer, KeyError> {
        let half = signing_key::public_key(&session, arn).await.map_err(|error| kms(arn, error))?;
        let refused = |reason| KeyError::NotOfKms { arn: arn.to_owned(), reason };
        if half.usage != "SIGN_VERIFY" {
            return Err(refused("it is for something else"));
        }
        if !is_key(&half.der, &P256_START, 65) {
            return Err(refused("it is not of the kind ECC_NIST_P256"));
        }
        let public = VerifyingKey::of_der(half.der).map_err(refused)?;
        Ok(Signer { with: With::Kms { session, arn: arn.to_owned() }, public })
    }

    /// The key in a PEM text or a DER.
    fn of(bytes: &[u8], place: &str) -> Result<Signer, KeyError> {
        let refused = |reason| KeyError::NotPrivate { place: place.to_owned(), reason };
        let der = match pem(bytes) {
            Some((label, der)) if label == "PRIVATE KEY" => der.ok_or_else(|| refused("its PEM block is damaged"))?,
            Some((label, _)) if label == "ENCRYPTED PRIVATE KEY" => {
                return Err(refused("it is encrypted with a passphrase, which nobody types in a scheduled run"));
            }
            Some((label, _)) if label == "PUBLIC KEY" => return Err(refused("it is a public key")),
            Some(_) => return Err(refused("it is not in PKCS#8: its PEM block does not begin with BEGIN PRIVATE KEY")),
            None => bytes.to_vec(),
        };
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| refused("it is not an Ed25519 key in PKCS#8"))?;
        let public: Result<PublicKeyX509Der<'_>, _> = pair.public_key().as_der();
        let der = public.map_err(|_| refused("its public key cannot be told"))?.as_ref().to_vec();
        let public = VerifyingKey::of_der(der).map_err(refused)?;
        Ok(Signer { with: With::Pair(pair), public })
    }

    /// Its public key.
    pub(crate) fn public(&self) -> &VerifyingKey {
        &self.public
    }

    /// Signs.
    ///
    /// # Errors
    /// KMS refuses.
    pub(crate) async fn sign(&self, text: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.with {
            With::Pair(pair) => Ok(pair.sign(text).as_ref().to_vec()),
            With::Kms { session, arn } => {
                signing_key::sign(session, arn, Sha256::digest(text).into()).await.map_err(|error| kms(arn, error))
            }
        }
    }
}

impl VerifyingKey {
    /// Reads a file: PEM, or DER of a `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// It cannot be read, or is a key of another kind.
    pub(crate) fn load(path: &Path) -> Result<VerifyingKey, KeyError> {
        let bytes = read(path)?;
        let refused = |reason| KeyError::NotPublic { path: path.to_owned(), reason };
        match pem(&bytes) {
            Some((label, Some(der))) if label == "PUBLIC KEY" => VerifyingKey::of_der(der).map_err(refused),
            Some((label, _)) if label.ends_with("PRIVATE KEY") => Err(refused("it is a private key: keep it to yourself")),
            Some(_) => Err(refused("its PEM block is damaged, or does not begin with BEGIN PUBLIC KEY")),
            None => VerifyingKey::of_der(bytes).map_err(refused),
        }
    }

    /// The key in a DER.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn of_der(der: Vec<u8>) -> Result<VerifyingKey, &'static str> {
        if !is_key(&der, &PUBLIC_START, 32) && !is_key(&der, &P256_START, 65) {
            return Err("it is not the SubjectPublicKeyInfo of an Ed25519 or P-256 key");
        }
        let keyid = sha256(&der);
        Ok(VerifyingKey { der, keyid })
    }

    /// The DER.
    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-256 of the DER, lower-case hexadecimal.
    pub(crate) fn keyid(&self) -> &str {
        &self.keyid
    }

    /// Whether a signature is this key's over a text.
    pub(crate) fn fits(&self, text: &[u8], signature: &[u8]) -> bool {
        let verified = match (self.der.strip_prefix(&PUBLIC_START), self.der.strip_prefix(&P256_START)) {
            (Some(raw), _) => UnparsedPublicKey::new(&ED25519, raw).verify(text, signature),
            (None, Some(point)) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(text, signature),
            (None, None) => return false,
        };
        verified.is_ok()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Signer({})", self.public.keyid)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "VerifyingKey({})", self.keyid)
    }
}

fn kms(arn: &str, error: CloudError) -> KeyError {
    KeyError::Kms { arn: arn.to_owned(), source: Box::new(error) }
}

fn is_key(der: &[u8], start: &[u8], length: usize) -> bool {
    der.strip_prefix(start).is_some_and(|raw| raw.len() == length)
}

fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
    file.map_err(|source| KeyError::Unreadable { path: path.to_owned(), source })?;
    Ok(bytes)
}

/// Label and content of the first PEM block (RFC 7468); the content is `None` if it is damaged.
fn pem(bytes: &[u8]) -> Option<(String, Option<Vec<u8>>)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (_, after) = text.split_once("-----BEGIN ")?;
    let (label, after) = after.split_once("-----")?;
    let body = after.split_once(&format!("-----END {label}-----")).map(|(body, _)| body);
    let base64 = body.map(|body| body.split_whitespace().collect::<String>());
    Some((label.to_owned(), base64.and_then(|base64| STANDARD.decode(base64).ok())))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// As `openssl genpkey -algorithm ed25519` writes a key; `number` takes the place of chance.
    pub(crate) fn pem(number: u8) -> String {
        let mut der = vec![0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
        der.extend([number; 32]);
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
    }

    pub(crate) fn signer(number: u8) -> Signer {
        Signer::of(pem(number).as_bytes(), "a test").unwrap()
    }

    /// A public key as `openssl pkey -pubout` writes it.
    pub(crate) fn public_pem(key: &VerifyingKey) -> String {
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(key.der()))
    }

    #[test]
    fn keys_are_read_in_every_form_that_openssl_writes() {
        let folder = tempfile::tempdir().unwrap();
        let der = STANDARD.decode(pem(7).lines().nth(1).unwrap()).unwrap();
        for (name, bytes) in [("a.pem", pem(7).into_bytes()), ("a.der", der.clone())] {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let read = Signer::load(&SigningKeyPlace::File(path), |_| None).unwrap().unwrap();
            assert_eq!(read.public(), signer(7).public());
        }
        for text in [pem(7), STANDARD.encode(&der)] {
            let variable = SigningKeyPlace::Variable("KEY".to_owned());
            let read = Signer::load(&variable, |name| (name == "KEY").then(|| text.clone())).unwrap().unwrap();
            assert_eq!(read.public(), signer(7).public());
        }
        for bytes in [public_pem(signer(7).public()).into_bytes(), signer(7).public().der().to_vec()] {
            let path = folder.path().join("public");
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(VerifyingKey::load(&path).unwrap(), *signer(7).public());
        }
    }

    #[test]
    fn what_is_no_key_is_refused_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let refused = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let error = Signer::load(&SigningKeyPlace::File(path.clone()), |_| None).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("canary"), "{shown}");
            error.to_string()
        };
        let block = |label: &str| format!("-----BEGIN {label}-----\nMC4canary\n-----END {label}-----\n");
        assert!(refused(block("ENCRYPTED PRIVATE KEY").as_bytes()).contains("encrypted with a passphrase"));
        assert!(refused(block("RSA PRIVATE KEY").as_bytes()).contains("not in PKCS#8"));
        assert!(refused(block("PRIVATE KEY").as_bytes()).contains("damaged"));
        assert!(refused(public_pem(signer(1).public()).as_bytes()).contains("it is a public key"));
        assert!(refused(b"canary").contains("openssl genpkey"));
        assert!(refused(b"").contains("not an Ed25519 key"));
        let missing = Signer::load(&SigningKeyPlace::File(folder.path().join("none")), |_| None).unwrap_err();
        assert!(missing.to_string().contains("cannot be read"));
        let unset = Signer::load(&SigningKeyPlace::Variable("KEY".to_owned()), |_| Some(" ".to_owned())).unwrap_err();
        assert!(unset.to_string().contains("variable KEY is not set, or empty"));
        std::fs::write(&path, pem(1)).unwrap();
        assert!(VerifyingKey::load(&path).unwrap_err().to_string().contains("keep it to yourself"));
    }

    #[test]
    fn keys_of_kms_are_p256() {
        use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
        use aws_lc_rs::rand::SystemRandom;
        use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let key = VerifyingKey::of_der(der.as_ref().to_vec()).unwrap();
        let signature = pair.sign(&SystemRandom::new(), b"text").unwrap();
        assert!(key.fits(b"text", signature.as_ref()) && !key.fits(b"other", signature.as_ref()));
        assert!(VerifyingKey::of_der(der.as_ref()[..90].to_vec()).is_err());
    }

    #[test]
    fn a_private_key_does_not_show_itself() {
        let shown = format!("{:?}", signer(0x41));
        assert_eq!(shown, format!("Signer({})", signer(0x41).public().keyid()));
        assert!(!shown.contains("4141") && !shown.contains("QUFB") && !shown.contains("65, 65"), "{shown}");
    }
}
