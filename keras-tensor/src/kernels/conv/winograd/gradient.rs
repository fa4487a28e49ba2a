//! The gradient by the kernel, by the same transforms.

use std::marker::PhantomData;
use std::ops::Range;

use super::super::super::gemm::{Output, Product, Right, View};
use super::super::super::shares::{for_ranges, for_shares};
use super::super::super::vector::{Vector, VectorLoop, Vectors, Width};
use super::super::super::with_space;
use super::super::{Work, blocks};
use super::squares::Squares;
use super::transforms::{Four, Linear, Transforms};
use super::{CHANNELS, apart};
use crate::Result;

/// Squares that are transformed by one thread, and summed at a time.
const BLOCK: usize = 32;
/// Blocks that are transformed before they are multiplied.
const BLOCKS: usize = 8;

/// The gradient by the kernel, `[taps, channels, filters]`, of the input `x` and the output's gradient `g`.
pub(in super::super) fn kernel_gradient(
    work: &Work,
    x: &[f32],
    g: &[f32],
    kernel: &mut [f32],
) -> Result<()> {
    run::<Four, 6, 4>(work, x, g, kernel)
}

fn run<S: Transforms<N, M>, const N: usize, const M: usize>(
    work: &Work,
    x: &[f32],
    g: &[f32],
    kernel: &mut [f32],
) -> Result<()> {
    let squares = &Squares::new(work, M);
    let (count, of_matrix) = (squares.count(), work.channels * work.filters);
    let rows = [apart(work.channels), apart(work.filters)];
    let of_square = N * N * (rows[0] + rows[1]);
    let at_once = count.min(BLOCK * BLOCKS);
    with_space(N * N * of_matrix + at_once * of_square, |room| {
        let (sums, room) = room.split_at_mut(N * N * of_matrix);
        for first in (0..count).step_by(at_once) {
            let room = &mut room[..at_once.min(count - first) * of_square];
            for_shares(room, BLOCK * of_square, &|start, to| {
                let first = first + start / of_square;
                let block = first..first + to.len() / of_square;
                let (of_input, of_gradient) = to.split_at_mut(block.len() * N * N * rows[0]);
                let (input, gradient) = (squares.of_input(x), squares.of_gradient(g));
                let of_input = Output::new(of_input, block.len() * rows[0]);
                let of_gradient = Output::new(of_gradient, block.len() * rows[1]);
                input.transform::<S, N, N>(block.clone(), rows[0], of_input);
                gradient.transform::<S, M, N>(block, rows[1], of_gradient);
            });
            let room = &*room;
            for_shares(sums, of_matrix, &|start, sums| {
                let matrix = start / of_matrix;
                for (i, block) in room.chunks(BLOCK * of_square).enumerate() {
                    let depth = block.len() / of_square;
                    let (input, gradient) = block.split_at(depth * N * N * rows[0]);
                    let input = &input[matrix * depth * rows[0]..][..depth * rows[0]];
                    let gradient = &gradient[matrix * depth * rows[1]..][..depth * rows[1]];
                    Product {
                        depth,
                        left: &View::strided(input, rows[0]).transposed(),
                        right: Right::View(View::strided(gradient, rows[1])),
                        add: first > 0 || i > 0,
                        finish: None,
                    }
                    .compute(Output::new(sums, work.filters));
                }
            });
        }
        let kernel = Output::new(kernel, work.filters);
        for_ranges(work.channels, CHANNELS, &|channels| {
            f32::with_vectors(OfKernel::<S, N> {
                sums,
                channels,
                all: work.channels,
                // SAFETY: each thread writes the rows of its own channels.
                #[allow(unsafe_code)]
                kernel: unsafe { kernel.tile(0..kernel.rows(), 0..kernel.columns()) },
                map: PhantomData,
            });
        });
        Ok(())
    })
}

/// Makes the kernel's gradient of sums of products.
struct OfKernel<'a, 'b, L, const N: usize> {
    /// `N * N` matrices `[channels, filters]`.
    sums: &'a [f32],
    channels: Range<usize>,
    /// How many channels there are.
    all: usize,
    kernel: Output<'b, f32>,
    map: PhantomData<L>,
}

impl<L: Linear<N, 3>, const N: usize> VectorLoop<f32> for OfKernel<'_, '_, L, N> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector<Element = f32>>(mut self, width: Width<V>) {
        let filters = self.kernel.columns();
        let mut square = [[V::zero(width); N]; N];
        for c in self.channels {
            for f in blocks(filters, V::LANES) {
                let matrices = self.sums.chunks_exact(self.all * filters);
                for (value, from) in square.as_flattened_mut().iter_mut().zip(matrices) {
                    *value = V::load(width, &from[c * filters + f..]);
                }
                let values = L::both(width, &square);
                for (tap, value) in values.as_flattened().iter().enumerate() {
                    value.store(self.kernel.part(tap * self.all + c, f, V::LANES));
                }
            }
        }
    }
}
