//! Strict JSON, read in place: nothing is copied, and what nobody asks for is not taken apart.
//!
//! A text is marked once ([`assize_machine::marks`]) and walked over once, which finds everything invalid; a [`Value`]
//! then finds its members between the marks. A string stays a slice of the log until somebody asks for its text. Objects
//! keep every key in the order written, also one that stands twice, so that a planted second key cannot hide the first.

pub mod tape;
mod walk;

use std::borrow::Cow;

use assize_machine::marks::Marks;

use tape::Tape;
use walk::Walker;

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

/// Memory of the reader, used again from text to text.
#[derive(Debug, Default)]
pub struct Reader {
    marks: Marks,
    walker: Walker,
    tape: Tape,
}

impl Reader {
    /// Reads the one value that begins `text`, white space before it apart. What follows the value is not looked at; at
    /// most `limit` bytes are read.
    ///
    /// # Errors
    /// As [`Tape::read`].
    pub fn read<'a>(&'a mut self, text: &'a [u8], limit: usize) -> Result<Document<'a>, JsonError> {
        let Reader { marks, walker, .. } = self;
        let window = text.get(..limit.min(text.len())).unwrap_or(text);
        if matches!(window, [b'{' | b'[', ..])
            && let Some(sound) = marks.mark(window)
            && let Some(last) = walker.container(window, marks.positions(), 0)
            && let Some(length) = marks.positions().get(last as usize).map(|&end| end as usize + 1)
        {
            return Ok(Document::new(sound, length, &self.marks, &self.walker));
        }
        self.read_first(text, limit)
    }

    /// The same where much may follow the value, which is then not looked at at all.
    ///
    /// # Errors
    /// As [`Tape::read`].
    pub(crate) fn read_first<'a>(&'a mut self, text: &'a [u8], limit: usize) -> Result<Document<'a>, JsonError> {
        let Reader { marks, walker, tape } = self;
        // The tape decides. What it takes, the walk takes too, once what follows the value is gone.
        let length = tape.read(text, limit)?;
        let value = text.get(..length).unwrap_or_default();
        let sound = marks.mark(value).ok_or(JsonError::Unexpected(0))?;
        if matches!(walk::trim(value), [b'{' | b'[', ..]) {
            walker.container(value, marks.positions(), 0).ok_or(JsonError::Unexpected(0))?;
        }
        Ok(Document::new(sound, length, marks, walker))
    }
}

/// The structure of a whole text: container after container is walked over where the caller knows that one begins.
#[derive(Debug)]
pub(crate) struct Structure<'t, 'r> {
    text: &'t str,
    marks: &'r Marks,
    walker: &'r mut Walker,
    /// The mark behind the last container.
    at: usize,
}

impl<'t, 'r> Structure<'t, 'r> {
    /// `None` if some string of the text is not sound.
    pub(crate) fn of(text: &'t [u8], reader: &'r mut Reader) -> Option<Structure<'t, 'r>> {
        let Reader { marks, walker, .. } = reader;
        let text = marks.mark(text)?;
        Some(Structure { text, marks, walker, at: 0 })
    }

    /// The container that begins at the byte `from`: its mark and its length in bytes; `None` if it is not strict JSON.
    /// Quick where places ascend from call to call.
    pub(crate) fn container(&mut self, from: usize) -> Option<(u32, usize)> {
        let positions = self.marks.positions();
        // Nearly always the next mark but one.
        let near = positions.get(self.at..self.at + 4).unwrap_or_default().iter().position(|&mark| mark as usize == from);
        self.at = match near {
            Some(step) => self.at + step,
            None => positions.partition_point(|&mark| (mark as usize) < from),
        };
        let first = u32::try_from(self.at).ok()?;
        if *positions.get(self.at)? as usize != from || !matches!(self.text.as_bytes().get(from), Some(b'{' | b'[')) {
            return None;
        }
        let last = self.walker.container(self.text.as_bytes(), positions, first)? as usize;
        self.at = last + 1;
        Some((first, *positions.get(last)? as usize + 1 - from))
    }

    /// What was walked over.
    pub(crate) fn document(&self) -> Document<'_> {
        Document::new(self.text, self.text.len(), self.marks, self.walker)
    }
}

/// A text whose containers have been walked over.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    text: &'a str,
    length: usize,
    marks: &'a [u32],
    closes: &'a [u32],
    escapes: &'a [u64],
    /// The colons behind the keys of the object whose opening bracket is the mark `walked`.
    colons: &'a [u32],
    walked: u32,
}

