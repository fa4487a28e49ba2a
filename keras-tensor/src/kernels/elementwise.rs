//! Functions of single elements and of pairs of elements.

use num_traits::Float;
use smallvec::SmallVec;

use super::elementary::Elementary;
use super::repeat::{repeated, repeated_in_place, repetition};
use super::shares::{SHARE, for_pairs, for_shares};
use super::simd::{Loop, vectorized, widest};
use super::{elements, layout, with_any, with_float, with_number};
use crate::buffer::Buffer;
use crate::dtype::Element;
use crate::op::{Binary, Fused, Op, Unary};
use crate::{DType, Result, Shape, Tensor};

/// What arithmetic on a type means beyond Rust's own operators.
pub(super) trait Number: Element + Copy + PartialOrd {
    fn add(self, o: Self) -> Self;
    fn sub(self, o: Self) -> Self;
    fn mul(self, o: Self) -> Self;
    fn div(self, o: Self) -> Self;
    fn pow(self, o: Self) -> Self;
    fn rem(self, o: Self) -> Self;
    fn floor_div(self, o: Self) -> Self;
    fn max(self, o: Self) -> Self;
    fn min(self, o: Self) -> Self;
    fn neg(self) -> Self;
    fn abs(self) -> Self;
    fn sign(self) -> Self;
    const ZERO: Self;
    const ONE: Self;
    const LOWEST: Self;
    const HIGHEST: Self;
}

macro_rules! float_number {
    ($($t:ty),*) => {$(
        impl Number for $t {
            #[inline(always)] fn add(self, o: Self) -> Self { self + o }
            #[inline(always)] fn sub(self, o: Self) -> Self { self - o }
            #[inline(always)] fn mul(self, o: Self) -> Self { self * o }
            #[inline(always)] fn div(self, o: Self) -> Self { self / o }
            #[inline(always)] fn pow(self, o: Self) -> Self { self.powf(o) }
            #[inline(always)] fn rem(self, o: Self) -> Self { let r = self % o; if r != 0.0 && (r < 0.0) != (o < 0.0) { r + o } else { r } }
            #[inline(always)] fn floor_div(self, o: Self) -> Self { (self / o).floor() }
            // NaN wins, as in NumPy and TensorFlow.
            #[inline(always)] fn max(self, o: Self) -> Self { if self > o || self.is_nan() { self } else { o } }
            #[inline(always)] fn min(self, o: Self) -> Self { if self < o || self.is_nan() { self } else { o } }
            #[inline(always)] fn neg(self) -> Self { -self }
            #[inline(always)] fn abs(self) -> Self { Float::abs(self) }
            #[inline(always)] fn sign(self) -> Self { if self > 0.0 { 1.0 } else if self < 0.0 { -1.0 } else { self } }
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const LOWEST: Self = Self::NEG_INFINITY;
            const HIGHEST: Self = Self::INFINITY;
        }
    )*};
}
float_number!(f32, f64);

macro_rules! integer_number {
    ($($t:ty),*) => {$(
        impl Number for $t {
            #[inline(always)] fn add(self, o: Self) -> Self { self.wrapping_add(o) }
            #[inline(always)] fn sub(self, o: Self) -> Self { self.wrapping_sub(o) }
            #[inline(always)] fn mul(self, o: Self) -> Self { self.wrapping_mul(o) }
            // Division by zero gives 0: there is no NaN to give.
            #[inline(always)] fn div(self, o: Self) -> Self { self.checked_div(o).unwrap_or(0) }
            #[inline(always)] fn pow(self, o: Self) -> Self { integer_power(self, o.to_i64()) }
            #[inline(always)] fn rem(self, o: Self) -> Self {
                let r = self.checked_rem(o).unwrap_or(0);
                if r != 0 && (r < Self::ZERO) != (o < Self::ZERO) { r.wrapping_add(o) } else { r }
            }
            #[inline(always)] fn floor_div(self, o: Self) -> Self {
                let q = Number::div(self, o);
                let r = self.checked_rem(o).unwrap_or(0);
                if r != 0 && (r < Self::ZERO) != (o < Self::ZERO) { q.wrapping_sub(1) } else { q }
            }
            #[inline(always)] fn max(self, o: Self) -> Self { Ord::max(self, o) }
            #[inline(always)] fn min(self, o: Self) -> Self { Ord::min(self, o) }
            #[inline(always)] fn neg(self) -> Self { self.wrapping_neg() }
            #[inline(always)] fn abs(self) -> Self { if self < Self::ZERO { self.wrapping_neg() } else { self } }
            #[inline(always)] fn sign(self) -> Self { if self > Self::ZERO { 1 } else if self < Self::ZERO { (0 as $t).wrapping_sub(1) } else { 0 } }
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const LOWEST: Self = <$t>::MIN;
            const HIGHEST: Self = <$t>::MAX;
        }
    )*};
}
integer_number!(i32, i64, u8);

