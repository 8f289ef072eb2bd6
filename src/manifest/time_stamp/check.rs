//! Whether a time stamp is one, of these bytes, and by somebody who is trusted.

use std::time::Duration;

use assize_engine::time;
use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512};
use der::asn1::ObjectIdentifier;
use der::{Decode, Encode};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use sha2::{Digest, Sha256};
use webpki::aws_lc_rs as algorithms;
use webpki::{EndEntityCert, KeyUsage};
use x509_cert::Certificate;
use x509_cert::ext::pkix::{ExtendedKeyUsage, SubjectKeyIdentifier};

use super::response::{self, Fields, Info, TST_INFO, Token, Who};
use super::roots::pem;
use super::{Query, Roots, TimeStampError};
use crate::state::{hex, sha256};

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const ID_SHA256: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.1");
const ID_SHA384: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.2");
const ID_SHA512: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.3");
const CONTENT_TYPE: ObjectIdentifier = oid("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = oid("1.2.840.113549.1.9.4");
const SIGNING_CERTIFICATE: ObjectIdentifier = oid("1.2.840.113549.1.9.16.2.12");
const SIGNING_CERTIFICATE_V2: ObjectIdentifier = oid("1.2.840.113549.1.9.16.2.47");
const TIME_STAMPING: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.8");

/// Signatures of RSA by the hash that is signed, under the name of the key's kind alone and under one of their own; then ECDSA.
const RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
const RSA_SHA256: ObjectIdentifier = oid("1.2.840.113549.1.1.11");
const RSA_SHA384: ObjectIdentifier = oid("1.2.840.113549.1.1.12");
const RSA_SHA512: ObjectIdentifier = oid("1.2.840.113549.1.1.13");
const ECDSA_SHA256: ObjectIdentifier = oid("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = oid("1.2.840.10045.4.3.3");
const ECDSA_SHA512: ObjectIdentifier = oid("1.2.840.10045.4.3.4");
const ED25519: ObjectIdentifier = oid("1.3.101.112");

/// A time stamp that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// When the authority saw the bytes, with as many digits as it says.
    pub(crate) time: String,
    /// The same in seconds since 1970.
    pub(crate) seconds: i64,
    /// How exact the authority says that is.
    pub(crate) accuracy: Option<String>,
    /// The name in the certificate of the authority.
    pub(crate) authority: String,
    /// The number that the authority gave it, hexadecimal.
    pub(crate) serial: String,
    /// The authority's policy, an object identifier.
    pub(crate) policy: String,
    /// The root that it leads to, as PEM.
    pub(crate) root: Vec<u8>,
    /// SHA-256 of that root's DER, lower-case hexadecimal.
    pub(crate) root_sha256: String,
}

/// Checks an answer to a query: that it is over these bytes, that its signature is that of a certificate for time stamps, and
/// that this certificate led to one of the roots at the time that it states.
///
/// # Errors
/// What does not hold.
pub(crate) fn check(query: &Query, answer: &[u8], bytes: &[u8], roots: &Roots) -> Result<Stamp, TimeStampError> {
    if query.sha256 != <[u8; 32]>::from(Sha256::digest(bytes)) {
        return Err(TimeStampError::OtherQuery);
    }
    let token = response::token(answer)?;
    if token.info.imprint != (ID_SHA256, &query.sha256[..]) {
        return Err(TimeStampError::Imprint);
    }
    if token.info.nonce != Some(&query.nonce[..]) {
        return Err(TimeStampError::Nonce);
    }
    let (der, certificate) = signing_certificate(&token)?;
    let der = CertificateDer::from(der);
    let by = EndEntityCert::try_from(&der).map_err(|error| TimeStampError::Chain(error.to_string()))?;
    signed(&token, &der, &by)?;
    usage(&certificate)?;
    let (seconds, time) = moment(&token.info)?;
    let others: Vec<CertificateDer<'_>> = token.certificates.iter().map(|one| CertificateDer::from(*one)).collect();
    let root = trusted(&by, &others, seconds, roots)?;
    Ok(Stamp {
        time,
        seconds,
        accuracy: token.info.accuracy.map(accuracy),
        authority: certificate.tbs_certificate().subject().to_string(),
        serial: hex(token.info.serial),
        policy: token.info.policy.to_string(),
        root: pem(root),
        root_sha256: sha256(root),
    })
}

/// The certificate in the token that its signer names.
fn signing_certificate<'a>(token: &Token<'a>) -> Result<(&'a [u8], Certificate), TimeStampError> {
    let named = |certificate: &Certificate| {
        let own = certificate.tbs_certificate();
        match token.signer.who {
            Who::Issued(issuer, serial) => {
                own.issuer().to_der().is_ok_and(|der| der == issuer) && own.serial_number().as_bytes() == serial
            }
            Who::Key(key) => {
                matches!(own.get_extension::<SubjectKeyIdentifier>(), Ok(Some((_, found))) if found.0.as_bytes() == key)
            }
        }
    };
    let all = token.certificates.iter().filter_map(|der| Some((*der, Certificate::from_der(der).ok()?)));
    let mut all = all.filter(|(_, certificate)| named(certificate));
    all.next().ok_or(TimeStampError::Malformed("the certificate that signed it is not in it"))
}

