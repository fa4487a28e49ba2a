//! The derivative of a depthwise convolution by its kernel: parts of the rows are summed apart, then added in order.

use super::super::super::elementwise::Number;
use super::super::super::shares::summed_apart;
use super::super::super::simd::{Loop, widest};
use super::super::super::with_space;
use super::super::lines::{Lines, Run};
use super::{PLACES, Work, rows};
use crate::Result;
use crate::dtype::Element;

/// Channels that are summed side by side.
const LANES: usize = 16;
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
        let (lines, n) = (self.lines, self.channels);
        let (of_line, of_sample) = (lines.width() * n, lines.source().0 * n);
        for line in self.rows.clone() {
            let x = &self.x[line / lines.count() * of_sample..][..of_sample];
            let g = &self.g[line * of_line..][..of_line];
            let rows = lines.rows(line % lines.count());
            for run in &lines.runs {
                let taps = &lines.window(&rows, run, n);
                let is_three = run.taps.len() == 3 && run.is_dense();
                for c in (0..n).step_by(LANES) {
                    if c + LANES > n {
                        for (c, &tap) in (c..n).flat_map(|c| taps.iter().map(move |t| (c, t))) {
                            self.add::<1, 1>(run, &[tap], x, g, c);
                        }
                    } else if is_three && run.advance <= 2 {
                        for taps in taps.as_chunks().0 {
                            self.add::<LANES, 3>(run, taps, x, g, c);
                        }
                    } else {
                        for &tap in taps {
                            self.add::<LANES, 1>(run, &[tap], x, g, c);
                        }
                    }
                }
            }
        }
    }
}

impl<T: Number> Part<'_, T> {
    /// Adds what the places of a run give for some taps that read elements side by side.
    #[inline(always)]
    fn add<const LANES: usize, const TAPS: usize>(
        &mut self,
        run: &Run,
        taps: &[(usize, usize); TAPS],
        x: &[T],
        g: &[T],
        c: usize,
    ) {
        let n = self.channels;
        let (x, g) = (&x[taps[0].0 + c..], &g[run.first * n + c..]);
        let mut sums: [[T; LANES]; TAPS] =
            std::array::from_fn(|tap| lanes(self.kernel, taps[tap].1 + c));
        let mut p = 0;
        while p + PLACES <= run.count {
            match run.advance {
                1 => add_places::<T, LANES, TAPS, PLACES, 1>(&mut sums, p, n, x, g),
                2 => add_places::<T, LANES, TAPS, PLACES, 2>(&mut sums, p, n, x, g),
                _ => break,
            }
            p += PLACES;
        }
        for p in p..run.count {
            let g = lanes(g, p * n);
            for (tap, sums) in sums.iter_mut().enumerate() {
                add_product(sums, lanes(x, (p * run.advance + tap) * n), g);
            }
        }
        for (sums, tap) in sums.iter().zip(taps) {
            let to = tap.1 + c;
            self.kernel[to..to + LANES].copy_from_slice(sums);
        }
    }
}

/// Adds what some places give, from the `p`-th on.
#[inline(always)]
fn add_places<
    T: Number,
    const LANES: usize,
    const TAPS: usize,
    const PLACES: usize,
    const ADVANCE: usize,
>(
    sums: &mut [[T; LANES]; TAPS],
    p: usize,
    channels: usize,
    x: &[T],
    g: &[T],
) {
    let g: [[T; LANES]; PLACES] = std::array::from_fn(|i| lanes(g, (p + i) * channels));
    for column in 0..(PLACES - 1) * ADVANCE + TAPS {
        let x = lanes(x, (p * ADVANCE + column) * channels);
        for (tap, sums) in sums.iter_mut().enumerate() {
            if let Some(from) = column.checked_sub(tap)
                && from % ADVANCE == 0
                && from / ADVANCE < PLACES
            {
                add_product(sums, x, g[from / ADVANCE]);
            }
        }
    }
}

/// Channels from `at` on as an array, which the compiler keeps in registers.
#[inline(always)]
fn lanes<T: Copy, const LANES: usize>(values: &[T], at: usize) -> [T; LANES] {
    let values = &values[at..at + LANES];
    *values.first_chunk().expect("a block of channels is whole")
}

#[inline(always)]
fn add_product<T: Number, const LANES: usize>(sums: &mut [T; LANES], a: [T; LANES], b: [T; LANES]) {
    for l in 0..LANES {
        sums[l] = sums[l].add(a[l].mul(b[l]));
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
    with_space(parts * size, |sums: &mut [T]| {
        sums.fill(T::ZERO);
        let sum = summed_apart(sums, size, &|part, kernel| {
            let first = part * at_once;
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
        kernel.copy_from_slice(sum);
        Ok(())
    })
}
