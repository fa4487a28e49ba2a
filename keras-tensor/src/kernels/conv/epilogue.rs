//! What follows a convolution, in one pass over its result.

use num_traits::Float;

use super::super::elementwise::{Number, activate};
use super::super::shares::{SHARE, for_shares};
use super::super::simd::{Loop, vectorized};
use crate::Element;
use crate::op::Fused;

/// Elements that are finished while they lie in the nearest cache.
const BLOCK: usize = 1 << 11;

/// `activation(y * scale + bias + residual)`, for `y` in rows of one element for each filter.
pub(in crate::kernels) struct Epilogue<'a, T> {
    /// One for each filter.
    pub(in crate::kernels) scale: Option<&'a [T]>,
    /// One for each filter.
    pub(in crate::kernels) bias: Option<&'a [T]>,
    /// As many as `y` has.
    pub(in crate::kernels) residual: Option<&'a [T]>,
    pub(in crate::kernels) activation: Fused,
}

impl<T: Element + Number + Float> Epilogue<'_, T> {
    /// Finishes a whole result, with many threads where it is large.
    pub(in crate::kernels) fn finish(&self, filters: usize, y: &mut [T]) {
        if self.is_nothing() || y.is_empty() {
            return;
        }
        let rows = (SHARE / filters).max(1);
        for_shares(y, rows * filters, &|start, y| self.rows(filters, start, y));
    }

    /// Finishes some whole rows, the first of which begins at element `start` of the result.
    pub(in crate::kernels) fn rows(&self, filters: usize, start: usize, y: &mut [T]) {
        let block = (BLOCK / filters).max(1) * filters;
        for (i, y) in y.chunks_mut(block).enumerate() {
            if self.scale.is_some() || self.bias.is_some() {
                let (scale, bias) = (self.scale, self.bias);
                vectorized(ScaleAndShift {
                    y,
                    scale,
                    bias,
                    filters,
                });
            }
            if let Some(residual) = self.residual {
                let residual = &residual[start + i * block..][..y.len()];
                vectorized(Sum { y, residual });
            }
            activate(self.activation, y);
        }
    }

    fn is_nothing(&self) -> bool {
        let further = self.scale.is_some() || self.bias.is_some() || self.residual.is_some();
        !further && self.activation == Fused::Linear
    }
}

struct ScaleAndShift<'a, T> {
    y: &'a mut [T],
    scale: Option<&'a [T]>,
    bias: Option<&'a [T]>,
    filters: usize,
}

impl<T: Number> Loop for ScaleAndShift<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let rows = self.y.chunks_exact_mut(self.filters);
        match (self.scale, self.bias) {
            (Some(scale), Some(bias)) => rows.for_each(|row| {
                for ((y, &s), &b) in row.iter_mut().zip(scale).zip(bias) {
                    *y = y.mul(s).add(b);
                }
            }),
            (Some(scale), None) => rows.for_each(|row| {
                row.iter_mut().zip(scale).for_each(|(y, &s)| *y = y.mul(s));
            }),
            (None, Some(bias)) => rows.for_each(|row| {
                row.iter_mut().zip(bias).for_each(|(y, &b)| *y = y.add(b));
            }),
            (None, None) => {}
        }
    }
}

struct Sum<'a, T> {
    y: &'a mut [T],
    residual: &'a [T],
}

impl<T: Number> Loop for Sum<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (y, &r) in self.y.iter_mut().zip(self.residual) {
            *y = y.add(r);
        }
    }
}
