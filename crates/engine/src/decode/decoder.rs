//! Goes through a text, part by part.
//!
//! What is at hand ends anywhere. So each step judges one thing (a key with its value, a member, what stands behind one) and
//! hands over what it found only once it is sure of it, whatever follows; a step that is not sure leaves everything as it
//! was and is made again when more is at hand. Nothing else is kept from part to part than [`Standing`].

use super::delivery::{Delivery, List};
use super::resync::{self, Search};
use super::{MAX_RECORD, Malformed};
use crate::json::{Document, JsonError, Kind, Reader, Structure, Value};
use crate::text::Text;

/// What the text is about to say.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// A value at the top.
    Top,
    /// A key of an object that wraps lists.
    Key,
    /// A comma behind a value of such an object, or its end.
    BehindValue,
    /// The first member of a list, or its end.
    First(List),
    /// A member of a list.
    Member(List),
    /// A comma behind a member, or the end of the list.
    Behind(List),
    /// The same behind damage, or the next member: the search may have found that itself.
    BehindDamage(List),
    /// The next line that begins an object.
    Garbage,
}

/// Where decoding stands between two parts.
pub(super) struct Standing {
    stage: Stage,
    /// How many lists the object held so far that wraps the list at hand; `None` outside of one.
    lists: Option<u64>,
    /// Where text at the top begins that cannot be read, and why, until its end is found.
    garbage: Option<(u64, Malformed)>,
    /// Where the text at hand begins in the object.
    offset: u64,
    /// The last byte before the text at hand that is no white space.
    before: Option<u8>,
    /// Bytes that may still be looked at while looking for the record after a malformed one: so many for each byte of
    /// the object that was at hand.
    budget: usize,
    /// How many bytes of the object were at hand so far.
    seen: u64,
}

/// Bytes that the search for records may look at for each byte of the text.
const BUDGET: usize = 8;

impl Standing {
    /// The beginning, behind a byte order mark.
    pub(super) fn behind_mark(text: &mut dyn Text) -> Standing {
        const MARK: &[u8] = b"\xEF\xBB\xBF";
        while matches!(text.at_hand(), (begin, true) if begin.len() < MARK.len()) {
            text.go_on(0);
        }
        let skipped = if text.at_hand().0.starts_with(MARK) { MARK.len() } else { 0 };
        if skipped > 0 {
            text.go_on(skipped);
        }
        let seen = skipped as u64;
        Standing { stage: Stage::Top, lists: None, garbage: None, offset: seen, before: None, budget: 0, seen }
    }
}

/// Takes apart what is at hand.
pub(super) struct Decoder<'c, 'm> {
    text: &'c [u8],
    /// More of the text follows.
    more: bool,
    /// The structure of what is at hand, as long as everything in it was as it should be: the fast way. Behind the first
    /// malformed place its marks may be wrong, and values are read one by one.
    structure: Option<Structure<'c, 'c>>,
    /// For values read one by one.
    value: &'c mut Reader,
    standing: &'c mut Standing,
    out: &'c mut Delivery<'m>,
}

