//! Modules a kernel has reason to refuse, made of one it takes.

use std::io::Read;
use std::path::Path;

use crate::outcome::Stop;

/// One way to spoil a module.
pub struct Sample {
    /// The name of its file, without `.ko`.
    pub name: &'static str,
    spoil: fn(&[u8]) -> Option<Vec<u8>>,
}

/// All of them.
pub const SAMPLES: &[Sample] = &[
    // As it is, but not compressed.
    Sample { name: "good", spoil: |bytes| Some(bytes.to_vec()) },
    Sample { name: "unsigned", spoil: |bytes| Some(unsigned(bytes)?.to_vec()) },
    // The signature is of other contents.
    Sample { name: "tampered", spoil: |bytes| replaced(bytes, b"license=GPL", b"license=GPl") },
    // Another kernel's: the release would be forgiven, where symbols have CRCs.
    Sample {
        name: "vermagic",
        spoil: |b| replaced(unsigned(b)?, b" SMP preempt", b" UMP preempt"),
    },
    // Not that of module_layout: its failure has an errno of its own.
    Sample { name: "crc", spoil: |bytes| crc(unsigned(bytes)?) },
    Sample {
        name: "symbol",
        spoil: |b| replaced(unsigned(b)?, b"register_netdev", b"registrr_netdev"),
    },
    Sample { name: "truncated", spoil: |bytes| Some(bytes.get(..bytes.len() / 2)?.to_vec()) },
    Sample { name: "short", spoil: |bytes| Some(bytes.get(..40)?.to_vec()) },
];

impl Sample {
    /// The spoilt form of an xz-compressed, signed module.
    pub fn of(&self, module: &Path) -> Result<Vec<u8>, Stop> {
        let place = || module.display();
        let mut bytes = Vec::new();
        let file = std::fs::File::open(module).map_err(Stop::io(place()))?;
        xz2::read::XzDecoder::new(file).read_to_end(&mut bytes).map_err(Stop::io(place()))?;
        (self.spoil)(&bytes)
            .ok_or_else(|| Stop::Failed(format!("{}: no {} can be made of it", place(), self.name)))
    }
}

/// The module without its signature trailer: 28 bytes of magic, before them 12
/// that end in the signature's length (the kernel's `module_signature.h`).
fn unsigned(bytes: &[u8]) -> Option<&[u8]> {
    let body = bytes.strip_suffix(b"~Module signature appended~\n")?;
    let (_, length) = body.split_last_chunk::<4>()?;
    let trailer = usize::try_from(u32::from_be_bytes(*length)).ok()?.checked_add(12)?;
    body.get(..body.len().checked_sub(trailer)?)
}

/// Every `old` made `new`, which is as long; `None` if there is none.
fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = bytes.to_vec();
    let mut count = 0;
    let mut from = 0;
    while let Some(at) = find(bytes.get(from..)?, old) {
        bytes.get_mut(from + at..from + at + new.len())?.copy_from_slice(new);
        from += at + new.len();
        count += 1;
    }
    (count > 0).then_some(bytes)
}

/// One bit of a CRC turned.
fn crc(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = bytes.to_vec();
    // In __versions a name follows its CRC, eight bytes of which the upper
    // four are zero; in the string table it follows another name's one NUL.
    let at = find(&bytes, b"\0\0\0\0free_netdev\0")?.checked_sub(4)?;
    *bytes.get_mut(at)? ^= 1;
    Some(bytes)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|w| w == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trailer_is_cut_off() {
        let mut signed = b"ELF".to_vec();
        signed.extend_from_slice(b"sig..");
        signed.extend_from_slice(&[0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
        signed.extend_from_slice(b"~Module signature appended~\n");
        assert_eq!(unsigned(&signed), Some(&b"ELF"[..]));
        assert_eq!(unsigned(b"ELF"), None);
        assert_eq!(unsigned(b"~Module signature appended~\n"), None);
    }

    #[test]
    fn all_places_are_replaced_or_none_can_be_made() {
        assert_eq!(replaced(b"a-b-c", b"-", b"+").unwrap(), b"a+b+c");
        assert_eq!(replaced(b"abc", b"-", b"+"), None);
    }
}
