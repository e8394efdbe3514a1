use std::fmt;

use komod_config::Deny;

/// What is said of a module that a `deny` line forbids: `denied by FILE:LINE`, and `: REASON` where the line gives one.
pub struct Denied<'a>(pub &'a Deny);

impl fmt::Display for Denied<'_> {
    #[inline(never)] // it would be built for speed where it is called
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "denied by {}", self.0.origin)?;
        match self.0.reason.as_slice() {
            [] => Ok(()),
            reason => write!(f, ": {}", String::from_utf8_lossy(reason)),
        }
    }
}
