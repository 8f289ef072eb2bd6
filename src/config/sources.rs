//! `sources`: where logs are.

use assize_engine::diagnostic::Span;
use assize_engine::policy::reader;
use assize_engine::yaml::{Node, Yaml};

use super::context::Context;
use super::model::{AuditBucket, BucketSource, Location, Mode, SourceConfig, SourceKind};
use super::{audit, syntax};

const KEYS: &[&str] = &["trails", "bucket", "prefix", "account", "region", "mode"];

/// What is read when nothing is said: the trails that accounts have, copied.
pub(super) fn default() -> Vec<SourceConfig> {
    vec![SourceConfig { kind: SourceKind::Discovered, mode: Mode::Copy }]
}

pub(super) fn read(root: &Node, audit: Option<&AuditBucket>, context: &mut Context<'_>) -> Vec<SourceConfig> {
    let Some(list) = context.value(root, "sources") else { return default() };
    let mut sources: Vec<(Span, SourceConfig)> = Vec::new();
    for item in context.items(root, "sources") {
        if let Some(source) = source(item, context) {
            against_audit(item.span, &source, audit, context);
            against_others(item.span, &source, &sources, context);
            sources.push((item.span, source));
        }
    }
    if matches!(&list.value, Yaml::List(items) if items.is_empty()) {
        nothing_to_read(list.span, "the list of sources is empty", context);
    }
    sources.into_iter().map(|(_, source)| source).collect()
}

fn nothing_to_read(span: Span, message: &str, context: &mut Context<'_>) {
    context
        .report
        .error(span, "nothing-to-read", message)
        .hint("write `trails: discovered` for the trails that accounts have, or `bucket:` for a bucket with logs");
}

fn source(node: &Node, context: &mut Context<'_>) -> Option<SourceConfig> {
    if !matches!(node.value, Yaml::Map(_)) {
        reader::wrong_kind(node, "sources", "a list of maps", &mut context.report);
        return None;
    }
    context.keys(node, "sources", KEYS);
    let modes = [("copy", Mode::Copy), ("in-place", Mode::InPlace)];
    let mode = context.choice(node, "mode", &modes).unwrap_or(Mode::Copy);
    // Read in any case: what is wrong in it is said even if the entry is wrong as a whole.
    let bucket = bucket(node, context);
    let kind = match (node.get("trails").is_some(), node.get("bucket").is_some()) {
        (true, false) => {
            context.choice(node, "trails", &[("discovered", ())])?;
            only_for_buckets(node, context);
            SourceKind::Discovered
        }
        (false, true) => SourceKind::Bucket(bucket?),
        (true, true) => {
            let message = "a source is either `trails: discovered` or a `bucket`, this is both";
            context.report.error(node.span, "bad-source", message).hint("write two entries");
            return None;
        }
        (false, false) => {
            let what =
                if mode == Mode::InPlace { "`mode: in-place` has nothing to read" } else { "the source has nothing to read" };
            nothing_to_read(node.span, what, context);
            return None;
        }
    };
    Some(SourceConfig { kind, mode })
}

fn bucket(node: &Node, context: &mut Context<'_>) -> Option<BucketSource> {
    let account = context.account(node, "account").map(|text| text.value);
    let region = context.region(node, "region");
    let own_prefix = context.text(node, "prefix");
    let own_prefix = own_prefix.and_then(|text| Some((context.passes(&text, ("bad-prefix", "a prefix"), syntax::prefix)?, text)));
    let text = context.substituted(node, "bucket")?;
    let (bucket, mut prefix) = if text.value.starts_with("s3://") {
        audit::s3(&text, context)?
    } else {
        context.passes(&text, ("bad-bucket", "a bucket name"), syntax::bucket_name)?;
        (text.value, String::new())
    };
    if let Some((own, place)) = own_prefix {
        if !prefix.is_empty() {
            let message = "the prefix is said twice: in `bucket` and in `prefix`";
            context.report.error(place.span, "bad-prefix", message).hint("keep one of them");
        }
        prefix = own;
    }
    Some(BucketSource { bucket, prefix, account, region })
}

/// Discovered trails say themselves where they are.
fn only_for_buckets(node: &Node, context: &mut Context<'_>) {
    for key in ["prefix", "account", "region"] {
        if let Some(value) = context.value(node, key) {
            let message = format!("`{key}` has no meaning for `trails: discovered`");
            context.report.error(value.span, "bad-source", message).hint("remove it, or name the `bucket`");
        }
    }
}

/// Reading what Assize itself writes would never end.
fn against_audit(span: Span, source: &SourceConfig, audit: Option<&AuditBucket>, context: &mut Context<'_>) {
    if let (SourceKind::Bucket(bucket), Some(AuditBucket { location: Location::S3(audit) })) = (&source.kind, audit)
        && bucket.bucket == audit.bucket
        && nested(&bucket.prefix, &audit.prefix)
    {
        context
            .report
            .error(span, "source-is-audit-bucket", "this source and the audit bucket are one place, or one is inside the other")
            .hint("give the audit bucket a prefix of its own, or better a bucket of its own");
    }
}

/// A key that two sources have would be listed twice, perhaps in two modes.
fn against_others(span: Span, source: &SourceConfig, others: &[(Span, SourceConfig)], context: &mut Context<'_>) {
    let overlaps = |other: &SourceConfig| match (&source.kind, &other.kind) {
        (SourceKind::Discovered, SourceKind::Discovered) => true,
        (SourceKind::Bucket(a), SourceKind::Bucket(b)) => a.bucket == b.bucket && nested(&a.prefix, &b.prefix),
        _ => false,
    };
    if let Some((first, _)) = others.iter().find(|(_, other)| overlaps(other)) {
        let message = format!("this source overlaps with the one on line {}", first.at.line);
        context.report.error(span, "overlapping-sources", message).hint("keep the wider one, or give both a prefix");
    }
}

/// Whether one prefix is the other or lies above it.
fn nested(a: &str, b: &str) -> bool {
    let above = |upper: &str, lower: &str| {
        upper.is_empty() || lower.strip_prefix(upper).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    above(a, b) || above(b, a)
}

#[cfg(test)]
mod tests {
    use super::nested;

    #[test]
    fn prefixes_nest_by_whole_parts() {
        assert!(nested("", "a") && nested("a/b", "a") && nested("a", "a"));
        assert!(!nested("a", "ab") && !nested("a/b", "a/c"));
    }
}
