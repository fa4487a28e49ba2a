//! Windows of three or five rows and columns that lie side by side: what neighbouring places share is read once, and a place
//! at the border skips what lies outside.

use std::ops::Range;

use super::super::super::Real;
use super::super::super::gemm::Epilogue;
use super::super::super::vector::{Grid, Vector, Width};
use super::super::geometry::{Geometry, inside};
use super::blocks;

/// Lanes of the vectors that this is compiled for: where wider ones are usual, narrow ones are rarely wanted.
pub(super) const LANES: usize = if cfg!(target_arch = "x86_64") { 8 } else { 1 };
/// Lanes from which there are registers for the sums of two rows.
const WIDE: usize = 16;
/// The fewest places of a row.
const FEWEST: usize = 4;

/// What such windows make of some channels.
pub(super) struct Dense<'a, T> {
    pub(super) geometry: Geometry,
    /// Whether the window is turned round.
    pub(super) reversed: bool,
    pub(super) source: &'a [T],
    pub(super) kernel: &'a [T],
    pub(super) channels: usize,
    pub(super) epilogue: &'a Epilogue<'a, T>,
    /// The row of the result, of all samples, that is computed first.
    pub(super) line: usize,
}

/// Whether windows are such.
pub(super) fn suits(geometry: &Geometry) -> bool {
    let [deep, high, wide] = geometry.taps;
    let [_, step, stride] = geometry.strides;
    let is_square = deep == 1 && high == wide && step == stride;
    let is_flat = geometry.sizes[0] == 1 && geometry.places[0] == 1;
    is_square
        && is_flat
        && matches!(wide, 3 | 5)
        && stride <= 2
        && geometry.dilation == [1; 3]
        && geometry.places[2] >= FEWEST
}

