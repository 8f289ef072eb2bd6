//! Where CloudTrail puts its objects: keys taken apart, and prefixes put together.
//!
//! `[prefix/]AWSLogs/[o-ORGANISATION/]ACCOUNT/FOLDER/REGION/YYYY/MM/DD/NAME` (AWS CloudTrail user guide, "Finding your
//! CloudTrail log files"). Keys are read from their end, so that a prefix may hold anything, `AWSLogs` included: landing
//! zones write `o-ID/AWSLogs/o-ID/ACCOUNT/…`, older organisation trails leave the second id out.

use std::fmt;

use crate::time;

/// A folder of an account that CloudTrail delivers into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Folder {
    /// Management and data events.
    CloudTrail,
    /// Digests, signed, one an hour.
    Digest,
    /// Insights.
    Insight,
    /// Events of VPC endpoints.
    NetworkActivity,
    /// Aggregated events.
    Aggregated,
}

impl Folder {
    /// All folders.
    pub const ALL: [Folder; 5] =
        [Folder::CloudTrail, Folder::Digest, Folder::Insight, Folder::NetworkActivity, Folder::Aggregated];

    /// The name in a key.
    pub fn name(self) -> &'static str {
        match self {
            Folder::CloudTrail => "CloudTrail",
            Folder::Digest => "CloudTrail-Digest",
            Folder::Insight => "CloudTrail-Insight",
            Folder::NetworkActivity => "CloudTrail-NetworkActivity",
            Folder::Aggregated => "CloudTrail-Aggregated",
        }
    }

    fn named(name: &str) -> Option<Folder> {
        Folder::ALL.into_iter().find(|folder| folder.name() == name)
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// A key, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogKey<'k> {
    /// Everything before the account, with its slash: `prefix/AWSLogs/`, `AWSLogs/o-ID/`.
    pub root: &'k str,
    /// Twelve digits.
    pub account: &'k str,
    /// The folder.
    pub folder: Folder,
    /// The region.
    pub region: &'k str,
    /// The day of delivery, days since 1970-01-01 UTC.
    pub day: i64,
    /// The time in the name, seconds since 1970 UTC: when it was delivered, to the minute (digests: to the second). The
    /// start of the day if the name holds none.
    pub delivered: i64,
    /// Whether the name is one that CloudTrail gives. Something else in its folder is read all the same.
    pub named: bool,
}

/// Why a key holds no CloudTrail object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotALog {
    /// A marker for a folder.
    #[error("a folder marker")]
    Marker,
    /// Another service's folder, or none.
    #[error("not in a CloudTrail folder")]
    OtherFolder,
}

/// Takes a key apart.
///
/// # Errors
///
/// [`NotALog`] for markers and for whatever is in no CloudTrail folder.
pub fn parse(key: &str) -> Result<LogKey<'_>, NotALog> {
    if key.ends_with('/') {
        return Err(NotALog::Marker);
    }
    let mut parts = key.rsplitn(8, '/');
    let mut next = || parts.next().ok_or(NotALog::OtherFolder);
    let (name, day, month, year, region, folder, account, before) =
        (next()?, next()?, next()?, next()?, next()?, next()?, next()?, next()?);
    let folder = Folder::named(folder).ok_or(NotALog::OtherFolder)?;
    let day = day_number(year, month, day).ok_or(NotALog::OtherFolder)?;
    let root_ends = before == "AWSLogs" || before.ends_with("/AWSLogs") || is_organisation_root(before);
    if !is_account(account) || !root_ends || region.is_empty() {
        return Err(NotALog::OtherFolder);
    }
    let root = key.get(..=before.len()).ok_or(NotALog::OtherFolder)?;
    let stamp = delivered(name, account, folder, region);
    let delivered = stamp.unwrap_or(day * 86_400);
    Ok(LogKey { root, account, folder, region, day, delivered, named: stamp.is_some() })
}

