//! Where the project's files are.

use std::path::{Path, PathBuf};

/// The root of the workspace that this program was built in.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).into()
}
