//! The policies of what is not a role: the audit bucket, its key, the queue, and what owners of other buckets, keys
//! and topics must add to theirs.

use super::actions::{Feature, Permission, Scope, TABLE};
use super::documents::through_s3;
use super::needs::Needs;
use super::policy::{Condition, Document, Kind, Principal, Statement};
use super::text::{Hole, Made, Text, When};

/// The queue's ARN.
pub(crate) const QUEUE: Made = Made { cloudformation: ("Queue", Some("Arn")), terraform: "aws_sqs_queue.notifications.arn" };

/// The actions of the table for the hub role on one scope.
fn actions(needs: &Needs, scope: Scope) -> Vec<&'static str> {
    TABLE.iter().filter(|row| row.scope == scope && needs.has(row.feature)).map(|row| row.action).collect()
}

fn hub() -> Principal {
    Principal::Aws(vec![Text::parameter("hub-role-arn")])
}

/// Everybody but one principal. `none` is nobody's ARN, so then it is everybody.
fn but(parameter: &'static str) -> Condition {
    Condition::new("StringNotEquals", "aws:PrincipalArn", Text::parameter(parameter))
}

/// The policy of the audit bucket: TLS only, nobody deletes, only the hub role writes.
pub(crate) fn bucket_policy(needs: &Needs) -> Document {
    let bucket = || Text::new("arn:{partition}:s3:::{audit-bucket}");
    let objects = || Text::new("arn:{partition}:s3:::{audit-bucket}/*");
    let insecure = Condition::new("Bool", "aws:SecureTransport", Text::new("false"));
    let mut statements = vec![
        Statement::deny("OnlyTls", &["s3:*"], vec![bucket(), objects()]).only(insecure),
        Statement::deny(
            "NobodyDeletes",
            &[
                "s3:DeleteObject",
                "s3:DeleteObjectVersion",
                "s3:BypassGovernanceRetention",
                "s3:DeleteBucket",
                "s3:PutBucketVersioning",
                "s3:PutBucketObjectLockConfiguration",
                "s3:PutLifecycleConfiguration",
            ],
            vec![bucket(), objects()],
        )
        .only(but("break-glass-arn")),
        Statement::deny(
            "OnlyTheHubWrites",
            &["s3:PutObject", "s3:PutObjectRetention", "s3:PutObjectLegalHold", "s3:PutObjectAcl", "s3:ReplicateObject"],
            vec![objects()],
        )
        .only(but("hub-role-arn")),
    ];
    // Without effect in the hub's own account; needed where the bucket is in another.
    for (scope, sid, on) in
        [(Scope::AuditBucket, "TheHubLists", bucket()), (Scope::AuditObjects, "TheHubReadsAndWrites", objects())]
    {
        statements.push(Statement::allow(sid, &actions(needs, scope), vec![on]).of(hub()));
    }
    Document::new("policy", Kind::Bucket, statements)
}

/// The policy of the audit bucket's key: used through S3 by the hub role, destroyed by nobody.
pub(crate) fn key_policy() -> Document {
    let any = || vec![Text::new("*")];
    let owner = Principal::Aws(vec![Text::new("arn:{partition}:iam::{account}:root")]);
    let row = |row: &&Permission| row.scope == Scope::AuditKey && row.feature == Feature::AuditKey;
    let used: Vec<&str> = TABLE.iter().filter(row).map(|row| row.action).collect();
    let statements = vec![
        // Without it nobody could ever change the key again; who may is up to the account's own IAM policies.
        Statement::allow("AccountAdministers", &["kms:*"], any()).of(owner),
        Statement::allow("TheHubEncryptsThroughS3", &used, any()).of(hub()).only(through_s3()),
        Statement::deny("NobodyDestroys", &["kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:DeleteImportedKeyMaterial"], any())
            .only(but("break-glass-arn")),
    ];
    Document::new("policy", Kind::Key, statements)
}

/// The policy of the queue: one sender, TLS only, one reader.
pub(crate) fn queue_policy() -> Document {
    let queue = || vec![Text::hole(Hole::Made(&QUEUE))];
    let from = || Condition::new("ArnEquals", "aws:SourceArn", Text::parameter("sender-arn"));
    let sends = |sid: &str, service, sender| {
        Statement::allow(sid, &["sqs:SendMessage"], queue())
            .of(Principal::Service(service))
            .only(from())
            .when(When::Is("sender", sender))
    };
    // A bucket's ARN does not name its account, so that a bucket made anew by a stranger would do. The ARNs of topics and
    // rules do, and SNS does not always tell the account.
    let owner = Condition::new("StringEquals", "aws:SourceAccount", Text::parameter("sender-account"));
    let read: Vec<&str> = TABLE.iter().filter(|row| row.scope == Scope::Queue).map(|row| row.action).collect();
    let insecure = Condition::new("Bool", "aws:SecureTransport", Text::new("false"));
    let statements = vec![
        Statement::deny("OnlyTls", &["sqs:*"], queue()).only(insecure),
        sends("TheBucketSends", "s3.amazonaws.com", "s3").only(owner),
        sends("TheTopicSends", "sns.amazonaws.com", "sns"),
        sends("TheRuleSends", "events.amazonaws.com", "eventbridge"),
        Statement::allow("TheReaderReads", &read, queue()).of(Principal::Aws(vec![Text::parameter("queue-reader-arn")])),
    ];
    Document::new("queue-policy", Kind::Queue, statements)
}

/// What the owner of a topic in another account must add to its policy.
pub(crate) fn owner_of_topic() -> Vec<Statement> {
    let who = Principal::Aws(vec![Text::new("arn:{partition}:iam::{account}:root")]);
    let endpoint = Condition::new("StringLike", "sns:Endpoint", Text::new("arn:{partition}:sqs:{region}:{account}:{queue-name}"));
    let protocol = Condition::new("StringEquals", "sns:Protocol", Text::new("sqs"));
    let statement = Statement::allow("AssizeSubscribes", &["sns:Subscribe"], vec![Text::parameter("sender-arn")]);
    vec![statement.of(who).only(protocol).only(endpoint)]
}
