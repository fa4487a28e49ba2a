//! Passes over rows of scores.

use num_traits::Float;

use crate::kernels::Real;
use crate::kernels::elementary::Elementary;
use crate::kernels::elementwise::Number;
use crate::kernels::simd::{Loop, vectorized, widest};

const LANES: usize = 16;

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
    pub(super) fn take(&mut self, scores: &mut [T]) -> T {
        let largest = Number::max(self.largest, vectorized(Largest(scores)));
        let shrunk = match largest > self.largest {
            true => Elementary::exp(self.largest - largest),
            false => T::ONE,
        };
        self.largest = largest;
        self.total = self.total * shrunk + self.weights(scores);
        shrunk
    }

    /// Scores as `exp(score - largest)`, and the sum of these.
    pub(super) fn weights(&self, scores: &mut [T]) -> T {
        widest(Exp {
            x: scores,
            largest: self.largest,
        })
    }
}

struct Largest<'a, T>(&'a [T]);

impl<T: Number> Loop for Largest<'_, T> {
    type Output = T;
    #[inline(always)]
    fn run(self) -> T {
        let mut lanes = [T::LOWEST; LANES];
        let chunks = self.0.chunks_exact(LANES);
        let rest = chunks.remainder();
        for chunk in chunks {
            for (l, &v) in lanes.iter_mut().zip(chunk) {
                *l = if v > *l { v } else { *l };
            }
        }
        let lanes = lanes.into_iter().chain(rest.iter().copied());
        lanes.fold(T::LOWEST, Number::max)
    }
}

struct Exp<'a, T> {
    x: &'a mut [T],
    largest: T,
}

impl<T: Number + Float + Elementary> Loop for Exp<'_, T> {
    type Output = T;
    #[inline(always)]
    fn run(self) -> T {
        let mut lanes = [T::ZERO; LANES];
        let mut chunks = self.x.chunks_exact_mut(LANES);
        for chunk in &mut chunks {
            for (l, x) in lanes.iter_mut().zip(chunk) {
                *x = Elementary::exp(*x - self.largest);
                *l = *l + *x;
            }
        }
        let mut total = lanes.into_iter().fold(T::ZERO, Number::add);
        for x in chunks.into_remainder() {
            *x = Elementary::exp(*x - self.largest);
            total = total + *x;
        }
        total
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

/// `gradient = weight * (gradient - dot) * scale`.
pub(super) struct ThroughSoftmax<'a, T> {
    pub(super) gradient: &'a mut [T],
    pub(super) weights: &'a [T],
    pub(super) dot: T,
    pub(super) scale: T,
}

impl<T: Float> Loop for ThroughSoftmax<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (g, &w) in self.gradient.iter_mut().zip(self.weights) {
            *g = w * (*g - self.dot) * self.scale;
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
        let mut lanes = [T::ZERO; LANES];
        for (a, b) in self.a.chunks(LANES).zip(self.b.chunks(LANES)) {
            for ((l, &a), &b) in lanes.iter_mut().zip(a).zip(b) {
                *l = *l + a * b;
            }
        }
        lanes.into_iter().fold(T::ZERO, Number::add)
    }
}
