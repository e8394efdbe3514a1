//! One virtual machine, from its start to its end.
//!
//! The kernel's own messages go to the first serial port and into a log; what
//! the guest's programs say goes to the second and comes back line by line.
//! A machine that says nothing for too long, or never ends, is ended.

use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::install;
use crate::outcome::Stop;

/// What a machine has beside its disks, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub struct Hardware<'a> {
    /// Processors.
    pub processors: u8,
    /// Whether its clock counts instructions, two nanoseconds each, and waits for
    /// nothing: then what a program takes is the same on a busy machine, and nothing is
    /// too late. One processor only.
    pub counted: bool,
    /// Words for QEMU: devices.
    pub devices: &'a [&'a str],
    /// Where QEMU listens for [`tell`].
    pub monitor: Option<&'a Path>,
    /// Whether what is written to the disks is gone at the end.
    pub forgets: bool,
    /// How many seconds it may be silent; software emulation on a busy machine is slow.
    pub silence: u64,
    /// How many seconds it may live altogether.
    pub life: u64,
}

impl Hardware<'_> {
    /// Two processors, nothing else.
    pub const PLAIN: Self = Self {
        processors: 2,
        counted: false,
        devices: &[],
        monitor: None,
        forgets: false,
        silence: 120,
        life: 600,
    };
}

/// What a machine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// It said this.
    Line(&'a str),
    /// It has said nothing for so many seconds.
    Silent(u64),
}

/// What a machine is made of.
pub struct Machine<'a> {
    /// The kernel's image.
    pub kernel: &'a Path,
    /// The archive it unpacks as its root; `/init` is started there.
    pub initramfs: &'a Path,
    /// Words for the kernel's command line.
    pub append: &'a str,
    /// Where the kernel's messages go.
    pub log: &'a Path,
    /// Images of its virtio disks, `/dev/vda` and on. Each write of the guest's goes
    /// into the image, each flush to this machine's disk.
    pub disks: &'a [PathBuf],
    /// Everything else.
    pub hardware: Hardware<'a>,
}

/// How a machine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It switched itself off.
    Off,
    /// We killed it.
    Cut,
}

