//! What single values of a configuration must look like: AWS names and ARNs, durations, sizes, dates.
//!
//! Pure. A function that refuses says why in words that end a sentence: "`x` is no bucket name: …". The limits are
//! those that AWS documents for each kind of name. A reason quotes at most one character of the value, because the
//! value may come from the environment.

use std::time::Duration;

use super::model::{Partition, Percent, Timezone};

/// Why a value is refused.
pub(super) type Refusal = String;

/// Twelve digits.
pub(super) fn account_id(text: &str) -> Result<(), Refusal> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.len() {
        12 if digits => Ok(()),
        11 if digits => Err("it has 11 digits; one that begins with 0 keeps its zero, as in `012345678901`".to_owned()),
        length if digits => Err(format!("it has {length} digits instead of 12")),
        _ => Err("it must be 12 digits".to_owned()),
    }
}

/// An ARN in its parts; the resource may hold further colons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arn<'a> {
    pub(super) partition: &'a str,
    pub(super) service: &'a str,
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    pub(super) resource: &'a str,
}

impl Arn<'_> {
    /// Takes `arn:partition:service:region:account:resource` apart.
    pub(super) fn parse(text: &str) -> Option<Arn<'_>> {
        let mut parts = text.splitn(6, ':');
        let scheme = parts.next()?;
        let (partition, service, region) = (parts.next()?, parts.next()?, parts.next()?);
        let (account, resource) = (parts.next()?, parts.next()?);
        (scheme == "arn").then_some(Arn { partition, service, region, account, resource })
    }
}

/// `arn:aws:iam::111122223333:role/path/Name`.
pub(super) fn role_arn(text: &str) -> Result<(), Refusal> {
    let arn = Arn::parse(text).ok_or("it must look like `arn:aws:iam::111122223333:role/Name`")?;
    if (arn.service, arn.region) != ("iam", "") {
        return Err("it is not the ARN of something in `iam`".to_owned());
    }
    account_id(arn.account).map_err(|why| format!("its account is wrong: {why}"))?;
    match arn.resource.strip_prefix("role/") {
        Some(name) => role_name(name),
        None => Err("after the account must come `role/` and a name".to_owned()),
    }
}

/// A role's name, or its path and name: `AssizeAudit`, `audit/AssizeAudit`.
pub(super) fn role_name(text: &str) -> Result<(), Refusal> {
    let (path, name) = text.rsplit_once('/').unwrap_or(("", text));
    if name.is_empty() || name.len() > 64 {
        return Err(format!("the name must have 1 to 64 characters, this has {}", name.len()));
    }
    only(name, |char| char.is_ascii_alphanumeric() || "_+=,.@-".contains(char), "letters, digits and `_+=,.@-`")?;
    if path.len() > 510 || path.starts_with('/') || path.chars().any(|char| !char.is_ascii_graphic()) {
        return Err("a path is written without a slash at its start, in at most 510 characters without spaces".to_owned());
    }
    Ok(())
}

/// A session name: 2 to 64 characters.
pub(super) fn session_name(text: &str) -> Result<(), Refusal> {
    length(text, 2, 64)?;
    only(text, |char| char.is_ascii_alphanumeric() || "_+=,.@-".contains(char), "letters, digits and `_+=,.@-`")
}

/// An external id: 2 to 1224 characters. The reason never quotes it.
pub(super) fn external_id(text: &str) -> Result<(), Refusal> {
    length(text, 2, 1224)?;
    let allowed = |char: char| char.is_ascii_alphanumeric() || "_+=,.@:/-".contains(char);
    if text.chars().all(allowed) {
        return Ok(());
    }
    Err("it may hold letters, digits and `_+=,.@:/-` only".to_owned())
}

/// The key of a session tag: 1 to 128 characters, not beginning with `aws:`.
pub(super) fn tag_key(text: &str) -> Result<(), Refusal> {
    length(text, 1, 128)?;
    if text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
        return Err("keys that begin with `aws:` are reserved".to_owned());
    }
    only(text, tag_char, "letters, digits, spaces and `_.:/=+-@`")
}

/// The value of a session tag: at most 256 characters.
pub(super) fn tag_value(text: &str) -> Result<(), Refusal> {
    length(text, 0, 256)?;
    only(text, tag_char, "letters, digits, spaces and `_.:/=+-@`")
}

fn tag_char(char: char) -> bool {
    char.is_alphanumeric() || char == ' ' || "_.:/=+-@".contains(char)
}

