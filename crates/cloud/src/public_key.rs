//! The public keys with which CloudTrail's digests are checked.
//!
//! They are AWS's own: each region has its keys, the same for all of its accounts, and a new one from time to time. A
//! digest is signed with a key of its region and names it by its fingerprint.

use std::ops::Range;

use aws_smithy_types::base64;
use serde_json::{Value, json};

use crate::answer::{malformed, seconds, text};
use crate::ask::{Ask, list_all};
use crate::trail::CLOUDTRAIL;
use crate::{CloudError, Operation, Session};

/// Lists the public keys of a region.
pub const LIST_PUBLIC_KEYS: Operation =
    Operation { service: CLOUDTRAIL, name: "ListPublicKeys", action: "cloudtrail:ListPublicKeys" };

/// A public key of one region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Its fingerprint, as CloudTrail wrote it: whoever makes a name of it has to look at it first.
    pub fingerprint: String,
    /// DER of a PKCS #1 `RSAPublicKey`.
    pub der: Vec<u8>,
    /// When it begins to be valid, seconds since 1970 UTC.
    pub valid_from: Option<i64>,
    /// When it ceases to be.
    pub valid_until: Option<i64>,
}

/// The keys of a region that were valid at any time of `span`, in seconds since 1970 UTC, both ends included by
/// CloudTrail. Without a span it would tell of the present key alone.
///
/// # Errors
/// The call failed, or gave a key without a fingerprint or without bytes.
pub async fn list_public_keys(session: &Session, region: &str, span: Range<i64>) -> Result<Vec<PublicKey>, CloudError> {
    list(session, region, span).await
}

async fn list(ask: &impl Ask, region: &str, span: Range<i64>) -> Result<Vec<PublicKey>, CloudError> {
    let input = json!({"StartTime": span.start, "EndTime": span.end});
    let keys = list_all(ask, &LIST_PUBLIC_KEYS, region, input, "PublicKeyList").await?;
    keys.iter().map(|key| read(key, region)).collect()
}

fn read(key: &Value, region: &str) -> Result<PublicKey, CloudError> {
    let must =
        |name: &str| text(key, name).ok_or_else(|| malformed(&LIST_PUBLIC_KEYS, region, format!("a public key without {name}")));
    let der = base64::decode(must("Value")?)
        .map_err(|error| malformed(&LIST_PUBLIC_KEYS, region, format!("a public key that is not base64 ({error})")))?;
    Ok(PublicKey {
        fingerprint: must("Fingerprint")?,
        der,
        valid_from: seconds(key, "ValidityStartTime"),
        valid_until: seconds(key, "ValidityEndTime"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::script::{Script, denied};

    const SPAN: Range<i64> = 1_790_000_000..1_797_000_000;

    fn written(fingerprint: &str) -> Value {
        json!({"Value": "MIIB", "Fingerprint": fingerprint, "ValidityStartTime": 1_790_000_000.5, "ValidityEndTime": 1_800_000_000})
    }

    #[tokio::test]
    async fn the_keys_of_the_whole_time_are_asked_for_page_by_page() {
        let script = Script::default()
            .on("ListPublicKeys", json!({"NextToken": null}), json!({"PublicKeyList": [written("aa")], "NextToken": "1"}))
            .on("ListPublicKeys", json!({"NextToken": "1"}), json!({"PublicKeyList": [written("bb")]}));
        let keys = list(&script, "eu-west-1", SPAN).await.unwrap();
        let expected = PublicKey {
            fingerprint: "aa".to_owned(),
            der: vec![0x30, 0x82, 0x01],
            valid_from: Some(1_790_000_000),
            valid_until: Some(1_800_000_000),
        };
        assert_eq!(keys, [expected.clone(), PublicKey { fingerprint: "bb".to_owned(), ..expected }]);
        assert_eq!(script.regions("ListPublicKeys"), ["eu-west-1", "eu-west-1"]);
        for input in script.inputs("ListPublicKeys") {
            assert_eq!((&input["StartTime"], &input["EndTime"]), (&json!(SPAN.start), &json!(SPAN.end)));
        }
    }

    #[tokio::test]
    async fn a_key_without_fingerprint_or_bytes_is_malformed() {
        let strange =
            [json!({"Fingerprint": "aa"}), json!({"Value": "MIIB"}), json!({"Fingerprint": "aa", "Value": "*"}), json!(1)];
        for strange in strange {
            let script = Script::default().on("ListPublicKeys", json!({}), json!({"PublicKeyList": [strange]}));
            let error = list(&script, "eu-west-1", SPAN).await.unwrap_err();
            assert!(matches!(error, CloudError::Malformed { .. }), "{error}");
        }
    }

    #[tokio::test]
    async fn a_denial_is_told_as_one() {
        let script = Script::default().deny("ListPublicKeys", json!({}));
        assert_eq!(list(&script, "eu-west-1", SPAN).await, Err(denied("ListPublicKeys")));
    }
}
