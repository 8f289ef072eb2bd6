//! The slow, obvious reader: one value, byte after byte, onto a flat list of nodes that point into the text.
//!
//! It judges whatever the fast reader refuses, so that every error has its kind and place, and it is the twin that the fast
//! reader is held against: both take the same texts and find the same values. The tape's memory is reused from value to
//! value.

use std::borrow::Cow;

use super::{JsonError, Kind, MAX_DEPTH, unescape};

/// One value or key: where its text stands and where its subtree ends on the tape.
#[derive(Clone, Copy, Debug)]
struct Node {
    start: u32,
    end: u32,
    next: u32,
    kind: Kind,
    escaped: bool,
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
    pub fn root<'a>(&'a self, text: &'a [u8]) -> Cursor<'a> {
        Cursor { tape: self, text, index: 0 }
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

/// A value on a tape.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    tape: &'a Tape,
    text: &'a [u8],
    index: u32,
}

impl<'a> Cursor<'a> {
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
    pub fn get(&self, name: &str) -> Option<Cursor<'a>> {
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
    parent: Cursor<'a>,
    at: u32,
    end: u32,
}

impl<'a> Iterator for Items<'a> {
    type Item = Cursor<'a>;

    fn next(&mut self) -> Option<Cursor<'a>> {
        if self.at >= self.end {
            return None;
        }
        let value = Cursor { index: self.at, ..self.parent };
        self.at = value.node()?.next;
        Some(value)
    }
}

/// Keys and values of an object.
#[derive(Clone, Debug)]
pub struct Entries<'a>(Items<'a>);

impl<'a> Iterator for Entries<'a> {
    type Item = (Cursor<'a>, Cursor<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next()?, self.0.next()?))
    }
}
