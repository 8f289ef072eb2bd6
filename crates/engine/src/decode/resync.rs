//! Finds the next record after a malformed one.
//!
//! A record with a wrong token still has its brackets, so its end can be found by counting them. A record with an open
//! quote swallows what follows; then the next text that reads like the start of a record and parses as one is taken.
//! Such a start cannot be planted inside a well-formed record, where every quote in a value is escaped. All of it is
//! bounded by a budget of bytes, after which the rest of the object is one malformed region.

use crate::json::{Document, JsonError, Reader};
use crate::matcher::Subject;

use super::MAX_RECORD;

/// Where to go on after the malformed member at `at`: its end, the start of the next record, or the end of the text.
pub(super) fn after(text: &[u8], at: usize, reader: &mut Reader, budget: &mut usize) -> usize {
    let end = bracket_end(text, at, budget);
    let until = end.unwrap_or(text.len());
    next_record(text, at + 1, until, reader, budget).or(end).unwrap_or(text.len())
}

/// The start of the next line whose first character opens an object, or the end of the text.
pub(super) fn next_line_with_object(text: &[u8], at: usize) -> usize {
    let mut from = at;
    while let Some(line) = memchr::memchr(b'\n', text.get(from..).unwrap_or_default()) {
        from += line + 1;
        let indent = text.get(from..).unwrap_or_default().iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
        if text.get(from + indent) == Some(&b'{') {
            return from + indent;
        }
    }
    text.len()
}

/// The end of the value at `at` by counting brackets outside strings, if a comma or the end of the list follows.
fn bracket_end(text: &[u8], at: usize, budget: &mut usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for (step, &byte) in text.get(at..)?.iter().enumerate() {
        *budget = budget.checked_sub(1)?;
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 0 => depth -= 1,
            // At depth 0 a comma or bracket belongs to the list: the member was a bare token.
            b',' | b']' | b'}' if depth == 0 => return (step > 0).then_some(at + step).or(Some(at + 1)),
            _ => {}
        }
        if depth == 0 && matches!(byte, b'}' | b']') {
            let end = at + step + 1;
            let next = text.get(end..)?.iter().find(|byte| !byte.is_ascii_whitespace());
            if matches!(next, Some(b',' | b']')) {
                return Some(end);
            }
        }
    }
    None
}

/// The first place in `from..until` where a whole record begins after a comma.
fn next_record(text: &[u8], from: usize, until: usize, reader: &mut Reader, budget: &mut usize) -> Option<usize> {
    const START: &[u8] = b"{\"eventVersion\"";
    let finder = memchr::memmem::Finder::new(START);
    let mut from = from;
    loop {
        let window = text.get(from..until)?;
        let found = from + finder.find(window)?;
        *budget = budget.checked_sub(found - from + START.len())?;
        let before = text.get(..found)?.iter().rev().find(|byte| !byte.is_ascii_whitespace());
        if before == Some(&b',') {
            let rest = text.get(found..)?;
            let window = MAX_RECORD.min(*budget).min(rest.len());
            let read = reader.read_first(rest, window);
            *budget = budget.saturating_sub(read.as_ref().map_or_else(|error| looked_at(error, window), Document::length));
            if read.is_ok_and(|document| Subject::of(document.root()).is_some()) {
                return Some(found);
            }
        }
        from = found + 1;
    }
}

/// How many bytes were read before the error was found; what is read in vain counts too.
fn looked_at(error: &JsonError, window: usize) -> usize {
    let until = match error {
        JsonError::Unexpected(at) | JsonError::TooDeep(at) => *at as usize,
        JsonError::Truncated | JsonError::TooLong(_) | JsonError::NotUtf8(_) => window,
    };
    until.max(1024)
}
