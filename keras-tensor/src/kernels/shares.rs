//! Work shared among threads. The size alone decides where it is cut, so results never depend on the number of threads.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::{Mutex, OnceLock};

use super::elementwise::Number;
use super::simd::{Loop, vectorized};
use super::threads;
use crate::Result;

/// Elements from which element-wise work is shared; also the size of a share.
pub(super) const SHARE: usize = 1 << 15;

/// How many things of `count` are a share: about as many as said, but so that each half of them is of whole shares, where
/// that can be. Two threads then have as much to do, and find in their own caches what they did before.
pub(super) fn even_share(count: usize, about: usize) -> usize {
    let is_even = |share: &usize| count.is_multiple_of(2 * share);
    let mut smaller = (about.div_ceil(4).max(1)..=about).rev();
    smaller.find(is_even).unwrap_or(about.max(1))
}

/// How many things of `count` are a part, if about so many parts are wanted: an even number of these, so that two threads have
/// as much to do.
pub(super) fn in_even_parts(count: usize, parts: usize) -> usize {
    count.div_ceil(parts.next_multiple_of(2).max(1))
}

/// A slice cut into pieces of one size, each to be taken by one thread.
pub(super) struct Pieces<'a, T> {
    first: *mut T,
    size: usize,
    piece: usize,
    borrowed: PhantomData<&'a mut [T]>,
}

// SAFETY: each piece is reached by one thread at a time only, as whoever calls `get` promises.
#[allow(unsafe_code)]
unsafe impl<T: Send> Sync for Pieces<'_, T> {}

impl<'a, T> Pieces<'a, T> {
    fn new(slice: &'a mut [T], piece: usize) -> Self {
        Pieces {
            first: slice.as_mut_ptr(),
            size: slice.len(),
            piece,
            borrowed: PhantomData,
        }
    }

    fn count(&self) -> usize {
        self.size.div_ceil(self.piece)
    }

    /// Piece `i`.
    ///
    /// # Safety
    /// It is asked for once.
    #[allow(unsafe_code, clippy::mut_from_ref)]
    unsafe fn get(&self, i: usize) -> &mut [T] {
        let start = (i * self.piece).min(self.size);
        let end = (start + self.piece).min(self.size);
        // SAFETY: the range lies inside of the slice, and pieces do not overlap.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(start), end - start) }
    }
}

/// Calls `work(offset, share)` for every share of `out`.
///
/// The work is a `dyn` function: the machinery of threads is compiled once for each element type, not once a kernel.
pub(super) fn for_shares<T: Send>(
    out: &mut [T],
    share: usize,
    work: &(dyn Fn(usize, &mut [T]) + Sync),
) {
    if out.len() <= share {
        return work(0, out);
    }
    let pieces = Pieces::new(out, share);
    threads::share(pieces.count(), &|i| {
        // SAFETY: every number comes once.
        #[allow(unsafe_code)]
        work(i * share, unsafe { pieces.get(i) });
    });
}

/// Calls `work(part, sums)` for every `size` elements of `room`, and adds all of them to the first in their order.
pub(super) fn summed_apart<'a, T: Number>(
    room: &'a mut [T],
    size: usize,
    work: &(dyn Fn(usize, &mut [T]) + Sync),
) -> &'a [T] {
    for_shares(room, size, &|start, sums| work(start / size, sums));
    let (sum, others) = room.split_at_mut(size);
    for_shares(sum, SHARE, &|start, sum| {
        for other in others.chunks_exact(size) {
            for (to, &v) in sum.iter_mut().zip(&other[start..]) {
                *to = to.add(v);
            }
        }
    });
    sum
}

/// Calls `work` for every share of `0..count`, each of `share` numbers.
pub(super) fn for_ranges(count: usize, share: usize, work: &(dyn Fn(Range<usize>) + Sync)) {
    threads::share(count.div_ceil(share), &|i| work(range(i, share, count)));
}

/// Share `i` of `0..count`.
pub(super) fn range(i: usize, share: usize, count: usize) -> Range<usize> {
    i * share..((i + 1) * share).min(count)
}

/// [`for_shares`] of work that can fail: an error that a share gave.
pub(super) fn try_for_shares<T: Send>(
    out: &mut [T],
    share: usize,
    work: &(dyn Fn(usize, &mut [T]) -> Result<()> + Sync),
) -> Result<()> {
    first_error(|failed| for_shares(out, share, &|start, out| failed(work(start, out))))
}

/// [`threads::share`] of work that can fail: an error that a piece gave.
pub(super) fn try_share(count: usize, work: &(dyn Fn(usize) -> Result<()> + Sync)) -> Result<()> {
    first_error(|failed| threads::share(count, &|i| failed(work(i))))
}

/// Runs work that tells the outcome of each of its pieces; of several errors, any one will do.
fn first_error(work: impl FnOnce(&(dyn Fn(Result<()>) + Sync))) -> Result<()> {
    let failed = OnceLock::new();
    work(&|outcome| {
        if let Err(e) = outcome {
            let _ = failed.set(e);
        }
    });
    failed.into_inner().map_or(Ok(()), Err)
}

/// Parts of a loop that take no memory from the system.
const PARTS: usize = 16;

/// A loop over several slices of one length that can be cut in two.
pub(super) trait Divide: Loop<Output = ()> + Send + Sized {
    fn len(&self) -> usize;
    fn split_at(self, middle: usize) -> (Self, Self);
}

/// Runs a loop in shares of `share` elements, or of more, so that there are no more than [`PARTS`].
pub(super) fn divided_by<L: Divide>(mut work: L, share: usize) {
    let share = share.max(work.len().div_ceil(PARTS));
    if work.len() <= share {
        return vectorized(work);
    }
    let (mut parts, mut last) = ([const { Mutex::new(None) }; PARTS], 0);
    while work.len() > share {
        let (part, rest) = work.split_at(share);
        parts[last] = Mutex::new(Some(part));
        last += 1;
        work = rest;
    }
    parts[last] = Mutex::new(Some(work));
    threads::share(last + 1, &|i| {
        let part = parts[i].lock().ok().and_then(|mut part| part.take());
        vectorized(part.expect("every part is taken once"));
    });
}

#[cfg(test)]
mod tests {
    use super::even_share;

    #[test]
    fn halves_are_whole_shares_where_that_can_be() {
        let shares = [(14, 3), (28, 3), (56, 2), (22, 5), (7, 2), (1, 1), (0, 0)];
        let found = shares.map(|(count, about)| even_share(count, about));
        assert_eq!(found, [1, 2, 2, 5, 2, 1, 1]);
    }
}
