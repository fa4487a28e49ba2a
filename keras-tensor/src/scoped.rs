//! Settings of a thread that hold for a piece of work.

use std::cell::Cell;
use std::thread::LocalKey;

/// Runs `work` while a thread's cell holds `value`; afterwards it holds what it did before, even if `work` panics.
///
/// ```
/// use std::cell::Cell;
/// thread_local! { static DEPTH: Cell<usize> = const { Cell::new(1) }; }
/// assert_eq!(keras_tensor::scoped(&DEPTH, 2, || DEPTH.get()), 2);
/// assert_eq!(DEPTH.get(), 1);
/// ```
pub fn scoped<T: Copy + 'static, R>(
    cell: &'static LocalKey<Cell<T>>,
    value: T,
    work: impl FnOnce() -> R,
) -> R {
    struct Restore<T: Copy + 'static>(&'static LocalKey<Cell<T>>, T);
    impl<T: Copy + 'static> Drop for Restore<T> {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    let _restore = Restore(cell, cell.replace(value));
    work()
}