impl<'c, 'm> Decoder<'c, 'm> {
    pub(super) fn new(
        (text, more): (&'c [u8], bool),
        (whole, value): (&'c mut Reader, &'c mut Reader),
        standing: &'c mut Standing,
        out: &'c mut Delivery<'m>,
    ) -> Decoder<'c, 'm> {
        let seen = standing.offset + text.len() as u64;
        let new = usize::try_from(seen - standing.seen).unwrap_or(usize::MAX);
        standing.budget = standing.budget.saturating_add(BUDGET.saturating_mul(new));
        standing.seen = seen;
        // A structure does not end inside a string.
        let structure = Structure::of(if more { text.get(..last_border(text)).unwrap_or_default() } else { text }, whole);
        Decoder { text, more, structure, value, standing, out }
    }

    /// Takes apart what can be judged, and returns how many bytes that is.
    pub(super) fn run(mut self) -> usize {
        let mut at = self.next_thing(0);
        while let Some(next) = self.step(at) {
            at = self.next_thing(next);
        }
        let used = self.text.get(..at).unwrap_or_default();
        self.standing.before = used.iter().rev().find(|byte| !byte.is_ascii_whitespace()).copied().or(self.standing.before);
        self.standing.offset += at as u64;
        at
    }

    /// Where the next thing begins: behind white space, unless lines count.
    #[inline]
    fn next_thing(&self, at: usize) -> usize {
        if matches!(self.standing.stage, Stage::Garbage) { at } else { self.skip_space(at) }
    }

    /// Judges the thing that begins at `at`, and returns where the next one does. `None` if
    /// what is at hand does not tell, or all is said.
    #[inline]
    fn step(&mut self, at: usize) -> Option<usize> {
        match self.standing.stage {
            Stage::Member(list) => self.member(at, list),
            Stage::Behind(list) => self.behind(at, list),
            Stage::Top => self.top(at),
            Stage::Key => self.key(at),
            Stage::BehindValue => self.behind_value(at),
            Stage::Garbage => self.behind_garbage(at),
            Stage::First(list) => match self.byte(at)? {
                Some(b']') => self.close_list(at + 1),
                _ => self.stand(Stage::Member(list), at),
            },
            Stage::BehindDamage(list) => match self.byte(at)? {
                Some(b',') => self.stand(Stage::Member(list), at + 1),
                Some(b']') => self.close_list(at + 1),
                _ => self.stand(Stage::Member(list), at),
            },
        }
    }

    /// One JSON value after the other, until the end.
    fn top(&mut self, at: usize) -> Option<usize> {
        // At the end of the text all is said.
        match self.byte(at)?? {
            b'[' => self.open_list(List::Records, at + 1),
            b'{' if self.starts_like_list(at) => self.open_wrapper(at + 1),
            b'{' => self.object(at),
            _ => self.garbage(at, &Malformed::Garbage),
        }
    }

    /// Whether the first key of the object at `at` is that of a list of records. If the key goes on behind what is at hand,
    /// so does the object, and it is asked again.
    fn starts_like_list(&self, at: usize) -> bool {
        let rest = self.text.get(self.skip_space(at + 1)..).unwrap_or_default();
        rest.starts_with(b"\"Records\"") || rest.starts_with(b"\"Events\"")
    }

    /// An object at the top: one record, a digest, or a wrapper whose list is not its first key.
    fn object(&mut self, at: usize) -> Option<usize> {
        let is_wrapper = |root: Value<'_>| {
            let is_list = |key| root.get(key).is_some_and(|list| list.kind() == Kind::Array);
            is_list("Records") || is_list("Events")
        };
        let offset = self.offset(at);
        if let Some(structure) = &mut self.structure
            && let Some((mark, length)) = structure.container(at).filter(|(_, length)| *length <= MAX_RECORD)
        {
            let document = structure.document();
            let root = document.container(mark);
            if !is_wrapper(root) {
                self.out.single(offset, root);
                return Some(at + length);
            }
            return self.open_wrapper(at + 1);
        }
        match read(self.value, self.text, at, self.more)? {
            Ok(document) if is_wrapper(document.root()) => self.open_wrapper(at + 1),
            Ok(document) => {
                self.out.single(offset, document.root());
                Some(at + document.length())
            }
            Err(JsonError::TooLong(_)) => self.open_wrapper(at + 1),
            Err(error) => self.garbage(at, &Malformed::Json(error)),
        }
    }

    /// From here the keys of an object are gone through, and its lists taken apart in place, however long they are.
    fn open_wrapper(&mut self, at: usize) -> Option<usize> {
        self.standing.lists = Some(0);
        self.stand(Stage::Key, at)
    }

    /// A key of a wrapper, and its value unless that is a list of ours.
    fn key(&mut self, at: usize) -> Option<usize> {
        let (length, list) = match read(self.value, self.text, at, self.more)? {
            Ok(document) if document.root().kind() == Kind::String => (document.length(), List::under(document.root())),
            Ok(_) => return self.garbage(at, &Malformed::NotAnObject),
            Err(error) => return self.garbage(at, &error.into()),
        };
        let colon = self.skip_space(at + length);
        if self.byte(colon)? != Some(b':') {
            return self.garbage(colon, &Malformed::Separator);
        }
        let value = self.skip_space(colon + 1);
        if let (Some(list), Some(b'[')) = (list, self.byte(value)?) {
            self.standing.lists = self.standing.lists.map(|lists| lists + 1);
            return self.open_list(list, value + 1);
        }
        let length = match read(self.value, self.text, value, self.more)? {
            Ok(document) => document.length(),
            Err(error) => return self.garbage(value, &error.into()),
        };
        self.stand(Stage::BehindValue, value + length)
    }

    fn behind_value(&mut self, at: usize) -> Option<usize> {
        match self.byte(at)? {
            Some(b',') => self.stand(Stage::Key, at + 1),
            Some(b'}') => self.close_wrapper(at + 1),
            // An unclosed list has been reported where it ends.
            None => self.close_wrapper(at),
            Some(_) => self.garbage(at, &Malformed::Separator),
        }
    }

    fn close_wrapper(&mut self, at: usize) -> Option<usize> {
        // Something else stands under the name of a list: no record was read, and that must show.
        self.out.decoded.unrecognised += u64::from(self.standing.lists == Some(0));
        self.standing.lists = None;
        self.stand(Stage::Top, at)
    }

    fn open_list(&mut self, list: List, at: usize) -> Option<usize> {
        self.out.decoded.is_log = true;
        self.stand(Stage::First(list), at)
    }

    fn close_list(&mut self, at: usize) -> Option<usize> {
        self.stand(if self.standing.lists.is_some() { Stage::BehindValue } else { Stage::Top }, at)
    }

    /// One member of a list.
    #[inline]
    fn member(&mut self, at: usize, list: List) -> Option<usize> {
        let offset = self.offset(at);
        // The fast way: a container in sound surroundings.
        if let Some(structure) = &mut self.structure
            && let Some((mark, length)) = structure.container(at).filter(|(_, length)| *length <= MAX_RECORD)
        {
            let bytes = self.text.get(at..at + length).unwrap_or_default();
            let document = structure.document();
            self.out.member(offset, list, bytes, document.container(mark));
            return self.stand(Stage::Behind(list), at + length);
        }
        self.doubtful_member(at, list)
    }

