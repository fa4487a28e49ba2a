//! What is gathered for features: sums and moments.

use num_traits::Float;
use std::ops::Range;

use super::{COLUMNS, Gather};
use crate::kernels::elementwise::Number;
use crate::kernels::fold::sum_of;

/// The sum.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Sum<'a, T>(pub(in crate::kernels) &'a [T]);

impl<T: Number> Gather<1> for Sum<'_, T> {
    type Number = T;

    #[inline(always)]
    fn lane(self, elements: Range<usize>, _: usize) -> [T; 1] {
        [sum_of([&self.0[elements]], |[v]| v)]
    }

    #[inline(always)]
    fn rows(self, elements: Range<usize>, row: usize, columns: Range<usize>) -> [[T; COLUMNS]; 1] {
        let mut sums = [T::ZERO; COLUMNS];
        for row in self.0[elements].chunks_exact(row) {
            for (s, &v) in sums.iter_mut().zip(&row[columns.clone()]) {
                *s = s.add(v);
            }
        }
        [sums]
    }

    #[inline(always)]
    fn merged([a]: [T; 1], [b]: [T; 1], _: [usize; 2]) -> [T; 1] {
        [a.add(b)]
    }
}

/// The mean, and the sum of squared distances from it.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Moments<'a, T>(pub(in crate::kernels) &'a [T]);

impl<T: Number + Float> Gather<2> for Moments<'_, T> {
    type Number = T;

    #[inline(always)]
    fn lane(self, elements: Range<usize>, _: usize) -> [T; 2] {
        moments(&self.0[elements])
    }

    #[inline(always)]
    fn rows(self, elements: Range<usize>, row: usize, columns: Range<usize>) -> [[T; COLUMNS]; 2] {
        let count = T::from_f64((elements.len() / row) as f64);
        let [mut means] = Sum(self.0).rows(elements.clone(), row, columns.clone());
        means.iter_mut().for_each(|m| *m = *m / count);
        let mut squares = [T::ZERO; COLUMNS];
        for row in self.0[elements].chunks_exact(row) {
            for ((s, &v), &mean) in squares.iter_mut().zip(&row[columns.clone()]).zip(&means) {
                *s = (v - mean).mul_add(v - mean, *s);
            }
        }
        [means, squares]
    }

    /// Chan, Golub and LeVeque, 1979.
    #[inline(always)]
    fn merged(a: [T; 2], b: [T; 2], counts: [usize; 2]) -> [T; 2] {
        let [here, there] = counts.map(|n| T::from_f64(n as f64));
        let (total, step) = (here + there, b[0] - a[0]);
        let squares = step * step * (here * there / total);
        [a[0] + step * (there / total), a[1] + b[1] + squares]
    }
}

/// [`Moments`] of elements side by side, at most [`RUN`].
#[inline(always)]
pub(in crate::kernels) fn moments<T: Number + Float>(x: &[T]) -> [T; 2] {
    let mean = sum_of([x], |[v]| v) / T::from_f64(x.len() as f64);
    [mean, sum_of([x], |[v]| (v - mean) * (v - mean))]
}

/// The sums of gradients, and of gradients times the distance from the mean of their feature.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct GradientSums<'a, T> {
    pub(in crate::kernels) gradient: &'a [T],
    pub(in crate::kernels) x: &'a [T],
    pub(in crate::kernels) mean: &'a [T],
    /// What gradients go through before.
    pub(in crate::kernels) gate: Option<Gate<'a, T>>,
}

/// An activation after normalization: it lets gradients through where what was normalized lies between its bounds.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Gate<'a, T> {
    pub(in crate::kernels) scale: &'a [T],
    pub(in crate::kernels) beta: &'a [T],
    pub(in crate::kernels) bounds: [T; 2],
}

/// `x` normalized.
#[inline(always)]
pub(in crate::kernels) fn scaled<T: Float>(x: T, mean: T, scale: T, beta: T) -> T {
    (x - mean).mul_add(scale, beta)
}

/// The gradient through bounds on `y`.
#[inline(always)]
pub(in crate::kernels) fn gated<T: Number>(g: T, y: T, [low, high]: [T; 2]) -> T {
    // Without a branch, so that vectors can be made of it.
    if (y > low) & (y < high) { g } else { T::ZERO }
}

impl<T: Number + Float> Gather<2> for GradientSums<'_, T> {
    type Number = T;

    #[inline(always)]
    fn lane(self, elements: Range<usize>, feature: usize) -> [T; 2] {
        let both = [&self.gradient[elements.clone()], &self.x[elements]];
        let mean = self.mean[feature];
        let Some(gate) = self.gate else {
            let product = sum_of(both, |[g, x]| g * (x - mean));
            return [sum_of([both[0]], |[g]| g), product];
        };
        let (scale, beta) = (gate.scale[feature], gate.beta[feature]);
        let through = |[g, x]: [T; 2]| gated(g, scaled(x, mean, scale, beta), gate.bounds);
        let product = sum_of(both, |[g, x]| through([g, x]) * (x - mean));
        [sum_of(both, through), product]
    }

    #[inline(always)]
    fn rows(self, elements: Range<usize>, row: usize, columns: Range<usize>) -> [[T; COLUMNS]; 2] {
        let gradients = self.gradient[elements.clone()].chunks_exact(row);
        let rows = gradients.zip(self.x[elements].chunks_exact(row));
        let (mut sums, mut products) = ([T::ZERO; COLUMNS], [T::ZERO; COLUMNS]);
        let along = |values: &[T]| {
            let mut row = [T::ZERO; COLUMNS];
            for (value, column) in row.iter_mut().zip(columns.clone()) {
                *value = values[column % values.len()];
            }
            row
        };
        let means = along(self.mean);
        let gate = self
            .gate
            .map(|gate| (along(gate.scale), along(gate.beta), gate.bounds));
        let mut through = [T::ZERO; COLUMNS];
        for (g, x) in rows {
            let (mut g, x) = (&g[columns.clone()], &x[columns.clone()]);
            if let Some((scales, betas, bounds)) = &gate {
                let parameters = means.iter().zip(scales).zip(betas);
                let elements = through.iter_mut().zip(g).zip(x);
                for (((through, &g), &x), ((&mean, &scale), &beta)) in elements.zip(parameters) {
                    *through = gated(g, scaled(x, mean, scale, beta), *bounds);
                }
                g = &through[..g.len()];
            }
            for (sum, &g) in sums.iter_mut().zip(g) {
                *sum = *sum + g;
            }
            for (((product, &mean), &g), &x) in products.iter_mut().zip(&means).zip(g).zip(x) {
                *product = g.mul_add(x - mean, *product);
            }
        }
        [sums, products]
    }

    #[inline(always)]
    fn merged(a: [T; 2], b: [T; 2], _: [usize; 2]) -> [T; 2] {
        [a[0] + b[0], a[1] + b[1]]
    }
}
