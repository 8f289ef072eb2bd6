//! CloudTrail's public keys as an account gets them from AWS, held against those that are kept beside the evidence.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use assize_cloud::Session;
use assize_cloud::public_key::{PublicKey, list_public_keys};
use serde::Serialize;

use super::keys::{KeysError, PublicKeys};
use super::place::Listed;

/// Keys are asked for that were valid so long before the first digest and after the last: kept ones may be of a longer time.
const AROUND: i64 = 180 * 86_400;

/// Where the keys came from that digests were checked with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct KeySource {
    /// `archive` (beside the evidence, and what --keys gave), `bundle` or `account`.
    pub(crate) source: &'static str,
    /// The regions in which AWS was asked.
    pub(crate) regions: Vec<String>,
    /// Kept keys, as `REGION/FINGERPRINT`, that are the same at AWS.
    pub(crate) same: Vec<String>,
    /// Kept keys whose bytes are others at AWS: somebody wrote to the archive.
    pub(crate) different: Vec<String>,
    /// Kept keys that AWS does not know for the time of the digests.
    pub(crate) unknown: Vec<String>,
}

impl KeySource {
    /// The keys beside the evidence, and those of --keys.
    pub(crate) fn archive() -> KeySource {
        KeySource { source: "archive", ..KeySource::default() }
    }

    /// The keys in a bundle, and those of --keys.
    pub(crate) fn bundle() -> KeySource {
        KeySource { source: "bundle", ..KeySource::default() }
    }
}

/// Asks AWS in each region that has digests. What is kept is compared, and nothing is verified with it.
///
/// # Errors
/// A region does not answer.
pub(crate) async fn ask(session: &Session, listed: &Listed, kept: &PublicKeys) -> Result<(PublicKeys, KeySource), KeysError> {
    let mut given = BTreeMap::new();
    for (region, span) in regions(listed) {
        let asked = list_public_keys(session, &region, span).await;
        let keys = asked.map_err(|source| KeysError::Account { region: region.clone(), source: Box::new(source) })?;
        given.insert(region, keys);
    }
    Ok(compared(given, kept))
}

/// Regions with digests, and the time of theirs.
fn regions(listed: &Listed) -> BTreeMap<String, Range<i64>> {
    let mut regions: BTreeMap<String, Range<i64>> = BTreeMap::new();
    for (name, digests) in &listed.chains {
        for at in digests.iter().map(|digest| digest.delivered) {
            let span = regions.entry(name.region.clone()).or_insert(at - AROUND..at + AROUND);
            (span.start, span.end) = (span.start.min(at - AROUND), span.end.max(at + AROUND));
        }
    }
    regions
}

fn compared(given: BTreeMap<String, Vec<PublicKey>>, kept: &PublicKeys) -> (PublicKeys, KeySource) {
    let mut keys = PublicKeys::default();
    let mut source = KeySource { source: "account", ..KeySource::default() };
    for (region, given) in given {
        let by_fingerprint: BTreeMap<String, &PublicKey> =
            given.iter().map(|key| (key.fingerprint.to_ascii_lowercase(), key)).collect();
        let archived: BTreeSet<_> = kept.kept_in(&region).collect();
        for (fingerprint, der) in archived {
            let name = format!("{region}/{fingerprint}");
            match by_fingerprint.get(fingerprint) {
                Some(key) if key.der == der => source.same.push(name),
                Some(_) => source.different.push(name),
                None => source.unknown.push(name),
            }
        }
        given.iter().for_each(|key| keys.add(&key.fingerprint, key.der.clone()));
        source.regions.push(region);
    }
    (keys, source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn kept_keys_are_the_same_others_or_unknown() {
        let bucket = assize_bucket::Memory::new();
        for name in ["eu-west-1/aa", "eu-west-1/bb", "eu-west-1/cc", "us-east-1/dd"] {
            let key = format!("{}{name}.der", super::super::keys::ARCHIVE);
            let put = assize_bucket::PutCondition::Always;
            assize_bucket::Bucket::put(&bucket, &key, vec![1], Default::default(), put).await.unwrap();
        }
        let mut kept = PublicKeys::default();
        kept.add_archive(&bucket).await.unwrap();
        let key = |fingerprint: &str, byte| PublicKey {
            fingerprint: fingerprint.to_owned(),
            der: vec![byte],
            valid_from: None,
            valid_until: None,
        };
        let given = BTreeMap::from([("eu-west-1".to_owned(), vec![key("AA", 1), key("bb", 2), key("ee", 1)])]);
        let (keys, source) = compared(given, &kept);
        assert_eq!(keys.count(), 3, "what AWS gave, and nothing else");
        assert_eq!(source.regions, ["eu-west-1"]);
        assert_eq!((source.same, source.different), (vec!["eu-west-1/aa".to_owned()], vec!["eu-west-1/bb".to_owned()]));
        assert_eq!(source.unknown, ["eu-west-1/cc"], "nobody was asked in us-east-1");
    }
}
