use nix::sys::signal::{SigSet, Signal};

/// From now on a file that grows beyond the largest size that this process may write
/// (RLIMIT_FSIZE) is an error of write(2), EFBIG, and no signal that ends the process and
/// leaves what it has begun.
///
/// For this thread and those that it starts; a program that it executes would have it, too.
pub fn survive_size_limit() {
    let mut limit = SigSet::empty();
    limit.add(Signal::SIGXFSZ);
    // There is no reason to refuse it; without it the process ends as it would have.
    let _ = limit.thread_block();
}
