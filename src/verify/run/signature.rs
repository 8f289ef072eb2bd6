//! The signature of a run's manifest.

use assize_bucket::Bucket;

use super::outcome::{Kind, RunVerified, Standing, Vouched};
use super::{Fetched, fetch};
use crate::manifest::envelope::Envelope;
use crate::manifest::key::VerifyingKey;
use crate::manifest::statement::Statement;
use crate::manifest::{self, FormatError};

/// Checks the envelope. Gives the statement in it if it is signed, whatever became of the file beside it.
pub(super) async fn check(
    bucket: &dyn Bucket,
    (manifest, envelope): (&Fetched, &Fetched),
    keys: &[VerifyingKey],
    out: &mut RunVerified,
) -> Option<Statement> {
    let place = manifest::place(&out.run, manifest::ENVELOPE);
    let (standing, signed) = match envelope {
        Fetched::Bytes(bytes) => match Envelope::read(bytes) {
            Ok(envelope) => by_key(bucket, &envelope, keys, out).await,
            Err(error @ FormatError::Kind(_)) => (Standing::Unverifiable(error.to_string()), None),
            Err(error) => (Standing::Invalid(error.to_string()), None),
        },
        Fetched::Absent => (absent(manifest, keys), None),
        Fetched::Unreadable(why) => (Standing::Unverifiable(format!("it cannot be read: {why}")), None),
    };
    let is_signed = matches!(standing, Standing::Valid);
    out.sign(place, standing);
    let signed = signed.filter(|_| is_signed)?;
    if manifest.bytes().is_some_and(|bytes| bytes != signed) {
        let why = "it is not what was signed: the envelope holds another manifest".to_owned();
        out.add(Kind::Manifest, manifest::place(&out.run, manifest::MANIFEST), Standing::Invalid(why));
    }
    let statement = Statement::read(&signed).ok().filter(|statement| statement.predicate.run == out.run);
    if statement.is_none() {
        let why = "what it holds is not the manifest of this run".to_owned();
        out.sign(manifest::place(&out.run, manifest::ENVELOPE), Standing::Invalid(why));
    }
    statement
}

/// A run without an envelope.
fn absent(manifest: &Fetched, keys: &[VerifyingKey]) -> Standing {
    let statement = manifest.bytes().and_then(|bytes| Statement::read(bytes).ok());
    match statement.and_then(|statement| statement.predicate.signed_with) {
        Some(key) => Standing::Missing(format!("the manifest says that the key {key} signed it, and the signature is gone")),
        None if !keys.is_empty() => Standing::Missing("a public key was given, and the run is not signed".to_owned()),
        None => Standing::Unverifiable(
            "the run is not signed: whoever may write to the audit bucket could have rewritten it and its manifest".to_owned(),
        ),
    }
}

/// Checks the envelope with a key that is trusted, or else with the one in the archive.
async fn by_key(
    bucket: &dyn Bucket,
    envelope: &Envelope,
    keys: &[VerifyingKey],
    out: &mut RunVerified,
) -> (Standing, Option<Vec<u8>>) {
    let keyid = envelope.keyid().to_owned();
    let (key, vouched) = match keys.iter().find(|key| key.keyid() == keyid) {
        Some(key) => (key.clone(), Vouched::Given),
        None if !keys.is_empty() => {
            let why = format!("it is signed with the key {keyid}, which is none of those that were given");
            return (Standing::Invalid(why), None);
        }
        None => match archived(bucket, &keyid).await {
            Ok(key) => (key, Vouched::Archive),
            Err(standing) => return (standing, None),
        },
    };
    out.keyid = Some(keyid);
    out.vouched = Some(vouched);
    let fault = |why: &str| (Standing::Invalid(why.to_owned()), None);
    match (envelope.is_signed_by(&key), envelope.payload()) {
        (Ok(true), Ok(payload)) => match Statement::read(&payload) {
            Ok(statement) if statement.predicate.signed_with.as_deref() == Some(key.keyid()) => (Standing::Valid, Some(payload)),
            Ok(_) => fault("the manifest in it names another key"),
            Err(error @ FormatError::Kind(_)) => (Standing::Unverifiable(error.to_string()), None),
            Err(error) => fault(&error.to_string()),
        },
        (Ok(_), _) => fault("the signature does not fit"),
        (Err(error), _) => fault(&error.to_string()),
    }
}

/// The key that lies in the bucket itself.
async fn archived(bucket: &dyn Bucket, keyid: &str) -> Result<VerifyingKey, Standing> {
    if keyid.len() != 64 || !keyid.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Standing::Invalid("the id of its key is no SHA-256".to_owned()));
    }
    let place = manifest::archived_key(keyid);
    match fetch(bucket, &place).await {
        Fetched::Bytes(der) => match VerifyingKey::of_der(der).ok().filter(|key| key.keyid() == keyid) {
            Some(key) => Ok(key),
            None => Err(Standing::Invalid(format!("{place} is not the key that it is named after"))),
        },
        Fetched::Absent => {
            Err(Standing::Unverifiable(format!("there is no key to check it with: {place} is gone; give it with --public-key")))
        }
        Fetched::Unreadable(why) => Err(Standing::Unverifiable(format!("{place} cannot be read: {why}"))),
    }
}
