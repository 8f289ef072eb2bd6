//! Which trail wrote a digest, by the name of the object.

use crate::layout::{self, Folder};

/// A trail, as the names of its digests tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestTrail<'k> {
    /// Name and home region: `management-events_us-east-1`. A name may hold `_`, `.` and `-`, a region no `_`.
    pub trail: &'k str,
    /// Whether the digest was written long after its window.
    pub backfill: bool,
}

/// Reads `ACCOUNT_CloudTrail-Digest_REGION_TRAIL_HOMEREGION_TIME[_backfill].json.gz` (AWS CloudTrail user guide, "CloudTrail
/// digest file structure"). A suffix `@…` behind it, as evidence that was replaced has it, is not part of a key.
pub fn trail_of(key: &str) -> Option<DigestTrail<'_>> {
    let parsed = layout::parse(key).ok().filter(|parsed| parsed.folder == Folder::Digest)?;
    let name = key.rsplit('/').next()?.strip_suffix(".json.gz")?;
    let rest = name.strip_prefix(parsed.account)?.strip_prefix("_CloudTrail-Digest_")?;
    let rest = rest.strip_prefix(parsed.region)?.strip_prefix('_')?;
    let (rest, backfill) = rest.strip_suffix("_backfill").map_or((rest, false), |rest| (rest, true));
    Some(DigestTrail { trail: rest.rsplit_once('_')?.0, backfill })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_what_parts_them() {
        let key = |end: &str| {
            format!(
                "p/AWSLogs/o-abcdefghij/111122223333/CloudTrail-Digest/eu-west-1/2026/11/22/111122223333_CloudTrail-Digest_eu-west-1_{end}"
            )
        };
        let trail = |end: &str| trail_of(&key(end)).map(|found| (found.trail.to_owned(), found.backfill));
        let name = "a.trail_of-ours_us-east-1";
        assert_eq!(trail(&format!("{name}_20261122T080131Z.json.gz")), Some((name.to_owned(), false)));
        assert_eq!(trail(&format!("{name}_20261122T080131Z_backfill.json.gz")), Some((name.to_owned(), true)));
        assert_eq!(trail("20261122T080131Z.json.gz"), None);
        assert_eq!(trail_of("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/22/x.json.gz"), None);
    }
}
