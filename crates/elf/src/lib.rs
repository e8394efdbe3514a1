//! Bytes of a kernel module to facts.
//!
//! In go the bytes of one decompressed module, of either class and either byte
//! order whatever the host is; out come its `.modinfo` strings, exported and
//! needed symbols, symbol versions and the signature behind it. Opens nothing,
//! prints nothing, never panics on any bytes.
//!
//! Everything is a view that borrows from the bytes, and is looked for when
//! asked: [`Module::parse`] reads the ELF header alone. The layout of records is
//! goblin's; its whole-file parser is not used, as it reads and checks far more
//! than a tool wants to know of four thousand modules.
#![cfg_attr(test, allow(clippy::restriction))]

mod bytes;
mod der;
mod error;
mod excerpt;
mod identity;
mod join;
mod modinfo;
mod module;
mod pkcs7;
mod signature;
mod strip;
mod symbols;
mod terms;
mod versions;
mod view;

pub use error::Error;
pub use excerpt::Excerpt;
pub use identity::Identity;
pub use modinfo::modinfo_strings;
pub use module::Module;
pub use signature::Signature;
pub use strip::{strip_modversions, strip_vermagic};
pub use symbols::{Binding, Export, Need};
pub use terms::Terms;
pub use versions::Version;
