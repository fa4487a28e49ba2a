//! Operands read block by block, the smaller ones repeated to fill the shape of the result.

use smallvec::SmallVec;
use std::borrow::Cow;

use super::super::layout;
use super::super::shares::{SHARE, for_shares};
use crate::dtype::Element;
use crate::{DType, Result, Shape, Tensor};

/// Elements of a block: what a loop reads and writes of one stays in the first cache.
pub(super) const BLOCK: usize = 1024;

/// What is done with blocks of two operands and of the result.
type Meeting<'a, T, U> = dyn Fn(&[T], &[T], &mut [U]) + Sync + 'a;

/// A new tensor, of which `work(a, b, out)` fills a block from those of its operands.
pub(super) fn meet<T: Element, U: Element>(
    [a, b]: [&Tensor; 2],
    dtype: DType,
    shape: Shape,
    work: &Meeting<T, U>,
) -> Result<Tensor> {
    let (a, b) = (repeatable(a, &shape)?, repeatable(b, &shape)?);
    let (a, b) = (Repeated::of(&a, &shape), Repeated::of(&b, &shape));
    let block = block(a.period.min(b.period));
    Tensor::build(dtype, shape, |out| {
        for_shares(out, SHARE, &|start, out| {
            let (mut a, mut b) = (Blocks::new(a), Blocks::new(b));
            for (i, out) in out.chunks_mut(block).enumerate() {
                let (start, size) = (start + i * block, out.len());
                work(a.at(start, size), b.at(start, size), out);
            }
        });
    })
}

/// Calls `work(a, b)` for every block of `a`, which has this shape, and what meets it of `b`.
pub(super) fn meet_in_place<T: Element>(
    a: &mut [T],
    shape: &Shape,
    b: &Tensor,
    work: &(dyn Fn(&mut [T], &[T]) + Sync),
) -> Result<()> {
    let b = repeatable(b, shape)?;
    let b = Repeated::of(&b, shape);
    let block = block(b.period);
    for_shares(a, SHARE, &|start, a| {
        let mut b = Blocks::new(b);
        for (i, a) in a.chunks_mut(block).enumerate() {
            work(a, b.at(start + i * block, a.len()));
        }
    });
    Ok(())
}

/// As many elements as a block holds of whole periods, so that all blocks begin at the same place of one.
fn block(period: usize) -> usize {
    BLOCK / period.clamp(1, BLOCK) * period.clamp(1, BLOCK)
}

/// How a smaller operand is repeated to fill `shape`: `Some(inner)` where element `[o, m, i]` of the whole meets its element
/// `m`, and `inner` is the number of `i`.
fn repetition(shape: &[usize], small: &[usize]) -> Option<usize> {
    let missing = shape.len() - small.len();
    let padded = |i: usize| if i < missing { 1 } else { small[i - missing] };
    let Some(first) = (0..shape.len()).find(|&i| padded(i) != 1) else {
        return Some(shape.iter().product());
    };
    let last = (0..shape.len()).rfind(|&i| padded(i) != 1)?;
    (first..=last)
        .all(|i| padded(i) == shape[i])
        .then(|| shape[last + 1..].iter().product())
}

/// The operand, or one of the whole shape where its elements are repeated in another manner than [`repetition`]'s.
fn repeatable<'a>(x: &'a Tensor, shape: &Shape) -> Result<Cow<'a, Tensor>> {
    Ok(match repetition(shape, x.shape()) {
        Some(_) => Cow::Borrowed(x),
        None => Cow::Owned(layout::broadcast(x, shape.clone())?),
    })
}

/// Elements of which each is repeated `inner` times, and all of that without end.
#[derive(Clone, Copy)]
struct Repeated<'a, T> {
    values: &'a [T],
    inner: usize,
    /// Elements after which it begins anew.
    period: usize,
}

impl<'a, T: Element> Repeated<'a, T> {
    fn of(x: &'a Tensor, shape: &Shape) -> Self {
        let values = x.raw::<T>();
        let inner = repetition(shape, x.shape()).expect("the operand was made repeatable");
        let period = match values.len() {
            1 => 1,
            n => n * inner,
        };
        Repeated {
            values,
            inner,
            period,
        }
    }

    /// The elements from `at` of a period on.
    fn write(&self, at: usize, out: &mut [T]) {
        let (once, again) = out.split_at_mut(out.len().min(self.period));
        let mut filled = 0;
        while filled < once.len() {
            let i = (at + filled) % self.period;
            let left = once.len() - filled;
            let run = match self.inner {
                1 => {
                    let values = &self.values[i..];
                    let run = left.min(values.len());
                    once[filled..filled + run].copy_from_slice(&values[..run]);
                    run
                }
                inner => {
                    let run = left.min(inner - i % inner);
                    once[filled..filled + run].fill(self.values[i / inner]);
                    run
                }
            };
            filled += run;
        }
        for again in again.chunks_mut(self.period) {
            again.copy_from_slice(&once[..again.len()]);
        }
    }
}

/// Reads an operand; what has to be repeated is written into a room of its own.
struct Blocks<'a, T: Element> {
    operand: Repeated<'a, T>,
    room: SmallVec<[T; BLOCK]>,
    /// Where in a period the elements in the room begin.
    at: usize,
}

impl<'a, T: Element> Blocks<'a, T> {
    fn new(operand: Repeated<'a, T>) -> Self {
        Blocks {
            operand,
            room: SmallVec::new(),
            at: 0,
        }
    }

    /// `size` elements from `start` on.
    fn at(&mut self, start: usize, size: usize) -> &[T] {
        let Repeated {
            values,
            inner,
            period,
        } = self.operand;
        let at = start % period;
        if inner == 1 && at + size <= values.len() {
            return &values[at..at + size];
        }
        if self.at != at || self.room.len() < size {
            self.room.clear();
            self.room.resize(size, values[0]);
            if period > 1 {
                self.operand.write(at, &mut self.room);
            }
            self.at = at;
        }
        &self.room[..size]
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
            (50_000, 1, 1),
            (1, 1, 3),
            (0, 4, 2),
        ] {
            let shape = Shape::from([outer, middle, inner]);
            let counted = |from: usize, n: usize| (from..from + n).map(|i| i as f64).collect();
            let (whole, small): (Vec<f64>, Vec<f64>) =
                (counted(0, shape.size()), counted(1, middle));
            let whole = Tensor::new(&whole, shape.clone()).unwrap();
            let small = Tensor::new(&small, [middle, 1]).unwrap();
            let of_small = |i: usize| (i / inner % middle + 1) as f64;
            let wanted: Vec<f64> = (0..shape.size()).map(|i| i as f64 - of_small(i)).collect();
            let subtract = |a: &[f64], b: &[f64], out: &mut [f64]| {
                for ((o, a), b) in out.iter_mut().zip(a).zip(b) {
                    *o = a - b;
                }
            };
            let out = meet([&whole, &small], DType::F64, shape.clone(), &subtract).unwrap();
            assert_eq!(out.raw::<f64>(), wanted);
            let out = meet([&small, &whole], DType::F64, shape.clone(), &subtract).unwrap();
            assert!(out.raw::<f64>().iter().zip(&wanted).all(|(a, b)| *a == -b));
            let mut over = whole.raw::<f64>().to_vec();
            meet_in_place(&mut over, &shape, &small, &|a, b| {
                a.iter_mut().zip(b).for_each(|(a, b)| *a -= b);
            })
            .unwrap();
            assert_eq!(over, wanted);
        }
    }
}
