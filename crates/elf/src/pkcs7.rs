use crate::der::{
    self, CONTEXT_0, CONTEXT_1, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, SET,
    UTF8_STRING,
};

/// What the first SignerInfo of a PKCS#7 SignedData says (RFC 2315, section 9).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SignerInfo<'a> {
    /// First common name of the issuer, or else the last value of its name.
    pub(crate) signer: &'a [u8],
    /// The serial number's magnitude, without leading zeros.
    pub(crate) serial: Vec<u8>,
    /// The digest's long name as OpenSSL has it, or its dotted identifier.
    pub(crate) digest: String,
    /// The encrypted digest.
    pub(crate) signature: &'a [u8],
}

impl<'a> SignerInfo<'a> {
    /// `None` if the bytes are no SignedData with a signer that is named by issuer
    /// and serial number, or anything in it up to there is not as the format wants
    /// it. What stands behind it is not looked at.
    pub(crate) fn first_of(der: &'a [u8]) -> Option<Self> {
        const SIGNED_DATA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 7, 2];
        let mut content_info = Reader(der).inside(SEQUENCE)?;
        if content_info.optional(OBJECT_IDENTIFIER)? != SIGNED_DATA {
            return None;
        }
        let mut content = content_info.inside(CONTEXT_0)?;
        let mut signed_data = content.inside(SEQUENCE)?;
        content_info.end()?;
        content.end()?;
        magnitude(signed_data.optional(INTEGER)?)?;
        let mut digests = signed_data.inside_of(SET)?;
        while digests.end().is_none() {
            algorithm(&mut digests)?;
        }
        let mut signed = signed_data.inside(SEQUENCE)?;
        identifier(&mut signed)?;
        signed.optional(CONTEXT_0);
        signed.end()?;
        signed_data.optional(CONTEXT_0); // certificates
        signed_data.optional(CONTEXT_1); // revocation lists
        let mut infos = signed_data.inside_of(SET)?;
        signed_data.end()?;
        Self::read(infos.inside(SEQUENCE)?)
    }

    fn read(mut info: Reader<'a>) -> Option<Self> {
        magnitude(info.optional(INTEGER)?)?;
        let mut issuer_and_serial = info.inside(SEQUENCE)?;
        let signer = name(issuer_and_serial.inside_of(SEQUENCE)?)?;
        let serial = magnitude(issuer_and_serial.optional(INTEGER)?)?;
        issuer_and_serial.end()?;
        let digest = digest_name(algorithm(&mut info)?)?;
        info.optional(CONTEXT_0); // authenticated attributes
        algorithm(&mut info)?; // encryption
        let signature = info.optional(OCTET_STRING)?;
        info.optional(CONTEXT_1); // unauthenticated attributes
        info.end()?;
        Some(Self { signer, serial, digest, signature })
    }
}

/// An AlgorithmIdentifier's identifier; parameters may follow it.
fn algorithm<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let mut algorithm = reader.inside(SEQUENCE)?;
    let oid = identifier(&mut algorithm)?;
    if algorithm.end().is_none() {
        algorithm.any()?;
    }
    algorithm.end().map(|()| oid)
}

/// An object identifier that is one.
fn identifier<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    reader.optional(OBJECT_IDENTIFIER).filter(|oid| der::is_identifier(oid))
}

/// The first common name, or else the last value; `None` if an element is no
/// attribute or its value none, or a text that says it is UTF-8 is not. A name without
/// attributes is empty.
fn name(mut names: Reader<'_>) -> Option<&[u8]> {
    const COMMON_NAME: [u8; 3] = [0x55, 4, 3];
    let (mut common, mut last) = (None, None);
    while names.end().is_none() {
        let mut set = names.inside_of(SET)?;
        while set.end().is_none() {
            let mut attribute = set.inside(SEQUENCE)?;
            let kind = identifier(&mut attribute)?;
            let (tag, value) = attribute.any()?;
            attribute.end()?;
            if !der::is_value(tag) {
                return None;
            }
            if tag == UTF8_STRING && std::str::from_utf8(value).is_err() {
                return None;
            }
            if kind == COMMON_NAME && common.is_none() {
                common = Some(value);
            }
            last = Some(value);
        }
    }
    Some(common.or(last).unwrap_or_default())
}

