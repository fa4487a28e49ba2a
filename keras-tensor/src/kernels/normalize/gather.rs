//! Two numbers for each feature, gathered from all elements that share it, in an order that the shape alone decides.

use num_traits::Float;
use std::ops::Range;

use crate::kernels::Lanes;
use crate::kernels::elementwise::Number;
use crate::kernels::fold::sum_of;
use crate::kernels::reduce::{COLUMNS, ROWS, both};
use crate::kernels::shares::{SHARE, for_shares};
use crate::kernels::simd::{Loop, vectorized};

/// Elements that one run gathers before runs are merged in pairs.
pub(super) const RUN: usize = 1024;

/// Two numbers for each of some columns.
type Columns<T> = [[T; COLUMNS]; 2];

/// What is gathered.
pub(super) trait Gather: Copy + Sync {
    type Number: Number;
    /// From elements side by side, at most [`RUN`], all of one feature.
    fn lane(self, elements: Range<usize>, feature: usize) -> [Self::Number; 2];
    /// From rows of `row` elements, at most [`ROWS`], for each of some columns.
    fn rows(
        self,
        elements: Range<usize>,
        row: usize,
        columns: Range<usize>,
    ) -> Columns<Self::Number>;
    /// What `a` and `b` make together, which were gathered from so many elements.
    fn merged(a: [Self::Number; 2], b: [Self::Number; 2], counts: [usize; 2]) -> [Self::Number; 2];
}

/// The mean, and the sum of squared distances from it.
#[derive(Clone, Copy)]
pub(super) struct Moments<'a, T>(pub(super) &'a [T]);

impl<T: Number + Float> Gather for Moments<'_, T> {
    type Number = T;

    #[inline(always)]
    fn lane(self, elements: Range<usize>, _: usize) -> [T; 2] {
        moments(&self.0[elements])
    }

    #[inline(always)]
    fn rows(self, elements: Range<usize>, row: usize, columns: Range<usize>) -> Columns<T> {
        let count = T::from_f64((elements.len() / row) as f64);
        let rows = self.0[elements].chunks_exact(row);
        let (mut means, mut squares) = ([T::ZERO; COLUMNS], [T::ZERO; COLUMNS]);
        for row in rows.clone() {
            for (s, &v) in means.iter_mut().zip(&row[columns.clone()]) {
                *s = *s + v;
            }
        }
        means.iter_mut().for_each(|m| *m = *m / count);
        for row in rows {
            for ((s, &v), &mean) in squares.iter_mut().zip(&row[columns.clone()]).zip(&means) {
                *s = (v - mean).mul_add(v - mean, *s);
            }
        }
        [means, squares]
    }

    /// Chan, Golub and LeVeque, 1979.
    #[inline(always)]
    fn merged(a: [T; 2], b: [T; 2], counts: [usize; 2]) -> [T; 2] {
        let [here, there] = counts.map(|n| T::from_f64(n as f64));
        let (total, step) = (here + there, b[0] - a[0]);
        let squares = step * step * (here * there / total);
        [a[0] + step * (there / total), a[1] + b[1] + squares]
    }
}

/// The sums of gradients, and of gradients times the distance from the mean.
#[derive(Clone, Copy)]
pub(super) struct Sums<'a, T> {
    pub(super) gradient: &'a [T],
    pub(super) x: &'a [T],
    pub(super) mean: &'a [T],
}

impl<T: Number + Float> Gather for Sums<'_, T> {
    type Number = T;

    #[inline(always)]
    fn lane(self, elements: Range<usize>, feature: usize) -> [T; 2] {
        let (g, x) = (&self.gradient[elements.clone()], &self.x[elements]);
        let mean = self.mean[feature];
        [
            sum_of([g], |[g]| g),
            sum_of([g, x], |[g, x]| g * (x - mean)),
        ]
    }

    #[inline(always)]
    fn rows(self, elements: Range<usize>, row: usize, columns: Range<usize>) -> Columns<T> {
        let gradients = self.gradient[elements.clone()].chunks_exact(row);
        let rows = gradients.zip(self.x[elements].chunks_exact(row));
        let (mut sums, mut products) = ([T::ZERO; COLUMNS], [T::ZERO; COLUMNS]);
        let mut means = [T::ZERO; COLUMNS];
        means[..columns.len()].copy_from_slice(&self.mean[columns.clone()]);
        for (g, x) in rows {
            let both = g[columns.clone()].iter().zip(&x[columns.clone()]);
            let totals = sums.iter_mut().zip(&mut products).zip(&means);
            for (((sum, product), &mean), (&g, &x)) in totals.zip(both) {
                *sum = *sum + g;
                *product = g.mul_add(x - mean, *product);
            }
        }
        [sums, products]
    }

    #[inline(always)]
    fn merged(a: [T; 2], b: [T; 2], _: [usize; 2]) -> [T; 2] {
        [a[0] + b[0], a[1] + b[1]]
    }
}

