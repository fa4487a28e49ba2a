//! Features normalized over a batch.

use num_traits::Float;

use super::along::along;
use super::{Lanes, with_float, with_space};
use crate::buffer::Buffer;
use crate::kernels::columns::{Gate, GradientSums, Moments, gated, gathered, scaled};
use crate::kernels::elements;
use crate::kernels::elementwise::{Number, bounds};
use crate::op::Normalize;
use crate::{Result, Tensor};

/// `[y, mean, variance]` of `x`, with `[gamma, beta]`; a residual is added to `y`, which stays within bounds.
pub(super) fn normalize<T: Number + Float>(
    x: &[T],
    [gamma, beta]: [&[T]; 2],
    residual: Option<&[T]>,
    lanes: &Lanes,
    epsilon: T,
    [low, high]: [T; 2],
    [y, mean, variance]: [&mut [T]; 3],
) -> Result<()> {
    if x.is_empty() {
        // The mean of nothing.
        mean.fill(T::nan());
        variance.fill(T::nan());
        return Ok(());
    }
    let count = T::from_f64((lanes.outer * lanes.inner) as f64);
    with_space(3 * lanes.axis, |space: &mut [T]| {
        let (both, scale) = space.split_at_mut(2 * lanes.axis);
        gathered(Moments(x), lanes, both)?;
        let (means, squares) = both.split_at(lanes.axis);
        mean.copy_from_slice(means);
        for f in 0..lanes.axis {
            variance[f] = squares[f] / count;
            scale[f] = gamma[f] * (T::ONE / (variance[f] + epsilon).sqrt());
        }
        let parameters = [&*mean, &*scale, beta];
        let within = move |y| Number::min(Number::max(y, low), high);
        match residual {
            None => along(lanes, [x], parameters, y, |_, [x], [mean, scale, beta]| {
                within(scaled(x, mean, scale, beta))
            }),
            Some(r) => along(
                lanes,
                [x, r],
                parameters,
                y,
                |_, [x, r], [mean, scale, beta]| within(scaled(x, mean, scale, beta) + r),
            ),
        }
    })
}

/// What the gradient reads besides the outer one.
pub(super) struct Given<'a, T> {
    x: &'a [T],
    gamma: &'a [T],
    mean: &'a [T],
    variance: &'a [T],
    epsilon: T,
    /// `beta` where an activation follows, and its bounds.
    activation: Option<(&'a [T], [T; 2])>,
}

impl<'a, T: Number + Float> Given<'a, T> {
    pub(super) fn new(
        n: &Normalize,
        [x, gamma, mean, variance]: [&'a [T]; 4],
        beta: Option<&'a Tensor>,
    ) -> Self {
        Given {
            x,
            gamma,
            mean,
            variance,
            epsilon: T::from_f64(n.epsilon),
            activation: beta.map(|beta| (beta.raw(), bounds(n.activation))),
        }
    }
}

/// The outer gradient, and where that by `x` goes.
pub(super) enum Gradient<'a, T> {
    Apart(&'a [T], &'a mut [T]),
    Over(&'a mut [T]),
}

impl<T: Number> Gradient<'_, T> {
    fn outer(&self) -> &[T] {
        match self {
            Gradient::Apart(outer, _) => outer,
            Gradient::Over(outer) => outer,
        }
    }

    /// Puts what `f` makes of the outer gradient, of `x` and of parameters into its place.
    fn put<const K: usize>(
        self,
        x: &[T],
        lanes: &Lanes,
        parameters: [&[T]; K],
        f: impl Fn(T, T, [T; K]) -> T + Copy + Sync,
    ) -> Result<()> {
        match self {
            Gradient::Apart(outer, by_x) => {
                along(lanes, [outer, x], parameters, by_x, |_, [g, x], p| {
                    f(g, x, p)
                })
            }
            Gradient::Over(outer) => along(lanes, [x], parameters, outer, |g, [x], p| f(g, x, p)),
        }
    }
}

