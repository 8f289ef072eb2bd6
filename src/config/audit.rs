//! `audit`: where evidence, state and reports are kept.

use assize_engine::yaml::Node;

use super::context::{Context, Text};
use super::model::{AuditBucket, Location, LockMode, ObjectLock, S3Location};
use super::syntax::{self, Arn};

const KEYS: &[&str] = &["bucket", "region", "owner", "kms-key", "object-lock"];

/// The longest retention that S3 accepts: a hundred years.
const MAX_LOCK_DAYS: u32 = 36_500;

const BUCKET_HINT: &str = "`s3://bucket/prefix`, or `file://folder` for a folder on this machine";

pub(super) fn read(node: &Node, context: &mut Context<'_>) -> Option<AuditBucket> {
    if !context.keys(node, "audit", KEYS) {
        return None;
    }
    context.require(node, "bucket", BUCKET_HINT);
    let region = context.region(node, "region");
    let owner = context.account(node, "owner").map(|text| text.value);
    let kms_key = kms_key(node, region.as_deref(), context);
    let object_lock = context.value(node, "object-lock").and_then(|lock| object_lock(lock, context));
    let text = context.substituted(node, "bucket")?;
    let location = if let Some(folder) = text.value.strip_prefix("file://") {
        only_for_s3(node, context);
        if folder.is_empty() {
            context.report.error(text.span, "bad-bucket", "`file://` names no folder").hint(BUCKET_HINT);
            return None;
        }
        Location::Folder(context.new_path(folder))
    } else {
        let (bucket, prefix) = s3(&text, context)?;
        Location::S3(S3Location { bucket, prefix, region, owner, kms_key, object_lock })
    };
    Some(AuditBucket { location })
}

/// Bucket and prefix of `s3://bucket/prefix`.
pub(super) fn s3(text: &Text, context: &mut Context<'_>) -> Option<(String, String)> {
    let Some(rest) = text.value.strip_prefix("s3://") else {
        let message = format!("`{}` is not the place of a bucket", text.written);
        context.report.error(text.span, "bad-bucket", message).hint(BUCKET_HINT);
        return None;
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let noun = "the place of a bucket";
    let name = context.passes(text, ("bad-bucket", noun), |_| {
        syntax::bucket_name(bucket).map_err(|why| format!("the bucket's name is wrong: {why}"))
    });
    let prefix = context
        .passes(text, ("bad-prefix", noun), |_| syntax::prefix(prefix).map_err(|why| format!("the prefix is wrong: {why}")));
    name.and(prefix).map(|prefix| (bucket.to_owned(), prefix))
}

fn kms_key(node: &Node, region: Option<&str>, context: &mut Context<'_>) -> Option<String> {
    let text = context.substituted(node, "kms-key")?;
    context.passes(&text, ("bad-kms-key", "the ARN of a KMS key"), syntax::kms_arn)?;
    if !context.arn_in_partition(&text) {
        return None;
    }
    if let (Some(region), Some(arn)) = (region, Arn::parse(&text.value))
        && arn.region != region
    {
        let message = format!("`{}` is not in the bucket's region `{region}`", text.written);
        context.report.error(text.span, "wrong-region", message).hint("S3 uses keys of the bucket's own region only");
        return None;
    }
    Some(text.value)
}

fn object_lock(node: &Node, context: &mut Context<'_>) -> Option<ObjectLock> {
    if !context.keys(node, "object-lock", &["mode", "days"]) {
        return None;
    }
    let modes = [("governance", LockMode::Governance), ("compliance", LockMode::Compliance)];
    let mode = context.choice(node, "mode", &modes).unwrap_or(LockMode::Governance);
    context.require(node, "days", "the number of days for which no object may be deleted");
    let days = context.small_number(node, "days", 1..=MAX_LOCK_DAYS)?;
    Some(ObjectLock { mode, days })
}

/// A folder has no region, owner, key or retention: saying one would promise what is not kept.
fn only_for_s3(node: &Node, context: &mut Context<'_>) {
    for key in ["region", "owner", "kms-key", "object-lock"] {
        if let Some(value) = context.value(node, key) {
            let message = format!("`{key}` has no meaning for a folder");
            context.report.error(value.span, "only-for-s3", message).hint("remove it, or use an `s3://` bucket");
        }
    }
}
