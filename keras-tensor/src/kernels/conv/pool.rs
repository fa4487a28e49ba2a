//! Pooling: windows folded along rows of channels.

use std::cmp::Ordering;

use super::super::elementwise::Number;
use super::super::shares::for_shares;
use super::super::simd::{Loop, vectorized};
use super::super::with_float;
use super::geometry::Geometry;
use crate::op::{Pool, PoolPart};
use crate::{Result, Shape, Tensor};

/// `to[c] = max(to[c], a[c])`.
struct Largest<'a, T>(&'a mut [T], &'a [T]);

impl<T: Number> Loop for Largest<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (to, &a) in self.0.iter_mut().zip(self.1) {
            *to = to.max(a);
        }
    }
}

/// `to[c] += a[c] * share`.
struct AddShare<'a, T>(&'a mut [T], &'a [T], T);

impl<T: Number> Loop for AddShare<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (to, &a) in self.0.iter_mut().zip(self.1) {
            *to = to.add(a.mul(self.2));
        }
    }
}

struct Work {
    geometry: Geometry,
    channels: usize,
}

impl Work {
    /// Elements of a sample of the input and of the output.
    fn sample(&self) -> (usize, usize) {
        let (from, to) = (self.geometry.size(), self.geometry.count());
        (from * self.channels, to * self.channels)
    }

    fn row(&self, place: usize) -> std::ops::Range<usize> {
        place * self.channels..(place + 1) * self.channels
    }

    /// Visits every place and every element of its window: `visit(place, element)`.
    fn for_each(&self, mut visit: impl FnMut(usize, usize)) {
        self.geometry
            .for_each_run(0..self.geometry.count(), |place, _, count, first, step| {
                (0..count).for_each(|i| visit(place, first + i * step));
            });
    }

    /// One through the number of elements in each window.
    fn shares<T: Number>(&self) -> Vec<T> {
        let mut counts = vec![T::ZERO; self.geometry.count()];
        self.for_each(|place, _| counts[place] = counts[place].add(T::ONE));
        counts.into_iter().map(|n| T::ONE.div(n)).collect()
    }

    fn max<T: Number + Send + Sync>(&self, x: &[T], y: &mut [T]) {
        let (from, to) = self.sample();
        for_shares(y, to, &|start, y| {
            let x = &x[start / to * from..][..from];
            y.fill(T::LOWEST);
            self.for_each(|place, element| {
                vectorized(Largest(&mut y[self.row(place)], &x[self.row(element)]));
            });
        });
    }

    /// For each place and channel, the element of `x` that is largest in the window, the first of equals.
    fn largest<T: Number>(&self, x: &[T]) -> Vec<usize> {
        let mut found = vec![usize::MAX; self.geometry.count() * self.channels];
        self.for_each(|place, element| {
            let row = self.row(element);
            for (found, i) in found[self.row(place)].iter_mut().zip(row) {
                // NaN, which compares with nothing, wins, as it does in `max`.
                let wins = |best: T| x[i].partial_cmp(&best).is_none_or(Ordering::is_gt);
                if *found == usize::MAX || wins(x[*found]) {
                    *found = i;
                }
            }
        });
        found
    }

    fn pick<T: Number + Send + Sync>(&self, x: &[T], h: &[T], y: &mut [T]) {
        let (from, to) = self.sample();
        for_shares(y, to, &|start, y| {
            let at = start / to * from;
            let (x, h) = (&x[at..][..from], &h[at..][..from]);
            for (y, i) in y.iter_mut().zip(self.largest(x)) {
                *y = h[i];
            }
        });
    }

    fn spread<T: Number + Send + Sync>(&self, x: &[T], g: &[T], out: &mut [T]) {
        let (to, from) = self.sample();
        for_shares(out, to, &|start, out| {
            let at = start / to;
            let (x, g) = (&x[at * to..][..to], &g[at * from..][..from]);
            out.fill(T::ZERO);
            for (&g, i) in g.iter().zip(self.largest(x)) {
                out[i] = out[i].add(g);
            }
        });
    }

    fn mean<T: Number + Send + Sync>(&self, x: &[T], y: &mut [T]) {
        let ((from, to), shares) = (self.sample(), self.shares::<T>());
        for_shares(y, to, &|start, y| {
            let x = &x[start / to * from..][..from];
            y.fill(T::ZERO);
            self.for_each(|place, element| {
                let (to, x) = (&mut y[self.row(place)], &x[self.row(element)]);
                vectorized(AddShare(to, x, T::ONE));
            });
            for (y, &share) in y.chunks_exact_mut(self.channels).zip(&shares) {
                y.iter_mut().for_each(|y| *y = y.mul(share));
            }
        });
    }

    fn share<T: Number + Send + Sync>(&self, g: &[T], out: &mut [T]) {
        let ((to, from), shares) = (self.sample(), self.shares::<T>());
        for_shares(out, to, &|start, out| {
            let g = &g[start / to * from..][..from];
            out.fill(T::ZERO);
            self.for_each(|place, element| {
                let (to, g) = (&mut out[self.row(element)], &g[self.row(place)]);
                vectorized(AddShare(to, g, shares[place]));
            });
        });
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
        Tensor::build(dtype, shape, |out: &mut [T]| {
            if out.is_empty() {
                return;
            }
            match pool.part {
                PoolPart::Max => work.max(a, out),
                PoolPart::Pick => work.pick(a, second(), out),
                PoolPart::Spread => work.spread(a, second(), out),
                PoolPart::Mean => work.mean(a, out),
                PoolPart::Share => work.share(a, out),
            }
        })
    })
}
