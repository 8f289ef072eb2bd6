//! What a key, metadata and a range may be: S3's own limits, checked the same way by every bucket before it does
//! anything, so that what one bucket took another takes too.

use std::ops::Range;

use crate::{BucketError, Metadata};

/// The longest key, in bytes of UTF-8.
pub const MAX_KEY_BYTES: usize = 1024;

/// The most metadata of one object: the bytes of all names and values together.
pub const MAX_METADATA_BYTES: usize = 2048;

/// Checks that S3 would take this key: 1 to [`MAX_KEY_BYTES`] bytes. Any character will do.
///
/// S3 itself also refuses a key that climbs above its own start (`../a`); that is left to the S3 bucket.
///
/// # Errors
/// [`BucketError::InvalidKey`].
pub fn check_key(key: &str) -> Result<(), BucketError> {
    let reason = match key.len() {
        0 => "it is empty",
        1..=MAX_KEY_BYTES => return Ok(()),
        _ => "it is longer than 1,024 bytes",
    };
    Err(BucketError::InvalidKey { key: key.to_owned(), reason })
}

/// Checks that metadata would come back from S3 as they were put: names of lower-case letters, digits and the other
/// signs of an HTTP token, values of printable ASCII without a space at either end, [`MAX_METADATA_BYTES`] in all.
///
/// # Errors
/// [`BucketError::InvalidMetadata`], naming the first that is wrong.
pub fn check_metadata(key: &str, metadata: &Metadata) -> Result<(), BucketError> {
    let mut total = 0;
    for (name, value) in metadata {
        total += name.len() + value.len();
        let reason = if name.is_empty() || !name.bytes().all(is_name_byte) {
            "a name may hold lower-case letters, digits and !#$%&'*+-.^_`|~ only"
        } else if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            "a value may hold printable ASCII only"
        } else if value.starts_with(' ') || value.ends_with(' ') {
            "a value may neither begin nor end with a space"
        } else if total > MAX_METADATA_BYTES {
            "all names and values together are longer than 2,048 bytes"
        } else {
            continue;
        };
        return Err(BucketError::InvalidMetadata { key: key.to_owned(), name: name.clone(), reason });
    }
    Ok(())
}

/// Cuts a range to an object of `size` bytes: the whole object if there is none.
///
/// # Errors
/// [`BucketError::InvalidRange`] if the range is empty or starts at or after the end.
pub fn clip_range(key: &str, range: Option<Range<u64>>, size: u64) -> Result<Range<u64>, BucketError> {
    let Some(Range { start, end }) = range else {
        return Ok(0..size);
    };
    let reason = if start >= end {
        "the range is empty".to_owned()
    } else if start >= size {
        format!("the object has {size} bytes")
    } else {
        return Ok(start..end.min(size));
    };
    Err(BucketError::InvalidRange { key: key.to_owned(), start, end, reason })
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(name: &str, value: &str) -> Metadata {
        Metadata::from([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn keys_are_counted_in_bytes() {
        assert!(check_key("").is_err());
        assert!(check_key(&"k".repeat(1024)).is_ok());
        assert!(check_key(&"k".repeat(1025)).is_err());
        assert!(check_key(&"鍵".repeat(341)).is_ok());
        assert!(check_key(&"鍵".repeat(342)).is_err());
        assert!(check_key("..").is_ok());
    }

    #[test]
    fn metadata_must_survive_http() {
        assert!(check_metadata("k", &metadata("signature-algorithm", "SHA256withRSA")).is_ok());
        assert!(check_metadata("k", &metadata("empty", "")).is_ok());
        for (name, value) in
            [("Upper", "v"), ("", "v"), ("sp ace", "v"), ("é", "v"), ("n", "é"), ("n", "a\nb"), ("n", " a"), ("n", "a ")]
        {
            assert!(check_metadata("k", &metadata(name, value)).is_err(), "{name}={value}");
        }
    }

    #[test]
    fn metadata_are_counted_all_together() {
        let mut all = metadata("a", &"v".repeat(1023));
        all.insert("b".to_owned(), "v".repeat(1023));
        assert!(check_metadata("k", &all).is_ok());
        all.insert("c".to_owned(), String::new());
        assert!(check_metadata("k", &all).is_err());
    }

    #[test]
    fn ranges_are_cut_to_the_object() {
        assert_eq!(clip_range("k", None, 5).unwrap(), 0..5);
        assert_eq!(clip_range("k", Some(1..3), 5).unwrap(), 1..3);
        assert_eq!(clip_range("k", Some(4..u64::MAX), 5).unwrap(), 4..5);
        for (start, end, size) in [(5, 6, 5), (0, 1, 0), (2, 2, 5), (3, 2, 5)] {
            assert!(clip_range("k", Some(Range { start, end }), size).is_err(), "{start}..{end} of {size}");
        }
    }
}
