//! A record for the tests of this module.

use assize_engine::identity::RecordDigest;
use assize_engine::json;
use assize_engine::matcher::Subject;

use super::record::{Fields, Record};
use super::row::Row;
use super::shown::Shown;

/// A trail that was stopped.
pub(crate) const RECORD: &str = r#"{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLEALICE","arn":"arn:aws:iam::111122223333:user/alice","accountId":"111122223333","userName":"alice"},"eventTime":"2026-10-01T07:30:12Z","eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","awsRegion":"eu-west-1","sourceIPAddress":"203.0.113.7","userAgent":"aws-cli/2.31.12","requestParameters":{"name":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"},"responseElements":null,"resources":[{"accountId":"111122223333","type":"AWS::CloudTrail::Trail","ARN":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"}],"readOnly":false,"eventID":"0f9bd5d3-6c41-4d5b-a4ac-7d1f2f3c0001","eventType":"AwsApiCall","managementEvent":true,"eventCategory":"Management","recipientAccountId":"111122223333"}"#;

/// Some digest.
pub(crate) const DIGEST: RecordDigest = RecordDigest(1);

/// Hands a record to `look`.
pub(crate) fn with<T>(text: &str, look: impl FnOnce(&Record<'_>) -> T) -> T {
    let (fields, mut reader) = (Fields::new(), json::Reader::default());
    let document = reader.read(text.as_bytes(), usize::MAX).unwrap();
    let subject = Subject::of(document.root()).unwrap();
    look(&Record::of(&subject, text.as_bytes(), &fields).unwrap())
}

/// What is told of a record.
pub(crate) fn row(text: &str) -> Row {
    with(text, |record| Row::of(&Shown { record: *record, object: "logs/a.json.gz", index: 3 }))
}