impl Machine<'_> {
    /// Starts the machine and hands over each line of its second serial port,
    /// and each second of silence, until it is off.
    ///
    /// [`Stop::NotHere`] if QEMU is not installed, [`Stop::Failed`] if the
    /// machine hung or QEMU failed: the text then ends with the kernel's last
    /// messages.
    pub fn boot(&self, mut event: impl FnMut(Event<'_>)) -> Result<(), Stop> {
        self.boot_until(|happened| {
            event(happened);
            ControlFlow::Continue(())
        })
        .map(drop)
    }

    /// As [`Machine::boot`], until `event` breaks: then it is killed at once, with
    /// all that it has in memory.
    pub fn boot_until(
        &self,
        mut event: impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Ended, Stop> {
        install::ensure(install::QEMU)?;
        let hardware = self.hardware;
        let kept = if hardware.forgets { "unsafe,snapshot=on" } else { "writeback" };
        let drives = self.disks.iter().flat_map(|disk| {
            let image = disk.display();
            ["-drive".to_owned(), format!("file={image},format=raw,if=virtio,cache={kept}")]
        });
        let clock: &[&str] = if hardware.counted { &["-icount", "shift=1,sleep=off"] } else { &[] };
        let monitor = hardware.monitor.map(|path| {
            ["-monitor".to_owned(), format!("unix:{},server=on,wait=off", path.display())]
        });
        let child = Command::new(install::QEMU.program)
            .args(["-accel", "tcg", "-cpu", "max", "-m", "1G"])
            .args(["-smp", &hardware.processors.to_string()])
            .args(clock)
            .args(["-display", "none", "-nodefaults", "-no-reboot"])
            .arg("-kernel")
            .arg(self.kernel)
            .arg("-initrd")
            .arg(self.initramfs)
            // On a busy machine the kernel may see no tick of its timer in the time
            // that it allows for one, and would give up.
            .args(["-append", &format!("console=ttyS0 panic=-1 no_timer_check {}", self.append)])
            .arg("-serial")
            .arg(format!("file:{}", self.log.display()))
            .args(["-serial", "stdio"])
            .args(drives)
            .args(hardware.devices)
            .args(monitor.into_iter().flatten())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(Stop::io("qemu-system-x86_64"))?;
        let mut guard = EndsWithUs(child);
        let Some(output) = guard.0.stdout.take() else {
            return Err(Stop::Failed("QEMU has no output".into()));
        };
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for raw in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let text = String::from_utf8_lossy(&raw);
                if sender.send(text.trim_end_matches('\r').to_owned()).is_err() {
                    return;
                }
            }
        });
        let mut silent = 0;
        let start = Instant::now();
        let life = Duration::from_secs(hardware.life);
        while silent < hardware.silence && start.elapsed() < life {
            let flow = match lines.recv_timeout(Duration::from_secs(1)) {
                Ok(text) => {
                    silent = 0;
                    event(Event::Line(&text))
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    silent += 1;
                    event(Event::Silent(silent))
                }
            };
            if flow.is_break() {
                return Ok(Ended::Cut);
            }
        }
        if silent == hardware.silence || start.elapsed() >= life {
            let (said, life) = (self.last_messages(), start.elapsed().as_secs());
            return Err(Stop::Failed(format!(
                "ended after {life} s, silent for {silent} s; its last messages:\n{said}"
            )));
        }
        let status = guard.0.wait().map_err(Stop::io("qemu-system-x86_64"))?;
        if status.success() {
            return Ok(Ended::Off);
        }
        Err(Stop::Failed(format!("QEMU ended with {status}:\n{}", self.last_messages())))
    }

    /// Whether the guest's kernel died of a breakpoint that nobody had set any
    /// more. Linux patches its text under other processors' feet by way of an
    /// `int3`; with a thread for each processor QEMU's emulation may run a stale
    /// one after it was taken back, and the kernel ends with this oops and no
    /// other. (One thread for all is no way out: each wait for another processor
    /// then takes up to a tenth of a second.)
    pub fn lost_breakpoint(&self) -> bool {
        let log = std::fs::read(self.log).unwrap_or_default();
        String::from_utf8_lossy(&log).contains("Oops: int3: 0000")
    }

    /// The end of the kernel's log.
    pub fn last_messages(&self) -> String {
        let log = std::fs::read(self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

/// Gives the QEMU that listens there a command of its monitor, and returns what it says
/// to it: most often nothing.
pub fn tell(monitor: &Path, command: &str) -> Result<String, Stop> {
    const PROMPT: &[u8] = b"(qemu) ";
    let talk = || -> std::io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(monitor)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut said = Vec::new();
        while !said.ends_with(PROMPT) && reader.read_until(b' ', &mut said)? > 0 {}
        writeln!(stream, "{command}")?;
        said.clear();
        while !said.ends_with(PROMPT) && reader.read_until(b' ', &mut said)? > 0 {}
        Ok(said)
    };
    let said = talk().map_err(Stop::io(monitor.display()))?;
    // The first line is the command, as a terminal wants it back.
    let text = String::from_utf8_lossy(&said);
    let reply = text.split_once('\n').map_or("", |(_, reply)| reply);
    Ok(reply.trim_end_matches("(qemu) ").trim().to_owned())
}

/// A child that does not outlive its owner.
struct EndsWithUs(Child);

impl Drop for EndsWithUs {
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn the_monitor_hears_a_command_and_answers_up_to_its_prompt() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("monitor");
        let listener = UnixListener::bind(&place).unwrap();
        let monitor = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"QEMU 7.2 monitor - type 'help'\r\n(qemu) ").unwrap();
            let mut line = String::new();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
            stream.write_all(b"device_add x\r\nError: no bus (at all)\r\n(qemu) ").unwrap();
            line
        });
        let said = tell(&place, "device_add x").unwrap();
        assert_eq!(said, "Error: no bus (at all)");
        assert_eq!(monitor.join().unwrap(), "device_add x\n");
        assert!(tell(&dir.path().join("none"), "x").is_err());
    }
}
