//! The masks with the vectors that every aarch64 processor has.
#![expect(unsafe_code, reason = "vector instructions")]

use std::arch::aarch64::{
    uint8x16_t, vaddv_u8, vaddvq_u8, vandq_u8, vceqq_u8, vcgeq_u8, vcltq_u8, vdupq_n_u8, vget_high_u8, vget_low_u8, vld1q_u8,
    vorrq_u8, vqtbl1q_u8,
};

use super::{Look, Marks, Masks, Outcome};

pub(super) fn run(text: &[u8], marks: &mut Marks) -> Outcome {
    super::run::<Neon>(text, marks)
}

struct Neon;

/// The bytes in four vectors.
#[inline(always)]
fn quarters(block: &[u8; 64]) -> [uint8x16_t; 4] {
    let [a, b, c, d] = [0, 16, 32, 48].map(|at| block.as_ptr().wrapping_add(at));
    // SAFETY: 16 bytes can be read at each of the four places of the block, and the instruction asks for no alignment.
    let load = |from: *const u8| unsafe { vld1q_u8(from) };
    [load(a), load(b), load(c), load(d)]
}

/// One bit for each byte; the bytes are zero or all ones.
#[inline(always)]
fn bits(quarters: [uint8x16_t; 4]) -> u64 {
    const WEIGHTS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
    // SAFETY: 16 bytes can be read there.
    let weights = unsafe { vld1q_u8(WEIGHTS.as_ptr()) };
    quarters.into_iter().rev().fold(0, |sum, quarter| {
        // SAFETY: every aarch64 processor that Rust compiles for has these instructions.
        let weighed = unsafe { vandq_u8(quarter, weights) };
        // SAFETY: as above.
        let low = unsafe { vaddv_u8(vget_low_u8(weighed)) };
        // SAFETY: as above.
        let high = unsafe { vaddv_u8(vget_high_u8(weighed)) };
        sum << 16 | u64::from(high) << 8 | u64::from(low)
    })
}

#[inline(always)]
fn equal(quarters: [uint8x16_t; 4], byte: u8) -> u64 {
    // SAFETY: every aarch64 processor that Rust compiles for has these instructions.
    bits(quarters.map(|quarter| unsafe { vceqq_u8(quarter, vdupq_n_u8(byte)) }))
}

#[inline(always)]
fn structural(quarter: uint8x16_t) -> uint8x16_t {
    const TABLE: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x3A, 0x7B, 0x2C, 0x7D, 0, 0];
    // SAFETY: 16 bytes can be read there.
    let table = unsafe { vld1q_u8(TABLE.as_ptr()) };
    // SAFETY: every aarch64 processor that Rust compiles for has these instructions.
    let found = unsafe { vqtbl1q_u8(table, vandq_u8(quarter, vdupq_n_u8(0x0F))) };
    // SAFETY: as above.
    unsafe { vceqq_u8(found, vorrq_u8(quarter, vdupq_n_u8(0x20))) }
}

impl Look for Neon {
    #[inline(always)]
    fn masks(block: &[u8; 64]) -> Masks {
        let all = quarters(block);
        let outside = all.map(|quarter| {
            // SAFETY: every aarch64 processor that Rust compiles for has these instructions.
            unsafe { vorrq_u8(vcltq_u8(quarter, vdupq_n_u8(0x20)), vcgeq_u8(quarter, vdupq_n_u8(0x80))) }
        });
        let [a, b, c, d] = outside;
        // SAFETY: as above.
        let any = unsafe { vorrq_u8(vorrq_u8(a, b), vorrq_u8(c, d)) };
        Masks {
            quote: equal(all, b'"'),
            backslash: equal(all, b'\\'),
            structural: bits(all.map(structural)),
            blank: equal(all, b' '),
            // SAFETY: as above. Each byte is zero or 255, so the sum of any sixteen is zero only if all are or if 256 are not.
            odd: unsafe { vaddvq_u8(vandq_u8(any, vdupq_n_u8(1))) } != 0,
        }
    }

    #[inline(always)]
    fn odd(block: &[u8; 64]) -> (u64, u64) {
        let all = quarters(block);
        // SAFETY: every aarch64 processor that Rust compiles for has these instructions.
        let low = all.map(|quarter| unsafe { vcltq_u8(quarter, vdupq_n_u8(0x20)) });
        // SAFETY: as above.
        let high = all.map(|quarter| unsafe { vcgeq_u8(quarter, vdupq_n_u8(0x80)) });
        (bits(low), bits(high))
    }

    #[inline(always)]
    fn prefix_xor(bits: u64) -> u64 {
        super::plain::Plain::prefix_xor(bits)
    }
}
