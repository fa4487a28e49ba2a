//! Convolution of each channel by itself, in blocks of channels: there is no product to win by.

mod kernel_gradient;
mod rows;

pub(super) use kernel_gradient::kernel_gradient;

use std::ops::Range;

use super::super::Real;
use super::super::elementwise::Number;
use super::super::shares::for_shares;
use super::super::simd::{Loop, widest};
use super::Work;
use super::epilogue::Epilogue;
use super::lines::{Lines, Run};

/// Channels that are summed side by side.
const LANES: usize = 16;

/// Neighbouring places that are summed together.
const PLACES: usize = 4;

/// Channels after which the next places come: what neighbouring places and rows share is still near then.
const CHANNELS: usize = 128;

impl Work {
    /// Filters of each channel.
    fn multiplier(&self) -> usize {
        self.filters / self.channels
    }
}

/// Rows of a result, each element of which sums its window.
struct Gather<'a, T> {
    lines: &'a Lines<'a>,
    /// What is read: all samples.
    source: &'a [T],
    kernel: &'a [T],
    channels: usize,
    epilogue: &'a Epilogue<'a, T>,
    /// The element of the whole result that `out` begins with.
    start: usize,
    out: &'a mut [T],
}

/// Places of a row that have the same taps.
struct Segment<'a, T> {
    run: &'a Run,
    /// The sample that is read.
    source: &'a [T],
    /// Where the first place finds an element, and where the tap lies in the kernel that meets it.
    taps: &'a [(usize, usize)],
    /// The channels that are summed, and all.
    part: Range<usize>,
    channels: usize,
}

impl<T: Real> Loop for Gather<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        let out = std::mem::take(&mut self.out);
        let (lines, n) = (self.lines, self.channels);
        let (of_line, of_sample) = (lines.width() * n, lines.source().0 * n);
        for first in (0..n).step_by(CHANNELS) {
            let part = first..n.min(first + CHANNELS);
            for (i, out) in out.chunks_exact_mut(of_line).enumerate() {
                let line = self.start / of_line + i;
                let source = &self.source[line / lines.count() * of_sample..][..of_sample];
                let rows = lines.rows(line % lines.count());
                for run in &lines.runs {
                    let taps = &lines.window(&rows, run, n);
                    let part = part.clone();
                    let segment = Segment {
                        run,
                        source,
                        taps,
                        part,
                        channels: n,
                    };
                    if n < LANES {
                        segment.sum::<1>(self.kernel, out);
                    } else {
                        segment.sum::<LANES>(self.kernel, out);
                    }
                }
                if self.epilogue.is_nothing() {
                    continue;
                }
                for (place, row) in out.chunks_exact_mut(n).enumerate() {
                    let at = line * of_line + place * n + first;
                    self.epilogue.finish(&mut row[part.clone()], at, first);
                }
            }
        }
    }
}