/// Whether this is an account id: twelve digits.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether this is an organisation's id: `o-` and 10 to 32 lower-case letters and digits (AWS Organizations API,
/// `Organization.Id`).
pub fn is_organisation(text: &str) -> bool {
    let Some(id) = text.strip_prefix("o-") else { return false };
    (10..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// The prefix of one region in one folder of one account: `ROOT ACCOUNT/FOLDER/REGION/`.
pub fn region_prefix(root: &str, account: &str, folder: Folder, region: &str) -> String {
    format!("{root}{account}/{folder}/{region}/")
}

/// What stands for a day after [`region_prefix`]: `2026/11/22/`.
pub fn day_path(day: i64) -> String {
    let text = time::format(day * 86_400);
    text.get(..10).map(|date| date.replace('-', "/") + "/").unwrap_or_default()
}

fn is_organisation_root(before: &str) -> bool {
    let Some((rest, id)) = before.rsplit_once('/') else { return false };
    is_organisation(id) && (rest == "AWSLogs" || rest.ends_with("/AWSLogs"))
}

fn day_number(year: &str, month: &str, day: &str) -> Option<i64> {
    if (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    Some(time::parse(&format!("{year}-{month}-{day}T00:00:00Z"))? / 86_400)
}

/// The time in a name: `ACCOUNT_FOLDER_REGION_YYYYMMDDTHHmmZ_SUFFIX.json.gz`, and for digests
/// `ACCOUNT_CloudTrail-Digest_REGION_TRAIL_HOMEREGION_YYYYMMDDTHHMMSSZ[_backfill].json.gz`. The name of a trail may hold
/// underscores, so the time of a digest is found from the end.
fn delivered(name: &str, account: &str, folder: Folder, region: &str) -> Option<i64> {
    let stem = name.strip_suffix(".json.gz")?;
    let rest = stem.strip_prefix(account)?.strip_prefix('_')?.strip_prefix(folder.name())?.strip_prefix('_')?;
    let rest = rest.strip_prefix(region)?.strip_prefix('_')?;
    let stamp = match folder {
        Folder::Digest => rest.strip_suffix("_backfill").unwrap_or(rest).rsplit_once('_')?.1,
        _ => rest.split_once('_')?.0,
    };
    stamp_seconds(stamp)
}

/// `20261122T0805Z` or `20261122T080512Z`.
fn stamp_seconds(stamp: &str) -> Option<i64> {
    let digits = |range: std::ops::Range<usize>| stamp.get(range).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let seconds = match stamp.len() {
        14 => "00",
        16 => digits(13..15)?,
        _ => return None,
    };
    if stamp.get(8..9) != Some("T") || !stamp.ends_with('Z') {
        return None;
    }
    let (year, month, day) = (digits(0..4)?, digits(4..6)?, digits(6..8)?);
    let (hour, minute) = (digits(9..11)?, digits(11..13)?);
    time::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{seconds}Z"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAME: &str = "111122223333_CloudTrail_eu-west-1_20261122T0805Z_AbCdEf0123456789.json.gz";

    #[test]
    fn roots_of_every_layout_are_found() {
        let cases = [
            ("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/22/", "AWSLogs/"),
            ("logs/x/AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/22/", "logs/x/AWSLogs/"),
            ("AWSLogs/o-abcdefghij/111122223333/CloudTrail/eu-west-1/2026/11/22/", "AWSLogs/o-abcdefghij/"),
            (
                "o-abcdefghij/AWSLogs/o-abcdefghij/111122223333/CloudTrail/eu-west-1/2026/11/22/",
                "o-abcdefghij/AWSLogs/o-abcdefghij/",
            ),
            ("o-abcdefghij/AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/22/", "o-abcdefghij/AWSLogs/"),
            ("AWSLogs/AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/22/", "AWSLogs/AWSLogs/"),
        ];
        for (folder, root) in cases {
            let key = format!("{folder}{NAME}");
            let parsed = parse(&key).unwrap();
            assert_eq!((parsed.root, parsed.account, parsed.region), (root, "111122223333", "eu-west-1"));
            assert_eq!(time::format(parsed.delivered), "2026-11-22T08:05:00Z");
            assert_eq!(time::format(parsed.day * 86_400), "2026-11-22T00:00:00Z");
            assert!(parsed.named);
            let prefix = region_prefix(parsed.root, parsed.account, parsed.folder, parsed.region) + &day_path(parsed.day);
            assert_eq!(prefix, folder);
        }
    }

    #[test]
    fn digests_carry_seconds_and_trail_names_with_underscores() {
        for (name, time) in [
            ("111122223333_CloudTrail-Digest_eu-west-1_my_trail.x_us-east-1_20261122T090131Z.json.gz", "2026-11-22T09:01:31Z"),
            ("111122223333_CloudTrail-Digest_eu-west-1_t_us-east-1_20261122T090131Z_backfill.json.gz", "2026-11-22T09:01:31Z"),
        ] {
            let key = format!("AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2026/11/22/{name}");
            let parsed = parse(&key).unwrap();
            assert_eq!((parsed.folder, time::format(parsed.delivered).as_str(), parsed.named), (Folder::Digest, time, true));
        }
    }

    #[test]
    fn odd_names_are_still_in_the_folder_and_other_folders_are_not() {
        let odd = parse("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/22/planted.json").unwrap();
        assert!(!odd.named && time::format(odd.delivered) == "2026-11-22T00:00:00Z");
        for (key, why) in [
            ("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/22/", NotALog::Marker),
            ("AWSLogs/111122223333/CloudTrail-Digests/eu-west-1/2026/11/22/a.json.gz", NotALog::OtherFolder),
            ("AWSLogs/111122223333/Config/eu-west-1/2026/11/2/ConfigSnapshot/a.json.gz", NotALog::OtherFolder),
            ("AWSLogs/111122223333/elasticloadbalancing/eu-west-1/2026/11/22/a.log.gz", NotALog::OtherFolder),
            ("AWSLogs/1111/CloudTrail/eu-west-1/2026/11/22/a.json.gz", NotALog::OtherFolder),
            ("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/13/22/a.json.gz", NotALog::OtherFolder),
            ("Logs/111122223333/CloudTrail/eu-west-1/2026/11/22/a.json.gz", NotALog::OtherFolder),
            ("o-abcdefghij/111122223333/CloudTrail/eu-west-1/2026/11/22/a.json.gz", NotALog::OtherFolder),
            ("a.json.gz", NotALog::OtherFolder),
        ] {
            assert_eq!(parse(key), Err(why), "{key}");
        }
    }

    #[test]
    fn organisations_are_told_from_accounts() {
        assert!(is_organisation("o-abcdefghij") && !is_organisation("o-short") && !is_organisation("x-abcdefghij"));
        assert!(is_account("012345678901") && !is_account("12345678901") && !is_account("12345678901a"));
    }

    proptest! {
        #[test]
        fn no_key_is_too_odd(key in "[a-zA-Z0-9_/.o-]{0,80}|\\PC{0,60}|(AWSLogs/)?([0-9]{12}/)(CloudTrail/)?[a-z0-9/_-]{0,40}") {
            if let Ok(parsed) = parse(&key) {
                prop_assert!(key.starts_with(parsed.root) && is_account(parsed.account));
            }
        }
    }
}