/// The name of a bucket.
pub(super) fn bucket_name(text: &str) -> Result<(), Refusal> {
    if text.starts_with("arn:") {
        return Err("write the name of the bucket, not its ARN; access points are not supported".to_owned());
    }
    length(text, 3, 63)?;
    let small = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit();
    only(text, |char| small(char) || char == '.' || char == '-', "lower-case letters, digits, dots and hyphens")?;
    if !text.starts_with(small) || !text.ends_with(small) {
        return Err("it must begin and end with a letter or digit".to_owned());
    }
    if text.contains("..") {
        return Err("it may not hold two dots in a row".to_owned());
    }
    if text.split('.').count() == 4 && text.split('.').all(|part| part.parse::<u8>().is_ok()) {
        return Err("it may not look like an IP address".to_owned());
    }
    let reserved_start = ["xn--", "sthree-", "amzn-s3-demo-"].iter().find(|start| text.starts_with(**start));
    let reserved_end = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].iter().find(|end| text.ends_with(**end));
    match reserved_start.or(reserved_end) {
        Some(reserved) => Err(format!("`{reserved}` is reserved by S3")),
        None => Ok(()),
    }
}

/// A prefix of keys, as written; without the slashes at its ends, the answer.
pub(super) fn prefix(text: &str) -> Result<String, Refusal> {
    let inner = text.strip_suffix('/').unwrap_or(text);
    if text.starts_with('/') {
        return Err("it may not begin with a slash: keys do not".to_owned());
    }
    if inner.len() > 512 {
        return Err(format!("it has {} bytes; at most 512 leave room for the keys below it", inner.len()));
    }
    if inner.chars().any(char::is_control) {
        return Err("it may not hold control characters".to_owned());
    }
    if !inner.is_empty() && inner.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err("each part between slashes must be a name, not empty, `.` or `..`".to_owned());
    }
    Ok(inner.to_owned())
}

/// An ARN of a KMS key or alias.
pub(super) fn kms_arn(text: &str) -> Result<(), Refusal> {
    let shape = "it must be a full ARN, such as `arn:aws:kms:eu-west-1:111122223333:key/…`";
    let arn = Arn::parse(text).ok_or(shape)?;
    if arn.service != "kms" {
        return Err("it is not the ARN of something in `kms`".to_owned());
    }
    region_shape(arn.region)?;
    account_id(arn.account).map_err(|why| format!("its account is wrong: {why}"))?;
    let plain = |name: &str| !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || "_/-".contains(char));
    match arn.resource.split_once('/') {
        Some(("key" | "alias", name)) if plain(name) => Ok(()),
        _ => Err("after the account must come `key/` or `alias/` and a name".to_owned()),
    }
}

/// An organisational unit (`ou-ab12-cdef3456`) or a root (`r-ab12`).
pub(super) fn ou_id(text: &str) -> Result<(), Refusal> {
    let small = |part: &str, least: usize| {
        (least..=32).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let mut parts = text.split('-');
    let fits = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("r"), Some(root), None, None) => small(root, 4),
        (Some("ou"), Some(root), Some(unit), None) => small(root, 4) && small(unit, 8),
        _ => false,
    };
    if fits { Ok(()) } else { Err("it must look like `ou-ab12-cdef3456`, or `r-ab12` for a root".to_owned()) }
}

