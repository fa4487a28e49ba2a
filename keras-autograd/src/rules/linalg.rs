//! Rules of products.

use keras_tensor::op::{Fold, Fused, MatMul};
use keras_tensor::{Result, Shape, Tensor, ops};

use super::{Given, Grads, before};
use crate::tape::Record;

pub(super) fn matmul(m: &MatMul, given: &Given) -> Result<Grads> {
    let (a, b, g) = (&given.inputs[0], &given.inputs[1], given.gradient);
    let product = |a: &Tensor, b: &Tensor, ta, tb| ops::matmul_transposed(a, b, ta, tb);
    let left = || match (m.transpose_a, m.transpose_b) {
        (false, false) => product(g, b, false, true),
        (false, true) => product(g, b, false, false),
        (true, false) => product(b, g, false, true),
        (true, true) => product(b, g, true, true),
    };
    // One matrix for a whole batch: its gradient is one product over all rows.
    let is_shared = b.rank() == 2 && a.rank() > 2 && !m.transpose_a;
    let (a, g) = match is_shared {
        true => (&rows(a)?, &rows(g)?),
        false => (a, g),
    };
    let right = || match (m.transpose_a, m.transpose_b) {
        (false, false) => product(a, g, true, false),
        (true, false) => product(a, g, false, false),
        (false, true) => product(g, a, true, false),
        (true, true) => product(g, a, true, true),
    };
    Ok(Grads::from_iter([
        given.wanted[0].then(left).transpose()?,
        given.wanted[1].then(right).transpose()?,
    ]))
}

/// The rule of the fused layer.
pub(super) fn dense(
    activation: Fused,
    record: &Record,
    gradient: Tensor,
    wanted: &[bool],
) -> Result<Grads> {
    let (x, kernel) = (&record.inputs[0], &record.inputs[1]);
    let g = before(activation, gradient, &record.outputs[0])?;
    let g = rows(&g)?;
    let by_x = || {
        let flat = ops::matmul_transposed(&g, kernel, false, true)?;
        ops::reshape_to(flat, Shape::clone(x.shape()))
    };
    let by_kernel = || ops::matmul_transposed(rows(x)?, &g, true, false);
    let mut gradients = Grads::from_iter([
        wanted[0].then(by_x).transpose()?,
        wanted[1].then(by_kernel).transpose()?,
    ]);
    if let Some(&bias) = wanted.get(2) {
        let by_bias = || ops::reduce(&g, Fold::Sum, [0], false);
        gradients.push(bias.then(by_bias).transpose()?);
    }
    Ok(gradients)
}

/// All axes but the last as one: `[rows, columns]`.
fn rows(t: &Tensor) -> Result<Tensor> {
    let columns = t.shape()[t.rank() - 1];
    let rows: usize = t.shape()[..t.rank() - 1].iter().product();
    ops::reshape_to(t, [rows, columns].into())
}