/// The bytes of an INTEGER's absolute value, none for 0. `None` if it is empty or
/// has a needless first byte, which DER forbids.
fn magnitude(integer: &[u8]) -> Option<Vec<u8>> {
    let negative = match integer {
        [] | [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] => return None,
        [first, ..] => first & 0x80 != 0,
    };
    let mut bytes = integer.to_vec();
    if negative {
        // Two's complement: invert, add one.
        let mut carry = true;
        for byte in bytes.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    Some(bytes)
}

/// Digests by their identifiers' content bytes, with OpenSSL's long names.
#[rustfmt::skip]
const DIGESTS: [(&[u8], &str); 25] = [
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1], "sha256"), // 2.16.840.1.101.3.4.2.1
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2], "sha384"),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3], "sha512"),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 4], "sha224"),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 5], "sha512-224"),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 6], "sha512-256"),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 7], "sha3-224"),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 8], "sha3-256"),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 9], "sha3-384"),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 10], "sha3-512"),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 11], "shake128"),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 12], "shake256"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 2, 2], "md2"), // 1.2.840.113549.2.2
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 2, 4], "md4"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 2, 5], "md5"),
    (&[0x2b, 14, 3, 2, 18], "sha"), // 1.3.14.3.2.18
    (&[0x2b, 14, 3, 2, 26], "sha1"),
    (&[0x2b, 36, 3, 2, 1], "ripemd160"), // 1.3.36.3.2.1
    (&[0x2a, 0x81, 0x1c, 0xcf, 0x55, 1, 0x83, 0x11], "sm3"), // 1.2.156.10197.1.401
    (&[0x2a, 0x85, 3, 2, 2, 9], "GOST R 34.11-94"), // 1.2.643.2.2.9
    (&[0x2a, 0x85, 3, 7, 1, 1, 2, 2], "GOST R 34.11-2012 with 256 bit hash"),
    (&[0x2a, 0x85, 3, 7, 1, 1, 2, 3], "GOST R 34.11-2012 with 512 bit hash"),
    (&[0x2b, 6, 1, 4, 1, 0x8d, 0x3a, 12, 2, 1, 16], "blake2b512"), // 1.3.6.1.4.1.1722.12.2.1.16
    (&[0x2b, 6, 1, 4, 1, 0x8d, 0x3a, 12, 2, 2, 8], "blake2s256"),
    (&[0x28, 0xcf, 6, 3, 0, 0x37], "whirlpool"), // 1.0.10118.3.0.55
];

