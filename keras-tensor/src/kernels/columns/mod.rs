//! A few numbers for each feature, gathered from all elements that share it: sums, moments.
//!
//! Memory is read once, in the order in which it lies, and numbers are merged in an order that the shape alone decides.

mod gathers;

pub(super) use gathers::{Gate, GradientSums, Moments, Sum, gated, moments, scaled};

use std::array;
use std::ops::Range;

use super::arrays::of_each;
use super::elementwise::Number;
use super::shares::{SHARE, for_shares};
use super::simd::{Loop, vectorized};
use super::{Lanes, with_space};
use crate::Result;

/// Elements that one run gathers before runs are merged in pairs.
pub(super) const RUN: usize = 1024;
/// Rows that one run gathers before runs are merged in pairs.
const ROWS: usize = 64;
/// Columns that are gathered side by side.
const COLUMNS: usize = 64;

/// What is gathered: `K` numbers for each feature.
pub(super) trait Gather<const K: usize>: Copy + Sync {
    type Number: Number;
    /// From elements side by side, at most [`RUN`], all of one feature.
    fn lane(self, elements: Range<usize>, feature: usize) -> [Self::Number; K];
    /// From rows of `row` elements, for each of some columns, at most [`COLUMNS`]; what belongs to features is repeated
    /// along a row.
    fn rows(
        self,
        elements: Range<usize>,
        row: usize,
        columns: Range<usize>,
    ) -> [[Self::Number; COLUMNS]; K];
    /// What `a` and `b` make together, which were gathered from so many elements.
    fn merged(a: [Self::Number; K], b: [Self::Number; K], counts: [usize; 2]) -> [Self::Number; K];
}

struct Lane<G, const K: usize> {
    gather: G,
    elements: Range<usize>,
    feature: usize,
}

impl<G: Gather<K>, const K: usize> Loop for Lane<G, K> {
    type Output = [G::Number; K];
    #[inline(always)]
    fn run(self) -> [G::Number; K] {
        self.gather.lane(self.elements, self.feature)
    }
}

/// From elements side by side, all of one feature.
pub(super) fn lane<G: Gather<K>, const K: usize>(
    gather: G,
    elements: Range<usize>,
    feature: usize,
) -> [G::Number; K] {
    let size = elements.len();
    if size <= RUN {
        return vectorized(Lane {
            gather,
            elements,
            feature,
        });
    }
    let before = (size / 2).next_multiple_of(RUN);
    let middle = elements.start + before;
    let left = lane(gather, elements.start..middle, feature);
    let right = lane(gather, middle..elements.end, feature);
    G::merged(left, right, [before, size - before])
}

/// From samples, each of whose elements of one feature lie side by side.
fn samples<G: Gather<K>, const K: usize>(
    gather: G,
    lanes: &Lanes,
    which: Range<usize>,
    feature: usize,
) -> [G::Number; K] {
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

/// A run of rows, with what is gathered from them: `K` rows of numbers.
struct Rows<'a, G: Gather<K>, const K: usize> {
    gather: G,
    elements: Range<usize>,
    features: usize,
    out: &'a mut [G::Number],
}

impl<G: Gather<K>, const K: usize> Loop for Rows<'_, G, K> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (gather, features) = (self.gather, self.features);
        let Range { start, end } = self.elements;
        let times = COLUMNS / features;
        if times < 2 {
            for first in (0..features).step_by(COLUMNS) {
                let columns = first..features.min(first + COLUMNS);
                let all = gather.rows(start..end, features, columns.clone());
                for (out, values) in self.out.chunks_exact_mut(features).zip(&all) {
                    out[columns.clone()].copy_from_slice(&values[..columns.len()]);
                }
            }
            return;
        }
        // Several short rows are one long one.
        let long = times * features;
        let middle = start + (end - start) / long * long;
        let count = (middle - start) / long;
        let whole = gather.rows(start..middle, long, 0..long);
        let rest = gather.rows(middle..end, features, 0..features);
        for f in 0..features {
            let of = |part: usize| of_each(&whole, part * features + f);
            let parts = if count > 0 { times } else { 0 };
            let mut all = (0..parts)
                .map(of)
                .enumerate()
                .reduce(|(_, a), (part, b)| (part, G::merged(a, b, [part * count, count])));
            if middle < end {
                let (b, more) = (of_each(&rest, f), (end - middle) / features);
                all = Some(match all {
                    Some((part, a)) => (part, G::merged(a, b, [times * count, more])),
                    None => (0, b),
                });
            }
            let (_, all) = all.expect("there are rows");
            for (out, value) in self.out.chunks_exact_mut(features).zip(all) {
                out[f] = value;
            }
        }
    }
}

/// `K` numbers of each feature of `[outer, features, inner]`, which has elements; `out` is `[K, features]`.
pub(super) fn gathered<G: Gather<K>, const K: usize>(
    gather: G,
    lanes: &Lanes,
    out: &mut [G::Number],
) -> Result<()> {
    let (features, outer) = (lanes.axis, lanes.outer);
    if lanes.inner > 1 {
        return with_space(features * K, |space: &mut [G::Number]| {
            let share = (SHARE / (outer * lanes.inner)).max(1);
            for_shares(space, share * K, &|start, space| {
                for (i, o) in space.chunks_exact_mut(K).enumerate() {
                    o.copy_from_slice(&samples(gather, lanes, 0..outer, start / K + i));
                }
            });
            for (f, values) in space.chunks_exact(K).enumerate() {
                (0..K).for_each(|k| out[k * features + f] = values[k]);
            }
            Ok(())
        });
    }
    // Rows in a run.
    let run = ROWS * (COLUMNS / features).max(1);
    let gather_runs = |first: usize, space: &mut [G::Number]| {
        for (i, out) in space.chunks_exact_mut(features * K).enumerate() {
            let start = (first + i) * run;
            let elements = start * features..outer.min(start + run) * features;
            vectorized(Rows {
                gather,
                elements,
                features,
                out,
            });
        }
    };
    let (runs, width) = (outer.div_ceil(run), features * K);
    if runs == 1 {
        gather_runs(0, out);
        return Ok(());
    }
    with_space(runs * width, |space: &mut [G::Number]| {
        let share = (SHARE / (run * features)).max(1);
        for_shares(space, share * width, &|start, space| {
            gather_runs(start / width, space)
        });
        let mut step = 1;
        while step < runs {
            for first in (0..runs - step).step_by(2 * step) {
                let (a, b) = space.split_at_mut((first + step) * width);
                let end = outer.min((first + 2 * step) * run);
                vectorized(Merge::<G, K> {
                    a: &mut a[first * width..][..width],
                    b: &b[..width],
                    counts: [step * run, end - (first + step) * run],
                });
            }
            step *= 2;
        }
        out.copy_from_slice(&space[..width]);
        Ok(())
    })
}

/// What is gathered from two parts, merged into the first.
struct Merge<'a, G: Gather<K>, const K: usize> {
    a: &'a mut [G::Number],
    b: &'a [G::Number],
    counts: [usize; 2],
}

impl<G: Gather<K>, const K: usize> Loop for Merge<'_, G, K> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let features = self.a.len() / K;
        for f in 0..features {
            let a = array::from_fn(|k| self.a[k * features + f]);
            let b = array::from_fn(|k| self.b[k * features + f]);
            let all = G::merged(a, b, self.counts);
            (0..K).for_each(|k| self.a[k * features + f] = all[k]);
        }
    }
}
