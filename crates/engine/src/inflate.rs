//! Inflates a gzip object of exactly one member, within bounds.
//!
//! libdeflate does it where the size is known and small; the stream goes over whatever it refuses, so that what is wrong
//! has its name, what stands before the damage is kept, and a giant is inflated part by part.
//!
//! CloudTrail writes one member per object. A reader that goes on to a second member would let anybody with write
//! access append records to an old log without changing the bytes that its digest covers, so bytes after the first
//! member are never read: they are counted and reported as tampering.

use std::io::{ErrorKind, Read};

use assize_machine::gzip::Inflater;
use flate2::bufread::GzDecoder;

use crate::text::{self, Text};

/// How far an object may grow.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes after inflating.
    pub max_inflated: u64,
    /// Most inflated bytes per stored byte, once the object is larger than `ratio_from`. Real logs stay below 30.
    pub max_ratio: u64,
    /// Inflated bytes below which the ratio is not looked at.
    pub ratio_from: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { max_inflated: 2 << 30, max_ratio: 250, ratio_from: 16 << 20 }
    }
}

/// Why an object could not be inflated to its end. What was inflated before is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InflateError {
    /// The stream ends before the member does.
    #[error("the gzip stream ends before its end mark: the object is truncated")]
    Truncated,
    /// Deflate data or checksum are wrong.
    #[error("the gzip stream is damaged ({0}): the object was changed or not written whole")]
    Corrupt(String),
    /// Larger than [`Limits::max_inflated`].
    #[error("it inflates to more than {0} bytes")]
    TooLarge(u64),
    /// Grows more than [`Limits::max_ratio`].
    #[error("it inflates to more than {0} times its size, as a decompression bomb does")]
    Bomb(u64),
}

/// Whether the bytes begin like gzip (RFC 1952).
pub fn is_gzip(stored: &[u8]) -> bool {
    stored.starts_with(&[0x1f, 0x8b])
}

/// Inflates the first gzip member of `stored` into `out` and returns how many bytes follow that member.
///
/// # Errors
/// The member cannot be inflated to its end within the limits; `out` then holds what could be.
pub fn inflate(stored: &[u8], limits: &Limits, out: &mut Vec<u8>) -> Result<usize, InflateError> {
    let mut member = Member::unread(stored, limits, out);
    if member.end.is_none() {
        member.buffer.reserve(expected(stored, limits));
    }
    member.fill(usize::MAX);
    member.end.unwrap_or(Err(InflateError::Truncated))
}

/// Largest object that is inflated at once, bytes.
const AT_ONCE: u64 = 16 << 20;

/// Most bytes that are asked of the stream in one call.
const PIECE: usize = 16 << 10;

/// The text of the first gzip member of an object: at once if it is small, else in parts, so that only a few megabytes
/// of a giant are in memory.
pub struct Member<'s> {
    stored: &'s [u8],
    limits: Limits,
    /// What is in memory of the text; what was given up is gone at the next fill.
    buffer: &'s mut Vec<u8>,
    /// How much of the buffer was given up.
    used: usize,
    /// How many bytes were inflated.
    inflated: u64,
    /// Made when it is first needed.
    decoder: Option<Box<GzDecoder<&'s [u8]>>>,
    /// How it ended: with so many bytes behind the member, or before its end.
    end: Option<Result<usize, InflateError>>,
}