/// Whether the certificate signed the attributes, and these name content and certificate.
fn signed(token: &Token<'_>, der: &CertificateDer<'_>, by: &EndEntityCert<'_>) -> Result<(), TimeStampError> {
    let signer = &token.signer;
    let hash = hash(signer.digest)?;
    let attribute = |kind| {
        let mut of_kind = signer.attributes.iter().filter(|(found, _)| *found == kind);
        let found = of_kind.next().map(|(_, values)| *values);
        // Twice is as good as not at all.
        found.filter(|_| of_kind.next().is_none())
    };
    let single = |kind, what| attribute(kind).ok_or(TimeStampError::Malformed(what));
    let kind =
        Fields::of(single(CONTENT_TYPE, "its signature does not say of what kind it is")?, "its kind is damaged")?.oid()?;
    let content = single(MESSAGE_DIGEST, "its signature covers no content")?;
    let content = Fields::of(content, "its signature covers no content")?.octets()?;
    if kind != TST_INFO || content != digest::digest(hash, token.content).as_ref() {
        return Err(TimeStampError::Signature);
    }
    let candidates = verifying(signer.algorithm, signer.digest)?;
    if !candidates.iter().any(|one| by.verify_signature(*one, &signer.signed, signer.signature).is_ok()) {
        return Err(TimeStampError::Signature);
    }
    let of_certificate = match (attribute(SIGNING_CERTIFICATE_V2), attribute(SIGNING_CERTIFICATE)) {
        (Some(values), _) => certificate_hash(values, None)?,
        (None, Some(values)) => certificate_hash(values, Some(&SHA1_FOR_LEGACY_USE_ONLY))?,
        (None, None) => return Err(TimeStampError::Malformed("its signature does not name its certificate")),
    };
    let (hash, expected) = of_certificate;
    if digest::digest(hash, der).as_ref() == expected { Ok(()) } else { Err(TimeStampError::Signature) }
}

/// The hash of the first certificate that a signing certificate attribute names (RFC 5035); in its first version always SHA-1.
fn certificate_hash<'a>(
    values: &'a [u8],
    fixed: Option<&'static digest::Algorithm>,
) -> Result<(&'static digest::Algorithm, &'a [u8]), TimeStampError> {
    let mut named = Fields::sequence(values, "its signature names its certificate in a way that is damaged")?;
    let mut first = named.next_sequence()?.next_sequence()?;
    let algorithm = match fixed {
        Some(algorithm) => algorithm,
        None => first.optional_algorithm()?.map_or(Ok(&SHA256), hash)?,
    };
    Ok((algorithm, first.octets()?))
}

fn hash(algorithm: ObjectIdentifier) -> Result<&'static digest::Algorithm, TimeStampError> {
    match algorithm {
        ID_SHA256 => Ok(&SHA256),
        ID_SHA384 => Ok(&SHA384),
        ID_SHA512 => Ok(&SHA512),
        other => Err(TimeStampError::Unsupported(format!("a hash of the kind {other}"))),
    }
}

/// What may verify a signature of this name; the certificate's key decides which of them.
fn verifying(
    signature: ObjectIdentifier,
    digest: ObjectIdentifier,
) -> Result<Vec<&'static dyn SignatureVerificationAlgorithm>, TimeStampError> {
    use algorithms as by;
    Ok(match (signature, digest) {
        (RSA_SHA256, _) | (RSA, ID_SHA256) => vec![by::RSA_PKCS1_2048_8192_SHA256],
        (RSA_SHA384, _) | (RSA, ID_SHA384) => vec![by::RSA_PKCS1_2048_8192_SHA384],
        (RSA_SHA512, _) | (RSA, ID_SHA512) => vec![by::RSA_PKCS1_2048_8192_SHA512],
        (ECDSA_SHA256, _) => vec![by::ECDSA_P256_SHA256, by::ECDSA_P384_SHA256, by::ECDSA_P521_SHA256],
        (ECDSA_SHA384, _) => vec![by::ECDSA_P256_SHA384, by::ECDSA_P384_SHA384, by::ECDSA_P521_SHA384],
        (ECDSA_SHA512, _) => vec![by::ECDSA_P256_SHA512, by::ECDSA_P384_SHA512, by::ECDSA_P521_SHA512],
        (ED25519, _) => vec![by::ED25519],
        (other, _) => return Err(TimeStampError::Unsupported(format!("a signature of the kind {other}"))),
    })
}

