//! A strict JSON reader that turns one value into a [`Tape`]: a flat list of nodes that point into the text.
//!
//! Nothing is copied and nothing is allocated per field: the tape's memory is reused from record to record, and a
//! string stays a slice of the log until somebody asks for its text. Objects keep every key in the order written, also
//! one that stands twice, so that a planted second key cannot hide the first.

use std::borrow::Cow;

/// How deep arrays and objects may nest. CloudTrail records stay below 20.
pub const MAX_DEPTH: usize = 128;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number; its text is kept as written.
    Number,
    /// A string or a key.
    String,
    /// `[…]`
    Array,
    /// `{…}`; its children alternate between keys and values.
    Object,
}

/// One value or key: where its text stands and where its subtree ends on the tape.
#[derive(Clone, Copy, Debug)]
struct Node {
    start: u32,
    end: u32,
    next: u32,
    kind: Kind,
    escaped: bool,
}

/// Why a text is not one JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text ends inside a value.
    #[error("the text ends inside a JSON value")]
    Truncated,
    /// A byte that cannot stand there.
    #[error("unexpected byte at offset {0} of the record")]
    Unexpected(u32),
    /// Deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels at offset {0} of the record")]
    TooDeep(u32),
    /// Longer than the reader is asked to accept.
    #[error("longer than {0} bytes")]
    TooLong(usize),
    /// Bytes that are not UTF-8.
    #[error("not valid UTF-8 at offset {0} of the record")]
    NotUtf8(u32),
}

/// The nodes of one JSON value, in document order. Reuse one tape for many values.
#[derive(Debug, Default)]
pub struct Tape {
    nodes: Vec<Node>,
    open: Vec<u32>,
}

impl Tape {
    /// Reads the one value that begins at the first byte of `text` and returns its length in bytes.
    ///
    /// What follows the value is not looked at. At most `limit` bytes are read.
    ///
    /// # Errors
    /// The value is not strict JSON (RFC 8259), is not UTF-8, nests too deep or is longer than `limit`.
    pub fn read(&mut self, text: &[u8], limit: usize) -> Result<usize, JsonError> {
        self.nodes.clear();
        self.open.clear();
        let window = text.get(..limit.min(text.len())).unwrap_or(text);
        let mut reader = Reader { text: window, at: 0, tape: self };
        match reader.value_tree() {
            Ok(()) => {
                let length = reader.at;
                let value = window.get(..length).unwrap_or_default();
                std::str::from_utf8(value).map_err(|error| JsonError::NotUtf8(offset(error.valid_up_to())))?;
                self.refuse_controls(value)?;
                Ok(length)
            }
            Err(JsonError::Truncated) if window.len() < text.len() => Err(JsonError::TooLong(limit)),
            Err(error) => Err(error),
        }
    }

    /// Refuses control characters inside strings (RFC 8259, section 7).
    ///
    /// Logs are compact, so hardly any value holds a control character at all; one look at the smallest byte of the
    /// whole value, which the compiler turns into vector instructions, then stands for a look at each string. Only a
    /// value that does hold one (line breaks between members, for example) is gone through string by string.
    fn refuse_controls(&self, value: &[u8]) -> Result<(), JsonError> {
        if value.iter().fold(u8::MAX, |least, &byte| least.min(byte)) >= 0x20 {
            return Ok(());
        }
        for node in self.nodes.iter().filter(|node| node.kind == Kind::String) {
            let string = value.get(node.start as usize..node.end as usize).unwrap_or_default();
            if let Some(at) = string.iter().position(|&byte| byte < 0x20) {
                return Err(JsonError::Unexpected(node.start.saturating_add(offset(at))));
            }
        }
        Ok(())
    }

