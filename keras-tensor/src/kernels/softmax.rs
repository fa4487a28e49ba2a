//! Softmax and its cross-entropy, forwards and backwards, in one pass over rows.

use num_traits::Float;
use smallvec::SmallVec;
use std::array;

use super::elementary::Elementary;
use super::elementwise::Number;
use super::fold::{fold, sum_of};
use super::shares::{SHARE, for_shares};
use super::simd::{Loop, vectorized};
use super::{Lanes, layout, with_float};
use crate::{Result, Shape, Tensor};

/// What is done with each row of inputs, and of the output.
struct Rows<'a, T, F, const N: usize> {
    inputs: [&'a [T]; N],
    out: &'a mut [T],
    size: usize,
    f: F,
}

impl<T, F: Fn([&[T]; N], &mut [T]), const N: usize> Loop for Rows<'_, T, F, N> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (r, out) in self.out.chunks_exact_mut(self.size).enumerate() {
            let row = r * self.size..(r + 1) * self.size;
            (self.f)(self.inputs.map(|x| &x[row.clone()]), out);
        }
    }
}

/// Lets `f` make each row of `size` elements from the same row of the inputs.
fn for_rows<T: Number, const N: usize>(
    inputs: [&[T]; N],
    out: &mut [T],
    size: usize,
    f: impl Fn([&[T]; N], &mut [T]) + Copy + Sync,
) {
    if out.is_empty() {
        return;
    }
    for_shares(out, size * (SHARE / size).max(1), &|start, out| {
        let inputs = inputs.map(|x| &x[start..start + out.len()]);
        vectorized(Rows {
            inputs,
            out,
            size,
            f,
        });
    });
}

#[inline(always)]
fn largest<T: Number>(x: &[T]) -> T {
    fold([x], T::LOWEST, |[v]| v, <T as Number>::max)
}

/// `exp(x - max(x))` into `out`; gives its sum.
#[inline(always)]
fn exponentials<T: Number + Float + Elementary>(x: &[T], out: &mut [T]) -> T {
    let top = largest(x);
    for (o, &x) in out.iter_mut().zip(x) {
        *o = <T as Elementary>::exp(x - top);
    }
    sum_of([&*out], |[e]| e)
}

/// A kernel of the last axis, run along another one.
fn along<const N: usize>(
    axis: usize,
    inputs: [&Tensor; N],
    work: impl Fn([&Tensor; N]) -> Result<Tensor>,
) -> Result<Tensor> {
    if Lanes::new(inputs[0].shape(), axis).inner == 1 {
        return work(inputs);
    }
    let last = inputs[0].rank() - 1;
    let swapped = |x: &Tensor| {
        let mut order: SmallVec<[usize; 6]> = (0..=last).collect();
        order.swap(axis, last);
        let shape = order.iter().map(|&a| x.shape()[a]).collect();
        layout::transpose(x, &order, shape)
    };
    let moved: SmallVec<[Tensor; 2]> = inputs.into_iter().map(swapped).collect::<Result<_>>()?;
    swapped(&work(array::from_fn(|i| &moved[i]))?)
}

/// `exp(x) / sum(exp(x))` along an axis.
pub(super) fn softmax(x: &Tensor, axis: usize) -> Result<Tensor> {
    let size = x.shape()[axis];
    along(axis, [x], |[x]| {
        with_float!(x.dtype(), T => {
            Tensor::build(x.dtype(), x.shape().clone(), |out: &mut [T]| {
                for_rows([x.raw::<T>()], out, size, |[x], out| {
                    let total = exponentials(x, out);
                    out.iter_mut().for_each(|o| *o /= total);
                });
            })
        })
    })
}

/// `y * (g - sum(g * y))` along an axis.
pub(super) fn softmax_grad(axis: usize, g: &Tensor, y: &Tensor) -> Result<Tensor> {
    let size = y.shape()[axis];
    along(axis, [g, y], |[g, y]| {
        with_float!(y.dtype(), T => {
            Tensor::build(y.dtype(), y.shape().clone(), |out: &mut [T]| {
                for_rows([g.raw::<T>(), y.raw::<T>()], out, size, |[g, y], out| {
                    let total = sum_of([g, y], |[g, y]| g * y);
                    for ((o, &g), &y) in out.iter_mut().zip(g).zip(y) {
                        *o = y * (g - total);
                    }
                });
            })
        })
    })
}

/// `sum(t) * log(sum(exp(x))) - sum(t * x)` over the last axis.
pub(super) fn cross_entropy(logits: &Tensor, targets: &Tensor, shape: Shape) -> Result<Tensor> {
    let classes = logits.shape()[logits.rank() - 1];
    with_float!(logits.dtype(), T => {
        let (x, t) = (logits.raw::<T>(), targets.raw::<T>());
        Tensor::build(logits.dtype(), shape, |out: &mut [T]| {
            for_shares(out, (SHARE / classes.max(1)).max(1), &|start, out| {
                let rows = start * classes..(start + out.len()) * classes;
                let (x, t) = (&x[rows.clone()], &t[rows]);
                vectorized(CrossEntropy { x, t, out, classes });
            });
        })
    })
}

struct CrossEntropy<'a, T> {
    x: &'a [T],
    t: &'a [T],
    out: &'a mut [T],
    classes: usize,
}

impl<T: Number + Float + Elementary> Loop for CrossEntropy<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (r, out) in self.out.iter_mut().enumerate() {
            let row = r * self.classes..(r + 1) * self.classes;
            let (x, t) = (&self.x[row.clone()], &self.t[row]);
            let top = largest(x);
            let log_total = sum_of([x], |[x]| <T as Elementary>::exp(x - top)).ln();
            // A target of exactly 0 takes no part, so that a logit of minus infinity may stand there.
            *out = sum_of([x, t], |[x, t]| {
                let part = t * (log_total - (x - top));
                if t == T::ZERO { T::ZERO } else { part }
            });
        }
    }
}

/// `g * (softmax(x) * sum(t) - t)` over the last axis.
pub(super) fn cross_entropy_grad(x: &Tensor, t: &Tensor, g: &Tensor) -> Result<Tensor> {
    let classes = x.shape()[x.rank() - 1];
    with_float!(x.dtype(), T => {
        let (x_, t, g) = (x.raw::<T>(), t.raw::<T>(), g.raw::<T>());
        Tensor::build(x.dtype(), x.shape().clone(), |out: &mut [T]| {
            if out.is_empty() {
                return;
            }
            for_shares(out, classes * (SHARE / classes).max(1), &|start, out| {
                let part = start..start + out.len();
                vectorized(CrossEntropyGrad {
                    x: &x_[part.clone()],
                    t: &t[part],
                    g: &g[start / classes..],
                    out,
                    classes,
                });
            });
        })
    })
}

struct CrossEntropyGrad<'a, T> {
    x: &'a [T],
    t: &'a [T],
    g: &'a [T],
    out: &'a mut [T],
    classes: usize,
}

impl<T: Number + Float + Elementary> Loop for CrossEntropyGrad<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let classes = self.classes;
        let rows = self
            .x
            .chunks_exact(classes)
            .zip(self.t.chunks_exact(classes));
        let outer = self.out.chunks_exact_mut(classes).zip(self.g);
        for ((x, t), (out, &g)) in rows.zip(outer) {
            let share = sum_of([t], |[t]| t) / exponentials(x, out);
            for (o, &t) in out.iter_mut().zip(t) {
                *o = o.mul_add(share, -t) * g;
            }
        }
    }
}