fn integer_power<T: Number>(base: T, exponent: i64) -> T {
    if exponent < 0 {
        return if base == T::ONE { T::ONE } else { T::ZERO };
    }
    let mut result = T::ONE;
    let mut factor = base;
    let mut e = exponent;
    while e > 0 {
        if e % 2 == 1 {
            result = Number::mul(result, factor);
        }
        factor = Number::mul(factor, factor);
        e /= 2;
    }
    result
}

struct Map<'a, T, U, F> {
    x: &'a [T],
    out: &'a mut [U],
    f: F,
}

impl<T: Copy, U, F: Fn(T) -> U> Loop for Map<'_, T, U, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (o, &x) in self.out.iter_mut().zip(self.x) {
            *o = (self.f)(x);
        }
    }
}

struct MapInPlace<'a, T, F> {
    x: &'a mut [T],
    f: F,
}

impl<T: Copy, F: Fn(T) -> T> Loop for MapInPlace<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for x in self.x.iter_mut() {
            *x = (self.f)(*x);
        }
    }
}

struct Zip<'a, T, U, F> {
    a: &'a [T],
    b: &'a [T],
    out: &'a mut [U],
    f: F,
}

impl<T: Copy, U, F: Fn(T, T) -> U> Loop for Zip<'_, T, U, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for ((o, &a), &b) in self.out.iter_mut().zip(self.a).zip(self.b) {
            *o = (self.f)(a, b);
        }
    }
}

struct ZipInPlace<'a, T, F> {
    a: &'a mut [T],
    b: &'a [T],
    f: F,
}

impl<T: Copy, F: Fn(T, T) -> T> Loop for ZipInPlace<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (a, &b) in self.a.iter_mut().zip(self.b) {
            *a = (self.f)(*a, b);
        }
    }
}

fn map<T: Element, U: Element>(
    x: &Tensor,
    dtype: DType,
    f: impl Fn(T) -> U + Copy + Sync,
) -> Result<Tensor> {
    let x_ = x.raw::<T>();
    Tensor::build(dtype, x.shape().clone(), |out| {
        for_pairs(out, x_, |out, x| vectorized(Map { x, out, f }));
    })
}

fn zip<T: Element, U: Element>(
    a: &Tensor,
    b: &Tensor,
    dtype: DType,
    shape: Shape,
    f: impl Fn(T, T) -> U + Copy + Sync,
) -> Result<Tensor> {
    let size = shape.size();
    if size == 0 {
        return Tensor::build(dtype, shape, |_: &mut [U]| {});
    }
    if a.size() == size && b.size() == 1 {
        let y = b.raw::<T>()[0];
        return map_shaped(a, dtype, shape, move |x| f(x, y));
    }
    if b.size() == size && a.size() == 1 {
        let x = a.raw::<T>()[0];
        return map_shaped(b, dtype, shape, move |y| f(x, y));
    }
    if a.size() == size && b.size() == size {
        let (a, b) = (a.raw::<T>(), b.raw::<T>());
        return Tensor::build(dtype, shape, |out| {
            for_shares(out, SHARE, &|start, out| {
                let part = start..start + out.len();
                let (a, b) = (&a[part.clone()], &b[part]);
                vectorized(Zip { a, b, out, f });
            });
        });
    }
    if a.size() == size
        && let Some(inner) = repetition(&shape, b.shape())
    {
        let (a, b) = (a.raw::<T>(), b.raw::<T>());
        return Tensor::build(dtype, shape, |out| repeated(a, b, inner, out, f));
    }
    if b.size() == size
        && let Some(inner) = repetition(&shape, a.shape())
    {
        let (a, b) = (b.raw::<T>(), a.raw::<T>());
        let f = move |y, x| f(x, y);
        return Tensor::build(dtype, shape, |out| repeated(a, b, inner, out, f));
    }
    let a = layout::broadcast(a, shape.clone())?;
    let b = layout::broadcast(b, shape.clone())?;
    zip(&a, &b, dtype, shape, f)
}

