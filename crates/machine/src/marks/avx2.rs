//! The masks with AVX2 and carry-less multiplication.
//!
//! A structural byte is found by looking its low four bits up in a table of sixteen: `{ } [ ] : ,`, with bit 5 set,
//! are four bytes with different low halves, so that a byte is structural if the table gives the byte itself.
#![expect(unsafe_code, reason = "vector instructions that not every processor has")]

use std::arch::x86_64::{
    __m256i, _mm_clmulepi64_si128, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_set1_epi8, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8,
    _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_setr_epi8, _mm256_shuffle_epi8,
    _mm256_testz_si256,
};

use super::{Look, Marks, Masks, Outcome};

/// Whether the processor has every instruction used here.
pub(super) fn available() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("pclmulqdq")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("popcnt")
}

/// Looks at the whole text; on a processor without the instructions, in plain code.
pub(super) fn run(text: &[u8], marks: &mut Marks) -> Outcome {
    if !available() {
        return super::run::<super::plain::Plain>(text, marks);
    }
    // SAFETY: the processor has the instructions.
    unsafe { run_with(text, marks) }
}

#[target_feature(enable = "avx2,pclmulqdq,bmi1,popcnt")]
fn run_with(text: &[u8], marks: &mut Marks) -> Outcome {
    super::run::<Avx2>(text, marks)
}

/// Only ever used by [`run_with`], so that each call below stands in a function that has the instructions.
struct Avx2;

impl Look for Avx2 {
    #[inline(always)]
    fn masks(block: &[u8; 64]) -> Masks {
        // SAFETY: `run_with` is the only user, and the processor has the instructions that it asks for.
        unsafe { masks(block) }
    }

    #[inline(always)]
    fn odd(block: &[u8; 64]) -> (u64, u64) {
        // SAFETY: as in `masks`.
        unsafe { odd(block) }
    }

    #[inline(always)]
    fn prefix_xor(bits: u64) -> u64 {
        // SAFETY: as in `masks`.
        unsafe { prefix_xor(bits) }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn halves(block: &[u8; 64]) -> [__m256i; 2] {
    let (low, high) = block.split_at(32);
    // SAFETY: 32 bytes can be read there, and the instruction asks for no alignment.
    let low = unsafe { _mm256_loadu_si256(low.as_ptr().cast()) };
    // SAFETY: as above.
    let high = unsafe { _mm256_loadu_si256(high.as_ptr().cast()) };
    [low, high]
}

/// One bit for each byte whose top bit is set.
#[inline]
#[target_feature(enable = "avx2")]
fn bits([low, high]: [__m256i; 2]) -> u64 {
    let (low, high) = (_mm256_movemask_epi8(low).cast_unsigned(), _mm256_movemask_epi8(high).cast_unsigned());
    u64::from(low) | u64::from(high) << 32
}

#[inline]
#[target_feature(enable = "avx2")]
fn equal([low, high]: [__m256i; 2], byte: u8) -> u64 {
    let wanted = _mm256_set1_epi8(byte.cast_signed());
    bits([_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted)])
}

#[inline]
#[target_feature(enable = "avx2")]
fn masks(block: &[u8; 64]) -> Masks {
    let both = halves(block);
    let [low, high] = both;
    // At 10, 11, 12, 13: `:`, `{`, `,`, `}`. Zero elsewhere, which no byte with bit 5 set is.
    let table = _mm256_setr_epi8(
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x3A, 0x7B, 0x2C, 0x7D, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x3A, 0x7B, 0x2C, 0x7D, 0, 0,
    );
    let bit5 = _mm256_set1_epi8(0x20);
    let structural = bits([
        _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, low), _mm256_or_si256(low, bit5)),
        _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, high), _mm256_or_si256(high, bit5)),
    ]);
    // Bytes above 0x7F are negative, so one comparison finds both kinds.
    let odd = _mm256_or_si256(_mm256_cmpgt_epi8(bit5, low), _mm256_cmpgt_epi8(bit5, high));
    Masks {
        quote: equal(both, b'"'),
        backslash: equal(both, b'\\'),
        structural,
        blank: equal(both, b' '),
        odd: _mm256_testz_si256(odd, odd) == 0,
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn odd(block: &[u8; 64]) -> (u64, u64) {
    let both = halves(block);
    let [low, high] = both;
    let bit5 = _mm256_set1_epi8(0x20);
    let below = bits([_mm256_cmpgt_epi8(bit5, low), _mm256_cmpgt_epi8(bit5, high)]);
    let above = bits(both);
    (below & !above, above)
}

/// Multiplying by all ones without carries adds each bit to all higher ones.
#[inline]
#[target_feature(enable = "pclmulqdq")]
pub(super) fn prefix_xor(bits: u64) -> u64 {
    let product = _mm_clmulepi64_si128::<0>(_mm_cvtsi64_si128(bits.cast_signed()), _mm_set1_epi8(-1));
    _mm_cvtsi128_si64(product).cast_unsigned()
}
