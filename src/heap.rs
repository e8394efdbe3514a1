//! The first memory of the static program on Linux: a region that is given out from its
//! start to its end.
//!
//! Most runs need some twenty kilobytes, in hundreds of pieces, and end. musl's
//! allocator, which keeps each size apart and looks after damage, was a third of what
//! modprobe executes, beside five system calls. What does not fit, or is large, is its
//! own as ever, and so is what C code asks for.
#![allow(unsafe_code)] // island: the allocator

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicPtr, AtomicUsize};

use nix::libc;

/// Bytes of the region: address space, until they are written. A depmod that finds nothing
/// new needs some 400 kB, in thousands of pieces; one that finds one module more 5 MB, and
/// saves 400 system calls.
const SIZE: usize = 8 << 20;
/// Larger pieces are not taken from it.
const LARGEST: usize = 16 << 10;

#[cfg(not(any(test, debug_assertions)))]
#[global_allocator]
static HEAP: Heap = Heap::new();

/// Gives out one region, then the system's memory.
struct Heap {
    /// Where the region starts; null as long as there is none.
    start: AtomicPtr<u8>,
    /// How far into it the next piece may start; [`NONE`] as long as there is none.
    next: AtomicUsize,
}

/// Behind all ends.
const NONE: usize = SIZE + 1;
/// The region starts at a page.
const PAGE: usize = 4096;

impl Heap {
    const fn new() -> Self {
        Self { start: AtomicPtr::new(ptr::null_mut()), next: AtomicUsize::new(NONE) }
    }

    /// How far into the region this lies; a piece that is not of it lies beyond its size.
    fn offset(&self, piece: *mut u8) -> usize {
        piece.addr().wrapping_sub(self.start.load(Relaxed).addr())
    }

    /// A piece of the region; null if it does not fit. Nobody else gets the same bytes
    /// until they are given back: `next` is moved behind them in one step, from where
    /// they start.
    fn take(&self, layout: Layout) -> *mut u8 {
        if layout.size() > LARGEST || layout.align() > PAGE {
            return ptr::null_mut();
        }
        let mut next = self.next.load(Acquire);
        loop {
            let piece = next.next_multiple_of(layout.align());
            let behind = piece + layout.size();
            if behind > SIZE {
                if !self.start.load(Relaxed).is_null() || !self.open() {
                    return ptr::null_mut();
                }
                next = self.next.load(Acquire);
            } else {
                match self.next.compare_exchange_weak(next, behind, Acquire, Acquire) {
                    Ok(_) => return self.start.load(Relaxed).wrapping_add(piece),
                    Err(other) => next = other,
                }
            }
        }
    }

    /// Has the kernel give the region; whether it did.
    #[cold]
    #[inline(never)]
    fn open(&self) -> bool {
        let (access, kind) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping, wherever the kernel likes: nobody's memory changes.
        let region = unsafe { libc::mmap(ptr::null_mut(), SIZE, access, kind, -1, 0) };
        if region == libc::MAP_FAILED {
            return false;
        }
        // Of two threads that come here first, one's region stays unused.
        let none = ptr::null_mut();
        if self.start.compare_exchange(none, region.cast(), Relaxed, Relaxed).is_ok() {
            self.next.store(0, Release);
        }
        true
    }

    /// Moves the end of a piece that ends at `from` and is the last; whether it was. Who
    /// takes its bytes next comes after all that was done to them.
    fn move_end(&self, from: usize, to: usize) -> bool {
        to <= SIZE && self.next.compare_exchange(from, to, AcqRel, Relaxed).is_ok()
    }
}

// SAFETY: a piece lies in the region or is the system's, and is the caller's alone from
// `take` until `dealloc`, the only function that may make it anybody's again: by moving
// `next` back to its start, which succeeds only as long as nothing lies behind it.
//
// None of these is inlined: there are thousands of calls in the program.
unsafe impl GlobalAlloc for Heap {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let piece = self.take(layout);
        if !piece.is_null() {
            return piece;
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let piece = self.take(layout);
        // SAFETY: the piece has `size` bytes; the caller's promise is passed on.
        unsafe {
            if piece.is_null() {
                return System.alloc_zeroed(layout);
            }
            piece.write_bytes(0, layout.size());
        }
        piece
    }