impl<'a> Document<'a> {
    fn new(text: &'a str, length: usize, marks: &'a Marks, walker: &'a Walker) -> Document<'a> {
        let Walker { closes, colons, first: walked, .. } = walker;
        Document { text, length, marks: marks.positions(), closes, escapes: marks.escapes(), colons, walked: *walked }
    }

    /// How many bytes the value takes, with white space before it.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The value that the text begins with.
    pub fn root(&'a self) -> Value<'a> {
        let text = self.text.as_bytes();
        let from = text.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).unwrap_or(0);
        match text.get(from) {
            Some(b'{' | b'[') => self.container(0),
            _ => self.scalar(from, self.length),
        }
    }

    /// The container whose opening bracket is this mark.
    pub(crate) fn container(&'a self, mark: u32) -> Value<'a> {
        let start = self.position(mark);
        let end = self.position(self.close(mark)) + 1;
        let kind = if self.byte(start as usize) == b'{' { Kind::Object } else { Kind::Array };
        Value { document: self, start, end, mark, kind }
    }

    /// The value behind a mark, and the mark that follows it.
    #[inline(always)]
    fn behind(&'a self, mark: u32) -> (Value<'a>, u32) {
        let (mut from, next) = (self.position(mark) as usize + 1, mark + 1);
        let mut byte = self.byte(from);
        while matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            from += 1;
            byte = self.byte(from);
        }
        match byte {
            b'{' | b'[' => (self.container(next), self.close(next) + 1),
            _ => (self.scalar(from, self.position(next) as usize), next),
        }
    }

    /// The scalar from its first byte; `end` may have white space before it.
    #[inline(always)]
    fn scalar(&'a self, from: usize, mut end: usize) -> Value<'a> {
        while end > from + 1 && matches!(self.byte(end - 1), b' ' | b'\t' | b'\n' | b'\r') {
            end -= 1;
        }
        let (from, end, kind) = match self.byte(from) {
            b'"' => (from + 1, end - 1, Kind::String),
            b't' | b'f' => (from, end, Kind::Bool),
            b'n' => (from, end, Kind::Null),
            _ => (from, end, Kind::Number),
        };
        Value { document: self, start: offset(from), end: offset(end), mark: 0, kind }
    }

    #[inline(always)]
    fn position(&self, mark: u32) -> u32 {
        self.marks.get(mark as usize).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn close(&self, mark: u32) -> u32 {
        self.closes.get(mark as usize).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(0)
    }

    /// The key before a colon with its quotes, if no white space stands around it.
    #[inline(always)]
    fn quoted_key(&'a self, colon: u32) -> Option<&'a [u8]> {
        let (from, to) = (self.position(colon.wrapping_sub(1)) + 1, self.position(colon));
        let key = self.text.as_bytes().get(from as usize..to as usize)?;
        matches!(key, [b'"', .., b'"']).then_some(key)
    }

    /// The key before a colon, as written, without its quotes.
    #[inline(always)]
    fn key(&'a self, colon: u32) -> &'a [u8] {
        match self.quoted_key(colon) {
            Some([_, key @ .., _]) => key,
            _ => self.behind(colon.wrapping_sub(1)).0.raw(),
        }
    }

    /// Whether one of the blocks of 64 bytes that hold `start..end` holds a backslash.
    #[inline(always)]
    fn may_escape(&self, start: u32, end: u32) -> bool {
        (start / 64..=end / 64)
            .any(|block| self.escapes.get(block as usize / 64).is_some_and(|word| word >> (block % 64) & 1 != 0))
    }
}

/// A value in a text: a cheap cursor.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    document: &'a Document<'a>,
    start: u32,
    end: u32,
    /// Of a container: its opening bracket.
    mark: u32,
    kind: Kind,
}

impl<'a> Value<'a> {
    /// What the value is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The value as written: strings without their quotes and with their escapes.
    pub fn raw(&self) -> &'a [u8] {
        self.document.text.as_bytes().get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Whether the string holds at least one backslash escape.
    #[inline]
    pub fn is_escaped(&self) -> bool {
        self.kind == Kind::String && self.document.may_escape(self.start, self.end) && memchr::memchr(b'\\', self.raw()).is_some()
    }

    /// The text of a string, number, boolean or null; borrowed unless escapes had to be replaced.
    ///
    /// Half a surrogate pair, which some writers produce when they cut a string, reads as U+FFFD.
    pub fn text(&self) -> Cow<'a, str> {
        let raw = self.written();
        if self.is_escaped() { Cow::Owned(unescape(raw)) } else { Cow::Borrowed(raw) }
    }

    /// As [`Value::raw`], as text.
    pub fn written(&self) -> &'a str {
        self.document.text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Members of an array, nothing for other kinds.
    pub fn items(&self) -> Items<'a> {
        let close = self.document.close(self.mark);
        let empty = || walk::trim(self.raw().get(1..self.raw().len().saturating_sub(1)).unwrap_or_default()).is_empty();
        let none = self.kind != Kind::Array || (close == self.mark + 1 && empty());
        Items { document: self.document, at: if none { close } else { self.mark }, close }
    }

    /// Keys and values of an object, in the order written; nothing for other kinds.
    pub fn entries(&self) -> Entries<'a> {
        let close = self.document.close(self.mark);
        let none = self.kind != Kind::Object || close == self.mark + 1;
        Entries { document: self.document, at: if none { close } else { self.mark }, close }
    }

    /// Whether this key reads `name`.
    #[inline]
    pub fn is_named(&self, name: &str) -> bool {
        self.raw() == name.as_bytes() || (self.is_escaped() && self.text() == name)
    }

    /// The first value under `name` in an object.
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        self.named(name).next()
    }

