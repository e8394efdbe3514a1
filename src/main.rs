//! The kmod tools: see the library.
fn main() {}
