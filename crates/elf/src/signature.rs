use crate::pkcs7::SignerInfo;

/// A signature appended to a module (linux/module_signature.h): it covers the
/// decompressed bytes before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// How the signer is named: `PGP`, `X509` or `PKCS#7`.
    pub id_type: &'static str,
    /// Who signed: for PKCS#7 the issuer's first common name (else the last value of
    /// the issuer's name), for the older kinds the text in the file.
    pub signer: Vec<u8>,
    /// Which key: for PKCS#7 the serial number's magnitude, highest byte first.
    pub key_id: Vec<u8>,
    /// What was encrypted: `sha256` and so on, in OpenSSL's spelling; an identifier in
    /// numbers if it has no name.
    pub hash_algo: Vec<u8>,
    /// The encrypted digest.
    pub signature: Vec<u8>,
}

/// What a signed module ends with.
const MAGIC: &[u8] = b"~Module signature appended~\n";

/// `pkey_hash_algo` of older kernels, by number.
const HASHES: [&[u8]; 9] =
    [b"md4", b"md5", b"sha1", b"rmd160", b"sha256", b"sha384", b"sha512", b"sha224", b"sm3"];

/// The longest signature that is read, in bytes. The kernel's have some hundred; shown, one
/// is five times as long.
const LONGEST: usize = 1 << 20;

impl Signature {
    /// The signature behind a module's decompressed bytes. `None` when unsigned:
    /// without the magic line at the very end, or if the 12 bytes before it
    /// (`struct module_signature`) name an unknown algorithm, hash or kind, or more
    /// bytes than there are, or than 1 MiB; or if it is a PKCS#7 signature that cannot be read, as
    /// kmod then shows none either.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_suffix(MAGIC)?;
        let (rest, fields) = rest.split_last_chunk::<12>()?;
        let [algorithm, hash, id_type, signer_len, key_id_len, _, _, _, sig_len @ ..] = *fields;
        let hash = *HASHES.get(usize::from(hash))?;
        let id_type = *["PGP", "X509", "PKCS#7"].get(usize::from(id_type))?;
        let (signer_len, key_id_len) = (usize::from(signer_len), usize::from(key_id_len));
        let sig_len = usize::try_from(u32::from_be_bytes(sig_len)).ok()?;
        if algorithm > 1 || sig_len == 0 || sig_len > LONGEST {
            return None;
        }
        // All three must fit, though PKCS#7 has the last alone.
        let (rest, signature) = rest.split_at_checked(rest.len().checked_sub(sig_len)?)?;
        let (rest, key_id) = rest.split_at_checked(rest.len().checked_sub(key_id_len)?)?;
        let (_, signer) = rest.split_at_checked(rest.len().checked_sub(signer_len)?)?;
        if id_type != "PKCS#7" {
            return Some(Self {
                id_type,
                signer: signer.to_vec(),
                key_id: key_id.to_vec(),
                hash_algo: hash.to_vec(),
                signature: signature.to_vec(),
            });
        }
        let info = SignerInfo::first_of(signature)?;
        Some(Self {
            id_type,
            signer: info.signer.to_vec(),
            key_id: info.serial,
            hash_algo: info.digest.into_bytes(),
            signature: info.signature.to_vec(),
        })
    }

    /// The end of a module's decompressed bytes that is all that [`Signature::of`] looks
    /// at; empty if it is unsigned for certain.
    pub fn end_of(bytes: &[u8]) -> &[u8] {
        Self::length(bytes)
            .and_then(|length| bytes.get(bytes.len().checked_sub(length)?..))
            .unwrap_or_default()
    }

    /// Whether a signature at the end of a file, if there is one, lies within this end
    /// of it.
    pub(crate) fn is_within(end: &[u8]) -> bool {
        !end.ends_with(MAGIC) || Self::length(end).is_some_and(|length| length <= end.len())
    }

    /// What the trailer says all of it measures; `None` without one.
    fn length(bytes: &[u8]) -> Option<usize> {
        let (_, fields) = bytes.strip_suffix(MAGIC)?.split_last_chunk::<12>()?;
        let [_, _, _, signer_len, key_id_len, _, _, _, sig_len @ ..] = *fields;
        let sig_len = usize::try_from(u32::from_be_bytes(sig_len)).ok()?;
        let parts = [usize::from(signer_len), usize::from(key_id_len), fields.len(), MAGIC.len()];
        parts.into_iter().try_fold(sig_len, usize::checked_add)
    }

    /// What modinfo shows of it: each key with its text, in order.
    pub fn into_fields(self) -> [(&'static str, Vec<u8>); 5] {
        [
            ("sig_id", self.id_type.into()),
            // As text in C: a NUL ends it.
            ("signer", self.signer.into_iter().take_while(|byte| *byte != 0).collect()),
            ("sig_key", hex(&self.key_id)),
            ("sig_hashalgo", self.hash_algo),
            ("signature", hex(&self.signature)),
        ]
    }
}

