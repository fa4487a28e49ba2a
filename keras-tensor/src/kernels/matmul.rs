//! Products of matrices, by the `matrixmultiply` crate.

use num_traits::Float;
use smallvec::SmallVec;

use super::elementwise::{Number, activate, repeated_strides};
use super::shares::for_shares;
use super::{with_float, with_number};
use crate::dtype::Element;
use crate::op::{Fused, MatMul};
use crate::{Result, Shape, Tensor};

/// A matrix in a slice: element `[r, c]` is at `r * row + c * column`.
#[derive(Clone, Copy)]
struct View<'a, T> {
    data: &'a [T],
    row: usize,
    column: usize,
}

impl<'a, T> View<'a, T> {
    /// Row-major `[rows, columns]`, or its transpose if `swap`.
    fn new(data: &'a [T], columns: usize, swap: bool) -> Self {
        let (row, column) = if swap { (1, columns) } else { (columns, 1) };
        View { data, row, column }
    }

    /// Whether elements up to `[rows - 1, columns - 1]` are there.
    fn covers(&self, rows: usize, columns: usize) -> bool {
        rows == 0
            || columns == 0
            || (rows - 1) * self.row + (columns - 1) * self.column < self.data.len()
    }
}

/// Types that products are compiled for.
trait Product: Element + Number {
    /// `out[m, n] = a[m, k] b[k, n]`, or added to what is there.
    fn product(
        dims: (usize, usize, usize),
        out: &mut [Self],
        a: View<Self>,
        b: View<Self>,
        add: bool,
    );
}

macro_rules! float_product {
    ($($t:ty => $gemm:path),*) => {$(
        impl Product for $t {
            fn product(
                (m, k, n): (usize, usize, usize),
                out: &mut [Self],
                a: View<Self>,
                b: View<Self>,
                add: bool,
            ) {
                assert!(a.covers(m, k) && b.covers(k, n) && out.len() >= m * n);
                let kept = if add { 1.0 } else { 0.0 };
                // SAFETY: the three matrices lie inside their slices (asserted), and `out` is borrowed for writing alone.
                #[allow(unsafe_code)]
                unsafe {
                    $gemm(
                        m, k, n,
                        1.0,
                        a.data.as_ptr(), a.row as isize, a.column as isize,
                        b.data.as_ptr(), b.row as isize, b.column as isize,
                        kept,
                        out.as_mut_ptr(), n as isize, 1,
                    );
                }
            }
        }
    )*};
}
float_product!(f32 => matrixmultiply::sgemm, f64 => matrixmultiply::dgemm);

macro_rules! integer_product {
    ($($t:ty),*) => {$(
        impl Product for $t {
            fn product(
                (m, k, n): (usize, usize, usize),
                out: &mut [Self],
                a: View<Self>,
                b: View<Self>,
                add: bool,
            ) {
                for i in 0..m {
                    for j in 0..n {
                        let start = if add { out[i * n + j] } else { Self::ZERO };
                        out[i * n + j] = (0..k).fold(start, |s, p| {
                            s.add(a.data[i * a.row + p * a.column].mul(b.data[p * b.row + j * b.column]))
                        });
                    }
                }
            }
        }
    )*};
}
integer_product!(i32, i64, u8);

/// Products from which on two threads are faster than one, counted in multiplications.
const SHARE: usize = 1 << 20;
/// Rows or columns of a share.
const BLOCK: usize = 64;

/// One product, its rows shared among threads where that pays.
fn shared_product<T: Product>(
    (m, k, n): (usize, usize, usize),
    out: &mut [T],
    a: View<T>,
    b: View<T>,
    add: bool,
) {
    if m * k * n < SHARE || m < 2 * BLOCK {
        return T::product((m, k, n), out, a, b, add);
    }
    // Two shares, cut at a place that the shape alone decides.
    let rows = (m / 2).next_multiple_of(BLOCK).min(m);
    for_shares(out, rows * n, &|start, out| {
        let a = View {
            data: &a.data[start / n * a.row..],
            ..a
        };
        T::product((out.len() / n, k, n), out, a, b, add);
    });
}

pub(super) fn matmul(op: &MatMul, a: &Tensor, b: &Tensor, shape: Shape) -> Result<Tensor> {
    let (ra, rb) = (a.rank(), b.rank());
    let (a_columns, b_columns) = (a.shape()[ra - 1], b.shape()[rb - 1]);
    let (m, n) = (shape[shape.rank() - 2], shape[shape.rank() - 1]);
    let k = if op.transpose_a {
        a.shape()[ra - 2]
    } else {
        a_columns
    };
    let batch = Shape::from(&shape[..shape.rank() - 2]);
    let a_steps = repeated_strides(&batch, &a.shape()[..ra - 2]);
    let b_steps = repeated_strides(&batch, &b.shape()[..rb - 2]);
    with_number!(a.dtype(), T => {
        let (x, y) = (a.raw::<T>(), b.raw::<T>());
        let (a_size, b_size) = (m * k, k * n);
        Tensor::build(a.dtype(), shape, |out: &mut [T]| {
            if m * n == 0 {
                return;
            }
            for (i, out) in out.chunks_exact_mut(m * n).enumerate() {
                let index = unravel(i, &batch);
                let offset = |steps: &[usize]| -> usize {
                    index.iter().zip(steps).map(|(i, s)| i * s).sum()
                };
                let x = &x[offset(&a_steps) * a_size..][..a_size];
                let y = &y[offset(&b_steps) * b_size..][..b_size];
                if k == 0 {
                    out.fill(T::ZERO);
                    continue;
                }
                let x = View::new(x, a_columns, op.transpose_a);
                let y = View::new(y, b_columns, op.transpose_b);
                shared_product((m, k, n), out, x, y, false);
            }
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

/// `activation(x @ kernel + bias)`: the product is added to rows that hold the bias already.
pub(super) fn dense(
    activation: Fused,
    x: &Tensor,
    kernel: &Tensor,
    bias: Option<&Tensor>,
    shape: Shape,
) -> Result<Tensor> {
    let (k, n) = (kernel.shape()[0], kernel.shape()[1]);
    with_float!(x.dtype(), T => {
        let (x_, kernel) = (x.raw::<T>(), kernel.raw::<T>());
        Tensor::build(x.dtype(), shape, |out: &mut [T]| {
            if n == 0 || out.is_empty() {
                return;
            }
            dense_rows(activation, x_, kernel, bias.map(|b| b.raw::<T>()), (k, n), out);
        })
    })
}

fn dense_rows<T: Product + Float>(
    activation: Fused,
    x: &[T],
    kernel: &[T],
    bias: Option<&[T]>,
    (k, n): (usize, usize),
    out: &mut [T],
) {
    let m = out.len() / n;
    match bias {
        Some(bias) => {
            for row in out.chunks_exact_mut(n) {
                row.copy_from_slice(bias);
            }
        }
        None if k == 0 => out.fill(T::ZERO),
        None => {}
    }
    if k > 0 {
        let (x, kernel) = (View::new(x, k, false), View::new(kernel, n, false));
        shared_product((m, k, n), out, x, kernel, bias.is_some());
    }
    activate(activation, out);
}
