//! Whether one value of a policy holds for one leaf of a record: wildcards, encodings, numbers, times, networks.

use core::net::IpAddr;

use jiff::civil::DateTime;
use regex::RegexBuilder;

use super::tree::Json;
use crate::policy::{Item, Literal, Modifier};

/// The texts by which a leaf can be matched: one for a scalar, none for null, two for an object.
pub(super) fn texts(leaf: &Json) -> Vec<String> {
    match leaf {
        Json::Null | Json::Array(_) => Vec::new(),
        Json::Object(_) => vec![leaf.compact(false), leaf.compact(true)],
        Json::Bool(_) | Json::Number(_) | Json::String(_) => leaf.scalar().into_iter().collect(),
    }
}

/// Whether a leaf has the value that the literal asks for. Null, `exists`, `fieldref` and maps are not asked here.
pub(super) fn holds(leaf: &Json, literal: &Literal, item: &Item) -> bool {
    let written = literal.written();
    let is_string = matches!(leaf, Json::String(_));
    let texts = texts(leaf);
    if item.has(Modifier::Re) {
        return texts.iter().any(|text| matches_regex(text, &written, item));
    }
    if item.has(Modifier::Cidr) {
        return is_string && texts.iter().any(|text| in_network(text, &written));
    }
    if let Some(part) = item.modifiers.iter().copied().find(|modifier| modifier.is_time_part()) {
        return is_string && texts.iter().any(|text| compares(time_part(text, part), number(&written), item));
    }
    if item.modifiers.iter().any(|modifier| modifier.is_comparison()) {
        return leaf.scalar().is_some_and(|text| compares(number(&text), number(&written), item));
    }
    let patterns = patterns(&written, item);
    let whole = ![Modifier::Contains, Modifier::StartsWith, Modifier::EndsWith].iter().any(|place| item.has(*place));
    if matches!(literal, Literal::Number(_)) && whole && patterns.len() == 1 && !is_encoded(item) {
        let equal = matches!(leaf, Json::Number(text) if number(text).is_some() && number(text) == number(&written));
        return equal || texts.iter().any(|text| folded(text) == folded(&written));
    }
    let cased = item.has(Modifier::Cased);
    texts.iter().any(|text| patterns.iter().any(|pattern| matches_wildcards(text, pattern, cased)))
}

/// Whether a text contains a keyword; wildcards are active, case is ignored.
pub(super) fn holds_keyword(text: &str, word: &Literal) -> bool {
    let mut pattern = wildcards(&word.written());
    pattern.insert(0, Sign::AnyRun);
    pattern.push(Sign::AnyRun);
    matches_wildcards(text, &pattern, false)
}

/// Whether the text of a field stands in the asked relation to the text of the field it refers to.
pub(super) fn refers(text: &str, other: &str, item: &Item) -> bool {
    let cased = item.has(Modifier::Cased);
    let (text, other) = if cased { (text.to_owned(), other.to_owned()) } else { (folded(text), folded(other)) };
    if item.has(Modifier::Contains) {
        text.contains(&other)
    } else if item.has(Modifier::StartsWith) {
        text.starts_with(&other)
    } else if item.has(Modifier::EndsWith) {
        text.ends_with(&other)
    } else {
        text == other
    }
}

fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// One sign of a pattern.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sign {
    Char(char),
    /// `?`
    OneChar,
    /// `*`
    AnyRun,
}

/// Reads `*` and `?`; `\*`, `\?` and `\\` are the characters themselves, any other backslash is a backslash.
fn wildcards(written: &str) -> Vec<Sign> {
    let chars: Vec<char> = written.chars().collect();
    let mut signs = Vec::new();
    let mut at = 0;
    while let Some(char) = chars.get(at) {
        match (char, chars.get(at + 1)) {
            ('\\', Some(next @ ('*' | '?' | '\\'))) => {
                signs.push(Sign::Char(*next));
                at += 1;
            }
            ('*', _) => signs.push(Sign::AnyRun),
            ('?', _) => signs.push(Sign::OneChar),
            (other, _) => signs.push(Sign::Char(*other)),
        }
        at += 1;
    }
    signs
}

