//! What a question costs: bytes of the heap, processor time, and whether it panics.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};

/// The heap, with a count of what is held.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static HEAP: Counting = Counting;

fn grow(bytes: usize) {
    let held = HELD.fetch_add(bytes, Relaxed) + bytes;
    MOST.fetch_max(held, Relaxed);
}

// SAFETY: everything is handed to the system's allocator as it came; only numbers are
// kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        grow(size);
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// What a question cost.
#[derive(Debug, Default)]
pub struct Cost {
    /// The most that the heap held at once beyond what it held before, in bytes. While a
    /// block grows, it is counted twice.
    pub heap: usize,
    /// The most that the process ever had in memory, what codecs written in C hold
    /// included, in bytes.
    pub resident: usize,
    /// Processor time.
    pub time: Duration,
    /// The words of a panic.
    pub panic: Option<String>,
}

/// What is being asked, for the watch.
static ASKED: Mutex<Option<String>> = Mutex::new(None);
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Asks, and says what it cost. `what` is named when it never ends.
pub fn measure(what: &dyn Fn() -> String, ask: impl FnOnce()) -> Cost {
    if let Ok(mut asked) = ASKED.lock() {
        *asked = Some(what());
    }
    COUNT.fetch_add(1, Relaxed);
    let before = HELD.load(Relaxed);
    MOST.store(before, Relaxed);
    let start = processor_time();
    let panic = catch_unwind(AssertUnwindSafe(ask)).err();
    let time = processor_time().saturating_sub(start);
    let heap = MOST.load(Relaxed).saturating_sub(before);
    let panic = panic.map(|panic| match panic.downcast::<String>() {
        Ok(words) => *words,
        Err(panic) => panic.downcast::<&str>().map_or("a panic".into(), |words| (*words).into()),
    });
    Cost { heap, resident: resident(), time, panic }
}

/// The most that this process ever had in memory.
pub fn resident() -> usize {
    let kilobytes = getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss());
    usize::try_from(kilobytes).unwrap_or(0).saturating_mul(1024)
}

fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// From now on a question that takes ten seconds by the clock is named, and ends the
/// process.
pub fn watch() {
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::spawn(|| {
        let mut before = 0;
        loop {
            std::thread::sleep(Duration::from_secs(10));
            let count = COUNT.load(Relaxed);
            if count == before {
                let asked = ASKED.lock().ok().and_then(|mut asked| asked.take());
                eprintln!("no answer in ten seconds: {}", asked.unwrap_or_default());
                std::process::exit(1);
            }
            before = count;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heap_time_and_panics_are_seen() {
        let what = || String::new();
        let cost = measure(&what, || drop(std::hint::black_box(vec![1_u8; 3 << 20])));
        assert!((3 << 20..4 << 20).contains(&cost.heap), "{}", cost.heap);
        let cost = measure(&what, || {
            let start = processor_time();
            while processor_time() - start < Duration::from_millis(20) {}
        });
        assert!(cost.time >= Duration::from_millis(20));
        let cost = measure(&what, || panic!("{}", "words"));
        assert_eq!(cost.panic.as_deref(), Some("words"));
    }
}
