//! The rules of normalization: by one op, or in tensor ops where an outer tape listens.

use keras_tensor::op::{Fold, Normalize, Over};
use keras_tensor::{Op, Result, Shape, Tensor, apply, observe, ops};

use super::{Given, Grads};
use crate::tape::Record;

pub(super) fn normalize(n: &Normalize, record: &Record, outer: &[Option<Tensor>]) -> Result<Grads> {
    let (x, gamma) = (&record.inputs[0], &record.inputs[1]);
    let (mean, variance) = (&record.outputs[1], &record.outputs[2]);
    match outer {
        [Some(g), None, None] if !observe::anybody() => {
            let results = apply(Op::NormalizeGrad(*n), &[x, gamma, mean, variance, g])?;
            Ok(results.into_iter().map(Some).collect())
        }
        _ => in_ops(n, [x, gamma, mean, variance], outer),
    }
}

/// The same in ops that have derivatives.
fn in_ops(
    n: &Normalize,
    [x, gamma, mean, variance]: [&Tensor; 4],
    outer: &[Option<Tensor>],
) -> Result<Grads> {
    let rank = x.rank();
    let keep = |kept: &dyn Fn(usize) -> bool| -> Shape {
        let size = |a| if kept(a) { x.shape()[a] } else { 1 };
        (0..rank).map(size).collect()
    };
    let axes = |wanted: &dyn Fn(usize) -> bool| -> Vec<isize> {
        (0..rank)
            .filter(|&a| wanted(a))
            .map(|a| a as isize)
            .collect()
    };
    let (over, weights): (Vec<isize>, _) = match n.over {
        Over::Batch(axis) => (axes(&|a| a != axis), keep(&|a| a == axis)),
        Over::Sample(axis) | Over::Squares(axis) => (axes(&|a| a >= axis), keep(&|a| a >= axis)),
    };
    let statistics = keep(&|a| !over.contains(&(a as isize)));
    let beside = |t: &Tensor| ops::reshape_to(t, statistics.clone());
    let mean_of = |t: &Tensor| ops::reduce(t, Fold::Mean, &over[..], true);
    let centered = !matches!(n.over, Over::Squares(_));

    let distance = ops::subtract(x, beside(mean)?)?;
    let factor = ops::rsqrt(ops::add(beside(variance)?, n.epsilon)?)?;
    let normal = ops::multiply(&distance, &factor)?;
    let g = match &outer[0] {
        Some(g) => g.clone(),
        None => ops::zeros_like(x)?,
    };
    let inner = ops::multiply(&g, ops::reshape_to(gamma, weights.clone())?)?;
    let along = ops::multiply(&normal, mean_of(&ops::multiply(&inner, &normal)?)?)?;
    let mut by_x = ops::subtract(&inner, along)?;
    if centered {
        by_x = ops::subtract(by_x, mean_of(&inner)?)?;
    }
    by_x = ops::multiply(by_x, &factor)?;
    let count: usize = over.iter().map(|&a| x.shape()[a as usize]).product();
    if let Some(g) = outer[1].as_ref().filter(|_| centered) {
        by_x = ops::add(by_x, ops::divide(beside(g)?, count as f64)?)?;
    }
    if let Some(g) = &outer[2] {
        let slope = ops::multiply(&distance, 2.0 / count as f64)?;
        by_x = ops::add(by_x, ops::multiply(slope, beside(g)?)?)?;
    }
    let others: Vec<isize> = match n.over {
        Over::Batch(_) => over.clone(),
        Over::Sample(axis) | Over::Squares(axis) => (0..axis as isize).collect(),
    };
    let total = |t: &Tensor| -> Result<Tensor> {
        let sum = ops::reduce(t, Fold::Sum, &others[..], true)?;
        ops::reshape_to(sum, gamma.shape().clone())
    };
    let by_gamma = total(&ops::multiply(&g, &normal)?)?;
    Ok(Grads::from_iter([
        Some(by_x),
        Some(by_gamma),
        Some(total(&g)?),
    ]))
}

/// `x * scale + shift`
pub(super) fn scale_shift(axis: usize, given: &Given) -> Result<Grads> {
    let (x, scale, g) = (&given.inputs[0], &given.inputs[1], given.gradient);
    let mut beside: Shape = std::iter::repeat_n(1, x.rank()).collect();
    beside[axis] = x.shape()[axis];
    let others: Vec<isize> = (0..x.rank())
        .filter(|&a| a != axis)
        .map(|a| a as isize)
        .collect();
    let total = |t: &Tensor| ops::reduce(t, Fold::Sum, &others[..], false);
    let by_x = || ops::multiply(g, ops::reshape_to(scale, beside)?);
    let by_scale = || total(&ops::multiply(g, x)?);
    let [wants_x, wants_scale, wants_shift] = [0, 1, 2].map(|i| given.wanted[i]);
    Ok(Grads::from_iter([
        wants_x.then(by_x).transpose()?,
        wants_scale.then(by_scale).transpose()?,
        wants_shift.then(|| total(g)).transpose()?,
    ]))
}
