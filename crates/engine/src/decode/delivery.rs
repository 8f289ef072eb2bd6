//! Numbers what is found in an object, and hands it over.

use super::{Decoded, MAX_RECORD, Malformed, OtherObject, Place, Sink};
use crate::json::{Kind, Reader, Value};
use crate::matcher::Subject;

/// What a list holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum List {
    Records,
    LookupEvents,
}

impl List {
    /// What the list under this key holds; `None` if it is none of ours.
    pub(super) fn under(key: Value<'_>) -> Option<List> {
        match &*key.text() {
            "Records" => Some(List::Records),
            "Events" => Some(List::LookupEvents),
            _ => None,
        }
    }
}

/// Where all that is found goes through.
pub(super) struct Delivery<'m> {
    sink: &'m mut dyn Sink,
    /// For the records inside `CloudTrailEvent` texts.
    inner: &'m mut Reader,
    index: u64,
    pub(super) decoded: Decoded,
}

impl<'m> Delivery<'m> {
    pub(super) fn new(sink: &'m mut dyn Sink, inner: &'m mut Reader) -> Delivery<'m> {
        Delivery { sink, inner, index: 0, decoded: Decoded::default() }
    }

    /// An object at the top that holds no list.
    pub(super) fn single(&mut self, offset: u64, root: Value<'_>) {
        let has = |key: &str| root.get(key).is_some();
        if let Some(subject) = Subject::of(root) {
            self.decoded.is_log = true;
            let place = self.next_place(offset);
            self.sink.record(place, root.raw(), &subject);
        } else if has("digestStartTime") && has("logFiles") {
            self.decoded.other = Some(OtherObject::Digest);
        } else if has("configurationItems") || has("configSnapshotId") {
            self.decoded.other = Some(OtherObject::Config);
        } else if self.decoded.is_log {
            // Among records it is counted as it is in a list.
            self.malformed(offset, root.raw().len() as u64, &Malformed::NotARecord);
        } else {
            self.decoded.unrecognised += 1;
        }
    }

    /// A member of a list.
    pub(super) fn member(&mut self, offset: u64, list: List, bytes: &[u8], root: Value<'_>) {
        let length = bytes.len() as u64;
        if root.kind() != Kind::Object {
            return self.malformed(offset, length, &Malformed::NotAnObject);
        }
        if list == List::Records {
            return match Subject::of(root) {
                Some(subject) => {
                    let place = self.next_place(offset);
                    self.sink.record(place, bytes, &subject);
                }
                None => self.malformed(offset, length, &Malformed::NotARecord),
            };
        }
        let Some(text) = root.get_text("CloudTrailEvent") else {
            return self.malformed(offset, length, &Malformed::NoCloudTrailEvent);
        };
        let place = self.next_place(offset);
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

    /// `length` bytes that are no record.
    pub(super) fn malformed(&mut self, offset: u64, length: u64, why: &Malformed) {
        let place = self.next_place(offset);
        self.sink.malformed(place, length, why);
    }

    fn next_place(&mut self, offset: u64) -> Place {
        let place = Place { index: self.index, offset };
        self.index += 1;
        place
    }
}
