//! Many elements folded into one, in several lanes at once.

use std::array;

use super::elementwise::Number;

/// Elements that are folded side by side.
pub(super) const LANES: usize = 32;
/// Elements that lanes gather before they are folded into one.
const RUN: usize = 1024;

/// Folds what `f` makes of the elements at the same place of slices of one length, in an order that the length decides.
///
/// It belongs inside of a [`super::simd::Loop`].
#[inline(always)]
pub(super) fn fold<T: Number, const N: usize>(
    x: [&[T]; N],
    start: T,
    f: impl Fn([T; N]) -> T,
    combine: impl Fn(T, T) -> T,
) -> T {
    let size = x[0].len();
    if size < LANES {
        return (0..size).fold(start, |all, i| combine(all, f(x.map(|x| x[i]))));
    }
    let parts = x.map(|x| x[..size].as_chunks::<LANES>());
    let (chunks, rest) = (size / LANES, size % LANES);
    let mut total = start;
    for first in (0..chunks).step_by(RUN / LANES) {
        let mut lanes = [start; LANES];
        for chunk in first..chunks.min(first + RUN / LANES) {
            let x = parts.map(|p| &p.0[chunk]);
            for (i, lane) in lanes.iter_mut().enumerate() {
                *lane = combine(*lane, f(array::from_fn(|k| x[k][i])));
            }
        }
        total = combine(total, halved(&mut lanes, &combine));
    }
    (0..rest).fold(total, |all, i| combine(all, f(parts.map(|p| p.1[i]))))
}

/// Folds lanes into one: the second half into the first, and so on.
#[inline(always)]
pub(super) fn halved<T: Copy>(lanes: &mut [T; LANES], combine: impl Fn(T, T) -> T) -> T {
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            lanes[i] = combine(lanes[i], lanes[i + width]);
        }
    }
    lanes[0]
}

/// The sum of what `f` makes of the elements at the same place of slices of one length.
#[inline(always)]
pub(super) fn sum_of<T: Number, const N: usize>(x: [&[T]; N], f: impl Fn([T; N]) -> T) -> T {
    fold(x, T::ZERO, f, T::add)
}
