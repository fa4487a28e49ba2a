//! Memory of tensors: 64-byte aligned, recycled, so that a training step in steady state asks the system for nothing.
//!
//! A buffer that nobody holds any more goes to the [`pool`] of the thread that let it go; pools that grow past a limit hand
//! over to one that all threads share (a prefetching thread makes what the training thread lets go).

mod memory;
mod pool;

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytemuck::{Pod, cast_slice, cast_slice_mut};

use crate::{Error, Result};
use memory::Memory;
use pool::{Pool, size_class};

pub use pool::in_few_buffers;

/// Bytes of a cache line, where every buffer begins.
const LINE: usize = 64;
/// Lines of a buffer from which it matters in which caches it is.
const LARGE: usize = 1 << 10;

/// A piece of aligned memory.
#[derive(Debug)]
pub(crate) struct Buffer {
    memory: Memory,
    lines: usize,
    /// The bytes in use, from the beginning of a line on.
    used: Range<usize>,
    /// What kernels have made of the content, for as long as it stays.
    kept: Mutex<Vec<(Layout, Arc<Buffer>)>>,
}

/// How kernels have laid out the content of a buffer, or a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Which kernel, and in which of its ways.
    pub(crate) kind: &'static str,
    /// The sizes and strides that it took the content for, and where it began.
    pub(crate) sizes: [usize; 6],
}

impl Buffer {
    /// A buffer of at least `bytes` bytes that nobody else holds. Its content is whatever was there before.
    pub(crate) fn take(bytes: usize) -> Result<Arc<Buffer>> {
        let lines = size_class(bytes.div_ceil(LINE));
        let mut taken = match Pool::take(lines) {
            Some(recycled) => recycled,
            None => {
                // A line more, for where the first one begins.
                let memory = (lines + 1).checked_mul(LINE).and_then(Memory::zeroed);
                Arc::new(Buffer {
                    memory: memory.ok_or(Error::OutOfMemory { asked: bytes })?,
                    lines,
                    used: 0..0,
                    kept: Mutex::default(),
                })
            }
        };
        let buffer = Arc::get_mut(&mut taken).expect("a taken buffer has one holder");
        buffer.use_middle(lines);
        Ok(taken)
    }

    /// Uses so many lines, those in the middle: what the first half of the threads writes is then, whatever the size, in
    /// memory that they wrote before.
    fn use_middle(&mut self, lines: usize) {
        let address = self.memory.bytes().as_ptr().addr();
        let before = (self.lines - lines) / 2 * LINE;
        let first = address.next_multiple_of(LINE) - address + before;
        self.used = first..first + lines * LINE;
    }

    /// The content in a layout that was made of it before, or that `make` makes now.
    pub(crate) fn kept(
        &self,
        layout: Layout,
        make: impl FnOnce() -> Result<Arc<Buffer>>,
    ) -> Result<Arc<Buffer>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, buffer)) = kept.iter().find(|(l, _)| *l == layout) {
            return Ok(buffer.clone());
        }
        let made = make()?;
        kept.push((layout, made.clone()));
        Ok(made)
    }

    /// What is in use as elements.
    #[inline]
    pub(crate) fn as_slice<T: Pod>(&self) -> &[T] {
        cast_slice(&self.memory.bytes()[self.used.clone()])
    }

    /// What is in use as elements that can be written.
    #[inline]
    pub(crate) fn as_mut_slice<T: Pod>(&mut self) -> &mut [T] {
        let kept = self.kept.get_mut();
        kept.unwrap_or_else(PoisonError::into_inner).clear();
        cast_slice_mut(&mut self.memory.bytes_mut()[self.used.clone()])
    }

    /// Whether it is large, and twice as large as so many bytes want it.
    pub(crate) fn wastes(&self, bytes: usize) -> bool {
        self.lines >= LARGE && self.bytes() >= 2 * bytes
    }

    fn bytes(&self) -> usize {
        self.lines * LINE
    }
}

/// A hold on a buffer; the last one to go recycles it.
#[derive(Debug, Clone)]
pub(crate) struct Held(Option<Arc<Buffer>>);

impl Held {
    pub(crate) fn new(buffer: Arc<Buffer>) -> Self {
        Held(Some(buffer))
    }

    #[inline]
    pub(crate) fn get(&self) -> &Buffer {
        self.0.as_ref().expect("only drop and into_unique empty it")
    }

    /// The buffer, if nobody else holds it.
    pub(crate) fn get_mut(&mut self) -> Option<&mut Buffer> {
        Arc::get_mut(self.0.as_mut()?)
    }

