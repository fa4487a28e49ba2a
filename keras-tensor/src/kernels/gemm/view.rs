//! Matrices in slices: factors of products, and where these are written.

use std::marker::PhantomData;
use std::ops::Range;

/// A matrix in a slice: element `[r, c]` is at `r * row + c * column`.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct View<'a, T> {
    pub(super) data: &'a [T],
    pub(super) row: usize,
    pub(super) column: usize,
}

impl<'a, T> View<'a, T> {
    /// Row-major `[rows, columns]`, or its transpose if `swap`.
    pub(in crate::kernels) fn new(data: &'a [T], columns: usize, swap: bool) -> Self {
        let (row, column) = if swap { (1, columns) } else { (columns, 1) };
        View { data, row, column }
    }

    /// Rows that begin so many elements apart.
    pub(in crate::kernels) fn strided(data: &'a [T], row: usize) -> Self {
        let column = 1;
        View { data, row, column }
    }

    /// Whether elements up to `[rows - 1, columns - 1]` are there.
    pub(super) fn covers(&self, rows: usize, columns: usize) -> bool {
        rows == 0
            || columns == 0
            || (rows - 1) * self.row + (columns - 1) * self.column < self.data.len()
    }

    /// The rows from one on.
    pub(super) fn rows_from(self, row: usize) -> Self {
        View {
            data: self.data.get(row * self.row..).unwrap_or_default(),
            ..self
        }
    }

    /// The columns from one on.
    pub(super) fn columns_from(self, column: usize) -> Self {
        self.transposed().rows_from(column).transposed()
    }

    /// The transposed matrix.
    pub(in crate::kernels) fn transposed(self) -> Self {
        View {
            data: self.data,
            row: self.column,
            column: self.row,
        }
    }

    /// An element.
    pub(in crate::kernels) fn at(&self, row: usize, column: usize) -> T
    where
        T: Copy,
    {
        self.data[row * self.row + column * self.column]
    }
}

/// Where a product is written: columns of a row-major matrix that nobody else writes.
pub(in crate::kernels) struct Output<'a, T> {
    pub(super) first: *mut T,
    /// Elements from a row to the next.
    pub(super) row: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    borrowed: PhantomData<&'a mut [T]>,
}

// SAFETY: an output is the only one that reaches its elements, as a mutable slice is; parts of it that threads share are
// apart from each other, as whoever calls `tile` promises.
#[allow(unsafe_code)]
unsafe impl<T: Send> Send for Output<'_, T> {}
#[allow(unsafe_code)]
unsafe impl<T: Send> Sync for Output<'_, T> {}

impl<'a, T> Output<'a, T> {
    /// A whole row-major matrix.
    pub(in crate::kernels) fn new(out: &'a mut [T], columns: usize) -> Self {
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
    pub(in crate::kernels) fn part(&mut self, row: usize, column: usize, count: usize) -> &mut [T] {
        assert!(row < self.rows && column + count <= self.columns);
        let first = self.first.wrapping_add(row * self.row + column);
        // SAFETY: the elements are this output's own (asserted), and it is borrowed for as long as the slice is.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts_mut(first, count)
        }
    }

    /// All elements of a matrix whose rows follow each other.
    pub(super) fn rows_in_memory(&mut self) -> &mut [T] {
        assert!(self.row == self.columns);
        // SAFETY: they are this output's own, and it is borrowed for as long as the slice is.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts_mut(self.first, self.rows * self.columns)
        }
    }

    /// How many rows there are.
    pub(in crate::kernels) fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns there are.
    pub(in crate::kernels) fn columns(&self) -> usize {
        self.columns
    }

    /// Elements from a row to the next.
    pub(in crate::kernels) fn step(&self) -> usize {
        self.row
    }

    /// Some rows, while nobody else has any.
    pub(in crate::kernels) fn some_rows(&mut self, rows: Range<usize>) -> Output<'_, T> {
        // SAFETY: this output is borrowed for as long as its rows are.
        #[allow(unsafe_code)]
        unsafe {
            self.tile(rows, 0..self.columns)
        }
    }

    /// The columns before and from `at` on.
    pub(in crate::kernels) fn split_columns(self, at: usize) -> (Self, Self) {
        assert!(at <= self.columns);
        // SAFETY: the two have no element in common, and this output is given up for them.
        #[allow(unsafe_code)]
        unsafe {
            (
                self.tile(0..self.rows, 0..at),
                self.tile(0..self.rows, at..self.columns),
            )
        }
    }

    /// Some rows and columns.
    ///
    /// # Safety
    /// While the tile is there, nobody else reaches its elements.
    #[allow(unsafe_code)]
    pub(in crate::kernels) unsafe fn tile(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
    ) -> Output<'a, T> {
        assert!(rows.end <= self.rows && columns.end <= self.columns);
        let offset = if rows.is_empty() || columns.is_empty() {
            0
        } else {
            rows.start * self.row + columns.start
        };
        Output {
            // SAFETY: the first element of the tile is inside of the matrix (asserted).
            first: unsafe { self.first.add(offset) },
            row: self.row,
            rows: rows.len(),
            columns: columns.len(),
            borrowed: PhantomData,
        }
    }
}