/// Keeps the set of pattern positions that the text read so far can have led to. Both sides are folded unless `cased`;
/// `?` stands for one character of the folded text.
fn matches_wildcards(text: &str, pattern: &[Sign], cased: bool) -> bool {
    let text = if cased { text.to_owned() } else { folded(text) };
    let fold = |sign: &Sign| match sign {
        Sign::Char(char) if !cased => char.to_lowercase().map(Sign::Char).collect(),
        other => vec![*other],
    };
    let pattern: Vec<Sign> = pattern.iter().flat_map(fold).collect();
    let mut reached = vec![false; pattern.len() + 1];
    reach_past_runs(0, &pattern, &mut reached);
    for char in text.chars() {
        let mut next = vec![false; pattern.len() + 1];
        for (position, sign) in pattern.iter().enumerate() {
            if reached.get(position) != Some(&true) {
                continue;
            }
            match sign {
                Sign::AnyRun => reach_past_runs(position, &pattern, &mut next),
                Sign::OneChar => reach_past_runs(position + 1, &pattern, &mut next),
                Sign::Char(wanted) if *wanted == char => reach_past_runs(position + 1, &pattern, &mut next),
                Sign::Char(_) => {}
            }
        }
        reached = next;
    }
    reached.last() == Some(&true)
}

/// Marks a position, and those after it as long as the sign between them may stand for nothing.
fn reach_past_runs(mut position: usize, pattern: &[Sign], reached: &mut [bool]) {
    loop {
        if let Some(mark) = reached.get_mut(position) {
            *mark = true;
        }
        if pattern.get(position) != Some(&Sign::AnyRun) {
            return;
        }
        position += 1;
    }
}

/// The patterns that a value stands for: one for each dash or offset it may be written with.
fn patterns(written: &str, item: &Item) -> Vec<Vec<Sign>> {
    let mut values: Vec<Vec<u8>> = vec![written.as_bytes().to_vec()];
    if item.has(Modifier::WinDash) {
        values = with_other_dashes(written).into_iter().map(String::into_bytes).collect();
    }
    for modifier in &item.modifiers {
        values = values.iter().flat_map(|value| encoded(value, *modifier)).collect();
    }
    let place = |mut signs: Vec<Sign>| {
        if item.has(Modifier::EndsWith) || item.has(Modifier::Contains) {
            signs.insert(0, Sign::AnyRun);
        }
        if item.has(Modifier::StartsWith) || item.has(Modifier::Contains) {
            signs.push(Sign::AnyRun);
        }
        signs
    };
    let signs = |value: &Vec<u8>| {
        let text = String::from_utf8_lossy(value);
        if is_encoded(item) { text.chars().map(Sign::Char).collect() } else { wildcards(&text) }
    };
    values.iter().map(signs).map(place).collect()
}

fn is_encoded(item: &Item) -> bool {
    item.has(Modifier::Base64) || item.has(Modifier::Base64Offset)
}

const DASHES: [char; 5] = ['-', '/', '–', '—', '―'];

/// Every way to write the value when each dash that begins a word (no word character before it, one after it) may be
/// any of the five.
fn with_other_dashes(written: &str) -> Vec<String> {
    let is_word = |char: Option<char>| char.is_some_and(|char| char == '_' || char.is_alphanumeric());
    let mut heads = vec![String::new()];
    let mut before = None;
    let mut rest = written.chars();
    while let Some(char) = rest.next() {
        let flag = DASHES.contains(&char) && !is_word(before) && is_word(rest.clone().next());
        let choices = if flag { DASHES.to_vec() } else { vec![char] };
        heads = heads.iter().flat_map(|head| choices.iter().map(move |choice| format!("{head}{choice}"))).collect();
        before = Some(char);
    }
    heads
}

