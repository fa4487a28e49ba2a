//! Products.

use super::operand::meet;
use super::{Operand, reshape_to, sum};
use crate::op::MatMul;
use crate::{Error, Op, Result, Shape, Tensor, apply_one};

/// The product of matrices in the last two axes; the axes before are broadcast. Vectors count as a row or a column.
///
/// # Errors
/// Inner axes that differ, or a scalar.
pub fn matmul(a: impl Operand, b: impl Operand) -> Result<Tensor> {
    fn inner(a: &dyn Operand, b: &dyn Operand) -> Result<Tensor> {
        let (a, b) = meet(a, b)?;
        match (a.rank(), b.rank()) {
            (0, _) | (_, 0) => Err(Error::shape(
                "matmul",
                &[a.shape(), b.shape()],
                "tensors with axes; multiply by a scalar with `multiply`",
            )),
            (1, 1) if a.size() != b.size() => Err(Error::shape(
                "matmul",
                &[a.shape(), b.shape()],
                "vectors of equal size",
            )),
            (1, 1) => sum(super::multiply(&a, &b)?, None),
            (1, _) => {
                let row = reshape_to(&a, [1, a.size()].into())?;
                let out = apply_one(Op::MatMul(MatMul::default()), &[&row, &b])?;
                let mut shape = out.shape().clone();
                shape.remove(shape.rank() - 2);
                reshape_to(&out, shape)
            }
            (_, 1) => {
                let column = reshape_to(&b, [b.size(), 1].into())?;
                let out = apply_one(Op::MatMul(MatMul::default()), &[&a, &column])?;
                let shape = Shape::from(&out.shape()[..out.rank() - 1]);
                reshape_to(&out, shape)
            }
            _ => apply_one(Op::MatMul(MatMul::default()), &[&a, &b]),
        }
    }
    inner(&a, &b)
}

/// [`matmul`] with either side's matrices taken transposed.
///
/// # Errors
/// Inner axes that differ, or fewer than two axes.
pub fn matmul_transposed(
    a: impl Operand,
    b: impl Operand,
    transpose_a: bool,
    transpose_b: bool,
) -> Result<Tensor> {
    let (a, b) = meet(&a, &b)?;
    apply_one(
        Op::MatMul(MatMul {
            transpose_a,
            transpose_b,
        }),
        &[&a, &b],
    )
}
