//! Convolution with windows of 3 by 3 by fewer products (Lavin and Gray, 2015): squares of the input are transformed, matrices
//! of their elements are multiplied, and squares of the output are made of the products.
//!
//! `KERAS_WINOGRAD=off` leaves it out.

mod gradient;
mod squares;
mod transforms;

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::OnceLock;

use super::super::gemm::{self, Epilogue, Output, Product, Right, View};
use super::super::shares::{for_ranges, for_shares, try_share};
use super::super::vector::{Vector, VectorLoop, Vectors, Width};
use super::super::with_space;
use super::Work;
use crate::{Result, Tensor};
pub(super) use gradient::kernel_gradient;
use squares::{Placed, Squares};
use transforms::{Four, Linear, Transforms, Two};

/// Squares of the input that are transformed before they are multiplied.
const SQUARES: usize = 28;
/// Squares that a thread transforms at a time.
const FEW_SQUARES: usize = 4;
/// Squares of four by four from which fewer products outweigh more weights, where those are transformed once, and where at
/// every call.
const MANY: [usize; 2] = [30, 40];
/// Squares of four by four from which the gradient by the kernel is worth it.
const FEW: usize = 16;
/// Channels of a kernel that a thread transforms at a time.
const CHANNELS: usize = 8;
/// Channels and filters from which products are worth it; vectors have fewer lanes.
const NARROW: usize = 32;

/// How large the squares of the output are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Two,
    Four,
}

/// The squares that suit a convolution, if any do; few of them are worth it only if the transformed kernel is kept.
pub(super) fn side(work: &Work, is_kept: bool) -> Option<Side> {
    if !suits(work) {
        None
    } else if Squares::new(work, 4).count() >= MANY[usize::from(!is_kept)] {
        Some(Side::Four)
    } else {
        is_kept.then_some(Side::Two)
    }
}

/// Whether a convolution is one that there are transforms for.
fn suits(work: &Work) -> bool {
    let geometry = &work.geometry;
    let is_plain = geometry.taps == [1, 3, 3]
        && geometry.strides == [1; 3]
        && geometry.dilation == [1; 3]
        && work.groups == 1
        && geometry.sizes[0] == 1
        && work.channels >= NARROW
        && work.filters >= NARROW;
    is_plain && is_on()
}

/// Whether the gradient by the kernel is computed here.
pub(super) fn suits_kernel(work: &Work) -> bool {
    suits(work) && Squares::new(work, 4).count() >= FEW
}

fn is_on() -> bool {
    static IS_ON: OnceLock<bool> = OnceLock::new();
    *IS_ON.get_or_init(|| std::env::var("KERAS_WINOGRAD").as_deref() != Ok("off"))
}

/// The convolution, into `y`. The transformed kernel is kept with `tensor`, if it is a weight.
pub(super) fn output(
    side: Side,
    work: &Work,
    x: &[f32],
    kernel: &[f32],
    tensor: Option<&Tensor>,
    epilogue: &Epilogue<f32>,
    y: &mut [f32],
) -> Result<()> {
    match side {
        Side::Two => run::<Two, 4, 2>(work, x, kernel, tensor, epilogue, y),
        Side::Four => run::<Four, 6, 4>(work, x, kernel, tensor, epilogue, y),
    }
}

fn run<S: Transforms<N, M>, const N: usize, const M: usize>(
    work: &Work,
    x: &[f32],
    kernel: &[f32],
    tensor: Option<&Tensor>,
    epilogue: &Epilogue<f32>,
    y: &mut [f32],
) -> Result<()> {
    let size = N * N * gemm::packed_size::<f32>(work.channels, work.filters);
    let layout = [N, work.channels, work.filters, 0, 0];
    let make = |to: &mut [f32]| {
        transformed::<S, N, M>(work, kernel, to);
        Ok(())
    };
    let kept = tensor.and_then(|t| t.kept("winograd", layout, size, make));
    match kept {
        Some(kept) => multiplied::<S, N, M>(work, x, &kept.as_slice()[..size], epilogue, y),
        None => with_space(size, |room| {
            transformed::<S, N, M>(work, kernel, room);
            multiplied::<S, N, M>(work, x, room, epilogue, y)
        }),
    }
}

/// The kernel as `N * N` right factors `[channels, filters]`, laid out for products.
fn transformed<S: Transforms<N, M>, const N: usize, const M: usize>(
    work: &Work,
    kernel: &[f32],
    to: &mut [f32],
) {
    let (channels, filters) = (work.channels, work.filters);
    let size = gemm::packed_size::<f32>(channels, filters);
    let to = Output::new(to, size);
    for_ranges(channels, CHANNELS, &|some| {
        f32::with_vectors(TransformKernel::<S, N> {
            kernel,
            channels: some,
            all: channels,
            filters,
            // SAFETY: each thread writes the elements of its own channels.
            #[allow(unsafe_code)]
            to: unsafe { to.tile(0..to.rows(), 0..size) },
            map: PhantomData,
        });
    });
}

