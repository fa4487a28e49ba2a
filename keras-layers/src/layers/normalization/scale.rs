//! What layers that normalize share.

use keras_tensor::op::{Normalize, Over};
use keras_tensor::ops::{IntoAxes, Operand};
use keras_tensor::{DType, Op, Result, Shape, SmallVec, Tensor, apply, apply_one, observe, ops};
use std::borrow::Cow;

use crate::{Dims, Following, Weight};

/// The sizes of axes, in their order, which weights over these axes have.
pub(in crate::layers) fn sizes(input: &Dims, axes: &[isize]) -> Result<Shape> {
    let axes = axes.axes(input.len(), "normalization")?;
    axes.iter().map(|&axis| input.axis(axis as isize)).collect()
}

/// A weight over some axes, as it lies beside a tensor of shape `x`.
pub(in crate::layers) fn spread(weight: impl Operand, x: &Shape, axes: &[isize]) -> Result<Tensor> {
    let axes = axes.axes(x.rank(), "normalization")?;
    let size = |(axis, &n): (usize, &usize)| if axes.contains(&axis) { n } else { 1 };
    ops::reshape_to(weight, x.iter().enumerate().map(size).collect())
}

/// `x` with at least 32 bits, so that squares of 16-bit floats do not overflow.
pub(super) fn widened(x: &Tensor) -> Result<Cow<'_, Tensor>> {
    match x.dtype() {
        DType::F32 | DType::F64 => Ok(Cow::Borrowed(x)),
        _ => {
            let mask = x.mask().cloned();
            Ok(Cow::Owned(ops::cast(x, DType::F32)?.with_mask(mask)))
        }
    }
}

/// What normalizes the samples of a tensor over these axes, where they are its last ones.
pub(super) fn over_samples(x: &Tensor, axes: &[isize]) -> Result<Option<usize>> {
    let axes = axes.axes(x.rank(), "normalization")?;
    let first = x.rank() - axes.len();
    Ok((first < x.rank() && axes.iter().copied().eq(first..x.rank())).then_some(first))
}

/// Normalized `x` with what follows it, its mean and its variance by one op; nothing where somebody wishes for small ops or
/// dtypes differ.
pub(super) fn in_one(
    x: &Tensor,
    over: Over,
    epsilon: f64,
    [gamma, beta]: [Option<&Weight>; 2],
    then: &Following,
) -> Result<Option<[Tensor; 3]>> {
    if observe::small_ops() {
        return Ok(None);
    }
    let shape = match over {
        Over::Batch(axis) => &x.shape()[axis..axis + 1],
        Over::Sample(axis) | Over::Squares(axis) => &x.shape()[axis..],
    };
    let value = |weight: Option<&Weight>, otherwise: f64| match weight {
        Some(weight) => weight.tensor().map(Cow::into_owned),
        None => ops::full(shape, otherwise, x.dtype()),
    };
    let (gamma, beta) = (value(gamma, 1.0)?, value(beta, 0.0)?);
    if [&gamma, &beta].iter().any(|w| w.dtype() != x.dtype()) {
        return Ok(None);
    }
    let op = Op::Normalize(Normalize {
        activation: then.activation,
        ..Normalize::new(over, epsilon)
    });
    let inputs: SmallVec<[&Tensor; 4]> = [x, &gamma, &beta]
        .into_iter()
        .chain(&then.residual)
        .collect();
    let mut results = apply(op, &inputs)?.into_iter();
    let mut next = || results.next().expect("the op has three results");
    Ok(Some([next(), next(), next()]))
}

/// `x * scale + shift` of the features that an axis counts.
pub(super) fn scaled(x: &Tensor, scale: Tensor, shift: Tensor, axis: usize) -> Result<Tensor> {
    let same = [&scale, &shift].iter().all(|t| t.dtype() == x.dtype());
    if same && !observe::small_ops() {
        return apply_one(Op::ScaleShift(axis), &[x, &scale, &shift]);
    }
    let mut features: Shape = std::iter::repeat_n(1, x.rank()).collect();
    features[axis] = x.shape()[axis];
    let scaled = ops::multiply(x, ops::reshape_to(scale, features.clone())?)?;
    ops::add(&scaled, ops::reshape_to(shift, features)?)
}
