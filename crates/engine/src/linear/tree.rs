//! A record as a tree: a naive reader that keeps every key and every number as it was written.
//!
//! It walks over characters and recurses into what it meets. Nothing is shared with the tape of the fast evaluator, so
//! that a mistake in one of the two readers shows as a disagreement.

use super::LinearError;

/// Arrays and objects nested deeper than this are refused.
const MAX_DEPTH: usize = 128;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// As written: `22`, `22.0` and `2.2e1` are three texts.
    Number(String),
    String(String),
    Array(Vec<Json>),
    /// In the order written; a key may stand twice.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a text that is one JSON value and nothing else.
    pub(super) fn read(text: &str) -> Result<Json, LinearError> {
        let mut reader = Reader { chars: text.chars().collect(), at: 0 };
        let value = reader.value(0)?;
        reader.space();
        if reader.at == reader.chars.len() { Ok(value) } else { Err(reader.wrong("the end of the record")) }
    }

    /// The members of an object under `key`, in order. Nothing for other kinds.
    pub(super) fn members<'j>(&'j self, key: &str) -> Vec<&'j Json> {
        match self {
            Json::Object(entries) => entries.iter().filter(|(name, _)| name == key).map(|(_, value)| value).collect(),
            _ => Vec::new(),
        }
    }

    /// The first member under `key`.
    pub(super) fn first(&self, key: &str) -> Option<&Json> {
        self.members(key).first().copied()
    }

    /// The first member under `key`, if it is a string.
    pub(super) fn first_string(&self, key: &str) -> Option<&str> {
        match self.first(key) {
            Some(Json::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The text of a boolean, number or string.
    pub(super) fn scalar(&self) -> Option<String> {
        match self {
            Json::Bool(value) => Some(value.to_string()),
            Json::Number(text) | Json::String(text) => Some(text.clone()),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        }
    }

    /// Whether this stands for content that AWS left out: an object with a member `omitted` that is `true`.
    pub(super) fn is_omitted(&self) -> bool {
        self.members("omitted").contains(&&Json::Bool(true))
    }

    /// JSON without spaces. With `plain`, texts stand between their quotes as a reader sees them, without escapes.
    pub(super) fn compact(&self, plain: bool) -> String {
        match self {
            Json::Null => "null".to_owned(),
            Json::Bool(value) => value.to_string(),
            Json::Number(text) => text.clone(),
            Json::String(text) => quoted(text, plain),
            Json::Array(items) => {
                let parts: Vec<String> = items.iter().map(|item| item.compact(plain)).collect();
                format!("[{}]", parts.join(","))
            }
            Json::Object(entries) => {
                let part = |(key, value): &(String, Json)| format!("{}:{}", quoted(key, plain), value.compact(plain));
                let parts: Vec<String> = entries.iter().map(part).collect();
                format!("{{{}}}", parts.join(","))
            }
        }
    }
}

fn quoted(text: &str, plain: bool) -> String {
    if plain {
        return format!("\"{text}\"");
    }
    let escaped = |char: char| match char {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        '\0'..='\u{1f}' => format!("\\u{:04x}", u32::from(char)),
        other => other.to_string(),
    };
    let body: String = text.chars().map(escaped).collect();
    format!("\"{body}\"")
}

struct Reader {
    chars: Vec<char>,
    at: usize,
}

impl Reader {
    fn value(&mut self, depth: usize) -> Result<Json, LinearError> {
        if depth > MAX_DEPTH {
            return Err(LinearError::TooDeep { limit: MAX_DEPTH });
        }
        self.space();
        match self.peek() {
            Some('{') if depth < MAX_DEPTH => self.object(depth),
            Some('[') if depth < MAX_DEPTH => self.array(depth),
            Some('{' | '[') => Err(LinearError::TooDeep { limit: MAX_DEPTH }),
            Some('"') => self.string().map(Json::String),
            Some('t') => self.word("true", Json::Bool(true)),
            Some('f') => self.word("false", Json::Bool(false)),
            Some('n') => self.word("null", Json::Null),
            _ => self.number().map(Json::Number),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, LinearError> {
        let mut entries = Vec::new();
        self.expect('{')?;
        self.space();
        if self.take('}') {
            return Ok(Json::Object(entries));
        }
        loop {
            self.space();
            let key = self.string()?;
            self.space();
            self.expect(':')?;
            entries.push((key, self.value(depth + 1)?));
            self.space();
            if self.take('}') {
                return Ok(Json::Object(entries));
            }
            self.expect(',')?;
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, LinearError> {
        let mut items = Vec::new();
        self.expect('[')?;
        self.space();
        if self.take(']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            if self.take(']') {
                return Ok(Json::Array(items));
            }
            self.expect(',')?;
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, LinearError> {
        word.chars().try_for_each(|char| self.expect(char))?;
        Ok(value)
    }

    fn number(&mut self) -> Result<String, LinearError> {
        let mut text = String::new();
        while let Some(char) = self.peek().filter(|char| char.is_ascii_digit() || "+-.eE".contains(*char)) {
            text.push(char);
            self.at += 1;
        }
        if is_number(&text) { Ok(text) } else { Err(self.wrong("a value")) }
    }

    /// UTF-16 units are gathered first and decoded at the end, so that pairs join and halves become U+FFFD.
    fn string(&mut self) -> Result<String, LinearError> {
        self.expect('"')?;
        let mut units: Vec<u16> = Vec::new();
        loop {
            let Some(char) = self.next() else { return Err(self.wrong("a closing quote")) };
            match char {
                '"' => return Ok(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()),
                '\\' => units.push(self.escape()?),
                '\0'..='\u{1f}' => return Err(self.wrong("no control character")),
                other => units.extend(other.encode_utf16(&mut [0; 2]).iter()),
            }
        }
    }

    fn escape(&mut self) -> Result<u16, LinearError> {
        Ok(match self.next() {
            Some('b') => 8,
            Some('t') => 9,
            Some('n') => 10,
            Some('f') => 12,
            Some('r') => 13,
            Some('"') => 34,
            Some('/') => 47,
            Some('\\') => 92,
            Some('u') => {
                let mut unit = 0;
                for _ in 0..4 {
                    let digit = self.next().and_then(|char| char.to_digit(16)).and_then(|digit| u16::try_from(digit).ok());
                    let Some(digit) = digit else { return Err(self.wrong("four hexadecimal digits")) };
                    unit = unit * 16 + digit;
                }
                unit
            }
            _ => return Err(self.wrong("an escape")),
        })
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += 1;
        Some(char)
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), LinearError> {
        if self.take(wanted) { Ok(()) } else { Err(self.wrong(&format!("`{wanted}`"))) }
    }

    fn wrong(&self, expected: &str) -> LinearError {
        LinearError::NotJson { expected: expected.to_owned(), at: self.at }
    }
}

/// RFC 8259, section 6: `-`, then digits without a leading zero, then a fraction, then an exponent.
fn is_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.chars().all(|char| char.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    digits(whole) && !leading_zero && fraction.is_none_or(digits) && exponent.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_kept_as_written() {
        let read = Json::read(r#" {"a": [1, 2.50, 1e3, {}], "a": "\ud83d\ude00 \ud83d \u00e9\n", "b": null} "#).unwrap();
        let numbers = ["1", "2.50", "1e3"].map(|text| Json::Number(text.to_owned()));
        assert_eq!(
            read.members("a"),
            [
                &Json::Array([&numbers[..], &[Json::Object(Vec::new())]].concat()),
                &Json::String("\u{1F600} \u{FFFD} \u{e9}\n".to_owned())
            ]
        );
        assert_eq!(read.compact(false), "{\"a\":[1,2.50,1e3,{}],\"a\":\"\u{1F600} \u{FFFD} \u{e9}\\n\",\"b\":null}");
        assert_eq!(Json::read("[\"\\u001f\\u0022\"]").unwrap().compact(false), r#"["\u001f\""]"#);
        assert_eq!(Json::read("[\"\\u001f\\u0022\"]").unwrap().compact(true), "[\"\u{1f}\"\"]");
    }

    #[test]
    fn accepts_and_refuses_what_serde_json_does() {
        for text in ["{}", "-0.5E+7", "0", "\"\\/\"", "[[],{}]", "true", " null "] {
            serde_json::from_str::<serde_json::Value>(text).unwrap();
            Json::read(text).unwrap();
        }
        let bad = r#"|01|1.|.5|+1|-|1e|[1,]|{"a":1,}|{a:1}|"\x"|tru|1 2|"\u12g4"|"\ud8"|"a"#;
        for text in bad.split('|').chain(["\"\n\""]) {
            assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
            assert!(Json::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        Json::read(&nested(MAX_DEPTH)).unwrap();
        assert_eq!(Json::read(&nested(MAX_DEPTH + 1)), Err(LinearError::TooDeep { limit: MAX_DEPTH }));
        assert!(Json::read(&"[".repeat(100_000)).is_err());
    }
}
