//! Memory that was let go, to be taken again.
//!
//! [`in_few_buffers`] is for work whose tensors live shortly: it takes what was let go last, though it be larger.

use std::cell::{Cell, RefCell};
use std::iter::successors;
use std::sync::{Arc, Mutex};

use super::{Buffer, LARGE};
use crate::scoped;

const LOCAL_LIMIT: usize = 256 << 20;
const SHARED_LIMIT: usize = 1 << 30;

/// Sizes are rounded up to an eighth of their power of two, so that lists stay few and waste stays under 13 %.
pub(super) fn size_class(lines: usize) -> usize {
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
    scoped(&TAKES_LATEST, true, work)
}

/// How many times as large as it need be a buffer may be that was let go last.
const MOST_TIMES: usize = 8;

/// Buffers that nobody holds.
#[derive(Default)]
pub(super) struct Pool {
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
    pub(super) fn take(lines: usize) -> Option<Arc<Buffer>> {
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

    pub(super) fn give(buffer: Arc<Buffer>) {
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
        let number = number_of(buffer.lines);
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

    #[test]
    fn sizes_are_numbered_in_their_order() {
        let classes = successors(Some(1), |&size| Some(size_class(size + 1)));
        for (number, class) in classes.take(300).enumerate() {
            assert_eq!(number_of(class), number + 1, "of {class} lines");
        }
    }

    #[test]
    fn size_classes_waste_little() {
        for lines in 1..10_000 {
            let class = size_class(lines);
            assert!(class >= lines && class as f64 <= lines as f64 * 1.13 + 1.0);
        }
    }
}
