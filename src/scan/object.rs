//! Reads one object: stored bytes, inflated bytes, and what is wrong with either.

use std::fs::File;
use std::io::{self, Read};

use assize_engine::decode::Decoded;
use assize_engine::inflate::{self, InflateError, Limits};

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
    pub(crate) fn read(&mut self, object: &Object, evaluate: impl FnOnce(&[u8]) -> Decoded) -> ObjectOutcome {
        let loaded = self.load(object);
        self.outcome(&object.name, object.named, loaded, evaluate)
    }

    /// The same for bytes that were fetched already. `named`: it must be a log, by the place where it was found.
    pub(crate) fn read_bytes(
        &mut self,
        name: &str,
        named: bool,
        stored: &[u8],
        evaluate: impl FnOnce(&[u8]) -> Decoded,
    ) -> ObjectOutcome {
        self.stored.clear();
        self.stored.extend_from_slice(stored);
        let loaded = self.inflate();
        self.outcome(name, named, loaded, evaluate)
    }

    fn outcome(
        &mut self,
        name: &str,
        named: bool,
        loaded: Result<Loaded, Trouble>,
        evaluate: impl FnOnce(&[u8]) -> Decoded,
    ) -> ObjectOutcome {
        let stored_bytes = self.stored.len() as u64;
        let (text, trouble, whole) = match loaded {
            Err(trouble) => {
                tracing::info!(object = %terminal(name), code = trouble.code, "cannot be read");
                return ObjectOutcome {
                    status: Status::Failed,
                    stored_bytes,
                    inflated_bytes: 0,
                    skipped: None,
                    trouble: Some(trouble),
                };
            }
            Ok(Loaded { gzip: true, trouble, whole }) => (&self.inflated, trouble, whole),
            Ok(Loaded { gzip: false, trouble, whole }) => (&self.stored, trouble, whole),
        };
        let inflated_bytes = text.len() as u64;
        let mut outcome = ObjectOutcome { status: Status::Read, stored_bytes, inflated_bytes, skipped: None, trouble };
        if text.iter().all(u8::is_ascii_whitespace) && whole {
            outcome.status = Status::Skipped;
            outcome.skipped = Some("empty");
        } else if !begins_like_json(text) && whole {
            outcome.status = Status::Failed;
            outcome.trouble = Some(not_json());
        } else {
            let decoded = evaluate(text);
            if !whole {
                outcome.status = Status::Failed;
            } else if !decoded.is_log && decoded.other.is_none() && decoded.unrecognised > 0 {
                outcome.status = if named { Status::Failed } else { Status::Skipped };
                outcome.skipped = (!named).then_some("JSON, but no CloudTrail records");
                outcome.trouble = named.then(no_records);
            }
        }
        tracing::debug!(object = %terminal(name), stored_bytes, inflated_bytes, "read");
        self.shrink();
        outcome
    }

    /// The text of an object again, for evidence; `None` if it cannot be read any more.
    pub(crate) fn text(&mut self, object: &Object) -> Option<&[u8]> {
        let loaded = self.load(object).ok()?;
        Some(if loaded.gzip { &self.inflated } else { &self.stored })
    }

    fn load(&mut self, object: &Object) -> Result<Loaded, Trouble> {
        self.stored.clear();
        let cap = self.limits.max_inflated;
        File::open(&object.path)
            .and_then(|file| file.take(cap.saturating_add(1)).read_to_end(&mut self.stored))
            .map_err(|error| unreadable(&error))?;
        if self.stored.len() as u64 > cap {
            self.stored.clear();
            return Err(too_large(cap));
        }
        self.inflate()
    }

    fn inflate(&mut self) -> Result<Loaded, Trouble> {
        if !inflate::is_gzip(&self.stored) {
            return Ok(Loaded { gzip: false, trouble: None, whole: true });
        }
        Ok(match inflate::inflate(&self.stored, &self.limits, &mut self.inflated) {
            Ok(0) => Loaded { gzip: true, trouble: None, whole: true },
            Ok(bytes) => Loaded { gzip: true, trouble: Some(trailing(bytes)), whole: true },
            Err(error) => Loaded { gzip: true, trouble: Some(damaged(&error)), whole: false },
        })
    }

    fn shrink(&mut self) {
        for buffer in [&mut self.stored, &mut self.inflated] {
            if buffer.capacity() > KEEP {
                *buffer = Vec::new();
            }
        }
    }
}

struct Loaded {
    gzip: bool,
    trouble: Option<Trouble>,
    whole: bool,
}

fn begins_like_json(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    text.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| matches!(byte, b'{' | b'['))
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
