//! The sorted table of keys and values that a checkpoint's index is: that of LevelDB.
//!
//! Blocks of entries whose keys leave out what they share with the key before; after them an index of the blocks, and a
//! footer that tells where the index is.

use keras_tensor::Result;

use crate::Limits;
use crate::limits::format_error;
use crate::protobuf::{put_varint, varint};

const MAGIC: u64 = 0xdb47_7524_8b80_fb57;
const FOOTER: usize = 48;
/// A byte that says how the block is packed, and its checksum.
const TRAILER: usize = 5;
const RESTARTS_EVERY: usize = 16;
const BLOCK_SIZE: usize = 256 << 10;

/// The checksum as checkpoints store it: changed, so that a checksum of data that holds checksums is none of its own.
pub(super) fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Whether data of this checksum belongs to the stored one. A fuzzer cannot find checksums, so that it gets by without.
pub(super) fn belongs(crc: u32, stored: u32) -> bool {
    cfg!(fuzzing) || masked(crc) == stored
}

/// The entries of a table in the order of their keys.
pub(super) fn read(bytes: &[u8], what: &str, limits: &Limits) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let damaged = |problem: &str| format_error(what, problem);
    let footer = bytes
        .len()
        .checked_sub(FOOTER)
        .map(|start| &bytes[start..])
        .filter(|footer| footer[40..] == MAGIC.to_le_bytes())
        .ok_or_else(|| {
            damaged("it is no index of a checkpoint: its last bytes are not those of one")
        })?;
    let mut handles = footer;
    // The first two are of a block that is always empty.
    let places: Option<Vec<u64>> = (0..4).map(|_| varint(&mut handles)).collect();
    let places = places.ok_or_else(|| damaged("a damaged footer"))?;
    let mut entries = Vec::new();
    for (_, handle) in block_entries(&block(bytes, places[2], places[3], what, limits)?, what)? {
        let mut handle = &handle[..];
        let (Some(offset), Some(size)) = (varint(&mut handle), varint(&mut handle)) else {
            return Err(damaged("a damaged index of blocks"));
        };
        entries.extend(block_entries(
            &block(bytes, offset, size, what, limits)?,
            what,
        )?);
        if entries.len() > limits.nodes {
            return Err(damaged("more entries than the limit allows"));
        }
    }
    Ok(entries)
}

/// A block, unpacked and checked.
fn block(bytes: &[u8], offset: u64, size: u64, what: &str, limits: &Limits) -> Result<Vec<u8>> {
    let damaged = |problem: String| format_error(what, problem);
    let range = || {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        Some((
            bytes.get(start..end)?,
            bytes.get(end..end.checked_add(TRAILER)?)?,
        ))
    };
    let (content, trailer) =
        range().ok_or_else(|| damaged(format!("a block at {offset} that lies beyond its end")))?;
    let stored = u32::from_le_bytes([trailer[1], trailer[2], trailer[3], trailer[4]]);
    let crc = crc32c::crc32c_append(crc32c::crc32c(content), &trailer[..1]);
    if !belongs(crc, stored) {
        return Err(damaged(format!(
            "the block at {offset} is damaged: its checksum is another"
        )));
    }
    match trailer[0] {
        0 => Ok(content.to_vec()),
        1 => {
            let unreadable = |_| damaged(format!("the block at {offset} cannot be unpacked"));
            let declared = snap::raw::decompress_len(content).map_err(unreadable)? as u64;
            limits.check_bytes(what, declared, content.len() as u64)?;
            let mut decoder = snap::raw::Decoder::new();
            decoder.decompress_vec(content).map_err(unreadable)
        }
        other => Err(damaged(format!(
            "a block packed in an unknown way ({other})"
        ))),
    }
}

