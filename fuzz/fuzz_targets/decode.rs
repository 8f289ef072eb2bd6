//! Whatever the bytes: decoding ends, every byte range is inside the object and none overlaps, numbers follow each other, and
//! each record that is delivered is one to `serde_json` too, slot for slot, and to the slow evaluator. In parts the text gives
//! what it gives in the whole.
#![no_main]

use assize_engine::decode::{Malformed, Memory, Place, Sink, decode, decode_with};
use assize_engine::linear::Record;
use assize_engine::matcher::Subject;
use assize_engine::text::Text;
use assize_fuzz::{Tree, assert_same, is_known_refusal};
use libfuzzer_sys::fuzz_target;

struct Checking<'x> {
    text: &'x [u8],
    next: u64,
    end: u64,
}

impl Checking<'_> {
    fn place(&mut self, place: Place, length: u64) {
        assert_eq!(place.index, self.next);
        assert!(place.offset >= self.end, "{place:?} begins before {}", self.end);
        self.next += 1;
        self.end = place.offset + length;
        assert!(self.end <= self.text.len() as u64);
    }
}

impl Sink for Checking<'_> {
    fn record(&mut self, place: Place, bytes: &[u8], subject: &Subject<'_>) {
        let from = place.offset as usize;
        // A record of `lookup-events` stands inside a string; its bytes are not those of the object.
        if self.text.get(from..from + bytes.len()) == Some(bytes) {
            self.place(place, bytes.len() as u64);
        } else {
            self.place(place, 0);
        }
        match serde_json::from_slice::<Tree>(bytes) {
            Ok(tree) => assert_same(subject.root, &tree),
            Err(error) => assert!(is_known_refusal(&error), "{error}"),
        }
        let text = std::str::from_utf8(bytes).expect("a record is text");
        Record::read(text).expect("a record to one evaluator is one to the other");
    }

    fn malformed(&mut self, place: Place, length: u64, why: &Malformed) {
        assert!(!why.to_string().is_empty());
        self.place(place, length);
    }
}

/// Everything that a sink is told.
#[derive(Default)]
struct Told(Vec<String>);

impl Sink for Told {
    fn record(&mut self, place: Place, bytes: &[u8], _: &Subject<'_>) {
        self.0.push(format!("{place:?} {bytes:?}"));
    }

    fn malformed(&mut self, place: Place, length: u64, why: &Malformed) {
        self.0.push(format!("{place:?} {length} {why:?}"));
    }
}

/// A text in parts, whose sizes its own bytes tell.
struct Torn<'x> {
    rest: &'x [u8],
    at_hand: usize,
    sizes: std::iter::Cycle<std::slice::Iter<'x, u8>>,
}

impl Text for Torn<'_> {
    fn at_hand(&self) -> (&[u8], bool) {
        (&self.rest[..self.at_hand], self.at_hand < self.rest.len())
    }

    fn go_on(&mut self, used: usize) {
        self.rest = &self.rest[used..];
        let size = self.sizes.next().map_or(1, |byte| 1 + usize::from(*byte) % 61);
        self.at_hand = (self.at_hand - used + size).min(self.rest.len());
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut sink = Checking { text: bytes, next: 0, end: 0 };
    let decoded = decode(bytes, &mut sink);
    let (mut whole, mut parts) = (Told::default(), Told::default());
    assert_eq!(decode(bytes, &mut whole), decoded);
    let torn = Torn { rest: bytes, at_hand: 0, sizes: bytes.iter().cycle() };
    assert_eq!(decode_with(torn, &mut Memory::default(), &mut parts), decoded);
    assert_eq!(whole.0, parts.0, "in parts");
    let blank = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).iter().all(|byte| b" \t\r\n".contains(byte));
    // Nothing is lost without a count.
    assert!(sink.next > 0 || decoded.is_log || decoded.other.is_some() || decoded.unrecognised > 0 || blank);
});
