//! The one source of chance: SplitMix64 from the seed, and the shapes of identifiers that are drawn from it.
//!
//! Integers only, so that every platform and build draws the same. Streams for different purposes are forked by a
//! label, so that more traffic does not change the incidents.

/// A seeded generator (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// A generator for `seed`; any seed is good.
    pub(crate) fn new(seed: u64) -> Self {
        Random { state: seed }
    }

    /// An independent generator for the purpose `label`, without drawing from this one.
    pub(crate) fn fork(&self, label: u64) -> Self {
        let mut mixed = Random::new(self.state ^ label.wrapping_mul(0xd6e8_feb8_6659_fd93));
        Random::new(mixed.next())
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; 0 if `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `low..=high`.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1).max(1) as u64) as i64
    }

    /// True `per_mille` times in a thousand.
    pub(crate) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// One of `choices`, which is not empty.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }

    /// `length` characters of `alphabet`, which is ASCII.
    fn draw(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(*self.pick(alphabet))).collect()
    }

    /// `length` lower-case hexadecimal digits.
    pub(crate) fn hex(&mut self, length: usize) -> String {
        self.draw(b"0123456789abcdef", length)
    }

    /// `length` letters and digits, as at the end of a log object's name.
    pub(crate) fn letters(&mut self, length: usize) -> String {
        self.draw(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", length)
    }

    /// An IAM unique id (`AROA` or `AIDA` and 17 characters) or access key id (`AKIA` or `ASIA` and 16).
    pub(crate) fn unique_id(&mut self, prefix: &str) -> String {
        let length = if prefix.starts_with('A') && prefix.ends_with("IA") { 16 } else { 17 };
        format!("{prefix}{}", self.draw(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", length))
    }

    /// A resource id such as `i-0` and 16 hexadecimal digits.
    pub(crate) fn resource_id(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{}", self.hex(16))
    }

    /// The id of an S3 request: 16 upper-case letters and digits.
    pub(crate) fn s3_request_id(&mut self) -> String {
        self.draw(b"ABCDEFGHJKMNPQRSTVWXYZ0123456789", 16)
    }

    /// A version 4 UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let variant = *self.pick(b"89ab");
        format!("{}-{}-4{}-{}{}-{}", self.hex(8), self.hex(4), self.hex(3), char::from(variant), self.hex(3), self.hex(12))
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn the_stream_is_splitmix64() {
        // The reference values that the algorithm's author publishes for seed 1234567.
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn a_uuid_has_the_shape_of_version_4() {
        let id = Random::new(7).uuid();
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&id.as_bytes()[19]));
    }
}
