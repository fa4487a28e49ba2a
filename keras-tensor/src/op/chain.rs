//! Convolutions one after the other.

use std::sync::Arc;

use super::conv::infer_fused;
use super::{ConvFused, Cost, Op};
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

    /// Goes through the convolutions: `visit(convolution, x, its other inputs, y)`, where what stands between them, and the result,
    /// which is given, are meta tensors.
    pub(crate) fn walk<'a>(
        &self,
        inputs: &[&'a Tensor],
        mut visit: impl FnMut(&ConvFused, &Tensor, &[&'a Tensor], &Tensor),
    ) -> Result<Tensor> {
        if self.links.is_empty() {
            let wanted = "one convolution at least";
            return Err(Error::argument("a chain of convolutions", "none", wanted));
        }
        let (mut x, mut rest) = (inputs[0].clone(), &inputs[1..]);
        for link in self.links.iter() {
            if x.rank() != 4 {
                return Err(Error::shape(
                    "a chain of convolutions",
                    &[x.shape()],
                    "the shape [batch, height, width, channels]",
                ));
            }
            let (others, after) = rest.split_at(link.inputs() - 1);
            let y = Tensor::meta(infer_fused(link, &with_first(&x, others))?, x.dtype());
            visit(link, &x, others, &y);
            (x, rest) = (y, after);
        }
        Ok(x)
    }

    /// What its convolutions compute.
    pub(super) fn flops(&self, inputs: &[&Tensor]) -> u64 {
        let mut sum = Cost::default();
        let walked = self.walk(inputs, |link, x, others, y| {
            let op = Op::ConvFused(link.clone());
            sum += op.cost(&with_first(x, others), std::slice::from_ref(y));
        });
        walked.map_or(0, |_| sum.flops)
    }
}

fn with_first<'x>(x: &'x Tensor, others: &[&'x Tensor]) -> Vec<&'x Tensor> {
    [x].into_iter().chain(others.iter().copied()).collect()
}
