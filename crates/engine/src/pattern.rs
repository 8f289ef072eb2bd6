//! Compiled texts: exact, prefix, suffix, contains, wildcards, in any case or in one.
//!
//! Case is folded character by character with the Unicode lower-case mapping; where pattern and text are ASCII, which
//! gives the same answer, bytes are compared in place.

use std::borrow::Cow;

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::policy::Modifier;

/// A text with wildcards.
#[derive(Clone, Debug)]
pub(crate) struct TextPattern {
    shape: Shape,
    cased: bool,
    ascii: bool,
}

#[derive(Clone, Debug)]
enum Shape {
    Exact(String),
    Prefix(String),
    Suffix(String),
    Contains(String),
    Anything,
    Glob(Vec<Token>),
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Char(char),
    One,
    Any,
}

/// Where in the field the value is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Whole,
    Start,
    End,
    Inside,
}

impl Place {
    pub(crate) fn of(modifiers: &[Modifier]) -> Place {
        let has = |modifier| modifiers.contains(&modifier);
        if has(Modifier::Contains) {
            Place::Inside
        } else if has(Modifier::StartsWith) {
            Place::Start
        } else if has(Modifier::EndsWith) {
            Place::End
        } else {
            Place::Whole
        }
    }
}

/// The characters as folded for comparison.
pub(crate) fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

impl TextPattern {
    /// Compiles a value with Sigma's wildcards: `*`, `?`, and `\*`, `\?`, `\\` for the characters themselves.
    pub(crate) fn wildcard(written: &str, place: Place, cased: bool) -> TextPattern {
        let mut tokens = Vec::new();
        let mut chars = written.chars().peekable();
        while let Some(char) = chars.next() {
            tokens.push(match (char, chars.peek()) {
                ('\\', Some('*' | '?' | '\\')) => Token::Char(chars.next().unwrap_or('\\')),
                ('*', _) => Token::Any,
                ('?', _) => Token::One,
                (other, _) => Token::Char(other),
            });
        }
        TextPattern::build(tokens, place, cased)
    }

    /// Compiles a value in which every character stands for itself.
    pub(crate) fn literal(text: &str, place: Place, cased: bool) -> TextPattern {
        TextPattern::build(text.chars().map(Token::Char).collect(), place, cased)
    }

    fn build(mut tokens: Vec<Token>, place: Place, cased: bool) -> TextPattern {
        if !cased {
            tokens = tokens
                .into_iter()
                .flat_map(|token| match token {
                    Token::Char(char) => char.to_lowercase().map(Token::Char).collect(),
                    other => vec![other],
                })
                .collect();
        }
        if matches!(place, Place::End | Place::Inside) {
            tokens.insert(0, Token::Any);
        }
        if matches!(place, Place::Start | Place::Inside) {
            tokens.push(Token::Any);
        }
        tokens.dedup_by(|b, a| *a == Token::Any && *b == Token::Any);
        let ascii = tokens.iter().all(|token| !matches!(token, Token::Char(char) if !char.is_ascii()));
        TextPattern { shape: Shape::of(tokens), cased, ascii }
    }

    /// Whether the text matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        if self.cased {
            return self.matches_folded(text);
        }
        if self.ascii && text.is_ascii() {
            match &self.shape {
                Shape::Exact(wanted) => return text.eq_ignore_ascii_case(wanted),
                Shape::Prefix(head) => return starts(text.as_bytes(), head.as_bytes()),
                Shape::Suffix(tail) => {
                    let from = text.len().wrapping_sub(tail.len());
                    return text.as_bytes().get(from..).is_some_and(|end| end.eq_ignore_ascii_case(tail.as_bytes()));
                }
                Shape::Contains(part) => return contains(text.as_bytes(), part.as_bytes()),
                Shape::Anything => return true,
                Shape::Glob(_) => {}
            }
        }
        self.matches_folded(&fold(text))
    }

    fn matches_folded(&self, text: &str) -> bool {
        match &self.shape {
            Shape::Exact(wanted) => text == wanted,
            Shape::Prefix(head) => text.starts_with(head.as_str()),
            Shape::Suffix(tail) => text.ends_with(tail.as_str()),
            Shape::Contains(part) => text.contains(part.as_str()),
            Shape::Anything => true,
            Shape::Glob(tokens) => glob(tokens, text),
        }
    }
}