fn encoded(value: &[u8], modifier: Modifier) -> Vec<Vec<u8>> {
    let units: Vec<u16> = String::from_utf8_lossy(value).encode_utf16().collect();
    let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    match modifier {
        Modifier::Wide | Modifier::Utf16Le => vec![little],
        Modifier::Utf16Be => vec![units.iter().flat_map(|unit| unit.to_be_bytes()).collect()],
        Modifier::Utf16 => vec![[&[0xFF, 0xFE][..], &little].concat()],
        Modifier::Base64 => {
            let mut text = base64_digits(&bits(value), false);
            while !text.len().is_multiple_of(4) {
                text.push('=');
            }
            vec![text.into_bytes()]
        }
        Modifier::Base64Offset => (0..3)
            .map(|offset| {
                let mut all = vec![None; offset * 8];
                all.extend(bits(value));
                base64_digits(&all, true).into_bytes()
            })
            .collect(),
        _ => vec![value.to_vec()],
    }
}

/// The bits of bytes, highest first.
fn bits(bytes: &[u8]) -> Vec<Option<bool>> {
    bytes.iter().flat_map(|byte| (0..8).rev().map(move |place| Some(byte >> place & 1 == 1))).collect()
}

/// One Base64 digit for six bits. Missing bits at the end are zero, unless only the digits that rest on known bits alone
/// are wanted.
fn base64_digits(bits: &[Option<bool>], known_only: bool) -> String {
    let digit = |group: &[Option<bool>]| -> Option<char> {
        if known_only && (group.len() < 6 || group.contains(&None)) {
            return None;
        }
        let value = (0..6_usize).fold(0_u8, |value, at| value * 2 + u8::from(group.get(at) == Some(&Some(true))));
        Some(match value {
            0..=25 => char::from(b'A' + value),
            26..=51 => char::from(b'a' + value - 26),
            52..=61 => char::from(b'0' + value - 52),
            62 => '+',
            _ => '/',
        })
    };
    bits.chunks(6).filter_map(digit).collect()
}

fn matches_regex(text: &str, pattern: &str, item: &Item) -> bool {
    RegexBuilder::new(pattern)
        .case_insensitive(item.has(Modifier::IgnoreCase))
        .multi_line(item.has(Modifier::MultiLine))
        .dot_matches_new_line(item.has(Modifier::DotAll))
        .build()
        .is_ok_and(|regex| regex.is_match(text))
}

/// A finite number, however it is spelt.
fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// Without `lt` to `gte` the numbers must be equal.
fn compares(found: Option<f64>, wanted: Option<f64>, item: &Item) -> bool {
    let (Some(found), Some(wanted)) = (found, wanted) else { return false };
    if item.has(Modifier::Lt) {
        found < wanted
    } else if item.has(Modifier::Lte) {
        found <= wanted
    } else if item.has(Modifier::Gt) {
        found > wanted
    } else if item.has(Modifier::Gte) {
        found >= wanted
    } else {
        found == wanted
    }
}

/// The part of a time written as CloudTrail writes it, in UTC.
fn time_part(text: &str, part: Modifier) -> Option<f64> {
    let time = cloudtrail_time(text)?;
    Some(match part {
        Modifier::Minute => f64::from(time.minute()),
        Modifier::Hour => f64::from(time.hour()),
        Modifier::Day => f64::from(time.day()),
        Modifier::Week => f64::from(time.date().iso_week_date().week()),
        Modifier::Month => f64::from(time.month()),
        Modifier::Year => f64::from(time.year()),
        _ => return None,
    })
}

/// Reads `2026-11-22T08:00:00Z`, with or without a fraction of a second.
fn cloudtrail_time(text: &str) -> Option<DateTime> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let clock = match clock.split_once('.') {
        Some((clock, fraction)) if !fraction.is_empty() && fraction.chars().all(|char| char.is_ascii_digit()) => clock,
        Some(_) => return None,
        None => clock,
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let small = |value: i16| i8::try_from(value).ok();
    DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, small(second)?, 0).ok()
}

/// Three numbers of the given widths.
fn numbers(text: &str, mark: char, widths: [usize; 3]) -> Option<[i16; 3]> {
    let parts: Vec<&str> = text.split(mark).collect();
    let fits = |(part, width): (&&str, usize)| part.len() == width && part.chars().all(|char| char.is_ascii_digit());
    let [first, second, third] = parts.as_slice() else { return None };
    let all = parts.iter().zip(widths).all(fits);
    if all { Some([first.parse().ok()?, second.parse().ok()?, third.parse().ok()?]) } else { None }
}

