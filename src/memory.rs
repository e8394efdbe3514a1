//! memcpy, memmove and memcmp for the static program on x86-64.
//!
//! musl's own copy with `rep movs`, which takes long to start, and compare byte by
//! byte. Names are short and there are a million of them: the C library's three
//! functions were a fifth of what depmod executes, and a quarter of the time of
//! unpacking xz. These take 16 bytes a step, which every x86-64 processor can.
//!
//! A compiler may make calls of these functions out of loops and of plain copies, also
//! here, where they would call themselves without end. So all reads and writes stand in
//! assembly, which it cannot see into.
#![allow(unsafe_code)] // island: memory functions

use std::arch::asm;
use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_movemask_epi8};

/// # Safety
/// `n` bytes from `from` on can be read and `n` from `to` on written; they may overlap.
#[cfg(not(any(test, debug_assertions)))]
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller keeps the same promise.
    unsafe { copy(to, from, n) }
}

/// # Safety
/// `n` bytes from `from` on can be read and `n` from `to` on written.
#[cfg(not(any(test, debug_assertions)))]
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller keeps the same promise.
    unsafe { copy(to, from, n) }
}

/// # Safety
/// `n` bytes from `a` on and from `b` on can be read.
#[cfg(not(any(test, debug_assertions)))]
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
    // SAFETY: the caller keeps the same promise.
    unsafe { compare(a, b, n) }
}

/// Reads and writes one word, as often as its parts are named.
macro_rules! word {
    ($read:ident, $write:ident, $type:ty, $class:ident, $load:literal, $store:literal) => {
        /// # Safety
        /// All bytes of the word can be read.
        #[inline(always)]
        unsafe fn $read(from: *const u8) -> $type {
            let word: $type;
            // SAFETY: reads what the caller promises is there, and nothing else.
            unsafe {
                asm!($load, out($class) word, from = in(reg) from,
                    options(nostack, preserves_flags, readonly, pure));
            }
            word
        }

        /// # Safety
        /// All bytes of the word can be written.
        #[inline(always)]
        unsafe fn $write(to: *mut u8, word: $type) {
            // SAFETY: writes what the caller promises is there, and nothing else.
            unsafe {
                asm!($store, word = in($class) word, to = in(reg) to,
                    options(nostack, preserves_flags));
            }
        }
    };
}

word!(read_1, write_1, u8, reg_byte, "mov {0}, [{from}]", "mov [{to}], {word}");
word!(read_2, write_2, u16, reg, "mov {0:x}, [{from}]", "mov [{to}], {word:x}");
word!(read_4, write_4, u32, reg, "mov {0:e}, [{from}]", "mov [{to}], {word:e}");
word!(read_8, write_8, u64, reg, "mov {0}, [{from}]", "mov [{to}], {word}");
word!(read_16, write_16, __m128i, xmm_reg, "movups {0}, [{from}]", "movups [{to}], {word}");

/// Copies as memmove(3). Everything up to 64 bytes is read before anything is written;
/// of more, each 64 bytes, from the end that the other place does not lie behind.
///
/// # Safety
/// `n` bytes from `from` on can be read and `n` from `to` on written; they may overlap.
#[inline(always)]
unsafe fn copy(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: every access lies within the `n` bytes of either place: at an offset of 0
    // and more, and so far before the end as the branch knows `n` to be at least.
    unsafe {
        match n {
            0 => {}
            1 => write_1(to, read_1(from)),
            2..=3 => {
                let (a, z) = (read_2(from), read_2(from.add(n - 2)));
                write_2(to, a);
                write_2(to.add(n - 2), z);
            }
            4..=7 => {
                let (a, z) = (read_4(from), read_4(from.add(n - 4)));
                write_4(to, a);
                write_4(to.add(n - 4), z);
            }
            8..=15 => {
                let (a, z) = (read_8(from), read_8(from.add(n - 8)));
                write_8(to, a);
                write_8(to.add(n - 8), z);
            }
            16..=32 => {
                let (a, z) = (read_16(from), read_16(from.add(n - 16)));
                write_16(to, a);
                write_16(to.add(n - 16), z);
            }
            33..=64 => {
                let (a, b) = (read_16(from), read_16(from.add(16)));
                let (y, z) = (read_16(from.add(n - 32)), read_16(from.add(n - 16)));
                write_16(to, a);
                write_16(to.add(16), b);
                write_16(to.add(n - 32), y);
                write_16(to.add(n - 16), z);
            }
            _ if (to as usize).wrapping_sub(from as usize) >= n => forward(to, from, n),
            _ => backward(to, from, n),
        }
    }
    to
}

/// # Safety
/// As [`copy`]; `n` is above 64, and `to` does not lie behind `from` within `n` bytes.
unsafe fn forward(to: *mut u8, from: *const u8, n: usize) {
    // SAFETY: `at` stays more than 64 below `n`; the last 64 bytes, read before any byte
    // was written, end at `n`.
    unsafe {
        let last = read_64(from.add(n - 64));
        let mut at = 0;
        while at < n - 64 {
            write_64(to.add(at), read_64(from.add(at)));
            at += 64;
        }
        write_64(to.add(n - 64), last);
    }
}

/// # Safety
/// As [`copy`]; `n` is above 64, and `to` does not lie before `from`.
unsafe fn backward(to: *mut u8, from: *const u8, n: usize) {
    // SAFETY: `at` is at least 64 where it is lessened; the first 64 bytes, read before
    // any byte was written, start at 0.
    unsafe {
        let first = read_64(from);
        let mut at = n;
        while at > 64 {
            at -= 64;
            write_64(to.add(at), read_64(from.add(at)));
        }
        write_64(to, first);
    }
}

