//! The masks byte by byte, in plain code: what runs where there is no vector path, and what the vector paths are held
//! against.

use super::{Look, Masks};

pub(super) struct Plain;

impl Look for Plain {
    #[inline(always)]
    fn masks(block: &[u8; 64]) -> Masks {
        let mut masks = Masks { quote: 0, backslash: 0, structural: 0, blank: 0, odd: false };
        for (at, &byte) in block.iter().enumerate() {
            let bit = |holds: bool| u64::from(holds) << at;
            masks.quote |= bit(byte == b'"');
            masks.backslash |= bit(byte == b'\\');
            masks.structural |= bit(matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b','));
            masks.blank |= bit(byte == b' ');
            masks.odd |= !(0x20..0x80).contains(&byte);
        }
        masks
    }

    #[inline(always)]
    fn odd(block: &[u8; 64]) -> (u64, u64) {
        block
            .iter()
            .enumerate()
            .fold((0, 0), |(low, high), (at, &byte)| (low | u64::from(byte < 0x20) << at, high | u64::from(byte >= 0x80) << at))
    }

    #[inline(always)]
    fn prefix_xor(bits: u64) -> u64 {
        [1, 2, 4, 8, 16, 32].into_iter().fold(bits, |bits, step| bits ^ bits << step)
    }
}
