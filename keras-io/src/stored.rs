//! Where the bytes of a file within a file lie: in memory, or in a part of a file, from which only what is wanted is read.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};
#[cfg(unix)]
use std::thread;

#[cfg(unix)]
use keras_tensor::threads;

/// Smaller readings are served from pages of this size: descriptions of data lie close together, in some places of a file.
const PAGE: usize = 1 << 13;
/// Bytes whose copying takes much longer than starting a thread.
#[cfg(unix)]
const MUCH: usize = 2 << 20;
/// Pages that are kept; one more, and all are read anew.
const PAGES: usize = 256;

/// The bytes of a file within a file, or of a file.
#[derive(Clone)]
pub(crate) enum Stored {
    /// In memory.
    Memory(Arc<Vec<u8>>),
    /// In a part of a file.
    Part(Arc<Part>),
}

/// A part of a file.
pub(crate) struct Part {
    start: u64,
    size: u64,
    reader: Mutex<Reader>,
}

struct Reader {
    file: File,
    /// By their numbers.
    pages: HashMap<u64, Vec<u8>>,
}

impl Stored {
    /// So many bytes of a file from `start`.
    pub(crate) fn part(file: File, start: u64, size: u64) -> Self {
        let pages = HashMap::new();
        let reader = Mutex::new(Reader { file, pages });
        Stored::Part(Arc::new(Part {
            start,
            size,
            reader,
        }))
    }

    pub(crate) fn size(&self) -> u64 {
        match self {
            Stored::Memory(bytes) => bytes.len() as u64,
            Stored::Part(part) => part.size,
        }
    }

    /// Fills `out` with the bytes from `offset`; `None` if there are not so many.
    pub(crate) fn read(&self, offset: u64, out: &mut [u8]) -> Option<io::Result<()>> {
        let end = offset.checked_add(out.len() as u64)?;
        if end > self.size() {
            return None;
        }
        Some(match self {
            Stored::Memory(bytes) => {
                out.copy_from_slice(&bytes[offset as usize..end as usize]);
                Ok(())
            }
            Stored::Part(part) => part.read(offset, out),
        })
    }
}

impl Part {
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        // What a panic elsewhere left behind are whole pages, and a place, which any reading sets anew.
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let Reader { file, pages } = &mut *reader;
        if out.len() >= PAGE {
            return read_much(file, self.start + offset, out);
        }
        // These lie on one page or on two.
        let (number, first) = (offset / PAGE as u64, (offset % PAGE as u64) as usize);
        let (here, beyond) = out.split_at_mut(out.len().min(PAGE - first));
        here.copy_from_slice(&self.page(file, pages, number)?[first..][..here.len()]);
        if !beyond.is_empty() {
            beyond.copy_from_slice(&self.page(file, pages, number + 1)?[..beyond.len()]);
        }
        Ok(())
    }

    fn page<'a>(
        &self,
        file: &mut File,
        pages: &'a mut HashMap<u64, Vec<u8>>,
        number: u64,
    ) -> io::Result<&'a [u8]> {
        if pages.len() >= PAGES && !pages.contains_key(&number) {
            pages.clear();
        }
        Ok(match pages.entry(number) {
            Entry::Occupied(page) => page.into_mut(),
            Entry::Vacant(none) => {
                let start = number * PAGE as u64;
                let mut page = vec![0; (self.size - start).min(PAGE as u64) as usize];
                file.seek(SeekFrom::Start(self.start + start))?;
                file.read_exact(&mut page)?;
                none.insert(page)
            }
        })
    }
}

/// Reads from a place of a file on; where there is much to copy, two threads copy a half each.
fn read_much(file: &mut File, start: u64, out: &mut [u8]) -> io::Result<()> {
    #[cfg(unix)]
    if out.len() >= MUCH && threads::limit() > 1 {
        use std::os::unix::fs::FileExt;
        let file = &*file;
        let (first, second) = out.split_at_mut(out.len() / 2);
        let middle = start + first.len() as u64;
        let read = thread::scope(|scope| {
            let second = || file.read_exact_at(second, middle);
            let second = thread::Builder::new().spawn_scoped(scope, second).ok()?;
            let first = file.read_exact_at(first, start);
            Some(first.and(second.join().ok()?))
        });
        // Without another thread, this one reads all of it.
        if let Some(outcome) = read {
            return outcome;
        }
    }
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_file_is_what_the_same_bytes_in_memory_are() {
        let bytes: Vec<u8> = (0..3_000_000u32).map(|i| (i * 7 % 251) as u8).collect();
        let path = std::env::temp_dir().join(format!("keras-io-part-{}", std::process::id()));
        std::fs::write(&path, [&[9; 123][..], &bytes, &[9; 50]].concat()).unwrap();
        let part = Stored::part(File::open(&path).unwrap(), 123, bytes.len() as u64);
        std::fs::remove_file(&path).unwrap();
        let memory = Stored::Memory(Arc::new(bytes));
        for (offset, count) in [
            (0, 8),
            (10, 8),
            (70_000, 16),
            (65_530, 12),
            (1, 100_000),
            (2_999_990, 10),
            (7, 2_500_001),
            (5, 0),
            (40, 8),
        ] {
            let read = |stored: &Stored| {
                let mut out = vec![0; count];
                stored.read(offset, &mut out).unwrap().unwrap();
                out
            };
            assert_eq!(read(&part), read(&memory), "{count} from {offset}");
        }
        for (offset, count) in [(2_999_991, 10), (3_000_001, 0), (u64::MAX, 2)] {
            assert!(part.read(offset, &mut vec![0; count]).is_none());
            assert!(memory.read(offset, &mut vec![0; count]).is_none());
        }
    }
}