    /// The value that was read, over the same `text`.
    pub fn root<'a>(&'a self, text: &'a [u8]) -> Value<'a> {
        Value { tape: self, text, index: 0 }
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

struct Reader<'t, 'x> {
    text: &'x [u8],
    at: usize,
    tape: &'t mut Tape,
}

impl Reader<'_, '_> {
    /// Reads values until the outermost one is closed. An explicit stack stands in for recursion, so that depth costs
    /// no call stack.
    fn value_tree(&mut self) -> Result<(), JsonError> {
        loop {
            self.space();
            let opened = self.one_value()?;
            if opened && !self.close_if_empty()? {
                continue;
            }
            loop {
                let Some(&parent) = self.tape.open.last() else { return Ok(()) };
                let object = self.is_object(parent);
                self.space();
                match self.byte()? {
                    b',' => {
                        self.at += 1;
                        if object {
                            self.space();
                            self.key()?;
                        }
                        break;
                    }
                    b'}' if object => self.close(),
                    b']' if !object => self.close(),
                    _ => return Err(JsonError::Unexpected(offset(self.at))),
                }
            }
        }
    }

    fn is_object(&self, index: u32) -> bool {
        self.tape.nodes.get(index as usize).is_some_and(|node| node.kind == Kind::Object)
    }

    /// After an opening bracket: closes it at once if empty, else reads the first key of an object.
    fn close_if_empty(&mut self) -> Result<bool, JsonError> {
        let object = self.tape.open.last().is_some_and(|&open| self.is_object(open));
        self.space();
        match (self.byte()?, object) {
            (b'}', true) | (b']', false) => {
                self.close();
                Ok(true)
            }
            (_, true) => self.key().map(|()| false),
            (_, false) => Ok(false),
        }
    }

    /// Reads a scalar whole, or the opening bracket of a container; tells whether it opened one.
    fn one_value(&mut self) -> Result<bool, JsonError> {
        match self.byte()? {
            b'{' => self.open(Kind::Object),
            b'[' => self.open(Kind::Array),
            b'"' => self.string().map(|()| false),
            b't' => self.word(b"true", Kind::Bool),
            b'f' => self.word(b"false", Kind::Bool),
            b'n' => self.word(b"null", Kind::Null),
            b'-' | b'0'..=b'9' => self.number().map(|()| false),
            _ => Err(JsonError::Unexpected(offset(self.at))),
        }
    }

    fn open(&mut self, kind: Kind) -> Result<bool, JsonError> {
        if self.tape.open.len() >= MAX_DEPTH {
            return Err(JsonError::TooDeep(offset(self.at)));
        }
        self.tape.open.push(offset(self.tape.nodes.len()));
        self.push(kind, self.at, self.at, false);
        self.at += 1;
        Ok(true)
    }

    fn close(&mut self) {
        self.at += 1;
        let next = offset(self.tape.nodes.len());
        if let Some(open) = self.tape.open.pop()
            && let Some(node) = self.tape.nodes.get_mut(open as usize)
        {
            node.end = offset(self.at);
            node.next = next;
        }
    }

    fn key(&mut self) -> Result<(), JsonError> {
        if self.byte()? != b'"' {
            return Err(JsonError::Unexpected(offset(self.at)));
        }
        self.string()?;
        self.space();
        if self.byte()? != b':' {
            return Err(JsonError::Unexpected(offset(self.at)));
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<bool, JsonError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if rest.starts_with(word) {
            self.push(kind, self.at, self.at + word.len(), false);
            self.at += word.len();
            Ok(false)
        } else if word.starts_with(rest) {
            Err(JsonError::Truncated)
        } else {
            Err(JsonError::Unexpected(offset(self.at)))
        }
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.byte()? {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits(),
            _ => return Err(JsonError::Unexpected(offset(self.at))),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        self.push(Kind::Number, start, self.at, false);
        Ok(())
    }

    fn some_digits(&mut self) -> Result<(), JsonError> {
        if !self.byte()?.is_ascii_digit() {
            return Err(JsonError::Unexpected(offset(self.at)));
        }
        self.digits();
        Ok(())
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    /// Reads a string from its opening quote. The node spans the text between the quotes.
    fn string(&mut self) -> Result<(), JsonError> {
        let start = self.at + 1;
        self.at = start;
        let mut escaped = false;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(run) = memchr::memchr2(b'"', b'\\', rest) else { return Err(JsonError::Truncated) };
            self.at += run;
            if self.peek() == Some(b'"') {
                self.push(Kind::String, start, self.at, escaped);
                self.at += 1;
                return Ok(());
            }
            escaped = true;
            self.escape()?;
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        match self.byte()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.byte()?.is_ascii_hexdigit() {
                        return Err(JsonError::Unexpected(offset(self.at)));
                    }
                    self.at += 1;
                }
            }
            _ => return Err(JsonError::Unexpected(offset(self.at))),
        }
        Ok(())
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize, escaped: bool) {
        let next = offset(self.tape.nodes.len() + 1);
        self.tape.nodes.push(Node { start: offset(start), end: offset(end), next, kind, escaped });
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn byte(&self) -> Result<u8, JsonError> {
        self.peek().ok_or(JsonError::Truncated)
    }
}

/// A value on a tape: a cheap cursor.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    tape: &'a Tape,
    text: &'a [u8],
    index: u32,
}

impl<'a> Value<'a> {
    fn node(&self) -> Option<&'a Node> {
        self.tape.nodes.get(self.index as usize)
    }

    /// What the value is.
    pub fn kind(&self) -> Kind {
        self.node().map_or(Kind::Null, |node| node.kind)
    }

    /// The value as written: strings without their quotes and with their escapes.
    pub fn raw(&self) -> &'a [u8] {
        self.node().and_then(|node| self.text.get(node.start as usize..node.end as usize)).unwrap_or_default()
    }

