//! Pooling: windows folded in blocks of channels.

use std::array::from_fn;
use std::ops::Range;

use super::super::elementwise::Number;
use super::super::shares::for_shares;
use super::super::simd::{Loop, vectorized};
use super::super::{with_float, with_space};
use super::geometry::Geometry;
use super::lines::Lines;
use crate::op::{Pool, PoolPart};
use crate::{Result, Shape, Tensor};

/// Channels that are folded side by side.
const LANES: usize = 16;

/// Some channels of a place, and what its window finds.
struct Window<'a> {
    /// Rows of channels that the window lies on, and the tap that meets each.
    taps: &'a [(usize, usize)],
    /// Where the sample begins, and how far from there those count, in rows of channels.
    sample: usize,
    first: usize,
    channels: usize,
    /// The first channel.
    channel: usize,
}

impl Window<'_> {
    fn rows(&self) -> impl Iterator<Item = (usize, usize)> {
        let first = self.sample + self.first;
        self.taps.iter().map(move |&(row, tap)| (first + row, tap))
    }

    /// The channels of a row.
    #[inline(always)]
    fn lanes<T: Copy, const LANES: usize>(&self, values: &[T], row: usize) -> [T; LANES] {
        let values = &values[row * self.channels + self.channel..];
        *values.first_chunk().expect("a block of channels is whole")
    }
}

/// What a window's elements make.
trait Fold: Sync {
    type Output: Copy + Send;
    fn fold<const LANES: usize>(&self, window: &Window) -> [Self::Output; LANES];
}

/// The largest.
struct Max<'a, T>(&'a [T]);

impl<T: Number + Send + Sync> Fold for Max<'_, T> {
    type Output = T;
    #[inline(always)]
    fn fold<const LANES: usize>(&self, window: &Window) -> [T; LANES] {
        let mut largest = [T::LOWEST; LANES];
        for (row, _) in window.rows() {
            let x: [T; LANES] = window.lanes(self.0, row);
            for l in 0..LANES {
                largest[l] = largest[l].max(x[l]);
            }
        }
        largest
    }
}

/// The tap of the largest, of the first of equals.
struct Place<'a, T>(&'a [T]);

impl<T: Number + Send + Sync> Fold for Place<'_, T> {
    type Output = u32;
    #[inline(always)]
    fn fold<const LANES: usize>(&self, window: &Window) -> [u32; LANES] {
        let mut rows = window.rows();
        let (row, tap) = rows.next().expect("no window is empty");
        let mut largest: [T; LANES] = window.lanes(self.0, row);
        let mut place = [tap as u32; LANES];
        for (row, tap) in rows {
            let x: [T; LANES] = window.lanes(self.0, row);
            for l in 0..LANES {
                // NaN, which compares with nothing, wins.
                let stays = x[l] <= largest[l];
                largest[l] = if stays { largest[l] } else { x[l] };
                place[l] = if stays { place[l] } else { tap as u32 };
            }
        }
        place
    }
}

/// The element of the second where the first is largest.
struct Pick<'a, T>(&'a [T], &'a [T]);

impl<T: Number + Send + Sync> Fold for Pick<'_, T> {
    type Output = T;
    #[inline(always)]
    fn fold<const LANES: usize>(&self, window: &Window) -> [T; LANES] {
        let mut rows = window.rows();
        let (row, _) = rows.next().expect("no window is empty");
        let mut largest: [T; LANES] = window.lanes(self.0, row);
        let mut picked: [T; LANES] = window.lanes(self.1, row);
        for (row, _) in rows {
            let (x, h): ([T; LANES], [T; LANES]) =
                (window.lanes(self.0, row), window.lanes(self.1, row));
            for l in 0..LANES {
                let stays = x[l] <= largest[l];
                largest[l] = if stays { largest[l] } else { x[l] };
                picked[l] = if stays { picked[l] } else { h[l] };
            }
        }
        picked
    }
}

/// The sum of what comes from places whose largest this element is.
struct Spread<'a, T> {
    places: &'a [u32],
    g: &'a [T],
}

impl<T: Number + Send + Sync> Fold for Spread<'_, T> {
    type Output = T;
    #[inline(always)]
    fn fold<const LANES: usize>(&self, window: &Window) -> [T; LANES] {
        let mut sum = [T::ZERO; LANES];
        for (row, tap) in window.rows() {
            let place: [u32; LANES] = window.lanes(self.places, row);
            let g: [T; LANES] = window.lanes(self.g, row);
            for l in 0..LANES {
                let share = if place[l] == tap as u32 {
                    g[l]
                } else {
                    T::ZERO
                };
                sum[l] = sum[l].add(share);
            }
        }
        sum
    }
}

