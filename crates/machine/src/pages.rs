//! Asks the system for memory in large pages.
#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "the advice is given by a call of the C library"))]

use std::mem::MaybeUninit;

/// Says that a large table will be looked into all over, before anything is written to it. With pages of two megabytes in
/// place of four kilobytes the processor finds each place without first finding its page. It is advice: nothing happens where
/// the system has no such pages, and what the memory holds stays as it is.
pub fn prefer_large<T>(room: &mut [MaybeUninit<T>]) {
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        let range = room.as_mut_ptr_range();
        let (start, end) = (range.start.addr().next_multiple_of(PAGE), range.end.addr());
        if let Some(length) = end.checked_sub(start).filter(|length| *length >= 2 << 20) {
            let from = range.start.with_addr(start).cast();
            // SAFETY: the range lies within `room`, which is borrowed mutably; this advice changes no byte of it (Linux
            // manual, madvise(2)), and an error only says that it was not taken.
            unsafe { libc::madvise(from, length, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _: &mut [MaybeUninit<T>] = room;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_afterwards_is_there() {
        for length in [0, 1, 1000, 1_000_000] {
            let mut rows: Vec<[u64; 3]> = Vec::with_capacity(length);
            prefer_large(rows.spare_capacity_mut());
            rows.extend((0..length as u64).map(|number| [number; 3]));
            assert!(rows.iter().enumerate().all(|(number, row)| *row == [number as u64; 3]));
        }
    }
}
