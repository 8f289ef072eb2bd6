//! The masks with 512-bit vectors: a block is one vector, each comparison gives its mask at once, and the places of the set bits
//! are squeezed together instead of being taken one after the other.
//!
//! As [`super::avx2`] otherwise. For processors with the byte instructions of AVX-512 up to VBMI2 (Ice Lake, Zen 4 and later).
#![expect(unsafe_code, reason = "vector instructions that not every processor has")]

use std::arch::x86_64::{
    __m128i, __m512i, _mm512_add_epi32, _mm512_castsi512_si128, _mm512_cmpeq_epi8_mask, _mm512_cmplt_epi8_mask,
    _mm512_cmplt_epu8_mask, _mm512_cvtepu8_epi32, _mm512_extracti32x4_epi32, _mm512_loadu_si512, _mm512_maskz_compress_epi8,
    _mm512_or_si512, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set4_epi32, _mm512_shuffle_epi8, _mm512_storeu_si512,
};

use super::{BLOCK, Look, Marks, Masks, Outcome, avx2};

/// Whether the processor has every instruction used here.
pub(super) fn available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi2")
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

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,pclmulqdq,bmi1,popcnt")]
fn run_with(text: &[u8], marks: &mut Marks) -> Outcome {
    super::run::<Avx512>(text, marks)
}

/// Only ever used by [`run_with`], so that each call below stands in a function that has the instructions.
struct Avx512;

impl Look for Avx512 {
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
        unsafe { avx2::prefix_xor(bits) }
    }

    #[inline(always)]
    fn places(bits: u64, base: u32, room: &mut [u32; BLOCK]) {
        // SAFETY: as in `masks`.
        unsafe { places(bits, base, room) }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(block: &[u8; 64]) -> __m512i {
    // SAFETY: 64 bytes can be read there, and the instruction asks for no alignment.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn masks(block: &[u8; 64]) -> Masks {
    let bytes = load(block);
    let equal = |byte: u8| _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte.cast_signed()));
    // At 10, 11, 12, 13 of each sixteen: `:`, `{`, `,`, `}`. Zero elsewhere, which no byte with bit 5 set is.
    let table = _mm512_set4_epi32(0x0000_7D2C, 0x7B3A_0000, 0, 0);
    let bit5 = _mm512_set1_epi8(0x20);
    Masks {
        quote: equal(b'"'),
        backslash: equal(b'\\'),
        structural: _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(table, bytes), _mm512_or_si512(bytes, bit5)),
        blank: equal(b' '),
        // Bytes above 0x7F are negative, so one comparison finds both kinds.
        odd: _mm512_cmplt_epi8_mask(bytes, bit5) != 0,
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn odd(block: &[u8; 64]) -> (u64, u64) {
    let bytes = load(block);
    let below = _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(0x20));
    let above = _mm512_cmplt_epi8_mask(bytes, _mm512_set1_epi8(0));
    (below, above)
}

/// The numbers 0 to 63 at the set bits, squeezed together: sixteen of them are enough for nearly every block.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
fn places(bits: u64, base: u32, room: &mut [u32; BLOCK]) {
    const NUMBERS: [u8; BLOCK] = {
        let mut numbers = [0; BLOCK];
        let mut number = 0;
        while number < BLOCK {
            #[expect(clippy::indexing_slicing, reason = "runs in the compiler, which refuses an index out of bounds")]
            {
                numbers[number] = number as u8;
            }
            number += 1;
        }
        numbers
    };
    let squeezed = _mm512_maskz_compress_epi8(bits, load(&NUMBERS));
    let base = _mm512_set1_epi32(base.cast_signed());
    let (four, _) = room.as_chunks_mut::<16>();
    let [first, second, third, fourth] = four else { return };
    store(_mm512_castsi512_si128(squeezed), base, first);
    let count = bits.count_ones();
    if count > 16 {
        store(_mm512_extracti32x4_epi32::<1>(squeezed), base, second);
        if count > 32 {
            store(_mm512_extracti32x4_epi32::<2>(squeezed), base, third);
            store(_mm512_extracti32x4_epi32::<3>(squeezed), base, fourth);
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(numbers: __m128i, base: __m512i, room: &mut [u32; 16]) {
    let places = _mm512_add_epi32(_mm512_cvtepu8_epi32(numbers), base);
    // SAFETY: 64 bytes can be written there, and the instruction asks for no alignment.
    unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), places) }
}
