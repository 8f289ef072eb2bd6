//! The fast reader's judgement: goes over the marks of a text and finds out whether they make one value.
//!
//! [`assize_machine::marks`] tells where brackets, colons and commas stand outside strings, and has judged the strings.
//! What is left is the grammar between the marks: pairs, keys, numbers, words. Where a bracket is closed is noted, so that
//! a reader can step over what nobody asks for. The walk only says yes or no; [`super::tape`] says why not.

use super::MAX_DEPTH;

/// Memory of a walk, used again for the next.
#[derive(Debug)]
pub(super) struct Walker {
    /// For each mark that is an opening bracket: the mark that closes it. Only what was walked over has a meaning.
    pub(super) closes: Vec<u32>,
    /// The colons behind the keys of the object that was walked over last; the walk passes them anyway.
    pub(super) colons: Vec<u32>,
    /// The mark where the last walk began.
    pub(super) first: u32,
    open: [u32; MAX_DEPTH],
}

impl Default for Walker {
    fn default() -> Walker {
        Walker { closes: Vec::new(), colons: Vec::new(), first: u32::MAX, open: [0; MAX_DEPTH] }
    }
}

impl Walker {
    /// Goes over the container whose opening bracket is the mark `first`; gives the mark of its closing bracket. `None`
    /// if it is not strict JSON.
    pub(super) fn container(&mut self, text: &[u8], marks: &[u32], first: u32) -> Option<u32> {
        if self.closes.len() < marks.len() {
            self.closes.resize(marks.len(), 0);
        }
        let here = *marks.get(first as usize)? as usize;
        let object = *text.get(here)? == b'{';
        *self.open.first_mut()? = first;
        self.colons.clear();
        self.first = first;
        let mut walk = Walk { text, marks, walker: self, depth: 0, at: first as usize, here, object };
        loop {
            let mut byte = walk.member()?;
            if matches!(byte, b'{' | b'[') {
                continue;
            }
            while byte != b',' {
                if byte != if walk.object { b'}' } else { b']' } {
                    return None;
                }
                walk.note_close()?;
                if walk.depth == 0 {
                    return u32::try_from(walk.at).ok();
                }
                byte = walk.close()?;
            }
        }
    }
}

struct Walk<'w> {
    text: &'w [u8],
    marks: &'w [u32],
    walker: &'w mut Walker,
    /// How many containers are open around the innermost.
    depth: usize,
    /// The mark that the walk stands at.
    at: usize,
    /// Where that mark stands in the text.
    here: usize,
    /// The innermost container is an object.
    object: bool,
}

impl Walk<'_> {
    /// From an opening bracket or a comma over what follows, up to the next separator or opening bracket; gives its byte.
    #[inline(always)]
    fn member(&mut self) -> Option<u8> {
        let (mut here, mut next) = (self.here, self.mark(self.at + 1)?);
        let mut byte = *self.text.get(next)?;
        if self.object {
            if byte != b':' {
                let empty = byte == b'}' && *self.text.get(here)? == b'{' && self.is_blank(here, next);
                (self.at, self.here) = (self.at + 1, next);
                return empty.then_some(byte);
            }
            if !begins_string(self.text, here + 1) {
                return None;
            }
            self.at += 1;
            if self.depth == 0 {
                self.walker.colons.push(u32::try_from(self.at).ok()?);
            }
            (here, next) = (next, self.mark(self.at + 1)?);
            byte = *self.text.get(next)?;
        }
        (self.at, self.here) = (self.at + 1, next);
        match byte {
            b',' | b'}' | b']' => {
                if self.text.get(here + 1) == Some(&b'"') {
                    return Some(byte);
                }
                let gap = self.text.get(here + 1..next)?;
                let empty = || byte == b']' && self.text.get(here) == Some(&b'[') && trim(gap).is_empty();
                (is_scalar(gap) || empty()).then_some(byte)
            }
            b'{' | b'[' => {
                self.depth += 1;
                *self.walker.open.get_mut(self.depth)? = u32::try_from(self.at).ok()?;
                self.object = byte == b'{';
                self.is_blank(here, next).then_some(byte)
            }
            _ => None,
        }
    }

    /// Notes that the innermost container is closed by the mark at hand.
    #[inline(always)]
    fn note_close(&mut self) -> Option<()> {
        let open = *self.walker.open.get(self.depth)?;
        *self.walker.closes.get_mut(open as usize)? = u32::try_from(self.at).ok()?;
        Some(())
    }

    /// Leaves the innermost container for the mark behind it, and gives that mark's byte.
    #[inline(always)]
    fn close(&mut self) -> Option<u8> {
        self.depth -= 1;
        let parent = self.mark(*self.walker.open.get(self.depth)? as usize)?;
        self.object = *self.text.get(parent)? == b'{';
        let next = self.mark(self.at + 1)?;
        let blank = self.is_blank(self.here, next);
        (self.at, self.here) = (self.at + 1, next);
        let byte = *self.text.get(next)?;
        blank.then_some(byte)
    }

    #[inline(always)]
    fn mark(&self, at: usize) -> Option<usize> {
        self.marks.get(at).map(|&mark| mark as usize)
    }

    /// Whether nothing but white space stands between two marks.
    #[inline(always)]
    fn is_blank(&self, here: usize, next: usize) -> bool {
        here + 1 == next || self.text.get(here + 1..next).is_some_and(|gap| trim(gap).is_empty())
    }
}

/// What begins with a quote between two marks is one string, and sound: the marks promise that.
#[inline(always)]
fn begins_string(text: &[u8], from: usize) -> bool {
    match text.get(from) {
        Some(b'"') => true,
        Some(b' ' | b'\t' | b'\n' | b'\r') => text.get(from..).is_some_and(|rest| trim_start(rest).first() == Some(&b'"')),
        _ => false,
    }
}

#[inline(always)]
fn is_scalar(gap: &[u8]) -> bool {
    match gap {
        [b'"', ..] | b"true" | b"null" | b"false" => true,
        other => is_number(other) || is_spaced_scalar(other),
    }
}

/// The same with white space around it.
#[inline(never)]
fn is_spaced_scalar(gap: &[u8]) -> bool {
    match trim(gap) {
        [b'"', ..] | b"true" | b"null" | b"false" => true,
        other => is_number(other),
    }
}

/// RFC 8259, section 6.
#[inline(always)]
fn is_number(text: &[u8]) -> bool {
    let rest = text.strip_prefix(b"-").unwrap_or(text);
    let rest = match rest {
        [b'0', rest @ ..] => rest,
        [b'1'..=b'9', rest @ ..] => digits(rest).1,
        _ => return false,
    };
    let rest = match rest {
        [] => return true,
        [b'.', rest @ ..] => match digits(rest) {
            (0, _) => return false,
            (_, rest) => rest,
        },
        other => other,
    };
    match rest {
        [] => true,
        [b'e' | b'E', b'+' | b'-', rest @ ..] | [b'e' | b'E', rest @ ..] => matches!(digits(rest), (1.., [])),
        _ => false,
    }
}

/// How many digits the text begins with, and what follows them.
fn digits(text: &[u8]) -> (usize, &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count, text.get(count..).unwrap_or_default())
}

pub(super) fn trim(mut gap: &[u8]) -> &[u8] {
    gap = trim_start(gap);
    while let [rest @ .., b' ' | b'\t' | b'\n' | b'\r'] = gap {
        gap = rest;
    }
    gap
}

fn trim_start(mut gap: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = gap {
        gap = rest;
    }
    gap
}
