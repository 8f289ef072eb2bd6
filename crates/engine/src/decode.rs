//! Takes a log apart into records, in every shape that CloudTrail records come in.
//!
//! `{"Records": […]}` log objects, JSON lines, a bare array, one record, and the output of `aws cloudtrail
//! lookup-events`, whose `CloudTrailEvent` is a JSON text of its own. Digest and AWS Config objects are recognised and
//! left alone. A malformed record is reported with its place and the rest goes on.

mod resync;

use crate::json::{JsonError, Kind, Reader, Structure, Value};
use crate::matcher::Subject;

/// Most bytes of one record. CloudTrail caps a record at 256 KB (user guide, "record contents", 1.05).
pub const MAX_RECORD: usize = 16 << 20;

/// Where a record stands in its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Number of the record in the object, from 0; malformed ones count.
    pub index: u64,
    /// Where it begins in the inflated object, bytes.
    pub offset: u64,
}

/// Why something in the place of a record is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not strict JSON.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// Something else than a comma or the end of the list follows.
    #[error("what stands here is neither a record after a comma nor the end of the list")]
    Separator,
    /// A number, a string, a list or null.
    #[error("not a JSON object")]
    NotAnObject,
    /// An object without `eventSource`, `eventName` and `eventCategory`.
    #[error("a JSON object without eventSource and eventName: not a CloudTrail record")]
    NotARecord,
    /// An entry of `lookup-events` without a JSON text under `CloudTrailEvent`.
    #[error("an entry of lookup-events without a CloudTrailEvent text")]
    NoCloudTrailEvent,
    /// The text ends before the list of records does.
    #[error("the object ends inside its list of records")]
    Unclosed,
    /// Text that is not JSON.
    #[error("not JSON")]
    Garbage,
}

/// An object of another kind than a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OtherObject {
    /// A CloudTrail digest.
    Digest,
    /// An AWS Config snapshot or history.
    Config,
}

impl OtherObject {
    /// The name in output.
    pub fn name(self) -> &'static str {
        match self {
            OtherObject::Digest => "digest object",
            OtherObject::Config => "configuration object",
        }
    }
}

/// Receives what an object holds, in the order of the object.
pub trait Sink {
    /// A record and its bytes.
    fn record(&mut self, place: Place, bytes: &[u8], subject: &Subject<'_>);
    /// `length` bytes in the place of a record that are not one.
    fn malformed(&mut self, place: Place, length: u64, why: &Malformed);
}

/// What an object turned out to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// A list of records, or a record, was found.
    pub is_log: bool,
    /// It is an object of this other kind.
    pub other: Option<OtherObject>,
    /// Values at the top that are JSON, but neither a log nor another known object.
    pub unrecognised: u64,
}

/// Memory of decoding, used again from object to object.
#[derive(Debug, Default)]
pub struct Memory {
    whole: Reader,
    value: Reader,
    inner: Reader,
}

/// Takes the inflated bytes of one object apart.
pub fn decode(text: &[u8], sink: &mut dyn Sink) -> Decoded {
    decode_with(text, &mut Memory::default(), sink)
}

/// The same with memory that is used again.
pub fn decode_with(text: &[u8], memory: &mut Memory, sink: &mut dyn Sink) -> Decoded {
    let Memory { whole, value, inner } = memory;
    let mut decoder = Decoder {
        text,
        structure: Structure::of(text, whole),
        value,
        budget: 8 * text.len(),
        out: Delivery { sink, inner, index: 0, decoded: Decoded::default() },
    };
    decoder.run();
    decoder.out.decoded
}

struct Decoder<'x, 'm, 's> {
    text: &'x [u8],
    /// The structure of the whole text, as long as everything in it was as it should be: the fast way. Behind the first
    /// malformed place its marks may be wrong, and values are read one by one.
    structure: Option<Structure<'x, 'm>>,
    /// For values read one by one.
    value: &'m mut Reader,
    /// Bytes that may still be looked at while looking for the record after a malformed one.
    budget: usize,
    out: Delivery<'m, 's>,
}

/// Numbers what is found, and hands it over.
struct Delivery<'m, 's> {
    sink: &'s mut dyn Sink,
    /// For the records inside `CloudTrailEvent` texts.
    inner: &'m mut Reader,
    index: u64,
    decoded: Decoded,
}

/// What a list holds.
#[derive(Clone, Copy, PartialEq)]
enum List {
    Records,
    LookupEvents,
}