impl<T: Real> Dense<'_, T> {
    /// Sums all places of some rows.
    #[inline(always)]
    pub(super) fn sum<V: Vector<Element = T>>(&self, width: Width<V>, out: &mut [T]) {
        let [_, high, wide] = self.geometry.places;
        let of_line = wide * self.channels;
        let sevens = wide.next_multiple_of(7) <= wide.next_multiple_of(8);
        let (mut rest, mut line) = (out, self.line);
        while !rest.is_empty() {
            let is_pair = const { V::LANES >= WIDE }
                && self.geometry.taps[2] == 3
                && line % high + 2 <= high
                && rest.len() >= 2 * of_line;
            let rows = if is_pair { 2 } else { 1 };
            let (here, after) = rest.split_at_mut(rows * of_line);
            match (self.geometry.taps[2], self.geometry.strides[2], wide) {
                // These are compiled for wide vectors, which leave but a last row to others.
                (3, 1, 7..) if const { V::LANES >= WIDE } && is_pair && sevens => {
                    self.rows::<V, 3, 1, 7, 9, 2, 4>(width, line, here)
                }
                (3, 1, 8..) if const { V::LANES >= WIDE } && is_pair => {
                    self.rows::<V, 3, 1, 8, 10, 2, 4>(width, line, here)
                }
                (3, 1, _) if const { V::LANES >= WIDE } && is_pair => {
                    self.rows::<V, 3, 1, FEWEST, 6, 2, 4>(width, line, here)
                }
                (3, _, _) if const { V::LANES >= WIDE } && is_pair => {
                    self.rows::<V, 3, 2, FEWEST, 9, 2, 5>(width, line, here)
                }
                // And these for narrow ones.
                (3, 1, 7..) if const { V::LANES < WIDE } && sevens => {
                    self.rows::<V, 3, 1, 7, 9, 1, 3>(width, line, here)
                }
                (3, 1, 8..) if const { V::LANES < WIDE } => {
                    self.rows::<V, 3, 1, 8, 10, 1, 3>(width, line, here)
                }
                (3, 1, _) => self.rows::<V, 3, 1, FEWEST, 6, 1, 3>(width, line, here),
                (3, _, _) => self.rows::<V, 3, 2, FEWEST, 9, 1, 3>(width, line, here),
                (_, 1, _) => self.rows::<V, 5, 1, FEWEST, 8, 1, 5>(width, line, here),
                _ => self.rows::<V, 5, 2, FEWEST, 11, 1, 5>(width, line, here),
            }
            (rest, line) = (after, line + rows);
        }
    }

    /// Sums `R` rows of windows of `K` rows and columns, `STRIDE` apart; a group of `P` places meets `COLUMNS` elements of
    /// `LINES` rows.
    #[inline(always)]
    fn rows<
        V: Vector<Element = T>,
        const K: usize,
        const STRIDE: usize,
        const P: usize,
        const COLUMNS: usize,
        const R: usize,
        const LINES: usize,
    >(
        &self,
        width: Width<V>,
        line: usize,
        out: &mut [T],
    ) {
        const { assert!(COLUMNS == (P - 1) * STRIDE + K) };
        const { assert!(LINES == (R - 1) * STRIDE + K) };
        let n = self.channels as isize;
        let Geometry {
            sizes: [_, rows, columns],
            places: [_, high, wide],
            before,
            ..
        } = self.geometry;
        // Places before channels: what lies side by side in memory is read one after the other.
        for p in (0..wide).step_by(P) {
            // The last ones reach back to be as many.
            let p = p.min(wide - P);
            let first_row = (line % high * STRIDE) as isize - before[1] as isize;
            let first_column = (p * STRIDE) as isize - before[2] as isize;
            let of_sample = (line / high * rows) as isize;
            let at = ((of_sample + first_row) * columns as isize + first_column) * n;
            let steps = [columns as isize * n, n];
            let lines = inside(first_row, rows, LINES);
            let grid = |columns: Range<usize>| {
                Grid::new(
                    width,
                    self.source,
                    at,
                    steps,
                    [lines.clone(), columns],
                    self.channels,
                )
            };
            let (place, out) = (line * wide + p, &mut out[p * self.channels..]);
            match inside(first_column, columns, COLUMNS) {
                all if all == (0..COLUMNS) => self.group::<V, K, STRIDE, P, COLUMNS, R, LINES>(
                    width,
                    grid(0..COLUMNS),
                    place,
                    out,
                ),
                some => {
                    self.group::<V, K, STRIDE, P, COLUMNS, R, LINES>(width, grid(some), place, out)
                }
            }
        }
    }

    /// Sums a group of places, of which the first is number `place` of all and the one that `out` begins with, from what
    /// their windows meet.
    #[inline(always)]
    fn group<
        V: Vector<Element = T>,
        const K: usize,
        const STRIDE: usize,
        const P: usize,
        const COLUMNS: usize,
        const R: usize,
        const LINES: usize,
    >(
        &self,
        width: Width<V>,
        source: Grid<V>,
        place: usize,
        out: &mut [T],
    ) {
        let n = self.channels;
        let wide = self.geometry.places[2];
        let (first, step) = if self.reversed {
            (K * K - 1, -(n as isize))
        } else {
            (0, n as isize)
        };
        let kernel = Grid::new(
            width,
            self.kernel,
            (first * n) as isize,
            [K as isize * step, step],
            [0..K, 0..K],
            n,
        );
        for c in blocks(n, V::LANES) {
            let mut sums = [[V::zero(width); P]; R];
            for line in 0..LINES {
                if !source.has_row(line) {
                    continue;
                }
                for column in 0..COLUMNS {
                    let Some(x) = source.get(line, column, c) else {
                        continue;
                    };
                    for (r, sums) in sums.iter_mut().enumerate() {
                        for (i, sum) in sums.iter_mut().enumerate() {
                            let row = line.checked_sub(r * STRIDE);
                            let column = column.checked_sub(i * STRIDE);
                            if let (Some(row), Some(column)) = (row, column)
                                && let Some(tap) = kernel.get(row, column, c)
                            {
                                *sum = sum.plus_product(x, tap);
                            }
                        }
                    }
                }
            }
            let ends = self.epilogue.of_channels(width, c);
            for (r, sums) in sums.iter().enumerate() {
                for (i, &sum) in sums.iter().enumerate() {
                    let to = (r * wide + i) * n + c;
                    ends.finish(width, sum, place * n + to).store_at(out, to);
                }
            }
        }
    }
}
