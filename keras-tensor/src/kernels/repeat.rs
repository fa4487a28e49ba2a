//! Functions of a tensor and a smaller one that is repeated beside it.

use super::shares::{SHARE, for_shares};
use super::simd::{Loop, vectorized};

/// Elements that rows are repeated to, so that the innermost loop is long.
const LONG: usize = 512;

/// How a smaller operand is repeated to fill `shape`: `Some(inner)` where element `[o, m, i]` of the whole meets its element
/// `m`, and `inner` is the number of `i`.
pub(super) fn repetition(shape: &[usize], small: &[usize]) -> Option<usize> {
    let missing = shape.len() - small.len();
    let padded = |i: usize| if i < missing { 1 } else { small[i - missing] };
    let first = (0..shape.len()).find(|&i| padded(i) != 1)?;
    let last = (0..shape.len()).rfind(|&i| padded(i) != 1)?;
    (first..=last)
        .all(|i| padded(i) == shape[i])
        .then(|| shape[last + 1..].iter().product())
}

/// `f(a, b)` into `out`.
pub(super) fn repeated<T: Copy + Sync, U: Send>(
    a: &[T],
    b: &[T],
    inner: usize,
    out: &mut [U],
    f: impl Fn(T, T) -> U + Copy + Sync,
) {
    beside(b, inner, out, &|start, out, b, inner| {
        let a = &a[start..start + out.len()];
        vectorized(Repeat {
            a,
            b,
            inner,
            out,
            f,
        });
    });
}

/// `f(a, b)` over `a`.
pub(super) fn repeated_in_place<T: Copy + Send + Sync>(
    a: &mut [T],
    b: &[T],
    inner: usize,
    f: impl Fn(T, T) -> T + Copy + Sync,
) {
    beside(b, inner, a, &|_, a, b, inner| {
        vectorized(RepeatInPlace { a, b, inner, f });
    });
}

/// What is done with a share of the larger operand: where it begins, itself, what is repeated beside it, and `inner`.
type Work<'a, T, U> = dyn Fn(usize, &mut [U], &[T], usize) + Sync + 'a;

/// Cuts the larger operand into shares that begin where the smaller one begins.
fn beside<T: Copy + Sync, U: Send>(b: &[T], inner: usize, out: &mut [U], work: &Work<T, U>) {
    let whole = |unit: usize| unit * (SHARE / unit).max(1);
    if inner == 1 {
        let mut long = [b[0]; LONG];
        let times = LONG / b.len();
        let row = match times {
            0 | 1 => b,
            _ => {
                long.chunks_exact_mut(b.len())
                    .for_each(|l| l.copy_from_slice(b));
                &long[..times * b.len()]
            }
        };
        return for_shares(out, whole(row.len()), &|start, out| {
            work(start, out, row, 1);
        });
    }
    let row = b.len() * inner;
    if row <= SHARE {
        return for_shares(out, whole(row), &|start, out| work(start, out, b, inner));
    }
    for out_start in (0..out.len()).step_by(row) {
        let out = &mut out[out_start..out_start + row];
        for_shares(out, whole(inner), &|start, out| {
            work(out_start + start, out, &b[start / inner..], inner);
        });
    }
}

struct Repeat<'a, T, U, F> {
    a: &'a [T],
    b: &'a [T],
    inner: usize,
    out: &'a mut [U],
    f: F,
}

impl<T: Copy, U, F: Fn(T, T) -> U> Loop for Repeat<'_, T, U, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        if self.inner == 1 {
            let n = self.b.len();
            for (out, a) in self.out.chunks_mut(n).zip(self.a.chunks(n)) {
                for ((o, &a), &b) in out.iter_mut().zip(a).zip(self.b) {
                    *o = (self.f)(a, b);
                }
            }
        } else {
            let blocks = self.out.chunks_exact_mut(self.inner);
            let b = self.b.iter().cycle();
            for ((out, a), &b) in blocks.zip(self.a.chunks_exact(self.inner)).zip(b) {
                for (o, &a) in out.iter_mut().zip(a) {
                    *o = (self.f)(a, b);
                }
            }
        }
    }
}

struct RepeatInPlace<'a, T, F> {
    a: &'a mut [T],
    b: &'a [T],
    inner: usize,
    f: F,
}

impl<T: Copy, F: Fn(T, T) -> T> Loop for RepeatInPlace<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        if self.inner == 1 {
            for a in self.a.chunks_mut(self.b.len()) {
                for (a, &b) in a.iter_mut().zip(self.b) {
                    *a = (self.f)(*a, b);
                }
            }
        } else {
            let b = self.b.iter().cycle();
            for (a, &b) in self.a.chunks_exact_mut(self.inner).zip(b) {
                for a in a {
                    *a = (self.f)(*a, b);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_meets_its_own() {
        for (outer, middle, inner) in [
            (3, 5, 1),
            (40_000, 3, 1),
            (7, 700, 1),
            (2, 40_000, 1),
            (300, 20, 9),
            (2, 8, 9_000),
            (1, 3, 70_000),
        ] {
            let a: Vec<f64> = (0..outer * middle * inner).map(|i| i as f64).collect();
            let b: Vec<f64> = (0..middle).map(|i| (i + 1) as f64).collect();
            let expected: Vec<f64> = a
                .iter()
                .enumerate()
                .map(|(i, a)| a - b[i / inner % middle])
                .collect();
            let mut out = vec![0.0; a.len()];
            repeated(&a, &b, inner, &mut out, |a, b| a - b);
            assert_eq!(out, expected);
            let mut over = a.clone();
            repeated_in_place(&mut over, &b, inner, |a, b| a - b);
            assert_eq!(over, expected);
        }
    }
}