impl Decoder<'_, '_, '_> {
    /// One JSON value after the other, until the end.
    fn run(&mut self) {
        let mut at = if self.text.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        loop {
            at = self.skip_space(at);
            at = match self.byte(at) {
                None => return,
                Some(b'[') => {
                    self.out.decoded.is_log = true;
                    self.list(at + 1, List::Records)
                }
                Some(b'{') if self.starts_like_list(at) => self.wrapper(at),
                Some(b'{') => self.object(at),
                Some(_) => self.garbage(at, &Malformed::Garbage),
            };
        }
    }

    /// Whether the first key of the object at `at` is that of a list of records.
    fn starts_like_list(&self, at: usize) -> bool {
        let rest = self.text.get(self.skip_space(at + 1)..).unwrap_or_default();
        rest.starts_with(b"\"Records\"") || rest.starts_with(b"\"Events\"")
    }

    /// An object at the top: one record, a digest, or a wrapper whose list is not its first key.
    fn object(&mut self, at: usize) -> usize {
        let is_wrapper = |root: Value<'_>| {
            let is_list = |key| root.get(key).is_some_and(|list| list.kind() == Kind::Array);
            is_list("Records") || is_list("Events")
        };
        if let Some(structure) = &mut self.structure
            && let Some((mark, length)) = structure.container(at).filter(|(_, length)| *length <= MAX_RECORD)
        {
            let document = structure.document();
            let root = document.container(mark);
            if !is_wrapper(root) {
                self.out.single(at, root);
                return at + length;
            }
            return self.wrapper(at);
        }
        match self.value.read_first(self.text.get(at..).unwrap_or_default(), MAX_RECORD) {
            Ok(document) if is_wrapper(document.root()) => self.wrapper(at),
            Ok(document) => {
                self.out.single(at, document.root());
                at + document.length()
            }
            Err(JsonError::TooLong(_)) => self.wrapper(at),
            Err(error) => self.garbage(at, &Malformed::Json(error)),
        }
    }

    /// Goes through the keys of an object and takes its lists apart in place, however long they are.
    fn wrapper(&mut self, at: usize) -> usize {
        let mut next = self.skip_space(at + 1);
        let mut lists = 0;
        let outcome = loop {
            let (key_length, list) = match self.value.read_first(self.text.get(next..).unwrap_or_default(), MAX_RECORD) {
                Ok(document) if document.root().kind() == Kind::String => (document.length(), list_kind(document.root())),
                Ok(_) => break Err(Malformed::NotAnObject),
                Err(error) => break Err(error.into()),
            };
            next = self.skip_space(next + key_length);
            if self.byte(next) != Some(b':') {
                break Err(Malformed::Separator);
            }
            next = self.skip_space(next + 1);
            match (list, self.byte(next)) {
                (Some(list), Some(b'[')) => {
                    self.out.decoded.is_log = true;
                    lists += 1;
                    next = self.list(next + 1, list);
                }
                _ => match self.value.read_first(self.text.get(next..).unwrap_or_default(), MAX_RECORD) {
                    Ok(document) => next += document.length(),
                    Err(error) => break Err(error.into()),
                },
            }
            next = self.skip_space(next);
            match self.byte(next) {
                Some(b',') => next = self.skip_space(next + 1),
                Some(b'}') => break Ok(next + 1),
                // An unclosed list has been reported where it ends.
                None => break Ok(next),
                Some(_) => break Err(Malformed::Separator),
            }
        };
        // Something else stands under the name of a list: no record was read, and that must show.
        self.out.decoded.unrecognised += u64::from(lists == 0 && outcome.is_ok());
        outcome.unwrap_or_else(|why| self.garbage(next, &why))
    }

    /// The members of a list, from after its bracket; returns where the list ends.
    fn list(&mut self, from: usize, list: List) -> usize {
        let mut at = self.skip_space(from);
        if self.byte(at) == Some(b']') {
            return at + 1;
        }
        loop {
            at = self.skip_space(at);
            if self.byte(at).is_none() {
                return self.damaged(at, at, &Malformed::Unclosed);
            }
            if self.byte(at) == Some(b']') {
                // A comma before the end of the list.
                return self.damaged(at, at, &Malformed::Separator) + 1;
            }
            at = self.sound_member(at, list).unwrap_or_else(|| self.member(at, list));
            at = self.skip_space(at);
            match self.byte(at) {
                Some(b',') => at += 1,
                Some(b']') => return at + 1,
                // After a malformed member the search may have found the next one itself, or the end of the text.
                _ => {}
            }
        }
    }

    /// One member the fast way: a container in sound surroundings. `None` if it has to be looked at closely.
    fn sound_member(&mut self, at: usize, list: List) -> Option<usize> {
        let structure = self.structure.as_mut()?;
        let (mark, length) = structure.container(at)?;
        let bytes = self.text.get(at..at + length)?;
        let mut next = at + length;
        while matches!(self.text.get(next), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            next += 1;
        }
        if length > MAX_RECORD || !matches!(self.text.get(next), Some(b',' | b']') | None) {
            return None;
        }
        let document = structure.document();
        self.out.deliver(at, list, bytes, document.container(mark));
        Some(next)
    }

    /// One member; returns where the next thing to look at stands.
    fn member(&mut self, at: usize, list: List) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        match self.value.read_first(rest, MAX_RECORD) {
            Ok(document) => {
                let length = document.length();
                let bytes = rest.get(..length).unwrap_or_default();
                self.out.deliver(at, list, bytes, document.root());
                let next = self.skip_space(at + length);
                match self.byte(next) {
                    Some(b',' | b']') | None => next,
                    // The record before is whole, and so may be the one that follows: only the comma is lost.
                    Some(b'{') => self.damaged(next, next, &Malformed::Separator),
                    Some(_) => {
                        let end = resync::after(self.text, next, self.value, &mut self.budget);
                        self.damaged(next, end, &Malformed::Separator)
                    }
                }
            }
            Err(error) => {
                let end = resync::after(self.text, at, self.value, &mut self.budget);
                self.damaged(at, end, &Malformed::Json(error))
            }
        }
    }

    /// Reports `at..end` and goes on at its end.
    fn damaged(&mut self, at: usize, end: usize, why: &Malformed) -> usize {
        self.structure = None;
        let place = self.out.next_place(at);
        self.out.sink.malformed(place, (end - at) as u64, why);
        end
    }

    /// Reports text at the top that cannot be read, up to the next line that begins an object.
    fn garbage(&mut self, at: usize, why: &Malformed) -> usize {
        let end = resync::next_line_with_object(self.text, at);
        self.damaged(at, end, why)
    }

    fn skip_space(&self, mut at: usize) -> usize {
        while matches!(self.byte(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            at += 1;
        }
        at
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }
}