struct TransformKernel<'a, 'b, L, const N: usize> {
    kernel: &'a [f32],
    channels: Range<usize>,
    /// How many channels there are.
    all: usize,
    filters: usize,
    /// A factor in each row.
    to: Output<'b, f32>,
    map: PhantomData<L>,
}

impl<L: Linear<3, N>, const N: usize> VectorLoop<f32> for TransformKernel<'_, '_, L, N> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector<Element = f32>>(mut self, width: Width<V>) {
        let mut square = [[V::zero(width); 3]; 3];
        for c in self.channels {
            for f in (0..self.filters).step_by(V::LANES) {
                let filters = f..self.filters.min(f + V::LANES);
                let taps = self.kernel.chunks_exact(self.all * self.filters);
                for (value, tap) in square.as_flattened_mut().iter_mut().zip(taps) {
                    let row = &tap[c * self.filters..][..self.filters];
                    *value = V::load_some(width, &row[filters.clone()]);
                }
                let values = L::both(width, &square);
                let at = gemm::packed_at::<f32>([self.all, self.filters], [c, f]);
                for (i, value) in values.as_flattened().iter().enumerate() {
                    value.store_some(self.to.part(i, at.start, at.len()));
                }
            }
        }
    }
}

/// Elements from one row of channels to the next where they are read as a factor: rows that begin at the same place of a
/// cache's sets push each other out of it.
fn apart(channels: usize) -> usize {
    match gemm::shares_few_sets::<f32>(channels) {
        true => channels + 16,
        false => channels,
    }
}

fn multiplied<S: Transforms<N, M>, const N: usize, const M: usize>(
    work: &Work,
    x: &[f32],
    factors: &[f32],
    epilogue: &Epilogue<f32>,
    y: &mut [f32],
) -> Result<()> {
    let squares = Squares::new(work, M);
    let count = squares.count();
    let blocks = count.div_ceil(SQUARES).next_multiple_of(2);
    // Two blocks each read all factors. Where these are more than the squares, threads share one block's factors instead.
    let of_squares = 2 * N * N * count * (work.channels + work.filters);
    let blocks = match blocks == 2 && of_squares < factors.len() {
        true => 1,
        false => blocks,
    };
    let y = Output::new(y, work.filters);
    try_share(blocks, &|i| {
        let block = i * count / blocks..(i + 1) * count / blocks;
        block_of::<S, N, M>(&squares, block, x, factors, epilogue, &y)
    })
}

