//! Products of matrices: blocks that fit caches, laid out for the innermost loop where that pays, shared among threads.

mod epilogue;
mod micro;
mod pack;
mod view;

use std::ops::Range;
use std::sync::Arc;

use super::turn::turned;
use super::{Real, threads, with_space};
use crate::Tensor;
use crate::buffer::Buffer;
pub(super) use epilogue::Epilogue;
use micro::Tile;
pub(super) use micro::Tiled;
pub(super) use pack::{Left, Made, copy_run, fill_up};
use pack::{Panel, Panels};
pub(super) use view::{Output, View};

/// Bytes of the shared axis in a block.
const DEPTH: usize = 2048;
/// Bytes of the right factor in a block.
const BLOCK: usize = 512 << 10;
/// Multiplications from which a product is shared among threads.
const SHARE: usize = 1 << 18;
/// Rows from which threads share rows, not columns.
const MANY: usize = 128;
/// Rows up to which a right factor that has its rows in memory is read from there: of any size, and of as many elements
/// as caches hold.
const FEW: usize = 16;
const FEW_OF: [(usize, usize); 2] = [(64, 1 << 21), (256, 1 << 18)];
/// Rows up to which a weight is read from where it lies, as it may have changed.
const UNKEPT: usize = 32;
/// Rows up to which laying out a right factor weighs, and its next block is asked for while one is computed.
const AHEAD: usize = 256;
/// Elements from which a right factor does not stay in a cache.
const LARGE: usize = 1 << 18;
/// Rows of a product for each of which its shared axis is to have so many places to be a long sum.
const DEEP: usize = 4;
/// Tiles of a left factor that are turned at once.
const TILES: usize = 4;
/// Panels from which that pays.
const PANELS: usize = 4;
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
    let lanes = T::kernels().lanes;
    depth * Panels { lanes, columns }.width()
}

/// Where an element of a right factor `[depth, columns]` stands that is laid out; those of a vector that begins there follow.
pub(super) fn packed_at<T: Real>([depth, columns]: [usize; 2], [row, column]: [usize; 2]) -> usize {
    let lanes = T::kernels().lanes;
    let panel = Panels { lanes, columns }.at(column / (2 * lanes));
    panel.columns.start * depth + row * panel.width + column - panel.columns.start
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
    if rows <= UNKEPT && is_read([rows, depth, columns]) {
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
    let lanes = T::kernels().lanes;
    let panels = Panels { lanes, columns };
    let piece = depth * 2 * lanes;
    let pack = |i: usize, to: &mut [T]| panels.pack(x, i, 0..depth, to);
    if depth * columns < SHARE / 8 {
        let pieces = to.chunks_mut(piece.max(1)).enumerate();
        return pieces.for_each(|(i, to)| pack(i, to));
    }
    super::shares::for_shares(to, piece, &|start, to| pack(start / piece, to));
}

impl<T: Real> Product<'_, T> {
    /// Computes it into `out`.
    pub(super) fn compute(&self, out: Output<T>) {
        let (m, n, depth) = (out.rows, out.columns, self.depth);
        if let Some(left) = self.left.view() {
            assert!(left.covers(m, depth));
        }
        match self.right {
            Right::View(right) => assert!(right.covers(depth, n)),
            Right::Packed(right) => assert!(right.len() >= packed_size::<T>(depth, n)),
            Right::Made(_) => {}
        }
        if m * n == 0 || self.transposed(&out) {
            return;
        }
        let kernels = T::kernels();
        let tiles = m.div_ceil(kernels.rows());
        let lanes = kernels.lanes;
        let panels = Panels { lanes, columns: n };
        let out = &out;
        let work = Work {
            product: self,
            out,
            tiles,
            panels,
        };
        let all_panels = 0..panels.count();
        let helping = threads::helping();
        if m * n * depth < SHARE || helping == 1 {
            return work.part(0..tiles, all_panels);
        }
        let by_rows = m >= MANY || (self.left.view().is_none() && tiles > 1);
        let by_rows = match self.right {
            // Each panel is laid out by one thread, which has a part of each row for itself if there are enough of them.
            Right::View(_) if n > m && panels.count() >= PANELS * helping => {
                let at_once = panels.count().div_ceil(2 * helping).min(8);
                return shared(panels.count(), at_once, |part| work.part(0..tiles, part));
            }
            Right::View(_) | Right::Packed(_) => by_rows,
            Right::Made(_) => false,
        };
        if !by_rows {
            let at_once = panels.count().div_ceil(16).max(1);
            return shared(panels.count(), at_once, |part| work.part(0..tiles, part));
        }
        let at_once = (tiles / 16).clamp(1, 8);
        let by_rows = |work: Work<T>| {
            shared(tiles, at_once, |part| work.part(part, all_panels.clone()));
        };
        if let Right::View(right) = self.right
            && depth * n <= WHOLE
            && !work.right().is_some_and(|right| right.1)
        {
            let done = with_space(packed_size::<T>(depth, n), |room| {
                pack(&right, depth, n, room);
                let right = Right::Packed(room);
                let product = &Product { right, ..*self };
                by_rows(Work { product, ..work });
                Ok(())
            });
            if done.is_ok() {
                return;
            }
        }
        by_rows(work);
    }
}

