//! Functions of pairs of elements, broadcast.

use super::super::simd::vectorized;
use super::super::{with_float, with_number};
use super::blocks::meet;
use super::{Number, Zip};
use crate::dtype::Element;
use crate::op::{Binary, Fused};
use crate::{DType, Result, Shape, Tensor};

/// A loop over pairs, which writes over the first of each.
type Over<'a, T> = &'a (dyn Fn(&mut [T], &[T]) + Sync);

/// A function of pairs of elements, into a new tensor.
pub(in crate::kernels) fn binary(
    op: Binary,
    a: &Tensor,
    b: &Tensor,
    dtype: DType,
    shape: Shape,
) -> Result<Tensor> {
    with_number!(a.dtype(), T => if op.gives_bools() {
        meet([a, b], dtype, shape, &|a: &[T], b, out| compare(op, a, b, out))
    } else {
        fresh([a, b], dtype, shape, &|a: &mut [T], b| arithmetic(op, a, b))
    })
}

/// The outer gradient through an activation whose output is `y`.
pub(in crate::kernels) fn activation_grad(
    activation: Fused,
    g: &Tensor,
    y: &Tensor,
) -> Result<Tensor> {
    let (dtype, shape) = (g.dtype(), g.shape().clone());
    with_float!(dtype, T => match activation {
        Fused::Linear => Ok(g.viewed(shape)),
        _ => fresh([g, y], dtype, shape, &|g: &mut [T], y| grad(activation, g, y)),
    })
}

fn fresh<T: Element>(
    operands: [&Tensor; 2],
    dtype: DType,
    shape: Shape,
    over: Over<T>,
) -> Result<Tensor> {
    meet(operands, dtype, shape, &|a: &[T], b, out: &mut [T]| {
        out.copy_from_slice(a);
        over(out, b);
    })
}

pub(super) fn arithmetic<T: Number>(op: Binary, a: &mut [T], b: &[T]) {
    match op {
        Binary::Add => apply(a, b, T::add),
        Binary::Sub => apply(a, b, T::sub),
        Binary::Mul => apply(a, b, T::mul),
        Binary::Div => apply(a, b, T::div),
        Binary::Max => apply(a, b, T::max),
        Binary::Min => apply(a, b, T::min),
        Binary::Pow => one_by_one(a, b, T::pow),
        Binary::Mod => one_by_one(a, b, T::rem),
        Binary::FloorDiv => one_by_one(a, b, T::floor_div),
        _ => unreachable!("{op:?} gives bools"),
    }
}

pub(super) fn grad<T: Number>(activation: Fused, g: &mut [T], y: &[T]) {
    // The sum with 0 changes nothing: of what just stays as it is, the compiler makes stores with masks, which are slow.
    let where_ = |holds, g: T| if holds { g.add(T::ZERO) } else { T::ZERO };
    match activation {
        Fused::Linear => {}
        Fused::Relu => apply(g, y, |g, y| where_(y > T::ZERO, g)),
        Fused::Relu6 => {
            let six = T::from_f64(6.0);
            apply(g, y, |g, y| where_((y > T::ZERO) & (y < six), g));
        }
        Fused::Sigmoid => apply(g, y, |g, y| g.mul(y.mul(T::ONE.sub(y)))),
        Fused::Tanh => apply(g, y, |g, y| g.mul(T::ONE.sub(y.mul(y)))),
    }
}

fn compare<T: Number>(op: Binary, a: &[T], b: &[T], out: &mut [u8]) {
    let zero = T::ZERO;
    match op {
        Binary::Equal => holds(a, b, out, |a, b| a == b),
        Binary::NotEqual => holds(a, b, out, |a, b| a != b),
        Binary::Less => holds(a, b, out, |a, b| a < b),
        Binary::LessEqual => holds(a, b, out, |a, b| a <= b),
        Binary::Greater => holds(a, b, out, |a, b| a > b),
        Binary::GreaterEqual => holds(a, b, out, |a, b| a >= b),
        Binary::And => holds(a, b, out, |a, b| a != zero && b != zero),
        Binary::Or => holds(a, b, out, |a, b| a != zero || b != zero),
        Binary::Xor => holds(a, b, out, |a, b| (a != zero) != (b != zero)),
        _ => unreachable!("{op:?} gives numbers"),
    }
}

fn holds<T: Copy>(a: &[T], b: &[T], out: &mut [u8], f: impl Fn(T, T) -> bool) {
    for ((o, &a), &b) in out.iter_mut().zip(a).zip(b) {
        *o = f(a, b) as u8;
    }
}

fn apply<T: Copy>(a: &mut [T], b: &[T], f: impl Fn(T, T) -> T) {
    vectorized(Zip { a, b, f });
}

/// For functions of the system's library, of which no vectors can be made.
fn one_by_one<T: Copy>(a: &mut [T], b: &[T], f: fn(T, T) -> T) {
    for (a, &b) in a.iter_mut().zip(b) {
        *a = f(*a, b);
    }
}
