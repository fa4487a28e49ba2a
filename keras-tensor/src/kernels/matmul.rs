//! Products of matrices as ops: batches of them, and dense layers.

use smallvec::SmallVec;

use super::elementwise::{Number, repeated_strides};
use super::gemm::{self, Epilogue, Right};
pub(super) use super::gemm::{Output, View};
use super::shares::for_shares;

use super::{Real, with_float, with_number};
use crate::dtype::Element;
use crate::op::{Fused, MatMul};
use crate::{Result, Shape, Tensor};

/// Multiplications from which a product of a batch is worth being handed to a thread.
const SHARE: usize = 1 << 16;
/// Multiplications from which each product of a batch is shared by itself.
const LARGE: usize = 1 << 22;

/// Types that products are compiled for.
pub(super) trait Product: Element + Number {
    /// `out[m, n] = a[m, k] b[k, n]`, or added to what is there.
    fn product(k: usize, out: Output<Self>, a: View<Self>, b: View<Self>, add: bool);
}

fn float_product<T: Real>(k: usize, out: Output<T>, a: View<T>, b: View<T>, add: bool) {
    gemm::Product {
        depth: k,
        left: &a,
        right: Right::View(b),
        add,
        finish: None,
    }
    .compute(out);
}

impl Product for f32 {
    fn product(k: usize, out: Output<Self>, a: View<Self>, b: View<Self>, add: bool) {
        float_product(k, out, a, b, add);
    }
}

impl Product for f64 {
    fn product(k: usize, out: Output<Self>, a: View<Self>, b: View<Self>, add: bool) {
        float_product(k, out, a, b, add);
    }
}

fn integer_product<T: Number>(k: usize, mut out: Output<T>, a: View<T>, b: View<T>, add: bool) {
    for i in 0..out.rows() {
        for j in 0..out.columns() {
            let to = &mut out.part(i, j, 1)[0];
            let start = if add { *to } else { T::ZERO };
            *to = (0..k).fold(start, |sum, p| sum.add(a.at(i, p).mul(b.at(p, j))));
        }
    }
}

impl Product for i32 {
    fn product(k: usize, out: Output<Self>, a: View<Self>, b: View<Self>, add: bool) {
        integer_product(k, out, a, b, add);
    }
}

impl Product for i64 {
    fn product(k: usize, out: Output<Self>, a: View<Self>, b: View<Self>, add: bool) {
        integer_product(k, out, a, b, add);
    }
}

impl Product for u8 {
    fn product(k: usize, out: Output<Self>, a: View<Self>, b: View<Self>, add: bool) {
        integer_product(k, out, a, b, add);
    }
}

pub(super) fn matmul(op: &MatMul, a: &Tensor, b: &Tensor, shape: Shape) -> Result<Tensor> {
    let (ra, rb) = (a.rank(), b.rank());
    let (a_columns, b_columns) = (a.shape()[ra - 1], b.shape()[rb - 1]);
    let (mut m, n) = (shape[shape.rank() - 2], shape[shape.rank() - 1]);
    let k = if op.transpose_a {
        a.shape()[ra - 2]
    } else {
        a_columns
    };
    let mut batch = Shape::from(&shape[..shape.rank() - 2]);
    let (mut a_batch, mut b_batch) = (&a.shape()[..ra - 2], &b.shape()[..rb - 2]);
    // One matrix for a whole batch: the rows of the batch are those of one product.
    if !op.transpose_a && b_batch.iter().all(|&n| n == 1) {
        m *= batch.size();
        (batch, a_batch, b_batch) = (Shape::scalar(), &[], &[]);
    }
    let a_steps = repeated_strides(&batch, a_batch);
    let b_steps = repeated_strides(&batch, b_batch);
    with_number!(a.dtype(), T => {
        let (x, y) = (a.raw::<T>(), b.raw::<T>());
        let (a_size, b_size) = (m * k, k * n);
        Tensor::build(a.dtype(), shape, |out: &mut [T]| {
            if m * n == 0 {
                return;
            }
            let one = |i: usize, out: &mut [T]| {
                let index = unravel(i, &batch);
                let offset = |steps: &[usize]| -> usize {
                    index.iter().zip(steps).map(|(i, s)| i * s).sum()
                };
                let x = &x[offset(&a_steps) * a_size..][..a_size];
                let y = &y[offset(&b_steps) * b_size..][..b_size];
                if k == 0 {
                    return out.fill(T::ZERO);
                }
                let x = View::new(x, a_columns, op.transpose_a);
                let y = View::new(y, b_columns, op.transpose_b);
                T::product(k, Output::new(out, n), x, y, false);
            };
            let work = (m * n * k).max(1);
            let at_once = match work {
                LARGE.. => out.len() / (m * n),
                _ => SHARE.div_ceil(work),
            };
            for_shares(out, at_once * m * n, &|start, out| {
                for (i, out) in out.chunks_exact_mut(m * n).enumerate() {
                    one(start / (m * n) + i, out);
                }
            });
        })
    })
}

fn unravel(mut i: usize, shape: &[usize]) -> SmallVec<[usize; 6]> {
    let mut index: SmallVec<[usize; 6]> = smallvec::smallvec![0; shape.len()];
    for (axis, &n) in shape.iter().enumerate().rev() {
        index[axis] = i % n;
        i /= n;
    }
    index
}

/// `activation(x @ kernel + bias)`.
pub(super) fn dense(
    activation: Fused,
    x: &Tensor,
    kernel: &Tensor,
    bias: Option<&Tensor>,
    shape: Shape,
) -> Result<Tensor> {
    let (k, n) = (kernel.shape()[0], kernel.shape()[1]);
    with_float!(x.dtype(), T => {
        let (x_, right) = (x.raw::<T>(), View::new(kernel.raw::<T>(), n, false));
        let rows = x.size() / k.max(1);
        let kept = gemm::kept(kernel, &right, [rows, k, n]);
        let epilogue = Epilogue {
            bias: bias.map(|b| b.raw::<T>()),
            activation,
            ..Epilogue::NOTHING
        };
        Tensor::build(x.dtype(), shape, |out: &mut [T]| {
            if n == 0 || out.is_empty() {
                return;
            }
            gemm::Product {
                depth: k,
                left: &View::new(x_, k, false),
                right: kept.as_ref().map_or(Right::View(right), |k| Right::Packed(k.as_slice())),
                add: false,
                finish: Some(&epilogue),
            }
            .compute(Output::new(out, n));
        })
    })
}
