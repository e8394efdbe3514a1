use std::sync::Mutex;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Held while an input is tried: tests have several threads.
static ALONE: Mutex<()> = Mutex::new(());

/// What reading one input may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Time of the processor: of a busy machine's clock nothing can be said.
    pub time: Duration,
    /// Memory above the input's own size, in bytes: what Rust code asks for,
    /// used or not, and what the process then really has, a codec's own memory
    /// included.
    pub memory: usize,
    /// The largest single piece of memory that anybody may ask for, a codec too,
    /// whether it is used or not, in bytes. The fuzzer's allocator holds it.
    pub request: usize,
}

impl Limits {
    /// The house's promise for any input: a second, and 64 MiB.
    pub const PROMISED: Self =
        Self { time: Duration::from_secs(1), memory: 64 << 20, request: 64 << 20 };

    /// Runs `work` on an input of `size` bytes.
    ///
    /// # Panics
    /// When it took more than is allowed.
    pub fn hold(&self, size: usize, work: impl FnOnce()) {
        // Memory is counted for the whole process.
        let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let allowed = self.memory + size;
        let (held, resident, start) = (MEMORY.current_usage(), most_resident(), processor());
        MEMORY.reset_peak_usage();
        work();
        let took = processor().saturating_sub(start);
        let asked = MEMORY.peak_usage().saturating_sub(held);
        let had = most_resident().saturating_sub(resident);
        assert!(took <= self.time, "{size} bytes took {took:?}, allowed are {:?}", self.time);
        assert!(asked <= allowed, "{size} bytes asked for {asked} bytes, allowed are {allowed}");
        assert!(had <= allowed, "{size} bytes needed {had} bytes, allowed are {allowed}");
    }
}

/// The most memory that the process ever had, in bytes.
fn most_resident() -> usize {
    let kibibytes = getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss());
    usize::try_from(kibibytes).unwrap_or(0) * 1024
}

/// Time of the processor that this thread has had.
fn processor() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}
