//! Whether one value of a policy holds for one leaf of a record: wildcards, encodings, numbers, times, networks.

use core::net::IpAddr;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use jiff::civil::DateTime;
use regex::{Regex, RegexBuilder};

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

/// What a value of a policy asks of each leaf. Null, `exists`, `fieldref` and maps are not asked here.
///
/// Made once and asked often: one record may have a million leaves at a path, and a regular expression is dear to read.
pub(super) struct Asked<'i> {
    item: &'i Item,
    written: String,
    is_number: bool,
    patterns: Vec<Vec<Sign>>,
    regex: Option<Regex>,
}

impl<'i> Asked<'i> {
    pub(super) fn new(literal: &Literal, item: &'i Item) -> Asked<'i> {
        let written = literal.written();
        let patterns = if is_text_test(item) { patterns(&written, item) } else { Vec::new() };
        let regex = if item.has(Modifier::Re) { regex(&written, item) } else { None };
        Asked { item, written, is_number: matches!(literal, Literal::Number(_)), patterns, regex }
    }

    /// Whether a leaf has the value.
    pub(super) fn of(&self, leaf: &Json) -> bool {
        let item = self.item;
        let is_string = matches!(leaf, Json::String(_));
        let texts = texts(leaf);
        if item.has(Modifier::Re) {
            return texts.iter().any(|text| self.regex.as_ref().is_some_and(|regex| regex.is_match(text)));
        }
        if item.has(Modifier::Cidr) {
            return is_string && texts.iter().any(|text| in_network(text, &self.written));
        }
        if let Some(part) = item.modifiers.iter().copied().find(|modifier| modifier.is_time_part()) {
            let holds = |text: &String| time_part(text, part).is_some_and(|part| compares(&part, &self.written, item));
            return is_string && texts.iter().any(holds);
        }
        if item.modifiers.iter().any(|modifier| modifier.is_comparison()) {
            return leaf.scalar().is_some_and(|text| compares(&text, &self.written, item));
        }
        let whole = ![Modifier::Contains, Modifier::StartsWith, Modifier::EndsWith].iter().any(|place| item.has(*place));
        if self.is_number && whole && self.patterns.len() == 1 && !is_encoded(item) {
            let equal = matches!(leaf, Json::Number(text) if compares(text, &self.written, item));
            return equal || texts.iter().any(|text| folded(text) == folded(&self.written));
        }
        let cased = item.has(Modifier::Cased);
        texts.iter().any(|text| self.patterns.iter().any(|pattern| matches_wildcards(text, pattern, cased)))
    }
}

/// Whether the value is compared as a text with wildcards.
fn is_text_test(item: &Item) -> bool {
    let others = [Modifier::Re, Modifier::Cidr];
    !item.modifiers.iter().any(|modifier| others.contains(modifier) || modifier.is_time_part() || modifier.is_comparison())
}

/// Whether a text contains a keyword; wildcards are active, case is ignored.
pub(super) fn holds_keyword(text: &str, word: &Literal) -> bool {
    let mut pattern = wildcards(&word.written());
    pattern.insert(0, Sign::AnyRun);
    pattern.push(Sign::AnyRun);
    matches_wildcards(text, &pattern, false)
}

/// The texts of a field that another is compared with.
///
/// A record may hold a million of them, so that they are not gone through for each text of the other field.
pub(super) struct References {
    cased: bool,
    modifiers: Vec<Modifier>,
    sorted: Vec<String>,
    lengths: BTreeSet<usize>,
    automata: Vec<AhoCorasick>,
}

impl References {
    pub(super) fn new(texts: impl Iterator<Item = String>, item: &Item) -> References {
        let cased = item.has(Modifier::Cased);
        let read = |text: String| if cased { text } else { folded(&text) };
        let turned = |text: String| if item.has(Modifier::EndsWith) { text.chars().rev().collect() } else { text };
        let mut sorted: Vec<String> = texts.map(read).map(turned).collect();
        sorted.sort();
        sorted.dedup();
        let mut builder = AhoCorasick::builder();
        builder.kind(Some(AhoCorasickKind::NoncontiguousNFA));
        let parts = sorted.chunks(10_000).filter(|_| item.has(Modifier::Contains));
        // It fails for two thousand million states only.
        let automata = parts.filter_map(|some| builder.build(some).ok()).collect();
        let lengths = sorted.iter().map(String::len).collect();
        References { cased, modifiers: item.modifiers.clone(), sorted, lengths, automata }
    }