impl<T: Number> Segment<'_, T> {
    #[inline(always)]
    fn sum<const LANES: usize>(&self, kernel: &[T], out: &mut [T]) {
        let threes = self.taps.as_chunks::<3>();
        let is_three = LANES > 1 && self.run.taps.len() == 3 && self.run.is_dense();
        let mut p = 0;
        while p + PLACES <= self.run.count {
            match self.run.advance {
                1 if is_three => self.three::<LANES, 1>(threes.0, p, kernel, out),
                2 if is_three => self.three::<LANES, 2>(threes.0, p, kernel, out),
                _ => self.places::<LANES, PLACES>(p, kernel, out),
            }
            p += PLACES;
        }
        while p < self.run.count {
            self.places::<LANES, 1>(p, kernel, out);
            p += 1;
        }
    }

    /// Sums some places of any window, from the `p`-th on.
    #[inline(always)]
    fn places<const LANES: usize, const P: usize>(&self, p: usize, kernel: &[T], out: &mut [T]) {
        let step = self.run.advance * self.channels;
        for c in blocks(self.part.clone(), self.channels, LANES) {
            let mut sums = [[T::ZERO; LANES]; P];
            for &(from, tap) in self.taps {
                let tap = lanes(kernel, tap + c);
                let from = from + p * step + c;
                for (i, sums) in sums.iter_mut().enumerate() {
                    add_product(sums, lanes(self.source, from + i * step), tap);
                }
            }
            self.store(sums, p, c, out);
        }
    }

    /// Sums some places of a window with three elements side by side in each row: each is read once.
    #[inline(always)]
    fn three<const LANES: usize, const ADVANCE: usize>(
        &self,
        taps: &[[(usize, usize); 3]],
        p: usize,
        kernel: &[T],
        out: &mut [T],
    ) {
        let n = self.channels;
        for c in blocks(self.part.clone(), n, LANES) {
            let mut sums = [[T::ZERO; LANES]; PLACES];
            for [t, u, v] in taps {
                let from = t.0 + p * ADVANCE * n + c;
                let taps = [
                    lanes(kernel, t.1 + c),
                    lanes(kernel, u.1 + c),
                    lanes(kernel, v.1 + c),
                ];
                for column in 0..(PLACES - 1) * ADVANCE + 3 {
                    let x = lanes(self.source, from + column * n);
                    for (i, sums) in sums.iter_mut().enumerate() {
                        if let Some(tap) = column.checked_sub(i * ADVANCE)
                            && tap < 3
                        {
                            add_product(sums, x, taps[tap]);
                        }
                    }
                }
            }
            self.store(sums, p, c, out);
        }
    }

    #[inline(always)]
    fn store<const LANES: usize, const P: usize>(
        &self,
        sums: [[T; LANES]; P],
        p: usize,
        c: usize,
        out: &mut [T],
    ) {
        let first = (self.run.first + p * self.run.step) * self.channels + c;
        let step = self.run.step * self.channels;
        for (i, sums) in sums.iter().enumerate() {
            let to = first + i * step;
            out[to..to + LANES].copy_from_slice(sums);
        }
    }
}

/// Channels from `at` on as an array, which the compiler keeps in registers.
#[inline(always)]
fn lanes<T: Copy, const LANES: usize>(values: &[T], at: usize) -> [T; LANES] {
    let values = &values[at..at + LANES];
    *values.first_chunk().expect("a block of channels is whole")
}

/// Where blocks of so many channels begin: the last one reaches back to be whole.
#[inline(always)]
fn blocks(part: Range<usize>, all: usize, lanes: usize) -> impl Iterator<Item = usize> {
    part.step_by(lanes).map(move |c| c.min(all - lanes))
}

#[inline(always)]
fn add_product<T: Number, const LANES: usize>(sums: &mut [T; LANES], a: [T; LANES], b: [T; LANES]) {
    for l in 0..LANES {
        sums[l] = sums[l].add(a[l].mul(b[l]));
    }
}

/// `epilogue(y)` of the convolution `y` of `x`.
pub(super) fn output<T: Real>(
    work: &Work,
    x: &[T],
    kernel: &[T],
    epilogue: &Epilogue<T>,
    y: &mut [T],
) {
    let lines = Lines::of_output(&work.geometry);
    gather(work, &lines, work.filters, y, &|start, out| {
        if work.multiplier() == 1 {
            let channels = work.channels;
            return widest(Gather {
                lines: &lines,
                source: x,
                kernel,
                channels,
                epilogue,
                start,
                out,
            });
        }
        rows::output(work, &lines, x, kernel, start, out);
        for (i, row) in out.chunks_exact_mut(work.filters).enumerate() {
            epilogue.finish(row, start + i * work.filters, 0);
        }
    });
}

/// The derivative by `x`.
pub(super) fn input<T: Real>(work: &Work, g: &[T], kernel: &[T], x: &mut [T]) {
    let lines = Lines::of_input(&work.geometry);
    gather(work, &lines, work.channels, x, &|start, out| {
        if work.multiplier() == 1 {
            let (channels, epilogue) = (work.channels, &Epilogue::NOTHING);
            return widest(Gather {
                lines: &lines,
                source: g,
                kernel,
                channels,
                epilogue,
                start,
                out,
            });
        }
        rows::input(work, &lines, g, kernel, start, out);
    });
}

/// Shares the rows of a result among threads.
fn gather<T: Send>(
    work: &Work,
    lines: &Lines,
    channels: usize,
    out: &mut [T],
    share: &(dyn Fn(usize, &mut [T]) + Sync),
) {
    let of_line = lines.width() * channels;
    let cost = lines.width() * work.filters * work.geometry.window();
    for_shares(out, lines.at_once(work.batch, cost) * of_line, share);
}
