//! Memory of tensors: 64-byte aligned, recycled, so that a training step in steady state asks the system for nothing.
//!
//! [`in_few_buffers`] is for work whose tensors live shortly: it takes what was let go last, though it be larger.
//!
//! A buffer that nobody holds any more goes to the free list of the thread that let it go; lists that grow past
//! [`LOCAL_LIMIT`] hand over to a list that all threads share (a prefetching thread makes what the training thread lets go).

use bytemuck::{Pod, Zeroable};
use std::cell::{Cell, RefCell};
use std::iter::successors;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::{Error, Result};

const LOCAL_LIMIT: usize = 256 << 20;
const SHARED_LIMIT: usize = 1 << 30;

/// Bytes of a cache line, where every buffer begins.
const LINE: usize = 64;

/// What is aligned as the system aligns all memory: of more, it would not give zeros without writing them.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C, align(16))]
struct Part([u8; 16]);

const PARTS: usize = LINE / size_of::<Part>();

/// A piece of aligned memory.
#[derive(Debug)]
pub(crate) struct Buffer {
    /// A line more than there is, for where the first one begins.
    memory: Vec<Part>,
    /// The first part in use, which begins a line.
    first: usize,
    /// How many lines are in use.
    used: usize,
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
                let fresh = bytemuck::allocation::try_zeroed_vec((lines + 1) * PARTS);
                let memory: Vec<Part> = fresh.map_err(|()| Error::OutOfMemory { asked: bytes })?;
                Arc::new(Buffer {
                    memory,
                    first: 0,
                    used: 0,
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
        let address = self.memory.as_ptr().addr();
        let before = (self.lines() - lines) / 2 * LINE;
        self.first = (address.next_multiple_of(LINE) + before - address) / size_of::<Part>();
        self.used = lines;
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
        bytemuck::cast_slice(&self.memory[self.parts()])
    }

    /// What is in use as elements that can be written.
    #[inline]
    pub(crate) fn as_mut_slice<T: Pod>(&mut self) -> &mut [T] {
        let kept = self.kept.get_mut();
        kept.unwrap_or_else(PoisonError::into_inner).clear();
        let parts = self.parts();
        bytemuck::cast_slice_mut(&mut self.memory[parts])
    }

    /// The parts that are in use.
    fn parts(&self) -> Range<usize> {
        self.first..self.first + self.used * PARTS
    }

    fn lines(&self) -> usize {
        self.memory.len() / PARTS - 1
    }

    /// Whether it is large, and twice as large as so many bytes want it.
    pub(crate) fn wastes(&self, bytes: usize) -> bool {
        self.lines() >= LARGE && self.bytes() >= 2 * bytes
    }

    fn bytes(&self) -> usize {
        self.lines() * LINE
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
        if let Some(mut buffer) = self.0.take()
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

/// Sizes are rounded up to an eighth of their power of two, so that lists stay few and waste stays under 13 %.
fn size_class(lines: usize) -> usize {
    let lines = lines.max(1);
    let step = (lines.next_power_of_two() / 16).max(1);
    lines.div_ceil(step) * step
}

/// The number of a size that [`size_class`] gave: 16 sizes up to 16 lines, then 8 for each power of two.
fn number_of(class: usize) -> usize {
    let step = (class.next_power_of_two() / 16).max(1);
    8 * step.ilog2() as usize + class / step
}

/// Runs work whose tensors are let go soon after one another, such as those of a network's layers: each takes the memory
/// that was let go last, as that is still in caches, even if it is several times as large as it need be. What lives longer is
/// to be [`fitted`](crate::Tensor::fitted).
pub fn in_few_buffers<R>(work: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            TAKES_LATEST.set(self.0);
        }
    }
    let _restore = Restore(TAKES_LATEST.replace(true));
    work()
}

/// Lines of a buffer from which it matters in which caches it is.
const LARGE: usize = 1 << 10;
/// How many times as large as it need be a buffer may be that was let go last.
const MOST_TIMES: usize = 8;

#[derive(Default)]
struct Pool {
    /// By the number of their size; the latest of each is the last, with the number of buffers that had been let go by then.
    free: Vec<Vec<(usize, Arc<Buffer>)>>,
    given: usize,
    bytes: usize,
}

static SHARED: Mutex<Option<Pool>> = Mutex::new(None);

thread_local! {
    static LOCAL: RefCell<Pool> = RefCell::default();
    static TAKES_LATEST: Cell<bool> = const { Cell::new(false) };
}

impl Pool {
    fn take(lines: usize) -> Option<Arc<Buffer>> {
        let takes_latest = lines >= LARGE && TAKES_LATEST.get();
        LOCAL
            .try_with(|pool| match (&mut *pool.borrow_mut(), takes_latest) {
                (pool, true) => pool.latest(lines).and_then(|class| pool.pop(class)),
                (pool, false) => pool.pop(lines),
            })
            .ok()
            .flatten()
            .or_else(|| SHARED.try_lock().ok()?.as_mut()?.pop(lines))
    }

    fn give(buffer: Arc<Buffer>) {
        let refused = LOCAL
            .try_with(|pool| pool.borrow_mut().push(buffer, LOCAL_LIMIT))
            .unwrap_or_default();
        if let Some(buffer) = refused
            && let Ok(mut shared) = SHARED.lock()
        {
            shared.get_or_insert_default().push(buffer, SHARED_LIMIT);
        }
    }

    fn pop(&mut self, lines: usize) -> Option<Arc<Buffer>> {
        let (_, buffer) = self.free.get_mut(number_of(lines))?.pop()?;
        self.bytes -= buffer.bytes();
        Some(buffer)
    }

    /// The size of the buffer that was let go last of those that are as large as that, and not much larger.
    fn latest(&self, lines: usize) -> Option<usize> {
        let sizes = successors(Some(lines), |size| Some(size_class(size + 1)));
        let of_size = |size: usize| self.free.get(number_of(size))?.last();
        let given = |size: &usize| of_size(*size).map(|(number, _)| *number);
        sizes
            .take_while(|&size| size <= MOST_TIMES * lines)
            .max_by_key(given)
            .filter(|size| given(size).is_some())
    }

    fn push(&mut self, buffer: Arc<Buffer>, limit: usize) -> Option<Arc<Buffer>> {
        if self.bytes + buffer.bytes() > limit {
            return Some(buffer);
        }
        self.bytes += buffer.bytes();
        self.given += 1;
        let number = number_of(buffer.lines());
        if number >= self.free.len() {
            self.free.resize_with(number + 1, Vec::new);
        }
        self.free[number].push((self.given, buffer));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tensor;

    #[test]
    fn sizes_are_numbered_in_their_order() {
        let classes = successors(Some(1), |&size| Some(size_class(size + 1)));
        for (number, class) in classes.take(300).enumerate() {
            assert_eq!(number_of(class), number + 1, "of {class} lines");
        }
    }

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
    }

    #[test]
    fn size_classes_waste_little() {
        for lines in 1..10_000 {
            let class = size_class(lines);
            assert!(class >= lines && class as f64 <= lines as f64 * 1.13 + 1.0);
        }
    }
}
