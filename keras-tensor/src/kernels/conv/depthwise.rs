//! Convolution of each channel by itself, along rows of channels: there is no product to win by.

use super::super::elementwise::Number;
use super::super::shares::for_shares;
use super::super::simd::{Loop, vectorized};
use super::Work;

/// `to[c] += a[c] * b[c]`.
struct MultiplyAdd<'a, T> {
    to: &'a mut [T],
    a: &'a [T],
    b: &'a [T],
}

impl<T: Number> Loop for MultiplyAdd<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for ((to, &a), &b) in self.to.iter_mut().zip(self.a).zip(self.b) {
            *to = to.add(a.mul(b));
        }
    }
}

impl Work {
    /// Filters of each channel.
    fn multiplier(&self) -> usize {
        self.filters / self.channels
    }

    /// Visits every pair of a place and a tap in it: `visit(row of the output, row of the kernel, row of the input)`, as
    /// offsets of their first elements.
    fn for_each_tap(&self, mut visit: impl FnMut(usize, usize, usize)) {
        self.geometry.for_each_run(
            0..self.geometry.count(),
            |place, tap, count, first, step| {
                for i in 0..count {
                    visit(
                        place * self.filters,
                        (tap + i) * self.filters,
                        (first + i * step) * self.channels,
                    );
                }
            },
        );
    }
}

pub(super) fn output<T: Number + Send + Sync>(work: &Work, x: &[T], kernel: &[T], y: &mut [T]) {
    let ((from, to), m) = (work.sample(), work.multiplier());
    for_shares(y, to, &|start, y| {
        let x = &x[start / to * from..][..from];
        y.fill(T::ZERO);
        work.for_each_tap(|row, tap, element| {
            let to = &mut y[row..row + work.filters];
            let (a, b) = (
                &x[element..element + work.channels],
                &kernel[tap..tap + work.filters],
            );
            if m == 1 {
                return vectorized(MultiplyAdd { to, a, b });
            }
            for (c, (to, b)) in to.chunks_exact_mut(m).zip(b.chunks_exact(m)).enumerate() {
                for (to, &b) in to.iter_mut().zip(b) {
                    *to = to.add(a[c].mul(b));
                }
            }
        });
    });
}

pub(super) fn input<T: Number + Send + Sync>(work: &Work, g: &[T], kernel: &[T], x: &mut [T]) {
    let ((to, from), m) = (work.sample(), work.multiplier());
    for_shares(x, to, &|start, x| {
        let g = &g[start / to * from..][..from];
        x.fill(T::ZERO);
        work.for_each_tap(|row, tap, element| {
            let to = &mut x[element..element + work.channels];
            let (a, b) = (
                &g[row..row + work.filters],
                &kernel[tap..tap + work.filters],
            );
            if m == 1 {
                return vectorized(MultiplyAdd { to, a, b });
            }
            let pairs = a.chunks_exact(m).zip(b.chunks_exact(m));
            for (to, (a, b)) in to.iter_mut().zip(pairs) {
                *to = a.iter().zip(b).fold(*to, |sum, (&a, &b)| sum.add(a.mul(b)));
            }
        });
    });
}

pub(super) fn kernel_gradient<T: Number + Send + Sync>(
    work: &Work,
    x: &[T],
    g: &[T],
    kernel: &mut [T],
) {
    let ((from, to), m) = (work.sample(), work.multiplier());
    kernel.fill(T::ZERO);
    for (x, g) in x.chunks_exact(from).zip(g.chunks_exact(to)) {
        work.for_each_tap(|row, tap, element| {
            let to = &mut kernel[tap..tap + work.filters];
            let (a, b) = (
                &x[element..element + work.channels],
                &g[row..row + work.filters],
            );
            if m == 1 {
                return vectorized(MultiplyAdd { to, a, b });
            }
            for (c, (to, b)) in to.chunks_exact_mut(m).zip(b.chunks_exact(m)).enumerate() {
                for (to, &b) in to.iter_mut().zip(b) {
                    *to = to.add(a[c].mul(b));
                }
            }
        });
    }
}
