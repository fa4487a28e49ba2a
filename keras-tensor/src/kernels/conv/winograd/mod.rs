//! Convolution with windows of 3 by 3 by fewer products (Lavin and Gray, 2015): squares of the input are transformed, matrices
//! of their elements are multiplied, and squares of the output are made of the products.
//!
//! `KERAS_WINOGRAD=off` leaves it out.

mod transforms;

use std::array::from_fn;
use std::sync::OnceLock;

use super::super::gemm::{self, Output, Product, Right, View};
use super::super::shares::{for_shares, try_share};
use super::super::simd::{Loop, widest};
use super::super::with_space;
use super::{Epilogue, Work};
use crate::{Result, Tensor, observe};
use transforms::{Four, LANES, Lanes, Transforms, Two};

/// Squares of the input that are transformed before they are multiplied.
const SQUARES: usize = 28;
/// Squares of four by four from which fewer products outweigh more weights.
const MANY: usize = 40;
/// Squares of two by two from which a kernel that is used once is worth being transformed.
const WORTH: usize = 256;

/// How large the squares of the output are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Two,
    Four,
}

/// The squares that suit a convolution, if any do. In training they are small: rounding errors are those of plain sums then.
pub(super) fn side(work: &Work) -> Option<Side> {
    let geometry = &work.geometry;
    let is_plain = geometry.taps == [1, 3, 3]
        && geometry.strides == [1; 3]
        && geometry.dilation == [1; 3]
        && work.groups == 1
        && geometry.sizes[0] == 1
        && work.channels >= 2 * LANES
        && work.filters >= 2 * LANES;
    if !is_plain || !is_on() {
        return None;
    }
    let squares = |side: usize| {
        let [_, high, wide] = geometry.places;
        work.batch * high.div_ceil(side) * wide.div_ceil(side)
    };
    match observe::anybody() {
        true => (squares(2) >= WORTH).then_some(Side::Two),
        false if squares(4) >= MANY => Some(Side::Four),
        false => Some(Side::Two),
    }
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

fn run<V: Transforms<N, M>, const N: usize, const M: usize>(
    work: &Work,
    x: &[f32],
    kernel: &[f32],
    tensor: Option<&Tensor>,
    epilogue: &Epilogue<f32>,
    y: &mut [f32],
) -> Result<()> {
    let size = N * N * gemm::packed_size::<f32>(work.channels, work.filters);
    let layout = [N, work.channels, work.filters, 0, 0];
    let make = |to: &mut [f32]| transformed::<V, N, M>(work, kernel, to);
    let kept = tensor.and_then(|t| t.kept("winograd", layout, size, make));
    match kept {
        Some(kept) => squares::<V, N, M>(work, x, &kept.as_slice()[..size], epilogue, y),
        None => with_space(size, |room| {
            make(room)?;
            squares::<V, N, M>(work, x, room, epilogue, y)
        }),
    }
}

/// The kernel as `N * N` right factors `[channels, filters]`.
fn transformed<V: Transforms<N, M>, const N: usize, const M: usize>(
    work: &Work,
    kernel: &[f32],
    to: &mut [f32],
) -> Result<()> {
    let (channels, filters) = (work.channels, work.filters);
    let of_channel = N * N * filters;
    with_space(channels * of_channel, |room| {
        for_shares(room, of_channel, &|start, to| {
            widest(TransformKernel::<V, N, M> {
                kernel: &kernel[start / of_channel * filters..],
                step: channels * filters,
                filters,
                to,
                transforms: std::marker::PhantomData,
            });
        });
        let size = gemm::packed_size::<f32>(channels, filters);
        for_shares(to, size, &|start, to| {
            let factor = View::strided(&room[start / size * filters..], of_channel);
            gemm::pack(&factor, channels, filters, to);
        });
        Ok(())
    })
}

/// Lines as columns.
#[inline(always)]
fn turned<const A: usize, const B: usize>(lines: [[Lanes<f32>; A]; B]) -> [[Lanes<f32>; B]; A] {
    from_fn(|i| from_fn(|j| lines[j][i]))
}

struct TransformKernel<'a, V, const N: usize, const M: usize> {
    /// From the channel on.
    kernel: &'a [f32],
    /// Elements from a tap to the next.
    step: usize,
    filters: usize,
    to: &'a mut [f32],
    transforms: std::marker::PhantomData<V>,
}

