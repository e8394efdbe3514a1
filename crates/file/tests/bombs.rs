//! Small files that want much. The bound is a small one here; with the real one the tools
//! are tried (`tests/damage`).
#![allow(clippy::restriction)]

use komod_file::{Compression, Error, decompress, kernel_may_refuse};
use komod_fixtures::{Bomb, within_a_second};

const LIMIT: u64 = 8 << 20;

#[test]
fn each_ends_within_the_bound_and_soon() {
    for bomb in Bomb::ALL {
        let packed = bomb.build(1 << 20);
        let compression = Compression::of_magic(&packed);
        let mut out = Vec::new();
        let what = format!("{bomb:?}");
        let done = within_a_second(&what, || decompress(&packed, compression, LIMIT, &mut out));
        assert!(out.capacity() as u64 <= LIMIT + 1, "{bomb:?}: {}", out.capacity());
        match bomb {
            Bomb::ZstdRuns | Bomb::XzStreams | Bomb::GzipMembers => {
                let Err(Error::TooLarge { found, limit }) = done else {
                    panic!("{bomb:?} {done:?}")
                };
                assert!(found > LIMIT && limit == LIMIT, "{bomb:?} {found}");
            }
            Bomb::ZstdRunsSized | Bomb::ZstdClaim => {
                let Err(Error::TooLarge { found, .. }) = done else { panic!("{bomb:?} {done:?}") };
                assert!(found >= 1 << 30, "{found}");
            }
            Bomb::ZstdWindowTooLarge | Bomb::XzDictionary => {
                let Err(Error::Corrupt { message, .. }) = done else { panic!("{bomb:?} {done:?}") };
                let words = ["Frame requires too much memory", "A dictionary of more than 1 GiB"];
                assert!(words.iter().any(|words| message.starts_with(words)), "{message}");
            }
            Bomb::ZstdWindow => assert_eq!(out.len(), 128 << 10),
            Bomb::ZstdEmpty | Bomb::XzEmpty | Bomb::GzipEmpty => assert_eq!(out.len(), 0),
        }
    }
}

#[test]
fn a_claim_alone_reserves_nothing() {
    let packed = Bomb::ZstdClaim.build(0);
    let mut out = Vec::new();
    // Zstd's own code lets an empty block end a frame, whatever was promised.
    let _ = decompress(&packed, Compression::Zstd, 1 << 31, &mut out);
    assert!(out.capacity() <= 64 << 10, "{}", out.capacity());
}

#[test]
fn whether_the_kernel_refuses_is_soon_known() {
    for bomb in Bomb::ALL {
        let packed = bomb.build(256 << 10);
        within_a_second(&format!("{bomb:?}"), || {
            kernel_may_refuse(&packed, Compression::of_magic(&packed));
        });
    }
}