impl<'s> Member<'s> {
    /// Begins with the member; `buffer` is memory that may have been used before.
    pub fn open(stored: &'s [u8], limits: &Limits, buffer: &'s mut Vec<u8>) -> Member<'s> {
        let mut member = Member::unread(stored, limits, buffer);
        member.fill(text::enough(0));
        member
    }

    fn unread(stored: &'s [u8], limits: &Limits, buffer: &'s mut Vec<u8>) -> Member<'s> {
        let limits = *limits;
        let mut member = Member { stored, limits, buffer, used: 0, inflated: 0, decoder: None, end: None };
        match at_once(stored, member.cap(), member.buffer) {
            Some(behind) => (member.inflated, member.end) = (member.buffer.len() as u64, Some(Ok(behind))),
            None => member.buffer.clear(),
        }
        member
    }

    /// Goes back to the beginning.
    pub fn rewind(&mut self) {
        if self.inflated > self.buffer.len() as u64 {
            self.buffer.clear();
            (self.inflated, self.decoder, self.end) = (0, None, None);
            self.fill(text::enough(0));
        }
        self.used = 0;
    }

    /// Goes to the end. Returns how long the text is, and how many bytes follow the member.
    ///
    /// # Errors
    /// The member cannot be inflated to its end within the limits; the length is then that of what could be.
    pub fn finish(&mut self) -> (u64, Result<usize, InflateError>) {
        loop {
            if let Some(end) = &self.end {
                return (self.inflated, end.clone());
            }
            self.go_on(self.buffer.len() - self.used);
        }
    }

    /// Most bytes by ratio.
    fn by_ratio(&self) -> u64 {
        self.limits.max_ratio.saturating_mul(self.stored.len() as u64).max(self.limits.ratio_from)
    }

    /// Most bytes.
    fn cap(&self) -> u64 {
        self.limits.max_inflated.min(self.by_ratio())
    }

    /// Inflates until so many bytes are in the buffer, or to the end.
    fn fill(&mut self, until: usize) {
        while self.end.is_none() && self.buffer.len() < until {
            // One byte more than may be shows that there are more.
            let room = usize::try_from((self.cap() - self.inflated).saturating_add(1)).unwrap_or(usize::MAX);
            self.piece(PIECE.min(until - self.buffer.len()).min(room));
        }
    }

    fn piece(&mut self, most: usize) {
        let decoder = self.decoder.get_or_insert_with(|| Box::new(GzDecoder::new(self.stored)));
        match append(decoder, most, self.buffer) {
            Ok(0) => self.end = Some(Ok(decoder.get_ref().len())),
            Ok(read) => self.inflated += read as u64,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => self.end = Some(Err(InflateError::Truncated)),
            Err(error) => {
                self.end = Some(Err(InflateError::Corrupt(error.to_string())));
                self.inflated += up_to_the_damage(self.stored, self.inflated, most, self.buffer);
            }
        }
        let cap = self.cap();
        if let Some(beyond @ 1..) = self.inflated.checked_sub(cap) {
            self.buffer.truncate(self.buffer.len() - usize::try_from(beyond).unwrap_or(usize::MAX));
            self.inflated = cap;
            let bomb = self.by_ratio() < self.limits.max_inflated;
            let Limits { max_inflated, max_ratio, .. } = self.limits;
            self.end = Some(Err(if bomb { InflateError::Bomb(max_ratio) } else { InflateError::TooLarge(max_inflated) }));
        }
    }
}

impl Text for Member<'_> {
    fn at_hand(&self) -> (&[u8], bool) {
        (self.buffer.get(self.used..).unwrap_or_default(), self.end.is_none())
    }

    fn go_on(&mut self, used: usize) {
        self.used = self.buffer.len().min(self.used + used);
        if self.end.is_none() {
            self.buffer.drain(..self.used);
            self.used = 0;
            let until = text::enough(self.buffer.len());
            self.buffer.reserve_exact(until - self.buffer.len());
            self.fill(until);
        }
    }
}

/// Appends what one call gives.
fn append(decoder: &mut GzDecoder<&[u8]>, most: usize, out: &mut Vec<u8>) -> std::io::Result<usize> {
    let from = out.len();
    out.resize(from + most, 0);
    let read = decoder.read(out.get_mut(from..).unwrap_or_default());
    out.truncate(from + read.as_ref().map_or(0, |read| *read));
    read
}

