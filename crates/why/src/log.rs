//! The kernel's log, as far as it can be of this process's doing.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use nix::libc::O_NONBLOCK;
use nix::time::{ClockId, clock_gettime};

/// How exact the start of a process is known, and how far the clocks of two processors
/// may be apart: a tick of the slowest kernel (10 ms), several times.
const SLACK: u64 = 50_000;

/// The texts of the records in `/dev/kmsg` (kernel: Documentation/ABI/testing/dev-kmsg)
/// that are not older than this process, in order. `None` when the log cannot be read,
/// or the process's age is not known.
///
/// Which record is too old is told without a look at the log before the load: that
/// would cost each load a system call. Records carry the time of the scheduler's clock,
/// in microseconds, which runs at another pace than those that can be read. But it is
/// never behind the newest record, nor behind the time at which this process was last
/// given the processor (`se.exec_start` of `/proc/self/sched`, where the kernel has it).
/// So no record of this process's doing is older than the later of the two less the
/// process's age.
pub(crate) fn records(root: &Path) -> Option<Vec<Vec<u8>>> {
    let age = age(root)?;
    let all = read(root)?;
    let newest = all.iter().map(|(at, _)| *at).max().unwrap_or(0);
    // A clock that was set while the machine was busy is wrong by so much.
    let age = age.saturating_add(age / 4);
    let since = newest.max(last_run(root)).saturating_sub(age).saturating_sub(SLACK);
    Some(all.into_iter().filter(|(at, _)| *at >= since).map(|(_, text)| text).collect())
}

/// Each record's time and text.
fn read(root: &Path) -> Option<Vec<(u64, Vec<u8>)>> {
    let mut options = OpenOptions::new();
    let options = options.read(true).custom_flags(O_NONBLOCK);
    let mut file = options.open(root.join("dev/kmsg")).ok()?;
    let mut all = Vec::new();
    // A record has at most 8 KiB, and comes alone.
    let mut buffer = vec![0; 16 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(size) => {
                let text = buffer.get(..size).unwrap_or_default();
                all.extend(text.split(|&byte| byte == b'\n').filter_map(record));
            }
            // Overwritten while we read: the next one is there.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(_) => return None,
        }
    }
    Some(all)
}

/// `PRIORITY,SEQUENCE,MICROSECONDS,FLAGS[,MORE];TEXT`. Lines that begin with a blank
/// carry on a record's description.
fn record(line: &[u8]) -> Option<(u64, Vec<u8>)> {
    let at = line.iter().position(|&byte| byte == b';')?;
    let (head, text) = line.split_at_checked(at)?;
    let time = head.split(|&byte| byte == b',').nth(2)?;
    let time = std::str::from_utf8(time).ok()?.parse().ok()?;
    Some((time, text.get(1..)?.to_vec()))
}

/// For how long this process has been there, in microseconds.
fn age(root: &Path) -> Option<u64> {
    // In ticks since the machine was booted, sleep included; all that user space sees
    // has a hundred of them a second.
    let stat = std::fs::read(root.join("proc/self/stat")).ok()?;
    let behind = stat.rsplit(|&byte| byte == b')').next()?;
    let start = behind.split(|&byte| byte == b' ').nth(20)?;
    let start: u64 = std::str::from_utf8(start).ok()?.parse().ok()?;
    let now = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?);
    let now = u64::try_from(now.as_micros()).ok()?;
    Some(now.saturating_sub(start.saturating_mul(10_000)))
}

/// When the scheduler last looked at this process, in microseconds of its clock; 0 where
/// it does not tell.
fn last_run(root: &Path) -> u64 {
    let text = std::fs::read_to_string(root.join("proc/self/sched")).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("se.exec_start"));
    let number = line.and_then(|line| line.rsplit(':').next()?.trim().split('.').next());
    let milliseconds = number.and_then(|number| number.parse::<u64>().ok());
    milliseconds.map_or(0, |number| number.saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn records_are_taken_apart() {
        assert_eq!(
            record(b"6,339,5140900,-;a: text; more"),
            Some((5140900, b"a: text; more".to_vec()))
        );
        assert_eq!(record(b"6,339,7,-,caller=T1;x"), Some((7, b"x".to_vec())));
        for bad in [&b""[..], b" SUBSYSTEM=x", b"6,1;x", b"6,1,no,-;x", b"6,1,2,-"] {
            assert_eq!(record(bad), None);
        }
    }

    /// `/proc/self/stat` of a process that began so many seconds ago.
    fn aged(seconds: u64) -> String {
        let now = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME).unwrap()).as_secs();
        let fields = "S 1 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0";
        format!("7 (mod (probe)) {fields} {} 1 2", (now - seconds) * 100)
    }

    #[test]
    fn what_is_older_than_the_process_is_not_its_doing() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(records(root.path()), None);
        write("dev/kmsg", "6,1,1000000,-;a: old\n6,2,90000000,-;a: new\n6,3,90000001,-;a: newer\n");
        assert_eq!(records(root.path()), None, "the process's age is not known");
        write("proc/self/stat", &aged(2));
        assert_eq!(records(root.path()).unwrap(), [&b"a: new"[..], b"a: newer"]);
        // The log has nothing of it: the newest records are old ones.
        write("proc/self/sched", "x\nse.exec_start    :     200000.5\nse.vruntime : 1\n");
        assert!(records(root.path()).unwrap().is_empty());
        write("proc/self/stat", &aged(150));
        assert_eq!(records(root.path()).unwrap().len(), 2);
    }
}
