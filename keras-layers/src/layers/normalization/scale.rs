//! What layers that normalize share.

use keras_tensor::ops::{IntoAxes, Operand};
use keras_tensor::{DType, Result, Shape, Tensor, ops};
use std::borrow::Cow;

use crate::Dims;

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