fn map_shaped<T: Element, U: Element>(
    x: &Tensor,
    dtype: DType,
    shape: Shape,
    f: impl Fn(T) -> U + Copy + Sync,
) -> Result<Tensor> {
    if *x.shape() == shape {
        map(x, dtype, f)
    } else {
        map(&x.viewed(shape), dtype, f)
    }
}

/// Where a function of elements writes: a new tensor, or over its first operand.
trait Target<T: Element> {
    fn apply(self, f: impl Fn(T) -> T + Copy + Sync) -> Result<Option<Tensor>>;
}

struct Fresh<'a>(&'a Tensor);
struct Over<'a, T>(&'a mut [T]);

impl<T: Element> Target<T> for Fresh<'_> {
    fn apply(self, f: impl Fn(T) -> T + Copy + Sync) -> Result<Option<Tensor>> {
        map(self.0, self.0.dtype(), f).map(Some)
    }
}

impl<T: Element> Target<T> for Over<'_, T> {
    fn apply(self, f: impl Fn(T) -> T + Copy + Sync) -> Result<Option<Tensor>> {
        for_shares(self.0, SHARE, &|_, x| vectorized(MapInPlace { x, f }));
        Ok(None)
    }
}

/// A function of each element, into a new tensor.
pub(super) fn unary(op: &Op, x: &Tensor, dtype: DType) -> Result<Tensor> {
    match op {
        Op::Unary(Unary::Not) => map(x, dtype, |v: u8| (v == 0) as u8),
        Op::Unary(u @ (Unary::IsNan | Unary::IsFinite)) => {
            let nan = *u == Unary::IsNan;
            with_any!(x.dtype(), T => map(x, dtype, move |v: T| {
                let v = v.to_f64();
                (if nan { v.is_nan() } else { v.is_finite() }) as u8
            }))
        }
        Op::Unary(u) if x.dtype().is_float() => {
            with_float!(x.dtype(), T => float_unary::<T>(*u, Fresh(x)))
                .map(|t| t.expect("a fresh target makes a tensor"))
        }
        Op::Unary(u) => with_number!(x.dtype(), T => integer_unary::<T>(*u, Fresh(x)))
            .map(|t| t.expect("a fresh target makes a tensor")),
        Op::Clip(c) => with_number!(x.dtype(), T => {
            let (low, high) = (T::from_f64(c.min), T::from_f64(c.max));
            map(x, dtype, move |v: T| Number::min(Number::max(v, low), high))
        }),
        _ => unreachable!("only functions of one element come here"),
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
        Op::Unary(u) if dtype.is_float() => {
            with_float!(dtype, T => float_unary::<T>(*u, Over(elements::<T>(memory, size))))?;
        }
        // Only bools come here: the result has the operand's dtype.
        Op::Unary(u @ (Unary::IsNan | Unary::IsFinite)) => {
            elements::<u8>(memory, size).fill((*u == Unary::IsFinite) as u8);
        }
        Op::Unary(Unary::Not) => {
            vectorized(MapInPlace {
                x: elements::<u8>(memory, size),
                f: |v| (v == 0) as u8,
            });
        }
        Op::Unary(u) => {
            with_number!(dtype, T => integer_unary::<T>(*u, Over(elements::<T>(memory, size))))?;
        }
        Op::Clip(c) => with_number!(dtype, T => {
            let (low, high) = (T::from_f64(c.min), T::from_f64(c.max));
            vectorized(MapInPlace {
                x: elements::<T>(memory, size),
                f: move |v: T| Number::min(Number::max(v, low), high),
            })
        }),
        Op::ActivationGrad(a) => with_float!(dtype, T => {
            let (a_, b) = (elements::<T>(memory, size), other().raw::<T>());
            match a {
                Fused::Linear => {}
                Fused::Relu => Second::Each(b).over(a_, relu_grad),
                Fused::Relu6 => Second::Each(b).over(a_, relu6_grad),
                Fused::Sigmoid => Second::Each(b).over(a_, sigmoid_grad),
                Fused::Tanh => Second::Each(b).over(a_, tanh_grad),
            }
        }),
        Op::Binary(b) => with_number!(dtype, T => {
            let (b_, whole) = (other(), elements::<T>(memory, size));
            let broadcast;
            let second = match repetition(shape, b_.shape()) {
                _ if b_.size() == size => Second::Each(b_.raw::<T>()),
                _ if b_.size() == 1 => Second::One(b_.raw::<T>()[0]),
                Some(inner) => Second::Repeated(b_.raw::<T>(), inner),
                None => {
                    broadcast = layout::broadcast(b_, shape.clone())?;
                    Second::Each(broadcast.raw::<T>())
                }
            };
            binary_in_place(*b, whole, &second);
        }),
        _ => unreachable!("only element-wise ops come here"),
    }
    Ok(())
}

