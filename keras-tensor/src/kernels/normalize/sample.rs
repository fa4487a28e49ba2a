//! Samples normalized one by one.

use num_traits::Float;

use super::{Lanes, with_space};
use crate::Result;
use crate::kernels::columns::{Moments, RUN, Sum, gathered, lane, moments};
use crate::kernels::elementwise::Number;
use crate::kernels::fold::sum_of;
use crate::kernels::shares::{Divide, SHARE, divided_by};
use crate::kernels::simd::Loop;

/// Samples whose gradients with regard to `gamma` and `beta` are added one after the other, before such sums are added in
/// pairs.
const BLOCK: usize = 64;

/// `[y, mean, variance]` of `x`, with `[gamma, beta]`; without `centered`, the mean is taken to be 0.
pub(super) fn normalize<T: Number + Float>(
    x: &[T],
    [gamma, beta]: [&[T]; 2],
    epsilon: T,
    centered: bool,
    [y, mean, variance]: [&mut [T]; 3],
) -> Result<()> {
    if x.is_empty() {
        // The mean of nothing.
        mean.fill(if centered { T::nan() } else { T::ZERO });
        variance.fill(T::nan());
        return Ok(());
    }
    let work = Forward {
        x,
        gamma,
        beta,
        y,
        mean,
        variance,
        epsilon,
        centered,
    };
    divided_by(work, (SHARE / gamma.len()).max(1));
    Ok(())
}

struct Forward<'a, T> {
    x: &'a [T],
    gamma: &'a [T],
    beta: &'a [T],
    y: &'a mut [T],
    mean: &'a mut [T],
    variance: &'a mut [T],
    epsilon: T,
    centered: bool,
}

impl<T: Number + Float> Loop for Forward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let size = self.gamma.len();
        let count = T::from_f64(size as f64);
        let statistics = self.mean.iter_mut().zip(self.variance);
        let rows = self.x.chunks_exact(size).zip(self.y.chunks_exact_mut(size));
        for ((x, y), (mean, variance)) in rows.zip(statistics) {
            let [first, squares] = match self.centered {
                true if size <= RUN => moments(x),
                true => lane(Moments(x), 0..size, 0),
                false => [T::ZERO, sum_of([x], |[v]| v * v)],
            };
            (*mean, *variance) = (first, squares / count);
            let factor = T::ONE / (*variance + self.epsilon).sqrt();
            let weights = self.gamma.iter().zip(self.beta);
            for ((y, &x), (&gamma, &beta)) in y.iter_mut().zip(x).zip(weights) {
                *y = ((x - first) * factor).mul_add(gamma, beta);
            }
        }
    }
}

impl<T: Number + Float + Send + Sync> Divide for Forward<'_, T> {
    fn len(&self) -> usize {
        self.mean.len()
    }

    fn split_at(self, middle: usize) -> (Self, Self) {
        let size = middle * self.gamma.len();
        let (x, x_) = self.x.split_at(size);
        let (y, y_) = self.y.split_at_mut(size);
        let (mean, mean_) = self.mean.split_at_mut(middle);
        let (variance, variance_) = self.variance.split_at_mut(middle);
        let left = Forward {
            x,
            y,
            mean,
            variance,
            ..self
        };
        let right = Forward {
            x: x_,
            y: y_,
            mean: mean_,
            variance: variance_,
            ..self
        };
        (left, right)
    }
}

