//! The derivative of a depthwise convolution by its kernel: parts of the rows are summed apart, then added in order.

use std::sync::Arc;

use super::super::super::elements;
use super::super::super::elementwise::Number;
use super::super::super::shares::for_shares;
use super::super::super::simd::{Loop, widest};
use super::super::lines::{Lines, Run};
use super::products::{Channels, PLACES, add_products};
use super::{Work, adjacent, rows};
use crate::Result;
use crate::buffer::{Buffer, Held};
use crate::dtype::Element;

/// Steps of a part, and the most parts that there are.
const PART: usize = 1 << 18;
const PARTS: usize = 32;

/// What some rows of `g` give of the derivative.
struct Part<'a, T> {
    lines: &'a Lines<'a>,
    x: &'a [T],
    g: &'a [T],
    channels: usize,
    rows: std::ops::Range<usize>,
    kernel: &'a mut [T],
}

impl<T: Number> Loop for Part<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        let of_line = self.lines.width() * self.channels;
        let (of_sample, width) = self.lines.source();
        for line in self.rows.clone() {
            let sample = line / self.lines.count();
            let x = &self.x[sample * of_sample * self.channels..][..of_sample * self.channels];
            let g = &self.g[line * of_line..][..of_line];
            for (row, of_kernel) in self.lines.rows(line % self.lines.count()) {
                for run in &self.lines.runs {
                    let mut p = 0;
                    while p + PLACES <= run.count {
                        self.places::<PLACES>(run, p, x, row * width, g, of_kernel);
                        p += PLACES;
                    }
                    while p < run.count {
                        self.places::<1>(run, p, x, row * width, g, of_kernel);
                        p += 1;
                    }
                }
            }
        }
    }
}

impl<T: Number> Part<'_, T> {
    /// Adds what some places of a row give, from the `p`-th of a run on, with one row of the kernel.
    #[inline(always)]
    fn places<const P: usize>(
        &mut self,
        run: &Run,
        p: usize,
        x: &[T],
        row: usize,
        g: &[T],
        of_kernel: usize,
    ) {
        let channels = Channels {
            all: self.channels,
            first: 0,
            count: self.channels,
        };
        let first = row + p * run.advance;
        let kernel = of_kernel * self.lines.taps_of_row();
        let place = run.first + p * run.step;
        let mut taps = &run.taps[..];
        while let [t, rest @ ..] = taps {
            let column = first + t.0;
            taps = match rest {
                [u, v, rest @ ..] if P == PLACES && adjacent(t, u, v) && run.advance == 1 => {
                    let to = channels.rows_mut(self.kernel, kernel + t.1, 1);
                    let x = channels.rows(x, column, 1);
                    let g = channels.rows(g, place, run.step);
                    add_products::<T, 3, PLACES, 6, 1, 1>(to, x, g);
                    rest
                }
                [u, v, rest @ ..] if P == PLACES && adjacent(t, u, v) && run.advance == 2 => {
                    let to = channels.rows_mut(self.kernel, kernel + t.1, 1);
                    let x = channels.rows(x, column, 1);
                    let g = channels.rows(g, place, run.step);
                    add_products::<T, 3, PLACES, 9, 1, 2>(to, x, g);
                    rest
                }
                [u, v, rest @ ..] if P == 1 && adjacent(t, u, v) => {
                    let to = channels.rows_mut(self.kernel, kernel + t.1, 1);
                    let x = channels.rows(x, column, 1);
                    let g = channels.rows(g, place, run.step);
                    add_products::<T, 3, 1, 3, 1, 1>(to, x, g);
                    rest
                }
                rest => {
                    let to = channels.rows_mut(self.kernel, kernel + t.1, 1);
                    let x = channels.rows(x, column, run.advance);
                    let g = channels.rows(g, place, run.step);
                    add_products::<T, 1, P, P, 1, 1>(to, x, g);
                    rest
                }
            };
        }
    }
}

pub(in super::super) fn kernel_gradient<T: Number + Element>(
    work: &Work,
    x: &[T],
    g: &[T],
    kernel: &mut [T],
) -> Result<()> {
    let lines = Lines::of_output(&work.geometry);
    let (count, size) = (work.batch * lines.count(), kernel.len());
    let cost = count.saturating_mul(lines.width() * size);
    let at_once = count.div_ceil((cost / PART).clamp(1, PARTS));
    let parts = count.div_ceil(at_once);
    let mut room = Buffer::take(parts * size * size_of::<T>())?;
    let memory = Arc::get_mut(&mut room).expect("a taken buffer has one holder");
    let sums = elements::<T>(memory, parts * size);
    sums.fill(T::ZERO);
    for_shares(sums, size, &|start, kernel| {
        let first = start / size * at_once;
        let rows = first..count.min(first + at_once);
        if work.multiplier() == 1 {
            let (lines, channels) = (&lines, work.channels);
            return widest(Part {
                lines,
                x,
                g,
                channels,
                rows,
                kernel,
            });
        }
        rows::kernel_gradient(work, &lines, x, g, rows, kernel);
    });
    kernel.copy_from_slice(&sums[..size]);
    for part in sums[size..].chunks_exact(size) {
        for (to, &sum) in kernel.iter_mut().zip(part) {
            *to = to.add(sum);
        }
    }
    // Kept for the next one.
    drop(Held::new(room));
    Ok(())
}
