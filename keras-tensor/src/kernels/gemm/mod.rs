//! Products of matrices: blocks that fit caches, laid out for the innermost loop where that pays, shared among threads.

mod apart;
mod epilogue;
mod micro;
pub(super) use micro::expect_read;
mod pack;
mod view;
mod work;

use std::ops::Range;
use std::sync::Arc;

use super::shares::{for_ranges, range};
use super::turn::turned;
use super::{Real, threads, with_space};
use crate::Tensor;
use crate::buffer::Buffer;
pub(super) use epilogue::Epilogue;
pub(super) use micro::Tiled;
use pack::Panels;
pub(super) use pack::{Left, Made, Rows, Runs, copy_run, fill_up, shares_few_sets};
pub(super) use view::{Output, View};
use work::Work;
pub(super) use work::keeps_output;

/// Multiplications from which a product is shared among threads.
const SHARE: usize = 1 << 18;
/// Pieces of a product that threads share.
const PIECES: usize = 16;
/// Rows from which threads share rows, not columns.
const MANY: usize = 128;
/// Rows up to which a right factor that has its rows in memory is read from there: of any size, and of as many elements
/// as caches hold.
const FEW: usize = 16;
const FEW_OF: [(usize, usize); 2] = [(64, 1 << 21), (256, 1 << 18)];
/// Rows up to which a weight is read from where it lies, as it may have changed.
const UNKEPT: usize = 32;
/// Rows of a product for each of which its shared axis is to have so many places to be a long sum.
const DEEP: usize = 4;
/// Panels that are worth what it takes to read a left factor, and those that are worth making one.
const PANELS: usize = 4;
const AT_ONCE: usize = 8;
/// Elements of a right factor up to which threads share one that is laid out whole.
const WHOLE: usize = 1 << 23;

