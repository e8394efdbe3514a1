//! komod
