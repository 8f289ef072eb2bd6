//! Harmless questions that tell whether something would work, for `assize doctor`.
//!
//! Most permissions are probed by the calls themselves (`describe_trails`, `list_regions`, …), which only read. Here
//! is what nothing else asks.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::{flag, malformed, text};
use crate::ask::Ask;
use crate::{CloudError, Operation, Protocol, Service, Session};

pub(crate) const KMS: Service = Service {
    id: "KMS",
    signing_name: "kms",
    endpoint_prefix: "kms",
    protocol: Protocol::Json11 { target: "TrentService" },
    global: false,
};

/// Tells about a key.
pub const DESCRIBE_KEY: Operation = Operation { service: KMS, name: "DescribeKey", action: "kms:DescribeKey" };

/// A KMS key, as far as it decides whether objects can be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KmsKey {
    /// Its ARN.
    pub arn: String,
    /// The account that owns it.
    pub account: Option<String>,
    /// Whether it can be used now.
    pub enabled: bool,
    /// `Enabled`, `Disabled`, `PendingDeletion`, …
    pub state: Option<String>,
    /// Whether AWS manages it. The policy of such a key cannot let other accounts in.
    pub managed_by_aws: bool,
}

/// Describes a key by its ARN, in the region of the ARN; `region` serves where it names none. To be allowed this is
/// not to be allowed to decrypt: only a real object proves that.
///
/// # Errors
/// The call failed.
pub async fn describe_key(session: &Session, region: &str, key: &str) -> Result<KmsKey, CloudError> {
    describe(session, region, key).await
}

async fn describe(ask: &impl Ask, region: &str, key: &str) -> Result<KmsKey, CloudError> {
    let region = key.split(':').nth(3).filter(|region| !region.is_empty()).unwrap_or(region);
    let answer = ask.ask(&DESCRIBE_KEY, region, json!({"KeyId": key})).await?;
    let about = answer.get("KeyMetadata").unwrap_or(&Value::Null);
    let (Some(arn), Some(enabled)) = (text(about, "Arn"), flag(about, "Enabled")) else {
        return Err(malformed(&DESCRIBE_KEY, region, "a key without ARN or without a word on whether it is enabled"));
    };
    Ok(KmsKey {
        arn,
        account: text(about, "AWSAccountId"),
        enabled,
        state: text(about, "KeyState"),
        managed_by_aws: text(about, "KeyManager").as_deref() == Some("AWS"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::script::Script;

    const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555";

    #[tokio::test]
    async fn a_key_is_asked_for_where_it_is() {
        let script = Script::default().on(
            "DescribeKey",
            json!({"KeyId": ARN}),
            json!({"KeyMetadata": {
            "AWSAccountId": "111122223333", "Arn": ARN, "Enabled": false, "KeyState": "PendingDeletion",
            "KeyManager": "CUSTOMER", "CreationDate": 1_700_000_000.0}}),
        );
        let key = describe(&script, "us-east-1", ARN).await.unwrap();
        assert_eq!(script.regions("DescribeKey"), ["eu-west-1"]);
        assert_eq!((key.enabled, key.state.as_deref(), key.managed_by_aws), (false, Some("PendingDeletion"), false));
    }

    #[tokio::test]
    async fn half_an_answer_is_malformed_and_an_alias_goes_to_the_given_region() {
        let script = Script::default().on("DescribeKey", json!({}), json!({"KeyMetadata": {"Arn": ARN}}));
        assert!(describe(&script, "us-east-1", "alias/trail").await.is_err());
        assert_eq!(script.regions("DescribeKey"), ["us-east-1"]);
    }
}
