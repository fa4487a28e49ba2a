//! Factors of products laid out in the order in which the innermost loop reads them.

use std::ops::Range;

use super::super::turn::Turn;
use super::super::vector::Vectors;
use super::micro::{Tiled, expect_read};
use super::view::View;

/// Rows ahead that are asked for.
const AHEAD: usize = 24;
/// Elements that are copied at a time, as a constant number is copied without a call.
const CHUNK: usize = 16;

/// The left factor `[rows, depth]` of a product.
pub(in crate::kernels) trait Left<T>: Sync {
    /// The factor as it lies in memory, where it can be read from there.
    fn view(&self) -> Option<View<'_, T>> {
        None
    }
    /// Some rows from a place of the shared axis on as they lie in memory, where they can be read from there.
    fn rows(&self, _: Range<usize>, _: usize) -> Option<Rows<'_, T>> {
        None
    }
    /// Lays out some rows, `step` elements apart: `to[r * step + p]`. What lies between rows may hold anything.
    fn pack(&self, rows: Range<usize>, depth: Range<usize>, step: usize, to: &mut [T]);
}

/// Rows of a left factor in memory: where the first begins, and how its elements and the other rows follow.
pub(in crate::kernels) struct Rows<'a, T> {
    pub(super) from: &'a [T],
    /// Elements from a row to the next, and from a column to the next.
    pub(super) row: usize,
    pub(super) column: usize,
    pub(super) runs: Runs,
}

/// Where columns are interrupted: how many there are before that for the first time and after it, and elements that are
/// passed over.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Runs {
    pub(in crate::kernels) first: usize,
    pub(in crate::kernels) others: usize,
    pub(in crate::kernels) between: usize,
}

impl Runs {
    /// Columns that are not interrupted.
    pub(super) const ONE: Self = Runs {
        first: usize::MAX,
        others: usize::MAX,
        between: 0,
    };
}

impl<'a, T> Rows<'a, T> {
    /// Rows whose columns follow each other but for interruptions; `None` if they push each other out of a cache.
    pub(in crate::kernels) fn new(from: &'a [T], row: usize, runs: Runs) -> Option<Self> {
        let column = 1;
        (!is_regular::<T>(row)).then_some(Rows {
            from,
            row,
            column,
            runs,
        })
    }

    /// Rows whose columns are not interrupted.
    pub(super) fn plain(from: &'a [T], row: usize, column: usize) -> Self {
        let runs = Runs::ONE;
        Rows {
            from,
            row,
            column,
            runs,
        }
    }

    /// Whether so many rows and columns are there, of rows that are interrupted.
    pub(super) fn covers(&self, rows: usize, columns: usize) -> bool {
        let Runs {
            first,
            others,
            between,
        } = self.runs;
        let interrupted = match columns.checked_sub(first + 1) {
            Some(after) => after / others + 1,
            None => 0,
        };
        (rows - 1) * self.row + columns - 1 + interrupted * between < self.from.len()
    }
}

/// Whether rows (or columns) so many elements apart begin at the same place of a cache's sets, and so push each other out.
fn is_regular<T>(step: usize) -> bool {
    (step * size_of::<T>()).is_multiple_of(4096)
}

/// Whether they begin at so few places of a cache's sets that as many as a block has push each other out.
pub(in crate::kernels) fn shares_few_sets<T>(step: usize) -> bool {
    (step * size_of::<T>()).is_multiple_of(1024)
}

/// Elements between rows of so many elements of a left factor that is laid out: rows that begin at the same place of a
/// cache's sets push each other out of it, and there is room to copy whole chunks.
pub(super) fn step_of(depth: usize) -> usize {
    depth.next_multiple_of(CHUNK) + CHUNK
}

/// A right factor `[depth, columns]` of a product that stands nowhere in memory.
pub(in crate::kernels) trait Made<T>: Sync {
    /// Lays out some columns, and zeros up to a width: `to[p * width + c]`.
    fn pack(&self, columns: Range<usize>, width: usize, depth: Range<usize>, to: &mut [T]);
}

impl<T> View<'_, T> {
    /// Whether it is a left factor whose columns lie in memory, and had better be laid out.
    pub(super) fn wants_turning(&self) -> bool {
        self.row == 1 && shares_few_sets::<T>(self.column)
    }
}

impl<T: Copy + Sync> Left<T> for View<'_, T> {
    fn view(&self) -> Option<View<'_, T>> {
        (!is_regular::<T>(self.row) || self.column != 1).then_some(*self)
    }

    fn pack(&self, rows: Range<usize>, depth: Range<usize>, step: usize, to: &mut [T]) {
        for (r, to) in rows.zip(to.chunks_mut(step)) {
            let first = r * self.row + depth.start * self.column;
            let from = self.data.get(first..).unwrap_or_default();
            if self.column == 1 {
                copy_run(to, from, depth.len());
            } else {
                let from = from.iter().step_by(self.column);
                let to = to[..depth.len()].iter_mut();
                to.zip(from).for_each(|(to, &v)| *to = v);
            }
        }
    }
}

