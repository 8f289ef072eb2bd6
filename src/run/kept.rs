//! Reads kept evidence again: the copy in the audit bucket, or the source where there is none. What comes is what was taken, or
//! an error.

use assize_bucket::{Bucket, BucketError};

use crate::collect::take::Source;
use crate::state;

/// Bytes of `@` and a SHA-256 in hex.
const SUFFIX: usize = 65;

/// The bytes of an object by the name that findings give it: a key in the audit bucket, or `s3://bucket/key` where it is
/// read in place (`s3://bucket/key@sha256`, if it was replaced).
///
/// # Errors
/// Neither the audit bucket nor the source has it.
pub(super) async fn by_name(audit: &dyn Bucket, sources: &[Source], name: &str) -> Result<Vec<u8>, BucketError> {
    let in_place = sources.iter().find_map(|source| {
        let key = name.strip_prefix(&source.id)?.strip_prefix('/')?;
        Some((source, key))
    });
    let Some((source, key)) = in_place else { return Ok(audit.get(name, None).await?.bytes) };
    let (key, digest) = replaced(key);
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

/// The key at the source, and the digest behind it if the object was replaced.
fn replaced(key: &str) -> (&str, Option<&str>) {
    let cut = key.len().checked_sub(SUFFIX).and_then(|at| key.split_at_checked(at));
    let digest = cut.and_then(|(key, end)| Some((key, end.strip_prefix('@')?)));
    match digest.filter(|(_, digest)| digest.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        Some((key, digest)) => (key, Some(digest)),
        None => (key, None),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use assize_bucket::{Memory, Metadata, PutCondition};

    use super::*;
    use crate::config::Mode;

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
