//! Takes an answer apart: `TimeStampResp` (RFC 3161) around `SignedData` (RFC 5652) around `TSTInfo`. Nothing is believed here.
//!
//! Strict DER but for the order of sets, which authorities do not keep: certificates in a token are in any order.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Reader, SliceReader};

use super::TimeStampError;

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
pub(super) const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

/// The longest word of an authority that is shown, in characters.
const MAX_WORD: usize = 200;

/// The tags that occur, as their only byte.
mod tag {
    pub(super) const BOOLEAN: u8 = 0x01;
    pub(super) const INTEGER: u8 = 0x02;
    pub(super) const BIT_STRING: u8 = 0x03;
    pub(super) const OCTETS: u8 = 0x04;
    pub(super) const OID: u8 = 0x06;
    pub(super) const UTF8: u8 = 0x0c;
    pub(super) const TIME: u8 = 0x18;
    pub(super) const SEQUENCE: u8 = 0x30;
    pub(super) const SET: u8 = 0x31;
    pub(super) const KEY_ID: u8 = 0x80;
    pub(super) const FIRST: u8 = 0xa0;
    pub(super) const SECOND: u8 = 0xa1;
}

/// A token as it says of itself.
#[derive(Debug)]
pub(super) struct Token<'a> {
    /// The bytes of the `TSTInfo`.
    pub(super) content: &'a [u8],
    pub(super) info: Info<'a>,
    /// Certificates, each whole.
    pub(super) certificates: Vec<&'a [u8]>,
    pub(super) signer: Signer<'a>,
}

/// What is stamped, and when.
#[derive(Debug)]
pub(super) struct Info<'a> {
    pub(super) policy: ObjectIdentifier,
    pub(super) imprint: (ObjectIdentifier, &'a [u8]),
    pub(super) serial: &'a [u8],
    /// The text of a `GeneralizedTime`.
    pub(super) time: &'a [u8],
    /// Seconds, milliseconds, microseconds.
    pub(super) accuracy: Option<[u32; 3]>,
    pub(super) nonce: Option<&'a [u8]>,
}

/// Who signed.
#[derive(Debug)]
pub(super) struct Signer<'a> {
    pub(super) who: Who<'a>,
    pub(super) digest: ObjectIdentifier,
    /// The signed attributes as they are signed.
    pub(super) signed: Vec<u8>,
    /// Kind and values.
    pub(super) attributes: Vec<(ObjectIdentifier, &'a [u8])>,
    pub(super) algorithm: ObjectIdentifier,
    pub(super) signature: &'a [u8],
}

/// How a signer names its certificate.
#[derive(Debug)]
pub(super) enum Who<'a> {
    /// Issuer as DER, and serial number.
    Issued(&'a [u8], &'a [u8]),
    /// The subject key identifier.
    Key(&'a [u8]),
}

/// One value: all of it, and what is inside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    tag: u8,
    pub(super) whole: &'a [u8],
    pub(super) value: &'a [u8],
}

/// Values one after another.
pub(super) struct Fields<'a> {
    rest: std::vec::IntoIter<Element<'a>>,
    what: &'static str,
}

