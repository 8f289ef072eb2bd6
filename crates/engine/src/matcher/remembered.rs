//! What guards answer of the value of one field, kept from record to record.
//!
//! A guard whose path begins with a top-level field asks nothing but that field's value, so equal values, told by their
//! kind and all their bytes, have equal answers. The same few hundred identities and user agents make up nearly all of a
//! log: comparing one with what was seen before costs less than looking into it again for each guard, and however many
//! guards a field has, it is looked at once. With the 57 SigmaHQ rules guards took 15 % of a scan, and take 3 %.

use super::index::FieldGuards;
use crate::json::{Kind, Value};
use crate::policy::Truth;

/// Values of a field that are kept at once.
const KEPT: usize = 512;

/// Longest value that is kept, bytes as written. An identity with its session has some six hundred.
const LONGEST: usize = 1024;

/// What the guards of a field say of one value: those that are not false, and the policies behind them.
#[derive(Debug, Default)]
pub(super) struct Admitted {
    pub(super) answers: Box<[(u32, Truth)]>,
    pub(super) policies: Box<[u32]>,
}

impl Admitted {
    /// Asks each guard of the field.
    pub(super) fn of(guards: &FieldGuards, mut ask: impl FnMut(u32) -> Truth) -> Admitted {
        let (mut answers, mut policies) = (Vec::new(), Vec::new());
        for (item, guarded) in &guards.items {
            let truth = ask(*item);
            if truth != Truth::False {
                answers.push((*item, truth));
                policies.extend_from_slice(guarded);
            }
        }
        Admitted { answers: answers.into(), policies: policies.into() }
    }
}

/// The values seen, by number of the field among those that have guards.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    fields: Vec<Seen>,
}

/// The values of one field, each in the one place that its bytes give it: what stands there before gives way.
#[derive(Debug, Default)]
struct Seen {
    values: Vec<Option<Known>>,
    missing: Option<Admitted>,
    /// For a value that is not kept.
    odd: Admitted,
}

#[derive(Debug)]
struct Known {
    kind: Kind,
    bytes: Box<[u8]>,
    admitted: Admitted,
}

impl Remembered {
    /// What the guards of the field with this number say of its only value; `ask` is called if that is not known.
    pub(super) fn admitted(&mut self, field: usize, value: Option<Value<'_>>, ask: impl FnOnce() -> Admitted) -> &Admitted {
        if self.fields.len() <= field {
            self.fields.resize_with(field + 1, Seen::default);
        }
        let seen = self.fields.get_mut(field).expect("the list was made longer");
        let Some(value) = value else { return seen.missing.get_or_insert_with(ask) };
        let (kind, bytes) = (value.kind(), value.raw());
        // Callers can make values of megabytes, which are not even hashed.
        if bytes.len() > LONGEST {
            seen.odd = ask();
            return &seen.odd;
        }
        if seen.values.is_empty() {
            seen.values.resize_with(KEPT, || None);
        }
        let room = seen.values.get_mut(place(bytes)).expect("there are as many places as `place` gives");
        // A text and a number may have the same bytes.
        let known = room.take().filter(|known| known.kind == kind && *known.bytes == *bytes);
        &room.insert(known.unwrap_or_else(|| Known { kind, bytes: bytes.into(), admitted: ask() })).admitted
    }
}

/// A number below [`KEPT`] from all bytes. Who makes up values can make them collide; each then costs what it would cost
/// without this table.
fn place(bytes: &[u8]) -> usize {
    const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut lanes = [bytes.len() as u64, 1, 2, 3];
    let (blocks, rest) = bytes.as_chunks::<32>();
    let mut last = [0; 32];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    for block in blocks.iter().chain(std::iter::once(&last)) {
        for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
            *lane = (lane.rotate_left(29) ^ u64::from_le_bytes(*word)).wrapping_mul(MIX);
        }
    }
    let [a, b, c, d] = lanes;
    let mixed = (a ^ b.rotate_left(17) ^ c.rotate_left(31) ^ d.rotate_left(47)).wrapping_mul(MIX);
    (mixed >> 48) as usize % KEPT
}

#[cfg(test)]
mod tests {
    use super::super::{Matcher, Scratch, Subject};
    use super::*;
    use crate::json::Reader;
    use crate::policy::load;
    use crate::record::AccountList;

    /// Shows some values one after the other; gives what was said of each, and of which the guards were asked.
    fn shown(texts: &[&str]) -> (Vec<u32>, Vec<usize>) {
        let (mut remembered, mut said, mut asked) = (Remembered::default(), Vec::new(), Vec::new());
        for (number, text) in texts.iter().enumerate() {
            let mut reader = Reader::default();
            let document = reader.read(text.as_bytes(), usize::MAX).unwrap();
            let admitted = remembered.admitted(0, document.root().get("a"), || {
                asked.push(number);
                Admitted { answers: [].into(), policies: [u32::try_from(number).unwrap()].into() }
            });
            said.push(admitted.policies[0]);
        }
        (said, asked)
    }

    #[test]
    fn equal_values_are_asked_once_and_kinds_are_told_apart() {
        let text_number_missing_null = [r#"{"a":"1"}"#, r#"{"a":1}"#, "{}", r#"{"b":2}"#, r#"{"a":null}"#, r#"{"b":2,"a":null}"#];
        assert_eq!(shown(&text_number_missing_null), (vec![0, 1, 2, 2, 4, 4], vec![0, 1, 2, 4]));
    }

    #[test]
    fn of_a_field_that_stands_twice_both_values_are_asked() {
        let policy = "id: root\ntitle: t\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\n\
                      detection: {root: {userIdentity.type: Root}, condition: root}\n";
        let loaded = load([("root.yaml", policy)]);
        let matcher = Matcher::new(&loaded.policies, AccountList::default());
        assert_eq!(matcher.detections.by_field().len(), 1, "{:?}", loaded.diagnostics);
        let (one, two) = (r#""userIdentity":{"type":"IAMUser"}"#, r#""userIdentity":{"type":"Root"}"#);
        let mut scratch = Scratch::default();
        let fields = [one, two, &format!("{one},{two}"), &format!("{two},{one}"), one, two].map(str::to_owned);
        let matched = fields.map(|fields| {
            let (mut reader, mut found) = (Reader::default(), None);
            let text = format!(r#"{{"eventSource":"s","eventName":"n",{fields}}}"#);
            let document = reader.read(text.as_bytes(), usize::MAX).unwrap();
            let subject = Subject::of(document.root()).unwrap();
            matcher.record(&subject, &mut scratch).evaluate(|_, truth| found = Some(truth));
            found == Some(Truth::True)
        });
        assert_eq!(matched, [false, true, true, true, false, true]);
    }

    #[test]
    fn long_values_are_not_kept() {
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(LONGEST + 1));
        let kept = format!(r#"{{"a":"{}"}}"#, "x".repeat(LONGEST));
        assert_eq!(shown(&[&long, &long, &kept, &kept]), (vec![0, 1, 2, 2], vec![0, 1, 2]));
    }

    #[test]
    fn one_byte_more_or_less_is_another_value() {
        let text = |bytes: &str| format!(r#"{{"a":"{bytes}"}}"#);
        let all: Vec<String> = (0..100).flat_map(|length| ["x", "y"].map(|end| text(&("x".repeat(length) + end)))).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        assert_eq!(shown(&all).1.len(), 200);
    }
}
