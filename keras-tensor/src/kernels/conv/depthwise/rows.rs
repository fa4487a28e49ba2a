//! Depthwise convolution of few channels, or with several filters for each: along whole rows of channels.

use super::super::super::elementwise::Number;
use super::super::lines::Lines;
use super::Work;

/// Visits every place of some rows of a result and every tap in it: `visit(row of channels of the result, the row of
/// channels that is read, that of the kernel)`, as numbers of rows; those of the result count from the first.
fn for_each_tap(
    lines: &Lines,
    first: usize,
    count: usize,
    mut visit: impl FnMut(usize, usize, usize),
) {
    let (of_sample, width) = lines.source();
    for i in 0..count {
        let (sample, line) = ((first + i) / lines.count(), (first + i) % lines.count());
        for (row, of_kernel) in lines.rows(line) {
            let row = sample * of_sample + row * width;
            for run in &lines.runs {
                for p in 0..run.count {
                    let place = i * lines.width() + run.first + p * run.step;
                    for &(column, tap) in &run.taps {
                        let tap = of_kernel * lines.taps_of_row() + tap;
                        visit(place, row + column + p * run.advance, tap);
                    }
                }
            }
        }
    }
}

/// Part `i` of slices of equal size.
fn part<T>(values: &[T], i: usize, size: usize) -> &[T] {
    &values[i * size..(i + 1) * size]
}

/// Adds products to the rows of filters `to`, of one row of channels `a` and one of filters `b`.
fn add_filters<T: Number>(to: &mut [T], a: &[T], b: &[T]) {
    let m = b.len() / a.len();
    for ((to, b), &a) in to.chunks_exact_mut(m).zip(b.chunks_exact(m)).zip(a) {
        for (to, &b) in to.iter_mut().zip(b) {
            *to = to.add(a.mul(b));
        }
    }
}

/// Some rows of the convolution, from the element `start` of all on.
pub(super) fn output<T: Number>(
    work: &Work,
    lines: &Lines,
    x: &[T],
    kernel: &[T],
    start: usize,
    y: &mut [T],
) {
    let (channels, filters) = (work.channels, work.filters);
    let of_line = lines.width() * filters;
    y.fill(T::ZERO);
    for_each_tap(
        lines,
        start / of_line,
        y.len() / of_line,
        |place, from, tap| {
            let to = &mut y[place * filters..][..filters];
            add_filters(to, part(x, from, channels), part(kernel, tap, filters));
        },
    );
}

/// Some rows of the derivative by the input, from the element `start` of all on.
pub(super) fn input<T: Number>(
    work: &Work,
    lines: &Lines,
    g: &[T],
    kernel: &[T],
    start: usize,
    x: &mut [T],
) {
    let (channels, filters, m) = (work.channels, work.filters, work.multiplier());
    let of_line = lines.width() * channels;
    x.fill(T::ZERO);
    for_each_tap(
        lines,
        start / of_line,
        x.len() / of_line,
        |place, from, tap| {
            let to = &mut x[place * channels..][..channels];
            let (a, b) = (part(g, from, filters), part(kernel, tap, filters));
            let pairs = a.chunks_exact(m).zip(b.chunks_exact(m));
            for (to, (a, b)) in to.iter_mut().zip(pairs) {
                *to = a.iter().zip(b).fold(*to, |sum, (&a, &b)| sum.add(a.mul(b)));
            }
        },
    );
}

/// Adds to the derivative by the kernel what some rows of `g` give.
pub(super) fn kernel_gradient<T: Number>(
    work: &Work,
    lines: &Lines,
    x: &[T],
    g: &[T],
    rows: std::ops::Range<usize>,
    kernel: &mut [T],
) {
    let (channels, filters) = (work.channels, work.filters);
    for_each_tap(lines, rows.start, rows.len(), |place, from, tap| {
        let g = part(g, rows.start * lines.width() + place, filters);
        let to = &mut kernel[tap * filters..][..filters];
        add_filters(to, part(x, from, channels), g);
    });
}