impl<'a> Fields<'a> {
    /// The values in these bytes.
    pub(super) fn of(bytes: &'a [u8], what: &'static str) -> Result<Fields<'a>, TimeStampError> {
        let malformed = |_: der::Error| TimeStampError::Malformed(what);
        let mut reader = SliceReader::new(bytes).map_err(malformed)?;
        let mut found = Vec::new();
        while !reader.is_finished() {
            let whole = reader.tlv_bytes().map_err(malformed)?;
            let value = AnyRef::from_der(whole).map_err(malformed)?.value();
            // No tag that occurs has more than one byte.
            let tag = whole.first().copied().ok_or(TimeStampError::Malformed(what))?;
            found.push(Element { tag, whole, value });
        }
        Ok(Fields { rest: found.into_iter(), what })
    }

    /// The one value in these bytes, and the values in it.
    pub(super) fn sequence(bytes: &'a [u8], what: &'static str) -> Result<Fields<'a>, TimeStampError> {
        let mut outer = Fields::of(bytes, what)?;
        let inner = outer.next(tag::SEQUENCE)?;
        outer.end()?;
        Fields::of(inner.value, what)
    }

    fn next(&mut self, tag: u8) -> Result<Element<'a>, TimeStampError> {
        self.optional(tag).ok_or(TimeStampError::Malformed(self.what))
    }

    fn optional(&mut self, tag: u8) -> Option<Element<'a>> {
        let next = self.rest.as_slice().first().copied().filter(|next| next.tag == tag)?;
        self.rest.next();
        Some(next)
    }

    fn inside(&mut self, tag: u8) -> Result<Fields<'a>, TimeStampError> {
        Fields::of(self.next(tag)?.value, self.what)
    }

    /// The values in the next one, a sequence.
    pub(super) fn next_sequence(&mut self) -> Result<Fields<'a>, TimeStampError> {
        self.inside(tag::SEQUENCE)
    }

    /// The next value, octets.
    pub(super) fn octets(&mut self) -> Result<&'a [u8], TimeStampError> {
        Ok(self.next(tag::OCTETS)?.value)
    }

    /// The next value, an object identifier.
    pub(super) fn oid(&mut self) -> Result<ObjectIdentifier, TimeStampError> {
        let element = self.next(tag::OID)?;
        ObjectIdentifier::from_der(element.whole).map_err(|_| TimeStampError::Malformed(self.what))
    }

    /// The algorithm in the next value, if that is one. Its parameters say nothing that its name does not.
    pub(super) fn optional_algorithm(&mut self) -> Result<Option<ObjectIdentifier>, TimeStampError> {
        let Some(element) = self.optional(tag::SEQUENCE) else { return Ok(None) };
        Ok(Some(Fields::of(element.value, self.what)?.oid()?))
    }

    fn algorithm(&mut self) -> Result<ObjectIdentifier, TimeStampError> {
        self.optional_algorithm()?.ok_or(TimeStampError::Malformed(self.what))
    }

    fn number(&mut self) -> Result<u8, TimeStampError> {
        match self.next(tag::INTEGER)?.value {
            [number @ 0..=0x7f] => Ok(*number),
            _ => Err(TimeStampError::Malformed(self.what)),
        }
    }

    fn end(mut self) -> Result<(), TimeStampError> {
        if self.rest.next().is_none() { Ok(()) } else { Err(TimeStampError::Malformed(self.what)) }
    }
}

/// The token in an answer.
///
/// # Errors
/// The authority refused, or it is no such answer.
pub(super) fn token(bytes: &[u8]) -> Result<Token<'_>, TimeStampError> {
    let mut response = Fields::sequence(bytes, "its outermost part is no answer of an authority")?;
    let mut status = response.next_sequence()?;
    let (number, said) = (status.number()?, words(&mut status)?);
    status.optional(tag::BIT_STRING);
    status.end()?;
    // Granted, or granted with changes of which the token itself tells.
    if number > 1 {
        return Err(TimeStampError::Refused { status: number, said });
    }
    let mut content = response.next_sequence()?;
    response.end()?;
    if content.oid()? != SIGNED_DATA {
        return Err(TimeStampError::Malformed("what it holds is not signed data"));
    }
    let mut explicit = content.inside(tag::FIRST)?;
    content.end()?;
    let signed = explicit.next_sequence()?;
    explicit.end()?;
    signed_data(signed)
}

/// What an authority says beside its status. Whoever answers writes what they like.
fn words(status: &mut Fields<'_>) -> Result<Option<String>, TimeStampError> {
    let Some(said) = status.optional(tag::SEQUENCE) else { return Ok(None) };
    let mut texts = Fields::of(said.value, status.what)?;
    let mut all = Vec::new();
    while let Some(text) = texts.optional(tag::UTF8) {
        all.push(String::from_utf8_lossy(text.value).into_owned());
    }
    Ok(Some(all.join(" ").chars().take(MAX_WORD).collect()))
}

