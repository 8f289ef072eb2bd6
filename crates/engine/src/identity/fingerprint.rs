//! A keyed 64-bit hash of a record's bytes, many times as fast as SHA-256.
//!
//! Sixty-four bytes at a time go through four independent multiplications, each folded to 64 bits, with a secret in
//! every factor. Two records chosen without the secret share a fingerprint as often as chance has it, about once in 2^64
//! pairs. It is no proof of anything to anybody else: what is kept or shown is told by SHA-256.

use std::hash::{BuildHasher, Hasher};

const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// What the fingerprints of one evaluation are keyed with.
#[derive(Clone)]
pub struct Secret {
    words: [u64; 8],
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

impl Secret {
    /// Spreads a random seed, which the caller draws once per process.
    pub fn new(seed: [u64; 2]) -> Secret {
        let [mut state, step] = seed;
        let words = std::array::from_fn(|_| {
            state = state.wrapping_add(FACTOR);
            folded(state ^ step, state.rotate_left(32) ^ 0xD6E8_FEB8_6659_FD93) | 1
        });
        Secret { words }
    }

    /// The fingerprint of some bytes.
    pub(super) fn fingerprint(&self, bytes: &[u8]) -> u64 {
        let [a, b, c, d, mut lanes @ ..] = self.words;
        let keys = [a, b, c, d];
        let (blocks, rest) = bytes.as_chunks::<64>();
        for block in blocks {
            absorb(block, &keys, &mut lanes);
        }
        // What is left is taken with the bytes before it: nothing is copied, and the length tells such texts from longer ones.
        match bytes.last_chunk::<64>().filter(|_| !rest.is_empty()) {
            Some(last) => absorb(last, &keys, &mut lanes),
            None if rest.is_empty() => {}
            None => {
                let mut last = [0; 64];
                last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                absorb(&last, &keys, &mut lanes);
            }
        }
        // The length tells a text from the same text with zero bytes behind it.
        let [e, f, g, h] = lanes;
        let ends = folded(e ^ b, f ^ bytes.len() as u64) ^ folded(g ^ c, h ^ d);
        folded(ends ^ a, d)
    }

    /// The fingerprint of two texts, told apart from every other pair.
    pub(super) fn pair(&self, one: &[u8], two: &[u8]) -> u64 {
        let mut room = [0; 128];
        let length = one.len() + two.len() + 1;
        let Some(joined) = room.get_mut(..length) else {
            return self.fingerprint(&[one, &[0], two].concat());
        };
        let (head, tail) = joined.split_at_mut(one.len());
        head.copy_from_slice(one);
        if let [_, tail @ ..] = tail {
            tail.copy_from_slice(two);
        }
        self.fingerprint(joined)
    }
}

/// Maps whose keys come from logs are keyed too, so that nobody can write keys that all fall together.
impl BuildHasher for Secret {
    type Hasher = Keyed;

    fn build_hasher(&self) -> Keyed {
        Keyed { secret: self.clone(), hash: 0 }
    }
}

/// A hasher of byte strings.
#[derive(Clone, Debug)]
pub struct Keyed {
    secret: Secret,
    hash: u64,
}

impl Hasher for Keyed {
    fn write(&mut self, bytes: &[u8]) {
        self.hash = folded(self.hash ^ bytes.len() as u64, FACTOR) ^ self.secret.fingerprint(bytes);
    }

    fn write_usize(&mut self, number: usize) {
        self.hash = folded(self.hash ^ number as u64, FACTOR);
    }

    fn finish(&self) -> u64 {
        self.hash
    }
}

#[inline(always)]
fn absorb(block: &[u8; 64], keys: &[u64; 4], lanes: &mut [u64; 4]) {
    let [one, two, three, four] = block.as_chunks::<16>().0 else { return };
    let step = |pair: &[u8; 16], key: u64, lane: u64| {
        let both = u128::from_le_bytes(*pair);
        folded(both as u64 ^ key, (both >> 64) as u64 ^ lane)
    };
    *lanes = [
        step(one, keys[0], lanes[0]),
        step(two, keys[1], lanes[1]),
        step(three, keys[2], lanes[2]),
        step(four, keys[3], lanes[3]),
    ];
}

/// Both halves of the product.
#[inline(always)]
fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_byte_every_length_and_the_secret_count() {
        let (secret, other) = (Secret::new([1, 2]), Secret::new([1, 3]));
        let mut seen = BTreeSet::new();
        for length in 0..300 {
            let mut bytes = vec![0; length];
            assert!(seen.insert(secret.fingerprint(&bytes)));
            assert_ne!(secret.fingerprint(&bytes), other.fingerprint(&bytes));
            for at in 0..length {
                bytes[at] = 1 << (at % 8);
                assert!(seen.insert(secret.fingerprint(&bytes)), "{length} {at}");
                bytes[at] = 0;
            }
        }
    }

    #[test]
    fn one_bit_turns_about_half_of_all_bits() {
        let secret = Secret::new([7, 9]);
        let text =
            b"a text of more than sixty-four bytes, so that the lanes are used twice, or rather three times over all".to_vec();
        let before = secret.fingerprint(&text);
        let turned: u32 = (0..text.len() * 8)
            .map(|bit| {
                let mut text = text.clone();
                text[bit / 8] ^= 1 << (bit % 8);
                let turned = (secret.fingerprint(&text) ^ before).count_ones();
                assert!((10..54).contains(&turned), "{bit}: {turned}");
                turned
            })
            .sum();
        let mean = f64::from(turned) / (text.len() * 8) as f64;
        assert!((30.0..34.0).contains(&mean), "{mean}");
    }

    #[test]
    fn pairs_are_told_apart() {
        let secret = Secret::new([7, 9]);
        assert_ne!(secret.pair(b"ab", b"c"), secret.pair(b"a", b"bc"));
        assert_eq!(secret.pair(&[b'x'; 100], &[b'y'; 100]), secret.pair(&[b'x'; 100], &[b'y'; 100]));
        assert_ne!(secret.pair(&[b'x'; 100], &[b'y'; 100]), secret.pair(&[b'x'; 101], &[b'y'; 99]));
    }
}
