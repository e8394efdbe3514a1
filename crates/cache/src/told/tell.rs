//! Writes what packed modules tell: records one behind the other, their table behind them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use super::{HEAD, Head, LONGEST, RUN, Slot, Tale, Told, hash, slot_of, tag};
use crate::bytes::{Writer, checksum};
use crate::key::Key;
use crate::place::Place;

/// The first file stays if no more than one of so many bytes in it is asked for no longer,
/// and the second has no more than one of so many records.
const FEW: usize = 8;

/// Makes two files, the first and the second of `names`, hold a record of each of `new`,
/// and those that they have of the keys `kept`. The first is large, and stays as long as
/// most of it is asked for; what has come since then is in the second. Either may have
/// records that nobody asks for. `None` if one cannot be written.
pub fn tell_apart(
    (place, names, mode): (&Place, [&str; 2], u32),
    kept: &[Key],
    new: &[(Key, Tale<'_>)],
) -> Option<()> {
    let [first, second] = names;
    let there = Told::open(place, first);
    let slots = there.as_ref().and_then(Told::slots).unwrap_or_default();
    let (mut inside, mut outside, mut used) = (Vec::with_capacity(kept.len()), Vec::new(), 0);
    for key in kept {
        match slot_of(key, &slots) {
            Some(slot) => {
                used = u64::saturating_add(used, slot.length.into());
                inside.push(*key);
            }
            None => outside.push(*key),
        }
    }
    let stays = there.is_some_and(|there| {
        let gone = there.head.used.saturating_sub(used);
        gone.saturating_mul(FEW as u64) <= there.head.used && there.has_mode(mode)
    });
    let later = outside.len().saturating_add(new.len());
    if stays && later <= inside.len() / FEW {
        if later > 0 {
            return tell((place, second, mode), &outside, new);
        }
    } else {
        let old = Told::open(place, second);
        let records = outside.iter().filter_map(|key| {
            let mut memory = Vec::new();
            old.as_ref().filter(|old| old.read(key, &mut memory))?;
            Some((*key, memory))
        });
        let records: Vec<(Key, Vec<u8>)> = records.collect();
        let records = records.iter().map(|(key, memory)| (*key, Told::tale(memory)));
        let all: Vec<_> = records.chain(new.iter().copied()).collect();
        tell((place, first, mode), &inside, &all)?;
    }
    // Nobody misses it, there or not.
    let _ = place.remove(second);
    Some(())
}

/// Makes the file `name` hold a record of each of `new`, and those that `old` has of the
/// keys `kept`. Nothing is written if it does already. `None` if it cannot be written.
pub(super) fn tell(
    (place, name, mode): (&Place, &str, u32),
    kept: &[Key],
    new: &[(Key, Tale<'_>)],
) -> Option<()> {
    let old = Told::open(place, name);
    // Tags are enough here: a record of another module is none when it is asked for.
    let slots = old.as_ref().and_then(Told::slots).unwrap_or_default();
    let holds = |old: &Told| old.holds(&slots, kept) && old.has_mode(mode);
    if new.is_empty() && old.as_ref().is_some_and(holds) {
        return Some(());
    }
    place.write(name, mode, |file| {
        file.write_all(&[0; HEAD as usize]).ok()?;
        let mut places = Vec::new();
        let mut end = HEAD;
        if let Some(old) = &old {
            let kept = kept.iter().filter_map(|key| Some((*key, *slot_of(key, &slots)?)));
            end = copy(old, kept.collect(), file, &mut places)?;
        }
        let sizes = new.iter().map(|(_, tale)| {
            128_usize.saturating_add(tale.modinfo.len()).saturating_add(tale.end.len())
        });
        let mut fresh = Vec::with_capacity(sizes.sum());
        for (key, tale) in new {
            let start = fresh.len();
            if let Some(length) = record(key, tale, &mut fresh) {
                let offset = end.checked_add(start as u64)?;
                places.push((*key, Slot { tag: tag(hash(key)), length, offset }));
            }
        }
        let (table, count) = table(&places);
        let used = places.iter().map(|(_, slot)| u64::from(slot.length)).sum();
        let head = Head { places: count, table: end.checked_add(fresh.len() as u64)?, used };
        fresh.extend_from_slice(&table);
        file.write_all(&fresh).ok()?;
        file.write_all_at(&head.to_bytes(), 0).ok()
    })
}

/// Copies the records `kept` behind the first bytes of `file`; returns where they end.
fn copy(
    old: &Told,
    kept: Vec<(Key, Slot)>,
    file: &mut File,
    places: &mut Vec<(Key, Slot)>,
) -> Option<u64> {
    let used: u64 = kept.iter().map(|(_, slot)| u64::from(slot.length)).sum();
    let all = old.head.table.checked_sub(HEAD)?;
    if used >= all / 2 {
        // Together with some that nobody asks for any more: the system copies them.
        let mut from = &old.file;
        from.seek(SeekFrom::Start(HEAD)).ok()?;
        let copied = io::copy(&mut from.take(all), file).ok()?;
        places.extend(kept);
        return (copied == all).then_some(old.head.table);
    }
    let mut end = HEAD;
    let mut memory = Vec::new();
    for (key, slot) in kept {
        if old.is_of(slot, &key, &mut memory).is_some() {
            file.write_all(&memory).ok()?;
            places.push((key, Slot { offset: end, ..slot }));
            end = end.checked_add(memory.len() as u64)?;
        }
    }
    Some(end)
}

/// The table of these records, no more than half full, and how many places it has.
fn table(records: &[(Key, Slot)]) -> (Vec<u8>, u64) {
    let count = records.len().saturating_mul(2).next_power_of_two().max(RUN as usize);
    let last = count.saturating_sub(1);
    let mut table = vec![Slot { tag: 0, length: 0, offset: 0 }; count];
    for (key, slot) in records {
        let mut place = hash(key) as usize & last;
        while table.get(place).is_some_and(|taken| taken.offset != 0) {
            place = place.wrapping_add(1) & last;
        }
        if let Some(free) = table.get_mut(place) {
            *free = *slot;
        }
    }
    let mut out = Writer::default();
    for slot in table {
        out.u32(slot.tag);
        out.u32(slot.length);
        out.u64(slot.offset);
    }
    (out.bytes, count as u64)
}

/// Adds checksum, key, the two lengths and the two texts, and returns the length of all;
/// `None`, and nothing is added, if they are too long.
fn record(key: &Key, tale: &Tale<'_>, records: &mut Vec<u8>) -> Option<u32> {
    if tale.modinfo.len().saturating_add(tale.end.len()) > LONGEST / 2 {
        return None;
    }
    let start = records.len();
    let mut out = Writer { bytes: std::mem::take(records) };
    out.u64(0);
    key.write(&mut out);
    out.text(tale.modinfo);
    out.text(tale.end);
    *records = out.bytes;
    let (sum, rest) = records.get_mut(start..)?.split_first_chunk_mut::<8>()?;
    *sum = checksum(rest).to_le_bytes();
    u32::try_from(records.len().checked_sub(start)?).ok()
}