/// The second operand of a function that writes over its first.
enum Second<'a, T> {
    Each(&'a [T]),
    One(T),
    /// As [`repetition`] tells.
    Repeated(&'a [T], usize),
}

impl<T: Element> Second<'_, T> {
    fn over(&self, a: &mut [T], f: impl Fn(T, T) -> T + Copy + Sync) {
        match *self {
            Second::Each(b) => for_shares(a, SHARE, &|start, a| {
                let b = &b[start..start + a.len()];
                vectorized(ZipInPlace { a, b, f });
            }),
            Second::One(y) => for_shares(a, SHARE, &|_, x| {
                vectorized(MapInPlace { x, f: |x| f(x, y) });
            }),
            Second::Repeated(b, inner) => repeated_in_place(a, b, inner, f),
        }
    }
}

fn binary_in_place<T: Number>(op: Binary, a: &mut [T], b: &Second<T>) {
    match op {
        Binary::Add => b.over(a, T::add),
        Binary::Sub => b.over(a, T::sub),
        Binary::Mul => b.over(a, T::mul),
        Binary::Div => b.over(a, T::div),
        Binary::Pow => b.over(a, T::pow),
        Binary::Max => b.over(a, T::max),
        Binary::Min => b.over(a, T::min),
        Binary::Mod => b.over(a, T::rem),
        Binary::FloorDiv => b.over(a, T::floor_div),
        Binary::Equal
        | Binary::NotEqual
        | Binary::Less
        | Binary::LessEqual
        | Binary::Greater
        | Binary::GreaterEqual
        | Binary::And
        | Binary::Or
        | Binary::Xor => {
            // Only bools come here: the result has the operands' dtype.
            let truth = |t: bool| if t { T::ONE } else { T::ZERO };
            let f = predicate::<T>(op);
            b.over(a, move |x, y| truth(f(x, y)));
        }
    }
}

fn predicate<T: Number>(op: Binary) -> fn(T, T) -> bool {
    match op {
        Binary::Equal => |a, b| a == b,
        Binary::NotEqual => |a, b| a != b,
        Binary::Less => |a, b| a < b,
        Binary::LessEqual => |a, b| a <= b,
        Binary::Greater => |a, b| a > b,
        Binary::GreaterEqual => |a, b| a >= b,
        Binary::And => |a, b| a != T::ZERO && b != T::ZERO,
        Binary::Or => |a, b| a != T::ZERO || b != T::ZERO,
        Binary::Xor => |a, b| (a != T::ZERO) != (b != T::ZERO),
        _ => unreachable!("{op:?} gives numbers"),
    }
}

/// A function of pairs of elements, broadcast.
pub(super) fn binary(
    op: Binary,
    a: &Tensor,
    b: &Tensor,
    dtype: DType,
    shape: Shape,
) -> Result<Tensor> {
    with_number!(a.dtype(), T => {
        let truth = |t: bool| t as u8;
        match op {
            Binary::Add => zip(a, b, dtype, shape, <T as Number>::add),
            Binary::Sub => zip(a, b, dtype, shape, <T as Number>::sub),
            Binary::Mul => zip(a, b, dtype, shape, <T as Number>::mul),
            Binary::Div => zip(a, b, dtype, shape, <T as Number>::div),
            Binary::Pow => zip(a, b, dtype, shape, <T as Number>::pow),
            Binary::Max => zip(a, b, dtype, shape, <T as Number>::max),
            Binary::Min => zip(a, b, dtype, shape, <T as Number>::min),
            Binary::Mod => zip(a, b, dtype, shape, <T as Number>::rem),
            Binary::FloorDiv => zip(a, b, dtype, shape, <T as Number>::floor_div),
            Binary::Equal => zip(a, b, dtype, shape, move |x: T, y: T| truth(x == y)),
            Binary::Greater => zip(a, b, dtype, shape, move |x: T, y: T| truth(x > y)),
            Binary::NotEqual
            | Binary::Less
            | Binary::LessEqual
            | Binary::GreaterEqual
            | Binary::And
            | Binary::Or
            | Binary::Xor => {
                let f = predicate::<T>(op);
                zip(a, b, dtype, shape, move |x: T, y: T| truth(f(x, y)))
            }
        }
    })
}