fn block_entries(block: &[u8], what: &str) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let parse = || {
        let (rest, count) = block.split_last_chunk::<4>()?;
        let restarts = (u32::from_le_bytes(*count) as usize).checked_mul(4)?;
        let mut rest = rest.get(..rest.len().checked_sub(restarts)?)?;
        let mut entries: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        while !rest.is_empty() {
            let mut next = || usize::try_from(varint(&mut rest)?).ok();
            let (shared, own, value) = (next()?, next()?, next()?);
            let before = entries.last().map_or(&[][..], |(key, _)| &key[..]);
            let mut key = before.get(..shared)?.to_vec();
            let (suffix, after) = rest.split_at_checked(own)?;
            let (value, after) = after.split_at_checked(value)?;
            key.extend(suffix);
            rest = after;
            entries.push((key, value.to_vec()));
        }
        Some(entries)
    };
    parse().ok_or_else(|| format_error(what, "a damaged block of entries"))
}

/// A table of entries, which come in the order of their keys.
pub(super) fn write(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let (mut out, mut index) = (Vec::new(), Vec::new());
    let mut first = 0;
    while first < entries.len() {
        let mut size = 0;
        let mut fits = |(key, value): &(Vec<u8>, Vec<u8>)| {
            size += key.len() + value.len();
            size < BLOCK_SIZE
        };
        let count = entries[first..]
            .iter()
            .take_while(|e| fits(e))
            .count()
            .max(1);
        let of_block = &entries[first..first + count];
        let handle = put_block(&mut out, of_block, RESTARTS_EVERY);
        index.push((of_block[count - 1].0.clone(), handle));
        first += count;
    }
    let empty = put_block(&mut out, &[], RESTARTS_EVERY);
    let index = put_block(&mut out, &index, 1);
    let mut footer = [empty, index].concat();
    footer.resize(FOOTER - 8, 0);
    out.extend(footer);
    out.extend(MAGIC.to_le_bytes());
    out
}

/// Appends a block; returns its place.
fn put_block(out: &mut Vec<u8>, entries: &[(Vec<u8>, Vec<u8>)], restarts_every: usize) -> Vec<u8> {
    let (mut block, mut restarts) = (Vec::new(), Vec::new());
    let mut before: &[u8] = &[];
    for (i, (key, value)) in entries.iter().enumerate() {
        let mut shared = 0;
        if i % restarts_every == 0 {
            restarts.push(block.len() as u32);
        } else {
            shared = key.iter().zip(before).take_while(|(a, b)| a == b).count();
        }
        for n in [shared, key.len() - shared, value.len()] {
            put_varint(&mut block, n as u64);
        }
        block.extend(&key[shared..]);
        block.extend(value);
        before = key;
    }
    if restarts.is_empty() {
        restarts.push(0);
    }
    block.extend(restarts.iter().flat_map(|r| r.to_le_bytes()));
    block.extend((restarts.len() as u32).to_le_bytes());
    let mut handle = Vec::new();
    put_varint(&mut handle, out.len() as u64);
    put_varint(&mut handle, block.len() as u64);
    // Not packed.
    let crc = crc32c::crc32c_append(crc32c::crc32c(&block), &[0]);
    out.extend(block);
    out.push(0);
    out.extend(masked(crc).to_le_bytes());
    handle
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries(count: usize, size: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let entry = |i: usize| (format!("layer/{i:06}").into_bytes(), vec![i as u8; size]);
        (0..count).map(entry).collect()
    }

    #[test]
    fn tables_come_back() {
        for (count, size) in [(0, 0), (1, 3), (40, 10), (3000, 300)] {
            let all = entries(count, size);
            let read = read(&write(&all), "a test", &Limits::default()).unwrap();
            assert!(read == all, "{count} of {size}");
        }
    }

    #[test]
    fn every_changed_byte_is_found() {
        let bytes = write(&entries(20, 5));
        for i in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[i] ^= 1;
            let result = read(&changed, "a test", &Limits::default());
            // The footer's padding and the empty block are never looked at.
            assert!(
                result.is_err() || result.unwrap() == entries(20, 5),
                "byte {i}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end(mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            bytes.extend(MAGIC.to_le_bytes());
            let _ = read(&bytes, "a test", &Limits::default());
            let _ = block_entries(&bytes, "a test");
        }
    }
}
