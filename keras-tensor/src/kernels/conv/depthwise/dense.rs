//! Rows whose windows have three or five elements side by side: what neighbouring places share is read once, and a place at
//! the border skips what lies outside.

use std::ops::Range;

use super::super::super::Real;
use super::super::super::vector::{Every, Vector, Width};
use super::super::lines::{Lines, Run};
use super::{Segment, blocks};

/// Lanes of the vectors that this is compiled for: where wider ones are usual, narrow ones are rarely wanted.
pub(super) const LANES: usize = if cfg!(target_arch = "x86_64") { 8 } else { 1 };
/// The fewest places of a row.
const FEWEST: usize = 4;

/// A row of such windows.
pub(super) struct Dense<'a, T> {
    row: Segment<'a, T>,
    /// Places of the row, and elements of a row that is read.
    sizes: (usize, usize),
    /// The element of its row that the first place begins with, which may lie outside.
    first: isize,
}

/// The run that tells all of a row: that whose places meet a whole window of elements side by side.
pub(super) fn run<'a>(lines: &'a Lines) -> Option<&'a Run> {
    let suits = |run: &&Run| {
        let is_whole = run.taps.len() == lines.taps_of_row() && run.is_dense();
        is_whole && run.step == 1 && (1..=2).contains(&run.advance)
    };
    let found = lines.runs.iter().find(suits)?;
    (matches!(lines.taps_of_row(), 3 | 5) && lines.width() >= FEWEST).then_some(found)
}

impl<'a, T: Real> Dense<'a, T> {
    /// A row, and the run of it that [`run`] gives.
    pub(super) fn new(row: Segment<'a, T>, lines: &Lines) -> Self {
        let run = row.run;
        Dense {
            sizes: (lines.width(), lines.source().1),
            first: run.taps[0].0 as isize - (run.first * run.advance) as isize,
            row,
        }
    }

    /// The element of its row, which may lie outside, that is so many after the one that the first place begins with.
    fn column(&self, after: usize) -> isize {
        self.first + after as isize
    }

    /// Sums all places for all channels.
    #[inline(always)]
    pub(super) fn sum<V: Vector<Element = T>>(&self, width: Width<V>, out: &mut [T]) {
        let places = self.sizes.0;
        let sevens = places.next_multiple_of(7) <= places.next_multiple_of(8);
        match (self.row.run.taps.len(), self.row.run.advance, places) {
            (3, 1, 7..) if sevens => self.groups::<V, 3, 7, 1, 9>(width, out),
            (3, 1, 8..) => self.groups::<V, 3, 8, 1, 10>(width, out),
            (3, 1, _) => self.groups::<V, 3, FEWEST, 1, 6>(width, out),
            (3, ..) => self.groups::<V, 3, FEWEST, 2, 9>(width, out),
            (_, 1, _) => self.groups::<V, 5, FEWEST, 1, 8>(width, out),
            _ => self.groups::<V, 5, FEWEST, 2, 11>(width, out),
        }
    }

    /// Sums groups of `P` places with windows of `K` elements, each of which begins `ADVANCE` elements after the one before, and
    /// which meet `COLUMNS` elements together.
    #[inline(always)]
    fn groups<V, const K: usize, const P: usize, const ADVANCE: usize, const COLUMNS: usize>(
        &self,
        width: Width<V>,
        out: &mut [T],
    ) where
        V: Vector<Element = T>,
    {
        const { assert!(COLUMNS == (P - 1) * ADVANCE + K) };
        // Places before channels: what lies side by side in memory is read one after the other.
        for p in (0..self.sizes.0).step_by(P) {
            // The last ones reach back to be as many.
            let p = p.min(self.sizes.0 - P);
            let first = self.column(p * ADVANCE);
            let clipped = |column: isize| (column - first).clamp(0, COLUMNS as isize) as usize;
            match clipped(0)..clipped(self.sizes.1 as isize) {
                inside if inside == (0..COLUMNS) => {
                    self.group::<V, K, P, ADVANCE, COLUMNS>(width, p, 0..COLUMNS, out)
                }
                inside => self.group::<V, K, P, ADVANCE, COLUMNS>(width, p, inside, out),
            }
        }
    }

    /// Sums some neighbouring places, from the `p`-th on, of whose columns those `inside` are there.
    #[inline(always)]
    fn group<V, const K: usize, const P: usize, const ADVANCE: usize, const COLUMNS: usize>(
        &self,
        width: Width<V>,
        p: usize,
        inside: Range<usize>,
        out: &mut [T],
    ) where
        V: Vector<Element = T>,
    {
        let (row, n) = (&self.row, self.row.channels);
        // Taps say what the first place of the run meets.
        let moved = (self.column(p * ADVANCE) - row.run.taps[0].0 as isize) * n as isize;
        let (rows, _) = row.taps.as_chunks::<K>();
        let out = &mut out[p * n..][..P * n];
        for c in blocks(n, V::LANES) {
            let mut sums = [V::zero(width); P];
            for of_row in rows {
                let mut taps = [V::zero(width); K];
                for i in 0..K {
                    taps[i] = V::load_at(width, row.kernel, of_row[i].1 + c);
                }
                let start = of_row[0].0.wrapping_add_signed(moved).wrapping_add(c);
                let columns = Every::new(width, row.source, start, n, inside.clone());
                for column in 0..COLUMNS {
                    if let Some(x) = columns.get(column) {
                        for (i, sum) in sums.iter_mut().enumerate() {
                            if let Some(tap) = column.checked_sub(i * ADVANCE)
                                && tap < K
                            {
                                *sum = sum.plus_product(x, taps[tap]);
                            }
                        }
                    }
                }
            }
            let ends = row.epilogue.of_channels(width, c);
            for (i, &sum) in sums.iter().enumerate() {
                let to = i * n + c;
                ends.finish(width, sum, row.start + p * n + to)
                    .store_at(out, to);
            }
        }
    }
}