impl Delivery<'_, '_> {
    /// An object at the top that holds no list.
    fn single(&mut self, at: usize, root: Value<'_>) {
        let has = |key: &str| root.get(key).is_some();
        if let Some(subject) = Subject::of(root) {
            self.decoded.is_log = true;
            let place = self.next_place(at);
            self.sink.record(place, root.raw(), &subject);
        } else if has("digestStartTime") && has("logFiles") {
            self.decoded.other = Some(OtherObject::Digest);
        } else if has("configurationItems") || has("configSnapshotId") {
            self.decoded.other = Some(OtherObject::Config);
        } else if self.decoded.is_log {
            // Among records it is counted as it is in a list.
            let place = self.next_place(at);
            self.sink.malformed(place, root.raw().len() as u64, &Malformed::NotARecord);
        } else {
            self.decoded.unrecognised += 1;
        }
    }

    fn deliver(&mut self, at: usize, list: List, bytes: &[u8], root: Value<'_>) {
        let place = self.next_place(at);
        let length = bytes.len() as u64;
        if root.kind() != Kind::Object {
            self.sink.malformed(place, length, &Malformed::NotAnObject);
            return;
        }
        if list == List::Records {
            match Subject::of(root) {
                Some(subject) => self.sink.record(place, bytes, &subject),
                None => self.sink.malformed(place, length, &Malformed::NotARecord),
            }
            return;
        }
        let Some(text) = root.get_text("CloudTrailEvent") else {
            self.sink.malformed(place, length, &Malformed::NoCloudTrailEvent);
            return;
        };
        match self.inner.read(text.as_bytes(), MAX_RECORD) {
            Ok(document) => match Subject::of(document.root()) {
                Some(subject) => {
                    let bytes = text.as_bytes().get(..document.length()).unwrap_or_default();
                    self.sink.record(place, bytes, &subject);
                }
                None => self.sink.malformed(place, length, &Malformed::NotARecord),
            },
            Err(error) => self.sink.malformed(place, length, &Malformed::Json(error)),
        }
    }

    fn next_place(&mut self, at: usize) -> Place {
        let place = Place { index: self.index, offset: at as u64 };
        self.index += 1;
        place
    }
}

