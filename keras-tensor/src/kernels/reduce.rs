//! Folding axes. Sums are formed in an order that the shape alone decides.

use smallvec::SmallVec;

use super::columns::{Sum, gathered};
use super::elementwise::Number;
use super::fold::{fold, sum_of};
use super::shares::{SHARE, try_for_shares};
use super::simd::{Loop, vectorized};
use super::threads;
use super::{Lanes, layout, with_fold};
use crate::dtype::Element;
use crate::op::{ArgReduce, CumSum, Fold, Reduce};
use crate::{DType, Result, Shape, Tensor};

/// Elements that one run of a sum adds before runs are added in pairs.
const RUN: usize = 256;
/// Rows that are added one after the other, without runs that are added in pairs.
const ROWS: usize = 32;

struct SumSlice<'a, T>(&'a [T]);

impl<T: Number> Loop for SumSlice<'_, T> {
    type Output = T;
    #[inline(always)]
    fn run(self) -> T {
        sum_of([self.0], |[v]| v)
    }
}

/// Pairwise summation: rounding errors grow with the logarithm of the length.
pub(super) fn sum<T: Number>(x: &[T]) -> T {
    if x.len() <= RUN {
        return vectorized(SumSlice(x));
    }
    let (left, right) = x.split_at((x.len() / 2).next_multiple_of(RUN));
    let (left, right) = both(x.len(), || sum(left), || sum(right));
    left.add(right)
}

/// The results of two halves of work on `size` elements, of two threads where it is large.
fn both<R: Send>(
    size: usize,
    a: impl FnOnce() -> R + Send,
    b: impl FnOnce() -> R + Send,
) -> (R, R) {
    match size > 2 * SHARE {
        true => threads::join(a, b),
        false => (a(), b()),
    }
}

/// Folds all elements.
struct FoldSlice<'a, T, F> {
    x: &'a [T],
    start: T,
    f: F,
}

impl<T: Number, F: Fn(T, T) -> T> Loop for FoldSlice<'_, T, F> {
    type Output = T;
    #[inline(always)]
    fn run(self) -> T {
        fold([self.x], self.start, |[v]| v, self.f)
    }
}

/// Folds rows `[rows, n]` into a row `[n]`.
struct FoldRows<'a, T, F> {
    x: &'a [T],
    out: &'a mut [T],
    f: F,
}

impl<T: Copy, F: Fn(T, T) -> T> Loop for FoldRows<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for row in self.x.chunks_exact(self.out.len()) {
            for (o, &v) in self.out.iter_mut().zip(row) {
                *o = (self.f)(*o, v);
            }
        }
    }
}

/// `[outer, n, inner]` to `[outer, inner]`, folding from `start`.
fn fold_axis<T: Number>(
    x: &[T],
    out: &mut [T],
    lanes: &Lanes,
    start: T,
    f: impl Fn(T, T) -> T + Copy + Sync,
) -> Result<()> {
    if lanes.axis * lanes.inner == 0 {
        out.fill(start);
        return Ok(());
    }
    for_blocks(x, out, lanes, |x, out| {
        out.fill(start);
        match out {
            [o] => *o = vectorized(FoldSlice { x, start, f }),
            _ => vectorized(FoldRows { x, out, f }),
        }
        Ok(())
    })
}

/// Calls `work` with each block `[n, inner]` of the input and its part `[inner]` of the output.
fn for_blocks<T: Number>(
    x: &[T],
    out: &mut [T],
    lanes: &Lanes,
    work: impl Fn(&[T], &mut [T]) -> Result<()> + Sync,
) -> Result<()> {
    let block = lanes.axis * lanes.inner;
    let blocks = (SHARE / block).max(1);
    try_for_shares(out, blocks * lanes.inner, &|start, out| {
        let x = &x[start * lanes.axis..];
        let parts = out.chunks_exact_mut(lanes.inner);
        parts
            .zip(x.chunks_exact(block))
            .try_for_each(|(out, x)| work(x, out))
    })
}

fn sum_axis<T: Number>(x: &[T], out: &mut [T], lanes: &Lanes) -> Result<()> {
    match (lanes.axis * lanes.inner, lanes.inner) {
        (0, _) => out.fill(T::ZERO),
        (_, 1) => {
            return for_blocks(x, out, lanes, |x, out| {
                out[0] = sum(x);
                Ok(())
            });
        }
        _ if lanes.axis <= ROWS => return fold_axis(x, out, lanes, T::ZERO, T::add),
        _ => {
            let rows = Lanes {
                outer: lanes.axis,
                axis: lanes.inner,
                inner: 1,
            };
            return for_blocks(x, out, lanes, |x, out| gathered(Sum(x), &rows, out));
        }
    }
    Ok(())
}