/// The gradients with regard to `x`, and to `[gamma, beta]`.
pub(super) fn normalize_grad<T: Number + Float>(
    given: Given<T>,
    gradient: Gradient<T>,
    lanes: &Lanes,
    [by_gamma, by_beta]: [&mut [T]; 2],
) -> Result<()> {
    let Given {
        x,
        gamma,
        mean,
        variance,
        epsilon,
        activation,
    } = given;
    if x.is_empty() {
        by_gamma.fill(T::ZERO);
        by_beta.fill(T::ZERO);
        return Ok(());
    }
    let count = T::from_f64((lanes.outer * lanes.inner) as f64);
    with_space(5 * lanes.axis, |space: &mut [T]| {
        let (both, rest) = space.split_at_mut(2 * lanes.axis);
        let (scale, rest) = rest.split_at_mut(lanes.axis);
        let (level, slope) = rest.split_at_mut(lanes.axis);
        // The slope begins as the factor that it is made of.
        for f in 0..lanes.axis {
            slope[f] = T::ONE / (variance[f] + epsilon).sqrt();
            scale[f] = gamma[f] * slope[f];
        }
        let gate = activation.map(|(beta, bounds)| Gate {
            scale,
            beta,
            bounds,
        });
        let outer = gradient.outer();
        gathered(
            GradientSums {
                gradient: outer,
                x,
                mean,
                gate,
            },
            lanes,
            both,
        )?;
        let (sums, products) = both.split_at(lanes.axis);
        by_beta.copy_from_slice(sums);
        for f in 0..lanes.axis {
            let factor = slope[f];
            by_gamma[f] = products[f] * factor;
            level[f] = sums[f] / count;
            slope[f] = by_gamma[f] / count * factor;
        }
        let by_x = |g: T, x: T, mean: T, scale: T, level: T, slope: T| {
            (mean - x).mul_add(slope, g - level) * scale
        };
        match activation {
            None => gradient.put(x, lanes, [mean, scale, level, slope], |g, x, p| {
                let [mean, scale, level, slope] = p;
                by_x(g, x, mean, scale, level, slope)
            }),
            Some((beta, bounds)) => {
                let parameters = [mean, scale, level, slope, beta];
                gradient.put(x, lanes, parameters, |g, x, p| {
                    let [mean, scale, level, slope, beta] = p;
                    let g = gated(g, scaled(x, mean, scale, beta), bounds);
                    by_x(g, x, mean, scale, level, slope)
                })
            }
        }
    })
}

/// `x * scale + shift` of the features that an axis counts.
pub(in crate::kernels) fn scale_shift(
    x: &Tensor,
    scale: &Tensor,
    shift: &Tensor,
    axis: usize,
) -> Result<Tensor> {
    let lanes = Lanes::new(x.shape(), axis);
    with_float!(x.dtype(), T => {
        let (x_, parameters) = (x.raw::<T>(), [scale.raw::<T>(), shift.raw::<T>()]);
        Tensor::try_build(x.dtype(), x.shape().clone(), |y: &mut [T]| {
            along(&lanes, [x_], parameters, y, |_, [x], [scale, shift]| {
                x.mul_add(scale, shift)
            })
        })
    })
}

/// [`scale_shift`] over the memory of `x`.
pub(in crate::kernels) fn scale_shift_in_place(
    memory: &mut Buffer,
    lanes: &Lanes,
    scale: &Tensor,
    shift: &Tensor,
) -> Result<()> {
    let size = lanes.outer * lanes.axis * lanes.inner;
    with_float!(scale.dtype(), T => {
        let parameters = [scale.raw::<T>(), shift.raw::<T>()];
        let y = elements::<T>(memory, size);
        along(lanes, [], parameters, y, |x, [], [scale, shift]| x.mul_add(scale, shift))
    })
}
