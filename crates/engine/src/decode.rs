//! Takes a log apart into records, in every shape that CloudTrail records come in.
//!
//! `{"Records": […]}` log objects, JSON lines, a bare array, one record, and the output of `aws cloudtrail
//! lookup-events`, whose `CloudTrailEvent` is a JSON text of its own. Digest and AWS Config objects are recognised and
//! left alone. A malformed record is reported with its place and the rest goes on.

mod decoder;
mod delivery;
mod resync;

use crate::json::{JsonError, Reader};
use crate::matcher::Subject;
use crate::text::Text;
use decoder::{Decoder, Standing};
use delivery::Delivery;

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

/// The same for a text in parts, with memory that is used again. The parts do not show in what is found. A place that
/// cannot be judged by what is at hand (a long record, damage behind which no record begins, more damage than
/// the text so far pays for) is judged once enough of the text is, which may be all of it.
pub fn decode_with(mut text: impl Text, memory: &mut Memory, sink: &mut dyn Sink) -> Decoded {
    take_apart(&mut text, memory, sink)
}

fn take_apart(text: &mut dyn Text, memory: &mut Memory, sink: &mut dyn Sink) -> Decoded {
    let Memory { whole, value, inner } = memory;
    let mut out = Delivery::new(sink, inner);
    let mut standing = Standing::behind_mark(text);
    loop {
        let (at_hand, more) = text.at_hand();
        let used = Decoder::new((at_hand, more), (whole, value), &mut standing, &mut out).run();
        if !more {
            return out.decoded;
        }
        text.go_on(used);
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
