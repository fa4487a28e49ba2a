//! Normalization by mean and variance, forwards and backwards, each element read as seldom as can be.

mod along;
mod batch;
mod sample;

pub(super) use batch::{scale_shift, scale_shift_in_place};

use std::array;

use super::{Lanes, built, with_float, with_space};
use crate::op::{Normalize, Outputs, Over, Specs};
use crate::{Result, Tensor};

/// The results of [`crate::Op::Normalize`].
pub(super) fn normalize(n: &Normalize, inputs: &[&Tensor], specs: &Specs) -> Result<Outputs> {
    let x = inputs[0];
    with_float!(x.dtype(), T => {
        let [x_, gamma, beta] = array::from_fn(|i| inputs[i].raw::<T>());
        let epsilon = n.epsilon as T;
        built(specs, |[y, mean, variance]: [&mut [T]; 3]| match n.over {
            Over::Batch(axis) => {
                let lanes = Lanes::new(x.shape(), axis);
                batch::normalize(x_, [gamma, beta], &lanes, epsilon, [y, mean, variance])
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
    let x = inputs[0];
    with_float!(x.dtype(), T => {
        let inputs: [&[T]; 5] = array::from_fn(|i| inputs[i].raw::<T>());
        let epsilon = n.epsilon as T;
        built(specs, |outputs: [&mut [T]; 3]| match n.over {
            Over::Batch(axis) => {
                batch::normalize_grad(inputs, &Lanes::new(x.shape(), axis), epsilon, outputs)
            }
            Over::Sample(_) | Over::Squares(_) => {
                sample::normalize_grad(inputs, epsilon, matches!(n.over, Over::Sample(_)), outputs)
            }
        })
    })
}