/// Twenty bytes a line, the lines after the first indented.
fn hex(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: [u8; 16] = *b"0123456789ABCDEF";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied();
    let mut text = Vec::with_capacity(bytes.len().saturating_mul(4));
    for (at, line) in bytes.chunks(20).enumerate() {
        if at > 0 {
            text.extend(b":\n\t\t");
        }
        for (at, byte) in line.iter().enumerate() {
            text.extend((at > 0).then_some(b':'));
            text.extend([byte >> 4, byte & 15].into_iter().filter_map(digit));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_fixtures::{ModuleSpec, Pkcs7, Signed};

    #[test]
    fn pkcs7_behind_a_module() {
        let signed = Signed::Pkcs7(Pkcs7::by("A key", &[0, 0xab, 1], &[7; 30]));
        let file = ModuleSpec::new("m").signed(signed).build();
        let signature = Signature::of(&file).unwrap();
        assert_eq!(signature.id_type, "PKCS#7");
        assert_eq!(signature.signer, b"A key");
        assert_eq!(signature.key_id, [0xab, 1]);
        assert_eq!(signature.hash_algo, b"sha256");
        assert_eq!(signature.signature, [7; 30]);
        assert_eq!(Signature::of(&ModuleSpec::new("m").build()), None);
    }

    #[test]
    fn a_signature_of_megabytes_is_none() {
        let of = |length: usize| {
            let (signer, key_id, signature) = (b"Org".to_vec(), vec![1], vec![9; length]);
            let legacy = Signed::Legacy { id_type: 1, hash: 6, signer, key_id, signature };
            Signature::of(&ModuleSpec::new("m").signed(legacy).build())
        };
        assert_eq!(of(LONGEST).map(|found| found.signature.len()), Some(LONGEST));
        assert_eq!(of(LONGEST + 1), None);
    }

    #[test]
    fn older_kinds_stand_in_the_clear() {
        let (signer, key_id, signature) = (b"Org: key".to_vec(), vec![1, 2, 3], vec![9; 4]);
        let legacy = Signed::Legacy { id_type: 1, hash: 6, signer, key_id, signature };
        let found = Signature::of(&ModuleSpec::new("m").signed(legacy).build()).unwrap();
        assert_eq!((found.id_type, &found.hash_algo[..]), ("X509", &b"sha512"[..]));
        assert_eq!((&found.signer[..], &found.key_id[..]), (&b"Org: key"[..], &[1, 2, 3][..]));
        assert_eq!(found.signature, [9; 4]);
    }

    #[test]
    fn implausible_trailers_are_no_signature() {
        let of = |fields, body: &[u8], sig_len| {
            Signature::of(&Signed::Raw { fields, body: body.to_vec(), sig_len }.build())
        };
        assert_eq!(of([0, 0, 2, 0, 0], b"abcd", 4), None);
        let der = Pkcs7::by("k", &[1], &[1]).der();
        let length = u32::try_from(der.len()).unwrap();
        assert!(of([0, 0, 2, 0, 0], &der, length).is_some());
        assert_eq!(of([2, 0, 2, 0, 0], &der, length), None);
        assert_eq!(of([0, 9, 2, 0, 0], &der, length), None);
        assert_eq!(of([0, 0, 3, 0, 0], &der, length), None);
        assert_eq!(of([0, 0, 2, 0, 0], b"abcd", 0), None);
        assert_eq!(of([0, 0, 2, 0, 0], b"abcd", 5), None);
        assert_eq!(of([0, 0, 2, 0, 0], b"abcd", u32::MAX), None);
        assert_eq!(of([0, 0, 1, 2, 1], b"abcd", 2), None);
    }

    #[test]
    fn the_end_tells_all() {
        let (signer, key_id, signature) = (b"Org: key".to_vec(), vec![1, 2, 3], vec![9; 4]);
        let legacy = Signed::Legacy { id_type: 1, hash: 6, signer, key_id, signature };
        let body = Pkcs7::by("k", &[1], &[1]).der();
        for signed in [
            legacy,
            Signed::Pkcs7(Pkcs7::by("A key", &[0, 0xab, 1], &[7; 30])),
            Signed::Raw { fields: [0, 0, 2, 0, 0], body: body.clone(), sig_len: 1 },
            Signed::Raw { fields: [0, 0, 1, 255, 255], body, sig_len: u32::MAX },
        ] {
            let file = ModuleSpec::new("m").modinfo("license", "GPL").signed(signed).build();
            let end = Signature::end_of(&file);
            assert!(end.len() < file.len() / 2);
            assert_eq!(Signature::of(end), Signature::of(&file));
        }
        assert_eq!(Signature::end_of(&ModuleSpec::new("m").build()), b"");
    }

    #[test]
    fn every_truncation_from_the_front_is_answered() {
        let signed = Signed::Pkcs7(Pkcs7::by("A key", &[1], &[7; 30])).build();
        for start in 0..=signed.len() {
            let _ = Signature::of(&signed[start..]);
        }
    }

    #[test]
    fn hex_has_twenty_bytes_a_line() {
        assert_eq!(hex(&[]), b"");
        assert_eq!(hex(&[0xab, 1]), b"AB:01");
        let twenty = ["07"; 20].join(":");
        assert_eq!(hex(&[7; 20]), twenty.as_bytes());
        assert_eq!(hex(&[7; 21]), format!("{twenty}:\n\t\t07").as_bytes());
    }
}
