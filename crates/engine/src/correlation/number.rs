//! Numbers of records as exact decimals: a sum must not depend on the order in which its parts are added.

use std::fmt;

/// Digits kept after the point.
const DIGITS: usize = 6;

/// One, in units.
const ONE: i128 = 1_000_000;

/// Digits before the point beyond which a text is not taken for a number: nothing that is summed in a log is that large, and a
/// million million of them stay below what 127 bits hold.
const MOST: usize = 18;

/// A number with six digits after the point; further ones are dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Decimal(pub(super) i128);

impl Decimal {
    pub(super) fn of(count: usize) -> Decimal {
        Decimal(i128::try_from(count).unwrap_or(i128::MAX / ONE) * ONE)
    }

    /// Digits with an optional sign, point and exponent; `None` for anything else and for what is too large.
    pub(super) fn read(text: &str) -> Option<Decimal> {
        if !crate::number::is_number(text) {
            return None;
        }
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let negative = number.starts_with('-');
        let (whole, fraction) =
            number.trim_start_matches(['-', '+']).split_once('.').unwrap_or((number.trim_start_matches(['-', '+']), ""));
        // The digits, and where the point stands in them.
        let digits: String = [whole, fraction].concat();
        let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
        let kept = usize::try_from(point.checked_add(i32::try_from(DIGITS).ok()?)?).unwrap_or(0);
        let first = digits.find(|digit| digit != '0').unwrap_or(digits.len());
        if kept.saturating_sub(first) > MOST + DIGITS && first < digits.len() {
            return None;
        }
        let shown = digits.bytes().chain(std::iter::repeat(b'0')).take(if first < digits.len() { kept } else { 0 });
        let units = shown.fold(0_i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
        Some(Decimal(if negative { -units } else { units }))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, fraction) = (self.0.abs() / ONE, self.0.abs() % ONE);
        if fraction == 0 {
            return write!(out, "{sign}{whole}");
        }
        write!(out, "{sign}{whole}.{}", format!("{fraction:06}").trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_to_six_digits() {
        for (text, expected) in [
            ("0", Some("0")),
            ("22", Some("22")),
            ("-1.50", Some("-1.5")),
            ("1.2345678", Some("1.234567")),
            ("2.2e1", Some("22")),
            ("1e-3", Some("0.001")),
            ("1e-9", Some("0")),
            ("+8", Some("8")),
            (".5", Some("0.5")),
            ("1073741824", Some("1073741824")),
            ("000000000000000000000000000007", Some("7")),
            ("1e40", None),
            ("0e40", Some("0")),
            ("9999999999999999999", None),
            ("abc", None),
            ("", None),
            ("1e99999999999", None),
        ] {
            assert_eq!(Decimal::read(text).map(|number| number.to_string()).as_deref(), expected, "{text}");
        }
    }
}
