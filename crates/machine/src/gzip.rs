//! One gzip member inflated by libdeflate, whole, from a slice into a slice.
//!
//! libdeflate is about twice as fast as a streaming inflater because it sees all of both buffers. It only says that
//! something is wrong, not what; callers that need to know, or need what came before the damage, go over the same bytes
//! again with a streaming reader.
#![expect(unsafe_code, reason = "libdeflate is a C library")]

use std::ptr::NonNull;

use libdeflate_sys::{
    libdeflate_alloc_decompressor, libdeflate_decompressor, libdeflate_free_decompressor, libdeflate_gzip_decompress_ex,
    libdeflate_result_LIBDEFLATE_SUCCESS,
};

/// libdeflate's working memory, about 12 KB; used again for every object.
#[derive(Debug)]
pub struct Inflater(NonNull<libdeflate_decompressor>);

// SAFETY: the decompressor is plain memory that this value alone points to; libdeflate keeps nothing per thread.
unsafe impl Send for Inflater {}

impl Inflater {
    /// `None` if there is no memory for it.
    pub fn new() -> Option<Inflater> {
        // SAFETY: takes no arguments; gives a decompressor or null.
        NonNull::new(unsafe { libdeflate_alloc_decompressor() }).map(Inflater)
    }

    /// Inflates the first gzip member of `stored` into `out`. Returns how many bytes of `stored` the member takes, and
    /// how many bytes of `out` it filled; `None` if anything is wrong or `out` is too small. Length and checksum at the
    /// member's end were compared.
    pub fn member(&mut self, stored: &[u8], out: &mut [u8]) -> Option<(usize, usize)> {
        let (mut taken, mut filled) = (0, 0);
        // SAFETY: the decompressor is live and not shared, because `self` is borrowed mutably. libdeflate reads
        // `stored.len()` bytes at most, writes `out.len()` at most, and both slices are valid for that and cannot
        // overlap. `taken` and `filled` are valid for writing. None of the pointers is kept.
        let result = unsafe {
            libdeflate_gzip_decompress_ex(
                self.0.as_ptr(),
                stored.as_ptr().cast(),
                stored.len(),
                out.as_mut_ptr().cast(),
                out.len(),
                &raw mut taken,
                &raw mut filled,
            )
        };
        (result == libdeflate_result_LIBDEFLATE_SUCCESS && taken <= stored.len() && filled <= out.len())
            .then_some((taken, filled))
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        // SAFETY: it came from `libdeflate_alloc_decompressor`, and this value alone points to it.
        unsafe { libdeflate_free_decompressor(self.0.as_ptr()) }
    }
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
    fn a_member_is_inflated_and_what_follows_is_left() {
        let mut inflater = Inflater::new().unwrap();
        let text = "record ".repeat(1000);
        let mut stored = gzip(text.as_bytes());
        let length = stored.len();
        stored.extend_from_slice(&gzip(b"two"));
        let mut out = vec![0; text.len() + 10];
        assert_eq!(inflater.member(&stored, &mut out), Some((length, text.len())));
        assert_eq!(&out[..text.len()], text.as_bytes());
    }

    #[test]
    fn damage_truncation_and_lack_of_room_are_refused() {
        let mut inflater = Inflater::new().unwrap();
        let stored = gzip(&b"record ".repeat(1000));
        let mut out = vec![0; 7000];
        for end in 0..stored.len() {
            assert_eq!(inflater.member(&stored[..end], &mut out), None);
        }
        assert_eq!(inflater.member(&stored, &mut out[..6999]), None);
        let mut damaged = stored.clone();
        let checksum = damaged.len() - 8;
        damaged[checksum] ^= 1;
        assert_eq!(inflater.member(&damaged, &mut out), None);
        assert_eq!(inflater.member(&[], &mut []), None);
    }
}