/// A call that comes upon damage does not give what it inflated before. So the bytes behind the first `inflated`, fewer than
/// `most`, are fetched again one by one, that none is lost which stands before the damage. Returns how many there are.
fn up_to_the_damage(stored: &[u8], inflated: u64, most: usize, out: &mut Vec<u8>) -> u64 {
    let mut decoder = GzDecoder::new(stored);
    if std::io::copy(&mut decoder.by_ref().take(inflated), &mut std::io::sink()).is_err() {
        return 0;
    }
    (1..most).take_while(|_| append(&mut decoder, 1, out).is_ok_and(|read| read == 1)).count() as u64
}

/// Inflates with libdeflate into as many bytes as the end of `stored` promises. `None` if it has to be streamed: the
/// promise is too large to trust, the header holds more than the ten bytes that CloudTrail writes, or anything is wrong,
/// which includes a second member that promises less than the first one holds.
fn at_once(stored: &[u8], cap: u64, out: &mut Vec<u8>) -> Option<usize> {
    let promised = u64::from(u32::from_le_bytes(*stored.last_chunk::<4>()?));
    let plain_header = is_gzip(stored) && stored.get(3) == Some(&0);
    // Deflate makes at most 1032 bytes of one.
    if !plain_header || promised > cap.min(AT_ONCE) || promised > 1032 * stored.len() as u64 {
        return None;
    }
    // Not cleared before: what was there is written over, and only growing costs anything.
    out.resize(usize::try_from(promised).ok()?, 0);
    let (taken, filled) = Inflater::new()?.member(stored, out)?;
    out.truncate(filled);
    Some(stored.len() - taken)
}

