//! Products of matrices, by the crates that the `gemm` crate is made of.

use num_traits::Float;
use smallvec::SmallVec;
use std::marker::PhantomData;

use super::elementwise::{Number, activate, repeated_strides};
use super::{with_float, with_number};
use crate::dtype::Element;
use crate::op::{Fused, MatMul};
use crate::{Result, Shape, Tensor};

/// A matrix in a slice: element `[r, c]` is at `r * row + c * column`.
#[derive(Clone, Copy)]
pub(super) struct View<'a, T> {
    data: &'a [T],
    row: usize,
    column: usize,
}

impl<'a, T> View<'a, T> {
    /// Row-major `[rows, columns]`, or its transpose if `swap`.
    pub(super) fn new(data: &'a [T], columns: usize, swap: bool) -> Self {
        let (row, column) = if swap { (1, columns) } else { (columns, 1) };
        View { data, row, column }
    }

    /// The same matrix without its first rows and columns.
    fn from(&self, rows: usize, columns: usize) -> Self {
        let data = &self.data[rows * self.row + columns * self.column..];
        View { data, ..*self }
    }

    /// Whether elements up to `[rows - 1, columns - 1]` are there.
    fn covers(&self, rows: usize, columns: usize) -> bool {
        rows == 0
            || columns == 0
            || (rows - 1) * self.row + (columns - 1) * self.column < self.data.len()
    }
}

/// Where a product is written: columns of a row-major matrix that nobody else writes.
pub(super) struct Output<'a, T> {
    first: *mut T,
    /// Elements from a row to the next.
    row: usize,
    rows: usize,
    columns: usize,
    borrowed: PhantomData<&'a mut [T]>,
}

// SAFETY: an output is the only one that reaches its elements, as a mutable slice is.
#[allow(unsafe_code)]
unsafe impl<T: Send> Send for Output<'_, T> {}

impl<'a, T> Output<'a, T> {
    /// A whole row-major matrix.
    pub(super) fn new(out: &'a mut [T], columns: usize) -> Self {
        Output {
            first: out.as_mut_ptr(),
            row: columns,
            rows: out.len() / columns,
            columns,
            borrowed: PhantomData,
        }
    }

    /// Some columns of a row.
    #[inline(always)]
    fn part(&mut self, row: usize, column: usize, count: usize) -> &mut [T] {
        assert!(row < self.rows && column + count <= self.columns);
        // SAFETY: the elements are this output's own (asserted), and it is borrowed for as long as the slice is.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts_mut(self.first.add(row * self.row + column), count)
        }
    }

    /// The columns before and from `at` on.
    pub(super) fn split_columns(self, at: usize) -> (Self, Self) {
        assert!(at <= self.columns);
        // SAFETY: one past the last element of a row is still inside of the allocation, or one past its end.
        #[allow(unsafe_code)]
        let middle = unsafe { self.first.add(if self.rows == 0 { 0 } else { at }) };
        let (left, right) = (at, self.columns - at);
        let part = |first, columns| Output {
            first,
            columns,
            ..self
        };
        (part(self.first, left), part(middle, right))
    }
}

/// Types that products are compiled for.
pub(super) trait Product: Element + Number {
    /// `out[m, n] = a[m, k] b[k, n]`, or added to what is there.
    fn product(k: usize, out: Output<Self>, a: View<Self>, b: View<Self>, add: bool);
}

macro_rules! float_product {
    ($($t:ty => $gemm:path),*) => {$(
        impl Product for $t {
            fn product(k: usize, out: Output<Self>, a: View<Self>, b: View<Self>, add: bool) {
                assert!(a.covers(out.rows, k) && b.covers(k, out.columns));
                // SAFETY: both factors lie inside their slices (asserted), and nobody else writes to `out`.
                #[allow(unsafe_code)]
                unsafe {
                    // It likes columns: the transposed product has them where this one has rows.
                    $gemm()(
                        out.columns, out.rows, k,
                        out.first, out.row as isize, 1,
                        add,
                        b.data.as_ptr(), b.row as isize, b.column as isize,
                        a.data.as_ptr(), a.row as isize, a.column as isize,
                        1.0, 1.0,
                        false, false, false,
                        gemm_common::Parallelism::None,
                    );
                }
            }
        }
    )*};
}
float_product!(f32 => gemm_f32::gemm::f32::get_gemm_fn, f64 => gemm_f64::gemm::f64::get_gemm_fn);

macro_rules! integer_product {
    ($($t:ty),*) => {$(
        impl Product for $t {
            fn product(k: usize, mut out: Output<Self>, a: View<Self>, b: View<Self>, add: bool) {
                for i in 0..out.rows {
                    for j in 0..out.columns {
                        let to = &mut out.part(i, j, 1)[0];
                        let start = if add { *to } else { Self::ZERO };
                        *to = (0..k).fold(start, |s, p| {
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
/// Rows or columns of a share are a multiple of it.
const BLOCK: usize = 64;

/// One product, its rows or columns shared among two threads where that pays; the shape alone decides where it is cut.
pub(super) fn shared_product<T: Product>(
    (m, k, n): (usize, usize, usize),
    out: &mut [T],
    a: View<T>,
    b: View<T>,
    add: bool,
) {
    if m * k * n >= SHARE && m >= 2 * BLOCK {
        let rows = (m / 2).next_multiple_of(BLOCK);
        let (above, below) = out.split_at_mut(rows * n);
        let rest = a.from(rows, 0);
        rayon::join(
            || T::product(k, Output::new(above, n), a, b, add),
            || T::product(k, Output::new(below, n), rest, b, add),
        );
    } else if m * k * n >= SHARE && n >= 2 * BLOCK {
        let columns = (n / 2).next_multiple_of(BLOCK);
        let (left, right) = Output::new(out, n).split_columns(columns);
        let rest = b.from(0, columns);
        rayon::join(
            || T::product(k, left, a, b, add),
            || T::product(k, right, a, rest, add),
        );
    } else {
        T::product(k, Output::new(out, n), a, b, add);
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