/// # Safety
/// 64 bytes can be read.
#[inline(always)]
unsafe fn read_64(from: *const u8) -> [__m128i; 4] {
    // SAFETY: four times 16 bytes are 64.
    unsafe { [read_16(from), read_16(from.add(16)), read_16(from.add(32)), read_16(from.add(48))] }
}

/// # Safety
/// 64 bytes can be written.
#[inline(always)]
unsafe fn write_64(to: *mut u8, [a, b, c, d]: [__m128i; 4]) {
    // SAFETY: four times 16 bytes are 64.
    unsafe {
        write_16(to, a);
        write_16(to.add(16), b);
        write_16(to.add(32), c);
        write_16(to.add(48), d);
    }
}

/// Compares as memcmp(3).
///
/// # Safety
/// `n` bytes from `a` on and from `b` on can be read.
#[inline(always)]
unsafe fn compare(a: *const u8, b: *const u8, n: usize) -> i32 {
    // SAFETY: every read lies within the `n` bytes of either place: the last word of each
    // size ends at `n`, which is at least that size.
    unsafe {
        match n {
            0..4 => {
                for at in 0..n {
                    let (x, y) = (read_1(a.add(at)), read_1(b.add(at)));
                    if x != y {
                        return i32::from(x) - i32::from(y);
                    }
                }
                0
            }
            4..=7 => {
                order(big(read_4(a), read_4(a.add(n - 4))), big(read_4(b), read_4(b.add(n - 4))))
            }
            8..=15 => {
                let first = order(read_8(a).swap_bytes(), read_8(b).swap_bytes());
                if first != 0 {
                    return first;
                }
                let end = n - 8;
                order(read_8(a.add(end)).swap_bytes(), read_8(b.add(end)).swap_bytes())
            }
            _ => {
                let mut at = 0;
                while at < n - 16 {
                    let found = compare_16(a.add(at), b.add(at));
                    if found != 0 {
                        return found;
                    }
                    at += 16;
                }
                compare_16(a.add(n - 16), b.add(n - 16))
            }
        }
    }
}

/// Two words, the first before the second, as one number that sorts as their bytes.
#[inline(always)]
fn big(first: u32, second: u32) -> u64 {
    u64::from(first.swap_bytes()) << 32 | u64::from(second.swap_bytes())
}

#[inline(always)]
fn order(a: u64, b: u64) -> i32 {
    i32::from(a > b) - i32::from(a < b)
}

/// # Safety
/// 16 bytes can be read from each.
#[inline(always)]
unsafe fn compare_16(a: *const u8, b: *const u8) -> i32 {
    // SAFETY: the caller promises 16 bytes; the first that differs is one of them.
    unsafe {
        let same = _mm_movemask_epi8(_mm_cmpeq_epi8(read_16(a), read_16(b))) as u32;
        if same == 0xffff {
            return 0;
        }
        let at = (!same).trailing_zeros() as usize;
        i32::from(read_1(a.add(at))) - i32::from(read_1(b.add(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes in no simple order.
    fn bytes(size: usize) -> Vec<u8> {
        (0..size as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    #[test]
    fn copies_of_every_length_and_overlap_are_those_of_the_standard_library() {
        const ROOM: usize = 700;
        for n in (0..200).chain([255, 256, 257, 300, 400]) {
            for (from, to) in (0..=130).flat_map(|shift| [(140 + shift, 140), (140, 140 + shift)]) {
                let mut expected = bytes(ROOM);
                let mut found = expected.clone();
                expected.copy_within(from..from + n, to);
                // SAFETY: 270 + 400 bytes are within the room.
                let back = unsafe {
                    let start = found.as_mut_ptr();
                    copy(start.add(to), start.add(from), n).offset_from(start)
                };
                assert_eq!(back, to as isize);
                assert!(found == expected, "{n} from {from} to {to}");
            }
        }
    }

    /// Under valgrind a read or write beyond them is an error.
    #[test]
    fn nothing_beyond_the_ends_is_touched() {
        for n in 0..300 {
            let from = bytes(n).into_boxed_slice();
            let mut to = vec![0; n].into_boxed_slice();
            // SAFETY: both have `n` bytes.
            unsafe {
                copy(to.as_mut_ptr(), from.as_ptr(), n);
                assert_eq!(compare(to.as_ptr(), from.as_ptr(), n), 0, "{n}");
            }
        }
    }

    #[test]
    fn comparisons_are_those_of_the_standard_library() {
        for n in 0..150 {
            for start in [0, 1, 7, 8, 15] {
                let a = bytes(start + n + 1);
                for at in 0..n {
                    for value in [0, 0x7f, 0x80, 0xff] {
                        let mut b = a.clone();
                        b[start + at] = value;
                        // A difference behind the end or after the first counts for nothing.
                        b[start + n] ^= 1;
                        let (x, y) = (&a[start..start + n], &b[start..start + n]);
                        // SAFETY: both have `n` bytes.
                        let found = unsafe { compare(x.as_ptr(), y.as_ptr(), n) };
                        assert_eq!(found.cmp(&0), x.cmp(y), "{n} {start} {at}");
                        let mut c = b.clone();
                        c[start..start + n].reverse();
                        let z = &c[start..start + n];
                        // SAFETY: both have `n` bytes.
                        let found = unsafe { compare(x.as_ptr(), z.as_ptr(), n) };
                        assert_eq!(found.cmp(&0), x.cmp(z), "{n} {start} {at}");
                    }
                }
            }
        }
        // SAFETY: nothing is read.
        assert_eq!(unsafe { compare(b"a".as_ptr(), b"b".as_ptr(), 0) }, 0);
    }
}
