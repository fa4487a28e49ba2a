//! A product cut into tiles of rows and panels of columns, and into blocks of the shared axis that fit caches.

use std::ops::Range;

use smallvec::SmallVec;

use super::super::shares::{even_share, in_even_parts};
use super::super::{Real, with_space};
use super::micro::{Reachable, Tile, WIDE};
use super::pack::{self, Panel, Panels, Rows};
use super::view::{Output, View};
use super::{PANELS, PIECES, Product, Right, is_read, packed_at};

/// Bytes of the shared axis in a block.
const DEPTH: usize = 2048;
/// Bytes of the right factor in a block, and where there are two tiles.
const BLOCK: usize = 512 << 10;
const BLOCK_OF_TWO: usize = 128 << 10;
/// Rows of a right factor from those that are read to those that are asked for, while they may not be in a cache.
const SOON: usize = 64;
/// Tiles of a left factor that are turned at once.
const TILES: usize = 4;

/// Blocks of a shared axis of this length.
pub(super) fn blocks_of<T>(depth: usize) -> usize {
    (depth * size_of::<T>()).div_ceil(DEPTH).max(1)
}

/// Whether an output keeps what stands in it until the sums of a shared axis of this length are whole.
pub(in crate::kernels) fn keeps_output<T>(depth: usize) -> bool {
    blocks_of::<T>(depth) == 1
}

/// A product cut into tiles of rows and panels of columns.
#[derive(Clone, Copy)]
pub(super) struct Work<'a, T> {
    pub(super) product: &'a Product<'a, T>,
    out: &'a Output<'a, T>,
    pub(super) tiles: usize,
    /// The rows that all tiles have, and how many tiles, the first, have one more.
    of_tile: (usize, usize),
    pub(super) panels: Panels,
}

impl<'a, T: Real> Work<'a, T> {
    pub(super) fn new(product: &'a Product<'a, T>, out: &'a Output<'a, T>) -> Self {
        let tiles = out.rows.div_ceil(T::kernels().rows());
        Work {
            product,
            out,
            tiles,
            of_tile: (out.rows / tiles.max(1), out.rows % tiles.max(1)),
            panels: Panels::of::<T>(out.columns),
        }
    }

    /// The rows of a tile: all have about as many.
    fn rows(&self, tile: usize) -> Range<usize> {
        let (rows, longer) = self.of_tile;
        let start = tile * rows + tile.min(longer);
        start..start + rows + usize::from(tile < longer)
    }