impl Shape {
    fn of(tokens: Vec<Token>) -> Shape {
        let chars = |tokens: &[Token]| -> Option<String> {
            tokens.iter().map(|token| if let Token::Char(char) = token { Some(*char) } else { None }).collect()
        };
        let shape = match tokens.as_slice() {
            [Token::Any] => Some(Shape::Anything),
            [Token::Any, inner @ .., Token::Any] => chars(inner).map(Shape::Contains),
            [Token::Any, tail @ ..] => chars(tail).map(Shape::Suffix),
            [head @ .., Token::Any] => chars(head).map(Shape::Prefix),
            all => chars(all).map(Shape::Exact),
        };
        shape.unwrap_or(Shape::Glob(tokens))
    }
}

fn starts(text: &[u8], head: &[u8]) -> bool {
    text.get(..head.len()).is_some_and(|start| start.eq_ignore_ascii_case(head))
}

/// `part` is in lower case. Candidates are found by their first byte in both cases.
fn contains(text: &[u8], part: &[u8]) -> bool {
    let Some(&first) = part.first() else { return true };
    let mut rest = text;
    while let Some(at) = memchr::memchr2(first, first.to_ascii_uppercase(), rest) {
        let from = rest.get(at..).unwrap_or_default();
        if starts(from, part) {
            return true;
        }
        rest = from.get(1..).unwrap_or_default();
    }
    false
}

/// Matches by going back to the last `*` only: at most text × pattern steps, whatever the pattern.
fn glob(tokens: &[Token], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut token) = (0, 0);
    let mut last_any: Option<(usize, usize)> = None;
    while let Some(char) = text.get(at) {
        match tokens.get(token) {
            Some(Token::Any) => {
                last_any = Some((token, at));
                token += 1;
                continue;
            }
            Some(Token::Char(wanted)) if wanted == char => {
                at += 1;
                token += 1;
                continue;
            }
            Some(Token::One) => {
                at += 1;
                token += 1;
                continue;
            }
            _ => {}
        }
        let Some((any, from)) = last_any else { return false };
        last_any = Some((any, from + 1));
        at = from + 1;
        token = any + 1;
    }
    tokens.get(token..).unwrap_or_default().iter().all(|token| *token == Token::Any)
}

/// The texts that a value stands for after `windash`, UTF-16 and Base64 modifiers; the value as written without them.
pub(crate) fn encodings<'v>(value: &'v str, modifiers: &[Modifier]) -> Vec<Cow<'v, str>> {
    let mut texts: Vec<Vec<u8>> = Vec::new();
    if modifiers.contains(&Modifier::WinDash) {
        texts.extend(dash_variants(value).into_iter().map(String::into_bytes));
    } else {
        texts.push(value.as_bytes().to_vec());
    }
    for modifier in modifiers {
        texts = texts.iter().flat_map(|bytes| encode(bytes, *modifier)).collect();
    }
    texts.into_iter().map(|bytes| Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())).collect()
}

/// Whether the modifiers change the characters of a value, so that its wildcards lose their meaning.
pub(crate) fn encodes(modifiers: &[Modifier]) -> bool {
    modifiers.iter().any(|modifier| matches!(modifier, Modifier::Base64 | Modifier::Base64Offset))
}

fn encode(bytes: &[u8], modifier: Modifier) -> Vec<Vec<u8>> {
    let units = || String::from_utf8_lossy(bytes).encode_utf16().collect::<Vec<u16>>();
    let little = |units: Vec<u16>| units.into_iter().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    match modifier {
        Modifier::Utf16Le | Modifier::Wide => vec![little(units())],
        Modifier::Utf16Be => vec![units().into_iter().flat_map(u16::to_be_bytes).collect()],
        Modifier::Utf16 => vec![[vec![0xFF, 0xFE], little(units())].concat()],
        Modifier::Base64 => vec![base64(bytes).into_bytes()],
        Modifier::Base64Offset => (0..3).map(|shift| base64_at(bytes, shift)).collect(),
        _ => vec![bytes.to_vec()],
    }
}

