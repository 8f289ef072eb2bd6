//! Reads one object: stored bytes, inflated bytes, and what is wrong with either.

use std::fs::File;
use std::io::{self, Read};

use assize_engine::decode::Decoded;
use assize_engine::inflate::{self, InflateError, Limits, Member};
use assize_engine::text::{Parts, Text};

use super::input::Object;
use crate::report::escape::terminal;

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Read to its end.
    Read,
    /// Not a log.
    Skipped,
    /// Not read, or not to its end.
    Failed,
}

/// One object in the books.
#[derive(Clone, Debug)]
pub(crate) struct ObjectOutcome {
    /// What became of it.
    pub(crate) status: Status,
    /// Bytes as stored.
    pub(crate) stored_bytes: u64,
    /// Bytes after inflating.
    pub(crate) inflated_bytes: u64,
    /// Why it was skipped.
    pub(crate) skipped: Option<&'static str>,
    /// What is wrong with it.
    pub(crate) trouble: Option<Trouble>,
}

/// What is wrong with an object.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    /// Stable kebab-case code.
    pub(crate) code: &'static str,
    /// Whether somebody may have altered the evidence.
    pub(crate) tampering: bool,
    /// What is wrong and what to do.
    pub(crate) message: String,
}

/// Reads objects into memory that is used again for the next.
pub(crate) struct Reader {
    limits: Limits,
    stored: Vec<u8>,
    inflated: Vec<u8>,
}

/// Buffers larger than this are given back after use, so that one giant does not hold its memory for the whole scan.
const KEEP: usize = 64 << 20;

impl Reader {
    pub(crate) fn new(limits: Limits) -> Reader {
        Reader { limits, stored: Vec::new(), inflated: Vec::new() }
    }

    /// Reads an object and hands its text to `evaluate`. What can be read of a damaged object is evaluated too: a log
    /// that somebody cut short must not hide what stands before the cut.
    pub(crate) fn read(&mut self, object: &Object, evaluate: impl FnOnce(&mut dyn Text) -> Decoded) -> ObjectOutcome {
        let outcome = match self.load(object) {
            Ok(()) => judged((&object.name, object.named), Opened::of(&self.stored, &self.limits, &mut self.inflated), evaluate),
            Err(trouble) => {
                tracing::info!(object = %terminal(&object.name), code = trouble.code, "cannot be read");
                let stored_bytes = self.stored.len() as u64;
                let (status, trouble) = (Status::Failed, Some(trouble));
                ObjectOutcome { status, stored_bytes, inflated_bytes: 0, skipped: None, trouble }
            }
        };
        self.shrink();
        outcome
    }

    /// The same for bytes that were fetched already. `named`: it must be a log, by the place where it was found.
    pub(crate) fn read_bytes(
        &mut self,
        name: &str,
        named: bool,
        stored: &[u8],
        evaluate: impl FnOnce(&mut dyn Text) -> Decoded,
    ) -> ObjectOutcome {
        let outcome = judged((name, named), Opened::of(stored, &self.limits, &mut self.inflated), evaluate);
        self.shrink();
        outcome
    }

    fn load(&mut self, object: &Object) -> Result<(), Trouble> {
        self.stored.clear();
        let cap = self.limits.max_inflated;
        File::open(&object.path)
            .and_then(|file| file.take(cap.saturating_add(1)).read_to_end(&mut self.stored))
            .map_err(|error| unreadable(&error))?;
        if self.stored.len() as u64 > cap {
            self.stored.clear();
            return Err(too_large(cap));
        }
        Ok(())
    }

    fn shrink(&mut self) {
        for buffer in [&mut self.stored, &mut self.inflated] {
            if buffer.capacity() > KEEP {
                *buffer = Vec::new();
            }
        }
    }
}

/// Hands the text on, if it is worth it, and says what became of the object.
fn judged((name, named): (&str, bool), mut opened: Opened<'_>, evaluate: impl FnOnce(&mut dyn Text) -> Decoded) -> ObjectOutcome {
    let stored_bytes = opened.stored.len() as u64;
    let begins = opened.begins();
    // What does not begin like a log is read after all if it is damaged, and that shows at its end.
    let decoded = match begins {
        Begins::LikeJson => Some(evaluate(opened.text())),
        Begins::Otherwise | Begins::Not if opened.finish().whole => None,
        Begins::Otherwise | Begins::Not => {
            opened.rewind();
            Some(evaluate(opened.text()))
        }
    };
    let Finished { inflated_bytes, whole, trouble } = opened.finish();
    let mut outcome = ObjectOutcome { status: Status::Read, stored_bytes, inflated_bytes, skipped: None, trouble };
    match decoded {
        _ if !whole => outcome.status = Status::Failed,
        None if begins == Begins::Not => {
            outcome.status = Status::Skipped;
            outcome.skipped = Some("empty");
        }
        None => {
            outcome.status = Status::Failed;
            outcome.trouble = Some(not_json());
        }
        Some(decoded) if !decoded.is_log && decoded.other.is_none() && decoded.unrecognised > 0 => {
            outcome.status = if named { Status::Failed } else { Status::Skipped };
            outcome.skipped = (!named).then_some("JSON, but no CloudTrail records");
            outcome.trouble = named.then(no_records);
        }
        Some(_) => {}
    }
    tracing::debug!(object = %terminal(name), stored_bytes, inflated_bytes, "read");
    outcome
}