/// What a region's name looks like, whether or not the region exists.
pub(super) fn region_shape(text: &str) -> Result<(), Refusal> {
    let parts: Vec<&str> = text.split('-').collect();
    let word = |part: &&str| part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let fits = match parts.split_last() {
        Some((number, words)) => {
            (2..=4).contains(&words.len())
                && words.iter().all(word)
                && (1..=2).contains(&number.len())
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        None => false,
    };
    if fits { Ok(()) } else { Err("it must look like `eu-west-1`".to_owned()) }
}

/// The partition of a region, by its name; `None` for partitions that are not supported.
pub(super) fn partition_of(region: &str) -> Option<Partition> {
    match region.split('-').collect::<Vec<_>>().as_slice() {
        ["cn", ..] => Some(Partition::AwsCn),
        ["us", "gov", ..] => Some(Partition::AwsUsGov),
        ["us" | "eu", "iso" | "isob" | "isoe" | "isof", ..] | ["eusc", ..] => None,
        _ => Some(Partition::Aws),
    }
}

/// Regions at the time of writing, for catching slips. AWS adds regions, so an unknown one is a warning.
pub(super) const REGIONS: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// `1h`, `50m`, `90s`, `7d`, `1h30m`: numbers with a unit, largest unit first.
pub(super) fn duration(text: &str) -> Result<Duration, Refusal> {
    let shape = || "write a number with a unit, such as `90s`, `15m`, `1h`, `7d` or `1h30m`".to_owned();
    let (mut total, mut rest, mut above) = (0_u64, text, u64::MAX);
    if text.is_empty() {
        return Err(shape());
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at_checked(digits).ok_or_else(shape)?;
        let unit = match after.chars().next() {
            Some('d') => 86_400,
            Some('h') => 3_600,
            Some('m') => 60,
            Some('s') => 1,
            _ => return Err(shape()),
        };
        if unit >= above {
            return Err(shape());
        }
        let number: u64 = number.parse().map_err(|_| shape())?;
        total = number.checked_mul(unit).and_then(|seconds| seconds.checked_add(total)).ok_or_else(shape)?;
        above = unit;
        rest = after.get(1..).unwrap_or("");
    }
    Ok(Duration::from_secs(total))
}

/// A duration as it would be written.
pub(super) fn write_duration(duration: Duration) -> String {
    let mut rest = duration.as_secs();
    let mut out = String::new();
    for (unit, seconds) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if rest >= seconds {
            out = format!("{out}{}{unit}", rest / seconds);
            rest %= seconds;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

/// `512MiB`, `2GiB`: bytes.
pub(super) fn size(text: &str) -> Result<u64, Refusal> {
    let units = [("KiB", 1_u64 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let parsed = units.iter().find_map(|(unit, bytes)| {
        let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        number.checked_mul(*bytes)
    });
    parsed.ok_or_else(|| "write a whole number with a unit, such as `512MiB` or `2GiB`".to_owned())
}

/// `2026-01-15`: the start of that day, seconds since 1970, UTC.
pub(super) fn date(text: &str) -> Result<i64, Refusal> {
    let whole = (text.len() == 10).then(|| format!("{text}T00:00:00Z"));
    whole
        .and_then(|whole| assize_engine::time::parse(&whole))
        .ok_or_else(|| "write a day of the calendar such as `2026-01-15`".to_owned())
}

/// 32 hexadecimal digits, as reports have them.
pub(super) fn fingerprint(text: &str) -> Result<(), Refusal> {
    let good = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if good { Ok(()) } else { Err("write the 32 hexadecimal digits that every report has beside the finding".to_owned()) }
}

/// `100`, `99.5`, `99.95%`.
pub(super) fn percent(text: &str) -> Result<Percent, Refusal> {
    let refused = || "write a number from 0 to 100 with at most two decimals".to_owned();
    let (whole, decimals) = match text.strip_suffix('%').unwrap_or(text).trim_end().split_once('.') {
        Some((whole, decimals)) if (1..=2).contains(&decimals.len()) => (whole, decimals),
        Some(_) => return Err(refused()),
        None => (text.strip_suffix('%').unwrap_or(text).trim_end(), "0"),
    };
    if !whole.bytes().chain(decimals.bytes()).all(|byte| byte.is_ascii_digit()) {
        return Err(refused());
    }
    let hundredths: u32 = format!("{decimals:0<2}").parse().map_err(|_| refused())?;
    let whole: u32 = whole.parse().map_err(|_| refused())?;
    let value = whole.checked_mul(100).and_then(|value| value.checked_add(hundredths)).ok_or_else(refused)?;
    if value <= 10_000 { Ok(Percent(value)) } else { Err(refused()) }
}

/// `UTC` or `+09:00`.
pub(super) fn timezone(text: &str) -> Result<Timezone, Refusal> {
    if text == "UTC" {
        return Ok(Timezone { name: text.to_owned(), offset_seconds: 0 });
    }
    let parsed = || {
        let (sign, rest) = text.strip_prefix('+').map(|rest| (1, rest)).or_else(|| Some((-1, text.strip_prefix('-')?)))?;
        let (hours, minutes) = rest.split_once(':')?;
        let two =
            |part: &str| (part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse::<i32>().ok())?;
        let (hours, minutes) = (two(hours)?, two(minutes)?);
        (hours <= 14 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
    };
    match parsed() {
        Some(offset_seconds) => Ok(Timezone { name: text.to_owned(), offset_seconds }),
        None => Err("write `UTC` or a distance from it, such as `+09:00`".to_owned()),
    }
}

/// Whether `name` can name an environment variable.
pub(super) fn variable_name(name: &str) -> bool {
    let starts = name.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_');
    starts && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn length(text: &str, least: usize, most: usize) -> Result<(), Refusal> {
    let count = text.chars().count();
    if (least..=most).contains(&count) {
        Ok(())
    } else {
        Err(format!("it must have {least} to {most} characters, this has {count}"))
    }
}

fn only(text: &str, allowed: impl Fn(char) -> bool, named: &str) -> Result<(), Refusal> {
    match text.chars().find(|char| !allowed(*char)) {
        Some(other) => Err(format!("it may hold {named} only, not `{other}`")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