/// A certificate for time stamps is critically for nothing else (RFC 3161, 2.3).
fn usage(certificate: &Certificate) -> Result<(), TimeStampError> {
    match certificate.tbs_certificate().get_extension::<ExtendedKeyUsage>() {
        Ok(Some((true, ExtendedKeyUsage(uses)))) if uses == [TIME_STAMPING] => Ok(()),
        Ok(Some((false, ExtendedKeyUsage(uses)))) if uses == [TIME_STAMPING] => {
            Err(TimeStampError::Usage("it says so, but not as critical"))
        }
        Ok(Some(_)) => Err(TimeStampError::Usage("it is for something else")),
        Ok(None) => Err(TimeStampError::Usage("it does not say what it is for")),
        Err(_) => Err(TimeStampError::Usage("what it is for is damaged")),
    }
}

/// `YYYYMMDDhhmmss[.f…]Z` as seconds since 1970 and as a text.
fn moment(info: &Info<'_>) -> Result<(i64, String), TimeStampError> {
    let read = || {
        let text = std::str::from_utf8(info.time).ok()?.strip_suffix('Z')?;
        let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
        // DER writes neither a fraction that is nothing nor zeros at its end.
        let is_fraction = |text: &str| {
            text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() && text.len() <= 9 && !text.ends_with('0')
        };
        if whole.len() != 14 || !whole.bytes().all(|byte| byte.is_ascii_digit()) || !fraction.is_none_or(is_fraction) {
            return None;
        }
        let part = |from: usize, to: usize| whole.get(from..to);
        let day = format!("{}-{}-{}", part(0, 4)?, part(4, 6)?, part(6, 8)?);
        let clock = format!("{}:{}:{}", part(8, 10)?, part(10, 12)?, part(12, 14)?);
        let seconds = time::parse(&format!("{day}T{clock}Z"))?;
        let fraction = fraction.map(|fraction| format!(".{fraction}")).unwrap_or_default();
        Some((seconds, format!("{day}T{clock}{fraction}Z")))
    };
    read().ok_or(TimeStampError::Malformed("its time is none"))
}

fn accuracy([seconds, milliseconds, microseconds]: [u32; 3]) -> String {
    let all = [(seconds, "s"), (milliseconds, "ms"), (microseconds, "µs")];
    let said: Vec<String> = all.iter().filter(|(part, _)| *part > 0).map(|(part, unit)| format!("{part} {unit}")).collect();
    if said.is_empty() { "0 s".to_owned() } else { said.join(" ") }
}

/// The root that a certificate leads to.
fn trusted<'r>(
    by: &EndEntityCert<'_>,
    others: &[CertificateDer<'_>],
    seconds: i64,
    roots: &'r Roots,
) -> Result<&'r CertificateDer<'static>, TimeStampError> {
    let at = u64::try_from(seconds).map_err(|_| TimeStampError::Malformed("its time is before 1970"))?;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at));
    // What a certificate of an authority above is for need not be said; where it is, it must be this.
    let usage = KeyUsage::required_if_present(&[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08]);
    let mut why = None;
    for root in &roots.0 {
        let anchor: [TrustAnchor<'_>; 1] = match webpki::anchor_from_trusted_cert(root) {
            Ok(anchor) => [anchor],
            Err(_) => continue,
        };
        match by.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchor, others, at, usage, None, None) {
            Ok(_) => return Ok(root),
            Err(webpki::Error::UnknownIssuer) => {}
            Err(error) => why = Some(reason(&error)),
        }
    }
    Err(TimeStampError::Chain(why.unwrap_or_else(|| "it leads to none of the roots".to_owned())))
}

fn reason(error: &webpki::Error) -> String {
    match error {
        webpki::Error::CertExpired { .. } => "a certificate had expired at the time that it states".to_owned(),
        webpki::Error::CertNotValidYet { .. } => "a certificate was not valid yet at the time that it states".to_owned(),
        webpki::Error::InvalidSignatureForPublicKey => {
            "a root has the name of an authority on the way, and another key".to_owned()
        }
        other => format!("{other:?}"),
    }
}
