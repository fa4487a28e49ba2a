//! Normalization by mean and variance, forwards and backwards, each element read as seldom as can be.

mod along;
mod batch;
mod sample;

pub(super) use batch::{scale_shift, scale_shift_in_place};

use std::array;

use super::elementwise::bounds;
use super::{Lanes, built, elements, with_float, with_space};
use crate::buffer::Buffer;
use crate::op::{Normalize, Outputs, Over, Spec, Specs};
use crate::{Result, Tensor};
use batch::{Given, Gradient};

/// The results of [`crate::Op::Normalize`].
pub(super) fn normalize(n: &Normalize, inputs: &[&Tensor], specs: &Specs) -> Result<Outputs> {
    let x = inputs[0];
    with_float!(x.dtype(), T => {
        let [x_, gamma, beta] = array::from_fn(|i| inputs[i].raw::<T>());
        let epsilon = n.epsilon as T;
        built(specs, |[y, mean, variance]: [&mut [T]; 3]| match n.over {
            Over::Batch(axis) => {
                let lanes = Lanes::new(x.shape(), axis);
                let residual = inputs.get(3).map(|r| r.raw::<T>());
                let weights = [gamma, beta];
                let bounds = bounds(n.activation);
                batch::normalize(x_, weights, residual, &lanes, epsilon, bounds, [y, mean, variance])
            }
            Over::Sample(_) | Over::Squares(_) => {
                let centered = matches!(n.over, Over::Sample(_));
                sample::normalize(x_, [gamma, beta], epsilon, centered, [y, mean, variance])
            }
        })
    })
}

/// The results of [`crate::Op::NormalizeGrad`].
pub(super) fn normalize_grad(n: &Normalize, inputs: &[&Tensor], specs: &Specs) -> Result<Outputs> {
    with_float!(inputs[0].dtype(), T => {
        let [x, gamma, mean, variance, g]: [&[T]; 5] = array::from_fn(|i| inputs[i].raw::<T>());
        built(specs, |[by_x, by_gamma, by_beta]: [&mut [T]; 3]| match n.over {
            Over::Batch(axis) => {
                let lanes = Lanes::new(inputs[0].shape(), axis);
                let given = Given::new(n, [x, gamma, mean, variance], inputs.get(5).copied());
                batch::normalize_grad(given, Gradient::Apart(g, by_x), &lanes, [by_gamma, by_beta])
            }
            Over::Sample(_) | Over::Squares(_) => {
                let centered = matches!(n.over, Over::Sample(_));
                let (inputs, outputs) = ([x, gamma, mean, variance, g], [by_x, by_gamma, by_beta]);
                sample::normalize_grad(inputs, n.epsilon as T, centered, outputs)
            }
        })
    })
}

/// Whether [`normalize_grad_over`] can write over the outer gradient.
pub(super) fn fits_over_gradient(n: &Normalize, inputs: &[Tensor]) -> bool {
    matches!(n.over, Over::Batch(_)) && inputs[4].is_unique()
}

/// The gradients by `gamma` and `beta` of [`crate::Op::NormalizeGrad`] over a batch; that by `x` goes over the outer one.
pub(super) fn normalize_grad_over(
    n: &Normalize,
    others: &[&Tensor],
    gradient: &mut Buffer,
    specs: &[Spec],
) -> Result<Outputs> {
    let (x, lanes) = match n.over {
        Over::Batch(axis) => (others[0], Lanes::new(others[0].shape(), axis)),
        _ => unreachable!("only over a batch"),
    };
    with_float!(x.dtype(), T => {
        let given = array::from_fn(|i| others[i].raw::<T>());
        let given = Given::new(n, given, others.get(4).copied());
        let gradient = Gradient::Over(elements::<T>(gradient, x.size()));
        built(specs, |by_weights| batch::normalize_grad(given, gradient, &lanes, by_weights))
    })
}
