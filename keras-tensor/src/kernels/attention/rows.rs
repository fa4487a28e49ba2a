//! Passes over rows of scores.

use num_traits::Float;

use crate::kernels::Real;
use crate::kernels::elementary::Elementary;
use crate::kernels::elementwise::Number;
use crate::kernels::fold::{LANES, sum_of};
use crate::kernels::simd::{Loop, vectorized};
use crate::kernels::vector::{Vector, VectorLoop, Width};

/// The largest score of a row so far, and the sum of `exp(score - largest)`.
#[derive(Clone, Copy)]
pub(super) struct Running<T> {
    pub(super) largest: T,
    pub(super) total: T,
}

impl<T: Number> Default for Running<T> {
    fn default() -> Self {
        Running {
            largest: T::LOWEST,
            total: T::ZERO,
        }
    }
}

impl<T: Real> Running<T> {
    /// Goes on with more scores, which become `exp(score - largest)`; gives what such numbers before are multiplied by.
    #[inline(always)]
    fn take<V: Vector<Element = T>>(&mut self, width: Width<V>, scores: &mut [T]) -> T {
        // Where a score is no number, neither is the sum.
        let largest = folded(width, scores, self.largest, V::at_least);
        let shrunk = match largest > self.largest && self.total > T::ZERO {
            true => <T as Elementary>::exp(self.largest - largest),
            false => T::ONE,
        };
        self.largest = largest;
        self.total = self.total * shrunk + self.weigh(width, scores);
        shrunk
    }

    /// Makes scores `exp(score - largest)`; gives the sum of these.
    #[inline(always)]
    fn weigh<V: Vector<Element = T>>(&self, width: Width<V>, scores: &mut [T]) -> T {
        for x in scores.iter_mut() {
            *x = <T as Elementary>::exp(*x - self.largest);
        }
        folded(width, scores, T::ZERO, V::plus)
    }
}

/// Folds elements into one, in an order that their number decides, not the width of vectors; `start` changes nothing.
#[inline(always)]
fn folded<T: Number, V: Vector<Element = T>>(
    width: Width<V>,
    x: &[T],
    start: T,
    combine: impl Fn(V, V) -> V,
) -> T {
    let mut all = [V::splat(width, start); LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    let mut count = LANES / V::LANES;
    let mut take = |chunk: &[T; LANES]| {
        for (i, v) in all[..count].iter_mut().enumerate() {
            *v = combine(*v, V::load_at(width, chunk, i * V::LANES));
        }
    };
    chunks.iter().for_each(&mut take);
    if !rest.is_empty() {
        let mut last = [start; LANES];
        last[..rest.len()].copy_from_slice(rest);
        take(&last);
    }
    while count > 1 {
        count /= 2;
        for i in 0..count {
            all[i] = combine(all[i], all[i + count]);
        }
    }
    // The second half of a vector into the first, and so on; each lane comes as often as there are fewer.
    let mut one = all[0];
    for _ in 0..V::LANES.ilog2() {
        let [first, second] = one.zipped(one);
        one = combine(first, second);
    }
    let mut lanes = [start; LANES];
    one.store(&mut lanes);
    lanes[0]
}

/// Scores of a tile, some columns of all rows, and what has been seen of its rows.
pub(super) struct Scores<'a, T> {
    pub(super) tile: &'a mut [T],
    pub(super) columns: usize,
    pub(super) running: &'a mut [Running<T>],
}

impl<'a, T> Scores<'a, T> {
    #[inline(always)]
    fn rows(self) -> impl Iterator<Item = (&'a mut [T], &'a mut Running<T>)> {
        self.tile.chunks_exact_mut(self.columns).zip(self.running)
    }
}

/// Goes on with each row, see [`Running::take`]; what those before are multiplied by goes into `shrunk`.
pub(super) struct Take<'a, T> {
    pub(super) scores: Scores<'a, T>,
    pub(super) shrunk: &'a mut [T],
}

impl<T: Real> VectorLoop<T> for Take<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector<Element = T>>(self, width: Width<V>) {
        for ((scores, running), shrunk) in self.scores.rows().zip(self.shrunk) {
            *shrunk = running.take(width, scores);
        }
    }
}

/// Makes scores the weights of softmax, of rows that have been seen, or are `whole`.
pub(super) struct Weigh<'a, T> {
    pub(super) scores: Scores<'a, T>,
    pub(super) are_whole: bool,
}

impl<T: Real> VectorLoop<T> for Weigh<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector<Element = T>>(self, width: Width<V>) {
        for (scores, running) in self.scores.rows() {
            match self.are_whole {
                true => running.take(width, scores),
                false => running.weigh(width, scores),
            };
            let share = T::ONE / running.total;
            scores.iter_mut().for_each(|x| *x = *x * share);
        }
    }
}

/// `x *= factor`.
pub(super) fn scaled<T: Number + Float>(x: &mut [T], factor: T) {
    vectorized(Each(x, |x| x * factor));
}

/// `x /= total`.
pub(super) fn divided_by<T: Number + Float>(x: &mut [T], total: T) {
    vectorized(Each(x, |x| x / total));
}

struct Each<'a, T, F>(&'a mut [T], F);

impl<T: Copy, F: Fn(T) -> T> Loop for Each<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for x in self.0 {
            *x = (self.1)(*x);
        }
    }
}

/// `gradient = weight * (gradient - dot) * scale`, with a `dot` for each row.
pub(super) struct ThroughSoftmax<'a, T> {
    pub(super) gradient: &'a mut [T],
    pub(super) weights: &'a [T],
    pub(super) columns: usize,
    pub(super) dots: &'a [T],
    pub(super) scale: T,
}

impl<T: Float> Loop for ThroughSoftmax<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let rows = self.gradient.chunks_exact_mut(self.columns);
        let rows = rows.zip(self.weights.chunks_exact(self.columns));
        for ((gradient, weights), &dot) in rows.zip(self.dots) {
            for (g, &w) in gradient.iter_mut().zip(weights) {
                *g = w * (*g - dot) * self.scale;
            }
        }
    }
}

/// The sum of `a * b`.
pub(super) struct Dot<'a, T> {
    pub(super) a: &'a [T],
    pub(super) b: &'a [T],
}

impl<T: Number + Float> Loop for Dot<'_, T> {
    type Output = T;
    #[inline(always)]
    fn run(self) -> T {
        sum_of([self.a, self.b], |[a, b]| a * b)
    }
}
