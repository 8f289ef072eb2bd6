//! Numbers, sizes, times and long values as people read them. The same in every format, so that two reports of one
//! run can be laid side by side.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::escape;

/// A count with thousands separators: `4,312`.
#[must_use]
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of bytes in the largest unit that leaves at least 1: `1.2 GiB`, `17 bytes`.
#[must_use]
pub(crate) fn bytes(number: u64) -> String {
    let mut unit = "bytes";
    let mut tenths = u128::from(number) * 10;
    for larger in ["KiB", "MiB", "GiB", "TiB", "PiB"] {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = larger;
    }
    if unit == "bytes" { format!("{number} bytes") } else { format!("{}.{} {unit}", tenths / 10, tenths % 10) }
}

/// A noun in the number that fits: `1 finding`, `4,312 findings`.
#[must_use]
pub(crate) fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// `2026-11-22T08:00:00Z` as `2026-11-22 08:00:00Z`. Anything else is returned as it is.
#[must_use]
pub(crate) fn time(rfc3339: &str) -> String {
    match rfc3339.split_once('T') {
        Some((date, clock)) if date.len() == 10 && clock.ends_with('Z') => {
            format!("{date} {clock}")
        }
        _ => rfc3339.to_owned(),
    }
}

/// `2026-11-22T08:00:00Z` in UTC and in a zone, given by its name and its seconds east of UTC: `2026-11-22 08:00:00Z (17:00:00
/// +09:00)`, with the day if it is another one. Anything else is returned as it is.
#[must_use]
pub(crate) fn time_in(rfc3339: &str, (name, offset): (&str, i64)) -> String {
    let Some(there) = assize_engine::time::parse(rfc3339).map(|at| assize_engine::time::format(at + offset)) else {
        return time(rfc3339);
    };
    let (day, clock) = there.trim_end_matches('Z').split_once('T').unwrap_or((&there, ""));
    let day = if rfc3339.starts_with(day) { String::new() } else { format!("{day} ") };
    format!("{} ({day}{clock} {name})", time(rfc3339))
}

/// A period with what both ends share said once: `2026-11-22 08:00:00Z – 09:12:44Z`.
#[must_use]
pub(crate) fn period(first: &str, last: &str) -> String {
    if first == last {
        return time(first);
    }
    match (first.split_once('T'), last.split_once('T')) {
        (Some((day, _)), Some((same, clock))) if day == same => {
            format!("{} – {clock}", time(first))
        }
        _ => format!("{} – {}", time(first), time(last)),
    }
}

/// White space collapsed to single spaces: for text written by policy authors, whose line breaks mean nothing.
#[must_use]
pub(crate) fn prose(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text as lines of at most `room` columns, broken at white space and [escaped](escape::terminal); a longer word is a line of its own.
pub(crate) fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace().map(escape::terminal) {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= room => line.extend([" ", &word]),
            _ => lines.push(word),
        }
    }
    lines
}

/// The text in at most `width` columns, with `…` in place of its middle if it is longer. Beginning and end are kept
/// because ARNs and object keys differ there. Marks that take no room of their own count as one column here, so that
/// a text made of them is shortened too.
#[must_use]
pub(crate) fn shorten(text: &str, width: usize) -> String {
    if text.chars().map(columns).sum::<usize>() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let head = take_columns(text.chars(), room.div_ceil(2));
    let tail: String = take_columns(text.chars().rev(), room / 2).chars().rev().collect();
    format!("{head}…{tail}")
}

/// Characters from the front of `chars` that fit in `width` columns.
fn take_columns(chars: impl Iterator<Item = char>, width: usize) -> String {
    let mut used = 0;
    chars
        .take_while(|c| {
            used += columns(*c);
            used <= width
        })
        .collect()
}

fn columns(c: char) -> usize {
    c.width().unwrap_or(0).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_sizes() {
        assert_eq!([count(0), count(999), count(1000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([bytes(17), bytes(1024), bytes(1_288_490_189)], ["17 bytes", "1.0 KiB", "1.2 GiB"]);
        assert_eq!(bytes(u64::MAX), "16383.9 PiB");
        assert_eq!([plural(1, "finding", "findings"), plural(2, "finding", "findings")], ["1 finding", "2 findings"]);
    }

    #[test]
    fn times() {
        assert_eq!(time("2026-11-22T08:00:00Z"), "2026-11-22 08:00:00Z");
        assert_eq!(time("unknown T"), "unknown T");
        assert_eq!(period("2026-11-22T08:00:00Z", "2026-11-22T08:00:00Z"), "2026-11-22 08:00:00Z");
        assert_eq!(period("2026-11-22T08:00:00Z", "2026-11-22T09:12:44Z"), "2026-11-22 08:00:00Z – 09:12:44Z");
        assert_eq!(period("2026-11-21T08:00:00Z", "2026-11-22T09:00:00Z"), "2026-11-21 08:00:00Z – 2026-11-22 09:00:00Z");
    }

    #[test]
    fn a_second_time_stands_beside() {
        let tokyo = ("+09:00", 9 * 3600);
        assert_eq!(time_in("2026-11-22T08:00:00Z", tokyo), "2026-11-22 08:00:00Z (17:00:00 +09:00)");
        assert_eq!(time_in("2026-11-22T15:00:00Z", tokyo), "2026-11-22 15:00:00Z (2026-11-23 00:00:00 +09:00)");
        assert_eq!(time_in("odd", tokyo), "odd");
    }

    #[test]
    fn shortening_counts_columns() {
        assert_eq!(shorten("abcdefghij", 10), "abcdefghij");
        assert_eq!(shorten("abcdefghijk", 10), "abcde…hijk");
        assert_eq!(shorten("東京都千代田区", 8), "東京…区");
        assert_eq!(shorten("abc", 0), "…");
        assert_eq!(prose(" a\n  b\t"), "a b");
    }
}