impl<V: Transforms<N, M>, const N: usize, const M: usize> Loop for TransformKernel<'_, V, N, M> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for f in (0..self.filters).step_by(LANES) {
            let tap = |i: usize| Lanes::load(&self.kernel[i * self.step..][..self.filters][f..]);
            let lines: [[Lanes<f32>; N]; 3] =
                from_fn(|j| V::of_kernel(from_fn(|i| tap(i * 3 + j))));
            for (i, line) in turned(lines).into_iter().enumerate() {
                for (j, value) in V::of_kernel(line).into_iter().enumerate() {
                    value.store(&mut self.to[(i * N + j) * self.filters..][..self.filters][f..]);
                }
            }
        }
    }
}

fn squares<V: Transforms<N, M>, const N: usize, const M: usize>(
    work: &Work,
    x: &[f32],
    factors: &[f32],
    epilogue: &Epilogue<f32>,
    y: &mut [f32],
) -> Result<()> {
    let [_, high, wide] = work.geometry.places;
    let grid = [high.div_ceil(M), wide.div_ceil(M)];
    let count = work.batch * grid[0] * grid[1];
    let blocks = count.div_ceil(SQUARES).next_multiple_of(2);
    let y = Output::new(y, work.filters);
    try_share(blocks, &|i| {
        let block = i * count / blocks..(i + 1) * count / blocks;
        if block.is_empty() {
            return Ok(());
        }
        // SAFETY: a place of the output belongs to one square, and a square to one block.
        #[allow(unsafe_code)]
        let y = unsafe { y.tile(0..y.rows(), 0..y.columns()) };
        let squares = Squares {
            work,
            grid,
            first: block.start,
            count: block.len(),
            x,
        };
        squares.compute::<V, N, M>(factors, epilogue, y)
    })
}

/// Some squares of the output, counted over all samples.
struct Squares<'a> {
    work: &'a Work,
    /// Squares along the two axes of a sample.
    grid: [usize; 2],
    first: usize,
    count: usize,
    x: &'a [f32],
}

impl Squares<'_> {
    fn compute<V: Transforms<N, M>, const N: usize, const M: usize>(
        &self,
        factors: &[f32],
        epilogue: &Epilogue<f32>,
        y: Output<f32>,
    ) -> Result<()> {
        let (channels, filters) = (self.work.channels, self.work.filters);
        // Rows that begin at the same place of a cache's sets push each other out of it.
        let row = match (channels * size_of::<f32>()).is_multiple_of(1024) {
            true => channels + LANES,
            false => channels,
        };
        let (of_input, of_products) = (self.count * row, self.count * filters);
        let size = gemm::packed_size::<f32>(channels, filters);
        with_space(N * N * (of_input + of_products), |room| {
            let (input, products) = room.split_at_mut(N * N * of_input);
            widest(TransformInput::<V, N, M> {
                squares: self,
                row,
                to: input,
                transforms: std::marker::PhantomData,
            });
            let matrices = input.chunks_exact(of_input).zip(factors.chunks_exact(size));
            for (out, (input, factor)) in products.chunks_exact_mut(of_products).zip(matrices) {
                Product {
                    depth: channels,
                    left: &View::strided(input, row),
                    right: Right::Packed(factor),
                    add: false,
                    finish: None,
                }
                .compute(Output::new(out, filters));
            }
            widest(TransformProducts::<V, N, M> {
                squares: self,
                products,
                epilogue,
                y,
                transforms: std::marker::PhantomData,
            });
            Ok(())
        })
    }

    /// The sample of a square, and its first place in it.
    #[inline(always)]
    fn at(&self, square: usize, side: usize) -> (usize, [usize; 2]) {
        let (square, [high, wide]) = (self.first + square, self.grid);
        let place = [square / wide % high * side, square % wide * side];
        (square / wide / high, place)
    }
}

