//! Functions of single elements.

use num_traits::Float;

use super::super::elementary::Elementary;
use super::super::shares::{SHARE, for_shares};
use super::super::simd::vectorized;
use super::super::{elements, with_float, with_number};
use super::blocks::BLOCK;
use super::{Map, Number};
use crate::buffer::Buffer;
use crate::dtype::Element;
use crate::op::{Clip, Op, Unary};
use crate::{DType, Result, Tensor};

/// A function of each element, into a new tensor.
pub(in crate::kernels) fn unary(op: &Op, x: &Tensor, dtype: DType) -> Result<Tensor> {
    match op {
        Op::Unary(u @ (Unary::IsNan | Unary::IsFinite)) if x.dtype().is_float() => {
            let nan = *u == Unary::IsNan;
            with_float!(x.dtype(), T => Tensor::build(dtype, x.shape().clone(), |out: &mut [u8]| {
                for (o, v) in out.iter_mut().zip(x.raw::<T>()) {
                    *o = (if nan { v.is_nan() } else { v.is_finite() }) as u8;
                }
            }))
        }
        Op::Unary(u @ (Unary::IsNan | Unary::IsFinite)) => {
            Tensor::build(dtype, x.shape().clone(), |out: &mut [u8]| {
                out.fill((*u == Unary::IsFinite) as u8);
            })
        }
        _ if x.dtype().is_float() => {
            with_float!(x.dtype(), T => fresh(x, &|part: &mut [T]| of_floats(op, part)))
        }
        _ => with_number!(x.dtype(), T => fresh(x, &|part: &mut [T]| of_integers(op, part))),
    }
}

/// A function of each element, over the operand.
pub(super) fn in_place(op: &Op, memory: &mut Buffer, dtype: DType, size: usize) -> Result<()> {
    match op {
        // Only bools come here: the result has the operand's dtype.
        Op::Unary(u @ (Unary::IsNan | Unary::IsFinite)) => {
            elements::<u8>(memory, size).fill((*u == Unary::IsFinite) as u8);
        }
        _ if dtype.is_float() => with_float!(dtype, T => {
            for_shares(elements::<T>(memory, size), SHARE, &|_, x| of_floats(op, x));
        }),
        _ => with_number!(dtype, T => {
            for_shares(elements::<T>(memory, size), SHARE, &|_, x| of_integers(op, x));
        }),
    }
    Ok(())
}

/// A copy that a function was applied to.
fn fresh<T: Element>(x: &Tensor, over: &(dyn Fn(&mut [T]) + Sync)) -> Result<Tensor> {
    let source = x.raw::<T>();
    Tensor::build(x.dtype(), x.shape().clone(), |out| {
        for_shares(out, SHARE, &|start, out| {
            for (from, out) in source[start..].chunks(BLOCK).zip(out.chunks_mut(BLOCK)) {
                out.copy_from_slice(&from[..out.len()]);
                over(out);
            }
        });
    })
}

fn clip<T: Number>(c: &Clip, x: &mut [T]) {
    let (low, high) = (T::from_f64(c.min), T::from_f64(c.max));
    let f = |v: T| Number::min(Number::max(v, low), high);
    vectorized(Map { x, f });
}

fn of_floats<T: Element + Number + Float + Elementary>(op: &Op, x: &mut [T]) {
    let op = match op {
        Op::Unary(u) => *u,
        Op::Clip(c) => return clip(c, x),
        _ => unreachable!("only functions of one element come here"),
    };
    match op {
        Unary::Neg => apply(x, <T as Number>::neg),
        Unary::Abs => apply(x, <T as Number>::abs),
        Unary::Sign => apply(x, <T as Number>::sign),
        Unary::Square => apply(x, |x| x * x),
        Unary::Sqrt => apply(x, Float::sqrt),
        Unary::Rsqrt => apply(x, |x| T::one() / x.sqrt()),
        Unary::Reciprocal => apply(x, |x| T::one() / x),
        Unary::Exp => apply(x, Elementary::exp),
        Unary::Tanh => apply(x, Elementary::tanh),
        Unary::Sigmoid => apply(x, Elementary::sigmoid),
        Unary::Relu => apply(x, |x| Number::max(x, T::ZERO)),
        Unary::Softplus => apply(x, Elementary::softplus),
        Unary::Erf => apply(x, Elementary::erf),
        Unary::Floor => apply(x, Float::floor),
        Unary::Ceil => apply(x, Float::ceil),
        Unary::Round => apply(x, round_half_even),
        Unary::Expm1 => one_by_one(x, Float::exp_m1),
        Unary::Log => one_by_one(x, Float::ln),
        Unary::Log1p => one_by_one(x, Float::ln_1p),
        Unary::Sin => one_by_one(x, Float::sin),
        Unary::Cos => one_by_one(x, Float::cos),
        Unary::Tan => one_by_one(x, Float::tan),
        Unary::Asin => one_by_one(x, Float::asin),
        Unary::Acos => one_by_one(x, Float::acos),
        Unary::Atan => one_by_one(x, Float::atan),
        Unary::Sinh => one_by_one(x, Float::sinh),
        Unary::Cosh => one_by_one(x, Float::cosh),
        Unary::IsNan | Unary::IsFinite | Unary::Not => unreachable!("{op:?} gives bools"),
    }
}

fn of_integers<T: Number>(op: &Op, x: &mut [T]) {
    match op {
        Op::Unary(Unary::Neg) => apply(x, T::neg),
        Op::Unary(Unary::Abs) => apply(x, T::abs),
        Op::Unary(Unary::Sign) => apply(x, T::sign),
        Op::Unary(Unary::Square) => apply(x, |x| x.mul(x)),
        Op::Unary(Unary::Relu) => apply(x, |x| x.max(T::ZERO)),
        Op::Unary(Unary::Not) => apply(x, |x| if x == T::ZERO { T::ONE } else { T::ZERO }),
        Op::Unary(Unary::Floor | Unary::Ceil | Unary::Round) => {}
        Op::Clip(c) => clip(c, x),
        _ => unreachable!("the door lets {op:?} have floats only"),
    }
}

fn apply<T: Copy>(x: &mut [T], f: impl Fn(T) -> T) {
    vectorized(Map { x, f });
}

/// For functions of the system's library, of which no vectors can be made.
fn one_by_one<T: Copy>(x: &mut [T], f: fn(T) -> T) {
    for v in x {
        *v = f(*v);
    }
}

fn round_half_even<T: Float>(x: T) -> T {
    let half = T::from(0.5).expect("floats hold 0.5");
    let two = T::one() + T::one();
    let r = x.round();
    if (x - x.trunc()).abs() == half {
        (x / two).round() * two
    } else {
        r
    }
}
