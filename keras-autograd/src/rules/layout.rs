//! Rules of ops that move elements.

use keras_tensor::op::{Axes, Pad, ScatterAdd, Slice};
use keras_tensor::{Op, Result, Shape, apply_one, ops, scattered};

use super::{Given, Grads, one};

pub(super) fn cast(given: &Given) -> Result<Grads> {
    one(ops::cast(given.gradient, given.inputs[0].dtype())?)
}

pub(super) fn reshape(given: &Given) -> Result<Grads> {
    one(ops::reshape_to(
        given.gradient,
        given.inputs[0].shape().clone(),
    )?)
}

pub(super) fn transpose(order: &Axes, given: &Given) -> Result<Grads> {
    let mut back = order.clone();
    for (to, &from) in order.iter().enumerate() {
        back[from] = to;
    }
    one(ops::transpose(given.gradient, Some(&back))?)
}

pub(super) fn slice(s: &Slice, given: &Given) -> Result<Grads> {
    let whole = given.inputs[0].shape();
    let after: Shape = (0..whole.rank())
        .map(|i| whole[i] - s.begin[i] - s.size[i])
        .collect();
    let op = Op::Pad(Pad {
        before: s.begin.clone(),
        after,
        value: 0.0,
    });
    one(apply_one(op, &[given.gradient])?)
}

pub(super) fn pad(p: &Pad, given: &Given) -> Result<Grads> {
    one(ops::slice(
        given.gradient,
        &p.before,
        given.inputs[0].shape(),
    )?)
}

pub(super) fn concat(axis: usize, given: &Given) -> Result<Grads> {
    let mut begin = 0;
    let mut gradients = Grads::new();
    for (input, &wanted) in given.inputs.iter().zip(given.wanted) {
        let count = input.shape()[axis];
        let part = || ops::slice_axis(given.gradient, axis as isize, begin, count);
        gradients.push(wanted.then(part).transpose()?);
        begin += count;
    }
    Ok(gradients)
}

pub(super) fn gather(axis: usize, given: &Given) -> Result<Grads> {
    let (size, places) = (given.inputs[0].shape()[axis], &given.inputs[1]);
    let gradient = match axis {
        0 => scattered(given.gradient, places, size)?,
        _ => apply_one(
            Op::ScatterAdd(ScatterAdd { axis, size }),
            &[given.gradient, places],
        )?,
    };
    Ok(Grads::from_iter([Some(gradient), None]))
}

pub(super) fn scatter_add(s: &ScatterAdd, given: &Given) -> Result<Grads> {
    let gradient = apply_one(Op::Gather(s.axis), &[given.gradient, &given.inputs[1]])?;
    Ok(Grads::from_iter([Some(gradient), None]))
}