/// [`Moments`] of elements side by side, at most [`RUN`].
#[inline(always)]
pub(super) fn moments<T: Number + Float>(x: &[T]) -> [T; 2] {
    let mean = sum_of([x], |[v]| v) / T::from_f64(x.len() as f64);
    [mean, sum_of([x], |[v]| (v - mean) * (v - mean))]
}

struct Lane<G> {
    gather: G,
    elements: Range<usize>,
    feature: usize,
}

struct Rows<G> {
    gather: G,
    elements: Range<usize>,
    row: usize,
    columns: Range<usize>,
}

impl<G: Gather> Loop for Lane<G> {
    type Output = [G::Number; 2];
    #[inline(always)]
    fn run(self) -> [G::Number; 2] {
        self.gather.lane(self.elements, self.feature)
    }
}

impl<G: Gather> Loop for Rows<G> {
    type Output = Columns<G::Number>;
    #[inline(always)]
    fn run(self) -> Columns<G::Number> {
        self.gather.rows(self.elements, self.row, self.columns)
    }
}

/// From elements side by side, all of one feature.
pub(super) fn lane<G: Gather>(gather: G, elements: Range<usize>, feature: usize) -> [G::Number; 2] {
    let size = elements.len();
    if size <= RUN {
        let run = Lane {
            gather,
            elements,
            feature,
        };
        return vectorized(run);
    }
    let before = (size / 2).next_multiple_of(RUN);
    let middle = elements.start + before;
    let left = lane(gather, elements.start..middle, feature);
    let right = lane(gather, middle..elements.end, feature);
    G::merged(left, right, [before, size - before])
}

/// From rows of `row` elements, for each of some columns.
fn rows<G: Gather>(
    gather: G,
    elements: Range<usize>,
    row: usize,
    columns: Range<usize>,
) -> Columns<G::Number> {
    let count = elements.len() / row;
    if count <= ROWS {
        let run = Rows {
            gather,
            elements,
            row,
            columns,
        };
        return vectorized(run);
    }
    let above = (count / 2).next_multiple_of(ROWS);
    let middle = elements.start + above * row;
    let (mut all, below) = both(
        count * columns.len(),
        || rows(gather, elements.start..middle, row, columns.clone()),
        || rows(gather, middle..elements.end, row, columns.clone()),
    );
    let [first, second] = &mut all;
    for i in 0..COLUMNS {
        let (a, b) = ([first[i], second[i]], [below[0][i], below[1][i]]);
        [first[i], second[i]] = G::merged(a, b, [above, count - above]);
    }
    all
}

/// From samples, each of whose elements of one feature lie side by side.
fn samples<G: Gather>(
    gather: G,
    lanes: &Lanes,
    which: Range<usize>,
    feature: usize,
) -> [G::Number; 2] {
    if which.len() == 1 {
        let start = (which.start * lanes.axis + feature) * lanes.inner;
        return lane(gather, start..start + lanes.inner, feature);
    }
    let before = which.len() / 2;
    let middle = which.start + before;
    let left = samples(gather, lanes, which.start..middle, feature);
    let right = samples(gather, lanes, middle..which.end, feature);
    let counts = [before, which.len() - before];
    G::merged(left, right, counts.map(|n| n * lanes.inner))
}

/// The two numbers of each feature of `[outer, features, inner]`, which has elements.
pub(super) fn gathered<G: Gather>(gather: G, lanes: &Lanes, out: &mut [[G::Number; 2]]) {
    let (features, count) = (lanes.axis, lanes.outer * lanes.inner);
    if lanes.inner > 1 {
        return for_shares(out, (SHARE / count).max(1), &|start, out| {
            for (i, o) in out.iter_mut().enumerate() {
                *o = samples(gather, lanes, 0..lanes.outer, start + i);
            }
        });
    }
    let share = match features * count > 2 * SHARE {
        true => COLUMNS,
        false => features,
    };
    for_shares(out, share, &|start, out| {
        for (i, out) in out.chunks_mut(COLUMNS).enumerate() {
            let first = start + i * COLUMNS;
            let all = rows(
                gather,
                0..features * count,
                features,
                first..first + out.len(),
            );
            for (i, o) in out.iter_mut().enumerate() {
                *o = [all[0][i], all[1][i]];
            }
        }
    });
}