/// The mean.
struct Mean<'a, T>(&'a [T]);

impl<T: Number + Send + Sync> Fold for Mean<'_, T> {
    type Output = T;
    #[inline(always)]
    fn fold<const LANES: usize>(&self, window: &Window) -> [T; LANES] {
        let mut sum = [T::ZERO; LANES];
        for (row, _) in window.rows() {
            let x: [T; LANES] = window.lanes(self.0, row);
            for l in 0..LANES {
                sum[l] = sum[l].add(x[l]);
            }
        }
        let share = share_of(window.taps.len());
        sum.map(|sum| sum.mul(share))
    }
}

/// The sum of this element's shares in the means of places.
struct Share<'a, T> {
    g: &'a [T],
    /// The share that each place gives to the elements of its window, for one sample.
    shares: &'a [T],
}

impl<T: Number + Send + Sync> Fold for Share<'_, T> {
    type Output = T;
    #[inline(always)]
    fn fold<const LANES: usize>(&self, window: &Window) -> [T; LANES] {
        let mut sum = [T::ZERO; LANES];
        for (row, _) in window.rows() {
            let g: [T; LANES] = window.lanes(self.g, row);
            let share = self.shares[row - window.sample];
            for l in 0..LANES {
                sum[l] = sum[l].add(g[l].mul(share));
            }
        }
        sum
    }
}

/// One through the number of elements.
fn share_of<T: Number>(count: usize) -> T {
    T::ONE.div(T::from_f64(count as f64))
}

/// What is done with each window.
trait Visit {
    /// Some channels of the window that makes place number `place` of a result.
    fn visit<const LANES: usize>(&mut self, window: &Window, place: usize);
}

/// Visits the windows of some lines, which are counted through all samples.
#[inline(always)]
fn visit_windows(lines: &Lines, channels: usize, numbers: Range<usize>, visit: &mut impl Visit) {
    for number in numbers {
        let sample = number / lines.count() * lines.source().0;
        let rows = lines.rows(number % lines.count());
        for run in &lines.runs {
            let taps = &lines.window(&rows, run, 1);
            for p in 0..run.count {
                let place = number * lines.width() + run.first + p * run.step;
                let mut window = Window {
                    taps,
                    sample,
                    first: p * run.advance,
                    channels,
                    channel: 0,
                };
                if channels < LANES {
                    for c in 0..channels {
                        window.channel = c;
                        visit.visit::<1>(&window, place);
                    }
                    continue;
                }
                for c in (0..channels).step_by(LANES) {
                    // The last block reaches back to be whole.
                    window.channel = c.min(channels - LANES);
                    visit.visit::<LANES>(&window, place);
                }
            }
        }
    }
}

/// Some lines of a result.
struct Rows<'a, F: Fold> {
    lines: &'a Lines<'a>,
    channels: usize,
    fold: &'a F,
    /// The number of the first line.
    first: usize,
    out: &'a mut [F::Output],
}

impl<F: Fold> Visit for Rows<'_, F> {
    #[inline(always)]
    fn visit<const LANES: usize>(&mut self, window: &Window, place: usize) {
        let folded: [F::Output; LANES] = self.fold.fold(window);
        let row = place - self.first * self.lines.width();
        self.out[row * self.channels + window.channel..][..LANES].copy_from_slice(&folded);
    }
}

impl<F: Fold> Loop for Rows<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        let (lines, channels) = (self.lines, self.channels);
        let count = self.out.len() / (lines.width() * channels);
        visit_windows(lines, channels, self.first..self.first + count, &mut self);
    }
}

/// Some samples of the gradient of what windows without a common element find largest.
struct Apart<'a, T> {
    lines: &'a Lines<'a>,
    channels: usize,
    x: &'a [T],
    g: &'a [T],
    /// The number of the first sample.
    first: usize,
    out: &'a mut [T],
}

impl<T: Number + Send + Sync> Visit for Apart<'_, T> {
    #[inline(always)]
    fn visit<const LANES: usize>(&mut self, window: &Window, place: usize) {
        let largest: [u32; LANES] = Place(self.x).fold(window);
        let g: [T; LANES] = window.lanes(self.g, place);
        let first = self.first * self.lines.source().0;
        for (row, tap) in window.rows() {
            let share = from_fn::<T, LANES, _>(|l| match largest[l] == tap as u32 {
                true => g[l],
                false => T::ZERO,
            });
            let to = (row - first) * self.channels + window.channel;
            self.out[to..][..LANES].copy_from_slice(&share);
        }
    }
}