struct TransformInput<'a, V, const N: usize, const M: usize> {
    squares: &'a Squares<'a>,
    /// Elements from a square's channels to the next one's.
    row: usize,
    to: &'a mut [f32],
    transforms: std::marker::PhantomData<V>,
}

impl<V: Transforms<N, M>, const N: usize, const M: usize> Loop for TransformInput<'_, V, N, M> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let squares = self.squares;
        let (geometry, channels) = (&squares.work.geometry, squares.work.channels);
        let [_, high, wide] = geometry.sizes;
        for square in 0..squares.count {
            let (sample, place) = squares.at(square, M);
            // Where each place of the square begins in the input; none where it is outside.
            let places: [[Option<usize>; N]; N] = from_fn(|i| {
                from_fn(|j| {
                    let a = (place[0] + i)
                        .checked_sub(geometry.before[1])
                        .filter(|&a| a < high)?;
                    let b = (place[1] + j)
                        .checked_sub(geometry.before[2])
                        .filter(|&b| b < wide)?;
                    Some(((sample * high + a) * wide + b) * channels)
                })
            });
            for c in (0..channels).step_by(LANES) {
                let at = |i: usize, j: usize| match places[i][j] {
                    Some(from) => Lanes::load(&squares.x[from..][..channels][c..]),
                    None => Lanes::zero(),
                };
                let lines: [[Lanes<f32>; N]; N] = from_fn(|j| V::of_input(from_fn(|i| at(i, j))));
                for (i, line) in turned(lines).into_iter().enumerate() {
                    for (j, value) in V::of_input(line).into_iter().enumerate() {
                        let to = ((i * N + j) * squares.count + square) * self.row;
                        value.store(&mut self.to[to..][..channels][c..]);
                    }
                }
            }
        }
    }
}

struct TransformProducts<'a, 'b, V, const N: usize, const M: usize> {
    squares: &'a Squares<'a>,
    products: &'a [f32],
    epilogue: &'a Epilogue<'a, f32>,
    y: Output<'b, f32>,
    transforms: std::marker::PhantomData<V>,
}

impl<V: Transforms<N, M>, const N: usize, const M: usize> Loop
    for TransformProducts<'_, '_, V, N, M>
{
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        let squares = self.squares;
        let filters = squares.work.filters;
        let [_, high, wide] = squares.work.geometry.places;
        for square in 0..squares.count {
            let (sample, place) = squares.at(square, M);
            for f in (0..filters).step_by(LANES) {
                let at = |i: usize| {
                    let row = i * squares.count + square;
                    Lanes::load(&self.products[row * filters..][..filters][f..])
                };
                let lines: [[Lanes<f32>; M]; N] =
                    from_fn(|j| V::of_products(from_fn(|i| at(i * N + j))));
                let inside = turned(lines).into_iter().take(high - place[0]);
                for (i, line) in inside.enumerate() {
                    let line = V::of_products(line).into_iter();
                    for (j, value) in line.take(wide - place[1]).enumerate() {
                        let row = (sample * high + place[0] + i) * wide + place[1] + j;
                        value.store(self.y.part(row, f, LANES.min(filters - f)));
                    }
                }
            }
            for i in 0..M.min(high - place[0]) {
                for j in 0..M.min(wide - place[1]) {
                    let row = (sample * high + place[0] + i) * wide + place[1] + j;
                    let finished = self.y.part(row, 0, filters);
                    self.epilogue.finish(finished, row * filters, 0);
                }
            }
        }
    }
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

    /// The largest difference from sums in float64, where values are between -1 and 1.
    fn error(side: Side, [batch, high, wide, channels, filters]: [usize; 5], before: usize) -> f64 {
        let conv = Conv {
            part: ConvPart::Output,
            strides: [1, 1][..].into(),
            padding: [(before, before); 2].into_iter().collect(),
            dilation: [1, 1][..].into(),
            groups: 1,
            sizes: [][..].into(),
        };
        let places = [high + 2 * before - 2, wide + 2 * before - 2];
        let work = Work {
            geometry: Geometry::new(&conv, &[high, wide], &places, &[3, 3]),
            batch,
            groups: 1,
            channels,
            filters,
        };
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
}
