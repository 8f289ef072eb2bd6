//! Tells the processor which memory will be asked for soon.
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "the instruction takes a pointer"))]

/// Begins to bring what stands at an address into the cache. Changes nothing but time; on processors without such an
/// instruction, nothing at all. The address may be stale, or nothing at all: then only the time is lost.
#[inline(always)]
pub fn prefetch(address: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the instruction reads nothing that the program can see, and does not fault whatever the address is (Intel
        // SDM volume 2, PREFETCHh).
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::without_provenance(address)) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _: usize = address;
}
