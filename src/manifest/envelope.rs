//! The signed envelope: DSSE (Dead Simple Signing Envelope, version 1.0.2), so that other tools verify it too.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::key::{KeyError, Signer, VerifyingKey};
use super::{FormatError, written};

/// What the payload is.
const PAYLOAD: &str = "application/vnd.in-toto+json";

/// The content of `manifest.dsse.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Envelope {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: [Signature; 1],
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    keyid: String,
    sig: String,
}

/// What is signed: kind and body, each after its length, so that neither can be taken for a part of the other.
fn pre_authentication_encoding(kind: &str, body: &[u8]) -> Vec<u8> {
    let mut text = format!("DSSEv1 {} {kind} {} ", kind.len(), body.len()).into_bytes();
    text.extend_from_slice(body);
    text
}

impl Envelope {
    /// Signs a statement.
    ///
    /// # Errors
    /// The key cannot be used.
    pub(crate) async fn sign(statement: &[u8], signer: &Signer) -> Result<Envelope, KeyError> {
        let signature = signer.sign(&pre_authentication_encoding(PAYLOAD, statement)).await?;
        Ok(Envelope {
            payload: STANDARD.encode(statement),
            payload_type: PAYLOAD.to_owned(),
            signatures: [Signature { keyid: signer.public().keyid().to_owned(), sig: STANDARD.encode(signature) }],
        })
    }

    /// The bytes of `manifest.dsse.json`.
    ///
    /// # Errors
    /// Never in practice: everything in it can be written as JSON.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, FormatError> {
        written(self)
    }

    /// Reads `manifest.dsse.json`.
    ///
    /// # Errors
    /// It is not one, or not in the bytes that [`Envelope::bytes`] gives.
    pub(crate) fn read(bytes: &[u8]) -> Result<Envelope, FormatError> {
        let envelope: Envelope = serde_json::from_slice(bytes)?;
        if envelope.payload_type != PAYLOAD {
            return Err(FormatError::Kind(envelope.payload_type));
        }
        if envelope.bytes()? == bytes { Ok(envelope) } else { Err(FormatError::Rewritten) }
    }

    /// The id of the key that it says it was signed with.
    pub(crate) fn keyid(&self) -> &str {
        let [signature] = &self.signatures;
        &signature.keyid
    }

    /// The statement in it, as bytes.
    ///
    /// # Errors
    /// It is not base64.
    pub(crate) fn payload(&self) -> Result<Vec<u8>, FormatError> {
        STANDARD.decode(&self.payload).map_err(|_| FormatError::Base64)
    }

    /// Whether this key signed it.
    ///
    /// # Errors
    /// Payload or signature are not base64.
    pub(crate) fn is_signed_by(&self, key: &VerifyingKey) -> Result<bool, FormatError> {
        let [Signature { keyid, sig }] = &self.signatures;
        let signature = STANDARD.decode(sig).map_err(|_| FormatError::Base64)?;
        let text = pre_authentication_encoding(&self.payload_type, &self.payload()?);
        Ok(keyid == key.keyid() && key.fits(&text, &signature))
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::tests::signer;
    use super::*;

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        let example = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world");
        assert_eq!(example, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[tokio::test]
    async fn the_format_is_fixed_and_any_changed_byte_is_found() {
        let envelope = Envelope::sign(b"{}\n", &signer(1)).await.unwrap();
        // Key id and signature are those of `openssl pkeyutl -sign -rawin` over the same text.
        let bytes = envelope.bytes().unwrap();
        insta::assert_snapshot!(String::from_utf8(bytes.clone()).unwrap(), @r#"
        {
          "payload": "e30K",
          "payloadType": "application/vnd.in-toto+json",
          "signatures": [
            {
              "keyid": "fd110d301d2f077de1414b8f99f441b1403fab207b2052fbd2c065e4ee8e7dc2",
              "sig": "VEItza9ffb/rTZ7l3rGzRFQJI36y+ISab4dcXCJYf+BQfe9FQJeGPJhlvtNVer4l0L8JNWzu7zEmKWJMwbH6BA=="
            }
          ]
        }
        "#);
        assert!(Envelope::read(&bytes).unwrap().is_signed_by(signer(1).public()).unwrap());
        assert!(!Envelope::read(&bytes).unwrap().is_signed_by(signer(2).public()).unwrap());
        for at in 0..bytes.len() {
            for flip in [1, 0x20, 0x80] {
                let mut changed = bytes.clone();
                changed[at] ^= flip;
                let signed = Envelope::read(&changed).and_then(|it| it.is_signed_by(signer(1).public()));
                assert!(!matches!(signed, Ok(true)), "byte {at} of {}", String::from_utf8_lossy(&changed));
            }
        }
    }
}
