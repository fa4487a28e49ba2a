//! Convolutions one after the other.

use std::sync::Arc;

use super::{ConvFused, Cost, Op, Outputs};
use crate::{Error, Result, Tensor};

/// Attributes of [`super::Op::ConvChain`]: convolutions, each of which takes the result of the one before it.
///
/// Inputs are `x` `[batch, height, width, in]`, and then, for each convolution, those of [`ConvFused`] but the first. Floats of 16
/// bits are rounded at the end only. Plans make it; it has no gradient.
#[derive(Clone, Debug)]
pub struct ConvChain {
    /// The convolutions in their order, each with two axes of space.
    pub links: Arc<[ConvFused]>,
}

impl ConvChain {
    /// How many inputs it takes.
    pub fn inputs(&self) -> usize {
        1 + self
            .links
            .iter()
            .map(|link| link.inputs() - 1)
            .sum::<usize>()
    }

    /// Every convolution with its inputs but the first.
    pub(crate) fn with_inputs<'a, T>(
        &'a self,
        inputs: &'a [T],
    ) -> impl Iterator<Item = (&'a ConvFused, &'a [T])> {
        let mut rest = &inputs[1..];
        self.links.iter().map(move |link| {
            let (here, after) = rest.split_at(link.inputs() - 1);
            rest = after;
            (link, here)
        })
    }

    /// What stands between the convolutions, and the result, as meta tensors.
    pub(crate) fn between(&self, inputs: &[&Tensor]) -> Result<Outputs> {
        let mut made = Outputs::new();
        if self.links.is_empty() {
            let wanted = "one convolution at least";
            return Err(Error::argument("a chain of convolutions", "none", wanted));
        }
        for (link, given) in self.with_inputs(inputs) {
            let x = made.last().unwrap_or(inputs[0]);
            if x.rank() != 4 {
                return Err(Error::shape(
                    "a chain of convolutions",
                    &[x.shape()],
                    "the shape [batch, height, width, channels]",
                ));
            }
            let given: Vec<&Tensor> = [x].into_iter().chain(given.iter().copied()).collect();
            let shape = super::conv::infer_fused(link, &given)?;
            made.push(Tensor::meta(shape, x.dtype()));
        }
        Ok(made)
    }

    /// What its convolutions compute.
    pub(super) fn flops(&self, inputs: &[&Tensor]) -> u64 {
        let Ok(made) = self.between(inputs) else {
            return 0;
        };
        let mut sum = Cost::default();
        let links = self.with_inputs(inputs).enumerate();
        for (i, (link, given)) in links {
            let x = if i == 0 { inputs[0] } else { &made[i - 1] };
            let given: Vec<&Tensor> = [x].into_iter().chain(given.iter().copied()).collect();
            sum += Op::ConvFused(link.clone()).cost(&given, &made[i..=i]);
        }
        sum.flops
    }
}
