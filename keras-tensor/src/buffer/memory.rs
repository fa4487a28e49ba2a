//! Memory from the system.

use bytemuck::{Pod, Zeroable, cast_slice, cast_slice_mut};
use memmap2::MmapMut;

/// Bytes of a large page, as most machines have them: it takes one entry of the table of pages that a processor keeps, where
/// small ones take 512.
const LARGE_PAGE: usize = 2 << 20;

/// What is aligned as the system aligns all memory: of more, it would not give zeros without writing them.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C, align(16))]
pub(super) struct Part([u8; 16]);

/// Bytes that begin where elements of any type may.
#[derive(Debug)]
pub(super) enum Memory {
    Heap(Vec<Part>),
    /// From whole large pages on, the system is asked for such.
    Pages(MmapMut),
}

impl Memory {
    /// At least so many zeros; `None` if the system has not as many.
    pub(super) fn zeroed(bytes: usize) -> Option<Self> {
        if bytes >= LARGE_PAGE
            && let Some(pages) = pages(bytes)
        {
            return Some(Memory::Pages(pages));
        }
        let parts = bytes.div_ceil(size_of::<Part>());
        let parts = bytemuck::allocation::try_zeroed_vec(parts);
        parts.ok().map(Memory::Heap)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Memory::Heap(parts) => cast_slice(parts),
            Memory::Pages(pages) => pages,
        }
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Memory::Heap(parts) => cast_slice_mut(parts),
            Memory::Pages(pages) => pages,
        }
    }
}

/// Pages for so many bytes, large ones but for the last bytes. Linux lets such begin where a large page does only if their
/// size is one of large pages; what nobody writes takes no memory.
fn pages(bytes: usize) -> Option<MmapMut> {
    let size = bytes.checked_next_multiple_of(LARGE_PAGE)?;
    let pages = MmapMut::map_anon(size).ok()?;
    #[cfg(target_os = "linux")]
    {
        let whole = bytes / LARGE_PAGE * LARGE_PAGE;
        // A system without large pages refuses; small ones do as well.
        let _ = pages.advise_range(memmap2::Advice::HugePage, 0, whole);
    }
    Some(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_is_zero_and_can_be_written() {
        for bytes in [1, 100, LARGE_PAGE - 1, LARGE_PAGE, 3 * LARGE_PAGE + 5] {
            let mut memory = Memory::zeroed(bytes).unwrap();
            assert!(memory.bytes().len() >= bytes);
            assert!(memory.bytes().iter().all(|&byte| byte == 0));
            let address = memory.bytes().as_ptr().addr();
            assert!(address.is_multiple_of(align_of::<Part>()));
            memory.bytes_mut().fill(1);
            assert!(memory.bytes().iter().all(|&byte| byte == 1));
        }
    }

    #[test]
    fn large_memory_is_of_pages() {
        let is_of_pages = |bytes| matches!(Memory::zeroed(bytes), Some(Memory::Pages(_)));
        assert!(!is_of_pages(LARGE_PAGE - 1));
        assert!(is_of_pages(LARGE_PAGE));
    }
}