fn signed_data(mut signed: Fields<'_>) -> Result<Token<'_>, TimeStampError> {
    signed.what = "its signed data is damaged";
    signed.number()?;
    signed.next(tag::SET)?;
    let mut encapsulated = signed.next_sequence()?;
    if encapsulated.oid()? != TST_INFO {
        return Err(TimeStampError::Malformed("what is signed in it is no time"));
    }
    let mut explicit = encapsulated.inside(tag::FIRST)?;
    let content = explicit.octets()?;
    explicit.end()?;
    encapsulated.end()?;
    let mut certificates = Vec::new();
    if let Some(set) = signed.optional(tag::FIRST) {
        // Certificates of other kinds have tags of their own.
        let all = Fields::of(set.value, signed.what)?;
        certificates.extend(all.rest.filter(|one| one.tag == tag::SEQUENCE).map(|one| one.whole));
    }
    signed.optional(tag::SECOND);
    let mut signers = signed.inside(tag::SET)?;
    signed.end()?;
    let signer = signer(signers.next_sequence()?)?;
    signers.end().map_err(|_| TimeStampError::Malformed("it has more than one signature"))?;
    Ok(Token { content, info: info(content)?, certificates, signer })
}

fn signer(mut fields: Fields<'_>) -> Result<Signer<'_>, TimeStampError> {
    fields.what = "its signature is damaged";
    fields.number()?;
    let who = match fields.optional(tag::KEY_ID) {
        Some(key) => Who::Key(key.value),
        None => {
            let mut issued = fields.next_sequence()?;
            let issuer = issued.next(tag::SEQUENCE)?.whole;
            Who::Issued(issuer, issued.next(tag::INTEGER)?.value)
        }
    };
    let digest = fields.algorithm()?;
    let set = fields.next(tag::FIRST)?;
    let mut signed = set.whole.to_vec();
    // Signed as the set that they are, not as the field that they stand in (RFC 5652, 5.4).
    if let Some(first) = signed.first_mut() {
        *first = tag::SET;
    }
    let mut attributes = Vec::new();
    for attribute in Fields::of(set.value, fields.what)?.rest {
        let mut attribute = Fields::sequence(attribute.whole, fields.what)?;
        attributes.push((attribute.oid()?, attribute.next(tag::SET)?.value));
        attribute.end()?;
    }
    let (algorithm, signature) = (fields.algorithm()?, fields.octets()?);
    fields.optional(tag::SECOND);
    fields.end()?;
    Ok(Signer { who, digest, signed, attributes, algorithm, signature })
}

fn info(bytes: &[u8]) -> Result<Info<'_>, TimeStampError> {
    let mut fields = Fields::sequence(bytes, "the time in it is damaged")?;
    if fields.number()? != 1 {
        return Err(TimeStampError::Malformed("the time in it is of a version that is not known"));
    }
    let policy = fields.oid()?;
    let mut imprint = fields.next_sequence()?;
    let imprint = (imprint.algorithm()?, imprint.octets()?);
    let serial = fields.next(tag::INTEGER)?.value;
    let time = fields.next(tag::TIME)?.value;
    let accuracy = match fields.optional(tag::SEQUENCE) {
        Some(sequence) => Some(accuracy(Fields::of(sequence.value, fields.what)?)?),
        None => None,
    };
    fields.optional(tag::BOOLEAN);
    let nonce = fields.optional(tag::INTEGER).map(|nonce| nonce.value);
    fields.optional(tag::FIRST);
    fields.optional(tag::SECOND);
    fields.end()?;
    Ok(Info { policy, imprint, serial, time, accuracy, nonce })
}

fn accuracy(mut fields: Fields<'_>) -> Result<[u32; 3], TimeStampError> {
    let parts = [tag::INTEGER, tag::KEY_ID, tag::KEY_ID + 1].map(|tag| fields.optional(tag));
    let what = fields.what;
    fields.end()?;
    let mut found = [0; 3];
    for (found, part) in found.iter_mut().zip(parts) {
        let bytes = part.map(|part| part.value).unwrap_or_default();
        if bytes.len() > 4 || bytes.first().is_some_and(|first| *first > 0x7f) {
            return Err(TimeStampError::Malformed(what));
        }
        *found = bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
    }
    Ok(found)
}
