//! The same part of each of several slices.
//!
//! Functions, not closures that are given to `map` or `from_fn`: a closure is compiled anew for each of the many functions that
//! the one around it becomes, with all that it is given to.

use std::ops::Range;

use super::elementwise::Number;

/// Element `i` of each.
#[inline(always)]
pub(super) fn of_each<T: Number, S: AsRef<[T]>, const N: usize>(
    slices: &[S; N],
    i: usize,
) -> [T; N] {
    let mut elements = [T::ZERO; N];
    for k in 0..N {
        elements[k] = slices[k].as_ref()[i];
    }
    elements
}

/// A copy of some elements of each, from one on.
#[inline(always)]
pub(super) fn copies<T: Number, S: AsRef<[T]>, const N: usize, const COUNT: usize>(
    slices: &[S; N],
    start: usize,
) -> [[T; COUNT]; N] {
    let mut copies = [[T::ZERO; COUNT]; N];
    for (copy, slice) in copies.iter_mut().zip(slices) {
        copy.copy_from_slice(&slice.as_ref()[start..start + COUNT]);
    }
    copies
}

/// A part of each.
#[inline(always)]
pub(super) fn parts<'a, T, const N: usize>(
    slices: &[&'a [T]; N],
    range: Range<usize>,
) -> [&'a [T]; N] {
    let mut parts = *slices;
    for part in &mut parts {
        *part = &part[range.clone()];
    }
    parts
}
