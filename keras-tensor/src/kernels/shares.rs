//! Work shared among threads. The size alone decides where it is cut, so results never depend on the number of threads.

use rayon::prelude::*;
use std::sync::OnceLock;

use super::simd::{Loop, vectorized};
use crate::Result;

/// Elements from which element-wise work is shared; also the size of a share.
pub(super) const SHARE: usize = 1 << 15;

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
    out.par_chunks_mut(share)
        .enumerate()
        .for_each(|(i, out)| work(i * share, out));
}

/// [`for_shares`] of work that can fail: an error that a share gave.
pub(super) fn try_for_shares<T: Send>(
    out: &mut [T],
    share: usize,
    work: &(dyn Fn(usize, &mut [T]) -> Result<()> + Sync),
) -> Result<()> {
    let failed = OnceLock::new();
    for_shares(out, share, &|start, out| {
        if let Err(e) = work(start, out) {
            // Of several errors, any one will do.
            let _ = failed.set(e);
        }
    });
    failed.into_inner().map_or(Ok(()), Err)
}

/// [`for_shares`] of [`SHARE`] elements, with the same part of an input beside each.
pub(super) fn for_pairs<A: Sync, T: Send>(
    out: &mut [T],
    a: &[A],
    work: impl Fn(&mut [T], &[A]) + Sync,
) {
    for_shares(out, SHARE, &|start, out| {
        let a = &a[start..start + out.len()];
        work(out, a)
    });
}

/// A loop over several slices of one length that can be cut in two.
pub(super) trait Divide: Loop<Output = ()> + Send + Sized {
    fn len(&self) -> usize;
    fn split_at(self, middle: usize) -> (Self, Self);
}

/// Runs a loop in shares of at most two times [`SHARE`].
pub(super) fn divided<L: Divide>(work: L) {
    divided_by(work, SHARE);
}

/// Runs a loop in shares of at most two times `share`.
pub(super) fn divided_by<L: Divide>(work: L, share: usize) {
    if work.len() <= 2 * share {
        return vectorized(work);
    }
    let middle = (work.len() / 2).next_multiple_of(share);
    let (left, right) = work.split_at(middle);
    rayon::join(|| divided_by(left, share), || divided_by(right, share));
}
