//! Steps against gradients of which there are only some rows.

use super::{Rule, Weights};
use crate::kernels::Real;
use crate::kernels::shares::Divide;
use crate::kernels::simd::Loop;
use crate::scattered::Scattered;

/// Gradients that are made at a time.
const PIECE: usize = 512;
/// Where a chain ends.
const END: usize = usize::MAX;

/// The rows of a gradient, and which belong to each row of the weight: a chain of them, in their order.
pub(super) struct Chains<'a, T> {
    values: &'a [T],
    width: usize,
    first: Vec<usize>,
    next: Vec<usize>,
}

impl<'a, T: Real> Chains<'a, T> {
    /// The chains of a gradient of so many elements.
    pub(super) fn new(rows: &'a Scattered, size: usize) -> Self {
        let (values, places) = (rows.values().raw::<T>(), rows.places());
        let width = values.len() / places.len();
        let mut first = vec![END; size / width];
        let mut next = vec![END; places.len()];
        for (i, &place) in places.iter().enumerate().rev() {
            next[i] = std::mem::replace(&mut first[place], i);
        }
        Chains {
            values,
            width,
            first,
            next,
        }
    }

    /// The gradients of some elements of the weight, from one on.
    #[inline(always)]
    fn sum(&self, start: usize, sums: &mut [T]) {
        sums.fill(T::ZERO);
        let end = start + sums.len();
        for row in start / self.width..end.div_ceil(self.width) {
            let of_row = row * self.width;
            let (from, to) = (start.max(of_row), end.min(of_row + self.width));
            let sums = &mut sums[from - start..to - start];
            let mut link = self.first[row];
            while link != END {
                let values = &self.values[link * self.width + from - of_row..];
                for (sum, &value) in sums.iter_mut().zip(values) {
                    *sum = *sum + value;
                }
                link = self.next[link];
            }
        }
    }
}

/// [`super::Steps`] with gradients that are made piece by piece.
pub(super) struct StepsInRows<'a, T, F, const S: usize> {
    pub(super) weights: Weights<'a, T, S>,
    pub(super) gradients: &'a Chains<'a, T>,
    /// The first of these weights, counted in the whole weight.
    pub(super) first: usize,
    pub(super) f: F,
}

impl<T: Real, F: Rule<T, S>, const S: usize> Loop for StepsInRows<'_, T, F, S> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        let mut sums = [T::ZERO; PIECE];
        let size = self.weights.w.len();
        for start in (0..size).step_by(PIECE) {
            let piece = start..(start + PIECE).min(size);
            let sums = &mut sums[..piece.len()];
            self.gradients.sum(self.first + start, sums);
            self.weights.part(piece).step(sums, self.f);
        }
    }
}

impl<T: Real, F: Rule<T, S>, const S: usize> Divide for StepsInRows<'_, T, F, S> {
    fn len(&self) -> usize {
        self.weights.w.len()
    }

    fn split_at(self, middle: usize) -> (Self, Self) {
        let (left, right) = self.weights.split_at(middle);
        let with = |weights, first| StepsInRows {
            weights,
            first,
            ..self
        };
        (with(left, self.first), with(right, self.first + middle))
    }
}