/// The input with the folded axes side by side, and how to see it as `[outer, axis, inner]`.
fn side_by_side(x: &Tensor, axes: &[usize]) -> Result<(Tensor, Lanes)> {
    let contiguous = axes.windows(2).all(|w| w[1] == w[0] + 1);
    let count = axes.iter().map(|&a| x.shape()[a]).product();
    if axes.is_empty() {
        let lanes = Lanes {
            outer: x.size(),
            axis: 1,
            inner: 1,
        };
        return Ok((x.clone(), lanes));
    }
    if contiguous {
        let lanes = Lanes {
            outer: x.shape()[..axes[0]].iter().product(),
            axis: count,
            inner: x.shape()[axes[axes.len() - 1] + 1..].iter().product(),
        };
        return Ok((x.clone(), lanes));
    }
    let order: SmallVec<[usize; 6]> = (0..x.rank())
        .filter(|a| !axes.contains(a))
        .chain(axes.iter().copied())
        .collect();
    let shape = order.iter().map(|&a| x.shape()[a]).collect();
    let moved = layout::transpose(x, &order, shape)?;
    let lanes = Lanes {
        outer: x.size().checked_div(count).unwrap_or(0),
        axis: count,
        inner: 1,
    };
    Ok((moved, lanes))
}

/// The fold of bools by another name: of none of them, the largest is false, not the least integer.
pub(super) fn of_bools(r: &Reduce) -> Reduce {
    let fold = match r.fold {
        Fold::Max => Fold::Any,
        Fold::Min => Fold::All,
        other => other,
    };
    Reduce { fold, ..r.clone() }
}

pub(super) fn reduce(r: &Reduce, x: &Tensor, shape: Shape) -> Result<Tensor> {
    let (x, lanes) = side_by_side(x, &r.axes)?;
    let dtype = x.dtype();
    with_fold!(dtype, T => {
        let values = x.raw::<T>();
        let sums = |out: &mut [T]| sum_axis(values, out, &lanes);
        let most = |out: &mut [T], start| fold_axis(values, out, &lanes, start, <T as Number>::max);
        let least = |out: &mut [T], start| fold_axis(values, out, &lanes, start, <T as Number>::min);
        Tensor::try_build(dtype, shape, |out: &mut [T]| match r.fold {
            Fold::Sum => sums(out),
            Fold::Mean => {
                sums(out)?;
                let count = T::from_f64(lanes.axis as f64);
                for o in out.iter_mut() {
                    *o = Number::div(*o, count);
                }
                Ok(())
            }
            Fold::Max => most(out, T::LOWEST),
            Fold::Any => most(out, T::ZERO),
            Fold::Min => least(out, T::HIGHEST),
            Fold::All => least(out, T::ONE),
            Fold::Prod => fold_axis(values, out, &lanes, T::ONE, <T as Number>::mul),
        })
    })
}

pub(super) fn arg_reduce(a: &ArgReduce, x: &Tensor, shape: Shape) -> Result<Tensor> {
    let lanes = Lanes::new(x.shape(), a.axis);
    with_fold!(x.dtype(), T => {
        let x = x.raw::<T>();
        Tensor::build(DType::I64, shape, |out: &mut [i64]| {
            for (i, o) in out.iter_mut().enumerate() {
                let (block, lane) = (i / lanes.inner, i % lanes.inner);
                let at = |j: usize| x[(block * lanes.axis + j) * lanes.inner + lane];
                let mut best = 0;
                for j in 1..lanes.axis {
                    let better = if a.largest { at(j) > at(best) } else { at(j) < at(best) };
                    if better {
                        best = j;
                    }
                }
                *o = best as i64;
            }
        })
    })
}

pub(super) fn cumsum(c: &CumSum, x: &Tensor) -> Result<Tensor> {
    let lanes = Lanes::new(x.shape(), c.axis);
    with_fold!(x.dtype(), T => {
        let source = x.raw::<T>();
        Tensor::build(x.dtype(), x.shape().clone(), |out: &mut [T]| {
            out.copy_from_slice(source);
            let n = lanes.inner;
            for o in 0..lanes.outer {
                for j in 1..lanes.axis {
                    let j = if c.reverse { lanes.axis - 1 - j } else { j };
                    let before = if c.reverse { j + 1 } else { j - 1 };
                    for i in 0..n {
                        let (to, from) = ((o * lanes.axis + j) * n + i, (o * lanes.axis + before) * n + i);
                        out[to] = Number::add(out[to], out[from]);
                    }
                }
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Op, apply_one};

    #[test]
    fn the_largest_and_the_least_of_nothing() {
        let fold = |fold, x: &Tensor| {
            let axes = [0][..].into();
            let keep_dims = false;
            let op = Op::Reduce(Reduce {
                fold,
                axes,
                keep_dims,
            });
            apply_one(op, &[x]).unwrap()
        };
        let integers = Tensor::new::<i32>(&[], [0, 1]).unwrap();
        let bools = Tensor::new::<bool>(&[], [0, 1]).unwrap();
        assert_eq!(fold(Fold::Max, &integers).raw::<i32>(), [i32::MIN]);
        assert_eq!(fold(Fold::Min, &integers).raw::<i32>(), [i32::MAX]);
        assert_eq!(fold(Fold::Max, &bools).raw::<u8>(), [0]);
        assert_eq!(fold(Fold::Min, &bools).raw::<u8>(), [1]);
    }
}
