//! The two things that the bare loop cannot do in safe Rust: call `gemm`, and enter code that is compiled for AVX2.

// `gemm::gemm` takes raw pointers, and a function with `target_feature` is unsafe to call from one without.
#![allow(unsafe_code)]

use gemm::Parallelism;

/// A matrix in a slice: element `[r, c]` is at `r * row_stride + c * column_stride`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A row-major matrix of `columns` columns, as many rows as `values` holds.
    pub(crate) fn new(values: &'a [f32], columns: usize) -> Self {
        Matrix {
            values,
            rows: values.len() / columns,
            columns,
            row_stride: columns,
            column_stride: 1,
        }
    }

    /// Rows become columns.
    pub(crate) fn transposed(self) -> Self {
        Matrix {
            values: self.values,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    /// The rows from `first`, `count` of them.
    pub(crate) fn rows(self, first: usize, count: usize) -> Self {
        assert!(first + count <= self.rows);
        Matrix {
            values: &self.values[first * self.row_stride..],
            rows: count,
            ..self
        }
    }

    fn fits(&self) -> bool {
        (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride
            < self.values.len()
    }
}

/// `out = left right`, `out` row-major.
pub(crate) fn product(out: &mut [f32], left: Matrix, right: Matrix, parallelism: Parallelism) {
    let (m, k, n) = (left.rows, left.columns, right.columns);
    assert!(m > 0 && k > 0 && n > 0 && k == right.rows && out.len() == m * n);
    assert!(left.fits() && right.fits());
    // SAFETY: both inputs lie inside their slices and `out` holds m * n values (asserted); `out` is borrowed for
    // writing alone, and `read_dst` is false, so that its old content does not matter.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            false,
            left.values.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.values.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            0.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// Runs `work` compiled for AVX2 where the machine has it. `work` must be `#[inline(always)]` to be compiled anew.
#[inline]
pub(crate) fn wide(work: impl FnOnce()) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma")]
        fn run(work: impl FnOnce()) {
            work()
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the machine has the features that `run` is compiled for.
            return unsafe { run(work) };
        }
    }
    work()
}
