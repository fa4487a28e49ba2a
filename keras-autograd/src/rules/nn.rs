//! Rules of what networks are made of: by one op, or in tensor ops where an outer tape listens.

use keras_tensor::op::Fold;
use keras_tensor::{Op, Result, apply_one, observe, ops};

use super::{Given, Grads, one};

/// `y * (g - sum(g * y))`
pub(super) fn softmax(axis: usize, given: &Given) -> Result<Grads> {
    let (y, g) = (&given.outputs[0], given.gradient);
    if !observe::anybody() {
        return one(apply_one(Op::SoftmaxGrad(axis), &[g, y])?);
    }
    let along = ops::reduce(&ops::multiply(g, y)?, Fold::Sum, [axis as isize], true)?;
    one(ops::multiply(y, ops::subtract(g, along)?)?)
}

/// By the logits `g * (softmax(x) * sum(t) - t)`, by the targets `-g * log_softmax(x)`.
pub(super) fn softmax_cross_entropy(given: &Given) -> Result<Grads> {
    let (x, t) = (&given.inputs[0], &given.inputs[1]);
    let g = ops::expand_dims(given.gradient, -1)?;
    let by_logits = || {
        if !observe::anybody() {
            return apply_one(Op::SoftmaxCrossEntropyGrad, &[x, t, given.gradient]);
        }
        let total = ops::reduce(t, Fold::Sum, [-1], true)?;
        let predicted = ops::multiply(ops::softmax(x, -1)?, total)?;
        ops::multiply(ops::subtract(predicted, t)?, &g)
    };
    let by_targets = || ops::negative(ops::multiply(ops::log_softmax(x, -1)?, &g)?);
    Ok(Grads::from_iter([
        given.wanted[0].then(by_logits).transpose()?,
        given.wanted[1].then(by_targets).transpose()?,
    ]))
}

/// The same elements are dropped.
pub(super) fn dropout(op: &Op, given: &Given) -> Result<Grads> {
    let by_x = apply_one(op.clone(), &[given.gradient, &given.inputs[1]])?;
    Ok(Grads::from_iter([Some(by_x), None]))
}