fn float_unary<T: Element + Number + Float + Elementary>(
    op: Unary,
    target: impl Target<T>,
) -> Result<Option<Tensor>> {
    match op {
        Unary::Neg => target.apply(<T as Number>::neg),
        Unary::Abs => target.apply(<T as Number>::abs),
        Unary::Sign => target.apply(<T as Number>::sign),
        Unary::Square => target.apply(|x| x * x),
        Unary::Sqrt => target.apply(Float::sqrt),
        Unary::Rsqrt => target.apply(|x| T::one() / x.sqrt()),
        Unary::Reciprocal => target.apply(|x| T::one() / x),
        Unary::Exp => target.apply(Elementary::exp),
        Unary::Expm1 => target.apply(Float::exp_m1),
        Unary::Log => target.apply(Float::ln),
        Unary::Log1p => target.apply(Float::ln_1p),
        Unary::Sin => target.apply(Float::sin),
        Unary::Cos => target.apply(Float::cos),
        Unary::Tan => target.apply(Float::tan),
        Unary::Asin => target.apply(Float::asin),
        Unary::Acos => target.apply(Float::acos),
        Unary::Atan => target.apply(Float::atan),
        Unary::Sinh => target.apply(Float::sinh),
        Unary::Cosh => target.apply(Float::cosh),
        Unary::Tanh => target.apply(Elementary::tanh),
        Unary::Sigmoid => target.apply(Elementary::sigmoid),
        Unary::Relu => target.apply(|x| Number::max(x, T::ZERO)),
        Unary::Softplus => target.apply(Elementary::softplus),
        Unary::Erf => target.apply(Elementary::erf),
        Unary::Floor => target.apply(Float::floor),
        Unary::Ceil => target.apply(Float::ceil),
        Unary::Round => target.apply(round_half_even),
        Unary::IsNan | Unary::IsFinite | Unary::Not => unreachable!("{op:?} gives bools"),
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

fn integer_unary<T: Element + Number>(op: Unary, target: impl Target<T>) -> Result<Option<Tensor>> {
    match op {
        Unary::Neg => target.apply(T::neg),
        Unary::Abs => target.apply(T::abs),
        Unary::Sign => target.apply(T::sign),
        Unary::Square => target.apply(|x| x.mul(x)),
        Unary::Relu => target.apply(|x| x.max(T::ZERO)),
        Unary::Floor | Unary::Ceil | Unary::Round => target.apply(|x| x),
        _ => unreachable!("the door lets {op:?} have floats only"),
    }
}

#[inline(always)]
fn relu_grad<T: Number>(g: T, y: T) -> T {
    if y > T::ZERO { g } else { T::ZERO }
}

#[inline(always)]
fn relu6_grad<T: Number>(g: T, y: T) -> T {
    if y > T::ZERO && y < T::from_f64(6.0) {
        g
    } else {
        T::ZERO
    }
}

#[inline(always)]
fn sigmoid_grad<T: Number>(g: T, y: T) -> T {
    g.mul(y.mul(T::ONE.sub(y)))
}

#[inline(always)]
fn tanh_grad<T: Number>(g: T, y: T) -> T {
    g.mul(T::ONE.sub(y.mul(y)))
}

/// The outer gradient through an activation whose output is `y`.
pub(super) fn activation_grad(activation: Fused, g: &Tensor, y: &Tensor) -> Result<Tensor> {
    let (dtype, shape) = (g.dtype(), g.shape().clone());
    with_float!(dtype, T => match activation {
        Fused::Linear => Ok(g.viewed(shape)),
        Fused::Relu => zip(g, y, dtype, shape, relu_grad::<T>),
        Fused::Relu6 => zip(g, y, dtype, shape, relu6_grad::<T>),
        Fused::Sigmoid => zip(g, y, dtype, shape, sigmoid_grad::<T>),
        Fused::Tanh => zip(g, y, dtype, shape, tanh_grad::<T>),
    })
}

/// Applies an activation to a kernel's own result.
pub(super) fn activate<T: Element + Number + Float + Elementary>(activation: Fused, x: &mut [T]) {
    match activation {
        Fused::Linear => {}
        Fused::Relu => vectorized(MapInPlace {
            x,
            f: |v| Number::max(v, T::ZERO),
        }),
        Fused::Relu6 => vectorized(MapInPlace {
            x,
            f: |v| Number::min(Number::max(v, T::ZERO), T::from_f64(6.0)),
        }),
        Fused::Sigmoid => widest(MapInPlace {
            x,
            f: Elementary::sigmoid,
        }),
        Fused::Tanh => widest(MapInPlace {
            x,
            f: Elementary::tanh,
        }),
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
