//! Whatever the bytes, decoding ends, keeps its places inside the object, and loses no record that stands before the damage.
#![expect(clippy::indexing_slicing, reason = "what the tests share fails by panicking, as tests do")]

use std::borrow::Cow;

use assize_engine::decode::{self, Malformed, Place, Sink};
use assize_engine::matcher::Subject;
use proptest::prelude::*;

#[derive(Default)]
struct Seen {
    places: Vec<(Place, u64)>,
    records: Vec<String>,
}

impl Sink for Seen {
    fn record(&mut self, place: Place, bytes: &[u8], subject: &Subject<'_>) {
        self.places.push((place, bytes.len() as u64));
        self.records.extend(subject.root.get_text("eventID").map(Cow::into_owned));
    }

    fn malformed(&mut self, place: Place, length: u64, _: &Malformed) {
        self.places.push((place, length));
    }
}

fn record(number: usize) -> String {
    format!(r#"{{"eventVersion":"1.08","eventName":"Look","eventID":"id-{number}","requestParameters":{{"a":[1,"x\"y",null]}}}}"#)
}

/// A log of `count` records, in one of its shapes; and where each record begins and ends.
fn log(count: usize, shape: usize) -> (Vec<u8>, Vec<(usize, usize)>) {
    let (head, between, tail) = [("{\"Records\":[", ",", "]}"), ("[", " ,\n", "]"), ("", "\n", "\n")][shape];
    let mut text = head.as_bytes().to_vec();
    let mut places = Vec::new();
    for number in 0..count {
        if number > 0 {
            text.extend_from_slice(between.as_bytes());
        }
        let begin = text.len();
        text.extend_from_slice(record(number).as_bytes());
        places.push((begin, text.len()));
    }
    text.extend_from_slice(tail.as_bytes());
    (text, places)
}

/// Records, malformed ones, and values that are no log.
fn counted(text: &str) -> (usize, usize, u64) {
    #[derive(Default)]
    struct Counting(usize, usize);
    impl Sink for Counting {
        fn record(&mut self, _: Place, _: &[u8], _: &Subject<'_>) {
            self.0 += 1;
        }
        fn malformed(&mut self, _: Place, _: u64, _: &Malformed) {
            self.1 += 1;
        }
    }
    let mut counting = Counting::default();
    let decoded = decode::decode(text.as_bytes(), &mut counting);
    (counting.0, counting.1, decoded.unrecognised)
}

#[test]
fn no_list_vanishes_without_a_count() {
    assert_eq!(counted(r#"{"Records":[{"eventName":"A"}]}"#), (1, 0, 0));
    assert_eq!(counted(r#"{"\u0052ecords":[{"eventName":"A"}]}"#), (1, 0, 0), "a name is its characters, however written");
    assert_eq!(counted(r#"{"x":1,"\u0052ecords":[{"eventName":"A"}]}"#), (1, 0, 0));
    assert_eq!(counted(r#"{"Records":{"eventName":"A"}}"#), (0, 0, 1), "an object where a list should be");
    assert_eq!(counted(r#"{"Records":null}"#), (0, 0, 1));
    assert_eq!(counted(r#"{"Records":[],"Records":null}"#), (0, 0, 0));
    let long = format!(r#"{{"eventName":"A","x":"{}"}}"#, "x".repeat(decode::MAX_RECORD));
    assert_eq!(counted(&long), (0, 1, 0), "a record that is too long");
    assert_eq!(counted("{\"eventName\":\"A\"}\n{\"name\":\"x\"}\n{\"eventName\":\"B\"}"), (2, 1, 0), "no record among records");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn damage_costs_only_what_it_touches(
        count in 1..12_usize,
        shape in 0..3_usize,
        at in any::<prop::sample::Index>(),
        with in prop::collection::vec(prop::sample::select(b"\"\\{}[],:x0\n\xff\x01 ".to_vec()), 0..4),
        removed in 0..6_usize,
    ) {
        let (mut text, places) = log(count, shape);
        let from = at.index(text.len());
        let to = (from + removed).min(text.len());
        text.splice(from..to, with.iter().copied());
        let mut seen = Seen::default();
        decode::decode(&text, &mut seen);
        for window in seen.places.windows(2) {
            prop_assert!(window[0].0.index + 1 == window[1].0.index, "numbers follow each other");
            prop_assert!(window[0].0.offset + window[0].1 <= window[1].0.offset, "places do not overlap");
        }
        if let Some((place, length)) = seen.places.last() {
            prop_assert!(place.offset + length <= text.len() as u64);
        }
        // The damage may turn the beginning of the whole into something else; what was begun well stays readable.
        if from > places[0].1 {
            for (number, _) in places.iter().enumerate().filter(|(_, (_, end))| *end < from) {
                let id = format!("id-{number}");
                prop_assert!(seen.records.contains(&id), "{id} of {}", String::from_utf8_lossy(&text));
            }
        }
    }

    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(prop::sample::select(b"\"\\{}[],:eventVersionRecords10\n \xff".to_vec()), 0..400)) {
        decode::decode(&bytes, &mut Seen::default());
    }
}