    /// Whether the string holds at least one backslash escape.
    pub fn is_escaped(&self) -> bool {
        self.node().is_some_and(|node| node.escaped)
    }

    /// The text of a string, number, boolean or null; borrowed unless escapes had to be replaced.
    ///
    /// Half a surrogate pair, which some writers produce when they cut a string, reads as U+FFFD.
    pub fn text(&self) -> Cow<'a, str> {
        // `Tape::read` has checked the UTF-8 of the whole value, and a slice between quotes begins and ends at
        // characters, so this never fails.
        let raw = std::str::from_utf8(self.raw()).unwrap_or_default();
        if self.is_escaped() { Cow::Owned(unescape(raw)) } else { Cow::Borrowed(raw) }
    }

    /// Members of an array, nothing for other kinds.
    pub fn items(&self) -> Items<'a> {
        match self.node() {
            Some(node) if node.kind == Kind::Array => Items { parent: *self, at: self.index + 1, end: node.next },
            _ => Items { parent: *self, at: 0, end: 0 },
        }
    }

    /// Keys and values of an object, in the order written; nothing for other kinds.
    pub fn entries(&self) -> Entries<'a> {
        let inner = match self.node() {
            Some(node) if node.kind == Kind::Object => Items { parent: *self, at: self.index + 1, end: node.next },
            _ => Items { parent: *self, at: 0, end: 0 },
        };
        Entries(inner)
    }

    /// Whether this key reads `name`.
    pub fn is_named(&self, name: &str) -> bool {
        if self.is_escaped() { self.text() == name } else { self.raw() == name.as_bytes() }
    }

    /// The first value under `name` in an object.
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        self.entries().find(|(key, _)| key.is_named(name)).map(|(_, value)| value)
    }

    /// The text under `name` if it is a string.
    pub fn get_text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).filter(|value| value.kind() == Kind::String).map(|value| value.text())
    }
}

/// Members of an array.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    parent: Value<'a>,
    at: u32,
    end: u32,
}

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        if self.at >= self.end {
            return None;
        }
        let value = Value { index: self.at, ..self.parent };
        self.at = value.node()?.next;
        Some(value)
    }
}

/// Keys and values of an object.
#[derive(Clone, Debug)]
pub struct Entries<'a>(Items<'a>);

impl<'a> Iterator for Entries<'a> {
    type Item = (Value<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next()?, self.0.next()?))
    }
}

/// Replaces the escapes of a JSON string whose grammar has been checked.
fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut chars = escape.chars();
        match chars.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                rest = unescape_unit(chars.as_str(), &mut out);
                continue;
            }
            Some(other) => out.push(other),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

/// Reads the digits after `\u`, joins surrogate pairs, and returns what follows.
fn unescape_unit<'a>(digits: &'a str, out: &mut String) -> &'a str {
    let (unit, rest) = hex_unit(digits);
    let pair = (0xD800..0xDC00)
        .contains(&unit)
        .then(|| rest.strip_prefix("\\u").map(hex_unit))
        .flatten()
        .filter(|(low, _)| (0xDC00..0xE000).contains(low));
    if let Some((low, after)) = pair {
        let code = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        return after;
    }
    out.push(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
    rest
}

fn hex_unit(digits: &str) -> (u32, &str) {
    digits.split_at_checked(4).map_or((0xFFFD, ""), |(unit, rest)| (u32::from_str_radix(unit, 16).unwrap_or(0xFFFD), rest))
}