    /// The buffer itself, if nobody else holds it.
    pub(crate) fn into_unique(mut self) -> Option<Arc<Buffer>> {
        let mut buffer = self.0.take()?;
        Arc::get_mut(&mut buffer)?;
        Some(buffer)
    }

    pub(crate) fn is_unique(&self) -> bool {
        self.0.as_ref().is_some_and(|b| Arc::strong_count(b) == 1)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Most holds are not the last: to look at the count costs less than to claim the buffer.
        if self.is_unique()
            && let Some(mut buffer) = self.0.take()
            && let Some(unique) = Arc::get_mut(&mut buffer)
        {
            let kept = unique.kept.get_mut();
            let kept = kept.unwrap_or_else(PoisonError::into_inner);
            while let Some((_, buffer)) = kept.pop() {
                drop(Held::new(buffer));
            }
            Pool::give(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tensor;

    #[test]
    fn a_dropped_buffer_comes_back() {
        let held = Held::new(Buffer::take(1000).unwrap());
        let address = held.get().as_slice::<u8>().as_ptr();
        assert_eq!(address as usize % LINE, 0);
        drop(held);
        let again = Held::new(Buffer::take(1001).unwrap());
        assert_eq!(again.get().as_slice::<u8>().as_ptr(), address);
    }

    /// Where so many bytes in the middle of more begin.
    fn middle(of: usize, bytes: usize) -> usize {
        (of - bytes) / 2
    }

    #[test]
    fn work_in_few_buffers_takes_the_latest_that_is_large_enough() {
        let hold = |bytes: usize| Held::new(Buffer::take(bytes).unwrap());
        let address = |held: &Held| held.get().as_slice::<u8>().as_ptr().addr();
        let (small, large, huge) = (hold(1 << 17), hold(1 << 19), hold(1 << 22));
        let [of_small, of_large] = [&small, &large].map(address);
        drop([small, large, huge]);
        in_few_buffers(|| {
            let taken = hold(1 << 17);
            assert_eq!(address(&taken), of_large + middle(1 << 19, 1 << 17));
            assert_eq!(address(&hold(1 << 17)), of_small);
        });
        assert_eq!(address(&hold(1 << 17)), of_small);
    }

    #[test]
    fn what_stays_of_such_work_has_memory_of_its_size() {
        let large = Held::new(Buffer::take(1 << 21).unwrap());
        let address = large.get().as_slice::<u8>().as_ptr().addr();
        drop(large);
        let values: Vec<u8> = (0..1 << 18).map(|i| i as u8).collect();
        let tensor = in_few_buffers(|| Tensor::new(&values, [1 << 18]).unwrap());
        let found = tensor.raw::<u8>().as_ptr().addr();
        assert_eq!(found, address + middle(1 << 21, 1 << 18));
        let fitted = tensor.fitted().unwrap();
        let fitted_address = fitted.raw::<u8>().as_ptr().addr();
        assert_ne!(fitted_address, found);
        assert_eq!(fitted.raw::<u8>(), values);
        // What fits stays where it is.
        assert_eq!(
            fitted.fitted().unwrap().raw::<u8>().as_ptr().addr(),
            fitted_address
        );
    }

    #[test]
    fn a_shared_buffer_stays() {
        let a = Held::new(Buffer::take(640).unwrap());
        let b = a.clone();
        drop(a);
        assert!(b.is_unique());
        assert!(b.into_unique().is_some());
    }

    #[test]
    fn what_was_made_of_the_content_goes_with_it() {
        let mut buffer = Buffer::take(640).unwrap();
        let layout = Layout {
            kind: "a test",
            sizes: [0; 6],
        };
        let made = Buffer::take(64).unwrap();
        let found = buffer.kept(layout, || Ok(made.clone())).unwrap();
        assert!(Arc::ptr_eq(&found, &made));
        let again = buffer.kept(layout, || unreachable!("it was made before"));
        assert!(Arc::ptr_eq(&again.unwrap(), &made));
        Arc::get_mut(&mut buffer).unwrap().as_mut_slice::<u8>()[0] = 1;
        let other = Buffer::take(64).unwrap();
        let found = buffer.kept(layout, || Ok(other.clone())).unwrap();
        assert!(Arc::ptr_eq(&found, &other));
    }

    #[test]
    fn absurd_sizes_are_an_error() {
        assert!(matches!(
            Buffer::take(isize::MAX as usize - 64),
            Err(Error::OutOfMemory { .. })
        ));
        assert!(matches!(
            Buffer::take(usize::MAX),
            Err(Error::OutOfMemory { .. })
        ));
    }
}
