//! Inflates a gzip object of exactly one member, within bounds.
//!
//! libdeflate does it where the size is known and small; the stream goes over whatever it refuses, so that what is wrong
//! has its name and what stands before the damage is kept.
//!
//! CloudTrail writes one member per object. A reader that goes on to a second member would let anybody with write
//! access append records to an old log without changing the bytes that its digest covers, so bytes after the first
//! member are never read: they are counted and reported as tampering.

use std::io::Read;

use assize_machine::gzip::Inflater;
use flate2::bufread::GzDecoder;

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
    let by_ratio = limits.max_ratio.saturating_mul(stored.len() as u64).max(limits.ratio_from);
    let cap = limits.max_inflated.min(by_ratio);
    if let Some(behind) = at_once(stored, cap, out) {
        return Ok(behind);
    }
    out.clear();
    out.reserve(expected(stored, limits));
    let mut decoder = GzDecoder::new(stored);
    let read = decoder.by_ref().take(cap.saturating_add(1)).read_to_end(out);
    if out.len() as u64 > cap {
        out.truncate(usize::try_from(cap).unwrap_or(usize::MAX));
        let bomb = by_ratio < limits.max_inflated;
        return Err(if bomb { InflateError::Bomb(limits.max_ratio) } else { InflateError::TooLarge(limits.max_inflated) });
    }
    match read {
        Ok(_) => Ok(decoder.into_inner().len()),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(InflateError::Truncated),
        Err(error) => Err(InflateError::Corrupt(error.to_string())),
    }
}

/// Largest object that is inflated at once, bytes.
const AT_ONCE: u64 = 16 << 20;

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
}