/// The size that the last four bytes promise, as far as it is believable: it saves growing the buffer, no more.
fn expected(stored: &[u8], limits: &Limits) -> usize {
    let promised = stored.last_chunk::<4>().map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes)));
    let believable = promised.min(limits.max_inflated).min(limits.ratio_from.max(32 * stored.len() as u64));
    usize::try_from(believable).unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn one_member_is_read_and_the_rest_is_counted() {
        let mut out = Vec::new();
        let mut stored = gzip(b"one");
        assert_eq!(inflate(&stored, &Limits::default(), &mut out), Ok(0));
        assert_eq!(out, b"one");
        let second = gzip(b"two");
        stored.extend_from_slice(&second);
        assert_eq!(inflate(&stored, &Limits::default(), &mut out), Ok(second.len()));
        assert_eq!(out, b"one");
    }

    #[test]
    fn both_ways_give_the_same() {
        let (mut out, limits) = (Vec::new(), Limits::default());
        let streamed = |stored: &[u8]| {
            let mut text = Vec::new();
            let mut decoder = GzDecoder::new(stored);
            decoder.read_to_end(&mut text).unwrap();
            (decoder.into_inner().len(), text)
        };
        for length in [0, 1, 100, 65_536, 1 << 20] {
            let text: Vec<u8> = (0..length).map(|at: usize| ((at * at) >> 7) as u8).collect();
            // What follows may promise any size: less than there is, as much, more, or none that is believable.
            for behind in [&b""[..], b"x", b"\0\0\0\0", b"\0\0\x10\0", b"\x01\0\x10\0", b"\xff\xff\xff\xff"] {
                let stored = [&gzip(&text), behind].concat();
                let behind = inflate(&stored, &limits, &mut out).unwrap();
                assert_eq!((behind, out.clone()), streamed(&stored));
            }
        }
    }

    #[test]
    fn truncation_and_damage_are_told_apart_and_keep_what_was_read() {
        let text = "record ".repeat(10_000);
        let stored = gzip(text.as_bytes());
        let mut out = Vec::new();
        assert_eq!(inflate(&stored[..stored.len() - 4], &Limits::default(), &mut out), Err(InflateError::Truncated));
        assert!(text.as_bytes().starts_with(&out) && !out.is_empty());
        let mut damaged = stored.clone();
        let crc = damaged.len() - 8;
        damaged[crc] ^= 1;
        assert!(matches!(inflate(&damaged, &Limits::default(), &mut out), Err(InflateError::Corrupt(_))));
    }

    #[test]
    fn bombs_and_giants_stop_early() {
        let mut out = Vec::new();
        let bomb = gzip(&vec![0; 40 << 20]);
        assert_eq!(inflate(&bomb, &Limits::default(), &mut out), Err(InflateError::Bomb(250)));
        assert!(out.len() <= 16 << 20);
        let limits = Limits { max_inflated: 1000, ..Limits::default() };
        assert_eq!(inflate(&gzip(&[7; 2000]), &limits, &mut out), Err(InflateError::TooLarge(1000)));
    }

    /// Reads a member in parts, a third of what is at hand at a time; how much was in memory at most, too.
    fn in_parts(stored: &[u8], limits: &Limits) -> (Vec<u8>, (u64, Result<usize, InflateError>), usize) {
        let (mut buffer, mut text) = (Vec::new(), Vec::new());
        let mut member = Member::open(stored, limits, &mut buffer);
        loop {
            let (at_hand, more) = member.at_hand();
            let used = if more { at_hand.len() / 3 } else { at_hand.len() };
            text.extend_from_slice(&at_hand[..used]);
            if !more {
                break;
            }
            member.go_on(used);
        }
        let end = member.finish();
        (text, end, buffer.capacity())
    }

    /// About so many bytes, which deflate makes a hundredth of.
    fn large(length: usize) -> Vec<u8> {
        let line = |number: usize| format!("{{\"number\":{number},\"text\":\"{}\"}}\n", "x".repeat(1_000));
        (0..length / 1_000).flat_map(|number| line(number).into_bytes()).collect()
    }

    #[test]
    fn a_giant_is_inflated_part_by_part() {
        let (limits, text) = (Limits::default(), large(40 << 20));
        let mut stored = gzip(&text);
        stored.extend_from_slice(b"behind");
        let (parts, end, capacity) = in_parts(&stored, &limits);
        assert!(parts == text);
        assert_eq!(end, (text.len() as u64, Ok(6)));
        assert!(capacity <= 32 << 20, "{capacity}");
        let (parts, end, _) = in_parts(&stored[..stored.len() / 2], &limits);
        assert!(text.starts_with(&parts) && parts.len() > text.len() / 3);
        assert_eq!(end, (parts.len() as u64, Err(InflateError::Truncated)));
        let small = Limits { max_inflated: 20_000_001, ..limits };
        let (parts, end, _) = in_parts(&stored, &small);
        assert!(parts == text[..20_000_001]);
        assert_eq!(end, (20_000_001, Err(InflateError::TooLarge(20_000_001))));
    }

    #[test]
    fn going_back_begins_again() {
        let (limits, mut buffer) = (Limits::default(), Vec::new());
        for length in [100_000, 20 << 20] {
            let text = large(length);
            let stored = gzip(&text);
            let mut member = Member::open(&stored, &limits, &mut buffer);
            for _ in 0..2 {
                assert!(text.starts_with(member.at_hand().0) && member.at_hand().0.len() > 10_000);
                member.go_on(10_000);
                assert!(text[10_000..].starts_with(member.at_hand().0));
                member.rewind();
                assert_eq!(member.finish(), (text.len() as u64, Ok(0)));
                member.rewind();
            }
        }
    }

    #[test]
    fn nothing_before_the_damage_is_lost() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(|number| (number.wrapping_mul(2_654_435_761) >> 7).to_le_bytes()).collect();
        let stored = gzip(&text);
        for at in [30, stored.len() / 3, stored.len() / 2, stored.len() - 20] {
            let mut damaged = stored.clone();
            damaged[at..at + 8].fill(0xff);
            let (mut plain, mut decoder, mut byte) = (Vec::new(), GzDecoder::new(&damaged[..]), [0]);
            while matches!(decoder.read(&mut byte), Ok(1)) {
                plain.push(byte[0]);
            }
            let mut out = Vec::new();
            let result = inflate(&damaged, &Limits::default(), &mut out);
            assert!(result.is_err());
            assert!(out == plain, "{} of {}", out.len(), plain.len());
            assert!(in_parts(&damaged, &Limits::default()).0 == plain);
        }
    }
}
