//! Convolution of each channel by itself, in blocks of channels: there is no product to win by.

mod dense;
mod kernel_gradient;
mod rows;

pub(super) use kernel_gradient::kernel_gradient;

use super::super::Real;
use super::super::gemm::{Epilogue, Output};
use super::super::shares::for_shares;
use super::super::threads;
use super::super::vector::{Vector, VectorLoop, Width};
use super::lines::{Lines, Run};
use super::{Work, blocks};
use dense::Dense;

/// Neighbouring places that are summed together.
const PLACES: usize = 4;

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
    kernel: &'a [T],
    /// Where the first place finds an element, and where the tap lies in the kernel that meets it.
    taps: &'a [(usize, usize)],
    channels: usize,
    epilogue: &'a Epilogue<'a, T>,
    /// The element of the whole result that the row begins with.
    start: usize,
}

impl<T: Real> VectorLoop<T> for Gather<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector<Element = T>>(self, width: Width<V>) {
        match self.channels < V::LANES {
            true => self.rows(Width::<[T; 1]>::default()),
            false => self.rows(width),
        }
    }
}

impl<T: Real> Gather<'_, T> {
    #[inline(always)]
    fn rows<V: Vector<Element = T>>(self, width: Width<V>) {
        let (lines, n) = (self.lines, self.channels);
        let (of_line, of_sample) = (lines.width() * n, lines.source().0 * n);
        if const { V::LANES >= dense::LANES }
            && let Some(geometry) = lines.gathered().filter(dense::suits)
        {
            Dense {
                geometry,
                reversed: lines.reversed,
                source: self.source,
                kernel: self.kernel,
                channels: n,
                epilogue: self.epilogue,
                line: self.start / of_line,
            }
            .sum(width, self.out);
            if self.epilogue.is_curved() {
                self.epilogue.curve(self.out);
            }
            return;
        }
        for (i, out) in self.out.chunks_exact_mut(of_line).enumerate() {
            let line = self.start / of_line + i;
            let rows = lines.rows(line % lines.count());
            for run in &lines.runs {
                let segment = Segment {
                    run,
                    source: &self.source[line / lines.count() * of_sample..][..of_sample],
                    kernel: self.kernel,
                    taps: &lines.window(&rows, run, n),
                    channels: n,
                    epilogue: self.epilogue,
                    start: line * of_line,
                };
                segment.sum(width, out);
            }
            if self.epilogue.is_curved() {
                self.epilogue.curve(out);
            }
        }
    }
}

impl<T: Real> Segment<'_, T> {
    #[inline(always)]
    fn sum<V: Vector<Element = T>>(&self, width: Width<V>, out: &mut [T]) {
        // Places before channels: what lies side by side in memory is read one after the other.
        let mut p = 0;
        while p + PLACES <= self.run.count {
            for c in blocks(self.channels, V::LANES) {
                self.places::<V, PLACES>(width, p, c, out);
            }
            p += PLACES;
        }
        while p < self.run.count {
            for c in blocks(self.channels, V::LANES) {
                self.places::<V, 1>(width, p, c, out);
            }
            p += 1;
        }
    }

    /// Sums some places of any window, from the `p`-th on, for the channels of a vector from `c` on.
    #[inline(always)]
    fn places<V: Vector<Element = T>, const P: usize>(
        &self,
        width: Width<V>,
        p: usize,
        c: usize,
        out: &mut [T],
    ) {
        let step = self.run.advance * self.channels;
        let mut sums = [V::zero(width); P];
        for &(from, tap) in self.taps {
            let tap = V::load(width, &self.kernel[tap + c..]);
            let source = &self.source[from + p * step + c..];
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = sum.plus_product(V::load(width, &source[i * step..]), tap);
            }
        }
        let ends = self.epilogue.of_channels(width, c);
        for (i, &sum) in sums.iter().enumerate() {
            let to = (self.run.first + (p + i) * self.run.step) * self.channels + c;
            ends.finish(width, sum, self.start + to).store_at(out, to);
        }
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
            return T::with_vectors(Gather {
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
        let row = start / work.filters;
        epilogue.part(&mut Output::new(out, work.filters), row, 0);
    });
}

/// The derivative by `x`.
pub(super) fn input<T: Real>(work: &Work, g: &[T], kernel: &[T], x: &mut [T]) {
    let lines = Lines::of_input(&work.geometry);
    gather(work, &lines, work.channels, x, &|start, out| {
        if work.multiplier() == 1 {
            let (channels, epilogue) = (work.channels, &Epilogue::NOTHING);
            return T::with_vectors(Gather {
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
    let at_once = match threads::helping() {
        1 => lines.count() * work.batch,
        _ => lines.at_once(work.batch, cost),
    };
    for_shares(out, at_once * of_line, share);
}
