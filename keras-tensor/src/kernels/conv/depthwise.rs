//! Convolution of each channel by itself, in blocks of channels: there is no product to win by.

mod kernel_gradient;
mod rows;

pub(super) use kernel_gradient::kernel_gradient;

use super::super::Real;
use super::super::gemm::{Epilogue, Output, expect_read};
use super::super::shares::for_shares;
use super::super::vector::{Vector, VectorLoop, Width};
use super::lines::{Lines, Run};
use super::{Work, blocks};

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
    /// How many rows further the next row of the result reads, and how many elements further.
    next: (usize, usize),
}

impl<T: Real> VectorLoop<T> for Gather<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector<Element = T>>(self, width: Width<V>) {
        match self.channels < V::LANES {
            true => self.rows(Width::<[T; 1]>::of_arrays()),
            false => self.rows(width),
        }
    }
}

impl<T: Real> Gather<'_, T> {
    #[inline(always)]
    fn rows<V: Vector<Element = T>>(self, width: Width<V>) {
        let (lines, n) = (self.lines, self.channels);
        let (of_line, of_sample) = (lines.width() * n, lines.source().0 * n);
        for (i, out) in self.out.chunks_exact_mut(of_line).enumerate() {
            let line = self.start / of_line + i;
            let rows = lines.rows(line % lines.count());
            for run in &lines.runs {
                Segment {
                    run,
                    source: &self.source[line / lines.count() * of_sample..][..of_sample],
                    kernel: self.kernel,
                    taps: &lines.window(&rows, run, n),
                    channels: n,
                    epilogue: self.epilogue,
                    start: line * of_line,
                    next: lines.next(n),
                }
                .sum(width, out);
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
        let threes = self.taps.as_chunks::<3>().0;
        let is_three = self.run.taps.len() == 3 && self.run.is_dense();
        // Places before channels: what lies side by side in memory is read one after the other.
        let mut p = 0;
        while p + PLACES <= self.run.count {
            for c in blocks(self.channels, V::LANES) {
                match self.run.advance {
                    1 if is_three => self.three::<V, 1>(width, threes, p, c, out),
                    2 if is_three => self.three::<V, 2>(width, threes, p, c, out),
                    _ => self.places::<V, PLACES>(width, p, c, out),
                }
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
        self.store(width, sums, p, c, out);
    }

    /// The same for a window with three elements side by side in each row: each is read once.
    #[inline(always)]
    fn three<V: Vector<Element = T>, const ADVANCE: usize>(
        &self,
        width: Width<V>,
        taps: &[[(usize, usize); 3]],
        p: usize,
        c: usize,
        out: &mut [T],
    ) {
        let n = self.channels;
        let mut sums = [V::zero(width); PLACES];
        let first_new = taps.len().saturating_sub(self.next.0);
        for (r, row) in taps.iter().enumerate() {
            let tap = |i: usize| V::load(width, &self.kernel[row[i].1 + c..]);
            let taps = [tap(0), tap(1), tap(2)];
            let source = &self.source[row[0].0 + p * ADVANCE * n + c..];
            if r >= first_new {
                for column in 0..PLACES * ADVANCE {
                    expect_read(source.as_ptr().wrapping_add(self.next.1 + column * n), 1);
                }
            }
            for column in 0..(PLACES - 1) * ADVANCE + 3 {
                let x = V::load(width, &source[column * n..]);
                for (i, sum) in sums.iter_mut().enumerate() {
                    if let Some(tap) = column.checked_sub(i * ADVANCE)
                        && tap < 3
                    {
                        *sum = sum.plus_product(x, taps[tap]);
                    }
                }
            }
        }
        self.store(width, sums, p, c, out);
    }

    #[inline(always)]
    fn store<V: Vector<Element = T>, const P: usize>(
        &self,
        width: Width<V>,
        sums: [V; P],
        p: usize,
        c: usize,
        out: &mut [T],
    ) {
        for (i, &sum) in sums.iter().enumerate() {
            let to = (self.run.first + (p + i) * self.run.step) * self.channels + c;
            let sum = self.epilogue.of_vector(width, sum, self.start + to, c);
            sum.store(&mut out[to..]);
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
    for_shares(out, lines.at_once(work.batch, cost) * of_line, share);
}