/// Whether a text is an address of the network. Both are compared bit by bit.
fn in_network(text: &str, network: &str) -> bool {
    let (base, length) = match network.split_once('/') {
        Some((base, length)) => (base, length.parse::<usize>().ok()),
        None => (network, Some(128)),
    };
    let (Ok(base), Ok(address), Some(length)) = (base.parse::<IpAddr>(), text.parse::<IpAddr>(), length) else { return false };
    // An IPv4 address written as IPv6 counts as IPv4, and so does a network of nothing but such addresses.
    let (base, length) = match mapped(base) {
        Some(short) if length >= 96 => (short, length - 96),
        _ => (base, length),
    };
    let (base, address) = (octets(base), octets(mapped(address).unwrap_or(address)));
    // Addresses of different families have different lengths and no network in common.
    base.len() == address.len() && bits(&base).iter().zip(bits(&address)).take(length).all(|(wanted, found)| *wanted == found)
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The IPv4 address that is written as `::ffff:a.b.c.d`.
fn mapped(address: IpAddr) -> Option<IpAddr> {
    let octets = octets(address);
    let (prefix, last) = octets.split_at_checked(12)?;
    let last: [u8; 4] = last.try_into().ok()?;
    (prefix == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]).then(|| IpAddr::from(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(field: &str) -> Item {
        let mut parts = field.split('|');
        Item {
            field: crate::policy::FieldPath::new(parts.next().unwrap()),
            modifiers: parts.map(|name| Modifier::from_name(name).unwrap()).collect(),
            values: Vec::new(),
            span: crate::diagnostic::Span::START,
        }
    }

    fn text_holds(field: &str, written: &str, text: &str) -> bool {
        holds(&Json::String(text.to_owned()), &Literal::Text(written.to_owned()), &item(field))
    }

    #[test]
    fn texts_match_by_place_case_and_wildcard() {
        for (field, written, text, expected) in [
            ("f", "stop*ing", "StopLogging", true),
            ("f", "stop", "StopLogging", false),
            ("f|startswith", "stop", "StopLogging", true),
            ("f|startswith|cased", "stop", "StopLogging", false),
            ("f|endswith", "g?ng", "StopLogging", true),
            ("f|contains", r"a\*b", "-a*b-", true),
            ("f|contains", r"a\*b", "-axb-", false),
            ("f", "?", "", false),
            ("f", "k", "\u{212A}", true),
            ("f|windash", "-a", "/a", true),
            ("f|windash|contains", "x-a", "x/a", false),
            ("f|re", "^a.c$", "ABC", false),
            ("f|re|i", "^a.c$", "ABC", true),
            ("f|cidr", "10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("f|cidr", "10.0.0.0/9", "10.128.0.0", false),
            ("f|cidr", "::ffff:10.0.0.0/104", "10.1.1.1", true),
            ("f|cidr", "::/0", "10.1.1.1", false),
            ("f|cidr", "192.0.2.7", "192.0.2.7", true),
            ("f|cidr", "192.0.2.7", "192.0.2.6", false),
            ("f|hour|gte", "20", "2026-01-01T20:00:00.5Z", true),
            ("f|hour|gte", "20", "2026-01-01T20:00:00+00:00", false),
            ("f|week", "1", "2025-12-29T00:00:00Z", true),
        ] {
            assert_eq!(text_holds(field, written, text), expected, "{field}: {written} {text}");
        }
    }

    #[test]
    fn base64_is_that_of_rfc_4648_at_every_offset() {
        for (plain, coded) in [("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert!(text_holds("f|base64|cased", plain, coded));
        }
        // "xfoobarx" and "xxfoobarx"
        assert!(text_holds("f|base64offset|contains|cased", "foobar", "eGZvb2Jhcng="));
        assert!(text_holds("f|base64offset|contains|cased", "foobar", "eHhmb29iYXJ4"));
        assert!(!text_holds("f|base64offset|contains|cased", "goobar", "eHhmb29iYXJ4"));
    }
}