    /// A member that has to be looked at closely.
    fn doubtful_member(&mut self, at: usize, list: List) -> Option<usize> {
        match self.byte(at)? {
            None => {
                self.damaged(at, at, &Malformed::Unclosed);
                return self.close_list(at);
            }
            Some(b']') => {
                // A comma before the end of the list.
                self.damaged(at, at, &Malformed::Separator);
                return self.close_list(at + 1);
            }
            Some(_) => {}
        }
        let error = match read(self.value, self.text, at, self.more)? {
            Ok(document) => {
                let length = document.length();
                let bytes = self.text.get(at..at + length).unwrap_or_default();
                self.out.member(self.standing.offset + at as u64, list, bytes, document.root());
                return self.stand(Stage::Behind(list), at + length);
            }
            Err(error) => error,
        };
        let end = self.next_record(at)?;
        self.damaged(at, end, &Malformed::Json(error));
        self.stand(Stage::BehindDamage(list), end)
    }

    #[inline]
    fn behind(&mut self, at: usize, list: List) -> Option<usize> {
        match self.byte(at)? {
            Some(b',') => self.stand(Stage::Member(list), at + 1),
            Some(b']') => self.close_list(at + 1),
            None => self.stand(Stage::Member(list), at),
            Some(byte) => {
                // The record before is whole, and so may be the one that follows: only the comma is lost.
                let end = if byte == b'{' { at } else { self.next_record(at)? };
                self.damaged(at, end, &Malformed::Separator);
                self.stand(Stage::BehindDamage(list), end)
            }
        }
    }

    /// Where to go on after the malformed member at `at`.
    fn next_record(&mut self, at: usize) -> Option<usize> {
        let Standing { before, budget, .. } = *self.standing;
        let mut search = Search { text: self.text, more: self.more, before, reader: self.value, budget };
        let end = search.after(at)?;
        self.standing.budget = search.budget;
        Some(end)
    }

    /// Reports `at..end`.
    fn damaged(&mut self, at: usize, end: usize, why: &Malformed) {
        self.structure = None;
        self.out.malformed(self.offset(at), (end - at) as u64, why);
    }

    /// From here the text at the top cannot be read, up to the next line that begins an object.
    fn garbage(&mut self, at: usize, why: &Malformed) -> Option<usize> {
        self.standing.lists = None;
        self.standing.garbage = Some((self.offset(at), why.clone()));
        self.stand(Stage::Garbage, at)
    }

    fn behind_garbage(&mut self, at: usize) -> Option<usize> {
        let end = match resync::next_line_with_object(self.text, at) {
            Some(end) => end,
            // Only the line break is of interest behind which an object may still begin.
            None if self.more => return Some(resync::blank_line_at_end(self.text, at)).filter(|&kept| kept > at),
            None => self.text.len(),
        };
        self.structure = None;
        if let Some((from, why)) = self.standing.garbage.take() {
            self.out.malformed(from, self.offset(end) - from, &why);
        }
        self.stand(Stage::Top, end)
    }

    /// Goes on at `at` with another thing.
    #[inline]
    fn stand(&mut self, stage: Stage, at: usize) -> Option<usize> {
        self.standing.stage = stage;
        Some(at)
    }

    fn offset(&self, at: usize) -> u64 {
        self.standing.offset + at as u64
    }

    fn skip_space(&self, mut at: usize) -> usize {
        while matches!(self.text.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            at += 1;
        }
        at
    }

    /// The byte there, or that the text ends; `None` if what is at hand does not tell.
    #[inline]
    fn byte(&self, at: usize) -> Option<Option<u8>> {
        let byte = self.text.get(at).copied();
        (byte.is_some() || !self.more).then_some(byte)
    }
}

/// Reads the value at `at`. `None` if what is at hand does not tell: it ends inside the value, or with it, and a number may
/// go on.
fn read<'r>(reader: &'r mut Reader, text: &'r [u8], at: usize, more: bool) -> Option<Result<Document<'r>, JsonError>> {
    let rest = text.get(at..).unwrap_or_default();
    let read = reader.read_first(rest, MAX_RECORD);
    let at_its_end = match &read {
        Ok(document) => document.length() == rest.len(),
        Err(error) => *error == JsonError::Truncated,
    };
    (!more || !at_its_end).then_some(read)
}

/// A place near the end of a text that goes on, at which hardly any string is open: between an object that ends and one with
/// keys that begins. A wrong guess costs time and no more.
fn last_border(text: &[u8]) -> usize {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    memchr::memrchr_iter(b'{', text)
        .find(|&at| {
            let (before, behind) = text.split_at_checked(at + 1).unwrap_or_default();
            let mut before = before.iter().rev().skip(1).skip_while(|byte| blank(byte)).peekable();
            before.next_if_eq(&&b',');
            let ends = before.find(|byte| !blank(byte)) == Some(&b'}');
            ends && behind.iter().find(|byte| !blank(byte)) == Some(&b'"')
        })
        .unwrap_or_default()
}
