//! Whatever the bytes, decoding ends, keeps its places inside the object, and loses no record that stands before the damage;
//! and whatever the parts in which they come, it finds what it finds in the whole.
#![expect(clippy::indexing_slicing, reason = "what the tests share fails by panicking, as tests do")]

use std::borrow::Cow;

use assize_engine::decode::{self, Decoded, Malformed, Memory, Place, Sink};
use assize_engine::matcher::Subject;
use assize_engine::text::{Parts, Text};
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

/// A text in parts of these sizes, taken in turn.
struct Torn<'t> {
    rest: &'t [u8],
    at_hand: usize,
    sizes: std::iter::Cycle<std::slice::Iter<'t, usize>>,
    /// That nothing follows turns out one call too late, as with a stream.
    late: bool,
    ended: bool,
}

impl<'t> Torn<'t> {
    fn new(text: &'t [u8], sizes: &'t [usize], late: bool) -> Torn<'t> {
        let mut torn = Torn { rest: text, at_hand: 0, sizes: sizes.iter().cycle(), late, ended: false };
        torn.go_on(0);
        torn
    }
}

impl Text for Torn<'_> {
    fn at_hand(&self) -> (&[u8], bool) {
        (&self.rest[..self.at_hand], !self.ended)
    }

    fn go_on(&mut self, used: usize) {
        let before = self.rest.len();
        self.rest = &self.rest[used..];
        let size = self.sizes.next().copied().unwrap_or(1);
        let at_end = self.at_hand == before;
        self.at_hand = (self.at_hand - used + size).min(self.rest.len());
        self.ended = self.at_hand == self.rest.len() && (!self.late || at_end);
    }
}

/// One call of a sink.
#[derive(Debug, PartialEq)]
enum Call {
    Record(Place, Vec<u8>, Option<String>),
    Malformed(Place, u64, Malformed),
}

/// Everything that a sink is told.
#[derive(Debug, Default, PartialEq)]
struct Told(Vec<Call>);

impl Sink for Told {
    fn record(&mut self, place: Place, bytes: &[u8], subject: &Subject<'_>) {
        self.0.push(Call::Record(place, bytes.to_vec(), subject.root.get_text("eventName").map(Cow::into_owned)));
    }

    fn malformed(&mut self, place: Place, length: u64, why: &Malformed) {
        self.0.push(Call::Malformed(place, length, why.clone()));
    }
}

fn told(text: impl Text) -> (Told, Decoded) {
    let mut told = Told::default();
    let decoded = decode::decode_with(text, &mut Memory::default(), &mut told);
    (told, decoded)
}

/// What a record may hold: among it what looks like the border between two records, and is none.
const VALUES: [&str; 12] = [
    "null",
    "-12.50e+3",
    "[1,{\"a\":{}},{\"eventVersion\":\"1\"},{\"b\":[{},{\"c\":0}]}]",
    "\"},{\\\"eventVersion\\\":\\\"1.08\\\"}]}\"",
    "\"a},{\"",
    "\"\\\\\"",
    "\"\\u00e9\\ud83d\\ude00 Zo\u{eb} \u{1f600}\"",
    "{\"Records\":[{\"eventName\":\"inner\"},{\"eventName\":\"inner\"}]}",
    "\"\"",
    "[ ]",
    "{ \"k\" : \" , {\" }",
    "true",
];

/// Members of lists that are no records.
const OTHERS: [&str; 8] = ["7", "0", "-1.5", "\"text\"", "{}", "{\"x\":1}", "[[],{\"a\":2}]", "false"];

/// What makes the search for records look at the same bytes again and again.
const HOSTILE: [&[u8]; 10] = [
    b"{\"eventVersion\":\",\",",
    b"{\"eventVersion\":[1,",
    b",{\"eventVersion\":[1",
    b"x,",
    b"{\"eventVersion\":\"1\",\"eventName\":\"A\"},",
    b"{\"eventVersion\":\"1\",\"eventName\":\"B},",
    b"{\"eventVersion\":\"\xff\"},",
    b"{}    ",
    b"\"",
    b"],",
];

const BLANKS: [&str; 5] = ["", "", " ", "\n", "\r\n\t "];

/// What is put where it does not belong.
const DAMAGE: [&[u8]; 22] = [
    b"",
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"\\",
    b":",
    b"0",
    b"\n",
    b"\x0c",
    b"\xff",
    b"\x01",
    b"}]",
    b"\n{",
    b",{\"eventVersion\"",
    b",{\"eventVersion\":\"1\",\"eventName\":\"Z\"}",
    b"\x0c{\"eventVersion\":\"1\",\"eventName\":\"Z\"}",
    b"\"Records\":[",
    b"{\"Events\":[",
    b"\xEF\xBB\xBF",
];

prop_compose! {
    /// A member of a list: mostly a record.
    fn member()(kind in 0..8_usize, number in 0..100_u32, value in prop::sample::select(&VALUES[..]), other in prop::sample::select(&OTHERS[..]), blank in prop::sample::select(&BLANKS[..])) -> String {
        if kind == 0 {
            return other.to_owned();
        }
        format!("{{\"eventVersion\":\"1.08\",{blank}\"eventName\":\"N{number}\",\"requestParameters\"{blank}:{value}{blank}}}")
    }
}

