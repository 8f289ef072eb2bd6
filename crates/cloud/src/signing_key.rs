//! An asymmetric KMS key that signs: its private half never leaves KMS.

use aws_smithy_types::base64;
use serde_json::{Value, json};

use crate::answer::{malformed, text};
use crate::ask::Ask;
use crate::probe::KMS;
use crate::{CloudError, Operation, Session};

/// Gives the public half of a key.
pub const GET_PUBLIC_KEY: Operation = Operation { service: KMS, name: "GetPublicKey", action: "kms:GetPublicKey" };

/// Signs with a key.
pub const SIGN: Operation = Operation { service: KMS, name: "Sign", action: "kms:Sign" };

/// The public half of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicHalf {
    /// DER of a `SubjectPublicKeyInfo`: of which kind the key is stands in it.
    pub der: Vec<u8>,
    /// `SIGN_VERIFY`, `ENCRYPT_DECRYPT`, `KEY_AGREEMENT`.
    pub usage: String,
}

/// The public half of a key. `key` is an ARN, asked for in its region.
///
/// # Errors
/// The call failed.
pub async fn public_key(session: &Session, key: &str) -> Result<PublicHalf, CloudError> {
    public(session, key).await
}

/// Signs a text by its SHA-256: ECDSA over P-256, as DER.
///
/// # Errors
/// The call failed.
pub async fn sign(session: &Session, key: &str, sha256: [u8; 32]) -> Result<Vec<u8>, CloudError> {
    signature(session, key, sha256).await
}

async fn public(ask: &impl Ask, key: &str) -> Result<PublicHalf, CloudError> {
    let region = region_of(key);
    let answer = ask.ask(&GET_PUBLIC_KEY, region, json!({"KeyId": key})).await?;
    let usage = text(&answer, "KeyUsage").ok_or_else(|| malformed(&GET_PUBLIC_KEY, region, "a key without a usage"))?;
    Ok(PublicHalf { der: bytes(&answer, "PublicKey", &GET_PUBLIC_KEY, region)?, usage })
}

async fn signature(ask: &impl Ask, key: &str, sha256: [u8; 32]) -> Result<Vec<u8>, CloudError> {
    let region = region_of(key);
    let input = json!({
        "KeyId": key, "Message": base64::encode(sha256), "MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256",
    });
    bytes(&ask.ask(&SIGN, region, input).await?, "Signature", &SIGN, region)
}

fn bytes(answer: &Value, name: &str, operation: &Operation, region: &str) -> Result<Vec<u8>, CloudError> {
    let written = text(answer, name).and_then(|text| base64::decode(text).ok());
    written.ok_or_else(|| malformed(operation, region, format!("no {name} in base64")))
}

/// `arn:aws:kms:REGION:…`.
fn region_of(key: &str) -> &str {
    key.split(':').nth(3).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::script::{Script, denied};

    const KEY: &str = "arn:aws:kms:eu-west-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    #[tokio::test]
    async fn a_key_is_asked_for_and_used_in_its_own_region() {
        let asked = json!({"KeyId": KEY, "Message": base64::encode([7; 32]), "MessageType": "DIGEST"});
        let script = Script::default()
            .on("GetPublicKey", json!({"KeyId": KEY}), json!({"PublicKey": "MFkw", "KeyUsage": "SIGN_VERIFY"}))
            .on("Sign", asked, json!({"Signature": "MEQC"}));
        let half = PublicHalf { der: vec![0x30, 0x59, 0x30], usage: "SIGN_VERIFY".to_owned() };
        assert_eq!(public(&script, KEY).await.unwrap(), half);
        assert_eq!(signature(&script, KEY, [7; 32]).await.unwrap(), [0x30, 0x44, 0x02]);
        assert_eq!([script.regions("GetPublicKey"), script.regions("Sign")], [["eu-west-1"], ["eu-west-1"]]);
    }

    #[tokio::test]
    async fn another_answer_is_refused_and_a_denial_told() {
        for answer in [json!({"PublicKey": "MFkw"}), json!({"KeyUsage": "SIGN_VERIFY"})] {
            let error = public(&Script::default().on("GetPublicKey", json!({}), answer), KEY).await.unwrap_err();
            assert!(matches!(error, CloudError::Malformed { .. }), "{error}");
        }
        let script = Script::default().on("Sign", json!({}), json!({"Signature": "*"}));
        assert!(matches!(signature(&script, KEY, [0; 32]).await, Err(CloudError::Malformed { .. })));
        assert_eq!(public(&Script::default().deny("GetPublicKey", json!({})), KEY).await, Err(denied("GetPublicKey")));
    }
}