/// An object whose text can be read, from its beginning and again.
struct Opened<'s> {
    stored: &'s [u8],
    text: Form<'s>,
}

/// How the text is stored.
enum Form<'s> {
    Gzip(Member<'s>),
    Plain(Parts<'s>),
}

/// How a text begins.
#[derive(Clone, Copy, PartialEq)]
enum Begins {
    LikeJson,
    Otherwise,
    /// It holds nothing but white space.
    Not,
}

/// What is known of an object at its end.
struct Finished {
    inflated_bytes: u64,
    whole: bool,
    trouble: Option<Trouble>,
}

impl<'s> Opened<'s> {
    fn of(stored: &'s [u8], limits: &Limits, buffer: &'s mut Vec<u8>) -> Opened<'s> {
        let gzip = inflate::is_gzip(stored);
        let text = if gzip { Form::Gzip(Member::open(stored, limits, buffer)) } else { Form::Plain(Parts::of(stored)) };
        Opened { stored, text }
    }

    fn text(&mut self) -> &mut dyn Text {
        match &mut self.text {
            Form::Gzip(member) => member,
            Form::Plain(parts) => parts,
        }
    }

    fn rewind(&mut self) {
        match &mut self.text {
            Form::Gzip(member) => member.rewind(),
            Form::Plain(parts) => *parts = Parts::of(self.stored),
        }
    }

    /// How the text begins; it stands at its beginning before and after.
    fn begins(&mut self) -> Begins {
        const MARK: &[u8] = b"\xEF\xBB\xBF";
        let text = self.text();
        let marked = text.at_hand().0.starts_with(MARK);
        let mut moved = false;
        let begins = loop {
            let (at_hand, more) = text.at_hand();
            let behind_mark = if moved { at_hand } else { at_hand.strip_prefix(MARK).unwrap_or(at_hand) };
            match behind_mark.iter().find(|byte| !byte.is_ascii_whitespace()) {
                Some(b'{' | b'[') => break Begins::LikeJson,
                Some(_) => break Begins::Otherwise,
                None if more => {
                    let blank = at_hand.len();
                    text.go_on(blank);
                    moved = true;
                }
                // A byte order mark alone is something.
                None => break if marked { Begins::Otherwise } else { Begins::Not },
            }
        };
        if moved {
            self.rewind();
        }
        begins
    }

    /// Goes to the end.
    fn finish(&mut self) -> Finished {
        let (inflated_bytes, end) = match &mut self.text {
            Form::Gzip(member) => member.finish(),
            Form::Plain(_) => (self.stored.len() as u64, Ok(0)),
        };
        let whole = end.is_ok();
        let trouble = match end {
            Ok(0) => None,
            Ok(bytes) => Some(trailing(bytes)),
            Err(error) => Some(damaged(&error)),
        };
        Finished { inflated_bytes, whole, trouble }
    }
}

fn unreadable(error: &io::Error) -> Trouble {
    let hint = if error.kind() == io::ErrorKind::PermissionDenied { "; give this user read permission" } else { "" };
    Trouble { code: "unreadable", tampering: false, message: format!("the file cannot be read: {error}{hint}") }
}

fn too_large(cap: u64) -> Trouble {
    let message = format!("it holds more than {cap} bytes; raise --max-object if that is right");
    Trouble { code: "too-large", tampering: false, message }
}

fn not_json() -> Trouble {
    let message = "neither gzip nor JSON, so it was not read; leave it out if it is no log, or fetch it again".to_owned();
    Trouble { code: "not-json", tampering: false, message }
}

fn no_records() -> Trouble {
    let message = "JSON, but no CloudTrail record in it; check that this is the right file".to_owned();
    Trouble { code: "no-records", tampering: false, message }
}

fn trailing(bytes: usize) -> Trouble {
    let message = format!(
        "{bytes} bytes follow the gzip member and were not read: CloudTrail writes exactly one member, so somebody may have \
         appended to this object; compare it with its digest and with the original in the trail's bucket"
    );
    Trouble { code: "trailing-bytes", tampering: true, message }
}

fn damaged(error: &InflateError) -> Trouble {
    let (code, tampering, advice) = match error {
        InflateError::Truncated => ("truncated-gzip", true, "what stands before the cut was evaluated; fetch the object again"),
        InflateError::Corrupt(_) => ("damaged-gzip", true, "what could be inflated was evaluated; fetch the object again"),
        InflateError::TooLarge(_) => ("too-large", false, "raise --max-object if that is right"),
        InflateError::Bomb(_) => ("decompression-bomb", true, "no trail writes such an object; find out who put it there"),
    };
    Trouble { code, tampering, message: format!("{error}; {advice}") }
}

#[cfg(test)]
mod tests;