prop_compose! {
    /// A value at the top, in one of the shapes of logs.
    fn top()(shape in 0..9_usize, members in prop::collection::vec(member(), 0..7), value in prop::sample::select(&VALUES[..]), blank in prop::sample::select(&BLANKS[..]), cut in 0..3_usize) -> String {
        let list = |members: &[String]| format!("[{}]", members.join(&format!("{blank},{blank}")));
        let events: Vec<String> = members.iter().map(|member| {
            let inner = member.get(..member.len() - usize::from(cut == 0)).unwrap_or_default();
            format!("{{\"EventId\":\"x\",{blank}\"CloudTrailEvent\":{}}}", serde_json::Value::from(inner))
        }).collect();
        match shape {
            0 => format!("{{{blank}\"Records\"{blank}:{blank}{}{blank}}}", list(&members)),
            1 => format!("{{\"a\":{value},{blank}\"Records\":{},\"z\":{value}}}", list(&members)),
            2 => format!("{{\"Records\":{}{blank},\"Events\":{},\"Records\":{value}}}", list(&members), list(&events)),
            3 => members.join("\n"),
            4 => members.join(blank),
            5 => list(&members),
            6 => format!("{{{blank}\"Events\":{},\"NextToken\":{value}}}", list(&events)),
            7 => format!("{{\"x\":{value},\"Events\":{value}}}"),
            _ => format!("{{\"digestStartTime\":{value},\"logFiles\":[]}}"),
        }
    }
}

prop_compose! {
    /// A text, and sizes of its parts.
    fn text_and_sizes()(
        tops in prop::collection::vec(top(), 1..4),
        between in prop::sample::select(&BLANKS[..]),
        mark in prop::bool::weighted(0.1),
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(&DAMAGE[..]), 0..4_usize), 0..4),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
        sizes in prop::collection::vec(prop_oneof![1..8_usize, 1..80_usize, 1..1000_usize], 1..6),
        late in any::<bool>(),
    ) -> (Vec<u8>, Vec<usize>, bool) {
        let mut text = format!("{}{}{between}", if mark { "\u{feff}" } else { "" }, tops.join(between)).into_bytes();
        for (at, with, removed) in damage {
            let from = at.index(text.len() + 1);
            let to = (from + removed).min(text.len());
            text.splice(from..to, with.iter().copied());
        }
        if let Some(cut) = cut {
            text.truncate(cut.index(text.len() + 1));
        }
        (text, sizes, late)
    }
}

fn assert_parts_do_not_show(text: &[u8], sizes: &[usize], late: bool) {
    let (whole, parts) = (told(text), told(Torn::new(text, sizes, late)));
    assert_eq!(whole, parts, "in parts of {sizes:?}: {}", String::from_utf8_lossy(text.get(..4_000).unwrap_or(text)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn parts_do_not_show((text, sizes, late) in text_and_sizes()) {
        assert_parts_do_not_show(&text, &sizes, late);
    }

    #[test]
    fn parts_of_any_bytes_do_not_show(
        bytes in prop::collection::vec(prop::sample::select(b"\"\\{}[],:eventVersionRecords10\n \xff".to_vec()), 0..300),
        sizes in prop::collection::vec(1..40_usize, 1..4),
        late in any::<bool>(),
    ) {
        assert_parts_do_not_show(&bytes, &sizes, late);
    }

    // What spends the budget of the search for records, up to its end.
    #[test]
    fn parts_of_hostile_texts_do_not_show(
        units in prop::collection::vec((prop::sample::select(&HOSTILE[..]), 1..60_usize), 1..6),
        sizes in prop::collection::vec(1..500_usize, 1..4),
    ) {
        let text: Vec<u8> = units.iter().flat_map(|(unit, count)| unit.repeat(*count)).collect();
        assert_parts_do_not_show(&[b"[", &text[..]].concat(), &sizes, false);
    }
}

#[test]
fn parts_of_a_record_that_is_too_long_do_not_show() {
    let good = record(1);
    for length in [decode::MAX_RECORD - 40, decode::MAX_RECORD + 40] {
        let long = format!(r#"{{"eventName":"A","x":"{}"}}"#, "x".repeat(length));
        for text in [format!("{{\"Records\":[{good},{long},{good}]}}"), format!("{good}\n{long}\n{good}\n")] {
            assert_parts_do_not_show(text.as_bytes(), &[3 << 20], false);
            assert_eq!(told(text.as_bytes()), told(Parts::of(text.as_bytes())));
        }
    }
}

#[test]
fn a_search_over_more_than_is_at_hand_does_not_show() {
    let records = |from: usize, count: usize| (from..from + count).map(record).collect::<Vec<_>>().join(",");
    let bare = vec![r#"{"eventName":"A"}"#; 100_000].join(",");
    let (quote, open) = (r#"{"eventVersion":"1.08","eventName":"X"#, r#"{"eventVersion":[{"#);
    for damage in
        [quote.to_owned(), open.to_owned(), format!("{quote},{bare}"), format!("{open},{bare}"), format!("}}]}}{quote}")]
    {
        let text = format!("{{\"Records\":[{},{damage},{}]}}\n{{\"eventName\":\"B\"}}", records(0, 9_000), records(9_000, 9_000));
        for size in [100_000, 700_000] {
            assert_parts_do_not_show(text.as_bytes(), &[size], false);
        }
        let (told, _) = told(text.as_bytes());
        let found = told.0.iter().filter(|call| matches!(call, Call::Record(..))).count();
        assert!(found >= 9_000, "{found}");
    }
}

#[test]
fn a_record_is_found_wherever_a_stretch_of_the_search_ends() {
    for filled in (1 << 20) - 40..(1 << 20) {
        let text = format!(r#"[{{"eventName":"{},{}]"#, "x".repeat(filled), record(1));
        let (told, _) = told(text.as_bytes());
        assert!(matches!(&told.0[..], [Call::Malformed(..), Call::Record(..)]), "{filled}");
    }
    let blank = format!("[{{x}}{},{}]", " ".repeat(3 << 20), record(1));
    assert_parts_do_not_show(blank.as_bytes(), &[1_100_000], false);
}
