//! Squares of images made ready for products, and squares of the output made of products.

use std::marker::PhantomData;
use std::ops::Range;

use super::super::super::gemm::{Epilogue, Output};
use super::super::super::vector::{Grid, Vector, VectorLoop, Vectors, Width};
use super::super::geometry::inside;
use super::super::{Work, blocks};
use super::transforms::Linear;

/// The squares of the output of a convolution, counted over all samples.
pub(super) struct Squares<'a> {
    pub(super) work: &'a Work,
    /// Places along a side.
    side: usize,
    /// Squares along the two axes of a sample.
    grid: [usize; 2],
}

impl<'a> Squares<'a> {
    pub(super) fn new(work: &'a Work, side: usize) -> Self {
        let [_, high, wide] = work.geometry.places;
        Squares {
            work,
            side,
            grid: [high.div_ceil(side), wide.div_ceil(side)],
        }
    }

    pub(super) fn count(&self) -> usize {
        self.work.batch * self.grid[0] * self.grid[1]
    }

    /// The sample of a square, and its first place in it.
    #[inline(always)]
    fn at(&self, square: usize) -> (usize, [usize; 2]) {
        let [high, wide] = self.grid;
        let place = [square / wide % high * self.side, square % wide * self.side];
        (square / wide / high, place)
    }

    /// The input, from where the windows of squares begin.
    pub(super) fn of_input<'b>(&'b self, x: &'b [f32]) -> Image<'b> {
        let geometry = &self.work.geometry;
        Image {
            squares: self,
            data: x,
            sizes: [geometry.sizes[1], geometry.sizes[2]],
            before: [geometry.before[1], geometry.before[2]],
            channels: self.work.channels,
        }
    }

    /// The gradient of the output.
    pub(super) fn of_gradient<'b>(&'b self, g: &'b [f32]) -> Image<'b> {
        let places = self.work.geometry.places;
        Image {
            squares: self,
            data: g,
            sizes: [places[1], places[2]],
            before: [0; 2],
            channels: self.work.filters,
        }
    }
}

/// An image that squares are read from, `[samples, high, wide, channels]`.
pub(super) struct Image<'a> {
    squares: &'a Squares<'a>,
    data: &'a [f32],
    sizes: [usize; 2],
    /// Places before the image that the first squares reach.
    before: [usize; 2],
    channels: usize,
}

impl<'a> Image<'a> {
    /// Makes some squares ready by a map, as `B * B` matrices, each in a row of `to`: squares' channels, `row` elements apart.
    pub(super) fn transform<L: Linear<A, B>, const A: usize, const B: usize>(
        self,
        squares: Range<usize>,
        row: usize,
        to: Output<f32>,
    ) {
        f32::with_vectors(Patches::<L, A, B> {
            image: self,
            squares,
            row,
            to,
            map: PhantomData,
        });
    }

    /// The channels of each of `side` times `side` places of a square, as far as these are inside.
    #[inline(always)]
    fn square<V: Vector<Element = f32>>(
        &self,
        width: Width<V>,
        square: usize,
        side: usize,
    ) -> Grid<'a, V> {
        let (sample, place) = self.squares.at(square);
        let [high, wide] = self.sizes;
        let first = [0, 1].map(|axis| place[axis] as isize - self.before[axis] as isize);
        let row = (sample * high) as isize + first[0];
        let channels = self.channels as isize;
        Grid::new(
            width,
            self.data,
            (row * wide as isize + first[1]) * channels,
            [wide as isize * channels, channels],
            [0, 1].map(|axis| inside(first[axis], self.sizes[axis], side)),
            self.channels,
        )
    }
}

/// Makes squares ready: `B * B` matrices with a row of channels for each square.
struct Patches<'a, 'b, L, const A: usize, const B: usize> {
    image: Image<'a>,
    squares: Range<usize>,
    /// Elements from a square's channels to the next one's.
    row: usize,
    /// A matrix in each row.
    to: Output<'b, f32>,
    map: PhantomData<L>,
}

impl<L: Linear<A, B>, const A: usize, const B: usize> VectorLoop<f32> for Patches<'_, '_, L, A, B> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector<Element = f32>>(mut self, width: Width<V>) {
        for (i, square) in self.squares.clone().enumerate() {
            let places = self.image.square(width, square, A);
            match places.whole(A) {
                Some(places) => self.square(width, i, &places),
                None => self.square(width, i, &places),
            }
        }
    }
}

impl<L: Linear<A, B>, const A: usize, const B: usize> Patches<'_, '_, L, A, B> {
    /// Makes square `i` of these ready; places that are not there are 0.
    #[inline(always)]
    fn square<V: Vector<Element = f32>>(&mut self, width: Width<V>, i: usize, places: &Grid<V>) {
        let zero = V::zero(width);
        let mut values = [[zero; A]; A];
        for c in blocks(self.image.channels, V::LANES) {
            for (line, values) in values.iter_mut().enumerate() {
                for (place, value) in values.iter_mut().enumerate() {
                    *value = places.get(line, place, c).unwrap_or(zero);
                }
            }
            let values = L::both(width, &values);
            for (matrix, value) in values.as_flattened().iter().enumerate() {
                value.store(self.to.part(matrix, i * self.row + c, V::LANES));
            }
        }
    }
}

/// Makes squares of the output of products, and writes them to their places.
pub(super) struct Placed<'a, 'b, L, const N: usize, const M: usize> {
    pub(super) squares: &'a Squares<'a>,
    pub(super) block: Range<usize>,
    /// `N * N` matrices with a row of filters for each of these squares.
    pub(super) products: &'a [f32],
    pub(super) multiplied: Range<usize>,
    pub(super) epilogue: &'a Epilogue<'a, f32>,
    pub(super) y: Output<'b, f32>,
    pub(super) map: PhantomData<L>,
}

impl<L: Linear<N, M>, const N: usize, const M: usize> VectorLoop<f32> for Placed<'_, '_, L, N, M> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector<Element = f32>>(mut self, width: Width<V>) {
        let filters = self.squares.work.filters;
        let [_, high, wide] = self.squares.work.geometry.places;
        let mut values = [[V::zero(width); N]; N];
        for square in self.block.clone() {
            let i = square - self.multiplied.start;
            let (sample, place) = self.squares.at(square);
            let inside = [M.min(high - place[0]), M.min(wide - place[1])];
            for f in blocks(filters, V::LANES) {
                let rows = self.products.chunks_exact(self.multiplied.len() * filters);
                for (value, from) in values.as_flattened_mut().iter_mut().zip(rows) {
                    *value = V::load(width, &from[i * filters + f..]);
                }
                let values = L::both(width, &values);
                let ends = self.epilogue.of_channels(width, f);
                for (i, line) in values.iter().take(inside[0]).enumerate() {
                    let row = (sample * high + place[0] + i) * wide + place[1];
                    for (j, &value) in line.iter().take(inside[1]).enumerate() {
                        let row = row + j;
                        let value = ends.finish(width, value, row * filters + f);
                        value.store(self.y.part(row, f, V::LANES));
                    }
                }
            }
            if self.epilogue.is_curved() {
                for i in 0..inside[0] {
                    for j in 0..inside[1] {
                        let row = (sample * high + place[0] + i) * wide + place[1] + j;
                        self.epilogue.curve(self.y.part(row, 0, filters));
                    }
                }
            }
        }
    }
}