    /// The text under `name` if it is a string.
    pub fn get_text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).filter(|value| value.kind() == Kind::String).map(|value| value.text())
    }

    /// The values under `name` in an object.
    pub fn named<'n>(&self, name: &'n str) -> Named<'a, 'n> {
        Named { entries: self.entries(), name }
    }

    /// The text of the entry with this place, as [`Value::entry`], if it is a string without white space around it and
    /// without escapes: nearly every string is, and this is several times as fast as making a [`Value`] of it.
    #[inline(always)]
    pub(crate) fn plain_text(&self, place: u32) -> Option<&'a str> {
        let document = self.document;
        let (from, next) = (document.position(place) + 1, document.position(place + 1));
        if document.may_escape(from, next) {
            return None;
        }
        match document.text.as_bytes().get(from as usize..next as usize)? {
            [b'"', .., b'"'] => document.text.get(from as usize + 1..next as usize - 1),
            _ => None,
        }
    }

    /// The places of all entries, as [`Entries::next_key`] gives them, if the walk went over this object last and so noted them.
    #[inline(always)]
    pub(crate) fn places(&self) -> Option<&'a [u32]> {
        (self.kind == Kind::Object && self.mark == self.document.walked).then_some(self.document.colons)
    }

    /// The key of the entry with this place, with its quotes, if no white space stands around it.
    #[inline(always)]
    pub(crate) fn quoted_key(&self, place: u32) -> Option<&'a [u8]> {
        self.document.quoted_key(place)
    }

    /// The key of the entry with this place, as written, without its quotes.
    #[inline(always)]
    pub(crate) fn key(&self, place: u32) -> &'a [u8] {
        self.document.key(place)
    }

    /// The value of the entry that [`Entries::next_key`] named, of this object.
    pub(crate) fn entry(&self, place: u32) -> Value<'a> {
        self.document.behind(place).0
    }
}

/// Members of an array.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    document: &'a Document<'a>,
    at: u32,
    close: u32,
}

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        if self.at >= self.close {
            return None;
        }
        let (value, next) = self.document.behind(self.at);
        self.at = next;
        Some(value)
    }
}

/// Keys and values of an object.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    document: &'a Document<'a>,
    at: u32,
    close: u32,
}

impl<'a> Entries<'a> {
    /// The next entry by its key alone, as written, and its place, for [`Value::entry`]; never 0. Quicker than [`next`]
    /// because the value is not looked at.
    ///
    /// [`next`]: Iterator::next
    #[inline(always)]
    pub(crate) fn next_key(&mut self) -> Option<(&'a [u8], u32)> {
        if self.at >= self.close {
            return None;
        }
        let document = self.document;
        let place = self.at + 1;
        let key = document.key(place);
        self.at = match document.byte(document.position(place) as usize + 1) {
            b'{' | b'[' => document.close(place + 1) + 1,
            b' ' | b'\t' | b'\n' | b'\r' => document.behind(place).1,
            _ => place + 1,
        };
        Some((key, place))
    }
}

/// Values under one name.
#[derive(Clone, Debug)]
pub struct Named<'a, 'n> {
    entries: Entries<'a>,
    name: &'n str,
}

impl<'a> Iterator for Named<'a, '_> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        while let Some((key, place)) = self.entries.next_key() {
            // What has escapes is longer than what it reads.
            if key == self.name.as_bytes() || (key.len() > self.name.len() && self.reads_escaped(place)) {
                return Some(self.entries.document.behind(place).0);
            }
        }
        None
    }
}

impl Named<'_, '_> {
    /// Whether the key before this colon has escapes, and reads as the name.
    #[inline(always)]
    fn reads_escaped(&self, colon: u32) -> bool {
        let document = self.entries.document;
        let (start, end) = (document.position(colon - 1), document.position(colon));
        document.may_escape(start, end) && document.behind(colon - 1).0.text() == self.name
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Value<'a>, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.close {
            return None;
        }
        let (key, colon) = self.document.behind(self.at);
        let (value, next) = self.document.behind(colon);
        self.at = next;
        Some((key, value))
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Replaces the escapes of a JSON string whose grammar has been checked.
pub(crate) fn unescape(raw: &str) -> String {
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
mod tests;
