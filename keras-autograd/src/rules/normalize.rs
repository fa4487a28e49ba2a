//! The rules of normalization: by one op, or in tensor ops where an outer tape listens.

use keras_tensor::op::{Fold, Fused, Normalize, Over};
use keras_tensor::{Op, Result, Shape, SmallVec, Tensor, apply_owned, observe, ops, smallvec};

use super::{Given, Grads, Needs, before};
use crate::tape::Record;

/// All but the result; that, too, where an activation made it.
pub(super) fn needs(n: &Normalize) -> Needs {
    let is_active = n.activation != Fused::Linear;
    Needs {
        inputs: 0b011 | (is_active as u8) << 2,
        outputs: 0b110 | is_active as u8,
    }
}

pub(super) fn normalize(
    n: &Normalize,
    record: &Record,
    mut outer: SmallVec<[Option<Tensor>; 1]>,
) -> Result<Grads> {
    let mut n = *n;
    let [x, gamma, beta] = [0, 1, 2].map(|i| &record.inputs[i]);
    let (mean, variance) = (&record.outputs[1], &record.outputs[2]);
    let has_residual = record.inputs.len() > 3;
    let in_one = outer[0].is_some() && outer[1..].iter().all(Option::is_none);
    let in_one = in_one && !observe::anybody();
    if has_residual || !in_one {
        // What the residual gets is the gradient before the activation.
        let gradient = outer[0].take();
        let before = gradient.map(|g| before(n.activation, g, &record.outputs[0]));
        outer[0] = before.transpose()?;
        n.activation = Fused::Linear;
    }
    let by_residual = outer[0].clone().filter(|_| has_residual);
    let mut gradients: Grads = if in_one {
        let mut inputs = smallvec![x.clone(), gamma.clone(), mean.clone(), variance.clone()];
        inputs.extend(outer[0].take());
        inputs.extend((n.activation != Fused::Linear).then(|| beta.clone()));
        let results = apply_owned(Op::NormalizeGrad(n), inputs)?;
        results.into_iter().map(Some).collect()
    } else {
        in_ops(&n, [x, gamma, mean, variance], &outer)?
    };
    if has_residual {
        gradients.push(by_residual);
    }
    Ok(gradients)
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