    /// How the left factor is read for so many panels.
    fn read_left(&self, panels: usize) -> ReadLeft<'a, T> {
        let pays = panels >= PANELS && self.tiles > 1;
        match self.product.left.view() {
            None => ReadLeft::Packed,
            Some(left) if pays && left.wants_turning() => ReadLeft::Turned(left),
            Some(left) => ReadLeft::There(left),
        }
    }

    /// How many tiles a thread takes at a time where rows are shared.
    pub(super) fn tiles_at_once(&self) -> usize {
        let about = (self.tiles / PIECES).clamp(1, 8);
        match self.read_left(self.panels.count()) {
            // About as many as are turned at once, or twice as many: what a cache brings of a row is read at once then.
            ReadLeft::Turned(_) => {
                in_even_parts(self.tiles, self.tiles / about.next_multiple_of(TILES))
            }
            ReadLeft::There(_) | ReadLeft::Packed => even_share(self.tiles, about),
        }
    }

    /// The right factor, if its rows lie in memory.
    fn right_in_rows(&self) -> Option<View<'a, T>> {
        match self.product.right {
            Right::View(right) if right.column == 1 => Some(right),
            _ => None,
        }
    }

    fn sizes(&self) -> [usize; 3] {
        [self.out.rows, self.product.depth, self.out.columns]
    }

    /// The right factor, if it is read from where it lies.
    pub(super) fn read_right(&self) -> Option<View<'a, T>> {
        self.right_in_rows().filter(|_| is_read(self.sizes()))
    }

    /// Whether some panels of the right factor are laid out for every part of the work: the last one is, if it is narrow.
    pub(super) fn lays_out_right(&self) -> bool {
        self.read_right().is_none() || self.panels.width() != self.panels.columns
    }

    /// Some tiles of some panels.
    pub(super) fn part(&self, tiles: Range<usize>, panels: Range<usize>) {
        let depth = self.product.depth;
        let blocks = blocks_of::<T>(depth);
        let longest = depth.div_ceil(blocks);
        let width = self.panels.whole;
        // Two tiles wait for what they read as long as they compute: only the first panels are not asked for before.
        let block = match self.product.right {
            Right::Packed(_) if tiles.len() == 2 => BLOCK_OF_TWO,
            _ => BLOCK,
        };
        let at_once = (block / (longest.max(1) * width * size_of::<T>())).max(1);
        let rows = self.rows(tiles.start).start..self.rows(tiles.end - 1).end;
        let most = T::kernels().rows();
        let of_left = match self.read_left(at_once.min(panels.len())) {
            ReadLeft::Packed => pack::step_of(longest) * most,
            ReadLeft::There(_) => 0,
            ReadLeft::Turned(_) => pack::turned_size(longest, most) * TILES.min(tiles.len()),
        };
        let of_right = match self.product.right {
            Right::Packed(_) => 0,
            Right::View(_) | Right::Made(_) => longest * width * at_once.min(panels.len()),
        };
        let done = with_space(of_left + of_right, |room: &mut [T]| {
            let (left_room, right_room) = room.split_at_mut(of_left);
            let groups = panels.len().div_ceil(at_once);
            let of_block = |block: usize| block * depth / blocks..(block + 1) * depth / blocks;
            let of_group = |group: usize| {
                let first = panels.start + group * at_once;
                first..(first + at_once).min(panels.end)
            };
            for i in 0..blocks * groups {
                let (block, next) = (i / groups, i + 1);
                let place = Place {
                    depth: of_block(block),
                    is_first: block == 0,
                    is_last: block + 1 == blocks,
                    panels: of_group(i % groups),
                    next: (next < blocks * groups)
                        .then(|| (of_block(next / groups), of_group(next % groups))),
                };
                self.block(&place, tiles.clone(), left_room, right_room);
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
    pub(super) fn slowly(&self, rows: Range<usize>, columns: Range<usize>) {
        let product = self.product;
        // SAFETY: no other thread was given these rows and columns.
        #[allow(unsafe_code)]
        let mut out = unsafe { self.out.tile(rows.clone(), columns.clone()) };
        for r in rows.clone() {
            let row = out.part(r - rows.start, 0, columns.len());
            for (to, c) in row.iter_mut().zip(columns.clone()) {
                let sum = self.one(r, c);
                *to = match product.finish {
                    Some(finish) if finish.over => finish.one(sum, *to, c),
                    _ if product.add => *to + sum,
                    _ => sum,
                };
            }
        }
        if let Some(finish) = product.finish.filter(|f| !f.over) {
            finish.part(&mut out, rows.start, columns.start);
        }
    }

    /// The sum of one row and column.
    fn one(&self, row: usize, column: usize) -> T {
        let product = self.product;
        let (mut left, mut made) = ([T::default()], [T::default()]);
        let mut sum = T::default();
        for p in 0..product.depth {
            product.left.pack(row..row + 1, p..p + 1, 1, &mut left);
            let right = match product.right {
                Right::View(right) => right.at(p, column),
                Right::Packed(right) => {
                    right[packed_at::<T>([product.depth, self.out.columns], [p, column]).start]
                }
                Right::Made(right) => {
                    right.pack(column..column + 1, 1, p..p + 1, &mut made);
                    made[0]
                }
            };
            sum = sum + left[0] * right;
        }
        sum
    }

    /// Adds the products of one block of the shared axis.
    fn block(&self, at: &Place, tiles: Range<usize>, left_room: &mut [T], right_room: &mut [T]) {
        let product = self.product;
        let kernels = T::kernels();
        self.lay_out_right(at, right_room);
        let finish = product.finish.filter(|f| at.is_last && !f.is_nothing());
        // What the innermost loop does, and what it does not.
        let (curved, plain) = match finish {
            Some(finish) if finish.is_curved() => (Some(finish), None),
            plain => (None, plain),
        };
        let (read_left, read_right) = (self.read_left(at.panels.len()), self.read_right());
        // What was laid out just now is in a cache, and so is what a tile before has read.
        let is_cold = matches!(product.right, Right::Packed(_)) || read_right.is_some();
        for (t, tile) in tiles.clone().enumerate() {
            let rows = self.rows(tile);
            let left = self.left(at, &read_left, tiles.clone(), t, left_room);
            let mut panels = at.panels.clone();
            while let Some(i) = panels.next() {
                let Panel { mut columns, width } = self.panels.at(i);
                let missing = width - columns.len();
                let mut kernel = kernels.of(rows.len(), width);
                if rows.len() == 1 && self.is_whole(i + WIDE - 1, &panels) {
                    columns.end = self.panels.at(i + WIDE - 1).columns.end;
                    panels.start = i + WIDE;
                    kernel = kernels.wide;
                }
                let (right, b_row, b_panel) = self.right(at, read_right, i, right_room);
                let (soon, soon_row) = match self.coming(at, i, t, tiles.len()) {
                    Some(coming) => coming,
                    None if t == 0 && is_cold => (right.as_ptr().wrapping_add(SOON * b_row), b_row),
                    None => (right.as_ptr(), b_row),
                };
                // SAFETY: no other thread was given these rows and columns.
                #[allow(unsafe_code)]
                let mut out = unsafe { self.out.tile(rows.clone(), columns.clone()) };
                let tile = Tile {
                    depth: at.depth.len(),
                    a: left.from.as_ptr(),
                    a_row: left.row,
                    a_column: left.column,
                    a_runs: left.runs,
                    b: right.as_ptr(),
                    b_row,
                    b_panel,
                    soon,
                    soon_row,
                    c: out.first,
                    c_row: out.row,
                    missing,
                    add: product.add || !at.is_first,
                    after: plain.map(|f| f.after(rows.clone(), columns.clone(), &out)),
                };
                // SAFETY: these kernels are those of the machine's vectors. Factors cover the product (asserted by
                // `compute`), or were laid out with room for all that a tile reads; `c` is a tile of the output, and what
                // the epilogue gives covers it.
                #[allow(unsafe_code)]
                unsafe {
                    kernel(&Reachable::promised(tile));
                }
                if let Some(finish) = curved {
                    finish.part(&mut out, rows.start, columns.start);
                }
            }
        }
    }

    /// The part of what comes after a panel of a block that one of some tiles asks for, and elements of it for each row: all
    /// tiles take as long then, however long a cache waits for what they read.
    fn coming(&self, at: &Place, i: usize, t: usize, tiles: usize) -> Option<(*const T, usize)> {
        let Right::Packed(all) = self.product.right else {
            return None;
        };
        let (depth, panels) = at.next.as_ref()?;
        let i = panels.start + (i - at.panels.start);
        if !panels.contains(&i) {
            return None;
        }
        let panel = self.panels.at(i);
        if tiles == 1 || tiles > panel.width {
            return None;
        }
        let start = panel.row(depth.start, self.product.depth);
        let first = start + t * depth.len() * panel.width / tiles;
        Some((all.as_ptr().wrapping_add(first), panel.width / tiles))
    }

    /// Elements of a whole panel of a block that is laid out.
    fn of_panel(&self, at: &Place) -> usize {
        self.panels.whole * at.depth.len()
    }

    /// Lays out the panels of a block, as far as they are not read from where they lie.
    fn lay_out_right(&self, at: &Place, room: &mut [T]) {
        let room = room.chunks_mut(self.of_panel(at).max(1));
        for (i, room) in at.panels.clone().zip(room) {
            let Panel { columns, width } = self.panels.at(i);
            let room = &mut room[..width * at.depth.len()];
            match self.product.right {
                Right::View(right) if self.read_right().is_none() || columns.len() < width => {
                    self.panels.pack(&right, i, at.depth.clone(), room);
                }
                Right::Made(right) => right.pack(columns, width, at.depth.clone(), room),
                Right::View(_) | Right::Packed(_) => {}
            }
        }
    }

    /// Whether a panel is one of some and has all its columns.
    fn is_whole(&self, i: usize, panels: &Range<usize>) -> bool {
        panels.contains(&i) && self.panels.at(i).columns.len() == self.panels.whole
    }

    /// Where a panel of a block of the right factor begins, and elements from a row and from a panel to the next.
    fn right<'r>(
        &'r self,
        at: &Place,
        read: Option<View<'r, T>>,
        i: usize,
        room: &'r [T],
    ) -> (&'r [T], usize, usize) {
        let panel = self.panels.at(i);
        if let Right::Packed(all) = self.product.right {
            let start = panel.row(at.depth.start, self.product.depth);
            return (&all[start..], panel.width, panel.width * self.product.depth);
        }
        let Panel { columns, width } = panel;
        match read {
            Some(right) if columns.len() == width => {
                let start = at.depth.start * right.row + columns.start;
                let from = right.data.get(start..).unwrap_or_default();
                (from, right.row, width)
            }
            _ => {
                let start = (i - at.panels.start) * self.of_panel(at);
                (&room[start..], width, self.of_panel(at))
            }
        }
    }

    /// The part of the left factor that tile `t` of some wants.
    fn left<'r>(
        &'r self,
        at: &Place,
        read: &ReadLeft<'r, T>,
        tiles: Range<usize>,
        t: usize,
        room: &'r mut [T],
    ) -> Rows<'r, T> {
        let (depth, tile) = (at.depth.len(), tiles.start + t);
        let rows = self.rows(tile);
        match read {
            ReadLeft::Turned(left) => {
                let size = pack::turned_size(depth, T::kernels().rows());
                if t.is_multiple_of(TILES) {
                    let group = tile..tiles.end.min(tile + TILES);
                    let group: SmallVec<[_; TILES]> = group.map(|tile| self.rows(tile)).collect();
                    pack::turn(left, &group, at.depth.clone(), size, room);
                }
                Rows::plain(&room[t % TILES * size..], 1, rows.len())
            }
            ReadLeft::Packed => {
                let left = self.product.left;
                if let Some(found) = left.rows(rows.clone(), at.depth.start) {
                    assert!(found.covers(rows.len(), depth));
                    return found;
                }
                let step = pack::step_of(depth);
                let room = &mut room[..rows.len() * step];
                left.pack(rows, at.depth.clone(), step, room);
                Rows::plain(room, step, 1)
            }
            ReadLeft::There(left) => {
                let start = rows.start * left.row + at.depth.start * left.column;
                let from = left.data.get(start..).unwrap_or_default();
                Rows::plain(from, left.row, left.column)
            }
        }
    }
}

/// How a left factor is read.
enum ReadLeft<'a, T> {
    /// From where it lies.
    There(View<'a, T>),
    /// Some tiles turned at a time.
    Turned(View<'a, T>),
    /// Tile by tile, as it is nowhere in memory, or not as it should be.
    Packed,
}

/// Where a block lies.
struct Place {
    depth: Range<usize>,
    is_first: bool,
    is_last: bool,
    panels: Range<usize>,
    /// The part of the shared axis and the panels that come after.
    next: Option<(Range<usize>, Range<usize>)>,
}
