//! Many elements folded into one, in several lanes at once.

use super::arrays::{of_each, parts};
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
    let whole = size - size % LANES;
    let mut total = start;
    for first in (0..whole).step_by(RUN) {
        let mut lanes = [start; LANES];
        for chunk in (first..whole.min(first + RUN)).step_by(LANES) {
            let x = parts(&x, chunk..chunk + LANES);
            for (i, lane) in lanes.iter_mut().enumerate() {
                *lane = combine(*lane, f(of_each(&x, i)));
            }
        }
        total = combine(total, halved(&mut lanes, &combine));
    }
    for i in whole..size {
        total = combine(total, f(of_each(&x, i)));
    }
    total
}

/// Folds lanes into one: the second half into the first, and so on.
#[inline(always)]
fn halved<T: Copy>(lanes: &mut [T; LANES], combine: impl Fn(T, T) -> T) -> T {
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
