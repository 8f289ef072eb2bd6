//! What every bucket must do, as one suite. An implementation calls [`run`] on an empty bucket of its own.
//!
//! A violation panics with what was expected, like any test. Nothing is removed afterwards.

mod keys;
mod listing;
mod reading;
mod writing;

use futures::stream::TryStreamExt as _;

use crate::{Bucket, BucketError, Entry, Etag, Metadata, PutCondition, PutOutcome};

pub use keys::CLIMBING_KEYS;

/// Runs the whole suite on a bucket that holds nothing. Puts about 1,200 small objects.
///
/// # Panics
/// If the bucket breaks the contract of [`Bucket`], or cannot be reached.
pub async fn run(bucket: &dyn Bucket) {
    listing::nothing_is_listed_in_an_empty_bucket(bucket).await;

    reading::a_missing_object_is_not_found(bucket).await;
    reading::an_object_comes_back_as_it_was_put(bucket).await;
    reading::an_empty_object_is_an_object(bucket).await;
    reading::ranges_give_their_bytes(bucket).await;
    reading::ranges_outside_the_object_are_errors(bucket).await;

    writing::the_last_write_stands(bucket).await;
    writing::metadata_belong_to_their_write(bucket).await;
    writing::metadata_that_would_not_survive_are_refused(bucket).await;
    writing::if_absent_never_replaces(bucket).await;
    writing::if_match_replaces_what_it_names_only(bucket).await;
    writing::one_of_many_creators_wins(bucket).await;
    writing::one_of_many_replacers_wins(bucket).await;
    writing::readers_see_whole_versions(bucket).await;

    listing::keys_come_in_byte_order(bucket).await;
    listing::prefix_and_start_after_select(bucket).await;
    listing::entries_say_what_head_says(bucket).await;
    listing::long_listings_are_whole(bucket).await;

    keys::keys_that_are_not_keys_are_refused(bucket).await;
    keys::odd_keys_are_keys_like_others(bucket).await;
    keys::keys_that_climb_lead_nowhere(bucket).await;
    listing::the_whole_bucket_is_in_order(bucket).await;
}

/// The value, or a panic that says what could not be done.
fn must<T>(what: &str, result: Result<T, BucketError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error}"),
    }
}

/// The etag of a put that must store.
fn stored(what: &str, result: Result<PutOutcome, BucketError>) -> Etag {
    match must(what, result) {
        PutOutcome::Stored { etag } => etag,
        PutOutcome::PreconditionFailed => {
            panic!("{what}: nothing was stored (precondition failed)")
        }
        PutOutcome::Conflict => panic!("{what}: nothing was stored (conflict)"),
    }
}

/// Puts an object without metadata, whatever is there.
async fn put(bucket: &dyn Bucket, key: &str, bytes: &[u8]) -> Etag {
    let what = format!("put {}", key.escape_debug());
    stored(&what, bucket.put(key, bytes.to_vec(), Metadata::new(), PutCondition::Always).await)
}

/// The bytes of an object that must be there.
async fn bytes_of(bucket: &dyn Bucket, key: &str) -> Vec<u8> {
    must("get an object that was put", bucket.get(key, None).await).bytes
}

/// A whole listing.
async fn entries(bucket: &dyn Bucket, prefix: &str, start_after: Option<&str>) -> Vec<Entry> {
    must("list", bucket.list(prefix, start_after).try_collect().await)
}

/// The keys of a whole listing.
async fn keys(bucket: &dyn Bucket, prefix: &str, start_after: Option<&str>) -> Vec<String> {
    entries(bucket, prefix, start_after).await.into_iter().map(|entry| entry.key).collect()
}

fn metadata(pairs: &[(&str, &str)]) -> Metadata {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
