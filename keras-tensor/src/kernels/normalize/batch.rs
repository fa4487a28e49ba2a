//! Features normalized over a batch.

use num_traits::Float;

use super::along::along;
use super::{Lanes, with_float, with_space};
use crate::buffer::Buffer;
use crate::kernels::columns::{GradientSums, Moments, gathered};
use crate::kernels::elements;
use crate::kernels::elementwise::Number;
use crate::{Result, Tensor};

/// `[y, mean, variance]` of `x`, with `[gamma, beta]`.
pub(super) fn normalize<T: Number + Float>(
    x: &[T],
    [gamma, beta]: [&[T]; 2],
    lanes: &Lanes,
    epsilon: T,
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
            scale[f] = gamma[f] / (variance[f] + epsilon).sqrt();
        }
        let parameters = [&*mean, &*scale, beta];
        along(lanes, [x], parameters, y, |_, [x], [mean, scale, beta]| {
            (x - mean).mul_add(scale, beta)
        })
    })
}

/// The gradients with regard to `[x, gamma, beta]`, from `[x, gamma, mean, variance, gradient]`.
pub(super) fn normalize_grad<T: Number + Float>(
    [x, gamma, mean, variance, gradient]: [&[T]; 5],
    lanes: &Lanes,
    epsilon: T,
    [by_x, by_gamma, by_beta]: [&mut [T]; 3],
) -> Result<()> {
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
        gathered(GradientSums { gradient, x, mean }, lanes, both)?;
        let (sums, products) = both.split_at(lanes.axis);
        by_beta.copy_from_slice(sums);
        for f in 0..lanes.axis {
            let factor = T::ONE / (variance[f] + epsilon).sqrt();
            by_gamma[f] = products[f] * factor;
            scale[f] = gamma[f] * factor;
            level[f] = sums[f] / count;
            slope[f] = by_gamma[f] / count * factor;
        }
        let parameters = [mean, &*scale, &*level, &*slope];
        along(
            lanes,
            [gradient, x],
            parameters,
            by_x,
            |_, [g, x], [mean, scale, level, slope]| (mean - x).mul_add(slope, g - level) * scale,
        )
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