/// A digest's name; other identifiers in numbers. `None` if it is no identifier.
fn digest_name(oid: &[u8]) -> Option<String> {
    match DIGESTS.iter().find(|(digest, _)| *digest == oid) {
        Some((_, name)) => Some((*name).into()),
        None => der::dotted(oid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_fixtures::Pkcs7;

    #[test]
    fn facts_of_the_first_signer() {
        let der = Pkcs7::by("A key", &[1, 2, 0xff, 4], &[7; 200]).der();
        let info = SignerInfo::first_of(&der).unwrap();
        assert_eq!(info.signer, b"A key");
        assert_eq!(info.serial, [1, 2, 0xff, 4]);
        assert_eq!(info.digest, "sha256");
        assert_eq!(info.signature, [7; 200]);
    }

    #[test]
    fn signer_is_the_first_common_name_or_the_last_value() {
        let signer = |issuer: &[(&[u8], &str)]| {
            let mut pkcs7 = Pkcs7::by("", &[1], &[1]);
            pkcs7.issuer = issuer.iter().map(|(oid, s)| (oid.to_vec(), s.to_string())).collect();
            let der = pkcs7.der();
            SignerInfo::first_of(&der).map(|info| info.signer.to_vec())
        };
        let (cn, o) = (Pkcs7::COMMON_NAME, Pkcs7::ORGANIZATION);
        assert_eq!(signer(&[(o, "O"), (cn, "first"), (cn, "second"), (o, "P")]).unwrap(), b"first");
        assert_eq!(signer(&[(o, "O"), (o, "P")]).unwrap(), b"P");
        assert_eq!(signer(&[]).unwrap(), b"");
    }

    #[test]
    fn serial_numbers() {
        assert_eq!(magnitude(&[0, 0xff]).unwrap(), [0xff]);
        assert_eq!(magnitude(&[0]).unwrap(), []);
        assert_eq!(magnitude(&[0xff]).unwrap(), [1]);
        assert_eq!(magnitude(&[0x80, 0]).unwrap(), [0x80, 0]);
        assert_eq!(magnitude(&[0xfe, 0x01]).unwrap(), [1, 0xff]);
        assert_eq!(magnitude(&[]), None);
        assert_eq!(magnitude(&[0, 0x7f]), None);
        assert_eq!(magnitude(&[0xff, 0x80]), None);
    }

    #[test]
    fn digests_are_named() {
        let digest = |oid: &[u8]| {
            let mut pkcs7 = Pkcs7::by("k", &[1], &[1]);
            pkcs7.digest = oid.to_vec();
            let der = pkcs7.der();
            SignerInfo::first_of(&der).unwrap().digest
        };
        assert_eq!(digest(Pkcs7::SHA512), "sha512");
        assert_eq!(digest(&[0x2b, 14, 3, 2, 26]), "sha1");
        assert_eq!(digest(&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 8]), "sha3-256");
        assert_eq!(digest(&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 99]), "2.16.840.1.101.3.4.2.99");
    }

    /// What OpenSSL says of each is what kmod shows.
    #[test]
    fn tags_that_openssl_takes_or_refuses() {
        let der = Pkcs7::by("A key", &[1, 2, 3], &[7; 200]).der();
        let with = |from: &[u8], to: &[u8]| {
            let at = der.windows(from.len()).position(|bytes| bytes == from).unwrap();
            let mut other = der.clone();
            other[at..at + to.len()].copy_from_slice(to);
            SignerInfo::first_of(&other).map(|info| info.signer.to_vec())
        };
        // A set or a name without the bit of a constructed element.
        let attribute = [0x31, 0x0e, 0x30, 0x0c, 6, 3, 0x55, 4, 3];
        assert_eq!(with(&attribute, &[0x11]).unwrap(), b"A key");
        // A value of a private class, or in pieces.
        let value = [0x0c, 5, b'A', b' '];
        assert_eq!(with(&value, &[0x8c]), None);
        assert_eq!(with(&value, &[0x2c]), None);
        assert_eq!(with(&value, &[0x13]).unwrap(), b"A key");
    }

    /// A signature in pieces: OpenSSL puts it together. No tool writes one.
    #[test]
    fn strings_in_pieces_are_not_read() {
        let mut der = Pkcs7::by("A key", &[1, 2, 3], &[7; 20]).der();
        let at = der.windows(3).position(|bytes| bytes == [4, 20, 7]).unwrap();
        der[at..at + 3].copy_from_slice(&[0x24, 20, 4]);
        der[at + 3] = 18;
        assert_eq!(SignerInfo::first_of(&der), None);
    }

    #[test]
    fn truncations_are_no_signature() {
        let der = Pkcs7::by("A key", &[1, 2, 3], &[7; 200]).der();
        for end in 0..der.len() {
            assert_eq!(SignerInfo::first_of(&der[..end]), None, "{end}");
        }
        for at in 0..der.len() {
            let mut flipped = der.clone();
            flipped[at] ^= 0xff;
            let _ = SignerInfo::first_of(&flipped);
        }
    }
}
