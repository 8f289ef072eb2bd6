//! CloudTrail's public keys, and the check of a signature with them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use assize_bucket::{Bucket, BucketError};
use assize_cloud::CloudError;
use assize_engine::digest::Keys;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use futures::{StreamExt, TryStreamExt};

/// Where keys are kept beside the evidence: `evidence/_keys/REGION/FINGERPRINT.der`.
pub(crate) const ARCHIVE: &str = "evidence/_keys/";

/// Keys by fingerprint. CloudTrail gives them as DER of a PKCS #1 `RSAPublicKey`.
#[derive(Clone, Debug, Default)]
pub(crate) struct PublicKeys {
    keys: BTreeMap<String, Vec<u8>>,
    /// Those kept beside the evidence: region, fingerprint, bytes.
    kept: Vec<(String, String, Vec<u8>)>,
}

/// Why keys cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    /// The archive.
    #[error("the public keys beside the evidence cannot be read: {0}")]
    Archive(#[from] BucketError),
    /// A folder.
    #[error("{path}: the public keys cannot be read: {source}")]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// AWS.
    #[error(
        "CloudTrail cannot be asked for its public keys in {region}: {source}; allow cloudtrail:ListPublicKeys there, or verify \
         with kept keys, without --keys-from-account"
    )]
    Account {
        /// The region.
        region: String,
        /// Why.
        source: Box<CloudError>,
    },
}

impl PublicKeys {
    /// Adds a key.
    pub(crate) fn add(&mut self, fingerprint: &str, der: Vec<u8>) {
        self.keys.insert(fingerprint.to_ascii_lowercase(), der);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.keys.len()
    }

    /// Those kept beside the evidence for a region: fingerprint and bytes.
    pub(super) fn kept_in(&self, region: &str) -> impl Iterator<Item = (&str, &[u8])> {
        let there = self.kept.iter().filter(move |(theirs, _, _)| theirs == region);
        there.map(|(_, fingerprint, der)| (fingerprint.as_str(), der.as_slice()))
    }

    /// Adds those kept beside the evidence.
    ///
    /// # Errors
    /// The bucket fails.
    pub(crate) async fn add_archive(&mut self, bucket: &dyn Bucket) -> Result<(), KeysError> {
        self.add_archived(bucket, archived(bucket).await?).await
    }

    /// Adds keys that are kept beside the evidence, by their places.
    ///
    /// # Errors
    /// The bucket fails.
    pub(crate) async fn add_archived(&mut self, bucket: &dyn Bucket, places: Vec<String>) -> Result<(), KeysError> {
        let mut reading = futures::stream::iter(places)
            .map(async |place| Ok::<_, KeysError>((bucket.get(&place, None).await?.bytes, place)))
            .buffer_unordered(16);
        while let Some((der, place)) = reading.try_next().await? {
            if let Some(fingerprint) = fingerprint_of(Path::new(&place)) {
                let region = place.strip_prefix(ARCHIVE).and_then(|rest| rest.split_once('/')).map_or("", |(region, _)| region);
                self.kept.push((region.to_owned(), fingerprint.to_ascii_lowercase(), der.clone()));
                self.add(&fingerprint, der);
            }
        }
        Ok(())
    }

    /// Adds the `FINGERPRINT.der` files of a folder and the folders in it.
    ///
    /// # Errors
    /// The folder or a file cannot be read.
    pub(crate) fn add_folder(&mut self, folder: &Path) -> Result<(), KeysError> {
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |source| KeysError::Folder { path, source }
        };
        for entry in std::fs::read_dir(folder).map_err(fail(folder))? {
            let path = entry.map_err(fail(folder))?.path();
            if path.is_dir() {
                self.add_folder(&path)?;
            } else if let Some(fingerprint) = fingerprint_of(&path) {
                let der = std::fs::read(&path).map_err(fail(&path))?;
                self.add(&fingerprint, der);
            }
        }
        Ok(())
    }
}

/// Where keys are kept beside the evidence, each by its own key in the bucket.
///
/// # Errors
/// The bucket fails.
pub(crate) async fn archived(bucket: &dyn Bucket) -> Result<Vec<String>, KeysError> {
    let mut places: Vec<String> = bucket.list(ARCHIVE, None).map_ok(|entry| entry.key).try_collect().await?;
    places.retain(|place| fingerprint_of(Path::new(place)).is_some());
    Ok(places)
}

/// How many keys these places hold: a key may be kept for several regions.
pub(crate) fn distinct(places: &[String]) -> u64 {
    let names = places.iter().filter_map(|place| fingerprint_of(Path::new(place)));
    names.collect::<std::collections::BTreeSet<String>>().len() as u64
}

/// Where a key is kept beside the evidence. `None` for a region or a fingerprint that could lead anywhere else, or that
/// would not be found again.
pub(crate) fn archive_key(region: &str, fingerprint: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let sound = !region.is_empty() && region.bytes().all(plain) && is_fingerprint(fingerprint);
    sound.then(|| format!("{ARCHIVE}{region}/{}.der", fingerprint.to_ascii_lowercase()))
}

/// Hexadecimal digits, and few enough for the name of a file.
fn is_fingerprint(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The fingerprint in a file's name.
fn fingerprint_of(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_str()?;
    (path.extension()? == "der" && is_fingerprint(stem)).then(|| stem.to_owned())
}

impl Keys for PublicKeys {
    fn verify(&self, fingerprint: &str, text: &[u8], signature: &[u8]) -> Option<bool> {
        let der = self.keys.get(fingerprint)?;
        Some(UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).verify(text, signature).is_ok())
    }
}
