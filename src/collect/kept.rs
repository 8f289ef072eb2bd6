//! Reads kept evidence again: the copy in the audit bucket, or the source where there is none. What comes is what was taken, or
//! an error.

use assize_bucket::{Bucket, BucketError, Object};
use assize_engine::layout;

use super::Collector;
use super::take::{Source, Taken, Wanted};
use crate::config::Mode;
use crate::state::{self, LedgerRow, RowStatus};

/// The bytes of an object by the name that findings give it: a key in the audit bucket, or `s3://bucket/key` where it is
/// read in place (`s3://bucket/key@sha256`, if it was replaced).
///
/// # Errors
/// Neither the audit bucket nor the source has it.
pub(crate) async fn by_name(audit: &dyn Bucket, sources: &[Source], name: &str) -> Result<Vec<u8>, BucketError> {
    let in_place = sources.iter().find_map(|source| {
        let key = name.strip_prefix(&source.id)?.strip_prefix('/')?;
        Some((source, key))
    });
    let Some((source, key)) = in_place else { return Ok(audit.get(name, None).await?.bytes) };
    let (key, digest) = state::split_change(key);
    let copy = state::evidence_key(source.partition, &source.bucket_name, key);
    let copies = digest.map(|digest| format!("{copy}@{digest}")).into_iter().chain([copy]);
    let is_it = |bytes: &[u8]| digest.is_none_or(|digest| state::sha256(bytes) == digest);
    for copy in copies {
        match audit.get(&copy, None).await {
            Ok(object) if is_it(&object.bytes) => return Ok(object.bytes),
            Ok(_) | Err(BucketError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let object = source.bucket.get(key, None).await?;
    if is_it(&object.bytes) { Ok(object.bytes) } else { Err(BucketError::NotFound { key: name.to_owned() }) }
}

/// A row's object again, as it was when it was taken. What is wrong, by its name, if that is not to be had.
pub(super) async fn by_row(collector: &Collector, row: &LedgerRow) -> Result<Taken, (String, String)> {
    let named = || format!("{}/{}", row.source, row.key);
    let source = collector.sources.iter().position(|source| source.id == row.source);
    let object = match (&row.evidence_key, source.and_then(|at| collector.sources.get(at))) {
        (Some(key), _) => copied(&*collector.audit, [key.clone()], row).await,
        (None, Some(source)) => from_source(&*collector.audit, source, row).await,
        (None, None) => Err("its bucket is no source of the configuration any more, and it was read in place".to_owned()),
    };
    let (object, copied) = object.map_err(|reason| (named(), reason))?;
    let replaced = row.status == RowStatus::Replaced;
    let source_of = source.and_then(|at| collector.sources.get(at));
    let name = match (&row.evidence_key, source_of) {
        (Some(key), Some(Source { mode: Mode::Copy, .. }) | None) => key.clone(),
        (_, Some(source)) => source.name_in_place(&row.key, replaced.then_some(&object.bytes)),
        (None, None) => named(),
    };
    let key = layout::parse(&row.key).ok();
    let wanted = Wanted {
        source: source.unwrap_or(usize::MAX),
        key: row.key.clone(),
        size: row.size,
        etag: None,
        account: key.map(|key| key.account.to_owned()).unwrap_or_default(),
        region: key.map(|key| key.region.to_owned()).unwrap_or_default(),
        day: row.day,
        delivered: row.delivered.unwrap_or(row.day * 86_400),
        replaced,
        since: None,
        archived: None,
    };
    let metadata = (!copied).then_some(object.metadata);
    let (bytes, version_id, evidence_key) = (object.bytes, row.version_id.clone(), row.evidence_key.clone());
    Ok(Taken { wanted, name: name.into(), evidence_key, metadata, version_id, bytes, etag: None, signed: None, replaced })
}

/// From the bucket that is read in place: what is there now, if it is the same, or else the version that was read, or else a copy.
async fn from_source(audit: &dyn Bucket, source: &Source, row: &LedgerRow) -> Result<(Object, bool), String> {
    let is_it = |object: &Object| state::sha256(&object.bytes) == row.stored_sha256;
    let mut said = match source.bucket.get(&row.key, None).await {
        Ok(object) if is_it(&object) => return Ok((object, false)),
        Ok(_) => "it has other bytes than when it was judged".to_owned(),
        Err(error) => error.to_string(),
    };
    if let Some(version) = &row.version_id {
        match source.bucket.get_version(&row.key, version).await {
            Ok(object) if is_it(&object) => return Ok((object, false)),
            Ok(_) => {}
            Err(error) => said = format!("{said}; its version {version} cannot be read: {error}"),
        }
    }
    let copy = state::evidence_key(source.partition, &source.bucket_name, &row.key);
    copied(audit, [format!("{copy}@{}", row.stored_sha256), copy], row).await.map_err(|_| said)
}

async fn copied(audit: &dyn Bucket, keys: impl IntoIterator<Item = String>, row: &LedgerRow) -> Result<(Object, bool), String> {
    let mut said = "there is no copy of it".to_owned();
    for key in keys {
        match audit.get(&key, None).await {
            Ok(object) if state::sha256(&object.bytes) == row.stored_sha256 => return Ok((object, true)),
            Ok(_) => said = format!("the copy {key} has other bytes than when it was judged"),
            Err(error) => said = error.to_string(),
        }
    }
    Err(said)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use assize_bucket::{Memory, Metadata, PutCondition};

    use super::*;

    async fn put(bucket: &Memory, key: &str, bytes: &[u8]) {
        bucket.put(key, bytes.to_vec(), Metadata::new(), PutCondition::Always).await.unwrap();
    }

    #[tokio::test]
    async fn the_copy_comes_first_and_each_version_by_its_own_name() {
        let (audit, logs) = (Memory::new(), Memory::new());
        put(&logs, "a", b"second").await;
        put(&logs, "b", b"only").await;
        put(&audit, "evidence/aws/logs/a", b"first").await;
        let source = Source {
            bucket_name: "logs".to_owned(),
            id: "s3://logs".to_owned(),
            partition: "aws",
            bucket: Arc::new(logs),
            mode: Mode::InPlace,
        };
        let sources = [source];
        let second = format!("s3://logs/a@{}", state::sha256(b"second"));
        let gone = format!("s3://logs/a@{}", state::sha256(b"third"));
        for (name, bytes) in
            [("s3://logs/a", &b"first"[..]), ("s3://logs/b", b"only"), (&second, b"second"), ("evidence/aws/logs/a", b"first")]
        {
            assert_eq!(by_name(&audit, &sources, name).await.unwrap(), bytes, "{name}");
        }
        assert!(by_name(&audit, &sources, &gone).await.is_err());
        put(&audit, &format!("evidence/aws/logs/a@{}", state::sha256(b"third")), b"third").await;
        assert_eq!(by_name(&audit, &sources, &gone).await.unwrap(), b"third");
    }
}
