//! S3 as a whole, against the emulator: the suite that every bucket passes.

use assize_bucket::{Bucket as _, Metadata, PutCondition, PutOutcome, conformance};
use assize_cloud::{S3Bucket, S3Options};
use futures::stream::TryStreamExt as _;

use crate::environment::emulator;
use crate::{base, loader};

/// A new bucket, made with the SDK alone.
async fn made(name: &str, prefix: &str) -> S3Bucket {
    let shared = loader(&emulator().url, "AKIAHUB").load().await;
    let settings = aws_sdk_s3::config::Builder::from(&shared).force_path_style(true).build();
    let place = aws_sdk_s3::types::CreateBucketConfiguration::builder()
        .location_constraint(aws_sdk_s3::types::BucketLocationConstraint::EuWest1);
    let create = aws_sdk_s3::Client::from_conf(settings).create_bucket().bucket(name);
    create.create_bucket_configuration(place.build()).send().await.unwrap();
    let options = S3Options { bucket: name.to_owned(), prefix: prefix.to_owned(), ..S3Options::default() };
    base(&emulator().url).await.bucket(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_passes_on_s3() {
    let bucket = made("assize-conformance", "").await;
    assert_eq!(bucket.region(), "eu-west-1");
    conformance::run(&bucket).await;
}

#[tokio::test]
async fn what_is_below_a_prefix_is_a_bucket_of_its_own() {
    let bucket = made("assize-prefixes", "").await;
    let options =
        |prefix: &str| S3Options { bucket: "assize-prefixes".to_owned(), prefix: prefix.to_owned(), ..S3Options::default() };
    let session = base(&emulator().url).await;
    let (one, two) = (session.bucket(options("one/")).await.unwrap(), session.bucket(options("two/")).await.unwrap());
    for (bucket, body) in [(&one, "1"), (&two, "2")] {
        let put = bucket.put("a/k", body.into(), Metadata::new(), PutCondition::IfAbsent).await.unwrap();
        assert!(matches!(put, PutOutcome::Stored { .. }));
    }
    let keys = async |bucket: &S3Bucket, prefix: &str, after: Option<&str>| -> Vec<String> {
        bucket.list(prefix, after).map_ok(|entry| entry.key).try_collect().await.unwrap()
    };
    assert_eq!(keys(&one, "", None).await, ["a/k"]);
    assert_eq!(keys(&two, "a/", None).await, ["a/k"]);
    assert_eq!(keys(&two, "", Some("a/k")).await, [""; 0]);
    assert_eq!(keys(&bucket, "", None).await, ["one/a/k", "two/a/k"]);
    assert_eq!(two.get("a/k", None).await.unwrap().bytes, b"2");
    assert_eq!(bucket.get("one/a/k", None).await.unwrap().bytes, b"1");
}

#[tokio::test]
async fn entries_tell_the_storage_class() {
    let bucket = made("assize-classes", "").await;
    let shared = loader(&emulator().url, "AKIAHUB").load().await;
    let client = aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&shared).force_path_style(true).build());
    let put = client.put_object().bucket("assize-classes").key("cold").body(b"x".to_vec().into());
    put.storage_class(aws_sdk_s3::types::StorageClass::Glacier).send().await.unwrap();
    bucket.put("warm", b"x".to_vec(), Metadata::new(), PutCondition::Always).await.unwrap();
    let classes: Vec<(String, Option<String>)> =
        bucket.list("", None).map_ok(|entry| (entry.key, entry.storage_class)).try_collect().await.unwrap();
    let expected = [("cold", "GLACIER"), ("warm", "STANDARD")];
    assert_eq!(classes, expected.map(|(key, class)| (key.to_owned(), Some(class.to_owned()))));
}