/// A right factor `[depth, columns]`.
#[derive(Clone, Copy)]
pub(super) enum Right<'a, T> {
    /// As it lies in memory.
    View(View<'a, T>),
    /// Laid out by [`pack`].
    Packed(&'a [T]),
    /// Made when it is read.
    Made(&'a dyn Made<T>),
}

/// A product `out = left right`, or added to `out`.
pub(super) struct Product<'a, T> {
    pub(super) depth: usize,
    pub(super) left: &'a dyn Left<T>,
    pub(super) right: Right<'a, T>,
    pub(super) add: bool,
    /// What becomes of sums once they are whole.
    pub(super) finish: Option<&'a Epilogue<'a, T>>,
}

/// How many elements a right factor takes that is laid out.
pub(super) fn packed_size<T: Real>(depth: usize, columns: usize) -> usize {
    depth * Panels::of::<T>(columns).width()
}

/// Where an element of a right factor `[depth, columns]` stands that is laid out, and those after it in its row of the panel.
pub(super) fn packed_at<T: Real>(
    [depth, columns]: [usize; 2],
    [row, column]: [usize; 2],
) -> Range<usize> {
    let panels = Panels::of::<T>(columns);
    let panel = panels.at(column / panels.whole);
    let start = panel.row(row, depth);
    start + column - panel.columns.start..start + panel.width
}

/// Whether so few rows are computed that laying out the right factor does not pay.
fn is_read([rows, depth, columns]: [usize; 3]) -> bool {
    let fits = |&(most, size): &(usize, usize)| rows <= most && depth * columns <= size;
    rows <= FEW || FEW_OF.iter().any(fits)
}

/// A right factor that is a weight, laid out once and kept until the weight changes; `None` where it is read from where it
/// lies instead.
pub(super) fn kept<T: Real>(
    weight: &Tensor,
    view: &View<T>,
    [rows, depth, columns]: [usize; 3],
) -> Option<Arc<Buffer>> {
    if rows <= UNKEPT && is_read([rows, depth, columns]) && !weight.is_kept() {
        return None;
    }
    let size = packed_size::<T>(depth, columns);
    let layout = [depth, columns, view.row, view.column, T::kernels().lanes];
    weight.kept("panels", layout, size, |to| {
        pack(view, depth, columns, to);
        Ok(())
    })
}

/// Lays out a right factor whole, for [`Right::Packed`].
pub(super) fn pack<T: Real>(x: &View<T>, depth: usize, columns: usize, to: &mut [T]) {
    assert!(x.covers(depth, columns));
    let panels = Panels::of::<T>(columns);
    let piece = depth * panels.whole;
    let pack = |i: usize, to: &mut [T]| panels.pack(x, i, 0..depth, to);
    if depth * columns < SHARE / 8 {
        let pieces = to.chunks_mut(piece.max(1)).enumerate();
        return pieces.for_each(|(i, to)| pack(i, to));
    }
    super::shares::for_shares(to, piece, &|start, to| pack(start / piece, to));
}

impl<T: Real> Product<'_, T> {
    /// Computes it into `out`.
    pub(super) fn compute(&self, mut out: Output<T>) {
        let (m, n, depth) = (out.rows, out.columns, self.depth);
        if let Some(left) = self.left.view() {
            assert!(left.covers(m, depth));
        }
        match self.right {
            Right::View(right) => assert!(right.covers(depth, n)),
            Right::Packed(right) => assert!(right.len() >= packed_size::<T>(depth, n)),
            Right::Made(_) => {}
        }
        if m * n == 0 || self.in_parts(&mut out) || self.transposed(&mut out) {
            return;
        }
        let work = Work::new(self, &out);
        let (tiles, panels) = (work.tiles, work.panels);
        let all_panels = 0..panels.count();
        let helping = threads::helping();
        if m * n * depth < SHARE || helping == 1 {
            return work.part(0..tiles, all_panels);
        }
        if self.in_halves(&out) {
            return;
        }
        // A left factor that is made when it is read is made for so many panels at a time.
        let is_made = self.left.view().is_none() && tiles > 1;
        let by_rows = m >= MANY || (is_made && panels.count() < 2 * AT_ONCE);
        // Each panel is laid out, or made, by one thread: a view's with a part of each row, if there are enough of them.
        let panels_at_once = match self.right {
            Right::View(_) if n > m && panels.count() >= PANELS * helping => {
                Some(panels.count().div_ceil(2 * helping).min(8))
            }
            Right::View(_) | Right::Packed(_) if by_rows => None,
            _ => {
                let least = match m {
                    1 => micro::WIDE,
                    _ if is_made => AT_ONCE,
                    _ => 1,
                };
                Some(panels.count().div_ceil(PIECES).max(least))
            }
        };
        if let Some(at_once) = panels_at_once {
            return self.by_panels(&work, at_once, helping);
        }
        let at_once = work.tiles_at_once();
        let by_rows = |work: Work<T>| {
            for_ranges(tiles, at_once, &|part| work.part(part, all_panels.clone()));
        };
        if let Right::View(right) = self.right
            && depth * n <= WHOLE
            && work.lays_out_right()
        {
            let done = with_space(packed_size::<T>(depth, n), |room| {
                pack(&right, depth, n, room);
                let right = Right::Packed(room);
                let product = &Product { right, ..*self };
                by_rows(Work::new(product, &out));
                Ok(())
            });
            if done.is_ok() {
                return;
            }
        }
        by_rows(work);
    }

    /// Computes some panels at a time; their tiles apart, if threads have as much to do then and nobody lays out panels.
    fn by_panels(&self, work: &Work<T>, at_once: usize, threads: usize) {
        let (panels, tiles) = (work.panels.count(), work.tiles);
        let groups = panels.div_ceil(at_once);
        let is_uneven = groups < PIECES && !groups.is_multiple_of(threads);
        let tiles_at_once = match self.right {
            Right::Packed(_) if is_uneven => tiles.div_ceil(threads.min(PIECES)),
            Right::Packed(_) | Right::View(_) | Right::Made(_) => tiles,
        };
        let of_group = tiles.div_ceil(tiles_at_once);
        threads::share(groups * of_group, &|i| {
            let tiles = range(i % of_group, tiles_at_once, tiles);
            work.part(tiles, range(i / of_group, at_once, panels));
        });
    }

    /// Computes the transposed product and turns it, if that is less to lay out. Tells whether it did.
    ///
    /// A wide right factor whose columns lie in memory need not be turned then; and the wide one of two factors of a long
    /// sum is laid out block by block, while the other one is read from where it lies.
    fn transposed(&self, out: &mut Output<T>) -> bool {
        let (m, n, depth) = (out.rows, out.columns, self.depth);
        let (Some(left), Right::View(right)) = (self.left.view(), self.right) else {
            return false;
        };
        let pays = match (left.column, right.column) {
            (1, 1) => false,
            (1, _) => right.row == 1 && n >= 2 * m && depth >= 2 * m,
            (_, 1) => left.row == 1 && m >= 2 * n && depth >= DEEP * m && n > FEW,
            _ => false,
        };
        if !pays || self.add || self.finish.is_some() || out.row != n {
            return false;
        }
        let done = with_space(m * n, |room| {
            let product = Product {
                left: &right.transposed(),
                right: Right::View(left.transposed()),
                ..*self
            };
            product.compute(Output::new(room, m));
            turned(room, m, n, out.rows_in_memory());
            Ok(())
        });
        done.is_ok()
    }
}

#[cfg(test)]
mod tests;