impl<T: Number + Send + Sync> Loop for Apart<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        let (lines, channels) = (self.lines, self.channels);
        let size = lines.source().0 * channels;
        for i in 0..self.out.len() / size {
            // Windows may leave some elements out.
            self.out[i * size..][..size].fill(T::ZERO);
            let number = (self.first + i) * lines.count();
            visit_windows(lines, channels, number..number + lines.count(), &mut self);
        }
    }
}

struct Work {
    geometry: Geometry,
    channels: usize,
}

impl Work {
    fn fold<F: Fold>(&self, lines: &Lines, fold: &F, out: &mut [F::Output]) {
        let of_line = lines.width() * self.channels;
        let samples = out.len() / (of_line * lines.count());
        let cost = of_line * self.geometry.window();
        for_shares(
            out,
            lines.at_once(samples, cost) * of_line,
            &|start, out| {
                vectorized(Rows {
                    lines,
                    channels: self.channels,
                    fold,
                    first: start / of_line,
                    out,
                });
            },
        );
    }

    fn spread<T: Number + Send + Sync>(&self, x: &[T], g: &[T], out: &mut [T]) -> Result<()> {
        if self.geometry.is_apart() {
            self.spread_apart(x, g, out);
            return Ok(());
        }
        with_space(g.len(), |places: &mut [u32]| {
            self.fold(&Lines::of_output(&self.geometry), &Place(x), places);
            self.fold(&Lines::of_input(&self.geometry), &Spread { places, g }, out);
            Ok(())
        })
    }

    fn spread_apart<T: Number + Send + Sync>(&self, x: &[T], g: &[T], out: &mut [T]) {
        let (lines, channels) = (&Lines::of_output(&self.geometry), self.channels);
        let size = lines.source().0 * channels;
        let at_once = lines.at_once(out.len() / size, size / lines.count().max(1));
        let share = at_once.div_ceil(lines.count().max(1)) * size;
        for_shares(out, share, &|start, out| {
            vectorized(Apart {
                lines,
                channels,
                x,
                g,
                first: start / size,
                out,
            });
        });
    }

    fn share<T: Number + Send + Sync>(&self, g: &[T], out: &mut [T]) {
        let lines = Lines::of_output(&self.geometry);
        let mut shares = vec![T::ZERO; self.geometry.count()];
        for (line, shares) in shares.chunks_exact_mut(lines.width()).enumerate() {
            let rows = lines.rows(line).len();
            for run in &lines.runs {
                for p in 0..run.count {
                    shares[run.first + p] = share_of(rows * run.taps.len());
                }
            }
        }
        let shares = &shares;
        self.fold(&Lines::of_input(&self.geometry), &Share { g, shares }, out);
    }
}

pub(in super::super) fn pool(pool: &Pool, inputs: &[&Tensor], shape: Shape) -> Result<Tensor> {
    let first = inputs[0];
    let inside = |shape: &[usize]| shape[1..shape.len() - 1].to_vec();
    let (sizes, places) = match pool.part {
        PoolPart::Max | PoolPart::Pick | PoolPart::Mean => (inside(first.shape()), inside(&shape)),
        PoolPart::Spread => (inside(&shape), inside(inputs[1].shape())),
        PoolPart::Share => (inside(&shape), inside(first.shape())),
    };
    let work = Work {
        geometry: Geometry::of_pool(pool, &sizes, &places),
        channels: shape[shape.len() - 1],
    };
    let dtype = first.dtype();
    with_float!(dtype, T => {
        let a = first.raw::<T>();
        let second = || inputs[1].raw::<T>();
        Tensor::try_build(dtype, shape, |out: &mut [T]| {
            if out.is_empty() {
                return Ok(());
            }
            let of_output = || Lines::of_output(&work.geometry);
            match pool.part {
                PoolPart::Max => work.fold(&of_output(), &Max(a), out),
                PoolPart::Pick => work.fold(&of_output(), &Pick(a, second()), out),
                PoolPart::Spread => return work.spread(a, second(), out),
                PoolPart::Mean => work.fold(&of_output(), &Mean(a), out),
                PoolPart::Share => work.share(a, out),
            }
            Ok(())
        })
    })
}
