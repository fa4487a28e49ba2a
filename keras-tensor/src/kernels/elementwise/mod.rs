//! Functions of single elements and of pairs of elements.
//!
//! Every function is compiled as one loop that writes over its first operand. A new tensor gets the operand's elements block by
//! block, while they are in the first cache, and the loop runs over the copy: so it need not be compiled once more for every
//! way that operands lie. Which function it is gets looked up once a block.

mod blocks;
mod number;
mod pairs;
mod single;

pub(super) use number::Number;
pub(super) use pairs::{activation_grad, binary};
pub(super) use single::unary;

use num_traits::Float;
use smallvec::SmallVec;

use self::blocks::meet_in_place;
use super::elementary::Elementary;
use super::simd::{Loop, vectorized, widest};
use super::{elements, with_float, with_number};
use crate::buffer::Buffer;
use crate::dtype::Element;
use crate::op::{Fused, Op};
use crate::{DType, Result, Shape, Tensor};

struct Map<'a, T, F> {
    x: &'a mut [T],
    f: F,
}

impl<T: Copy, F: Fn(T) -> T> Loop for Map<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for x in self.x.iter_mut() {
            *x = (self.f)(*x);
        }
    }
}

struct Zip<'a, T, F> {
    a: &'a mut [T],
    b: &'a [T],
    f: F,
}

impl<T: Copy, F: Fn(T, T) -> T> Loop for Zip<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (a, &b) in self.a.iter_mut().zip(self.b) {
            *a = (self.f)(*a, b);
        }
    }
}

/// Whether an op's result can be written over its first operand, where the two have the same dtype and shape.
pub(super) fn fits_in_place(op: &Op) -> bool {
    match op {
        Op::Binary(b) => !b.gives_bools(),
        Op::Unary(_) | Op::ActivationGrad(_) | Op::Clip(_) => true,
        _ => false,
    }
}

/// A function of each element, over the first operand.
pub(super) fn in_place(
    op: &Op,
    memory: &mut Buffer,
    dtype: DType,
    shape: &Shape,
    other: Option<&Tensor>,
) -> Result<()> {
    let size = shape.size();
    let other = || other.expect("the door has counted the inputs");
    match op {
        Op::Binary(b) => with_number!(dtype, T => {
            meet_in_place(elements::<T>(memory, size), shape, other(), &|x, y| pairs::arithmetic(*b, x, y))
        }),
        Op::ActivationGrad(a) => with_float!(dtype, T => {
            meet_in_place(elements::<T>(memory, size), shape, other(), &|g, y| pairs::grad(*a, g, y))
        }),
        _ => single::in_place(op, memory, dtype, size),
    }
}

/// Applies an activation to a kernel's own result.
pub(super) fn activate<T: Element + Number + Float + Elementary>(activation: Fused, x: &mut [T]) {
    match activation {
        Fused::Linear => {}
        Fused::Relu => vectorized(Map {
            x,
            f: |v| Number::max(v, T::ZERO),
        }),
        Fused::Relu6 => vectorized(Map {
            x,
            f: |v| Number::min(Number::max(v, T::ZERO), T::from_f64(6.0)),
        }),
        Fused::Sigmoid => widest(Map {
            x,
            f: Elementary::sigmoid,
        }),
        Fused::Tanh => widest(Map {
            x,
            f: Elementary::tanh,
        }),
    }
}

/// Between what values an activation that is no more than bounds keeps its argument.
pub(super) fn bounds<T: Number + Float>(activation: Fused) -> [T; 2] {
    match activation {
        Fused::Relu => [T::ZERO, T::infinity()],
        Fused::Relu6 => [T::ZERO, T::from_f64(6.0)],
        Fused::Linear | Fused::Sigmoid | Fused::Tanh => [T::neg_infinity(), T::infinity()],
    }
}

/// Axes of `small` within `shape`, aligned at the last: 0 where it is repeated, else its step.
pub(super) fn repeated_strides(shape: &[usize], small: &[usize]) -> SmallVec<[usize; 6]> {
    let missing = shape.len() - small.len();
    let mut strides: SmallVec<[usize; 6]> = smallvec::smallvec![0; shape.len()];
    let mut step = 1;
    for i in (0..small.len()).rev() {
        if small[i] != 1 {
            strides[i + missing] = step;
        }
        step *= small[i];
    }
    strides
}
