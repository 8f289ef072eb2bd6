//! Values on both sides of each limit.

use super::*;

/// Each of `good` passes and each of `bad` is refused.
fn sides<T>(check: impl Fn(&str) -> Result<T, Refusal>, good: &[&str], bad: &[&str]) {
    for text in good {
        assert_eq!(check(text).err(), None, "`{text}` must pass");
    }
    for text in bad {
        assert!(check(text).is_err(), "`{text}` must be refused");
    }
}

#[test]
fn names_of_aws() {
    sides(account_id, &["012345678901"], &["", "12345678901", "1234567890123", "12345678901x", "１２３４５６７８９０１２"]);
    sides(
        bucket_name,
        &["abc", "a.b-c9"],
        &["ab", "A-bucket", "-ab", "ab-", "a..b", "192.0.2.1", "xn--abc", "x--ol-s3", "a_b", "ünï"],
    );
    sides(role_name, &["AssizeAudit", "audit/team/Assize"], &["", "a b", "/audit/Assize", "audit/", &"x".repeat(65)]);
    sides(
        role_arn,
        &["arn:aws:iam::111122223333:role/Hub", "arn:aws-cn:iam::111122223333:role/a/b/Hub"],
        &[
            "Hub",
            "arn:aws:iam::1111:role/Hub",
            "arn:aws:iam::111122223333:user/x",
            "arn:aws:sts::111122223333:role/Hub",
            "arn:aws:iam::111122223333:role/",
        ],
    );
    sides(session_name, &["assize", "a@b"], &["a", "a b", &"x".repeat(65)]);
    sides(external_id, &["ab", "a:b/c=d"], &["a", "a b", "a!", &"x".repeat(1225)]);
    sides(
        kms_arn,
        &[
            "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms:eu-west-1:111122223333:alias/audit/logs",
        ],
        &[
            "alias/audit",
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms::111122223333:key/a",
            "arn:aws:kms:eu-west-1:111122223333:key/",
        ],
    );
    sides(ou_id, &["ou-ab12-cdef3456", "r-ab12"], &["ou-ab12", "ou-AB12-cdef3456", "r-a", "o-ab12cdef34", "ou-ab12-cdef3456-x"]);
}

#[test]
fn session_tags() {
    sides(tag_key, &["a", "Cost Center", "日本", &"k".repeat(128)], &["", "aws:x", "AWS:x", "a*", &"k".repeat(129)]);
    sides(tag_value, &["", "a b", &"v".repeat(256)], &["a,b", "a\tb", &"v".repeat(257)]);
}

#[test]
fn prefixes_lose_the_slash_at_their_end() {
    assert_eq!(prefix("a/b/"), Ok("a/b".to_owned()));
    assert_eq!(prefix(""), Ok(String::new()));
    sides(prefix, &["a", "a/b"], &["/", "/a", "a//b", "a/../b", "a\u{7}", &"x".repeat(513)]);
}

#[test]
fn regions_and_their_partitions() {
    sides(
        region_shape,
        &["eu-west-1", "us-gov-west-1", "ap-southeast-10"],
        &["", "eu", "eu-west", "EU-west-1", "eu_west_1", "eu-west-1a"],
    );
    assert!(REGIONS.is_sorted());
    for region in REGIONS {
        assert_eq!(region_shape(region), Ok(()), "{region}");
        assert!(partition_of(region).is_some(), "{region}");
    }
    assert_eq!(partition_of("cn-north-1"), Some(Partition::AwsCn));
    assert_eq!(partition_of("us-gov-east-1"), Some(Partition::AwsUsGov));
    assert_eq!(partition_of("us-iso-east-1"), None);
    for partition in Partition::ALL {
        assert_eq!(partition_of(partition.global_region()), Some(partition));
    }
}

#[test]
fn durations_are_read_as_they_are_written() {
    for (text, seconds) in
        [("0s", 0), ("90s", 90), ("15m", 900), ("1h", 3_600), ("1h30m", 5_400), ("7d", 604_800), ("1d1s", 86_401)]
    {
        assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
    assert_eq!(write_duration(Duration::from_secs(5_400)), "1h30m");
    assert_eq!(write_duration(Duration::ZERO), "0s");
    sides(
        duration,
        &[],
        &["", "1", "h", "1.5h", "-1h", "1h1h", "1m1h", "1 h", "1w", "99999999999999999999d", "213503982334602d"],
    );
}

#[test]
fn sizes_dates_percents_and_timezones() {
    assert_eq!(size("2GiB"), Ok(2 << 30));
    sides(size, &["1KiB", "512 MiB"], &["", "2", "2GB", "-1MiB", "1.5GiB", "99999999999999GiB"]);
    assert_eq!(date("1970-01-02"), Ok(86_400));
    sides(date, &["2024-02-29"], &["", "2026-02-29", "2026-1-5", "15.01.2026", "2026-01-15T00:00:00Z"]);
    assert_eq!(percent("99.5%"), Ok(Percent(9_950)));
    assert_eq!(percent("99.05"), Ok(Percent(9_905)));
    sides(percent, &["0", "100", "100.00", "7 %"], &["", "101", "100.01", "-1", "1.234", "1.", ".5", "1e2", "9999999999"]);
    assert_eq!(timezone("-03:30").map(|zone| zone.offset_seconds), Ok(-12_600));
    sides(timezone, &["UTC", "+14:00"], &["", "utc", "Asia/Tokyo", "9", "+9:00", "+15:00", "+09:60", "++1:00"]);
}

#[test]
fn coverage_is_compared_without_rounding() {
    assert!(Percent(10_000).met_by(3, 3) && !Percent(10_000).met_by(u64::MAX - 1, u64::MAX));
    assert!(Percent(9_950).met_by(199, 200) && !Percent(9_951).met_by(199, 200));
    assert!(Percent(10_000).met_by(0, 0), "of nothing, everything is covered");
}