fn list_kind(key: Value<'_>) -> Option<List> {
    match &*key.text() {
        "Records" => Some(List::Records),
        "Events" => Some(List::LookupEvents),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Seen(Vec<String>);

    impl Sink for Seen {
        fn record(&mut self, place: Place, bytes: &[u8], subject: &Subject<'_>) {
            let name = subject.facts.name().map(|name| name.text().into_owned()).unwrap_or_default();
            self.0.push(format!("{}@{}+{} {name}", place.index, place.offset, bytes.len()));
        }

        fn malformed(&mut self, place: Place, length: u64, why: &Malformed) {
            self.0.push(format!("{}@{}+{length} ! {why}", place.index, place.offset));
        }
    }

    fn read(text: &str) -> (Vec<String>, Decoded) {
        let mut seen = Seen::default();
        let decoded = decode(text.as_bytes(), &mut seen);
        (seen.0, decoded)
    }

    fn names(text: &str) -> Vec<String> {
        read(text).0.iter().map(|line| line.split(' ').skip(1).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn every_shape_gives_its_records() {
        let (a, b) = (r#"{"eventName":"A"}"#, r#"{"eventName":"B"}"#);
        for text in [
            format!("{{\"Records\":[{a},{b}]}}"),
            format!(" {{ \"Records\" : [ {a} , {b} ] , \"more\" : 1 }} "),
            format!("{{\"x\":{{}},\"Records\":[{a},{b}]}}"),
            format!("{a}\n{b}\n"),
            format!("{a}{b}"),
            format!("[{a},{b}]"),
            format!("\u{FEFF}{{\"Records\":[{a}]}}\n{{\"Records\":[{b}]}}"),
            format!("{{\"Events\":[{{\"CloudTrailEvent\":{:?}}},{{\"CloudTrailEvent\":{b:?}}}]}}", a),
        ] {
            assert_eq!(names(&text), ["A", "B"], "{text}");
        }
        assert_eq!(names(a), ["A"]);
        assert_eq!(names("{\"Records\":[]}"), [] as [&str; 0]);
    }

    #[test]
    fn places_point_at_the_bytes() {
        let text = r#"{"Records":[{"eventName":"A"}, {"eventName":"B"}]}"#;
        assert_eq!(read(text).0, ["0@12+17 A", "1@31+17 B"]);
    }

    #[test]
    fn other_objects_are_recognised_and_left_alone() {
        assert_eq!(read(r#"{"digestStartTime":"","logFiles":[]}"#).1.other, Some(OtherObject::Digest));
        assert_eq!(read(r#"{"fileVersion":"1.0","configurationItems":[]}"#).1.other, Some(OtherObject::Config));
        let (lines, decoded) = read(r#"{"name":"package"}"#);
        assert_eq!((lines.len(), decoded.unrecognised, decoded.is_log), (0, 1, false));
    }

    #[test]
    fn a_malformed_record_is_placed_and_the_rest_goes_on() {
        let text = r#"{"Records":[{"eventName":"A"},{"eventName":tru},7,{"x":1},{"eventName":"B"}]}"#;
        assert_eq!(
            names(text),
            [
                "A",
                "! unexpected byte at offset 13 of the record",
                "! not a JSON object",
                "! a JSON object without eventSource and eventName: not a CloudTrail record",
                "B"
            ]
        );
        assert_eq!(
            names(r#"{"Records":[{"eventName":"A"},]}"#),
            ["A", "! what stands here is neither a record after a comma nor the end of the list"]
        );
        let lines = "{\"eventName\":\"A\"}\nnot json\n{\"eventName\":\"B\"}\n{\"eventName\":";
        assert_eq!(names(lines), ["A", "! not JSON", "B", "! the text ends inside a JSON value"]);
        assert_eq!(names(r#"{"Records":[{"eventName":"A"},"#), ["A", "! the object ends inside its list of records"]);
    }

    #[test]
    fn an_open_quote_does_not_swallow_the_records_after_it() {
        let good = |name: &str| format!(r#"{{"eventVersion":"1.08","eventName":"{name}"}}"#);
        let bad = r#"{"eventVersion":"1.08","eventName":"X"#;
        let text = format!("{{\"Records\":[{},{bad},{},{}]}}", good("A"), good("B"), good("C"));
        let names = names(&text);
        assert_eq!(names.first().map(String::as_str), Some("A"));
        assert_eq!(names.last().map(String::as_str), Some("C"));
        assert!(names.contains(&"B".to_owned()), "{names:?}");
    }

    #[test]
    fn hostile_nesting_ends_in_time() {
        let nested = format!("{{\"Records\":[{}", r#"{"eventVersion":[1,"#.repeat(100_000));
        let (lines, _) = read(&nested);
        assert!(lines.iter().all(|line| line.contains('!')));
        let quotes = format!("[{}", r#"{"eventVersion":",","#.repeat(50_000));
        read(&quotes);
    }
}