/// Elements that a tile of so many rows takes which [`turn`] lays out.
pub(super) fn turned_size(depth: usize, rows: usize) -> usize {
    depth * rows + CHUNK
}

/// Lays out tiles of a left factor whose columns lie in memory: `to[t * size + p * rows + r]`.
pub(super) fn turn<T: Copy>(
    x: &View<T>,
    tiles: &[Range<usize>],
    depth: Range<usize>,
    size: usize,
    to: &mut [T],
) {
    let (Some(first), Some(last)) = (tiles.first(), tiles.last()) else {
        return;
    };
    for (i, p) in depth.enumerate() {
        let from = &x.data[p * x.column..];
        let next = from.as_ptr().wrapping_add(AHEAD * x.column + first.start);
        expect_read(next, last.end - first.start);
        for (t, rows) in tiles.iter().enumerate() {
            let to = &mut to[t * size + i * rows.len()..];
            copy_run(to, &from[rows.start..], rows.len());
        }
    }
}

/// Copies so many elements, and where there is room and there are more, up to a whole number of chunks.
#[inline(always)]
pub(in crate::kernels) fn copy_run<T: Copy>(to: &mut [T], from: &[T], count: usize) {
    let mut i = 0;
    while i < count {
        match (to.get_mut(i..i + CHUNK), from.get(i..i + CHUNK)) {
            (Some(to), Some(from)) => to.copy_from_slice(from),
            _ => return to[i..count].copy_from_slice(&from[i..count]),
        }
        i += CHUNK;
    }
}

/// Makes what rows of `width` elements have after the first `count` zero.
pub(in crate::kernels) fn fill_up<T: Copy + Default>(rows: &mut [T], width: usize, count: usize) {
    if count < width {
        for row in rows.chunks_exact_mut(width) {
            row[count..].fill(T::default());
        }
    }
}

/// `to[p * width + c] = x[p, c]`, counted from the first place and column.
fn lay_out<T: Copy + Vectors>(
    x: &View<T>,
    depth: Range<usize>,
    columns: Range<usize>,
    width: usize,
    to: &mut [T],
) {
    let count = columns.len();
    if x.column == 1 {
        for (p, to) in depth.zip(to.chunks_exact_mut(width)) {
            let from = &x.data[p * x.row + columns.start..];
            // Rows lie too far apart for the machine to foresee the next ones.
            expect_read(from.as_ptr().wrapping_add(AHEAD * x.row), count);
            copy_run(to, from, count);
        }
        return;
    }
    let from = &x.data[columns.start * x.column + depth.start * x.row..];
    if x.row == 1 {
        return T::with_vectors(Turn {
            from,
            from_step: x.column,
            to,
            to_step: width,
            rows: depth.len(),
            columns: count,
        });
    }
    for (p, to) in to.chunks_exact_mut(width).take(depth.len()).enumerate() {
        let from = from[p * x.row..].iter().step_by(x.column);
        to[..count]
            .iter_mut()
            .zip(from)
            .for_each(|(to, &v)| *to = v);
    }
}

/// How columns are grouped in panels: as many as two vectors hold, the last ones as narrow as tiles can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Panels {
    /// Columns of a whole panel.
    pub(super) whole: usize,
    /// Elements by which panels differ in width: a power of two.
    pub(super) step: usize,
    pub(super) columns: usize,
}

/// A panel: its columns, and how many it has room for.
pub(super) struct Panel {
    pub(super) columns: Range<usize>,
    pub(super) width: usize,
}

impl Panel {
    /// Where a row of it begins in a right factor of so many rows that is laid out whole.
    pub(super) fn row(&self, row: usize, depth: usize) -> usize {
        self.columns.start * depth + row * self.width
    }
}

impl Panels {
    pub(super) fn of<T: Tiled>(columns: usize) -> Self {
        let kernels = T::kernels();
        Panels {
            whole: 2 * kernels.lanes,
            step: kernels.step,
            columns,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.columns.div_ceil(self.whole)
    }

    pub(super) fn at(&self, i: usize) -> Panel {
        let start = i * self.whole;
        let end = (start + self.whole).min(self.columns);
        Panel {
            columns: start..end,
            width: self.filled_up(end - start),
        }
    }

    /// Columns with those that fill up the last panel.
    pub(super) fn width(&self) -> usize {
        self.filled_up(self.columns)
    }

    /// So many columns with those that make whole steps of them: without a division, as it is asked for with each tile.
    fn filled_up(&self, columns: usize) -> usize {
        (columns + self.step - 1) & !(self.step - 1)
    }

    /// Lays out a part of a right factor `[depth, columns]` panel by panel: `to[p * width + c]` in each; what fills up the
    /// last panel is zero.
    pub(super) fn pack<T: Copy + Default + Vectors>(
        &self,
        x: &View<T>,
        panel: usize,
        depth: Range<usize>,
        to: &mut [T],
    ) {
        let Panel { columns, width } = self.at(panel);
        lay_out(x, depth, columns.clone(), width, to);
        fill_up(to, width, columns.len());
    }
}