impl<T: Real> Product<'_, T> {
    /// Computes the transposed product and turns it, if that is less to lay out. Tells whether it did.
    ///
    /// A wide right factor whose columns lie in memory need not be turned then; and the wide one of two factors of a long
    /// sum is laid out block by block, while the other one is read from where it lies.
    fn transposed(&self, out: &Output<T>) -> bool {
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
            // SAFETY: the product has this output for itself.
            #[allow(unsafe_code)]
            let mut out = unsafe { out.tile(0..m, 0..n) };
            turned(room, m, n, out.rows_in_memory());
            Ok(())
        });
        done.is_ok()
    }
}

/// Calls `work` for parts of `0..count`, on all threads.
fn shared(count: usize, at_once: usize, work: impl Fn(Range<usize>) + Sync) {
    threads::share(count.div_ceil(at_once), &|i| {
        work(i * at_once..((i + 1) * at_once).min(count));
    });
}

/// A product cut into tiles of rows and panels of columns.
#[derive(Clone, Copy)]
struct Work<'a, T> {
    product: &'a Product<'a, T>,
    out: &'a Output<'a, T>,
    tiles: usize,
    panels: Panels,
}

impl<T: Real> Work<'_, T> {
    /// The rows of a tile: all have about as many.
    fn rows(&self, tile: usize) -> Range<usize> {
        let m = self.out.rows;
        tile * m / self.tiles..(tile + 1) * m / self.tiles
    }

    /// The left factor, if it is turned for so many panels.
    fn turned(&self, panels: usize) -> Option<View<'_, T>> {
        let pays = panels >= PANELS && self.tiles > 1;
        let left = self.product.left.view().filter(|_| pays)?;
        left.wants_turning().then_some(left)
    }

    /// The right factor, if its rows lie in memory, and whether it is read from there.
    fn right(&self) -> Option<(View<'_, T>, bool)> {
        let sizes = [self.out.rows, self.product.depth, self.out.columns];
        match self.product.right {
            Right::View(right) if right.column == 1 => Some((right, is_read(sizes))),
            _ => None,
        }
    }

    /// The right factor, if its blocks are asked for ahead.
    fn asked_ahead(&self) -> Option<View<'_, T>> {
        let is_large = self.product.depth * self.out.columns >= LARGE;
        let (right, is_read) = self.right()?;
        (!is_read && is_large && self.out.rows <= AHEAD).then_some(right)
    }

    /// Some tiles of some panels.
    fn part(&self, tiles: Range<usize>, panels: Range<usize>) {
        let depth = self.product.depth;
        let blocks = (depth * size_of::<T>()).div_ceil(DEPTH).max(1);
        let longest = depth.div_ceil(blocks);
        let width = 2 * self.panels.lanes;
        // Two blocks at a time, where one is asked for ahead.
        let size = if self.asked_ahead().is_some() {
            BLOCK / 2
        } else {
            BLOCK
        };
        let at_once = (size / (longest.max(1) * width * size_of::<T>())).max(1);
        let rows = self.rows(tiles.start).start..self.rows(tiles.end - 1).end;
        let most = T::kernels().rows();
        let of_left = match (self.product.left.view(), self.turned(panels.len())) {
            (None, _) => pack::step_of(longest) * most,
            (Some(_), None) => 0,
            (Some(_), Some(_)) => pack::turned_size(longest, most) * TILES.min(tiles.len()),
        };
        let of_right = match self.product.right {
            Right::Packed(_) => 0,
            Right::View(_) | Right::Made(_) => longest * width * at_once.min(panels.len()),
        };
        let done = with_space(of_left + of_right, |room: &mut [T]| {
            let (left_room, right_room) = room.split_at_mut(of_left);
            let last = panels.end;
            for first in panels.clone().step_by(at_once) {
                let panels = first..(first + at_once).min(panels.end);
                for block in 0..blocks {
                    let end = (block + 1) * depth / blocks;
                    let of_depth = block * depth / blocks..end;
                    let next = match end < depth {
                        true => [end, panels.start],
                        false => [0, panels.end],
                    };
                    let place = Place {
                        depth: of_depth,
                        is_first: block == 0,
                        is_last: block + 1 == blocks,
                        next: (next[1] < last).then_some(next),
                        panels: panels.clone(),
                    };
                    self.block(&place, tiles.clone(), left_room, right_room);
                }
            }
            Ok(())
        });
        if done.is_err() {
            let columns = self.panels.at(panels.start).columns.start
                ..self.panels.at(panels.end - 1).columns.end;
            self.slowly(rows, columns);
        }
    }

    /// Where there is no memory to lay anything out.
    fn slowly(&self, rows: Range<usize>, columns: Range<usize>) {
        let product = self.product;
        // SAFETY: no other thread was given these rows and columns.
        #[allow(unsafe_code)]
        let mut out = unsafe { self.out.tile(rows.clone(), columns.clone()) };
        for r in rows.clone() {
            let row = out.part(r - rows.start, 0, columns.len());
            if !product.add {
                row.fill(T::default());
            }
            for p in 0..product.depth {
                let mut left = [T::default()];
                product.left.pack(r..r + 1, p..p + 1, 1, &mut left);
                for (to, c) in row.iter_mut().zip(columns.clone()) {
                    let right = match product.right {
                        Right::View(right) => right.data[p * right.row + c * right.column],
                        Right::Packed(right) => {
                            right[packed_at::<T>([product.depth, self.out.columns], [p, c])]
                        }
                        Right::Made(right) => {
                            let mut one = [T::default()];
                            right.pack(c..c + 1, 1, p..p + 1, &mut one);
                            one[0]
                        }
                    };
                    *to = *to + left[0] * right;
                }
            }
        }
        if let Some(finish) = product.finish {
            finish.part(&mut out, rows.start, columns.start);
        }
    }

    /// Adds the products of one block of the shared axis.
    fn block(&self, at: &Place, tiles: Range<usize>, left_room: &mut [T], right_room: &mut [T]) {
        let product = self.product;
        let kernels = T::kernels();
        let depth = at.depth.len();
        let direct = self.right().filter(|right| right.1).map(|right| right.0);
        // Where each panel of the right factor begins, and elements from a row to the next.
        let full = 2 * self.panels.lanes * depth;
        for (i, room) in at.panels.clone().zip(right_room.chunks_mut(full.max(1))) {
            let Panel { columns, width } = self.panels.at(i);
            match product.right {
                Right::View(right) if direct.is_none() || columns.len() < width => {
                    let room = &mut room[..width * depth];
                    self.panels.pack(&right, i, at.depth.clone(), room);
                }
                Right::Made(right) => {
                    right.pack(columns, width, at.depth.clone(), &mut room[..width * depth]);
                }
                Right::View(_) | Right::Packed(_) => {}
            }
        }
        let right = |i: usize| -> (&[T], usize) {
            let Panel { columns, width } = self.panels.at(i);
            match (product.right, direct) {
                (Right::Packed(all), _) => {
                    let start = columns.start * product.depth + at.depth.start * width;
                    (&all[start..][..width * depth], width)
                }
                (_, Some(right)) if columns.len() == width => {
                    let start = at.depth.start * right.row + columns.start;
                    (right.data.get(start..).unwrap_or_default(), right.row)
                }
                _ => (
                    &right_room[(i - at.panels.start) * full..][..width * depth],
                    width,
                ),
            }
        };
        let add = product.add || !at.is_first;
        let finish = product.finish.filter(|f| at.is_last && !f.is_nothing());
        // What the innermost loop does, and what it does not.
        let (curved, plain) = match finish {
            Some(finish) if finish.is_curved() => (Some(finish), None),
            plain => (None, plain),
        };
        let next = at.next.zip(self.asked_ahead());
        let turned = self.turned(at.panels.len());
        let turned_size = pack::turned_size(depth, kernels.rows());
        for (t, tile) in tiles.clone().enumerate() {
            let rows = self.rows(tile);
            if let Some(left) = turned
                && t % TILES == 0
            {
                let ends = (tile..tiles.end.min(tile + TILES)).map(|tile| self.rows(tile).end);
                let depth = at.depth.clone();
                pack::turn(&left, rows.start, ends, depth, turned_size, left_room);
            }
            // The rows of the next block that are asked for now.
            let next = next.map(|([row, panel], right)| {
                let row = row + t * depth / micro::AHEAD;
                (row, panel, right)
            });
            let next = next.filter(|(row, ..)| *row < product.depth);
            let (left, a_row, a_column) = match product.left.view() {
                Some(_) if turned.is_some() => {
                    (&left_room[t % TILES * turned_size..], 1, rows.len())
                }
                Some(left) => {
                    let start = rows.start * left.row + at.depth.start * left.column;
                    if left.column == 1 {
                        // The machine does not foresee so many rows at once: those of the next tile.
                        for row in rows.len()..2 * rows.len() {
                            let next = left.data.as_ptr().wrapping_add(start + row * left.row);
                            micro::expect_read(next, depth);
                        }
                    }
                    (
                        left.data.get(start..).unwrap_or_default(),
                        left.row,
                        left.column,
                    )
                }
                None => {
                    let step = pack::step_of(depth);
                    let room = &mut left_room[..rows.len() * step];
                    product
                        .left
                        .pack(rows.clone(), at.depth.clone(), step, room);
                    (&*room, step, 1)
                }
            };
            for i in at.panels.clone() {
                let Panel { columns, width } = self.panels.at(i);
                let kernel = match width > self.panels.lanes {
                    true => kernels.two[rows.len() - 1],
                    false => kernels.one[rows.len() - 1],
                };
                let (right, b_row) = right(i);
                // SAFETY: no other thread was given these rows and columns.
                #[allow(unsafe_code)]
                let mut out = unsafe { self.out.tile(rows.clone(), columns.clone()) };
                let tile = Tile {
                    depth,
                    a: left.as_ptr(),
                    a_row,
                    a_column,
                    b: right.as_ptr(),
                    b_row,
                    c: out.first,
                    c_row: out.row,
                    last: columns.len() - (width - self.panels.lanes),
                    add,
                    ahead: next.map_or(std::ptr::null(), |(row, panel, right)| {
                        let panel = self.panels.at(panel + i - at.panels.start);
                        let first = row * right.row + panel.columns.start;
                        right.data.as_ptr().wrapping_add(first)
                    }),
                    ahead_row: next.map_or(0, |(.., right)| right.row),
                    after: plain.map(|f| f.after(rows.clone(), columns.clone(), out.row)),
                };
                // SAFETY: these kernels are those of the machine's vectors. Factors cover the product (asserted by
                // `compute`), or were laid out with room for all that a tile reads; `c` is a tile of the output, and what
                // the epilogue gives covers it.
                #[allow(unsafe_code)]
                unsafe {
                    kernel(tile);
                }
                if let Some(finish) = curved {
                    finish.part(&mut out, rows.start, columns.start);
                }
            }
        }
    }
}

/// Where a block lies.
struct Place {
    depth: Range<usize>,
    is_first: bool,
    is_last: bool,
    /// The first place of the shared axis and the first panel of the block after it.
    next: Option<[usize; 2]>,
    panels: Range<usize>,
}

#[cfg(test)]
mod tests;
