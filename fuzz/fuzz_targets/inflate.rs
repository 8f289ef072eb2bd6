//! One gzip member is read as the plain reader reads it, one byte at a time, and nothing beyond the limits is kept.
//!
//! The first byte chooses: the rest as it is; or the rest compressed, damaged in one place and followed by something.
#![no_main]

use std::io::{Read, Write};

use assize_engine::inflate::{InflateError, Limits, Member, inflate};
use assize_engine::text::Text;
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, rest)) = bytes.split_first() else { return };
    let stored = if choice & 1 == 0 { rest.to_vec() } else { made(choice, rest) };
    let limits = match choice >> 4 {
        0 => Limits { max_inflated: 100, max_ratio: 250, ratio_from: 1 << 20 },
        1 => Limits { max_inflated: 1 << 20, max_ratio: 3, ratio_from: 64 },
        _ => Limits { max_inflated: 1 << 20, max_ratio: 250, ratio_from: 1 << 16 },
    };
    let cap = limits.max_inflated.min((limits.max_ratio * stored.len() as u64).max(limits.ratio_from)) as usize;
    let mut out = vec![1, 2, 3];
    let result = inflate(&stored, &limits, &mut out);
    assert!(out.len() <= cap);
    let (mut buffer, mut parts) = (vec![4, 5], Vec::new());
    let mut member = Member::open(&stored, &limits, &mut buffer);
    while let (at_hand, true) = member.at_hand() {
        let used = at_hand.len().div_ceil(2);
        parts.extend_from_slice(&at_hand[..used]);
        member.go_on(used);
    }
    parts.extend_from_slice(member.at_hand().0);
    assert_eq!((&parts, member.finish()), (&out, (out.len() as u64, result.clone())));
    let (plain, end) = slowly(&stored, cap + 1);
    assert!(plain.starts_with(&out), "other bytes than the plain reader's");
    match (result, end) {
        (Ok(after), Some(Ok(rest))) => assert_eq!((after, &out), (rest, &plain)),
        (Err(InflateError::TooLarge(_) | InflateError::Bomb(_)), _) => assert!(plain.len() > cap || stored.is_empty()),
        (Err(_), Some(Err(()))) => assert_eq!(out, plain),
        (result, end) => panic!("{result:?}, and the plain reader {end:?} after {} bytes", plain.len()),
    }
});

fn made(choice: u8, rest: &[u8]) -> Vec<u8> {
    let (head, text) = rest.split_at(rest.len().min(2));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(u32::from(choice >> 1 & 7)));
    encoder.write_all(text).expect("memory does not fail");
    let mut stored = encoder.finish().expect("memory does not fail");
    if let [at, with] = head
        && *with != 0
    {
        let at = usize::from(*at) * stored.len() / 256;
        stored[at] ^= with;
        stored.extend_from_slice(head);
    }
    stored
}

/// What the plain reader gives, up to `limit` bytes; how many bytes follow the member, or that it is damaged.
fn slowly(stored: &[u8], limit: usize) -> (Vec<u8>, Option<Result<usize, ()>>) {
    let mut decoder = GzDecoder::new(stored);
    let mut out = Vec::new();
    let mut byte = [0];
    loop {
        if out.len() >= limit {
            return (out, None);
        }
        match decoder.read(&mut byte) {
            Ok(0) => return (out, Some(Ok(decoder.into_inner().len()))),
            Ok(_) => out.push(byte[0]),
            Err(_) => return (out, Some(Err(()))),
        }
    }
}
