//! Convolution of each channel by itself, in blocks of channels: there is no product to win by.

mod kernel_gradient;
mod products;
mod rows;

pub(super) use kernel_gradient::kernel_gradient;

use super::super::Real;
use super::super::elementwise::Number;
use super::super::shares::for_shares;
use super::super::simd::{Loop, widest};
use super::Work;
use super::epilogue::Epilogue;
use super::lines::{Lines, Run, Taps};
use products::{Channels, PLACES, add_products};

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

impl<T: Real> Loop for Gather<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        let out = std::mem::take(&mut self.out);
        let (of_line, count) = (self.lines.width() * self.channels, self.lines.count());
        for first in (0..self.channels).step_by(CHANNELS) {
            let channels = Channels {
                all: self.channels,
                first,
                count: CHANNELS.min(self.channels - first),
            };
            for (i, out) in out.chunks_exact_mut(of_line).enumerate() {
                let line = self.start / of_line + i;
                let of_sample = self.lines.source().0 * self.channels;
                let source = &self.source[line / count * of_sample..][..of_sample];
                let rows = self.lines.rows(line % count);
                for run in &self.lines.runs {
                    let mut p = 0;
                    while p + PLACES <= run.count {
                        self.places::<PLACES>(run, p, source, &rows, channels, out);
                        p += PLACES;
                    }
                    while p < run.count {
                        self.places::<1>(run, p, source, &rows, channels, out);
                        p += 1;
                    }
                }
                for (place, row) in out.chunks_exact_mut(self.channels).enumerate() {
                    let at = line * of_line + place * self.channels + first;
                    let row = &mut row[first..first + channels.count];
                    self.epilogue.finish(row, at, first);
                }
            }
        }
    }
}

impl<T: Number> Gather<'_, T> {
    /// Sums some places of a row, from the `p`-th of a run on.
    #[inline(always)]
    fn places<const P: usize>(
        &self,
        run: &Run,
        p: usize,
        source: &[T],
        rows: &Taps,
        channels: Channels,
        out: &mut [T],
    ) {
        let place = run.first + p * run.step;
        for row in channels.rows_mut::<T, P>(out, place, run.step) {
            row.fill(T::ZERO);
        }
        for &(row, of_kernel) in rows {
            let first = row * self.lines.source().1 + p * run.advance;
            let kernel = of_kernel * self.lines.taps_of_row();
            let x = |tap: &(usize, usize)| first + tap.0;
            let b = |tap: &(usize, usize)| channels.row(self.kernel, kernel + tap.1);
            let mut taps = &run.taps[..];
            while let [t, rest @ ..] = taps {
                taps = match rest {
                    [u, v, rest @ ..] if P == PLACES && adjacent(t, u, v) && run.advance == 1 => {
                        let to = channels.rows_mut(out, place, run.step);
                        let x = channels.rows(source, x(t), 1);
                        add_products::<T, PLACES, 3, 6, 1, 1>(to, x, [b(t), b(u), b(v)]);
                        rest
                    }
                    [u, v, rest @ ..] if P == PLACES && adjacent(t, u, v) && run.advance == 2 => {
                        let to = channels.rows_mut(out, place, run.step);
                        let x = channels.rows(source, x(t), 1);
                        add_products::<T, PLACES, 3, 9, 2, 1>(to, x, [b(t), b(u), b(v)]);
                        rest
                    }
                    [u, v, rest @ ..] if P == 1 => {
                        let to = channels.rows_mut(out, place, run.step);
                        let x = [x(t), x(u), x(v)].map(|x| channels.row(source, x));
                        add_products::<T, 1, 3, 3, 1, 1>(to, x, [b(t), b(u), b(v)]);
                        rest
                    }
                    rest => {
                        let to = channels.rows_mut(out, place, run.step);
                        let x = channels.rows(source, x(t), run.advance);
                        add_products::<T, P, 1, P, 1, 1>(to, x, [b(t)]);
                        rest
                    }
                };
            }
        }
    }
}

/// Whether taps meet elements that lie side by side.
#[inline(always)]
fn adjacent(t: &(usize, usize), u: &(usize, usize), v: &(usize, usize)) -> bool {
    u.0 == t.0 + 1 && v.0 == t.0 + 2
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
