//! Softmax, and its cross-entropy in one pass.

use num_traits::Float;

use super::elementwise::Number;
use super::reduce::largest;
use super::{Lanes, with_float};
use crate::dtype::Element;
use crate::{Result, Shape, Tensor};

pub(super) fn softmax(x: &Tensor, axis: usize) -> Result<Tensor> {
    let lanes = Lanes::new(x.shape(), axis);
    with_float!(x.dtype(), T => {
        let source = x.raw::<T>();
        Tensor::build(x.dtype(), x.shape().clone(), |out: &mut [T]| {
            for o in 0..lanes.outer {
                for i in 0..lanes.inner {
                    let at = |j: usize| (o * lanes.axis + j) * lanes.inner + i;
                    let top = largest((0..lanes.axis).map(|j| source[at(j)]));
                    let mut total = T::ZERO;
                    for j in 0..lanes.axis {
                        let e = (source[at(j)] - top).exp();
                        out[at(j)] = e;
                        total += e;
                    }
                    for j in 0..lanes.axis {
                        out[at(j)] /= total;
                    }
                }
            }
        })
    })
}

/// `sum(t) * log(sum(exp(x))) - sum(t * x)` over the last axis.
pub(super) fn cross_entropy(logits: &Tensor, targets: &Tensor, shape: Shape) -> Result<Tensor> {
    let classes = logits.shape()[logits.rank() - 1];
    with_float!(logits.dtype(), T => {
        let (logits_, targets) = (logits.raw::<T>(), targets.raw::<T>());
        Tensor::build(logits.dtype(), shape, |out: &mut [T]| {
            for (row, o) in out.iter_mut().enumerate() {
                let x = &logits_[row * classes..(row + 1) * classes];
                let t = &targets[row * classes..(row + 1) * classes];
                *o = row_cross_entropy(x, t);
            }
        })
    })
}

fn row_cross_entropy<T: Element + Number + Float>(x: &[T], t: &[T]) -> T {
    let top = largest(x.iter().copied());
    let total = x
        .iter()
        .fold(T::ZERO, |a, &v| Number::add(a, Number::sub(v, top).exp()));
    let log_total = total.ln();
    // A target of exactly 0 takes no part, so that a logit of minus infinity may stand there.
    x.iter().zip(t).fold(T::ZERO, |a, (&x, &t)| {
        if t == T::ZERO {
            a
        } else {
            Number::add(
                a,
                Number::mul(t, Number::sub(log_total, Number::sub(x, top))),
            )
        }
    })
}
