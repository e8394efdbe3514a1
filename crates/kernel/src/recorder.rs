use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{CStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::{Errno, InitFlags, InitState, Kernel, LoadedModule};

/// A module system call that a [`Recorder`] saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `finit_module`: the file's name, the parameters, the flags.
    Finit(String, String, u32),
    /// `init_module`: the image, the parameters.
    Init(Vec<u8>, String),
    /// `delete_module`: the name, whether forced.
    Delete(String, bool),
}

/// The test double of [`Kernel`]: keeps a list of modules in memory, writes
/// down each call, refuses what it is told to refuse.
///
/// A module that goes in by file is named by the file (its base name up to the
/// first `.`, `-` as `_`), as no test double reads ELF; one that goes in by
/// image gets no state. Holders and reference counts follow `holds`.
#[derive(Debug, Default)]
pub struct Recorder {
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    release: OsString,
    compression: Option<Vec<u8>>,
    modules: Vec<LoadedModule>,
    states: BTreeMap<Vec<u8>, InitState>,
    uses: BTreeMap<Vec<u8>, Vec<Vec<u8>>>,
    refusals: Vec<(String, Errno, usize)>,
    calls: Vec<Call>,
}

impl Recorder {
    /// A kernel of that release with nothing loaded and no decompressor.
    pub fn new(release: &str) -> Self {
        let recorder = Self::default();
        recorder.state.borrow_mut().release = release.into();
        recorder
    }

    /// Lets the kernel decompress files of `algorithm`.
    pub fn with_compression(self, algorithm: &str) -> Self {
        self.state.borrow_mut().compression = Some(algorithm.into());
        self
    }

    /// Has `name` loaded already.
    pub fn with_loaded(self, name: &str) -> Self {
        self.state.borrow_mut().add(name.as_bytes());
        self
    }

    /// Has `name` in a state other than live; without a line in
    /// `/proc/modules`.
    pub fn with_state(self, name: &str, state: InitState) -> Self {
        self.state.borrow_mut().states.insert(name.into(), state);
        self
    }

    /// Says that the module `user`, when loaded, holds the modules `used`.
    pub fn with_uses(self, user: &str, used: &[&str]) -> Self {
        {
            let mut state = self.state.borrow_mut();
            let used = used.iter().map(|name| name.as_bytes().to_vec()).collect();
            state.uses.insert(user.into(), used);
            state.hold();
        }
        self
    }

    /// Refuses the next `times` calls about the module `name` with `errno`;
    /// an image's name is `?`.
    pub fn refusing(self, name: &str, errno: Errno, times: usize) -> Self {
        self.state.borrow_mut().refusals.push((name.into(), errno, times));
        self
    }

    /// What was called so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.state.borrow().calls.clone()
    }
}

impl State {
    fn add(&mut self, name: &[u8]) {
        let name = name.to_vec();
        self.states.insert(name.clone(), InitState::Live);
        // The kernel lists the newest module first.
        self.modules.insert(0, LoadedModule { name, size: 4096, refcnt: Some(0), holders: vec![] });
        self.hold();
    }

    /// Gives every module the holders that `uses` says.
    fn hold(&mut self) {
        let live: Vec<Vec<u8>> = self.modules.iter().map(|m| m.name.clone()).collect();
        for module in &mut self.modules {
            let used_by = |user: &&Vec<u8>| {
                self.uses.get(*user).is_some_and(|used| used.contains(&module.name))
            };
            module.holders = live.iter().filter(used_by).cloned().collect();
            module.refcnt = i64::try_from(module.holders.len()).ok();
        }
    }

    fn refuse(&mut self, name: &str) -> Result<(), Errno> {
        let found = self.refusals.iter_mut().find(|(who, _, left)| who == name && *left > 0);
        match found {
            Some((_, errno, left)) => {
                *left = left.saturating_sub(1);
                Err(*errno)
            }
            None => Ok(()),
        }
    }

    fn module(&self, name: &[u8]) -> Option<&LoadedModule> {
        self.modules.iter().find(|module| module.name == name)
    }
}

impl Kernel for Recorder {
    fn release(&self) -> io::Result<OsString> {
        Ok(self.state.borrow().release.clone())
    }

    fn compression(&self) -> Option<Vec<u8>> {
        self.state.borrow().compression.clone()
    }

    fn finit_module(
        &self,
        file: BorrowedFd<'_>,
        params: &CStr,
        flags: InitFlags,
    ) -> Result<(), Errno> {
        let path = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))
            .map_err(|_| Errno::EBADF)?;
        let base = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = base.split('.').next().unwrap_or_default().replace('-', "_");
        let mut state = self.state.borrow_mut();
        let params = params.to_string_lossy().into_owned();
        state.calls.push(Call::Finit(base, params, flags.bits()));
        state.refuse(&name)?;
        if state.module(name.as_bytes()).is_some() {
            return Err(Errno::EEXIST);
        }
        state.add(name.as_bytes());
        Ok(())
    }

    fn init_module(&self, image: &[u8], params: &CStr) -> Result<(), Errno> {
        let mut state = self.state.borrow_mut();
        let params = params.to_string_lossy().into_owned();
        state.calls.push(Call::Init(image.to_vec(), params));
        state.refuse("?")
    }

    fn delete_module(&self, name: &CStr, force: bool) -> Result<(), Errno> {
        let name = name.to_string_lossy().into_owned();
        let mut state = self.state.borrow_mut();
        state.calls.push(Call::Delete(name.clone(), force));
        state.refuse(&name)?;
        match state.module(name.as_bytes()) {
            None => return Err(Errno::ENOENT),
            Some(module) if module.refcnt != Some(0) && !force => return Err(Errno::EAGAIN),
            Some(_) => {}
        }
        state.modules.retain(|module| module.name != name.as_bytes());
        state.states.remove(name.as_bytes());
        state.hold();
        Ok(())
    }

    fn loaded(&self) -> io::Result<Vec<LoadedModule>> {
        Ok(self.state.borrow().modules.clone())
    }

    fn state(&self, name: &[u8]) -> io::Result<Option<InitState>> {
        Ok(self.state.borrow().states.get(name).copied())
    }

    fn refcnt(&self, name: &[u8]) -> io::Result<Option<i64>> {
        Ok(self.state.borrow().module(name).and_then(|module| module.refcnt))
    }

    fn core_size(&self, name: &[u8]) -> io::Result<Option<u64>> {
        Ok(self.state.borrow().module(name).map(|module| module.size))
    }

    fn holders(&self, name: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let state = self.state.borrow();
        let module = state.module(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(module.holders.clone())
    }

    fn sections(&self, name: &[u8]) -> io::Result<Vec<(Vec<u8>, u64)>> {
        let known = self.state.borrow().module(name).is_some();
        if known { Ok(Vec::new()) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}