/// Writes `value` as compact JSON: no spaces, keys in the order written, escapes in their shortest form.
///
/// With `plain`, string values are shown without quotes' escapes, as a reader sees them: a JSON document inside a
/// string (an IAM policy, for example) can then be matched by its own text.
pub fn compact(value: Value<'_>, plain: bool, out: &mut String) {
    match value.kind() {
        Kind::String => string_json(&value.text(), plain, out),
        Kind::Array => {
            out.push('[');
            for (number, item) in value.items().enumerate() {
                if number > 0 {
                    out.push(',');
                }
                compact(item, plain, out);
            }
            out.push(']');
        }
        Kind::Object => {
            out.push('{');
            for (number, (key, item)) in value.entries().enumerate() {
                if number > 0 {
                    out.push(',');
                }
                string_json(&key.text(), plain, out);
                out.push(':');
                compact(item, plain, out);
            }
            out.push('}');
        }
        Kind::Null | Kind::Bool | Kind::Number => out.push_str(&value.text()),
    }
}

fn string_json(text: &str, plain: bool, out: &mut String) {
    out.push('"');
    if plain {
        out.push_str(text);
    } else {
        for char in text.chars() {
            match char {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                control if control < ' ' => {
                    out.push_str("\\u00");
                    for nibble in [u32::from(control) >> 4, u32::from(control) & 15] {
                        out.push(char::from_digit(nibble, 16).unwrap_or('0'));
                    }
                }
                other => out.push(other),
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<usize, JsonError> {
        Tape::default().read(text.as_bytes(), usize::MAX)
    }

    #[test]
    fn accepts_and_refuses_what_serde_json_does() {
        let good = ["{}", "[]", "0", "-1.5e+3", "\"a\\u00e9\\n\"", "{\"a\":[1,{\"b\":null}],\"a\":2}", "[ [ ] , { } ]"];
        for text in good {
            assert_eq!(read(text), Ok(text.len()), "{text}");
            serde_json::from_str::<serde_json::Value>(text).unwrap();
        }
        let bad = [
            "", "{", "[1,]", "{\"a\"}", "{\"a\":}", "01x[", "-", "1.", "1e", "\"a", "\"\\x\"", "\"\n\"", "tru", "{,}", "[,]", "}",
        ];
        for text in bad {
            let whole = read(text).is_ok_and(|length| length == text.len());
            assert!(!whole, "{text}");
            assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn depth_length_and_encoding_are_bounded() {
        let deep = "[".repeat(MAX_DEPTH + 1);
        assert!(matches!(read(&deep), Err(JsonError::TooDeep(_))));
        let level = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert_eq!(read(&level), Ok(level.len()));
        assert_eq!(Tape::default().read(b"\"abcdef\"", 4), Err(JsonError::TooLong(4)));
        assert_eq!(Tape::default().read(b"\"a\xff\"", 99), Err(JsonError::NotUtf8(2)));
    }

    #[test]
    fn strings_read_as_written_by_any_writer() {
        let text = br#"{"k\u0065y":"\ud83d\ude00 \ud83d \"q\" \/","n":-0.50}"#;
        let mut tape = Tape::default();
        tape.read(text, usize::MAX).unwrap();
        let root = tape.root(text);
        assert_eq!(root.get("key").unwrap().text(), "\u{1F600} \u{FFFD} \"q\" /");
        assert_eq!(root.get("n").unwrap().text(), "-0.50");
        assert_eq!(root.entries().count(), 2);
    }

    #[test]
    fn compact_text_matches_serde_json() {
        let text = "{ \"b\" : [ 1 , \"x\\u0001\\\"y\" , null ] , \"a\" : { } }";
        let mut tape = Tape::default();
        tape.read(text.as_bytes(), usize::MAX).unwrap();
        let mut out = String::new();
        compact(tape.root(text.as_bytes()), false, &mut out);
        assert_eq!(out, r#"{"b":[1,"x\u0001\"y",null],"a":{}}"#);
        out.clear();
        compact(tape.root(text.as_bytes()), true, &mut out);
        assert_eq!(out, "{\"b\":[1,\"x\u{1}\"y\",null],\"a\":{}}");
    }
}
