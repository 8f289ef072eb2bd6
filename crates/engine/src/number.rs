//! Numbers compared by their decimal digits, without rounding.
//!
//! A binary fraction of 64 bits takes 9007199254740993 for 9007199254740992, so that a rule on an id or a size of that
//! length would match its neighbours. Here a number is its sign, its digits and the place of its point; comparing two of
//! them is exact for every length and every spelling.

use std::cmp::Ordering;

/// Digits of an exponent that are read. What is written with more of them is no number: nothing in a log is that large.
const MAX_EXPONENT_DIGITS: usize = 15;

/// A number that points into its text.
#[derive(Clone, Copy, Debug)]
struct Number<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

/// How the number in `text` stands to the number in `other`; `None` if one of the two is no number.
///
/// A number is digits with an optional sign before, point inside and exponent behind: `22`, `-0.5`, `2.2e1`, `+8`, `.5`.
pub(crate) fn compare(text: &str, other: &str) -> Option<Ordering> {
    Some(Number::read(text)?.compare(Number::read(other)?))
}

/// Whether the text is a number.
pub(crate) fn is_number(text: &str) -> bool {
    Number::read(text).is_some()
}

impl<'a> Number<'a> {
    fn read(text: &'a str) -> Option<Number<'a>> {
        let bytes = text.as_bytes();
        let (negative, unsigned) = match bytes.split_first() {
            Some((b'-', rest)) => (true, rest),
            Some((b'+', rest)) => (false, rest),
            _ => (false, bytes),
        };
        let (whole, rest) = digits(unsigned);
        let (fraction, rest) = match rest.split_first() {
            Some((b'.', rest)) => digits(rest),
            _ => (&[][..], rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let exponent = match rest.split_first() {
            None => 0,
            Some((b'e' | b'E', rest)) => exponent(rest)?,
            Some(_) => return None,
        };
        Some(Number { negative, whole, fraction, exponent })
    }

    /// Digits from the first that is not zero to the last that is not, with the power of ten of the first; `None` for zero.
    fn significant(self) -> Option<(i64, impl Iterator<Item = u8> + 'a)> {
        let all = || self.whole.iter().chain(self.fraction).copied();
        let leading = all().position(|digit| digit != b'0')?;
        let trailing = self.whole.iter().chain(self.fraction).rev().position(|&digit| digit != b'0')?;
        let count = self.whole.len() + self.fraction.len() - leading - trailing;
        let whole = i64::try_from(self.whole.len()).ok()?;
        let power = whole - i64::try_from(leading).ok()? - 1 + self.exponent;
        Some((power, all().skip(leading).take(count)))
    }

    fn compare(self, other: Number<'_>) -> Ordering {
        let (mine, theirs) = match (self.significant(), other.significant()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return if other.negative { Ordering::Greater } else { Ordering::Less },
            (Some(_), None) => return if self.negative { Ordering::Less } else { Ordering::Greater },
            (Some(mine), Some(theirs)) => (mine, theirs),
        };
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            // Without zeros at the end, the longer of two equal beginnings is the larger.
            (negative, _) => {
                let size = mine.0.cmp(&theirs.0).then_with(|| mine.1.cmp(theirs.1));
                if negative { size.reverse() } else { size }
            }
        }
    }
}

/// The digits at the start, and what follows them.
fn digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    bytes.split_at(count)
}

fn exponent(bytes: &[u8]) -> Option<i64> {
    let (negative, unsigned) = match bytes.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, bytes),
    };
    let (all, rest) = digits(unsigned);
    if all.is_empty() || !rest.is_empty() {
        return None;
    }
    let zeros = all.iter().take_while(|&&digit| digit == b'0').count();
    let counted = all.get(zeros..).filter(|counted| counted.len() <= MAX_EXPONENT_DIGITS)?;
    let size = counted.iter().fold(0, |sum: i64, digit| sum * 10 + i64::from(digit - b'0'));
    Some(if negative { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_by_their_digits() {
        use Ordering::{Equal, Greater, Less};
        for (a, b, expected) in [
            ("22", "22.0", Equal),
            ("22", "2.2e1", Equal),
            ("22", "220e-1", Equal),
            ("22", "+022", Equal),
            ("0", "-0.00e7", Equal),
            ("9007199254740993", "9007199254740992", Greater),
            ("-9007199254740993", "-9007199254740992", Less),
            ("123456789012345678901234567890", "123456789012345678901234567891", Less),
            ("1e400", "10e399", Equal),
            ("1e400", "9e399", Greater),
            ("0.1", "0.1000000000000000055", Less),
            (".5", "0.5", Equal),
            ("5.", "5", Equal),
            ("-3", "2", Less),
            ("3", "-4", Greater),
            ("-1", "0", Less),
            ("0", "-1e-400", Greater),
            ("100", "99", Greater),
            ("0.02", "0.1", Less),
            ("12", "123", Less),
            ("1e-1", "1e-01", Equal),
            ("1e999999999999999", "1e-999999999999999", Greater),
        ] {
            assert_eq!(compare(a, b), Some(expected), "{a} {b}");
            assert_eq!(compare(b, a), Some(expected.reverse()), "{b} {a}");
        }
        for text in [
            "",
            "-",
            "+",
            ".",
            "e1",
            "1e",
            "1e+",
            "1x",
            "inf",
            "NaN",
            "0x1",
            " 1",
            "1 ",
            "--1",
            "1.2.3",
            "1e1000000000000000",
            "１",
        ] {
            assert!(!is_number(text), "{text}");
        }
    }

    #[test]
    fn where_both_are_exact_it_agrees_with_the_processor() {
        let texts =
            ["0", "-0", "1", "-1", "0.5", "-0.5", "1.5", "15e-1", "1e3", "1000", "0.125", "-7.25", "65536", "1e-3", "12.50"];
        for a in texts {
            for b in texts {
                let (x, y): (f64, f64) = (a.parse().unwrap(), b.parse().unwrap());
                assert_eq!(compare(a, b), x.partial_cmp(&y), "{a} {b}");
            }
        }
    }
}
