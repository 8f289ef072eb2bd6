//! Finds the next record after a malformed one.
//!
//! A record with a wrong token still has its brackets, so its end can be found by counting them. A record with an open
//! quote swallows what follows; then the next text that reads like the start of a record and parses as one is taken.
//! Such a start cannot be planted inside a well-formed record, where every quote in a value is escaped. All of it is
//! bounded by a budget of bytes, after which the rest of the object is one malformed region.
//!
//! Where more of the text follows than is at hand, a search that came to the end of either, text or budget, has found out
//! nothing: it is made again, at the same cost, once more is at hand. So it gives what it gives over the whole text.

use crate::json::{Document, JsonError, Reader};
use crate::matcher::Subject;

use super::MAX_RECORD;

/// A search in the text at hand.
pub(super) struct Search<'t, 'm> {
    pub(super) text: &'t [u8],
    /// More of the text follows.
    pub(super) more: bool,
    /// The last byte before the text at hand that is no white space.
    pub(super) before: Option<u8>,
    pub(super) reader: &'m mut Reader,
    /// Bytes that may still be looked at.
    pub(super) budget: usize,
}

/// How a record begins.
const START: &[u8] = b"{\"eventVersion\"";

/// Over so many bytes brackets are counted before records are looked for in them.
const STRETCH: usize = 1 << 20;

/// Where the search for a record stopped.
enum Stop {
    /// A record begins here.
    At(usize),
    /// There is none.
    Nowhere,
    /// The budget, or what is at hand, is at its end.
    Exhausted,
}

impl Search<'_, '_> {
    /// Where to go on after the malformed member at `at`: its end, the start of the next record, or the end of the text.
    /// `None` if what is at hand does not tell.
    ///
    /// Brackets are counted for a stretch, then records are looked for in it: behind an open quote a bracket may never
    /// be closed, and the next record is near all the same.
    pub(super) fn after(&mut self, at: usize) -> Option<usize> {
        let (mut brackets, mut from) = (Brackets::from(at), at + 1);
        loop {
            let (until, end) = match brackets.count(self.text, &mut self.budget) {
                Counted::End(end) => (end, true),
                Counted::Stretch => (brackets.at, false),
                Counted::Open | Counted::Exhausted if self.more => return None,
                Counted::Open | Counted::Exhausted => (self.text.len(), true),
            };
            match self.next_record(from, until) {
                Stop::At(found) => return Some(found),
                Stop::Exhausted if self.more => return None,
                Stop::Exhausted if !end => return Some(self.text.len()),
                Stop::Nowhere | Stop::Exhausted if end => return Some(until),
                Stop::Nowhere | Stop::Exhausted => from = from.max(until + 1 - START.len()),
            }
        }
    }

    /// The first place in `from..until` where a whole record begins after a comma.
    fn next_record(&mut self, mut from: usize, until: usize) -> Stop {
        let finder = memchr::memmem::Finder::new(START);
        loop {
            let window = self.text.get(from..until).unwrap_or_default();
            let Some(step) = finder.find(window) else { return Stop::Nowhere };
            let Some(budget) = self.budget.checked_sub(step + START.len()) else { return Stop::Exhausted };
            self.budget = budget;
            let found = from + step;
            if self.byte_before(found) == Some(b',') {
                match self.begins_record(found) {
                    Some(true) => return Stop::At(found),
                    Some(false) => {}
                    None => return Stop::Exhausted,
                }
            }
            from = found + 1;
        }
    }

    /// Whether a whole record begins here. `None` if what is at hand does not tell.
    fn begins_record(&mut self, at: usize) -> Option<bool> {
        let rest = self.text.get(at..).unwrap_or_default();
        let window = MAX_RECORD.min(self.budget).min(rest.len());
        let read = self.reader.read_first(rest, window);
        let at_its_end = matches!(read, Err(JsonError::Truncated | JsonError::TooLong(_) | JsonError::NotUtf8(_)));
        if self.more && window < MAX_RECORD && at_its_end {
            return None;
        }
        let looked_at = read.as_ref().map_or_else(|error| looked_at(error, window), Document::length);
        if self.more && looked_at > self.budget {
            return None;
        }
        self.budget = self.budget.saturating_sub(looked_at);
        Some(read.is_ok_and(|document| Subject::of(document.root()).is_some()))
    }

    /// The last byte before `at` that is no white space.
    fn byte_before(&self, at: usize) -> Option<u8> {
        let before = self.text.get(..at)?.iter().rev().find(|byte| !byte.is_ascii_whitespace());
        before.copied().or(self.before)
    }
}

/// The end of a value by counting brackets outside strings.
struct Brackets {
    from: usize,
    /// How far they were counted.
    at: usize,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

/// What counting found out.
enum Counted {
    /// The value ends here, and a comma or the end of the list follows.
    End(usize),
    /// It does not end in this stretch.
    Stretch,
    /// It does not end in what is at hand, or nothing follows there.
    Open,
    /// The budget is at its end.
    Exhausted,
}

impl Brackets {
    fn from(at: usize) -> Brackets {
        Brackets { from: at, at, depth: 0, in_string: false, escaped: false }
    }

    /// Counts on for a stretch.
    fn count(&mut self, text: &[u8], budget: &mut usize) -> Counted {
        let begin = self.at;
        for (step, &byte) in text.get(begin..).unwrap_or_default().iter().enumerate() {
            if step == STRETCH {
                return Counted::Stretch;
            }
            let Some(left) = budget.checked_sub(1) else { return Counted::Exhausted };
            (*budget, self.at) = (left, begin + step + 1);
            if self.in_string {
                self.in_string = self.escaped || byte != b'"';
                self.escaped = !self.escaped && byte == b'\\';
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 0 => self.depth -= 1,
                // At depth 0 a comma or bracket belongs to the list: the member was a bare token.
                b',' | b']' | b'}' if self.depth == 0 => return Counted::End((self.at - 1).max(self.from + 1)),
                _ => {}
            }
            if self.depth == 0 && matches!(byte, b'}' | b']') {
                match text.get(self.at..).unwrap_or_default().iter().find(|byte| !byte.is_ascii_whitespace()) {
                    Some(b',' | b']') => return Counted::End(self.at),
                    Some(_) => {}
                    None => return Counted::Open,
                }
            }
        }
        Counted::Open
    }
}

/// The start of the next line whose first character opens an object.
pub(super) fn next_line_with_object(text: &[u8], at: usize) -> Option<usize> {
    let mut from = at;
    loop {
        from += memchr::memchr(b'\n', text.get(from..)?)? + 1;
        let indent = text.get(from..)?.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
        if text.get(from + indent) == Some(&b'{') {
            return Some(from + indent);
        }
    }
}

/// The last line break in the text from `at`, if nothing but white space stands behind it; else the end of the text.
pub(super) fn blank_line_at_end(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let line = memchr::memrchr(b'\n', rest).unwrap_or(rest.len());
    let blank = rest.iter().skip(line).all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    if blank { at + line } else { text.len() }
}

/// How many bytes were read before the error was found; what is read in vain counts too.
fn looked_at(error: &JsonError, window: usize) -> usize {
    let until = match error {
        JsonError::Unexpected(at) | JsonError::TooDeep(at) => *at as usize,
        JsonError::Truncated | JsonError::TooLong(_) | JsonError::NotUtf8(_) => window,
    };
    until.max(1024)
}