/// The gradients with regard to `[x, gamma, beta]`, from `[x, gamma, mean, variance, gradient]`.
pub(super) fn normalize_grad<T: Number + Float>(
    [x, gamma, mean, variance, gradient]: [&[T]; 5],
    epsilon: T,
    centered: bool,
    [by_x, by_gamma, by_beta]: [&mut [T]; 3],
) -> Result<()> {
    if x.is_empty() {
        by_gamma.fill(T::ZERO);
        by_beta.fill(T::ZERO);
        return Ok(());
    }
    let size = gamma.len();
    let blocks = mean.len().div_ceil(BLOCK);
    with_space(2 * blocks * size, |space: &mut [T]| {
        let (gammas, betas) = space.split_at_mut(blocks * size);
        let work = Backward {
            x,
            gamma,
            mean,
            variance,
            gradient,
            by_x,
            gammas,
            betas,
            epsilon,
            centered,
        };
        divided_by(work, (SHARE / (BLOCK * size)).max(1));
        let lanes = Lanes {
            outer: blocks,
            axis: size,
            inner: 1,
        };
        gathered(Sum(gammas), &lanes, by_gamma)?;
        gathered(Sum(betas), &lanes, by_beta)
    })
}

struct Backward<'a, T> {
    x: &'a [T],
    gamma: &'a [T],
    mean: &'a [T],
    variance: &'a [T],
    gradient: &'a [T],
    by_x: &'a mut [T],
    /// A sum for each block.
    gammas: &'a mut [T],
    betas: &'a mut [T],
    epsilon: T,
    centered: bool,
}

impl<T: Number + Float> Loop for Backward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let size = self.gamma.len();
        let count = T::from_f64(size as f64);
        self.gammas.fill(T::ZERO);
        self.betas.fill(T::ZERO);
        let rows = self.x.chunks_exact(size);
        let rows = rows.zip(self.gradient.chunks_exact(size));
        let rows = rows.zip(self.by_x.chunks_exact_mut(size)).enumerate();
        for (r, ((x, g), by_x)) in rows {
            let block = r / BLOCK * size;
            let by_gamma = &mut self.gammas[block..block + size];
            let by_beta = &mut self.betas[block..block + size];
            let mean = self.mean[r];
            let factor = T::ONE / (self.variance[r] + self.epsilon).sqrt();
            let gamma = self.gamma;
            let level = match self.centered {
                true => sum_of([g, gamma], |[g, gamma]| g * gamma) / count,
                false => T::ZERO,
            };
            let product = sum_of([g, gamma, x], |[g, gamma, x]| g * gamma * (x - mean));
            let slope = product * factor / count;
            // In two loops: of slices that are written, a loop of vectors can have few.
            for (((by_x, &x), &g), &gamma) in by_x.iter_mut().zip(x).zip(g).zip(gamma) {
                let normal = (x - mean) * factor;
                *by_x = (-normal).mul_add(slope, g.mul_add(gamma, -level)) * factor;
            }
            for (((by_gamma, by_beta), &x), &g) in by_gamma.iter_mut().zip(by_beta).zip(x).zip(g) {
                *by_gamma = g.mul_add((x - mean) * factor, *by_gamma);
                *by_beta = *by_beta + g;
            }
        }
    }
}

impl<T: Number + Float + Send + Sync> Divide for Backward<'_, T> {
    /// Blocks.
    fn len(&self) -> usize {
        self.mean.len().div_ceil(BLOCK)
    }

    fn split_at(self, middle: usize) -> (Self, Self) {
        let size = self.gamma.len();
        let rows = middle * BLOCK;
        let (x, x_) = self.x.split_at(rows * size);
        let (mean, mean_) = self.mean.split_at(rows);
        let (variance, variance_) = self.variance.split_at(rows);
        let (gradient, gradient_) = self.gradient.split_at(rows * size);
        let (by_x, by_x_) = self.by_x.split_at_mut(rows * size);
        let (gammas, gammas_) = self.gammas.split_at_mut(middle * size);
        let (betas, betas_) = self.betas.split_at_mut(middle * size);
        let left = Backward {
            x,
            mean,
            variance,
            gradient,
            by_x,
            gammas,
            betas,
            ..self
        };
        let right = Backward {
            x: x_,
            mean: mean_,
            variance: variance_,
            gradient: gradient_,
            by_x: by_x_,
            gammas: gammas_,
            betas: betas_,
            ..self
        };
        (left, right)
    }
}