    #[inline(never)]
    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        let offset = self.offset(piece);
        if offset < SIZE {
            self.move_end(offset + layout.size(), offset);
            return;
        }
        // SAFETY: the caller's promise is passed on; the piece is the system's.
        unsafe { System.dealloc(piece, layout) }
    }

    #[inline(never)]
    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let offset = self.offset(piece);
        if offset >= SIZE {
            // SAFETY: the caller's promise is passed on; the piece is the system's.
            return unsafe { System.realloc(piece, layout, size) };
        }
        let grown = self.move_end(offset + layout.size(), offset.saturating_add(size));
        if grown || size <= layout.size() {
            return piece;
        }
        // SAFETY: `size` is the caller's, who promises that it makes a layout with this
        // alignment; both pieces have the smaller number of bytes, and are two.
        unsafe {
            let other = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !other.is_null() {
                other.copy_from_nonoverlapping(piece, layout.size().min(size));
            }
            other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    /// A piece filled with a byte that is its own.
    struct Piece(*mut u8, Layout, u8);

    impl Piece {
        fn new(heap: &Heap, layout: Layout, byte: u8) -> Self {
            let zeroed = byte % 2 == 0;
            // SAFETY: no layout here has no size; all bytes of a piece are written.
            unsafe {
                let start = if zeroed { heap.alloc_zeroed(layout) } else { heap.alloc(layout) };
                assert!(!start.is_null() && start.addr() % layout.align() == 0);
                if zeroed {
                    assert!((0..layout.size()).all(|at| *start.add(at) == 0));
                }
                start.write_bytes(byte, layout.size());
                Self(start, layout, byte)
            }
        }

        fn check(&self, size: usize) {
            // SAFETY: the piece has so many bytes, and they were written.
            assert!(unsafe { (0..size).all(|at| *self.0.add(at) == self.2) }, "{:?}", self.1);
        }

        fn resize(&mut self, heap: &Heap, size: usize) {
            // SAFETY: the piece is of this heap and layout; it is replaced by what it became.
            unsafe {
                self.0 = heap.realloc(self.0, self.1, size);
                let old = self.1.size();
                self.1 = layout(size, self.1.align());
                self.check(old.min(size));
                self.0.write_bytes(self.2, size);
            }
        }

        fn free(self, heap: &Heap) {
            self.check(self.1.size());
            // SAFETY: the piece is of this heap and layout, and used no more.
            unsafe { heap.dealloc(self.0, self.1) };
        }
    }

    /// Numbers without a pattern.
    fn numbers(mut seed: u64) -> impl FnMut(usize) -> usize {
        move |below| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as usize % below
        }
    }

    /// Pieces come and go in any order, and each keeps its bytes.
    fn churn(heap: &Heap, seed: u64) {
        let mut number = numbers(seed);
        let mut pieces = Vec::new();
        for round in 0..if cfg!(miri) { 100 } else { 3000 } {
            let byte = round as u8;
            match number(5) {
                0 | 1 => {
                    let size = 1 + if number(20) == 0 { number(2 * LARGEST) } else { number(90) };
                    pieces.push(Piece::new(heap, layout(size, 1 << number(6)), byte));
                }
                2 if !pieces.is_empty() => {
                    let at = number(pieces.len());
                    pieces[at].resize(heap, 1 + number(200));
                }
                3 => {
                    if let Some(last) = pieces.last_mut() {
                        last.resize(heap, 1 + number(400));
                    }
                }
                _ if !pieces.is_empty() => {
                    let last = pieces.len() - 1;
                    let at = if number(2) == 0 { last } else { number(pieces.len()) };
                    pieces.remove(at).free(heap);
                }
                _ => {}
            }
        }
        pieces.into_iter().for_each(|piece| piece.free(heap));
    }

    #[test]
    fn each_piece_keeps_its_bytes() {
        for seed in 1..4 {
            churn(&Heap::new(), seed);
        }
    }

    #[test]
    fn threads_share_it() {
        let heap = Heap::new();
        std::thread::scope(|scope| {
            for seed in 10..14 {
                let heap = &heap;
                scope.spawn(move || churn(heap, seed));
            }
        });
    }

    #[test]
    fn the_last_piece_grows_and_is_given_back_in_place() {
        let heap = Heap::new();
        let first = Piece::new(&heap, layout(10, 1), 1);
        let mut last = Piece::new(&heap, layout(10, 8), 3);
        let place = last.0;
        last.resize(&heap, 5000);
        assert_eq!(last.0, place);
        last.resize(&heap, 7);
        last.free(&heap);
        let again = Piece::new(&heap, layout(100, 8), 5);
        assert_eq!(again.0, place);
        assert!(heap.offset(first.0) < SIZE);
        first.free(&heap);
        again.free(&heap);
    }

    #[test]
    fn what_does_not_fit_is_the_systems() {
        let heap = Heap::new();
        const FIT: usize = SIZE / LARGEST;
        let new = |number| Piece::new(&heap, layout(LARGEST, 1), number as u8);
        let mut pieces: Vec<_> = (0..FIT + 6).map(new).collect();
        assert_eq!(pieces.iter().filter(|piece| heap.offset(piece.0) < SIZE).count(), FIT);
        pieces[0].resize(&heap, LARGEST + 1);
        assert!(heap.offset(pieces[0].0) >= SIZE);
        pieces.push(Piece::new(&heap, layout(1, 1), 20));
        pieces.push(Piece::new(&heap, layout(LARGEST + 1, 1), 22));
        pieces.into_iter().for_each(|piece| piece.free(&heap));
    }
}