/// The output of some squares, whose places nobody else reaches.
fn block_of<S: Transforms<N, M>, const N: usize, const M: usize>(
    squares: &Squares,
    block: Range<usize>,
    x: &[f32],
    factors: &[f32],
    epilogue: &Epilogue<f32>,
    y: &Output<f32>,
) -> Result<()> {
    if block.is_empty() {
        return Ok(());
    }
    let work = squares.work;
    let (channels, filters) = (work.channels, work.filters);
    let row = apart(channels);
    let (of_input, of_products) = (block.len() * row, block.len() * filters);
    let size = gemm::packed_size::<f32>(channels, filters);
    let shared = |work: &(dyn Fn(Range<usize>) + Sync)| {
        for_ranges(block.len(), FEW_SQUARES, &|some| {
            work(block.start + some.start..block.start + some.end);
        });
    };
    with_space(N * N * (of_input + of_products), |room| {
        let (input, products) = room.split_at_mut(N * N * of_input);
        let to = Output::new(input, of_input);
        shared(&|some| {
            let columns = (some.start - block.start) * row..(some.end - block.start) * row;
            // SAFETY: each square has columns of its own.
            #[allow(unsafe_code)]
            let to = unsafe { to.tile(0..N * N, columns) };
            squares.of_input(x).transform::<S, N, N>(some, row, to);
        });
        let input = &*input;
        for_shares(products, of_products, &|start, out| {
            let matrix = start / of_products;
            Product {
                depth: channels,
                left: &View::strided(&input[matrix * of_input..][..of_input], row),
                right: Right::Packed(&factors[matrix * size..][..size]),
                add: false,
                finish: None,
            }
            .compute(Output::new(out, filters));
        });
        shared(&|some| {
            f32::with_vectors(Placed::<S, N, M> {
                squares,
                block: some,
                products,
                multiplied: block.clone(),
                epilogue,
                // SAFETY: a place of the output belongs to one square.
                #[allow(unsafe_code)]
                y: unsafe { y.tile(0..y.rows(), 0..y.columns()) },
                map: PhantomData,
            });
        });
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::Geometry;
    use super::*;
    use crate::op::{Conv, ConvPart, Fused};
    use crate::random::Philox;

    fn noise(size: usize, seed: u64) -> Vec<f32> {
        let mut values = vec![0.0; size];
        Philox::from_seed(seed, 0).uniform_f64(&mut values);
        values.iter().map(|v| (v * 2.0 - 1.0) as f32).collect()
    }

    fn work([batch, high, wide, channels, filters]: [usize; 5], before: usize) -> Work {
        let conv = Conv {
            part: ConvPart::Output,
            strides: [1, 1][..].into(),
            padding: [(before, before); 2].into_iter().collect(),
            dilation: [1, 1][..].into(),
            groups: 1,
            sizes: [][..].into(),
        };
        let places = [high + 2 * before - 2, wide + 2 * before - 2];
        Work {
            geometry: Geometry::new(&conv, &[high, wide], &places, &[3, 3]),
            batch,
            groups: 1,
            channels,
            filters,
        }
    }

    /// The largest difference from sums in float64, where values are between -1 and 1.
    fn error(side: Side, shape: [usize; 5], before: usize) -> f64 {
        let work = work(shape, before);
        let [batch, high, wide, channels, filters] = shape;
        let [_, places @ ..] = work.geometry.places;
        let x = noise(batch * high * wide * channels, 1);
        let kernel = noise(9 * channels * filters, 2);
        let bias = noise(filters, 3);
        let size = batch * places[0] * places[1] * filters;
        let residual = noise(size, 4);
        let epilogue = Epilogue {
            bias: Some(&bias),
            residual: Some(&residual),
            activation: Fused::Relu,
            ..Epilogue::NOTHING
        };
        let mut y = vec![f32::NAN; size];
        output(side, &work, &x, &kernel, None, &epilogue, &mut y).unwrap();
        let mut worst = 0.0f64;
        for (i, &found) in y.iter().enumerate() {
            let (f, place) = (i % filters, i / filters);
            let (b, a) = (place % places[1], place / places[1] % places[0]);
            let sample = place / places[1] / places[0];
            let mut sum = (bias[f] + residual[i]) as f64;
            for tap in 0..9 {
                let row = (a + tap / 3).checked_sub(before).filter(|&r| r < high);
                let column = (b + tap % 3).checked_sub(before).filter(|&c| c < wide);
                let Some((row, column)) = row.zip(column) else {
                    continue;
                };
                for c in 0..channels {
                    let at = ((sample * high + row) * wide + column) * channels + c;
                    sum += x[at] as f64 * kernel[(tap * channels + c) * filters + f] as f64;
                }
            }
            worst = worst.max((sum.max(0.0) - found as f64).abs());
        }
        worst
    }

    #[test]
    fn squares_of_all_shapes() {
        for shape in [
            [1, 3, 3, 32, 32],
            [2, 7, 9, 33, 40],
            [1, 14, 14, 64, 32],
            [3, 10, 5, 40, 50],
            [1, 13, 30, 256, 32],
        ] {
            for before in [0, 1, 2] {
                let (two, four) = (
                    error(Side::Two, shape, before),
                    error(Side::Four, shape, before),
                );
                // What sums of so many random products are like.
                let size = (shape[3] as f64).sqrt();
                assert!(two < 3e-6 * size, "{shape:?}, {before} before: {two}");
                assert!(four < 6e-5 * size, "{shape:?}, {before} before: {four}");
            }
        }
    }

    #[test]
    fn gradients_by_the_kernel() {
        for (shape, before) in [
            ([2, 7, 9, 33, 40], 1),
            // More squares than are summed at a time.
            ([9, 25, 24, 32, 35], 0),
        ] {
            let work = work(shape, before);
            let [batch, high, wide, channels, filters] = shape;
            let [_, rows, columns] = work.geometry.places;
            let x = noise(batch * high * wide * channels, 1);
            let g = noise(batch * rows * columns * filters, 2);
            let mut found = vec![f32::NAN; 9 * channels * filters];
            kernel_gradient(&work, &x, &g, &mut found).unwrap();
            for (i, found) in found.into_iter().enumerate().step_by(7) {
                let (f, c, tap) = (i % filters, i / filters % channels, i / filters / channels);
                let mut sum = 0.0;
                for place in 0..batch * rows * columns {
                    let (a, b) = (place / columns % rows, place % columns);
                    let row = (a + tap / 3).checked_sub(before).filter(|&r| r < high);
                    let column = (b + tap % 3).checked_sub(before).filter(|&c| c < wide);
                    let Some((row, column)) = row.zip(column) else {
                        continue;
                    };
                    let at = (place / columns / rows * high + row) * wide + column;
                    sum += x[at * channels + c] as f64 * g[place * filters + f] as f64;
                }
                let size = ((batch * rows * columns) as f64).sqrt();
                let error = (sum - found as f64).abs();
                assert!(
                    error < 6e-5 * size,
                    "{shape:?}, tap {tap}, channel {c}, filter {f}: {error}"
                );
            }
        }
    }
}