    /// Whether a text equals, begins with, ends with or contains one of them.
    pub(super) fn meet(&self, text: &str) -> bool {
        let has = |modifier| self.modifiers.contains(&modifier);
        let text = if self.cased { text.to_owned() } else { folded(text) };
        if has(Modifier::Contains) {
            return self.automata.iter().any(|automaton| automaton.is_match(&text));
        }
        let is_there = |head: &str| self.sorted.binary_search_by(|known| known.as_str().cmp(head)).is_ok();
        if has(Modifier::StartsWith) || has(Modifier::EndsWith) {
            let text: String = if has(Modifier::EndsWith) { text.chars().rev().collect() } else { text };
            let heads = self.lengths.range(..=text.len());
            return heads.filter_map(|length| text.get(..*length)).any(is_there);
        }
        is_there(&text)
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

/// Most regular expressions that are kept ready.
const KEPT: usize = 1024;

/// An expression and its flags.
type Written = (String, [bool; 3]);

/// The same expression with the same flags is made once a thread: making one takes longer than judging a record.
fn regex(pattern: &str, item: &Item) -> Option<Regex> {
    thread_local! {
        static MADE: RefCell<HashMap<Written, Option<Regex>>> = RefCell::default();
    }
    let flags = [Modifier::IgnoreCase, Modifier::MultiLine, Modifier::DotAll].map(|modifier| item.has(modifier));
    MADE.with_borrow_mut(|made| {
        if made.len() >= KEPT {
            made.clear();
        }
        made.entry((pattern.to_owned(), flags)).or_insert_with(|| make_regex(pattern, flags)).clone()
    })
}

fn make_regex(pattern: &str, [ignore_case, multi_line, dot_all]: [bool; 3]) -> Option<Regex> {
    let mut builder = RegexBuilder::new(pattern);
    builder.case_insensitive(ignore_case).multi_line(multi_line).dot_matches_new_line(dot_all).build().ok()
}

/// A number written out: whether it is negative, the power of ten of its first digit, and its digits without zeros around
/// them. Zero has no digits.
fn number(text: &str) -> Option<(bool, i64, String)> {
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let exponent_digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let all_digits = |text: &str| !text.is_empty() && text.chars().all(|char| char.is_ascii_digit());
    if !all_digits(&digits) || !all_digits(exponent_digits) || exponent_digits.trim_start_matches('0').len() > 15 {
        return None;
    }
    let exponent: i64 = exponent.parse().ok()?;
    let significant = digits.trim_start_matches('0');
    let before_point = i64::try_from(whole.len()).ok()? - i64::try_from(digits.len() - significant.len()).ok()?;
    let significant = significant.trim_end_matches('0').to_owned();
    Some(if significant.is_empty() { (false, 0, significant) } else { (negative, before_point + exponent, significant) })
}

/// Without `lt` to `gte` the numbers must be equal.
fn compares(found: &str, wanted: &str, item: &Item) -> bool {
    let (Some(found), Some(wanted)) = (number(found), number(wanted)) else { return false };
    let equal = found == wanted;
    let less = match (&found, &wanted) {
        ((true, ..), (false, ..)) => true,
        ((false, ..), (true, ..)) => false,
        ((negative, ..), _) => {
            // Zero is smaller than any other number without a sign.
            let size = |number: &(bool, i64, String)| (!number.2.is_empty(), number.1, number.2.clone());
            if *negative { size(&found) > size(&wanted) } else { size(&found) < size(&wanted) }
        }
    };
    if item.has(Modifier::Lt) {
        less
    } else if item.has(Modifier::Lte) {
        less || equal
    } else if item.has(Modifier::Gt) {
        !less && !equal
    } else if item.has(Modifier::Gte) {
        !less
    } else {
        equal
    }
}

/// The part of a time written as CloudTrail writes it, in UTC.
fn time_part(text: &str, part: Modifier) -> Option<String> {
    let time = cloudtrail_time(text)?;
    Some(match part {
        Modifier::Minute => time.minute().to_string(),
        Modifier::Hour => time.hour().to_string(),
        Modifier::Day => time.day().to_string(),
        Modifier::Week => time.date().iso_week_date().week().to_string(),
        Modifier::Month => time.month().to_string(),
        Modifier::Year => time.year().to_string(),
        _ => return None,
    })
}

/// Reads `2026-11-22T08:00:00Z`, with or without a fraction of a second.
pub(super) fn cloudtrail_time(text: &str) -> Option<DateTime> {
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
        Asked::new(&Literal::Text(written.to_owned()), &item(field)).of(&Json::String(text.to_owned()))
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
