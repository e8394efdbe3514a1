//! What is said of a module that a `deny` line forbids.

use std::fmt;

use komod_config::Deny;

/// `denied by FILE:LINE`, and `: REASON` where the line gives one.
pub(super) struct Denied<'a>(pub(super) &'a Deny);

impl fmt::Display for Denied<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "denied by {}", self.0.origin)?;
        match self.0.reason.as_slice() {
            [] => Ok(()),
            reason => write!(f, ": {}", String::from_utf8_lossy(reason)),
        }
    }
}