/// The part of the Base64 text that does not depend on its neighbours, when `bytes` begin `shift` bytes into a group.
fn base64_at(bytes: &[u8], shift: usize) -> Vec<u8> {
    let padded = [vec![b' '; shift], bytes.to_vec()].concat();
    let text = base64(&padded).into_bytes();
    let from = [0, 2, 3].get(shift).copied().unwrap_or(0);
    let drop = [0, 3, 2].get(padded.len() % 3).copied().unwrap_or(0);
    text.get(from..text.len().saturating_sub(drop)).unwrap_or_default().to_vec()
}

/// Base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// The dashes that `windash` exchanges (Sigma 2.1, appendix on modifiers).
pub(crate) const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

/// How many exchangeable dashes one value may hold; each multiplies the variants by five.
pub(crate) const MAX_DASHES: usize = 4;

/// How many dashes of the value are exchanged: those that begin a word, as a command-line flag does.
pub(crate) fn count_dashes(value: &str) -> usize {
    let chars: Vec<char> = value.chars().collect();
    (0..chars.len()).filter(|&at| is_flag_dash(&chars, at)).count()
}

fn is_flag_dash(chars: &[char], at: usize) -> bool {
    let word = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(|char| char.is_alphanumeric() || *char == '_');
    chars.get(at).is_some_and(|char| DASHES.contains(char)) && !word(at.checked_sub(1)) && word(Some(at + 1))
}

fn dash_variants(value: &str) -> Vec<String> {
    let chars: Vec<char> = value.chars().collect();
    let mut variants = vec![String::new()];
    for (at, char) in chars.iter().enumerate() {
        let choices = if is_flag_dash(&chars, at) { DASHES.to_vec() } else { vec![*char] };
        variants = variants.iter().flat_map(|head| choices.iter().map(move |char| format!("{head}{char}"))).collect();
    }
    variants
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(written: &str, place: Place, text: &str) -> bool {
        TextPattern::wildcard(written, place, false).matches(text)
    }

    #[test]
    fn wildcards_and_places() {
        for (written, place, text, expected) in [
            ("Stop*", Place::Whole, "stoplogging", true),
            ("Stop", Place::Whole, "stoplogging", false),
            ("s?op", Place::Whole, "sTop", true),
            ("s?op", Place::Whole, "sop", false),
            ("a*b*c", Place::Whole, "a-b-b-c", true),
            ("a*b*c", Place::Whole, "a-c-b", false),
            (r"a\*b", Place::Whole, "a*b", true),
            (r"a\*b", Place::Whole, "axb", false),
            (r"a\\b", Place::Whole, r"a\b", true),
            (r"a\b", Place::Whole, r"a\b", true),
            ("log", Place::Inside, "StopLogging", true),
            ("ing", Place::End, "StopLogging", true),
            ("*", Place::Inside, "", true),
            ("", Place::Whole, "", true),
            ("", Place::Whole, "x", false),
            ("É?", Place::Start, "éa-", true),
            ("straße", Place::Whole, "STRAßE", true),
            ("k", Place::Whole, "\u{212A}", true),
        ] {
            assert_eq!(matches(written, place, text), expected, "{written} {text}");
        }
        assert!(!TextPattern::wildcard("Stop", Place::Whole, true).matches("stop"));
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn shifted_base64_is_found_at_every_offset() {
        let variants = encodings("secret-key", &[Modifier::Base64Offset, Modifier::Contains]);
        for before in ["", "a", "ab", "abc"] {
            for after in ["", "x", "xy"] {
                let whole = base64(format!("{before}secret-key{after}").as_bytes());
                assert!(variants.iter().any(|variant| whole.contains(&**variant)), "{before} {after}");
            }
        }
    }

    #[test]
    fn dashes_of_flags_are_exchanged_and_others_stay() {
        let variants = encodings("-a foo-bar", &[Modifier::WinDash]);
        assert_eq!(variants.len(), 5);
        assert!(variants.iter().any(|variant| variant == "/a foo-bar"));
        assert_eq!(count_dashes("-a /b c-d"), 2);
    }

    #[test]
    fn hostile_patterns_stay_linear_in_text_times_pattern() {
        let pattern = TextPattern::wildcard(&"a*".repeat(50), Place::Whole, false);
        assert!(!pattern.matches(&format!("{}b", "c".repeat(100_000))));
    }
}
